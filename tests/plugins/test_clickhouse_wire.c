/* plugins/clickhouse on the fake host: what is sent, and what becomes of what comes back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "wire.h"

const struct probe_plugin *probe_plugin_v1(void);

static const struct probe_pair tsv[] = {
    {.name = "Content-Type", .value = "text/tab-separated-values; charset=UTF-8"}, {0}};
static const struct probe_pair html[] = {
    {.name = "Content-Type", .value = "text/html"}, {.name = "Server", .value = "nginx"}, {0}};

static const char survey[] = "feature\nany.tables\nsetting.log_comment\n"
                             "setting.cancel_http_readonly_queries_on_client_close\n";
static const char held[] = "result\n1\n", lacking[] = "result\n0\n";
static const char no_mutations[] = "count\tfailed\n";

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "https://runbookd@db.example.org:8443/shop");
    kit_set(*state, "password", "s3cr3t-of-the-tests");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void answers(struct kit *kit, const char *body)
{
    kit_answers(kit, .headers = tsv, .body = body);
}

static void refuses(struct kit *kit, int status, const char *body)
{
    kit_answers(kit, .code = status, .body = body);
}

/* ------------------------------------------------------------------ asking ---- */

static void a_question_carries_its_limits_and_no_secret_in_its_address(void **state)
{
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, held);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
    assert_int_equal(kit_request_count(kit), 3);
    assert_string_equal(kit_requested(kit, 1)->body, "CHECK GRANT SHOW TABLES ON *.*");
    const struct kit_request *request = kit_requested(kit, 2);
    static const char *const params[] = {"readonly=2",
                                         "max_execution_time=4",
                                         "max_result_rows=",
                                         "query_id=runbookd-",
                                         "log_comment=runbookd%20",
                                         "cancel_http_readonly_queries_on_client_close=1",
                                         "wait_end_of_query=1",
                                         "default_format=TabSeparatedWithNames"};
    for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
        assert_non_null(strstr(request->url, params[i]));
    assert_string_equal(request->method, "POST");
    assert_string_equal(kit_header(request, "X-ClickHouse-User"), "runbookd");
    assert_string_equal(kit_header(request, "X-ClickHouse-Key"), "s3cr3t-of-the-tests");
    assert_null(strstr(request->url, "s3cr3t"));
    assert_null(strstr(request->body, "s3cr3t"));
    assert_null(strchr(request->body, '{'));
    /* The next one asks no more than it must. */
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
    assert_int_equal(kit_request_count(kit), 4);
}

static void a_limit_is_of_whole_seconds_and_below_the_runs(void **state)
{
    (void)state;
    assert_int_equal(wire_limit_s(5000), 4);
    assert_int_equal(wire_limit_s(2300), 2);
    assert_int_equal(wire_limit_s(2299), 1);
    assert_int_equal(wire_limit_s(500), 1);
    assert_int_equal(wire_limit_s(-4), 1);
}

static void who_may_change_no_setting_asks_without(void **state)
{
    struct kit *kit = *state;
    refuses(
        kit,
        500,
        "Code: 164. DB::Exception: Cannot modify 'max_execution_time' setting in readonly mode");
    answers(kit, survey);
    answers(kit, held);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
    assert_null(strstr(kit_requested(kit, 3)->url, "readonly"));
    /* After a while it is tried again. */
    kit_advance(kit, 10 * 60 * 1000);
    answers(kit, survey);
    answers(kit, held);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
    assert_non_null(strstr(kit_requested(kit, 4)->url, "readonly=2"));
}

static void a_server_of_another_version_is_looked_at_anew_once(void **state)
{
    static const char unknown[] = "Code: 47. DB::Exception: Unknown identifier: is_killed";
    struct kit *kit = *state;
    answers(kit, "feature\nany.tables\nmutations.is_killed\n");
    answers(kit, held);
    refuses(kit, 404, unknown);
    answers(kit, survey);
    answers(kit, held);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
    assert_non_null(strstr(kit_requested(kit, 2)->body, "is_killed"));
    assert_null(strstr(kit_requested(kit, 5)->body, "is_killed"));
    refuses(kit, 404, unknown);
    answers(kit, survey);
    answers(kit, held);
    refuses(kit, 404, unknown);
    assert_int_equal(kit_run(kit, "mutations")->how, PROBE_INAPPLICABLE);
}

/* ------------------------------------------------------------------ rights ---- */

