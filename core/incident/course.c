/*
 * course - one course of a remediation: its script at work, and what becomes of how it ended.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

enum { REST_LOOK_MS = 1000 };

struct course *course_create(struct remediations *all, struct entries *entries,
                             const struct entry *entry)
{
    struct course *course = mem_new(sizeof(*course));
    unsigned char bytes[4] = {0};
    (void)!getrandom(bytes, sizeof(bytes), 0);
    (void)snprintf(course->run,
                   sizeof(course->run),
                   "r-%02x%02x%02x%02x",
                   bytes[0],
                   bytes[1],
                   bytes[2],
                   bytes[3]);
    course->all = all;
    course->entries = entries ? entries_hold(entries) : NULL;
    course->entry = entry;
    course->begun_ms = loop_wall_ms(all->loop);
    course->baseline = NAN;
    list_init(&course->undos);
    list_init(&course->link);
    list_add(&all->courses, &course->link);
    return course;
}

void course_destroy(struct course *course)
{
    char *const texts[] = {course->who,
                           course->proof,
                           course->from,
                           course->reason,
                           course->finding_id,
                           course->subject,
                           course->trigger_target,
                           course->trigger_name,
                           course->granted,
                           course->awaited,
                           course->broken,
                           course->begun_key,
                           course->kept_name,
                           course->kept_plan,
                           course->asked_target,
                           course->asked_name};
    timer_stop(&course->timer);
    if (course->task)
        task_cancel(course->task);
    course->task = NULL;
    errand_destroy(course->errand);
    undo_cancel(course);
    undo_forget(course);
    audit_forget(course->all->needs.audit, course);
    list_remove(&course->link);
    json_decref(course->finding);
    json_decref(course->with);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        free(texts[i]);
    struct entries *entries = course->entries;
    free(course);
    entries_release(entries);
}

/* ---------------------------------------------------------------- its world ---- */

static void on_act(struct task *task, const struct script_need *need, const char *args, void *data)
{
    (void)task;
    errand_begin(data, need, args);
}

static void fail_check(struct task *task, enum task_answer_kind kind, const char *message,
                       const char *code)
{
    task_answer(task, &(struct task_answer){.kind = kind, .message = message, .code = code});
}

/* Nobody answers any more: the target is down, or another agent asks it since the lease was lost. */
static void give_up_check(struct course *course, struct task *task)
{
    const struct target *live = remediation_target(course->all, course->asked_target);
    bool rests = live && live->resting;
    free(course->asked_target);
    course->asked_target = NULL;
    fail_check(task,
               ANSWER_FAILURE,
               rests ? "another agent holds the realm's lease, and asks it"
                     : "the target cannot be reached",
               rests ? "lease_lost" : "target_down");
}

/* A target that came to rest while it was asked says nothing. */
static void on_patient(void *data)
{
    struct course *course = data;
    const struct target *live =
        course->asked_target ? remediation_target(course->all, course->asked_target) : NULL;
    if (!course->asked_target || !course->task)
        return;
    if (live && live->resting)
        give_up_check(course, course->task);
    else
        timer_start(&course->timer, course->all->loop, REST_LOOK_MS, on_patient, course);
}

static void on_check(struct task *task, const struct script_role *role, const char *name,
                     void *data)
{
    struct course *course = data;
    const struct config_target *target = entry_target(course->entry, role->name);
    const struct target *live = target ? remediation_target(course->all, target->name) : NULL;
    bool known = false;
    for (size_t i = 0; live && i < live->duty_count; i++)
        known = known || strcmp(live->duties[i].config->name, name) == 0;
    if (!known) {
        MEM_AUTO char *message = mem_print(
            "agent.check: %s has no check \"%s\"", target ? target->name : role->name, name);
        fail_check(task, ANSWER_MISUSE, message, "no_check");
        return;
    }
    free(course->asked_target);
    free(course->asked_name);
    course->asked_target = mem_copy(target->name);
    course->asked_name = mem_copy(name);
    course->asked_us = loop_now_us(course->all->loop);
    if (sight_run(course->all->sights, target->name, name))
        timer_start(&course->timer, course->all->loop, REST_LOOK_MS, on_patient, course);
    else
        give_up_check(course, task);
}

static void on_log(struct task *task, const char *text, void *data)
{
    const struct course *course = data;
    (void)task;
    log_info("%s %s: %s", course->run, course->entry->name, text);
}

