#include "probe/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/digest.h"
#include "probe/config_parts.h"
#include "probe/yaml.h"

/* -------------------------------------------------------------- shared ---- */

/* Whether it was not said before; notes that it is. */
static bool is_news(struct builder *builder, const struct config_reserved *reserved)
{
    for (size_t i = 0; i < builder->said_count; i++)
        if (builder->said[i] == reserved)
            return false;
    if (builder->said_count < COUNT_OF(builder->said))
        builder->said[builder->said_count++] = reserved;
    return true;
}

void config_say_reserved(struct builder *builder, const struct config_reserved *reserved,
                         const struct probe_option *options, const struct node *map,
                         const char *path)
{
    for (; reserved->name; reserved++) {
        const struct node *node = node_find(map, reserved->name);
        if (!node || node->kind == NODE_NULL || schema_find(options, reserved->name) ||
            !is_news(builder, reserved))
            continue;
        (void)problem_warn(builder->schema.problems,
                           node->named,
                           node_path(builder->schema.memory, path, reserved->name),
                           "not in force yet: %s",
                           reserved->instead);
    }
}

void config_refuse_unknown(struct builder *builder, const struct schema_keys *keys,
                           const struct config_reserved *reserved, const struct node *map,
                           const char *path)
{
    const char *words[64] = {NULL};
    struct schema_keys all = *keys;
    size_t count = 0;
    for (; keys->words && keys->words[count] && count < COUNT_OF(words) - 1; count++)
        words[count] = keys->words[count];
    for (; reserved->name && count < COUNT_OF(words) - 1; reserved++)
        words[count++] = reserved->name;
    all.words = words;
    schema_refuse_unknown(&builder->schema, &all, map, path);
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    if (len > CONFIG_LONGEST_NAME || !isalnum((unsigned char)*name))
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.')
            return false;
    return true;
}

bool config_name_fits(struct builder *builder, const struct node *node, const char *path)
{
    if (is_name(node->key))
        return true;
    problem_hint(config_refuse(builder, node->named, path, "cannot be a name"),
                 "use at most %d letters, digits, -, _ and ., the first a letter or digit",
                 CONFIG_LONGEST_NAME);
    return false;
}

/* "1", "0.10", "0.1.3" */
static bool is_version(const char *text)
{
    for (; isdigit((unsigned char)*text); text++) {
        text += strspn(text, "0123456789");
        if (*text != '.')
            return !*text;
    }
    return false;
}

static void refuse_version(struct builder *builder, const struct node *node, const char *path)
{
    problem_hint(config_refuse(builder, node->place, path, "is not a version"),
                 "write it like \"0.1\"");
}

bool config_version_before(const char *version, const char *other)
{
    while (*version || *other) {
        char *end = NULL, *other_end = NULL;
        unsigned long a = strtoul(version, &end, 10), b = strtoul(other, &other_end, 10);
        if (a != b)
            return a < b;
        version = *end == '.' ? end + 1 : "";
        other = *other_end == '.' ? other_end + 1 : "";
    }
    return false;
}

/* --------------------------------------------------------------- agent ---- */

