/* plugins/cert's endpoint on the fake host: good, wrong, slow, cut off, cancelled, absurdly large. */
#include "cert_fixture.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static struct kit *open_kit(const char *url)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    if (url)
        kit_set(kit, "url", url);
    return kit;
}

static void close_kit(struct kit *kit)
{
    assert_int_equal(kit_close(kit), 0);
}

/* ---------------------------------------------------------------- grades ---- */

static void a_good_certificate_is_ok_and_told_in_full(void **state)
{
    (void)state;
    struct kit *kit = open_kit("https://192.0.2.1/health");
    kit_plays(kit, KIT_PEER(good_peer()));
    struct kit_run *run = kit_run(kit, "endpoint");
    const struct kit_finding *finding = kit_finding(run, NULL);
    const struct kit_dial *dial = kit_dialled(kit, 0);
    assert_true(run->done);
    assert_int_equal(kit_grade(kit, "endpoint", finding), PROBE_OK);
    assert_string_equal(kit_text(finding, "error_class"), "ok");
    assert_string_equal(kit_text(finding, "tls_version"), "1.3");
    assert_string_equal(kit_text(finding, "ip"), "192.0.2.1");
    assert_string_equal(kit_text(finding, "names"), "[\"shop.example\",\"127.0.0.1\"]");
    assert_int_equal(kit_rows(finding, "chain")->row_count, 3);
    assert_false(kit_has(finding, "problems"));
    assert_true(kit_flag(finding, "name_ok") && kit_flag(finding, "chain_ok"));
    assert_string_equal(dial->host, "192.0.2.1");
    assert_int_equal(dial->port, 443);
    assert_int_equal(dial->safety, PROBE_SHOWN);
    assert_false(dial->open);
    close_kit(kit);
}

static void certificates_are_graded_by_days_and_by_their_own_lifetime(void **state)
{
    (void)state;
    const struct {
        long lifetime, left;
        enum probe_status status;
    } cases[] = {{398, 40, PROBE_OK},
                 {398, 30, PROBE_WARNING},
                 {398, 8, PROBE_WARNING},
                 {398, 7, PROBE_CRITICAL},
                 {90, 31, PROBE_OK},
                 {90, 30, PROBE_WARNING},
                 {47, 17, PROBE_OK},
                 {47, 15, PROBE_WARNING},
                 {47, 5, PROBE_WARNING},
                 {47, 4, PROBE_CRITICAL},
                 {6, 5, PROBE_OK},
                 {6, 2, PROBE_WARNING},
                 {398, -1, PROBE_CRITICAL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pki_pair pair = leaf(cases[i].left - cases[i].lifetime, cases[i].left);
        struct kit *kit = open_kit("tls://192.0.2.1:8443");
        kit_plays(kit, KIT_PEER(peer_of(&pair)));
        struct kit_run *run = kit_run(kit, "endpoint");
        enum probe_status status = kit_grade(kit, "endpoint", kit_finding(run, NULL));
        if (status != cases[i].status)
            fail_msg("%ld of %ld days: %d", cases[i].left, cases[i].lifetime, (int)status);
        close_kit(kit);
    }
}

static void what_verification_holds_against_it_is_critical(void **state)
{
    (void)state;
    const struct {
        int code;
        const char *word;
    } cases[] = {{X509_V_ERR_HOSTNAME_MISMATCH, "name_mismatch"},
                 {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self_signed"},
                 {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "missing_intermediate"},
                 {X509_V_ERR_INVALID_PURPOSE, "wrong_use"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit *kit = open_kit("tls://192.0.2.1");
        kit_plays(kit, KIT_PEER(bad_peer(cases[i].code, "so it is")));
        struct kit_run *run = kit_run(kit, "endpoint");
        const struct kit_finding *finding = kit_finding(run, NULL);
        assert_int_equal(kit_grade(kit, "endpoint", finding), PROBE_CRITICAL);
        assert_string_equal(kit_text(finding, "error_class"), cases[i].word);
        assert_string_equal(finding->summary, "so it is");
        assert_non_null(finding->hint);
        assert_int_equal(kit_rows(finding, "problems")->row_count, 1);
        close_kit(kit);
    }
}

static void old_tls_is_a_warning(void **state)
{
    (void)state;
    struct probe_peer *peer = good_peer();
    peer->tls_version = "TLSv1";
    struct kit *kit = open_kit("tls://192.0.2.1");
    kit_plays(kit, KIT_PEER(peer));
    struct kit_run *run = kit_run(kit, "endpoint");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(kit_grade(kit, "endpoint", finding), PROBE_WARNING);
    assert_string_equal(kit_text(finding, "error_class"), "old_tls");
    assert_string_equal(kit_text(finding, "tls_version"), "1.0");
    close_kit(kit);
}

/* ------------------------------------------------------------- addresses ---- */

static void each_address_is_a_subject_and_one_that_is_down_hides_no_other(void **state)
{
    (void)state;
    struct pki_pair stale = leaf(-90, -3);
    struct kit *kit = open_kit("tls://shop.example:8443");
    kit_resolves(kit, "shop.example", "192.0.2.3", "192.0.2.1", "192.0.2.2");
    kit_plays(kit, KIT_PEER(good_peer()));
    kit_plays(kit, KIT_PEER(peer_of(&stale)));
    kit_plays(kit, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused by 192.0.2.3"));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->finding_count, 3);
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, "192.0.2.1")), PROBE_OK);
    assert_string_equal(kit_text(kit_finding(run, "192.0.2.2"), "error_class"), "expired");
    assert_int_equal(kit_finding(run, "192.0.2.3")->status, PROBE_CRITICAL);
    assert_string_equal(kit_text(kit_finding(run, "192.0.2.3"), "error_class"), "refused");
    assert_string_equal(kit_dialled(kit, 0)->host, "shop.example");
    assert_string_equal(kit_dialled(kit, 0)->address, "192.0.2.1");
    close_kit(kit);
}

/* A name with IPv6, and an agent without. */
static void addresses_that_this_machine_has_no_way_to_are_left_out(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://shop.example");
    kit_resolves(kit, "shop.example", "192.0.2.1", "2001:db8::1");
    kit_plays(kit, KIT_PEER(good_peer()));
    kit_plays(kit, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, "192.0.2.1")), PROBE_OK);
    close_kit(kit);
}

