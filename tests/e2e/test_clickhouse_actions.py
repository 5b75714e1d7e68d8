"""ClickHouse's actions on real servers: planned, applied, skipped where the world has moved on, refused where a right is missing."""
import pytest

import servers
from acting import act
from servers_clickhouse import New, Old

OPS = ["GRANT SHOW TABLES ON *.*", "GRANT SELECT ON system.parts", "GRANT SELECT ON system.processes", "GRANT ALTER DELETE ON shop.*",
       "GRANT ALTER TTL, ALTER SETTINGS ON shop.*", "GRANT KILL QUERY ON *.*"]


@pytest.fixture(scope="module")
def both():
    both = {"new": New(operators={"ops": OPS, "half": OPS[:3]}, users={"looker": OPS}), "old": Old()}
    for server in both.values():
        server.ask("CREATE DATABASE shop")
    yield both
    for server in both.values():
        server.close()


def config(server, act_as=None):
    act_as = act_as or ("{user: ops, password: pw}" if server.version != "18.16.1" else "{}")
    return f"version: 1\ntargets:\n  ch: {{type: clickhouse, url: '{server.url}', act_as: {act_as}}}\n"


@pytest.fixture
def events(both):
    """Four months, the newest of them this one; each made of two parts."""
    for server in both.values():
        server.ask("CREATE TABLE shop.events (at DateTime, n UInt32) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY at")
        for _ in range(2):
            server.ask("INSERT INTO shop.events SELECT addMonths(now(), -number), number FROM numbers(4)")
    yield
    for server in both.values():
        server.ask("DROP TABLE shop.events")


def months(server):
    return server.ask("SELECT DISTINCT partition_id FROM system.parts WHERE active AND table = 'events' ORDER BY partition_id").split()


# ------------------------------------------------------------------------------------------------------ drop_partition

@pytest.mark.parametrize("which", ["new", "old"])
def test_drop_partition(both, which, events):
    server = both[which]
    before = months(server)
    done = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"})
    assert done.code == 0 and [key.split("@")[0] for key in done.keys] == before[:2], done.out
    assert done.plan["total"] == 4 and "2 rows from" in done.plan["steps"][0]["what"], done.plan
    assert months(server) == before, "a plan changes nothing"

    # Merges move nothing that the plan binds; new rows do.
    server.ask("OPTIMIZE TABLE shop.events FINAL")
    again = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"})
    assert again.keys == done.keys, (done.out, again.out)
    server.ask("INSERT INTO shop.events SELECT addMonths(now(), -3), 99")
    late = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"}, step=done.plan["steps"][0])
    assert late.results[0]["outcome"] == "skipped" and "rows came into it" in late.results[0]["summary"], late.out
    assert months(server) == before

    done = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d", "max": 1}, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"] and "more that are as old" in done.plan["note"], done.out
    assert months(server) == before[1:]
    gone = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"}, step=done.plan["steps"][0])
    assert gone.results[0]["outcome"] == "skipped", gone.out

    named = act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "0s", "partitions": [before[3]]}, apply=True)
    assert [r["outcome"] for r in named.results] == ["applied"] and months(server) == before[1:3], named.out
    assert act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "300d"}).plan["steps"] == []
    assert act(config(server), "ch", "drop_partition", {"table": "shop.events", "older_than": "0s"}).failure["during"] == "plan"


def test_a_partition_that_is_too_large_to_drop_is_refused_and_said_so(both):
    server = New(config="<max_partition_size_to_drop>1000</max_partition_size_to_drop>")
    try:
        server.ask("CREATE DATABASE shop")
        server.ask("CREATE TABLE shop.large (day Date, text String) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day")
        server.ask("INSERT INTO shop.large SELECT '2026-01-01', randomString(100) FROM numbers(100)")
        done = act(config(server, "{}"), "ch", "drop_partition", {"table": "shop.large"}, apply=True)
        assert "max_partition_size_to_drop" in done.plan["note"], done.out
        assert done.failure["reason"] == "too_large_to_drop" and "force_drop_table" in done.failure["hint"], done.out
    finally:
        server.close()


# ------------------------------------------------------------------------------------------------------------- set_ttl

def engine(server):
    return server.ask("SELECT engine_full FROM system.tables WHERE database = 'shop' AND name = 'events'")


