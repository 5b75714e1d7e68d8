/* The postgres plugin and servers that answer: transactions, refusals, kept connections. */
#include "postgres_wire_fixture.h"

static void a_check_asks_in_a_transaction_of_its_own(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &primary);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    const struct kit_finding *finding = kit_finding(kit_run(kit, "connect"), NULL);
    assert_string_equal(finding->summary, "PostgreSQL 15.20, a primary, lets in and answers");
    assert_string_equal(kit_text(finding, "tls"), "none");
    finish(kit, server);
}

static void the_connection_of_connect_is_kept_for_the_checks(void **state)
{
    struct talk talk = {0}, again = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &primary);
    talk_answer(&talk, &usage);
    talk_on(&talk, KIT_MUTE);
    talk_login(&again);
    talk_answer(&again, &primary);
    talk_on(&again, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    kit_server_add(server, again.moves);
    assert_true(kit_run(kit, "connect")->done);
    assert_true(kit_run(kit, "connections")->done);
    assert_int_equal(kit_server_count(server), 1);
    assert_true(kit_run(kit, "connect")->done); /* which logs in afresh, every time */
    kit_advance(kit, 20);
    assert_int_equal(kit_server_count(server), 2);
    assert_int_equal(kit_server_open_count(server), 1);
    finish(kit, server);
}

static void a_full_server_says_who_has_its_connections(void **state)
{
    struct talk talk = {0}, refusal = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &primary);
    talk_answer(&talk, &usage);
    talk_on(&talk, KIT_MUTE);
    talk_on(&refusal, KIT_UNTIL("runbookd"));
    talk_on(&refusal, MOVE_SAY(full));
    talk_on(&refusal, KIT_CLOSE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    kit_server_add(server, refusal.moves);
    assert_true(kit_run(kit, "connect")->done);
    struct kit_run *run = kit_run(kit, "connect");
    char expected[200];
    (void)snprintf(expected,
                   sizeof(expected),
                   "127.0.0.1:%u says: sorry, too many clients already (53300); 97 of 97 usable "
                   "connections are used (backend 97)",
                   kit_server_port(server));
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "too_many_clients");
    assert_string_equal(run->summary, expected);
    finish(kit, server);
}

