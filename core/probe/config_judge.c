/*
 * config_judge - what is said of a check, and when: "active", "depends_on", and the agent's
 * "connectivity".
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "base/mem.h"
#include "io/resolve.h"
#include "probe/config_parts.h"
#include "probe/hours_read.h"

enum { MOST_NEEDS = 100, MOST_REFERENCES = 16, CHECKED = 1 };

/* Something written, with its way from the root. */
struct place_of {
    struct builder *builder;
    const struct node *node;
    const char *path;
};

/* The value of `key` below `map`. */
static struct place_of below(const struct place_of *map, const char *key)
{
    return (struct place_of){map->builder,
                             node_find(map->node, key),
                             node_path(map->builder->schema.memory, map->path, key)};
}

#define refuse(of_, ...) config_refuse((of_)->builder, (of_)->node->place, (of_)->path, __VA_ARGS__)

/* A scalar's text, or NULL where it is absent or, told, none. */
static const char *text_of(const struct place_of *of, const char *expected)
{
    if (node_is_absent(of->node))
        return NULL;
    return schema_text(&of->builder->schema, of->node, of->path, expected);
}

/* Of a list each item, of anything else itself. */
typedef void each_fn(const struct place_of *of, const char *text, void *data);
static void for_each(const struct place_of *of, const char *expected, each_fn *each, void *data)
{
    const struct node *node = of->node;
    bool list = node->kind == NODE_LIST;
    for (const struct node *item = list ? node->first : node; item;
         item = list ? item->next : NULL) {
        const struct place_of here = {of->builder, item, of->path};
        const char *text = schema_text(&of->builder->schema, item, of->path, expected);
        if (text)
            each(&here, text, data);
    }
}

/* ---------------------------------------------------------------- active ---- */

static const struct hours *read_active(const struct place_of *of)
{
    static const char *const words[] = {"hours", "days", "tz", NULL};
    struct schema *schema = &of->builder->schema;
    struct hours *hours = arena_new(schema->memory, sizeof(*hours));
    if (of->node->kind != NODE_MAP) {
        problem_hint(refuse(of, "is %s, not a map", node_kind_name(of->node)),
                     "write it like {hours: \"07:00-23:00\", days: MON-FRI, tz: Europe/London}");
        return NULL;
    }
    schema_refuse_unknown(schema, &(struct schema_keys){.words = words}, of->node, of->path);
    hours_read(schema, of->node, of->path, hours);
    return hours;
}

/* ------------------------------------------------------------ depends_on ---- */

/* The needs of a check, while they are read. */
struct wants {
    const struct config_target *target;
    struct config_check *check;
    struct config_need *needs;
    bool own; /* written for this check, not for its target */
};

static void add_need(const struct place_of *of, const char *text, void *data)
{
    struct wants *wants = data;
    struct config_check *check = wants->check;
    struct arena *memory = of->builder->schema.memory;
    const char *slash = strchr(text, '/');
    const char *target =
        slash ? arena_copy_n(memory, text, (size_t)(slash - text)) : wants->target->name;
    const char *name = slash ? slash + 1 : text;
    bool itself = strcmp(target, wants->target->name) == 0 && strcmp(name, check->name) == 0;
    if (itself && !wants->own)
        return; /* the target's other checks wait for this one */
    wants->needs[check->need_count++] = (struct config_need){
        .target = target, .name = name, .path = of->path, .place = of->node->place};
}

static void read_needs(const struct place_of *of, struct wants *wants)
{
    size_t count = of->node->kind == NODE_LIST ? of->node->count : 1;
    if (count > MOST_NEEDS) {
        (void)refuse(of, "names %zu checks, more than %d", count, MOST_NEEDS);
        return;
    }
    wants->needs = arena_array(of->builder->schema.memory, count, sizeof(*wants->needs));
    wants->check->needs = wants->needs;
    for_each(of, "a check such as orders-db/connect", add_need, wants);
}

/* Its own words, else its target's. */
static struct place_of own_or_targets(const struct place_of *map, const struct place_of *target,
                                      const char *key)
{
    const struct place_of own = below(map, key);
    return node_is_absent(own.node) ? below(target, key) : own;
}

void config_read_judgement(struct builder *builder, const struct config_target *target,
                           const struct node *map, const char *path, struct config_check *check)
{
    const struct place_of own = {builder, map, path};
    const struct place_of outer = {
        builder, target->written, node_path(builder->schema.memory, "targets", target->name)};
    struct wants wants = {.target = target, .check = check};
    const struct place_of active = own_or_targets(&own, &outer, "active");
    const struct place_of needs = own_or_targets(&own, &outer, "depends_on");
    if (active.node && !node_is_absent(active.node))
        check->active = read_active(&active);
    wants.own = needs.node && needs.node == node_find(map, "depends_on");
    if (needs.node && !node_is_absent(needs.node))
        read_needs(&needs, &wants);
}

