"""tcp against real servers: ports, Unix sockets, TLS, names with several addresses, and what hangs up or says something else."""
import socket
import subprocess
import threading

import pytest

import servers
from agent import runbookd
from pki import Pki
from test_cert import tls_server, with_hosts


@pytest.fixture(scope="module")
def pki():
    made = Pki()
    yield made
    made.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    server = servers.Redis("--unixsocket", str(tmp_path_factory.mktemp("sockets") / "redis.sock"))
    server.socket = server.options[1]
    yield server
    server.close()


@pytest.fixture
def once(tmp_path):
    """once(text) runs every check of a configuration: findings by target, then by subject."""

    def run(text):
        (tmp_path / "runbookd.yaml").write_text("version: 1\ntargets:\n" + text)
        found = {}
        for event in runbookd("once", "--format", "ndjson", "-c", tmp_path / "runbookd.yaml").events:
            found.setdefault(event["target"], {})[event["subject"]] = event
        return found

    return run


def target(name, url, more="", check=""):
    return f'  {name}: {{type: tcp, url: "{url}"{more}, checks: {{connect: {{timeout: 1500ms{check}}}}}}}\n'


def is_(event, status, error_class):
    assert (event["status"], event["words"]["error_class"]) == (status, error_class), event


def test_probe_asks_without_a_configuration(cache):
    result = runbookd("probe", "--format", "ndjson", f"tcp://127.0.0.1:{cache.port}")
    assert result.code == 0, result.out
    event = result.finding("connect")
    assert event["measures"]["expected"] == 1 and event["measures"]["connect_ms"] >= 0
    assert event["evidence"]["ip"] == "127.0.0.1"


def test_the_voice_of_a_service_is_told_from_another(once, cache, nginx):
    ping = ', send: "PING\\r\\n", expect: "^[+]PONG"'
    found = once(target("redis", f"tcp://127.0.0.1:{cache.port}", check=ping) + target("socket", f"unix://{cache.socket}", check=ping)
                 + target("nginx", f"tcp://127.0.0.1:{nginx.port}", check=ping) + target("nobody", f"tcp://127.0.0.1:{servers.free_port()}", check=ping)
                 + target("gone", f"unix://{cache.socket}.gone", check=ping) + target("nowhere", "tcp://no-such-host.invalid:80"))
    is_(found["redis"][None], "ok", "ok")
    is_(found["socket"][None], "ok", "ok")
    assert found["socket"][None]["evidence"]["ip"] == cache.socket
    is_(found["nginx"][None], "critical", "unexpected")
    assert "400 Bad Request" in found["nginx"][None]["evidence"]["answer"]
    is_(found["nobody"][None], "critical", "refused")
    is_(found["gone"][None], "critical", "refused")
    is_(found["nowhere"][None], "unknown", "dns")


def test_a_process_that_hangs_is_seen_only_by_its_voice(once, cache):
    cache.freeze()
    try:
        found = once(target("port", f"tcp://127.0.0.1:{cache.port}")
                     + target("voice", f"tcp://127.0.0.1:{cache.port}", check=', send: "PING\\r\\n", expect: PONG'))
    finally:
        cache.thaw()
    is_(found["port"][None], "ok", "ok")  # the kernel accepts for it
    is_(found["voice"][None], "critical", "timeout")
    assert "first_byte_ms" not in found["voice"][None]["measures"]


def test_tls_is_trusted_or_ourselves(once, pki, nginx):
    port = servers.free_port()
    server = servers.Nginx(servers=tls_server(port, pki.pair("good")))
    ask = ', send: "GET / HTTP/1.0\\r\\n\\r\\n", expect: "200 OK"'
    try:
        found = once(target("safe", f"tcp+tls://127.0.0.1:{port}", f", tls: {{ca: {pki.root}}}", ask)
                     + target("strange", f"tcp+tls://127.0.0.1:{port}") + target("plain", f"tcp+tls://127.0.0.1:{nginx.port}"))
        is_(found["safe"][None], "ok", "ok")
        assert found["safe"][None]["measures"]["tls_ms"] > 0 and found["safe"][None]["evidence"]["tls_version"] == "TLSv1.3"
        is_(found["strange"][None], "unknown", "tls")
        is_(found["plain"][None], "unknown", "tls")
    finally:
        server.close()


