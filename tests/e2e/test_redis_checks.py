"""The checks of plugins/redis that one INFO or a few commands answer: healthy, broken for real, and without the right."""
import time

import pytest

import servers
from servers import wait_until
from servers_redis import Replica, client, info, once, target

DEFAULT = ["latency", "persistence", "replication", "keyspace", "slowlog", "acl"]
ALL = dict.fromkeys(DEFAULT + ["cache_hit_ratio", "config_drift", "bigkeys"], {})


@pytest.fixture(scope="module")
def healthy():
    server = servers.Redis("--enable-debug-command", "local", "--latency-monitor-threshold", "10")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def clean(request):
    if "healthy" in request.fixturenames:
        request.getfixturevalue("healthy").do("flushall")


def test_a_healthy_server_is_ok_in_all_of_them(healthy, tmp_path):
    healthy.do("debug", "populate", 2000, "key", 10)
    result = once(tmp_path, healthy.url, ALL)
    assert {e["name"]: e["status"] for e in result.events if e["kind"] == "finding"} == dict.fromkeys(ALL, "ok"), result.out
    assert result.finding("keyspace")["measures"]["keys"] == 2000
    assert result.finding("latency")["evidence"]["samples"] == 20
    assert result.finding("bigkeys")["measures"]["covered_percent"] == 100


# ------------------------------------------------------------ latency ----


def test_a_server_that_is_kept_busy_is_slow(healthy, tmp_path):
    spin = "local n = redis.call('time') local t = n[1] * 1000000 + n[2] repeat n = redis.call('time') until n[1] * 1000000 + n[2] > t + 30000"
    busy = [client(healthy, "-r", "1000", "eval", spin, 0) for _ in range(3)]
    try:
        time.sleep(0.2)
        result = once(tmp_path, healthy.url, {"latency": {}})
    finally:
        for one in busy:
            one.kill()
            one.wait()
    finding = result.finding("latency")
    assert finding["status"] in ("warning", "critical") and finding["measures"]["p95_ms"] > 20, finding
    assert {row["event"] for row in finding["evidence"]["latency_latest"]} >= {"command"}, finding


def test_a_server_that_hangs_is_down_not_slow(healthy, tmp_path):
    healthy.freeze()
    try:
        result = once(tmp_path, healthy.url, {"latency": {"timeout": "1s"}})
    finally:
        healthy.thaw()
    assert result.code == 2, result.out


# --------------------------------------------------- memory, and connect ----


def test_a_server_that_is_full_takes_no_writes_and_a_cache_that_is_full_is_fine(redis, tmp_path):
    redis.do("config", "set", "maxmemory", "3mb")
    for number in range(60):
        redis.do("set", f"key:{number}", "x" * 100_000)
    small = 0
    while not redis.do("set", f"small:{small}", "x" * 2000).startswith("OOM"):
        small += 1
        assert small < 500, redis.do("info", "memory")
    full = once(tmp_path, redis.url, {"connect": {"write": "runbookd:probe"}, "memory": {}})
    assert full.finding("connect")["status"] == "critical" and full.finding("connect")["words"]["writes"] == "oom", full.out
    assert full.finding("memory")["status"] == "critical", full.out
    redis.do("config", "set", "maxmemory-policy", "allkeys-lru")
    cache = once(tmp_path, redis.url, {"connect": {"write": "runbookd:probe"}, "memory": {}})
    assert cache.code == 0, cache.out


# ---------------------------------------------------------- persistence ----


def test_a_save_that_fails_is_critical_until_one_works(redis, tmp_path):
    redis.do("config", "set", "save", "3600 1")
    assert once(tmp_path, redis.url, {"persistence": {}}).finding("persistence")["status"] == "ok"
    (redis.dir / "dump.rdb").mkdir()
    redis.do("set", "a", "1")
    redis.do("bgsave")
    wait_until(lambda: info(redis, "rdb_last_bgsave_status") == "err")
    broken = once(tmp_path, redis.url, {"persistence": {}}).finding("persistence")
    assert broken["status"] == "critical" and broken["words"]["rdb"] == "failed" and broken["hint"], broken
    (redis.dir / "dump.rdb").rmdir()
    redis.do("bgsave")
    wait_until(lambda: info(redis, "rdb_last_bgsave_status") == "ok")
    healed = once(tmp_path, redis.url, {"persistence": {}}).finding("persistence")
    assert healed["status"] == "ok" and healed["measures"]["last_save_age_seconds"] < 60, healed


def test_what_was_not_saved_for_long_is_a_warning(redis, tmp_path):
    redis.do("config", "set", "save", "3600 1000000")
    redis.do("set", "a", "1")
    time.sleep(1.1)  # the age counts whole seconds
    late = {"persistence": {"warning": "schedule == 'points' and unsaved > 0 and last_save_age_seconds > 0"}}
    assert once(tmp_path, redis.url, late).finding("persistence")["status"] == "warning"


