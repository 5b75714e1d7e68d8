/* plugins/cert: what stands in a file together, and whether it belongs together. */
#include "cert_fixture.h"

static void a_bundle_belongs_together(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct chain *chain = file_of(joined(pem_of(&one), pem_of(&intermediate)));
    struct verdict verdict =
        of_file(chain, (const char *const[]){"shop.example", "127.0.0.1", NULL});
    assert_int_equal(chain->count, 2);
    assert_int_equal(verdict.count, 0);
    chain_free(chain);
}

static void a_bundle_of_strangers_and_one_of_namesakes_are_found(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct pki_pair namesake = issue(
        (struct pki_wish){.name = "Middle", .to_days = 1000, .authority = true, .issuer = &root});
    struct chain *strangers = file_of(joined(pem_of(&one), pem_of(&root)));
    struct chain *namesakes = file_of(joined(pem_of(&one), pem_of(&namesake)));
    struct verdict verdict = of_file(strangers, NULL);
    assert_int_equal(verdict_worst(&verdict), FAULT_BROKEN_CHAIN);
    assert_non_null(strstr(verdict.problems[0].text, "\"Root\" did not issue that of \"shop\""));
    assert_false(verdict.chain_ok);
    verdict = of_file(namesakes, NULL);
    assert_int_equal(verdict_worst(&verdict), FAULT_BROKEN_CHAIN);
    assert_non_null(strstr(verdict.problems[0].text, "another key"));
    chain_free(strangers);
    chain_free(namesakes);
}

static void an_expired_issuer_in_a_file_is_found(void **state)
{
    (void)state;
    struct pki_pair dead = issue((struct pki_wish){
        .name = "Dead", .from_days = -90, .to_days = -1, .authority = true, .issuer = &root});
    struct pki_pair one = issue((struct pki_wish){.name = "x", .to_days = 80, .issuer = &dead});
    struct chain *chain = file_of(joined(pem_of(&one), pem_of(&dead)));
    struct verdict verdict = of_file(chain, NULL);
    assert_int_equal(verdict_worst(&verdict), FAULT_EXPIRED);
    assert_int_equal(verdict.problems[0].depth, 1);
    assert_true(verdict.above.days < 0);
    chain_free(chain);
}

static void a_list_of_authorities_is_no_chain(void **state)
{
    (void)state;
    struct pki_pair another =
        issue((struct pki_wish){.name = "Another Root", .to_days = 3650, .authority = true});
    struct chain *chain = file_of(joined(pem_of(&root), pem_of(&another)));
    struct verdict verdict = of_file(chain, NULL);
    assert_int_equal(verdict.count, 0);
    chain_free(chain);
}

static void names_that_a_file_has_to_be_for_are_each_told(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct chain *chain = file_of(pem_of(&one));
    struct verdict verdict = of_file(
        chain, (const char *const[]){"a.example", "shop.example", "10.0.0.1", "shop", NULL});
    assert_int_equal(verdict.count, 3);
    assert_false(verdict.name_ok);
    assert_true(verdict.chain_ok);
    assert_non_null(strstr(explained(&verdict, chain), "it is not for 10.0.0.1"));
    chain_free(chain);
}

/* Browsers have not looked at the common name since 2017. */
static void a_common_name_is_no_name(void **state)
{
    (void)state;
    struct pki_pair one = issue((struct pki_wish){.name = "shop.example", .to_days = 80});
    struct chain *chain = file_of(pem_of(&one));
    struct verdict verdict = of_file(chain, (const char *const[]){"shop.example", NULL});
    assert_int_equal(verdict_worst(&verdict), FAULT_NAME);
    chain_free(chain);
}

static void a_file_that_is_cut_off_is_damaged(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    const char *text = joined(pem_of(&one), pem_of(&intermediate));
    struct chain *chain = chain_of_file(text, strlen(text) - 100);
    assert_int_equal(chain->count, 1);
    assert_int_equal(chain->unread, 1);
    struct verdict verdict = of_file(chain, NULL);
    assert_int_equal(verdict_worst(&verdict), FAULT_BROKEN_CHAIN);
    chain_free(chain);
}

static void a_file_may_be_der(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct probe_bytes der = der_of(&one);
    struct chain *chain = chain_of_file((const char *)der.first, der.len);
    assert_int_equal(chain->count, 1);
    chain_free(chain);
}

static void a_private_key_fits_or_not_or_is_none(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89), other = leaf(-1, 89);
    struct chain *chain = CHAIN(&one);
    const struct certificate *certificate = &chain->all[0];
    const struct {
        const char *text;
        enum chain_key key;
    } cases[] = {{key_of(&one, NULL), CHAIN_KEY_FITS},
                 {joined(pem_of(&one), key_of(&one, NULL)), CHAIN_KEY_FITS},
                 {key_of(&other, NULL), CHAIN_KEY_OTHER},
                 {key_of(&one, "passphrase"), CHAIN_KEY_LOCKED},
                 {pem_of(&one), CHAIN_KEY_NONE},
                 {"", CHAIN_KEY_NONE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(chain_key_of(certificate, cases[i].text, strlen(cases[i].text), NULL),
                         cases[i].key);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_belongs_together),
        cmocka_unit_test(a_bundle_of_strangers_and_one_of_namesakes_are_found),
        cmocka_unit_test(an_expired_issuer_in_a_file_is_found),
        cmocka_unit_test(a_list_of_authorities_is_no_chain),
        cmocka_unit_test(names_that_a_file_has_to_be_for_are_each_told),
        cmocka_unit_test(a_common_name_is_no_name),
        cmocka_unit_test(a_file_that_is_cut_off_is_damaged),
        cmocka_unit_test(a_file_may_be_der),
        cmocka_unit_test(a_private_key_fits_or_not_or_is_none),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
