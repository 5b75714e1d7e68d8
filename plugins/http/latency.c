/*
 * latency - some requests in a row, and how long they took: the median, the slow ones, the slowest.
 *
 * A mean hides the tail, and error pages are fast (K44): what is not answered as expected counts as
 * failed, not as time.  On a kept connection only the request itself is measured.  The stages' own
 * times are those of the slowest request.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "common/percent.h"
#include "http.h"

const struct probe_option latency_options[] = {
    {"path",
     PROBE_STRING_AT(struct latency_config, path),
     .fallback = "",
     .help = "added to the target's URL"},
    {"method",
     PROBE_STRING_AT(struct latency_config, method),
     .fallback = "GET",
     .choices = http_methods,
     .help = "of each request"},
    {"headers",
     PROBE_PAIRS_AT(struct latency_config, headers),
     .fallback = "",
     .help = "sent besides the target's, or instead of those of the same name"},
    {"samples",
     PROBE_INT_AT(struct latency_config, samples),
     .fallback = "10",
     .min = 2,
     .max = LATENCY_MOST,
     .help = "requests, one after the other"},
    {"pause",
     PROBE_DURATION_AT(struct latency_config, pause_ms),
     .fallback = "100ms",
     .max = 10000,
     .help = "between two of them"},
    {"expect",
     PROBE_LIST_AT(struct latency_config, expect),
     .fallback = "[2xx]",
     .help = "statuses that are fine: 200, 2xx, 200-299"},
    {"connection",
     PROBE_STRING_AT(struct latency_config, connection),
     .fallback = "kept",
     .choices = http_connections,
     .help = "fresh: a new one each time; DNS, connecting and TLS are then part of the time"},
    {0},
};

const struct probe_measure latency_measures[] = {
    {"p50_ms", "half of the requests took no longer", .kind = PROBE_GAUGE, .optional = true},
    {"p95_ms", "19 of 20 took no longer (nearest rank)", .kind = PROBE_GAUGE, .optional = true},
    {"max_ms", "the slowest", .kind = PROBE_GAUGE, .optional = true},
    {"samples", "requests that were sent", .kind = PROBE_GAUGE},
    {"failed", "requests that were not answered as expected", .kind = PROBE_GAUGE},
    {"failed_percent", "of those that were sent", .kind = PROBE_GAUGE},
    {"error_class",
     "what is wrong with the last one that failed",
     .kind = PROBE_WORD,
     .words = answer_classes},
    ANSWER_MEASURES,
    {0},
};

int latency_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct latency_config *config = config_;
    struct latency_memory *memory = memory_;
    return expect_take(&memory->expect, config->expect, error);
}

/* -------------------------------------------------------------- finding ---- */

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest rank: the smallest time that `percent` of the sorted ones do not exceed. */
static double rank(const double *times, size_t count, size_t percent)
{
    size_t place = (count * percent + 99) / 100;
    return times[place > 0 ? place - 1 : 0];
}

static void report(struct probe_run *run)
{
    struct latency_state *state = run->data;
    size_t answered = state->answered, failed = state->sent - answered;
    char summary[320];
    struct probe_field fields[9 + ANSWER_FIELDS], *field = fields;
    qsort(state->times, answered, sizeof(*state->times), compare);
    *field++ = probe_int("samples", (int64_t)state->sent);
    *field++ = probe_int("failed", (int64_t)failed);
    *field++ = probe_real("failed_percent", percent_of((double)failed, (double)state->sent));
    *field++ = probe_text("error_class", answer_classes[state->class]);
    if (answered > 0) {
        *field++ = probe_real("p50_ms", rank(state->times, answered, 50));
        *field++ = probe_real("p95_ms", rank(state->times, answered, 95));
        *field++ = probe_real("max_ms", state->times[answered - 1]);
    }
    if (failed > 0)
        *field++ = probe_text("last_failure", state->failure);
    field = answer_add_fields(field, &state->trail);
    *field = (struct probe_field){0};
    if (answered == 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "none of %zu requests is answered as expected: %.200s",
                       state->sent,
                       state->failure);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "of %zu requests half took %.0f ms, the slowest %.0f ms%s",
                       state->sent,
                       rank(state->times, answered, 50),
                       state->times[answered - 1],
                       failed > 0 ? "; some failed" : "");
    probe_report(run, .summary = summary, .fields = fields);
    probe_done(run);
}

/* ------------------------------------------------------------- sampling ---- */

static void ask_once(struct probe_run *run);

static void on_pause(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0)
        ask_once(run);
    else
        report(run); /* the time is over: what was seen is said */
}

/* A request's own time, or all of it where each opens a connection. */
static double took_ms(const struct latency_config *config, const struct probe_timing *us)
{
    int64_t begun = us->tls ? us->tls : us->connect;
    bool fresh = strcmp(config->connection, "fresh") == 0;
    return (double)(us->total - (fresh ? 0 : begun)) / 1000.0;
}

/* Where the time of the slowest one went is what is told. */
static void follow(struct latency_state *state, const struct probe_response *response, double ms)
{
    for (size_t i = 0; i < state->answered; i++)
        if (state->times[i] >= ms)
            return;
    state->trail = (struct answer_trail){0};
    answer_follow(&state->trail, response);
}

/* Whether the answer counts; what is wrong with it otherwise. */
static bool judge(struct probe_run *run, int status, const struct probe_response *response)
{
    const struct latency_memory *memory = run->memory;
    struct latency_state *state = run->data;
    if (status != 0 && !answer_came(status, response)) {
        state->class = answer_class_of(status);
        (void)snprintf(state->failure,
                       sizeof(state->failure),
                       "%s",
                       response->message ? response->message : strerror(-status));
        return false;
    }
    if (expect_holds(&memory->expect, response->code))
        return true;
    state->class = ANSWER_STATUS;
    ask_name_status(response->code, state->failure, sizeof(state->failure));
    return false;
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct latency_config *config = run->config;
    struct latency_state *state = run->data;
    struct probe_ending ending;
    if (!answer_came(status, response) && answer_is_ours(status, response, &ending)) {
        answer_end(run, &ending);
        return;
    }
    state->sent++;
    bool counts = judge(run, status, response);
    if (counts || state->answered == 0)
        follow(state, response, took_ms(config, &response->us));
    if (counts)
        state->times[state->answered++] = took_ms(config, &response->us);
    /* What had no answer until the deadline leaves no time for another. */
    if ((int64_t)state->sent >= config->samples || status == -ETIMEDOUT)
        report(run);
    else if (config->pause_ms > 0)
        (void)probe_timer(&run->life, (uint64_t)config->pause_ms, on_pause, run);
    else
        ask_once(run);
}

static void ask_once(struct probe_run *run)
{
    const struct latency_config *config = run->config;
    struct ask ask = ask_of("any", config->connection, "any");
    ask.path = config->path;
    ask.method = config->method;
    ask.headers = config->headers;
    ask_start(run, &ask, on_answer);
}

void latency_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    ask_once(run);
}
