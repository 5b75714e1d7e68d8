#include "probe/keep.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "io/loop.h"
#include "probe/keep_parts.h"

enum {
    WRITE_EVERY_MS = 1000,
    TRY_AGAIN_MS = 10000,
    FRESH_INTERVALS = 3,
    LONGEST_PACKED = 4096,
    MOST_STREAKS = 60 /* batches of them, until all are written anew */
};

/* A check that is configured; sorted by names. */
struct known {
    const struct config_target *target;
    const struct config_check *check;
};

struct keep {
    struct loop *loop;
    struct ledger *ledger;
    struct schedule *schedule; /* NULL: not begun, or gone */
    struct store *store;
    char *folder;
    struct config *config; /* held, since `known` points into it */
    struct known *known;
    size_t known_count;
    struct list rows, kept_notes; /* as they were read, until a configuration is in force */
    struct list notes;            /* to be written */
    struct timer due;
    unsigned streaks; /* batches of them since all were written; zero: they never were */
    bool writing, closing;
    int broken; /* why the last batch was not written; zero: it was */
    keep_news_fn *fn;
    void *data;
};

static struct ledger_clock clock_of(const struct keep *keep)
{
    return (struct ledger_clock){loop_now_us(keep->loop) / 1000u, loop_wall_ms(keep->loop)};
}

/* --------------------------------------------------- what is configured ---- */

static int compare(const void *a, const void *b)
{
    const struct known *one = a, *other = b;
    int order = strcmp(one->target->name, other->target->name);
    return order ? order : strcmp(one->check->name, other->check->name);
}

static const struct known *find(const struct keep *keep, const char *target, const char *name)
{
    const struct config_target sought_target = {.name = target};
    const struct config_check sought_check = {.name = name};
    const struct known sought = {&sought_target, &sought_check};
    return keep->known_count
               ? bsearch(&sought, keep->known, keep->known_count, sizeof(sought), compare)
               : NULL;
}

/* Which checks a target has cannot be known while its plugin is not loaded. */
static bool is_unread(const struct keep *keep, const char *target)
{
    for (size_t i = 0; i < keep->config->target_count; i++)
        if (strcmp(keep->config->targets[i].name, target) == 0)
            return keep->config->targets[i].plugin->unread;
    return false;
}

static void know(struct keep *keep, struct config *config)
{
    struct config *old = keep->config;
    free(keep->known);
    keep->config = config_hold(config);
    keep->known = mem_array(config_count_checks(config) + 1, sizeof(*keep->known));
    keep->known_count = 0;
    for (size_t i = 0; i < config->target_count; i++)
        for (size_t check = 0; check < config->targets[i].check_count; check++)
            keep->known[keep->known_count++] =
                (struct known){&config->targets[i], &config->targets[i].checks[check]};
    qsort(keep->known, keep->known_count, sizeof(*keep->known), compare);
    config_destroy(old);
}

/* -------------------------------------------------------- what was kept ---- */

static void say_removed(const struct keep *keep, const struct keep_row *row,
                        enum probe_status status)
{
    static const struct probe_plugin ours = {PROBE_ABI};
    const struct probe_finding reported = {.size = sizeof(reported),
                                           .status = PROBE_OK,
                                           .subject = row->subject,
                                           .summary = "it is no longer configured"};
    struct ledger_clock clock = clock_of(keep);
    const struct ledger_report report = {
        .reason = "removed",
        .status = PROBE_OK,
        .previous = status,
        .since_wall_ms = clock.wall_ms,
        .changed_wall_ms = clock.wall_ms,
    };
    struct finding *finding = finding_create(&reported, NULL, &ours.sizes);
    const struct event_finding event = {.finding = finding,
                                        .report = &report,
                                        .scope = row->of_node ? "node" : "cluster",
                                        .target = row->target,
                                        .name = row->name,
                                        .check = row->check};
    event_emit_finding(keep->schedule->bus, &event, clock.wall_ms);
    finding_destroy(finding);
}

