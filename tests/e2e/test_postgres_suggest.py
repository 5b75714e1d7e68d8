"""suggest_indexes on every version of PostgreSQL: an index that it suggests is one that the planner then takes; where none would pay, none is
suggested; no statement is executed, nothing is made, and no literal is told."""
import pytest

import servers
import servers_postgres
from acting import act
from servers_pgbouncer import PgBouncer
from test_scripts_repair import repairs, scripts  # noqa: F401: fixtures

TABLES = """
create table orders (id bigserial primary key, customer int, tenant int, state varchar(10), at timestamptz default now(), note text);
insert into orders (customer, tenant, state, note) select n % 5000, n % 40, (array['paid', 'open', 'sent', 'gone'])[n % 4 + 1], 'n' || n
  from generate_series(1, 40000) n;
create table few (id int, name text); insert into few select n, 'x' from generate_series(1, 50) n;
create table "Odd ""ones" ("The Key" int, v int); insert into "Odd ""ones" select n, n from generate_series(1, 20000) n;
create table hidden (n int); insert into hidden select generate_series(1, 20000);
create function grabs() returns int language plpgsql immutable as $$ begin raise warning 'grabbed by %', current_user; return 1; end $$;
create table unseen (n int) with (autovacuum_enabled = off); insert into unseen select generate_series(1, 20000);
analyze orders, few, "Odd ""ones", hidden;
grant select, update on orders, few, "Odd ""ones", unseen to monitor;
"""


@pytest.fixture(scope="module", params=servers_postgres.VERSIONS)
def server(request):
    server = servers_postgres.Version(request.param, autovacuum="off", **{"pg_stat_statements.track_utility": "off"})
    server.sql(TABLES)
    yield server
    server.close()


def targets(port):
    return f"targets:\n  db: {{type: postgres, url: 'postgres://127.0.0.1:{port}/postgres', user: monitor, password: monitor}}\n"


def id_of(server, sql):
    """Has it asked once, and finds it in pg_stat_statements."""
    server.sql("select pg_stat_statements_reset()")
    server.sql(sql)
    return server.sql("select queryid from pg_stat_statements where query not like '%pg_stat_statements%' order by queryid limit 1")


def look(server, sql, port=None, **options):
    return act(targets(port or server.port), "db", "suggest_indexes", {"query_id": id_of(server, sql), **options})


def scans(done):
    assert done.code == 0, f"{done.out}{done.err}"
    return done.results[0]["json"]["scans"]


def plan_of(server, sql):
    return server.sql(f"explain {sql}")


def test_what_it_suggests_the_planner_takes(server):
    sql = "select * from orders where customer = 41 and state = 'paid' and at > '2001-02-03'"
    scan, = scans(look(server, sql))
    assert scan["table"] == "public.orders" and scan["suggest"] == "CREATE INDEX CONCURRENTLY ON public.orders (customer);", scan
    assert "40000 rows" in scan["why"] and "Seq Scan" in plan_of(server, sql)
    server.sql(scan["suggest"])
    try:
        assert "orders_customer_idx" in plan_of(server, sql)
        assert scans(look(server, sql)) == []
    finally:
        server.sql("drop index orders_customer_idx")


def test_no_literal_is_told_and_nothing_is_executed(server):
    before = server.sql("select count(*) from pg_indexes")
    done = look(server, "update orders set note = 'secret-7' where customer = 4142 and note = 'secret-8'")
    scan, = scans(done)
    assert "(note)" in scan["suggest"] and "secret" not in done.out and "4142" not in done.out, done.out
    assert server.sql("select count(*) from orders where note = 'secret-7'") == "0"
    assert server.sql("select count(*) from pg_indexes") == before


def test_names_are_quoted(server):
    sql = 'select * from "Odd ""ones" where "The Key" = 3'
    scan, = scans(look(server, sql))
    server.sql(scan["suggest"])
    assert "Index Scan" in plan_of(server, sql)
    server.sql('drop index "Odd ""ones_The Key_idx"')


