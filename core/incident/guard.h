/*
 * guard - whether an action may be done now: from facts to the first refusal.
 *
 * A pure function.  The facts are gathered anew whenever it is asked: for the plan that is shown, before an
 * approved plan begins, and before every step.  They come from several places, each a member below:
 *
 *     frozen, silenced, locked   whoever keeps freeze, silences and the evidence lock (struct guard_sources)
 *     lease, token               whoever holds the realm's lease (struct guard_sources)
 *     isolated                   probe/isolation
 *     everything else            incident/remediation: the entry, its history, the plan
 *
 * The first thing that speaks against it is said, in the order of `enum guard_point`; all points can be
 * asked one by one, for people (`runbookd plan ID`).
 *
 * Layer: incident.  Uses: base, include.
 */
#ifndef INCIDENT_GUARD_H
#define INCIDENT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbookd/probe.h"

/* Of an entry, of the ceiling; what is in effect is the lower of both. */
enum guard_mode { GUARD_OFF, GUARD_DRY_RUN, GUARD_APPROVE, GUARD_AUTO };

const char *guard_mode_name(enum guard_mode mode); /* "off", "dry-run", "approve", "auto" */

/* What is looked at, in this order. */
enum guard_point {
    GUARD_FREEZE,
    GUARD_SILENCE,
    GUARD_EVIDENCE_LOCK,
    GUARD_CONNECTIVITY,
    GUARD_COOLDOWN,
    GUARD_ATTEMPTS,
    GUARD_BUSY, /* another remediation is at work on the target */
    GUARD_RADIUS,
    GUARD_REFUSE_IF,
    GUARD_EFFECT,
    GUARD_SELF,
    GUARD_LEASE,
    GUARD_GRANT,
    GUARD_AUDIT,
    GUARD_POINTS
};

/* "freeze", "silence", "evidence_lock", ... */
const char *guard_point_name(enum guard_point point);

enum guard_lease {
    GUARD_LEASE_NONE, /* none is configured, or the target is of scope node: nobody else acts there */
    GUARD_LEASE_HELD,
    GUARD_LEASE_ELSEWHERE,
    GUARD_LEASE_UNKNOWN /* the lease store does not answer: no access, no apply */
};

/* What an entry allows at most; zero: no limit. */
struct guard_limits {
    int64_t cooldown_ms;
    unsigned attempts;
    int64_t attempts_within_ms;
    int64_t max_affected;
    double max_percent;
};

/* What is so now.  Texts are clauses for people, borrowed for the call; NULL: nothing speaks against it. */
struct guard_facts {
    int64_t now_ms; /* of the clock on the wall */
    const char *frozen, *silenced;
    const char *locked; /* speaks against what is disruptive, and worse */
    bool isolated;
    struct guard_limits limits;
    int64_t last_ms;          /* when it last began there; zero: never */
    unsigned attempts;        /* begun within limits.attempts_within_ms, without this one */
    int64_t first_attempt_ms; /* the oldest of these */
    int64_t today, per_day;   /* of all remediations within a day; zero: no limit */
    const char *busy;         /* who is at work there */
    bool counted;             /* affected and total are known: there is a plan */
    int64_t affected, total;
    const char *objection; /* of refuse_if */
    enum probe_effect effect, effect_most;
    const char *target;
    const char *self; /* what of the agent's own it would end */
    enum guard_lease lease;
    const char *holder; /* of GUARD_LEASE_ELSEWHERE */
    uint64_t token;     /* of GUARD_LEASE_HELD */
    uint64_t
        begun; /* the token under which its first step was begun; zero: none was, or without one */
    const char *verb; /* "db:terminate_sessions" */
    bool needed, allowed;
    const char *unwritten; /* why the audit's line could not be written, or was not acknowledged */
};

enum { GUARD_SENTENCE_LEN = 320 };

struct guard_answer {
    enum guard_point point; /* GUARD_POINTS: it agrees */
    int64_t again_ms;       /* when it may be asked again (wall); zero: not known */
    char sentence[GUARD_SENTENCE_LEN];
};

/* Whether this point agrees.  The sentence says in either case what was found: "attempts 1 of 3". */
bool guard_agrees(const struct guard_facts *facts, enum guard_point point,
                  struct guard_answer *answer);

/* The first point that does not agree, or GUARD_POINTS. */
struct guard_answer guard_ask(const struct guard_facts *facts);

/* The same before a further step: its own beginning is no reason to wait. */
struct guard_answer guard_ask_again(const struct guard_facts *facts);

/*
 * What others know, by functions that answer at once.  A NULL function: nothing of the kind is there, and
 * nothing speaks against anything.  Texts are valid until the next call.
 */
struct guard_sources {
    /* For control: why all changes are frozen ("frozen by alice: on-sale"), or NULL. */
    const char *(*frozen)(void *data);
    /*
     * For control: which silence or maintenance window keeps remediations from this finding (name and subject
     * may be NULL: of the target alone), or NULL.
     */
    const char *(*silenced)(const char *target, const char *name, const char *subject, void *data);
    /* For control or incidents: why the target's evidence must be kept, or NULL. */
    const char *(*locked)(const char *target, void *data);
    /* Locks a target, since a finding wants its evidence kept; where it is locked nothing changes. */
    void (*lock)(const char *target, const char *who, const char *reason, void *data);
    void *control_data;

    /* For lease: whether this agent may act on targets of scope cluster; token and holder where known. */
    enum guard_lease (*lease)(uint64_t *ret_token, const char **ret_holder, void *data);
    void *lease_data;
};

#endif
