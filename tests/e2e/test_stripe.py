"""plugins/stripe against a fake of Stripe's API that Stripe's own client reads: its status, its API, payments."""
import json
import time

import pytest

import servers
import servers_stripe as fake
from agent import runbookd
from service import Answer
from stripe_asking import ask, class_of, configuration, each, healthy, once, one, receiver, stripe, target  # noqa: F401: fixtures

HTML = Answer(200, "<!doctype html><title>Sign in to the hotel's network</title>", "text/html")


# --------------------------------------------------------------------------------------------------- the fake itself

def test_stripes_own_client_reads_what_the_fake_answers(stripe):
    stripe.objects["events"] += [fake.event(f"evt_more{i}", "charge.failed", 100 + i, 1) for i in range(150)]
    stripe.objects["payment_intents"] += [fake.intent(f"pi_stuck{i}", "processing", 4000) for i in range(12)]
    stripe.refused = {"rk_test_limited": fake.refusal(429, "invalid_request_error", "rate_limit", "Request rate limit exceeded.", Stripe_Rate_Limited_Reason="global-rate"),
                      "rk_test_broken": fake.refusal(503)}
    stripe.keys["rk_test_none"] = set()
    said, none, nobody, limited, broken = fake.read(stripe, fake.KEY, "rk_test_none", "rk_test_nobody", "rk_test_limited", "rk_test_broken")
    assert said["balance"]["object"] == "balance" and len(said["events"]) == 180 == len(set(said["events"])), said
    assert len(said["undelivered"]) == 150 and len(said["of_types"]) == 30 and said["endpoints"] == ["we_shop"] and len(said["charges"]) == 60
    assert len(said["processing"]) == 13 and said["intent"]["status"] == "processing"
    assert said["missing"] == {"thrown": "StripeInvalidRequestError", "code": "resource_missing", "status": 404, "request": said["missing"]["request"]}
    assert f"default {said['version']}." in runbookd("explain", "stripe", events=False).out, "the version that is pinned is the one whose shapes these are"
    thrown = [each["balance"]["thrown"] for each in (none, nobody, limited, broken)]
    assert thrown == ["StripePermissionError", "StripeAuthenticationError", "StripeRateLimitError", "StripeAPIError"]


# --------------------------------------------------------------------------------------------- where the time went

def test_each_check_says_where_the_time_went_and_who_answered(ask, stripe, receiver):
    found = ask(configuration(stripe, f"status: {{base_url: '{stripe.url}'}}, api: {{}}, rate_limit: {{}}, webhook_endpoint: {{}}, webhook_deliveries: {{}},"
                              " payment_intent: {id: pi_fine}, payment_failure_rate: {}, declines: {}, stuck_payments: {},"
                              f" webhook_receiver: {{url: '{receiver.url()}'}}"))
    assert len({e["name"] for e in found}) == 10, found
    for event in found:
        told = {**event["measures"], **event["evidence"]}
        assert told["ip"] == "127.0.0.1" and told["first_byte_ms"] >= 0 and told["transfer_ms"] >= 0 and "tls_ms" not in told, event


# ------------------------------------------------------------------------------------------------------------ status

def test_status_when_all_is_well(one, stripe):
    found = one("status: {}", key="")
    assert found["status"] == "ok" and found["words"] == {"impact": "none", "indicator": "none"} and found["measures"]["count"] == 0, found
    assert not any("Authorization" in request.headers for request in stripe.asked), "the key is not for the status page"


def test_status_of_an_incident(one, stripe):
    stripe.pages[""] = fake.summary("minor", {"Webhooks": "degraded_performance"}, [fake.incident("Webhooks come late", "minor", components=["Webhooks"])])
    found = one("status: {}")
    assert found["status"] == "warning" and "Webhooks come late" in found["message"] and found["evidence"]["unresolved"][0]["state"] == "investigating", found
    assert one("status: {components: [api]}")["status"] == "ok"
    assert one("status: {components: [webhooks, c0]}")["status"] == "warning"
    stripe.pages[""] = fake.summary("major", {"API": "partial_outage"}, [fake.incident("API errors", "major")])
    assert one("status: {}")["status"] == "critical"
    stripe.pages[""] = fake.summary("none", {}, [fake.incident("It was bad", "critical", "resolved")])
    found = one("status: {}")
    assert found["status"] == "ok" and found["measures"]["count"] == 0, found


