/* plugins/http on the fake host: each check says where the time went, and who answered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/answer.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "https://api.example.org");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static const struct probe_peer peer = {.address = "10.0.0.7", .port = 443};
static const struct probe_peer other = {.address = "10.0.0.8", .port = 443};

/* A new connection, and one that was kept. */
static const struct probe_timing fresh = {
    .resolve = 1000, .connect = 3000, .tls = 10000, .first_byte = 22000, .total = 23500};
static const struct probe_timing kept = {.first_byte = 5000, .total = 5500};

static const struct kit_finding *only(const struct kit_run *run)
{
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    return kit_finding(run, NULL);
}

/* A cell of a step's row, by its column's name. */
static const char *cell(const struct probe_table *steps, size_t row, const char *name)
{
    for (size_t i = 0; i < steps->column_count; i++)
        if (strcmp(steps->columns[i].name, name) == 0)
            return steps->cells[row * steps->column_count + i];
    fail_msg("there is no column %s", name);
    return NULL;
}

static void are(const struct kit_finding *finding, double dns, double connect, double tls,
                double first_byte, double transfer)
{
    assert_true(kit_real(finding, "dns_ms") == dns);
    assert_true(kit_real(finding, "connect_ms") == connect);
    assert_true(kit_real(finding, "tls_ms") == tls);
    assert_true(kit_real(finding, "first_byte_ms") == first_byte);
    assert_true(kit_real(finding, "transfer_ms") == transfer);
}

static void of_one_request_they_are_its_own(void **state)
{
    static const char *const checks[] = {"endpoint", "api", "rate_limit"};
    static const struct probe_pair headers[] = {{.name = "RateLimit", .value = "\"a\";r=9;t=3"},
                                                {0}};
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        kit_answers(*state, .headers = headers, .body = "{}", .peer = &peer, .us = fresh);
        const struct kit_finding *finding = only(kit_run(*state, checks[i]));
        are(finding, 1, 2, 7, 12, 1.5);
        assert_true(kit_real(finding, "total_ms") == 23.5);
        assert_string_equal(kit_text(finding, "ip"), "10.0.0.7");
    }
}

static void of_several_steps_they_are_added_up_and_each_is_shown(void **state)
{
    kit_set_for(*state, "synthetic", "steps", "[{get: /a}, {get: /b}]");
    kit_answers(*state, .peer = &peer, .us = fresh);
    kit_answers(*state, .peer = &other, .us = kept);
    const struct kit_finding *finding = only(kit_run(*state, "synthetic"));
    const struct probe_table *steps = kit_rows(finding, "steps");
    are(finding, 1, 2, 7, 17, 2);
    assert_true(kit_real(finding, "total_ms") == 29);
    assert_string_equal(kit_text(finding, "ip"), "10.0.0.8");
    assert_int_equal(steps->row_count, 2);
    assert_string_equal(cell(steps, 0, "connect_ms"), "2.0");
    assert_string_equal(cell(steps, 0, "ip"), "10.0.0.7");
    assert_null(cell(steps, 1, "connect_ms"));
    assert_string_equal(cell(steps, 1, "first_byte_ms"), "5.0");
}

static void who_answered_first_is_said_where_nobody_is_known_later(void **state)
{
    kit_set_for(*state, "synthetic", "steps", "[{get: /a}, {get: /b}]");
    kit_answers(*state, .peer = &peer, .us = fresh);
    kit_answers(*state, .us = kept);
    assert_string_equal(kit_text(only(kit_run(*state, "synthetic")), "ip"), "10.0.0.7");
}

static void of_many_samples_they_are_the_slowest_ones(void **state)
{
    kit_set_for(*state, "latency", "samples", "3");
    kit_set_for(*state, "latency", "pause", "0s");
    kit_answers(*state, .peer = &peer, .us = kept);
    kit_answers(*state, .peer = &other, .us = fresh);
    kit_answers(*state, .peer = &peer, .us = kept);
    const struct kit_finding *finding = only(kit_run(*state, "latency"));
    are(finding, 1, 2, 7, 12, 1.5);
    assert_string_equal(kit_text(finding, "ip"), "10.0.0.8");
}

static void of_no_answer_there_is_what_was_reached(void **state)
{
    static const char *const checks[] = {"endpoint", "api", "latency", "synthetic"};
    kit_set_for(*state, "latency", "samples", "2");
    kit_set_for(*state, "synthetic", "steps", "[{get: /a}]");
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        kit_answers(*state,
                    .status = -ETIMEDOUT,
                    .message = "no answer in time",
                    .peer = &peer,
                    .us = {.resolve = 1000, .connect = 3000, .total = 5000000});
        const struct kit_finding *finding = only(kit_run(*state, checks[i]));
        assert_true(kit_real(finding, "connect_ms") == 2);
        assert_false(kit_has(finding, "tls_ms"));
        assert_false(kit_has(finding, "first_byte_ms"));
        assert_false(kit_has(finding, "transfer_ms"));
        assert_string_equal(kit_text(finding, "ip"), "10.0.0.7");
    }
}

static void evidence_has_what_is_absent_at_its_end(void **state)
{
    struct answer_trail trail = {0};
    struct answer_evidence evidence = answer_evidence_of(&trail);
    (void)state;
    assert_null(evidence.all[0].key);
    answer_follow(&trail, &(const struct probe_response){.us = kept});
    evidence = answer_evidence_of(&trail);
    assert_string_equal(evidence.all[0].key, "first_byte_ms");
    assert_string_equal(evidence.all[1].key, "transfer_ms");
    assert_null(evidence.all[2].key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_one_request_they_are_its_own),
        TEST(of_several_steps_they_are_added_up_and_each_is_shown),
        TEST(who_answered_first_is_said_where_nobody_is_known_later),
        TEST(of_many_samples_they_are_the_slowest_ones),
        TEST(of_no_answer_there_is_what_was_reached),
        cmocka_unit_test(evidence_has_what_is_absent_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
