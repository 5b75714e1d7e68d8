/* remediation: whether it has helped, taking it back, and what outlives the process. */
#include "remediation_fixture.h"

#include <malloc.h>
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc ships no header for it */
#endif

/* ------------------------------------------------------------------ proof ---- */

static void what_does_not_help_is_ineffective(void **state)
{
    (void)state;
    told.fixes = false;
    start(FIX(AUTO VERIFY));
    turn_bad();
    pass(12 * SECOND);
    said("planned applied ended verified(ineffective) ");
    assert_non_null(strstr(world.last, "2 of 3 attempts are left, the next not before"));
}

static void what_comes_back_while_it_is_watched_is_ineffective(void **state)
{
    (void)state;
    start(
        FIX(AUTO ", verify: {check: db/look, condition: \"used < 80\", within: 10s, stable: 1m}"));
    turn_bad();
    pass(30 * SECOND);
    told.used = 95;
    pass(2 * SECOND);
    said("planned applied ended verified(ineffective) ");
}

static void unknown_verifies_nothing(void **state)
{
    (void)state;
    start(FIX(AUTO VERIFY));
    turn_bad();
    told.unknown = true;
    pass(30 * SECOND);
    said("planned applied ended verified(unverified) ");
}

static void a_status_may_be_asked_for(void **state)
{
    (void)state;
    start(FIX(AUTO ", verify: {check: db/look, condition: \"status == 'ok'\", within: 10s}"));
    turn_bad();
    pass(3 * SECOND);
    said("planned applied ended verified(fixed) ");
}

static void partly(void)
{
    told.used = 91;
}

static void improving_may_be_enough(void **state)
{
    (void)state;
    told.fixes = false;
    told.on_apply = partly;
    start(FIX(AUTO ", verify: {check: db/look, condition: \"used < 92\", within: 1m, "
                   "improves: {check: db/look, measure: used, by: 10 %, within: 10s}}"));
    turn_bad(); /* 95 to 91 is no tenth */
    pass(15 * SECOND);
    said("planned applied ended verified(ineffective) ");
}

/* What it is compared with is how it was before it was changed, not before it was looked at. */
static void who_looks_first_has_changed_nothing_yet(void **state)
{
    (void)state;
    write_file("scripts/t/two.lua",
               "return { summary = 's', expects = { plugin = 'told', check = 'look' },\n"
               "  targets = { db = 'told' }, needs = { 'db:ask', 'db:stop' },\n"
               "  run = function(agent)\n"
               "    agent.act('db:ask', {})\n"
               "    return agent.applied('%d', agent.act('db:stop', {}).done)\n"
               "  end }\n");
    told.fixes = false;
    told.on_apply = partly;
    start(HEAD "remediations: {two: {trigger: {check: db/look, status: critical}, script: t/two, "
               "targets: {db: db}, allow: [\"db:ask\", \"db:stop\"], mode: auto, verify: {check: "
               "db/look, condition: \"used < 92\", within: 1m, improves: {check: db/look, measure: "
               "used, by: 4 %, within: 10s}}}}\n");
    turn_bad();
    pass(15 * SECOND);
    applied("a b a b ");
    said("planned applied ended verified(fixed) ");
}

/* --------------------------------------------------------------------- undo ---- */

static void it_is_taken_back_in_its_time(void **state)
{
    (void)state;
    told.undoes = true;
    start(FIX(AUTO ", undo_after: 1h"));
    turn_bad();
    applied("a b ");
    pass(59 * MINUTE);
    restart();
    pass(2 * MINUTE);
    said("undoing undone ");
    applied("a b back back ");
}

static void it_is_taken_back_when_it_has_not_helped(void **state)
{
    (void)state;
    told.undoes = true;
    told.fixes = false;
    start(FIX(AUTO VERIFY ", on_failure: undo"));
    turn_bad();
    pass(15 * SECOND);
    said("planned applied ended verified(ineffective) undoing undone ");
    applied("a b back back ");
}

