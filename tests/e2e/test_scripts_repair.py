"""Scripts as shipped, one after the other, by the running agent: something is broken on a real server, it is planned, applied and
verified, and where all is well there is nothing to do."""
import json
import pathlib
import shutil

import pytest

import servers
import servers_stripe as fake
from agent import Agent, runbookd
from servers_clickhouse import New
from servers_pgbouncer import PgBouncer
from servers_postgres import Application
from service import Answer, Service
from stripe_asking import healthy, receiver, stripe  # noqa: F401: fixtures
from test_scripts import alive, pid_of, server, session  # noqa: F401: fixtures

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORTEST = ["postgres/cancel_long_queries", "postgres/end_idle_transactions", "clickhouse/kill_long_queries"]
ACTS = "rk_test_51RunbookdMayRedeliver"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """As shipped, but for how long something must have gone on: tests do not wait for ten seconds."""
    folder = tmp_path_factory.mktemp("scripts") / "scripts"
    shutil.copytree(ROOT / "scripts", folder)
    for name in SHORTEST:
        file = folder / f"{name}.lua"
        assert file.read_text().count('min = "10s"') == 1, name
        file.write_text(file.read_text().replace('min = "10s"', 'min = "1s"'))
    return folder


class Repair:
    """An agent with one remediation, `repair`."""

    def __init__(self, folder, scripts, targets, remediation):
        self.state = folder / "state"
        self.agent = Agent(f"agent: {{state: {self.state}}}\nguard: {{mode: auto}}\ntargets:\n{targets}\nremediations:\n"
                           f"  repair:\n    mode: auto\n    guard: {{attempts: 1/1h, max_percent: 100}}\n{remediation}", "--scripts", str(scripts))

    def said(self, step, after=0):
        known = {id(event) for event in self.agent.events[:after]}
        return self.agent.wait_for(lambda e: id(e) not in known and e["kind"] == "remediation" and e["step"] == step, 130)

    def by_hand(self, step):
        """What comes of it when a person starts it."""
        after = len(self.agent.events)
        assert runbookd("remediate", "repair", "--socket", self.state / "control.sock").code == 0
        return self.said(step, after)["message"]

    def helped(self, message):
        """From the trigger, or whoever started it, to what the check says; and then there is nothing left to do."""
        ended = self.said("ended")
        assert message in ended["message"], ended
        steps = [event["step"] for event in self.agent.events if event["kind"] == "remediation"]
        assert steps.index("planned") < steps.index("applied") < steps.index("ended"), steps
        verified = self.said("verified")
        assert verified["outcome"] == "fixed", verified
        self.agent.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "verified")
        audited = [event["step"] for event in self.agent.events if event["kind"] == "audit"]
        assert audited.index("planned") < audited.index("intent") < audited.index("result"), audited


@pytest.fixture
def repairs(scripts, tmp_path):
    started = []

    def start(targets, remediation):
        started.append(Repair(tmp_path, scripts, targets, remediation))
        return started[-1]

    yield start
    for one in started:
        one.agent.end(None)


# ------------------------------------------------------------------------------------------------------------ postgres

def target(server, checks):
    """Only what is asked for is looked at often: a busy machine must not be the reason why something is unknown."""
    return (f"  pg: {{type: postgres, url: 'postgres://127.0.0.1:{server.port}/postgres', user: monitor, password: monitor,"
            f" act_as: {{user: ops, password: ops}}, checks: {{{checks}}}}}")


def test_a_query_that_runs_for_too_long_is_cancelled_and_its_session_lives(server, session, repairs):
    slow, quick = session(application="report"), session()
    pids = pid_of(slow), pid_of(quick)
    slow.tell("select pg_sleep(600);")
    repair = repairs(target(server, "long_queries: {older_than: 1s, every: 1s, critical: count > 0}"), """
    trigger: {check: pg/long_queries, status: critical}
    script: postgres/cancel_long_queries
    targets: {db: pg}
    with: {older_than: 1s}
    allow: ["db:cancel_queries", "db:terminate_sessions"]
    verify: {check: pg/long_queries, condition: count < 1, within: 60s}""")
    repair.helped("1 of 1 queries ended")
    assert "canceling statement due to user request" in str(slow.hear()) and all(alive(server, pid) for pid in pids)
    assert "nothing was to be done" in repair.by_hand("left")


