/* probe/act: actions of a target at work, on a driven clock. */
#include "act_fixture.h"

/* ----------------------------------------------------------------- a plan ---- */

static void a_plan_is_a_copy_without_secrets(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    redact_learn("s3cret-word");
    told.answer = answer_two_steps;
    start_plan();
    assert_string_equal(stage.journal, ""); /* never within the starting call */
    pass_ms(10);
    assert_string_equal(stage.journal, "+ops plan:ops:5 /stop ! ");
    assert_string_equal(stage.said, "planned 2 of 4/97; ");
    assert_string_equal(planned->steps[0].key, "a@1");
    assert_string_equal(planned->steps[0].json, "{\"pid\": 1}");
    assert_int_equal(planned->steps[0].count, 3);
    assert_string_equal(planned->steps[1].what, "stop b, whose word is [redacted]");
    assert_null(planned->steps[1].json);
    assert_int_equal(planned->steps[1].count, 1);
    assert_string_equal(planned->note, "of 97");
}

static void a_total_is_never_less_than_what_is_touched(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_few;
    start_plan();
    pass_ms(10);
    assert_string_equal(stage.said, "planned 1 of 3/3; ");
}

static void apply_gets_the_step_and_gives_a_result(void **state)
{
    char key[] = "a@1";
    (void)state;
    set_up(WITH(ACT_AS));
    redact_learn("s3cret-word");
    told.answer = answer_applied;
    start_apply(key);
    key[0] = 'x'; /* it was copied */
    pass_ms(10);
    assert_string_equal(stage.journal, "+ops apply:ops:a@1 {\"a\": 1} /stop ! ");
    assert_string_equal(stage.said,
                        "outcome 1 it said [redacted] {\"left\": \"[redacted]\"} undo back; ");
    told.answer = answer_skipped;
    start_apply("b");
    pass_ms(10);
    assert_string_equal(stage.said, "outcome 2 (null) (null) undo none; ");
}

/* ----------------------------------------------------------------- act_as ---- */

static void without_act_as_nothing_may_be_changed(void **state)
{
    (void)state;
    set_up(WITH(""));
    told.answer = answer_two_steps;
    start_plan();
    pass_ms(10);
    assert_string_equal(stage.journal, "! ");
    assert_non_null(strstr(stage.said, "failed(-1,no_act_as,not begun): db has no act_as"));
    assert_non_null(strstr(stage.said, "hint: add act_as: "));
    start_apply("a@1");
    pass_ms(10);
    assert_string_equal(stage.journal, "! ");
    assert_non_null(strstr(stage.said, "no_act_as"));
}

static void what_only_reads_needs_none(void **state)
{
    (void)state;
    set_up(WITH(""));
    told.answer = answer_skipped;
    act_apply(target, action("look_at"), &five, NULL, on_applied, NULL);
    pass_ms(10);
    assert_string_equal(stage.journal, "apply:watcher:nothing /look_at ! ");
    assert_ptr_equal(told.seen, &target->face);
    act_plan(target, action("look_at"), &five, on_planned, NULL);
    pass_ms(10);
    assert_string_equal(stage.journal, "! ");
    assert_non_null(strstr(stage.said, "no_plan"));
}

static void answer_as_told(struct probe_run *run)
{
    static const enum probe_effect effects[] = {PROBE_REVERSIBLE, PROBE_DESTRUCTIVE};
    const struct limits *asked = run->config;
    probe_planned(run, .effect = asked->most < 2 ? &effects[asked->most] : NULL);
}

static void expect_effect(const char *name, int64_t most, enum probe_effect effect)
{
    const struct limits asked = {most, NULL};
    act_plan(target, action(name), &asked, on_planned, NULL);
    pass_ms(10);
    assert_non_null(planned);
    assert_int_equal(planned->effect, effect);
    act_plan_destroy(planned);
    planned = NULL;
}

static void what_the_target_spells_out_needs_none_and_says_how_much_it_hurts(void **state)
{
    (void)state;
    set_up(WITH(""));
    told.answer = answer_as_told;
    expect_effect("send", 0, PROBE_REVERSIBLE);
    expect_effect("send", 1, PROBE_DESTRUCTIVE);
    expect_effect("send", 2, PROBE_DESTRUCTIVE); /* it does not say */
    assert_ptr_equal(told.seen, &target->face);
}

static void a_plan_never_hurts_more_than_its_action_may(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_as_told;
    expect_effect("stop", 0, PROBE_REVERSIBLE);
    expect_effect("stop", 1, PROBE_DISRUPTIVE);
    expect_effect("stop", 2, PROBE_DISRUPTIVE);
}

static void act_as_may_be_the_login_that_looks(void **state)
{
    (void)state;
    set_up(WITH("user: both, act_as: {},"));
    told.answer = answer_two_steps;
    start_plan();
    pass_ms(10);
    assert_string_equal(stage.journal, "+both plan:both:5 /stop ! ");
    assert_ptr_not_equal(told.seen, &target->face); /* a connection of its own all the same */
}

static void steps_that_follow_share_an_actor(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_two_steps;
    start_plan();
    pass_ms(900);
    assert_null(strstr(stage.journal, "-ops"));
    told.answer = answer_applied;
    start_apply("a");
    pass_ms(900);
    assert_string_equal(stage.journal, "apply:ops:a {\"a\": 1} /stop ! ");
    pass_ms(200);
    assert_string_equal(stage.journal, "-ops ");
    start_apply("b");
    pass_ms(10);
    assert_non_null(strstr(stage.journal, "+ops apply:ops:b"));
}

