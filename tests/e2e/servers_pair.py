"""A PostgreSQL 15 primary with a standby of its own, as Debian has it; and how the tests of both ask."""
import contextlib
import os
import pwd
import subprocess

import pytest

import servers
from agent import runbookd


class Standby(servers.Postgres):
    """Follows a primary over a slot; made by pg_basebackup."""

    def __init__(self, primary, slot="standby1"):
        servers.Server.__init__(self, "standby")
        self.primary, self.slot, self.port, self.data = primary, slot, servers.free_port(), self.dir / "data"
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.dir, owner.pw_uid, owner.pw_gid)
        subprocess.run(servers.as_user("postgres") + [servers.PG_BIN / "pg_basebackup", "-D", self.data, "-R", "-C", "-S", slot, "-X", "stream",
                                                      "-c", "fast", "--no-sync", "-d",
                                                      f"host=127.0.0.1 port={primary.port} user=postgres application_name={slot}"],
                       check=True, capture_output=True, env=dict(os.environ, PGPASSWORD="secret"))
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(f"port = {self.port}\n")
        self.start()

    def caught_up(self):
        return self.sql("select pg_last_wal_replay_lsn()") == self.primary.sql("select pg_current_wal_lsn()")


def make_primary(**settings):
    """With what replication, prepared transactions and statistics need, and checkpoints that are soon due."""
    server = servers.Postgres(**{"max_connections": 40, "shared_preload_libraries": "'pg_stat_statements'", "max_prepared_transactions": 4,
                                 "wal_level": "logical", "max_wal_size": "'32MB'", "autovacuum": "off", "archive_mode": "on",
                                 "archive_command": "'true'", "deadlock_timeout": "'100ms'", "stats_fetch_consistency": "'none'", **settings})
    with open(server.data / "pg_hba.conf", "a") as hba:
        hba.write("host replication all 127.0.0.1/32 scram-sha-256\n")
    server.sql("select pg_reload_conf()")
    server.sql("create extension pg_stat_statements")
    server.sql("create table t (id int primary key, n int); grant all on t to app; insert into t select g, 0 from generate_series(1, 100) g")
    return server


@pytest.fixture(scope="module")
def primary():
    server = make_primary()
    yield server
    server.close()


@pytest.fixture(scope="module")
def standby(primary):
    server = Standby(primary)
    servers.wait_until(server.caught_up)
    yield server
    server.close()


def config(url, checks="", every="500ms"):
    return ("version: 1\nagent: {realm: tests}\ntargets:\n"
            f"  db: {{type: postgres, url: '{url}', every: {every}, checks: {{{checks}}}}}\n")


def once(tmp_path, url, checks="", **more):
    path = tmp_path / "runbookd.yaml"
    path.write_text(config(url, checks))
    return runbookd("once", "-c", path, "--format", "ndjson", **more)


@contextlib.contextmanager
def open_session(server, sql, user="app", password="app", application="holder", **more):
    """A session that has run `sql` and stays open, with whatever it holds."""
    client = server.client(f"{sql}; select pg_sleep(60)", user=user, password=password, application=application, **more)
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where query ~ 'pg_sleep' and state = 'active' and "
                                          f"wait_event = 'PgSleep' and application_name = '{application}'") == "1")
    try:
        yield client
    finally:
        server.end_sessions(application)
        client.kill()
        client.communicate()
