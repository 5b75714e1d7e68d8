"""The postgres checks of tables, indexes and sequences: truly broken ones are found, with exactly the rights that they say."""
import json
import re
import subprocess
import time

import pytest

import servers
from agent import runbookd

PASSWORD = "s3cr3t-of-the-tests"  # not as the role is called, whose name hints show
SEEN = {"sequences": {}, "invalid_indexes": {}, "missing_indexes": {}, "bloat": {"min_size": "1MiB"}}


def config(url, checks):
    named = ", ".join(f"{name}: {json.dumps(options)}" for name, options in checks.items())
    return f"version: 1\nagent: {{realm: tests, emit: all}}\ntargets:\n  db: {{type: postgres, url: '{url}', checks: {{{named}}}}}\n"


def ask(folder, url, checks):
    """Those checks once, now."""
    path = folder / "runbookd.yaml"
    path.write_text(config(url, checks))
    return runbookd("once", "-c", path, "--format", "ndjson", *[f"db/{name}" for name in checks])


def watched(server, database="postgres"):
    """The URL of a role that has pg_monitor and nothing else."""
    server.sql(f"do $$ begin if to_regrole('watcher') is null then create role watcher login password '{PASSWORD}' in role pg_monitor; end if; end $$")
    return f"postgres://watcher:{PASSWORD}@127.0.0.1:{server.port}/{database}"


@pytest.fixture
def database(postgres):
    """An empty database of its own: its URL for who watches, and sql() for its owner."""
    name = f"d{time.monotonic_ns()}"
    postgres.sql(f"create database {name}")

    def sql(text, **more):
        return postgres.sql(text, database=name, **more)

    sql.url = watched(postgres, name)
    sql.name = name
    yield sql
    postgres.sql(f"drop database {name} with (force)")


def test_a_healthy_database_is_ok(database, tmp_path):
    database("create table orders (id bigserial primary key, state text); insert into orders (state) select 'paid' from generate_series(1, 30000);"
             "grant select on all tables in schema public to watcher; grant select on all sequences in schema public to watcher; analyze")
    result = ask(tmp_path, database.url, {**SEEN, "bloat": {"min_size": "100KiB"}})
    assert result.code == 0, result.out
    assert result.finding("sequences")["measures"]["count"] == 1
    assert result.finding("bloat")["message"].startswith("of ")


# ---------------------------------------------------------- sequences ----


@pytest.mark.parametrize("create, insert, where", [
    ("create table t (id smallserial)", "select setval('t_id_seq', 31200)", "t.id"),
    ("create table t (id int generated always as identity)", "select setval('t_id_seq', 2040109465)", "t.id"),
    ("create sequence s; create table t (\"Id\" int4 default nextval('s'))", "select setval('s', 2040109465)", "t.\"Id\""),
    ("create sequence s as int maxvalue 100; create table t (id bigint default nextval('s'))", "select setval('s', 95)", "t.id"),
], ids=["smallserial", "identity", "int4 behind bigint", "of its own maximum"])
def test_a_sequence_at_95_percent_is_critical(database, tmp_path, create, insert, where):
    database(f"{create}; {insert}; create sequence fresh; create sequence round maxvalue 10 cycle; select setval('round', 10);"
             "grant select on all sequences in schema public to watcher")
    finding = ask(tmp_path, database.url, {"sequences": {}}).finding("sequences")
    assert finding["status"] == "critical" and 94.9 < finding["measures"]["used_percent"] < 95.5, finding
    assert finding["evidence"]["sequences"][0]["column"] == f"public.{where}"
    assert finding["measures"]["count"] == 2  # what begins anew never ends


def test_a_sequence_that_counts_down_ends_too(database, tmp_path):
    database("create sequence s as smallint increment -1 minvalue -100 maxvalue -1 start -1; select setval('s', -92);"
             "grant select on s to watcher")
    finding = ask(tmp_path, database.url, {"sequences": {}}).finding("sequences")
    assert finding["status"] == "critical" and finding["evidence"]["sequences"][0]["left"] == "8", finding


