/* probe: hours in which a check is graded, and intervals that it missed, on a driven clock. */
#include "judgement_fixture.h"

/* ---------------------------------------------------------------- active ---- */

static const char by_day[] = "targets:\n"
                             "  db:\n"
                             "    url: told://127.0.0.1\n"
                             "    active: {hours: \"07:00-23:00\", tz: Europe/London}\n";

static void start_at(int month, int day, int hour, int minute)
{
    loop_drive(stage.loop, 1000000, utc(month, day, hour, minute));
}

static void outside_its_hours_a_check_runs_and_stays_ok(void **state)
{
    (void)state;
    start_at(11, 21, 2, 0);
    begin(by_day);
    tell("db/first", BAD);
    pass(15);
    assert_true(ran("db/first"));
    assert_said("db/first=ok(start)- ");
    tell("db/connect", DOWN);
    pass(60);
    assert_not_said("critical");
}

static void within_them_it_is_graded_and_at_their_end_ok_again(void **state)
{
    (void)state;
    start_at(11, 21, 6, 59);
    begin(by_day);
    tell("db/first", BAD);
    pass(59);
    assert_not_said("critical");
    pass(15);
    assert_said("db/first=critical(change) ");
    pass(16 * 3600 - 60);
    assert_not_said("ok(change)");
    pass(60);
    assert_said("db/first=ok(change)- ");
}

static void hours_begin_anew_what_must_last(void **state)
{
    (void)state;
    start_at(11, 21, 6, 30);
    begin("targets:\n"
          "  db:\n"
          "    url: told://127.0.0.1\n"
          "    checks: {first: {for: 5m, active: {hours: \"07:00-23:00\"}}}\n");
    tell("db/first", BAD);
    pass(34 * 60); /* bad for half an hour, of which four minutes count */
    assert_not_said("critical");
    pass(2 * 60);
    assert_said("db/first=critical(change) ");
}

static void that_it_could_not_look_is_said_at_any_hour(void **state)
{
    (void)state;
    start_at(11, 21, 2, 0);
    begin(by_day);
    tell("db/first", DENY);
    pass(120);
    assert_said("db/first=unknown(missing_right)- ");
}

/* From bad at noon the day before to the day after: when is it said that it is critical? */
static void assert_critical_from(int month, int day, int hour)
{
    start_at(month, day, hour - 1, 59);
    begin(by_day);
    tell("db/first", BAD);
    pass(59);
    assert_not_said("critical");
    pass(15);
    assert_said("db/first=critical(change) ");
}

static void clocks_that_go_forward_bring_the_hours_sooner(void **state)
{
    (void)state;
    assert_critical_from(3, 29, 6); /* seven in London, since that night */
}

static void the_day_before_they_were_an_hour_later(void **state)
{
    (void)state;
    assert_critical_from(3, 28, 7);
}

static void clocks_that_go_back_bring_the_hours_later(void **state)
{
    (void)state;
    assert_critical_from(10, 25, 7);
}

static void before_they_went_back_the_hours_were_sooner(void **state)
{
    (void)state;
    assert_critical_from(10, 24, 6);
}

static void wrong_hours_days_and_zones_are_told_at_their_place(void **state)
{
    (void)state;
    check_names("targets:\n"
                "  db: {url: \"told://x\", active: {hours: \"7-23\", days: [MON, XYZ], tz: "
                "Europe/Lundon, day: 1}}\n",
                "a.yaml:2:41: targets.db.active.hours: \"7-23\" is no span of hours; write it like "
                "\"07:00-23:00\", or \"22:00-06:00\" for a night\n"
                "a.yaml:2:61: targets.db.active.days: \"XYZ\" is no days of the week; write them "
                "like MON-FRI or [MON-WED, SUN]\n"
                "a.yaml:2:71: targets.db.active.tz: there is no time zone \"Europe/Lundon\"; write "
                "an IANA name such as Europe/London; they come with the package tzdata\n"
                "a.yaml:2:86: targets.db.active.day: is not known here; did you mean days?\n");
    check_names("targets: {db: {url: \"told://x\", active: weekdays}}\n",
                "a.yaml:1:41: targets.db.active: is text, not a map; write it like {hours: "
                "\"07:00-23:00\", days: MON-FRI, tz: Europe/London}\n");
}

/* ------------------------------------------------------------------ late ---- */

/* One run at a time; the first target's runs take all of it. */
static const char crowded[] =
    "agent: {most_at_once: 1}\n"
    "targets:\n"
    "  db:\n"
    "    url: told://127.0.0.1\n"
    "    checks: {connect: \"off\", first: {every: 100s, timeout: 100s}}\n"
    "  web:\n"
    "    url: told://127.0.0.1\n"
    "    checks: {connect: \"off\"}\n";

