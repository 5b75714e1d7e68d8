/*
 * quantile - latency: a true quantile of a histogram, classic or native, now and, where it is asked
 * for, as it was before.
 *
 * The rate of one bucket is no latency (K41): histogram_quantile() over all of them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matchers.h"
#include "prometheus.h"
#include "vector.h"

const struct probe_option quantile_options[] = {
    {"metric",
     PROBE_STRING_AT(struct quantile_config, metric),
     .fallback = "http_request_duration_seconds",
     .help = "a histogram, without _bucket"},
    {"quantile",
     PROBE_REAL_AT(struct quantile_config, quantile),
     .fallback = "0.95",
     .help = "between 0 and 1"},
    {"match",
     PROBE_STRING_AT(struct quantile_config, match),
     .fallback = "",
     .help = "which requests: route=\"/pay\""},
    {"by",
     PROBE_LIST_AT(struct quantile_config, by),
     .fallback = "[]",
     .help = "labels by which to tell requests apart; each combination is a subject"},
    {"window",
     PROBE_DURATION_AT(struct quantile_config, window_ms),
     .fallback = "5m",
     .min = 1000,
     .max = 86400000,
     .help = "over which requests are counted: at least four scrapes"},
    {"baseline",
     PROBE_DURATION_AT(struct quantile_config, baseline_ms),
     .fallback = "0s",
     .max = 3000000000,
     .help = "compare with so long ago: 7d; none: not compared"},
    {"absent",
     PROBE_STRING_AT(struct quantile_config, absent),
     .fallback = "unknown",
     .choices = absent_words,
     .help = "what it means that there is no such histogram"},
    {0},
};

const struct probe_measure quantile_measures[] = {
    {"value_seconds", "the quantile; none without requests", .kind = PROBE_GAUGE, .optional = true},
    {"baseline_seconds", "what it was then", .kind = PROBE_GAUGE, .optional = true},
    {"baseline_ratio", "now to then", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* Of a classic histogram or, where there are no buckets, of a native one. */
static bool build(char *out, const struct quantile_config *config, const char *by, int64_t ago_ms)
{
    char window[32], ago[32], offset[48] = "";
    print_window(config->window_ms, window);
    print_window(ago_ms, ago);
    if (ago_ms > 0)
        (void)snprintf(offset, sizeof(offset), " offset %s", ago);
    return (size_t)snprintf(
               out,
               PROMQL_ROOM,
               "histogram_quantile(%g, sum by (le%s%s) (rate(%s_bucket{%s}[%s]%s))) or "
               "histogram_quantile(%g, sum by (%s) (rate(%s{%s}[%s]%s)))",
               config->quantile,
               *by ? ", " : "",
               by,
               config->metric,
               config->match ? config->match : "",
               window,
               offset,
               config->quantile,
               by,
               config->metric,
               config->match ? config->match : "",
               window,
               offset) < PROMQL_ROOM;
}

/* How many requests a second there are, of a classic histogram; a native one has no _count. */
static bool build_rate(char *out, const struct quantile_config *config, const char *by)
{
    char window[32];
    print_window(config->window_ms, window);
    return (size_t)snprintf(out,
                            PROMQL_ROOM,
                            "sum by (%s) (rate(%s_count{%s}[%s]))",
                            by,
                            config->metric,
                            config->match ? config->match : "",
                            window) < PROMQL_ROOM;
}

int quantile_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct quantile_config *config = config_;
    struct quantile_memory *memory = memory_;
    char by[1024];
    if (!matchers_is_metric(config->metric))
        return probe_refuse(error, "metric", "\"%s\" is no metric's name", config->metric);
    if (!(config->quantile > 0 && config->quantile < 1))
        return probe_refuse(error, "quantile", "lies between 0 and 1; write 0.95");
    if (!matchers_are(config->match))
        return probe_refuse(error, "match", "is no list of matchers; write route=\"/pay\"");
    if (!matchers_list(config->by, by, sizeof(by)))
        return probe_refuse(error, "by", "is a list of labels' names");
    if (!build(memory->now, config, by, 0) ||
        !build(memory->before, config, by, config->baseline_ms) ||
        !build_rate(memory->rate, config, by))
        return probe_refuse(error, "match", "is too long");
    return 0;
}

/* -------------------------------------------------------------- finding ---- */

