/* probe/discover: what the environment names becomes targets, by reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "io/secret.h"
#include "probe/config.h"
#include "probe/discover.h"

struct server {
    const struct probe_url *url;
    const char *user;
    struct probe_secret *password;
};

struct account {
    struct probe_secret *key;
};

static void run(struct probe_target *self, struct probe_run *probe_run)
{
    (void)self;
    (void)probe_run;
}

static const struct probe_option server_options[] = {
    {"url", PROBE_URL_AT(struct server, url)},
    {"user", PROBE_STRING_AT(struct server, user), .fallback = ""},
    {"password", PROBE_SECRET_AT(struct server, password), .fallback = ""},
    {0},
};
static const struct probe_option account_options[] = {{"key", PROBE_SECRET_AT(struct account, key)},
                                                      {0}};
static const struct probe_check checks[] = {
    {"connect", "it cannot be reached", .every = "10s", .timeout = "5s", .run = run}, {0}};

static const struct probe_plugin database = {PROBE_ABI,
                                             .name = "database",
                                             .version = "1",
                                             .summary = "a database",
                                             .scheme = "db,database",
                                             .variables = "T_DATABASE_URL,TPGHOST",
                                             .options = server_options,
                                             .config_size = sizeof(struct server),
                                             .checks = checks};
static const struct probe_plugin cache = {PROBE_ABI,
                                          .name = "cache",
                                          .version = "1",
                                          .summary = "a cache",
                                          .scheme = "cache",
                                          .variables = "T_CACHE_URL",
                                          .options = server_options,
                                          .config_size = sizeof(struct server),
                                          .checks = checks};
/* Spoken to over what another plugin is called by, and loaded before it. */
static const struct probe_plugin barn = {PROBE_ABI,
                                         .name = "barn",
                                         .version = "1",
                                         .summary = "a barn",
                                         .scheme = "barn,cache",
                                         .variables = "T_BARN_URL",
                                         .options = server_options,
                                         .config_size = sizeof(struct server),
                                         .checks = checks};
static const struct probe_plugin account = {PROBE_ABI,
                                            .name = "account",
                                            .version = "1",
                                            .summary = "an account",
                                            .variables = "T_PAY_SECRET_KEY",
                                            .options = account_options,
                                            .config_size = sizeof(struct account),
                                            .checks = checks};
static const struct probe_plugin host = {
    PROBE_ABI, .name = "host", .version = "1", .summary = "this node", .checks = checks};

static struct plugins plugins;
static struct text said;

static int set_up(void **state)
{
    struct error error;
    (void)state;
    plugins = (struct plugins){0};
    text_init(&said, 10000);
    return plugin_add(&plugins, &database, "a.so", &error) +
           plugin_add(&plugins, &barn, "w.so", &error) +
           plugin_add(&plugins, &cache, "b.so", &error) +
           plugin_add(&plugins, &account, "c.so", &error);
}

