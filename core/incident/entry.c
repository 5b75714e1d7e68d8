#include "incident/entry.h"

#include <string.h>

#include "base/mem.h"
#include "incident/entry_parts.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

const char *const entry_modes[] = {"off", "dry-run", "approve", "auto", NULL};
static const char *const effects[] = {"reads", "reversible", "disruptive", "destructive", NULL};

enum guard_mode entry_mode_of(const char *word)
{
    for (enum guard_mode mode = GUARD_OFF; word && entry_modes[mode]; mode++)
        if (strcmp(entry_modes[mode], word) == 0)
            return mode;
    return GUARD_DRY_RUN;
}

/* ------------------------------------------------------------------ shared ---- */

const struct node *entry_map(struct reader *reader, const struct node *node, const char *path,
                             const struct schema_keys *keys)
{
    if (node_is_absent(node))
        return NULL;
    if (node->kind != NODE_MAP) {
        (void)entry_refuse(reader, node->place, path, "is %s, not a map", node_kind_name(node));
        return NULL;
    }
    schema_refuse_unknown(&reader->schema, keys, node, path);
    return node;
}

const struct config_target *entry_find_target(struct reader *reader, const char *name,
                                              struct place place, const char *path)
{
    const struct config *config = reader->entries->config;
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    if (node_find(reader->targets, name)) {
        reader->elsewhere = true;
        return NULL;
    }
    MEM_AUTO const char **names = mem_array(config->target_count + 1, sizeof(*names));
    for (size_t i = 0; i < config->target_count; i++)
        names[i] = config->targets[i].name;
    problem_hint_words(
        entry_refuse(reader, place, path, "there is no target \"%s\"", name), name, names);
    return NULL;
}

/* What is written and not in force must not be believed to be. */
static void warn_of_later(struct reader *reader, const struct node *node, const char *path,
                          const char *instead)
{
    if (!node_is_absent(node) && !(node->kind == NODE_LIST && node->count == 0))
        (void)problem_warn(
            reader->schema.problems, node->named, path, "not in force yet: %s", instead);
}

/* ------------------------------------------------------------------- guard ---- */

struct guard_words {
    const char *mode, *file, *sink;
    int64_t per_day, wait_ms;
};

static const struct probe_option guard_options[] = {
    {"mode",
     PROBE_STRING_AT(struct guard_words, mode),
     .fallback = "dry-run",
     .choices = entry_modes},
    {"per_day", PROBE_INT_AT(struct guard_words, per_day), .fallback = "0", .max = 100000},
    {0},
};
static const struct probe_option freeze_options[] = {
    {"file", PROBE_STRING_AT(struct guard_words, file), .fallback = ""},
    {0},
};
static const struct probe_option sink_options[] = {
    {"require_sink", PROBE_STRING_AT(struct guard_words, sink), .fallback = ""},
    {"wait",
     PROBE_DURATION_AT(struct guard_words, wait_ms),
     .fallback = "5s",
     .min = 100,
     .max = MINUTE},
    {0},
};

