"""A standby is asked, and answers for the agent that holds the lease, by way of the lease's store."""
import os
import pathlib
import signal

import pytest

import realms
import servers
from agent import runbookd
from asking import Asker
from realms import QUEUE, lengths, postgres  # noqa: F401: a fixture among them
from test_control_plans import keys  # noqa: F401: a fixture
from test_lease import wait_holder, wait_step

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "redis" / "quarantine_queue.lua"


@pytest.fixture
def two(agent, redis, tmp_path):
    """two(store, approval, more) starts two agents of a realm: who asks the holder, and who asks the standby."""

    def start(store, approval="", ttl="4s", more=""):
        realms.flood(redis)
        (tmp_path / "c").mkdir()
        head = f"agent: {{realm: tests/night, lease: {{target: store, ttl: {ttl}}}, state: STATE}}\n{approval}"
        text = realms.config(redis, head, f'url: "{store}"', more=more)
        both = [agent(text.replace("STATE", str(tmp_path / name))) for name in ("left", "right")]
        first = wait_holder(both, 40)
        second = both[1 - both.index(first)]
        wait_step(second, "standby", 40)
        second.wait_status("own", "mine", "warning", subject="q")
        sockets = {id(one): tmp_path / name / "control.sock" for one, name in zip(both, ("left", "right"))}
        return Asker(first, sockets[id(first)]), Asker(second, sockets[id(second)])

    return start


def name_of(one):
    return one.running.events[0]["agent"]["node"] + "/" + one.running.events[0]["agent"]["boot"]


def waiting(one):
    return one.running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "waiting", 40)


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_what_is_found_and_waits_is_told_by_the_standby_as_well(two, redis, postgres, kind):
    holder, standby = two({"redis": redis.url, "postgres": postgres.url}[kind])
    plan = waiting(holder)
    status = standby.json("status", code=2)
    assert status["lease"] == "standby" and status["lease_holder"] == name_of(holder)
    theirs = status["holder"]
    assert theirs["lease"] == "held" and theirs["agent"]["boot"] == name_of(holder).split("/")[1] and theirs["lease_until"] > theirs["time"]
    assert theirs["agent"]["socket"] == str(holder.path) and theirs["plans"][0]["plan"] == plan["plan"], theirs
    text = standby("status", code=2).out
    assert f"standby: {name_of(holder)} holds it until " in text and f"socket {holder.path}; what follows is its answer" in text, text
    assert f"plans        {plan['plan']}  set-aside  waits" in text, text

    rows = {(row["target"], row["name"], row["subject"]): row["status"] for row in standby.json("findings", "--all")["findings"]}
    assert rows[("cache", "mails", "q")] == "critical" and rows[("own", "mine", "q")] == "warning", rows
    assert sum(key[0] == "own" and key[1] == "mine" for key in rows) == 1
    shown = standby.json("show", "cache/mails[q]")
    assert "cache" in str(shown) and "critical" in str(shown), shown
    assert "critical" in standby("show", "cache/mails[q]").out and "warning" in standby("show", "own/mine[q]").out
    assert plan["plan"] in standby("pending").out and f"hash {plan['plan_hash']}" in standby("plan", plan["plan"]).out
    assert 'no plan "9zzz" waits here' in standby("plan", "9zzz", code=1).err

    refused = standby("approve", plan["plan"], "--hash", plan["plan_hash"][:4], code=1).err
    assert "only the agent that holds the lease may take that from a uid" in refused and f"uid 0 at {name_of(standby)}" in refused, refused
    assert lengths(redis) == (str(QUEUE), "0")
    assert "rejected" in standby("reject", plan["plan"], "--reason", "not now").out
    rejected = holder.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "rejected")
    assert rejected["who"] == f"uid 0 at {name_of(standby)}" and rejected["from"] == f"socket of {name_of(standby)}", rejected
    if kind == "redis":  # nothing is left of the letters
        servers.wait_until(lambda: redis.do("hlen", "runbookd:{tests/night}:post") == "0")
    else:
        servers.wait_until(lambda: postgres.sql("select count(*) from runbookd.document where key like 'post/%'") == "0")
        assert int(postgres.sql("select count(*) from pg_stat_activity where usename = 'monitor'")) <= 4, "a standby keeps no connection"


def test_a_signature_counts_by_way_of_the_standby(two, redis, keys):
    alice = keys("alice")
    keys.allow("alice")
    holder, standby = two(redis.url, f"approval: {{approvers: {keys.signers}}}")
    plan = waiting(holder)
    done = standby("approve", plan["plan"], "--hash", plan["plan_hash"][:4], "--key", alice).out
    assert f"approved {plan['plan']}  1 of 1  by alice@tests (signature verified)\napplied" in done, done
    assert lengths(redis) == ("0", str(QUEUE))
    told = holder.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "approved")
    assert told["who"] == "alice@tests" and told["proof"].startswith("ssh-ed25519 "), told
    assert not [e for e in standby.running.events if e["kind"] == "remediation"]


