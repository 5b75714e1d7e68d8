/*
 * keep - what outlives the process: where each subject stands, counters, notes.
 *
 * Kept in agent.state, in a database on a thread of its own (io/store): what has changed is written
 * every second, so that a killed process has lost a second at most.  At the next start subjects go
 * on where they stood.  Where what was kept is older than three intervals of its check, the clocks
 * begin again, and only what was open is known, so that its recovery is said.  What is no longer
 * configured ends with "removed".
 *
 * Of a subject that goes on as before only the streak is written, all streaks in one row a second
 * (probe/ledger says what they are): a row for each was a fifth of what a check costs.  Once a minute
 * they are all written anew, and those rows begin again.
 *
 * The schema grows only: tables and columns are added, packed columns grow at their end (probe/tape),
 * so that the version before opens what this one has written.
 *
 * Where the disk is full or gone the agent goes on, says so once, tries again, and says when it
 * keeps again.  No value that was revealed is ever written.
 *
 * Layer: probe.  Uses: base, io/store, probe/config, event, ledger, schedule.
 */
#ifndef PROBE_KEEP_H
#define PROBE_KEEP_H

#include "probe/schedule.h"

struct keep;

/* What became of the state, to be said: NULL message, nothing is to say. */
struct keep_news {
    enum log_level level;
    const char *step; /* of the agent event: "state_failed" */
    const char *message;
};
typedef void keep_news_fn(const struct keep_news *news, void *data);

/*
 * Opens the folder, and reads what was kept; blocks, for the start only.  `ledger` is borrowed.
 * NULL and `*error` where that cannot be: -EBUSY, another agent has it.
 */
struct keep *keep_open(struct loop *loop, struct ledger *ledger, const char *folder,
                       bool *ret_damaged, struct error *error);

/* Who hears of troubles later on. */
void keep_tell(struct keep *keep, keep_news_fn *fn, void *data);

/* Gives targets and checks the notes that were kept, from now on: before they are made. */
void keep_serve_notes(struct keep *keep, struct schedule *schedule);

/*
 * A configuration is in force: the first time, what was kept is put back, and what it no longer
 * names ends.  Begins to write.
 */
void keep_take_over(struct keep *keep, struct schedule *schedule, struct config *config);

/* Keeps `config` as the last good one; says so in the log where it holds a secret, and keeps none. */
void keep_config(struct keep *keep, const struct config *config);

/* The database, for others who keep something in tables of their own. */
struct store *keep_store(struct keep *keep);

/* Whether what happens is kept at this time. */
bool keep_works(const struct keep *keep);

/* Writes what has changed and closes, within `ms`.  The schedule may be gone; NULL is fine. */
void keep_close(struct keep *keep, unsigned ms);

/*
 * Reads what keep_config() kept in `folder`: JSON, freed by free(), `*ret_len` long; NULL: there is
 * none.  Blocks, for the start only.
 */
char *keep_last_good(const char *folder, size_t *ret_len);

#endif
