/* When the events of a calendar are, across clocks that are put forward and back, and what is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "incident/ical.h"

#define EVENT(lines)                                                                               \
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\n" lines "END:VEVENT\r\nEND:VCALENDAR\r\n"
#define MOST_TEXT 4000

/* 2026 from its first day on. */
static const int64_t from_ms = INT64_C(1767225600000), year_ms = INT64_C(366) * 86400000;

static const char *const zone_name = "Europe/London";

/* "2026-03-27 10:00-11:30 ..." in UTC of the first spans, or what is wrong. */
static void read_spans(const char *text, char said[MOST_TEXT])
{
    struct zone *zone = NULL;
    struct ical_spans spans;
    struct error error = {0};
    size_t len = 0;
    assert_int_equal(zone_open(zone_name, &zone), 0);
    const struct ical_wish wish = {.path = "f.ics",
                                   .bytes = text,
                                   .len = strlen(text),
                                   .zone = zone,
                                   .from_ms = from_ms,
                                   .until_ms = from_ms + year_ms};
    int status = ical_read(&wish, &spans, &error);
    *said = '\0';
    for (size_t i = 0; status == 0 && i < spans.count && i < 8; i++) {
        char from[UNITS_TIME_LEN], until[UNITS_TIME_LEN];
        units_print_time(spans.all[i].from_ms, from);
        units_print_time(spans.all[i].until_ms, until);
        len += (size_t)snprintf(said + len,
                                MOST_TEXT - len,
                                "%s%.5s %.5s-%.5s %.5s",
                                i ? ", " : "",
                                from + 5,
                                from + 11,
                                until + 5,
                                until + 11);
    }
    if (status < 0)
        (void)snprintf(said, MOST_TEXT, "%s", error.message);
    ical_free(&spans);
    zone_close(zone);
}

static void expect(const char *text, const char *expected)
{
    char said[MOST_TEXT];
    read_spans(text, said);
    if (strcmp(said, expected) != 0)
        fail_msg("%s\nsays     %s\nexpected %s", text, said, expected);
}

static void an_event_is_when_it_says(void **state)
{
    (void)state;
    expect(EVENT("DTSTART:20260327T100000Z\r\nDTEND:20260327T113000Z\r\n"),
           "03-27 10:00-03-27 11:30");
    expect(EVENT("DTSTART;TZID=Europe/Amsterdam:20260727T100000\r\nDURATION:PT1H30M\r\n"),
           "07-27 08:00-07-27 09:30");
    expect(EVENT("DTSTART;TZID=\"America/New_York\":20260727T100000\r\nDURATION:P1DT1S\r\n"),
           "07-27 14:00-07-28 14:00");
    expect(EVENT("DTSTART:20260727T100000\r\nDURATION:P1W\r\n"), "07-27 09:00-08-03 09:00");
    expect(EVENT("DTSTART;VALUE=DATE:20260727\r\n"), "07-26 23:00-07-27 23:00");
    expect(EVENT("DTSTART;VALUE=DATE:20260727\r\nDTEND;VALUE=DATE:20260729\r\n"),
           "07-26 23:00-07-28 23:00");
    expect(EVENT("DTSTART:20260327T100000Z\r\n"), ""); /* it takes no time */
    expect(EVENT("DTSTART:20250327T100000Z\r\nDTEND:20250327T113000Z\r\n"), ""); /* it is over */
    expect(EVENT("DTSTART:20260327T1000\r\n 00Z\r\nDTEND:20260327\r\n\tT113000Z\r\n"),
           "03-27 10:00-03-27 11:30");
    expect(EVENT("DTSTART:20260327T100000Z\nSTATUS:CANCELLED\nDTEND:20260327T113000Z\n"), "");
    expect("\xef\xbb\xbf" EVENT(
               "DTSTART:20260327T100000Z\r\nDTEND:20260327T113000Z\r\nBEGIN:VALARM\r\n"
               "TRIGGER:-PT15M\r\nDURATION:PT9H\r\nEND:VALARM\r\n"),
           "03-27 10:00-03-27 11:30");
}

