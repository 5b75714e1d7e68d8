/* The postgres plugin and servers that are mute, cut off, slow, gone or one of many. */
#include "postgres_wire_fixture.h"

static void a_server_that_decides_is_not_one_of_many(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_on(&talk, KIT_UNTIL("runbookd"));
    talk_on(&talk, MOVE_SAY(full));
    talk_on(&talk, KIT_CLOSE);
    struct kit_server *server = serve(&kit, NULL, "db.example", talk.moves);
    kit_resolves(kit, "db.example", "127.0.0.2", "127.0.0.1", "127.0.0.1");
    struct kit_run *run = kit_run(kit, "connect");
    assert_string_equal(run->reason, "too_many_clients");
    assert_null(strstr(run->summary, "in vain"));
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void the_server_gives_up_before_we_do(void **state)
{
    (void)state;
    for (int64_t left = 100; left < 100000; left += 37)
        assert_in_range(wire_statement_ms(left), left / 2, left - 25);
    assert_int_equal(wire_statement_ms(0), 10); /* zero would mean: without a limit */
    assert_int_equal(wire_statement_ms(-5000), 10);
}

static void a_server_that_hangs_is_down_at_the_deadline(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_server *server =
        serve(&kit, "150ms", HERE, (const struct kit_move[]){KIT_MUTE, {0}});
    struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "timeout");
    assert_false(run->late);
    assert_in_range(run->ran_us, 150000, 1000000);
    finish(kit, server);
}

static void a_question_without_an_answer_is_late(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_begin(&talk);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, "200ms", HERE, talk.moves);
    struct kit_run *run = kit_run(kit, "connections");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_non_null(strstr(run->summary, "let us in, but did not answer"));
    kit_advance(kit, 20);
    assert_int_equal(kit_server_open_count(server), 0); /* what may still come is nobody's */
    run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "timeout");
    assert_non_null(strstr(run->hint, "pooler"));
    finish(kit, server);
}

static void nobody_there_is_refused(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_server *server = serve(&kit, NULL, HERE, (const struct kit_move[]){KIT_MUTE, {0}});
    assert_null(kit_server_close(server));
    struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "refused");
    assert_non_null(strstr(run->summary, "Connection refused"));
    assert_int_equal(kit_close(kit), 0);
}

static void a_server_that_hangs_up_is_lost(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_server *server =
        serve(&kit,
              NULL,
              HERE,
              (const struct kit_move[]){KIT_UNTIL("runbookd"), KIT_BREAK(-ECONNRESET), {0}});
    assert_string_equal(kit_run(kit, "connect")->reason, "lost");
    finish(kit, server);
}

static void another_protocol_is_no_postgres(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_server *server = serve(
        &kit,
        NULL,
        HERE,
        (const struct kit_move[]){
            KIT_UNTIL("runbookd"), KIT_SEND("HTTP/1.1 400 Bad Request\r\n\r\n"), KIT_CLOSE, {0}});
    struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "not_postgres");
    finish(kit, server);
}

static void another_protocol_in_the_middle_of_a_question_is_none_either(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_on(&talk, KIT_UNTIL("search_path"));
    talk_on(&talk, KIT_SEND("\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89"));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "not_postgres");
    finish(kit, server);
}

static void a_reply_in_pieces_is_read(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_on(&talk, KIT_UNTIL("runbookd"));
    talk_on(&talk, KIT_MOVE_(DRIP, .bytes = logged_in.bytes, .len = logged_in.len));
    talk_begin(&talk);
    talk_on(&talk, KIT_MOVE_(DRIP, .bytes = primary.bytes, .len = primary.len));
    talk_on(&talk, KIT_UNTIL("commit"));
    talk_on(&talk, KIT_MOVE_(DRIP, .bytes = committed.bytes, .len = committed.len));
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    assert_true(kit_run(kit, "connect")->done);
    finish(kit, server);
}

static void a_name_that_does_not_exist_is_our_own_trouble(void **state)
{
    struct kit *kit = kit_open(patient_for(NULL));
    (void)state;
    kit_set(kit, "url", "postgres://app@db.example/orders");
    kit_resolve(kit, "db.example", -ENOENT, NULL);
    struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "dns");
    assert_string_equal(run->summary, "db.example:5432: no such host");
    assert_int_equal(kit_close(kit), 0);
}

static void every_address_of_a_name_is_tried(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &primary);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, "db.example", talk.moves);
    kit_resolves(kit, "db.example", "127.0.0.3", "127.0.0.2", "127.0.0.1");
    assert_true(kit_run(kit, "connect")->done);
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

static void all_that_was_tried_in_vain_is_counted(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_server *server =
        serve(&kit, NULL, "db.example", (const struct kit_move[]){KIT_MUTE, {0}});
    assert_null(kit_server_close(server));
    kit_resolves(kit, "db.example", "127.0.0.1", "127.0.0.2");
    struct kit_run *run = kit_run(kit, "connect");
    assert_string_equal(run->reason, "refused");
    assert_non_null(strstr(run->summary, "(127.0.0.1): Connection refused; 2 addresses tried"));
    assert_int_equal(kit_close(kit), 0);
}

static void a_dead_host_leaves_time_for_the_next_one(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    char url[200];
    (void)state;
    talk_login(&talk);
    talk_answer(&talk, &primary);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *dead = serve(&kit, "600ms", HERE, (const struct kit_move[]){KIT_MUTE, {0}});
    struct kit_server *living = kit_server_open(kit_loop(kit), talk.moves);
    (void)snprintf(
        url,
        sizeof(url),
        "postgres:///orders?user=app&sslmode=disable&host=127.0.0.1,127.0.0.1&port=%u,%u",
        kit_server_port(dead),
        kit_server_port(living));
    kit_set(kit, "url", url);
    struct kit_run *run = kit_run(kit, "connect");
    assert_true(run->done);
    assert_in_range(run->ran_us, 300000, 599999);
    assert_null(kit_server_close(dead));
    finish(kit, living);
}

static void what_the_agent_ends_is_over_at_once(void **state)
{
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    talk_login(&talk);
    talk_begin(&talk);
    talk_on(&talk, KIT_MUTE);
    for (uint64_t ms = 0; ms < 8; ms++) {
        struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
        struct kit_run *run = kit_start(kit, "connections");
        kit_advance(kit, ms);
        kit_end(kit, run);
        assert_true(run->over);
        assert_null(kit_server_close(server));
        assert_int_equal(kit_close(kit), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_decides_is_not_one_of_many),
        cmocka_unit_test(the_server_gives_up_before_we_do),
        cmocka_unit_test(a_server_that_hangs_is_down_at_the_deadline),
        cmocka_unit_test(a_question_without_an_answer_is_late),
        cmocka_unit_test(nobody_there_is_refused),
        cmocka_unit_test(a_server_that_hangs_up_is_lost),
        cmocka_unit_test(another_protocol_is_no_postgres),
        cmocka_unit_test(another_protocol_in_the_middle_of_a_question_is_none_either),
        cmocka_unit_test(a_reply_in_pieces_is_read),
        cmocka_unit_test(a_name_that_does_not_exist_is_our_own_trouble),
        cmocka_unit_test(every_address_of_a_name_is_tried),
        cmocka_unit_test(all_that_was_tried_in_vain_is_counted),
        cmocka_unit_test(a_dead_host_leaves_time_for_the_next_one),
        cmocka_unit_test(what_the_agent_ends_is_over_at_once),
    };
    return cmocka_run_group_tests_name("postgres, wire faults", tests, compose, NULL);
}
