/* stream in TLS: peers trusted and not, TLS that begins later, callbacks that end it all. */
#include "stream_bench.h"

/* ------------------------------------------------------------------ TLS ---- */

static int pick_last(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *data)
{
    (void)ssl, (void)data;
    assert_memory_equal(in, "\2h2\10http/1.1", in_len);
    *out = in + 4;
    *out_len = 8;
    return SSL_TLSEXT_ERR_OK;
}

static void a_safe_stream_knows_its_peer(void **state)
{
    (void)state;
    const char *const alpn[] = {"h2", "http/1.1", NULL};
    serve(ECHOES, tls_server("DNS:localhost", -1, 30));
    SSL_CTX_set_alpn_select_cb(server.tls, pick_last, NULL);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){.host = "localhost.",
                                          .address = "127.0.0.1",
                                          .port = server.port,
                                          .safety = PROBE_SAFE,
                                          .tls = &trusting,
                                          .alpn = alpn});
    assert_string_equal(seen.kinds, "OA");
    assert_string_equal(seen.version, "TLSv1.3");
    assert_string_equal(seen.alpn, "http/1.1");
    assert_string_equal(server.sni, "localhost");
    assert_int_equal(seen.problem_count, 0);
    assert_true(seen.us.tls > seen.us.connect);
}

static void versions_can_be_narrowed(void **state)
{
    (void)state;
    serve(ECHOES, tls_server("IP:127.0.0.1", -1, 30));
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    struct probe_endpoint endpoint = {.address = "127.0.0.1",
                                      .port = server.port,
                                      .safety = PROBE_SAFE,
                                      .tls = &trusting,
                                      .tls_highest = 0x0303};
    dial_and_wait(endpoint);
    assert_string_equal(seen.version, "TLSv1.2");
    assert_string_equal(server.sni, ""); /* addresses are not sent */
    op_cancel(seen.stream);
    (void)SSL_CTX_set_min_proto_version(server.tls, TLS1_3_VERSION);
    seen = (struct seen){0};
    dial_and_wait(endpoint);
    expect_failure(-EPROTO, PROBE_SECURING, "no version of TLS that is allowed");
}

static void a_safe_stream_fails_with_all_that_is_wrong(void **state)
{
    (void)state;
    serve(ECHOES, tls_server("DNS:other.test", -20, -2));
    seen = (struct seen){.say_when_opened = "secret"};
    dial_and_wait((struct probe_endpoint){.host = "localhost",
                                          .address = "127.0.0.1",
                                          .port = server.port,
                                          .safety = PROBE_SAFE,
                                          .tls = &trusting});
    expect_failure(-EACCES, PROBE_SECURING, "cannot be trusted: ");
    expect_failure(-EACCES, PROBE_SECURING, "the certificate expired on 2");
    expect_failure(-EACCES, PROBE_SECURING, "is for other.test, not for localhost");
    assert_string_equal(seen.kinds, "F");
    assert_int_equal(seen.problem_count, 2);
}

static void a_shown_stream_goes_on_and_tells(void **state)
{
    (void)state;
    serve(ECHOES, tls_server("DNS:other.test", -20, -2));
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){.host = "localhost",
                                          .address = "127.0.0.1",
                                          .port = server.port,
                                          .safety = PROBE_SHOWN,
                                          .tls = &trusting});
    assert_string_equal(seen.kinds, "OA");
    assert_int_equal(seen.problem_count, 2);
}

static void tls_can_begin_later(void **state)
{
    (void)state;
    serve(TURNS, tls_server("DNS:localhost", -1, 30));
    seen = (struct seen){.say_when_opened = "S",
                         .when_arrived = SECURE,
                         .say_when_secured = "ping",
                         .wait_for = "Yping"};
    dial((struct probe_endpoint){.host = "localhost",
                                 .address = "127.0.0.1",
                                 .port = server.port,
                                 .safety = PROBE_SAFE_LATER,
                                 .tls = &trusting});
    while (!seen.secured && !seen.done)
        run_for(1);
    seen.when_arrived = NOTHING;
    assert_true(loop_run_until(loop, &seen.done, 5000));
    assert_string_equal(seen.kinds, "OASA");
    assert_string_equal(seen.version, "TLSv1.3");
    stream_secure(seen.stream); /* twice is once too often */
    seen.done = false;
    assert_true(loop_run_until(loop, &seen.done, 5000));
    assert_int_equal(seen.status, -EINVAL);
}

