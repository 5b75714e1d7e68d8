/* plugins/clickhouse's pure parts: replies, templates, what errors mean, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "survey.h"
#include "template.h"
#include "trouble.h"
#include "tsv.h"

const struct probe_plugin *probe_plugin_v1(void);

/* --------------------------------------------------------------- replies ---- */

static enum tsv_verdict read_text(struct tsv *tsv, const char *text)
{
    return tsv_read(tsv, text, strlen(text));
}

static void cells_are_what_they_were_before_they_were_escaped(void **state)
{
    struct tsv tsv;
    (void)state;
    assert_int_equal(read_text(&tsv, "a\tb\n1\t\\N\nx\\ty\\nz\\\\\t\\'q\\'\n\t\\0\n"), TSV_TABLE);
    assert_int_equal(tsv.rows.columns, 2);
    assert_int_equal(tsv.rows.count, 3);
    assert_int_equal(rows_int(&tsv.rows, 0, "a"), 1);
    assert_null(rows_text(&tsv.rows, 0, "b"));
    assert_string_equal(rows_text(&tsv.rows, 1, "a"), "x\ty\nz\\");
    assert_string_equal(rows_text(&tsv.rows, 1, "b"), "'q'");
    assert_string_equal(rows_text(&tsv.rows, 2, "a"), "");
    assert_string_equal(rows_text(&tsv.rows, 2, "b"), " ");
    assert_null(rows_text(&tsv.rows, 3, "a"));
    assert_null(rows_text(&tsv.rows, 0, "c"));
    tsv_free(&tsv);
}

static void a_table_may_be_empty_and_have_totals(void **state)
{
    struct tsv tsv;
    (void)state;
    assert_int_equal(read_text(&tsv, "a\tb\n"), TSV_TABLE);
    assert_int_equal(tsv.rows.count, 0);
    tsv_free(&tsv);
    assert_int_equal(read_text(&tsv, "a\tb\n1\t2\n\n7\t8\n"), TSV_TABLE);
    assert_int_equal(tsv.rows.count, 1);
    tsv_free(&tsv);
    assert_int_equal(read_text(&tsv, "a\n\nx\n"), TSV_TABLE); /* of one column, an empty cell */
    assert_int_equal(tsv.rows.count, 2);
    tsv_free(&tsv);
}

static void what_is_no_table_is_told_from_one(void **state)
{
    static const char *const texts[] = {
        "", "a\tb", "a\tb\n1\n", "a\tb\n1\t2\t3\n", "a\tb\n1\t2", "a\\N\n\\N\n1\n\t", "\\N\n1\n"};
    struct tsv tsv;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(read_text(&tsv, texts[i]), TSV_BROKEN);
        assert_int_equal(tsv.rows.count, 0);
        tsv_free(&tsv);
    }
    assert_int_equal(tsv_read(&tsv, "a\n1\0\n", 5), TSV_BROKEN);
    tsv_free(&tsv);
}

/* As 26.7 and 18.16 write it behind what they had sent already. */
static void an_error_in_the_middle_of_a_table_is_found(void **state)
{
    static const char new_one[] = "n\ts\n0\t0\n1\t0\n\r\n__exception__\r\nfhtafassmalgexac\r\nCode:"
                                  " 159. DB::Exception: Timeout "
                                  "exceeded: elapsed 1004.294 ms, maximum: 1000 ms. "
                                  "(TIMEOUT_EXCEEDED) (version 26.7.2.1)\n121 "
                                  "fhtafassmalgexac\r\n__exception__\r\n";
    static const char old_one[] =
        "n\ts\n0\t0\n1\tCode: 241, e.displayText() = DB::Exception: Memory "
        "limit exceeded, e.what() = DB::Exception\n";
    static const char single[] = "n\n0\nCode: 159, e.displayText() = DB::Exception: Timeout\n";
    const char *const texts[] = {new_one, single};
    struct tsv tsv;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(read_text(&tsv, texts[i]), TSV_EXCEPTION);
        assert_int_equal(tsv_exception_code(tsv.exception), 159);
        assert_int_equal(tsv.rows.count, 0);
        tsv_free(&tsv);
    }
    /* Half a row and then the error: the row is too long, or too short. */
    assert_int_equal(read_text(&tsv,
                               "n\ts\tt\n0\t0\t0\n1\tCode: 241, e.displayText() = DB::Exception: "
                               "Memory limit exceeded, e.what() = DB::Exception\n"),
                     TSV_EXCEPTION);
    assert_int_equal(tsv_exception_code(tsv.exception), 241);
    tsv_free(&tsv);
    /* A row that speaks of an error is a row. */
    assert_int_equal(read_text(&tsv, old_one), TSV_TABLE);
    assert_int_equal(tsv.rows.count, 2);
    tsv_free(&tsv);
}

