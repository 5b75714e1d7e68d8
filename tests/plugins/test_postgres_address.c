/* Where a PostgreSQL server is, and why there was no answer: pure functions, libpq's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pq/address.h"
#include "common/pq/trouble.h"
#include "kit.h"

extern probe_entry_fn probe_plugin_v1;

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* -------------------------------------------------------------- address ---- */

static const char *reveal(struct probe_life *life, const struct probe_secret *secret)
{
    (void)life;
    return (const char *)secret;
}

static const struct probe_host host = {.size = sizeof(host), .reveal = reveal};
static struct probe_life life = {&host};

/* An address as the plugin makes it of an HERE and what stands beside it. */
static bool makes(struct address *address, const char *url, struct server server)
{
    struct probe_url own = {.shown = "postgres://shown",
                            .whole = (struct probe_secret *)(uintptr_t)url};
    struct trouble trouble = {0};
    server.url = &own;
    *address = (struct address){0};
    bool made = address_make(address, &life, &server, &trouble);
    assert_int_equal(made ? TROUBLE_NONE : TROUBLE_CONFIG, trouble.kind);
    assert_null(strstr(trouble.text, "s3cret"));
    return made;
}

/* The value that libpq gets for `name` in the first place; NULL: none. */
static const char *word(const struct address *address, const char *name)
{
    static struct address_words words;
    const char *value = NULL;
    address_fill(&words, address, &address->places[0], "192.0.2.1");
    for (size_t i = 0; words.names[i]; i++)
        if (strcmp(words.names[i], name) == 0)
            value = words.values[i];
    return value;
}

static void an_url_becomes_libpqs_words(void **state)
{
    struct address address;
    (void)state;
    assert_true(makes(&address,
                      "postgres://app:s3cret@db:6432/orders?sslmode=require&application_name=app",
                      (struct server){.application_name = "runbookd"}));
    assert_string_equal(word(&address, "host"), "db");
    assert_string_equal(word(&address, "hostaddr"), "192.0.2.1");
    assert_string_equal(word(&address, "port"), "6432");
    assert_string_equal(word(&address, "user"), "app");
    assert_string_equal(word(&address, "password"), "s3cret");
    assert_string_equal(word(&address, "dbname"), "orders");
    assert_string_equal(word(&address, "sslmode"), "require");
    assert_string_equal(word(&address, "gssencmode"), "disable");
    assert_string_equal(word(&address, "application_name"), "runbookd");
    assert_string_equal(word(&address, "client_encoding"), "UTF8");
    assert_null(word(&address, "options"));
    address_finish(&address);
}

static void what_stands_beside_the_url_wins(void **state)
{
    struct address address;
    char password[] = "p@ss/word";
    (void)state;
    assert_true(makes(&address,
                      "postgres://app:s3cret@db/orders",
                      (struct server){.user = "runbookd",
                                      .database = "postgres",
                                      .password = (struct probe_secret *)password}));
    assert_string_equal(word(&address, "user"), "runbookd");
    assert_string_equal(word(&address, "password"), "p@ss/word");
    assert_string_equal(word(&address, "dbname"), "postgres");
    assert_string_equal(word(&address, "port"), "5432");
    address_finish(&address);
}

static void parameters_of_applications_are_left_out(void **state)
{
    (void)state;
    static const char *const urls[][2] = {
        {"postgres://a@b/c?schema=public&sslmode=require&pgbouncer=true&connection_limit=5",
         "postgres://a@b/c?sslmode=require"},
        {"postgres://a@b/c?pool=5", "postgres://a@b/c"},
        {"postgres://a@b/c?ssl=true&ssl=false&x", "postgres://a@b/c?ssl=true"},
        {"postgres://a@b/c?service=other", "postgres://a@b/c"},
        {"postgres://a:p@ss@b/c@d", "postgres://a:p%40ss@b/c@d"},
        {"postgres://b", "postgres://b"},
        {"pgbouncer://a@b:6432/c?x=y", "postgres://a@b:6432/c"},
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        char *tame = address_tame(urls[i][0]);
        assert_string_equal(tame, urls[i][1]);
        free(tame);
    }
}

static void what_is_no_url_is_said_without_the_password(void **state)
{
    struct address address;
    (void)state;
    assert_false(makes(&address, "postgres://app:s3cret@[db/orders", (struct server){0}));
    address_finish(&address);
    assert_false(makes(&address, "mysql://app:s3cret@db/orders", (struct server){0}));
    address_finish(&address);
    assert_false(makes(&address, NULL, (struct server){0}));
    address_finish(&address);
    assert_false(makes(&address, "postgres://a,b,c/db?port=1,2", (struct server){0}));
    address_finish(&address);
}

static void several_hosts_are_several_places(void **state)
{
    struct address address;
    char shown[64];
    (void)state;
    assert_true(makes(&address, "postgres:///db?host=a,::1,/run&port=1,,3", (struct server){0}));
    assert_int_equal(address.place_count, 3);
    assert_string_equal(address.places[0].host, "a");
    assert_string_equal(address.places[1].port, "5432");
    assert_false(address_is_known(&address.places[0]));
    assert_true(address_is_known(&address.places[1]));
    assert_true(address_is_known(&address.places[2]));
    address_show(&address.places[1], shown, sizeof(shown));
    assert_string_equal(shown, "[::1]:5432");
    address_show(&address.places[2], shown, sizeof(shown));
    assert_string_equal(shown, "/run/.s.PGSQL.3");
    address_finish(&address);
}

