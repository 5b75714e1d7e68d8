/* ledger_kept - what of a ledger survives the process: part of probe/ledger. */
#include <string.h>

#include "base/mem.h"
#include "probe/ledger_parts.h"
#include "probe/tape.h"

enum { LONGEST_KEPT = 64 * 1024 };

/* ------------------------------------------------------------ counters ---- */

/* A century: what is read may be anything, and must not overflow. */
static int64_t bounded(int64_t ms)
{
    static const int64_t longest_ms = INT64_C(100) * 366 * 86400 * 1000;
    return ms < -longest_ms || ms > longest_ms ? 0 : ms;
}

/* One counter, both ways: its name, its value, and when it was read. */
static void go_through(struct tape *tape, const char **name, size_t *name_len, struct value *value,
                       int64_t *at_ms, int64_t now_ms)
{
    int64_t bits = value->is.integer;
    *name = tape_bytes(tape, *name, name_len);
    value->kind = (enum value_kind)tape_number(tape, value->kind);
    if (value->kind == VALUE_REAL)
        memcpy(&bits, &value->is.real, sizeof(bits));
    bits = tape_number(tape, bits);
    if (value->kind == VALUE_REAL)
        memcpy(&value->is.real, &bits, sizeof(bits));
    else
        value->is.integer = bits;
    *at_ms = now_ms - bounded(tape_number(tape, now_ms - *at_ms));
}

static const char *counter_name(const struct measures *measures, size_t counter)
{
    size_t slot = measures->declared + 2 * counter;
    return measures->slots[measures->slots[slot].counter].name;
}

static size_t count_counters(const struct measures *measures)
{
    return measures ? (measures->count - measures->declared) / 2 : 0;
}

static void pack_counters(const struct ledger_entry *entry, int64_t now_ms, struct text *out)
{
    const struct counters *counters = entry->counters;
    struct tape tape = {.out = out};
    for (size_t i = 0; counters && i < count_counters(counters->of); i++) {
        struct value value = counters->last[i].value;
        const char *name = counter_name(counters->of, i);
        size_t len = strlen(name);
        int64_t at_ms = counters->last[i].at_ms;
        if (value.kind == VALUE_INTEGER || value.kind == VALUE_REAL)
            go_through(&tape, &name, &len, &value, &at_ms, now_ms);
    }
}

static void unpack_counters(struct ledger_entry *entry, const struct measures *measures,
                            int64_t now_ms, const struct text *packed)
{
    struct tape tape = {.at = packed->bytes, .end = packed->bytes + packed->len};
    while (count_counters(measures) && tape.at < tape.end) {
        const char *name = NULL;
        size_t len = 0;
        struct value value = {.kind = VALUE_ABSENT};
        int64_t at_ms = 0;
        struct counters *counters = ledger_counters(entry, measures);
        go_through(&tape, &name, &len, &value, &at_ms, now_ms);
        for (size_t i = 0; i < count_counters(measures); i++) {
            const char *known = counter_name(measures, i);
            if ((value.kind == VALUE_INTEGER || value.kind == VALUE_REAL) && strlen(known) == len &&
                memcmp(known, name, len) == 0) {
                counters->last[i].value = value;
                counters->last[i].at_ms = at_ms;
            }
        }
    }
}

/* -------------------------------------------------------- what to keep ---- */

void ledger_set_next_id(struct ledger *ledger, uint64_t id)
{
    ledger->next_id = id;
}

/* All but its id. */
static void pack(const struct ledger_entry *entry, struct ledger_clock clock,
                 struct ledger_kept *kept)
{
    kept->target = entry->book->names;
    kept->name = entry->book->name;
    kept->subject = entry->whole ? NULL : entry->subject;
    standing_pack(&entry->standing, (int64_t)clock.now_ms, kept->standing);
    pack_counters(entry, (int64_t)clock.now_ms, kept->counters);
}

void ledger_each_kept(const struct ledger *ledger, const char *target, const char *name,
                      struct ledger_clock clock, ledger_kept_fn *fn, void *data)
{
    struct book *book = ledger_book(ledger, target, name);
    struct ledger_entry *entry;
    if (!book)
        return;
    list_for_each(entry, &book->entries, struct ledger_entry, link) {
        struct text TEXT_AUTO standing;
        struct text TEXT_AUTO counters;
        struct ledger_kept kept = {.standing = &standing, .counters = &counters};
        text_init(&standing, LONGEST_KEPT);
        text_init(&counters, LONGEST_KEPT);
        pack(entry, clock, &kept);
        fn(&kept, entry->standing.status, data);
    }
}

bool ledger_take_changed(struct ledger *ledger, struct ledger_clock clock, struct ledger_kept *kept)
{
    if (list_empty(&ledger->changed))
        return false;
    struct ledger_entry *entry = list_first(&ledger->changed, struct ledger_entry, changed);
    list_remove(&entry->changed);
    if (!entry->id)
        entry->id = ++ledger->next_id;
    kept->id = entry->id;
    entry->standing.edition++;
    ledger_note_kept(entry, (int64_t)clock.now_ms);
    pack(entry, clock, kept);
    return true;
}

void ledger_change_all(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->entries.room; i++) {
        for (struct node *node = ledger->entries.chains[i]; node; node = node->next) {
            struct ledger_entry *entry = container_of(node, struct ledger_entry, node);
            ledger_note(entry, false);
        }
    }
}

void ledger_end_kept(struct ledger *ledger, uint64_t id)
{
    if (ledger->ended_count == ledger->ended_room) {
        ledger->ended_room = ledger->ended_room ? 2 * ledger->ended_room : 64;
        ledger->ended = mem_resize(ledger->ended, ledger->ended_room * sizeof(*ledger->ended));
    }
    ledger->ended[ledger->ended_count++] = id;
}

size_t ledger_take_ended(struct ledger *ledger, uint64_t *ids, size_t room)
{
    size_t count = ledger->ended_count < room ? ledger->ended_count : room;
    ledger->ended_count -= count;
    for (size_t i = 0; i < count; i++)
        ids[i] = ledger->ended[ledger->ended_count + i];
    return count;
}

/* -------------------------------------------------------- what was kept ---- */

enum probe_status ledger_kept_status(const struct text *standing)
{
    struct standing there;
    return standing_unpack(&there, 0, standing) ? there.status : PROBE_GRADED;
}

enum probe_status ledger_restore(struct ledger *ledger, const struct ledger_kept *kept,
                                 const struct measures *measures, struct ledger_clock clock,
                                 int64_t passed_ms, bool anew)
{
    int64_t then_ms = (int64_t)clock.now_ms - passed_ms;
    struct standing standing;
    struct ledger_entry *entry = NULL;
    if (standing_unpack(&standing, then_ms, kept->standing)) {
        if (anew)
            standing_begin_anew(&standing);
        if (!anew || standing.status)
            entry = ledger_entry(ledger, kept->target, kept->name, kept->subject);
    }
    if (!entry || entry->id || entry->sampled) {
        ledger_end_kept(ledger, kept->id);
        return PROBE_GRADED;
    }
    standing_go_on(&standing, kept->streak.samples);
    ledger->tally[entry->standing.status]--;
    entry->standing = standing;
    ledger->tally[entry->standing.status]++;
    entry->id = kept->id;
    entry->stands = kept->id && !anew;
    entry->samples = kept->streak.samples;
    entry->kept_ms = then_ms;
    entry->taken_ms = (int64_t)clock.now_ms - kept->streak.age_ms;
    if (!anew)
        unpack_counters(entry, measures, then_ms, kept->counters);
    return standing.status;
}
