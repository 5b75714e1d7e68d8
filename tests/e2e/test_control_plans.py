"""People decide: plans are shown, approved as they were read, by whom it is known, and taken back."""
import contextlib
import json
import sqlite3
import subprocess
import time

import pytest

from asking import Asker

QUEUE = [f"job-{i}" for i in range(9)]


def config(port, state, approval="", more=""):
    return f"""
version: 1
agent: {{realm: tests/night, state: {state}}}
guard: {{mode: approve}}
{approval}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{port}
    every: 500ms
    act_as: {{}}
    checks:
      mails: {{check: queue_depth, keys: [q], critical: length > 5}}
remediations:
  set-aside:
    trigger: {{check: cache/mails, status: critical}}
    script: redis/quarantine_queue
    targets: {{queues: cache}}
    with: {{at_least: 1}}
    allow: ["queues:quarantine_queue"]
    mode: approve
    guard: {{cooldown: 0s}}
{more}
"""


@pytest.fixture
def keys(tmp_path):
    """keys(name) makes a key and returns its file; .signers is what allows them."""
    (tmp_path / "keys").mkdir()

    def make(name):
        file = tmp_path / "keys" / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file], check=True)
        return file

    def allow(*names, more=""):
        make.signers.write_text("".join(f"{name}@tests {(tmp_path / 'keys' / (name + '.pub')).read_text()}" for name in names) + more)

    make.signers, make.allow = tmp_path / "approvers", allow
    return make


def start(agent, redis, tmp_path, **more):
    redis.do("rpush", "q", *QUEUE)
    running = agent(config(redis.port, tmp_path / "state", **more))
    waiting = running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "waiting")
    return Asker(running, tmp_path / "state" / "control.sock"), waiting


def lengths(redis):
    return redis.do("llen", "q"), redis.do("llen", "q:quarantine")


def remedy(running, step):
    return running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == step)


def test_a_plan_is_shown_typed_applied_and_undone(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    plan, digits = waiting["plan"], waiting["plan_hash"][:4]
    listed = asker("pending").out.splitlines()
    assert listed[0].split() == ["PLAN", "STATE", "WHAT", "NEEDS", "EXPIRES", "DOES"]
    assert listed[1].split()[:4] == [plan, "waiting", "set-aside", "0/1"] and "redis:quarantine_queue on cache: 9 of 9" in listed[1], listed
    assert f"plans        {plan}  set-aside  waits, expires in 1" in asker("status", code=2).out
    shown = asker("plan", plan).out
    for line in (f"plan {plan}   hash {waiting['plan_hash']}   set-aside   made ", "binds       exactly these items", "key=q",
                 "guards      freeze ok · silence ok · ", "approvals   0 of 1"):
        assert line in shown, shown
    wrong = asker("approve", plan, code=1, stdin="beef\n")
    assert "that is not the beginning of the plan's hash: nothing is approved" in wrong.err
    assert "nothing is approved" in asker("approve", plan, code=1).err, "silence is no consent"
    assert "nothing is approved" in asker("approve", plan, "--hash", digits[:3], code=1).err
    assert lengths(redis) == ("9", "0")
    done = asker("approve", plan, "--reason", "flood", stdin=f"{digits}\n")
    assert f"Apply this in tests/night?  Type {digits}: " in done.err
    assert f"approved {plan}  1 of 1  by uid 0\napplied" in done.out, done.out
    assert lengths(redis) == ("0", "9")
    again = asker("approve", plan, "--hash", digits, code=1)
    assert f"plan {plan} does not wait: it is applied" in again.err
    lost = asker("approve", "9zzz", code=1)
    assert lost.err.startswith(f'runbookd: no plan "9zzz" waits here; newest: {plan} (set-aside, applied)')
    redis.do("del", "q")
    remedy(asker.running, "applied")
    assert f"undoing {plan}  by uid 0" in asker("undo", plan, "--reason", "was needed").out
    remedy(asker.running, "undone")
    assert lengths(redis) == ("9", "0")
    assert asker("audit", "verify").out.startswith("entries 1-")
    head = asker.json("audit", "verify")
    assert asker("audit", "verify", f"{head['last']}:{head['head'][:8]}").out.startswith("entries 1-")
    assert "the end is cut off" in asker("audit", "verify", f"{head['last'] + 100}:{head['head'][:8]}", code=1).out
    assert "write ENTRY:HASH" in asker("audit", "verify", "5", code=1).err


def test_a_rejected_plan_changes_nothing(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    assert asker("reject", waiting["plan"], "--reason", "not now").out == f"rejected {waiting['plan']}  by uid 0\n"
    assert remedy(asker.running, "rejected")["plan"] == waiting["plan"]
    assert lengths(redis) == ("9", "0")
    assert "does not wait" in asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4], code=1).err