static void an_errors_number_is_read_with_care(void **state)
{
    (void)state;
    assert_int_equal(tsv_exception_code("Code: 60. DB::Exception: no"), 60);
    assert_int_equal(tsv_exception_code("Code: 193, e.displayText() = DB::Exception: no"), 193);
    assert_int_equal(tsv_exception_code("Code: 99999999999999999999. x"), 0);
    assert_int_equal(tsv_exception_code("Code: -5. x"), 0);
    assert_int_equal(tsv_exception_code("Code: 5"), 0);
    assert_int_equal(tsv_exception_code("<html>"), 0);
}

/* -------------------------------------------------------------- templates ---- */

static void fills(const char *template, const char *features, const char *want)
{
    const struct template_param params[] = {{"t", "'x'"}, {"none", NULL}, {0}};
    char *filled = template_fill(template, &(struct template_facts){params, features});
    if (want)
        assert_string_equal(filled, want);
    else
        assert_null(filled);
    free(filled);
}

static void a_template_is_filled_with_what_a_server_has(void **state)
{
    static const char has[] = "\ndisks.type\nfunction.f\n";
    (void)state;
    fills("SELECT 1", NULL, "SELECT 1");
    fills("{t}", NULL, "'x'");
    fills("a {disks.type ? type : 'local'} b", has, "a type b");
    fills("a {disks.typ ? type : 'local'} b", has, "a 'local' b");
    fills("a {disks.type ? type : 'local'} b", NULL, "a 'local' b");
    fills("{function.f ? f(x) : x}{setting.f ? 1 : 2}", has, "f(x)2");
    fills("{t ? AND a = {t} : }", has, "AND a = 'x'");
    fills("{none ? AND a = {none} : }|", has, "|");
    fills("{disks.x ? 1 : {disks.type ? 2 : 3}}", has, "2");
    fills("{none}", has, NULL);
    fills("{unclosed", has, NULL);
    fills("{a ? b}", has, NULL);
}

static void collect(const char *feature, void *data)
{
    size_t len = strlen(data);
    (void)snprintf((char *)data + len, 200 - len, "%s ", feature);
}

static void a_template_tells_what_must_be_found_out(void **state)
{
    char all[200] = "";
    (void)state;
    template_features(
        "{t} {a.b ? {c.d ? 1 : 2} : {e.f ? 1 : 2}} {t ? {g.h ? 1 : 2} : }", collect, all);
    assert_string_equal(all, "a.b c.d e.f g.h ");
}

static void words_are_quoted(void **state)
{
    static const char *const list[] = {"a", "it's", NULL};
    char *texts[] = {template_literal("it's a \\"),
                     template_name("a`b"),
                     template_table("db.t.x", "ignored"),
                     template_table("t", "db"),
                     template_table("t", ""),
                     template_literals(list),
                     template_literals(NULL)};
    static const char *const want[] = {
        "'it\\'s a \\\\'", "`a\\`b`", "`db`.`t.x`", "`db`.`t`", "`t`", "'a', 'it\\'s'", "''"};
    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        assert_string_equal(texts[i], want[i]);
        free(texts[i]);
    }
}

