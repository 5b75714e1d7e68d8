/* The postgres plugin's checks of logins and sessions, on rows laid out by hand. */
#include "postgres_rows_fixture.h"

#include "connect.h"
#include "connections.h"
#include "sessions.h"

const struct feed feeds[] = {
    {"connect", check_connect},
    {"connections", check_connections},
    {"long_queries", check_long_queries},
    {"idle_in_transaction", check_idle_in_transaction},
    {0},
};

static void a_login_is_measured(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "connect", 1, "in_recovery", "t");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_true(run->done);
    assert_string_equal(finding->summary, "PostgreSQL 15.20, a standby, lets in and answers");
    assert_true(kit_real(finding, "connect_ms") == 18.5);
    assert_true(kit_real(finding, "query_ms") == 0.6);
    assert_true(kit_flag(finding, "in_recovery"));
    assert_int_equal(kit_int(finding, "server_version"), 150020);
    assert_string_equal(kit_text(finding, "tls"), "TLSv1.3");
    assert_int_equal(kit_close(kit), 0);
}

#define USAGE                                                                                      \
    "part", "name", "sessions", "active", "idle", "idle_in_transaction", "waiting", "hidden",      \
        "max", "reserved"
#define GROUP(part_, name_, sessions_) part_, name_, sessions_, "1", "2", "0", "0", "0", NULL, NULL

static void usable_connections_are_those_that_are_not_reserved(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "connections",
                               10,
                               USAGE,
                               "all",
                               NULL,
                               "96",
                               "5",
                               "90",
                               "1",
                               "4",
                               "0",
                               "100",
                               "3",
                               GROUP("application", "backend", "71"),
                               GROUP("application", "metabase", "9"),
                               GROUP("application", "", "8"),
                               GROUP("application", NULL, "8"),
                               GROUP("database", "orders", "96"),
                               GROUP("state", "idle", "90"),
                               GROUP("user", "app", "96"));
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(
        finding->summary,
        "96 of 97 usable connections are used (backend 71, metabase 9, (none) 8, ...)");
    assert_int_equal(kit_int(finding, "used"), 96);
    assert_int_equal(kit_int(finding, "usable"), 97);
    assert_int_equal(kit_int(finding, "max"), 100);
    assert_int_equal(kit_int(finding, "waiting"), 4);
    assert_true(kit_real(finding, "used_percent") == 98.97);
    const struct probe_table *applications = kit_rows(finding, "by_application");
    assert_int_equal(applications->row_count, 4);
    assert_string_equal(applications->cells[0], "backend");
    assert_string_equal(applications->cells[3 * 6], "(others)");
    assert_string_equal(kit_rows(finding, "by_user")->cells[1], "96");
    assert_string_equal(kit_rows(finding, "by_database")->cells[0], "orders");
    assert_string_equal(kit_rows(finding, "by_state")->cells[0], "idle");
    assert_non_null(strstr(finding->hint, "leaked sessions"));
    assert_int_equal(kit_close(kit), 0);
}

static void without_pg_monitor_nobody_is_said_to_wait(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "connections",
                               10,
                               USAGE,
                               "all",
                               NULL,
                               "12",
                               "1",
                               "0",
                               "0",
                               "0",
                               "11",
                               "100",
                               "3",
                               GROUP("application", "backend", "12"));
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "used"), 12);
    assert_false(kit_has(finding, "waiting"));
    assert_non_null(strstr(finding->hint, "GRANT pg_monitor TO runbookd;"));
    assert_int_equal(kit_close(kit), 0);
}

static void limits_of_roles_and_databases_are_subjects_of_their_own(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "connections",
                               10,
                               USAGE,
                               "all",
                               NULL,
                               "30",
                               "1",
                               "0",
                               "0",
                               "0",
                               "0",
                               "100",
                               "3",
                               "database limit",
                               "orders",
                               "2",
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               "50",
                               "0",
                               "role limit",
                               "app",
                               "18",
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               "20",
                               "0");
    const struct kit_finding *role = kit_finding(run, "role app");
    assert_int_equal(run->finding_count, 3);
    assert_int_equal(kit_int(kit_finding(run, NULL), "used"), 30);
    assert_string_equal(role->summary, "18 of 20 connections of role app are used");
    assert_int_equal(kit_int(role, "usable"), 20);
    assert_true(kit_real(role, "used_percent") == 90.0);
    assert_true(kit_real(kit_finding(run, "database orders"), "used_percent") == 4.0);
    assert_int_equal(kit_close(kit), 0);
}

