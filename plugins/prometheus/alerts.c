/*
 * alerts - which of Prometheus' alerts fire, and which that should do not: a dead man's switch.
 *
 * Which ones match is asked of Prometheus itself, by its series ALERTS, so that matchers mean what
 * they mean there; /api/v1/alerts has since when, and the annotations.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "matchers.h"
#include "prometheus.h"
#include "vector.h"

static const char *const severities[] = {"critical", "warning", "info", "missing", NULL};
enum severity { SEVERITY_CRITICAL, SEVERITY_WARNING, SEVERITY_INFO, SEVERITY_MISSING };

const struct probe_option alerts_options[] = {
    {"match",
     PROBE_STRING_AT(struct alerts_config, match),
     .fallback = "",
     .help = "which alerts: namespace=\"shop\",team=~\"pay.*\""},
    {"severity_label",
     PROBE_STRING_AT(struct alerts_config, severity_label),
     .fallback = "severity",
     .help = "the label that says how bad it is"},
    {"page",
     PROBE_LIST_AT(struct alerts_config, page),
     .fallback = "[critical, page, emergency, disaster, fatal]",
     .help = "its values that are critical"},
    {"info",
     PROBE_LIST_AT(struct alerts_config, info),
     .fallback = "[info, informational, none]",
     .help = "its values that are no more than information; all others are warnings"},
    {"ignore",
     PROBE_LIST_AT(struct alerts_config, ignore),
     .fallback = "[Watchdog, InfoInhibitor]",
     .help = "alerts' names that say nothing"},
    {"expect",
     PROBE_LIST_AT(struct alerts_config, expect),
     .fallback = "[]",
     .help = "alerts that must always fire: [Watchdog]; when one does not, alerting is broken"},
    {0},
};

const struct probe_measure alerts_measures[] = {
    {"count", "how many fire, without the ignored ones", .kind = PROBE_GAUGE, .optional = true},
    {"severity",
     "of one alert, as severity_label says; missing: it should fire, and does not",
     .kind = PROBE_WORD,
     .optional = true,
     .words = severities},
    {"firing_seconds", "for how long one alert fires", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

int alerts_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct alerts_config *config = config_;
    struct alerts_memory *memory = memory_;
    const char *match = config->match ? config->match : "";
    if (!matchers_are(match))
        return probe_refuse(error, "match", "is no list of matchers; write namespace=\"shop\"");
    if (!matchers_is_label(config->severity_label))
        return probe_refuse(error, "severity_label", "\"%s\" is no label", config->severity_label);
    if ((size_t)snprintf(memory->query,
                         sizeof(memory->query),
                         "ALERTS{alertstate=\"firing\"%s%s}",
                         *match ? "," : "",
                         match) >= sizeof(memory->query))
        return probe_refuse(error, "match", "is too long");
    return 0;
}

/* ------------------------------------------------------------ one alert ---- */

static bool contains(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static const char *label(const json_t *labels, const char *name)
{
    const char *text = json_string_value(json_object_get(labels, name));
    return text ? text : "";
}

static enum severity severity_of(const struct alerts_config *config, const json_t *labels)
{
    const char *word = label(labels, config->severity_label);
    if (contains(config->page, word))
        return SEVERITY_CRITICAL;
    return contains(config->info, word) ? SEVERITY_INFO : SEVERITY_WARNING;
}

/* The alert as /api/v1/alerts has it: the same labels. */
static const json_t *details_of(const json_t *alerts, const json_t *labels)
{
    size_t place;
    json_t *alert;
    json_array_foreach(json_object_get(alerts, "alerts"), place, alert) {
        if (json_equal(json_object_get(alert, "labels"), (json_t *)labels))
            return alert;
    }
    return NULL;
}

/* Seconds since an RFC 3339 time in UTC, as Prometheus writes it; below zero: it is none. */
static double since(const char *text, int64_t now_ms)
{
    struct tm when = {0};
    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &when))
        return -1;
    double seconds = (double)now_ms / 1000.0 - (double)timegm(&when);
    return seconds > 0 ? seconds : 0;
}

