"""ClickHouse 18.16 and 26.7: every check is ok on a healthy server, and right on one where the thing itself went wrong."""
import os
import subprocess
import time

import pytest

import servers
from agent import runbookd
from servers_clickhouse import New, Old

LIGHT = ["connect", "disk", "partitions", "parts", "detached_parts", "mutations", "merges", "long_queries", "memory", "errors",
         "replication", "distribution_queue", "dictionaries"]
NOT_IN_OLD = ["disk", "detached_parts", "errors", "distribution_queue"]  # tables that came later


@pytest.fixture(scope="module")
def small():
    """A disk of 8 MiB."""
    folder = servers.Server("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", folder.dir], check=True)
    yield folder.dir
    subprocess.run(["umount", "-l", folder.dir], check=True)
    folder.close()


@pytest.fixture(scope="module")
def new(small):
    server = New(config=f"<storage_configuration><disks><small><path>{small}/</path></small></disks></storage_configuration>"
                        "<max_partition_size_to_drop>3000000</max_partition_size_to_drop>"
                        "<remote_servers><nobody><shard><replica><host>127.0.0.1</host><port>1</port></replica></shard></nobody></remote_servers>"
                        "<profiles><default/></profiles>")
    server.ask("CREATE DATABASE shop")
    yield server
    server.close()


@pytest.fixture(scope="module")
def old():
    server = Old(config="<dictionaries_config>/nowhere/*.xml</dictionaries_config>")
    server.ask("CREATE DATABASE shop")
    yield server
    server.close()


@pytest.fixture
def both(new, old):
    return {"new": new, "old": old}


def config(server, checks="", login=""):
    return f"version: 1\nagent: {{realm: tests, emit: all}}\ntargets:\n  ch: {{type: clickhouse, url: '{server.url}', {login} checks: {{{checks}}}}}\n"


def once(server, tmp_path, check=None, options="", login="", **more):
    """What the checks, or one of them with options, say now."""
    path = tmp_path / "once.yaml"
    path.write_text(config(server, f"{check}: {{{options}}}" if check else "", login))
    return runbookd("once", "-c", path, *([f"ch/{check}"] if check else []), "--format", "ndjson", **more)


def look(server, tmp_path, check, options="", subject=None, **more):
    return once(server, tmp_path, check, options, **more).finding(check, subject)


# ------------------------------------------------------------------------------------------------------------ healthy

def test_a_healthy_server_is_ok(new, tmp_path):
    result = once(new, tmp_path)
    found = {e["name"]: e["status"] for e in result.events if e["kind"] == "finding" and e["subject"] in (None, "small")}
    assert found == {name: "ok" for name in LIGHT}, result.out
    connect = result.finding("connect")
    assert connect["measures"]["server_version"] == 26007002 and connect["evidence"]["limits"] == "ours", connect
    assert result.finding("memory")["measures"]["used_percent"] > 0


def test_a_healthy_old_server_is_ok_and_says_what_it_has_not(old, tmp_path):
    result = once(old, tmp_path)
    found = {e["name"]: e["status"] for e in result.events if e["kind"] == "finding"}
    assert found == {name: "ok" for name in LIGHT}, result.out
    assert result.finding("connect")["measures"]["server_version"] == 18016001
    for name in NOT_IN_OLD:
        finding = result.finding(name)
        assert finding["message"].startswith("does not apply here: ") and finding["words"] == {"applies": "no"}, finding
        assert f"Table system.{'disks' if name == 'disk' else name} doesn't exist" in finding["message"], finding
    assert not [e for e in result.events if e["kind"] == "finding" and e["name"] not in NOT_IN_OLD and "applies" in e["words"]]


@pytest.mark.parametrize("which", ["new", "old"])
def test_a_user_that_may_change_no_setting_is_enough(both, which, tmp_path):
    """readonly = 1: nothing can be sent along, and everything is seen."""
    result = once(both[which], tmp_path, login="user: monitor, password: secret,")
    for e in result.events:
        if e["kind"] == "finding" and e["name"] not in NOT_IN_OLD:
            assert e["status"] == "ok", e
    assert result.finding("connect")["evidence"]["limits"] == "the user's profile"


# ------------------------------------------------------------------------------------------------------------ storage

