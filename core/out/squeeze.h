/*
 * squeeze - gzip and zstd.
 *
 * For the pool: a mebibyte takes gzip some 20 ms, zstd 3.
 *
 * Layer: out.  Uses: base, zlib, libzstd.
 */
#ifndef OUT_SQUEEZE_H
#define OUT_SQUEEZE_H

#include <stdbool.h>

#include "base/text.h"

enum squeeze { SQUEEZE_NONE, SQUEEZE_GZIP, SQUEEZE_ZSTD };

extern const char
    *const squeeze_names[]; /* "none", "gzip", "zstd", NULL: in the order of the enum */
enum squeeze squeeze_find(const char *name);

/* Adds `in`, packed, to `out`; false where that cannot be: it is sent as it is. */
bool squeeze(enum squeeze how, const struct text *in, struct text *out);

#endif
