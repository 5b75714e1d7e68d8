"""ClickHouse's rights: with exactly those of packaging/grants/clickhouse.sql every check works, with less each says what it
lacks; nothing that could not be seen is ever ok."""
import pytest

from agent import runbookd
from servers_clickhouse import New, grants
from test_clickhouse import LIGHT, once

FRESHNESS = "GRANT SELECT(at) ON shop.events"
SHOWN = ["partitions", "parts", "detached_parts", "mutations", "merges", "replication", "distribution_queue"]
# chdb has no such table; without it a server's resident memory and machine are not known.
NOT_HERE = "GRANT SELECT ON system.asynchronous_metrics"


def without(grant):
    return [g for g in grants() if g != grant]


@pytest.fixture(scope="module")
def server():
    users = {"runbookd": [*grants(), FRESHNESS], "nobody": ["GRANT SELECT ON shop.nothing"], "viewer": ["GRANT SELECT ON system.*"],
             "part": [*without("GRANT SHOW TABLES ON *.*"), "GRANT SHOW TABLES ON shop.*"]}
    for number, grant in enumerate(grants()):
        users[f"less{number}"] = without(grant)
    server = New(users=users)
    server.ask("CREATE DATABASE shop")
    server.ask("CREATE TABLE shop.events (at DateTime) ENGINE = MergeTree ORDER BY at")
    server.ask("INSERT INTO shop.events SELECT now()")
    server.ask("CREATE TABLE shop.busy (n UInt32) ENGINE = MergeTree ORDER BY n SETTINGS parts_to_throw_insert = 4")
    server.ask("SYSTEM STOP MERGES shop.busy")
    for n in range(4):
        server.ask(f"INSERT INTO shop.busy VALUES ({n})")
    server.ask("CREATE DICTIONARY shop.bad (id UInt64, name String) PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 'nowhere' DB 'shop')) "
               "LAYOUT(FLAT()) LIFETIME(MIN 0 MAX 0)")
    with pytest.raises(Exception):
        server.ask("SYSTEM RELOAD DICTIONARY shop.bad")
    yield server
    server.close()


def findings(server, tmp_path, user, check=None, options=""):
    result = once(server, tmp_path, check, options, login=f"user: {user}, password: pw,")
    return {e["name"]: e for e in result.events if e["kind"] == "finding"}


def test_every_check_works_with_exactly_the_grants_that_are_shipped(server, tmp_path):
    found = findings(server, tmp_path, "runbookd")
    assert {name: f["status"] for name, f in found.items()} == {
        name: "critical" if name in ("parts", "dictionaries") else "ok" for name in LIGHT}, found
    assert found["parts"]["evidence"]["partitions"][0]["table"] == "busy"
    assert found["connect"]["evidence"]["limits"] == "ours"
    assert findings(server, tmp_path, "runbookd", "freshness", "table: shop.events, column: at")["freshness"]["status"] == "ok"
    finding = findings(server, tmp_path, "runbookd", "freshness", "table: shop.busy, column: n")["freshness"]
    assert finding["status"] == "unknown" and finding["hint"] == "GRANT SELECT ON shop.busy TO runbookd", finding
    client = server.client("SELECT sleepEachRow(0.5) FROM numbers(20)", max_block_size=1, query_id="another-users")
    try:
        while "another-users" not in str(found := findings(server, tmp_path, "runbookd", "long_queries", "older_than: 100ms")):
            assert found["long_queries"]["status"] == "ok", found
    finally:
        client.kill()
        client.communicate()


def test_each_of_those_grants_is_needed(server, tmp_path):
    """One target a grant that is missing, all asked at once."""
    whole = findings(server, tmp_path, "runbookd")
    path = tmp_path / "less.yaml"
    path.write_text("version: 1\nagent: {realm: tests}\ntargets:\n" + "".join(
        f"  less{number}: {{type: clickhouse, url: '{server.url}', user: less{number}, password: pw}}\n" for number in range(len(grants()))))
    events = [e for e in runbookd("once", "-c", path, "--format", "ndjson").events if e["kind"] == "finding"]
    for number, grant in enumerate(grants()):
        if grant == NOT_HERE:
            continue
        found = {e["name"]: e for e in events if e["target"] == f"less{number}"}
        worse = [name for name, f in found.items() if f["status"] == "unknown" or set(f["measures"]) != set(whole[name]["measures"])]
        assert worse, f"nothing is lost without {grant}"
        for name in worse:
            if found[name]["status"] == "unknown":
                assert found[name]["hint"] == f"{grant} TO less{number}", found[name]


def test_without_any_right_each_check_names_one_that_it_lacks(server, tmp_path):
    found = findings(server, tmp_path, "nobody")
    assert found.pop("connect")["status"] == "ok"
    assert set(found) == set(LIGHT) - {"connect"}
    for name, finding in found.items():
        assert finding["status"] == "unknown" and finding["hint"].startswith("GRANT SELECT ON system."), finding
        assert finding["hint"].endswith(" TO nobody") and "lacks a right" in finding["message"], finding


def test_who_may_read_the_tables_and_see_nothing_in_them_is_told_so(server, tmp_path):
    """GRANT SELECT ON system.* alone: system.parts is empty, and so is everything else."""
    found = findings(server, tmp_path, "viewer")
    for name in SHOWN:
        assert found[name]["status"] == "unknown" and found[name]["hint"] == "GRANT SHOW TABLES ON *.* TO viewer", found[name]
    assert found["dictionaries"]["status"] == "unknown" and found["dictionaries"]["hint"] == "GRANT SHOW DICTIONARIES ON *.* TO viewer"
    for name in ("disk", "long_queries", "memory", "errors"):
        assert found[name]["status"] == "ok", found[name]


def test_who_sees_one_database_looks_at_that_and_says_so(server, tmp_path):
    found = findings(server, tmp_path, "part")
    assert found["parts"]["status"] == "critical" and found["parts"]["evidence"]["partitions"][0]["table"] == "busy", found["parts"]
    assert found["mutations"]["status"] == "ok", found["mutations"]
