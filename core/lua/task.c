#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "lua/task_parts.h"
#include "lua/value.h"

enum { PAUSE_MS = 1 /* between two slices: what spins takes half of a processor at most */ };

const char *task_end_name(enum task_end end)
{
    static const char *const names[TASK_ENDS] = {
        [TASK_APPLIED] = "applied",
        [TASK_LEFT] = "left",
        [TASK_HANDED_OVER] = "handed_over",
        [TASK_PLANNED] = "planned",
        [TASK_REFUSED] = "refused",
        [TASK_REJECTED] = "rejected",
        [TASK_EXPIRED] = "expired",
        [TASK_LOST] = "lost",
        [TASK_FAILED] = "failed",
        [TASK_LATE] = "late",
        [TASK_SPENT] = "spent",
    };
    return names[end];
}

const struct script *task_script(const struct task *task)
{
    return task->script;
}

/* ---------------------------------------------------------------- its end ---- */

static void forget_answer(struct task *task)
{
    json_decref(task->answer.value);
    free((void *)task->answer.message);
    free((void *)task->answer.code);
    task->answer = (struct task_answer){0};
    task->answered = false;
}

static void task_free(struct task *task)
{
    timer_stop(&task->turn);
    timer_stop(&task->deadline);
    forget_answer(task);
    state_destroy(task->state);
    free(task->message);
    free(task);
}

static void drop_wait(struct task *task)
{
    if (task->waiting && task->world.drop)
        task->world.drop(task, task->world.data);
    task->waiting = false;
}

static void close_task(struct task *task)
{
    drop_wait(task);
    struct task_outcome outcome = {task->end, task->message, task->applied};
    char *message = task->message;
    task_over_fn *fn = task->fn;
    void *data = task->data;
    task->message = NULL;
    task_free(task);
    fn(&outcome, data);
    free(message);
}

void task_cancel(struct task *task)
{
    drop_wait(task);
    task_free(task);
}

void task_end(struct task *task, enum task_end end, const char *message)
{
    if (task->ended)
        return;
    task->ended = true;
    task->end = end;
    task->message = redact_copy(message, TASK_MESSAGE_LEN);
}

static void on_deadline(void *data)
{
    struct task *task = data;
    char message[100];
    (void)snprintf(message,
                   sizeof(message),
                   "it was not through at its deadline%s",
                   task->waiting ? ", while it waited" : "");
    task_end(task, TASK_LATE, message);
    close_task(task);
}

/* How a script failed that Lua has ended. */
static void end_failed(struct task *task, const struct error *error)
{
    const char *at = task->state ? state_stopped_at(task->state) : "";
    MEM_AUTO char *message = error->code == -ETIME && *at
                                 ? mem_print("%s, at line %s", error->message, strrchr(at, ':') + 1)
                                 : mem_copy(error->message);
    task_end(task, error->code == -EINVAL ? TASK_FAILED : TASK_SPENT, message);
}

/* ------------------------------------------------------------- the script ---- */

static int end_of_run(lua_State *lua, int status, lua_KContext unused)
{
    (void)lua;
    (void)status;
    (void)unused;
    return 0;
}

/* The coroutine's function: run(agent, finding, with). */
static int enter(lua_State *lua)
{
    struct task *task = lua_touserdata(lua, 1);
    luaL_checkstack(lua, 16, "run");
    lua_settop(lua, 1);
    lua_State *main = state_lua(task->state);
    lua_pushvalue(main, 1);
    lua_xmove(main, lua, 1);
    (void)lua_getfield(lua, 2, "run");
    task_bind(lua, task);
    value_push(lua, task->finding);
    value_push(lua, task->with);
    lua_callk(lua, 3, 0, 0, end_of_run);
    return 0;
}

static int begin(struct task *task, struct error *error)
{
    const struct state_limits limits = {
        .instructions = task->limits.instructions ? task->limits.instructions : 200000000,
        .cpu_ms = task->limits.cpu_ms ? task->limits.cpu_ms : 2000,
    };
    BLAME(&task->script->blame,
          task->state = sandbox_open(&task->script->source, task->script->libs, error));
    if (!task->state)
        return error->code;
    return state_begin(task->state, &limits, enter, task, error) ? 0 : error->code;
}

static void on_turn(void *data);

static void turn_in(struct task *task, uint64_t ms)
{
    timer_start(&task->turn, task->loop, ms, on_turn, task);
}

static void go_on(struct task *task)
{
    struct error error = {0};
    task->running = true;
    int status;
    BLAME(&task->script->blame, status = state_resume(task->state, &error));
    task->running = false;
    if (status < 0 && !task->ended)
        end_failed(task, &error);
    else if (status == STATE_ENDED)
        task_end(task,
                 TASK_FAILED,
                 "run() came to its end without saying how it ended: return "
                 "agent.applied(...), agent.leave(...) or agent.hand_over(...)");
    else if (status == STATE_SLICED && !task->ended)
        turn_in(task, PAUSE_MS);
    else if (status == STATE_WAITS && task->answered)
        turn_in(task, 0);
}

static void on_turn(void *data)
{
    struct task *task = data;
    struct error error = {0};
    if (task->script->aside)
        task_end(task, TASK_FAILED, task->script->aside);
    else if (!task->state && begin(task, &error) < 0)
        end_failed(task, &error);
    if (!task->ended)
        go_on(task);
    if (task->ended)
        close_task(task);
}

/* ---------------------------------------------------------------- waiting ---- */

void task_wait(struct task *task)
{
    forget_answer(task);
    task->waiting = true;
}

void task_sleep(struct task *task, uint64_t ms)
{
    forget_answer(task);
    turn_in(task, ms);
}

void task_answer(struct task *task, const struct task_answer *answer)
{
    if (!task->waiting) { /* answered twice */
        json_decref(answer->value);
        return;
    }
    task->waiting = false;
    task->answered = true;
    task->answer = *answer;
    task->answer.message = redact_copy(answer->message ? answer->message : "", TASK_MESSAGE_LEN);
    task->answer.code = redact_copy(answer->code ? answer->code : "failed", TASK_MESSAGE_LEN);
    if (answer->kind == ANSWER_END)
        task_end(task, answer->end, task->answer.message);
    if (!task->running)
        turn_in(task, 0);
}

/* --------------------------------------------------------------- deadline ---- */

void task_start_clock(struct task *task)
{
    if (!task->stopped)
        return;
    task->stopped = false;
    timer_start(&task->deadline, task->loop, task->left_ms, on_deadline, task);
}

void task_stop_clock(struct task *task)
{
    uint64_t now_us = loop_now_us(task->loop);
    if (task->stopped)
        return;
    task->stopped = true;
    task->left_ms = task->deadline.due_us > now_us ? (task->deadline.due_us - now_us) / 1000u : 0;
    timer_stop(&task->deadline);
}

struct task *task_start(struct loop *loop, const struct script *script, const json_t *finding,
                        const json_t *with, const struct task_world *world,
                        const struct task_limits *limits, task_over_fn *fn, void *data)
{
    struct task *task = mem_new(sizeof(*task));
    task->loop = loop;
    task->script = script;
    task->finding = finding;
    task->with = with;
    task->world = *world;
    task->limits = limits ? *limits : (struct task_limits){0};
    task->fn = fn;
    task->data = data;
    task->stopped = true;
    task->left_ms = (uint64_t)script->deadline_ms;
    task_start_clock(task);
    turn_in(task, 0);
    return task;
}
