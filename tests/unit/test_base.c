/* base: text, units, writer, redact. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/redact.h"
#include "base/text.h"
#include "base/units.h"
#include "base/writer.h"

static void text_stops_at_its_maximum_on_a_whole_character(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 5);
    text_add(&text, "abcd\xC3\xA9"); /* an e with an accent does not fit whole */
    assert_string_equal(text.bytes, "abcd");
    assert_true(text.cut);
    text_add(&text, "x"); /* nothing after a cut: no holes */
    assert_string_equal(text.bytes, "abcd");
    text_cut_to(&text, 2);
    text_add(&text, "xyz");
    assert_string_equal(text.bytes, "abxyz");
    assert_false(text.cut);
}

static void plain_text_is_harmless_on_a_terminal(void **state)
{
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 100);
    static const char wild[] = "a\x1B[2Jb\nc\x7F \xC2\x9B\xC2\xA0\xC3\xA9\xFF\xE2\x82";
    text_add_plain(&text, wild, sizeof(wild) - 1);
    assert_string_equal(text.bytes,
                        "a [2Jb c   \xC2\xA0\xC3\xA9"
                        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_int_equal(text_character("\xE2\x82\xAC", 3), 3);
    assert_int_equal(text_character("\xE2\x82\xAC", 2), 0);
    assert_int_equal(text_character("", 0), 0);
}

static void durations_are_read_whole_or_refused(void **state)
{
    int64_t ms = -1;
    (void)state;
    assert_int_equal(units_duration("250ms", &ms), 0);
    assert_int_equal(ms, 250);
    assert_int_equal(units_duration("1h30m", &ms), 0);
    assert_int_equal(ms, 5400000);
    assert_int_equal(units_duration("1.5s", &ms), 0);
    assert_int_equal(ms, 1500);
    assert_int_equal(units_duration("0", &ms), 0);
    assert_int_equal(ms, 0);
    ms = 7;
    static const char *const wrong[] = {
        "", "5", "5 m", "m", "30m1h", "-1s", "1h30", "5M", "1e3s", "5m "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(units_duration(wrong[i], &ms), -EINVAL);
    assert_int_equal(units_duration("99999999999d", &ms), -ERANGE);
    assert_int_equal(ms, 7);
}

static void sizes_and_rates(void **state)
{
    int64_t bytes = 0;
    double rate = 0;
    (void)state;
    assert_int_equal(units_bytes("64KiB", &bytes), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(units_bytes("2 GB", &bytes), 0);
    assert_int_equal(bytes, 2000000000);
    assert_int_equal(units_bytes("4096", &bytes), 0);
    assert_int_equal(bytes, 4096);
    assert_int_equal(units_bytes("4 parsecs", &bytes), -EINVAL);
    assert_int_equal(units_rate("10/m", &rate), 0);
    assert_true(fabs(rate - 10.0 / 60) < 1e-9);
    assert_int_equal(units_rate("10", &rate), -EINVAL);
}

static void times_are_rfc_3339(void **state)
{
    char out[UNITS_TIME_LEN];
    (void)state;
    units_print_time(1795229882118, out);
    assert_string_equal(out, "2026-11-21T02:58:02.118Z");
    units_print_time(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
    units_print_time(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
}

static void times_are_as_gmtime_has_them(void **state)
{
    int64_t seconds[20000 + 5] = {-62167219200, -62162121600, 951782400, 951868800, 4107542400};
    unsigned seed = 3;
    (void)state;
    for (size_t i = 5; i < sizeof(seconds) / sizeof(*seconds); i++)
        seconds[i] = -62167219200 + ((int64_t)rand_r(&seed) << 7 | (int64_t)rand_r(&seed) % 128);
    for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
        char out[UNITS_TIME_LEN], expected[64];
        time_t time = (time_t)seconds[i];
        struct tm tm;
        assert_int_equal(
            strftime(expected, sizeof(expected), "T%H:%M:%S.007Z", gmtime_r(&time, &tm)), 14);
        units_print_time(seconds[i] * 1000 + 7, out);
        assert_string_equal(out + 10, expected);
        (void)snprintf(expected,
                       sizeof(expected),
                       "%04d-%02d-%02d",
                       tm.tm_year + 1900,
                       tm.tm_mon + 1,
                       tm.tm_mday);
        assert_memory_equal(out, expected, 10);
    }
}

static void durations_for_people(void **state)
{
    char out[UNITS_DURATION_LEN];
    (void)state;
    units_print_duration(192000, out);
    assert_string_equal(out, "3m12s");
    units_print_duration(850, out);
    assert_string_equal(out, "850ms");
    units_print_duration(50400000, out);
    assert_string_equal(out, "14h");
    units_print_duration(INT64_MAX, out); /* no overflow */
}

static void writer_makes_json_of_anything(void **state)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)state;
    text_init(&text, 1000);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_string(&writer, "a\"", "\x01\n\xFF\xC3\xA9\xED\xA0\x80");
    writer_array(&writer, "n");
    writer_real(&writer, NULL, NAN);
    writer_real(&writer, NULL, 98.97);
    writer_int(&writer, NULL, INT64_MIN);
    writer_end(&writer);
    writer_bool(&writer, "b", true);
    writer_end(&writer);
    assert_string_equal(
        text.bytes,
        "{\"a\\\"\":\"\\u0001\\n\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\","
        "\"n\":[null,98.97,-9223372036854775808],\"b\":true}");
}

static void secrets_are_taken_out_in_every_form(void **state)
{
    struct text TEXT_AUTO text;
    const char *said = "pw s3cr/et\"x, url s3cr%2Fet%22x, json s3cr/et\\\"x, not s3c";
    (void)state;
    text_init(&text, 1000);
    redact_learn("s3cr/et\"x");
    redact_learn("abc"); /* too short to be one */
    redact_learn("s3cr/et\"x and more");
    redact_add(&text, said, strlen(said));
    assert_string_equal(text.bytes, "pw [redacted], url [redacted], json [redacted], not s3c");
    assert_true(redact_finds(said, strlen(said)));
    assert_false(redact_finds("abc", 3));
    redact_forget_all();
    assert_false(redact_finds(said, strlen(said)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stops_at_its_maximum_on_a_whole_character),
        cmocka_unit_test(plain_text_is_harmless_on_a_terminal),
        cmocka_unit_test(durations_are_read_whole_or_refused),
        cmocka_unit_test(sizes_and_rates),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(times_are_as_gmtime_has_them),
        cmocka_unit_test(durations_for_people),
        cmocka_unit_test(writer_makes_json_of_anything),
        cmocka_unit_test(secrets_are_taken_out_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
