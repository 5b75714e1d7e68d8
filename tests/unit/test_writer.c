/* base/writer: JSON as jansson reads it, whatever is written, and however little fits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"
#include "base/writer.h"

enum { LONG = 40 };

static void write_one(struct text *text, const char *key, const char *value, size_t len)
{
    struct writer writer;
    text_cut_to(text, 0);
    writer_init(&writer, text);
    writer_object(&writer, NULL);
    writer_int(&writer, "n", 1);
    writer_string_n(&writer, key, value, len);
    writer_end(&writer);
}

/* Every byte at every place of a text that is longer than what is looked at at once. */
static void every_byte_comes_back_from_every_place(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 1 << 16);
    for (int byte = 1; byte < 0x80; byte++) {
        for (size_t at = 0; at < LONG; at++) {
            char value[LONG + 1];
            memset(value, 'x', LONG);
            value[at] = (char)byte;
            value[LONG] = '\0';
            write_one(&text, value, value, LONG);
            json_t *root = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
            const char *back = json_string_value(json_object_get(root, value));
            assert_non_null(back);
            assert_string_equal(back, value);
            assert_null(memchr(text.bytes, 0x7F, text.len)); /* no control character as it is */
            json_decref(root);
        }
    }
}

static void wide_characters_stay_and_broken_ones_are_marked(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 1 << 16);
    write_one(&text, "k", "sieben sch\xC3\xB6ne \xF0\x9F\x90\xA7", 19);
    assert_string_equal(text.bytes, "{\"n\":1,\"k\":\"sieben sch\xC3\xB6ne \xF0\x9F\x90\xA7\"}");
    write_one(&text, "k", "12345678\xC3", 9);
    assert_string_equal(text.bytes, "{\"n\":1,\"k\":\"12345678\xEF\xBF\xBD\"}");
    write_one(&text, "k", "", 0);
    assert_string_equal(text.bytes, "{\"n\":1,\"k\":\"\"}");
}

static void what_does_not_fit_is_cut_and_said(void **state)
{
    (void)state;
    for (size_t max = 0; max < 24; max++) {
        struct text TEXT_AUTO text;
        text_init(&text, max);
        write_one(&text, "key", "0123456789", 10);
        assert_int_equal(text.cut, max < 26);
        assert_true(text.len <= max);
        assert_memory_equal(text.bytes, "{\"n\":1,\"key\":\"0123456789\"}", text.len);
        assert_int_equal(text.bytes[text.len], '\0');
    }
}

static void expect_real(double value)
{
    char expected[40];
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 100);
    writer_init(&writer, &text);
    writer_real(&writer, NULL, value);
    (void)snprintf(expected, sizeof(expected), "%.6g", value);
    assert_string_equal(text.bytes, expected);
}

static void numbers_are_printed_as_six_digits_are(void **state)
{
    (void)state;
    for (int i = 0; i < 1200000; i += 7) {
        expect_real(i / 100.0);
        expect_real(-i / 100.0);
        expect_real(i * 0.01); /* which is another number now and then */
        expect_real(i / 1000.0);
    }
    expect_real(-0.0);
    expect_real(9999.99);
    expect_real(10000);
    expect_real(nextafter(96.5, 100));
    expect_real(1e-7);
    expect_real(123456.5);
}

static void what_is_no_number_is_null(void **state)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)state;
    text_init(&text, 100);
    writer_init(&writer, &text);
    writer_array(&writer, NULL);
    writer_real(&writer, NULL, NAN);
    writer_real(&writer, NULL, -INFINITY);
    writer_real(&writer, NULL, 12345678.25);
    writer_int(&writer, NULL, INT64_MIN);
    writer_end(&writer);
    assert_string_equal(text.bytes, "[null,null,12345678.250,-9223372036854775808]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back_from_every_place),
        cmocka_unit_test(wide_characters_stay_and_broken_ones_are_marked),
        cmocka_unit_test(what_does_not_fit_is_cut_and_said),
        cmocka_unit_test(numbers_are_printed_as_six_digits_are),
        cmocka_unit_test(what_is_no_number_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
