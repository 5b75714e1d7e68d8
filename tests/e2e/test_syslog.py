"""The sink "syslog": RFC 5424 to a real rsyslog by UDP, TCP and TLS; away for a while, and with messages longer than it takes."""
import json
import pathlib
import signal
import socket

import pytest

import pki as authority
import servers
import sockets
from agent import runbookd
from servers import free_port
from test_admin import fetch, samples, value

CONF = """
global(workDirectory="{dir}" maxMessageSize="{longest}" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{chain}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imptcp")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="{auth}")
template(name="j" type="list" option.jsonf="on") {{
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="host" name="hostname" format="jsonf") property(outname="app" name="app-name" format="jsonf")
  property(outname="procid" name="procid" format="jsonf") property(outname="msgid" name="msgid" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf") property(outname="in" name="inputname" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf") property(outname="msg" name="msg" format="jsonf") }}
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imptcp" address="127.0.0.1" port="{tcp}" supportOctetCountedFraming="on")
input(type="imtcp" address="127.0.0.1" port="{tls}")
action(type="omfile" file="{dir}/out.json" template="j" flushOnTXEnd="on")
"""


class Rsyslog(servers.Server):
    """All three ways in; what came is in `messages`."""

    def __init__(self, pki, longest="64k", auth="anon"):
        super().__init__("rsyslog")
        self.udp, self.tcp, self.tls = free_port(), free_port(), free_port()
        (self.dir / "conf").write_text(CONF.format(dir=self.dir, ca=pki.root, chain=pki.chain("good"), key=pki.key("good"), udp=self.udp,
                                                   tcp=self.tcp, tls=self.tls, longest=longest, auth=auth))
        self.start()

    def start(self):
        (self.dir / "pid").unlink(missing_ok=True)
        self.spawn(["rsyslogd", "-n", "-f", self.dir / "conf", "-i", self.dir / "pid"])
        servers.wait_until(self.listens)

    def stop(self):
        """In order: what it has read is written."""
        self.process.terminate()
        self.process.wait(20)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.tls), 1).close()
            socket.create_connection(("127.0.0.1", self.tcp), 1).close()
            return True
        except OSError:
            return False

    @property
    def messages(self):
        file = pathlib.Path(self.dir / "out.json")
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [message for message in map(json.loads, lines) if message["app"] == "runbookd"]


@pytest.fixture(scope="module")
def pki():
    made = authority.Pki()
    yield made
    made.close()


@pytest.fixture
def rsyslog(pki):
    started = []

    def start(**wishes):
        started.append(Rsyslog(pki, **wishes))
        return started[-1]

    yield start
    for one in started:
        one.close()


def config(url, more="", targets=10, admin=None, state=""):
    checks = ", ".join(f"t{i}: {{type: tcp, url: \"tcp://127.0.0.1:{free_port()}\", every: 200ms}}" for i in range(targets))
    return f"""
agent: {{realm: tests, emit: all, heartbeat: 1s, snapshot: 0, {state} admin: {{listen: "127.0.0.1:{admin or free_port()}"}}}}
targets: {{{checks}}}
sinks: {{central: {{type: syslog, url: "{url}", batch: {{age: 100ms}}, retry: {{first: 50ms, most: 200ms}}, {more}}}}}
"""


def arrived(server):
    return [json.loads(message["msg"])["seq"] for message in server.messages]


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_every_event_arrives_whole_and_in_order(agent, rsyslog, pki, way):
    server = rsyslog()
    more = f"facility: local3, tls: {{ca: {pki.root}}}" if way == "tls" else "facility: local3"
    one = agent(config(f"{way}://localhost:{getattr(server, way)}", more))
    servers.wait_until(lambda: len(server.messages) > 60)
    one.end()
    servers.wait_until(lambda: arrived(server)[-1:] == [one.events[-1]["seq"]])
    assert arrived(server) == [event["seq"] for event in one.events]
    event = next(event for event in one.events if event["kind"] == "finding")
    message = next(message for message in server.messages if json.loads(message["msg"]) == event)
    assert message["facility"] == "local3" and message["severity"] == "crit"
    assert message["host"] == event["agent"]["node"] and message["procid"] == event["agent"]["boot"] and message["msgid"] == "finding"
    assert message["time"] == event["time"].replace("Z", "+00:00") or message["time"] == event["time"]
    for part in (f'target="{event["target"]}"', 'name="connect"', 'status="critical"', f'seq="{event["seq"]}"', 'realm="tests"'):
        assert part in message["sd"]


