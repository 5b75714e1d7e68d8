#include "vm/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "vm/pattern.h"
#include "vm/state.h"

/* Of matching: at most some 50 ms; and from how many on the clock is worth asking. */
static const double most_steps = 2e6, many_steps = 1e4;

/* Of searching for plain text: bytes compared at worst. */
static const double most_compared = 64e6;

enum { MANY_ITEMS = 1000, MANY_BYTES = 4096 };

/* ---- guards: each refuses, or goes on in the function it stands before ---- */

static int go_on(lua_State *lua)
{
    return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

static int refuse(lua_State *lua, const char *what, int limit)
{
    return luaL_error(lua, "%s: more than %d", what, limit);
}

/* The bytes of a string matched against a pattern, both by position. */
static void hold_pattern(lua_State *lua, int anchored_at_start)
{
    size_t subject_len, pattern_len;
    const char *subject = luaL_checklstring(lua, 1, &subject_len);
    const char *pattern = luaL_checklstring(lua, 2, &pattern_len);
    if (subject_len > LIBRARY_MAX_SUBJECT)
        refuse(lua, "bytes that a pattern is matched against", LIBRARY_MAX_SUBJECT);
    if (pattern_len > LIBRARY_MAX_PATTERN)
        refuse(lua, "bytes of a pattern", LIBRARY_MAX_PATTERN);
    double steps = pattern_steps(pattern, pattern_len, subject, subject_len, anchored_at_start);
    if (steps > many_steps)
        state_hold_time(lua);
    if (steps > most_steps)
        luaL_error(lua,
                   "the pattern \"%s\" could take too long on %d bytes: anchor it with ^, repeat "
                   "less, or cut the text first",
                   pattern,
                   (int)subject_len);
}

static int guard_find(lua_State *lua)
{
    size_t len, wanted;
    if (!lua_toboolean(lua, 4)) { /* plain */
        hold_pattern(lua, 1);
        return go_on(lua);
    }
    (void)luaL_checklstring(lua, 1, &len);
    (void)luaL_checklstring(lua, 2, &wanted);
    if ((double)len * (double)wanted > most_compared)
        return luaL_error(lua, "the texts are too long to look for one in the other");
    state_hold_time(lua);
    return go_on(lua);
}

static int guard_match(lua_State *lua)
{
    hold_pattern(lua, 1);
    return go_on(lua);
}

static int guard_gmatch(lua_State *lua)
{
    hold_pattern(lua, 0);
    return go_on(lua);
}

static int guard_rep(lua_State *lua)
{
    size_t len;
    (void)luaL_checklstring(lua, 1, &len);
    lua_Integer count = luaL_checkinteger(lua, 2);
    if (count > LIBRARY_MAX_ITEMS) /* repeating "" takes no memory, but time */
        refuse(lua, "repetitions of a string", LIBRARY_MAX_ITEMS);
    if (count > 0 && (lua_Unsigned)count * (len + 1) > MANY_BYTES)
        state_hold_time(lua);
    return go_on(lua);
}

/* What walks a text. */
static int guard_text(lua_State *lua)
{
    size_t len;
    (void)luaL_checklstring(lua, 1, &len);
    if (len > MANY_BYTES)
        state_hold_time(lua);
    return go_on(lua);
}

/* The length of the table at 1, which nothing but its content decides. */
static lua_Integer hold_table(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    if (luaL_getmetafield(lua, 1, "__len") != LUA_TNIL)
        luaL_error(lua, "a table with __len is not accepted here");
    lua_Unsigned len = lua_rawlen(lua, 1);
    if (len > LIBRARY_MAX_ITEMS)
        refuse(lua, "items of a table", LIBRARY_MAX_ITEMS);
    if (len > MANY_ITEMS)
        state_hold_time(lua);
    return (lua_Integer)len;
}

static int guard_table(lua_State *lua)
{
    (void)hold_table(lua);
    return go_on(lua);
}

static void hold_range(lua_State *lua, lua_Integer first, lua_Integer last)
{
    lua_Unsigned steps = first <= last ? (lua_Unsigned)last - (lua_Unsigned)first : 0;
    if (steps >= LIBRARY_MAX_ITEMS)
        refuse(lua, "items of a table", LIBRARY_MAX_ITEMS);
    if (steps > MANY_ITEMS)
        state_hold_time(lua);
}

static int guard_concat(lua_State *lua)
{
    lua_Integer len = hold_table(lua);
    hold_range(lua, luaL_optinteger(lua, 3, 1), luaL_optinteger(lua, 4, len));
    return go_on(lua);
}

static int guard_move(lua_State *lua)
{
    hold_range(lua, luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3));
    return go_on(lua);
}

