/*
 * undo - taking back what was done: step by step, the last first, by way of the guard.
 *
 * The guard's freeze, lease, grant and audit count; cool-down, attempts and refuse_if do not: what brings
 * things back to where they were is not made to wait.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

/* While it is at work. */
struct undo_run {
    struct course *course;
    struct arena *memory;
    const struct probe_action *action;
    const void *config;
    struct act *act;
    uint64_t
        token; /* of the lease that the next step is taken back under; zero: none is asked for */
    unsigned done, failed;
};

static void next(struct undo_run *run);

void undo_keep(struct course *course, const struct errand *errand, const struct probe_step *step)
{
    struct undo *undo = mem_new(sizeof(*undo));
    undo->target = mem_copy(errand->target);
    undo->action = mem_copy(errand->action->name);
    undo->verb = mem_copy(errand->need->verb);
    undo->args = mem_copy(errand->args);
    undo->step = act_step_copy(step);
    list_init(&undo->link);
    list_add(&course->undos, &undo->link);
    if (course->entry->undo_after_ms)
        course->undo_due_ms = loop_wall_ms(course->all->loop) + course->entry->undo_after_ms;
}

static void forget(struct undo *undo)
{
    list_remove(&undo->link);
    free(undo->target);
    free(undo->action);
    free(undo->verb);
    free(undo->args);
    act_step_finish(&undo->step);
    free(undo);
}

void undo_forget(struct course *course)
{
    while (!list_empty(&course->undos))
        forget(list_first(&course->undos, struct undo, link));
}

static struct undo *last(const struct course *course)
{
    return list_empty(&course->undos) ? NULL : container_of(course->undos.prev, struct undo, link);
}

static void run_destroy(struct undo_run *run)
{
    const struct remediations *all = run->course->all;
    audit_forget(all->needs.audit, run);
    if (all->needs.mirror && all->needs.mirror->forget)
        all->needs.mirror->forget(run, all->needs.mirror->data);
    if (run->act)
        act_cancel(run->act);
    run->course->undoing = NULL;
    arena_destroy(run->memory);
    free(run);
}

void undo_cancel(struct course *course)
{
    if (course->undoing)
        run_destroy(course->undoing);
}

/* ---------------------------------------------------------------------- the end ---- */

static void write_counts(struct writer *writer, void *data)
{
    const struct undo_run *run = data;
    writer_int(writer, "done", run->done);
    writer_int(writer, "failed", run->failed);
}

static void finish(struct undo_run *run, const char *why)
{
    struct course *course = run->course;
    bool failed = why || run->failed;
    report_say(course,
               &(struct report){.level = failed ? LOG_ERROR : LOG_WARN,
                                .step = failed ? "undo_failed" : "undone",
                                .more = write_counts,
                                .data = run},
               "%u steps were taken back, %u were not%s%s",
               run->done,
               run->failed,
               why ? ": " : "",
               why ? why : "");
    run_destroy(run);
    course->undo_due_ms = 0; /* what is left is for a person */
    course_finish(course);
}

/* -------------------------------------------------------------------- one step ---- */

static void on_undone(const struct act_failure *failure, const struct act_result *result,
                      void *data)
{
    struct undo_run *run = data;
    struct course *course = run->course;
    struct undo *undo = last(course);
    run->act = NULL;
    bool done = result && result->outcome != PROBE_SURVIVED;
    const char *said = failure ? failure->summary : result ? result->summary : NULL;
    report_audit(course,
                 &(struct report_line){.step = "result",
                                       .key = undo->step.key,
                                       .outcome = done                        ? "undone"
                                                  : failure && failure->begun ? "unknown"
                                                                              : "failed"},
                 "%s",
                 said ? said : undo->step.what);
    free(course->begun_key);
    course->begun_key = NULL;
    if (!done) {
        run->failed++;
        MEM_AUTO char *why = mem_copy(said);
        finish(run, why ? why : "it is still as it was");
        return;
    }
    run->done++;
    forget(undo);
    journal_keep(course);
    next(run);
}

