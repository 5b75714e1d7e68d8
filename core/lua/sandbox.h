/*
 * sandbox - what a script finds when it is loaded, and what it cannot change afterwards.
 *
 * Beside what vm/library leaves of the standard library there are json and require, which finds
 * the sources of scripts/lib alone, and only while the script is loaded: so what a script is made of is
 * known when it has been.  After that all globals and the tables of the libraries are read-only.
 * Nothing here reaches a target: verbs come as an argument of run().
 *
 * Layer: lua.  Uses: base, vm, lua/value.
 */
#ifndef LUA_SANDBOX_H
#define LUA_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "vm/state.h"

enum { SANDBOX_LOAD_MS = 50 }; /* of processor time, for a script's top level */

/* A file of Lua. */
struct source {
    const char *name; /* "kill_idle", of scripts/lib as require() has it: "sessions" */
    const char *text;
    size_t len;
};

struct sources {
    const struct source *all;
    size_t count;
};

/*
 * Runs `source` in a new state, with json and require, and leaves what it returned at 1.  `more` (NULL: nothing)
 * is called before that, with `data` as a light userdata at 1, to add globals.  NULL and an error where it does
 * not compile, raises or runs too long.
 */
struct state *sandbox_run(const struct source *source, const struct sources *libs,
                          const struct state_limits *limits, lua_CFunction more, void *data,
                          struct error *error);

/* The same for a script, whose table is at 1, and whose globals are read-only from now on. */
struct state *sandbox_open(const struct source *source, const struct sources *libs,
                           struct error *error);

/* Whether the script has required `name`. */
bool sandbox_required(struct state *state, const char *name);

/* For bindings: makes the table at the top read-only, in its place.  Raises where memory runs out. */
void sandbox_freeze(lua_State *lua);

#endif
