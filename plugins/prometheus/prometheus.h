/*
 * prometheus - what the plugin's own files share: the checks' options, and what they keep.
 */
#ifndef PROMETHEUS_PROMETHEUS_H
#define PROMETHEUS_PROMETHEUS_H

#include "ask.h"
#include "exposition.h"

/* What it means that there are no series, by the option `absent`. */
extern const char *const absent_words[]; /* "unknown", "ok", "warning", "critical" */
enum probe_status absent_status(const char *word);

/*
 * Says that there are none, and ends the run.  Where warnings say that the reply may lack a part, it
 * is unknown whether there are any.
 */
void absent_report(struct probe_run *run, const char *word, const char *summary);

/* Adds what the run's replies told to a finding's fields: at most TOLD_FIELDS. */
enum { TOLD_FIELDS = 1 + ANSWER_FIELDS };
struct probe_field *add_told(struct probe_field *field, const struct probe_run *run);

/* Whether a reply of the run may lack a part, by its warnings. */
bool is_doubtful(const struct probe_run *run);

/* What to do about a reply that lacks a part. */
extern const char doubt_hint[];

/* A window as PromQL writes it, "300s". */
void print_window(int64_t ms, char out[32]);

/* ---- connect, query.c ---- */

struct connect_state {
    struct ask_state ask; /* first */
    uint64_t asked_us;
};

struct query_config {
    const char *promql, *absent;
    int64_t most;
};

extern const struct probe_measure connect_measures[];
void connect_run(struct probe_target *self, struct probe_run *run);

extern const struct probe_option query_options[];
extern const struct probe_measure query_measures[];
void query_run(struct probe_target *self, struct probe_run *run);

/* ---- ratio.c: error_rate ---- */

enum { PROMQL_ROOM = 4096 };

struct ratio_config {
    const char *metric, *match, *status_label, *absent;
    const char *const *by;
    int64_t window_ms;
    double min_rps;
};

struct ratio_memory {
    char total[PROMQL_ROOM], errors[PROMQL_ROOM];
};

struct ratio_state {
    struct ask_state ask; /* first */
    json_t *total;        /* what the first question answered */
};

extern const struct probe_option ratio_options[];
extern const struct probe_measure ratio_measures[];
int ratio_prepare(const void *config, void *memory, struct probe_error *error);
void ratio_run(struct probe_target *self, struct probe_run *run);
void ratio_ended(struct probe_target *self, struct probe_run *run);

/* ---- quantile.c: latency ---- */

struct quantile_config {
    const char *metric, *match, *absent;
    const char *const *by;
    double quantile;
    int64_t window_ms, baseline_ms;
};

struct quantile_memory {
    char now[PROMQL_ROOM], before[PROMQL_ROOM], rate[PROMQL_ROOM];
};

struct quantile_state {
    struct ask_state ask; /* first */
    json_t *now, *before; /* NULL: not asked */
};

extern const struct probe_option quantile_options[];
extern const struct probe_measure quantile_measures[];
int quantile_prepare(const void *config, void *memory, struct probe_error *error);
void quantile_run(struct probe_target *self, struct probe_run *run);
void quantile_ended(struct probe_target *self, struct probe_run *run);

/* ---- alerts.c ---- */

struct alerts_config {
    const char *match, *severity_label;
    const char *const *page, *const *info, *const *ignore, *const *expect;
};

struct alerts_memory {
    char query[PROMQL_ROOM];
};

struct alerts_state {
    struct ask_state ask; /* first */
    json_t *firing;
};

extern const struct probe_option alerts_options[];
extern const struct probe_measure alerts_measures[];
int alerts_prepare(const void *config, void *memory, struct probe_error *error);
void alerts_run(struct probe_target *self, struct probe_run *run);
void alerts_ended(struct probe_target *self, struct probe_run *run);

/* ---- targets.c: target_up ---- */

struct targets_config {
    const char *job, *match;
};

struct targets_memory {
    char query[PROMQL_ROOM];
};

struct targets_state {
    struct ask_state ask; /* first */
    json_t *counts;
};

extern const struct probe_option targets_options[];
extern const struct probe_measure targets_measures[];
int targets_prepare(const void *config, void *memory, struct probe_error *error);
void targets_run(struct probe_target *self, struct probe_run *run);
void targets_ended(struct probe_target *self, struct probe_run *run);

/* ---- scrape.c ---- */

struct scrape_config {
    const char *metric, *absent, *path;
    const char *const *urls, *const *by;
    const struct probe_pair *match;
    double quantile;
    int64_t pause_ms;
};

/* The last scrape, for deltas. */
struct scrape_memory {
    struct exposition before;
    uint64_t before_us; /* zero: none yet */
};

struct scrape_state {
    struct ask_state ask; /* first */
    struct exposition now;
    struct exposition_wish wish;
    struct exposition_reader reader;
    size_t url, failed;
    uint64_t began_us;
    bool again; /* this is the second look of this run */
    char failure[200];
};

extern const struct probe_option scrape_options[];
extern const struct probe_measure scrape_measures[];
int scrape_prepare(const void *config, void *memory, struct probe_error *error);
void scrape_forget(void *memory);
void scrape_run(struct probe_target *self, struct probe_run *run);
void scrape_ended(struct probe_target *self, struct probe_run *run);

#endif
