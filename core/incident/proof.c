/*
 * proof - whether what was done has helped: the checks that `verify` names are run, and their samples asked.
 *
 * Only samples of runs that began after the last step count.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

enum { LEAST_SLACK_MS = 10000, LOOK_AGAIN_MS = 1000 };

static const struct entry_verify *wish_of(const struct course *course)
{
    return &course->entry->verify;
}

/* The trigger's subject, where the check is the one that it is a subject of. */
static const char *subject_for(const struct course *course, const struct config_target *target,
                               const struct config_check *check)
{
    bool own = course->trigger_target && strcmp(course->trigger_target, target->name) == 0 &&
               strcmp(course->trigger_name, check->name) == 0;
    return own ? course->subject : NULL;
}

void proof_note_baseline(struct course *course)
{
    const struct entry_improves *improves = &wish_of(course)->improves;
    if (improves->target && !sight_measure(course->all->sights,
                                           improves->target->name,
                                           improves->check,
                                           improves->slot,
                                           subject_for(course, improves->target, improves->check),
                                           0,
                                           &course->baseline))
        course->baseline = NAN;
}

/* ------------------------------------------------------------------- verdicts ---- */

struct verdict {
    const struct course *course;
    const struct verify *verify;
    const char *what, *outcome;
};

static void write_verdict(struct writer *writer, void *data)
{
    const struct verdict *verdict = data;
    writer_string(writer, "outcome", verdict->outcome);
    writer_string(writer, "verify", verdict->what);
    writer_int(writer, "held_ms", verdict->verify->held_ms);
    writer_int(writer, "done", verdict->course->done);
    if (wish_of(verdict->course)->improves.target && !isnan(verdict->course->baseline))
        writer_real(writer, "baseline", verdict->course->baseline);
}

static void say_fixed(struct course *course, const struct verdict *verdict)
{
    char held[UNITS_DURATION_LEN];
    units_print_duration(verdict->verify->held_ms, held);
    report_say(
        course,
        &(struct report){
            .level = LOG_INFO, .step = "verified", .more = write_verdict, .data = (void *)verdict},
        "fixed: %s%s%s",
        verdict->what,
        verdict->verify->held_ms ? ", for " : "",
        verdict->verify->held_ms ? held : "");
}

/* What comes next, as the end of a sentence. */
static void print_next(const struct course *course, char *out, size_t room)
{
    const struct entry *entry = course->entry;
    struct guard_facts facts =
        facts_of(course->all,
                 &(const struct facts_about){
                     .entry = entry,
                     .course = course,
                     .target = entry->bindings ? entry->bindings[0].target->name : ""});
    unsigned most = entry->limits.attempts;
    char at[UNITS_TIME_LEN];
    units_print_time(facts.last_ms + entry->limits.cooldown_ms, at);
    if (!most || !entry->trigger.count)
        (void)snprintf(out, room, "a person is needed");
    else if (facts.attempts >= most)
        (void)snprintf(out, room, "its %u attempts are used, a person is needed", most);
    else
        (void)snprintf(out,
                       room,
                       "%u of %u attempts are left, the next not before %s",
                       most - facts.attempts,
                       most,
                       at);
}

static void say_failed(struct course *course, const struct verdict *verdict, enum verify_word word)
{
    char next[160];
    print_next(course, next, sizeof(next));
    report_say(
        course,
        &(struct report){
            .level = LOG_ERROR, .step = "verified", .more = write_verdict, .data = (void *)verdict},
        word == VERIFY_INEFFECTIVE ? "ineffective: not %s; %s"
                                   : "unverified: nobody could "
                                     "tell whether %s; %s",
        verdict->what,
        next);
}

static void note_outcome(const struct course *course, const char *outcome)
{
    struct plan *plan;
    list_for_each(plan, &course->all->plans, struct plan, link) {
        if (strcmp(plan->run, course->run) == 0 && plan->state == PLAN_APPLIED)
            plan->outcome = outcome;
    }
}

static void conclude(struct course *course, const struct verify *verify, const char *what,
                     enum verify_word word)
{
    const struct verdict verdict = {course, verify, what, verify_outcome(word)};
    timer_stop(&course->timer);
    note_outcome(course, verdict.outcome);
    if (word == VERIFY_FIXED)
        say_fixed(course, &verdict);
    else
        say_failed(course, &verdict, word);
    report_audit(course,
                 &(struct report_line){.step = "verified", .outcome = verdict.outcome},
                 "%s: %s",
                 verdict.outcome,
                 what);
    if (word == VERIFY_FIXED)
        remediation_readiness(course->all, course->entry->name)->handed_over = false;
    if (word != VERIFY_FIXED && course->entry->undo_on_failure && !list_empty(&course->undos))
        undo_begin(course, "it has not helped");
    else
        course_finish(course);
}

/* --------------------------------------------------------------------- looking ---- */

static void look(void *data);

