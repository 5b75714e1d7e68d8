/*
 * bigkeys - which keys hold most: a walk with SCAN and MEMORY USAGE, a little each time, that goes on
 * where the last run ended, under a budget of time and of keys.
 *
 * The ten biggest are kept from run to run, and measured again at the beginning of each, so that one
 * that was removed is not told any more.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "common/bytes.h"
#include "common/percent.h"
#include "redis.h"
#include "rows.h"

const struct probe_option bigkeys_options[] = {
    {"budget",
     PROBE_DURATION_AT(struct bigkeys_config, budget_ms),
     .fallback = "2s",
     .min = 50,
     .max = 60000,
     .help = "how long a run looks at keys"},
    {"max_keys",
     PROBE_INT_AT(struct bigkeys_config, max_keys),
     .fallback = "20000",
     .min = 1,
     .max = 10000000,
     .help = "how many keys a run looks at"},
    {"pause",
     PROBE_DURATION_AT(struct bigkeys_config, pause_ms),
     .fallback = "5ms",
     .max = 10000,
     .help = "between two pages of a hundred keys; never shorter than the page took"},
    {"match",
     PROBE_STRING_AT(struct bigkeys_config, match),
     .fallback = "",
     .help = "only keys that fit this pattern"},
    {0},
};

const struct probe_measure bigkeys_measures[] = {
    {"largest_bytes", "memory of the biggest key that was seen", .kind = PROBE_GAUGE},
    {"sampled", "keys that this run looked at", .kind = PROBE_GAUGE},
    {"covered_percent", "keys of this walk through all of them, until now", .kind = PROBE_GAUGE},
    {0},
};

static const char page_size[] = "100", nested[] = "5"; /* elements that MEMORY USAGE looks at */

static void measure_again(struct probe_run *run);

/* -------------------------------------------------------- the biggest ---- */

static void drop(struct bigkeys_memory *memory, size_t at)
{
    free(memory->top[at].key);
    memmove(
        &memory->top[at], &memory->top[at + 1], (memory->count - at - 1) * sizeof(memory->top[0]));
    memory->count--;
}

static void keep(struct bigkeys_memory *memory, const char *key, const char *type, int64_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < memory->count; i++)
        if (strcmp(memory->top[i].key, key) == 0) {
            drop(memory, i);
            break;
        }
    while (at < memory->count && memory->top[at].bytes >= bytes)
        at++;
    if (at == BIGKEYS_TOP)
        return;
    if (memory->count == BIGKEYS_TOP)
        drop(memory, BIGKEYS_TOP - 1);
    memmove(&memory->top[at + 1], &memory->top[at], (memory->count - at) * sizeof(memory->top[0]));
    memory->top[at].key = strdup(key);
    if (!memory->top[at].key)
        abort(); /* out of memory */
    memory->top[at].bytes = bytes;
    (void)snprintf(memory->top[at].type, sizeof(memory->top[at].type), "%s", type);
    memory->count++;
}

void bigkeys_forget(void *memory_data)
{
    struct bigkeys_memory *memory = memory_data;
    while (memory->count > 0)
        drop(memory, memory->count - 1);
}

/* ------------------------------------------------------------- finding ---- */

static const struct probe_column key_columns[] = {
    {"key", PROBE_FIELD_TEXT}, {"type", PROBE_FIELD_TEXT}, {"bytes", PROBE_FIELD_INT}};

static void on_end(struct probe_run *run)
{
    struct bigkeys_run *state = run->data;
    struct bigkeys_memory *memory = run->memory;
    const struct scan *scan = &state->scan;
    struct rows rows;
    struct probe_table table;
    int64_t largest = memory->count > 0 ? memory->top[0].bytes : 0;
    const struct bytes_text size = bytes_text(largest);
    double covered = scan->complete ? 100.0 : percent_of(memory->walked, scan->total);
    char summary[160];
    ROWS_INIT(&rows, key_columns);
    for (size_t i = 0; i < memory->count && rows_begin(&rows); i++) {
        rows_cell(&rows, "%s", memory->top[i].key);
        rows_cell(&rows, "%s", memory->top[i].type);
        rows_cell(&rows, "%" PRId64, memory->top[i].bytes);
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "the biggest key holds %s; %.0f %% of the keys were seen in this walk",
                   size.text,
                   covered > 100 ? 100.0 : covered);
    (void)snprintf(memory->cursor, sizeof(memory->cursor), "%s", scan->cursor);
    memory->node = scan->node;
    if (scan->complete)
        memory->walked = 0;
    probe_report(run,
                 .summary = summary,
                 .fields =
                     PROBE_FIELDS(probe_int("largest_bytes", largest),
                                  probe_int("sampled", scan->walked),
                                  probe_real("covered_percent", covered > 100 ? 100 : covered),
                                  rows_field(&rows, "biggest", &table)));
    probe_done(run);
}

