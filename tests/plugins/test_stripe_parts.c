/* The pure parts of plugins/stripe: errors, signatures, counts, ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/answer.h"
#include "fault.h"
#include "sign.h"
#include "stripe.h"

/* ----------------------------------------------------------------- errors ---- */

static struct fault read_fault(int code, const struct probe_pair *headers, const char *body)
{
    json_t *root = json_loads(body, 0, NULL);
    struct fault fault = fault_of(
        &(const struct probe_response){
            .code = code, .headers = headers, .body = body, .body_len = strlen(body)},
        root);
    json_decref(root);
    return fault;
}

static void errors_are_told_apart(void **state)
{
    static const struct {
        int code;
        const char *body;
        enum fault_class class;
    } rows[] = {
        {200, "{\"object\":\"list\"}", FAULT_NONE},
        {200, "{}", FAULT_PAGE},
        {200, "[]", FAULT_PAGE},
        {200, "<html>", FAULT_PAGE},
        {204, "", FAULT_PAGE},
        {301, "", FAULT_PAGE},
        {404, "<html>", FAULT_PAGE},
        {500, "<html>", FAULT_OUTAGE},
        {429, "<html>", FAULT_RATE_LIMITED},
        {500, "{\"error\":{\"type\":\"api_error\"}}", FAULT_OUTAGE},
        {429, "{\"error\":{\"code\":\"rate_limit\"}}", FAULT_RATE_LIMITED},
        {400, "{\"error\":{\"code\":\"rate_limit\"}}", FAULT_RATE_LIMITED},
        {429, "{\"error\":{\"code\":\"lock_timeout\"}}", FAULT_LOCKED},
        {401, "{\"error\":{}}", FAULT_AUTH},
        {403, "{\"error\":{\"type\":\"invalid_request_error\"}}", FAULT_PERMISSION},
        {404, "{\"error\":{\"code\":\"resource_missing\"}}", FAULT_MISSING},
        {402, "{\"error\":{\"type\":\"card_error\"}}", FAULT_REQUEST},
        {409, "{\"error\":{\"type\":\"idempotency_error\"}}", FAULT_REQUEST},
        {400, "{\"error\":{\"type\":17,\"message\":[]}}", FAULT_REQUEST},
        {200, "{\"error\":{\"type\":\"api_error\"}}", FAULT_REQUEST},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(read_fault(rows[i].code, NULL, rows[i].body).class, rows[i].class);
}

static void words_that_hold_a_key_are_not_said(void **state)
{
    static const char denied[] =
        "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"The provided key "
        "'rk_test_****ofKey1' does not have the required permissions for this endpoint on account "
        "'acct_1'. Having the 'rak_charge_read' permission would allow this request to "
        "continue.\"}}";
    static const struct probe_pair headers[] = {{.name = "request-id", .value = "req_1"},
                                                {.name = "Retry-After", .value = "12"},
                                                {.name = "Stripe-Should-Retry", .value = "false"},
                                                {0}};
    char room[FAULT_HINT];
    struct fault fault = read_fault(403, headers, denied);
    (void)state;
    assert_string_equal(fault.text, "the key may not do this: it lacks rak_charge_read");
    assert_string_equal(fault.request_id, "req_1");
    assert_int_equal(fault.retry_ms, 12000);
    assert_true(fault.no_retry && !fault.retry);
    fault.needs = "Charges and Refunds, read";
    assert_string_equal(fault_hint(&fault, room),
                        "edit the restricted key in Stripe's dashboard: Charges and Refunds, read "
                        "(rak_charge_read)");
    fault = read_fault(
        401,
        NULL,
        "{\"error\":{\"message\":\"Expired API Key: rk_x\",\"code\":\"api_key_expired\"}}");
    assert_string_equal(fault.text, "Stripe does not accept the key: it has expired");
    fault = read_fault(403, NULL, "{\"error\":{\"message\":\"no.\"}}");
    assert_string_equal(fault.text, "the key may not do this");
}

/* -------------------------------------------------------------- signature ---- */

static void a_signature_is_stripes(void **state)
{
    char header[SIGN_HEADER];
    (void)state;
    assert_true(sign_header(header, "whsec_test", 1763694000, "{\"id\":\"evt_1\"}"));
    assert_string_equal(header,
                        "t=1763694000,v1="
                        "f3239b7ee321f24733118b5ecfa1bba34859d85c2d6eb6e9b7b23fb0460a48cf");
    assert_true(sign_header(header, "", INT64_MAX, ""));
    assert_int_equal(strlen(header), strlen("t=9223372036854775807,v1=") + 64);
}

/* ------------------------------------------------------- counts and words ---- */

static void a_tally_keeps_what_is_most_and_forgets_no_one(void **state)
{
    struct tally tally = {0};
    struct tally_rows rows;
    char word[24];
    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(word, sizeof(word), "word%d", i);
        tally_add(&tally, word, i % 2 == 0);
    }
    tally_add(&tally, "word4", true);
    tally_add(&tally, "", false);
    struct probe_field field = tally_field(&rows, &tally, "by_word", "word", "of");
    assert_int_equal(field.value.rows->row_count, 17);
    assert_string_equal(field.value.rows->cells[0], "others");
    assert_string_equal(field.value.rows->cells[1], "34");
    assert_string_equal(field.value.rows->cells[2], "70");
    assert_string_equal(field.value.rows->cells[3], "word4");
    assert_string_equal(field.value.rows->cells[4], "2");
    assert_string_equal(tally_first(&tally), "others");
    memset(&tally, 0, sizeof(tally));
    assert_null(tally_first(&tally));
    tally_add(&tally, "x", false);
    assert_null(tally_first(&tally));
}

