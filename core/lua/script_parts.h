/*
 * script_parts - what the files of lua/script share: reading the table that a script returns.
 *
 *     script.c        the table as a whole
 *     script_fits.c   held against plugins
 *     script_with.c   its `with`: from a declaration to options, and from those to values
 *
 * Layer: lua.  Only for script*.c.
 */
#ifndef LUA_SCRIPT_PARTS_H
#define LUA_SCRIPT_PARTS_H

#include <lua.h>

#include "lua/script.h"

struct declaration;

/* A script while it is read. */
struct reading {
    struct arena *memory;
    struct problems *problems;
    lua_State *lua;
    struct script *script;
    struct declaration *declaration; /* of an option */
    bool typed;                      /* the table at the top has a type at 1 */
};

#define script_refuse(reading_, key_, ...)                                                         \
    problem_add(                                                                                   \
        (reading_)->problems, (struct place){(reading_)->script->path, 0, 0}, (key_), __VA_ARGS__)

/* Calls `fn` for each member of the table at the top, by name; other keys are told to be wrong. */
typedef void reading_fn(struct reading *reading, const char *name, const char *key);
void reading_each(struct reading *reading, const char *key, reading_fn *fn);

/* The text at the top, in the arena; NULL where it is none, which is told. */
const char *reading_text(struct reading *reading, const char *key, const char *expected);

/* A name of lower-case letters, digits and _; told where it is none. */
bool reading_name_fits(struct reading *reading, const char *name, const char *key);

/* Reads the declaration at the top, of `with`. */
void reading_options(struct reading *reading);

#endif
