/*
 * stripe - what the plugin's own files share: a target's and its checks' options, and what they keep.
 */
#ifndef STRIPE_STRIPE_H
#define STRIPE_STRIPE_H

#include "common/pq/wire.h"
#include "list.h"
#include "tally.h"
#include "traffic.h"

/* target->config */
struct stripe {
    struct server database; /* first, for common/pq: of stuck_payments */
    const struct probe_url *url;
    const char *version, *account, *mode;
    struct probe_secret *key, *webhook_secret;
    const struct probe_tls *tls;
};

/* target->data */
struct stripe_target {
    struct wire wire; /* first, for common/pq */
    struct traffic traffic;
    bool warned; /* of a key that may do more than it should */
};

/* Permissions of a restricted key, as the dashboard names them. */
#define STRIPE_READS(what) what ", read"

/* An id or a word of Stripe's as a subject or in a sentence: "?" where there is none. */
static inline const char *stripe_said(const char *text)
{
    return *text ? text : "?";
}

/* The bounds of a window as Stripe takes them, in whole seconds. */
struct stripe_window {
    char from[24], to[24];
};
struct stripe_window stripe_window(struct probe_run *run, int64_t begin_ms_ago, int64_t end_ms_ago);

/* "2 events", "1 event" */
static inline const char *stripe_s(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- status.c ---- */

struct status_config {
    const struct probe_url *base_url;
    const char *const *components;
    int64_t stale_ms;
};

extern const struct probe_option status_options[];
extern const struct probe_measure status_measures[];
void status_run(struct probe_target *self, struct probe_run *run);

/* ---- api.c: api, rate_limit ---- */

struct api_config {
    const char *path;
};

struct limit_config {
    const char *path;
    int64_t window_ms, replicas;
    double configured_rps, limit_rps;
};

extern const struct probe_option api_options[], limit_options[];
extern const struct probe_measure api_measures[], limit_measures[];
int api_prepare(const void *config, void *memory, struct probe_error *error);
void api_run(struct probe_target *self, struct probe_run *run);
int limit_prepare(const void *config, void *memory, struct probe_error *error);
void limit_run(struct probe_target *self, struct probe_run *run);

/* ---- intent.c: payment_intent ---- */

struct intent_config {
    const char *id;
};

extern const char *const intent_states[];
extern const struct probe_option intent_options[];
extern const struct probe_measure intent_measures[];
int intent_prepare(const void *config, void *memory, struct probe_error *error);
void intent_run(struct probe_target *self, struct probe_run *run);

/* ---- failures.c: payment_failure_rate ---- */

struct failures_config {
    int64_t window_ms, min_count;
    const char *const *exclude;
};

enum { FAILURES_SAMPLE = 50, STRIPE_ID = 100 };

struct failures_state {
    struct list list;
    struct stripe_window window;
    int64_t succeeded, failed, skipped;
    struct tally by_error;
    struct failures_payment {
        char intent[STRIPE_ID], error[40];
    } sample[FAILURES_SAMPLE];
    size_t sampled;
};

extern const struct probe_option failures_options[];
extern const struct probe_measure failures_measures[];
void failures_run(struct probe_target *self, struct probe_run *run);

/* ---- declines.c ---- */

struct declines_config {
    int64_t window_ms, baseline_ms, min_count;
};

struct declines_part {
    int64_t total, rejected, blocked;
    bool truncated;
};

struct declines_state {
    struct list list;
    struct stripe_window window;
    struct declines_part now, before;
    bool looking_back;
    struct tally by_code, by_brand, by_country, by_funding;
};

extern const struct probe_option declines_options[];
extern const struct probe_measure declines_measures[];
int declines_prepare(const void *config, void *memory, struct probe_error *error);
void declines_run(struct probe_target *self, struct probe_run *run);

/* ---- endpoint.c: webhook_endpoint ---- */

struct endpoint_config {
    const char *endpoint, *url;
    const char *const *events;
};

struct endpoint_state {
    struct list list;
};

extern const struct probe_option endpoint_options[];
extern const struct probe_measure endpoint_measures[];
int endpoint_prepare(const void *config, void *memory, struct probe_error *error);
void endpoint_run(struct probe_target *self, struct probe_run *run);

/* Whether an endpoint of these enabled_events gets an event of this type. */
bool endpoint_gets(const json_t *enabled_events, const char *type);

/* ---- deliveries.c: webhook_deliveries ---- */

struct deliveries_config {
    int64_t window_ms, settle_ms;
    const char *const *types;
};

enum { DELIVERIES_SAMPLE = 20 };

struct deliveries_event {
    char id[STRIPE_ID], type[80], pending[24], created[24];
};

struct deliveries_state {
    struct list list;
    struct stripe_window window;
    int64_t undelivered, pending, oldest;
    struct tally by_type;
    struct deliveries_event oldest_ones[DELIVERIES_SAMPLE];
};

extern const struct probe_option deliveries_options[];
extern const struct probe_measure deliveries_measures[];
void deliveries_run(struct probe_target *self, struct probe_run *run);

/* Whether a type is meant by a list such as [payment_intent.*, charge.failed]; no list: all are. */
bool deliveries_wants(const char *const *types, const char *type);

/* ---- receiver.c: webhook_receiver ---- */

struct receiver_config {
    const struct probe_url *url;
    const char *event_type;
};

enum receiver_post {
    RECEIVER_UNSIGNED,
    RECEIVER_FORGED,
    RECEIVER_STALE,
    RECEIVER_SIGNED,
    RECEIVER_POSTS
};

struct receiver_state {
    enum receiver_post at;
    int statuses[RECEIVER_POSTS]; /* zero: not asked */
    char body[600];
    double total_ms, skew_seconds;
    struct answer_trail trail; /* of all posts */
    bool has_skew;
    char location[120];
};

extern const struct probe_option receiver_options[];
extern const struct probe_measure receiver_measures[];
int receiver_prepare(const void *config, void *memory, struct probe_error *error);
void receiver_run(struct probe_target *self, struct probe_run *run);

/* ---- stuck.c: stuck_payments ---- */

struct stuck_config {
    const char *sql;
    const char *const *states;
    int64_t older_than_ms, window_ms, max;
};

enum { STUCK_MOST = 200, STUCK_SAMPLE = 20, STUCK_SQL = 4096 };

struct stuck_payment {
    char payment[64], intent[STRIPE_ID], db_status[40], state[32];
    double age_seconds; /* below zero: not known */
};

struct stuck_memory {
    char sql[STUCK_SQL];
};

struct stuck_state {
    struct wire_run wire; /* first, for common/pq */
    struct list list;
    struct stuck_payment payments[STUCK_MOST];
    size_t count, at;
    int64_t total, final, missing;
    bool truncated;
    char query[200], path[140];
};

extern const struct probe_option stuck_options[];
extern const struct probe_measure stuck_measures[];
int stuck_prepare(const void *config, void *memory, struct probe_error *error);
void stuck_run(struct probe_target *self, struct probe_run *run);
void stuck_ended(struct probe_target *self, struct probe_run *run);

/* ---- redeliver.c: redeliver_events ---- */

struct redeliver_config {
    const char *endpoint;
    const char *const *types, *const *skip;
    int64_t since_ms, settle_ms, watch_ms, limit, stop_after;
    double pace;
};

enum { REDELIVER_MOST = LIST_MOST_PAGES * LIST_PAGE };

struct redeliver_event {
    char id[STRIPE_ID], type[80];
    int64_t created, pending;
};

struct redeliver_state {
    struct list list;
    struct stripe_window window;
    char endpoint[STRIPE_ID], event[STRIPE_ID]; /* ids */
    int64_t enabled;                            /* endpoints that could be meant */
    json_t *enabled_events;                     /* of the endpoint */
    int64_t pending;
    uint64_t watched_until_ms;
    bool truncated;
    struct redeliver_event *events; /* newest first */
    size_t count;
};

extern const struct probe_option redeliver_options[];
void redeliver_plan(struct probe_target *self, struct probe_run *run);
void redeliver_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step);
void redeliver_ended(struct probe_target *self, struct probe_run *run);

#endif
