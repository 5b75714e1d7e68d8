"""Sinks: events that leave by HTTP, whatever becomes of the receiver, the agent and the disk."""
import base64
import itertools
import os
import random
import signal
import subprocess
import time

import pytest

import receiver as receivers
from agent import RUNBOOKD, Agent, runbookd
from servers import free_port

# Twenty subjects that answer with every run: a few hundred events a second, without a server of ours.
BUSY = """
agent: {{state: {state}, emit: all, heartbeat: 1s, snapshot: 0}}
defaults: {{tcp: {{url: "tcp://127.0.0.1:{port}"}}}}
targets: {{{targets}}}
sinks:
  collector: {{type: http, url: "{url}", {more}}}
"""


def busy(state, port, url, more="batch: {age: 100ms}, retry: {first: 50ms, most: 200ms}", targets=20):
    checks = ", ".join(f"t{i}: {{type: tcp, url: \"tcp://127.0.0.1:{port}\", every: 100ms}}" for i in range(targets))
    return BUSY.format(state=state, port=port, url=url, more=more, targets=checks)


@pytest.fixture
def receiver():
    started = []

    def start(**wishes):
        started.append(receivers.Receiver(**wishes))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_events_arrive_in_order_and_the_last_one_too(agent, receiver, tmp_path):
    collector = receiver()
    one = agent(busy(tmp_path / "state", free_port(), collector.url))
    collector.wait_for(lambda event: event.get("step") == "heartbeat" and event["sinks"]["collector"]["taken"] > 50)
    one.end()
    last = receivers.assert_whole(collector, boots=1)
    assert collector.taken[-1]["step"] == "stopped"
    assert list(last.values()) == [one.events[-1]["seq"]]


def test_secrets_packing_and_headers(agent, receiver, tmp_path):
    collector = receiver()
    token = tmp_path / "token"
    token.write_text("first-token\n")
    (tmp_path / "key").write_text("key-of-the-tests\n")
    more = (f"batch: {{age: 50ms}}, compress: zstd, bearer: \"${{file:{token}}}\", "
            f"headers: {{X-Key: \"${{file:{tmp_path}/key}}\"}}")
    one = agent(busy(tmp_path / "state", free_port(), collector.url, more, targets=1))
    collector.wait_for(lambda event: event.get("step") == "started")
    token.write_text("second-token\n")
    start = time.monotonic()
    while collector.requests[-1].headers["Authorization"] != "Bearer second-token":
        assert time.monotonic() < start + 10, collector.requests[-1].headers
        time.sleep(0.05)
    first = collector.requests[0]
    assert first.headers["Authorization"] == "Bearer first-token"
    assert first.headers["X-Key"] == "key-of-the-tests"
    assert first.headers["Content-Encoding"] == "zstd" and first.headers["Content-Type"] == "application/x-ndjson"
    one.end()
    shown = runbookd("config", "show", "-c", one.config) if one.config.exists() else None
    assert "token" not in "".join(one.errors) and (shown is None or "first-token" not in shown.out)


def test_user_and_password_are_shown_and_a_password_that_was_wrong_is_mended(agent, receiver, tmp_path):
    good = "Basic " + base64.b64encode(b"agent:right").decode()
    collector = receiver(fault=lambda number, request: None if request.headers.get("Authorization") == good else 401)
    (tmp_path / "password").write_text("wrong\n")
    more = f"batch: {{age: 50ms}}, retry: {{first: 20ms, most: 50ms}}, user: agent, password: \"${{file:{tmp_path}/password}}\""
    one = agent(busy(tmp_path / "state", free_port(), collector.url, more, targets=1))
    beat = one.wait_for(lambda event: event.get("step") == "heartbeat" and event["sinks"]["collector"]["retries"] > 2)
    assert beat["sinks"]["collector"]["quarantined"] == 0 and collector.taken == []  # it waits: no event is at fault
    (tmp_path / "password").write_text("right\n")
    collector.wait_for(lambda event: event["seq"] > beat["seq"])
    one.end()
    receivers.assert_whole(collector, boots=1, but=receivers.about_itself(one.events, "collector"))


def test_a_receiver_that_is_down_gets_everything_when_it_is_up(agent, receiver, tmp_path):
    """Ten thousand events wait; RUNBOOKD_DOWN=N for another number."""
    down = int(os.environ.get("RUNBOOKD_DOWN", "10000"))
    collector = receiver()
    collector.down()
    more = "batch: {age: 100ms}, retry: {first: 50ms, most: 200ms}, deliver: 30s"
    one = agent(busy(tmp_path / "state", free_port(), collector.url, more, targets=200))
    one.wait_for(lambda event: event.get("step") == "heartbeat" and event["sinks"]["collector"]["waiting"] > down, seconds=60 + down / 100)
    collector.up()
    collector.wait_for(lambda event: event["seq"] > down + 100, seconds=60)
    one.end()
    receivers.assert_whole(collector, boots=1, but=receivers.about_itself(one.events, "collector"))
    assert collector.taken[-1]["step"] == "stopped"


