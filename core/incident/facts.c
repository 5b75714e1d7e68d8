/*
 * facts - what the guard goes by, and what was tried before.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"
#include "probe/act.h"

/* ------------------------------------------------------------------ history ---- */

static struct history *find(const struct remediations *all, const char *entry, const char *target)
{
    for (struct list *link = all->histories.next; link != &all->histories; link = link->next) {
        struct history *history = container_of(link, struct history, link);
        if (strcmp(history->entry, entry) == 0 && strcmp(history->target, target) == 0)
            return history;
    }
    return NULL;
}

static struct history *find_or_add(struct remediations *all, const char *entry, const char *target)
{
    struct history *history = find(all, entry, target);
    if (history)
        return history;
    history = mem_new(sizeof(*history));
    history->entry = mem_copy(entry);
    history->target = mem_copy(target);
    list_init(&history->link);
    list_add(&all->histories, &history->link);
    return history;
}

void facts_begun(struct remediations *all, const char *entry, const char *target, int64_t at_ms)
{
    struct history *history = find_or_add(all, entry, target);
    if (history->count == ATTEMPTS_KEPT)
        memmove(history->at_ms, history->at_ms + 1, --history->count * sizeof(*history->at_ms));
    history->at_ms = mem_resize(history->at_ms, (history->count + 1) * sizeof(*history->at_ms));
    size_t at = history->count++;
    for (; at > 0 && history->at_ms[at - 1] > at_ms; at--)
        history->at_ms[at] = history->at_ms[at - 1];
    history->at_ms[at] = at_ms;
}

static void history_destroy(struct history *history)
{
    list_remove(&history->link);
    free(history->entry);
    free(history->target);
    free(history->at_ms);
    free(history);
}

void facts_forget(struct remediations *all)
{
    while (!list_empty(&all->histories))
        history_destroy(list_first(&all->histories, struct history, link));
}

char *facts_print(const struct remediations *all, const char *entry, const char *target)
{
    const struct history *history = find(all, entry, target);
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 1 << 16);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_array(&writer, "attempts");
    for (size_t i = 0; history && i < history->count; i++)
        writer_int(&writer, NULL, history->at_ms[i]);
    writer_end(&writer);
    writer_end(&writer);
    return text_take(&text);
}

int remediations_take_state(struct remediations *all, const char *key, const char *json)
{
    const char *slash = strrchr(key, '/');
    json_t *root = json_loads(json, 0, NULL), *attempts = json_object_get(root, "attempts");
    int status = slash && json_is_array(attempts) ? 0 : -1;
    size_t i;
    json_t *at;
    MEM_AUTO char *entry = slash ? mem_copy_n(key, (size_t)(slash - key)) : NULL;
    if (slash && status < 0) /* all attempts may have been used a moment ago */
        find_or_add(all, entry, slash + 1)->unread_ms = loop_wall_ms(all->loop);
    if (status == 0) {
        json_array_foreach(attempts, i, at) {
            const struct history *history = find(all, entry, slash + 1);
            bool known = false;
            for (size_t own = 0; history && own < history->count; own++)
                known = known || history->at_ms[own] == json_integer_value(at);
            if (known)
                continue;
            facts_begun(all, entry, slash + 1, json_integer_value(at));
            journal_begun(all, entry, slash + 1, json_integer_value(at));
        }
    }
    json_decref(root);
    return status;
}

int64_t facts_today(const struct remediations *all)
{
    int64_t count = 0, since_ms = loop_wall_ms(all->loop) - DAY_MS;
    for (struct list *link = all->histories.next; link != &all->histories; link = link->next) {
        const struct history *history = container_of(link, struct history, link);
        for (size_t i = 0; i < history->count; i++)
            count += history->at_ms[i] > since_ms;
    }
    return count;
}

static void add_history(const struct remediations *all, const struct facts_about *about,
                        struct guard_facts *facts)
{
    const struct history *history = find(all, about->entry->name, about->target);
    int64_t since_ms = facts->now_ms - facts->limits.attempts_within_ms;
    facts->today = facts_today(all);
    for (size_t i = 0; history && i < history->count; i++) {
        int64_t at_ms = history->at_ms[i];
        facts->last_ms = at_ms;
        if (at_ms <= since_ms)
            continue;
        if (facts->attempts++ == 0)
            facts->first_attempt_ms = at_ms;
    }
    if (history && history->unread_ms > since_ms) {
        if (facts->last_ms < history->unread_ms)
            facts->last_ms = history->unread_ms;
        facts->first_attempt_ms = history->unread_ms;
        facts->attempts = facts->limits.attempts;
    }
}

/* ------------------------------------------------------------------ objections ---- */

static const char *objection(struct remediations *all, const struct entry *entry)
{
    for (size_t i = 0; i < entry->refuse_count; i++) {
        const struct entry_question *question = &entry->refuse_if[i];
        enum sight_answer answer = sight_ask(all->sights, question, NULL, true, 0);
        if (answer == SIGHT_NO)
            continue;
        (void)snprintf(all->texts[0],
                       sizeof(all->texts[0]),
                       answer == SIGHT_YES ? "%s" : "%s cannot be told: it is not known now",
                       question->text);
        return all->texts[0];
    }
    return NULL;
}

