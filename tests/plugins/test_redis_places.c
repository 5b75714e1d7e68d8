/* plugins/redis: where the server is: sentinels that are asked for it, nodes that send us to others. */
#include "redis_talk.h"

static const char pong[] = "+PONG\r\n";

/* ----------------------------------------------------------- sentinels ---- */

#define LOOK_UP ask("SENTINEL GET-MASTER-ADDR-BY-NAME orders")
#define AT(host_, len_, port_) "*2\r\n$" #len_ "\r\n" host_ "\r\n$4\r\n" #port_ "\r\n"

static void use_sentinels(struct kit *kit)
{
    kit_set(kit, "url", "redis+sentinel://s1/orders/2");
    kit_set(kit, "sentinels", "[s2, 's3:5000', '[::1]:5001']");
}

static void the_first_that_knows_is_believed(void **state)
{
    static const struct {
        const char *host;
        uint16_t port;
    } asked[] = {{"s1", 26379}, {"s2", 26379}, {"s3", 5000}, {"10.0.0.1", 6380}};
    use_sentinels(*state);
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused"));
    kit_plays(*state, LOOK_UP, KIT_SEND("*-1\r\n"));
    kit_plays(*state, LOOK_UP, KIT_SEND(AT("10.0.0.1", 8, 6380)));
    kit_plays(*state,
              ask("SELECT 2"),
              KIT_SEND("+OK\r\n"),
              ask("PING"),
              KIT_SEND(pong),
              ask("INFO"),
              bulk(info));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_true(run->done);
    assert_string_equal(kit_text(kit_finding(run, NULL), "master"), "10.0.0.1:6380");
    assert_int_equal(kit_dial_count(*state), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(kit_dialled(*state, i)->host, asked[i].host);
        assert_int_equal(kit_dialled(*state, i)->port, asked[i].port);
        assert_false(kit_dialled(*state, i)->open);
    }
}

static void each_has_its_own_password_and_tls(void **state)
{
    kit_set(*state, "url", "rediss+sentinel://s1/orders");
    kit_set(*state, "user", "watch");
    kit_set(*state, "password", "of-redis");
    kit_set(*state, "sentinel_password", "of-sentinels");
    kit_set(*state, "sentinel_tls", "never");
    kit_plays(*state,
              ask("AUTH of-sentinels"),
              KIT_SEND("+OK\r\n"),
              LOOK_UP,
              KIT_SEND(AT("10.0.0.1", 8, 6380)));
    kit_plays(*state, ask("AUTH watch of-redis"), KIT_SEND("+OK\r\n"), ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    assert_int_equal(kit_dialled(*state, 0)->safety, PROBE_CLEAR);
    assert_int_equal(kit_dialled(*state, 1)->safety, PROBE_SAFE);
}

static void a_replica_where_the_master_was_named_is_a_disappointment(void **state)
{
    kit_set(*state, "url", "redis+sentinel://s1/orders");
    kit_plays(*state, LOOK_UP, KIT_SEND(AT("10.0.0.1", 8, 6380)));
    kit_plays(*state,
              ask("PING"),
              KIT_SEND(pong),
              ask("INFO"),
              bulk(INFO_SERVER INFO_REPLICA "master_link_status:up\r\n"));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "connect"), NULL);
    assert_int_equal(kit_grade(*state, "connect", finding), PROBE_CRITICAL);
}

static void what_is_no_address_is_none(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\nh\r\n$1\r\n0\r\n",
        "*2\r\n$1\r\nh\r\n$5\r\n70000\r\n",
        "*2\r\n$1\r\nh\r\n:6379\r\n",
        "*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n1\r\n",
        ":1\r\n",
        "-ERR unknown command\r\n",
        "-NOPERM this user has no permissions to run the 'sentinel' command\r\n",
    };
    kit_set(*state, "url", "redis+sentinel://s1/orders");
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        kit_plays(*state, LOOK_UP, KIT_SEND(answers[i]));
        const struct kit_run *run = kit_run(*state, "connect");
        assert_false(run->done);
        assert_int_not_equal(run->how, PROBE_DOWN);
        assert_non_null(strstr(run->summary, "none of 1 sentinels"));
    }
}

static void one_that_is_silent_leaves_time_for_the_others(void **state)
{
    kit_set(*state, "url", "redis+sentinel://s1/orders");
    kit_set(*state, "sentinels", "[s2]");
    kit_plays(*state, LOOK_UP, KIT_MUTE);
    kit_plays(*state, KIT_HANG);
    const struct kit_run *run = kit_run(*state, "connect");
    assert_string_equal(run->reason, "no_sentinel");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_true(run->ran_us < 2700000);
    kit_plays(*state, LOOK_UP, KIT_MUTE);
    kit_plays(*state, LOOK_UP, KIT_SEND(AT("10.0.0.1", 8, 6380)));
    kit_plays(*state, ask("PING"), KIT_SEND(pong), ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "connect")->done);
}

