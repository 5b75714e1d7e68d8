"""`runbookd run`: findings as faults come and go, and a life that ends in order."""
import json
import os
import signal
import subprocess
import time

import servers
from agent import RUNBOOKD, runbookd


def redis_config(port, more=""):
    return f"""
version: 1
agent: {{realm: tests}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{port}
    every: 1s
    {more}
"""


def test_a_stopped_redis_is_found_and_its_recovery_too(agent, redis):
    running = agent(redis_config(redis.port))
    running.wait_status("cache", "connect", "ok")
    running.wait_status("cache", "memory", "ok")
    before = len(running.events)
    redis.freeze()
    start = time.monotonic()
    finding = running.wait_status("cache", "connect", "critical", after=before)
    took = time.monotonic() - start
    assert took < 6, took
    assert finding["previous"] == "ok" and "memory" in finding["held"]
    redis.thaw()
    back = running.wait_status("cache", "connect", "ok", after=before, seconds=30)
    assert back["previous"] == "critical"
    down = [e for e in running.findings("cache") if e["status"] == "critical"]
    assert {e["name"] for e in down} == {"connect"}, "a dead target is one finding, not many"


def test_a_full_redis_is_found_although_the_agent_holds_a_connection(agent, redis):
    running = agent(redis_config(redis.port))
    running.wait_status("cache", "memory", "ok")
    held = [servers.socket.create_connection(("127.0.0.1", redis.port)) for _ in range(3)]
    redis.do("config", "set", "maxclients", "3")
    finding = running.wait_status("cache", "connect", "critical", seconds=10)
    assert finding["words"]["error_class"] == "too_many_clients"
    for sock in held:
        sock.close()


def test_a_queue_that_grows_and_drains(agent, redis):
    running = agent(redis_config(redis.port, """
    checks:
      mails: {check: queue_depth, keys: ["bull:mail:wait"], warning: length > 5, critical: length > 50}"""))
    first = running.wait_status("cache", "mails", "ok", subject="bull:mail:wait")
    assert first["measures"]["length"] == 0
    redis.do("rpush", "bull:mail:wait", *range(10))
    running.wait_status("cache", "mails", "warning", subject="bull:mail:wait")
    redis.do("rpush", "bull:mail:wait", *range(60))
    finding = running.wait_status("cache", "mails", "critical", subject="bull:mail:wait")
    assert finding["measures"]["length"] == 70 and finding["condition"] == "length > 50"
    redis.do("del", "bull:mail:wait")
    before = len(running.events)
    running.wait_status("cache", "mails", "ok", subject="bull:mail:wait", after=before - 1)


def test_twenty_hanging_targets_delay_no_other_check(agent, redis, nginx):
    stopped = servers.Redis()
    stopped.freeze()
    hanging = "\n".join(f"  hang-{i}: {{type: redis, url: 'redis://127.0.0.1:{stopped.port}', every: 1s}}" for i in range(20))
    running = agent(redis_config(redis.port) + f"""
  web: {{type: http, url: "{nginx.url}/ok", every: 1s}}
{hanging}
""".replace("agent: {realm: tests}", "agent: {realm: tests, emit: all}"))
    for i in range(20):
        running.wait_status(f"hang-{i}", "connect", "critical", seconds=15)
    running.wait_status("web", "endpoint", "ok")
    running.wait_status("cache", "memory", "ok")
    stopped.close()


def test_every_event_has_the_next_number_and_one_boot(agent, redis):
    running = agent(redis_config(redis.port).replace("{realm: tests}", "{realm: tests, emit: all}"))
    running.wait_status("cache", "memory", "ok")
    time.sleep(2.5)
    running.end()
    assert [e["seq"] for e in running.events] == list(range(running.events[0]["seq"], running.events[0]["seq"] + len(running.events)))
    assert len({e["agent"]["boot"] for e in running.events}) == 1
    assert running.events[0]["kind"] == "agent" and running.events[0]["step"] == "started"
    assert running.events[-1]["step"] == "stopped"


