/* probe: target, schedule - who is not there, what waits for it, and a round of `once`. */
#include "told_fixture.h"

static void connect_does_not_wait_for_a_check_that_hangs(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, all);
    world.behaves[FIRST] = world.behaves[SECOND] = HANG;
    begin(&stage);
    loop_advance(stage.loop, 1000);
    assert_non_null(strstr(world.journal, "/connect"));
    clear_stage(&stage);
}

static void a_target_that_is_down_is_one_finding_and_its_checks_wait(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, all);
    world.behaves[CONNECT] = world.behaves[FIRST] = world.behaves[SECOND] = DOWN;
    begin(&stage);
    loop_advance(stage.loop, 300000);
    assert_string_equal(world.said, "connect=critical(target_down) ");
    assert_true(count_of(world.journal, "first@") <= 1);
    assert_true(count_of(world.journal, "connect@") >= 5); /* pauses are a minute at most */
    world.behaves[CONNECT] = world.behaves[FIRST] = world.behaves[SECOND] = ANSWER;
    loop_advance(stage.loop, 70000);
    assert_non_null(strstr(world.said, "connect=ok(change)"));
    assert_non_null(strstr(world.said, "first=ok(start)"));
    clear_stage(&stage);
}

static void that_nobody_is_there_is_said_in_connects_name_at_once(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, all);
    begin(&stage);
    loop_advance(stage.loop, 5000);
    world.said[0] = '\0';
    world.behaves[FIRST] = DOWN;
    world.behaves[CONNECT] = HANG; /* connect itself would need its whole time limit */
    loop_advance(stage.loop, 10000);
    assert_int_equal(count_of(world.said, "connect=critical(target_down)"), 1);
    assert_null(strstr(world.said, "first="));
    clear_stage(&stage);
}

static void what_keeps_everybody_out_is_said_by_connect_alone(void **state)
{
    for (int round = 0; round < 10; round++) { /* the checks' phases are random */
        struct stage stage;
        fresh_world(state);
        set_stage(&stage, 1, all);
        begin(&stage);
        loop_advance(stage.loop, 30110); /* connect has just been well */
        world.said[0] = '\0';
        world.behaves[CONNECT] = world.behaves[FIRST] = world.behaves[SECOND] = DENY;
        loop_advance(stage.loop, 120000);
        assert_string_equal(world.said, "connect=unknown(missing_right) ");
        clear_stage(&stage);
    }
}

static void without_a_connect_check_a_dead_target_is_critical_by_itself(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = DOWN;
    begin(&stage);
    loop_advance(stage.loop, 2000);
    assert_string_equal(world.said, "first=critical(target_down) ");
    clear_stage(&stage);
}

static void denied_is_unknown_with_a_reason_after_three_samples(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = DENY;
    begin(&stage);
    while (count_of(world.journal, "/first") < 2)
        loop_advance(stage.loop, 10);
    assert_string_equal(world.said, "");
    loop_advance(stage.loop, 120000);
    assert_string_equal(world.said, "first=unknown(missing_right) ");
    clear_stage(&stage);
}

static void what_does_not_apply_is_seldom_asked_again(void **state)
{
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, first_only);
    world.behaves[FIRST] = NOT_HERE;
    begin(&stage);
    loop_advance(stage.loop, 3500000);
    assert_int_equal(count_of(world.journal, "first@"), 1);
    loop_advance(stage.loop, 200000);
    assert_int_equal(count_of(world.journal, "first@"), 2);
    clear_stage(&stage);
}

/* The second check says what it applies to; the first does not, and is unknown. */
static void what_applies_to_something_else_is_ok_until_that_comes(void **state)
{
    static const int both[CHECKS] = {0, 1, 1};
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, both);
    world.behaves[FIRST] = NOT_HERE;
    world.behaves[SECOND] = TWO_SUBJECTS;
    begin(&stage);
    loop_advance(stage.loop, 15000);
    assert_string_equal(world.said, "second[a]=ok(start) second[b]=ok(start) ");
    world.behaves[SECOND] = NOT_HERE;
    world.said[0] = '\0';
    loop_advance(stage.loop, 20000);
    assert_string_equal(world.said, "second=ok(start) second[a]=ok(gone) second[b]=ok(gone) ");
    assert_true(count_of(world.journal, "second@") >= 3); /* at its own interval */
    world.behaves[SECOND] = ANSWER;
    world.value = 101;
    loop_advance(stage.loop, 10000);
    assert_non_null(strstr(world.said, "second=critical(change)"));
    world.behaves[SECOND] = FAIL; /* a failure is no less unknown */
    loop_advance(stage.loop, 200000);
    assert_non_null(strstr(world.said, "second=unknown"));
    clear_stage(&stage);
}

static void what_applies_to_something_else_may_ask_for_a_pause(void **state)
{
    static const int second_only[CHECKS] = {0, 0, 1};
    struct stage stage;
    (void)state;
    set_stage(&stage, 1, second_only);
    world.behaves[SECOND] = NOT_HERE;
    world.retry_ms = 3600000;
    begin(&stage);
    loop_advance(stage.loop, 3595000);
    assert_int_equal(count_of(world.journal, "second@"), 1);
    loop_advance(stage.loop, 30000);
    assert_int_equal(count_of(world.journal, "second@"), 2);
    clear_stage(&stage);
}

static void on_all(void *data)
{
    *(bool *)data = true;
}

static void once_asks_connect_before_the_others_and_then_everything(void **state)
{
    struct stage stage;
    struct problems problems = {0};
    bool done = false;
    (void)state;
    set_stage(&stage, 1, all);
    assert_int_equal(schedule_fill(stage.schedule, &stage.config, &problems), 0);
    schedule_start_once(stage.schedule, on_all, &done);
    loop_advance(stage.loop, 20000);
    assert_true(done);
    assert_string_equal(world.said, "connect=ok(start) first=ok(start) second=ok(start) ");
    clear_stage(&stage);
}

static void once_counts_what_is_held_as_asked(void **state)
{
    struct stage stage;
    struct problems problems = {0};
    bool done = false;
    (void)state;
    set_stage(&stage, 2, all);
    world.behaves[CONNECT] = DENY;
    assert_int_equal(schedule_fill(stage.schedule, &stage.config, &problems), 0);
    schedule_start_once(stage.schedule, on_all, &done);
    loop_advance(stage.loop, 1000);
    assert_true(done);
    assert_string_equal(world.said,
                        "connect=unknown(missing_right) connect=unknown(missing_right) ");
    assert_null(strstr(world.journal, "first@"));
    clear_stage(&stage);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh_world)
    const struct CMUnitTest tests[] = {
        TEST(connect_does_not_wait_for_a_check_that_hangs),
        TEST(a_target_that_is_down_is_one_finding_and_its_checks_wait),
        TEST(that_nobody_is_there_is_said_in_connects_name_at_once),
        TEST(what_keeps_everybody_out_is_said_by_connect_alone),
        TEST(without_a_connect_check_a_dead_target_is_critical_by_itself),
        TEST(denied_is_unknown_with_a_reason_after_three_samples),
        TEST(what_does_not_apply_is_seldom_asked_again),
        TEST(what_applies_to_something_else_is_ok_until_that_comes),
        TEST(what_applies_to_something_else_may_ask_for_a_pause),
        TEST(once_asks_connect_before_the_others_and_then_everything),
        TEST(once_counts_what_is_held_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
