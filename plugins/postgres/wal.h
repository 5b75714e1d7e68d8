/*
 * wal - the write-ahead log: where it goes, what keeps it, and how often it is flushed.
 */
#ifndef POSTGRES_WAL_H
#define POSTGRES_WAL_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"
#include "window.h"

extern const struct probe_measure wal_measures[];
void run_wal(struct probe_target *self, struct probe_run *run);

struct checkpoints {
    int64_t window;
};

extern const struct probe_option checkpoints_options[];
extern const struct probe_measure checkpoints_measures[];
void run_checkpoints(struct probe_target *self, struct probe_run *run);

/* From the rows of the checks' queries; the memory of checkpoints is a window. */
void check_wal(struct probe_run *run, const struct answer *answer);
void check_checkpoints(struct probe_run *run, const struct answer *answer);

#endif
