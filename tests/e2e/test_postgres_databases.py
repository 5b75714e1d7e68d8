"""`databases: {match: ...}` on a postgres target: what is local to a database is asked of each, one at a time; the rest once."""
import json
import time

import pytest

import servers
import sockets
from agent import runbookd
from test_postgres_schema import watched

TENANTS = [f"tenant_{i}" for i in range(1, 7)]
DATABASES = {"match": "tenant_*", "except": ["*_old"], "one_at_a_time": True}


@pytest.fixture(scope="module")
def tenants():
    """Six tenants that are well, one that is left out, and one that has nothing to do with them."""
    server = servers.Postgres(max_connections=20)
    server.sql("create database template_tenant")
    server.sql("create table orders (id serial primary key, source text, at timestamptz default now());"
               "insert into orders (source) select 'shop' from generate_series(1, 100)", database="template_tenant")
    server.url_of_watcher = watched(server)
    server.sql("grant select on orders to watcher; grant select on all sequences in schema public to watcher", database="template_tenant")
    for name in [*TENANTS, "tenant_old"]:
        server.sql(f"create database {name} template template_tenant")
    server.sql("select setval('orders_id_seq', 2147483647)", database="tenant_old")
    server.sql("drop database template_tenant")
    yield server
    server.close()


def config(server, checks, every=None):
    named = {name: {**({"every": every, "timeout": "10s"} if every else {}), **options} for name, options in checks.items()}
    return ("version: 1\nagent: {realm: tests, emit: all}\ntargets:\n  db:\n    type: postgres\n"
            f"    url: '{server.url_of_watcher}'\n    databases: {json.dumps(DATABASES)}\n    checks: {json.dumps(named)}\n")


def ask(folder, server, checks):
    path = folder / "runbookd.yaml"
    path.write_text(config(server, checks))
    return runbookd("once", "-c", path, "--format", "ndjson", *[f"db/{name}" for name in checks])


def subjects(result, name):
    return {e["subject"]: e["status"] for e in result.events if e["kind"] == "finding" and e["name"] == name}


CHECKS = {
    "connections": {},
    "sequences": {},
    "invalid_indexes": {},
    "missing_indexes": {},
    "fresh": {"check": "freshness", "table": "orders", "column": "at", "group": "source"},
    "rows": {"check": "invariant", "sql": "select id from orders where source is null"},
}


def test_each_database_is_a_subject_and_the_server_is_asked_once(tenants, tmp_path):
    result = ask(tmp_path, tenants, CHECKS)
    assert result.code == 0, result.out
    assert set(subjects(result, "connections")) == {None}
    for name in ("sequences", "invalid_indexes", "missing_indexes", "rows"):
        assert set(subjects(result, name)) == set(TENANTS), name
    assert set(subjects(result, "fresh")) == {*TENANTS, *(f"{name}/shop" for name in TENANTS)}


def test_what_is_wrong_with_one_is_said_of_one(tenants, tmp_path):
    tenants.sql("select setval('orders_id_seq', 2040109465); update orders set source = null where id = 1", database="tenant_2")
    tenants.sql("revoke select on orders from watcher; revoke select on all sequences in schema public from watcher", database="tenant_3")
    tenants.sql("drop table orders", database="tenant_4")
    tenants.sql("revoke connect on database tenant_5 from public")
    tenants.sql("alter database tenant_6 connection limit 0")
    try:
        result = ask(tmp_path, tenants, CHECKS)
        assert subjects(result, "sequences") == {"tenant_1": "ok", "tenant_2": "critical", "tenant_3": "unknown", "tenant_4": "ok",
                                                 "tenant_5": "unknown", "tenant_6": "unknown"}, result.out
        assert result.finding("sequences", "tenant_3")["hint"] == "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watcher;"
        assert subjects(result, "rows") == {"tenant_1": "ok", "tenant_2": "critical", "tenant_3": "unknown", "tenant_4": "unknown",
                                            "tenant_5": "unknown", "tenant_6": "unknown"}, result.out
        assert result.finding("rows", "tenant_3")["hint"] == "GRANT SELECT ON public.orders TO watcher;"
        assert "does not exist" in result.finding("rows", "tenant_4")["message"]
        assert "CONNECT" in result.finding("rows", "tenant_5")["hint"]
        assert "too many connections for database" in result.finding("rows", "tenant_6")["message"]
        assert subjects(result, "connections")[None] == "ok"  # the server itself is well
    finally:
        tenants.sql("update orders set source = 'shop'; select setval('orders_id_seq', 100)", database="tenant_2")
        tenants.sql("grant select on orders to watcher; grant select on all sequences in schema public to watcher", database="tenant_3")
        tenants.sql("create table orders (id serial primary key, source text, at timestamptz default now()); insert into orders (source) values ('shop');"
                    "grant select on orders to watcher; grant select on all sequences in schema public to watcher", database="tenant_4")
        tenants.sql("grant connect on database tenant_5 to public")
        tenants.sql("alter database tenant_6 connection limit -1")


