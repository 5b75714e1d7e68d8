/*
 * told_fixture - a plugin of the test's own that does what it is told, and a stage for it: loop with
 * a driven clock, bus, ledger, schedule, and up to two targets.  For test_schedule and test_down.
 */
#ifndef UNIT_TOLD_FIXTURE_H
#define UNIT_TOLD_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "probe/schedule.h"

/* ----------------------------------------------- a plugin that is told ---- */

enum behaviour {
    ANSWER,
    HANG,
    HANG_ON_TARGET,
    DOWN,
    FAIL,
    DENY,
    NOT_HERE,
    SILENT,
    TWO_SUBJECTS,
    TWICE
};

enum { CONNECT, FIRST, SECOND, CHECKS };

static struct {
    enum behaviour behaves[CHECKS];
    int64_t takes_ms;
    int64_t value;
    int64_t retry_ms;   /* of NOT_HERE */
    char journal[4096]; /* what the plugin saw */
    char said[8192];    /* what the bus said */
    const char *only;   /* the one subject that is left, with TWO_SUBJECTS */
} world;

__attribute__((format(printf, 3, 4))) static inline void note(char *into, size_t room,
                                                              const char *fmt, ...)
{
    size_t len = strlen(into);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(into + len, room - len, fmt, args);
    va_end(args);
}
#define SEEN(...) note(world.journal, sizeof(world.journal), __VA_ARGS__)

static inline enum behaviour behaviour_of(const struct probe_run *run)
{
    return world.behaves[strcmp(run->check->name, "connect") == 0 ? CONNECT
                         : strcmp(run->check->name, "first") == 0 ? FIRST
                                                                  : SECOND];
}

static inline void answer(struct probe_run *run)
{
    if (behaviour_of(run) == TWO_SUBJECTS) {
        if (!world.only || strcmp(world.only, "a") == 0)
            probe_report(
                run, .subject = "a", .summary = "a", .fields = PROBE_FIELDS(probe_int("count", 1)));
        if (!world.only || strcmp(world.only, "b") == 0)
            probe_report(
                run, .subject = "b", .summary = "b", .fields = PROBE_FIELDS(probe_int("count", 1)));
    } else {
        probe_report(
            run, .summary = "fine", .fields = PROBE_FIELDS(probe_int("count", world.value)));
    }
    probe_done(run);
}

static inline void on_timer(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0)
        answer(run);
    else
        SEEN("%s:%s ", run->name, status == -ETIMEDOUT ? "timed-out" : "canceled");
}

static inline void on_target_timer(int status, void *data)
{
    (void)status;
    (void)data;
}

static inline void run(struct probe_target *self, struct probe_run *run)
{
    SEEN("%s@%llu ", run->name, (unsigned long long)probe_now(&run->life));
    switch (behaviour_of(run)) {
    case HANG:
        probe_timer(&run->life, 3600000, on_timer, run);
        break;
    case HANG_ON_TARGET:
        probe_timer(&self->life, 3600000, on_target_timer, run);
        break;
    case DOWN:
        probe_end(run,
                  .how = PROBE_DOWN,
                  .status = -ECONNREFUSED,
                  .reason = "refused",
                  .summary = "nobody there");
        break;
    case FAIL:
        probe_fail(run, -EPROTO, "it speaks another language");
        break;
    case DENY:
        probe_end(run,
                  .how = PROBE_DENIED,
                  .reason = "noauth",
                  .summary = "not for you",
                  .hint = "GRANT it");
        break;
    case NOT_HERE:
        probe_end(
            run, .how = PROBE_INAPPLICABLE, .summary = "no replica", .retry_ms = world.retry_ms);
        break;
    case SILENT:
        probe_done(run);
        break;
    case TWICE:
        answer(run);
        probe_done(run);
        break;
    default:
        if (world.takes_ms)
            probe_timer(&run->life, (uint64_t)world.takes_ms, on_timer, run);
        else
            answer(run);
    }
}

static inline void ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    SEEN("/%s ", run->name);
}

static inline void destroy(struct probe_target *self)
{
    (void)self;
    SEEN("destroyed ");
}

