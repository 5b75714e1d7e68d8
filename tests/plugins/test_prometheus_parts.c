/* The pure parts of plugins/prometheus: results, matchers, pages. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exposition.h"
#include "matchers.h"
#include "vector.h"

/* --------------------------------------------------------------- vector ---- */

static void a_result_is_read_whatever_its_shape(void **state)
{
    json_t *vector = json_loads("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"b\":\"2\","
                                "\"a\":\"1\",\"__name__\":\"x\"},\"value\":[1.5,\"+Inf\"]},"
                                "{\"metric\":{},\"value\":[1,\"two\"]},{\"metric\":{}},7]}",
                                0,
                                NULL);
    json_t *scalar =
        json_loads("{\"resultType\":\"scalar\",\"result\":[1763694000.123,\"NaN\"]}", 0, NULL);
    json_t *matrix = json_loads("{\"resultType\":\"matrix\",\"result\":[]}", 0, NULL);
    struct series series;
    char subject[VECTOR_SUBJECT];
    (void)state;
    assert_int_equal(vector_count(vector), 4);
    assert_true(vector_at(vector, 0, &series));
    assert_true(isinf(series.value));
    vector_subject(series.labels, subject);
    assert_string_equal(subject, "a=1,b=2");
    for (size_t i = 1; i < 6; i++)
        assert_false(vector_at(vector, i, &series));
    assert_int_equal(vector_count(scalar), 1);
    assert_true(vector_at(scalar, 0, &series));
    assert_true(isnan(series.value));
    vector_subject(series.labels, subject);
    assert_string_equal(subject, "");
    assert_int_equal(vector_count(matrix), -1);
    assert_int_equal(vector_count(NULL), -1);
    json_decref(vector);
    json_decref(scalar);
    json_decref(matrix);
}

static void long_subjects_are_cut_and_stay_apart(void **state)
{
    char value[400], one[VECTOR_SUBJECT], other[VECTOR_SUBJECT];
    (void)state;
    memset(value, 'x', sizeof(value));
    value[399] = '\0';
    json_t *labels = json_pack("{s:s}", "path", value);
    vector_subject(labels, one);
    value[398] = 'y';
    json_object_set_new(labels, "path", json_string(value));
    vector_subject(labels, other);
    assert_true(strlen(one) < VECTOR_SUBJECT && strlen(other) < VECTOR_SUBJECT);
    assert_string_not_equal(one, other);
    json_decref(labels);
    json_t *umlauts = json_object();
    value[0] = '\0';
    for (int i = 0; i < 150; i++)
        (void)snprintf(value + strlen(value), 3, "\xC3\xBC");
    json_object_set_new(umlauts, "p", json_string(value));
    vector_subject(umlauts, one);
    char *tail = strchr(one, '~');
    assert_non_null(tail);
    assert_int_equal((unsigned char)tail[-1], 0xBC); /* whole characters */
    json_decref(umlauts);
}

/* ------------------------------------------------------------- matchers ---- */

static void matchers_are_told_from_other_text(void **state)
{
    static const char *const fine[] = {
        "", "a=\"b\"", " a =~ \"b,c\" , d!=\"\\\"\" ", "a=\"b\",", "a!~'x'", "a=`x\\`"};
    static const char *const wrong[] = {"a",
                                        "a=b",
                                        "a=\"b",
                                        "=\"b\"",
                                        "{a=\"b\"}",
                                        "a=\"b\" c=\"d\"",
                                        "1a=\"b\"",
                                        "a==\"b\"",
                                        ",",
                                        "a=\"b\",,c=\"d\"",
                                        "a=\"b\"}or vector(1"};
    (void)state;
    assert_true(matchers_are(NULL));
    for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
        assert_true(matchers_are(fine[i]));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(matchers_are(wrong[i]));
}

static void one_label_is_taken_out(void **state)
{
    char out[64], small[8];
    (void)state;
    assert_true(matchers_without(
        "status=~\"5..\", route=\"/a,status=1\" ,status!=\"501\"", "status", out, 64));
    assert_string_equal(out, "route=\"/a,status=1\"");
    assert_true(matchers_without(NULL, "status", out, 64));
    assert_string_equal(out, "");
    assert_false(matchers_without("route=\"/a/very/long/one\"", "status", small, sizeof(small)));
    assert_true(matchers_list((const char *const[]){"a", "b_c", NULL}, out, 64));
    assert_string_equal(out, "a, b_c");
    assert_false(matchers_list((const char *const[]){"a)", NULL}, out, 64));
    assert_true(matchers_is_metric("job:up:sum"));
    assert_false(matchers_is_metric("a{b=\"c\"}"));
}

/* ----------------------------------------------------------- exposition ---- */

static void read_page(struct exposition *into, const struct exposition_wish *wish, size_t page,
                      const char *text, size_t piece)
{
    struct exposition_reader *reader = calloc(1, sizeof(*reader));
    exposition_begin(reader, wish, into, page);
    for (size_t len = strlen(text), at = 0; at < len; at += piece)
        exposition_feed(reader, text + at, at + piece < len ? piece : len - at);
    exposition_end(reader);
    free(reader);
}

