#include "probe/node.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct node *node_create(struct arena *arena, enum node_kind kind, struct place place,
                         const char *text)
{
    struct node *node = arena_new(arena, sizeof(*node));
    node->kind = kind;
    node->place = place;
    node->text = text;
    return node;
}

void node_add(struct node *parent, struct node *child)
{
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct node *node_find(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *child = map->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

struct place node_place(const struct node *map, const char *key)
{
    const struct node *child = key ? node_find(map, key) : NULL;
    if (child)
        return child->place;
    return map ? map->place : (struct place){0};
}

bool node_is_scalar(const struct node *node)
{
    return node->kind != NODE_LIST && node->kind != NODE_MAP;
}

bool node_is_true(const struct node *node)
{
    return node->kind == NODE_BOOL && (node->text[0] | 0x20) == 't';
}

const char *node_kind_name(const struct node *node)
{
    static const char *const names[] = {
        [NODE_NULL] = "null",
        [NODE_BOOL] = "a boolean",
        [NODE_INT] = "a number",
        [NODE_REAL] = "a number",
        [NODE_TEXT] = "text",
        [NODE_LIST] = "a list",
        [NODE_MAP] = "a map",
    };
    return node->kind == NODE_NULL && !*node->text ? "empty" : names[node->kind];
}

struct node *node_copy(struct arena *arena, const struct node *node)
{
    struct node *copy = arena_new(arena, sizeof(*copy));
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    copy->count = 0;
    node_for_each(child, node)
        node_add(copy, node_copy(arena, child));
    return copy;
}

static struct node *merged_child(struct arena *arena, const struct node *base,
                                 const struct node *over)
{
    struct node *merged = over ? node_merge(arena, base, over) : node_copy(arena, base);
    merged->covers = over && (base->kind != NODE_MAP || over->kind != NODE_MAP);
    merged->key = base->key;
    merged->named = merged->covers ? over->named : base->named;
    return merged;
}

struct node *node_merge(struct arena *arena, const struct node *base, const struct node *over)
{
    if (base->kind != NODE_MAP || over->kind != NODE_MAP)
        return node_copy(arena, over);
    struct node *merged = node_create(arena, NODE_MAP, base->place, NULL);
    node_for_each(child, base) {
        const struct node *above = node_find(over, child->key);
        if (!above || !node_is_absent(above))
            node_add(merged, merged_child(arena, child, above));
    }
    node_for_each(child, over)
        if (!node_find(base, child->key))
            node_add(merged, node_copy(arena, child));
    return merged;
}

/* ------------------------------------------------------------- scalars ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_integer(const char *text)
{
    const char *digits = "0123456789";
    if (strncmp(text, "0o", 2) == 0 || strncmp(text, "0x", 2) == 0) {
        digits = text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        text += 2;
    } else if (*text == '-' || *text == '+') {
        text++;
    }
    return *text && text[strspn(text, digits)] == '\0';
}

static bool is_infinite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", NULL};
    return is_one_of(text + (*text == '-' || *text == '+'), words);
}

static bool is_real(const char *text)
{
    static const char *const words[] = {".nan", ".NaN", ".NAN", NULL};
    if (is_infinite(text) || is_one_of(text, words))
        return true;
    if (*text == '-' || *text == '+')
        text++;
    size_t whole = strspn(text, "0123456789"), part = 0;
    text += whole;
    if (*text == '.') {
        part = strspn(text + 1, "0123456789");
        text += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text += text[1] == '-' || text[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char)*text))
            return false;
        text += strspn(text, "0123456789");
    }
    return *text == '\0';
}

enum node_kind node_kind_of(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (is_one_of(text, nulls))
        return NODE_NULL;
    if (is_one_of(text, booleans))
        return NODE_BOOL;
    if (is_integer(text))
        return NODE_INT;
    return is_real(text) ? NODE_REAL : NODE_TEXT;
}

double node_real(const char *text)
{
    if (is_infinite(text))
        return *text == '-' ? -INFINITY : INFINITY;
    return strchr(text, 'n') || strchr(text, 'N') ? NAN : strtod(text, NULL);
}

int node_integer(const char *text, int64_t *ret)
{
    bool octal = strncmp(text, "0o", 2) == 0, hex = strncmp(text, "0x", 2) == 0;
    errno = 0;
    long long value = strtoll(octal ? text + 2 : text, NULL, octal ? 8 : hex ? 16 : 10);
    if (errno)
        return -ERANGE;
    *ret = value;
    return 0;
}

/* ---------------------------------------------------------------- JSON ---- */

static struct node *scalar_from_json(struct arena *arena, const json_t *json, struct place place)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return node_create(arena, NODE_TEXT, place, arena_copy(arena, json_string_value(json)));
    case JSON_INTEGER:
        return node_create(arena,
                           NODE_INT,
                           place,
                           arena_print(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(json)));
    case JSON_REAL:
        return node_create(
            arena, NODE_REAL, place, arena_print(arena, "%.17g", json_real_value(json)));
    case JSON_TRUE:
        return node_create(arena, NODE_BOOL, place, "true");
    case JSON_FALSE:
        return node_create(arena, NODE_BOOL, place, "false");
    default:
        return node_create(arena, NODE_NULL, place, "null");
    }
}

