/* plugins/http on the fake host: good, wrong, slow, cut off, cancelled, absurdly large. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"
#include "common/http/answer.h"
#include "expect.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "https://api.example.org/v1");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static const struct probe_peer peer = {.address = "10.0.0.7", .port = 443};

static const struct kit_finding *only(const struct kit_run *run)
{
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    return kit_finding(run, NULL);
}

/* What becomes of it with the check's own conditions. */
static enum probe_status grade(void **state, const struct kit_finding *finding)
{
    return kit_grade(*state, "endpoint", finding);
}

/* -------------------------------------------------------------- answers ---- */

static void an_expected_answer_is_fine_and_shows_its_times(void **state)
{
    kit_answers(
        *state,
        .body = "ok",
        .peer = &peer,
        .us = {
            .resolve = 1000, .connect = 3000, .tls = 10000, .first_byte = 22000, .total = 23400});
    kit_set_for(*state, "endpoint", "path", "/health?full=1");
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    const struct kit_request *request = kit_requested(*state, 0);
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->url, "https://api.example.org/v1/health?full=1");
    assert_false(request->fresh);
    assert_int_equal(request->redirects, 0);
    assert_int_equal(grade(state, finding), PROBE_OK);
    assert_string_equal(finding->summary, "200 OK in 23 ms");
    assert_null(finding->hint);
    assert_int_equal(kit_int(finding, "http_status"), 200);
    assert_true(kit_flag(finding, "expected"));
    assert_string_equal(kit_text(finding, "error_class"), "ok");
    assert_true(kit_real(finding, "dns_ms") == 1.0);
    assert_true(kit_real(finding, "connect_ms") == 2.0);
    assert_true(kit_real(finding, "tls_ms") == 7.0);
    assert_true(kit_real(finding, "first_byte_ms") == 12.0);
    assert_true(kit_real(finding, "total_ms") == 23.4);
    assert_int_equal(kit_int(finding, "size_bytes"), 2);
    assert_string_equal(kit_text(finding, "ip"), "10.0.0.7");
    assert_false(kit_has(finding, "body"));
}

static void a_kept_connection_has_no_times_of_connecting(void **state)
{
    kit_answers(*state, .code = 204, .us = {.first_byte = 400, .total = 440});
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_string_equal(finding->summary, "204 No Content in 0.4 ms");
    assert_false(kit_has(finding, "connect_ms"));
    assert_false(kit_has(finding, "dns_ms"));
    assert_false(kit_has(finding, "tls_ms"));
}

static void an_answer_that_takes_a_second_is_a_warning(void **state)
{
    kit_answers(*state, .us = {.total = 1200000});
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_WARNING);
    assert_true(kit_flag(finding, "expected"));
}

static void an_error_of_the_service_is_critical_and_shows_its_words(void **state)
{
    kit_answers(*state, .code = 503, .body = "{\"error\":\n\"pool \x01 exhausted \xff\"}");
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_CRITICAL);
    assert_string_equal(finding->summary, "503 Service Unavailable, expected 2xx");
    assert_string_equal(kit_text(finding, "error_class"), "status");
    assert_string_equal(kit_text(finding, "body"), "{\"error\": \"pool   exhausted ?\"}");
}

static void what_is_expected_is_the_operators_word(void **state)
{
    kit_set_for(*state, "endpoint", "expect", "[404, 500-502]");
    kit_answers(*state, .code = 501);
    kit_answers(*state, .code = 200);
    assert_int_equal(grade(state, only(kit_run(*state, "endpoint"))), PROBE_OK);
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_CRITICAL);
    assert_string_equal(finding->summary, "200 OK, expected 404, 500-502");
}

static void a_redirect_says_where_to(void **state)
{
    const struct probe_pair headers[] = {{.name = "Location", .value = "/login"}, {0}};
    kit_answers(*state, .code = 302, .headers = headers);
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_string_equal(finding->summary, "302 Found to /login, expected 2xx");
    assert_string_equal(finding->hint, "follow it with `redirects`, or `expect` this status");
    assert_string_equal(kit_text(finding, "location"), "/login");
}

