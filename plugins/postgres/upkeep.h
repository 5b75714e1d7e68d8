/*
 * upkeep - what a server must do for itself to go on: vacuum, and freeze before ids run out.
 */
#ifndef POSTGRES_UPKEEP_H
#define POSTGRES_UPKEEP_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

extern const struct probe_measure wraparound_measures[];
void run_wraparound(struct probe_target *self, struct probe_run *run);

struct vacuum {
    int64_t min_dead;
};

struct vacuum_params {
    char min_dead[24];
};

extern const struct probe_option vacuum_options[];
extern const struct probe_measure vacuum_measures[];
int prepare_vacuum(const void *config, void *memory, struct probe_error *error);
void run_vacuum(struct probe_target *self, struct probe_run *run);

/* From the rows of the checks' queries. */
void check_wraparound(struct probe_run *run, const struct answer *answer);
void check_vacuum(struct probe_run *run, const struct answer *answer);

#endif
