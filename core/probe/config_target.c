/*
 * config_target - "targets:", laid over "defaults:", and which checks each of them has.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/digest.h"
#include "probe/config_parts.h"
#include "probe/yaml.h"

/* A target while it is built. */
struct draft {
    struct builder *builder;
    struct config_target *target;
    const struct node *map; /* as it is in force: laid over the defaults of its type */
    const char *path;
    struct target_words words;
};

/* -------------------------------------------------------------- plugins ---- */

static const char **plugin_names(const struct plugins *plugins)
{
    const char **names = mem_array(plugins->count + 1, sizeof(*names));
    for (size_t i = 0; i < plugins->count; i++)
        names[i] = plugins->all[i]->face.name;
    return names;
}

static const struct plugin *refuse_type(struct builder *builder, struct place place,
                                        const char *path, const char *type)
{
    MEM_AUTO const char **names = plugin_names(builder->plugins);
    struct problem *problem =
        type ? config_refuse(builder, place, path, "there is no plugin \"%s\"", type)
             : config_refuse(builder, place, path, "is missing");
    problem_hint_words(problem, type ? type : "", names);
    return NULL;
}

/* The plugin that `type` names, or the scheme of `url`. */
static const struct plugin *plugin_of(struct builder *builder, const struct node *written,
                                      const char *path)
{
    struct schema *schema = &builder->schema;
    const struct node *type = node_find(written, "type"), *url = node_find(written, "url");
    const char *type_path = node_path(schema->memory, path, "type");
    if (!type && url && url->kind == NODE_TEXT) {
        const char *text =
            schema_text(schema, url, node_path(schema->memory, path, "url"), "a URL");
        const char *colon = text ? strstr(text, "://") : NULL;
        const struct plugin *plugin =
            colon ? plugin_for_scheme(builder->plugins, text, (size_t)(colon - text)) : NULL;
        return plugin ? plugin : refuse_type(builder, written->place, type_path, NULL);
    }
    if (!type)
        return refuse_type(builder, written->place, type_path, NULL);
    const char *name = schema_text(schema, type, type_path, "the name of a plugin");
    const struct plugin *plugin = name ? plugin_find(builder->plugins, name) : NULL;
    return plugin || !name ? plugin : refuse_type(builder, type->place, type_path, name);
}

/* --------------------------------------------------------------- checks ---- */

static bool is_off(const struct node *node)
{
    return (node->kind == NODE_BOOL && !node_is_true(node)) ||
           (node->kind == NODE_TEXT && strcmp(node->text, "off") == 0);
}

/* The kind that a configured check asks for: `check:`, or its name. */
static const char *kind_of(const struct node *node)
{
    const struct node *kind = node_find(node, "check");
    return !node_is_absent(kind) && node_is_scalar(kind) ? kind->text : node->key;
}

/* Whether a check runs that nobody named. */
static bool runs_unasked(struct draft *draft, const struct probe_check *check)
{
    struct builder *builder = draft->builder;
    const char *as_of = builder->config->agent.checks_as_of;
    if (check->optional || check->heavy || schema_has_required(check->options))
        return false;
    if (!as_of || !check->since || !config_version_before(as_of, check->since))
        return true;
    const struct node *agent = node_find(builder->root, "agent");
    (void)problem_warn(builder->schema.problems,
                       node_place(agent, "checks_as_of"),
                       "agent.checks_as_of",
                       "%s.%s came with %s and is not run: name it, or raise this",
                       draft->target->plugin->face.name,
                       check->name,
                       check->since);
    return false;
}

static void add_check(struct draft *draft, const struct plugin_check *kind, const char *name,
                      const struct node *written)
{
    struct config_target *target = draft->target;
    struct config_check *check = &target->checks[target->check_count];
    struct arena *memory = draft->builder->schema.memory;
    const char *checks = node_path(memory, draft->path, "checks");
    check->name = name;
    check->check = kind;
    check->place = written ? written->named : target->place;
    config_build_check(
        draft->builder, target, &draft->words, written, node_path(memory, checks, name), check);
    target->check_count++;
}

