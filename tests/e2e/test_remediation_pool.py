"""An approval of bounds counts on a busy pool, minutes after the plan was made: 80 sessions with random think times (pgbench).
RUNBOOKD_POOL_WAIT: how many seconds the person who approves takes; the three minutes of a night are for a run by hand."""
import os
import re
import subprocess
import time

import pytest

import servers
from servers import PG_BIN
from test_remediation import agents, approve, audit, config, scripts, step, steps  # noqa: F401: fixtures

WAIT = float(os.environ.get("RUNBOOKD_POOL_WAIT", "12"))
SESSIONS, LIMIT = 80, 20
# One of four times it works for as long as it thinks the other times.
SCRIPT = r"""
\set think random(50, 3000)
\if random(1, 4) = 1
select pg_sleep(:think / 1000.0);
\else
select 1;
\sleep :think ms
\endif
"""


@pytest.fixture
def pool(tmp_path):
    server = servers.Postgres(max_connections=100)
    server.sql("create role ops login password 'ops' in role pg_monitor, pg_signal_backend")
    (tmp_path / "think.sql").write_text(SCRIPT)
    bench = subprocess.Popen([PG_BIN / "pgbench", "-n", "-M", "simple", "-c", str(SESSIONS), "-j", "2", "-T", "900", "-f", tmp_path / "think.sql", "-h", "127.0.0.1",
                              "-p", str(server.port), "-U", "app", "postgres"], env={**os.environ, "PGPASSWORD": "app", "PGAPPNAME": "web"},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers.wait_until(lambda: server.count_sessions("web") == SESSIONS, 60)
    yield server
    bench.kill()
    bench.wait()
    server.close()


def test_an_approval_of_bounds_counts_minutes_later(pool, agents):  # noqa: F811
    told = config(pool, mode="approve", ceiling="approve", guard="{cooldown: 1h, max_affected: 20, max_percent: 90}", condition="used_percent < 75")
    agent = agents(told.replace("idle_for: 0s", "idle_for: 300ms"))
    waiting = step(agent, "waiting")
    planned = [item["key"] for item in step(agent, "planned")["items"]]
    assert waiting["binds"] == "bounds" and len(planned) == LIMIT, waiting
    time.sleep(WAIT)  # the person who reads it
    assert pool.count_sessions("web") == SESSIONS and "applied" not in steps(agent)
    approve(agents.state, waiting)
    applied = step(agent, "applied")
    assert 0 < applied["done"] <= LIMIT and applied["failed"] == 0, applied
    assert step(agent, "verified")["outcome"] == "fixed"
    ended = [line["key"] for line in audit(agents.state) if line["step"] == "result" and line["outcome"] == "applied"]
    assert len(ended) == applied["done"] and set(ended) != set(planned), (planned, ended)
    assert pool.count_sessions("web") == SESSIONS - applied["done"]
    log = pool.log()
    assert len(re.findall("FATAL: .*terminating connection due to administrator command", log)) == applied["done"], log[-2000:]
    assert not re.search(r"terminating connection due to administrator command\n.*STATEMENT: ", log), "one that was at work was ended"