/* Where somebody has set the clock back, no time has passed that we know of. */
static int64_t since(int64_t wall_ms, int64_t then_ms)
{
    return wall_ms > then_ms ? wall_ms - then_ms : 0;
}

static void put_back(struct keep *keep, struct keep_row *row, const struct known *known)
{
    const struct ledger_clock clock = clock_of(keep);
    struct ledger_kept kept = {.id = row->id,
                               .target = row->target,
                               .name = row->name,
                               .subject = row->subject,
                               .standing = &row->standing,
                               .counters = &row->counters};
    int64_t passed_ms = since(clock.wall_ms, row->written_ms), unseen_ms = passed_ms;
    if (ledger_streak_fits(&row->standing, &row->streak)) {
        int64_t written_ms = since(clock.wall_ms, row->streak_written_ms);
        kept.streak = row->streak;
        kept.streak.age_ms = unseen_ms = written_ms + row->streak.age_ms;
        passed_ms = written_ms + row->streak.after_ms;
    }
    bool anew = unseen_ms >= FRESH_INTERVALS * known->check->every_ms;
    (void)ledger_restore(
        keep->ledger, &kept, &known->check->check->measures, clock, passed_ms, anew);
}

static void restore(struct keep *keep, struct keep_row *row)
{
    const struct known *known = find(keep, row->target, row->name);
    if (known) {
        put_back(keep, row, known);
        return;
    }
    if (is_unread(keep, row->target))
        return;
    enum probe_status status = ledger_kept_status(&row->standing);
    if (status)
        say_removed(keep, row, status);
    ledger_end_kept(keep->ledger, row->id);
}

/* The notes of what is no longer configured are kept no longer. */
static void forget_notes(struct keep *keep)
{
    struct keep_notes *notes;
    list_for_each(notes, &keep->kept_notes, struct keep_notes, link) {
        bool there = false;
        for (size_t i = 0; i < keep->known_count && !there; i++)
            there = strcmp(keep->known[i].target->name, notes->target) == 0 &&
                    (!*notes->name || strcmp(keep->known[i].check->name, notes->name) == 0);
        list_remove(&notes->link);
        if (there || is_unread(keep, notes->target)) {
            keep_notes_destroy(notes);
            continue;
        }
        notes_finish(&notes->notes); /* written without any: deleted */
        list_add(&keep->notes, &notes->link);
    }
}

/* --------------------------------------------------------------- notes ---- */

static struct keep_notes *find_notes(const struct list *list, const char *target, const char *name)
{
    for (const struct list *link = list->next; link != list; link = link->next) {
        struct keep_notes *notes = container_of(link, struct keep_notes, link);
        if (strcmp(notes->target, target) == 0 && strcmp(notes->name, name) == 0)
            return notes;
    }
    return NULL;
}

static void on_recall(const char *target, const char *name, struct notes *notes, void *data)
{
    const struct keep *keep = data;
    const struct keep_notes *kept = find_notes(&keep->kept_notes, target, name);
    if (kept)
        notes_copy(notes, &kept->notes);
}

/* Copies what changed, without secrets: no plugin should remember one, and none is written. */
static void on_remember(const char *target, const char *name, struct notes *notes, void *data)
{
    struct keep *keep = data;
    struct keep_notes *old = find_notes(&keep->notes, target, name);
    struct keep_notes *new = mem_new(sizeof(*new));
    if (old)
        keep_notes_destroy(old);
    new->target = mem_copy(target);
    new->name = mem_copy(name);
    for (size_t i = 0; i < notes->count; i++) {
        const struct note *note = &notes->all[i];
        if (redact_finds(note->key, strlen(note->key)) ||
            redact_finds(note->value, strlen(note->value)))
            log_warn("%s/%s: the plugin remembers a secret: it is not kept on disk", target, name);
        else
            (void)note_remember(&new->notes, note->key, note->value);
    }
    list_add(&keep->notes, &new->link);
}

