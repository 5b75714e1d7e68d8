/*
 * rehearsal_fit - whether what a test names is there in the configuration, and of the kind that it says.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include <stdlib.h>
#include <string.h>

#include "app/rehearsal_parts.h"
#include "base/mem.h"
#include "probe/act.h"

struct fitting {
    const struct session *session;
    struct problems *problems;
};

struct matter matter_of(const char *written)
{
    size_t target = strcspn(written, "/["), end = strlen(written);
    const char *bracket = strchr(written, '[');
    struct matter matter = {.target = mem_copy_n(written, target)};
    if (written[target] == '/') {
        size_t len = strcspn(written + target + 1, "[");
        matter.name = mem_copy_n(written + target + 1, len);
    }
    if (bracket && written[end - 1] == ']')
        matter.subject = mem_copy_n(bracket + 1, end - (size_t)(bracket - written) - 2);
    return matter;
}

void matter_finish(struct matter *matter)
{
    free(matter->target);
    free(matter->name);
    free(matter->subject);
}

/* ------------------------------------------------------------------ names ---- */

/* Says of `written` that it is none of `names`, which are freed. */
static void refuse(const struct fitting *fitting, const struct node *node, const char *key,
                   const char *written, char **names)
{
    problem_hint_words(problem_add(fitting->problems,
                                   node_place(node, key),
                                   key,
                                   "the configuration has no \"%s\"",
                                   written),
                       written,
                       (const char *const *)names);
    for (size_t i = 0; names[i]; i++)
        free(names[i]);
    free(names);
}

static void refuse_check(const struct fitting *fitting, const struct node *node, const char *key,
                         const char *written)
{
    const struct config *config = fitting->session->config;
    char **names = mem_array(config_count_checks(config) + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < config->target_count; i++)
        for (size_t at = 0; at < config->targets[i].check_count; at++)
            names[count++] =
                mem_print("%s/%s", config->targets[i].name, config->targets[i].checks[at].name);
    refuse(fitting, node, key, written, names);
}

static const struct config_target *find_target(const struct fitting *fitting, const char *name)
{
    const struct config *config = fitting->session->config;
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}

/* The check of "TARGET/NAME" or "TARGET/NAME[SUBJECT]"; NULL, told: there is none. */
static const struct config_check *fit_check(const struct fitting *fitting, const struct node *node,
                                            const char *key, const char *written)
{
    struct matter matter = matter_of(written);
    const struct config_target *target = find_target(fitting, matter.target);
    const struct config_check *found = NULL;
    for (size_t i = 0; target && matter.name && i < target->check_count; i++)
        if (strcmp(target->checks[i].name, matter.name) == 0)
            found = &target->checks[i];
    if (!found)
        refuse_check(fitting, node, key, written);
    matter_finish(&matter);
    return found;
}

static void fit_entry(const struct fitting *fitting, const struct node *node, const char *key,
                      const char *written)
{
    const struct entries *entries = fitting->session->entries;
    if (!written || entries_find(entries, written))
        return;
    char **names = mem_array(entries->count + 1, sizeof(*names));
    for (size_t i = 0; i < entries->count; i++)
        names[i] = mem_copy(entries->all[i].name);
    refuse(fitting, node, key, written, names);
}

static void fit_action(const struct fitting *fitting, const struct given *given)
{
    size_t len = strcspn(given->action, ":");
    MEM_AUTO char *name = mem_copy_n(given->action, len);
    const struct config_target *target = find_target(fitting, name);
    const char *action = given->action[len] ? given->action + len + 1 : "";
    if (target && act_find(target->plugin, action))
        return;
    size_t room = target ? target->plugin->action_count : fitting->session->config->target_count;
    char **names = mem_array(room + 1, sizeof(*names));
    for (size_t i = 0; i < room; i++)
        names[i] = target ? mem_print("%s:%s", name, target->plugin->actions[i].name)
                          : mem_copy(fitting->session->config->targets[i].name);
    refuse(fitting, given->node, "action", given->action, names);
}

/* --------------------------------------------------------------- measures ---- */

static bool is_of_kind(const json_t *value, const struct measure_slot *slot)
{
    switch (slot->kind) {
    case PROBE_WORD:
        return json_is_string(value);
    case PROBE_FLAG:
        return json_is_boolean(value);
    default:
        return json_is_number(value);
    }
}