static void a_rule_keeps_to_the_clock_on_the_wall(void **state)
{
    (void)state;
    /* Clocks are put forward on March 29th, and back on October 25th. */
    expect(EVENT("DTSTART;TZID=Europe/London:20260320T100000\r\nDTEND;TZID=Europe/"
                 "London:20260320T113000\r\n"
                 "RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=3\r\n"),
           "03-20 10:00-03-20 11:30, 03-27 10:00-03-27 11:30, 04-03 09:00-04-03 10:30");
    expect(EVENT("DTSTART;TZID=Europe/London:20240105T100000\r\nDURATION:PT1H\r\n"
                 "RRULE:FREQ=WEEKLY;UNTIL=20260116T100000Z\r\n"),
           "01-02 10:00-01-02 11:00, 01-09 10:00-01-09 11:00, 01-16 10:00-01-16 11:00");
    expect(EVENT("DTSTART;TZID=Europe/"
                 "London:20261018T013000\r\nDURATION:PT30M\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n"),
           "10-18 00:30-10-18 01:00, 10-25 00:30-10-25 01:00, 11-01 01:30-11-01 02:00");
    expect(EVENT("DTSTART;TZID=Europe/"
                 "London:20260328T013000\r\nDURATION:PT15M\r\nRRULE:FREQ=DAILY;COUNT=3\r\n"),
           "03-28 01:30-03-28 01:45, 03-29 01:30-03-29 01:45, 03-30 00:30-03-30 00:45");
    expect(EVENT("DTSTART;TZID=America/New_York:20260308T023000\r\nDURATION:PT15M\r\n"),
           "03-08 07:30-03-08 07:45");
    expect(EVENT("DTSTART;VALUE=DATE:20260329\r\nRRULE:FREQ=MONTHLY;BYDAY=-1SU;COUNT=2\r\n"),
           "03-29 00:00-03-29 23:00, 04-25 23:00-04-26 23:00");
    expect(EVENT("DTSTART;VALUE=DATE:20200131\r\nRRULE:FREQ=YEARLY;UNTIL=20270101\r\n"),
           "01-31 00:00-02-01 00:00");
    expect(EVENT("DTSTART:20200229T100000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=31;"
                 "COUNT=3\r\n"),
           "");
}

static void single_ones_are_moved_left_out_and_added(void **state)
{
    (void)state;
    expect(EVENT("DTSTART;TZID=Europe/"
                 "London:20260403T100000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\n"
                 "EXDATE;TZID=Europe/"
                 "London:20260410T100000\r\nEXDATE:20260417T090000Z\r\nRDATE:20260405T090000Z\r\n"),
           "04-03 09:00-04-03 10:00, 04-05 09:00-04-05 10:00, 04-24 09:00-04-24 10:00");
    expect("BEGIN:VCALENDAR\r\n"
           "BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260403T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ="
           "WEEKLY;COUNT=3\r\nEND:VEVENT\r\n"
           "BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID:20260410T090000Z\r\nDTSTART:"
           "20260417T090000Z\r\nDURATION:PT2H\r\nEND:VEVENT\r\n"
           "BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID:20260417T090000Z\r\nSTATUS:CANCELLED\r\nDTSTART:"
           "20260417T090000Z\r\nEND:VEVENT\r\n"
           "BEGIN:VEVENT\r\nUID:b\r\nRECURRENCE-ID:20260403T090000Z\r\nDTSTART:"
           "20260501T090000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"
           "END:VCALENDAR\r\n",
           "04-03 09:00-04-03 10:00, 04-17 09:00-04-17 11:00, 05-01 09:00-05-01 10:00");
}

static void what_touches_is_one_and_longer_by_what_is_wished(void **state)
{
    static const char text[] = EVENT(
        "DTSTART:20260327T100000Z\r\nDURATION:PT1H\r\nRDATE:20260327T110000Z,20260327T130000Z\r\n");
    struct ical_spans spans;
    struct error error;
    const struct ical_wish wish = {.path = "f",
                                   .bytes = text,
                                   .len = sizeof(text) - 1,
                                   .from_ms = from_ms,
                                   .until_ms = from_ms + year_ms,
                                   .before_ms = 15 * 60000,
                                   .after_ms = 3600000};
    (void)state;
    expect(text, "03-27 10:00-03-27 12:00, 03-27 13:00-03-27 14:00");
    assert_int_equal(ical_read(&wish, &spans, &error), 0);
    assert_int_equal(spans.count, 1);
    assert_int_equal(spans.all->until_ms - spans.all->from_ms, 5 * 3600000 + 15 * 60000);
    ical_free(&spans);
}

