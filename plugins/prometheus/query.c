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

const char doubt_hint[] = "a part of the reply may be missing: see what Prometheus reads besides "
                          "its own disk, as by remote_read, or the stores behind Thanos";

struct probe_field *add_told(struct probe_field *field, const struct probe_run *run)
{
    const struct ask_state *state = run->data;
    if (*state->warnings)
        *field++ = probe_text("warnings", state->warnings);
    return answer_add_fields(field, &state->trail);
}

bool is_doubtful(const struct probe_run *run)
{
    const struct ask_state *state = run->data;
    return warnings_doubt(state->warnings);
}

void absent_report(struct probe_run *run, const char *word, const char *summary)
{
    bool doubt = is_doubtful(run);
    enum probe_status status = doubt ? PROBE_UNKNOWN : absent_status(word);
    char text[400];
    struct probe_field fields[TOLD_FIELDS + 1];
    *add_told(fields, run) = (struct probe_field){0};
    (void)snprintf(
        text, sizeof(text), "%.320s%s", summary, doubt ? "; the reply may lack a part" : "");
    probe_report(run,
                 .status = status,
                 .summary = text,
                 .hint = doubt                ? doubt_hint
                         : status == PROBE_OK ? NULL
                                              : "compare the names of metric and labels with what "
                                                "is scraped; `absent` says what it means to you",
                 .fields = fields);
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

static void on_one(struct probe_run *run, const json_t *data)
{
    struct series series;
    struct probe_field fields[2 + TOLD_FIELDS], *field = fields;
    if (vector_count(data) != 1 || !vector_at(data, 0, &series)) {
        probe_fail(run, -EPROTO, "it answers something else than was asked");
        return;
    }
    const struct connect_state *state = run->data;
    uint64_t took_us = probe_now_us(&run->life) - state->asked_us;
    *field++ = probe_real("query_ms", (double)took_us / 1000.0);
    *add_told(field, run) = (struct probe_field){0};
    probe_report(run, .summary = "it answers questions", .fields = fields);
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

static void report(struct probe_run *run, const struct series *series)
{
    const struct query_config *config = run->config;
    char subject[VECTOR_SUBJECT], text[32], summary[300];
    struct probe_field fields[3 + TOLD_FIELDS], *field = fields;
    bool number = !isnan(series->value);
    vector_subject(series->labels, subject);
    vector_print(series->value, text);
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s for %.200s",
                   number ? text : "no number (NaN), as of 0/0,",
                   config->promql);
    for (char *c = summary; *c; c++)
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    if (number)
        *field++ = probe_real("value", bounded(series->value));
    if (isinf(series->value))
        *field++ = probe_text("value_text", text);
    field = add_told(field, run);
    *field = (struct probe_field){0};
    probe_report(run,
                 .hint = number ? NULL
                                : "where nothing happened is nothing to divide by: say what that "
                                  "means with `absent`, or put `and DIVISOR > 0` after it",
                 .status = number ? PROBE_GRADED : absent_status(config->absent),
                 .subject = *subject ? subject : NULL,
                 .summary = summary,
                 .fields = fields);
}

/* What is not looked at is not known to be well. */
static void report_rest(struct probe_run *run, int count)
{
    const struct query_config *config = run->config;
    char summary[120];
    (void)snprintf(
        summary, sizeof(summary), "only %d of %d series are looked at", (int)config->most, count);
    probe_report(run,
                 .status = PROBE_UNKNOWN,
                 .subject = "others",
                 .summary = summary,
                 .hint = "aggregate, match more narrowly, or raise `most`",
                 .fields = PROBE_FIELDS(probe_int("series", count)));
}

static bool all_are_numbers(const json_t *data, int count)
{
    struct series series;
    for (int i = 0; i < count; i++)
        if (!vector_at(data, (size_t)i, &series))
            return false;
    return true;
}

static void refuse(struct probe_run *run, const char *summary, const char *hint)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EINVAL,
              .reason = "bad_query",
              .summary = summary,
              .hint = hint);
}

static void on_result(struct probe_run *run, const json_t *data)
{
    const struct query_config *config = run->config;
    int count = vector_count(data);
    struct series series;
    if (count < 0) {
        refuse(run,
               "the expression yields neither a vector nor a number",
               "a range ends in [5m]: put rate() or max_over_time() around it");
        return;
    }
    if (count == 0) {
        absent_report(run, config->absent, "the expression yields no series");
        return;
    }
    if (!all_are_numbers(data, count)) {
        refuse(run,
               "the expression yields native histograms, which are no numbers",
               "put histogram_quantile(), histogram_count() or histogram_sum() around it");
        return;
    }
    if (count > config->most)
        report_rest(run, count);
    for (int i = 0; i < count && i < config->most; i++)
        if (vector_at(data, (size_t)i, &series))
            report(run, &series);
    probe_done(run);
}

void query_run(struct probe_target *self, struct probe_run *run)
{
    const struct query_config *config = run->config;
    (void)self;
    ask_query(run, config->promql, on_result);
}