static void where_there_is_no_way_to_any_of_them_each_is_critical(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://shop.example");
    kit_resolves(kit, "shop.example", "192.0.2.1", "2001:db8::1");
    kit_plays(kit, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    kit_plays(kit, KIT_REFUSE(-EADDRNOTAVAIL, PROBE_CONNECTING, "no route"));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->finding_count, 2);
    assert_int_equal(kit_finding(run, "2001:db8::1")->status, PROBE_CRITICAL);
    assert_string_equal(kit_finding(run, "192.0.2.1")->summary,
                        "this machine has no way to 192.0.2.1");
    assert_string_equal(kit_text(kit_finding(run, "192.0.2.1"), "error_class"), "unreachable");
    close_kit(kit);
}

static void of_very_many_addresses_the_same_ones_are_looked_at(void **state)
{
    (void)state;
    const char *addresses[21] = {NULL};
    char texts[20][16];
    for (size_t i = 0; i < 20; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "192.0.2.%zu", 129 - i);
        addresses[i] = texts[i];
    }
    struct kit *kit = open_kit("tls://shop.example");
    kit_resolve(kit, "shop.example", 0, addresses);
    for (int i = 0; i < 16; i++)
        kit_plays(kit, KIT_PEER(good_peer()));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->finding_count, 16);
    assert_string_equal(run->findings[0].subject, "192.0.2.110");
    assert_true(kit_logged(kit, "20 addresses"));
    close_kit(kit);
}

static void any_address_is_left_to_the_agent_and_sni_is_the_name(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://lb.example");
    kit_set_for(kit, "endpoint", "addresses", "any");
    kit_plays(kit, KIT_PEER(good_peer()));
    (void)kit_finding(kit_run(kit, "endpoint"), NULL);
    assert_string_equal(kit_dialled(kit, 0)->host, "lb.example");
    assert_null(kit_dialled(kit, 0)->address);
    close_kit(kit);

    kit = open_kit("tls://lb.example");
    kit_resolves(kit, "lb.example", "192.0.2.7", "192.0.2.8");
    kit_set_for(kit, "endpoint", "addresses", "any");
    kit_set_for(kit, "endpoint", "sni", "shop.example");
    kit_plays(kit, KIT_PEER(good_peer()));
    (void)kit_finding(kit_run(kit, "endpoint"), NULL);
    assert_string_equal(kit_dialled(kit, 0)->host, "shop.example");
    assert_string_equal(kit_dialled(kit, 0)->address, "192.0.2.7");
    close_kit(kit);
}

static void a_name_that_does_not_resolve_is_ourselves(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://nowhere.example");
    kit_resolve(kit, "nowhere.example", -ENOENT, NULL);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "dns");
    assert_string_equal(run->summary, "there is no host nowhere.example");
    close_kit(kit);
}

/* -------------------------------------------------------------- starttls ---- */

static void postgres_is_asked_before_tls_begins(void **state)
{
    (void)state;
    struct kit *kit = open_kit("postgres://192.0.2.1/orders");
    kit_plays(kit,
              KIT_EXPECT_N("\0\0\0\x08\x04\xd2\x16\x2f", 8),
              KIT_PEER(good_peer()),
              KIT_SEND("S"),
              KIT_SECURE);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_dialled(kit, 0)->safety, PROBE_SHOWN_LATER);
    assert_int_equal(kit_dialled(kit, 0)->port, 5432);
    close_kit(kit);
}