static void who_sees_no_table_has_not_looked(void **state)
{
    struct kit *kit = *state;
    answers(kit, "feature\nsetting.log_comment\n");
    answers(kit, lacking);
    answers(kit, no_mutations);
    const struct kit_run *run = kit_run(kit, "mutations");
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT SHOW TABLES ON *.* TO runbookd");
    /* Granted: the next run sees it. */
    answers(kit, survey);
    answers(kit, held);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
}

static void who_sees_some_tables_says_that_it_is_not_all(void **state)
{
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, lacking);
    answers(kit, no_mutations);
    const struct kit_run *run = kit_run(kit, "mutations");
    assert_true(run->done);
    assert_non_null(strstr(kit_finding(run, NULL)->hint, "GRANT SHOW TABLES ON *.* TO runbookd"));
}

static void an_old_server_is_asked_for_rights_as_it_knows_them(void **state)
{
    static const char syntax[] = "Code: 62. DB::Exception: Syntax error: failed at position 1";
    struct kit *kit = *state;
    answers(kit, survey);
    refuses(kit, 400, syntax);
    answers(kit, "GRANTS\nGRANT SHOW TABLES ON *.* TO runbookd\n");
    answers(kit, no_mutations);
    const struct kit_run *run = kit_run(kit, "mutations");
    assert_true(run->done);
    assert_string_equal(kit_requested(kit, 2)->body, "SHOW GRANTS");
    assert_null(kit_finding(run, NULL)->hint);
    /* One from before there were rights knows neither, and shows everything. */
    kit_advance(kit, 10 * 60 * 1000);
    answers(kit, "feature\n");
    refuses(kit, 400, syntax);
    answers(kit, no_mutations);
    assert_true(kit_run(kit, "mutations")->done);
}

/* ------------------------------------------------------------------ faults ---- */

static void failures_are_told_apart(void **state)
{
    static const struct {
        struct kit_answer answer;
        enum probe_failure how;
        const char *reason;
    } cases[] = {
        {{.status = -ECONNREFUSED, .stage = PROBE_CONNECTING, .message = "no"},
         PROBE_DOWN,
         "refused"},
        {{.status = -ECONNRESET, .stage = PROBE_WAITING, .message = "no"}, PROBE_DOWN, "lost"},
        {{.status = -EACCES, .stage = PROBE_SECURING, .message = "no"}, PROBE_FAILED, "tls"},
        {{.status = -ENOENT, .stage = PROBE_RESOLVING, .message = "no"}, PROBE_FAILED, "dns"},
        {{.status = -EPROTO, .stage = PROBE_WAITING, .message = "no"},
         PROBE_FAILED,
         "not_clickhouse"},
        {{.status = -EMSGSIZE, .code = 200, .message = "no"}, PROBE_FAILED, "too_large"},
        {{.code = 502, .headers = html, .body = "<html>Bad Gateway"}, PROBE_DOWN, "proxy"},
        {{.code = 429, .headers = html, .body = "slow down"}, PROBE_DOWN, "too_many_queries"},
        {{.code = 200, .headers = html, .body = "<html>\n<p>\n"}, PROBE_FAILED, "not_clickhouse"},
        {{.code = 200, .headers = tsv, .body = "a\tb\n1\n"}, PROBE_FAILED, "broken"},
        {{.code = 401, .headers = html, .body = "who are you"}, PROBE_FAILED, "auth"},
        {{.code = 400, .body = "Port 9000 is for clickhouse-client program"},
         PROBE_FAILED,
         "not_clickhouse"},
        {{.code = 200,
          .headers = tsv,
          .body = "a\tb\n1\t2\n\r\n__exception__\r\nx\r\nCode: 159. DB::Exception: late\n12 "
                  "x\r\n__exception__\r\n"},
         PROBE_FAILED,
         "slow"},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        kit_answer(kit, &cases[i].answer);
        const struct kit_run *run = kit_run(kit, "disk");
        assert_false(run->done);
        assert_int_equal(run->how, cases[i].how);
        assert_string_equal(run->reason, cases[i].reason);
    }
}

static void no_answer_ends_at_the_deadline(void **state)
{
    struct kit *kit = *state;
    kit_answers(kit, .never = true);
    const struct kit_run *run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "timeout");
    /* Whether a server lives is for connect to say: a question may just be large. */
    kit_answers(kit, .status = -ETIMEDOUT, .stage = PROBE_WAITING, .message = "late");
    run = kit_run(kit, "disk");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "slow");
    kit_answers(kit, .status = -ETIMEDOUT, .stage = PROBE_CONNECTING, .message = "late");
    assert_int_equal(kit_run(kit, "disk")->how, PROBE_DOWN);
    kit_answers(kit, .never = true);
    struct kit_run *begun = kit_start(kit, "disk");
    kit_end(kit, begun);
    assert_true(begun->cancelled);
}