def test_a_transaction_that_does_nothing_is_ended_and_one_that_works_is_not(server, session, repairs):
    idle, busy = session(application="web"), session(application="web")
    pids = pid_of(idle), pid_of(busy)
    idle.ask("begin; select 1;")
    busy.tell("begin; select pg_sleep(600);")
    repair = repairs(target(server, 'idle_in_transaction: {every: 1s, critical: age_seconds > 1}'), """
    trigger: {check: pg/idle_in_transaction, status: critical}
    script: postgres/end_idle_transactions
    targets: {db: pg}
    with: {idle_for: 1s}
    allow: ["db:terminate_sessions"]
    verify: {check: pg/idle_in_transaction, condition: count < 1, within: 60s}""")
    repair.helped("1 of 1 sessions ended")
    assert [alive(server, pid) for pid in pids] == [False, True]
    assert "nothing was to be done" in repair.by_hand("left")


def test_a_table_without_statistics_is_analysed(server, repairs):
    server.sql("create table ordered (id int); alter table ordered owner to keeper; grant select on ordered to monitor;"
               "insert into ordered select generate_series(1, 1000)")
    stale = "select relname from pg_stat_user_tables where relname = 'ordered' and last_analyze is null"
    repair = repairs(target(server, f'stale: {{check: invariant, every: 1s, sql: "{stale}"}}'), """
    trigger: {check: pg/stale, status: critical}
    script: postgres/analyze_table
    targets: {db: pg}
    with: {tables: [ordered]}
    allow: ["db:analyze_table"]
    verify: {check: pg/stale, condition: excess < 1, within: 60s}""")
    repair.helped("1 of 1 tables were analysed")
    assert server.sql("select count(*) > 0 from pg_stats where tablename = 'ordered'") == "t"
    assert "analysed within 1h" in repair.by_hand("left")


# ----------------------------------------------------------------------------------------------------------- pgbouncer

@pytest.fixture
def pooler(server):
    pooler = PgBouncer(server)
    yield pooler
    pooler.close()


def pool(pooler):
    return (f"  pool:\n    type: pgbouncer\n    url: {pooler.console_url}\n    act_as: {{user: boss, password: boss}}\n"
            "    checks: {pools: {every: 1s, warning: never, critical: waiting > 1000}}")


def is_paused(pooler):
    row, = [row for row in pooler.console("SHOW DATABASES") if row["name"] == "postgres"]
    return row["paused"] == "1"


def test_a_database_is_paused_once_and_goes_on_by_itself(pooler, repairs):
    repair = repairs(pool(pooler), """
    trigger: manual
    script: pgbouncer/pause
    targets: {pool: pool}
    with: {database: postgres}
    allow: ["pool:pause"]
    verify: {check: pool/pools, condition: "state == 'paused'", within: 60s}
    undo_after: 12s""")
    servers.Postgres.client(pooler, "select 1", user="monitor", password="monitor").communicate()  # there is no pool before
    repair.agent.wait_status("pool", "pools", "ok", subject="postgres/monitor")
    assert "postgres is paused" in repair.by_hand("ended")
    repair.helped("postgres is paused")
    assert is_paused(pooler) and "paused already" in repair.by_hand("left")
    servers.wait_until(lambda: not is_paused(pooler))