def test_sequences_that_may_not_be_read_are_unknown_until_granted(database, tmp_path):
    database("create table t (id serial); insert into t default values; create schema \"Other\"; create sequence \"Other\".s")
    result = ask(tmp_path, database.url, {"sequences": {}})
    finding = result.finding("sequences")
    assert finding["status"] == "unknown" and finding["reason"] == "missing_right", finding
    first, second = sorted(re.findall(r"GRANT [^;]*;", finding["hint"]))
    database(second)  # one schema of both: one part is known, the other is said
    result = ask(tmp_path, database.url, {"sequences": {}})
    assert result.finding("sequences")["status"] == "ok", result.out
    assert result.finding("sequences", "hidden")["status"] == "unknown" and result.finding("sequences", "hidden")["hint"] == first
    database(first)
    result = ask(tmp_path, database.url, {"sequences": {}})
    assert result.code == 0 and len(result.events) == 1, result.out


# ---------------------------------------------------- invalid indexes ----


def test_an_index_that_was_not_built_to_its_end_is_found_and_its_remedy_works(database, tmp_path):
    database("create table t (id int); insert into t values (1), (1); create table u (id int primary key)")
    with pytest.raises(AssertionError, match="could not create unique index"):
        database("create unique index concurrently once on t (id)")
    finding = ask(tmp_path, database.url, {"invalid_indexes": {}}).finding("invalid_indexes")
    assert finding["status"] == "warning" and finding["measures"]["unique_count"] == 1, finding
    assert finding["evidence"]["indexes"][0]["index"] == "public.once"
    database("delete from t")
    database(finding["hint"])
    assert ask(tmp_path, database.url, {"invalid_indexes": {}}).code == 0


def test_what_a_failed_reindex_left_behind_is_dropped(database, tmp_path):
    database("create table t (id int); create index good on t (id); insert into t values (1)")
    database("update pg_index set indisvalid = false where indexrelid = 'public.good'::regclass; alter index good rename to good_ccnew1")
    finding = ask(tmp_path, database.url, {"invalid_indexes": {}}).finding("invalid_indexes")
    assert finding["hint"] == "DROP INDEX CONCURRENTLY public.good_ccnew1;", finding
    database(finding["hint"])
    assert ask(tmp_path, database.url, {"invalid_indexes": {}}).code == 0


def test_an_index_that_is_being_built_is_not_invalid(postgres, database, tmp_path):
    database("create table t (id int)")
    writer = postgres.client("begin; insert into t values (1); select pg_sleep(600)", database=database.name, application="writer")
    servers.wait_until(lambda: database("select count(*) from pg_locks where relation = 't'::regclass and mode = 'RowExclusiveLock'") == "1")
    builder = postgres.client("create index concurrently slow on t (id)", database=database.name, application="builder")
    servers.wait_until(lambda: database("select count(*) from pg_index where not indisvalid") == "1")
    building = ask(tmp_path, database.url, {"invalid_indexes": {}})
    postgres.end_sessions("builder")  # while it still waits for the writer
    finding = ask(tmp_path, database.url, {"invalid_indexes": {}}).finding("invalid_indexes")
    postgres.end_sessions("writer")
    for client in (writer, builder):
        client.communicate()
    assert building.code == 0, building.out
    assert finding["status"] == "warning", finding


# ---------------------------------------------------- missing indexes ----


def test_large_tables_without_an_index_are_found_by_what_is_read_now(agent, postgres, database):
    """The one without any index has no idx_scan at all (K14); the small one is rightly read as a whole."""
    database("create table bare (id int, note text); insert into bare select i, i from generate_series(1, 20000) i;"
             "create table small (id int); insert into small select generate_series(1, 100); analyze")
    read = "select count(*) from bare where note = 'x'; select count(*) from small;"
    for _ in range(10):
        database(read * 20)
    running = agent(config(database.url, {"missing_indexes": {"every": "2s"}}))
    finding = running.wait_status("db", "missing_indexes", "warning")
    assert finding["measures"]["count"] == 1 and finding["measures"]["rows_per_second"] > 10000, finding
    table = finding["evidence"]["tables"][0]
    assert table["table"] == "public.bare" and table["idx_scan"] == 0 and table["live_rows"] == 20000
    # Nobody reads it any more: whatever was read before counts no longer.
    running.wait_status("db", "missing_indexes", "ok", after=len(running.events))