def test_a_status_page_that_is_none_is_neither_up_nor_down(each, stripe):
    rows = [(HTML, "not_statuspage"), (Answer(404, HTML.body, "text/html"), "not_statuspage"), (Answer(500, HTML.body, "text/html"), "not_statuspage"),
            (Answer(302, b"", "text/html", {"Location": "https://www.stripestatus.com/"}), "redirect"),
            ({"time": "2024-02-01T00:00:00Z", "largestatus": "up"}, "not_statuspage"), (fake.summary(touched=70 * 86400), "stale"), (Answer(200, b'{"page": {'), "not_statuspage")]
    stripe.pages = {f"/{i}": page for i, (page, _) in enumerate(rows)}
    found = each(*[{"checks": f"status: {{base_url: '{stripe.url}/{i}'}}"} for i in range(len(rows))], {"checks": f"status: {{base_url: 'http://127.0.0.1:{servers.free_port()}'}}"})
    assert [(e["status"], class_of(e)) for e in found] == [*(("unknown", word) for _, word in rows), ("unknown", "refused")], found


def test_components_that_the_page_does_not_have(one):
    found = one("status: {components: [API, Payouts]}")
    assert found["status"] == "unknown" and '"Payouts"' in found["message"], found


# --------------------------------------------------------------------------------------------------------------- api

def test_api_when_all_is_well(one, stripe):
    found = one("api: {}", more="account: acct_1, ")
    assert found["status"] == "ok" and found["words"]["error_class"] == "ok" and found["evidence"]["mode"] == "test" and found["evidence"]["request_id"].startswith("req_"), found
    asked = stripe.asked[0]
    assert asked.headers["Authorization"] == f"Bearer {fake.KEY}" and asked.headers["Stripe-Version"] == "2026-10-28.endive" and asked.headers["Stripe-Account"] == "acct_1"


def test_what_an_error_of_the_api_means(each, stripe):
    rows = [
        (fake.refusal(500), "critical", "outage"), (fake.refusal(503), "critical", "outage"), (Answer(502, HTML.body, "text/html"), "critical", "outage"),
        (fake.refusal(429, "invalid_request_error", "rate_limit", Retry_After="7", Stripe_Rate_Limited_Reason="global-concurrency"), "warning", "rate_limited"),
        (Answer(429, HTML.body, "text/html"), "warning", "rate_limited"), (fake.refusal(429, "invalid_request_error", "lock_timeout"), "warning", "locked"),
        (fake.refusal(400, "invalid_request_error"), "warning", "request"), (HTML, "unknown", "not_stripe"), (Answer(404, HTML.body, "text/html"), "unknown", "not_stripe"),
        (Answer(200, b"[1,2"), "unknown", "not_stripe"), (Answer(301, b"", "text/html", {"Location": "/elsewhere"}), "unknown", "not_stripe"),
        (Answer(200, {"fine": True}), "unknown", "not_stripe"), (fake.refusal(401, "invalid_request_error", "api_key_expired", f"Expired API Key provided: {fake.KEY}"), "unknown", "auth")]
    stripe.refused = {f"rk_test_case{i}": answer for i, (answer, _, _) in enumerate(rows)}
    found = each(*[{"checks": "api: {}", "key": key} for key in stripe.refused])
    assert [(e["status"], class_of(e)) for e in found] == [row[1:] for row in rows], found
    assert found[3]["measures"]["retry_seconds"] == 7 and found[3]["evidence"]["limiter"] == "concurrency", found[3]
    assert len(stripe.paths) == len(rows), "what is examined is not asked twice"


def test_a_key_that_does_not_belong_here_is_sent_nowhere(each, stripe):
    rows = [("sk_live_51MayDoAnythingAtAll", "unrestricted_key"), ("sk_org_51MayDoAnything", "unrestricted_key"), ("pk_live_51IsPublished", "wrong_key"),
            ("whsec_51SignsOnly", "wrong_key"), ("", "no_key")]
    found = each(*[{"checks": "api: {}", "key": key} for key, _ in rows])
    for (key, word), one in zip(rows, found):
        assert one["status"] == "unknown" and class_of(one) == word and "restricted key" in one["hint"] and not (key and key in json.dumps(one)), one
    assert not stripe.paths


def test_the_mode_of_the_key(one, stripe):
    assert one("api: {}", key=fake.LIVE, more="mode: live, ")["evidence"]["mode"] == "live"
    found = one("api: {}", more="mode: live, ")
    assert found["status"] == "unknown" and class_of(found) == "wrong_mode" and "test mode" in found["message"], found


