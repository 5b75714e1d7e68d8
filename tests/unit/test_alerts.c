/* out/alerts: what Alertmanager is told, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "out/alert_labels.h"
#include "out/alerts.h"

enum { NOW = 1795229882 };

static const struct finding finding;
static const char *silenced_by;

/* What the bus would tell of one subject. */
static bool take(struct alerts *alerts, const char *id, enum probe_status status, const char *scope)
{
    const struct ledger_report report = {.status = status, .since_wall_ms = NOW * INT64_C(1000)};
    const struct event_finding said = {.finding = &finding,
                                       .report = &report,
                                       .scope = scope,
                                       .silenced_by = silenced_by,
                                       .target = "db",
                                       .name = "connections",
                                       .check = "postgres.connections",
                                       .doc = "https://runbooks/db"};
    static const char json[] =
        "{\"kind\":\"finding\",\"target\":\"db\",\"agent\":{\"realm\":\"r\\\"s\",\"node\":\"n1\"},"
        "\"subject\":null,"
        "\"measures\":{\"used\":96,\"used_percent\":98.97},\"hint\":\"h\",\"owner\":null,"
        "\"labels\":{\"team\":\"dba\",\"a.b\":\"x\",\"target\":\"mine\",\"9\":\"n\"}}";
    const struct event event = {.kind = EVENT_FINDING,
                                .wall_ms = (NOW + 5) * INT64_C(1000),
                                .json = json,
                                .len = sizeof(json) - 1,
                                .id = id,
                                .message = "96 of 97 \"used\"",
                                .finding = &said};
    return alerts_take(alerts, &event);
}

static json_t *written(const struct alerts *alerts, uint64_t *ret_what)
{
    struct text TEXT_AUTO text;
    text_init(&text, 1 << 24);
    *ret_what = alerts_write(alerts, (NOW + 180) * INT64_C(1000), &text);
    json_t *root = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

static const char *text_of(json_t *alert, const char *part, const char *name)
{
    json_t *from = part ? json_object_get(alert, part) : alert;
    const char *text = json_string_value(json_object_get(from, name));
    return text ? text : "";
}

static void an_alert_is_as_routes_want_it(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    uint64_t what;
    (void)state;
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    json_t *root = written(alerts, &what), *alert = json_array_get(root, 0);
    assert_int_equal(json_object_size(json_object_get(alert, "labels")), 9);
    assert_string_equal(text_of(alert, "labels", "alertname"), "postgres.connections");
    assert_string_equal(text_of(alert, "labels", "realm"), "r\"s");
    assert_string_equal(text_of(alert, "labels", "target"), "db");
    assert_string_equal(text_of(alert, "labels", "severity"), "critical");
    assert_string_equal(text_of(alert, "labels", "team"), "dba");
    assert_string_equal(text_of(alert, "labels", "a_b"), "x");
    assert_string_equal(text_of(alert, "labels", "label_target"), "mine");
    assert_string_equal(text_of(alert, "labels", "label_9"), "n");
    assert_string_equal(text_of(alert, "annotations", "measures"), "used 96, used_percent 98.97");
    assert_string_equal(text_of(alert, "annotations", "command"), "runbookd show db/connections");
    assert_string_equal(text_of(alert, "annotations", "summary"), "96 of 97 \"used\"");
    assert_string_equal(text_of(alert, NULL, "generatorURL"), "https://runbooks/db");
    assert_string_equal(text_of(alert, NULL, "startsAt"), "2026-11-21T02:58:02.000Z");
    assert_string_equal(text_of(alert, NULL, "endsAt"), "2026-11-21T03:01:02.000Z");
    json_decref(root);
    alerts_destroy(alerts);
}

static void a_node_is_a_label_only_where_it_is_asked_by_each(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    uint64_t what;
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_WARNING, "node");
    json_t *root = written(alerts, &what);
    assert_string_equal(text_of(json_array_get(root, 0), "labels", "node"), "n1");
    json_decref(root);
    alerts_destroy(alerts);
}

static void what_ends_is_told_to_everybody_and_forgotten(void **state)
{
    struct alerts *alerts = alerts_create(2, "pages", NULL);
    uint64_t what, later;
    (void)state;
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    assert_false(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster")); /* a repeat */
    json_decref(written(alerts, &what));
    assert_true(take(alerts, "0123456789abcdef", PROBE_OK, "cluster"));
    assert_false(take(alerts, "0123456789abcdef", PROBE_OK, "cluster"));
    alerts_told(alerts, 0, what); /* they know that it was there, not that it is over */
    alerts_told(alerts, 1, what);
    assert_int_equal(alerts_ending(alerts), 1);
    json_t *root = written(alerts, &later);
    assert_string_equal(text_of(json_array_get(root, 0), NULL, "endsAt"),
                        "2026-11-21T02:58:07.000Z");
    json_decref(root);
    alerts_told(alerts, 0, later);
    assert_int_equal(alerts_count(alerts), 1);
    alerts_told(alerts, 1, later);
    assert_int_equal(alerts_count(alerts), 0);
    alerts_destroy(alerts);
}

static void another_grade_is_another_alert(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    uint64_t what;
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_WARNING, "cluster");
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    assert_int_equal(alerts_count(alerts), 2);
    assert_int_equal(alerts_ending(alerts), 1);
    assert_true(take(alerts, "0123456789abcdef", PROBE_WARNING, "cluster")); /* it comes back */
    assert_int_equal(alerts_count(alerts), 2);
    assert_int_equal(alerts_ending(alerts), 1);
    json_decref(written(alerts, &what));
    alerts_told(alerts, 0, what);
    assert_int_equal(alerts_count(alerts), 1);
    alerts_destroy(alerts);
}

