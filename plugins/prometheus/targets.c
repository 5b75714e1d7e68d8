/*
 * targets - target_up: what Prometheus cannot scrape, job by job, and when it scraped last.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/percent.h"
#include "matchers.h"
#include "prometheus.h"
#include "vector.h"

const struct probe_option targets_options[] = {
    {"job",
     PROBE_STRING_AT(struct targets_config, job),
     .fallback = "",
     .help = "one job: that it has no targets is critical; default: all that there are"},
    {"match",
     PROBE_STRING_AT(struct targets_config, match),
     .fallback = "",
     .help = "which targets: instance=~\"db.*\""},
    {0},
};

const struct probe_measure targets_measures[] = {
    {"count", "targets of the job", .kind = PROBE_GAUGE, .optional = true},
    {"down", "of them: those that cannot be scraped", .kind = PROBE_GAUGE, .optional = true},
    {"down_percent", "of all of the job's", .kind = PROBE_GAUGE, .optional = true},
    {"age_seconds",
     "since the last scrape, of the one that waits longest",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

int targets_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct targets_config *config = config_;
    struct targets_memory *memory = memory_;
    const char *match = config->match ? config->match : "", *job = config->job ? config->job : "";
    char selector[1024];
    if (!matchers_are(match))
        return probe_refuse(error, "match", "is no list of matchers; write instance=~\"db.*\"");
    if (strpbrk(job, "\"\\\n"))
        return probe_refuse(error, "job", "holds a quote or a backslash: use `match`");
    int used = snprintf(selector,
                        sizeof(selector),
                        "%s%s%s%s%s",
                        *job ? "job=\"" : "",
                        job,
                        *job ? "\"" : "",
                        *job && *match ? "," : "",
                        match);
    if ((size_t)used >= sizeof(selector))
        return probe_refuse(error, "match", "is too long");
    (void)snprintf(
        memory->query,
        sizeof(memory->query),
        "label_replace(count by (job) (up{%s}), \"part\", \"count\", \"\", \"\") or "
        "label_replace(count by (job) (up{%s} == 0), \"part\", \"down\", \"\", \"\") or "
        "label_replace(max by (job) (time() - timestamp(up{%s})), \"part\", \"age\", \"\", \"\")",
        selector,
        selector,
        selector);
    return 0;
}

/* -------------------------------------------------------------- counting ---- */

static const char *label(const json_t *labels, const char *name)
{
    const char *text = json_string_value(json_object_get(labels, name));
    return text ? text : "";
}

static double part_of(const json_t *counts, const char *job, const char *part)
{
    struct series series;
    int count = vector_count(counts);
    for (int i = 0; i < count; i++)
        if (vector_at(counts, (size_t)i, &series) &&
            strcmp(label(series.labels, "job"), job) == 0 &&
            strcmp(label(series.labels, "part"), part) == 0 && isfinite(series.value))
            return series.value;
    return 0;
}

/* ------------------------------------------------------------- evidence ---- */

enum { MOST_ROWS = 20 };

struct down_table {
    const char *cells[MOST_ROWS * 2];
    struct probe_table table;
};

/* The targets of a job that are down, and why; `targets` is /api/v1/targets' data, or NULL. */
static struct probe_field down_of(struct down_table *down, const json_t *targets, const char *job)
{
    static const struct probe_column columns[] = {{"instance", PROBE_FIELD_TEXT},
                                                  {"error", PROBE_FIELD_TEXT}};
    size_t place, count = 0;
    int64_t total = 0;
    json_t *target;
    json_array_foreach(json_object_get(targets, "activeTargets"), place, target) {
        const json_t *labels = json_object_get(target, "labels");
        if (strcmp(label(target, "health"), "down") != 0 || strcmp(label(labels, "job"), job) != 0)
            continue;
        total++;
        if (count == MOST_ROWS)
            continue;
        down->cells[count * 2] = label(labels, "instance");
        down->cells[count * 2 + 1] = label(target, "lastError");
        count++;
    }
    down->table = (struct probe_table){columns, 2, down->cells, count, total};
    return probe_rows("targets", &down->table);
}

