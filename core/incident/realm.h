/*
 * realm - what goes over with the lease: who may act, what was done before, what waits, what people said.
 *
 * It lies with the lease, as documents that are written under its token:
 *
 *     freeze             the switch (incident/freeze)
 *     said/KIND/ID       silences, locks and acks of what is of cluster scope (incident/memo)
 *     course/RUN         remediations of such targets that are under way, wait, or can be taken back
 *     guard/ENTRY/TARGET when a remediation began on which target
 *
 * Whoever takes the lease over reads all of it, in this order, and until that is read it may not act.  The guard's
 * state is written under the token that the plan was made with before anything is applied: a token that is not the
 * present one any more is refused by the store, and then nothing is applied.  What else the store did not take is
 * written again each second; until it is there nothing is applied either.
 *
 * Layer: incident.  Uses: incident/freeze, guard, lease, memo, remediation.
 */
#ifndef INCIDENT_REALM_H
#define INCIDENT_REALM_H

#include "incident/freeze.h"
#include "incident/guard.h"
#include "incident/lease.h"
#include "incident/memo.h"
#include "incident/remediation.h"

struct realm;

/* Who is told what the agent before has left; what may be NULL says so. */
struct realm_hears {
    /* All of a kind, {"ID": {...}}; what cannot be read as JSON is null.  NULL: nobody wants it. */
    void (*said)(const char *kind, const json_t *all, void *data);
    /* remediations_take_course(), remediations_take_state(); the first may be NULL. */
    int (*course)(const char *run, const char *json, void *data);
    int (*state)(const char *key, const char *json, void *data);
    /* All of it is told, and it may be acted; or the lease is lost.  May be NULL. */
    void (*over)(bool ours, void *data);
    void *data;
};

/* `lease` is borrowed, and watched from here on; `hears` is copied. */
struct realm *realm_create(struct loop *loop, struct lease *lease, const struct realm_hears *hears);
void realm_destroy(struct realm *realm); /* before the lease; NULL is fine */

/* The switch goes over with the lease from here on.  Borrowed, until realm_destroy(). */
void realm_freeze(struct realm *realm, struct freeze *freeze);

/* What people said goes over, too.  Borrowed, until realm_destroy(). */
void realm_memo(struct realm *realm, struct memo *memo);

/* Fills the lease's part of what the guard asks, and who takes its state. */
void realm_serve(struct realm *realm, struct guard_sources *sources,
                 struct remediation_mirror *ret_mirror);

/* Whether the lease is held, and what the agent before has left is not read yet.  NULL: no. */
bool realm_reads(const struct realm *realm);

#endif
