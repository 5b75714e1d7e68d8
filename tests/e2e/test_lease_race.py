"""Two whole agents of one realm, both of which would act by themselves on one target: never both do, whoever is stopped, and wherever."""
import os
import signal
import time

import pytest

import servers
from agent import Agent
from holdproxy import HoldingProxy
from servers_postgres import Application
from test_lease import grant

QUEUE, TTL = 500, 8  # entries of a flood; seconds of the lease
QUEUES = "jobs:1, jobs:2, jobs:3, jobs:4"  # one a flood: what comes and goes too often is flapping, and starts nothing


@pytest.fixture(scope="module")
def postgres():
    server = servers.Postgres(max_connections=30)
    grant(server)
    server.sql("create role ops login password 'ops' in role pg_monitor, pg_signal_backend")
    yield server
    server.close()


@pytest.fixture
def start(tmp_path):
    started = []

    def start(text, name):
        started.append(Agent(text.replace("STATE", str(tmp_path / name))))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGCONT)
        one.end(None)


def config(store, target, remediation, realm="race"):
    return f"""
agent: {{realm: {realm}, state: STATE, lease: {{target: store, ttl: {TTL}s}}}}
guard: {{mode: auto}}
targets:
  store: {{url: "{store}", checks: {{connect: {{every: 5s, warning: never}}}}}}
{target}
remediations:
{remediation}
"""


def queue(server):
    return (f'  cache: {{type: redis, url: "{server.url}", act_as: {{}}, scope: cluster, every: 300ms,'
            f' checks: {{depth: {{check: queue_depth, keys: [{QUEUES}], critical: length > 100, every: 300ms}}}}}}')


FIX = """  fix: {trigger: {check: cache/depth, status: critical}, script: redis/quarantine_queue, targets: {queues: cache}, allow: ["queues:quarantine_queue"],
        mode: auto, with: {at_least: 1}, guard: {cooldown: 0s, attempts: 100/1h, max_percent: 100},
        verify: {check: cache/depth, condition: "length < 100", within: 30s, stable: 0s}}"""


def steps(one, kind, *names):
    return [e for e in list(one.events) if e["kind"] == kind and e["step"] in names]


def wait_step(one, kind, step, after=0, seconds=40):
    known = {id(e) for e in one.events[:after]}
    return one.wait_for(lambda e: id(e) not in known and e["kind"] == kind and e["step"] == step, seconds)


def holds(one):
    last = steps(one, "agent", "lease_taken", "lease_lost")
    return bool(last) and last[-1]["step"] == "lease_taken"


def stop(one):
    os.kill(one.process.pid, signal.SIGSTOP)


def go_on(one):
    os.kill(one.process.pid, signal.SIGCONT)


def flood(server, number=1):
    server.do("rpush", f"jobs:{number}", *range(QUEUE))


def set_aside(server, number=1):
    return int(server.do("llen", f"jobs:{number}:quarantine") or 0)


