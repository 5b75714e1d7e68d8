"""The holder is killed: what people told it, what waits and what can be taken back goes over with the lease."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

import realms
import servers
from agent import RUNBOOKD, Agent
from asking import Asker
from realms import QUEUE, flood, lengths, postgres  # noqa: F401: a fixture among them
from test_lease import wait_step

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def realm(redis, postgres, tmp_path):
    """realm(kind) starts two agents of a realm whose lease lies there, and says who holds it: first, then the other."""
    started = []

    def start(kind, guard="cooldown: 0s", mode="approve", more="", left="", right=""):
        store = {"redis": redis.url, "postgres": postgres.url}[kind]
        name = f"inherit-{tmp_path.name}"

        def begin(side, extra):
            head = f"agent: {{realm: {name}, node: {side}, lease: {{target: store, ttl: 4s}}, state: {tmp_path / side}}}\napproval: {{expires: 30m, remind: 10m}}"
            text = realms.config(redis, head, f'url: "{store}", scope: node', mode, guard, extra or 1, more)
            started.append(Agent(text))
            one = Asker(started[-1], tmp_path / side / "control.sock")
            one.file = tmp_path / f"{side}.yaml"  # which outlives its agent
            one.file.write_text(text)
            return one

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


def knows_critical(one):
    rows = one.json("findings", "--all", code=None)["findings"]
    return any((row["target"], row["name"], row["subject"], row["status"]) == ("cache", "mails", "q", "critical") for row in rows)


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
    servers.wait_until(lambda: knows_critical(second), 60)
    redis.do("del", "q")
    found = second.running.wait_status("cache", "mails", "ok", subject="q", seconds=60)
    assert found["silenced_by"] == "c1", found
    assert not second.running.findings("own", "mine")[-1].get("silenced_by")
    status = second.json("status", code=None)
    assert [(lock["target"], lock["reason"]) for lock in status["locks"]] == [("cache", "breach")], status
    # an ack is kept until its finding is over: that is so now
    assert "ended" in second("silence", "end", "c1").out
    assert "cache" in second("unlock", "cache").out
    again = Agent(first.file.read_text())
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
    servers.wait_until(lambda: knows_critical(second), 60)
    assert "alice" in second("show", "cache/mails[q]", code=None).out
    redis.do("del", "q")
    second.running.wait_status("cache", "mails", "ok", subject="q", seconds=60)
    assert "alice" not in second("show", "cache/mails[q]", code=None).out
    assert "said/ack" not in redis.do("hkeys", f"runbookd:{{{second.running.events[0]['agent']['realm']}}}:state")


def test_a_lock_that_was_set_before_the_agent_began_again_is_there(realm, redis):
    """Of a target of the node and of one of the cluster; the lock is what refuses, not the agent's memory."""
    first, _ = realm("redis")
    first("lock", "cache", "--reason", "breach")
    first("lock", "own", "--reason", "of this node")
    text, path = first.file.read_text(), first.path
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


@KINDS
def test_a_plan_that_waits_is_approved_at_the_next_holder(realm, redis, kind):
    """Under the same id and hash, once it was planned again there; who looks after it, and until when, is kept."""
    first, second = realm(kind)
    flood(redis)
    plan = step(first, "remediation", "waiting")
    first("ack", plan["plan"], "--as", "alice")
    expires = first.json("plan", plan["plan"])["expires"]
    take_over(first, second)

    def waits():
        plans = second.json("pending", code=None)["plans"]
        return plans[0] if len(plans) == 1 and plans[0]["acknowledged"] else None

    found = servers.wait_until(waits, 60)
    assert (found["plan"], found["plan_hash"], found["run"], found["expires"]) == (plan["plan"], plan["plan_hash"], plan["id"], expires), found
    assert "alice" in found["acked_by"] and not steps(second, "remediation", "waiting"), "nobody is called again"

    def approved():  # "is planned again": not yet
        return second("approve", plan["plan"], "--hash", plan["plan_hash"][:4], code=None).code == 0

    servers.wait_until(approved, 60)
    applied = step(second, "remediation", "applied")
    assert applied["plan"] == plan["plan"] and applied["id"] == plan["id"], applied
    servers.wait_until(lambda: lengths(redis) == ("0", str(QUEUE)), 40)
    assert not steps(second, "remediation", "planned", "void") and len(steps(second, "audit", "approved")) == 1


def test_a_plan_that_is_none_at_the_next_holder_is_told_as_void_and_made_anew(realm, redis):
    """There its remediation is configured otherwise: what was read at the first is not what would be done."""
    first, second = realm("redis", right=2)
    flood(redis)
    old = step(first, "remediation", "waiting")
    take_over(first, second)
    void = step(second, "remediation", "void")
    assert void["plan"] == old["plan"] and "configured otherwise at this agent" in void["message"], void
    new = step(second, "remediation", "waiting")
    assert new["plan"] != old["plan"] and new["plan_hash"] != old["plan_hash"]
    assert "does not wait: it is void" in second("approve", old["plan"], "--hash", old["plan_hash"][:4], code=1).err
    second("approve", new["plan"], "--hash", new["plan_hash"][:4])
    servers.wait_until(lambda: lengths(redis) == ("0", str(QUEUE)), 40)


