/*
 * entry_read - one remediation as it is written: its script, targets, grant and limits.
 *
 * Layer: incident.  Part of incident/entry.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "incident/entry_parts.h"
#include "io/digest.h"
#include "lua/hazard.h"
#include "probe/act.h"

struct entry_words {
    const char *script, *mode, *on_failure;
    const char *const *lock;
    int64_t undo_after_ms, approvals;
};

struct limit_words {
    const char *attempts;
    int64_t cooldown_ms, max_affected;
    double max_percent;
};

static const char *const failures[] = {"hand_over", "undo", NULL};

const struct probe_option entry_options[] = {
    {"script",
     PROBE_STRING_AT(struct entry_words, script),
     .help = "FOLDER/NAME of a script, as runbookd script list shows them"},
    {"mode",
     PROBE_STRING_AT(struct entry_words, mode),
     .fallback = "dry-run",
     .choices = entry_modes,
     .help = "what becomes of a plan; never above guard.mode"},
    {"undo_after",
     PROBE_DURATION_AT(struct entry_words, undo_after_ms),
     .fallback = "",
     .max = ENTRY_LONGEST_MS,
     .help = "when what was done is taken back, where the action can"},
    {"on_failure",
     PROBE_STRING_AT(struct entry_words, on_failure),
     .fallback = "hand_over",
     .choices = failures,
     .help = "undo: it is taken back when it has not helped"},
    {"lock",
     PROBE_LIST_AT(struct entry_words, lock),
     .fallback = "[]",
     .help =
         "targets whose evidence is kept, from when a finding starts it until a person lifts it"},
    {"approvals",
     PROBE_INT_AT(struct entry_words, approvals),
     .fallback = "",
     .min = 1,
     .max = ENTRY_MOST_APPROVALS,
     .help = "how many it takes, where that is more than approval.classes says"},
    {0},
};
static const char *const entry_words[] = {
    "trigger", "targets", "with", "allow", "guard", "verify", NULL};

const struct probe_option entry_limit_options[] = {
    {"cooldown",
     PROBE_DURATION_AT(struct limit_words, cooldown_ms),
     .fallback = "10m",
     .max = ENTRY_LONGEST_MS,
     .help = "between two that change the same target"},
    {"attempts",
     PROBE_STRING_AT(struct limit_words, attempts),
     .fallback = "3/1h",
     .help = "how many within which time, before a person is needed"},
    {"max_affected",
     PROBE_INT_AT(struct limit_words, max_affected),
     .fallback = "",
     .min = 1,
     .max = INT64_MAX,
     .help = "how many things a plan may touch"},
    {"max_percent",
     PROBE_REAL_AT(struct limit_words, max_percent),
     .fallback = "",
     .min = 0,
     .max = 100,
     .help = "... and which share of all that there are"},
    {0},
};

/* ------------------------------------------------------------------ limits ---- */

/* "3/1h" */
static void read_attempts(struct reader *reader, const char *text, const struct node *map,
                          const char *path, struct guard_limits *limits)
{
    char *end = NULL;
    int64_t within_ms = 0;
    unsigned long count = text ? strtoul(text, &end, 10) : 0;
    if (text && end != text && *end == '/' && units_duration(end + 1, &within_ms) == 0 &&
        count >= 1 && count <= 1000 && within_ms > 0 && within_ms <= ENTRY_LONGEST_MS) {
        limits->attempts = (unsigned)count;
        limits->attempts_within_ms = within_ms;
        return;
    }
    problem_hint(entry_refuse(reader,
                              node_place(map, "attempts"),
                              node_path(reader->schema.memory, path, "attempts"),
                              "is no number of attempts within a time"),
                 "write it like 3/1h: 1,000 at most, within 31d at most");
}

static void read_limits(struct reader *reader, const struct node *written, const char *path,
                        struct entry *entry)
{
    static const char *const words[] = {"refuse_if", NULL};
    struct limit_words own = {0};
    const struct node *map =
        entry_map(reader,
                  written,
                  path,
                  &(struct schema_keys){.tables = {entry_limit_options}, .words = words});
    if (!map)
        map = node_create(reader->schema.memory, NODE_MAP, entry->place, NULL);
    schema_fill(&reader->schema, entry_limit_options, map, path, &own);
    entry->limits = (struct guard_limits){
        .cooldown_ms = own.cooldown_ms,
        .max_affected = own.max_affected,
        .max_percent = own.max_percent,
    };
    read_attempts(reader, own.attempts, map, path, &entry->limits);
    entry_read_refusals(reader,
                        node_find(map, "refuse_if"),
                        node_path(reader->schema.memory, path, "refuse_if"),
                        entry);
}

/* ------------------------------------------------------------------ script ---- */

