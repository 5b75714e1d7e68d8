"""PostgreSQL behind PgBouncer in transaction mode: the checks are right through it, and an application's session in
the same pool never sees anything of ours, although both are given the same one server connection in turn."""
import json
import time

import pytest

import servers_postgres
from agent import runbookd
from servers_pgbouncer import PgBouncer
from servers_postgres import Application
from test_postgres_versions import CHECKS, SAMPLES, tables


@pytest.fixture(scope="module")
def postgres():
    server = servers_postgres.Version(15)
    tables(server)
    server.sql("create table written (n int); grant all on written to monitor")
    yield server
    server.close()


@pytest.fixture
def pooler(postgres):
    server = PgBouncer(postgres)
    yield server
    server.close()


STILL = ["sequences", "invalid_indexes", "invariant", "query", "rls", "missing_indexes", "bloat", "replication"]  # which nothing moves
LIGHT = ["connect", "connections", "long_queries", "idle_in_transaction"]


def config(url, every, checks=LIGHT, timeout="20s"):
    named = ", ".join(f"{name}: {json.dumps({'every': every, 'timeout': timeout, **SAMPLES.get(name, {})})}" for name in checks)
    return f"version: 1\nagent: {{realm: tests, emit: all}}\ntargets:\n  db: {{type: postgres, url: '{url}', checks: {{{named}}}}}\n"


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_every_check_is_right_through_the_pooler(postgres, tmp_path, mode):
    pooler = PgBouncer(postgres, pool_mode=mode)
    (tmp_path / "c.yaml").write_text(config(pooler.url, "20s", CHECKS))
    result = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson")
    pooler.close()
    for name in CHECKS:
        found = [e["status"] for e in result.events if e["kind"] == "finding" and e["name"] == name]
        assert found and set(found) == {"ok"}, f"{name}: {result.out}"
    assert result.finding("connections")["measures"]["usable"] == 27
    (tmp_path / "c.yaml").write_text(config(postgres.url, "20s", CHECKS))
    direct = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson")
    assert {(e["name"], e["subject"], e["status"]) for e in direct.events} == {(e["name"], e["subject"], e["status"]) for e in result.events}
    for name in STILL:
        through, straight = [{**r.finding(name)["measures"], "query_ms": 0} for r in (result, direct)]
        assert through == straight, name


def test_what_is_wrong_behind_the_pooler_is_found_through_it(agent, postgres, pooler):
    running = agent(config(pooler.url, "1s"))
    for name in LIGHT:
        running.wait_status("db", name, "ok")
    idle = postgres.client("begin; select pg_sleep(600)", user="app", password="app", application="dreamer")
    try:
        finding = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "connections" and "dreamer" in str(e))
        assert finding["status"] == "ok", finding
    finally:
        idle.kill()
        idle.communicate()
    errors = [e for e in running.findings("db") if e["status"] != "ok"]
    assert not errors, errors


def test_an_application_in_the_same_pool_never_sees_our_settings(agent, postgres, pooler):
    """default_pool_size is 1, so what the agent left behind the application would get: after each of all checks."""
    application = Application(pooler.port)
    before = application.ask("show all;")
    assert len(before) > 300, before[:5]
    running = agent(config(pooler.url, "2s", CHECKS))
    rounds, end = 0, time.monotonic() + 30

    def asked(name):
        return len([e for e in running.findings("db", name) if e["status"] == "ok"])

    while min(map(asked, CHECKS)) < 2 or rounds < 20:
        assert time.monotonic() < end, {name: asked(name) for name in CHECKS}
        assert application.ask("show all;") == before
        assert application.ask(f"insert into written values ({rounds}) returning n;") == [str(rounds)]
        assert application.ask("select count(*) from pg_prepared_statements;") == ["0"]
        rounds += 1
    application.close()
    assert postgres.sql("select count(*) from written") == str(rounds)


def test_a_pooler_that_has_nobody_left_to_ask_is_a_finding_in_time(agent, postgres, pooler):
    """An application keeps the pool's one connection in a transaction: we are let in, and not answered."""
    running = agent(config(pooler.url, "1s", timeout="1s"))
    running.wait_status("db", "connections", "ok")
    application = Application(pooler.port)
    application.ask("begin;")
    seen, begun = len(running.events), time.monotonic()
    finding = running.wait_status("db", "connect", "critical", after=seen, seconds=40)
    assert time.monotonic() - begun < 20 and (finding.get("error_class") or finding["words"]["error_class"]) == "timeout", finding
    seen = len(running.events)
    application.ask("commit;")
    running.wait_status("db", "connect", "ok", after=seen, seconds=30)
    application.close()
