"""plugins/stripe and webhooks: endpoints, deliveries, receivers that Stripe's own client verifies; payments that are stuck; chaos."""
import json

import pytest

import servers
import servers_stripe as fake
from agent import runbookd
from faultproxy import FAULTS, FaultProxy
from stripe_asking import ask, class_of, configuration, each, healthy, once, one, receiver, stripe  # noqa: F401: fixtures


# -------------------------------------------------------------------------------------------------- webhook_endpoint

def test_webhook_endpoint(one, once, stripe):
    found = once("webhook_endpoint: {}")["we_shop"]
    assert found["status"] == "ok" and found["words"]["state"] == "enabled" and found["evidence"]["url"] == "https://shop.example.org/webhooks/stripe", found
    found = one("webhook_endpoint: {endpoint: we_shop, events: [payment_intent.succeeded], url: 'https://user:pw@shop.example.org/webhooks/stripe?token=t0ken-in-a-url'}")
    assert found["status"] == "ok" and found["subject"] is None, found
    assert one("webhook_endpoint: {endpoint: we_shop, url: 'https://other.example.org/'}")["status"] == "warning"
    stripe.objects["webhook_endpoints"] = [fake.endpoint("we_shop", "https://shop.example.org/", events=["charge.failed"]), fake.endpoint("we_old", "https://old.example.org/", "disabled")]
    found = one("webhook_endpoint: {endpoint: we_shop, events: [payment_intent.succeeded, charge.failed]}")
    assert found["status"] == "warning" and found["measures"]["missing"] == 1 and "payment_intent.succeeded" in found["message"], found
    found = once("webhook_endpoint: {}")
    assert found["we_shop"]["status"] == "ok" and found["we_old"]["status"] == "critical" and "disabled" in found["we_old"]["message"], found
    found = one("webhook_endpoint: {endpoint: we_gone}")
    assert found["status"] == "critical" and "no endpoint we_gone" in found["message"], found
    stripe.objects["webhook_endpoints"] = []
    assert one("webhook_endpoint: {}")["status"] == "ok"


# ------------------------------------------------------------------------------------------------ webhook_deliveries

def test_webhook_deliveries(one, stripe):
    stripe.objects["events"] += [fake.event("evt_young", "charge.failed", 5, 1), fake.event("evt_old", "charge.failed", 4000, 1)]
    found = one("webhook_deliveries: {}")
    assert found["status"] == "ok" and found["measures"]["undelivered"] == 0, found
    stripe.objects["events"] += [fake.event(f"evt_lost{i}", "payment_intent.succeeded", 100 + i, 1) for i in range(5)]
    found = one("webhook_deliveries: {}")
    assert found["status"] == "warning" and found["measures"]["undelivered"] == 5 and 100 <= found["measures"]["age_seconds"] < 130, found
    assert found["evidence"]["events"][0]["event"] == "evt_lost4" and found["evidence"]["events"][0]["pending_webhooks"] == 1, found["evidence"]
    stripe.objects["events"] += [fake.event(f"evt_more{i}", "invoice.paid", 200 + i, 2) for i in range(145)]
    found = one("webhook_deliveries: {}")
    assert found["status"] == "critical" and found["measures"]["undelivered"] == 150 and found["evidence"]["pending_webhooks"] == 295, found
    assert found["evidence"]["by_type"] == [{"type": "invoice.paid", "count": 145}, {"type": "payment_intent.succeeded", "count": 5}]
    assert [row["event"] for row in found["evidence"]["events"]] == [f"evt_more{144 - i}" for i in range(20)], "the oldest are named"
    assert one("webhook_deliveries: {types: [payment_intent.*, charge.*]}")["measures"]["undelivered"] == 5


# -------------------------------------------------------------------------------------------------- webhook_receiver

def check(receiver, mode, more=""):
    return f"webhook_receiver: {{url: '{receiver.url(mode)}'{more}}}"


