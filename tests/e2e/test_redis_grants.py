"""packaging/grants/redis.acl: every check and action works with exactly these rights, and needs each of them."""
import pathlib
import re

import pytest

import servers
from acting import act
from servers_redis import Cluster, once, target

FILE = pathlib.Path(__file__).parents[2] / "packaging" / "grants" / "redis.acl"
USERS = [line for line in FILE.read_text().splitlines() if line.startswith("user ")]
LOOKS, ACTS = ("user: runbookd", "password: look-pass"), "act_as: {user: runbookd-ops, password: act-pass}"
QUEUES = {"keys": ["jobs:list", "jobs:stream", "jobs:zset", "jobs:set", "jobs:none"], "bull": ["mails"], "sidekiq": ["default"]}
CHECKS = {name: {} for name in ("connect", "memory", "clients", "latency", "persistence", "replication", "keyspace", "slowlog",
                                "cache_hit_ratio", "bigkeys", "config_drift")} | {
    "acl": {"checks": ["connect", "latency", "persistence", "slowlog", "queue_depth", "queue_failed", "queue_stalled", "config_drift"],
            "keys": ["jobs:list"]},
    "queue_depth": {**QUEUES, "celery": ["celery"]}, "queue_failed": QUEUES, "queue_stalled": {**QUEUES, "celery": ["celery"]}}
CLUSTER = {"+cluster|info", "+cluster|myid", "+cluster|slots"}  # of no use elsewhere


def users():
    return "".join(line.replace("OPS_PASSWORD", "act-pass").replace(">PASSWORD", ">look-pass") + "\n" for line in USERS)


def fill(server):
    for command in (["rpush", "jobs:list", 1], ["xadd", "jobs:stream", "*", "a", 1], ["xgroup", "create", "jobs:stream", "g", 0],
                    ["zadd", "jobs:zset", 1, "a"], ["sadd", "jobs:set", 1], ["lpush", "bull:mails:wait", 1], ["set", "bull:mails:id", 1],
                    ["zadd", "bull:mails:failed", 1700000000000, 7], ["hset", "bull:mails:7", "name", "send", "failedReason", "gone"],
                    ["hset", "bull:mails:1", "timestamp", 1700000000000], ["lpush", "queue:default", "{}"], ["zadd", "dead", 1700000000, "{}"],
                    ["sadd", "processes", "p"], ["lpush", "celery", "{}"], ["set", "cache:1", 1, "ex", 1000], ["set", "cache:2", 1, "ex", 1000],
                    ["hset", "sess:1", "user", 42], ["set", "sess:2", '{"user": 42}']):
        server.do(*command, user="admin", password="admin-pass")


@pytest.fixture(scope="module")
def granted():
    server = servers.Redis(acl=users() + "user admin on >admin-pass ~* &* +@all\nuser default off\n")
    fill(server)
    yield server
    server.close()


def lacking(server, tmp_path, db=1):
    """Whatever any finding says of a right that is missing."""
    result = once(tmp_path, f"{server.url}/{db}", CHECKS, *LOOKS)
    found = [e for e in result.events if e["kind"] == "finding"]
    assert found, result.err
    return [e for e in found if "ACL SETUSER" in (e.get("hint") or "") or e["status"] == "unknown"]


def test_every_check_works_with_exactly_these_rights(granted, tmp_path):
    assert lacking(granted, tmp_path, db=0) == [] and lacking(granted, tmp_path) == []


RIGHTS = [right for right in re.findall(r"\+[\w|-]+", USERS[0]) if right not in CLUSTER]


def test_each_right_of_who_looks_is_needed(granted, tmp_path):
    """One after the other is taken away; +type is there twice, once for all keys."""
    line = granted.do("acl", "list", user="admin", password="admin-pass")
    assert "runbookd" in line
    words = users().splitlines()[0].split(" ", 2)[2]
    for right in dict.fromkeys(RIGHTS):
        without = " ".join(word for word in words.split(" ") if word.strip("()") != right or "(" in word)
        without = without.replace(f"({right} ", "(")
        assert granted.do("acl", "setuser", "runbookd", "reset", *rules(without), user="admin", password="admin-pass") == "OK", without
        assert lacking(granted, tmp_path, db=0) + lacking(granted, tmp_path), f"{right} is not needed"
    assert granted.do("acl", "setuser", "runbookd", "reset", *rules(words), user="admin", password="admin-pass") == "OK"
    assert lacking(granted, tmp_path, db=0) == []


def rules(text):
    """Words for ACL SETUSER: what stands in parentheses is one."""
    return re.findall(r"\([^)]*\)|\S+", text)


ACTIONS = [("unlink_pattern", {"pattern": "cache:*"}), ("revoke_sessions", {"pattern": "sess:*", "users": ["42"], "user_in": "hash:user"}),
           ("revoke_sessions", {"pattern": "sess:*", "users": ["42"], "user_in": "json:user"}), ("quarantine_queue", {"key": "jobs:list"}),
           ("quarantine_queue", {"key": "jobs:stream"}), ("quarantine_queue", {"key": "jobs:zset"}), ("quarantine_queue", {"key": "jobs:set"})]


@pytest.mark.parametrize("action, options", ACTIONS)
def test_every_action_works_with_the_rights_of_who_acts(granted, action, options):
    fill(granted)
    done = act(target(granted.url, {}, *LOOKS, ACTS), "cache", action, options, apply=True, undo=action == "quarantine_queue")
    assert done.code == 0 and done.results and all(r["outcome"] == "applied" for r in done.results), done.out


def test_who_looks_may_change_nothing(granted):
    for action, options in ACTIONS:
        done = act(target(granted.url, {}, *LOOKS, "act_as: {}"), "cache", action, options, apply=True)
        assert done.code == 2 and done.failure["denied"], done.out


def test_a_cluster_too(tmp_path):
    cluster = Cluster()
    try:
        for node in cluster.nodes:
            for line in users().splitlines():
                name, text = line.split(" ", 2)[1:]
                assert node.do("acl", "setuser", name, "reset", *rules(text)) == "OK"
        cluster.do("rpush", "jobs:list", 1)
        result = once(tmp_path, cluster.url, {"connect": {}, "bigkeys": {}, "queue_depth": {"keys": ["jobs:list", "jobs:a", "jobs:b"]}}, *LOOKS)
        assert all(e["status"] == "ok" and not e.get("hint") for e in result.events if e["kind"] == "finding"), result.out
        cluster.do("set", "cache:1", 1, "ex", 100)
        done = act(target(cluster.url, {}, *LOOKS, ACTS), "cache", "unlink_pattern", {"pattern": "cache:*"}, apply=True)
        assert done.code == 0 and done.results[0]["json"] == {"unlinked": 1}, done.out
    finally:
        cluster.close()
