/* incident/lease, handover, probe/rest: who looks, who stands by, and when that changes. */
#include "lease_fixture.h"

static void the_holder_looks_and_renews_each_third_of_its_time(void **state)
{
    int64_t token = 0;
    (void)state;
    assert_false(lease_held(ours, NULL));
    pass(2000);
    assert_true(lease_held(ours, &token));
    assert_int_equal(token, 1);
    assert_string_equal(heard, "lease_taken ");
    assert_non_null(strstr(stage.said, "db/depth[]=ok(start)"));
    pass(18000);
    assert_int_equal(count_of(stage.journal, "renew:we"), 6);
    assert_string_equal(heard, "");
    assert_true(lease_held(ours, NULL));
}

static void a_standby_asks_nothing_of_cluster_scope_and_keeps_nothing(void **state)
{
    unsigned tally[PROBE_UNKNOWN + 1];
    (void)state;
    let_other_have_it(1000000);
    pass(5000);
    assert_string_equal(heard, "standby ");
    assert_null(strstr(stage.journal, "ask:db"));
    assert_int_equal(count_of(stage.journal, "ask:host"), 5);
    ledger_tally(stage.ledger, tally);
    assert_int_equal(tally[PROBE_OK], 1); /* the node's own */
    assert_string_equal(lease_holder(ours), "other");
    pass(90000); /* asks once in its time, or in one and a half of it */
    assert_in_range(count_of(stage.journal, "take:we"), 6, 10);
    assert_string_equal(heard, "");
}

static void it_takes_over_within_one_and_a_half_times_of_the_lease(void **state)
{
    (void)state;
    let_other_have_it(TTL_MS);
    pass(600);
    assert_string_equal(heard, "standby ");
    pass(TTL_MS - 700);
    assert_false(lease_held(ours, NULL));
    pass(TTL_MS / 2 + 200);
    assert_true(lease_held(ours, NULL));
    assert_string_equal(heard, "lease_taken ");
}

static void it_is_over_for_us_before_the_store_would_give_it_away(void **state)
{
    (void)state;
    pass(600);
    store.silent = true;
    pass(TTL_MS * 9 / 10 - 600);
    assert_true(lease_held(ours, NULL));
    pass(700);
    assert_false(lease_held(ours, NULL));
    assert_true(now_ms() < store.until_ms);
    assert_non_null(strstr(heard, "lease_lost "));
    assert_non_null(strstr(stage.journal, "-db +db ")); /* it has no connection any more */
    pass(10000);
    assert_null(strstr(stage.journal, "ask:db"));
    assert_non_null(strstr(stage.journal, "ask:host"));
}

static void who_was_stopped_asks_the_clock_before_anything_else(void **state)
{
    (void)state;
    pass(2000);
    assert_true(rest_serves(list_first(&stage.schedule->targets, struct target, link)));
    store.takes_ms = 100;
    pass(1500); /* a renewal is under way */
    /* Time passes, and no timer has come to anything yet. */
    loop_drive(stage.loop, now_ms() + 60000, 1795229942118);
    assert_false(lease_held(ours, NULL));
    assert_false(rest_serves(list_first(&stage.schedule->targets, struct target, link)));
    let_other_have_it(1000000);
    pass(200);
    assert_null(strstr(stage.journal, "ask:db"));
    assert_string_equal(heard, "lease_lost standby "); /* what the late answer says of another */
    pass(20000);
    assert_null(strstr(stage.journal, "ask:db"));
    assert_string_equal(heard, "");
}

static void what_is_known_goes_over_to_who_takes_the_lease(void **state)
{
    (void)state;
    length = 5;
    pass(4000);
    assert_non_null(strstr(stage.said, "db/depth[]=critical(start)"));
    assert_non_null(strstr(document("findings/db"), "\"standing\""));
    /* It is lost, and comes back: as if another process had taken it. */
    let_other_have_it(9000);
    pass(4000);
    assert_non_null(strstr(heard, "lease_lost "));
    assert_int_equal(ledger_worst(stage.ledger, "db", "depth"), PROBE_GRADED);
    pass(12000);
    assert_non_null(strstr(heard, "lease_taken "));
    assert_non_null(strstr(stage.journal, "ask:db"));
    assert_null(strstr(stage.said, "db/depth"));
    assert_int_equal(ledger_worst(stage.ledger, "db", "depth"), PROBE_CRITICAL);
    length = 1;
    pass(2000);
    assert_non_null(strstr(stage.said, "db/depth[]=ok(change)"));
}

static void a_store_that_is_away_is_said_once(void **state)
{
    (void)state;
    store.away = true;
    pass(120000);
    assert_string_equal(heard, "lease_unreachable ");
    assert_in_range(store.claims, 3, 40);
    assert_null(strstr(stage.journal, "ask:db"));
    store.away = false;
    pass(60000);
    assert_string_equal(heard, "lease_taken ");
}

static void on_released(void *data)
{
    *(bool *)data = true;
}

static void it_is_given_back_in_order(void **state)
{
    bool released = false;
    (void)state;
    pass(3000);
    lease_release(ours, 2000, on_released, &released);
    assert_false(released);
    assert_non_null(strstr(stage.journal, "-db +db "));
    pass(10);
    assert_true(released);
    assert_int_equal(store.until_ms, 0);
    assert_non_null(strstr(stage.journal, "release:we"));
    pass(60000);
    assert_null(strstr(stage.journal, "take:we"));
}

static void giving_it_back_does_not_wait_for_a_store_that_hangs(void **state)
{
    bool released = false;
    (void)state;
    pass(600);
    store.silent = true;
    lease_release(ours, 2000, on_released, &released);
    pass(1990);
    assert_false(released);
    pass(20);
    assert_true(released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_holder_looks_and_renews_each_third_of_its_time),
        TEST(a_standby_asks_nothing_of_cluster_scope_and_keeps_nothing),
        TEST(it_takes_over_within_one_and_a_half_times_of_the_lease),
        TEST(it_is_over_for_us_before_the_store_would_give_it_away),
        TEST(who_was_stopped_asks_the_clock_before_anything_else),
        TEST(what_is_known_goes_over_to_who_takes_the_lease),
        TEST(a_store_that_is_away_is_said_once),
        TEST(it_is_given_back_in_order),
        TEST(giving_it_back_does_not_wait_for_a_store_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
