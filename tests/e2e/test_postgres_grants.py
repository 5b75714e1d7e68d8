"""packaging/grants/postgres.sql: every check and every action is run with exactly its rights, and each right is needed."""
import json
import os
import pathlib
import subprocess

import pytest

import servers
import servers_postgres
from acting import act
from agent import runbookd
from test_postgres_versions import CHECKS, SAMPLES, tables

SCRIPT = pathlib.Path(__file__).parents[2] / "packaging/grants/postgres.sql"


def grant(server, **variables):
    words = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    done = subprocess.run([servers.PG_BIN / "psql", "-qX", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", *words, "-f", SCRIPT],
                          capture_output=True, text=True, env=dict(os.environ, PGPASSWORD="secret"), timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=[13, 15, 18])  # the script tells before 14, before 17, and later
def server(request):
    server = servers_postgres.Version(request.param)
    tables(server)
    server.sql("create table jobs (n int); insert into jobs values (1), (2)")
    for _ in range(2):  # it may be run again
        grant(server, probe_password="looks-9", ops_password="acts-9", tables="orders, tenants", repaired="jobs")
    yield server
    server.close()


def config(server):
    named = ", ".join(f"{name}: {json.dumps({'every': '1h', 'timeout': '20s', **SAMPLES.get(name, {})})}" for name in CHECKS)
    return (f"version: 1\nagent: {{realm: tests}}\ntargets:\n  db:\n    type: postgres\n    url: postgres://127.0.0.1:{server.port}/postgres\n"
            f"    user: runbookd\n    password: looks-9\n    act_as: {{user: runbookd_ops, password: acts-9}}\n    checks: {{{named}}}\n")


def once(server, tmp_path, *words):
    (tmp_path / "c.yaml").write_text(config(server))
    return runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson", *words)


def statuses(result, check):
    return {e["status"] for e in result.events if e["kind"] == "finding" and e["name"] == check}


def test_every_check_is_fine_with_these_rights(server, tmp_path):
    result = once(server, tmp_path)
    assert {check: statuses(result, check) for check in CHECKS} == {check: {"ok"} for check in CHECKS}, result.out


def test_every_action_is_fine_with_these_rights(server):
    idle, busy = [servers_postgres.Application(server.port, "app") for _ in range(2)]
    idle.ask("select 1;")
    busy.tell("select pg_sleep(600);")
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where usename = 'app' and state = 'active'") == "1")
    outcomes = {action: act(config(server), "db", action, options, apply=True) for action, options in {
        "cancel_queries": {"older_than": "0s"}, "terminate_sessions": {"older_than": "0s"}, "analyze_table": {"tables": ["jobs"]},
        "execute": {"statement": "update jobs set n = 3 where n = 2", "count": "select count(*) from jobs where n = 2"}}.items()}
    for one in (idle, busy):
        one.kill()
    owners_only = server.version < 17  # as the script says
    for action, done in outcomes.items():
        if action == "analyze_table" and owners_only:
            assert done.failure["denied"] and "table's owner" in done.failure["hint"], done.out
        else:
            assert done.code == 0 and {r["outcome"] for r in done.results} == {"applied"}, f"{action}: {done.out}"


def test_who_looks_may_not_act(server):
    looks = config(server).replace("{user: runbookd_ops, password: acts-9}", "{}")
    app = servers_postgres.Application(server.port, "app")
    app.ask("select 1;")
    for action, options in {"terminate_sessions": {"older_than": "0s"}, "analyze_table": {"tables": ["jobs"]},
                            "execute": {"statement": "update orders set state = 'x' where id = 1", "count": "select 1"}}.items():
        done = act(looks, "db", action, options, apply=True)
        assert done.code == 2 and done.failure["denied"], f"{action}: {done.out}"
    assert app.ask("select 1;") == ["1"] and server.sql("select count(*) from orders where state = 'x'") == "0"
    app.kill()


def test_who_looks_may_have_an_index_suggested(server):
    """Where the target has no act_as; who acts needs SELECT on the statement's tables besides."""
    looks = config(server).replace("    act_as: {user: runbookd_ops, password: acts-9}\n", "")
    server.sql("select n from jobs where n = 1")
    query_id = server.sql("select queryid from pg_stat_statements where query like 'select n from jobs%' limit 1")
    for who in (looks, config(server)):
        done = act(who, "db", "suggest_indexes", {"query_id": query_id})
        assert [scan["table"] for scan in done.results[0]["json"]["scans"]] == ["public.jobs"], done.out


# A right that is taken away, how it is given back, and the checks that then say what is missing.
NEEDED = [
    ("revoke pg_monitor from runbookd", "grant pg_monitor to runbookd", ["long_queries", "idle_in_transaction", "blocking", "sessions",
     "slow_statements", "wal", "vacuum", "config_drift"], "GRANT pg_monitor"),
    ("drop extension pg_stat_statements", "create extension pg_stat_statements", ["slow_statements"], "CREATE EXTENSION"),
    ("drop extension amcheck", "create extension amcheck; grant execute on function bt_index_check(regclass), verify_heapam to runbookd",
     ["integrity"], "CREATE EXTENSION"),
    ("revoke execute on function bt_index_check(regclass), verify_heapam from runbookd",
     "grant execute on function bt_index_check(regclass), verify_heapam to runbookd", ["integrity"], "bt_index_check"),
    ("revoke select on all sequences in schema public from runbookd; revoke pg_read_all_data from runbookd",
     "grant select on all sequences in schema public to runbookd; grant pg_read_all_data to runbookd", ["sequences"], "SEQUENCES"),
    ("revoke pg_read_all_data from runbookd; revoke select on orders from runbookd",
     "grant pg_read_all_data to runbookd; grant select on orders to runbookd", ["freshness", "invariant", "query", "audit_activity"], "GRANT SELECT"),
    ("revoke pg_read_all_data from runbookd; revoke select on orders from runbookd",
     "grant pg_read_all_data to runbookd; grant select on orders to runbookd", ["bloat"], "pg_read_all_data"),
]


@pytest.mark.parametrize("server", [15], indirect=True)
@pytest.mark.parametrize("revoke, back, checks, hint", NEEDED)
def test_each_right_is_needed(server, tmp_path, revoke, back, checks, hint):
    other = servers_postgres.Application(server.port, "app")  # a session that there is something to see of
    other.ask("select 1;")
    server.sql(revoke)
    try:
        result = once(server, tmp_path, *[f"db/{check}" for check in checks])
        for check in checks:
            finding = next(e for e in result.events if e["kind"] == "finding" and e["name"] == check)
            assert finding["status"] == "unknown" and hint in finding["hint"], finding
    finally:
        server.sql(back)
        other.kill()


def test_without_variables_it_grants_what_needs_no_names(tmp_path):
    server = servers_postgres.Version(15)
    grant(server)
    assert server.sql("select rolpassword is null from pg_authid where rolname = 'runbookd'") == "t"
    assert server.sql("select count(*) from pg_roles where rolname = 'runbookd_ops'") == "0"
    server.close()
