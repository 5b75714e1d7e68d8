/* plugins/cert: what certificates say, and what is wrong with them, without a network or a file. */
#include "cert_fixture.h"

/* The verdict on a peer that verification has nothing against. */
static struct verdict trusted(const struct chain *presented, const struct chain *verified)
{
    struct verdict verdict;
    const char *why = NULL;
    assert_true(verdict_of_peer(
        presented, verified, &(const struct probe_peer){0}, now_ms(), &verdict, &why));
    return verdict;
}

/* The same of one that it has these problems with. */
static struct verdict held(const struct chain *presented, const struct probe_problem *problems,
                           size_t count)
{
    static const struct chain none;
    struct verdict verdict;
    const char *why = NULL;
    assert_true(
        verdict_of_peer(presented,
                        &none,
                        &(const struct probe_peer){.problems = problems, .problem_count = count},
                        now_ms(),
                        &verdict,
                        &why));
    return verdict;
}

/* -------------------------------------------------------------- reading ---- */

static void a_certificate_says_who_it_is(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct chain *chain = CHAIN(&one);
    const struct certificate *certificate = &chain->all[0];
    assert_string_equal(certificate->subject, "CN=shop");
    assert_string_equal(certificate->issuer, "CN=Middle");
    assert_string_equal(certificate->common_name, "shop");
    assert_string_equal(certificate->names, "[\"shop.example\",\"127.0.0.1\"]");
    assert_string_equal(certificate->key_type, "ec");
    assert_int_equal(certificate->key_bits, 256);
    assert_string_equal(certificate->digest, "SHA256");
    assert_int_equal(strlen(certificate->fingerprint), 64);
    assert_false(certificate->weak_key || certificate->weak_digest || certificate->authority);
    assert_int_equal((certificate->until_ms - now_ms() + 43200000) / 86400000, 89);
    chain_free(chain);
}

static void names_that_are_no_text_do_no_harm(void **state)
{
    (void)state;
    struct pki_pair odd = issue((struct pki_wish){
        .name = "a\nb\x01 \xC3\xA9", .names = "DNS:\"quoted\\name,email:a@b.c", .to_days = 10});
    struct chain *chain = CHAIN(&odd);
    assert_null(strpbrk(chain->all[0].subject, "\n\x01"));
    assert_non_null(strstr(chain->all[0].subject, "\xC3\xA9"));
    assert_string_equal(chain->all[0].names, "[\"?quoted?name\"]");
    chain_free(chain);
}

static void many_names_are_counted_and_the_first_are_shown(void **state)
{
    (void)state;
    char names[4000] = "";
    for (int i = 0; i < 50; i++)
        (void)snprintf(names + strlen(names), 64, "%sDNS:h%d.example", i ? "," : "", i);
    struct pki_pair many = issue((struct pki_wish){.name = "many", .names = names, .to_days = 10});
    struct chain *chain = CHAIN(&many);
    assert_int_equal(chain->all[0].name_count, 50);
    assert_non_null(strstr(chain->all[0].names, "\"h19.example\"]"));
    assert_null(strstr(chain->all[0].names, "h20"));
    chain_free(chain);
}

static void what_is_no_certificate_is_counted_and_left_out(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct probe_bytes der[3] = {der_of(&one), {(const unsigned char *)"garbage", 7}, der_of(&one)};
    der[2].len /= 2;
    struct chain *chain = chain_of_der(der, 3);
    assert_int_equal(chain->count, 1);
    assert_int_equal(chain->total, 3);
    chain_free(chain);
    chain = file_of("");
    assert_int_equal(chain->count, 0);
    chain_free(chain);
}

static void more_certificates_than_anybody_sends_are_counted(void **state)
{
    (void)state;
    struct probe_bytes der[48];
    struct pki_pair one = leaf(-1, 89);
    for (size_t i = 0; i < 48; i++)
        der[i] = der_of(&one);
    struct chain *chain = chain_of_der(der, 48);
    assert_int_equal(chain->count, CHAIN_MOST);
    assert_int_equal(chain->total, 48);
    chain_free(chain);
}