/* --------------------------------------------------------------- pages ---- */

static void forget_page(struct bigkeys_run *state)
{
    for (size_t i = 0; i < state->count; i++)
        free(state->keys[i]);
    free(state->keys);
    state->keys = NULL;
    state->count = 0;
}

static void on_sizes(struct probe_run *run, const redisReply *replies)
{
    const struct bigkeys_config *config = run->config;
    struct bigkeys_run *state = run->data;
    for (size_t i = 0; i < state->count && 2 * i + 1 < replies->elements; i++) {
        const redisReply *size = replies->element[2 * i], *type = replies->element[2 * i + 1];
        if (size->type == REDIS_REPLY_ERROR && errors_is(size->str, "NOPERM")) {
            talk_refused(state->scan.talk, run, size->str);
            return;
        }
        if (size->type == REDIS_REPLY_INTEGER)
            keep(run->memory,
                 state->keys[i],
                 talk_is_text(type) && type->type != REDIS_REPLY_ERROR ? type->str : "?",
                 size->integer);
    }
    forget_page(state);
    if (state->scan.walked >= config->max_keys)
        state->scan.until_ms = 0; /* as if the time was over */
    scan_on(&state->scan);
}

static void on_keys(struct probe_run *run, const redisReply *keys)
{
    struct bigkeys_run *state = run->data;
    struct bigkeys_memory *memory = run->memory;
    struct talk *talk = state->scan.talk;
    memory->walked += (int64_t)keys->elements;
    state->keys = calloc(keys->elements, sizeof(*state->keys));
    if (!state->keys)
        abort(); /* out of memory */
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        if (strlen(key) != (size_t)keys->element[i]->len)
            continue; /* a NUL byte in it */
        state->keys[state->count] = strdup(key);
        if (!state->keys[state->count++])
            abort(); /* out of memory */
        talk_add(talk, WORDS("MEMORY", "USAGE", key, "SAMPLES", nested));
        talk_add(talk, WORDS("TYPE", key));
    }
    if (state->count > 0) {
        talk_send(talk, run, on_sizes);
        return;
    }
    forget_page(state);
    scan_on(&state->scan);
}

/* ----------------------------------------------------------------- run ---- */

static void begin_scan(struct probe_run *run)
{
    const struct bigkeys_config *config = run->config;
    const struct bigkeys_memory *memory = run->memory;
    struct bigkeys_run *state = run->data;
    state->found = &state->scan;
    state->scan = (struct scan){.talk = server_checks(run),
                                .run = run,
                                .match = config->match,
                                .count = page_size,
                                .pause_ms = config->pause_ms,
                                .budget_ms = config->budget_ms,
                                .page = on_keys,
                                .end = on_end,
                                .node = memory->node};
    (void)snprintf(state->scan.cursor, sizeof(state->scan.cursor), "%s", memory->cursor);
    scan_start(&state->scan);
}

static void on_again(struct probe_run *run, const redisReply *reply)
{
    struct bigkeys_run *state = run->data;
    struct bigkeys_memory *memory = run->memory;
    if (reply->type == REDIS_REPLY_ERROR) {
        talk_refused(server_checks(run), run, reply->str);
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER)
        memory->top[state->again++].bytes = reply->integer;
    else
        drop(memory, state->again);
    measure_again(run);
}

static int by_bytes(const void *a, const void *b)
{
    const struct bigkeys_entry *left = a, *right = b;
    return (left->bytes < right->bytes) - (left->bytes > right->bytes);
}

static void measure_again(struct probe_run *run)
{
    struct bigkeys_run *state = run->data;
    struct bigkeys_memory *memory = run->memory;
    if (state->again < memory->count) {
        talk_try(server_checks(run),
                 run,
                 on_again,
                 WORDS("MEMORY", "USAGE", memory->top[state->again].key, "SAMPLES", nested));
        return;
    }
    qsort(memory->top, memory->count, sizeof(memory->top[0]), by_bytes);
    begin_scan(run);
}

void bigkeys_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    measure_again(run);
}

void bigkeys_ended(struct probe_target *self, struct probe_run *run)
{
    struct bigkeys_run *state = run->data;
    forget_page(state);
    scan_free(&state->scan);
    server_check_ended(self, run);
}
