/* io/http over TLS: who is trusted, what is kept for whom, and how it fails. */
#include "http_fixture.h"

static void a_good_certificate_is_trusted_and_shown(void **state)
{
    struct got got;
    (void)state;
    secure(good);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    assert_string_equal(got.body, "hello");
    assert_string_equal(got.tls_version, "TLSv1.3");
    assert_int_equal(got.problem_count, 0);
    assert_int_equal(got.presented_count, 1);
    assert_true(got.us.connect > 0 && got.us.connect < got.us.tls);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(world.server.accepted, 1);
    assert_string_equal(got.tls_version, "TLSv1.3");
    assert_int_equal(got.us.tls, 0);
}

static void nothing_is_sent_to_a_peer_that_is_not_trusted(void **state)
{
    struct pki_wish bad = good;
    struct got got;
    (void)state;
    bad.from_days = -30;
    bad.to_days = -2;
    bad.names = "DNS:other.example.org";
    secure(bad);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, -EACCES);
    assert_int_equal(got.stage, PROBE_SECURING);
    assert_int_equal(got.problem_count, 2);
    assert_int_equal(got.presented_count, 1);
    assert_non_null(strstr(got.message, "expired on"));
    assert_non_null(strstr(got.message, "other.example.org"));
    run_for(20);
    assert_int_equal(world.server.accepted, 1);
    assert_false(world.server.saw_request);
    assert_int_equal(world.server.open, 0);
}

static void an_unknown_authority_is_not_trusted(void **state)
{
    struct got got;
    (void)state;
    secure(good);
    ASK(&got, .url = here("/ok"));
    assert_int_equal(got.status, -EACCES);
    run_for(20);
    assert_false(world.server.saw_request);
}

static void verification_can_be_lowered(void **state)
{
    struct pki_wish bad = good;
    struct got got;
    (void)state;
    bad.names = "DNS:other.example.org";
    secure(bad);
    world.tls.verify = TLS_VERIFY_CA;
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    world.tls = (struct probe_tls){.verify = TLS_VERIFY_NONE};
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
}

static void a_connection_is_not_kept_for_other_settings(void **state)
{
    struct probe_tls none;
    struct got got;
    (void)state;
    secure(good);
    none = (struct probe_tls){.verify = TLS_VERIFY_NONE};
    ASK(&got, .url = here("/ok"), .tls = &none);
    assert_int_equal(got.status, 0);
    ASK(&got, .url = here("/ok")); /* full: on the kept connection it would be sent */
    assert_int_equal(got.status, -EACCES);
    assert_int_equal(world.server.requests, 1);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    assert_int_equal(world.server.requests, 2);
}

static void a_connection_is_not_kept_for_other_authorities(void **state)
{
    struct pki_pair stranger = pki_issue(
        (struct pki_wish){.name = "Other CA", .from_days = -1, .to_days = 9, .authority = true});
    struct probe_tls other = {.ca = world.pem};
    struct got got;
    (void)state;
    secure(good);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    pki_write(world.pem, stranger.certificate, NULL, NULL);
    pki_free(&stranger);
    ASK(&got, .url = here("/ok"), .tls = &other);
    assert_int_equal(got.status, -EACCES);
    assert_int_equal(world.server.requests, 1);
}

static void a_connection_with_our_certificate_is_not_kept_for_others(void **state)
{
    struct probe_tls own;
    struct got got;
    (void)state;
    secure(good);
    SSL_CTX_set_verify(world.server.tls, SSL_VERIFY_PEER, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(world.server.tls), world.authority.certificate);
    own = world.tls;
    own.certificate = world.pem;
    ASK(&got, .url = here("/ok"), .tls = &own);
    assert_int_equal(got.status, 0);
    assert_true(world.server.saw_certificate);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    assert_int_equal(world.server.accepted, 2);
    assert_false(world.server.saw_certificate);
}

static void no_session_is_resumed(void **state)
{
    struct got got;
    (void)state;
    secure(good);
    for (int i = 0; i < 3; i++)
        ASK(&got, .url = here("/ok"), .tls = &world.tls, .fresh = true);
    assert_int_equal(got.presented_count, 1);
    assert_int_equal(world.server.accepted, 3);
    assert_false(world.server.resumed);
}

