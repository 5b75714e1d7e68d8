/*
 * rehearsal_said - what was said in a case, and whether that is what was expected.
 *
 * A finding's status is asked of the ledger, at its time.  Of a remediation all steps count that were said since
 * the line before about it: one of them is to be what is expected.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "app/rehearsal_parts.h"
#include "base/mem.h"
#include "base/units.h"

void world_fail(struct world *world, const struct node *node, const char *fmt, ...)
{
    va_list args;
    text_print(world->failures,
               "%s:%u:%u: ",
               node->place.file ? node->place.file : world->rehearsal->path,
               node->place.line,
               node->place.column);
    va_start(args, fmt);
    MEM_AUTO char *text = mem_print_args(fmt, args);
    va_end(args);
    text_print(world->failures, "%s\n", text);
}

static const char *when(int64_t at_ms, char room[UNITS_DURATION_LEN])
{
    units_print_duration(at_ms, room);
    return at_ms ? room : "0s";
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* ---------------------------------------------------------------- hearing ---- */

void said_hear(const struct event *event, void *data)
{
    struct world *world = data;
    struct said said = {.at_ms = event->wall_ms - world->test->begins_ms};
    if (event->kind == EVENT_FINDING) {
        const struct event_finding *finding = event->finding;
        said.target = mem_copy(finding->target);
        said.name = mem_copy(finding->name);
        said.subject = mem_copy(finding->finding->subject);
        said.word = mem_copy(event_status_name(finding->report->status));
        said.reason = mem_copy(finding->report->reason);
    } else if (event->kind == EVENT_REMEDIATION) {
        said.step = json_loads(event->json, 0, NULL);
    } else {
        return;
    }
    world->said = mem_resize(world->said, (world->said_count + 1) * sizeof(said));
    world->said[world->said_count++] = said;
}

void said_finish(struct world *world)
{
    for (size_t i = 0; i < world->said_count; i++) {
        struct said *said = &world->said[i];
        free(said->target);
        free(said->name);
        free(said->subject);
        free(said->word);
        free(said->reason);
        json_decref(said->step);
    }
    free(world->said);
}

static const char *word_of(const struct said *said, const char *key)
{
    const char *word = json_string_value(json_object_get(said->step, key));
    return word ? word : "";
}

/* --------------------------------------------------------------- findings ---- */

static bool is_about(const struct said *said, const struct matter *matter)
{
    return said->target && strcmp(said->target, matter->target) == 0 &&
           strcmp(said->name, matter->name) == 0 && same(said->subject, matter->subject);
}

struct asking {
    const struct matter *matter;
    enum probe_status status;
};

static void on_view(const struct ledger_view *view, void *data)
{
    struct asking *asking = data;
    if (same(view->subject, asking->matter->subject))
        asking->status = view->status;
}

/* What was said of it, for who wonders: "ok at 0s (start), warning at 45s (change)". */
static void tell_findings(struct world *world, const struct matter *matter)
{
    char room[UNITS_DURATION_LEN];
    bool any = false;
    for (size_t i = 0; i < world->said_count; i++) {
        const struct said *said = &world->said[i];
        if (!is_about(said, matter))
            continue;
        text_print(world->failures,
                   "%s%s at %s (%s)",
                   any ? ", " : "  said of it: ",
                   said->word,
                   when(said->at_ms, room),
                   said->reason);
        any = true;
    }
    text_print(world->failures, any ? "\n" : "  nothing was said of it\n");
}

static void judge_finding(struct world *world, const struct expected *expected)
{
    char room[UNITS_DURATION_LEN];
    struct matter matter = matter_of(expected->finding);
    struct asking asking = {&matter, PROBE_GRADED};
    const char *reason = NULL;
    ledger_each(world->ledger,
                matter.target,
                matter.name,
                (struct ledger_clock){loop_now_us(world->loop) / 1000u, loop_wall_ms(world->loop)},
                on_view,
                &asking);
    for (size_t i = 0; i < world->said_count; i++)
        if (is_about(&world->said[i], &matter))
            reason = world->said[i].reason;
    const char *status = asking.status == PROBE_GRADED ? "none" : event_status_name(asking.status);
    bool fine = strcmp(status, expected->status) == 0;
    if (!fine)
        world_fail(world,
                   expected->node,
                   "at %s %s is %s, not %s",
                   when(expected->at_ms, room),
                   expected->finding,
                   status,
                   expected->status);
    else if (expected->reason && !same(expected->reason, reason))
        world_fail(world,
                   expected->node,
                   "at %s %s was last said for the reason %s, not %s",
                   when(expected->at_ms, room),
                   expected->finding,
                   reason ? reason : "none",
                   expected->reason);
    if (!fine || (expected->reason && !same(expected->reason, reason)))
        tell_findings(world, &matter);
    matter_finish(&matter);
}

/* ----------------------------------------------------------- remediations ---- */

static bool is_of(const struct said *said, const char *entry)
{
    return said->step && strcmp(word_of(said, "remediation"), entry) == 0;
}