/* The plugin's own checks, under their own names. */
static void add_own_checks(struct draft *draft, const struct node *checks)
{
    const struct plugin *plugin = draft->target->plugin;
    for (size_t i = 0; i < plugin->check_count; i++) {
        const struct plugin_check *kind = &plugin->checks[i];
        const struct node *written = node_find(checks, kind->face.name);
        if (node_is_absent(written)) {
            if (runs_unasked(draft, &kind->face))
                add_check(draft, kind, kind->face.name, NULL);
        } else if (!is_off(written) && strcmp(kind_of(written), kind->face.name) == 0) {
            add_check(draft, kind, kind->face.name, written);
        }
    }
}

static const char **kind_names(const struct plugin *plugin)
{
    const char **names = mem_array(plugin->check_count + 1, sizeof(*names));
    for (size_t i = 0; i < plugin->check_count; i++)
        names[i] = plugin->checks[i].face.name;
    return names;
}

static void refuse_kind(struct draft *draft, const struct node *written, const char *path)
{
    struct builder *builder = draft->builder;
    const struct plugin *plugin = draft->target->plugin;
    const struct node *check = node_find(written, "check");
    const char *kind = kind_of(written);
    MEM_AUTO const char **names = kind_names(plugin);
    struct problem *problem;
    if (is_off(written))
        problem = problem_warn(builder->schema.problems,
                               written->named,
                               path,
                               "switches nothing off: %s has no check \"%s\"",
                               plugin->face.name,
                               kind);
    else
        problem = config_refuse(builder,
                                check ? check->place : written->named,
                                check ? node_path(builder->schema.memory, path, "check") : path,
                                "%s has no check \"%s\"",
                                plugin->face.name,
                                kind);
    problem_hint_words(problem, kind, names);
}

/* Those that have a name of their own. */
static void add_named_checks(struct draft *draft, const struct node *checks)
{
    struct builder *builder = draft->builder;
    const struct plugin *plugin = draft->target->plugin;
    const char *path = node_path(builder->schema.memory, draft->path, "checks");
    node_for_each(written, checks) {
        const char *own_path = node_path(builder->schema.memory, path, written->key);
        const struct plugin_check *kind =
            plugin->unread ? plugin->checks : plugin_find_check(plugin, kind_of(written));
        if (node_is_absent(written) || !config_name_fits(builder, written, own_path))
            continue;
        if (!kind && is_off(written) && written->covers)
            continue; /* an overlay switches off what another file has named */
        if (!kind)
            refuse_kind(draft, written, own_path);
        else if (!is_off(written) && strcmp(kind->face.name, written->key) != 0)
            add_check(draft, kind, written->key, written);
    }
}

static void add_checks(struct draft *draft)
{
    struct builder *builder = draft->builder;
    struct config_target *target = draft->target;
    const struct node *checks = node_find(draft->map, "checks");
    const char *path = node_path(builder->schema.memory, draft->path, "checks");
    if (!checks || checks->kind != NODE_MAP) {
        if (checks && !node_is_absent(checks))
            problem_hint(config_refuse(builder, checks->place, path, "is not a map"),
                         "write a name and its settings, such as connect: {every: 30s}");
        checks = node_create(builder->schema.memory, NODE_MAP, draft->map->place, NULL);
    }
    if (checks->count > CONFIG_MOST_CHECKS) {
        (void)config_refuse(builder,
                            checks->place,
                            path,
                            "has %zu checks, more than %d",
                            checks->count,
                            CONFIG_MOST_CHECKS);
        return;
    }
    /* Most of a plugin's checks are not asked for: what is kept has no room for them. */
    MEM_AUTO struct config_check *all =
        mem_array(target->plugin->check_count + checks->count, sizeof(*all));
    target->checks = all;
    add_own_checks(draft, checks);
    add_named_checks(draft, checks);
    target->checks =
        arena_array(builder->schema.memory, target->check_count, sizeof(*target->checks));
    memcpy(target->checks, all, target->check_count * sizeof(*all));
}

/* --------------------------------------------------------------- target ---- */

static enum probe_where where_of(struct draft *draft)
{
    const char *scope = draft->words.scope;
    if (scope && strcmp(scope, "node") == 0)
        return PROBE_NODE;
    if (scope && strcmp(scope, "cluster") == 0)
        return PROBE_CLUSTER;
    if (scope)
        config_say_reserved(draft->builder, config_reserved_scope, NULL, draft->map, draft->path);
    return draft->target->plugin->face.where;
}

