/*
 * trial_lease - the realm's lease, while a script that is run by hand may change what is of cluster scope.
 *
 * It is asked for as an agent does, and only who holds it may act: where another agent does, nothing is changed, and
 * whom to ask instead is said on stderr.  What lies with it counts here too: the freeze and the evidence locks, and that a
 * step has begun is written there under the token before it does.
 *
 * Layer: app.  Uses: app/brakes, incident/lease, realm, remediation.
 */
#ifndef APP_TRIAL_LEASE_H
#define APP_TRIAL_LEASE_H

#include "incident/entry.h"
#include "incident/remediation.h"
#include "probe/schedule.h"

struct trial_lease;

enum trial_lease_word {
    TRIAL_LEASE_FINE,   /* it is held, or none is needed */
    TRIAL_LEASE_WAITS,  /* it is asked for */
    TRIAL_LEASE_REFUSED /* another one holds it, or it cannot be asked for: that is said */
};

/*
 * Whether `entry` needs one: zero, and *ret_lease NULL where it does not.  -EINVAL, said on stderr: the plugin refuses
 * the target that keeps it.  All is borrowed, until trial_lease_close().
 */
int trial_lease_open(struct schedule *schedule, struct config *config, const struct entry *entry,
                     struct store *store, struct trial_lease **ret_lease);

/* What remediations_create() is given; filled by trial_lease_begin().  Of NULL they are NULL. */
const struct guard_sources *trial_lease_sources(const struct trial_lease *lease);
const struct remediation_mirror *trial_lease_mirror(const struct trial_lease *lease);

/* Here and below NULL is fine.  Begins to ask for it. */
void trial_lease_begin(struct trial_lease *lease, struct remediations *remediations);

enum trial_lease_word trial_lease_look(struct trial_lease *lease);

/* Gives it back, for which the loop is run; after the remediations, before the schedule and the store. */
void trial_lease_close(struct trial_lease *lease);

#endif
