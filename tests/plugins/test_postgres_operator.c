/* The checks of an operator's own SQL and tables: what they refuse to ask, and what they make of rows. */
#include "postgres_rows_fixture.h"

#include "audit.h"
#include "freshness.h"
#include "invariant.h"
#include "query.h"
#include "rls.h"

const struct feed feeds[] = {
    {"invariant", check_invariant},
    {"query", check_query},
    {"freshness", check_freshness},
    {"audit_activity", check_audit_activity},
    {"rls", check_rls},
    {0},
};

/* ------------------------------------------------------------ refusing ---- */

struct option {
    const char *name, *value;
};

/* What validate says of a check with these options; NULL: it is fine. */
static void refuses(const char *check, const struct option *options, const char *expected)
{
    struct kit *kit = feed_open();
    for (; options->name; options++)
        kit_set_for(kit, check, options->name, options->value);
    const char *refusal = kit_refusal(kit, check);
    if (!expected)
        assert_null(refusal);
    else
        assert_true(refusal && strstr(refusal, expected));
    assert_int_equal(kit_close(kit), 0);
}

#define REFUSES(check_, expected_, ...)                                                            \
    refuses((check_), (const struct option[]){__VA_ARGS__, {0}}, (expected_))

static void one_question_is_asked_and_nothing_else(void **state)
{
    (void)state;
    REFUSES("invariant", NULL, {"sql", "select id from t -- the end"});
    REFUSES("invariant", NULL, {"sql", "/* which */ (WITH x as (select ';') table x) ; -- done"});
    REFUSES("invariant", "must begin with SELECT", {"sql", "update t set a = 1"});
    REFUSES("query", "must begin with SELECT", {"sql", "set role postgres"});
    REFUSES("query", "several statements", {"sql", "select 1; select 2"});
}

static void a_statement_that_is_too_long_is_refused(void **state)
{
    static char sql[OPERATOR_SQL_ROOM + 100];
    (void)state;
    memset(sql, 'x', sizeof(sql) - 1);
    memcpy(sql, "select ", 7);
    REFUSES("invariant", "15 KiB", {"sql", sql});
    REFUSES("freshness", "15 KiB", {"table", "t"}, {"where", sql});
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    REFUSES("freshness", NULL, {"table", "audit.events"}, {"group", "source"}, {"expect", "[a]"});
    REFUSES("freshness", "table", {"table", "audit."});
    REFUSES("freshness", "column", {"table", "t"}, {"column", "\"open"});
    REFUSES("freshness", "group", {"table", "t"}, {"group", "."});
    REFUSES("freshness", "expect", {"table", "t"}, {"expect", "[a]"});
    REFUSES("rls", NULL, {"role", "app"}, {"tables", "[events, billing.invoices]"});
    REFUSES("rls", "tables", {"role", "app"}, {"tables", "[events, \"..\"]"});
    REFUSES("rls", "column", {"role", "app"});
    REFUSES("integrity", "tables", {"tables", "[\"\\\"a\"]"});
}

static void an_audit_log_needs_a_time_and_knows_five_columns(void **state)
{
    (void)state;
    REFUSES("audit_activity", NULL, {"table", "t"}, {"columns", "{at: created_at, ip: ip}"});
    REFUSES("audit_activity", "`at`", {"table", "t"}, {"columns", "{ip: ip}"});
    REFUSES("audit_activity", "knows at, ip", {"table", "t"}, {"columns", "{at: a, who: b}"});
    REFUSES("audit_activity",
            "`actor`",
            {"table", "t"},
            {"columns", "{at: a, ip: b}"},
            {"per_actor", "5"});
    REFUSES("audit_activity",
            "10.0.0.0/33",
            {"table", "t"},
            {"columns", "{at: a, ip: b}"},
            {"allow_ips", "[10.0.0.1, 10.0.0.0/33]"});
}

/* ------------------------------------------------ invariants and values ---- */

#define VIOLATED "count", "violations", "columns", "named", "id"

static struct kit *open_for(const char *check, const char *option, const char *value)
{
    struct kit *kit = feed_open();
    if (strcmp(check, "invariant") == 0 || strcmp(check, "query") == 0)
        kit_set_for(kit, check, "sql", "select 1");
    kit_set_for(kit, check, option, value);
    return kit;
}

