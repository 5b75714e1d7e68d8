/* probe/keep, ledger_kept, standing_pack: what outlives the process, on a driven clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/ledger.h"
#include "probe/standing.h"
#include "probe/tape.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };
#define WALL INT64_C(1795229882118)

static const struct ledger_rules rules = {
    .for_ms = {[PROBE_WARNING] = 10 * SECOND, [PROBE_CRITICAL] = 10 * SECOND},
    .recover_ms = 10 * SECOND,
    .repeat_ms = 5 * MINUTE,
    .snapshot_ms = 60 * MINUTE,
    .every_ms = SECOND,
};

static struct ledger_clock first(int64_t ms)
{
    return (struct ledger_clock){5000000 + (uint64_t)ms, WALL + ms};
}

/* Of a process that began long after: its clock starts near zero. */
static struct ledger_clock second(int64_t ms)
{
    return (struct ledger_clock){700 + (uint64_t)ms, WALL + ms};
}

static struct ledger_report sample(struct ledger *ledger, enum probe_status status,
                                   struct ledger_clock clock)
{
    const struct ledger_sample sample = {.status = status, .clear = true};
    return ledger_take(ledger_entry(ledger, "db", "locks", "a"), &rules, &sample, clock);
}

/* A ledger as the next process finds it, `passed_ms` after `clock`. */
static struct ledger *restarted(struct ledger *old, struct ledger_clock then,
                                struct ledger_clock now, bool anew)
{
    struct text TEXT_AUTO standing, TEXT_AUTO counters;
    text_init(&standing, 4096);
    text_init(&counters, 4096);
    struct ledger_kept kept = {.standing = &standing, .counters = &counters};
    struct ledger *new = ledger_create();
    assert_true(ledger_take_changed(old, then, &kept));
    (void)ledger_restore(new, &kept, NULL, now, now.wall_ms - then.wall_ms, anew);
    ledger_destroy(old);
    return new;
}

static void clocks_go_on_where_they_stood(void **state)
{
    (void)state;
    struct ledger *ledger = ledger_create();
    (void)sample(ledger, PROBE_OK, first(0));
    assert_null(sample(ledger, PROBE_CRITICAL, first(1000)).reason);
    assert_null(sample(ledger, PROBE_CRITICAL, first(5000)).reason);
    ledger = restarted(ledger, first(5000), second(7000), false);
    assert_null(sample(ledger, PROBE_CRITICAL, second(10999)).reason);
    struct ledger_report report = sample(ledger, PROBE_CRITICAL, second(11000));
    assert_string_equal(report.reason, "change");
    assert_int_equal(report.previous, PROBE_OK);
    assert_int_equal(report.since_wall_ms, WALL + 1000);
    assert_int_equal(report.streak, 4);
    ledger_destroy(ledger);
}

static void a_known_status_is_not_said_again(void **state)
{
    (void)state;
    struct ledger *ledger = ledger_create();
    assert_string_equal(sample(ledger, PROBE_OK, first(0)).reason, "start");
    ledger = restarted(ledger, first(0), second(2000), false);
    struct ledger_report report = sample(ledger, PROBE_OK, second(2000));
    assert_null(report.reason);
    assert_int_equal(report.streak, 2);
    assert_int_equal(report.since_wall_ms, WALL);
    ledger_destroy(ledger);
}

static struct ledger *critical_once(void)
{
    struct ledger *ledger = ledger_create();
    (void)sample(ledger, PROBE_CRITICAL, first(0));
    assert_string_equal(sample(ledger, PROBE_CRITICAL, first(10000)).reason, "start");
    return ledger;
}

static void what_is_too_old_begins_anew_and_its_recovery_is_said(void **state)
{
    (void)state;
    struct ledger *ledger = restarted(critical_once(), first(10000), second(60000), true);
    struct ledger_report report = sample(ledger, PROBE_OK, second(60000));
    assert_string_equal(report.reason, "change");
    assert_int_equal(report.status, PROBE_OK);
    assert_int_equal(report.previous, PROBE_CRITICAL);
    ledger_destroy(ledger);
}