static void a_run_that_ends_while_sentinels_are_asked_leaves_nothing_behind(void **state)
{
    kit_set(*state, "url", "redis+sentinel://s1/orders");
    static const char *const names[] = {"connect", "memory"};
    for (size_t i = 0; i < 2; i++) {
        kit_plays(*state, LOOK_UP, KIT_MUTE);
        struct kit_run *run = kit_start(*state, names[i]);
        kit_advance(*state, 10);
        kit_end(*state, run);
        kit_advance(*state, 5000);
        assert_false(kit_dialled(*state, i)->open);
    }
    kit_plays(*state, LOOK_UP, KIT_MUTE);
    (void)kit_start(*state, "memory"); /* left to kit_close(), as a shutdown leaves it */
    kit_advance(*state, 10);
}

/* ------------------------------------------------------------- cluster ---- */

static const char moved[] = "-MOVED 15495 10.0.0.2:7001\r\n"; /* the slot of "a" */

static void a_node_that_has_the_key_is_asked_and_remembered(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    kit_plays(*state, ask("TYPE a"), KIT_SEND(moved));
    kit_plays(*state, ask("TYPE a"), KIT_SEND("+list\r\n"), ask("LLEN a"), KIT_SEND(":3\r\n"));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_int_equal(kit_int(kit_finding(run, "a"), "length"), 3);
    assert_string_equal(kit_dialled(*state, 1)->host, "10.0.0.2");
    assert_int_equal(kit_dialled(*state, 1)->port, 7001);
    assert_true(kit_dialled(*state, 0)->open);
    assert_false(kit_dialled(*state, 1)->open); /* closed with the run */
    kit_plays(*state, ask("TYPE a"), KIT_SEND("+list\r\n"), ask("LLEN a"), KIT_SEND(":4\r\n"));
    run = kit_run(*state, "queue_depth");
    assert_int_equal(kit_int(kit_finding(run, "a"), "length"), 4);
    assert_string_equal(kit_dialled(*state, 2)->host, "10.0.0.2"); /* without asking the first */
}

static void a_node_that_does_not_know_its_name_means_itself(void **state)
{
    static const char *const says[] = {"-MOVED 15495 :7001\r\n", "-MOVED 15495 ?:7002\r\n"};
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    for (size_t i = 0; i < 2; i++) {
        kit_restart(*state);
        size_t dials = kit_dial_count(*state);
        kit_plays(*state, ask("TYPE a"), KIT_SEND(says[i]));
        kit_plays(*state, ask("TYPE a"), KIT_SEND("+none\r\n"));
        assert_true(kit_run(*state, "queue_depth")->done);
        assert_string_equal(kit_dialled(*state, dials + 1)->host, "cache");
        assert_int_equal(kit_dialled(*state, dials + 1)->port, 7001 + i);
    }
}

static void one_that_is_asked_for_once_is_told_so_and_not_remembered(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    kit_plays(*state,
              ask("TYPE a"),
              KIT_SEND("-ASK 15495 10.0.0.3:7002\r\n"),
              ask("LLEN a"),
              KIT_SEND(":1\r\n"));
    kit_plays(*state,
              KIT_EXPECT("*1\r\n$6\r\nASKING\r\n*2\r\n$4\r\nTYPE\r\n$1\r\na\r\n"),
              KIT_SEND("+OK\r\n+list\r\n"));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_int_equal(kit_int(kit_finding(run, "a"), "length"), 1);
}

static void nodes_that_send_us_round_in_circles_are_given_up(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    kit_plays(*state, ask("TYPE a"), KIT_SEND(moved));
    kit_plays(*state,
              ask("TYPE a"),
              KIT_SEND("-MOVED 15495 10.0.0.3:7001\r\n"),
              ask("TYPE a"),
              KIT_SEND("-MOVED 15495 10.0.0.3:7001\r\n"),
              ask("TYPE a"),
              KIT_SEND("-MOVED 15495 10.0.0.3:7001\r\n"));
    kit_plays(*state, ask("TYPE a"), KIT_SEND(moved), ask("TYPE a"), KIT_SEND(moved));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_int_equal(kit_finding(run, "a")->status, PROBE_UNKNOWN);
    assert_non_null(strstr(kit_finding(run, "a")->hint, "do not agree"));
    assert_int_equal(kit_dial_count(*state), 3);
}

