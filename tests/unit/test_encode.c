/*
 * Encodings as pure functions: what each makes of two events, and what it makes of replies.  That
 * their receivers read it is shown in tests/e2e/test_encodings.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "out/encode.h"
#include "out/squeeze.h"

static const char events[] =
    "{\"schema\":1,\"time\":\"2026-11-21T02:58:02.118Z\",\"kind\":\"finding\",\"level\":\"error\","
    "\"message\":\"96 \\\"of\\\" "
    "97\",\"id\":\"9f2c41d07be3a655\",\"seq\":7,\"agent\":{\"realm\":\"o/p\","
    "\"node\":\"n1\",\"boot\":\"b7c1\",\"version\":\"0.1.0\"},\"target\":\"db\",\"name\":"
    "\"connections\","
    "\"check\":\"postgres.connections\",\"subject\":null,\"status\":\"critical\",\"flapping\":"
    "false,"
    "\"measures\":{\"used\":96,\"used_percent\":98.97},\"words\":{\"mode\":\"primary\"},"
    "\"evidence\":{\"rows\":[{\"a\":\"x\"},{\"a\":null}]},\"labels\":{\"service\":\"orders\","
    "\"env\":\"\"}}\n"
    "{\"schema\":1,\"time\":\"2026-11-21T02:58:03.005Z\",\"kind\":\"agent\",\"level\":\"info\","
    "\"message\":\"so\",\"id\":\"agent/o/p/n1\",\"seq\":8,\"agent\":{\"realm\":\"o/"
    "p\",\"node\":\"n1\","
    "\"boot\":\"b7c1\",\"version\":\"0.1.0\"},\"step\":\"heartbeat\",\"labels\":{\"service\":"
    "\"orders\"}}\n";

static struct text body;

static int set_up(void **state)
{
    (void)state;
    text_init(&body, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_finish(&body);
    return 0;
}

static void encode(const char *name, struct encode_wish wish)
{
    const struct sink_parcel parcel = {events, strlen(events), 2};
    const struct encoding *encoding = encode_find(name);
    assert_non_null(encoding);
    text_cut_to(&body, 0);
    assert_true(encoding->encode(&wish, &parcel, &body));
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", error.text, text);
    return json;
}

/* The text at a path such as "streams/0/stream/kind". */
static const char *at(json_t *json, const char *path)
{
    static char text[4000];
    char part[64];
    while (json && *path) {
        size_t len = strcspn(path, "/");
        (void)snprintf(part, sizeof(part), "%.*s", (int)len, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(part, NULL, 10))
                                   : json_object_get(json, part);
        path += len + (path[len] == '/');
    }
    if (!json)
        return "(none)";
    MEM_AUTO char *dumped = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "%s", dumped);
    return text;
}

static void ndjson_is_the_lines(void **state)
{
    (void)state;
    encode("ndjson", (struct encode_wish){0});
    assert_string_equal(body.bytes, events);
}

static void loki_has_streams_of_few_labels(void **state)
{
    static const char *const few[] = {"kind", "target", "no-such.label", NULL};
    static const char *const none[] = {"nothing", NULL};
    (void)state;
    encode("loki", (struct encode_wish){0});
    json_t *json = parsed(body.bytes);
    assert_string_equal(
        at(json, "streams/0/stream"),
        "{\"service\":\"orders\",\"realm\":\"o/p\",\"kind\":\"finding\",\"level\":\"error\"}");
    assert_string_equal(at(json, "streams/0/values/0/0"), "\"1795229882118000000\"");
    const char *line = json_string_value(json_array_get(
        json_array_get(
            json_object_get(json_array_get(json_object_get(json, "streams"), 1), "values"), 0),
        1));
    assert_memory_equal(line, strchr(events, '\n') + 1, strlen(line)); /* as it is */
    json_t *inner = parsed(line);
    assert_string_equal(at(inner, "step"), "\"heartbeat\"");
    json_decref(inner);
    json_decref(json);
    encode("loki", (struct encode_wish){.labels = few});
    json = parsed(body.bytes);
    assert_string_equal(at(json, "streams/0/stream"), "{\"kind\":\"finding\",\"target\":\"db\"}");
    json_decref(json);
    encode("loki", (struct encode_wish){.labels = none});
    json = parsed(body.bytes);
    assert_string_equal(at(json, "streams/0/stream"), "{\"service_name\":\"runbookd\"}");
    assert_string_equal(at(json, "streams/0/values/1/0"), "\"1795229883005000000\"");
    json_decref(json);
}

