"""Every check of the postgres plugin on a server that is truly broken, of every version: on one server a version all goes wrong
at once, and one agent looks at it, with all rights, with none, and where pg_stat_statements is old or missing.

The servers are prepared beside each other, each by a thread: that of the next version while that of this one is judged."""
import concurrent.futures
import json
import signal

import pytest

import servers
import servers_postgres
from agent import Agent, runbookd
from servers_postgres import Application
from test_postgres_versions import CHECKS

PASSWORDS = {"watcher": "looks-9", "limited": "few-9"}  # not as the role is called, whose name hints show
OLD = "1.4"  # of pg_stat_statements: the oldest that every version can still make

SETTINGS = {"max_connections": 40, "max_prepared_transactions": 4, "autovacuum": "off", "archive_mode": "on", "archive_command": "'false'",
            "deadlock_timeout": "'100ms'", "log_line_prefix": "'%a '"}

# What there is to break.  The comparison of `fickle` may be turned round, and the order of its index with it.
TABLES = """
create table t (id int primary key, n int); insert into t select g, 0 from generate_series(1, 100) as g;
create table held (id int); create table dead as select g as id, 0 as n from generate_series(1, 20000) as g;
create table fat (id int primary key, name text); insert into fat select g, 'name ' || g from generate_series(1, 20000) as g;
create table bare (id int, note text); insert into bare select g, g from generate_series(1, 20000) as g;
create table counted (id smallserial); create table twice (id int); insert into twice values (1), (1);
create table jobs (id int, state text, at timestamptz, who text); insert into jobs select g, null, now() - interval '3 h', 'bot' from generate_series(1, 20) as g;
create table tenants (tenant_id int); grant select on tenants to app;
create function compare(int, int) returns int language sql immutable as 'select case when $1 < $2 then -1 when $1 > $2 then 1 else 0 end';
create operator class fickle for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
    function 1 compare(int, int);
create table moody (id int); insert into moody select generate_series(1, 1000); create index moody_id on moody (id fickle);
create role watcher login password 'looks-9' in role pg_monitor; create extension amcheck;
grant execute on all functions in schema public to watcher; create role shop login password 'shop'; grant all on t, held to shop; create role limited login password 'few-9' connection limit 2;
grant select on all tables in schema public to watcher; grant select on all sequences in schema public to watcher;
"""

# What is wrong from the beginning, and needs no session.
DAMAGE = """
update fat set id = id + 100000; update fat set id = id + 200000; update fat set id = id + 400000; analyze bare;
update dead set n = 1; update dead set n = 2; select setval('counted_id_seq', 32000);
create or replace function compare(int, int) returns int language sql immutable as 'select case when $1 < $2 then 1 when $1 > $2 then -1 else 0 end';
do $$ begin for i in 1..30 loop perform count(*) from bare where note = 'x'; end loop; end $$;
update pg_class set relfrozenxid = txid_current()::text::xid where relname = 'moody';
select pg_create_physical_replication_slot('forgotten', true); select pg_create_logical_replication_slot('stale', 'test_decoding');
do $$ begin for i in 1..6000 loop insert into held values (i); commit; end loop; end $$;
select pg_switch_wal();
"""

GROW = ["slow_statements", "database_errors", "checkpoints", "config_drift"]  # which compare two looks
ROLE = {"role": {"check": "replication", "expect": "standby"}}
OPTIONS = {
    "long_queries": {"older_than": "500ms"},
    "idle_in_transaction": {"warning": "age_seconds > 0.3"},
    "blocking": {"min_wait": "200ms"},
    "sessions": {"warning": "active >= 3 and waiting_percent >= 50"},
    "slow_statements": {"slower_than": "250ms", "min_calls": 1},
    "replication": {"min_standbys": 1},
    "wal": {"warning": "failing and retained_bytes > 0"},
    "wraparound": {"warning": "xid_age > 5000"},
    "bloat": {"min_size": "1MiB"},
    "integrity": {"tables": ["moody"]},
    "freshness": {"table": "jobs", "column": "at"},
    "invariant": {"sql": "select id from jobs where state is null"},
    "query": {"sql": "select count(*) from jobs", "critical": "value > 10"},
    "audit_activity": {"table": "jobs", "columns": {"at": "at", "actor": "who"}, "window": "1d", "per_actor": 5},
    "rls": {"role": "app", "column": "tenant_id"},
}


