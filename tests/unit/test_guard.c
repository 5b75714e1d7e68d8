/* guard: each point refuses for its own reason, in the order of the design, and agrees otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "incident/guard.h"

enum { MINUTE = 60000 };
static const int64_t now = 1795229882118;

/* Nothing speaks against these: 9 of 96 sessions, an hour after the last time. */
static struct guard_facts fine(void)
{
    return (struct guard_facts){
        .now_ms = now,
        .limits = {.cooldown_ms = 10 * MINUTE,
                   .attempts = 3,
                   .attempts_within_ms = 60 * MINUTE,
                   .max_affected = 20,
                   .max_percent = 40},
        .last_ms = now - 50 * MINUTE,
        .attempts = 1,
        .first_attempt_ms = now - 50 * MINUTE,
        .counted = true,
        .affected = 9,
        .total = 96,
        .effect = PROBE_DISRUPTIVE,
        .effect_most = PROBE_DESTRUCTIVE,
        .target = "pg",
        .lease = GUARD_LEASE_HELD,
        .token = 88412,
        .verb = "db:terminate_sessions",
        .needed = true,
        .allowed = true,
    };
}

static void refuses(const struct guard_facts *facts, enum guard_point point, const char *sentence)
{
    struct guard_answer answer = guard_ask(facts);
    assert_string_equal(guard_point_name(answer.point), guard_point_name(point));
    assert_string_equal(answer.sentence, sentence);
}

static void agrees(const struct guard_facts *facts)
{
    struct guard_answer answer = guard_ask(facts);
    assert_string_equal(guard_point_name(answer.point), "ok");
}

static void it_agrees_when_nothing_speaks_against_it(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    agrees(&facts);
}

static void a_freeze_refuses(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.frozen = "frozen by alice: on-sale";
    refuses(&facts, GUARD_FREEZE, "frozen by alice: on-sale");
}

static void a_silence_refuses(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.silenced = "silence s4";
    refuses(&facts, GUARD_SILENCE, "silence s4");
}

static void an_evidence_lock_refuses(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.locked = "INC-1 is a security incident";
    refuses(&facts, GUARD_EVIDENCE_LOCK, "INC-1 is a security incident");
    facts.effect = PROBE_DESTRUCTIVE;
    refuses(&facts, GUARD_EVIDENCE_LOCK, "INC-1 is a security incident");
    struct guard_answer answer;
    facts.effect = PROBE_REVERSIBLE; /* it destroys nothing */
    assert_true(guard_agrees(&facts, GUARD_EVIDENCE_LOCK, &answer));
    assert_string_equal(answer.sentence, "INC-1 is a security incident, and it is reversible");
}

static void an_agent_that_is_cut_off_does_nothing(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.isolated = true;
    refuses(&facts, GUARD_CONNECTIVITY, "the agent itself is cut off");
}

static void a_cool_down_must_have_passed(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.last_ms = now - 3 * MINUTE;
    refuses(&facts, GUARD_COOLDOWN, "it began there only 3m ago, the cool-down is 10m");
    assert_int_equal(guard_ask(&facts).again_ms, now + 7 * MINUTE);
    facts.last_ms = now - 10 * MINUTE;
    agrees(&facts);
    facts.last_ms = now - 10 * MINUTE + 1;
    assert_int_equal(guard_ask(&facts).point, GUARD_COOLDOWN);
    facts.last_ms = 0;
    agrees(&facts);
}

static void a_clock_set_back_does_not_end_a_cool_down(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.last_ms = now + 24 * 60 * MINUTE;
    refuses(&facts, GUARD_COOLDOWN, "it began there only 0ms ago, the cool-down is 10m");
    assert_int_equal(guard_ask(&facts).again_ms, now + 10 * MINUTE);
}

