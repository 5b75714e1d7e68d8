/* base/exposition: the two formats that Prometheus reads, and which one it wants. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/exposition.h"
#include "base/exposition_otlp.h"
#include "base/mem.h"

static void write_all(struct text *out, bool open)
{
    struct exposition page = {.text = out, .open = open};
    struct text TEXT_AUTO labels;
    text_init(&labels, 1000);
    exposition_label(&labels, "realm", "a");
    exposition_label(&labels, "owner", NULL);
    exposition_family(&page, EXPOSITION_COUNTER, "x_runs", "runs");
    exposition_count(&page, "_total", &labels, 18446744073709551615u);
    exposition_family(&page, EXPOSITION_INFO, "x_build", "who");
    exposition_count(&page, "_info", NULL, 1);
    exposition_family(&page, EXPOSITION_HISTOGRAM, "x_seconds", "how long");
    exposition_bucket(&page, &labels, 0.025, 1);
    exposition_bucket(&page, NULL, 10, 2);
    exposition_bucket(&page, NULL, HUGE_VAL, 2);
    exposition_end(&page);
}

static void a_page_is_as_open_metrics_has_it(void **state)
{
    struct text TEXT_AUTO out;
    (void)state;
    text_init(&out, 10000);
    write_all(&out, true);
    assert_string_equal(out.bytes,
                        "# HELP x_runs runs\n# TYPE x_runs counter\n"
                        "x_runs_total{realm=\"a\"} 18446744073709551615\n"
                        "# HELP x_build who\n# TYPE x_build info\nx_build_info 1\n"
                        "# HELP x_seconds how long\n# TYPE x_seconds histogram\n"
                        "x_seconds_bucket{realm=\"a\",le=\"0.025\"} 1\n"
                        "x_seconds_bucket{le=\"10.0\"} 2\nx_seconds_bucket{le=\"+Inf\"} 2\n"
                        "# EOF\n");
}

static void the_older_format_names_families_by_their_samples(void **state)
{
    struct text TEXT_AUTO out;
    (void)state;
    text_init(&out, 10000);
    write_all(&out, false);
    assert_non_null(strstr(out.bytes, "# TYPE x_runs_total counter\nx_runs_total{"));
    assert_non_null(strstr(out.bytes, "# TYPE x_build_info gauge\nx_build_info 1\n"));
    assert_null(strstr(out.bytes, "EOF"));
}

static void numbers_read_as_what_they_were(void **state)
{
    static const struct {
        double number;
        const char *text;
    } all[] = {{0, "0"},
               {-3, "-3"},
               {0.1, "0.1"},
               {1.0 / 3, "0.33333333333333331"},
               {1e300, "1e+300"},
               {999999999999999, "999999999999999"},
               {NAN, "NaN"},
               {HUGE_VAL, "+Inf"},
               {-HUGE_VAL, "-Inf"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct text TEXT_AUTO out;
        text_init(&out, 100);
        struct exposition page = {.text = &out, .name = "x"};
        exposition_real(&page, NULL, NULL, all[i].number);
        text_cut_to(&out, out.len - 1);
        assert_string_equal(out.bytes + 2, all[i].text);
    }
}

static void labels_are_escaped_and_always_utf8(void **state)
{
    struct text TEXT_AUTO labels;
    (void)state;
    text_init(&labels, 1000);
    exposition_label(&labels, "subject", "a\"b\\c\nd\xFF\xC3\xA9");
    assert_string_equal(labels.bytes, "subject=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\xC3\xA9\"");
}

static void what_operators_call_their_labels_becomes_a_name(void **state)
{
    static const char *const own[] = {"team",
                                      "sre",
                                      "a.b-c",
                                      "x",
                                      "realm",
                                      "mine",
                                      "9",
                                      "n",
                                      "__name",
                                      "u",
                                      "team",
                                      "twice",
                                      "a/b/c",
                                      "same",
                                      NULL};
    struct text TEXT_AUTO labels;
    (void)state;
    text_init(&labels, 1000);
    exposition_label(&labels, "realm", "x\",team=\"");
    exposition_labels(&labels, own);
    assert_string_equal(labels.bytes,
                        "realm=\"x\\\",team=\\\"\",team=\"sre\",a_b_c=\"x\",label_realm=\"mine\","
                        "label_9=\"n\",label___name=\"u\",label_team=\"twice\","
                        "label_a_b_c=\"same\"");
    exposition_labels(&labels, NULL);
}

static void the_format_is_the_one_that_is_preferred(void **state)
{
    static const struct {
        const char *accept;
        bool open;
    } all[] = {
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"application/openmetrics-text", true},
        {"APPLICATION/OpenMetrics-Text;version=1.0.0", true},
        {"text/plain;q=0.5,application/openmetrics-text;q=0.4", false},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text; q=0.2 , */*;q=0.1", true},
        {"application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5", true},
        {",,,;q=,;", false},
        {"application/openmetrics-text;q", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (exposition_wanted_open(all[i].accept) != all[i].open)
            fail_msg("%s", all[i].accept);
}

