"""Following a plan to its end, and reading the audit: by the command line, of a running agent."""
import hashlib
import json
import subprocess

import agent as agents
from test_control_plans import config, lengths, remedy, start

VERIFY = '    verify: {check: cache/mails, condition: "length < 5", within: 10s, stable: 0s}'


def watch(asker, plan, *words):
    return subprocess.Popen([agents.RUNBOOKD, "plan", plan, "--watch", "--socket", asker.path, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process):
    out, err = process.communicate(timeout=60)
    assert "Sanitizer" not in err and "runtime error" not in err, err
    return process.returncode, [line.split("  ", 1)[1] for line in out.splitlines()]


def test_a_plan_is_followed_until_it_has_helped(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path, more=VERIFY)
    watching = watch(asker, waiting["plan"])
    first = watching.stdout.readline()
    assert "waiting, 0 of 1 have approved" in first, first
    asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4])
    code, lines = ended(watching)
    assert code == 0 and lines[-1].startswith("applied, fixed"), lines
    assert lengths(redis) == ("0", "9")
    assert "outcome     fixed" in asker("plan", waiting["plan"]).out
    again = ended(watch(asker, waiting["plan"]))
    assert again == (0, [lines[-1]]), again


def test_one_that_is_rejected_or_has_not_helped_ends_with_another_code(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path, more=VERIFY.replace("length < 5", "length > 1000").replace("10s", "2s"))
    watching = watch(asker, waiting["plan"], "--json")
    asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4])
    out, err = watching.communicate(timeout=60)
    states = [json.loads(line) for line in out.splitlines()]
    assert watching.returncode == 1 and states[-1]["state"] == "applied" and states[-1]["outcome"] == "ineffective", (out, err)
    assert asker("plan", "9zzz", "--watch", code=1).err.startswith('runbookd: no plan "9zzz" waits here')


def test_a_rejected_plan_ends_the_watch(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    watching = watch(asker, waiting["plan"])
    watching.stdout.readline()
    asker("reject", waiting["plan"], "--reason", "not now")
    code, lines = ended(watching)
    assert code == 1 and lines[-1].startswith("rejected"), lines


def test_the_audit_is_listed_by_what_is_wanted_of_it(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path)
    asker("freeze", "--reason", "on-sale")
    asker("thaw")
    asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4], "--reason", "flood")
    remedy(asker.running, "ended")
    asker.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "result")
    lines = asker("audit", "list").out.splitlines()
    assert lines[0].split() == ["ENTRY", "TIME", "(UTC)", "STEP", "WHAT"]
    steps = [line.split()[3] for line in lines[1:]]
    assert steps[:6] == ["planned", "frozen", "thawed", "approved", "intent", "result"], lines
    assert [line.split()[0] for line in lines[1:7]] == ["1", "2", "3", "4", "5", "6"]
    assert "set-aside: uid 0 approved" in lines[4] and lines[4].endswith("by uid 0"), lines[4]
    of_one = [json.loads(line) for line in asker("audit", "list", "set-aside", "--json").out.splitlines()]
    assert {entry["remediation"] for entry in of_one} == {"set-aside"} and [entry["step"] for entry in of_one][:2] == ["planned", "approved"]
    assert of_one[1]["reason"] == "flood" and of_one[1]["entry"] == 4 and of_one[1]["previous_hash"]
    assert [json.loads(line)["step"] for line in asker("audit", "list", "--kind", "frozen", "--json").out.splitlines()] == ["frozen"]
    assert len(asker("audit", "list", "--since", "1h").out.splitlines()) == len(lines)
    assert len(asker("audit", "list", "nobody").out.splitlines()) == 1
    asker.running.end()
    path = tmp_path / "c.yaml"
    path.write_text(config(redis.port, tmp_path / "state"))
    assert agents.runbookd("audit", "list", "--kind", "result", "-c", path).out.count("\n") == 2, "the agent need not run"
    assert "write audit verify [FILE] [ENTRY:HASH], audit list" in agents.runbookd("audit", "liste", "-c", path).err
    assert "--since soon: write a duration" in agents.runbookd("audit", "list", "--since", "soon", "-c", path).err
    assert "cannot read the audit in " in agents.runbookd("audit", "list", "-c", _elsewhere(path, tmp_path)).err


def _elsewhere(path, folder):
    other = folder / "other.yaml"
    other.write_text(path.read_text().replace(f"{folder}/state", f"{folder}/nothing"))
    return other


def test_a_copy_of_the_audit_is_verified_without_the_agent(agent, redis, tmp_path):
    """Also by a few lines that are not ours, and against what an event had; who changed one line of it is found out."""
    asker, waiting = start(agent, redis, tmp_path)
    asker("approve", waiting["plan"], "--hash", waiting["plan_hash"][:4], "--reason", "flood")
    remedy(asker.running, "ended")
    result = asker.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "result")
    path = tmp_path / "audit.ndjson"
    said = asker("audit", "export", path, "--since", "1h").err
    assert path.stat().st_mode & 0o777 == 0o600
    assert "File exists" in asker("audit", "export", path, code=1).err
    lines = path.read_bytes().splitlines()
    hashes = [hashlib.sha256(line).hexdigest() for line in lines[:-1]]
    assert [json.loads(line)["previous_hash"] for line in lines[:-1]] == ["", *hashes[:-1]]
    end = json.loads(lines[-1])
    assert end["head"] == hashes[-1] and f"head {end['last']}:{hashes[-1]}" in said, said
    assert hashes[result["entry"] - 1] == result["hash"]
    assert asker("audit", "export", "-", "--since", "1h").out.encode().splitlines()[:len(hashes)] == lines[:-1]
    assert asker("audit", "export", tmp_path / "none", "--until", "1h", code=1).err == "runbookd: there are no entries of that time\n"
    assert not (tmp_path / "none").exists()
    asker.running.end()
    fine = agents.runbookd("audit", "verify", path, f"{result['entry']}:{result['hash']}")
    assert fine.code == 0 and "chain verified" in fine.out, fine.out
    path.write_bytes(path.read_bytes().replace(b"flood", b"thaws"))
    changed = agents.runbookd("audit", "verify", path)
    assert changed.code == 1 and "does not follow the entry before" in changed.out, changed.out
