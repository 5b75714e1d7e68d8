/*
 * dial - logs in: names, places and addresses one after the other, on the agent's loop.
 *
 * libpq gets numbers only and never waits.  Each address has its share of the time that is left,
 * so that a dead one leaves some for the next; the first that lets us in is taken, and a server
 * that answers with a refusal has decided for all.
 */
#ifndef COMMON_PQ_DIAL_H
#define COMMON_PQ_DIAL_H

#include "common/pq/address.h"
#include "common/pq/trouble.h"

enum { DIAL_MOST_ADDRESSES = 8, DIAL_ADDRESS_LEN = 64 };

struct dial;

/* Logged in: the connection is the caller's.  NULL: dial->trouble says why not. */
typedef void dial_fn(struct dial *dial, PGconn *conn);

/* Zeroed at first; all but `us`, `trouble` and `data` is dial.c's own. */
struct dial {
    int64_t us; /* what it took, names looked up included */
    struct trouble trouble;
    void *data;
    struct probe_run *run;
    dial_fn *then;
    PGconn *conn;
    struct probe_op *op, *limit;
    struct address address;
    size_t place, tried; /* the place that is being tried; addresses tried in vain */
    char found[DIAL_MOST_ADDRESSES][DIAL_ADDRESS_LEN]; /* of that place */
    size_t found_count, next;
    bool resolving;
    uint64_t started_us;
};

/*
 * Logs in where the run's target is; to `database`, if it is not NULL, instead of its own.  `then` is called once, also at the run's deadline, unless
 * the run ends or the dial is finished before; at once if the target's options make no sense.
 */
void dial_start(struct dial *dial, struct probe_run *run, const char *database, dial_fn *then,
                void *data);

/* Gives everything back.  Not while operations may be pending in a run that goes on. */
void dial_finish(struct dial *dial);

/* Milliseconds until the run's deadline; ten seconds where it has none. */
int64_t dial_left_ms(struct probe_run *run);

#endif
