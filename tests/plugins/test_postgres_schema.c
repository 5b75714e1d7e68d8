/* The checks of tables, indexes and sequences, on rows laid out by hand. */
#include "postgres_rows_fixture.h"

#include "schema.h"
#include "sequences.h"

const struct feed feeds[] = {
    {"missing_indexes", check_missing_indexes},
    {"bloat", check_bloat},
    {"sequences", check_sequences},
    {"invalid_indexes", check_invalid_indexes},
    {0},
};

/* ------------------------------------------------------ missing_indexes ---- */

#define READ                                                                                       \
    "id", "table", "seq_scan", "seq_tup_read", "idx_scan", "live_rows", "last_analyze",            \
        "now_seconds", "since_seconds"
#define TABLE(id_, name_, scans_, rows_, now_)                                                     \
    id_, name_, scans_, rows_, "0", "50000", NULL, now_, "1000"

static void a_table_counts_by_what_was_read_since_the_last_look(void **state)
{
    struct kit *kit;
    (void)state;
    /* 100 s after the server began to count: 1,000 and 50,000 rows a second. */
    struct kit_run *run = FEED(&kit,
                               "missing_indexes",
                               9,
                               READ,
                               TABLE("1", "public.old", "100", "5000000", "1100"),
                               TABLE("2", "public.rare", "1", "100000", "1100"));
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "count"), 1);
    assert_true(kit_real(finding, "rows_per_second") == 50000);
    assert_string_equal(kit_rows(finding, "tables")->cells[0], "public.old");
    assert_string_equal(kit_rows(finding, "tables")->cells[7], "3600.0");
    assert_int_equal(kit_grade(kit, "missing_indexes", finding), PROBE_WARNING);

    /* 100 s later the old one has rested, and another is read; one is new. */
    run = FEED_AGAIN(kit,
                     "missing_indexes",
                     9,
                     READ,
                     TABLE("1", "public.old", "100", "5000000", "1200"),
                     TABLE("2", "public.rare", "21", "2100000", "1200"),
                     TABLE("3", "public.new", "1", "10", "1200"));
    finding = kit_finding(run, NULL);
    assert_int_equal(kit_int(finding, "count"), 1);
    assert_true(kit_real(finding, "rows_per_second") == 20000);
    assert_non_null(strstr(finding->summary, "public.rare: 20000 rows a second"));

    /* Counters that went down were reset: they count from the beginning again. */
    run =
        FEED_AGAIN(kit, "missing_indexes", 9, READ, TABLE("2", "public.rare", "1", "100", "1300"));
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), 0);
    assert_int_equal(kit_close(kit), 0);
}

static void what_is_read_seldom_is_a_backup(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run =
        FEED(&kit, "missing_indexes", 9, READ, TABLE("1", "public.big", "1", "900000000", "4600"));
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), 0);
    assert_int_equal(kit_rows(kit_finding(run, NULL), "tables")->row_count, 0);
    assert_int_equal(kit_close(kit), 0);
}

static void a_database_without_large_tables_is_fine(void **state)
{
    static const char *const names[] = {READ};
    struct kit *kit = feed_open();
    (void)state;
    struct kit_run *run = feed(kit, "missing_indexes", names, 9, 9);
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), 0);
    assert_int_equal(kit_close(kit), 0);
}

static void more_tables_than_are_remembered_are_left_out(void **state)
{
    enum { ROWS = SCHEMA_MOST_TABLES + 20 };
    static const char *text[9 * (ROWS + 1)] = {READ};
    static const char *const row[] = {TABLE("7", "public.t", "1000", "90000000", "1100")};
    struct kit *kit = feed_open();
    (void)state;
    for (size_t i = 0; i < 9 * (size_t)ROWS; i++)
        text[9 + i] = row[i % 9];
    struct kit_run *run = feed(kit, "missing_indexes", text, 9, COUNT(text));
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), SCHEMA_MOST_TABLES);
    assert_true(kit_rows(kit_finding(run, NULL), "tables")->row_count <= 20);
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------------ what is hidden ---- */

#define USED                                                                                       \
    "count", "hidden", "grants", "last_id", "sequence", "column", "type", "last_value",            \
        "final_value", "left", "used_percent"

static void what_may_not_be_read_at_all_is_denied_with_the_grant(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "sequences",
                               11,
                               USED,
                               "3",
                               "3",
                               "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO me;",
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL);
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO me;");
    assert_int_equal(run->finding_count, 0);
    assert_int_equal(kit_close(kit), 0);
}

static void what_may_be_read_in_part_is_known_in_part(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "sequences",
                               11,
                               USED,
                               "3",
                               "1",
                               NULL,
                               NULL,
                               "public.s",
                               "public.t.id",
                               "integer",
                               "2040109465",
                               "2147483647",
                               "107374182",
                               "95.00");
    const struct kit_finding *known = kit_finding(run, NULL), *hidden = kit_finding(run, "hidden");
    assert_true(run->done);
    assert_int_equal(kit_grade(kit, "sequences", known), PROBE_CRITICAL);
    assert_string_equal(known->summary,
                        "the fullest sequence, public.s, has used 95.00% of its numbers; "
                        "107374182 are left for public.t.id");
    assert_int_equal(hidden->status, PROBE_UNKNOWN);
    assert_string_equal(hidden->summary, "1 of 3 sequences may not be looked at");
    assert_non_null(strstr(hidden->hint, "GRANT SELECT ON ALL SEQUENCES"));
    assert_int_equal(kit_close(kit), 0);
}

