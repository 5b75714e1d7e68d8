"""Remediations by the running agent, on a real PostgreSQL: from the finding to what was verified, under guard."""
import hashlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess

import pytest

import servers
from agent import Agent, runbookd
from servers_postgres import Application

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDLE = 12  # sessions of the application that sit idle; the server takes 20, three of them for superusers


@pytest.fixture(scope="module")
def server(postgres):
    postgres.sql("create role ops login password 'ops' in role pg_monitor, pg_signal_backend;"
                 "create role replica login replication password 'replica'")
    postgres.sql("create database elsewhere")
    return postgres


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The scripts as shipped, but for how long a session must have been idle: tests do not wait for a minute."""
    folder = tmp_path_factory.mktemp("scripts") / "scripts"
    shutil.copytree(ROOT / "scripts", folder)
    script = folder / "postgres" / "kill_idle.lua"
    script.write_text(script.read_text().replace('min = "1m"', 'min = "0s"'))
    return folder


@pytest.fixture
def session(server):
    started = []

    def start(user="app", **more):
        started.append(Application(server.port, user, **more))
        started[-1].pid = int(started[-1].ask("select pg_backend_pid();")[0])
        return started[-1]

    yield start
    for one in started:
        one.kill()
    servers.wait_until(lambda: server.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'") == "")


@pytest.fixture
def agents(scripts, tmp_path):
    """agents(config) runs one whose state is kept from one to the next."""
    started = []

    def start(config):
        started.append(Agent(config.replace("STATE", str(tmp_path / "state")), "--scripts", str(scripts)))
        return started[-1]

    start.state = tmp_path / "state"
    yield start
    for one in started:
        one.end(None)


def config(server, mode="auto", ceiling="auto", more="", guard="{cooldown: 1h, attempts: 3/2h, max_affected: 20, max_percent: 90}", condition="used_percent < 80",
           within="30s", above=60):
    return f"""
agent: {{state: STATE, heartbeat: 1s}}
guard: {{mode: {ceiling}}}
targets:
  pg:
    type: postgres
    url: postgres://127.0.0.1:{server.port}/postgres
    user: monitor
    password: monitor
    act_as: {{user: ops, password: ops}}
    every: 500ms
    checks:
      connections: {{critical: "used_percent > {above}"}}