def test_each_check_says_which_permission_its_key_lacks(each, stripe):
    rows = [("api: {}", "balance_read", "Balance, read"), ("rate_limit: {}", "balance_read", "Balance, read"),
            ("payment_intent: {id: pi_fine}", "payment_intent_read", "PaymentIntents, read"), ("payment_failure_rate: {}", "event_read", "Events, read"),
            ("webhook_deliveries: {}", "event_read", "Events, read"), ("declines: {}", "charge_read", "Charges and Refunds, read"),
            ("webhook_endpoint: {}", "webhook_read", "Webhook Endpoints, read"), ("stuck_payments: {}", "payment_intent_read", "PaymentIntents, read")]
    stripe.keys = {f"rk_test_lacks{i}": fake.EVERYTHING - {permission} for i, (_, permission, _) in enumerate(rows)}
    for (_, permission, words), one in zip(rows, each(*[{"checks": row[0], "key": key} for key, row in zip(stripe.keys, rows)])):
        assert one["status"] == "unknown" and class_of(one) == "permission" and words in one["hint"] and f"rak_{permission}" in one["message"], one
        assert "acct_1PJBLE" not in json.dumps(one) and "****" not in json.dumps(one)


def test_it_asks_again_where_stripe_says_so_and_only_there(one, stripe):
    stripe.fail = [fake.refusal(429, "invalid_request_error", "rate_limit", Stripe_Should_Retry="true", Retry_After="1"), fake.refusal(409, Stripe_Should_Retry="true")]
    begun = time.monotonic()
    assert one("payment_failure_rate: {}")["status"] == "ok" and len(stripe.asked) == 3
    assert time.monotonic() - begun > 1.9, "Retry-After is honoured, and pauses grow"
    for answer in (fake.refusal(429, "invalid_request_error", "rate_limit"), fake.refusal(500), fake.refusal(503, Stripe_Should_Retry="false")):
        stripe.fail, stripe.asked = [answer], []
        found = one("payment_failure_rate: {}")
        assert found["status"] == "unknown" and len(stripe.asked) == 1, found
    stripe.failing, stripe.asked = fake.refusal(503, Stripe_Should_Retry="true"), []
    assert class_of(one("payment_failure_rate: {}")) == "outage" and len(stripe.asked) == 3, "three times at most"


# ---------------------------------------------------------------------------------------------------- payment_intent

def test_payment_intent(one, stripe):
    found = one("payment_intent: {id: pi_fine}")
    assert found["status"] == "ok" and found["words"]["state"] == "succeeded" and found["evidence"]["amount"] == 4990 and found["evidence"]["currency"] == "eur", found
    stripe.objects["payment_intents"] = [fake.intent("pi_fine", "requires_payment_method", 60, "card_error")]
    found = one("payment_intent: {id: pi_fine}")
    assert found["status"] == "warning" and found["words"]["error_class"] == "card_error" and found["evidence"]["decline_code"] == "insufficient_funds", found
    found = one("payment_intent: {id: pi_gone}")
    assert found["status"] == "unknown" and class_of(found) == "missing" and "test mode" in found["hint"], found


# ---------------------------------------------------------------------------------------------- payment_failure_rate

def failed(count, kind, age=10):
    return [fake.event(f"evt_bad{kind}{i}", "payment_intent.payment_failed", age, 0, fake.intent(f"pi_bad{kind}{i}", "requires_payment_method", 60, kind)) for i in range(count)]


def test_payment_failure_rate(one, stripe):
    found = one("payment_failure_rate: {}")
    assert found["status"] == "ok" and found["measures"]["failed_percent"] == 0 and found["measures"]["total"] == 30, found
    stripe.objects["events"] += failed(10, "card_error")
    found = one("payment_failure_rate: {}")
    assert found["status"] == "ok" and found["measures"]["skipped"] == 10 and found["measures"]["total"] == 30, found
    stripe.objects["events"] += failed(1, "api_error")
    assert one("payment_failure_rate: {}")["status"] == "warning"
    stripe.objects["events"] += failed(4, "invalid_request_error")
    found = one("payment_failure_rate: {}")
    assert found["status"] == "critical" and found["measures"]["failed"] == 5 and found["measures"]["total"] == 35, found
    assert {row["error"]: row["count"] for row in found["evidence"]["by_error_type"]} == {
        "card_error/card_declined": 10, "invalid_request_error/payment_intent_unexpected_state": 4, "api_error/payment_intent_unexpected_state": 1}, found["evidence"]
    payments = found["evidence"]["failed_payments"]
    assert len(payments) == 5 and {row["error"] for row in payments} == {"api_error", "invalid_request_error"} and all(row["payment_intent"].startswith("pi_bad") for row in payments)
    assert one("payment_failure_rate: {exclude: []}")["measures"]["failed"] == 15


