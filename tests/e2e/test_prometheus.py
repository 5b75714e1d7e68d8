"""plugins/prometheus against Debian's Prometheus, which scrapes itself, a node exporter, a shop of the test's, and nobody."""
import threading

import pytest

import servers
from agent import runbookd
from servers_prometheus import Prometheus, Shop, job
from service import Answer, Service

RULES = """
  - {alert: ShopDown, expr: 'up{job="dead"} == 0', labels: {severity: page, team: shop}, annotations: {summary: "{{ $labels.instance }} is gone.", runbook_url: "https://runbooks.example.org/down"}}
  - {alert: QueueGrows, expr: 'queue_length{queue="mails"} > 40', labels: {severity: ticket, team: mail}}
  - {alert: Watchdog, expr: 'vector(1)', labels: {severity: none}}
"""


@pytest.fixture(scope="module")
def shop():
    one = Shop()
    yield one
    one.close()


@pytest.fixture(scope="module")
def prometheus(shop):
    """Scrapes a shop where /pay fails one time in four and is slow; /browse is fine."""
    over = threading.Event()

    def trade():
        while not over.wait(0.1):
            shop.serve("/browse", 200, 0.02, 9)
            shop.serve("/browse", 200, 0.08)
            shop.serve("/pay", 200, 0.8, 3)
            shop.serve("/pay", 500, 0.02)

    shop.serve("/browse", 200, 0.02)
    shop.serve("/pay", 500, 0.02)
    trading = threading.Thread(target=trade, daemon=True)
    trading.start()
    node, dead = servers.free_port(), servers.free_port()
    exporter = servers.Server("node-exporter")
    exporter.spawn(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"])
    server = Prometheus([job("shop", shop.port), job("node", node), job("dead", dead, shop.port)], RULES)
    server.node = node
    servers.wait_until(lambda: len(server.ask("rate(http_requests_total{job='shop'}[8s])")) >= 3 and len(server.ask("ALERTS{alertstate='firing'}")) >= 3, seconds=40, every=0.3)
    yield server
    over.set()
    trading.join()
    server.close()
    exporter.close()


def ask_once(folder, url, checks, whole=False):
    """Findings of one run, by subject or the whole list; the checks that run by themselves are off, unless they are named."""
    off = "".join(f"{name}: 'off', " for name in ("connect", "alerts", "target_up") if f"{name}:" not in checks)
    (folder / "c.yaml").write_text(f"version: 1\ntargets:\n  p: {{type: prometheus, url: '{url}', checks: {{{off}{checks}}}}}\n")
    result = runbookd("once", "-c", folder / "c.yaml")
    found = [e for e in result.events if e["kind"] == "finding"]
    assert found, result.out + result.err
    return found if whole else {e["subject"]: e for e in found}


@pytest.fixture
def once(prometheus, tmp_path):
    return lambda checks, url=prometheus.url, whole=False: ask_once(tmp_path, url, checks, whole)


def test_each_finding_says_where_the_time_went_and_who_answered(once, shop):
    found = once("connect: {}, alerts: {}, target_up: {}, one: {check: query, promql: 'vector(7)'}, none: {check: query, promql: nothing_of_that_name},"
                 " share: {check: error_rate}, p95: {check: latency, metric: http_request_duration_seconds}", whole=True)
    found += once(f"page: {{check: scrape, metric: queue_length, urls: ['{shop.url}/metrics']}}", whole=True)
    assert {e["name"] for e in found} == {"connect", "alerts", "target_up", "one", "none", "share", "p95", "page"}
    for event in found:
        evidence = event["evidence"]
        assert evidence["ip"] == "127.0.0.1" and evidence["first_byte_ms"] >= 0 and evidence["transfer_ms"] >= 0, event


# ----------------------------------------------------------------------------- query

def test_a_number_and_a_vector(once):
    assert once("c: {check: query, promql: 'vector(7)', critical: value > 6}")[None]["status"] == "critical"
    assert once("c: {check: query, promql: '3 * 2', critical: value > 6}")[None]["status"] == "ok"
    found = once("c: {check: query, promql: 'queue_length{job=\"shop\"}', warning: value > 40}")
    assert len(found) == 2 and sorted(e["status"] for e in found.values()) == ["ok", "warning"], found
    assert any("queue=mails" in subject for subject in found)


def test_what_is_absent_or_no_number(once):
    assert once("c: {check: query, promql: nothing_of_that_name, critical: value > 6}")[None]["status"] == "unknown"
    for word in ("ok", "warning", "critical"):
        assert once(f"c: {{check: query, promql: nothing_of_that_name, absent: {word}, critical: value > 6}}")[None]["status"] == word
    assert once("c: {check: query, promql: 'vector(0) / vector(0)', critical: value > 6}")[None]["status"] == "unknown"
    infinite = once("c: {check: query, promql: 'vector(1) / vector(0)', critical: value > 6}")[None]
    assert infinite["status"] == "critical" and infinite["evidence"]["value_text"] == "+Inf", infinite


@pytest.mark.parametrize("promql, words", [
    ("rate(", "parse error"),
    ("http_requests_total[5m]", "neither a vector nor a number"),
    ('\\"a text\\"', "neither a vector nor a number"),
])
def test_an_expression_that_is_wrong_is_ours(once, promql, words):
    finding = once(f'c: {{check: query, promql: "{promql}"}}')[None]
    assert finding["status"] == "unknown" and words in finding["message"] and finding["hint"], finding


# ------------------------------------------------------------------ error_rate, latency

def test_the_share_that_fails(once):
    found = once("c: {check: error_rate, match: 'status=~\"5..\",job=\"shop\"', by: [route], window: 8s}")
    assert found["route=/pay"]["status"] == "critical" and 20 < found["route=/pay"]["measures"]["errors_percent"] < 30, found
    assert found["route=/browse"]["status"] == "ok" and found["route=/browse"]["measures"]["errors_percent"] == 0, found
    few = once("c: {check: error_rate, match: 'status=\"500\",job=\"shop\"', window: 8s, min_rps: 100000}")[None]
    assert few["status"] == "ok" and "errors_percent" not in few["measures"], few
    assert once("c: {check: error_rate, metric: no_such_total}")[None]["status"] == "unknown"


def test_a_true_quantile(once, prometheus):
    found = once("c: {check: latency, match: 'job=\"shop\"', by: [route], window: 8s}")
    assert found["route=/pay"]["status"] == "warning" and 0.5 < found["route=/pay"]["measures"]["value_seconds"] <= 1, found
    assert found["route=/browse"]["status"] == "ok" and found["route=/browse"]["measures"]["value_seconds"] <= 0.1, found
    assert once("c: {check: latency, metric: no_such_seconds}")[None]["status"] == "unknown"
    servers.wait_until(lambda: prometheus.ask("rate(http_request_duration_seconds_count{job='shop'}[4s] offset 2s)"))
    before = once("c: {check: latency, match: 'job=\"shop\"', window: 4s, baseline: 2s, quantile: 0.5}")[None]
    assert 0.5 < before["measures"]["baseline_ratio"] < 2, before
    own = once("c: {check: latency, metric: prometheus_http_request_duration_seconds, window: 8s}")[None]
    assert own["status"] in ("ok", "warning"), own


@pytest.mark.parametrize("words, said", [
    ("check: error_rate, match: 'route=\"/pay\"'", "all requests are errors"),
    ("check: error_rate, match: 'status=5'", "no list of matchers"),
    ("check: error_rate, metric: 'a b'", "no metric's name"),
    ("check: latency, quantile: 95", "lies between 0 and 1"),
    ("check: latency, by: ['a,b']", "list of labels"),
    ("check: alerts, match: '{a=\"b\"}'", "no list of matchers"),
    ("check: scrape, metric: x, urls: [localhost]", "write http://"),
])
def test_what_is_written_wrong_is_told_when_it_is_read(tmp_path, words, said):
    (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  p: {{type: prometheus, url: 'http://x', checks: {{c: {{{words}}}}}}}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 1 and said in result.err + result.out, result.err + result.out


# -------------------------------------------------------------------- alerts, target_up

def test_alerts_that_fire(once):
    found = once("alerts: {}")
    down = next(e for subject, e in found.items() if subject and "ShopDown" in subject)
    assert down["status"] == "critical" and "is gone" in down["message"] and not down["message"].endswith("."), down
    assert down["evidence"]["runbook_url"] == "https://runbooks.example.org/down" and down["measures"]["firing_seconds"] >= 0
    queue = next(e for subject, e in found.items() if subject and "QueueGrows" in subject)
    assert queue["status"] == "warning", queue
    assert found[None]["measures"]["count"] == len(found) - 1 and not any(s and "Watchdog" in s for s in found)
    mail = once("alerts: {match: 'team=\"mail\"'}")
    assert len(mail) >= 2 and all(s is None or "team=mail" in s for s in mail), mail
    nobody = once("alerts: {match: 'team=\"nobody\"'}")
    assert list(nobody) == [None] and nobody[None]["status"] == "ok" and nobody[None]["message"] == "no alert fires", nobody


def test_an_alert_that_should_always_fire(once):
    assert {e["status"] for e in once("alerts: {match: 'severity=\"none\"', expect: [Watchdog]}").values()} == {"ok"}
    found = once("alerts: {match: 'severity=\"none\"', expect: [Watchdog, DeadMansSwitch]}")
    assert found["alertname=DeadMansSwitch,missing"]["status"] == "critical", found


def test_targets_that_cannot_be_scraped(once):
    found = once("target_up: {}")
    assert found["dead"]["status"] == "critical" and found["dead"]["measures"]["down"] == 1 and found["dead"]["measures"]["count"] == 2, found
    assert "refused" in found["dead"]["evidence"]["targets"][0]["error"]
    for name in ("shop", "node", "prometheus"):
        assert found[name]["status"] == "ok" and found[name]["measures"]["age_seconds"] < 5, found[name]
    assert once("t: {check: target_up, job: gone}")["gone"]["status"] == "critical"


# ---------------------------------------------------------------------------- scrape

def test_pages_that_nobody_scrapes(once, shop, prometheus):
    base = f"urls: ['{shop.url}/metrics'], pause: 1s"
    found = once(f"c: {{check: scrape, metric: http_request_duration_seconds, by: [route], {base}, warning: value > 0.5}}")
    assert found["route=/pay"]["status"] == "warning" and 0.5 < found["route=/pay"]["measures"]["value"] <= 1, found
    assert found["route=/browse"]["status"] == "ok" and found["route=/browse"]["measures"]["per_second"] > 10, found
    rate = once(f"c: {{check: scrape, metric: http_requests_total, match: {{status: '500'}}, {base}, critical: per_second > 1}}")[None]
    assert rate["status"] == "critical", rate
    gauge = once(f"c: {{check: scrape, metric: queue_length, by: [queue], {base}, critical: value > 40}}")
    assert gauge["queue=mails"]["status"] == "critical" and gauge["queue=jobs"]["status"] == "ok", gauge
    node = once(f"c: {{check: scrape, metric: node_memory_MemAvailable_bytes, urls: ['http://127.0.0.1:{prometheus.node}/metrics'], critical: value < 1000}}")[None]
    assert node["status"] == "ok", node


def test_pages_that_are_not_there(once, shop):
    assert once(f"c: {{check: scrape, metric: no_such_metric, urls: ['{shop.url}/metrics']}}")[None]["status"] == "unknown"
    half = once(f"c: {{check: scrape, metric: queue_length, urls: ['{shop.url}/metrics', 'http://127.0.0.1:{servers.free_port()}/metrics']}}")[None]
    assert half["status"] == "warning" and half["measures"]["failed"] == 1 and "refuses" in half["evidence"]["last_failure"], half


def test_a_page_behind_a_login_and_an_url_with_secrets(agent, tmp_path):
    """The target's headers go to its own page; what an URL may hold is never shown."""
    page = Answer(200, "# TYPE queue_length gauge\nqueue_length 7\n# EOF\n", type="application/openmetrics-text")
    service = Service({"GET /metrics": lambda ask: page if ask.headers.get("X-Token") == "tok-3141" else Answer(401, "no")})
    try:
        def ask(more, check):
            (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  p: {{type: prometheus, url: '{service.url}'{more}, checks: {{connect: 'off', "
                                             f"alerts: 'off', target_up: 'off', c: {{check: scrape, metric: queue_length{check}}}}}}}\n")
            result = runbookd("once", "-c", tmp_path / "c.yaml")
            assert not any(word in result.out + result.err for word in ("tok-3141", "pw-2718", "key-1618")), result.out + result.err
            return next(e for e in result.events if e["kind"] == "finding")
        assert ask(", headers: {X-Token: tok-3141}", "")["measures"]["value"] == 7
        lacking = ask("", "")
        assert lacking["status"] == "unknown" and lacking["words"]["error_class"] == "noauth", lacking
        hidden = ask("", f", urls: ['http://me:pw-2718@127.0.0.1:{service.port}/metrics?key=key-1618']")
        assert hidden["status"] == "critical" and f"http://127.0.0.1:{service.port}/metrics: answers 401" in hidden["message"], hidden
    finally:
        service.close()


# ------------------------------------------------------------------------ bad days

def test_another_server_is_no_prometheus(once, shop):
    finding = once("connect: {}", url=shop.url)[None]
    assert finding["status"] == "unknown" and "as no Prometheus does" in finding["message"] and finding["hint"], finding


def test_a_prometheus_that_is_gone_or_stands_still(agent, prometheus):
    running = agent(f"""
agent: {{emit: all}}
targets:
  p: {{type: prometheus, url: '{prometheus.url}', checks: {{connect: {{every: 300ms, timeout: 300ms}}, alerts: 'off', target_up: {{every: 300ms}}}}}}
""")
    running.wait_status("p", "connect", "ok")
    prometheus.freeze()
    try:
        running.wait_status("p", "connect", "critical")
    finally:
        prometheus.thaw()
    seen = len(running.events)
    running.wait_status("p", "connect", "ok", after=seen)
    prometheus.kill()
    seen = len(running.events)
    gone = running.wait_status("p", "connect", "critical", after=seen)
    assert "target_up" in running.wait_for(lambda e: e.get("name") == "connect" and e["status"] == "critical" and e.get("held"))["held"], gone
    prometheus.start()
    seen = len(running.events)
    running.wait_status("p", "connect", "ok", after=seen, seconds=30)
