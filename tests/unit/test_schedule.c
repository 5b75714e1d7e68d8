/* probe: schedule, run, verdict - when a check runs, how its run ends, what is said of it. */
#include "told_fixture.h"

static void a_check_runs_each_interval_and_says_only_what_changes(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    begin(&stage);
    loop_advance(stage.loop, 101000);
    assert_in_range(count_of(world.journal, "first@"), 10, 11);
    assert_int_equal(count_of(world.journal, "/first"), count_of(world.journal, "first@"));
    assert_string_equal(world.said, "first=ok(start) ");
    world.value = 101;
    loop_advance(stage.loop, 10000);
    assert_string_equal(world.said, "first=ok(start) first=critical(change) ");
    clear_stage(&stage);
    assert_non_null(strstr(world.journal, "destroyed"));
}

static void lateness_does_not_add_up(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.takes_ms = 2900;
    begin(&stage);
    loop_advance(stage.loop, 1001000);
    assert_in_range(count_of(world.journal, "first@"), 100, 101);
    clear_stage(&stage);
}

static void a_run_without_an_end_is_ended_at_its_deadline(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = HANG;
    begin(&stage);
    loop_advance(stage.loop, 4000);
    assert_int_equal(count_of(world.journal, "first:timed-out /first"), 1);
    loop_advance(stage.loop, 60000); /* three of them are unknown */
    assert_string_equal(world.said, "first=unknown(timeout) ");
    clear_stage(&stage);
}

static void a_run_that_waits_for_its_target_is_ended_too(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = HANG_ON_TARGET;
    begin(&stage);
    loop_advance(stage.loop, 4000);
    assert_int_equal(count_of(world.journal, "/first"), 1);
    clear_stage(&stage);
}

static void runs_of_a_target_wait_in_line_and_deadlines_count_from_the_start(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, two);
    world.takes_ms =
        2500; /* both due within a second: the second one begins late, and is not ended early */
    begin(&stage);
    loop_advance(stage.loop, 9000);
    assert_null(strstr(world.journal, "timed-out"));
    assert_non_null(strstr(world.said, "first=ok"));
    assert_non_null(strstr(world.said, "second=ok"));
    const char *a = strstr(world.journal, "first@"), *b = strstr(world.journal, "second@");
    const char *one = a < b ? "/first" : "/second", *later = a < b ? b : a;
    assert_true(strstr(world.journal, one) < later); /* the earlier one had ended */
    clear_stage(&stage);
}

static void a_run_that_reports_nothing_is_unknown(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = SILENT;
    begin(&stage);
    loop_advance(stage.loop, 35000);
    assert_int_equal(count_of(world.said, "first=unknown"), 1);
    clear_stage(&stage);
}

static void a_subject_absent_from_two_runs_is_gone(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = TWO_SUBJECTS;
    begin(&stage);
    loop_advance(stage.loop, 15000);
    world.only = "a";
    loop_advance(stage.loop, 10000);
    assert_null(strstr(world.said, "gone"));
    loop_advance(stage.loop, 10000);
    assert_non_null(strstr(world.said, "first[b]=ok(gone)"));
    clear_stage(&stage);
}

static void a_second_end_of_a_run_is_ignored(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = TWICE;
    begin(&stage);
    loop_advance(stage.loop, 2000);
    assert_int_equal(count_of(world.journal, "/first"), 1);
    clear_stage(&stage);
}

static void what_runs_at_once_is_bounded_and_nothing_is_forgotten(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 2, first_only);
    stage.config.agent.most_at_once = 1;
    world.takes_ms = 2000;
    begin(&stage);
    loop_advance(stage.loop, 1500);
    assert_int_equal(stage.schedule->running, 1);
    loop_advance(stage.loop, 50000);
    assert_in_range(count_of(world.journal, "first@"), 9, 12);
    assert_int_equal(count_of(world.said, "first=ok(start)"), 2);
    clear_stage(&stage);
}

static void a_target_that_goes_ends_its_runs_silently(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, all);
    world.behaves[FIRST] = HANG;
    world.behaves[SECOND] = HANG_ON_TARGET;
    begin(&stage);
    while (!strstr(world.journal, "first@"))
        loop_advance(stage.loop, 10);
    world.said[0] = '\0';
    clear_stage(&stage);
    assert_non_null(strstr(world.journal, "first:canceled /first"));
    assert_string_equal(world.said, "");
}

static void pauses_begin_short_and_end_at_ten_intervals_or_a_minute(void **state)
{
    (void)state;
    assert_in_range(schedule_pause_ms(15000, 1, 0.999), 100, 1000);
    assert_in_range(schedule_pause_ms(15000, 2, 0.999), 1900, 2000);
    assert_in_range(schedule_pause_ms(15000, 50, 0.999), 59000, 60000);
    assert_in_range(schedule_pause_ms(1000, 50, 0.999), 9900, 10000);
    assert_in_range(schedule_pause_ms(1000, 50, 0.0), 100, 100);
    assert_in_range(schedule_pause_ms(10, 50, 0.999), 90, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh_world)
    const struct CMUnitTest tests[] = {
        TEST(a_check_runs_each_interval_and_says_only_what_changes),
        TEST(lateness_does_not_add_up),
        TEST(a_run_without_an_end_is_ended_at_its_deadline),
        TEST(a_run_that_waits_for_its_target_is_ended_too),
        TEST(runs_of_a_target_wait_in_line_and_deadlines_count_from_the_start),
        TEST(a_run_that_reports_nothing_is_unknown),
        TEST(a_subject_absent_from_two_runs_is_gone),
        TEST(a_second_end_of_a_run_is_ignored),
        TEST(what_runs_at_once_is_bounded_and_nothing_is_forgotten),
        TEST(a_target_that_goes_ends_its_runs_silently),
        TEST(pauses_begin_short_and_end_at_ten_intervals_or_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
