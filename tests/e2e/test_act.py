"""Actions of a target, planned and applied on a real server: who may, who may not, what is taken back."""
import pytest

import servers
from acting import act
from agent import runbookd

ACL = ("user default on >watcher-pass-1 ~* &* +@all -rename -renamenx -eval -evalsha\n"
       "user ops on >operator-pass-2 ~* &* +@all\n")


@pytest.fixture(scope="module")
def guarded():
    server = servers.Redis(acl=ACL)
    yield server
    server.close()


def config(server, *more):
    return "\n".join(["targets:", "  queues:", "    type: redis", f"    url: {server.url}", "    password: watcher-pass-1", *more]) + "\n"


def fill(server, name, count):
    server.do("rpush", name, *range(count), user="ops", password="operator-pass-2")


def length(server, name):
    return int(server.do("llen", name, user="ops", password="operator-pass-2"))


def test_an_action_needs_act_as(guarded):
    fill(guarded, "mails", 5)
    acted = act(config(guarded), "queues", "quarantine_queue", {"key": "mails"}, apply=True)
    assert acted.code == 2 and acted.failure["reason"] == "no_act_as" and not acted.failure["begun"]
    assert "act_as: {user: ..." in acted.failure["hint"]
    assert length(guarded, "mails") == 5


def test_the_login_that_looks_is_not_the_one_that_acts(guarded):
    fill(guarded, "jobs", 7)
    both = config(guarded, "    act_as: {user: ops, password: operator-pass-2}")
    planned = act(both, "queues", "quarantine_queue", {"key": "jobs"})
    assert planned.code == 0 and planned.keys == ["jobs"] and planned.plan["count"] == 7, planned.out
    assert length(guarded, "jobs") == 7
    applied = act(both, "queues", "quarantine_queue", {"key": "jobs"}, apply=True)
    assert applied.code == 0 and [r["outcome"] for r in applied.results] == ["applied"], applied.out
    assert length(guarded, "jobs") == 0 and length(guarded, "jobs:quarantine") == 7
    back = act(both, "queues", "quarantine_queue", {"key": "jobs"}, step=applied.results[0]["undo"])
    assert back.code == 0 and length(guarded, "jobs") == 7, back.out


def test_the_login_that_looks_may_not_act(guarded):
    fill(guarded, "events", 3)
    acted = act(config(guarded, "    act_as: {}"), "queues", "quarantine_queue", {"key": "events"}, apply=True)
    assert acted.code == 2 and acted.failure["during"] == "apply" and acted.failure["denied"], acted.out
    assert length(guarded, "events") == 3


def test_what_is_excepted_is_left_alone(guarded):
    fill(guarded, "left", 2)
    acted = act(config(guarded, "    act_as: {user: ops, password: operator-pass-2}"), "queues", "quarantine_queue", {"key": "left"},
                apply=True, without=["left"])
    assert acted.code == 0 and not acted.results and length(guarded, "left") == 2, acted.out


def test_undo_takes_back_what_was_applied(guarded):
    fill(guarded, "there", 4)
    acted = act(config(guarded, "    act_as: {user: ops, password: operator-pass-2}"), "queues", "quarantine_queue", {"key": "there"},
                apply=True, undo=True)
    assert [r["undoing"] for r in acted.results] == [False, True], acted.out
    assert length(guarded, "there") == 4


def test_config_show_tells_who_acts(guarded, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(config(guarded, "    act_as: {user: ops, password: operator-pass-2}"))
    shown = runbookd("config", "show", "-c", file)
    assert "act_as.user" in shown.out and "ops" in shown.out, shown.out
    assert "operator-pass-2" not in shown.out and "watcher-pass-1" not in shown.out
    once = runbookd("once", "-c", file, "--format", "ndjson")
    assert once.finding("connect")["status"] == "ok" and "act_as" not in once.err, once.err
