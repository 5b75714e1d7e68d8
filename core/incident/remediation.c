#include "incident/remediation.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

/* ------------------------------------------------------------------ what there is ---- */

struct target *remediation_target(const struct remediations *all, const char *name)
{
    struct target *target;
    list_for_each(target, &all->needs.schedule->targets, struct target, link) {
        if (strcmp(target->config->name, name) == 0)
            return target->acts_closed ? NULL : target;
    }
    return NULL;
}

struct readiness *remediation_readiness(struct remediations *all, const char *entry)
{
    struct readiness *readiness;
    list_for_each(readiness, &all->readinesses, struct readiness, link) {
        if (strcmp(readiness->entry, entry) == 0)
            return readiness;
    }
    readiness = mem_new(sizeof(*readiness));
    readiness->entry = mem_copy(entry);
    readiness->said = GUARD_POINTS;
    list_init(&readiness->link);
    list_add(&all->readinesses, &readiness->link);
    return readiness;
}

static bool is_over(const struct plan *plan)
{
    return plan->state != PLAN_WAITING && plan->state != PLAN_APPROVED &&
           plan->state != PLAN_APPLYING;
}

/* The newest first; of those that are over, some. */
struct plan *remediation_add_plan(struct remediations *all, struct plan *plan)
{
    struct plan *other;
    unsigned over = 0;
    list_for_each(other, &all->plans, struct plan, link) {
        const struct course *course = remediation_course_of_plan(all, other);
        bool held = course && course->errand && course->errand->plan == other;
        if (is_over(other) && !held && ++over >= PLANS_KEPT)
            plan_destroy(other);
    }
    list_add(all->plans.next, &plan->link);
    return plan;
}

struct course *remediation_course_of_plan(const struct remediations *all, const struct plan *plan)
{
    struct course *course;
    list_for_each(course, &all->courses, struct course, link) {
        if (strcmp(course->run, plan->run) == 0)
            return course;
    }
    return NULL;
}

struct plan *remediation_find_plan(const struct remediations *all, const char *id)
{
    struct plan *plan;
    list_for_each(plan, &all->plans, struct plan, link) {
        if (id && strcmp(plan->id, id) == 0)
            return plan;
    }
    return NULL;
}

const struct plan *remediations_plan(const struct remediations *all, const char *id)
{
    return remediation_find_plan(all, id);
}

void remediations_each_plan(const struct remediations *all, remediation_plan_fn *fn, void *data)
{
    for (int waiting = 1; waiting >= 0; waiting--) {
        const struct plan *plan;
        list_for_each(plan, &all->plans, const struct plan, link) {
            if ((plan->state == PLAN_WAITING) == waiting)
                fn(plan, data);
        }
    }
}

/* --------------------------------------------------------------------- triggers ---- */

static bool is_under_way(const struct remediations *all, const char *entry)
{
    const struct course *course;
    list_for_each(course, &all->courses, const struct course, link) {
        if (course->state != COURSE_KEEPS && course->entry &&
            strcmp(course->entry->name, entry) == 0)
            return true;
    }
    return false;
}

static bool triggers(const struct entry *entry, const struct sighting *sighting)
{
    for (size_t i = 0; i < entry->trigger.count; i++)
        if (strcmp(entry->trigger.targets[i]->name, sighting->target) == 0 &&
            strcmp(entry->trigger.checks[i]->name, sighting->name) == 0)
            return true;
    return false;
}

/* A critical sample counts for warning too. */
static bool is_bad_enough(const struct entry *entry, const struct sighting *sighting)
{
    unsigned sample = 1u << sighting->sample;
    if (sighting->sample == PROBE_CRITICAL)
        sample |= 1u << PROBE_WARNING;
    return (entry->trigger.statuses & (1u << sighting->status)) != 0 &&
           (entry->trigger.statuses & sample) != 0;
}

/* Says a refusal, once until another one speaks against it. */
static void refuse(struct course *course, const struct guard_answer *answer)
{
    struct readiness *readiness = remediation_readiness(course->all, course->entry->name);
    bool used_up = answer->point == GUARD_ATTEMPTS;
    readiness->not_before_ms =
        answer->again_ms ? answer->again_ms : loop_wall_ms(course->all->loop) + REFUSED_PAUSE_MS;
    if (readiness->said != answer->point)
        report_say(course,
                   &(struct report){.level = LOG_WARN,
                                    .step = "refused",
                                    .more = report_refusal,
                                    .data = (void *)answer},
                   "refused by guard %s: %s",
                   guard_point_name(answer->point),
                   answer->sentence);
    if (used_up && !readiness->handed_over)
        report_say(course,
                   &(struct report){.level = LOG_ERROR, .step = "handed_over"},
                   "a person is needed: %s",
                   answer->sentence);
    readiness->said = answer->point;
    readiness->handed_over = readiness->handed_over || used_up;
}

/* What speaks against it before there is a plan. */
static bool may_begin(struct course *course)
{
    const struct entry *entry = course->entry;
    struct guard_answer answer = {.point = GUARD_POINTS};
    const char *target = entry->binding_count ? entry->bindings[0].target->name : "";
    struct guard_facts facts =
        facts_of(course->all,
                 &(const struct facts_about){.entry = entry, .course = course, .target = target});
    enum guard_point last = entry->mode <= GUARD_DRY_RUN ? GUARD_SILENCE : GUARD_ATTEMPTS;
    for (enum guard_point point = GUARD_FREEZE; point <= last; point++) {
        if (!guard_agrees(&facts, point, &answer)) {
            refuse(course, &answer);
            return false;
        }
    }
    struct readiness *readiness = remediation_readiness(course->all, entry->name);
    readiness->said = GUARD_POINTS;
    readiness->handed_over = false;
    return true;
}

