/* plugins/cert: OCSP responses that are stapled, and certificates that are others than before. */
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "cert_fixture.h"
#include "common/cert/change.h"
#include "common/cert/staple.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

/* ------------------------------------------------------------- responses ---- */

struct answer {
    int status;                                /* V_OCSP_CERTSTATUS_* */
    long from_s, until_s;                      /* from now */
    const struct pki_pair *about, *by, *above; /* NULL: the leaf, the intermediate, the same */
    const EVP_MD *digest;                      /* NULL: SHA-1 */
};

static struct probe_bytes respond(const struct pki_pair *pair, struct answer answer)
{
    const struct pki_pair *about = answer.about ? answer.about : pair;
    const struct pki_pair *by = answer.by ? answer.by : &intermediate;
    const struct pki_pair *above = answer.above ? answer.above : &intermediate;
    ASN1_TIME *from = X509_gmtime_adj(NULL, answer.from_s);
    ASN1_TIME *until = X509_gmtime_adj(NULL, answer.until_s);
    ASN1_TIME *revoked = X509_gmtime_adj(NULL, -86400);
    OCSP_CERTID *id = OCSP_cert_to_id(answer.digest, about->certificate, above->certificate);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    bool is_revoked = answer.status == V_OCSP_CERTSTATUS_REVOKED;
    assert_non_null(OCSP_basic_add1_status(basic,
                                           id,
                                           answer.status,
                                           OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                           is_revoked ? revoked : NULL,
                                           from,
                                           until));
    assert_int_equal(OCSP_basic_sign(basic, by->certificate, by->key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int len = i2d_OCSP_RESPONSE(response, &der);
    unsigned char *exact = keep(malloc((size_t)len));
    memcpy(exact, der, (size_t)len);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    ASN1_TIME_free(revoked);
    return (struct probe_bytes){exact, (size_t)len};
}

static struct probe_peer *stapling(const struct pki_pair *pair, struct answer answer)
{
    struct probe_peer *peer = peer_of(pair);
    peer->ocsp = respond(pair, answer);
    return peer;
}

static void is(const struct probe_peer *peer, enum probe_status status, const char *class,
               const char *staple)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    kit_set(kit, "url", "tls://192.0.2.1");
    kit_plays(kit, KIT_PEER(peer));
    const struct kit_finding *finding = kit_finding(kit_run(kit, "endpoint"), NULL);
    assert_string_equal(kit_text(finding, "staple"), staple);
    assert_string_equal(kit_text(finding, "error_class"), class);
    assert_int_equal(kit_grade(kit, "endpoint", finding), status);
    assert_int_equal(kit_close(kit), 0);
}

static void a_stapled_response_is_judged(void **state)
{
    (void)state;
    struct pki_pair pair = leaf(-1, 90), other = leaf(-1, 90);
    const int good = V_OCSP_CERTSTATUS_GOOD;
    is(peer_of(&pair), PROBE_OK, "ok", "none");
    is(stapling(&pair, (struct answer){good, -60, 86400}), PROBE_OK, "ok", "good");
    is(stapling(&pair, (struct answer){good, -60, 86400, .digest = EVP_sha256()}),
       PROBE_OK,
       "ok",
       "good");
    is(stapling(&pair, (struct answer){V_OCSP_CERTSTATUS_REVOKED, -60, 86400}),
       PROBE_CRITICAL,
       "revoked",
       "revoked");
    is(stapling(&pair, (struct answer){V_OCSP_CERTSTATUS_UNKNOWN, -60, 86400}),
       PROBE_WARNING,
       "bad_staple",
       "unknown");
    is(stapling(&pair, (struct answer){good, -86400, -3600}),
       PROBE_WARNING,
       "bad_staple",
       "expired");
    is(stapling(&pair, (struct answer){good, 7200, 86400}), PROBE_WARNING, "bad_staple", "early");
    is(stapling(&pair, (struct answer){good, -60, 86400, .about = &other}),
       PROBE_WARNING,
       "bad_staple",
       "invalid");
    is(stapling(&pair, (struct answer){good, -60, 86400, .by = &other}),
       PROBE_WARNING,
       "bad_staple",
       "invalid");
    struct probe_peer *peer = peer_of(&pair);
    peer->ocsp = (struct probe_bytes){(const unsigned char *)"nonsense", 8};
    is(peer, PROBE_WARNING, "bad_staple", "invalid");
}

static void without_its_issuer_a_response_proves_nothing(void **state)
{
    (void)state;
    struct pki_pair pair = leaf(-1, 90);
    struct chain *chain = CHAIN(&pair);
    struct probe_bytes bytes =
        respond(&pair, (struct answer){V_OCSP_CERTSTATUS_REVOKED, -60, 86400});
    struct staple staple = staple_of(bytes, &chain->all[0], NULL, now_ms());
    assert_int_equal(staple.state, STAPLE_UNVERIFIED);
    chain_free(chain);
}

static struct pki_pair must_staple(void)
{
    struct pki_pair pair = leaf(-1, 90);
    X509_EXTENSION *feature = X509V3_EXT_conf_nid(NULL, NULL, NID_tlsfeature, "status_request");
    assert_int_equal(X509_add_ext(pair.certificate, feature, -1), 1);
    assert_true(X509_sign(pair.certificate, intermediate.key, EVP_sha256()) > 0);
    X509_EXTENSION_free(feature);
    return pair;
}

static void who_insists_on_a_response_is_refused_without_a_good_one(void **state)
{
    (void)state;
    struct pki_pair pair = must_staple();
    const int good = V_OCSP_CERTSTATUS_GOOD;
    is(stapling(&pair, (struct answer){good, -60, 86400}), PROBE_OK, "ok", "good");
    is(peer_of(&pair), PROBE_CRITICAL, "no_staple", "none");
    is(stapling(&pair, (struct answer){good, -86400, -3600}),
       PROBE_CRITICAL,
       "no_staple",
       "expired");
}

/* ---------------------------------------------------------------- change ---- */

static const struct kit_finding *seen(struct kit *kit, const struct pki_pair *pair)
{
    kit_plays(kit, KIT_PEER(peer_of(pair)));
    return kit_finding(kit_run(kit, "endpoint"), NULL);
}

static void another_certificate_is_told_for_as_long_as_is_wanted(void **state)
{
    (void)state;
    struct pki_pair first = leaf(-1, 90), second = leaf(-1, 90);
    int64_t now = now_ms();
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "tls://192.0.2.1");
    kit_set_for(kit, "endpoint", "tell_change", "1h");
    kit_set_wall(kit, now);
    assert_false(kit_has(seen(kit, &first), "changed_seconds"));
    assert_false(kit_has(seen(kit, &first), "changed_seconds"));
    kit_restart(kit);
    kit_set_wall(kit, now + 1000);
    const struct kit_finding *finding = seen(kit, &second);
    assert_string_equal(kit_text(finding, "error_class"), "changed");
    assert_int_equal(kit_grade(kit, "endpoint", finding), PROBE_WARNING);
    assert_int_equal(strlen(kit_text(finding, "previous_sha256")), 64);
    kit_set_wall(kit, now + 1000 + 1800000);
    assert_string_equal(kit_text(seen(kit, &second), "error_class"), "changed");
    kit_set_wall(kit, now + 1000 + 3600000);
    finding = seen(kit, &second);
    assert_string_equal(kit_text(finding, "error_class"), "ok");
    assert_true(kit_real(finding, "changed_seconds") == 3600);
    assert_int_equal(kit_close(kit), 0);
}