static void ids_are_shown_to_who_asks(void **state)
{
    static const char *const samples[] = {"0", "5"};
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct kit *kit = open_for("invariant", "sample", samples[i]);
        struct kit_run *run =
            FEED_AGAIN(kit, "invariant", 5, VIOLATED, "42", NULL, "3", "id", "4711");
        const struct kit_finding *finding = kit_finding(run, NULL);
        assert_string_equal(finding->summary, "42 rows violate invariant");
        assert_int_equal(kit_int(finding, "excess"), 42);
        assert_int_equal(kit_has(finding, "sample"), i == 1);
        assert_true(i == 0 || strcmp(kit_rows(finding, "sample")->cells[0], "4711") == 0);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void a_count_must_be_called_violations(void **state)
{
    struct kit *kit = open_for("invariant", "tolerance", "3");
    (void)state;
    struct kit_run *run =
        FEED_AGAIN(kit, "invariant", 5, VIOLATED, "1", "7", "1", "violations", "7");
    assert_int_equal(kit_int(kit_finding(run, NULL), "violations"), 7);
    assert_int_equal(kit_int(kit_finding(run, NULL), "excess"), 4);
    run = FEED_AGAIN(kit, "invariant", 5, VIOLATED, "1", NULL, "1", "count", "0");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_non_null(strstr(run->hint, "count(*) AS violations"));
    run = FEED_AGAIN(kit, "invariant", 5, VIOLATED, "1", "many", "1", "violations", "many");
    assert_int_equal(run->how, PROBE_FAILED);
    run = FEED_AGAIN(kit, "invariant", 5, VIOLATED, "1", "-1", "1", "violations", "-1");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_int_equal(kit_close(kit), 0);
}

#define VALUE "count", "value", "subject", "has_value", "has_subject"

static void values_are_numbers_and_flags(void **state)
{
    static const struct {
        const char *text;
        bool good;
        double value;
    } cases[] = {{"12.5", true, 12.5},
                 {"-3e2", true, -300},
                 {"true", true, 1},
                 {"false", true, 0},
                 {"NaN", false, 0},
                 {"Infinity", false, 0},
                 {"12 apples", false, 0},
                 {"", false, 0},
                 {NULL, false, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kit *kit = open_for("query", "max_rows", "5");
        struct kit_run *run =
            FEED_AGAIN(kit, "query", 5, VALUE, "1", cases[i].text, NULL, "0", "0");
        assert_int_equal(run->done, cases[i].good);
        if (cases[i].good)
            assert_true(kit_real(kit_finding(run, NULL), "value") == cases[i].value);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void two_rows_of_one_subject_are_refused(void **state)
{
    struct kit *kit = open_for("query", "subject", "source");
    (void)state;
    struct kit_run *run =
        FEED_AGAIN(kit, "query", 5, VALUE, "2", "1", "a", "0", "1", "2", "2", NULL, "0", "1");
    assert_true(kit_real(kit_finding(run, "(none)"), "value") == 2);
    run = FEED_AGAIN(kit, "query", 5, VALUE, "2", "1", "a", "0", "1", "2", "2", "a", "0", "1");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_int_equal(run->finding_count, 0);
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------------ freshness ---- */

static void a_group_without_rows_is_as_old_as_the_window(void **state)
{
    struct kit *kit = open_for("freshness", "table", "events");
    (void)state;
    kit_set_for(kit, "freshness", "group", "source");
    kit_set_for(kit, "freshness", "window", "1d");
    struct kit_run *run = FEED_AGAIN(kit,
                                     "freshness",
                                     4,
                                     "name",
                                     "expected",
                                     "last_at",
                                     "age_seconds",
                                     "lost",
                                     "t",
                                     NULL,
                                     NULL,
                                     "slow",
                                     "f",
                                     "2026-11-21 00:00:00+00",
                                     "10800",
                                     NULL,
                                     "f",
                                     "2026-11-21 02:59:00+00",
                                     "60");
    const struct kit_finding *all = kit_finding(run, NULL);
    assert_string_equal(all->summary, "events: the newest row is 60 s old; 2 groups, 1 missing");
    assert_int_equal(kit_grade(kit, "freshness", all), PROBE_OK);
    assert_true(kit_real(kit_finding(run, "lost"), "age_seconds") == 86400);
    assert_int_equal(kit_grade(kit, "freshness", kit_finding(run, "slow")), PROBE_CRITICAL);
    assert_true(kit_real(kit_finding(run, "(none)"), "age_seconds") == 60);
    assert_int_equal(kit_close(kit), 0);
}

static void an_empty_table_is_not_fresh(void **state)
{
    struct kit *kit = open_for("freshness", "table", "events");
    (void)state;
    struct kit_run *run = FEED_AGAIN(
        kit, "freshness", 4, "name", "expected", "last_at", "age_seconds", NULL, "f", NULL, NULL);
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_non_null(strstr(finding->summary, "there is no row of the last"));
    assert_int_equal(kit_grade(kit, "freshness", finding), PROBE_CRITICAL);
    assert_false(kit_has(finding, "groups"));
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------- audit_activity ---- */

static void networks_hold_their_addresses(void **state)
{
    static const struct {
        const char *address, *network;
        bool inside;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8", true},
        {"10.1.2.3/32", "10.0.0.0/8", true},
        {"11.1.2.3", "10.0.0.0/8", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.4", "10.1.2.3", false},
        {"192.168.5.130", "192.168.5.128/25", true},
        {"192.168.5.127", "192.168.5.128/25", false},
        {"1.2.3.4", "0.0.0.0/0", true},
        {"::1", "0.0.0.0/0", false},
        {"::ffff:10.1.2.3", "10.0.0.0/8", true},
        {"2001:db8::5", "2001:db8::/32", true},
        {"2001:db9::5", "2001:db8::/32", false},
        {"fe80::1/128", "fe80::/10", true},
        {"10.1.2.3, 5.6.7.8", "10.0.0.0/8", false},
        {"unknown", "10.0.0.0/8", false},
        {"", "10.0.0.0/8", false},
        {"10.1.2.3", "10.0.0.0/", false},
        {"10.1.2.3", "10.0.0.0/8x", false},
        {"10.1.2.3", "10.0.0.0/33", false},
        {"10.1.2.3", "office", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(audit_lies_in(cases[i].address, cases[i].network), cases[i].inside);
}

#define PART "part", "name", "recent", "before", "actions"

static void who_always_does_much_is_not_suspicious(void **state)
{
    struct kit *kit = open_for("audit_activity", "table", "log");
    (void)state;
    kit_set_for(kit, "audit_activity", "columns", "{at: at, ip: ip, actor: who}");
    kit_set_for(kit, "audit_activity", "allow_ips", "[10.0.0.0/8]");
    kit_set_for(kit, "audit_activity", "sample", "2");
    struct kit_run *run = FEED_AGAIN(kit,
                                     "audit_activity",
                                     5,
                                     PART,
                                     "all",
                                     NULL,
                                     "2400",
                                     "12000",
                                     "3",
                                     "ip",
                                     "10.0.0.5/32",
                                     "1000",
                                     "0",
                                     "1",
                                     "ip",
                                     "192.0.2.1/32", /* 500 are usual */
                                     "900",
                                     "6000",
                                     "2",
                                     "ip",
                                     "192.0.2.2/32",
                                     "400",
                                     "0",
                                     "2",
                                     "ip",
                                     "192.0.2.3/32",
                                     "100",
                                     "0",
                                     "1");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "suspicious_ips"), 1);
    assert_int_equal(kit_int(finding, "suspicious_actors"), 0);
    assert_true(kit_real(finding, "usual") == 1000);
    assert_true(kit_real(finding, "usual_ratio") == 2.4);
    assert_int_equal(kit_rows(finding, "top_ips")->row_count, 2);
    assert_int_equal(kit_rows(finding, "top_ips")->total, 4);
    assert_false(kit_has(finding, "top_actors"));
    assert_int_equal(kit_grade(kit, "audit_activity", finding), PROBE_CRITICAL);
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------------------ rls ---- */

#define COVER                                                                                      \
    "roles", "bypasses", "count", "missing", "exposed", "opened", "table", "no_such_table",        \
        "problem", "enabled", "forced", "owner", "policies", "commands", "opened_by"

static void cover(const char *const *row, enum probe_status status, const char *says)
{
    const char *text[30] = {COVER};
    struct kit *kit = open_for("rls", "role", "app");
    kit_set_for(kit, "rls", "tables", "[events]");
    memcpy(text + 15, row, 15 * sizeof(*row));
    struct kit_run *run = feed(kit, "rls", text, 15, 30);
    if (run->how) {
        assert_int_equal(status, PROBE_UNKNOWN);
        assert_non_null(strstr(run->summary, says));
    } else {
        const struct kit_finding *finding = kit_finding(run, NULL);
        assert_non_null(strstr(finding->summary, says));
        assert_int_equal(finding->status ? finding->status : kit_grade(kit, "rls", finding),
                         status);
    }
    assert_int_equal(kit_close(kit), 0);
}

#define COVERED(status_, says_, ...) cover((const char *const[15]){__VA_ARGS__}, (status_), (says_))

static void what_was_not_looked_at_is_not_covered(void **state)
{
    (void)state;
    COVERED(PROBE_OK, "holds app on 2 tables", "1", "f", "2", "0", "0", "0", "events");
    COVERED(PROBE_CRITICAL,
            "1 of 2 tables are open to app: events, row security is off",
            "1",
            "f",
            "2",
            "0",
            "1",
            "0",
            "events",
            "f",
            "row security is off");
    COVERED(PROBE_CRITICAL, "app is exempt", "1", "t", "2", "0", "0", "0", "events");
    COVERED(PROBE_WARNING, "let app see every row", "1", "f", "2", "0", "0", "1", "events");
    COVERED(PROBE_UNKNOWN, "do not exist: events", "1", "f", "2", "1", "0", "0", "events", "t");
    COVERED(PROBE_UNKNOWN, "no role of that name", "0", NULL, "1", "0", "0", "0");
    COVERED(PROBE_UNKNOWN, "no table that has the column", "1", "f", "0", "0", "0", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_question_is_asked_and_nothing_else),
        cmocka_unit_test(a_statement_that_is_too_long_is_refused),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(an_audit_log_needs_a_time_and_knows_five_columns),
        cmocka_unit_test(ids_are_shown_to_who_asks),
        cmocka_unit_test(a_count_must_be_called_violations),
        cmocka_unit_test(values_are_numbers_and_flags),
        cmocka_unit_test(two_rows_of_one_subject_are_refused),
        cmocka_unit_test(a_group_without_rows_is_as_old_as_the_window),
        cmocka_unit_test(an_empty_table_is_not_fresh),
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(who_always_does_much_is_not_suspicious),
        cmocka_unit_test(what_was_not_looked_at_is_not_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
