/* probe/keep: on a real database, in processes that begin one after the other on a driven clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "io/loop.h"
#include "probe/keep.h"

#define WALL INT64_C(1795229882118)

static void run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    (void)run;
}

static const struct probe_check checks[] = {
    {.name = "connect", .title = "t", .every = "10s", .timeout = "1s", .run = run}, {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI, .name = "told", .version = "1", .summary = "s", .checks = checks};

/* One process of several that have the same folder. */
struct process {
    struct plugins plugins;
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct config *config;
    struct keep *keep;
    char said[4096];
};

static char folder[64];

static void quiet(enum log_level level, const char *text, void *data)
{
    (void)level;
    (void)text;
    (void)data;
}

static void on_event(const struct event *event, void *data)
{
    struct process *life = data;
    size_t len = strlen(life->said);
    (void)snprintf(life->said + len, sizeof(life->said) - len, "%s\n", event->json);
}

static void begin(struct process *life, int64_t wall_ms, const char *target)
{
    struct error error;
    struct problems problems = {0};
    const struct event_speaker speaker = {.realm = "tests", .role = "cluster", .version = "1"};
    const struct config_needs needs = {.version = "1"};
    MEM_AUTO char *text = mem_print("targets: {%s: {type: told}}", target);
    memset(life, 0, sizeof(*life));
    life->loop = loop_create();
    loop_drive(life->loop, 1000, wall_ms);
    life->bus = bus_create(&speaker);
    bus_subscribe(life->bus, on_event, life);
    life->ledger = ledger_create();
    life->schedule = schedule_create(life->loop, life->bus, life->ledger);
    assert_int_equal(plugin_add(&life->plugins, &plugin, "/test", &error), 0);
    life->config = config_parse("t", text, strlen(text), &life->plugins, &needs, &problems);
    assert_non_null(life->config);
    problems_finish(&problems);
    life->keep = keep_open(life->loop, life->ledger, folder, NULL, &error);
    assert_non_null(life->keep);
    keep_serve_notes(life->keep, life->schedule);
}

static void take_over(struct process *life)
{
    keep_take_over(life->keep, life->schedule, life->config);
}

static void end(struct process *life)
{
    schedule_destroy(life->schedule);
    keep_close(life->keep, 5000);
    ledger_destroy(life->ledger);
    bus_destroy(life->bus);
    config_destroy(life->config);
    plugins_finish(&life->plugins);
    assert_int_equal(loop_destroy(life->loop), 0);
}

static struct ledger_report critical(struct process *life)
{
    static const struct ledger_rules rules = {.every_ms = 10000};
    const struct ledger_sample sample = {.status = PROBE_CRITICAL, .clear = true};
    const struct ledger_clock clock = {loop_now_us(life->loop) / 1000u, loop_wall_ms(life->loop)};
    return ledger_take(ledger_entry(life->ledger, "db", "connect", NULL), &rules, &sample, clock);
}

/* What the next process makes of a critical sample, `passed_ms` later. */
static struct ledger_report after(int64_t passed_ms)
{
    struct process life;
    begin(&life, WALL, "db");
    take_over(&life);
    (void)critical(&life);
    end(&life);
    begin(&life, WALL + passed_ms, "db");
    take_over(&life);
    struct ledger_report report = critical(&life);
    end(&life);
    return report;
}

static void younger_than_three_intervals_goes_on(void **state)
{
    (void)state;
    struct ledger_report report = after(29999);
    assert_null(report.reason);
    assert_int_equal(report.streak, 2);
    assert_int_equal(report.since_wall_ms, WALL);
}

static void three_intervals_old_begins_anew(void **state)
{
    (void)state;
    struct ledger_report report = after(30000);
    assert_string_equal(report.reason, "start");
    assert_int_equal(report.streak, 1);
}

static void a_clock_that_was_set_back_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(after(-3600000).streak, 2);
}

static void what_is_not_configured_any_more_is_removed_once(void **state)
{
    (void)state;
    struct process life;
    begin(&life, WALL, "db");
    take_over(&life);
    (void)critical(&life);
    end(&life);
    for (int i = 0; i < 2; i++) {
        begin(&life, WALL + 1000, "other");
        take_over(&life);
        assert_int_equal(strstr(life.said, "\"reason\":\"removed\"") != NULL, i == 0);
        end(&life);
    }
}

static void nothing_is_removed_before_a_configuration_is_in_force(void **state)
{
    (void)state;
    struct process life;
    begin(&life, WALL, "db");
    take_over(&life);
    (void)critical(&life);
    end(&life);
    begin(&life, WALL + 1000, "other");
    end(&life);
    begin(&life, WALL + 2000, "db");
    take_over(&life);
    assert_int_equal(critical(&life).streak, 2);
    end(&life);
}

static void remember(struct process *life, const char *key, const char *value)
{
    struct notes notes = {0};
    (void)note_remember(&notes, key, value);
    life->schedule->notes.remember("db", "connect", &notes, life->schedule->notes.data);
    notes_finish(&notes);
}

static char *recalled(const char *key)
{
    struct process life;
    struct notes notes = {0};
    begin(&life, WALL, "db");
    life.schedule->notes.recall("db", "connect", &notes, life.schedule->notes.data);
    char *value = mem_copy(note_recall(&notes, key));
    notes_finish(&notes);
    end(&life);
    return value;
}

static void notes_outlive_the_process(void **state)
{
    (void)state;
    struct process life;
    begin(&life, WALL, "db");
    take_over(&life);
    remember(&life, "position", "old");
    remember(&life, "position", "4711");
    end(&life);
    MEM_AUTO char *value = recalled("position");
    assert_string_equal(value, "4711");
}

static void a_secret_is_no_note(void **state)
{
    (void)state;
    struct process life;
    redact_learn("s3cr3t-of-the-tests");
    begin(&life, WALL, "db");
    take_over(&life);
    remember(&life, "password", "is s3cr3t-of-the-tests");
    end(&life);
    redact_forget_all();
    MEM_AUTO char *value = recalled("password");
    assert_null(value);
}

static int set_up(void **state)
{
    (void)state;
    log_to(quiet, NULL);
    (void)snprintf(folder, sizeof(folder), "/tmp/runbookd-keep-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    MEM_AUTO char *command = mem_print("rm -rf '%s'", folder);
    log_to(NULL, NULL);
    return system(command); /* lint: the test's own folder */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(younger_than_three_intervals_goes_on),
        TEST(three_intervals_old_begins_anew),
        TEST(a_clock_that_was_set_back_costs_nothing),
        TEST(what_is_not_configured_any_more_is_removed_once),
        TEST(nothing_is_removed_before_a_configuration_is_in_force),
        TEST(notes_outlive_the_process),
        TEST(a_secret_is_no_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
