/* probe/ledger_streak: what goes on is kept by its streak alone, and restored as if kept whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/ledger.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };
#define WALL INT64_C(1795229882118)

static const struct ledger_rules rules = {
    .for_ms = {[PROBE_WARNING] = 10 * SECOND, [PROBE_CRITICAL] = 10 * SECOND},
    .recover_ms = 10 * SECOND,
    .repeat_ms = 5 * MINUTE,
    .snapshot_ms = 60 * MINUTE,
    .every_ms = SECOND,
};

/* A ledger, and what is kept of its one subject. */
static struct {
    struct ledger *ledger;
    struct text standing, counters, streaks;
    struct ledger_kept kept;
    int64_t row_ms, streak_ms;
} now;

static struct ledger_clock at(int64_t ms)
{
    return (struct ledger_clock){5000000 + (uint64_t)ms, WALL + ms};
}

static struct ledger_report sample(enum probe_status status, int64_t ms)
{
    const struct ledger_sample sample = {.status = status, .clear = true};
    return ledger_take(ledger_entry(now.ledger, "db", "locks", "a"), &rules, &sample, at(ms));
}

/* Keeps what is to be kept. */
static enum { NOTHING, STREAK, ROW } keep(int64_t ms, bool all)
{
    text_cut_to(&now.streaks, 0);
    bool streaks = ledger_take_streaks(now.ledger, at(ms), all, &now.streaks);
    const char *from = now.streaks.bytes, *end = from + now.streaks.len;
    if (streaks) {
        assert_true(ledger_next_streak(&from, end, &now.kept.streak));
        assert_false(ledger_next_streak(&from, end, &now.kept.streak));
        now.streak_ms = ms;
    }
    struct text TEXT_AUTO standing, TEXT_AUTO counters;
    text_init(&standing, 4096);
    text_init(&counters, 4096);
    struct ledger_kept row = {.standing = &standing, .counters = &counters};
    if (!ledger_take_changed(now.ledger, at(ms), &row))
        return streaks ? STREAK : NOTHING;
    assert_false(streaks);
    text_cut_to(&now.standing, 0);
    text_add_n(&now.standing, standing.bytes, standing.len);
    now.kept.id = row.id;
    now.row_ms = ms;
    return ROW;
}

/* A row of an ok sample, and the streak of one more. */
static void go_on_for_a_second(void)
{
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    (void)sample(PROBE_OK, 1000);
    assert_int_equal(keep(1000, false), STREAK);
}

/* The same of what is critical, ten seconds later. */
static void go_on_being_critical(void)
{
    (void)sample(PROBE_CRITICAL, 0);
    (void)sample(PROBE_CRITICAL, 10000);
    assert_int_equal(keep(10000, false), ROW);
    (void)sample(PROBE_CRITICAL, 11000);
    assert_int_equal(keep(11000, false), STREAK);
}

/* What is kept, as it is put back. */
static struct ledger_kept kept_row(void)
{
    struct ledger_kept kept = now.kept;
    kept.target = "db";
    kept.name = "locks";
    kept.subject = "a";
    return kept;
}

/* Another process, on a clock of its own, at `ms` of ours. */
static struct ledger_report restarted(enum probe_status status, int64_t ms, bool anew)
{
    const struct ledger_clock clock = {700, WALL + ms};
    struct ledger *next = ledger_create();
    struct ledger_kept kept = kept_row();
    int64_t passed_ms = ms - now.row_ms;
    if (ledger_streak_fits(&now.standing, &kept.streak)) {
        kept.streak.age_ms += ms - now.streak_ms;
        passed_ms = ms - now.streak_ms + kept.streak.after_ms;
    } else {
        kept.streak = (struct ledger_streak){0};
    }
    (void)ledger_restore(next, &kept, NULL, clock, passed_ms, anew);
    const struct ledger_sample sample = {.status = status, .clear = true};
    struct ledger_report report =
        ledger_take(ledger_entry(next, "db", "locks", "a"), &rules, &sample, clock);
    ledger_destroy(now.ledger);
    now.ledger = next;
    return report;
}