def test_away_for_a_while_everything_waits_and_arrives_also_over_a_restart_of_the_agent(agent, rsyslog, tmp_path):
    server, admin = rsyslog(), free_port()
    text = config(f"tcp://127.0.0.1:{server.tcp}", admin=admin, state=f"state: {tmp_path}/state,")
    one = agent(text)
    servers.wait_until(lambda: len(server.messages) > 20)
    one.process.send_signal(signal.SIGSTOP)  # what the receiver's kernel has, and it has not read, dies with it: nobody could know
    servers.wait_until(lambda: sockets.unread(server.tcp) == 0)
    server.stop()
    one.process.send_signal(signal.SIGCONT)
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_waiting", sink="central") > 100)
    assert value(samples(fetch(admin)[1]), "runbookd_sink_retries_total", sink="central") >= 1
    first = one.events[0]["agent"]["boot"]
    one.end()
    last = one.events[-1]["seq"]
    two = agent(text)
    second = two.wait_for(lambda event: True)["agent"]["boot"]
    server.start()
    servers.wait_until(lambda: {message["procid"] for message in server.messages} >= {first, second}, 30)
    two.end()
    got = [json.loads(message["msg"])["seq"] for message in server.messages if message["procid"] == first]
    about = {event["seq"] for event in one.events if event.get("step") in ("sink_down", "sink_up")}  # those never go through it
    assert set(got) == set(range(one.events[0]["seq"], last + 1)) - about
    assert list(dict.fromkeys(got)) == sorted(set(got)) and got[-1] == last


def test_udp_to_nobody_waits_and_is_said(agent, rsyslog):
    port = free_port()
    one = agent(config(f"udp://127.0.0.1:{port}", targets=1))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert f"127.0.0.1 port {port} by UDP: Connection refused" in down["message"]
    one.end()


def test_a_message_longer_than_the_receiver_takes_goes_as_a_sentence(agent, rsyslog):
    server = rsyslog(longest="1k")
    one = agent(config(f"tcp://127.0.0.1:{server.tcp}", "max_message: 900B", targets=1))
    servers.wait_until(lambda: any(message["msgid"] == "finding" for message in server.messages))
    one.end()
    message = next(message for message in server.messages if message["msgid"] == "finding")
    event = next(event for event in one.events if event["kind"] == "finding")
    assert 'cut="1"' in message["sd"] and message["msg"] == f"critical t0/connect: {event['message']}"


def test_whom_it_cannot_trust_it_tells_nothing(agent, rsyslog):
    server = rsyslog()
    one = agent(config(f"tls://localhost:{server.tls}", targets=1))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "cannot be trusted" in down["message"]
    one.end()
    assert server.messages == []


def test_a_client_certificate_lets_it_in(agent, rsyslog, pki):
    server = rsyslog(auth="x509/certvalid")
    one = agent(config(f"tls://localhost:{server.tls}", f"tls: {{ca: {pki.root}, certificate: {pki.chain('clientonly')}, key: {pki.key('clientonly')}}}",
                       targets=1))
    servers.wait_until(lambda: server.messages)
    one.end()


def test_a_configuration_that_cannot_be_is_refused(tmp_path):
    for written, said in [("url: \"tcp://h\"", "sinks.s.url: has no port, and TCP has no usual one; write the receiver's, such as tcp://h:514"),
                          ("url: \"http://h\"", "sinks.s.url: is none of udp://, tcp:// and tls://"),
                          ("url: \"udp://h\", max_message: 100KiB", "sinks.s.max_message: is more than a datagram holds, 65000"),
                          ("url: \"udp://h\", facility: local9", "is \"local9\", which is none of kern")]:
        file = tmp_path / "a.yaml"
        file.write_text(f"targets: {{}}\nagent: {{state: /tmp/x}}\nsinks: {{s: {{type: syslog, {written}}}}}\n")
        refused = runbookd("validate", "--offline", "-c", file)
        assert refused.code == 1 and said in refused.err + refused.out, refused.err + refused.out
    assert "sink:syslog" in json.loads(runbookd("schema").out)["$defs"]
