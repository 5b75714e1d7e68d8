/* base/zone, probe/hours: the clock on the wall, and when a check is graded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/hours.h"

/* ---------------------------------------------------------------- zones ---- */

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
    return timegm(&(struct tm){.tm_year = year - 1900,
                               .tm_mon = month - 1,
                               .tm_mday = day,
                               .tm_hour = hour,
                               .tm_min = minute,
                               .tm_sec = second});
}

static struct zone *zone_of(const char *name)
{
    struct zone *zone = NULL;
    assert_int_equal(zone_open(name, &zone), 0);
    return zone;
}

static void london_changes_its_clocks_to_the_second(void **state)
{
    struct zone *zone = zone_of("Europe/London");
    (void)state;
    assert_int_equal(zone_offset(zone, utc(2026, 3, 29, 0, 59, 59)), 0);
    assert_int_equal(zone_offset(zone, utc(2026, 3, 29, 1, 0, 0)), 3600);
    assert_int_equal(zone_offset(zone, utc(2026, 10, 25, 0, 59, 59)), 3600);
    assert_int_equal(zone_offset(zone, utc(2026, 10, 25, 1, 0, 0)), 0);
    zone_close(zone);
}

static void after_the_last_change_in_the_file_its_rule_goes_on(void **state)
{
    struct zone *zone = zone_of("Europe/London");
    (void)state;
    assert_int_equal(zone_offset(zone, utc(2099, 3, 29, 0, 59, 59)), 0);
    assert_int_equal(zone_offset(zone, utc(2099, 3, 29, 1, 0, 0)), 3600);
    assert_int_equal(zone_offset(zone, utc(2099, 10, 25, 0, 59, 59)), 3600);
    assert_int_equal(zone_offset(zone, utc(2099, 10, 25, 1, 0, 0)), 0);
    zone_close(zone);
}

