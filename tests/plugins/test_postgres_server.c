/* The postgres plugin's checks of what sessions and statements do to each other, on rows laid out by hand. */
#include "postgres_rows_fixture.h"

#include "blocking.h"
#include "databases.h"
#include "sessions.h"
#include "statements.h"
#include "window.h"

/* Both questions of the check are answered by the same rows. */
static void feed_slow_statements(struct probe_run *run, const struct answer *answer)
{
    struct statements_run *mine = run->data;
    statements_compare(
        run->memory, &mine->look, run->config, &answer->rows, (int64_t)probe_now(&run->life));
    check_slow_statements(run, answer);
}

const struct feed feeds[] = {
    {"blocking", check_blocking},
    {"sessions", check_sessions},
    {"slow_statements", feed_slow_statements},
    {"database_errors", check_database_errors},
    {0},
};

/* -------------------------------------------------------------- blocking ---- */

#define BLOCKED                                                                                    \
    "waiting", "longest_seconds", "roots", "hidden", "part", "pid", "user", "application",         \
        "state", "blocked_by", "blocks", "wait_seconds", "relation", "query"

static void the_root_of_a_chain_is_named(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "blocking", 14, BLOCKED,
        "2", "75.5", "1", "0", "root", "100", "app", "backend", "idle in transaction", NULL, "2", "75.5", NULL, "update t set a = 'x'",
        "2", "75.5", "1", "0", "waiter", "101", "app", "backend", "active", "100", "1", "75.5", "t", "update t set a = 'y'",
        "2", "75.5", "1", "0", "waiter", "102", "app", "backend", "active", "101", "0", "20.0", "t", "update t set a = 'z'");
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary,
                        "2 sessions wait for a lock, for up to 76 s, behind pid 100 of app "
                        "(backend, idle in transaction)");
    assert_non_null(strstr(finding->hint, "pg_terminate_backend(100)"));
    assert_int_equal(kit_int(finding, "waiting"), 2);
    assert_int_equal(kit_int(finding, "blockers"), 1);
    assert_true(kit_real(finding, "wait_seconds") == 75.5);
    const struct probe_table *roots = kit_rows(finding, "roots"),
                             *chain = kit_rows(finding, "chain");
    assert_int_equal(roots->row_count, 1);
    assert_string_equal(roots->cells[0], "100");
    assert_string_equal(roots->cells[roots->column_count - 1], "update t set a = ?");
    assert_int_equal(chain->row_count, 2);
    assert_string_equal(chain->cells[chain->column_count], "102");
    assert_string_equal(chain->cells[chain->column_count + 5], "101");
    assert_int_equal(kit_grade(kit, "blocking", finding), PROBE_CRITICAL);
    assert_int_equal(kit_close(kit), 0);
}

static void a_root_at_work_is_cancelled_not_terminated(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "blocking", 14, BLOCKED,
        "1", "6", "1", "0", "root", "100", "app", "report", "active", NULL, "1", "6", NULL, "lock table t",
        "1", "6", "1", "0", "waiter", "101", "app", "backend", "active", "100", "0", "6", "t", "select 1 from t");
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_non_null(strstr(finding->hint, "pg_cancel_backend(100)"));
    assert_int_equal(kit_grade(kit, "blocking", finding), PROBE_WARNING);
    assert_int_equal(kit_close(kit), 0);
}

static void a_prepared_transaction_can_be_the_root(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "blocking", 14, BLOCKED,
        "1", "6", "1", "0", "root", "0", NULL, "prepared: order-17", NULL, NULL, "1", "6", NULL, NULL,
        "1", "6", "1", "0", "waiter", "101", "app", "backend", "active", "0", "0", "6", "t", "select 1 from t");
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_non_null(strstr(finding->summary, "a prepared transaction (prepared: order-17)"));
    assert_non_null(strstr(finding->hint, "ROLLBACK PREPARED"));
    assert_int_equal(kit_close(kit), 0);
}