static void a_full_server_is_down_for_who_was_never_in(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_on(&talk, KIT_UNTIL("runbookd"));
    talk_on(&talk, MOVE_SAY(full));
    talk_on(&talk, KIT_CLOSE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    assert_string_equal(kit_run(kit, "connect")->reason, "too_many_clients");
    assert_string_equal(kit_run(kit, "connections")->reason, "too_many_clients");
    assert_int_equal(kit_server_count(server), 2);
    finish(kit, server);
}

static void a_missing_right_ends_the_transaction_and_keeps_the_connection(void **state)
{
    struct talk talk = {0};
    struct speech denied = {0}, back = {0};
    struct kit *kit;
    (void)state;
    say_error(&denied, "42501", "permission denied for view pg_stat_activity");
    SAY(&denied, 'Z', "E");
    SAY(&back, 'C', "ROLLBACK\0");
    SAY(&back, 'Z', "I");
    talk_login(&talk);
    talk_begin(&talk);
    talk_on(&talk, MOVE_SAY(denied));
    talk_on(&talk, KIT_UNTIL("rollback"));
    talk_on(&talk, MOVE_SAY(back));
    talk_answer(&talk, &usage);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    struct kit_run *run = kit_run(kit, "connections");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT pg_monitor TO runbookd;");
    assert_true(kit_run(kit, "connections")->done);
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void a_missing_column_is_inapplicable(void **state)
{
    struct talk talk = {0};
    struct speech missing = {0}, back = {0};
    struct kit *kit;
    (void)state;
    say_error(&missing, "42703", "column \"backend_type\" does not exist");
    SAY(&missing, 'Z', "E");
    SAY(&back, 'C', "ROLLBACK\0");
    SAY(&back, 'Z', "I");
    talk_login(&talk);
    talk_begin(&talk);
    talk_on(&talk, MOVE_SAY(missing));
    talk_on(&talk, KIT_UNTIL("rollback"));
    talk_on(&talk, MOVE_SAY(back));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    assert_int_equal(kit_run(kit, "connections")->how, PROBE_FAILED);
    finish(kit, server);
}

static void a_kept_connection_that_broke_is_opened_anew_without_a_word(void **state)
{
    struct talk talk = {0}, again = {0};
    struct speech ended = {0};
    struct kit *kit;
    (void)state;
    say_error(&ended, "57P01", "terminating connection due to administrator command");
    talk_login(&talk);
    talk_answer(&talk, &usage);
    talk_on(&talk, MOVE_SAY(ended));
    talk_on(&talk, KIT_CLOSE);
    talk_login(&again);
    talk_answer(&again, &usage);
    talk_on(&again, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    kit_server_add(server, again.moves);
    assert_true(kit_run(kit, "connections")->done);
    kit_advance(kit, 20);
    assert_true(kit_run(kit, "connections")->done);
    assert_int_equal(kit_server_count(server), 2);
    finish(kit, server);
}

/* As behind a firewall that forgot it: what is sent vanishes. */
static void a_kept_connection_that_is_mute_gets_half_of_the_time(void **state)
{
    struct talk talk = {0}, again = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &usage);
    talk_on(&talk, KIT_MUTE);
    talk_login(&again);
    talk_answer(&again, &usage);
    talk_on(&again, KIT_MUTE);
    struct kit_server *server = serve(&kit, "400ms", HERE, talk.moves);
    kit_server_add(server, again.moves);
    assert_true(kit_run(kit, "connections")->done);
    struct kit_run *run = kit_run(kit, "connections");
    assert_true(run->done);
    assert_in_range(run->ran_us, 200000, 399999);
    assert_int_equal(kit_server_count(server), 2);
    finish(kit, server);
}

static void a_kept_connection_that_is_only_slow_is_given_all_of_it(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &usage);
    talk_begin(&talk);
    talk_on(&talk, KIT_PAUSE(300));
    talk_on(&talk, MOVE_SAY(usage));
    talk_on(&talk, KIT_UNTIL("commit"));
    talk_on(&talk, MOVE_SAY(committed));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, "500ms", HERE, talk.moves);
    assert_true(kit_run(kit, "connections")->done);
    assert_true(kit_run(kit, "connections")->done);
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void rows_of_a_transaction_that_did_not_end_are_dropped(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_begin(&talk);
    talk_on(&talk, MOVE_SAY(usage));
    talk_on(&talk, KIT_UNTIL("commit"));
    talk_on(&talk, KIT_CLOSE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    struct kit_run *run = kit_run(kit, "connections");
    assert_string_equal(run->reason, "lost");
    assert_int_equal(run->finding_count, 0);
    finish(kit, server);
}

static void a_check_beside_connect_leaves_the_younger_connection(void **state)
{
    struct talk slow = {0}, fresh = {0};
    struct kit *kit;
    (void)state;
    talk_login(&slow);
    talk_answer(&slow, &usage);
    talk_begin(&slow);
    talk_on(&slow, KIT_PAUSE(150));
    talk_on(&slow, MOVE_SAY(usage));
    talk_on(&slow, KIT_UNTIL("commit"));
    talk_on(&slow, MOVE_SAY(committed));
    talk_on(&slow, KIT_MUTE);
    talk_login(&fresh);
    talk_answer(&fresh, &primary);
    talk_answer(&fresh, &usage);
    talk_on(&fresh, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, slow.moves);
    kit_server_add(server, fresh.moves);
    assert_true(kit_run(kit, "connections")->done);
    struct kit_run *run = kit_start(kit, "connections");
    assert_true(kit_run(kit, "connect")->done);
    kit_finish(kit, run);
    assert_true(run->done);
    kit_advance(kit, 20);
    assert_int_equal(kit_server_open_count(server), 1);
    assert_true(kit_run(kit, "connections")->done); /* on the second connection */
    assert_int_equal(kit_server_count(server), 2);
    finish(kit, server);
}

/* A check that dialled when none was kept, the one kept since, and connect's next: two at a time. */
static void no_third_connection_is_ever_open(void **state)
{
    struct talk mute = {0}, fresh = {0}, next = {0};
    struct kit *kit;
    (void)state;
    talk_login(&mute);
    talk_on(&mute, KIT_MUTE);
    talk_login(&fresh);
    talk_answer(&fresh, &primary);
    talk_on(&fresh, KIT_MUTE);
    talk_on(&next, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, mute.moves);
    kit_server_add(server, fresh.moves);
    kit_server_add(server, next.moves);
    struct kit_run *check = kit_start(kit, "connections");
    kit_advance(kit, 20);
    assert_true(kit_run(kit, "connect")->done);
    kit_advance(kit, 20);
    assert_int_equal(kit_server_open_count(server), 2);
    struct kit_run *connect = kit_start(kit, "connect");
    kit_advance(kit, 20);
    assert_int_equal(kit_server_count(server), 3);
    assert_int_equal(kit_server_open_count(server), 2);
    kit_finish(kit, connect);
    kit_finish(kit, check);
    finish(kit, server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_asks_in_a_transaction_of_its_own),
        cmocka_unit_test(the_connection_of_connect_is_kept_for_the_checks),
        cmocka_unit_test(a_full_server_says_who_has_its_connections),
        cmocka_unit_test(a_full_server_is_down_for_who_was_never_in),
        cmocka_unit_test(a_missing_right_ends_the_transaction_and_keeps_the_connection),
        cmocka_unit_test(a_missing_column_is_inapplicable),
        cmocka_unit_test(a_kept_connection_that_broke_is_opened_anew_without_a_word),
        cmocka_unit_test(a_kept_connection_that_is_mute_gets_half_of_the_time),
        cmocka_unit_test(a_kept_connection_that_is_only_slow_is_given_all_of_it),
        cmocka_unit_test(rows_of_a_transaction_that_did_not_end_are_dropped),
        cmocka_unit_test(a_check_beside_connect_leaves_the_younger_connection),
        cmocka_unit_test(no_third_connection_is_ever_open),
    };
    return cmocka_run_group_tests_name("postgres, wire", tests, compose, NULL);
}