static int guard_unpack(lua_State *lua)
{
    lua_Integer len = lua_isnoneornil(lua, 3) ? hold_table(lua) : 0;
    hold_range(lua, luaL_optinteger(lua, 2, 1), luaL_optinteger(lua, 3, len));
    return go_on(lua);
}

static int guard_sort(lua_State *lua)
{
    lua_Integer len = hold_table(lua);
    size_t bytes = 0;
    if (len > LIBRARY_MAX_SORTED)
        refuse(lua, "items to sort", LIBRARY_MAX_SORTED);
    for (lua_Integer i = 1; i <= len; i++) { /* two long strings take long to compare */
        if (lua_rawgeti(lua, 1, i) == LUA_TSTRING)
            bytes += lua_rawlen(lua, -1);
        lua_pop(lua, 1);
    }
    if (bytes > LIBRARY_MAX_SORTED_BYTES)
        refuse(lua, "bytes to sort", LIBRARY_MAX_SORTED_BYTES);
    return go_on(lua);
}

/* Finalizers run where no hook does, and __close when a call has ended already. */
static int guard_setmetatable(lua_State *lua)
{
    static const char *const refused[] = {"__gc", "__close"};
    for (size_t i = 0; lua_istable(lua, 2) && i < COUNT_OF(refused); i++) {
        lua_pushstring(lua, refused[i]);
        if (lua_rawget(lua, 2) != LUA_TNIL)
            return luaL_error(lua, "a metatable with %s is not accepted", refused[i]);
        lua_pop(lua, 1);
    }
    return go_on(lua);
}

/* ---- xpcall ---- */

static int end_xpcall(lua_State *lua, int status, lua_KContext unused)
{
    (void)unused;
    if (status == LUA_OK || status == LUA_YIELD) {
        lua_pushboolean(lua, 1);
        lua_replace(lua, 1); /* where the handler was */
        return lua_gettop(lua);
    }
    lua_call(lua, 1, 1); /* handler, error */
    lua_pushboolean(lua, 0);
    lua_insert(lua, -2);
    return 2;
}

/*
 * Lua's own calls the handler where the error is raised: of one raised by a hook, inside the hook,
 * where no other hook runs, and a handler that loops is never stopped (measured).  This one calls
 * it after the stack is unwound.
 */
static int safe_xpcall(lua_State *lua)
{
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_settop(lua, lua_gettop(lua) < 2 ? 2 : lua_gettop(lua));
    lua_pushvalue(lua, 1); /* function, handler, args: handler, function, args */
    lua_copy(lua, 2, 1);
    lua_replace(lua, 2);
    return end_xpcall(lua, lua_pcallk(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0, 0, end_xpcall), 0);
}

/* ---- what is open ---- */

static const struct library {
    const char *name;
    lua_CFunction open;
} libraries[] = {
    {LUA_GNAME, luaopen_base},
    {LUA_STRLIBNAME, luaopen_string},
    {LUA_MATHLIBNAME, luaopen_math},
    {LUA_TABLIBNAME, luaopen_table},
    {LUA_UTF8LIBNAME, luaopen_utf8},
};

