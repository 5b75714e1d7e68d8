/*
 * invariant - rows that must not be, by a statement of the operator's.
 */
#ifndef POSTGRES_INVARIANT_H
#define POSTGRES_INVARIANT_H

#include "operator.h"

struct invariant {
    const char *sql;
    int64_t tolerance, max_rows, sample;
    bool row_security;
};

struct invariant_memory {
    char sql[OPERATOR_SQL_ROOM];
    char most[24], sample[24], set[OPERATOR_SET_ROOM];
};

extern const struct probe_option invariant_options[];
extern const struct probe_measure invariant_measures[];
int prepare_invariant(const void *config, void *memory, struct probe_error *error);
void run_invariant(struct probe_target *self, struct probe_run *run);

/* From rows: count, violations, columns, named, id. */
void check_invariant(struct probe_run *run, const struct answer *answer);

#endif
