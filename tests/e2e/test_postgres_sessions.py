"""terminate_sessions and cancel_queries on a real server: those sessions end that are meant, and no others."""
import json
import os
import signal
import subprocess

import pytest

import servers
from acting import act
from servers_postgres import Application

CLUMSY = ("do $$ begin loop begin perform pg_sleep(600); exception when query_canceled then null; end; end loop; end $$;")  # outlives a cancel


@pytest.fixture(scope="module")
def server(postgres):
    postgres.sql("create role ops login password 'ops' in role pg_monitor, pg_signal_backend;"
                 "create role sees login password 'sees' in role pg_monitor;"
                 "create role blind login password 'blind' in role pg_signal_backend;"
                 "create role other login password 'other'; create role replica login replication password 'replica'")
    postgres.sql("create database elsewhere")
    return postgres


@pytest.fixture
def session(server):
    """session() is a psql that is fed; all end with the test."""
    started = []

    def start(user="app", **more):
        started.append(Application(server.port, user, **more))
        started[-1].pid = int(started[-1].ask("select pg_backend_pid();")[0])
        return started[-1]

    yield start
    for one in started:
        one.kill()
    ours = "from pg_stat_activity where usename in ('app', 'other')"
    servers.wait_until(lambda: server.sql(f"select pg_terminate_backend(pid) {ours}") == "")


def config(server, acts="ops"):
    return (f"targets:\n  db:\n    type: postgres\n    url: postgres://127.0.0.1:{server.port}/postgres\n    user: monitor\n"
            f"    password: monitor\n    act_as: {{user: {acts}, password: {acts}}}\n")


def alive(server, *sessions):
    pids = server.sql("select pid from pg_stat_activity").split()
    return [str(one.pid) in pids for one in sessions]


def wait_doing(server, session, state):
    servers.wait_until(lambda: server.sql(f"select state from pg_stat_activity where pid = {session.pid}") == state)


NOW = {"older_than": "0s"}


def test_only_those_sessions_end_that_are_meant(server, session, tmp_path):
    idle = [session(application="web"), session(application="web")]
    busy, dreamer, spared, foreign = session(), session(), session(application="pg_dump"), session(user="other")
    elsewhere, root = session(database="elsewhere"), session(user="postgres", password="secret")
    busy.tell("select pg_sleep(600);")
    dreamer.ask("begin;")
    wait_doing(server, busy, "active")
    walsender = subprocess.Popen([servers.PG_BIN / "pg_receivewal", "-D", tmp_path, "--no-loop", "-d",
                                  f"postgres://replica:replica@127.0.0.1:{server.port}/"], stderr=subprocess.PIPE)
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_replication") == "1")
    background = server.sql("select pid from pg_stat_activity where backend_type <> 'client backend' order by pid")
    options = {**NOW, "except_users": ["other"]}
    planned = act(config(server), "db", "terminate_sessions", options)
    assert sorted(int(key.split("@")[0]) for key in planned.keys) == sorted(one.pid for one in idle), planned.out
    assert planned.plan["total"] >= 8 and "idle for" in planned.plan["steps"][0]["what"], planned.out
    assert all(alive(server, *idle)), "a plan ended something"
    done = act(config(server), "db", "terminate_sessions", options, apply=True)
    assert done.code == 0 and [r["outcome"] for r in done.results] == ["applied", "applied"], done.out
    assert not any(alive(server, *idle))
    assert all(alive(server, busy, dreamer, spared, foreign, elsewhere, root))
    assert server.sql("select pid from pg_stat_activity where backend_type <> 'client backend' order by pid") == background
    walsender.terminate()
    walsender.communicate()


def test_databases_and_users_are_chosen(server, session):
    here, there, other = session(), session(database="elsewhere"), session(user="other", database="elsewhere")
    planned = act(config(server), "db", "terminate_sessions", {**NOW, "databases": ["elsewhere"], "users": ["app"]})
    assert [int(key.split("@")[0]) for key in planned.keys] == [there.pid], (planned.out, here, other)


