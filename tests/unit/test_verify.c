/* verify: what counts as fixed, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "incident/verify.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static struct verify verify;

static int set_up(void **state)
{
    (void)state;
    verify = (struct verify){
        .begun_ms = 0, .within_ms = 30 * SECOND, .stable_ms = 3 * MINUTE, .slack_ms = 45 * SECOND};
    return 0;
}

static enum verify_word holds(int64_t at_ms)
{
    return verify_take(&verify, true, true, at_ms);
}

static enum verify_word fails(int64_t at_ms)
{
    return verify_take(&verify, true, false, at_ms);
}

static enum verify_word cannot_tell(int64_t at_ms)
{
    return verify_take(&verify, false, false, at_ms);
}

static void it_must_hold_within_and_stay(void **state)
{
    (void)state;
    assert_int_equal(fails(1 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(15 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(2 * MINUTE), VERIFY_GOES_ON);
    assert_int_equal(holds(3 * MINUTE + 14 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(3 * MINUTE + 15 * SECOND), VERIFY_FIXED);
    assert_int_equal(verify.held_ms, 3 * MINUTE);
}

static void too_late_is_ineffective(void **state)
{
    (void)state;
    assert_int_equal(fails(30 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(31 * SECOND), VERIFY_INEFFECTIVE);
}

static void still_bad_after_within_is_ineffective(void **state)
{
    (void)state;
    assert_int_equal(fails(31 * SECOND), VERIFY_INEFFECTIVE);
}

static void within_it_may_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(holds(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(fails(10 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(20 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(5 * SECOND + 3 * MINUTE), VERIFY_GOES_ON); /* counted from 20 s */
    assert_int_equal(holds(20 * SECOND + 3 * MINUTE), VERIFY_FIXED);
}

static void what_comes_back_later_is_ineffective(void **state)
{
    (void)state;
    assert_int_equal(holds(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(fails(2 * MINUTE), VERIFY_INEFFECTIVE);
}

static void unknown_verifies_nothing(void **state)
{
    (void)state;
    assert_int_equal(cannot_tell(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(cannot_tell(30 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(cannot_tell(75 * SECOND), VERIFY_UNKNOWN);
}

static void unknown_counts_neither_for_nor_against(void **state)
{
    (void)state;
    assert_int_equal(holds(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(cannot_tell(1 * MINUTE), VERIFY_GOES_ON);
    assert_int_equal(cannot_tell(3 * MINUTE + 5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(holds(3 * MINUTE + 20 * SECOND), VERIFY_FIXED);
}

static void who_cannot_look_until_the_end_has_verified_nothing(void **state)
{
    (void)state;
    assert_int_equal(holds(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(verify_pass(&verify, 3 * MINUTE + 49 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(verify_pass(&verify, 3 * MINUTE + 50 * SECOND), VERIFY_UNKNOWN);
}

static void bad_and_then_silent_is_ineffective(void **state)
{
    (void)state;
    assert_int_equal(fails(5 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(verify_pass(&verify, 74 * SECOND), VERIFY_GOES_ON);
    assert_int_equal(verify_pass(&verify, 75 * SECOND), VERIFY_INEFFECTIVE);
}

static void without_a_stable_time_once_is_enough(void **state)
{
    (void)state;
    verify.stable_ms = 0;
    assert_int_equal(holds(5 * SECOND), VERIFY_FIXED);
}

static void it_looks_when_something_ends(void **state)
{
    (void)state;
    assert_int_equal(verify_due(&verify, 0), 30 * SECOND);
    (void)holds(5 * SECOND);
    assert_int_equal(verify_due(&verify, 6 * SECOND), 3 * MINUTE + 5 * SECOND);
    assert_int_equal(verify_due(&verify, 3 * MINUTE + 5 * SECOND), 3 * MINUTE + 50 * SECOND);
    assert_int_equal(verify_due(&verify, 9 * MINUTE), 9 * MINUTE);
}

#define CASE(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_must_hold_within_and_stay),
        CASE(too_late_is_ineffective),
        CASE(still_bad_after_within_is_ineffective),
        CASE(within_it_may_come_and_go),
        CASE(what_comes_back_later_is_ineffective),
        CASE(unknown_verifies_nothing),
        CASE(unknown_counts_neither_for_nor_against),
        CASE(who_cannot_look_until_the_end_has_verified_nothing),
        CASE(bad_and_then_silent_is_ineffective),
        CASE(without_a_stable_time_once_is_enough),
        CASE(it_looks_when_something_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
