#include "probe/ledger.h"

#include <string.h>

#include "base/mem.h"
#include "probe/ledger_parts.h"

/* ------------------------------------------------------------------ maps ---- */

static uint32_t hash_more(uint32_t hash, const char *string)
{
    for (; *string; string++)
        hash = (hash ^ (unsigned char)*string) * 16777619u; /* FNV-1a */
    return (hash ^ 0xFFu) * 16777619u; /* where one string ends and the next begins */
}

static struct node **map_chain(const struct map *map, uint32_t hash)
{
    return &map->chains[(hash ^ hash >> 15) & (map->room - 1)];
}

static void map_grow(struct map *map)
{
    struct map larger = {.room = map->room ? 2 * map->room : 64, .count = map->count};
    larger.chains = mem_array(larger.room, sizeof(struct node *));
    for (size_t i = 0; i < map->room; i++) {
        for (struct node *node = map->chains[i], *next; node; node = next) {
            struct node **chain = map_chain(&larger, node->hash);
            next = node->next;
            node->next = *chain;
            *chain = node;
        }
    }
    free(map->chains);
    *map = larger;
}

static void map_add(struct map *map, struct node *node, uint32_t hash)
{
    if (map->count == map->room)
        map_grow(map);
    struct node **chain = map_chain(map, hash);
    node->hash = hash;
    node->next = *chain;
    *chain = node;
    map->count++;
}

static void map_remove(struct map *map, struct node *node)
{
    struct node **link = map_chain(map, node->hash);
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    map->count--;
}

/* ----------------------------------------------------- books and entries ---- */

struct ledger *ledger_create(void)
{
    struct ledger *ledger = mem_new(sizeof(*ledger));
    map_grow(&ledger->books);
    map_grow(&ledger->entries);
    list_init(&ledger->changed);
    list_init(&ledger->going);
    return ledger;
}

static struct book *find_book(const struct ledger *ledger, uint32_t hash, const char *target,
                              const char *name)
{
    for (struct node *node = *map_chain(&ledger->books, hash); node; node = node->next) {
        struct book *book = container_of(node, struct book, node);
        if (node->hash == hash && strcmp(book->names, target) == 0 && strcmp(book->name, name) == 0)
            return book;
    }
    return NULL;
}

static uint32_t hash_of_book(const char *target, const char *name)
{
    return hash_more(hash_more(2166136261u, target), name);
}

struct book *ledger_book(const struct ledger *ledger, const char *target, const char *name)
{
    return find_book(ledger, hash_of_book(target, name), target, name);
}

static struct book *open_book(struct ledger *ledger, const char *target, const char *name)
{
    uint32_t hash = hash_of_book(target, name);
    struct book *book = find_book(ledger, hash, target, name);
    if (book)
        return book;
    size_t target_len = strlen(target) + 1, name_len = strlen(name) + 1;
    book = mem_new(sizeof(*book) + target_len + name_len);
    memcpy(book->names, target, target_len);
    book->name = memcpy(book->names + target_len, name, name_len);
    book->ledger = ledger;
    list_init(&book->entries);
    map_add(&ledger->books, &book->node, hash);
    return book;
}

static uint32_t hash_of_entry(const struct book *book, const char *subject)
{
    return subject ? hash_more(book->node.hash, subject) : book->node.hash;
}

static struct ledger_entry *find_entry(const struct book *book, const char *subject)
{
    uint32_t hash = hash_of_entry(book, subject);
    for (struct node *node = *map_chain(&book->ledger->entries, hash); node; node = node->next) {
        struct ledger_entry *entry = container_of(node, struct ledger_entry, node);
        if (node->hash == hash && entry->book == book && entry->whole == !subject &&
            (!subject || strcmp(entry->subject, subject) == 0))
            return entry;
    }
    return NULL;
}

struct ledger_entry *ledger_entry(struct ledger *ledger, const char *target, const char *name,
                                  const char *subject)
{
    struct book *book = open_book(ledger, target, name);
    struct ledger_entry *entry = find_entry(book, subject);
    if (entry || book->count == LEDGER_MOST_SUBJECTS)
        return entry;
    size_t len = subject ? strlen(subject) : 0;
    entry = mem_new(sizeof(*entry) + len + 1);
    if (subject)
        memcpy(entry->subject, subject, len);
    entry->whole = !subject;
    entry->book = book;
    list_init(&entry->changed);
    list_add(&book->entries, &entry->link);
    map_add(&ledger->entries, &entry->node, hash_of_entry(book, subject));
    book->count++;
    ledger->tally[PROBE_GRADED]++;
    return entry;
}

static void drop_entry(struct ledger_entry *entry)
{
    struct book *book = entry->book;
    book->ledger->tally[entry->standing.status]--;
    book->count--;
    map_remove(&book->ledger->entries, &entry->node);
    list_remove(&entry->link);
    list_remove(&entry->changed);
    if (entry->id)
        ledger_end_kept(book->ledger, entry->id);
    ledger_attach(entry, NULL, NULL);
    free(entry->counters);
    free(entry);
}

static void drop_book_if_empty(struct book *book)
{
    if (book->count)
        return;
    map_remove(&book->ledger->books, &book->node);
    free(book);
}

void ledger_destroy(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; i < ledger->books.room; i++) {
        for (struct node *node = ledger->books.chains[i], *next; node; node = next) {
            struct book *book = container_of(node, struct book, node);
            struct ledger_entry *entry;
            next = node->next;
            list_for_each(entry, &book->entries, struct ledger_entry, link)
                drop_entry(entry);
            free(book);
        }
    }
    free(ledger->books.chains);
    free(ledger->entries.chains);
    free(ledger->ended);
    free(ledger);
}