static void by_default_a_change_is_a_measure_and_no_fault(void **state)
{
    (void)state;
    struct pki_pair first = leaf(-1, 90), second = leaf(-1, 90);
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "tls://192.0.2.1");
    kit_set_wall(kit, now_ms());
    (void)seen(kit, &first);
    const struct kit_finding *finding = seen(kit, &second);
    assert_int_equal(kit_grade(kit, "endpoint", finding), PROBE_OK);
    assert_true(kit_real(finding, "changed_seconds") == 0);
    assert_int_equal(kit_close(kit), 0);
}

static void a_book_survives_being_written_and_has_an_end(void **state)
{
    (void)state;
    struct change_book book, again;
    char text[CHANGE_BYTES], subject[64];
    char one[65], two[65];
    memset(one, 'a', 64);
    memset(two, 'b', 64);
    one[64] = two[64] = '\0';
    change_read(&book, "nonsense\n\n- -\n");
    assert_int_equal(book.count, 0);
    for (int i = 0; i < CHANGE_MOST; i++) {
        (void)snprintf(subject, sizeof(subject), "2001:db8:1111:2222:3333:4444:55%02d:6666", i);
        assert_non_null(change_note(&book, subject, one, 1795000000000));
        assert_true(change_happened(change_note(&book, subject, two, 1795000000001)));
    }
    assert_null(change_note(&book, "one more", one, 1)); /* all have been seen in this run */
    change_print(&book, text);
    assert_true(strlen(text) < CHANGE_BYTES - 1);
    change_read(&again, text);
    assert_int_equal(again.count, CHANGE_MOST);
    assert_false(again.written);
    assert_string_equal(again.all[15].previous, one);
    assert_non_null(
        change_note(&again, "192.0.2.1", one, 1)); /* in the place of one that is gone */
    assert_int_equal(again.count, CHANGE_MOST);
}

