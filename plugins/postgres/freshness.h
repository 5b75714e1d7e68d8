/*
 * freshness - how old the newest row of a table is, for each group of rows.
 */
#ifndef POSTGRES_FRESHNESS_H
#define POSTGRES_FRESHNESS_H

#include "operator.h"

struct freshness {
    const char *table, *column, *where, *group, *timezone;
    const char *const *expect;
    int64_t window;
    bool row_security;
};

struct freshness_memory {
    char sql[OPERATOR_SQL_ROOM];
    char window[24], expect[4096], set[OPERATOR_SET_ROOM];
};

extern const struct probe_option freshness_options[];
extern const struct probe_measure freshness_measures[];
int prepare_freshness(const void *config, void *memory, struct probe_error *error);
void run_freshness(struct probe_target *self, struct probe_run *run);

/* From rows: name, expected, age_seconds, last_at. */
void check_freshness(struct probe_run *run, const struct answer *answer);

#endif
