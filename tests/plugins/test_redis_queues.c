/* plugins/redis: queue_depth and quarantine_queue. */
#include "redis_talk.h"

/* -------------------------------------------------------------- queues ---- */

static void each_kind_of_queue_is_counted_by_its_own_command(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[mails, events, later, seen, none, text]");
    kit_plays(*state,
              ask("TYPE mails"),
              KIT_SEND("+list\r\n"),
              ask("LLEN mails"),
              KIT_SEND(":7\r\n"),
              ask("TYPE events"),
              KIT_SEND("+stream\r\n"),
              ask("XLEN events"),
              KIT_SEND(":8\r\n"),
              ask("XINFO GROUPS events"),
              KIT_SEND("*0\r\n"),
              ask("TYPE later"),
              KIT_SEND("+zset\r\n"),
              ask("ZCARD later"),
              KIT_SEND(":9\r\n"),
              ask("TYPE seen"),
              KIT_SEND("+set\r\n"),
              ask("SCARD seen"),
              KIT_SEND(":10\r\n"),
              ask("TYPE none"),
              KIT_SEND("+none\r\n"),
              ask("TYPE text"),
              KIT_SEND("+string\r\n"));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_true(run->done);
    assert_int_equal(run->finding_count, 6);
    assert_int_equal(kit_int(kit_finding(run, "mails"), "length"), 7);
    assert_true(kit_flag(kit_finding(run, "mails"), "exists"));
    assert_int_equal(kit_int(kit_finding(run, "events"), "length"), 8);
    assert_int_equal(kit_int(kit_finding(run, "later"), "length"), 9);
    assert_int_equal(kit_int(kit_finding(run, "seen"), "length"), 10);
    assert_int_equal(kit_int(kit_finding(run, "none"), "length"), 0);
    assert_false(kit_flag(kit_finding(run, "none"), "exists"));
    assert_int_equal(kit_finding(run, "text")->status, PROBE_UNKNOWN);
    assert_string_equal(kit_finding(run, "text")->summary, "this is a string, which is no queue");
}

static void the_key_that_everybody_tries_gets_a_hint(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[bull:mails:waiting]");
    kit_plays(*state, ask("TYPE bull:mails:waiting"), KIT_SEND("+none\r\n"));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_non_null(strstr(kit_finding(run, "bull:mails:waiting")->hint, ":wait\""));
}

static void one_queue_out_of_reach_does_not_hide_the_others(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a, b, c, d]");
    const struct kit_move refused[] = {
        KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused"), {0}};
    kit_plays(*state,
              ask("TYPE a"),
              KIT_SEND("-NOPERM this user has no permissions to access one of the keys\r\n"),
              ask("TYPE b"),
              KIT_SEND("-MOVED 3999 10.0.0.2:6379\r\n"),
              ask("TYPE c"),
              KIT_SEND("+list\r\n"),
              ask("LLEN c"),
              KIT_SEND("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
              ask("TYPE d"),
              KIT_SEND("+list\r\n"),
              ask("LLEN d"),
              KIT_SEND(":1\r\n"));
    kit_play(*state, refused);
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_true(run->done);
    assert_int_equal(kit_finding(run, "a")->status, PROBE_UNKNOWN);
    assert_string_equal(kit_finding(run, "a")->hint, "ACL SETUSER default ~a");
    assert_non_null(strstr(kit_finding(run, "b")->summary, "10.0.0.2:6379"));
    assert_int_equal(kit_finding(run, "c")->status, PROBE_UNKNOWN);
    assert_int_equal(kit_int(kit_finding(run, "d"), "length"), 1);
}

static void a_server_that_begins_to_load_ends_the_run(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a, b]");
    kit_plays(*state, ask("TYPE a"), KIT_SEND("-LOADING Redis is loading\r\n"));
    const struct kit_run *run = kit_run(*state, "queue_depth");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "loading");
}

