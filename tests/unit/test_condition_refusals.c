/* probe: conditions that are refused, and what is said of them. */
#include <errno.h>
#include <stdio.h>

#include "condition_fixture.h"
#include "probe/expression.h"

static void refuse(const char *text, const char *message, const char *hint)
{
    error = (struct error){0};
    struct condition *condition = condition_compile(text, &measures, &error);
    if (condition)
        fail_msg("%s was accepted", text);
    assert_int_equal(error.code, -EINVAL);
    if (strcmp(error.message, message) != 0 || strcmp(error.hint, hint) != 0)
        fail_msg("%s:\n  %s (%s), not\n  %s (%s)", text, error.message, error.hint, message, hint);
}

static void names_are_measures_of_the_check(void **data)
{
    (void)data;
    refuse("used_precent > 80", "unknown measure used_precent", "did you mean used_percent?");
    refuse("evicted_dleta > 0", "unknown measure evicted_dleta", "did you mean evicted_delta?");
    refuse("state == down", "unknown measure down", "a word stands in quotes: \"down\"");
    refuse("used > 5 AND exists", "AND stands where and, or or an end is missing", "write and");
    refuse("NOT exists", "unknown measure NOT", "write not");
    refuse("lag_bytes == null", "unknown measure null", "write nil");
    refuse("frobnication",
           "unknown measure frobnication",
           "its measures are used, used_percent, age_seconds, days_left, p95_ms, evicted, "
           "lag_bytes, state, error_class, issuer, exists, primary, evicted_delta, "
           "evicted_per_second");
    refuse("os > 5", "unknown measure os", error.hint);
    refuse("print(used)",
           "unknown function print",
           "there are abs, min, max, floor, duration and one_of");
    refuse("used(5)", "used is a measure here, not a function", "");
    refuse("abs > 5", "unknown measure abs", "abs is a function: write abs(...)");
}

static void words_are_those_that_the_measure_says(void **data)
{
    (void)data;
    refuse("state == \"donw\"", "state is never \"donw\"", "did you mean \"down\"?");
    refuse("\"upp\" ~= state", "state is never \"upp\"", "did you mean \"up\"?");
    refuse("state == 'frobnication'",
           "state is never \"frobnication\"",
           "it is one of up, down, syncing");
    refuse("one_of(state, 'up', 'sinking')",
           "state is never \"sinking\"",
           "did you mean \"syncing\"?");
    refuse("error_class == ''", "error_class is never \"\"", "it is one of up, down, syncing");
}

static void like_is_compared_with_like(void **data)
{
    (void)data;
    refuse("used > '5'", "'5' is a word: it cannot be ordered", "write a number, without quotes");
    refuse("used == '5'",
           "used is a number, and '5' is a word: they are never equal",
           "write the number without quotes");
    refuse("state == 5",
           "state is a word, and 5 is a number: they are never equal",
           "did you mean state == \"up\"?");
    refuse("state > 5", "state is a word: it cannot be ordered", "did you mean state == \"up\"?");
    refuse(
        "state < 'up'", "state is a word: it cannot be ordered", "did you mean state == \"up\"?");
    refuse("exists == 1",
           "exists is true or false, and 1 is a number: they are never equal",
           "write exists, or not exists");
    refuse("exists == 'true'",
           "exists is true or false, and 'true' is a word: they are never equal",
           "write exists, or not exists");
    refuse("exists > 0",
           "exists is true or false: it cannot be ordered",
           "write exists, or not exists");
    refuse("10 < used < 20",
           "10 < used is true or false: it has no order",
           "compare twice: low < used and used < high");
    refuse("not used > 5",
           "used is a number, never false: even 0 counts as true",
           "did you mean used > 0?");
    refuse("not exists > 5",
           "not comes before < and >: not exists is true or false",
           "write not (...) around the comparison");
    refuse("state + 1 > 5",
           "state is a word: it cannot be counted with",
           "did you mean state == \"up\"?");
    refuse("used > nil", "nil is nil: it cannot be ordered", "");
    refuse("one_of(used, 1, 'a')", "used is a number, and 'a' is a word: they are never equal", "");
    refuse("max(used, state) > 1",
           "state is a word: it cannot be counted with",
           "did you mean state == \"up\"?");
}

