"""Remediations on a real Redis: a flooded queue set aside and taken back, a cache's prefix dropped."""
import os
import time

import pytest

import servers
from agent import Agent, runbookd


@pytest.fixture(scope="module")
def server():
    server = servers.Redis()
    yield server
    server.close()


@pytest.fixture
def agents(tmp_path):
    started = []

    def start(config):
        started.append(Agent(config.replace("STATE", str(tmp_path / "state"))))
        return started[-1]

    yield start
    for one in started:
        one.end(None)


def config(server, check, entry):
    return f"""
agent: {{state: STATE}}
guard: {{mode: auto}}
targets:
  cache:
    type: redis
    url: {server.url}
    act_as: {{}}
    every: 300ms
    checks: {{{check}}}
remediations:
  fix: {{{entry}}}
"""


def step(agent, name, seconds=60):
    return agent.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == name, seconds)


def test_a_flooded_queue_is_set_aside_and_taken_back(server, agents):
    server.do("flushall")
    server.do("rpush", "jobs:low", *range(1500))
    server.do("rpush", "jobs:high", 1, 2)
    agent = agents(config(server, 'depth: {check: queue_depth, keys: ["jobs:low", "jobs:high"], critical: length > 1000, every: 300ms}',
                          "trigger: {check: cache/depth, status: critical}, script: redis/quarantine_queue, targets: {queues: cache}, "
                          'allow: ["queues:quarantine_queue"], mode: auto, undo_after: 4s, '
                          'verify: {check: cache/depth, condition: "length < 1000", within: 30s, stable: 1s}'))
    planned = step(agent, "planned")
    assert planned["binds"] == "items" and planned["effect"] == "reversible" and planned["affected"] == 1500, planned
    assert step(agent, "applied")["done"] == 1500
    assert step(agent, "verified")["outcome"] == "fixed"
    assert server.do("exists", "jobs:low") == "0" and server.do("llen", "jobs:low:quarantine") == "1500"
    assert server.do("lrange", "jobs:high", 0, -1).split() == ["1", "2"]
    assert step(agent, "undone")["done"] == 1
    assert server.do("llen", "jobs:low") == "1500" and server.do("exists", "jobs:low:quarantine") == "0"


def test_a_cache_prefix_is_dropped_and_nothing_else(server, agents):
    server.do("flushall")
    for number in range(40):
        server.do("set", f"cache:user:{number}", "x" * 100, "ex", 1000)
    server.do("set", "session:1", 1, "ex", 1000)
    server.do("set", "cache:user:lock:1", 1, "ex", 1000)
    server.do("rpush", "bull:mails:wait", 1)
    agent = agents(config(server, 'depth: {check: queue_depth, keys: ["bull:mails:wait"], critical: length >= 1, every: 300ms}',
                          "trigger: {check: cache/depth, status: critical}, script: redis/unlink_pattern, targets: {cache: cache}, "
                          'with: {pattern: "cache:user:*"}, allow: ["cache:unlink_pattern"], mode: auto, '
                          "guard: {max_affected: 100}"))
    planned = step(agent, "planned")
    assert planned["affected"] == 40 and planned["total"] == 43, planned
    assert step(agent, "applied")["done"] == 40
    assert server.do("keys", "cache:user:*").split() == ["cache:user:lock:1"]
    assert server.do("exists", "session:1") == "1" and server.do("llen", "bull:mails:wait") == "1"


def test_a_finding_that_flaps_starts_no_loop_of_remediations(server, agents):
    """A flood that comes back whenever it was set aside: soon it is held at its worst, and nothing begins any more."""
    server.do("flushall")
    agent = agents(config(server, 'depth: {check: queue_depth, keys: ["jobs:low"], critical: length > 1000, every: 200ms}',
                          "trigger: {check: cache/depth, status: critical}, script: redis/quarantine_queue, targets: {queues: cache}, "
                          'allow: ["queues:quarantine_queue"], mode: auto, guard: {cooldown: 0s, attempts: 1000/1h}, '
                          "verify: {check: cache/depth, condition: length < 1000, within: 30s, stable: 0s}"))

    def applied():
        return sum(e["kind"] == "remediation" and e["step"] == "applied" for e in list(agent.events))

    def flaps():
        return any(e.get("reason") == "flapping" for e in list(agent.events))

    for number in range(1, 20):
        if flaps():
            break
        server.do("del", "jobs:low:quarantine")
        server.do("rpush", "jobs:low", *range(1500))
        servers.wait_until(lambda: flaps() or applied() == number and agent.findings("cache", "depth")[-1]["status"] == "ok")
    assert flaps(), [e["message"] for e in agent.events]
    servers.wait_until(lambda: server.do("llen", "jobs:low") in ("0", "1500"))
    time.sleep(2)  # what was under way then
    before = applied()
    for _ in range(8):
        server.do("del", "jobs:low", "jobs:low:quarantine")
        time.sleep(0.5)  # two looks at it
        server.do("rpush", "jobs:low", *range(1500))
        time.sleep(0.5)
    assert 1 <= applied() == before < 20 and server.do("llen", "jobs:low") == "1500", [e["message"] for e in agent.events]


def anonymous_kb(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("RssAnon"))


def test_many_remediations_in_a_row_take_no_memory(server, agents, tmp_path, monkeypatch):
    """RUNBOOKD_MANY: how many; a thousand are for a run by hand."""
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64")  # what is free is kept else
    many = int(os.environ.get("RUNBOOKD_MANY", "60"))
    server.do("flushall")
    agent = agents(config(server, "keyspace: {}",
                          "trigger: manual, script: redis/quarantine_queue, targets: {queues: cache}, with: {key: jobs:low, at_least: 1}, "
                          'allow: ["queues:quarantine_queue"], mode: auto, guard: {cooldown: 0s, attempts: 1000/1s}'))
    agent.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "connect")
    sizes = []
    for number in range(1, many + 1):
        server.do("rpush", "jobs:low", *range(10))
        assert runbookd("remediate", "fix", "--socket", tmp_path / "state/control.sock").code == 0
        agent.wait_for(lambda e: sum(one["kind"] == "remediation" and one["step"] == "ended" for one in list(agent.events)) >= number, 60)
        assert server.do("llen", "jobs:low:quarantine") == "10"
        server.do("del", "jobs:low:quarantine")
        sizes.append(anonymous_kb(agent.process.pid))
    print(f"{many} remediations: {sizes[many // 4]} kB after a quarter, {sizes[-1]} kB at the end")
    assert sum(e["kind"] == "remediation" and e["step"] == "applied" for e in agent.events) == many
    assert sizes[-1] < 1.25 * sizes[many // 4], sizes
