#include "incident/entry.h"

#include <string.h>

#include "base/mem.h"
#include "incident/entry_parts.h"

const char *const entry_modes[] = {"off", "dry-run", "approve", "auto", NULL};
const char *const entry_effects[] = {"reads", "reversible", "disruptive", "destructive", NULL};

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
    entry_read_ceiling(&reader, config->root);
    entry_read_silences(&reader, config->root);
    entry_read_approval(&reader, config->root);
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
    for (enum probe_effect effect = PROBE_READS; node && entry_effects[effect]; effect++)
        if (strcmp(entry_effects[effect], node->text) == 0)
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