static void a_person_takes_it_back(void **state)
{
    struct error error;
    (void)state;
    told.undoes = true;
    start(FIX(AUTO));
    turn_bad();
    struct remediation_decision decision = by("alice");
    assert_int_equal(remediations_undo(world.all, &decision, &error), 0);
    settle();
    said("planned applied ended undo undoing undone ");
    applied("a b back back ");
    assert_int_equal(remediations_undo(world.all, &decision, &error), -ENOENT);
}

static void a_freeze_holds_an_undo_too(void **state)
{
    struct error error;
    (void)state;
    told.undoes = true;
    start(FIX(AUTO));
    turn_bad();
    world.frozen = "frozen";
    struct remediation_decision decision = by("alice");
    assert_int_equal(remediations_undo(world.all, &decision, &error), 0);
    settle();
    said("planned applied ended undo undoing undo_failed ");
    applied("a b ");
    world.frozen = NULL; /* it can still be taken back */
    assert_int_equal(remediations_undo(world.all, &decision, &error), 0);
    settle();
    applied("a b back back ");
}

/* ----------------------------------------------------------------- restarts ---- */

static void a_plan_that_waits_survives_and_counts(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    pass(3 * MINUTE);
    restart();
    pass(2 * SECOND);
    said("");
    assert_int_equal(approve("alice"), 0);
    pass(SECOND);
    said("approved applied ended ");
    applied("a b ");
}

static void items_that_wait_survive_as_they_were(void **state)
{
    (void)state;
    start(FIX(", mode: approve, with: {verb: \"db:drop\"}"));
    turn_bad();
    restart();
    told.keys[0] = "c";
    assert_int_equal(approve("alice"), 0);
    pass(SECOND);
    said("approved applied ended ");
    applied("a b ");
}

static void an_old_plan_expires_after_a_restart_too(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    close_state();
    loop_advance(stage.loop, 20 * MINUTE);
    stage.journal[0] = '\0';
    open_state();
    pass(SECOND);
    assert_non_null(strstr(stage.journal, "expired"));
    applied("");
}

/* The same remediation with another limit. */
static void change_configuration(void)
{
    struct config *old = stage.config;
    struct entries *old_entries = world.entries;
    stage.config = parse(FIX(", mode: approve, guard: {max_affected: 7}"));
    assert_non_null(stage.config);
    world.entries = read_entries(stage.config);
    assert_non_null(world.entries);
    if (world.all)
        remediations_use(world.all, world.entries);
    entries_release(old_entries);
    config_destroy(old);
}

static void a_plan_that_was_made_for_something_else_is_void(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    change_configuration();
    settle();
    said("planned waiting void ");
    assert_int_equal(approve("alice"), -ESTALE);
}

static void a_plan_is_void_after_a_restart_with_another_configuration(void **state)
{
    (void)state;
    start(FIX(", mode: approve"));
    turn_bad();
    close_state();
    change_configuration();
    stage.journal[0] = '\0';
    open_state();
    settle();
    said("void ");
}

static void what_is_lowered_counts_for_what_is_under_way(void **state)
{
    (void)state;
    start(FIX(AUTO ", with: {sleep: 30s}"));
    turn_bad();
    change_configuration(); /* other limits, the mode approve: it goes on */
    struct entries *off = world.entries;
    ((struct entry *)off->all)[0].mode = GUARD_DRY_RUN;
    pass(40 * SECOND);
    assert_non_null(strstr(stage.journal, "refused(freeze)"));
    applied("");
}