static void a_ping_that_a_proxy_does_not_know_is_no_failure(void **state)
{
    struct kit *kit = *state;
    refuses(kit, 404, "no such page");
    answers(kit, "version\tuptime_seconds\tdatabase\n26.7.2.1\t100\tshop\n");
    const struct kit_run *run = kit_run(kit, "connect");
    assert_true(run->done);
    assert_int_equal(kit_int(kit_finding(run, NULL), "server_version"), 26007002);
    assert_non_null(strstr(kit_requested(kit, 1)->url, "database=shop"));
    assert_true(kit_requested(kit, 0)->fresh);
    assert_null(kit_header(kit_requested(kit, 0), "X-ClickHouse-Key"));
    /* 502 is one. */
    kit_answers(kit, .code = 502, .headers = html, .body = "<html>");
    run = kit_run(kit, "connect");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_string_equal(run->reason, "proxy");
}

/* An old server is not at fault; of one that should have it, nothing is known without it. */
static void a_table_that_is_not_there_is_no_fault_of_an_old_server(void **state)
{
    static const char unknown[] = "Code: 60. DB::Exception: Unknown table expression system.disks";
    struct kit *kit = *state;
    const struct kit_run *run;
    answers(kit, "feature\nany.tables\nversion.20.12.8.5\n");
    refuses(kit, 404, unknown);
    run = kit_run(kit, "disk");
    assert_int_equal(run->how, PROBE_INAPPLICABLE);
    kit_answer(kit, &(const struct kit_answer){.body = "Ok.\n"});
    answers(kit, "version\tuptime_seconds\tdatabase\n26.7.2.1\t2\tshop\n");
    assert_true(kit_run(kit, "connect")->done);
    answers(kit, "feature\nany.tables\nversion.26.7.2.1\n");
    refuses(kit, 404, unknown);
    run = kit_run(kit, "disk");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "missing");
}

static void a_restart_is_looked_at_anew(void **state)
{
    static const struct kit_answer pong = {.body = "Ok.\n"};
    struct kit *kit = *state;
    kit_answer(kit, &pong);
    answers(kit, "version\tuptime_seconds\tdatabase\n18.16.1\t100\tshop\n");
    assert_true(kit_run(kit, "connect")->done);
    answers(kit, survey);
    refuses(
        kit, 404, "Code: 60, e.displayText() = DB::Exception: Table system.disks doesn't exist");
    assert_int_equal(kit_run(kit, "disk")->how, PROBE_INAPPLICABLE);
    kit_answer(kit, &pong);
    answers(kit, "version\tuptime_seconds\tdatabase\n26.7.2.1\t2\tshop\n");
    assert_true(kit_run(kit, "connect")->done);
    answers(kit, survey);
    answers(
        kit,
        "name\tpath\ttotal_bytes\tfree_bytes\tunreserved_bytes\tis_broken\n"
        "default\t/d/\t1000\t50\t50\t0\ns3\t\t18446744073709551615\t18446744073709551615\t0\t0\n"
        "gone\t/g/\t0\t0\t0\t1\n");
    const struct kit_run *run = kit_run(kit, "disk");
    assert_int_equal(kit_grade(kit, "disk", kit_finding(run, "default")), PROBE_CRITICAL);
    assert_int_equal(kit_grade(kit, "disk", kit_finding(run, "s3")), PROBE_OK);
    assert_false(kit_has(kit_finding(run, "s3"), "used_percent"));
    assert_int_equal(kit_grade(kit, "disk", kit_finding(run, "gone")), PROBE_CRITICAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_question_carries_its_limits_and_no_secret_in_its_address),
        cmocka_unit_test(a_limit_is_of_whole_seconds_and_below_the_runs),
        TEST(who_may_change_no_setting_asks_without),
        TEST(a_server_of_another_version_is_looked_at_anew_once),
        TEST(who_sees_no_table_has_not_looked),
        TEST(who_sees_some_tables_says_that_it_is_not_all),
        TEST(an_old_server_is_asked_for_rights_as_it_knows_them),
        TEST(failures_are_told_apart),
        TEST(no_answer_ends_at_the_deadline),
        TEST(a_ping_that_a_proxy_does_not_know_is_no_failure),
        TEST(a_table_that_is_not_there_is_no_fault_of_an_old_server),
        TEST(a_restart_is_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
