"""The running agent is asked over its socket: what it says, and that nobody who asks can hold it up."""
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import time

import pytest

import agent as agents
from asking import Asker, config, read_all
from test_reload import replace, step


@pytest.fixture
def night(agent, redis, tmp_path):
    """A queue that is too long, and an agent that has found it."""
    redis.do("rpush", "q", *range(9))
    running = agent(config(redis.port, tmp_path / "state", ", heartbeat: 1s"))
    running.wait_status("cache", "mails", "critical", subject="q")
    asker = Asker(running, tmp_path / "state" / "control.sock")
    until = time.monotonic() + 20
    while sum(asker.json("status", code=None)["findings"].values()) < 10 and time.monotonic() < until:
        time.sleep(0.05)
    return asker


# ------------------------------------------------------------ what it says ----

def test_status_answers_as_monitoring_plugins_do(night, redis):
    said = night("status", code=2).out
    assert said.startswith("tests/night   runbookd ") and "1 target, 10 checks" in said
    assert "findings     1 critical  0 warning  0 unknown  9 ok" in said
    assert "state        kept in " in said
    assert night.json("status", code=2)["findings"] == {"ok": 9, "warning": 0, "critical": 1, "unknown": 0, "pending": 0}
    redis.do("del", "q")
    redis.do("rpush", "q", *range(4))
    night.running.wait_status("cache", "mails", "warning", subject="q")
    assert night.json("status", code=1)["worst"] == "warning"
    redis.do("del", "q")
    night.running.wait_status("cache", "mails", "ok", subject="q")
    assert night.json("status", code=0)["worst"] == "ok"


def test_findings_are_what_is_not_ok_and_all_of_them_on_demand(night):
    said = night("findings").out.splitlines()
    assert said[0].split() == ["STATUS", "FOR", "TARGET/CHECK[SUBJECT]", "WHAT"]
    assert said[1].startswith("critical") and said[1].endswith("cache/mails[q]         9 entries wait")
    assert said[2:] == ["1 critical, 9 ok.", "runbookd show 'cache/mails[q]'  for rows, condition and rights"]
    answer = night.json("findings", "--all")
    assert len(answer["findings"]) == 10 and answer["findings"][0]["status"] == "critical"
    event = night.running.findings("cache", "mails")[0]
    assert answer["findings"][0]["id"] == event["id"] and answer["findings"][0]["since"] == event["since"]
    assert night.json("findings", "cache/memory", "--all")["findings"][0]["name"] == "memory"
    wrong = night("findings", "cache/mail", code=1)
    assert wrong.err == 'runbookd: nothing called "cache/mail" is watched here; did you mean cache/mails?\n'


def test_show_tells_all_of_one(night):
    said = night("show", "cache/mails[q]").out
    for line in ("cache/mails[q]   critical since ", "condition        length > 5   warning: length > 3", "measures         length 9",
                 "owner            #dba      doc https://runbooks.example.org/cache", "rights           ACL SETUSER",
                 "explain          runbookd explain redis.queue_depth"):
        assert line in said, said
    found = night.json("show", "cache/mails")["findings"][0]
    assert found["measures"]["length"] == 9 and found["conditions"] == {"warning": "length > 3", "critical": "length > 5"}
    assert night.json("show", found["id"][:6])["findings"][0]["subject"] == "q"
    assert 'cache/mails says nothing of "p" at present' in night("show", "cache/mails[p]", code=1).err
    assert "no finding has the id ffffffffffff" in night("show", "ffffffffffff", code=1).err
    assert "show takes one name" in night("show", code=1).err


def test_evidence_is_whole_beyond_what_an_event_holds(agent, redis, tmp_path):
    for i in range(9):
        redis.do("set", f"key-{i}-" + "n" * 1000, "x" * (2000 + i))
    long = ", max_event: 4KiB, labels: {" + ", ".join(f"{c}: {c * 250}" for c in "abcdefgh") + "}"  # evidence is cut first
    running = agent(config(redis.port, tmp_path, long, "      big: {check: bigkeys, every: 1s, budget: 100ms}"))
    event = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "big")
    found = Asker(running, tmp_path / "control.sock").json("show", "cache/big")["findings"][0]
    key = next(key for key, value in found["evidence"].items() if isinstance(value, list))
    assert "evidence_truncated" in event and len(found["evidence"][key]) > len(event["evidence"].get(key, []))


