"""A realm's lease on real servers: who holds it looks, and nobody else; what comes too late is refused by the store."""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

import servers
import servers_pgbouncer
from agent import Agent, runbookd

BIN = pathlib.Path(os.environ["RUNBOOKD_BUILD"]) / "bin"
ROOT = pathlib.Path(__file__).parents[2]
GRANTS = ROOT / "packaging/grants/postgres-lease.sql"


def grant(server, holder="monitor"):
    done = subprocess.run([servers.PG_BIN / "psql", "-qX", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres",
                           "-v", f"holder={holder}", "-f", GRANTS], capture_output=True, text=True,
                          env=dict(os.environ, PGPASSWORD="secret"), timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def postgres():
    server = servers.Postgres(max_connections=30)
    for _ in range(2):  # it may be run again
        grant(server)
    yield server
    server.close()


def race(tmp_path, url, times, realm="races"):
    """What came of that many races of two clients."""
    file = tmp_path / "race.yaml"
    file.write_text(f"version: 1\nagent: {{realm: tests}}\ntargets:\n  store: {{url: {url}}}\n")
    run = subprocess.run([BIN / "race", "-c", file, "store", realm, str(times)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0 and "Sanitizer" not in run.stderr, run.stderr
    return json.loads(run.stdout)


def assert_fair(counts, times):
    assert counts["rounds"] == times and sum(counts["won"]) == times and counts["late"] == 1, counts
    bad = {name: count for name, count in counts.items() if name not in ("rounds", "won", "late") and count}
    assert not bad, counts


def test_two_thousand_races_on_redis(redis, tmp_path):
    assert_fair(race(tmp_path, redis.url, 2000), 2000)
    assert redis.do("hget", "runbookd:{races}:state", "value") == "1999, late"


def test_races_on_postgres(postgres, tmp_path):
    assert_fair(race(tmp_path, postgres.url, 30), 30)  # each of them logs in twice
    assert postgres.sql("select value from runbookd.document where realm = 'races'") == "29, late"


def statement(name, *values):
    """What the plugin asks, with pgbench's variables, or SQL, in the place of its parameters."""
    text = (ROOT / f"plugins/postgres/lease/lease_{name}.sql").read_text()
    text = " ".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    text = re.sub(r"\(select token from (\w+)\) as held", r"coalesce((select token from \1), 0) as held", text)  # pgbench knows no null
    for at, value in enumerate(values, 1):
        text = text.replace(f"${at}", value)
    return text


def test_thousands_of_races_of_the_statements_on_postgres(postgres, tmp_path):
    """By four sessions that stay, as fast as they can: whoever holds it is alone, and no token comes twice."""
    postgres.sql("create table inside (alone int primary key); create table tokens (token bigint primary key, client int);"
                 "grant select, insert, delete on inside, tokens to monitor")
    holder = "'client :client_id'"
    script = "\n".join([
        statement("take", "'quick'", holder, "0", "30000", "4711") + " \\gset",
        "\\if :held > 0",
        "insert into inside values (1);", "insert into tokens values (:held, :client_id);",
        statement("write", "'quick'", holder, ":held", "'key'", "'held by :client_id'") + " \\gset own_",
        "\\if :own_held <> :held", "select 1/0 as a_write_of_the_holder_was_refused;", "\\endif",
        "delete from inside;",
        statement("release", "'quick'", holder, ":held") + " \\gset given_",
        "select pg_advisory_unlock_all();",
        # too late: nothing of this may be there afterwards
        statement("write", "'quick'", holder, ":held", "'stale'", "'stale'") + ";",
        "\\endif"])
    (tmp_path / "races").write_text(script)
    run = subprocess.run([servers.PG_BIN / "pgbench", "-n", "-c", "4", "-t", "400", "-M", "simple", "-f", tmp_path / "races", postgres.url],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "number of failed transactions: 0 " in run.stdout and "aborted" not in run.stderr, run.stdout + run.stderr
    assert int(postgres.sql("select count(*) from tokens")) >= 200
    assert postgres.sql("select count(*) from runbookd.document where realm = 'quick' and key = 'stale'") == "0"


# ------------------------------------------------------------------ agents ----

def config(store, target, ttl="2s", realm="tests", more="", agent=""):
    return (f"version: 1\nagent: {{{agent}realm: {realm}, lease: {{target: store, ttl: {ttl}}}, heartbeat: 1s}}\ntargets:\n"
            f"  store: {{url: {store}, checks: {{connect: {{every: 1s, warning: never}}}}}}\n{target}{more}")


def queue(url):
    """A queue that is critical once it has more than 3 entries."""
    return (f"  mails: {{type: redis, url: {url}, scope: cluster, checks: {{connect: {{every: 1s}}, "
            "depth: {check: queue_depth, keys: [mails], every: 500ms, critical: length > 3}}}\n")


def steps(one, *names):
    return [e for e in list(one.events) if e["kind"] == "agent" and e["step"] in names]


def wait_step(one, step, seconds=20, after=0):
    known = {id(e) for e in one.events[:after]}
    return one.wait_for(lambda e: id(e) not in known and e["kind"] == "agent" and e["step"] == step, seconds)


def wait_holder(agents, seconds=20):
    """The one that has the lease by its own last word, when exactly one has."""
    def only():
        held = [one for one in agents if one.process.poll() is None and (last := steps(one, "lease_taken", "lease_lost"))
                and last[-1]["step"] == "lease_taken"]
        return held[0] if len(held) == 1 else None
    return servers.wait_until(only, seconds)


def test_one_looks_and_another_goes_on_where_it_was(agent, redis):
    """With what is known: a critical that everybody has heard of is not said as new."""
    redis.do("rpush", "mails", *range(5))
    both = [agent(config(redis.url, queue(redis.url))) for _ in range(2)]
    first = wait_holder(both)
    second = both[1 - both.index(first)]
    found = first.wait_status("mails", "depth", "critical", subject="mails")
    standby = wait_step(second, "standby")
    token = wait_step(first, "lease_taken")["lease_token"]
    assert standby["lease_holder"].endswith("/" + first.events[0]["agent"]["boot"])
    servers.wait_until(lambda: redis.do("hexists", "runbookd:{tests}:state", "findings/mails") == "1")
    beat = second.wait_for(lambda e: e.get("step") == "heartbeat" and e.get("lease") == "standby")
    assert beat["checks"] == {"ok": 0, "warning": 0, "critical": 0, "unknown": 0} and second.findings() == []
    time.sleep(1.2)  # the documents are a second old at most
    at = time.monotonic()
    first.process.kill()
    first.process.wait()
    taken = wait_step(second, "lease_taken")
    assert time.monotonic() - at < 2 * 2 + 1 and taken["lease_token"] > token
    redis.do("del", "mails")
    over = second.wait_status("mails", "depth", "ok", subject="mails")
    assert over["previous"] == "critical" and over["reason"] in ("change", "gone") and over["id"] == found["id"]
    assert not [e for e in second.findings("mails", "depth") if e["status"] == "critical"]
    assert not [e for e in second.findings() if e["reason"] == "start"], second.findings()
    second.end()


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_who_was_stopped_past_its_time_neither_looks_nor_writes(agent, redis, postgres, kind):
    realm = f"stopped-{kind}"
    store = {"redis": redis.url, "postgres": postgres.url}[kind]
    both = [agent(config(store, queue(redis.url), ttl="4s", realm=realm)) for _ in range(2)]
    first = wait_holder(both)
    second = both[1 - both.index(first)]
    first.wait_status("mails", "depth", "ok", subject="mails")
    os.kill(first.process.pid, signal.SIGSTOP)
    stopped = datetime.datetime.utcnow().isoformat()
    try:
        at = time.monotonic()
        taken = wait_step(second, "lease_taken")
        assert time.monotonic() - at < 2 * 4 + 1
        redis.do("rpush", "mails", *range(5))
        second.wait_status("mails", "depth", "critical", subject="mails")
        documents = {"redis": lambda: redis.do("hget", f"runbookd:{{{realm}}}:state", "findings/mails"),
                     "postgres": lambda: postgres.sql(f"select token from runbookd.document where realm = '{realm}' and key = 'findings/mails'")}[kind]
        servers.wait_until(lambda: documents())
        known = len(first.events)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    lost = wait_step(first, "lease_lost")
    standby = wait_step(first, "standby", after=known)
    assert lost["lease_token"] < taken["lease_token"] and standby["lease_holder"].endswith(second.events[0]["agent"]["boot"])
    late = [e for e in first.events[known:] if e["kind"] == "finding" and e["time"] > stopped]  # what it had found before may come now
    assert not late, "it went on looking"
    assert wait_holder(both) is second
    if kind == "postgres":  # the session that it had is gone, and with it the lock
        assert postgres.sql(f"select token from runbookd.lease where realm = '{realm}'") == str(taken["lease_token"])
    for one in both:
        one.end()


def test_status_says_who_holds_the_lease(agent, redis, tmp_path):
    both = [agent(config(redis.url, "", agent=f"control: {tmp_path}/{at}.sock, ")) for at in range(2)]
    first = wait_holder(both)
    at = both.index(first)
    wait_step(both[1 - at], "standby")
    said = [runbookd("status", "--socket", tmp_path / f"{one}.sock", "--json", events=False) for one in range(2)]
    answers = [json.loads(one.out) for one in said]
    assert answers[at]["lease"] == "held" and answers[at]["lease_token"] > 0, said[at].out
    assert answers[1 - at]["lease"] == "standby" and answers[1 - at]["lease_holder"].endswith(first.events[0]["agent"]["boot"])
    text = runbookd("status", "--socket", tmp_path / f"{1 - at}.sock", events=False).out
    assert "standby: " in text and answers[1 - at]["lease_holder"] in text, text


def test_the_lease_is_given_back_in_order(agent, redis):
    both = [agent(config(redis.url, queue(redis.url), ttl="10s")) for _ in range(2)]
    first = wait_holder(both)
    wait_step(both[1 - both.index(first)], "standby")
    assert redis.do("exists", "runbookd:{tests}:lease") == "1"
    first.end()
    assert redis.do("exists", "runbookd:{tests}:lease") == "0"
    assert steps(first, "stopped")


def test_a_pooler_is_refused(agent, postgres):
    pooler = servers_pgbouncer.PgBouncer(postgres)
    one = agent(config(pooler.url, "", realm="pooled"))
    said = wait_step(one, "lease_unreachable")
    assert "pooler" in said["message"] and "the server itself" in said["hint"]
    assert postgres.sql("select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1") == "0"
    assert postgres.sql("select count(*) from runbookd.lease where realm = 'pooled'") == "0"
    one.end()
    pooler.close()


def test_missing_tables_are_said_with_the_statements(agent):
    server = servers.Postgres(max_connections=20)
    one = agent(config(server.url, "", realm="bare"))
    said = wait_step(one, "lease_unreachable")
    assert "runbookd.lease" in said["message"] and "CREATE TABLE runbookd.lease" in said["hint"]
    grant(server)
    wait_step(one, "lease_taken")
    one.end()
    server.close()


def test_a_store_that_goes_away_and_comes_back(agent, redis):
    one = agent(config(redis.url, "", ttl="1s"))
    wait_step(one, "lease_taken")
    redis.freeze()
    wait_step(one, "lease_lost")
    wait_step(one, "lease_unreachable")
    known = len(one.events)
    redis.thaw()
    wait_step(one, "lease_taken", after=known)
    one.end()


def test_fifty_agents_have_one_connection_for_looking(postgres, tmp_path):
    """And the one with which the lease is held; the holder killed, another has both within two times of the lease."""
    text = config(postgres.url, "", ttl="6s", realm="fifty").replace("heartbeat: 1s", "heartbeat: 5s")
    agents = [Agent(text) for _ in range(50)]
    try:
        first = wait_holder(agents, 120)
        known = {(e["name"], e["subject"]) for e in [first.wait_for(lambda e: e["kind"] == "finding", 40)]}
        servers.wait_until(lambda: sum(bool(steps(one, "standby")) for one in agents) == 49, 120)
        counts = []
        for _ in range(20):  # one looks, one holds; who polls is there for milliseconds, on a busy machine for a while
            counts.append(postgres.sql("select count(*), count(*) filter (where backend_start < clock_timestamp() - interval '2s')"
                                       " from pg_stat_activity where usename = 'monitor'"))
            time.sleep(0.1)
        every, lasting = zip(*[[int(number) for number in line.split("|")] for line in counts], strict=True)
        assert max(lasting) <= 2 and min(every) <= 3 and max(every) < 25, counts
        at = time.monotonic()
        first.process.kill()
        first.process.wait()
        agents.remove(first)
        second = wait_holder(agents, 40)
        took = time.monotonic() - at
        assert took < 2 * 6 + 1, took
        beats = [second.wait_for(lambda e: e.get("lease") == "held" and e["runs"] > 0, 40)]
        assert beats[0]["checks"]["ok"] > 0
        for one in agents:
            if one is not second:
                assert not one.findings() and not [e for e in one.events if e.get("runs")], one.events
        assert not [e for e in second.findings() if (e["name"], e["subject"]) in known and e["reason"] == "start"]
        print(f"connections of 50 agents: {counts}; taken over in {took:.1f} s")
    finally:
        for one in agents:
            one.process.terminate()
        for one in agents:
            one.end(code=None)
