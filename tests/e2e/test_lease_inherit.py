"""The holder is killed: what people told it, what waits and what can be taken back goes over with the lease."""
import json

import pytest

import servers
from agent import Agent
from asking import Asker
from test_lease import grant, wait_step

QUEUE = 9


@pytest.fixture(scope="module")
def postgres():
    server = servers.Postgres(max_connections=30)
    grant(server)
    yield server
    server.close()


@pytest.fixture
def realm(redis, postgres, tmp_path):
    """realm(kind) starts two agents of a realm whose lease lies there, and says who holds it: first, then the other."""
    started = []

    def start(kind, guard="cooldown: 0s", mode="approve", more="", left="", right=""):
        store = {"redis": redis.url, "postgres": postgres.url}[kind]
        name = f"inherit-{tmp_path.name}"

        def begin(side, extra):
            text = f"""
agent: {{realm: {name}, node: {side}, lease: {{target: store, ttl: 4s}}, state: {tmp_path / side}}}
guard: {{mode: {mode}}}
approval: {{expires: 30m, remind: 10m}}
targets:
  store: {{url: "{store}", scope: node, checks: {{connect: {{every: 5s, warning: never}}}}}}
  cache: {{type: redis, url: "{redis.url}", scope: cluster, act_as: {{}}, checks: {{mails: {{check: queue_depth, every: 1s, keys: [q], critical: length > 5}}}}}}
  own: {{type: redis, url: "{redis.url}", scope: node, checks: {{mine: {{check: queue_depth, every: 1s, keys: [q], warning: length > 5}}}}}}
remediations:
  set-aside:
    trigger: {{check: cache/mails, status: critical}}
    script: redis/quarantine_queue
    targets: {{queues: cache}}
    with: {{at_least: {extra or 1}}}
    allow: ["queues:quarantine_queue"]
    mode: {mode}
    guard: {{{guard}}}
{more}
"""
            started.append(Agent(text))
            return Asker(started[-1], tmp_path / side / "control.sock")

        first = begin("left", left)
        wait_step(first.running, "lease_taken", 40)
        second = begin("right", right)
        wait_step(second.running, "standby", 40)
        return first, second

    yield start
    for one in started:
        one.end(None)


def take_over(first, second):
    first.running.process.kill()
    first.running.process.wait()
    wait_step(second.running, "lease_taken", 60)


def step(one, kind, name, **more):
    return one.running.wait_for(lambda e: e["kind"] == kind and e["step"] == name and all(e.get(k) == v for k, v in more.items()), 60)


def steps(one, kind, *names):
    return [e for e in list(one.running.events) if e["kind"] == kind and e["step"] in names]


def flood(redis):
    redis.do("rpush", "q", *range(QUEUE))


def lengths(redis):
    return redis.do("llen", "q"), redis.do("llen", "q:quarantine")


KINDS = pytest.mark.parametrize("kind", ["redis", "postgres"])


@KINDS
def test_silences_locks_and_acks_hold_at_the_next_holder(realm, redis, kind):
    """Also those that were ended: nothing of it comes back when the first takes the lease again."""
    first, second = realm(kind)
    first.running.wait_status("cache", "mails", "ok", subject="q", seconds=40)
    silence = first.json("silence", "cache", "--for", "30m", "--reason", "we know")
    other = first.json("silence", "cache/else", "--for", "30m")
    mine = first.json("silence", "own", "--for", "30m")
    assert [one["silence"] for one in (silence, other, mine)] == ["c1", "c2", "s3"] and silence["kept"] and "not_handed_over" not in silence
    assert "ended" in first("silence", "end", "c2").out
    first("lock", "cache", "--reason", "breach")
    first("lock", "own", "--reason", "of this node")
    flood(redis)
    first.running.wait_status("cache", "mails", "critical", subject="q", seconds=40)
    first("ack", "cache/mails[q]", "--reason", "mine")
    take_over(first, second)
    servers.wait_until(lambda: [one["silence"] for one in second.json("silence", "list", code=None)["silences"]] == ["c1"], 40)
    redis.do("del", "q")
    found = second.running.wait_status("cache", "mails", "ok", subject="q", seconds=60)
    assert found["silenced_by"] == "c1", found
    assert not second.running.findings("own", "mine")[-1].get("silenced_by")
    status = second.json("status", code=None)
    assert [(lock["target"], lock["reason"]) for lock in status["locks"]] == [("cache", "breach")], status
    # an ack is kept until its finding is over: that is so now
    assert "ended" in second("silence", "end", "c1").out
    assert "cache" in second("unlock", "cache").out
    again = Agent(first.running.config.read_text())
    back = Asker(again, first.path)
    try:
        wait_step(again, "standby", 40)
        assert [lock["target"] for lock in back.json("status", code=None)["locks"]] == ["cache", "own"]
        take_over(second, back)
        servers.wait_until(lambda: [lock["target"] for lock in back.json("status", code=None)["locks"]] == ["own"], 40)
        assert [one["silence"] for one in back.json("silence", "list")["silences"]] == ["s3"]
    finally:
        again.end(None)


def test_an_ack_is_kept_at_the_next_holder(realm, redis):
    first, second = realm("redis", mode="dry-run")
    flood(redis)
    first.running.wait_status("cache", "mails", "critical", subject="q", seconds=40)
    first("ack", "cache/mails[q]", "--as", "alice", "--reason", "mine")
    take_over(first, second)
    servers.wait_until(lambda: "alice" in (said := second("show", "cache/mails[q]", code=None).out) and "critical" in said, 60)
    redis.do("del", "q")
    second.running.wait_status("cache", "mails", "ok", subject="q", seconds=60)
    assert "alice" not in second("show", "cache/mails[q]", code=None).out
    assert "said/ack" not in redis.do("hkeys", f"runbookd:{{{second.running.events[0]['agent']['realm']}}}:state")


def test_a_lock_that_was_set_before_the_agent_began_again_is_there(realm, redis):
    """Of a target of the node and of one of the cluster; the lock is what refuses, not the agent's memory."""
    first, _ = realm("redis")
    first("lock", "cache", "--reason", "breach")
    first("lock", "own", "--reason", "of this node")
    text, path = first.running.config.read_text(), first.path
    first.running.process.kill()
    first.running.process.wait()
    again = Agent(text)
    try:
        one = Asker(again, path)
        servers.wait_until(lambda: one("status", "--json", code=None).out, 40)
        locks = {lock["target"]: lock["reason"] for lock in json.loads(one("status", "--json", code=None).out)["locks"]}
        assert locks == {"cache": "breach", "own": "of this node"}
    finally:
        again.end(None)
