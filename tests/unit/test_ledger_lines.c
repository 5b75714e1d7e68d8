/* ledger: what is said of a status that stands: repeat, snapshot, valid_until, flapping. */
#include "ledger_fixture.h"

/* ----------------------------------------------------- repeat, snapshot ---- */

static void what_is_not_ok_is_said_again_and_ok_is_not(void **state)
{
    (void)state;
    now.rules.repeat_ms = 5 * MINUTE;
    says("start", OK, sample(0, OK));
    silent(sample(20 * MINUTE, OK));
    says("change", WARNING, sample(21 * MINUTE, WARNING));
    silent(sample(26 * MINUTE - 1, WARNING));
    says("repeat", WARNING, sample(26 * MINUTE, WARNING));
    assert_int_equal(now.last.changed_wall_ms, WALL + 21 * MINUTE);
    assert_int_equal(now.last.previous, OK);
    silent(sample(31 * MINUTE - 1, WARNING));
    says("repeat", WARNING, sample(31 * MINUTE, WARNING));
    now.rules.repeat_ms = 0;
    silent(sample(60 * MINUTE, WARNING));
}

static void a_repeat_comes_with_the_sample_nearest_to_its_time(void **state)
{
    (void)state;
    now.rules.repeat_ms = 5 * MINUTE;
    now.rules.every_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(4 * MINUTE, CRITICAL));
    says("repeat", CRITICAL, sample(5 * MINUTE - 3, CRITICAL)); /* not a minute late */
}

static void a_failed_sample_repeats_nothing_until_it_is_the_status(void **state)
{
    (void)state;
    now.rules.repeat_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(1 * MINUTE, UNKNOWN)); /* "critical: cannot log in" would be a lie */
    says("repeat", CRITICAL, sample(61 * SECOND, CRITICAL));
    (void)sample(62 * SECOND, UNKNOWN);
    (void)sample(63 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(64 * SECOND, UNKNOWN));
    says("repeat", UNKNOWN, sample(124 * SECOND, UNKNOWN));
}

static void everything_is_said_once_in_a_while(void **state)
{
    (void)state;
    now.rules.repeat_ms = 25 * MINUTE;
    now.rules.snapshot_ms = 60 * MINUTE;
    says("start", OK, sample(0, OK));
    silent(sample(60 * MINUTE - 1, OK));
    says("snapshot", OK, sample(60 * MINUTE, OK));
    silent(sample(60 * MINUTE + 1, OK));
    says("change", WARNING, sample(70 * MINUTE, WARNING));
    says("repeat", WARNING, sample(95 * MINUTE, WARNING));
    says("repeat", WARNING, sample(120 * MINUTE, WARNING));
    says("snapshot", WARNING, sample(130 * MINUTE, WARNING)); /* repeats do not put it off */
}

static void emit_all_says_every_sample_of_what_has_a_status(void **state)
{
    (void)state;
    now.rules.emit_all = true;
    hold(1 * MINUTE, 1 * MINUTE);
    silent(sample(0, WARNING));
    says("start", OK, sample(1, OK));
    says("repeat", OK, sample(2, OK));
    says("repeat", OK, sample(3, WARNING));
    assert_int_equal(now.last.streak, 0); /* the sample does not bear the status out */
    says("repeat", OK, sample(4, UNKNOWN));
}

static void since_changed_and_streak_tell_how_it_began(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    says("start", OK, sample(0, OK));
    silent(sample(15 * SECOND, CRITICAL));
    silent(sample(30 * SECOND, CRITICAL));
    says("change", CRITICAL, sample(45 * SECOND, CRITICAL));
    assert_int_equal(now.last.previous, OK);
    assert_int_equal(now.last.since_wall_ms, WALL + 15 * SECOND);
    assert_int_equal(now.last.changed_wall_ms, WALL + 45 * SECOND);
    assert_int_equal(now.last.streak, 3);
    now.rules.repeat_ms = 1 * MINUTE;
    says("repeat", CRITICAL, sample(105 * SECOND, CRITICAL));
    assert_int_equal(now.last.since_wall_ms, WALL + 15 * SECOND);
    assert_int_equal(now.last.streak, 4);
}

static void a_wall_clock_that_jumps_moves_no_hold(void **state)
{
    const struct ledger_sample critical = {PROBE_CRITICAL, true, NULL};
    struct ledger_clock clock = at(0);
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    assert_null(ledger_take(now.entry, &now.rules, &critical, clock).reason);
    clock.wall_ms += 24 * 60 * MINUTE;
    assert_null(ledger_take(now.entry, &now.rules, &critical, clock).reason);
    clock.now_ms += 30 * SECOND;
    clock.wall_ms -= 48 * 60 * MINUTE;
    now.last = ledger_take(now.entry, &now.rules, &critical, clock);
    assert_string_equal(now.last.reason, "start");
    assert_int_equal(now.last.since_wall_ms, clock.wall_ms - 30 * SECOND);
}

