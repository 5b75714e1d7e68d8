/*
 * people - what people ask of remediations, and what they decide.
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

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* ------------------------------------------------------------------ the plan ---- */

static struct guard_facts facts_of_plan(struct remediations *all, const struct plan *plan)
{
    const struct course *course = remediation_course_of_plan(all, plan);
    const struct entry *entry = course ? course->entry : entries_find(all->entries, plan->entry);
    const struct target *live = remediation_target(all, plan->target);
    const char *name = strchr(plan->action, ':');
    if (!entry)
        return (struct guard_facts){.frozen = "this remediation is no longer configured"};
    return facts_of(all,
                    &(const struct facts_about){
                        .entry = entry,
                        .course = course,
                        .target = plan->target,
                        .verb = plan->verb,
                        .args = plan->args,
                        .action = live && name ? act_find(live->config->plugin, name + 1) : NULL,
                        .list = plan->content,
                        .affected = plan_affected(plan),
                    });
}

void remediations_guards(struct remediations *all, const struct plan *plan,
                         struct guard_answer answers[GUARD_POINTS])
{
    struct guard_facts facts = facts_of_plan(all, plan);
    for (enum guard_point point = 0; point < GUARD_POINTS; point++) {
        bool agrees = guard_agrees(&facts, point, &answers[point]);
        answers[point].point = agrees ? GUARD_POINTS : point;
    }
}

/* Since the lease has changed hands: in a moment it is known whether it is still what was read. */
static bool is_awaited(const struct remediations *all, const struct plan *plan)
{
    const struct course *course = remediation_course_of_plan(all, plan);
    return course && (course->kept_name || same(course->awaited, plan->id));
}

/* The plan that waits, and was read; NULL and why. */
static struct plan *find_waiting(const struct remediations *all,
                                 const struct remediation_decision *decision, struct error *error)
{
    struct plan *plan = remediation_find_plan(all, decision->plan);
    if (!plan) {
        (void)error_set(error, -ENOENT, "there is no plan %s", decision->plan);
        if (!list_empty(&all->plans)) {
            const struct plan *newest = list_first(&all->plans, struct plan, link);
            (void)error_hint(
                error, "the newest is %s (%s)", newest->id, plan_state_name(newest->state));
        }
        return NULL;
    }
    if (plan->state != PLAN_WAITING) {
        (void)error_set(error,
                        -ESTALE,
                        "plan %s does not wait: it is %s",
                        plan->id,
                        plan_state_name(plan->state));
        return NULL;
    }
    if (is_awaited(all, plan)) {
        (void)error_set(error,
                        -EAGAIN,
                        "plan %s is planned again, since the lease has changed hands",
                        plan->id);
        (void)error_hint(error, "ask again in a moment");
        return NULL;
    }
    size_t digits = decision->hash ? strlen(decision->hash) : PLAN_HASH_TYPED;
    if (digits < PLAN_HASH_TYPED ||
        (decision->hash && strncmp(decision->hash, plan->hash, digits) != 0)) {
        (void)error_set(error, -ESTALE, "%s is not the hash of plan %s", decision->hash, plan->id);
        (void)error_hint(
            error, "read it again: its first %d digits are asked for", (int)PLAN_HASH_TYPED);
        return NULL;
    }
    return plan;
}

/* -------------------------------------------------------------------- approvals ---- */

static bool has_key(const struct plan *plan, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < plan->content->step_count; i++) {
        const char *own = plan->content->steps[i].key;
        if (strncmp(own, key, len) == 0 && (own[len] == '\0' || own[len] == '@'))
            return true;
    }
    return false;
}

/* All of them, or none; something must be left. */
static int narrow(struct plan *plan, const char *const *keys, struct error *error)
{
    for (size_t i = 0; keys && keys[i]; i++)
        if (!has_key(plan, keys[i]))
            return error_set(error, -EINVAL, "plan %s has no item %s", plan->id, keys[i]);
    size_t before = plan->except_count;
    bool fits = true;
    for (size_t i = 0; keys && keys[i] && fits; i++)
        fits = plan_except(plan, keys[i]);
    if (fits && plan_affected(plan) > 0)
        return 0;
    while (plan->except_count > before)
        free(plan->except[--plan->except_count]);
    if (!fits)
        return error_set(error, -EINVAL, "more than %d items", (int)PLAN_MOST_EXCEPTED);
    return error_set(error, -EINVAL, "nothing of plan %s would be left: reject it", plan->id);
}

static bool has_decided(const struct plan *plan, const char *who)
{
    for (unsigned i = 0; i < plan->approval_count; i++)
        if (same(plan->approvals[i].who, who))
            return true;
    return false;
}