/* ------------------------------------------------------- further handshakes ---- */

static const char *faults_with(const struct kit_move *second, const char *lowest)
{
    static char said[300];
    struct pki_pair pair = leaf(-1, 90);
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "tls://192.0.2.1");
    kit_set_for(kit, "endpoint", "lowest", lowest);
    kit_set_wall(kit, now_ms());
    kit_plays(kit, KIT_PEER(peer_of(&pair)));
    kit_play(kit, (const struct kit_move[]){*second, {0}});
    const struct kit_finding *finding = kit_finding(kit_run(kit, "endpoint"), NULL);
    (void)snprintf(
        said, sizeof(said), "%s: %s", kit_text(finding, "error_class"), finding->summary);
    assert_int_equal(kit_dial_count(kit), 2);
    assert_int_equal(kit_close(kit), 0);
    return said;
}

static void older_tls_is_tried_where_it_is_to_be_refused(void **state)
{
    (void)state;
    struct pki_pair pair = leaf(-1, 90);
    struct probe_peer *older = peer_of(&pair);
    older->tls_version = "TLSv1.1";
    const char *said = faults_with(&KIT_PEER(older), "1.2");
    assert_non_null(strstr(said, "old_tls: the server still accepts TLS 1.1"));
    said = faults_with(&KIT_REFUSE(-EPROTO, PROBE_SECURING, "protocol version"), "1.2");
    assert_non_null(strstr(said, "ok: valid for"));
    said = faults_with(&KIT_REFUSE(-ECONNRESET, PROBE_SECURING, "reset"), "1.3");
    assert_non_null(strstr(said, "ok: valid for"));
    said = faults_with(&KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "gone"), "1.2");
    assert_non_null(strstr(said, "refused: whether it accepts older TLS cannot be seen: gone"));
    said = faults_with(&KIT_HANG, "1.2");
    assert_non_null(strstr(said, "timeout: whether"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stapled_response_is_judged),
        cmocka_unit_test(without_its_issuer_a_response_proves_nothing),
        cmocka_unit_test(who_insists_on_a_response_is_refused_without_a_good_one),
        cmocka_unit_test(another_certificate_is_told_for_as_long_as_is_wanted),
        cmocka_unit_test(by_default_a_change_is_a_measure_and_no_fault),
        cmocka_unit_test(a_book_survives_being_written_and_has_an_end),
        cmocka_unit_test(older_tls_is_tried_where_it_is_to_be_refused),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
