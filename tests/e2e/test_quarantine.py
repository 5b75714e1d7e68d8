"""A plugin that crashes the agent three times within ten minutes is set aside; its neighbours go on."""
import os
import pathlib
import shutil
import signal
import time

import pytest

from agent import Agent, runbookd
from servers import free_port

BUILT = pathlib.Path(os.environ["RUNBOOKD_BUILD"]) / "tests/abi/plugins/crashing"
# AddressSanitizer would answer the signals itself: the agent is to end by the signal, as it does without.
PLAIN = {"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_abort=0:detect_leaks=0"}


class Place:
    """A plugin folder, a state folder and a configuration: what an agent is restarted over."""

    def __init__(self, folder, how="run", state=None, more=""):
        self.plugins = folder / "plugins"
        self.plugins.mkdir()
        for name in ("crasher", "steady"):
            shutil.copy2(BUILT / f"{name}.so", self.plugins)
        self.state = state or folder / "state"
        self.config = (f"version: 1\nagent: {{realm: tests, state: {self.state}, heartbeat: 1s}}\n"
                       f"defaults: {{crasher: {{how: {how}}}}}\n"
                       "targets:\n"
                       f"  bad: {{type: crasher, act_as: {{how: never}}, checks: {{third: {{check: health, warning: count > 5, depends_on: [bad/second]}}}}}}\n"
                       f"  good: {{type: steady}}\n{more}")

    def agent(self, **env):
        return Agent(self.config, "--plugins", str(self.plugins), env=dict(PLAIN, **env))

    def crash(self, number=signal.SIGSEGV, **env):
        agent = self.agent(**env)
        agent.process.wait(20)
        agent.end(code=-number)
        return agent

    def notes(self):
        text = (self.state / "crashes").read_text()
        assert len(text) == 4096
        return [line.split() for line in text.splitlines() if line.strip()]


def step(agent, name):
    return agent.wait_for(lambda e: e["kind"] == "agent" and e["step"] == name)


def goes_on(agent):
    """The neighbour's checks run, and are well."""
    agent.wait_for(lambda e: e["kind"] == "agent" and e["step"] == "heartbeat" and e["runs"] - e["failed"] >= 2 and e["checks"]["ok"] >= 2)


@pytest.mark.parametrize("how, number", [
    ("run", signal.SIGSEGV), ("callback", signal.SIGSEGV), ("create", signal.SIGSEGV), ("ended", signal.SIGSEGV),
    ("work", signal.SIGSEGV), ("abort", signal.SIGABRT), ("overflow", signal.SIGSEGV), ("deep work", signal.SIGSEGV)])
def test_after_the_third_crash_its_checks_are_unknown_and_the_others_go_on(tmp_path, how, number):
    place = Place(tmp_path, how)
    for count in range(1, 4):
        agent = place.crash(number)
        assert [note[1:4] for note in place.notes()] == [[str(int(number)), "crasher", "run"]] * count
        if count > 1 and how != "create":
            assert "crasher" in step(agent, "plugin_crashed")["message"]
    agent = place.agent()
    aside = step(agent, "plugin_set_aside")
    assert aside["level"] == "error" and "3 times" in aside["message"]
    for name in ("health", "second", "third"):
        finding = agent.wait_status("bad", name, "unknown")
        assert finding["words"]["error_class"] == "set_aside"
        assert number.name in finding["message"] and "crasher" in finding["message"]
        assert f"{place.state}/crashes" in finding["hint"]
    goes_on(agent)
    assert len(place.notes()) == 3
    agent.end()


def test_a_plugin_that_crashes_while_it_is_loaded_is_not_loaded(tmp_path):
    place = Place(tmp_path, more="  behind: {type: steady, depends_on: [bad/health]}\n")
    agent = Agent(place.config.replace("how: run", "how: never"), "--plugins", str(place.plugins), env=PLAIN)
    agent.wait_status("bad", "second", "ok")
    time.sleep(1.2)  # what stood is kept once a second
    agent.end()
    for _ in range(3):
        place.crash(CRASH_LOADING="crasher")
    assert [note[2:4] for note in place.notes()] == [["crasher", "load"]] * 3
    agent = place.agent(CRASH_LOADING="crasher")
    step(agent, "plugin_set_aside")
    finding = agent.wait_status("bad", "connect", "unknown")
    assert finding["words"]["error_class"] == "set_aside" and finding["held"] == ["third"]
    goes_on(agent)
    assert not [e for e in agent.findings("bad") if e["status"] == "ok"], "what it had is not said to be gone"
    agent.end()