/* The url, without its password, or the name: for people. */
static const char *shown(const struct config_target *target, const void *config)
{
    const struct probe_option *option = schema_find(target->plugin->face.options, "url");
    if (!option || option->type != PROBE_URL)
        return target->name;
    const char *member = (const char *)config + option->offset;
    const struct probe_url *url = *(const struct probe_url *const *)member;
    return url ? url->shown : target->name;
}

static void digest_target(struct draft *draft, const struct text *resolved)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, YAML_MOST_BYTES);
    writer_init(&writer, &text);
    node_write(draft->map, &writer, true);
    text_print(
        &text, "%s %d %s", draft->target->plugin->face.name, draft->target->where, resolved->bytes);
    for (size_t i = 0; i < draft->target->check_count; i++)
        text_add(&text, draft->target->checks[i].digest);
    digest_text(&text, sizeof(draft->target->digest) - 1, draft->target->digest);
}

static void fill_target(struct draft *draft)
{
    struct builder *builder = draft->builder;
    struct config_target *target = draft->target;
    const struct probe_plugin *plugin = &target->plugin->face;
    struct schema *schema = &builder->schema;
    const struct schema_keys keys = {.tables = {config_target_options, plugin->options},
                                     .words = config_target_words};
    void *config = arena_new(schema->memory, plugin->config_size);
    schema_fill(schema, config_target_options, draft->map, draft->path, &draft->words);
    schema_fill(schema, plugin->options, draft->map, draft->path, config);
    if (!target->plugin->unread)
        config_refuse_unknown(builder, &keys, config_reserved_target, draft->map, draft->path);
    config_say_reserved(builder, config_reserved_target, plugin->options, draft->map, draft->path);
    target->config = config;
    target->owner = draft->words.owner;
    target->doc = draft->words.doc;
    target->labels = schema_labels(schema,
                                   node_find(draft->map, "labels"),
                                   node_path(schema->memory, draft->path, "labels"),
                                   NULL);
    target->where = where_of(draft);
    target->shown = shown(target, config);
    target->network = config_needs_network(target);
}

/* Which of its options an actor has of its own; the others are the target's. */
static bool actor_fits(struct draft *draft, const struct node *written, const char *path)
{
    struct builder *builder = draft->builder;
    const struct plugin *plugin = draft->target->plugin;
    const struct schema_keys keys = {.tables = {plugin->face.options}};
    if (written->kind != NODE_MAP) {
        problem_hint(
            config_refuse(
                builder, written->place, path, "is %s, not a map", node_kind_name(written)),
            "write options of the target, such as {user: ..., password: ...}; {} acts as it looks");
        return false;
    }
    if (plugin->action_count == 0)
        (void)problem_warn(builder->schema.problems,
                           written->named,
                           path,
                           "changes nothing: %s has no action",
                           plugin->face.name);
    schema_refuse_unknown(&builder->schema, &keys, written, path);
    return true;
}

/* What is wrong with the target's own options was told already, and is not told twice. */
static void fill_actor(struct draft *draft, size_t errors_before)
{
    struct schema *schema = &draft->builder->schema;
    const struct probe_plugin *plugin = &draft->target->plugin->face;
    const struct node *written = node_find(draft->map, "act_as");
    const char *path = node_path(schema->memory, draft->path, "act_as");
    if (draft->target->plugin->unread || node_is_absent(written) ||
        !actor_fits(draft, written, path) || schema->problems->errors != errors_before)
        return;
    void *config = arena_new(schema->memory, plugin->config_size);
    const struct node *map = node_merge(schema->memory, draft->map, written);
    schema_fill(schema, plugin->options, map, path, config);
    draft->target->act_as = (struct config_actor){
        .config = config,
        .shown = shown(draft->target, config),
        .written = written,
    };
}

