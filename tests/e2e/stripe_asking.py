"""What the tests of plugins/stripe share: an account where all is well, and findings of one check, or of several in one run."""
import pytest

import servers_stripe as fake
from agent import runbookd

CHECKS = ["status", "api", "payment_failure_rate", "webhook_endpoint", "webhook_deliveries", "stuck_payments"]  # that run by themselves
SILENT = [fake.KEY, fake.LIVE, fake.SIGNING, *fake.PEOPLE]


@pytest.fixture(scope="module")
def stripe():
    one = fake.Stripe()
    yield one
    one.close()


@pytest.fixture(scope="module")
def receiver():
    one = fake.Receiver()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def healthy(stripe):
    """Every test begins with an account where all is well."""
    stripe.fail, stripe.failing, stripe.asked, stripe.paths, stripe.deliveries, stripe.idempotent = [], None, [], [], [], {}
    stripe.keys, stripe.refused = {fake.KEY: fake.EVERYTHING, fake.LIVE: fake.EVERYTHING}, {}
    stripe.pages = {"": fake.summary()}
    stripe.objects = {
        "events": [fake.event(f"evt_good{i}", "payment_intent.succeeded", 20 + i, 0, fake.intent(f"pi_good{i}")) for i in range(30)],
        "charges": [fake.charge(f"ch_now{i}", 60 + i) for i in range(30)] + [fake.charge(f"ch_then{i}", 86460 + i) for i in range(30)],
        "payment_intents": [fake.intent("pi_fine"), fake.intent("pi_young", "processing", 60)],
        "webhook_endpoints": [fake.endpoint("we_shop", "https://user:pw@shop.example.org/webhooks/stripe?token=t0ken-in-a-url")],
    }


def target(stripe, name, checks, key=fake.KEY, more=""):
    named = ", ".join(f"{name}: 'off'" for name in CHECKS if f"{name}:" not in checks)
    return (f"  {name}: {{type: stripe, url: '{stripe.url}', {'key: ' + key + ', ' if key else ''}webhook_secret: {fake.SIGNING}, {more}"
            f"checks: {{{', '.join(part for part in (named, checks) if part)}}}}}\n")


def configuration(stripe, checks, **more):
    return "version: 1\ntargets:\n" + target(stripe, "s", checks, **more)


@pytest.fixture
def ask(tmp_path):
    """The findings of a configuration; nothing that is printed holds a secret, or anything of a customer."""
    def ask(text):
        (tmp_path / "c.yaml").write_text(text)
        result = runbookd("once", "-c", tmp_path / "c.yaml")
        found = [e for e in result.events if e["kind"] == "finding"]
        assert found, result.out + result.err
        for word in SILENT:
            assert word not in result.out and word not in result.err, (word, result.out, result.err)
        return found
    return ask


@pytest.fixture
def each(ask, stripe):
    """Several targets in one run, as words of target(): their findings in the same order."""
    def each(*targets):
        found = {e["target"]: e for e in ask("version: 1\ntargets:\n" + "".join(target(stripe, f"s{i}", **words) for i, words in enumerate(targets)))}
        return [found[f"s{i}"] for i in range(len(targets))]
    return each


@pytest.fixture
def once(ask, stripe):
    """The findings of one check, by subject."""
    return lambda checks, **more: {e["subject"]: e for e in ask(configuration(stripe, checks, **more))}


@pytest.fixture
def one(once, stripe):
    def ask(checks, **more):
        if checks.startswith("status"):
            checks = checks.replace("status: {", f"status: {{base_url: '{stripe.url}', ", 1)
        return once(checks, **more)[None]
    return ask


def class_of(event):
    return event.get("error_class") or event["words"].get("error_class")