static void what_is_silenced_pages_nobody(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    (void)state;
    silenced_by = "s1";
    assert_false(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    assert_int_equal(alerts_count(alerts), 0);
    silenced_by = NULL;
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    silenced_by = "s2";
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster")); /* it ends */
    assert_int_equal(alerts_ending(alerts), 1);
    assert_false(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    silenced_by = NULL;
    assert_true(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    assert_int_equal(alerts_ending(alerts), 0);
    alerts_destroy(alerts);
}

static void an_instance_that_never_answers_keeps_nothing_for_ever(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster");
    (void)take(alerts, "0123456789abcdef", PROBE_OK, "cluster");
    alerts_expire(alerts, (NOW + 600) * INT64_C(1000));
    assert_int_equal(alerts_count(alerts), 1);
    alerts_expire(alerts, (NOW + 1000) * INT64_C(1000));
    assert_int_equal(alerts_count(alerts), 0);
    alerts_destroy(alerts);
    alerts_destroy(NULL);
}

static void there_are_at_most_so_many(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    char id[EVENT_ID_LEN];
    (void)state;
    for (int i = 0; i < ALERTS_MOST + 10; i++) {
        (void)snprintf(id, sizeof(id), "%016x", (unsigned)i);
        (void)take(alerts, id, PROBE_CRITICAL, "cluster");
    }
    assert_int_equal(alerts_count(alerts), ALERTS_MOST);
    assert_int_equal(alerts_left_out(alerts), 10);
    alerts_destroy(alerts);
}

/* --------------------------------------------------------- the sink's labels ---- */

static void labels_are_those_that_were_asked_for(void **state)
{
    struct alerts *alerts = alerts_create(1,
                                          "pages",
                                          "{\"team\":\"${label.team}\",\"tier\":\"${label.tier}\","
                                          "\"what\":\"a ${target}-${severity}!\"}");
    uint64_t what;
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster");
    json_t *root = written(alerts, &what), *alert = json_array_get(root, 0);
    assert_int_equal(json_object_size(json_object_get(alert, "labels")), 7); /* no empty tier */
    assert_string_equal(text_of(alert, "labels", "team"), "dba");
    assert_string_equal(text_of(alert, "labels", "what"), "a db-critical!");
    assert_string_equal(text_of(alert, "labels", "severity"), "critical");
    json_decref(root);
    alerts_destroy(alerts);
}

static void the_same_labels_are_the_same_alert(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", "{\"severity\":\"${label.team}\"}");
    uint64_t what;
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_WARNING, "cluster");
    assert_false(take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster"));
    json_t *root = written(alerts, &what);
    assert_int_equal(json_array_size(root), 1); /* neither ended nor told twice */
    assert_string_equal(text_of(json_array_get(root, 0), "labels", "severity"), "dba");
    json_decref(root);
    alerts_destroy(alerts);
}

static void labels_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *map, *says;
    } wrong[] = {
        {"[]", "labels: is no map"},
        {"{\"a.b\":\"x\"}", "labels: \"a.b\" is no name of a label"},
        {"{\"target\":\"x\"}", "labels: target says which alert it is"},
        {"{\"a\":1}", "labels: a is no text"},
        {"{\"a\":\"${label.team\"}", "labels: a has a reference that does not end"},
        {"{\"a\":\"${team}\"}", "there is no ${team} here: write ${label.NAME}"},
        {"{\"a\":\"${label.}\"}", "there is no ${label.} here"},
    };
    struct error error;
    (void)state;
    assert_int_equal(alert_labels_check(NULL, &error), 0);
    assert_int_equal(alert_labels_check("{\"severity\":\"${label.a.b} ${owner}\"}", &error), 0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(alert_labels_check(wrong[i].map, &error), -1);
        assert_non_null(strstr(error.message, wrong[i].says));
    }
}

static void a_status_that_is_not_asked_for_ends_what_was_told(void **state)
{
    const struct ledger_report reports[] = {{.status = PROBE_UNKNOWN}, {.status = PROBE_WARNING}};
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    struct event_finding said = {.finding = &finding};
    const struct event event = {.kind = EVENT_FINDING,
                                .wall_ms = (NOW + 5) * INT64_C(1000),
                                .id = "0123456789abcdef",
                                .finding = &said};
    (void)state;
    (void)take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster");
    said.report = &reports[0];
    assert_false(alerts_end(alerts, &event)); /* unknown closes nothing */
    said.report = &reports[1];
    assert_true(alerts_end(alerts, &event));
    assert_int_equal(alerts_ending(alerts), 1);
    alerts_destroy(alerts);
}

/* -------------------------------------------------------------- remediations ---- */

static bool step(struct alerts *alerts, const char *name, const char *level, const char *more)
{
    MEM_AUTO char *json = mem_print("{\"kind\":\"remediation\",\"level\":\"%s\",\"message\":\"m\","
                                    "\"id\":\"r-1\",\"agent\":{\"realm\":"
                                    "\"o\",\"node\":\"n1\"},\"step\":\"%s\",\"remediation\":\"set-"
                                    "aside\",%s\"labels\":{\"env\":\"e\"}}",
                                    level,
                                    name,
                                    more);
    const struct event event = {.kind = EVENT_REMEDIATION,
                                .wall_ms = NOW * INT64_C(1000),
                                .json = json,
                                .len = strlen(json),
                                .id = "r-1",
                                .message = "m"};
    return alerts_take(alerts, &event);
}

#define PLAN                                                                                       \
    "\"plan\":\"7k3q\",\"plan_hash\":\"4f1d\",\"target\":\"db\",\"expires\":\"2026-11-21T02:59:"   \
    "00.000Z\","

static void a_plan_that_waits_is_an_alert_until_it_was_decided_on(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    uint64_t what;
    (void)state;
    assert_true(step(alerts, "waiting", "error", PLAN));
    assert_false(step(alerts, "reminded", "error", PLAN));
    json_t *root = written(alerts, &what), *alert = json_array_get(root, 0);
    assert_int_equal(json_array_size(root), 1);
    assert_int_equal(json_object_size(json_object_get(alert, "labels")), 7);
    assert_string_equal(text_of(alert, "labels", "alertname"), "runbookd.plan_waits");
    assert_string_equal(text_of(alert, "labels", "target"), "db");
    assert_string_equal(text_of(alert, "labels", "name"), "set-aside");
    assert_string_equal(text_of(alert, "labels", "subject"), "7k3q");
    assert_string_equal(text_of(alert, "labels", "severity"), "critical");
    assert_string_equal(
        text_of(alert, "annotations", "command"),
        "runbookd plan 7k3q\nrunbookd approve 7k3q --hash 4f1d\nrunbookd reject 7k3q");
    assert_string_equal(text_of(alert, NULL, "endsAt"),
                        "2026-11-21T02:59:00.000Z"); /* it expires */
    json_decref(root);
    assert_false(step(alerts, "acknowledged", "info", PLAN));
    assert_true(step(alerts, "rejected", "info", PLAN));
    assert_int_equal(alerts_ending(alerts), 1);
    assert_true(step(alerts, "waiting", "error", PLAN));
    alerts_expire(alerts, (NOW + 58) * INT64_C(1000)); /* its time has passed, whoever says so */
    assert_int_equal(alerts_ending(alerts), 1);
    alerts_destroy(alerts);
}

static void what_needs_a_person_ends_with_its_finding_or_in_time(void **state)
{
    struct alerts *alerts = alerts_create(1, "pages", NULL);
    uint64_t what;
    (void)state;
    assert_true(step(alerts, "handed_over", "error", "\"finding\":\"0123456789abcdef\","));
    json_t *root = written(alerts, &what);
    assert_string_equal(text_of(json_array_get(root, 0), "labels", "alertname"),
                        "runbookd.person_needed");
    json_decref(root);
    (void)take(alerts, "0123456789abcdef", PROBE_CRITICAL, "cluster");
    assert_int_equal(alerts_ending(alerts), 0);
    assert_true(take(alerts, "0123456789abcdef", PROBE_OK, "cluster"));
    assert_int_equal(alerts_ending(alerts), 2);
    assert_true(step(alerts, "failed", "error", ""));
    assert_true(step(alerts, "verified", "info", "\"outcome\":\"fixed\","));
    assert_true(step(alerts, "failed", "error", ""));
    alerts_expire(alerts, (NOW + 3600) * INT64_C(1000));
    assert_false(step(alerts, "verified", "info", "\"outcome\":\"fixed\",")); /* it has ended */
    alerts_destroy(alerts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_is_as_routes_want_it),
        cmocka_unit_test(a_node_is_a_label_only_where_it_is_asked_by_each),
        cmocka_unit_test(what_ends_is_told_to_everybody_and_forgotten),
        cmocka_unit_test(another_grade_is_another_alert),
        cmocka_unit_test(what_is_silenced_pages_nobody),
        cmocka_unit_test(an_instance_that_never_answers_keeps_nothing_for_ever),
        cmocka_unit_test(there_are_at_most_so_many),
        cmocka_unit_test(labels_are_those_that_were_asked_for),
        cmocka_unit_test(the_same_labels_are_the_same_alert),
        cmocka_unit_test(labels_that_cannot_be_are_refused),
        cmocka_unit_test(a_status_that_is_not_asked_for_ends_what_was_told),
        cmocka_unit_test(a_plan_that_waits_is_an_alert_until_it_was_decided_on),
        cmocka_unit_test(what_needs_a_person_ends_with_its_finding_or_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