/* A function of a library, and what stands before it or in its place; NULL: it is left out. */
static const struct guarded {
    const char *library, *name;
    lua_CFunction guard;
} guarded[] = {
    {LUA_GNAME, "collectgarbage", NULL},
    {LUA_GNAME, "dofile", NULL},
    {LUA_GNAME, "load", NULL},
    {LUA_GNAME, "loadfile", NULL},
    {LUA_GNAME, "print", NULL},
    {LUA_GNAME, "setmetatable", guard_setmetatable},
    {LUA_GNAME, "warn", NULL},
    {LUA_GNAME, "xpcall", safe_xpcall},
    {LUA_STRLIBNAME, "dump", NULL},
    {LUA_STRLIBNAME, "find", guard_find},
    {LUA_STRLIBNAME, "gmatch", guard_gmatch},
    {LUA_STRLIBNAME, "gsub", guard_match},
    {LUA_STRLIBNAME, "lower", guard_text},
    {LUA_STRLIBNAME, "match", guard_match},
    {LUA_STRLIBNAME, "pack", NULL},
    {LUA_STRLIBNAME, "packsize", NULL},
    {LUA_STRLIBNAME, "rep", guard_rep},
    {LUA_STRLIBNAME, "reverse", guard_text},
    {LUA_STRLIBNAME, "unpack", NULL},
    {LUA_STRLIBNAME, "upper", guard_text},
    {LUA_TABLIBNAME, "concat", guard_concat},
    {LUA_TABLIBNAME, "insert", guard_table},
    {LUA_TABLIBNAME, "move", guard_move},
    {LUA_TABLIBNAME, "remove", guard_table},
    {LUA_TABLIBNAME, "sort", guard_sort},
    {LUA_TABLIBNAME, "unpack", guard_unpack},
    {LUA_UTF8LIBNAME, "len", guard_text},
    {LUA_UTF8LIBNAME, "offset", guard_text},
};

static void set_guard(lua_State *lua, const struct guarded *entry)
{
    luaL_getsubtable(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(lua, -1, entry->library);
    if (entry->guard) {
        lua_getfield(lua, -1, entry->name);
        lua_pushcclosure(lua, entry->guard, 1);
    } else {
        lua_pushnil(lua);
    }
    lua_setfield(lua, -2, entry->name);
    lua_pop(lua, 2);
}

void library_open(lua_State *lua)
{
    for (size_t i = 0; i < COUNT_OF(libraries); i++) {
        luaL_requiref(lua, libraries[i].name, libraries[i].open, 1);
        lua_pop(lua, 1);
    }
    for (size_t i = 0; i < COUNT_OF(guarded); i++)
        set_guard(lua, &guarded[i]);
    lua_pushliteral(lua, ""); /* nobody changes what all strings do */
    (void)lua_getmetatable(lua, -1);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
}

/* ---- nil ---- */

static int answer_false(lua_State *lua)
{
    lua_pushboolean(lua, 0);
    return 1;
}

static int answer_nil(lua_State *lua)
{
    lua_pushnil(lua);
    return 1;
}

void library_let_nil_compare(lua_State *lua)
{
    static const char *const to_nil[] = {"__add",
                                         "__sub",
                                         "__mul",
                                         "__div",
                                         "__mod",
                                         "__pow",
                                         "__unm",
                                         "__idiv",
                                         "__concat",
                                         "__len"};
    lua_pushnil(lua);
    lua_createtable(lua, 0, COUNT_OF(to_nil) + 3);
    for (size_t i = 0; i < COUNT_OF(to_nil); i++) {
        lua_pushcfunction(lua, answer_nil);
        lua_setfield(lua, -2, to_nil[i]);
    }
    lua_pushcfunction(lua, answer_false);
    lua_setfield(lua, -2, "__lt");
    lua_pushcfunction(lua, answer_false);
    lua_setfield(lua, -2, "__le");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    (void)lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
}
