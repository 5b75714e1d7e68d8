/*
 * rls - whether row security really keeps an application's tenants apart.
 */
#ifndef POSTGRES_RLS_H
#define POSTGRES_RLS_H

#include "operator.h"

struct rls {
    const char *role, *column;
    const char *const *tables;
    bool require_force;
};

struct rls_memory {
    char tables[OPERATOR_NAMES_ROOM];
};

extern const struct probe_option rls_options[];
extern const struct probe_measure rls_measures[];
int prepare_rls(const void *config, void *memory, struct probe_error *error);
void run_rls(struct probe_target *self, struct probe_run *run);

/* From the rows of rls.sql. */
void check_rls(struct probe_run *run, const struct answer *answer);

#endif
