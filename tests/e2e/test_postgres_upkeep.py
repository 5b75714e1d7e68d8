"""Replication, log, checkpoints, vacuum, ids and settings of real servers, broken on purpose."""
import os
import pwd
import re
import subprocess

import servers
from servers_pair import config, once, open_session, primary, standby  # noqa: F401 (two are fixtures)


# ----------------------------------------------------------- replication ----


def test_a_paused_standby_lags_as_seen_from_both_sides(primary, standby, agent):
    lag = "replication: {warning: lag_seconds > 1}"
    a = agent("version: 1\nagent: {realm: tests}\ntargets:\n"
              f"  front: {{type: postgres, url: '{primary.url}', every: 500ms, checks: {{{lag}}}}}\n"
              f"  back: {{type: postgres, url: '{standby.url}', every: 500ms, checks: {{{lag}}}}}\n")
    assert a.wait_status("front", "replication", "ok")["evidence"]["standbys"][0]["name"] == "standby1"
    a.wait_status("back", "replication", "ok")
    standby.sql("select pg_wal_replay_pause()")
    primary.sql("insert into t select g, 0 from generate_series(2000, 5000) g")
    back = a.wait_status("back", "replication", "warning")
    assert back["words"]["role"] == "standby" and back["measures"]["paused"] == 1 and back["measures"]["receiving"] == 1
    assert back["measures"]["lag_bytes"] > 100000 and "pg_wal_replay_resume" in back["hint"]
    front = a.wait_status("front", "replication", "warning", seconds=40)
    assert front["words"]["role"] == "primary" and front["measures"]["lag_bytes"] > 100000 and "standby1" in front["message"]
    standby.sql("select pg_wal_replay_resume()")
    for name, seen in (("back", back), ("front", front)):
        a.wait_status(name, "replication", "ok", after=a.events.index(seen))


def test_a_lost_primary_and_a_missing_standby(tmp_path, primary, standby):
    standby.kill()
    servers.wait_until(lambda: primary.sql("select count(*) from pg_stat_replication") == "0")
    finding = once(tmp_path, primary.url, "replication: {min_standbys: 1}").finding("replication")
    assert finding["status"] == "warning" and finding["measures"]["missing"] == 1 and finding["measures"]["inactive"] == 1
    assert finding["evidence"]["slots"][0]["active"] is False
    primary.freeze()  # as a primary that the network hides
    try:
        standby.start()
        finding = once(tmp_path, standby.url, "replication: {expect: standby}").finding("replication")
        assert finding["measures"]["receiving"] == 0 and "without a connection" in finding["message"]
    finally:
        primary.thaw()
    servers.wait_until(lambda: primary.sql("select count(*) from pg_stat_replication where state = 'streaming'") == "1")
    servers.wait_until(standby.caught_up)


def test_a_role_that_is_not_expected_is_critical(tmp_path, primary, standby):
    finding = once(tmp_path, standby.url, "replication: {expect: primary}").finding("replication")
    assert finding["status"] == "critical" and finding["measures"]["as_expected"] == 0 and "failover" in finding["hint"]
    assert once(tmp_path, primary.url, "replication: {expect: primary}").finding("replication")["status"] == "ok"


def test_queries_that_a_standby_ends_for_its_primary_are_conflicts(primary, standby, agent):
    standby.sql("alter system set max_standby_streaming_delay = 0")
    standby.sql("select pg_reload_conf()")
    a = agent(config(standby.url, "database_errors: {}"))
    a.wait_status("db", "database_errors", "ok", subject="postgres")
    primary.sql("create table shortlived as select g from generate_series(1, 1000) g")
    servers.wait_until(standby.caught_up)
    reader = standby.client("begin isolation level repeatable read; select count(*) from shortlived; select pg_sleep(30)", application="reader")
    servers.wait_until(lambda: standby.sql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "1")
    primary.sql("delete from shortlived")
    primary.sql("vacuum shortlived")
    assert "conflict with recovery" in reader.communicate(timeout=20)[0]
    finding = a.wait_status("db", "database_errors", "warning", subject="postgres")
    assert finding["measures"]["conflicts"] >= 1 and "hot_standby_feedback" in finding["hint"]


# ------------------------------------------------------ wal, checkpoints ----


def test_a_failing_archive_command_is_seen_and_its_end_too(tmp_path, primary):
    primary.sql("alter system set archive_command = 'false'")
    primary.sql("select pg_reload_conf()")
    primary.sql("insert into t values (9001, 0); select pg_switch_wal()")
    try:
        servers.wait_until(lambda: primary.sql("select last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver") == "t")
        finding = once(tmp_path, primary.url).finding("wal")
        assert finding["status"] == "warning" and finding["measures"]["failing"] == 1 and finding["measures"]["ready"] >= 1
        assert finding["measures"]["failed"] >= 1 and re.search(r"segment 0000", finding["message"])
        worse = once(tmp_path, primary.url, "wal: {critical: failing and ready >= 1}").finding("wal")
        assert worse["status"] == "critical"
    finally:
        primary.sql("alter system reset archive_command")
        primary.sql("select pg_reload_conf()")
    primary.sql("insert into t values (9002, 0); select pg_switch_wal()")
    servers.wait_until(lambda: primary.sql("select last_archived_time > last_failed_time from pg_stat_archiver") == "t")
    assert once(tmp_path, primary.url).finding("wal")["status"] == "ok"