def test_another_file_or_no_notes_lift_it(tmp_path):
    place = Place(tmp_path)
    for _ in range(3):
        place.crash()
    os.utime(place.plugins / "crasher.so")
    place.crash()
    assert len(place.notes()) == 4
    for _ in range(2):
        place.crash()
    agent = place.agent()
    step(agent, "plugin_set_aside")
    agent.end()
    (place.state / "crashes").unlink()
    place.crash()
    assert len(place.notes()) == 1


def age(place, *ages_s):
    """The notes as if the crashes had been so many seconds ago."""
    lines = [line for line in (place.state / "crashes").read_text().splitlines() if line.strip()]
    now = int(time.time() * 1000)
    aged = [f"{now - s * 1000} {lines[0].split(' ', 1)[1]}" for s in ages_s]
    (place.state / "crashes").write_text("".join(line + "\n" for line in aged))


def test_three_crashes_count_within_ten_minutes_and_for_a_day(tmp_path):
    place = Place(tmp_path)
    place.crash()
    for ages, is_aside in [((700, 300, 1), False), ((610, 300, 11), True), ((86300, 86200, 86000), True),
                           ((86600, 86500, 86405), False), ((5, 1), False)]:
        age(place, *ages)
        if is_aside:
            agent = place.agent()
            step(agent, "plugin_set_aside")
            agent.end()
        else:
            place.crash()


def test_a_busy_neighbour_is_not_blamed_nor_is_anybody_for_a_signal_from_outside(tmp_path):
    place = Place(tmp_path, "callback", more="  busy: {type: steady, how: busy}\n")
    place.crash()
    place.crash()
    assert {note[2] for note in place.notes()} == {"crasher"}
    (tmp_path / "alone").mkdir()
    alone = Place(tmp_path / "alone", "busy")
    for number in (signal.SIGABRT, signal.SIGSEGV):
        agent = alone.agent()
        agent.wait_status("bad", "health", "ok")
        agent.end(code=-number, how=number)
    assert alone.notes() == []


