/* plugins/redis: the pure functions: patterns, payloads, rights, slots, streams, moves. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "command.h"
#include "glob.h"
#include "payload.h"
#include "rights.h"
#include "stream.h"

#include "redis_talk.h"

static void patterns_mean_what_they_mean_to_redis(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"cache:*", "cache:", true},
        {"cache:*", "cache", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"[abc]x", "bx", true},
        {"[^abc]x", "bx", false},
        {"[^abc]x", "dx", true},
        {"[a-c]", "b", true},
        {"[c-a]", "b", true},
        {"[a-c]", "d", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"[\\]]", "]", true},
        {"[a", "a", true},
        {"a\\", "a\\", true},
        {"*:queue:*", "x:queue:y", true},
        {"*:queue:*", "queue:y", false},
        {"**a", "bba", true},
        {"a**", "a", true},
        {"sess:*:x", "sess:1:x:x", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (glob_fits(cases[i].pattern, cases[i].text) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].text);
}

static void a_wicked_pattern_ends_soon(void **state)
{
    char pattern[201], text[20001];
    (void)state;
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 3);
    memset(text, 'a', 20000);
    text[19999] = 'b';
    text[20000] = '\0';
    assert_false(glob_fits(pattern, text));
}

static void what_is_quoted_means_itself(void **state)
{
    static const char *const texts[] = {"plain", "a*b", "[x]", "q?", "back\\slash", ""};
    char pattern[64];
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        pattern[0] = '\0';
        assert_true(glob_quote(pattern, sizeof(pattern), texts[i]));
        assert_true(glob_fits(pattern, texts[i]));
        assert_false(glob_fits(pattern, "aXb"));
    }
    pattern[0] = '\0';
    assert_false(glob_quote(pattern, 4, "long"));
    assert_int_equal(glob_literal("cache:*"), 6);
    assert_int_equal(glob_literal("\\cache"), 0);
}

static void members_are_found_wherever_they_are(void **state)
{
    static const char json[] =
        "{ \"a\": [1, {\"user\": \"no\"}, \"}\"], \"user\" : \"4\\\"2\", \"n\":17 , "
        "\"deep\": {\"x\":{\"user\":\"99\"}}, \"t\":1700000000.5,\"nil\":null}";
    char out[32];
    (void)state;
    assert_true(payload_member(json, "user", out, sizeof(out)));
    assert_string_equal(out, "4\"2");
    assert_true(payload_member(json, "deep.x.user", out, sizeof(out)));
    assert_string_equal(out, "99");
    assert_true(payload_member(json, "n", out, sizeof(out)));
    assert_string_equal(out, "17");
    assert_false(payload_member(json, "us", out, sizeof(out)));
    assert_false(payload_member(json, "deep.user", out, sizeof(out)));
    assert_false(payload_member(json, "user", out, 3));
    assert_true(payload_first_time(json, (const char *const[]){"nil", "x", "t", NULL}) ==
                1700000000500);
}

static void what_is_no_json_has_no_members(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"user\"",
                                        "{\"user\":",
                                        "[1,2]",
                                        "{\"a\":}",
                                        "{\"a\":[[[[",
                                        "nonsense",
                                        "{'user'",
                                        "{\"user\":\"",
                                        "{\"a\":1\"user\":2"};
    char out[32];
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        (void)payload_member(texts[i], "user", out, sizeof(out));
    assert_false(payload_member("{\"a\":\"\\u0041\"}", "a", out, sizeof(out)));
}

static void what_may_be_somebodys_is_masked(void **state)
{
    static const char *const cases[][2] = {
        {"connect ECONNREFUSED 10.0.0.5:5432", "connect ECONNREFUSED ?"},
        {"no user \"Bob Smith\" here\nat line 7", "no user ? here"},
        {"token=abcdefghijklmnopqrstuvwxyzabcdefghi bad", "token=? bad"},
        {"mail to a@b.c, now", "mail to ?, now"},
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        payload_mask(cases[i][0], out, sizeof(out));
        assert_string_equal(out, cases[i][1]);
    }
    payload_mask("word word word word word word word word word word word word", out, 40);
    assert_true(strlen(out) < 40);
}

static void numbers_that_are_no_time_are_none(void **state)
{
    (void)state;
    assert_true(payload_score_ms("1700000000") == 1700000000000);
    assert_true(payload_score_ms("1700000000123") == 1700000000123);
    assert_true(payload_score_ms("5") == -1);
    assert_true(payload_score_ms("1e40") == -1);
    assert_true(payload_score_ms("nan") == -1);
    assert_true(payload_score_ms("soon") == -1);
}

static void slots_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(command_slot("123456789"), 0x31C3);
    assert_int_equal(command_slot("a"), 15495);
    assert_int_equal(command_slot("{user1000}.following"), command_slot("{user1000}.followers"));
    assert_int_equal(command_slot("foo{}{bar}"), command_slot("foo{}{bar}"));
    assert_int_not_equal(command_slot("foo{}{bar}"), command_slot("bar"));
    assert_int_equal(command_slot("foo{{bar}}zap"), command_slot("{bar"));
}

static void rights_are_those_of_the_command_or_of_its_key(void **state)
{
    struct right right;
    struct rights rights = {0};
    char line[64];
    (void)state;
    right_of(WORDS("XINFO", "GROUPS", "a b*"), &right);
    assert_string_equal(right_missing(&right, "NOPERM no permissions to run the 'xinfo' command"),
                        "+xinfo|groups");
    assert_string_equal(right_missing(&right, "NOPERM No permissions to access a key"), "~a?b\\*");
    right_of(WORDS("INFO"), &right);
    assert_string_equal(right_missing(&right, "NOPERM No permissions to access a key"), "+info");
    for (int i = 0; i < 200; i++) {
        (void)snprintf(line, sizeof(line), "+command%d", i % 100);
        rights_add(&rights, line);
    }
    assert_int_equal(rights.count, RIGHTS_MOST);
    assert_false(rights_line(&rights, "u", line, 40));
    assert_string_equal(line, "ACL SETUSER u +command0 +command1");
}

static redisReply *parsed(const char *bytes)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    (void)redisReaderFeed(reader, bytes, strlen(bytes));
    (void)redisReaderGetReply(reader, &reply);
    redisReaderFree(reader);
    assert_non_null(reply);
    return reply;
}

/* 6.2 tells no lag; a nil lag is one that the server cannot tell. */
static void a_lag_that_is_not_told_is_unknown_not_zero(void **state)
{
    static const char old[] = "*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$7\r\npending\r\n:3\r\n";
    static const char both[] = "*2\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$3\r\nlag\r\n:3\r\n"
                               "*4\r\n$4\r\nname\r\n$1\r\nh\r\n$3\r\nlag\r\n$-1\r\n";
    (void)state;
    redisReply *reply = parsed(old);
    struct stream_groups groups = stream_read_groups(reply);
    assert_int_equal(groups.lag, -1);
    assert_int_equal(groups.pending, 3);
    freeReplyObject(reply);
    reply = parsed(both);
    assert_int_equal(stream_read_groups(reply).lag, -1);
    freeReplyObject(reply);
    assert_int_equal(stream_id_ms("1526919030474-55"), 1526919030474);
    assert_int_equal(stream_id_ms("0-0"), -1);
    assert_int_equal(stream_id_ms("x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_mean_to_redis),
        cmocka_unit_test(a_wicked_pattern_ends_soon),
        cmocka_unit_test(what_is_quoted_means_itself),
        cmocka_unit_test(members_are_found_wherever_they_are),
        cmocka_unit_test(what_is_no_json_has_no_members),
        cmocka_unit_test(what_may_be_somebodys_is_masked),
        cmocka_unit_test(numbers_that_are_no_time_are_none),
        cmocka_unit_test(slots_are_those_of_the_specification),
        cmocka_unit_test(rights_are_those_of_the_command_or_of_its_key),
        cmocka_unit_test(a_lag_that_is_not_told_is_unknown_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