remediations:
  end-idle-sessions:
    trigger: {{check: pg/connections, status: critical}}
    script: postgres/kill_idle
    targets: {{db: pg}}
    with: {{idle_for: 0s, above: {above}, database: postgres}}
    allow: ["db:terminate_sessions"]
    mode: {mode}
    guard: {guard}
    verify: {{check: pg/connections, condition: "{condition}", within: {within}, stable: 1s}}
{more}"""


def step(agent, name, seconds=60, **members):
    return agent.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == name and all(e.get(k) == v for k, v in members.items()), seconds)


def steps(agent):
    return [e["step"] for e in list(agent.events) if e["kind"] == "remediation"]


def audit(folder):
    rows = sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True).execute("select line from audit order by entry").fetchall()
    return [json.loads(row[0]) for row in rows]


def alive(server, *sessions):
    pids = server.sql("select pid from pg_stat_activity").split()
    return [str(one.pid) in pids for one in sessions]


def others(session, server, tmp_path):
    """What must survive: a busy session, one of another database, one that is spared by its name, a walsender."""
    busy, elsewhere, spared = session(application="web"), session(database="elsewhere", application="web"), session(application="pg_dump")
    busy.tell("select pg_sleep(600);")
    walsender = subprocess.Popen([servers.PG_BIN / "pg_receivewal", "-D", tmp_path, "--no-loop", "-d",
                                  f"postgres://replica:replica@127.0.0.1:{server.port}/"], stderr=subprocess.PIPE)
    servers.wait_until(lambda: server.sql("select count(*) from pg_stat_replication") == "1")
    servers.wait_until(lambda: server.sql(f"select state from pg_stat_activity where pid = {busy.pid}") == "active")
    return [busy, elsewhere, spared], walsender


def test_idle_sessions_that_fill_the_server_are_ended_and_it_is_verified(server, session, agents, tmp_path):
    survivors, walsender = others(session, server, tmp_path)
    background = server.sql("select pid from pg_stat_activity where backend_type <> 'client backend' order by pid")
    idle = [session(application="web") for _ in range(IDLE - 4)]
    agent = agents(config(server))
    planned = step(agent, "planned")
    assert sorted(int(item["key"].split("@")[0]) for item in planned["items"]) == sorted(one.pid for one in idle)
    assert planned["mode"] == "auto" and planned["binds"] == "bounds" and planned["effect"] == "disruptive", planned
    applied = step(agent, "applied")
    assert (applied["done"], applied["failed"]) == (len(idle), 0), applied
    fixed = step(agent, "verified")
    assert fixed["outcome"] == "fixed" and fixed["held_ms"] >= 1000 and fixed["level"] == "info", fixed
    assert fixed["id"] == applied["id"] == planned["id"]
    assert not any(alive(server, *idle)) and all(alive(server, *survivors))
    assert server.sql("select pid from pg_stat_activity where backend_type <> 'client backend' order by pid") == background
    assert walsender.poll() is None
    walsender.kill()
    walsender.communicate()
    lines = [line["step"] for line in audit(agents.state)]
    assert lines[0] == "planned" and lines[1:-1] == ["intent", "result"] * len(idle) and lines[-1] == "verified", lines
    assert all(line["who"].startswith("policy end-idle-sessions@") for line in audit(agents.state))
    head = agent.wait_for(lambda e: e["kind"] == "agent" and e.get("step") == "heartbeat" and e["audit"]["entries"] == len(lines))
    assert len(head["audit"]["head"]) == 64 and head["remediations"]["today"] == 1, head


def test_a_dry_run_changes_nothing_and_says_what_it_would_do(server, session, agents):
    idle = [session(application="web") for _ in range(IDLE)]
    agent = agents(config(server, mode="auto", ceiling="dry-run"))
    planned = step(agent, "planned")
    assert planned["mode"] == "dry-run" and planned["level"] == "info" and planned["message"].startswith("end-idle-sessions: dry run:"), planned
    assert sorted(int(item["key"].split("@")[0]) for item in planned["items"]) == sorted(one.pid for one in idle)
    agent.wait_for(lambda e: e["kind"] == "agent" and e.get("step") == "heartbeat")
    assert all(alive(server, *idle)) and steps(agent) == ["planned"]


def test_more_than_the_cap_is_refused_and_handed_over(server, session, agents):
    idle = [session(application="web") for _ in range(IDLE)]
    agent = agents(config(server, guard="{cooldown: 1h, attempts: 3/2h, max_affected: 3}"))
    refused = step(agent, "refused")
    assert refused["reason"] == "radius" and "at most 3" in refused["message"], refused
    assert all(alive(server, *idle)) and "applied" not in steps(agent)


def test_used_attempts_hand_over_to_a_person(server, session, agents):
    first = [session(application="web") for _ in range(IDLE)]
    agent = agents(config(server, guard="{cooldown: 0s, attempts: 1/1h}", condition="used < 1", within="3s"))
    step(agent, "applied")
    assert step(agent, "verified", 25)["outcome"] == "ineffective"
    assert not any(alive(server, *first))
    second = [session(application="web") for _ in range(IDLE)]
    assert step(agent, "handed_over")["level"] == "error"
    assert step(agent, "refused")["reason"] == "attempts"
    assert all(alive(server, *second))


def whole_audit(folder):
    """The audit's lines, after the chain was computed anew, here."""
    rows = sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True).execute("select entry, line, hash from audit order by entry").fetchall()
    previous = ""
    for number, (entry, line, digest) in enumerate(rows, 1):
        assert entry == number and hashlib.sha256(line.encode()).hexdigest() == digest and json.loads(line)["previous_hash"] == previous
        previous = digest
    return [json.loads(line) for _, line, _ in rows]


