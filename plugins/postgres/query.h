/*
 * query - a number, or one for each subject, by a statement of the operator's.
 */
#ifndef POSTGRES_QUERY_H
#define POSTGRES_QUERY_H

#include "operator.h"

struct query {
    const char *sql, *value, *subject;
    int64_t max_rows;
    bool row_security;
};

struct query_memory {
    char sql[OPERATOR_SQL_ROOM];
    char most[24], set[OPERATOR_SET_ROOM];
};

extern const struct probe_option query_options[];
extern const struct probe_measure query_measures[];
int prepare_query(const void *config, void *memory, struct probe_error *error);
void run_query(struct probe_target *self, struct probe_run *run);

/* From rows: count, value, subject, has_value, has_subject. */
void check_query(struct probe_run *run, const struct answer *answer);

#endif
