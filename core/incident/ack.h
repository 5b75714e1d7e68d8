/*
 * ack - who has seen a finding and looks after it.
 *
 * It belongs to one finding, by its id, and ends when that is ok again or gone; getting worse does
 * not end it.  It changes nothing but what people are shown.  One of what is of cluster scope goes over to
 * who takes the realm's lease.
 *
 * Layer: incident.  Uses: base, incident/memo.
 */
#ifndef INCIDENT_ACK_H
#define INCIDENT_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "incident/memo.h"

enum { ACK_MOST = 1000 };

struct acks;

struct ack {
    struct list link;
    const char *id; /* the finding's */
    const char *who, *reason;
    int64_t at_ms;
    bool shared; /* it goes over with the lease */
};

/* Reads what was kept; blocks, for the start only.  `memo` is borrowed. */
struct acks *acks_create(struct memo *memo);
void acks_destroy(struct acks *acks); /* NULL is fine */

/* Whether one more finds room. */
bool acks_room(const struct acks *acks);

/* Somebody has it; who had it before has it no longer.  Copied; `fn` (may be NULL) as with memo_put_shared(). */
void acks_add(struct acks *acks, const struct ack *like, memo_done_fn *fn, void *data);

/* As the realm has those that go over, {"ID": {...}}: these, and no other of the kind. */
void acks_take(struct acks *acks, const json_t *realms);

/* Of that finding, or NULL. */
const struct ack *acks_find(const struct acks *acks, const char *id);

/* It is over; nothing happens where there is none. */
void acks_end(struct acks *acks, const char *id);

#endif
