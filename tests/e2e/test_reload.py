"""The configuration is read again: validated first, then taken over; what was wrong changes nothing."""
import os
import signal
import subprocess
import time

import agent as agents
import servers


def config(port, extra="", critical="length > 5"):
    return f"""
version: 1
agent: {{realm: tests}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{port}
    every: 1s
    checks:
      mails: {{check: queue_depth, keys: [q], critical: {critical}}}
{extra}
"""


def replace(path, text):
    """As editors and Kubernetes do: a new file takes the old one's place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def step(event, name):
    return event["kind"] == "agent" and event.get("step") == name


def test_sighup_takes_a_new_target_and_keeps_the_others_connection(agent, redis):
    running = agent(config(redis.port))
    running.wait_status("cache", "memory", "ok")
    time.sleep(1)
    clients = lambda: {line.split()[0] for line in redis.do("client", "list").splitlines() if "cmd=client" not in line}
    before = clients()
    replace(running.config, config(redis.port, f"  second: {{type: redis, url: 'redis://127.0.0.1:{redis.port}', every: 1s}}"))
    running.process.send_signal(signal.SIGHUP)
    event = running.wait_for(lambda e: step(e, "reloaded"))
    assert "1 kept, 0 changed, 1 added, 0 removed" in event["message"]
    running.wait_status("second", "connect", "ok")
    assert before & clients(), "the kept target has its kept connection"
    assert [e for e in running.findings("cache", "memory")][1:] == [], "nothing is said again of what goes on"


def test_a_changed_condition_counts_from_then_on_and_the_status_survives(agent, redis):
    redis.do("rpush", "q", *range(10))
    running = agent(config(redis.port))
    running.wait_status("cache", "mails", "critical", subject="q")
    old = running.events[0]["agent"]["config"]
    seen = len(running.events)
    replace(running.config, config(redis.port, critical="length > 50"))
    running.process.send_signal(signal.SIGHUP)
    finding = running.wait_status("cache", "mails", "ok", subject="q", after=seen)
    assert finding["previous"] == "critical" and finding["reason"] == "change"
    assert finding["agent"]["config"] != old


def test_what_was_removed_is_closed(agent, redis):
    redis.do("rpush", "q", *range(10))
    running = agent(config(redis.port))
    running.wait_status("cache", "mails", "critical", subject="q")
    replace(running.config, config(redis.port).replace("      mails:", "      clients: 'off'\n      other:"))
    running.process.send_signal(signal.SIGHUP)
    closed = running.wait_for(lambda e: e.get("reason") == "removed" and e.get("name") == "mails")
    assert closed["status"] == "ok" and closed["previous"] == "critical"


def test_a_wrong_configuration_changes_nothing_and_is_said(agent, redis):
    running = agent(config(redis.port))
    running.wait_status("cache", "memory", "ok")
    replace(running.config, config(redis.port, critical="lenght > 5"))
    running.process.send_signal(signal.SIGHUP)
    refused = running.wait_for(lambda e: step(e, "reload_refused"))
    assert refused["level"] == "error"
    servers.wait_until(lambda: any("lenght" in line and "length" in line for line in running.errors))
    redis.do("rpush", "q", *range(10))
    running.wait_status("cache", "mails", "critical", subject="q")


def test_a_changed_file_is_noticed_without_a_signal(agent, redis):
    running = agent(config(redis.port))
    running.wait_status("cache", "memory", "ok")
    time.sleep(4)  # it has looked once
    replace(running.config, config(redis.port, f"  second: {{type: redis, url: 'redis://127.0.0.1:{redis.port}'}}"))
    running.wait_for(lambda e: step(e, "reloaded"), seconds=40)
    assert sum(step(e, "reloaded") for e in running.events) == 1


def test_kubernetes_swaps_a_link(agent, redis, tmp_path):
    """A ConfigMap volume: name -> ..data/name, ..data -> a folder with a time in its name."""
    for number, extra in (("1", ""), ("2", f"  second: {{type: redis, url: 'redis://127.0.0.1:{redis.port}'}}")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "runbookd.yaml").write_text(config(redis.port, extra))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "runbookd.yaml").symlink_to("..data/runbookd.yaml")
    running = agent("version: 1", "-c", str(tmp_path))
    running.wait_status("cache", "memory", "ok")
    time.sleep(4)
    (tmp_path / "..next").symlink_to("..2")
    os.replace(tmp_path / "..next", tmp_path / "..data")
    running.wait_for(lambda e: step(e, "reloaded"), seconds=40)
    running.wait_status("second", "connect", "ok", seconds=30)


def test_many_signals_at_once_end_in_one_state(agent, redis):
    running = agent(config(redis.port))
    running.wait_status("cache", "memory", "ok")
    before = running.descriptors()
    for i in range(30):
        replace(running.config, config(redis.port, critical=f"length > {i + 100}"))
        running.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    time.sleep(3)
    redis.do("rpush", "q", *range(120))
    time.sleep(2)
    running.end()
    assert not [e for e in running.findings("cache", "mails") if e["status"] == "critical"], "the last one says 129"
    assert before


def test_what_waits_for_the_next_start_and_what_is_warned_of_is_said(agent, redis, tmp_path):
    running = agent(config(redis.port))
    running.wait_status("cache", "memory", "ok")
    changed = config(redis.port, "templates: {}\n").replace("realm: tests", f"realm: tests, state: {tmp_path}/state")
    replace(running.config, changed)
    running.process.send_signal(signal.SIGHUP)
    reloaded = running.wait_for(lambda e: step(e, "reloaded"))
    assert "agent.state takes effect at the next start" in reloaded["message"] and reloaded["level"] == "warn"
    servers.wait_until(lambda: any("templates" in line and '"level":"warn"' in line for line in running.errors))
    replace(running.config, changed.replace("length > 5", "length > 6"))
    running.process.send_signal(signal.SIGHUP)
    again = running.wait_for(lambda e: step(e, "reloaded") and e is not reloaded)
    assert "next start" not in again["message"]


def test_without_a_file_sighup_ends_nothing(redis):
    running = subprocess.Popen([agents.RUNBOOKD, "run"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, REDIS_URL=redis.url))
    try:
        while '"kind":"finding"' not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGHUP)
        while "no file to read again" not in running.stderr.readline():
            assert running.poll() is None
    finally:
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 0


def test_files_on_a_mount_that_does_not_answer_hold_up_nothing(agent, redis):
    """The processes that look at files are stopped, as the kernel stops those that touch such a mount."""
    running = agent(config(redis.port).replace("realm: tests", "realm: tests, heartbeat: 1s"))
    running.wait_status("cache", "memory", "ok")
    lookers = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(running.process.pid)], capture_output=True, text=True).stdout.split()]
    assert lookers
    for pid in lookers:
        os.kill(pid, signal.SIGSTOP)
    running.process.send_signal(signal.SIGHUP)
    refused = running.wait_for(lambda e: step(e, "reload_refused"))
    assert "cannot be looked at" in refused["message"]
    beats = len([e for e in running.events if step(e, "heartbeat")])
    assert beats >= 3, "the loop went on meanwhile"
    for pid in lookers:
        os.kill(pid, signal.SIGCONT)
    replace(running.config, config(redis.port, critical="length > 7"))
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda e: step(e, "reloaded"), seconds=30)
