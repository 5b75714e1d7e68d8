/* An operator's own body: what is put in, and how it is escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "out/template.h"

#define LINE                                                                                       \
    "{\"schema\":1,\"kind\":\"finding\",\"message\":\"a \\\"b\\\"\\n${event.seq} "                 \
    "\\u00fc\",\"seq\":7,"                                                                         \
    "\"agent\":{\"realm\":\"r\",\"boot\":\"b\"},\"target\":\"db\",\"name\":\"connect\","           \
    "\"subject\":null,\"status\":\"critical\",\"previous\":\"ok\",\"silenced_by\":null,"           \
    "\"measures\":{\"used\":96}}"

static const struct view line = {LINE, sizeof(LINE) - 1};
static struct text out;

static const char *made(const char *json)
{
    struct error error;
    struct notice notice;
    assert_true(notice_make(line, "hook", &notice));
    struct template *template = template_create(json, &error);
    if (!template)
        fail_msg("%s: %s", json, error.message);
    text_finish(&out);
    text_init(&out, 10000);
    template_write(template, line, &notice, &out);
    template_destroy(template);
    notice_finish(&notice);
    return out.bytes;
}

static void what_is_put_in_is_escaped_and_never_read_again(void **state)
{
    (void)state;
    assert_string_equal(made("{\"text\":\"<${event.message}>\"}"),
                        "{\"text\":\"<a \\\"b\\\"\\n${event.seq} \u00fc>\"}");
    assert_string_equal(made("[\"${event.agent.realm}/${event.target}: ${event.status}\"]"),
                        "[\"r/db: critical\"]");
}

static void a_reference_alone_is_the_value_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(
        made("{\"a\":\"${event.seq}\",\"b\":\"${event.measures}\",\"c\":\"${event."
             "subject}\",\"d\":\"${event.nothing.there}\",\"e\":\"${event.status}\"}"),
        "{\"a\":7,\"b\":{\"used\":96},\"c\":null,\"d\":null,\"e\":\"critical\"}");
    assert_string_equal(
        made("{\"a\":\"n ${event.seq} ${event.measures}${event.subject}${event.x}\"}"),
        "{\"a\":\"n 7 {\\\"used\\\":96}\"}");
    assert_string_equal(made("\"${event}\""), LINE);
}

static void whatever_is_no_text_stays(void **state)
{
    (void)state;
    assert_string_equal(
        made("{\"a\":1,\"b\":[true,null,2.5],\"c\":{\"d\":\"$${event}\"},\"e\":\"$ {}${\"}"),
        "{\"a\":1,\"b\":[true,null,2.5],\"c\":{\"d\":\"${event}\"},\"e\":\"$ {}${\"}");
}

static void what_people_are_told_is_there_too(void **state)
{
    (void)state;
    assert_non_null(
        strstr(made("{\"t\":\"${notice.title}\",\"s\":\"${notice.state}\",\"c\":\"${notice."
                    "command}\"}"),
               "\"s\":\"critical\",\"c\":\"runbookd show "));
    struct error error;
    struct template *template = template_create("{\"t\":\"x${notice.title}\"}", &error);
    text_finish(&out);
    text_init(&out, 1000);
    template_write(template, line, NULL, &out);
    assert_string_equal(out.bytes, "{\"t\":\"x\"}");
    assert_true(template_is_json(template));
    template_destroy(template);
}

static void a_text_is_a_text(void **state)
{
    struct error error;
    (void)state;
    assert_string_equal(made("\"${event.status} ${event.message}\""),
                        "critical a \"b\"\n${event.seq} \u00fc");
    struct template *template = template_create("\"x\"", &error);
    assert_false(template_is_json(template));
    template_destroy(template);
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *json, *said;
    } cases[] = {
        {"{\"a\":[\"${notice.titel}\"]}", "${notice.titel} is not known here"},
        {"{\"a\":\"${evnt.status}\"}", "${evnt.status} is not known here"},
        {"\"${event.}\"", "${event.} is not known here"},
        {"\" {\\\"text\\\": \\\"${event.message}\\\"}\"",
         "is JSON in a text, which what is put in could break"},
        {"{", "is no JSON"},
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_null(template_create(cases[i].json, &error));
        assert_string_equal(error.message, cases[i].said);
    }
    template_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_is_escaped_and_never_read_again),
        cmocka_unit_test(a_reference_alone_is_the_value_as_it_is),
        cmocka_unit_test(whatever_is_no_text_stays),
        cmocka_unit_test(what_people_are_told_is_there_too),
        cmocka_unit_test(a_text_is_a_text),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_finish(&out);
    return failed;
}
