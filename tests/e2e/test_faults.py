"""Bad days: every fault against every plugin.  The right finding in time, one for a dead target, recovery
reported, nothing left behind, and the healthy targets beside it notice nothing.

The times are printed as a table at the end; the assertions leave room for a busy machine."""
import time

import pytest

import servers
from faultproxy import FaultProxy, NameServer
from pki import Pki
from servers_dns import Named
from servers_pgbouncer import PgBouncer
from servers_prometheus import Prometheus, job
from servers_stripe import KEY, Stripe
from test_cert import tls_server

# Seconds from fault to finding, interval 1 s.  A time limit is never longer than the interval; what is unknown
# is reported after three samples, with a pause of at most 1 s and 2 s between them.
AT_ONCE, AT_LIMIT, AT_THIRD = 1.1, 4.1, 4.1
SLACK = 2  # a busy machine
TABLE = []  # fault, plugin, finding, seconds to it, seconds to recovery, largest gap of the others

PROBED = {"redis": "connect", "http": "endpoint", "postgres": "connect", "tcp": "connect", "dns": "resolve", "cert": "endpoint",
          "pgbouncer": "connect", "prometheus": "connect", "stripe": "api",
          "http-latency": "latency", "http-synthetic": "synthetic", "http-api": "api", "http-rate": "rate_limit"}
HELD = {"redis": "memory", "postgres": "connections", "pgbouncer": "clients"}  # a check of those that wait for it

# What is found, and how fast.  A list: what of these comes first depends on where the fault hits.
EXPECTED = {
    "refuse": {"redis": ("critical", ["refused", "closed"]), "http": ("critical", ["refused", "reset"]),
               "postgres": ("critical", ["refused", "lost"]),
               "tcp": ("critical", ["refused", "reset"]), "dns": ("critical", ["refused", "closed"]),
               "cert": ("critical", ["refused", "closed"])},
    "hang": {"redis": ("critical", ["timeout"]), "http": ("critical", ["timeout"]), "postgres": ("critical", ["timeout"]),
             "tcp": ("critical", ["timeout"]), "dns": ("critical", ["timeout"]),
             "cert": ("critical", ["timeout"])},
    "blackhole": {"redis": ("critical", ["timeout"]), "http": ("critical", ["timeout"]), "postgres": ("critical", ["timeout"]),
                  "tcp": ("critical", ["timeout"]), "dns": ("critical", ["timeout"]),
                  "cert": ("critical", ["timeout"])},
    "garbage": {"redis": ("unknown", ["protocol"]), "http": ("critical", ["protocol"]), "postgres": ("unknown", ["not_postgres"]),
                "tcp": ("critical", ["unexpected"]), "dns": ("critical", ["garbage"]),
                "cert": ("critical", ["handshake"])},
    "slow": {"redis": ("critical", ["timeout"]), "http": ("critical", ["timeout"]), "postgres": ("critical", ["timeout"]),
             "tcp": ("critical", ["timeout"]), "dns": ("critical", ["timeout"]),
             "cert": ("critical", ["timeout"])},
    "reset": {"redis": ("critical", ["closed"]), "http": ("critical", ["reset"]), "postgres": ("critical", ["lost"]),
              "tcp": ("critical", ["reset"]), "dns": ("critical", ["closed"]),
              "cert": ("critical", ["closed"])},
    "cut": {"redis": ("critical", ["closed"]), "http": ("critical", ["reset", "protocol"]), "postgres": ("critical", ["lost"]),
            "tcp": ("critical", ["unexpected"]), "dns": ("critical", ["closed"]),
            "cert": ("critical", ["closed"])},
    "flood": {"redis": ("unknown", ["protocol"]), "http": ("critical", ["protocol"]), "postgres": ("unknown", ["not_postgres"]),
              "tcp": ("critical", ["unexpected"]), "dns": ("critical", ["garbage"]),
              "cert": ("critical", ["handshake"])},
}
for by_plugin in EXPECTED.values():
    by_plugin["prometheus"] = by_plugin["http"]  # over the same client
    by_plugin["pgbouncer"] = by_plugin["postgres"]  # the same wire
    for kind in ("stripe", "http-latency", "http-synthetic", "http-api"):
        by_plugin[kind] = by_plugin["http"]         # of an API the class is network, and which one is in the evidence
    by_plugin["http-rate"] = ("unknown", by_plugin["http"][1])  # no answer says nothing of a quota
