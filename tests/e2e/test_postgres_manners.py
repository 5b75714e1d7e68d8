"""Watching never makes it worse: how many connections the agent holds, what a closed one leaves at the server, and how long
a check waits for a lock."""
import json
import re
import signal
import threading
import time

import pytest

import servers
import servers_postgres
import sockets
from agent import runbookd
from faultproxy import FaultProxy
from test_postgres_versions import CHECKS, SAMPLES, tables

MOST = 2  # as plugins/postgres/README.md says: one that is kept, and the one of connect


@pytest.fixture(scope="module")
def server():
    server = servers_postgres.Version(15)
    tables(server)
    yield server
    server.close()


def config(url, every, checks=CHECKS, timeout=None, **options):
    named = ", ".join(f"{name}: {json.dumps({'every': every, 'timeout': timeout or every, **SAMPLES.get(name, {}), **options.get(name, {})})}"
                      for name in checks)
    return f"version: 1\nagent: {{realm: tests, emit: all}}\ntargets:\n  db: {{type: postgres, url: '{url}', checks: {{{named}}}}}\n"


def through(server, port):
    return server.url.replace(str(server.port), str(port)) + "?sslmode=disable"


class Census(threading.Thread):
    """Counts, all the time, the sockets that a process has open to a port: connected or about to be."""

    def __init__(self, pid, port):
        super().__init__(daemon=True)
        self.pid, self.port, self.most, self.rounds, self.over = pid, port, 0, 0, False

    def open(self):
        return len(sockets.of(self.port, self.pid, (sockets.CONNECTED, sockets.CONNECTING)))

    def run(self):
        while not self.over:
            self.most, self.rounds = max(self.most, self.open()), self.rounds + 1
            time.sleep(0.005)

    def end(self):
        self.over = True
        self.join()


def test_never_more_connections_than_documented(agent, server):
    """All checks every second through faults of all kinds, each followed by a recovery."""
    proxy = FaultProxy(server.port)
    running = agent(config(through(server, proxy.port), "1s"))
    census = Census(running.process.pid, proxy.port)
    census.start()
    running.wait_status("db", "connections", "ok")
    for fault in ("hang", "reset", "refuse", "garbage", "slow"):
        for how, well in ((fault, False), (None, True)):
            seen = len(running.events)
            proxy.fault = how  # what connect sees decides, not its status, which flaps
            running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "connect" and ("lets in and answers" in e["message"]) == well
                             and e in running.events[seen:], seconds=20)
    running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "connections" and e["status"] == "ok" and e in running.events[seen:])
    census.end()
    ours = int(server.sql("select count(*) from pg_stat_activity where application_name = 'runbookd'"))
    running.end()
    proxy.close()
    assert census.rounds > 200 and census.most == MOST, (census.rounds, census.most)
    assert ours <= MOST


def test_a_dead_server_is_not_knocked_at_by_many(agent, server):
    """It accepts and says nothing: whatever the agent opens it also closes, before it opens the next."""
    server.freeze()
    try:
        running = agent(config(server.url, "1s"))
        census = Census(running.process.pid, server.port)
        census.start()
        running.wait_status("db", "connect", "critical")
        time.sleep(3)  # three intervals of every check
        census.end()
        assert 1 <= census.most <= MOST, census.most
        running.end()
    finally:
        server.thaw()


def test_what_a_closed_connection_left_ends_by_itself(agent, server):
    """The agent is killed in the middle of a question: the server, which does not look, ends it by statement_timeout."""
    slow = {"query": {"sql": "select count(*) from (select pg_sleep(600)) as q"}}
    running = agent(config(server.url, "3s", checks=["connect", "query"], **slow))
    asleep = "select count(*) from pg_stat_activity where application_name = 'runbookd' and query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()"
    servers.wait_until(lambda: server.sql(asleep) == "1")
    running.end(code=None, how=signal.SIGKILL)
    killed = time.monotonic()
    assert server.sql(asleep) == "1", "the server noticed by itself: this shows nothing"
    servers.wait_until(lambda: server.sql(asleep) == "0", seconds=10)
    assert time.monotonic() - killed < 3 + 1
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where application_name = 'runbookd'") == "0", seconds=5)


def test_no_check_waits_for_a_lock_beyond_its_time(server, tmp_path):
    """Every table of the application is locked, as by a migration: checks that read them give up at lock_timeout."""
    names = server.sql("select string_agg(oid::regclass::text, ', ') from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
    holder = servers_postgres.Application(server.port, "postgres", password="secret")
    holder.ask(f"begin; lock table {names} in access exclusive mode;")
    longest, over = 0.0, threading.Event()

    def look():
        nonlocal longest
        watch = servers_postgres.Application(server.port, "postgres", password="secret")
        while not over.is_set():
            waits = watch.ask("select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0) from pg_stat_activity"
                              " where application_name = 'runbookd' and wait_event_type = 'Lock';")
            longest = max(longest, float(waits[0]))
        watch.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    (tmp_path / "c.yaml").write_text(config(server.url, "1h", timeout="2s"))
    began = time.monotonic()
    result = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson")
    took = time.monotonic() - began
    over.set()
    watcher.join()
    holder.ask("rollback;")
    holder.close()
    findings = [e for e in result.events if e["kind"] == "finding"]
    gave_up = [e for e in findings if e["status"] == "unknown"]
    assert {e["name"] for e in findings} == set(CHECKS)
    assert {"freshness", "invariant", "query"} <= {e["name"] for e in gave_up}, [(e["name"], e["status"]) for e in findings]
    assert all("lock" in e["message"] or "lock" in (e.get("hint") or "") for e in gave_up), gave_up
    assert 0.3 < longest < 1.0 + 0.3, longest  # half of what a statement may take, and the watcher's own pace
    assert took < 2 * len(CHECKS)
    still = [line for line in server.sql("select pid from pg_stat_activity where application_name = 'runbookd'").split()]
    assert not still, still


def test_explain_shows_the_very_sql_that_is_sent(server, tmp_path):
    """What the server's log has of all checks, but for transactions and settings, `explain` has shown, with a place for what options fill in."""
    shown = []
    for check in CHECKS:
        asks = runbookd("explain", f"postgres.{check}").out.split("\nAsks\n")[1].split("\nRights\n")[0]
        for statement in re.split(r"\n\s*\n(?=\s*-- PostgreSQL)", asks):
            pieces = re.split(r"\{\w+\}", " ".join(statement.split()))
            shown.append(re.compile(".*?".join(re.escape(piece) for piece in pieces)))
    server.sql("alter role monitor set log_statement = 'all'")
    before = len(server.log())
    try:
        (tmp_path / "c.yaml").write_text(config(server.url, "20s", bloat={"min_size": "1KiB"}, freshness={"where": "state <> 'x' -- all"}))
        assert runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson").code == 0
        (tmp_path / "c.yaml").write_text(config(server.url, "20s", ["newest"], newest={"check": "freshness", "table": "orders"}))
        assert runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson", "db/newest").code == 0
    finally:
        server.sql("alter role monitor reset log_statement")
    log = server.log()[before:].replace("\n\t", " ")
    sent = {" ".join(line.split("execute <unnamed>: ", 1)[1].split()) for line in log.splitlines() if "execute <unnamed>: " in line}
    assert len(sent) >= len(CHECKS), sent
    assert [statement for statement in sent if not any(pattern.fullmatch(statement) for pattern in shown)] == []