static void no_host_is_the_local_socket(void **state)
{
    struct address address;
    (void)state;
    assert_true(makes(&address, "postgres:///db", (struct server){0}));
    assert_string_equal(address.places[0].host, "/var/run/postgresql");
    address_finish(&address);
}

static void tls_is_verified_in_full_unless_it_says_less(void **state)
{
    static const struct probe_pair full[] = {
        {.name = "ca", .value = "/ca.pem"}, {.name = "name", .value = "db.example"}, {0}};
    static const struct probe_pair less[] = {
        {.name = "verify", .value = "none"}, {.name = "lowest", .value = "1.3"}, {0}};
    struct address address;
    (void)state;
    assert_true(makes(&address, "postgres://db?sslmode=disable", (struct server){.tls = full}));
    assert_string_equal(word(&address, "sslmode"), "verify-full");
    assert_string_equal(word(&address, "sslrootcert"), "/ca.pem");
    assert_string_equal(word(&address, "host"), "db.example");
    address_finish(&address);
    assert_true(makes(&address, "postgres://db", (struct server){.tls = less}));
    assert_string_equal(word(&address, "sslmode"), "require");
    assert_string_equal(word(&address, "ssl_min_protocol_version"), "TLSv1.3");
    assert_null(word(&address, "sslrootcert"));
    address_finish(&address);
    assert_true(makes(&address, "postgres://db?sslmode=verify-ca", (struct server){0}));
    assert_string_equal(word(&address, "sslrootcert"), "/etc/ssl/certs/ca-certificates.crt");
    address_finish(&address);
}

static void tls_words_that_mean_nothing_are_refused(void **state)
{
    static const struct {
        struct probe_pair pairs[2];
        const char *wrong;
    } cases[] = {
        {{{.name = "ca", .value = "ca.pem"}}, "\"ca\" is not an absolute path"},
        {{{.name = "verify", .value = "maybe"}}, "\"verify\" is full, ca or none"},
        {{{.name = "lowest", .value = "2"}}, "\"lowest\" is 1.0, 1.1, 1.2 or 1.3"},
        {{{.name = "sni", .value = "x"}},
         "\"sni\" is not known; ca, certificate, key, name, verify and lowest are"},
        {{{.name = "key"}}, "\"key\" is no secret, but a file's path or a word"},
    };
    char out[160];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(address_refuse_tls(cases[i].pairs, out, sizeof(out)), cases[i].wrong);
    assert_null(address_refuse_tls(NULL, out, sizeof(out)));

    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "postgres://db");
    kit_set(kit, "tls", "{\"verify\": \"maybe\"}");
    assert_string_equal(kit_refusal(kit, NULL), "tls: \"verify\" is full, ca or none");
    assert_int_equal(kit_close(kit), 0);
}

/* -------------------------------------------------------------- trouble ---- */

#define AT "connection to server at \"192.0.2.1\", port 5432 failed: "