# ---------------------------------------------------------- replication ----


def test_replicas_that_stop_and_vanish_are_seen_from_both_sides(tmp_path):
    master = servers.Redis("--repl-timeout", "60")
    replica = Replica(master)
    try:
        wait_until(lambda: info(master, "connected_slaves") == "1")
        check = {"replication": {"replicas": 1, "good_within": "1s", "warning": "missing_replicas > 0", "critical": "never"}}

        def look(server):
            return once(tmp_path, server.url, check).finding("replication")

        wait_until(lambda: look(master)["status"] == "ok")
        assert look(replica)["words"] == {"role": "replica", "link": "up"}
        replica.freeze()
        for number in range(100):
            master.do("set", f"key:{number}", "x" * 1000)
        wait_until(lambda: look(master)["measures"]["lag_seconds"] >= 2)
        frozen = look(master)
        assert frozen["status"] == "warning" and frozen["measures"]["lag_bytes"] > 100000, frozen
        assert frozen["evidence"]["by_replica"][0]["replica"] == f"127.0.0.1:{replica.port}"
        replica.thaw()
        wait_until(lambda: look(master)["status"] == "ok")
        replica.kill()
        wait_until(lambda: look(master)["measures"]["replicas"] == 0)
        gone = look(master)
        assert gone["status"] == "warning" and gone["measures"]["missing_replicas"] == 1, gone
        replica.start()
        master.kill()
        wait_until(lambda: info(replica, "master_link_status") == "down")
        lost = once(tmp_path, replica.url, {"replication": {}}).finding("replication")
        assert lost["status"] in ("warning", "critical") and lost["words"]["link"] == "down", lost
    finally:
        replica.close()
        master.close()


# ------------------------------------------------------------- keyspace ----


def test_keys_that_somebody_flushed_are_missed_and_those_that_expired_are_not(healthy, agent):
    healthy.do("debug", "populate", 5000, "key", 10)
    running = agent(target(healthy.url, {"keyspace": {"every": "200ms"}}))
    assert running.wait_status("cache", "keyspace", "ok")["measures"]["keys"] == 5000
    before = len(running.events)
    healthy.do("flushall")
    lost = running.wait_status("cache", "keyspace", "warning", after=before)
    assert lost["measures"]["lost_percent"] == 100, lost
    running.wait_status("cache", "keyspace", "ok", after=len(running.events) - 1)


def test_keys_that_expire_are_not_missed(healthy, agent):
    healthy.do("eval", "for i = 1, 2000 do redis.call('set', 'k' .. i, 1, 'px', 1500) end", 0)
    running = agent(target(healthy.url, {"keyspace": {"every": "200ms"}}))
    running.wait_status("cache", "keyspace", "ok")
    wait_until(lambda: healthy.do("dbsize") == "0")
    time.sleep(0.6)  # three more runs
    assert [e["status"] for e in running.findings("cache", "keyspace")] == ["ok"]


# ------------------------------------------------------ cache_hit_ratio ----


def test_a_cache_that_is_asked_in_vain(healthy, agent):
    healthy.do("set", "there", "1")
    running = agent(target(healthy.url, {"cache_hit_ratio": {"every": "200ms", "window": "1s", "least": 50}}))
    running.wait_status("cache", "cache_hit_ratio", "ok")
    hits = client(healthy, "-r", "100000", "-i", "0.001", "get", "there")
    try:
        misses = client(healthy, "-r", "100000", "-i", "0.0002", "get", "nowhere")
        found = running.wait_status("cache", "cache_hit_ratio", "critical")
        assert found["measures"]["hit_percent"] < 50, found
        misses.kill()
        misses.wait()
        running.wait_status("cache", "cache_hit_ratio", "ok", after=len(running.events))
    finally:
        hits.kill()
        hits.wait()


# -------------------------------------------------------------- slowlog ----


def test_slow_commands_are_counted_once_and_their_arguments_stay_where_they_are(healthy, tmp_path, agent):
    healthy.do("config", "set", "slowlog-log-slower-than", "10000")
    healthy.do("slowlog", "reset")
    running = agent(target(healthy.url, {"slowlog": {"every": "300ms"}}))
    running.wait_status("cache", "slowlog", "ok")
    before = len(running.events)
    healthy.do("debug", "sleep", "0.15")
    healthy.do("eval", "local t = redis.call('time') repeat local n = redis.call('time') until (n[1] - t[1]) * 1000000 + n[2] - t[2] > 120000 "
               "return ARGV[1]", 1, "session:alice@example.com", "s3cr3t-of-the-tests")
    slow = running.wait_status("cache", "slowlog", "warning", after=before)
    assert slow["measures"]["max_ms"] > 100, slow
    wait_until(lambda: running.findings("cache", "slowlog")[-1]["status"] == "ok")
    shown = str(running.events)
    assert "alice" not in shown and "s3cr3t-of-the-tests" not in shown
    rows = [row for e in running.findings("cache", "slowlog") for row in e["evidence"].get("slow", [])]
    assert {row["command"] for row in rows} <= {"DEBUG SLEEP", "EVAL"} and rows, rows
    whole = once(tmp_path, healthy.url, {"slowlog": {"arguments": True}}).finding("slowlog")
    assert any("session:alice" in row["command"] for row in whole["evidence"]["slow"]), whole


