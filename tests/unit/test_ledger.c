/* ledger: when a status is reported, sentence by sentence of "Exact meanings". */
#include "ledger_fixture.h"

/* ------------------------------------------------------------------- for ---- */

static void without_a_hold_a_status_is_reported_at_once(void **state)
{
    (void)state;
    says("start", OK, sample(0, OK));
    says("change", WARNING, sample(1, WARNING));
    says("change", CRITICAL, sample(2, CRITICAL));
    says("change", OK, sample(3, OK));
}

static void a_worse_status_waits_until_for_has_passed(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    says("start", OK, sample(0, OK));
    silent(sample(15 * SECOND, CRITICAL));
    silent(sample(30 * SECOND, CRITICAL));
    silent(sample(45 * SECOND - 1, CRITICAL));
    says("change", CRITICAL, sample(45 * SECOND, CRITICAL));
}

static void a_better_sample_begins_the_hold_anew(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    says("start", OK, sample(0, OK));
    silent(sample(10 * SECOND, WARNING));
    silent(sample(20 * SECOND, OK));
    silent(sample(40 * SECOND, WARNING));
    silent(sample(69 * SECOND, WARNING));
    says("change", WARNING, sample(70 * SECOND, WARNING));
}

static void a_critical_sample_counts_for_warning_too(void **state)
{
    (void)state;
    hold(30 * SECOND, 60 * SECOND);
    says("start", OK, sample(0, OK));
    silent(sample(10 * SECOND, CRITICAL));
    silent(sample(25 * SECOND, WARNING)); /* the critical ones begin anew, the warnings go on */
    says("change", WARNING, sample(40 * SECOND, CRITICAL));
    silent(sample(99 * SECOND, CRITICAL));
    says("change", CRITICAL, sample(100 * SECOND, CRITICAL));
}

static void each_grade_has_its_own_hold(void **state)
{
    (void)state;
    hold(5 * MINUTE, 0);
    says("start", OK, sample(0, OK));
    silent(sample(1 * SECOND, WARNING));
    says("change", CRITICAL, sample(2 * SECOND, CRITICAL));
    hold(0, 5 * MINUTE);
    says("change", OK, sample(3 * SECOND, OK));
    says("change", WARNING, sample(4 * SECOND, CRITICAL));
    says("change", CRITICAL, sample(4 * SECOND + 5 * MINUTE, CRITICAL));
}

static void unknown_samples_neither_count_nor_reset(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    says("start", OK, sample(0, OK));
    silent(sample(10 * SECOND, WARNING));
    silent(sample(20 * SECOND, UNKNOWN));
    silent(sample(45 * SECOND, UNKNOWN)); /* the time is over, but this sample does not count */
    says("change", WARNING, sample(50 * SECOND, WARNING));
    assert_int_equal(now.last.streak, 2);
    assert_int_equal(now.last.since_wall_ms, WALL + 10 * SECOND);
}

static void unknown_is_reported_after_three_in_a_row(void **state)
{
    (void)state;
    says("start", OK, sample(0, OK));
    silent(sample(1, UNKNOWN));
    silent(sample(2, UNKNOWN));
    silent(sample(3, OK));
    silent(sample(4, UNKNOWN));
    silent(sample(5, UNKNOWN));
    says("change", UNKNOWN, sample(6, UNKNOWN));
    assert_int_equal(now.last.previous, OK);
    assert_int_equal(now.last.streak, 3);
    assert_int_equal(now.last.since_wall_ms, WALL + 4);
    assert_int_equal(now.last.changed_wall_ms, WALL + 6);
}

static void unknown_may_have_a_hold_of_its_own(void **state)
{
    (void)state;
    now.rules.for_ms[PROBE_UNKNOWN] = 2 * MINUTE;
    says("start", OK, sample(0, OK));
    for (int64_t ms = 1 * MINUTE; ms < 3 * MINUTE; ms += 10 * SECOND)
        silent(sample(ms, UNKNOWN));
    says("change", UNKNOWN, sample(3 * MINUTE, UNKNOWN));
}

/* --------------------------------------------------------------- recover ---- */

static void a_better_status_waits_until_recover_has_passed(void **state)
{
    (void)state;
    now.rules.recover_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(10 * SECOND, OK));
    silent(sample(20 * SECOND, CRITICAL));
    silent(sample(30 * SECOND, OK));
    silent(sample(89 * SECOND, OK));
    says("change", OK, sample(90 * SECOND, OK));
    assert_int_equal(now.last.since_wall_ms, WALL + 30 * SECOND);
}

static void a_mixed_recovery_reaches_the_worse_of_its_samples(void **state)
{
    (void)state;
    now.rules.recover_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(10 * SECOND, WARNING));
    silent(sample(20 * SECOND, OK));
    silent(sample(40 * SECOND, WARNING));
    says("change", WARNING, sample(70 * SECOND, OK));
    assert_int_equal(now.last.since_wall_ms, WALL + 10 * SECOND);
    silent(sample(129 * SECOND, OK));
    says("change", OK, sample(130 * SECOND, OK));
}

