/*
 * writer - JSON written as it goes, without a tree.
 *
 *     struct writer writer;
 *     writer_init(&writer, &text);
 *     writer_object(&writer, NULL);
 *     writer_int(&writer, "used", 96);
 *     writer_end(&writer);
 *
 * Commas and escapes are the writer's.  A key is NULL inside arrays and at the top.  Text that is
 * not UTF-8 goes out with U+FFFD in place of each wrong byte, so what comes out is always JSON.
 * What does not fit the text is cut: ask text->cut at the end, and cut back to where it was whole.
 *
 * Layer: base.
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { WRITER_DEEPEST = 72 };

struct writer {
    struct text *text;
    unsigned depth;
    bool filled[WRITER_DEEPEST]; /* whether a comma is due at this depth */
    char closer[WRITER_DEEPEST];
};

/* Writes to the end of `text`, which stays the caller's. */
void writer_init(struct writer *writer, struct text *text);

void writer_object(struct writer *writer, const char *key);
void writer_array(struct writer *writer, const char *key);
void writer_end(struct writer *writer); /* closes the innermost object or array */

void writer_string(struct writer *writer, const char *key, const char *value); /* NULL: null */
void writer_string_n(struct writer *writer, const char *key, const char *value, size_t len);
void writer_int(struct writer *writer, const char *key, int64_t value);
void writer_real(struct writer *writer, const char *key, double value); /* NaN, infinite: null */
void writer_bool(struct writer *writer, const char *key, bool value);
void writer_null(struct writer *writer, const char *key);
void writer_time(struct writer *writer, const char *key, int64_t wall_ms); /* RFC 3339, UTC */

/* `json` must be one JSON value already. */
void writer_raw(struct writer *writer, const char *key, const char *json);
void writer_raw_n(struct writer *writer, const char *key, const char *json, size_t len);

#endif