/* Messages as libpq 15.20 gave them, of PostgreSQL 15.20 and PgBouncer 1.18. */
static void failed_logins_are_told_apart(void **state)
{
    static const struct {
        const char *message;
        enum trouble_stage stage;
        const char *word, *sqlstate;
    } cases[] = {
        {AT "Connection refused\n\tIs the server running?\n", TROUBLE_CONNECTING, "refused", ""},
        {"connection to server on socket \"/x/.s.PGSQL.5432\" failed: No such file or directory\n",
         TROUBLE_CONNECTING,
         "refused",
         ""},
        {AT "No route to host\n", TROUBLE_CONNECTING, "unreachable", ""},
        {AT "Connection timed out\n", TROUBLE_CONNECTING, "timeout", ""},
        {"invalid sslmode value: \"bad\"\n", TROUBLE_CONNECTING, "config", ""},
        {AT "could not receive data from server: Connection reset by peer\n",
         TROUBLE_SECURING,
         "lost",
         ""},
        {AT "server closed the connection unexpectedly\n\tThis probably means\n",
         TROUBLE_SECURING,
         "lost",
         ""},
        {AT "SSL error: certificate verify failed\n", TROUBLE_SECURING, "tls", ""},
        {AT "server does not support SSL, but SSL was required\n", TROUBLE_SECURING, "tls", ""},
        {AT "received invalid response to SSL negotiation: H\n",
         TROUBLE_SECURING,
         "not_postgres",
         ""},
        {AT "expected authentication request from server, but received H\n",
         TROUBLE_LOGGING_IN,
         "not_postgres",
         ""},
        {AT "session is read-only\n", TROUBLE_LOGGING_IN, "wrong_role", ""},
        {AT "FATAL:  53300: sorry, too many clients already\nLOCATION:  InitProcess, proc.c:359\n",
         TROUBLE_LOGGING_IN,
         "too_many_clients",
         "53300"},
        {AT "ВАЖНО:  57P03: система баз данных запускается\n",
         TROUBLE_LOGGING_IN,
         "starting_up",
         "57P03"},
        {AT "FATAL:  28P01: password authentication failed for user \"x\"\n",
         TROUBLE_LOGGING_IN,
         "auth",
         "28P01"},
        {AT "FATAL:  3D000: database \"x\" does not exist\n",
         TROUBLE_LOGGING_IN,
         "database",
         "3D000"},
        {AT "FATAL:  42501: permission denied for database \"x\"\n",
         TROUBLE_LOGGING_IN,
         "database",
         "42501"},
        {AT "FATAL:  08P01: no more connections allowed (max_client_conn)\n",
         TROUBLE_LOGGING_IN,
         "too_many_clients",
         "08P01"},
        {AT "FATAL:  08P01: SASL authentication failed\n", TROUBLE_LOGGING_IN, "auth", "08P01"},
        {AT "FATAL:  08P01: unsupported startup parameter: options\n",
         TROUBLE_LOGGING_IN,
         "config",
         "08P01"},
        {AT "FATAL:  08P01: server login has been failing, try again later\n",
         TROUBLE_LOGGING_IN,
         "lost",
         "08P01"},
        {AT "FATAL:  XX000: something else\n", TROUBLE_LOGGING_IN, "other", "XX000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trouble trouble = {0};
        trouble_of_login(&trouble, cases[i].stage, cases[i].message, "db:5432", false);
        assert_string_equal(trouble_word(trouble.kind), cases[i].word);
        assert_string_equal(trouble.sqlstate, cases[i].sqlstate);
        assert_int_equal(strncmp(trouble.text, "db:5432", 7), 0);
        assert_null(strchr(trouble.text, '\n'));
    }
}

static void a_missing_password_is_a_matter_of_login(void **state)
{
    struct trouble trouble;
    (void)state;
    trouble_of_login(
        &trouble, TROUBLE_LOGGING_IN, AT "fe_sendauth: no password supplied\n", "db:5432", true);
    assert_int_equal(trouble.kind, TROUBLE_AUTH);
    assert_string_equal(trouble.text, "db:5432: fe_sendauth: no password supplied");
}

static void of_two_tries_the_one_that_says_more_counts(void **state)
{
    struct trouble trouble;
    (void)state;
    trouble_of_login(&trouble,
                     TROUBLE_LOGGING_IN,
                     AT "FATAL:  28000: no pg_hba.conf entry, no encryption\nLOCATION:  x\n" AT
                        "FATAL:  53300: sorry, too many clients already\nLOCATION:  x\n",
                     "db:5432",
                     false);
    assert_string_equal(trouble.text, "db:5432 says: sorry, too many clients already (53300)");
    trouble_of_login(&trouble,
                     TROUBLE_LOGGING_IN,
                     AT "FATAL:  28P01: wrong password\n" AT
                        "FATAL:  28000: no pg_hba.conf entry, no encryption\n",
                     "db:5432",
                     false);
    assert_string_equal(trouble.text, "db:5432 says: wrong password (28P01)");
}

static void a_pooler_may_let_a_longer_name_in(void **state)
{
    (void)state;
    assert_true(address_is_login("ops", "ops"));
    assert_true(address_is_login("ops", "ops.shop"));
    assert_true(address_is_login("ops", "ops@server"));
    assert_false(address_is_login("ops", "opsy"));
    assert_false(address_is_login("monitor", "ops"));
    assert_false(address_is_login("ops.shop", "ops"));
}

static void a_pooler_without_transactions_is_no_missing_right(void **state)
{
    struct trouble trouble;

    (void)state;
    trouble_of_error(
        &trouble, "08P01", "transaction blocks not allowed in statement pooling mode", "db:6432");
    assert_string_equal(trouble_word(trouble.kind), "pooler");
    trouble_of_error(&trouble, "08P01", "not allowed", "db:6432");
    assert_string_equal(trouble_word(trouble.kind), "denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_url_becomes_libpqs_words),
        cmocka_unit_test(what_stands_beside_the_url_wins),
        cmocka_unit_test(parameters_of_applications_are_left_out),
        cmocka_unit_test(what_is_no_url_is_said_without_the_password),
        cmocka_unit_test(several_hosts_are_several_places),
        cmocka_unit_test(no_host_is_the_local_socket),
        cmocka_unit_test(tls_is_verified_in_full_unless_it_says_less),
        cmocka_unit_test(tls_words_that_mean_nothing_are_refused),
        cmocka_unit_test(failed_logins_are_told_apart),
        cmocka_unit_test(a_missing_password_is_a_matter_of_login),
        cmocka_unit_test(of_two_tries_the_one_that_says_more_counts),
        cmocka_unit_test(a_pooler_may_let_a_longer_name_in),
        cmocka_unit_test(a_pooler_without_transactions_is_no_missing_right),
    };
    return cmocka_run_group_tests_name("postgres, address", tests, NULL, NULL);
}