enum probe_status ledger_status(const struct ledger_entry *entry)
{
    return entry->standing.status;
}

enum probe_status ledger_worst(const struct ledger *ledger, const char *target, const char *name)
{
    static const int badness[] = {
        [PROBE_OK] = 1, [PROBE_UNKNOWN] = 2, [PROBE_WARNING] = 3, [PROBE_CRITICAL] = 4};
    struct book *book = ledger_book(ledger, target, name);
    enum probe_status worst = PROBE_GRADED;
    struct ledger_entry *entry;
    if (!book)
        return worst;
    list_for_each(entry, &book->entries, struct ledger_entry, link) {
        if (badness[entry->standing.status] > badness[worst])
            worst = entry->standing.status;
    }
    return worst;
}

void ledger_tally(const struct ledger *ledger, unsigned count[PROBE_UNKNOWN + 1])
{
    memcpy(count, ledger->tally, sizeof(ledger->tally));
}

struct ledger_report ledger_take(struct ledger_entry *entry, const struct ledger_rules *rules,
                                 const struct ledger_sample *sample, struct ledger_clock clock)
{
    unsigned *tally = entry->book->ledger->tally;
    tally[entry->standing.status]--;
    struct ledger_report report = standing_take(&entry->standing, rules, sample, clock);
    tally[entry->standing.status]++;
    entry->sampled = true;
    ledger_note(entry, report.goes_on);
    return report;
}

/* -------------------------------------------------------------- counters ---- */

/* What was counted from `last` to `now`; a counter that went down began anew. */
static struct value grown(const struct value *now, const struct value *last)
{
    struct value delta = {.kind = VALUE_INTEGER};
    if (now->kind == VALUE_INTEGER && last->kind == VALUE_INTEGER) {
        if (now->is.integer < last->is.integer)
            return *now;
        if (!__builtin_sub_overflow(now->is.integer, last->is.integer, &delta.is.integer))
            return delta;
    }
    double to = value_number(now), from = value_number(last);
    delta.kind = VALUE_REAL;
    delta.is.real = to < from ? to : to - from;
    return delta;
}

struct counters *ledger_counters(struct ledger_entry *entry, const struct measures *measures)
{
    size_t count = (measures->count - measures->declared) / 2;
    if (entry->counters && entry->counters->of != measures) {
        free(entry->counters); /* the name stands for another kind of check since a reload */
        entry->counters = NULL;
    }
    if (!entry->counters) {
        entry->counters =
            mem_new(sizeof(*entry->counters) + count * sizeof(entry->counters->last[0]));
        entry->counters->of = measures;
    }
    return entry->counters;
}

void ledger_count(struct ledger_entry *entry, const struct measures *measures, struct value *values,
                  struct ledger_clock clock)
{
    int64_t now_ms = (int64_t)clock.now_ms;
    if (measures->count == measures->declared)
        return;
    struct counters *counters = ledger_counters(entry, measures);
    for (size_t slot = measures->declared, i = 0; slot < measures->count; slot += 2, i++) {
        const struct value *now = &values[measures->slots[slot].counter];
        struct value *last = &counters->last[i].value;
        int64_t ms = now_ms - counters->last[i].at_ms;
        if (now->kind != VALUE_INTEGER && now->kind != VALUE_REAL)
            continue;
        if (last->kind != VALUE_ABSENT) {
            values[slot] = grown(now, last);
            if (ms > 0)
                values[slot + 1] = (struct value){
                    VALUE_REAL, {.real = value_number(&values[slot]) * 1000 / (double)ms}};
        }
        *last = *now;
        counters->last[i].at_ms = now_ms;
    }
}

/* ------------------------------------------------------------------ ends ---- */

/* Says that an entry is over, where it was ever said that it began, and drops it. */
static void end_entry(struct ledger_entry *entry, const char *reason, struct ledger_clock clock,
                      ledger_gone_fn *gone, void *data)
{
    const struct ledger_report report = {
        .reason = reason,
        .status = PROBE_OK,
        .previous = entry->standing.status,
        .since_wall_ms = clock.wall_ms,
        .changed_wall_ms = clock.wall_ms,
    };
    if (entry->standing.status && gone)
        gone(entry->whole ? NULL : entry->subject, &report, data);
    drop_entry(entry);
}

void ledger_finish_run(struct ledger *ledger, const char *target, const char *name,
                       struct ledger_clock clock, ledger_gone_fn *gone, void *data)
{
    struct book *book = ledger_book(ledger, target, name);
    struct ledger_entry *entry;
    if (!book)
        return;
    list_for_each(entry, &book->entries, struct ledger_entry, link) {
        entry->absent = entry->sampled ? 0 : entry->absent + 1;
        entry->sampled = false;
        if (entry->absent == 2)
            end_entry(entry, "gone", clock, gone, data);
    }
    drop_book_if_empty(book);
}

void ledger_forget(struct ledger *ledger, const char *target, const char *name, const char *subject,
                   bool all, const char *reason, struct ledger_clock clock, ledger_gone_fn *gone,
                   void *data)
{
    struct book *book = ledger_book(ledger, target, name);
    struct ledger_entry *entry;
    if (!book)
        return;
    if (all) {
        list_for_each(entry, &book->entries, struct ledger_entry, link)
            end_entry(entry, reason, clock, gone, data);
    } else if ((entry = find_entry(book, subject))) {
        end_entry(entry, reason, clock, gone, data);
    }
    drop_book_if_empty(book);
}
