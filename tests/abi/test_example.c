/*
 * plugins/example as somebody built it (in $PLUGINS), on the fake host; with $WALKED set also the
 * check that its README's walk-through adds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

static int set_up(void **state)
{
    *state = kit_load("greeting");
    kit_set(*state, "host", "mail");
    kit_set(*state, "port", "25");
    kit_set_for(*state, "banner", "expect", "220 ");
    kit_set_for(*state, "answer", "say", "NOOP");
    kit_set_for(*state, "answer", "expect", "250 ");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void the_greeting_is_held_against_what_is_expected(void **state)
{
    kit_plays(*state, KIT_PAUSE(3), KIT_SEND("220 mail.example.org ESMTP\r\n"));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "banner"), NULL);
    assert_true(kit_flag(finding, "matches"));
    assert_true(kit_real(finding, "connect_ms") == 3.0);
    assert_string_equal(kit_text(finding, "greeting"), "220 mail.example.org ESMTP");
    assert_int_equal(kit_grade(*state, "banner", finding), PROBE_OK);

    kit_plays(*state, KIT_DRIP("SSH-2.0-OpenSSH_9.2\r\n"));
    finding = kit_finding(kit_run(*state, "banner"), NULL);
    assert_int_equal(kit_grade(*state, "banner", finding), PROBE_CRITICAL);
}

static void a_slow_greeting_is_a_warning(void **state)
{
    kit_plays(*state, KIT_PAUSE(1500), KIT_SEND("220 at last\n"));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "banner"), NULL);
    assert_int_equal(kit_grade(*state, "banner", finding), PROBE_WARNING);
}

static void an_answer_is_waited_for_after_the_greeting(void **state)
{
    kit_plays(*state, KIT_SEND("220 hello\r\n"), KIT_EXPECT("NOOP\r\n"), KIT_DRIP("250 ok\r\n"));
    const struct kit_finding *finding = kit_finding(kit_run(*state, "answer"), NULL);
    assert_string_equal(kit_text(finding, "answer"), "250 ok");
    assert_int_equal(kit_grade(*state, "answer", finding), PROBE_OK);
}

static void each_failure_has_its_reason(void **state)
{
    const struct {
        struct kit_move move;
        const char *reason;
        enum probe_failure how;
    } ways[] = {
        {KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused"), "closed", PROBE_DOWN},
        {KIT_REFUSE(-ENOENT, PROBE_RESOLVING, "no such host"), "dns", PROBE_FAILED},
        {KIT_HANG, "timeout", PROBE_DOWN},
        {KIT_MUTE, "timeout", PROBE_DOWN},
        {KIT_CLOSE, "closed", PROBE_DOWN},
        {KIT_BREAK(-ECONNRESET), "closed", PROBE_DOWN},
        {KIT_FLOOD("no end of a line "), "closed", PROBE_DOWN},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        kit_plays(*state, ways[i].move);
        const struct kit_run *run = kit_run(*state, "banner");
        assert_string_equal(run->reason, ways[i].reason);
        assert_int_equal(run->how, ways[i].how);
    }
}

static void two_lines_are_refused(void **state)
{
    kit_set_for(*state, "answer", "say", "QUIT\r\nNOOP");
    assert_string_equal(kit_refusal(*state, "answer"),
                        "say: is one line, and its end is added by itself");
}

static void the_walk_through_adds_a_check(void **state)
{
    if (!getenv("WALKED"))
        return;
    kit_resolves(*state, "mail", "192.0.2.1");
    const struct kit_finding *finding = kit_finding(kit_run(*state, "names"), NULL);
    assert_int_equal(kit_int(finding, "addresses"), 1);
    assert_int_equal(kit_grade(*state, "names", finding), PROBE_WARNING);
    kit_resolves(*state, "mail", "192.0.2.1", "2001:db8::1");
    finding = kit_finding(kit_run(*state, "names"), NULL);
    assert_int_equal(kit_grade(*state, "names", finding), PROBE_OK);
    kit_resolve(*state, "mail", -ENOENT, NULL);
    assert_string_equal(kit_run(*state, "names")->summary, "the name does not resolve");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_greeting_is_held_against_what_is_expected),
        TEST(a_slow_greeting_is_a_warning),
        TEST(an_answer_is_waited_for_after_the_greeting),
        TEST(each_failure_has_its_reason),
        TEST(two_lines_are_refused),
        TEST(the_walk_through_adds_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
