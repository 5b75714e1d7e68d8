/* plugins/redis, connect: good, wrong, slow, cut off, absurdly large, each error class. */
#include "redis_talk.h"

/* ------------------------------------------------------------- connect ---- */

static void a_server_of_use_is_told_with_its_role(void **state)
{
    kit_plays(*state,
              KIT_PAUSE(4),
              ask("PING"),
              KIT_PAUSE(2),
              KIT_SEND("+PONG\r\n"),
              ask("INFO"),
              bulk(info));
    const struct kit_run *run = kit_run(*state, "connect");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_true(run->done);
    assert_string_equal(kit_text(finding, "role"), "master");
    assert_string_equal(kit_text(finding, "writes"), "yes");
    assert_string_equal(kit_text(finding, "version"), "7.0.15");
    assert_true(kit_flag(finding, "as_expected"));
    assert_true(kit_real(finding, "connect_ms") == 4.0);
    assert_true(kit_real(finding, "rtt_ms") == 2.0);
    assert_false(kit_has(finding, "link"));
    assert_string_equal(kit_dialled(*state, 0)->host, "cache");
    assert_int_equal(kit_dialled(*state, 0)->port, 6379);
    assert_int_equal(kit_dialled(*state, 0)->safety, PROBE_CLEAR);
    assert_false(kit_dialled(*state, 0)->open);
}

static void every_connect_is_a_new_connection(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        kit_plays(*state, ask("PING"), KIT_SEND("+PONG\r\n"), ask("INFO"), bulk(info));
        assert_true(kit_run(*state, "connect")->done);
        assert_int_equal(kit_dial_count(*state), i + 1);
    }
}

static void it_logs_in_and_chooses_the_database(void **state)
{
    kit_set(*state, "url", "redis://cache/2");
    kit_set(*state, "user", "runbookd");
    kit_set(*state, "password", "s3cret");
    kit_plays(*state,
              ask("AUTH runbookd s3cret"),
              KIT_SEND("+OK\r\n"),
              ask("SELECT 2"),
              KIT_SEND("+OK\r\n"),
              ask("PING"),
              KIT_SEND("+PONG\r\n"),
              ask("INFO"),
              bulk(info));
    assert_true(kit_run(*state, "connect")->done);
    assert_int_equal(kit_dialled(*state, 0)->port, 6379);
}

