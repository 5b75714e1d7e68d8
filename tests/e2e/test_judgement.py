"""What is said, and when: checks that wait for others, hours, a schedule that is too small, an agent that is cut off; and who watches what."""
import datetime
import socket
import time

import pytest

import servers
from agent import runbookd


@pytest.fixture
def listener():
    """A reference address: open it, and it is reached; close it, and it is not."""
    class Listener:
        port, sock = servers.free_port(), None

        def open(self):
            self.sock = socket.create_server(("127.0.0.1", self.port), backlog=100)

        def close(self):
            if self.sock:
                self.sock.close()

    one = Listener()
    one.open()
    yield one
    one.close()


def critical(*names):
    return [e for e in names if e["status"] == "critical"]


def test_what_depends_on_a_critical_check_waits_and_is_named_by_it(agent, redis):
    running = agent(f"""
agent: {{emit: all}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 300ms
    checks:
      jobs: {{check: queue_depth, keys: ["jobs"], critical: length > 5}}
      mails: {{check: queue_depth, keys: ["mails"], critical: length > 5, depends_on: jobs}}
""")
    running.wait_status("cache", "mails", "ok", subject="mails")
    redis.do("rpush", "jobs", *range(9))
    finding = running.wait_status("cache", "jobs", "critical", subject="jobs")
    assert finding["held"] == ["mails"]
    time.sleep(0.5)  # a run of the other that was under way has ended
    redis.do("rpush", "mails", *range(9))
    seen = len(running.events)
    time.sleep(1.5)
    assert not [e for e in running.events[seen:] if e.get("name") == "mails"], "it is held"
    assert [e for e in running.events[seen:] if e.get("name") == "jobs"], "and the others are not"
    redis.do("del", "jobs")
    running.wait_status("cache", "mails", "critical", subject="mails", after=seen, seconds=3)


def test_outside_its_hours_a_check_stays_ok(agent, redis):
    now = datetime.datetime.now(datetime.timezone.utc)
    begin, end = ((now + datetime.timedelta(hours=h)).strftime("%H:%M") for h in (-2, 2))
    redis.do("rpush", "jobs", *range(9))
    running = agent(f"""
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 300ms
    checks:
      within: {{check: queue_depth, keys: ["jobs"], critical: length > 5, active: {{hours: "{begin}-{end}"}}}}
      outside: {{check: queue_depth, keys: ["jobs"], critical: length > 5, active: {{hours: "{end}-{begin}", tz: Etc/UTC}}}}
""")
    assert "inactive" not in running.wait_status("cache", "within", "critical", subject="jobs")
    finding = running.wait_status("cache", "outside", "ok", subject="jobs")
    assert finding["inactive"] is True and finding["measures"]["length"] == 9


def test_a_schedule_that_is_too_small_is_unknown_and_says_why(agent, redis):
    hanging = servers.Redis()
    hanging.freeze()
    running = agent(f"""
agent: {{most_at_once: 1}}
targets:
  hangs: {{type: redis, url: "redis://127.0.0.1:{hanging.port}", every: 20s, timeout: 10s}}
  cache: {{type: redis, url: "redis://127.0.0.1:{redis.port}", every: 500ms, checks: {{connect: {{every: 20s}}}}}}
""")
    try:
        finding = running.wait_for(lambda e: e.get("reason") == "late", seconds=15)
        assert finding["target"] == "cache" and finding["status"] == "unknown"
        assert "has not run for 3 intervals" in finding["message"] and "most_at_once" in finding["message"]
        seen = len(running.events)
        hanging.thaw()
        running.wait_status("cache", finding["name"], "ok", after=seen, seconds=20)
    finally:
        hanging.close()


