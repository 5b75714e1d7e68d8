/*
 * pack - numbers and bytes one after the other, from one process of this program to another.
 *
 *     pack_int(&text, 42); pack_string(&text, "path");
 *     number = unpack_int(&from); path = unpack_string(&from);
 *
 * Both ends are the same program on the same machine, so there is no version and no byte order.
 * What was cut off on its way unpacks as zeros and empty strings, and `short_of` says so.
 *
 * Layer: io.  Uses: base.
 */
#ifndef IO_PACK_H
#define IO_PACK_H

#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct unpack {
    const char *at, *end;
    bool short_of;
};

static inline void pack_int(struct text *text, int64_t value)
{
    text_add_n(text, &value, sizeof(value));
}

static inline void pack_bytes(struct text *text, const char *bytes, size_t len)
{
    pack_int(text, (int64_t)len);
    text_add_n(text, bytes, len);
    text_add_char(text, '\0');
}

/* NULL arrives as the empty string. */
static inline void pack_string(struct text *text, const char *string)
{
    pack_bytes(text, string ? string : "", string ? strlen(string) : 0);
}

static inline int64_t unpack_int(struct unpack *from)
{
    int64_t value = 0;
    if ((size_t)(from->end - from->at) < sizeof(value)) {
        from->short_of = true;
        return 0;
    }
    memcpy(&value, from->at, sizeof(value));
    from->at += sizeof(value);
    return value;
}

/* Points into what is unpacked; ended by a NUL byte as well. */
static inline const char *unpack_bytes(struct unpack *from, size_t *ret_len)
{
    uint64_t len = (uint64_t)unpack_int(from);
    const char *bytes = from->at;
    *ret_len = 0;
    if (from->short_of || len >= (size_t)(from->end - from->at)) {
        from->short_of = true;
        return "";
    }
    from->at += len + 1;
    *ret_len = (size_t)len;
    return bytes;
}

static inline const char *unpack_string(struct unpack *from)
{
    size_t len;
    return unpack_bytes(from, &len);
}

#endif
