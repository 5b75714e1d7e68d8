"""plugins/prometheus where a reply is not to be taken at its word: stale series, old samples, warnings, no numbers, native histograms, cut pages."""
import signal
import struct
import subprocess
import time

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics import exposition

import servers
from servers_prometheus import Prometheus, histogram, job
from service import Answer, Service
from test_prometheus import ask_once

SLOW, FAST = [0.8] * 10, [0.02] * 10
EDGE_AGE = 150  # seconds: more than the default condition allows, less than Prometheus looks back


class Page(Service):
    """A page of lines that grow with each look: LINES maps a name to a function of how often it was read."""

    def __init__(self, **lines):
        self.lines, self.reads = lines, 0
        super().__init__({"GET /metrics": lambda _: Answer(200, self.page(), "text/plain; version=0.0.4")})

    def page(self):
        self.reads += 1
        return "".join("\n".join(make(self.reads)) + "\n" for make in list(self.lines.values()))


# ------------------------------------------------------- native histograms ----

def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def zigzag(number):
    return number << 1 ^ number >> 63


def native(name, observed):
    """A MetricFamily of io.prometheus.client, with its length before it: OBSERVED maps a route to (bucket's index, count).
    Of schema 0 bucket I holds what lies between 2^(I-1) and 2^I."""
    metrics = b""
    for route, (index, count) in observed.items():
        made = field(1, count) + field(2, float(count) * 2.0 ** index) + field(5, zigzag(0)) + field(6, 1e-128) + field(7, 0)
        made += field(12, field(1, zigzag(index)) + field(2, 1)) + field(13, zigzag(count))
        metrics += field(4, field(1, field(1, "route") + field(2, route)) + field(7, made))
    family = field(1, name) + field(2, "Made by the test.") + field(3, 4) + metrics
    return varint(len(family)) + family


class Native(Service):
    """Answers as a client library with native histograms does, and only in that format."""

    def __init__(self):
        self.reads = 0
        super().__init__({"GET /metrics": lambda _: Answer(
            200, self.page(), "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")})

    def page(self):
        self.reads += 1
        return native("native_seconds", {"/pay": (0, 10 * self.reads), "/browse": (-5, 10 * self.reads)})


# ------------------------------------------------------------------ worlds ----

def backfill(server):
    """An hour ago `turn_seconds` was fast: a block that Debian's promtool makes, and Prometheus loads."""
    now, lines = int(time.time()), ["# TYPE turn_seconds histogram"]
    for nth, at in enumerate(range(now - 3900, now - 3300, 10), 1):
        lines += [f"{line} {at}" for line in histogram("turn_seconds", "", FAST * nth)]
    (server / "past.om").write_text("\n".join(sorted(lines[1:])).join([lines[0] + "\n", "\n# EOF\n"]))
    made = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", server / "past.om", server / "data"],
                          capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr


class Doubtful(Prometheus):
    def start(self):
        if not (self.dir / "data").exists():
            backfill(self.dir)
        super().start()


