/* remediation: when one begins, and what keeps it from changing anything. */
#include "remediation_fixture.h"

/* ------------------------------------------------------------------- modes ---- */

static void a_dry_run_says_what_it_would_do_and_changes_nothing(void **state)
{
    (void)state;
    start("targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"
          "remediations: {fix: {trigger: {check: db/look, status: critical}, script: t/fix, "
          "targets: {db: db}, allow: [\"db:stop\"], mode: auto}}\n");
    turn_bad();
    said("planned ");
    assert_non_null(strstr(world.last, "\"mode\":\"dry-run\""));
    assert_non_null(strstr(world.last, "\"affected\":2,\"total\":20"));
    applied("");
    pass(9 * MINUTE);
    said("");
    pass(2 * MINUTE); /* again, after a cool-down */
    said("planned ");
    applied("");
}

static void off_does_nothing_at_all(void **state)
{
    (void)state;
    start(FIX(", mode: \"off\""));
    turn_bad();
    said("");
}

static void auto_does_it_and_looks_again(void **state)
{
    (void)state;
    start(FIX(AUTO VERIFY));
    turn_bad();
    said("planned applied ended ");
    applied("a b ");
    pass(4 * SECOND);
    said("");
    pass(3 * SECOND);
    said("verified(fixed) ");
}

static void the_lower_mode_counts(void **state)
{
    (void)state;
    start("guard: {mode: approve}\n"
          "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"
          "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "
          "allow: [\"db:stop\"], mode: auto}}\n");
    turn_bad();
    said("planned waiting ");
    applied("");
}

static void without_a_grant_nothing_is_even_planned(void **state)
{
    (void)state;
    start(HEAD "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "
               "allow: [\"db:drop\"], mode: auto}}\n");
    turn_bad();
    said("refused(grant) ");
}

#define GRANTED(what)                                                                              \
    HEAD "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "      \
         "with: {stop: " what "}, allow: [\"db:stop/this\", \"db:stop/that\"], mode: auto}}\n"

/* Of all that an action could do, what its own option names: http:request/flag. */
static void a_grant_may_be_of_one_of_several(void **state)
{
    (void)state;
    start(GRANTED("that"));
    turn_bad();
    said("planned applied ended ");
}

static void and_the_others_are_not_granted(void **state)
{
    (void)state;
    start(GRANTED("the_other"));
    turn_bad();
    said("refused(grant) ");
}

static void nothing_to_do_is_left(void **state)
{
    (void)state;
    start(FIX(AUTO));
    told.keys[0] = NULL;
    turn_bad();
    said("left ");
}

/* ---------------------------------------------------------------- triggers ---- */

static void unknown_starts_nothing(void **state)
{
    (void)state;
    start(FIX(AUTO));
    told.unknown = true;
    pass(MINUTE);
    said("");
}

static void held_waits_so_long(void **state)
{
    (void)state;
    start(HEAD "remediations: {fix: {trigger: {check: db/look, held: 30s}, script: t/fix, "
               "targets: {db: db}, allow: [\"db:stop\"], mode: auto}}\n");
    told.used = 95;
    pass(29 * SECOND);
    said("");
    pass(4 * SECOND);
    said("planned applied ended ");
}

static void a_finding_that_comes_and_goes_starts_no_loop(void **state)
{
    (void)state;
    told.fixes = false;
    start(FIX(AUTO ", guard: {cooldown: 1m, attempts: 3/1h}"));
    for (int i = 0; i < 30 * 60; i++) {
        told.used = i % 4 < 2 ? 95 : 10;
        pass(SECOND);
    }
    assert_true(count_of(stage.journal, "applied") <= 3);
    assert_true(count_of(stage.journal, "handed_over") <= 1);
    assert_true(count_of(stage.journal, "refused") <= 2);
}

static void one_course_at_a_time(void **state)
{
    (void)state;
    told.hangs = true;
    start(FIX(AUTO ", guard: {cooldown: 0s, attempts: 100/1h}"));
    turn_bad();
    said("planned ");
    pass(SECOND);
    said("");
    applied("a ");
}

/* ------------------------------------------------------------------- guards ---- */

static void the_cool_down_and_the_attempts_hold(void **state)
{
    (void)state;
    told.fixes = false;
    start(FIX(AUTO ", guard: {cooldown: 10m, attempts: 2/1h}"));
    turn_bad();
    said("planned applied ended ");
    pass(9 * MINUTE);
    said("");
    pass(MINUTE + 2 * SECOND);
    said("planned applied ended ");
    pass(11 * MINUTE);
    said("refused(attempts) handed_over ");
    pass(20 * MINUTE);
    said("");
    pass(20 * MINUTE); /* the first attempt is an hour ago */
    said("planned applied ended ");
}