/* The script is over while it waits: nobody wants what it has asked for. */
static void on_drop(struct task *task, void *data)
{
    struct course *course = data;
    (void)task;
    if (course->errand && course->errand->begun)
        return; /* what was begun is brought to its end, and told */
    errand_destroy(course->errand);
    course->errand = NULL;
}

static bool pick(const struct sighting *sighting, const struct course *course,
                 const struct sighting *best)
{
    bool own =
        sighting->subject && course->subject && strcmp(sighting->subject, course->subject) == 0;
    return own || !best || (!best->subject && sighting->subject) || sighting->status > best->status;
}

struct choice {
    const struct course *course;
    const struct sighting *best;
};

static void on_choice(const struct sighting *sighting, void *data)
{
    struct choice *choice = data;
    if (pick(sighting, choice->course, choice->best))
        choice->best = sighting;
}

static void ask_again(void *data)
{
    struct course *course = data;
    if (course->asked_target)
        (void)sight_run(course->all->sights, course->asked_target, course->asked_name);
    on_patient(course);
}

void course_hear(struct course *course, const char *target, const char *name, uint64_t started_us)
{
    struct choice choice = {course, NULL};
    if (!course->asked_target || !course->task || strcmp(course->asked_target, target) != 0 ||
        strcmp(course->asked_name, name) != 0)
        return;
    if (started_us < course->asked_us) { /* one that had begun before it was asked for */
        timer_start(&course->timer, course->all->loop, 0, ask_again, course);
        return;
    }
    free(course->asked_target);
    course->asked_target = NULL;
    sight_each(course->all->sights, target, name, on_choice, &choice);
    json_t *value =
        choice.best && choice.best->json ? json_loads(choice.best->json, 0, NULL) : NULL;
    if (value)
        task_answer(course->task, &(struct task_answer){.kind = ANSWER_VALUE, .value = value});
    else
        fail_check(course->task, ANSWER_FAILURE, "the check reported nothing", "nothing");
}

/* ------------------------------------------------------------------- its end ---- */

static void hand_over(struct course *course, const char *why)
{
    report_say(course,
               &(struct report){.level = LOG_ERROR, .step = "handed_over"},
               "a person is needed: %s",
               why);
    report_audit(course, &(struct report_line){.step = "handed_over"}, "%s", why);
}

/* How a script ended that said so itself, or failed. */
static void say_end(struct course *course, const struct task_outcome *outcome)
{
    switch (outcome->end) {
    case TASK_APPLIED:
        report_say(
            course, &(struct report){.level = LOG_INFO, .step = "ended"}, "%s", outcome->message);
        break;
    case TASK_LEFT:
        report_say(course,
                   &(struct report){.level = LOG_INFO, .step = "left"},
                   "nothing was to be done: %s",
                   outcome->message);
        break;
    case TASK_HANDED_OVER:
        hand_over(course, outcome->message);
        break;
    case TASK_FAILED:
    case TASK_LATE:
    case TASK_SPENT:
        report_say(course,
                   &(struct report){.level = LOG_ERROR, .step = "failed"},
                   "its script failed: %s",
                   outcome->message);
        hand_over(course, "its script failed");
        break;
    default: /* said where it was decided */
        break;
    }
}

static void after_script(struct course *course)
{
    if (course->changed && course->entry->verify.question.condition)
        proof_begin(course);
    else
        course_finish(course);
}

static void on_over(const struct task_outcome *outcome, void *data)
{
    struct course *course = data;
    course->task = NULL;
    if (course->errand && course->errand->begun &&
        (course->errand->act || course->errand->recording)) {
        /* Late, in the midst of a step: what it did is heard before anything else is said. */
        course->late = true;
        say_end(course, outcome);
        return;
    }
    if (course->errand && course->begun_key)
        report_audit(course,
                     &(struct report_line){.step = "result",
                                           .plan = course->errand->plan,
                                           .key = course->begun_key,
                                           .outcome = "not_begun"},
                     "it was not begun: its script is over");
    errand_destroy(course->errand);
    course->errand = NULL;
    if (course->awaited)
        resume_unwanted(course);
    say_end(course, outcome);
    after_script(course);
}

void course_after_late(struct course *course)
{
    course->late = false;
    errand_destroy(course->errand);
    course->errand = NULL;
    after_script(course);
}

static int64_t pause_ms(const struct course *course)
{
    int64_t pause_ms = course->entry->limits.cooldown_ms;
    return course->changed || pause_ms > SHORTEST_PAUSE_MS ? pause_ms : SHORTEST_PAUSE_MS;
}