def test_a_pool_connects_anew_unless_there_is_nobody_to_connect_to(server, pooler, session, repairs):
    """The one server connection that clients share is another one afterwards, and none of them has lost its own."""
    client = Application(pooler.port, "monitor")
    try:
        before = client.ask("select pg_backend_pid();")
        repair = repairs(target(server, "connect: {every: 2s}") + "\n" + pool(pooler), """
    trigger: manual
    script: pgbouncer/reconnect
    targets: {pool: pool, db: pg}
    with: {database: postgres}
    allow: ["pool:reconnect"]
    verify: {check: pool/pools, condition: "wait_seconds < 5", within: 60s}""")
        repair.agent.wait_status("pg", "connect", "ok")
        repair.agent.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "pools" and e["status"] == "ok")
        assert "opened anew" in repair.by_hand("ended")
        repair.helped("opened anew")
        after = client.ask("select pg_backend_pid();")
        assert before != after and after[0].isdigit(), (before, after)
        server.freeze()
        try:
            repair.agent.wait_status("pg", "connect", "critical", seconds=40)
            assert "there is nothing to connect to" in repair.by_hand("handed_over")
        finally:
            server.thaw()
    finally:
        client.kill()


# ---------------------------------------------------------------------------------------------------------- clickhouse

@pytest.fixture(scope="module")
def clickhouse():
    server = New()
    server.ask("CREATE DATABASE shop")
    yield server
    server.close()


def ch(server, checks):
    return f"  ch: {{type: clickhouse, url: '{server.url}', act_as: {{}}, checks: {{{checks}}}}}"


def test_a_query_of_clickhouse_that_runs_for_too_long_is_ended(clickhouse, repairs):
    client = clickhouse.client("SELECT sleepEachRow(0.5) FROM numbers(1000)", max_block_size=1, query_id="much-too-long")
    try:
        repair = repairs(ch(clickhouse, "long_queries: {older_than: 1s, every: 1s, critical: count > 0}"), """
    trigger: {check: ch/long_queries, status: critical}
    script: clickhouse/kill_long_queries
    targets: {ch: ch}
    with: {older_than: 1s}
    allow: ["ch:kill_query"]
    verify: {check: ch/long_queries, condition: count < 1, within: 60s}""")
        repair.helped("1 of 1 queries ended")
        assert clickhouse.ask("SELECT count() FROM system.processes WHERE query_id = 'much-too-long'") == "0"
        assert "nothing was to be done" in repair.by_hand("left")
    finally:
        client.kill()
        client.communicate()


def test_a_table_that_keeps_everything_drops_what_is_old(clickhouse, repairs):
    clickhouse.ask("CREATE TABLE shop.events (at DateTime, n UInt32) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY at")
    clickhouse.ask("INSERT INTO shop.events SELECT addMonths(now(), -number), number FROM numbers(6)")
    repair = repairs(ch(clickhouse, "mutations: {}, partitions: {database: shop, every: 1s, warning: never, critical: count > 3}"), """
    trigger: {check: ch/partitions, status: critical}
    script: clickhouse/set_ttl
    targets: {ch: ch}
    with: {table: shop.events, column: at, keep: 45d}
    allow: ["ch:set_ttl"]
    verify: {check: ch/partitions, condition: count <= 3, within: 2m}""")
    assert "keeps its rows for 45d" in repair.said("ended")["message"]
    clickhouse.ask("OPTIMIZE TABLE shop.events FINAL")  # the merges that would come by themselves
    repair.helped("keeps its rows for 45d")
    assert "TTL at + toIntervalDay(45)" in clickhouse.ask("SELECT engine_full FROM system.tables WHERE name = 'events' AND database = 'shop'")
    assert "keeps its rows for 45d already" in repair.by_hand("left")


# -------------------------------------------------------------------------------------------------------------- stripe

def account(stripe, checks, more=""):
    return (f"  s: {{type: stripe, url: '{stripe.url}', key: {fake.KEY}, webhook_secret: {fake.SIGNING}, act_as: {{key: {ACTS}}}, {more}"
            f"checks: {{{checks}}}}}")