static const struct probe_measure measures[] = {
    {"count", "how many", .kind = PROBE_GAUGE, .optional = true}, {0}};

#define CHECK(name_, ...)                                                                          \
    {                                                                                              \
        __VA_ARGS__.name = (name_), .title = "t", .measures = measures, .every = "10s",            \
        .timeout = "3s", .critical = "count > 100", .run = run, .ended = ended                     \
    }
static const struct probe_check checks[] = {
    CHECK("connect"), CHECK("first"), CHECK("second", .applies = "a primary", ), {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does what it is told",
    .parallel = 1,
    .checks = checks,
    .destroy = destroy,
};

/* ------------------------------------------------------------ the stage ---- */

struct stage {
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct plugins plugins;
    struct config config;
    struct config_target targets[2];
    struct config_check checks[2][CHECKS];
};

static inline void on_event(const struct event *event, void *data)
{
    const struct event_finding *finding = event->finding;
    (void)data;
    if (!finding)
        return;
    note(world.said,
         sizeof(world.said),
         "%s%s%s%s=%s(%s) ",
         finding->name,
         finding->finding->subject ? "[" : "",
         finding->finding->subject ? finding->finding->subject : "",
         finding->finding->subject ? "]" : "",
         event_status_name(finding->report->status),
         finding->report->reason);
}

/* Targets with these checks; a zero in `which` leaves one out. */
static inline void set_stage(struct stage *stage, size_t targets, const int *which)
{
    static const struct event_speaker speaker = {
        .realm = "test", .role = "node", .node = "n", .boot = "b", .version = "0", .config = "c"};
    struct error error;
    *stage = (struct stage){.loop = loop_create()};
    loop_drive(stage->loop, 1000000, 1795229882118);
    stage->bus = bus_create(&speaker);
    bus_subscribe(stage->bus, on_event, NULL);
    stage->ledger = ledger_create();
    stage->schedule = schedule_create(stage->loop, stage->bus, stage->ledger);
    assert_int_equal(plugin_add(&stage->plugins, &plugin, "/test", &error), 0);
    stage->config.agent.most_at_once = 100;
    for (size_t i = 0; i < targets; i++) {
        struct config_target *target = &stage->targets[i];
        *target = (struct config_target){.name = i ? "other" : "db",
                                         .plugin = stage->plugins.all[0],
                                         .checks = stage->checks[i]};
        for (int check = 0; check < CHECKS; check++) {
            const struct plugin_check *kind = &stage->plugins.all[0]->checks[check];
            if (!which[check])
                continue;
            stage->checks[i][target->check_count++] = (struct config_check){
                .name = kind->face.name,
                .check = kind,
                .every_ms = 10000,
                .timeout_ms = 3000,
                .critical = condition_compile("count > 100", &kind->measures, &error),
                .rules = {.repeat_ms = 3600000, .every_ms = 10000},
            };
        }
    }
    stage->config.targets = stage->targets;
    stage->config.target_count = targets;
}

static inline void begin(struct stage *stage)
{
    struct problems problems = {0};
    assert_int_equal(schedule_fill(stage->schedule, &stage->config, &problems), 0);
    problems_finish(&problems);
    schedule_start(stage->schedule);
}

static inline void clear_stage(struct stage *stage)
{
    schedule_destroy(stage->schedule);
    for (size_t i = 0; i < stage->config.target_count; i++)
        for (size_t check = 0; check < stage->targets[i].check_count; check++)
            condition_release(stage->checks[i][check].critical);
    bus_destroy(stage->bus);
    ledger_destroy(stage->ledger);
    plugins_finish(&stage->plugins);
    condition_shutdown();
    assert_int_equal(loop_destroy(stage->loop), 0);
}

static const int __attribute__((unused)) all[CHECKS] = {1, 1, 1}, first_only[CHECKS] = {0, 1, 0},
                                         two[CHECKS] = {0, 1, 1};

static inline int fresh_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    return 0;
}

static inline size_t count_of(const char *in, const char *what)
{
    size_t count = 0;
    for (; (in = strstr(in, what)); in += strlen(what))
        count++;
    return count;
}

#endif
