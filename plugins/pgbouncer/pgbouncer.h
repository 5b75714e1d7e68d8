/*
 * pgbouncer - what the plugin's own files share: options and runs.
 */
#ifndef PGBOUNCER_PGBOUNCER_H
#define PGBOUNCER_PGBOUNCER_H

#include "console.h"

/* ---- connect.c ---- */

void connect_run(struct probe_target *self, struct probe_run *run);

/* ---- clients.c ---- */

struct clients_run {
    struct wire_run wire;
    int64_t used;
};

void clients_run(struct probe_target *self, struct probe_run *run);

/* ---- pools.c ---- */

enum { POOLS_MOST = 64 };

struct pools_config {
    const char *const *databases; /* none: all */
};

struct pool {
    char database[CONSOLE_NAME_LEN], user[CONSOLE_NAME_LEN], mode[16], server[96];
    int64_t active, waiting, used, connected, limit;
    double wait_seconds, queries_per_second, query_ms, wait_ms;
    bool has_limit, has_average;
    const char *state; /* one of pools_states */
};

/* From run to run: which pools had clients that wait, and no server connection, since when. */
struct pools_memory {
    struct pool_stuck {
        uint64_t pool, since_us;
    } stuck[POOLS_MOST];
    size_t count;
};

struct pools_run {
    struct wire_run wire;
    struct pool pools[POOLS_MOST];
    size_t count;
    struct pool others; /* the sum of those that found no place */
    size_t other_count;
};

extern const char *const pools_states[];

void pools_run(struct probe_target *self, struct probe_run *run);

/* ---- actions.c ---- */

struct action_config {
    const char *database; /* "": all */
    int64_t grace_ms;     /* of pause: how long transactions may take to end */
};

struct action_run {
    struct wire_run wire;
    char command[2 * CONSOLE_NAME_LEN + 16], key[CONSOLE_NAME_LEN];
    struct probe_op *grace; /* when a pause is taken back */
};

void reconnect_plan(struct probe_target *self, struct probe_run *run);
void reconnect_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step);
void pause_plan(struct probe_target *self, struct probe_run *run);
void pause_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);
void resume_plan(struct probe_target *self, struct probe_run *run);
void resume_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

#endif
