/* tls: every problem of a chain is found and said; what is shared is shared and read again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/mem.h"
#include "io/tls.h"
#include "io/tls_known.h"
#include "pki.h"

static char folder[64], ca_file[96], own_file[96], key_file[96];
static struct pki_pair root, middle;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_tls.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", folder);
    (void)snprintf(own_file, sizeof(own_file), "%s/own.pem", folder);
    (void)snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    root = pki_issue((struct pki_wish){"Test Root", NULL, -10, 100, true, NULL});
    middle = pki_issue((struct pki_wish){"Test Middle", NULL, -10, 100, true, &root});
    pki_write(ca_file, root.certificate, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pki_free(&root);
    pki_free(&middle);
    (void)unlink(ca_file);
    (void)unlink(own_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
    tls_use_time(0);
    tls_shutdown();
    return 0;
}

/* Shakes hands over memory; true when both ends are content. */
static bool shake(SSL *client, SSL *server)
{
    BIO *near, *far;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10; i++) {
        int done = SSL_do_handshake(client);
        if (SSL_do_handshake(server) == 1 && done == 1)
            return true;
    }
    return false;
}

static void meet(struct tls_peer *peer, const struct pki_pair *leaf, X509 *above,
                 const struct probe_tls *tls, const char *host)
{
    struct error error = {0};
    SSL_CTX *ours = tls_context(tls, &error), *theirs = pki_server(leaf, above);
    assert_non_null(ours);
    SSL *client = SSL_new(ours), *server = SSL_new(theirs);
    assert_true(shake(client, server));
    tls_peer_fill(peer, client, tls, host);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ours);
    SSL_CTX_free(theirs);
}

static const char *problems_of(struct pki_wish wish, X509 *above, enum tls_verify verify,
                               const char *host)
{
    static char words[1024];
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file, .verify = verify};
    struct pki_pair leaf = pki_issue(wish);
    meet(&peer, &leaf, above, &tls, host);
    tls_peer_explain(&peer, words, sizeof(words));
    tls_peer_finish(&peer);
    pki_free(&leaf);
    return words;
}

static void a_good_chain_has_no_problem_and_is_shown_whole(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file};
    struct pki_pair leaf = pki_issue(
        (struct pki_wish){"leaf", "DNS:*.example.com,IP:127.0.0.1", -1, 30, false, &middle});
    meet(&peer, &leaf, middle.certificate, &tls, "db.example.com.");
    assert_int_equal(peer.face.problem_count, 0);
    assert_int_equal(peer.face.presented_count, 2);
    assert_int_equal(peer.face.verified_count, 3); /* the root was not sent */
    const unsigned char *der = peer.face.verified[2].first;
    X509 *last = d2i_X509(NULL, &der, (long)peer.face.verified[2].len);
    assert_int_equal(X509_cmp(last, root.certificate), 0);
    X509_free(last);
    assert_string_equal(peer.face.tls_version, "TLSv1.3");
    assert_non_null(peer.face.cipher);
    assert_null(peer.face.alpn);
    meet(&peer, &leaf, middle.certificate, &tls, "127.0.0.1"); /* once more into the same */
    assert_int_equal(peer.face.problem_count, 0);
    tls_peer_finish(&peer);
    pki_free(&leaf);
}

/* Whether what was presented is known as an answer to `question`; then it is what was verified. */
static bool is_known(const struct tls_peer *met, struct tls_question question)
{
    struct tls_peer peer = {.presented = met->presented};
    peer.face.presented_count = met->face.presented_count;
    bool known = tls_known_find(&question, &peer);
    if (known)
        assert_int_equal(peer.face.verified_count, met->face.verified_count);
    for (size_t i = 0; i < peer.face.verified_count; i++) {
        assert_int_equal(peer.verified[i].len, met->verified[i].len);
        assert_memory_equal(peer.verified[i].first, met->verified[i].first, met->verified[i].len);
    }
    peer.presented = NULL;
    peer.face.presented_count = 0;
    tls_peer_finish(&peer);
    return known;
}