static void without_a_user_auth_has_one_argument(void **state)
{
    kit_set(*state, "password", "s3cret");
    kit_plays(*state,
              ask("AUTH s3cret"),
              KIT_SEND("-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->reason, "noauth");
}

static void user_and_password_may_stand_in_the_url(void **state)
{
    kit_set(*state, "url", "redis://me:pw@cache:7000");
    kit_plays(*state, ask("AUTH me pw"), KIT_SEND("-NOAUTH no\r\n"));
    assert_string_equal(kit_run(*state, "connect")->reason, "noauth");
    assert_int_equal(kit_dialled(*state, 0)->port, 7000);
}

static void a_password_that_cannot_be_read_is_said(void **state)
{
    kit_set(*state, "password", "${file:/run/secrets/x}");
    kit_plays(*state, KIT_MUTE);
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->summary, "the password cannot be read");
}

static void rediss_is_tls_and_a_path_a_socket(void **state)
{
    kit_set(*state, "url", "rediss://cache:6380");
    kit_set(*state, "tls", "{ca: /etc/ca.pem}");
    kit_plays(*state, ask("PING"), KIT_SEND("-LOADING x\r\n"), ask("INFO"), KIT_SEND("-ERR x\r\n"));
    assert_string_equal(kit_run(*state, "connect")->reason, "loading");
    assert_int_equal(kit_dialled(*state, 0)->safety, PROBE_SAFE);
    assert_non_null(kit_dialled(*state, 0)->tls);

    struct kit *local = kit_open(probe_plugin_v1());
    kit_set(local, "url", "redis+unix:///run/redis.sock");
    kit_set(local, "db", "1");
    kit_plays(local, ask("SELECT 1"), KIT_SEND("-ERR DB index is out of range\r\n"));
    assert_string_equal(kit_run(local, "connect")->reason, "no_database");
    assert_string_equal(kit_dialled(local, 0)->path, "/run/redis.sock");
    assert_null(kit_dialled(local, 0)->host);
    assert_int_equal(kit_close(local), 0);
}

static void each_way_to_fail_has_its_class(void **state)
{
    (void)state;
    const struct {
        struct kit_move first, second;
        const char *reason;
        enum probe_failure how;
    } ways[] = {
        {KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused"),
         {0},
         "refused",
         PROBE_DOWN},
        {KIT_REFUSE(-ENOENT, PROBE_RESOLVING, "no such host"), {0}, "dns", PROBE_FAILED},
        {KIT_REFUSE(-EAGAIN, PROBE_RESOLVING, "the name server does not answer"),
         {0},
         "dns",
         PROBE_FAILED},
        {KIT_REFUSE(-EPROTO, PROBE_SECURING, "certificate has expired"), {0}, "tls", PROBE_FAILED},
        {KIT_REFUSE(-ETIMEDOUT, PROBE_SECURING, "no answer"), {0}, "timeout", PROBE_DOWN},
        {KIT_REFUSE(-EHOSTUNREACH, PROBE_CONNECTING, "no route"), {0}, "closed", PROBE_DOWN},
        {KIT_HANG, {0}, "timeout", PROBE_DOWN},
        {KIT_MUTE, {0}, "timeout", PROBE_DOWN},
        {ask("PING"), KIT_CLOSE, "closed", PROBE_DOWN},
        {ask("PING"), KIT_BREAK(-ECONNRESET), "closed", PROBE_DOWN},
        {ask("PING"), KIT_SEND("-NOAUTH Authentication required.\r\n"), "noauth", PROBE_DENIED},
        {ask("PING"), KIT_SEND("-DENIED Redis is running in\r\n"), "noauth", PROBE_DENIED},
        {ask("PING"),
         KIT_SEND("-ERR max number of clients reached\r\n"),
         "too_many_clients",
         PROBE_DOWN},
        {ask("PING"),
         KIT_SEND("-BUSY Redis is busy running a script. You can only call SCRIPT KILL\r\n"),
         "busy",
         PROBE_DOWN},
        {ask("PING"),
         KIT_SEND("-MASTERDOWN Link with MASTER is down\r\n"),
         "masterdown",
         PROBE_DOWN},
        {ask("PING"), KIT_SEND("-ERR what is this\r\n"), "error", PROBE_FAILED},
        {ask("PING"), KIT_SEND("HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_SEND("\x15\x03\x03"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_SEND("+HELLO\r\n"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_SEND("+PONG\r\n+PONG\r\n"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_FLOOD("+x"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_SEND("*2147483647\r\n"), "protocol", PROBE_FAILED},
        {ask("PING"),
         KIT_SEND("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"),
         "protocol",
         PROBE_FAILED},
        {ask("PING"), KIT_SEND("$-7\r\n"), "protocol", PROBE_FAILED},
        {ask("PING"), KIT_SEND("$99999999999999999999\r\n"), "protocol", PROBE_FAILED},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct kit *kit = kit_open(probe_plugin_v1());
        kit_set(kit, "url", "redis://cache");
        kit_plays(kit, ways[i].first, ways[i].second);
        const struct kit_run *run = kit_run(kit, "connect");
        if (run->done || strcmp(run->reason, ways[i].reason) != 0 || run->how != ways[i].how)
            fail_msg("way %zu: \"%s\" (%d), not \"%s\"", i, run->reason, run->how, ways[i].reason);
        assert_false(run->late); /* said by the plugin, with the reason */
        assert_int_equal(kit_close(kit), 0);
    }
}

static void a_server_that_loads_says_how_far_it_is(void **state)
{
    kit_plays(*state,
              ask("PING"),
              KIT_SEND("-LOADING Redis is loading the dataset in memory\r\n"),
              ask("INFO"),
              bulk("# Persistence\r\nloading:1\r\nloading_loaded_perc:43.21\r\n"
                   "loading_eta_seconds:12\r\n"));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "loading");
    assert_string_equal(run->summary, "the server reads its data: 43.2 % done, about 12 s left");
    assert_non_null(strstr(run->hint, "restart"));
}

/* PING with its answer, then INFO with its own. */
static const struct kit_finding *connect_to(struct kit *kit, const char *pong, const char *text)
{
    kit_plays(kit, ask("PING"), KIT_SEND(pong), ask("INFO"), bulk(text));
    const struct kit_run *run = kit_run(kit, "connect");
    assert_true(run->done);
    return kit_finding(run, NULL);
}

static void pong_is_not_enough(void **state)
{
    const struct {
        const char *pong, *info, *writes;
        enum probe_status grade;
    } servers[] = {
        {"-MISCONF Redis is configured to save RDB snapshots, but it's unable to\r\n",
         info,
         "misconf",
         PROBE_CRITICAL},
        {"+PONG\r\n",
         INFO_MASTER "used_memory:1000\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n",
         "oom",
         PROBE_CRITICAL},
        {"+PONG\r\n",
         INFO_MASTER "used_memory:1000\r\nmaxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n",
         "yes",
         PROBE_OK},
        {"+PONG\r\n",
         INFO_MASTER "used_memory:1000\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n"
                     "mem_not_counted_for_evict:200\r\n",
         "yes",
         PROBE_OK},
        {"+PONG\r\n", INFO_REPLICA "master_link_status:up\r\n", "readonly", PROBE_OK},
    };
    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
        const struct kit_finding *finding = connect_to(*state, servers[i].pong, servers[i].info);
        assert_string_equal(kit_text(finding, "writes"), servers[i].writes);
        assert_int_equal(kit_grade(*state, "connect", finding), servers[i].grade);
    }
}

static void a_replica_tells_whether_its_master_is_there(void **state)
{
    const struct kit_finding *finding =
        connect_to(*state,
                   "+PONG\r\n",
                   INFO_REPLICA "master_link_status:down\r\nmaster_link_down_since_seconds:90\r\n");
    assert_string_equal(kit_text(finding, "role"), "replica");
    assert_string_equal(kit_text(finding, "link"), "down");
    assert_int_equal(kit_int(finding, "link_down_seconds"), 90);
    assert_string_equal(finding->summary, "a replica that has lost its master");
    assert_int_equal(kit_grade(*state, "connect", finding), PROBE_WARNING);
}

static void a_replica_where_a_master_should_be_is_not_as_expected(void **state)
{
    kit_set_for(*state, "connect", "role", "master");
    assert_false(kit_flag(connect_to(*state, "+PONG\r\n", INFO_REPLICA "master_link_status:up\r\n"),
                          "as_expected"));
    assert_true(kit_flag(connect_to(*state, "+PONG\r\n", info), "as_expected"));
}

static void a_write_is_tried_where_the_operator_asks(void **state)
{
    static const char *const answers[][2] = {
        {"+OK\r\n", "yes"},
        {"-READONLY You can't write against a read only replica.\r\n", "readonly"},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "oom"},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", "noreplicas"},
    };
    kit_set_for(*state, "connect", "write", "runbookd:probe");
    for (size_t i = 0; i < 4; i++) {
        kit_plays(*state,
                  ask("PING"),
                  KIT_SEND("+PONG\r\n"),
                  ask("INFO"),
                  bulk(info),
                  ask("SET runbookd:probe runbookd PX 60000"),
                  KIT_SEND(answers[i][0]));
        const struct kit_finding *finding = kit_finding(kit_run(*state, "connect"), NULL);
        assert_string_equal(kit_text(finding, "writes"), answers[i][1]);
        assert_int_equal(kit_flag(finding, "as_expected"), i == 0);
        assert_int_equal(kit_grade(*state, "connect", finding), i ? PROBE_CRITICAL : PROBE_OK);
    }
}

