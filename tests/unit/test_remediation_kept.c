/* incident/remediation: what is known elsewhere before a step is taken: to the guard, the realm, the disk, a sink. */
#include "remediation_fixture.h"

#include <sqlite3.h>

/* ----------------------------------------------------------- guard and realm ---- */

static void freeze(void)
{
    world.frozen = "frozen by alice";
}

static void the_guard_is_asked_before_every_step(void **state)
{
    (void)state;
    told.on_apply = freeze;
    start(FIX(AUTO));
    turn_bad();
    said("planned refused(freeze) ");
    applied("a ");
}

static void lose_lease(void)
{
    world.lease = GUARD_LEASE_ELSEWHERE;
}

static void who_loses_the_lease_stops(void **state)
{
    (void)state;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    told.on_apply = lose_lease;
    start(FIX(AUTO));
    turn_bad();
    said("planned refused(lease) ");
    applied("a ");
}

static void take_lease_again(void)
{
    world.token++;
}

static void what_began_under_one_token_goes_on_under_no_other(void **state)
{
    (void)state;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    told.on_apply = take_lease_again;
    start(FIX(AUTO));
    turn_bad();
    said("planned refused(lease) ");
    applied("a ");
}

static void the_guard_is_asked_again_once_disk_and_realm_have_it(void **state)
{
    (void)state;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    world.mirrors = true;
    world.on_mirror = freeze;
    start(FIX(AUTO));
    turn_bad();
    assert_string_equal(world.mirrored, "fix/db@7(0) ");
    said("planned refused(freeze) ");
    applied("");
}

static void the_realm_is_told_before_the_first_step(void **state)
{
    (void)state;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    world.mirrors = true;
    start(FIX(AUTO));
    turn_bad();
    said("planned applied ended ");
    assert_string_equal(world.mirrored, "fix/db@7(0) ");
}

static void what_the_realm_cannot_keep_is_not_done(void **state)
{
    (void)state;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    world.mirrors = true;
    world.mirror_status = -EIO;
    start(FIX(AUTO));
    turn_bad();
    said("planned refused(lease) ");
    applied("");
}

static void what_another_agent_tried_counts_here(void **state)
{
    char json[64];
    (void)state;
    start(FIX(AUTO));
    (void)snprintf(
        json, sizeof(json), "{\"attempts\": [%lld]}", (long long)loop_wall_ms(stage.loop));
    assert_int_equal(remediations_take_state(world.all, "fix/db", json), 0);
    turn_bad();
    said("refused(cooldown) ");
    restart();
    pass(2 * SECOND);
    said("refused(cooldown) ");
}

static void what_cannot_be_read_of_the_realm_counts_as_all_attempts(void **state)
{
    (void)state;
    start(FIX(AUTO ", guard: {cooldown: 0s, attempts: 3/10s}"));
    assert_true(remediations_take_state(world.all, "fix/db", "[]") < 0);
    assert_true(remediations_take_state(world.all, "fix", "{}") < 0);
    turn_bad();
    said("refused(attempts) handed_over ");
    applied("");
    pass(15 * SECOND); /* then it does not matter any more */
    assert_non_null(strstr(stage.journal, "applied"));
}