/* ------------------------------------------------------------------ rights ---- */

/* What servers answer that know no CHECK GRANT. */
static void grants_are_read_as_old_servers_show_them(void **state)
{
    static const struct {
        const char *grant;
        enum survey_right right;
    } cases[] = {
        {"GRANT SELECT, SHOW TABLES, INSERT ON *.* TO runbookd", RIGHT_HELD},
        {"GRANT SHOW ON *.* TO runbookd", RIGHT_HELD},
        {"GRANT ALL ON *.* TO runbookd WITH GRANT OPTION", RIGHT_HELD},
        {"GRANT SHOW TABLES ON analytics.* TO runbookd", RIGHT_LACKING},
        {"GRANT SHOW DICTIONARIES ON *.* TO runbookd", RIGHT_LACKING},
        {"GRANT monitoring TO runbookd", RIGHT_LACKING},
        {"REVOKE SHOW TABLES ON *.* FROM runbookd", RIGHT_LACKING},
    };
    struct survey survey = {.from_grants = true};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static const char *const names[] = {"GRANTS"};
        const struct rows rows = {names, 1, &cases[i].grant, 1};
        survey_take_right(&survey, SIGHT_TABLES, &rows);
        assert_int_equal(survey.rights[SIGHT_TABLES], cases[i].right);
    }
}

/* ----------------------------------------------------------------- trouble ---- */

static void hides(const char *message, const char *want)
{
    char out[60];
    trouble_hide(out, sizeof(out), message);
    assert_string_equal(out, want);
}

static void what_errors_quote_is_not_shown(void **state)
{
    (void)state;
    hides("Cannot parse string 'secret' as UInt32", "Cannot parse string ? as UInt32");
    hides("Table a.b doesn't exist.", "Table a.b doesn't exist");
    hides("text \"se'cret\" is no UInt8", "text ? is no UInt8");
    hides("it is 'se\\'cret' and 'more", "it is ? and ?");
    hides("Cannot parse input: expected \\t before: secret of a row",
          "Cannot parse input: expected \\t ...");
    hides("a\nb\tc", "a b c");
    hides("a message that is longer than sixty bytes, as so many of them are",
          "a message that is longer than sixty bytes, as so many of...");
    hides("", "");
    for (size_t room = 8; room < 60; room++) {
        char out[60];
        trouble_hide(out, room, "ééééééééééééééééééééééééééééééééé");
        assert_true(strlen(out) < room && strlen(out) % 2 == 1);
    }
}

static void errors_mean_what_they_are(void **state)
{
    static const struct {
        const char *text;
        enum probe_failure how;
        const char *reason, *hint;
    } cases[] = {
        {"Code: 497. DB::Exception: x: Not enough privileges. To execute this query, it's "
         "necessary "
         "to have the grant SELECT(a, b) ON system.disks. (ACCESS_DENIED) (version 26.7.2.1)",
         PROBE_DENIED,
         "denied",
         "GRANT SELECT(a, b) ON system.disks TO x"},
        {"Code: 497. DB::Exception: x: Not enough privileges. To execute this query, it's "
         "necessary "
         "to have grant SHOW TABLES ON *.*. (ACCESS_DENIED)",
         PROBE_DENIED,
         "denied",
         "GRANT SHOW TABLES ON *.* TO x"},
        {"Code: 497. DB::Exception: x: Not enough privileges. To execute this query, it's "
         "necessary "
         "to have the grant SELECT for at least one column on system.parts. (ACCESS_DENIED)",
         PROBE_DENIED,
         "denied",
         "GRANT SELECT ON system.parts TO x"},
        {"Code: 241. DB::Exception: Memory limit (for query) exceeded",
         PROBE_FAILED,
         "memory",
         NULL},
        {"Code: 241. DB::Exception: Memory limit (total) exceeded", PROBE_DOWN, "memory", NULL},
        {"Code: 202. DB::Exception: Too many simultaneous queries",
         PROBE_DOWN,
         "too_many_queries",
         NULL},
        {"Code: 193, e.displayText() = DB::Exception: Wrong password, e.what() = DB::Exception",
         PROBE_FAILED,
         "auth",
         NULL},
        {"Code: 516. DB::Exception: x: Authentication failed", PROBE_FAILED, "auth", NULL},
        {"Code: 60. DB::Exception: Table system.disks does not exist",
         PROBE_INAPPLICABLE,
         "missing",
         NULL},
        {"Code: 9999. DB::Exception: something new", PROBE_FAILED, "error", NULL},
    };
    struct trouble trouble;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        trouble_of_exception(&trouble, tsv_exception_code(cases[i].text), cases[i].text, "x");
        assert_int_equal(trouble.how, cases[i].how);
        assert_string_equal(trouble.reason, cases[i].reason);
        if (cases[i].hint)
            assert_string_equal(trouble.hint, cases[i].hint);
        assert_null(strstr(trouble.text, "e.what()"));
        assert_null(strstr(trouble.text, "(version"));
    }
}

