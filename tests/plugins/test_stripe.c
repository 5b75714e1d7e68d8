/* plugins/stripe on the fake host: good, wrong, slow, cut off, cancelled, absurdly large. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "sign.h"
#include "stripe.h"

const struct probe_plugin *probe_plugin_v1(void);

static const char key[] = "rk_test_ofthetests", secret[] = "whsec_ofthetests";
static const char balance[] = "{\"object\":\"balance\",\"livemode\":false}";
static const char none[] = "{\"object\":\"list\",\"data\":[],\"has_more\":false}";

/* The checks that can be asked with no more than a key and these options. */
static const char *const asking[] = {"api",
                                     "payment_intent",
                                     "payment_failure_rate",
                                     "declines",
                                     "rate_limit",
                                     "webhook_endpoint",
                                     "webhook_deliveries",
                                     "stuck_payments"};
enum { ASKING = sizeof(asking) / sizeof(*asking) };

static int set_up(void **state)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "key", key);
    kit_set(kit, "webhook_secret", secret);
    kit_set_for(kit, "payment_intent", "id", "pi_1");
    kit_set_for(kit, "webhook_receiver", "url", "https://shop.example.org/hooks");
    kit_set_for(kit, "stuck_payments", "states", "[processing]");
    *state = kit;
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static const struct kit_finding *only(const struct kit_run *run)
{
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    return kit_finding(run, NULL);
}

/* ----------------------------------------------------------------- asking ---- */

static void a_request_carries_the_key_the_version_and_bounds(void **state)
{
    kit_answers(*state, .body = none);
    const struct kit_finding *finding = only(kit_run(*state, "webhook_deliveries"));
    const struct kit_request *request = kit_requested(*state, 0);
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->bearer, key);
    assert_string_equal(kit_header(request, "Stripe-Version"), "2026-10-28.endive");
    assert_null(kit_header(request, "Stripe-Account"));
    assert_null(kit_header(request, "Idempotency-Key"));
    assert_int_equal(request->redirects, 0);
    assert_string_equal(request->url,
                        "https://api.stripe.com/v1/events?delivery_success=false&created%5Bgte%5D="
                        "1795226400&created%5Blt%5D=1795229940&limit=100");
    assert_int_equal(kit_grade(*state, "webhook_deliveries", finding), PROBE_OK);
}

static void each_check_says_where_the_time_went_and_who_answered(void **state)
{
    static const struct probe_peer peer = {.address = "10.0.0.7", .port = 443};
    static const char intent[] = "{\"object\":\"payment_intent\",\"id\":\"pi_1\","
                                 "\"status\":\"succeeded\"}";
    for (size_t check = 0; check < ASKING; check++) {
        bool one = strcmp(asking[check], "payment_intent") == 0;
        int pages = strcmp(asking[check], "declines") == 0 ? 2 : 1; /* now, and a day before */
        for (int i = 0; i < pages; i++)
            kit_answers(*state,
                        .body = one ? intent : none,
                        .peer = &peer,
                        .us = {.connect = 3000, .tls = 10000, .first_byte = 22000, .total = 23500});
        const struct kit_finding *finding = only(kit_run(*state, asking[check]));
        assert_true(kit_real(finding, "tls_ms") == 7 * pages);
        assert_true(kit_real(finding, "first_byte_ms") == 12 * pages);
        assert_true(kit_real(finding, "transfer_ms") == 1.5 * pages);
        assert_string_equal(kit_text(finding, "ip"), "10.0.0.7");
    }
}

