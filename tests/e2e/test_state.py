"""What outlives the agent: statuses, streaks, notes and the last good configuration, and what may become of their folder."""
import concurrent.futures
import datetime
import json
import random
import resource
import signal
import subprocess
import time

import pytest

from agent import RUNBOOKD, SECRETS
from servers import free_port, wait_until

QUEUE = """version: 1
agent: {{realm: tests, state: {state}, heartbeat: 1s, emit: {emit}{more}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{port}
    every: 100ms
    checks:
      mails: {{check: queue_depth, keys: ["q"], every: 1s, critical: length > 5}}
"""


def config(redis, state, emit="all", more="", **rest):
    return QUEUE.format(port=redis.port, state=state, emit=emit, more=more) + rest.get("tail", "")


def steps(running):
    return [e["step"] for e in list(running.events) if e["kind"] == "agent"]


def heartbeat(running, state):
    return running.wait_for(lambda e: e.get("step") == "heartbeat" and e["state"] == state)


def test_a_restart_goes_on_where_the_agent_stood(agent, redis, tmp_path):
    redis.do("rpush", "q", *range(10))
    first = agent(config(redis, tmp_path / "state"))
    said = first.wait_for(lambda e: e.get("name") == "mails" and e["streak"] >= 3)
    last = first.findings("cache", "mails")[-1]["streak"]
    first.end()
    second = agent(config(redis, tmp_path / "state"))
    found = second.wait_for(lambda e: e.get("name") == "mails")
    assert found["status"] == "critical" and found["reason"] == "repeat"
    assert found["since"] == said["since"] and found["changed"] == said["changed"]
    assert found["streak"] > last
    second.end()
    assert "start" not in {e["reason"] for e in second.findings("cache", "mails")}


def test_what_recovers_while_nobody_looks_is_said(agent, redis, tmp_path):
    redis.do("rpush", "q", *range(10))
    first = agent(config(redis, tmp_path / "state", emit="changes"))
    first.wait_status("cache", "mails", "critical", subject="q")
    first.end()
    redis.do("del", "q")
    time.sleep(3.1)  # longer than three intervals: its clocks begin anew
    second = agent(config(redis, tmp_path / "state", emit="changes"))
    found = second.wait_status("cache", "mails", "ok", subject="q")
    assert found["previous"] == "critical" and found["reason"] == "change"


def test_what_is_no_longer_configured_ends_with_removed(agent, redis, tmp_path):
    redis.do("rpush", "q", *range(10))
    text = config(redis, tmp_path / "state", emit="changes")
    first = agent(text)
    said = first.wait_status("cache", "mails", "critical", subject="q")
    first.end()
    second = agent(text.replace("cache:", "other:"))
    found = second.wait_for(lambda e: e.get("reason") == "removed" and e["name"] == "mails")
    assert found["status"] == "ok" and found["previous"] == "critical" and found["id"] == said["id"]
    second.end()
    third = agent(text.replace("cache:", "other:"))
    third.wait_for(lambda e: e.get("step") == "heartbeat")
    assert not [e for e in third.findings() if e["reason"] == "removed"], "said once"


# Tried again a second after each failure; its interval is so long that no start, however slow, begins its clocks anew.
REFUSED = """version: 1
agent: {{realm: tests, state: {state}, emit: all}}
targets:
  nobody: {{type: redis, url: "redis://127.0.0.1:{port}", checks: {{connect: {{every: 10m}}}}}}
"""


