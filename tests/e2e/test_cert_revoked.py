"""What a certificate alone does not tell: revocation, older TLS, another certificate than before."""
import shutil
import signal

import servers
from pki import Pki
from test_cert import is_, once, pki, target, tls_server  # noqa: F401 (fixtures)


def stapling(response):
    return f"ssl_stapling on; ssl_stapling_file {response};"


def test_stapled_responses_are_read_and_believed_only_of_the_issuer(once, pki):  # noqa: F811
    ports = {name: servers.free_port() for name in ("good", "revoked", "other", "must", "lacks", "broken")}
    good, staple = pki.staple("good"), pki.staple("muststaple")
    pki.revoke("revoked")
    nonsense = pki.dir / "nonsense.staple"
    nonsense.write_bytes(pki.staple("other").read_bytes())
    server = servers.Nginx(servers=tls_server(ports["good"], pki.pair("good"), more=stapling(good))
                           + tls_server(ports["revoked"], pki.pair("revoked"), more=stapling(pki.staple("revoked")))
                           + tls_server(ports["other"], pki.pair("good"), more=stapling(nonsense))
                           + tls_server(ports["must"], pki.pair("muststaple"), more=stapling(staple))
                           + tls_server(ports["lacks"], pki.pair("muststaple"))
                           + tls_server(ports["broken"], pki.pair("muststaple"), more=stapling(nonsense)))
    try:
        found = once("".join(target(name, f"tls://127.0.0.1:{port}", pki) for name, port in ports.items()), code=2)
    finally:
        server.close()
    found = {name: events[None] for name, events in found.items()}
    for name in ("good", "must"):
        is_(found[name], "ok", "ok")
        assert found[name]["words"]["staple"] == "good" and 6 * 86400 < found[name]["measures"]["staple_seconds"] <= 7 * 86400
    is_(found["revoked"], "critical", "revoked", "was revoked on", "keyCompromise")
    assert found["revoked"]["measures"]["chain_ok"] == 0
    is_(found["other"], "warning", "bad_staple", "no response for this certificate")
    is_(found["lacks"], "critical", "no_staple", "there is none")
    is_(found["broken"], "critical", "no_staple", "the stapled one is no response")


def test_a_list_of_what_was_revoked_is_held_against_the_chain(once, pki, tmp_path):  # noqa: F811
    port = {name: servers.free_port() for name in ("good", "revoked2")}
    server = servers.Nginx(servers="".join(tls_server(port[name], pki.pair(name)) for name in port))
    pki.revoke("revoked2")
    fresh, old, foreign, nonsense = tmp_path / "fresh.crl", tmp_path / "old.crl", tmp_path / "foreign.crl", tmp_path / "nonsense.crl"
    shutil.copy(pki.crl("int"), fresh)
    shutil.copy(pki.crl("int", days=-1), old)
    stranger = Pki()
    shutil.copy(stranger.crl("int"), foreign)
    stranger.close()
    nonsense.write_text("nothing\n")
    both = tmp_path / "both.crl"
    both.write_text(fresh.read_text() + pki.crl("root").read_text())
    cases = {"good": ("good", fresh), "both": ("good", both), "revoked": ("revoked2", fresh), "old": ("good", old), "oldrevoked": ("revoked2", old),
             "foreign": ("good", foreign), "nonsense": ("good", nonsense), "missing": ("good", tmp_path / "none.crl")}
    try:
        found = once("".join(target(name, f"tls://127.0.0.1:{port[kind]}", pki, crl=path) for name, (kind, path) in cases.items())
                     + f'  disk: {{type: cert, checks: {{endpoint: off, file: {{path: "{pki.chain("revoked2")}", crl: {fresh}}}}}}}\n')
    finally:
        server.close()
    is_(found["good"][None], "ok", "ok")
    is_(found["both"][None], "ok", "ok")
    is_(found["revoked"][None], "critical", "revoked", "was revoked on", "keyCompromise")
    is_(found["old"][None], "warning", "bad_crl", "ended on")
    is_(found["oldrevoked"][None], "critical", "revoked")
    is_(found["foreign"][None], "warning", "bad_crl", "none of its lists")
    for name, path in (("nonsense", nonsense), ("missing", tmp_path / "none.crl")):  # the rest is judged without it
        is_(found[name][None], "ok", "ok")
        is_(found[name][str(path)], "unknown", "unreadable")
    is_(found["disk"][str(pki.chain("revoked2"))], "critical", "revoked")