static void tls_later_is_verified_as_well(void **state)
{
    (void)state;
    serve(TURNS, tls_server("DNS:localhost", -20, -2));
    seen = (struct seen){.say_when_opened = "S", .when_arrived = SECURE};
    dial_and_wait((struct probe_endpoint){.host = "localhost",
                                          .address = "127.0.0.1",
                                          .port = server.port,
                                          .safety = PROBE_SAFE_LATER,
                                          .tls = &trusting});
    expect_failure(-EACCES, PROBE_SECURING, "expired on");
    assert_string_equal(seen.kinds, "OAF");
}

static void bytes_in_clear_before_tls_are_refused(void **state)
{
    (void)state;
    serve(SILENT, tls_server("DNS:localhost", -1, 30));
    server.manner = TURNS;
    seen = (struct seen){0};
    dial((struct probe_endpoint){
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SAFE_LATER, .tls = &trusting});
    assert_true(loop_run_until(loop, &seen.opened, 5000));
    while (server.fd < 0)
        run_for(1);
    stream_secure(seen.stream);
    server_say("injected", 8);
    assert_true(loop_run_until(loop, &seen.done, 5000));
    expect_failure(-EPROTO, PROBE_SECURING, "in clear where TLS was to begin");
    assert_string_equal(seen.kinds, "OF");
}

static void a_handshake_that_hangs_times_out_while_securing(void **state)
{
    (void)state;
    serve(SILENT, NULL);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SAFE, .timeout_ms = 60});
    expect_failure(-ETIMEDOUT, PROBE_SECURING, "did not finish the TLS handshake within");
    assert_true(seen.had_peer);
}

static void who_does_not_speak_tls_is_told_as_such(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SHOWN});
    expect_failure(-EPROTO, PROBE_SECURING, "TLS with 127.0.0.1:");
    seen = (struct seen){0};
    server.manner = RESETS;
    dial_and_wait((struct probe_endpoint){
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SHOWN});
    assert_int_equal(seen.status, -ECONNRESET);
    assert_int_equal(seen.stage, PROBE_SECURING);
}

static void tls_without_a_good_bye_is_cut_off(void **state)
{
    (void)state;
    serve(CUTS_TLS, tls_server("IP:127.0.0.1", -1, 30));
    seen = (struct seen){.say_when_opened = "x"};
    dial_and_wait((struct probe_endpoint){
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SAFE, .tls = &trusting});
    expect_failure(-ECONNRESET, PROBE_WAITING, "cut the connection off");
}

