"""ClickHouse that is not there, does not let in, hangs, is somebody else, or breaks off; and what becomes of a question that is
given up."""
import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

import pki
import servers
from agent import RUNBOOKD, runbookd
from faultproxy import FaultProxy
from servers_clickhouse import New, Old
from test_clickhouse import config, look


@pytest.fixture(scope="module")
def both():
    both = {"new": New(), "old": Old()}
    for server in both.values():
        server.ask("CREATE DATABASE shop")
        # What reads it does not end by itself: a third of a second a block, and no last one.
        server.ask("CREATE VIEW shop.slow AS SELECT now() AS at FROM system.numbers WHERE sleepEachRow(0.000005) = 0")
    yield both
    for server in both.values():
        server.close()


def word(finding):
    return finding.get("error_class") or finding["words"].get("error_class")


def connect(url, tmp_path, more="", **options):
    path = tmp_path / "connect.yaml"
    path.write_text(f"version: 1\nagent: {{realm: tests}}\ntargets:\n  ch: {{type: clickhouse, url: '{url}', {more} checks: {{connect: {{timeout: 2s}}}}}}\n")
    return runbookd("once", "-c", path, "ch/connect", "--format", "ndjson", **options).finding("connect")


# -------------------------------------------------------------------------------------------------------------- logins

@pytest.mark.parametrize("which", ["new", "old"])
def test_who_is_not_let_in_is_told_from_who_is_not_there(both, which, tmp_path):
    server = both[which]
    cases = [("user: monitor, password: wrong-one,", "unknown", "auth"), ("user: stranger, password: x,", "unknown", "auth"),
             ("database: nowhere,", "unknown", "database"), ("database: shop,", "ok", None),
             ("user: monitor, password: '${env:PASSWORD}',", "ok", None)]
    for login, status, reason in cases:
        finding = connect(server.url, tmp_path, login, env={"PASSWORD": "secret"})
        assert finding["status"] == status and word(finding) == reason, finding
        assert "wrong-one" not in str(finding)
    finding = connect(f"http://127.0.0.1:{server.tcp}", tmp_path)
    assert finding["status"] == "unknown" and "native protocol" in finding["hint"], finding


def test_the_login_is_sent_in_headers_only(tmp_path):
    """What reaches the server's log of requests, and every proxy's, holds no password."""
    seen = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"Ok.\n")
        do_POST = do_GET

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connect(f"http://monitor:in-the-url@127.0.0.1:{server.server_port}/shop", tmp_path)
        server.shutdown()
    assert len(seen) == 2 and "in-the-url" not in seen[1][0] and "monitor" not in seen[1][0], seen
    assert seen[1][1]["X-ClickHouse-User"] == "monitor" and seen[1][1]["X-ClickHouse-Key"] == "in-the-url" and "Authorization" not in seen[1][1]


# -------------------------------------------------------------------------------------------------------------- faults

@pytest.mark.parametrize("which", ["new", "old"])
def test_a_server_that_hangs_is_critical_and_back(both, which, agent):
    server = both[which]
    running = agent(config(server, "connect: {every: 1s, timeout: 1s}"))
    running.wait_status("ch", "parts", "ok")
    server.freeze()
    try:
        finding = running.wait_status("ch", "connect", "critical")
        assert word(finding) == "timeout" and "parts" in finding["held"], finding
    finally:
        server.thaw()
    running.wait_status("ch", "connect", "ok", after=len(running.events))


def test_nobody_there_a_proxys_error_and_somebody_elses_page(tmp_path):
    finding = connect(f"http://127.0.0.1:{servers.free_port()}", tmp_path)
    assert finding["status"] == "critical" and word(finding) == "refused", finding
    dead = servers.free_port()
    page, gateway = servers.free_port(), servers.free_port()
    nginx = servers.Nginx(servers=f"server {{ listen 127.0.0.1:{gateway}; location / {{ proxy_pass http://127.0.0.1:{dead}; }} }}"
                                  f"server {{ listen 127.0.0.1:{page}; location / {{ default_type text/html; return 200 '<html>\\n<p>hello\\n'; }} }}")
    try:
        finding = connect(f"http://127.0.0.1:{gateway}", tmp_path)
        assert finding["status"] == "critical" and word(finding) == "proxy" and "502" in finding["message"], finding
        finding = connect(f"http://127.0.0.1:{page}", tmp_path)
        assert finding["status"] == "unknown" and word(finding) == "not_clickhouse" and "nginx" in finding["message"], finding
    finally:
        nginx.close()


@pytest.mark.parametrize("fault, status, words", [
    ("blackhole", "critical", ["timeout"]), ("slow", "critical", ["timeout"]), ("reset", "critical", ["lost"]),
    ("cut", "critical", ["lost"]), ("garbage", "unknown", ["not_clickhouse"]), ("flood", "unknown", ["not_clickhouse", "too_large"])])
def test_other_faults_of_the_way_there(both, tmp_path, fault, status, words):
    proxy = FaultProxy(both["old"].http)
    try:
        assert connect(f"http://127.0.0.1:{proxy.port}", tmp_path)["status"] == "ok"
        proxy.fault = fault
        finding = connect(f"http://127.0.0.1:{proxy.port}", tmp_path)
        assert finding["status"] == status and word(finding) in words, finding
    finally:
        proxy.close()