static void clear_must_hold_too(void **state)
{
    (void)state;
    says("start", WARNING, sample(0, WARNING));
    silent(unclear(1, OK)); /* below the threshold, but not far enough */
    silent(unclear(2, OK));
    says("change", OK, sample(3, OK));
    silent(unclear(4, OK)); /* what is ok already stays so */
}

static void clear_must_hold_as_long_as_recover(void **state)
{
    (void)state;
    now.rules.recover_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(10 * SECOND, OK));
    silent(unclear(60 * SECOND, OK));
    silent(sample(70 * SECOND, OK));
    silent(sample(129 * SECOND, OK));
    says("change", OK, sample(130 * SECOND, OK));
}

static void clear_must_hold_for_every_better_status(void **state)
{
    (void)state;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(unclear(1, WARNING));
    says("change", WARNING, sample(2, WARNING));
}

/* ----------------------------------------------------------------- start ---- */

static void what_is_bad_from_the_beginning_is_reported_after_for(void **state)
{
    (void)state;
    hold(1 * MINUTE, 30 * SECOND);
    silent(sample(0, CRITICAL));
    assert_int_equal(ledger_status(now.entry), PROBE_GRADED);
    says("start", CRITICAL, sample(30 * SECOND, CRITICAL));
    assert_int_equal(now.last.previous, PROBE_GRADED);
    assert_int_equal(now.last.since_wall_ms, WALL);
    assert_int_equal(now.last.changed_wall_ms, WALL + 30 * SECOND);
    silent(sample(45 * SECOND, CRITICAL)); /* once */
}

static void what_is_ok_from_the_beginning_is_reported_at_once(void **state)
{
    (void)state;
    hold(1 * MINUTE, 1 * MINUTE);
    now.rules.recover_ms = 1 * MINUTE;
    now.rules.for_ms[PROBE_OK] = 1 * MINUTE;
    silent(sample(0, WARNING));
    says("start", OK, unclear(10 * SECOND, OK));
    assert_int_equal(now.last.since_wall_ms, WALL + 10 * SECOND);
}

static void what_is_unknown_from_the_beginning_is_reported_after_three(void **state)
{
    (void)state;
    silent(sample(0, UNKNOWN));
    silent(sample(1, UNKNOWN));
    says("start", UNKNOWN, sample(2, UNKNOWN));
    says("change", OK, sample(3, OK));
}

/* --------------------------------------------------------------- unknown ---- */

static void unknown_closes_nothing(void **state)
{
    (void)state;
    now.rules.recover_ms = 1 * MINUTE;
    says("start", CRITICAL, sample(0, CRITICAL));
    silent(sample(10 * SECOND, UNKNOWN));
    silent(sample(20 * SECOND, UNKNOWN));
    says("change", UNKNOWN, sample(30 * SECOND, UNKNOWN));
    says("change", CRITICAL, sample(40 * SECOND, CRITICAL)); /* it was so all the time */
    assert_int_equal(now.last.previous, UNKNOWN);
    assert_int_equal(now.last.since_wall_ms, WALL);
}

static void after_unknown_a_status_must_be_earned(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    now.rules.recover_ms = 30 * SECOND;
    says("start", OK, sample(0, OK));
    (void)sample(1 * SECOND, UNKNOWN);
    (void)sample(2 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(3 * SECOND, UNKNOWN));
    silent(sample(4 * SECOND, CRITICAL)); /* neither ok, nor critical yet */
    says("change", CRITICAL, sample(34 * SECOND, CRITICAL));
    (void)sample(35 * SECOND, UNKNOWN);
    (void)sample(36 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(37 * SECOND, UNKNOWN));
    silent(sample(38 * SECOND, OK));
    says("change", OK, sample(68 * SECOND, OK));
}

static void after_unknown_ok_is_ok_and_clear_does_not_matter(void **state)
{
    (void)state;
    now.rules.recover_ms = 1 * MINUTE;
    says("start", OK, sample(0, OK));
    (void)sample(1 * SECOND, UNKNOWN);
    (void)sample(2 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(3 * SECOND, UNKNOWN));
    says("change", OK, unclear(4 * SECOND, OK));
}

static void after_unknown_a_warning_that_is_not_clear_is_a_warning_still(void **state)
{
    (void)state;
    says("start", WARNING, sample(0, WARNING));
    (void)sample(1 * SECOND, UNKNOWN);
    (void)sample(2 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(3 * SECOND, UNKNOWN));
    says("change", WARNING, unclear(4 * SECOND, OK));
}

static void after_unknown_a_warning_that_got_worse_is_a_warning_at_least(void **state)
{
    (void)state;
    hold(0, 30 * SECOND);
    says("start", WARNING, sample(0, WARNING));
    (void)sample(1 * SECOND, UNKNOWN);
    (void)sample(2 * SECOND, UNKNOWN);
    says("change", UNKNOWN, sample(3 * SECOND, UNKNOWN));
    says("change", WARNING, sample(4 * SECOND, CRITICAL));
    says("change", CRITICAL, sample(34 * SECOND, CRITICAL));
}