def test_a_freeze_and_a_silence_refuse(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    plan, digits = waiting["plan"], waiting["plan_hash"][:4]
    asker("freeze", "--reason", "on-sale")
    assert "REFUSES     freeze: " in asker("plan", plan).out
    refused = asker("approve", plan, "--hash", digits, code=1)
    assert "refused by guard freeze: " in refused.err and "on-sale" in refused.err
    asker("thaw")
    asker("silence", "cache", "--for", "10m")
    assert "refused by guard silence: " in asker("approve", plan, "--hash", digits, code=1).err
    asker("silence", "end", "s1")
    assert lengths(redis) == ("9", "0")
    asker.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "silence_ended")
    audited = [(e["step"], e["who"], e["from"]) for e in asker.running.events if e["kind"] == "audit" and e["step"] != "planned"]
    assert audited == [(word, "uid 0", "socket") for word in ("frozen", "thawed", "silenced", "silence_ended")], audited
    assert "applied" in asker("approve", plan, "--hash", digits).out
    assert lengths(redis) == ("0", "9")


def test_only_an_approvers_signature_counts(agent, redis, tmp_path, keys):
    alice, mallory = keys("alice"), keys("mallory")
    keys.allow("alice")
    asker, waiting = start(agent, redis, tmp_path, approval=f"approval: {{approvers: {keys.signers}}}")
    plan, digits = waiting["plan"], waiting["plan_hash"][:4]
    nobody = asker("approve", plan, "--hash", digits, code=1)
    assert nobody.err == "runbookd: refused: this socket knows you as uid 0, which is nobody; sign with --key, or use an approver's login\n"
    assert "is nobody's of the approvers" in asker("approve", plan, "--hash", digits, "--key", mallory, code=1).err
    assert "nothing was signed" in asker("approve", plan, "--hash", digits, "--key", "/nonexistent", code=1).err
    assert lengths(redis) == ("9", "0")
    done = asker("approve", plan, "--hash", digits, "--key", alice)
    assert f"approved {plan}  1 of 1  by alice@tests (signature verified)\napplied" in done.out, done.out
    approval = asker.json("plan", plan)["approvals"][0]
    assert approval["who"] == "alice@tests" and approval["proof"].startswith("ssh-ed25519 SHA256:"), approval