static void nobody_waits(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "blocking", 14, BLOCKED,
        "0", NULL, "0", "0", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_null(finding->hint);
    assert_int_equal(kit_rows(finding, "chain")->row_count, 0);
    assert_int_equal(kit_grade(kit, "blocking", finding), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

static void a_circle_has_no_root(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "blocking", 14, BLOCKED,
        "2", "9", "0", "0", "waiter", "101", "app", "backend", "active", "102", "1", "9", "t", "update t",
        "2", "9", "0", "0", "waiter", "102", "app", "backend", "active", "101", "1", "9", "t", "update t");
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_non_null(strstr(finding->summary, "behind each other"));
    assert_non_null(strstr(finding->hint, "deadlock"));
    assert_int_equal(kit_close(kit), 0);
}

/* -------------------------------------------------------------- sessions ---- */

#define GROUPS                                                                                     \
    "count", "active", "idle", "idle_in_transaction", "waiting", "hidden", "groups", "sessions",   \
        "application", "user", "state", "waits_for", "age_seconds"

static void many_that_wait_for_each_other_are_a_fault(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "sessions", 13, GROUPS,
        "40", "20", "18", "2", "16", "0", "2", "18", "backend", "app", "idle", NULL, "400.0",
        "40", "20", "18", "2", "16", "0", "2", "16", "backend", "app", "active", "LWLock:BufferMapping", "0.1");
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_true(kit_real(finding, "waiting_percent") == 80.0);
    assert_int_equal(kit_int(finding, "idle_in_transaction"), 2);
    assert_string_equal(kit_rows(finding, "groups")->cells[6 + 4], "LWLock:BufferMapping");
    assert_int_equal(kit_grade(kit, "sessions", finding), PROBE_WARNING);
    assert_int_equal(kit_close(kit), 0);
}

static void who_may_not_see_sessions_has_not_looked(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "sessions", 2, "count", "hidden", "40", "39");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_int_equal(kit_close(kit), 0);
    run = FEED(&kit, "blocking", 2, "waiting", "hidden", "0", "39");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT pg_monitor TO runbookd;");
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------- slow_statements ---- */

#define COUNTED                                                                                    \
    "queryid", "userid", "dbid", "calls", "total_ms", "rows", "read_ms", "user", "database", "query"
#define OF "10", "5"
#define TEXT(query_) "app", "orders", query_

static void statements_are_compared_with_the_last_look(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "slow_statements", 10, COUNTED,
        "-7", OF, "1000", "900000", "1000", "0", TEXT("select a from t where b = 'x'"),
        "8", OF, "50", "100", "50", "0", TEXT("select 1"));
    assert_false(kit_has(kit_finding(run, NULL), "count"));
    assert_int_equal(kit_grade(kit, "slow_statements", kit_finding(run, NULL)), PROBE_OK);
    kit_advance(kit, 300000);
    run = FEED_AGAIN(kit, "slow_statements", 10, COUNTED,
        "-7", OF, "1030", "990000", "1030", "5", TEXT("select a from t where b = 'x'"),
        "8", OF, "150", "10100", "150", "0", TEXT("select 1"),
        "9", OF, "2", "8000", "2", "0", TEXT("select pg_sleep(4)"));
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    const struct probe_table *shown = kit_rows(finding, "statements");
    assert_string_equal(finding->summary,
                        "1 slow statement among 132 calls in 5 min, the slowest takes 3000 ms");
    assert_int_equal(kit_int(finding, "count"), 1);
    assert_true(kit_real(finding, "mean_ms") == 3000.0);
    assert_true(kit_real(finding, "total_ms") == 108000.0);
    assert_true(kit_real(finding, "window_seconds") == 300.0);
    assert_int_equal(shown->row_count, 3);
    assert_string_equal(shown->cells[0], "-7");
    assert_string_equal(shown->cells[1], "app");
    assert_string_equal(shown->cells[3], "30");
    assert_string_equal(shown->cells[4], "3000.000");
    assert_string_equal(shown->cells[9], "select a from t where b = ?");
    assert_string_equal(shown->cells[10], "8"); /* more time in sum, though each is quick ... */
    assert_string_equal(shown->cells[20], "9"); /* ... than what was called twice only */
    assert_int_equal(kit_grade(kit, "slow_statements", finding), PROBE_WARNING);
    assert_int_equal(kit_close(kit), 0);
}