static const struct config_target *find_target(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}

static struct config_check *find_check(const struct config_target *target, const char *name)
{
    for (size_t i = 0; target && i < target->check_count; i++)
        if (strcmp(target->checks[i].name, name) == 0)
            return &target->checks[i];
    return NULL;
}

static void refuse_need(struct builder *builder, const struct config_need *need)
{
    const struct config *config = builder->config;
    MEM_AUTO const char **names = mem_array(config_count_checks(config) + 1, sizeof(*names));
    struct arena *memory = builder->schema.memory;
    size_t count = 0;
    for (size_t i = 0; i < config->target_count; i++)
        for (size_t check = 0; check < config->targets[i].check_count; check++)
            names[count++] = arena_print(
                memory, "%s/%s", config->targets[i].name, config->targets[i].checks[check].name);
    const char *full = arena_print(memory, "%s/%s", need->target, need->name);
    problem_hint_words(
        config_refuse(builder, need->place, need->path, "there is no check \"%s\"", full),
        full,
        names);
}

static void find_need(struct builder *builder, struct config_need *need)
{
    const struct config_target *target = find_target(builder->config, need->target);
    need->check = find_check(target, need->name);
    if (need->check)
        return;
    if (target && target->plugin->unread)
        return; /* what it has cannot be known */
    if (!target && node_find(node_find(builder->root, "targets"), need->target))
        (void)problem_warn(builder->schema.problems,
                           need->place,
                           need->path,
                           "%s is not watched by this agent: it is not waited for",
                           need->target);
    else
        refuse_need(builder, need);
}

/* A way through what waits for what. */
struct way {
    const struct way *before;
    const struct config_need *need; /* what led here; NULL: nothing that is written */
    const struct config_target *target;
    struct config_check *check;
};

/* `way` leads back to `again`, by `need`, or by what led to its end where that is not written. */
static void refuse_circle(struct builder *builder, const struct way *way,
                          const struct config_need *need, const struct way *again)
{
    const char *circle = "";
    for (const struct way *step = way;; step = step->before) {
        circle = arena_print(
            builder->schema.memory, "%s/%s, %s", step->target->name, step->check->name, circle);
        if (step == again)
            break;
    }
    need = need ? need : way->need;
    problem_hint(config_refuse(builder,
                               need->place,
                               need->path,
                               "goes in a circle: %s%s/%s",
                               circle,
                               again->target->name,
                               again->check->name),
                 "let what is more basic wait for nothing");
}

static void walk(struct builder *builder, const struct way *way);

/* One step further, unless it is where we have been. */
static void step(struct builder *builder, const struct way *way, const struct config_need *need,
                 const struct config_target *target, struct config_check *check)
{
    const struct way *been = way;
    if (check->seen == CHECKED)
        return;
    while (been && been->check != check)
        been = been->before;
    if (been)
        refuse_circle(builder, way, need, been);
    else
        walk(builder, &(struct way){way, need, target, check});
}

/* In depth.  Every check waits for its target's connect too. */
static void walk(struct builder *builder, const struct way *way)
{
    struct config_check *check = way->check;
    struct config_check *connect = find_check(way->target, "connect");
    for (size_t i = 0; i < check->need_count; i++) {
        const struct config_need *need = &check->needs[i];
        if (need->check)
            step(builder, way, need, find_target(builder->config, need->target), need->check);
    }
    if (connect && connect != check)
        step(builder, way, NULL, way->target, connect);
    check->seen = CHECKED;
}

void config_check_needs(struct builder *builder)
{
    const struct config *config = builder->config;
    bool some = false;
    for (size_t i = 0; i < config->target_count; i++) {
        for (size_t at = 0; at < config->targets[i].check_count; at++) {
            struct config_check *check = &config->targets[i].checks[at];
            for (size_t need = 0; need < check->need_count; need++)
                find_need(builder, (struct config_need *)&check->needs[need]);
            some = some || check->need_count;
        }
    }
    for (size_t i = 0; some && i < config->target_count; i++)
        for (size_t at = 0; at < config->targets[i].check_count; at++)
            if (config->targets[i].checks[at].seen != CHECKED)
                walk(
                    builder,
                    &(struct way){NULL, NULL, &config->targets[i], &config->targets[i].checks[at]});
}

/* ---------------------------------------------------------- connectivity ---- */

static const struct probe_measure sights[] = {
    {"reached", "reference addresses that answer", .kind = PROBE_GAUGE},
    {"of", "reference addresses that there are", .kind = PROBE_GAUGE},
    {0},
};

static void release(void *condition)
{
    condition_release(condition);
}