static void what_cannot_be_understood_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } each[] = {
        {"", "f.ics:1: is empty"},
        {"<html>", "f.ics:1: is no line of a calendar"},
        {"a:b\r\n", "f.ics:1: is no calendar"},
        {"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260101\r\n",
         "f.ics:2: BEGIN:VEVENT has no end"},
        {"BEGIN:VCALENDAR\r\n", "f.ics:1: BEGIN:VCALENDAR has no end"},
        {"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "f.ics:1: BEGIN:VEVENT is in no place"},
        {EVENT(""), "f.ics:2: the event has no DTSTART"},
        {EVENT("DTSTART:2026-01-01\r\n"), "f.ics:4: DTSTART is no time: \"2026-01-01\""},
        {EVENT("DTSTART:20260231T100000\r\n"), "f.ics:4: DTSTART is no time"},
        {EVENT("DTSTART:20260101\r\nSUMMARY:a\r\n b\r\nDTEND:20260102T100000\r\n"),
         "f.ics:7: DTEND is a date"},
        {EVENT("DTSTART;TZID=W. Europe Standard Time:20260101T100000\r\n"),
         "f.ics:4: \"W. Europe Standard Time\" is no time zone of tzdata"},
        {EVENT("DTSTART:20260101\r\nRRULE:FREQ=SOMETIMES\r\n"), "f.ics:5: RRULE is no rule"},
        {EVENT("DTSTART:20260101T100000\r\nRRULE:FREQ=HOURLY\r\n"), "f.ics:5: RRULE by the hour"},
        {EVENT("DTSTART:20260101T100000\r\nRRULE:FREQ=DAILY;BYHOUR=1,2\r\n"),
         "f.ics:5: RRULE by the hour"},
        {EVENT("DTSTART:20260101\r\nRRULE:FREQ=DAILY\r\nRRULE:FREQ=DAILY\r\n"),
         "f.ics:6: there are two rules"},
        {EVENT("DTSTART:20260101\r\nEXRULE:FREQ=DAILY\r\n"), "f.ics:5: EXRULE"},
        {EVENT("DTSTART:20260101\r\nDURATION:-PT1H\r\n"), "f.ics:5: \"-PT1H\" is no duration"},
        {EVENT("DTSTART:20260101T100000\r\nRDATE;VALUE=PERIOD:20260101T100000Z/PT1H\r\n"),
         "f.ics:5: RDATE is no time"},
        {EVENT("DTSTART:20260101T100000\r\nRDATE;VALUE=DATE:20260101\r\n"),
         "f.ics:5: RDATE is a date"},
        {EVENT("DTSTART:20260101\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260101\r\n"),
         "f.ics:5: RANGE"},
        {EVENT("DTSTART:20260101\r\n") "x:y\r\n", "f.ics:7: something follows"},
        {EVENT("DTSTART:20260101\r\nX-A;B=\"c:d\r\n"), "f.ics:5: is no line"},
    };
    char said[MOST_TEXT];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        read_spans(each[i].text, said);
        if (strncmp(said, each[i].says, strlen(each[i].says)) != 0)
            fail_msg("%s\nsays     %s\nexpected %s", each[i].text, said, each[i].says);
    }
}

static void rules_that_never_come_true_end(void **state)
{
    static const char *const rules[] = {"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
                                        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
                                        "FREQ=MONTHLY;BYSETPOS=300;BYDAY=MO",
                                        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;INTERVAL=1000",
                                        "FREQ=DAILY;COUNT=2000000000"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        char said[MOST_TEXT];
        MEM_AUTO char *text =
            mem_print(EVENT("DTSTART:19700101T100000Z\r\nDURATION:PT1H\r\nRRULE:%s\r\n"), rules[i]);
        read_spans(text, said); /* whatever it says */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_when_it_says),
        cmocka_unit_test(a_rule_keeps_to_the_clock_on_the_wall),
        cmocka_unit_test(single_ones_are_moved_left_out_and_added),
        cmocka_unit_test(what_touches_is_one_and_longer_by_what_is_wished),
        cmocka_unit_test(what_cannot_be_understood_is_refused_with_its_line),
        cmocka_unit_test(rules_that_never_come_true_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
