/* only: which events are a sink's, where a plan that waits names sinks, and where it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "out/only.h"

static const struct config_sink_type keeps = {.name = "http"},
                                     tells = {.name = "slack", .people = true};
static const char *const findings[] = {"finding", NULL};

/* Whether a sink of that name and type gets a plan's event with these members. */
static bool hears(const char *name, const struct config_sink_type *type, const char *const *kinds,
                  const char *json)
{
    const struct config_sink sink = {.name = name, .type = type, .only = {.kinds = kinds}};
    const struct event event = {
        .kind = EVENT_REMEDIATION, .level = LOG_ERROR, .json = json, .len = strlen(json)};
    return only_wants(&sink, &event);
}

static void without_names_each_goes_by_its_own(void **state)
{
    const char *json = "{\"step\":\"waiting\"}";
    (void)state;
    assert_true(hears("ops", &tells, NULL, json));
    assert_false(hears("ops", &tells, findings, json));
    assert_true(hears("logs", &keeps, NULL, json));
    assert_false(hears("logs", &keeps, findings, json));
}

static void who_is_named_is_told_whatever_its_only_says(void **state)
{
    const char *json = "{\"step\":\"waiting\",\"notify\":[\"pages\",\"ops\"]}";
    (void)state;
    assert_true(hears("ops", &tells, findings, json));
    assert_true(hears("pages", &tells, NULL, json));
    assert_true(hears("ops", &keeps, findings, json));
}

static void other_people_are_not_told_and_what_keeps_events_keeps_them(void **state)
{
    const char *json = "{\"step\":\"waiting\",\"notify\":[\"pages\"]}";
    (void)state;
    assert_false(hears("ops", &tells, NULL, json));
    assert_true(hears("logs", &keeps, NULL, json));
    assert_false(hears("logs", &keeps, findings, json));
}

static void a_finding_names_nobody(void **state)
{
    static const char json[] = "{\"kind\":\"finding\",\"notify\":[\"pages\"]}";
    const struct config_sink sink = {.name = "ops", .type = &tells};
    const struct event event = {
        .kind = EVENT_FINDING, .level = LOG_INFO, .json = json, .len = sizeof(json) - 1};
    (void)state;
    assert_true(only_wants(&sink, &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_names_each_goes_by_its_own),
        cmocka_unit_test(who_is_named_is_told_whatever_its_only_says),
        cmocka_unit_test(other_people_are_not_told_and_what_keeps_events_keeps_them),
        cmocka_unit_test(a_finding_names_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
