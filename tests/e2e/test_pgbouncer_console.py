"""The plugin pgbouncer against a real PgBouncer 1.18: healthy, its clients waiting, paused, refused by its server, full; wrong
passwords and missing rights; and its actions."""
import pytest

import servers
from acting import act
from agent import runbookd
from servers_pgbouncer import PgBouncer
from servers_postgres import Application


@pytest.fixture
def pooler(postgres):
    server = PgBouncer(postgres)
    yield server
    server.close()


@pytest.fixture
def application(pooler):
    """application() is a session through the pooler; all end with the test."""
    started = []

    def start(*words, **more):
        started.append(Application(pooler.port, *words, **more))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def config(pooler, url=None, checks="", every="200ms"):
    return (f"version: 1\nagent: {{realm: tests, emit: all}}\ntargets:\n  pooler:\n    type: pgbouncer\n    url: '{url or pooler.console_url}'\n"
            f"    every: {every}\n    timeout: {every}\n    act_as: {{user: boss, password: boss}}\n    checks: {{{checks}}}\n")


def once(pooler, tmp_path, url=None, checks=""):
    path = tmp_path / "c.yaml"
    path.write_text(config(pooler, url, checks, every="5s"))
    return runbookd("once", "-c", path, "--format", "ndjson")


POOL = "postgres/monitor"


def test_a_healthy_pooler_is_ok(pooler, application, tmp_path):
    assert application().ask("select 1;") == ["1"]
    result = once(pooler, tmp_path)
    assert result.code == 0, result.out
    connect = result.finding("connect")
    assert connect["measures"]["server_version"] == 11800 and "PgBouncer 1.18.0" in connect["message"]
    clients = result.finding("clients")["measures"]
    assert clients["max"] == 50 and clients["used"] == 2 and clients["used_percent"] == 4
    pool = result.finding("pools", POOL)
    assert pool["measures"]["waiting"] == 0 and pool["measures"]["connected"] == 1 and pool["measures"]["limit"] == 1, pool
    assert pool["words"]["state"] == "active" and "queries_per_second" in pool["measures"]
    assert pool["evidence"]["mode"] == "transaction" and pool["evidence"]["server"] == f"127.0.0.1:{pooler.postgres.port}", pool


def test_probe_knows_the_scheme(pooler):
    result = runbookd("probe", pooler.console_url.replace("watch:watch", "watch:${env:CONSOLE}"), "--format", "ndjson", env={"CONSOLE": "watch"})
    assert result.code == 0 and result.finding("connect")["status"] == "ok", result.out + result.err


def test_nobody_has_come_yet(pooler, tmp_path):
    result = once(pooler, tmp_path)
    assert result.finding("pools")["status"] == "ok" and "no application" in result.finding("pools")["message"]


def test_clients_that_wait_are_a_warning_and_waiting_long_is_critical(agent, pooler, application):
    holder, waiter = application(), application()
    holder.ask("begin;")
    running = agent(config(pooler))
    running.wait_status("pooler", "pools", "ok", subject=POOL)
    waiter.tell("select 2;")
    warning = running.wait_status("pooler", "pools", "warning", subject=POOL)
    assert warning["measures"]["waiting"] == 1 and warning["measures"]["used_percent"] == 100, warning
    assert "idle_in_transaction" in warning["hint"], warning
    critical = running.wait_status("pooler", "pools", "critical", subject=POOL, seconds=20)
    assert critical["measures"]["wait_seconds"] > 5
    seen = len(running.events)
    holder.ask("commit;")
    assert waiter.hear() == ["2"]
    running.wait_status("pooler", "pools", "ok", subject=POOL, after=seen)


