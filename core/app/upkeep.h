/*
 * upkeep - the agent's state: opened, used, and what becomes of it said.
 *
 * An agent without state works all the same: it says so, and goes on.  Two agents never share one
 * folder: the second one does not start, but in roles sidecar and node, which must not exit, it
 * goes on without state.
 *
 * Layer: app.  Uses: base, probe/event, keep.
 */
#ifndef APP_UPKEEP_H
#define APP_UPKEEP_H

#include "app/session.h"
#include "probe/keep.h"

struct upkeep {
    struct session *session;
    struct schedule *schedule;
    struct keep *keep; /* NULL: none */
    bool damaged;      /* what was there was set aside */
    struct error error;
};

/* Opens agent.state, before targets are made.  False, which is printed: the agent is to exit. */
bool upkeep_open(struct upkeep *upkeep, struct session *session, struct schedule *schedule);

/* Says what is to say, puts back what was kept, and begins to keep: before targets begin. */
void upkeep_begin(struct upkeep *upkeep);

/* Another configuration is in force. */
void upkeep_renew(struct upkeep *upkeep);

/* "kept", "failed", "none": for heartbeats. */
const char *upkeep_word(const struct upkeep *upkeep);

/* Once the schedule is gone, before the ledger goes. */
void upkeep_close(struct upkeep *upkeep);

#endif