static void a_move_that_is_none_is_an_error(void **state)
{
    static const char *const says[] = {"-MOVED\r\n",
                                       "-MOVED 1\r\n",
                                       "-MOVED 99999 h:1\r\n",
                                       "-MOVED 1 h:0\r\n",
                                       "-MOVED 1 h:99999\r\n",
                                       "-ASK x y\r\n"};
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++) {
        kit_restart(*state);
        kit_plays(*state, ask("TYPE a"), KIT_SEND(says[i]));
        const struct kit_run *run = kit_run(*state, "queue_depth");
        assert_int_equal(kit_finding(run, "a")->status, PROBE_UNKNOWN);
    }
}

/* Keys of more nodes than are kept: the one that was not used for longest is closed. */
static void no_more_than_eight_other_nodes_are_open(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[k0, k1, k2, k3, k4, k5, k6, k7, k8, k9]");
    struct kit_move home[21] = {{0}};
    char key[32], node[64];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(key, sizeof(key), "TYPE k%d", i);
        (void)snprintf(node, sizeof(node), "-MOVED %d 10.0.0.%d:7000\r\n", i, i + 1);
        home[2 * i] = ask(key);
        char *text = slot();
        (void)snprintf(text, 64, "%s", node);
        home[2 * i + 1] = KIT_SEND(text);
    }
    kit_play(*state, home);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(key, sizeof(key), "TYPE k%d", i);
        kit_plays(*state, ask(key), KIT_PAUSE(10), KIT_SEND("+none\r\n"));
    }
    struct kit_run *run = kit_start(*state, "queue_depth");
    size_t most = 0;
    while (!run->over) {
        size_t open = 0;
        kit_advance(*state, 5);
        for (size_t i = 1; i < kit_dial_count(*state); i++)
            open += kit_dialled(*state, i)->open;
        most = open > most ? open : most;
    }
    assert_true(run->done);
    assert_int_equal(most, 8);
    for (size_t i = 1; i <= 10; i++)
        assert_false(kit_dialled(*state, i)->open);
}

static void a_cluster_that_is_down_is_told_by_connect(void **state)
{
    static const char clustered[] = INFO_SERVER INFO_MASTER "cluster_enabled:1\r\n";
    static const char *const says[][2] = {
        {"cluster_state:fail\r\ncluster_slots_ok:10922\r\n", "clusterdown"},
        {"cluster_state:ok\r\n", NULL}};
    for (size_t i = 0; i < 2; i++) {
        kit_plays(*state,
                  ask("PING"),
                  KIT_SEND(pong),
                  ask("INFO"),
                  bulk(clustered),
                  ask("CLUSTER INFO"),
                  bulk(says[i][0]));
        const struct kit_run *run = kit_run(*state, "connect");
        assert_int_equal(run->done, says[i][1] == NULL);
        if (says[i][1])
            assert_string_equal(run->reason, says[i][1]);
    }
}

/* ------------------------------------------------------------- several ---- */

static void several_answers_may_come_in_any_pieces(void **state)
{
    kit_set_for(*state, "acl", "checks", "[connect, slowlog]");
    kit_plays(*state,
              ask("PING"),
              ask("INFO"),
              ask("SLOWLOG GET 0"),
              KIT_DRIP("+PONG\r\n$2\r\nok\r\n*0\r\n"));
    assert_int_equal(kit_int(kit_finding(kit_run(*state, "acl"), NULL), "missing"), 0);
    kit_restart(*state);
    kit_plays(*state,
              ask("PING"),
              ask("INFO"),
              ask("SLOWLOG GET 0"),
              KIT_SEND("+PONG\r\n$2\r\nok\r\n"),
              KIT_CLOSE);
    assert_string_equal(kit_run(*state, "acl")->reason, "closed");
    kit_plays(*state,
              ask("PING"),
              ask("INFO"),
              ask("SLOWLOG GET 0"),
              KIT_SEND("+PONG\r\n$2\r\nok\r\n*0\r\n+MORE\r\n"));
    assert_string_equal(kit_run(*state, "acl")->reason, "protocol");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_that_knows_is_believed),
        TEST(each_has_its_own_password_and_tls),
        TEST(a_replica_where_the_master_was_named_is_a_disappointment),
        TEST(what_is_no_address_is_none),
        TEST(one_that_is_silent_leaves_time_for_the_others),
        TEST(a_run_that_ends_while_sentinels_are_asked_leaves_nothing_behind),
        TEST(a_node_that_has_the_key_is_asked_and_remembered),
        TEST(a_node_that_does_not_know_its_name_means_itself),
        TEST(one_that_is_asked_for_once_is_told_so_and_not_remembered),
        TEST(nodes_that_send_us_round_in_circles_are_given_up),
        TEST(a_move_that_is_none_is_an_error),
        TEST(no_more_than_eight_other_nodes_are_open),
        TEST(a_cluster_that_is_down_is_told_by_connect),
        TEST(several_answers_may_come_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