/*
 * A year of samples with failures, pauses and late runs: each line must come before the last one
 * said that it would.
 */
static void another_line_comes_before_valid_until(void **state)
{
    (void)state;
    unsigned seed = 7;
    int64_t every_ms = 15 * SECOND, promised = INT64_MAX;
    unsigned lines = 0;
    now.rules = (struct ledger_rules){
        .for_ms = {0, 0, 30 * SECOND, 30 * SECOND, 0},
        .recover_ms = 1 * MINUTE,
        .repeat_ms = 5 * MINUTE,
        .snapshot_ms = 60 * MINUTE,
        .every_ms = every_ms,
    };
    for (int64_t ms = 0, failures = 0; ms < INT64_C(365) * 24 * 60 * MINUTE; lines++) {
        int dice = rand_r(&seed) % 100;
        enum probe_status status = dice < 3 + (failures ? 60 : 0) ? UNKNOWN
                                   : dice < 80                    ? OK
                                   : dice < 95                    ? WARNING
                                                                  : CRITICAL;
        const char *reason = sample(ms, status);
        if (*reason) {
            assert_true(WALL + ms <= promised);
            promised = now.last.valid_until_wall_ms;
            assert_true(promised > WALL + ms);
        }
        failures = status == UNKNOWN ? failures + 1 : 0;
        ms += failures ? 60 * SECOND : every_ms;
        ms += rand_r(&seed) % 3000;
    }
    assert_true(lines > 1000000);
}

static void where_no_line_is_due_nothing_is_promised(void **state)
{
    (void)state;
    says("start", CRITICAL, sample(0, CRITICAL));
    assert_int_equal(now.last.valid_until_wall_ms, 0);
    now.rules.repeat_ms = 5 * MINUTE;
    says("change", OK, sample(1, OK));
    assert_int_equal(now.last.valid_until_wall_ms, 0); /* ok is not repeated */
    now.rules.snapshot_ms = 60 * MINUTE;
    now.rules.every_ms = 15 * SECOND;
    says("change", CRITICAL, sample(2, CRITICAL));
    assert_true(now.last.valid_until_wall_ms > WALL + 5 * MINUTE);
    assert_true(now.last.valid_until_wall_ms < WALL + 15 * MINUTE);
}

/* -------------------------------------------------------------- flapping ---- */

/* Goes up and down `changes` times from ok, a minute apart; returns when the last one was. */
static int64_t flap(unsigned changes, enum probe_status bad)
{
    (void)sample(0, OK);
    for (unsigned i = 1; i <= changes; i++)
        (void)sample(i * MINUTE, i % 2 ? bad : OK);
    return (int64_t)changes * MINUTE;
}

static void six_changes_in_half_an_hour_are_flapping_and_said_once(void **state)
{
    (void)state;
    int64_t ms = flap(5, CRITICAL);
    assert_false(now.last.flapping);
    says("flapping", CRITICAL, sample(ms + 1 * MINUTE, OK));
    assert_true(now.last.flapping);
    silent(sample(ms + 2 * MINUTE, CRITICAL));
    silent(sample(ms + 3 * MINUTE, OK));
    assert_int_equal(ledger_status(now.entry), CRITICAL);
    assert_true(now.last.flapping);
}

static void five_changes_or_six_in_a_longer_time_are_not_flapping(void **state)
{
    (void)state;
    (void)sample(0, OK);
    for (unsigned i = 1; i <= 40; i++) {
        says("change", i % 2 ? WARNING : OK, sample(i * (6 * MINUTE + 1), i % 2 ? WARNING : OK));
        assert_false(now.last.flapping);
    }
}

static void six_changes_in_exactly_half_an_hour_are_flapping(void **state)
{
    (void)state;
    (void)sample(0, OK);
    for (unsigned i = 1; i <= 5; i++)
        says("change", i % 2 ? WARNING : OK, sample(i * 6 * MINUTE, i % 2 ? WARNING : OK));
    says("flapping", WARNING, sample(6 * 6 * MINUTE, OK));
}

static void the_worst_status_of_the_six_is_held(void **state)
{
    (void)state;
    (void)sample(0, OK);
    says("change", CRITICAL, sample(1 * MINUTE, CRITICAL));
    says("change", OK, sample(2 * MINUTE, OK));
    says("change", WARNING, sample(3 * MINUTE, WARNING));
    says("change", OK, sample(4 * MINUTE, OK));
    says("change", WARNING, sample(5 * MINUTE, WARNING));
    now.rules.recover_ms = 10 * SECOND;
    silent(sample(6 * MINUTE, OK));
    says("flapping", CRITICAL, sample(6 * MINUTE + 10 * SECOND, OK));
    assert_int_equal(now.last.previous, WARNING);
    assert_int_equal(now.last.changed_wall_ms, WALL + 6 * MINUTE + 10 * SECOND);
    assert_int_equal(now.last.since_wall_ms, now.last.changed_wall_ms); /* held from now on */
}

