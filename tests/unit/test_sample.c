/* probe/verdict: what a line says whose sample is another than the status that stands. */
#include "judgement_fixture.h"

static char last[8192]; /* the last line of a finding of db/first */

static void on_line(const struct event *event, void *data)
{
    (void)data;
    if (event->finding && strcmp(event->finding->name, "first") == 0)
        (void)snprintf(last, sizeof(last), "%s", event->json);
}

/* Has it run once more, as it is told. */
static void sample(enum behaviour behaves)
{
    tell("db/first", behaves);
    last[0] = journal[0] = '\0';
    while (!ran("db/first"))
        loop_advance(stage.loop, 50);
    loop_advance(stage.loop, 50);
}

static void assert_last(const char *status, const char *sample_, const char *message)
{
    const char *const words[][2] = {{"status", status}, {"sample", sample_}, {"message", message}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        MEM_AUTO char *member = mem_print("\"%s\":\"%s\"", words[i][0], words[i][1]);
        if (!strstr(last, member))
            fail_msg("not in it: %s\n%s", member, last);
    }
}

static void watch(const char *agent, const char *rules)
{
    MEM_AUTO char *yaml = mem_print("agent: {%s}\n"
                                    "targets: {db: {url: \"told://127.0.0.1\", checks: {connect: "
                                    "\"off\", first: {every: 1s, %s}}}}\n",
                                    agent,
                                    rules);
    bus_subscribe(stage.bus, on_line, NULL);
    begin(yaml);
}

static void an_unknown_sample_before_the_third_says_that_the_status_stands(void **state)
{
    (void)state;
    watch("emit: all", "timeout: 1s");
    sample(ANSWER);
    assert_last("ok", "ok", "fine");
    for (int i = 0; i < 2; i++) {
        sample(DENY);
        assert_last("ok", "unknown", "still ok, though this sample is unknown: not for you");
    }
    sample(DENY);
    assert_last("unknown", "unknown", "not for you");
    sample(ANSWER);
    assert_last("ok", "ok", "fine");
}

static void so_does_one_that_has_not_lasted_yet(void **state)
{
    (void)state;
    watch("emit: all", "for: 1m, recover: 1m");
    sample(ANSWER);
    sample(BAD);
    assert_last("ok", "critical", "still ok, though this sample is critical: bad");
    pass(60);
    assert_last("critical", "critical", "bad");
    sample(ANSWER);
    assert_last("critical", "ok", "still critical, though this sample is ok: fine");
}

static void a_repeat_says_it_as_well(void **state)
{
    (void)state;
    watch("repeat: 10s", "recover: 1h");
    sample(BAD);
    assert_last("critical", "critical", "bad");
    tell("db/first", ANSWER);
    last[0] = '\0';
    pass(12);
    assert_last("critical", "ok", "still critical, though this sample is ok: fine");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, clear_stage)
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_sample_before_the_third_says_that_the_status_stands),
        TEST(so_does_one_that_has_not_lasted_yet),
        TEST(a_repeat_says_it_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
