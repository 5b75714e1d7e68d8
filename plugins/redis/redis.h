/*
 * redis - what the plugin's own files share: the target's state, the options, the runs.
 */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "reap.h"
#include "scan.h"
#include "server.h"
#include "stream.h"
#include "walk.h"

/* Each check's options and measures are in the file that asks. */
extern const struct probe_option connect_options[], memory_options[], latency_options[],
    replication_options[], hits_options[], slowlog_options[], drift_options[], acl_options[],
    queues_options[], failed_options[], stalled_options[], bigkeys_options[], quarantine_options[],
    unlink_options[], sessions_options[];
extern const struct probe_measure connect_measures[], memory_measures[], clients_measures[],
    latency_measures[], persistence_measures[], replication_measures[], keyspace_measures[],
    hits_measures[], slowlog_measures[], drift_measures[], acl_measures[], queues_measures[],
    failed_measures[], stalled_measures[], bigkeys_measures[];

/* ---- connect.c ---- */

struct connect_config {
    const char *role;  /* "any", "master", "replica" */
    const char *write; /* the key to write to; NULL: none */
};

/* A connection of its own, so that each run sees what a new client sees. */
struct connect_run {
    struct talk talk;
    int64_t ping_us;
    bool misconf;         /* PING said so */
    bool mute;            /* PING is not permitted */
    bool cluster_unknown; /* CLUSTER INFO is not permitted, or says nothing */
    char *info;           /* NULL: not permitted */
    struct rights lacks;
    char grant[320]; /* the line that grants them, or "" */
};

void connect_run(struct probe_target *self, struct probe_run *run);
void connect_ended(struct probe_target *self, struct probe_run *run);

/* ---- numbers.c ---- */

struct memory_config {
    int64_t limit; /* of the container; zero: none */
};

void memory_run(struct probe_target *self, struct probe_run *run);

struct clients_run {
    char *info; /* while maxclients is asked for */
};

void clients_run(struct probe_target *self, struct probe_run *run);
void clients_ended(struct probe_target *self, struct probe_run *run);

/* INFO was answered, and does not say what it should. */
void numbers_refuse(struct probe_run *run);

/* Asks for INFO; whether it has a line, otherwise the run has ended. */
void numbers_ask(struct probe_run *run, talk_fn *then);
bool numbers_has(struct probe_run *run, const redisReply *reply, const char *line);

/* ---- persistence.c, replication.c, keyspace.c ---- */

struct persistence_run {
    char *info; /* while the save points are asked for */
};

void persistence_run(struct probe_target *self, struct probe_run *run);
void persistence_ended(struct probe_target *self, struct probe_run *run);

struct replication_config {
    int64_t replicas;       /* that are expected */
    int64_t good_within_ms; /* of the last acknowledgement */
};

void replication_run(struct probe_target *self, struct probe_run *run);

struct keyspace_memory {
    bool seen;
    int64_t keys, gone; /* expired and evicted, as the server counts */
};

void keyspace_run(struct probe_target *self, struct probe_run *run);

struct hits_config {
    int64_t window_ms, least; /* lookups, below which there is no ratio */
};

enum { HITS_SAMPLES = 64 };

/* From run to run: what was counted within the window, the oldest first. */
struct hits_memory {
    struct hits_sample {
        uint64_t at_us;
        int64_t hits, misses;
    } samples[HITS_SAMPLES];
    size_t count;
};

void hits_run(struct probe_target *self, struct probe_run *run);

/* ---- latency.c, slowlog.c ---- */

struct latency_config {
    int64_t samples, pause_ms;
};

enum { LATENCY_SAMPLES = 200 };

struct latency_run {
    int64_t us[LATENCY_SAMPLES];
    size_t count;
    uint64_t began_ms;
};

void latency_run(struct probe_target *self, struct probe_run *run);

struct slowlog_config {
    bool arguments;
};

void slowlog_run(struct probe_target *self, struct probe_run *run);

/* ---- drift.c, acl.c ---- */

struct drift_config {
    const struct probe_pair *expect;
    const char *const *ignore;
    const char *baseline;
};

struct drift_run {
    char server[48]; /* its run_id */
};

void drift_run(struct probe_target *self, struct probe_run *run);

struct acl_config {
    const char *const *checks;
    const char *const *keys;
};

struct acl_run {
    struct rights missing;
    const redisReply *replies; /* to what is tried, while they are read ... */
    size_t at;                 /* ... and how far */
};

void acl_run(struct probe_target *self, struct probe_run *run);
int acl_prepare(const void *config_data, void *memory_data, struct probe_error *error);

/* ---- queues.c ---- */

struct queues_config {
    struct queue_names names;
};

