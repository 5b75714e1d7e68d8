/*
 * schedule_fixture - a schedule on a driven clock, with a configuration written as text and a
 * plugin of the test's own.
 *
 * What runs is noted in `journal`, what is said in `said`.
 */
#ifndef TESTS_SCHEDULE_FIXTURE_H
#define TESTS_SCHEDULE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/loop.h"
#include "out/sink.h"
#include "probe/run.h"
#include "probe/schedule.h"

static struct {
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct plugins plugins;
    struct config *config; /* the one in force */
    struct problems problems;
    char journal[65536], said[65536];
} stage;

__attribute__((format(printf, 2, 3))) static void note(char *into, const char *fmt, ...)
{
    size_t len = strlen(into);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(into + len, sizeof(stage.said) - len, fmt, args);
    va_end(args);
}

static inline size_t count_of(const char *in, const char *what)
{
    size_t count = 0;
    for (; (in = strstr(in, what)); in += strlen(what))
        count++;
    return count;
}

static void on_event(const struct event *event, void *data)
{
    const struct event_finding *finding = event->finding;
    (void)data;
    if (!finding)
        return;
    assert_true(finding->duration_us >= 0);
    note(stage.said,
         "%s/%s[%s]=%s(%s) ",
         finding->target,
         finding->name,
         finding->finding->subject ? finding->finding->subject : "",
         event_status_name(finding->report->status),
         finding->report->reason);
}

static struct config *parse(const char *yaml)
{
    return config_parse("a.yaml",
                        yaml,
                        strlen(yaml),
                        &stage.plugins,
                        &(struct config_needs){.version = "0.1", .sinks = sink_types()},
                        &stage.problems);
}

static void open_stage(const struct probe_plugin *plugin)
{
    static const struct event_speaker speaker = {
        .realm = "test", .role = "node", .node = "n", .boot = "b", .version = "0", .config = "c"};
    struct error error;
    memset(&stage, 0, sizeof(stage));
    stage.loop = loop_create();
    loop_drive(stage.loop, 1000000, 1795229882118);
    stage.bus = bus_create(&speaker);
    bus_subscribe(stage.bus, on_event, NULL);
    stage.ledger = ledger_create();
    stage.schedule = schedule_create(stage.loop, stage.bus, stage.ledger);
    assert_int_equal(plugin_add(&stage.plugins, plugin, "/test", &error), 0);
}

static int close_stage(void **state)
{
    (void)state;
    schedule_destroy(stage.schedule);
    config_destroy(stage.config);
    problems_finish(&stage.problems);
    bus_destroy(stage.bus);
    ledger_destroy(stage.ledger);
    plugins_finish(&stage.plugins);
    condition_shutdown();
    return loop_destroy(stage.loop);
}

static void fill(const char *yaml)
{
    stage.config = parse(yaml);
    assert_non_null(stage.config);
    assert_int_equal(schedule_fill(stage.schedule, stage.config, &stage.problems), 0);
}

static inline void begin(const char *yaml)
{
    fill(yaml);
    schedule_start(stage.schedule);
}

/* Lets time pass, and forgets what ran and was said before. */
static inline void pass_ms(uint64_t ms)
{
    stage.journal[0] = stage.said[0] = '\0';
    loop_advance(stage.loop, ms);
}

#endif