def test_disk(new, small, tmp_path):
    assert look(new, tmp_path, "disk", subject="small")["status"] == "ok"
    (small / "ballast").write_bytes(b"x" * (7 << 20))
    finding = look(new, tmp_path, "disk", subject="small")
    assert finding["status"] == "warning" and 80 < finding["measures"]["used_percent"] <= 90, finding
    (small / "more").write_bytes(b"x" * (700 << 10))
    finding = look(new, tmp_path, "disk", subject="small")
    assert finding["status"] == "critical" and finding["measures"]["total_bytes"] == 8 << 20, finding
    assert "DROP PARTITION" in finding["hint"] and str(small) in finding["evidence"]["path"]
    for name in ("ballast", "more"):
        (small / name).unlink()


def test_partitions(new, old, tmp_path):
    create = ("CREATE TABLE shop.large (day Date, text String) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day")
    fill = "INSERT INTO shop.large SELECT toDate('2026-05-17') + {}, {} FROM numbers({})"
    for server, text in ((new, "randomString(1000)"), (old, "toString(cityHash64(number))")):
        server.ask(create)
        server.ask(fill.format(0, text, 4000))
        server.ask(fill.format(40, text, 10))
    finding = look(old, tmp_path, "partitions", "database: shop")
    assert finding["status"] == "ok" and finding["measures"]["count"] == 2, finding
    finding = look(new, tmp_path, "partitions", "database: shop, top: 2")
    assert finding["status"] == "warning" and finding["measures"]["largest_bytes"] > 3000000 == finding["measures"]["limit_bytes"], finding
    first = finding["evidence"]["partitions"][0]
    assert (first["table"], first["partition_id"], first["rows"], first["from_date"], first["to_date"]) == (
        "large", "202605", 4000, "2026-05-17", "2026-05-17"), first
    assert "max_partition_size_to_drop" in finding["hint"]
    # Parts that are merged away are not counted twice.
    new.ask("INSERT INTO shop.large SELECT toDate('2026-06-26'), 'x' FROM numbers(10)")
    new.ask("OPTIMIZE TABLE shop.large FINAL")
    assert look(new, tmp_path, "partitions", "database: shop")["evidence"]["partitions"][1]["rows"] == 20
    for server in (new, old):
        server.ask("DROP TABLE shop.large")


@pytest.mark.parametrize("which", ["new", "old"])
def test_parts(both, which, tmp_path):
    server = both[which]
    server.ask("CREATE TABLE shop.busy (n UInt32) ENGINE = MergeTree ORDER BY n SETTINGS parts_to_delay_insert = 8, parts_to_throw_insert = 10")
    server.ask("SYSTEM STOP MERGES shop.busy") if which == "new" else server.ask("SYSTEM STOP MERGES")
    for n in range(4):
        server.ask(f"INSERT INTO shop.busy VALUES ({n})")
    finding = look(server, tmp_path, "parts")
    assert finding["status"] == "ok" and finding["measures"]["count"] == 4 and finding["measures"]["limit"] == 10, finding
    with pytest.raises(Exception, match="Too many parts"):
        for n in range(20):
            server.ask(f"INSERT INTO shop.busy VALUES ({n})")
    finding = look(server, tmp_path, "parts")
    assert finding["status"] == "critical" and finding["measures"]["used_percent"] >= 100 and finding["measures"]["rejected"] >= 1, finding
    assert finding["evidence"]["partitions"][0]["table"] == "busy" and "larger batches" in finding["hint"], finding
    server.ask("DROP TABLE shop.busy")
    server.ask("SYSTEM START MERGES")


def test_detached_parts(new, tmp_path):
    new.ask("CREATE TABLE shop.torn (n UInt32) ENGINE = MergeTree PARTITION BY n ORDER BY n SETTINGS min_bytes_for_wide_part = 0")
    new.ask("INSERT INTO shop.torn SELECT number FROM numbers(3)")
    new.ask("ALTER TABLE shop.torn DETACH PARTITION 2")
    finding = look(new, tmp_path, "detached_parts")
    assert finding["status"] == "ok" and finding["measures"]["count"] == 1 and finding["measures"]["broken"] == 0, finding
    folder = new.ask("SELECT path FROM system.parts WHERE active AND table = 'torn' AND partition_id = '0'")
    new.ask("DETACH TABLE shop.torn")
    with open(os.path.join(folder, "checksums.txt"), "r+b") as file:
        file.truncate(5)
    os.unlink(os.path.join(folder, "columns.txt"))
    new.ask("ATTACH TABLE shop.torn")
    finding = look(new, tmp_path, "detached_parts")
    assert finding["status"] == "warning" and finding["measures"]["broken"] == 1, finding
    assert any(row["reason"].startswith("broken") for row in finding["evidence"]["groups"]), finding
    new.ask("DROP TABLE shop.torn")


