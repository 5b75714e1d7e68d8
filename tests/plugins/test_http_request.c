/* plugins/http's action on the fake host: what is sent, what is not, and what is said of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blanks.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

#define FLAG                                                                                       \
    "{flag: {method: PUT, path: '/flags/${with.flag}', json: {value: '${with.value}'}, "           \
    "headers: {Key: '${plan.hash}'}, effect: reversible, answer: {id: json.id, at: header.Date}, " \
    "undo: {json: {value: '${before.old.value}'}, before: {path: '/now/${with.flag}'}}}, "         \
    "stop: {method: DELETE, path: /jobs, effect: destructive, expect_json: {left: '0'}}, "         \
    "look: {path: '/look?q=${with.q}&token=abc'}}"

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "https://api.example.org/v1/");
    kit_set(*state, "requests", FLAG);
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void ask(void **state, const char *request, const char *with)
{
    kit_set_for(*state, "request", "request", request);
    kit_set_for(*state, "request", "with", with);
}

static const struct kit_request *last(void **state)
{
    return kit_requested(*state, kit_request_count(*state) - 1);
}

/* A plan of `stop`, for what becomes of its apply(). */
static struct kit_run *stop(void **state)
{
    ask(state, "stop", "{}");
    struct kit_run *plan = kit_plan(*state, "request");
    assert_int_equal(plan->step_count, 1);
    return kit_apply(*state, "request", plan->steps);
}

/* ------------------------------------------------------------------ plans ---- */

static void a_plan_looks_first_and_says_the_rest(void **state)
{
    ask(state, "flag", "{flag: a b, value: [1, true]}");
    kit_answers(*state, .body = "{\"old\": {\"value\": null}}");
    struct kit_run *run = kit_plan(*state, "request");
    assert_true(run->planned);
    assert_int_equal(kit_request_count(*state), 1);
    assert_string_equal(last(state)->method, "GET");
    assert_string_equal(last(state)->url, "https://api.example.org/v1/now/a%20b");
    assert_string_equal(run->steps[0].what,
                        "PUT https://api.example.org/v1/flags/a%20b {\"value\":[1,true]}");
    assert_string_equal(run->steps[0].json,
                        "{\"method\":\"PUT\",\"url\":\"https://api.example.org/v1/flags/a%20b\","
                        "\"headers\":[\"Content-Type\",\"Key\"],\"body\":{\"value\":[1,true]},"
                        "\"request\":\"flag\",\"with\":{\"flag\":\"a b\",\"value\":[1,true]},"
                        "\"before\":{\"old.value\":null}}");
    assert_string_equal(run->note, "{\"old.value\":null}");
}

static void what_only_reads_is_planned_without_a_request(void **state)
{
    ask(state, "look", "{q: 'a&b=/../c'}");
    struct kit_run *run = kit_plan(*state, "request");
    assert_int_equal(kit_request_count(*state), 0);
    assert_string_equal(run->steps[0].what,
                        "GET https://api.example.org/v1/look?q=a%26b%3D%2F..%2Fc&token=[redacted]");
}

static void a_look_that_fails_is_no_plan(void **state)
{
    static const struct {
        int status, code;
        const char *body, *said;
        bool planned;
    } cases[] = {
        {0, 404, "{}", "what is asked first is answered 404 Not Found", true},
        {0, 200, "{\"old\": {}}", "there is no old.value in what is asked first", false},
        {0, 200, "<html>", "there is no old.value in what is asked first", false},
        {0, 403, "", "what is asked first is answered 403 Forbidden", false},
        {-ECONNREFUSED, 0, NULL, "refused", false},
    };
    ask(state, "flag", "{flag: x, value: 1}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        kit_answers(*state,
                    .status = cases[i].status,
                    .code = cases[i].code,
                    .body = cases[i].body,
                    .stage = PROBE_CONNECTING,
                    .message = "refused");
        struct kit_run *run = kit_plan(*state, "request");
        assert_int_equal(run->planned, cases[i].planned);
        assert_int_equal(run->step_count, 0);
        assert_string_equal(run->planned ? run->note : run->summary, cases[i].said);
    }
}

/* ------------------------------------------------------------------ apply ---- */

