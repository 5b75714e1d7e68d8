/* incident/calendar: calendars of windows, which are read again when they change. */
#include "brakes_fixture.h"
#include "incident/calendar.h"

#define ICS(events) "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" events "END:VCALENDAR\r\n"
#define ONSALE(from, to)                                                                           \
    "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:" from "\r\nDTEND:" to "\r\nEND:VEVENT\r\n"

struct heard {
    struct freeze *freeze;
    const struct windows *windows;
    unsigned read, failed;
    char why[300];
    bool any;
};

static void on_calendar(const struct named_window *window, const char *why, void *data)
{
    struct heard *heard = data;
    (void)window;
    heard->read += !why;
    heard->failed += why != NULL;
    heard->any = true;
    (void)snprintf(heard->why, sizeof(heard->why), "%s", why ? why : "");
    freeze_use_windows(heard->freeze, heard->windows);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The next look comes after so long on the driven clock; what it finds, in real time. */
static void hear(struct stage *stage, struct heard *heard, uint64_t after_ms)
{
    heard->any = false;
    loop_advance(stage->loop, after_ms);
    assert_true(loop_run_until(stage->loop, &heard->any, 60000));
}

static void a_calendar_is_read_again_when_it_changes(void **state)
{
    struct stage *stage = *state;
    MEM_AUTO char *path = mem_print("%s/onsale.ics", stage->folder);
    struct window_spans spans = {0};
    struct named_window one = {.name = "onsale",
                               .calendar = path,
                               .tz = "Europe/London",
                               .after_ms = MINUTE,
                               .when = {.kind = WINDOW_SPANS, .spans = &spans}};
    const struct windows windows = {&one, 1};
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    struct heard heard = {.freeze = freeze, .windows = &windows};
    loop_drive(stage->loop, 1000, NOW);
    freeze_use_windows(freeze, &windows);
    struct calendars *calendars =
        calendars_create(stage->loop, &windows, NULL, on_calendar, &heard);
    assert_non_null(freeze_why(freeze)); /* not looked at yet */
    hear(stage, &heard, 0);
    assert_string_equal(strrchr(heard.why, ':'), ": No such file or directory");
    assert_non_null(freeze_why(freeze));

    write_file(path, ICS(ONSALE("20260101T000000Z", "20991231T000000Z")));
    hear(stage, &heard, CALENDAR_EVERY_MS);
    assert_int_equal(heard.read, 1);
    assert_non_null(strstr(freeze_why(freeze), "frozen by window onsale until 2099-12-31 00:01"));

    write_file(path, ICS(ONSALE("20260101T000000Z", "20260102T000000Z")));
    hear(stage, &heard, CALENDAR_EVERY_MS);
    assert_int_equal(heard.read, 2);
    assert_null(freeze_why(freeze));

    write_file(path, ICS("BEGIN:VEVENT\r\n")); /* half of it, as while it is written */
    hear(stage, &heard, CALENDAR_EVERY_MS);
    assert_non_null(strstr(heard.why, "onsale.ics:4: END:VCALENDAR ends nothing"));
    assert_non_null(freeze_why(freeze));
    calendars_destroy(calendars);
    assert_false(spans.known);
    freeze_destroy(freeze);
}

static void a_calendar_that_is_given_up_is_forgotten(void **state)
{
    struct stage *stage = *state;
    MEM_AUTO char *path = mem_print("%s/onsale.ics", stage->folder);
    struct window_spans spans = {0};
    struct named_window one = {
        .name = "onsale", .calendar = path, .when = {.kind = WINDOW_SPANS, .spans = &spans}};
    const struct windows windows = {&one, 1};
    write_file(path, ICS(ONSALE("20260101T000000Z", "20991231T000000Z")));
    for (int i = 0; i < 3; i++) /* while it is looked at, or read */
        calendars_destroy(calendars_create(stage->loop, &windows, &windows, NULL, NULL));
    assert_false(spans.known);
    struct calendars *once = calendars_read_once(&windows, NOW);
    assert_true(spans.known);
    assert_true(window_holds(&one.when, NOW, NULL));
    calendars_destroy(once);
    assert_int_equal(unlink(path), 0);
    once = calendars_read_once(&windows, NOW);
    assert_false(spans.known);
    assert_non_null(strstr(spans.trouble, "No such file"));
    calendars_destroy(once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_calendar_is_read_again_when_it_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_calendar_that_is_given_up_is_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