def test_a_slot_that_nobody_reads_keeps_the_log_until_it_is_lost(tmp_path, primary):
    primary.sql("select pg_create_physical_replication_slot('forgotten', true)")
    limit = "wal: {warning: retained_bytes > 20000000 or lost > 0}"
    assert once(tmp_path, primary.url, limit).finding("wal")["status"] == "ok"
    for _ in range(2):
        primary.sql("insert into t values (-1, 0); delete from t where id = -1; select pg_switch_wal()")
    finding = once(tmp_path, primary.url, limit).finding("wal")
    assert finding["status"] == "warning" and finding["measures"]["retained_bytes"] > 20000000
    assert "forgotten, which nobody reads, keeps" in finding["message"] and "pg_drop_replication_slot" in finding["hint"]
    primary.sql("alter system set max_slot_wal_keep_size = '1MB'")
    primary.sql("select pg_reload_conf()")
    for _ in range(4):
        primary.sql("insert into t values (-1, 0); delete from t where id = -1; select pg_switch_wal(); checkpoint")
    try:
        servers.wait_until(lambda: primary.sql("select wal_status from pg_replication_slots where slot_name = 'forgotten'") == "lost")
        finding = once(tmp_path, primary.url).finding("wal")
        assert finding["status"] == "warning" and finding["measures"]["lost"] >= 1  # the standby's own slot is in danger as well
        assert {row["name"]: row["wal_status"] for row in finding["evidence"]["slots"]}["forgotten"] == "lost"
    finally:
        primary.sql("alter system reset max_slot_wal_keep_size")
        primary.sql("select pg_reload_conf()")
        primary.sql("select pg_drop_replication_slot('forgotten')")


def test_checkpoints_that_the_log_forces(primary, agent):
    a = agent(config(primary.url, "checkpoints: {}"))
    a.wait_status("db", "checkpoints", "ok")
    primary.sql("create table big (x text)")
    for _ in range(12):
        primary.sql("insert into big select repeat(md5(g::text), 60) from generate_series(1, 12000) g; truncate big")
    finding = a.wait_status("db", "checkpoints", "warning", seconds=30)
    assert finding["measures"]["requested"] >= 3 and finding["measures"]["requested_percent"] > 50
    assert "max_wal_size" in finding["hint"] and finding["evidence"]["max_wal_size"] == "32MB"


# ---------------------------------------------------- vacuum, wraparound ----


def test_dead_rows_and_who_holds_the_horizon(tmp_path, primary):
    primary.sql("create table dead as select g as id, 0 as n from generate_series(1, 20000) g; analyze dead")
    primary.sql("update dead set n = 1; update dead set n = 2")
    quick = "vacuum: {warning: 'overdue > 0 or horizon_seconds > 0.2 or horizon_xids > 50'}"
    servers.wait_until(lambda: int(primary.sql("select n_dead_tup from pg_stat_user_tables where relname = 'dead'")) > 30000)
    finding = once(tmp_path, primary.url).finding("vacuum")
    assert finding["status"] == "warning" and finding["measures"]["overdue"] == 1
    [table] = finding["evidence"]["tables"]
    assert table["name"] == "public.dead" and table["dead_tuples"] > 30000 and table["last_vacuum"] is None and table["autovacuum"] is False
    primary.sql("vacuum dead")
    servers.wait_until(lambda: int(primary.sql("select n_dead_tup from pg_stat_user_tables where relname = 'dead'")) == 0)
    assert once(tmp_path, primary.url, quick).finding("vacuum")["status"] == "ok"

    primary.sql("begin; update t set n = 7 where id = 70; prepare transaction 'order-18'")
    primary.sql("do $$ begin for i in 1..100 loop insert into dead values (i, i); commit; end loop; end $$")
    try:
        finding = once(tmp_path, primary.url, quick).finding("vacuum")
        assert finding["status"] == "warning" and finding["measures"]["horizon_xids"] >= 100
        assert "prepared transaction order-18" in finding["message"] and "ROLLBACK PREPARED" in finding["hint"]
    finally:
        primary.sql("rollback prepared 'order-18'")

    primary.sql("select pg_create_logical_replication_slot('stale', 'test_decoding')")
    primary.sql("do $$ begin for i in 1..100 loop insert into dead values (i, i); commit; end loop; end $$")
    try:
        finding = once(tmp_path, primary.url, quick).finding("vacuum")
        assert "replication slot stale" in finding["message"] and "pg_drop_replication_slot" in finding["hint"]
        assert finding["evidence"]["holders"][0]["kind"] == "slot" and finding["measures"]["horizon_xids"] >= 100
    finally:
        primary.sql("select pg_drop_replication_slot('stale')")

    with open_session(primary, "begin isolation level repeatable read; select 1 from t limit 1", application="report"):
        servers.wait_until(lambda: primary.sql("select now() - xact_start > '300ms' from pg_stat_activity where application_name = 'report'") == "t")
        finding = once(tmp_path, primary.url, quick).finding("vacuum")
        holder = finding["evidence"]["holders"][0]
        assert holder["kind"] == "session" and holder["application"] == "report" and holder["user"] == "app" and holder["age_seconds"] > 0
        assert finding["status"] == "warning" and "the transaction of pid" in finding["message"]


