"""`runbookd script`: the scripts that are shipped, and an operator's own, as the command line shows them."""
from agent import runbookd

SCRIPT = """return {
  summary = "set a queue aside",
  expects = { plugin = "redis", check = "queue_depth" },
  targets = { queues = "redis" },
  needs   = { "queues:quarantine_queue" },
  with    = { keep = { "duration", default = "7d", help = "how long" } },
  run = function(agent, finding, with)
    local result = agent.act("queues:quarantine_queue", { key = finding.subject, keep = with.keep })
    return agent.applied("%d of %d", result.done, result.planned)
  end,
}
"""
TEST = """local test = require "test"
test.case("sets it aside", function(t)
  t:answer("queues:quarantine_queue", { planned = 1, done = 1 })
  t:equal(t:run("mine", test.finding("q/queue_depth[mails]")).message, "%s")
end)
"""


def folder(tmp_path, said="1 of 1", script=SCRIPT):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.lua").write_text(script)
    (tmp_path / "own" / "mine_test.lua").write_text(TEST % said)
    return tmp_path


def script(*words):
    return runbookd("script", *words, events=False)


def test_what_is_shipped_is_listed_shown_and_passes_its_tests():
    listed = script("list")
    assert listed.code == 0 and "redis/quarantine_queue" in listed.out, listed.err
    shown = script("show", "redis/quarantine_queue")
    assert shown.code == 0, shown.err
    for words in ("queues:quarantine_queue", "reversible", "at_least", "default 1000", "redis.queue_depth"):
        assert words in shown.out
    tested = script("test")
    assert tested.code == 0 and tested.out.endswith(" cases, 0 failed\n"), tested.out + tested.err


def test_scripts_of_ones_own(tmp_path):
    listed = script("list", "--scripts", folder(tmp_path))
    assert listed.code == 0 and listed.out.split()[0] == "own/mine", listed.err
    tested = script("test", tmp_path)
    assert tested.code == 0 and "own/mine_test.lua   1 case   ok" in tested.out, tested.out + tested.err
    tested = script("test", tmp_path / "own" / "mine_test.lua")
    assert tested.code == 0, tested.out + tested.err


def test_a_test_that_fails_says_where(tmp_path):
    tested = script("test", folder(tmp_path, said="2 of 1"))
    assert tested.code == 1
    assert 'sets it aside: mine_test.lua:4: expected "2 of 1", got "1 of 1"; the script ended applied: 1 of 1' in tested.out
    assert tested.out.endswith("1 case, 1 failed\n")


def test_what_the_plugin_would_refuse_is_found_offline(tmp_path):
    tested = script("test", folder(tmp_path, script=SCRIPT.replace("keep = with.keep", "kepe = with.keep")))
    assert tested.code == 1 and "quarantine_queue.kepe: is not known here; did you mean keep?" in tested.out, tested.out


def test_a_script_that_is_wrong_is_told_with_its_file(tmp_path):
    wrong = SCRIPT.replace("quarantine_queue", "quarantine").replace("queue_depth", "queue_dept")
    listed = script("list", "--scripts", folder(tmp_path, script=wrong))
    assert listed.code == 1
    assert 'own/mine.lua: needs: redis has no action "quarantine"; did you mean quarantine_queue?' in listed.err
    assert 'redis has no check "queue_dept"; did you mean queue_depth?' in listed.err


def test_words_that_are_wrong(tmp_path):
    assert script().code == 1 and script("lits").code == 1
    shown = script("show", "redis/nothing")
    assert shown.code == 1 and "there is no script" in shown.err
    nowhere = script("list", "--scripts", tmp_path / "nowhere")
    assert nowhere.code == 1 and "No such file" in nowhere.err