def test_a_few_failures_at_night_are_no_incident(one, stripe):
    stripe.objects["events"] = failed(19, "api_error")
    found = one("payment_failure_rate: {}")
    assert found["status"] == "ok" and "failed_percent" not in found["measures"] and "too few" in found["message"], found
    stripe.objects["events"] = failed(30, "api_error", 400)
    assert one("payment_failure_rate: {}")["measures"]["total"] == 0, "older than the window"


def test_long_lists_are_read_page_by_page_and_nothing_is_counted_twice(one, stripe):
    stripe.objects["events"] = [fake.event(f"evt_{i}", "payment_intent.succeeded", 5 + i % 200) for i in range(350)]
    found = one("payment_failure_rate: {}")
    assert found["measures"]["total"] == 350 and not found["measures"]["truncated"] and len(stripe.asked) == 4, found
    stripe.objects["events"], stripe.asked = [fake.event(f"evt_{i}", "payment_intent.succeeded", 5 + i % 200) for i in range(2300)], []
    found = one("payment_failure_rate: {}")
    assert found["measures"]["total"] == 2000 and found["measures"]["truncated"] == 1 and len(stripe.asked) == 20, found
    # A server that gives the same page again and again ends nothing, and fools nobody.
    again = Answer(200, {"object": "list", "has_more": True, "url": "/v1/events", "data": stripe.objects["events"][:100]})
    stripe.fail, stripe.asked = [again, again], []
    assert one("payment_failure_rate: {}")["measures"]["total"] == 100 and len(stripe.asked) == 2


@pytest.mark.parametrize("body", [{"object": "list", "data": None, "has_more": False}, {"object": "list", "data": [7], "has_more": False}, {"object": "list", "data": [{"type": "x"}]}])
def test_lists_that_are_none_are_unknown(one, stripe, body):
    stripe.fail = [Answer(200, body)]
    found = one("payment_failure_rate: {}")
    assert found["status"] == "unknown" and class_of(found) == "not_stripe", found


# ---------------------------------------------------------------------------------------------------------- declines

def test_declines(one, stripe):
    stripe.objects["charges"] += [fake.charge("ch_d", 90, "insufficient_funds"), fake.charge("ch_e", 86490, "do_not_honor")]
    found = one("declines: {}")
    assert found["status"] == "ok" and found["measures"]["rejected"] == 1 and found["measures"]["baseline_ratio"] == 1, found
    stripe.objects["charges"] += [fake.charge(f"ch_d{i}", 90, "do_not_honor", brand="mastercard", country="FR", funding="debit") for i in range(2)]
    assert one("declines: {}")["status"] == "warning"
    stripe.objects["charges"] += [fake.charge(f"ch_b{i}", 90, blocked=True, brand="mastercard", country="FR") for i in range(5)]
    found = one("declines: {}")
    assert found["status"] == "critical" and found["evidence"]["blocked_by_radar"] == 5 and found["measures"]["blocked_percent"] > 10 and "Radar" in found["hint"], found
    assert found["evidence"]["by_code"][0] == {"code": "highest_risk_level", "count": 5} and found["evidence"]["by_country"][0] == {"country": "FR", "count": 7, "charges": 7}
    assert found["evidence"]["by_brand"][0]["brand"] == "mastercard" and {row["funding"] for row in found["evidence"]["by_funding"]} == {"credit", "debit"}
    stripe.objects["charges"] = stripe.objects["charges"][-6:]
    found = one("declines: {}")
    assert found["status"] == "ok" and "baseline_ratio" not in found["measures"] and "too few" in found["message"], found


# -------------------------------------------------------------------------------------------------------- rate_limit

