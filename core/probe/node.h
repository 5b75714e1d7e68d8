/*
 * node - what was written in a configuration, as a tree that knows where each value stands.
 *
 * A tree of our own and no jansson one: true, false and null are single objects there, which can
 * have no place, and "0.10" would have become 0.1.  All nodes belong to an arena.
 *
 * Layer: probe.  Uses: base, probe/problem.
 */
#ifndef PROBE_NODE_H
#define PROBE_NODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/writer.h"
#include "probe/problem.h"

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_REAL, NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    struct place place;
    const char *text; /* of a scalar, as it was written; of null: "" where nothing was */
    struct node *first, *last;
    size_t count;       /* of a list or a map */
    struct node *next;  /* the sibling after this one */
    const char *key;    /* in a map; otherwise NULL */
    struct place named; /* where the key stands */
    bool covers;        /* laid over another value, which it has replaced */
};

struct node *node_create(struct arena *arena, enum node_kind kind, struct place place,
                         const char *text);

/* What a scalar without quotes is, by YAML 1.2's core schema. */
enum node_kind node_kind_of(const char *text);

/* The number that such a scalar stands for; of an integer zero, or -ERANGE. */
double node_real(const char *text);
int node_integer(const char *text, int64_t *ret);

/* Adds at the end.  In a map the caller has set key and place of the name, and sees to doubles. */
void node_add(struct node *parent, struct node *child);

/* The value of `key`, or NULL; NULL also where `map` is none. */
struct node *node_find(const struct node *map, const char *key);

/* Where the value of `key` stands, or, where there is none, the map itself. */
struct place node_place(const struct node *map, const char *key);

bool node_is_scalar(const struct node *node);
/* Not there, or a null that was written as such: in a layer of its own both mean the same. */
static inline bool node_is_absent(const struct node *node)
{
    return !node || (node->kind == NODE_NULL && *node->text);
}

bool node_is_true(const struct node *node); /* the boolean, not the word */

/* "a map", "a list", "text", "true": for messages. */
const char *node_kind_name(const struct node *node);

/* A copy that shares the texts. */
struct node *node_copy(struct arena *arena, const struct node *node);

/*
 * A new tree: `over` laid upon `base`.  Maps merge, lists and scalars replace, and a null that was
 * written as such removes; one that came of an empty value stays, to be refused where it stands.
 */
struct node *node_merge(struct arena *arena, const struct node *base, const struct node *over);

/* From a tree made by ourselves; every value stands in `origin`, without a line. */
struct node *node_from_json(struct arena *arena, const json_t *json, const char *origin);

/* As JSON.  `sorted`: the keys of maps by name, so that equal maps are written equally. */
void node_write(const struct node *node, struct writer *writer, bool sorted);

/* "orders-db.url": a key's way from the root, made in the arena; `path` may be empty. */
const char *node_path(struct arena *arena, const char *path, const char *key);

/*
 * The one way to go through a map's or a list's children:
 *     node_for_each(child, node) ...
 */
#define node_for_each(child_, node_)                                                               \
    for (const struct node *child_ = (node_)->first; child_; child_ = child_->next)

#endif
