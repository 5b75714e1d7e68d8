"""The agent's own pages: read by Debian's Prometheus and its promtool, and by who means no good."""
import http.client
import json
import re
import socket
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

import servers
from test_reload import replace, step

NAMES = re.compile(r"^runbookd_measure_")  # are called as conditions call them, whatever Prometheus' manners are


def config(port, redis, more="", agent=""):
    return f"""
version: 1
agent: {{realm: "tests/a\\"b", labels: {{team: "sre"}}, admin: {{listen: "127.0.0.1:{port}"}}{agent}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 500ms
    owner: "#cache"
    checks:
      mails: {{check: queue_depth, keys: ["q:a", "q:b"], every: 200ms, critical: length > 5, labels: {{tier: gold}}}}
{more}
"""


def fetch(port, path="/metrics", accept=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Accept": accept} if accept else {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


def samples(body):
    """{(name, labels): value}"""
    found = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
            assert (name, pairs) not in found, f"twice: {line}"
            found[name, pairs] = float(value)
    return found


def value(found, metric, /, **labels):
    fits = [v for (n, pairs), v in found.items() if n == metric and set(labels.items()) <= pairs]
    assert len(fits) <= 1, f"{len(fits)} of {metric}{labels}"
    return fits[0] if fits else None


def promtool(body):
    done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True, capture_output=True, timeout=20)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]


class Prometheus(servers.Server):
    """Scrapes one port, four times a second."""

    def __init__(self, port, rules=None):
        super().__init__("prometheus")
        self.port = servers.free_port()
        (self.dir / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}}