def test_rate_limit(one, stripe):
    found = one("rate_limit: {}")
    assert found["status"] == "ok" and found["words"]["limiter"] == "none" and found["evidence"]["limit_rps"] == 25 and "used_percent" not in found["measures"], found
    found = one("rate_limit: {configured_rps: 10, replicas: 5}", key=fake.LIVE)
    assert found["status"] == "ok" and found["measures"]["used_percent"] == 50, found
    assert one("rate_limit: {configured_rps: 100, replicas: 2}", key=fake.LIVE)["status"] == "warning"
    for said, word in (("global-rate", "rate"), ("endpoint-concurrency", "endpoint_concurrency"), ("something-new", "rate")):
        stripe.fail = [fake.refusal(429, "invalid_request_error", "rate_limit", Stripe_Rate_Limited_Reason=said)]
        found = one("rate_limit: {}")
        assert found["status"] == "warning" and found["measures"]["count"] == 1 and found["words"]["limiter"] == word and found["evidence"]["endpoint"] == "/v1/balance", found
    stripe.fail = [fake.refusal(429, "invalid_request_error", "lock_timeout")]
    found = one("rate_limit: {}")
    assert found["status"] == "ok" and found["measures"]["locked"] == 1 and found["measures"]["count"] == 0 and "no matter of the rate" in found["hint"], found


def test_rate_limit_counts_what_other_checks_met(agent, stripe):
    stripe.failing = fake.refusal(429, "invalid_request_error", "rate_limit", Stripe_Rate_Limited_Reason="endpoint-rate")
    running = agent(configuration(stripe, "rate_limit: {every: 1s}, api: {every: 1s}, payment_failure_rate: {every: 1s}", more="every: 1s, "))
    found = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "rate_limit" and e["status"] == "critical", seconds=40)
    assert found["measures"]["count"] >= 10 and found["measures"]["limited_percent"] == 100, found


# ------------------------------------------------------------------------------------------------------ configuration

def test_what_cannot_be_is_refused_when_the_configuration_is_read(stripe, tmp_path):
    rows = [
        ("payment_intent: {id: 'pi_../balance'}", "", "is no id of a PaymentIntent"), ("webhook_endpoint: {endpoint: 17}", "", "is no id of an endpoint"),
        ("webhook_endpoint: {url: 'https://x/'}", "", "of which endpoint"), ("stuck_payments: {states: [pending]}", "", "is no status of a PaymentIntent"),
        ("stuck_payments: {sql: 'DELETE FROM payments'}", "", "sql"), ("api: {path: /v3/x}", "", "is no path of the API"), ("declines: {window: 2d}", "", "no shorter than"),
        ("webhook_receiver: {url: 'http://x/', event_type: 'a b'}", "", "is no type of an event")]
    # Each kind is seen once what comes before it is right.
    words, made = [("payment_intent: {}", "", "id"), ("api: {}", "mode: sandbox, ", "sandbox")], [("api: {}", "account: me, ", "is no id of an account"), ("api: {}", "api_version: 'x y', ", "is no version")]
    for some in (words, rows, made):
        (tmp_path / "c.yaml").write_text("version: 1\ntargets:\n" + "".join(target(stripe, f"s{i}", checks, more=more) for i, (checks, more, _) in enumerate(some)))
        result = runbookd("validate", "-c", tmp_path / "c.yaml", events=False)
        said = (result.out + result.err).splitlines()
        for i, (_, _, words) in enumerate(some):
            assert result.code != 0 and any(f"s{i}" in line and words in line for line in said), (i, words, said)


EXAMPLE = """
version: 1
targets:
  stripe:
    type: stripe
    scope: cluster
    key: ${file:/run/secrets/runbookd/stripe-restricted-key}
    webhook_secret: ${file:/run/secrets/runbookd/stripe-webhook-secret}
    database: postgres://db:5432/brandconnect
    labels: {team: payments, severity: page}
    checks:
      status: {components: [api, webhooks]}
      api: {}
      payment_failure_rate: {warning: failed_percent > 2, critical: failed_percent > 5, for: 5m, min_count: 20}
      declines: {}
      rate_limit: {}
      webhook_endpoint: {endpoint: we_1Nxxxx}
      webhook_deliveries: {warning: undelivered >= 1, critical: undelivered >= 20, window: 1h}
      webhook_receiver: {url: "https://api.brandconnect.local/api/webhooks/stripe"}
      stuck_payments:
        sql: SELECT id, intent_id, status, created_at FROM payments WHERE status = 'pending' AND created_at < now() - interval '15 min' LIMIT 100
        warning: count > 0
        critical: count > 20
"""


def test_an_operators_own_configuration_is_valid(tmp_path):
    (tmp_path / "c.yaml").write_text(EXAMPLE)
    result = runbookd("validate", "--offline", "-c", tmp_path / "c.yaml", events=False)
    assert result.code == 0, result.out + result.err
