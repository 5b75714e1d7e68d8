#include "probe/function.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/units.h"

/* ---- types ---- */

static int check_duration(struct error *error, const struct part *args, size_t count,
                          struct part *ret_part)
{
    int64_t ms;
    if (count != 1 || args->shape != SHAPE_LITERAL || args->token.kind != TOKEN_WORD) {
        error_set(error, -EINVAL, "duration() takes one word in quotes");
        return error_hint(error, "write duration(\"5m\"): milliseconds");
    }
    MEM_AUTO char *word = mem_copy_n(args->token.at, args->token.len);
    if (units_duration(word, &ms) < 0) {
        error_set(error, -EINVAL, "\"%s\" is no duration", word);
        return error_hint(error, "write it like 250ms, 5s, 90m, 1h30m or 7d");
    }
    ret_part->shape = SHAPE_DURATION;
    ret_part->token = args->token;
    ret_part->types = IS_NUMBER;
    return 0;
}

static int check_one_of(struct error *error, const struct part *args, size_t count,
                        struct part *ret_part)
{
    ret_part->types = IS_FLAG;
    if (count < 2) {
        error_set(error, -EINVAL, "one_of() compares its first argument with the others");
        return error_hint(error, "write one_of(name, \"a\", \"b\")");
    }
    for (size_t i = 1; i < count; i++) {
        int status = part_check_equality(error, args, &args[i]);
        if (status < 0)
            return status;
    }
    return 0;
}

static int check_numbers(struct error *error, const struct part *args, size_t count,
                         struct part *ret_part)
{
    ret_part->types = 0;
    for (size_t i = 0; i < count; i++) {
        int status = part_check_number(error, &args[i], "counted with");
        if (status < 0)
            return status;
        ret_part->types |= args[i].types;
    }
    return 0;
}

/* ---- code ---- */

static int call_abs(lua_State *lua)
{
    if (lua_isinteger(lua, 1) && lua_tointeger(lua, 1) < 0)
        lua_pushinteger(lua, (lua_Integer)(0u - (lua_Unsigned)lua_tointeger(lua, 1)));
    else if (lua_isinteger(lua, 1) || lua_isnil(lua, 1))
        lua_pushvalue(lua, 1);
    else
        lua_pushnumber(lua, fabs(lua_tonumber(lua, 1)));
    return 1;
}

static int call_floor(lua_State *lua)
{
    if (lua_isinteger(lua, 1) || lua_isnil(lua, 1))
        lua_pushvalue(lua, 1);
    else
        lua_pushnumber(lua, floor(lua_tonumber(lua, 1)));
    return 1;
}

static int push_extreme(lua_State *lua, bool greatest)
{
    int best = 1, count = lua_gettop(lua);
    for (int i = 1; i <= count; i++) {
        if (lua_isnil(lua, i)) {
            lua_pushnil(lua);
            return 1;
        }
        if (greatest ? lua_compare(lua, best, i, LUA_OPLT) : lua_compare(lua, i, best, LUA_OPLT))
            best = i;
    }
    lua_pushvalue(lua, best);
    return 1;
}

static int call_max(lua_State *lua)
{
    return push_extreme(lua, true);
}

static int call_min(lua_State *lua)
{
    return push_extreme(lua, false);
}

static int call_one_of(lua_State *lua)
{
    bool found = false;
    for (int i = lua_gettop(lua); i > 1 && !lua_isnil(lua, 1); i--)
        found |= lua_rawequal(lua, 1, i);
    lua_pushboolean(lua, found);
    return 1;
}

static int call_duration(lua_State *lua)
{
    int64_t ms = 0;
    (void)units_duration(lua_tostring(lua, 1), &ms);
    lua_pushinteger(lua, ms);
    return 1;
}

/* ---- the table ---- */

const struct function functions[] = {
    {"abs", 1, 1, check_numbers, call_abs},
    {"duration", 0, FUNCTION_MOST_ARGUMENTS, check_duration, call_duration},
    {"floor", 1, 1, check_numbers, call_floor},
    {"max", 2, FUNCTION_MOST_ARGUMENTS, check_numbers, call_max},
    {"min", 2, FUNCTION_MOST_ARGUMENTS, check_numbers, call_min},
    {"one_of", 0, FUNCTION_MOST_ARGUMENTS, check_one_of, call_one_of},
    {0},
};

const struct function *function_find(const struct token *name)
{
    for (const struct function *function = functions; function->name; function++)
        if (token_is(name, function->name))
            return function;
    return NULL;
}
