/* plugins/prometheus on the fake host: warnings, what is no number, what is cut, what is cancelled. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "prometheus.h"

const struct probe_plugin *probe_plugin_v1(void);

static const struct probe_peer peer = {.address = "192.0.2.9", .port = 9090};

static int set_up(void **state)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "http://prometheus.example:9090");
    *state = kit;
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

/* A vector, or another result, with warnings behind it; `result` and `warnings` are JSON. */
#define VECTOR(result_)                                                                            \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result_ "]}}"
#define WARNED(result_, warnings_)                                                                 \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result_             \
    "]},\"warnings\":[" warnings_ "]}"
#define SAMPLE(labels_, value_) "{\"metric\":{" labels_ "},\"value\":[1,\"" value_ "\"]}"
#define NONE "{\"status\":\"success\",\"data\":{}}"
#define STORE "\"store 10.0.0.7 is away\""

static void answer(struct kit *kit, const char *body)
{
    kit_answers(kit, .body = body, .peer = &peer);
}

static const struct kit_finding *only(struct kit *kit, const char *check)
{
    struct kit_run *run = kit_run(kit, check);
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    return kit_finding(run, NULL);
}

/* -------------------------------------------------------------- warnings ---- */

static void connect_tells_warnings_address_and_stages(void **state)
{
    kit_answers(*state,
                .body = WARNED(SAMPLE("", "1"), STORE),
                .peer = &peer,
                .us = {.resolve = 1000, .connect = 3000, .first_byte = 8000, .total = 9000});
    const struct kit_finding *finding = only(*state, "connect");
    assert_string_equal(kit_text(finding, "warnings"), "store 10.0.0.7 is away");
    assert_string_equal(kit_text(finding, "ip"), "192.0.2.9");
    assert_true(kit_real(finding, "dns_ms") == 1 && kit_real(finding, "connect_ms") == 2);
    assert_true(kit_real(finding, "first_byte_ms") == 5);
    assert_false(kit_has(finding, "tls_ms"));
}

static void what_is_absent_from_a_part_is_unknown(void **state)
{
    kit_set_for(*state, "query", "promql", "x");
    kit_set_for(*state, "query", "absent", "critical");
    answer(*state, WARNED("", STORE));
    const struct kit_finding *finding = only(*state, "query");
    assert_int_equal(finding->status, PROBE_UNKNOWN);
    assert_string_equal(finding->summary,
                        "the expression yields no series; the reply may lack a part");
    assert_non_null(kit_text(finding, "warnings"));
    answer(*state, WARNED("", "\"PromQL info: no _total\"")); /* says nothing of what is there */
    finding = only(*state, "query");
    assert_int_equal(finding->status, PROBE_CRITICAL);
    assert_string_equal(kit_text(finding, "warnings"), "PromQL info: no _total");
}

static void alerts_and_targets_tell_warnings_and_do_not_rely_on_what_is_missing(void **state)
{
    kit_set_for(*state, "alerts", "expect", "[Watchdog]");
    kit_set_for(*state, "target_up", "job", "shop");
    answer(*state, WARNED("", STORE));
    struct kit_run *run = kit_run(*state, "alerts");
    assert_int_equal(run->finding_count, 2);
    const struct kit_finding *missing = kit_finding(run, "alertname=Watchdog,missing");
    assert_int_equal(missing->status, PROBE_UNKNOWN);
    assert_int_equal(run->findings[1].status, PROBE_UNKNOWN);
    assert_string_equal(kit_text(&run->findings[1], "warnings"), "store 10.0.0.7 is away");
    answer(*state, WARNED("", STORE));
    run = kit_run(*state, "target_up");
    assert_int_equal(kit_finding(run, "shop")->status, PROBE_UNKNOWN);
    answer(*state, VECTOR(""));
    run = kit_run(*state, "target_up");
    assert_int_equal(kit_finding(run, "shop")->status, PROBE_CRITICAL);
}

static void warnings_of_each_reply_of_a_run_are_kept(void **state)
{
    static const char *const said = "store 10.0.0.7 is away; store 10.0.0.8 is away";
    static const char first[] = WARNED(SAMPLE("\"job\":\"a\",\"part\":\"count\"", "2") "," SAMPLE(
                                           "\"job\":\"a\",\"part\":\"down\"", "1"),
                                       STORE);
    static const char second[] =
        "{\"status\":\"success\",\"data\":{},\"warnings\":[\"store 10.0.0.8 is away\"]}";
    static const char other[] = WARNED(SAMPLE("", "2"), "\"store 10.0.0.8 is away\"");
    static const char one[] = WARNED(SAMPLE("", "4"), STORE);
    static const char firing[] = WARNED(SAMPLE("\"alertname\":\"A\"", "1"), STORE);
    answer(*state, first);
    answer(*state, second);
    assert_string_equal(kit_text(kit_finding(kit_run(*state, "target_up"), "a"), "warnings"), said);
    answer(*state, firing);
    answer(*state, second);
    struct kit_run *run = kit_run(*state, "alerts");
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(kit_text(&run->findings[i], "warnings"), said);
    answer(*state, one);
    answer(*state, other);
    assert_string_equal(kit_text(only(*state, "error_rate"), "warnings"), said);
    kit_set_for(*state, "latency", "baseline", "1d");
    answer(*state, one);
    answer(*state, other);
    const struct kit_finding *slower = only(*state, "latency");
    assert_string_equal(kit_text(slower, "warnings"), said);
    assert_true(kit_real(slower, "baseline_ratio") == 2);
    assert_int_equal(kit_grade(*state, "latency", slower), PROBE_WARNING);
}

