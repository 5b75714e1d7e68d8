/* probe: run, host - what a plugin may do around the end of its run, and with what the host keeps; on a driven clock. */
#include "run_plugin.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"

/* ------------------------------------------------------- a plugin that tries ---- */

static void (*tried)(struct probe_target *self, struct probe_run *run);

static void report(struct probe_run *run)
{
    probe_report(run, .status = PROBE_OK, .summary = "fine");
}

static void on_waited(int status, void *data)
{
    (void)data;
    note(stage.journal, "waited:%d ", status);
}

/* Ends from the first of its operations, which the deadline calls back in their order. */
static void on_mean(int status, void *data)
{
    struct probe_run *run = data;
    note(stage.journal, "mean:%d ", status);
    probe_fail(run, status, "enough");
    probe_timer(&run->life, 0, on_waited, run); /* too late: silent */
    probe_report(run, .summary = "too late");
    probe_done(run);
}

static void run_mean(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_timer(&run->life, 3600000, on_mean, run);
    probe_timer(&run->life, 3600000, on_waited, run);
}

static void mean_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    note(stage.journal, "/mean ");
    probe_timer(&run->life, 0, on_waited, run);
    probe_done(run);
    probe_report(run, .summary = "much too late");
}

static void run_try(struct probe_target *self, struct probe_run *run)
{
    tried(self, run);
    report(run);
    probe_done(run);
}

/* Waits for an answer on what is the target's, so that it does not know of the run's end yet. */
static void run_late(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    (void)run;
}

static void late_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    note(stage.journal, "late ");
    probe_done(run);
}

static const struct probe_check checks[] = {
    CHECK("mean", .run = run_mean, .ended = mean_ended),
    CHECK("try", .run = run_try),
    CHECK("late", .run = run_late, .ended = late_ended),
    {0},
};
static const struct probe_plugin plugin = RUN_PLUGIN(checks);

static int set_stage(void **state)
{
    (void)state;
    open_stage(&plugin);
    return 0;
}

/* ------------------------------------------------------------------ its end ---- */

static void what_a_run_does_after_its_end_is_silent(void **state)
{
    (void)state;
    begin(TARGET("mean: {}"));
    pass_ms(60000);
    char word[64];
    (void)snprintf(word, sizeof(word), "mean:%d /mean ", -ETIMEDOUT);
    assert_non_null(strstr(stage.journal, word));
    assert_null(strstr(stage.journal, "waited"));
    assert_null(strstr(stage.said, "too late"));
    assert_non_null(strstr(stage.said, "db/mean[]=unknown(timeout)"));
}

static void try_twice(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    report(run);
    probe_done(run);
    probe_end(run, .how = PROBE_DOWN, .status = -ECONNREFUSED, .summary = "and yet");
}

static void the_first_end_of_a_run_counts(void **state)
{
    (void)state;
    tried = try_twice;
    begin(TARGET("try: {}"));
    pass_ms(60000);
    assert_string_equal(stage.said, "db/try[]=ok(start) ");
}

/* ------------------------------------------------------------ host services ---- */

static void try_notes(struct probe_target *self, struct probe_run *run)
{
    char key[16], *value = mem_new(4098);
    for (int i = 0; i < 65; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        probe_remember(&run->life, key, "v");
    }
    assert_string_equal(probe_recall(&run->life, "k63"), "v");
    assert_null(probe_recall(&run->life, "k64")); /* 64 keys, and no more */
    memset(value, 'x', 4097);
    probe_remember(&run->life, "k0", value); /* too long: the old one stays */
    assert_string_equal(probe_recall(&run->life, "k0"), "v");
    value[4096] = '\0';
    probe_remember(&run->life, "k0", value);
    assert_int_equal(strlen(probe_recall(&run->life, "k0")), 4096);
    probe_remember(&run->life, "k0", probe_recall(&run->life, "k0")); /* its own value */
    assert_int_equal(strlen(probe_recall(&run->life, "k0")), 4096);
    probe_remember(&run->life, "k0", NULL);
    probe_remember(&run->life, "k0", NULL); /* nothing to forget */
    assert_null(probe_recall(&run->life, "k0"));
    assert_null(probe_recall(&self->life, "k1")); /* the target's are others */
    probe_remember(&self->life, "k1", "mine");
    assert_string_equal(probe_recall(&run->life, "k1"), "v");
    assert_null(probe_reveal(&run->life, NULL));
    note(stage.journal, "tried ");
    free(value);
}

static void notes_are_bounded_and_belong_to_a_check_or_its_target(void **state)
{
    (void)state;
    tried = try_notes;
    begin(TARGET("try: {}"));
    pass_ms(9000);
    assert_string_equal(stage.journal, "tried ");
}

static char logged[4096];
static void on_log(enum log_level level, const char *text, void *data)
{
    (void)data;
    size_t len = strlen(logged);
    (void)snprintf(logged + len, sizeof(logged) - len, "%s: %s\n", log_level_name(level), text);
}

static void try_log(struct probe_target *self, struct probe_run *run)
{
    probe_log(&run->life, PROBE_LOG_WARN, "of the run");
    probe_log(&self->life, PROBE_LOG_ERROR, "of the target");
    probe_log(&run->life, PROBE_LOG_DEBUG, "nobody asked");
}

static void an_answer_in_the_moment_of_the_deadline_is_no_mistake(void **state)
{
    (void)state;
    logged[0] = '\0';
    log_to(on_log, NULL);
    begin(TARGET("late: {}"));
    pass_ms(60000);
    log_to(NULL, NULL);
    assert_non_null(strstr(stage.journal, "late "));
    assert_non_null(strstr(stage.said, "db/late[]=unknown(timeout)"));
    assert_string_equal(logged, "");
}

static void what_a_plugin_logs_says_whose_it_is(void **state)
{
    (void)state;
    tried = try_log;
    logged[0] = '\0';
    log_to(on_log, NULL);
    begin(TARGET("try: {}"));
    pass_ms(9000);
    log_to(NULL, NULL);
    assert_string_equal(logged, "warn: db/try: of the run\nerror: db: of the target\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_run_does_after_its_end_is_silent),
        TEST(the_first_end_of_a_run_counts),
        TEST(notes_are_bounded_and_belong_to_a_check_or_its_target),
        TEST(what_a_plugin_logs_says_whose_it_is),
        TEST(an_answer_in_the_moment_of_the_deadline_is_no_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