def test_a_freeze_by_the_standby_holds_the_holder_and_is_lifted_there(two, redis):
    holder, standby = two(redis.url)
    plan = waiting(holder)
    assert "the same holds for the agent that has the lease" in standby("freeze", "--reason", "on-sale").out
    frozen = holder.json("status", code=2)["freeze"]
    assert frozen["frozen"] and frozen["who"] == f"uid 0 at {name_of(standby)}", frozen
    assert "refused by guard freeze" in holder("approve", plan["plan"], "--hash", plan["plan_hash"][:4], code=1).err
    assert "thawed" in standby("thaw").out
    again = standby("thaw", code=1).err
    assert f"{name_of(holder)} holds the realm's lease" in again and "ask it there" in again, again
    assert holder.json("status", code=2)["freeze"]["frozen"], "what lets it act is said to it alone"
    by_hand = runbookd("script", "run", str(SCRIPT), "-c", standby.running.config, "--target", "queues=cache", "--with", "at_least=1",
                       "--apply", "--yes", events=False)
    assert by_hand.code == 1 and "nothing is changed: frozen by uid 0 at " in by_hand.err, by_hand.err
    assert "thawed" in holder("thaw").out
    silence = standby.json("silence", "cache", "--for", "10m", "--reason", "we know")
    assert [one["silence"] for one in holder.json("silence", "list")["silences"]] == [silence["silence"]] == ["c1"]
    assert "standby" not in standby("silence", "list").err and silence["silence"] in standby("silence", "list").out
    assert "holds the realm's lease" in standby("silence", "end", silence["silence"], code=1).err


def test_a_holder_that_does_not_answer_is_named_and_the_standby_answers_alone(two, redis):
    holder, standby = two(redis.url, ttl="60s")
    waiting(holder)
    os.kill(holder.running.process.pid, signal.SIGSTOP)
    try:
        said = standby("findings", "--all")
        assert f"this agent is a standby, and answers alone: {name_of(holder)}: it has not answered within 8 s" in said.err, said.err
        assert "own/mine[q]" in said.out and "cache/mails[q]" not in said.out, said.out
        frozen = standby("freeze", code=1)
        assert "nothing is changed any more" in frozen.out and name_of(holder) in frozen.err, frozen.out + frozen.err
        assert f"{name_of(holder)}: it has not answered" in standby("show", "cache/mails[q]", code=1).err
    finally:
        os.kill(holder.running.process.pid, signal.SIGCONT)
    assert not holder.json("status", code=2)["freeze"]["frozen"], "what was given up is not heeded later"
    assert "mails" in standby("findings").out


def test_who_takes_the_lease_over_is_frozen_as_the_holder_was(two, redis):
    holder, standby = two(redis.url)
    plan = waiting(holder)
    holder("freeze", "--reason", "on-sale")
    servers.wait_until(lambda: "on-sale" in redis.do("hget", "runbookd:{tests/night}:state", "freeze"))
    holder.running.process.kill()
    wait_step(standby.running, "lease_taken")
    assert waiting(standby)["plan"] == plan["plan"], "it was planned again, and is the same"
    refused = standby("approve", plan["plan"], "--hash", plan["plan_hash"][:4], code=1).err
    assert "refused by guard freeze" in refused and "on-sale" in refused, refused
    assert "thawed" in standby("thaw").out
    assert "applied" in standby("approve", plan["plan"], "--hash", plan["plan_hash"][:4]).out and lengths(redis) == ("0", str(QUEUE))


def test_who_takes_the_lease_over_meanwhile_says_so(two, redis):
    holder, standby = two(redis.url)
    waiting(holder)
    holder.running.process.kill()
    said = standby("findings", "--all")
    assert "this agent is a standby, and answers alone: " in said.err, said.err
    servers.wait_until(lambda: standby.json("status", code=None)["lease"] == "held")
    # Found here, or known from the holder, if that had written it: then there is no event of it.
    servers.wait_until(lambda: "cache/mails[q]" in standby("findings").out)
    assert standby.json("status", code=2)["lease"] == "held"


def test_a_remediation_by_hand_begins_here_where_all_is_of_this_node_and_else_at_the_holder(two, redis, keys):
    """There it must be signed; what touches this node alone needs neither the lease nor a signature."""
    alice = keys("alice")
    keys.allow("alice")
    by_hand = "trigger: manual, script: redis/quarantine_queue, with: {key: q, at_least: 1}, allow: ['queues:quarantine_queue'], mode: approve"
    more = f"  mine: {{targets: {{queues: own}}, {by_hand}}}\n  ours: {{targets: {{queues: cache}}, {by_hand}}}"
    holder, standby = two(redis.url, f"approval: {{approvers: {keys.signers}, local: true}}", more=more)

    def begins(one, name):
        return one.running.wait_for(lambda e: e["kind"] == "remediation" and e["remediation"] == name, 40)

    def began(one):
        return {e["remediation"] for e in list(one.running.events) if e["kind"] == "remediation"}

    assert standby.json("remediate", "mine")["run"] == begins(standby, "mine")["id"]
    refused = standby("remediate", "ours", code=1).err
    assert "only the agent that holds the lease may take that from a uid" in refused and f"uid 0 at {name_of(standby)}" in refused, refused
    assert standby.json("remediate", "ours", "--key", alice)["run"] == begins(holder, "ours")["id"]
    assert began(standby) == {"mine"} and "mine" not in began(holder)
