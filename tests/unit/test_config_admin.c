/* core/probe/config: agent.admin and agent.otlp, where the agent's numbers are read and sent. */
#include "config_fixture.h"

#define WITH(admin) "agent: {admin: " admin "}\ntargets: {db: {type: thing, url: \"thing://db\"}}\n"

static void nobody_asked_for_pages(void **state)
{
    static const char *const texts[] = {WITH("off"), WITH("false"), WITH("null"), WITH("\"off\"")};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        load(texts[i]);
        assert_non_null(config);
        assert_null(config->agent.admin.listen);
    }
}

static void pages_are_on_loopback_unless_it_is_said_otherwise(void **state)
{
    (void)state;
    load(WITH("{}"));
    assert_string_equal(config->agent.admin.listen, "127.0.0.1:9797");
    assert_int_equal(config->agent.admin.most_subjects, 200);
    load(WITH("{listen: \"[::]:80\", subjects: 5}"));
    assert_string_equal(config->agent.admin.listen, "[::]:80");
    assert_int_equal(config->agent.admin.most_subjects, 5);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    load(WITH("{listen: \"localhost:9797\", subject: 5}"));
    assert_null(config);
    assert_string_equal(
        said.bytes,
        "a.yaml:1:25: agent.admin.listen: \"localhost:9797\" is no address with a port; write it "
        "like 127.0.0.1:9797 or [::1]:9797: a name is not looked up\n"
        "a.yaml:1:43: agent.admin.subject: is not known here; did you mean subjects?\n");
    load(WITH("\"127.0.0.1:9797\""));
    assert_null(config);
    assert_non_null(strstr(said.bytes, "write it like {listen: \"127.0.0.1:9797\"}, or off"));
}

#define SENT(otlp) "agent: {otlp: " otlp "}\ntargets: {db: {type: thing, url: \"thing://db\"}}\n"

static void numbers_are_sent_where_it_is_said(void **state)
{
    (void)state;
    load(SENT("off"));
    assert_non_null(config);
    assert_null(config->agent.otlp.url);
    load(SENT("{url: \"https://otel:4318\", every: 15s, subjects: 7}"));
    assert_non_null(config);
    assert_string_equal(config->agent.otlp.url->host, "otel");
    assert_int_equal(config->agent.otlp.every_ms, 15000);
    assert_int_equal(config->agent.otlp.timeout_ms, 10000);
    assert_int_equal(config->agent.otlp.most_subjects, 7);
}

static void what_numbers_cannot_be_sent_to_is_refused(void **state)
{
    (void)state;
    load(SENT("{url: \"grpc://otel:4317\", interval: 5s, user: u}"));
    assert_null(config);
    assert_non_null(
        strstr(said.bytes, "a.yaml:1:21: agent.otlp: url is neither http:// nor https://"));
    assert_non_null(strstr(said.bytes, "mostly 4318"));
    assert_non_null(strstr(said.bytes, "agent.otlp.interval: is not known here"));
    load(SENT("\"http://otel:4318\""));
    assert_null(config);
    assert_non_null(
        strstr(said.bytes, "write it like {url: \"http://otel-collector:4318\"}, or off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_asked_for_pages),
        TEST(pages_are_on_loopback_unless_it_is_said_otherwise),
        TEST(what_is_no_address_is_refused),
        TEST(numbers_are_sent_where_it_is_said),
        TEST(what_numbers_cannot_be_sent_to_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