WAITS = {"hang", "blackhole", "slow"}


def error_class(event):
    return event.get("evidence", {}).get("network_error") or event.get("error_class") or event["words"].get("error_class")


def print_table():
    """TABLE for people; what was not measured is a dash."""
    rows = [["fault", "plugin", "finding", "after s", "back after s", "others' largest gap s"]]
    rows += [["-" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in TABLE]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


class Neighbour:
    """A healthy target of the same agent: how long at most it said nothing, interval 1 s."""

    def __init__(self, running, targets):
        self.running, self.targets = running, targets

    def gap(self, since):
        """The longest silence from `since` (time.monotonic()) until now."""
        longest, now = 0, time.monotonic()
        for target in self.targets:
            at = since
            for event, when in list(zip(self.running.events, self.running.times)):
                if event["kind"] == "finding" and event["target"] == target and event["name"] == PROBED[target.removeprefix("well-")] and when >= since:
                    assert event["status"] == "ok", event
                    longest, at = max(longest, when - at), when
            longest = max(longest, now - at)
        return longest


@pytest.fixture(scope="module")
def world(postgres, nginx):
    """The servers, reached through a proxy each, and directly."""
    redis = servers.Redis()
    pki, port = Pki(), servers.free_port()
    tls = servers.Nginx(servers=tls_server(port, pki.pair("good")))
    tls.port = port
    real = {"redis": redis, "http": nginx, "postgres": postgres, "tcp": redis, "dns": Named(), "cert": tls,
            "pgbouncer": PgBouncer(postgres), "stripe": Stripe(), "prometheus": Prometheus([job("nginx", nginx.port)]),
            **{kind: nginx for kind in PROBED if kind.startswith("http-")}}
    servers.wait_until(lambda: real["prometheus"].ask("up"), seconds=30, every=0.3)
    proxies = {kind: FaultProxy(server.port) for kind, server in real.items()}
    yield real, proxies
    for proxy in proxies.values():
        proxy.close()
    for server in (real["dns"], real["pgbouncer"], real["stripe"], real["prometheus"], tls, pki, redis):
        server.close()


def url(kind, port):
    return {"redis": f"redis://127.0.0.1:{port}", "http": f"http://127.0.0.1:{port}/ok",
            "postgres": f"postgres://monitor:monitor@127.0.0.1:{port}/postgres", "tcp": f"tcp://127.0.0.1:{port}",
            "dns": f"dns://127.0.0.1:{port}/www.shop.test", "cert": f"tls://127.0.0.1:{port}",
            "pgbouncer": f"pgbouncer://watch:watch@127.0.0.1:{port}", "stripe": f"http://127.0.0.1:{port}",
            "prometheus": f"http://127.0.0.1:{port}"}.get(kind, f"http://127.0.0.1:{port}")


CHECKS = {"tcp": 'connect: {send: "PING\\r\\n", expect: PONG, max_answer: 512}',
          "stripe": "status: 'off', payment_failure_rate: 'off', webhook_endpoint: 'off', webhook_deliveries: 'off', stuck_payments: 'off'",
          "prometheus": "alerts: 'off', target_up: 'off'",
          "http-latency": "endpoint: 'off', latency: {path: /quota, samples: 2, pause: 1ms, warning: failed > 0}",
          "http-synthetic": "endpoint: 'off', synthetic: {steps: [{get: /quota}, {get: /ok}]}",
          "http-api": "endpoint: 'off', api: {path: /quota}", "http-rate": "endpoint: 'off', rate_limit: {path: /quota}",
          "dns": "resolve: {transport: tcp}"}  # the proxy's faults are those of streams; test_dns.py has those of datagrams


def target(name, kind, address, more=""):
    more_of = {"cert": ", tls: {verify: none}", "stripe": f", key: {KEY}"}.get(kind, "")
    return f'  {name}: {{type: {kind.split("-")[0]}, url: "{address}"{more_of}, every: 1s, checks: {{{more or CHECKS.get(kind, "")}}}}}\n'


def start(agent, text, **more):
    return agent("version: 1\nagent: {realm: tests, emit: all}\ntargets:\n" + text, **more)


def steady(running, *targets):
    """Every check of those targets has been ok, and descriptors are what they will be."""
    for name, kind in targets:
        running.wait_status(name, PROBED[kind], "ok")
        if kind in HELD:
            running.wait_status(name, HELD[kind], "ok")
    time.sleep(1.2)
    return running.descriptors()


def bad(running, name, after):
    return [e for e in running.events[after:] if e["kind"] == "finding" and e["target"] == name and e["status"] != "ok"]


def follow(running, fault, name, kind, begun, seen, status, classes, limit):
    """The first bad finding of a target: the right one, in time; later ones are of the same check.  How long it took."""
    event = running.wait_for(lambda e: any(e is b for b in bad(running, name, seen)), seconds=SLACK * limit)
    took = running.times[[e is event for e in running.events].index(True)] - begun
    assert event["name"] == PROBED[kind] and event["status"] == status and error_class(event) in classes, event
    assert event["message"] and event["previous"] == "ok", event
    if kind in HELD:
        assert HELD[kind] in event["held"], event
    assert took < SLACK * limit, took
    return event, took


def recovered(running, name, kind, seconds=30):
    """Counts from now: the status is ok again, and the checks that were held go on."""
    begun, seen = time.monotonic(), len(running.events)
    running.wait_status(name, PROBED[kind], "ok", after=seen, seconds=seconds)
    took = time.monotonic() - begun
    if kind in HELD:
        running.wait_status(name, HELD[kind], "ok", after=seen)
    return took


@pytest.mark.parametrize("fault", EXPECTED)
def test_every_plugin_says_what_is_wrong_and_no_other_target_notices(agent, world, fault):
    real, proxies = world
    running = start(agent, "".join(target(kind, kind, url(kind, proxies[kind].port)) + target(f"well-{kind}", kind, url(kind, real[kind].port))
                                   for kind in PROBED))
    descriptors = steady(running, *[(kind, kind) for kind in PROBED], *[(f"well-{kind}", kind) for kind in PROBED])
    neighbours = Neighbour(running, [f"well-{kind}" for kind in PROBED])
    seen, begun = len(running.events), time.monotonic()
    try:
        for proxy in proxies.values():
            proxy.fault = fault
        rows = []
        for kind in PROBED:
            limit = AT_LIMIT if fault in WAITS else AT_THIRD if EXPECTED[fault][kind][0] == "unknown" else AT_ONCE
            event, took = follow(running, fault, kind, kind, begun, seen, *EXPECTED[fault][kind], limit)
            rows.append([fault, kind, f"{event['status']} {error_class(event)}", took])
        time.sleep(1)
        for kind in PROBED:
            said = bad(running, kind, seen)
            assert {e["name"] for e in said} == {PROBED[kind]}, "a dead target is one finding, not many"
            if fault == "refuse":  # what the fault hit in the middle may have been reset before
                running.wait_for(lambda e: any(e is b for b in bad(running, kind, seen)) and error_class(e) == "refused")
    finally:
        for proxy in proxies.values():
            proxy.fault = None
    back = {kind: recovered(running, kind, kind) for kind in PROBED}
    gap = neighbours.gap(begun)
    time.sleep(1.5)
    TABLE.extend([*row, back[row[1]], gap] for row in rows)
    assert gap < 2, f"a healthy target said nothing for {gap:.2f} s"
    assert running.descriptors() <= descriptors + len(PROBED), "descriptors are left"  # at most one fresh connection of each


def test_latency_is_measured_and_no_fault(agent, world):
    _, proxies = world
    running = start(agent, "".join(target(kind, kind, url(kind, proxies[kind].port)) for kind in PROBED))
    steady(running, *[(kind, kind) for kind in PROBED])
    seen = len(running.events)
    try:
        for proxy in proxies.values():
            proxy.fault = "latency"
        for kind, measure in (("redis", "rtt_ms"), ("http", "total_ms"), ("postgres", "query_ms"),
                              ("tcp", "first_byte_ms"), ("dns", "total_ms"), ("cert", "tls_ms"), ("pgbouncer", "query_ms"), ("stripe", "total_ms"),
                              ("http-latency", "p50_ms"), ("http-synthetic", "total_ms"), ("http-api", "total_ms"), ("http-rate", "total_ms")):
            event = running.wait_for(lambda e: e in running.events[seen:] and e["kind"] == "finding" and e["target"] == kind
                                     and e["name"] == PROBED[kind] and e["measures"].get(measure, 0) >= 60)
            assert event["status"] in ("ok", "warning"), event
            TABLE.append(["latency", kind, f"{event['status']} {measure} {event['measures'][measure]:.0f}", None, None, None])
    finally:
        for proxy in proxies.values():
            proxy.fault = None