static void what_goes_on_is_not_kept_anew(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    assert_int_equal(keep(500, false), NOTHING);
    for (int i = 1; i <= 30; i++) {
        (void)sample(PROBE_OK, (int64_t)i * SECOND);
        assert_int_equal(keep((int64_t)i * SECOND, false), STREAK);
    }
    assert_int_equal(now.kept.streak.samples, 30);
    assert_int_equal(now.kept.streak.after_ms, 30 * SECOND);
    struct ledger_report report = restarted(PROBE_OK, 31 * SECOND, false);
    assert_null(report.reason);
    assert_int_equal(report.streak, 32);
    assert_int_equal(report.since_wall_ms, WALL);
}

static void what_is_bad_goes_on_as_well_and_its_clocks_with_it(void **state)
{
    (void)state;
    (void)sample(PROBE_CRITICAL, 0);
    assert_string_equal(sample(PROBE_CRITICAL, 10000).reason, "start");
    assert_int_equal(keep(10000, false), ROW);
    for (int64_t ms = 20000; ms <= 200000; ms += 10000)
        assert_null(sample(PROBE_CRITICAL, ms).reason);
    assert_int_equal(keep(200000, false), STREAK);
    assert_null(restarted(PROBE_CRITICAL, 300000, false).reason);
    assert_string_equal(restarted(PROBE_CRITICAL, 310000, false).reason, "repeat");
    assert_int_equal(now.kept.streak.samples, 19);
}

static void whatever_else_changes_is_kept_anew(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    (void)sample(PROBE_OK, 1000);
    assert_null(sample(PROBE_CRITICAL, 2000).reason); /* a run has begun */
    assert_int_equal(keep(2000, false), ROW);
    assert_null(sample(PROBE_CRITICAL, 3000).reason);
    assert_int_equal(keep(3000, false), STREAK);
    assert_null(sample(PROBE_UNKNOWN, 4000).reason);
    assert_int_equal(keep(4000, false), ROW);
    assert_null(sample(PROBE_UNKNOWN, 5000).reason);
    assert_int_equal(keep(5000, false), ROW);
    assert_null(sample(PROBE_CRITICAL, 6000).reason); /* no unknown in a row any more */
    assert_int_equal(keep(6000, false), ROW);
    assert_null(sample(PROBE_CRITICAL, 7000).reason);
    assert_int_equal(keep(7000, false), STREAK);
    assert_int_equal(now.kept.streak.samples, 1);
    assert_string_equal(sample(PROBE_CRITICAL, 12000).reason, "change");
    assert_int_equal(keep(12000, false), ROW);
    assert_null(sample(PROBE_OK, 13000).reason); /* a run has ended */
    assert_int_equal(keep(13000, false), ROW);
}

/* It was said again: the clock of repeats has moved. */
static void a_line_that_was_said_is_kept(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    assert_string_equal(sample(PROBE_OK, 60 * MINUTE).reason, "snapshot");
    assert_int_equal(keep(60 * MINUTE, false), ROW);
}

/* While flapping holds the status, what is settled changes without a word. */
static void what_changes_in_silence_is_kept(void **state)
{
    (void)state;
    static const struct ledger_rules quick = {.every_ms = SECOND, .recover_ms = 10 * SECOND};
    const struct ledger_sample ok = {.status = PROBE_OK, .clear = true};
    const struct ledger_sample bad = {.status = PROBE_WARNING, .clear = true};
    struct ledger_entry *entry = ledger_entry(now.ledger, "db", "locks", "a");
    for (int i = 0; i < 80; i++)
        (void)ledger_take(entry, &quick, i / 10 % 2 ? &bad : &ok, at((int64_t)i * 1200));
    assert_true(ledger_take(entry, &quick, &ok, at(97000)).flapping);
    assert_int_equal(keep(97000, false), ROW);
    assert_null(ledger_take(entry, &quick, &ok, at(98000)).reason);
    assert_int_equal(keep(98000, false), STREAK);
    assert_null(ledger_take(entry, &quick, &ok, at(110000)).reason);
    assert_int_equal(keep(110000, false), ROW);
}