@pytest.mark.parametrize("sql, says", [
    ("select * from few where id = 3", "about 50 rows only"),
    ("select * from orders where state = 'open'", "25 % of its rows"),
    ("select count(*) from orders", "all of its rows are asked for"),
    ("select * from orders where lower(note) = 'n7'", "none that an index of columns would serve"),
    ("select * from orders where at > '2001-02-03'", "how much of it one holds is not known"),
])
def test_where_no_index_pays_none_is_suggested(server, sql, says):
    scan, = scans(look(server, sql))
    assert says in scan["why"] and "suggest" not in scan, scan


def test_a_table_without_statistics_is_told(server):
    scan, = scans(look(server, "select * from unseen where n = 7", min_rows=1))
    assert "suggest" not in scan and "never analysed" in scan["why"], scan


def test_an_index_that_is_there_is_not_suggested_again(server):
    """The planner does not take it: what it begins with has too few values by itself, or it is told not to."""
    server.sql("create index mine on orders (customer); alter role monitor set enable_indexscan = off; alter role monitor set enable_bitmapscan = off")
    try:
        scan, = scans(look(server, "select * from orders where customer = 41"))
        assert "suggest" not in scan and "the index mine serves customer" in scan["why"], scan
    finally:
        server.sql("drop index mine; alter role monitor reset all")


def test_what_may_not_be_planned_is_said(server):
    before = len(server.log())
    denied = look(server, "select * from hidden where n = 7")
    assert denied.failure["denied"] and "hidden" in denied.failure["summary"] and "GRANT SELECT" in denied.failure["hint"], denied.out
    grabs = look(server, "select * from orders where customer = grabs()")
    assert "grabs" in grabs.failure["summary"] and "grabbed by monitor" not in server.log()[before:], grabs.out
    for query_id, says in [("7", "no such statement"), ("x; drop table orders", "no number"), ("99999999999999999999", "no number")]:
        wrong = act(targets(server.port), "db", "suggest_indexes", {"query_id": query_id})
        assert says in wrong.failure["summary"], wrong.out


def test_what_is_no_such_statement_is_refused(server):
    server.sql("set pg_stat_statements.track_utility = on; select pg_stat_statements_reset(); create table made (n int); drop table made")
    query_id = server.sql("select queryid from pg_stat_statements where query like 'create table made%'")
    done = act(targets(server.port), "db", "suggest_indexes", {"query_id": query_id})
    assert "is no SELECT, INSERT, UPDATE or DELETE" in done.failure["summary"], done.out


def test_what_cannot_be_planned_without_its_literals_is_told_without_them(server):
    done = look(server, "select * from orders where at > now() - interval '17 days'")
    assert done.failure["reason"] == "not_explained" and "17" not in done.out, done.out


def test_through_a_pooler_nothing_stays_behind(server):
    """Before 16 a statement is prepared, on a connection that the next one gets as well: also where its plan fails."""
    pooler = PgBouncer(server, databases={"postgres": f"host=127.0.0.1 port={server.port}"}, pool_mode="transaction", default_pool_size=1)
    try:
        for _ in range(2):
            assert len(scans(look(server, "select * from orders where customer = 41", port=pooler.port))) == 1
            assert look(server, "select * from hidden where n = 7", port=pooler.port).failure["denied"]
        left = servers_postgres.Application(pooler.port, "monitor")
        assert left.ask("select count(*) from pg_prepared_statements;") == ["0"]
        left.close()
    finally:
        pooler.close()


def test_the_script_hands_the_command_over(server, repairs):
    """From a slow statement, found between two looks, to the command for a person."""
    server.sql("select pg_stat_statements_reset()")
    repair = repairs(f"  pg: {{type: postgres, url: '{server.url}', checks: {{slow_statements: "
                     "{every: 1s, timeout: 20s, min_calls: 1, slower_than: 100ms, critical: count > 0}}}", """
    trigger: {check: pg/slow_statements, status: critical}
    script: postgres/suggest_index
    targets: {db: pg}
    allow: ["db:suggest_indexes"]""")

    def handed_over():
        server.sql("select count(pg_sleep(0.3)) from (select from orders where tenant = 3 and customer = 43 limit 1) as one")
        return [e for e in repair.agent.events if e["kind"] == "remediation" and e["step"] == "handed_over"]

    servers.wait_until(handed_over, 60)
    said = handed_over()[0]
    assert "CREATE INDEX CONCURRENTLY ON public.orders (customer" in said["message"], said
    assert server.sql("select count(*) from pg_indexes where tablename = 'orders'") == "1"