/* ---------------------------------------------------------------- addresses ---- */

static void all_ways_to_write_a_server_lead_to_its_http(void **state)
{
    static const struct {
        const char *url, *tls, *address;
    } cases[] = {
        {"http://db", NULL, "http://db:8123/ping"},
        {"https://db", NULL, "https://db:8443/ping"},
        {"https://db:443/shop", NULL, "https://db:443/ping"},
        {"http://[::1]:8123", NULL, "http://[::1]:8123/ping"},
        {"clickhouse://db", NULL, "http://db:8123/ping"},
        {"clickhouse://db:9000/shop?dial_timeout=1s", NULL, "http://db:8123/ping"},
        {"clickhouse://db:9440", NULL, "https://db:8443/ping"},
        {"clickhouse://db:9000?secure=true", NULL, "https://db:8443/ping"},
        {"clickhouse://db?secure=true", NULL, "https://db:8443/ping"},
        {"clickhouse://db?insecure=true&x=1", NULL, "http://db:8123/ping"},
        {"clickhouse://db", "{verify: none}", "https://db:8443/ping"},
        {"clickhouses://db:8124", NULL, "https://db:8124/ping"},
        {"http://db:9000", NULL, "http://db:9000/ping"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit *kit = kit_open(probe_plugin_v1());
        kit_set(kit, "url", cases[i].url);
        if (cases[i].tls)
            kit_set(kit, "tls", cases[i].tls);
        kit_answers(kit, .status = -ECONNREFUSED, .stage = PROBE_CONNECTING, .message = "refused");
        (void)kit_run(kit, "connect");
        assert_string_equal(kit_requested(kit, 0)->url, cases[i].address);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void what_is_no_servers_address_is_refused(void **state)
{
    static const char *const urls[] = {"redis://db", "http://db/a/b", "clickhouse:///shop"};
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct kit *kit = kit_open(probe_plugin_v1());
        kit_set(kit, "url", urls[i]);
        assert_non_null(strstr(kit_refusal(kit, NULL), "url: "));
        assert_int_equal(kit_close(kit), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_what_they_were_before_they_were_escaped),
        cmocka_unit_test(a_table_may_be_empty_and_have_totals),
        cmocka_unit_test(what_is_no_table_is_told_from_one),
        cmocka_unit_test(an_error_in_the_middle_of_a_table_is_found),
        cmocka_unit_test(an_errors_number_is_read_with_care),
        cmocka_unit_test(a_template_is_filled_with_what_a_server_has),
        cmocka_unit_test(a_template_tells_what_must_be_found_out),
        cmocka_unit_test(words_are_quoted),
        cmocka_unit_test(grants_are_read_as_old_servers_show_them),
        cmocka_unit_test(what_errors_quote_is_not_shown),
        cmocka_unit_test(errors_mean_what_they_are),
        cmocka_unit_test(all_ways_to_write_a_server_lead_to_its_http),
        cmocka_unit_test(what_is_no_servers_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