def test_of_two_that_would_act_one_does_whoever_is_stopped(redis, start):
    """Flood after flood; before and after each the holder is stopped past its lease, and goes on when the other has acted."""
    both = [start(config(redis.url, queue(redis), FIX), name) for name in ("left", "right")]
    tokens = []
    for number in range(1, 5):
        first = servers.wait_until(lambda: next((one for one in both if holds(one)), None), 40)
        other = both[1 - both.index(first)]
        known = [len(one.events) for one in both]
        if number % 2:  # it finds out in its own time that it is not the one any more
            stop(first)
            flood(redis, number)
            applied = wait_step(other, "remediation", "applied", known[both.index(other)])
            go_on(first)
            wait_step(first, "agent", "lease_lost", known[both.index(first)])
            wait_step(first, "agent", "standby", known[both.index(first)])
        else:
            flood(redis, number)
            applied = wait_step(first, "remediation", "applied", known[both.index(first)])
        servers.wait_until(lambda: set_aside(redis, number) == QUEUE)
        assert applied["done"] == QUEUE, applied
        tokens.append(applied["lease_token"])
    assert tokens == sorted(tokens) and len(set(tokens)) == 2, tokens
    everything = [e for one in both for e in steps(one, "remediation", "applied")]
    assert len(everything) == 4 and sum(e["done"] for e in everything) == 4 * QUEUE, everything
    assert [(redis.do("llen", f"jobs:{number}"), set_aside(redis, number)) for number in range(1, 5)] == [("0", QUEUE)] * 4
    for one in both:  # each of their intents was under the token of its time
        assert {e["lease_token"] for e in steps(one, "audit", "intent")} == {e["lease_token"] for e in steps(one, "remediation", "applied")}


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_step_whose_fence_was_asked_too_late_is_refused(redis, postgres, start, kind):
    """The first has written its intent, and is stopped while it tells the realm under its token; the other acts; what the first had
    said reaches the store then, which refuses it, and the first goes on, and does nothing."""
    server, realm = {"redis": redis, "postgres": postgres}[kind], f"fence-{kind}"
    proxy = HoldingProxy(server.port, b"guard/fix/cache")
    try:
        first = start(config(server.url.replace(str(server.port), str(proxy.port)), queue(redis), FIX, realm), "first")
        mine = wait_step(first, "agent", "lease_taken")["lease_token"]
        second = start(config(server.url, queue(redis), FIX, realm), "second")
        wait_step(second, "agent", "standby")
        flood(redis)
        assert proxy.holding.wait(40), first.errors
        stop(first)
        token = wait_step(second, "agent", "lease_taken")["lease_token"]
        applied = wait_step(second, "remediation", "applied")
        assert applied["done"] == QUEUE and applied["lease_token"] == token > mine, applied
        proxy.release()
        time.sleep(0.5)  # the store has long had what was kept back
        go_on(first)
        refused = wait_step(first, "remediation", "refused")
        assert refused["reason"] == "lease", refused
        told = wait_step(first, "audit", "refused")
        assert told["lease_token"] == mine and [e["lease_token"] for e in steps(first, "audit", "intent")] == [mine]
        assert not steps(first, "audit", "result") and not steps(first, "remediation", "applied")
        assert set_aside(redis) == QUEUE
        if kind == "postgres":
            assert postgres.sql(f"select token from runbookd.document where realm = '{realm}' and key = 'guard/fix/cache'") == str(token)
    finally:
        proxy.close()


def test_who_is_stopped_in_the_midst_of_a_step_ends_that_one_and_no_more(redis, postgres, start):
    """PostgreSQL has no fence of ours: what was under way when the lease was over is all that a stale holder does, and is told as its own."""
    idle = [Application(postgres.port, "app", application="web") for _ in range(8)]
    pids = [one.ask("select pg_backend_pid();")[0] for one in idle]
    time.sleep(2)  # they are idle for longer than idle_for before anybody looks
    proxy = HoldingProxy(postgres.port, b"pg_terminate_backend", 3)

    def target(port):
        return (f'  pg: {{type: postgres, url: "postgres://127.0.0.1:{port}/postgres", user: monitor, password: monitor, act_as: {{user: ops, password: ops}},'
                ' checks: {connections: {every: 1s, critical: "used_percent > 25"}}}')

    end = """  end: {trigger: {check: pg/connections, status: critical}, script: postgres/reset_connections, targets: {db: pg}, allow: ["db:terminate_sessions"],
        mode: auto, with: {below: 10, batch: 6, pause: 1s, idle_for: 1s, share: 50}, guard: {cooldown: 0s, attempts: 10/1h, max_percent: 100}}"""
    try:
        first = start(config(redis.url, target(proxy.port), end), "first")
        mine = wait_step(first, "agent", "lease_taken")["lease_token"]
        second = start(config(redis.url, target(postgres.port), end), "second")
        assert proxy.holding.wait(60), first.errors
        stop(first)
        time.sleep(1)  # what it had said is read
        begun = len(steps(first, "audit", "intent"))
        token = wait_step(second, "agent", "lease_taken")["lease_token"]
        wait_step(second, "remediation", "applied")
        proxy.release()
        go_on(first)
        wait_step(first, "agent", "standby")
        first.wait_for(lambda e: e["kind"] == "remediation" and e["step"] in ("handed_over", "refused", "failed"), 40)
        servers.wait_until(lambda: len(steps(first, "audit", "result")) == begun)
        intents, results = steps(first, "audit", "intent"), steps(first, "audit", "result")
        assert len(intents) == begun >= 1 and {e["lease_token"] for e in intents + results} == {mine}, (intents, results)
        assert results[-1]["outcome"] in ("unknown", "skipped", "failed"), results
        assert mine < token and {e["lease_token"] for e in steps(second, "audit", "intent")} == {token}
        assert int(postgres.sql(f"select count(*) from pg_stat_activity where pid in ({','.join(pids)})")) <= 5
    finally:
        proxy.close()
        for one in idle:
            one.kill()