/* ---------------------------------------------------------------- OTLP ---- */

static void the_same_numbers_are_otlp(void **state)
{
    struct text TEXT_AUTO text, labels;
    struct exposition_otlp otlp = {.started_ms = 1000, .now_ms = 2500};
    struct exposition exposition = {.text = &text, .otlp = &otlp};
    (void)state;
    text_init(&text, 10000);
    text_init(&labels, 1000);
    exposition_label(&labels, "a", "x\"=\\,\n\t\x1f");
    exposition_label(&labels, "b", "2");
    exposition_family(&exposition, EXPOSITION_GAUGE, "nobody", "without a point");
    exposition_family(&exposition, EXPOSITION_GAUGE, "used_percent", "it's \"used\"");
    exposition_real(&exposition, NULL, &labels, 12.5);
    exposition_real(&exposition, NULL, NULL, INFINITY);
    exposition_family(&exposition, EXPOSITION_COUNTER, "events", "said");
    exposition_count(&exposition, "_total", NULL, 18446744073709551615u);
    exposition_family(&exposition, EXPOSITION_INFO, "build", "who");
    exposition_count(&exposition, "_info", NULL, 1);
    exposition_end(&exposition);
    assert_string_equal(
        text.bytes,
        "{\"name\":\"used_percent\",\"description\":\"it's \\\"used\\\"\",\"unit\":\"%\",\"gauge\":"
        "{\"dataPoints\":[{\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":"
        "\"x\\\"=\\\\,\\n\\u0009\\u001f\"}},{\"key\":\"b\",\"value\":{\"stringValue\":\"2\"}}],"
        "\"timeUnixNano\":\"2500000000\",\"asDouble\":12.5},{\"attributes\":[],"
        "\"timeUnixNano\":\"2500000000\",\"asDouble\":\"Infinity\"}]}},"
        "{\"name\":\"events\",\"description\":\"said\",\"sum\":{\"dataPoints\":[{\"attributes\":[],"
        "\"startTimeUnixNano\":\"1000000000\",\"timeUnixNano\":\"2500000000\","
        "\"asInt\":\"18446744073709551615\"}],\"aggregationTemporality\":2,\"isMonotonic\":true}},"
        "{\"name\":\"build_info\",\"description\":\"who\",\"gauge\":{\"dataPoints\":["
        "{\"attributes\":[],\"timeUnixNano\":\"2500000000\",\"asInt\":\"1\"}]}}");
}

/* Buckets of an exposition count all below their bound, those of OTLP their own. */
static void a_histograms_buckets_are_each_their_own(void **state)
{
    struct text TEXT_AUTO text;
    struct exposition_otlp otlp = {.started_ms = 1, .now_ms = 2};
    struct exposition exposition = {.text = &text, .otlp = &otlp};
    (void)state;
    text_init(&text, 10000);
    exposition_family(&exposition, EXPOSITION_HISTOGRAM, "took_seconds", "time");
    for (unsigned row = 1; row <= 2; row++) {
        exposition_bucket(&exposition, NULL, 0.5, 3 * row);
        exposition_bucket(&exposition, NULL, 1, 4 * row);
        exposition_bucket(&exposition, NULL, HUGE_VAL, 9 * row);
        exposition_real(&exposition, "_sum", NULL, 20.25 * row);
        exposition_count(&exposition, "_count", NULL, 9 * row);
    }
    exposition_end(&exposition);
    assert_string_equal(
        text.bytes,
        "{\"name\":\"took_seconds\",\"description\":\"time\",\"unit\":\"s\",\"histogram\":"
        "{\"dataPoints\":[{\"attributes\":[],\"startTimeUnixNano\":\"1000000\","
        "\"timeUnixNano\":\"2000000\",\"count\":\"9\",\"sum\":20.25,"
        "\"bucketCounts\":[\"3\",\"1\",\"5\"],\"explicitBounds\":[0.5,1]},"
        "{\"attributes\":[],\"startTimeUnixNano\":\"1000000\",\"timeUnixNano\":\"2000000\","
        "\"count\":\"18\",\"sum\":40.5,\"bucketCounts\":[\"6\",\"2\",\"10\"],"
        "\"explicitBounds\":[0.5,1]}],\"aggregationTemporality\":2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_as_open_metrics_has_it),
        cmocka_unit_test(the_older_format_names_families_by_their_samples),
        cmocka_unit_test(numbers_read_as_what_they_were),
        cmocka_unit_test(labels_are_escaped_and_always_utf8),
        cmocka_unit_test(what_operators_call_their_labels_becomes_a_name),
        cmocka_unit_test(the_format_is_the_one_that_is_preferred),
        cmocka_unit_test(the_same_numbers_are_otlp),
        cmocka_unit_test(a_histograms_buckets_are_each_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