/* It is on disk that enough have decided for it. */
static void on_approved(int status, uint64_t entry, void *data)
{
    struct course *course = data;
    struct plan *plan = course->errand ? course->errand->plan
                                       : remediation_find_plan(course->all, course->kept_plan);
    (void)entry;
    if (!plan || plan->state != PLAN_APPROVED)
        return;
    if (status < 0) {
        plan->state = PLAN_WAITING;
        plan->approval_count--;
        report_say(course,
                   &(struct report){.level = LOG_ERROR, .step = "waiting", .plan = plan},
                   "the approval could not be written: plan %s goes on waiting",
                   plan->id);
    } else if (course->errand) {
        errand_approved(course->errand);
    } else { /* the agent has started again since: its script asks anew, and this decision counts */
        timer_stop(&course->timer);
        free(course->granted);
        course->granted = mem_copy(plan->id);
        course_begin(course);
    }
}

static void write_approvals(struct writer *writer, void *data)
{
    const struct plan *plan = data;
    writer_int(writer, "approvals", plan->approval_count);
    writer_int(writer, "approvals_needed", plan->needed);
}

static void record(struct course *course, struct plan *plan,
                   const struct remediation_decision *decision)
{
    plan->approvals[plan->approval_count++] = (struct plan_approval){
        mem_copy(decision->who),
        mem_copy(decision->proof),
        mem_copy(decision->from),
        mem_copy(decision->reason),
        loop_wall_ms(course->all->loop),
    };
    bool enough = plan->approval_count >= plan->needed;
    if (enough) {
        plan->state = PLAN_APPROVED;
        plan->decided_ms = loop_wall_ms(course->all->loop);
    }
    journal_keep(course);
    report_audit(course,
                 &(struct report_line){.step = "approved",
                                       .plan = plan,
                                       .who = decision->who,
                                       .proof = decision->proof,
                                       .from = decision->from,
                                       .reason = decision->reason,
                                       .except = decision->except,
                                       .fn = enough ? on_approved : NULL,
                                       .data = course},
                 "%s approved %s",
                 decision->who,
                 plan->id);
    report_say(course,
               &(struct report){.level = LOG_INFO,
                                .step = "approved",
                                .plan = plan,
                                .more = write_approvals,
                                .data = plan},
               "%s approved plan %s, %u of %u",
               decision->who,
               plan->id,
               plan->approval_count,
               plan->needed);
}

int remediations_approve(struct remediations *all, const struct remediation_decision *decision,
                         struct error *error)
{
    struct plan *plan = find_waiting(all, decision, error);
    if (!plan)
        return error->code;
    struct course *course = remediation_course_of_plan(all, plan);
    if (!course)
        return error_set(error, -ESTALE, "plan %s does not wait any more", plan->id);
    if (has_decided(plan, decision->who) || plan->approval_count == PLAN_MOST_APPROVALS)
        return error_set(
            error, -EALREADY, "%s has approved plan %s already", decision->who, plan->id);
    if (audit_trouble(all->needs.audit))
        return error_set(error, -EIO, "%s", audit_trouble(all->needs.audit));
    if (narrow(plan, decision->except, error) < 0)
        return error->code;
    struct guard_facts facts = facts_of_plan(all, plan);
    struct guard_answer answer = guard_ask(&facts);
    if (answer.point != GUARD_POINTS)
        return error_set(error,
                         -EPERM,
                         "refused by guard %s: %s",
                         guard_point_name(answer.point),
                         answer.sentence);
    record(course, plan, decision);
    return 0;
}

/* ----------------------------------------------------------- reject, acknowledge ---- */

static void note(struct course *course, const struct plan *plan, const char *step,
                 const struct remediation_decision *decision)
{
    report_audit(course,
                 &(struct report_line){.step = step,
                                       .plan = plan,
                                       .who = decision->who,
                                       .proof = decision->proof,
                                       .from = decision->from,
                                       .reason = decision->reason},
                 "%s %s %s",
                 decision->who,
                 step,
                 plan ? plan->id : course->run);
    report_say(course,
               &(struct report){.level = LOG_INFO, .step = step, .plan = plan},
               "%s %s plan %s%s%s",
               decision->who,
               step,
               plan ? plan->id : course->run,
               decision->reason ? ": " : "",
               decision->reason ? decision->reason : "");
}

int remediations_reject(struct remediations *all, const struct remediation_decision *decision,
                        struct error *error)
{
    struct plan *plan = find_waiting(all, decision, error);
    struct course *course = plan ? remediation_course_of_plan(all, plan) : NULL;
    if (!plan)
        return error->code;
    plan->state = PLAN_REJECTED;
    plan->decided_ms = loop_wall_ms(all->loop);
    if (!course)
        return 0;
    note(course, plan, "rejected", decision);
    if (course->task)
        errand_end(course->errand, TASK_REJECTED, "a person has rejected it");
    else
        course_finish(course);
    return 0;
}

int remediations_acknowledge(struct remediations *all, const struct remediation_decision *decision,
                             struct error *error)
{
    struct plan *plan = find_waiting(all, decision, error);
    struct course *course = plan ? remediation_course_of_plan(all, plan) : NULL;
    if (!plan)
        return error->code;
    plan->acknowledged = true;
    free((void *)plan->acked_by);
    free((void *)plan->ack_reason);
    plan->acked_by = mem_copy(decision->who);
    plan->ack_reason = mem_copy(decision->reason);
    if (course) {
        note(course, plan, "acknowledged", decision);
        journal_keep(course);
    }
    return 0;
}

