/* io/http against servers that refuse, are silent, break off or speak something else. */
#include "http_fixture.h"

static void nobody_there_is_refused(void **state)
{
    uint16_t port = 0;
    struct got got;
    (void)state;
    int fd = bind_port("127.0.0.1", &port); /* bound, and nobody listens */
    ASK(&got, .url = at("http", "127.0.0.1", port, "/"));
    (void)close(fd);
    assert_int_equal(got.status, -ECONNREFUSED);
    assert_int_equal(got.stage, PROBE_CONNECTING);
    assert_int_equal(got.code, 0);
    assert_string_equal(got.address, "127.0.0.1");
    assert_non_null(strstr(got.message, "refuses connections"));
}

static void a_name_server_that_is_silent_is_late(void **state)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    socklen_t len = sizeof(nobody);
    struct got got;
    char servers[32];
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)inet_pton(AF_INET, "127.0.0.1", &nobody.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&nobody, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&nobody, &len), 0);
    (void)snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(nobody.sin_port));
    resolve_use_servers(world.loop, servers);
    ASK(&got, .url = "http://nowhere.invalid/", .timeout_ms = 30);
    (void)close(fd);
    assert_int_equal(got.status, -ETIMEDOUT);
    assert_int_equal(got.stage, PROBE_RESOLVING);
    assert_string_equal(got.message, "the name server did not answer in time");
    assert_string_equal(got.address, "");
}

static void a_server_that_is_silent_is_late(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/hang"), .timeout_ms = 30);
    assert_int_equal(got.status, -ETIMEDOUT);
    assert_int_equal(got.stage, PROBE_WAITING);
    assert_true(got.us.connect > 0);
    assert_int_equal(got.us.first_byte, 0);
    assert_non_null(strstr(got.message, "did not answer in time"));
    run_for(20);
    assert_int_equal(world.server.open, 0);
}

static void a_server_that_never_accepts_is_late_in_tls(void **state)
{
    struct got got;
    struct http_server deaf = {0};
    (void)state;
    secure(good); /* a store that is small, and read in no time */
    deaf.fd = bind_port("127.0.0.1", &deaf.port);
    (void)listen(deaf.fd, 8);
    ASK(&got, .url = at("https", "127.0.0.1", deaf.port, "/"), .tls = &world.tls, .timeout_ms = 50);
    (void)close(deaf.fd);
    assert_int_equal(got.status, -ETIMEDOUT);
    assert_int_equal(got.stage, PROBE_SECURING);
    assert_true(got.us.connect > 0);
}

static void the_end_of_its_life_tells_how_far_it_came(void **state)
{
    struct got got = {0};
    (void)state;
    (void)SEND(&got, .url = here("/begin"));
    run_for(50);
    assert_false(got.done);
    life_end(&world.life, -ETIMEDOUT);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.status, -ETIMEDOUT);
    assert_int_equal(got.stage, PROBE_RECEIVING);
    assert_int_equal(got.code, 200);
    assert_string_equal(got.body, "begun");
    assert_string_equal(got.message, "the answer was not complete in time, 5 bytes came");
}

static void a_life_that_has_ended_starts_nothing(void **state)
{
    struct got got = {0};
    (void)state;
    life_end(&world.life, -ETIMEDOUT);
    (void)SEND(&got, .url = here("/ok"));
    assert_true(loop_run_until(world.loop, &got.done, 1000));
    assert_int_equal(got.status, -ECANCELED);
    assert_int_equal(world.server.accepted, 0);
}

static void what_is_not_http_is_said_to_be_that(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/garbage"));
    assert_int_equal(got.status, -EPROTO);
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.message, "not HTTP"));
}

static void a_connection_that_breaks_is_reset(void **state)
{
    static const char *const paths[] = {"/close", "/reset", "/cut"};
    struct got got;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        ASK(&got, .url = here(paths[i]), .fresh = true);
        assert_int_equal(got.status, -ECONNRESET);
        assert_int_equal(got.stage, i == 0 ? PROBE_WAITING : PROBE_RECEIVING);
        assert_int_equal(got.code, i == 0 ? 0 : 200);
    }
    assert_string_equal(got.message, "the answer was cut off, 5 bytes came");
}

static void a_kept_connection_that_died_is_not_the_servers_fault(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/ok"));
    client_close(list_first(&world.server.clients, struct http_client, link));
    ASK(&got, .url = here("/ok"));
    assert_int_equal(got.status, 0);
    assert_int_equal(world.server.accepted, 2);
}

static void a_body_that_is_too_large_fails_and_shows_its_beginning(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = here("/large"), .max_body = 1000);
    assert_int_equal(got.status, -EMSGSIZE);
    assert_int_equal(got.body_len, 1000);
    assert_int_equal(got.code, 200);
    ASK(&got, .url = here("/large"), .max_body = 100000);
    assert_int_equal(got.status, 0);
    assert_int_equal(got.body_len, 100000);
    ASK(&got, .url = here("/headers"));
    assert_int_equal(got.status, -EMSGSIZE);
    assert_non_null(strstr(got.message, "headers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(nobody_there_is_refused),
        TEST(a_name_server_that_is_silent_is_late),
        TEST(a_server_that_is_silent_is_late),
        TEST(a_server_that_never_accepts_is_late_in_tls),
        TEST(the_end_of_its_life_tells_how_far_it_came),
        TEST(a_life_that_has_ended_starts_nothing),
        TEST(what_is_not_http_is_said_to_be_that),
        TEST(a_connection_that_breaks_is_reset),
        TEST(a_kept_connection_that_died_is_not_the_servers_fault),
        TEST(a_body_that_is_too_large_fails_and_shows_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
