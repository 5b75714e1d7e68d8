/* plugins/http's certificate on the fake host: as cert.endpoint, with the target's own URL and tls. */
#include "cert_fixture.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static struct kit *open_kit(const char *url)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    kit_set(kit, "url", url);
    return kit;
}

static void close_kit(struct kit *kit)
{
    assert_int_equal(kit_close(kit), 0);
}

static void the_host_of_the_url_is_looked_at(void **state)
{
    (void)state;
    struct kit *kit = open_kit("https://192.0.2.1:8443/health");
    kit_plays(kit, KIT_PEER(good_peer()));
    struct kit_run *run = kit_run(kit, "certificate");
    const struct kit_finding *finding = kit_finding(run, NULL);
    const struct kit_dial *dial = kit_dialled(kit, 0);
    assert_true(run->done);
    assert_int_equal(kit_grade(kit, "certificate", finding), PROBE_OK);
    assert_string_equal(kit_text(finding, "error_class"), "ok");
    assert_int_equal(kit_rows(finding, "chain")->row_count, 3);
    assert_string_equal(dial->host, "192.0.2.1");
    assert_int_equal(dial->port, 8443);
    assert_false(dial->open);
    close_kit(kit);
}

static void one_that_nobody_renewed_is_critical(void **state)
{
    (void)state;
    struct kit *kit = open_kit("https://192.0.2.1/");
    struct pki_pair soon = leaf(-85, 4);
    kit_plays(kit, KIT_PEER(peer_of(&soon)));
    const struct kit_finding *finding = kit_finding(kit_run(kit, "certificate"), NULL);
    assert_int_equal(kit_grade(kit, "certificate", finding), PROBE_CRITICAL);
    assert_true(kit_real(finding, "days_left") < 5);
    close_kit(kit);
}

static void without_tls_there_is_none(void **state)
{
    (void)state;
    struct kit *kit = open_kit("http://192.0.2.1/");
    struct kit_run *run = kit_run(kit, "certificate");
    assert_int_equal(run->how, PROBE_INAPPLICABLE);
    assert_non_null(strstr(run->hint, "https://"));
    close_kit(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_of_the_url_is_looked_at),
        cmocka_unit_test(one_that_nobody_renewed_is_critical),
        cmocka_unit_test(without_tls_there_is_none),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
