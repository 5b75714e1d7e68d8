/*
 * realm - what the guard must know of the other agents: who may act, and what was done before in the realm.
 *
 * The guard's state (when a remediation began on which target) lies with the lease, as documents
 * "guard/ENTRY/TARGET", written under the token that the plan was made with before anything is applied: whoever
 * takes the lease over reads them first, and until they are read it may not act.  A token that is not the
 * present one any more is refused by the store: then nothing is applied.
 *
 * So does the freeze by a person, as the document "freeze": who takes the lease over is frozen as the holder before
 * was, and before that is known it may not act either.
 *
 * Layer: incident.  Uses: incident/lease, guard, remediation.
 */
#ifndef INCIDENT_REALM_H
#define INCIDENT_REALM_H

#include "incident/freeze.h"
#include "incident/guard.h"
#include "incident/lease.h"
#include "incident/remediation.h"

struct realm;

/* A state of the guard that the realm keeps: remediations_take_state(). */
typedef int realm_state_fn(const char *key, const char *json, void *data);

/*
 * `lease` is borrowed, and watched from here on; so is `freeze`, whose switch goes over with the lease (NULL: none
 * does).
 */
struct realm *realm_create(struct loop *loop, struct lease *lease, struct freeze *freeze,
                           realm_state_fn *fn, void *data);
void realm_destroy(struct realm *realm); /* before the lease; NULL is fine */

/* Fills the lease's part of what the guard asks, and who takes its state. */
void realm_serve(struct realm *realm, struct guard_sources *sources,
                 struct remediation_mirror *ret_mirror);

#endif
