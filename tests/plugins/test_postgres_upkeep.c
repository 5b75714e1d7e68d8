/* The postgres plugin's checks of replication, log, vacuum and settings, on rows laid out by hand. */
#include "postgres_rows_fixture.h"

#include "replication.h"
#include "settings.h"
#include "upkeep.h"
#include "wal.h"

const struct feed feeds[] = {
    {"replication", check_replication},
    {"wal", check_wal},
    {"checkpoints", check_checkpoints},
    {"wraparound", check_wraparound},
    {"vacuum", check_vacuum},
    {"config_drift", check_config_drift},
    {0},
};

/* clang-format off */

/* ----------------------------------------------------------- replication ---- */

#define PEERS                                                                                      \
    "in_recovery", "paused", "position", "hidden", "receiving", "connected", "standbys", "slots",  \
        "inactive", "part", "name", "client", "lag_bytes", "lag_seconds"
#define PRIMARY(position_) "f", NULL, position_, "0", "f", "1", "1", "0", "0"
#define STANDBY(paused_, receiving_) "t", paused_, "500", "0", receiving_, "0", "0", "0", "0"

static void a_standby_that_stands_still_lags_since_it_did(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "replication", 14, PEERS,
        PRIMARY("1000"), "self", NULL, NULL, NULL, NULL,
        PRIMARY("1000"), "standby", "b", "10.0.0.2", "0", "0.1");
    assert_true(kit_real(kit_finding(run, NULL), "lag_seconds") == 0.1);
    kit_advance(kit, 20000);
    (void)FEED_AGAIN(kit, "replication", 14, PEERS,
        PRIMARY("3000"), "standby", "b", "10.0.0.2", "2000", NULL);
    kit_advance(kit, 40000);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        PRIMARY("3000"), "standby", "b", "10.0.0.2", "2000", NULL);
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_true(kit_real(finding, "lag_seconds") == 40.0);
    assert_int_equal(kit_int(finding, "lag_bytes"), 2000);
    assert_string_equal(finding->summary, "a primary with 1 streaming standby; the slowest, b, is 40 s and 2.0 KiB behind");
    assert_int_equal(kit_grade(kit, "replication", finding), PROBE_WARNING);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        PRIMARY("3000"), "standby", "b", "10.0.0.2", "0", NULL);
    assert_int_equal(kit_grade(kit, "replication", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

static void positions_are_bounded_and_forget_another_server(void **state)
{
    struct positions positions = {0};
    (void)state;
    for (int64_t i = 0; i < 200; i++)
        positions_add(&positions, i * 10000, i * 100);
    assert_int_equal(positions.count, POSITION_READINGS);
    assert_int_equal(positions_behind_ms(&positions, 1990000, 19900), 0);
    assert_int_equal(positions_behind_ms(&positions, 1990000, 19850), 0);
    assert_int_equal(positions_behind_ms(&positions, 2000000, 19850), 10000);
    assert_int_equal(positions_behind_ms(&positions, 1990000, 0), (POSITION_READINGS - 1) * 10000);
    positions_add(&positions, 2000000, 5);
    assert_int_equal(positions.count, 1);
}

static void a_missing_standby_and_a_wrong_role_are_faults(void **state)
{
    struct kit *kit = feed_open();
    (void)state;
    kit_set_for(kit, "replication", "min_standbys", "2");
    kit_set_for(kit, "replication", "expect", "primary");
    struct kit_run *run = FEED_AGAIN(kit, "replication", 14, PEERS,
        PRIMARY("1000"), "standby", "b", "10.0.0.2", "0", NULL);
    assert_int_equal(kit_int(kit_finding(run, NULL), "missing"), 1);
    assert_int_equal(kit_grade(kit, "replication", kit_finding(run, NULL)), PROBE_WARNING);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        STANDBY("f", "t"), "self", NULL, "10.0.0.1", "0", "0");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(kit_text(finding, "role"), "standby");
    assert_false(kit_flag(finding, "as_expected"));
    assert_int_equal(kit_grade(kit, "replication", finding), PROBE_CRITICAL);
    assert_int_equal(kit_close(kit), 0);
}

static void a_standby_says_how_far_behind_and_why(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "replication", 14, PEERS,
        STANDBY("t", "t"), "self", NULL, "10.0.0.1", "16777216", "301");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary, "a standby of 10.0.0.1, 5 min and 16.0 MiB behind; its replay is paused");
    assert_string_equal(finding->hint, "SELECT pg_wal_replay_resume()");
    assert_true(kit_flag(finding, "paused"));
    assert_int_equal(kit_grade(kit, "replication", finding), PROBE_CRITICAL);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        STANDBY("f", "f"), "self", NULL, NULL, "0", "45");
    assert_string_equal(kit_finding(run, NULL)->summary, "a standby without a connection to a primary, 45 s and 0 B behind");
    assert_int_equal(kit_close(kit), 0);
}

