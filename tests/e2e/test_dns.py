"""dns against BIND: every kind of record, both transports, and each way in which a name server is broken."""
import json
import socket
import subprocess
import threading

import pytest

import servers
from agent import RUNBOOKD, runbookd
from faultproxy import GARBAGE, NameServer
from servers_dns import SHOP, Named


@pytest.fixture(scope="module")
def bind():
    server = Named()
    yield server
    server.close()


@pytest.fixture
def once(tmp_path):
    """once(text) runs every check of a configuration: findings by check, then by subject."""

    def run(text, seconds=60, under=()):
        (tmp_path / "runbookd.yaml").write_text("version: 1\ntargets:\n" + text)
        if under:
            done = subprocess.run([*under, RUNBOOKD, "once", "--format", "ndjson", "-c", tmp_path / "runbookd.yaml"], capture_output=True,
                                  text=True, timeout=seconds, stdin=subprocess.DEVNULL)
            assert "Sanitizer" not in done.stderr, done.stderr
            events = [json.loads(line) for line in done.stdout.splitlines()]
        else:
            events = runbookd("once", "--format", "ndjson", "-c", tmp_path / "runbookd.yaml", seconds=seconds).events
        found = {}
        for event in events:
            found.setdefault(event["name"], {})[event["subject"]] = event
        return found

    return run


def target(listed, *ports, more=""):
    """Checks by name, asked of those ports of loopback."""
    text = "".join(f"      {name}: {{check: resolve, timeout: 2s, {options}}}\n" for name, options in listed.items())
    named = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
    return f"  zone:\n    type: dns\n    servers: [{named}]\n{more}    checks:\n      resolve: off\n{text}"


def is_(event, status, error_class, *texts):
    assert (event["status"], event["words"]["error_class"]) == (status, error_class), event
    for text in texts:
        assert text in event["message"], event


KINDS = {  # check: (type, name, what is expected)
    "a": ("A", "www.shop.test", '["192.0.2.8", "192.0.2.7"]'),
    "aaaa": ("AAAA", "WWW.Shop.test", '["2001:0db8::7"]'),
    "alias": ("A", "alias.shop.test", '["192.0.2.7", "192.0.2.8"]'),
    "cname": ("CNAME", "alias.shop.test", "[www.shop.test.]"),
    "mx": ("MX", "shop.test", '["10 mail.shop.test", "20 backup.example"]'),
    "txt": ("TXT", "shop.test", """['v=spf1 -all and; "more"']"""),
    "srv": ("SRV", "_sip._tcp.shop.test", '["10 60 5060 sip.shop.test"]'),
    "ns": ("NS", "shop.test", "[ns1.shop.test]"),
    "soa": ("SOA", "shop.test", '["ns1.shop.test hostmaster.shop.test 1 3600 600 86400 60"]'),
    "caa": ("CAA", "shop.test", """['0 issue "ca.example"']"""),
    "ptr": ("PTR", "192.0.2.7", "[www.shop.test]"),
}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_every_kind_of_record_is_read_over_both_transports(once, bind, transport):
    found = once(target({name: f"type: {kind}, name: {asked}, expect: {expect}, transport: {transport}, authoritative: true"
                         for name, (kind, asked, expect) in KINDS.items()}, bind.port))
    for name in KINDS:
        event = found[name][f"127.0.0.1:{bind.port}"]
        is_(event, "ok", "ok")
        assert event["words"]["transport"] == transport and event["words"]["rcode"] == "noerror"
        assert event["measures"]["authoritative"] == 1 and event["measures"]["ttl_seconds"] == 300
    rows = found["alias"][f"127.0.0.1:{bind.port}"]["evidence"]["records"]
    assert [row["type"] for row in rows] == ["CNAME", "A", "A"] and rows[0]["value"] == "www.shop.test"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_another_record_of_each_kind_is_found_over_both_transports(once, bind, transport):
    """What the zone has is told beside what was expected; a name without such a record has none."""
    wrong = {"a": "[192.0.2.99]", "aaaa": '["2001:db8::99"]', "cname": "[elsewhere.test]", "mx": '["10 elsewhere.test"]', "txt": '["v=spf1 +all"]',
             "srv": '["10 60 5061 sip.shop.test"]', "ns": "[ns9.shop.test]", "soa": '["ns1.shop.test hostmaster.shop.test 7 3600 600 86400 60"]',
             "caa": """['0 issue "elsewhere.example"']""", "ptr": "[elsewhere.test]"}
    checks = {name: f"type: {KINDS[name][0]}, name: {KINDS[name][1]}, expect: {expect}, transport: {transport}" for name, expect in wrong.items()}
    lacking = {f"no-{name}": f"type: {KINDS[name][0]}, name: short.shop.test, transport: {transport}" for name in wrong if name not in ("a", "ptr")}
    found = once(target({**checks, **lacking}, bind.port))
    for name in wrong:
        event = found[name][f"127.0.0.1:{bind.port}"]
        is_(event, "critical", "unexpected", "it answers", "expected")
        assert event["evidence"]["records"] and event["evidence"]["ip"] == "127.0.0.1" and event["words"]["transport"] == transport
    for name in lacking:
        is_(found[name][f"127.0.0.1:{bind.port}"], "critical", "nodata", "short.shop.test has no record of type")