/* From run to run: how long each queue was, for its slope. */
struct queues_memory {
    struct queue_sample {
        int64_t length;
        uint64_t at_us; /* zero: not seen yet */
    } * samples;
};

enum { QUEUES_COUNTS = 6 };

struct queues_run {
    struct queue_walk walk; /* first */
    int64_t counts[QUEUES_COUNTS];
    bool asked[QUEUES_COUNTS];
    struct stream_groups groups;
};

void queues_run(struct probe_target *self, struct probe_run *run);
int queues_prepare(const void *config_data, void *memory_data, struct probe_error *error);
void queues_forget(void *memory_data);

/* ---- failed.c ---- */

struct failed_config {
    struct queue_names names;
    int64_t sample;
};

enum { FAILED_REASONS = 10, FAILED_REASON = 120 };

struct failed_run {
    struct queue_walk walk; /* first */
    int64_t count, oldest_ms;
    struct rows rows;
    struct failed_reason {
        char text[FAILED_REASON];
        int64_t count;
    } reasons[FAILED_REASONS];
    size_t reason_count;
    char first[24], last[24], sample[24]; /* of the sample, as words of the questions */
};

void failed_run(struct probe_target *self, struct probe_run *run);
int failed_prepare(const void *config_data, void *memory_data, struct probe_error *error);

/* ---- stalled.c ---- */

struct stalled_config {
    struct queue_names names;
    const char *consumed_from;
};

/* From run to run, of each queue: what it looked like, and when something was last taken from it. */
struct stalled_memory {
    struct stalled_sample {
        bool seen;
        int64_t length, made; /* made: by what the queue counts, of what was ever added */
        uint64_t mark, progress_us;
    } * samples;
};

struct stalled_run {
    struct queue_walk walk;                       /* first */
    int64_t length, held;                         /* what waits; what waits for later */
    int64_t produced, oldest_ms, workers, active; /* -1: unknown */
    uint64_t mark;                                /* of what is taken next */
    char worker[128]; /* how the names of Bull's workers begin: "bull:bWFpbHM=" */
};

void stalled_run(struct probe_target *self, struct probe_run *run);
int stalled_prepare(const void *config_data, void *memory_data, struct probe_error *error);
void stalled_forget(void *memory_data);

/* ---- bigkeys.c ---- */

enum { BIGKEYS_TOP = 10 };

struct bigkeys_config {
    int64_t budget_ms, max_keys, pause_ms;
    const char *match; /* NULL: all */
};

/* From run to run: where the walk is, and the biggest keys until now. */
struct bigkeys_memory {
    char cursor[24];
    size_t node;
    int64_t walked;
    struct bigkeys_entry {
        char *key;
        char type[16];
        int64_t bytes;
    } top[BIGKEYS_TOP + 1];
    size_t count;
};

struct bigkeys_run {
    struct scan *found; /* where scan.c looks: points to `scan` */
    struct scan scan;
    size_t again; /* of the biggest, which is measured again now */
    char **keys;  /* of the present page */
    size_t count;
};

void bigkeys_run(struct probe_target *self, struct probe_run *run);
void bigkeys_ended(struct probe_target *self, struct probe_run *run);
void bigkeys_forget(void *memory_data);

/* ---- actions.c, unlink.c, sessions.c ---- */

struct quarantine_config {
    const char *key;
    int64_t keep_ms;
};

struct quarantine_run {
    bool back;   /* this step takes an earlier one back */
    bool tagged; /* in a cluster: the name aside is {KEY}:quarantine */
};

void quarantine_plan(struct probe_target *self, struct probe_run *run);
void quarantine_apply(struct probe_target *self, struct probe_run *run,
                      const struct probe_step *step);

struct unlink_config {
    const char *pattern;
    const char *const *types, *const *never;
    bool expiring_only;
    int64_t min_ttl_ms, max_keys, batch, pause_ms, budget_ms;
};

struct unlink_run {
    struct reap reap;   /* first */
    int64_t left_alone; /* keys that fit the pattern only */
};

void unlink_plan(struct probe_target *self, struct probe_run *run);
void unlink_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

struct sessions_config {
    const char *pattern, *user_in;
    const char *const *users;
    int64_t older_than_ms, lifetime_ms, max_keys, pause_ms, budget_ms;
    bool everybody;
};

struct sessions_run {
    struct reap reap; /* first */
    char match[512];
    char *only;      /* whose sessions this step ends; NULL: everybody's */
    int64_t *counts; /* of each user */
    size_t users;
};

void sessions_plan(struct probe_target *self, struct probe_run *run);
void sessions_apply(struct probe_target *self, struct probe_run *run,
                    const struct probe_step *step);
void sessions_ended(struct probe_target *self, struct probe_run *run);

#endif
