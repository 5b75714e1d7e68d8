"""stripe:redeliver_events on a fake of Stripe that delivers for itself, to a receiver that Stripe's own client verifies."""
import json

import pytest

import servers_stripe as fake
from acting import act

ACTS = "rk_test_51RunbookdMayRedeliver"


@pytest.fixture(scope="module")
def stripe():
    one = fake.Stripe()
    one.keys = {fake.KEY: fake.EVERYTHING - {"event_write"}, ACTS: {"event_read", "event_write", "webhook_read"}}
    yield one
    one.close()


@pytest.fixture(scope="module")
def receiver():
    one = fake.Receiver()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def missed(stripe, receiver):
    """Five events that the shop missed while it was down, and some that are not its, have arrived, or are too young."""
    stripe.fail, stripe.failing, stripe.deliveries, stripe.idempotent, stripe.paths = [], None, [], {}, []
    stripe.objects["webhook_endpoints"] = [fake.endpoint("we_shop", receiver.url(), events=["payment_intent.succeeded", "charge.failed"]),
                                           fake.endpoint("we_old", "http://127.0.0.1:1/", "disabled")]
    stripe.objects["events"] = [fake.event(f"evt_lost{i}", "payment_intent.succeeded", 1000 + i, 1, fake.intent(f"pi_{i}")) for i in range(4)] + [
        fake.event("evt_lost4", "charge.failed", 2000, 1), fake.event("evt_other", "invoice.paid", 3000, 1), fake.event("evt_fine", "charge.failed", 3000, 0),
        fake.event("evt_young", "charge.failed", 10, 1)]
    receiver.become("good")


def config(stripe, key=ACTS):
    return f"version: 1\ntargets:\n  s: {{type: stripe, url: '{stripe.url}', key: {fake.KEY}, act_as: {{key: {key}}}, checks: {{status: 'off'}}}}\n"


def redeliver(stripe, options=None, **more):
    done = act(config(stripe), "s", "redeliver_events", options or {}, **more)
    for word in [fake.KEY, ACTS, fake.SIGNING, *fake.PEOPLE]:
        assert word not in done.out and word not in done.err, (word, done.out, done.err)
    return done


def outcomes(done):
    return [result["outcome"] for result in done.results]


def test_missed_events_are_planned_oldest_first_and_sent_again(stripe, receiver):
    planned = redeliver(stripe)
    assert planned.keys == [f"evt_lost{i}@we_shop" for i in (4, 3, 2, 1, 0)] and planned.plan["total"] == 5, planned.out
    step = planned.plan["steps"][0]
    assert step["what"].startswith("send evt_lost4 (charge.failed of 20") and step["what"].endswith("to we_shop again") and set(step["json"]) == {"type", "created"}, step
    assert not stripe.deliveries and not receiver.seen, "a plan changes nothing"

    done = redeliver(stripe, {"types": ["payment_intent.*"], "limit": 3, "skip": ["evt_lost2"], "pace": "4/s"}, apply=True)
    assert outcomes(done) == ["applied"] * 3 and done.keys == [f"evt_lost{i}@we_shop" for i in (3, 1, 0)], done.out
    assert [event["id"] for event in receiver.seen] == ["evt_lost3", "evt_lost1", "evt_lost0"], "verified by Stripe's own client"
    times = [when for _, _, when in stripe.deliveries]
    assert all(later - earlier > 0.24 for earlier, later in zip(times, times[1:])), "paced"
    assert outcomes(redeliver(stripe, step=step | {"key": "evt_lost3@we_shop"}, apply=True)) == ["skipped"]
    assert len(stripe.deliveries) == 3, "what has arrived is not sent again"
    assert len(set(stripe.idempotent)) == 3 and all(key.startswith("runbookd-evt_lost") for key in stripe.idempotent)
    assert redeliver(stripe).keys == ["evt_lost4@we_shop", "evt_lost2@we_shop"]


