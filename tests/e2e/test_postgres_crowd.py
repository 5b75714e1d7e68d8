"""A thousand sessions on one server: what looks at sessions, and what ends them, holds, and says how long it took."""
import resource
import select
import socket
import struct
import time

import pytest

import servers
from acting import act
from agent import runbookd

IDLE, DREAMING, WAITING, SLEEPING = 700, 100, 150, 50  # a thousand together
LOOKS = ["connections", "long_queries", "idle_in_transaction", "blocking", "sessions", "vacuum"]


class Crowd:
    """Sessions without a process each: one socket that speaks the protocol as far as the startup and simple queries need it."""

    def __init__(self, port, application):
        self.port, self.application, self.sockets = port, application, []

    def come(self, count):
        """That many more; each is let in before the next hundred knock."""
        words = {"user": "app", "database": "postgres", "application_name": self.application}
        text = b"".join(f"{key}\0{value}\0".encode() for key, value in words.items()) + b"\0"
        for begin in range(0, count, 100):
            fresh = [socket.create_connection(("127.0.0.1", self.port), timeout=60) for _ in range(min(100, count - begin))]
            for one in fresh:
                one.sendall(struct.pack("!ii", 8 + len(text), 196608) + text)
            for one in fresh:
                self.hear(one)
            self.sockets += fresh
        return self

    def tell(self, sql, hear=True):
        """To all of them, at once."""
        for one in self.sockets:
            one.sendall(b"Q" + struct.pack("!i", 5 + len(sql)) + sql.encode() + b"\0")
        return [self.hear(one) for one in self.sockets] if hear else None

    @staticmethod
    def hear(one):
        """Until it is ready for the next query; the SQLSTATE of an error, or None."""
        state, data = None, b""
        while True:
            while len(data) >= 5 and len(data) > struct.unpack("!i", data[1:5])[0]:
                kind, size = data[:1], struct.unpack("!i", data[1:5])[0]
                if kind == b"E":
                    state = next(part[1:].decode() for part in data[5:1 + size].split(b"\0") if part[:1] == b"C")
                if kind == b"Z":
                    return state
                data = data[1 + size:]
            more = one.recv(65536)
            if not more:
                return state or "closed"
            data += more

    def go(self):
        for one in self.sockets:
            one.close()


@pytest.fixture(scope="module")
def server():
    """Who logs in as app needs no password: a thousand times it would be most of the work."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    server = servers.Postgres(max_connections=1100, shared_buffers="'16MB'", autovacuum="off", max_wal_senders=0, wal_level="minimal")
    hba = server.data / "pg_hba.conf"
    hba.write_text("host all app 127.0.0.1/32 trust\n" + hba.read_text())
    server.sql("select pg_reload_conf(); create role ops login password 'acts-9' in role pg_monitor, pg_signal_backend;"
               "create table t (n int); grant all on t to app")
    yield server
    server.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def crowd(server):
    begun = time.monotonic()
    holder = Crowd(server.port, "holder").come(1)
    holder.tell("begin; lock table t")
    crowds = {"idle": Crowd(server.port, "idle").come(IDLE), "dreaming": Crowd(server.port, "dreaming").come(DREAMING - 1),
              "waiting": Crowd(server.port, "waiting").come(WAITING), "sleeping": Crowd(server.port, "sleeping").come(SLEEPING)}
    crowds["dreaming"].tell("begin")
    crowds["waiting"].tell("select * from t", hear=False)
    crowds["sleeping"].tell("select pg_sleep(600)", hear=False)
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == str(WAITING), 60)
    print(f"a thousand sessions came within {time.monotonic() - begun:.1f} s")
    yield crowds
    for one in [*crowds.values(), holder]:
        one.go()


def sessions(server, application):
    return int(server.sql(f"select count(*) from pg_stat_activity where application_name = '{application}'"))


def config(server, checks):
    return (f"version: 1\nagent: {{realm: tests}}\ntargets:\n  db: {{type: postgres, url: 'postgres://127.0.0.1:{server.port}/postgres', user: monitor,"
            f" password: monitor, act_as: {{user: ops, password: acts-9}}, checks: {{{checks}}}}}\n")


def test_every_check_of_sessions_is_right_and_quick(server, crowd, tmp_path):
    (tmp_path / "c.yaml").write_text(config(server, "long_queries: {older_than: 0s}, blocking: {min_wait: 0s}"))
    result = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson", *[f"db/{name}" for name in LOOKS])
    took = {name: result.finding(name)["duration_ms"] for name in LOOKS}
    print(took)
    assert all(ms < 2000 for ms in took.values()), took
    measures = {name: result.finding(name)["measures"] for name in LOOKS}
    assert 1000 <= measures["connections"]["used"] <= 1002
    assert measures["sessions"]["idle"] >= IDLE and measures["sessions"]["waiting"] == WAITING
    assert measures["long_queries"]["count"] == WAITING + SLEEPING
    assert measures["idle_in_transaction"]["count"] == DREAMING
    assert measures["blocking"]["waiting"] == WAITING and measures["blocking"]["blockers"] == 1
    assert all(len(line) < 16384 for line in result.out.splitlines())


def test_queries_are_cancelled_and_no_others(server, crowd):
    begun = time.monotonic()
    options = {"older_than": "0s", "except_applications": ["waiting", "runbookd"], "most": SLEEPING}
    done = act(config(server, ""), "db", "cancel_queries", options, apply=True, seconds=120)
    took = time.monotonic() - begun
    print(f"{SLEEPING} queries were cancelled within {took:.1f} s")
    assert [r["outcome"] for r in done.results] == ["applied"] * SLEEPING, done.err
    assert [crowd["sleeping"].hear(one) for one in crowd["sleeping"].sockets] == ["57014"] * SLEEPING
    assert sessions(server, "sleeping") == SLEEPING and sessions(server, "waiting") == WAITING and took < 30


def test_idle_sessions_are_ended_those_first_that_came_first(server, crowd):
    begun = time.monotonic()
    options = {"older_than": "0s", "except_applications": ["sleeping", "runbookd"], "most": 50}
    done = act(config(server, ""), "db", "terminate_sessions", options, apply=True, seconds=120)
    took = time.monotonic() - begun
    print(f"50 sessions were ended within {took:.1f} s")
    assert done.plan["note"].startswith(f"{IDLE} sessions fit") and 1000 <= done.plan["total"] <= 1003, done.plan["note"]
    assert [r["outcome"] for r in done.results] == ["applied"] * 50, done.err
    assert sessions(server, "idle") == IDLE - 50 and sessions(server, "dreaming") == DREAMING - 1 and took < 30
    first = crowd["idle"].sockets[:100]  # they came together, in an order of their own; the others after them
    ended, _, _ = select.select(first, [], [], 0)
    assert [crowd["idle"].hear(one) for one in ended] == ["57P01"] * 50