static void a_good_chain_is_known_as_long_as_nothing_that_it_depends_on_changes(void **state)
{
    (void)state;
    struct tls_peer peer = {0}, other = {0};
    struct error error = {0};
    struct probe_tls tls = {.ca = ca_file};
    const int64_t now = time(NULL), day = 86400;
    struct pki_pair leaf =
        pki_issue((struct pki_wish){"leaf", "DNS:a.test", -1, 30, false, &middle});
    tls_use_time(now);
    meet(&peer, &leaf, middle.certificate, &tls, "a.test");
    assert_int_equal(peer.face.verified_count, 3);
    X509_STORE *store = tls_store(&tls, &error), *foreign = X509_STORE_new();
    assert_true(is_known(&peer, (struct tls_question){store, "a.test", 0, now}));
    assert_true(is_known(&peer, (struct tls_question){store, "a.test", 0, now + 599}));
    assert_false(is_known(&peer, (struct tls_question){store, "a.test", 0, now + 600}));
    assert_false(is_known(&peer, (struct tls_question){store, "a.test", 0, now - 1}));
    assert_false(is_known(&peer, (struct tls_question){store, "b.test", 0, now}));
    assert_false(is_known(&peer, (struct tls_question){store, "a.test", TLS_VERIFY_CA, now}));
    assert_false(is_known(&peer, (struct tls_question){foreign, "a.test", 0, now}));
    tls_use_time(now + 30 * day - 60); /* the leaf has less than ten minutes left */
    meet(&peer, &leaf, middle.certificate, &tls, "a.test");
    assert_true(is_known(&peer, (struct tls_question){store, "a.test", 0, now + 30 * day - 30}));
    assert_false(is_known(&peer, (struct tls_question){store, "a.test", 0, now + 30 * day + 1}));
    meet(&other, &leaf, middle.certificate, &tls, "b.test"); /* what is wrong is looked at anew */
    assert_int_equal(other.face.problem_count, 1);
    assert_false(is_known(&other, (struct tls_question){store, "b.test", 0, now + 30 * day - 60}));
    X509_STORE_free(store);
    X509_STORE_free(foreign);
    tls_peer_finish(&peer);
    tls_peer_finish(&other);
    pki_free(&leaf);
}

static void a_wrong_name_is_said_with_the_right_ones(void **state)
{
    (void)state;
    struct pki_wish wish = {
        "leaf", "email:x@y.z,DNS:a.test,IP:10.0.0.1,DNS:b.test,DNS:c.test", -1, 30, false, &root};
    assert_string_equal(problems_of(wish, NULL, TLS_VERIFY_FULL, "db.test"),
                        "the certificate is for a.test, 10.0.0.1, b.test and 2 more, not for "
                        "db.test");
    assert_string_equal(problems_of(wish, NULL, TLS_VERIFY_FULL, "10.0.0.2"),
                        "the certificate is for a.test, 10.0.0.1, b.test and 2 more, not for "
                        "10.0.0.2");
    assert_string_equal(problems_of(wish, NULL, TLS_VERIFY_FULL, "10.0.0.1"), "");
    assert_string_equal(problems_of(wish, NULL, TLS_VERIFY_CA, "db.test"), "");
}

static void the_operators_name_stands_in_for_the_host(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file, .name = "a.test"};
    struct pki_pair leaf = pki_issue((struct pki_wish){"leaf", "DNS:a.test", -1, 30, false, &root});
    meet(&peer, &leaf, NULL, &tls, "10.1.2.3");
    assert_int_equal(peer.face.problem_count, 0);
    tls_peer_finish(&peer);
    pki_free(&leaf);
}