def test_a_paused_database_is_told_also_while_nobody_waits(agent, pooler, application):
    running = agent(config(pooler))
    running.wait_status("pooler", "connect", "ok")
    pooler.console("pause postgres")
    finding = running.wait_status("pooler", "pools", "warning", subject="postgres")
    assert finding["words"]["state"] == "paused" and "RESUME" in finding["hint"], finding
    client = application()
    client.tell("select 3;")
    finding = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "pools" and e["measures"].get("waiting") == 1)
    assert finding["words"]["state"] == "paused"
    pooler.console("resume postgres")
    assert client.hear() == ["3"]
    running.wait_status("pooler", "pools", "ok", subject=POOL)


def test_a_disabled_database_is_told(pooler, tmp_path):
    pooler.console("disable postgres")
    finding = once(pooler, tmp_path).finding("pools", "postgres")
    assert finding["status"] == "warning" and finding["words"]["state"] == "disabled" and "ENABLE" in finding["hint"]


def test_only_named_databases_are_looked_at(pooler, tmp_path):
    pooler.console("disable postgres")
    result = once(pooler, tmp_path, checks="pools: {databases: [orders]}")
    assert result.finding("pools")["status"] == "ok"


def refuse(pooler):
    """From now on nobody listens where the pooler's server should be."""
    pooler.databases["postgres"] = f"host=127.0.0.1 port={servers.free_port()} user=monitor password=monitor"
    pooler.configure()
    pooler.console("reconnect postgres")


def test_a_server_that_refuses_lets_clients_wait_for_longer_and_longer(agent, pooler, application):
    client = application()
    client.ask("select 1;")
    running = agent(config(pooler))
    running.wait_status("pooler", "pools", "ok", subject=POOL)
    refuse(pooler)
    client.tell("select 2;")
    finding = running.wait_status("pooler", "pools", "critical", subject=POOL)
    assert finding["measures"]["wait_seconds"] > 5 and finding["measures"]["connected"] == 0, finding
    assert "lets PgBouncer in" in finding["hint"], finding


def test_a_server_that_never_let_anybody_in_is_critical_too(agent, pooler, application):
    """PgBouncer itself then says that nobody has waited: its clients are not logged in yet."""
    refuse(pooler)
    application().tell("select 1;")
    running = agent(config(pooler))
    finding = running.wait_status("pooler", "pools", "critical", subject=POOL)
    assert finding["measures"]["wait_seconds"] > 5 and finding["measures"]["connected"] == 0, finding


def test_clients_run_out(pooler, application, tmp_path):
    """Applications are refused; the console still lets in who may look."""
    pooler.configure(max_client_conn=4)
    servers.wait_until(lambda: {c["key"]: c["value"] for c in pooler.console("show config")}["max_client_conn"] == "4")
    for _ in range(4):
        assert application().ask("select 1;") == ["1"]
    result = once(pooler, tmp_path)
    assert result.finding("connect")["status"] == "ok"
    finding = result.finding("clients")
    assert finding["status"] == "critical" and finding["measures"]["used"] >= 4, finding
    assert "no more connections allowed" in str(application().hear())


def test_nobody_listens(pooler, tmp_path):
    pooler.kill()
    finding = once(pooler, tmp_path).finding("connect")
    assert finding["status"] == "critical" and finding["words"]["error_class"] == "refused" and "PgBouncer runs" in finding["hint"]


@pytest.mark.parametrize("login, word, hint", [
    ("watch:wrong", "auth", "auth_file"),
    ("app:app", "denied", "stats_users"),
])
def test_who_may_not_look_is_told_what_is_missing(pooler, tmp_path, login, word, hint):
    finding = once(pooler, tmp_path, url=f"pgbouncer://{login}@127.0.0.1:{pooler.port}").finding("connect")
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == word, finding
    assert hint in finding["hint"], finding


def test_what_is_not_the_console_is_told(pooler, postgres, tmp_path):
    finding = once(pooler, tmp_path, url=f"pgbouncer://monitor:monitor@127.0.0.1:{postgres.port}").finding("connect")
    assert finding["status"] == "unknown" and "console" in finding["hint"], finding


# ------------------------------------------------------------------ actions ----