static void information_comes_last_and_nothing_twice(void **state)
{
    char kept[WARNINGS_ROOM] = "", out[WARNINGS_ROOM];
    json_t *root = json_loads(
        "{\"warnings\":[\"PromQL info: a\",\"b\",7],\"infos\":[\"PromQL info: c\"]}", 0, NULL);
    (void)state;
    warnings_read(root, out);
    json_decref(root);
    assert_string_equal(out, "b; PromQL info: a; PromQL info: c");
    assert_true(warnings_doubt(out));
    warnings_add(kept, "PromQL info: a");
    assert_false(warnings_doubt(kept));
    warnings_add(kept, "b");
    warnings_add(kept, "b");
    warnings_add(kept, "");
    assert_string_equal(kept, "b; PromQL info: a");
    for (int i = 0; i < 100; i++) {
        char text[300];
        (void)snprintf(text, sizeof(text), "%d%0250d", i, i);
        warnings_add(kept, text);
    }
    assert_true(strlen(kept) < WARNINGS_ROOM);
}

/* ------------------------------------------------------------ no numbers ---- */

static void a_share_of_nothing_and_of_no_number_are_told_apart(void **state)
{
    const struct {
        const char *total, *errors, *said;
        enum probe_status status;
    } cases[] = {
        {VECTOR(SAMPLE("", "0")), VECTOR(""), "no requests, so none fails", PROBE_GRADED},
        {VECTOR(SAMPLE("", "NaN")), VECTOR(""), "is no number (NaN)", PROBE_UNKNOWN},
        {VECTOR(SAMPLE("", "8")), VECTOR(SAMPLE("", "NaN")), "is no number (NaN)", PROBE_UNKNOWN},
        {VECTOR(SAMPLE("", "0.5")), VECTOR(""), "too few to say", PROBE_GRADED},
        {VECTOR(SAMPLE("", "8")), VECTOR(SAMPLE("", "2")), "25.00 % of 8", PROBE_GRADED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        answer(*state, cases[i].total);
        answer(*state, cases[i].errors);
        const struct kit_finding *finding = only(*state, "error_rate");
        assert_non_null(strstr(finding->summary, cases[i].said));
        assert_int_equal(finding->status, cases[i].status);
        assert_int_equal(finding->hint != NULL, cases[i].status == PROBE_UNKNOWN);
        assert_int_equal(kit_has(finding, "errors_percent"), i == 4);
    }
}

static void no_quantile_is_for_want_of_requests_or_of_buckets(void **state)
{
    answer(*state, VECTOR(SAMPLE("", "NaN")));
    answer(*state, VECTOR(SAMPLE("", "0")));
    const struct kit_finding *quiet = only(*state, "latency");
    assert_string_equal(quiet->summary, "no requests, so none is slow");
    assert_int_equal(kit_grade(*state, "latency", quiet), PROBE_OK);
    answer(*state, VECTOR(SAMPLE("", "NaN")));
    answer(*state, VECTOR(SAMPLE("", "12")));
    const struct kit_finding *broken = only(*state, "latency");
    assert_int_equal(broken->status, PROBE_UNKNOWN);
    assert_non_null(strstr(broken->summary, "12 requests a second, and yet no quantile (NaN)"));
    assert_non_null(strstr(broken->hint, "le=\"+Inf\""));
    assert_non_null(strstr(kit_requested(*state, 3)->url, "http_request_duration_seconds_count"));
    answer(*state, VECTOR(SAMPLE("", "NaN")));
    answer(*state, VECTOR("")); /* a native histogram has no _count */
    assert_string_equal(only(*state, "latency")->summary, "no requests, so none is slow");
}

static void native_histograms_and_too_many_series_are_told(void **state)
{
    kit_set_for(*state, "query", "promql", "x");
    kit_set_for(*state, "query", "most", "2");
    answer(*state, VECTOR("{\"metric\":{},\"histogram\":[1,{\"count\":\"5\"}]}"));
    struct kit_run *run = kit_run(*state, "query");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_non_null(strstr(run->summary, "native histograms"));
    answer(*state,
           VECTOR(SAMPLE("\"a\":\"1\"", "1") "," SAMPLE("\"a\":\"2\"",
                                                        "2") "," SAMPLE("\"a\":\"3\"", "3")));
    run = kit_run(*state, "query");
    assert_int_equal(run->finding_count, 3);
    assert_int_equal(kit_finding(run, "others")->status, PROBE_UNKNOWN);
    assert_string_equal(kit_finding(run, "others")->summary, "only 2 of 3 series are looked at");
    answer(*state, VECTOR(SAMPLE("", "NaN")));
    assert_non_null(strstr(only(*state, "query")->summary, "no number (NaN)"));
}

/* ----------------------------------------------------------------- pages ---- */

static const struct probe_pair open_metrics[] = {
    {.name = "Content-Type", .value = "application/openmetrics-text; version=1.0.0; charset=utf-8"},
    {0}};

/* Half of a page is not half of the value: it counts as a page that could not be read. */
static void an_open_metrics_page_without_its_end_is_no_page(void **state)
{
    kit_set_for(*state, "scrape", "metric", "jobs");
    kit_set_for(*state, "scrape", "urls", "[\"http://a.example/m\", \"http://b.example/m\"]");
    kit_answers(*state, .headers = open_metrics, .body = "jobs{q=\"a\"} 4\n# EOF\n", .piece = 3);
    kit_answers(*state, .headers = open_metrics, .body = "jobs{q=\"a\"} 5\njobs{q=\"b\"} 1\n");
    const struct kit_finding *half = only(*state, "scrape");
    assert_true(kit_real(half, "value") == 4);
    assert_int_equal(kit_int(half, "failed"), 1);
    assert_non_null(strstr(kit_text(half, "last_failure"), "http://b.example/m: the page is cut"));
    kit_answers(*state, .body = "jobs 4\n"); /* the text format has no end to look for */
    kit_answers(*state, .headers = open_metrics, .body = "jobs 5\n# EOF\njobs 6\n");
    assert_true(kit_real(only(*state, "scrape"), "value") == 9);
    kit_answers(*state, .headers = open_metrics, .body = "");
    kit_answers(*state, .status = -EPROTO, .stage = PROBE_RECEIVING, .message = "it was cut");
    struct kit_run *run = kit_run(*state, "scrape");
    assert_int_equal(run->how, PROBE_DOWN);
}

/* ------------------------------------------------------------- bad days ---- */

static void each_check_ends_at_its_deadline_and_when_it_is_cancelled(void **state)
{
    static const char *const all[] = {
        "connect", "query", "error_rate", "latency", "alerts", "target_up", "scrape"};
    kit_set_for(*state, "query", "promql", "x");
    kit_set_for(*state, "scrape", "metric", "x");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        kit_answers(*state, .never = true);
        struct kit_run *late = kit_run(*state, all[i]);
        assert_true(late->over && !late->done);
        assert_true(late->how == PROBE_DOWN || late->how == PROBE_FAILED);
        kit_answers(*state, .never = true);
        struct kit_run *run = kit_start(*state, all[i]);
        kit_advance(*state, 100);
        kit_end(*state, run);
        assert_true(run->over);
    }
}

