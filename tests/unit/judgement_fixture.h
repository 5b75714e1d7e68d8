/*
 * judgement_fixture - a plugin that does as it is told, watched by a schedule on a driven clock, and
 * what it made the agent say.  For tests of when something is said.
 */
#ifndef JUDGEMENT_FIXTURE_H
#define JUDGEMENT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "probe/schedule.h"

/* ------------------------------------------- a plugin that does as told ---- */

enum behaviour { ANSWER, BAD, BAD_LATER, DOWN, DENY, HANG, BARE };

/* What a check does that nobody told anything: it answers well. */
static struct order {
    char label[32]; /* "db/first" */
    enum behaviour behaves;
} orders[16];

static char journal[16384]; /* which checks ran */
static char said[16384];    /* and what was said */

__attribute__((format(printf, 3, 4))) static void note(char *into, size_t room, const char *fmt,
                                                       ...)
{
    size_t len = strlen(into);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(into + len, room - len, fmt, args);
    va_end(args);
}

static struct order *order_of(const char *label)
{
    size_t i = 0;
    for (; *orders[i].label; i++)
        if (strcmp(orders[i].label, label) == 0)
            return &orders[i];
    assert_true(i + 1 < COUNT_OF(orders));
    (void)snprintf(orders[i].label, sizeof(orders[i].label), "%s", label);
    return &orders[i];
}

static inline void tell(const char *label, enum behaviour behaves)
{
    order_of(label)->behaves = behaves;
}

static void on_timer(int status, void *data)
{
    (void)status; /* the run's deadline: the agent ends it */
    (void)data;
}

static void on_later(int status, void *data)
{
    struct probe_run *run = data;
    if (status < 0)
        return;
    probe_report(run, .summary = "bad", .fields = PROBE_FIELDS(probe_int("count", 101)));
    probe_done(run);
}

static void run(struct probe_target *self, struct probe_run *run)
{
    char label[32];
    (void)snprintf(label, sizeof(label), "%s/%s", self->name, run->name);
    note(journal, sizeof(journal), "%s ", label);
    switch (order_of(label)->behaves) {
    case HANG:
        probe_timer(&run->life, 3600000, on_timer, run);
        return;
    case DOWN:
        probe_end(run, .how = PROBE_DOWN, .status = -ECONNREFUSED, .summary = "nobody there");
        return;
    case DENY:
        probe_end(run, .how = PROBE_DENIED, .reason = "noauth", .summary = "not for you");
        return;
    case BAD_LATER:
        probe_timer(&run->life, 2000, on_later, run);
        return;
    case BARE:
        probe_report(run, .summary = "without its measure");
        break;
    case BAD:
        probe_report(run, .summary = "bad", .fields = PROBE_FIELDS(probe_int("count", 101)));
        break;
    default:
        probe_report(run, .summary = "fine", .fields = PROBE_FIELDS(probe_int("count", 1)));
    }
    probe_done(run);
}

struct told {
    const struct probe_url *url;
};

static const struct probe_option options[] = {{"url", PROBE_URL_AT(struct told, url)}, {0}};
static const struct probe_measure measures[] = {{"count", "how many", .kind = PROBE_GAUGE}, {0}};
#define CHECK(name_, optional_)                                                                    \
    {                                                                                              \
        .name = (name_), .title = "t", .measures = measures, .every = "10s", .timeout = "3s",      \
        .critical = "count > 100", .optional = (optional_), .run = run                             \
    }
