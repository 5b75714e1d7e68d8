/* plugins/cert: chains that were read before are not read again, and never taken for another. */
#include "cert_fixture.h"
#include "common/cert/shelf.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

/* A shelf whose check runs often. */
static struct shelf busy_shelf(void)
{
    struct shelf shelf = {0};
    shelf_begin(&shelf, 1000);
    shelf_begin(&shelf, 2000);
    return shelf;
}

static void the_same_bytes_are_read_once(void **state)
{
    (void)state;
    struct shelf shelf = busy_shelf();
    const struct probe_peer *peer = good_peer();
    struct chain *first = shelf_take(&shelf, peer->presented, 2);
    struct chain *again = shelf_take(&shelf, peer->presented, 2);
    struct chain *longer = shelf_take(&shelf, peer->verified, 3);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, longer);
    assert_int_equal(first->count, 2);
    assert_int_equal(longer->count, 3);
    chain_free(first);
    chain_free(longer);
    shelf_empty(&shelf);
    assert_string_equal(again->all[0].common_name, "shop"); /* still held by whom it was given */
    chain_free(again);
}

static void other_bytes_are_another_chain(void **state)
{
    (void)state;
    struct shelf shelf = busy_shelf();
    struct chain *taken[SHELF_MOST * 3];
    for (size_t i = 0; i < SHELF_MOST * 3; i++) { /* more than there is room for */
        const struct pki_pair one = leaf(-1, 40 + (long)i);
        taken[i] = shelf_take(&shelf, (const struct probe_bytes[]){der_of(&one)}, 1);
        assert_int_equal(taken[i]->shared, 1);
        for (size_t before = 0; before < i; before++)
            assert_true(taken[i]->all[0].until_ms > taken[before]->all[0].until_ms);
    }
    for (size_t i = 0; i < SHELF_MOST * 3; i++)
        chain_free(taken[i]);
    shelf_empty(&shelf);
}

static void nothing_is_kept_of_a_check_that_runs_seldom(void **state)
{
    (void)state;
    struct shelf shelf = {0};
    const struct probe_peer *peer = good_peer();
    for (uint64_t run = 1; run < 4; run++) {
        shelf_begin(&shelf, run * (SHELF_WITHIN_MS + 1));
        struct chain *chain = shelf_take(&shelf, peer->presented, 2);
        assert_int_equal(chain->shared, 0);
        chain_free(chain);
    }
    shelf = busy_shelf();
    chain_free(shelf_take(&shelf, peer->presented, 2));
    assert_non_null(shelf.all[0]);
    shelf_begin(&shelf, 2000 + SHELF_WITHIN_MS + 1);
    assert_null(shelf.all[0]);
}

static void a_certificate_that_was_renewed_between_two_runs_is_seen(void **state)
{
    (void)state;
    struct pki_pair old = leaf(-90, 3), fresh = leaf(-1, 89);
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    kit_set(kit, "url", "tls://192.0.2.1");
    for (int run = 0; run < 6; run++) {
        bool renewed = run > 3;
        kit_advance(kit, 1000);
        kit_plays(kit, KIT_PEER(peer_of(renewed ? &fresh : &old)));
        const struct kit_finding *finding = kit_finding(kit_run(kit, "endpoint"), NULL);
        assert_int_equal(kit_grade(kit, "endpoint", finding), renewed ? PROBE_OK : PROBE_CRITICAL);
        assert_int_equal(kit_rows(finding, "chain")->row_count, 3);
    }
    assert_int_equal(kit_close(kit), 0);
}

static void what_was_lightened_is_whole_when_it_is_asked(void **state)
{
    (void)state;
    struct shelf shelf = busy_shelf();
    struct chain *chain = shelf_take(&shelf, good_peer()->verified, 3);
    for (int run = 0; run < 2; run++) {
        shelf_end(&shelf);
        assert_null(chain->all[0].x509);
        assert_true(chain_names_issuer(&chain->all[0], &chain->all[1]));
        assert_false(chain_names_issuer(&chain->all[1], &chain->all[0]));
        assert_null(chain->all[0].x509); /* that needs no more than what was read */
        assert_true(chain_is_signed_by(&chain->all[0], &chain->all[1]));
        assert_false(chain_is_signed_by(&chain->all[1], &chain->all[0]));
        assert_non_null(chain->all[0].x509);
    }
    chain_free(chain);
    shelf_empty(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_read_once),
        cmocka_unit_test(other_bytes_are_another_chain),
        cmocka_unit_test(nothing_is_kept_of_a_check_that_runs_seldom),
        cmocka_unit_test(what_was_lightened_is_whole_when_it_is_asked),
        cmocka_unit_test(a_certificate_that_was_renewed_between_two_runs_is_seen),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