static void look_in(struct course *course, int64_t ms)
{
    timer_start(&course->timer, course->all->loop, ms > 0 ? (uint64_t)ms : 0, look, course);
}

/* Has what is asked about run now. */
static void run_checks(const struct course *course)
{
    const struct entry_verify *wish = wish_of(course);
    (void)sight_run(course->all->sights, wish->question.target->name, wish->question.check->name);
    if (wish->improves.target)
        (void)sight_run(
            course->all->sights, wish->improves.target->name, wish->improves.check->name);
}

static int64_t due_ms(const struct course *course)
{
    int64_t now_ms = loop_wall_ms(course->all->loop);
    int64_t due = verify_due(&course->verify, now_ms), other = due;
    if (wish_of(course)->improves.target && !course->improves.since_ms)
        other = verify_due(&course->improves, now_ms);
    due = (due < other ? due : other) - now_ms;
    return due < LOOK_AGAIN_MS ? LOOK_AGAIN_MS : due;
}

/* A time has come: either everything is decided by it, or it is time to look. */
static void look(void *data)
{
    struct course *course = data;
    int64_t now_ms = loop_wall_ms(course->all->loop);
    bool held = course->verify.since_ms && course->verify.held_ms >= course->verify.stable_ms;
    enum verify_word word = held ? VERIFY_GOES_ON : verify_pass(&course->verify, now_ms);
    if (word != VERIFY_GOES_ON) {
        conclude(course, &course->verify, wish_of(course)->question.text, word);
        return;
    }
    if (wish_of(course)->improves.target && !course->improves.since_ms) {
        word = verify_pass(&course->improves, now_ms);
        if (word != VERIFY_GOES_ON) {
            conclude(course, &course->improves, wish_of(course)->improves.measure, word);
            return;
        }
    }
    run_checks(course);
    look_in(course, due_ms(course));
}

/* Whether the measure has fallen by as much as was hoped; true: there was nothing to conclude. */
static bool hear_improvement(struct course *course, const char *target, const char *name)
{
    const struct entry_improves *improves = &wish_of(course)->improves;
    double value = 0;
    if (!improves->target || course->improves.since_ms ||
        strcmp(improves->target->name, target) != 0 || strcmp(improves->check->name, name) != 0)
        return true;
    bool known = !isnan(course->baseline) &&
                 sight_measure(course->all->sights,
                               target,
                               improves->check,
                               improves->slot,
                               subject_for(course, improves->target, improves->check),
                               course->changed_us,
                               &value);
    bool better = known && value <= course->baseline * (1 - improves->percent / 100);
    enum verify_word word =
        verify_take(&course->improves, known, better, loop_wall_ms(course->all->loop));
    if (word == VERIFY_GOES_ON || word == VERIFY_FIXED)
        return true;
    conclude(course, &course->improves, improves->measure, word);
    return false;
}

void proof_hear(struct course *course, const char *target, const char *name, uint64_t started_us)
{
    const struct entry_question *question = &wish_of(course)->question;
    bool asked =
        strcmp(question->target->name, target) == 0 && strcmp(question->check->name, name) == 0;
    if (started_us < course->changed_us) { /* it began too early to tell */
        if (asked)
            look_in(course, LOOK_AGAIN_MS);
        return;
    }
    if (!hear_improvement(course, target, name) || !asked)
        return;
    enum sight_answer answer = sight_ask(course->all->sights,
                                         question,
                                         subject_for(course, question->target, question->check),
                                         false,
                                         course->changed_us);
    int64_t before_ms = course->verify.since_ms;
    enum verify_word word = verify_take(&course->verify,
                                        answer != SIGHT_UNKNOWN,
                                        answer == SIGHT_YES,
                                        loop_wall_ms(course->all->loop));
    if (word == VERIFY_GOES_ON ||
        (word == VERIFY_FIXED && wish_of(course)->improves.target && !course->improves.since_ms)) {
        if (course->verify.since_ms != before_ms)
            journal_keep(course);
        look_in(course, due_ms(course));
        return;
    }
    conclude(course, &course->verify, question->text, word);
}

/* -------------------------------------------------------------------- beginning ---- */

void proof_resume(struct course *course)
{
    const struct entry_verify *wish = wish_of(course);
    int64_t slack_ms = SIGHT_INTERVALS * wish->question.check->every_ms;
    course->state = COURSE_VERIFIES;
    course->verify.within_ms = wish->within_ms;
    course->verify.stable_ms = wish->stable_ms;
    course->verify.slack_ms = slack_ms > LEAST_SLACK_MS ? slack_ms : LEAST_SLACK_MS;
    course->improves = (struct verify){.begun_ms = course->verify.begun_ms,
                                       .within_ms = wish->improves.within_ms,
                                       .slack_ms = course->verify.slack_ms};
    journal_keep(course);
    look_in(course, 0);
}

void proof_begin(struct course *course)
{
    course->verify = (struct verify){.begun_ms = loop_wall_ms(course->all->loop)};
    proof_resume(course);
}
