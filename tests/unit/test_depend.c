/* probe/depend: what waits for what, on a driven clock. */
#include "judgement_fixture.h"
#include "probe/reload.h"

static const char two[] = "targets:\n"
                          "  db: {url: \"told://127.0.0.1\"}\n"
                          "  web:\n"
                          "    url: told://127.0.0.1\n"
                          "    checks: {first: {depends_on: db/first}, second: {}}\n";

static void what_depends_on_a_critical_check_is_held_and_named_by_it(void **state)
{
    (void)state;
    begin(two);
    pass(15);
    assert_said("web/first=ok(start)");
    tell("db/first", BAD);
    pass(10);
    assert_said("db/first=critical(change)[web/first] ");
    tell("web/first", BAD);
    pass(60);
    assert_false(ran("web/first"));
    assert_true(ran("web/second"));
    assert_string_equal(said, "");
}

static void it_runs_again_within_half_a_second_when_that_has_ended(void **state)
{
    (void)state;
    begin(two);
    tell("db/first", BAD);
    pass(60);
    assert_false(ran("web/first") && strstr(said, "web/first=critical"));
    tell("db/first", ANSWER);
    tell("web/first", BAD);
    journal[0] = said[0] = '\0';
    while (!strstr(said, "db/first=ok(change)"))
        loop_advance(stage.loop, 10); /* until then it waits; then it may run at any moment */
    loop_advance(stage.loop, 510);
    assert_true(ran("web/first"));
    assert_said("web/first=critical(");
}

static void a_run_under_way_says_nothing_once_its_check_is_held(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db: {url: \"told://127.0.0.1\", checks: {first: {every: 1s, timeout: 1s}}}\n"
          "  web: {url: \"told://127.0.0.1\", checks: {first: {depends_on: db/first}}}\n");
    pass(15);
    tell("web/first", BAD_LATER);
    journal[0] = '\0';
    while (!ran("web/first"))
        loop_advance(stage.loop, 10);
    tell("db/first", BAD); /* which is found within a second, and the other one's end after two */
    pass(5);
    assert_string_equal(said, "db/first=critical(change)[web/first] ");
    tell("db/first", ANSWER);
    pass(5);
    assert_said("web/first=critical(change) "); /* the run after it */
}

static void what_is_held_holds_what_depends_on_it(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db: {url: \"told://127.0.0.1\"}\n"
          "  web: {url: \"told://127.0.0.1\", checks: {first: {depends_on: [db/first]}}}\n"
          "  app: {url: \"told://127.0.0.1\", checks: {first: {depends_on: web/first}}}\n");
    pass(15);
    tell("db/first", BAD);
    pass(20);
    assert_said("db/first=critical(change)[web/first,app/first] ");
    pass(60);
    assert_false(ran("app/first"));
    tell("db/first", ANSWER);
    pass(15);
    assert_true(ran("web/first") && ran("app/first"));
}

static void a_target_that_is_down_holds_what_depends_on_any_of_its_checks(void **state)
{
    (void)state;
    begin(two);
    pass(15);
    tell("db/connect", DOWN);
    pass(15);
    assert_said("db/connect=critical(target_down)[first,web/first] ");
    pass(30);
    assert_false(ran("web/first"));
    tell("db/connect", ANSWER);
    pass(70);
    assert_true(ran("web/first"));
}

static void where_connect_is_held_its_targets_others_are(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db: {url: \"told://127.0.0.1\"}\n"
          "  web: {url: \"told://127.0.0.1\", checks: {connect: {depends_on: db/first}}}\n");
    pass(15);
    tell("db/first", BAD);
    pass(20);
    assert_said("db/first=critical(change)[web/connect,web/first] ");
    pass(60);
    assert_false(ran("web/connect") || ran("web/first"));
    tell("db/first", ANSWER);
    pass(15);
    assert_true(ran("web/connect") && ran("web/first"));
}

static void a_targets_words_are_for_all_its_checks_but_what_they_name(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db: {url: \"told://127.0.0.1\", depends_on: first, checks: {connect: false, "
          "second: {}}}\n");
    pass(15);
    tell("db/first", BAD);
    pass(15);
    assert_said("db/first=critical(change)[second] ");
    pass(30);
    assert_true(ran("db/first"));
    assert_false(ran("db/second"));
}

static void warnings_and_unknown_hold_nobody(void **state)
{
    (void)state;
    begin("targets:\n"
          "  db: {url: \"told://127.0.0.1\", checks: {first: {critical: never, warning: count > "
          "100}}}\n"
          "  web: {url: \"told://127.0.0.1\", checks: {first: {depends_on: db/first}}}\n");
    tell("db/first", BAD);
    pass(15);
    assert_said("db/first=warning(start) ");
    pass(30);
    assert_true(ran("web/first"));
    tell("db/first", DENY);
    pass(120);
    assert_said("db/first=unknown(missing_right) ");
    pass(30);
    assert_true(ran("web/first"));
}