def test_ids_are_the_same_in_every_run(agent, redis):
    ids = []
    for _ in range(2):
        running = agent(redis_config(redis.port))
        ids.append(running.wait_status("cache", "memory", "ok")["id"])
        running.end()
    assert ids[0] == ids[1]


def test_descriptors_do_not_grow(agent, redis):
    """Faults come and go; afterwards the agent holds what it held before."""
    running = agent(redis_config(redis.port))
    running.wait_status("cache", "memory", "ok")
    time.sleep(1.5)
    before = running.descriptors()
    for _ in range(2):  # a third time it would be flapping
        seen = len(running.events)
        redis.kill()
        running.wait_status("cache", "connect", "critical", after=seen)
        seen = len(running.events)
        redis.start()
        running.wait_status("cache", "connect", "ok", after=seen, seconds=30)
    time.sleep(2)
    assert running.descriptors() <= before + 1


def test_a_stalled_reader_never_stalls_the_agent_and_drops_are_reported(redis, tmp_path):
    """stdout is a pipe nobody reads: the checks go on, and once somebody reads again, the lines are whole."""
    config = tmp_path / "c.yaml"
    keys = ", ".join(f'"queue:{i}"' for i in range(400))
    config.write_text(redis_config(redis.port, f"""
    checks:
      many: {{check: queue_depth, keys: [{keys}], every: 100ms}}""").replace("{realm: tests}", "{realm: tests, emit: all}"))
    process = subprocess.Popen([RUNBOOKD, "run", "-c", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    commands = lambda: int(dict(line.split(":") for line in redis.do("info", "stats").split() if ":" in line)["total_commands_processed"])
    try:
        servers.wait_until(lambda: commands() > 5000)
        seen = commands()
        servers.wait_until(lambda: commands() > seen + 20000, seconds=60)  # it goes on and on, and nobody reads
        os.set_blocking(process.stdout.fileno(), True)
        lines, end = [b"{}"], time.monotonic() + 30
        while time.monotonic() < end and b'"step":"dropped"' not in lines[-1]:
            lines.append(process.stdout.readline())
        assert b'"step":"dropped"' in lines[-1]
        for line in lines:
            json.loads(line)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_closed_pipe_ends_the_agent_with_a_message(redis, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(redis_config(redis.port).replace("{realm: tests}", "{realm: tests, emit: all}"))
    process = subprocess.Popen([RUNBOOKD, "run", "-c", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 1
    assert "stdout" in process.stderr.read()


def test_for_ends_by_itself_after_the_first_event(redis, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(redis_config(redis.port))
    result = runbookd("run", "-c", config, "--for", "2s")
    assert result.code == 0
    assert any(e["kind"] == "finding" for e in result.events)


def test_without_a_configuration_it_watches_what_the_environment_names(redis, postgres):
    result = runbookd("run", "--for", "2s", env={"REDIS_URL": redis.url, "DATABASE_URL": postgres.url})
    assert result.code == 0, result.err
    assert {e["check"].split(".")[0] for e in result.events if e["kind"] == "finding"} == {"redis", "postgres"}
    assert "REDIS_URL" in result.err and "DATABASE_URL" in result.err
    assert "monitor:monitor" not in result.err + result.out


def test_without_anything_it_says_what_to_do():
    result = runbookd("run")
    assert result.code == 1
    assert "-c" in result.err and "DATABASE_URL" in result.err


def test_what_changes_too_often_is_held_at_its_worst_and_said_once(agent, redis):
    running = agent(redis_config(redis.port, """
    checks:
      mails: {check: queue_depth, keys: ["q"], every: 200ms, critical: length > 5}"""))
    running.wait_status("cache", "mails", "ok", subject="q")
    for _ in range(3):
        seen = len(running.events)
        redis.do("rpush", "q", *range(10))
        running.wait_status("cache", "mails", "critical", subject="q", after=seen)
        seen = len(running.events)
        redis.do("del", "q")
        if running.findings("cache", "mails")[-1]["reason"] != "flapping" and _ < 2:
            running.wait_status("cache", "mails", "ok", subject="q", after=seen)
    finding = running.wait_for(lambda e: e.get("reason") == "flapping")
    assert finding["status"] == "critical" and finding["flapping"]