static void a_length_that_is_no_number_is_a_failure(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    kit_plays(*state, ask("TYPE a"), KIT_SEND("+list\r\n"), ask("LLEN a"), KIT_SEND("+many\r\n"));
    assert_int_equal(kit_run(*state, "queue_depth")->how, PROBE_FAILED);
}

static void the_slope_is_there_from_the_second_run_on(void **state)
{
    kit_set_for(*state, "queue_depth", "keys", "[a]");
    kit_plays(*state,
              ask("TYPE a"),
              KIT_SEND("+list\r\n"),
              ask("LLEN a"),
              KIT_SEND(":100\r\n"),
              ask("TYPE a"),
              KIT_SEND("+list\r\n"),
              ask("LLEN a"),
              KIT_SEND(":50\r\n"));
    assert_false(kit_has(kit_finding(kit_run(*state, "queue_depth"), "a"), "slope_per_minute"));
    kit_advance(*state, 15000);
    const struct kit_finding *finding = kit_finding(kit_run(*state, "queue_depth"), "a");
    assert_true(kit_real(finding, "slope_per_minute") == -200.0);
}

static void a_queue_of_bulls_is_counted_with_all_its_states(void **state)
{
    kit_set_for(*state, "queue_depth", "bull", "[mails]");
    kit_plays(*state,
              ask("LLEN bull:mails:wait"),
              KIT_SEND(":5\r\n"),
              ask("LLEN bull:mails:paused"),
              KIT_SEND(":2\r\n"),
              ask("ZCARD bull:mails:prioritized"),
              KIT_SEND(":1\r\n"),
              ask("LLEN bull:mails:active"),
              KIT_SEND(":3\r\n"),
              ask("ZCARD bull:mails:delayed"),
              KIT_SEND(":4\r\n"),
              ask("ZCARD bull:mails:failed"),
              KIT_SEND(":6\r\n"),
              ask("EXISTS bull:mails:id"),
              KIT_SEND(":1\r\n"));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "queue_depth"), "bull:mails");
    assert_int_equal(kit_int(finding, "length"), 8);
    assert_int_equal(kit_int(finding, "active"), 3);
    assert_int_equal(kit_int(finding, "delayed"), 4);
    assert_int_equal(kit_int(finding, "failed"), 6);
    assert_true(kit_flag(finding, "exists"));
}

static void queues_without_any_name_are_refused(void **state)
{
    assert_string_equal(kit_refusal(*state, "queue_depth"),
                        "keys: name at least one key, or a queue with the option \"bull\", "
                        "\"sidekiq\" or \"celery\"");
    kit_set_for(*state, "queue_depth", "keys", "[a, b, a]");
    assert_string_equal(kit_refusal(*state, "queue_depth"), "keys: \"a\" is there twice");
}

/* ---------------------------------------------------- quarantine_queue ---- */

static void a_plan_says_what_would_be_renamed(void **state)
{
    kit_set_for(*state, "quarantine_queue", "key", "low");
    kit_plays(*state, ask("TYPE low"), KIT_SEND("+list\r\n"), ask("LLEN low"), KIT_SEND(":42\r\n"));
    const struct kit_run *run = kit_plan(*state, "quarantine_queue");
    assert_int_equal(run->step_count, 1);
    assert_string_equal(run->steps[0].key, "low");
    assert_string_equal(run->steps[0].what, "rename low to low:quarantine, with 42 entries");
    assert_int_equal(run->steps[0].count, 42);
    assert_int_equal(run->total, 42);
    assert_false(kit_dialled(*state, 0)->open); /* an action keeps no connection */
}

static void a_queue_that_is_not_there_plans_nothing(void **state)
{
    kit_set_for(*state, "quarantine_queue", "key", "low");
    kit_plays(*state, ask("TYPE low"), KIT_SEND("+none\r\n"));
    const struct kit_run *run = kit_plan(*state, "quarantine_queue");
    assert_true(run->planned);
    assert_int_equal(run->step_count, 0);
}

