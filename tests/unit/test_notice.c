/* out/notice: what people are told of findings and of remediations, and what they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "out/notice.h"

static const char bad[] =
    "{\"time\":\"2026-11-21T02:58:02.118Z\",\"kind\":\"finding\",\"level\":\"error\",\"message\":"
    "\"9 "
    "wait\",\"id\":\"9f2c41d07be3a655\",\"target\":\"queues\",\"name\":\"mails\",\"subject\":\"q\","
    "\"status\":\"critical\",\"previous\":null,\"silenced_by\":null,\"since\":\"2026-11-21T02:57:"
    "31."
    "004Z\",\"measures\":{\"length\":9,\"age\":1.5},\"hint\":\"look\",\"owner\":null}";

#define AGENT "\"agent\":{\"realm\":\"o/p\",\"node\":\"n1\"},"

static const char waiting[] =
    "{\"kind\":\"remediation\",\"level\":\"error\",\"message\":\"set-aside: plan 7k3q "
    "waits\",\"id\":"
    "\"r-1\"," AGENT "\"step\":\"waiting\",\"remediation\":\"set-aside\",\"plan\":\"7k3q\",\"plan_"
    "hash\":\"0123456789abcdef\",\"mode\":\"approve\",\"binds\":\"items\",\"action\":\"redis:"
    "quarantine_queue\",\"target\":\"cache\",\"effect\":\"reversible\",\"affected\":9,\"total\":12,"
    "\"verify\":\"cache/mails: length < 5\",\"items\":[{\"key\":\"q\",\"what\":\"rename "
    "it\"},{\"key\":"
    "\"p\",\"what\":\"no\",\"excepted\":true}],\"items_left_out\":3,\"who\":\"policy set-aside\","
    "\"approvals\":0,\"approvals_needed\":2,\"expires\":\"2026-11-21T03:13:33.190Z\"}";

static struct notice notice;

static bool make(const char *line)
{
    notice_finish(&notice);
    return notice_make((struct view){line, strlen(line)}, "ops", &notice);
}

/* `line` with the first `from` in it replaced. */
static bool make_with(const char *line, const char *from, const char *to)
{
    const char *at = strstr(line, from);
    assert_non_null(at);
    MEM_AUTO char *whole = mem_print("%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
    return make(whole);
}

static int tear_down(void **state)
{
    (void)state;
    notice_finish(&notice);
    return 0;
}

static void a_finding_calls_and_ends(void **state)
{
    (void)state;
    assert_true(make(bad));
    assert_int_equal(notice.call, NOTICE_CALLS);
    assert_false(notice.waits || notice.remediation);
    assert_string_equal(notice.state.bytes, "critical");
    assert_string_equal(notice.key.bytes, "9f2c41d07be3a655");
    assert_string_equal(notice.title.bytes, "queues/mails[q]: 9 wait");
    assert_string_equal(notice.body.bytes,
                        "look\nlength 9, age 1.5\nsince 2026-11-21T02:57:31.004Z");
    assert_string_equal(notice.command.bytes, "runbookd show queues/mails");
    assert_false(make_with(bad, "\"silenced_by\":null", "\"silenced_by\":\"s1\""));
    assert_false(make_with(bad, "\"critical\"", "\"ok\"")); /* it was never otherwise */
    assert_true(
        make_with(bad, "\"critical\",\"previous\":null", "\"ok\",\"previous\":\"critical\""));
    assert_int_equal(notice.call, NOTICE_ENDS);
    assert_string_equal(notice.key.bytes, "9f2c41d07be3a655");
    assert_int_equal(notice.command.len, 0);
}

static void a_plan_that_waits_says_what_and_until_when_and_how(void **state)
{
    (void)state;
    assert_true(make(waiting));
    assert_int_equal(notice.call, NOTICE_CALLS);
    assert_true(notice.waits && notice.remediation);
    assert_int_equal(notice.until_ms, INT64_C(1795230813190));
    assert_string_equal(notice.key.bytes, "r-1/o/p");
    assert_string_equal(notice.title.bytes, "set-aside: plan 7k3q waits");
    assert_string_equal(
        notice.body.bytes,
        "redis:quarantine_queue on cache would touch 9 of 12 (reversible), exactly these\n"
        "- q: rename it\n- and 3 more\n"
        "then it must hold: cache/mails: length < 5\n"
        "0 of 2 approvals, until 2026-11-21T03:13:33.190Z: nothing is changed without\n"
        "started by policy set-aside\nit waits at n1 of o/p");
    assert_string_equal(notice.command.bytes,
                        "runbookd plan 7k3q\nrunbookd approve 7k3q --hash 0123456789abcdef\n"
                        "runbookd reject 7k3q");
    assert_true(make_with(waiting, "\"binds\":\"items\"", "\"binds\":\"bounds\""));
    assert_non_null(strstr(notice.body.bytes, "chosen within its bounds when it is applied\n"));
    assert_true(make_with(waiting, "\"step\":\"waiting\"", "\"step\":\"reminded\""));
    assert_true(notice.waits);
    assert_string_equal(notice.state.bytes, "waiting");
}

static void who_is_told_is_the_operators_wish(void **state)
{
    (void)state;
    assert_true(make_with(waiting, "\"who\"", "\"notify\":[],\"who\""));
    assert_true(make_with(waiting, "\"who\"", "\"notify\":[\"pages\",\"ops\"],\"who\""));
    assert_false(make_with(waiting, "\"who\"", "\"notify\":[\"pages\",\"op\"],\"who\""));
}

static void each_end_is_one(void **state)
{
    static const char *const ends[] = {"rejected", "expired", "void", "refused"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        MEM_AUTO char *step = mem_print("\"step\":\"%s\"", ends[i]);
        assert_true(make_with(waiting, "\"step\":\"waiting\"", step));
        assert_int_equal(notice.call, NOTICE_ENDS);
        assert_string_equal(notice.state.bytes, ends[i]);
        assert_string_equal(notice.key.bytes, "r-1/o/p");
        assert_int_equal(notice.command.len, 0);
    }
    assert_true(make_with(waiting, "\"step\":\"waiting\"", "\"step\":\"approved\""));
    assert_int_equal(notice.call, NOTICE_NEWS); /* it waits for a second one */
    assert_true(
        make("{\"kind\":\"remediation\",\"level\":\"info\",\"id\":\"r-1\",\"step\":\"approved\","
             "\"message\":\"m\",\"approvals\":2,\"approvals_needed\":2}"));
    assert_int_equal(notice.call, NOTICE_ENDS);
    assert_true(make_with(waiting, "\"step\":\"waiting\"", "\"step\":\"acknowledged\""));
    assert_int_equal(notice.call, NOTICE_SEEN);
}

static enum notice_call call_of(const char *level, const char *members)
{
    MEM_AUTO char *line =
        mem_print("{\"kind\":\"remediation\",\"level\":\"%s\",\"message\":\"m\",\"id\":"
                  "\"r-1\"," AGENT "%s}",
                  level,
                  members);
    assert_true(make(line));
    return notice.call;
}

static void what_needs_a_person_calls(void **state)
{
    (void)state;
    assert_int_equal(call_of("warn", "\"step\":\"applied\",\"plan\":\"7k3q\""), NOTICE_NEWS);
    assert_int_equal(call_of("error", "\"step\":\"applied\",\"plan\":\"7k3q\""), NOTICE_CALLS);
    assert_string_equal(notice.command.bytes, "runbookd plan 7k3q");
    assert_int_equal(call_of("info", "\"step\":\"verified\",\"outcome\":\"fixed\""), NOTICE_ENDS);
    assert_int_equal(call_of("error", "\"step\":\"verified\",\"outcome\":\"ineffective\""),
                     NOTICE_CALLS);
    assert_int_equal(call_of("error", "\"step\":\"failed\""), NOTICE_CALLS);
    assert_int_equal(call_of("error", "\"step\":\"handed_over\""), NOTICE_CALLS);
    assert_int_equal(call_of("error", "\"step\":\"unknown\""), NOTICE_CALLS);
    assert_int_equal(call_of("warn", "\"step\":\"undone\""), NOTICE_NEWS);
    assert_int_equal(call_of("error", "\"step\":\"undo_failed\""), NOTICE_CALLS);
}

static void what_is_nothing_to_people_is_not_told(void **state)
{
    (void)state;
    assert_false(make_with(waiting, "\"step\":\"waiting\"", "\"step\":\"planned\""));
    assert_false(make_with(waiting, "\"step\":\"waiting\"", "\"step\":\"left\""));
    assert_false(make_with(waiting, "\"mode\":\"approve\"", "\"mode\":\"dry-run\""));
    assert_false(
        make("{\"kind\":\"remediation\",\"step\":\"refused\",\"message\":\"m\",\"id\":\"r-1\"}"));
    assert_false(make("{\"kind\":\"agent\",\"step\":\"heartbeat\"}"));
    assert_false(make("{\"kind\":\"finding\""));
    assert_false(make("[]"));
    notice_finish(&notice); /* twice is fine */
}

static void what_is_long_is_cut(void **state)
{
    char name[2001];
    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_true(make_with(waiting, "o/p", name));
    assert_int_equal(notice.key.len, 255);
    assert_memory_equal(notice.key.bytes, "r-1/x", 5); /* what tells it from others is left */
    assert_true(make_with(bad, "9 wait", name));
    assert_int_equal(notice.title.len, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_calls_and_ends),
        cmocka_unit_test(a_plan_that_waits_says_what_and_until_when_and_how),
        cmocka_unit_test(who_is_told_is_the_operators_wish),
        cmocka_unit_test(each_end_is_one),
        cmocka_unit_test(what_needs_a_person_calls),
        cmocka_unit_test(what_is_nothing_to_people_is_not_told),
        cmocka_unit_test(what_is_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
