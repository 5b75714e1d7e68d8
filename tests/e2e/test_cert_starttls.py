"""Certificates of servers that begin TLS later, each asked its own way: good ones, bad ones, and servers without TLS."""
import concurrent.futures
import shutil
import signal
import subprocess

import pytest

import servers
import servers_tls
from test_cert import is_, once, pki, target  # noqa: F401 (fixtures)

KINDS = {"mysql": servers_tls.MariaDb, "ldap": servers_tls.Ldap, "imap": servers_tls.Imap, "smtp": servers_tls.Smtp}
REFUSALS = {"mysql": "it has no TLS", "ldap": "LDAP result", "imap": "does not begin TLS: a BAD", "smtp": "STARTTLS is not among its extensions"}


@pytest.fixture(scope="module")
def ports(pki):  # noqa: F811
    """Ports by protocol and certificate; None: a server that has no TLS."""
    pairs = {"good": pki.pair("good"), "soon": pki.pair("soon"), None: None}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        starting = {(kind, name): pool.submit(start, pair) for kind, start in KINDS.items() for name, pair in pairs.items()}
    yield {key: one.result().port for key, one in starting.items()}
    for one in starting.values():
        one.result().close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_asked_for_tls_its_own_way(once, pki, ports, kind):  # noqa: F811
    stranger = "smtp" if kind == "ldap" else "ldap"
    found = once(target("good", f"{kind}://127.0.0.1:{ports[kind, 'good']}", pki)
                 + target("prefixed", f"tls+{kind}://localhost:{ports[kind, 'good']}", pki, addresses="any")
                 + target("option", f"tls://127.0.0.1:{ports[kind, 'good']}", pki, starttls=kind)
                 + target("soon", f"{kind}://127.0.0.1:{ports[kind, 'soon']}", pki)
                 + target("plain", f"{kind}://127.0.0.1:{ports[kind, None]}", pki)
                 + target("crossed", f"{stranger}://127.0.0.1:{ports[kind, 'good']}", pki).replace("8s", "2s"), code=2)
    for name in ("good", "prefixed", "option"):
        is_(found[name][None], "ok", "ok", "valid for 89 days")
        assert found[name][None]["evidence"]["ip"] == "127.0.0.1"
        assert all(found[name][None]["measures"][stage] >= 0 for stage in ("connect_ms", "starttls_ms", "tls_ms"))
    assert found["prefixed"][None]["measures"]["dns_ms"] >= 0 and "dns_ms" not in found["good"][None]["measures"]
    is_(found["soon"][None], "critical", "ok", "expires in 4 days")
    is_(found["plain"][None], "critical", "no_tls", REFUSALS[kind])
    assert found["plain"][None]["evidence"]["ip"] == "127.0.0.1" and found["plain"][None]["measures"]["connect_ms"] >= 0
    assert found["crossed"][None]["status"] == "critical", found["crossed"]


def _ends_soon(port, root):
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", "postgres", "-CAfile", root],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return "CN = soon" in said.stdout


def test_postgres_is_asked_for_tls_its_own_way(once, pki, tmp_path):  # noqa: F811
    owner = "postgres" if servers.as_user("postgres") else None
    plain, live = servers.Postgres(), pki.dir / "postgres.chain"
    shutil.copy(pki.chain("rsa"), live)
    key = pki.key("rsa", owner)
    secure = servers.Postgres(ssl="on", ssl_cert_file=f"'{live}'", ssl_key_file=f"'{key}'")
    text = (target("a", f"postgres://127.0.0.1:{secure.port}/orders", pki) + target("b", f"tls+postgres://127.0.0.1:{secure.port}", pki)
            + target("c", f"tls://127.0.0.1:{secure.port}", pki, starttls="postgres") + target("plain", f"postgres://127.0.0.1:{plain.port}", pki))
    try:
        found = once(text, code=2)
        for name in "abc":
            is_(found[name][None], "ok", "ok", "valid for 89 days")
        is_(found["plain"][None], "critical", "no_tls", "does not begin TLS")
        shutil.copy(pki.chain("soon"), live)
        shutil.copy(pki.key("soon"), key)
        secure.process.send_signal(signal.SIGHUP)
        servers.wait_until(lambda: _ends_soon(secure.port, pki.root))
        found = once(text, code=2)
        for name in "abc":
            is_(found[name][None], "critical", "ok", "expires in 4 days")
    finally:
        secure.close()
        plain.close()
