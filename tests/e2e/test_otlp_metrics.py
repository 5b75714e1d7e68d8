"""agent.otlp: the agent's numbers as OTLP's own protobuf classes read them, and a collector that is away."""
import json
import os
import pathlib
import subprocess

import pytest

import receiver as receivers
import servers
from agent import Agent
from test_admin import fetch, samples

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def redis():
    server = servers.Redis()
    server.do("rpush", "q:a", "1", "2", "3")
    yield server
    server.close()


def config(redis, url, more="", admin=""):
    return f"""
version: 1
agent: {{realm: 'tests/a"b', node: n1, labels: {{team: sre}}, heartbeat: 1s, otlp: {{url: "{url}", every: 1s{more}}}{admin}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 300ms
    checks:
      mails: {{check: queue_depth, keys: ["q:a", "q:b"], critical: length > 5}}
"""


def read(request):
    """{name: metric}, and the resource's attributes, as OTLP's classes have them."""
    env = dict(os.environ, NODE_PATH=os.environ["RUNBOOKD_NPM"] + "/node_modules")
    done = subprocess.run(["node", HERE / "otlp_metrics_check.js"], input=request.body, capture_output=True, check=False, env=env)
    assert done.returncode == 0, done.stderr.decode()
    (resource,) = json.loads(done.stdout)["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    metrics = {metric["name"]: metric for metric in scope["metrics"]}
    assert len(metrics) == len(scope["metrics"]) and scope["scope"]["name"] == "runbookd"
    return metrics, plain(resource["resource"]["attributes"])


def plain(attributes):
    return {pair["key"]: pair["value"]["stringValue"] for pair in attributes}


def points(metric):
    kind = next(key for key in ("gauge", "sum", "histogram") if key in metric)
    return [(plain(point.get("attributes", [])), point) for point in metric[kind]["dataPoints"]]


def last_with(receiver, name, subject=None):
    """The last request that has such a point, read."""
    for request in reversed(list(receiver.requests)):
        metrics, resource = read(request)
        if name in metrics and (subject is None or any(a.get("subject") == subject for a, _ in points(metrics[name]))):
            return request, metrics, resource
    return None


def test_what_metrics_shows_is_sent_as_otlp(redis):
    collector = receivers.Receiver(reply=b"{}")
    port = servers.free_port()
    agent = Agent(config(redis, f"http://127.0.0.1:{collector.port}", admin=f", admin: {{listen: '127.0.0.1:{port}'}}"))
    try:
        servers.wait_until(lambda: last_with(collector, "runbookd_measure_length", "q:a"), seconds=20)
        request, metrics, resource = last_with(collector, "runbookd_measure_length", "q:a")
        page = samples(fetch(port)[1])
    finally:
        agent.end()
        collector.close()
    assert request.path == "/v1/metrics" and request.headers["Content-Type"] == "application/json"
    assert resource["service.name"] == "runbookd" and resource["host.name"] == "n1"
    assert resource["service.instance.id"] == agent.events[0]["agent"]["boot"]
    length = {labels["subject"]: (labels, point) for labels, point in points(metrics["runbookd_measure_length"])}
    labels, point = length["q:a"]
    assert point["asDouble"] == 3 and labels == {"realm": 'tests/a"b', "target": "cache", "name": "mails", "check": "redis.queue_depth",
                                                 "subject": "q:a"}
    runs = metrics["runbookd_check_runs"]["sum"]
    assert runs["isMonotonic"] and runs["aggregationTemporality"] == 2
    assert all(int(point["startTimeUnixNano"]) < int(point["timeUnixNano"]) for point in runs["dataPoints"])
    took = metrics["runbookd_check_duration_seconds"]
    assert took["unit"] == "s"
    for _, point in points(took):
        assert sum(map(int, point["bucketCounts"])) == int(point["count"]) > 0
        assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1
    for name, _ in page:  # nothing that /metrics has is missing
        family = name if name in metrics else name.removesuffix("_total")
        family = family if family in metrics else family.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert family in metrics, name


def test_a_collector_that_is_away_is_said_once_and_gets_all_of_it_later(redis):
    collector = receivers.Receiver(reply=b"{}")
    collector.fault = lambda number, request: 503
    agent = Agent(config(redis, f"http://127.0.0.1:{collector.port}/otlp/v1/metrics"))
    try:
        down = agent.wait_for(lambda event: event.get("step") == "otlp_down")
        assert "HTTP 503" in down["message"] and down["level"] == "warn"
        servers.wait_until(lambda: len(collector.requests) >= 3, seconds=20)
        collector.fault = None
        agent.wait_for(lambda event: event.get("step") == "otlp_up")
        servers.wait_until(lambda: last_with(collector, "runbookd_measure_length"), seconds=20)
        _, metrics, _ = last_with(collector, "runbookd_measure_length")
    finally:
        agent.end()
        collector.close()
    assert collector.requests[-1].path == "/otlp/v1/metrics"
    assert [event["step"] for event in agent.events if event.get("step", "").startswith("otlp")] == ["otlp_down", "otlp_up"]
    ((_, failures),) = points(metrics["runbookd_otlp_export_failures"])
    assert float(failures.get("asDouble", 0)) >= 3


def test_what_a_collector_leaves_out_is_said(redis):
    collector = receivers.Receiver(reply=b'{"partialSuccess": {"rejectedDataPoints": "1", "errorMessage": "too many series"}}')
    agent = Agent(config(redis, f"http://127.0.0.1:{collector.port}"))
    try:
        down = agent.wait_for(lambda event: event.get("step") == "otlp_down")
    finally:
        agent.end()
        collector.close()
    assert "left out 1 point: too many series" in down["message"]


def test_a_token_is_sent_and_never_said(redis, tmp_path):
    token = "tok-6f1e2a90c44d47b5"
    (tmp_path / "token").write_text(token)
    collector = receivers.Receiver(reply=b"{}")
    agent = Agent(config(redis, f"http://127.0.0.1:{collector.port}", more=f', bearer: "${{file:{tmp_path}/token}}"'))
    try:
        servers.wait_until(lambda: collector.requests, seconds=20)
        collector.fault = lambda number, request: 401
        agent.wait_for(lambda event: event.get("step") == "otlp_down")
    finally:
        agent.end()
        collector.close()
    assert collector.requests[0].headers["Authorization"] == f"Bearer {token}"
    assert token not in json.dumps(agent.events)
