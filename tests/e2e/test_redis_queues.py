"""queue_depth, queue_failed and queue_stalled on the keys that Bull, Sidekiq, Celery, streams and plain lists really leave behind."""
import base64
import json
import socket
import time

import pytest

import servers
from servers import wait_until
from servers_redis import client, once, target


@pytest.fixture(scope="module")
def server():
    server = servers.Redis()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def clean(server):
    server.do("flushall")


def look(tmp_path, server, check, subject, **options):
    return once(tmp_path, server.url, {check: options}).finding(check, subject)


# ---------------------------------------------------------- queue_depth ----


def test_each_kind_of_queue_has_its_length(server, tmp_path):
    server.do("lpush", "plain", *range(3))
    server.do("zadd", "later", 1, "a", 2, "b")
    server.do("lpush", "bull:mails:wait", *range(4))
    server.do("lpush", "bull:mails:paused", 1)
    server.do("zadd", "bull:mails:failed", 1, 1)
    server.do("lpush", "queue:default", "{}", "{}")
    server.do("zadd", "retry", 1, "a")
    server.do("zadd", "schedule", 1, "a", 2, "b")
    server.do("zadd", "dead", 1, "a", 2, "b", 3, "c")
    server.do("lpush", "celery", 1, 2)
    server.do("lpush", "celery\x06\x163", 1)
    server.do("lpush", "celery\x06\x169", 1, 2)
    server.do("zadd", "unacked_index", 1, "tag")
    result = once(tmp_path, server.url, {"queue_depth": {"keys": ["plain", "later", "bull:mails:waiting"], "bull": ["mails"],
                                                         "sidekiq": ["default"], "celery": ["celery"]}})

    def measures(subject):
        return {k: v for k, v in result.finding("queue_depth", subject)["measures"].items() if k != "exists"}

    assert measures("plain") == {"length": 3} and measures("later") == {"length": 2}
    assert measures("bull:mails") == {"length": 5, "paused": 1, "active": 0, "delayed": 0, "failed": 1}
    assert measures("sidekiq:default") == {"length": 2, "delayed": 3, "failed": 3}
    assert measures("celery:celery") == {"length": 5, "active": 1}
    missing = result.finding("queue_depth", "bull:mails:waiting")
    assert missing["measures"]["exists"] == 0 and ":wait" in missing["hint"]


def test_a_stream_waits_for_its_slowest_group(server, tmp_path):
    for number in range(10):
        server.do("xadd", "events", "*", "n", number)
    assert look(tmp_path, server, "queue_depth", "events", keys=["events"])["measures"]["length"] == 10
    server.do("xgroup", "create", "events", "fast", "0")
    server.do("xgroup", "create", "events", "slow", "0")
    server.do("xreadgroup", "group", "fast", "one", "count", 10, "streams", "events", ">")
    server.do("xreadgroup", "group", "slow", "two", "count", 3, "streams", "events", ">")
    finding = look(tmp_path, server, "queue_depth", "events", keys=["events"])
    assert finding["measures"]["length"] == 7 and finding["measures"]["active"] == 13, finding
    rows = {row["group"]: (row["lag"], row["pending"]) for row in finding["evidence"]["by_group"]}
    assert rows == {"fast": (0, 10), "slow": (7, 3)} and finding["evidence"]["entries"] == 10, finding


def test_a_queue_that_grows_is_graded(server, tmp_path):
    server.do("eval", "for i = 1, 1500 do redis.call('lpush', 'jobs', i) end", 0)
    assert look(tmp_path, server, "queue_depth", "jobs", keys=["jobs"])["status"] == "warning"
    server.do("eval", "for i = 1, 9000 do redis.call('lpush', 'jobs', i) end", 0)
    assert look(tmp_path, server, "queue_depth", "jobs", keys=["jobs"])["status"] == "critical"


# --------------------------------------------------------- queue_failed ----

REASON = "Payment of alice@example.com declined: card '4111 1111' for order 77812"
MASKED = "Payment of ? declined: card ? for order ?"


def test_nothing_that_failed_is_ok(server, tmp_path):
    result = once(tmp_path, server.url, {"queue_failed": {"keys": ["jobs:failed"], "bull": ["mails"], "sidekiq": ["default"]}})
    assert [e["status"] for e in result.events if e["kind"] == "finding"] == ["ok"] * 3, result.out