/* Laid over the defaults of its type, in the place of the target itself. */
static const struct node *over_defaults(struct builder *builder, const struct node *written,
                                        const struct plugin *plugin)
{
    const struct node *defaults = node_find(builder->root, "defaults");
    const struct node *own = node_find(defaults, plugin->face.name);
    if (!own || own->kind != NODE_MAP)
        return written;
    struct node *merged = node_merge(builder->schema.memory, own, written);
    merged->key = written->key;
    merged->named = written->named;
    merged->place = written->place;
    return merged;
}

static void build_target(struct builder *builder, const struct node *written, const char *path,
                         struct config_target *target)
{
    struct text TEXT_AUTO resolved;
    text_init(&resolved, YAML_MOST_BYTES);
    const struct plugin *plugin = plugin_of(builder, written, path);
    if (!plugin)
        return;
    struct draft draft = {builder, target, over_defaults(builder, written, plugin), path, {0}};
    *target = (struct config_target){
        .name = written->key,
        .plugin = plugin,
        .place = written->named,
        .written = draft.map,
    };
    builder->schema.resolved = &resolved;
    size_t errors = builder->schema.problems->errors;
    fill_target(&draft);
    fill_actor(&draft, errors);
    add_checks(&draft);
    builder->schema.resolved = NULL;
    digest_target(&draft, &resolved);
    explicit_bzero(resolved.bytes, resolved.len); /* a URL's password may be in it */
}

/* Whether agent.role leaves it to other agents. */
static bool is_elsewhere(const struct builder *builder, const struct config_target *target)
{
    switch (builder->config->agent.role) {
    case ROLE_SIDECAR:
    case ROLE_NODE:
        return target->where != PROBE_NODE;
    case ROLE_CLUSTER:
        return target->where != PROBE_CLUSTER;
    default:
        return false;
    }
}

/* Whether there is something to build; what is wrong or not in force yet is told. */
static bool can_be_built(struct builder *builder, const struct node *written, const char *path)
{
    if (node_is_absent(written) || !config_name_fits(builder, written, path))
        return false;
    if (written->kind != NODE_MAP) {
        struct problem *problem = config_refuse(
            builder, written->place, path, "is %s, not a map", node_kind_name(written));
        problem_hint(problem, "write type: and url: below it");
        return false;
    }
    config_say_reserved(builder, config_reserved_target, NULL, written, path);
    return !node_find(written, "template") && !node_find(written, "each");
}

static void check_defaults(struct builder *builder)
{
    const struct node *defaults = node_find(builder->root, "defaults");
    if (defaults && defaults->kind != NODE_MAP && defaults->kind != NODE_NULL)
        (void)config_refuse(builder, defaults->place, "defaults", "is not a map");
    if (!defaults || defaults->kind != NODE_MAP)
        return;
    node_for_each(own, defaults) {
        const char *path = node_path(builder->schema.memory, "defaults", own->key);
        const struct plugin *plugin = plugin_find(builder->plugins, own->key);
        if (!plugin) {
            (void)refuse_type(builder, own->named, path, own->key);
        } else if (own->kind != NODE_MAP) {
            (void)config_refuse(builder, own->place, path, "is not a map");
        } else {
            const struct schema_keys keys = {
                .tables = {config_target_options, plugin->face.options},
                .words = config_target_words,
            };
            if (!plugin->unread)
                config_refuse_unknown(builder, &keys, config_reserved_target, own, path);
        }
    }
}

void config_build_targets(struct builder *builder)
{
    const struct node *targets = node_find(builder->root, "targets");
    struct config *config = builder->config;
    check_defaults(builder);
    if (!targets || targets->kind == NODE_NULL)
        return;
    if (targets->kind != NODE_MAP) {
        problem_hint(config_refuse(builder, targets->place, "targets", "is not a map"),
                     "write a name and its settings, such as orders-db: {url: ...}");
        return;
    }
    config->targets = arena_array(builder->schema.memory, targets->count, sizeof(*config->targets));
    node_for_each(written, targets) {
        const char *path = node_path(builder->schema.memory, "targets", written->key);
        struct config_target *target = &config->targets[config->target_count];
        if (!can_be_built(builder, written, path))
            continue;
        build_target(builder, written, path, target);
        if (!target->plugin)
            continue;
        if (is_elsewhere(builder, target)) {
            config->elsewhere++;
            *target = (struct config_target){0};
        } else {
            config->target_count++;
        }
    }
}
