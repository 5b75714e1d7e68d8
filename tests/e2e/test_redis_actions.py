"""What plugins/redis changes: cache keys, sessions, queues set aside; planned, applied, refused, on one server and on a cluster."""
import json

import pytest

import servers
from acting import act
from servers_redis import Cluster, target

ALONE = ["alone", "cluster"]


@pytest.fixture(scope="module")
def alone():
    server = servers.Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def where(request, alone, cluster):
    place = alone if request.param == "alone" else cluster
    for node in getattr(place, "nodes", [place]):
        node.do("flushall")
    return place


def ask(server, action, options, **more):
    return act(target(server.url, {}, "act_as: {}"), "cache", action, options, **more)


def exists(place, *keys):
    return [place.do("exists", key) == "1" for key in keys]


# ------------------------------------------------------- unlink_pattern ----


@pytest.mark.parametrize("where", ALONE, indirect=True)
def test_the_cache_goes_and_what_is_no_cache_stays(where):
    cached = [f"cache:user:{number}" for number in range(30)] + ["cache:a b", "cache:'quoted' \"key\"", "cache:{tag}1", "cache:{tag}2"]
    for key in cached:
        where.do("set", key, 1, "ex", 1000)
    kept = {"cache:forever": ["set", "cache:forever", 1], "cache:list": ["rpush", "cache:list", 1], "session:1": ["set", "session:1", 1, "ex", 100],
            "cache:lock:x": ["set", "cache:lock:x", 1, "ex", 100], "bull:mails:wait": ["rpush", "bull:mails:wait", 1]}
    for command in kept.values():
        where.do(*command)
    planned = ask(where, "unlink_pattern", {"pattern": "cache:*"})
    assert planned.code == 0 and planned.plan["count"] == len(cached), planned.out
    assert planned.plan["total"] == len(cached) + len(kept), planned.out
    assert "3 more fit the pattern and are left alone" in planned.plan["note"], planned.out
    assert all(exists(where, *cached))
    done = ask(where, "unlink_pattern", {"pattern": "cache:*", "batch": 7}, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"] and done.results[0]["json"] == {"unlinked": len(cached)}, done.out
    assert not any(exists(where, *cached)) and all(exists(where, *kept))
    again = ask(where, "unlink_pattern", {"pattern": "cache:*"}, apply=True)
    assert again.code == 0 and not again.keys and not again.results, again.out


def test_no_more_than_max_keys_and_no_more_than_was_planned(alone):
    alone.do("flushall")
    for number in range(50):
        alone.do("set", f"cache:{number}", 1, "ex", 1000)
    planned = ask(alone, "unlink_pattern", {"pattern": "cache:*", "max_keys": 20})
    assert planned.plan["count"] == 20 and "there are more" in planned.plan["note"], planned.out
    done = ask(alone, "unlink_pattern", {"pattern": "cache:*", "max_keys": 20}, step=planned.plan["steps"][0])  # a step of one
    assert done.results[0]["json"] == {"unlinked": 1}, done.out
    done = ask(alone, "unlink_pattern", {"pattern": "cache:*", "max_keys": 20}, apply=True)
    assert done.results[0]["json"] == {"unlinked": 20}, done.out
    assert alone.do("dbsize") == "29"


@pytest.mark.parametrize("pattern", ["*", "ca*", "[c]ache:*", "?ache:*", "\\cache:*"])
def test_a_pattern_that_may_mean_anything_is_refused(alone, pattern):
    done = ask(alone, "unlink_pattern", {"pattern": pattern}, apply=True)
    assert done.code == 2 and done.failure["during"] == "plan" and done.failure["reason"] == "too_wide", done.out


def test_filters_of_type_time_and_name(alone):
    alone.do("flushall")
    alone.do("set", "cache:soon", 1, "ex", 5)
    alone.do("set", "cache:late", 1, "ex", 5000)
    alone.do("hset", "cache:hash", "a", 1)
    for options, count in (({"min_ttl": "1m"}, 1), ({"expiring_only": False}, 3), ({"expiring_only": False, "types": ["hash"]}, 1),
                           ({"never": ["cache:l*"]}, 1), ({"types": ["zset"]}, 0)):
        planned = ask(alone, "unlink_pattern", {"pattern": "cache:*", **options})
        assert planned.plan["count"] == count, (options, planned.out)


def test_without_the_right_it_says_which_one(alone):
    alone.do("flushall")
    alone.do("set", "cache:1", 1, "ex", 1000)
    alone.do("acl", "setuser", "ops", "on", ">ops-pass", "-@all", "+info", "+dbsize", "+scan", "+type", "+pttl", "~cache:*")
    config = target(alone.url, {}, "act_as: {user: ops, password: ops-pass}")
    done = act(config, "cache", "unlink_pattern", {"pattern": "cache:*"}, apply=True)
    assert done.failure["denied"] and done.failure["hint"] == "ACL SETUSER ops +unlink", done.out
    assert alone.do("exists", "cache:1") == "1"


# ------------------------------------------------------ revoke_sessions ----


@pytest.mark.parametrize("where", ALONE, indirect=True)
def test_sessions_of_named_users_end_wherever_the_user_is_written(where):
    for user, number in ((42, 1), (42, 2), (4, 1), (7, 1)):
        where.do("set", f"sess:key:{user}:{number}", 1, "ex", 1000)
        where.do("hset", f"sess:hash:{user}{number}", "user", user)
        where.do("set", f"sess:json:{user}{number}", json.dumps({"cookie": {"x": [1, "}"]}, "passport": {"user": user}}))
    for pattern, place in (("sess:key:{user}:*", "key"), ("sess:hash:*", "hash:user"), ("sess:json:*", "json:passport.user")):
        options = {"pattern": pattern, "users": ["42", "7", "nobody"], "user_in": place}
        planned = ask(where, "revoke_sessions", options)
        assert {s["key"]: s["count"] for s in planned.plan["steps"]} == {"42": 2, "7": 1}, planned.out
        assert "sess:" not in json.dumps(planned.plan["steps"])  # a session's key is as good as a password
        done = ask(where, "revoke_sessions", options, apply=True, without=["7"])
        assert [r["json"] for r in done.results] == [{"revoked": 2}], done.out
        kind = pattern.split(":")[1]
        assert exists(where, *((f"sess:key:{n}" for n in ("42:1", "42:2", "4:1", "7:1")) if kind == "key" else
                               (f"sess:{kind}:{n}" for n in ("421", "422", "41", "71")))) == [False, False, True, True]


def test_sessions_that_began_before_a_moment(alone):
    alone.do("flushall")
    alone.do("set", "sess:old", 1, "ex", 1000)  # of an hour: it began 2600 s ago
    alone.do("set", "sess:new", 1, "ex", 3590)
    options = {"pattern": "sess:*", "older_than": "10m", "lifetime": "1h"}
    done = ask(alone, "revoke_sessions", options, apply=True)
    assert done.keys == ["everybody"] and done.results[0]["json"] == {"revoked": 1}, done.out
    assert exists(alone, "sess:old", "sess:new") == [False, True]


@pytest.mark.parametrize("options, says", [
    ({"pattern": "sess:*"}, "everybody"),
    ({"pattern": "*", "everybody": True}, "four plain characters"),
    ({"pattern": "sess:*", "users": ["1"]}, "{user}"),
    ({"pattern": "sess:*", "older_than": "1h"}, "lifetime"),
    ({"pattern": "sess:*", "users": ["1"], "user_in": "cookie"}, "user_in"),
])
def test_options_that_may_mean_everybody_are_refused(alone, options, says):
    done = ask(alone, "revoke_sessions", options, apply=True)
    assert done.code == 2 and done.failure["during"] == "plan" and says in done.failure["summary"], done.out


# ----------------------------------------------------- quarantine_queue ----


@pytest.mark.parametrize("where", ALONE, indirect=True)
def test_a_queue_is_set_aside_and_taken_back(where):
    where.do("rpush", "jobs:low", 1, 2, 3)
    aside = "jobs:low:quarantine" if hasattr(where, "port") else "{jobs:low}:quarantine"
    done = ask(where, "quarantine_queue", {"key": "jobs:low", "keep": "1h"}, apply=True)
    assert done.results[0]["outcome"] == "applied", done.out
    assert exists(where, "jobs:low", aside) == [False, True] and 3500 < int(where.do("ttl", aside)) <= 3600
    where.do("rpush", "jobs:low", 4)
    twice = ask(where, "quarantine_queue", {"key": "jobs:low"}, apply=True)
    assert twice.results[0]["outcome"] == "skipped" and "earlier" in twice.results[0]["summary"], twice.out
    busy = ask(where, "quarantine_queue", {"key": "jobs:low"}, step=done.results[0]["undo"])
    assert busy.results[0]["outcome"] == "skipped" and where.do("llen", "jobs:low") == "1", busy.out
    where.do("del", "jobs:low")
    back = ask(where, "quarantine_queue", {"key": "jobs:low"}, step=done.results[0]["undo"])
    assert back.results[0]["outcome"] == "applied" and where.do("llen", "jobs:low") == "3" and where.do("ttl", "jobs:low") == "-1", back.out


def test_what_is_no_queue_is_not_set_aside(alone):
    alone.do("set", "text", 1)
    assert ask(alone, "quarantine_queue", {"key": "text"}).failure["during"] == "plan"
    assert not ask(alone, "quarantine_queue", {"key": "nothing"}).keys