static void what_is_no_queue_is_not_set_aside(void **state)
{
    kit_set_for(*state, "quarantine_queue", "key", "config");
    kit_plays(*state, ask("TYPE config"), KIT_SEND("+hash\r\n"));
    const struct kit_run *run = kit_plan(*state, "quarantine_queue");
    assert_false(run->planned);
    assert_string_equal(run->summary, "config is a hash, which is no queue");
}

/* The script travels whole; only its arguments are held against what is due. */
static const struct kit_run *apply(struct kit *kit, const struct probe_step *step,
                                   const char *arguments, const char *reply)
{
    kit_plays(kit, KIT_UNTIL("return 1\r\n"), KIT_EXPECT(arguments), KIT_SEND(reply));
    return kit_apply(kit, "quarantine_queue", step);
}

static const char forth[] = "$1\r\n2\r\n$3\r\nlow\r\n$14\r\nlow:quarantine\r\n$9\r\n604800000\r\n";
static const char taken_back[] = "$1\r\n2\r\n$14\r\nlow:quarantine\r\n$3\r\nlow\r\n$1\r\n0\r\n";

static void an_applied_step_can_be_taken_back_by_the_same_apply(void **state)
{
    const struct probe_step step = {.key = "low", .count = 42};
    kit_set_for(*state, "quarantine_queue", "key", "low");
    const struct kit_run *run = apply(*state, &step, forth, ":1\r\n");
    assert_int_equal(run->outcome, PROBE_APPLIED);
    assert_string_equal(run->undo->what, "rename low:quarantine back to low");
    run = apply(*state, run->undo, taken_back, ":1\r\n");
    assert_int_equal(run->outcome, PROBE_APPLIED);
    assert_null(run->undo);
}

static void what_has_changed_since_the_plan_is_skipped(void **state)
{
    const struct probe_step step = {.key = "low", .count = 42};
    kit_set_for(*state, "quarantine_queue", "key", "low");
    const struct kit_run *run = apply(*state, &step, forth, ":0\r\n");
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_string_equal(run->summary, "the queue is gone");
    run = apply(*state, &step, forth, ":-1\r\n");
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_string_equal(run->summary, "an earlier quarantine is still there");
}

static void an_action_is_never_sent_twice(void **state)
{
    const struct probe_step step = {.key = "low", .count = 42};
    kit_set_for(*state, "quarantine_queue", "key", "low");
    kit_plays(*state, KIT_UNTIL("return 1\r\n"), KIT_EXPECT(forth), KIT_BREAK(-ECONNRESET));
    const struct kit_run *run = kit_apply(*state, "quarantine_queue", &step);
    assert_false(run->applied);
    assert_string_equal(run->reason, "closed");
    assert_int_equal(kit_dial_count(*state), 1);
}

static void a_server_that_refuses_the_action_is_heard(void **state)
{
    const struct probe_step step = {.key = "low", .count = 42};
    kit_set_for(*state, "quarantine_queue", "key", "low");
    const struct kit_run *run =
        apply(*state, &step, forth, "-NOPERM this user has no permissions to run 'eval'\r\n");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_non_null(strstr(run->hint, "+eval"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_queue_is_counted_by_its_own_command),
        TEST(the_key_that_everybody_tries_gets_a_hint),
        TEST(one_queue_out_of_reach_does_not_hide_the_others),
        TEST(a_server_that_begins_to_load_ends_the_run),
        TEST(a_length_that_is_no_number_is_a_failure),
        TEST(the_slope_is_there_from_the_second_run_on),
        TEST(a_queue_of_bulls_is_counted_with_all_its_states),
        TEST(queues_without_any_name_are_refused),
        TEST(a_plan_says_what_would_be_renamed),
        TEST(a_queue_that_is_not_there_plans_nothing),
        TEST(what_is_no_queue_is_not_set_aside),
        TEST(an_applied_step_can_be_taken_back_by_the_same_apply),
        TEST(what_has_changed_since_the_plan_is_skipped),
        TEST(an_action_is_never_sent_twice),
        TEST(a_server_that_refuses_the_action_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
