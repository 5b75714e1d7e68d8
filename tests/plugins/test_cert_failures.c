/* plugins/cert's endpoint on the fake host, where it fails, hangs, is cancelled or wants a second look. */
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

/* -------------------------------------------------------------- failures ---- */

static void what_hangs_is_critical_for_each_address_at_the_deadline(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls+smtp://mail.example");
    kit_resolves(kit, "mail.example", "192.0.2.1", "192.0.2.2", "192.0.2.3");
    kit_plays(kit, KIT_HANG);
    kit_plays(kit, KIT_MUTE);
    kit_plays(kit, KIT_SEND("220 hi\r\n"), KIT_MUTE);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_true(run->done && !run->late);
    assert_int_equal(run->ran_us, 10000000);
    assert_int_equal(run->finding_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run->findings[i].status, PROBE_CRITICAL);
        assert_string_equal(kit_text(&run->findings[i], "error_class"), "timeout");
    }
    close_kit(kit);
}

static void every_failure_has_its_word_and_its_side(void **state)
{
    (void)state;
    const struct {
        int status;
        enum probe_stage stage;
        const char *word; /* of the server's; NULL: ours */
    } cases[] = {{-ECONNREFUSED, PROBE_CONNECTING, "refused"},
                 {-EHOSTUNREACH, PROBE_CONNECTING, "unreachable"},
                 {-ETIMEDOUT, PROBE_CONNECTING, "timeout"},
                 {-ECONNRESET, PROBE_SECURING, "closed"},
                 {-EPROTO, PROBE_SECURING, "handshake"},
                 {-ENOENT, PROBE_SECURING, NULL},
                 {-EMFILE, PROBE_CONNECTING, NULL},
                 {-EINVAL, PROBE_SECURING, NULL},
                 {-EAGAIN, PROBE_RESOLVING, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit *kit = open_kit("tls://192.0.2.1");
        kit_plays(kit, KIT_REFUSE(cases[i].status, cases[i].stage, "so it went"));
        struct kit_run *run = kit_run(kit, "endpoint");
        if (cases[i].word) {
            assert_int_equal(kit_finding(run, NULL)->status, PROBE_CRITICAL);
            assert_string_equal(kit_text(kit_finding(run, NULL), "error_class"), cases[i].word);
            assert_string_equal(kit_finding(run, NULL)->summary, "so it went");
        } else {
            assert_int_equal(run->how, PROBE_FAILED);
            assert_string_equal(run->summary, "so it went");
            assert_non_null(run->hint);
        }
        close_kit(kit);
    }
}

/* Each address is told with the name's time, and how far it came. */
static void what_fails_names_its_address_and_where_the_time_went(void **state)
{
    (void)state;
    struct probe_peer peer = {.address = "192.0.2.2", .port = 25};
    struct kit *kit = open_kit("tls+smtp://mail.example");
    kit_resolves(kit, "mail.example", "192.0.2.1", "192.0.2.2");
    kit_plays(kit, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "refused"));
    kit_plays(kit, KIT_PAUSE(40), KIT_PEER(&peer), KIT_SEND("554 go away\r\n"));
    struct kit_run *run = kit_run(kit, "endpoint");
    const struct kit_finding *refused = kit_finding(run, "192.0.2.1");
    const struct kit_finding *away = kit_finding(run, "192.0.2.2");
    assert_string_equal(kit_text(refused, "ip"), "192.0.2.1");
    assert_true(kit_real(refused, "dns_ms") >= 0);
    assert_false(kit_has(refused, "connect_ms"));
    assert_string_equal(kit_text(away, "ip"), "192.0.2.2");
    assert_true(kit_real(away, "connect_ms") >= 40);
    assert_false(kit_has(away, "starttls_ms") || kit_has(away, "tls_ms"));
    close_kit(kit);
}

static void a_peer_that_hangs_up_or_shows_nothing_is_critical(void **state)
{
    (void)state;
    struct kit *kit = open_kit("imap://192.0.2.1");
    kit_plays(kit, KIT_SEND("* OK"), KIT_CLOSE);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_string_equal(kit_text(kit_finding(run, NULL), "error_class"), "closed");
    close_kit(kit);

    struct probe_peer *peer = good_peer();
    peer->presented_count = peer->verified_count = 0;
    kit = open_kit("tls://192.0.2.1");
    kit_plays(kit, KIT_PEER(peer));
    run = kit_run(kit, "endpoint");
    assert_string_equal(kit_finding(run, NULL)->summary, "the server presented no certificate");
    close_kit(kit);
}