def test_a_service_behind_tls_is_told_by_its_voice(once, pki):
    """Redis over TLS: well, locked, hung, with a certificate that has expired, and asked in clear."""
    made = {name: servers.Redis(*options, tls=pki.pair(pair)) for name, pair, options in (
        ("well", "good", ()), ("locked", "good", ("--requirepass", "a-password")), ("hung", "good", ()), ("expired", "expired", ()))}
    trust, ask = f", tls: {{ca: {pki.root}}}", ', send: "PING\\r\\n", expect: "^[+]PONG"'
    made["hung"].freeze()
    try:
        found = once("".join(target(name, f"tcp+tls://127.0.0.1:{server.port}", trust, ask) for name, server in made.items())
                     + target("clear", f"tcp://127.0.0.1:{made['well'].port}", check=ask)
                     + target("nobody", f"tcp+tls://127.0.0.1:{servers.free_port()}", trust, ask))
    finally:
        for server in made.values():
            server.close()
    found = {name: events[None] for name, events in found.items()}
    is_(found["well"], "ok", "ok")
    stages = found["well"]["measures"]
    assert all(stages[stage] >= 0 for stage in ("connect_ms", "tls_ms", "first_byte_ms")) and found["well"]["evidence"]["answer"].startswith("+PONG")
    is_(found["locked"], "critical", "unexpected")
    assert found["locked"]["evidence"]["answer"].startswith("-NOAUTH")
    is_(found["hung"], "critical", "timeout")
    assert "it hangs, or has no TLS here" in found["hung"]["hint"] and "tls_ms" not in found["hung"]["measures"]
    is_(found["expired"], "unknown", "tls")
    assert "expired" in found["expired"]["message"]
    assert found["clear"]["status"] == "critical" and found["clear"]["words"]["error_class"] in ("closed", "reset", "unexpected")
    is_(found["nobody"], "critical", "refused")
    assert all(event["evidence"]["ip"] == "127.0.0.1" for name, event in found.items() if name != "nobody")


@pytest.fixture
def full():
    """A socket whose backlog is full: the kernel drops each SYN, as a firewall would."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        waiting.append(one)
    yield listener.getsockname()[1]
    for one in [*waiting, listener]:
        one.close()


def test_a_dropped_syn_and_an_early_end_are_told_apart(once, full):
    rude = socket.create_server(("127.0.0.1", 0))
    port = rude.getsockname()[1]
    threading.Thread(target=lambda: rude.accept()[0].close(), daemon=True).start()
    found = once(target("dropped", f"tcp://127.0.0.1:{full}") + target("rude", f"tcp://127.0.0.1:{port}", check=", expect: SSH"))
    rude.close()
    is_(found["dropped"][None], "critical", "timeout")
    assert "firewall" in found["dropped"][None]["hint"]
    is_(found["rude"][None], "critical", "closed")


def test_each_address_and_each_family_of_a_name(tmp_path):
    port = servers.free_port()
    four = socket.create_server(("127.0.0.1", port))
    six = socket.create_server(("::1", port), family=socket.AF_INET6)
    hosts = "127.0.0.1 localhost\n127.0.0.1 a.test\n127.0.0.2 a.test\n::1 a.test\n127.0.0.1 four.test\n"
    text = (target("each", f"tcp://a.test:{port}", check=", addresses: all") + target("both", f"tcp://a.test:{port}", check=", ip: both")
            + target("six", f"tcp://a.test:{port}", check=", ip: 6") + target("lacks", f"tcp://four.test:{port}", check=", ip: both"))
    found = with_hosts(tmp_path, hosts, text)
    six.close()
    half = with_hosts(tmp_path, hosts, text)
    four.close()
    is_(found["each", "127.0.0.1"], "ok", "ok")
    is_(found["each", "127.0.0.2"], "critical", "refused")
    is_(found["each", "::1"], "ok", "ok")
    is_(found["both", "ipv4"], "ok", "ok")
    is_(found["both", "ipv6"], "ok", "ok")
    assert found["six", None]["evidence"]["ip"] == "::1"
    is_(found["lacks", "ipv4"], "ok", "ok")
    is_(found["lacks", "ipv6"], "unknown", "dns")
    is_(half["both", "ipv4"], "ok", "ok")
    is_(half["both", "ipv6"], "critical", "refused")
    is_(half["six", None], "critical", "refused")


def test_a_reload_of_the_service_is_followed(agent):
    port = servers.free_port()
    running = agent(f'version: 1\ntargets:\n  app: {{type: tcp, url: "tcp://127.0.0.1:{port}", every: 500ms}}\n')
    running.wait_status("app", "connect", "critical")
    with socket.create_server(("127.0.0.1", port)):
        running.wait_status("app", "connect", "ok")
    running.end()


def test_explain_tells_what_is_asked():
    out = subprocess.run([servers.os.environ["RUNBOOKD"], "explain", "tcp.connect"], capture_output=True, text=True, check=True).stdout
    assert "max_answer" in out and "first_byte_ms" in out