static void a_reset_counts_from_zero_and_twins_are_one(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    (void)FEED(&kit, "slow_statements", 10, COUNTED,
        "7", OF, "1000", "5000", "1000", "0", TEXT("select 1"));
    struct kit_run *run = FEED_AGAIN(kit, "slow_statements", 10, COUNTED,
        "7", OF, "20", "30", "20", "0", TEXT("select 1"),
        "7", OF, "10", "30", "10", "0", TEXT("select 1"));
    /* clang-format on */
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "calls"), 30);
    assert_true(kit_real(finding, "mean_ms") == 2.0);
    assert_int_equal(kit_rows(finding, "statements")->row_count, 1);
    assert_int_equal(kit_close(kit), 0);
}

static void only_as_many_are_shown_as_asked_for(void **state)
{
    struct kit *kit;
    (void)state;
    kit = feed_open();
    kit_set_for(kit, "slow_statements", "limit", "2");
    kit_set_for(kit, "slow_statements", "min_calls", "1");
    kit_set_for(kit, "slow_statements", "slower_than", "1ms");
    /* clang-format off */
    (void)FEED_AGAIN(kit, "slow_statements", 10, COUNTED, "1", OF, "1", "1", "1", "0", TEXT("a"));
    struct kit_run *run = FEED_AGAIN(kit, "slow_statements", 10, COUNTED,
        "1", OF, "1", "1", "1", "0", TEXT("a"),
        "2", OF, "1", "5", "1", "0", TEXT("b"),
        "3", OF, "1", "50", "1", "0", TEXT("c"),
        "4", OF, "9000", "80", "1", "0", TEXT("d"),
        "5", OF, "1", "20", "1", "0", TEXT("e"));
    /* clang-format on */
    const struct probe_table *shown = kit_rows(kit_finding(run, NULL), "statements");
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), 3);
    assert_int_equal(shown->row_count, 2);
    assert_string_equal(shown->cells[0], "3");
    assert_string_equal(shown->cells[10], "5");
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------- database_errors ---- */

#define ERRORS                                                                                     \
    "database", "commits", "rollbacks", "deadlocks", "conflicts", "temp_bytes", "sessions_killed", \
        "sessions_fatal", "sessions_abandoned", "checksum_failures"

