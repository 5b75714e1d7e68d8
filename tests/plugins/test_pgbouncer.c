/* The pgbouncer plugin and consoles of other versions, and of very many pools. */
#include "console.h"
#include "postgres_wire_fixture.h"

/* A conversation: a login, then for each command the rows that the console answers with. */
static struct kit *converse(struct kit_server **server, const struct speech *answers,
                            const char *const *commands, size_t count)
{
    struct talk talk = {0};
    struct kit *kit = kit_open(probe_plugin_v1());
    char url[120];

    talk_login(&talk);
    for (size_t i = 0; i < count; i++) {
        talk_on(&talk, KIT_UNTIL(commands[i]));
        talk_on(&talk, MOVE_SAY(answers[i]));
    }
    talk_on(&talk, KIT_MUTE);
    kit_use_real_time(kit);
    *server = kit_server_open(kit_loop(kit), talk.moves);
    (void)snprintf(url,
                   sizeof(url),
                   "pgbouncer://watch:s3cret@127.0.0.1:%u?sslmode=disable",
                   kit_server_port(*server));
    kit_set(kit, "url", url);
    return kit;
}

static void say_shown(struct speech *speech, const char *const *text, size_t columns, size_t rows)
{
    say_rows(speech, text, columns, rows);
    speech->bytes[speech->len - 1] = 'I'; /* the console has no transactions */
}

static const char *const pools_commands[] = {"SHOW POOLS", "SHOW DATABASES", "SHOW STATS"};

static void columns_that_an_old_version_lacks_are_absent(void **state)
{
    static const char *const pools[] = {"database",
                                        "user",
                                        "cl_active",
                                        "cl_waiting",
                                        "sv_active",
                                        "sv_idle",
                                        "maxwait", /* 1.7 */
                                        "orders",
                                        "app",
                                        "3",
                                        "2",
                                        "2",
                                        "1",
                                        "4"};
    static const char *const databases[] = {"name", "host", "port", "orders", "", "5432"};
    static const char *const stats[] = {"database", "total_requests", "orders", "17"};
    struct speech answers[3] = {0};
    struct kit_server *server;

    (void)state;
    say_shown(&answers[0], pools, 7, 1);
    say_shown(&answers[1], databases, 3, 1);
    say_shown(&answers[2], stats, 2, 1);
    struct kit *kit = converse(&server, answers, pools_commands, 3);
    const struct kit_finding *finding = kit_finding(kit_run(kit, "pools"), "orders/app");
    assert_int_equal(kit_int(finding, "waiting"), 2);
    assert_true(kit_real(finding, "wait_seconds") == 4);
    assert_int_equal(kit_int(finding, "connected"), 3);
    assert_string_equal(kit_text(finding, "state"), "active");
    assert_string_equal(kit_text(finding, "server"), "socket:5432");
    assert_false(kit_has(finding, "limit"));
    assert_false(kit_has(finding, "used_percent"));
    assert_false(kit_has(finding, "queries_per_second"));
    assert_int_equal(kit_grade(kit, "pools", finding), PROBE_WARNING);
    finish(kit, server);
}

static void of_very_many_pools_the_busiest_are_told_and_the_others_summed(void **state)
{
    enum { POOLS = 70, COLUMNS = 4 };
    static const char *const databases[] = {"name", "other"};
    static const char *const stats[] = {"database", "other"};
    static char names[POOLS][8];
    const char *pools[COLUMNS * (POOLS + 1)] = {"database", "user", "cl_active", "cl_waiting"};
    struct speech answers[3] = {0};
    struct kit_server *server;

    (void)state;
    for (size_t i = 0; i < POOLS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "d%zu", i);
        const char **row = &pools[COLUMNS * (i + 1)];
        row[0] = names[i];
        row[1] = "a";
        row[2] = "1";
        row[3] = i == POOLS - 1 ? "9" : "0";
    }
    say_shown(&answers[0], pools, COLUMNS, POOLS);
    say_shown(&answers[1], databases, 2, 0);
    say_shown(&answers[2], stats, 2, 0);
    struct kit *kit = converse(&server, answers, pools_commands, 3);
    const struct kit_run *run = kit_run(kit, "pools");
    assert_int_equal(run->finding_count, 65);
    assert_int_equal(kit_int(kit_finding(run, "d69/a"), "waiting"), 9);
    assert_int_equal(kit_int(kit_finding(run, "(others)"), "active"), 6);
    assert_int_equal(kit_int(kit_finding(run, "(others)"), "waiting"), 0);
    finish(kit, server);
}

static void a_console_that_does_not_say_how_many_is_no_ok(void **state)
{
    static const char *const commands[] = {"SHOW LISTS"};
    static const char *const lists[] = {"list", "items", "databases", "2"};
    struct speech answers[1] = {0};
    struct kit_server *server;

    (void)state;
    say_shown(&answers[0], lists, 2, 1);
    struct kit *kit = converse(&server, answers, commands, 1);
    assert_int_equal(kit_run(kit, "clients")->how, PROBE_FAILED);
    finish(kit, server);
}

static void names_in_commands_are_quoted(void **state)
{
    char out[40];
    (void)state;
    console_compose(out, sizeof(out), "PAUSE", "orders");
    assert_string_equal(out, "PAUSE \"orders\"");
    console_compose(out, sizeof(out), "PAUSE", "a\"; SHUTDOWN");
    assert_string_equal(out, "PAUSE \"a\"\"; SHUTDOWN\"");
    console_compose(out, sizeof(out), "RESUME", "");
    assert_string_equal(out, "RESUME");
    console_compose(out, 12, "PAUSE", "abcdefghijklmnop");
    assert_true(strlen(out) < 12 && out[strlen(out) - 1] == '"');
    console_compose(out, 12, "PAUSE", "a\"\"\"\"\"\"\"\"");
    assert_true(strlen(out) < 12 && out[strlen(out) - 1] == '"');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_that_an_old_version_lacks_are_absent),
        cmocka_unit_test(of_very_many_pools_the_busiest_are_told_and_the_others_summed),
        cmocka_unit_test(a_console_that_does_not_say_how_many_is_no_ok),
        cmocka_unit_test(names_in_commands_are_quoted),
    };
    return cmocka_run_group_tests(tests, compose, NULL);
}