@pytest.fixture(scope="module")
def world():
    """A Prometheus, the pages that it reads, and a store that it should ask for what is `far`, and which is away."""
    page = Page(mails=lambda _: ['queue_length{queue="mails"} 99'], jobs=lambda _: ['queue_length{queue="jobs"} 98'],
                many=lambda _: [f'many{{i="{i}"}} 1' for i in range(5)],
                requests=lambda n: [f'http_requests_total{{status="200"}} {30 * n}', f'http_requests_total{{status="500"}} {10 * n}'],
                latency=lambda n: histogram("http_request_duration_seconds", "", SLOW * n),
                turn=lambda n: histogram("turn_seconds", "", SLOW * n),
                quiet=lambda _: ['quiet_total{status="200"} 7', *histogram("quiet_seconds", "", FAST)],
                broken=lambda n: ['broken_total{status="200"} NaN', f'half_total{{status="200"}} {30 * n}', 'half_total{status="500"} NaN',
                                  f'broken_seconds_bucket{{le="0.1"}} {9 * n}', f"broken_seconds_count {10 * n}", f"broken_seconds_sum {n}"])
    gone = servers.Server("node-exporter")
    gone.port = servers.free_port()
    gone.spawn(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{gone.port}"])
    edge = Page(up=lambda _: [f'up{{job="edge",instance="a"}} 1 {int((time.time() - EDGE_AGE) * 1000)}'])
    own = Native()
    server = Doubtful(
        [job("shop", page.port), job("gone", gone.port), job("leaver", page.port), job("removed", page.port), job("native", own.port), job("federate", edge.port, more=", honor_labels: true"),
         f"{{job_name: far, static_configs: [{{targets: ['127.0.0.1:{page.port}'], labels: {{far: 'yes'}}}}]}}"],
        """  - {alert: FarAway, expr: 'queue_length{queue="jobs",far="yes"} > 1', labels: {severity: page}}\n""",
        f"remote_read: [{{url: 'http://127.0.0.1:{servers.free_port()}/read', read_recent: true, required_matchers: {{far: 'yes'}}, remote_timeout: 5s}}]\n",
        ("--enable-feature=native-histograms",))
    server.page, server.gone, server.edge, server.native = page, gone, edge, own
    servers.wait_until(lambda: all(server.ask(f"rate({name}[20s])") for name in ("http_requests_total{job='far'}", "turn_seconds_count", "native_seconds"))
                       and server.ask("node_boot_time_seconds") and server.ask("ALERTS{alertstate='firing'}") and server.ask("up{job='edge'}"), seconds=40, every=0.3)
    yield server
    server.close()
    for one in (page, gone, edge, own):
        one.close()


@pytest.fixture
def once(world, tmp_path):
    return lambda checks: ask_once(tmp_path, world.url, checks)


# ------------------------------------------------------------------- stale ----

def test_a_series_that_went_stale_is_absent_at_once(agent, once, world):
    """Not after the five minutes that Prometheus looks back: a page without it, or no page, ends it."""
    ask = "c: {check: query, promql: 'queue_length{job=\"shop\"}', critical: value > 90, absent: warning}"
    assert {e["status"] for e in once(ask).values()} == {"critical"}
    running = agent(f"""
agent: {{emit: all}}
targets:
  p: {{type: prometheus, url: '{world.url}', every: 500ms, checks: {{connect: 'off', alerts: 'off', target_up: 'off', {ask}}}}}
""")
    subject = next(s for s in once(ask) if "queue=mails" in s)
    running.wait_status("p", "c", "critical", subject=subject)
    mails = world.page.lines.pop("mails")
    try:
        running.wait_for(lambda e: e.get("subject") == subject and e["status"] == "ok", seconds=30)
        assert list(once(ask)) == [subject.replace("mails", "jobs")]  # the other one is still judged
        jobs = world.page.lines.pop("jobs")
        servers.wait_until(lambda: not world.ask("queue_length{job='shop'}"), seconds=30)
        found = once(ask)
        world.page.lines["jobs"] = jobs
        assert found[None]["status"] == "warning" and "no series" in found[None]["message"], found
    finally:
        world.page.lines["mails"] = mails
    running.wait_status("p", "c", "critical", subject=subject, after=len(running.events), seconds=30)
    running.end()


def test_a_process_that_is_gone_takes_its_series_along(once, world):
    boot = "c: {check: query, promql: 'max(node_boot_time_seconds)', warning: value < 1, absent: critical}"
    assert once(boot)[None]["status"] == "ok"
    world.gone.kill()
    servers.wait_until(lambda: not world.ask("node_boot_time_seconds"), seconds=30)
    assert once(boot)[None]["status"] == "critical"
    up = once("t: {check: target_up, job: gone}")["gone"]
    assert up["status"] == "critical" and up["measures"]["down"] == 1 and "refused" in up["evidence"]["targets"][0]["error"], up


def test_what_is_not_scraped_any_more(once, world):
    """The targets of a job that has none left are stale at once; those of one that is taken out only grow old."""
    left, removed = "t: {check: target_up, job: leaver}", "t: {check: target_up, job: removed, warning: age_seconds > 5}"
    assert once(left)["leaver"]["status"] == "ok"
    world.jobs = [job("leaver") if "leaver" in one else one for one in world.jobs if "removed" not in one]
    world.configure()
    world.process.send_signal(signal.SIGHUP)
    servers.wait_until(lambda: not world.ask("up{job='leaver'}"), seconds=40)
    none = once(left)["leaver"]
    assert none["status"] == "critical" and none["message"] == "the job has no targets" and none["hint"], none
    servers.wait_until(lambda: world.ask("time() - timestamp(up{job='removed'}) > 5"), seconds=40)
    old = once(removed)["removed"]
    assert old["status"] == "warning" and old["measures"]["age_seconds"] > 5 and old["measures"]["down"] == 0, old


def test_samples_that_are_old_are_told_by_their_age(once):
    """What another Prometheus passes on bears its own time, and is never marked as stale."""
    found = once("target_up: {}")
    old = found["edge"]
    assert old["status"] == "warning" and EDGE_AGE <= old["measures"]["age_seconds"] < 2 * EDGE_AGE and old["measures"]["down"] == 0, old
    assert "none longer than 1" in old["message"], old
    assert found["shop"]["status"] == "ok" and found["shop"]["measures"]["age_seconds"] < 30, found["shop"]


# ---------------------------------------------------------------- warnings ----

@pytest.mark.parametrize("subject, check", [
    ("", "c: {check: query, promql: 'sum(queue_length{far=\"yes\"})', critical: value < 1}"),
    ("", "c: {check: error_rate, match: 'status=\"500\",far=\"yes\"', window: 20s}"),
    ("", "c: {check: latency, match: 'far=\"yes\"', window: 20s, baseline: 1s}"),
    ("alertname=FarAway", "alerts: {match: 'far=\"yes\"'}"),
    ("far", "target_up: {match: 'far=\"yes\"'}"),
])
def test_warnings_are_shown_by_every_check(once, subject, check):
    found = once(check)
    event = next(e for s, e in found.items() if (s or "").startswith(subject))
    assert "remote_read" in event["evidence"]["warnings"] and event["evidence"]["ip"] == "127.0.0.1", event
    assert event["status"] == {"query": "ok", "error_rate": "critical", "latency": "warning", "alerts": "critical", "target_up": "ok"}[
        next(name for name in ("query", "error_rate", "latency", "alerts", "target_up") if name in check)], event


@pytest.mark.parametrize("check", [
    "c: {check: query, promql: 'no_such{far=\"yes\"}', absent: ok}",
    "c: {check: error_rate, metric: no_such_total, match: 'status=\"500\",far=\"yes\"', absent: critical}",
    "c: {check: latency, metric: no_such_seconds, match: 'far=\"yes\"', absent: ok}",
    "alerts: {match: 'alertname=\"None\",far=\"yes\"', expect: [None]}",
    "t: {check: target_up, job: nobody, match: 'far=\"yes\"'}",
])
def test_what_is_missing_in_a_reply_that_lacks_a_part_is_unknown(once, check):
    for event in once(check).values():
        assert event["status"] == "unknown" and "a part of the reply may be missing" in event["hint"], event
        assert "remote_read" in event["evidence"]["warnings"], event


# ------------------------------------------------------------ no numbers ----

@pytest.mark.parametrize("check, status, said", [
    ("check: error_rate, metric: quiet_total, match: 'status=\"500\",job=\"shop\"'", "ok", "no requests, so none fails"),
    ("check: error_rate, metric: broken_total, match: 'status=\"500\",job=\"shop\"'", "unknown", "no number (NaN)"),
    ("check: error_rate, metric: half_total, match: 'status=\"500\",job=\"shop\"'", "unknown", "no number (NaN)"),
    ("check: latency, metric: quiet_seconds, match: 'job=\"shop\"'", "ok", "no requests, so none is slow"),
    ("check: latency, metric: broken_seconds, match: 'job=\"shop\"'", "unknown", "requests a second, and yet no quantile (NaN)"),
    ("check: query, promql: 'rate(quiet_total{job=\"shop\"}[20s]) / rate(quiet_total{job=\"shop\"}[20s])', critical: value > 1", "unknown", "no number (NaN)"),
])
def test_no_traffic_is_told_from_a_query_that_is_broken(once, check, status, said):
    (event,) = once(f"c: {{{check}{', window: 20s' if 'query' not in check else ''}}}").values()
    assert event["status"] == status and said in event["message"], event
    assert ("hint" in event) == (status == "unknown"), event


# ---------------------------------------------------- histograms, series ----

def test_a_native_histogram_is_a_histogram(once):
    found = once("c: {check: latency, metric: native_seconds, by: [route], window: 20s}")
    assert found["route=/pay"]["status"] == "warning" and 0.5 < found["route=/pay"]["measures"]["value_seconds"] <= 1, found
    assert found["route=/browse"]["status"] == "ok" and 1 / 64 < found["route=/browse"]["measures"]["value_seconds"] <= 1 / 32, found
    raw = once("c: {check: query, promql: native_seconds, warning: value > 1}")[None]
    assert raw["status"] == "unknown" and "native histograms" in raw["message"] and "histogram_quantile" in raw["hint"], raw


def test_slower_than_it_was_an_hour_ago(once):
    ask = "c: {check: latency, metric: turn_seconds, window: 60s, baseline: %s, warning: baseline_ratio > 1.5}"
    slower = once(ask % "1h")[None]
    assert slower["status"] == "warning" and slower["measures"]["baseline_ratio"] > 5 and "then it was" in slower["message"], slower
    assert slower["measures"]["value_seconds"] > 0.5 > slower["measures"]["baseline_seconds"], slower
    same = once(ask % "1s")[None]
    assert same["status"] == "ok" and 0.5 < same["measures"]["baseline_ratio"] < 1.5, same
    before = once(ask % "2d")[None]
    assert before["status"] == "ok" and "baseline_ratio" not in before["measures"], before


def test_what_is_not_looked_at_is_said(once):
    cut = once("c: {check: query, promql: 'many{job=\"shop\"}', most: 3, critical: value > 1}")
    assert len(cut) == 4 and cut["others"]["status"] == "unknown" and cut["others"]["message"] == "only 3 of 5 series are looked at", cut
    assert len(once("c: {check: query, promql: 'many{job=\"shop\"}', most: 5, critical: value > 1}")) == 5


# ------------------------------------------------------------- OpenMetrics ----

@pytest.fixture
def library():
    """A page of Debian's client library, in OpenMetrics: with exemplars, _created and # EOF; `cut` bytes are taken off its end."""
    registry = CollectorRegistry()
    jobs, work = Counter("jobs", "Jobs.", ["queue"], registry=registry), Histogram("work_seconds", "Work.", registry=registry, buckets=(0.1, 0.5, 1))

    def page(_):
        jobs.labels("a").inc(50, exemplar={"trace_id": "abc"})
        for seconds in SLOW:
            work.observe(seconds, exemplar={"trace_id": "abc"})
        body = exposition.generate_latest(registry)
        assert b"_created" in body and b'# {trace_id="abc"}' in body and body.endswith(b"# EOF\n")
        return Answer(200, body[:len(body) - service.cut], exposition.CONTENT_TYPE_LATEST)

    service = Service({"GET /metrics": page})
    service.cut = 0
    yield service
    service.close()


def test_open_metrics_is_read_to_its_end(once, library):
    def ask(metric, more="", urls=f"'{library.url}/metrics'"):
        return once(f"c: {{check: scrape, metric: {metric}, urls: [{urls}], pause: 200ms{more}}}")[None]
    assert ask("work_seconds", ", warning: value > 0.5")["status"] == "warning"
    assert 0.5 < ask("work_seconds")["measures"]["value"] <= 1 and ask("work_seconds")["measures"]["series"] == 4
    for name in ("jobs", "jobs_total"):
        rate = ask(name, ", critical: per_second > 1")
        assert rate["status"] == "critical" and "value" not in rate["measures"] and rate["measures"]["series"] == 1, rate
    for library.cut in (6, 40, 300):  # without "# EOF", in a line, somewhere
        cut = ask("jobs")
        assert cut["status"] == "critical" and "cut off" in cut["message"], cut
    whole = Service({"GET /metrics": Answer(200, "# TYPE jobs gauge\njobs 4\n# EOF\n", exposition.CONTENT_TYPE_LATEST)})
    half = Service({"GET /metrics": Answer(200, "# TYPE jobs gauge\njobs 5\n", exposition.CONTENT_TYPE_LATEST)})
    try:
        both = ask("jobs", urls=f"'{whole.url}/metrics', '{half.url}/metrics'")
        assert both["status"] == "warning" and both["measures"]["value"] == 4 and both["measures"]["failed"] == 1, both
    finally:
        whole.close()
        half.close()