def test_set_ttl_and_back(both, events):
    server = both["new"]
    server.ask("SYSTEM STOP MERGES shop.events")
    before = engine(server)
    done = act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at", "keep": "45d"}, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"], done.out
    assert "now it is none; 4 rows are in parts" in done.plan["steps"][0]["what"], done.plan
    assert "TTL at + toIntervalDay(45)" in engine(server) and "ttl_only_drop_parts = 1" in engine(server)
    assert act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at", "keep": "45d"}).plan["steps"] == []

    # Another TTL, and this one back again; a stale plan is skipped.
    shorter = act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at", "keep": "40d"}, apply=True, undo=True)
    assert [r["outcome"] for r in shorter.results] == ["applied", "applied"] and "TTL at + toIntervalDay(45)" in engine(server), shorter.out
    stale = act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at", "keep": "45d"}, step=done.plan["steps"][0])
    assert stale.results[0]["outcome"] == "skipped" and "changed since the plan" in stale.results[0]["summary"], stale.out
    undone = act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at", "keep": "45d"}, step=done.results[0]["undo"])
    assert undone.results[0]["outcome"] == "applied" and engine(server) == before, (undone.out, engine(server))
    for options, why in (({"table": "shop.events", "column": "n"}, "no Date"), ({"table": "shop.nowhere", "column": "at"}, "no such table")):
        assert why in act(config(server), "ch", "set_ttl", options).failure["summary"]


def test_an_old_server_that_knows_no_ttl_says_so(both, events):
    server = both["old"]
    before = engine(server)
    done = act(config(server), "ch", "set_ttl", {"table": "shop.events", "column": "at"}, apply=True)
    assert done.failure["reason"] == "missing" and engine(server) == before, done.out


# ---------------------------------------------------------------------------------------------------------- kill_query

@pytest.mark.parametrize("which", ["new", "old"])
def test_kill_query(both, which):
    server = both[which]
    options = {"older_than": "1s"}
    client = server.client("SELECT sleepEachRow(0.5) FROM numbers(100) WHERE 'secret-of-a-query' != ''", max_block_size=1, query_id="much-too-long")
    try:
        servers.wait_until(lambda: server.ask("SELECT count() FROM system.processes WHERE query_id = 'much-too-long' AND elapsed > 1") == "1")
        done = act(config(server), "ch", "kill_query", options)
        assert done.keys == ["much-too-long"] and "sleepEachRow(?)" in done.plan["steps"][0]["what"] and "secret-of" not in done.out, done.out
        assert act(config(server), "ch", "kill_query", {**options, "except_users": ["default"]}).plan["steps"] == []
        assert act(config(server), "ch", "kill_query", {**options, "users": ["somebody"]}).plan["steps"] == []
        assert server.ask("SELECT count() FROM system.processes WHERE query_id = 'much-too-long'") == "1"
        killed = act(config(server), "ch", "kill_query", {**options, "users": ["default"]}, apply=True)
        assert [r["outcome"] for r in killed.results] == ["applied"] and len(killed.plans) == 2, killed.out
        assert server.ask("SELECT count() FROM system.processes WHERE query_id = 'much-too-long'") == "0"
        late = act(config(server), "ch", "kill_query", options, step=done.plan["steps"][0])
        assert late.results[0]["outcome"] == "skipped", late.out
    finally:
        client.kill()
        client.communicate()


def test_what_writes_is_left_alone_unless_asked_for(both):
    server = both["new"]
    server.ask("CREATE TABLE shop.sink (n UInt8) ENGINE = Null")
    client = server.client("INSERT INTO shop.sink SELECT sleepEachRow(0.5) FROM numbers(60)", max_block_size=1, query_id="an-insert")
    try:
        servers.wait_until(lambda: server.ask("SELECT count() FROM system.processes WHERE query_id = 'an-insert' AND elapsed > 1") == "1")
        assert act(config(server), "ch", "kill_query", {"older_than": "1s"}).plan["steps"] == []
        done = act(config(server), "ch", "kill_query", {"older_than": "1s", "writes": True}, apply=True)
        assert [r["outcome"] for r in done.results] == ["applied"], done.out
    finally:
        client.kill()
        client.communicate()


# -------------------------------------------------------------------------------------------------------------- rights

def test_who_may_not_plans_all_the_same_and_is_told_why(both, events):
    server = both["new"]
    done = act(config(server, "{user: looker, password: pw}"), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"}, apply=True)
    assert len(done.plan["steps"]) == 2 and done.failures[0]["denied"] and len(months(server)) == 4, done.out
    assert "settings profile is not readonly" in done.failures[0]["hint"], done.out
    done = act(config(server, "{user: half, password: pw}"), "ch", "drop_partition", {"table": "shop.events", "older_than": "40d"}, apply=True)
    assert done.failures[0]["denied"] and done.failures[0]["hint"] == "GRANT ALTER DELETE ON shop.events TO half", done.out
    assert len(months(server)) == 4
