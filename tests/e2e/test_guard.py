"""What holds changes back, on a real server, in force and not: windows, a sink that must have what was decided, locks,
signatures that have counted; who is told that a plan waits, and who looks after it."""
import datetime
import json
import signal
import time

import receiver as receivers
import servers
from agent import runbookd
from asking import Asker
from test_control_plans import QUEUE, config, keys, lengths, remedy, signed, start  # noqa: F401: keys is a fixture


def lines_of(collector, kind="remediation"):
    return [line for request in list(collector.requests) if request.code == 200 for line in request.lines if line["kind"] == kind]


def test_a_plan_that_waits_goes_to_who_is_to_be_told(agent, redis, tmp_path):
    told, other = receivers.Receiver(), receivers.Receiver()
    try:
        asker, waiting = start(agent, redis, tmp_path, approval="approval: {notify: [told]}", more=f"""
sinks:
  told: {{type: http, url: "{told.url}", only: {{kind: [agent]}}, batch: {{age: 50ms}}}}
  other: {{type: http, url: "{other.url}", only: {{kind: [agent]}}, batch: {{age: 50ms}}}}
""")
        assert waiting["notify"] == ["told"]
        servers.wait_until(lambda: [line["step"] for line in lines_of(told)] == ["waiting"])
        asker("reject", waiting["plan"])
        assert remedy(asker.running, "rejected")["notify"] == ["told"]
        servers.wait_until(lambda: [line["step"] for line in lines_of(told)] == ["waiting", "rejected"])
        asker.running.end()
        assert lines_of(other) == [] and lines_of(other, "agent"), "it goes by its own only"
        assert lengths(redis) == ("9", "0")
    finally:
        told.close()
        other.close()


def test_of_those_who_tell_people_only_the_named_ones_tell_of_a_plan(agent, redis, tmp_path):
    day, night = receivers.Receiver(), receivers.Receiver()
    (tmp_path / "day").write_text(f"{day.url}services/of-the-day\n")
    (tmp_path / "night").write_text(f"{night.url}services/of-the-night\n")
    try:
        asker, waiting = start(agent, redis, tmp_path, approval="approval: {notify: [night]}", more=f"""
sinks:
  day: {{type: slack, url: "${{file:{tmp_path}/day}}", batch: {{age: 50ms}}}}
  night: {{type: slack, url: "${{file:{tmp_path}/night}}", batch: {{age: 50ms}}, only: {{kind: [agent]}}}}
""")
        servers.wait_until(lambda: any(waiting["plan"] in r.body.decode() for r in list(night.requests)))
        servers.wait_until(lambda: any("cache/mails" in r.body.decode() for r in list(day.requests)))
        asker.running.end()
        assert not [r for r in day.requests if waiting["plan"] in r.body.decode()], "it tells of findings, and not of this"
        assert not [r for r in night.requests if "*critical* cache/mails" in r.body.decode()], "its only: keeps findings out"
    finally:
        day.close()
        night.close()


def test_a_misspelt_sink_is_told_before_anything_begins(tmp_path):
    file = tmp_path / "runbookd.yaml"
    file.write_text('version: 1\ntargets: {}\nsinks: {ops: {type: http, url: "http://127.0.0.1:1/"}}\napproval: {notify: [opps]}\n')
    result = runbookd("validate", "-c", file)
    assert result.code == 1 and 'approval.notify: there is no sink "opps"; did you mean ops?' in result.out + result.err


def minute(hours):
    """That many hours from now, as a clock in UTC shows it."""
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)


def hours(first, last):
    return f'hours: "{minute(first):%H:%M}-{minute(last):%H:%M}"'


def begin(agent, redis, tmp_path, extra):
    """Of mode auto: it is applied as soon as nothing speaks against it."""
    redis.do("rpush", "q", *QUEUE)
    text = config(redis.port, tmp_path / "state").replace("guard: {mode: approve}", "guard: {mode: auto" + extra.pop("guard", "") + "}")
    running = agent(text.replace("    mode: approve", "    mode: auto") + extra.pop("more", ""))
    return Asker(running, tmp_path / "state" / "control.sock")


