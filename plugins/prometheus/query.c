/*
 * query - connect, which asks the smallest question, and query, which asks the operator's: each
 * series of the result is a subject.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prometheus.h"
#include "vector.h"

const char *const absent_words[] = {"unknown", "ok", "warning", "critical", NULL};

enum probe_status absent_status(const char *word)
{
    static const enum probe_status status[] = {
        PROBE_UNKNOWN, PROBE_OK, PROBE_WARNING, PROBE_CRITICAL};
    for (size_t i = 0; absent_words[i]; i++)
        if (strcmp(absent_words[i], word) == 0)
            return status[i];
    return PROBE_UNKNOWN;
}

void absent_report(struct probe_run *run, const char *word, const char *summary)
{
    enum probe_status status = absent_status(word);
    const struct ask_state *state = run->data;
    const struct answer_evidence where = answer_evidence_of(&state->trail);
    probe_report(run,
                 .status = status,
                 .summary = summary,
                 .hint = status == PROBE_OK ? NULL
                                            : "compare the names of metric and labels with what "
                                              "is scraped; `absent` says what it means to you",
                 .fields = PROBE_FIELDS(ANSWER_LAST(where)));
    probe_done(run);
}

void print_window(int64_t ms, char out[32])
{
    if (ms % 1000 == 0)
        (void)snprintf(out, 32, "%llds", (long long)ms / 1000);
    else
        (void)snprintf(out, 32, "%lldms", (long long)ms);
}

/* -------------------------------------------------------------- connect ---- */

const struct probe_measure connect_measures[] = {
    {"query_ms", "from the question to its answer", .kind = PROBE_GAUGE},
    {0},
};

static void on_one(struct probe_run *run, const json_t *data, const char *warnings)
{
    struct series series;
    (void)warnings;
    if (vector_count(data) != 1 || !vector_at(data, 0, &series)) {
        probe_fail(run, -EPROTO, "it answers something else than was asked");
        return;
    }
    const struct connect_state *state = run->data;
    uint64_t took_us = probe_now_us(&run->life) - state->asked_us;
    const struct answer_evidence where = answer_evidence_of(&state->ask.trail);
    probe_report(run,
                 .summary = "it answers questions",
                 .fields = PROBE_FIELDS(probe_real("query_ms", (double)took_us / 1000.0),
                                        ANSWER_LAST(where)));
    probe_done(run);
}

void connect_run(struct probe_target *self, struct probe_run *run)
{
    struct connect_state *state = run->data;
    (void)self;
    state->asked_us = probe_now_us(&run->life);
    ask_query(run, "vector(1)", on_one);
}

/* ---------------------------------------------------------------- query ---- */

const struct probe_option query_options[] = {
    {"promql",
     PROBE_STRING_AT(struct query_config, promql),
     .help = "an expression that yields a vector or a number; every series is a subject"},
    {"absent",
     PROBE_STRING_AT(struct query_config, absent),
     .fallback = "unknown",
     .choices = absent_words,
     .help = "what it means that there is no series, or no number"},
    {"most",
     PROBE_INT_AT(struct query_config, most),
     .fallback = "100",
     .min = 1,
     .max = 1000,
     .help = "series that are looked at"},
    {0},
};

const struct probe_measure query_measures[] = {
    {"value", "of the series, now", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* Infinity is larger than any limit, but no number of JSON. */
static double bounded(double value)
{
    return isinf(value) ? (value > 0 ? 1e308 : -1e308) : value;
}

static void report(struct probe_run *run, const struct series *series, const char *warnings)
{
    const struct query_config *config = run->config;
    char subject[VECTOR_SUBJECT], text[32], summary[300];
    struct probe_field fields[4 + ANSWER_FIELDS], *field = fields;
    bool number = !isnan(series->value);
    vector_subject(series->labels, subject);
    vector_print(series->value, text);
    (void)snprintf(summary, sizeof(summary), "%s for %.200s", text, config->promql);
    for (char *c = summary; *c; c++)
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    if (number)
        *field++ = probe_real("value", bounded(series->value));
    if (isinf(series->value))
        *field++ = probe_text("value_text", text);
    if (*warnings)
        *field++ = probe_text("warnings", warnings);
    field = answer_add_fields(field, &((const struct ask_state *)run->data)->trail);
    *field = (struct probe_field){0};
    probe_report(run,
                 .status = number ? PROBE_GRADED : absent_status(config->absent),
                 .subject = *subject ? subject : NULL,
                 .summary = summary,
                 .fields = fields);
}

static void on_result(struct probe_run *run, const json_t *data, const char *warnings)
{
    const struct query_config *config = run->config;
    int count = vector_count(data);
    struct series series;
    if (count < 0) {
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "bad_query",
                  .summary = "the expression yields neither a vector nor a number",
                  .hint = "a range ends in [5m]: put rate() or max_over_time() around it");
        return;
    }
    if (count == 0) {
        absent_report(run, config->absent, "the expression yields no series");
        return;
    }
    if (count > config->most)
        probe_log(&run->life,
                  PROBE_LOG_WARN,
                  "%s: the first %d of %d series are looked at",
                  run->name,
                  (int)config->most,
                  count);
    for (int i = 0; i < count && i < config->most; i++)
        if (vector_at(data, (size_t)i, &series))
            report(run, &series, warnings);
    probe_done(run);
}

void query_run(struct probe_target *self, struct probe_run *run)
{
    const struct query_config *config = run->config;
    (void)self;
    ask_query(run, config->promql, on_result);
}
