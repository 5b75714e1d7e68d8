/* probe: run, target, host - what a plugin may do, and what becomes of it; on a driven clock. */
#include "run_plugin.h"

#include <errno.h>

/* --------------------------------------------------- a plugin that is told ---- */

static struct {
    int subjects;      /* that "many" reports, beginning with ... */
    int first;         /* ... this one */
    bool fails;        /* "stream" and "many" */
    bool speaks;       /* "stream", when it begins */
    bool down;         /* "down" finds nobody there */
    uint64_t takes_ms; /* "slow", "beside" */
    int64_t retry_ms;  /* of a failure */
    void (*tried)(struct probe_target *self, struct probe_run *run); /* "try" */
    struct probe_run *stream;                                        /* that is open */
} told;

static void report(struct probe_run *run, const char *subject)
{
    probe_report(run, .subject = subject, .status = PROBE_OK, .summary = "fine");
}

static void run_many(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    note(stage.journal, "many ");
    if (told.fails) {
        probe_end(run, .how = PROBE_FAILED, .status = -EPROTO, .retry_ms = told.retry_ms);
        return;
    }
    for (int i = told.first; i < told.first + told.subjects; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "s%d", i);
        report(run, name);
    }
    probe_done(run);
}

static void on_stream(int status, void *data)
{
    struct probe_run *run = data;
    note(stage.journal, status == -ECANCELED ? "stream:canceled " : "stream:%d ", status);
    if (status == 0)
        probe_fail(run, -EPIPE, "the stream broke");
}

static void run_stream(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    note(stage.journal, "stream ");
    assert_int_equal(run->deadline_ms, 0);
    if (told.fails) {
        probe_fail(run, -EPIPE, "the stream broke");
        return;
    }
    told.stream = run;
    probe_timer(&run->life, UINT64_MAX, on_stream, run);
    if (told.speaks)
        report(run, "a");
}

static void stream_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    (void)run;
    told.stream = NULL;
    note(stage.journal, "/stream ");
}

static void on_slow(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0) {
        report(run, NULL);
        probe_done(run);
    }
}

static void run_slow(struct probe_target *self, struct probe_run *run)
{
    note(stage.journal, "%s/%s ", self->name, run->name);
    if (told.takes_ms) {
        probe_timer(&run->life, told.takes_ms, on_slow, run);
        return;
    }
    report(run, NULL);
    probe_done(run);
}

static void run_down(struct probe_target *self, struct probe_run *run)
{
    note(stage.journal, "%s/down ", self->name);
    if (told.down)
        probe_end(run, .how = PROBE_DOWN, .status = -ECONNREFUSED, .summary = "nobody there");
    else
        on_slow(0, run);
}

static void run_try(struct probe_target *self, struct probe_run *run)
{
    told.tried(self, run);
    report(run, NULL);
    probe_done(run);
}

static const struct probe_check checks[] = {
    CHECK("connect", .run = run_slow),
    CHECK("many", .run = run_many),
    CHECK("stream", .mode = PROBE_STREAMING, .run = run_stream, .ended = stream_ended),
    CHECK("slow", .run = run_slow),
    CHECK("beside", .run = run_slow),
    CHECK("down", .run = run_down),
    CHECK("try", .run = run_try),
    {0},
};
static const struct probe_plugin plugin = RUN_PLUGIN(checks);

static int set_stage(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    open_stage(&plugin);
    return 0;
}

/* ---------------------------------------------------------------- findings ---- */

static void findings_beyond_the_maximum_are_not_gone(void **state)
{
    (void)state;
    told.subjects = 3;
    begin(TARGET("many: {}"));
    pass_ms(10000);
    assert_int_equal(count_of(stage.said, "=ok(start)"), 3);
    told.first = 1000;
    told.subjects = 2000; /* s0 ... s2 may be among those that are not kept */
    pass_ms(30000);
    assert_int_equal(count_of(stage.said, "=ok(start)"), RUN_MOST_FINDINGS);
    assert_null(strstr(stage.said, "gone"));
    told.subjects = 1;
    pass_ms(30000);
    assert_int_equal(count_of(stage.said, "(gone)"), 3 + RUN_MOST_FINDINGS - 1);
}

static void try_twins(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_report(run, .subject = "twin", .status = PROBE_OK, .summary = "one");
    probe_report(run, .subject = "twin", .status = PROBE_CRITICAL, .summary = "two");
}

static void of_two_findings_about_one_subject_the_first_counts(void **state)
{
    (void)state;
    told.tried = try_twins;
    begin(TARGET("try: {}"));
    pass_ms(20000);
    assert_non_null(strstr(stage.said, "db/try[twin]=ok(start)"));
    assert_null(strstr(stage.said, "critical"));
}

/* ----------------------------------------------------------------- streams ---- */

static void a_stream_goes_on_without_a_deadline_and_speaks_at_once(void **state)
{
    (void)state;
    begin(TARGET("stream: {}"));
    pass_ms(100000);
    assert_string_equal(stage.journal, "stream ");
    assert_string_equal(stage.said, "");
    report(told.stream, "a");
    assert_string_equal(stage.said, "db/stream[a]=ok(start) ");
    probe_retire(told.stream, "a");
    assert_non_null(strstr(stage.said, "db/stream[a]=ok(gone) "));
}

static void a_stream_takes_no_place_that_other_checks_need(void **state)
{
    (void)state;
    begin("agent: {most_at_once: 1}\n" TARGET("stream: {}, slow: {}"));
    pass_ms(60000);
    assert_int_equal(count_of(stage.journal, "stream "), 1);
    assert_in_range(count_of(stage.journal, "db/slow "), 5, 7);
}