/* Once a time that the finding has become so: what a person lifts meanwhile stays lifted. */
static void set_locks(struct remediations *all, const struct entry *entry,
                      const struct sighting *sighting)
{
    const struct guard_sources *sources = all->needs.sources;
    struct readiness *readiness = remediation_readiness(all, entry->name);
    if (!sources || !sources->lock || readiness->locked_ms == sighting->changed_wall_ms)
        return;
    readiness->locked_ms = sighting->changed_wall_ms;
    MEM_AUTO char *who = mem_print("remediation %s", entry->name);
    MEM_AUTO char *reason = mem_print(
        "%s/%s is %s", sighting->target, sighting->name, event_status_name(sighting->status));
    for (const char *const *target = entry->lock; target && *target; target++)
        sources->lock(*target, who, reason, sources->control_data);
}

static void start(struct remediations *all, const struct entry *entry,
                  const struct sighting *sighting)
{
    struct course *course = course_create(all, all->entries, entry);
    course->finding = sighting->json ? json_loads(sighting->json, 0, NULL) : json_object();
    course->with = json_incref(entry->values);
    course->finding_id = mem_copy(sighting->id);
    course->subject = mem_copy(sighting->subject);
    course->trigger_target = mem_copy(sighting->target);
    course->trigger_name = mem_copy(sighting->name);
    course->who = mem_print("policy %s@%s", entry->name, all->entries->config->digest);
    set_locks(all, entry, sighting);
    if (may_begin(course))
        course_begin(course);
    else
        course_destroy(course);
}

static void consider(struct remediations *all, const struct entry *entry,
                     const struct sighting *sighting)
{
    const struct readiness *readiness = remediation_readiness(all, entry->name);
    int64_t now_ms = loop_wall_ms(all->loop);
    if (entry->mode == GUARD_OFF || !is_bad_enough(entry, sighting) || sighting->flapping ||
        sighting->isolated || now_ms - sighting->changed_wall_ms < entry->trigger.held_ms ||
        now_ms < readiness->not_before_ms || is_under_way(all, entry->name) ||
        (inherit_shares(all, entry) && !inherit_is_ours(all, NULL)))
        return;
    start(all, entry, sighting);
}

static void on_sample(const struct sighting *sighting, void *data)
{
    struct remediations *all = data;
    for (size_t i = 0; all->entries && i < all->entries->count; i++)
        if (triggers(&all->entries->all[i], sighting))
            consider(all, &all->entries->all[i], sighting);
}

static void on_over(const char *target, const char *name, uint64_t started_us, void *data)
{
    struct remediations *all = data;
    struct course *course;
    list_for_each(course, &all->courses, struct course, link) {
        course_hear(course, target, name, started_us);
        if (course->state == COURSE_VERIFIES)
            proof_hear(course, target, name, started_us);
    }
}

/* ------------------------------------------------------------------ open and close ---- */

struct remediations *remediations_create(const struct remediation_needs *needs)
{
    struct remediations *all = mem_new(sizeof(*all));
    const struct sight_hears hears = {on_sample, on_over, all};
    all->needs = *needs;
    all->loop = needs->schedule->loop;
    list_init(&all->courses);
    list_init(&all->plans);
    list_init(&all->histories);
    list_init(&all->readinesses);
    list_init(&all->changes);
    int status = journal_open(all);
    if (status < 0) {
        all->unread = mem_print("the guard's state cannot be read: %s", strerror(-status));
        log_error("%s: nothing will be changed", all->unread);
    }
    all->sights = sight_create(needs->schedule, &hears);
    return all;
}

void remediations_destroy(struct remediations *all)
{
    struct readiness *readiness;
    if (!all)
        return;
    all->closing = true;
    while (!list_empty(&all->courses))
        course_destroy(list_first(&all->courses, struct course, link));
    while (!list_empty(&all->plans))
        plan_destroy(list_first(&all->plans, struct plan, link));
    list_for_each(readiness, &all->readinesses, struct readiness, link) {
        list_remove(&readiness->link);
        free(readiness->entry);
        free(readiness);
    }
    facts_forget(all);
    sight_destroy(all->sights);
    journal_close(all);
    entries_release(all->entries);
    free(all->unread);
    free(all->unkept);
    free(all);
}

void remediations_use(struct remediations *all, struct entries *entries)
{
    struct entries *old = all->entries;
    struct course *course;
    all->entries = entries_hold(entries);
    sight_use(all->sights, entries);
    audit_require(all->needs.audit, entries->ceiling.require_sink, entries->ceiling.sink_wait_ms);
    list_for_each(course, &all->courses, struct course, link) {
        struct plan *plan = course->errand ? course->errand->plan : NULL;
        if (course->kept_name && !course->inherited)
            resume_kept(course);
        else if (course->state == COURSE_WAITS && plan && plan->state == PLAN_WAITING)
            resume_or_void(course, plan);
    }
    entries_release(old);
}

void remediations_write(const struct remediations *all, struct writer *writer)
{
    unsigned running = 0, waiting = 0;
    const struct course *course;
    list_for_each(course, &all->courses, const struct course, link) {
        waiting += course->state == COURSE_WAITS;
        running += course->state == COURSE_RUNS || course->state == COURSE_VERIFIES ||
                   course->state == COURSE_UNDOES;
    }
    writer_object(writer, "remediations");
    writer_int(writer, "running", running);
    writer_int(writer, "waiting", waiting);
    writer_int(writer, "today", facts_today(all));
    writer_end(writer);
}
