/* plugins/redis: the kept connection, memory, clients; and the pure functions. */
#include "checks.h"

#include "redis_talk.h"

/* ------------------------------------------------- the kept connection ---- */

static void checks_share_one_connection(void **state)
{
    kit_plays(*state,
              ask("INFO"),
              bulk(info),
              ask("INFO"),
              KIT_DRIP(bulk_text(info)), /* in 400 pieces */
              ask("TYPE q"),
              KIT_SEND("+none\r\n"));
    kit_set_for(*state, "queue_depth", "keys", "[q]");
    assert_true(kit_run(*state, "memory")->done);
    assert_true(kit_run(*state, "clients")->done);
    assert_true(kit_run(*state, "queue_depth")->done);
    assert_int_equal(kit_dial_count(*state), 1);
    assert_true(kit_dialled(*state, 0)->open);
}

static void a_connection_closed_while_idle_is_opened_again_silently(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), KIT_PAUSE(5000), KIT_CLOSE);
    kit_plays(*state, ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    kit_advance(*state, 10000);
    assert_false(kit_dialled(*state, 0)->open);
    assert_true(kit_run(*state, "memory")->done);
}

static void a_command_lost_on_a_kept_connection_is_sent_once_more(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), ask("INFO"), KIT_BREAK(-EPIPE));
    kit_plays(*state, ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    assert_true(kit_run(*state, "memory")->done);
    assert_int_equal(kit_dial_count(*state), 2);
}

static void and_only_once(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), ask("INFO"), KIT_CLOSE);
    kit_plays(*state, ask("INFO"), KIT_CLOSE);
    assert_true(kit_run(*state, "memory")->done);
    const struct kit_run *run = kit_run(*state, "memory");
    assert_string_equal(run->reason, "closed");
    assert_int_equal(run->how, PROBE_DOWN);
}

static void connect_never_tries_twice(void **state)
{
    kit_plays(*state, ask("PING"), KIT_SEND("+PONG\r\n"), ask("INFO"), KIT_CLOSE);
    assert_string_equal(kit_run(*state, "connect")->reason, "closed");
    assert_int_equal(kit_dial_count(*state), 1);
}

static void a_reply_cut_off_is_a_failure_not_a_second_try(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), ask("INFO"), KIT_SEND("$100\r\nused_"), KIT_CLOSE);
    assert_true(kit_run(*state, "memory")->done);
    assert_string_equal(kit_run(*state, "memory")->reason, "closed");
}

static void a_connection_is_renewed_after_a_minute(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), ask("INFO"), bulk(info));
    kit_plays(*state, ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    kit_advance(*state, 59000);
    assert_true(kit_run(*state, "memory")->done);
    kit_advance(*state, 2000);
    assert_true(kit_run(*state, "memory")->done);
    assert_int_equal(kit_dial_count(*state), 2);
    assert_false(kit_dialled(*state, 0)->open);
}

static void a_reply_that_comes_too_late_is_nobody_elses(void **state)
{
    kit_plays(*state, ask("INFO"), KIT_PAUSE(3500), bulk("late"));
    kit_plays(*state, ask("INFO"), bulk(info));
    const struct kit_run *run = kit_run(*state, "memory");
    assert_true(run->late);
    assert_int_equal(run->how, PROBE_DOWN);
    kit_advance(*state, 1000);
    assert_true(kit_run(*state, "memory")->done);
    assert_int_equal(kit_dial_count(*state), 2);
}

static void where_a_connection_is_held_up_is_said_before_the_deadline(void **state)
{
    kit_plays(*state, KIT_PAUSE(1000), KIT_HANG);
    const struct kit_run *run = kit_run(*state, "memory");
    assert_false(run->late);
    assert_int_equal(run->ran_us, 2700000);
    assert_string_equal(run->reason, "timeout");
}

static void a_cancelled_run_leaves_nothing_behind(void **state)
{
    kit_plays(*state, ask("INFO"), KIT_MUTE);
    kit_plays(*state, KIT_HANG);
    kit_plays(*state, ask("PING"), KIT_MUTE);
    struct kit_run *run = kit_start(*state, "memory");
    kit_advance(*state, 100);
    kit_end(*state, run);
    kit_advance(*state, 1);
    assert_true(run->cancelled);
    assert_false(kit_dialled(*state, 0)->open);
    (void)kit_start(*state, "memory"); /* left to kit_close(), as a shutdown leaves it */
    (void)kit_start(*state, "connect");
    kit_advance(*state, 100);
}

