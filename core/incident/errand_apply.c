/*
 * errand_apply - the steps of a plan: guard, intent on disk, guard again, apply, result; one after the other.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

static void next(struct errand *errand);

/* ------------------------------------------------------------------- the guard ---- */

/* What is left to do of the list: without what was taken out. */
static int64_t left_of(const struct errand *errand)
{
    const struct act_plan *list = errand_list(errand);
    int64_t count = 0;
    for (size_t i = 0; i < list->step_count; i++)
        if (!plan_excepts(errand->plan, list->steps[i].key))
            count += list->steps[i].count ? list->steps[i].count : 1;
    return count;
}

static bool agrees(struct errand *errand)
{
    if (errand->reads)
        return true;
    struct guard_facts facts = facts_of(errand->course->all,
                                        &(const struct facts_about){
                                            .entry = errand->course->entry,
                                            .course = errand->course,
                                            .target = errand->target,
                                            .verb = errand->need->verb,
                                            .args = errand->args,
                                            .action = errand->action,
                                            .list = errand_list(errand),
                                            .affected = left_of(errand),
                                        });
    bool again = errand->course->changed || errand->counted;
    facts.begun = errand->course->token;
    struct guard_answer answer = again ? guard_ask_again(&facts) : guard_ask(&facts);
    if (answer.point == GUARD_POINTS && facts.lease == GUARD_LEASE_HELD)
        errand->token = facts.token;
    if (answer.point == GUARD_POINTS)
        return true;
    errand_refuse(errand, &answer);
    return false;
}

/* --------------------------------------------------------------------- the end ---- */

static void write_counts(struct writer *writer, void *data)
{
    const struct errand *errand = data;
    double us = (double)(loop_now_us(errand->course->all->loop) - errand->started_us);
    writer_int(writer, "done", errand->done);
    writer_int(writer, "skipped", errand->skipped);
    writer_int(writer, "survived", errand->survived);
    writer_int(writer, "failed", errand->failed);
    if (errand->token)
        writer_int(writer, "lease_token", (int64_t)errand->token);
    if (errand->intent)
        writer_int(writer, "audit", (int64_t)errand->intent);
    writer_real(writer, "duration_ms", us / 1000.0);
}

static json_t *value_of(struct errand *errand)
{
    const struct act_plan *list = errand_list(errand);
    json_t *value = json_pack("{s:I,s:i,s:i,s:i,s:i,s:s?}",
                              "planned",
                              (json_int_t)left_of(errand),
                              "done",
                              (int)errand->done,
                              "skipped",
                              (int)errand->skipped,
                              "survived",
                              (int)errand->survived,
                              "failed",
                              (int)errand->failed,
                              "note",
                              list->note);
    if (errand->results)
        (void)json_object_set(value, "results", errand->results);
    return value;
}

static void say_applied(const struct errand *errand)
{
    bool bad = errand->failed || errand->survived;
    report_say(errand->course,
               &(struct report){.level = bad ? LOG_ERROR : LOG_WARN,
                                .step = "applied",
                                .plan = errand->plan,
                                .more = write_counts,
                                .data = (void *)errand},
               "%s on %s: %u done, %u skipped, %u survived, %u failed%s%s",
               errand->plan->action,
               errand->target,
               errand->done,
               errand->skipped,
               errand->survived,
               errand->failed,
               errand->failure ? ": " : "",
               errand->failure ? errand->failure : "");
}

static void finish(struct errand *errand)
{
    struct course *course = errand->course;
    bool failed = errand->failed && !errand->done;
    MEM_AUTO char *message = mem_copy(errand->failure);
    MEM_AUTO char *code = mem_copy(errand->code);
    struct task_answer answer = {.kind = failed ? ANSWER_FAILURE : ANSWER_VALUE,
                                 .value = failed ? NULL : value_of(errand),
                                 .message = message,
                                 .code = code};
    errand->plan->state = failed ? PLAN_FAILED : PLAN_APPLIED;
    course->errand = NULL;
    if (!errand->reads) {
        say_applied(errand);
        free(course->kept_plan);
        course->kept_plan = mem_copy(errand->plan->id);
        journal_keep(course);
    }
    errand_destroy(errand);
    if (course->task)
        task_answer(course->task, &answer);
    else
        json_decref(answer.value);
}

/* -------------------------------------------------------------------- one step ---- */

static const struct probe_step *current(const struct errand *errand)
{
    const struct act_plan *list = errand_list(errand);
    return errand->at < list->step_count ? &list->steps[errand->at] : NULL;
}