class Broken:
    """A server of that version on which everything is broken, and what was found there."""

    def __init__(self, version):
        self.version, self.sessions = version, []
        self.server = servers_postgres.Version(version, **SETTINGS)
        try:
            self.prepare()
            self.grown = self.watch()
            self.asked = self.once({"db": self.target(self.url(), {name: OPTIONS.get(name, {}) for name in FOUND if name not in GROW} | ROLE,
                                                      application_name="watcher"),
                                    "poor": self.target(self.url("app"), {name: OPTIONS.get(name, {}) for name in LACKING}),
                                    "without": self.target(self.url(database="without"), {"slow_statements": {}}),
                                    "wrong": self.target(self.url(password="nope"), {"connect": {}}),
                                    "nowhere": self.target(self.url(database="nowhere"), {"connect": {}}),
                                    "full": self.target(self.url("limited"), {"connect": {}})})
            self.truth = self.server.sql("select max(age(datfrozenxid)) from pg_database")
        finally:
            for session in self.sessions:
                session.kill()
            self.server.process.send_signal(signal.SIGQUIT)  # it would wait for its archiver
            self.server.process.wait(20)
        self.gone = self.once({"db": self.target(self.url(), {"connect": {}})}).finding("connect")
        self.errors = [line for line in self.server.log().splitlines() if line.startswith("watcher ") and ("ERROR:" in line or "FATAL:" in line)]

    def close(self):
        self.server.close()

    # ---- what is wrong ----

    def session(self, user="shop", **more):
        self.sessions.append(Application(self.server.port, user, **more))
        return self.sessions[-1]

    def do(self, session, sql):
        answer = session.ask(sql)
        assert not [line for line in answer if "ERROR" in line], (self.version, sql, answer)

    def prepare(self):
        for database in ("without", "old"):
            self.server.sql(f"create database {database}")
        self.server.sql(f"create extension pg_stat_statements version '{OLD}'", database="old")
        for sql in (TABLES, DAMAGE):
            root = self.session("postgres", password="secret")
            self.do(root, sql)
            self.sessions.remove(root)
            root.close()  # only then what it has counted is sure to be told
        root = self.session("postgres", password="secret")
        if self.version >= 14:
            self.do(root, "grant pg_read_all_data to watcher;")
        assert "could not create unique index" in str(root.ask("create unique index concurrently once on twice (id);"))
        servers.wait_until(lambda: int(self.server.sql("select n_dead_tup from pg_stat_user_tables where relname = 'fat'")) > 50000)
        self.do(root, "vacuum analyze fat; begin; lock table held; prepare transaction 'order-17';")
        holder, first, second, waiter, sleeper, dreamer = [self.session(application=name) for name in
                                                           ("holder", "first", "second", "waiter", "sleeper", "dreamer")]
        self.do(holder, "begin; update t set n = 1 where id = 1;")
        self.do(dreamer, "begin isolation level repeatable read; select 1 from t limit 1;")
        first.tell("begin; update t set n = 2 where id = 2; update t set n = 2 where id = 1;")
        self.wait_locked(1)
        second.tell("update t set n = 3 where id = 2;")
        waiter.tell("select * from held;")
        sleeper.tell("select 4711, pg_sleep(600);")
        self.wait_locked(3)
        for _ in range(2):
            self.do(self.session("limited", password=PASSWORDS["limited"]), "select 1;")

    def wait_locked(self, count):
        servers.wait_until(lambda: self.server.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == str(count))

    # ---- who looks ----

    def url(self, user="watcher", database="postgres", password=None):
        return f"postgres://{user}:{password or PASSWORDS.get(user, user)}@127.0.0.1:{self.server.port}/{database}"

    def target(self, url, checks, **more):
        return {"type": "postgres", "url": url, "checks": {**dict.fromkeys(CHECKS, False), **checks}, **more}

    def config(self, targets, **agent):
        return json.dumps({"version": 1, "agent": {"realm": "tests", **agent}, "targets": targets})

    def once(self, targets):
        path = self.server.dir / "once.yaml"
        path.write_text(self.config(targets))
        return runbookd("once", "-c", path, "--format", "ndjson")

    def watch(self):
        """What is found by its growth: looked at, then made, until it is seen."""
        every = {"every": "1s", "timeout": "20s"}
        agent = Agent(self.config({"db": self.target(self.url(), {name: {**every, **OPTIONS.get(name, {})} for name in GROW}, application_name="watcher"),
                                   "old": self.target(self.url(database="old"), {"slow_statements": {**every, **OPTIONS["slow_statements"]}})}, emit="all"))
        try:
            wanted = [("db", name) for name in GROW] + [("old", "slow_statements")]
            for target, name in wanted:
                agent.wait_for(lambda e: e["kind"] == "finding" and (e["target"], e["name"]) == (target, name), 60)  # noqa: B023
            root, one, other = self.session("postgres", password="secret"), self.session(), self.session()
            self.do(one, "begin; update t set n = 4 where id = 11;")
            self.do(other, "begin; update t set n = 4 where id = 12;")
            one.tell("update t set n = 4 where id = 12; rollback;")
            other.tell("update t set n = 4 where id = 11; rollback;")
            assert "deadlock detected" in str(one.hear() + other.hear())
            for session in (one, other):  # what they have counted is told when they go
                self.sessions.remove(session)
                session.close()
            self.do(root, "checkpoint; " * 4 + "select 17, pg_sleep(0.3); alter system set work_mem = '5MB';"
                    "alter system set max_connections = 41; select pg_reload_conf();")
            return {where: agent.wait_for(lambda e: e["kind"] == "finding" and (e["target"], e["name"]) == where and is_grown(e), 60)  # noqa: B023
                    for where in wanted}
        finally:
            agent.end()

    def finding(self, target, name, subject=None):
        found = [e for e in [*self.grown.values(), *self.asked.events] if (e["target"], e["name"], e["subject"]) == (target, name, subject)]
        assert len(found) == 1, [(e["subject"], e["message"]) for e in self.asked.events if (e["target"], e["name"]) == (target, name)]
        return found[0]