static void refuse_measure(const struct fitting *fitting, const struct given *given,
                           const struct plugin_check *check, const char *name)
{
    const struct measures *measures = &check->measures;
    int slot = measures_find(measures, name);
    if (slot >= 0) {
        problem_hint(problem_add(fitting->problems,
                                 given->node->place,
                                 "measures",
                                 "%s is made of the counter %s",
                                 name,
                                 measures->slots[measures->slots[slot].counter].name),
                     "give the counter, at each time");
        return;
    }
    const char **names = mem_array(measures->declared + 1, sizeof(*names));
    for (size_t i = 0; i < measures->declared; i++)
        names[i] = measures->slots[i].name;
    problem_hint_words(problem_add(fitting->problems,
                                   given->node->place,
                                   "measures",
                                   "%s has no measure \"%s\"",
                                   check->full_name,
                                   name),
                       name,
                       names);
    free(names);
}

static void fit_measures(const struct fitting *fitting, const struct given *given,
                         const struct plugin_check *check, const json_t *measures)
{
    const char *name;
    const json_t *value;
    if (!json_is_object(measures)) {
        problem_hint(problem_add(fitting->problems, given->node->place, "measures", "is no map"),
                     "write it like {used: 96, used_percent: 98.9}");
        return;
    }
    json_object_foreach((json_t *)measures, name, value) {
        int slot = measures_find(&check->measures, name);
        if (slot < 0 || (size_t)slot >= check->measures.declared)
            refuse_measure(fitting, given, check, name);
        else if (!is_of_kind(value, &check->measures.slots[slot]))
            (void)problem_add(fitting->problems,
                              given->node->place,
                              "measures",
                              "%s is to be %s",
                              name,
                              check->measures.slots[slot].kind == PROBE_WORD   ? "a word"
                              : check->measures.slots[slot].kind == PROBE_FLAG ? "true or false"
                                                                               : "a number");
    }
}

static void fit_sample(const struct fitting *fitting, const struct given *given)
{
    const struct config_check *check = fit_check(fitting, given->node, "check", given->check);
    json_t *measures = given->measures ? json_loads(given->measures, 0, NULL) : NULL;
    json_t *subjects = given->subjects ? json_loads(given->subjects, 0, NULL) : NULL;
    const char *name;
    const json_t *value;
    if (check && given->measures)
        fit_measures(fitting, given, check->check, measures);
    if (check && given->subjects && !json_is_object(subjects))
        problem_hint(problem_add(fitting->problems, given->node->place, "subjects", "is no map"),
                     "write it like {mails: {length: 3}}");
    if (check)
        json_object_foreach(subjects, name, value)
            fit_measures(fitting, given, check->check, value);
    json_decref(measures);
    json_decref(subjects);
}

/* ---------------------------------------------------------------- a case ---- */

static void fit_count(const struct fitting *fitting, const struct rehearsal_case *test)
{
    json_t *count = test->count ? json_loads(test->count, 0, NULL) : NULL;
    const char *name;
    const json_t *value;
    if (test->count && !json_is_object(count))
        (void)problem_add(fitting->problems, node_place(test->node, "count"), "count", "is no map");
    json_object_foreach(count, name, value) {
        if (!json_is_integer(value))
            (void)problem_add(fitting->problems,
                              node_place(test->node, "count"),
                              "count",
                              "%s is no whole number",
                              name);
        if (strcmp(name, "remediation") != 0)
            fit_entry(fitting, test->node, "count", name);
    }
    json_decref(count);
}

static void fit_case(const struct fitting *fitting, const struct rehearsal_case *test)
{
    for (size_t i = 0; i < test->given_count; i++) {
        const struct given *given = &test->given[i];
        if (given->check)
            fit_sample(fitting, given);
        if (given->action)
            fit_action(fitting, given);
        fit_entry(fitting, given->node, "approve", given->approve);
        fit_entry(fitting, given->node, "reject", given->reject);
        fit_entry(fitting, given->node, "take_back", given->take_back);
        fit_entry(fitting, given->node, "remediate", given->remediate);
    }
    for (size_t i = 0; i < test->expected_count; i++) {
        const struct expected *expected = &test->expected[i];
        if (expected->finding)
            (void)fit_check(fitting, expected->node, "finding", expected->finding);
        fit_entry(fitting, expected->node, "remediation", expected->remediation);
    }
    fit_count(fitting, test);
}

bool rehearsal_fits(const struct rehearsal *rehearsal, const struct session *session,
                    struct problems *problems)
{
    const struct fitting fitting = {session, problems};
    size_t before = problems->errors;
    for (size_t i = 0; i < rehearsal->count; i++)
        fit_case(&fitting, &rehearsal->cases[i]);
    return problems->errors == before;
}