def test_a_freeze_window_that_is_now_refuses_and_says_until_when(agent, redis, tmp_path):
    begun, end = minute(-1), minute(-1).replace(second=0, microsecond=0) + datetime.timedelta(hours=4)
    window = f'{{name: onsale, cron: "{begun:%M %H} * * *", for: 4h, reason: weekly on-sale}}'
    asker = begin(agent, redis, tmp_path, {"guard": f", freeze: {{windows: [{window}]}}"})
    why = f"frozen by window onsale until {end:%Y-%m-%d %H:%M} UTC: weekly on-sale"
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "freeze" and why in refused["message"], refused
    status = asker.json("status", code=None)["freeze"]
    assert status["frozen"] and status["why"] == why and status["window"] == "onsale" and status["until"].startswith(f"{end:%Y-%m-%dT%H:%M}")
    said = asker("status", code=None).out
    assert "freeze YES" in said and why in said
    asker.running.wait_for(lambda e: e["kind"] == "agent" and e["step"] == "frozen" and why in e["message"])
    thaw = asker("thaw", code=1).err
    assert why in thaw and "take file or window out of guard.freeze" in thaw
    assert lengths(redis) == ("9", "0")


def test_a_freeze_window_that_is_not_now_lets_it_through_and_is_announced(agent, redis, tmp_path):
    window = f"{{name: nights, {hours(6, 8)}, tz: Etc/UTC, reason: batch}}"
    asker = begin(agent, redis, tmp_path, {"guard": f", freeze: {{windows: [{window}]}}"})
    remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")
    status = asker.json("status", code=None)["freeze"]
    assert not status["frozen"] and status["next"]["window"] == "nights" and status["next"]["reason"] == "batch"
    assert "next freeze " in asker("status", code=None).out


def test_the_zone_of_a_window_counts(agent, redis, tmp_path):
    """The same hours are now in UTC, and fourteen hours ago on Kiritimati."""
    window = f"{{name: nights, {hours(-1, 1)}, tz: Pacific/Kiritimati}}"
    asker = begin(agent, redis, tmp_path, {"guard": f", freeze: {{windows: [{window}]}}"})
    remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")


def test_a_reload_brings_a_window_and_takes_it_away(agent, redis, tmp_path):
    asker = begin(agent, redis, tmp_path, {"guard": f", freeze: {{windows: [{{name: nights, {hours(-1, 1)}}}]}}"})
    assert remedy(asker.running, "refused")["reason"] == "freeze"
    text = asker.running.config.read_text()
    asker.running.config.write_text(text.replace("name: nights", "name: later").replace("hours: ", "tz: Pacific/Kiritimati, hours: "))
    asker("reload")
    asker.running.wait_for(lambda e: e["kind"] == "agent" and e["step"] == "thawed")
    asker("remediate", "set-aside")
    remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")


def test_a_silence_window_keeps_findings_from_people_and_remediations_wait(agent, redis, tmp_path):
    quiet = f"""
silences:
  windows:
    - {{name: upkeep, {hours(-1, 1)}, match: {{target: cache}}, except: {{check: [redis.memory]}}, reason: moving house}}
    - {{name: later, {hours(5, 6)}, match: {{target: "*"}}}}
"""
    asker = begin(agent, redis, tmp_path, {"more": quiet})
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "silence" and "window upkeep: moving house" in refused["message"]
    event = asker.running.wait_status("cache", "mails", "critical", subject="q")
    assert event["silenced_by"] == "upkeep"
    assert asker.running.wait_status("cache", "memory", "ok")["silenced_by"] is None
    assert "[silenced: upkeep]" in asker("findings").out
    listed = asker("silence", "list").out
    assert listed.startswith("window upkeep  until ") and listed.endswith(" UTC: moving house\n") and "later" not in listed, listed
    assert lengths(redis) == ("9", "0")


def test_a_silence_window_may_let_remediations_go_on(agent, redis, tmp_path):
    quiet = f"silences: {{windows: [{{name: upkeep, {hours(-1, 1)}, match: {{target: cache}}, remediate: true}}]}}\n"
    asker = begin(agent, redis, tmp_path, {"more": quiet})
    assert asker.running.wait_status("cache", "mails", "critical", subject="q")["silenced_by"] == "upkeep"
    remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")


def test_nothing_is_changed_before_the_collector_has_what_was_decided(agent, redis, tmp_path):
    """The collector is down: refused, and nothing is changed.  It comes back: the next one is done."""
    collector = receivers.Receiver()
    collector.down()
    sink = f'sinks: {{logs: {{type: http, url: "{collector.url}", batch: {{age: 10s}}}}}}\n'
    try:
        asker = begin(agent, redis, tmp_path, {"guard": ", audit: {require_sink: logs, wait: 2s}", "more": sink})
        refused = remedy(asker.running, "refused")
        assert refused["reason"] == "audit" and "sink logs has not acknowledged it within 2s: " in refused["message"], refused
        decided = next(e for e in asker.running.events if e["kind"] == "audit" and e["step"] == "decided")
        assert decided["plan"] == refused["plan"]
        assert lengths(redis) == ("9", "0")
        collector.up()
        asker("remediate", "set-aside")
        applied = remedy(asker.running, "applied")
        assert lengths(redis) == ("0", "9")
        steps = [(line["kind"], line["step"]) for line in lines_of(collector, "audit")]
        had = [line for line in lines_of(collector, "audit") if line["step"] == "decided" and line["plan"] == applied["plan"]]
        assert len(had) == 1, "it had the decision, long before its batch was old enough"
        assert steps.index(("audit", "planned")) < steps.index(("audit", "decided")), "and what came before"
    finally:
        collector.close()