def test_a_receiver_that_verifies_is_fine_and_is_sent_nothing_that_matters(one, stripe, receiver):
    receiver.become("good")
    found = one(check(receiver, "good"))
    assert found["status"] == "ok" and found["measures"]["unsigned_status"] == 400 and found["measures"]["signed_status"] == 200, found
    assert found["measures"]["signature_enforced"] and found["measures"]["replay_enforced"] and found["evidence"]["forged_status"] == 400 and found["evidence"]["stale_status"] == 400
    assert [event["type"] for event in receiver.seen] == ["runbookd.probe"] and receiver.seen[0]["id"] == "evt_runbookd_probe" and receiver.seen[0]["livemode"] is False
    assert not stripe.asked, "the receiver alone is asked"
    one(check(receiver, "good", ", event_type: shop.ping"))
    assert [event["type"] for event in receiver.seen] == ["runbookd.probe", "shop.ping"]


def test_receivers_that_are_wrong(each, receiver):
    rows = {
        "open": ("critical", "an unsigned event is taken (200)"), "gullible": ("critical", "signed with another secret is taken (200)"),
        "parsed": ("critical", "a signed event is refused with 400"), "slow-clock": ("critical", "a signed event is refused with 400"),
        "failing": ("critical", "a signed event is refused with 500"), "absent": ("critical", "a signed event is refused with 404"),
        "moved": ("critical", "refused with 308, a redirect to http://127.0.0.1/elsewhere"),
        "timeless": ("warning", "signed an hour ago is taken (200)"), "crashing": ("warning", "an unsigned event makes it fail with 500")}
    found = dict(zip(rows, each(*[{"checks": check(receiver, mode)} for mode in rows])))
    for mode, (status, words) in rows.items():
        assert found[mode]["status"] == status and words in found[mode]["message"], found[mode]
    for why in ("raw body", "secret", "clock"):
        assert why in found["parsed"]["hint"], "a refusal does not say why"
    assert "clock is wrong" in found["slow-clock"]["hint"] and -3700 < found["slow-clock"]["evidence"]["clock_skew_seconds"] < -3500


def test_without_the_secret_only_what_must_be_refused_is_sent(once, stripe, receiver, tmp_path):
    receiver.become("good")
    text = configuration(stripe, check(receiver, "good")).replace(f"webhook_secret: {fake.SIGNING}, ", "")
    (tmp_path / "c.yaml").write_text(text)
    found = runbookd("once", "-c", tmp_path / "c.yaml").finding("webhook_receiver")
    assert found["status"] == "ok" and "signed_status" not in found["measures"] and not receiver.seen, found
    (tmp_path / "c.yaml").write_text(text.replace("type: stripe,", "type: stripe, webhook_secret: rk_test_NoSigningSecret,"))
    found = runbookd("once", "-c", tmp_path / "c.yaml").finding("webhook_receiver")
    assert found["status"] == "unknown" and class_of(found) == "wrong_secret", found


def test_a_receiver_that_is_not_there(one):
    found = one(f"webhook_receiver: {{url: 'http://127.0.0.1:{servers.free_port()}/'}}")
    assert found["status"] == "critical" and found["words"]["error_class"] == "refused", found


# ---------------------------------------------------------------------------------------------------- stuck_payments

def test_stuck_payments_as_stripe_sees_them(one, stripe):
    found = one("stuck_payments: {}")
    assert found["status"] == "ok" and found["measures"]["count"] == 0 and "missed" not in found["measures"], found
    stripe.objects["payment_intents"] += [fake.intent(f"pi_stuck{i}", "processing", 1000 + i) for i in range(3)] + [fake.intent("pi_half", "requires_confirmation", 5000)]
    stripe.objects["payment_intents"] += [fake.intent("pi_left", "requires_action", 5000), fake.intent("pi_ancient", "processing", 90000)]
    found = one("stuck_payments: {}")
    assert found["status"] == "warning" and found["measures"]["count"] == 4 and 5000 <= found["measures"]["age_seconds"] < 5060, found
    assert {row["payment_intent"] for row in found["evidence"]["payments"]} == {"pi_stuck0", "pi_stuck1", "pi_stuck2", "pi_half"}
    stripe.objects["payment_intents"] += [fake.intent(f"pi_mass{i}", "processing", 2000) for i in range(120)]
    assert one("stuck_payments: {states: [processing]}")["measures"]["count"] == 123