static void a_standby_that_has_replayed_no_transaction_yet_is_timed_all_the_same(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "replication", 14, PEERS,
        STANDBY("t", "t"), "self", NULL, "10.0.0.1", "100", NULL);
    assert_true(kit_real(kit_finding(run, NULL), "lag_seconds") == 0.0);
    kit_advance(kit, 35000);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        STANDBY("t", "t"), "self", NULL, "10.0.0.1", "100", NULL);
    assert_true(kit_real(kit_finding(run, NULL), "lag_seconds") == 35.0);
    assert_int_equal(kit_grade(kit, "replication", kit_finding(run, NULL)), PROBE_WARNING);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        STANDBY("f", "f"), "self", NULL, "10.0.0.1", "0", NULL);
    assert_false(kit_has(kit_finding(run, NULL), "lag_seconds"));
    assert_int_equal(kit_close(kit), 0);
}

static void a_primary_alone_is_fine(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "replication", 14, PEERS,
        "f", NULL, "7", "0", "f", "0", "0", "0", "0", "self", NULL, NULL, NULL, NULL);
    assert_string_equal(kit_finding(run, NULL)->summary, "a primary that no standby streams from");
    assert_false(kit_has(kit_finding(run, NULL), "lag_seconds"));
    assert_int_equal(kit_grade(kit, "replication", kit_finding(run, NULL)), PROBE_OK);
    run = FEED_AGAIN(kit, "replication", 14, PEERS,
        "f", NULL, "7", "1", "f", "0", "1", "0", "0", "standby", "b", NULL, NULL, NULL);
    assert_int_equal(run->how, PROBE_DENIED);
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------- wal, checkpoints ---- */

#define LOG                                                                                        \
    "archiving", "failing", "failed", "last_failed_wal", "ready", "wal_bytes", "slots",            \
        "most_retained_bytes", "lost", "name", "active", "retained_bytes", "wal_status"

static void the_log_says_who_keeps_it(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "wal", 13, LOG,
        "t", "t", "12", "000000010000000000000007", "130", "2181038080", "1", "11811160064", "0",
        "old", "f", "11811160064", "extended");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary, "archiving fails at segment 000000010000000000000007, 130 wait; slot old, which "
                                          "nobody reads, keeps 11.0 GiB");
    assert_int_equal(kit_grade(kit, "wal", finding), PROBE_CRITICAL);
    run = FEED_AGAIN(kit, "wal", 13, LOG,
        "f", "f", "0", NULL, "0", "16777216", "1", "0", "1", "old", "f", NULL, "lost");
    finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "lost"), 1);
    assert_non_null(strstr(finding->hint, "set up anew"));
    assert_int_equal(kit_grade(kit, "wal", finding), PROBE_WARNING);
    run = FEED_AGAIN(kit, "wal", 13, LOG,
        "t", "f", "12", NULL, "0", "16777216", "0", NULL, "0", NULL, NULL, NULL, NULL);
    assert_string_equal(kit_finding(run, NULL)->summary, "archiving works, the log takes 16.0 MiB");
    assert_int_equal(kit_grade(kit, "wal", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

#define FLUSHED                                                                                    \
    "in_recovery", "timed", "requested", "write_ms", "sync_ms", "buffers", "buffers_backend", "max_wal_size"

static void requested_checkpoints_are_counted_in_the_window(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "checkpoints", 8, FLUSHED, "f", "100", "900", "0", "0", "0", "0", "1GB");
    assert_int_equal(kit_grade(kit, "checkpoints", kit_finding(run, NULL)), PROBE_OK);
    kit_advance(kit, 60000);
    run = FEED_AGAIN(kit, "checkpoints", 8, FLUSHED, "f", "101", "904", "700", "20", "75", "25", "1GB");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(finding->summary, "checkpoints in 60 s: 1 timed, 4 requested");
    assert_true(kit_real(finding, "requested_percent") == 80.0);
    assert_true(kit_real(finding, "backend_percent") == 25.0);
    assert_int_equal(kit_int(finding, "write_ms"), 700);
    assert_int_equal(kit_grade(kit, "checkpoints", finding), PROBE_WARNING);
    run = FEED_AGAIN(kit, "checkpoints", 8, FLUSHED, "t", "1", "4", "0", "0", "0", "0", "1GB");
    assert_int_equal(run->how, PROBE_INAPPLICABLE);
    assert_int_equal(kit_close(kit), 0);
}

/* ----------------------------------------------------- wraparound, vacuum ---- */

#define AGES "xid_age", "multixact_age", "xid_freeze", "multixact_freeze", "connected_to", "part", "name", "xids", "multixacts"

static void ids_run_out_by_whichever_is_older(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "wraparound", 9, AGES,
        "150000000", "1800000000", "200000000", "400000000", "orders", "database", "orders", "150000000", "1800000000",
        "150000000", "1800000000", "200000000", "400000000", "orders", "table", "public.t", "150000000", "1800000000");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_true(kit_real(finding, "used_percent") == 83.94);
    assert_true(kit_real(finding, "freeze_percent") == 450.0);
    assert_string_equal(finding->summary, "83.9 % of the multixact ids are used, the oldest ones by database orders");
    assert_int_equal(kit_rows(finding, "tables")->row_count, 1);
    assert_int_equal(kit_grade(kit, "wraparound", finding), PROBE_CRITICAL);
    run = FEED_AGAIN(kit, "wraparound", 9, AGES,
        "150000000", "10", "200000000", "400000000", "orders", "database", "orders", "150000000", "10");
    assert_int_equal(kit_grade(kit, "wraparound", kit_finding(run, NULL)), PROBE_OK);
    assert_null(kit_finding(run, NULL)->hint);
    assert_int_equal(kit_close(kit), 0);
}