static void what_is_too_old_and_still_bad_is_a_start_after_its_hold(void **state)
{
    (void)state;
    struct ledger *ledger = restarted(critical_once(), first(10000), second(60000), true);
    struct ledger_report report = sample(ledger, PROBE_CRITICAL, second(60000));
    assert_null(report.reason);
    assert_int_equal(report.status, PROBE_CRITICAL);
    assert_int_equal(report.streak, 1);
    report = sample(ledger, PROBE_CRITICAL, second(70000));
    assert_string_equal(report.reason, "start");
    assert_int_equal(report.since_wall_ms, WALL + 60000);
    ledger_destroy(ledger);
}

static void what_is_too_old_and_was_fine_is_as_if_it_had_never_been(void **state)
{
    (void)state;
    struct ledger *ledger = ledger_create();
    (void)sample(ledger, PROBE_OK, first(0));
    ledger = restarted(ledger, first(0), second(60000), true);
    struct ledger_report report = sample(ledger, PROBE_OK, second(60000));
    assert_string_equal(report.reason, "start");
    assert_int_equal(report.previous, PROBE_GRADED);
    ledger_destroy(ledger);
}

static void on_gone(const char *subject, const struct ledger_report *report, void *data)
{
    assert_string_equal(subject, "a");
    assert_string_equal(report->reason, "gone");
    assert_int_equal(report->previous, PROBE_CRITICAL);
    ++*(int *)data;
}

static void a_restored_subject_that_two_runs_do_not_see_is_gone(void **state)
{
    (void)state;
    int gone = 0;
    uint64_t ids[2];
    struct ledger *ledger = restarted(critical_once(), first(10000), second(11000), false);
    ledger_finish_run(ledger, "db", "locks", second(12000), on_gone, &gone);
    assert_int_equal(gone, 0);
    ledger_finish_run(ledger, "db", "locks", second(13000), on_gone, &gone);
    assert_int_equal(gone, 1);
    assert_int_equal(ledger_take_ended(ledger, ids, 2), 1);
    assert_int_equal(ids[0], 1);
    ledger_destroy(ledger);
}

static void flapping_goes_on(void **state)
{
    (void)state;
    static const struct ledger_rules quick = {.every_ms = SECOND, .repeat_ms = 5 * MINUTE};
    struct ledger *ledger = ledger_create();
    struct ledger_report report = {0};
    for (int i = 0; i <= 6; i++)
        report = ledger_take(
            ledger_entry(ledger, "db", "locks", "a"),
            &quick,
            &(struct ledger_sample){.status = i % 2 ? PROBE_WARNING : PROBE_OK, .clear = true},
            first((int64_t)i * 1000));
    assert_string_equal(report.reason, "flapping");
    ledger = restarted(ledger, first(6000), second(8000), false);
    report = sample(ledger, PROBE_OK, second(8000));
    assert_true(report.flapping);
    assert_int_equal(report.status, PROBE_WARNING);
    report = sample(ledger, PROBE_OK, second(8000 + 30 * MINUTE));
    assert_false(report.flapping);
    assert_int_equal(report.status, PROBE_OK);
    ledger_destroy(ledger);
}

static void counters_go_on_by_their_names(void **state)
{
    (void)state;
    static const struct probe_measure table[] = {
        {"resets", "times", PROBE_COUNTER}, {"errors_total", "errors", PROBE_COUNTER}, {0}};
    struct measures measures;
    struct text TEXT_AUTO standing, TEXT_AUTO counters;
    text_init(&standing, 4096);
    text_init(&counters, 4096);
    struct ledger_kept kept = {.standing = &standing, .counters = &counters};
    struct ledger *ledger = ledger_create(), *next = ledger_create();
    measures_init(&measures, table);
    struct value *values = values_create(measures.count);
    int errors = measures_find(&measures, "errors_total"),
        delta = measures_find(&measures, "errors_total_delta"),
        rate = measures_find(&measures, "errors_total_per_second");

    values[errors] = (struct value){VALUE_INTEGER, {.integer = 100}};
    ledger_count(ledger_entry(ledger, "db", "locks", "a"), &measures, values, first(0));
    (void)sample(ledger, PROBE_OK, first(0));
    assert_true(ledger_take_changed(ledger, first(0), &kept));
    (void)ledger_restore(next, &kept, &measures, second(4000), 4000, false);
    values[errors].is.integer = 140;
    ledger_count(ledger_entry(next, "db", "locks", "a"), &measures, values, second(4000));
    assert_int_equal(values[delta].is.integer, 40);
    assert_true(values[rate].is.real == 10.0);

    values_destroy(values, measures.count);
    ledger_destroy(ledger);
    ledger_destroy(next);
    measures_finish(&measures);
}