def test_through_tls(both, tmp_path):
    certificates, port = pki.Pki(), servers.free_port()
    nginx = servers.Nginx(servers=f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificates.chain('good')}; ssl_certificate_key "
                                  f"{certificates.key('good')}; location / {{ proxy_pass {both['new'].url}; }} }}")
    try:
        for url in (f"https://127.0.0.1:{port}", f"clickhouse://127.0.0.1:{port}"):
            finding = connect(url, tmp_path, f"tls: {{ca: {certificates.root}}},")
            assert finding["status"] == "ok" and finding["evidence"]["tls"].startswith("TLSv1") or finding["evidence"]["tls"] == "1.3", finding
        finding = connect(f"https://127.0.0.1:{port}", tmp_path)
        assert finding["status"] == "unknown" and word(finding) == "tls" and "tls.ca" in finding["hint"], finding
    finally:
        nginx.close()
        certificates.close()


@pytest.mark.parametrize("missing", [0, 9])
def test_an_error_in_the_middle_of_an_answer_is_no_answer(both, tmp_path, missing):
    """The bytes of a real one, with status 200, given to a check: as a proxy passes them on, and as the server breaks off."""
    sql = "SELECT number AS count, sleepEachRow(0.3) AS failed FROM numbers(20)"
    url = f"{both['new'].url}/?" + urllib.parse.urlencode({"max_execution_time": 1, "max_block_size": 1, "buffer_size": 1,
                                                           "default_format": "TabSeparatedWithNames"})
    with urllib.request.urlopen(urllib.request.Request(url, sql.encode())) as reply, pytest.raises(http.client.IncompleteRead) as broken:
        reply.read()  # the server ends the connection, so that nobody takes it for all
    body = broken.value.partial
    assert reply.status == 200 and body.startswith(b"count\tfailed\n0\t0\n") and b"__exception__" in body

    class Replay(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/tab-separated-values; charset=UTF-8")
            if b"CHECK GRANT" not in asked and b"system.columns" not in asked:
                self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(b"feature\nany.tables\n" if b"system.columns" in asked else b"result\n1\n" if b"CHECK GRANT" in asked else body)

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        finding = look(server, tmp_path, "mutations")
        server.shutdown()
    assert finding["status"] == "unknown" and word(finding) == "slow" and "Timeout exceeded" in finding["message"], finding


# ------------------------------------------------------------------------------------------- what is given up, ends there

# The check's own query, not those by which it first asks what the server can do.
OURS = "FROM system.processes WHERE query_id LIKE 'runbookd-ch-freshness-%' AND query LIKE '%slow%'"


def ours(server):
    return server.ask(f"SELECT count() {OURS}")


@pytest.mark.parametrize("which", ["new", "old"])
def test_the_server_ends_what_takes_too_long_before_we_give_it_up(both, which, tmp_path):
    begun = time.monotonic()
    finding = look(both[which], tmp_path, "freshness", "table: shop.slow, column: at, timeout: 4s")
    assert finding["status"] == "unknown" and word(finding) == "slow" and "Timeout exceeded" in finding["message"], finding
    assert time.monotonic() - begun < 20
    servers.wait_until(lambda: ours(both[which]) == "0", seconds=20)


def test_a_query_tells_whose_it_is_and_ends_with_the_agent(both, agent):
    server = both["new"]
    running = agent(config(server, "freshness: {table: shop.slow, column: at, timeout: 20s}"))
    servers.wait_until(lambda: ours(server) == "1")
    comment, limit, readonly = server.ask("SELECT Settings['log_comment'], Settings['max_execution_time'], Settings['readonly'] "
                                          + OURS).split("\t")
    assert comment == "runbookd ch/freshness" and limit in ("18", "19") and readonly == "2"
    running.end(code=None, how=signal.SIGKILL)
    servers.wait_until(lambda: ours(server) == "0", seconds=30)


def test_few_connections_are_held(both, agent):
    server = both["new"]
    checks = ", ".join(f"{name}: {{every: 200ms}}" for name in ("connect", "disk", "parts", "mutations", "memory", "errors"))
    running = agent(config(server, checks))
    running.wait_status("ch", "errors", "ok")
    counts = []
    for _ in range(20):
        counts.append(int(server.ask("SELECT value FROM system.metrics WHERE metric = 'HTTPConnection'")))
        time.sleep(0.05)
    assert sorted(counts)[len(counts) // 2] <= 4, counts  # ours, and the one that asks; of the one before something may be left


# ---------------------------------------------------------------------------------------------------- without a configuration

def test_an_environment_variable_and_an_url_are_enough(both):
    """Also one that another plugin would answer to: http://."""
    server = both["new"]
    result = runbookd("probe", server.url.replace("http", "clickhouse"), "--format", "ndjson")
    assert {e["name"] for e in result.events if e["kind"] == "finding"} >= {"connect", "disk", "parts", "dictionaries"}
    process = subprocess.Popen([RUNBOOKD, "run"], env=dict(os.environ, CLICKHOUSE_URL=server.url), stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        found = next(e for e in map(json.loads, process.stdout) if e["kind"] == "finding" and e["name"] == "connect")
        assert found["check"] == "clickhouse.connect" and found["target"] == "clickhouse" and found["status"] == "ok", found
    finally:
        process.terminate()
        process.communicate()