static void the_result_is_true_or_false(void **data)
{
    (void)data;
    refuse("used", "used is a number, not true or false", "did you mean used > 0?");
    refuse("used - 1", "used - 1 is a number, not true or false", "did you mean used - 1 > 0?");
    refuse("lag_bytes", "lag_bytes is a number, not true or false", "did you mean lag_bytes > 0?");
    refuse("state", "state is a word, not true or false", "did you mean state == \"up\"?");
    refuse("issuer", "issuer is a word, not true or false", "did you mean issuer == \"...\"?");
    refuse("used > 80 or 90",
           "the condition may yield something else than true and false",
           "compare on both sides of and and or: a > 80 or b > 80");
    refuse("not (lag_bytes or 0)",
           "(lag_bytes or 0) is a number, never false: even 0 counts as true",
           "did you mean (lag_bytes or 0) > 0?");
    refuse("used and used > 5",
           "used is a number, never false: even 0 counts as true",
           "did you mean used > 0?");
    refuse("1 == 1",
           "the condition reads no measure: it is always the same",
           "compare a measure: used_percent > 80");
    refuse("true",
           "the condition reads no measure: it is always the same",
           "compare a measure: used_percent > 80");
    refuse(
        "80", "80 is a number, not true or false", "compare it with something: used_percent > 80");
    refuse("nil", "nil is nil, not true or false", "compare it with something: used_percent > 80");
}

static void habits_of_other_languages_are_translated(void **data)
{
    (void)data;
    refuse("used != 5", "!= has no meaning in a condition", "write ~=");
    refuse("used <> 5", "<> has no meaning in a condition", "write ~=");
    refuse("used > 5 && exists", "&& has no meaning in a condition", "write and");
    refuse("used > 5 || exists", "|| has no meaning in a condition", "write or");
    refuse("!exists", "! has no meaning in a condition", "write not");
    refuse("used = 5", "= has no meaning in a condition", "write == to compare");
    refuse("used === 5", "=== has no meaning in a condition", "write ==");
    refuse("used => 5", "=> has no meaning in a condition", "write >=");
    refuse("used \xE2\x89\xA5 5", "\xE2\x89\xA5 has no meaning in a condition", "write >=");
    refuse("used_percent > 80%", "80% has no meaning here", "write 80");
    refuse("used_percent > 80 % and exists", "80% has no meaning here", "write 80");
    refuse("age_seconds > 5m",
           "5m is no number",
           "write duration(\"5m\") for milliseconds, or 300 for seconds");
    refuse("lag_bytes > 10MiB", "10MiB is no number", "write 10485760, without a unit");
    refuse("used > 1_000",
           "1_000 is no number",
           "write digits only; the unit is part of the measure's name");
    refuse("used > 1,000",
           ", stands where and, or or an end is missing",
           "write numbers without commas: 1000000");
    refuse("state in (\"up\", \"down\")",
           "in stands where and, or or an end is missing",
           "write one_of(state, \"up\", \"down\")");
    refuse("state in ['up']",
           "in stands where and, or or an end is missing",
           "write one_of(state, 'up')");
    refuse("state not in ('up')",
           "not stands where and, or or an end is missing",
           "write not one_of(name, \"a\", \"b\")");
    refuse("state is 'up'", "is stands where and, or or an end is missing", "write ==");
    refuse("state == \xE2\x80\x9Cup\xE2\x80\x9D",
           "\xE2\x80\x9C has no meaning in a condition",
           "write straight quotes: \"...\"");
    refuse("exists ? 1 : 0", "? has no meaning in a condition", "choose with and and or");
    refuse("age_seconds > duration('5m')",
           "duration() is milliseconds, age_seconds is not",
           "write 300");
    refuse("duration('7d') > days_left", "duration() is milliseconds, days_left is not", "write 7");
    refuse("p95_ms > duration('5')",
           "\"5\" is no duration",
           "write it like 250ms, 5s, 90m, 1h30m or 7d");
    refuse("p95_ms > duration(5)",
           "duration() takes one word in quotes",
           "write duration(\"5m\"): milliseconds");
}

