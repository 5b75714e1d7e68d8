"""The sink "kafka": librdkafka's mock cluster in a process of its own, with a consumer, and kafka-python, which
shares no code with it; SASL over TLS against a broker's first words."""
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import threading

import pytest
from kafka import KafkaConsumer, TopicPartition

import pki as authority
import servers
from agent import RUNBOOKD, SECRETS, runbookd
from servers import free_port
from test_admin import fetch, samples, value

KAFKASERVER = pathlib.Path(RUNBOOKD).with_name("kafkaserver")


class Kafka:
    """One broker, three partitions; what its consumer got is in `messages`."""

    def __init__(self, topic="events"):
        self.process = subprocess.Popen([KAFKASERVER, topic], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.brokers, self.messages = self.process.stdout.readline().strip(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.messages.append(json.loads(line))

    def tell(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def of(self, boot):
        return [message["value"]["seq"] for message in list(self.messages) if message["value"]["agent"]["boot"] == boot]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture
def kafka():
    one = Kafka()
    yield one
    one.close()


def config(brokers, more="", targets=10, admin=None, state=""):
    checks = ", ".join(f"t{i}: {{type: tcp, url: \"tcp://127.0.0.1:{free_port()}\", every: 200ms}}" for i in range(targets))
    return f"""
agent: {{realm: tests, emit: all, heartbeat: 1s, snapshot: 0, {state} admin: {{listen: "127.0.0.1:{admin or free_port()}"}}}}
targets: {{{checks}}}
sinks: {{fleet: {{type: kafka, brokers: ["{brokers}"], topic: events, batch: {{age: 100ms}}, retry: {{first: 50ms, most: 200ms}}, {more}}}}}
"""


def assert_in_order(kafka):
    """Of one key in one partition, each once and in order."""
    by_key = {}
    for message in kafka.messages:
        by_key.setdefault((message["value"]["agent"]["boot"], message["key"]), []).append((message["partition"], message["value"]["seq"]))
    for key, seen in by_key.items():
        assert len({partition for partition, _ in seen}) == 1, key
        order = list(dict.fromkeys(seq for _, seq in seen))
        assert order == sorted(order), key


def test_every_event_is_a_message_whose_key_is_the_findings_id(agent, kafka):
    one = agent(config(kafka.brokers, "compress: zstd"))
    servers.wait_until(lambda: len(kafka.messages) > 60)
    one.end()
    boot = one.events[0]["agent"]["boot"]
    servers.wait_until(lambda: len(kafka.of(boot)) == len(one.events))
    assert sorted(kafka.of(boot)) == [event["seq"] for event in one.events]  # each once
    events = {event["seq"]: event for event in one.events}
    for message in kafka.messages:
        assert message["value"] == events[message["value"]["seq"]]
        assert message["key"] == message["value"].get("id", boot)
    assert len({message["partition"] for message in kafka.messages}) > 1
    assert_in_order(kafka)


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_a_reader_that_is_not_librdkafka_reads_the_same(agent, kafka, codec):
    one = agent(config(kafka.brokers, f"compress: {codec}"))
    servers.wait_until(lambda: len(kafka.messages) > 40)
    one.end()
    reader = KafkaConsumer(bootstrap_servers=kafka.brokers)
    try:
        reader.assign([TopicPartition("events", number) for number in range(3)])
        reader.seek_to_beginning()
        read = []

        def all_read():
            read.extend(message for some in reader.poll(500).values() for message in some)
            return len(read) >= len(one.events)

        servers.wait_until(all_read, 40)
    finally:
        reader.close()
    events = {event["seq"]: event for event in one.events}
    values = [json.loads(message.value) for message in read]
    assert sorted(value["seq"] for value in values) == sorted(events) and all(value == events[value["seq"]] for value in values)
    assert [message.key.decode() for message in read] == [value.get("id", value["agent"]["boot"]) for value in values]


def test_a_broker_that_is_away_gets_everything_when_it_is_back_also_over_a_restart_of_the_agent(agent, kafka, tmp_path):
    admin = free_port()
    text = config(kafka.brokers, "timeout: 1s", admin=admin, state=f"state: {tmp_path}/state,")
    one = agent(text)
    servers.wait_until(lambda: len(kafka.messages) > 20)
    kafka.tell("down")
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_waiting", sink="fleet") > 150, 40)
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_retries_total", sink="fleet") >= 1)
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "timed out" in down["message"] and kafka.brokers in down["message"], down["message"]
    first = one.events[0]["agent"]["boot"]
    one.end()
    two = agent(text)
    second = two.wait_for(lambda event: True)["agent"]["boot"]
    kafka.tell("up")
    servers.wait_until(lambda: kafka.of(first) and kafka.of(second), 40)
    two.end()
    about = {event["seq"] for event in one.events if event.get("step") in ("sink_down", "sink_up")}  # those never go through it
    wanted = {event["seq"] for event in one.events} - about
    servers.wait_until(lambda: set(kafka.of(first)) >= wanted)
    assert set(kafka.of(first)) == wanted
    assert_in_order(kafka)


def test_what_a_broker_answers_with_an_error_is_sent_again(agent, kafka):
    kafka.tell("errors 3 6")  # NOT_LEADER_FOR_PARTITION, which librdkafka itself tries again
    one = agent(config(kafka.brokers, targets=2))
    servers.wait_until(lambda: len(kafka.messages) > 10)
    one.end()
    boot = one.events[0]["agent"]["boot"]
    servers.wait_until(lambda: len(set(kafka.of(boot))) == len(one.events))
    assert_in_order(kafka)


def test_only_what_failed_is_sent_again_and_the_last_of_a_key_is_the_newest(agent, kafka):
    admin = free_port()
    text = config(kafka.brokers, targets=20, admin=admin).replace("batch: {age: 100ms}", "batch: {age: 2s}")  # a parcel: a hundred messages
    one = agent(text)
    servers.wait_until(lambda: len(kafka.messages) > 20)
    kafka.tell("errors 1 29")  # TOPIC_AUTHORIZATION_FAILED: the next request, which is for one partition, fails for good
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_retries_total", sink="fleet") >= 1, 40)
    one.end()
    boot = one.events[0]["agent"]["boot"]
    servers.wait_until(lambda: set(kafka.of(boot)) == {event["seq"] for event in one.events})
    seen, again, last = set(), [], {}
    for message in kafka.messages:
        seq = message["value"]["seq"]
        if seq in seen:
            again.append((message["partition"], seq))
        seen.add(seq)
        last[message["key"]] = seq
    assert len({partition for partition, _ in again}) <= 1, again  # what the other partitions have is not sent again
    assert last == {event.get("id", boot): event["seq"] for event in one.events}


def test_what_it_refuses_is_set_aside_and_the_rest_arrives(agent, kafka, tmp_path):
    one = agent(config(kafka.brokers, "batch: {count: 1, age: 0}", targets=1, state=f"state: {tmp_path}/state,").replace("batch: {age: 100ms}, ", ""))
    servers.wait_until(lambda: len(kafka.messages) > 3)
    kafka.tell("errors 1 10")  # MSG_SIZE_TOO_LARGE
    aside = one.wait_for(lambda event: event.get("step") == "sink_quarantined")
    assert "Message size too large" in aside["message"]
    number = aside["seq"]
    servers.wait_until(lambda: any(message["value"]["seq"] > number for message in kafka.messages))
    one.end()


def test_without_the_library_it_says_what_is_missing(agent, tmp_path):
    (tmp_path / "librdkafka.so.1").write_text("this is no library")
    one = agent(config("127.0.0.1:9", targets=1), env={"LD_LIBRARY_PATH": str(tmp_path)})
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "librdkafka.so.1 cannot be loaded" in down["message"] and "install librdkafka" in down["message"]
    one.end()
    checked = runbookd("validate", "--offline", "-c", written(tmp_path, config("127.0.0.1:9", targets=1)), env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert checked.code == 0 and "warning: sinks.fleet: librdkafka.so.1 cannot be loaded" in checked.err + checked.out, checked.err + checked.out
    assert "install librdkafka, Debian's package librdkafka1" in checked.err + checked.out
    here = runbookd("validate", "--offline", "-c", written(tmp_path, config("127.0.0.1:9", targets=1)))
    assert here.code == 0 and "librdkafka" not in here.err + here.out


def written(folder, text):
    (folder / "written.yaml").write_text(text)
    return folder / "written.yaml"


class Broker:
    """As far as a broker gets with SASL PLAIN: which APIs it knows, which mechanism, who it is; then it refuses."""

    def __init__(self, context):
        self.context, self.seen = context, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                taken, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken):
        try:
            stream = self.context.wrap_socket(taken, server_side=True).makefile("rwb")
            while True:
                (length,) = struct.unpack(">i", stream.read(4))
                body = stream.read(length)
                key, version, number, name = struct.unpack(">hhih", body[:10])
                rest = body[10 + max(name, 0):]
                stream.write(self._reply(number, self._answer(key, version, rest)))
                stream.flush()
        except (OSError, struct.error):
            pass

    @staticmethod
    def _reply(number, body):
        return struct.pack(">ii", 4 + len(body), number) + body

    def _answer(self, key, version, rest):
        if key == 18:  # ApiVersions: version 0 alone, whatever was asked for
            if version > 0:
                return struct.pack(">hi", 35, 0)
            apis = [(0, 0, 7), (1, 0, 4), (3, 0, 2), (17, 0, 1), (18, 0, 0), (22, 0, 1), (36, 0, 0)]
            return struct.pack(">hi", 0, len(apis)) + b"".join(struct.pack(">hhh", *api) for api in apis)
        if key == 17:  # SaslHandshake
            self.seen.append(("mechanism", rest[2:].decode()))
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        assert key == 36  # SaslAuthenticate
        self.seen.append(("who", rest[4:]))
        return struct.pack(">hh", 58, 7) + b"refused" + struct.pack(">i", 0)

    def close(self):
        self.socket.close()


def test_user_and_password_go_over_tls_alone_and_a_new_password_is_read(agent, tmp_path):
    pki, (password,) = authority.Pki(), SECRETS
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.chain("good"), pki.key("good"))
    broker = Broker(context)
    (tmp_path / "password").write_text(password + "\n")
    more = (f"transport: tls, tls: {{ca: {pki.root}}}, mechanism: PLAIN, user: agent, password: \"${{file:{tmp_path}/password}}\", timeout: 1s")
    try:
        one = agent(config(f"localhost:{broker.port}", more, targets=1))
        servers.wait_until(lambda: ("who", b"\0agent\0" + password.encode()) in broker.seen)
        assert ("mechanism", "PLAIN") in broker.seen
        (tmp_path / "password").write_text("another-" + password + "\n")
        servers.wait_until(lambda: ("who", b"\0agent\0another-" + password.encode()) in broker.seen)
        down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
        assert "refused" in down["message"]
        one.end()
        trusting = len(broker.seen)
        stranger = agent(config(f"localhost:{broker.port}", more.replace(f"tls: {{ca: {pki.root}}}, ", ""), targets=1))
        down = stranger.wait_for(lambda event: event.get("step") == "sink_down", 40)
        assert "certificate" in down["message"] and len(broker.seen) == trusting  # whom it cannot trust it tells nothing
        stranger.end()
    finally:
        broker.close()
        pki.close()


def test_a_configuration_that_cannot_be_is_refused(tmp_path):
    for written, said in [("brokers: [], topic: t", "sinks.s.brokers: is empty"),
                          ("brokers: [\"a:1,b:2\"], topic: t", "sinks.s.brokers: a:1,b:2 is not HOST:PORT; write one broker an item, such as kafka-1:9092"),
                          ("brokers: [\"a:1\"]", "sinks.s.topic"),
                          ("brokers: [\"a:1\"], topic: t, mechanism: PLAIN", "sinks.s.mechanism: needs user and password"),
                          ("brokers: [\"a:1\"], topic: t, user: u", "sinks.s.user: says nothing without mechanism; write PLAIN"),
                          ("brokers: [\"a:1\"], topic: t, tls: {verify: none}", "sinks.s.tls: says nothing unless transport is tls"),
                          ("brokers: [\"a:1\"], topic: t, transport: tls, tls: {name: x}", "sinks.s.tls.name: "),
                          ("brokers: [\"a:1\"], topic: t, compress: brotli", "is \"brotli\", which is none of none, gzip, snappy, lz4, zstd")]:
        file = tmp_path / "a.yaml"
        file.write_text(f"targets: {{}}\nagent: {{state: /tmp/x}}\nsinks: {{s: {{type: kafka, {written}}}}}\n")
        refused = runbookd("validate", "--offline", "-c", file)
        assert refused.code == 1 and said in refused.err + refused.out, refused.err + refused.out
    assert "sink:kafka" in json.loads(runbookd("schema").out)["$defs"]
