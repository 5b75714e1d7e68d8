#include "probe/schema.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "probe/schema_fill.h"
#include "probe/yaml.h"

/* ------------------------------------------------------------- options ---- */

static schema_filler_fn *const fillers[] = {
    [PROBE_STRING] = fill_string,
    [PROBE_SECRET] = fill_secret,
    [PROBE_BOOL] = fill_bool,
    [PROBE_INT] = fill_int,
    [PROBE_REAL] = fill_real,
    [PROBE_DURATION] = fill_duration,
    [PROBE_BYTES] = fill_bytes,
    [PROBE_LIST] = fill_list,
    [PROBE_URL] = fill_url,
    [PROBE_TLS] = fill_tls,
    [PROBE_PAIRS] = fill_pairs,
    [PROBE_ITEMS] = fill_items,
    [PROBE_JSON] = fill_json,
    [PROBE_RATE] = fill_rate,
    [PROBE_TARGET] = fill_target,
    [PROBE_NAMED] = fill_named,
    [PROBE_GROUP] = fill_group,
};

static const struct node *read_fallback(struct schema *schema, const struct probe_option *option)
{
    struct schema_fallback *known = schema->fallbacks;
    while (known && known->text != option->fallback)
        known = known->next;
    if (known)
        return known->node;
    known = arena_new(schema->memory, sizeof(*known));
    *known = (struct schema_fallback){
        .next = schema->fallbacks,
        .text = option->fallback,
        .node = yaml_read(schema->memory,
                          "a fallback",
                          option->fallback,
                          strlen(option->fallback),
                          schema->problems),
    };
    schema->fallbacks = known;
    return known->node;
}

/*
 * Fills what an option is that nobody wrote, as if it had been: flow YAML for what is more than one
 * value.  Thousands of checks have the same ones, so that nothing is kept of one value but itself.
 */
static void fill_fallback(struct schema *schema, const struct probe_option *option,
                          const char *path, void *to)
{
    struct node one = {.kind = NODE_TEXT, .text = option->fallback};
    const struct node *node = &one;
    switch (option->type) {
    case PROBE_BOOL:
    case PROBE_INT:
    case PROBE_REAL:
        one.kind = node_kind_of(option->fallback);
        break;
    case PROBE_LIST:
    case PROBE_TLS:
    case PROBE_PAIRS:
    case PROBE_ITEMS:
    case PROBE_NAMED:
    case PROBE_GROUP:
    case PROBE_JSON:
        node = read_fallback(schema, option);
        break;
    default:
        break;
    }
    if (node)
        fillers[option->type](schema, &(struct written){option, node, path}, to);
}

static void fill_option(struct schema *schema, const struct probe_option *option,
                        const struct node *map, const char *path, void *to)
{
    const struct node *node = node_find(map, option->name);
    if (option->type < PROBE_STRING || option->type >= COUNT_OF(fillers))
        return; /* of a later version of the contract, which the loader has refused */
    if (option->fallback && *option->fallback && (node_is_absent(node) || schema->offline))
        fill_fallback(schema, option, path, to);
    if (node_is_absent(node) && option->fallback)
        return;
    const char *own_path = node_path(schema->memory, path, option->name);
    if (node_is_absent(node))
        (void)problem_add(schema->problems,
                          map->place,
                          own_path,
                          option->help ? "is missing: %s" : "is missing",
                          option->help);
    else
        fillers[option->type](schema, &(struct written){option, node, own_path}, to);
}

void schema_fill(struct schema *schema, const struct probe_option *options, const struct node *map,
                 const char *path, void *config)
{
    for (const struct probe_option *option = options; option && option->name; option++)
        fill_option(schema, option, map, path, (char *)config + option->offset);
}

const struct probe_option *schema_find(const struct probe_option *options, const char *name)
{
    for (const struct probe_option *option = options; option && option->name; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return NULL;
}

bool schema_has_required(const struct probe_option *options)
{
    for (const struct probe_option *option = options; option && option->name; option++)
        if (!option->fallback)
            return true;
    return false;
}

/* -------------------------------------------------------- unknown keys ---- */

/* All the words that `keys` knows, ended by NULL, to be freed. */
static const char **known_words(const struct schema_keys *keys)
{
    const char **words = NULL;
    size_t count = 0;
    for (size_t t = 0; t < COUNT_OF(keys->tables); t++)
        for (const struct probe_option *o = keys->tables[t]; o && o->name; o++) {
            words = mem_resize(words, (count + 2) * sizeof(*words));
            words[count++] = o->name;
        }
    for (size_t i = 0; keys->words && keys->words[i]; i++) {
        words = mem_resize(words, (count + 2) * sizeof(*words));
        words[count++] = keys->words[i];
    }
    words = mem_resize(words, (count + 1) * sizeof(*words));
    words[count] = NULL;
    return words;
}

static bool is_word(const char *const *words, const char *word)
{
    return words[schema_index_of(words, word)] != NULL;
}

static void refuse_key(struct schema *schema, const char *const *words, const struct node *child,
                       const char *path)
{
    const char *own_path = node_path(schema->memory, path, child->key);
    struct problem *problem =
        schema->lenient
            ? problem_warn(schema->problems, child->named, own_path, "is not known to this version")
            : problem_add(schema->problems, child->named, own_path, "is not known here");
    problem_hint_words(problem, child->key, words);
}

void schema_refuse_unknown(struct schema *schema, const struct schema_keys *keys,
                           const struct node *map, const char *path)
{
    MEM_AUTO const char **words = known_words(keys);
    node_for_each(child, map)
        if (!is_word(words, child->key))
            refuse_key(schema, words, child, path);
}

/* -------------------------------------------------------------- labels ---- */

static size_t count_strings(const char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

static const char **label_of(const char **labels, const char *name)
{
    for (; *labels; labels += 2)
        if (strcmp(*labels, name) == 0)
            break;
    return labels;
}

const char *const *schema_labels(struct schema *schema, const struct node *map, const char *path,
                                 const char *const *inherited)
{
    if (node_is_absent(map) ||
        !schema_is_kind(schema, map, NODE_MAP, path, "a map such as {team: platform}") ||
        !schema_holds_at_most(schema, map, SCHEMA_MOST_LABELS, path))
        return inherited;
    size_t before = count_strings(inherited);
    const char **labels = arena_array(schema->memory, before + 2 * map->count + 1, sizeof(*labels));
    if (before)
        memcpy(labels, inherited, before * sizeof(*labels));
    node_for_each(child, map) {
        static const struct probe_option label = {"", PROBE_STRING, 0};
        struct written value = {&label, child, node_path(schema->memory, path, child->key)};
        const char *text = NULL;
        fill_string(schema, &value, &text);
        if (strlen(child->key) + strlen(text ? text : "") > SCHEMA_LONGEST_LABEL)
            (void)schema_refuse(schema, &value, "is longer than %d bytes", SCHEMA_LONGEST_LABEL);
        const char **at = label_of(labels, child->key);
        at[0] = child->key;
        at[1] = text ? text : "";
    }
    return labels;
}
