/*
 * state - a bounded Lua state, for conditions and scripts alike.
 *
 * Source text only, an allocator with a cap, an instruction budget for each call, and only what is
 * harmless of the standard library (no io, os, debug, package, load, dofile, coroutine,
 * collectgarbage, string.dump; see vm/library).  No single C function runs long, no block is larger
 * than an eighth of the cap, and a budget that is used up ends the call out of pcall's reach.
 *
 * A call runs to its end.  A coroutine of the state runs in slices, so that the loop goes on between
 * them: the instruction hook yields where Lua can, in the midst of a pcall too; inside a C function
 * (a comparator of table.sort, a function of gsub) Lua cannot, and what runs on there raises.  What
 * a coroutine leaves behind when it is stopped is never run: no __close, no finalizer.
 *
 * Layer: vm.  Uses: base, Lua.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct state;

struct state_limits {
    size_t memory_bytes;   /* zero: 8 MiB; at least 64 KiB */
    uint64_t instructions; /* for one call; zero: 1,000,000 */
    uint64_t cpu_ms;       /* for one call, of this thread's time; zero: 250 */
    uint64_t slice_us;     /* of a coroutine, of this thread's time; zero: 1000 */
    uint64_t hard_us;      /* the same where it cannot yield; zero: 50,000 */
    /*
     * nil compares false with everything instead of raising, and does arithmetic to nil, so that a
     * condition over an absent optional measure is false.  For scripts it would hide mistakes.
     */
    bool nil_compares;
};

/* Never NULL.  `limits` may be NULL. */
struct state *state_create(const struct state_limits *limits);
void state_destroy(struct state *state); /* NULL is fine */

/*
 * The Lua state, for pushing and reading; errors must not be raised outside a call.  What allocates
 * (tables, closures, new strings) may raise: do it inside a function called by state_call().
 */
lua_State *state_lua(struct state *state);

/*
 * Compiles `source` (text, never bytecode) as a chunk named `name` whose only upvalue is _ENV, and
 * leaves the function on the stack.  Zero, or -EINVAL with Lua's message in `*error`, or -ENOMEM.
 */
int state_load(struct state *state, const char *source, size_t len, const char *name,
               struct error *error);

/*
 * Calls the function below the top `args` values within the budget: zero and `results` values, or
 * an error: -ETIME budget used up, -ENOMEM the cap, -EINVAL the code raised.  Function and
 * arguments are gone in every case; `results` may be LUA_MULTRET.  One call at a time.
 */
int state_call(struct state *state, int args, int results, struct error *error);

/*
 * For C functions that Lua calls and that may take long: raises where this call's time is used up.
 * The instruction hook does not run while they do.
 */
void state_hold_time(lua_State *lua);

/*
 * Makes the one coroutine of the state, with a budget of its own over all its slices.  It begins with
 * entry(data), where `entry` is a C function that finds `data` as a light userdata at 1.  NULL and
 * an error where there is no room.
 */
lua_State *state_begin(struct state *state, const struct state_limits *limits, lua_CFunction entry,
                       void *data, struct error *error);

enum state_pause {
    STATE_ENDED,  /* its results are on the coroutine */
    STATE_WAITS,  /* a C function yielded; resume it when there is an answer */
    STATE_SLICED, /* it is not through: resume it after the loop has turned */
};

/* Runs the coroutine for a slice.  One of the above, or an error as of state_call(): it is over. */
int state_resume(struct state *state, struct error *error);

/* Where the coroutine was when its budget ended, "kill_idle:12"; empty: not known. */
const char *state_stopped_at(const struct state *state);

/* Bytes in use now. */
size_t state_used(const struct state *state);

/* All states that there are, and the memory that they hold together. */
struct state_census {
    size_t states, bytes;
};
struct state_census state_census(void);

#endif
