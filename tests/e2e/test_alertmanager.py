"""The sink "alertmanager" against Debian's Alertmanager, two of them that know nothing of each other."""
import json
import urllib.request

import pytest

import servers
from agent import runbookd
from test_reload import replace, step


class Alertmanager(servers.Server):
    def __init__(self, receiver="name: nobody", route=""):
        super().__init__("alertmanager")
        self.port = servers.free_port()
        name = receiver.split(",")[0].removeprefix("name: ")
        (self.dir / "config.yml").write_text(f"route: {{receiver: {name}{route}}}\nreceivers: [{{{receiver}}}]\n")
        self.start()

    def start(self):
        self.spawn(["prometheus-alertmanager", f"--config.file={self.dir}/config.yml", f"--storage.path={self.dir}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="])
        servers.wait_until(self.alerts_or_none)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def all(self):
        """The alerts that are active."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=5) as reply:
            return json.load(reply)

    def alerts(self):
        """Them by severity, target and subject."""
        return {(a["labels"]["severity"], a["labels"]["target"], a["labels"].get("subject")): a for a in self.all()}

    def alerts_or_none(self):
        return self.alerts() is not None


@pytest.fixture
def pair():
    both = [Alertmanager(), Alertmanager()]
    yield both
    for one in both:
        one.close()


def config(redis, pair, more=""):
    urls = ", ".join(f'"{one.url}"' for one in pair)
    return f"""
version: 1
agent: {{realm: tests, heartbeat: 1s, labels: {{env: e2e}}}}
targets:
  queues:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 500ms
    labels: {{team: "mail", "a.b": "x"}}
    doc: https://runbooks.example.org/queues
    checks:
      mails: {{check: queue_depth, keys: ["q:a", "q:b"], every: 200ms, warning: length > 2, critical: length > 5}}
{more}
sinks:
  pages: {{type: alertmanager, urls: [{urls}], resend: 500ms}}
"""


def wait_for(pair, keys):
    for one in pair:
        servers.wait_until(lambda: set(one.alerts()) == set(keys), seconds=20, every=0.1)


def test_an_alert_comes_to_every_instance_changes_and_ends(agent, redis, pair):
    redis.do("rpush", "q:a", *range(8))
    running = agent(config(redis, pair))
    wait_for(pair, [("critical", "queues", "q:a")])
    alert = pair[1].alerts()["critical", "queues", "q:a"]
    labels = alert["labels"]
    assert labels == {"alertname": "redis.queue_depth", "realm": "tests", "target": "queues", "name": "mails", "subject": "q:a", "severity": "critical",
                      "team": "mail", "a_b": "x", "env": "e2e"}
    finding = running.wait_status("queues", "mails", "critical", subject="q:a")
    assert alert["annotations"]["id"] == finding["id"] and alert["annotations"]["command"] == "runbookd show queues/mails"
    assert alert["annotations"]["summary"] == finding["message"] and "length 8" in alert["annotations"]["measures"]
    assert alert["generatorURL"] == "https://runbooks.example.org/queues"
    redis.do("ltrim", "q:a", 0, 3)
    wait_for(pair, [("warning", "queues", "q:a")])  # the critical one has ended
    redis.do("del", "q:a")
    wait_for(pair, [])
    running.end()


def test_an_instance_that_was_away_learns_it_and_delays_no_other(agent, redis, pair):
    away, there = pair
    away.kill()
    running = agent(config(redis, pair))
    running.wait_status("queues", "mails", "ok", subject="q:b")
    redis.do("rpush", "q:b", *range(8))
    wait_for([there], [("critical", "queues", "q:b")])
    said = running.wait_for(lambda e: e.get("step") == "sink_down")
    assert away.url in said["message"] and "pages" in said["message"]
    away.start()
    running.wait_for(lambda e: e.get("step") == "sink_up")
    wait_for(pair, [("critical", "queues", "q:b")])
    replace(running.config, config(redis, pair).replace('"q:a", "q:b"', '"q:a"'))
    running.wait_for(lambda e: step(e, "reloaded"))  # the subject is gone, and its alert ends
    wait_for(pair, [])
    running.end()


def test_what_an_agent_that_died_has_said_ends_by_itself(agent, redis, pair):
    redis.do("rpush", "q:a", *range(8))
    running = agent(config(redis, pair))
    wait_for(pair, [("critical", "queues", "q:a")])
    running.process.kill()
    running.end(code=None)
    wait_for(pair, [])


def test_what_somebody_has_silenced_here_pages_nobody(agent, redis, pair, tmp_path):
    redis.do("rpush", "q:a", *range(8))
    running = agent(config(redis, pair).replace("realm: tests", f"realm: tests, repeat: 1s, state: {tmp_path}/state"))
    wait_for(pair, [("critical", "queues", "q:a")])
    socket = ["--socket", tmp_path / "state" / "control.sock"]
    said = runbookd("silence", "queues/mails", "--for", "10m", "--reason", "a test", *socket, events=False)
    assert said.code == 0, said.err
    wait_for(pair, [])  # with the next line that is said of it
    assert runbookd("silence", "end", said.out.split()[1], *socket, events=False).code == 0
    wait_for(pair, [("critical", "queues", "q:a")])
    running.end()
