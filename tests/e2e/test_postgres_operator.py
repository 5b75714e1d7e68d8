"""The postgres checks of the operator's own SQL and tables: right on real data, harmless whatever is written, and never content
with what was not looked at."""
import json
import re
import time

import pytest

from agent import runbookd
from test_postgres_schema import PASSWORD, ask, config, database, watched  # noqa: F401 (database is a fixture)


@pytest.fixture
def shop(database):
    """Tables of an application that are well; who watches may read them."""
    database("create table events (id int primary key, status text, source text, created_at timestamptz not null, local_at timestamp);"
             "insert into events select i, 'PUBLISHED', (array['a', 'b', 'O''Hara'])[1 + i % 3], now() - i * interval '1 min',"
             " now() at time zone 'UTC' - i * interval '1 min' from generate_series(1, 300) i;"
             "create index on events (source, created_at); grant select on events to watcher")
    return database


def one(folder, shop, name, options, subject=None):
    return ask(folder, shop.url, {name: options}).finding(name, subject)


# ----------------------------------------------------------- invariant ----

INVALID = {"check": "invariant", "sql": "SELECT id FROM events WHERE status NOT IN ('DRAFT', 'PUBLISHED') OR status IS NULL -- K: null passes NOT IN"}


def test_an_invariant_counts_what_violates_it_and_shows_ids_only_when_asked(shop, tmp_path):
    assert one(tmp_path, shop, "invalid", INVALID)["measures"]["violations"] == 0
    shop("update events set status = 'LOST' where id <= 7; update events set status = null where id = 8")
    finding = one(tmp_path, shop, "invalid", INVALID)
    assert finding["status"] == "critical" and finding["measures"]["violations"] == 8 and finding["measures"]["excess"] == 8, finding
    assert finding["evidence"] == {} and "sample" in finding["hint"]
    finding = one(tmp_path, shop, "invalid", {**INVALID, "sample": 3, "tolerance": 8})
    assert finding["status"] == "ok" and len(finding["evidence"]["sample"]) == 3 and finding["evidence_truncated"] == 5, finding
    finding = one(tmp_path, shop, "invalid", {**INVALID, "max_rows": 5})
    assert finding["measures"]["violations"] == 5 and "at least 5" in finding["message"], finding
    counted = {"check": "invariant", "sql": "select count(*) as violations from events where status = 'LOST';"}
    assert one(tmp_path, shop, "counted", counted)["measures"]["violations"] == 7
    finding = one(tmp_path, shop, "mistaken", {"check": "invariant", "sql": "select count(*) from events where false"})
    assert finding["status"] == "unknown" and "AS violations" in finding["hint"], finding  # one row, which would always be a violation


WRITES = ["select nextval('s')", "with gone as (delete from events returning *) select * from gone", "select * from events for update",
          "select written()", "select set_config('transaction_read_only', 'off', true), written()"]


@pytest.mark.parametrize("sql", WRITES)
def test_what_would_write_fails_cleanly_and_changes_nothing(shop, tmp_path, sql):
    shop("create sequence s; create function written() returns int language sql volatile as 'delete from events returning 1';"
         "grant all on events, s to watcher")
    finding = one(tmp_path, shop, "wrong", {"check": "invariant", "sql": sql})
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == "writes" and "only reads" in finding["hint"], finding
    assert shop("select count(*), (select is_called from s) from events") == "300|f"


@pytest.mark.parametrize("sql, says", [
    ("select 1; drop table events", "several statements"),
    ("delete from events", "must begin with SELECT"),
    ("commit", "must begin with SELECT"),
    ("-- select\nset role postgres", "must begin with SELECT"),
])
def test_what_is_no_single_question_is_refused_when_the_configuration_is_read(shop, tmp_path, sql, says):
    path = tmp_path / "runbookd.yaml"
    for check in ("invariant", "query"):
        path.write_text(config(shop.url, {"wrong": {"check": check, "sql": sql, "critical": "query_ms > 5000"}}))
        result = runbookd("validate", "-c", path)
        assert result.code != 0 and says in result.out + result.err, result.out + result.err


def test_a_statement_that_breaks_out_of_its_brackets_is_refused_by_the_server(shop, tmp_path):
    finding = one(tmp_path, shop, "wrong", {"check": "freshness", "table": "events", "where": "true); delete from events where (true"})
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == "statement", finding
    assert shop("select count(*) from events") == "300"


@pytest.mark.parametrize("sql, says, word", [
    ("select * from nowhere", 'relation "nowhere" does not exist', "missing"),
    ("select * from events where stat = 1", 'column "stat" does not exist', "missing"),
    ("select * frm events", "syntax error", "statement"),
    ("select pg_sleep(30)", "statement timeout", "canceled"),
])
def test_what_is_wrong_with_a_statement_is_said(shop, tmp_path, sql, says, word):
    finding = one(tmp_path, shop, "wrong", {"check": "invariant", "sql": sql, "timeout": "1s"})
    assert finding["status"] == "unknown" and says in finding["message"] and finding["words"]["error_class"] == word and finding["hint"], finding