#define DEAD                                                                                       \
    "in_recovery", "hidden", "overdue", "most_dead_percent", "horizon_xids", "horizon_seconds",    \
        "holders", "part", "name", "dead_tuples", "kind", "xids", "age_seconds"

static void who_holds_the_horizon_is_named(void **state)
{
    static const struct { const char *kind, *says, *hint; } kinds[] = {
        {"session", "the transaction of pid h holds", "pg_terminate_backend"},
        {"prepared", "prepared transaction h holds", "ROLLBACK PREPARED"},
        {"slot", "replication slot h holds", "pg_drop_replication_slot"},
        {"standby", "hot_standby_feedback, walsender h holds", "on the standby"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct kit *kit;
        struct kit_run *run = FEED(&kit, "vacuum", 13, DEAD,
            "f", "0", "1", "75", "20000000", "30", "1", "holder", "h", NULL, kinds[i].kind, "20000000", "30",
            "f", "0", "1", "75", "20000000", "30", "1", "table", "public.t", "30000", NULL, NULL, NULL);
        const struct kit_finding *finding = kit_finding(run, NULL);
        assert_non_null(strstr(finding->summary, "1 table is overdue for vacuum"));
        assert_non_null(strstr(finding->summary, kinds[i].says));
        assert_non_null(strstr(finding->hint, kinds[i].hint));
        assert_int_equal(kit_int(finding, "overdue"), 1);
        assert_int_equal(kit_rows(finding, "holders")->row_count, 1);
        assert_int_equal(kit_grade(kit, "vacuum", finding), PROBE_WARNING);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void nothing_to_vacuum_is_fine_and_a_standby_is_not_asked(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "vacuum", 13, DEAD,
        "f", "0", "0", NULL, NULL, NULL, "0", NULL, NULL, NULL, NULL, NULL, NULL);
    assert_string_equal(kit_finding(run, NULL)->summary, "0 tables are overdue for vacuum; nothing holds the horizon");
    assert_int_equal(kit_grade(kit, "vacuum", kit_finding(run, NULL)), PROBE_OK);
    run = FEED_AGAIN(kit, "vacuum", 13, DEAD,
        "t", "0", "0", NULL, NULL, NULL, "0", NULL, NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(run->how, PROBE_INAPPLICABLE);
    run = FEED_AGAIN(kit, "vacuum", 13, DEAD,
        "f", "3", "0", NULL, NULL, NULL, "0", NULL, NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(run->how, PROBE_DENIED);
    assert_int_equal(kit_close(kit), 0);
}

/* ---------------------------------------------------------- config_drift ---- */

#define SETTINGS "all_seen", "pending", "name", "fingerprint", "setting", "source", "waits"

static void changed_settings_are_told_for_a_while_and_after_a_restart(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "config_drift", 7, SETTINGS,
        "t", "0", "fsync", "aaaaaaaa", "on", "postgresql.conf:3", NULL,
        "t", "0", "work_mem", "bbbbbbbb", "4096 kB", "postgresql.conf:4", NULL);
    assert_int_equal(kit_int(kit_finding(run, NULL), "changed"), 0);
    kit_restart(kit);
    run = FEED_AGAIN(kit, "config_drift", 7, SETTINGS,
        "t", "1", "fsync", "cccccccc", "off", "postgresql.conf:3", NULL,
        "t", "1", "max_connections", "dddddddd", "100", "postgresql.conf:9", "max_connections");
    const struct kit_finding *finding = kit_finding(run, NULL);
    const struct probe_table *changes = kit_rows(finding, "changes");
    assert_int_equal(kit_int(finding, "changed"), 3);
    assert_int_equal(kit_int(finding, "pending"), 1);
    assert_string_equal(finding->summary, "settings that wait for a restart: 1; that have changed: 3, fsync and others");
    assert_string_equal(changes->cells[1], "changed");
    assert_string_equal(changes->cells[2], "off");
    assert_string_equal(changes->cells[4 + 1], "set");
    assert_string_equal(changes->cells[8], "work_mem");
    assert_string_equal(changes->cells[8 + 1], "reset");
    assert_string_equal(kit_rows(finding, "waiting")->cells[0], "max_connections");
    assert_int_equal(kit_grade(kit, "config_drift", finding), PROBE_WARNING);
    for (int hour = 0; hour < 2; hour++) {
        run = FEED_AGAIN(kit, "config_drift", 7, SETTINGS,
            "t", "0", "fsync", "cccccccc", "off", "postgresql.conf:3", NULL,
            "t", "0", "max_connections", "dddddddd", "100", "postgresql.conf:9", NULL);
        assert_int_equal(kit_int(kit_finding(run, NULL), "changed"), hour == 0 ? 3 : 0);
        kit_advance(kit, 3600000);
    }
    run = FEED_AGAIN(kit, "config_drift", 7, SETTINGS,
        "t", "0", "fsync", "cccccccc", "off", "postgresql.conf:3", NULL,
        "t", "0", "max_connections", "eeeeeeee", "200", "postgresql.conf:9", NULL);
    assert_int_equal(kit_int(kit_finding(run, NULL), "changed"), 1);
    assert_int_equal(kit_close(kit), 0);
}

static void hundreds_of_settings_are_remembered_in_pieces(void **state)
{
    enum { MANY = 400 };
    static char names[MANY][32];
    static const char *text[7 * (MANY + 1)];
    static const char *const heads[] = {SETTINGS};
    struct kit *kit = feed_open();
    (void)state;
    memcpy(text, heads, sizeof(heads));
    for (size_t i = 0; i < MANY; i++) {
        const char **cells = &text[7 * (i + 1)];
        (void)snprintf(names[i], sizeof(names[i]), "a_setting_with_a_name_%04zu", i);
        cells[0] = "t";
        cells[1] = "0";
        cells[2] = names[i];
        cells[3] = "aaaaaaaa";
    }
    (void)feed(kit, "config_drift", text, 7, COUNT(text));
    assert_int_equal(kit_int(kit_finding(feed(kit, "config_drift", text, 7, COUNT(text)), NULL), "changed"), 0);
    assert_non_null(kit_remembered(kit, "config_drift", "settings_3"));
    text[7 * MANY + 3] = "bbbbbbbb";
    assert_int_equal(kit_int(kit_finding(feed(kit, "config_drift", text, 7, COUNT(text)), NULL), "changed"), 1);
    assert_int_equal(kit_close(kit), 0);
}

static void who_may_not_see_settings_has_not_looked(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit, "config_drift", 7, SETTINGS, "f", "0", NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT pg_monitor TO runbookd;");
    assert_int_equal(kit_close(kit), 0);
}

/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standby_that_stands_still_lags_since_it_did),
        cmocka_unit_test(positions_are_bounded_and_forget_another_server),
        cmocka_unit_test(a_missing_standby_and_a_wrong_role_are_faults),
        cmocka_unit_test(a_standby_says_how_far_behind_and_why),
        cmocka_unit_test(a_standby_that_has_replayed_no_transaction_yet_is_timed_all_the_same),
        cmocka_unit_test(a_primary_alone_is_fine),
        cmocka_unit_test(the_log_says_who_keeps_it),
        cmocka_unit_test(requested_checkpoints_are_counted_in_the_window),
        cmocka_unit_test(ids_run_out_by_whichever_is_older),
        cmocka_unit_test(who_holds_the_horizon_is_named),
        cmocka_unit_test(nothing_to_vacuum_is_fine_and_a_standby_is_not_asked),
        cmocka_unit_test(changed_settings_are_told_for_a_while_and_after_a_restart),
        cmocka_unit_test(hundreds_of_settings_are_remembered_in_pieces),
        cmocka_unit_test(who_may_not_see_settings_has_not_looked),
    };
    return cmocka_run_group_tests_name("postgres_upkeep", tests, NULL, NULL);
}