static void without_info_it_still_says_that_somebody_is_there(void **state)
{
    kit_plays(*state, ask("PING"), KIT_SEND("+PONG\r\n"), ask("INFO"), KIT_SEND(no_right));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "connect"), NULL);
    assert_string_equal(kit_text(finding, "writes"), "unknown");
    assert_false(kit_has(finding, "role"));
    assert_non_null(strstr(finding->hint, "ACL SETUSER default +info"));
}

static void without_any_right_it_is_denied_with_the_line_that_grants_it(void **state)
{
    kit_plays(*state, ask("PING"), KIT_SEND(no_right), ask("INFO"), KIT_SEND(no_right));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->reason, "noperm");
    assert_non_null(strstr(run->hint, "ACL SETUSER default +ping +info"));
}

static void an_address_that_cannot_be_is_refused(void **state)
{
    static const char *const urls[][2] = {
        {"redis://:6379/0", "url: names no host"},
        {"redis://cache/two", "url: \"/two\" is no database's number"},
        {"redis://cache/-1", "url: \"/-1\" is no database's number"},
        {"redis+unix://run", "url: names no socket"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct kit *kit = kit_open(probe_plugin_v1());
        kit_set(kit, "url", urls[i][0]);
        const char *refused = kit_refusal(kit, NULL);
        assert_non_null(refused);
        assert_non_null(strstr(refused, urls[i][1]));
        assert_int_equal(kit_close(kit), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_of_use_is_told_with_its_role),
        TEST(every_connect_is_a_new_connection),
        TEST(it_logs_in_and_chooses_the_database),
        TEST(without_a_user_auth_has_one_argument),
        TEST(user_and_password_may_stand_in_the_url),
        TEST(a_password_that_cannot_be_read_is_said),
        TEST(rediss_is_tls_and_a_path_a_socket),
        TEST(each_way_to_fail_has_its_class),
        TEST(a_server_that_loads_says_how_far_it_is),
        TEST(pong_is_not_enough),
        TEST(a_replica_tells_whether_its_master_is_there),
        TEST(a_replica_where_a_master_should_be_is_not_as_expected),
        TEST(a_write_is_tried_where_the_operator_asks),
        TEST(without_info_it_still_says_that_somebody_is_there),
        TEST(without_any_right_it_is_denied_with_the_line_that_grants_it),
        TEST(an_address_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
