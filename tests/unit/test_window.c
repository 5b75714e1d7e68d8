/* probe/window: spans of time by cron, hours and dates, also where clocks change. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/window.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static int64_t utc(int year, int month, int day, int hour, int minute)
{
    return 1000 * (int64_t)timegm(&(struct tm){.tm_year = year - 1900,
                                               .tm_mon = month - 1,
                                               .tm_mday = day,
                                               .tm_hour = hour,
                                               .tm_min = minute});
}

static struct window by_cron(const char *text, int64_t for_ms, const char *zone)
{
    struct window window = {.kind = WINDOW_CRON, .for_ms = for_ms};
    struct error error;
    assert_int_equal(cron_parse(text, &window.cron, &error), 0);
    if (zone)
        assert_int_equal(zone_open(zone, &window.hours.zone), 0);
    return window;
}

static int64_t end_of(const struct window *window, int64_t wall_ms)
{
    int64_t until_ms = -1;
    return window_holds(window, wall_ms, &until_ms) ? until_ms : -1;
}

/* 2026-11-27 is a Friday. */
static void it_holds_from_its_minute_on_for_so_long(void **state)
{
    struct window window = by_cron("45 9 * * FRI", 90 * MINUTE, NULL);
    (void)state;
    assert_int_equal(end_of(&window, utc(2026, 11, 27, 9, 44) + MINUTE - 1), -1);
    assert_int_equal(end_of(&window, utc(2026, 11, 27, 9, 45)), utc(2026, 11, 27, 11, 15));
    assert_int_equal(end_of(&window, utc(2026, 11, 27, 11, 15) - 1), utc(2026, 11, 27, 11, 15));
    assert_int_equal(end_of(&window, utc(2026, 11, 27, 11, 15)), -1);
    assert_int_equal(end_of(&window, utc(2026, 11, 26, 10, 0)), -1);
    assert_int_equal(window_begins(&window, utc(2026, 11, 27, 9, 45)), utc(2026, 12, 4, 9, 45));
    assert_int_equal(window_begins(&window, utc(2026, 11, 24, 0, 0)), utc(2026, 11, 27, 9, 45));
}

static void it_goes_on_over_midnight_and_the_end_of_a_month(void **state)
{
    struct window window = by_cron("0 23 30 11 *", 3 * HOUR, NULL);
    (void)state;
    assert_int_equal(end_of(&window, utc(2026, 12, 1, 1, 0)), utc(2026, 12, 1, 2, 0));
    assert_int_equal(window_begins(&window, utc(2026, 12, 1, 3, 0)), utc(2027, 11, 30, 23, 0));
}

static void the_clock_of_its_zone_counts_in_summer_and_in_winter(void **state)
{
    struct window window = by_cron("30 4 * * SUN", 45 * MINUTE, "Europe/London");
    (void)state;
    assert_int_equal(end_of(&window, utc(2026, 7, 5, 3, 30)), utc(2026, 7, 5, 4, 15));
    assert_int_equal(end_of(&window, utc(2026, 7, 5, 4, 30)), -1);
    assert_int_equal(end_of(&window, utc(2026, 12, 6, 4, 30)), utc(2026, 12, 6, 5, 15));
    assert_int_equal(end_of(&window, utc(2026, 12, 6, 3, 30)), -1);
    zone_close(window.hours.zone);
}

/* 29 March 2026: one o'clock is two o'clock.  25 October 2026: two o'clock is one o'clock again. */
static void what_the_clock_leaves_out_comes_and_what_comes_twice_is_twice(void **state)
{
    struct window window = by_cron("30 1 * * *", 10 * MINUTE, "Europe/London");
    (void)state;
    assert_int_equal(end_of(&window, utc(2026, 3, 29, 0, 59)), -1);
    assert_int_equal(end_of(&window, utc(2026, 3, 29, 1, 0)), utc(2026, 3, 29, 1, 10));
    assert_int_equal(end_of(&window, utc(2026, 3, 29, 1, 30)), -1);
    assert_int_equal(window_begins(&window, utc(2026, 3, 28, 12, 0)), utc(2026, 3, 29, 1, 0));
    assert_int_equal(end_of(&window, utc(2026, 10, 25, 0, 30)), utc(2026, 10, 25, 0, 40));
    assert_int_equal(end_of(&window, utc(2026, 10, 25, 1, 35)), utc(2026, 10, 25, 1, 40));
    assert_int_equal(end_of(&window, utc(2026, 10, 25, 1, 0)), -1);
    zone_close(window.hours.zone);
}

static void one_that_begins_before_it_ends_goes_on(void **state)
{
    struct window twice = by_cron("0,30 9 * * *", 45 * MINUTE, NULL);
    struct window always = by_cron("0 * * * *", HOUR, NULL);
    (void)state;
    assert_int_equal(end_of(&twice, utc(2026, 11, 27, 9, 10)), utc(2026, 11, 27, 10, 15));
    assert_int_equal(end_of(&always, utc(2026, 11, 27, 9, 10)), 0);
}

