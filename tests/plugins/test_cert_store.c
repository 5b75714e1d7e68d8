/* plugins/cert: PKCS#12 files and lists of what was revoked, on the fake host. */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "cert_fixture.h"
#include "common/cert/crl.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static const char path[] = "/etc/tls/shop.p12";

static struct kit *open_kit(void)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    kit_set_for(kit, "file", "path", path);
    return kit;
}

static void show(struct kit *kit, const char *at, const void *bytes, size_t len)
{
    struct probe_sight *sight = keep(calloc(1, sizeof(*sight)));
    *sight = (struct probe_sight){.bytes = bytes, .len = len};
    kit_show(kit, PROBE_LOOK_READ, at, 0, sight);
}

static void is(const struct kit_finding *finding, enum probe_status status, const char *class)
{
    assert_int_equal(finding->status, status);
    assert_string_equal(kit_text(finding, "error_class"), class);
}

/* --------------------------------------------------------------- PKCS#12 ---- */

/* The intermediate stands before or after the root: the order is not the file's to give. */
static void show_store(struct kit *kit, const struct pki_pair *pair, const char *password,
                       bool with_key, bool turned)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    (void)sk_X509_push(others, turned ? root.certificate : intermediate.certificate);
    (void)sk_X509_push(others, turned ? intermediate.certificate : root.certificate);
    PKCS12 *file = PKCS12_create(
        password, "shop", with_key ? pair->key : NULL, pair->certificate, others, 0, 0, 0, 0, 0);
    unsigned char *der = NULL;
    int len = i2d_PKCS12(file, &der);
    unsigned char *exact = keep(malloc((size_t)len));
    memcpy(exact, der, (size_t)len);
    OPENSSL_free(der);
    PKCS12_free(file);
    sk_X509_free(others);
    show(kit, path, exact, (size_t)len);
}