static void authorities_that_cannot_be_read_are_unknown(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://192.0.2.1");
    kit_plays(kit, KIT_PEER(bad_peer(X509_V_ERR_UNSPECIFIED, "cannot read authorities /ca.pem")));
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "config");
    assert_string_equal(run->summary, "cannot read authorities /ca.pem");
    close_kit(kit);
}

static void a_run_that_is_cancelled_leaves_nothing_behind(void **state)
{
    (void)state;
    struct kit *kit = open_kit("tls://shop.example");
    kit_resolves(kit, "shop.example", "192.0.2.1", "192.0.2.2");
    kit_plays(kit, KIT_PEER(good_peer()));
    kit_plays(kit, KIT_HANG);
    struct kit_run *run = kit_start(kit, "endpoint");
    kit_advance(kit, 1000);
    assert_false(run->over);
    kit_end(kit, run);
    assert_true(run->over);
    close_kit(kit);
}

/* ------------------------------------------------------- the second look ---- */

static struct probe_peer *dhe_peer(void)
{
    struct probe_peer *peer = good_peer();
    peer->tls_version = "TLSv1.2";
    peer->cipher = "DHE-RSA-AES128-GCM-SHA256";
    return peer;
}

static void where_dhe_was_agreed_upon_a_strict_handshake_is_tried(void **state)
{
    (void)state;
    const struct {
        int status;
        enum probe_stage stage;
        const char *word;
    } cases[] = {{-EPROTO, PROBE_SECURING, "weak_exchange"},
                 {-EACCES, PROBE_SECURING, "ok"}, /* trust was judged before */
                 {-ECONNRESET, PROBE_SECURING, "ok"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit *kit = open_kit("tls://192.0.2.1");
        kit_plays(kit, KIT_PEER(dhe_peer()));
        kit_plays(kit, KIT_REFUSE(cases[i].status, cases[i].stage, "its key is too small"));
        struct kit_run *run = kit_run(kit, "endpoint");
        assert_string_equal(kit_text(kit_finding(run, NULL), "error_class"), cases[i].word);
        assert_int_equal(kit_dialled(kit, 1)->safety, PROBE_SAFE);
        close_kit(kit);
    }
}

static void a_strict_handshake_that_succeeds_or_hangs_changes_nothing(void **state)
{
    (void)state;
    struct kit *kit = open_kit("postgres://192.0.2.1");
    kit_plays(kit, KIT_UNTIL("\x2f"), KIT_PEER(dhe_peer()), KIT_SEND("S"), KIT_SECURE);
    kit_plays(kit, KIT_UNTIL("\x2f"), KIT_SEND("S"), KIT_SECURE);
    struct kit_run *run = kit_run(kit, "endpoint");
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, NULL)), PROBE_OK);
    assert_int_equal(kit_dialled(kit, 1)->safety, PROBE_SAFE_LATER);
    close_kit(kit);

    kit = open_kit("tls://192.0.2.1");
    kit_plays(kit, KIT_PEER(dhe_peer()));
    kit_plays(kit, KIT_HANG);
    run = kit_run(kit, "endpoint");
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, NULL)), PROBE_OK);
    close_kit(kit);

    kit = open_kit("postgres://192.0.2.1");
    kit_plays(kit, KIT_UNTIL("\x2f"), KIT_PEER(dhe_peer()), KIT_SEND("S"), KIT_SECURE);
    kit_plays(kit, KIT_UNTIL("\x2f"), KIT_SEND("N"));
    run = kit_run(kit, "endpoint");
    assert_int_equal(kit_grade(kit, "endpoint", kit_finding(run, NULL)), PROBE_OK);
    close_kit(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hangs_is_critical_for_each_address_at_the_deadline),
        cmocka_unit_test(every_failure_has_its_word_and_its_side),
        cmocka_unit_test(what_fails_names_its_address_and_where_the_time_went),
        cmocka_unit_test(a_peer_that_hangs_up_or_shows_nothing_is_critical),
        cmocka_unit_test(authorities_that_cannot_be_read_are_unknown),
        cmocka_unit_test(a_run_that_is_cancelled_leaves_nothing_behind),
        cmocka_unit_test(where_dhe_was_agreed_upon_a_strict_handshake_is_tried),
        cmocka_unit_test(a_strict_handshake_that_succeeds_or_hangs_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