static void silence_is_critical_for_api_and_unknown_for_the_others(void **state)
{
    static const struct {
        int status;
        enum probe_stage stage;
        const char *word;
    } rows[] = {{-ECONNREFUSED, PROBE_CONNECTING, "refused"},
                {-EHOSTUNREACH, PROBE_CONNECTING, "unreachable"},
                {-ETIMEDOUT, PROBE_WAITING, "timeout"},
                {-ECONNRESET, PROBE_RECEIVING, "reset"},
                {-EPROTO, PROBE_WAITING, "protocol"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t check = 0; check < ASKING; check++) {
            kit_answers(
                *state, .status = rows[i].status, .stage = rows[i].stage, .message = "its words");
            const struct kit_run *run = kit_run(*state, asking[check]);
            if (check == 0) {
                const struct kit_finding *finding = only(run);
                assert_int_equal(kit_grade(*state, "api", finding), PROBE_CRITICAL);
                assert_string_equal(kit_text(finding, "error_class"), "network");
                assert_string_equal(kit_text(finding, "network_error"), rows[i].word);
            } else {
                assert_false(run->done);
                assert_int_equal(run->how, PROBE_FAILED);
                assert_string_equal(run->reason, rows[i].word);
                assert_string_equal(run->summary, "its words");
            }
        }
}

static void what_is_our_own_fault_is_unknown(void **state)
{
    static const struct {
        int status;
        enum probe_stage stage;
        const char *word;
    } rows[] = {{-ENOENT, PROBE_RESOLVING, "dns"},
                {-EACCES, PROBE_SECURING, "tls"},
                {-ENOKEY, (enum probe_stage)0, "secret"},
                {-EINVAL, (enum probe_stage)0, "request"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t check = 0; check < ASKING; check++) {
            kit_answers(
                *state, .status = rows[i].status, .stage = rows[i].stage, .message = "its words");
            const struct kit_run *run = kit_run(*state, asking[check]);
            assert_false(run->done);
            assert_string_equal(run->reason, rows[i].word);
        }
}

static void no_answer_until_the_deadline_ends_a_run_in_time(void **state)
{
    for (size_t check = 0; check < ASKING; check++) {
        kit_answers(*state, .never = true);
        const struct kit_run *run = kit_run(*state, asking[check]);
        assert_false(run->late);
        if (check == 0)
            assert_string_equal(kit_text(only(run), "network_error"), "timeout");
        else
            assert_string_equal(run->reason, "timeout");
    }
    kit_answers(*state, .never = true);
    assert_int_equal(only(kit_run(*state, "webhook_receiver"))->status, PROBE_CRITICAL);
    kit_answers(*state, .never = true);
    assert_string_equal(kit_run(*state, "status")->reason, "timeout");
}

static void a_run_that_is_ended_reports_nothing(void **state)
{
    static const char *const more[] = {"status", "webhook_receiver"};
    for (size_t check = 0; check < ASKING + 2; check++) {
        kit_answers(*state, .never = true);
        struct kit_run *run =
            kit_start(*state, check < ASKING ? asking[check] : more[check - ASKING]);
        kit_advance(*state, 100);
        kit_end(*state, run);
        assert_int_equal(run->finding_count, 0);
    }
}

static void a_run_that_is_ended_while_it_waits_to_ask_again_reports_nothing(void **state)
{
    static const struct probe_pair again[] = {{.name = "Stripe-Should-Retry", .value = "true"},
                                              {0}};
    kit_answers(
        *state, .code = 503, .headers = again, .body = "{\"error\":{\"type\":\"api_error\"}}");
    struct kit_run *run = kit_start(*state, "webhook_deliveries");
    kit_advance(*state, 100);
    kit_end(*state, run);
    assert_int_equal(run->finding_count, 0);
    assert_int_equal(kit_request_count(*state), 1);
}

static void pauses_grow_and_stay_within_the_time_limit(void **state)
{
    static const struct probe_pair again[] = {{.name = "Stripe-Should-Retry", .value = "true"},
                                              {0}};
    static const struct probe_pair later[] = {{.name = "Stripe-Should-Retry", .value = "true"},
                                              {.name = "Retry-After", .value = "60"},
                                              {0}};
    static const char body[] = "{\"error\":{\"type\":\"api_error\",\"message\":\"An error.\"}}";
    for (int i = 0; i < 3; i++)
        kit_answers(*state, .code = 503, .headers = again, .body = body);
    const struct kit_run *run = kit_run(*state, "webhook_deliveries");
    assert_string_equal(run->reason, "outage");
    assert_string_equal(run->summary, "Stripe answers 503: An error");
    assert_int_equal(run->ran_us, 1500000);
    kit_answers(*state, .code = 503, .headers = later, .body = body);
    run = kit_run(*state, "webhook_deliveries");
    assert_int_equal(run->ran_us, 0);
    assert_int_equal(run->retry_ms, 60000);
}

static void absurdly_large_answers_are_read_on_the_pool_or_not_at_all(void **state)
{
    size_t len = 300000;
    char *body = malloc(len + 1);
    memset(body, ' ', len);
    memcpy(body, none, sizeof(none) - 1);
    body[len] = '\0';
    kit_answers(*state, .body = body, .body_len = len);
    assert_true(kit_run(*state, "webhook_deliveries")->done);
    memset(body, '[', len);
    kit_answers(*state, .body = body, .body_len = len);
    assert_string_equal(kit_run(*state, "webhook_deliveries")->reason, "not_stripe");
    kit_answers(*state, .status = -EMSGSIZE, .code = 200, .message = "too long");
    assert_string_equal(kit_run(*state, "webhook_deliveries")->reason, "too_large");
    assert_int_equal(kit_requested(*state, 2)->max_body, 8 << 20);
    kit_answers(*state, .body = body, .body_len = len);
    assert_string_equal(kit_run(*state, "status")->reason, "not_statuspage");
    free(body);
}

/* Numbers beyond all sense, members of other types, ids as long as you like. */
static void absurd_objects_break_nothing(void **state)
{
    static const char *const objects[] = {
        "\"created\":9223372036854775807,\"pending_webhooks\":9223372036854775807,\"amount\":-"
        "9223372036854775808",
        "\"created\":-9223372036854775808,\"pending_webhooks\":-9223372036854775808",
        "\"created\":\"now\",\"pending_webhooks\":{},\"data\":[],\"outcome\":7,\"url\":null,"
        "\"enabled_events\":3",
        "\"data\":{\"object\":{\"last_payment_error\":{\"type\":[],\"code\":{}}}},\"payment_method_"
        "details\":{\"type\":\"card\"}",
    };
    char body[4096], id[2000];
    memset(id, 'x', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
        for (size_t check = 1; check < ASKING; check++) {
            if (check == 4) /* rate_limit lists nothing */
                continue;
            (void)snprintf(
                body,
                sizeof(body),
                "{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"status\":\"processing\",%s,"
                "\"has_more\":false,\"data\":[{\"id\":\"evt_%s\",\"status\":\"failed\","
                "\"type\":\"payment_intent.payment_failed\",%s}]}",
                check == 1 ? objects[i] : "\"x\":1",
                i % 2 ? id : "1",
                objects[i]);
            kit_answers(*state, .body = body);
            if (check == 3) /* declines asks twice */
                kit_answers(*state, .body = body);
            const struct kit_run *run = kit_run(*state, asking[check]);
            assert_true(run->done || run->how == PROBE_FAILED);
        }
}

static void a_key_that_may_do_anything_is_never_sent(void **state)
{
    static const struct {
        const char *key, *reason;
    } rows[] = {{"sk_live_anything", "unrestricted_key"},
                {"sk_org_anything", "unrestricted_key"},
                {"pk_live_public", "wrong_key"},
                {"whsec_signs", "wrong_key"},
                {"hello", "wrong_key"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct kit *kit = kit_open(probe_plugin_v1());
        kit_set(kit, "key", rows[i].key);
        const struct kit_run *run = kit_run(kit, "api");
        assert_int_equal(run->how, PROBE_DENIED);
        assert_string_equal(run->reason, rows[i].reason);
        assert_null(strstr(run->summary, rows[i].key));
        assert_int_equal(kit_request_count(kit), 0);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void a_secret_key_of_test_mode_is_used_and_warned_of_once(void **state)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    (void)state;
    kit_set(kit, "key", "sk_test_anything");
    kit_answers(kit, .body = balance);
    kit_answers(kit, .body = balance);
    assert_true(kit_run(kit, "api")->done);
    assert_true(kit_run(kit, "api")->done);
    assert_true(kit_logged(kit, "a restricted one that may only read is enough"));
    assert_int_equal(kit_close(kit), 0);
}

/* --------------------------------------------------------------- receiver ---- */

static void a_receiver_gets_four_posts_of_which_one_is_good(void **state)
{
    char header[SIGN_HEADER];
    kit_answers(*state, .code = 400);
    kit_answers(*state, .code = 400);
    kit_answers(*state, .code = 400);
    kit_answers(*state, .code = 204);
    const struct kit_finding *finding = only(kit_run(*state, "webhook_receiver"));
    assert_int_equal(kit_grade(*state, "webhook_receiver", finding), PROBE_OK);
    assert_string_equal(finding->summary,
                        "unsigned events are refused with 400, signed ones are taken with 204");
    const struct kit_request *request = kit_requested(*state, 3);
    assert_true(sign_header(header, secret, 1795230000, request->body));
    assert_string_equal(kit_header(request, "Stripe-Signature"), header);
    assert_null(kit_header(kit_requested(*state, 0), "Stripe-Signature"));
    for (size_t i = 1; i < 3; i++)
        assert_string_not_equal(kit_header(kit_requested(*state, i), "Stripe-Signature"), header);
    assert_non_null(
        strstr(kit_header(kit_requested(*state, 2), "Stripe-Signature"), "t=1795226400,"));
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(kit_requested(*state, i)->method, "POST");
        assert_null(kit_requested(*state, i)->bearer);
    }
    json_t *event = json_loads(request->body, 0, NULL);
    assert_string_equal(list_text(event, "object"), "event");
    assert_string_equal(list_text(event, "type"), "runbookd.probe");
    assert_string_equal(list_text(event, "data.object.object"), "runbookd.probe");
    json_decref(event);
}

/* ------------------------------------------------------- redeliver_events ---- */

static const char waiting[] =
    "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"charge.failed\",\"pending_webhooks\":1}";
static const char arrived[] =
    "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"charge.failed\",\"pending_webhooks\":0}";
static const struct probe_step step = {.key = "evt_1@we_1", .what = "send it"};

static void an_event_that_does_not_arrive_has_survived(void **state)
{
    for (int i = 0; i < 32; i++)
        kit_answers(*state, .body = waiting);
    const struct kit_run *run = kit_apply(*state, "redeliver_events", &step);
    assert_int_equal(run->outcome, PROBE_SURVIVED);
    assert_int_equal(run->ran_us, 15000000);
    assert_string_equal(kit_remembered(*state, NULL, "redeliver"), "1 1795230000000");
}

static void a_broken_connection_repeats_a_write_with_the_same_key(void **state)
{
    char sent[300];
    kit_answers(*state, .body = waiting);
    kit_answers(*state, .status = -ECONNRESET, .stage = PROBE_WAITING, .message = "reset");
    kit_answers(*state, .body = waiting);
    kit_answers(*state, .body = arrived);
    assert_int_equal(kit_apply(*state, "redeliver_events", &step)->outcome, PROBE_APPLIED);
    const struct kit_request *request = kit_requested(*state, 1);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->url, "https://api.stripe.com/v1/events/evt_1/retry");
    assert_string_equal(request->body, "webhook_endpoint=we_1");
    assert_string_equal(kit_header(request, "Content-Type"), "application/x-www-form-urlencoded");
    (void)snprintf(sent, sizeof(sent), "%s", kit_header(request, "Idempotency-Key"));
    assert_string_equal(kit_header(kit_requested(*state, 2), "Idempotency-Key"), sent);
    /* Another day's delivery is another one. */
    kit_set_wall(*state, 1795230086400000);
    kit_answers(*state, .body = waiting);
    kit_answers(*state, .body = arrived);
    assert_int_equal(kit_apply(*state, "redeliver_events", &step)->outcome, PROBE_APPLIED);
    assert_string_not_equal(kit_header(kit_requested(*state, 5), "Idempotency-Key"), sent);
}

static void steps_keep_their_distance_across_a_failure(void **state)
{
    kit_set_for(*state, "redeliver_events", "pace", "6/m");
    kit_remember(*state, NULL, "redeliver", "2 1795229996000");
    kit_answers(*state, .body = waiting, .after_ms = 0);
    kit_answers(*state, .body = arrived);
    const struct kit_run *run = kit_apply(*state, "redeliver_events", &step);
    assert_int_equal(run->outcome, PROBE_APPLIED);
    assert_int_equal(run->ran_us, 6000000);
    kit_remember(*state, NULL, "redeliver", "3 1795230000000");
    run = kit_apply(*state, "redeliver_events", &step);
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    /* A note from a clock that was ahead makes nobody wait. */
    kit_remember(*state, NULL, "redeliver", "0 1895230000000");
    kit_answers(*state, .body = arrived);
    run = kit_apply(*state, "redeliver_events", &step);
    assert_int_equal(run->outcome, PROBE_SKIPPED);
    assert_int_equal(run->ran_us, 0);
    kit_remember(*state, NULL, "redeliver", "nonsense");
    kit_answers(*state, .body = arrived);
    assert_int_equal(kit_apply(*state, "redeliver_events", &step)->outcome, PROBE_SKIPPED);
}

static void a_plan_forgets_earlier_failures(void **state)
{
    static const char endpoints[] =
        "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"we_1\",\"status\":\"enabled\","
        "\"enabled_events\":[\"*\"]}]}";
    static const char events[] =
        "{\"object\":\"list\",\"has_more\":false,\"data\":["
        "{\"id\":\"evt_2\",\"type\":\"charge.failed\",\"created\":1795220001,\"pending_webhooks\":"
        "1},"
        "{\"id\":\"evt_1\",\"type\":\"charge.failed\",\"created\":1795220000,\"pending_webhooks\":"
        "1},"
        "{\"id\":\"evt_0\",\"type\":\"a\\\"b\",\"created\":1,\"pending_webhooks\":1}]}";
    kit_remember(*state, NULL, "redeliver", "3 1795230000000");
    kit_answers(*state, .body = endpoints);
    kit_answers(*state, .body = events);
    const struct kit_run *run = kit_plan(*state, "redeliver_events");
    assert_int_equal(run->step_count, 2);
    assert_string_equal(run->steps[0].key, "evt_1@we_1");
    assert_string_equal(run->steps[0].what,
                        "send evt_1 (charge.failed of 2026-11-21T00:13:20Z) to we_1 again");
    assert_string_equal(run->steps[0].json, "{\"type\":\"charge.failed\",\"created\":1795220000}");
    assert_null(kit_remembered(*state, NULL, "redeliver"));
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_request_carries_the_key_the_version_and_bounds),
        CASE(each_check_says_where_the_time_went_and_who_answered),
        CASE(silence_is_critical_for_api_and_unknown_for_the_others),
        CASE(what_is_our_own_fault_is_unknown),
        CASE(no_answer_until_the_deadline_ends_a_run_in_time),
        CASE(a_run_that_is_ended_reports_nothing),
        CASE(a_run_that_is_ended_while_it_waits_to_ask_again_reports_nothing),
        CASE(pauses_grow_and_stay_within_the_time_limit),
        CASE(absurdly_large_answers_are_read_on_the_pool_or_not_at_all),
        CASE(absurd_objects_break_nothing),
        CASE(a_key_that_may_do_anything_is_never_sent),
        CASE(a_secret_key_of_test_mode_is_used_and_warned_of_once),
        CASE(a_receiver_gets_four_posts_of_which_one_is_good),
        CASE(an_event_that_does_not_arrive_has_survived),
        CASE(a_broken_connection_repeats_a_write_with_the_same_key),
        CASE(steps_keep_their_distance_across_a_failure),
        CASE(a_plan_forgets_earlier_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
