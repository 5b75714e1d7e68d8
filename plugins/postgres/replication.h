/*
 * replication - what a server is among its peers, and how far one is behind the other.
 */
#ifndef POSTGRES_REPLICATION_H
#define POSTGRES_REPLICATION_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

struct replication {
    const char *expect;
    int64_t min_standbys;
};

/*
 * Where the server's own log was, and when.  A standby that stands still reports no lag in time, so
 * it is taken from here: it is behind since the first reading that it has not replayed.
 */
enum { POSITION_READINGS = 64 };
struct positions {
    size_t count;
    struct position {
        int64_t at_ms, position;
    } readings[POSITION_READINGS]; /* oldest first, at least POSITION_STEP_MS apart */
};

void positions_add(struct positions *positions, int64_t at_ms, int64_t position);

/* For how long at least somebody who has come as far as `position` has been behind; zero: is not. */
int64_t positions_behind_ms(const struct positions *positions, int64_t at_ms, int64_t position);

extern const struct probe_option replication_options[];
extern const struct probe_measure replication_measures[];
void run_replication(struct probe_target *self, struct probe_run *run);

/* From the rows of replication.sql; its memory are the positions. */
void check_replication(struct probe_run *run, const struct answer *answer);

#endif