static void otlp_has_types(void **state)
{
    static const char record[] = "resourceLogs/0/scopeLogs/0/logRecords/0";
    (void)state;
    encode("otlp", (struct encode_wish){0});
    json_t *json = parsed(body.bytes);
    MEM_AUTO char *path = mem_print("%s/attributes", record);
    const char *attributes = at(json, path);
    assert_non_null(
        strstr(attributes, "{\"key\":\"runbookd.seq\",\"value\":{\"intValue\":\"7\"}}"));
    assert_non_null(
        strstr(attributes, "{\"key\":\"used_percent\",\"value\":{\"doubleValue\":98.9"));
    assert_non_null(
        strstr(attributes, "{\"key\":\"runbookd.flapping\",\"value\":{\"boolValue\":false}}"));
    assert_null(strstr(attributes, "runbookd.subject"));
    assert_string_equal(at(json, "resourceLogs/0/scopeLogs/0/logRecords/1/severityNumber"), "9");
    assert_string_equal(at(json, "resourceLogs/0/scopeLogs/0/logRecords/0/body"),
                        "{\"stringValue\":\"96 \\\"of\\\" 97\"}");
    assert_string_equal(at(json, "resourceLogs/1"), "(none)"); /* one resource for one agent */
    json_decref(json);
}

static void elasticsearch_has_an_id_that_tells_repetitions(void **state)
{
    (void)state;
    encode("elasticsearch", (struct encode_wish){.index = "logs-x-y"});
    char *second = strchr(body.bytes, '\n');
    *second++ = '\0';
    assert_string_equal(body.bytes, "{\"create\":{\"_index\":\"logs-x-y\",\"_id\":\"b7c1-7\"}}");
    *strchr(second, '\n') = '\0';
    json_t *json = parsed(second);
    assert_string_equal(at(json, "@timestamp"), "\"2026-11-21T02:58:02.118Z\"");
    assert_string_equal(at(json, "event/kind"), "\"alert\"");
    assert_string_equal(at(json, "host/name"), "\"n1\"");
    assert_string_equal(at(json, "runbookd/measures/used"), "96");
    assert_string_equal(at(json, "runbookd/subject"), "(none)");
    json_decref(json);
}

/* A document with one name twice, or with a field of two types, would be refused by Elasticsearch. */
static void elasticsearch_has_no_name_twice_and_one_type_a_field(void **state)
{
    static const char lines[] =
        "{\"kind\":\"audit\",\"seq\":1,\"agent\":{\"realm\":\"r\",\"config\":\"old\",\"boot\":"
        "\"b\"},"
        "\"config\":\"new\"}\n"
        "{\"kind\":\"remediation\",\"seq\":2,\"agent\":{\"config\":\"old\",\"boot\":\"b\"},"
        "\"audit\":1893}\n"
        "{\"kind\":\"agent\",\"seq\":3,\"agent\":{\"boot\":\"b\"},\"audit\":{\"entries\":1893}}\n";
    const struct sink_parcel parcel = {lines, strlen(lines), 3};
    (void)state;
    text_cut_to(&body, 0);
    assert_true(encode_find("elasticsearch")->encode(&(struct encode_wish){0}, &parcel, &body));
    char *document[3], *at_line = body.bytes;
    for (size_t i = 0; i < COUNT_OF(document); i++) {
        document[i] = strchr(at_line, '\n') + 1;
        at_line = strchr(document[i], '\n');
        *at_line++ = '\0';
    }
    json_t *json = parsed(document[0]);
    assert_string_equal(at(json, "runbookd/config"), "\"new\"");
    assert_string_equal(at(json, "runbookd/realm"), "\"r\"");
    json_decref(json);
    json = parsed(document[1]);
    assert_string_equal(at(json, "runbookd/config"), "\"old\"");
    assert_string_equal(at(json, "runbookd/audit_entry"), "1893");
    assert_string_equal(at(json, "runbookd/audit"), "(none)");
    json_decref(json);
    json = parsed(document[2]);
    assert_string_equal(at(json, "runbookd/audit/entries"), "1893");
    json_decref(json);
}