/* The items of its plan: where a step does not show them, an earlier one of that plan does. */
static const json_t *items_of(const struct world *world, const struct said *said)
{
    const json_t *list = json_object_get(said->step, "items");
    for (size_t i = 0; !list && i < world->said_count; i++)
        if (world->said[i].step && *word_of(said, "plan") &&
            strcmp(word_of(&world->said[i], "plan"), word_of(said, "plan")) == 0)
            list = json_object_get(world->said[i].step, "items");
    return list;
}

static bool items_fit(const json_t *list, const char *const *items)
{
    const json_t *item;
    size_t i, wanted = 0;
    while (items[wanted])
        wanted++;
    if (json_array_size(list) != wanted)
        return false;
    for (size_t at = 0; at < wanted; at++) {
        bool found = false;
        json_array_foreach(list, i, item) {
            const char *key = json_string_value(json_object_get(item, "key"));
            found |= key && strcmp(key, items[at]) == 0;
        }
        if (!found)
            return false;
    }
    return true;
}

static bool fits(const struct world *world, const struct said *said,
                 const struct expected *expected)
{
    if (strcmp(word_of(said, "step"), expected->outcome) != 0 &&
        strcmp(word_of(said, "outcome"), expected->outcome) != 0)
        return false;
    if (expected->reason && strcmp(word_of(said, "reason"), expected->reason) != 0)
        return false;
    if (expected->says && !strstr(word_of(said, "message"), expected->says))
        return false;
    if (expected->affected >= 0 &&
        json_integer_value(json_object_get(said->step, "affected")) != expected->affected)
        return false;
    return !expected->items || items_fit(items_of(world, said), expected->items);
}

static void tell_item_keys(struct world *world, const struct said *said)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(said->step, "items"), i, item)
        text_print(world->failures,
                   "%s%s",
                   i ? ", " : "  items ",
                   json_string_value(json_object_get(item, "key")));
}

static void tell_steps(struct world *world, const char *entry)
{
    char room[UNITS_DURATION_LEN];
    bool any = false;
    for (size_t i = 0; i < world->said_count; i++) {
        const struct said *said = &world->said[i];
        if (!is_of(said, entry))
            continue;
        const char *more =
            *word_of(said, "outcome") ? word_of(said, "outcome") : word_of(said, "reason");
        text_print(world->failures,
                   "  %s: %s%s%s  %s",
                   when(said->at_ms, room),
                   word_of(said, "step"),
                   *more ? " " : "",
                   more,
                   word_of(said, "message"));
        tell_item_keys(world, said);
        text_print(world->failures, "\n");
        any = true;
    }
    if (!any)
        text_print(world->failures, "  nothing was said of it\n");
}

static void judge_remediation(struct world *world, const struct expected *expected)
{
    int64_t since = -1;
    char room[UNITS_DURATION_LEN];
    bool any = false, fine = false;
    for (size_t i = 0; i < world->test->expected_count; i++) {
        const struct expected *other = &world->test->expected[i];
        if (other->remediation && strcmp(other->remediation, expected->remediation) == 0 &&
            other->at_ms < expected->at_ms && other->at_ms > since)
            since = other->at_ms;
    }
    for (size_t i = 0; i < world->said_count; i++) {
        const struct said *said = &world->said[i];
        if (said->at_ms <= since || !is_of(said, expected->remediation))
            continue;
        any = true;
        fine = fine || fits(world, said, expected);
    }
    if (strcmp(expected->outcome, "none") == 0 ? !any : fine)
        return;
    world_fail(world,
               expected->node,
               "until %s no step of %s was %s%s%s%s",
               when(expected->at_ms, room),
               expected->remediation,
               expected->outcome,
               expected->reason ? " for the reason " : "",
               expected->reason ? expected->reason : "",
               expected->items || expected->affected >= 0 || expected->says
                   ? ", with what else is expected"
                   : "");
    tell_steps(world, expected->remediation);
}

void said_judge(struct world *world, const struct expected *expected)
{
    if (expected->finding)
        judge_finding(world, expected);
    else
        judge_remediation(world, expected);
}

/* ----------------------------------------------------------------- counts ---- */

/* Courses of an entry, or with NULL of all; one that was refused before it began is none. */
static int64_t courses(const struct world *world, const char *entry)
{
    json_t *runs = json_object();
    for (size_t i = 0; i < world->said_count; i++) {
        const struct said *said = &world->said[i];
        if (said->step && strcmp(word_of(said, "step"), "refused") != 0 &&
            (!entry || is_of(said, entry)))
            (void)json_object_set_new(runs, word_of(said, "id"), json_true());
    }
    int64_t count = (int64_t)json_object_size(runs);
    json_decref(runs);
    return count;
}

void said_count(struct world *world)
{
    json_t *count = world->test->count ? json_loads(world->test->count, 0, NULL) : NULL;
    const char *name;
    const json_t *value;
    json_object_foreach(count, name, value) {
        bool all = strcmp(name, "remediation") == 0;
        int64_t found = courses(world, all ? NULL : name);
        if (found == json_integer_value(value))
            continue;
        world_fail(world,
                   node_find(world->test->node, "count"),
                   "%" PRId64 " course%s of %s began, not %" PRId64,
                   found,
                   units_s((int64_t)found),
                   all ? "all remediations" : name,
                   (int64_t)json_integer_value(value));
        if (!all)
            tell_steps(world, name);
    }
    json_decref(count);
}