def test_it_stops_after_failures_and_begins_anew_with_another_plan(stripe, receiver):
    stripe.keys[ACTS] = {"event_read", "webhook_read"}
    try:
        done = redeliver(stripe, {"stop_after_failures": 2, "pace": "100/s"}, apply=True)
    finally:
        stripe.keys[ACTS] = {"event_read", "event_write", "webhook_read"}
    assert [failure["denied"] for failure in done.failures] == [True, True] and "rak_event_write" in done.failures[0]["summary"], done.out
    assert "Events, write" in done.failures[0]["hint"] and outcomes(done) == ["skipped"] * 3 and "2 in a row" in done.results[0]["summary"], done.out
    assert not stripe.deliveries
    assert outcomes(redeliver(stripe, {"limit": 1}, apply=True)) == ["applied"]


def test_what_the_endpoint_refuses_has_survived(stripe, receiver):
    receiver.become("failing")
    done = redeliver(stripe, {"limit": 2, "stop_after_failures": 1, "watch": "1s"}, apply=True)
    assert outcomes(done) == ["survived", "skipped"] and "has not taken it" in done.results[0]["summary"], done.out
    assert len(stripe.deliveries) == 1


def test_a_write_is_repeated_with_the_same_key_where_stripe_says_so(stripe, receiver):
    planned = redeliver(stripe, {"limit": 1})
    answers = [None, fake.refusal(409, "idempotency_error", Stripe_Should_Retry="true"), None]

    class Later(list):
        """The first request is the look at the event, the second is refused."""

        def __bool__(self):
            return bool(answers) and answers.pop(0) is not None

        def pop(self, _):
            return fake.refusal(409, "idempotency_error", Stripe_Should_Retry="true")

    stripe.fail = Later()
    done = redeliver(stripe, {}, apply=True, step=planned.plan["steps"][0])
    assert outcomes(done) == ["applied"] and len(stripe.deliveries) == 1, done.out
    assert [path for path in stripe.paths if path.endswith("/retry")] == ["/v1/events/evt_lost4/retry"] * 2


def test_which_endpoint(stripe, receiver):
    stripe.objects["webhook_endpoints"].append(fake.endpoint("we_mirror", "http://127.0.0.1:1/"))
    failure = redeliver(stripe).failure
    assert failure["during"] == "plan" and failure["reason"] == "endpoint" and "several" in failure["summary"], failure
    assert redeliver(stripe, {"endpoint": "we_shop"}).plan["total"] == 5
    assert len(redeliver(stripe, {"endpoint": "we_mirror"}).keys) == 6, "another endpoint gets other types"
    assert redeliver(stripe, {"endpoint": "we_old"}).failure["reason"] == "disabled"
    assert redeliver(stripe, {"endpoint": "we_nowhere"}).failure["reason"] == "missing"
    assert redeliver(stripe, {"endpoint": "../balance"}).failure["reason"] == "config"
    stripe.objects["webhook_endpoints"] = []
    assert "no endpoint is enabled" in redeliver(stripe).failure["summary"]


def test_nothing_to_do_and_keys_that_are_none(stripe, receiver):
    stripe.objects["events"] = []
    assert redeliver(stripe).plan["steps"] == [] and redeliver(stripe).plan["note"] == "no event waits for this endpoint"
    for key in ("evt_1", "evt_1@", "evt_../balance@we_shop", "x@we_shop"):
        assert redeliver(stripe, apply=True, step={"key": key, "what": "x"}).failure["during"] == "apply"
    gone = redeliver(stripe, apply=True, step={"key": "evt_gone@we_shop", "what": "x"})
    assert outcomes(gone) == ["skipped"] and "does not know" in gone.results[0]["summary"], gone.out


def test_acting_needs_a_key_of_its_own(stripe):
    text = config(stripe).replace(f"act_as: {{key: {ACTS}}}, ", "")
    assert act(text, "s", "redeliver_events", {}).failure["reason"] == "no_act_as"
    done = act(config(stripe, "sk_live_MayDoAnything"), "s", "redeliver_events", {})
    assert done.failure["reason"] == "unrestricted_key" and "sk_live_May" not in json.dumps(done.failures), done.out