def test_events_that_the_endpoint_missed_are_sent_again_while_it_takes_them(stripe, receiver, repairs):
    stripe.keys[ACTS] = {"event_read", "event_write", "webhook_read"}
    stripe.objects["webhook_endpoints"] = [fake.endpoint("we_shop", receiver.url(), events=["payment_intent.succeeded"])]
    stripe.objects["events"] = [fake.event(f"evt_lost{i}", "payment_intent.succeeded", 1000 + i, 1, fake.intent(f"pi_{i}")) for i in range(4)]
    receiver.become("good")
    repair = repairs(account(stripe, f"webhook_receiver: {{url: '{receiver.url()}'}}, webhook_deliveries: {{every: 1s, settle: 1s, critical: undelivered > 3}}"), """
    trigger: {check: s/webhook_deliveries, status: critical}
    script: stripe/replay_events
    targets: {stripe: s}
    with: {pace: 10/s}
    allow: ["stripe:redeliver_events"]
    verify: {check: s/webhook_deliveries, condition: undelivered < 1, within: 60s}""")
    repair.helped("4 of 4 events were sent again")
    assert [event["id"] for event in receiver.seen if event["id"].startswith("evt_lost")] == [f"evt_lost{i}" for i in (3, 2, 1, 0)]
    assert "every event arrived" in repair.by_hand("left")


def test_payments_that_failed_for_stripes_sake_are_retried_by_the_application(stripe, repairs):
    good = list(stripe.objects["events"])
    stripe.objects["events"] += [fake.event(f"evt_bad{i}", "payment_intent.payment_failed", 20, 0, fake.intent(f"pi_bad{i}", "requires_payment_method", failure="api_error"))
                                 for i in range(5)]
    stripe.objects["events"] += [fake.event("evt_card", "payment_intent.payment_failed", 20, 0, fake.intent("pi_card", "requires_payment_method", failure="card_error"))]

    def retry(request):
        retried.extend(json.loads(request.body)["intents"])
        stripe.objects["events"] = good
        return Answer(200, {})

    retried, shop = [], Service({"POST /payments/retry": retry, "GET /health": Answer(200, {})})
    try:
        repair = repairs(account(stripe, f"status: {{base_url: '{stripe.url}'}}, payment_failure_rate: {{every: 1s}}") + f"""
  app:
    type: http
    url: {shop.url}
    checks: {{endpoint: {{path: /health}}}}
    requests:
      retry: {{path: /payments/retry, json: {{intents: "${{with.payment_intents}}"}}, effect: reversible}}""", """
    trigger: {check: s/payment_failure_rate, status: critical}
    script: stripe/retry_payments
    targets: {stripe: s, app: app}
    with: {request: retry}
    allow: ["app:request"]
    verify: {check: s/payment_failure_rate, condition: failed < 1, within: 60s}""")
        repair.helped("the application retries 5 payments")
        assert sorted(retried) == [f"pi_bad{i}" for i in range(5)], "and no card that was declined"
        assert "no payment failed that may be retried" in repair.by_hand("left")
    finally:
        shop.close()


def test_payments_that_the_application_believes_to_be_pending_are_told(stripe, server, repairs):
    """It changes nothing, so nothing is verified: a person, or the application's own job, brings them up to date."""
    server.sql("create table payments (id int primary key, intent_id text, status text, created_at timestamptz); grant select on payments to app;"
               "insert into payments values (1, 'pi_fine', 'pending', now() - interval '20 min'), (2, 'pi_young', 'pending', now() - interval '20 min')")
    database = f"database: 'postgres://127.0.0.1:{server.port}/postgres', database_user: app, database_password: app, "
    pending = "SELECT id, intent_id, status, created_at FROM payments WHERE status = 'pending'"
    repair = repairs(account(stripe, f'stuck_payments: {{every: 1s, critical: count > 0, sql: "{pending}"}}', database), """
    trigger: {check: s/stuck_payments, status: critical}
    script: stripe/reconcile_payments
    targets: {stripe: s}""")
    told = repair.said("handed_over")["message"]
    assert "1 of 2 pending payments to an end" in told and "1 succeeded (pi_fine)" in told, told
    assert server.sql("select count(*) from payments where status = 'pending'") == "2"
    server.sql("update payments set status = 'paid' where id = 1")
    assert "brought none of them to an end" in repair.by_hand("left")
    server.sql("delete from payments")
    assert "no payment is stuck" in repair.by_hand("left")