static void another_name_is_sent_and_verified(void **state)
{
    struct pki_wish wish = good;
    struct got got;
    (void)state;
    wish.names = "DNS:api.example.org";
    secure(wish);
    world.tls.name = "api.example.org";
    ASK(&got, .url = at("https", "localhost", world.server.port, "/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    assert_string_equal(world.server.sni, "api.example.org");
    world.tls.name = NULL;
    ASK(&got, .url = at("https", "localhost", world.server.port, "/ok"), .tls = &world.tls);
    assert_int_equal(got.status, -EACCES);
    run_for(20);
    assert_string_equal(world.server.sni, "localhost");
}

static void our_certificate_is_shown_to_who_asks_for_it(void **state)
{
    struct got got;
    (void)state;
    secure(good);
    SSL_CTX_set_verify(world.server.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(world.server.tls), world.authority.certificate);
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_true(got.status < 0);
    world.tls.certificate = world.pem;
    ASK(&got, .url = here("/ok"), .tls = &world.tls);
    assert_int_equal(got.status, 0);
    assert_true(world.server.saw_certificate);
}

struct rude {
    int fd, guest, guests;
    struct watch *watch, *hello;
};

static void on_hello(int status, unsigned events, void *data)
{
    struct rude *rude = data;
    struct linger now = {.l_onoff = rude->guests == 1, .l_linger = 0};
    (void)status, (void)events;
    (void)setsockopt(rude->guest, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    watch_destroy(rude->hello);
    (void)shutdown(rude->guest, rude->guests == 1 ? SHUT_RD : SHUT_RDWR);
    (void)close(rude->guest);
}

static void on_guest(int status, unsigned events, void *data)
{
    struct rude *rude = data;
    (void)status, (void)events;
    rude->guests++;
    rude->guest = accept4(rude->fd, NULL, NULL, SOCK_CLOEXEC);
    rude->hello = watch_create(world.loop, rude->guest, WATCH_READABLE, on_hello, rude);
}

static void a_handshake_that_breaks_is_reset(void **state)
{
    struct rude rude = {0};
    struct got got[2];
    uint16_t port = 0;
    (void)state;
    rude.fd = bind_port("127.0.0.1", &port);
    (void)listen(rude.fd, 8);
    rude.watch = watch_create(world.loop, rude.fd, WATCH_READABLE, on_guest, &rude);
    for (int i = 0; i < 2; i++)
        ASK(&got[i], .url = at("https", "127.0.0.1", port, "/"));
    watch_destroy(rude.watch);
    (void)close(rude.fd);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(got[i].status, -ECONNRESET);
        assert_int_equal(got[i].stage, PROBE_SECURING);
        assert_non_null(strstr(got[i].message, "closed the connection during the TLS handshake"));
    }
}

static void a_server_in_clear_is_not_tls(void **state)
{
    struct got got;
    (void)state;
    ASK(&got, .url = at("https", "127.0.0.1", world.server.port, "/ok"), .timeout_ms = 2000);
    assert_int_equal(got.status, -EPROTO);
    assert_int_equal(got.stage, PROBE_SECURING);
    assert_non_null(strstr(got.message, "it does not speak TLS on this port"));
}

static void settings_that_cannot_be_read_are_named(void **state)
{
    const struct probe_tls tls = {.ca = "/nowhere/ca.pem"};
    struct got got;
    (void)state;
    ASK(&got, .url = at("https", "127.0.0.1", world.server.port, "/ok"), .tls = &tls);
    assert_true(got.status < 0);
    assert_int_equal(got.stage, 0);
    assert_non_null(strstr(got.message, "/nowhere/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_good_certificate_is_trusted_and_shown),
        TEST(nothing_is_sent_to_a_peer_that_is_not_trusted),
        TEST(an_unknown_authority_is_not_trusted),
        TEST(verification_can_be_lowered),
        TEST(a_connection_is_not_kept_for_other_settings),
        TEST(a_connection_is_not_kept_for_other_authorities),
        TEST(a_connection_with_our_certificate_is_not_kept_for_others),
        TEST(no_session_is_resumed),
        TEST(another_name_is_sent_and_verified),
        TEST(our_certificate_is_shown_to_who_asks_for_it),
        TEST(a_handshake_that_breaks_is_reset),
        TEST(a_server_in_clear_is_not_tls),
        TEST(settings_that_cannot_be_read_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
