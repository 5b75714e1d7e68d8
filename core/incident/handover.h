/*
 * handover - who asks what is of cluster scope, and how it stands when another agent takes over.
 *
 * While the lease is held the targets of cluster scope are at work, and a second after something was
 * said of one of them, how its subjects stand is written to the realm's documents.  Who takes the
 * lease reads them, and goes on from there: what is known already is not said as new.  Without the
 * lease the targets rest (probe/rest), and nothing is known of them.
 *
 *     findings/TARGET   {"at": ..., "subjects": [{"name", "subject", "standing", "counters"}]}
 *     watched           {"at": ...}: until when somebody looked, every time of the lease
 *
 * Layer: incident.  Uses: probe/ledger, rest, schedule, incident/lease.
 */
#ifndef INCIDENT_HANDOVER_H
#define INCIDENT_HANDOVER_H

#include "incident/lease.h"
#include "probe/schedule.h"

struct handover;

/* From here on targets of cluster scope rest until the lease is held.  All is borrowed. */
struct handover *handover_create(struct schedule *schedule, struct lease *lease, int64_t ttl_ms);

/* Before the schedule and the lease go.  NULL is fine. */
void handover_destroy(struct handover *handover);

/* Writes what is not written yet, before the lease is given back. */
void handover_flush(struct handover *handover);

#endif
