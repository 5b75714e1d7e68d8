/*
 * json_path - a value inside a JSON document: "data.items[0].name".
 *
 * Names are separated by points, places in arrays stand in brackets; a name with a point in it is
 * written ["spring.db"].  A leading "json." is passed over, so that a capture may be written as it
 * is said.  Pure.
 *
 * Layer: plugins/common; includes the C library and jansson only.
 */
#ifndef COMMON_JSON_PATH_H
#define COMMON_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Whether it is written as above. */
bool json_path_is(const char *path);

/* The value there, borrowed from `root`; NULL: there is none. */
const json_t *json_path_find(const json_t *root, const char *path);

/*
 * A value as text: a string as it is, numbers and true, false, null as JSON writes them, what has
 * parts as compact JSON; cut to the room.
 */
void json_path_print(const json_t *value, char *out, size_t room);

#endif