void keep_serve_notes(struct keep *keep, struct schedule *schedule)
{
    schedule->notes = (struct schedule_notes){on_recall, on_remember, keep};
}

/* ------------------------------------------------------------- writing ---- */

static void write_some(struct keep *keep);

static void on_due(void *data)
{
    struct keep *keep = data;
    schedule_remember(keep->schedule);
    write_some(keep);
    timer_start(&keep->due, keep->loop, keep->broken ? TRY_AGAIN_MS : WRITE_EVERY_MS, on_due, keep);
}

static void tell(const struct keep *keep, enum log_level level, const char *step,
                 const char *message)
{
    const struct keep_news news = {level, step, message};
    if (keep->fn && !keep->closing)
        keep->fn(&news, keep->data);
}

static void say_outcome(const struct keep *keep, int before)
{
    if (keep->broken && !before) {
        MEM_AUTO char *message =
            mem_print("the state in %s cannot be written: %s; the agent goes on, and tries again",
                      keep->folder,
                      strerror(-keep->broken));
        log_error("%s", message);
        tell(keep, LOG_ERROR, "state_failed", message);
    } else if (!keep->broken && before) {
        MEM_AUTO char *message = mem_print("the state in %s is written again", keep->folder);
        log_info("%s", message);
        tell(keep, LOG_INFO, "state_resumed", message);
    }
}

/* What was not written is to be written once more, unless there is something newer. */
static void take_back(struct keep *keep, struct keep_batch *batch)
{
    struct keep_notes *notes;
    ledger_change_all(keep->ledger);
    for (size_t i = 0; i < batch->ended_count; i++)
        ledger_end_kept(keep->ledger, batch->ended[i]);
    list_for_each(notes, &batch->notes, struct keep_notes, link) {
        if (find_notes(&keep->notes, notes->target, notes->name))
            continue;
        list_remove(&notes->link);
        list_add(&keep->notes, &notes->link);
    }
}

static void on_written(int status, void *data)
{
    struct keep_batch *batch = data;
    struct keep *keep = batch->keep;
    int before = keep->broken;
    bool full = batch->row_count == KEEP_MOST_ROWS || batch->ended_count == KEEP_MOST_ROWS ||
                batch->note_count == KEEP_MOST_NOTES;
    keep->writing = false;
    keep->broken = status;
    if (status < 0 && !keep->closing)
        take_back(keep, batch);
    keep_batch_finish(batch);
    free(batch);
    say_outcome(keep, before);
    if (full && status == 0 && !keep->closing)
        write_some(keep);
}

static struct keep_row *make_row(struct keep *keep, const struct ledger_clock *clock)
{
    struct keep_row *row = mem_new(sizeof(*row));
    struct ledger_kept kept = {.standing = &row->standing, .counters = &row->counters};
    list_init(&row->link);
    text_init(&row->standing, LONGEST_PACKED);
    text_init(&row->counters, LONGEST_PACKED);
    if (!ledger_take_changed(keep->ledger, *clock, &kept)) {
        keep_row_destroy(row);
        return NULL;
    }
    const struct known *known = find(keep, kept.target, kept.name);
    row->id = kept.id;
    row->target = mem_copy(kept.target);
    row->name = mem_copy(kept.name);
    row->subject = mem_copy(kept.subject);
    row->check = mem_copy(known ? known->check->check->full_name : "");
    row->of_node = known && known->target->where == PROBE_NODE;
    row->written_ms = clock->wall_ms;
    return row;
}