@pytest.mark.parametrize("kind,point", [("remediation", "planned"), ("audit", "intent"), ("audit", "result"), ("remediation", "applied")])
def test_killed_at_any_point_it_repeats_nothing_and_keeps_its_cool_down(server, session, agents, kind, point):
    idle = [session(application="web") for _ in range(IDLE)]
    told = config(server, guard="{cooldown: 1h, attempts: 3/2h, max_affected: 20}")
    agent = agents(told)
    agent.wait_for(lambda e: e["kind"] == kind and e.get("step") == point)
    agent.end(-signal.SIGKILL, signal.SIGKILL)
    before = whole_audit(agents.state)
    intents = [line["key"] for line in before if line["step"] == "intent"]
    open_ends = set(intents) - {line["key"] for line in before if line["step"] == "result"}
    fresh = [session(application="web") for _ in range(IDLE - sum(alive(server, *idle)))]
    again = agents(told)
    if open_ends:
        assert step(again, "unknown")["level"] == "error"
    if intents:  # it had begun: its cool-down holds, whatever is idle now
        servers.wait_until(lambda: len([e for e in list(again.events) if e.get("step") == "heartbeat" and e["checks"]["critical"]]) >= 3)
        assert all(alive(server, *fresh)) and "applied" not in steps(again)
    else:
        step(again, "applied")
    again.end()
    after = whole_audit(agents.state)
    assert after[:len(before)] == before
    keys = [line["key"] for line in after if line["step"] == "intent"]
    assert len(keys) == len(set(keys)), "a step was begun twice"
    assert open_ends <= {line["key"] for line in after if line["step"] == "result" and line["outcome"] == "unknown"}


# ---------------------------------------------------------------- approved ----


def approve(state, plan, *words, code=0):
    done = runbookd("approve", plan["plan"], "--hash", plan["plan_hash"][:4], "--socket", state / "control.sock", *words, events=False)
    assert done.code == code, done.out + done.err


def test_an_approval_of_bounds_counts_for_those_that_are_idle_then(server, session, agents):
    idle = [session(application="web") for _ in range(IDLE)]
    agent = agents(config(server, mode="approve", ceiling="approve", guard="{cooldown: 1h, max_affected: 20}"))
    waiting = step(agent, "waiting")
    assert waiting["level"] == "error" and waiting["approvals_needed"] == 1 and all(alive(server, *idle)), waiting
    busy, gone = idle[0], idle[1]
    busy.tell("select pg_sleep(600);")
    server.sql(f"select pg_terminate_backend({gone.pid})")
    servers.wait_until(lambda: server.sql(f"select state from pg_stat_activity where pid = {busy.pid}") == "active")
    servers.wait_until(lambda: alive(server, gone) == [False])
    fresh = session(application="web")
    assert "applied" not in steps(agent)
    approve(agents.state, waiting, "--reason", "the pool leaks")
    applied = step(agent, "applied")
    assert (applied["done"], applied["failed"]) == (IDLE - 1, 0), applied  # two of the plan are gone from it, one is new
    assert alive(server, busy) == [True] and not any(alive(server, *idle[2:], fresh))
    assert step(agent, "verified")["outcome"] == "fixed"
    approved = [line for line in audit(agents.state) if line["step"] == "approved"]
    assert len(approved) == 1 and approved[0]["reason"] == "the pool leaks" and approved[0]["proof"], approved


def test_a_plan_that_waits_outlives_the_agent(server, session, agents):
    idle = [session(application="web") for _ in range(IDLE)]
    told = config(server, mode="approve", ceiling="approve", guard="{cooldown: 1h, max_affected: 20}")
    agent = agents(told)
    waiting = step(agent, "waiting")
    agent.end(-signal.SIGKILL, signal.SIGKILL)
    again = agents(told)
    again.wait_for(lambda e: e.get("step") == "heartbeat" and e["remediations"]["waiting"] == 1)
    assert all(alive(server, *idle))
    approve(agents.state, waiting)
    assert step(again, "applied")["done"] == IDLE
    assert not any(alive(server, *idle))