def test_idle_in_transaction_and_by_pid(server, session):
    first, second = session(), session()
    for one in (first, second):
        one.ask("begin;")
    assert len(act(config(server), "db", "terminate_sessions", {**NOW, "which": "idle_in_transaction"}).keys) == 2
    done = act(config(server), "db", "terminate_sessions", {**NOW, "which": "any", "pid": second.pid}, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"] and alive(server, first, second) == [True, False], done.out


def test_who_is_idle_for_less_than_that_is_left_alone(server, session):
    """Idle counts from the end of the last statement: one that took long is no reason."""
    one = session()
    one.ask("select pg_sleep(5.2);")  # and five seconds for us to ask, on a busy machine
    assert act(config(server), "db", "terminate_sessions", {"older_than": "5s"}).keys == []
    assert act(config(server), "db", "terminate_sessions").plan["note"] == "no session fits"


def test_the_oldest_come_first_and_no_more_than_that(server, session):
    many = [session() for _ in range(4)]
    planned = act(config(server), "db", "terminate_sessions", {**NOW, "most": 2})
    assert [int(key.split("@")[0]) for key in planned.keys] == [one.pid for one in many[:2]], planned.out
    assert planned.plan["note"].startswith("4 sessions fit")


def test_a_session_that_became_busy_is_skipped(server, session):
    one = session()
    step = act(config(server), "db", "terminate_sessions", NOW).plan["steps"][0]
    one.tell("select pg_sleep(600);")
    wait_doing(server, one, "active")
    done = act(config(server), "db", "terminate_sessions", NOW, step=step)
    assert done.results[0]["outcome"] == "skipped" and "it is active" in done.results[0]["summary"], done.out
    assert alive(server, one) == [True]


def test_a_pid_that_is_used_again_is_left_alone(server, session):
    one = session()
    step = act(config(server), "db", "terminate_sessions", NOW).plan["steps"][0]
    thing = json.loads(step["json"]) if isinstance(step["json"], str) else step["json"]
    thing["backend_start"] = thing["backend_start"].replace("20", "19", 1)
    done = act(config(server), "db", "terminate_sessions", NOW, step={**step, "json": thing})
    assert done.results[0]["outcome"] == "skipped" and done.results[0]["summary"] == "the session is gone", done.out
    assert alive(server, one) == [True]


def test_a_query_is_cancelled_first(server, session):
    one = session()
    one.tell("select pg_sleep(600);")
    wait_doing(server, one, "active")
    done = act(config(server), "db", "terminate_sessions", {**NOW, "which": "active"}, apply=True)
    assert done.results[0]["outcome"] == "applied" and "the session lives" in done.results[0]["summary"], done.out
    assert "canceling statement due to user request" in str(one.hear()) and one.ask("select 1;") == ["1"]


def test_another_query_of_the_same_session_is_left_alone(server, session):
    one = session()
    one.tell("select pg_sleep(600);")
    wait_doing(server, one, "active")
    step = act(config(server), "db", "cancel_queries", NOW).plan["steps"][0]
    server.sql(f"select pg_cancel_backend({one.pid})")
    one.hear()
    one.tell("select pg_sleep(600);")
    wait_doing(server, one, "active")
    done = act(config(server), "db", "cancel_queries", NOW, step=step)
    assert done.results[0]["outcome"] == "skipped", done.out
    assert server.sql(f"select state from pg_stat_activity where pid = {one.pid}") == "active"


def test_a_query_that_goes_on_costs_its_session(server, session):
    one = session()
    one.tell(CLUMSY)
    wait_doing(server, one, "active")
    done = act(config(server), "db", "cancel_queries", {**NOW, "grace": "500ms"}, apply=True)
    assert done.results[0]["outcome"] == "survived" and "still runs" in done.results[0]["summary"], done.out
    assert alive(server, one) == [True]
    done = act(config(server), "db", "terminate_sessions", {**NOW, "which": "active", "grace": "500ms"}, apply=True)
    assert done.results[0]["outcome"] == "applied" and alive(server, one) == [False], done.out


def test_who_does_not_end_is_reported(server, session):
    """The kernel does not let the process run: it was told, and is still there."""
    one = session()
    os.kill(one.pid, signal.SIGSTOP)
    try:
        done = act(config(server), "db", "terminate_sessions", {**NOW, "grace": "500ms"}, apply=True)
        assert done.results[0]["outcome"] == "survived" and "still there" in done.results[0]["summary"], done.out
    finally:
        os.kill(one.pid, signal.SIGCONT)


def test_who_builds_an_index_is_spared_unless_named(server, session):
    """Cancelled, it would leave an invalid index."""
    server.sql("create table if not exists built (n int); alter table built owner to app; grant create on schema public to app")
    holder, builder = session(), session()
    holder.ask("begin; insert into built values (1);")
    builder.tell("create index concurrently on built (n);")
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_progress_create_index") == "1")
    assert act(config(server), "db", "cancel_queries", NOW).keys == []
    step = act(config(server), "db", "cancel_queries", {**NOW, "pid": builder.pid}).plan["steps"][0]
    assert act(config(server), "db", "cancel_queries", NOW, step=step).results[0]["outcome"] == "skipped"
    assert act(config(server), "db", "cancel_queries", {**NOW, "pid": builder.pid}, step=step).results[0]["outcome"] == "applied"


@pytest.mark.parametrize("role, says", [("sees", "may not be told anything"), ("blind", "hidden")])
def test_who_lacks_a_right_is_told_the_grant(server, session, role, says):
    one = session()
    failed = act(config(server, role), "db", "terminate_sessions", NOW, apply=True)
    assert failed.code == 2 and failed.failure["denied"] and says in failed.failure["summary"], failed.out
    assert "pg_signal_backend TO runbookd_ops;" in failed.failure["hint"]
    assert alive(server, one) == [True]