def test_what_is_to_be_left_out_is_or_nothing_is_done(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    for odd in (["q"] * 101, ["q", 7], "q", {"q": 1}):
        args = {"decision": "approve", "about": waiting["plan"], "except": odd}
        answer = json.loads(asker.raw(json.dumps({"v": 1, "do": "decide", "args": args}).encode() + b"\n"))
        assert answer["error"] == "except is no list of at most 100 items, each a text", answer
    assert lengths(redis) == ("9", "0") and asker.json("plan", waiting["plan"])["state"] == "waiting"


def signed(key, realm, decision, about, hash_, at_ms, **more):
    """A request as somebody could replay it."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000)) + f".{at_ms % 1000:03d}Z"
    hashed = f"hash: {hash_}\n" if hash_ else ""
    text = f"runbookd decision 1\nrealm: {realm}\ndecision: {decision}\nabout: {about}\n{hashed}time: {when}\n"
    signature = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", more.get("scope", "runbookd-decision")], input=text,
                               capture_output=True, text=True, check=True).stdout
    args = {"decision": decision, "about": about, "hash": hash_, "time_ms": at_ms, "signature": signature}
    return args


def test_a_signature_counts_for_what_it_was_made_for_and_once(agent, redis, tmp_path, keys):
    alice = keys("alice")
    keys("bob")
    keys.allow("alice", "bob")
    approval = f"approval: {{approvers: {keys.signers}, classes: {{reversible: {{approvals: 2}}}}}}"
    asker, waiting = start(agent, redis, tmp_path, approval=approval)
    plan, hash_, now = waiting["plan"], waiting["plan_hash"], int(time.time() * 1000)

    def send(args):
        return json.loads(asker.raw(json.dumps({"v": 1, "do": "decide", "args": args}).encode() + b"\n"))

    good = signed(alice, "tests/night", "approve", plan, hash_, now)
    wrong = {
        "another realm": signed(alice, "tests/day", "approve", plan, hash_, now),
        "another plan": signed(alice, "tests/night", "approve", "zzzz", hash_, now) | {"about": plan},
        "another hash": signed(alice, "tests/night", "approve", plan, "0" * 16, now) | {"hash": hash_},
        "another decision": signed(alice, "tests/night", "reject", plan, hash_, now) | {"decision": "approve"},
        "another purpose": signed(alice, "tests/night", "approve", plan, hash_, now, scope="git"),
        "another time": good | {"time_ms": now + 1},
        "a reason put in": good | {"reason": "because"},
        "an item put in": good | {"except": ["q"]},
    }
    for what, args in wrong.items():
        assert "does not count" in send(args)["error"], what
    for at in (now - 301_000, now + 3_600_000):
        assert "is of another time" in send(signed(alice, "tests/night", "approve", plan, hash_, at))["error"]
    assert send(good)["result"]["state"] == "waiting", "two persons are needed"
    assert send(good)["error"] == "this signature has counted already"
    twice = asker("approve", plan, "--hash", hash_[:4], "--key", alice, code=1)
    assert f"alice@tests has approved plan {plan} already" in twice.err
    assert lengths(redis) == ("9", "0")
    done = asker("approve", plan, "--hash", hash_[:4], "--key", tmp_path / "keys" / "bob")
    assert f"approved {plan}  2 of 2  by bob@tests" in done.out and lengths(redis) == ("0", "9")


def test_a_signature_that_cannot_be_kept_does_not_count(agent, redis, tmp_path, keys):
    """Else it would count once more after a restart."""
    alice = keys("alice")
    keys.allow("alice")
    asker, waiting = start(agent, redis, tmp_path, approval=f"approval: {{approvers: {keys.signers}}}")
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "state.db", timeout=30, isolation_level=None)) as state:
        state.execute("create trigger full before insert on memo when new.kind = 'signature' begin select raise(abort, 'full'); end")
        refused = asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4], "--key", alice, code=1)
        assert "that this signature has counted cannot be written down" in refused.err and lengths(redis) == ("9", "0")
        state.execute("drop trigger full")
    assert "by alice@tests" in asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4], "--key", alice).out
    assert lengths(redis) == ("0", "9")


def test_the_approvers_are_read_anew_and_must_be_readable(agent, redis, tmp_path, keys):
    alice = keys("alice")
    asker, waiting = start(agent, redis, tmp_path, approval=f"approval: {{approvers: {keys.signers}}}")
    plan, digits = waiting["plan"], waiting["plan_hash"][:4]
    assert "cannot be read: No such file" in asker("approve", plan, "--hash", digits, "--key", alice, code=1).err
    keys.allow(more=f"alice@tests valid-before=\"20200101\" {(tmp_path / 'keys' / 'alice.pub').read_text()}")
    assert "may not decide at this time" in asker("approve", plan, "--hash", digits, "--key", alice, code=1).err
    keys.allow("alice")
    assert "by alice@tests" in asker("reject", plan, "--key", alice).out


def test_a_remediation_by_hand_under_guard(agent, redis, tmp_path):
    redis.do("rpush", "q", *QUEUE)
    text = config(redis.port, tmp_path / "state").replace("trigger: {check: cache/mails, status: critical}", "trigger: manual")
    running = agent(text)
    running.wait_status("cache", "mails", "critical", subject="q")
    asker = Asker(running, tmp_path / "state" / "control.sock")
    said = asker("remediate", "set-aside", "--with", "key=q", "--reason", "by hand").out
    assert said.startswith("set-aside has begun, as r-")
    waiting = remedy(running, "waiting")
    assert "applied" in asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4]).out
    assert lengths(redis) == ("0", "9")
    assert asker("remediate", "set-asde", code=1).err.startswith("runbookd: ")
    assert "write NAME=VALUE" in asker("remediate", "set-aside", "--with", "key", code=1).err
    assert "remediate takes one name" in asker("remediate", code=1).err