# --------------------------------------------------------- config_drift ----


def test_settings_that_drift_and_that_are_not_as_expected(redis, agent, tmp_path):
    redis.do("config", "set", "requirepass", "")
    state = tmp_path / "state"
    state.mkdir()
    check = {"config_drift": {"every": "300ms", "expect": {"maxmemory-policy": "noeviction"}}}
    running = agent(target(redis.url, check))
    running.wait_status("cache", "config_drift", "ok")
    before = len(running.events)
    redis.do("config", "set", "hz", "20")
    redis.do("config", "set", "masterauth", "s3cr3t-of-the-tests")
    drifted = running.wait_status("cache", "config_drift", "warning", after=before)
    assert drifted["measures"]["changed"] == 1 and drifted["evidence"]["settings"][0]["setting"] == "hz", drifted
    redis.do("config", "set", "maxmemory-policy", "allkeys-lru")
    wrong = running.wait_status("cache", "config_drift", "critical", after=before)
    assert {"setting": "maxmemory-policy", "value": "allkeys-lru", "expected": "noeviction"} in wrong["evidence"]["settings"], wrong


# --------------------------------------------------------------- rights ----

LITTLE = "user default off\nuser little on >little-pass -@all +ping +info\n"
NEEDED = {"latency": "+latency|latest", "persistence": "+config|get", "slowlog": "+slowlog|get"}


@pytest.fixture(scope="module")
def strict():
    server = servers.Redis(acl=LITTLE + "user admin on >admin-pass ~* &* +@all\n")
    yield server
    server.close()


def test_a_right_that_is_missing_is_said_with_the_line_that_grants_it(strict, tmp_path):
    checks = {**ALL, "queue": {"check": "queue_depth", "keys": ["mails"]}}
    result = once(tmp_path, strict.url, checks, "user: little", "password: little-pass")
    for name, right in NEEDED.items():
        finding = result.finding(name)
        assert finding["hint"] == f"ACL SETUSER little {right}", finding
    assert result.finding("slowlog")["status"] == "unknown"
    assert result.finding("config_drift")["status"] == "unknown" and result.finding("config_drift")["hint"] == "ACL SETUSER little +config|get"
    assert result.finding("bigkeys")["hint"] == "ACL SETUSER little +dbsize"
    assert result.finding("queue", "mails")["hint"] == "ACL SETUSER little +type"
    for name in ("replication", "keyspace", "cache_hit_ratio", "latency", "persistence"):
        assert result.finding(name)["status"] == "ok", result.finding(name)


def test_what_other_checks_were_refused_is_in_the_line_of_acl_with_its_keys(strict, agent):
    strict.do("acl", "setuser", "some", "on", ">some-pass", "-@all", "+ping", "+info", "+type", "~other", user="admin", password="admin-pass")
    running = agent(target(strict.url, {"acl": {"checks": ["connect"], "every": "1500ms"}, "queue": {"check": "queue_depth", "keys": ["mails"],
                                        "every": "100ms"}}, "user: some", "password: some-pass"))
    found = running.wait_status("cache", "acl", "unknown")
    assert found["hint"].startswith("ACL SETUSER some ") and "~mails" in found["hint"].split(" "), found


def test_the_line_of_acl_is_exact_the_server_takes_it_and_then_all_is_well(strict, tmp_path):
    checks = {"acl": {"checks": ["connect", "latency", "persistence", "slowlog", "queue_depth"], "keys": ["mails"]}}
    login = ("user: little", "password: little-pass")
    for _ in range(3):  # which keys are missing is known when the commands are permitted
        found = once(tmp_path, strict.url, checks, *login).finding("acl")
        if found["status"] == "ok":
            break
        assert found["status"] == "unknown" and found["hint"].startswith("ACL SETUSER little "), found
        assert strict.do(*found["hint"].split(" "), user="admin", password="admin-pass") == "OK", found["hint"]
    assert found["status"] == "ok", found
    result = once(tmp_path, strict.url, {"latency": {}, "slowlog": {}, "persistence": {}, "queue": {"check": "queue_depth", "keys": ["mails"]}}, *login)
    assert all(e["status"] == "ok" and not (e.get("hint") or "").startswith("ACL") for e in result.events if e["kind"] == "finding"), result.out
