"""Certificates that real servers present, and those in files: each finds exactly what is wrong with it."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import servers
from agent import RUNBOOKD, runbookd
from pki import Pki


@pytest.fixture(scope="module")
def pki():
    made = Pki()
    yield made
    made.close()


@pytest.fixture
def once(tmp_path):
    """once(text) runs every check of a configuration: findings by target, then by subject."""

    def run(text, code=None):
        config = tmp_path / "runbookd.yaml"
        config.write_text("version: 1\ntargets:\n" + text)
        result = runbookd("once", "--format", "ndjson", "-c", config)
        assert code in (None, result.code), result.out + result.err
        found = {}
        for event in result.events:
            found.setdefault(event["target"], {})[event["subject"]] = event
        return found

    return run


def tls_server(port, pair, listen="127.0.0.1", protocols="TLSv1.2 TLSv1.3", ciphers="ALL:@SECLEVEL=0", more=""):
    return (f"server {{ listen {listen}:{port} ssl; ssl_certificate {pair.chain}; ssl_certificate_key {pair.key};"
            f"ssl_protocols {protocols}; ssl_ciphers {ciphers}; {more} return 200 'fine'; }}\n")


def target(name, url, pki, **settings):
    words = "".join(f", {key}: {value}" for key, value in settings.items())
    return f'  {name}: {{type: cert, url: "{url}", tls: {{ca: {pki.root}}}, checks: {{endpoint: {{timeout: 8s{words}}}}}}}\n'


def is_(event, status, error_class, *texts):
    assert event["status"] == status, event
    assert event["words"]["error_class"] == error_class, event
    for text in texts:
        assert text in event["message"], event


# --------------------------------------------------------- over nginx ----

# what is served: (status, error_class, what the message has to say)
EXPECTED = {
    "good": ("ok", "ok", "valid for 89 days"),
    "rsa": ("ok", "ok", "valid for 89 days"),
    "young": ("ok", "ok", "valid for 4 days"),
    "month": ("warning", "ok", "expires in 19 days"),
    "soon": ("critical", "ok", "expires in 4 days"),
    "hours": ("critical", "ok", "expires in 17"),
    "expired": ("critical", "expired", "the certificate expired on"),
    "notyet": ("critical", "not_yet_valid", "is not valid before"),
    "wronghost": ("critical", "name_mismatch", "is for other.example, not for 127.0.0.1"),
    "nosan": ("critical", "name_mismatch", "not for 127.0.0.1"),
    "twice": ("critical", "expired", "expired on", "is for other.example"),
    "weak": ("critical", "weak_key", "a weak key: rsa of 1024 bits"),
    "sha1": ("critical", "weak_digest", "signed with SHA1"),
    "selfsigned": ("critical", "self_signed", "is self-signed"),
    "noint": ("critical", "missing_intermediate", '"int" is neither trusted here nor was its certificate sent'),
    "badorder": ("warning", "bad_order", "out of order"),
    "oldint": ("critical", "expired", 'the certificate of "int-old" expired on'),
    "clientonly": ("critical", "wrong_use"),
}


@pytest.fixture(scope="module")
def ports(pki):
    taken = {name: servers.free_port() for name in EXPECTED}
    server = servers.Nginx(servers="".join(tls_server(port, pki.pair(name)) for name, port in taken.items()))
    yield taken
    server.close()


@pytest.fixture(scope="module")
def odd(pki, ports, tmp_path_factory):
    """All of them looked at in one go: they are independent of each other."""
    config = tmp_path_factory.mktemp("odd") / "runbookd.yaml"
    config.write_text("version: 1\ntargets:\n" + "".join(target(name, f"https://127.0.0.1:{port}/", pki) for name, port in ports.items()))
    result = runbookd("once", "--format", "ndjson", "-c", config)
    assert result.code == 2, result.out + result.err
    return {event["target"]: event for event in result.events}


def test_an_http_target_looks_at_its_own_certificate(pki, ports, once):
    """The same check as cert.endpoint, on the URL that the target has already."""
    found = once("".join(f'  {name}: {{type: http, url: "https://127.0.0.1:{ports[name]}/", tls: {{ca: {pki.root}}},'
                         " checks: {endpoint: off, certificate: {}}}\n" for name in ("good", "soon", "wronghost")), code=2)
    assert len(found) == 3
    for name, events in found.items():
        (event,) = events.values()
        assert event["check"] == "http.certificate", event
        is_(event, *EXPECTED[name])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_server_with_such_a_certificate(odd, name):
    status, error_class, *texts = EXPECTED[name]
    is_(odd[name], status, error_class, *texts)
    problems = odd[name]["evidence"].get("problems", [])
    assert len(problems) == (2 if name == "twice" else 0 if error_class == "ok" else 1), problems
    assert ("hint" in odd[name]) == (status != "ok"), odd[name]


def test_the_evidence_names_the_certificate(odd, pki):
    event = odd["good"]
    said = subprocess.run(["openssl", "x509", "-in", pki.dir / "good.crt", "-noout", "-fingerprint", "-sha256", "-serial"],
                          capture_output=True, text=True, check=True).stdout
    fingerprint = said.splitlines()[0].split("=")[1].replace(":", "").lower()
    evidence, measures = event["evidence"], event["measures"]
    assert evidence["fingerprint_sha256"] == fingerprint
    assert evidence["serial"] == said.splitlines()[1].split("=")[1].lower()
    assert evidence["subject"] == "CN=good" and evidence["issuer"] == "CN=int"
    assert evidence["names"] == ["localhost", "127.0.0.1", "::1"]
    assert [row["subject"] for row in evidence["chain"]] == ["CN=good", "CN=int", "CN=Test Root"]
    assert measures["name_ok"] == 1 and measures["chain_ok"] == 1 and measures["key_bits"] == 256
    assert 89 < measures["days_left"] < 90 and 98 < measures["lifetime_percent"] < 99
    assert 998 < measures["chain_days_left"] < 1000
    assert event["words"]["tls_version"] == "1.3" and event["words"]["key_type"] == "ec"


def test_probe_needs_no_configuration_and_trusts_nobody_unknown(ports):
    result = runbookd("probe", "--format", "ndjson", f"tls://127.0.0.1:{ports['good']}")
    assert result.code == 2, result.out
    is_(result.finding("endpoint"), "critical", "untrusted", '"Test Root" is neither trusted here')
    assert result.finding("endpoint")["measures"]["chain_ok"] == 0


def with_hosts(tmp_path, hosts, text):
    """Findings by target and subject, in a mount namespace where names are these."""
    (tmp_path / "hosts").write_text(hosts)
    (tmp_path / "runbookd.yaml").write_text("version: 1\ntargets:\n" + text)
    run = subprocess.run(["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh",
                          tmp_path / "hosts", RUNBOOKD, "once", "--format", "ndjson", "-c", tmp_path / "runbookd.yaml"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert events and "Sanitizer" not in run.stderr, run.stderr
    return {(event["target"], event["subject"]): event for event in events}


def test_each_address_of_a_name_is_a_subject_of_its_own(tmp_path, pki):
    port = servers.free_port()
    server = servers.Nginx(servers=tls_server(port, pki.pair("good")) + tls_server(port, pki.pair("expired"), listen="127.0.0.2"))
    try:
        found = with_hosts(tmp_path, "127.0.0.1 localhost\n127.0.0.1 a.test\n127.0.0.2 a.test\n127.0.0.3 a.test\n",
                           target("each", f"tls://a.test:{port}", pki, sni="localhost")
                           + target("first", f"tls://a.test:{port}", pki, sni="localhost", addresses="any"))
        is_(found["each", "127.0.0.1"], "ok", "ok")
        is_(found["each", "127.0.0.2"], "critical", "expired")
        is_(found["each", "127.0.0.3"], "critical", "refused")
        assert len(found) == 4 and ("first", None) in found
    finally:
        server.close()


def test_sni_asks_for_another_name(once, pki):
    port = servers.free_port()
    server = servers.Nginx(servers=tls_server(port, pki.pair("good"), more="server_name a.example;")
                           + tls_server(port, pki.pair("wronghost"), more="server_name other.example;"))
    try:
        found = once(target("plain", f"tls://127.0.0.1:{port}", pki) + target("named", f"tls://127.0.0.1:{port}", pki, sni="other.example")
                     + target("any", f"tls://localhost:{port}", pki, sni="other.example", addresses="any"))
        is_(found["plain"][None], "ok", "ok")
        is_(found["named"][None], "ok", "ok")
        is_(found["any"][None], "ok", "ok")
        assert found["named"][None]["evidence"]["subject"] == "CN=wronghost"
    finally:
        server.close()


def test_old_tls_and_a_small_diffie_hellman_key_are_said(once, pki):
    old, small = servers.free_port(), servers.free_port()
    subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", pki.dir / "dh", "1024"], check=True, capture_output=True)
    rsa = pki.pair("rsa")
    server = servers.Nginx(servers=tls_server(old, rsa, protocols="TLSv1") + tls_server(
        small, rsa, protocols="TLSv1.2", ciphers="DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", more=f"ssl_dhparam {pki.dir}/dh;"))
    try:
        found = once(target("old", f"tls://127.0.0.1:{old}", pki) + target("small", f"tls://127.0.0.1:{small}", pki), code=1)
        is_(found["old"][None], "warning", "old_tls", "TLS 1.0")
        assert found["old"][None]["words"]["tls_version"] == "1.0"
        is_(found["small"][None], "warning", "weak_exchange", "Diffie-Hellman key is too small")
    finally:
        server.close()


def test_a_renewed_certificate_is_seen_once_the_server_serves_it(agent, pki):
    live = Pki()
    for kind in ("chain", "key"):
        shutil.copy(getattr(pki, kind)("expired"), live.dir / f"live.{kind}")
    port = servers.free_port()
    pair = pki.pair("expired")
    pair.chain, pair.key = live.dir / "live.chain", live.dir / "live.key"
    server = servers.Nginx(servers=tls_server(port, pair))
    try:
        running = agent(f'version: 1\ntargets:\n  shop: {{type: cert, url: "tls://127.0.0.1:{port}", every: 500ms, tls: {{ca: {pki.root}}}}}\n')
        running.wait_status("shop", "endpoint", "critical")
        for kind in ("chain", "key"):
            shutil.copy(getattr(pki, kind)("good"), live.dir / f"live.{kind}")
        server.process.send_signal(signal.SIGHUP)
        running.wait_status("shop", "endpoint", "ok")
        running.end()
    finally:
        server.close()
        live.close()


# ------------------------------------------------------------ STARTTLS ----


class Mail(threading.Thread):
    """A server of SMTP or IMAP that knows nothing but STARTTLS; one conversation at a time."""

    TALKS = {
        "smtp": [(b"220-mail.example\r\n220 ready\r\n", b"EHLO"), (b"250-mail.example\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n", b"STARTTLS"),
                 (b"220 go ahead\r\n", None)],
        "smtp-without": [(b"220 ready\r\n", b"EHLO"), (b"250-mail.example\r\n250 HELP\r\n", None)],
        "smtp-busy": [(b"421 too many connections\r\n", None)],
        "imap": [(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"STARTTLS"), (b"* CAPABILITY x\r\na OK begin\r\n", None)],
        "imap-without": [(b"* OK ready\r\n", b"STARTTLS"), (b"a BAD unknown command\r\n", None)],
        "garbage": [(b"\x00\x01\x02 what?\r\n", None)],
        "silent": [],
    }

    def __init__(self, talk, pair):
        super().__init__(daemon=True)
        self.talk, self.done = self.TALKS[talk], threading.Event()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pair.chain, pair.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        self.listener.settimeout(30)
        with self.listener, self.listener.accept()[0] as peer:
            peer.settimeout(30)
            for line, answer in self.talk:
                peer.sendall(line)
                if answer and answer not in peer.recv(1000):
                    return
            if self.talk and b"go ahead" in self.talk[-1][0] or self.talk and b"a OK" in self.talk[-1][0]:
                try:
                    self.tls.wrap_socket(peer, server_side=True).recv(1)
                except OSError:
                    pass
            else:
                self.done.wait(20)


def test_mail_servers_are_asked_their_own_way(once, pki):
    kinds = {"smtp": "tls+smtp", "smtp-without": "smtp", "smtp-busy": "smtp", "imap": "imap", "imap-without": "tls+imap", "garbage": "imap"}
    mails = {name: Mail(name, pki.pair("good" if name == "smtp" else "expired")) for name in kinds}
    try:
        found = once("".join(target(name, f"{scheme}://127.0.0.1:{mails[name].port}", pki) for name, scheme in kinds.items()), code=2)
        is_(found["smtp"][None], "ok", "ok")
        is_(found["imap"][None], "critical", "expired")
        is_(found["smtp-without"][None], "critical", "no_tls", "STARTTLS is not among its extensions")
        is_(found["smtp-busy"][None], "critical", "no_tls", "421 too many connections")
        is_(found["imap-without"][None], "critical", "no_tls", "a BAD unknown command")
        is_(found["garbage"][None], "critical", "no_tls")
    finally:
        for mail in mails.values():
            mail.done.set()


# ------------------------------------------------------------- failures ----


def test_what_hangs_refuses_or_speaks_no_tls_is_critical_in_time(once, pki, nginx):
    silent = [Mail("silent", pki.pair("good")) for _ in range(3)]
    config = "".join(target(name, url, pki).replace("timeout: 8s", "timeout: 1s") for name, url in {
        "handshake": f"tls://127.0.0.1:{silent[0].port}",
        "smtp": f"smtp://127.0.0.1:{silent[1].port}",
        "postgres": f"postgres://127.0.0.1:{silent[2].port}",
        "plain": f"tls://127.0.0.1:{nginx.port}",
        "nobody": f"tls://127.0.0.1:{servers.free_port()}",
        "nowhere": "tls://no-such-host.invalid",
    }.items())
    start = time.monotonic()
    try:
        found = once(config, code=2)
        took = time.monotonic() - start
        for name in ("handshake", "smtp", "postgres"):
            is_(found[name][None], "critical", "timeout")
        is_(found["plain"][None], "critical", "handshake", "does not speak TLS")
        is_(found["nobody"][None], "critical", "refused")
        is_(found["nowhere"][None], "unknown", "dns")
        assert took < 15, f"{took} s"
    finally:
        for mail in silent:
            mail.done.set()


def test_our_own_configuration_is_unknown(once, pki, ports, tmp_path):
    empty = tmp_path / "no-authorities.pem"
    empty.write_text("none\n")
    found = once(f'  own: {{type: cert, url: "tls://127.0.0.1:{ports["good"]}", tls: {{ca: {empty}}}}}\n'
                 "  without: {type: cert}\n")
    for events in found.values():
        assert events[None]["status"] == "unknown" and events[None].get("hint"), events
    nothing = runbookd("probe", "--format", "ndjson", "tls+gopher://x", events=False)
    assert nothing.code == 3


# ---------------------------------------------------------------- files ----


def file_target(path, **settings):
    words = "".join(f", {key}: {value}" for key, value in settings.items())
    return f'  disk: {{type: cert, checks: {{endpoint: off, file: {{path: "{path}"{words}}}}}}}\n'


def test_files_are_judged_each_for_itself(once, pki, tmp_path):
    for name in ("good", "soon", "badorder"):
        (tmp_path / name).mkdir()
        shutil.copy(pki.chain(name), tmp_path / name / "fullchain.pem")
        shutil.copy(pki.key("other" if name == "good" else name), tmp_path / name / "privkey.pem")
    found = once(file_target(f"{tmp_path}/*/fullchain.pem", key="privkey.pem", names="[localhost]"), code=2)["disk"]
    is_(found[f"{tmp_path}/good/fullchain.pem"], "critical", "key_mismatch", "privkey.pem is another certificate's")
    is_(found[f"{tmp_path}/soon/fullchain.pem"], "critical", "ok", "expires in 4 days")
    is_(found[f"{tmp_path}/badorder/fullchain.pem"], "warning", "bad_order")
    assert found[f"{tmp_path}/soon/fullchain.pem"]["measures"]["key_match"] == 1
    assert "PRIVATE" not in str(found)


def test_a_file_with_its_key_in_it_and_names_that_are_missing(once, pki, tmp_path):
    both = tmp_path / "haproxy.pem"
    both.write_text(pki.chain("good").read_text() + pki.key("good").read_text())
    fine = once(file_target(both), code=0)["disk"][str(both)]
    assert fine["measures"]["key_match"] == 1 and fine["measures"]["chain_ok"] == 1
    lacks = once(file_target(both, names="[localhost, shop.example]"), code=2)["disk"][str(both)]
    is_(lacks, "critical", "name_mismatch", "it is not for shop.example")


def test_what_is_not_there_is_unknown_and_what_is_damaged_critical(once, pki, tmp_path):
    missing = once(file_target(tmp_path / "none.pem"), code=3)["disk"][str(tmp_path / "none.pem")]
    is_(missing, "unknown", "unreadable", "No such file")
    nothing = once(file_target(f"{tmp_path}/*.nothing"), code=3)["disk"][f"{tmp_path}/*.nothing"]
    is_(nothing, "unknown", "no_files")
    cut = tmp_path / "cut.pem"
    cut.write_text(pki.chain("good").read_text()[:-200])
    is_(once(file_target(cut), code=2)["disk"][str(cut)], "critical", "broken_chain", "damaged or cut off")
    cut.write_text("")
    is_(once(file_target(cut), code=2)["disk"][str(cut)], "critical", "no_certificate")