static void a_server_without_limits_is_not_believed(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run =
        FEED(&kit, "connections", 10, USAGE, "all", NULL, "1", "1", "0", "0", "0", "0", "3", "3");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_int_equal(run->finding_count, 0);
    assert_int_equal(kit_close(kit), 0);
}

#define SLOW "count", "oldest_seconds", "hidden", "pid", "user", "query"

static void long_queries_show_no_literals(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "long_queries",
                               6,
                               SLOW,
                               "12",
                               "431.5",
                               "0",
                               "4711",
                               "app",
                               "select * from users where email = 'a@b.example'",
                               "12",
                               "431.5",
                               "0",
                               "4712",
                               "app",
                               NULL);
    const struct kit_finding *finding = kit_finding(run, NULL);
    const struct probe_table *sessions = kit_rows(finding, "sessions");
    assert_string_equal(finding->summary,
                        "12 queries run for long, the oldest for 7 min (pid 4711 of app)");
    assert_int_equal(kit_int(finding, "count"), 12);
    assert_true(kit_real(finding, "age_seconds") == 431.5);
    assert_int_equal(sessions->row_count, 2);
    assert_int_equal(sessions->total, 12);
    assert_string_equal(sessions->cells[sessions->column_count - 1],
                        "select * from users where email = ?");
    assert_null(sessions->cells[2 * sessions->column_count - 1]);
    assert_int_equal(kit_close(kit), 0);
}

static void no_long_query_is_fine(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "long_queries", 6, SLOW, "0", NULL, "0", NULL, NULL, NULL);
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary, "no query runs for long");
    assert_int_equal(kit_int(finding, "count"), 0);
    assert_true(kit_real(finding, "age_seconds") == 0.0);
    assert_null(finding->hint);
    assert_int_equal(kit_rows(finding, "sessions")->row_count, 0);
    assert_int_equal(kit_close(kit), 0);
}

static void who_may_not_see_has_not_looked(void **state)
{
    static const char *const checks[] = {"long_queries", "idle_in_transaction"};
    (void)state;
    for (size_t i = 0; i < COUNT(checks); i++) {
        struct kit *kit;
        struct kit_run *run = FEED(&kit, checks[i], 6, SLOW, "0", NULL, "3", NULL, NULL, NULL);
        assert_int_equal(run->how, PROBE_DENIED);
        assert_int_equal(run->finding_count, 0);
        assert_string_equal(run->hint, "GRANT pg_monitor TO runbookd;");
        assert_int_equal(kit_close(kit), 0);
    }
}

static void open_transactions_say_who_waits_for_them(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "idle_in_transaction",
                               8,
                               "count",
                               "oldest_seconds",
                               "blocked",
                               "hidden",
                               "pid",
                               "user",
                               "blocks",
                               "query",
                               "1",
                               "61",
                               "2",
                               "0",
                               "99",
                               "app",
                               "2",
                               "update t set a = 5");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary,
                        "1 transaction is open and idle, the oldest for 61 s (pid 99 of app); 2 "
                        "sessions wait for it");
    assert_int_equal(kit_int(finding, "blocked"), 2);
    assert_true(kit_real(finding, "age_seconds") == 61);
    assert_int_equal(kit_close(kit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_is_measured),
        cmocka_unit_test(usable_connections_are_those_that_are_not_reserved),
        cmocka_unit_test(without_pg_monitor_nobody_is_said_to_wait),
        cmocka_unit_test(limits_of_roles_and_databases_are_subjects_of_their_own),
        cmocka_unit_test(a_server_without_limits_is_not_believed),
        cmocka_unit_test(long_queries_show_no_literals),
        cmocka_unit_test(no_long_query_is_fine),
        cmocka_unit_test(who_may_not_see_has_not_looked),
        cmocka_unit_test(open_transactions_say_who_waits_for_them),
    };
    return cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
}
