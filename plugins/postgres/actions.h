/*
 * actions - what the plugin can change: the options, and how each is planned and applied.
 */
#ifndef POSTGRES_ACTIONS_H
#define POSTGRES_ACTIONS_H

#include <jansson.h>

#include "common/pq/wire.h"
#include "explained.h"
#include "statement.h"

/* The table; ended by { 0 }. */
extern const struct probe_action actions[];

/* ---- actions_sessions.c ---- */

enum { ACTIONS_LIST_ROOM = 2048, ACTIONS_SESSIONS = 200 };

struct sessions_config {
    const char *which; /* NULL: active */
    int64_t older_than_ms, pid, most, grace_ms;
    const char *const *databases, *const *users, *const *except_users, *const *except_applications;
};

struct sessions_run {
    struct wire_run wire;
    char older_than[24], pid[24], most[24];
    char databases[ACTIONS_LIST_ROOM], users[ACTIONS_LIST_ROOM], except_users[ACTIONS_LIST_ROOM],
        except_applications[ACTIONS_LIST_ROOM];
    char step[256];                                                /* of apply */
    char keys[ACTIONS_SESSIONS][64], whats[ACTIONS_SESSIONS][400]; /* of plan */
    bool query_only;   /* cancel_queries: the session is not to end */
    bool terminated;   /* it was told to end, and not only its query */
    uint64_t until_ms; /* when waiting ends, on the clock of probe_now() */
};

extern const struct probe_option terminate_options[], cancel_options[];

void sessions_plan(struct probe_target *self, struct probe_run *run);
void terminate_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step);
void cancel_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- actions_analyze.c ---- */

enum { ANALYZE_TABLES = 32, ANALYZE_NAME_ROOM = 160 };

struct analyze_config {
    const char *const *tables;
    int64_t lately_ms, lock_ms;
};

struct analyze_run {
    struct wire_run wire;
    char tables[2048], lately[24];
    char keys[ANALYZE_TABLES][ANALYZE_NAME_ROOM], whats[ANALYZE_TABLES][256],
        json[ANALYZE_TABLES][32];
    char table[ANALYZE_NAME_ROOM], oid[24], sql[ANALYZE_NAME_ROOM + 16]; /* of apply */
    double before_epoch; /* when it was analysed last; zero: never */
    uint64_t until_ms;   /* when we no longer wait for the statistics to show it */
};

extern const struct probe_option analyze_options[];

void analyze_plan(struct probe_target *self, struct probe_run *run);
void analyze_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- actions_execute.c ---- */

struct execute_config {
    const char *statement, *count;
    int64_t most, lock_ms;
};

struct execute_run {
    struct wire_run wire;
    char sql[STATEMENT_ROOM + 16]; /* of plan: what explains it */
    char nodes[420];               /* of plan: how the server goes about it */
    int64_t rows;                  /* of apply: as planned */
};

extern const struct probe_option execute_options[];

void execute_plan(struct probe_target *self, struct probe_run *run);
void execute_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- actions_suggest.c ---- */

struct suggest_config {
    const char *query_id;
    int64_t min_rows;
    double max_percent;
};

struct suggest_run {
    struct wire_run wire;
    char sql[2048], set[3 * STATEMENT_ROOM]; /* what is asked */
    char shown[400], whole[STATEMENT_ROOM];  /* the statement without literals */
    char names[EXPLAINED_COLUMNS * (2 * EXPLAINED_NAME + 3) + 3];
    struct explained explained;
    size_t at, suggested; /* the scan that is looked at; with how many an index would help */
    json_t *scans;        /* what is said of each; owned */
};

extern const struct probe_option suggest_options[];

void suggest_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);
void suggest_ended(struct probe_target *self, struct probe_run *run);

#endif
