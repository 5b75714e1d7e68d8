"""Silences shared with Alertmanager: read from a real one, written to it, ended on either side."""
import datetime
import http.server
import json
import threading
import time
import urllib.request

import pytest

import servers
from agent import runbookd
from asking import Asker
from test_alertmanager import Alertmanager


def call(alertmanager, method, path, body=None):
    request = urllib.request.Request(alertmanager.url + path, method=method, data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as reply:
        return json.loads(reply.read() or b"null")


def silence_there(alertmanager, *matchers, seconds=600):
    now = datetime.datetime.now(datetime.timezone.utc)
    return call(alertmanager, "POST", "/api/v2/silences", {
        "matchers": [{"name": n, "value": v, "isRegex": r, "isEqual": e} for n, v, r, e in matchers], "createdBy": "alice", "comment": "new pool",
        "startsAt": now.isoformat(), "endsAt": (now + datetime.timedelta(seconds=seconds)).isoformat()})["silenceID"]


def active_there(alertmanager):
    return [s for s in call(alertmanager, "GET", "/api/v2/silences") if s["status"]["state"] == "active"]


def config(redis, alertmanager, state):
    return f"""
version: 1
agent: {{realm: tests/night, repeat: 1s, state: {state}, labels: {{env: e2e}}}}
silences: {{alertmanager: {{url: "{alertmanager.url}", every: 200ms}}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 500ms
    labels: {{"a.b": x}}
    checks: {{mails: {{check: queue_depth, keys: [q, p], every: 200ms, critical: length > 5}}}}
"""


@pytest.fixture
def alertmanager():
    one = Alertmanager()
    yield one
    one.close()


@pytest.fixture
def begun(agent, redis, alertmanager, tmp_path):
    redis.do("rpush", "q", *range(9))
    running = agent(config(redis, alertmanager, tmp_path / "state"))
    running.wait_status("cache", "mails", "critical", subject="q")
    return running, Asker(running, tmp_path / "state" / "control.sock")


def wait_silenced(running, by, subject="q"):
    seen = len(running.events)
    return running.wait_for(lambda e: running.events.index(e) >= seen and e["kind"] == "finding" and e["name"] == "mails"
                            and e["subject"] == subject and e["silenced_by"] == by)


def test_a_silence_there_that_fits_a_finding_silences_it_here(begun, redis, alertmanager):
    running, asker = begun
    silence_there(alertmanager, ("target", "other", False, True))  # is about something else
    silence_there(alertmanager, ("alertname", "redis.queue_depth", False, True), ("subject", "p", False, True))
    fits = silence_there(alertmanager, ("alertname", "redis[.]queue_.*", True, True), ("a_b", "x", False, True), ("env", "prod", False, False),
                         ("severity", "critical|warning", True, True), ("realm", "tests/night", False, True))
    wait_silenced(running, fits[:8])
    row = asker.json("show", "cache/mails")["findings"]
    row = next(r for r in row if r["subject"] == "q")
    assert row["silenced_by"] == fits[:8] and row["silenced_who"] == "alice" and row["silenced_reason"] == "new pool" and row["silenced_until"]
    assert f"{fits[:8]}, by alice until " in asker("show", "cache/mails").out
    assert f"[silenced: {fits[:8]}]" in asker("findings").out
    assert "silences 0 and 3 of Alertmanager's" in asker("status", code=2).out
    listed = asker("silence", "list").out
    assert f"silence {fits[:8]}  alertname=~\"redis[.]queue_.*\"" in listed and "by alice: new pool" in listed and f"(in Alertmanager: {fits})" in listed
    # Whoever may end silences here ends that one as well.
    assert "ended in Alertmanager, too" in asker("silence", "end", fits[:8]).out
    wait_silenced(running, None)
    assert fits not in [s["id"] for s in active_there(alertmanager)]
    assert 'no silence "feedbeef" holds' in asker("silence", "end", "feedbeef", code=1).err
    running.end()


def test_a_silence_made_here_is_written_there_and_ends_on_both_sides(begun, redis, alertmanager):
    running, asker = begun
    said = asker("silence", "cache/mail*[q]", "--for", "10m", "--label", "a.b=x", "--reason", "pool fix").out
    assert "stored in Alertmanager, too" in said and said.startswith("silence s1  "), said
    there, = active_there(alertmanager)
    assert {(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in there["matchers"]} == {
        ("realm", "tests/night", False, True), ("target", "cache", False, True), ("name", "mail.*", True, True), ("subject", "q", False, True), ("a_b", "x", False, True)}
    assert there["createdBy"] == "uid 0" and there["comment"] == "pool fix"
    wait_silenced(running, "s1")
    assert "silences 1 and 0 of Alertmanager's" in asker("status", code=2).out, "it is ours, not one more"
    assert "ended in Alertmanager, too" in asker("silence", "end", "s1").out
    assert active_there(alertmanager) == []
    wait_silenced(running, None)
    # A person ends one there.
    asker("silence", "cache", "--for", "10m")
    there, = active_there(alertmanager)
    wait_silenced(running, "s2")
    call(alertmanager, "DELETE", f"/api/v2/silence/{there['id']}")
    ended = running.wait_for(lambda e: e.get("step") == "silence_ended" and "s2" in e["message"])
    assert "was ended in Alertmanager" in ended["message"]
    wait_silenced(running, None)
    # What is no star stands for itself there, too.
    asker("silence", "ca.he*", "--for", "10m")
    assert ("target", "ca\\.he.*", True) in [(m["name"], m["value"], m["isRegex"]) for s in active_there(alertmanager) for m in s["matchers"]]
    running.end()


def test_where_it_is_away_what_was_read_counts_and_it_is_told_later(begun, redis, alertmanager):
    running, asker = begun
    fits = silence_there(alertmanager, ("target", "cache", False, True))
    wait_silenced(running, fits[:8])
    alertmanager.kill()
    running.wait_for(lambda e: e.get("step") == "silences_unreachable")
    said = asker("silence", "cache/mails", "--for", "10m").out
    assert "not stored in Alertmanager yet, which is tried again: " in said, said
    assert "Alertmanager is not reached: " in asker("status", code=2).out
    assert "silenced" in asker("show", "cache/mails").out
    alertmanager.start()
    running.wait_for(lambda e: e.get("step") == "silences_shared")
    servers.wait_until(lambda: any(s["comment"] == "by runbookd silence, s1" for s in active_there(alertmanager)))
    assert len([s for s in active_there(alertmanager) if s["comment"].startswith("by runbookd")]) == 1
    running.end()


def test_what_is_ended_here_while_it_is_away_silences_nothing_more(begun, redis, alertmanager):
    """What was read last still lists it, and is not to bring it back as somebody else's."""
    running, asker = begun
    assert "stored in Alertmanager, too" in asker("silence", "cache/mails", "--for", "10m").out
    later = silence_there(alertmanager, ("target", "other", False, True))
    servers.wait_until(lambda: later[:8] in asker("silence", "list").out)  # then ours was read as well
    wait_silenced(running, "s1")
    alertmanager.kill()
    running.wait_for(lambda e: e.get("step") == "silences_unreachable")
    assert "not ended in Alertmanager yet, which is tried again: " in asker("silence", "end", "s1").out
    wait_silenced(running, None)
    running.end()


class Slow(http.server.BaseHTTPRequestHandler):
    """Stands before an Alertmanager, and takes a second to tell what that has answered to one kind of request."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = urllib.request.Request(self.server.behind + self.path, method=self.command, data=body or None, headers=dict(self.headers))
        with urllib.request.urlopen(request, timeout=5) as reply:
            answer = reply.read()
        self.server.posts += self.command == "POST"
        time.sleep(self.command == self.server.slow)
        if self.command == "GET" and self.server.gate:
            self.server.waits.set()
            self.server.gate.wait(5)
        self.send_response(500 if self.command == "POST" and self.server.gate else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_DELETE = do_POST

    def log_message(self, *words):
        pass


@pytest.fixture
def slow(alertmanager):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as one:
        one.behind, one.slow, one.posts, one.url = alertmanager.url, "POST", 0, f"http://127.0.0.1:{one.server_address[1]}"
        one.gate, one.waits = None, threading.Event()  # where there is a gate, lists wait at it, and who writes is not told
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def test_a_silence_on_its_way_is_not_sent_again(agent, redis, alertmanager, slow, tmp_path):
    running = agent(config(redis, slow, tmp_path / "state"))
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: e.get("step") == "started")
    said = asker("silence", "cache", "--for", "10m").out  # several rounds of reading fit into the second
    assert "stored in Alertmanager, too" in said, said
    assert len(active_there(alertmanager)) == 1 == slow.posts
    running.end()


def test_a_silence_that_ends_while_it_is_on_its_way_ends_there_too(agent, redis, alertmanager, slow, tmp_path):
    running = agent(config(redis, slow, tmp_path / "state"))
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: e.get("step") == "started")
    made = threading.Thread(target=asker, args=("silence", "cache", "--for", "10m"))
    made.start()
    servers.wait_until(lambda: slow.posts == 1)
    asker("silence", "end", "s1")
    made.join()
    servers.wait_until(lambda: active_there(alertmanager) == [])
    running.end()


def test_a_silence_that_was_taken_without_a_word_is_not_written_again(agent, redis, alertmanager, slow, tmp_path):
    text = config(redis, slow, tmp_path / "state").replace("every: 200ms", "every: 200ms, timeout: 300ms")
    running = agent(text)
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: e.get("step") == "started")
    assert "not stored in Alertmanager yet" in asker("silence", "cache", "--for", "10m", "--reason", "new pool").out
    assert "not stored in Alertmanager yet" in asker("silence", "cache/mails", "--for", "10m", "--reason", "new pool").out
    time.sleep(2)  # several rounds, in which nothing is missing there
    assert len(active_there(alertmanager)) == 2 == slow.posts
    slow.slow = None
    for name in ("s1", "s2"):
        assert "ended in Alertmanager, too" in asker("silence", "end", name).out
    assert active_there(alertmanager) == []
    running.end()


def test_a_list_from_before_does_not_say_that_it_was_not_taken(agent, redis, alertmanager, slow, tmp_path):
    slow.slow, slow.gate = None, threading.Event()
    running = agent(config(redis, slow, tmp_path / "state"))
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: e.get("step") == "started")
    assert slow.waits.wait(10)  # the list is read, and on its way
    assert "not stored in Alertmanager yet" in asker("silence", "cache", "--for", "10m").out
    slow.gate.set()
    time.sleep(2)  # several rounds
    assert len(active_there(alertmanager)) == 1 == slow.posts
    running.end()


def test_what_was_asked_before_a_silence_ended_does_not_bring_it_back(agent, redis, alertmanager, slow, tmp_path):
    redis.do("rpush", "q", *range(9))
    running = agent(config(redis, slow, tmp_path / "state"))
    asker = Asker(running, tmp_path / "state" / "control.sock")
    fits = silence_there(alertmanager, ("target", "cache", False, True))
    wait_silenced(running, fits[:8])
    slow.slow = "GET"
    for _ in range(3):
        fits = silence_there(alertmanager, ("target", "cache", False, True))
        servers.wait_until(lambda: fits[:8] in asker("silence", "list").out)  # noqa: B023
        time.sleep(0.4)  # now a list is on its way that has it
        asker("silence", "end", fits[:8])
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert fits[:8] not in asker("silence", "list").out
    running.end()


class Page(http.server.BaseHTTPRequestHandler):
    """What a proxy answers in Alertmanager's place."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>please log in</html>")

    def log_message(self, *words):
        pass


def test_what_is_no_list_of_silences_is_said(agent, redis, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        page.url = f"http://127.0.0.1:{page.server_address[1]}"
        running = agent(config(redis, page, tmp_path / "state"))
        said = running.wait_for(lambda e: e.get("step") == "silences_unreachable")
        assert "what it answered is no list of silences" in said["message"]
        running.end()
        page.shutdown()


def test_what_is_written_wrong_is_said(tmp_path):
    wrong = tmp_path / "c.yaml"
    wrong.write_text('version: 1\nsilences: {alertmanager: {url: "ftp://x", every: 0s, evry: 1s}}\n')
    said = runbookd("validate", "-c", wrong, events=False)
    assert said.code == 1
    assert "silences.alertmanager" in said.err and "http://" in said.err and "did you mean every?" in said.err, said.err
