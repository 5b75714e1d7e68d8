/* remediation: what is done step by step, and what people decide. */
#include "remediation_fixture.h"

/* -------------------------------------------------------------------- steps ---- */

static void bounds_are_taken_again_when_they_are_applied(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    said("planned waiting ");
    pass(3 * MINUTE);
    told.keys[0] = "c";
    told.keys[1] = "d";
    assert_int_equal(approve("alice"), 0);
    said("approved applied ended ");
    applied("c d ");
}

static void the_guard_counts_what_is_taken_then(void **state)
{
    (void)state;
    start(FIX(", mode: approve, guard: {max_affected: 2}"));
    turn_bad();
    said("planned waiting ");
    told.keys[2] = "c";
    assert_int_equal(approve("alice"), 0);
    said("approved refused(radius) ");
    applied("");
}

static void items_never_become_others(void **state)
{
    (void)state;
    start(FIX(", mode: approve, with: {verb: \"db:drop\"}"));
    turn_bad();
    told.keys[0] = "c";
    told.keys[1] = "d";
    told.skips = "b"; /* no longer what it was */
    assert_int_equal(approve("alice"), 0);
    said("planned waiting approved applied ended ");
    applied("a b ");
}

static void a_step_that_fails_does_not_stop_the_others(void **state)
{
    (void)state;
    told.fails = true;
    start(FIX(AUTO));
    turn_bad();
    said("planned applied handed_over ");
    applied("a b ");
    assert_non_null(strstr(world.last, "it could not be: it broke"));
}

static void a_step_without_an_answer_ends_the_rest(void **state)
{
    (void)state;
    told.hangs = true;
    start(FIX(AUTO));
    turn_bad();
    pass(5 * SECOND);
    said("planned applied handed_over ");
    applied("a ");
}

static void a_script_that_is_late_is_heard_to_the_end_of_its_step(void **state)
{
    (void)state;
    start(FIX(AUTO ", with: {sleep: 59s}"));
    told.used = 95;
    pass(58 * SECOND);
    told.hangs = true;
    pass(5 * SECOND);
    said("planned failed handed_over applied ");
    applied("a ");
}

static void who_is_late_begins_no_further_step(void **state)
{
    (void)state;
    start(FIX(AUTO ", with: {sleep: 59s}"));
    told.used = 95;
    pass(58 * SECOND);
    told.takes_ms = 2500;
    pass(10 * SECOND);
    said("planned failed handed_over applied ");
    applied("a ");
}

/* ---------------------------------------------------------------- approvals ---- */

static void nobody_decides_and_it_expires(void **state)
{
    (void)state;
    start("approval: {remind: 10m}\n" FIX(", mode: approve"));
    turn_bad();
    said("planned waiting ");
    pass(11 * MINUTE);
    said("reminded ");
    pass(4 * MINUTE);
    said("expired ");
    applied("");
    assert_int_equal(approve("alice"), -ESTALE);
    assert_non_null(strstr(world.last, "it is expired"));
}

static void who_has_seen_it_is_not_reminded(void **state)
{
    struct error error;
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    struct remediation_decision decision = by("alice");
    assert_int_equal(remediations_acknowledge(world.all, &decision, &error), 0);
    pass(14 * MINUTE);
    said("planned waiting acknowledged ");
    assert_non_null(strstr(world.last, "\"acked_by\":\"alice\""));
    world.last[0] = '\0';
    close_state();
    open_state();
    assert_string_equal(remediations_plan(world.all, world.plan)->acked_by, "alice");
    decision = by("bob");
    assert_int_equal(remediations_acknowledge(world.all, &decision, &error), 0);
    assert_string_equal(remediations_plan(world.all, world.plan)->acked_by, "bob");
    decision.plan = "9zzz";
    assert_int_equal(remediations_acknowledge(world.all, &decision, &error), -ENOENT);
}

static void a_person_may_reject_it(void **state)
{
    struct error error;
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    struct remediation_decision decision = by("alice");
    assert_int_equal(remediations_reject(world.all, &decision, &error), 0);
    settle();
    said("planned waiting rejected ");
    assert_int_equal(approve("alice"), -ESTALE);
    applied("");
}

static void two_persons_where_two_are_needed(void **state)
{
    (void)state;
    start("approval: {classes: {destructive: {approvals: 2}}}\n" FIX(
        ", mode: approve, with: {verb: \"db:drop\"}"));
    turn_bad();
    assert_int_equal(approve("alice"), 0);
    said("planned waiting approved ");
    assert_int_equal(approve("alice"), -EALREADY);
    applied("");
    assert_int_equal(approve("bob"), 0);
    said("approved applied ended ");
    applied("a b ");
}

static void a_decision_is_about_what_was_read(void **state)
{
    struct error error;
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    struct remediation_decision decision = by("alice");
    decision.hash = "0000";
    assert_int_equal(remediations_approve(world.all, &decision, &error), -ESTALE);
    decision.hash = "a";
    assert_int_equal(remediations_approve(world.all, &decision, &error), -ESTALE);
    decision.plan = "zzzz";
    assert_int_equal(remediations_approve(world.all, &decision, &error), -ENOENT);
    char hash[PLAN_HASH_TYPED + 1] = {0};
    memcpy(hash, remediations_plan(world.all, world.plan)->hash, PLAN_HASH_TYPED);
    decision = by("alice");
    decision.hash = hash;
    assert_int_equal(remediations_approve(world.all, &decision, &error), 0);
    settle();
    applied("a b ");
}