static void a_fault_that_was_seen_is_worse_than_unknown(void **state)
{
    (void)state;
    now.rules.for_ms[UNKNOWN] = 1;
    (void)sample(0, WARNING);
    for (int64_t i = 1; i <= 6; i += 2) {
        (void)sample(i * MINUTE, UNKNOWN);
        (void)sample(i * MINUTE + 1, UNKNOWN);
        (void)sample((i + 1) * MINUTE, WARNING);
    }
    assert_int_equal(ledger_status(now.entry), WARNING);
    assert_true(now.last.flapping);
    silent(sample(8 * MINUTE, UNKNOWN));
    silent(sample(8 * MINUTE + 1, UNKNOWN)); /* and is held against it */
}

static void what_turns_worse_while_flapping_is_said_at_once(void **state)
{
    (void)state;
    int64_t ms = flap(6, WARNING);
    assert_int_equal(ledger_status(now.entry), WARNING);
    says("change", CRITICAL, sample(ms + 1 * MINUTE, CRITICAL));
    assert_true(now.last.flapping);
    silent(sample(ms + 2 * MINUTE, OK));
}

static void flapping_ends_after_half_an_hour_without_a_change(void **state)
{
    (void)state;
    int64_t ms = flap(7, CRITICAL);
    silent(sample(ms + 1 * MINUTE, OK)); /* the last change */
    silent(sample(ms + 31 * MINUTE - 1, OK));
    assert_true(now.last.flapping);
    says("change", OK, sample(ms + 31 * MINUTE, OK));
    assert_false(now.last.flapping);
    assert_int_equal(now.last.previous, CRITICAL);
    assert_int_equal(now.last.since_wall_ms, WALL + ms + 1 * MINUTE);
    says("change", CRITICAL, sample(ms + 32 * MINUTE, CRITICAL)); /* and the count begins anew */
    assert_false(now.last.flapping);
}

static void flapping_that_ends_with_a_change_says_the_change(void **state)
{
    (void)state;
    int64_t ms = flap(6, WARNING); /* ok now, warning held */
    says("change", CRITICAL, sample(ms + 45 * MINUTE, CRITICAL));
    assert_false(now.last.flapping);
    says("change", OK, sample(ms + 46 * MINUTE, OK));
}

static void what_flaps_is_repeated_like_all_that_is_not_ok(void **state)
{
    (void)state;
    now.rules.repeat_ms = 5 * MINUTE;
    int64_t ms = flap(6, WARNING);
    silent(sample(ms + 4 * MINUTE, OK));
    says("repeat", WARNING, sample(ms + 5 * MINUTE, OK));
    assert_true(now.last.flapping);
}

static void how_much_is_flapping_may_be_configured(void **state)
{
    (void)state;
    now.rules.flap_changes = 3;
    now.rules.flap_within_ms = 10 * SECOND;
    (void)sample(0, OK);
    (void)sample(1 * SECOND, WARNING);
    (void)sample(2 * SECOND, OK);
    says("flapping", WARNING, sample(11 * SECOND, WARNING));
    silent(sample(12 * SECOND, OK));
    says("change", OK, sample(22 * SECOND, OK));
    now.rules.flap_changes = 1000; /* more than are remembered */
    for (unsigned i = 1; i < LEDGER_MOST_CHANGES; i++)
        (void)sample(22 * SECOND + i, i % 2 ? WARNING : OK);
    says("flapping", WARNING, sample(23 * SECOND, OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_ok_is_said_again_and_ok_is_not),
        TEST(a_repeat_comes_with_the_sample_nearest_to_its_time),
        TEST(a_failed_sample_repeats_nothing_until_it_is_the_status),
        TEST(everything_is_said_once_in_a_while),
        TEST(emit_all_says_every_sample_of_what_has_a_status),
        TEST(since_changed_and_streak_tell_how_it_began),
        TEST(a_wall_clock_that_jumps_moves_no_hold),
        TEST(another_line_comes_before_valid_until),
        TEST(where_no_line_is_due_nothing_is_promised),
        TEST(six_changes_in_half_an_hour_are_flapping_and_said_once),
        TEST(five_changes_or_six_in_a_longer_time_are_not_flapping),
        TEST(six_changes_in_exactly_half_an_hour_are_flapping),
        TEST(the_worst_status_of_the_six_is_held),
        TEST(a_fault_that_was_seen_is_worse_than_unknown),
        TEST(what_turns_worse_while_flapping_is_said_at_once),
        TEST(flapping_ends_after_half_an_hour_without_a_change),
        TEST(flapping_that_ends_with_a_change_says_the_change),
        TEST(what_flaps_is_repeated_like_all_that_is_not_ok),
        TEST(how_much_is_flapping_may_be_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