/* ----------------------------------------------------------------- peers ---- */

static void a_good_chain_says_how_long_it_lasts(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-10, 80);
    struct chain *chain = CHAIN(&one, &intermediate, &root);
    struct verdict verdict = trusted(chain, chain);
    assert_int_equal(verdict_worst(&verdict), FAULT_NONE);
    assert_true(verdict.name_ok && verdict.chain_ok);
    assert_true(verdict.leaf.days > 79.9 && verdict.leaf.days <= 80);
    assert_true(verdict.leaf.percent > 88 && verdict.leaf.percent < 89.5);
    assert_string_equal(verdict.first->common_name, "Middle");
    assert_true(verdict.above.days > 999);
    assert_null(verdict_hint(&verdict));
    assert_memory_equal(explained(&verdict, chain), "valid for 79 days, until ", 25);
    assert_null(strstr(explained(&verdict, chain), "above"));
    chain_free(chain);
}

static void one_that_came_into_use_too_early_is_found(void **state)
{
    (void)state;
    struct pki_pair one = leaf(2, 90);
    struct chain *chain = CHAIN(&one, &intermediate);
    struct verdict verdict = trusted(chain, chain);
    assert_int_equal(verdict_worst(&verdict), FAULT_NOT_YET_VALID);
    assert_memory_equal(explained(&verdict, chain), "the certificate is not valid before 20", 38);
    assert_false(verdict.chain_ok);
    chain_free(chain);
}

static void the_end_is_told_in_a_unit_that_fits(void **state)
{
    (void)state;
    const struct {
        int64_t seconds_left;
        const char *span;
    } cases[] = {{86400 * 3 + 60, "3 days"},
                 {86400 * 3 - 60, "71 hours"},
                 {3600 * 3 + 60, "3 hours"},
                 {3600 * 3 - 60, "179 minutes"},
                 {90, "1 minute,"}};
    struct pki_pair one = leaf(-10, 80);
    struct chain *chain = CHAIN(&one);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct verdict verdict;
        verdict_of_file(
            chain, NULL, chain->all[0].until_ms - cases[i].seconds_left * 1000, &verdict);
        assert_non_null(strstr(explained(&verdict, chain), cases[i].span));
        assert_non_null(verdict_hint(&verdict));
    }
    chain_free(chain);
}

static void an_issuer_that_ends_before_the_leaf_is_named(void **state)
{
    (void)state;
    struct pki_pair short_lived = issue((struct pki_wish){
        .name = "Brief", .from_days = -90, .to_days = 10, .authority = true, .issuer = &root});
    struct pki_pair one = issue(
        (struct pki_wish){.name = "shop", .names = "DNS:a", .to_days = 80, .issuer = &short_lived});
    struct chain *chain = CHAIN(&one, &short_lived, &root);
    struct verdict verdict = trusted(chain, chain);
    assert_true(verdict.above.days < 10 && verdict.above.percent < 11);
    assert_non_null(strstr(explained(&verdict, chain), "\"Brief\" above it expires in 9 days"));
    assert_non_null(verdict_hint(&verdict));
    chain_free(chain);
}

/* What a peer sends besides may be long dead (blackbox_exporter#340, AddTrust's end in 2020). */
static void an_expired_certificate_that_the_chain_does_not_need_harms_nobody(void **state)
{
    (void)state;
    struct pki_pair dead = issue((struct pki_wish){
        .name = "Old Root", .from_days = -900, .to_days = -100, .authority = true});
    struct pki_pair one = leaf(-1, 89);
    struct chain *presented = CHAIN(&one, &intermediate, &dead);
    struct chain *verified = CHAIN(&one, &intermediate, &root);
    struct verdict verdict = trusted(presented, verified);
    assert_int_equal(verdict.count, 0);
    assert_true(verdict.above.days > 900);
    chain_free(presented);
    chain_free(verified);
}