static void it_is_sent_on_a_new_connection_and_taken_back(void **state)
{
    static const struct probe_pair dated[] = {{.name = "Date", .value = "today"}, {0}};
    ask(state, "flag", "{flag: x, value: true}");
    kit_answers(*state, .body = "{\"old\": {\"value\": \"no\"}}");
    struct kit_run *plan = kit_plan(*state, "request");
    kit_answers(*state, .body = "{\"old\": {\"value\": \"no\"}}");
    kit_answers(
        *state, .code = 201, .headers = dated, .body = "{\"id\": 7}", .us = {.total = 4000});
    struct kit_run *done = kit_apply(*state, "request", plan->steps);
    assert_int_equal(done->outcome, PROBE_APPLIED);
    assert_string_equal(done->result_json,
                        "{\"request\":\"flag\",\"http_status\":201,\"total_ms\":4.0,"
                        "\"answer\":{\"id\":7,\"at\":\"today\"}}");
    const struct kit_request *sent = last(state);
    assert_string_equal(sent->body, "{\"value\":true}");
    assert_string_equal(kit_header(sent, "content-type"), "application/json");
    assert_int_equal(strlen(kit_header(sent, "Key")), 32);
    assert_true(sent->fresh);
    assert_int_equal(sent->redirects, 0);
    assert_int_equal(sent->timeout_ms, 10000);

    kit_answers(*state, .code = 204);
    struct kit_run *back = kit_apply(*state, "request", done->undo);
    assert_int_equal(back->outcome, PROBE_APPLIED);
    assert_null(back->undo);
    assert_string_equal(last(state)->body, "{\"value\":\"no\"}");
    assert_int_equal(kit_request_count(*state), 4);
}

static void an_undo_without_its_value_is_refused(void **state)
{
    static const struct probe_step step = {
        .key = "k",
        .what = "w",
        .json =
            "{\"request\": \"flag\", \"undo\": true, \"with\": {\"flag\": \"x\", \"value\": 1}, "
            "\"before\": {\"old.value\": \"[redacted]\"}}"};
    ask(state, "flag", "{}");
    struct kit_run *run = kit_apply(*state, "request", &step);
    assert_string_equal(run->summary, "flag: what was there before was a secret, and is not kept");
    assert_int_equal(kit_request_count(*state), 0);
}

static void what_is_not_answered_is_lost_and_not_asked_again(void **state)
{
    kit_answers(*state, .never = true);
    struct kit_run *run = stop(state);
    assert_int_equal(run->status, -ETIMEDOUT);
    assert_int_equal(kit_request_count(*state), 1);

    kit_answers(*state, .status = -ECONNRESET, .stage = PROBE_WAITING, .message = "it hung up");
    run = stop(state);
    assert_string_equal(run->reason, "lost");
    assert_string_equal(
        run->summary,
        "DELETE https://api.example.org/v1/jobs was sent and not answered (it hung up)");
    kit_answers(*state, .status = -ECONNREFUSED, .stage = PROBE_CONNECTING, .message = "refused");
    run = stop(state);
    assert_string_equal(run->reason, "refused");
    assert_int_equal(run->how, PROBE_DOWN);
    assert_int_equal(kit_request_count(*state), 3);
}

static void an_answer_is_held_against_what_is_expected(void **state)
{
    kit_answers(*state, .body = "{\"left\": 2}");
    struct kit_run *run = stop(state);
    assert_string_equal(run->reason, "status");
    assert_string_equal(run->summary,
                        "DELETE https://api.example.org/v1/jobs is answered 200 OK, but left is 2, "
                        "expected 0");
    kit_answers(*state, .code = 302, .body = "elsewhere");
    run = stop(state);
    assert_string_equal(run->summary,
                        "DELETE https://api.example.org/v1/jobs is answered 302 Found: elsewhere");
    kit_answers(*state, .code = 401);
    run = stop(state);
    assert_int_equal(run->how, PROBE_DENIED);
    kit_answers(*state, .body = "{\"left\": 0}");
    run = stop(state);
    assert_int_equal(run->outcome, PROBE_APPLIED);
    assert_null(run->undo);
}