# --------------------------------------------------------------- bloat ----


def test_bloat_is_estimated_without_opening_a_table(postgres, database, tmp_path):
    database("create table fat (id int primary key, name text) with (autovacuum_enabled = off); create table lean (id int primary key, name text);"
             "insert into fat select i, 'name ' || i from generate_series(1, 50000) i; insert into lean select * from fat")
    for _ in range(3):
        database("update fat set id = id + 1000000")
    database("vacuum analyze")
    check = {"bloat": {"min_size": "1MiB"}}
    finding = ask(tmp_path, database.url, check).finding("bloat")
    assert finding["status"] == "unknown" and finding["hint"] == "GRANT pg_read_all_data TO watcher;", finding
    postgres.sql(finding["hint"])
    try:
        holder = postgres.client("begin; lock table fat in access exclusive mode; select pg_sleep(600)", database=database.name)
        servers.wait_until(lambda: database("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'fat'::regclass") == "1")
        finding = ask(tmp_path, database.url, check).finding("bloat")
        holder.kill()
        holder.communicate()
        assert finding["status"] == "warning" and finding["measures"]["count"] == 2, finding
        by_name = {row["relation"]: row for row in finding["evidence"]["relations"]}
        assert set(by_name) == {"public.fat", "public.fat_pkey"}
        assert 68 < by_name["public.fat"]["wasted_percent"] < 80  # three of four rows are dead
    finally:
        postgres.sql("revoke pg_read_all_data from watcher")


# ------------------------------------------------------- 5,000 tables ----


def test_5000_tables_stay_within_the_budget(postgres, database, tmp_path):
    database("do $$ begin for i in 1..5000 loop"
             " execute format('create table t%s (id serial primary key, tenant_id int, note text)', i);"
             " if i % 100 = 0 then commit; end if; end loop; end $$")
    database("grant select on all sequences in schema public to watcher; grant select on all tables in schema public to app;"
             "insert into t1 (note) select 'x' from generate_series(1, 100); analyze t1")
    checks = {**SEEN, "bloat": {"min_size": "1"}, "rls": {"role": "app", "column": "tenant_id"}}
    result = ask(tmp_path, database.url, checks)
    # On a server with room for about 1,300 locks: whoever held one for each sequence would find none, and leave none.
    assert result.finding("sequences")["measures"]["count"] == 5000 and result.finding("sequences")["status"] == "ok"
    assert result.finding("invalid_indexes")["status"] == "ok" and result.finding("missing_indexes")["status"] == "ok"
    assert result.finding("rls")["measures"]["exposed"] == 5000 and len(result.finding("rls")["evidence"]["uncovered_first"]) <= 20
    assert result.finding("bloat")["message"].startswith("of 50 large relations")
    slow = [e for e in result.events if e["duration_ms"] > (10000 if e["name"] == "sequences" else 2500)]
    assert not slow, slow


# ----------------------------------------------------------- integrity ----


@pytest.fixture(scope="module")
def breakable():
    """A server whose files may be broken, with checksums."""
    server = servers.Postgres()
    server.kill()
    subprocess.run(servers.as_user("postgres") + [servers.PG_BIN / "pg_checksums", "--enable", "-D", server.data], check=True, capture_output=True)
    server.start()
    yield server
    server.close()