def test_a_poisoned_queue_of_bull_says_why_without_saying_whose(server, tmp_path):
    now = int(time.time() * 1000)
    for number in range(60):
        server.do("zadd", "bull:pay:failed", now - number * 1000, number)
        server.do("hset", f"bull:pay:{number}", "name", "charge", "failedReason", REASON, "attemptsMade", 5, "finishedOn", now - number * 1000,
                  "data", '{"email": "alice@example.com"}')
    finding = look(tmp_path, server, "queue_failed", "bull:pay", bull=["pay"])
    assert finding["status"] == "critical" and finding["measures"]["count"] == 60, finding
    assert 58 <= finding["measures"]["oldest_age_seconds"] <= 70
    assert finding["evidence"]["top_errors"] == [{"error": MASKED, "count": 10}], finding
    assert len(finding["evidence"]["last"]) == 10 and finding["evidence"]["last"][0]["job"] == "charge"
    assert "alice" not in json.dumps(finding) and "4111" not in json.dumps(finding) and "77812" not in json.dumps(finding)


def test_the_dead_of_sidekiq_failed_lists_and_dead_letter_streams(server, tmp_path):
    now = time.time()
    job = json.dumps({"class": "Invoice", "args": ["bob@example.com"], "error_class": "Net::ReadTimeout", "error_message": "bob@example.com: slow",
                      "failed_at": now - 100, "retry_count": 25})
    server.do("zadd", "dead", now - 100, job)
    server.do("rpush", "jobs:failed", job, "no json at all: s3cr3t-of-the-tests")
    server.do("xadd", "dlq", f"{int(now * 1000) - 50000}-0", "error", "no route to 10.0.0.7", "payload", "s3cr3t-of-the-tests")
    result = once(tmp_path, server.url, {"queue_failed": {"keys": ["dead", "jobs:failed", "dlq"], "sidekiq": ["default"]}})
    assert "bob" not in result.out and "s3cr3t" not in result.out and "10.0.0.7" not in result.out
    for subject in ("dead", "sidekiq:default"):
        finding = result.finding("queue_failed", subject)
        assert finding["status"] == "warning" and 99 <= finding["measures"]["oldest_age_seconds"] <= 110, finding
        assert finding["evidence"]["last"][0]["job"] == "Invoice" and finding["evidence"]["top_errors"][0]["error"] == "Net::ReadTimeout: ? slow"
    assert result.finding("queue_failed", "jobs:failed")["measures"]["count"] == 2
    assert result.finding("queue_failed", "dlq")["evidence"]["top_errors"][0]["error"] == "no route to ?"


# -------------------------------------------------------- queue_stalled ----

STALLED = {"every": "100ms", "warning": "workers == 0 and length > 0", "critical": "stalled_seconds > 1"}


def stalls_and_goes_on(running, subject, stop, go_on):
    """The queue is fine, then nothing is taken, then it is taken again."""
    running.wait_status("cache", "queue_stalled", "ok", subject=subject)
    before = len(running.events)
    stop()
    found = running.wait_status("cache", "queue_stalled", "critical", subject=subject, after=before)
    assert found["measures"]["stalled_seconds"] > 1 and found["measures"]["length"] > 0, found
    before = len(running.events)
    go_on()
    running.wait_status("cache", "queue_stalled", "ok", subject=subject, after=before)


@pytest.mark.parametrize("push, pop, end", [("lpush", "rpop", "tail"), ("rpush", "lpop", "head")])
def test_a_list_whose_worker_stopped(server, agent, push, pop, end):
    jobs = "for i = 1, 5000 do redis.call(ARGV[1], 'jobs', i) end"
    server.do("eval", jobs, 0, push)
    worker = client(server, "-r", "100000", "-i", "0.02", pop, "jobs")
    producer = client(server, "-r", "100000", "-i", "0.02", push, "jobs", "{}")  # the length does not fall
    try:
        running = agent(target(server.url, {"queue_stalled": {**STALLED, "keys": ["jobs"], "consumed_from": end}}))
        stalls_and_goes_on(running, "jobs", lambda: worker.send_signal(19), lambda: worker.send_signal(18))
    finally:
        worker.send_signal(18)
        for one in (worker, producer):
            one.kill()
            one.wait()


