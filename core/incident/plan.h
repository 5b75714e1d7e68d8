/*
 * plan - what an action would do, as it is shown, approved, narrowed and applied.
 *
 * What a decision binds is a property of the action.  Items: exactly these steps.  Bounds: action, target,
 * arguments and the most that may be touched; the list is taken again when it is applied.  The hash covers
 * what is bound, the script's digest and that of the entry and its target, so that a decision counts for what
 * was read, and for nothing else.  Taking a step out (--except) narrows a plan and leaves its hash.
 *
 * Layer: incident.  Uses: base, io/digest, probe/act.
 */
#ifndef INCIDENT_PLAN_H
#define INCIDENT_PLAN_H

#include <jansson.h>

#include "base/list.h"
#include "base/writer.h"
#include "incident/guard.h"
#include "probe/act.h"

enum {
    PLAN_ID_LEN = 4,    /* "7k3q": what one can type; no vowel, nothing that looks like another */
    PLAN_HASH_LEN = 16, /* hex digits of SHA-256 */
    PLAN_HASH_TYPED = 4,
    PLAN_MOST_APPROVALS = 8,
    PLAN_MOST_EXCEPTED = 100,
    PLAN_RUN_LEN = 10 /* "r-0c2f61aa" */
};

enum plan_state {
    PLAN_MADE,     /* nobody was asked: dry run, auto */
    PLAN_WAITING,  /* for decisions */
    PLAN_APPROVED, /* enough decided for it; it begins */
    PLAN_APPLYING, /* a step has begun */
    PLAN_APPLIED,  /* all that was left of it was tried */
    PLAN_REFUSED,
    PLAN_REJECTED,
    PLAN_EXPIRED,
    PLAN_FAILED, /* or not known how it ended */
    PLAN_VOID    /* what it was made for is configured otherwise now */
};

const char *plan_state_name(enum plan_state state); /* "waiting", ... */

/* Somebody's yes. */
struct plan_approval {
    char *who, *proof, *from, *reason;
    int64_t wall_ms;
};

/* Owns all it points to.  Read it freely; who changes it is incident/remediation. */
struct plan {
    struct list link;
    char id[PLAN_ID_LEN + 1], hash[PLAN_HASH_LEN + 1];
    char run[PLAN_RUN_LEN + 1]; /* the course of a remediation that it belongs to: "r-0c2f61aa" */
    enum plan_state state;
    const char *entry;                  /* the remediation's name in the configuration */
    const char *script, *script_digest; /* "postgres/kill_idle" */
    const char *verb, *action;          /* "db:terminate_sessions", "postgres:terminate_sessions" */
    const char *target;
    const char *config;  /* digest of entry and target: what the plan was made for */
    const char *args;    /* JSON */
    const char *verify;  /* "pg/connections: used_percent < 80", or NULL */
    const char *finding; /* the id of the finding that started it, or NULL */
    const char *said;    /* the last sentence about it: why it was refused, how it ended; or NULL */
    const char
        *outcome; /* what looking again has said, a constant: "fixed", ...; NULL: nothing yet */
    enum guard_mode mode;
    enum probe_effect effect;
    enum probe_binds binds;
    int64_t max_affected;     /* of the guard; zero: none */
    struct act_plan *content; /* steps, count, total, note; never NULL */
    int64_t made_ms, expires_ms, decided_ms;
    bool acknowledged;    /* nobody need be reminded ... */
    const char *acked_by; /* ... since this one looks after it; or NULL */
    const char *ack_reason;
    unsigned needed;
    struct plan_approval approvals[PLAN_MOST_APPROVALS];
    unsigned approval_count;
    char **except; /* keys, ended by NULL; or NULL */
    size_t except_count;
};

/* `content` is taken over; a new id and hash are made. */
struct plan *plan_create(const struct plan *like, struct act_plan *content);
void plan_destroy(struct plan *plan); /* NULL is fine */
void plan_forget_approvals(struct plan *plan);

/* What is bound, hashed. */
void plan_hash(const struct plan *plan, char out[PLAN_HASH_LEN + 1]);

bool plan_excepts(const struct plan *plan, const char *key);

/* Takes a step out; false: it has none of that key, or too many were taken out. */
bool plan_except(struct plan *plan, const char *key);

/* What is left of it: how many things its steps touch without those that were taken out. */
int64_t plan_affected(const struct plan *plan);

/* Members of an event, or of an answer over the socket. */
void plan_write(const struct plan *plan, struct writer *writer, size_t most_steps);

/* As it is kept, and back; NULL where that cannot be read. */
json_t *plan_pack(const struct plan *plan);
struct plan *plan_unpack(const json_t *json);

#endif