/* Takes what has changed; false: there is nothing. */
static bool fill(struct keep *keep, struct keep_batch *batch)
{
    const struct ledger_clock clock = clock_of(keep);
    struct keep_row *row;
    while (batch->row_count < KEEP_MOST_ROWS && (row = make_row(keep, &clock))) {
        list_add(&batch->rows, &row->link);
        batch->row_count++;
    }
    batch->whole = keep->streaks == 0 || keep->streaks == MOST_STREAKS;
    batch->written_ms = clock.wall_ms;
    if (ledger_take_streaks(keep->ledger, clock, batch->whole, &batch->streaks))
        keep->streaks = batch->whole ? 1 : keep->streaks + 1;
    else
        batch->whole = false;
    batch->ended_count = ledger_take_ended(keep->ledger, batch->ended, KEEP_MOST_ROWS);
    while (batch->note_count < KEEP_MOST_NOTES && !list_empty(&keep->notes)) {
        struct list *first = keep->notes.next;
        list_remove(first);
        list_add(&batch->notes, first);
        batch->note_count++;
    }
    return batch->row_count || batch->streaks.len || batch->ended_count || batch->note_count;
}

/* One batch is under way at a time; at the end all that there is. */
static void write_some(struct keep *keep)
{
    if (keep->writing && !keep->closing)
        return;
    struct keep_batch *batch = mem_new(sizeof(*batch));
    keep_batch_init(batch);
    batch->keep = keep;
    if (fill(keep, batch) && store_do(keep->store, keep_write, on_written, batch)) {
        keep->writing = true;
        return;
    }
    keep->writing = false;
    keep_batch_finish(batch);
    free(batch);
}

/* ------------------------------------------------------- open and close ---- */

struct keep *keep_open(struct loop *loop, struct ledger *ledger, const char *folder,
                       bool *ret_damaged, struct error *error)
{
    struct keep *keep = mem_new(sizeof(*keep));
    uint64_t last_id = 0;
    int status = -1;
    *keep = (struct keep){.loop = loop, .ledger = ledger};
    list_init(&keep->rows);
    list_init(&keep->kept_notes);
    list_init(&keep->notes);
    keep->folder = mem_copy(folder);
    keep->store = store_open(loop, folder, keep_schema, ret_damaged, error);
    if (keep->store) {
        status = keep_read(keep->store, &keep->rows, &keep->kept_notes, &last_id);
        if (status < 0)
            (void)error_set(
                error, status, "cannot read the state in %s: %s", folder, strerror(-status));
    }
    if (status < 0) {
        keep_close(keep, 0);
        return NULL;
    }
    ledger_set_next_id(ledger, last_id);
    return keep;
}

struct store *keep_store(struct keep *keep)
{
    return keep->store;
}

void keep_tell(struct keep *keep, keep_news_fn *fn, void *data)
{
    keep->fn = fn;
    keep->data = data;
}

void keep_take_over(struct keep *keep, struct schedule *schedule, struct config *config)
{
    bool first = !keep->config;
    struct keep_row *row;
    know(keep, config);
    keep->schedule = schedule;
    if (!first)
        return;
    list_for_each(row, &keep->rows, struct keep_row, link) {
        restore(keep, row);
        keep_row_destroy(row);
    }
    forget_notes(keep);
    timer_start(&keep->due, keep->loop, WRITE_EVERY_MS, on_due, keep);
}

void keep_config(struct keep *keep, const struct config *config)
{
    keep_send_config(keep->store, keep->folder, config);
}

bool keep_works(const struct keep *keep)
{
    return keep->config && !keep->broken;
}

void keep_close(struct keep *keep, unsigned ms)
{
    if (!keep)
        return;
    timer_stop(&keep->due);
    keep->closing = keep->writing = true;
    while (keep->store && keep->config && !keep->broken && keep->writing)
        write_some(keep);
    store_close(keep->store, ms);
    while (!list_empty(&keep->rows))
        keep_row_destroy(list_first(&keep->rows, struct keep_row, link));
    while (!list_empty(&keep->kept_notes))
        keep_notes_destroy(list_first(&keep->kept_notes, struct keep_notes, link));
    while (!list_empty(&keep->notes))
        keep_notes_destroy(list_first(&keep->notes, struct keep_notes, link));
    config_destroy(keep->config);
    free(keep->known);
    free(keep->folder);
    free(keep);
}