class Worker:
    """A connection with a name, as BullMQ's workers have one."""

    def __init__(self, server, name):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.sendall(f"CLIENT SETNAME {name}\r\n".encode())
        assert self.socket.recv(100) == b"+OK\r\n"

    def close(self):
        self.socket.close()


def test_a_queue_of_bull_without_workers_and_one_whose_workers_hang(server, tmp_path, agent):
    old = int(time.time() * 1000) - 700_000
    for number in (1, 2, 3):
        server.do("lpush", "bull:mails:wait", number)
        server.do("hset", f"bull:mails:{number}", "timestamp", old)
    server.do("set", "bull:mails:id", 3)
    alone = look(tmp_path, server, "queue_stalled", "bull:mails", bull=["mails"])
    assert alone["status"] == "warning" and alone["measures"]["workers"] == 0 and 699 <= alone["measures"]["oldest_age_seconds"] <= 720, alone
    worker = Worker(server, "bull:" + base64.b64encode(b"mails").decode())
    other = Worker(server, "bull:" + base64.b64encode(b"mailsX").decode() + ":w:x")
    try:
        assert look(tmp_path, server, "queue_stalled", "bull:mails", bull=["mails"], warning="workers == 0")["measures"]["workers"] == 1
        running = agent(target(server.url, {"queue_stalled": {**STALLED, "bull": ["mails"]}}))
        running.wait_status("cache", "queue_stalled", "critical", subject="bull:mails")
        before = len(running.events)
        server.do("rpoplpush", "bull:mails:wait", "bull:mails:active")
        running.wait_status("cache", "queue_stalled", "ok", subject="bull:mails", after=before)
    finally:
        worker.close()
        other.close()


def test_a_stream_that_no_consumer_reads(server, agent):
    for number in range(200):
        server.do("xadd", "events", "*", "n", number)
    server.do("xgroup", "create", "events", "g", "0")
    reader = client(server, "-r", "100000", "-i", "0.05", "xreadgroup", "group", "g", "one", "count", 1, "streams", "events", ">")
    try:
        wait_until(lambda: "consumers" in server.do("xinfo", "groups", "events"))
        running = agent(target(server.url, {"queue_stalled": {**STALLED, "keys": ["events"]}}))
        stalls_and_goes_on(running, "events", lambda: reader.send_signal(19), lambda: reader.send_signal(18))
    finally:
        reader.send_signal(18)
        reader.kill()
        reader.wait()


def test_sidekiq_and_celery_say_how_old_the_next_one_is(server, tmp_path):
    server.do("lpush", "queue:default", json.dumps({"class": "A", "enqueued_at": time.time() - 900}), json.dumps({"enqueued_at": time.time()}))
    server.do("sadd", "processes", "worker-1:1:abc")
    server.do("lpush", "celery", "{}")
    result = once(tmp_path, server.url, {"queue_stalled": {"sidekiq": ["default"], "celery": ["celery"]}})
    finding = result.finding("queue_stalled", "sidekiq:default")
    assert finding["status"] == "warning" and finding["measures"]["workers"] == 1 and finding["measures"]["oldest_age_seconds"] >= 899, finding
    assert result.finding("queue_stalled", "celery:celery")["measures"] == {"length": 1, "stalled_seconds": 0}


def test_a_job_for_later_does_not_wait_yet(server, tmp_path):
    server.do("zadd", "delayed", int(time.time()) + 1000, "a")
    assert look(tmp_path, server, "queue_stalled", "delayed", keys=["delayed"])["measures"]["length"] == 0
    server.do("zadd", "delayed", int(time.time()) - 1000, "b")
    assert look(tmp_path, server, "queue_stalled", "delayed", keys=["delayed"])["status"] == "warning"


def test_names_that_cannot_be_are_refused(server, tmp_path):
    for check, options, says in (("queue_failed", {"celery": ["celery"]}, "Celery keeps no failed jobs"), ("queue_stalled", {}, "name at least one"),
                                 ("queue_depth", {"sidekiq": ["a", "a"]}, "twice")):
        result = once(tmp_path, server.url, {check: options})
        assert result.code != 0 and says in result.out + result.err, result.err