static void change_state(const char *sql)
{
    MEM_AUTO char *path = mem_print("%s/state/state.db", world.folder);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void what_cannot_be_audited_is_not_done(void **state)
{
    (void)state;
    start(FIX(AUTO));
    change_state("alter table audit rename to elsewhere");
    turn_bad();
    assert_non_null(strstr(stage.journal, "refused(audit)"));
    applied("");
    change_state("alter table elsewhere rename to audit");
    stage.journal[0] = '\0';
    pass(11 * MINUTE);
    assert_non_null(strstr(stage.journal, "applied"));
}

static void leaves_the_realm_alone(const char *sql)
{
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
    world.mirrors = true;
    start(FIX(AUTO));
    change_state(sql);
    turn_bad();
    said("planned refused(audit) ");
    applied("");
    assert_string_equal(world.mirrored, "");
}

static void an_attempt_that_is_not_on_disk_is_none_of_the_realms(void **state)
{
    (void)state;
    leaves_the_realm_alone("alter table attempt rename to elsewhere");
}

static void an_intent_that_is_not_on_disk_is_none_of_the_realms(void **state)
{
    (void)state;
    leaves_the_realm_alone("create trigger full before insert on audit when new.json like "
                           "'%intent%' begin select raise(abort, 'full'); end");
}

#define WITNESSED(mode)                                                                            \
    "agent: {state: /tmp/x}\n"                                                                     \
    "sinks: {loki: {type: http, url: \"http://h:1\"}}\n"                                           \
    "guard: {mode: auto, audit: {require_sink: loki, wait: 3s}}\n"                                 \
    "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"                                     \
    "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "           \
    "allow: [\"db:stop\"], mode: " mode ", guard: {cooldown: 2m, attempts: 1/1h}}}\n"

static void a_sink_that_is_required_and_not_there_refuses(void **state)
{
    (void)state;
    start(WITNESSED("auto"));
    turn_bad();
    said("planned refused(audit) ");
    applied("");
}

static void nothing_is_done_before_the_sink_has_what_was_decided(void **state)
{
    (void)state;
    world.has_witness = true;
    start(WITNESSED("auto"));
    turn_bad();
    said("planned ");
    assert_string_equal(world.asked, "loki/3000(0) ");
    applied("");
    pass(2 * SECOND);
    applied("");
    witness(NULL);
    said("applied ended ");
    applied("a b ");
    assert_string_equal(world.asked, "loki/3000(0) "); /* once a plan, not a step */
}

static void what_the_sink_has_not_got_is_refused_and_was_no_attempt(void **state)
{
    (void)state;
    world.has_witness = true;
    start(WITNESSED("auto"));
    turn_bad();
    witness("sink loki has not acknowledged it within 3s: connection refused");
    assert_non_null(strstr(world.last, "sink loki has not acknowledged it within 3s"));
    said("planned refused(audit) ");
    applied("");
    pass(2 * MINUTE + 2 * SECOND); /* the next one is not one too many */
    witness(NULL);
    said("planned applied ended ");
    applied("a b ");
}

static void an_approved_plan_waits_for_the_sink_too(void **state)
{
    (void)state;
    world.has_witness = true;
    start(WITNESSED("approve"));
    turn_bad();
    assert_string_equal(world.asked, "");
    assert_int_equal(approve("alice"), 0);
    said("planned waiting approved ");
    applied("");
    world.frozen = "frozen by alice: on-sale"; /* meanwhile: the guard is asked again */
    witness(NULL);
    said("refused(freeze) ");
    applied("");
}

static void who_waits_for_the_sink_may_end(void **state)
{
    (void)state;
    world.has_witness = true;
    start(WITNESSED("auto"));
    turn_bad();
    assert_non_null(world.witnessed_fn);
    close_state();
    assert_null(world.witnessed_fn);
    open_state();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_guard_is_asked_before_every_step),
        CASE(who_loses_the_lease_stops),
        CASE(what_began_under_one_token_goes_on_under_no_other),
        CASE(the_guard_is_asked_again_once_disk_and_realm_have_it),
        CASE(the_realm_is_told_before_the_first_step),
        CASE(what_the_realm_cannot_keep_is_not_done),
        CASE(what_another_agent_tried_counts_here),
        CASE(what_cannot_be_read_of_the_realm_counts_as_all_attempts),
        CASE(what_cannot_be_audited_is_not_done),
        CASE(an_attempt_that_is_not_on_disk_is_none_of_the_realms),
        CASE(an_intent_that_is_not_on_disk_is_none_of_the_realms),
        CASE(a_sink_that_is_required_and_not_there_refuses),
        CASE(nothing_is_done_before_the_sink_has_what_was_decided),
        CASE(what_the_sink_has_not_got_is_refused_and_was_no_attempt),
        CASE(an_approved_plan_waits_for_the_sink_too),
        CASE(who_waits_for_the_sink_may_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
