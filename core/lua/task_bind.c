/*
 * task_bind - what a script sees of the agent: the table that run() is given first.
 *
 * A function here first checks its arguments, then asks the world, then yields: an argument that is wrong has
 * not begun anything.  Where Lua cannot wait (inside a comparator of table.sort, a function of
 * gsub) it raises before it asks.
 *
 * Layer: lua.  Part of lua/task.
 */
#include <inttypes.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "base/units.h"
#include "lua/task_parts.h"
#include "lua/value.h"

static struct task *task_of(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

static void hold_waiting(lua_State *lua, const char *function)
{
    if (!lua_isyieldable(lua))
        luaL_error(lua,
                   "agent.%s cannot wait here: call it outside of table.sort, string.gsub and "
                   "metamethods of theirs",
                   function);
}

/* --------------------------------------------------------------- answers ---- */

static int push_answer(lua_State *lua, int status, lua_KContext applied)
{
    struct task *task = task_of(lua);
    (void)status;
    lua_settop(lua, 0);
    switch (task->answer.kind) {
    case ANSWER_FAILURE:
        lua_pushnil(lua);
        lua_pushstring(lua, task->answer.message);
        lua_pushstring(lua, task->answer.code);
        return 3;
    case ANSWER_MISUSE:
        return luaL_error(lua, "%s", task->answer.message);
    default:
        task->applied += applied != 0;
        value_push(lua, task->answer.value);
        return 1;
    }
}

/* ------------------------------------------------------------ act and check ---- */

static int refuse_verb(lua_State *lua, const struct script *script, const char *verb)
{
    const char *words[SCRIPT_MOST_NEEDS + 1] = {0};
    for (size_t i = 0; i < script->need_count; i++)
        words[i] = script->needs[i].verb;
    const char *nearest = problem_nearest(verb, words);
    return luaL_error(lua,
                      "agent.act: \"%s\" is not in the script's needs%s%s",
                      verb,
                      nearest ? "; did you mean " : "",
                      nearest ? nearest : "");
}

static int agent_act(lua_State *lua)
{
    struct task *task = task_of(lua);
    const char *verb = luaL_checkstring(lua, 1), *wrong = NULL;
    const struct script_need *need = script_need(task->script, verb);
    if (!need)
        return refuse_verb(lua, task->script, verb);
    if (lua_isnoneornil(lua, 2)) {
        lua_settop(lua, 1);
        lua_newtable(lua);
    }
    luaL_checktype(lua, 2, LUA_TTABLE);
    hold_waiting(lua, "act");
    char *args = value_print(lua, 2, &wrong);
    if (args && *args != '{') {
        free(args);
        args = NULL;
        wrong = "the second argument is a list, not {name = value}";
    }
    if (!args)
        return luaL_error(lua, "agent.act: %s", wrong);
    task_wait(task);
    task->world.act(task, need, args, task->world.data);
    free(args);
    return lua_yieldk(lua, 0, 1, push_answer);
}

static int agent_check(lua_State *lua)
{
    struct task *task = task_of(lua);
    const char *name = luaL_checkstring(lua, 1), *slash = strchr(name, '/');
    const struct script_role *role = NULL;
    for (size_t i = 0; slash && i < task->script->role_count; i++) {
        const char *own = task->script->roles[i].name;
        if (strlen(own) == (size_t)(slash - name) && strncmp(own, name, strlen(own)) == 0)
            role = &task->script->roles[i];
    }
    if (!slash || !slash[1])
        return luaL_error(
            lua, "agent.check: \"%s\" is not ROLE/NAME, such as db/connections", name);
    if (!role)
        return luaL_error(lua, "agent.check: \"%s\" is of a role that targets does not have", name);
    hold_waiting(lua, "check");
    task_wait(task);
    task->world.check(task, role, slash + 1, task->world.data);
    return lua_yieldk(lua, 0, 0, push_answer);
}

/* ------------------------------------------------------------------- time ---- */

/* Of "5s", "2m" or a number of seconds. */
static int64_t check_duration(lua_State *lua, int index)
{
    int64_t ms = 0;
    if (lua_type(lua, index) == LUA_TNUMBER) {
        double seconds = lua_tonumber(lua, index);
        luaL_argcheck(
            lua, seconds >= 0 && seconds <= 1e9, index, "seconds, or a text such as \"5s\"");
        return (int64_t)(seconds * 1000);
    }
    const char *text = luaL_checkstring(lua, index);
    if (units_duration(text, &ms) < 0)
        luaL_error(lua, "\"%s\" is no duration: write it like 250ms, 5s or 2m", text);
    return ms;
}

static int after_sleep(lua_State *lua, int status, lua_KContext unused)
{
    (void)lua;
    (void)status;
    (void)unused;
    return 0;
}

static int agent_sleep(lua_State *lua)
{
    int64_t ms = check_duration(lua, 1);
    hold_waiting(lua, "sleep");
    task_sleep(task_of(lua), (uint64_t)ms);
    return lua_yieldk(lua, 0, 0, after_sleep);
}

/* Seconds since 1970. */
static int agent_now(lua_State *lua)
{
    lua_pushnumber(lua, (double)loop_wall_ms(task_of(lua)->loop) / 1000.0);
    return 1;
}

static int agent_seconds(lua_State *lua)
{
    lua_pushnumber(lua, (double)check_duration(lua, 1) / 1000.0);
    return 1;
}

static int agent_minutes(lua_State *lua)
{
    lua_pushnumber(lua, (double)check_duration(lua, 1) / 60000.0);
    return 1;
}

/* ------------------------------------------------------------ what is said ---- */

/* The sentence that format and values at 1 make, by string.format as the script cannot change it. */
static const char *check_sentence(lua_State *lua)
{
    (void)luaL_checkstring(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(2));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, 1);
    return luaL_checkstring(lua, -1);
}