static void what_is_taken_out_is_left_alone(void **state)
{
    static const char *const nothing[] = {"a", "b", NULL}, *const other[] = {"z", NULL};
    static const char *const one[] = {"a", NULL};
    struct error error;
    (void)state;
    start(FIX(", mode: approve, with: {verb: \"db:drop\"}"));
    turn_bad();
    struct remediation_decision decision = by("alice");
    decision.except = other;
    assert_int_equal(remediations_approve(world.all, &decision, &error), -EINVAL);
    decision.except = nothing;
    assert_int_equal(remediations_approve(world.all, &decision, &error), -EINVAL);
    decision.except = one;
    assert_int_equal(remediations_approve(world.all, &decision, &error), 0);
    settle();
    applied("b ");
}

static void the_guard_is_asked_when_somebody_approves(void **state)
{
    struct guard_answer answers[GUARD_POINTS];
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    world.frozen = "frozen by bob";
    assert_int_equal(approve("alice"), -EPERM);
    assert_non_null(strstr(world.last, "frozen by bob"));
    remediations_guards(world.all, remediations_plan(world.all, world.plan), answers);
    assert_int_equal(answers[GUARD_FREEZE].point, GUARD_FREEZE);
    assert_int_equal(answers[GUARD_COOLDOWN].point, GUARD_POINTS);
    world.frozen = NULL; /* it still waits */
    assert_int_equal(approve("alice"), 0);
    applied("a b ");
}

static void who_is_told_that_it_waits_is_in_its_events(void **state)
{
    const char *const names = "\"notify\":[\"ops\",\"pages\"]";
    (void)state;
    start("agent: {state: /tmp/x}\n"
          "sinks: {ops: {type: http, url: \"http://h:1\"}, pages: {type: http, url: "
          "\"http://h:1\"}}\n"
          "approval: {notify: [ops, pages], expires: 10m, remind: 5m}\n" FIX(", mode: approve"));
    turn_bad();
    said("planned waiting ");
    assert_non_null(strstr(world.last, names));
    pass(5 * MINUTE);
    said("reminded ");
    assert_non_null(strstr(world.last, names));
    pass(5 * MINUTE);
    assert_non_null(strstr(stage.journal, "expired "));
}

static void nobody_is_named_where_nobody_is_asked(void **state)
{
    (void)state;
    start("agent: {state: /tmp/x}\nsinks: {ops: {type: http, url: \"http://h:1\"}}\n"
          "approval: {notify: [ops]}\n" FIX(AUTO));
    turn_bad();
    said("planned applied ended ");
    assert_null(strstr(world.last, "notify"));
}

static void waiting_for_people_does_not_count_against_the_script(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    pass(14 * MINUTE); /* its deadline is a minute */
    assert_int_equal(approve("alice"), 0);
    assert_non_null(strstr(stage.journal, "applied ended "));
}

static void count_plan(const struct plan *plan, void *data)
{
    note(data, "%s ", plan_state_name(plan->state));
}

static void plans_are_listed_those_that_wait_first(void **state)
{
    char list[256] = "";
    (void)state;
    told.fixes = false;
    start(FIX(", mode: approve, guard: {cooldown: 1m}"));
    turn_bad();
    assert_int_equal(approve("alice"), 0);
    pass(2 * MINUTE);
    remediations_each_plan(world.all, count_plan, list);
    assert_string_equal(list, "waiting applied ");
}

/* ------------------------------------------------------------------ by hand ---- */

static int start_by_hand(const char *with, struct error *error)
{
    char run[PLAN_RUN_LEN + 1];
    json_t *json = with ? json_loads(with, 0, NULL) : NULL;
    int status = remediations_start(
        world.all,
        &(const struct remediation_wish){
            .entry = "fix", .with = json, .who = "alice", .proof = "peercred", .from = "socket"},
        run,
        error);
    json_decref(json);
    settle();
    return status;
}

static void a_person_may_start_it(void **state)
{
    struct error error;
    (void)state;
    start(HEAD "remediations: {fix: {trigger: manual, script: t/fix, targets: {db: db}, "
               "allow: [\"db:stop\"], mode: auto}}\n");
    turn_bad();
    said("");
    assert_int_equal(start_by_hand("{\"most\": 100}", &error), -EINVAL);
    assert_int_equal(start_by_hand("{\"mots\": 1}", &error), -EINVAL);
    assert_non_null(strstr(error.message, "did you mean most?"));
    assert_int_equal(start_by_hand("{\"most\": 7}", &error), 0);
    assert_non_null(strstr(stage.journal, "applied ended"));
    assert_non_null(strstr(world.last, "\"who\":\"alice\""));
}

static void the_cool_down_counts_for_people_too(void **state)
{
    struct error error;
    (void)state;
    start(FIX(AUTO));
    turn_bad();
    stage.journal[0] = '\0';
    assert_int_equal(start_by_hand(NULL, &error), 0);
    said("planned refused(cooldown) ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bounds_are_taken_again_when_they_are_applied),
        CASE(the_guard_counts_what_is_taken_then),
        CASE(items_never_become_others),
        CASE(a_step_that_fails_does_not_stop_the_others),
        CASE(a_step_without_an_answer_ends_the_rest),
        CASE(a_script_that_is_late_is_heard_to_the_end_of_its_step),
        CASE(who_is_late_begins_no_further_step),
        CASE(nobody_decides_and_it_expires),
        CASE(who_has_seen_it_is_not_reminded),
        CASE(a_person_may_reject_it),
        CASE(two_persons_where_two_are_needed),
        CASE(a_decision_is_about_what_was_read),
        CASE(what_is_taken_out_is_left_alone),
        CASE(the_guard_is_asked_when_somebody_approves),
        CASE(who_is_told_that_it_waits_is_in_its_events),
        CASE(nobody_is_named_where_nobody_is_asked),
        CASE(waiting_for_people_does_not_count_against_the_script),
        CASE(plans_are_listed_those_that_wait_first),
        CASE(a_person_may_start_it),
        CASE(the_cool_down_counts_for_people_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
