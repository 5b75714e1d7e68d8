/*
 * ratio - error_rate: what share of the requests fail, of all of them or by route.
 *
 * A rate is no ratio (K42): the sum of the bad ones over the sum of all, both over the same window.
 * Below `min_rps` there is too little to judge by, and no share is said.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/percent.h"
#include "matchers.h"
#include "prometheus.h"
#include "vector.h"

const struct probe_option ratio_options[] = {
    {"metric",
     PROBE_STRING_AT(struct ratio_config, metric),
     .fallback = "http_requests_total",
     .help = "a counter of requests"},
    {"match",
     PROBE_STRING_AT(struct ratio_config, match),
     .fallback = "status=~\"5..\"",
     .help = "which of them are errors; what it says of other labels goes for all requests"},
    {"status_label",
     PROBE_STRING_AT(struct ratio_config, status_label),
     .fallback = "status",
     .help = "the label that tells errors from the others: code, status_code"},
    {"by",
     PROBE_LIST_AT(struct ratio_config, by),
     .fallback = "[]",
     .help = "labels by which to tell requests apart; each combination is a subject"},
    {"window",
     PROBE_DURATION_AT(struct ratio_config, window_ms),
     .fallback = "5m",
     .min = 1000,
     .max = 86400000,
     .help = "over which both are counted: at least four scrapes"},
    {"min_rps",
     PROBE_REAL_AT(struct ratio_config, min_rps),
     .fallback = "1",
     .help = "requests a second below which no share is said"},
    {"absent",
     PROBE_STRING_AT(struct ratio_config, absent),
     .fallback = "unknown",
     .choices = absent_words,
     .help = "what it means that there is no such counter"},
    {0},
};

const struct probe_measure ratio_measures[] = {
    {"errors_percent", "of all requests", .kind = PROBE_GAUGE, .optional = true},
    {"errors_per_second", "requests that failed", .kind = PROBE_GAUGE, .optional = true},
    {"total_per_second", "all requests", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* sum by (route) (rate(METRIC{MATCHERS}[300s])) */
static bool build(char *out, const struct ratio_config *config, const char *matchers,
                  const char *by)
{
    char window[32];
    print_window(config->window_ms, window);
    return (size_t)snprintf(out,
                            PROMQL_ROOM,
                            "sum%s%s%s (rate(%s{%s}[%s]))",
                            *by ? " by (" : "",
                            by,
                            *by ? ")" : "",
                            config->metric,
                            matchers,
                            window) < PROMQL_ROOM;
}

int ratio_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct ratio_config *config = config_;
    struct ratio_memory *memory = memory_;
    char all[2048], by[1024];
    if (!matchers_is_metric(config->metric))
        return probe_refuse(error, "metric", "\"%s\" is no metric's name", config->metric);
    if (!matchers_are(config->match))
        return probe_refuse(
            error, "match", "is no list of matchers; write status=~\"5..\",route=\"/pay\"");
    if (!matchers_is_label(config->status_label))
        return probe_refuse(error, "status_label", "\"%s\" is no label", config->status_label);
    if (!matchers_list(config->by, by, sizeof(by)))
        return probe_refuse(error, "by", "is a list of labels' names");
    if (!matchers_without(config->match, config->status_label, all, sizeof(all)) ||
        !build(memory->total, config, all, by) || !build(memory->errors, config, config->match, by))
        return probe_refuse(error, "match", "is too long");
    if (strcmp(memory->total, memory->errors) == 0)
        return probe_refuse(error,
                            "match",
                            "says nothing of the label \"%s\", so all requests are errors; see "
                            "`status_label`",
                            config->status_label);
    return 0;
}

/* The errors of the same labels; zero: there are none. */
static double errors_of(const json_t *errors, const json_t *labels)
{
    struct series series;
    int count = vector_count(errors);
    for (int i = 0; i < count; i++)
        if (vector_at(errors, (size_t)i, &series) &&
            json_equal((json_t *)series.labels, (json_t *)labels))
            return series.value;
    return 0;
}

static void report(struct probe_run *run, const struct series *all, double errors)
{
    const struct ratio_config *config = run->config;
    char subject[VECTOR_SUBJECT], summary[200];
    struct probe_field fields[4 + TOLD_FIELDS], *field = fields;
    bool known = isfinite(all->value) && isfinite(errors);
    bool enough = known && all->value >= config->min_rps && all->value > 0;
    double percent = enough ? percent_of(errors, all->value) : 0;
    vector_subject(all->labels, subject);
    if (isfinite(errors))
        *field++ = probe_real("errors_per_second", errors);
    if (isfinite(all->value))
        *field++ = probe_real("total_per_second", all->value);
    if (enough)
        *field++ = probe_real("errors_percent", percent);
    field = add_told(field, run);
    *field = (struct probe_field){0};
    if (!known)
        (void)snprintf(summary,
                       sizeof(summary),
                       "the rate of %.100s is no number (NaN), so no share can be said",
                       config->metric);
    else if (all->value <= 0)
        (void)snprintf(summary, sizeof(summary), "no requests, so none fails");
    else if (enough)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.2f %% of %.3g requests a second fail",
                       percent,
                       all->value);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.3g requests a second are too few to say what share fails",
                       all->value);
    probe_report(run,
                 .status = known ? PROBE_GRADED : PROBE_UNKNOWN,
                 .subject = *subject ? subject : NULL,
                 .summary = summary,
                 .hint = known ? NULL : "the counter itself is NaN: see who writes it so",
                 .fields = fields);
}

static void on_errors(struct probe_run *run, const json_t *errors)
{
    struct ratio_state *state = run->data;
    struct series all;
    int count = vector_count(state->total);
    for (int i = 0; i < count; i++)
        if (vector_at(state->total, (size_t)i, &all))
            report(run, &all, errors_of(errors, all.labels));
    probe_done(run);
}

static void on_total(struct probe_run *run, const json_t *total)
{
    const struct ratio_config *config = run->config;
    const struct ratio_memory *memory = run->memory;
    struct ratio_state *state = run->data;
    char summary[200];
    if (vector_count(total) <= 0) {
        (void)snprintf(summary, sizeof(summary), "there is no %.120s to count by", config->metric);
        absent_report(run, config->absent, summary);
        return;
    }
    state->total = json_incref((json_t *)total);
    ask_query(run, memory->errors, on_errors);
}

void ratio_run(struct probe_target *self, struct probe_run *run)
{
    const struct ratio_memory *memory = run->memory;
    (void)self;
    ask_query(run, memory->total, on_total);
}

void ratio_ended(struct probe_target *self, struct probe_run *run)
{
    struct ratio_state *state = run->data;
    (void)self;
    json_decref(state->total);
}