static void an_actor_that_failed_is_not_used_again(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    start_apply("a");
    pass_ms(3000);
    assert_string_equal(stage.journal, "+ops apply:ops:a {\"a\": 1} late /stop -ops ! ");
}

static void what_the_plugin_has_against_act_as_is_told_when_it_is_read(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 4096);
    stage.config = parse(WITH("act_as: {user: root},"));
    assert_non_null(stage.config);
    assert_int_equal(schedule_fill(stage.schedule, stage.config, &stage.problems), -EINVAL);
    problems_print(&stage.problems, &text);
    assert_string_equal(text.bytes,
                        "a.yaml:1:56: targets.db.act_as.user: nobody acts as root here\n");
}

/* ----------------------------------------------------------- one at a time ---- */

static void one_action_at_a_time_beside_the_checks(void **state)
{
    (void)state;
    set_up("targets: {db: {url: \"told://127.0.0.1\", act_as: {user: ops}}}\n");
    told.answer = answer_skipped;
    told.takes_ms = 1500;
    start_apply("a");
    start_apply("b");
    pass_ms(1600);
    const char *first = strstr(stage.journal, "apply:ops:a");
    const char *check = strstr(stage.journal, "check");
    const char *over = strstr(stage.journal, "/stop");
    const char *second = strstr(stage.journal, "apply:ops:b");
    assert_true(first && check && over && second);
    assert_true(over < second);
    pass_ms(1600); /* the second one's time counted from its start */
    assert_non_null(strstr(stage.said, "outcome 2"));
}

static void too_many_that_wait_are_refused_at_once(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    for (int i = 0; i < ACT_WAITING; i++)
        start_apply("a");
    pass_ms(10);
    assert_int_equal(count_of(stage.said, "busy"), 0);
    start_apply("one more");
    pass_ms(10);
    assert_int_equal(count_of(stage.said, "failed(-16,busy,not begun)"), 1);
    assert_non_null(strstr(stage.journal, "! "));
}

/* ------------------------------------------------------------------ ends ---- */

static void its_time_is_its_own(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    start_plan();
    pass_ms(2999);
    assert_string_equal(stage.said, "");
    pass_ms(10);
    assert_int_equal(told.late, -ETIMEDOUT);
    assert_string_equal(stage.said, "failed(-110,timeout,begun): no answer within 3s; ");
}

static void a_target_that_goes_ends_its_actions(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    start_apply("a");
    start_apply("b");
    pass_ms(10);
    list_remove(&target->link);
    stage.journal[0] = '\0';
    target_destroy(target);
    assert_string_equal(stage.journal, "canceled /stop -ops ! ! -watcher ");
    assert_string_equal(stage.said,
                        "failed(-125,canceled,begun): it was called off; "
                        "failed(-125,canceled,not begun): it was called off; ");
}

static void a_plan_that_has_not_begun_is_told_when_its_target_goes(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_two_steps;
    start_plan();
    list_remove(&target->link);
    target_destroy(target);
    assert_string_equal(stage.said, "failed(-125,canceled,not begun): it was called off; ");
}

static void what_is_canceled_is_not_told(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    struct act *first = start_apply("a"), *second = start_apply("b");
    pass_ms(10);
    stage.journal[0] = '\0';
    act_cancel(first);
    assert_string_equal(stage.journal, "canceled /stop -ops ");
    act_cancel(second);
    pass_ms(5000);
    assert_string_equal(stage.journal, "");
    assert_string_equal(stage.said, "");
}

static void destroy_all(void)
{
    told.hears = NULL;
    list_remove(&target->link);
    target_destroy(target);
}

static void who_hears_the_answer_may_end_the_target(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_applied;
    told.hears = destroy_all;
    start_apply("a");
    start_apply("b");
    pass_ms(10);
    assert_int_equal(count_of(stage.said, "outcome 1"), 1);
    assert_int_equal(count_of(stage.said, "canceled"), 1);
}

static void ask_again(void)
{
    told.hears = NULL;
    start_apply("again");
}

static void who_hears_the_answer_may_ask_again(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    told.answer = answer_applied;
    told.hears = ask_again;
    start_apply("a");
    pass_ms(10);
    assert_int_equal(count_of(stage.said, "outcome 1"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_plan_is_a_copy_without_secrets),
        STAGED(a_total_is_never_less_than_what_is_touched),
        STAGED(apply_gets_the_step_and_gives_a_result),
        STAGED(without_act_as_nothing_may_be_changed),
        STAGED(what_only_reads_needs_none),
        STAGED(what_the_target_spells_out_needs_none_and_says_how_much_it_hurts),
        STAGED(a_plan_never_hurts_more_than_its_action_may),
        STAGED(act_as_may_be_the_login_that_looks),
        STAGED(steps_that_follow_share_an_actor),
        STAGED(an_actor_that_failed_is_not_used_again),
        STAGED(what_the_plugin_has_against_act_as_is_told_when_it_is_read),
        STAGED(one_action_at_a_time_beside_the_checks),
        STAGED(too_many_that_wait_are_refused_at_once),
        STAGED(its_time_is_its_own),
        STAGED(a_target_that_goes_ends_its_actions),
        STAGED(a_plan_that_has_not_begun_is_told_when_its_target_goes),
        STAGED(what_is_canceled_is_not_told),
        STAGED(who_hears_the_answer_may_end_the_target),
        STAGED(who_hears_the_answer_may_ask_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