static void an_expired_certificate_hides_no_other_problem(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file};
    struct pki_pair stale =
        pki_issue((struct pki_wish){"Stale Middle", NULL, -20, -5, true, &root});
    struct pki_pair leaf =
        pki_issue((struct pki_wish){"leaf", "DNS:a.test", -30, -3, false, &stale});
    meet(&peer, &leaf, stale.certificate, &tls, "b.test");
    assert_int_equal(peer.face.problem_count, 3);
    bool leaf_expired = false, middle_expired = false, wrong_name = false;
    for (size_t i = 0; i < peer.face.problem_count; i++) {
        const struct probe_problem *problem = &peer.face.problems[i];
        leaf_expired |= problem->code == X509_V_ERR_CERT_HAS_EXPIRED && problem->depth == 0;
        middle_expired |= problem->code == X509_V_ERR_CERT_HAS_EXPIRED && problem->depth == 1 &&
                          strstr(problem->text, "the certificate of \"Stale Middle\" expired on");
        wrong_name |= problem->code == X509_V_ERR_HOSTNAME_MISMATCH;
    }
    assert_true(leaf_expired && middle_expired && wrong_name);
    assert_int_equal(peer.face.verified_count, 3); /* it leads to the root all the same */
    tls_peer_finish(&peer);
    pki_free(&leaf);
    pki_free(&stale);
}

static void what_is_not_valid_yet_is_said_with_its_day(void **state)
{
    (void)state;
    const char *words = problems_of(
        (struct pki_wish){"leaf", "DNS:a.test", 5, 30, false, &root}, NULL, 0, "a.test");
    assert_non_null(strstr(words, "the certificate is not valid before 20"));
}

static void the_present_can_be_moved_for_tests(void **state)
{
    (void)state;
    struct pki_wish wish = {"leaf", "DNS:a.test", -1, 30, false, &root};
    assert_string_equal(problems_of(wish, NULL, 0, "a.test"), "");
    tls_use_time((int64_t)time(NULL) + 40 * 86400);
    assert_non_null(strstr(problems_of(wish, NULL, 0, "a.test"), "expired on"));
}

static void a_self_signed_certificate_is_one_problem_unless_it_is_the_authority(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file}, trusting = {.ca = own_file};
    struct pki_pair self = pki_issue((struct pki_wish){"self", "DNS:a.test", -1, 30, false, NULL});
    meet(&peer, &self, NULL, &tls, "a.test");
    assert_int_equal(peer.face.problem_count, 1);
    assert_int_equal(peer.face.problems[0].code, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    assert_int_equal(peer.face.verified_count, 0);
    tls_peer_finish(&peer);
    pki_write(own_file, self.certificate, NULL, NULL);
    meet(&peer, &self, NULL, &trusting, "a.test");
    assert_int_equal(peer.face.problem_count, 0);
    tls_peer_finish(&peer);
    pki_free(&self);
}

static void a_missing_intermediate_is_named_once(void **state)
{
    (void)state;
    struct pki_wish wish = {"leaf", "DNS:a.test", -1, 30, false, &middle};
    assert_string_equal(
        problems_of(wish, NULL, 0, "a.test"),
        "the issuer \"Test Middle\" is neither trusted here nor was its certificate sent");
    pki_write(ca_file, middle.certificate, NULL, NULL); /* who trusts it needs no root */
    assert_string_equal(problems_of(wish, NULL, 0, "a.test"), "");
}

static void a_foreign_root_is_named(void **state)
{
    (void)state;
    struct pki_pair foreign = pki_issue((struct pki_wish){"Foreign", NULL, -1, 30, true, NULL});
    struct pki_wish wish = {"leaf", "DNS:a.test", -1, 30, false, &foreign};
    assert_string_equal(problems_of(wish, foreign.certificate, 0, "a.test"),
                        "the authority \"Foreign\" is not trusted here");
    assert_string_equal(problems_of(wish, foreign.certificate, TLS_VERIFY_NONE, "b.test"), "");
    pki_free(&foreign);
}