def test_an_error_message_shows_no_data(shop, tmp_path):
    shop("update events set status = 'jane@example.org' where id = 5")
    finding = one(tmp_path, shop, "wrong", {"check": "query", "sql": "select sum(status::int) from events where id = 5", "critical": "value > 0"})
    assert finding["status"] == "unknown" and "22P02" in finding["message"] and "jane" not in json.dumps(finding), finding


def test_a_table_that_may_not_be_read_is_told_with_the_exact_grants(shop, tmp_path):
    shop("create schema \"Billing\"; create table \"Billing\".\"Invoices\" (id int); revoke select on events from watcher")
    sql = 'select e.id from events e left join "Billing"."Invoices" i using (id) where i.id is null and e.id < 0'
    finding = one(tmp_path, shop, "paid", {"check": "invariant", "sql": sql})
    assert finding["status"] == "unknown" and finding["reason"] == "missing_right", finding
    grants = re.findall(r"GRANT [^;]*;", finding["hint"])
    assert grants == ['GRANT USAGE ON SCHEMA "Billing" TO watcher;', 'GRANT SELECT ON "Billing"."Invoices" TO watcher;',
                      "GRANT SELECT ON public.events TO watcher;"], finding["hint"]
    for grant in grants:
        shop(grant)
    result = ask(tmp_path, shop.url, {"paid": {"check": "invariant", "sql": sql}, "invalid": INVALID})
    assert result.code == 0, result.out


def test_policies_that_hide_rows_make_no_ok(shop, tmp_path):
    """With row security the role would see nothing, and nothing would violate anything."""
    shop("update events set status = 'LOST' where id = 1; alter table events enable row level security")
    finding = one(tmp_path, shop, "invalid", INVALID)
    assert finding["status"] == "unknown" and "BYPASSRLS" in finding["hint"], finding
    shop("create policy most on events to watcher using (id <> 1)")
    assert one(tmp_path, shop, "invalid", {**INVALID, "row_security": True})["status"] == "ok"  # the operator has said so
    shop("alter role watcher bypassrls")
    try:
        assert one(tmp_path, shop, "invalid", INVALID)["measures"]["violations"] == 1
    finally:
        shop("alter role watcher nobypassrls")


def test_nothing_waits_long_for_a_lock(postgres, shop, tmp_path):
    holder = postgres.client("begin; lock table events; select pg_sleep(600)", database=shop.name)
    try:
        end = time.monotonic() + 10
        while shop("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'events'::regclass") == "0":
            assert time.monotonic() < end
        finding = one(tmp_path, shop, "invalid", {**INVALID, "timeout": "1s"})
        assert finding["status"] == "unknown" and finding["words"]["error_class"] == "locked", finding
    finally:
        holder.kill()
        holder.communicate()
        postgres.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{shop.name}' and query like '%pg_sleep(600)%'")


# --------------------------------------------------------------- query ----


def test_a_query_gives_a_value_or_one_for_each_subject(shop, tmp_path):
    checks = {
        "events": {"check": "query", "sql": "select count(*) from events", "critical": "value < 1000"},
        "flag": {"check": "query", "sql": "select 'x' as name, exists (select from events) as there", "value": "there", "critical": "value == 0"},
        "sources": {"check": "query", "sql": "select source, count(*) as n from events group by 1", "subject": "source", "value": "n", "warning": "value > 99"},
        "none": {"check": "query", "sql": "select source, 1 as n from events where false", "subject": "source", "critical": "value > 0"},
    }
    result = ask(tmp_path, shop.url, checks)
    assert result.finding("events")["status"] == "critical" and result.finding("events")["measures"]["value"] == 300
    assert result.finding("flag")["status"] == "ok" and result.finding("flag")["measures"]["value"] == 1
    assert result.finding("sources", "O'Hara")["status"] == "warning" and result.finding("sources", "a")["measures"]["rows"] == 3
    assert result.finding("none")["status"] == "ok" and result.finding("none")["measures"]["rows"] == 0


@pytest.mark.parametrize("options", [
    {"sql": "select max(id) from events where false"},
    {"sql": "select id from events where false"},
    {"sql": "select id from events"},
    {"sql": "select id from events", "subject": "id", "max_rows": 10},
    {"sql": "select 'ok'"},
    {"sql": "select 1 as a", "value": "b"},
    {"sql": "select 1 as a", "subject": "b"},
    {"sql": "select 1 as a, source from events where source = 'a'", "subject": "source", "max_rows": 500},
], ids=lambda options: options["sql"] + str(len(options)))
def test_what_is_no_value_is_unknown(shop, tmp_path, options):
    finding = one(tmp_path, shop, "wrong", {"check": "query", "critical": "value > 1e9", **options})
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == "statement", finding


