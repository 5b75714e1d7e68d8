/* app/trial_lease: a script run by hand has the realm's lease before it changes what is of cluster scope. */
#include "lease_fixture.h"

#include "app/trial_lease.h"
#include "base/log.h"

static struct entry_binding bindings[1];
static struct entry entry = {.name = "script-run", .bindings = bindings, .binding_count = 1};

static void bind_to(size_t at)
{
    bindings[0].target = &stage.config->targets[at];
}

static struct trial_lease *open_lease(void)
{
    struct trial_lease *lease = NULL;
    assert_int_equal(trial_lease_open(stage.schedule, stage.config, &entry, NULL, &lease), 0);
    trial_lease_begin(lease, NULL);
    return lease;
}

static void what_is_of_the_node_needs_none(void **state)
{
    (void)state;
    bind_to(1);
    assert_null(open_lease());
    assert_int_equal(trial_lease_look(NULL), TRIAL_LEASE_FINE);
    assert_null(trial_lease_sources(NULL));
    trial_lease_close(NULL);
}

static void while_an_agent_holds_it_nothing_is_changed(void **state)
{
    (void)state;
    pass(600);
    assert_true(lease_held(ours, NULL));
    bind_to(0);
    struct trial_lease *lease = open_lease();
    assert_int_equal(trial_lease_look(lease), TRIAL_LEASE_WAITS);
    pass(600);
    assert_int_equal(trial_lease_look(lease), TRIAL_LEASE_REFUSED);
    trial_lease_close(lease);
    assert_true(lease_held(ours, NULL));
}

static void it_is_taken_with_what_lies_there(void **state)
{
    struct trial_lease *lease;
    (void)state;
    handover_destroy(handover);
    lease_destroy(ours); /* before it has asked for it */
    handover = NULL;
    ours = NULL;
    put("freeze", "{\"on\":true,\"at_ms\":1000,\"who\":\"uid 7\",\"reason\":\"on-sale\"}");
    put("said/lock/db", "{\"on\":true,\"since_ms\":1000,\"who\":\"uid 7\",\"reason\":\"breach\"}");
    bind_to(0);
    lease = open_lease();
    const struct guard_sources *sources = trial_lease_sources(lease);
    pass(600);
    assert_int_equal(trial_lease_look(lease), TRIAL_LEASE_FINE);
    assert_non_null(strstr(sources->frozen(sources->control_data), "on-sale"));
    assert_non_null(strstr(sources->locked("db", sources->control_data), "breach"));
    assert_non_null(strstr(store.holder, "/script-run-"));
    trial_lease_close(lease);
}

static void a_store_that_does_not_answer_is_waited_for_and_then_told(void **state)
{
    (void)state;
    store.away = true;
    bind_to(0);
    struct trial_lease *lease = open_lease();
    pass(9000);
    assert_int_equal(trial_lease_look(lease), TRIAL_LEASE_WAITS);
    pass(2000);
    assert_int_equal(trial_lease_look(lease), TRIAL_LEASE_REFUSED);
    trial_lease_close(lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_of_the_node_needs_none),
        TEST(while_an_agent_holds_it_nothing_is_changed),
        TEST(it_is_taken_with_what_lies_there),
        TEST(a_store_that_does_not_answer_is_waited_for_and_then_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