static void a_freeze_is_said_once_and_then_it_goes_on(void **state)
{
    (void)state;
    start(FIX(AUTO));
    world.frozen = "frozen by alice: on-sale";
    turn_bad();
    said("refused(freeze) ");
    pass(6 * MINUTE);
    said("");
    world.frozen = NULL;
    pass(6 * MINUTE);
    said("planned applied ended ");
}

static void a_silence_keeps_it_back_in_a_dry_run_too(void **state)
{
    (void)state;
    start(FIX(", mode: dry-run"));
    world.silenced = "silence s4";
    turn_bad();
    said("refused(silence) ");
}

static void an_evidence_lock_keeps_it_back(void **state)
{
    (void)state;
    start(FIX(AUTO));
    world.locked = "INC-1 is a security incident";
    turn_bad();
    said("planned refused(evidence_lock) ");
    applied("");
}

static void a_finding_locks_what_its_remediation_names_once(void **state)
{
    (void)state;
    start(FIX(AUTO ", lock: [db], guard: {cooldown: 1m}"));
    turn_bad();
    assert_string_equal(world.locks, "db(remediation fix: db/look is critical) ");
    said("planned refused(evidence_lock) ");
    world.locked = NULL; /* a person lifts it */
    pass(12 * MINUTE);
    assert_non_null(strstr(stage.journal, "applied"));
    assert_string_equal(world.locks, "db(remediation fix: db/look is critical) ");
    told.used = 10;
    pass(5 * SECOND);
    turn_bad();
    pass(2 * MINUTE);
    assert_string_equal(world.locks,
                        "db(remediation fix: db/look is critical) "
                        "db(remediation fix: db/look is critical) ");
}

static void a_dry_run_locks_too(void **state)
{
    (void)state;
    start(FIX(", lock: [db]"));
    turn_bad();
    assert_string_equal(world.locks, "db(remediation fix: db/look is critical) ");
}

static void the_radius_is_held_against_the_plan(void **state)
{
    (void)state;
    start(FIX(AUTO ", guard: {max_affected: 1}"));
    turn_bad();
    said("planned refused(radius) ");
    applied("");
}

static void refuse_if_asks_another_check(void **state)
{
    (void)state;
    start(FIX(AUTO ", guard: {refuse_if: [{check: db/other, condition: \"used > 90\"}]}"));
    turn_bad();
    said("planned refused(refuse_if) ");
    assert_non_null(strstr(world.last, "db/other: used > 90"));
    applied("");
}

static void an_effect_that_the_target_does_not_allow_is_refused(void **state)
{
    (void)state;
    start("guard: {mode: auto, effects: {db: reversible}}\n"
          "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"
          "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "
          "allow: [\"db:stop\"], mode: auto}}\n");
    turn_bad();
    said("planned refused(effect) ");
}

static void the_day_has_a_limit(void **state)
{
    (void)state;
    told.fixes = false;
    start("guard: {mode: auto, per_day: 1}\n"
          "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"
          "remediations: {fix: {trigger: {check: db/look}, script: t/fix, targets: {db: db}, "
          "allow: [\"db:stop\"], mode: auto, guard: {cooldown: 1m}}}\n");
    turn_bad();
    said("planned applied ended ");
    pass(2 * MINUTE);
    said("refused(attempts) handed_over ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_dry_run_says_what_it_would_do_and_changes_nothing),
        CASE(off_does_nothing_at_all),
        CASE(auto_does_it_and_looks_again),
        CASE(the_lower_mode_counts),
        CASE(without_a_grant_nothing_is_even_planned),
        CASE(a_grant_may_be_of_one_of_several),
        CASE(and_the_others_are_not_granted),
        CASE(nothing_to_do_is_left),
        CASE(unknown_starts_nothing),
        CASE(held_waits_so_long),
        CASE(a_finding_that_comes_and_goes_starts_no_loop),
        CASE(one_course_at_a_time),
        CASE(the_cool_down_and_the_attempts_hold),
        CASE(a_freeze_is_said_once_and_then_it_goes_on),
        CASE(a_silence_keeps_it_back_in_a_dry_run_too),
        CASE(an_evidence_lock_keeps_it_back),
        CASE(a_finding_locks_what_its_remediation_names_once),
        CASE(a_dry_run_locks_too),
        CASE(the_radius_is_held_against_the_plan),
        CASE(refuse_if_asks_another_check),
        CASE(an_effect_that_the_target_does_not_allow_is_refused),
        CASE(the_day_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
