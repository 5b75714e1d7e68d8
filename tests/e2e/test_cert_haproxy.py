"""HAProxy as the end of TLS: stapled responses, names that choose a certificate, certificates of clients, and what lies behind it."""
import pytest

import servers
import servers_tls
from test_cert import is_, once, pki, target  # noqa: F401 (fixtures)


def bundle(folder, pki, name, staple=None):  # noqa: F811
    """A certificate with its key as HAProxy reads it, and the response to staple beside it."""
    path = folder / f"{name}.pem"
    path.write_bytes(pki.chain(name).read_bytes() + pki.key(name).read_bytes())
    if staple:
        (folder / f"{name}.pem.ocsp").write_bytes(staple.read_bytes())
    return path


@pytest.fixture(scope="module")
def proxy(pki, tmp_path_factory):  # noqa: F811
    folder, back = tmp_path_factory.mktemp("haproxy"), servers.Nginx("location / { return 200 'fine'; }")
    pki.chain("revoked")
    pki.revoke("revoked")
    names = folder / "names"
    names.write_text(f"{bundle(folder, pki, 'rsa')} [alpn h2,http/1.1] shop.example\n{bundle(folder, pki, 'wronghost')} other.example\n")
    good = bundle(folder, pki, "good", pki.staple("good"))
    server = servers_tls.HaProxy(back.port, {
        "good": f"crt {good}",
        "revoked": f"crt {bundle(folder, pki, 'revoked', pki.staple('revoked'))}",
        "must": f"crt {bundle(folder, pki, 'muststaple')}",
        "names": f"crt-list {names}",
        "strict": f"crt-list {names} strict-sni",
        "clients": f"crt {good} ca-file {pki.root} verify required ssl-max-ver TLSv1.2",
    })
    server.back = back
    yield server
    server.close()
    back.close()


def at(proxy, name):
    return f"127.0.0.1:{proxy.ports[name]}"


def test_stapled_responses_of_haproxy(once, pki, proxy):  # noqa: F811
    found = once("".join(target(name, f"tls://{at(proxy, name)}", pki) for name in ("good", "revoked", "must")), code=2)
    is_(found["good"][None], "ok", "ok")
    assert found["good"][None]["words"]["staple"] == "good"
    is_(found["revoked"][None], "critical", "revoked", "was revoked on", "keyCompromise")
    is_(found["must"][None], "critical", "no_staple", "there is none")


def test_the_name_asked_for_chooses_the_certificate(once, pki, proxy):  # noqa: F811
    found = once(target("first", f"tls://{at(proxy, 'names')}", pki) + target("other", f"tls://{at(proxy, 'names')}", pki, sni="other.example")
                 + target("named", f"tls://{at(proxy, 'strict')}", pki, sni="other.example")
                 + target("stranger", f"tls://{at(proxy, 'strict')}", pki, sni="stranger.example"), code=2)
    is_(found["first"][None], "ok", "ok")
    for name in ("other", "named"):
        is_(found[name][None], "ok", "ok")
        assert found[name][None]["evidence"]["names"] == ["other.example"]
    is_(found["stranger"][None], "critical", "handshake")


def client_of(pki):  # noqa: F811
    return f"tls: {{ca: {pki.root}, certificate: {pki.chain('clientonly')}, key: {pki.key('clientonly')}}}"


def test_a_server_that_asks_for_a_certificate_of_ours(once, pki, proxy):  # noqa: F811
    without = target("without", f"tls://{at(proxy, 'clients')}", pki)
    shown = target("shown", f"tls://{at(proxy, 'clients')}", pki).replace(f"tls: {{ca: {pki.root}}}", client_of(pki))
    found = once(without + shown, code=2)
    is_(found["without"][None], "critical", "handshake")
    assert "tls: {certificate, key}" in found["without"][None]["hint"] and found["without"][None]["evidence"]["ip"] == "127.0.0.1"
    is_(found["shown"][None], "ok", "ok")


def test_what_lies_behind_it_is_seen_by_http_and_by_its_voice(once, pki, proxy):  # noqa: F811
    ask = "checks: {connect: {timeout: 3s, send: \"GET / HTTP/1.0\\r\\n\\r\\n\", expect: \"^HTTP/1.[01] 200\"}}"
    text = (target("certificate", f"tls://{at(proxy, 'good')}", pki)
            + f"  page: {{type: http, url: 'https://{at(proxy, 'clients')}', {client_of(pki)}}}\n"
            + f"  refused: {{type: http, url: 'https://{at(proxy, 'clients')}', tls: {{ca: {pki.root}}}}}\n"
            + f"  voice: {{type: tcp, url: 'tcp+tls://{at(proxy, 'good')}', tls: {{ca: {pki.root}}}, {ask}}}\n"
            + f"  untold: {{type: tcp, url: 'tcp+tls://{at(proxy, 'clients')}', tls: {{ca: {pki.root}}}, {ask}}}\n"
            + f"  told: {{type: tcp, url: 'tcp+tls://{at(proxy, 'clients')}', {client_of(pki)}, {ask}}}\n")
    found = once(text)
    for name in ("certificate", "page", "voice", "told"):
        is_(found[name][None], "ok", "ok")
    assert found["voice"][None]["measures"]["tls_ms"] > 0 and found["voice"][None]["measures"]["first_byte_ms"] > 0
    assert found["refused"][None]["status"] == "unknown" and found["untold"][None]["status"] == "unknown", found
    proxy.back.kill()
    try:
        found = once(text)
    finally:
        proxy.back.start()
    is_(found["certificate"][None], "ok", "ok")  # the proxy still shows it, for nobody
    is_(found["page"][None], "critical", "status", "503")
    for name in ("voice", "told"):
        is_(found[name][None], "critical", "unexpected")
        assert "503" in found[name][None]["evidence"]["answer"]
