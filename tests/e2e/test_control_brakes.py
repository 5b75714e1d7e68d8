"""Silences, the freeze and acknowledgements: what people say to a running agent, and that it outlives it."""
import signal
import time

from asking import Asker, config
from test_control import night  # noqa: F401: a fixture
from test_reload import step


def again(night, agent):  # noqa: F811
    """The same agent, killed and started anew."""
    text = night.running.config.read_text()
    time.sleep(1.5)  # where findings stand is written each second; what people said, before they are answered
    night.running.end(code=None, how=signal.SIGKILL)
    running = agent(text)
    running.wait_for(lambda e: step(e, "started"))
    return Asker(running, night.path)


def test_a_silence_is_in_events_is_listed_ends_and_survives(night, agent, redis):  # noqa: F811
    said = night("silence", "cache/mails[q]", "--for", "45m", "--reason", "pool fix is being rolled out").out
    assert said.startswith("silence s1  cache/mails[q]  until ") and "by uid 0: pool fix is being rolled out" in said
    assert "fits 1 findings at present" in said
    night.running.wait_for(lambda e: step(e, "silenced") and "silence s1 of cache/mails[q] until " in e["message"])
    assert "[silenced: s1] 9 entries wait" in night("findings").out
    assert "freeze no   silences 1" in night("status", code=2).out
    redis.do("del", "q")
    redis.do("rpush", "q", *range(4))
    event = night.running.wait_status("cache", "mails", "warning", subject="q")
    assert event["silenced_by"] == "s1", "recording goes on"
    asker = again(night, agent)
    assert asker.json("silence", "list")["silences"][0]["reason"] == "pool fix is being rolled out"
    redis.do("rpush", "q", *range(9))
    assert asker.running.wait_status("cache", "mails", "critical", subject="q")["silenced_by"] == "s1"
    assert asker("silence", "end", "s1").out == "silence s1 has ended\n"
    assert asker("silence", "list").out == "no silence holds\n"
    redis.do("del", "q")
    assert asker.running.wait_status("cache", "mails", "ok", subject="q")["silenced_by"] is None
    wrong = asker("silence", "end", "s9", code=1)
    assert wrong.err == 'runbookd: no silence "s9" holds; there is none at all\n'


def test_a_silence_that_is_none_is_refused(night):  # noqa: F811
    assert "a silence needs an end: --for 45m" in night("silence", "cache", code=1).err
    assert "a silence of everything is none" in night("silence", "*", "--for", "5m", code=1).err
    assert "31 days at most" in night("silence", "cache", "--for", "32d", code=1).err
    assert "write NAME=VALUE" in night("silence", "--label", "team", "--for", "5m", code=1).err
    assert "fits nothing at present" in night("silence", "cash", "--for", "5m").out
    assert "write silence TARGET" in night("silence", code=1).err
    night("silence", "--label", "team=dba", "--for", "5m")
    assert night.json("silence", "list")["silences"][1]["about"] == "team=dba"


def test_a_silence_ends_by_itself(night):  # noqa: F811
    night("silence", "cache", "--for", "1s")
    until = time.monotonic() + 20
    while night.json("silence", "list")["silences"]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_freeze_is_a_switch_that_survives(night, agent):  # noqa: F811
    assert night("thaw", code=1).err == "runbookd: nothing is frozen\n"
    assert night("freeze", "--reason", "ticket on-sale").out.startswith("frozen by uid 0: ticket on-sale\n")
    night.running.wait_for(lambda e: step(e, "frozen") and e["message"] == "nothing is changed: frozen by uid 0: ticket on-sale")
    asker = again(night, agent)
    said = asker("status", code=None).out
    assert "freeze YES" in said and "frozen by uid 0: ticket on-sale" in said
    assert asker("thaw").out.startswith("thawed\n")
    asker.running.wait_for(lambda e: step(e, "thawed"))
    assert asker.json("status", code=None)["freeze"] == {"frozen": False}
    asker("freeze", "--for", "1s")
    until = time.monotonic() + 20
    while asker.json("status", code=None)["freeze"]["frozen"]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_file_freezes_every_agent_that_looks_at_it(agent, redis, tmp_path):
    file = tmp_path / "freeze"
    file.write_text("on-sale at ten\n")
    running = agent(config(redis.port, tmp_path / "state", extra=f"guard: {{freeze: {{file: {file}}}}}"))
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: step(e, "frozen"))
    until = time.monotonic() + 20
    while asker.json("status", code=None)["freeze"]["why"] != f"frozen by the file {file}: on-sale at ten":
        assert time.monotonic() < until
        time.sleep(0.1)
    wrong = asker("thaw", code=1).err
    assert "nobody has set the switch" in wrong and "remove the file" in wrong
    file.unlink()
    running.wait_for(lambda e: step(e, "thawed"))
    assert asker.json("status", code=None)["freeze"] == {"frozen": False}


def test_an_ack_is_shown_until_the_finding_is_ok_again(night, agent, redis):  # noqa: F811
    said = night("ack", "cache/mails", "--reason", "on it").out
    assert said.startswith("cache/mails   acknowledged by uid 0   id ")
    night.running.wait_for(lambda e: step(e, "acknowledged") and "cache/mails is acknowledged by uid 0: on it" in e["message"])
    asker = again(night, agent)
    asker.running.wait_for(lambda e: step(e, "started"))
    assert "[ack: uid 0]" in asker("findings").out
    shown = asker.json("show", "cache/mails[q]")["findings"][0]
    assert shown["acked_by"] == "uid 0" and shown["ack_reason"] == "on it"
    redis.do("del", "q")
    asker.running.wait_status("cache", "mails", "ok", subject="q")
    assert "acked_by" not in asker.json("show", "cache/mails[q]")["findings"][0]
    assert "is ok: there is nothing to acknowledge" in asker("ack", "cache/memory", code=1).err
    assert "did you mean cache/mails?" in asker("ack", "cache/mail", code=1).err


def test_without_a_state_it_says_that_nothing_is_kept(agent, redis, tmp_path):
    text = config(redis.port, "/x").replace(", state: /x", f", control: {tmp_path}/c.sock")
    running = agent(text)
    running.wait_for(lambda e: step(e, "started"))
    asker = Asker(running, tmp_path / "c.sock")
    said = asker("silence", "cache", "--for", "5m")
    assert said.err == "runbookd: that is not on disk: there is no agent.state: it ends with the agent\n"
    assert asker.json("silence", "list")["silences"][0]["silence"] == "s1"
