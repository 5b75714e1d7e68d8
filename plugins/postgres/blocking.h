/*
 * blocking - who waits for whose locks, and who is at the root of it.
 */
#ifndef POSTGRES_BLOCKING_H
#define POSTGRES_BLOCKING_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct blocking {
    int64_t min_wait;
};

struct blocking_params {
    char min_wait[24];
};

extern const struct probe_option blocking_options[];
extern const struct probe_measure blocking_measures[];
int prepare_blocking(const void *config, void *memory, struct probe_error *error);
void run_blocking(struct probe_target *self, struct probe_run *run);

/* From the rows of blocking.sql. */
void check_blocking(struct probe_run *run, const struct answer *answer);

#endif