static void attempts_are_limited(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.attempts = 3;
    refuses(&facts, GUARD_ATTEMPTS, "3 of 3 attempts within 1h are used");
    assert_int_equal(guard_ask(&facts).again_ms, now + 10 * MINUTE);
    facts.attempts = 2;
    agrees(&facts);
    facts.limits.attempts = 0;
    facts.attempts = 1000;
    agrees(&facts);
}

static void a_day_has_a_limit_of_its_own(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.per_day = 20;
    facts.today = 20;
    refuses(&facts, GUARD_ATTEMPTS, "20 of 20 remediations of a day are used (guard.per_day)");
    facts.today = 19;
    agrees(&facts);
}

static void one_remediation_at_a_time_changes_a_target(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.busy = "cancel-long-queries is at work on pg";
    refuses(&facts, GUARD_BUSY, "cancel-long-queries is at work on pg");
}

static void the_radius_is_absolute(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.affected = 21;
    refuses(&facts, GUARD_RADIUS, "21 would be touched, at most 20 may be (max_affected)");
    facts.affected = 20;
    agrees(&facts);
}

static void and_the_radius_is_a_share(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.total = 20;
    refuses(&facts, GUARD_RADIUS, "9 of 20 are 45.0 %, at most 40 % may be touched (max_percent)");
    facts.total = 0; /* a plugin that does not say of how many: all of them */
    assert_int_equal(guard_ask(&facts).point, GUARD_RADIUS);
    facts.limits.max_percent = 0;
    agrees(&facts);
}

static void without_a_plan_there_is_no_radius(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.counted = false;
    facts.affected = 1000;
    agrees(&facts);
}

static void a_condition_of_refuse_if_refuses(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.objection = "pg/replication: status ~= 'ok'";
    refuses(&facts, GUARD_REFUSE_IF, "pg/replication: status ~= 'ok'");
}

static void an_effect_beyond_what_the_target_allows_refuses(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.effect_most = PROBE_REVERSIBLE;
    refuses(&facts,
            GUARD_EFFECT,
            "it is disruptive, and at most what is reversible may be done to pg (guard.effects)");
}

static void it_would_not_end_itself(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.self = "it would end the agent's own pod";
    refuses(&facts, GUARD_SELF, "it would end the agent's own pod");
}

static void only_who_holds_the_lease_acts(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.lease = GUARD_LEASE_ELSEWHERE;
    facts.holder = "n2";
    refuses(&facts, GUARD_LEASE, "the realm's lease is held by n2");
    facts.lease = GUARD_LEASE_UNKNOWN;
    refuses(&facts, GUARD_LEASE, "it is not known who holds the realm's lease");
    facts.lease = GUARD_LEASE_NONE;
    agrees(&facts);
}

static void what_began_under_one_token_does_not_go_on_under_another(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.begun = facts.token;
    agrees(&facts);
    facts.token++;
    refuses(&facts,
            GUARD_LEASE,
            "it began under token 88412 of the realm's lease, which has changed hands since (now "
            "88413): another agent may have acted meanwhile");
    facts.begun = 0; /* nothing of it was begun */
    agrees(&facts);
}

static void a_grant_needs_both(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.allowed = false;
    refuses(&facts, GUARD_GRANT, "db:terminate_sessions is not granted: it is not in allow");
    facts.allowed = true;
    facts.needed = false;
    refuses(&facts, GUARD_GRANT, "db:terminate_sessions is not in the script's needs");
}

static void what_is_not_written_is_not_done(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.unwritten = "the audit cannot be written: No space left on device";
    refuses(&facts, GUARD_AUDIT, "the audit cannot be written: No space left on device");
}

