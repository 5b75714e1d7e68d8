"""The actions of postgres through a PgBouncer, in each of its modes: they do what they say, as without it, or say where to go instead."""
import pytest

import servers
import servers_postgres
from acting import act
from servers_pgbouncer import PgBouncer
from servers_postgres import Application

NOW = {"older_than": "0s"}
RELEASE = {"statement": "update orders set state = 'released' where state = 'stuck'", "count": "select count(*) from orders where state = 'stuck'"}


@pytest.fixture(scope="module")
def postgres():
    server = servers_postgres.Version(15)
    server.sql("create role keeper; create role ops login password 'acts-9' in role pg_monitor, pg_signal_backend, keeper;"
               "create table orders (id serial primary key, state text); alter table orders owner to keeper")
    yield server
    server.close()


def make_pooler(postgres, mode, login=""):
    """Each role logs in to the server as itself, unless the pooler has a login of its own."""
    pooler = PgBouncer(postgres, databases={"postgres": f"host=127.0.0.1 port={postgres.port}{login}"}, pool_mode=mode, default_pool_size=3)
    with open(pooler.dir / "users", "a") as users:
        users.write('"ops" "acts-9"\n')
    pooler.console("RELOAD")
    return pooler


@pytest.fixture(params=["transaction", "session"])
def pooler(postgres, request):
    postgres.sql("truncate orders; insert into orders (state) select case when n <= 12 then 'stuck' else 'paid' end from generate_series(1, 100) n")
    pooler = make_pooler(postgres, request.param)
    yield pooler
    pooler.close()


@pytest.fixture
def application(postgres, pooler):
    """Sessions of the application, through the same pooler; they end with the test."""
    started = []

    def start(**more):
        started.append(Application(pooler.port, "app", **more))
        return started[-1]

    yield start
    for one in started:
        one.kill()
    servers.wait_until(lambda: postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'") == "")


def config(pooler):
    return (f"targets:\n  db: {{type: postgres, url: 'postgres://127.0.0.1:{pooler.port}/postgres', user: monitor, password: monitor,"
            " act_as: {user: ops, password: acts-9}}\n")


def wait_doing(postgres, state):
    servers.wait_until(lambda: postgres.sql(f"select count(*) from pg_stat_activity where usename = 'app' and state = '{state}'") == "1")


def test_a_query_is_cancelled_and_its_session_lives(postgres, pooler, application):
    one = application()
    one.tell("select pg_sleep(600);")
    wait_doing(postgres, "active")
    done = act(config(pooler), "db", "cancel_queries", NOW, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"], done.out + done.err
    assert "canceling statement due to user request" in str(one.hear()) and one.ask("select 1;") == ["1"]


def test_a_transaction_that_does_nothing_is_ended(postgres, pooler, application):
    one = application()
    one.ask("begin; select 1;")
    wait_doing(postgres, "idle in transaction")
    done = act(config(pooler), "db", "terminate_sessions", {**NOW, "which": "idle_in_transaction"}, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"], done.out + done.err
    assert postgres.sql("select count(*) from pg_stat_activity where usename = 'app'") == "0"


def test_an_idle_session_is_ended_and_never_our_own(postgres, pooler, application):
    """Behind a pooler in transaction mode it is a connection of the pooler's, which nobody misses."""
    application().ask("select 1;")
    wait_doing(postgres, "idle")
    done = act(config(pooler), "db", "terminate_sessions", NOW, apply=True)
    assert [r["outcome"] for r in done.results] == ["applied"], done.out + done.err
    assert postgres.sql("select count(*) from pg_stat_activity where usename = 'app'") == "0"
    assert application().ask("select 1;") == ["1"]


def test_rows_change_as_planned_or_not_at_all(postgres, pooler):
    step = act(config(pooler), "db", "execute", RELEASE).plan["steps"][0]
    postgres.sql("insert into orders (state) values ('stuck')")
    done = act(config(pooler), "db", "execute", RELEASE, step=step)
    assert done.results[0]["outcome"] == "skipped" and postgres.sql("select count(*) from orders where state = 'stuck'") == "13", done.out
    done = act(config(pooler), "db", "execute", RELEASE, apply=True)
    assert done.results[0]["outcome"] == "applied" and "13 of 13" in done.results[0]["summary"], done.out
    assert postgres.sql("select count(*) from orders where state = 'released'") == "13"


def test_a_table_is_analysed(postgres, pooler):
    done = act(config(pooler), "db", "analyze_table", {"tables": ["orders"], "unless_within": "0s"}, apply=True)
    assert done.results[0]["outcome"] == "applied", done.out + done.err
    assert postgres.sql("select last_analyze > now() - interval '20 s' from pg_stat_user_tables where relname = 'orders'") == "t"


ACTIONS = {"cancel_queries": NOW, "terminate_sessions": {**NOW, "which": "any"}, "analyze_table": {"tables": ["orders"], "unless_within": "0s"}, "execute": RELEASE}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("mode, login", [("statement", ""), ("transaction", " user=monitor password=monitor")])
def test_what_a_pooler_makes_impossible_is_told_with_the_way_out(postgres, mode, login, action):
    """Without transactions nothing can be bounded; and one who logs in as somebody else has not the rights of who acts."""
    postgres.sql("truncate orders; insert into orders (state) values ('stuck')")
    pooler = make_pooler(postgres, mode, login)
    other = Application(postgres.port, "app")
    other.tell("select pg_sleep(600);")
    wait_doing(postgres, "active")
    try:
        failed = act(config(pooler), "db", action, ACTIONS[action], apply=True)
        assert failed.code == 2 and not failed.results, failed.out + failed.err
        assert "pooler" in failed.failure["hint"] and "server's own address" in failed.failure["hint"], failed.failure
        assert postgres.sql("select count(*) from orders where state = 'stuck'") == "1"
        assert postgres.sql("select count(*) from pg_stat_activity where usename = 'app' and state = 'active'") == "1"
    finally:
        postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        other.kill()
        pooler.close()
