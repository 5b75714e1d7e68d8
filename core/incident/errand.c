/*
 * errand - one action that a script asks for: its plan, and what is decided on it.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

const struct act_plan *errand_list(const struct errand *errand)
{
    return errand->taken ? errand->taken : errand->plan ? errand->plan->content : NULL;
}

void errand_destroy(struct errand *errand)
{
    if (!errand)
        return;
    struct remediations *all = errand->course->all;
    if (errand->act)
        act_cancel(errand->act);
    if (errand->mirroring && all->needs.mirror)
        all->needs.mirror->forget(errand, all->needs.mirror->data);
    audit_forget(all->needs.audit, errand);
    if (errand->plan && errand->plan->state <= PLAN_APPLYING && !all->closing &&
        errand->plan->state != PLAN_MADE)
        errand->plan->state = PLAN_FAILED;
    act_plan_destroy(errand->taken);
    arena_destroy(errand->memory);
    json_decref(errand->results);
    free(errand->target);
    free(errand->args);
    free(errand->failure);
    free(errand->code);
    free(errand);
}

/* ------------------------------------------------------------------- answers ---- */

/* The script goes on, or ends, with this; the errand is over. */
static void answer(struct errand *errand, const struct task_answer *answer)
{
    struct course *course = errand->course;
    struct task *task = course->task;
    course->errand = NULL;
    if (task) {
        if (course->state == COURSE_WAITS)
            course->state = COURSE_RUNS;
        task_start_clock(task);
        task_answer(task, answer);
    } else {
        json_decref(answer->value);
    }
    errand_destroy(errand);
}

void errand_end(struct errand *errand, enum task_end end, const char *message)
{
    MEM_AUTO char *own = mem_copy(message);
    answer(errand, &(struct task_answer){.kind = ANSWER_END, .end = end, .message = own});
}

static void fail(struct errand *errand, const char *message, const char *code)
{
    MEM_AUTO char *own = mem_copy(message);
    MEM_AUTO char *own_code = mem_copy(code);
    answer(errand, &(struct task_answer){.kind = ANSWER_FAILURE, .message = own, .code = own_code});
}

static void misuse(struct errand *errand, const char *message)
{
    MEM_AUTO char *own = mem_copy(message);
    answer(errand, &(struct task_answer){.kind = ANSWER_MISUSE, .message = own});
}

/* ------------------------------------------------------------------- refusals ---- */

static void used_up(struct course *course, const struct guard_answer *refusal)
{
    struct readiness *readiness = remediation_readiness(course->all, course->entry->name);
    readiness->not_before_ms =
        refusal->again_ms ? refusal->again_ms : loop_wall_ms(course->all->loop) + REFUSED_PAUSE_MS;
    if (refusal->point != GUARD_ATTEMPTS || readiness->handed_over)
        return;
    readiness->handed_over = true;
    report_say(course,
               &(struct report){.level = LOG_ERROR, .step = "handed_over"},
               "a person is needed: %s",
               refusal->sentence);
}

void errand_refuse(struct errand *errand, const struct guard_answer *refusal)
{
    struct course *course = errand->course;
    struct plan *plan = errand->plan;
    bool lost = refusal->point == GUARD_LEASE && errand->begun;
    MEM_AUTO char *sentence =
        mem_print("refused by guard %s: %s", guard_point_name(refusal->point), refusal->sentence);
    if (plan) {
        plan->state = PLAN_REFUSED;
        free((void *)plan->said);
        plan->said = mem_copy(sentence);
    }
    report_say(course,
               &(struct report){.level = LOG_WARN,
                                .step = "refused",
                                .plan = plan,
                                .more = report_refusal,
                                .data = (void *)refusal},
               "%s",
               sentence);
    if (plan && plan->mode > GUARD_DRY_RUN)
        report_audit(course,
                     &(struct report_line){.step = "refused",
                                           .plan = plan,
                                           .reason = guard_point_name(refusal->point),
                                           .token = errand->token},
                     "%s",
                     sentence);
    used_up(course, refusal);
    errand_end(errand, lost ? TASK_LOST : TASK_REFUSED, sentence);
}

static struct guard_facts facts(const struct errand *errand, int64_t affected)
{
    return facts_of(errand->course->all,
                    &(const struct facts_about){
                        .entry = errand->course->entry,
                        .course = errand->course,
                        .target = errand->target,
                        .verb = errand->need->verb,
                        .args = errand->args,
                        .action = errand->action,
                        .list = errand_list(errand),
                        .affected = affected,
                    });
}

/* ------------------------------------------------------------------ deciding ---- */