static void read_effects(struct reader *reader, const struct node *map)
{
    if (node_is_absent(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(entry_refuse(reader, map->place, "guard.effects", "is not a map"),
                     "write the worst that may be done to a target: {orders-db: reversible}");
        return;
    }
    node_for_each(node, map) {
        const char *path = node_path(reader->schema.memory, "guard.effects", node->key);
        (void)entry_find_target(reader, node->key, node->named, path);
        const char *word = node_is_scalar(node) ? node->text : "";
        bool known = false;
        for (size_t i = 0; effects[i]; i++)
            known = known || strcmp(effects[i], word) == 0;
        if (!known)
            problem_hint_words(
                entry_refuse(reader, node->place, path, "is no effect"), word, effects);
    }
    reader->elsewhere = false;
    reader->entries->ceiling.effects = map;
}

static void read_guard(struct reader *reader, const struct node *root)
{
    static const char *const words[] = {"freeze", "audit", "effects", NULL};
    static const char *const freeze_words[] = {"windows", NULL};
    struct entry_ceiling *ceiling = &reader->entries->ceiling;
    struct guard_words own = {0};
    const struct node *map =
        entry_map(reader,
                  node_find(root, "guard"),
                  "guard",
                  &(struct schema_keys){.tables = {guard_options}, .words = words});
    ceiling->mode = GUARD_DRY_RUN;
    if (!map)
        return;
    schema_fill(&reader->schema, guard_options, map, "guard", &own);
    const struct node *freeze =
        entry_map(reader,
                  node_find(map, "freeze"),
                  "guard.freeze",
                  &(struct schema_keys){.tables = {freeze_options}, .words = freeze_words});
    if (freeze) {
        schema_fill(&reader->schema, freeze_options, freeze, "guard.freeze", &own);
        ceiling->windows = node_find(freeze, "windows");
        warn_of_later(reader,
                      ceiling->windows,
                      "guard.freeze.windows",
                      "while they are written here, everything is frozen");
    }
    if (own.file && *own.file && *own.file != '/')
        (void)entry_refuse(
            reader, node_place(freeze, "file"), "guard.freeze.file", "is not an absolute path");
    const struct node *sink = entry_map(reader,
                                        node_find(map, "audit"),
                                        "guard.audit",
                                        &(struct schema_keys){.tables = {sink_options}});
    if (sink)
        schema_fill(&reader->schema, sink_options, sink, "guard.audit", &own);
    warn_of_later(reader,
                  sink ? node_find(sink, "require_sink") : NULL,
                  "guard.audit.require_sink",
                  "while it is written here, every change is refused");
    read_effects(reader, node_find(map, "effects"));
    ceiling->mode = entry_mode_of(own.mode);
    ceiling->freeze_file = own.file && *own.file ? own.file : NULL;
    ceiling->per_day = own.per_day;
    ceiling->require_sink = own.sink && *own.sink ? own.sink : NULL;
    ceiling->sink_wait_ms = own.wait_ms;
}

/* ---------------------------------------------------------------- approval ---- */

struct approval_words {
    const char *approvers;
    bool local;
    int64_t expires_ms, remind_ms, approvals;
    const char *const *notify;
};

static const struct probe_option approval_options[] = {
    {"approvers", PROBE_STRING_AT(struct approval_words, approvers), .fallback = ""},
    {"local", PROBE_BOOL_AT(struct approval_words, local), .fallback = "false"},
    {"expires",
     PROBE_DURATION_AT(struct approval_words, expires_ms),
     .fallback = "15m",
     .min = SECOND,
     .max = ENTRY_LONGEST_MS},
    {"remind",
     PROBE_DURATION_AT(struct approval_words, remind_ms),
     .fallback = "5m",
     .max = ENTRY_LONGEST_MS},
    {"notify", PROBE_LIST_AT(struct approval_words, notify), .fallback = "[]"},
    {0},
};
static const struct probe_option class_options[] = {
    {"approvals",
     PROBE_INT_AT(struct approval_words, approvals),
     .fallback = "1",
     .min = 1,
     .max = ENTRY_MOST_APPROVALS},
    {0},
};

static void read_class(struct reader *reader, const struct node *node)
{
    struct approval_words own = {0};
    const char *path = node_path(reader->schema.memory, "approval.classes", node->key);
    size_t effect = 0;
    while (effects[effect] && strcmp(effects[effect], node->key) != 0)
        effect++;
    if (!effects[effect]) {
        problem_hint_words(
            entry_refuse(reader, node->named, path, "is no effect"), node->key, effects);
        return;
    }
    const struct node *map =
        entry_map(reader, node, path, &(struct schema_keys){.tables = {class_options}});
    if (!map)
        return;
    schema_fill(&reader->schema, class_options, map, path, &own);
    reader->entries->approval.needed[effect] = (unsigned)own.approvals;
}

static void read_approval(struct reader *reader, const struct node *root)
{
    static const char *const words[] = {"classes", NULL};
    struct approval_words own = {.expires_ms = 15 * MINUTE, .remind_ms = 5 * MINUTE};
    struct entry_approval *approval = &reader->entries->approval;
    const struct node *map =
        entry_map(reader,
                  node_find(root, "approval"),
                  "approval",
                  &(struct schema_keys){.tables = {approval_options}, .words = words});
    for (size_t i = 0; i < COUNT_OF(approval->needed); i++)
        approval->needed[i] = 1;
    if (map) {
        const struct node *classes = node_find(map, "classes");
        schema_fill(&reader->schema, approval_options, map, "approval", &own);
        warn_of_later(reader,
                      node_find(map, "notify"),
                      "approval.notify",
                      "that a plan waits is an event of level error, and nobody else is told");
        if (!node_is_absent(classes) && classes->kind != NODE_MAP)
            (void)entry_refuse(reader, classes->place, "approval.classes", "is not a map");
        else if (!node_is_absent(classes))
            node_for_each(node, classes)
                read_class(reader, node);
    }
    approval->approvers = own.approvers && *own.approvers ? own.approvers : NULL;
    approval->local = own.local;
    approval->expires_ms = own.expires_ms;
    approval->remind_ms = own.remind_ms;
    approval->notify = own.notify;
}

/* ----------------------------------------------------------------- the whole ---- */

/* What is wrong with scripts stands in the way where one that is wanted is missing; else it is said. */
static void tell_of_shelf(struct reader *reader)
{
    for (size_t i = 0; i < reader->shelf_said->count; i++) {
        const struct problem *said = &reader->shelf_said->all[i];
        const struct place place = {said->file, said->line, said->column};
        const char *key = arena_copy(reader->schema.memory, said->key);
        struct problem *problem =
            reader->script_missing && !said->warning
                ? problem_add(reader->schema.problems, place, key, "%s", said->message)
                : problem_warn(reader->schema.problems, place, key, "%s", said->message);
        if (said->hint)
            problem_hint(problem, "%s", said->hint);
    }
}

static void read_all(struct reader *reader, const struct node *map, const char *folder)
{
    struct entries *entries = reader->entries;
    struct problems said = {0};
    if (node_is_absent(map))
        return;
    if (map->kind != NODE_MAP) {
        (void)entry_refuse(
            reader, map->place, "remediations", "is %s, not a map", node_kind_name(map));
        return;
    }
    if (map->count > ENTRIES_MOST) {
        (void)entry_refuse(
            reader, map->place, "remediations", "are more than %d", (int)ENTRIES_MOST);
        return;
    }
    reader->shelf_said = &said;
    if (map->count)
        entries->shelf = shelf_open(folder, &said);
    entries->all = arena_array(entries->memory, map->count + 1, sizeof(*entries->all));
    node_for_each(node, map) {
        struct entry *entry = &entries->all[entries->count];
        *entry = (struct entry){.name = node->key, .place = node->named};
        if (entry_read(reader, node, entry))
            entries->count++;
    }
    tell_of_shelf(reader);
    problems_finish(&said);
    reader->shelf_said = NULL;
}

struct entries *entries_read(struct config *config, const struct plugins *plugins,
                             const char *folder, bool offline, struct problems *problems)
{
    struct arena *memory = arena_create();
    struct entries *entries = arena_new(memory, sizeof(*entries));
    size_t errors = problems->errors;
    struct reader reader = {
        .entries = entries,
        .schema = {.memory = memory, .problems = problems, .offline = offline},
        .plugins = plugins,
        .targets = node_find(config->root, "targets"),
    };
    entries->memory = memory;
    entries->config = config_hold(config);
    read_guard(&reader, config->root);
    read_approval(&reader, config->root);
    read_all(&reader, node_find(config->root, "remediations"), folder);
    if (problems->errors == errors)
        return entries;
    entries_release(entries);
    return NULL;
}

struct entries *entries_hold(struct entries *entries)
{
    entries->held++;
    return entries;
}

void entries_release(struct entries *entries)
{
    if (!entries || entries->held-- > 0)
        return;
    struct config *config = entries->config;
    struct shelf *shelf = entries->shelf;
    arena_destroy(entries->memory);
    shelf_close(shelf);
    config_destroy(config);
}

const struct entry *entries_find(const struct entries *entries, const char *name)
{
    for (size_t i = 0; entries && i < entries->count; i++)
        if (strcmp(entries->all[i].name, name) == 0)
            return &entries->all[i];
    return NULL;
}

enum probe_effect entries_effect_most(const struct entries *entries, const char *target)
{
    const struct node *node =
        entries->ceiling.effects ? node_find(entries->ceiling.effects, target) : NULL;
    for (enum probe_effect effect = PROBE_READS; node && effects[effect]; effect++)
        if (strcmp(effects[effect], node->text) == 0)
            return effect;
    return PROBE_DESTRUCTIVE;
}

const struct config_target *entry_target(const struct entry *entry, const char *role)
{
    for (size_t i = 0; i < entry->binding_count; i++)
        if (strcmp(entry->bindings[i].role->name, role) == 0)
            return entry->bindings[i].target;
    return NULL;
}
