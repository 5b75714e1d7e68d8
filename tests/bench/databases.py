"""Every check of postgres, redis and clickhouse on a server under load: what a run costs the agent, and what it costs the server; beside Debian's exporters."""
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request

import servers
from bench import BUILD, ROOT, Agent, checks_of, cost, cpu_us, say

os.environ.setdefault("RUNBOOKD_BUILD", str(BUILD))
os.environ.setdefault("RUNBOOKD_NPM", subprocess.run([ROOT / "tests/npm.sh"], check=True, capture_output=True, text=True).stdout.strip())
import servers_clickhouse  # noqa: E402 (where its server lies stands in these two)

EXPORTERS = {"postgres": shutil.which("prometheus-postgres-exporter"), "redis": shutil.which("prometheus-redis-exporter")}
EVERY = 0.25  # seconds: often, so that little time says much

POSTGRES = {  # what checks with required options are asked with
    "freshness": {"table": "pgbench_history", "column": "mtime"},
    "invariant": {"sql": "select bid from pgbench_branches where bid < 0"},
    "query": {"sql": "select count(*) from pgbench_branches"},
    "audit_activity": {"table": "pgbench_history", "columns": {"at": "mtime", "actor": "tid", "action": "bid"}},
    "rls": {"role": "app", "column": "tenant_id"},
}
REDIS = {"queue_depth": {"keys": ["jobs"]}, "queue_failed": {"keys": ["failed"]}, "queue_stalled": {"keys": ["jobs"]},
         "config_drift": {"expect": {"maxmemory-policy": "noeviction"}}}
CLICKHOUSE = {"freshness": {"table": "load", "column": "at"}}


def target(plugin, server, check, options, names):
    words = {name: "off" for name in names}
    words[check] = {"every": f"{int(EVERY * 1000)}ms", "timeout": "20s", **options}
    return f"  t: {{type: {plugin}, url: '{server.url}', {getattr(server, 'login', '')} checks: {json.dumps(words)}}}\n"