def kill_often(folder, seed, rounds):
    """Starts the agent and kills it, again and again: at a random moment of its life, or at one after it has said something, however
    long that took on a busy machine.  Of each, what it said and when it was killed."""
    luck = random.Random(seed)
    path = folder / f"{seed}.yaml"
    path.write_text(REFUSED.format(state=folder / f"state{seed}", port=free_port()))
    lives = []
    for number in range(rounds):
        said = folder / f"{seed}.{number}.ndjson"
        with open(said, "w") as out:
            process = start_raw(path, stdout=out)
        if number % 2 == 0:
            wait_until(lambda: '"kind":"finding"' in said.read_text(), 60)
        time.sleep(2.5 if number == 0 else luck.uniform(0.02, 3.0))  # at first for long enough that it must be kept
        killed = time.time()
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, err
        out = said.read_text()
        lines = [json.loads(line) for line in out.splitlines() if line.endswith("}")]
        assert not {"state_damaged", "state_unavailable", "state_failed", "plugin_crashed"} & {e.get("step") for e in lines}, out
        lives.append((killed, [e for e in lines if e["kind"] == "finding"]))
    return lives


def wall(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def test_killed_at_any_moment_it_loses_a_second_at_most(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        all_lives = list(pool.map(lambda seed: kill_often(tmp_path, seed, 20), range(10)))
    compared = 0
    for lives in all_lives:
        kept, since = 0, None
        for killed, said in lives:
            if not said:
                continue
            assert said[0]["streak"] > kept, f"streak {said[0]['streak']} after {kept} was kept"
            assert since in (None, said[0]["since"]) and (not kept or said[0]["reason"] != "start")
            compared += kept > 0
            old = [e for e in said if wall(e) < killed - 2]  # a second, and one for a busy machine
            if old:
                kept, since = old[-1]["streak"], old[-1]["since"]
    assert compared >= 80, "every second one has said something, after others that were kept"


def kill_between_lines(redis, folder, seed):
    """The same where nothing changes but a streak, of which a line comes every half minute: killed in the middle, and what is said next."""
    path = folder / f"{seed}.yaml"
    text = QUEUE.format(port=redis.port, state=folder / f"state{seed}", emit="changes", more=", repeat: 30s")
    path.write_text(text.replace("every: 1s", "every: 2s").replace("every: 100ms", "every: 30s"))
    said = []
    for number in range(2):
        lines = folder / f"{seed}.{number}.ndjson"
        with open(lines, "w") as out:
            process = start_raw(path, stdout=out)
        wait_until(lambda: '"name":"mails"' in lines.read_text(), 60)
        if number == 0:
            time.sleep(random.Random(seed).uniform(15.0, 17.0))
        process.kill()
        process.communicate()
        said.append(next(e for e in map(json.loads, lines.read_text().splitlines()) if e.get("name") == "mails"))
    return said


def test_killed_while_nothing_changes_it_loses_a_second_of_its_streak(redis, tmp_path):
    redis.do("rpush", "q", *range(10))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for before, after in pool.map(lambda seed: kill_between_lines(redis, tmp_path, seed), range(4)):
            assert before["reason"] == "start" and after["reason"] == "repeat" and after["since"] == before["since"]
            samples = (wall(after) - wall(before)) / 2
            assert samples >= 14 and after["streak"] >= before["streak"] + samples - 4  # of these 3 for the time between


def limit_files(bytes_):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))


def start_raw(path, **more):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([RUNBOOKD, "run", "-c", path], stdin=subprocess.DEVNULL, text=True, **{**pipes, **more})


def read_until(process, step, seconds=20):
    end, lines = time.monotonic() + seconds, []
    while time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            break
        lines.append(json.loads(line))
        if lines[-1].get("step") == step:
            return lines
    raise AssertionError(f"no {step} in {lines}")