def test_whatever_a_receiver_does_everything_arrives_once_but_for_the_last_batch(agent, receiver, tmp_path):
    script = {2: 500, 4: (429, {"Retry-After": "1"}), 6: "cut", 7: 503, 9: "lose", 10: "hang", 12: 413, 13: 401, 14: 404}

    def fault(number, request):
        now = script.get(number)
        return None if now == 413 and len(request.lines) == 1 else now  # one alone that is too big is set aside

    collector = receiver(fault=fault)
    more = "batch: {age: 50ms}, retry: {first: 20ms, most: 50ms}, timeout: 500ms"
    one = agent(busy(tmp_path / "state", free_port(), collector.url, more))
    collector.wait_for(lambda event: event["seq"] > 500)
    one.end()
    receivers.assert_whole(collector, boots=1)
    asked, heeded = collector.requests[4], collector.requests[5]
    assert heeded.at - asked.at >= 1
    assert collector.taken[-1]["sinks"]["collector"]["quarantined"] == 0


def test_what_a_receiver_refuses_is_set_aside_and_the_rest_arrives(agent, receiver, tmp_path):
    collector = receiver(fault=lambda number, request: 400 if any(
        event["kind"] == "finding" and event["target"] == "t3" for event in request.lines) else None)
    one = agent(busy(tmp_path / "state", free_port(), collector.url, targets=6).replace("emit: all", "emit: changes"))
    said = one.wait_for(lambda event: event.get("step") == "sink_quarantined")
    assert said["sink"] == "collector" and "HTTP 400" in said["error"]
    collector.wait_for(lambda event: event.get("step") == "heartbeat" and event["sinks"]["collector"]["quarantined"] > 0)
    one.end()
    bad = [event["seq"] for event in one.events if event["kind"] == "finding" and event["target"] == "t3"]
    about = [event["seq"] for event in one.events if event.get("step") == "sink_quarantined"]
    arrived = [event["seq"] for event in collector.taken]
    assert bad and arrived == [event["seq"] for event in one.events if event["seq"] not in bad + about]


def test_a_killed_agent_loses_nothing_and_repeats_the_last_batch_at_most(receiver, tmp_path):
    """Kills in CI: 40, about 20 s; RUNBOOKD_KILLS=100 for all of them.  Meanwhile the receiver misbehaves in each way it knows."""
    kills = int(os.environ.get("RUNBOOKD_KILLS", "40"))
    faults = itertools.cycle([None, 500, None, "lose", (429, {"Retry-After": "0"}), None, None, "cut", "hang", None, 413, None, None])

    def fault(_, request):
        now = next(faults)
        return None if now == 413 and len(request.lines) == 1 else now  # one alone that is too big is set aside

    collector = receiver(fault=fault)
    more = "batch: {age: 20ms}, retry: {first: 10ms, most: 20ms}, timeout: 300ms, deliver: 20s"
    text, said, rest = busy(tmp_path / "state", free_port(), collector.url, more), {}, random.Random(1)
    for _ in range(kills):
        one = Agent(text)
        one.wait_for(lambda event: event["seq"] >= 20)
        time.sleep(rest.uniform(0, 0.3))  # at any point of a delivery
        one.end(code=None, how=signal.SIGKILL)
        said[one.events[-1]["agent"]["boot"]] = one.events[-1]["seq"]
    last = Agent(text)
    last.wait_for(lambda event: event["seq"] >= 20)
    last.end()
    arrived = receivers.assert_whole(collector, boots=kills + 1)
    assert collector.taken[-1]["step"] == "stopped"
    # What an agent said in its last millisecond may not have reached the disk, nor what it spooled in it stdout.
    late = {boot: seq - arrived[boot] for boot, seq in said.items() if seq > arrived[boot]}
    assert all(lost <= 30 for lost in late.values()) and sum(late.values()) <= 4 * kills, late


def test_stdout_may_be_off_and_comes_back_with_a_reload(agent, receiver, tmp_path):
    collector = receiver()
    text = busy(tmp_path / "state", free_port(), collector.url, targets=1)
    one = agent(text.replace("sinks:\n", "sinks:\n  stdout: off\n"))
    collector.wait_for(lambda event: event.get("step") == "heartbeat")
    assert one.events == []
    one.config.write_text(text)
    one.process.send_signal(signal.SIGHUP)
    one.wait_for(lambda event: event.get("step") == "heartbeat")
    one.config.write_text(text.split("sinks:")[0])
    one.process.send_signal(signal.SIGHUP)
    said = one.wait_for(lambda event: event.get("step") == "sink_removed")
    assert "was delivered" in said["message"]
    one.end()
    receivers.assert_whole(collector, boots=1)


def test_an_agent_with_sinks_goes_on_when_nobody_reads_stdout_any_more(agent, receiver, tmp_path):
    collector = receiver()
    config = tmp_path / "c.yaml"
    config.write_text(busy(tmp_path / "state", free_port(), collector.url))
    process = subprocess.Popen([RUNBOOKD, "run", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    collector.wait_for(lambda event: event.get("step") == "heartbeat")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0 and b"the agent goes on for its sinks" in process.stderr.read()
    receivers.assert_whole(collector, boots=1)
