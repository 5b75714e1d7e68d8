/*
 * rest - targets of cluster scope, while another agent asks them.
 *
 * A target at rest has no connection, no run and no timer, and nothing is said of it; what others
 * depend on there, they do not wait for.  It is as if it had just been made, so that it begins at
 * once when its turn comes.
 *
 * Whether an agent serves the scope at all is asked again before each run begins, and before what a
 * run found is judged: an agent that was stopped for longer than it holds the lease finds that out
 * there, whatever its timers have come to.
 *
 * Layer: probe.  Uses: probe/act, depend, run, schedule, target.
 */
#ifndef PROBE_REST_H
#define PROBE_REST_H

#include "probe/target.h"

/* Ends all that is under way at the targets of cluster scope, silently, and forgets how they stand. */
void rest_begin(struct schedule *schedule);

/* They begin. */
void rest_end(struct schedule *schedule);

/* Whether it may be asked, and spoken of, at this moment. */
bool rest_serves(const struct target *target);

#endif
