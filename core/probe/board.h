/*
 * board - what every check did and found last, for whoever reads the agent's numbers.
 *
 * A row is a named check of a target; it holds a cell for each subject.  Statuses are those that
 * are reported; measures are those of the last run, and none where it failed: what is not measured
 * now is not there, rather than as it was.  At most `most_subjects` cells a row and
 * BOARD_MOST_CELLS altogether; how many more the last run had is counted.
 *
 * Layer: probe.  Uses: base, probe/measure.
 */
#ifndef PROBE_BOARD_H
#define PROBE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/measure.h"

enum { BOARD_BUCKETS = 8, BOARD_MOST_CELLS = 20000 };

/* Upper bounds of the histogram of durations, in microseconds; above the last is one bucket more. */
extern const uint64_t board_bounds_us[BOARD_BUCKETS];

struct board_cell {
    char *subject; /* NULL: the target itself */
    enum probe_status status;
    uint32_t hash;                   /* of the subject */
    bool sampled;                    /* in the run that is not over yet */
    const struct measures *measures; /* NULL: none were taken */
    double *numbers;                 /* one a slot; NaN: absent, or a word */
};

struct board_row {
    char *target, *name;
    uint64_t runs, failures, late;
    uint64_t late_us; /* how late the last run began */
    uint64_t bucket[BOARD_BUCKETS + 1], duration_us;
    struct board_cell *cells; /* in the order in which they came */
    size_t count, next;       /* where the next sample's is likely to be */
    uint64_t left_out,
        leaving_out; /* subjects of the last run without a cell, of this one so far */
    bool used;       /* for board_sweep() */
};

struct board;

struct board *board_create(size_t most_subjects);
void board_destroy(struct board *board); /* every one of these: a board of NULL is fine */
void board_limit(struct board *board, size_t most_subjects);

/* A sample was judged; its values are copied. */
void board_sample(struct board *board, const char *target, const char *name, const char *subject,
                  enum probe_status status, const struct measures *measures,
                  const struct value *values);
void board_gone(struct board *board, const char *target, const char *name, const char *subject);

/* A run has ended, all its samples before it. */
struct board_run {
    uint64_t late_us, duration_us;
    bool failed;
};
void board_over(struct board *board, const char *target, const char *name,
                const struct board_run *run);

/* Nothing is known of a check any more: another agent asks it. */
void board_forget(struct board *board, const char *target, const char *name);

/* The row of a check that has run; NULL: none.  It counts as used until the next sweep. */
struct board_row *board_row(struct board *board, const char *target, const char *name);

/* Forgets the rows that were not used since the last call: of what left the configuration. */
void board_sweep(struct board *board);

#endif