/* What can be taken back is not kept without end. */
static void limit_kept(struct remediations *all)
{
    struct course *course, *oldest = NULL;
    unsigned count = 0;
    list_for_each(course, &all->courses, struct course, link) {
        if (course->state != COURSE_KEEPS)
            continue;
        if (!course->undo_due_ms && !oldest)
            oldest = course;
        count++;
    }
    if (count < COURSES_KEPT || !oldest)
        return;
    journal_forget(oldest);
    course_destroy(oldest);
}

void course_finish(struct course *course)
{
    struct remediations *all = course->all;
    struct readiness *readiness = remediation_readiness(all, course->entry->name);
    int64_t now_ms = loop_wall_ms(all->loop), until_ms = now_ms + pause_ms(course);
    if (course->changed)
        until_ms = course->begun_ms + pause_ms(course);
    if (until_ms > readiness->not_before_ms)
        readiness->not_before_ms = until_ms;
    timer_stop(&course->timer);
    if (!list_empty(&course->undos) && !inherit_is_lost(course)) {
        limit_kept(all);
        course->state = COURSE_KEEPS;
        journal_keep(course);
        undo_await(course);
        return;
    }
    journal_forget(course);
    course_destroy(course);
}

/* ------------------------------------------------------------------ beginning ---- */

void course_begin(struct course *course)
{
    const struct task_world world = {
        .act = on_act, .check = on_check, .log = on_log, .drop = on_drop, .data = course};
    course->state = COURSE_RUNS;
    course->task = task_start(course->all->loop,
                              course->entry->script,
                              course->finding,
                              course->with,
                              &world,
                              NULL,
                              on_over,
                              course);
}

/* --------------------------------------------------------------------- waiting ---- */

static void write_waiting(struct writer *writer, void *data)
{
    const struct plan *plan = data;
    MEM_AUTO char *command = mem_print("runbookd plan %s", plan->id);
    writer_int(writer, "approvals", plan->approval_count);
    writer_int(writer, "approvals_needed", plan->needed);
    writer_time(writer, "expires", plan->expires_ms);
    writer_string(writer, "approve", command);
}

static void remind(struct course *course, struct plan *plan, const char *step)
{
    char left[UNITS_DURATION_LEN];
    const struct entry_approval *approval = &course->entries->approval;
    units_print_duration(plan->expires_ms - loop_wall_ms(course->all->loop), left);
    report_say(course,
               &(struct report){.level = LOG_ERROR,
                                .step = step,
                                .plan = plan,
                                .steps = STEPS_SHOWN,
                                .more = write_waiting,
                                .data = plan},
               "plan %s waits for %u of %u approvals, for %s",
               plan->id,
               plan->needed - plan->approval_count,
               plan->needed,
               left);
    course->remind_ms =
        approval->remind_ms ? loop_wall_ms(course->all->loop) + approval->remind_ms : 0;
}

static void expire(struct course *course, struct plan *plan)
{
    plan->state = PLAN_EXPIRED;
    report_say(course,
               &(struct report){.level = LOG_ERROR, .step = "expired", .plan = plan},
               "nobody has decided on plan %s in time: it is void",
               plan->id);
    report_audit(course,
                 &(struct report_line){.step = "expired", .plan = plan},
                 "nobody has decided on plan %s",
                 plan->id);
    if (course->task)
        errand_end(course->errand, TASK_EXPIRED, "nobody has decided in time");
    else
        course_finish(course);
}

static void on_wait(void *data)
{
    struct course *course = data;
    struct plan *plan = course->errand ? course->errand->plan
                                       : remediation_find_plan(course->all, course->kept_plan);
    int64_t now_ms = loop_wall_ms(course->all->loop);
    if (!plan || plan->state != PLAN_WAITING)
        return;
    if (now_ms >= plan->expires_ms) {
        expire(course, plan);
        return;
    }
    if (course->remind_ms && now_ms >= course->remind_ms && !plan->acknowledged)
        remind(course, plan, "reminded");
    int64_t due_ms = plan->expires_ms;
    if (course->remind_ms && course->remind_ms > now_ms && course->remind_ms < due_ms)
        due_ms = course->remind_ms;
    timer_start(&course->timer, course->all->loop, (uint64_t)(due_ms - now_ms), on_wait, course);
}

void course_wait(struct course *course, struct plan *plan)
{
    bool again = course->state == COURSE_WAITS;
    course->state = COURSE_WAITS;
    if (!again) {
        journal_keep(course);
        if (course->task)
            task_stop_clock(course->task);
        if (!plan->acknowledged)
            remind(course, plan, "waiting");
    }
    on_wait(course);
}
