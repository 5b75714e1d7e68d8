"""Scripts as shipped that act several times, or by what a check shows: on real servers, by the running agent."""
import json
import pathlib

import pytest

import servers
from agent import Agent
from servers_clickhouse import New
from servers_pgbouncer import PgBouncer
from servers_postgres import Application
from service import Answer, Service

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(postgres):
    postgres.sql("create role keeper; create role ops login password 'ops' in role pg_monitor, pg_signal_backend, keeper;"
                 "create table events (id serial primary key, status text); create table kept (at timestamptz, id int, status text);"
                 "alter table events owner to keeper; alter table kept owner to keeper; alter sequence events_id_seq owner to keeper;"
                 "grant select on events to monitor")
    return postgres


@pytest.fixture
def session(server):
    started = []

    def start(user="app", **more):
        started.append(Application(server.port, user, **more))
        return started[-1]

    yield start
    for one in started:
        one.kill()
    servers.wait_until(lambda: server.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'") == "")


@pytest.fixture
def agents(tmp_path):
    """agents(targets, remediation) runs one that acts by itself."""
    started = []

    def start(targets, remediation):
        started.append(Agent(f"agent: {{state: {tmp_path}/state}}\nguard: {{mode: auto}}\ntargets:\n{targets}\nremediations:\n"
                             f"  repair:\n    mode: auto\n    guard: {{attempts: 1/1h, max_percent: 100}}\n{remediation}", "--scripts", str(ROOT / "scripts")))
        return started[-1]

    yield start
    for one in started:
        one.end(None)


def target(server, checks):
    return (f"  pg:\n    type: postgres\n    url: postgres://127.0.0.1:{server.port}/postgres\n    user: monitor\n    password: monitor\n"
            f"    act_as: {{user: ops, password: ops}}\n    every: 500ms\n    checks: {{{checks}}}")


def said(agent, step, seconds=30):
    return agent.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == step, seconds)


def pid_of(session):
    return session.ask("select pg_backend_pid();")[0]


def alive(server, pid):
    return server.sql(f"select count(*) from pg_stat_activity where pid = {pid}") == "1"


def test_who_holds_a_lock_and_does_nothing_is_ended_and_who_waits_is_not(server, session, agents):
    server.sql("truncate events restart identity; insert into events (status) values ('DRAFT'); grant select, update on events to app")
    holder, waiter = session(), session()
    pids = pid_of(holder), pid_of(waiter)
    holder.ask("begin; update events set status = 'x' where id = 1; select 1;")
    waiter.tell("update events set status = 'y' where id = 1;")
    agent = agents(target(server, 'blocking: {min_wait: 0s, critical: wait_seconds > 1.5}'), """
    trigger: {check: pg/blocking, status: critical}
    script: postgres/end_blockers
    targets: {db: pg}
    with: {older_than: 1s}
    allow: ["db:cancel_queries", "db:terminate_sessions"]""")
    ended = said(agent, "ended")
    assert f"made to let go: {pids[0]} (1 waited)" in ended["message"], ended
    assert [alive(server, pid) for pid in pids] == [False, True]


def test_a_full_server_is_given_room_by_degrees_and_not_more_than_that(server, session, agents):
    idle = [pid_of(session(application="web")) for _ in range(12)]
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where usename = 'app' and state_change > now() - interval '1 s'") == "0")
    agent = agents(target(server, 'connections: {critical: used_percent > 60}'), """
    trigger: {check: pg/connections, status: critical}
    script: postgres/reset_connections
    targets: {db: pg}
    with: {below: 60, batch: 3, pause: 1s, idle_for: 1s, share: 50}
    allow: ["db:terminate_sessions"]""")
    ended = said(agent, "ended")
    left = sum(alive(server, pid) for pid in idle)
    assert 12 - left in (3, 6) and f"{12 - left} sessions ended" in ended["message"], ended


def test_rows_in_a_state_that_must_not_be_are_kept_and_repaired(server, agents):
    server.sql("truncate events, kept; insert into events (status) select case when n < 4 then 'BROKEN' else 'DRAFT' end from generate_series(1, 9) n")
    agent = agents(target(server, "states: {check: invariant, every: 1s, sql: \"select id from events where status = 'BROKEN'\"}"), """
    trigger: {check: pg/states, status: critical}
    script: app/fix_invalid_states
    targets: {db: pg}
    with:
      invariant: states
      keep: "insert into kept select now(), id, status from events where status = 'BROKEN'"
      statement: "update events set status = 'DRAFT' where status = 'BROKEN' and id in (select id from kept)"
      count: "select count(*) from events where status = 'BROKEN'"
    allow: ["db:execute"]""")
    ended = said(agent, "ended")
    assert "3 rows were kept as they were, and 3 repaired" in ended["message"], ended
    assert server.sql("select count(*) from kept where status = 'BROKEN'") == "3"
    assert server.sql("select count(*) from events where status = 'DRAFT'") == "9"