static void a_check_that_misses_three_intervals_is_unknown_and_says_why(void **state)
{
    (void)state;
    begin(crowded);
    pass(15);
    tell("db/first", HANG);
    journal[0] = '\0';
    while (!ran("db/first"))
        loop_advance(stage.loop, 100);
    pass(28);
    assert_not_said("web/first");
    pass(12);
    assert_said("web/first=unknown(late) ");
}

static void the_next_run_of_a_late_check_ends_that(void **state)
{
    (void)state;
    begin(crowded);
    tell("db/first", HANG);
    pass(99);
    while (!strstr(said, "web/first=unknown(late)"))
        loop_advance(stage.loop, 100);
    tell("db/first", ANSWER);
    pass(101);
    assert_said("web/first=ok(change)");
}

static void two_missed_intervals_are_not_said(void **state)
{
    (void)state;
    begin("agent: {most_at_once: 1}\n"
          "targets:\n"
          "  db:\n"
          "    url: told://127.0.0.1\n"
          "    checks: {connect: \"off\", first: {every: 100s, timeout: 25s}}\n"
          "  web: {url: \"told://127.0.0.1\", checks: {connect: \"off\"}}\n");
    tell("db/first", HANG);
    pass(600);
    assert_not_said("late");
}

/* ----------------------------------------------- what an end without an answer is ---- */

static void no_answer_in_time_is_what_the_check_says_it_is(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db:\n"
          "    url: told://127.0.0.1\n"
          "    checks: {connect: \"off\", silent: {every: 5s}, first: {every: 5s}}\n");
    tell("db/silent", HANG);
    tell("db/first", HANG);
    pass(60);
    assert_said("db/silent=critical(target_down) ");
    assert_said("db/first=unknown(timeout) ");
}

static void a_measure_that_a_condition_needs_and_is_not_there_is_unknown(void **state)
{
    (void)state;
    begin("targets: {db: {url: \"told://127.0.0.1\", checks: {connect: \"off\"}}}\n");
    pass(15);
    tell("db/first", BARE);
    pass(40);
    assert_said("db/first=unknown(no_measure) ");
}

static unsigned count_runs(const char *label)
{
    MEM_AUTO char *word = mem_print("%s ", label);
    unsigned count = 0;
    for (const char *at = journal; (at = strstr(at, word)); at++)
        count++;
    return count;
}

/* Every second, two seconds long: never two at a time, and never late. */
static void a_run_that_is_longer_than_its_interval_is_neither_late_nor_doubled(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db:\n"
          "    url: told://127.0.0.1\n"
          "    checks: {connect: \"off\", first: {every: 1s, timeout: 3s}}\n");
    tell("db/first", BAD_LATER);
    pass(10);
    assert_said("db/first=critical(start) ");
    pass(30);
    assert_in_range(count_runs("db/first"), 10, 15);
    assert_not_said("late");
    assert_not_said("unknown");
}

static void a_limit_longer_than_the_interval_is_waited_for_in_full(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db:\n"
          "    url: told://127.0.0.1\n"
          "    checks: {connect: \"off\", first: {every: 1s, timeout: 3s}}\n");
    pass(5);
    tell("db/first", HANG);
    journal[0] = '\0';
    while (!ran("db/first"))
        loop_advance(stage.loop, 10);
    pass(2);
    assert_int_equal(stage.schedule->running, 1);
    assert_false(ran("db/first")); /* not once more meanwhile */
    pass(60);
    assert_said("db/first=unknown(timeout) ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, clear_stage)
    const struct CMUnitTest tests[] = {
        TEST(outside_its_hours_a_check_runs_and_stays_ok),
        TEST(within_them_it_is_graded_and_at_their_end_ok_again),
        TEST(hours_begin_anew_what_must_last),
        TEST(that_it_could_not_look_is_said_at_any_hour),
        TEST(clocks_that_go_forward_bring_the_hours_sooner),
        TEST(the_day_before_they_were_an_hour_later),
        TEST(clocks_that_go_back_bring_the_hours_later),
        TEST(before_they_went_back_the_hours_were_sooner),
        TEST(wrong_hours_days_and_zones_are_told_at_their_place),
        TEST(a_check_that_misses_three_intervals_is_unknown_and_says_why),
        TEST(the_next_run_of_a_late_check_ends_that),
        TEST(two_missed_intervals_are_not_said),
        TEST(no_answer_in_time_is_what_the_check_says_it_is),
        TEST(a_measure_that_a_condition_needs_and_is_not_there_is_unknown),
        TEST(a_run_that_is_longer_than_its_interval_is_neither_late_nor_doubled),
        TEST(a_limit_longer_than_the_interval_is_waited_for_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