static bool acts_on(const struct course *course, const char *target)
{
    return course->errand && course->errand->begun && strcmp(course->errand->target, target) == 0;
}

static const char *busy(struct remediations *all, const struct facts_about *about)
{
    const struct course *course;
    list_for_each(course, &all->courses, const struct course, link) {
        if (course == about->course || !acts_on(course, about->target))
            continue;
        (void)snprintf(all->texts[1],
                       sizeof(all->texts[1]),
                       "%s is at work on %s",
                       course->entry->name,
                       about->target);
        return all->texts[1];
    }
    return NULL;
}

/* The pod that we run in, by the name of what would be touched. */
static const char *own(const struct remediations *all, const struct act_plan *list)
{
    const char *pod = all->entries->config->agent.pod;
    for (size_t i = 0; pod && *pod && list && i < list->step_count; i++)
        if (strstr(list->steps[i].key, pod))
            return "it would end the agent's own pod";
    return NULL;
}

/* ------------------------------------------------------------------ the whole ---- */

/* Which of several the arguments name: of a request, that one.  Copied; NULL: none. */
static char *named(const struct facts_about *about, const struct script_need *need)
{
    json_t *args = about->args ? json_loads(about->args, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(args, need->action));
    char *copy = name ? mem_copy(name) : NULL;
    json_decref(args);
    return copy;
}

static bool is_allowed(const struct facts_about *about)
{
    const struct entry *entry = about->entry;
    bool allowed = false;
    for (size_t i = 0; i < entry->allow_count && !allowed; i++) {
        const struct entry_grant *grant = &entry->allow[i];
        if (strcmp(grant->need->verb, about->verb) != 0)
            continue;
        MEM_AUTO char *name = grant->only ? named(about, grant->need) : NULL;
        allowed = !grant->only || (name && strcmp(name, grant->only) == 0);
    }
    return allowed;
}

/* What was lowered since the course began counts at once. */
static const char *withdrawn(const struct remediations *all, const struct facts_about *about)
{
    const struct entry *now = entries_find(all->entries, about->entry->name);
    if (!about->course || about->course->entry->mode < GUARD_APPROVE)
        return NULL;
    if (!now)
        return "this remediation is no longer configured";
    return now->mode < GUARD_APPROVE ? "its mode was lowered: nothing is to be changed" : NULL;
}

static void add_sources(struct remediations *all, const struct facts_about *about,
                        struct guard_facts *facts)
{
    const struct guard_sources *sources = all->needs.sources;
    const struct course *course = about->course;
    if (sources && sources->frozen)
        facts->frozen = sources->frozen(sources->control_data);
    if (!facts->frozen)
        facts->frozen = withdrawn(all, about);
    if (sources && sources->silenced) {
        facts->silenced = sources->silenced(about->target, NULL, NULL, sources->control_data);
        if (!facts->silenced && course && course->trigger_target)
            facts->silenced = sources->silenced(course->trigger_target,
                                                course->trigger_name,
                                                course->subject,
                                                sources->control_data);
    }
    if (sources && sources->locked)
        facts->locked = sources->locked(about->target, sources->control_data);
}

static void add_lease(struct remediations *all, const char *target, struct guard_facts *facts)
{
    const struct guard_sources *sources = all->needs.sources;
    const struct target *live = remediation_target(all, target);
    if (sources && sources->lease && (!live || live->config->where != PROBE_NODE))
        facts->lease = sources->lease(&facts->token, &facts->holder, sources->lease_data);
}

static const char *unwritten(const struct remediations *all)
{
    if (all->unread)
        return all->unread;
    return all->unkept ? all->unkept : audit_trouble(all->needs.audit);
}

struct guard_facts facts_of(struct remediations *all, const struct facts_about *about)
{
    const struct entry *entry = about->entry;
    struct guard_facts facts = {
        .now_ms = loop_wall_ms(all->loop),
        .isolated = isolation_holds(all->needs.schedule->isolation),
        .limits = entry->limits,
        .per_day = all->entries->ceiling.per_day,
        .target = about->target,
        .effect = about->action ? about->action->effect : PROBE_READS,
        .effect_most = entries_effect_most(all->entries, about->target),
        .needed = true,
        .allowed = !about->verb || is_allowed(about),
        .verb = about->verb ? about->verb : "",
        .objection = objection(all, entry),
        .busy = busy(all, about),
        .unwritten = unwritten(all),
    };
    if (about->list) {
        facts.counted = true;
        facts.affected = about->affected;
        facts.total = about->list->total;
        facts.effect = about->list->effect;
        facts.self = own(all, about->list);
    }
    add_history(all, about, &facts);
    add_sources(all, about, &facts);
    add_lease(all, about->target, &facts);
    return facts;
}
