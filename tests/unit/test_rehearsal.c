/*
 * app/rehearsal: a test file's time, samples and expectations, with a plugin of the test's own whose code must never
 * be called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/rehearsal.h"
#include "base/mem.h"

/* ------------------------------------------------- a plugin that is never asked ---- */

static void never(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    (void)run;
    fail_msg("the plugin itself was asked");
}

static int never_made(struct probe_target *self, struct probe_error *error)
{
    (void)self;
    (void)error;
    fail_msg("the plugin itself was made");
    return 0;
}

static const struct probe_measure measures[] = {{"used", "how much", .kind = PROBE_GAUGE},
                                                {"mode", "how", .kind = PROBE_WORD},
                                                {"full", "whether", .kind = PROBE_FLAG},
                                                {"seen", "so many", .kind = PROBE_COUNTER},
                                                {0}};
static const struct probe_check checks[] = {{.name = "look",
                                             .title = "t",
                                             .every = "15s",
                                             .timeout = "5s",
                                             .measures = measures,
                                             .warning = "used > 80",
                                             .critical = "used > 90",
                                             .run = never},
                                            {.name = "rate",
                                             .title = "t",
                                             .every = "15s",
                                             .timeout = "5s",
                                             .measures = measures,
                                             .critical = "seen_per_second > 1",
                                             .run = never},
                                            {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "is never asked",
    .scheme = "told",
    .where = PROBE_CLUSTER,
    .checks = checks,
    .create = never_made,
};

/* ---------------------------------------------------------------------- the world ---- */

static struct {
    char folder[64], *path;
    struct session session;
    struct problems problems;
    struct text out;
} stage;

static void use(const char *yaml)
{
    stage.session.config = config_parse("c.yaml",
                                        yaml,
                                        strlen(yaml),
                                        &stage.session.plugins,
                                        &(struct config_needs){.offline = true, .version = "0.1"},
                                        &stage.problems);
    assert_non_null(stage.session.config);
    stage.session.entries = entries_read(
        stage.session.config, &stage.session.plugins, stage.folder, true, &stage.problems);
    assert_non_null(stage.session.entries);
    rehearsal_stand_in(&stage.session);
}

static struct rehearsal *read_test(const char *yaml)
{
    FILE *file = fopen(stage.path, "w");
    assert_non_null(file);
    assert_true(fputs(yaml, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return rehearsal_read(stage.path, &stage.problems);
}

/* What the first problem says. */
static const char *problem(void)
{
    assert_true(stage.problems.count > 0);
    return stage.problems.all[0].message;
}

/* Runs the file's only case twice: what was not as expected, which is the same both times. */
static const char *play(const char *yaml)
{
    struct rehearsal *rehearsal = read_test(yaml);
    if (!rehearsal || !rehearsal_fits(rehearsal, &stage.session, &stage.problems))
        print_message("%s\n", problem());
    assert_int_equal(stage.problems.errors, 0);
    assert_int_equal(rehearsal_count(rehearsal), 1);
    for (int i = 0; i < 2; i++) {
        MEM_AUTO char *before = mem_copy(stage.out.bytes);
        text_cut_to(&stage.out, 0);
        assert_int_equal(rehearsal_run(rehearsal, 0, &stage.session, &stage.out), 0);
        if (i)
            assert_string_equal(stage.out.bytes, before);
    }
    rehearsal_destroy(rehearsal);
    return stage.out.bytes;
}

static int set_up(void **state)
{
    struct error error;
    (void)state;
    memset(&stage, 0, sizeof(stage));
    text_init(&stage.out, 1 << 16);
    (void)snprintf(stage.folder, sizeof(stage.folder), "/tmp/runbookd-rehearse-XXXXXX");
    assert_non_null(mkdtemp(stage.folder));
    stage.path = mem_print("%s/a_test.yaml", stage.folder);
    assert_int_equal(plugin_add(&stage.session.plugins, &plugin, "/test", &error), 0);
    use("targets: {db: {type: told, checks: {look: {for: 30s, recover: 30s}, rate: {}}}}\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    problems_finish(&stage.problems);
    session_close(&stage.session);
    text_finish(&stage.out);
    (void)unlink(stage.path);
    assert_int_equal(rmdir(stage.folder), 0);
    free(stage.path);
    return 0;
}

/* ------------------------------------------------------------------------- tests ---- */

static void test_holds_are_kept_to_the_second(void **state)
{
    (void)state;
    assert_string_equal(
        play("case: c\n"
             "given:\n"
             "  - {at: 0s, check: db/look, measures: {used: 50}}\n"
             "  - {at: 10s, check: db/look, measures: {used: 95}, every: 10s}\n"
             "  - {at: 1m, check: db/look, measures: {used: 20}, every: 10s, until: 2m}\n"
             "expect:\n"
             "  - {at: 0s, finding: db/look, status: ok, reason: start}\n"
             "  - {at: 39s, finding: db/look, status: ok}\n"
             "  - {at: 40s, finding: db/look, status: critical, reason: change}\n"
             "  - {at: 1m29s, finding: db/look, status: critical}\n"
             "  - {at: 1m30s, finding: db/look, status: ok}\n"),
        "");
}

static void test_unknown_is_reported_after_three(void **state)
{
    (void)state;
    assert_string_equal(
        play("case: c\n"
             "given:\n"
             "  - {at: 0s, check: db/look, measures: {used: 50}}\n"
             "  - {at: 1s, check: db/look, unknown: timeout, every: 1s, until: 5s}\n"
             "expect:\n"
             "  - {at: 2s, finding: db/look, status: ok}\n"
             "  - {at: 3s, finding: db/look, status: unknown, reason: change}\n"),
        "");
}

static void test_subjects_and_counters(void **state)
{
    (void)state;
    assert_string_equal(
        play("case: c\n"
             "given:\n"
             "  - {at: 0s, check: db/rate, subjects: {a: {seen: 10}, b: {seen: 5}}}\n"
             "  - {at: 10s, check: db/rate, subjects: {a: {seen: 40}, b: {seen: 6}}}\n"
             "expect:\n"
             "  - {at: 10s, finding: \"db/rate[a]\", status: critical}\n"
             "  - {at: 10s, finding: \"db/rate[b]\", status: ok}\n"
             "  - {at: 10s, finding: \"db/rate[c]\", status: none}\n"),
        "");
}

static void test_what_is_not_as_expected_is_shown_with_what_was_said(void **state)
{
    (void)state;
    const char *said = play("case: c\n"
                            "given:\n"
                            "  - {at: 0s, check: db/look, measures: {used: 50}}\n"
                            "expect:\n"
                            "  - {at: 1s, finding: db/look, status: critical}\n");
    assert_non_null(strstr(said, "a_test.yaml:5:5: at 1s db/look is ok, not critical\n"));
    assert_non_null(strstr(said, "said of it: ok at 0s (start)\n"));
}

static void test_a_reason_that_differs_is_shown(void **state)
{
    (void)state;
    const char *said = play("case: c\n"
                            "given:\n"
                            "  - {at: 0s, check: db/look, measures: {used: 50}}\n"
                            "expect:\n"
                            "  - {at: 1s, finding: db/look, status: ok, reason: change}\n");
    assert_non_null(strstr(said, "for the reason start, not change"));
}

static void test_a_silence_and_a_freeze_are_no_trouble(void **state)
{
    (void)state;
    assert_string_equal(play("case: c\n"
                             "given:\n"
                             "  - {at: 0s, silence: db/look, for: 10m}\n"
                             "  - {at: 0s, freeze: on-sale}\n"
                             "  - {at: 1s, thaw: true}\n"
                             "  - {at: 2s, check: db/look, measures: {used: 50}}\n"
                             "expect:\n"
                             "  - {at: 2s, finding: db/look, status: ok}\n"
                             "count: {remediation: 0}\n"),
                        "");
}

static void test_elsewhere_what_is_of_cluster_scope_rests(void **state)
{
    (void)state;
    assert_string_equal(play("case: a standby\n"
                             "given:\n"
                             "  - {at: 0s, check: db/look, every: 15s, measures: {used: 95}}\n"
                             "  - {at: 1m, lease: elsewhere}\n"
                             "  - {at: 5m, lease: here}\n"
                             "expect:\n"
                             "  - {at: 45s, finding: db/look, status: critical}\n"
                             "  - {at: 61s, finding: db/look, status: none}\n"
                             "  - {at: 4m, finding: db/look, status: none}\n"
                             "  - {at: 6m, finding: db/look, status: critical}\n"),
                        "");
}

static void refused(const char *yaml, const char *message)
{
    struct rehearsal *rehearsal = read_test(yaml);
    if (rehearsal) {
        assert_false(rehearsal_fits(rehearsal, &stage.session, &stage.problems));
        rehearsal_destroy(rehearsal);
    }
    if (!strstr(problem(), message))
        print_message("%s\n", problem());
    assert_non_null(strstr(problem(), message));
}

#define GIVEN(line)                                                                                \
    "case: c\ngiven:\n  - " line "\nexpect:\n  - {at: 0s, finding: db/look, status: ok}\n"

static void test_a_check_that_is_not_there_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s, check: db/lock, measures: {}}"), "has no \"db/lock\"");
}

static void test_a_measure_that_is_not_there_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s, check: db/look, measures: {usd: 1}}"), "has no measure \"usd\"");
}