static void a_weak_key_is_held_against_it(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = own_file};
    struct pki_pair weak = pki_issue((struct pki_wish){"weak", "DNS:a.test", -1, 30, false, NULL});
    EVP_PKEY_free(weak.key);
    weak.key = EVP_RSA_gen(1024);
    (void)X509_set_pubkey(weak.certificate, weak.key);
    assert_true(X509_sign(weak.certificate, weak.key, EVP_sha256()) > 0);
    pki_write(own_file, weak.certificate, NULL, NULL);
    STACK_OF(X509) *presented = sk_X509_new_null();
    sk_X509_push(presented, weak.certificate);
    tls_peer_verify(&peer, presented, &tls, "a.test");
    assert_int_equal(peer.face.problem_count, 1);
    assert_int_equal(peer.face.problems[0].code, X509_V_ERR_EE_KEY_TOO_SMALL);
    sk_X509_free(presented);
    tls_peer_finish(&peer);
    pki_free(&weak);
}

static void who_presents_nothing_is_not_trusted(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct probe_tls tls = {.ca = ca_file};
    tls_peer_verify(&peer, NULL, &tls, "a.test");
    assert_int_equal(peer.face.problem_count, 1);
    assert_int_equal(unlink(ca_file), 0);
    tls_peer_verify(&peer, NULL, &tls, "a.test");
    assert_int_equal(peer.face.problem_count, 1);
    assert_non_null(strstr(peer.face.problems[0].text, ca_file));
    tls_peer_finish(&peer);
}

static void a_name_from_the_wire_cannot_write_on_the_terminal(void **state)
{
    (void)state;
    struct pki_pair evil =
        pki_issue((struct pki_wish){"Evil\x1b[2J\nRoot", NULL, -1, 30, true, NULL});
    const char *words = problems_of((struct pki_wish){"leaf", "DNS:a.test", -1, 30, false, &evil},
                                    evil.certificate,
                                    0,
                                    "a.test");
    assert_non_null(strstr(words, "Evil"));
    assert_null(strpbrk(words, "\x1b\n"));
    pki_free(&evil);
}

static int staple(SSL *ssl, void *data)
{
    (void)data;
    unsigned char *response = OPENSSL_memdup("stapled", 7);
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, response, 7);
    return SSL_TLSEXT_ERR_OK;
}

static int pick_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *data)
{
    (void)ssl, (void)in_len, (void)data;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void a_stapled_response_and_the_protocol_are_recorded(void **state)
{
    (void)state;
    struct tls_peer peer = {0};
    struct error error = {0};
    struct pki_pair leaf = pki_issue((struct pki_wish){"leaf", NULL, -1, 30, false, &root});
    SSL_CTX *ours = tls_context(NULL, &error), *theirs = pki_server(&leaf, NULL);
    (void)SSL_CTX_set_tlsext_status_cb(theirs, staple);
    SSL_CTX_set_alpn_select_cb(theirs, pick_alpn, NULL);
    SSL *client = SSL_new(ours), *server = SSL_new(theirs);
    assert_int_equal(SSL_set_alpn_protos(client, (const unsigned char *)"\2h2", 3), 0);
    assert_true(shake(client, server));
    tls_peer_set_address(&peer, "127.0.0.1", 443);
    tls_peer_describe(&peer, client);
    assert_int_equal(peer.face.ocsp.len, 7);
    assert_memory_equal(peer.face.ocsp.first, "stapled", 7);
    assert_string_equal(peer.face.alpn, "h2");
    assert_string_equal(peer.face.address, "127.0.0.1");
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ours);
    SSL_CTX_free(theirs);
    tls_peer_finish(&peer);
    pki_free(&leaf);
}