/* Known to be better, but not borne out: it stays unknown. */
static void what_is_known_meanwhile_is_kept(void **state)
{
    (void)state;
    (void)sample(PROBE_CRITICAL, 0);
    (void)sample(PROBE_CRITICAL, 10000);
    for (int i = 1; i <= 3; i++)
        (void)sample(PROBE_UNKNOWN, 10000 + i * 1000);
    (void)sample(PROBE_WARNING, 14000);
    (void)sample(PROBE_OK, 20000);
    (void)keep(20000, false);
    assert_int_equal(sample(PROBE_OK, 22000).status, PROBE_UNKNOWN);
    assert_int_equal(keep(22000, false), STREAK);
    assert_int_equal(sample(PROBE_OK, 24500).status, PROBE_UNKNOWN);
    assert_int_equal(keep(24500, false), ROW);
}

static void flapping_that_ends_is_kept(void **state)
{
    (void)state;
    static const struct ledger_rules quick = {.every_ms = SECOND};
    const struct ledger_sample ok = {.status = PROBE_OK, .clear = true};
    const struct ledger_sample bad = {.status = PROBE_WARNING, .clear = true};
    struct ledger_entry *entry = ledger_entry(now.ledger, "db", "locks", "a");
    for (int i = 0; i <= 6; i++)
        (void)ledger_take(entry, &quick, i % 2 ? &bad : &ok, at((int64_t)i * 1000));
    (void)ledger_take(entry, &quick, &bad, at(7000));
    assert_int_equal(keep(7000, false), ROW);
    assert_true(ledger_take(entry, &quick, &bad, at(8000)).flapping);
    assert_int_equal(keep(8000, false), STREAK);
    assert_false(ledger_take(entry, &quick, &bad, at(7000 + 30 * MINUTE)).flapping);
    assert_int_equal(keep(7000 + 30 * MINUTE, false), ROW);
}

static void counters_are_kept_with_every_sample(void **state)
{
    (void)state;
    static const struct probe_measure table[] = {{"errors_total", "errors", PROBE_COUNTER}, {0}};
    struct measures measures;
    measures_init(&measures, table);
    struct value *values = values_create(measures.count);
    for (int i = 0; i < 3; i++) {
        values[measures_find(&measures, "errors_total")] =
            (struct value){VALUE_INTEGER, {.integer = i}};
        ledger_count(ledger_entry(now.ledger, "db", "locks", "a"), &measures, values, at(i));
        (void)sample(PROBE_OK, i);
        assert_int_equal(keep(i, false), ROW);
    }
    values_destroy(values, measures.count);
    measures_finish(&measures);
}

static void a_streak_of_what_was_kept_before_says_nothing(void **state)
{
    (void)state;
    go_on_for_a_second();
    (void)sample(PROBE_CRITICAL, 2000);
    assert_int_equal(keep(2000, false), ROW);
    assert_int_equal(now.kept.streak.samples, 1); /* the old one is still there */
    assert_int_equal(restarted(PROBE_CRITICAL, 3000, false).streak, 0);
    assert_string_equal(sample(PROBE_CRITICAL, 5000000).reason, "change");
}

static void all_streaks_are_kept_once_in_a_while_each_with_its_age(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    assert_int_equal(keep(1000, true), NOTHING); /* the row says it */
    (void)sample(PROBE_OK, 2000);
    assert_int_equal(keep(2000, true), STREAK);
    assert_int_equal(now.kept.streak.age_ms, 0);
    assert_int_equal(keep(9000, false), NOTHING);
    assert_int_equal(keep(9000, true), STREAK);
    assert_int_equal(now.kept.streak.samples, 1);
    assert_int_equal(now.kept.streak.after_ms, 9000);
    assert_int_equal(now.kept.streak.age_ms, 7000);
}

static void a_process_goes_on_with_what_it_has_found(void **state)
{
    (void)state;
    go_on_for_a_second();
    assert_int_equal(restarted(PROBE_OK, 2000, false).streak, 3);
    text_cut_to(&now.streaks, 0);
    assert_true(ledger_take_streaks(
        now.ledger, (struct ledger_clock){700, WALL + 2000}, false, &now.streaks));
    const char *from = now.streaks.bytes;
    assert_true(ledger_next_streak(&from, from + now.streaks.len, &now.kept.streak));
    assert_int_equal(now.kept.streak.id, now.kept.id);
    assert_int_equal(now.kept.streak.samples, 2);
    assert_int_equal(now.kept.streak.after_ms, 2000);
    assert_true(ledger_streak_fits(&now.standing, &now.kept.streak));
}