static const char page_one[] =
    "# HELP lat_seconds How long.\n# TYPE lat_seconds histogram\n"
    "lat_seconds_bucket{le=\"0.1\",route=\"/a\"} 10\n"
    "lat_seconds_bucket{le=\"0.5\",route=\"/a\"} 10\n"
    "lat_seconds_bucket{le=\"+Inf\",route=\"/a\"} 10 # {trace_id=\"x\"} 0.7 1763694000\n"
    "lat_seconds_sum{route=\"/a\"} 1\nlat_seconds_count{route=\"/a\"} 10\n"
    "lat_seconds_created{route=\"/a\"} 1e9\nlat_seconds_other 5\n";
static const char page_two[] = "lat_seconds_bucket{le=\"0.1\",route=\"/a\"} 60\n"
                               "lat_seconds_bucket{le=\"0.5\",route=\"/a\"} 110\r\n"
                               "lat_seconds_bucket{le=\"+Inf\",route=\"/a\"} 110";

static void a_quantile_is_of_what_came_between(void **state)
{
    const struct exposition_wish wish = {.metric = "lat_seconds",
                                         .by = (const char *const[]){"route", NULL}};
    (void)state;
    for (size_t piece = 1; piece < 200; piece += 66) {
        struct exposition before = {0}, now = {0};
        read_page(&before, &wish, 0, page_one, piece);
        read_page(&now, &wish, 0, page_two, piece);
        assert_int_equal(now.count, 1);
        assert_int_equal(now.groups[0].kind, EXPOSITION_HISTOGRAM);
        /* 100 came: 50 up to 0.1, 50 up to 0.5 */
        assert_true(exposition_growth(&before, &now, "route=/a") == 100);
        assert_true(fabs(exposition_quantile(&before, &now, "route=/a", 0.5) - 0.1) < 1e-9);
        assert_true(fabs(exposition_quantile(&before, &now, "route=/a", 0.75) - 0.3) < 1e-9);
        assert_true(isnan(exposition_quantile(&now, &now, "route=/a", 0.75)));
        assert_true(isnan(exposition_quantile(&before, &now, "route=/b", 0.75)));
        exposition_finish(&before);
        exposition_finish(&now);
    }
}

static void what_fell_began_again(void **state)
{
    const struct exposition_wish wish = {.metric = "jobs_total"};
    struct exposition before = {0}, now = {0};
    (void)state;
    read_page(&before, &wish, 0, "# TYPE jobs counter\njobs_total{a=\"1\"} 100\n", 7);
    read_page(&before, &wish, 1, "jobs_total 50\n", 7);
    read_page(&now, &wish, 0, "jobs_total{a=\"1\"} 5\n", 7); /* restarted */
    read_page(&now, &wish, 1, "jobs_total 51\n", 7);
    read_page(&now, &wish, 2, "jobs_total 7000\n", 7); /* new: nobody knows since when */
    assert_true(exposition_growth(&before, &now, "") == 6);
    assert_int_equal(now.groups[0].kind, EXPOSITION_COUNTER);
    exposition_finish(&before);
    exposition_finish(&now);
}

static void lines_that_are_none_are_passed_over(void **state)
{
    static const char page[] = "x{a=\"un\\\"quoted\\\\\\n\"} 1\nx{a=\"\n x 5\nx{} 2\nx{a=b} 3\nx\n"
                               "x{a=\"1\",} 4\nx 8 1763694000000\nxy 99\nx{a=\"1\"}\nx NaN\nx{\n";
    const struct exposition_wish wish = {.metric = "x"};
    struct exposition now = {0};
    char *huge = malloc(100000);
    (void)state;
    read_page(&now, &wish, 0, page, 3);
    assert_int_equal(now.count, 1);
    assert_int_equal(now.groups[0].series, 4);
    assert_true(now.groups[0].sum == 15);
    memset(huge, 'x', 99999);
    huge[99999] = '\0';
    read_page(&now, &wish, 0, huge, 1000);
    assert_true(now.groups[0].sum == 15);
    free(huge);
    exposition_finish(&now);
}

static void combinations_have_a_maximum(void **state)
{
    const struct exposition_wish wish = {.metric = "x", .by = (const char *const[]){"i", NULL}};
    struct exposition now = {0};
    char line[64];
    (void)state;
    for (int i = 0; i < EXPOSITION_GROUPS + 5; i++) {
        (void)snprintf(line, sizeof(line), "x{i=\"%d\"} 1\n", i);
        read_page(&now, &wish, 0, line, 64);
    }
    assert_int_equal(now.count, EXPOSITION_GROUPS);
    assert_int_equal(now.excess, 5);
    exposition_finish(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_read_whatever_its_shape),
        cmocka_unit_test(long_subjects_are_cut_and_stay_apart),
        cmocka_unit_test(matchers_are_told_from_other_text),
        cmocka_unit_test(one_label_is_taken_out),
        cmocka_unit_test(a_quantile_is_of_what_came_between),
        cmocka_unit_test(what_fell_began_again),
        cmocka_unit_test(lines_that_are_none_are_passed_over),
        cmocka_unit_test(combinations_have_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
