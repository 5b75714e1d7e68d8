"""The sink "file": whole lines in a file that it rotates itself, that logrotate rotates, and on a disk that is full."""
import json
import signal
import subprocess

import servers
from agent import runbookd
from servers import free_port
from test_admin import fetch, samples, value

BUSY = """
agent: {{realm: tests, emit: all, heartbeat: 1s, snapshot: 0, admin: {{listen: "127.0.0.1:{admin}"}}}}
targets: {{{targets}}}
sinks: {{events: {{type: file, path: "{path}", batch: {{age: 50ms}}, retry: {{first: 50ms, most: 100ms}}, {more}}}}}
"""


def busy(path, more="", admin=None, targets=20):
    checks = ", ".join(f"t{i}: {{type: tcp, url: \"tcp://127.0.0.1:{free_port()}\", every: 100ms}}" for i in range(targets))
    return BUSY.format(path=path, more=more, targets=checks, admin=admin or free_port())


def lines(*paths):
    """Of whole files, each line of which is an event."""
    found = []
    for path in paths:
        text = path.read_text()
        assert text == "" or text.endswith("\n"), f"{path} ends within a line"
        found += [json.loads(line) for line in text.splitlines()]
    return found


def assert_all_of(one, events):
    about = [event["seq"] for event in one.events if event.get("step") in ("sink_down", "sink_up")]  # those never go through it
    assert [event["seq"] for event in events] == [event["seq"] for event in one.events if event["seq"] not in about]


def test_every_event_is_a_line_and_files_are_rotated_by_size(agent, tmp_path):
    path = tmp_path / "events.ndjson"
    one = agent(busy(path, "rotate: 32KiB, keep: 1000, mode: \"0640\""))
    servers.wait_until(lambda: (tmp_path / "events.ndjson.3").exists())
    one.end()
    rotated = sorted(tmp_path.glob("events.ndjson.*"), key=lambda file: -int(file.suffix[1:]))
    assert all(file.stat().st_size <= 32 * 1024 and file.stat().st_mode & 0o7777 == 0o640 for file in [path, *rotated])
    assert_all_of(one, lines(*rotated, path))
    assert lines(path)[-1]["step"] == "stopped"


def test_only_some_are_kept(agent, tmp_path):
    one = agent(busy(tmp_path / "events", "rotate: 16KiB, keep: 2"))
    servers.wait_until(lambda: one.events and one.events[-1]["seq"] > 150)
    one.end()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events", "events.1", "events.2"]


def test_logrotate_moves_it_and_the_agent_is_told_by_a_signal_or_finds_out(agent, tmp_path):
    path = tmp_path / "events"
    one = agent(busy(path, "rotate: 0"))
    servers.wait_until(lambda: path.exists() and path.stat().st_size > 10000)
    config, state = tmp_path / "logrotate.conf", tmp_path / "status"
    config.write_text(f"{path} {{\n rotate 3\n nocompress\n nocreate\n postrotate\n  kill -USR1 {one.process.pid}\n endscript\n}}\n")
    config.chmod(0o644)
    tmp_path.chmod(0o755)
    subprocess.run(["logrotate", "--force", "--state", state, config], check=True)
    servers.wait_until(lambda: path.exists() and path.stat().st_size > 1000)
    for name, signals in (("events.2", []), ("events.3", [signal.SIGHUP])):  # nobody says so; and as long-running daemons are told
        path.rename(tmp_path / name)
        for number in signals:
            one.process.send_signal(number)
        servers.wait_until(lambda: path.exists() and path.stat().st_size > 1000)
    one.end()
    assert_all_of(one, lines(*(tmp_path / f"events.{number}" for number in (1, 2, 3)), path))


def test_a_full_disk_is_said_checks_go_on_and_all_that_memory_holds_arrives(agent, tmp_path):
    path, admin = tmp_path / "events", free_port()
    # No file may grow beyond 100 kB: what a full disk is to whoever writes.
    one = agent(busy(path, "rotate: 0", admin), under=["prlimit", "--fsize=100000:unlimited"])
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert f"cannot write to {path}: " in down["message"]
    assert down["sink"] == "events"
    number = down["seq"]
    one.wait_for(lambda event: event["kind"] == "finding" and event["seq"] > number + 50)  # nobody waits for the disk
    metrics = samples(fetch(admin)[1])
    assert value(metrics, "runbookd_sink_down", sink="events") == 1
    assert value(metrics, "runbookd_sink_retries_total", sink="events") >= 2
    assert value(metrics, "runbookd_sink_waiting", sink="events") > 50
    assert all(json.loads(line) for line in path.read_text().splitlines())  # no half a line, also while it is full
    subprocess.run(["prlimit", f"--pid={one.process.pid}", "--fsize=unlimited"], check=True)  # room again
    one.wait_for(lambda event: event.get("step") == "sink_up")
    one.end()
    assert_all_of(one, lines(path))


def test_what_cannot_be_opened_is_said_and_is_mended_without_a_restart(agent, tmp_path):
    path = tmp_path / "logs" / "events"
    one = agent(busy(path, targets=1))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert f"cannot open {path}: No such file or directory; make its folder" in down["message"]
    path.parent.mkdir()
    servers.wait_until(lambda: path.exists() and path.stat().st_size > 0)
    one.end()
    assert_all_of(one, lines(path))


def test_a_configuration_that_cannot_be_is_refused(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("targets: {}\nsinks: {events: {type: file, path: events.ndjson, mode: \"0777\", rotate: 1KiB}}\n")
    refused = runbookd("validate", "-c", config)
    assert refused.code == 1 and "is \"0777\", which is none of 0600, 0640" in refused.err + refused.out
    config.write_text("targets: {}\nsinks: {events: {type: file, path: events.ndjson}}\n")
    refused = runbookd("validate", "-c", config)
    assert "sinks.events.path: events.ndjson does not begin with /; write the whole path" in refused.err + refused.out
    config.write_text("targets: {}\nsinks: {events: {type: file, path: /var/log/events.ndjson, mode: 0640}}\n")
    fine = runbookd("validate", "-c", config)
    assert fine.code == 0 and "memory" not in fine.err + fine.out  # it has no spool, and nobody is told that it should
    schema = json.loads(runbookd("schema").out)
    assert schema["$defs"]["sink:file"]["properties"]["fsync"]["enum"] == ["never", "rotate", "batch"]