static void the_fullest_of_many_sequences_come_first(void **state)
{
    enum { ROWS = 25 };
    static const char *text[11 * (ROWS + 1)] = {USED};
    static char used[ROWS][8], names[ROWS][8];
    struct kit *kit = feed_open();
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const char **row = &text[11 * (i + 1)];
        (void)snprintf(used[i], sizeof(used[i]), "%zu", i * 7 % ROWS);
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i * 7 % ROWS);
        row[0] = "25";
        row[1] = "0";
        row[4] = names[i];
        row[9] = "5";
        row[10] = used[i];
    }
    struct kit_run *run = feed(kit, "sequences", text, 11, COUNT(text));
    const struct probe_table *shown = kit_rows(kit_finding(run, NULL), "sequences");
    assert_true(kit_real(kit_finding(run, NULL), "used_percent") == 24);
    assert_int_equal(shown->row_count, SEQUENCES_SHOWN);
    assert_int_equal(shown->total, 25);
    for (size_t i = 0; i < SEQUENCES_SHOWN; i++) {
        char expected[8];
        (void)snprintf(expected, sizeof(expected), "s%zu", 24 - i);
        assert_string_equal(shown->cells[i * SEQUENCES_COLUMNS], expected);
    }
    assert_null(shown->cells[1]);
    assert_int_equal(kit_close(kit), 0);
}

static void no_sequence_is_fine(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "sequences",
                               11,
                               USED,
                               "0",
                               "0",
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL);
    assert_string_equal(kit_finding(run, NULL)->summary, "no sequence is in use");
    assert_int_equal(kit_grade(kit, "sequences", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

/* ------------------------------------------------- bloat, invalid indexes ---- */

#define FULL                                                                                       \
    "looked_at", "hidden", "unanalysed", "count", "wasted_total", "grants", "relation", "kind",    \
        "size_bytes", "wasted_bytes", "wasted_percent", "as_of"

static void bloat_says_how_much_and_where(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "bloat",
                               12,
                               FULL,
                               "50",
                               "0",
                               "2",
                               "1",
                               "3221225472",
                               NULL,
                               "public.events",
                               "table",
                               "4294967296",
                               "3221225472",
                               "75.0",
                               "2026-11-20 03:00:00+00");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(
        finding->summary,
        "1 of 50 large relations is bloated by about 3.0 GiB, most the table public.events");
    assert_int_equal(kit_int(finding, "wasted_bytes"), INT64_C(3221225472));
    assert_int_equal(kit_rows(finding, "relations")->row_count, 1);
    assert_int_equal(kit_grade(kit, "bloat", finding), PROBE_WARNING);
    assert_int_equal(kit_close(kit), 0);
}

static void nothing_large_is_no_bloat(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(
        &kit, "bloat", 12, FULL, "0", "0", "0", "0", "0", NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    assert_true(run->done);
    assert_int_equal(kit_grade(kit, "bloat", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_close(kit), 0);
}

static void an_invalid_index_comes_with_its_remedy(void **state)
{
    struct kit *kit;
    (void)state;
    struct kit_run *run = FEED(&kit,
                               "invalid_indexes",
                               9,
                               "count",
                               "unique_count",
                               "size_bytes_total",
                               "index",
                               "table",
                               "unique",
                               "maintained",
                               "size_bytes",
                               "remedy",
                               "2",
                               "1",
                               "16384",
                               "public.once",
                               "public.t",
                               "t",
                               "t",
                               "8192",
                               "REINDEX INDEX CONCURRENTLY public.once;");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_string_equal(
        finding->summary,
        "2 indexes are invalid: no query uses them, such as public.once of public.t");
    assert_string_equal(finding->hint, "REINDEX INDEX CONCURRENTLY public.once;");
    assert_int_equal(kit_int(finding, "unique_count"), 1);
    assert_int_equal(kit_rows(finding, "indexes")->total, 2);
    assert_int_equal(kit_close(kit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_counts_by_what_was_read_since_the_last_look),
        cmocka_unit_test(what_is_read_seldom_is_a_backup),
        cmocka_unit_test(a_database_without_large_tables_is_fine),
        cmocka_unit_test(more_tables_than_are_remembered_are_left_out),
        cmocka_unit_test(what_may_not_be_read_at_all_is_denied_with_the_grant),
        cmocka_unit_test(what_may_be_read_in_part_is_known_in_part),
        cmocka_unit_test(the_fullest_of_many_sequences_come_first),
        cmocka_unit_test(no_sequence_is_fine),
        cmocka_unit_test(bloat_says_how_much_and_where),
        cmocka_unit_test(nothing_large_is_no_bloat),
        cmocka_unit_test(an_invalid_index_comes_with_its_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