def test_an_isolated_agent_says_so_once_and_holds_what_it_finds_on_the_network(agent, redis, listener):
    far = socket.gethostname()  # this host, under a name that could be another's
    web = servers.free_port()
    running = agent(f"""
agent:
  heartbeat: 1s
  connectivity: {{references: ["tcp://127.0.0.1:{listener.port}"]}}
targets:
  far: {{type: http, url: "http://{far}:{web}/", every: 500ms}}
  near: {{type: redis, url: "redis://127.0.0.1:{redis.port}", every: 500ms}}
""")
    first = running.wait_status("far", "endpoint", "critical")
    assert first["words"]["error_class"] == "refused"
    beat = running.wait_for(lambda e: e.get("step") == "heartbeat" and "connectivity" in e)
    assert beat["connectivity"] == {"reached": 1, "of": 1}
    listener.close()
    isolated = running.wait_for(lambda e: e.get("step") == "isolated", seconds=12)
    assert isolated["level"] == "error" and isolated["connectivity"] == {"reached": 0, "of": 1}
    seen = len(running.events)
    redis.kill()
    running.wait_status("near", "connect", "critical", after=seen)  # this host needs no network
    time.sleep(2)
    beat = [e for e in running.events if e.get("step") == "heartbeat"][-1]
    assert beat["checks"]["unknown"] == 1, "what is held is unknown"
    assert not [e for e in running.events[seen:] if e.get("target") == "far"]
    listener.open()
    running.wait_for(lambda e: e.get("step") == "connected", seconds=12)
    running.wait_status("far", "endpoint", "critical", after=seen)
    assert [e["step"] for e in running.events if e.get("step") in ("isolated", "connected")] == ["isolated", "connected"]


def test_time_to_finding_stays_the_same_with_references(agent, redis, listener):
    running = agent(f"""
agent: {{connectivity: {{references: ["tcp://127.0.0.1:{listener.port}"]}}}}
targets:
  far: {{type: redis, url: "redis://{socket.gethostname()}:{redis.port}", every: 1s, timeout: 3s}}
""")
    running.wait_status("far", "connect", "ok")
    running.wait_status("far", "memory", "ok")
    seen, start = len(running.events), time.monotonic()
    redis.freeze()
    running.wait_status("far", "connect", "critical", after=seen)
    assert time.monotonic() - start < 4.4  # 4.1 without sanitizers


# ----------------------------------------------------------- who watches what ----

SCOPES = """
agent: {{realm: tests{agent}}}
targets:
  mine: {{type: http, url: "{url}/ok", every: 500ms}}
  ours: {{type: redis, url: "redis://127.0.0.1:{port}", every: 500ms}}
"""


def test_a_node_watches_what_is_its_own_and_the_cluster_the_rest(agent, redis, nginx):
    for role, target in (("node", "mine"), ("cluster", "ours")):
        running = agent(SCOPES.format(agent=f", role: {role}", url=nginx.url, port=redis.port))
        started = running.wait_for(lambda e: e.get("step") == "started")
        assert started["targets"] == 1
        running.wait_for(lambda e: e["kind"] == "finding")
        time.sleep(1)
        assert {e["target"] for e in running.findings()} == {target}
        running.end()


def test_cluster_scope_without_a_lease_is_warned_of(tmp_path, redis, nginx):
    config = tmp_path / "c.yaml"
    config.write_text(SCOPES.format(agent=", role: cluster", url=nginx.url, port=redis.port))
    result = runbookd("validate", "-c", config)
    assert result.code == 0
    assert "warning: agent.role: without a lease every process of this role asks its targets: run one replica" in result.err + result.out


def test_wrong_words_of_judgement_are_told_at_their_place(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("""
agent: {connectivity: {references: ["ftp://x"], isolated_when: reachd < 2}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1
    active: {tz: Europe/Lundon}
    checks: {memory: {depends_on: cache/conect}}
""")
    result = runbookd("validate", "-c", config)
    assert result.code == 1
    for line in (":2:37: agent.connectivity.references: is no reference address", "isolated_when: unknown measure reachd; did you mean reached?",
                 ":7:18: targets.cache.active.tz: there is no time zone \"Europe/Lundon\"",
                 ":8:35: targets.cache.checks.memory.depends_on: there is no check \"cache/conect\"; did you mean cache/connect?"):
        assert line in result.err, result.err


def test_checks_newer_than_checks_as_of_are_listed_and_not_run(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("""
agent: {checks_as_of: "0.0"}
targets:
  db: {type: postgres, url: "postgres://127.0.0.1/x", checks: {connect: {}}}
""")
    result = runbookd("validate", "-c", config)
    assert result.code == 0
    listed = [line for line in result.err.splitlines() if "came with 0.1 and is not run: name it, or raise this" in line]
    assert listed and "ok: 1 target, 1 check" in result.out, result.err + result.out
    config.write_text(config.read_text().replace("0.0", "0.1"))
    result = runbookd("validate", "-c", config)
    assert "is not run" not in result.err and "ok: 1 target, 1 check" not in result.out