@pytest.fixture(scope="module")
def prepared():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        yield {version: pool.submit(Broken, version) for version in servers_postgres.VERSIONS}


@pytest.fixture(scope="module", params=servers_postgres.VERSIONS)
def broken(request, prepared):
    one = prepared[request.param].result()
    yield one
    one.close()


# ------------------------------------------------------ what is found ----


def rows(finding, key, name="name"):
    return {row[name]: row for row in finding["evidence"][key]}


def is_blocking(f, _):
    by = {root.get("application") or root.get("name"): root for root in f["evidence"]["roots"]}
    return f["measures"]["waiting"] == 3 and f["measures"]["blockers"] == 2 and by["holder"]["blocks"] == 2 and "order-17" in str(by)


def is_vacuum(f, b):
    return (f["measures"]["overdue"] == 1 and f["evidence"]["tables"][0]["name"] == "public.dead"
            and {row["kind"] for row in f["evidence"]["holders"]} == {"slot", "prepared", "session"} and f["measures"]["horizon_xids"] > 6000)


def is_wraparound(f, b):
    m = f["measures"]
    return 0 <= int(b.truth) - m["xid_age"] < 500 and abs(m["used_percent"] - 100 * m["xid_age"] / (2**31 - 3e6)) < 0.01


def is_wal(f, b):
    slot = rows(f, "slots")["forgotten"]
    return (f["measures"]["failing"] == 1 and f["measures"]["ready"] >= 1 and slot["active"] is False
            and (slot["wal_status"] or "") == ("" if b.version < 13 else "reserved"))


def is_errors(f, b):
    return f["measures"]["deadlocks"] == 1 and ("sessions_killed" in f["measures"]) == (b.version >= 14)


def is_integrity(f, b):
    methods = {row["method"] for row in f["evidence"]["corruptions"]}
    return methods == {"bt_index_check", "verify_heapam"} if b.version >= 14 else methods == {"bt_index_check"}


def is_grown(f):
    """It warns, and of what was made: on a busy machine any statement may be slow."""
    return f["status"] == "warning" and (f["name"] != "slow_statements" or is_slow(f, None))


def is_slow(f, _):
    return any("pg_sleep" in (row["query"] or "") and "17" not in row["query"] and row["mean_ms"] >= 300 for row in f["evidence"]["statements"])