static void a_token_is_fetched_before_and_never_after(void **state)
{
    kit_set(*state,
            "oauth2",
            "{token_url: 'https://id.example.org/t', client_id: c, client_secret: '${env:HOME}'}");
    for (int i = 0; i < 2; i++) { /* each time anew: a kept one may be refused */
        kit_answers(*state, .body = "{\"access_token\": \"t-0815-4711\", \"expires_in\": 3600}");
        kit_answers(*state, .code = 401);
        assert_int_equal(stop(state)->how, PROBE_DENIED);
    }
    assert_int_equal(kit_request_count(*state), 4);
    assert_string_equal(kit_header(last(state), "Authorization"), "Bearer t-0815-4711");
}

/* ------------------------------------------------------------------- fill ---- */

static void values_stay_what_they_are(void **state)
{
    static const struct {
        enum blanks_for what;
        const char *text, *expected; /* NULL: refused */
    } cases[] = {
        {BLANKS_FOR_PATH, "/a/${with.word}/b", "/a/x%20%26y/b"},
        {BLANKS_FOR_PATH, "/a?b=${with.slash}", "/a?b=..%2Fc"},
        {BLANKS_FOR_PATH, "/a/${with.slash}", NULL},
        {BLANKS_FOR_PATH, "/a/${with.empty}", NULL},
        {BLANKS_FOR_PATH, "/a?b=${with.empty}", "/a?b="},
        {BLANKS_FOR_PATH, "/a/${with.dot}${with.dot}/b", NULL},
        {BLANKS_FOR_PATH, "/a/${with.dot}", NULL},
        {BLANKS_FOR_PATH, "/a/x${with.dot}", "/a/x."},
        {BLANKS_FOR_PATH, "/a?b=${with.dot}", "/a?b=."},
        {BLANKS_FOR_PATH, "/a?b=${with.line}", NULL},
        {BLANKS_FOR_PATH, "/a/${with.number}/${with.truth}", "/a/0.5/true"},
        {BLANKS_FOR_PATH, "/a/${with.null}", NULL},
        {BLANKS_FOR_PATH, "/a/${with.nothing}", NULL},
        {BLANKS_FOR_PATH, "/a/${with.word", NULL},
        {BLANKS_FOR_HEADER, "v=${with.word}", "v=x &y"},
        {BLANKS_FOR_HEADER, "${with.line}", NULL},
        {BLANKS_FOR_HEADER, "${plan.hash}", "h"},
        {BLANKS_FOR_FORM, "a=${with.line}", "a=1%0D%0A2"},
        {BLANKS_FOR_JSON, "${with.line}", "1\r\n2"},
    };
    json_t *with = json_loads("{\"word\": \"x &y\", \"slash\": \"../c\", \"empty\": \"\", \"dot\": "
                              "\".\", \"line\": \"1\\r\\n2\", \"number\": 0.5, \"truth\": true, "
                              "\"null\": null}",
                              0,
                              NULL);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct blanks blanks = {.with = with, .hash = "h"};
        char *text = blanks_text(&blanks, cases[i].text, cases[i].what);
        if (cases[i].expected)
            assert_string_equal(text ? text : blanks.why, cases[i].expected);
        else
            assert_null(text);
        assert_int_equal(*blanks.why != '\0', !cases[i].expected);
        free(text);
    }
    struct blanks blanks = {.with = with};
    char *json = blanks_json(
        &blanks,
        "[\"${with.number}\", \"a${with.number}\", {\"${with.word}\": \"${with.null}\"}, 7]");
    assert_string_equal(json, "[0.5,\"a0.5\",{\"${with.word}\":null},7]");
    free(json);
    json_decref(with);
}

#define KIT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_plan_looks_first_and_says_the_rest),
        KIT_TEST(what_only_reads_is_planned_without_a_request),
        KIT_TEST(a_look_that_fails_is_no_plan),
        KIT_TEST(it_is_sent_on_a_new_connection_and_taken_back),
        KIT_TEST(an_undo_without_its_value_is_refused),
        KIT_TEST(what_is_not_answered_is_lost_and_not_asked_again),
        KIT_TEST(an_answer_is_held_against_what_is_expected),
        KIT_TEST(a_token_is_fetched_before_and_never_after),
        cmocka_unit_test(values_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
