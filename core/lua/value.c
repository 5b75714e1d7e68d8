#include "lua/value.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "vm/state.h"

/* Its address is the key of the metatable that lists have, and json.null. */
static char list_key, null_key;

static bool is_null(lua_State *lua, int index)
{
    return lua_islightuserdata(lua, index) && lua_touserdata(lua, index) == &null_key;
}

/* ------------------------------------------------------------- into Lua ---- */

void value_mark_list(lua_State *lua)
{
    if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &list_key) == LUA_TNIL) {
        lua_pop(lua, 1);
        lua_createtable(lua, 0, 1);
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
        lua_pushvalue(lua, -1);
        lua_rawsetp(lua, LUA_REGISTRYINDEX, &list_key);
    }
    (void)lua_setmetatable(lua, -2);
}

static void push(lua_State *lua, const json_t *json, unsigned depth);

static void push_list(lua_State *lua, const json_t *json, unsigned depth)
{
    size_t count = json_array_size(json);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, i);
        if (json_is_null(item))
            lua_pushlightuserdata(lua, &null_key);
        else
            push(lua, item, depth + 1);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    value_mark_list(lua);
}

static void push_object(lua_State *lua, const json_t *json, unsigned depth)
{
    const char *key;
    json_t *member;
    lua_createtable(lua, 0, (int)json_object_size(json));
    json_object_foreach((json_t *)json, key, member) {
        if (json_is_null(member))
            continue;
        lua_pushstring(lua, key);
        push(lua, member, depth + 1);
        lua_rawset(lua, -3);
    }
}

static void push(lua_State *lua, const json_t *json, unsigned depth)
{
    if (depth > VALUE_DEEPEST)
        luaL_error(lua, "the JSON is nested deeper than %d", (int)VALUE_DEEPEST);
    luaL_checkstack(lua, 8, "JSON");
    switch (json ? json_typeof(json) : JSON_NULL) {
    case JSON_OBJECT:
        push_object(lua, json, depth);
        break;
    case JSON_ARRAY:
        push_list(lua, json, depth);
        break;
    case JSON_STRING:
        lua_pushlstring(lua, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        lua_pushinteger(lua, json_integer_value(json));
        break;
    case JSON_REAL:
        lua_pushnumber(lua, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(lua, json_is_true(json));
        break;
    default:
        lua_pushnil(lua);
        break;
    }
}

void value_push(lua_State *lua, const json_t *json)
{
    push(lua, json, 0);
}

/* ----------------------------------------------------------- out of Lua ---- */

struct out {
    lua_State *lua;
    struct writer *writer;
    unsigned depth;
};

static const char *write_any(struct out *out, int index, const char *key);

/* How many items; -1: it is no list. */
static lua_Integer list_length(lua_State *lua, int table)
{
    bool marked = false;
    lua_Integer count = 0;
    if (lua_getmetatable(lua, table)) {
        (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &list_key);
        marked = lua_rawequal(lua, -1, -2) && !lua_isnil(lua, -1);
        lua_pop(lua, 2);
    }
    lua_pushnil(lua);
    while (lua_next(lua, table)) {
        lua_pop(lua, 1);
        if (!lua_isinteger(lua, -1)) {
            lua_pop(lua, 1);
            return -1;
        }
        count++;
    }
    return (lua_Unsigned)count == lua_rawlen(lua, table) && (count > 0 || marked) ? count : -1;
}

static const char *write_list(struct out *out, int table, const char *key, lua_Integer count)
{
    const char *wrong = NULL;
    writer_array(out->writer, key);
    for (lua_Integer i = 1; i <= count && !wrong && !out->writer->text->cut; i++) {
        (void)lua_rawgeti(out->lua, table, i);
        wrong = write_any(out, lua_gettop(out->lua), NULL);
        lua_pop(out->lua, 1);
    }
    writer_end(out->writer);
    return wrong;
}

struct member {
    const char *name;
    int at; /* on the stack, which keeps the name alive */
};

static int by_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    return strcmp(one->name, other->name);
}

/* Leaves the keys on the stack. */
static const char *take_keys(lua_State *lua, int table, struct member *members, size_t *ret_count)
{
    size_t count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, table)) {
        lua_pop(lua, 1);
        if (lua_type(lua, -1) != LUA_TSTRING)
            return "a table has keys that are no text, and is no list";
        if (count == VALUE_MEMBERS || !lua_checkstack(lua, 8))
            return "a table has more than 1000 members";
        members[count].name = lua_tostring(lua, -1);
        if (strlen(members[count].name) != lua_rawlen(lua, -1))
            return "a key holds a zero byte";
        members[count++].at = lua_gettop(lua);
        lua_pushvalue(lua, -1); /* lua_next takes this one */
    }
    *ret_count = count;
    return NULL;
}

static const char *write_object(struct out *out, int table, const char *key)
{
    lua_State *lua = out->lua;
    struct member *members = mem_array(VALUE_MEMBERS, sizeof(*members));
    int top = lua_gettop(lua);
    size_t count = 0;
    const char *wrong = take_keys(lua, table, members, &count);
    qsort(members, count, sizeof(*members), by_name);
    writer_object(out->writer, key);
    for (size_t i = 0; i < count && !wrong && !out->writer->text->cut; i++) {
        lua_pushvalue(lua, members[i].at);
        (void)lua_rawget(lua, table);
        wrong = write_any(out, lua_gettop(lua), members[i].name);
        lua_pop(lua, 1);
    }
    writer_end(out->writer);
    lua_settop(lua, top);
    free(members);
    return wrong;
}

