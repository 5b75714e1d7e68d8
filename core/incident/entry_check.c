/*
 * entry_check - what of a remediation is about checks: its trigger, refuse_if, verify.
 *
 * A condition here is one over the check's measures, as in "targets:", with one word more: `status`, what is
 * reported of the subject.
 *
 * Layer: incident.  Part of incident/entry.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "incident/entry_parts.h"

static const char *const statuses[] = {"ok", "warning", "critical", "unknown", NULL};

/* ------------------------------------------------------------------- checks ---- */

/* Says of TARGET/NAME that there is no such check. */
static void refuse_check(struct reader *reader, const char *written, const struct node *node,
                         const char *path)
{
    const struct config *config = reader->entries->config;
    size_t room = config_count_checks(config) + 1, count = 0;
    char **names = mem_array(room, sizeof(*names));
    for (size_t i = 0; i < config->target_count; i++)
        for (size_t at = 0; at < config->targets[i].check_count; at++)
            names[count++] =
                mem_print("%s/%s", config->targets[i].name, config->targets[i].checks[at].name);
    problem_hint_words(entry_refuse(reader, node->place, path, "there is no check \"%s\"", written),
                       written,
                       (const char *const *)names);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Calls `take` for each check that the pattern TARGET/NAME names; how many. */
typedef void take_fn(const struct config_target *target, const struct config_check *check,
                     void *data);
static size_t each_check(const struct config *config, const char *pattern, take_fn *take,
                         void *data)
{
    size_t count = 0;
    for (size_t i = 0; i < config->target_count; i++) {
        const struct config_target *target = &config->targets[i];
        for (size_t at = 0; at < target->check_count; at++) {
            MEM_AUTO char *name = mem_print("%s/%s", target->name, target->checks[at].name);
            if (fnmatch(pattern, name, 0) != 0)
                continue;
            take(target, &target->checks[at], data);
            count++;
        }
    }
    return count;
}

/* The target's name before the slash, where that is written down but another agent's. */
static bool is_elsewhere(struct reader *reader, const char *written)
{
    const struct config *config = reader->entries->config;
    MEM_AUTO char *name = mem_copy_n(written, strcspn(written, "/"));
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return false;
    bool known = node_find(reader->targets, name) != NULL;
    reader->elsewhere = reader->elsewhere || known;
    return known;
}

static void take_question(const struct config_target *target, const struct config_check *check,
                          void *data)
{
    struct entry_question *question = data;
    question->target = target;
    question->check = check;
}

/* The member "check" of a map that names one. */
static bool read_one(struct reader *reader, const struct node *map, const char *path,
                     struct entry_question *question)
{
    const struct node *node = node_find(map, "check");
    const char *own = node_path(reader->schema.memory, path, "check");
    if (node_is_absent(node)) {
        problem_hint(entry_refuse(reader, map->place, own, "is missing"),
                     "write check: TARGET/NAME");
        return false;
    }
    const char *name = schema_text(&reader->schema, node, own, "the name of a check");
    if (!name)
        return false;
    if (each_check(reader->entries->config, name, take_question, question) == 1)
        return true;
    if (question->check)
        (void)entry_refuse(reader, node->place, own, "names several checks");
    else if (!is_elsewhere(reader, name))
        refuse_check(reader, name, node, own);
    return false;
}

/* --------------------------------------------------------------- conditions ---- */

static void release(void *condition)
{
    condition_release(condition);
}

static void compile(struct reader *reader, const char *text, const struct node *node,
                    const char *path, struct entry_question *question)
{
    static const struct measure_slot status = {.name = "status",
                                               .help = "what is reported",
                                               .kind = PROBE_WORD,
                                               .words = statuses,
                                               .counter = -1};
    const struct measures *own = &question->check->check->measures;
    struct measures measures = {.count = own->count + 1, .declared = own->count + 1};
    struct error error = {0};
    measures.slots = mem_array(measures.count, sizeof(*measures.slots));
    if (own->count)
        memcpy(measures.slots, own->slots, own->count * sizeof(*measures.slots));
    measures.slots[own->count] = status;
    question->condition = condition_compile(text, &measures, &error);
    free(measures.slots);
    if (question->condition) {
        arena_own(reader->schema.memory, question->condition, release);
        question->text = arena_print(reader->schema.memory,
                                     "%s/%s: %s",
                                     question->target->name,
                                     question->check->name,
                                     condition_text(question->condition));
        return;
    }
    struct problem *problem = entry_refuse(reader, node->place, path, "%s", error.message);
    if (*error.hint)
        problem_hint(problem, "%s", error.hint);
}

static void read_question(struct reader *reader, const struct node *map, const char *path,
                          struct entry_question *question)
{
    const struct node *node = node_find(map, "condition");
    const char *own = node_path(reader->schema.memory, path, "condition");
    if (!read_one(reader, map, path, question))
        return;
    if (node_is_absent(node)) {
        problem_hint(entry_refuse(reader, map->place, own, "is missing"),
                     "write it like \"used_percent < 80\" or \"status == 'ok'\"");
        return;
    }
    const char *text = schema_text(&reader->schema, node, own, "a condition");
    if (text)
        compile(reader, text, node, own, question);
}

/* ------------------------------------------------------------------ trigger ---- */

static void take_trigger(const struct config_target *target, const struct config_check *check,
                         void *data)
{
    struct entry_trigger *trigger = data;
    if (trigger->count < ENTRY_MOST_CHECKS) {
        trigger->targets[trigger->count] = target;
        trigger->checks[trigger->count] = check;
    }
    trigger->count++;
}

static void add_check(struct reader *reader, const struct node *node, const char *path,
                      struct entry *entry)
{
    const char *name = schema_text(&reader->schema, node, path, "the name of a check");
    if (!name)
        return;
    size_t found = each_check(reader->entries->config, name, take_trigger, &entry->trigger);
    if (found == 0 && !is_elsewhere(reader, name))
        refuse_check(reader, name, node, path);
    if (entry->trigger.count > ENTRY_MOST_CHECKS) {
        (void)entry_refuse(
            reader, node->place, path, "names more than %d checks", (int)ENTRY_MOST_CHECKS);
        entry->trigger.count = ENTRY_MOST_CHECKS;
    }
}

static void add_status(struct reader *reader, const struct node *node, const char *path,
                       struct entry *entry)
{
    const char *word = schema_text(&reader->schema, node, path, "warning or critical");
    if (word && strcmp(word, "warning") == 0)
        entry->trigger.statuses |= 1u << PROBE_WARNING;
    else if (word && strcmp(word, "critical") == 0)
        entry->trigger.statuses |= 1u << PROBE_CRITICAL;
    else if (word)
        problem_hint(entry_refuse(reader, node->place, path, "starts nothing"),
                     "write warning, critical or both; unknown never starts a remediation");
}

/* One, or a list of them. */
typedef void add_fn(struct reader *reader, const struct node *node, const char *path,
                    struct entry *entry);
static void each_of(struct reader *reader, const struct node *node, const char *path,
                    struct entry *entry, add_fn *add)
{
    if (node->kind != NODE_LIST) {
        add(reader, node, path, entry);
        return;
    }
    node_for_each(item, node)
        add(reader, item, path, entry);
}

const struct probe_option entry_trigger_options[] = {
    {"held",
     PROBE_DURATION_AT(struct entry_trigger, held_ms),
     .fallback = "0",
     .max = ENTRY_LONGEST_MS,
     .help = "how long it must have been so"},
    {0},
};

void entry_read_trigger(struct reader *reader, const struct node *node, const char *path,
                        struct entry *entry)
{
    static const char *const words[] = {"check", "status", NULL};
    struct arena *memory = reader->schema.memory;
    if (node_is_absent(node))
        return;
    if (node_is_scalar(node) && strcmp(node->text, "manual") == 0) {
        entry->manual = true;
        return;
    }
    if (node->kind != NODE_MAP) {
        problem_hint(entry_refuse(reader, node->place, path, "is no trigger"),
                     "write {check: TARGET/NAME, status: critical}, or manual");
        return;
    }
    schema_refuse_unknown(&reader->schema,
                          &(struct schema_keys){.tables = {entry_trigger_options}, .words = words},
                          node,
                          path);
    schema_fill(&reader->schema, entry_trigger_options, node, path, &entry->trigger);
    const struct node *check = node_find(node, "check"), *status = node_find(node, "status");
    if (node_is_absent(check))
        problem_hint(
            entry_refuse(reader, node->place, node_path(memory, path, "check"), "is missing"),
            "write check: TARGET/NAME");
    else
        each_of(reader, check, node_path(memory, path, "check"), entry, add_check);
    if (node_is_absent(status))
        entry->trigger.statuses = 1u << PROBE_CRITICAL;
    else
        each_of(reader, status, node_path(memory, path, "status"), entry, add_status);
}

/* ------------------------------------------------------------------- verify ---- */

/* "10 %", "10%" or 10. */
static double percent_of(struct reader *reader, const struct node *map, const char *path)
{
    const struct node *node = node_find(map, "by");
    const char *own = node_path(reader->schema.memory, path, "by");
    const char *text =
        node_is_absent(node) ? NULL : schema_text(&reader->schema, node, own, "a share");
    char *end = NULL;
    double percent = text ? strtod(text, &end) : 0;
    if (text && end != text && percent > 0 && percent <= 100 &&
        (!end[strspn(end, " ")] || strcmp(end + strspn(end, " "), "%") == 0))
        return percent;
    problem_hint(entry_refuse(reader, node_place(map, "by"), own, "is no share"),
                 "write by how much it must fall: 10 %%");
    return 0;
}

const struct probe_option entry_improves_options[] = {
    {"measure", PROBE_STRING_AT(struct entry_improves, measure), .help = "what is to fall"},
    {"within",
     PROBE_DURATION_AT(struct entry_improves, within_ms),
     .fallback = "10m",
     .min = 1000,
     .max = ENTRY_LONGEST_MS,
     .help = "by when it must have fallen"},
    {0},
};

static void read_improves(struct reader *reader, const struct node *node, const char *path,
                          struct entry_improves *improves)
{
    static const char *const words[] = {"check", "by", NULL};
    struct entry_question question = {0};
    const struct node *map =
        entry_map(reader,
                  node,
                  path,
                  &(struct schema_keys){.tables = {entry_improves_options}, .words = words});
    if (!map)
        return;
    schema_fill(&reader->schema, entry_improves_options, map, path, improves);
    improves->percent = percent_of(reader, map, path);
    if (!read_one(reader, map, path, &question))
        return;
    improves->target = question.target;
    improves->check = question.check;
    const struct measures *measures = &question.check->check->measures;
    improves->slot = improves->measure ? measures_find(measures, improves->measure) : -1;
    if (improves->measure && improves->slot < 0) {
        MEM_AUTO const char **names = mem_array(measures->count + 1, sizeof(*names));
        for (size_t i = 0; i < measures->count; i++)
            names[i] = measures->slots[i].name;
        problem_hint_words(entry_refuse(reader,
                                        node_place(map, "measure"),
                                        node_path(reader->schema.memory, path, "measure"),
                                        "is no measure of %s",
                                        question.check->check->full_name),
                           improves->measure,
                           names);
    }
}

const struct probe_option entry_verify_options[] = {
    {"within",
     PROBE_DURATION_AT(struct entry_verify, within_ms),
     .fallback = "1m",
     .min = 1000,
     .max = ENTRY_LONGEST_MS,
     .help = "by when the condition must hold"},
    {"stable",
     PROBE_DURATION_AT(struct entry_verify, stable_ms),
     .fallback = "0",
     .max = ENTRY_LONGEST_MS,
     .help = "for how long it must hold then"},
    {0},
};

void entry_read_verify(struct reader *reader, const struct node *node, const char *path,
                       struct entry *entry)
{
    static const char *const words[] = {"check", "condition", "improves", NULL};
    const struct node *map =
        entry_map(reader,
                  node,
                  path,
                  &(struct schema_keys){.tables = {entry_verify_options}, .words = words});
    if (!map)
        return;
    schema_fill(&reader->schema, entry_verify_options, map, path, &entry->verify);
    read_question(reader, map, path, &entry->verify.question);
    read_improves(reader,
                  node_find(map, "improves"),
                  node_path(reader->schema.memory, path, "improves"),
                  &entry->verify.improves);
}

/* ---------------------------------------------------------------- refuse_if ---- */

void entry_read_refusals(struct reader *reader, const struct node *node, const char *path,
                         struct entry *entry)
{
    static const char *const words[] = {"check", "condition", NULL};
    if (node_is_absent(node))
        return;
    if (node->kind != NODE_LIST || node->count > ENTRY_MOST_CHECKS) {
        problem_hint(entry_refuse(reader,
                                  node->place,
                                  path,
                                  "is no list of %d conditions at most",
                                  (int)ENTRY_MOST_CHECKS),
                     "write [{check: TARGET/NAME, condition: \"status ~= 'ok'\"}]");
        return;
    }
    entry->refuse_if =
        arena_array(reader->schema.memory, node->count + 1, sizeof(*entry->refuse_if));
    node_for_each(item, node) {
        const struct node *map =
            entry_map(reader, item, path, &(struct schema_keys){.words = words});
        if (map)
            read_question(reader, map, path, &entry->refuse_if[entry->refuse_count++]);
    }
}