static void all_that_is_wrong_is_said_the_gravest_first(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-90, -2);
    struct chain *chain = CHAIN(&one);
    const struct probe_problem problems[] = {
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, "no issuer"},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, 0, "another name"},
        {X509_V_ERR_CERT_HAS_EXPIRED, 0, "expired, once more"},
    };
    struct verdict verdict = held(chain, problems, 3);
    assert_int_equal(verdict.count, 3);
    assert_int_equal(verdict_worst(&verdict), FAULT_EXPIRED);
    assert_false(verdict.name_ok || verdict.chain_ok);
    assert_true(verdict.leaf.days < -2 && verdict.leaf.percent == 0);
    const char *text = explained(&verdict, chain);
    assert_memory_equal(text, "the certificate expired on ", 27);
    assert_non_null(strstr(text, "; another name; no issuer"));
    assert_null(strstr(text, "once more"));
    chain_free(chain);
}

static void each_problem_of_verification_has_its_word(void **state)
{
    (void)state;
    const struct {
        int code, depth;
        enum fault fault;
    } cases[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, 1, FAULT_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, 1, FAULT_NOT_YET_VALID},
        {X509_V_ERR_HOSTNAME_MISMATCH, 0, FAULT_NAME},
        {X509_V_ERR_CERT_REVOKED, 0, FAULT_REVOKED},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, FAULT_SELF_SIGNED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, FAULT_MISSING_INTERMEDIATE},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1, FAULT_UNTRUSTED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 2, FAULT_UNTRUSTED},
        {X509_V_ERR_INVALID_PURPOSE, 0, FAULT_WRONG_USE},
        {X509_V_ERR_EE_KEY_TOO_SMALL, 0, FAULT_WEAK_KEY},
        {X509_V_ERR_CA_MD_TOO_WEAK, 1, FAULT_WEAK_DIGEST},
        {X509_V_ERR_PATH_LENGTH_EXCEEDED, 1, FAULT_INVALID},
    };
    struct pki_pair one = leaf(-1, 89);
    struct chain *chain = CHAIN(&one);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct probe_problem problem = {cases[i].code, cases[i].depth, "said so"};
        struct verdict verdict = held(chain, &problem, 1);
        assert_int_equal(verdict_worst(&verdict), cases[i].fault);
        assert_int_equal(verdict.name_ok, cases[i].fault != FAULT_NAME);
        assert_int_equal(verdict.chain_ok, cases[i].fault == FAULT_NAME);
        if (cases[i].fault != FAULT_INVALID)
            assert_non_null(verdict_hint(&verdict));
    }
    chain_free(chain);
}

static void authorities_that_cannot_be_read_are_ourselves(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct chain *chain = CHAIN(&one);
    const struct probe_problem problem = {X509_V_ERR_UNSPECIFIED, 0, "cannot read authorities"};
    const struct probe_peer peer = {.problems = &problem, .problem_count = 1};
    struct verdict verdict;
    const char *why = NULL;
    assert_false(verdict_of_peer(chain, chain, &peer, now_ms(), &verdict, &why));
    assert_string_equal(why, "cannot read authorities");
    chain_free(chain);
}

static void weak_keys_and_digests_are_said_once_and_with_their_size(void **state)
{
    (void)state;
    struct pki_pair weak = issue((struct pki_wish){.name = "weak",
                                                   .names = "DNS:a",
                                                   .to_days = 80,
                                                   .rsa_bits = 1024,
                                                   .digest = EVP_sha1(),
                                                   .issuer = &intermediate});
    struct chain *chain = CHAIN(&weak);
    const struct probe_problem problem = {X509_V_ERR_EE_KEY_TOO_SMALL, 0, "EE key too small"};
    struct verdict verdict = held(chain, &problem, 1);
    assert_int_equal(verdict.count, 2);
    assert_string_equal(explained(&verdict, chain),
                        "the certificate has a weak key: rsa of 1024 bits; the certificate is "
                        "signed with SHA1, which can be forged");
    assert_false(verdict.chain_ok);
    chain_free(chain);
}

