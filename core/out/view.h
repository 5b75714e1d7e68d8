/*
 * view - the members of an event's line, found without parsing it into a tree.
 *
 * For encodings: a member is a piece of the line, JSON already, and most of them go out as they
 * came in.  Lines are ours, so there is no white space between members; whatever else comes (a
 * damaged spool) is not an object, and is said so, never read beyond its end.  What a receiver
 * answers goes through view_dense() first.
 *
 * Layer: out.  Uses: base.
 */
#ifndef OUT_VIEW_H
#define OUT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A piece of JSON: a whole value.  NULL `at`: there is none. */
struct view {
    const char *at;
    size_t len;
};

/* Goes through an object's members, or a list's items: zeroed but for `rest`, the whole. */
struct view_walk {
    struct view rest;
    struct view key; /* without its quotes, escapes as they are; of an item: none */
    struct view value;
    bool begun, list;
};

/* The next member; false: there is none, or it is no JSON any more. */
bool view_next(struct view_walk *walk);

/* The next line of NDJSON: `rest` moves on behind it; false: there is none. */
bool view_line(struct view *rest, struct view *ret_line);

/* The value of a member of an object; `at` is NULL where there is none. */
struct view view_member(struct view object, const char *key);

bool view_is_object(struct view value);
bool view_is_string(struct view value);
bool view_equals(struct view value, const char *json); /* the same JSON, byte for byte */

/* Adds somebody else's JSON, as the others here read it: without white space between members. */
void view_dense(const char *json, size_t len, struct text *out);

/* Adds a string's text with its escapes undone; false: it is no string. */
bool view_add_text(struct view value, struct text *out);

/* An integer; `otherwise` where it is none. */
int64_t view_int(struct view value, int64_t otherwise);

/* Milliseconds since 1970 of "2026-11-21T02:58:02.118Z"; zero where it is none, or before. */
int64_t view_time(struct view value);

#endif
