/*
 * resume - what was kept goes on: after a restart, and where the lease, and with it what is of cluster scope, has
 * come from another agent.
 *
 * There a plan that waits is planned again before anybody can decide on it: it keeps its id and its time where its
 * hash is the same, and is void otherwise.  Approvals do not go over: whoever can write to the lease's store would
 * be an approver; so nothing that lies there begins a remediation.  What is to be taken back is, under the guard.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

enum { SERVED_LOOK_MS = 250 };

/* Of a course whose remediation is no longer configured: something that has its name. */
static const struct entry *ghost(struct entries *entries, const char *name)
{
    struct entry *entry = arena_new(entries->memory, sizeof(*entry));
    struct script *script = arena_new(entries->memory, sizeof(*script));
    script->name = "unknown";
    entry->name = arena_copy(entries->memory, name);
    entry->script = script;
    entry->mode = GUARD_OFF;
    return entry;
}

static void tell_unknown(struct course *course, struct plan *plan)
{
    if (plan)
        plan->state = PLAN_FAILED;
    report_say(course,
               &(struct report){.level = LOG_ERROR, .step = "unknown", .plan = plan},
               "the agent%s ended while step %s was under way: whether it was done is not known, a "
               "person must look; it is not begun again",
               course->inherited ? " that held the lease" : "",
               course->begun_key);
    report_audit(
        course,
        &(struct report_line){
            .step = "result", .plan = plan, .key = course->begun_key, .outcome = "unknown"},
        "the agent%s ended while it was under way",
        course->inherited ? " that held the lease" : "");
    free(course->begun_key);
    course->begun_key = NULL;
    course->changed = true;
    course_finish(course);
}

static void say_void(struct course *course, struct plan *plan, const char *why)
{
    const char *id = plan ? plan->id : course->kept_plan ? course->kept_plan : "";
    if (plan)
        plan->state = PLAN_VOID;
    report_say(course,
               &(struct report){.level = LOG_WARN, .step = "void", .plan = plan},
               "plan %s is void: %s",
               id,
               why);
    report_audit(
        course, &(struct report_line){.step = "void", .plan = plan}, "plan %s: %s", id, why);
}

static void void_plan(struct course *course, struct plan *plan)
{
    say_void(course, plan, "what it was made for is configured otherwise now");
    if (course->task)
        errand_end(course->errand, TASK_REJECTED, "the configuration has changed");
    else
        course_finish(course);
}

static bool fits(const struct remediations *all, const struct plan *plan)
{
    const struct entry *entry = entries_find(all->entries, plan->entry);
    return entry && strcmp(entry->digest, plan->config) == 0 &&
           strcmp(entry->script->digest, plan->script_digest) == 0;
}

void resume_or_void(struct course *course, struct plan *plan)
{
    if (!fits(course->all, plan))
        void_plan(course, plan);
}

static void go_on_waiting(struct course *course, struct plan *plan)
{
    if (!plan) {
        course_finish(course);
    } else if (!fits(course->all, plan)) {
        void_plan(course, plan);
    } else if (plan->state == PLAN_APPROVED) { /* it ended before it had begun */
        course->granted = mem_copy(plan->id);
        course_begin(course);
    } else {
        course->state = COURSE_WAITS;
        course_wait(course, plan);
    }
}

/* It ended between two steps, or before its script had. */
static void end_midway(struct course *course, struct plan *plan)
{
    if (plan)
        plan->state = PLAN_FAILED;
    report_say(course,
               &(struct report){.level = LOG_ERROR, .step = "handed_over", .plan = plan},
               "the agent%s ended in its midst, after %u steps were done: a person must look",
               course->inherited ? " that held the lease" : "",
               course->done);
    if (course->changed && course->entry->verify.question.condition) {
        course->changed_us = loop_now_us(course->all->loop);
        proof_begin(course);
    } else {
        course_finish(course);
    }
}

static void go_on(struct course *course, struct plan *plan)
{
    struct remediations *all = course->all;
    if (course->begun_key)
        tell_unknown(course, plan);
    else if (course->state == COURSE_WAITS)
        go_on_waiting(course, plan);
    else if (course->state == COURSE_VERIFIES && course->entry->verify.question.condition) {
        course->changed_us = loop_now_us(all->loop);
        proof_resume(course);
    } else if (course->state == COURSE_RUNS)
        end_midway(course, plan);
    else
        course_finish(course);
}

