/* core/probe/config: which targets stand on the network, so that the agent being cut off is no fault of theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/config_parts.h"
#include "probe/plugin.h"

struct asked {
    const struct probe_url *url;
    const char *const *servers;
};

static const struct probe_option both[] = {{"url", PROBE_URL_AT(struct asked, url)},
                                           {"servers", PROBE_LIST_AT(struct asked, servers)},
                                           {0}};
static const struct probe_option none[] = {{"url", PROBE_URL_AT(struct asked, url)}, {0}};

static bool needs(const struct probe_option *options, const char *host, const char *const *servers)
{
    const struct probe_url url = {.host = host};
    struct asked asked = {.url = host ? &url : NULL, .servers = servers};
    struct plugin plugin = {.face.options = options};
    struct config_target target = {.plugin = &plugin, .config = &asked};
    return config_needs_network(&target);
}

static void a_url_tells_by_its_host(void **state)
{
    (void)state;
    assert_true(needs(none, "db", NULL));
    assert_true(needs(none, "10.0.0.2", NULL));
    assert_false(needs(none, "localhost", NULL));
    assert_false(needs(none, "127.0.0.2", NULL));
    assert_false(needs(none, "::1", NULL));
    assert_false(needs(none, "", NULL)); /* a socket */
    assert_false(needs(none, NULL, NULL));
}

static void servers_tell_where_there_is_no_url(void **state)
{
    const char *here[] = {"127.0.0.1:5353", "[::1]:53", "localhost", "::1", NULL};
    const char *one[] = {"127.0.0.1", "10.0.0.2:53", NULL};
    const char *six[] = {"[fd00::2]:53", NULL}, *bare[] = {"fd00::2", NULL}, *empty[] = {NULL};
    (void)state;
    assert_false(needs(both, NULL, here));
    assert_true(needs(both, NULL, one));
    assert_true(needs(both, NULL, six));
    assert_true(needs(both, NULL, bare));
    assert_true(needs(both, NULL, empty)); /* those of resolv.conf */
    assert_false(needs(both, "127.0.0.1", one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_tells_by_its_host),
        cmocka_unit_test(servers_tell_where_there_is_no_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
