/*
 * databases - what goes wrong in each database, as the server counts it.
 */
#ifndef POSTGRES_DATABASES_H
#define POSTGRES_DATABASES_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct database_errors {
    int64_t window;
    const char *const *except;
};

/* The option as the server reads it, and what each database has counted before. */
struct database_counts;
struct database_errors_memory {
    char except[2048];
    struct database_counts *counts;
    size_t count;
};

extern const struct probe_option database_errors_options[];
extern const struct probe_measure database_errors_measures[];
int prepare_database_errors(const void *config, void *memory, struct probe_error *error);
void forget_database_errors(void *memory);
void run_database_errors(struct probe_target *self, struct probe_run *run);

/* From the rows of database_errors.sql. */
void check_database_errors(struct probe_run *run, const struct answer *answer);

#endif