static int tear_down(void **state)
{
    static const char *const variables[] = {"T_DATABASE_URL",
                                            "TPGHOST",
                                            "TPGPORT",
                                            "TPGDATABASE",
                                            "TPGUSER",
                                            "TPGPASSWORD",
                                            "T_CACHE_URL",
                                            "T_BARN_URL",
                                            "T_PAY_SECRET_KEY"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        (void)unsetenv(variables[i]);
    plugins_finish(&plugins);
    text_finish(&said);
    redact_forget_all();
    return 0;
}

static void on_found(const char *line, void *data)
{
    (void)data;
    text_print(&said, "%s\n", line);
}

/* What was found, as targets; NULL: nothing. */
static struct config *discover(void)
{
    struct problems problems = {0};
    const struct config_needs needs = {.offline = false};
    json_t *root = discover_targets(&plugins, on_found, NULL);
    if (!root)
        return NULL;
    struct config *config = config_build(root, "the environment", &plugins, &needs, &problems);
    problems_print(&problems, &said);
    problems_finish(&problems);
    assert_non_null(config);
    return config;
}

static void an_empty_environment_names_nothing(void **state)
{
    (void)state;
    (void)setenv("T_CACHE_URL", "", 1);
    assert_null(discover());
    assert_string_equal(said.bytes, "");
}

static void a_url_makes_a_target_and_its_password_stays_where_it_is(void **state)
{
    (void)state;
    (void)setenv("T_DATABASE_URL", "db://app:hunter22@h/orders", 1);
    (void)setenv("TPGHOST", "h", 1); /* the same by another name */
    (void)setenv("T_CACHE_URL", "cache://c", 1);
    json_t *root = discover_targets(&plugins, NULL, NULL);
    char *json = json_dumps(root, 0);
    assert_null(strstr(json, "hunter22"));
    free(json);
    json_decref(root);
    struct config *config = discover();
    assert_string_equal(said.bytes,
                        "found t-cache, of type cache, from T_CACHE_URL\n"
                        "found t-database, of type database, from T_DATABASE_URL\n");
    assert_int_equal(config->target_count, 2);
    assert_string_equal(config->targets[1].shown, "db://h/orders");
    assert_int_equal(config->targets[1].check_count, 1);
    config_destroy(config);
}

static void a_host_and_its_siblings_make_a_url(void **state)
{
    static const struct {
        const char *host, *port, *database, *shown;
    } cases[] = {
        {"h", NULL, NULL, "db://h"},
        {"h", "5433", "orders", "db://h:5433/orders"},
        {"h", "tcp://10.0.0.1:5432", NULL, "db://h"},
        {"::1", "5433", NULL, "db://[::1]:5433"},
        {"/run/pg", "5433", "orders", "db:///orders?host=/run/pg"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        (void)setenv("TPGHOST", cases[i].host, 1);
        (void)setenv("TPGPORT", cases[i].port ? cases[i].port : "", 1);
        (void)setenv("TPGDATABASE", cases[i].database ? cases[i].database : "", 1);
        (void)setenv("TPGUSER", "app", 1);
        (void)setenv("TPGPASSWORD", "hunter22", 1);
        struct config *config = discover();
        const struct server *server = config->targets[0].config;
        assert_string_equal(config->targets[0].name, "tpg");
        assert_string_equal(config->targets[0].shown, cases[i].shown);
        assert_string_equal(server->user, "app");
        assert_string_equal(secret_reveal(server->password), "hunter22");
        config_destroy(config);
    }
}

static void a_key_becomes_the_required_secret(void **state)
{
    (void)state;
    (void)setenv("T_PAY_SECRET_KEY", "sk_hunter22", 1);
    struct config *config = discover();
    const struct account *filled = config->targets[0].config;
    assert_string_equal(said.bytes, "found t-pay, of type account, from T_PAY_SECRET_KEY\n");
    assert_string_equal(secret_reveal(filled->key), "sk_hunter22");
    config_destroy(config);
}

static void a_url_goes_to_the_plugin_that_answers_to_it(void **state)
{
    (void)state;
    (void)setenv("T_DATABASE_URL", "cache://c", 1);
    struct config *config = discover();
    assert_string_equal(config->targets[0].plugin->face.name, "cache");
    config_destroy(config);
}

/* barn stands before cache, and answers to cache:// as well: only where the variable says so. */
static void what_carries_an_url_does_not_decide_whose_it_is(void **state)
{
    (void)state;
    (void)setenv("T_BARN_URL", "cache://b", 1);
    (void)setenv("T_CACHE_URL", "cache://c", 1);
    struct config *config = discover();
    assert_string_equal(said.bytes,
                        "found t-barn, of type barn, from T_BARN_URL\n"
                        "found t-cache, of type cache, from T_CACHE_URL\n");
    config_destroy(config);
    assert_string_equal(plugin_for_scheme(&plugins, "barn", 4)->face.name, "barn");
    assert_string_equal(plugin_for_scheme(&plugins, "cache", 5)->face.name, "cache");
    assert_null(plugin_for_scheme(&plugins, "cach", 4));
}

static void what_is_of_no_use_is_said_without_its_value(void **state)
{
    (void)state;
    (void)setenv("T_DATABASE_URL", "mysql://root:hunter22@h", 1);
    (void)setenv("T_CACHE_URL", "hunter22", 1);
    assert_null(discover());
    assert_string_equal(said.bytes,
                        "T_CACHE_URL is left out: it holds no URL\n"
                        "T_DATABASE_URL is left out: no plugin answers to mysql://\n");
}

static void the_node_is_watched_as_well(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(plugin_add(&plugins, &host, "d.so", &error), 0);
    struct config *config = discover();
    assert_string_equal(said.bytes, "found host, of type host: the node itself\n");
    config_destroy(config);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_environment_names_nothing),
        TEST(a_url_makes_a_target_and_its_password_stays_where_it_is),
        TEST(a_host_and_its_siblings_make_a_url),
        TEST(a_key_becomes_the_required_secret),
        TEST(a_url_goes_to_the_plugin_that_answers_to_it),
        TEST(what_carries_an_url_does_not_decide_whose_it_is),
        TEST(what_is_of_no_use_is_said_without_its_value),
        TEST(the_node_is_watched_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