def test_where_the_state_cannot_be_written_it_is_noted_elsewhere_and_said_once(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder should be")
    runtime = tmp_path / "run"
    runtime.mkdir()
    place = Place(tmp_path, state=blocked / "state")
    place.config = place.config.replace("realm: tests", "realm: tests, role: node").replace("type: crasher", "type: crasher, scope: node")
    place.config = place.config.replace("type: steady", "type: steady, scope: node")
    for _ in range(3):
        place.crash(RUNTIME_DIRECTORY=str(runtime))
    agent = place.agent(RUNTIME_DIRECTORY=str(runtime))
    said = step(agent, "crashes_elsewhere")
    assert str(runtime / "crashes") in said["message"] and "cannot be written" in said["message"]
    step(agent, "plugin_set_aside")
    assert str(runtime / "crashes") in agent.wait_status("bad", "health", "unknown")["hint"]
    goes_on(agent)
    assert len([e for e in agent.events if e.get("step") == "crashes_elsewhere"]) == 1
    agent.end()


def test_without_a_state_it_is_noted_in_memory_that_outlives_the_agent(tmp_path):
    place = Place(tmp_path)
    place.config = place.config.replace(f"state: {place.state}, ", "")
    config = tmp_path / "runbookd.yaml"  # at one path: it tells agents of one user apart
    config.write_text(place.config)
    before = set(pathlib.Path("/dev/shm").glob("runbookd-*.crashes"))
    try:
        for last in (False, False, False, True):
            result = runbookd("run", "-c", config, "--plugins", place.plugins, "--for", "1s", env=PLAIN)
            assert result.code == (0 if last else -signal.SIGSEGV), result.err
            assert last == any(e.get("step") == "plugin_set_aside" for e in result.events)
    finally:
        for path in set(pathlib.Path("/dev/shm").glob("runbookd-*.crashes")) - before:
            path.unlink()


def test_who_holds_up_the_loop_is_ended_by_the_watchdog_and_set_aside_as_who_crashes(tmp_path):
    place = Place(tmp_path, "hang", more="")
    place.config = place.config.replace("heartbeat: 1s", "heartbeat: 1s, watchdog: 1s")
    for count in range(1, 4):
        agent = place.crash(signal.SIGABRT)
        assert "has not turned for 1s: the agent ends; what held it up: crasher run" in "".join(agent.errors)
        assert [note[1:4] for note in place.notes()] == [["0", "crasher", "run"]] * count
    agent = place.agent()
    assert "it stood still" in step(agent, "plugin_set_aside")["message"]
    goes_on(agent)
    agent.end()


def test_who_was_stopped_and_goes_on_is_not_ended_by_the_watchdog(tmp_path):
    place = Place(tmp_path, "never")
    place.config = place.config.replace("heartbeat: 1s", "heartbeat: 1s, watchdog: 1s")
    agent = place.agent()
    goes_on(agent)
    for _ in range(3):
        os.kill(agent.process.pid, signal.SIGSTOP)
        time.sleep(1.5)  # longer than the watchdog waits
        os.kill(agent.process.pid, signal.SIGCONT)
    known = len(agent.events)
    agent.wait_for(lambda e: e in agent.events[known:] and e.get("step") == "heartbeat")
    assert place.notes() == []
    agent.end()


# Each weak table hands life on to the next one, in no order: Lua looks at all of them once for each that comes to
# life, in one stroke of its collector, where no hook runs and nothing can be stopped.
HANGS = """return {
  summary = "holds the loop where no hook runs",
  targets = { server = "tcp" },
  deadline = "1m",
  run = function(agent, finding, with)
    local weak, tables, keys, order = { __mode = "k" }, {}, {}, {}
    for i = 1, 36000 do tables[i], keys[i], order[i] = setmetatable({}, weak), {}, i end
    for i = #order, 2, -1 do local j = math.random(i) order[i], order[j] = order[j], order[i] end
    for i = 1, #keys - 1 do tables[order[i]][keys[i]] = keys[i + 1] end
    local first = keys[1]
    keys, order = nil, nil
    while true do local waste = { first } end
  end,
}
"""


def test_a_script_that_hangs_where_no_hook_runs_is_ended_by_the_watchdog_and_set_aside(tmp_path):
    script = tmp_path / "scripts" / "own" / "hangs.lua"
    script.parent.mkdir(parents=True)
    script.write_text(HANGS)
    config = (f"agent: {{realm: tests, state: {tmp_path / 'state'}, heartbeat: 1s, watchdog: 1s}}\n"
              f"targets: {{gone: {{type: tcp, url: 'tcp://127.0.0.1:{free_port()}', every: 1s}}}}\n"
              "remediations: {hold: {trigger: {check: gone/connect, status: critical}, script: own/hangs, targets: {server: gone}}}\n")

    def agent():
        return Agent(config, "--scripts", str(tmp_path / "scripts"), env=PLAIN)

    first = agent()
    first.wait_status("gone", "connect", "critical")
    critical_at = time.monotonic()
    first.process.wait(60)
    assert time.monotonic() - critical_at < 30
    first.end(code=-signal.SIGABRT)
    assert "has not turned for 1s: the agent ends; what held it up: own/hangs script" in "".join(first.errors)
    notes = [line.split() for line in (tmp_path / "state" / "crashes").read_text().splitlines() if line.strip()]
    assert [note[1:4] for note in notes] == [["0", "own/hangs", "script"]]
    again = agent()
    assert "own/hangs" in step(again, "script_set_aside")["message"]
    failed = again.wait_for(lambda e: e["kind"] == "remediation" and e["step"] in ("failed", "ended", "handed_over"))
    assert "own/hangs is set aside" in failed["message"], failed
    again.end()
    script.write_text(HANGS.replace("while true do", "for _ = 1, 0 do"))  # it has changed: it may run
    mended = agent()
    ran = mended.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == "failed")
    assert "without saying how it ended" in ran["message"], ran
    mended.end()
