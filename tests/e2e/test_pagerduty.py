"""The sink "pagerduty", against what Events API v2 is defined to take: there is no PagerDuty on loopback."""
import datetime
import json
import time
import urllib.request

import jsonschema

import receiver as receivers
import servers
from test_alertmanager import Alertmanager

# As the API's reference has it: required members, enumerations and longest texts.
EVENT = {
    "type": "object", "required": ["routing_key", "event_action"], "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "client": {"type": "string"}, "client_url": {"type": "string"},
        "payload": {
            "type": "object", "required": ["summary", "source", "severity"], "additionalProperties": False,
            "properties": {"summary": {"type": "string", "maxLength": 1024}, "source": {"type": "string"}, "timestamp": {"type": "string"},
                           "severity": {"enum": ["critical", "error", "warning", "info"]}, "component": {"type": "string"},
                           "group": {"type": "string"}, "class": {"type": "string"}, "custom_details": {"type": "object"}}},
        "links": {"type": "array", "items": {"type": "object", "required": ["href"]}},
        "images": {"type": "array"},
    },
    "allOf": [{"if": {"properties": {"event_action": {"const": "trigger"}}}, "then": {"required": ["payload"]}, "else": {"required": ["dedup_key"]}}],
}


class PagerDuty(receivers.Receiver):
    """Accepts as the API does: 202, and 400 for what is not as it is defined."""

    def __init__(self, trouble=None):
        self.trouble = trouble or {}
        super().__init__(fault=self.judge)

    def judge(self, number, request):
        try:
            jsonschema.validate(json.loads(request.body), EVENT)
        except jsonschema.ValidationError as error:
            self.wrong = error
            return 400
        return self.trouble.get(number, 202)

    def incidents(self):
        """What was accepted, in order: action, key."""
        return [(body["event_action"], body["dedup_key"]) for body in (json.loads(r.body) for r in list(self.requests) if r.code == 202)]


def config(redis, url, key):
    return f"""
version: 1
agent: {{realm: tests, heartbeat: 1s}}
targets:
  queues:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 500ms
    doc: https://runbooks.example.org/queues
    checks:
      mails: {{check: queue_depth, keys: ["q:a", "q:b"], every: 200ms, critical: length > 5}}
sinks:
  pages: {{type: pagerduty, url: "{url}v2/enqueue", routing_key: "${{file:{key}}}", batch: {{age: 50ms}}, retry: {{first: 20ms, most: 100ms}}}}
"""


def test_what_is_wrong_triggers_and_what_is_well_again_resolves(agent, redis, tmp_path):
    key = "r0ut1ngkeyofthetests0123456789ab"
    (tmp_path / "key").write_text(key + "\n")
    pager = PagerDuty({0: 500, 1: (429, {"Retry-After": "0"})})
    try:
        running = agent(config(redis, pager.url, tmp_path / "key"))
        running.wait_status("queues", "mails", "ok", subject="q:a")
        redis.do("rpush", "q:a", *range(8))
        bad = running.wait_status("queues", "mails", "critical", subject="q:a")
        redis.do("del", "q:a")
        running.wait_status("queues", "mails", "ok", subject="q:a", after=running.events.index(bad) + 1)
        running.end()
        assert pager.incidents() == [("trigger", bad["id"]), ("resolve", bad["id"])]
        trigger = next(json.loads(r.body) for r in pager.requests if r.code == 202)
        assert trigger["payload"]["summary"] == f"queues/mails[q:a]: {bad['message']}" and trigger["payload"]["severity"] == "critical"
        assert trigger["payload"]["custom_details"]["command"] == "runbookd show queues/mails"
        assert trigger["links"] == [{"href": "https://runbooks.example.org/queues", "text": "the runbook"}]
        assert [r.path for r in pager.requests][-1] == "/v2/enqueue" and len(pager.requests) == 4
        assert key not in "".join(running.errors) + json.dumps(running.events)
    finally:
        pager.close()


def test_the_definition_fits_another_sender_too():
    """Alertmanager speaks Events API v2 as well: what it sends, EVENT takes, so that ours is not held against a picture of ours alone."""
    pager = PagerDuty()
    away = Alertmanager(f"name: pages, pagerduty_configs: [{{routing_key: {'k' * 32}, url: \"{pager.url}\"}}]",
                        ", group_wait: 10ms, group_interval: 100ms, repeat_interval: 1h")

    def tell(minutes):
        now = datetime.datetime.now(datetime.timezone.utc)
        alert = {"labels": {"alertname": "DiskFull", "severity": "critical"}, "annotations": {"summary": "full"},
                 "startsAt": (now - datetime.timedelta(hours=1)).isoformat(), "endsAt": (now + datetime.timedelta(minutes=minutes)).isoformat()}
        urllib.request.urlopen(urllib.request.Request(f"{away.url}/api/v2/alerts", json.dumps([alert]).encode(),
                                                      {"Content-Type": "application/json"}), timeout=10).close()

    try:
        tell(10)
        servers.wait_until(lambda: pager.requests)
        tell(-1)
        servers.wait_until(lambda: len(pager.requests) >= 2)
        assert [action for action, _ in pager.incidents()][:2] == ["trigger", "resolve"], getattr(pager, "wrong", pager.requests)
    finally:
        away.close()
        pager.close()


def test_without_its_key_everything_waits(agent, redis, tmp_path):
    """A request without one would be refused as if the event were wrong, and set aside."""
    key = tmp_path / "key"
    key.write_text("r0ut1ngkeyofthetests0123456789ab\n")
    pager = PagerDuty({})
    try:
        running = agent(config(redis, pager.url, key))
        running.wait_status("queues", "mails", "ok", subject="q:a")
        key.rename(tmp_path / "away")
        time.sleep(1.5)  # a file is read again once a second at most
        redis.do("rpush", "q:a", *range(8))
        bad = running.wait_status("queues", "mails", "critical", subject="q:a")
        assert running.wait_for(lambda e: "cannot be read" in e.get("message", "") and e["kind"] == "agent")
        assert not pager.requests
        (tmp_path / "away").rename(key)
        servers.wait_until(lambda: ("trigger", bad["id"]) in pager.incidents())
        running.end()
    finally:
        pager.close()