static void a_step_under_way_is_unknown_after_a_restart_and_never_begun_again(void **state)
{
    (void)state;
    told.hangs = true;
    start(FIX(AUTO ", guard: {cooldown: 10m, attempts: 3/1h}"));
    turn_bad();
    applied("a ");
    told.hangs = false;
    restart();
    settle();
    said("unknown ");
    pass(9 * MINUTE); /* the cool-down holds */
    applied("a ");
    struct audit_sight sight;
    struct error error;
    MEM_AUTO char *folder = mem_print("%s/state", world.folder);
    assert_int_equal(audit_verify(folder, 0, NULL, &sight, &error), 0);
    assert_int_equal(sight.wrong, 0);
    stage.journal[0] = '\0';
    pass(2 * MINUTE);
    said("planned applied ended ");
    applied("a a b ");
}

static void between_two_steps_it_ends_and_a_person_looks(void **state)
{
    (void)state;
    start(FIX(AUTO VERIFY ", with: {twice: true, sleep: 1s}"));
    turn_bad();
    pass(3 * SECOND);
    applied("a b a b ");
    said("planned applied planned applied ended ");
    restart(); /* while it verifies */
    pass(8 * SECOND);
    said("verified(fixed) ");
}

static void the_cool_down_survives_a_restart(void **state)
{
    (void)state;
    told.fixes = false;
    start(FIX(AUTO));
    turn_bad();
    restart();
    pass(2 * SECOND);
    said("refused(cooldown) ");
    applied("a b ");
}

static void evidence_is_kept_before_the_first_change(void **state)
{
    (void)state;
    start(FIX(AUTO));
    turn_bad();
    MEM_AUTO char *path = mem_print("%s/state/state.db", world.folder);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_prepare_v2(db, "select doc from evidence", -1, &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_non_null(strstr((const char *)sqlite3_column_text(statement, 0), "\"used\":95"));
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}

/* ------------------------------------------------------------------ for ever ---- */

/* Bytes that are allocated and not free: of the sanitizer's heap, or of libc's. */
static size_t bytes_in_use(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return __sanitizer_get_current_allocated_bytes();
#else
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#endif
}

static void count_all(const struct plan *plan, void *data)
{
    (void)plan;
    (*(unsigned *)data)++;
}

static void a_thousand_in_a_row_leave_nothing_behind(void **state)
{
    size_t early = 0;
    unsigned plans = 0, done = 0;
    (void)state;
    told.undoes = true;
    told.fixes = false;
    start(FIX(AUTO ", guard: {cooldown: 0s, attempts: 1000/1h}"));
    told.used = 95;
    for (int round = 0; round < 1000; round++) {
        loop_advance(stage.loop, SECOND);
        settle();
        done += count_of(stage.journal, "applied") > 0;
        stage.journal[0] = stage.said[0] = told.applied[0] = '\0';
        if (round == 400)
            early = bytes_in_use();
    }
    assert_true(done >= 990);
    remediations_each_plan(world.all, count_all, &plans);
    assert_true(plans <= 101);
    assert_true(bytes_in_use() < early + 64 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_does_not_help_is_ineffective),
        CASE(what_comes_back_while_it_is_watched_is_ineffective),
        CASE(unknown_verifies_nothing),
        CASE(a_status_may_be_asked_for),
        CASE(improving_may_be_enough),
        CASE(who_looks_first_has_changed_nothing_yet),
        CASE(it_is_taken_back_in_its_time),
        CASE(it_is_taken_back_when_it_has_not_helped),
        CASE(a_person_takes_it_back),
        CASE(a_freeze_holds_an_undo_too),
        CASE(a_plan_that_waits_survives_and_counts),
        CASE(items_that_wait_survive_as_they_were),
        CASE(an_old_plan_expires_after_a_restart_too),
        CASE(a_plan_that_was_made_for_something_else_is_void),
        CASE(a_plan_is_void_after_a_restart_with_another_configuration),
        CASE(what_is_lowered_counts_for_what_is_under_way),
        CASE(a_step_under_way_is_unknown_after_a_restart_and_never_begun_again),
        CASE(between_two_steps_it_ends_and_a_person_looks),
        CASE(the_cool_down_survives_a_restart),
        CASE(evidence_is_kept_before_the_first_change),
        CASE(a_thousand_in_a_row_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