class LoadedPostgres(servers.Postgres):
    """pgbench at half a processor or so; what the role monitor costs is what pg_stat_statements says of it."""

    def __init__(self):
        super().__init__(max_connections=100, shared_preload_libraries="'pg_stat_statements'")
        self.sql("create extension pg_stat_statements; create extension amcheck; grant pg_read_all_data to monitor;"
                 "grant execute on all functions in schema public to monitor;"
                 "create table tenants (tenant_id int); grant select on tenants to app; alter table tenants enable row level security;"
                 "alter table tenants force row level security; create policy own on tenants using (tenant_id = 1)")
        self.env = dict(os.environ, PGPASSWORD="secret")
        self.words = [servers.PG_BIN / "pgbench", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "postgres"]
        subprocess.run([*self.words, "-i", "-q", "-s", "5"], env=self.env, check=True, capture_output=True)
        self.load = subprocess.Popen([*self.words, "-c", "4", "-R", "300", "-T", "3600"], env=self.env,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def spent_ms(self):
        return float(self.sql("select coalesce(sum(total_exec_time), 0) from pg_stat_statements where userid = 'monitor'::regrole"))

    def exporter(self):
        return (["--web.listen-address=127.0.0.1:%d"], {"DATA_SOURCE_NAME": f"{self.url}?sslmode=disable"})

    def close(self):
        self.load.terminate()
        self.load.wait()
        super().close()


class LoadedRedis(servers.Redis):
    """redis-benchmark asks GET and SET; all other commands are ours."""

    def __init__(self):
        super().__init__()
        self.do("rpush", "jobs", *range(50))
        self.load = subprocess.Popen(["redis-benchmark", "-p", str(self.port), "-t", "get,set", "-n", "100000000", "-c", "4", "-r", "100000",
                                      "-P", "1", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def spent_ms(self):
        lines = [line for line in self.do("info", "commandstats").splitlines() if line.startswith("cmdstat_")]
        return sum(int(line.split("usec=")[1].split(",")[0]) for line in lines if line.split(":")[0] not in ("cmdstat_get", "cmdstat_set")) / 1000

    def exporter(self):
        return (["-web.listen-address=127.0.0.1:%d", "-redis.addr", self.url], {})

    def close(self):
        self.load.terminate()
        self.load.wait()
        super().close()


class LoadedClickHouse(servers_clickhouse.New):
    """Small inserts and a query fifty times a second; what the user probe costs is what system.user_processes says of it."""

    login = "user: probe, password: pw,"

    def __init__(self):
        super().__init__(users={"probe": ()})
        self.ask("CREATE TABLE load (at DateTime, n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY toMonday(at)")
        self.over = threading.Event()
        self.load = threading.Thread(target=self.work)
        self.load.start()

    def work(self):
        while not self.over.wait(0.02):
            self.ask("INSERT INTO load SELECT now() - number, rand64() FROM numbers(100)")
            self.ask("SELECT count(), max(at) FROM load WHERE n % 7 = 3")

    def spent_ms(self):
        said = self.ask("SELECT sum(ProfileEvents['OSCPUVirtualTimeMicroseconds']) FROM system.user_processes WHERE user = 'probe'")
        return float(said) / 1000

    def close(self):
        self.over.set()
        self.load.join()
        super().close()


def of_check(plugin, server, check, options, names, seconds):
    agent = Agent([target(plugin, server, check, options, names)])
    try:
        time.sleep(1.5)
        before, spent = agent.next_state(), server.spent_ms()
        time.sleep(seconds)
        after, spent = agent.next_state(), server.spent_ms() - spent
        return cost(agent, before, after) / 1000, spent / (after[0] - before[0])
    finally:
        agent.end()


def of_nothing(plugin, server, names, seconds):
    """What the agent takes by itself in the time between two runs: it is part of every figure here."""
    agent = Agent([target(plugin, server, "connect", {"every": "1h"}, names)])
    try:
        time.sleep(1.5)
        before = agent.next_state()
        time.sleep(seconds)
        after = agent.next_state()
        return (after[2] - before[2]) / 1000 / (after[3] - before[3]) * EVERY
    finally:
        agent.end()


def of_exporter(plugin, server, seconds):
    """A scrape of all that it has: its processor time, and the server's."""
    words, env = server.exporter()
    port = servers.free_port()
    process = subprocess.Popen([EXPORTERS[plugin], *[word % port if "%d" in word else word for word in words]],
                               env=dict(os.environ, **env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        servers.wait_until(lambda: servers.listens(port))

        def scrape():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
                return len(page.read())

        scrape()
        count, cpu, spent, end = 0, cpu_us(process.pid), server.spent_ms(), time.monotonic() + 2 * seconds
        while time.monotonic() < end:
            scrape()
            count += 1
            time.sleep(EVERY)
        return (cpu_us(process.pid) - cpu) / 1000 / count, (server.spent_ms() - spent) / count
    finally:
        process.terminate()
        process.wait()


def measure(quick, only=""):
    seconds, rows = (2 if quick else 5), []
    for plugin, loaded, samples in (("postgres", LoadedPostgres, POSTGRES), ("redis", LoadedRedis, REDIS),
                                     ("clickhouse", LoadedClickHouse, CLICKHOUSE)):
        names, sums = checks_of(plugin), [0.0, 0.0]
        wanted = [name for name in names if only in f"{plugin}.{name}"]
        if not wanted:
            continue
        server = loaded()
        try:
            rows.append(["the agent, between two runs", f"{of_nothing(plugin, server, names, seconds):.2f}", "-"])
            for check in wanted:
                say(f"  {plugin}.{check}")
                try:
                    figures = of_check(plugin, server, check, samples.get(check, {}), names, seconds)
                except RuntimeError as error:
                    rows.append([f"{plugin}.{check}", "-", str(error)[-40:]])
                    continue
                sums = [a + b for a, b in zip(sums, figures)]
                rows.append([f"{plugin}.{check}", *(f"{figure:.2f}" for figure in figures)])
            rows.append([f"{plugin}: all of these", *(f"{figure:.2f}" for figure in sums)])
            if EXPORTERS.get(plugin):
                rows.append([os.path.basename(EXPORTERS[plugin]) + ", a scrape", *(f"{figure:.2f}" for figure in of_exporter(plugin, server, seconds))])
        finally:
            server.close()
    return ["a run, beside load", "processor ms", "server ms"], rows