def test_dead_rows_bloat_and_a_held_horizon_of_one_are_said_of_one(tenants, tmp_path):
    checks = {"vacuum": {"min_dead": 1000, "warning": "overdue > 0 or horizon_seconds > 0.3"}, "bloat": {"min_size": "1MiB"}}
    tenants.sql("grant pg_read_all_data to watcher")
    tenants.sql("create table fat (id int primary key, name text) with (autovacuum_enabled = off);"
                "insert into fat select g, 'name ' || g from generate_series(1, 20000) as g", database="tenant_1")
    for _ in range(3):
        tenants.sql("update fat set id = id + 100000", database="tenant_1")
    dead = "select n_dead_tup from pg_stat_user_tables where relname = 'fat'"
    servers.wait_until(lambda: int(tenants.sql(dead, database="tenant_1")) > 50000)
    dreamer = tenants.client("begin isolation level repeatable read; select 1 from orders; select pg_sleep(60)", database="tenant_2", application="dreamer")
    servers.wait_until(lambda: tenants.sql("select now() - xact_start > '400ms' from pg_stat_activity where application_name = 'dreamer'") == "t")
    try:
        result = ask(tmp_path, tenants, checks)
        assert subjects(result, "vacuum") == {**dict.fromkeys(TENANTS, "ok"), "tenant_1": "warning", "tenant_2": "warning"}, result.out
        assert result.finding("vacuum", "tenant_1")["evidence"]["tables"][0]["name"] == "public.fat"
        assert result.finding("vacuum", "tenant_1")["evidence"]["holders"] == []
        assert [row["application"] for row in result.finding("vacuum", "tenant_2")["evidence"]["holders"]] == ["dreamer"]
        tenants.end_sessions("dreamer")
        tenants.sql("vacuum analyze fat", database="tenant_1")
        servers.wait_until(lambda: tenants.sql(dead, database="tenant_1") == "0")
        result = ask(tmp_path, tenants, checks)
        assert subjects(result, "vacuum") == dict.fromkeys(TENANTS, "ok"), result.out
        assert subjects(result, "bloat") == {**dict.fromkeys(TENANTS, "ok"), "tenant_1": "warning"}, result.out
        assert {row["relation"] for row in result.finding("bloat", "tenant_1")["evidence"]["relations"]} == {"public.fat", "public.fat_pkey"}
        tenants.sql("revoke pg_read_all_data from watcher")
        result = ask(tmp_path, tenants, checks)
        assert subjects(result, "bloat") == {**dict.fromkeys(TENANTS, "ok"), "tenant_1": "unknown"}, result.out
        assert result.finding("bloat", "tenant_1")["hint"] == "GRANT pg_read_all_data TO watcher;"
    finally:
        dreamer.kill()
        dreamer.communicate()
        tenants.sql("drop table fat", database="tenant_1")


def test_no_more_than_three_connections_are_ever_open(agent, tenants):
    """One that is kept, one of connect, which logs in afresh every time, and one to the database whose turn it is."""
    running = agent(config(tenants, {"rows": CHECKS["rows"], "sequences": {}, "connections": {}, "connect": {}}, every="1s"))
    most, seen = 0, 0
    for _ in range(3):  # rounds
        for name in TENANTS:
            asked = lambda e: e["kind"] == "finding" and e["name"] == "rows" and e["subject"] == name and e["status"] == "ok"  # noqa: B023
            end = time.monotonic() + 20
            while not any(asked(e) for e in running.events[seen:]):
                most = max(most, len(sockets.of(tenants.port, states=(sockets.CONNECTED,))))
                assert time.monotonic() < end, [e["message"] for e in running.events]
        seen = len(running.events)
    assert 2 <= most <= 3, most


def test_a_run_without_time_for_all_says_so(tenants, tmp_path):
    slow = {"slow": {"check": "invariant", "sql": "select id from (select pg_sleep(0.4)::text as id offset 0) as slow where id <> ''", "timeout": "1s"}}
    result = ask(tmp_path, tenants, slow)
    assert result.code == 3, result.out
    late = result.finding("slow")
    assert late["status"] == "unknown" and "of 6 databases" in late["message"] and "timeout" in late["hint"], result.out
    assert "ok" in subjects(result, "slow").values()  # what was looked at stays known


def test_what_fits_nothing_is_unknown_and_what_is_no_choice_is_refused(tenants, tmp_path):
    path = tmp_path / "runbookd.yaml"
    path.write_text(config(tenants, {"sequences": {}}).replace("tenant_*", "customer_*"))
    finding = runbookd("once", "-c", path, "--format", "ndjson", "db/sequences").finding("sequences")
    assert finding["status"] == "unknown" and "no database" in finding["message"], finding
    for wrong in ({"match": []}, {"except": "x"}, {**DATABASES, "one_at_a_time": False}, {**DATABASES, "but": "y"}, {"match": [1]}, "tenant_*"):
        path.write_text(config(tenants, {"sequences": {}}).replace(json.dumps(DATABASES), json.dumps(wrong)))
        result = runbookd("validate", "-c", path)
        assert result.code != 0 and "databases" in result.out + result.err, (wrong, result.out + result.err)
