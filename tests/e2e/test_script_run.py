"""A script run by hand: a dry run unless --apply, and then only what was agreed to, on a real Redis."""
import os
import pathlib
import signal
import subprocess

import pytest

import agent as agents

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "redis" / "quarantine_queue.lua"


@pytest.fixture
def night(redis, tmp_path):
    """night(*words) runs the script on a queue of nine; the configuration has a remediation of its own, which is not run."""
    redis.do("rpush", "q", *range(9))
    path = tmp_path / "c.yaml"
    path.write_text(f"""
agent: {{state: {tmp_path}/state}}
guard: {{mode: auto, freeze: {{file: {tmp_path}/freeze}}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{redis.port}
    every: 500ms
    act_as: {{}}
    checks: {{mails: {{check: queue_depth, keys: [q], critical: length > 5}}}}
remediations:
  set-aside:
    trigger: {{check: cache/mails, status: critical}}
    script: redis/quarantine_queue
    targets: {{queues: cache}}
    with: {{at_least: 1}}
    allow: ["queues:quarantine_queue"]
    mode: auto
""")

    def run(*words, stdin="", code=0, script=SCRIPT):
        done = subprocess.run([agents.RUNBOOKD, "script", "run", str(script), "-c", str(path), *words], input=stdin, text=True,
                              capture_output=True, timeout=60, env=dict(os.environ, RUNBOOKD_SCRIPTS=str(ROOT / "scripts")))
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert done.returncode == code, f"exit {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    run.path, run.config = tmp_path, path
    return run


def lengths(redis):
    return redis.do("llen", "q"), redis.do("llen", "q:quarantine")


def test_without_apply_the_plan_is_printed_and_nothing_changes(night, redis):
    said = night("--target", "queues=cache", "--with", "at_least=1").stdout
    assert "planned     " in said and "action      redis:quarantine_queue on cache: 9 of 9" in said and "   key=q" in said, said
    assert lengths(redis) == ("9", "0")
    assert not (night.path / "state").exists(), "the agent's own state is left alone"


def test_with_apply_it_does_what_was_agreed_to(night, redis):
    no = night("--target", "queues=cache", "--with", "at_least=1", "--apply", stdin="no\n", code=1)
    assert "Apply this?  Type " in no.stderr and "nothing is applied" in no.stderr and lengths(redis) == ("9", "0")
    night("--target", "queues=cache", "--with", "at_least=1", "--apply", code=1)
    assert lengths(redis) == ("9", "0"), "silence is no consent"
    (night.path / "freeze").write_text("on-sale")
    assert "frozen by the file" in night("--target", "queues=cache", "--with", "at_least=1", "--apply", "--yes", code=1).stderr
    (night.path / "freeze").unlink()
    (night.path / "freeze").symlink_to(night.path / "freeze")
    assert "cannot be looked at" in night("--target", "queues=cache", "--with", "at_least=1", "--apply", "--yes", code=1).stderr
    (night.path / "freeze").unlink()
    said = night.config.read_text()
    night.config.write_text(said.replace("freeze: {file", 'freeze: {windows: [{name: always, cron: "* * * * *", for: 10m, tz: UTC}], file'))
    assert "frozen by the window always" in night("--target", "queues=cache", "--with", "at_least=1", "--apply", "--yes", code=1).stderr
    night.config.write_text(said)
    said = night("--target", "queues=cache", "--with", "at_least=1", "--apply", "--yes", script="redis/quarantine_queue").stdout
    assert "applied     " in said and lengths(redis) == ("0", "9"), said


def test_what_a_person_has_told_the_running_agent_counts_for_scripts_by_hand_too(night, redis, agent):
    """The switch of the agent that runs with the same configuration; one that cannot be asked is no consent."""
    words = ("--target", "queues=cache", "--with", "at_least=1", "--apply", "--yes")
    running = agent(night.config.read_text().replace("mode: auto}", "mode: dry-run}").replace("    mode: auto", "    mode: dry-run"))
    socket = night.path / "state" / "control.sock"
    running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "mails")
    assert agents.runbookd("freeze", "--reason", "on-sale", "--socket", socket).code == 0
    refused = night(*words, code=1)
    assert "nothing is changed: frozen by uid 0: on-sale" in refused.stderr and lengths(redis) == ("9", "0"), refused.stderr
    assert "planned" in night(*words[:-2]).stdout, "a dry run may look"
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        assert "whether changes are frozen is not known" in night(*words, code=1).stderr and lengths(redis) == ("9", "0")
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    assert agents.runbookd("thaw", "--socket", socket).code == 0
    assert "applied     " in night(*words).stdout and lengths(redis) == ("0", "9")


def test_what_does_not_fit_is_said(night, redis):
    assert "at_least" in night("--target", "queues=cache", "--with", "at_least=none", code=1).stderr
    assert 'there is no script "redis/gone"' in night("--target", "queues=cache", script="redis/gone", code=1).stderr
    assert "No such file" in night("--target", "queues=cache", script="/nowhere/x.lua", code=1).stderr
    assert "write NAME=VALUE" in night("--target", "cache", code=1).stderr
    assert "queues" in night(code=1).stderr
    assert "cash" in night("--target", "queues=cash", code=1).stderr
    assert lengths(redis) == ("9", "0")
    bare = agents.runbookd("script", "run", SCRIPT)
    assert bare.code == 1 and "needs a configuration" in bare.err
