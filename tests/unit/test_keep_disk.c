/* probe/keep: on a real database, in processes that begin one after the other on a driven clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "io/loop.h"
#include "io/store.h"
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

/* ------------------------------------------------------------- streaks ---- */

static const struct ledger_rules hourly = {.every_ms = 10000, .repeat_ms = 3600000};

static struct ledger_report goes_on(struct process *life, const char *subject)
{
    const struct ledger_sample sample = {.status = PROBE_CRITICAL, .clear = true};
    const struct ledger_clock clock = {loop_now_us(life->loop) / 1000u, loop_wall_ms(life->loop)};
    return ledger_take(
        ledger_entry(life->ledger, "db", "connect", subject), &hourly, &sample, clock);
}

static void nothing(uv_prepare_t *turn)
{
    (void)turn;
}

/* `ms` pass, and what has changed is written. */
static void pass(struct process *life, uint64_t ms)
{
    uv_prepare_t turn; /* a loop that waits for nothing does not look for news */
    (void)uv_prepare_init(loop_uv(life->loop), &turn);
    (void)uv_prepare_start(&turn, nothing);
    loop_advance(life->loop, ms);
    while (store_waiting(keep_store(life->keep))) {
        (void)usleep(500);
        loop_advance(life->loop, 0);
    }
    uv_close((uv_handle_t *)&turn, NULL); /* lint: of libuv, so that it looks */
    loop_advance(life->loop, 0);
}

/* Five subjects go on for twenty minutes. */
static void go_on(struct process *life)
{
    static const char *const subjects[] = {"a", "b", "c", "d", "e"};
    begin(life, WALL, "db");
    take_over(life);
    for (int round = 0; round <= 120; round++) {
        for (size_t i = 0; i < COUNT_OF(subjects); i++)
            (void)goes_on(life, subjects[i]);
        pass(life, 10000);
    }
}

static int64_t kept(const char *sql)
{
    MEM_AUTO char *path = mem_print("%s/state.db", folder);
    sqlite3 *db = NULL;
    sqlite3_stmt *found = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &found, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(found), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(found, 0);
    (void)sqlite3_finalize(found);
    (void)sqlite3_close(db);
    return number;
}

static void what_goes_on_is_written_by_its_streak_and_read_again(void **state)
{
    (void)state;
    struct process life;
    go_on(&life);
    end(&life);
    assert_in_range(kept("select count(*) from streak"), 1, 61);
    assert_int_equal(kept("select max(written_ms) from subject"), WALL + 1000);
    begin(&life, WALL + 1210000 + 5000, "db");
    take_over(&life);
    for (const char *subject = "edcba"; *subject; subject++) {
        struct ledger_report report = goes_on(&life, (char[]){*subject, '\0'});
        assert_null(report.reason);
        assert_int_equal(report.streak, 122);
        assert_int_equal(report.since_wall_ms, WALL);
    }
    end(&life);
}

static void its_clocks_are_not_those_of_the_wall(void **state)
{
    (void)state;
    struct process life;
    const int64_t day_ms = 86400000;
    go_on(&life);
    loop_drive(life.loop, loop_now_us(life.loop) / 1000, WALL + day_ms);
    (void)goes_on(&life, "c");
    pass(&life, 10000);
    end(&life);
    begin(&life, WALL + day_ms + 15000, "db");
    take_over(&life);
    assert_null(goes_on(&life, "c").reason); /* it was said twenty minutes ago */
    pass(&life, 2400000);
    assert_string_equal(goes_on(&life, "c").reason, "repeat");
    end(&life);
}

/* A process in which it is not sampled writes the streaks of others, and keeps its. */
static void a_streak_is_as_old_as_its_last_sample(void **state)
{
    (void)state;
    struct process life;
    go_on(&life);
    end(&life);
    begin(&life, WALL + 1210000 + 5000, "db");
    take_over(&life);
    for (int i = 0; i < 2; i++) {
        (void)goes_on(&life, "a");
        pass(&life, 6000);
    }
    end(&life);
    assert_int_equal(kept("select count(*) from streak"), 2);
    begin(&life, WALL + 1210000 + 18000, "db");
    take_over(&life);
    assert_int_equal(goes_on(&life, "b").streak, 122);
    end(&life);
    begin(&life, WALL + 1210000 + 25000, "db");
    take_over(&life);
    assert_int_equal(goes_on(&life, "b").streak, 123);
    assert_int_equal(goes_on(&life, "a").streak, 124);
    assert_int_equal(goes_on(&life, "c").streak, 1);
    end(&life);
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
        TEST(what_goes_on_is_written_by_its_streak_and_read_again),
        TEST(its_clocks_are_not_those_of_the_wall),
        TEST(a_streak_is_as_old_as_its_last_sample),
        TEST(what_is_not_configured_any_more_is_removed_once),
        TEST(nothing_is_removed_before_a_configuration_is_in_force),
        TEST(notes_outlive_the_process),
        TEST(a_secret_is_no_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