static void what_is_no_expression_is_refused(void **data)
{
    (void)data;
    refuse(
        "", "the condition is empty", "a # begins a comment in YAML; never switches a grade off");
    refuse(" \n",
           "the condition is empty",
           "a # begins a comment in YAML; never switches a grade off");
    refuse("used >", "the condition ends where a measure or a number is missing", "");
    refuse("(used > 5", "the condition ends where a closing bracket is missing", "");
    refuse("used > 5)", ") stands where and, or or an end is missing", "");
    refuse("used > > 5", "> stands where a measure or a number is missing", "");
    refuse("max(used 5) > 1", "5 stands where a comma or a closing bracket is missing", "");
    refuse("max(used) > 1", "max() takes two numbers or more", "");
    refuse("floor() > 1", "floor() takes one number", "");
    refuse("one_of(state)",
           "one_of() compares its first argument with the others",
           "write one_of(name, \"a\", \"b\")");
    refuse("return used > 5",
           "return begins a statement; a condition is one expression",
           "write only what is to be true: used_percent > 80");
    refuse("used > 5; used = 6",
           "; has no meaning in a condition",
           "a condition is one expression; write and or or");
    refuse("used > 5 -- much", "-- has no meaning in a condition", error.hint);
    refuse("#state > 3",
           "# has no meaning in a condition",
           "it begins a comment in YAML; here it has no meaning");
    refuse("state:rep(9) == state",
           ": has no meaning in a condition",
           "compare with ==, choose with and and or");
    refuse("state == 'a\\n'", "a backslash has no meaning in a condition", "");
    refuse("state == 'up", "a quote is not closed: 'up", "words stand in quotes: \"...\" or '...'");
    refuse("used > 0x10",
           "0x10 is no number",
           "write digits only; the unit is part of the measure's name");
    refuse("used > 1.2.3", "1.2. is no number", "");
    refuse("used // days_left > 1",
           "days_left may be 0, and nothing is left of that",
           "after // and % write a number; floor(a / b) divides by anything");
    refuse("used % 0 > 1",
           "0 may be 0, and nothing is left of that",
           "after // and % write a number; floor(a / b) divides by anything");
    refuse("used % (1 - 1) > 1",
           "(1 - 1) may be 0, and nothing is left of that",
           "after // and % write a number; floor(a / b) divides by anything");
    refuse("used > \x01", "the byte 0x01 has no meaning in a condition", "");
}

static void length_and_depth_have_a_maximum(void **data)
{
    (void)data;
    char text[EXPRESSION_MAX_LEN + 20];
    (void)snprintf(text, sizeof(text), "used > %*d", EXPRESSION_MAX_LEN - 7, 5);
    assert_int_equal(ask(text, usual), CONDITION_TRUE);
    (void)snprintf(text, sizeof(text), "used > %*d", EXPRESSION_MAX_LEN - 6, 5);
    refuse(text, "the condition is longer than 1000 bytes", "");
    memset(text, '(', 200);
    text[200] = '\0';
    refuse(text, "the condition is nested too deeply", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_MEASURES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_MEASURES(names_are_measures_of_the_check),
        WITH_MEASURES(words_are_those_that_the_measure_says),
        WITH_MEASURES(like_is_compared_with_like),
        WITH_MEASURES(the_result_is_true_or_false),
        WITH_MEASURES(habits_of_other_languages_are_translated),
        WITH_MEASURES(what_is_no_expression_is_refused),
        WITH_MEASURES(length_and_depth_have_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