def test_older_tls_that_is_still_accepted_is_found(once, pki):  # noqa: F811
    old, new = servers.free_port(), servers.free_port()
    server = servers.Nginx(servers=tls_server(old, pki.pair("good"), protocols="TLSv1.1 TLSv1.2 TLSv1.3") + tls_server(new, pki.pair("good")))
    try:
        found = once(target("old", f"tls://127.0.0.1:{old}", pki, lowest='"1.2"') + target("unasked", f"tls://127.0.0.1:{old}", pki)
                     + target("new", f"tls://127.0.0.1:{new}", pki, lowest='"1.2"') + target("strict", f"tls://127.0.0.1:{new}", pki, lowest='"1.3"'))
    finally:
        server.close()
    is_(found["old"][None], "warning", "old_tls", "still accepts TLS 1.1")
    assert found["old"][None]["words"]["tls_version"] == "1.3"
    is_(found["unasked"][None], "ok", "ok")
    is_(found["new"][None], "ok", "ok")
    is_(found["strict"][None], "warning", "old_tls", "still accepts TLS 1.2")


def test_what_was_presented_is_told_from_what_was_verified(once, pki):  # noqa: F811
    port = servers.free_port()
    server = servers.Nginx(servers=tls_server(port, pki.pair("badorder")))
    try:
        evidence = once(target("shop", f"tls://127.0.0.1:{port}", pki))["shop"][None]["evidence"]
    finally:
        server.close()
    assert [row["subject"] for row in evidence["presented_chain"]] == ["CN=good", "CN=Test Root", "CN=int"]
    assert [row["subject"] for row in evidence["chain"]] == ["CN=good", "CN=int", "CN=Test Root"]


def test_another_certificate_is_noticed_across_a_restart(agent, pki, tmp_path):  # noqa: F811
    live = Pki()
    for kind in ("chain", "key"):
        shutil.copy(getattr(pki, kind)("good"), live.dir / f"live.{kind}")
    pair = pki.pair("good")
    pair.chain, pair.key = live.dir / "live.chain", live.dir / "live.key"
    port = servers.free_port()
    server = servers.Nginx(servers=tls_server(port, pair))
    text = (f"version: 1\nagent: {{state: {tmp_path}/state, emit: all}}\ntargets:\n"
            + target("shop", f"tls://127.0.0.1:{port}", pki, tell_change="1h").replace("type: cert,", "type: cert, every: 8s,"))
    try:
        first = agent(text)
        before = first.wait_status("shop", "endpoint", "ok")
        first.end()
        for kind in ("chain", "key"):
            shutil.copy(getattr(pki, kind)("other"), live.dir / f"live.{kind}")
        server.process.send_signal(signal.SIGHUP)
        servers.wait_until(lambda: live.dir and _serves(port, pki.root))
        event = agent(text).wait_status("shop", "endpoint", "warning")
    finally:
        server.close()
        live.close()
    is_(event, "warning", "changed", "another certificate than before")
    assert event["evidence"]["previous_sha256"] == before["evidence"]["fingerprint_sha256"]
    assert event["measures"]["changed_seconds"] < 60


def _serves(port, root):
    """Whether nginx serves the other certificate by now."""
    import socket
    import ssl
    context = ssl.create_default_context(cafile=root)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        return tls.getpeercert()["subject"][0][0][1] == "other"
