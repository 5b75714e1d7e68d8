/* The actions of the postgres plugin and servers that answer what a test cannot make a real one do. */
#include "postgres_wire_fixture.h"

#define CHOSEN                                                                                     \
    "sessions", "hidden", "found", "pid", "begun", "user", "database", "application", "client",    \
        "doing", "may", "age_seconds", "step"
#define TOLD "doing", "fits", "terminated", "told"

static const struct probe_step step = {
    .key = "4711@2026-11-21T00:58:03.120000Z",
    .what = "terminate 4711",
    .json = "{\"pid\" : 4711, \"doing\" : \"idle\"}",
};

/* A server that lets in once and answers two questions, or one. */
static struct kit_server *answer(struct kit **kit, struct talk *talk, const char *const *text,
                                 size_t columns, size_t rows, const char *const *then, size_t more)
{
    struct speech first = {0}, second = {0};

    talk_login(talk);
    say_rows(&first, text, columns, rows);
    talk_answer(talk, &first);
    if (then) {
        say_rows(&second, then, columns, more);
        talk_answer(talk, &second);
    }
    talk_on(talk, KIT_MUTE);
    return serve(kit, NULL, HERE, talk->moves);
}

static void a_plan_names_sessions_and_changes_nothing(void **state)
{
    static const char *const rows[] = {CHOSEN,
                                       "40",
                                       "0",
                                       "1",
                                       "4711",
                                       "2026-11-21T00:58:03.120000Z",
                                       "app",
                                       "shop",
                                       "web",
                                       "10.0.0.3",
                                       "idle",
                                       "t",
                                       "720",
                                       "{\"pid\":4711}"};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    struct kit_server *server = answer(&kit, &talk, rows, 13, 1, NULL, 0);
    const struct kit_run *run = kit_plan(kit, "terminate_sessions");
    assert_true(run->planned);
    assert_int_equal(run->step_count, 1);
    assert_string_equal(run->steps[0].key, step.key);
    assert_string_equal(run->steps[0].what,
                        "terminate 4711 of app in shop (web, 10.0.0.3), idle for 12 min");
    assert_string_equal(run->steps[0].json, "{\"pid\":4711}");
    assert_int_equal(run->total, 40);
    assert_null(strstr(kit_server_heard(server), "read write"));
    finish(kit, server);
}

static void who_does_not_see_all_or_may_not_tell_has_no_plan(void **state)
{
    static const char *const hidden[] = {
        CHOSEN, "40", "39", "0", "", "", "", "", "", "", "", "", "", ""};
    static const char *const mute[] = {CHOSEN,
                                       "40",
                                       "0",
                                       "1",
                                       "4711",
                                       "2026-11-21T00:58:03.120000Z",
                                       "app",
                                       "shop",
                                       "web",
                                       "10.0.0.3",
                                       "idle",
                                       "f",
                                       "720",
                                       "{\"pid\":4711}"};
    const char *const *const each[] = {hidden, mute};
    (void)state;
    for (size_t i = 0; i < COUNT(each); i++) {
        struct talk talk = {0};
        struct kit *kit;
        struct kit_server *server = answer(&kit, &talk, each[i], 13, 1, NULL, 0);
        const struct kit_run *run = kit_plan(kit, "terminate_sessions");
        assert_int_equal(run->how, PROBE_DENIED);
        assert_string_equal(run->hint, "GRANT pg_monitor, pg_signal_backend TO runbookd_ops;");
        finish(kit, server);
    }
}

static void a_session_that_is_gone_or_does_not_fit_is_skipped(void **state)
{
    static const char *const gone[] = {TOLD};
    static const char *const busy[] = {TOLD, "active", "f", "t", ""};
    struct talk talk = {0}, again = {0};
    struct kit *kit;
    (void)state;
    struct kit_server *server = answer(&kit, &talk, gone, 4, 0, NULL, 0);
    struct kit_run *run = kit_apply(kit, "terminate_sessions", &step);
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_string_equal(run->summary, "the session is gone");
    finish(kit, server);

    server = answer(&kit, &again, busy, 4, 1, NULL, 0);
    run = kit_apply(kit, "terminate_sessions", &step);
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_string_equal(run->summary, "it does not fit any more: it is active");
    finish(kit, server);
}

