/*
 * inherit - courses of cluster scope go over with the realm's lease: what is told of each while it is held, and what
 * is taken from the agent that held it before.
 *
 * A document is a course as the journal has it, without secrets: where it held one, or is longer than the store
 * takes, that is said in it, and nothing of it is decided on or taken back at another agent.  Whoever loses the lease
 * has nothing of that kind any more, but what is in the midst of its steps.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "incident/lease.h"
#include "incident/remediation_parts.h"

bool inherit_shares(const struct remediations *all, const struct entry *entry)
{
    const struct remediation_mirror *mirror = all->needs.mirror;
    for (size_t i = 0; mirror && mirror->keep && entry && i < entry->binding_count; i++)
        if (entry->bindings[i].target->where != PROBE_NODE)
            return true;
    return false;
}

static bool goes_over(const struct course *course)
{
    return course->inherited || inherit_shares(course->all, course->entry);
}

bool inherit_is_ours(const struct remediations *all, const struct course *course)
{
    const struct guard_sources *sources = all->needs.sources;
    const char *holder = NULL;
    uint64_t token = 0;
    return sources && sources->lease &&
           sources->lease(&token, &holder, sources->lease_data) == GUARD_LEASE_HELD &&
           (!course || !course->token || course->token == token);
}

bool inherit_is_lost(const struct course *course)
{
    return goes_over(course) && !inherit_is_ours(course->all, course);
}

/* ---------------------------------------------------------------- telling ---- */

/* What whoever takes it over must be told of it in any case. */
static void cut(json_t *json)
{
    static const char *const long_ones[] = {"finding", "with", "plan", "undos"};
    json_t *plan = json_object_get(json, "plan");
    bool undoable = json_array_size(json_object_get(json, "undos")) > 0;
    if (plan)
        (void)json_object_set(json, "kept_plan", json_object_get(plan, "id"));
    (void)json_object_set_new(json, "undoable", json_boolean(undoable));
    for (size_t i = 0; i < COUNT_OF(long_ones); i++)
        (void)json_object_del(json, long_ones[i]);
    (void)json_object_set_new(json, "cut", json_true());
}

static void print_clean(const json_t *json, struct text *clean)
{
    char *doc = json_dumps(json, JSON_COMPACT);
    size_t len = doc ? strlen(doc) : 0;
    text_init(clean, (size_t)16 << 20);
    redact_add_json(clean, len ? doc : "{}", len ? len : 2, 1);
    free(doc);
}

static bool has_secret(const json_t *json)
{
    char *doc = json_dumps(json, JSON_COMPACT);
    bool found = doc && redact_finds(doc, strlen(doc));
    free(doc);
    return found;
}

void inherit_keep(const struct course *course, json_t *json)
{
    const struct remediation_mirror *mirror = course->all->needs.mirror;
    struct text clean;
    if (!goes_over(course) || !mirror->keep || !inherit_is_ours(course->all, course))
        return;
    if (has_secret(json))
        (void)json_object_set_new(json, "redacted", json_true());
    print_clean(json, &clean);
    if (clean.len > KEEPER_LONGEST || clean.cut) {
        text_finish(&clean);
        cut(json);
        print_clean(json, &clean);
    }
    mirror->keep(course->run, clean.bytes, mirror->data);
    text_finish(&clean);
}

void inherit_forget(const struct course *course)
{
    const struct remediation_mirror *mirror = course->all->needs.mirror;
    if (goes_over(course) && mirror->keep && inherit_is_ours(course->all, course))
        mirror->keep(course->run, NULL, mirror->data);
}

/* ----------------------------------------------------------------- taking ---- */

/* Why it can be neither decided on nor taken back here; NULL: it can. */
static const char *find_broken(const json_t *json, const struct plan *plan)
{
    const char *hash = json_string_value(json_object_get(json, "plan_hash"));
    if (json_is_true(json_object_get(json, "cut")))
        return "it is too long to be handed over with the lease";
    if (json_is_true(json_object_get(json, "redacted")))
        return "it holds a secret, which is not handed over with the lease";
    if (plan && (!hash || strcmp(hash, plan->hash) != 0))
        return "as it was handed over with the lease, it is not what was read";
    return NULL;
}

int remediations_take_course(struct remediations *all, const char *run, const char *json)
{
    struct course *other;
    json_t *doc = json_loads(json, 0, NULL);
    const char *own = json_string_value(json_object_get(doc, "run"));
    bool known = false;
    list_for_each(other, &all->courses, struct course, link)
        known = known || strcmp(other->run, run) == 0;
    struct course *course =
        own && strcmp(own, run) == 0 && !known ? journal_unpack(all, doc) : NULL;
    if (course) {
        course->inherited = true;
        course->undoable =
            !list_empty(&course->undos) || json_is_true(json_object_get(doc, "undoable"));
        course->broken = mem_copy(find_broken(doc, remediation_find_plan(all, course->kept_plan)));
    }
    json_decref(doc);
    return course || known ? 0 : -1;
}

/* --------------------------------------------------------- taken and lost ---- */

void inherit_drop(struct course *course)
{
    struct remediations *all = course->all;
    struct plan *plan;
    MEM_AUTO char *run = mem_copy(course->run);
    journal_forget_here(course);
    course_destroy(course);
    list_for_each(plan, &all->plans, struct plan, link) {
        if (strcmp(plan->run, run) == 0)
            plan_destroy(plan);
    }
}

/* It waits, is looked at or kept, and so nothing of it is under way: who takes the lease goes on with it. */
static bool can_pass(const struct course *course)
{
    return course->kept_name || course->awaited || course->granted ||
           course->state == COURSE_WAITS || course->state == COURSE_VERIFIES ||
           course->state == COURSE_KEEPS;
}

static void pass_on(struct course *course)
{
    const struct plan *plan = course->errand
                                  ? course->errand->plan
                                  : remediation_find_plan(course->all, course->kept_plan);
    if (course->entry && plan && plan->state == PLAN_WAITING)
        report_say(course,
                   &(struct report){.level = LOG_INFO, .step = "passed_on", .plan = plan},
                   "plan %s goes to whoever takes the lease",
                   plan->id);
    inherit_drop(course);
}

/* One that does not go on yet, or NULL. */
static struct course *find_left(const struct remediations *all)
{
    struct course *course;
    list_for_each(course, &all->courses, struct course, link) {
        if (course->inherited && course->kept_name)
            return course;
    }
    return NULL;
}

void remediations_over(struct remediations *all, bool ours)
{
    struct course *course;
    while (ours && all->entries && (course = find_left(all)))
        resume_inherited(course);
    list_for_each(course, &all->courses, struct course, link) {
        if (!ours && goes_over(course) && can_pass(course))
            pass_on(course);
    }
}