static void a_store_is_judged_as_a_chain_with_its_key(void **state)
{
    struct pki_pair pair = leaf(-1, 90);
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct kit *kit = open_kit();
        kit_set_for(kit, "file", "password", "opensesame");
        show_store(kit, &pair, "opensesame", true, turned);
        const struct kit_finding *finding = kit_finding(kit_run(kit, "file"), path);
        is(finding, PROBE_GRADED, "ok");
        assert_int_equal(kit_grade(kit, "file", finding), PROBE_OK);
        assert_true(kit_flag(finding, "key_match"));
        assert_int_equal(kit_int(finding, "certificates"), 3);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void without_its_password_it_is_locked(void **state)
{
    struct pki_pair pair = leaf(-1, 90);
    (void)state;
    for (int given = 0; given < 2; given++) {
        struct kit *kit = open_kit();
        if (given)
            kit_set_for(kit, "file", "password", "another");
        show_store(kit, &pair, "opensesame", true, false);
        const struct kit_finding *finding = kit_finding(kit_run(kit, "file"), path);
        is(finding, PROBE_UNKNOWN, "locked");
        assert_non_null(strstr(finding->hint, "password"));
        assert_int_equal(kit_close(kit), 0);
    }
}

static void a_store_without_a_password_or_a_key_opens_as_well(void **state)
{
    struct pki_pair pair = leaf(-90, -1);
    const char *const passwords[] = {NULL, ""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct kit *kit = open_kit();
        show_store(kit, &pair, passwords[i], false, false);
        const struct kit_finding *finding = kit_finding(kit_run(kit, "file"), path);
        is(finding, PROBE_GRADED, "expired");
        assert_false(kit_has(finding, "key_match"));
        assert_int_equal(kit_close(kit), 0);
    }
}

/* ----------------------------------------------------------------- lists ---- */

/* A list of the issuer's in PEM, on which a certificate stands, or none. */
static const char *list_of(const struct pki_pair *issuer, const struct pki_pair *signer,
                           const struct pki_pair *revoked, long until_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -90 * 86400L), *until = X509_gmtime_adj(NULL, until_s);
    (void)X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    (void)X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
    (void)X509_CRL_set1_lastUpdate(crl, from);
    (void)X509_CRL_set1_nextUpdate(crl, until);
    if (revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        (void)X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
        (void)X509_REVOKED_set_revocationDate(entry, from);
        (void)ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE);
        (void)X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0);
        ASN1_ENUMERATED_free(reason);
        (void)X509_CRL_add0_revoked(crl, entry);
    }
    (void)X509_CRL_sort(crl);
    assert_true(X509_CRL_sign(crl, signer->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    (void)PEM_write_bio_X509_CRL(bio, crl);
    X509_CRL_free(crl);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return text_of(bio);
}

static struct verdict judged(const char *lists, const struct chain *chain)
{
    struct crl *crl = crl_of_file(lists, strlen(lists));
    struct verdict verdict = of_file(chain, NULL);
    assert_non_null(crl);
    crl_judge(crl, chain, now_ms(), &verdict);
    crl_free(crl);
    return verdict;
}

static void lists_are_held_against_each_certificate_of_the_chain(void **state)
{
    struct pki_pair pair = leaf(-1, 90), other = leaf(-1, 90);
    struct chain *chain = CHAIN(&pair, &intermediate, &root);
    struct verdict verdict;
    (void)state;
    verdict = judged(list_of(&intermediate, &intermediate, NULL, 86400), chain);
    assert_int_equal(verdict.count, 0);
    verdict = judged(list_of(&intermediate, &intermediate, &pair, 86400), chain);
    assert_int_equal(verdict.problems[0].fault, FAULT_REVOKED);
    assert_int_equal(verdict.problems[0].depth, 0);
    assert_non_null(strstr(verdict.problems[0].text, "keyCompromise"));
    assert_false(verdict.chain_ok);
    verdict = judged(list_of(&root, &root, &intermediate, 86400), chain);
    assert_int_equal(verdict.problems[0].fault, FAULT_REVOKED);
    assert_int_equal(verdict.problems[0].depth, 1);
    verdict = judged(list_of(&intermediate, &intermediate, &other, 86400), chain);
    assert_int_equal(verdict.count, 0);
    chain_free(chain);
}

static void old_lists_and_those_of_others_are_said(void **state)
{
    struct pki_pair pair = leaf(-1, 90);
    struct chain *chain = CHAIN(&pair, &intermediate, &root);
    struct verdict verdict;
    (void)state;
    verdict = judged(list_of(&intermediate, &intermediate, NULL, -86400), chain);
    assert_int_equal(verdict.problems[0].fault, FAULT_BAD_CRL);
    assert_true(verdict.chain_ok);
    verdict = judged(list_of(&intermediate, &root, &pair, 86400), chain); /* forged */
    assert_int_equal(verdict.problems[0].fault, FAULT_BAD_CRL);
    assert_non_null(strstr(verdict.problems[0].text, "of other authorities"));
    chain_free(chain);
    assert_null(crl_of_file("nothing", 7));
}

static void a_list_that_cannot_be_read_hides_nothing_else(void **state)
{
    struct pki_pair pair = leaf(-90, -1);
    const char *pem = pem_of(&pair);
    struct kit *kit = open_kit();
    (void)state;
    kit_set_for(kit, "file", "crl", "/etc/tls/ca.crl");
    kit_show(kit, PROBE_LOOK_READ, "/etc/tls/ca.crl", -EACCES, NULL);
    show(kit, path, pem, strlen(pem));
    const struct kit_run *run = kit_run(kit, "file");
    is(kit_finding(run, "/etc/tls/ca.crl"), PROBE_UNKNOWN, "unreadable");
    is(kit_finding(run, path), PROBE_GRADED, "expired");
    assert_int_equal(kit_close(kit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_judged_as_a_chain_with_its_key),
        cmocka_unit_test(without_its_password_it_is_locked),
        cmocka_unit_test(a_store_without_a_password_or_a_key_opens_as_well),
        cmocka_unit_test(lists_are_held_against_each_certificate_of_the_chain),
        cmocka_unit_test(old_lists_and_those_of_others_are_said),
        cmocka_unit_test(a_list_that_cannot_be_read_hides_nothing_else),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