static const struct script *find_script(struct reader *reader, const char *name,
                                        const struct node *map, const char *path)
{
    const struct shelf *shelf = reader->entries->shelf;
    const struct script *script = name && shelf ? shelf_find(shelf, name) : NULL;
    if (script || !name)
        return script;
    reader->script_missing = true;
    struct problem *problem = entry_refuse(reader,
                                           node_place(map, "script"),
                                           node_path(reader->schema.memory, path, "script"),
                                           "there is no script \"%s\"",
                                           name);
    size_t count = shelf ? shelf->count : 0;
    MEM_AUTO const char **names = mem_array(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = shelf->scripts[i]->name;
    if (count)
        problem_hint_words(problem, name, names);
    return NULL;
}

static void bind_role(struct reader *reader, const struct node *node, const char *path,
                      struct entry *entry)
{
    const struct script *script = entry->script;
    const struct script_role *role = script_role(script, node->key);
    if (!role) {
        const char *names[SCRIPT_MOST_ROLES + 1] = {0};
        for (size_t i = 0; i < script->role_count; i++)
            names[i] = script->roles[i].name;
        problem_hint_words(
            entry_refuse(reader, node->named, path, "is no role of %s", script->name),
            node->key,
            names);
        return;
    }
    const char *name = schema_text(&reader->schema, node, path, "the name of a target");
    const struct config_target *target =
        name ? entry_find_target(reader, name, node->place, path) : NULL;
    if (!target)
        return;
    if (strcmp(target->plugin->face.name, role->plugin) != 0)
        (void)entry_refuse(reader,
                           node->place,
                           path,
                           "%s is of type %s, and %s wants %s there",
                           name,
                           target->plugin->face.name,
                           script->name,
                           role->plugin);
    entry->bindings[entry->binding_count++] = (struct entry_binding){role, target};
}

static void read_targets(struct reader *reader, const struct node *map, const char *path,
                         struct entry *entry)
{
    const struct script *script = entry->script;
    const struct node *targets = node_find(map, "targets");
    const char *own = node_path(reader->schema.memory, path, "targets");
    entry->bindings =
        arena_array(reader->schema.memory, SCRIPT_MOST_ROLES + 1, sizeof(*entry->bindings));
    if (!node_is_absent(targets) && targets->kind != NODE_MAP) {
        (void)entry_refuse(
            reader, targets->place, own, "is %s, not a map", node_kind_name(targets));
        return;
    }
    if (!node_is_absent(targets))
        node_for_each(node, targets)
            bind_role(reader, node, node_path(reader->schema.memory, own, node->key), entry);
    for (size_t i = 0; i < script->role_count; i++)
        if (node_is_absent(node_is_absent(targets) ? NULL
                                                   : node_find(targets, script->roles[i].name)))
            problem_hint(entry_refuse(reader,
                                      node_place(map, "targets"),
                                      own,
                                      "does not say which target is \"%s\"",
                                      script->roles[i].name),
                         "write targets: {%s: NAME}, of type %s",
                         script->roles[i].name,
                         script->roles[i].plugin);
}

/* ------------------------------------------------------------------- grant ---- */

/* Whether the action has an option of its own name, as http's request has, that says which of several. */
static bool names_one(const struct entry *entry, const struct script_need *need)
{
    const struct config_target *target = entry_target(entry, need->role);
    const struct probe_action *action = target ? act_find(target->plugin, need->action) : NULL;
    if (!target)
        return true; /* which is told elsewhere */
    for (const struct probe_option *option = action ? action->options : NULL;
         option && option->name;
         option++)
        if (strcmp(option->name, need->action) == 0)
            return true;
    return false;
}

static void grant(struct reader *reader, const struct node *node, const char *path,
                  struct entry *entry)
{
    const struct script *script = entry->script;
    const char *verb = schema_text(&reader->schema, node, path, "a verb such as db:do_it");
    const char *only = verb ? strchr(verb, '/') : NULL;
    const char *plain =
        only ? arena_print(reader->schema.memory, "%.*s", (int)(only - verb), verb) : verb;
    const struct script_need *need = verb ? script_need(script, plain) : NULL;
    const char *verbs[SCRIPT_MOST_NEEDS + 1] = {0};
    if (!verb)
        return;
    if (need && only && !names_one(entry, need)) {
        problem_hint(
            entry_refuse(reader, node->place, path, "%s takes nothing behind a slash", need->verb),
            "write %s",
            need->verb);
        return;
    }
    if (need && entry->allow_count < ENTRY_MOST_GRANTS) {
        entry->allow[entry->allow_count++] = (struct entry_grant){need, only ? only + 1 : NULL};
        return;
    }
    for (size_t i = 0; i < script->need_count; i++)
        verbs[i] = script->needs[i].verb;
    struct problem *problem =
        entry_refuse(reader, node->place, path, "%s does not need \"%s\"", script->name, verb);
    if (script->need_count)
        problem_hint_words(problem, verb, verbs);
}

/* What only looks needs no act_as; whatever changes something does. */
static void check_act_as(struct reader *reader, const struct entry *entry, const char *path)
{
    for (size_t i = 0; i < entry->allow_count; i++) {
        const struct config_target *target = entry_target(entry, entry->allow[i].need->role);
        const struct probe_action *action =
            target ? act_find(target->plugin, entry->allow[i].need->action) : NULL;
        if (!action || action->effect == PROBE_READS || action->declared || target->act_as.config)
            continue;
        problem_hint(
            problem_warn(reader->schema.problems,
                         entry->place,
                         path,
                         "%s has no act_as: %s can neither be planned nor done there",
                         target->name,
                         entry->allow[i].need->verb),
            "add act_as: {user: ..., password: ...} to the target; act_as: {} acts with the login "
            "that looks");
    }
}

static void read_allow(struct reader *reader, const struct node *map, const char *path,
                       struct entry *entry)
{
    const struct node *list = node_find(map, "allow");
    const char *own = node_path(reader->schema.memory, path, "allow");
    entry->allow = arena_array(reader->schema.memory, ENTRY_MOST_GRANTS + 1, sizeof(*entry->allow));
    if (node_is_absent(list)) {
        if (entry->script->need_count)
            problem_hint(problem_warn(reader->schema.problems,
                                      entry->place,
                                      own,
                                      "is not there: nothing is granted, so every plan is refused"),
                         "write allow: [%s], or allow: []",
                         entry->script->needs[0].verb);
    } else if (list->kind != NODE_LIST) {
        (void)entry_refuse(reader, list->place, own, "is %s, not a list", node_kind_name(list));
    } else {
        node_for_each(node, list)
            grant(reader, node, own, entry);
    }
    check_act_as(reader, entry, own);
}

static void release_json(void *json)
{
    json_decref(json);
}

/* ------------------------------------------------------------------- whole ---- */

static void digest(const struct node *map, struct entry *entry)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, (size_t)4 << 20);
    writer_init(&writer, &text);
    node_write(map, &writer, true);
    text_add(&text, entry->script->digest);
    for (size_t i = 0; i < entry->binding_count; i++)
        text_add(&text, entry->bindings[i].target->digest);
    digest_text(&text, sizeof(entry->digest) - 1, entry->digest);
}