static void test_a_derived_measure_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s, check: db/rate, measures: {seen_per_second: 1}}"),
            "seen_per_second is made of the counter seen");
}

static void test_a_measure_of_another_type_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s, check: db/look, measures: {used: much}}"), "used is to be a number");
}

static void test_a_line_about_two_things_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s, check: db/look, freeze: x, measures: {}}"),
            "has both check and freeze");
}

static void test_a_line_about_nothing_is_refused(void **state)
{
    (void)state;
    refused(GIVEN("{at: 0s}"), "does not say what it is about");
}

static void test_a_case_that_expects_nothing_is_refused(void **state)
{
    (void)state;
    refused("case: c\ngiven: [{at: 0s, thaw: true}]\n", "expects nothing");
}

static void test_a_remediation_that_is_not_there_is_refused(void **state)
{
    (void)state;
    refused("case: c\ngiven: [{at: 0s, approve: fix}]\ncount: {remediation: 0}\n",
            "has no \"fix\"");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_holds_are_kept_to_the_second),
        CASE(test_unknown_is_reported_after_three),
        CASE(test_subjects_and_counters),
        CASE(test_what_is_not_as_expected_is_shown_with_what_was_said),
        CASE(test_a_reason_that_differs_is_shown),
        CASE(test_a_silence_and_a_freeze_are_no_trouble),
        CASE(test_elsewhere_what_is_of_cluster_scope_rests),
        CASE(test_a_check_that_is_not_there_is_refused),
        CASE(test_a_measure_that_is_not_there_is_refused),
        CASE(test_a_derived_measure_is_refused),
        CASE(test_a_measure_of_another_type_is_refused),
        CASE(test_a_line_about_two_things_is_refused),
        CASE(test_a_line_about_nothing_is_refused),
        CASE(test_a_case_that_expects_nothing_is_refused),
        CASE(test_a_remediation_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
