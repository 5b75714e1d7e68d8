"""analyze_table and execute on a real server: no plan changes anything, and no more rows change than were planned."""
import pytest

import servers
from acting import act
from servers_postgres import Application


@pytest.fixture(scope="module")
def server(postgres):
    postgres.sql("create role keeper; create role ops login password 'ops' in role keeper; create role sees login password 'sees';"
                 "create table orders (id serial primary key, state text); alter table orders owner to keeper;"
                 "grant select on orders to sees; create schema shop; create table shop.\"Big Ones\" (n int)")
    return postgres


@pytest.fixture
def orders(server):
    server.sql("truncate orders; insert into orders (state) select case when n <= 12 then 'stuck' else 'paid' end from generate_series(1, 100) n")
    return lambda where: int(server.sql(f"select count(*) from orders where {where}"))


@pytest.fixture
def application(server):
    session = Application(server.port, "postgres", password="secret")
    yield session
    session.kill()


def config(server, acts="ops"):
    return (f"targets:\n  db:\n    type: postgres\n    url: postgres://127.0.0.1:{server.port}/postgres\n    user: monitor\n"
            f"    password: monitor\n    act_as: {{user: {acts}, password: {acts}}}\n")


RELEASE = {"statement": "update orders set state = 'released' where state = 'stuck'", "count": "select count(*) from orders where state = 'stuck'"}


def test_a_plan_counts_and_changes_nothing(server, orders):
    planned = act(config(server), "db", "execute", RELEASE)
    step, = planned.plan["steps"]
    assert planned.plan["count"] == 12 and "12 rows" in step["what"] and "Seq Scan on orders" in step["what"], planned.out
    assert step["key"] == "update orders set state = ? where state = ?" and "stuck" not in planned.out
    assert orders("state = 'stuck'") == 12


def test_what_was_planned_is_done(server, orders):
    done = act(config(server), "db", "execute", RELEASE, apply=True)
    assert done.results[0]["outcome"] == "applied" and "12 of 12" in done.results[0]["summary"], done.out
    assert orders("state = 'released'") == 12
    again = act(config(server), "db", "execute", RELEASE, apply=True)
    assert again.plan["steps"] == [] and not again.results, again.out


def test_more_rows_than_planned_are_rolled_back(server, orders):
    step = act(config(server), "db", "execute", RELEASE).plan["steps"][0]
    server.sql("insert into orders (state) values ('stuck')")
    done = act(config(server), "db", "execute", RELEASE, step=step)
    assert done.results[0]["outcome"] == "skipped" and "13 rows would have changed where 12 were planned" in done.results[0]["summary"], done.out
    assert orders("state = 'stuck'") == 13 and orders("state = 'released'") == 0


def test_fewer_rows_than_planned_are_told(server, orders):
    step = act(config(server), "db", "execute", RELEASE).plan["steps"][0]
    server.sql("delete from orders where id in (select id from orders where state = 'stuck' limit 2)")
    done = act(config(server), "db", "execute", RELEASE, step=step)
    assert "10 of 12" in done.results[0]["summary"] and orders("state = 'stuck'") == 0


def test_a_count_that_lies_is_held_to_it(server, orders):
    done = act(config(server), "db", "execute", {**RELEASE, "count": "select 3"}, apply=True)
    assert done.results[0]["outcome"] == "skipped" and orders("state = 'stuck'") == 12


@pytest.mark.parametrize("statement, says", [("update orders set state = 'x'", "has no WHERE"), ("drop table orders", "is no INSERT"),
                                             ("truncate orders", "is no INSERT")])
def test_what_no_plan_may_hold(server, orders, statement, says):
    failed = act(config(server), "db", "execute", {"statement": statement, "count": "select 1"}, apply=True)
    assert failed.code == 2 and says in failed.failure["summary"], failed.out
    assert orders("true") == 100


def test_too_many_rows_have_no_plan(server, orders):
    failed = act(config(server), "db", "execute", {**RELEASE, "most": 11})
    assert failed.code == 2 and "more than the 11" in failed.failure["summary"]


def test_a_count_that_writes_is_refused_by_the_server(server, orders):
    """The plan's transaction is read-only."""
    failed = act(config(server), "db", "execute", {**RELEASE, "count": "with d as (delete from orders returning 1) select count(*) from d"})
    assert failed.code == 2 and "read-only" in failed.failure["summary"] and orders("true") == 100


def test_a_lock_is_not_waited_for(server, orders, application):
    application.ask("begin; lock table orders;")
    step = {"key": "update orders set state = ? where state = ?", "what": "as planned", "json": {"rows": 12}}
    failed = act(config(server), "db", "execute", {**RELEASE, "lock_timeout": "200ms"}, step=step)
    assert failed.code == 2 and "lock timeout" in failed.failure["summary"], failed.out
    application.ask("rollback;")


def test_who_may_not_write_is_told(server, orders):
    failed = act(config(server, "sees"), "db", "execute", RELEASE, apply=True)
    assert failed.code == 2 and failed.failure["denied"] and "GRANT" in failed.failure["hint"] and orders("state = 'stuck'") == 12


# ------------------------------------------------------------ analyze_table ----

def analyzed(server, table):
    return server.sql(f"select last_analyze from pg_stat_all_tables where relid = '{table}'::regclass")


def test_a_table_is_analysed_once(server, orders):
    planned = act(config(server), "db", "analyze_table", {"tables": ["orders"]})
    assert planned.keys == ["public.orders"] and "never analysed" in planned.plan["steps"][0]["what"], planned.out
    assert analyzed(server, "orders") == ""
    done = act(config(server), "db", "analyze_table", {"tables": ["public.orders"]}, apply=True)
    assert done.results[0]["outcome"] == "applied" and not done.results[0]["summary"], done.out
    assert analyzed(server, "orders") != ""
    again = act(config(server), "db", "analyze_table", {"tables": ["orders"]}, apply=True)
    assert again.plan["steps"] == [] and "lately enough" in again.plan["note"]
    skipped = act(config(server), "db", "analyze_table", {"tables": ["orders"]}, step=planned.plan["steps"][0])
    assert skipped.results[0]["outcome"] == "skipped", skipped.out


def test_another_table_of_that_name_is_left_alone(server, orders):
    step = act(config(server), "db", "analyze_table", {"tables": ["orders"], "unless_within": "0s"}).plan["steps"][0]
    done = act(config(server), "db", "analyze_table", {"tables": ["orders"], "unless_within": "0s"}, step={**step, "json": {"oid": 1}})
    assert done.results[0]["outcome"] == "skipped" and "another table" in done.results[0]["summary"], done.out


def test_a_table_of_somebody_else_needs_a_right(server):
    failed = act(config(server), "db", "analyze_table", {"tables": ["shop.\"Big Ones\""]}, apply=True)
    assert failed.code == 2 and failed.failure["denied"] and "MAINTAIN" in failed.failure["hint"], failed.out
    assert analyzed(server, "shop.\"Big Ones\"") == ""


def test_no_such_table(server):
    failed = act(config(server), "db", "analyze_table", {"tables": ["nope"]})
    assert failed.code == 2 and "no table nope" in failed.failure["summary"], failed.out


def test_analyse_does_not_wait_for_a_lock(server, orders, application):
    application.ask("begin; lock table orders;")
    failed = act(config(server), "db", "analyze_table", {"tables": ["orders"], "unless_within": "0s", "lock_timeout": "200ms"}, apply=True)
    assert failed.code == 2 and "lock timeout" in failed.failure["summary"], failed.out
    application.ask("rollback;")
