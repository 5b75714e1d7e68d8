#include "vm/state.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "vm/library.h"

enum { HOOK_EVERY = 200 }; /* instructions; small, since one may copy or compare a whole block */

struct state {
    lua_State *lua;
    struct state_limits limits;
    size_t used;
    bool capped; /* the cap holds; not while the state is made */
    bool running, spent;
    uint64_t instructions; /* of this call, in steps of HOOK_EVERY */
    uint64_t cpu_begin_us; /* of this call, from the first hook on; zero: not yet */
    lua_State *coroutine;  /* NULL: none was begun */
    bool slicing;          /* it is running */
    bool sliced;           /* the hook has yielded */
    uint64_t cpu_used_us;  /* by the slices before this one */
    char stopped_at[LUA_IDSIZE + 24];
};

/* ---- memory ---- */

static struct state_census census; /* of all states; they live on one thread */

static bool fits(const struct state *state, size_t old_size, size_t new_size)
{
    return new_size <= state->limits.memory_bytes / 8 &&
           state->used - old_size + new_size <= state->limits.memory_bytes;
}

static void *allocate(void *data, void *old, size_t old_size, size_t new_size)
{
    struct state *state = data;
    if (!old)
        old_size = 0; /* Lua says there what kind of thing it wants */
    if (new_size == 0) {
        free(old);
        state->used -= old_size;
        census.bytes -= old_size;
        return NULL;
    }
    if (state->capped && new_size > old_size && !fits(state, old_size, new_size))
        return NULL; /* Lua collects, asks once more, and raises */
    void *memory = state->capped ? realloc(old, new_size) : mem_resize(old, new_size);
    if (memory) {
        state->used = state->used - old_size + new_size;
        census.bytes = census.bytes - old_size + new_size;
    }
    return memory;
}

/* ---- time ---- */

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Counts from the first time it is asked: most calls are too short to be worth a clock. */
static bool time_is_up(struct state *state)
{
    uint64_t now_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    if (state->cpu_begin_us == 0)
        state->cpu_begin_us = now_us;
    return state->cpu_used_us + now_us - state->cpu_begin_us > state->limits.cpu_ms * 1000u;
}

/* How long this slice is; its first hook begins it. */
static uint64_t slice_us(const struct state *state)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID) - state->cpu_begin_us;
}

static void on_count(lua_State *lua, lua_Debug *unused);

/*
 * A raise is caught by pcall, so from here on it comes again at the very next instruction, until
 * none is left that could catch it.
 */
static void stop(struct state *state, lua_State *lua)
{
    state->spent = true;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, 1);
    luaL_error(lua, "the budget of this call is used up");
}

static void note_place(struct state *state, lua_State *lua, lua_Debug *where)
{
    if (*state->stopped_at || !lua_getinfo(lua, "Sl", where) || where->currentline < 1)
        return;
    (void)snprintf(state->stopped_at,
                   sizeof(state->stopped_at),
                   "%s:%d",
                   where->short_src,
                   where->currentline);
}

/* A coroutine gives the loop back where it can; a spent one is not resumed. */
static void on_slice(struct state *state, lua_State *lua, bool spent)
{
    bool yields = lua_isyieldable(lua);
    state->spent |= spent;
    if (!spent && slice_us(state) <= (yields ? state->limits.slice_us : state->limits.hard_us)) {
        if (lua_gethookcount(lua) != HOOK_EVERY)
            lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_EVERY);
        return;
    }
    if (!yields)
        stop(state, lua);
    state->sliced = true;
    (void)lua_yield(lua, 0);
}

static void on_count(lua_State *lua, lua_Debug *where)
{
    struct state *state = *(struct state **)lua_getextraspace(lua);
    state->instructions += HOOK_EVERY;
    bool spent =
        state->spent || state->instructions > state->limits.instructions || time_is_up(state);
    if (spent || (state->slicing && slice_us(state) > state->limits.hard_us))
        note_place(state, lua, where);
    if (state->slicing)
        on_slice(state, lua, spent);
    else if (spent)
        stop(state, lua);
}

void state_hold_time(lua_State *lua)
{
    struct state *state = *(struct state **)lua_getextraspace(lua);
    uint64_t used_us = state->slicing ? slice_us(state) : 0;
    if (state->spent || time_is_up(state) || used_us > state->limits.hard_us)
        stop(state, lua);
    if (used_us > state->limits.slice_us) /* the next instruction is the last one of the slice */
        lua_sethook(lua, on_count, LUA_MASKCOUNT, 1);
}

/* ---- making and ending ---- */

static int open_libraries(lua_State *lua)
{
    struct state *state = *(struct state **)lua_getextraspace(lua);
    library_open(lua);
    if (state->limits.nil_compares)
        library_let_nil_compare(lua);
    return 0;
}

/* Only an error raised outside a call comes here, which is a bug of ours. */
static int on_panic(lua_State *lua)
{
    const char *message = lua_tostring(lua, -1);
    (void)fprintf(stderr, "runbookd: Lua error outside a call: %s\n", message ? message : "?");
    return 0; /* Lua aborts */
}

static struct state_limits whole(const struct state_limits *given)
{
    struct state_limits limits = given ? *given : (struct state_limits){0};
    limits.memory_bytes = limits.memory_bytes ? limits.memory_bytes : 8u << 20;
    limits.instructions = limits.instructions ? limits.instructions : 1000000;
    limits.cpu_ms = limits.cpu_ms ? limits.cpu_ms : 250;
    limits.slice_us = limits.slice_us ? limits.slice_us : 1000;
    limits.hard_us = limits.hard_us ? limits.hard_us : 50000;
    return limits;
}

