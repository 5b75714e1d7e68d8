/*
 * desk - what the running agent answers on its socket.
 *
 * `runbookd status` and its like ask here (app/control carries the words).  Everything is answered
 * from what the agent knows; nothing is examined for it.
 *
 * Layer: app.  Uses: base, probe, app/control, renew, session, upkeep.
 */
#ifndef APP_DESK_H
#define APP_DESK_H

#include "app/brakes.h"
#include "app/control.h"
#include "app/renew.h"
#include "app/session.h"
#include "app/upkeep.h"
#include "incident/lease.h"
#include "incident/remediation.h"
#include "out/sink.h"

/* What it answers from; all is borrowed. */
struct desk_parts {
    struct session *session;
    struct schedule *schedule;
    const struct upkeep *upkeep;
    struct brakes *brakes;
    struct remediations *remediations; /* NULL: nothing can be changed */
    struct sinks *sinks;               /* NULL: there are none */
    struct lease *lease;               /* NULL: there is none */
    const struct realm *realm;         /* the same */
    const struct event_speaker *speaker;
    const struct schedule_stats *minute; /* the last one that a heartbeat spoke of */
    struct renew *renew;                 /* NULL: there is nothing to read again */
};

struct desk;

/*
 * Opens the socket where the configuration wants it: agent.control, else control.sock in
 * agent.state, else in $RUNTIME_DIRECTORY.  Where it cannot be opened that is said, and the agent
 * goes on without.
 */
struct desk *desk_open(const struct desk_parts *parts);

/* Another configuration is in force; `parts` have changed. */
void desk_renew(struct desk *desk, const struct desk_parts *parts);

void desk_close(struct desk *desk); /* NULL is fine */

#endif
