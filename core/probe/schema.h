/*
 * schema - option tables (struct probe_option): from what was written to filled structs, and to
 * JSON Schema.
 *
 * Everything wrong is told with its place, and filling goes on, so that all is told at once.
 * References (${env:NAME}, ${file:/path}) are put in place where a value is used: a secret keeps
 * its own and reads them again, everything else gets what they say now.
 *
 * Layer: probe.  Uses: base, io/secret, io/tls, probe/node, probe/problem, probe/yaml.
 */
#ifndef PROBE_SCHEMA_H
#define PROBE_SCHEMA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/writer.h"
#include "probe/node.h"
#include "probe/problem.h"
#include "runbookd/probe.h"

enum {
    SCHEMA_MOST_PAIRS = 200,
    SCHEMA_MOST_ITEMS = 1000,
    SCHEMA_MOST_LABELS = 64,
    SCHEMA_LONGEST_LABEL = 1000
};

/* The name of another target, in a PROBE_TARGET; whether it exists is known at the end. */
struct schema_link {
    struct schema_link *next;
    const char *target;
    const char *path;
    struct place place;
};

/* A fallback of more than one value, read once for all that share it. */
struct schema_fallback {
    struct schema_fallback *next;
    const char *text; /* that very string: tables are constants, and options may be copies */
    const struct node *node;
};

/* What filling needs.  The members from `links` on are the results. */
struct schema {
    struct arena *memory; /* owns everything that is filled */
    struct problems *problems;
    bool offline; /* references need not be readable: options that need one are left alone */
    bool lenient; /* keys that are not known are warnings */
    struct schema_fallback *fallbacks;
    struct schema_link *links;
    struct text *resolved; /* what references said, for digests; may be NULL */
};

/*
 * Fills `config`, the zeroed struct of `options`, from `map`.  An option with the fallback "" that
 * was not written leaves its member alone.  Keys of `map` that `options` does not have are left to
 * schema_refuse_unknown().  `path` is what messages begin with.
 */
void schema_fill(struct schema *schema, const struct probe_option *options, const struct node *map,
                 const char *path, void *config);

/* What a map may hold: the keys of up to three tables (NULL: none), and words ended by NULL. */
struct schema_keys {
    const struct probe_option *tables[3];
    const char *const *words;
};
void schema_refuse_unknown(struct schema *schema, const struct schema_keys *keys,
                           const struct node *map, const char *path);

/*
 * The text of a scalar with its references put in place.  NULL where it is none (told, in words
 * that say what was `expected`), or where a reference cannot be read (told, unless offline).
 */
const char *schema_text(struct schema *schema, const struct node *node, const char *path,
                        const char *expected);

/* A map of words, as name, value, ..., NULL; in labels nothing is secret. */
const char *const *schema_labels(struct schema *schema, const struct node *map, const char *path,
                                 const char *const *inherited);

/* A whole URL of text whose references are in place; told where it is none, without its secrets. */
const struct probe_url *schema_url(struct schema *schema, const char *written, const char *text,
                                   struct place place, const char *path);

/* The option of that name, or NULL. */
const struct probe_option *schema_find(const struct probe_option *options, const char *name);

/* Whether some option has neither been written nor a fallback; such a check runs only if named. */
bool schema_has_required(const struct probe_option *options);

/*
 * The members "properties" has for `options`, but for those that `others` (NULL: none) have as
 * well, into an object that the caller has begun ...
 */
void schema_write_properties(const struct probe_option *options, const struct probe_option *others,
                             struct writer *writer);

/* ... and "required", where there are any. */
void schema_write_required(const struct probe_option *options, struct writer *writer);

/*
 * An object, or null, which removes what a file below an overlay has: what is written until
 * schema_end_map() are its properties, and no others are right.  `key` and `description` may be NULL.
 */
void schema_begin_map(struct writer *writer, const char *key, const char *description);
void schema_end_map(struct writer *writer);

#endif
