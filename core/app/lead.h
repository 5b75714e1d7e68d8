/*
 * lead - this agent among those of its realm: the lease, and what goes over with it.
 *
 * Without agent.lease there is nothing of all this: what is of cluster scope is asked by whoever runs.
 *
 * Layer: app.  Uses: incident/handover, lease.
 */
#ifndef APP_LEAD_H
#define APP_LEAD_H

#include "incident/handover.h"
#include "incident/lease.h"

/* Zeroed at first. */
struct lead {
    struct lease *lease; /* NULL: none is configured */
    struct handover *handover;
    bool leaving; /* it is being given back */
};

/* Begins to ask for it; what is of cluster scope rests from here on.  -EINVAL, logged: the plugin refuses. */
int lead_open(struct lead *lead, struct schedule *schedule, struct config *config,
              const char *holder);

/*
 * Gives the lease back, so that another agent need not wait for its end; `fn` comes later, in `ms` at most.
 * False: there is nothing to give back, or that is under way already.
 */
bool lead_leave(struct lead *lead, uint64_t ms, lease_released_fn *fn, void *data);

/* Before the schedule goes. */
void lead_close(struct lead *lead);

#endif
