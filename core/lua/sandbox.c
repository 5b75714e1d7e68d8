#include "lua/sandbox.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/value.h"

/* Their addresses are keys of the registry. */
static char libs_key, loaded_key, closed_key;

/* --------------------------------------------------------------- freezing ---- */

static int refuse_change(lua_State *lua)
{
    return luaL_error(lua,
                      "globals and libraries cannot be changed here: write local %s",
                      lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "name");
}

/* Over what was moved out, so that pairs() still finds it. */
static int next_of(lua_State *lua)
{
    lua_settop(lua, 2);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_replace(lua, 1);
    return lua_next(lua, 1) ? 2 : (lua_pushnil(lua), 1);
}

static int pairs_of(lua_State *lua)
{
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_pushcclosure(lua, next_of, 1);
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

/*
 * Assignments to a name that is there ask no metamethod, so the table is emptied: what it held
 * is found behind it.
 */
void sandbox_freeze(lua_State *lua)
{
    int table = lua_gettop(lua);
    luaL_checkstack(lua, 8, "freezing");
    lua_newtable(lua);
    int behind = table + 1;
    lua_pushnil(lua);
    while (lua_next(lua, table)) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, behind);
        lua_pushvalue(lua, -1);
        lua_pushnil(lua);
        lua_rawset(lua, table);
    }
    lua_createtable(lua, 0, 4);
    lua_pushvalue(lua, behind);
    lua_setfield(lua, -2, "__index");
    lua_pushvalue(lua, behind);
    lua_pushcclosure(lua, pairs_of, 1);
    lua_setfield(lua, -2, "__pairs");
    lua_pushcfunction(lua, refuse_change);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    (void)lua_setmetatable(lua, table);
    lua_settop(lua, table);
}

static int freeze_all(lua_State *lua)
{
    static const char *const tables[] = {"string", "math", "table", "utf8", "json"};
    lua_pushglobaltable(lua);
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        if (lua_getfield(lua, -1, tables[i]) == LUA_TTABLE)
            sandbox_freeze(lua);
        lua_pop(lua, 1);
    }
    sandbox_freeze(lua);
    lua_pushboolean(lua, 1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &closed_key);
    return 0;
}

/* ---------------------------------------------------------------- require ---- */

static const struct source *find_source(const struct sources *sources, const char *name)
{
    for (size_t i = 0; sources && i < sources->count; i++)
        if (strcmp(sources->all[i].name, name) == 0)
            return &sources->all[i];
    return NULL;
}

static int is_open(lua_State *lua)
{
    int open = lua_rawgetp(lua, LUA_REGISTRYINDEX, &closed_key) == LUA_TNIL;
    lua_pop(lua, 1);
    return open;
}

/* Leaves the module; loaded[name] is false while it is being loaded. */
static void load_module(lua_State *lua, const struct source *source, int loaded)
{
    const char *chunk = lua_pushfstring(lua, "=lib/%s", source->name);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, loaded, source->name);
    if (luaL_loadbufferx(lua, source->text, source->len, chunk, "t") != LUA_OK)
        (void)lua_error(lua);
    lua_call(lua, 0, 1);
    if (lua_isnil(lua, -1))
        luaL_error(lua, "lib/%s returns nothing: end it with return", source->name);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, loaded, source->name);
}

static int require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    if (!is_open(lua))
        return luaL_error(lua, "require belongs at the top of a script, not into run");
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &libs_key);
    const struct source *source = find_source(lua_touserdata(lua, -1), name);
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &loaded_key);
    int loaded = lua_gettop(lua);
    if (!source)
        return luaL_error(
            lua, "there is no \"%s\" in scripts/lib, the one place to require from", name);
    int type = lua_getfield(lua, loaded, name);
    if (type == LUA_TBOOLEAN && !lua_toboolean(lua, -1))
        return luaL_error(lua, "lib/%s requires itself", name);
    if (type == LUA_TNIL)
        load_module(lua, source, loaded);
    return 1;
}

bool sandbox_required(struct state *state, const char *name)
{
    lua_State *lua = state_lua(state);
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &loaded_key);
    lua_pushnil(lua);
    bool required = false;
    while (!required && lua_next(lua, -2)) { /* a field by its name might need a new string */
        required = strcmp(lua_tostring(lua, -2), name) == 0;
        lua_pop(lua, required ? 2 : 1);
    }
    lua_pop(lua, 1);
    return required;
}

/* ---------------------------------------------------------------- opening ---- */

static int open_all(lua_State *lua)
{
    value_open(lua);
    lua_setglobal(lua, "json");
    lua_pushcfunction(lua, require);
    lua_setglobal(lua, "require");
    lua_pushnil(lua); /* it would get past what holds the globals */
    lua_setglobal(lua, "rawset");
    lua_newtable(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &loaded_key);
    lua_pushlightuserdata(lua, lua_touserdata(lua, 1));
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &libs_key);
    return 0;
}

static int run(struct state *state, const struct source *source, const struct sources *libs,
               lua_CFunction more, void *data, struct error *error)
{
    lua_State *lua = state_lua(state);
    lua_pushcfunction(lua, open_all);
    lua_pushlightuserdata(lua, (void *)libs);
    int status = state_call(state, 1, 0, error);
    if (status == 0 && more) {
        lua_pushcfunction(lua, more);
        lua_pushlightuserdata(lua, data);
        status = state_call(state, 1, 0, error);
    }
    status = status ? status : state_load(state, source->text, source->len, source->name, error);
    return status ? status : state_call(state, 0, 1, error);
}

struct state *sandbox_run(const struct source *source, const struct sources *libs,
                          const struct state_limits *limits, lua_CFunction more, void *data,
                          struct error *error)
{
    struct state *state = state_create(limits);
    if (run(state, source, libs, more, data, error) == 0)
        return state;
    state_destroy(state);
    return NULL;
}

/* Holds it to a table, and closes what it may change. */
static int close_up(struct state *state, struct error *error)
{
    lua_State *lua = state_lua(state);
    if (!lua_istable(lua, 1)) {
        (void)error_set(error, -EINVAL, "it returns no table, but %s", luaL_typename(lua, 1));
        return error_hint(error,
                          "end it with return {summary = ..., run = function(agent, finding, with) "
                          "... end}");
    }
    lua_pushcfunction(lua, freeze_all);
    return state_call(state, 0, 0, error);
}

struct state *sandbox_open(const struct source *source, const struct sources *libs,
                           struct error *error)
{
    static const struct state_limits limits = {.instructions = 10000000, .cpu_ms = SANDBOX_LOAD_MS};
    struct state *state = sandbox_run(source, libs, &limits, NULL, NULL, error);
    if (!state || close_up(state, error) == 0)
        return state;
    state_destroy(state);
    return NULL;
}