static const struct probe_check checks[] = {CHECK("connect", false),
                                            CHECK("first", false),
                                            CHECK("second", true),
                                            {.name = "silent",
                                             .title = "no answer means that nobody is there",
                                             .measures = measures,
                                             .every = "10s",
                                             .timeout = "3s",
                                             .late = PROBE_DOWN,
                                             .optional = true,
                                             .run = run},
                                            {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does as it is told",
    .scheme = "told",
    .where = PROBE_NODE,
    .parallel = 1,
    .options = options,
    .config_size = sizeof(struct told),
    .checks = checks,
};

/* ------------------------------------------------------------ the stage ---- */

static struct {
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct plugins plugins;
    struct config *config;
    struct problems problems;
} stage;

static void on_event(const struct event *event, void *data)
{
    const struct event_finding *finding = event->finding;
    (void)data;
    if (!finding) {
        note(said, sizeof(said), "%s; ", event->message);
        return;
    }
    note(said,
         sizeof(said),
         "%s/%s=%s(%s)%s",
         finding->target,
         finding->name,
         event_status_name(finding->report->status),
         finding->report->reason,
         strstr(event->json, "\"inactive\":true") ? "-" : "");
    for (const char *const *held = finding->held; held && *held; held++)
        note(said, sizeof(said), "%s%s", held == finding->held ? "[" : ",", *held);
    note(said, sizeof(said), "%s ", finding->held ? "]" : "");
}

static inline struct config *parse(const char *yaml)
{
    return config_parse("a.yaml",
                        yaml,
                        strlen(yaml),
                        &stage.plugins,
                        &(struct config_needs){.version = "0.1"},
                        &stage.problems);
}

static inline int64_t utc(int month, int day, int hour, int minute)
{
    return 1000LL * timegm(&(struct tm){.tm_year = 2026 - 1900,
                                        .tm_mon = month - 1,
                                        .tm_mday = day,
                                        .tm_hour = hour,
                                        .tm_min = minute});
}

static inline int set_stage(void **state)
{
    static const struct event_speaker speaker = {
        .realm = "test", .role = "node", .node = "n", .boot = "b", .version = "0", .config = "c"};
    struct error error;
    (void)state;
    memset(&stage, 0, sizeof(stage));
    memset(orders, 0, sizeof(orders));
    journal[0] = said[0] = '\0';
    stage.loop = loop_create();
    loop_drive(stage.loop, 1000000, utc(11, 21, 12, 0));
    stage.bus = bus_create(&speaker);
    bus_subscribe(stage.bus, on_event, NULL);
    stage.ledger = ledger_create();
    stage.schedule = schedule_create(stage.loop, stage.bus, stage.ledger);
    return plugin_add(&stage.plugins, &plugin, "/test", &error);
}

static inline int clear_stage(void **state)
{
    (void)state;
    schedule_destroy(stage.schedule);
    resolve_shutdown(stage.loop);
    config_destroy(stage.config);
    problems_finish(&stage.problems);
    bus_destroy(stage.bus);
    ledger_destroy(stage.ledger);
    plugins_finish(&stage.plugins);
    condition_shutdown();
    return loop_destroy(stage.loop);
}

static inline void begin(const char *yaml)
{
    stage.config = parse(yaml);
    assert_non_null(stage.config);
    assert_int_equal(schedule_fill(stage.schedule, stage.config, &stage.problems), 0);
    schedule_start(stage.schedule);
}

/* Lets time pass, and forgets what ran and was said before. */
static inline void pass(uint64_t seconds)
{
    journal[0] = said[0] = '\0';
    loop_advance(stage.loop, seconds * 1000);
}

static inline bool ran(const char *label)
{
    char word[40];
    (void)snprintf(word, sizeof(word), "%s ", label);
    return strstr(journal, word) != NULL;
}

static inline void assert_said(const char *what)
{
    if (!strstr(said, what))
        fail_msg("not said: %s\nsaid: %s", what, said);
}

static inline void assert_not_said(const char *what)
{
    if (strstr(said, what))
        fail_msg("said: %s", said);
}

static inline void on_all_asked(void *data)
{
    *(bool *)data = true;
}

static inline void check_names(const char *yaml, const char *problem)
{
    struct text TEXT_AUTO text;
    text_init(&text, 10000);
    struct config *config = parse(yaml);
    problems_print(&stage.problems, &text);
    problems_finish(&stage.problems);
    stage.problems = (struct problems){0};
    config_destroy(config);
    assert_string_equal(text.bytes, problem);
}

#endif