def test_a_vacuum_at_work_holds_up_no_other(tmp_path, primary):
    primary.sql("create table slowly as select g from generate_series(1, 20000) g")
    primary.sql("alter role postgres set vacuum_cost_delay = '100ms'; alter role postgres set vacuum_cost_limit = 1")
    vacuum = primary.client("vacuum (disable_page_skipping) slowly", application="vacuum")
    try:
        servers.wait_until(lambda: primary.sql("select count(*) from pg_stat_progress_vacuum join pg_stat_activity using (pid) "
                                               "where backend_xmin is not null") == "1")
        assert once(tmp_path, primary.url).finding("vacuum")["evidence"]["holders"] == []
    finally:
        primary.sql("alter role postgres reset all")
        primary.end_sessions("vacuum")
        vacuum.communicate(timeout=10)


def test_ids_that_run_out(tmp_path):
    server = servers.Postgres(autovacuum="off", autovacuum_freeze_max_age=2000000000)
    try:
        server.kill()
        # As after 1.8 billion transactions: the next id is far ahead, and the oldest one where it was.
        ahead = 1800000000
        subprocess.run(servers.as_user("postgres") + [servers.PG_BIN / "pg_resetwal", "-f", "-x", str(ahead), "-D", server.data], check=True,
                       capture_output=True)
        segment = server.data / "pg_xact" / f"{ahead // 1048576:04X}"
        segment.write_bytes(bytes(262144))
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(segment, owner.pw_uid, owner.pw_gid)
        server.start()
        finding = once(tmp_path, server.url).finding("wraparound")
        assert finding["status"] == "critical" and 80 < finding["measures"]["used_percent"] < 90
        assert finding["measures"]["xid_age"] > 1.7e9 and finding["evidence"]["tables"] and finding["evidence"]["databases"]
    finally:
        server.close()


# ---------------------------------------------------------- config_drift ----


def test_a_setting_that_waits_for_a_restart_and_one_that_changed(primary, agent, tmp_path):
    a = agent(config(primary.url, "config_drift: {hold: 4s}").replace("{realm: tests}", f"{{realm: tests, state: '{tmp_path}/state'}}"))
    a.wait_status("db", "config_drift", "ok")
    primary.sql("alter system set max_connections = 41")
    primary.sql("alter system set work_mem = '5MB'")
    primary.sql("alter system set primary_conninfo = 'host=elsewhere password=pw-in-a-setting'")
    primary.sql("select pg_reload_conf()")
    try:
        finding = a.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "config_drift" and e["status"] == "warning"
                             and e["measures"]["changed"] >= 2)
        assert finding["measures"]["pending"] == 1 and finding["evidence"]["waiting"][0]["waits"] == "max_connections"
        changes = {row["name"]: row for row in finding["evidence"]["changes"]}
        assert changes["work_mem"]["change"] == "set" and changes["work_mem"]["setting"] == "5120 kB"
        assert changes["primary_conninfo"]["setting"] is None and "pw-in-a-setting" not in str(a.events)
    finally:
        for name in ("max_connections", "work_mem", "primary_conninfo"):
            primary.sql(f"alter system reset {name}")
        primary.sql("select pg_reload_conf()")
    a.wait_status("db", "config_drift", "ok", after=a.events.index(finding))
    a.end()
    primary.sql("alter system set work_mem = '6MB'")  # while nobody looked
    primary.sql("select pg_reload_conf()")
    try:
        b = agent(config(primary.url, "config_drift: {hold: 1h}").replace("{realm: tests}", f"{{realm: tests, state: '{tmp_path}/state'}}"))
        finding = b.wait_status("db", "config_drift", "warning")
        assert [row["name"] for row in finding["evidence"]["changes"]] == ["work_mem"]
    finally:
        primary.sql("alter system reset work_mem")
        primary.sql("select pg_reload_conf()")