static void count_result(struct errand *errand, const struct probe_step *step,
                         const struct act_result *result)
{
    unsigned count = step->count > 0 ? (unsigned)step->count : 1;
    switch (result->outcome) {
    case PROBE_APPLIED:
        errand->done += count;
        errand->course->done += count;
        break;
    case PROBE_SKIPPED:
        errand->skipped += count;
        errand->course->skipped += count;
        break;
    default:
        errand->survived += count;
        errand->course->survived += count;
        break;
    }
    json_t *json = result->json ? json_loads(result->json, JSON_DECODE_ANY, NULL) : NULL;
    if (json && !errand->results)
        errand->results = json_array();
    if (json && json_array_size(errand->results) < RESULTS_KEPT)
        (void)json_array_append_new(errand->results, json);
    else
        json_decref(json);
}

static void count_failure(struct errand *errand, const struct probe_step *step,
                          const struct act_failure *failure)
{
    unsigned count = step->count > 0 ? (unsigned)step->count : 1;
    errand->failed += count;
    errand->course->failed += count;
    if (errand->failure)
        return;
    errand->failure = failure->hint ? mem_print("%s; %s", failure->summary, failure->hint)
                                    : mem_copy(failure->summary);
    errand->code = mem_copy(failure->reason);
}

static void on_result(int status, uint64_t entry, void *data);

static void note_result(struct errand *errand, const struct probe_step *step,
                        const struct act_failure *failure, const struct act_result *result)
{
    static const char *const outcomes[] = {
        [PROBE_APPLIED] = "applied", [PROBE_SKIPPED] = "skipped", [PROBE_SURVIVED] = "survived"};
    const char *outcome = result           ? outcomes[result->outcome]
                          : failure->begun ? "unknown"
                                           : "failed";
    const char *sentence = failure           ? failure->summary
                           : result->summary ? result->summary
                                             : step->what;
    report_audit(errand->course,
                 &(struct report_line){.step = "result",
                                       .plan = errand->plan,
                                       .key = step->key,
                                       .outcome = outcome,
                                       .result = result ? result->json : NULL,
                                       .token = errand->token,
                                       .happened = true,
                                       .fn = on_result,
                                       .data = errand},
                 "%s",
                 sentence);
}

/* Whether a failure speaks of the target, so that further steps would end no better. */
static bool is_final(const struct act_failure *failure)
{
    return failure->how == PROBE_DOWN || failure->status == -ETIMEDOUT ||
           failure->status == -ECANCELED;
}

static void on_applied(const struct act_failure *failure, const struct act_result *result,
                       void *data)
{
    struct errand *errand = data;
    const struct probe_step *step = current(errand);
    errand->act = NULL;
    if (failure)
        count_failure(errand, step, failure);
    else
        count_result(errand, step, result);
    if (result && result->undo)
        undo_keep(errand->course, errand, result->undo);
    errand->final = failure && is_final(failure);
    errand->recording = !errand->reads;
    if (errand->recording)
        note_result(errand, step, failure, result);
    else
        on_result(0, 0, errand);
}

/* It is in the audit, on disk, what came of the step: only now it is no longer one that is under way. */
static void on_result(int status, uint64_t entry, void *data)
{
    struct errand *errand = data;
    struct course *course = errand->course;
    (void)status; /* where it could not be written the guard refuses the next one */
    (void)entry;
    errand->recording = false;
    free(course->begun_key);
    course->begun_key = NULL;
    errand->at++;
    if (course->late) { /* nobody waits for more of it */
        errand->plan->state = PLAN_FAILED;
        say_applied(errand);
        course_after_late(course);
    } else if (errand->final) {
        finish(errand);
    } else {
        next(errand);
    }
}

static void apply(struct errand *errand)
{
    struct target *live = remediation_target(errand->course->all, errand->target);
    if (!agrees(errand)) /* it may have waited for the disk, or the realm */
        return;
    if (!live) {
        errand_end(errand, TASK_LOST, "its target is gone");
        return;
    }
    errand->begun = !errand->reads;
    if (errand->begun && !errand->course->token)
        errand->course->token = errand->token;
    errand->course->changed = errand->course->changed || errand->begun;
    errand->course->changed_us = loop_now_us(errand->course->all->loop);
    errand->act =
        act_apply(live, errand->action, errand->config, current(errand), on_applied, errand);
}

static void on_mirrored(int status, void *data)
{
    struct errand *errand = data;
    const struct remediation_mirror *mirror = errand->course->all->needs.mirror;
    errand->mirroring = false;
    if (status == 0 && (!mirror->whole || mirror->whole(mirror->data))) {
        apply(errand);
        return;
    }
    errand_refuse(errand,
                  &(const struct guard_answer){
                      .point = GUARD_LEASE,
                      .sentence = "the guard's state cannot be written where the realm keeps it"});
}