static void bytes_nobody_asked_for_cost_the_connection_and_nothing_else(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info), KIT_PAUSE(100), KIT_SEND("+SURPRISE\r\n"));
    kit_plays(*state, ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    kit_advance(*state, 1000);
    assert_true(kit_run(*state, "memory")->done);
    assert_int_equal(kit_dial_count(*state), 2);
}

static void a_restart_of_the_target_closes_everything(void **state)
{
    kit_plays(*state, ask("INFO"), bulk(info));
    assert_true(kit_run(*state, "memory")->done);
    kit_restart(*state);
    assert_false(kit_dialled(*state, 0)->open);
}

/* ----------------------------------------------------- memory, clients ---- */

static const struct kit_finding *ask_info(struct kit *kit, const char *check, const char *text)
{
    kit_plays(kit, ask("INFO"), bulk(text), KIT_CLOSE);
    const struct kit_finding *finding = kit_finding(kit_run(kit, check), NULL);
    kit_advance(kit, 1);
    return finding;
}

static void memory_is_measured(void **state)
{
    const struct kit_finding *finding = ask_info(*state, "memory", info);
    assert_int_equal(kit_int(finding, "used_bytes"), 850);
    assert_true(kit_real(finding, "used_percent") == 85.0);
    assert_int_equal(kit_int(finding, "resident_bytes"), 1700);
    assert_int_equal(kit_int(finding, "evicted"), 5);
    assert_string_equal(kit_text(finding, "policy"), "noeviction");
    assert_true(kit_real(finding, "fragmentation_ratio") == 2.0);
    assert_false(kit_has(finding, "resident_percent"));
    assert_null(finding->hint);
}

static void a_cache_that_is_full_is_fine_and_a_store_is_not(void **state)
{
    static const struct {
        const char *info;
        enum probe_status grade;
    } servers[] = {
        {"used_memory:99\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n", PROBE_OK},
        {"used_memory:99\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n", PROBE_CRITICAL},
        {"used_memory:85\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n", PROBE_WARNING},
        {"used_memory:80\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n", PROBE_OK},
        {"used_memory:1\r\nused_memory_rss:1950\r\nmaxmemory:0\r\n", PROBE_CRITICAL},
    };
    kit_set_for(*state, "memory", "limit", "2KiB");
    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
        assert_int_equal(kit_grade(*state, "memory", ask_info(*state, "memory", servers[i].info)),
                         servers[i].grade);
}

static void memory_without_a_limit_has_no_percentage_but_a_hint(void **state)
{
    const struct kit_finding *finding =
        ask_info(*state, "memory", "used_memory:850\r\nmaxmemory:0\r\n");
    assert_false(kit_has(finding, "used_percent"));
    assert_non_null(strstr(finding->hint, "maxmemory"));
    assert_string_equal(kit_text(finding, "policy"), "other");
}

static void memory_is_held_against_the_containers_limit(void **state)
{
    kit_set_for(*state, "memory", "limit", "2000");
    assert_true(kit_real(ask_info(*state, "memory", info), "resident_percent") == 85.0);
}

static void info_that_says_nothing_is_a_failure(void **state)
{
    static const char *const checks[] = {"memory", "clients"};
    for (size_t i = 0; i < 2; i++) {
        kit_plays(*state, ask("INFO"), bulk("# Server\r\n"), KIT_CLOSE);
        const struct kit_run *run = kit_run(*state, checks[i]);
        assert_int_equal(run->how, PROBE_FAILED);
        assert_string_equal(run->reason, "protocol");
        kit_advance(*state, 1);
    }
}

static void a_missing_right_is_said_with_what_grants_it(void **state)
{
    kit_plays(*state, ask("INFO"), KIT_SEND(no_right));
    const struct kit_run *run = kit_run(*state, "memory");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "ACL SETUSER default +info");
}

static void clients_are_counted_against_their_limit(void **state)
{
    const struct kit_finding *finding = ask_info(*state, "clients", info);
    assert_int_equal(kit_int(finding, "connected"), 40);
    assert_int_equal(kit_int(finding, "limit"), 100);
    assert_true(kit_real(finding, "used_percent") == 40.0);
    assert_int_equal(kit_int(finding, "blocked"), 3);
    assert_int_equal(kit_int(finding, "rejected"), 7);
    assert_int_equal(kit_int(finding, "accepted"), 1234);
    assert_int_equal(kit_grade(*state, "clients", finding), PROBE_OK);
}