static int agent_log(lua_State *lua)
{
    struct task *task = task_of(lua);
    const char *text = check_sentence(lua);
    if (task->logs == TASK_MOST_LOGS)
        text = "this script has said enough: the rest of its words is left out";
    if (task->logs <= TASK_MOST_LOGS) {
        MEM_AUTO char *clean = redact_copy(text, TASK_MESSAGE_LEN);
        task->world.log(task, clean, task->world.data);
        task->logs++;
    }
    return 0;
}

/* Never comes back: `return agent.leave(...)` and agent.leave(...) are the same. */
static int say_end(lua_State *lua, enum task_end end, const char *function)
{
    const char *sentence = check_sentence(lua);
    hold_waiting(lua, function);
    task_end(task_of(lua), end, sentence);
    return lua_yield(lua, 0);
}

static int agent_applied(lua_State *lua)
{
    if (task_of(lua)->applied == 0)
        return luaL_error(lua, "agent.applied: nothing was applied by this script");
    return say_end(lua, TASK_APPLIED, "applied");
}

static int agent_leave(lua_State *lua)
{
    return say_end(lua, TASK_LEFT, "leave");
}

static int agent_hand_over(lua_State *lua)
{
    return say_end(lua, TASK_HANDED_OVER, "hand_over");
}

/* --------------------------------------------------------------- the table ---- */

void task_bind(lua_State *lua, struct task *task)
{
    static const luaL_Reg functions[] = {
        {"act", agent_act},
        {"applied", agent_applied},
        {"check", agent_check},
        {"hand_over", agent_hand_over},
        {"leave", agent_leave},
        {"log", agent_log},
        {"minutes", agent_minutes},
        {"now", agent_now},
        {"seconds", agent_seconds},
        {"sleep", agent_sleep},
        {NULL, NULL},
    };
    luaL_newlibtable(lua, functions);
    lua_pushlightuserdata(lua, task);
    (void)lua_getglobal(lua, "string");
    (void)lua_getfield(lua, -1, "format");
    lua_remove(lua, -2);
    luaL_setfuncs(lua, functions, 2);
    sandbox_freeze(lua);
}