static void a_cause_becomes_the_reason_of_a_change(void **state)
{
    const struct ledger_sample denied = {PROBE_UNKNOWN, true, "missing_right"};
    const struct ledger_sample down = {PROBE_CRITICAL, true, "target_down"};
    (void)state;
    says("start", OK, sample(0, OK));
    silent(take(1, &denied));
    silent(take(2, &denied));
    says("missing_right", UNKNOWN, take(3, &denied));
    silent(take(4, &denied));
    says("target_down", CRITICAL, take(5, &down));
    says("change", OK, sample(6, OK));
}

/* -------------------------------------------------------------- all of it ---- */

/*
 * The sentences again, as plain as they can be put: looking back over the whole history.  The
 * machine, which remembers five runs, must say the same of any history.
 */
struct past {
    int64_t ms;
    enum probe_status status;
    bool clear;
};

/* Whether all known samples back to the first of an unbroken row are in [low, high], over `ms`. */
static bool all_since(const struct past *past, size_t count, int low, int high, int64_t ms)
{
    int64_t first = -1;
    for (size_t i = count; i-- > 0;) {
        if (past[i].status == UNKNOWN)
            continue;
        if ((int)past[i].status < low || (int)past[i].status > high)
            break;
        first = past[i].ms;
    }
    return first >= 0 && past[count - 1].ms - first >= ms;
}

static enum probe_status told_plainly(struct past *past, size_t count, enum probe_status known)
{
    if (past[count - 1].status < known && !past[count - 1].clear)
        past[count - 1].status = known; /* a sample that is not clear counts as the status */
    for (int grade = CRITICAL; grade > (int)known && grade > OK; grade--)
        if (all_since(past, count, grade, CRITICAL, now.rules.for_ms[grade]))
            return (enum probe_status)grade;
    if (known == PROBE_GRADED)
        return past[count - 1].status == OK ? OK : PROBE_GRADED;
    for (int grade = OK; grade < (int)known; grade++)
        if (all_since(past, count, OK, grade, now.rules.recover_ms))
            return (enum probe_status)grade;
    return known;
}

static void any_history_means_what_the_sentences_say(void **state)
{
    static struct past past[300];
    unsigned seed = 20261121;
    (void)state;
    for (unsigned history = 0; history < 2000; history++) {
        enum probe_status known = PROBE_GRADED;
        int64_t ms = 0;
        char name[16];
        (void)snprintf(name, sizeof(name), "%u", history);
        now.entry = ledger_entry(now.ledger, "db", "any", name);
        hold(rand_r(&seed) % 40, rand_r(&seed) % 40);
        now.rules.recover_ms = rand_r(&seed) % 40;
        now.rules.for_ms[UNKNOWN] = INT64_MAX / 2; /* never: its own tests are above */
        now.rules.flap_within_ms = 1;
        now.rules.flap_changes = 12;
        for (size_t count = 1; count <= 60; count++) {
            int dice = rand_r(&seed) % 10;
            past[count - 1] = (struct past){
                .ms = ms,
                .status = dice < 3   ? OK
                          : dice < 6 ? WARNING
                          : dice < 9 ? CRITICAL
                                     : UNKNOWN,
                .clear = rand_r(&seed) % 3 != 0,
            };
            if (history % 2) /* longer rows */
                past[count - 1].status = count / 8 % 3 + 1;
            const struct ledger_sample taken = {
                past[count - 1].status, past[count - 1].clear, NULL};
            (void)take(ms, &taken);
            if (taken.status != UNKNOWN)
                known = told_plainly(past, count, known);
            assert_int_equal(ledger_status(now.entry), known);
            ms += rand_r(&seed) % 15;
        }
        ledger_forget(now.ledger, "db", "any", name, false, "gone", at(0), NULL, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_hold_a_status_is_reported_at_once),
        TEST(a_worse_status_waits_until_for_has_passed),
        TEST(a_better_sample_begins_the_hold_anew),
        TEST(a_critical_sample_counts_for_warning_too),
        TEST(each_grade_has_its_own_hold),
        TEST(unknown_samples_neither_count_nor_reset),
        TEST(unknown_is_reported_after_three_in_a_row),
        TEST(unknown_may_have_a_hold_of_its_own),
        TEST(a_better_status_waits_until_recover_has_passed),
        TEST(a_mixed_recovery_reaches_the_worse_of_its_samples),
        TEST(clear_must_hold_too),
        TEST(clear_must_hold_as_long_as_recover),
        TEST(clear_must_hold_for_every_better_status),
        TEST(what_is_bad_from_the_beginning_is_reported_after_for),
        TEST(what_is_ok_from_the_beginning_is_reported_at_once),
        TEST(what_is_unknown_from_the_beginning_is_reported_after_three),
        TEST(unknown_closes_nothing),
        TEST(after_unknown_a_status_must_be_earned),
        TEST(after_unknown_ok_is_ok_and_clear_does_not_matter),
        TEST(after_unknown_a_warning_that_is_not_clear_is_a_warning_still),
        TEST(after_unknown_a_warning_that_got_worse_is_a_warning_at_least),
        TEST(a_cause_becomes_the_reason_of_a_change),
        TEST(any_history_means_what_the_sentences_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