# ---------------------------------------------------------------------------------------------------------- freshness

@pytest.mark.parametrize("which", ["new", "old"])
def test_freshness(both, which, tmp_path):
    server = both[which]
    server.ask("CREATE TABLE shop.events (at DateTime, day Date DEFAULT toDate(at), n UInt32 DEFAULT toUInt32(at)) ENGINE = MergeTree "
               "PARTITION BY toYYYYMM(at) ORDER BY at")
    options = "table: shop.events, column: {}"
    finding = look(server, tmp_path, "freshness", options.format("at"))
    assert finding["status"] == "critical" and finding["measures"]["age_seconds"] == 86400, finding
    for ago, status in ((10800, "critical"), (4000, "warning"), (30, "ok")):
        server.ask(f"INSERT INTO shop.events (at) SELECT now() - {ago}")
        for column in ("at", "n"):
            finding = look(server, tmp_path, "freshness", options.format(column))
            assert finding["status"] == status and ago <= finding["measures"]["age_seconds"] < ago + 60, finding
    assert finding["measures"]["rows_last_hour"] == 1
    # A row from the future hides nothing, and a Date is as old as its day.
    server.ask("TRUNCATE TABLE shop.events")
    server.ask("INSERT INTO shop.events (at) SELECT now() + 86400 * (1 - 2 * number) FROM numbers(2)")
    finding = look(server, tmp_path, "freshness", options.format("at") + ", lookback: 2d")
    assert finding["status"] == "critical" and finding["measures"]["age_seconds"] >= 86400, finding
    assert look(server, tmp_path, "freshness", options.format("day") + ", lookback: 3d")["measures"]["age_seconds"] >= 86400
    finding = look(server, tmp_path, "freshness", options.format("nowhere"))
    assert finding["status"] == "unknown" and "`table` and `column`" in finding["hint"], finding
    server.ask("DROP TABLE shop.events")


# --------------------------------------------------------------------------------------------------------------- work

def test_mutations(new, tmp_path):
    new.ask("CREATE TABLE shop.stuck (n UInt32, text String, m UInt32) ENGINE = MergeTree ORDER BY n")
    new.ask("INSERT INTO shop.stuck SELECT number, 'secret-of-a-row', 0 FROM numbers(10)")
    new.ask("ALTER TABLE shop.stuck UPDATE m = 1 WHERE toUInt32(text) = 17 AND text != 'secret-of-a-query'", mutations_sync=0)
    servers.wait_until(lambda: new.ask("SELECT latest_fail_reason FROM system.mutations WHERE NOT is_done"))
    finding = look(new, tmp_path, "mutations")
    assert finding["status"] == "critical" and finding["measures"]["count"] == 1 and finding["measures"]["failed"] == 1, finding
    row = finding["evidence"]["mutations"][0]
    assert row["table"] == "stuck" and "Cannot parse string" in row["reason"] and "KILL MUTATION" in finding["hint"], finding
    assert "secret-of" not in str(finding) and "17" not in row["query"], finding
    new.ask("KILL MUTATION WHERE table = 'stuck'")
    servers.wait_until(lambda: look(new, tmp_path, "mutations")["status"] == "ok")
    new.ask("DROP TABLE shop.stuck")


def test_mutations_of_an_old_server(old, tmp_path):
    old.ask("CREATE TABLE shop.stuck (n UInt32, text String) ENGINE = MergeTree ORDER BY n")
    old.ask("INSERT INTO shop.stuck SELECT number, 'x' FROM numbers(10)")
    old.ask("ALTER TABLE shop.stuck DELETE WHERE toUInt32(text) = 17")
    time.sleep(1.1)  # an age of whole seconds
    finding = look(old, tmp_path, "mutations", "warning: age_seconds > 0")
    assert finding["status"] == "warning" and finding["measures"]["parts_to_do"] == 1, finding
    assert "failed" not in finding["measures"], "this version does not say it"
    old.ask("DROP TABLE shop.stuck")


