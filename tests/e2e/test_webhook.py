"""The sink "webhook": requests with the operator's own body, whatever is in the event; and what becomes of a receiver's bad days."""
import json

import receiver as receivers
import servers
from agent import runbookd
from test_admin import fetch, samples, value


class Receiver(receivers.Receiver):
    """Takes other methods, too."""

    def up(self):
        super().up()
        handler = self.server.RequestHandlerClass
        handler.do_PUT = handler.do_PATCH = handler.do_POST


def test_a_body_of_ones_own_is_whole_whatever_is_said(agent, redis, tmp_path):
    port, secret = servers.free_port(), "T000-B000-of-the-hook"
    receiver = Receiver(fault=lambda number, request: {0: 503, 2: (429, {"Retry-After": "1"})}.get(number))
    (tmp_path / "hook").write_text(f"{receiver.url}hooks/{secret}\n")
    (tmp_path / "key").write_text("key-of-the-hook\n")
    odd = 'q"}],\\ ${event.seq}'
    try:
        running = agent(f"""
version: 1
agent: {{realm: tests, admin: {{listen: "127.0.0.1:{port}"}}}}
targets:
  queues:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    checks:
      mails: {{check: queue_depth, keys: ['{odd}'], every: 200ms, critical: length > 5}}
sinks:
  chat:
    type: webhook
    url: "${{file:{tmp_path}/hook}}"
    method: PUT
    headers: {{X-Key: "${{file:{tmp_path}/key}}"}}
    body:
      text: "${{notice.title}}"
      more: ["${{notice.body}}", "${{notice.command}}"]
      entity: {{id: "${{event.id}}", queue: "${{event.subject}}", length: "${{event.measures.length}}", measures: "${{event.measures}}"}}
      status: "${{event.status}} in ${{event.agent.realm}}"
      fixed: 3
    batch: {{age: 100ms}}
    retry: {{first: 20ms, most: 100ms}}
""")
        running.wait_status("queues", "mails", "ok", subject=odd)
        redis.do("rpush", odd, *range(8))
        bad = running.wait_status("queues", "mails", "critical", subject=odd)
        seen = len(running.events)
        redis.do("del", odd)
        well = running.wait_status("queues", "mails", "ok", subject=odd, after=seen)
        servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_sink_retries_total", sink="chat") >= 2)
        servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_sink_waiting", sink="chat") == 0)
        running.end()
        taken = [request for request in receiver.requests if request.code == 200]
        assert len(taken) == 2  # what is not for people is not said, and nothing twice
        for request, event in zip(taken, (bad, well)):
            body = json.loads(request.body)
            assert body["entity"] == {"id": event["id"], "queue": odd, "length": event["measures"]["length"], "measures": event["measures"]}
            assert body["status"] == f"{event['status']} in tests" and body["fixed"] == 3
            assert event["message"] in body["text"] + "\n".join(body["more"])
            assert request.path == f"/hooks/{secret}" and request.headers["X-Key"] == "key-of-the-hook"
            assert request.headers["Content-Type"] == "application/json"
        assert "runbookd show" in json.loads(taken[0].body)["more"][1]
        printed = "".join(running.errors) + json.dumps(running.events)
        assert secret not in printed and "key-of-the-hook" not in printed
    finally:
        receiver.close()


def test_all_events_as_text_with_a_type_of_ones_own(agent):
    receiver = Receiver()
    try:
        running = agent(f"""
agent: {{realm: tests, heartbeat: 1s}}
targets: {{nobody: {{type: tcp, url: "tcp://127.0.0.1:{servers.free_port()}", every: 1s}}}}
sinks:
  raw: {{type: webhook, what: events, url: "{receiver.url}", headers: {{content-type: text/x-events}},
         body: "${{event.kind}} ${{event.seq}}: ${{event.message}}", batch: {{age: 50ms}}}}
""")
        running.wait_for(lambda event: event.get("step") == "heartbeat")
        running.end()
        assert [request.body.decode() for request in receiver.requests] == [f"{event['kind']} {event['seq']}: {event['message']}"
                                                                            for event in running.events]
        assert {request.headers.get_all("Content-Type")[0] for request in receiver.requests} == {"text/x-events"}
    finally:
        receiver.close()


def test_a_configuration_that_cannot_be_is_refused(tmp_path):
    for written, said in [("body: {text: \"${notice.titel}\"}", "sinks.s.body: ${notice.titel} is not known here; write ${event.MEMBER}, or ${notice.title}"),
                          ("body: '{\"text\": \"${event.message}\"}'", "sinks.s.body: is JSON in a text, which what is put in could break; write it as a map"),
                          ("body: {}, bearer: t, user: u", "sinks.s.bearer: cannot be together with user"),
                          ("body: {}, method: GET", "is \"GET\", which is none of POST, PUT, PATCH"),
                          ("what: notices", "sinks.s.body")]:
        file = tmp_path / "a.yaml"
        file.write_text(f"targets: {{}}\nagent: {{state: /tmp/x}}\nsinks: {{s: {{type: webhook, url: \"http://h\", {written}}}}}\n")
        refused = runbookd("validate", "--offline", "-c", file)
        assert refused.code == 1 and said in refused.err + refused.out, refused.err + refused.out
    assert "sink:webhook" in json.loads(runbookd("schema").out)["$defs"]