static void not_to_be_let_in_is_unknown(void **state)
{
    static const int codes[] = {401, 403, 407};
    for (size_t i = 0; i < 3; i++) {
        kit_answers(*state, .code = codes[i], .body = "no");
        struct kit_run *run = kit_run(*state, "endpoint");
        assert_false(run->done);
        assert_int_equal(run->how, PROBE_DENIED);
        assert_string_equal(run->reason, codes[i] == 403 ? "noperm" : "noauth");
        assert_non_null(strstr(run->summary, ", expected 2xx"));
        assert_int_equal(run->finding_count, 0);
    }
}

static void a_401_that_is_expected_is_fine(void **state)
{
    kit_set_for(*state, "endpoint", "expect", "[401]");
    kit_answers(*state, .code = 401);
    assert_int_equal(grade(state, only(kit_run(*state, "endpoint"))), PROBE_OK);
}

/* ----------------------------------------------------------------- body ---- */

static void a_body_is_held_against_its_pattern(void **state)
{
    kit_set_for(*state, "endpoint", "body_matches", "\"status\" *: *\"UP\"");
    kit_answers(*state, .body = "{\"status\": \"UP\"}");
    kit_answers(*state, .body = "{\"status\": \"DOWN\"}");
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_OK);
    assert_true(kit_flag(finding, "body_ok"));
    finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_CRITICAL);
    assert_string_equal(kit_text(finding, "error_class"), "body");
    assert_false(kit_flag(finding, "body_ok"));
    assert_string_equal(finding->summary,
                        "200 OK, but the body does not match \"\"status\" *: *\"UP\"\"");
    assert_string_equal(kit_text(finding, "body"), "{\"status\": \"DOWN\"}");
}

static void an_absurdly_large_body_is_read_no_further_than_needed(void **state)
{
    size_t len = 1 << 20;
    char *body = calloc(1, len);
    memset(body, 'x', len);
    kit_answers(*state, .body = body, .body_len = len);
    kit_answers(*state, .code = 500, .body = body, .body_len = len);
    const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(kit_requested(*state, 0)->max_body, 65536);
    assert_int_equal(grade(state, finding), PROBE_OK);
    assert_true(kit_flag(finding, "cut"));
    finding = only(kit_run(*state, "endpoint"));
    assert_int_equal(grade(state, finding), PROBE_CRITICAL);
    assert_string_equal(kit_text(finding, "error_class"), "status");
    free(body);
}

static void a_snippet_is_short_and_ends_on_a_whole_character(void **state)
{
    char body[400], out[ANSWER_SNIPPET + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(body); i += 2) {
        body[i] = '\xc3';
        body[i + 1] = '\xbc'; /* ue */
    }
    body[0] = body[1] = body[2] = 'a'; /* now the 200th byte is in the middle of one */
    answer_snippet(body, sizeof(body), out);
    assert_int_equal(strlen(out), 200);
    assert_int_equal((unsigned char)out[199], 0xbc);
    assert_string_equal((answer_snippet("a\xe2\x82", 3, out), out), "a??"); /* cut off */
    assert_string_equal((answer_snippet("\r\n\x7f\xc0\xaf", 5, out), out), "  ???");
}

/* -------------------------------------------------------------- silence ---- */

static void a_service_that_does_not_answer_is_critical(void **state)
{
    static const struct {
        int status;
        enum probe_stage stage;
        const char *class;
    } rows[] = {
        {-ECONNREFUSED, PROBE_CONNECTING, "refused"},
        {-EHOSTUNREACH, PROBE_CONNECTING, "unreachable"},
        {-ETIMEDOUT, PROBE_CONNECTING, "timeout"},
        {-ETIMEDOUT, PROBE_SECURING, "timeout"},
        {-ECONNRESET, PROBE_SECURING, "reset"},
        {-ETIMEDOUT, PROBE_WAITING, "timeout"},
        {-ECONNRESET, PROBE_WAITING, "reset"},
        {-EPROTO, PROBE_WAITING, "protocol"},
        {-ECONNRESET, PROBE_RECEIVING, "reset"},
        {-ETIMEDOUT, PROBE_RECEIVING, "timeout"},
        {-ELOOP, PROBE_RECEIVING, "redirects"},
    };
    /* Whatever the operator's condition is about, silence is critical. */
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        kit_answers(*state,
                    .status = rows[i].status,
                    .stage = rows[i].stage,
                    .code = rows[i].stage == PROBE_RECEIVING ? 200 : 0,
                    .message = "these are its words",
                    .us = {.total = 2000});
        const struct kit_finding *finding = only(kit_run(*state, "endpoint"));
        assert_int_equal(finding->status, PROBE_CRITICAL);
        assert_string_equal(kit_text(finding, "error_class"), rows[i].class);
        assert_string_equal(finding->summary, "these are its words");
        assert_false(kit_flag(finding, "expected"));
    }
}