static void a_stream_that_ended_begins_again_and_closes_its_failure_when_it_speaks(void **state)
{
    (void)state;
    told.fails = true;
    begin(TARGET("stream: {}"));
    pass_ms(200000);
    assert_int_equal(count_of(stage.said, "db/stream[]=unknown"), 1);
    told.fails = false;
    pass_ms(60000);
    assert_int_equal(count_of(stage.journal, "stream "), 1);
    report(told.stream, "a");
    assert_string_equal(stage.said, "db/stream[]=ok(gone) db/stream[a]=ok(start) ");
    probe_fail(told.stream, -EPIPE, "the stream broke"); /* for the first time since it worked */
    pass_ms(1100);
    assert_int_equal(count_of(stage.journal, "stream "), 2); /* its end, and its start */
}

static void a_stream_is_canceled_when_its_target_goes(void **state)
{
    (void)state;
    begin(TARGET("stream: {}"));
    pass_ms(20000);
    schedule_destroy(stage.schedule);
    stage.schedule = NULL;
    assert_string_equal(stage.journal, "stream stream:canceled /stream ");
}

/* -------------------------------------------------------------------- once ---- */

static void on_all(void *data)
{
    *(bool *)data = true;
}

static void once_gives_a_stream_its_timeout_to_speak(void **state)
{
    bool done = false;
    (void)state;
    told.speaks = true;
    fill(TARGET("stream: {}"));
    schedule_start_once(stage.schedule, on_all, &done);
    pass_ms(2900);
    assert_false(done);
    assert_string_equal(stage.said, "db/stream[a]=ok(start) ");
    loop_advance(stage.loop, 200);
    assert_true(done);
    assert_non_null(strstr(stage.journal, "/stream "));
    assert_string_equal(stage.said, "db/stream[a]=ok(start) ");
}

static void once_asks_each_check_one_time_also_where_one_finds_nobody(void **state)
{
    bool done = false;
    (void)state;
    told.down = true;
    fill(TARGET("connect: {}, down: {}, slow: {}, beside: {}"));
    schedule_start_once(stage.schedule, on_all, &done);
    pass_ms(60000);
    assert_true(done);
    assert_int_equal(count_of(stage.journal, "db/connect "), 1);
    assert_int_equal(count_of(stage.journal, "db/down "), 1);
    assert_int_equal(count_of(stage.journal, "db/slow "), 1);
    assert_int_equal(count_of(stage.journal, "db/beside "), 1);
    assert_non_null(strstr(stage.said, "db/down[]=critical(target_down)"));
}

static void once_with_nothing_to_ask_ends_too(void **state)
{
    bool done = false;
    (void)state;
    fill("targets: {}\n");
    schedule_start_once(stage.schedule, on_all, &done);
    assert_false(done);
    pass_ms(1);
    assert_true(done);
}

/* ---------------------------------------------------------------- the queue ---- */

static void where_places_are_scarce_targets_take_turns(void **state)
{
    size_t beside;
    (void)state;
    told.takes_ms = 2900; /* db alone has work for 5.8 s in every 3 s: it is never idle */
    begin("agent: {most_at_once: 1}\n"
          "targets:\n"
          "  db: {url: \"told://a\", every: 3s, checks: {slow: {}, beside: {}}}\n"
          "  other: {url: \"told://a\", every: 3s, checks: {slow: {}}}\n");
    pass_ms(60000);
    beside = count_of(stage.journal, "other/slow ");
    assert_in_range(beside, 7, 14);
    assert_in_range(count_of(stage.journal, "db/"), 7, 14);
}

static void the_pause_after_failures_grows(void **state)
{
    (void)state;
    told.fails = true;
    begin(TARGET("many: {}"));
    pass_ms(600000); /* a thousand runs, were each pause like the first */
    assert_in_range(count_of(stage.journal, "many "), 9, 80);
}

static void connect_is_asked_at_once_where_another_check_finds_nobody(void **state)
{
    (void)state;
    told.down = true;
    begin(TARGET("connect: {every: 1h}, down: {}"));
    pass_ms(15000);
    assert_true(count_of(stage.journal, "db/connect ") >= 2);
}

static void a_retry_in_a_thousand_years_is_one_in_a_day(void **state)
{
    (void)state;
    told.fails = true;
    told.retry_ms = INT64_MAX / 500; /* times 1,000 it wraps around */
    begin(TARGET("many: {}"));
    pass_ms(20000);
    assert_int_equal(count_of(stage.journal, "many "), 1);
    pass_ms(86400000);
    assert_int_equal(count_of(stage.journal, "many "), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, close_stage)
    const struct CMUnitTest tests[] = {
        TEST(findings_beyond_the_maximum_are_not_gone),
        TEST(of_two_findings_about_one_subject_the_first_counts),
        TEST(a_stream_goes_on_without_a_deadline_and_speaks_at_once),
        TEST(a_stream_takes_no_place_that_other_checks_need),
        TEST(a_stream_that_ended_begins_again_and_closes_its_failure_when_it_speaks),
        TEST(a_stream_is_canceled_when_its_target_goes),
        TEST(once_gives_a_stream_its_timeout_to_speak),
        TEST(once_with_nothing_to_ask_ends_too),
        TEST(once_asks_each_check_one_time_also_where_one_finds_nobody),
        TEST(where_places_are_scarce_targets_take_turns),
        TEST(the_pause_after_failures_grows),
        TEST(connect_is_asked_at_once_where_another_check_finds_nobody),
        TEST(a_retry_in_a_thousand_years_is_one_in_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