/* The first step tells the realm that it has begun, under the token that the lease had. */
static bool mirrors(struct errand *errand)
{
    struct remediations *all = errand->course->all;
    const struct remediation_mirror *mirror = all->needs.mirror;
    const char *entry = errand->course->entry->name;
    if (!mirror || errand->begun || !errand->token)
        return false;
    MEM_AUTO char *key = mem_print("%s/%s", entry, errand->target);
    MEM_AUTO char *json = facts_print(all, entry, errand->target);
    errand->mirroring = true;
    mirror->write(key, json, errand->token, on_mirrored, errand, mirror->data);
    return true;
}

static void on_intent(int status, uint64_t entry, void *data)
{
    struct errand *errand = data;
    const char *unkept = errand->course->all->unkept;
    struct guard_answer answer = {.point = GUARD_AUDIT};
    errand->intent = entry;
    if (status == 0 && !unkept) {
        if (!mirrors(errand))
            apply(errand);
        return;
    }
    (void)snprintf(answer.sentence,
                   sizeof(answer.sentence),
                   "%s",
                   unkept ? unkept : audit_why(errand->course->all->needs.audit, status));
    errand_refuse(errand, &answer);
}

/* The first step of a course on this target counts as an attempt. */
static void note_beginning(struct errand *errand)
{
    struct course *course = errand->course;
    int64_t now_ms = loop_wall_ms(course->all->loop);
    if (!course->changed) {
        course->begun_ms = now_ms;
        proof_note_baseline(course);
        journal_evidence(course, errand->target);
    }
    if (errand->counted)
        return;
    errand->counted = true;
    facts_begun(course->all, course->entry->name, errand->target, now_ms);
    journal_begun(course->all, course->entry->name, errand->target, now_ms);
}

static void next(struct errand *errand)
{
    struct course *course = errand->course;
    const struct probe_step *step;
    while ((step = current(errand)) && plan_excepts(errand->plan, step->key))
        errand->at++;
    if (!step) {
        finish(errand);
        return;
    }
    if (errand->reads) {
        apply(errand);
        return;
    }
    if (!agrees(errand))
        return;
    note_beginning(errand);
    errand->plan->state = PLAN_APPLYING;
    free(course->begun_key);
    course->begun_key = mem_copy(step->key);
    journal_keep(course);
    report_audit(course,
                 &(struct report_line){.step = "intent",
                                       .plan = errand->plan,
                                       .key = step->key,
                                       .token = errand->token,
                                       .fn = on_intent,
                                       .data = errand},
                 "%s",
                 step->what);
}

/* --------------------------------------------------------------------- the list ---- */

/* The list as it is now, within the bounds that were approved. */
static void on_taken(const struct act_failure *failure, struct act_plan *plan, void *data)
{
    struct errand *errand = data;
    errand->act = NULL;
    if (failure) {
        MEM_AUTO char *message = mem_print("it could not be planned again: %s", failure->summary);
        errand->plan->state = PLAN_FAILED;
        report_say(errand->course,
                   &(struct report){.level = LOG_ERROR, .step = "failed", .plan = errand->plan},
                   "%s",
                   message);
        errand_end(errand, TASK_LOST, message);
        return;
    }
    errand->taken = plan;
    next(errand);
}

/* Whether it is told elsewhere that it was decided; if not, nothing has begun, and nothing counts as tried. */
static void on_witnessed(int status, uint64_t entry, void *data)
{
    struct errand *errand = data;
    const struct remediations *all = errand->course->all;
    struct guard_answer answer = {.point = GUARD_AUDIT,
                                  .again_ms = loop_wall_ms(all->loop) + SHORTEST_PAUSE_MS};
    (void)entry;
    if (status == 0) {
        errand->witnessed = true;
        errand_apply(errand);
        return;
    }
    (void)snprintf(
        answer.sentence, sizeof(answer.sentence), "%s", audit_why(all->needs.audit, status));
    errand_refuse(errand, &answer);
}

/* guard.audit.require_sink: nothing begins before a sink has the line that says what was decided. */
static bool waits_for_witness(struct errand *errand)
{
    if (errand->reads || errand->witnessed || !audit_requires(errand->course->all->needs.audit))
        return false;
    report_audit(errand->course,
                 &(struct report_line){.step = "decided",
                                       .plan = errand->plan,
                                       .witnessed = true,
                                       .fn = on_witnessed,
                                       .data = errand},
                 "%s is decided",
                 errand->plan->action);
    return true;
}

void errand_apply(struct errand *errand)
{
    struct target *live = remediation_target(errand->course->all, errand->target);
    if (waits_for_witness(errand))
        return;
    if (!live)
        errand_end(errand, TASK_LOST, "its target is gone");
    else if (errand->plan->binds == PROBE_BINDS_ITEMS)
        next(errand);
    else if (agrees(errand)) /* if not, the errand is gone */
        errand->act = act_plan(live, errand->action, errand->config, on_taken, errand);
}