static void what_begins_anew_is_kept_anew(void **state)
{
    (void)state;
    go_on_being_critical();
    assert_int_equal(restarted(PROBE_CRITICAL, 90000, true).streak, 1);
    assert_int_equal(keep(90000, false), ROW);
    assert_false(ledger_streak_fits(&now.standing, &now.kept.streak));
}

/* ... and is not heard of by its old streak, before it has a sample. */
static void what_begins_anew_has_no_streak(void **state)
{
    (void)state;
    go_on_being_critical();
    struct ledger *next = ledger_create();
    struct ledger_kept kept = kept_row();
    (void)ledger_restore(next, &kept, NULL, at(90000), 79000, true);
    assert_false(ledger_take_streaks(next, at(90000), true, &now.streaks));
    ledger_destroy(next);
}

/* Nor has what came from elsewhere, of which nothing is kept here. */
static void what_has_no_row_here_is_kept_whole(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    now.kept.id = 0;
    assert_null(restarted(PROBE_OK, 1000, false).reason);
    assert_int_equal(keep(1000, true), ROW);
}

static void what_is_restored_is_as_old_as_it_was(void **state)
{
    (void)state;
    go_on_for_a_second();
    struct ledger *next = ledger_create();
    struct ledger_kept kept = kept_row();
    kept.streak.age_ms = 4000;
    (void)ledger_restore(next, &kept, NULL, at(5000), 5000, false);
    text_cut_to(&now.streaks, 0);
    assert_true(ledger_take_streaks(next, at(7000), true, &now.streaks));
    const char *from = now.streaks.bytes;
    assert_true(ledger_next_streak(&from, from + now.streaks.len, &kept.streak));
    assert_int_equal(kept.streak.age_ms, 6000);
    assert_int_equal(kept.streak.after_ms, 7000);
    ledger_destroy(next);
}

static void what_could_not_be_written_is_kept_anew(void **state)
{
    (void)state;
    (void)sample(PROBE_OK, 0);
    assert_int_equal(keep(0, false), ROW);
    (void)sample(PROBE_OK, 1000);
    ledger_change_all(now.ledger);
    assert_int_equal(keep(1000, true), ROW);
    assert_int_equal(restarted(PROBE_OK, 2000, false).streak, 3);
}

static void no_bytes_break_the_reader(void **state)
{
    (void)state;
    char bytes[64];
    for (int seed = 0; seed < 256; seed++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(seed + (int)i * 37);
        const char *from = bytes;
        struct ledger_streak streak;
        while (ledger_next_streak(&from, bytes + sizeof(bytes), &streak))
            assert_true(streak.after_ms >= 0 && streak.age_ms >= 0);
        assert_ptr_equal(from, bytes + sizeof(bytes));
    }
}

static int set_up(void **state)
{
    (void)state;
    now.ledger = ledger_create();
    text_init(&now.standing, 4096);
    text_init(&now.counters, 4096);
    text_init(&now.streaks, 4096);
    now.kept = (struct ledger_kept){.standing = &now.standing, .counters = &now.counters};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_destroy(now.ledger);
    text_finish(&now.standing);
    text_finish(&now.counters);
    text_finish(&now.streaks);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_goes_on_is_not_kept_anew),
        TEST(what_is_bad_goes_on_as_well_and_its_clocks_with_it),
        TEST(whatever_else_changes_is_kept_anew),
        TEST(a_line_that_was_said_is_kept),
        TEST(what_changes_in_silence_is_kept),
        TEST(what_is_known_meanwhile_is_kept),
        TEST(flapping_that_ends_is_kept),
        TEST(counters_are_kept_with_every_sample),
        TEST(a_streak_of_what_was_kept_before_says_nothing),
        TEST(all_streaks_are_kept_once_in_a_while_each_with_its_age),
        TEST(a_process_goes_on_with_what_it_has_found),
        TEST(what_begins_anew_is_kept_anew),
        TEST(what_begins_anew_has_no_streak),
        TEST(what_has_no_row_here_is_kept_whole),
        TEST(what_is_restored_is_as_old_as_it_was),
        TEST(what_could_not_be_written_is_kept_anew),
        TEST(no_bytes_break_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