static void once_asks_whatever_it_depends_on(void **state)
{
    bool done = false;
    (void)state;
    tell("db/first", BAD);
    stage.config = parse(two);
    assert_int_equal(schedule_fill(stage.schedule, stage.config, &stage.problems), 0);
    schedule_start_once(stage.schedule, on_all_asked, &done);
    loop_advance(stage.loop, 10000);
    assert_true(done);
    assert_said("web/first=ok(start)");
}

static void a_reload_ties_anew(void **state)
{
    struct reload_changes changes;
    struct config *old;
    (void)state;
    begin(two);
    pass(15);
    tell("db/first", BAD);
    pass(15);
    old = stage.config;
    stage.config = parse("targets:\n"
                         "  db: {url: \"told://127.0.0.1\"}\n"
                         "  web: {url: \"told://127.0.0.1\"}\n"
                         "  app: {url: \"told://127.0.0.1\", depends_on: db/first}\n");
    assert_non_null(stage.config);
    assert_int_equal(reload_take(stage.schedule, stage.config, &stage.problems, &changes), 0);
    config_destroy(old);
    pass(30);
    assert_true(ran("web/first"));                        /* it waits no longer ... */
    assert_false(ran("app/first") || ran("app/connect")); /* ... and this one does from the start */
    tell("db/first", ANSWER);
    pass(15);
    assert_true(ran("app/first"));
}

static void unknown_names_and_circles_are_told_at_their_place(void **state)
{
    (void)state;
    check_names("targets:\n"
                "  db: {url: \"told://x\", checks: {first: {depends_on: conect}}}\n"
                "  web: {url: \"told://x\", depends_on: [bd/first]}\n",
                "a.yaml:2:54: targets.db.checks.first.depends_on: there is no check \"db/conect\"; "
                "did you mean db/connect?\n"
                "a.yaml:3:39: targets.web.depends_on: there is no check \"bd/first\"; "
                "did you mean db/first?\n");
    check_names("targets:\n"
                "  db: {url: \"told://x\", checks: {first: {depends_on: web/first}}}\n"
                "  web: {url: \"told://x\", checks: {first: {depends_on: db/first}}}\n",
                "a.yaml:3:55: targets.web.checks.first.depends_on: goes in a circle: db/first, "
                "web/first, db/first; let what is more basic wait for nothing\n");
    check_names("targets:\n"
                "  db: {url: \"told://x\", checks: {first: {depends_on: first}}}\n",
                "a.yaml:2:54: targets.db.checks.first.depends_on: goes in a circle: db/first, "
                "db/first; let what is more basic wait for nothing\n");
}

static void a_circle_through_a_targets_connect_is_one_too(void **state)
{
    (void)state;
    check_names("targets:\n"
                "  db: {url: \"told://x\", checks: {connect: {depends_on: first}}}\n",
                "a.yaml:2:56: targets.db.checks.connect.depends_on: goes in a circle: db/connect, "
                "db/first, db/connect; let what is more basic wait for nothing\n");
}

static void what_another_agent_watches_is_not_waited_for(void **state)
{
    (void)state;
    check_names("agent: {role: node}\n"
                "targets:\n"
                "  db: {url: \"told://x\", scope: cluster}\n"
                "  web: {url: \"told://x\", depends_on: db/first}\n",
                "a.yaml:4:38: warning: targets.web.depends_on: db is not watched by this agent: it "
                "is not waited for\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, clear_stage)
    const struct CMUnitTest tests[] = {
        TEST(what_depends_on_a_critical_check_is_held_and_named_by_it),
        TEST(it_runs_again_within_half_a_second_when_that_has_ended),
        TEST(a_run_under_way_says_nothing_once_its_check_is_held),
        TEST(what_is_held_holds_what_depends_on_it),
        TEST(a_target_that_is_down_holds_what_depends_on_any_of_its_checks),
        TEST(where_connect_is_held_its_targets_others_are),
        TEST(a_targets_words_are_for_all_its_checks_but_what_they_name),
        TEST(warnings_and_unknown_hold_nobody),
        TEST(once_asks_whatever_it_depends_on),
        TEST(a_reload_ties_anew),
        TEST(unknown_names_and_circles_are_told_at_their_place),
        TEST(a_circle_through_a_targets_connect_is_one_too),
        TEST(what_another_agent_watches_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
