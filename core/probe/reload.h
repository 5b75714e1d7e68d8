/*
 * reload - a new configuration takes over while the old one is at work.
 *
 * All or nothing: where a plugin refuses something, nothing has changed.  Targets that are the same
 * go on as they are, with their connections; changed ones are begun anew, and the runs that this
 * ends report nothing; what was said of a check that is there no longer is closed with the reason
 * "removed".  Streaks and statuses belong to names, not to targets, and survive.
 *
 * Layer: probe.  Uses: base, probe/config, schedule, target, verdict.
 */
#ifndef PROBE_RELOAD_H
#define PROBE_RELOAD_H

#include "probe/schedule.h"

struct reload_changes {
    size_t kept, changed, added, removed; /* targets */
};

/*
 * Zero; or -EINVAL with what plugins refused in `problems`.  The schedule's targets hold on to the
 * configuration as long as they need it; the caller's own hold stays the caller's.
 */
int reload_take(struct schedule *schedule, struct config *config, struct problems *problems,
                struct reload_changes *ret_changes);

#endif
