"""What holds changes back, on a real server, in force and not: who is told that a plan waits."""
import receiver as receivers
import servers
from agent import runbookd
from test_control_plans import lengths, remedy, start


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


def test_a_misspelt_sink_is_told_before_anything_begins(tmp_path):
    file = tmp_path / "runbookd.yaml"
    file.write_text('version: 1\ntargets: {}\nsinks: {ops: {type: http, url: "http://127.0.0.1:1/"}}\napproval: {notify: [opps]}\n')
    result = runbookd("validate", "-c", file)
    assert result.code == 1 and 'approval.notify: there is no sink "opps"; did you mean ops?' in result.out + result.err