# ----------------------------------------------------------- freshness ----

FRESH = {"check": "freshness", "table": "events", "column": "created_at"}


def test_freshness_knows_each_group_and_those_that_are_missing(shop, tmp_path):
    options = {**FRESH, "group": "source", "expect": ["a", "b", "O'Hara", "ticket\"master"]}
    shop("delete from events where source = 'b' and id < 130; update events set created_at = now() + interval '1 d' where id = 200")
    result = ask(tmp_path, shop.url, {"fresh": options})
    assert result.finding("fresh")["status"] == "ok"  # not all are stale
    assert result.finding("fresh")["measures"]["groups"] == 3 and result.finding("fresh")["measures"]["missing_groups"] == 1
    assert result.finding("fresh", "a")["status"] == "ok" and result.finding("fresh", "O'Hara")["status"] == "ok"
    assert result.finding("fresh", "b")["status"] == "critical"  # the row of tomorrow is no sign of life
    missing = result.finding("fresh", "ticket\"master")
    assert missing["status"] == "critical" and missing["measures"]["age_seconds"] == 7 * 86400, missing
    shop("update events set created_at = created_at - interval '90 min' where created_at < now()")
    assert ask(tmp_path, shop.url, {"fresh": options}).finding("fresh")["status"] == "warning"  # all are


def test_freshness_of_times_without_a_zone_and_of_part_of_a_table(shop, tmp_path):
    shop("alter role watcher set timezone = 'Pacific/Auckland'")
    try:
        checks = {"local": {**FRESH, "column": "local_at"}, "tokyo": {**FRESH, "column": "local_at", "timezone": "Asia/Tokyo"},
                  "late": {**FRESH, "where": "id >= 200 or false"}, "none": {**FRESH, "where": "false", "window": "1d"}}
        result = ask(tmp_path, shop.url, checks)
        assert 55 < result.finding("local")["measures"]["age_seconds"] < 120
        assert result.finding("tokyo")["measures"]["age_seconds"] > 9 * 3600  # as if it had been written there
        assert result.finding("late")["status"] == "critical" and 200 * 60 <= result.finding("late")["measures"]["age_seconds"] < 201 * 60
        assert result.finding("none")["status"] == "critical" and "no row" in result.finding("none")["message"]
    finally:
        shop("alter role watcher reset timezone")
    finding = one(tmp_path, shop, "mars", {**FRESH, "timezone": "Mars/Olympus' or"})
    assert finding["status"] == "unknown" and "time zone" in finding["hint"], finding


def test_names_are_taken_as_they_are_written(shop, tmp_path):
    shop("create schema \"Odd.One\"; create table \"Odd.One\".\"Select\" (\"At\" timestamptz); insert into \"Odd.One\".\"Select\" values (now());"
         "grant usage on schema \"Odd.One\" to watcher; grant select on \"Odd.One\".\"Select\" to watcher")
    assert one(tmp_path, shop, "fresh", {"check": "freshness", "table": '"Odd.One".Select', "column": "At"})["status"] == "ok"
    finding = one(tmp_path, shop, "fresh", {"check": "freshness", "table": "events; drop table events", "column": "created_at"})
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == "missing", finding


def test_too_many_groups_are_not_looked_at(shop, tmp_path):
    finding = one(tmp_path, shop, "fresh", {**FRESH, "group": "id"})
    assert finding["status"] == "unknown" and "200 groups" in finding["message"], finding


# ------------------------------------------------------ audit_activity ----

AUDIT = {"check": "audit_activity", "table": "audit_logs", "columns": {"at": "created_at", "ip": "ip_address", "actor": "actor_id", "action": "action"}}


@pytest.fixture
def audited(shop):
    """An office that is always busy, a service that may be, and nobody else."""
    shop("create table audit_logs (created_at timestamptz, ip_address inet, actor_id int, action text); grant select on audit_logs to watcher;"
         "insert into audit_logs select now() - i * interval '1 min', '198.51.100.1', i % 5, 'read' from generate_series(1, 1500) i;"
         "insert into audit_logs select now() - i * interval '1 s', '10.1.2.3', 99, 'sync' from generate_series(1, 400) i")
    return shop


