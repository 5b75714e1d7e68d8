"""A plan that waits is told to people: real plans of a real Redis, to Alertmanager, PagerDuty's interface and a channel's webhook."""
import json
import shlex

import receiver as receivers
import servers
from asking import Asker
from test_alertmanager import Alertmanager
from test_control_plans import QUEUE, config as plans
from test_pagerduty import PagerDuty


class Peers:
    """Who is told."""

    def __init__(self, tmp_path):
        self.alertmanager, self.pager, self.channel = Alertmanager(), PagerDuty(), receivers.Receiver()
        (tmp_path / "key").write_text("r0ut1ngkeyofthetests0123456789ab\n")
        (tmp_path / "hook").write_text(f"{self.channel.url}services/hook\n")
        self.sinks = f"""
sinks:
  am: {{type: alertmanager, urls: ["{self.alertmanager.url}"], resend: 500ms, only: {{kind: [finding, remediation], status: [warning, critical, unknown]}}}}
  pages: {{type: pagerduty, url: "{self.pager.url}v2/enqueue", routing_key: "${{file:{tmp_path}/key}}", batch: {{age: 50ms}}, only: {{level: warn}}}}
  ops: {{type: slack, url: "${{file:{tmp_path}/hook}}", batch: {{age: 50ms}}, only: {{kind: [remediation]}}}}
"""

    def close(self):
        for one in (self.alertmanager, self.pager, self.channel):
            one.close()

    def alerts(self):
        """Active ones: alertname, name and subject."""
        every = ((alert["labels"], alert) for alert in self.alertmanager.all())
        return {(labels["alertname"], labels["name"], labels.get("subject")): alert for labels, alert in every}

    def texts(self):
        return [json.loads(r.body)["text"] for r in list(self.channel.requests)]

    def pages(self, key):
        bodies = [json.loads(r.body) for r in list(self.pager.requests) if r.code == 202]
        return [b for b in bodies if b["dedup_key"].startswith(key)]


def steps_of(running):
    return [e["step"] for e in running.events if e["kind"] == "remediation"]


def begin(agent, redis, tmp_path, peers, **more):
    redis.do("rpush", "q", *QUEUE)
    running = agent(plans(redis.port, tmp_path / "state", more=peers.sinks, **more))
    waiting = running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "waiting")
    return running, Asker(running, tmp_path / "state" / "control.sock"), waiting


def test_a_plan_that_waits_is_told_with_what_to_paste_and_so_is_its_end(agent, redis, tmp_path):
    peers = Peers(tmp_path)
    try:
        running, asker, waiting = begin(agent, redis, tmp_path, peers)
        plan, told = waiting["plan"], ("runbookd.plan_waits", "set-aside", waiting["plan"])
        paste = [f"runbookd plan {plan}", f"runbookd approve {plan} --hash {waiting['plan_hash']}", f"runbookd reject {plan}"]
        servers.wait_until(lambda: {told, ("redis.queue_depth", "mails", "q")} <= set(peers.alerts()) and peers.texts() and peers.pages(waiting["id"]))
        alert = peers.alerts()[told]
        assert alert["labels"]["severity"] == "critical" and alert["labels"]["target"] == "cache" and alert["labels"]["realm"] == "tests/night"
        assert alert["annotations"]["command"].splitlines() == paste and alert["annotations"]["expires"] == waiting["expires"]
        what = alert["annotations"]["description"]
        assert what.startswith("redis:quarantine_queue on cache would touch 9 of 9 (") and f"until {waiting['expires']}" in what, what
        assert f"- {waiting['items'][0]['key']}: {waiting['items'][0]['what']}" in what, what
        page = peers.pages(waiting["id"])[0]
        assert page["event_action"] == "trigger" and page["payload"]["class"] == "runbookd.waiting" and page["payload"]["severity"] == "error"
        assert page["payload"]["custom_details"]["command"].splitlines() == paste and page["payload"]["custom_details"]["plan"] == what
        text = peers.texts()[0]
        assert text.startswith(f":hourglass_flowing_sand: *waiting* set-aside: plan {plan} waits") and text.splitlines()[-3:] == [f"`{line}`" for line in paste]
        # What was told is pasted, and does it.
        assert f"plan {plan}" in asker(*shlex.split(paste[0])[1:]).out
        assert f"approved {plan}  1 of 1" in asker(*shlex.split(paste[1])[1:]).out
        assert (redis.do("llen", "q"), redis.do("llen", "q:quarantine")) == ("0", "9")
        servers.wait_until(lambda: told not in peers.alerts())
        servers.wait_until(lambda: any("*applied* set-aside: " in t for t in peers.texts()))
        assert any(t.startswith(f":white_circle: *approved* set-aside: uid 0 approved plan {plan}, 1 of 1") for t in peers.texts())
        servers.wait_until(lambda: [p["event_action"] for p in peers.pages(waiting["id"])] == ["trigger", "resolve"])
        running.wait_status("cache", "mails", "ok", subject="q")
        servers.wait_until(lambda: ("redis.queue_depth", "mails", "q") not in peers.alerts())  # "only" has no ok, and it ends all the same
        finding = running.wait_status("cache", "mails", "critical", subject="q")["id"]
        servers.wait_until(lambda: [p["event_action"] for p in peers.pages(finding)] == ["trigger", "resolve"])
        running.end()
    finally:
        peers.close()