static void splunk_datadog_and_clickhouse(void **state)
{
    (void)state;
    encode("splunk", (struct encode_wish){.index = "ops"});
    *strchr(body.bytes, '\n') = '\0';
    json_t *json = parsed(body.bytes);
    assert_string_equal(at(json, "index"), "\"ops\"");
    assert_string_equal(at(json, "event/seq"), "7");
    assert_non_null(strstr(body.bytes, "{\"time\":1795229882.118,\"host\":\"n1\""));
    json_decref(json);

    encode("datadog", (struct encode_wish){0});
    json = parsed(body.bytes);
    assert_string_equal(at(json, "0/ddtags"), "\"source:runbookd,realm:o/p,service:orders,env:\"");
    assert_string_equal(at(json, "1/service"), "\"orders\"");
    assert_string_equal(at(json, "1/runbookd/seq"), "8");
    json_decref(json);

    encode("clickhouse", (struct encode_wish){0});
    *strchr(body.bytes, '\n') = '\0';
    json = parsed(body.bytes);
    assert_string_equal(at(json, "boot"), "\"b7c1\"");
    assert_string_equal(at(json, "measures/used"), "96");
    assert_string_equal(at(json, "subject"), "(none)");
    json_decref(json);
}

static void what_is_no_event_is_refused(void **state)
{
    static const char *const broken[] = {"{\"time\":\n", "garbage\n", "{\"a\":1}}\n"};
    (void)state;
    for (size_t i = 0; encode_names[i]; i++)
        for (size_t each = 0; each < COUNT_OF(broken) && strcmp(encode_names[i], "ndjson") != 0;
             each++) {
            const struct sink_parcel parcel = {broken[each], strlen(broken[each]), 1};
            const struct encode_wish wish = {0};
            assert_false(encode_find(encode_names[i])->encode(&wish, &parcel, &body));
        }
    assert_null(encode_find("none"));
}

static struct sink_answer judged(const char *name, const char *reply)
{
    struct text TEXT_AUTO message, dense;
    struct sink_answer answer = {.verdict = SINK_TAKEN};
    text_init(&message, 200);
    text_init(&dense, 2000);
    view_dense(reply, strlen(reply), &dense);
    encode_find(name)->judge((struct view){dense.bytes, dense.len}, &answer, &message);
    return answer;
}

static void replies_are_judged(void **state)
{
    static const char es[] = "{\"took\":1,\"errors\":true,\"items\":[{\"create\":{\"status\":201}},"
                             "{\"create\":{\"status\":%d,\"error\":{\"reason\":\"so\"}}}]}";
    static const struct {
        int status;
        enum sink_verdict verdict;
    } cases[] = {{409, SINK_TAKEN},
                 {400, SINK_REFUSED},
                 {429, SINK_LATER},
                 {503, SINK_LATER},
                 {404, SINK_LATER},
                 {403, SINK_LATER}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        MEM_AUTO char *reply = mem_print(es, cases[i].status);
        assert_int_equal(judged("elasticsearch", reply).verdict, cases[i].verdict);
    }
    assert_int_equal(judged("elasticsearch", "{\"errors\":false}").verdict, SINK_TAKEN);
    assert_int_equal(judged("elasticsearch", "").verdict, SINK_TAKEN);
    assert_int_equal(judged("otlp", "{\"partialSuccess\":{}}").lost, 0);
    assert_int_equal(
        judged("otlp", "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"x\"}}")
            .lost,
        3);
    assert_int_equal(judged("otlp", "{\"partialSuccess\":{\"rejectedLogRecords\":2}}").lost, 2);
    /* Go's protojson puts spaces where it likes. */
    assert_int_equal(judged("otlp",
                            "{ \"partialSuccess\" : {\n\t\"rejectedLogRecords\":  \"4\", "
                            "\"errorMessage\":\"a b\"}\n}")
                         .lost,
                     4);
}

static void what_is_packed_is_smaller(void **state)
{
    struct text TEXT_AUTO in;
    (void)state;
    text_init(&in, 1 << 20);
    for (int i = 0; i < 100; i++)
        text_add(&in, events);
    for (size_t i = 1; squeeze_names[i]; i++) {
        text_cut_to(&body, 0);
        assert_true(squeeze(squeeze_find(squeeze_names[i]), &in, &body));
        assert_true(body.len > 0 && body.len < in.len / 10);
    }
    assert_false(squeeze(squeeze_find("none"), &in, &body));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ndjson_is_the_lines),
        TEST(loki_has_streams_of_few_labels),
        TEST(otlp_has_types),
        TEST(elasticsearch_has_an_id_that_tells_repetitions),
        TEST(elasticsearch_has_no_name_twice_and_one_type_a_field),
        TEST(splunk_datadog_and_clickhouse),
        TEST(what_is_no_event_is_refused),
        TEST(replies_are_judged),
        TEST(what_is_packed_is_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