static void the_first_reason_is_said(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.unwritten = facts.self = facts.objection = facts.busy = facts.locked = "x";
    facts.silenced = facts.frozen = "x";
    facts.allowed = false;
    facts.isolated = true;
    facts.lease = GUARD_LEASE_UNKNOWN;
    facts.effect_most = PROBE_READS;
    facts.affected = 1000;
    facts.attempts = 9;
    facts.last_ms = now;
    enum guard_point expected = GUARD_FREEZE;
    for (; expected < GUARD_POINTS; expected++) {
        struct guard_answer answer = guard_ask(&facts);
        assert_string_equal(guard_point_name(answer.point), guard_point_name(expected));
        switch (expected) { /* put right, one after the other */
        case GUARD_FREEZE:
            facts.frozen = NULL;
            break;
        case GUARD_SILENCE:
            facts.silenced = NULL;
            break;
        case GUARD_EVIDENCE_LOCK:
            facts.locked = NULL;
            break;
        case GUARD_CONNECTIVITY:
            facts.isolated = false;
            break;
        case GUARD_COOLDOWN:
            facts.last_ms = 0;
            break;
        case GUARD_ATTEMPTS:
            facts.attempts = 0;
            break;
        case GUARD_BUSY:
            facts.busy = NULL;
            break;
        case GUARD_RADIUS:
            facts.affected = 1;
            break;
        case GUARD_REFUSE_IF:
            facts.objection = NULL;
            break;
        case GUARD_EFFECT:
            facts.effect_most = PROBE_DESTRUCTIVE;
            break;
        case GUARD_SELF:
            facts.self = NULL;
            break;
        case GUARD_LEASE:
            facts.lease = GUARD_LEASE_HELD;
            break;
        case GUARD_GRANT:
            facts.allowed = true;
            break;
        default:
            facts.unwritten = NULL;
            break;
        }
    }
    agrees(&facts);
}

static void before_a_further_step_its_own_beginning_does_not_count(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    facts.last_ms = now;
    facts.attempts = 3;
    assert_int_equal(guard_ask_again(&facts).point, GUARD_POINTS);
    facts.frozen = "frozen";
    assert_int_equal(guard_ask_again(&facts).point, GUARD_FREEZE);
}

static void what_agrees_says_what_was_found(void **state)
{
    (void)state;
    struct guard_facts facts = fine();
    struct guard_answer answer;
    assert_true(guard_agrees(&facts, GUARD_ATTEMPTS, &answer));
    assert_string_equal(answer.sentence, "1 of 3 within 1h");
    assert_true(guard_agrees(&facts, GUARD_RADIUS, &answer));
    assert_string_equal(answer.sentence, "9 of 96");
    assert_true(guard_agrees(&facts, GUARD_LEASE, &answer));
    assert_string_equal(answer.sentence, "held, token 88412");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_when_nothing_speaks_against_it),
        cmocka_unit_test(a_freeze_refuses),
        cmocka_unit_test(a_silence_refuses),
        cmocka_unit_test(an_evidence_lock_refuses),
        cmocka_unit_test(an_agent_that_is_cut_off_does_nothing),
        cmocka_unit_test(a_cool_down_must_have_passed),
        cmocka_unit_test(a_clock_set_back_does_not_end_a_cool_down),
        cmocka_unit_test(attempts_are_limited),
        cmocka_unit_test(a_day_has_a_limit_of_its_own),
        cmocka_unit_test(one_remediation_at_a_time_changes_a_target),
        cmocka_unit_test(the_radius_is_absolute),
        cmocka_unit_test(and_the_radius_is_a_share),
        cmocka_unit_test(without_a_plan_there_is_no_radius),
        cmocka_unit_test(a_condition_of_refuse_if_refuses),
        cmocka_unit_test(an_effect_beyond_what_the_target_allows_refuses),
        cmocka_unit_test(it_would_not_end_itself),
        cmocka_unit_test(only_who_holds_the_lease_acts),
        cmocka_unit_test(what_began_under_one_token_does_not_go_on_under_another),
        cmocka_unit_test(a_grant_needs_both),
        cmocka_unit_test(what_is_not_written_is_not_done),
        cmocka_unit_test(the_first_reason_is_said),
        cmocka_unit_test(before_a_further_step_its_own_beginning_does_not_count),
        cmocka_unit_test(what_agrees_says_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