def overwrite(server, relation, page, offset, data, keep_checksum=True):
    """Breaks a page on disk, as a failing disk would; with a fitting checksum only amcheck can know."""
    path = server.data / server.sql(f"select pg_relation_filepath('{relation}')")
    server.sql("checkpoint")
    server.kill()
    with open(path, "r+b") as file:
        file.seek(8192 * page + offset)
        file.write(data)
    if keep_checksum:  # computed anew for the whole cluster
        for words in (["--disable"], ["--enable"]):
            subprocess.run(servers.as_user("postgres") + [servers.PG_BIN / "pg_checksums", *words, "-D", server.data], check=True, capture_output=True)
    server.start()


def test_integrity_says_what_it_lacks_then_finds_what_is_corrupt(breakable, tmp_path):
    server, check = breakable, {"integrity": {"tables": ["orders", "people"]}}
    server.sql("create table orders (id int primary key, note text) with (autovacuum_enabled = off);"
               "insert into orders select i, 'note ' || i from generate_series(1, 20000) i;"
               "create table people (id int primary key) with (autovacuum_enabled = off); insert into people select generate_series(1, 5000)")
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "unknown" and finding["hint"] == "CREATE EXTENSION amcheck;", finding
    server.sql(finding["hint"])
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "unknown" and finding["reason"] == "missing_right", finding
    server.sql(finding["hint"])
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "ok" and finding["measures"]["checked"] == 4 and finding["measures"]["checksums"] == 1, finding
    assert ask(tmp_path, watched(server), {"integrity": {"tables": ["nowhere"]}}).finding("integrity")["status"] == "unknown"

    # The keys of a leaf page out of order: bytes that a checksum computed later vouches for.
    overwrite(server, "orders_pkey", 1, 24, bytes(range(0, 80)))
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "critical" and finding["measures"]["corrupt"] == 1, finding
    assert finding["evidence"]["corruptions"][0]["relation"] == "orders_pkey" and "hint" in finding
    server.sql("reindex table orders")
    assert ask(tmp_path, watched(server), check).code == 0

    # A tuple of a table whose header makes no sense.
    overwrite(server, "people", 0, 8192 - 32, b"\xff" * 24)
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "critical" and finding["evidence"]["corruptions"][0]["method"] == "verify_heapam", finding
    server.sql("truncate people")

    # A page that does not fit its checksum: the server itself notices, and counts it.
    overwrite(server, "orders", 3, 4000, b"rotten", keep_checksum=False)
    finding = ask(tmp_path, watched(server), check).finding("integrity")
    assert finding["status"] == "critical" and finding["measures"]["corrupt"] == 1, finding
    assert "invalid page in block 3" in finding["evidence"]["corruptions"][0]["message"]
    server.sql("truncate orders")
    finding = servers.wait_until(lambda: (lambda f: f if f["measures"].get("checksum_failures") else None)(
        ask(tmp_path, watched(server), check).finding("integrity")))
    assert finding["status"] == "critical" and finding["measures"]["corrupt"] == 0, finding


def test_integrity_goes_round_and_keeps_what_it_found(agent, breakable):
    """A budget of nothing: a relation or so a run; each run goes on where the last one ended."""
    server = breakable
    server.sql("select pg_stat_reset(); create table a (id int primary key); create table b (id int primary key) with (autovacuum_enabled = off);"
               "insert into b select generate_series(1, 5000); grant execute on all functions in schema public to watcher")
    overwrite(server, "b_pkey", 1, 24, bytes(range(0, 80)))
    server.sql("select pg_stat_reset()")
    running = agent(config(watched(server), {"integrity": {"every": "500ms", "timeout": "500ms", "budget": "10ms", "tables": ["a", "b"]}}))
    running.wait_status("db", "integrity", "critical")
    seen = len(running.events)
    for _ in range(3):  # it stays known, whichever was examined since
        finding = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "integrity" and running.events.index(e) >= seen)
        assert finding["status"] == "critical" and finding["measures"]["corrupt"] == 1, finding
        seen = running.events.index(finding) + 1
    server.sql("reindex table b")
    running.wait_status("db", "integrity", "ok", after=len(running.events))
