/*
 * value - JSON into Lua and back.
 *
 * Into Lua: an object's null is an absent key, a list's null is json.null; a list keeps that it is one, so
 * that an empty one goes back as [].  Back: a table is a list where it was one, or has nothing but
 * 1 ... n; an empty table is {}.  Members go out sorted, so that equal tables are equal texts.
 * Metamethods are not asked.
 *
 * Layer: lua.  Uses: base, vm, Lua, jansson.
 */
#ifndef LUA_VALUE_H
#define LUA_VALUE_H

#include <jansson.h>
#include <lua.h>
#include <stddef.h>

#include "base/writer.h"

enum {
    VALUE_DEEPEST = 32,
    VALUE_MEMBERS = 1000,        /* of a table that is no list */
    VALUE_LONGEST = 64 * 1024,   /* of a text that is written */
    VALUE_LONGEST_READ = 1 << 18 /* ... and one that is read, since it is parsed on the loop */
};

/* Pushes one value.  Raises where memory runs out: only inside a protected call. */
void value_push(lua_State *lua, const json_t *json);

/* The same for one that is handed over: it is freed, also where this raises. */
void value_push_own(lua_State *lua, json_t *json);

/* Marks the table at the top as a list. */
void value_mark_list(lua_State *lua);

/* Writes the value at `index`; NULL, or what is wrong with it.  Raises nothing. */
const char *value_write(lua_State *lua, int index, struct writer *writer, const char *key);

/* The value as JSON, freed by free(); NULL, and why in `*ret_wrong`.  Raises nothing. */
char *value_print(lua_State *lua, int index, const char **ret_wrong);

/* Pushes the table of json.encode, json.decode, json.list and json.null. */
void value_open(lua_State *lua);

#endif