static void read_script(struct reader *reader, const struct node *map, const char *path,
                        struct entry *entry)
{
    const char *with = node_path(reader->schema.memory, path, "with");
    read_targets(reader, map, path, entry);
    read_allow(reader, map, path, entry);
    entry->with = node_find(map, "with");
    entry->values = script_with(entry->script, entry->with, with, reader->schema.problems);
    hazard_in_values(entry->with, with, reader->schema.problems);
    if (entry->values)
        arena_own(reader->schema.memory, entry->values, release_json);
    (void)script_fits(entry->script, reader->plugins, reader->schema.problems);
}

static void read_words(struct reader *reader, const struct entry_words *own, struct entry *entry)
{
    const enum guard_mode most = reader->entries->ceiling.mode;
    entry->mode = entry_mode_of(own->mode);
    if (entry->mode > most)
        entry->mode = most;
    entry->undo_after_ms = own->undo_after_ms;
    entry->undo_on_failure = own->on_failure && strcmp(own->on_failure, "undo") == 0;
    entry->approvals = (unsigned)own->approvals;
}

bool entry_read(struct reader *reader, const struct node *map, struct entry *entry)
{
    struct entry_words own = {0};
    struct arena *memory = reader->schema.memory;
    const char *path = node_path(memory, "remediations", entry->name);
    size_t errors = reader->schema.problems->errors;
    reader->elsewhere = false;
    if (node_is_absent(map)) /* a later layer has removed it */
        return false;
    if (map->kind != NODE_MAP) {
        problem_hint(entry_refuse(reader, map->place, path, "is not a map"),
                     "write at least {script: FOLDER/NAME, targets: {ROLE: TARGET}}");
        return false;
    }
    schema_refuse_unknown(&reader->schema,
                          &(struct schema_keys){.tables = {entry_options}, .words = entry_words},
                          map,
                          path);
    schema_fill(&reader->schema, entry_options, map, path, &own);
    entry->script = find_script(reader, own.script, map, path);
    read_words(reader, &own, entry);
    for (const char *const *lock = own.lock; lock && *lock; lock++)
        (void)entry_find_target(
            reader, *lock, node_place(map, "lock"), node_path(memory, path, "lock"));
    entry->lock = own.lock;
    entry_read_trigger(
        reader, node_find(map, "trigger"), node_path(memory, path, "trigger"), entry);
    read_limits(reader, node_find(map, "guard"), node_path(memory, path, "guard"), entry);
    entry_read_verify(reader, node_find(map, "verify"), node_path(memory, path, "verify"), entry);
    if (!entry->script)
        return false;
    read_script(reader, map, path, entry);
    if (reader->schema.problems->errors != errors || reader->elsewhere)
        return false;
    digest(map, entry);
    return true;
}