static void traffic_is_counted_by_the_minute(void **state)
{
    struct traffic traffic = {0};
    (void)state;
    assert_int_equal(traffic_sum(&traffic, 0, 15).asked, 0);
    for (uint64_t ms = 0; ms < 600000; ms += 10000)
        traffic_note(&traffic, ms, ms >= 540000 ? TRAFFIC_LIMITED : TRAFFIC_FINE, "rate", "/v1/x");
    traffic_note(&traffic, 599000, TRAFFIC_LOCKED, "lock", "/v1/y");
    struct traffic_sum sum = traffic_sum(&traffic, 599000, 5);
    assert_int_equal(sum.asked, 31);
    assert_int_equal(sum.limited, 6);
    assert_int_equal(sum.worst, 6);
    assert_int_equal(sum.locked, 1);
    assert_string_equal(traffic.limiter, "lock");
    assert_int_equal(traffic_sum(&traffic, 599000, 15).asked, 61);
    assert_int_equal(traffic_sum(&traffic, 900000, 5).asked, 0);
    traffic_note(&traffic, 16 * 60000, TRAFFIC_FINE, NULL, NULL);
    assert_int_equal(traffic_sum(&traffic, 16 * 60000, 1).asked, 1);
}

static void an_url_is_shown_without_what_may_be_secret(void **state)
{
    static const char *const rows[][2] = {
        {"https://user:pw@shop.example.org/hooks?token=x#y", "https://shop.example.org/hooks"},
        {"https://shop.example.org/a@b?c", "https://shop.example.org/a@b"},
        {"shop.example.org?token=x", "shop.example.org"},
        {"", ""}};
    char shown[240];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        answer_show_url(rows[i][0], shown, sizeof(shown));
        assert_string_equal(shown, rows[i][1]);
    }
}

static void ids_hold_nothing_that_leads_elsewhere(void **state)
{
    (void)state;
    assert_true(ask_is_id("pi_3Nabc_secret", "pi_"));
    assert_false(ask_is_id("pi_", "pi_"));
    assert_false(ask_is_id("pi_1/../balance", "pi_"));
    assert_false(ask_is_id("ch_1", "pi_"));
    assert_false(ask_is_id("pi_1?x", "pi_"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_apart),
        cmocka_unit_test(words_that_hold_a_key_are_not_said),
        cmocka_unit_test(a_signature_is_stripes),
        cmocka_unit_test(a_tally_keeps_what_is_most_and_forgets_no_one),
        cmocka_unit_test(traffic_is_counted_by_the_minute),
        cmocka_unit_test(an_url_is_shown_without_what_may_be_secret),
        cmocka_unit_test(ids_hold_nothing_that_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