static const char *write_table(struct out *out, int table, const char *key)
{
    if (out->depth == VALUE_DEEPEST)
        return "a table is nested too deep, or holds itself";
    if (!lua_checkstack(out->lua, 8))
        return "there is no memory left";
    out->depth++;
    lua_Integer count = list_length(out->lua, table);
    const char *wrong =
        count >= 0 ? write_list(out, table, key, count) : write_object(out, table, key);
    out->depth--;
    return wrong;
}

/* A whole number goes out as one, however Lua keeps it: 40 / 2 is 20. */
static const char *write_number(struct out *out, int index, const char *key)
{
    char digits[40];
    double real = lua_tonumber(out->lua, index);
    if (lua_isinteger(out->lua, index))
        writer_int(out->writer, key, lua_tointeger(out->lua, index));
    else if (!isfinite(real))
        return "a number is infinite, or none";
    else if (real == floor(real) && fabs(real) <= 9007199254740992.0)
        writer_int(out->writer, key, (int64_t)real);
    else {
        (void)snprintf(digits, sizeof(digits), "%.14g", real);
        writer_raw(out->writer, key, digits);
    }
    return NULL;
}

static const char *write_any(struct out *out, int index, const char *key)
{
    lua_State *lua = out->lua;
    size_t len;
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
        writer_null(out->writer, key);
        return NULL;
    case LUA_TBOOLEAN:
        writer_bool(out->writer, key, lua_toboolean(lua, index));
        return NULL;
    case LUA_TNUMBER:
        return write_number(out, index, key);
    case LUA_TSTRING: {
        const char *string = lua_tolstring(lua, index, &len);
        writer_string_n(out->writer, key, string, len);
        return NULL;
    }
    case LUA_TTABLE:
        return write_table(out, index, key);
    default:
        if (!is_null(lua, index))
            return "a function, or something else that is no data, cannot be JSON";
        writer_null(out->writer, key);
        return NULL;
    }
}

const char *value_write(lua_State *lua, int index, struct writer *writer, const char *key)
{
    struct out out = {lua, writer, 0};
    return lua_checkstack(lua, 8) ? write_any(&out, lua_absindex(lua, index), key)
                                  : "there is no memory left";
}

char *value_print(lua_State *lua, int index, const char **ret_wrong)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, VALUE_LONGEST);
    writer_init(&writer, &text);
    *ret_wrong = value_write(lua, index, &writer, NULL);
    if (!*ret_wrong && text.cut)
        *ret_wrong = "it is longer than 64 KiB";
    return *ret_wrong ? NULL : text_take(&text);
}

/* ----------------------------------------------------------------- json ---- */

static int push_parsed(lua_State *lua)
{
    value_push(lua, lua_touserdata(lua, 1));
    return 1;
}

static int push_text(lua_State *lua)
{
    lua_pushstring(lua, lua_touserdata(lua, 1));
    return 1;
}

/* What lies outside of Lua is freed before the lack of memory is raised. */
static int push_safely(lua_State *lua, lua_CFunction function, void *data)
{
    lua_pushcfunction(lua, function);
    lua_pushlightuserdata(lua, data);
    return lua_pcall(lua, 1, 1, 0);
}

static int json_encode(lua_State *lua)
{
    const char *wrong;
    luaL_checkany(lua, 1);
    char *json = value_print(lua, 1, &wrong);
    if (!json)
        return luaL_error(lua, "json.encode: %s", wrong);
    int status = push_safely(lua, push_text, json);
    free(json);
    if (status != LUA_OK)
        return lua_error(lua);
    state_hold_time(lua);
    return 1;
}

void value_push_own(lua_State *lua, json_t *json)
{
    int status = push_safely(lua, push_parsed, json);
    json_decref(json);
    if (status != LUA_OK)
        (void)lua_error(lua);
}

static int json_decode(lua_State *lua)
{
    size_t len;
    json_error_t error;
    const char *bytes = luaL_checklstring(lua, 1, &len);
    if (len > VALUE_LONGEST_READ)
        return luaL_error(lua, "json.decode: the text is longer than 256 KiB");
    json_t *json = json_loadb(bytes, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        lua_pushnil(lua);
        lua_pushfstring(lua, "line %d: %s", error.line, error.text);
        return 2;
    }
    value_push_own(lua, json);
    state_hold_time(lua);
    return 1;
}

static int json_list(lua_State *lua)
{
    if (lua_isnoneornil(lua, 1)) {
        lua_settop(lua, 0);
        lua_newtable(lua);
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    if (lua_getmetatable(lua, 1)) /* it may be what keeps the table as it is */
        return luaL_error(lua, "json.list: the table has a metatable already");
    value_mark_list(lua);
    return 1;
}

void value_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"encode", json_encode}, {"decode", json_decode}, {"list", json_list}, {NULL, NULL}};
    luaL_newlib(lua, functions);
    lua_pushlightuserdata(lua, &null_key);
    lua_setfield(lua, -2, "null");
}