static void what_is_cut_or_absurd_is_said(void **state)
{
    static const char *const bodies[] = {
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"met",
        "<html>a proxy's page</html>",
        "{\"status\":\"success\"}",
        "[]",
        NONE};
    char *huge = malloc(100001);
    memset(huge, '[', 100000);
    huge[100000] = '\0';
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        answer(*state, bodies[i]);
        assert_int_equal(kit_run(*state, "connect")->how, PROBE_FAILED);
    }
    answer(*state, huge);
    assert_int_equal(kit_run(*state, "connect")->how, PROBE_FAILED);
    kit_answers(*state, .status = -EMSGSIZE, .code = 200, .peer = &peer);
    struct kit_run *run = kit_run(*state, "connect");
    assert_string_equal(run->reason, "too_large");
    free(huge);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(connect_tells_warnings_address_and_stages),
        TEST(what_is_absent_from_a_part_is_unknown),
        TEST(alerts_and_targets_tell_warnings_and_do_not_rely_on_what_is_missing),
        TEST(warnings_of_each_reply_of_a_run_are_kept),
        TEST(information_comes_last_and_nothing_twice),
        TEST(a_share_of_nothing_and_of_no_number_are_told_apart),
        TEST(no_quantile_is_for_want_of_requests_or_of_buckets),
        TEST(native_histograms_and_too_many_series_are_told),
        TEST(an_open_metrics_page_without_its_end_is_no_page),
        TEST(each_check_ends_at_its_deadline_and_when_it_is_cancelled),
        TEST(what_is_cut_or_absurd_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
