/* out: what a monitoring plugin says. */
#include <math.h>

#include "table_fixture.h"

static void one_finding_is_one_line_with_perfdata(void **data)
{
    (void)data;
    struct nagios *nagios = nagios_create();
    values[SIZE_BYTES] = (struct value){VALUE_INTEGER, {.integer = 1024}};
    values[AGE_SECONDS] = (struct value){VALUE_REAL, {.real = NAN}};
    values[EVICTED] = (struct value){VALUE_INTEGER, {.integer = 7}};
    values[STATE] = (struct value){VALUE_WORD, {.word = (char *)"up"}};
    values[PRIMARY] = (struct value){VALUE_FLAG, {.flag = true}};
    nagios_add(nagios,
               &said,
               "used_percent > 80 or (evicted_delta or 0) > 0",
               "used_percent >= 95 or used < 3");
    assert_string_equal(as_nagios(nagios),
                        "CRITICAL - 96 of 97 usable connections are used | 'used'=96;;3: "
                        "'used_percent'=98.969072%;80;95 'size_bytes'=1024B;; 'age_seconds'=U;; "
                        "'evicted'=7c;; 'primary'=1;;\n");
}

static void thresholds_are_only_what_decides_alone(void **data)
{
    (void)data;
    static const char *const conditions[] = {"used > 5 and primary",
                                             "not (used > 5)",
                                             "96 - used > 5",
                                             "used > 5 + 1",
                                             "abs(used) > 5",
                                             "used * 2 > 5",
                                             "used == 5",
                                             "used ~= 5",
                                             "max(used, 5) > 5",
                                             "used > used_percent",
                                             "state == 'used > 5'",
                                             "used > 'x'",
                                             NULL};
    for (size_t i = 0; i < COUNT_OF(conditions); i++) {
        struct nagios *nagios = nagios_create();
        nagios_add(nagios, &said, conditions[i], NULL);
        if (!strstr(as_nagios(nagios), "'used'=96;; "))
            fail_msg("%s: %s", conditions[i], out.bytes);
    }
}

static void several_findings_are_counted_and_listed_worst_first(void **data)
{
    (void)data;
    struct nagios *nagios = nagios_create();
    struct finding other = {.summary = (char *)"PONG | in 1 ms\n"};
    struct ledger_report fine = {.status = PROBE_OK};
    struct event_finding second = {
        .finding = &other, .report = &fine, .target = "redis", .name = "connect"};
    nagios_add(nagios, &second, NULL, NULL);
    finding.subject = (char *)"it's=|";
    nagios_add(nagios, &said, NULL, NULL);
    assert_string_equal(as_nagios(nagios),
                        "CRITICAL - 1 critical, 1 ok; pg/connections[it's=_]: 96 "
                        "of 97 usable connections are used"
                        " | 'pg/connections[it_s__] used'=96;; "
                        "'pg/connections[it_s__] used_percent'=98.969072%;;\n"
                        "[CRITICAL] pg/connections[it's=_]: 96 of 97 usable "
                        "connections are used\n"
                        "[OK] redis/connect: PONG _ in 1 ms\\n\n");
}

static void nothing_found_is_unknown(void **data)
{
    (void)data;
    assert_string_equal(as_nagios(nagios_create()), "UNKNOWN - nothing was found\n");
}

static void beyond_the_maximum_findings_are_counted(void **data)
{
    (void)data;
    struct nagios *nagios = nagios_create();
    struct table *table = table_create(&(const struct table_look){0});
    for (int i = 0; i < TABLE_MOST_ROWS + 5; i++) {
        nagios_add(nagios, &said, NULL, NULL);
        table_add(table, &said, now_ms);
    }
    assert_non_null(strstr(as_nagios(nagios), "CRITICAL - 10005 critical; "));
    text_finish(&out);
    text_init(&out, 1 << 24);
    const char *text = printed(table);
    assert_non_null(strstr(text, "\n10005 critical\n5 more are counted here and not shown\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FINDING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FINDING(one_finding_is_one_line_with_perfdata),
        WITH_FINDING(thresholds_are_only_what_decides_alone),
        WITH_FINDING(several_findings_are_counted_and_listed_worst_first),
        WITH_FINDING(nothing_found_is_unknown),
        WITH_FINDING(beyond_the_maximum_findings_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