static bool agrees(struct undo_run *run, const struct undo *undo)
{
    struct course *course = run->course;
    struct guard_facts facts = facts_of(course->all,
                                        &(const struct facts_about){.entry = course->entry,
                                                                    .target = undo->target,
                                                                    .verb = undo->verb,
                                                                    .args = undo->args,
                                                                    .action = run->action});
    facts.objection = NULL;
    facts.silenced = NULL;
    struct guard_answer answer = guard_ask_again(&facts);
    run->token = facts.lease == GUARD_LEASE_HELD ? facts.token : 0;
    if (answer.point == GUARD_POINTS)
        return true;
    MEM_AUTO char *why =
        mem_print("refused by guard %s: %s", guard_point_name(answer.point), answer.sentence);
    finish(run, why);
    return false;
}

static void apply(struct undo_run *run)
{
    const struct undo *undo = last(run->course);
    struct target *live = remediation_target(run->course->all, undo->target);
    if (!live)
        finish(run, "its target is gone");
    else if (agrees(run, undo))
        run->act = act_apply(live, run->action, run->config, &undo->step, on_undone, run);
}

static void on_mirrored(int status, void *data)
{
    struct undo_run *run = data;
    const struct remediation_mirror *mirror = run->course->all->needs.mirror;
    if (status == 0 && (!mirror->whole || mirror->whole(mirror->data)))
        apply(run);
    else
        finish(run, "that it begins cannot be written where the realm keeps it");
}

/* The realm is told under the token that the guard has seen: where that is stale, nothing is taken back. */
static void on_intent(int status, uint64_t entry, void *data)
{
    struct undo_run *run = data;
    struct remediations *all = run->course->all;
    const struct remediation_mirror *mirror = all->needs.mirror;
    const struct undo *undo = last(run->course);
    (void)entry;
    if (status < 0) {
        finish(run, audit_why(all->needs.audit, status));
    } else if (!mirror || !mirror->write || !run->token) {
        apply(run);
    } else {
        MEM_AUTO char *key = mem_print("%s/%s", run->course->entry->name, undo->target);
        MEM_AUTO char *json = facts_print(all, run->course->entry->name, undo->target);
        mirror->write(key, json, run->token, on_mirrored, run, mirror->data);
    }
}

/* The action and its options, as they were asked for. */
static bool configure(struct undo_run *run, const struct undo *undo)
{
    struct problems problems = {0};
    const struct target *live = remediation_target(run->course->all, undo->target);
    run->action = live ? act_find(live->config->plugin, undo->action) : NULL;
    if (!run->action)
        return false;
    json_t *json = json_loads(undo->args, 0, NULL);
    const struct node *map = node_from_json(run->memory, json, "undo");
    run->config = act_configure(run->memory, run->action, map, undo->action, &problems);
    problems_finish(&problems);
    json_decref(json);
    return run->config != NULL;
}

static void next(struct undo_run *run)
{
    struct course *course = run->course;
    struct undo *undo = last(course);
    if (!undo) {
        finish(run, NULL);
        return;
    }
    if (!configure(run, undo)) {
        run->failed++;
        finish(run, "its target or its action is gone");
        return;
    }
    if (!agrees(run, undo))
        return;
    course->begun_key = mem_copy(undo->step.key);
    journal_keep(course);
    report_audit(course,
                 &(struct report_line){.step = "intent",
                                       .key = undo->step.key,
                                       .witnessed = run->done == 0,
                                       .fn = on_intent,
                                       .data = run},
                 "taking back: %s",
                 undo->step.what);
}

void undo_begin(struct course *course, const char *why)
{
    struct undo_run *run = mem_new(sizeof(*run));
    run->course = course;
    run->memory = arena_create();
    course->undoing = run;
    course->state = COURSE_UNDOES;
    timer_stop(&course->timer);
    report_say(course,
               &(struct report){.level = LOG_WARN, .step = "undoing"},
               "what was done is taken back: %s",
               why);
    next(run);
}

/* ------------------------------------------------------------------- in its time ---- */

static void on_due(void *data)
{
    struct course *course = data;
    int64_t left_ms = course->undo_due_ms - loop_wall_ms(course->all->loop);
    if (left_ms > 0)
        undo_await(course);
    else
        undo_begin(course, "its time is over (undo_after)");
}

void undo_await(struct course *course)
{
    int64_t left_ms = course->undo_due_ms - loop_wall_ms(course->all->loop);
    if (course->undo_due_ms)
        timer_start(
            &course->timer, course->all->loop, left_ms > 0 ? (uint64_t)left_ms : 0, on_due, course);
}
