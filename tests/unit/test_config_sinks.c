/* "sinks:", as a configuration says it and as it is refused. */
#include "config_fixture.h"
#include "out/sink.h"

#define SINKS "targets: {}\nagent: {state: /tmp/x}\nsinks:\n"

static void load_sinks(const char *text)
{
    const char *const paths[] = {"a.yaml"};
    MEM_AUTO char *whole = mem_print("%s%s", SINKS, text);
    put("a.yaml", whole);
    load_as(paths, 1, (struct config_needs){.version = "0.1.0", .sinks = sink_types()});
}

static void a_sink_has_its_defaults(void **state)
{
    (void)state;
    load_sinks("  c: {type: http, url: \"http://h:1\"}\n  http: {url: \"https://h/x\"}\n");
    assert_string_equal(said.bytes, "");
    assert_int_equal(config->sink_count, 2);
    const struct config_sink *sink = &config->sinks[0];
    assert_string_equal(sink->name, "c");
    assert_string_equal(sink->type->name, "http");
    assert_int_equal(sink->queue.batch_count, 1000);
    assert_int_equal(sink->queue.batch_bytes, 1 << 20);
    assert_int_equal(sink->queue.batch_age_ms, 1000);
    assert_int_equal(sink->queue.retry_first_ms, 500);
    assert_int_equal(sink->queue.retry_most_ms, 60000);
    assert_int_equal(sink->queue.spool_bytes, 256 << 20);
    assert_int_equal(sink->queue.memory_bytes, 8 << 20);
    assert_int_equal(sink->queue.deliver_ms, 5000);
    assert_false(config->console.off);
    assert_string_equal(config->sinks[1].type->name, "http"); /* by its name */
}

static void a_sink_is_as_written(void **state)
{
    (void)state;
    load_sinks(
        "  stdout: {only: {level: warn}}\n"
        "  c:\n"
        "    {type: http, url: \"http://h:1\", batch: {count: 10, bytes: 64KiB, age: 2s}, retry: "
        "{first: 1s, most: 2s},\n"
        "     spool: {bytes: 1MiB, age: 1h, memory: 128KiB}, deliver: 1m,\n"
        "     only: {kind: [finding], status: [critical], level: error, target: [db], labels: "
        "{team: dba}}}\n");
    assert_string_equal(said.bytes, "");
    const struct config_sink *sink = &config->sinks[0];
    assert_int_equal(sink->queue.batch_count, 10);
    assert_int_equal(sink->queue.spool_age_ms, 3600000);
    assert_int_equal(sink->queue.deliver_ms, 60000);
    assert_string_equal(sink->only.kinds[0], "finding");
    assert_string_equal(sink->only.statuses[0], "critical");
    assert_string_equal(sink->only.targets[0], "db");
    assert_int_equal(sink->only.level, LOG_ERROR);
    assert_string_equal(sink->only.labels[1], "dba");
    assert_int_equal(config->console.only.level, LOG_WARN);
}

static void stdout_can_be_switched_off_and_so_can_a_sink(void **state)
{
    (void)state;
    load_sinks("  stdout: off\n  c: off\n");
    assert_string_equal(said.bytes, "");
    assert_true(config->console.off);
    assert_int_equal(config->sink_count, 0);
    load_sinks("  stdout: false\n");
    assert_true(config->console.off);
}

