/* plugins/clickhouse's actions on the fake host: what a real server cannot be made to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static const struct probe_pair tsv[] = {
    {.name = "Content-Type", .value = "text/tab-separated-values; charset=UTF-8"}, {0}};
static const char survey[] = "feature\nany.tables\n", held[] = "result\n1\n";
static const char partition[] = "partition_id\tblock\tends\tbytes_on_disk\tall_partitions\n"
                                "202401\t17\t1700000000\t2048\t5\n";
static const char running[] = "query_id\tuser\tage_seconds\tquery\nq1\tapp\t400\tselect 'secret'\n";

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "http://ops@db/shop");
    kit_set_for(*state, "drop_partition", "table", "events");
    kit_set_for(*state, "set_ttl", "table", "events");
    kit_set_for(*state, "set_ttl", "column", "at");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void answers(struct kit *kit, const char *body)
{
    kit_answers(kit, .headers = tsv, .body = body);
}

static void a_partition_is_named_by_what_new_rows_change(void **state)
{
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, held);
    answers(kit, partition);
    const struct kit_run *run = kit_plan(kit, "drop_partition");
    assert_int_equal(run->step_count, 1);
    assert_string_equal(run->steps[0].key, "202401@17");
    assert_int_equal(run->total, 5);
    answers(kit, partition);
    kit_answers(kit, .body = "");
    answers(kit, "partition_id\tblock\n");
    run = kit_apply(kit, "drop_partition", &run->steps[0]);
    assert_int_equal(run->outcome, PROBE_APPLIED);
    const struct kit_request *request = kit_requested(kit, 4);
    assert_string_equal(request->body, "ALTER TABLE `shop`.`events` DROP PARTITION ID '202401'");
    assert_null(strstr(request->url, "readonly"));
    assert_non_null(strstr(request->url, "max_execution_time="));
}

static void a_partition_that_is_still_there_has_survived(void **state)
{
    const struct probe_step step = {.key = "202401@17", .what = "drop it"};
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, held);
    answers(kit, partition);
    kit_answers(kit, .body = "");
    answers(kit, partition);
    assert_int_equal(kit_apply(kit, "drop_partition", &step)->outcome, PROBE_SURVIVED);
}

static void a_step_that_is_none_changes_nothing(void **state)
{
    static const char *const keys[] = {"202401", "202401@", "202401@x", "@"};
    static const char *const texts[] = {NULL, "", "[]", "{"};
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct probe_step step = {.key = keys[i], .what = "drop it"};
        assert_int_equal(kit_apply(kit, "drop_partition", &step)->how, PROBE_FAILED);
    }
    assert_int_equal(kit_request_count(kit), 0);
    answers(kit, survey);
    answers(kit, held);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const struct probe_step step = {.key = "events", .what = "set it", .json = texts[i]};
        answers(kit, "engine\tttl\nMergeTree\tat + toIntervalDay(9)\n");
        const struct kit_run *run = kit_apply(kit, "set_ttl", &step);
        assert_true(run->how == PROBE_FAILED || run->outcome == PROBE_SKIPPED);
    }
    assert_int_equal(kit_request_count(kit), 6);
}

static void a_query_that_does_not_end_has_survived(void **state)
{
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, running);
    const struct kit_run *run = kit_plan(kit, "kill_query");
    assert_string_equal(run->steps[0].key, "q1");
    assert_null(strstr(run->steps[0].what, "secret"));
    answers(kit, running);
    answers(kit, "kill_status\nwaiting\n");
    for (int i = 0; i < 41; i++)
        answers(kit, running);
    run = kit_apply(kit, "kill_query", &run->steps[0]);
    assert_int_equal(run->outcome, PROBE_SURVIVED);
    assert_int_equal(run->ran_us, 8000000);
    assert_string_equal(kit_requested(kit, 3)->body,
                        "KILL QUERY WHERE query_id = 'q1' AND user = 'app' ASYNC");
}

static void what_may_not_be_done_names_the_grant(void **state)
{
    static const char denied[] =
        "Code: 497. DB::Exception: ops: Not enough privileges. To execute this query, it's "
        "necessary "
        "to have the grant KILL QUERY ON *.*. (ACCESS_DENIED) (version 26.7.2.1)";
    const struct probe_step step = {.key = "q1", .what = "kill it"};
    struct kit *kit = *state;
    answers(kit, survey);
    answers(kit, running);
    kit_answers(kit, .code = 403, .body = denied);
    const struct kit_run *run = kit_apply(kit, "kill_query", &step);
    assert_int_equal(run->how, PROBE_DENIED);
    assert_string_equal(run->hint, "GRANT KILL QUERY ON *.* TO ops");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_partition_is_named_by_what_new_rows_change),
        TEST(a_partition_that_is_still_there_has_survived),
        TEST(a_step_that_is_none_changes_nothing),
        TEST(a_query_that_does_not_end_has_survived),
        TEST(what_may_not_be_done_names_the_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