static void add_reference(const struct place_of *of, const char *text, void *data)
{
    static const char form[] = "write it like dns://NAME, tcp://HOST:PORT or https://HOST/PATH";
    struct config_connectivity *connectivity = data;
    const struct probe_url *url =
        schema_url(&of->builder->schema, of->node->text, text, of->node->place, of->path);
    if (!url)
        return;
    bool dns = strcmp(url->scheme, "dns") == 0, tcp = strcmp(url->scheme, "tcp") == 0;
    bool http = strcmp(url->scheme, "https") == 0 || strcmp(url->scheme, "http") == 0;
    bool path = url->path && *url->path && strcmp(url->path, "/") != 0;
    if (!(dns || tcp || http) || !url->host || !*url->host || (dns && url->port) ||
        (tcp && !url->port) || (path && !http))
        problem_hint(refuse(of, "is no reference address"), "%s", form);
    else if (dns && resolve_numeric(url->host))
        problem_hint(refuse(of, "is an address already, and asks no name server"), "name a host");
    else
        connectivity->references[connectivity->reference_count++] = url;
}

static void read_isolated_when(const struct place_of *of, struct config_connectivity *connectivity)
{
    struct error error = {0};
    struct measures measures;
    const char *text = text_of(of, "a condition such as reached < 2");
    struct place place = node_is_absent(of->node) ? (struct place){0} : of->node->place;
    if (!text && !node_is_absent(of->node))
        return;
    measures_init(&measures, sights);
    connectivity->isolated_when = condition_compile(text ? text : "reached < 1", &measures, &error);
    measures_finish(&measures);
    if (connectivity->isolated_when) {
        arena_own(of->builder->schema.memory, connectivity->isolated_when, release);
        return;
    }
    struct problem *problem = config_refuse(of->builder, place, of->path, "%s", error.message);
    if (*error.hint)
        problem_hint(problem, "%s", error.hint);
}

void config_read_connectivity(struct builder *builder, const struct node *agent)
{
    static const char *const words[] = {"references", "isolated_when", NULL};
    struct config_connectivity *connectivity = &builder->config->agent.connectivity;
    const struct place_of map = {builder, node_find(agent, "connectivity"), "agent.connectivity"};
    if (node_is_absent(map.node))
        return;
    if (map.node->kind != NODE_MAP) {
        problem_hint(
            refuse(&map, "is %s, not a map", node_kind_name(map.node)),
            "write it like {references: [\"tcp://10.0.0.1:53\"], isolated_when: reached < 1}");
        return;
    }
    schema_refuse_unknown(
        &builder->schema, &(struct schema_keys){.words = words}, map.node, map.path);
    const struct place_of references = below(&map, "references"),
                          when = below(&map, "isolated_when");
    if (node_is_absent(references.node) || references.node->kind != NODE_LIST ||
        references.node->count == 0 || references.node->count > MOST_REFERENCES) {
        problem_hint(config_refuse(builder,
                                   node_place(map.node, "references"),
                                   references.path,
                                   "is no list of 1 to %d addresses",
                                   MOST_REFERENCES),
                     "write it like [\"dns://example.org\", \"tcp://10.0.0.1:53\"]");
        return;
    }
    connectivity->references = arena_array(
        builder->schema.memory, references.node->count, sizeof(*connectivity->references));
    for_each(&references, "an address such as tcp://10.0.0.1:53", add_reference, connectivity);
    read_isolated_when(&when, connectivity);
}

/* ------------------------------------------------------------- network ---- */

/* Whether a host is this machine whatever its network does. */
static bool is_here(const char *host)
{
    size_t len = strlen(host), local = strlen(".localhost");
    return !*host || *host == '/' || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && resolve_numeric(host) == 4) ||
           (len > local && strcmp(host + len - local, ".localhost") == 0);
}

/* The member of a target's option, if its plugin has one of that name and type. */
static const void *member_of(const struct config_target *target, const char *name,
                             enum probe_type type)
{
    const struct probe_option *option = schema_find(target->plugin->face.options, name);
    return option && option->type == type ? (const char *)target->config + option->offset : NULL;
}

/* "10.0.0.2:53" and "[fd00::2]:53" without their ports. */
static bool is_server_here(const char *server)
{
    const char *colon = strchr(server, ':');
    bool bracket = *server == '[', port = colon && !strchr(colon + 1, ':');
    size_t len = bracket ? strcspn(server, "]") : port ? (size_t)(colon - server) : strlen(server);
    MEM_AUTO char *host = mem_copy_n(server + bracket, len - bracket);
    return is_here(host);
}

/* By its url; else by its `servers`, of which none means that they stand elsewhere. */
bool config_needs_network(const struct config_target *target)
{
    const struct probe_url *const *url = member_of(target, "url", PROBE_URL);
    const char *const *const *servers = member_of(target, "servers", PROBE_LIST);
    if (url && *url)
        return (*url)->host && !is_here((*url)->host);
    if (!servers)
        return false;
    bool any = false, all_here = true;
    for (const char *const *server = *servers; server && *server; server++) {
        any = true;
        all_here = all_here && is_server_here(*server);
    }
    return !any || !all_here;
}
