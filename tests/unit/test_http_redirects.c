/* io/http: redirects, and what stays behind when the origin changes. */
#include "http_fixture.h"
#include "io/secret.h"

static void redirects_are_answers_unless_they_are_followed(void **state)
{
    struct got got;
    char path[256];
    (void)state;
    ASK(&got, .url = here("/to"), .redirects = 1); /* to nowhere in particular */
    assert_int_equal(got.code, 302);
    assert_string_equal(got.body, "elsewhere");
    ASK(&got, .url = here("/to?/ok"));
    assert_int_equal(got.code, 302);
    assert_string_equal(got.body, "elsewhere");
    ASK(&got, .url = here("/to?/ok"), .redirects = 1);
    assert_int_equal(got.code, 200);
    assert_string_equal(got.body, "hello");
    assert_string_equal(got.url, here("/ok"));
    (void)snprintf(path, sizeof(path), "/to?%s", here("/to?/ok"));
    ASK(&got, .url = here(path), .redirects = 1);
    assert_int_equal(got.status, -ELOOP);
    ASK(&got, .url = here(path), .redirects = 2);
    assert_int_equal(got.code, 200);
    assert_true(got.us.first_byte > 0 && got.us.first_byte <= got.us.total);
}

static void a_loop_of_redirects_ends(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/loop"), .redirects = 5);
    assert_int_equal(got.status, -ELOOP);
    assert_string_equal(got.message, "it redirects more than 5 times");
    assert_int_equal(world.server.requests, 6);
}

static void a_redirect_to_what_is_not_http_goes_nowhere(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/to?file:///etc/passwd"), .redirects = 5);
    assert_int_equal(got.status, -EPROTO);
    assert_int_equal(got.code, 302);
}

static void secrets_stay_behind_when_the_origin_changes(void **state)
{
    struct error error;
    struct probe_secret *token = secret_create("tok-4711-secret", &error);
    const struct probe_pair headers[] = {{.name = "X-Key", .secret = token},
                                         {.name = "Cookie", .value = "session=1"},
                                         {.name = "X-Open", .value = "1"},
                                         {0}};
    struct got got;
    char path[256];
    (void)state;
    server_open(&world.other, world.loop, NULL);
    (void)snprintf(
        path, sizeof(path), "/to?%s", at("http", "127.0.0.1", world.other.port, "/echo"));
    ASK(&got, .url = here(path), .redirects = 5, .bearer = token, .headers = headers);
    assert_int_equal(got.code, 200);
    assert_non_null(strstr(world.server.last, "Bearer tok-4711-secret"));
    assert_non_null(strstr(got.body, "X-Open: 1\r\n"));
    assert_null(strstr(got.body, "tok-4711"));
    assert_null(strstr(got.body, "session=1"));
    ASK(&got, .url = here("/to?/echo"), .redirects = 5, .bearer = token);
    assert_non_null(strstr(got.body, "Bearer tok-4711-secret")); /* same origin */
    (void)snprintf(
        path, sizeof(path), "/to?%s", at("http", "127.0.0.1", world.other.port, "/echo"));
    ASK(&got, .url = here(path), .redirects = 5, .user = "me", .password = token);
    assert_null(strstr(got.body, "Authorization"));
    secret_destroy(token);
}

static void a_body_is_sent_on_within_its_origin_only(void **state)
{
    struct got got;
    char path[256];
    (void)state;
    ASK(&got, .url = here("/to307?/echo"), .redirects = 5, .body = "abc", .body_len = 3);
    assert_non_null(strstr(got.body, "POST /echo"));
    assert_non_null(strstr(got.body, "\r\n\r\nabc"));
    ASK(&got, .url = here("/to?/echo"), .redirects = 5, .body = "abc", .body_len = 3);
    assert_non_null(strstr(got.body, "GET /echo")); /* 302 after a POST */
    server_open(&world.other, world.loop, NULL);
    (void)snprintf(
        path, sizeof(path), "/to307?%s", at("http", "127.0.0.1", world.other.port, "/echo"));
    ASK(&got, .url = here(path), .redirects = 5, .body = "abc", .body_len = 3);
    assert_int_equal(got.code, 307);
    assert_int_equal(world.other.accepted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(redirects_are_answers_unless_they_are_followed),
        TEST(a_loop_of_redirects_ends),
        TEST(a_redirect_to_what_is_not_http_goes_nowhere),
        TEST(secrets_stay_behind_when_the_origin_changes),
        TEST(a_body_is_sent_on_within_its_origin_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
