/*
 * latency - how long the server takes to answer: a bounded number of timed PINGs, and what it says
 * itself was slow (LATENCY LATEST, where latency-monitor-threshold is set).
 *
 * redis-cli --latency never ends; this ends after so many samples, or when most of its time is over.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"
#include "rows.h"

const struct probe_option latency_options[] = {
    {"samples",
     PROBE_INT_AT(struct latency_config, samples),
     .fallback = "20",
     .min = 1,
     .max = LATENCY_SAMPLES,
     .help = "how many PINGs are timed"},
    {"pause",
     PROBE_DURATION_AT(struct latency_config, pause_ms),
     .fallback = "10ms",
     .max = 1000,
     .help = "between two of them"},
    {0},
};

const struct probe_measure latency_measures[] = {
    {"p50_ms", "what half of the PINGs took at most", .kind = PROBE_GAUGE},
    {"p95_ms", "what 95 % of them took at most", .kind = PROBE_GAUGE},
    {"max_ms", "the longest", .kind = PROBE_GAUGE},
    {0},
};

static void ping(struct probe_run *run);

/* ------------------------------------------------------------- finding ---- */

static int by_size(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Nearest rank, in ms, of sorted samples. */
static double percentile(const struct latency_run *state, size_t percent)
{
    size_t rank = (state->count * percent + 99) / 100;
    return (double)state->us[rank > 0 ? rank - 1 : 0] / 1000.0;
}

static const struct probe_column event_columns[] = {{"event", PROBE_FIELD_TEXT},
                                                    {"at", PROBE_FIELD_TIME},
                                                    {"latest_ms", PROBE_FIELD_INT},
                                                    {"max_ms", PROBE_FIELD_INT}};

/* [[event, when, latest, max], ...] */
static void read_events(const redisReply *reply, struct rows *rows)
{
    ROWS_INIT(rows, event_columns);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *event = reply->element[i];
        if (event->type != REDIS_REPLY_ARRAY || event->elements < 4 ||
            !talk_is_text(event->element[0]) || !rows_begin(rows))
            continue;
        rows_cell(rows, "%s", event->element[0]->str);
        rows_cell(rows, "%lld", event->element[1]->integer * 1000);
        rows_cell(rows, "%lld", event->element[2]->integer);
        rows_cell(rows, "%lld", event->element[3]->integer);
    }
}

static void on_latest(struct probe_run *run, const redisReply *reply)
{
    struct latency_run *state = run->data;
    struct rows rows;
    struct probe_table table;
    struct probe_field fields[6];
    struct probe_field *field = fields;
    struct error_text text = {0};
    char summary[96];
    if (reply->type == REDIS_REPLY_ERROR)
        (void)talk_explain(server_checks(run), reply->str, &text);
    qsort(state->us, state->count, sizeof(*state->us), by_size);
    *field++ = probe_real("p50_ms", percentile(state, 50));
    *field++ = probe_real("p95_ms", percentile(state, 95));
    *field++ = probe_real("max_ms", percentile(state, 100));
    *field++ = probe_int("samples", (int64_t)state->count);
    read_events(reply, &rows);
    if (rows.total > 0)
        *field++ = rows_field(&rows, "latency_latest", &table);
    *field = (struct probe_field){0};
    (void)snprintf(summary,
                   sizeof(summary),
                   "half of %zu PINGs took %.1f ms at most, the longest %.1f ms",
                   state->count,
                   percentile(state, 50),
                   percentile(state, 100));
    probe_report(
        run, .summary = summary, .hint = text.hint[0] ? text.hint : NULL, .fields = fields);
    probe_done(run);
}

/* ------------------------------------------------------------- samples ---- */

static void on_pause(int status, void *data)
{
    if (status == 0)
        ping(data);
}

/* A slow server is a finding, not a run that is late. */
static bool enough(const struct probe_run *run)
{
    const struct latency_config *config = run->config;
    const struct latency_run *state = run->data;
    uint64_t now = probe_now((struct probe_life *)(uintptr_t)&run->life);
    uint64_t allowed =
        run->deadline_ms ? (run->deadline_ms - state->began_ms) * 7 / 10 : UINT64_MAX;
    return state->count >= (size_t)config->samples || now - state->began_ms > allowed;
}

static void on_pong(struct probe_run *run, const redisReply *reply)
{
    const struct latency_config *config = run->config;
    struct latency_run *state = run->data;
    struct talk *talk = server_checks(run);
    if (reply->type == REDIS_REPLY_ERROR && writes_refused(reply->str) != WRITES_MISCONF) {
        talk_refused(talk, run, reply->str);
        return;
    }
    state->us[state->count++] = wire_elapsed_us(&talk->wire);
    if (enough(run))
        talk_try(talk, run, on_latest, WORDS("LATENCY", "LATEST"));
    else
        (void)probe_timer(&run->life, (uint64_t)config->pause_ms, on_pause, run);
}

/* A server whose last save failed refuses PING too, as soon as it would answer it: connect says so. */
static void ping(struct probe_run *run)
{
    talk_try(server_checks(run), run, on_pong, WORDS("PING"));
}

void latency_run(struct probe_target *self, struct probe_run *run)
{
    struct latency_run *state = run->data;
    (void)self;
    state->began_ms = probe_now(&run->life);
    ping(run);
}