/* An authority that is trusted is not trusted for its own signature. */
static void an_anchor_signed_with_sha1_is_fine_and_an_issuer_is_not(void **state)
{
    (void)state;
    struct pki_pair anchor = issue(
        (struct pki_wish){.name = "Old", .to_days = 900, .authority = true, .digest = EVP_sha1()});
    struct pki_pair between = issue((struct pki_wish){.name = "Between",
                                                      .to_days = 900,
                                                      .authority = true,
                                                      .digest = EVP_sha1(),
                                                      .issuer = &anchor});
    struct pki_pair direct =
        issue((struct pki_wish){.name = "x", .to_days = 80, .issuer = &anchor});
    struct pki_pair below =
        issue((struct pki_wish){.name = "x", .to_days = 80, .issuer = &between});
    struct chain *good = CHAIN(&direct, &anchor), *bad = CHAIN(&below, &between, &anchor);
    struct verdict verdict = trusted(good, good);
    assert_int_equal(verdict.count, 0);
    verdict = trusted(bad, bad);
    assert_int_equal(verdict_worst(&verdict), FAULT_WEAK_DIGEST);
    assert_int_equal(verdict.problems[0].depth, 1);
    struct chain *partial = CHAIN(&below, &between); /* an anchor need not sign itself */
    verdict = trusted(bad, partial);
    assert_int_equal(verdict.count, 0);
    chain_free(partial);
    chain_free(good);
    chain_free(bad);
}

static void certificates_out_of_order_are_a_warning_and_superfluous_ones_are_none(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89), stranger = leaf(-1, 89);
    struct chain *verified = CHAIN(&one, &intermediate, &root);
    struct chain *mixed = CHAIN(&one, &root, &intermediate);
    struct chain *more = CHAIN(&one, &intermediate, &root, &stranger);
    struct verdict verdict = trusted(mixed, verified);
    assert_int_equal(verdict_worst(&verdict), FAULT_ORDER);
    assert_int_equal(verdict.count, 1);
    assert_true(verdict.chain_ok && verdict.name_ok);
    verdict = trusted(more, verified);
    assert_int_equal(verdict.count, 0);
    chain_free(verified);
    chain_free(mixed);
    chain_free(more);
}

static void more_problems_than_there_is_room_for_are_dropped(void **state)
{
    (void)state;
    struct verdict verdict = {.count = 0};
    for (int i = 0; i < 100; i++)
        verdict_add(&verdict, FAULT_INVALID, i, "%d", i);
    assert_int_equal(verdict.count, VERDICT_MOST);
    verdict_add(&verdict, FAULT_EXPIRED, 0, "too late");
    assert_int_equal(verdict.count, VERDICT_MOST);
    assert_string_equal(verdict.problems[VERDICT_MOST - 1].text, "23");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_says_who_it_is),
        cmocka_unit_test(names_that_are_no_text_do_no_harm),
        cmocka_unit_test(many_names_are_counted_and_the_first_are_shown),
        cmocka_unit_test(what_is_no_certificate_is_counted_and_left_out),
        cmocka_unit_test(more_certificates_than_anybody_sends_are_counted),
        cmocka_unit_test(a_good_chain_says_how_long_it_lasts),
        cmocka_unit_test(one_that_came_into_use_too_early_is_found),
        cmocka_unit_test(the_end_is_told_in_a_unit_that_fits),
        cmocka_unit_test(an_issuer_that_ends_before_the_leaf_is_named),
        cmocka_unit_test(an_expired_certificate_that_the_chain_does_not_need_harms_nobody),
        cmocka_unit_test(all_that_is_wrong_is_said_the_gravest_first),
        cmocka_unit_test(each_problem_of_verification_has_its_word),
        cmocka_unit_test(authorities_that_cannot_be_read_are_ourselves),
        cmocka_unit_test(weak_keys_and_digests_are_said_once_and_with_their_size),
        cmocka_unit_test(an_anchor_signed_with_sha1_is_fine_and_an_issuer_is_not),
        cmocka_unit_test(certificates_out_of_order_are_a_warning_and_superfluous_ones_are_none),
        cmocka_unit_test(more_problems_than_there_is_room_for_are_dropped),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