static void write_dry_run(struct writer *writer, void *data)
{
    const struct guard_answer *answer = data;
    writer_string(writer, "guard", guard_point_name(answer->point));
    if (answer->point != GUARD_POINTS)
        writer_string(writer, "guard_says", answer->sentence);
}

static void say_planned(const struct errand *errand, const struct guard_answer *guard)
{
    const struct plan *plan = errand->plan;
    bool dry = plan->mode <= GUARD_DRY_RUN;
    report_say(errand->course,
               &(struct report){.level = dry ? LOG_INFO : LOG_WARN,
                                .step = "planned",
                                .plan = plan,
                                .steps = STEPS_SHOWN,
                                .more = write_dry_run,
                                .data = (void *)guard},
               "%s%s would touch %lld of %lld on %s",
               dry ? "dry run: " : "",
               plan->action,
               (long long)plan_affected(plan),
               (long long)plan->content->total,
               plan->target);
    if (!dry)
        report_audit(errand->course,
                     &(struct report_line){.step = "planned", .plan = plan},
                     "%s planned",
                     plan->action);
}

static unsigned approvals_needed(const struct errand *errand)
{
    const struct entry *entry = errand->course->entry;
    unsigned by_effect = errand->course->entries->approval.needed[errand->plan->effect];
    return entry->approvals > by_effect ? entry->approvals : by_effect;
}

static void wait_for_people(struct errand *errand)
{
    struct course *course = errand->course;
    struct plan *plan = errand->plan;
    plan->state = PLAN_WAITING;
    plan->needed = approvals_needed(errand);
    plan->expires_ms = plan->made_ms + course->entries->approval.expires_ms;
    course_wait(course, plan);
}

/* Takes over what was decided on a plan before the agent started again; the plan of now is forgotten. */
static bool take_granted(struct errand *errand)
{
    struct course *course = errand->course;
    struct plan *granted =
        course->granted ? remediation_find_plan(course->all, course->granted) : NULL;
    char hash[PLAN_HASH_LEN + 1];
    if (!granted || granted->state != PLAN_APPROVED)
        return false;
    struct act_plan *fresh = errand->plan->content; /* the same but for its list? */
    errand->plan->content = granted->content;
    plan_hash(errand->plan, hash);
    errand->plan->content = fresh;
    if (strcmp(hash, granted->hash) != 0)
        return false;
    plan_destroy(errand->plan);
    errand->plan = granted;
    free(course->granted);
    course->granted = NULL;
    return true;
}

/* It waits on, if it is what was read at the agent before: with its id and its time. */
static bool take_awaited(struct errand *errand)
{
    struct course *course = errand->course;
    struct plan *plan = errand->plan;
    struct plan *awaited =
        course->awaited ? remediation_find_plan(course->all, course->awaited) : NULL;
    if (!awaited || awaited->state != PLAN_WAITING || plan->mode != GUARD_APPROVE ||
        strcmp(plan->hash, awaited->hash) != 0)
        return false;
    struct act_plan *old = awaited->content; /* of bounds: the list as it is now */
    awaited->content = plan->content;
    plan->content = old;
    errand->plan = awaited;
    awaited->needed = approvals_needed(errand);
    if (awaited->expires_ms > plan->made_ms + course->entries->approval.expires_ms)
        awaited->expires_ms = plan->made_ms + course->entries->approval.expires_ms;
    plan_destroy(plan);
    free(course->awaited);
    course->awaited = NULL;
    course_wait(course, awaited);
    return true;
}

static void decide(struct errand *errand)
{
    struct plan *plan = errand->plan;
    struct guard_facts now = facts(errand, plan_affected(plan));
    struct guard_answer guard = errand->course->changed ? guard_ask_again(&now) : guard_ask(&now);
    if (take_granted(errand)) {
        errand_apply(errand);
        return;
    }
    if (plan->effect == PROBE_READS) { /* it only looks: nothing is to be decided */
        errand->reads = true;
        errand_apply(errand);
        return;
    }
    if (take_awaited(errand))
        return;
    if (errand->course->awaited)
        resume_unwanted(errand->course);
    say_planned(errand, &guard);
    if (plan->mode <= GUARD_DRY_RUN)
        errand_end(errand, TASK_PLANNED, "dry run: it was planned, and nothing was done");
    else if (guard.point != GUARD_POINTS)
        errand_refuse(errand, &guard);
    else if (plan->mode == GUARD_APPROVE)
        wait_for_people(errand);
    else
        errand_apply(errand);
}

