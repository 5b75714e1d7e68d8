/*
 * yaml - one file's YAML, or JSON, as a tree of nodes.
 *
 * YAML 1.2's core scalars: only true and false are booleans, so that `on`, `off`, `yes` and `no`
 * stay words; what is quoted is text.  Anchors and aliases are expanded, within bounds.  Refused,
 * each with its place: merge keys `<<`, tags, keys that are no words, the same key twice in a map
 * (naming both places), a second document, more than 64 levels, 8 MiB or 500,000 values.
 *
 * Layer: probe.  Uses: base, libyaml, probe/node, probe/problem.
 */
#ifndef PROBE_YAML_H
#define PROBE_YAML_H

#include <stddef.h>

#include "base/arena.h"
#include "probe/node.h"
#include "probe/problem.h"

enum {
    YAML_MOST_BYTES = 8 << 20,
    YAML_MOST_VALUES = 500000,
    YAML_MOST_KEYS = 10000, /* of one map */
    YAML_DEEPEST = 64
};

/*
 * The root of what `bytes` hold; a map without keys where that is nothing.  NULL where it could not
 * be read to its end; errors in what could be read are added and reading goes on, so that all are
 * found at once.  `file` is what places say; the tree keeps nothing of `bytes`.
 */
struct node *yaml_read(struct arena *arena, const char *file, const char *bytes, size_t len,
                       struct problems *problems);

#endif
