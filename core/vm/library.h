/*
 * library - what a state offers of Lua's standard library, and the guards around it.
 *
 * Left out: what reaches the system (io, os, package, debug), what makes code (load, dofile,
 * string.dump), coroutines, the collector, print and binary packing.  An instruction hook does not
 * run inside a C function, so each C function that a few bytes of script could keep busy for long
 * is guarded: it refuses first, with a sentence that says the limit.
 *
 * Layer: vm.  Uses: Lua.
 */
#ifndef VM_LIBRARY_H
#define VM_LIBRARY_H

#include <lua.h>

enum {
    LIBRARY_MAX_ITEMS = 65536, /* of a table that a table function walks, of string.rep's count */
    LIBRARY_MAX_SORTED = 10000,
    LIBRARY_MAX_SORTED_BYTES = 1 << 20,
    LIBRARY_MAX_SUBJECT = 65536, /* bytes that a pattern is matched against */
    LIBRARY_MAX_PATTERN = 256
};

/* Opens base, string, math, table and utf8.  Raises where memory runs out. */
void library_open(lua_State *lua);

/* nil compares false and does arithmetic to nil; calling and indexing it still raise. */
void library_let_nil_compare(lua_State *lua);

#endif