static void what_was_told_is_waited_for(void **state)
{
    static const char *const told[] = {TOLD, "idle", "t", "t", "t"};
    static const char *const gone[] = {TOLD};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    struct kit_server *server = answer(&kit, &talk, told, 4, 1, gone, 0);
    assert_int_equal(kit_apply(kit, "terminate_sessions", &step)->outcome, PROBE_APPLIED);
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void who_is_still_there_survived(void **state)
{
    static const char *const told[] = {TOLD, "idle", "t", "t", "t"};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    struct kit_server *server = answer(&kit, &talk, told, 4, 1, told, 1);
    kit_set_for(kit, "terminate_sessions", "grace", "0s");
    assert_int_equal(kit_apply(kit, "terminate_sessions", &step)->outcome, PROBE_SURVIVED);
    finish(kit, server);
}

static void a_step_without_its_thing_is_refused(void **state)
{
    const struct probe_step empty = {.key = "4711", .what = "terminate 4711"};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    assert_int_equal(kit_apply(kit, "terminate_sessions", &empty)->status, -EINVAL);
    assert_int_equal(kit_server_count(server), 0);
    finish(kit, server);
}

/* ------------------------------------------------------------- execute ---- */

static const struct probe_step release = {.key = "update orders set n = ? where n = ?",
                                          .what = "change 12 rows",
                                          .json = "{\"rows\":12}"};

static struct kit_server *execute(struct kit **kit, struct talk *talk)
{
    struct kit_server *server = serve(kit, NULL, HERE, talk->moves);
    kit_set_for(*kit, "execute", "statement", "update orders set n = 1 where n = 2");
    kit_set_for(*kit, "execute", "count", "select 12");
    return server;
}

static void talk_update(struct talk *talk, struct speech *updated, const char *tag)
{
    talk_login(talk);
    talk_on(talk, KIT_UNTIL("begin transaction read write;"));
    talk_on(talk, KIT_UNTIL(";set local lock_timeout = 2000;"));
    talk_on(talk, MOVE_SAY(begun));
    talk_on(talk, KIT_UNTIL("update orders set n = 1 where n = 2"));
    SAY(updated, '1', "");
    SAY(updated, '2', "");
    SAY(updated, 'n', "");
    say(updated, 'C', tag, strlen(tag) + 1);
    SAY(updated, 'Z', "T");
    talk_on(talk, MOVE_SAY(*updated));
}

static void more_rows_than_planned_are_rolled_back(void **state)
{
    static struct speech updated, rolled_back;
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_update(&talk, &updated, "UPDATE 13");
    talk_on(&talk, KIT_UNTIL("rollback"));
    SAY(&rolled_back, 'C', "ROLLBACK\0");
    SAY(&rolled_back, 'Z', "I");
    talk_on(&talk, MOVE_SAY(rolled_back));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = execute(&kit, &talk);
    const struct kit_run *run = kit_apply(kit, "execute", &release);
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_null(strstr(kit_server_heard(server), "commit"));
    finish(kit, server);
}

static void as_many_as_planned_are_committed(void **state)
{
    static struct speech updated;
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_update(&talk, &updated, "UPDATE 12");
    talk_on(&talk, KIT_UNTIL("commit"));
    talk_on(&talk, MOVE_SAY(committed));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = execute(&kit, &talk);
    const struct kit_run *run = kit_apply(kit, "execute", &release);
    assert_int_equal(run->outcome, PROBE_APPLIED);
    assert_string_equal(run->result_json, "{\"rows\":12}");
    finish(kit, server);
}

/* Nobody knows whether it was done: that is no "applied", and it is not sent again. */
static void a_connection_lost_while_it_runs_is_a_failure(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_on(&talk, KIT_UNTIL("begin transaction read write;"));
    talk_on(&talk, MOVE_SAY(begun));
    talk_on(&talk, KIT_UNTIL("update orders set n = 1 where n = 2"));
    talk_on(&talk, KIT_BREAK(-ECONNRESET));
    struct kit_server *server = execute(&kit, &talk);
    const struct kit_run *run = kit_apply(kit, "execute", &release);
    assert_false(run->applied);
    assert_string_equal(run->reason, "lost");
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void a_step_of_another_statement_is_refused(void **state)
{
    const struct probe_step other = {
        .key = "delete from orders where n = ?", .what = "delete", .json = "{\"rows\":12}"};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = execute(&kit, &talk);
    assert_int_equal(kit_apply(kit, "execute", &other)->status, -EINVAL);
    assert_int_equal(kit_server_count(server), 0);
    finish(kit, server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_names_sessions_and_changes_nothing),
        cmocka_unit_test(who_does_not_see_all_or_may_not_tell_has_no_plan),
        cmocka_unit_test(a_session_that_is_gone_or_does_not_fit_is_skipped),
        cmocka_unit_test(what_was_told_is_waited_for),
        cmocka_unit_test(who_is_still_there_survived),
        cmocka_unit_test(a_step_without_its_thing_is_refused),
        cmocka_unit_test(more_rows_than_planned_are_rolled_back),
        cmocka_unit_test(as_many_as_planned_are_committed),
        cmocka_unit_test(a_connection_lost_while_it_runs_is_a_failure),
        cmocka_unit_test(a_step_of_another_statement_is_refused),
    };
    return cmocka_run_group_tests(tests, compose, NULL);
}
