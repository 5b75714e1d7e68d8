/*
 * function - what a condition may call: abs, min, max, floor, duration, one_of.
 *
 * Each with its types, for the text, and its code, for Lua.  None raises over what its check lets
 * pass; nil comes in where a measure is absent, and goes out, except of one_of.
 *
 * Layer: probe.  Uses: base, Lua, probe/part.
 */
#ifndef PROBE_FUNCTION_H
#define PROBE_FUNCTION_H

#include <lua.h>
#include <stddef.h>

#include "base/error.h"
#include "probe/part.h"

enum { FUNCTION_MOST_ARGUMENTS = 100 };

struct function {
    const char *name;
    size_t fewest, most; /* arguments */
    /* Sets `*ret_part` to what the call may yield; or -EINVAL, and what is wrong. */
    int (*check)(struct error *error, const struct part *args, size_t count, struct part *ret_part);
    lua_CFunction call;
};

/* Ended by { 0 }. */
extern const struct function functions[];

/* Of that name, or NULL. */
const struct function *function_find(const struct token *name);

#endif
