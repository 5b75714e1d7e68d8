"""Bad days that need the real server: full, starting up, in recovery, restarted, stopped, loading, read-only, with a wrong
certificate; and names that fail or hang.  Each goes into test_faults.py's table, as the faults on the way do."""
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time

import pytest

import servers
from agent import runbookd
from faultproxy import FaultProxy, NameServer
from pki import Pki
from test_faults import AT_LIMIT, AT_ONCE, AT_THIRD, PROBED, SLACK, TABLE, bad, error_class, recovered, start, steady, target


def strike(running, name, kind, fault, do, status, cause, limit):
    """Does it, and waits for the probing check to say so; the other findings meanwhile are the test's matter."""
    seen, begun = len(running.events), time.monotonic()
    do()
    event = running.wait_for(lambda e: any(e is b for b in bad(running, name, seen)) and e["name"] == PROBED[kind]
                             and (e["status"], error_class(e)) == (status, cause), seconds=SLACK * limit + 5)
    took = running.times[[e is event for e in running.events].index(True)] - begun
    assert took < SLACK * limit, took
    TABLE.append([fault, kind, f"{status} {cause}", took, None, None])
    return event


def heal(running, name, kind, do):
    do()
    TABLE[-1][4] = recovered(running, name, kind)


# --------------------------------------------------------- PostgreSQL ----


