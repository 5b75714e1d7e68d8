/*
 * act_options - what a script or a person asks an action with, filled from its option table.
 *
 * Layer: probe.  Part of probe/act.
 */
#include <string.h>

#include "probe/act.h"
#include "probe/schema.h"

const struct probe_action *act_find(const struct plugin *plugin, const char *name)
{
    for (size_t i = 0; i < plugin->action_count; i++)
        if (strcmp(plugin->actions[i].name, name) == 0)
            return &plugin->actions[i];
    return NULL;
}

static void refuse_references(struct arena *memory, const struct node *node, const char *path,
                              struct problems *problems)
{
    if (node->kind == NODE_TEXT && strstr(node->text, "${"))
        problem_hint(problem_add(problems, node->place, path, "holds a reference, ${...}"),
                     "references belong into the configuration, as values of with:");
    node_for_each(child, node)
        refuse_references(
            memory, child, child->key ? node_path(memory, path, child->key) : path, problems);
}

/* Lua's {} is an empty list as well as an empty map. */
static const struct node *with_lists(struct arena *memory, const struct probe_option *options,
                                     const struct node *map)
{
    struct node *copy = node_copy(memory, map);
    for (; options && options->name; options++) {
        struct node *value = node_find(copy, options->name);
        bool list = options->type == PROBE_LIST || options->type == PROBE_ITEMS;
        if (list && value && value->kind == NODE_MAP && value->count == 0)
            value->kind = NODE_LIST;
    }
    return copy;
}

const void *act_configure(struct arena *memory, const struct probe_action *action,
                          const struct node *map, const char *path, struct problems *problems)
{
    struct schema schema = {.memory = memory, .problems = problems};
    const struct schema_keys keys = {.tables = {action->options}};
    void *config = arena_new(memory, action->config_size);
    size_t errors = problems->errors;
    if (map->kind != NODE_MAP) {
        (void)problem_add(problems, map->place, path, "is %s, not a map", node_kind_name(map));
        return NULL;
    }
    refuse_references(memory, map, path, problems);
    if (problems->errors != errors)
        return NULL;
    map = with_lists(memory, action->options, map);
    schema_refuse_unknown(&schema, &keys, map, path);
    schema_fill(&schema, action->options, map, path, config);
    return problems->errors == errors ? config : NULL;
}