/* It is known now what it belongs to. */
static struct plan *adopt(struct course *course)
{
    struct remediations *all = course->all;
    const struct entry *entry = entries_find(all->entries, course->kept_name);
    course->entries = entries_hold(all->entries);
    course->entry = entry ? entry : ghost(all->entries, course->kept_name);
    free(course->kept_name);
    course->kept_name = NULL;
    return remediation_find_plan(all, course->kept_plan);
}

void resume_kept(struct course *course)
{
    struct plan *plan = adopt(course);
    struct remediations *all = course->all;
    bool shared = inherit_shares(all, course->entry);
    if (shared && !course->begun_key) {
        inherit_drop(course); /* what the realm has of it counts, for whoever holds the lease */
        return;
    }
    if (shared) {
        (void)snprintf(all->told[all->next_told], sizeof(all->told[0]), "%s", course->run);
        all->next_told = (all->next_told + 1) % TOLD_KEPT;
        undo_forget(course);
    }
    go_on(course, plan);
}

/* ------------------------------------------------------------- a take-over ---- */

/* It is over, and nothing is under way: what started it may start it again at once. */
static void end_here(struct course *course)
{
    journal_forget(course);
    course_destroy(course);
}

void resume_unwanted(struct course *course)
{
    struct plan *plan = remediation_find_plan(course->all, course->awaited);
    free(course->awaited);
    course->awaited = NULL;
    if (plan && plan->state == PLAN_WAITING)
        say_void(
            course, plan, "planned again, as the lease has changed hands, it is not what was read");
}

/* The targets are asked here from now on, and its script may begin. */
static void on_served(void *data)
{
    struct course *course = data;
    bool rests = false;
    for (size_t i = 0; i < course->entry->binding_count; i++) {
        const struct target *live =
            remediation_target(course->all, course->entry->bindings[i].target->name);
        rests = rests || (live && live->resting);
    }
    if (rests)
        timer_start(&course->timer, course->all->loop, SERVED_LOOK_MS, on_served, course);
    else
        course_begin(course);
}

static void plan_again(struct course *course, struct plan *plan)
{
    if (plan->approval_count > 0)
        log_warn("plan %s: what the agent before has heard of approvals does not count here: it is "
                 "to be approved again",
                 plan->id);
    plan_forget_approvals(plan);
    plan->state = PLAN_WAITING;
    course->awaited = mem_copy(plan->id);
    on_served(course);
}

static void wait_on(struct course *course, struct plan *plan, const char *broken)
{
    const char *why = broken;
    if (!why && (!plan || !fits(course->all, plan)))
        why = "what it was made for is configured otherwise at this agent";
    if (!why && course->entry->mode != GUARD_APPROVE)
        why = "nothing waits for an approval at this agent";
    if (why) {
        say_void(course, plan, why);
        end_here(course);
    } else if (loop_wall_ms(course->all->loop) >= plan->expires_ms) {
        course_wait(course, plan);
    } else {
        plan_again(course, plan);
    }
}

/* What can be taken back is so here; whether its remediation may begin again is for the guard to say. */
static void keep_on(struct course *course)
{
    if (list_empty(&course->undos)) {
        end_here(course);
        return;
    }
    journal_keep(course);
    undo_await(course);
}

static bool was_told(const struct course *course)
{
    for (size_t i = 0; i < TOLD_KEPT; i++)
        if (strcmp(course->all->told[i], course->run) == 0)
            return true;
    return false;
}

void resume_inherited(struct course *course)
{
    struct plan *plan = adopt(course);
    MEM_AUTO char *broken = course->broken;
    course->broken = NULL;
    if (course->begun_key && was_told(course)) {
        free(course->begun_key);
        course->begun_key = NULL;
        course->changed = true;
        course->state = COURSE_KEEPS;
    }
    if (course->state == COURSE_WAITS && !course->begun_key) {
        wait_on(course, plan, broken);
        return;
    }
    if (broken && course->undoable) {
        report_say(course,
                   &(struct report){.level = LOG_ERROR, .step = "undo_failed", .plan = plan},
                   "what was done can no longer be taken back by itself: %s",
                   broken);
        undo_forget(course);
    }
    if (course->state == COURSE_KEEPS && !course->begun_key)
        keep_on(course);
    else
        go_on(course, plan);
}
