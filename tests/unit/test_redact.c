/* redact: JSON that stays JSON, and copies that people can read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/redact.h"

static int forget(void **state)
{
    (void)state;
    redact_forget_all();
    return 0;
}

static void copies(const char *expected, const char *string, size_t max)
{
    MEM_AUTO char *copy = redact_copy(string, max);
    assert_string_equal(copy, expected);
}

static void redacts(const char *expected, const char *json, unsigned own_depth)
{
    struct text TEXT_AUTO text;
    json_t *tree;
    text_init(&text, 10000);
    redact_add_json(&text, json, strlen(json), own_depth);
    assert_string_equal(text.bytes, expected);
    tree = json_loads(text.bytes, JSON_DECODE_ANY, NULL);
    assert_non_null(tree);
    json_decref(tree);
}

static void a_copy_has_no_secret_and_no_control_character(void **state)
{
    (void)state;
    redact_learn("s3cret\nline");
    copies("a [redacted] b c", "a s3cret\nline b\tc", 100);
    copies("\xEF\xBF\xBD", "\xFF", 100);
    assert_null(redact_copy(NULL, 100));
}

static void a_copy_that_is_cut_ends_with_an_ellipsis(void **state)
{
    (void)state;
    copies("12345678", "12345678", 8);
    copies("12345\xE2\x80\xA6", "123456789", 8);
    copies("1234\xE2\x80\xA6", "1234\xC3\xA9xyz", 8); /* no half of a character */
    copies("12", "1234", 2);
}

static void a_secret_is_taken_out_before_the_copy_is_cut(void **state)
{
    (void)state;
    redact_learn("correct horse battery");
    copies("my [redac\xE2\x80\xA6", "my correct horse battery", 12);
}

static void a_secret_that_somebody_cut_is_one_too(void **state)
{
    (void)state;
    redact_learn("0123456789abcdef-and-much-more");
    redact_learn("https://hooks.example.org/services/T000/B111");
    copies("the header is \"[redacted]\"", "the header is \"0123456789abcdef-an\"", 100);
    copies("[redacted], expected 7", "0123456789abcdef, expected 7", 100);
    copies("[redacted]!", "0123456789abcdef-and-much-more!", 100);
    copies("0123456789abcde", "0123456789abcde", 100); /* fifteen bytes may be anything */
    copies("https://hooks.example.org/services/", "https://hooks.example.org/services/", 100);
    copies("[redacted]", "https://hooks.example.org/services/T000/B111", 100);
}

static void a_secret_is_found_wherever_it_begins(void **state)
{
    (void)state;
    redact_learn("wxyz"); /* as short as one can be */
    redact_learn("xyzw!");
    for (size_t before = 0; before < 9; before++) {
        for (size_t after = 0; after < 5; after++) {
            struct text TEXT_AUTO text, out;
            text_init(&text, 100);
            text_init(&out, 100);
            text_print(&text, "%.*swxyz%.*s", (int)before, "ww.wx.wy.", (int)after, "wxy..");
            assert_true(redact_finds(text.bytes, text.len));
            redact_add(&out, text.bytes, text.len);
            assert_false(redact_finds(out.bytes, out.len));
            assert_int_equal(out.len, before + strlen("[redacted]") + after);
        }
    }
    copies("[redacted]![redacted][redacted]", "wxyz!wxyzxyzw!", 100);
    copies("wxy", "wxy", 100);
}

static void json_strings_lose_secrets_and_stay_strings(void **state)
{
    (void)state;
    redact_learn("hunter22");
    redact_learn("\"quoted\"");
    redacts("{\"a\":[\"x [redacted] y\",\"[redacted]\"]}",
            "{\"a\":[\"x hunter22 y\",\"\\\"quoted\\\"\"]}",
            2);
    redacts("{\"quoted\":1}", "{\"quoted\":1}", 0); /* quotes that are JSON's own */
}

static void a_secret_is_found_however_it_is_escaped(void **state)
{
    (void)state;
    redact_learn("p/w\xC3\xA9rd");
    redacts("[\"[redacted]\"]", "[\"p\\/w\\u00e9rd\"]", 0);
    redacts("[\"\\\"[redacted]\\n\"]", "[\"\\\"\\u0070/w\\u00E9rd\\n\"]", 0);
    redacts("[\"\\u00e9\\/\"]", "[\"\\u00e9\\/\"]", 0); /* and what holds none stays as it is */
}

