"""What is shipped for Prometheus, Grafana and log collectors: that it is valid, and names only what there is."""
import json
import pathlib
import re
import subprocess

import pytest
import yaml

import servers
from agent import RUNBOOKD
from test_admin import config, fetch, samples

PACKAGING = pathlib.Path(__file__).parents[2] / "packaging"
GRAFANA, COLLECTORS = PACKAGING / "grafana", PACKAGING / "collectors"
NAME = re.compile(r"\b(?:runbookd|process)_[a-z0-9_]+\b")


def expressions():
    """(where, PromQL) of all that is shipped."""
    for group in yaml.safe_load((GRAFANA / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((GRAFANA / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], variable["query"]


def test_promtool_takes_the_rules_and_their_tests():
    for words in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run(["promtool", *words], cwd=GRAFANA, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case():
    tested = {case["alertname"] for test in yaml.safe_load((GRAFANA / "rules_test.yaml").read_text())["tests"]
              for case in test["alert_rule_test"]}
    assert {where for where, _ in expressions() if where.startswith("Runbookd")} == tested


def test_every_metric_and_label_that_is_named_is_in_a_real_scrape(agent, redis):
    port = servers.free_port()
    text = config(port, redis, f"""
  here: {{type: redis, url: 'redis://127.0.0.1:{redis.port}'}}
  nobody: {{type: tcp, url: 'tcp://127.0.0.1:9'}}
sinks:
  ops: {{type: slack, url: "http://127.0.0.1:9/nobody"}}
""", ", lease: {target: cache, ttl: 3s}").replace('tests/a\\"b', "tests")
    running = agent(text)
    running.wait_status("cache", "mails", "ok", subject="q:a")
    running.wait_status("here", "clients", "ok")
    found = samples(fetch(port)[1])
    there = {name for name, _ in found}
    labels = {label for _, pairs in found for label, _ in pairs} | {"job", "instance", "le", "pod"}
    named = 0
    for where, expression in expressions():
        plain = expression.replace("$__all", "")
        for name in NAME.findall(re.sub(r'"[^"]*"', '""', plain)):
            assert name in there, f"{where} names {name}, which /metrics does not have"
            named += 1
        for label in re.findall(r'(\w+)=~?"', plain) + re.findall(r"(?:by|without) \(([^)]*)\)", plain):
            assert set(re.split(r",\s*", label)) <= labels, f"{where}: {label}"
    assert named > 30


class Rsyslog(servers.Server):
    """Debian's, with the configuration that is shipped, in a folder of the test's."""

    def __init__(self, settings):
        super().__init__("rsyslog")
        text = settings.replace("/var/log/runbookd", str(self.dir)).replace("/var/spool/rsyslog", str(self.dir))
        (self.dir / "rsyslog.conf").write_text(text)
        checked = subprocess.run(["rsyslogd", "-N1", "-f", self.dir / "rsyslog.conf"], capture_output=True, text=True, timeout=20)
        assert checked.returncode == 0, checked.stderr
        self.spawn(["rsyslogd", "-n", "-f", self.dir / "rsyslog.conf", "-i", self.dir / "pid"])


def test_rsyslog_takes_the_lines_apart(redis):
    rsyslog = Rsyslog((COLLECTORS / "rsyslog.conf").read_text())
    lines = rsyslog.dir / "events.ndjson"
    (rsyslog.dir / "c.yaml").write_text(f"""
version: 1
agent: {{realm: tests, max_event: 64KiB}}
targets:
  cache: {{type: redis, url: 'redis://127.0.0.1:{redis.port}'}}
  nobody: {{type: tcp, url: 'tcp://127.0.0.1:9'}}
""")
    try:
        with open(lines, "wb") as out:
            subprocess.run([RUNBOOKD, "run", "-c", rsyslog.dir / "c.yaml", "--for", "2s"], stdout=out, stderr=subprocess.DEVNULL, timeout=30, check=True)
        said = lines.read_text().splitlines()
        copy = servers.wait_until(lambda: (lambda all: all if len(all) == len(said) else None)((rsyslog.dir / "all.ndjson").read_text().splitlines()), seconds=30)
        assert [json.loads(line) for line in copy] == [json.loads(line) for line in said]
        critical = (rsyslog.dir / "critical.log").read_text().splitlines()
        assert len(critical) == 1 and " error nobody/connect " in critical[0], critical
    finally:
        rsyslog.close()


@pytest.mark.parametrize("path", sorted(COLLECTORS.glob("*.yaml")), ids=lambda path: path.name)
def test_what_is_not_run_here_is_yaml_at_least(path):
    assert yaml.safe_load(path.read_text())


def test_collectors_name_members_that_events_have():
    """By each one's own way of naming; a path such as agent.boot is two members."""
    ways = {"rsyslog.conf": r"\$!(\w+)", "vector.yaml": r"(?<=[ (!])\.(agent\.\w+|seq|time)|{{ ([\w.]+) }}", "promtail.yaml": r"(?<=[{ ])\w+: ([\w.]+)(?=[,}]{1,2} *$|, level|, kind|, realm)",
            "alloy.alloy": r'(?:time|level|kind|realm) = "([\w.]+)"', "logstash.conf": r"%\{\[?([\w\]\[]+)\}", "otel-collector.yaml": r"attributes\.(\w+)",
            "fluent-bit-parsers.conf": r"Time_Key +(\w+)", "fluent-bit.yaml": r"\$([\w\[\]']+)"}
    schema = json.loads((PACKAGING / "schema/event.schema.json").read_text())
    members = set(re.findall(r'"(\w+)": \{', json.dumps(schema)))
    for file, way in ways.items():
        found = {part for match in re.finditer(way, (COLLECTORS / file).read_text()) for part in re.findall(r"\w+", next(filter(None, match.groups())))}
        assert found, f"{file} names nothing"
        assert found - {"RFC3339Nano"} <= members, f"{file}: {found - members}"