def test_reconnect_opens_server_connections_anew(pooler, application):
    client = application()
    before = client.ask("select pg_backend_pid();")
    assert client.ask("select pg_backend_pid();") == before
    planned = act(config(pooler), "pooler", "reconnect", {"database": "postgres"})
    assert planned.code == 0 and planned.keys == ["postgres"] and planned.plan["count"] == 1, planned.out
    assert client.ask("select pg_backend_pid();") == before
    done = act(config(pooler), "pooler", "reconnect", {"database": "postgres"}, apply=True)
    assert done.code == 0 and done.results[0]["outcome"] == "applied", done.out
    assert client.ask("select pg_backend_pid();") != before


def test_pause_holds_clients_back_and_resume_lets_them_go(pooler, application):
    client = application()
    client.ask("select 1;")
    planned = act(config(pooler), "pooler", "pause", {"database": "postgres"})
    assert planned.keys == ["postgres"] and client.ask("select 1;") == ["1"]
    paused = act(config(pooler), "pooler", "pause", {"database": "postgres"}, apply=True)
    assert paused.code == 0 and paused.results[0]["outcome"] == "applied" and paused.results[0]["undo"], paused.out
    assert [d["paused"] for d in pooler.console("show databases") if d["name"] == "postgres"] == ["1"]
    assert act(config(pooler), "pooler", "pause", {"database": "postgres"}).plan["steps"] == []
    client.tell("select 4;")
    resumed = act(config(pooler), "pooler", "resume", {"database": "postgres"}, apply=True)
    assert resumed.results[0]["outcome"] == "applied", resumed.out
    assert client.hear() == ["4"]
    assert act(config(pooler), "pooler", "resume", {"database": "postgres"}).plan["steps"] == []


def test_a_pause_is_taken_back_with_undo(pooler):
    done = act(config(pooler), "pooler", "pause", {"database": "postgres"}, apply=True, undo=True)
    assert [r["outcome"] for r in done.results] == ["applied", "applied"], done.out
    assert [d["paused"] for d in pooler.console("show databases") if d["name"] == "postgres"] == ["0"]


def test_a_pause_that_a_transaction_holds_up_is_taken_back(pooler, application):
    holder, other = application(), application()
    holder.ask("begin;")
    done = act(config(pooler), "pooler", "pause", {"database": "postgres", "grace": "1s"}, apply=True)
    assert done.code == 2 and "did not end within 1.0 s; it was resumed" in done.failure["summary"], done.out
    assert [d["paused"] for d in pooler.console("show databases") if d["name"] == "postgres"] == ["0"]
    holder.ask("commit;")
    assert other.ask("select 5;") == ["5"]


def test_what_was_done_meanwhile_is_skipped(pooler):
    step = act(config(pooler), "pooler", "pause", {"database": "postgres"}).plan["steps"][0]
    pooler.console("pause postgres")
    assert act(config(pooler), "pooler", "pause", {"database": "postgres"}, step=step).results[0]["outcome"] == "skipped"
    step = act(config(pooler), "pooler", "resume", {"database": "postgres"}).plan["steps"][0]
    pooler.console("resume postgres")
    assert act(config(pooler), "pooler", "resume", {"database": "postgres"}, step=step).results[0]["outcome"] == "skipped"


@pytest.mark.parametrize("action", ["reconnect", "pause", "resume"])
def test_no_such_database(pooler, action):
    failed = act(config(pooler), "pooler", action, {"database": "nope"})
    assert failed.code == 2 and "no database nope" in failed.failure["summary"]


@pytest.mark.parametrize("action", ["reconnect", "pause"])
def test_who_may_only_look_is_told_what_is_missing(pooler, action):
    watcher = config(pooler).replace("{user: boss, password: boss}", "{}")
    failed = act(watcher, "pooler", action, {"database": "postgres"}, apply=True)
    assert failed.code == 2 and failed.failure["denied"] and "admin_users" in failed.failure["hint"], failed.out