static void what_is_wrong_with_a_sink_is_told_with_its_place(void **state)
{
    static const struct {
        const char *written, *said;
    } cases[] = {
        {"  c: {type: htp, url: \"http://h\"}\n",
         "a.yaml:4:13: sinks.c.type: there is no type of sinks \"htp\"; did you mean http?\n"},
        {"  c: {url: \"http://h\"}\n", "a.yaml:4:3: sinks.c: there is no type of sinks \"c\"; "},
        {"  c: {type: http}\n", "a.yaml:4:6: sinks.c.url: "},
        {"  c: {type: http, url: \"ftp://h\"}\n",
         "a.yaml:4:24: sinks.c.url: is neither http:// nor https://\n"},
        {"  c: {type: http, url: \"http://h\", user: u, bearer: t}\n",
         "a.yaml:4:53: sinks.c.bearer: cannot be together with user\n"},
        {"  c: {type: http, url: \"http://h\", batch: {cont: 1}}\n",
         "a.yaml:4:44: sinks.c.batch.cont: is not known here; did you mean count?\n"},
        {"  c: {type: http, url: \"http://h\", batch: 3}\n",
         "a.yaml:4:43: sinks.c.batch: is a number, not a map\n"},
        {"  c: {type: http, url: \"http://h\", only: {kind: [findings]}}\n",
         "a.yaml:4:50: sinks.c.only.kind: is \"findings\", which is none of finding, "},
        {"  c: {type: http, url: \"http://h\", encoding: lok}\n",
         "a.yaml:4:46: sinks.c.encoding: is \"lok\", which is none of ndjson"},
        {"  c: {type: http, url: \"http://h\", retry: {first: 2m}}\n",
         "a.yaml:4:51: sinks.c.retry.first: is longer than most; write the longer one as most"},
        {"  c: {type: http, url: \"http://h\", encoding: loki, labels: [env, time]}\n",
         "a.yaml:4:60: sinks.c.labels: time makes a stream of nearly each event; it is in the "
         "line, "},
        {"  c: [1]\n",
         "a.yaml:4:6: sinks.c: is a list, not a map; write type: and url: below it\n"},
        {"  stdout: 3\n", "a.yaml:4:11: sinks.stdout: is a number, not a map; write {}, or off\n"},
        {"  stdout: {onl: {}}\n",
         "a.yaml:4:12: sinks.stdout.onl: is not known here; did you mean only?\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        load_sinks(cases[i].written);
        assert_null(config);
        if (strncmp(said.bytes, cases[i].said, strlen(cases[i].said)) != 0)
            fail_msg("%s: %s", cases[i].written, said.bytes);
    }
}

static void types_differ_in_what_they_have_by_default(void **state)
{
    (void)state;
    load_sinks("  f: {type: file, path: /f}\n"
               "  g: {type: file, path: /f, spool: {bytes: 1MiB}}\n"
               "  m: {type: email, url: \"smtp://h\", from: a@b, to: [c@d]}\n"
               "  n: {type: email, url: \"smtp://h\", from: a@b, to: [c@d], batch: {age: 5s}}\n");
    assert_string_equal(said.bytes, "");
    assert_int_equal(config->sinks[0].queue.spool_bytes, 0);
    assert_int_equal(config->sinks[0].queue.batch_age_ms, 1000);
    assert_int_equal(config->sinks[1].queue.spool_bytes, 1 << 20);
    assert_int_equal(config->sinks[2].queue.batch_age_ms, 30000);
    assert_int_equal(config->sinks[2].queue.spool_bytes, 256 << 20);
    assert_int_equal(config->sinks[3].queue.batch_age_ms, 5000);
}

static void without_a_state_it_is_said_that_events_wait_in_memory(void **state)
{
    const char *const paths[] = {"a.yaml"};
    (void)state;
    put("a.yaml", "sinks: {c: {type: http, url: \"http://h:1\"}}\n");
    load_as(paths, 1, (struct config_needs){.version = "0.1.0", .sinks = sink_types()});
    assert_non_null(config);
    assert_string_equal(said.bytes,
                        "a.yaml:1:9: warning: sinks.c: what waits for it waits in memory, and ends "
                        "with the agent; give agent.state a folder, and it waits on disk\n");
}

static void a_change_is_seen_in_the_digest(void **state)
{
    char first[17];
    (void)state;
    load_sinks("  c: {type: http, url: \"http://h:1\"}\n");
    (void)snprintf(first, sizeof(first), "%s", config->sinks[0].digest);
    load_sinks("  c: {url: \"http://h:1\", type: http}\n");
    assert_string_equal(config->sinks[0].digest, first);
    load_sinks("  c: {type: http, url: \"http://h:2\"}\n");
    assert_string_not_equal(config->sinks[0].digest, first);
}

static void the_schema_knows_each_type(void **state)
{
    (void)state;
    config_write_schema(&plugins, sink_types(), NULL, &said);
    assert_non_null(strstr(said.bytes, "\"sink:http\":{"));
    assert_non_null(strstr(said.bytes, "\"batch\":{"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sink_has_its_defaults),
        TEST(a_sink_is_as_written),
        TEST(stdout_can_be_switched_off_and_so_can_a_sink),
        TEST(what_is_wrong_with_a_sink_is_told_with_its_place),
        TEST(types_differ_in_what_they_have_by_default),
        TEST(without_a_state_it_is_said_that_events_wait_in_memory),
        TEST(a_change_is_seen_in_the_digest),
        TEST(the_schema_knows_each_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