class Standby(servers.Postgres):
    """A server of its own for a test, which can be stopped and started as something else."""

    def start_as(self, **settings):
        """A standby without a primary, with these settings; until a given word of pg_isready."""
        (self.data / "standby.signal").touch()
        with open(self.data / "postgresql.auto.conf", "w") as conf:
            conf.writelines(f"{key} = {value}\n" for key, value in settings.items())
        self.spawn(servers.as_user("postgres") + [str(servers.PG_BIN / "postgres"), "-D", str(self.data)])

    def start_normally(self):
        (self.data / "standby.signal").unlink(missing_ok=True)
        (self.data / "postgresql.auto.conf").write_text("")
        self.start()

    def answers(self):
        """0: yes, 1: it refuses for now, 2: not at all."""
        return subprocess.run([servers.PG_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode


@pytest.fixture
def own_postgres():
    server = Standby()
    yield server
    server.close()


def test_a_full_postgres_is_found_although_the_agent_holds_a_connection(agent, postgres, sessions):
    running = start(agent, target("db", "postgres", postgres.url))
    steady(running, ("db", "postgres"))
    seen = len(running.events)
    strike(running, "db", "postgres", "full", lambda: sessions(16), "critical", "too_many_clients", AT_LIMIT)
    # Asked over the connection it holds: who has the others.  `connections` itself waits for connect, or came first.
    running.wait_for(lambda e: any(e is b for b in bad(running, "db", seen)) and "backend" in e["message"])
    heal(running, "db", "postgres", postgres.end_sessions)


def test_a_postgres_that_starts_up_says_so_and_one_in_recovery_is_well(agent, own_postgres):
    running = start(agent, target("db", "postgres", own_postgres.url))
    steady(running, ("db", "postgres"))

    def start_up():
        own_postgres.kill()
        own_postgres.start_as(hot_standby="off")
        servers.wait_until(lambda: own_postgres.answers() == 1)

    event = strike(running, "db", "postgres", "starting up", start_up, "critical", "starting_up", AT_LIMIT)
    assert "57P03" in event["message"] or own_postgres.answers() == 1, event
    own_postgres.kill()
    seen = len(running.events)
    own_postgres.start_as(hot_standby="on")
    event = running.wait_status("db", "connect", "ok", after=seen, seconds=30)
    assert event["measures"]["in_recovery"] == 1 and "standby" in event["message"], event
    TABLE.append(["in recovery", "postgres", "ok in_recovery", None, None, None])


def test_a_stopped_postgres_is_found_within_the_time_limit(agent, own_postgres):
    running = start(agent, target("db", "postgres", own_postgres.url))
    steady(running, ("db", "postgres"))
    strike(running, "db", "postgres", "SIGSTOP", own_postgres.freeze, "critical", "timeout", AT_LIMIT)
    heal(running, "db", "postgres", own_postgres.thaw)


def test_a_postgres_restarted_between_two_checks_is_no_news(agent, own_postgres):
    """The kept connection is dead, and nobody hears of it."""
    running = start(agent, target("db", "postgres", own_postgres.url).replace("every: 1s", "every: 5s"))
    running.wait_status("db", "connections", "ok")
    running.wait_status("db", "idle_in_transaction", "ok")
    running.wait_status("db", "long_queries", "ok")
    running.wait_for(lambda e: len(running.findings("db", "connect")) >= 2)
    time.sleep(1.2)  # all checks of this interval are done: they begin within a second of each other
    seen = len(running.events)
    own_postgres.kill()
    own_postgres.start_normally()
    running.wait_for(lambda e: len([e for e in running.events[seen:] if e.get("name") == "connections"]) >= 1)
    running.wait_for(lambda e: len([e for e in running.events[seen:] if e.get("name") == "connect"]) >= 2)
    assert not bad(running, "db", seen)


def test_a_postgres_that_wants_tls_is_told_from_one_that_lets_nobody_in(own_postgres):
    pki = Pki()
    try:
        own_postgres.kill()
        for name, source in (("server.crt", pki.chain("good")), ("server.key", pki.key("good"))):
            shutil.copy(source, own_postgres.data / name)
            if os.geteuid() == 0:
                os.chown(own_postgres.data / name, *pwd.getpwnam("postgres")[2:4])
            (own_postgres.data / name).chmod(0o600)
        (own_postgres.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        with open(own_postgres.data / "postgresql.conf", "a") as conf:
            conf.write("ssl = on\n")
        own_postgres.start()
        without = runbookd("probe", "--format", "ndjson", own_postgres.url + "?sslmode=disable").finding("connect")
        assert without["status"] == "unknown" and error_class(without) == "auth" and "no encryption" in without["message"], without
        assert runbookd("probe", "--format", "ndjson", own_postgres.url).code == 0
        distrusted = runbookd("probe", "--format", "ndjson", own_postgres.url + "?sslmode=verify-full&sslrootcert=system").finding("connect")
        assert distrusted["status"] == "unknown", distrusted
        TABLE.append(["TLS required", "postgres", "unknown auth", None, None, None])
    finally:
        pki.close()


# --------------------------------------------------------------- Redis ----


class Loading:
    """Answers every command as a Redis that reads its data."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    @staticmethod
    def _answer(client):
        try:
            while client.recv(65536):
                client.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")
        except OSError:
            pass
        client.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def test_a_redis_that_loads_its_data_says_so(agent, redis):
    proxy, loading = FaultProxy(redis.port), Loading()
    running = start(agent, target("cache", "redis", f"redis://127.0.0.1:{proxy.port}"))
    steady(running, ("cache", "redis"))

    def turn_to(port):
        proxy.upstream = port
        proxy.reset_all()

    strike(running, "cache", "redis", "loading", lambda: turn_to(loading.port), "critical", "loading", AT_ONCE)
    heal(running, "cache", "redis", lambda: turn_to(redis.port))
    proxy.close()
    loading.close()


def test_a_stopped_redis_is_found_within_the_time_limit(agent, redis):
    running = start(agent, target("cache", "redis", redis.url))
    steady(running, ("cache", "redis"))
    strike(running, "cache", "redis", "SIGSTOP", redis.freeze, "critical", "timeout", AT_LIMIT)
    heal(running, "cache", "redis", redis.thaw)


def test_a_redis_whose_password_came_later_is_unknown_although_the_kept_connection_works(agent, redis):
    running = start(agent, target("cache", "redis", redis.url))
    steady(running, ("cache", "redis"))
    event = strike(running, "cache", "redis", "NOAUTH", lambda: redis.do("config", "set", "requirepass", "pw"), "unknown", "noauth", AT_THIRD)
    assert event["hint"]
    heal(running, "cache", "redis", lambda: redis.do("config", "set", "requirepass", "", password="pw"))


def test_a_redis_whose_save_failed_takes_no_writes_and_is_critical(agent, redis):
    redis.do("config", "set", "save", "3600 1")
    running = start(agent, target("cache", "redis", redis.url))
    steady(running, ("cache", "redis"))
    seen, begun = len(running.events), time.monotonic()
    (redis.dir / "dump.rdb").mkdir()
    redis.do("bgsave")
    event = running.wait_status("cache", "connect", "critical", after=seen)
    took = time.monotonic() - begun
    assert event["words"]["writes"] == "misconf" and redis.do("set", "a", "1").startswith("MISCONF"), event
    TABLE.append(["MISCONF", "redis", "critical writes=misconf", took, None, None])
    (redis.dir / "dump.rdb").rmdir()
    heal(running, "cache", "redis", lambda: redis.do("bgsave"))


def test_a_redis_that_became_a_replica_is_seen_where_a_master_is_expected(agent, redis):
    master = servers.Redis()
    running = start(agent, target("cache", "redis", redis.url, "connect: {role: master}"))
    steady(running, ("cache", "redis"))
    seen, begun = len(running.events), time.monotonic()
    redis.do("replicaof", "127.0.0.1", master.port)
    event = running.wait_status("cache", "connect", "critical", after=seen)
    assert event["words"]["role"] == "replica" and event["words"]["writes"] == "readonly", event
    TABLE.append(["READONLY replica", "redis", "critical role=replica", time.monotonic() - begun, None, None])
    heal(running, "cache", "redis", lambda: redis.do("replicaof", "no", "one"))
    master.close()


# ------------------------------------------------------------ HTTP, TLS ----


TLS = {  # what is served, and all that the finding must name
    "expired": ["expired"],
    "notyet": ["not valid before"],
    "selfsigned": ["self"],
    "wronghost": ["other.example"],
    "noint": ["issuer"],
    "twice": ["expired", "other.example"],
}


@pytest.fixture(scope="module")
def tls_world():
    pki = Pki()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", pki.dir / "own.key", "-out",
                    pki.dir / "own.pem"], check=True, capture_output=True)
    leaf = pki.chain("good").read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    (pki.dir / "leaf.pem").write_text(leaf)
    files = {kind: (pki.chain(kind), pki.key(kind)) for kind in ("expired", "notyet", "wronghost", "twice", "good")}
    files["selfsigned"] = (pki.dir / "own.pem", pki.dir / "own.key")
    files["noint"] = (pki.dir / "leaf.pem", pki.key("good"))
    ports = {kind: servers.free_port() for kind in files}
    nginx = servers.Nginx(servers="\n".join(
        f"server {{ listen 127.0.0.1:{ports[kind]} ssl; ssl_certificate {chain}; ssl_certificate_key {key}; location / {{ return 200; }} }}"
        for kind, (chain, key) in files.items()))
    yield pki, ports
    nginx.close()
    pki.close()


def https_once(tmp_path, pki, port):
    (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  web: {{type: http, url: 'https://localhost:{port}/', tls: {{ca: {pki.root}}}, every: 3s}}\n")
    begun = time.monotonic()
    event = runbookd("once", "--format", "ndjson", "-c", tmp_path / "c.yaml").finding("endpoint")
    return event, time.monotonic() - begun


@pytest.mark.parametrize("kind", TLS)
def test_a_wrong_certificate_is_unknown_and_all_that_is_wrong_is_named(tmp_path, tls_world, kind):
    pki, ports = tls_world
    event, took = https_once(tmp_path, pki, ports[kind])
    assert event["status"] == "unknown" and error_class(event) == "tls", event
    for text in TLS[kind]:
        assert text in event["message"], event["message"]
    TABLE.append([f"TLS {kind}", "http", "unknown tls", took, None, None])


def test_a_good_certificate_is_fine(tmp_path, tls_world):
    pki, ports = tls_world
    assert https_once(tmp_path, pki, ports["good"])[0]["status"] == "ok"


def test_a_handshake_that_stalls_is_ended_at_the_time_limit(tmp_path, tls_world):
    pki, ports = tls_world
    proxy = FaultProxy(ports["good"])
    proxy.fault = "blackhole"
    event, took = https_once(tmp_path, pki, proxy.port)
    assert event["status"] == "critical" and error_class(event) == "timeout" and took < 2 * 3 + 1, event
    TABLE.append(["TLS stalls", "http", "critical timeout", took, None, None])
    proxy.close()


# ----------------------------------------------------------------- names ----


@pytest.fixture
def names():
    server = NameServer()
    yield server
    server.close()


@pytest.mark.parametrize("answer", ["nxdomain", "servfail", "garbage", "hang"])
def test_a_name_that_fails_is_unknown_and_delays_nobody(agent, names, redis, nginx, postgres, answer):
    kinds = ["redis", "http", "postgres", "tcp"]
    host = "db.runbookd.test"
    running = start(agent, target("redis", "redis", f"redis://{host}:{redis.port}") + target("http", "http", f"http://{host}:{nginx.port}/ok", "endpoint: {connection: fresh}")
                    + target("postgres", "postgres", f"postgres://monitor:monitor@{host}:{postgres.port}/postgres")
                    + target("tcp", "tcp", f"tcp://{host}:{redis.port}") + target("well", "redis", redis.url), under=names.under())
    steady(running, *zip(kinds, kinds), ("well", "redis"))
    assert names.asked > 0
    seen, begun = len(running.events), time.monotonic()
    names.answer = answer
    for kind in kinds:
        event = running.wait_for(lambda e: any(e is b for b in bad(running, kind, seen)), seconds=SLACK * AT_LIMIT + 5)
        took = running.times[[e is event for e in running.events].index(True)] - begun
        assert event["name"] == PROBED[kind] and event["status"] == "unknown" and error_class(event) == "dns", event
        TABLE.append([f"DNS {answer}", kind, f"{event['status']} {error_class(event)}", took, None, None])
    assert not bad(running, "well", seen)
    names.answer = None
    for kind in kinds:
        recovered(running, kind, kind)
    running.end()