static void what_is_our_own_fault_is_unknown(void **state)
{
    static const struct {
        int status;
        enum probe_stage stage;
        const char *reason;
        enum probe_failure how;
    } rows[] = {
        {-ENOENT, PROBE_RESOLVING, "dns", PROBE_FAILED},
        {-EAGAIN, PROBE_RESOLVING, "dns", PROBE_FAILED},
        {-ETIMEDOUT, PROBE_RESOLVING, "dns", PROBE_FAILED},
        {-EACCES, PROBE_SECURING, "tls", PROBE_FAILED},
        {-EPROTO, PROBE_SECURING, "tls", PROBE_FAILED},
        {-ENOKEY, (enum probe_stage)0, "secret", PROBE_DENIED},
        {-EINVAL, (enum probe_stage)0, "request", PROBE_FAILED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        kit_answers(
            *state, .status = rows[i].status, .stage = rows[i].stage, .message = "its words");
        struct kit_run *run = kit_run(*state, "endpoint");
        assert_false(run->done);
        assert_int_equal(run->how, rows[i].how);
        assert_int_equal(run->status, rows[i].status);
        assert_string_equal(run->reason, rows[i].reason);
        assert_string_equal(run->summary, "its words");
        assert_int_equal(run->finding_count, 0);
    }
}

static void no_answer_until_the_deadline_is_critical_not_late(void **state)
{
    kit_answers(*state, .never = true);
    struct kit_run *run = kit_run(*state, "endpoint");
    assert_false(run->late);
    assert_int_equal(run->ran_us, 5000000);
    assert_int_equal(only(run)->status, PROBE_CRITICAL);
    assert_string_equal(kit_text(only(run), "error_class"), "timeout");
}

static void a_run_that_is_ended_reports_nothing(void **state)
{
    kit_answers(*state, .never = true);
    struct kit_run *run = kit_start(*state, "endpoint");
    kit_advance(*state, 100);
    kit_end(*state, run);
    assert_int_equal(run->finding_count, 0);
}

/* ------------------------------------------------------------- requests ---- */

static void headers_are_joined_and_the_checks_win(void **state)
{
    kit_set(*state, "headers", "{\"X-One\": \"target\", \"X-Two\": \"target\"}");
    kit_set(*state, "bearer", "s3cret-token");
    kit_set_for(*state, "endpoint", "headers", "{\"x-two\": \"check\"}");
    kit_set_for(*state, "endpoint", "method", "POST");
    kit_set_for(*state, "endpoint", "body", "{\"ping\": 1}");
    kit_set_for(*state, "endpoint", "connection", "fresh");
    kit_set_for(*state, "endpoint", "ip", "6");
    kit_set_for(*state, "endpoint", "address", "fd00::7");
    kit_set_for(*state, "endpoint", "redirects", "3");
    kit_answers(*state, .code = 201);
    (void)only(kit_run(*state, "endpoint"));
    const struct kit_request *request = kit_requested(*state, 0);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->body, "{\"ping\": 1}");
    assert_string_equal(request->bearer, "s3cret-token");
    assert_string_equal(kit_header(request, "X-One"), "target");
    assert_string_equal(kit_header(request, "X-Two"), "check");
    assert_string_equal(kit_header(request, "Content-Type"), "application/json");
    assert_string_equal(request->address, "fd00::7");
    assert_int_equal(request->family, 6);
    assert_int_equal(request->redirects, 3);
    assert_true(request->fresh);
}