static struct node *from_json(struct arena *arena, const json_t *json, struct place place)
{
    if (json_is_object(json)) {
        struct node *map = node_create(arena, NODE_MAP, place, NULL);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)json, key, value) {
            struct node *child = from_json(arena, value, place);
            child->key = arena_copy(arena, key);
            child->named = place;
            node_add(map, child);
        }
        return map;
    }
    if (json_is_array(json)) {
        struct node *list = node_create(arena, NODE_LIST, place, NULL);
        for (size_t i = 0; i < json_array_size(json); i++)
            node_add(list, from_json(arena, json_array_get(json, i), place));
        return list;
    }
    return scalar_from_json(arena, json, place);
}

struct node *node_from_json(struct arena *arena, const json_t *json, const char *origin)
{
    return from_json(arena, json, (struct place){.file = arena_copy(arena, origin)});
}

static int by_key(const void *left, const void *right)
{
    const struct node *a = *(const struct node *const *)left;
    const struct node *b = *(const struct node *const *)right;
    return strcmp(a->key, b->key);
}

static void write_value(const struct node *node, struct writer *writer, const char *key,
                        bool sorted);

static void write_children(const struct node *node, struct writer *writer, bool sorted)
{
    MEM_AUTO const struct node **children = mem_array(node->count, sizeof(*children));
    size_t count = 0;
    node_for_each(child, node)
        children[count++] = child;
    if (sorted && node->kind == NODE_MAP)
        qsort(children, count, sizeof(*children), by_key);
    for (size_t i = 0; i < count; i++)
        write_value(children[i], writer, children[i]->key, sorted);
}

/* JSON has no 0x1F, no +5 and no .5; what is larger than an integer goes out as a real. */
static void write_number(const struct node *node, struct writer *writer, const char *key)
{
    int64_t integer;
    if (node->kind == NODE_INT && node_integer(node->text, &integer) == 0)
        writer_int(writer, key, integer);
    else
        writer_real(
            writer, key, node->kind == NODE_INT ? strtod(node->text, NULL) : node_real(node->text));
}

static void write_value(const struct node *node, struct writer *writer, const char *key,
                        bool sorted)
{
    switch (node->kind) {
    case NODE_MAP:
        writer_object(writer, key);
        write_children(node, writer, sorted);
        writer_end(writer);
        break;
    case NODE_LIST:
        writer_array(writer, key);
        write_children(node, writer, sorted);
        writer_end(writer);
        break;
    case NODE_NULL:
        writer_null(writer, key);
        break;
    case NODE_BOOL:
        writer_bool(writer, key, node_is_true(node));
        break;
    case NODE_TEXT:
        writer_string(writer, key, node->text);
        break;
    default:
        write_number(node, writer, key);
    }
}

void node_write(const struct node *node, struct writer *writer, bool sorted)
{
    write_value(node, writer, NULL, sorted);
}

const char *node_path(struct arena *arena, const char *path, const char *key)
{
    return path && *path ? arena_print(arena, "%s.%s", path, key) : arena_copy(arena, key);
}
