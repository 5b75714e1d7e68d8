/* io/http against a real server on the same loop: what is sent, and what comes back. */
#include "http_fixture.h"
#include "io/secret.h"

/* ------------------------------------------------------------- answers ---- */

static void an_answer_has_code_headers_body_and_times(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/ok"));
    assert_int_equal(got.status, 0);
    assert_int_equal(got.code, 200);
    assert_int_equal(got.version, 1);
    assert_string_equal(got.body, "hello");
    assert_string_equal(got.header, "yes");
    assert_string_equal(got.url, here("/ok"));
    assert_string_equal(got.address, "127.0.0.1");
    assert_string_equal(got.message, "");
    assert_true(got.us.connect > 0 && got.us.connect <= got.us.first_byte);
    assert_true(got.us.first_byte <= got.us.total);
    assert_int_equal(got.us.tls, 0);
}

static void a_kept_connection_is_used_again_and_shows_no_times_of_connecting(void **state)
{
    struct got got;
    (void)state;
    for (int i = 0; i < 3; i++)
        ASK(&got, .url = here("/ok"));
    assert_int_equal(world.server.accepted, 1);
    assert_int_equal(world.server.requests, 3);
    assert_int_equal(got.us.connect, 0);
    assert_int_equal(got.us.resolve, 0);
    assert_true(got.us.first_byte > 0);
}

static void a_fresh_request_neither_uses_nor_leaves_a_kept_connection(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/ok"));
    ASK(&got, .url = here("/ok"), .fresh = true);
    assert_true(got.us.connect > 0);
    assert_int_equal(world.server.accepted, 2);
    run_for(20);
    assert_int_equal(world.server.open, 1);
}

static void errors_of_the_server_are_answers(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/503"));
    assert_int_equal(got.status, 0);
    assert_int_equal(got.code, 503);
    assert_string_equal(got.body, "out of order");
}

static void the_last_of_several_heads_counts(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/early"));
    assert_int_equal(got.code, 200);
    assert_string_equal(got.header, "");
    assert_string_equal(got.body, "late");
}

static void chunked_and_slow_bodies_are_put_together(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/chunked"));
    assert_string_equal(got.body, "hello, world");
    ASK(&got, .url = here("/slow"));
    assert_string_equal(got.body, "hello");
}

static void a_packed_body_is_unpacked_where_that_was_asked_for(void **state)
{
    const struct probe_pair headers[] = {{.name = "Accept-Encoding", .value = "gzip"}, {0}};
    struct got got;
    (void)state;
    ASK(&got, .url = here("/gzip"), .headers = headers);
    assert_string_equal(got.body, "hello");
    assert_non_null(strstr(world.server.last, "Accept-Encoding: gzip\r\n"));
    ASK(&got, .url = here("/gzip"));
    assert_int_equal(got.body_len, 25);
}

static void http_2_is_spoken_where_it_is_wanted(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/ok"), .version = 2);
    assert_int_equal(got.status, 0);
    assert_int_equal(got.version, 2);
    assert_int_equal(got.code, 200);
    assert_string_equal(got.body, "two");
}

/* ------------------------------------------------------------- requests ---- */

static void path_and_parameters_are_added_and_escaped(void **state)
{
    const struct probe_pair params[] = {{.name = "q", .value = "a b&c/ü"}, {.name = "e"}, {0}};
    const struct probe_pair fine[] = {
        {.name = "q", .value = "a b&c/ü"}, {.name = "e", .value = ""}, {0}};
    struct got got;
    (void)state;
    ASK(&got, .url = here("/echo/?one=1#part"), .path = "/sub?two=2", .params = fine);
    assert_int_equal(got.code, 404);
    assert_non_null(strstr(world.server.last,
                           "GET /echo/sub?one=1&two=2&q=a%20b%26c%2F%C3%BC&e= HTTP/1.1\r\n"));
    ASK(&got, .url = here("/echo"), .params = params);
    assert_int_equal(got.status, -ENOKEY); /* a parameter without a value */
}

