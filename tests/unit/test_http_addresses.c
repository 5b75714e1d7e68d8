/* io/http: where a request goes: addresses, families and proxies. */
#include "http_fixture.h"
#include "io/http_place.h"
#include "io/http_proxy.h"

static void an_address_is_used_instead_of_the_names(void **state)
{
    struct got got;
    (void)state;
    server_open_at(&world.other, world.loop, NULL, "127.0.0.2", world.server.port);
    ASK(&got, .url = at("http", "localhost", world.server.port, "/echo"), .family = 4);
    assert_string_equal(got.address, "127.0.0.1");
    ASK(&got, .url = at("http", "localhost", world.server.port, "/echo"), .address = "127.0.0.2");
    assert_string_equal(got.address, "127.0.0.2"); /* not on the kept connection */
    assert_non_null(strstr(got.body, "Host: localhost"));
    assert_int_equal(world.other.requests, 1);
    ASK(&got, .url = here("/ok"), .address = "127.0.0.2");
    assert_int_equal(world.other.requests, 2); /* also instead of a number */
}

static void an_address_stays_behind_with_its_origin(void **state)
{
    struct got got;
    char path[256];
    (void)state;
    server_open_at(&world.other, world.loop, NULL, "127.0.0.2", 0);
    (void)snprintf(path, sizeof(path), "/to?%s", here("/ok"));
    ASK(&got,
        .url = at("http", "localhost", world.other.port, path),
        .address = "127.0.0.2",
        .redirects = 1);
    assert_string_equal(got.body, "hello");
    assert_string_equal(got.address, "127.0.0.1");
}

static void the_family_is_kept_to(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/ok"), .family = 6);
    assert_int_equal(got.status, -ENOENT);
    assert_int_equal(got.stage, PROBE_RESOLVING);
    assert_non_null(strstr(got.message, "127.0.0.1: "));
}

static void networks_and_domains_are_exempt_from_the_proxy(void **state)
{
    static const struct {
        const char *url, *list;
        int proxied;
    } rows[] = {
        {"http://example.org/", "", 1},
        {"http://example.org/", "example.org", 0},
        {"http://api.example.org/", "other, .example.org", 0},
        {"http://badexample.org/", "example.org", 1},
        {"http://10.1.2.3/", "10.0.0.0/8", 0},
        {"http://11.1.2.3/", "10.0.0.0/8", 1},
        {"http://10.127.0.1/", "10.64.0.0/10", 0},
        {"http://10.128.0.1/", "10.64.0.0/10", 1},
        {"http://[fd00::1]/", "fd00::/8", 0},
        {"http://example.org/", "*", 0},
        {"https://example.org/", "", 0},
    };
    struct error error;
    (void)state;
    assert_int_equal(setenv("http_proxy", "proxy.test:3128", 1), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct probe_request request = {sizeof(request), .url = rows[i].url};
        struct http_place place = {0}, proxy = {0};
        assert_int_equal(setenv("no_proxy", rows[i].list, 1), 0);
        assert_int_equal(http_place_make(&place, &request, &error), 0);
        assert_int_equal(http_proxy_find(&proxy, &place, &error), rows[i].proxied);
        if (rows[i].proxied)
            assert_int_equal(proxy.port, 3128);
        http_place_finish(&place);
        http_place_finish(&proxy);
    }
    (void)unsetenv("http_proxy");
    (void)unsetenv("no_proxy");
    assert_int_equal(setenv("all_proxy", "http://proxy.test", 1), 0);
    const struct probe_request request = {sizeof(request), .url = "https://example.org/"};
    struct http_place place = {0}, proxy = {0};
    assert_int_equal(http_place_make(&place, &request, &error), 0);
    assert_int_equal(http_proxy_find(&proxy, &place, &error), 1);
    assert_string_equal(proxy.host, "proxy.test");
    assert_int_equal(proxy.port, 80);
    http_place_finish(&place);
    http_place_finish(&proxy);
    (void)unsetenv("all_proxy");
}

static void a_proxy_is_used_where_that_was_switched_on(void **state)
{
    struct got got;
    char proxy[64];
    (void)state;
    server_open(&world.other, world.loop, NULL);
    (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", world.other.port);
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    ASK(&got, .url = here("/ok"));
    assert_int_equal(world.other.requests, 0);
    http_use_proxies(world.loop, true);
    ASK(&got, .url = "http://nowhere.invalid/ok"); /* the proxy looks it up, not we */
    (void)unsetenv("http_proxy");
    assert_int_equal(world.other.requests, 1);
    assert_non_null(strstr(world.other.last, "GET http://nowhere.invalid/ok HTTP/1.1\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_address_is_used_instead_of_the_names),
        TEST(an_address_stays_behind_with_its_origin),
        TEST(the_family_is_kept_to),
        TEST(networks_and_domains_are_exempt_from_the_proxy),
        TEST(a_proxy_is_used_where_that_was_switched_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
