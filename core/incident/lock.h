/*
 * lock - targets whose evidence is to be kept: nothing there is restarted, ended or deleted.
 *
 * Set by a person (`runbookd lock`), or by a remediation that says so (`lock:`) when a finding starts it; lifted by a
 * person alone.  While it is set the guard refuses what is disruptive or destructive there; what only reads, and what
 * can be taken back, goes on, so that evidence can be taken and a target be set apart.  It outlives the process, and
 * that of a target of cluster scope goes over to who takes the realm's lease, as its being lifted does.
 *
 * Layer: incident.  Uses: base, incident/memo.
 */
#ifndef INCIDENT_LOCK_H
#define INCIDENT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/writer.h"
#include "incident/memo.h"

enum { LOCK_MOST = 1000 };

struct locks;

struct lock {
    const char *target, *who, *reason; /* reason NULL: none was given */
    int64_t since_ms;
    bool shared; /* it goes over with the lease */
};

/* Reads what was kept; blocks, for the start only.  `memo` is borrowed. */
struct locks *locks_create(struct memo *memo);
void locks_destroy(struct locks *locks); /* NULL is fine */

/* The lock of a target, or NULL. */
const struct lock *locks_find(const struct locks *locks, const char *target);

/*
 * Sets it, or, where it is set, leaves it as it is; `fn` (may be NULL) is told, as memo_put_shared() does.  False: there are
 * too many, and nobody is told.
 */
bool locks_set(struct locks *locks, const struct lock *like, memo_done_fn *fn, void *data);

/* Lifts it, at that time; there must be one.  `fn` as above. */
void locks_lift(struct locks *locks, const char *target, int64_t now_ms, memo_done_fn *fn,
                void *data);

/*
 * As the realm has those that go over: {"TARGET": {"on": true, "since_ms": ...}}.  Of two words on one target the later
 * one counts; a lock of ours of which the realm knows nothing is told to it, and what cannot be read is a lock from
 * `now_ms` on.
 */
void locks_take(struct locks *locks, const json_t *realms, int64_t now_ms);

/* Writes the array "locks": [{"target": ..., "who": ..., "since": ..., "reason": ...}], in the order of setting. */
void locks_write(const struct locks *locks, struct writer *writer);

#endif