def test_nothing_is_changed_before_a_file_has_what_was_decided(agent, redis, tmp_path):
    """Its folder is missing: refused, and nothing is changed.  It is made: the next one is done, and the line was on disk before."""
    archive = tmp_path / "log" / "audit.ndjson"
    sink = f'sinks: {{archive: {{type: file, path: "{archive}", only: {{kind: [audit]}}, batch: {{age: 10m}}}}}}\n'
    asker = begin(agent, redis, tmp_path, {"guard": ", audit: {require_sink: archive, wait: 5s}", "more": sink})
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "audit" and f"cannot open {archive}: No such file or directory" in refused["message"], refused
    assert lengths(redis) == ("9", "0")
    archive.parent.mkdir()
    asker("remediate", "set-aside")
    applied = remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")
    written = [json.loads(line) for line in archive.read_text().splitlines()]  # its batch is not old enough by far
    assert [line["step"] for line in written if line.get("plan") == applied["plan"]][-1] == "decided", written
    assert [line["step"] for line in written if line.get("plan") == refused["plan"]][:2] == ["planned", "decided"], "and what came before"


def test_a_collector_that_refuses_the_line_refuses_the_change(agent, redis, tmp_path):
    collector = receivers.Receiver(fault=lambda number, request: 422 if b'"step":"decided"' in request.body else None)
    sink = f'sinks: {{logs: {{type: http, url: "{collector.url}", batch: {{age: 50ms}}}}}}\n'
    try:
        asker = begin(agent, redis, tmp_path, {"guard": ", audit: {require_sink: logs}", "more": sink})
        refused = remedy(asker.running, "refused")
        assert refused["reason"] == "audit" and "sink logs refused it: " in refused["message"], refused
        assert lengths(redis) == ("9", "0")
    finally:
        collector.close()


def test_a_sink_that_cannot_keep_the_audit_is_told_before_anything_begins(tmp_path):
    file = tmp_path / "runbookd.yaml"
    head = "version: 1\ntargets: {}\nguard: {audit: {require_sink: logs}}\n"
    for sinks, why in (("{}", 'there is no sink "logs" at work'),
                       ('{logs: {type: http, url: "http://127.0.0.1:1/", only: {kind: [finding]}}}', "logs does not get the audit's lines")):
        file.write_text(f"{head}sinks: {sinks}\n")
        result = runbookd("validate", "-c", file)
        assert result.code == 1 and f"guard.audit.require_sink: {why}" in result.out + result.err


def again(asker, agent):
    """The same agent, killed and started anew."""
    text = asker.running.config.read_text()
    asker.running.end(code=None, how=signal.SIGKILL)
    asker = Asker(agent(text), asker.path)
    servers.wait_until(lambda: asker("healthz", code=None).code == 0)  # what is as it was says nothing anew
    return asker


def test_who_looks_after_a_plan_is_said_and_nobody_is_reminded(agent, redis, tmp_path):
    asker, waiting = start(agent, redis, tmp_path, approval="approval: {remind: 1s}")
    plan = waiting["plan"]
    remedy(asker.running, "reminded")
    said = asker("ack", plan, "--as", "alice", "--reason", "reading it").out
    assert said == f"{plan}   acknowledged by alice (uid 0)   it waits on, and nobody is reminded\n"
    event = remedy(asker.running, "acknowledged")
    assert event["acked_by"] == "alice (uid 0)" and event["ack_reason"] == "reading it" and event["plan"] == plan
    asker.running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "acknowledged" and e["who"] == "alice (uid 0)")
    assert "[ack: alice (uid 0)]" in asker("pending").out
    assert "ack         alice (uid 0) looks after it: reading it\n" in asker("plan", plan).out
    asker = again(asker, agent)
    assert asker.json("plan", plan)["acked_by"] == "alice (uid 0)" and asker.json("plan", plan)["state"] == "waiting"
    asker("ack", plan, code=0)
    assert asker.json("plan", plan)["acked_by"] == "uid 0", "the last one counts"
    asker("reject", plan)
    assert remedy(asker.running, "rejected")["acked_by"] == "uid 0"
    over = asker("ack", plan, code=1).err
    assert f"plan {plan} does not wait: it is rejected" in over
    assert "reminded" not in [e["step"] for e in asker.running.events if e["kind"] == "remediation"]


