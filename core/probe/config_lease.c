/*
 * config_lease - "agent.lease:", which target keeps the realm's lease.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "base/mem.h"
#include "probe/config_parts.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, LONGEST_REALM = 200 };

struct lease_words {
    const char *type, *target, *name, *namespace;
    int64_t ttl_ms;
};

const struct probe_option config_lease_options[] = {
    {"type",
     PROBE_STRING_AT(struct lease_words, type),
     .fallback = "",
     .help = "the plugin that keeps it: postgres or redis; default: the target's"},
    {"target",
     PROBE_STRING_AT(struct lease_words, target),
     .fallback = "",
     .help = "the target that keeps it: a server itself, not a pooler before it"},
    {"ttl",
     PROBE_DURATION_AT(struct lease_words, ttl_ms),
     .fallback = "15s",
     .min = SECOND,
     .max = 10 * MINUTE,
     .help = "for how long it is taken; another agent takes over within two of these"},
    {"name",
     PROBE_STRING_AT(struct lease_words, name),
     .fallback = "",
     .help = "of a Kubernetes Lease: its name"},
    {"namespace",
     PROBE_STRING_AT(struct lease_words, namespace),
     .fallback = "",
     .help = "of a Kubernetes Lease: its namespace"},
    {0},
};

static const struct config_target *find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}

/* Those of them that can keep a lease. */
static void hint_plugins(struct builder *builder, struct problem *problem)
{
    struct text TEXT_AUTO names;
    text_init(&names, 400);
    for (size_t i = 0; i < builder->plugins->count; i++)
        if (builder->plugins->all[i]->face.lease)
            text_print(&names, "%s%s", names.len ? ", " : "", builder->plugins->all[i]->face.name);
    problem_hint(problem,
                 "lease: {target: NAME}, where NAME is a target of one of these: %s",
                 names.len ? names.bytes : "none is loaded");
}

/* Whether the plugin that `type` names, if it does, can keep one. */
static bool type_fits(struct builder *builder, const struct node *map, const char *type)
{
    const struct plugin *plugin = type ? plugin_find(builder->plugins, type) : NULL;
    if (!type || (plugin && plugin->face.lease))
        return true;
    hint_plugins(builder,
                 config_refuse(builder,
                               node_place(map, "type"),
                               "agent.lease.type",
                               plugin ? "%s keeps no lease"
                                      : "the plugin \"%s\", which would keep it, is not there",
                               type));
    return false;
}

static void choose_target(struct builder *builder, const struct node *map,
                          const struct lease_words *words)
{
    struct config *config = builder->config;
    const struct node *targets = node_find(builder->root, "targets");
    const struct config_target *target = words->target ? find(config, words->target) : NULL;
    struct place place = node_place(map, "target");
    if (!words->target) {
        hint_plugins(builder,
                     config_refuse(builder, map->place, "agent.lease.target", "is missing"));
    } else if (!target && node_find(targets, words->target)) {
        if (builder->schema.problems->errors == 0)
            problem_hint(config_refuse(builder,
                                       place,
                                       "agent.lease.target",
                                       "%s is left to agents of another role",
                                       words->target),
                         "the lease is kept by a target of cluster scope");
    } else if (!target) {
        (void)config_refuse(
            builder, place, "agent.lease.target", "there is no target \"%s\"", words->target);
    } else if (words->type && strcmp(target->plugin->face.name, words->type) != 0) {
        (void)config_refuse(builder,
                            place,
                            "agent.lease.target",
                            "%s is of type %s, not %s",
                            words->target,
                            target->plugin->face.name,
                            words->type);
    } else if (!target->plugin->face.lease && !target->plugin->unread) {
        hint_plugins(builder,
                     config_refuse(builder,
                                   place,
                                   "agent.lease.target",
                                   "%s keeps no lease",
                                   target->plugin->face.name));
    } else if (target->plugin->face.lease) {
        config->agent.lease = (struct config_lease){.target = target, .ttl_ms = words->ttl_ms};
    }
}

void config_read_lease(struct builder *builder)
{
    const struct node *agent = node_find(builder->root, "agent");
    const struct node *map = agent && agent->kind == NODE_MAP ? node_find(agent, "lease") : NULL;
    struct config_agent *own = &builder->config->agent;
    struct lease_words words = {0};
    if (node_is_absent(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(
            config_refuse(
                builder, map->place, "agent.lease", "is %s, not a map", node_kind_name(map)),
            "write it like {target: orders-db}");
        return;
    }
    schema_refuse_unknown(&builder->schema,
                          &(struct schema_keys){.tables = {config_lease_options}},
                          map,
                          "agent.lease");
    schema_fill(&builder->schema, config_lease_options, map, "agent.lease", &words);
    bool leads = own->role == ROLE_CLUSTER || own->role == ROLE_ANY;
    if (!type_fits(builder, map, words.type) ||
        !leads) /* the others ask nothing of cluster scope */
        return;
    if (strlen(own->realm) > LONGEST_REALM)
        (void)config_refuse(builder,
                            node_place(agent, "realm"),
                            "agent.realm",
                            "is longer than %d bytes, too long for a lease's name",
                            LONGEST_REALM);
    choose_target(builder, map, &words);
}
