/*
 * sequences - how near its end each sequence is, read a hundred at a time.
 */
#ifndef POSTGRES_SEQUENCES_H
#define POSTGRES_SEQUENCES_H

#include "local.h"

enum { SEQUENCES_SHOWN = 10, SEQUENCES_COLUMNS = 7, SEQUENCES_CELL = 140 };

/* One sequence, as the evidence shows it; an empty cell is null. */
struct fullest {
    double used_percent;
    char cells[SEQUENCES_COLUMNS][SEQUENCES_CELL];
};

/* Of a run: the fullest ones of all that were read so far. */
struct sequences_run {
    struct local_run local;
    char after[24];
    size_t count;
    struct fullest fullest[SEQUENCES_SHOWN];
};

extern const struct probe_measure sequences_measures[];
void run_sequences(struct probe_target *self, struct probe_run *run);

/* From the rows of sequences.sql: asks for the next ones, or reports. */
void check_sequences(struct probe_run *run, const struct answer *answer);

#endif