/* What another reply has of the same labels; below zero: nothing, or no number. */
static double value_of(const json_t *reply, const json_t *labels)
{
    struct series series;
    int count = reply ? vector_count(reply) : 0;
    for (int i = 0; i < count; i++)
        if (vector_at(reply, (size_t)i, &series) && isfinite(series.value) &&
            json_equal((json_t *)series.labels, (json_t *)labels))
            return series.value;
    return -1;
}

/* There is no quantile: nobody asked for anything or, at that many a second, it cannot be right. */
static void report_none(struct probe_run *run, const char *subject, double rate)
{
    const struct quantile_config *config = run->config;
    struct probe_field fields[1 + TOLD_FIELDS];
    bool broken = rate > 0;
    char summary[240];
    *add_told(fields, run) = (struct probe_field){0};
    if (broken)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.3g requests a second, and yet no quantile (NaN) of %.100s",
                       rate,
                       config->metric);
    else
        (void)snprintf(summary, sizeof(summary), "no requests, so none is slow");
    probe_report(run,
                 .status = broken ? PROBE_UNKNOWN : PROBE_GRADED,
                 .subject = *subject ? subject : NULL,
                 .summary = summary,
                 .hint = broken ? "the histogram is broken: its buckets lack le=\"+Inf\", or "
                                  "there is no other; see METRIC_bucket"
                                : NULL,
                 .fields = fields);
}

static void report(struct probe_run *run, const struct series *series, double before)
{
    const struct quantile_config *config = run->config;
    char subject[VECTOR_SUBJECT], summary[200];
    struct probe_field fields[4 + TOLD_FIELDS], *field = fields;
    vector_subject(series->labels, subject);
    *field++ = probe_real("value_seconds", series->value);
    if (before >= 0)
        *field++ = probe_real("baseline_seconds", before);
    if (before > 0)
        *field++ = probe_real("baseline_ratio", series->value / before);
    field = add_told(field, run);
    *field = (struct probe_field){0};
    if (before > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "the %g quantile is %.4g s, then it was %.4g s",
                       config->quantile,
                       series->value,
                       before);
    else
        (void)snprintf(
            summary, sizeof(summary), "the %g quantile is %.4g s", config->quantile, series->value);
    probe_report(run, .subject = *subject ? subject : NULL, .summary = summary, .fields = fields);
}

/* `rates` is NULL where each series is a number. */
static void report_all(struct probe_run *run, const json_t *rates)
{
    const struct quantile_state *state = run->data;
    struct series series;
    char subject[VECTOR_SUBJECT];
    int count = vector_count(state->now);
    for (int i = 0; i < count; i++) {
        if (!vector_at(state->now, (size_t)i, &series))
            continue;
        vector_subject(series.labels, subject);
        if (isfinite(series.value))
            report(run, &series, value_of(state->before, series.labels));
        else
            report_none(run, subject, value_of(rates, series.labels));
    }
    probe_done(run);
}

static void on_rates(struct probe_run *run, const json_t *rates)
{
    report_all(run, rates);
}

/* Where a quantile is no number it is asked whether that is for want of requests. */
static void conclude(struct probe_run *run)
{
    const struct quantile_memory *memory = run->memory;
    const struct quantile_state *state = run->data;
    struct series series;
    bool numbers = true;
    int count = vector_count(state->now);
    for (int i = 0; i < count; i++)
        if (vector_at(state->now, (size_t)i, &series) && !isfinite(series.value))
            numbers = false;
    if (numbers)
        report_all(run, NULL);
    else
        ask_query(run, memory->rate, on_rates);
}

static void on_before(struct probe_run *run, const json_t *before)
{
    struct quantile_state *state = run->data;
    state->before = json_incref((json_t *)before);
    conclude(run);
}

static void on_now(struct probe_run *run, const json_t *now)
{
    const struct quantile_config *config = run->config;
    const struct quantile_memory *memory = run->memory;
    struct quantile_state *state = run->data;
    char summary[200];
    if (vector_count(now) <= 0) {
        (void)snprintf(summary, sizeof(summary), "there is no histogram %.120s", config->metric);
        absent_report(run, config->absent, summary);
        return;
    }
    state->now = json_incref((json_t *)now);
    if (config->baseline_ms > 0)
        ask_query(run, memory->before, on_before);
    else
        conclude(run);
}

void quantile_run(struct probe_target *self, struct probe_run *run)
{
    const struct quantile_memory *memory = run->memory;
    (void)self;
    ask_query(run, memory->now, on_now);
}

void quantile_ended(struct probe_target *self, struct probe_run *run)
{
    struct quantile_state *state = run->data;
    (void)self;
    json_decref(state->now);
    json_decref(state->before);
}
