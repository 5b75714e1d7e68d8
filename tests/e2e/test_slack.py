"""The sink "slack": what an incoming webhook would get."""
import json

import receiver as receivers
import servers
from test_admin import fetch, samples, value


def test_a_channel_hears_what_is_wrong_once_and_when_it_is_well_again(agent, redis, tmp_path):
    port = servers.free_port()
    secret = "T000-B000-of-the-tests"
    channel = receivers.Receiver(fault=lambda number, request: {0: 500, 2: (429, {"Retry-After": "1"})}.get(number))
    (tmp_path / "hook").write_text(f"{channel.url}services/{secret}\n")
    try:
        running = agent(f"""
version: 1
agent: {{realm: tests, admin: {{listen: "127.0.0.1:{port}"}}}}
targets:
  queues:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    owner: "<!channel> & *dba*"
    checks:
      mails: {{check: queue_depth, keys: ["q:a", "q:b"], every: 200ms, critical: length > 5}}
sinks:
  ops: {{type: slack, url: "${{file:{tmp_path}/hook}}", batch: {{age: 300ms}}, retry: {{first: 20ms, most: 100ms}}}}
""")
        running.wait_status("queues", "mails", "ok", subject="q:a")
        redis.do("rpush", "q:a", *range(8))
        redis.do("rpush", "q:b", *range(8))
        bad = running.wait_status("queues", "mails", "critical", subject="q:a")
        running.wait_status("queues", "mails", "critical", subject="q:b")
        seen = len(running.events)
        redis.do("del", "q:a")
        running.wait_status("queues", "mails", "ok", subject="q:a", after=seen)
        servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_sink_retries_total", sink="ops") >= 2)  # and each is counted
        servers.wait_until(lambda: value(samples(fetch(port)[1]), "runbookd_sink_waiting", sink="ops") == 0)
        running.end()
        texts = [json.loads(r.body)["text"] for r in channel.requests if r.code == 200]
        assert len(texts) == len(set(texts)) == 3, texts  # neither trouble made any come twice
        measures = ", ".join(f"{name} {value:g}" for name, value in bad["measures"].items() if name != "slope_per_minute")
        lines = texts[0].splitlines()
        assert lines[0] == f":red_circle: *critical* queues/mails[q:a]: {bad['message']}".replace(">", "&gt;")
        assert lines[1].startswith(measures) and lines[2:] == [f"since {bad['since']}", "owner &lt;!channel&gt; &amp; 'dba'", "`runbookd show queues/mails`"], lines
        assert texts[2].startswith(":large_green_circle: *ok* queues/mails[q:a]")
        assert all(r.path == f"/services/{secret}" for r in channel.requests)
        assert secret not in "".join(running.errors) + json.dumps(running.events)
    finally:
        channel.close()
