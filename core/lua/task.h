/*
 * task - a script at work on the loop: it runs in slices, and waits without holding anybody up.
 *
 * A task has a Lua state of its own, so nothing of one run is seen by another, and ending it is
 * dropping that state.  It is over once, with one outcome: what the script said (applied, left, handed over),
 * what became of an action that it asked for (planned, refused, rejected, expired, lost), or how it failed.
 * An outcome of an action ends the script where it stands, out of pcall's reach: no script
 * can claim what did not happen, and none says applied before something was.
 *
 * What a task asks goes to its world, a struct of functions: the guard, a test, or whoever stands there.
 *
 *     run() ── agent.act(verb, args) ──► world->act(task, verb, json)
 *       ▲                                       │ later, once
 *       └──── after the loop has turned ◄── task_answer(task, ...)
 *
 * Results are pushed inside the coroutine and nowhere else: there an allocation beyond the script's cap
 * is a Lua error, outside it is an abort (measured).
 *
 * Layer: lua.  Uses: base, io, vm, probe, lua/script.
 */
#ifndef LUA_TASK_H
#define LUA_TASK_H

#include <jansson.h>
#include <stdbool.h>

#include "io/loop.h"
#include "lua/script.h"

struct task;

enum task_end {
    /* what the script said */
    TASK_APPLIED,
    TASK_LEFT,
    TASK_HANDED_OVER,
    /* what became of an action */
    TASK_PLANNED,
    TASK_REFUSED,
    TASK_REJECTED,
    TASK_EXPIRED,
    TASK_LOST,
    /* how it failed */
    TASK_FAILED, /* it raised, or said nothing */
    TASK_LATE,   /* its deadline */
    TASK_SPENT,  /* its processor time, its instructions or its memory */
    TASK_ENDS
};

/* "applied", "left", "handed_over", "planned", ... */
const char *task_end_name(enum task_end end);

/* Valid in the callback. */
struct task_outcome {
    enum task_end end;
    const char *message; /* one sentence, without secrets */
    unsigned applied;    /* how many actions were, before it ended */
};

typedef void task_over_fn(const struct task_outcome *outcome, void *data);

/* Each of these is answered by task_answer(), once, at any time; but after drop() by nothing. */
struct task_world {
    /* `verb` is one of the script's needs; `args` is a JSON object. */
    void (*act)(struct task *task, const struct script_need *need, const char *args, void *data);
    /* A check of a role's target, by its name there. */
    void (*check)(struct task *task, const struct script_role *role, const char *name, void *data);
    void (*log)(struct task *task, const char *text, void *data);
    /* The task is over: what it has asked is not wanted any more. */
    void (*drop)(struct task *task, void *data);
    void *data;
};

enum task_answer_kind {
    ANSWER_VALUE,   /* `value`; of act(): it was applied */
    ANSWER_FAILURE, /* nil, message, code */
    ANSWER_MISUSE,  /* the script asked for what there is not: raises */
    ANSWER_END      /* the task ends with `end` */
};

struct task_answer {
    enum task_answer_kind kind;
    json_t *value; /* stolen */
    enum task_end end;
    const char *message;
    const char *code; /* one word */
};

struct task_limits {
    uint64_t cpu_ms;       /* zero: 2,000 */
    uint64_t instructions; /* zero: 200,000,000 */
};

/*
 * Starts it, on the next turn.  `finding` and `with` are borrowed until it is over; `limits` may be NULL.
 * `fn` is called once, later; the task is gone when it returns.
 */
struct task *task_start(struct loop *loop, const struct script *script, const json_t *finding,
                        const json_t *with, const struct task_world *world,
                        const struct task_limits *limits, task_over_fn *fn, void *data);

/* Ends it without a word: fn is not called.  Not from within one of the world's functions. */
void task_cancel(struct task *task);

void task_answer(struct task *task, const struct task_answer *answer);

/* Stops the deadline's clock, while a person is asked, and lets it go on. */
void task_stop_clock(struct task *task);
void task_start_clock(struct task *task);

const struct script *task_script(const struct task *task);

#endif
