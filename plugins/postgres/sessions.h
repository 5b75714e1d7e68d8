/*
 * sessions - what clients' sessions do, and for how long.
 */
#ifndef POSTGRES_SESSIONS_H
#define POSTGRES_SESSIONS_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct long_queries {
    int64_t older_than;
    const char *const *except_users, *const *except_applications;
};

/* The options as the server reads them, made once. */
struct long_queries_params {
    char older_than[24], users[2048], applications[2048];
};

extern const struct probe_option long_queries_options[];
extern const struct probe_measure long_queries_measures[];
int prepare_long_queries(const void *config, void *memory, struct probe_error *error);
void run_long_queries(struct probe_target *self, struct probe_run *run);

extern const struct probe_measure idle_in_transaction_measures[];
void run_idle_in_transaction(struct probe_target *self, struct probe_run *run);

extern const struct probe_measure sessions_measures[];
void run_sessions(struct probe_target *self, struct probe_run *run);

/* From the rows of the checks' queries. */
void check_sessions(struct probe_run *run, const struct answer *answer);
void check_long_queries(struct probe_run *run, const struct answer *answer);
void check_idle_in_transaction(struct probe_run *run, const struct answer *answer);

#endif