/* -------------------------------------------------------------------------- undo ---- */

/* By the id of a plan, or of the course itself. */
static struct course *find_kept(const struct remediations *all, const char *id)
{
    const struct plan *plan = remediation_find_plan(all, id);
    struct course *course;
    list_for_each(course, &all->courses, struct course, link) {
        if (strcmp(course->run, plan ? plan->run : id) == 0 || same(course->kept_plan, id))
            return course;
    }
    return NULL;
}

int remediations_undo(struct remediations *all, const struct remediation_decision *decision,
                      struct error *error)
{
    struct course *course = find_kept(all, decision->plan);
    if (!course || list_empty(&course->undos))
        return error_set(
            error, -ENOENT, "nothing that was done by %s can be taken back", decision->plan);
    if (course->state != COURSE_KEEPS && course->state != COURSE_VERIFIES)
        return error_set(error, -EBUSY, "%s is still at work", course->entry->name);
    if (audit_trouble(all->needs.audit))
        return error_set(error, -EIO, "%s", audit_trouble(all->needs.audit));
    note(course, remediation_find_plan(all, decision->plan), "undo", decision);
    undo_begin(course, decision->reason ? decision->reason : "a person wants it");
    return 0;
}

/* ---------------------------------------------------------------------- by hand ---- */

struct guess {
    const struct script *script;
    const struct sighting *best;
};

static void on_sighting(const struct sighting *sighting, void *data)
{
    struct guess *guess = data;
    const struct script *script = guess->script;
    MEM_AUTO char *name =
        script->check ? mem_print("%s.%s", script->plugin, script->check) : mem_copy("");
    if (strcmp(sighting->check->full_name, name) == 0 &&
        (!guess->best || sighting->status > guess->best->status))
        guess->best = sighting;
}

/* What it would have been started by: the last finding of the check that its script expects. */
static void take_finding(struct course *course)
{
    struct guess guess = {course->entry->script, NULL};
    const struct entry *entry = course->entry;
    for (size_t i = 0; i < entry->binding_count; i++)
        sight_each(course->all->sights, entry->bindings[i].target->name, NULL, on_sighting, &guess);
    if (guess.best && guess.best->json) {
        course->finding = json_loads(guess.best->json, 0, NULL);
        course->finding_id = mem_copy(guess.best->id);
        course->subject = mem_copy(guess.best->subject);
    }
    if (!course->finding)
        course->finding = json_pack("{s:{},s:{},s:{}}", "measures", "words", "evidence");
}

/* `with` of the entry, with what a person wants laid over it; NULL and why. */
static json_t *take_with(const struct entry *entry, const json_t *wanted, struct error *error)
{
    struct arena *memory = arena_create();
    struct problems problems = {0};
    struct text TEXT_AUTO text;
    const struct node *with = entry->with;
    if (wanted)
        with = node_merge(memory,
                          with ? with : node_create(memory, NODE_MAP, (struct place){0}, NULL),
                          node_from_json(memory, wanted, "with"));
    json_t *values = script_with(entry->script, with, "with", &problems);
    text_init(&text, 400);
    problems_print(&problems, &text);
    text_cut_to(&text, strcspn(text.bytes, "\n"));
    if (!values)
        (void)error_set(error, -EINVAL, "%s", text.bytes);
    problems_finish(&problems);
    arena_destroy(memory);
    return values;
}

static int check_wish(const struct remediations *all, const struct remediation_wish *wish,
                      struct error *error)
{
    const struct entry *entry = entries_find(all->entries, wish->entry);
    const struct course *course;
    if (!entry)
        return error_set(error, -ENOENT, "there is no remediation \"%s\"", wish->entry);
    if (entry->mode == GUARD_OFF)
        return error_set(error, -EPERM, "%s is off", entry->name);
    list_for_each(course, &all->courses, const struct course, link) {
        if (course->state != COURSE_KEEPS && course->entry &&
            strcmp(course->entry->name, entry->name) == 0)
            return error_set(error, -EBUSY, "%s is under way already", entry->name);
    }
    return 0;
}

int remediations_start(struct remediations *all, const struct remediation_wish *wish,
                       char run[PLAN_RUN_LEN + 1], struct error *error)
{
    const struct entry *entry = entries_find(all->entries, wish->entry);
    if (check_wish(all, wish, error) < 0)
        return error->code;
    json_t *with = take_with(entry, wish->with, error);
    if (!with)
        return error->code;
    struct course *course = course_create(all, all->entries, entry);
    course->with = with;
    course->who = mem_copy(wish->who);
    course->proof = mem_copy(wish->proof);
    course->from = mem_copy(wish->from);
    course->reason = mem_copy(wish->reason);
    take_finding(course);
    (void)snprintf(run, PLAN_RUN_LEN + 1, "%s", course->run);
    report_audit(course,
                 &(struct report_line){.step = "started",
                                       .who = wish->who,
                                       .proof = wish->proof,
                                       .from = wish->from,
                                       .reason = wish->reason},
                 "%s started it",
                 wish->who);
    course_begin(course);
    return 0;
}