static void report(struct probe_run *run, const json_t *labels, const json_t *details)
{
    const struct alerts_config *config = run->config;
    const json_t *notes = json_object_get(details, "annotations");
    const char *what = label(notes, "summary");
    double seconds =
        since(json_string_value(json_object_get(details, "activeAt")), probe_wall(&run->life));
    char subject[VECTOR_SUBJECT], summary[400];
    struct probe_field fields[5 + TOLD_FIELDS], *field = fields;
    vector_subject(labels, subject);
    *field++ = probe_text("severity", severities[severity_of(config, labels)]);
    if (seconds >= 0)
        *field++ = probe_real("firing_seconds", seconds);
    if (*label(notes, "description"))
        *field++ = probe_text("description", label(notes, "description"));
    if (*label(notes, "runbook_url"))
        *field++ = probe_text("runbook_url", label(notes, "runbook_url"));
    field = add_told(field, run);
    *field = (struct probe_field){0};
    (void)snprintf(summary,
                   sizeof(summary),
                   "%.100s%s%.250s",
                   label(labels, "alertname"),
                   *what ? ": " : " fires",
                   what);
    for (size_t end = strlen(summary); end > 0 && summary[end - 1] == '.'; end--)
        summary[end - 1] = '\0';
    probe_report(run, .subject = subject, .summary = summary, .fields = fields);
}

/* ------------------------------------------------------------------ all ---- */

static bool fires(const json_t *firing, const char *name)
{
    struct series series;
    int count = vector_count(firing);
    for (int i = 0; i < count; i++)
        if (vector_at(firing, (size_t)i, &series) &&
            strcmp(label(series.labels, "alertname"), name) == 0)
            return true;
    return false;
}

/* That it is missing in a reply that lacks a part proves nothing. */
static void report_missing(struct probe_run *run, const char *name)
{
    bool doubt = is_doubtful(run);
    char subject[VECTOR_SUBJECT], summary[200];
    struct probe_field fields[2 + TOLD_FIELDS];
    fields[0] = probe_text("severity", severities[SEVERITY_MISSING]);
    *add_told(fields + 1, run) = (struct probe_field){0};
    (void)snprintf(subject, sizeof(subject), "alertname=%.150s,missing", name);
    (void)snprintf(summary, sizeof(summary), "%.120s should always fire, and does not", name);
    probe_report(run,
                 .subject = subject,
                 .summary = summary,
                 .status = doubt ? PROBE_UNKNOWN : PROBE_GRADED,
                 .hint = doubt ? doubt_hint : "see whether the rules are loaded and evaluated",
                 .fields = fields);
}

static void report_count(struct probe_run *run, int64_t count)
{
    bool doubt = is_doubtful(run);
    char many[32], summary[80];
    struct probe_field fields[2 + TOLD_FIELDS];
    fields[0] = probe_int("count", count);
    *add_told(fields + 1, run) = (struct probe_field){0};
    (void)snprintf(many, sizeof(many), "%lld alerts fire", (long long)count);
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s%s",
                   count == 0   ? "no alert fires"
                   : count == 1 ? "one alert fires"
                                : many,
                   doubt ? "; the reply may lack a part" : "");
    probe_report(run,
                 .status = doubt ? PROBE_UNKNOWN : PROBE_GRADED,
                 .summary = summary,
                 .hint = doubt ? doubt_hint : NULL,
                 .fields = fields);
}

static void report_all(struct probe_run *run, const json_t *alerts)
{
    const struct alerts_config *config = run->config;
    const struct alerts_state *state = run->data;
    struct series series;
    int64_t counted = 0;
    int count = vector_count(state->firing);
    for (int i = 0; i < count; i++) {
        if (!vector_at(state->firing, (size_t)i, &series) ||
            contains(config->ignore, label(series.labels, "alertname")) ||
            contains(config->expect, label(series.labels, "alertname")))
            continue;
        json_t *labels = json_copy((json_t *)series.labels);
        (void)json_object_del(labels, "__name__");
        (void)json_object_del(labels, "alertstate");
        report(run, labels, details_of(alerts, labels));
        json_decref(labels);
        counted++;
    }
    for (const char *const *name = config->expect; name && *name; name++)
        if (!fires(state->firing, *name))
            report_missing(run, *name);
    report_count(run, counted);
    probe_done(run);
}

static void on_alerts(struct probe_run *run, const json_t *alerts)
{
    report_all(run, alerts);
}

static void on_firing(struct probe_run *run, const json_t *firing)
{
    struct alerts_state *state = run->data;
    state->firing = json_incref((json_t *)firing);
    if (vector_count(firing) > 0)
        ask_path(run, "/api/v1/alerts", NULL, on_alerts);
    else
        report_all(run, NULL);
}

void alerts_run(struct probe_target *self, struct probe_run *run)
{
    const struct alerts_memory *memory = run->memory;
    (void)self;
    ask_query(run, memory->query, on_firing);
}

void alerts_ended(struct probe_target *self, struct probe_run *run)
{
    struct alerts_state *state = run->data;
    (void)self;
    json_decref(state->firing);
}