def test_a_pause_that_was_forgotten_is_ended_while_the_server_is_there(server, agents):
    pooler = PgBouncer(server)
    try:
        pooler.console("PAUSE postgres")
        agent = agents(target(server, "connect: {}") + f"""
  pool:
    type: pgbouncer
    url: {pooler.console_url}
    act_as: {{user: boss, password: boss}}
    every: 500ms
    checks: {{pools: {{critical: "state ~= 'active'"}}}}""", """
    trigger: {check: pool/pools, status: critical}
    script: pgbouncer/resume
    targets: {pool: pool, db: pg}
    allow: ["pool:resume"]""")
        ended = said(agent, "ended")
        assert "postgres is resumed" in ended["message"], ended
        row, = [row for row in pooler.console("SHOW DATABASES") if row["name"] == "postgres"]
        assert row["paused"] == "0", row
    finally:
        pooler.close()


@pytest.fixture
def shop():
    """An application that puts the sales of an event on and off; `paused` is what it was told."""
    service = Service({})
    service.paused = {"ev-7": False}

    def put(request):
        service.paused["ev-7"] = json.loads(request.body)["paused"]
        return Answer(200, {})

    service.routes["PUT /events/ev-7/sales"] = put
    service.routes["GET /events/ev-7/sales"] = lambda request: Answer(200, {"paused": service.paused["ev-7"]})
    yield service
    service.close()


@pytest.mark.parametrize("resume, step, says, paused", [("false", "ended", "sales of ev-7 are paused", True),
                                                        ("true", "handed_over", "more would be sold than there is", False)])
def test_the_sales_of_an_oversold_event_are_stopped_and_not_resumed_meanwhile(server, agents, shop, resume, step, says, paused):
    server.sql("truncate events; insert into events (status) values ('OVERSOLD')")
    sales = target(server, "oversold: {check: invariant, every: 1s, sql: \"select id from events where status = 'OVERSOLD'\"}") + f"""
  app:
    type: http
    url: {shop.url}
    checks: {{endpoint: {{path: /events/ev-7/sales}}}}
    requests:
      sales: {{method: PUT, path: "/events/${{with.event_id}}/sales", json: {{paused: "${{with.paused}}"}}, effect: reversible}}"""
    agent = agents(sales, f"""
    trigger: {{check: pg/oversold, status: critical}}
    script: app/pause_sales
    targets: {{app: app, db: pg}}
    with: {{oversold: oversold, event_id: ev-7, resume: {resume}}}
    allow: ["app:request"]""")
    assert says in said(agent, step)["message"]
    assert shop.paused == {"ev-7": paused}


def test_the_sessions_of_one_user_are_ended(redis, agents):
    for user in ("ann", "bob"):
        for number in range(3):
            redis.do("set", f"session:{user}:{number}", "x", "ex", "3600")
    agent = agents(f"  cache: {{type: redis, url: '{redis.url}', act_as: {{}}, every: 500ms, checks: {{clients: {{critical: connected >= 0}}}}}}", """
    trigger: {check: cache/clients, status: critical}
    script: redis/revoke_sessions
    targets: {sessions: cache}
    with: {pattern: "session:{user}:*", users: [ann]}
    allow: ["sessions:revoke_sessions"]""")
    assert "3 sessions were ended" in said(agent, "ended")["message"]
    assert [redis.do("exists", "session:ann:0"), redis.do("exists", "session:bob:0")] == ["0", "1"]


def test_old_partitions_are_dropped_for_a_full_disk_once_their_rows_are_kept_elsewhere(agents):
    server = New()
    try:
        server.ask("CREATE TABLE default.events (at DateTime) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY at")
        server.ask("CREATE TABLE default.kept (at DateTime) ENGINE = MergeTree ORDER BY at")
        server.ask("INSERT INTO default.events SELECT addMonths(now(), -number) FROM numbers(6)")
        server.ask("INSERT INTO default.kept SELECT now()")
        agent = agents(f"""
  ch:
    type: clickhouse
    url: {server.url}
    act_as: {{}}
    checks: {{disk: {{critical: used_percent > 0, every: 1s}}, archive: {{check: freshness, table: default.kept, column: at}}}}""", """
    trigger: {check: ch/disk, status: critical}
    script: clickhouse/drop_old_partitions
    targets: {ch: ch}
    with: {table: default.events, keep: 70d, above: 0, exported: archive}
    allow: ["ch:drop_partition"]""")
        ended = said(agent, "ended")
        assert "3 of 3 partitions of default.events are dropped" in ended["message"], ended
        assert server.ask("SELECT count() FROM default.events").strip() == "3"
    finally:
        server.close()