def test_what_was_known_before_the_start_is_said_to_be_old(agent, redis, tmp_path):
    redis.do("rpush", "q", *range(9))
    first = agent(config(redis.port, tmp_path))
    first.wait_status("cache", "mails", "critical", subject="q")
    time.sleep(1.2)  # written each second
    first.end()
    redis.close()
    second = agent(config(redis.port, tmp_path))
    second.wait_for(lambda e: step(e, "started"))
    found = Asker(second, tmp_path / "control.sock").json("show", "cache/mails[q]")["findings"][0]
    assert found["status"] == "critical" and found["message"].startswith("as it was before the agent started")


def test_reload_says_what_changed_or_what_is_wrong(night, redis):
    running = night.running
    before = running.config.read_text()
    assert "says what it said before" in night("reload").out
    replace(running.config, before.replace("length > 5", "length > 50"))
    said = night("reload").out
    assert "~ cache/mails " in said and "critical: length > 5  ->  length > 50" in said
    assert "configuration taken over: targets 0 kept, 1 changed, 0 added, 0 removed" in said
    replace(running.config, before + "bad: 1\n")
    wrong = night("reload", code=1)
    assert "bad: is not known here" in wrong.err and "the old one goes on" in wrong.err
    answer = night.json("reload", code=1)
    assert answer["taken"] is False and len(answer["errors"]) == 1
    assert "the present one has 1 error: an earlier one is in force" in night("status", code=None).out
    assert night("healthz").out.startswith("ok   config ") and "(the present one is wrong)" in night("healthz").out


