/*
 * lua_fixture - a world for tasks that answers as it is told, and scripts written as text.
 *
 * What a script asked stands in `asked`, how it ended in `said`.
 */
#ifndef TESTS_LUA_FIXTURE_H
#define TESTS_LUA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/loop.h"
#include "io/wait.h"
#include "lua/task.h"

static struct {
    struct loop *loop;
    struct arena *arena;
    struct problems problems;
    struct sources libs;
    const struct script *script;
    json_t *finding, *with;
    struct task *task;
    struct text asked, said;
    bool over;
    struct task_answer answer; /* to act and check; ANSWER_VALUE without a value: an empty table */
    bool later;                /* the test answers by itself */
    void (*on_act)(struct task *task, const json_t *args);
} stage;

static inline void open_stage(void)
{
    memset(&stage, 0, sizeof(stage));
    stage.loop = loop_create();
    stage.arena = arena_create();
    text_init(&stage.asked, 1 << 20);
    text_init(&stage.said, 1 << 20);
    stage.finding = json_pack("{s:s,s:s,s:{s:f}}",
                              "target",
                              "orders-db",
                              "status",
                              "critical",
                              "measures",
                              "used_percent",
                              96.0);
    stage.with = json_object();
}

static inline int close_stage(void)
{
    json_decref(stage.finding);
    json_decref(stage.with);
    problems_finish(&stage.problems);
    arena_destroy(stage.arena);
    text_finish(&stage.asked);
    text_finish(&stage.said);
    return loop_destroy(stage.loop);
}

/*
 * How long the loop was held: the processor time of this thread between two ticks, at worst.  Not
 * the time on the wall, of which a busy machine takes as much as it likes.
 */
static struct {
    struct timer timer;
    uint64_t last_us, worst_us;
    unsigned count;
} tick;

static inline uint64_t processor_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline void on_tick(void *data)
{
    uint64_t now_us = processor_us();
    if (now_us - tick.last_us > tick.worst_us)
        tick.worst_us = now_us - tick.last_us;
    tick.count++;
    tick.last_us = now_us;
    timer_start(&tick.timer, stage.loop, 2, on_tick, data);
}

static inline void begin_ticks(void)
{
    memset(&tick, 0, sizeof(tick));
    tick.last_us = processor_us();
    on_tick(NULL);
}

/* NULL where it is refused; then `said` says why. */
static inline const struct script *load(const char *name, const char *text)
{
    MEM_AUTO char *path = mem_print("%s.lua", name);
    problems_finish(&stage.problems);
    stage.problems = (struct problems){0};
    stage.script =
        script_load(stage.arena, name, path, text, strlen(text), &stage.libs, &stage.problems);
    text_cut_to(&stage.said, 0);
    problems_print(&stage.problems, &stage.said);
    return stage.script;
}

/* A script with a role db, a verb db:stop, and this for its run. */
static inline const struct script *load_run(const char *body)
{
    MEM_AUTO char *text = mem_print("return { summary = 's', targets = { db = 'postgres' },\n"
                                    "needs = { 'db:stop', 'db:look' }, deadline = '1m',\n"
                                    "run = function(agent, finding, with) %s\nend }\n",
                                    body);
    if (!load("test", text))
        fail_msg("%s", stage.said.bytes);
    return stage.script;
}

static inline void answer_now(struct task *task)
{
    struct task_answer answer = stage.answer;
    if (answer.kind == ANSWER_VALUE)
        answer.value = answer.value ? json_incref(answer.value) : json_object();
    task_answer(task, &answer);
}

static inline void on_act(struct task *task, const struct script_need *need, const char *args,
                          void *data)
{
    (void)data;
    text_print(&stage.asked, "%s %s; ", need->verb, strlen(args) < 1000 ? args : "...");
    if (stage.on_act) {
        json_t *json = json_loads(args, 0, NULL);
        assert_non_null(json);
        stage.on_act(task, json);
        json_decref(json);
    } else if (!stage.later) {
        answer_now(task);
    }
}

static inline void on_check(struct task *task, const struct script_role *role, const char *name,
                            void *data)
{
    (void)data;
    text_print(&stage.asked, "%s(%s)/%s; ", role->name, role->plugin, name);
    if (!stage.later)
        answer_now(task);
}

static inline void on_log(struct task *task, const char *text, void *data)
{
    (void)task;
    (void)data;
    text_print(&stage.asked, "log %s; ", text);
}

static inline void on_drop(struct task *task, void *data)
{
    (void)task;
    (void)data;
    text_add(&stage.asked, "dropped; ");
}

static inline void on_over(const struct task_outcome *outcome, void *data)
{
    (void)data;
    assert_false(stage.over);
    stage.over = true;
    stage.task = NULL;
    text_print(&stage.said, "%s: %s", task_end_name(outcome->end), outcome->message);
    if (outcome->applied)
        text_print(&stage.said, " (%u applied)", outcome->applied);
}

static inline void start(const struct task_limits *limits)
{
    static const struct task_world world = {on_act, on_check, on_log, on_drop, NULL};
    stage.over = false;
    text_cut_to(&stage.said, 0);
    text_cut_to(&stage.asked, 0);
    stage.task = task_start(
        stage.loop, stage.script, stage.finding, stage.with, &world, limits, on_over, NULL);
}

#endif