def test_a_short_life_is_a_matter_of_conditions(once, bind):
    found = once(target({"long": "name: www.shop.test, warning: ttl_seconds < 60", "short": "name: short.shop.test, warning: ttl_seconds < 60"}, bind.port))
    subject = f"127.0.0.1:{bind.port}"
    assert found["long"][subject]["status"] == "ok" and found["long"][subject]["measures"]["ttl_seconds"] == 300
    assert found["short"][subject]["status"] == "warning" and found["short"][subject]["condition"] == "ttl_seconds < 60"


class Datagrams(threading.Thread):
    """Passes datagrams on to a name server, and takes no connections: a firewall that forgot TCP."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", servers.free_port()))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        try:
            while True:
                asked, who = self.socket.recvfrom(4096)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as on:
                    on.settimeout(5)
                    on.sendto(asked, self.to)
                    self.socket.sendto(on.recv(4096), who)
        except OSError:
            pass


def test_a_server_whose_tcp_is_blocked_is_found_by_what_does_not_fit(once, bind):
    way = Datagrams(bind.port)
    try:
        found = once(target({"short": "name: www.shop.test", "long": "type: TXT, name: long.shop.test", "tcp": "name: www.shop.test, transport: tcp"}, way.port))
    finally:
        way.socket.close()
    found = {name: events[f"127.0.0.1:{way.port}"] for name, events in found.items()}
    is_(found["short"], "ok", "ok")
    is_(found["long"], "critical", "refused", "does not fit into UDP")
    assert found["long"]["measures"]["truncated"] == 1 and found["long"]["words"]["transport"] == "tcp"
    is_(found["tcp"], "critical", "refused")


def test_a_server_that_is_named_tells_how_long_its_name_took(once, bind):
    event = once(f'  zone: {{type: dns, name: www.shop.test, servers: ["localhost:{bind.port}"], checks: {{resolve: {{timeout: 2s}}}}}}\n')["resolve"]
    by_name = next(e for subject, e in event.items() if "127.0.0.1" in subject)
    assert by_name["status"] == "ok" and by_name["measures"]["dns_ms"] >= 0 and by_name["evidence"]["ip"] == "127.0.0.1", event


def test_probe_asks_without_a_configuration(bind):
    result = runbookd("probe", "--format", "ndjson", f"dns://127.0.0.1:{bind.port}/short.shop.test")
    event = result.finding("resolve")
    assert result.code == 0 and event["message"].startswith("192.0.2.7 in"), event
    assert event["measures"]["ttl_seconds"] == 20 and event["measures"]["count"] == 1
    assert event["evidence"]["question"] == "short.shop.test A" and event["evidence"]["ip"] == "127.0.0.1"
    six = runbookd("probe", "--format", "ndjson", f"dns://[::1]:{bind.port}/short.shop.test").finding("resolve")
    assert six["status"] == "ok" and six["evidence"]["ip"] == "::1", six


def test_what_does_not_fit_into_udp_is_asked_again_over_tcp(once, bind):
    event = once(target({"long": "type: TXT, name: long.shop.test"}, bind.port))["long"][f"127.0.0.1:{bind.port}"]
    is_(event, "ok", "ok")
    assert event["measures"]["truncated"] == 1 and event["words"]["transport"] == "tcp" and event["measures"]["connect_ms"] >= 0
    assert len(event["evidence"]["records"][0]["value"]) > 500


def test_each_wrong_answer_has_its_word(once, bind):
    found = once(target({
        "other": 'name: www.shop.test, expect: ["192.0.2.7", "192.0.2.99"]',
        "includes": 'name: www.shop.test, expect: ["192.0.2.7"], match: includes',
        "within": 'name: www.shop.test, expect: ["192.0.2.7", "192.0.2.8", "192.0.2.9"], match: within',
        "more": 'name: www.shop.test, expect: ["192.0.2.7"]',
        "nxdomain": "name: nothing.shop.test",
        "dangling": "name: dangling.shop.test",
        "nodata": "name: www.shop.test, type: MX",
        "servfail": "name: www.broken.test",
        "refused": "name: www.elsewhere.example",
        "lame": "name: www.elsewhere.example, authoritative: true",
        "referral": "name: www.child.test",
        "wanted": "name: nothing.shop.test, rcode: nxdomain",
        "closed": "name: www.elsewhere.example, rcode: refused",
        "empty": "name: www.shop.test, type: MX, rcode: nodata",
        "there": "name: www.shop.test, rcode: nxdomain",
    }, bind.port))
    found = {name: next(iter(events.values())) for name, events in found.items()}
    is_(found["other"], "critical", "unexpected", "192.0.2.99")
    is_(found["includes"], "ok", "ok")
    is_(found["within"], "ok", "ok")
    is_(found["more"], "critical", "unexpected", "it answers 192.0.2.")
    is_(found["nxdomain"], "critical", "nxdomain", "nothing.shop.test does not exist")
    is_(found["dangling"], "critical", "nxdomain", "gone.shop.test, of which dangling.shop.test is an alias")
    is_(found["nodata"], "critical", "nodata", "no record of type MX")
    is_(found["servfail"], "critical", "servfail", "servfail for www.broken.test")
    is_(found["refused"], "unknown", "denied")
    assert "allow-query" in found["refused"]["hint"]
    is_(found["lame"], "critical", "lame")
    is_(found["referral"], "critical", "lame")
    for name in ("wanted", "closed", "empty"):
        is_(found[name], "ok", "ok")
    is_(found["there"], "critical", "unexpected")


def test_servers_that_disagree_are_named(once, bind):
    others = [Named() for _ in range(2)]
    try:
        text = target({"www": "name: www.shop.test", "geo": "name: www.shop.test, agree: false"}, bind.port, *[one.port for one in others])
        assert {event["status"] for event in once(text)["www"].values()} == {"ok"}
        others[1].zone("shop.test", SHOP.replace("192.0.2.8", "192.0.2.200"))
        found = once(text)
        odd = found["www"].pop(f"127.0.0.1:{others[1].port}")
        is_(odd, "warning", "ok", "192.0.2.200", "not what other servers answer")
        assert odd["measures"]["mismatch"] == 1
        assert {(event["status"], event["measures"]["mismatch"]) for event in found["www"].values()} == {("ok", 0)}
        assert {event["status"] for event in found["geo"].values()} == {"ok"}
    finally:
        for one in others:
            one.close()


def test_servers_that_stop_hang_or_talk_nonsense(once, bind):
    hung, gone = Named(), servers.free_port()
    nonsense = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    nonsense.bind(("127.0.0.1", 0))
    nonsense.settimeout(10)
    ports = {"well": bind.port, "hung": hung.port, "gone": gone, "nonsense": nonsense.getsockname()[1]}

    def talk():
        try:
            while True:
                bytes_, who = nonsense.recvfrom(1000)
                nonsense.sendto(bytes_[:2] + GARBAGE, who)
        except OSError:
            pass

    threading.Thread(target=talk, daemon=True).start()
    hung.freeze()
    try:
        found = once(target({"udp": "name: www.shop.test", "tcp": "name: www.shop.test, transport: tcp"}, *ports.values()))
    finally:
        nonsense.close()
        hung.close()
    udp, tcp = ({name: found[how][f"127.0.0.1:{port}"] for name, port in ports.items()} for how in ("udp", "tcp"))
    for events in (udp, tcp):
        is_(events["well"], "ok", "ok")
        is_(events["hung"], "critical", "timeout")
        is_(events["gone"], "critical", "refused")
    assert udp["hung"]["measures"]["tries"] == 3
    is_(udp["nonsense"], "critical", "garbage")
    is_(tcp["nonsense"], "critical", "refused")


def test_without_servers_those_of_resolv_conf_are_asked_and_named(once):
    names = NameServer()
    text = "  own: {type: dns, name: a.example, checks: {resolve: {timeout: 2s}, lacks: {check: resolve, name: b.example, type: AAAA}}}\n"
    try:
        found = once(text, under=names.under())
    finally:
        names.close()
    event = found["resolve"]["127.0.0.77"]
    is_(event, "ok", "ok", "127.0.0.1 in")
    assert event["evidence"]["servers_from"] == "/etc/resolv.conf"
    is_(found["lacks"]["127.0.0.77"], "critical", "nodata")


def test_our_own_configuration_is_unknown(once):
    found = once('  nameless: {type: dns, servers: [127.0.0.1]}\n  lost: {type: dns, name: a.example, servers: [no-such-server.invalid]}\n')
    assert found["resolve"][None]["status"] == "unknown" and "name" in found["resolve"][None]["hint"]
    is_(found["resolve"]["no-such-server.invalid"], "unknown", "dns")


def test_a_server_that_stops_and_comes_back(agent, bind):
    running = agent(f'version: 1\ntargets:\n  zone: {{type: dns, name: www.shop.test, servers: ["127.0.0.1:{bind.port}"], every: 500ms}}\n')
    subject = f"127.0.0.1:{bind.port}"
    running.wait_status("zone", "resolve", "ok", subject=subject)
    bind.kill()
    running.wait_status("zone", "resolve", "critical", subject=subject)
    seen = len(running.events)
    bind.start()
    running.wait_status("zone", "resolve", "ok", subject=subject, after=seen)
    running.end()