PENDING = "SELECT id, intent_id, status, created_at FROM payments WHERE status = 'pending' AND created_at < now() - interval '15 min' LIMIT 100"


def test_stuck_payments_as_the_application_sees_them(one, stripe, postgres):
    postgres.sql("create table payments (id int primary key, intent_id text, status text, created_at timestamptz, name text)")
    postgres.sql("grant select on payments to app")
    database = f"database: 'postgres://127.0.0.1:{postgres.port}/postgres', database_user: app, database_password: app, "
    asked = f'stuck_payments: {{sql: "{PENDING}"}}'
    try:
        assert one(asked, more=database)["status"] == "ok" and not stripe.asked
        postgres.sql("insert into payments values (1, 'pi_fine', 'pending', now() - interval '20 min', 'Jane Roe'), (2, 'pi_young', 'pending', now() - interval '1 h', 'Jane Roe'),"
                     " (3, 'pi_gone', 'pending', now() - interval '16 min', 'Jane Roe'), (4, null, 'pending', now() - interval '16 min', 'Jane Roe'),"
                     " (5, 'pi_fine', 'paid', now() - interval '2 h', 'Jane Roe'), (6, 'pi_fine/../../balance', 'pending', now() - interval '16 min', 'x')")
        found = one(asked, more=database)
        assert found["status"] == "warning" and found["measures"]["count"] == 5 and found["measures"]["missed"] == 1 and found["measures"]["missing"] == 1, found
        rows = {row["payment"]: row for row in found["evidence"]["payments"]}
        assert rows["1"]["stripe_status"] == "succeeded" and rows["1"]["db_status"] == "pending" and 1190 < rows["1"]["age_seconds"] < 1300, rows
        assert rows["2"]["stripe_status"] == "processing" and rows["3"]["stripe_status"] == "missing" and rows["4"]["stripe_status"] is None, rows
        assert set(stripe.paths) == {f"/v1/payment_intents/{id}" for id in ("pi_fine", "pi_young", "pi_gone")}
        found = one(asked.replace('"}', '", max: 2}'), more=database)
        assert found["measures"]["count"] == 2 and found["measures"]["truncated"] == 1, found
        found = one(asked, more=database.replace("database_password: app", "database_password: wrong"))
        assert found["status"] == "unknown" and class_of(found) == "auth", found
        assert class_of(one(asked)) == "config"
        assert one('stuck_payments: {sql: "SELECT id FROM no_such_table"}', more=database)["status"] == "unknown"
    finally:
        postgres.sql("drop table payments")

# -------------------------------------------------------------------------------------------------------------- chaos

@pytest.fixture(scope="module")
def proxies(stripe, receiver):
    both = FaultProxy(stripe.port), FaultProxy(receiver.port)
    yield both
    for proxy in both:
        proxy.close()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "latency"])
def test_whatever_the_network_does_only_api_and_the_receiver_are_to_blame(ask, stripe, receiver, proxies, fault):
    api, hook = proxies
    url, hooks = f"http://127.0.0.1:{api.port}", receiver.url("good").replace(str(receiver.port), str(hook.port))
    text = (f"version: 1\ntargets:\n  s: {{type: stripe, url: '{url}', key: {fake.KEY}, webhook_secret: {fake.SIGNING}, timeout: 500ms, checks: {{status: {{base_url: '{url}'}}, "
            f"payment_intent: {{id: pi_fine}}, declines: {{}}, rate_limit: {{}}, webhook_receiver: {{url: '{hooks}'}}}}}}\n")
    try:
        for proxy in proxies:
            proxy.fault = fault
        found = {e["name"]: e for e in ask(text)}
    finally:
        for proxy in proxies:
            proxy.fault = None
    assert len(found) == 10, found
    for name, one in found.items():
        status, word = ("critical", one["words"].get("error_class")) if name in ("api", "webhook_receiver") else ("unknown", class_of(one))
        assert one["status"] == status and word in ("network", "refused", "timeout", "reset", "protocol"), one
