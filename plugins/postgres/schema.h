/*
 * schema - what the catalogue says of tables and indexes.
 *
 * All of one database, the one that the target names; each answer is bounded, however many
 * relations there are.
 */
#ifndef POSTGRES_SCHEMA_H
#define POSTGRES_SCHEMA_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct missing_indexes {
    int64_t min_rows;
    double rows, scans;
};

enum { SCHEMA_MOST_TABLES = 500 }; /* as missing_indexes.sql has it */

/* The options as the server reads them, and what was read when each database was asked last. */
struct missing_indexes_memory {
    char min_rows[24];
    struct look *looks;
};

extern const struct probe_option missing_indexes_options[];
extern const struct probe_measure missing_indexes_measures[];
int prepare_missing_indexes(const void *config, void *memory, struct probe_error *error);
void forget_missing_indexes(void *memory);
void run_missing_indexes(struct probe_target *self, struct probe_run *run);

struct bloat {
    int64_t min_size;
    double percent;
};

struct bloat_params {
    char min_size[24], percent[24];
};

extern const struct probe_option bloat_options[];
extern const struct probe_measure bloat_measures[];
int prepare_bloat(const void *config, void *memory, struct probe_error *error);
void run_bloat(struct probe_target *self, struct probe_run *run);

extern const struct probe_measure invalid_indexes_measures[];
void run_invalid_indexes(struct probe_target *self, struct probe_run *run);

/* From the rows of the checks' queries. */
void check_missing_indexes(struct probe_run *run, const struct answer *answer);
void check_bloat(struct probe_run *run, const struct answer *answer);
void check_invalid_indexes(struct probe_run *run, const struct answer *answer);

#endif