static void before_redis_7_the_limit_is_asked_for(void **state)
{
    static const char old[] = "connected_clients:40\r\nblocked_clients:3\r\n";
    kit_plays(*state,
              ask("INFO"),
              bulk(old),
              ask("CONFIG GET maxclients"),
              KIT_SEND("*2\r\n$10\r\nmaxclients\r\n$3\r\n100\r\n"),
              ask("INFO"),
              bulk(old),
              ask("CONFIG GET maxclients"),
              KIT_SEND("-ERR unknown command 'CONFIG'\r\n"),
              ask("INFO"),
              bulk(old),
              ask("CONFIG GET maxclients"),
              KIT_SEND("-NOPERM this user has no permissions to run the 'config|get' command\r\n"));
    assert_true(kit_real(kit_finding(kit_run(*state, "clients"), NULL), "used_percent") == 40.0);
    const struct kit_finding *finding = kit_finding(kit_run(*state, "clients"), NULL);
    assert_false(kit_has(finding, "used_percent"));
    assert_string_equal(finding->hint, "see maxclients in the server's configuration");
    finding = kit_finding(kit_run(*state, "clients"), NULL);
    assert_string_equal(finding->hint, "ACL SETUSER default +config|get");
}

/* ------------------------------------------------------ pure functions ---- */

/* Redis refuses PING while its last save failed; that it takes no writes is what connect says. */
static void a_server_whose_save_failed_answers_as_fast_as_ever(void **state)
{
    kit_set_for(*state, "latency", "samples", "1");
    kit_plays(
        *state,
        ask("PING"),
        KIT_SEND("-MISCONF Redis is configured to save RDB snapshots, but it's unable to\r\n"),
        ask("LATENCY LATEST"),
        KIT_SEND("*0\r\n"),
        ask("PING"),
        KIT_SEND("-LOADING Redis is loading the dataset in memory\r\n"));
    const struct kit_run *run = kit_run(*state, "latency");
    assert_true(run->done);
    assert_int_equal(kit_int(kit_finding(run, NULL), "samples"), 1);
    assert_string_equal(kit_run(*state, "latency")->reason, "loading");
}

static void lines_of_info_are_found_by_their_whole_name(void **state)
{
    static const char text[] =
        "# Memory\r\nused_memory_rss:17\r\nused_memory:8\r\nratio:1.5\r\nlast:x";
    char word[4];
    (void)state;
    assert_int_equal(info_int(text, "used_memory", -1), 8);
    assert_int_equal(info_int(text, "used", -1), -1);
    assert_int_equal(info_int(text, "last", -1), -1);
    assert_int_equal(info_int("", "last", -1), -1);
    assert_true(info_real(text, "ratio", 0) == 1.5);
    assert_true(info_word(text, "last", word, sizeof(word)));
    assert_string_equal(word, "x");
    assert_false(info_word(text, "none", word, sizeof(word)));
    assert_string_equal(word, "");
    assert_true(info_word("long:abcdefgh\r\n", "long", word, sizeof(word)));
    assert_string_equal(word, "abc");
}

static void the_built_plugin_loads(void **state)
{
    (void)state;
    struct kit *kit = kit_load("redis");
    kit_set(kit, "url", "redis://cache");
    kit_plays(kit, ask("INFO"), bulk(info));
    assert_true(kit_run(kit, "memory")->done);
    assert_int_equal(kit_close(kit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checks_share_one_connection),
        TEST(a_connection_closed_while_idle_is_opened_again_silently),
        TEST(a_command_lost_on_a_kept_connection_is_sent_once_more),
        TEST(and_only_once),
        TEST(connect_never_tries_twice),
        TEST(a_reply_cut_off_is_a_failure_not_a_second_try),
        TEST(a_connection_is_renewed_after_a_minute),
        TEST(a_reply_that_comes_too_late_is_nobody_elses),
        TEST(where_a_connection_is_held_up_is_said_before_the_deadline),
        TEST(a_cancelled_run_leaves_nothing_behind),
        TEST(bytes_nobody_asked_for_cost_the_connection_and_nothing_else),
        TEST(a_restart_of_the_target_closes_everything),
        TEST(memory_is_measured),
        TEST(a_cache_that_is_full_is_fine_and_a_store_is_not),
        TEST(memory_without_a_limit_has_no_percentage_but_a_hint),
        TEST(memory_is_held_against_the_containers_limit),
        TEST(info_that_says_nothing_is_a_failure),
        TEST(a_missing_right_is_said_with_what_grants_it),
        TEST(clients_are_counted_against_their_limit),
        TEST(before_redis_7_the_limit_is_asked_for),
        TEST(a_server_whose_save_failed_answers_as_fast_as_ever),
        TEST(lines_of_info_are_found_by_their_whole_name),
        TEST(the_built_plugin_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