static void errors_are_those_of_the_window(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "database_errors", 10, ERRORS,
        "orders", "1000", "10", "7", "0", "0", "0", "0", "0", "0");
    assert_false(kit_has(kit_finding(run, "orders"), "deadlocks"));
    assert_int_equal(kit_grade(kit, "database_errors", kit_finding(run, "orders")), PROBE_OK);
    kit_advance(kit, 30000);
    run = FEED_AGAIN(kit, "database_errors", 10, ERRORS,
        "orders", "1190", "20", "8", "0", "4096", "0", "1", "0", "0");
    const struct kit_finding *finding = kit_finding(run, "orders");
    assert_string_equal(finding->summary, "orders: deadlocks 1, conflicts 0, rollbacks 10 of 200 in 30 s");
    /* clang-format on */
    assert_int_equal(kit_int(finding, "deadlocks"), 1);
    assert_int_equal(kit_int(finding, "sessions_fatal"), 1);
    assert_int_equal(kit_int(finding, "temp_bytes"), 4096);
    assert_true(kit_real(finding, "rollback_percent") == 5.0);
    assert_int_equal(kit_grade(kit, "database_errors", finding), PROBE_WARNING);
    for (int i = 0; i < 12; i++) {
        kit_advance(kit, 30000);
        /* clang-format off */
        run = FEED_AGAIN(kit, "database_errors", 10, ERRORS,
            "orders", "1190", "20", "8", "0", "4096", "0", "1", "0", "0");
        /* clang-format on */
    }
    assert_int_equal(kit_int(kit_finding(run, "orders"), "deadlocks"), 0);
    assert_int_equal(kit_grade(kit, "database_errors", kit_finding(run, "orders")), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

static void damaged_pages_are_critical_and_old_servers_do_not_count_all(void **state)
{
    struct kit *kit;
    (void)state;
    /* clang-format off */
    struct kit_run *run = FEED(&kit, "database_errors", 10, ERRORS,
        "orders", "1000", "10", "7", "0", "0", NULL, NULL, NULL, "3",
        "", "0", "0", "0", "0", "0", NULL, NULL, NULL, NULL);
    const struct kit_finding *finding = kit_finding(run, "orders");
    assert_int_equal(kit_grade(kit, "database_errors", finding), PROBE_CRITICAL);
    assert_non_null(strstr(finding->summary, "3 damaged pages"));
    assert_false(kit_has(kit_finding(run, "(shared)"), "checksum_failures"));
    run = FEED_AGAIN(kit, "database_errors", 10, ERRORS,
        "", "0", "0", "0", "0", "0", NULL, NULL, NULL, NULL);
    /* clang-format on */
    assert_int_equal(run->finding_count, 1);
    assert_true(kit_has(kit_finding(run, "(shared)"), "deadlocks"));
    assert_false(kit_has(kit_finding(run, "(shared)"), "sessions_fatal"));
    assert_int_equal(kit_close(kit), 0);
}

static void databases_beyond_the_limit_are_unknown(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run =
        FEED(&kit, "database_errors", 3, "database", "commits", "total", "orders", "1000", "501");
    assert_int_equal(run->finding_count, 2);
    assert_int_equal(kit_finding(run, "(others)")->status, PROBE_UNKNOWN);
    assert_string_equal(kit_finding(run, "(others)")->summary,
                        "500 of 501 databases are too many to look at");
    assert_int_equal(kit_close(kit), 0);
}

static void a_window_slides_and_forgets_after_a_reset(void **state)
{
    struct window window = {0};
    (void)state;
    for (int64_t i = 0; i < 100; i++) {
        window_add(&window, 1000, &(struct window_reading){.at_ms = i * 50, .values = {i}});
        assert_true(window.count <= WINDOW_READINGS);
        if (i > 40) {
            assert_in_range(window_ms(&window), 1000, 1200);
            assert_int_equal(window_grown(&window, 0) * 50, window_ms(&window));
        }
    }
    window_add(&window, 1000, &(struct window_reading){.at_ms = 100000, .values = {3}});
    assert_false(window_known(&window));
    assert_int_equal(window_grown(&window, 0), 0);
    window_add(&window, 1000, &(struct window_reading){.at_ms = 200000, .values = {5}});
    assert_int_equal(window_grown(&window, 0), 2); /* the only one that is older than the span */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_of_a_chain_is_named),
        cmocka_unit_test(a_root_at_work_is_cancelled_not_terminated),
        cmocka_unit_test(a_prepared_transaction_can_be_the_root),
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(a_circle_has_no_root),
        cmocka_unit_test(many_that_wait_for_each_other_are_a_fault),
        cmocka_unit_test(who_may_not_see_sessions_has_not_looked),
        cmocka_unit_test(statements_are_compared_with_the_last_look),
        cmocka_unit_test(a_reset_counts_from_zero_and_twins_are_one),
        cmocka_unit_test(only_as_many_are_shown_as_asked_for),
        cmocka_unit_test(errors_are_those_of_the_window),
        cmocka_unit_test(damaged_pages_are_critical_and_old_servers_do_not_count_all),
        cmocka_unit_test(databases_beyond_the_limit_are_unknown),
        cmocka_unit_test(a_window_slides_and_forgets_after_a_reset),
    };
    return cmocka_run_group_tests_name("postgres_server", tests, NULL, NULL);
}