static enum config_role role_of(const char *word)
{
    if (!word)
        return ROLE_ANY;
    return strcmp(word, "sidecar") == 0 ? ROLE_SIDECAR
           : strcmp(word, "node") == 0  ? ROLE_NODE
                                        : ROLE_CLUSTER;
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static void build_agent(struct builder *builder)
{
    const struct node *written = node_find(builder->root, "agent");
    struct schema *schema = &builder->schema;
    struct agent_words words = {.emit = "changes"};
    struct config_agent *agent = &builder->config->agent;
    struct node *map = node_create(schema->memory, NODE_MAP, builder->root->place, NULL);
    if (written && written->kind == NODE_MAP)
        map = node_copy(schema->memory, written);
    else if (written && written->kind != NODE_NULL)
        (void)config_refuse(builder, written->place, "agent", "is not a map");
    schema_fill(schema, config_agent_options, map, "agent", &words);
    config_refuse_unknown(
        builder,
        &(struct schema_keys){.tables = {config_agent_options}, .words = config_agent_words},
        config_reserved_agent,
        map,
        "agent");
    config_say_reserved(builder, config_reserved_agent, NULL, map, "agent");
    *agent = words.agent;
    agent->realm = *agent->realm ? agent->realm : "default";
    agent->role = role_of(words.role);
    agent->emit_all = strcmp(words.emit, "all") == 0;
    agent->node = or_null(agent->node);
    agent->control = or_null(agent->control);
    agent->pod = or_null(arena_copy(schema->memory, getenv("POD_NAME")));
    agent->labels = schema_labels(schema, node_find(map, "labels"), "agent.labels", NULL);
    if (agent->state && *agent->state != '/')
        (void)config_refuse(
            builder, node_place(map, "state"), "agent.state", "is not an absolute path");
    if (agent->control && strcmp(agent->control, "off") != 0 && *agent->control != '/')
        problem_hint(
            config_refuse(
                builder, node_place(map, "control"), "agent.control", "is not an absolute path"),
            "write the path of a socket, or off");
    if (agent->checks_as_of && !is_version(agent->checks_as_of))
        refuse_version(builder, node_find(map, "checks_as_of"), "agent.checks_as_of");
    config_read_connectivity(builder, map);
    config_read_admin(builder, map);
    config_read_otlp(builder, map);
}

/* ----------------------------------------------------------- the whole ---- */

/* A role of several replicas without a lease is a herd. */
static void warn_of_replicas(struct builder *builder)
{
    const struct node *agent = node_find(builder->root, "agent");
    if (builder->config->agent.role == ROLE_CLUSTER && !node_find(agent, "lease"))
        (void)problem_warn(builder->schema.problems,
                           node_place(agent, "role"),
                           "agent.role",
                           "without a lease every process of this role asks its targets: run one "
                           "replica");
}

void config_warn_of_herd(const struct config *config, struct problems *problems)
{
    const struct config_target *first = NULL;
    size_t count = 0;
    for (size_t i = config->target_count; i-- > 0;)
        if (config->targets[i].where == PROBE_CLUSTER && config->targets[i].network) {
            first = &config->targets[i];
            count++;
        }
    if (!first || config->agent.role != ROLE_ANY || config->agent.lease.target)
        return;
    MEM_AUTO char *key = mem_print("targets.%s", first->name);
    MEM_AUTO char *others = count == 1 ? mem_copy("") : mem_print(" and %zu more", count - 1);
    problem_hint(problem_warn(problems,
                              first->place,
                              key,
                              "each process with this configuration asks it%s: fifty sidecars are "
                              "fifty pollers",
                              others),
                 "agent.lease, so that one of them asks for all; or agent.role: cluster in one of "
                 "them and sidecar or node in the others, or scope: node where each is to ask");
}

static void check_version(struct builder *builder)
{
    const struct node *version = node_find(builder->root, "version");
    if (version && (version->kind != NODE_INT || strcmp(version->text, "1") != 0))
        problem_hint(
            config_refuse(
                builder, version->place, "version", "this agent reads version 1 of the language"),
            "write version: 1");
    const struct node *requires = node_find(builder->root, "requires");
    const char *needs = builder->needs->version;
    if (node_is_absent(requires))
        return;
    if (!node_is_scalar(requires) || !is_version(requires->text)) {
        refuse_version(builder, requires, "requires");
    } else if (needs && config_version_before(needs, requires->text)) {
        builder->schema.lenient = true;
        (void)problem_warn(builder->schema.problems,
                           requires->place,
                           "requires",
                           "this is runbookd %s: keys that it does not know are left out",
                           needs);
    }
}

static void check_links(struct builder *builder)
{
    const struct node *targets = node_find(builder->root, "targets");
    for (const struct schema_link *link = builder->schema.links; link; link = link->next) {
        if (node_find(targets, link->target))
            continue;
        MEM_AUTO const char **names = mem_array((targets ? targets->count : 0) + 1, sizeof(*names));
        size_t count = 0;
        for (const struct node *node = targets ? targets->first : NULL; node; node = node->next)
            names[count++] = node->key;
        struct problem *problem = config_refuse(
            builder, link->place, link->path, "there is no target \"%s\"", link->target);
        problem_hint_words(problem, link->target, names);
    }
}

static void digest_root(struct builder *builder)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, (size_t)64 << 20);
    writer_init(&writer, &text);
    node_write(builder->root, &writer, true);
    digest_text(&text, sizeof(builder->config->digest) - 1, builder->config->digest);
}

static void build_all(struct builder *builder)
{
    const struct node *root = builder->root;
    if (root->kind != NODE_MAP) {
        (void)config_refuse(builder, root->place, NULL, "is not a map");
        return;
    }
    check_version(builder);
    config_refuse_unknown(
        builder, &(struct schema_keys){.words = config_top_words}, config_reserved_top, root, "");
    config_say_reserved(builder, config_reserved_top, NULL, root, "");
    build_agent(builder);
    config_build_targets(builder);
    config_build_sinks(builder);
    config_read_silences(builder);
    check_links(builder);
    config_read_exec(builder);
    config_read_lease(builder);
    config_check_needs(builder);
    warn_of_replicas(builder);
    digest_root(builder);
}

/* Takes `arena` over, in which `root` lies; a NULL `root` was told already. */
static struct config *build(struct arena *arena, const struct node *root, size_t errors_before,
                            const struct plugins *plugins, const struct config_needs *needs,
                            struct problems *problems)
{
    struct config *config = arena_new(arena, sizeof(*config));
    struct builder builder = {
        .config = config,
        .schema = {.memory = arena, .problems = problems, .offline = needs->offline},
        .plugins = plugins,
        .needs = needs,
        .root = root,
    };
    config->memory = arena;
    config->root = root;
    if (root)
        build_all(&builder);
    if (root && problems->errors == errors_before)
        return config;
    config_destroy(config);
    return NULL;
}

struct config *config_load(const char *const *paths, size_t count, const struct plugins *plugins,
                           const struct config_needs *needs, struct problems *problems)
{
    struct arena *arena = arena_create();
    size_t errors = problems->errors;
    const struct node *root = config_source(arena, paths, count, problems);
    if (root && root->count == 0)
        problem_hint(problem_add(problems, root->place, "", "the configuration is empty"),
                     "write at least: targets: {NAME: {type: PLUGIN, url: \"...\"}}");
    return build(arena, root, errors, plugins, needs, problems);
}

struct config *config_parse(const char *name, const char *bytes, size_t len,
                            const struct plugins *plugins, const struct config_needs *needs,
                            struct problems *problems)
{
    struct arena *arena = arena_create();
    size_t errors = problems->errors;
    const struct node *root = yaml_read(arena, name, bytes, len, problems);
    return build(arena, root, errors, plugins, needs, problems);
}

struct config *config_build(json_t *root, const char *origin, const struct plugins *plugins,
                            const struct config_needs *needs, struct problems *problems)
{
    struct arena *arena = arena_create();
    const struct node *tree = node_from_json(arena, root, origin);
    json_decref(root);
    return build(arena, tree, problems->errors, plugins, needs, problems);
}

struct config *config_hold(struct config *config)
{
    config->held++;
    return config;
}

void config_destroy(struct config *config)
{
    if (config && config->held-- == 0)
        arena_destroy(config->memory);
}

size_t config_count_checks(const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->target_count; i++)
        count += config->targets[i].check_count;
    return count;
}
