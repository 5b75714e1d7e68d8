/*
 * standing - where one subject stands: the state machine behind the ledger.
 *
 * Everything here is to survive a restart, and nothing else is.  Times are on the clock that never
 * goes back, but signed: a process that takes a standing over moves them by the difference of the
 * two processes' clocks.  probe/ledger.h says what it all means.
 *
 * Layer: probe.  Uses: probe/ledger (types only).
 */
#ifndef PROBE_STANDING_H
#define PROBE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/ledger.h"

/* Samples in a row; a status is reported when one of these runs has lasted. */
enum standing_run {
    AT_LEAST_WARNING,
    AT_LEAST_CRITICAL,
    AT_MOST_OK,
    AT_MOST_WARNING,
    CANNOT_TELL,
    STANDING_RUNS
};

/* Zeroed at first: nothing is known, nothing was said. */
struct standing {
    int64_t run_since_ms[STANDING_RUNS];
    uint32_t run_length[STANDING_RUNS];
    int64_t known_since_wall_ms;
    int64_t since_wall_ms, changed_wall_ms;
    int64_t said_ms;                      /* the last line */
    int64_t shown_ms;                     /* the last line that was no repeat */
    int64_t change_ms;                    /* the last change of `settled` */
    uint32_t edition;                     /* how often it was packed, to be kept */
    uint32_t gap_ms[LEDGER_MOST_CHANGES]; /* of each change, newest first: since the one before */
    uint8_t from[LEDGER_MOST_CHANGES];    /* and what it was a change from */
    uint8_t changes;                      /* how many of these are there */
    uint8_t known;                        /* the grade, as if unknown samples did not exist */
    uint8_t settled;                      /* the same, or unknown: the status but for flapping */
    uint8_t status, previous;             /* what is reported, and was before */
    bool flapping;
};

/*
 * Adds the standing as bytes: times as what has passed since `now_ms`, so that another process can
 * tell them on its own clock.  Later versions add at the end, and an earlier one reads what it
 * knows.
 */
void standing_pack(const struct standing *standing, int64_t now_ms, struct text *out);

/* Reads it back; `now_ms` is when it was packed, on the reader's clock.  False: it is none. */
bool standing_unpack(struct standing *standing, int64_t now_ms, const struct text *packed);

/*
 * What was known is too old for its clocks to go on.  What was open stays so, until samples have
 * earned a status, which is then said: reason start where it is the same.
 */
void standing_begin_anew(struct standing *standing);

/* `samples` more have come, of which each was as the ones before: see goes_on of a report. */
void standing_go_on(struct standing *standing, uint32_t samples);

/* How many samples in a row bear the status out. */
unsigned standing_streak(const struct standing *standing);

/* Takes a sample in, and says what to say of it. */
struct ledger_report standing_take(struct standing *standing, const struct ledger_rules *rules,
                                   const struct ledger_sample *sample, struct ledger_clock clock);

#endif