def test_a_plan_for_what_is_over_is_told_as_void(realm, redis):
    """The queue is gone when the other agent takes the lease: its script finds nothing to be done."""
    first, second = realm("redis")
    flood(redis)
    old = step(first, "remediation", "waiting")
    redis.do("del", "q")
    take_over(first, second)
    void = step(second, "remediation", "void")
    assert void["plan"] == old["plan"] and "it is not what was read" in void["message"], void
    servers.wait_until(lambda: second.json("pending", code=None)["plans"] == [], 40)


@KINDS
def test_what_the_first_has_done_is_taken_back_at_the_next_holder(realm, redis, kind):
    first, second = realm(kind, mode="auto", guard="cooldown: 1h", more="    undo_after: 2h")
    flood(redis)
    applied = step(first, "remediation", "applied")
    step(first, "remediation", "ended")
    assert lengths(redis) == ("0", str(QUEUE))
    take_over(first, second)
    servers.wait_until(lambda: applied["plan"] in second("pending", "--all", code=None).out, 40)
    assert "undo" in second("undo", applied["plan"], "--reason", "not so", code=None).out
    assert step(second, "remediation", "undone")["done"] == 1
    assert lengths(redis) == (str(QUEUE), "0")
    assert step(second, "audit", "result")["outcome"] == "undone"


def test_who_loses_the_lease_passes_on_what_is_asked_of_its_plan(realm, redis):
    """It was stopped past its time: the plan is the other one's now, and what a person says of it here reaches that one."""
    first, second = realm("redis")
    flood(redis)
    plan = step(first, "remediation", "waiting")
    os.kill(first.running.process.pid, signal.SIGSTOP)
    try:
        wait_step(second.running, "lease_taken", 60)
    finally:
        os.kill(first.running.process.pid, signal.SIGCONT)
    assert step(first, "remediation", "passed_on")["plan"] == plan["plan"]
    wait_step(first.running, "standby", 40)

    def rejected():  # its answer may come too late, and another one says that it is rejected already
        first("reject", plan["plan"], "--reason", "not now", code=None)
        return steps(second, "remediation", "rejected")

    servers.wait_until(rejected, 60)
    assert step(second, "remediation", "rejected")["plan"] == plan["plan"]
    assert not steps(first, "remediation", "rejected", "void", "expired")


# -------------------------------------------------------- a script run by hand ----

def script_run(one, *words, code=None):
    done = subprocess.run([RUNBOOKD, "script", "run", ROOT / "scripts/redis/quarantine_queue.lua", "-c", one.file,
                           "--target", "queues=cache", "--with", "at_least=1", *words], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, env=dict(os.environ, RUNBOOKD_SCRIPTS=str(ROOT / "scripts")))
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert code in (None, done.returncode), f"exit {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


@KINDS
def test_a_script_run_by_hand_asks_for_the_lease(realm, redis, kind):
    """While an agent holds it nothing is changed, and it says whom to ask; then it holds the lease itself, and gives it back."""
    first, second = realm(kind, mode="dry-run")
    flood(redis)
    step(first, "remediation", "planned")
    assert "9 of 9" in script_run(first, code=0).stdout, "looking needs no lease"
    refused = script_run(second, "--apply", "--yes", code=1).stderr
    name = first.running.events[0]["agent"]
    assert f"nothing is changed: {name['node']}/{name['boot']} holds the realm's lease" in refused and "runbookd remediate NAME" in refused, refused
    assert lengths(redis) == (str(QUEUE), "0")
    second.running.end()
    first.running.end()  # each of them gives the lease back
    done = script_run(first, "--apply", "--yes", code=0)
    if kind == "redis":
        assert redis.do("exists", f"runbookd:{{{name['realm']}}}:lease") == "0", "it was given back"
    assert "applied" in done.stdout and lengths(redis) == ("0", str(QUEUE)), done.stdout + done.stderr
    again = Agent(first.file.read_text())
    try:
        wait_step(again, "lease_taken", 40)
        assert not [e for e in again.events if e["kind"] == "remediation"], "nothing of the script was left"
    finally:
        again.end(None)


def test_a_script_run_by_hand_heeds_the_freeze_of_the_realm(realm, redis):
    first, second = realm("redis", mode="dry-run")
    flood(redis)
    first("freeze", "--reason", "on-sale")
    assert "on-sale" in script_run(first, "--apply", "--yes", code=1).stderr
    second.running.end()
    first.running.end()
    refused = script_run(second, "--apply", "--yes", code=1)  # whose agent never heard of it
    assert "freeze" in refused.stdout + refused.stderr and "on-sale" in refused.stdout + refused.stderr, refused
    assert lengths(redis) == (str(QUEUE), "0")
