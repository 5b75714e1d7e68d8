/*
 * schema_collection - options that hold several values: lists, pairs, items, JSON.
 *
 * Layer: probe.  Part of probe/schema.
 */
#include <string.h>

#include "base/text.h"
#include "io/secret.h"
#include "probe/schema_fill.h"
#include "probe/yaml.h"

bool schema_is_kind(struct schema *schema, const struct node *node, enum node_kind kind,
                    const char *path, const char *expected)
{
    if (node->kind == kind)
        return true;
    struct problem *problem = schema_refuse_kind(schema, node, path, expected);
    if (kind == NODE_LIST && node_is_scalar(node) && node->kind != NODE_NULL)
        problem_hint(problem, "write [%s]", node->text);
    return false;
}

bool schema_holds_at_most(struct schema *schema, const struct node *node, size_t most,
                          const char *path)
{
    if (node->count <= most)
        return true;
    (void)problem_add(
        schema->problems, node->place, path, "holds %zu values, more than %zu", node->count, most);
    return false;
}

void fill_list(struct schema *schema, const struct written *written, void *to)
{
    const struct node *list = written->node;
    if (!schema_is_kind(schema, list, NODE_LIST, written->path, "a list such as [a, b]"))
        return;
    const char **items = arena_array(schema->memory, list->count + 1, sizeof(*items));
    size_t count = 0;
    node_for_each(child, list) {
        struct written item = {written->option, child, written->path};
        const char *text = NULL;
        fill_string(schema, &item, &text);
        if (text)
            items[count++] = text;
    }
    *(const char *const **)to = items;
}

void fill_pairs(struct schema *schema, const struct written *written, void *to)
{
    const struct node *map = written->node;
    if (!schema_is_kind(schema, map, NODE_MAP, written->path, "a map such as {name: value}") ||
        !schema_holds_at_most(schema, map, SCHEMA_MOST_PAIRS, written->path))
        return;
    struct probe_pair *pairs = arena_array(schema->memory, map->count + 1, sizeof(*pairs));
    size_t count = 0;
    node_for_each(child, map) {
        struct written value = {
            written->option, child, node_path(schema->memory, written->path, child->key)};
        struct probe_pair *pair = &pairs[count];
        if (child->kind == NODE_TEXT && secret_has_reference(child->text))
            pair->secret = schema_secret(schema, child->text, child->place, value.path);
        else
            fill_string(schema, &value, &pair->value);
        if (!pair->secret && !pair->value)
            continue;
        pair->name = child->key;
        count++;
    }
    *(const struct probe_pair **)to = pairs;
}

/* One struct of the option's nested table, with its keys held to it. */
static void fill_struct(struct schema *schema, const struct probe_option *option,
                        const struct node *map, const char *path, void *to)
{
    if (!schema_is_kind(schema, map, NODE_MAP, path, "a map"))
        return;
    schema_fill(schema, option->nested, map, path, to);
    schema_refuse_unknown(schema, &(struct schema_keys){.tables = {option->nested}}, map, path);
}

void fill_items(struct schema *schema, const struct written *written, void *to)
{
    const struct node *list = written->node;
    const struct probe_option *option = written->option;
    if (!schema_is_kind(schema, list, NODE_LIST, written->path, "a list of maps") ||
        !schema_holds_at_most(schema, list, SCHEMA_MOST_ITEMS, written->path))
        return;
    char *items = arena_array(schema->memory, list->count + 1, option->item_size);
    size_t count = 0;
    node_for_each(child, list) {
        const char *path = arena_print(schema->memory, "%s[%zu]", written->path, count);
        fill_struct(schema, option, child, path, items + count++ * option->item_size);
    }
    *(struct probe_items *)to = (struct probe_items){items, count};
}

void fill_named(struct schema *schema, const struct written *written, void *to)
{
    const struct node *map = written->node;
    const struct probe_option *option = written->option;
    if (!schema_is_kind(schema, map, NODE_MAP, written->path, "a map of maps: {name: {...}}") ||
        !schema_holds_at_most(schema, map, SCHEMA_MOST_ITEMS, written->path))
        return;
    char *items = arena_array(schema->memory, map->count + 1, option->item_size);
    size_t count = 0;
    node_for_each(child, map) {
        char *item = items + count++ * option->item_size;
        *(const char **)(void *)item = child->key;
        fill_struct(
            schema, option, child, node_path(schema->memory, written->path, child->key), item);
    }
    *(struct probe_items *)to = (struct probe_items){items, count};
}

void fill_group(struct schema *schema, const struct written *written, void *to)
{
    void *group = arena_new(schema->memory, written->option->item_size);
    fill_struct(schema, written->option, written->node, written->path, group);
    *(const void **)to = group;
}

/* Whether every reference is one that we know; what is JSON may hold others, for others to read. */
static bool is_for_us(const char *text)
{
    for (const char *at = strstr(text, "${"); at; at = strstr(at + 2, "${")) {
        bool escape = at > text && at[-1] == '$';
        if (!escape && strncmp(at, "${env:", 6) != 0 && strncmp(at, "${file:", 7) != 0 &&
            !secret_is_foreign(at))
            return false;
    }
    return true;
}

static void put_references(struct schema *schema, struct node *node, const char *path)
{
    if (node->kind == NODE_TEXT && strstr(node->text, "${") && is_for_us(node->text)) {
        const char *text = schema_text(schema, node, path, "text");
        node->text = text ? text : node->text;
    }
    for (struct node *child = node->first; child; child = child->next)
        put_references(schema, child, path);
}

void fill_json(struct schema *schema, const struct written *written, void *to)
{
    struct node *copy = node_copy(schema->memory, written->node);
    struct text TEXT_AUTO text;
    struct writer writer;
    put_references(schema, copy, written->path);
    text_init(&text, YAML_MOST_BYTES);
    writer_init(&writer, &text);
    node_write(copy, &writer, false);
    if (text.cut)
        (void)schema_refuse(schema, written, "is too long");
    else
        *(const char **)to = arena_copy(schema->memory, text.bytes);
}
