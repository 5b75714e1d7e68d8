/*
 * act - an action of a target at work: a plan, then its steps, one call each.
 *
 * One action of a target is at work at a time, beside its checks; others wait their turn.  A
 * deadline counts from the start, is the action's `timeout`, and ends the action's operations with
 * -ETIMEDOUT; a target that goes ends them with -ECANCELED.  The plugin's ended() comes first, then
 * the answer, then the next action.
 *
 * An action sees a target of its own, the actor, made of the target's options with those of
 * `act_as` laid over them.  It is made when an action begins, and unmade when no other has begun
 * within a second, or when one has failed: the steps of one plan share a login, and nothing stays
 * logged in.  Without `act_as` an action is refused, unless it only reads, or does only what the
 * target's own options spell out (probe_action.declared): these see the target that the checks see.
 *
 * What is answered are copies in our sizes, free of secrets, bounded and well-formed: whoever shows
 * a plan to a person, and hands a step back, need not ask again.
 *
 * Layer: probe.  Uses: base, io, include, probe/host, target.
 */
#ifndef PROBE_ACT_H
#define PROBE_ACT_H

#include "base/arena.h"
#include "probe/node.h"
#include "probe/problem.h"
#include "probe/target.h"

/* The most that is taken; lengths in bytes. */
enum {
    ACT_STEPS = 1000,
    ACT_WAITING = 64, /* of a target */
    ACT_KEY_LEN = 512,
    ACT_SENTENCE_LEN = 500,
    ACT_JSON_LEN = 64 * 1024, /* of a step, of a result: parsed on the loop */
    ACT_LINGER_MS = 1000
};

/* Why there is no plan, or no result.  Valid in the callback. */
struct act_failure {
    int status;             /* a negative errno value */
    enum probe_failure how; /* as the plugin said */
    bool begun;             /* the plugin was asked: of apply(), what was done is not known */
    const char *reason;     /* one word: "timeout", "no_act_as" */
    const char *summary;    /* one sentence */
    const char *hint;       /* or NULL */
};

struct act_plan {
    struct probe_step *steps; /* keys differ; count is at least one */
    size_t step_count;
    int64_t count;            /* how many things all steps touch */
    int64_t total;            /* how many there are; never less than that */
    char *note;               /* or NULL */
    enum probe_effect effect; /* of this plan: the action's, or less */
};

/* Valid in the callback. */
struct act_result {
    enum probe_outcome outcome;
    const char *summary, *json;    /* or NULL */
    const struct probe_step *undo; /* or NULL */
};

/* One of the two is NULL.  The plan is the callee's, freed by act_plan_destroy(). */
typedef void act_planned_fn(const struct act_failure *failure, struct act_plan *plan, void *data);
typedef void act_applied_fn(const struct act_failure *failure, const struct act_result *result,
                            void *data);

struct act;

/* The plugin's action of that name, or NULL. */
const struct probe_action *act_find(const struct plugin *plugin, const char *name);

/*
 * The action's options, filled from what a script or a person asks with; `path` is what messages
 * begin with.  NULL where something is wrong, which is told.  References (${env:NAME}) are refused:
 * who asks may not read what the agent may read.
 */
const void *act_configure(struct arena *memory, const struct probe_action *action,
                          const struct node *map, const char *path, struct problems *problems);

/*
 * Have the plugin say what it would do, or do one step of that (NULL: an action without a plan).
 * `config` is borrowed until the answer, which comes once and later, also when the target goes; the
 * step is copied.
 */
struct act *act_plan(struct target *target, const struct probe_action *action, const void *config,
                     act_planned_fn *fn, void *data);
struct act *act_apply(struct target *target, const struct probe_action *action, const void *config,
                      const struct probe_step *step, act_applied_fn *fn, void *data);

/* Ends it with -ECANCELED for the plugin, and without an answer. */
void act_cancel(struct act *act);

void act_plan_destroy(struct act_plan *plan); /* NULL is fine */

/* A step in memory of its own, and back. */
struct probe_step act_step_copy(const struct probe_step *step);
void act_step_finish(struct probe_step *step);

/* For host: the services report, retire, end, planned, applied of a run that is an action. */
void act_refuse_finding(struct probe_run *face);
void act_end(struct probe_run *face, const struct probe_ending *ending);
void act_planned(struct probe_run *face, const struct probe_plan *plan);
void act_applied(struct probe_run *face, const struct probe_result *result);

/* For target: whether create() accepts `act_as`, and that all of it ends, with -ECANCELED. */
int act_check(struct target *target, struct host_refusal *refusal);
void act_end_all(struct target *target);

#endif