static void report(struct probe_run *run, const char *job, const json_t *targets)
{
    const struct targets_state *state = run->data;
    double count = part_of(state->counts, job, "count"), down = part_of(state->counts, job, "down");
    double age = part_of(state->counts, job, "age");
    struct down_table table;
    struct probe_field fields[6 + TOLD_FIELDS], *field = fields;
    char summary[200];
    *field++ = probe_real("count", count);
    *field++ = probe_real("down", down);
    *field++ = probe_real("down_percent", percent_of(down, count));
    *field++ = probe_real("age_seconds", age);
    field = add_told(field, run);
    if (down > 0)
        *field++ = down_of(&table, targets, job);
    *field = (struct probe_field){0};
    if (down > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.0f of %.0f targets of %.100s cannot be scraped",
                       down,
                       count,
                       job);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "all %.0f targets of %.100s are scraped, none longer than %.0f s ago",
                       count,
                       job,
                       ceil(age));
    probe_report(run, .subject = job, .summary = summary, .fields = fields);
}

/* A job that is named is there, unless the reply may lack a part. */
static void report_no_job(struct probe_run *run, const char *job)
{
    bool doubt = is_doubtful(run);
    struct probe_field fields[5 + TOLD_FIELDS], *field = fields;
    *field++ = probe_int("count", 0);
    *field++ = probe_int("down", 0);
    *field++ = probe_int("down_percent", 0);
    *field++ = probe_int("age_seconds", 0);
    field = add_told(field, run);
    *field = (struct probe_field){0};
    probe_report(run,
                 .status = doubt ? PROBE_UNKNOWN : PROBE_CRITICAL,
                 .subject = job,
                 .summary = doubt ? "the job has no targets; the reply may lack a part"
                                  : "the job has no targets",
                 .hint = doubt
                             ? doubt_hint
                             : "see its service discovery, and whether the job is still called so",
                 .fields = fields);
}

static void report_all(struct probe_run *run, const json_t *targets)
{
    const struct targets_config *config = run->config;
    const struct targets_state *state = run->data;
    struct series series;
    bool any = false;
    int count = vector_count(state->counts);
    for (int i = 0; i < count; i++)
        if (vector_at(state->counts, (size_t)i, &series) &&
            strcmp(label(series.labels, "part"), "count") == 0) {
            report(run, label(series.labels, "job"), targets);
            any = true;
        }
    if (!any && config->job && *config->job)
        report_no_job(run, config->job);
    else if (!any)
        absent_report(run, "unknown", "there is no target at all");
    if (any || (config->job && *config->job))
        probe_done(run);
}

static void on_targets(struct probe_run *run, const json_t *targets)
{
    report_all(run, targets);
}

static void on_counts(struct probe_run *run, const json_t *counts)
{
    static const struct probe_pair active[] = {{.name = "state", .value = "active"}, {0}};
    struct targets_state *state = run->data;
    struct series series;
    bool down = false;
    int count = vector_count(counts);
    state->counts = json_incref((json_t *)counts);
    for (int i = 0; i < count; i++)
        down = down || (vector_at(counts, (size_t)i, &series) &&
                        strcmp(label(series.labels, "part"), "down") == 0);
    if (down)
        ask_path(run, "/api/v1/targets", active, on_targets);
    else
        report_all(run, NULL);
}

void targets_run(struct probe_target *self, struct probe_run *run)
{
    const struct targets_memory *memory = run->memory;
    (void)self;
    ask_query(run, memory->query, on_counts);
}

void targets_ended(struct probe_target *self, struct probe_run *run)
{
    struct targets_state *state = run->data;
    (void)self;
    json_decref(state->counts);
}