def test_an_agent_of_the_environment_has_nothing_to_reload(redis, tmp_path):
    env = dict(os.environ, REDIS_URL=f"redis://127.0.0.1:{redis.port}", RUNTIME_DIRECTORY=str(tmp_path))
    process = subprocess.Popen([agents.RUNBOOKD, "run"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert '"started"' in process.stdout.readline()
    asker = Asker(None, tmp_path / "control.sock")
    assert "there is no file to read again" in asker("reload", code=1).err
    usual = subprocess.run([agents.RUNBOOKD, "healthz"], env=env, capture_output=True, text=True, timeout=30)
    assert usual.returncode == 0, usual.stderr
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


# ---------------------------------------------------------------- who asks ----

def test_without_an_agent_it_says_where_it_looked(tmp_path):
    asker = Asker(None, tmp_path / "control.sock")
    said = asker("status", code=3).err
    assert f"no agent answers at {tmp_path}/control.sock: No such file or directory" in said and "--socket" in said
    assert asker("findings", code=1).err.startswith("runbookd: no agent answers")
    assert asker("healthz", code=1).out == ""
    (tmp_path / "c.yaml").write_text("version: 1\nagent: {control: 'off'}\ntargets: {}\n")
    off = agents.runbookd("status", "-c", tmp_path / "c.yaml")
    assert off.code == 3 and "agent.control is off" in off.err


def test_the_configuration_names_the_socket(agent, redis, tmp_path):
    running = agent(config(redis.port, tmp_path / "state", f", control: {tmp_path}/mine.sock"))
    running.wait_for(lambda e: step(e, "started"))
    assert agents.runbookd("healthz", "-c", running.config).code == 0
    mode = (tmp_path / "mine.sock").stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    running.end()
    assert not (tmp_path / "mine.sock").exists()
    assert agents.runbookd("healthz", "-c", str(tmp_path / "none.yaml"), "--socket", tmp_path / "mine.sock").code == 1
    relative = tmp_path / "relative.yaml"
    relative.write_text("version: 1\nagent: {control: run/x.sock}\ntargets: {}\n")
    refused = agents.runbookd("validate", "-c", relative)
    assert refused.code == 1 and "agent.control: is not an absolute path; write the path of a socket, or off" in refused.err


def test_a_dead_agents_socket_is_replaced_a_living_ones_never(agent, redis, tmp_path):
    first = agent(config(redis.port, tmp_path / "one", f", control: {tmp_path}/c.sock"))
    first.wait_for(lambda e: step(e, "started"))
    second = agent(config(redis.port, tmp_path / "two", f", control: {tmp_path}/c.sock"))
    failed = second.wait_for(lambda e: step(e, "control_failed"))
    assert f"cannot listen at {tmp_path}/c.sock: another agent does" in failed["message"]
    asker = Asker(first, tmp_path / "c.sock")
    assert asker.json("status", code=None)["agent"]["pid"] == first.process.pid
    second.end()
    assert asker.json("status", code=None)["agent"]["pid"] == first.process.pid, "the second one took nothing away"
    first.end(code=None, how=signal.SIGKILL)
    assert (tmp_path / "c.sock").exists()
    assert "the agent that made this socket is no more" in asker("status", code=3).err
    third = agent(config(redis.port, tmp_path / "one", f", control: {tmp_path}/c.sock"))
    third.wait_for(lambda e: step(e, "started"))
    assert asker.json("status", code=None)["agent"]["pid"] == third.process.pid


def test_what_is_no_socket_is_left_alone(agent, redis, tmp_path):
    (tmp_path / "c.sock").write_text("precious")
    running = agent(config(redis.port, tmp_path / "state", f", control: {tmp_path}/c.sock"))
    running.wait_for(lambda e: step(e, "control_failed") and "something that is no socket is there" in e["message"])
    running.end()
    assert (tmp_path / "c.sock").read_text() == "precious"
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(tmp_path / "f.sock"))
        foreign.listen()
        other = agent(config(redis.port, tmp_path / "state", f", control: {tmp_path}/f.sock"))
        other.wait_for(lambda e: step(e, "control_failed") and "somebody does already" in e["message"])
        other.end()
    assert (tmp_path / "f.sock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused(night):
    path = pathlib.Path(night.path)
    for folder in (path.parent, *path.parents):
        if folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    refused = night("status", code=3, under=("setpriv", "--reuid", "65534", "--clear-groups"))
    assert "Permission denied" in refused.err and "its socket is uid 0's, and root's" in refused.err
    path.chmod(0o666)  # somebody has opened it: the peer's uid still counts
    refused = night("status", code=3, under=("setpriv", "--reuid", "65534", "--clear-groups"))
    assert "this socket is its own user's, and root's" in refused.err


# --------------------------------------------------------------- who abuses ----

def test_garbage_is_refused_in_words(night):
    for garbage in (b"\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 1000 + b"\n", b"[]\n", b'{"v":1}\n', b'{"v":1,"do":7}\n',
                    b'{"v":1,"do":"status","args":[]}\n', b"[" * 60000 + b"\n", b'{"v":1,"do":"\xff"}\n'):
        answer = json.loads(night.raw(garbage))
        assert answer["error"] == "this is no request", garbage
    assert "speaks version 1" in json.loads(night.raw(b'{"v":2,"do":"status"}\n'))["error"]
    assert json.loads(night.raw(b'{"v":1,"do":"selfdestruct"}\n'))["error"] == 'this agent has no answer to "selfdestruct"'
    assert json.loads(night.raw(b"x" * (10 << 20)))["error"] == "the request is longer than 64 KiB"
    assert night.raw(b'{"v":1,"do":"status"}\nmore and more').count(b"\n") == 1


def test_nobody_who_asks_holds_the_agent_up(night):
    """Half-open, silent, greedy and slow ones, a hundred at a time: checks stay on time, and a person still gets in."""
    running = night.running
    silent = [night.connect() for _ in range(100)]
    half = [night.connect() for _ in range(20)]
    for client in half:
        client.sendall(b'{"v":1,"do":"sta')
    slow = [night.connect() for _ in range(10)]
    for client in slow:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.sendall(b'{"v":1,"do":"findings","args":{"all":true}}\n')
    start = time.monotonic()
    assert night.json("status", code=2)["findings"]["critical"] == 1
    assert time.monotonic() - start < 20
    for _ in range(20):
        assert json.loads(night.raw(b"x" * (1 << 20)))["error"]
    time.sleep(2)
    beats = [e for e in running.events if step(e, "heartbeat")][-2:]
    assert beats and all(e["loop_lag_ms"] < 2000 and e["late_max_ms"] < 4000 for e in beats), beats
    assert running.descriptors() < 120
    silent[-1].settimeout(15)
    assert read_all(silent[-1]) == b"", "whoever says nothing is sent away"
    for client in silent + half + slow:
        client.close()
    assert night("healthz").out.startswith("ok")
