/*
 * settings - whether a server is configured as it was, and as its files say.
 */
#ifndef POSTGRES_SETTINGS_H
#define POSTGRES_SETTINGS_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct config_drift {
    int64_t hold;
};

extern const struct probe_option config_drift_options[];
extern const struct probe_measure config_drift_measures[];
void run_config_drift(struct probe_target *self, struct probe_run *run);

/* From the rows of config_drift.sql; what was seen before is remembered. */
void check_config_drift(struct probe_run *run, const struct answer *answer);

#endif
