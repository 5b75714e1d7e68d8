/* The pure parts of plugins/http: paths into JSON, health, captures, quotas, vendors' codes, scrubbing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "common/http/answer.h"
#include "common/json_path.h"
#include "health.h"
#include "login.h"
#include "quota.h"
#include "vendor.h"

/* ------------------------------------------------------------ json_path ---- */

static void a_path_leads_to_a_value_or_to_nothing(void **state)
{
    json_t *root = json_loads(
        "{\"a\":{\"b\":[{\"c\":1},{\"c\":\"two\"}]},\"x.y\":true,\"n\":null,\"d\":{}}", 0, NULL);
    static const struct {
        const char *path, *text; /* NULL: nothing there */
    } cases[] = {
        {"a.b[0].c", "1"},
        {"json.a.b[1].c", "two"},
        {"[\"x.y\"]", "true"},
        {"n", "null"},
        {"d", "{}"},
        {"a.b", "[{\"c\":1},{\"c\":\"two\"}]"},
        {"a.b[2].c", NULL},
        {"a.c", NULL},
        {"a.b.c", NULL},
        {"n.a", NULL},
        {"a.b[99999999999999999999]", NULL},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const json_t *value = json_path_find(root, cases[i].path);
        assert_true(json_path_is(cases[i].path));
        assert_int_equal(value != NULL, cases[i].text != NULL);
        if (!value)
            continue;
        json_path_print(value, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
    json_path_print(json_object_get(json_object_get(root, "a"), "b"), text, 5);
    assert_string_equal(text, "[{\"c");
    json_decref(root);
}

static void what_is_no_path_is_told(void **state)
{
    static const char *const wrong[] = {
        "", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[0", "a[0]b", "[\"a]", "a.[0]", "json."};
    json_t *root = json_loads("{\"a\":[1]}", 0, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(json_path_is(wrong[i]));
        assert_null(json_path_find(root, wrong[i]));
    }
    json_decref(root);
}

/* --------------------------------------------------------------- health ---- */

static struct health_says says(const char *text, const char *type, const char *path)
{
    json_t *root = json_loads(text, 0, NULL);
    struct health_says said = health_of(root, type, path);
    json_decref(root);
    return said;
}

static void parts_that_are_not_well_are_named(void **state)
{
    (void)state;
    struct health_says said =
        says("{\"status\":\"error\",\"info\":{},\"details\":{\"db\":{\"status\":\"up\"},"
             "\"redis\":{\"status\":\"down\"}}}",
             "application/json; charset=utf-8",
             "/api/health");
    assert_int_equal(said.health, HEALTH_FAIL);
    assert_string_equal(said.parts, "redis down");
    said = says("{\"status\":\"OUT_OF_SERVICE\"}", NULL, "/actuator/health");
    assert_int_equal(said.health, HEALTH_FAIL);
    assert_string_equal(said.parts, "");
    said = says("{\"status\":\"DOWN\"}", "application/json", "/orders");
    assert_int_equal(said.health, HEALTH_NONE);
    said = says("{\"status\":7}", "application/health+json", NULL);
    assert_int_equal(said.health, HEALTH_NONE);
    said = says("[]", "application/health+json", NULL);
    assert_int_equal(said.health, HEALTH_NONE);
}

static void append(char *text, const char *more)
{
    (void)snprintf(text + strlen(text), strlen(more) + 1, "%s", more);
}

static void very_many_and_very_deep_parts_are_cut(void **state)
{
    char *text = calloc(1, 200000);
    (void)state;
    append(text, "{\"status\":\"DOWN\",\"components\":{");
    for (int i = 0; i < 2000; i++)
        (void)snprintf(text + strlen(text),
                       100,
                       "%s\"part-with-a-long-name-%d\":{\"status\":\"DOWN\"}",
                       i ? "," : "",
                       i);
    append(text, "}}");
    struct health_says said = says(text, NULL, "/health");
    assert_int_equal(said.health, HEALTH_FAIL);
    assert_true(strlen(said.parts) < sizeof(said.parts));
    text[0] = '\0';
    append(text, "{\"status\":\"DOWN\"");
    for (int i = 0; i < 500; i++)
        (void)snprintf(text + strlen(text), 100, ",\"components\":{\"x\":{\"status\":\"DOWN\"");
    for (int i = 0; i < 1001; i++)
        append(text, "}");
    assert_int_equal(says(text, NULL, "/health").health, HEALTH_FAIL);
    free(text);
}

/* ------------------------------------------------------------- scrubbing ---- */

static void a_secret_is_taken_out_also_where_it_is_cut(void **state)
{
    static const struct {
        const char *text, *becomes;
    } cases[] = {
        {"a 0123456789abcdef b 0123456789abcdef", "a [redacted] b [redacted]"},
        {"cut off: 0123456789abc", "cut off: [redacted]"},
        {"\"01234567\", expected 0123456789a.", "\"[redacte\", expected [redacted]."},
        {"0123456789abcdef0123456789abcdef", "[redacted][redacted]"},
        {"cut off: 0123456", "cut off: 0123456"}, /* seven characters are anything */
        {"nothing", "nothing"},
        {"", ""},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        answer_scrub(text, "0123456789abcdef");
        assert_string_equal(text, cases[i].becomes);
    }
    (void)snprintf(text, sizeof(text), "short: abc");
    answer_scrub(text, "abc");
    answer_scrub(text, NULL);
    assert_string_equal(text, "short: abc");
}

static void tokens_that_are_used_no_longer_are_taken_out_too(void **state)
{
    struct login login = {0};
    char text[200];
    (void)state;
    for (int i = 0; i <= LOGIN_SPENT; i++) { /* the first of them is as old as an answer can be */
        login_forget(&login);
        assert_true(asprintf(&login.token, "token-%d-0123456789", i) > 0);
    }
    (void)snprintf(text, sizeof(text), "0: token-0-0123456789, 8: token-8-0123456789, none: token");
    login_scrub(&login, text);
    assert_string_equal(text, "0: [redacted], 8: [redacted], none: token");
    login_finish(&login);
    assert_null(login.token);
}

/* --------------------------------------------------------------- capture ---- */

static void captured_values_are_escaped_for_where_they_go(void **state)
{
    struct probe_pair headers[] = {{.name = "X-Id", .value = "a/b \"c\"\r\nX: y"}, {0}};
    struct probe_response response = {.headers = headers, .body = "{}", .body_len = 2};
    struct captures captures = {0};
    char *missing = NULL, *put;
    (void)state;
    assert_true(capture_take(&captures, "id", "header.x-id", &response));
    assert_false(capture_take(&captures, "no", "json.a.b", &response));
    assert_false(capture_take(&captures, "no", "cookie.sid", &response));
    put = capture_put(&captures, "/x/${captured:id}?y=1", CAPTURE_FOR_PATH, &missing);
    assert_string_equal(put, "/x/a%2Fb%20%22c%22%0D%0AX%3A%20y?y=1");
    free(put);
    put = capture_put(&captures, "{\"id\":\"${captured:id}\"}", CAPTURE_FOR_JSON, &missing);
    assert_string_equal(put, "{\"id\":\"a/b \\\"c\\\"\\u000d\\u000aX: y\"}");
    free(put);
    put = capture_put(&captures, "${captured:id}", CAPTURE_FOR_HEADER, &missing);
    assert_string_equal(put, "a/b \"c\"X: y"); /* no line of its own */
    free(put);
    assert_null(capture_put(&captures, "${captured:other}", CAPTURE_FOR_PATH, &missing));
    assert_string_equal(missing, "other");
    free(missing);
    put = capture_put(&captures, "${captured:id", CAPTURE_FOR_PATH, &missing);
    assert_string_equal(put, "${captured:id"); /* not closed: as it is */
    free(put);
    capture_finish(&captures);
}

static void only_so_many_are_kept(void **state)
{
    static const char *const names[] = {
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"};
    struct probe_response response = {.body = "{\"v\":1}", .body_len = 7};
    struct captures captures = {0};
    (void)state;
    for (size_t i = 0; i < CAPTURE_MOST; i++)
        assert_true(capture_take(&captures, names[i], "json.v", &response));
    assert_false(capture_take(&captures, names[CAPTURE_MOST], "json.v", &response));
    assert_true(capture_take(&captures, "a", "json.v", &response)); /* again */
    capture_finish(&captures);
}

static void what_is_no_token_has_no_life(void **state)
{
    static const char *const bodies[] = {"{\"t\":\"a.b.c\"}",
                                         "{\"t\":\"..\"}",
                                         "{\"t\":\"a.!!.c\"}",
                                         "{\"t\":\"a.e30.c\"}",                 /* {} */
                                         "{\"t\":\"a.eyJleHAiOiJub3cifQ.c\"}"}; /* a word */
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct probe_response response = {.body = bodies[i], .body_len = strlen(bodies[i])};
        struct captures captures = {0};
        assert_true(capture_take(&captures, "t", "json.t", &response));
        assert_true(capture_token_seconds(&captures, 0) < 0);
        capture_finish(&captures);
    }
    static const char body[] = "{\"t\":\"a.eyJleHAiOjEwMDB9.c\"}";
    struct probe_response response = {.body = body, .body_len = sizeof(body) - 1};
    struct captures captures = {0};
    assert_true(capture_take(&captures, "t", "json.t", &response)); /* exp 1000 */
    assert_true(capture_token_seconds(&captures, 400000) == 600);
    assert_true(capture_token_seconds(&captures, 2000000) == 0);
    capture_finish(&captures);
}

/* ----------------------------------------------------------------- quota ---- */

static struct quota quota(int code, const char *name, const char *value)
{
    struct probe_pair headers[] = {{.name = name, .value = value}, {0}};
    struct probe_response response = {.code = code, .headers = headers};
    return quota_of(&response, &(const struct quota_names){NULL}, INT64_C(1764000000000));
}

static void headers_that_make_no_sense_say_nothing(void **state)
{
    (void)state;
    assert_null(quota(200, "X-RateLimit-Remaining", "many").dialect);
    assert_null(quota(200, "X-RateLimit-Remaining", "-1").dialect);
    assert_null(quota(200, "X-RateLimit-Limit", "100").dialect);
    assert_null(quota(200, "X-App-Usage", "{\"call_count\":").dialect);
    assert_null(quota(200, "X-App-Usage", "[]").dialect);
    assert_null(quota(200, "X-Shopify-Shop-Api-Call-Limit", "40").dialect);
    assert_null(quota(200, "RateLimit", "").dialect);
    assert_true(quota(503, "Retry-After", "Mon, 24 Nov 2025 16:00:30 GMT").retry_seconds == 30);
    assert_true(quota(503, "Retry-After", "soon").retry_seconds == -1);
    assert_true(quota(429, "Server", "x").remaining == 0);
}

static struct quota both(const char *now, const char *policies)
{
    struct probe_pair headers[] = {
        {.name = "RateLimit", .value = now}, {.name = "RateLimit-Policy", .value = policies}, {0}};
    struct probe_response response = {.code = 200, .headers = headers};
    return quota_of(&response, &(const struct quota_names){NULL}, INT64_C(1764000000000));
}

static void of_several_policies_the_scarcest_counts(void **state)
{
    static const char policies[] = "\"burst\";q=10;w=1, \"a,b;c\";q=1000;w=86400;pk=:c2VjcmV0:";
    struct quota found = both("\"burst\";r=8;t=1, \"a,b;c\";r=100;t=3600", policies);
    (void)state;
    assert_true(found.remaining == 100 && found.limit == 1000 && found.reset_seconds == 3600);
    assert_true(found.remaining_percent == 10);
    found = both("\"burst\";t=1;r=0, \"a,b;c\";r=100;t=3600", policies);
    assert_true(found.remaining == 0 && found.limit == 10 && found.reset_seconds == 1);
    found = both("plain;r=3", "plain;q=4;w=9");
    assert_true(found.remaining_percent == 75 && found.reset_seconds == -1);
    found = both("\"nobody said\";r=7;t=2", policies);
    assert_true(found.remaining == 7 && found.limit == -1 && found.remaining_percent == -1);
}

static void lists_that_are_none_say_nothing(void **state)
{
    static const char *const lists[] = {
        "", ",", ";", "\"", "\"a", "\"a\\", "a;", "a;r", "a;r=", "a;r=x", "\"a\"b;q=1", "a;rr=1"};
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        assert_null(both(lists[i], lists[i]).dialect);
}

static void metas_own_headers_also_say_when(void **state)
{
    static const char name[] = "X-Business-Use-Case-Usage";
    struct quota found = quota(200,
                               name,
                               "{\"4711\":[{\"call_count\":3,\"total_cputime\":61,\"total_time\":9,"
                               "\"estimated_time_to_regain_access\":0}]}");
    (void)state;
    assert_true(found.remaining_percent == 39 && found.reset_seconds == -1);
    found = quota(200,
                  name,
                  "{\"4711\":[{\"call_count\":3}],\"4712\":[{\"call_count\":100,"
                  "\"estimated_time_to_regain_access\":19}]}");
    assert_true(found.remaining_percent == 0 && found.reset_seconds == 1140);
    assert_string_equal(found.dialect, name);
}

/* ---------------------------------------------------------------- vendor ---- */

/* What an answer of that vendor means; the code goes to `ret_code`, if that is wanted. */
static enum vendor_class means(const char *host, int status, const char *text, char *ret_code)
{
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    struct vendor_says says = vendor_of("auto", host, status, body, NULL);
    if (ret_code)
        memcpy(ret_code, says.code, sizeof(says.code));
    json_decref(body);
    return says.class;
}

static void the_most_telling_code_counts(void **state)
{
    static const char google
        [] = "www.googleapis.com",
  invalid[] =
        "{\"error\":{\"code\":400,\"errors\":[{\"reason\":\"badRequest\"}],\"status\":"
        "\"INVALID_ARGUMENT\",\"details\":[{\"locale\":\"en\"},{\"reason\":\"API_KEY_INVALID\"}]}}";
    char code[sizeof(((struct vendor_says *)NULL)->code)];
    (void)state;
    assert_int_equal(means(google, 400, invalid, code), VENDOR_TOKEN);
    assert_string_equal(code, "API_KEY_INVALID");
    assert_int_equal(
        means(google, 400, "{\"error\":{\"errors\":[{\"reason\":\"badRequest\"}]}}", code),
        VENDOR_REQUEST);
    assert_int_equal(means(google, 503, "{\"error\":{\"code\":503,\"status\":\"NEW\"}}", code),
                     VENDOR_OUTAGE);
    assert_string_equal(code, "NEW");
}

static void a_problems_type_is_its_last_part(void **state)
{
    char code[sizeof(((struct vendor_says *)NULL)->code)];
    (void)state;
    assert_int_equal(means("api.x.com",
                           429,
                           "{\"type\":\"https://api.twitter.com/2/problems/usage-capped\"}",
                           code),
                     VENDOR_RATE_LIMITED);
    assert_string_equal(code, "usage-capped");
    assert_int_equal(means("api.x.com", 401, "{\"type\":\"about:blank\",\"status\":401}", code),
                     VENDOR_TOKEN);
    assert_string_equal(code, "");
}

static void a_vendor_is_known_by_its_host(void **state)
{
    json_t *body = json_loads("{\"code\":40105,\"message\":\"revoked\"}", 0, NULL);
    (void)state;
    assert_int_equal(vendor_of("auto", "business-api.tiktok.com", 200, body, NULL).class,
                     VENDOR_TOKEN);
    assert_int_equal(vendor_of("auto", "nottiktok.com", 200, body, NULL).class, VENDOR_OK);
    assert_int_equal(vendor_of("auto", "api.example.org", 200, body, NULL).class, VENDOR_OK);
    assert_int_equal(vendor_of("auto", "tiktok.com", 500, NULL, NULL).class, VENDOR_OUTAGE);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_a_value_or_to_nothing),
        cmocka_unit_test(what_is_no_path_is_told),
        cmocka_unit_test(parts_that_are_not_well_are_named),
        cmocka_unit_test(very_many_and_very_deep_parts_are_cut),
        cmocka_unit_test(a_secret_is_taken_out_also_where_it_is_cut),
        cmocka_unit_test(tokens_that_are_used_no_longer_are_taken_out_too),
        cmocka_unit_test(captured_values_are_escaped_for_where_they_go),
        cmocka_unit_test(only_so_many_are_kept),
        cmocka_unit_test(what_is_no_token_has_no_life),
        cmocka_unit_test(headers_that_make_no_sense_say_nothing),
        cmocka_unit_test(of_several_policies_the_scarcest_counts),
        cmocka_unit_test(lists_that_are_none_say_nothing),
        cmocka_unit_test(metas_own_headers_also_say_when),
        cmocka_unit_test(the_most_telling_code_counts),
        cmocka_unit_test(a_problems_type_is_its_last_part),
        cmocka_unit_test(a_vendor_is_known_by_its_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