def test_a_plan_that_is_rejected_or_expires_is_told_to_have_ended(agent, redis, tmp_path):
    peers = Peers(tmp_path)
    try:
        running, asker, waiting = begin(agent, redis, tmp_path, peers, approval="approval: {expires: 2s, remind: 500ms}")
        servers.wait_until(lambda: peers.pages(waiting["id"]))
        asker("reject", waiting["plan"], "--reason", "not <now>")
        servers.wait_until(lambda: [p["event_action"] for p in peers.pages(waiting["id"])][-1] == "resolve")
        servers.wait_until(lambda: any("*rejected* set-aside: uid 0 rejected plan" in t and "not &lt;now&gt;" in t for t in peers.texts()))
        servers.wait_until(lambda: not any(name == "runbookd.plan_waits" for name, _, _ in peers.alerts()))
        assert "applied" not in steps_of(running)
        running.end()
    finally:
        peers.close()


def test_nobody_decides_and_that_is_told(agent, redis, tmp_path):
    peers = Peers(tmp_path)
    try:
        running, _, waiting = begin(agent, redis, tmp_path, peers, approval="approval: {expires: 2s, remind: 500ms}")
        expired = running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "expired")
        assert expired["id"] == waiting["id"]
        servers.wait_until(lambda: [p["event_action"] for p in peers.pages(waiting["id"])][-1] == "resolve")
        servers.wait_until(lambda: any(t.startswith(":white_circle: *expired* set-aside: nobody has decided") for t in peers.texts()))
        texts = [t for t in peers.texts() if waiting["plan"] in t]
        assert len([t for t in texts if t.startswith(":hourglass_flowing_sand: *waiting*")]) > 1, "it is said again"
        running.end()
    finally:
        peers.close()


def test_only_the_labels_that_were_asked_for_make_an_alert(agent, redis, tmp_path):
    alertmanager = Alertmanager()
    try:
        redis.do("rpush", "q", *QUEUE)
        running = agent(f"""
version: 1
agent: {{realm: tests, labels: {{env: e2e, team: ops}}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    labels: {{team: mail, severity: page, "a.b": x}}
    checks:
      mails: {{check: queue_depth, keys: [q], every: 200ms, warning: length > 5, critical: length > 20}}
sinks:
  am: {{type: alertmanager, urls: ["{alertmanager.url}"], resend: 500ms, labels: {{team: "${{label.team}}", route: "${{label.severity}}-${{severity}}", none: "${{label.none}}"}}}}
""")
        servers.wait_until(lambda: ("warning", "cache", "q") in alertmanager.alerts())
        alert = alertmanager.alerts()["warning", "cache", "q"]
        assert alert["labels"] == {"alertname": "redis.queue_depth", "realm": "tests", "target": "cache", "name": "mails", "subject": "q",
                                   "severity": "warning", "team": "mail", "route": "page-warning"}
        running.end()
    finally:
        alertmanager.close()
