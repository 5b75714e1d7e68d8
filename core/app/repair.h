/*
 * repair - remediations put together: their state, their audit, and what may hold them back.
 *
 * The guard hears from the brakes what is frozen and silenced, and from incident/realm who may act, and what was
 * done in the realm before.
 *
 * Layer: app.  Uses: incident/remediation, audit, realm, app/brakes.
 */
#ifndef APP_REPAIR_H
#define APP_REPAIR_H

#include "app/brakes.h"
#include "incident/realm.h"
#include "out/sink.h"

struct repair {
    struct schedule *schedule;
    struct audit *audit;               /* NULL: nothing is changed, and why was said */
    struct remediations *remediations; /* the same */
    struct guard_sources sources;
    struct remediation_mirror mirror;
    struct realm *realm; /* NULL: no lease is configured */
    struct audit_witness witness;
};

/* Reads what was kept; blocks, and nothing may be queued to `store` yet, which may be NULL. */
void repair_open(struct repair *repair, struct schedule *schedule, struct store *store,
                 struct brakes *brakes);

/* The realm has a lease: only who holds it acts on what is of cluster scope. */
void repair_lease(struct repair *repair, struct lease *lease);

/* Sinks are at work, until repair_close(): one of them may have to acknowledge the audit's lines. */
void repair_witness(struct repair *repair, struct sinks *sinks);

/* These are in force; NULL: none.  `digest` is their configuration's. */
void repair_use(struct repair *repair, struct entries *entries, const char *digest, bool again);

/* For heartbeats. */
void repair_write(const struct repair *repair, struct writer *writer);

/* Before the lease, the schedule and the store go. */
void repair_close(struct repair *repair);

#endif