void errand_approved(struct errand *errand)
{
    struct course *course = errand->course;
    timer_stop(&course->timer);
    course->state = COURSE_RUNS;
    if (course->task)
        task_start_clock(course->task);
    errand_apply(errand);
}

/* ------------------------------------------------------------------ planning ---- */

static void answer_nothing(struct errand *errand, const struct act_plan *plan)
{
    json_t *value = json_pack("{s:i,s:i,s:i,s:i,s:i,s:s?}",
                              "planned",
                              0,
                              "done",
                              0,
                              "skipped",
                              0,
                              "survived",
                              0,
                              "failed",
                              0,
                              "note",
                              plan->note);
    answer(errand, &(struct task_answer){.kind = ANSWER_VALUE, .value = value});
}

static void on_planned(const struct act_failure *failure, struct act_plan *content, void *data)
{
    struct errand *errand = data;
    const struct course *course = errand->course;
    const struct entry *entry = course->entry;
    errand->act = NULL;
    if (failure) {
        MEM_AUTO char *message = failure->hint
                                     ? mem_print("%s; %s", failure->summary, failure->hint)
                                     : mem_copy(failure->summary);
        fail(errand, message, failure->reason);
        return;
    }
    if (content->step_count == 0) {
        answer_nothing(errand, content);
        act_plan_destroy(content);
        return;
    }
    MEM_AUTO char *action = mem_print(
        "%s:%s", script_role(entry->script, errand->need->role)->plugin, errand->action->name);
    struct plan like = {
        .state = PLAN_MADE,
        .entry = entry->name,
        .script = entry->script->name,
        .script_digest = entry->script->digest,
        .verb = errand->need->verb,
        .action = action,
        .target = errand->target,
        .config = entry->digest,
        .args = errand->args,
        .verify = entry->verify.question.text,
        .finding = course->finding_id,
        .mode = entry->mode,
        .effect = content->effect,
        .binds = errand->action->binds,
        .max_affected = entry->limits.max_affected,
        .made_ms = loop_wall_ms(course->all->loop),
    };
    memcpy(like.run, course->run, sizeof(like.run));
    errand->plan = remediation_add_plan(course->all, plan_create(&like, content));
    decide(errand);
}

/* ------------------------------------------------------------------- reading ---- */

static void on_read(const struct act_failure *failure, const struct act_result *result, void *data)
{
    struct errand *errand = data;
    errand->act = NULL;
    if (failure) {
        fail(errand, failure->summary, failure->reason);
        return;
    }
    json_t *value = result->json ? json_loads(result->json, JSON_DECODE_ANY, NULL) : NULL;
    answer(errand,
           &(struct task_answer){.kind = ANSWER_VALUE, .value = value ? value : json_object()});
}

/* ----------------------------------------------------------------- beginning ---- */

static bool configure(struct errand *errand, struct text *wrong)
{
    struct problems problems = {0};
    json_t *json = json_loads(errand->args, 0, NULL);
    const struct node *map = node_from_json(errand->memory, json, errand->need->verb);
    errand->config =
        act_configure(errand->memory, errand->action, map, errand->action->name, &problems);
    problems_print(&problems, wrong);
    text_cut_to(wrong, strcspn(wrong->bytes, "\n"));
    problems_finish(&problems);
    json_decref(json);
    return errand->config != NULL;
}

void errand_begin(struct course *course, const struct script_need *need, const char *args)
{
    struct errand *errand = mem_new(sizeof(*errand));
    struct text TEXT_AUTO wrong;
    const struct config_target *bound = entry_target(course->entry, need->role);
    struct target *live = bound ? remediation_target(course->all, bound->name) : NULL;
    errand->course = course;
    errand->need = need;
    errand->args = mem_copy(args);
    errand->target = mem_copy(bound ? bound->name : need->role);
    errand->memory = arena_create();
    errand->started_us = loop_now_us(course->all->loop);
    course->errand = errand;
    errand->action = live ? act_find(live->config->plugin, need->action) : NULL;
    text_init(&wrong, 400);
    if (!errand->action) {
        fail(errand, "there is no such target any more", "no_target");
        return;
    }
    if (!configure(errand, &wrong)) {
        misuse(errand, wrong.bytes);
        return;
    }
    struct guard_facts now = facts(errand, 0);
    struct guard_answer guard;
    if (!guard_agrees(&now, GUARD_GRANT, &guard))
        errand_refuse(errand, &guard);
    else if (errand->action->effect == PROBE_READS && !errand->action->plan)
        errand->act = act_apply(live, errand->action, errand->config, NULL, on_read, errand);
    else
        errand->act = act_plan(live, errand->action, errand->config, on_planned, errand);
}
