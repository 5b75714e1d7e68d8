/*
 * entry - what is configured of remediations: "remediations:", "guard:" and "approval:".
 *
 * Read after the configuration itself, against its targets and the scripts of a shelf; everything wrong is told
 * with its place, at once.  A configuration that has none of these costs nothing, not even the shelf.
 *
 *     remediations:
 *       end-idle-sessions:
 *         trigger: {check: pg/connections, status: critical, held: 1m}    # or: manual; or none: a runbook's
 *         script: postgres/kill_idle
 *         targets: {db: pg}                       # roles of the script
 *         with: {idle_for: 10m, limit: 20}
 *         allow: [db:terminate_sessions]          # or app:request/flag: of the requests, that one alone
 *         mode: approve                           # default dry-run, as that of guard.mode
 *         guard: {cooldown: 10m, attempts: 3/1h, max_affected: 20, max_percent: 40, refuse_if: [...]}
 *         verify: {check: pg/connections, condition: "used_percent < 80", within: 30s, stable: 3m}
 *         undo_after: 2h
 *         lock: [pg]                              # their evidence is kept, from when a finding starts it
 *
 * Layer: incident.  Uses: base, probe/config, lua/shelf.
 */
#ifndef INCIDENT_ENTRY_H
#define INCIDENT_ENTRY_H

#include "incident/guard.h"
#include "incident/windows.h"
#include "lua/shelf.h"
#include "probe/config.h"

enum { ENTRIES_MOST = 500, ENTRY_MOST_CHECKS = 32, ENTRY_MOST_APPROVALS = 8 };

/* A question about a check: "used_percent < 80" of pg/connections. */
struct entry_question {
    const struct config_target *target;
    const struct config_check *check;
    struct condition *condition; /* over the check's measures, and `status` after them */
    const char *text;            /* "pg/connections: used_percent < 80" */
};

/* What starts it: a status of one of these. */
struct entry_trigger {
    const struct config_target *targets[ENTRY_MOST_CHECKS];
    const struct config_check *checks[ENTRY_MOST_CHECKS];
    size_t count;      /* zero: nothing does */
    unsigned statuses; /* bit 1 << PROBE_WARNING, ... */
    int64_t held_ms;
};

struct entry_verify {
    struct entry_question question; /* condition NULL: nothing is asked */
    int64_t within_ms, stable_ms;
    struct entry_improves {
        const struct config_target *target; /* NULL: nothing need improve */
        const struct config_check *check;
        int slot; /* the measure that is to fall ... */
        const char *measure;
        double percent; /* ... by so much */
        int64_t within_ms;
    } improves;
};

/* A role of the script, and the target that stands for it. */
struct entry_binding {
    const struct script_role *role;
    const struct config_target *target;
};

/* What may be done: what the script needs, or of that what the arguments name. */
enum { ENTRY_MOST_GRANTS = 64 };
struct entry_grant {
    const struct script_need *need;
    const char *only; /* the value of the option that is called as the action is; NULL: any */
};

struct entry {
    const char *name;
    const struct script *script;
    struct entry_trigger trigger;
    bool manual; /* trigger: manual */
    struct entry_binding *bindings;
    size_t binding_count;
    const struct node *with; /* as written */
    json_t *values;          /* ... and as the script gets it */
    struct entry_grant *allow;
    size_t allow_count;
    enum guard_mode mode; /* in effect: never above guard.mode */
    struct guard_limits limits;
    struct entry_question *refuse_if;
    size_t refuse_count;
    struct entry_verify verify;
    int64_t undo_after_ms;
    const char *const *lock; /* targets whose evidence is kept once a finding has started it */
    bool undo_on_failure;    /* on_failure: undo */
    unsigned approvals;      /* zero: as approval.classes says */
    struct place place;
    char digest[17]; /* of all the above, and of its targets: equal means unchanged */
};

/* "guard:" */
struct entry_ceiling {
    enum guard_mode mode;
    const char *freeze_file;  /* for control: while it is there everything is frozen; NULL: none */
    struct windows windows;   /* for control: guard.freeze.windows */
    int64_t per_day;          /* courses that change something, of all entries; zero: no limit */
    const char *require_sink; /* guard.audit; NULL: none */
    int64_t sink_wait_ms;
    const struct node *effects; /* TARGET: the worst that may be done there */
};

/* "approval:" */
struct entry_approval {
    const char *approvers; /* for control: an OpenSSH allowed_signers file, or NULL */
    bool local;            /* for control: whether a peer's uid is a person */
    int64_t expires_ms, remind_ms;
    const char *const *notify; /* sinks that are told of plans which wait; empty: whichever tell */
    unsigned needed[PROBE_DESTRUCTIVE + 1]; /* by effect */
};

struct entries {
    struct entry *all;
    size_t count;
    struct entry_ceiling ceiling;
    struct entry_approval approval;
    struct windows silences; /* for control: silences.windows */
    struct config *config;   /* held */
    struct shelf *shelf;     /* NULL: no entry needs a script */
    struct arena *memory;
    unsigned held;
};

/*
 * `folder` is where scripts are; `offline`: references need not be readable.  NULL where something is wrong,
 * which is told.  `config` is held.
 */
struct entries *entries_read(struct config *config, const struct plugins *plugins,
                             const char *folder, bool offline, struct problems *problems);
/* The members "remediations", "guard", "silences" and "approval" of the configuration's JSON Schema. */
void entries_write_schema(struct writer *writer);

struct entries *entries_hold(struct entries *entries);
void entries_release(struct entries *entries); /* NULL is fine */

const struct entry *entries_find(const struct entries *entries, const char *name);

/* The most that may be done to a target. */
enum probe_effect entries_effect_most(const struct entries *entries, const char *target);

/* The target that stands for a role, or NULL. */
const struct config_target *entry_target(const struct entry *entry, const char *role);

#endif
