/* probe/schema: URLs are taken apart, shown without their secrets, or refused. */
#include <stdlib.h>

#include "schema_fixture.h"

static const struct {
    const char *url, *shown, *scheme, *user, *password, *host;
    uint16_t port;
    const char *path;
} urls[] = {
    {"redis://cache", "redis://cache", "redis", NULL, NULL, "cache", 0, ""},
    {"REDISS://cache:6380/3", "rediss://cache:6380/3", "rediss", NULL, NULL, "cache", 6380, "/3"},
    {"postgres://u%40x:p%2Fw%25@db.x:5432/orders?a=b#no",
     "postgres://db.x:5432/orders?a=b",
     "postgres",
     "u@x",
     "p/w%",
     "db.x",
     5432,
     "/orders?a=b"},
    {"postgres://u:a@b@db/x", "postgres://db/x", "postgres", "u", "a@b", "db", 0, "/x"},
    {"redis://:secret@h", "redis://h", "redis", "", "secret", "h", 0, ""},
    {"http://[2001:db8::1]:8080/x",
     "http://[2001:db8::1]:8080/x",
     "http",
     NULL,
     NULL,
     "2001:db8::1",
     8080,
     "/x"},
    {"http://[fe80::1%25eth0]", "http://[fe80::1%eth0]", "http", NULL, NULL, "fe80::1%eth0", 0, ""},
    {"redis+unix:///run/redis.sock",
     "redis+unix:///run/redis.sock",
     "redis+unix",
     NULL,
     NULL,
     "",
     0,
     "/run/redis.sock"},
    {"postgres:///db?host=/tmp",
     "postgres:///db?host=/tmp",
     "postgres",
     NULL,
     NULL,
     "",
     0,
     "/db?host=/tmp"},
    {"postgres://%2Frun%2Fpg/db",
     "postgres:///run/pg/db",
     "postgres",
     NULL,
     NULL,
     "/run/pg",
     0,
     "/db"},
    {"https://a/x?apikey=verysecret&size=1&token=",
     "https://a/x?apikey=" REDACT_MARK "&size=1&token=",
     "https",
     NULL,
     NULL,
     "a",
     0,
     "/x?apikey=verysecret&size=1&token="},
};

static void assert_same(const char *got, const char *expected)
{
    if (expected)
        assert_string_equal(got ? got : "(none)", expected);
    else
        assert_null(got);
}

static void urls_are_taken_apart_and_shown_without_their_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct filling filling;
        MEM_AUTO char *yaml = mem_print("url: \"%s\"", urls[i].url);
        fill(&filling, yaml, false);
        assert_string_equal(problems_of(&filling), "");
        const struct probe_url *url = filling.got.url;
        assert_non_null(url);
        assert_string_equal(url->shown, urls[i].shown);
        assert_string_equal(url->scheme, urls[i].scheme);
        assert_string_equal(url->host, urls[i].host);
        assert_string_equal(url->path, urls[i].path);
        assert_int_equal(url->port, urls[i].port);
        assert_same(url->user, urls[i].user);
        assert_same(url->password ? secret_reveal(url->password) : NULL, urls[i].password);
        assert_string_equal(secret_reveal(url->whole), urls[i].url);
        end(&filling);
    }
}

static const struct {
    const char *url, *problem;
} bad_urls[] = {
    {"db:5432", "does not begin with SCHEME://"},
    {"://db", "does not begin with SCHEME://"},
    {"1x://db", "does not begin with SCHEME://"},
    {"postgres://u:hunter22@/", "names no host"},
    {"http://", "names no host"},
    {"http://a b/", "holds a space or a control character"},
    {"http://[::1", "has a [ that is not closed"},
    {"http://[::1]x", "has something else than :PORT after the ]"},
    {"http://[zz]", "names a host that can be none"},
    {"http://a_b!c", "names a host that can be none"},
    {"http://a:0", "has a port that is not 1 to 65535"},
    {"http://a:65536", "has a port that is not 1 to 65535"},
    {"http://a:99999999999999999999", "has a port that is not 1 to 65535"},
    {"postgres://a,b/x", "names several hosts: write a target for each"},
    {"postgres://u:%zz@a",
     "has a % that does not begin two hexadecimal digits (write %25 for a plain %)"},
    {"postgres://u%00:x@a",
     "has a % that does not begin two hexadecimal digits (write %25 for a plain %)"},
    {"postgres://u:hunter22/x@a",
     "has a port that is no number (is there a password with / or : or @ in it? user and password "
     "may stand beside url)"},
};

static void a_url_that_is_none_is_refused_without_repeating_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_urls); i++) {
        struct filling filling;
        MEM_AUTO char *yaml = mem_print("url: \"%s\"", bad_urls[i].url);
        MEM_AUTO char *expected = mem_print("a.yaml:1:6: t.url: %s\n", bad_urls[i].problem);
        fill(&filling, yaml, false);
        assert_string_equal(problems_of(&filling), expected);
        end(&filling);
    }
}

static void a_url_of_references_is_put_together_and_its_password_is_known(void **state)
{
    struct filling filling;
    (void)state;
    (void)setenv("TEST_URL", "postgres://app:hunter22@db/orders", 1);
    fill(&filling, "url: ${env:TEST_URL}", false);
    assert_string_equal(problems_of(&filling), "");
    assert_string_equal(filling.got.url->shown, "postgres://db/orders");
    assert_string_equal(secret_shown(filling.got.url->whole), "${env:TEST_URL}");
    assert_true(redact_finds("hunter22", 8));
    assert_false(redact_finds("postgres://db/orders", 20));
    end(&filling);
    (void)unsetenv("TEST_URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart_and_shown_without_their_secrets),
        cmocka_unit_test(a_url_that_is_none_is_refused_without_repeating_it),
        cmocka_unit_test(a_url_of_references_is_put_together_and_its_password_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
