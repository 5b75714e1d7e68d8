/* Members of a line, found without a tree: what is there, and what is no JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "out/view.h"

static struct view of(const char *text)
{
    return (struct view){text, strlen(text)};
}

static void members_are_found(void **state)
{
    const char *line =
        "{\"a\":1,\"b\":{\"c\":\"}\\\"\",\"d\":[1,{\"e\":2}]},\"f\":true,\"g\":-1.5e3}";
    (void)state;
    assert_true(view_equals(view_member(of(line), "a"), "1"));
    assert_true(view_equals(view_member(of(line), "f"), "true"));
    assert_true(view_equals(view_member(of(line), "g"), "-1.5e3"));
    assert_true(view_equals(view_member(view_member(of(line), "b"), "c"), "\"}\\\"\""));
    assert_true(view_equals(view_member(view_member(of(line), "b"), "d"), "[1,{\"e\":2}]"));
    assert_null(view_member(of(line), "c").at);
    assert_null(view_member(view_member(of(line), "none"), "c").at);
    assert_true(view_is_object(of(line)));
}

static void what_is_no_object_is_never_read_beyond_its_end(void **state)
{
    const char *line = "{\"a\":\"x\\u00e9\",\"b\":[1,{\"c\":\"d\"}],\"e\":12}";
    (void)state;
    for (size_t len = 0; len < strlen(line); len++) {
        char *part = mem_copy_n(line, len); /* on the heap, so that a byte too many is seen */
        struct view_walk walk = {.rest = {part, len}};
        while (view_next(&walk))
            ;
        assert_false(view_is_object((struct view){part, len}));
        free(part);
    }
    static const char *const none[] = {
        "", "[]", "x", "{", "{\"a\"", "{\"a\":", "{a:1}", "{\"a\":}", "}"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_null(view_member(of(none[i]), "a").at);
}

static void escapes_are_undone(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 100);
    assert_true(view_add_text(of("\"a\\n\\\"\\u00e9\\ud83d\\ude00\\/z\""), &text));
    assert_string_equal(text.bytes, "a\n\"\xc3\xa9\xf0\x9f\x98\x80/z");
    assert_false(view_add_text(of("12"), &text));
    text_cut_to(&text, 0);
    assert_true(view_add_text(of("\"x\\u12\""), &text)); /* no escape: nothing is read beyond it */
}

static void lines_numbers_and_times(void **state)
{
    struct view rest = of("{\"a\":1}\n{\"b\":2}"), line;
    (void)state;
    assert_true(view_line(&rest, &line));
    assert_true(view_equals(line, "{\"a\":1}"));
    assert_true(view_line(&rest, &line));
    assert_true(view_equals(line, "{\"b\":2}"));
    assert_false(view_line(&rest, &line));
    assert_int_equal(view_int(of("-42"), 7), -42);
    assert_int_equal(view_int(of("4.2"), 7), 7);
    assert_int_equal(view_int(of("99999999999999999999"), 7), 7);
    assert_int_equal(view_time(of("\"2026-11-21T02:58:02.118Z\"")), INT64_C(1795229882118));
    assert_int_equal(view_time(of("\"2026-11-21 02:58:02.118Z\"")), 0);
    assert_int_equal(view_time(of("null")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(what_is_no_object_is_never_read_beyond_its_end),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(lines_numbers_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