rule_files: [{f'"{rules}"' if rules else ''}]
scrape_configs:
- {{job_name: runbookd, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}
""")
        self.spawn(["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}"])

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=5) as reply:
            return json.load(reply)["data"]

    def ask(self, query):
        return self.get(f"query?query={urllib.parse.quote(query)}")["result"]


@pytest.fixture
def port():
    return servers.free_port()


def test_prometheus_reads_what_the_checks_found(agent, redis, port):
    redis.do("rpush", "q:a", *range(8))
    running = agent(config(port, redis))
    running.wait_status("cache", "mails", "critical", subject="q:a")
    prometheus = Prometheus(port)
    try:
        found = servers.wait_until(lambda: prometheus.ask('runbookd_finding_status{status="critical"} == 1'))
        labels = found[0]["metric"]
        assert (labels["realm"], labels["target"], labels["name"], labels["subject"]) == ('tests/a"b', "cache", "mails", "q:a")
        assert (labels["check"], labels["team"], labels["tier"], labels["owner"]) == ("redis.queue_depth", "sre", "gold", "#cache")
        assert prometheus.ask('runbookd_measure_length{subject="q:a"}')[0]["value"][1] == "8"
        target = prometheus.get("targets")["activeTargets"][0]
        assert target["health"] == "up" and target["lastError"] == ""
        redis.do("del", "q:a")
        running.wait_status("cache", "mails", "ok", subject="q:a", after=len(running.events) - 1)
        servers.wait_until(lambda: not prometheus.ask('runbookd_finding_status{status="critical"} == 1'))
        servers.wait_until(lambda: prometheus.ask('rate(runbookd_check_duration_seconds_count{name="mails"}[5s]) > 0.5'))
        servers.wait_until(lambda: prometheus.ask("histogram_quantile(0.9, sum by (le) (rate(runbookd_check_duration_seconds_bucket[5s])))"))
    finally:
        prometheus.close()


def test_both_formats_say_the_same_and_promtool_agrees(agent, redis, port):
    running = agent(config(port, redis))
    running.wait_status("cache", "mails", "ok", subject="q:b")
    running.wait_status("cache", "memory", "ok")
    plain, older = fetch(port)
    assert plain.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert [line for line in promtool(older) if not NAMES.match(line)] == []
    reply, newer = fetch(port, accept="application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    assert reply.getheader("Content-Type").startswith("application/openmetrics-text; version=1.0.0")
    assert newer.endswith("\n# EOF\n") and "EOF" not in older
    assert {name for name, _ in samples(older)} <= {name for name, _ in samples(newer)}  # some measures need a second run
    found = samples(older)
    assert value(found, "runbookd_check_runs_total", name="mails") >= 1
    assert value(found, "runbookd_check_failures_total", name="mails") == 0
    assert value(found, "runbookd_findings", status="ok") >= 2
    assert value(found, "runbookd_plugin_info", plugin="redis", set_aside="false") == 1
    assert value(found, "runbookd_lua_memory_bytes") > 1000 and value(found, "runbookd_memory_anonymous_bytes") > 1 << 20
    reply, body = fetch(port, method="HEAD")
    assert reply.status == 200 and body == ""


def test_what_is_not_measured_now_is_not_there(agent, redis, port):
    running = agent(config(port, redis))
    running.wait_status("cache", "memory", "ok")
    servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_measure_used_bytes", name="memory"))
    redis.kill()
    running.wait_status("cache", "connect", "critical")
    servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_measure_used_bytes", name="memory") is None)
    found = samples(fetch(port)[1])
    assert value(found, "runbookd_finding_status", name="connect", status="critical") == 1
    assert value(found, "runbookd_finding_status", name="memory", status="ok") == 1  # what was said of it stands
    assert fetch(port, "/healthz")[0].status == 200 and fetch(port, "/readyz")[0].status == 200  # a bad target is no bad agent


def test_subjects_beyond_the_limit_are_counted(agent, redis, port):
    keys = ", ".join(f'"many:{i}"' for i in range(30))
    running = agent(config(port, redis, f"      many: {{check: queue_depth, keys: [{keys}], every: 200ms}}").replace(f':{port}"', f':{port}", subjects: 10'))
    running.wait_status("cache", "many", "ok", subject="many:29")
    found = servers.wait_until(lambda: (lambda f: f if value(f, "runbookd_check_subjects_left_out", name="many") else None)(samples(fetch(port)[1])))
    assert value(found, "runbookd_check_subjects_left_out", name="many") == 20
    assert len([1 for (name, pairs) in found if name == "runbookd_measure_length" and ("name", "many") in pairs]) == 10


def test_of_two_agents_the_one_with_the_lease_shows_what_is_asked_once(agent, redis, port):
    ports = [port, servers.free_port()]
    both = [agent(config(each, redis, agent=", lease: {target: cache, ttl: 2s}").replace('tests/a\\"b', "tests")) for each in ports]
    pages = lambda: [samples(fetch(each)[1]) for each in ports]
    held = lambda: [value(page, "runbookd_lease_held") for page in pages()]
    mails = lambda: [value(page, "runbookd_finding_status", name="mails", subject="q:a", status="ok") for page in pages()]
    servers.wait_until(lambda: sorted(held()) == [0, 1] and sorted(mails(), key=str) == [1, None])
    assert held() == [1 if each else 0 for each in mails()]
    holder = held().index(1)
    both[holder].end()
    other = ports[1 - holder]
    servers.wait_until(lambda: value(samples(fetch(other)[1]), "runbookd_lease_held") == 1)
    servers.wait_until(lambda: value(samples(fetch(other)[1]), "runbookd_measure_length", name="mails", subject="q:a") is not None)


def test_readiness_is_of_the_agent_and_its_state(agent, redis, port, tmp_path):
    running = agent(config(port, redis, agent=f", state: {tmp_path}/state"))
    running.wait_status("cache", "memory", "ok")
    assert json.loads(fetch(port, "/readyz")[1]) == {"ready": True, "configuration": "in_force", "state": "kept"}
    running.end()
    (tmp_path / "taken").write_text("a file, no folder")
    for role, status in ((", role: sidecar", 200), ("", 503)):
        running = agent(config(port, redis, agent=f", state: {tmp_path}/taken{role}"))
        running.wait_for(lambda e: e.get("step") == "state_unavailable")
        reply, body = servers.wait_until(lambda: fetch(port, "/readyz"))
        assert (reply.status, json.loads(body)["ready"], json.loads(body)["state"]) == (status, False, "none")
        running.end()


def test_a_port_that_is_taken_is_said_and_a_reload_moves(agent, redis, port):
    other = servers.free_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        running = agent(config(port, redis))
        said = running.wait_for(lambda e: e.get("step") == "admin_unavailable")
        assert str(port) in said["message"] and said["level"] == "warn"
        running.wait_status("cache", "memory", "ok")  # and it goes on
        replace(running.config, config(other, redis))
        first = running.wait_for(lambda e: step(e, "reloaded"))
        assert fetch(other, "/healthz")[1] == "ok\n"
    replace(running.config, config(other, redis).replace(f'{{listen: "127.0.0.1:{other}"}}', "off"))
    running.wait_for(lambda e: step(e, "reloaded") and e["seq"] > first["seq"])
    with pytest.raises(OSError):
        fetch(other, "/healthz")


def test_who_means_no_good_gets_nothing_and_delays_no_check(agent, redis, port):
    running = agent(config(port, redis, agent=", emit: all"))
    running.wait_status("cache", "memory", "ok")
    over, refused = threading.Event(), []

    def flood():
        while not over.is_set():
            try:
                refused.append(fetch(port)[0].status)
            except OSError:
                pass

    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for one in slow:
        one.send(b"GET /metrics HTTP/1.1\r\nX: ")
    floods = [threading.Thread(target=flood) for _ in range(4)]
    for one in floods:
        one.start()
    for method in ("POST", "PUT", "DELETE"):
        assert fetch(port, "/metrics", method=method)[0].status == 405
    for path in ("/../../etc/passwd", "/metrics/", "//metrics", "/%2e%2e/", "/config"):
        assert fetch(port, path)[0].status == 404
    seen = len(running.events)
    try:  # every 200 ms, all the while
        servers.wait_until(lambda: sum(e["kind"] == "finding" and e["name"] == "mails" and e["subject"] == "q:a" for e in running.events[seen:]) >= 7)
    finally:
        over.set()
    for one in floods:
        one.join()
    assert refused and set(refused) == {200}
    for one in slow:
        one.close()


def test_no_secret_is_on_any_page(agent, redis, port):
    secret = "s3cr3t-of-the-tests"
    redis.do("acl", "setuser", "watcher", "on", f">{secret}", "~*", "+@all")
    running = agent(config(port, redis).replace("every: 500ms", f"every: 500ms\n    user: watcher\n    password: {secret}"))
    running.wait_status("cache", "memory", "ok")
    for path in ("/", "/metrics", "/healthz", "/readyz", "/nothing"):
        assert secret not in fetch(port, path)[1]