static void fields_are_as_crontab_has_them(void **state)
{
    struct window steps = by_cron("*/20 8-18/5 * JAN,DEC 1-5", MINUTE, NULL);
    struct window either = by_cron("0 0 1 * MON", MINUTE, NULL);
    struct window weekend = by_cron("0 0 * * SAT-SUN", MINUTE, NULL);
    struct window seven = by_cron("0 0 * * 7", MINUTE, NULL);
    (void)state;
    assert_int_equal(window_begins(&steps, utc(2026, 11, 27, 0, 0)), utc(2026, 12, 1, 8, 0));
    assert_int_equal(window_begins(&steps, utc(2026, 12, 1, 8, 40)), utc(2026, 12, 1, 13, 0));
    assert_int_equal(window_begins(&either, utc(2026, 11, 27, 0, 0)), utc(2026, 11, 30, 0, 0));
    assert_int_equal(window_begins(&either, utc(2026, 11, 30, 0, 0)), utc(2026, 12, 1, 0, 0));
    assert_int_equal(window_begins(&weekend, utc(2026, 11, 28, 0, 0)), utc(2026, 11, 29, 0, 0));
    assert_int_equal(window_begins(&seven, utc(2026, 11, 27, 0, 0)), utc(2026, 11, 29, 0, 0));
}

static void what_is_no_cron_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "there are 0 fields, not five"},
        {"0 9 * *", "there are 4 fields, not five"},
        {"0 9 * * * *", "there is more than five fields"},
        {"60 9 * * *", "its minute is none"},
        {"0 24 * * *", "its hour is none"},
        {"0 9 0 * *", "its day of the month is none"},
        {"0 9 * FOO *", "its month is none"},
        {"0 9 * * FRI-", "its day of the week is none"},
        {"0 9-8 * * *", "its hour is none"},
        {"*/0 9 * * *", "its minute is none"},
        {"1, 9 * * *", "its minute is none"},
        {"9h * * * *", "its minute is none"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cron cron;
        struct error error;
        assert_int_equal(cron_parse(cases[i].text, &cron, &error), -EINVAL);
        assert_string_equal(error.message, cases[i].why);
    }
}

static void a_cron_that_never_comes_has_no_beginning(void **state)
{
    struct window window = by_cron("0 0 30 2 *", HOUR, NULL);
    (void)state;
    assert_int_equal(window_begins(&window, utc(2026, 11, 27, 0, 0)), 0);
    assert_false(window_holds(&window, utc(2026, 3, 2, 0, 0), NULL));
}

static void hours_end_and_begin_again(void **state)
{
    struct window window = {.kind = WINDOW_HOURS};
    struct window whole = {.kind = WINDOW_HOURS};
    (void)state;
    assert_int_equal(hours_parse("22:00-06:00", &window.hours), 0);
    assert_int_equal(hours_add_days("FRI", &window.hours), 0);
    assert_int_equal(end_of(&window, utc(2026, 11, 28, 5, 59)), utc(2026, 11, 28, 6, 0));
    assert_int_equal(end_of(&window, utc(2026, 11, 28, 6, 0)), -1);
    assert_int_equal(window_begins(&window, utc(2026, 11, 28, 1, 0)), utc(2026, 12, 4, 22, 0));
    assert_int_equal(end_of(&whole, utc(2026, 11, 28, 6, 0)), 0);
    assert_int_equal(window_begins(&whole, utc(2026, 11, 28, 6, 0)), 0);
}

static void dates_are_of_the_clock_on_the_wall(void **state)
{
    struct window window = {.kind = WINDOW_DATES};
    struct zone *zone = NULL;
    (void)state;
    assert_int_equal(zone_open("Europe/Amsterdam", &zone), 0);
    assert_int_equal(window_parse_date("2026-12-20", zone, &window.from_ms), 0);
    assert_int_equal(window_parse_date("2027-07-02 08:00", zone, &window.until_ms), 0);
    assert_int_equal(window.from_ms, utc(2026, 12, 19, 23, 0));
    assert_int_equal(window.until_ms, utc(2027, 7, 2, 6, 0));
    assert_int_equal(end_of(&window, utc(2027, 1, 1, 0, 0)), window.until_ms);
    assert_int_equal(end_of(&window, window.until_ms), -1);
    assert_int_equal(window_begins(&window, utc(2026, 11, 1, 0, 0)), window.from_ms);
    assert_int_equal(window_begins(&window, window.from_ms), 0);
    zone_close(zone);
    assert_int_equal(zone_open("America/New_York", &zone), 0); /* three hours after it changes */
    assert_int_equal(window_parse_date("2026-03-08 05:30", zone, &window.from_ms), 0);
    assert_int_equal(window.from_ms, utc(2026, 3, 8, 9, 30));
    zone_close(zone);
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "tomorrow",
                                        "2026-13-01",
                                        "2026-02-30",
                                        "2026-12-20 24:00",
                                        "2026-12-20 8:00",
                                        "2026-12-20 08:00Z"};
    int64_t at_ms = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(window_parse_date(cases[i], NULL, &at_ms), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_from_its_minute_on_for_so_long),
        cmocka_unit_test(it_goes_on_over_midnight_and_the_end_of_a_month),
        cmocka_unit_test(the_clock_of_its_zone_counts_in_summer_and_in_winter),
        cmocka_unit_test(what_the_clock_leaves_out_comes_and_what_comes_twice_is_twice),
        cmocka_unit_test(one_that_begins_before_it_ends_goes_on),
        cmocka_unit_test(fields_are_as_crontab_has_them),
        cmocka_unit_test(what_is_no_cron_is_refused),
        cmocka_unit_test(a_cron_that_never_comes_has_no_beginning),
        cmocka_unit_test(hours_end_and_begin_again),
        cmocka_unit_test(dates_are_of_the_clock_on_the_wall),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