def test_a_full_disk_is_said_and_the_agent_goes_on_until_there_is_room(redis, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(config(redis, tmp_path / "state"))
    process = start_raw(path)
    try:
        read_until(process, "heartbeat")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        lines = read_until(process, "state_failed")
        assert "cannot be written" in lines[-1]["message"]
        read_until(process, "heartbeat")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        read_until(process, "state_resumed")
    finally:
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0 and "Sanitizer" not in err


def test_a_disk_that_is_full_from_the_start_is_said(redis, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(config(redis, tmp_path / "state"))
    process = start_raw(path, preexec_fn=limit_files(64))
    try:
        lines = read_until(process, "heartbeat")
        assert "state_unavailable" in [e.get("step") for e in lines]
        assert lines[-1]["state"] == "none"
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_damaged_state_is_set_aside_and_begins_anew(agent, redis, tmp_path):
    state = tmp_path / "state"
    first = agent(config(redis, state))
    heartbeat(first, "kept")
    first.end()
    (state / "state.db").write_bytes(b"this is no database" * 500)
    second = agent(config(redis, state))
    assert second.wait_for(lambda e: e.get("step") == "state_damaged")["level"] == "error"
    heartbeat(second, "kept")
    assert list(state.glob("state.db.damaged-*"))


def test_a_folder_that_cannot_be_written_is_said(agent, redis, tmp_path):
    (tmp_path / "file").write_text("")
    running = agent(config(redis, tmp_path / "file" / "state"))
    said = running.wait_for(lambda e: e.get("step") == "state_unavailable")
    assert "state folder" in said["message"]
    heartbeat(running, "none")
    running.wait_status("cache", "connect", "ok")


def test_two_agents_never_share_a_folder(agent, redis, tmp_path):
    state = tmp_path / "state"
    first = agent(config(redis, state))
    heartbeat(first, "kept")
    second = agent(config(redis, state))
    second.process.wait(20)
    second.end(code=1)
    assert "another agent uses the state folder" in "".join(second.errors)
    sidecar = agent(config(redis, state, more=", role: sidecar"))
    assert "another agent" in sidecar.wait_for(lambda e: e.get("step") == "state_unavailable")["message"]


def test_secrets_are_never_in_the_folder(agent, redis, tmp_path):
    state = tmp_path / "state"
    text = config(redis, state, tail="    password: ${env:CACHE_PASSWORD}\n")
    running = agent(text, env={"CACHE_PASSWORD": SECRETS[0]})
    heartbeat(running, "kept")
    wait_until(lambda: (state / "last-good.json").exists())
    running.end()
    again = agent(text.replace("${env:CACHE_PASSWORD}", SECRETS[0]))
    heartbeat(again, "kept")
    again.end()
    files = [path for path in state.rglob("*") if path.is_file()]
    assert files and not [path for path in files if SECRETS[0].encode() in path.read_bytes()]
    assert not (state / "last-good.json").exists(), "a configuration that holds a secret itself is not kept"


def test_a_wrong_configuration_starts_with_the_last_good_one(agent, redis, tmp_path):
    text = config(redis, tmp_path / "state", more=", role: cluster")
    first = agent(text)
    heartbeat(first, "kept")
    first.end()
    wrong = agent(text + "bogus: 1\n", "--on-config-error", "last-good")
    said = wrong.wait_for(lambda e: e.get("step") == "config_last_good")
    assert "last good one is in force" in said["message"] and said["level"] == "error"
    wrong.wait_status("cache", "connect", "ok")
    assert wrong.wait_for(lambda e: e.get("step") == "heartbeat")["config_errors"] == 1
    wrong.config.write_text(text)
    wrong.wait_for(lambda e: e.get("step") == "reloaded")
    wrong.wait_for(lambda e: e.get("step") == "heartbeat" and "config_errors" not in e)


def test_a_sidecar_always_comes_up(agent, redis, tmp_path):
    text = config(redis, tmp_path / "state", more=", role: sidecar")
    running = agent("bogus: 1\n" + text)
    said = running.wait_for(lambda e: e.get("step") == "config_last_good")
    assert "nothing is watched" in said["message"]
    running.config.write_text(text)
    running.wait_for(lambda e: e.get("step") == "reloaded")


@pytest.mark.parametrize("words, more", [([], ""), (["--on-config-error", "exit"], ", role: sidecar")])
def test_otherwise_a_wrong_configuration_ends_the_agent(agent, redis, tmp_path, words, more):
    running = agent(config(redis, tmp_path / "state", more=more) + "bogus: 1\n", *words)
    running.process.wait(20)
    running.end(code=1)
    assert "bogus" in "".join(running.errors)
