"""Who acts in a realm, and with which scripts: cool-downs go over with the lease, and what held up the loop stays aside."""
import time

import pytest

import servers
from agent import Agent


@pytest.fixture
def start(tmp_path):
    started = []

    def start(config, state="state"):
        started.append(Agent(config.replace("STATE", str(tmp_path / state))))
        return started[-1]

    yield start
    for one in started:
        one.end(None)


def config(server, mode="auto", agent=""):
    return f"""
agent: {{realm: acting, state: STATE{agent}}}
guard: {{mode: {mode}}}
targets:
  cache:
    type: redis
    url: {server.url}
    act_as: {{}}
    every: 300ms
    checks: {{depth: {{check: queue_depth, keys: ["jobs:low"], critical: length > 1000, every: 300ms}}}}
remediations:
  fix: {{trigger: {{check: cache/depth, status: critical}}, script: redis/quarantine_queue, targets: {{queues: cache}}, allow: ["queues:quarantine_queue"],
        mode: auto, guard: {{cooldown: 1h, attempts: 3/2h}}, verify: {{check: cache/depth, condition: "length < 1000", within: 30s, stable: 1s}}}}
"""


def flood(server):
    server.do("rpush", "jobs:low", *range(1500))


def test_who_takes_the_lease_over_knows_what_was_done(redis, start):
    """The holder acts and is killed: the other one looks, finds the same, and keeps the cool-down."""
    text = config(redis, agent=", lease: {target: cache, ttl: 2s}")
    both = [start(text, f"state-{one}") for one in range(2)]

    def holder():
        return next((one for one in both if any(e.get("step") == "lease_taken" for e in list(one.events))), None)

    first = servers.wait_until(holder)
    second = both[1 - both.index(first)]
    first.wait_for(lambda e: e["kind"] == "finding" and e["target"] == "cache")
    flood(redis)
    applied = first.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "applied")
    first.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "verified")
    assert applied["done"] == 1500 and not [e for e in second.events if e["kind"] == "remediation"]
    assert "attempts" in redis.do("hget", "runbookd:{acting}:state", "guard/fix/cache")
    first.process.kill()
    first.process.wait()
    second.wait_for(lambda e: e.get("step") == "lease_taken")
    flood(redis)
    refused = second.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "refused")
    assert "cooldown" in str(refused), refused
    assert redis.do("llen", "jobs:low") == "1500"


def test_a_script_that_held_up_the_loop_does_not_run(redis, start, tmp_path):
    flood(redis)
    dry = start(config(redis, mode="dry-run"))
    planned = dry.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "planned")
    dry.end()
    notes = tmp_path / "state" / "crashes"
    wall = int(time.time() * 1000)
    line = f"{wall} 0 redis/quarantine_queue script {planned['script_sha256']}".ljust(127) + "\n"
    notes.write_text(line + notes.read_text()[128:])
    one = start(config(redis))
    assert "redis/quarantine_queue" in one.wait_for(lambda e: e.get("step") == "script_set_aside")["message"]
    failed = one.wait_for(lambda e: e["kind"] == "remediation" and "set aside" in e["message"])
    assert "stood still" in failed["message"] and redis.do("llen", "jobs:low") == "1500"
