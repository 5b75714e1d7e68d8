"""Every check that the plugin declares, on every version of PostgreSQL: none is unknown on a healthy server, and no
question is an error there.  A check that comes later is covered without a word here, unless it has required options."""
import json

import pytest

import agent as agents
import servers
import servers_postgres
from acting import act

# What a check that has required options is asked with; the tables are made by `tables()`.
SAMPLES = {
    "freshness": {"table": "orders", "group": "state", "expect": ["paid"]},
    "invariant": {"sql": "select id from orders where state is null"},
    "query": {"sql": "select count(*) from orders", "critical": "value == 0"},
    "audit_activity": {"table": "orders", "columns": {"at": "created_at", "actor": "id", "action": "state"}, "per_actor": 5},
    "rls": {"role": "app", "column": "tenant_id"},
    "bloat": {"min_size": "1KiB", "percent": 95},
}

# What cannot be asked of a version, and why; the agent must say so itself, with reason "missing".
INAPPLICABLE = {}  # (version, check): "why"

CHECKS = [line.split()[0].removeprefix("postgres.") for line in agents.runbookd("checks", "postgres").out.splitlines()[1:]]


def tables(server):
    """A database that has something to look at, and is well."""
    server.sql("create table orders (id bigserial primary key, created_at timestamptz not null default now(), state text);"
               "insert into orders (state) select 'paid' from generate_series(1, 1000);"
               "grant select on orders, orders_id_seq to monitor; analyze orders;"
               "create extension amcheck; grant execute on all functions in schema public to monitor;"
               "create table tenants (tenant_id int); grant select on tenants to app; alter table tenants enable row level security;"
               "alter table tenants force row level security; create policy own on tenants using (tenant_id = 1)")


def config(server, checks=CHECKS):
    named = ", ".join(f"{name}: {json.dumps({'every': '1h', 'timeout': '20s', **SAMPLES.get(name, {})})}" for name in checks)
    return f"version: 1\nagent: {{realm: tests}}\ntargets:\n  db: {{type: postgres, url: '{server.url}', checks: {{{named}}}}}\n"


@pytest.fixture(scope="module", params=servers_postgres.VERSIONS)
def server(request):
    server = servers_postgres.Version(request.param)
    tables(server)
    yield server
    server.close()


@pytest.fixture(scope="module")
def asked(server, tmp_path_factory):
    """All checks asked at once; with the errors that the server's log then has."""
    before = len(server.log())
    path = tmp_path_factory.mktemp("config") / "runbookd.yaml"
    path.write_text(config(server))
    result = agents.runbookd("once", "-c", path, "--format", "ndjson", seconds=120)
    return server.version, result, [line for line in server.log()[before:].splitlines() if "ERROR:" in line or "FATAL:" in line]


@pytest.mark.parametrize("check", CHECKS)
def test_check_is_right_on_every_version(asked, check):
    version, result, _ = asked
    findings = [e for e in result.events if e["kind"] == "finding" and e["name"] == check]
    assert findings, f"nothing said; a check with required options needs a sample in SAMPLES\n{result.err}"
    for finding in findings:
        if (version, check) in INAPPLICABLE:
            assert finding["status"] == "unknown" and finding["words"]["error_class"] == "missing", finding
        else:
            assert finding["status"] == "ok", finding


def test_no_question_is_an_error(asked):
    assert asked[2] == []


def test_the_server_is_the_version_it_is_said_to_be(asked):
    version, result, _ = asked
    assert result.finding("connect")["measures"]["server_version"] // 10000 == version


def test_actions_do_what_they_say(server):
    """A session ends, a query is cancelled, a table is analysed, rows change: by a role that has no more than it needs."""
    server.sql("create role keeper; create role ops login password 'ops' in role pg_monitor, pg_signal_backend, keeper;"
               "create table jobs (n int); alter table jobs owner to keeper; insert into jobs values (1), (2), (2)")
    acts = (f"targets:\n  db: {{type: postgres, url: 'postgres://127.0.0.1:{server.port}/postgres', user: monitor, password: monitor,"
            " act_as: {user: ops, password: ops}}\n")
    idle, busy = [servers_postgres.Application(server.port, "app") for _ in range(2)]
    idle.ask("select 1;")
    busy.tell("select pg_sleep(600);")
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where usename = 'app' and state = 'active'") == "1")
    before = len(server.log())
    for action, options in [("cancel_queries", {"older_than": "0s"}), ("terminate_sessions", {"older_than": "0s", "most": 1}),
                            ("analyze_table", {"tables": ["jobs"]}),
                            ("execute", {"statement": "update jobs set n = 3 where n = 2", "count": "select count(*) from jobs where n = 2"})]:
        done = act(acts, "db", action, options, apply=True)
        assert done.code == 0 and [r["outcome"] for r in done.results] == ["applied"], f"{action}: {done.out}{done.err}"
    assert server.sql("select count(*) from jobs where n = 3") == "2"
    assert server.sql("select count(*) from pg_stat_activity where usename = 'app'") == "1"
    errors = [line for line in server.log()[before:].splitlines() if "ERROR:" in line or "FATAL:" in line]
    assert len(errors) == 2 and "user request" in errors[0] and "administrator command" in errors[1], errors
    for one in (idle, busy):
        one.kill()