static void smtp_goes_byte_by_byte_and_imap_by_an_option(void **state)
{
    (void)state;
    struct kit *kit = open_kit("smtp://192.0.2.1:587");
    kit_plays(kit,
              KIT_DRIP("220 ready\r\n"),
              KIT_EXPECT("EHLO runbookd.invalid\r\n"),
              KIT_DRIP("250-x\r\n250 STARTTLS\r\n"),
              KIT_EXPECT("STARTTLS\r\n"),
              KIT_PEER(good_peer()),
              KIT_DRIP("220 go\r\n"),
              KIT_SECURE);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, NULL)), PROBE_OK);
    close_kit(kit);

    kit = open_kit("tls://192.0.2.1:143");
    kit_set_for(kit, "endpoint", "starttls", "imap");
    kit_plays(
        kit, KIT_SEND("* OK hi\r\n"), KIT_EXPECT("a STARTTLS\r\n"), KIT_SEND("a NO never\r\n"));
    run = kit_run(kit, "endpoint");
    const struct kit_finding *finding = kit_finding(run, NULL);
    assert_int_equal(finding->status, PROBE_CRITICAL);
    assert_string_equal(kit_text(finding, "error_class"), "no_tls");
    assert_string_equal(finding->summary, "the server does not begin TLS: a NO never");
    close_kit(kit);
}

static void what_was_told_holds_no_connection_while_others_hang(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls+imap://mail.example");
    kit_resolves(kit, "mail.example", "192.0.2.1", "192.0.2.2");
    kit_plays(kit, KIT_SEND("* BYE full\r\n"));
    kit_plays(kit, KIT_MUTE);
    struct kit_run *run = kit_start(kit, "endpoint");
    kit_advance(kit, 1000);
    assert_false(kit_dialled(kit, 0)->open);
    assert_true(kit_dialled(kit, 1)->open);
    kit_finish(kit, run);
    assert_int_equal(run->finding_count, 2);
    close_kit(kit);
}

static void a_server_that_talks_without_end_is_left(void **state)
{
    (void)state;
    struct kit *kit = open_kit("smtp://192.0.2.1");
    kit_plays(kit, KIT_FLOOD("220-and another line\r\n"));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_string_equal(kit_text(kit_finding(run, NULL), "error_class"), "no_tls");
    close_kit(kit);
}

/* --------------------------------------------------------------- options ---- */

static void a_target_without_an_endpoint_says_how_to_do_without(void **state)
{
    (void)state;
    struct kit *kit = open_kit(NULL);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->how, PROBE_INAPPLICABLE);
    assert_non_null(strstr(run->hint, "endpoint: off"));
    close_kit(kit);
}

static void schemes_that_are_not_known_are_refused_with_those_that_are(void **state)
{
    (void)state;
    struct kit *kit = open_kit("gopher://192.0.2.1");
    const char *refusal = kit_refusal(kit, NULL);
    assert_non_null(refusal);
    assert_non_null(strstr(refusal, "tls://HOST:PORT"));
    close_kit(kit);
    kit = open_kit("postgres://%2Frun%2Fpostgresql/orders");
    assert_non_null(strstr(kit_refusal(kit, NULL), "names no host"));
    close_kit(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_certificate_is_ok_and_told_in_full),
        cmocka_unit_test(certificates_are_graded_by_days_and_by_their_own_lifetime),
        cmocka_unit_test(what_verification_holds_against_it_is_critical),
        cmocka_unit_test(old_tls_is_a_warning),
        cmocka_unit_test(each_address_is_a_subject_and_one_that_is_down_hides_no_other),
        cmocka_unit_test(addresses_that_this_machine_has_no_way_to_are_left_out),
        cmocka_unit_test(where_there_is_no_way_to_any_of_them_each_is_critical),
        cmocka_unit_test(of_very_many_addresses_the_same_ones_are_looked_at),
        cmocka_unit_test(any_address_is_left_to_the_agent_and_sni_is_the_name),
        cmocka_unit_test(a_name_that_does_not_resolve_is_ourselves),
        cmocka_unit_test(postgres_is_asked_before_tls_begins),
        cmocka_unit_test(smtp_goes_byte_by_byte_and_imap_by_an_option),
        cmocka_unit_test(what_was_told_holds_no_connection_while_others_hang),
        cmocka_unit_test(a_server_that_talks_without_end_is_left),
        cmocka_unit_test(a_target_without_an_endpoint_says_how_to_do_without),
        cmocka_unit_test(schemes_that_are_not_known_are_refused_with_those_that_are),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
