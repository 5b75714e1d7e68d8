/*
 * actions - what may be changed: options of actions, and what runs them.
 */
#ifndef CLICKHOUSE_ACTIONS_H
#define CLICKHOUSE_ACTIONS_H

#include "wire.h"

extern const struct probe_action actions_table[];
extern const char *const actions_templates[]; /* ended by NULL */

/* What every action's run holds: its step, and its options as SQL. */
struct action_run {
    struct wire_run wire;
    char *key, *json;              /* of the step */
    char *database, *name, *table; /* 'db', 'table', and both as `db`.`table` */
    char *words, *more;            /* lists of literals */
    char *sql;                     /* what changes something */
    char seconds[24], limit[24];
    uint64_t polled_until_ms;
};

/* Zero: "db.table" of the options, or of the target's database, is in the run; else it has ended. */
int action_name_table(struct probe_run *run, const char *table);
void action_keep_step(struct action_run *state, const struct probe_step *step);
void action_forget(struct probe_target *self, struct probe_run *run);

/* Changes something: `then` hears of it. */
void action_change(struct probe_run *run, char *sql, wire_answer_fn *then);

/* ---- drop.c ---- */

struct drop_config {
    const char *table;
    int64_t older_than, max;
    const char *const *partitions;
};
void drop_plan(struct probe_target *self, struct probe_run *run);
void drop_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- ttl.c ---- */

struct ttl_config {
    const char *table, *column;
    int64_t keep;
};
void ttl_plan(struct probe_target *self, struct probe_run *run);
void ttl_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- kill.c ---- */

struct kill_config {
    int64_t older_than, max;
    const char *const *users, *const *except_users;
    bool writes;
};
void kill_plan(struct probe_target *self, struct probe_run *run);
void kill_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

#endif