def test_a_signature_that_has_counted_does_not_count_after_a_restart(agent, redis, tmp_path, keys):  # noqa: F811
    """What starts a remediation binds no plan: sent again, it would start it again."""
    alice = keys("alice")
    keys.allow("alice")
    redis.do("rpush", "q", *QUEUE)
    text = config(redis.port, tmp_path / "state", approval=f"approval: {{approvers: {keys.signers}}}")
    running = agent(text.replace("trigger: {check: cache/mails, status: critical}", "trigger: manual"))
    running.wait_status("cache", "mails", "critical", subject="q")
    asker = Asker(running, tmp_path / "state" / "control.sock")

    def send(args):
        return json.loads(asker.raw(json.dumps({"v": 1, "do": "decide", "args": args}).encode() + b"\n"))

    args = signed(alice, "tests/night", "remediate", "set-aside", None, int(time.time() * 1000))
    assert send(args)["result"]["remediation"] == "set-aside"
    asker("reject", remedy(running, "waiting")["plan"], "--key", alice)
    assert send(args)["error"] == "this signature has counted already"
    asker = again(asker, agent)
    assert send(args)["error"] == "this signature has counted already"
    fresh = signed(alice, "tests/night", "remediate", "set-aside", None, int(time.time() * 1000))
    assert send(fresh)["result"]["remediation"] == "set-aside"


def test_a_lock_keeps_evidence_until_somebody_lifts_it(agent, redis, tmp_path):
    redis.do("set", "cache:1", 1, "ex", 1000)
    text = config(redis.port, tmp_path / "state").replace("guard: {mode: approve}", "guard: {mode: auto}").replace("    mode: approve", "    mode: auto")
    running = agent(text + """  clear:
    trigger: manual
    script: redis/unlink_pattern
    targets: {cache: cache}
    with: {pattern: "cache:*"}
    allow: ["cache:unlink_pattern"]
    mode: auto
    guard: {cooldown: 0s}
""")
    asker = Asker(running, tmp_path / "state" / "control.sock")
    running.wait_for(lambda e: e["kind"] == "agent" and e["step"] == "started")
    assert "no target" in asker("lock", "cash", code=1).err or "did you mean cache" in asker("lock", "cash", code=1).err
    assert "cache is not locked" in asker("unlock", "cache", code=1).err
    assert asker("lock", "cache", "--as", "alice", "--reason", "breach?").out.startswith("cache is locked by alice (uid 0): nothing disruptive")
    locked = running.wait_for(lambda e: e["kind"] == "audit" and e["step"] == "locked")
    assert locked["who"] == "alice (uid 0)"
    asker = again(asker, agent)
    assert "cache is locked: its evidence is kept, by alice (uid 0) since " in asker("status", code=None).out
    assert asker.json("status", code=None)["locks"][0]["reason"] == "breach?"
    asker.running.wait_for(lambda e: e["kind"] == "finding" and e["target"] == "cache")
    asker("remediate", "clear")
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "evidence_lock" and "the evidence of cache is kept, by alice (uid 0) since " in refused["message"], refused
    assert redis.do("exists", "cache:1") == "1"
    redis.do("rpush", "q", *QUEUE)  # what can be taken back goes on
    asker.running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "applied" and e["remediation"] == "set-aside")
    assert lengths(redis) == ("0", "9")
    assert asker("unlock", "cache").out == "cache is no longer locked, as uid 0 wants\n"
    asker("remediate", "clear")
    asker.running.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "applied" and e["remediation"] == "clear")
    assert redis.do("exists", "cache:1") == "0"
    assert [lock for lock in asker.json("status", code=None)["locks"]] == []


def test_a_finding_locks_what_its_remediation_names(agent, redis, tmp_path):
    """Also in a dry run; where approvers are configured, only one of them lifts it."""
    text = config(redis.port, tmp_path / "state", approval=f"approval: {{approvers: {tmp_path / 'nobody'}}}").replace("    mode: approve", "    mode: dry-run\n    lock: [cache]")
    redis.do("rpush", "q", *QUEUE)
    running = agent(text)
    running.wait_for(lambda e: e["kind"] == "agent" and e["step"] == "locked")
    asker = Asker(running, tmp_path / "state" / "control.sock")
    lock = asker.json("status", code=None)["locks"][0]
    assert (lock["target"], lock["who"], lock["reason"]) == ("cache", "remediation set-aside", "cache/mails is critical")
    assert "this socket knows you as uid 0, which is nobody" in asker("unlock", "cache", code=1).err
    assert asker.json("status", code=None)["locks"], "it is still there"