# Of each check: how it stands, and what its finding must hold; a check that comes later must have its line here.
FOUND = {
    "connections": ("role limited", "critical", lambda f, b: f["measures"]["used_percent"] == 100),
    "long_queries": (None, "warning", lambda f, b: f["measures"]["count"] >= 1 and "4711" not in str(f) and "sleeper" in str(f["evidence"])),
    "idle_in_transaction": (None, "warning", lambda f, b: {"holder", "dreamer"} <= {row["application"] for row in f["evidence"]["sessions"]}),
    "blocking": (None, "warning", is_blocking),
    "sessions": (None, "warning", lambda f, b: f["measures"]["waiting"] == 3 and f["measures"]["active"] >= 4),
    "slow_statements": (None, "warning", is_slow),
    "database_errors": ("postgres", "warning", is_errors),
    "replication": (None, "warning", lambda f, b: f["measures"]["missing"] == 1 and f["measures"]["inactive"] == 2),
    "wal": (None, "warning", is_wal),
    "checkpoints": (None, "warning", lambda f, b: f["measures"]["requested"] >= 3 and "backend_percent" in f["measures"]),
    "wraparound": (None, "warning", is_wraparound),
    "vacuum": (None, "warning", is_vacuum),
    "config_drift": (None, "warning", lambda f, b: "max_connections" in str(f["evidence"]["waiting"])),
    "missing_indexes": (None, "warning", lambda f, b: f["evidence"]["tables"][0]["table"] == "public.bare"),
    "bloat": (None, "warning", lambda f, b: {"public.fat", "public.fat_pkey"} == set(rows(f, "relations", "relation"))),
    "sequences": (None, "critical", lambda f, b: 97 < f["measures"]["used_percent"] < 98),
    "invalid_indexes": (None, "warning", lambda f, b: f["measures"]["unique_count"] == 1 and "once" in f["hint"]),
    "integrity": (None, "critical", is_integrity),
    "freshness": (None, "critical", lambda f, b: 10000 < f["measures"]["age_seconds"] < 12000),
    "invariant": (None, "critical", lambda f, b: f["measures"]["violations"] == 20),
    "query": (None, "critical", lambda f, b: f["measures"]["value"] == 20),
    "audit_activity": (None, "critical", lambda f, b: f["measures"]["suspicious_actors"] == 1),
    "rls": (None, "critical", lambda f, b: f["measures"]["exposed"] == 1),
}

# What they say to a role that has no more than its login.
LACKING = {
    **{name: "GRANT pg_monitor TO" for name in ("long_queries", "idle_in_transaction", "blocking", "sessions", "slow_statements", "wal", "vacuum",
                                                "config_drift")},
    "sequences": "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO app;", "integrity": "GRANT EXECUTE ON FUNCTION",
    "bloat": "GRANT SELECT ON", **{name: "GRANT SELECT ON public.jobs TO app;" for name in ("freshness", "invariant", "query", "audit_activity")},
}

@pytest.mark.parametrize("check", [check for check in CHECKS if check != "connect"])
def test_what_is_broken_is_found(broken, check):
    subject, status, holds = FOUND[check]
    finding = broken.finding("db", check, subject)
    assert finding["status"] == status and holds(finding, broken), json.dumps(finding)


@pytest.mark.parametrize("check", LACKING)
def test_who_lacks_a_right_is_told_which(broken, check):
    finding = broken.finding("poor", check)
    wanted = "GRANT pg_read_all_data TO app;" if check == "bloat" and broken.version >= 14 else LACKING[check]
    assert finding["status"] == "unknown" and finding["reason"] == "missing_right" and wanted in finding["hint"], finding


@pytest.mark.parametrize("target, status, word", [("wrong", "unknown", "auth"), ("nowhere", "unknown", "database"), ("full", "critical", "too_many_clients")])
def test_why_nobody_is_let_in(broken, target, status, word):
    finding = broken.finding(target, "connect")
    assert finding["status"] == status and finding["words"]["error_class"] == word, finding


def test_a_server_that_is_gone(broken):
    assert broken.gone["status"] == "critical" and broken.gone["words"]["error_class"] == "refused", broken.gone


def test_an_old_pg_stat_statements_is_read_and_a_missing_one_is_told(broken):
    finding = broken.finding("old", "slow_statements")
    assert finding["status"] == "warning" and is_slow(finding, broken), finding
    finding = broken.finding("without", "slow_statements")
    assert finding["status"] == "unknown" and "CREATE EXTENSION pg_stat_statements" in finding["hint"], finding


def test_a_role_that_is_not_expected(broken):
    assert broken.finding("db", "role")["measures"]["as_expected"] == 0


def test_no_question_is_an_error(broken):
    assert [line for line in broken.errors if "moody" not in line] == []