static void equal_settings_share_and_a_changed_file_is_read_again(void **state)
{
    (void)state;
    struct error error = {0};
    char other_spelling[96];
    (void)snprintf(other_spelling, sizeof(other_spelling), "%s", ca_file);
    struct probe_tls one = {.ca = ca_file}, two = {.ca = other_spelling, .name = "x"};
    X509_STORE *a = tls_store(&one, &error), *b = tls_store(&two, &error);
    assert_ptr_equal(a, b);
    SSL_CTX *c = tls_context(&one, &error), *d = tls_context(NULL, &error);
    assert_ptr_equal(c, d); /* authorities are no part of it */
    pki_write(ca_file, root.certificate, middle.certificate, NULL);
    X509_STORE *changed = tls_store(&one, &error);
    assert_ptr_not_equal(changed, a);
    X509_STORE_free(a);
    X509_STORE_free(b);
    X509_STORE_free(changed);
    SSL_CTX_free(c);
    SSL_CTX_free(d);
}

static void more_settings_than_are_kept_still_work(void **state)
{
    (void)state;
    struct error error = {0};
    char path[160];
    for (int i = 0; i < 70; i++) {
        (void)snprintf(path, sizeof(path), "%s/none%d/ca.pem", folder, i);
        struct probe_tls tls = {.ca = path};
        assert_null(tls_store(&tls, &error)); /* no such file; its place is taken all the same */
        tls.ca = ca_file;
        X509_STORE *store = tls_store(&tls, &error);
        assert_non_null(store);
        X509_STORE_free(store);
    }
}

static void fails(const struct probe_tls *tls, const char *words)
{
    struct error error = {0};
    assert_true(tls_check(tls, &error) < 0);
    assert_non_null(strstr(error.message, words));
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_file_that_cannot_serve_is_named_with_the_reason(void **state)
{
    (void)state;
    struct error error = {0};
    struct pki_pair own = pki_issue((struct pki_wish){"own", NULL, -1, 30, false, &root});
    pki_write(own_file, own.certificate, NULL, NULL);
    pki_write(key_file, NULL, NULL, root.key);
    fails(&(struct probe_tls){.ca = "/nowhere/ca.pem"}, "authorities /nowhere/ca.pem: No such");
    fails(&(struct probe_tls){.ca = key_file}, key_file);
    fails(&(struct probe_tls){.key = key_file}, "without a certificate");
    fails(&(struct probe_tls){.certificate = own_file}, "cannot read key");
    fails(&(struct probe_tls){.certificate = own_file, .key = key_file}, "does not belong");
    pki_write(key_file, NULL, NULL, own.key);
    struct probe_tls good = {.certificate = own_file, .key = key_file};
    assert_int_equal(tls_check(&good, &error), 0);
    SSL_CTX *context = tls_context(&good, &error);
    assert_non_null(SSL_CTX_get_default_passwd_cb(context)); /* or it would ask the terminal */
    SSL_CTX_free(context);
    FILE *file = fopen(key_file, "we");
    (void)PEM_write_PrivateKey(
        file, own.key, EVP_aes_128_cbc(), (const unsigned char *)"pass", 4, NULL, NULL);
    (void)fclose(file);
    fails(&good, "cannot read key");
    pki_free(&own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_chain_has_no_problem_and_is_shown_whole),
        TEST(a_good_chain_is_known_as_long_as_nothing_that_it_depends_on_changes),
        TEST(a_wrong_name_is_said_with_the_right_ones),
        TEST(the_operators_name_stands_in_for_the_host),
        TEST(an_expired_certificate_hides_no_other_problem),
        TEST(what_is_not_valid_yet_is_said_with_its_day),
        TEST(the_present_can_be_moved_for_tests),
        TEST(a_self_signed_certificate_is_one_problem_unless_it_is_the_authority),
        TEST(a_missing_intermediate_is_named_once),
        TEST(a_foreign_root_is_named),
        TEST(a_weak_key_is_held_against_it),
        TEST(who_presents_nothing_is_not_trusted),
        TEST(a_name_from_the_wire_cannot_write_on_the_terminal),
        TEST(a_stapled_response_and_the_protocol_are_recorded),
        TEST(equal_settings_share_and_a_changed_file_is_read_again),
        TEST(more_settings_than_are_kept_still_work),
        TEST(a_file_that_cannot_serve_is_named_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