static void zones_say_what_libc_says(void **state)
{
    static const char *const names[] = {"Europe/London",
                                        "America/New_York",
                                        "Australia/Lord_Howe", /* half an hour of summer time */
                                        "America/Santiago",    /* summer at the turn of the year */
                                        "Asia/Kathmandu",
                                        "Africa/Casablanca", /* back for Ramadan */
                                        "Asia/Tehran",
                                        "America/Nuuk", /* changes before its midnight */
                                        "Pacific/Apia", /* skipped a day */
                                        "Etc/GMT+5",
                                        "UTC"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct zone *zone = zone_of(names[i]);
        assert_int_equal(setenv("TZ", names[i], 1), 0);
        tzset();
        for (int64_t at = utc(1905, 1, 1, 0, 0, 0); at < utc(2120, 1, 1, 0, 0, 0); at += 40007) {
            struct tm tm;
            time_t time = (time_t)at;
            assert_non_null(localtime_r(&time, &tm));
            if (zone_offset(zone, at) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, libc says %ld",
                         names[i],
                         (long long)at,
                         (int)zone_offset(zone, at),
                         tm.tm_gmtoff);
        }
        zone_close(zone);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void what_is_no_zone_is_refused(void **state)
{
    static const char *const names[] = {"Europe/Lundon",
                                        "../passwd",
                                        "/etc/passwd",
                                        "Europe",
                                        "",
                                        "Europe/../UTC",
                                        "Europe/London/x"};
    struct zone *zone = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_int_equal(zone_open(names[i], &zone), -ENOENT);
    assert_int_equal(zone_open("tzdata.zi", &zone), -ENOENT); /* a dot: never looked at */
    assert_null(zone);
}

/* A file of version 2 without changes: an empty block, then one with the footer. */
static size_t make_file(unsigned char *bytes, const char *rule)
{
    static const unsigned char head[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 1};
    size_t block = sizeof(head) + 6 + 1, len = 0;
    memset(bytes, 0, 2 * block);
    for (int i = 0; i < 2; i++, len += block)
        memcpy(bytes + len, head, sizeof(head));
    bytes[len++] = '\n';
    memcpy(bytes + len, rule, strlen(rule));
    len += strlen(rule);
    bytes[len++] = '\n';
    return len;
}

static void a_rule_is_understood_or_the_file_refused(void **state)
{
    static const char *const wrong[] = {"GMT",
                                        "GMT0BST",
                                        "GMT0BST,M3.5.0",
                                        "GMT0BST,,",
                                        "<+01-1",
                                        "GMT0BST,M13.5.0,M10.5.0",
                                        "GMT0 BST",
                                        "GMT0BST,M3.6.0,M10.5.0",
                                        "GMT0BST,J366,J1",
                                        "5"};
    unsigned char bytes[200];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_null(zone_parse(bytes, make_file(bytes, wrong[i])));
    struct zone *zone = zone_parse(bytes, make_file(bytes, "AAA-1:30BBB,J60/0,300"));
    assert_int_equal(zone_offset(zone, utc(2024, 2, 29, 22, 29, 59)), 5400);
    assert_int_equal(zone_offset(zone, utc(2024, 2, 29, 22, 30, 0)), 9000);
    assert_int_equal(zone_offset(zone, utc(2024, 10, 26, 23, 29, 59)), 9000); /* day 300: 27th */
    assert_int_equal(zone_offset(zone, utc(2024, 10, 26, 23, 30, 0)), 5400);
    zone_close(zone);
    zone = zone_parse(bytes, make_file(bytes, "")); /* no rule: the first type for ever */
    assert_int_equal(zone_offset(zone, utc(2024, 6, 1, 0, 0, 0)), 0);
    zone_close(zone);
}

static void a_file_that_is_cut_off_anywhere_is_refused(void **state)
{
    unsigned char bytes[200];
    (void)state;
    size_t len = make_file(bytes, "GMT0BST,M3.5.0/1,M10.5.0");
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *copy = mem_new(cut + 1); /* so that a read beyond is seen */
        copy = mem_resize(copy, cut ? cut : 1);
        memcpy(copy, bytes, cut);
        assert_null(zone_parse(copy, cut));
        free(copy);
    }
    zone_close(zone_parse(bytes, len));
}

/* ---------------------------------------------------------------- hours ---- */

static struct hours hours_of(const char *span, const char *days, struct zone *zone)
{
    struct hours hours = {.zone = zone};
    if (span)
        assert_int_equal(hours_parse(span, &hours), 0);
    if (days)
        assert_int_equal(hours_add_days(days, &hours), 0);
    return hours;
}

static bool at(const struct hours *hours, int day, int hour, int minute)
{
    return hours_hold(hours, utc(2026, 11, day, hour, minute, 0) * 1000);
}

static void hours_begin_on_their_minute_and_end_before_it(void **state)
{
    struct hours hours = hours_of("07:00-23:00", NULL, NULL);
    (void)state;
    assert_false(at(&hours, 21, 6, 59));
    assert_true(at(&hours, 21, 7, 0));
    assert_true(at(&hours, 21, 22, 59));
    assert_false(at(&hours, 21, 23, 0));
    hours = hours_of("12:00-24:00", NULL, NULL);
    assert_true(at(&hours, 21, 23, 59));
    assert_false(at(&hours, 22, 0, 0));
}

static void hours_over_midnight_belong_to_the_day_on_which_they_began(void **state)
{
    struct hours hours = hours_of("22:00-06:00", "FRI", NULL); /* the 20th is a Friday */
    (void)state;
    assert_false(at(&hours, 20, 5, 59));
    assert_false(at(&hours, 20, 21, 59));
    assert_true(at(&hours, 20, 22, 0));
    assert_true(at(&hours, 21, 5, 59));
    assert_false(at(&hours, 21, 6, 0));
    assert_false(at(&hours, 21, 22, 0));
    hours = hours_of("22:00-06:00", "SUN", NULL);
    assert_true(at(&hours, 23, 1, 0)); /* a Monday: the week turns */
    assert_false(at(&hours, 22, 1, 0));
}

static void days_may_be_lists_and_ranges_also_over_the_weekend(void **state)
{
    struct hours hours = hours_of(NULL, "mon-WED,FRI", NULL); /* the 16th is a Monday */
    static const bool some[] = {1, 1, 1, 0, 1, 0, 0}, over[] = {1, 0, 0, 0, 0, 1, 1};
    (void)state;
    for (int i = 0; i < 7; i++)
        assert_int_equal(at(&hours, 16 + i, 12, 0), some[i]);
    hours = hours_of(NULL, "SAT-MON", NULL);
    for (int i = 0; i < 7; i++)
        assert_int_equal(at(&hours, 16 + i, 12, 0), over[i]);
    hours = hours_of(NULL, NULL, NULL);
    for (int i = 0; i < 7; i++)
        assert_true(at(&hours, 16 + i, 0, 0));
}

static void the_wall_decides_when_clocks_change(void **state)
{
    struct zone *zone = zone_of("Europe/London");
    struct hours hours = hours_of("07:00-23:00", NULL, zone);
    (void)state;
    /* The Saturday before and the Sunday after: the same on the wall, an hour apart. */
    assert_false(hours_hold(&hours, utc(2026, 3, 28, 6, 59, 59) * 1000));
    assert_true(hours_hold(&hours, utc(2026, 3, 28, 7, 0, 0) * 1000));
    assert_false(hours_hold(&hours, utc(2026, 3, 29, 5, 59, 59) * 1000));
    assert_true(hours_hold(&hours, utc(2026, 3, 29, 6, 0, 0) * 1000));
    assert_true(hours_hold(&hours, utc(2026, 10, 24, 6, 0, 0) * 1000));
    assert_false(hours_hold(&hours, utc(2026, 10, 25, 6, 59, 59) * 1000));
    assert_true(hours_hold(&hours, utc(2026, 10, 25, 7, 0, 0) * 1000));
    zone_close(zone);
}

static void an_hour_that_comes_twice_counts_twice_and_a_skipped_one_does_not_come(void **state)
{
    struct zone *zone = zone_of("Europe/London");
    struct hours hours = hours_of("01:00-02:00", NULL, zone);
    unsigned spring = 0, autumn = 0;
    (void)state;
    for (int minute = 0; minute < 1440; minute++) {
        spring += hours_hold(&hours, (utc(2026, 3, 29, 0, 0, 0) + minute * 60) * 1000);
        autumn += hours_hold(&hours, (utc(2026, 10, 25, 0, 0, 0) + minute * 60) * 1000);
    }
    assert_int_equal(spring, 0);
    assert_int_equal(autumn, 120);
    zone_close(zone);
}

static void what_is_no_hours_and_no_days_is_refused(void **state)
{
    static const char *const spans[] = {"",
                                        "07:00",
                                        "7:00-23:00",
                                        "07:00-24:01",
                                        "07:60-08:00",
                                        "07:00 - 23:00",
                                        "07:00-07:00",
                                        "24:00-08:00",
                                        "07:00-23:00x"};
    static const char *const days[] = {"", "MO", "MON-", "MON,", "MONDAY", "-FRI", "MON FRI"};
    struct hours hours = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spans); i++)
        assert_int_equal(hours_parse(spans[i], &hours), -EINVAL);
    for (size_t i = 0; i < COUNT_OF(days); i++)
        assert_int_equal(hours_add_days(days[i], &hours), -EINVAL);
    assert_int_equal(hours.days, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(london_changes_its_clocks_to_the_second),
        cmocka_unit_test(after_the_last_change_in_the_file_its_rule_goes_on),
        cmocka_unit_test(zones_say_what_libc_says),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(a_rule_is_understood_or_the_file_refused),
        cmocka_unit_test(a_file_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(hours_begin_on_their_minute_and_end_before_it),
        cmocka_unit_test(hours_over_midnight_belong_to_the_day_on_which_they_began),
        cmocka_unit_test(days_may_be_lists_and_ranges_also_over_the_weekend),
        cmocka_unit_test(the_wall_decides_when_clocks_change),
        cmocka_unit_test(an_hour_that_comes_twice_counts_twice_and_a_skipped_one_does_not_come),
        cmocka_unit_test(what_is_no_hours_and_no_days_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