def test_merges(new, tmp_path):
    new.ask("CREATE TABLE shop.slow (n UInt32, m UInt32) ENGINE = MergeTree ORDER BY n")
    new.ask("INSERT INTO shop.slow SELECT number, 0 FROM numbers(25)")
    new.ask("ALTER TABLE shop.slow UPDATE m = 1 WHERE sleepEachRow(0.1) = 0", mutations_sync=0, allow_nondeterministic_mutations=1)
    try:
        finding = servers.wait_until(lambda: next((f for f in [look(new, tmp_path, "merges", "warning: age_seconds > 0.3")]
                                                   if f["status"] == "warning"), None))
        assert finding["measures"]["mutations"] == 1 and finding["measures"]["used_percent"] > 0, finding
        assert finding["evidence"]["merges"][0]["table"] == "slow", finding
    finally:
        new.ask("KILL MUTATION WHERE table = 'slow'")
        new.ask("DROP TABLE shop.slow")


@pytest.mark.parametrize("which", ["new", "old"])
def test_long_queries(both, which, tmp_path):
    server = both[which]
    client = server.client("SELECT sleepEachRow(0.5) FROM numbers(60) WHERE 'secret-of-a-query' != ''", max_block_size=1, query_id="a-long-one")
    try:
        found = servers.wait_until(lambda: next((f for f in [look(server, tmp_path, "long_queries", "older_than: 1s")] if f["status"] != "ok"), None))
        row = found["evidence"]["queries"][0]
        assert found["status"] == "warning" and row["query_id"] == "a-long-one" and row["user"] == "default", found
        assert "secret-of" not in str(found) and "sleepEachRow(?)" in row["query"], found
        assert look(server, tmp_path, "long_queries", "older_than: 1s, except_users: [default]")["status"] == "ok"
        assert look(server, tmp_path, "long_queries")["status"] == "ok"
    finally:
        client.kill()
        client.communicate()
        server.ask("KILL QUERY WHERE query_id = 'a-long-one'")


@pytest.mark.parametrize("which", ["new", "old"])
def test_memory(both, which, tmp_path):
    server = both[which]
    used = look(server, tmp_path, "memory")["measures"]["used_bytes"]
    limit = f"limit: {used + (120 << 20)}"
    finding = look(server, tmp_path, "memory", limit)
    assert finding["status"] == "ok" and 0 < finding["measures"]["used_percent"] < 80, finding
    # 16 M numbers in one state, 128 MiB, held while the rest sleeps.
    hold = ("SELECT length(groupArray(number)), sleepEachRow(0.3) FROM numbers(16777216) GROUP BY number > 99999999" if which == "old" else
            "SELECT sum(length(a)) FROM (SELECT groupArray(number) AS a FROM numbers(16777216)) WHERE NOT ignore(sleep(3))")
    client = server.client(hold, query_id="a-large-one", max_block_size=65536)
    try:
        found = servers.wait_until(lambda: next((f for f in [look(server, tmp_path, "memory", limit)] if f["status"] != "ok"), None), every=0)
        assert found["measures"]["used_percent"] > 80, found
        assert found["evidence"]["queries"][0]["query_id"] == "a-large-one" and "max_memory_usage" in found["hint"], found
    finally:
        client.kill()
        client.communicate()


# ----------------------------------------------------------------------------------------------- counted while it runs

def test_errors_and_refused_queries_are_counted_from_run_to_run(agent, new):
    checks = "errors: {every: 1s}, memory: {every: 1s}, parts: {every: 1s}"
    running = agent(config(new, checks))
    for name in ("errors", "memory", "parts"):
        running.wait_status("ch", name, "ok")
    with pytest.raises(Exception, match="does not exist|UNKNOWN_TABLE"):
        new.ask("SELECT * FROM shop.nowhere")  # a client's own
    seen = len(running.events)
    running.wait_for(lambda e: e["name"] == "errors" if e["kind"] == "finding" and e in running.events[seen:] else False)
    assert not [e for e in running.findings("ch", "errors") if e["status"] != "ok"]
    with pytest.raises(Exception, match="MEMORY_LIMIT_EXCEEDED"):
        new.ask("SELECT groupArray(toString(number)) FROM numbers(1000000)", max_memory_usage=5000000)
    finding = running.wait_status("ch", "errors", "warning")
    row = next(r for r in finding["evidence"]["recent"] if r["severe"])  # what tests before left may be counted as well
    assert row["name"] == "MEMORY_LIMIT_EXCEEDED" and row["since_last"] >= 1 and finding["measures"]["severe_delta"] >= 1, finding
    finding = running.wait_status("ch", "memory", "warning")
    assert finding["measures"]["rejected_delta"] >= 1, finding
    running.wait_status("ch", "errors", "ok", after=len(running.events))