def test_an_address_that_does_too_much_is_found_others_are_not(audited, tmp_path):
    options = {**AUDIT, "allow_ips": ["10.0.0.0/8"]}
    finding = one(tmp_path, audited, "audit", options)  # the office has 120 in two hours: more than 100, and as usual
    assert finding["status"] == "ok" and finding["measures"]["total"] in (519, 520) and 100 < finding["measures"]["usual"] < 130, finding
    assert one(tmp_path, audited, "audit", AUDIT)["measures"]["suspicious_ips"] == 1  # not allowed: the service
    # Old rows with another action do not come in by an OR (K08).
    audited("insert into audit_logs select now() - interval '30 d', '203.0.113.9', 7, 'select' from generate_series(1, 500)")
    assert one(tmp_path, audited, "audit", {**options, "where": "action like '%select%' or action like '%read%'"})["status"] == "ok"
    audited("insert into audit_logs select now() - i * interval '1 s', '203.0.113.9', 7, 'read' from generate_series(1, 500) i")
    finding = one(tmp_path, audited, "audit", options)
    assert finding["status"] == "critical" and finding["measures"]["suspicious_ips"] == 1, finding
    assert "203.0.113.9" not in json.dumps(finding)  # unless the operator asks
    finding = one(tmp_path, audited, "audit", {**options, "per_actor": 300, "allow_actors": ["99"], "sample": 2})
    assert finding["measures"]["suspicious_actors"] == 1, finding
    assert finding["evidence"]["top_ips"][0] == {"ip": "203.0.113.9/32", "count": 500, "usual": 0, "actions": 1, "suspicious": True}
    assert [row["actor"] for row in finding["evidence"]["top_actors"]] == ["7", "99"]


def test_a_flood_by_many_is_told_by_what_is_usual(audited, tmp_path):
    audited("insert into audit_logs select now() - i * interval '1 s', '2001:db8::'::inet + i, i, 'read' from generate_series(1, 900) i")
    finding = one(tmp_path, audited, "audit", {**AUDIT, "allow_ips": ["10.0.0.0/8"]})
    assert finding["status"] == "warning" and finding["measures"]["usual_ratio"] > 5 and finding["measures"]["suspicious_ips"] == 0, finding


def test_an_audit_log_that_may_not_be_read_is_unknown(audited, tmp_path):
    audited("revoke select on audit_logs from watcher")
    finding = one(tmp_path, audited, "audit", AUDIT)
    assert finding["reason"] == "missing_right" and finding["hint"] == "GRANT SELECT ON public.audit_logs TO watcher;", finding


# ----------------------------------------------------------------- rls ----

RLS = {"role": "app", "column": "tenant_id"}


def test_rls_finds_what_a_look_at_the_policies_does_not(postgres, shop, tmp_path):
    shop("create table good (tenant_id int); alter table good enable row level security; alter table good force row level security;"
         "create policy own on good using (tenant_id = current_setting('app.tenant')::int); grant select, update on good to app")
    assert one(tmp_path, shop, "rls", RLS)["status"] == "ok"
    shop("alter table good no force row level security")
    finding = one(tmp_path, shop, "rls", RLS)
    assert finding["status"] == "critical" and "not forced" in finding["message"], finding
    assert one(tmp_path, shop, "rls", {**RLS, "require_force": False})["status"] == "ok"
    shop("alter table good owner to app")
    assert one(tmp_path, shop, "rls", {**RLS, "require_force": False})["measures"]["exposed"] == 1  # its owner is exempt
    shop("alter table good owner to postgres; alter table good force row level security; grant select on good to app; alter table good disable row level security")
    finding = one(tmp_path, shop, "rls", RLS)  # the policy is still there (K56)
    assert finding["measures"]["exposed"] == 1 and finding["evidence"]["uncovered_first"][0]["policies"] == 1, finding
    shop("alter table good enable row level security; create policy wide on good using (true)")
    finding = one(tmp_path, shop, "rls", RLS)
    assert finding["status"] == "warning" and finding["evidence"]["uncovered_first"][0]["opened_by"] == "wide", finding
    shop("drop policy wide on good; create table forgotten (tenant_id int); grant select on forgotten to app; create table private (tenant_id int)")
    finding = one(tmp_path, shop, "rls", RLS)
    assert finding["measures"]["exposed"] == 1 and finding["evidence"]["uncovered_first"][0]["table"] == "forgotten", finding
    shop("drop table forgotten")
    postgres.sql("alter role app bypassrls")
    try:
        finding = one(tmp_path, shop, "rls", RLS)
        assert finding["status"] == "critical" and finding["measures"]["bypasses"] == 1, finding
    finally:
        postgres.sql("alter role app nobypassrls")


def test_rls_is_unknown_where_it_cannot_look(shop, tmp_path):
    assert one(tmp_path, shop, "rls", {"role": "nobody_here", "column": "tenant_id"})["status"] == "unknown"
    assert one(tmp_path, shop, "rls", RLS)["status"] == "unknown"  # no table of that column
    shop("create table good (tenant_id int); alter table good enable row level security; alter table good force row level security")
    finding = one(tmp_path, shop, "rls", {"role": "app", "tables": ["public.good", "nowhere"]})
    assert finding["status"] == "unknown" and "nowhere" in finding["message"], finding