struct state *state_create(const struct state_limits *limits)
{
    struct state *state = mem_new(sizeof(*state));
    state->limits = whole(limits);
    census.states++;
    assert(state->limits.memory_bytes >= 64u << 10);
    state->lua = lua_newstate(allocate, state);
    assert(state->lua); /* the allocator does not fail before the cap holds */
    (void)lua_atpanic(state->lua, on_panic);
    *(struct state **)lua_getextraspace(state->lua) = state;
    lua_pushcfunction(state->lua, open_libraries);
    lua_call(state->lua, 0, 0);
    (void)lua_gc(state->lua, LUA_GCCOLLECT);
    state->capped = true;
    return state;
}

void state_destroy(struct state *state)
{
    if (!state)
        return;
    lua_close(state->lua);
    assert(state->used == 0);
    census.states--;
    free(state);
}

lua_State *state_lua(struct state *state)
{
    return state->lua;
}

struct state_census state_census(void)
{
    return census;
}

size_t state_used(const struct state *state)
{
    return state->used;
}

/* ---- loading and calling ---- */

/* By the error value at the top of `lua`, which is not looked at where the budget is used up. */
static int tell(struct state *state, lua_State *lua, int status, struct error *error)
{
    char cap[32];
    if (state->spent) {
        error_set(error, -ETIME, "it ran too long and was stopped");
    } else if (status == LUA_ERRMEM) {
        units_print_bytes((int64_t)state->limits.memory_bytes, cap, sizeof(cap));
        error_set(error, -ENOMEM, "it wanted more memory than its %s", cap);
    } else if (lua_type(lua, -1) == LUA_TSTRING) {
        size_t len;
        const char *message = lua_tolstring(lua, -1, &len);
        size_t room = sizeof(error->message) - 1;
        int shown = (int)(len > room ? text_whole(message, room) : len);
        error_set(error, -EINVAL, "%.*s", shown, message);
    } else {
        error_set(error, -EINVAL, "it raised a %s", luaL_typename(lua, -1));
    }
    return error->code;
}

/* Takes the value away, too. */
static int fail(struct state *state, int status, struct error *error)
{
    (void)tell(state, state->lua, status, error);
    lua_pop(state->lua, 1);
    return error->code;
}

static int no_room(struct error *error)
{
    return error_set(error, -ENOMEM, "it has too many values on its stack");
}

int state_load(struct state *state, const char *source, size_t len, const char *name,
               struct error *error)
{
    char chunk[LUA_IDSIZE + 1];
    (void)snprintf(chunk, sizeof(chunk), "=%s", name);
    if (!lua_checkstack(state->lua, 4))
        return no_room(error);
    state->spent = false;
    int status = luaL_loadbufferx(state->lua, source, len, chunk, "t");
    return status == LUA_OK ? 0 : fail(state, status, error);
}

int state_call(struct state *state, int args, int results, struct error *error)
{
    lua_State *lua = state->lua;
    assert(!state->running);
    int below = lua_gettop(lua) - args - 1;
    if (!lua_checkstack(lua, LUA_MINSTACK + (results > 0 ? results : 0))) {
        lua_settop(lua, below);
        return no_room(error);
    }
    state->running = true;
    state->spent = false;
    state->instructions = 0;
    state->cpu_begin_us = 0;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_EVERY);
    int status = lua_pcall(lua, args, results, 0);
    lua_sethook(lua, NULL, 0, 0);
    state->running = false;
    if (status == LUA_OK && !state->spent)
        return 0;
    if (status == LUA_OK) { /* a pcall in tail position caught the last raise */
        lua_settop(lua, below);
        lua_pushnil(lua);
    }
    return fail(state, status, error);
}

/* ---- slices ---- */

static int make_coroutine(lua_State *lua)
{
    struct state *state = *(struct state **)lua_getextraspace(lua);
    lua_State *coroutine = lua_newthread(lua);
    lua_pushcfunction(coroutine, lua_tocfunction(lua, 1));
    lua_pushlightuserdata(coroutine, lua_touserdata(lua, 2));
    lua_rawsetp(lua, LUA_REGISTRYINDEX, state); /* as long as the state */
    state->coroutine = coroutine;
    return 0;
}

lua_State *state_begin(struct state *state, const struct state_limits *limits, lua_CFunction entry,
                       void *data, struct error *error)
{
    size_t memory_bytes = state->limits.memory_bytes;
    assert(!state->coroutine);
    lua_pushcfunction(state->lua, make_coroutine);
    lua_pushcfunction(state->lua, entry);
    lua_pushlightuserdata(state->lua, data);
    if (state_call(state, 2, 0, error) < 0)
        return NULL;
    state->limits = whole(limits);
    state->limits.memory_bytes = memory_bytes;
    state->instructions = state->cpu_used_us = 0;
    return state->coroutine;
}

int state_resume(struct state *state, struct error *error)
{
    lua_State *coroutine = state->coroutine;
    int args = lua_status(coroutine) == LUA_YIELD ? 0 : 1, results;
    assert(!state->running && !state->spent);
    state->running = state->slicing = true;
    state->sliced = false;
    state->cpu_begin_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    lua_sethook(coroutine, on_count, LUA_MASKCOUNT, HOOK_EVERY);
    int status = lua_resume(coroutine, NULL, args, &results);
    state->cpu_used_us += slice_us(state);
    state->running = state->slicing = false;
    if (status == LUA_YIELD && !state->spent)
        return state->sliced ? STATE_SLICED : STATE_WAITS;
    if (status == LUA_OK && !state->spent)
        return STATE_ENDED;
    return tell(state, coroutine, status, error);
}

const char *state_stopped_at(const struct state *state)
{
    return state->stopped_at;
}
