/*
 * remediation - remediations at work: from a finding to what was verified, each in its course.
 *
 *     finding ── trigger ──► script ── act() ──► plan ── guard ──► dry run: said, and no more
 *        ▲                      ▲                               ├► approve: waits, the script's clock stands
 *        │                      │ what was done                 └► auto
 *        │                      │                                      │
 *     verify ◄── its end ── script ◄── step by step: guard, intent on disk, apply, result
 *
 * One course of an entry is under way at a time.  `fixed` and `ineffective` are said here alone, by looking
 * again.  What must outlive the process (attempts, plans that wait, steps begun, undo) is on disk before it
 * takes effect; a step that was begun and not ended is said to be `unknown` at the next start, and never begun
 * again.  Every decision is an event of kind `remediation`; what is decided, begun and done is in the audit too.
 *
 * For control: everything a person may ask or say is below `--- people ---`.  All of it is called on the loop
 * thread, answers at once and, where it changes something, has been accepted: what comes of it is said by
 * events.  Who a person is, and whether a signature is right, has been found out by the caller.
 *
 * For lease: struct guard_sources (incident/guard.h) says who may act; struct remediation_mirror takes the
 * guard's state to where the realm keeps it.
 *
 * Layer: incident.  Uses: base, io, probe, lua, incident.
 */
#ifndef INCIDENT_REMEDIATION_H
#define INCIDENT_REMEDIATION_H

#include "base/error.h"
#include "incident/audit.h"
#include "incident/entry.h"
#include "incident/guard.h"
#include "incident/plan.h"
#include "io/store.h"
#include "probe/schedule.h"

struct remediations;

/*
 * Where the realm keeps the guard's state.  `key` is ENTRY/TARGET, `json` an object such as
 * {"attempts": [1795229882118, ...]}: when it began there.  write() is called before the first step of a course,
 * under the token that the lease had then, and `fn` is waited for: less than zero, and nothing is applied.  keep()
 * is told each state of a course of cluster scope (json NULL: it is over); what it was told before reaches the store
 * before what write() is told, and where whole() says that it did not, nothing is applied either.
 */
typedef void remediation_mirrored_fn(int status, void *data);
struct remediation_mirror {
    void (*write)(const char *key, const char *json, uint64_t token, remediation_mirrored_fn *fn,
                  void *fn_data, void *data);
    void (*forget)(void *fn_data, void *data); /* `fn` is not to be called any more */
    void (*keep)(const char *run, const char *json, void *data);
    bool (*whole)(void *data);
    void *data;
};

/* All borrowed; what may be NULL says so. */
struct remediation_needs {
    struct schedule *schedule;
    struct audit *audit;
    struct store *store;                 /* NULL: nothing is kept, and nothing is ever applied */
    const struct guard_sources *sources; /* NULL: nothing speaks against anything */
    const struct remediation_mirror *mirror; /* NULL: the state is ours alone */
};

/* Reads what was kept; blocks, for the start only. */
struct remediations *remediations_create(const struct remediation_needs *needs);

/* Ends all scripts without a word; what waits is on disk. */
void remediations_destroy(struct remediations *remediations); /* NULL is fine */

/*
 * These entries are in force from now on (held).  Courses of entries that are no longer there, or have changed,
 * go on to their end where they have begun to apply; plans that wait and were made for something else are void.
 */
void remediations_use(struct remediations *remediations, struct entries *entries);

/*
 * A state of the guard that the realm keeps, for mirror: it is laid over ours.  What cannot be read is -1, and counts
 * as if all attempts had been used just now.
 */
int remediations_take_state(struct remediations *remediations, const char *key, const char *json);

/* A course of cluster scope as the agent before has left it, for mirror; it goes on when all is read. */
int remediations_take_course(struct remediations *remediations, const char *run, const char *json);

/* All that the realm keeps is read, and what was left goes on here; or the lease is lost, and it goes on elsewhere. */
void remediations_over(struct remediations *remediations, bool ours);

/* How much is under way, for heartbeats: "remediations": {"running": 1, "waiting": 1, "today": 3}. */
void remediations_write(const struct remediations *remediations, struct writer *writer);

/* ---------------------------------------------------------------- people ---- */

/* Every plan that is known: first those that wait, then those of this day, the newest first. */
typedef void remediation_plan_fn(const struct plan *plan, void *data);
void remediations_each_plan(const struct remediations *remediations, remediation_plan_fn *fn,
                            void *data);

/* The plan of that id, or NULL. */
const struct plan *remediations_plan(const struct remediations *remediations, const char *id);

/* What each point of the guard says of it now. */
void remediations_guards(struct remediations *remediations, const struct plan *plan,
                         struct guard_answer answers[GUARD_POINTS]);

/* What a person says of a plan. */
struct remediation_decision {
    const char *plan;  /* its id */
    const char *who;   /* "alice@brandconnect", "uid 1000" */
    const char *proof; /* "ssh-ed25519 SHA256:...", "peercred" */
    const char *from;  /* "socket" */
    const char *reason;
    const char *hash; /* what was read: PLAN_HASH_TYPED digits of its hash or more; NULL: all */
    const char *const *except; /* keys of steps to take out, ended by NULL; or NULL */
};

/*
 * Zero, or a negative errno value and why: -ENOENT there is no such plan, -ESTALE it does not wait any more or
 * is not what was read, -EALREADY this one has decided, -EINVAL an item that it does not have, -EPERM a guard
 * refuses it now, -EIO the audit cannot be written.  An approval that is not yet enough is accepted too.
 */
int remediations_approve(struct remediations *remediations,
                         const struct remediation_decision *decision, struct error *error);
int remediations_reject(struct remediations *remediations,
                        const struct remediation_decision *decision, struct error *error);

/* Somebody looks after a plan that waits: nobody is reminded any more.  It decides nothing; the last one counts. */
int remediations_acknowledge(struct remediations *remediations,
                             const struct remediation_decision *decision, struct error *error);

/* Takes back what was applied under that plan, by way of the guard. */
int remediations_undo(struct remediations *remediations,
                      const struct remediation_decision *decision, struct error *error);

/* What is wanted of a remediation that a person starts. */
struct remediation_wish {
    const char *entry;
    const json_t *with; /* an object laid over the entry's; or NULL */
    const char *who, *proof, *from, *reason;
};

/* Starts it by hand.  `run` gets its id, which its events have. */
int remediations_start(struct remediations *remediations, const struct remediation_wish *wish,
                       char run[PLAN_RUN_LEN + 1], struct error *error);

#endif