static void methods_headers_and_bodies_arrive(void **state)
{
    const struct probe_pair headers[] = {
        {.name = "X-One", .value = "1"}, {.name = "X-Empty", .value = ""}, {0}};
    struct got got;
    (void)state;
    ASK(&got, .url = here("/echo"), .headers = headers, .body = "a\0b", .body_len = 3);
    assert_non_null(strstr(got.body, "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(got.body, "X-One: 1\r\n"));
    assert_non_null(strstr(got.body, "X-Empty:\r\n"));
    assert_non_null(strstr(got.body, "Content-Length: 3\r\n"));
    ASK(&got, .url = here("/echo"), .method = "PUT", .body = "x", .body_len = 1);
    assert_non_null(strstr(got.body, "PUT /echo HTTP/1.1\r\n"));
    ASK(&got, .url = here("/ok"), .method = "HEAD");
    assert_int_equal(got.code, 200);
    assert_int_equal(got.body_len, 0);
}

/* Handles of usual requests are left as they are for the next; it sees nothing of the one before. */
static void what_one_request_asked_for_the_next_does_not(void **state)
{
    static const char plain[] = "GET /echo HTTP/1.1\r\n";
    const struct probe_pair headers[] = {
        {.name = "X-One", .value = "1"}, {.name = "Accept-Encoding", .value = "gzip"}, {0}};
    const struct probe_pair other[] = {{.name = "X-Two", .value = "2"}, {0}};
    struct got got;
    (void)state;
    for (int i = 0; i < 3; i++) {
        ASK(&got, .url = here("/ok"), .headers = other);
        ASK(&got, .url = here("/echo"), .method = "GET");
        assert_non_null(strstr(got.body, plain));
        assert_null(strstr(got.body, "X-Two"));
        ASK(&got, .url = here("/echo"), .headers = headers, .body = "x", .body_len = 1);
        ASK(&got, .url = here("/echo"));
        assert_non_null(strstr(got.body, plain));
        assert_null(strstr(got.body, "X-One"));
        assert_null(strstr(got.body, "Accept-Encoding"));
        assert_null(strstr(got.body, "Content-Length"));
        ASK(&got, .url = here("/ok"), .method = "HEAD");
        ASK(&got, .url = here("/ok"));
        assert_string_equal(got.body, "hello");
        ASK(&got, .url = here("/echo"), .version = 1, .fresh = true, .method = "PATCH");
        ASK(&got, .url = here("/nobody"), .address = "127.0.0.2");
        assert_int_equal(got.status, -ECONNREFUSED);
        ASK(&got, .url = here("/echo"));
        assert_int_equal(got.status, 0);
        assert_non_null(strstr(got.body, plain));
        assert_string_equal(got.message, "");
    }
}

/* libcurl counts in its handle how often a kept connection was dead when it was used, up to five. */
static void a_connection_that_died_is_made_anew_however_often_that_happens(void **state)
{
    struct got got;
    (void)state;
    for (int i = 0; i < 20; i++) {
        ASK(&got, .url = here("/once"));
        assert_int_equal(got.status, 0);
        assert_string_equal(got.body, "hello");
    }
    assert_int_equal(world.server.accepted, 20);
    assert_int_equal(world.server.requests, 39); /* each but the first was sent twice */
}

static void secrets_are_revealed_to_the_server_and_to_nobody_else(void **state)
{
    struct error error;
    struct probe_secret *token = secret_create("tok-4711-secret", &error);
    const struct probe_pair headers[] = {{.name = "X-Key", .secret = token}, {0}};
    const struct probe_pair params[] = {{.name = "key", .secret = token}, {0}};
    struct got got;
    (void)state;
    ASK(&got, .url = here("/echo"), .bearer = token, .headers = headers, .params = params);
    assert_non_null(strstr(got.body, "Authorization: Bearer tok-4711-secret\r\n"));
    assert_non_null(strstr(got.body, "X-Key: tok-4711-secret\r\n"));
    assert_non_null(strstr(got.body, "GET /echo?key=tok-4711-secret "));
    assert_null(strstr(got.url, "tok-4711"));
    assert_non_null(strstr(got.url, REDACT_MARK));
    ASK(&got, .url = here("/echo"), .user = "me", .password = token);
    assert_non_null(strstr(got.body, "Authorization: Basic bWU6dG9rLTQ3MTEtc2VjcmV0\r\n"));
    secret_destroy(token);
}

static void a_password_in_the_url_is_used_and_not_shown(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = at("http", "me:p%40ssword@127.0.0.1", world.server.port, "/echo"));
    assert_non_null(strstr(got.body, "Authorization: Basic bWU6cEBzc3dvcmQ=\r\n"));
    assert_string_equal(got.url, here("/echo"));
}

static void the_operators_url_is_put_together_from_its_parts(void **state)
{
    struct error error;
    struct probe_secret *password = secret_create("secret", &error);
    const struct probe_url base = {.scheme = "http",
                                   .host = "127.0.0.1",
                                   .path = "/echo/",
                                   .user = "me",
                                   .port = world.server.port,
                                   .password = password};
    struct got got;
    (void)state;
    ASK(&got, .base = &base, .path = "live");
    assert_non_null(strstr(world.server.last, "GET /echo/live HTTP/1.1\r\n"));
    assert_non_null(strstr(world.server.last, "Authorization: Basic bWU6c2VjcmV0\r\n"));
    secret_destroy(password);
}

static void a_signed_request_carries_its_signature(void **state)
{
    struct error error;
    struct probe_secret *key = secret_create("wJalrXUtnFEMI", &error);
    const struct probe_pair params[] = {
        {.name = "b", .value = "2"}, {.name = "a", .value = "1"}, {0}};
    struct got got;
    (void)state;
    ASK(&got,
        .url = here("/echo"),
        .user = "AKID",
        .password = key,
        .sigv4 = "aws:amz:eu-west-1:rds",
        .params = params);
    assert_non_null(strstr(got.body, "GET /echo?a=1&b=2 ")); /* sorted, as it is signed */
    assert_non_null(strstr(got.body, "Authorization: AWS4-HMAC-SHA256 Credential=AKID/"));
    assert_null(strstr(got.body, "wJalrXUtnFEMI"));
    secret_destroy(key);
}

static void what_cannot_be_sent_fails_later_and_says_why(void **state)
{
    const struct probe_pair broken[] = {{.name = "X", .value = "a\r\nEvil: 1"}, {0}};
    const struct probe_pair unnamed[] = {{.name = "X Y", .value = "1"}, {0}};
    struct error error;
    struct probe_secret *missing = secret_create("${env:TEST_HTTP_NOT_SET}", &error);
    struct got got;
    (void)state;
    ASK(&got, .url = "ftp://127.0.0.1/");
    assert_int_equal(got.status, -EINVAL);
    assert_string_equal(got.message, "the URL begins neither with http:// nor with https://");
    ASK(&got, .url = "http://127.0.0.1:99999/");
    assert_int_equal(got.status, -EINVAL);
    ASK(&got, .url = "http://a/\n");
    assert_int_equal(got.status, -EINVAL);
    ASK(&got);
    assert_int_equal(got.status, -EINVAL);
    ASK(&got, .url = here("/ok"), .headers = broken);
    assert_int_equal(got.status, -EINVAL);
    ASK(&got, .url = here("/ok"), .headers = unnamed);
    assert_int_equal(got.status, -EINVAL);
    ASK(&got, .url = here("/ok"), .method = "G ET");
    assert_int_equal(got.status, -EINVAL);
    ASK(&got, .url = here("/ok"), .bearer = missing);
    assert_int_equal(got.status, -ENOKEY);
    assert_non_null(strstr(got.message, "${env:TEST_HTTP_NOT_SET}"));
    assert_int_equal(got.stage, 0);
    assert_int_equal(world.server.accepted, 0);
    secret_destroy(missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_answer_has_code_headers_body_and_times),
        TEST(a_kept_connection_is_used_again_and_shows_no_times_of_connecting),
        TEST(a_fresh_request_neither_uses_nor_leaves_a_kept_connection),
        TEST(errors_of_the_server_are_answers),
        TEST(the_last_of_several_heads_counts),
        TEST(chunked_and_slow_bodies_are_put_together),
        TEST(a_packed_body_is_unpacked_where_that_was_asked_for),
        TEST(http_2_is_spoken_where_it_is_wanted),
        TEST(path_and_parameters_are_added_and_escaped),
        TEST(methods_headers_and_bodies_arrive),
        TEST(what_one_request_asked_for_the_next_does_not),
        TEST(a_connection_that_died_is_made_anew_however_often_that_happens),
        TEST(secrets_are_revealed_to_the_server_and_to_nobody_else),
        TEST(a_password_in_the_url_is_used_and_not_shown),
        TEST(the_operators_url_is_put_together_from_its_parts),
        TEST(a_signed_request_carries_its_signature),
        TEST(what_cannot_be_sent_fails_later_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