static void our_certificate_is_shown_to_who_wants_it(void **state)
{
    (void)state;
    struct pki_pair own = pki_issue((struct pki_wish){"own", NULL, -1, 30, false, &root});
    struct probe_tls with = {.ca = ca_file, .certificate = own_file};
    pki_write(own_file, own.certificate, NULL, own.key);
    pki_free(&own);
    serve(ECHOES, tls_server("IP:127.0.0.1", -1, 30));
    assert_int_equal(SSL_CTX_load_verify_file(server.tls, ca_file), 1);
    SSL_CTX_set_verify(server.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    struct probe_endpoint endpoint = {
        .address = "127.0.0.1", .port = server.port, .safety = PROBE_SAFE, .tls = &with};
    dial_and_wait(endpoint);
    assert_string_equal(seen.kinds, "OA");
    op_cancel(seen.stream);
    seen = (struct seen){0};
    endpoint.tls = &trusting;
    dial_and_wait(endpoint);
    assert_int_equal(seen.status, -EPROTO);
    assert_non_null(strstr(seen.message, "wants a certificate of ours"));
    seen = (struct seen){0};
    with.certificate = "/nowhere.pem";
    endpoint.tls = &with;
    dial_and_wait(endpoint);
    expect_failure(-ENOENT, PROBE_SECURING, "certificate /nowhere.pem");
}

/* ------------------------------------------------------------ callbacks ---- */

static void a_callback_may_end_the_stream_at_any_moment(void **state)
{
    (void)state;
    serve(TURNS, tls_server("DNS:localhost", -1, 30));
    const enum reaction reactions[] = {CANCEL, DROP_LIFE, END_LIFE};
    for (int moment = 0; moment < 3; moment++)
        for (size_t i = 0; i < COUNT_OF(reactions); i++) {
            enum reaction reaction = reactions[i];
            life_drop(&life);
            life_init(&life, loop);
            seen = (struct seen){.say_when_opened = "S",
                                 .when_opened = moment == 0 ? reaction : NOTHING,
                                 .when_arrived = moment == 1 ? reaction : SECURE,
                                 .when_secured = moment == 2 ? reaction : NOTHING};
            dial((struct probe_endpoint){.host = "localhost",
                                         .address = "127.0.0.1",
                                         .port = server.port,
                                         .safety = PROBE_SAFE_LATER,
                                         .tls = &trusting});
            for (int turn = 0; turn < 500 && seen.calls <= moment; turn++)
                run_for(1);
            int calls = seen.calls;
            assert_int_equal(calls, moment + 1 + (reaction == END_LIFE));
            assert_int_equal(seen.status, reaction == END_LIFE ? -ECANCELED : 0);
            run_for(5);
            assert_int_equal(seen.calls, calls);
        }
}

static void the_last_callback_may_end_everything_too(void **state)
{
    (void)state;
    serve(GREETS_AND_CLOSES, NULL);
    const enum reaction reactions[] = {CANCEL, END_LIFE, DROP_LIFE};
    for (size_t i = 0; i < COUNT_OF(reactions); i++) {
        life_drop(&life);
        life_init(&life, loop);
        seen = (struct seen){.when_ended = reactions[i]};
        dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
        assert_string_equal(seen.kinds, "OAC");
    }
}

static void a_cancelled_stream_is_silent_at_every_step(void **state)
{
    (void)state;
    serve(TURNS, tls_server("DNS:localhost", -1, 30));
    for (uint64_t turns = 0; turns < 8; turns++) {
        seen = (struct seen){.say_when_opened = "S", .when_arrived = SECURE};
        dial((struct probe_endpoint){.host = "localhost",
                                     .port = server.port,
                                     .family = 4,
                                     .safety = PROBE_SAFE_LATER,
                                     .tls = &trusting});
        if (turns)
            run_for(turns - 1);
        op_cancel(seen.stream);
        int calls = seen.calls;
        run_for(3);
        assert_int_equal(seen.calls, calls);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_safe_stream_knows_its_peer),
        TEST(versions_can_be_narrowed),
        TEST(a_safe_stream_fails_with_all_that_is_wrong),
        TEST(a_shown_stream_goes_on_and_tells),
        TEST(tls_can_begin_later),
        TEST(tls_later_is_verified_as_well),
        TEST(bytes_in_clear_before_tls_are_refused),
        TEST(a_handshake_that_hangs_times_out_while_securing),
        TEST(who_does_not_speak_tls_is_told_as_such),
        TEST(tls_without_a_good_bye_is_cut_off),
        TEST(our_certificate_is_shown_to_who_wants_it),
        TEST(a_callback_may_end_the_stream_at_any_moment),
        TEST(the_last_callback_may_end_everything_too),
        TEST(a_cancelled_stream_is_silent_at_every_step),
    };
    (void)loop_destroy(loop_create()); /* libuv keeps a pipe from the first one on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