static void a_later_version_may_add_at_the_end(void **state)
{
    (void)state;
    struct standing standing = {.status = PROBE_WARNING, .settled = PROBE_WARNING, .said_ms = 12};
    struct standing read;
    struct text TEXT_AUTO packed;
    text_init(&packed, 4096);
    standing_pack(&standing, 1000, &packed);
    text_add(&packed, "what is not known yet");
    assert_true(standing_unpack(&read, 1000, &packed));
    assert_memory_equal(&read, &standing, sizeof(read));
}

static void what_an_earlier_version_did_not_write_is_zero(void **state)
{
    (void)state;
    struct standing standing = {.status = PROBE_WARNING, .since_wall_ms = WALL}, read;
    struct text TEXT_AUTO packed;
    text_init(&packed, 4096);
    standing_pack(&standing, 1000, &packed);
    text_cut_to(&packed, 2);
    assert_true(standing_unpack(&read, 1000, &packed));
    assert_int_equal(read.status, PROBE_WARNING);
    assert_int_equal(read.since_wall_ms, 0);
    assert_int_equal(read.changes, 0);
}

static void no_bytes_break_the_reader(void **state)
{
    (void)state;
    struct standing standing = {.status = PROBE_CRITICAL, .changes = 3, .said_ms = 12};
    struct standing read;
    struct text TEXT_AUTO packed;
    text_init(&packed, 4096);
    assert_false(standing_unpack(&read, 0, &packed));
    standing_pack(&standing, 1000, &packed);
    for (size_t at = 0; at < packed.len; at++) {
        for (int byte = 0; byte < 256; byte += 3) {
            char old = packed.bytes[at];
            packed.bytes[at] = (char)byte;
            if (standing_unpack(&read, INT64_C(1) << 40, &packed)) {
                assert_true(read.status <= PROBE_UNKNOWN && read.settled <= PROBE_UNKNOWN);
                assert_true(read.changes <= LEDGER_MOST_CHANGES);
            }
            packed.bytes[at] = old;
        }
    }
}

static void numbers_of_any_size_come_back(void **state)
{
    (void)state;
    static const int64_t all[] = {0, 1, -1, 63, -64, 64, INT64_MAX, INT64_MIN, WALL};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct text TEXT_AUTO text;
        text_init(&text, 64);
        struct tape out = {.out = &text};
        (void)tape_number(&out, all[i]);
        struct tape in = {.at = text.bytes, .end = text.bytes + text.len};
        assert_true(tape_number(&in, 0) == all[i]);
        assert_int_equal(tape_number(&in, 7), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_on_where_they_stood),
        cmocka_unit_test(a_known_status_is_not_said_again),
        cmocka_unit_test(what_is_too_old_begins_anew_and_its_recovery_is_said),
        cmocka_unit_test(what_is_too_old_and_still_bad_is_a_start_after_its_hold),
        cmocka_unit_test(what_is_too_old_and_was_fine_is_as_if_it_had_never_been),
        cmocka_unit_test(a_restored_subject_that_two_runs_do_not_see_is_gone),
        cmocka_unit_test(flapping_goes_on),
        cmocka_unit_test(counters_go_on_by_their_names),
        cmocka_unit_test(a_later_version_may_add_at_the_end),
        cmocka_unit_test(what_an_earlier_version_did_not_write_is_zero),
        cmocka_unit_test(no_bytes_break_the_reader),
        cmocka_unit_test(numbers_of_any_size_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
