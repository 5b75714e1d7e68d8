/* probe: conditions, what they mean. */
#include <math.h>

#include "condition_fixture.h"

static void conditions_are_true_or_false(void **data)
{
    (void)data;
    static const char *const right[] = {
        "used_percent > 80",
        " used_percent\n  > 80\t",
        "used == 96 and state == 'down'",
        "used == 96.0",
        "not (used < 96)",
        "exists == false",
        "not exists",
        "days_left < 7 or used < 0",
        "used / 100 > .95 and used // 10 == 9 and used % 10 == 6",
        "-used == -96 and 2 ^ 2 ^ 3 == 256",
        "1 + 2 * 3 == 7 and used - 1 - 1 == 94",
        "one_of(state, \"up\", \"down\") and not one_of(state, 'up', 'syncing')",
        "one_of(used, 1, 96)",
        "max(used, 5, 97) == 97 and min(used, 5) == 5 and abs(5 - used) == 91",
        "floor(used_percent) == 98 and abs(-1.5) == 1.5 and floor(-used) == -96",
        "age_seconds * 1000 > duration('5m')",
        "p95_ms < duration(\"1h30m\")",
        "issuer == \"R3\" and issuer ~= 'it is # a \"word\"'",
        "used ~= nil",
        "used / 0 > 1e300",
        NULL};
    static const char *const wrong[] = {"used_percent > 99",
                                        "exists",
                                        "state ~= 'down'",
                                        "one_of(state, 'up', 'syncing')",
                                        "(used - 96) / 0 > 0",
                                        "used == nil",
                                        NULL};
    hold(right, CONDITION_TRUE);
    hold(wrong, CONDITION_FALSE);
}

static void an_absent_optional_measure_compares_false(void **data)
{
    (void)data;
    static const char *const wrong[] = {"lag_bytes > 5",
                                        "lag_bytes <= 5",
                                        "5 > lag_bytes",
                                        "lag_bytes == 5",
                                        "lag_bytes ~= nil",
                                        "lag_bytes + 1 > 5",
                                        "-lag_bytes < 5",
                                        "abs(lag_bytes) > 5",
                                        "max(lag_bytes, 9) > 5",
                                        "floor(lag_bytes) > 5",
                                        "evicted_delta > 0",
                                        "evicted_per_second > 0",
                                        "error_class == 'down'",
                                        "primary",
                                        "primary == false",
                                        "one_of(lag_bytes, 1, nil)",
                                        "one_of(error_class, 'up')",
                                        "lag_bytes and lag_bytes > 5",
                                        "used > 5 and primary",
                                        "min(9, lag_bytes) < 100",
                                        NULL};
    static const char *const right[] = {"lag_bytes ~= 5",
                                        "lag_bytes == nil",
                                        "(lag_bytes or 0) == 0",
                                        "(evicted_delta or 7) > 6",
                                        "not (lag_bytes > 5)",
                                        "not primary",
                                        "not lag_bytes",
                                        "error_class ~= 'down'",
                                        NULL};
    hold(wrong, CONDITION_FALSE);
    hold(right, CONDITION_TRUE);
}

static void an_absent_required_measure_is_named_where_it_is_read(void **data)
{
    (void)data;
    usual[USED].kind = VALUE_ABSENT;
    assert_int_equal(ask("used_percent > 80 and used > 5", usual), CONDITION_NO_MEASURE);
    assert_string_equal(error.message, "the finding has no used");
    assert_int_equal(error.code, -ENODATA);
    assert_int_equal(ask("used ~= 5", usual), CONDITION_NO_MEASURE);
    assert_int_equal(ask("used == nil", usual), CONDITION_NO_MEASURE);
    assert_int_equal(ask("used_percent > 80 or used > 5", usual), CONDITION_TRUE);
    assert_int_equal(ask("used_percent < 80 and used > 5", usual), CONDITION_FALSE);
    usual[STATE].kind = VALUE_ABSENT;
    assert_int_equal(ask("state == 'up' or used > 5", usual), CONDITION_NO_MEASURE);
    assert_string_equal(error.message, "the finding has no state"); /* the first */
}

static void a_value_of_another_kind_is_read_as_its_measure_is_declared(void **data)
{
    (void)data;
    usual[USED] = (struct value){VALUE_FLAG, {.flag = true}};
    usual[EXISTS] = (struct value){VALUE_INTEGER, {.integer = 1}};
    assert_int_equal(ask("used == 1 and exists == true", usual), CONDITION_TRUE);
    usual[USED] = (struct value){VALUE_WORD, {.word = (char *)"96"}};
    assert_int_equal(ask("used > 5", usual), CONDITION_NO_MEASURE);
    usual[STATE] = (struct value){VALUE_INTEGER, {.integer = 5}};
    assert_int_equal(ask("state == 'down'", usual), CONDITION_NO_MEASURE);
    usual[P95_MS] = (struct value){VALUE_REAL, {.real = NAN}};
    assert_int_equal(ask("p95_ms > 5 or p95_ms <= 5", usual), CONDITION_FALSE);
    usual[EVICTED] = (struct value){VALUE_INTEGER, {.integer = INT64_MIN}};
    assert_int_equal(ask("abs(evicted) == evicted and evicted // 7 < 0", usual), CONDITION_TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_MEASURES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_MEASURES(conditions_are_true_or_false),
        WITH_MEASURES(an_absent_optional_measure_compares_false),
        WITH_MEASURES(an_absent_required_measure_is_named_where_it_is_read),
        WITH_MEASURES(a_value_of_another_kind_is_read_as_its_measure_is_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