static void a_secret_in_a_url_or_in_quotes_is_found_in_plain_text(void **state)
{
    (void)state;
    redact_learn("p/w d+1");
    redact_learn("say \"hush\"");
    copies("GET /?key=[redacted]&a=1", "GET /?key=p%2Fw%20d%2B1&a=1", 100);
    copies("{\"a\":\"[redacted]\"}", "{\"a\":\"say \\\"hush\\\"\"}", 100);
}

static void an_escape_that_looks_like_a_secret_is_none(void **state)
{
    (void)state;
    redact_learn("\"q\\/");
    redacts("[\"\\\"q\\/\\\\\"]", "[\"\\\"q\\/\\\\\"]", 0);
    redacts("[\"[redacted]\"]", "[\"\\\"q\\\\\\/\"]", 0);
}

static void a_secret_that_ends_within_a_character_leaves_utf_8(void **state)
{
    (void)state;
    redact_learn("gehe\xC3");
    redacts("[\"[redacted]\xEF\xBF\xBDm\"]", "[\"gehe\xC3\xA9m\"]", 0);
}

static void names_and_numbers_of_our_own_stay(void **state)
{
    (void)state;
    redact_learn("48213");
    redact_learn("seconds");
    redacts(
        "{\"seconds\":48213,\"m\":{\"seconds\":148213,\"deep\":{\"[redacted]\":\"[redacted]\"}}}",
        "{\"seconds\":48213,\"m\":{\"seconds\":148213,\"deep\":{\"seconds\":48213}}}",
        2);
    redacts("{\"[redacted]\":\"[redacted]\"}", "{\"seconds\":48213}", 0);
    redacts("\"[redacted]\"", "48213", 0);
}

static void words_of_json_are_no_secrets(void **state)
{
    (void)state;
    redact_learn("true");
    redact_learn("null");
    redact_learn("\":\"");
    redact_learn("},{\"");
    redacts("[{\"a\":true,\"b\":null},{\"c\":\"[redacted]\"}]",
            "[{\"a\":true,\"b\":null},{\"c\":\"null\"}]",
            0);
}

static void whatever_is_thrown_at_it_json_stays_json(void **state)
{
    static const char *const pieces[] = {"{",    "}",     "[",      "]",          "\"",      ",",
                                         ":",    "\\",    "\\\"",   "\\u00e9",    "\n",      " ",
                                         "abab", "1010",  "ab\"\\", "ab\\\"\\\\", "true",    "1",
                                         "-",    "0.5e3", "a",      "\"a\":",     "\"abab\""};
    unsigned seed = 11, valid = 0, changed = 0;
    (void)state;
    redact_learn("abab");
    redact_learn("1010");
    redact_learn("ab\"\\");
    for (unsigned round = 0; round < 100000; round++) {
        struct text TEXT_AUTO json, text;
        text_init(&json, 1000);
        text_init(&text, 1000);
        text_add(&json, round % 3 == 0 ? "[\"" : round % 3 == 1 ? "{\"a\":" : "[");
        for (int count = rand_r(&seed) % 7; count > 0; count--)
            text_add(&json, pieces[(size_t)rand_r(&seed) % COUNT_OF(pieces)]);
        text_add(&json, round % 3 == 0 ? "\"]" : round % 3 == 1 ? "}" : "]");
        redact_add_json(&text, json.bytes, json.len, 0); /* no crash, whatever it is */
        json_t *before = json_loads(json.bytes, 0, NULL), *after = json_loads(text.bytes, 0, NULL);
        if (before) {
            assert_non_null(after);
            assert_false(redact_finds(text.bytes, text.len));
            valid++;
            changed += strcmp(json.bytes, text.bytes) != 0;
        }
        json_decref(before);
        json_decref(after);
    }
    assert_true(valid > 5000 && changed > 500);
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_has_no_secret_and_no_control_character),
        TEST(a_copy_that_is_cut_ends_with_an_ellipsis),
        TEST(a_secret_is_taken_out_before_the_copy_is_cut),
        TEST(a_secret_that_somebody_cut_is_one_too),
        TEST(a_secret_is_found_wherever_it_begins),
        TEST(json_strings_lose_secrets_and_stay_strings),
        TEST(a_secret_is_found_however_it_is_escaped),
        TEST(a_secret_in_a_url_or_in_quotes_is_found_in_plain_text),
        TEST(an_escape_that_looks_like_a_secret_is_none),
        TEST(a_secret_that_ends_within_a_character_leaves_utf_8),
        TEST(names_and_numbers_of_our_own_stay),
        TEST(words_of_json_are_no_secrets),
        TEST(whatever_is_thrown_at_it_json_stays_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