static void a_login_is_passed_on(void **state)
{
    kit_set(*state, "user", "probe");
    kit_set(*state, "password", "s3cret");
    kit_answers(*state, .code = 200);
    (void)only(kit_run(*state, "endpoint"));
    assert_string_equal(kit_requested(*state, 0)->user, "probe");
    assert_string_equal(kit_requested(*state, 0)->password, "s3cret");
}

static void options_that_do_not_fit_are_refused(void **state)
{
    struct kit *kit = *state;
    kit_name(kit, "a", "endpoint");
    kit_name(kit, "b", "endpoint");
    kit_name(kit, "c", "endpoint");
    kit_set_for(kit, "a", "expect", "[20]");
    assert_non_null(strstr(kit_refusal(kit, "a"), "expect: \"20\" is no status"));
    kit_set_for(kit, "b", "body_matches", "a(b");
    assert_non_null(strstr(kit_refusal(kit, "b"), "body_matches: "));
    kit_set_for(kit, "c", "body_matches", "ab");
    kit_set_for(kit, "c", "method", "HEAD");
    assert_non_null(strstr(kit_refusal(kit, "c"), "HEAD has no body"));
    kit_set(kit, "bearer", "x");
    kit_set(kit, "user", "y");
    assert_non_null(strstr(kit_refusal(kit, NULL), "bearer: one login is enough"));
}

/* ------------------------------------------------------- pure functions ---- */

static void sets_of_statuses_are_read(void **state)
{
    static const struct {
        const char *text;
        int in, out; /* zero: it is refused */
    } rows[] = {
        {"200", 200, 201},
        {"2xx", 299, 300},
        {"2XX", 200, 199},
        {"500-503", 503, 504},
        {"100-599", 100, 99},
        {"599", 599, 600},
        {"", 0, 0},
        {"2x", 0, 0},
        {"6xx", 0, 0},
        {"0xx", 0, 0},
        {"2000", 0, 0},
        {"300-200", 0, 0},
        {"200-", 0, 0},
        {"200-2xx", 0, 0},
        {" 200", 0, 0},
        {"099", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expect expect = {{0}};
        assert_int_equal(expect_add(&expect, rows[i].text), rows[i].in != 0);
        if (rows[i].in) {
            assert_true(expect_holds(&expect, rows[i].in));
            assert_false(expect_holds(&expect, rows[i].out));
        }
    }
}

static void statuses_have_names(void **state)
{
    char out[48];
    (void)state;
    assert_string_equal((ask_name_status(431, out, sizeof(out)), out),
                        "431 Request Header Fields Too Large");
    assert_string_equal((ask_name_status(599, out, sizeof(out)), out), "599");
}

static void it_is_loaded_as_it_was_built(void **state)
{
    struct kit *kit = kit_load("http");
    (void)state;
    kit_set(kit, "url", "http://127.0.0.1:3001");
    kit_answers(kit, .code = 200);
    assert_true(kit_flag(only(kit_run(kit, "endpoint")), "expected"));
    assert_int_equal(kit_close(kit), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_expected_answer_is_fine_and_shows_its_times),
        TEST(a_kept_connection_has_no_times_of_connecting),
        TEST(an_answer_that_takes_a_second_is_a_warning),
        TEST(an_error_of_the_service_is_critical_and_shows_its_words),
        TEST(what_is_expected_is_the_operators_word),
        TEST(a_redirect_says_where_to),
        TEST(not_to_be_let_in_is_unknown),
        TEST(a_401_that_is_expected_is_fine),
        TEST(a_body_is_held_against_its_pattern),
        TEST(an_absurdly_large_body_is_read_no_further_than_needed),
        TEST(a_snippet_is_short_and_ends_on_a_whole_character),
        TEST(a_service_that_does_not_answer_is_critical),
        TEST(what_is_our_own_fault_is_unknown),
        TEST(no_answer_until_the_deadline_is_critical_not_late),
        TEST(a_run_that_is_ended_reports_nothing),
        TEST(headers_are_joined_and_the_checks_win),
        TEST(a_login_is_passed_on),
        TEST(options_that_do_not_fit_are_refused),
        TEST(sets_of_statuses_are_read),
        TEST(statuses_have_names),
        TEST(it_is_loaded_as_it_was_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
