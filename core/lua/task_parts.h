/*
 * task_parts - what the files of lua/task share.
 *
 *     task.c        its life: slices, waiting, the deadline, its end
 *     task_bind.c   what a script sees of it: agent.act, agent.check, agent.sleep, ...
 *
 * Layer: lua.  Only for task*.c.
 */
#ifndef LUA_TASK_PARTS_H
#define LUA_TASK_PARTS_H

#include <lua.h>

#include "io/wait.h"
#include "lua/task.h"

enum { TASK_MOST_LOGS = 200, TASK_MESSAGE_LEN = 500 };

struct task {
    struct loop *loop;
    const struct script *script;
    const json_t *finding, *with;
    struct task_world world;
    struct task_limits limits;
    task_over_fn *fn;
    void *data;
    struct state *state; /* NULL: not begun */
    struct timer turn, deadline;
    uint64_t left_ms; /* of the deadline, while its clock stands */
    bool stopped;     /* it stands */
    bool running;     /* inside Lua */
    bool waiting;     /* for an answer */
    bool answered;
    struct task_answer answer; /* its texts are the task's own */
    unsigned logs, applied;
    bool ended; /* it has its end, and is not resumed */
    enum task_end end;
    char *message;
};

/* Gives it its end; the first one counts. */
void task_end(struct task *task, enum task_end end, const char *message);

/* Marks that an answer is awaited; the binding calls the world, then yields. */
void task_wait(struct task *task);

/* Resumes it after `ms`, as if that had been answered. */
void task_sleep(struct task *task, uint64_t ms);

/* Pushes the table `agent`.  Raises where memory runs out. */
void task_bind(lua_State *lua, struct task *task);

#endif
