"""From a fault to its finding: interval 1 s, time limit 3 s."""
import random
import time

import agent as agents
import servers
from bench import median, say

LIMITS = {"stopped": 4.1, "refused": 1.1, "full": 1.1}


def freeze(server):
    start = time.monotonic()
    server.freeze()
    return start


def kill(server):
    server.kill()
    return time.monotonic()


def fill_redis(server):
    server.held = [servers.socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    server.do("config", "set", "maxclients", "3")
    return time.monotonic()


def drain_redis(server):
    for one in server.held:
        one.close()
    servers.wait_until(lambda: server.do("config", "set", "maxclients", "1000") == "OK")


def fill_postgres(server):
    """Every slot but the superuser's; full since the youngest session was let in."""
    server.held = server.sessions(16)
    age = server.sql("select extract(epoch from clock_timestamp() - max(backend_start)) from pg_stat_activity"
                     " where application_name = 'backend'")
    return time.monotonic() - float(age)


def drain_postgres(server):
    server.end_sessions()
    for client in server.held:
        client.kill()
        client.communicate()


# What begins a fault, and says since when it has been there; what ends it.
FAULTS = {
    "stopped": (freeze, servers.Server.thaw),
    "refused": (kill, lambda server: server.start()),
    ("full", "redis"): (fill_redis, drain_redis),
    ("full", "postgres"): (fill_postgres, drain_postgres),
}
CHECKS = {"redis": "connect", "postgres": "connect", "http": "endpoint"}


def of_interest(kind):
    return lambda event: event["kind"] == "finding" and event["target"] == kind and event["name"] == CHECKS[kind]


def wait(running, kind, status, after, seconds=30):
    """When the first such finding came, and what it says."""
    fits = of_interest(kind)
    end = time.monotonic() + seconds
    at = after
    while time.monotonic() < end:
        while at < len(running.events):
            if fits(running.events[at]) and running.events[at]["status"] == status:
                return running.times[at], running.events[at]["message"]
            at += 1
        time.sleep(0.005)
    raise RuntimeError(f"{kind} did not become {status}")


def once(kind, server, fault):
    """An agent of its own each time: faults that come and go would be flapping."""
    begin, end = FAULTS.get(fault) or FAULTS[(fault, kind)]
    running = agents.Agent("version: 1\nagent: {realm: bench}\ntargets:\n"
                           f"  {kind}: {{type: {kind}, url: '{server.url}', every: 1s, timeout: 3s}}\n")
    try:
        wait(running, kind, "ok", 0)
        time.sleep(random.uniform(0.5, 1.5))  # at any moment between two runs
        after = len(running.events)
        start = begin(server)
        seen, said = wait(running, kind, "critical", after)
        end(server)
        wait(running, kind, "ok", after)
    finally:
        running.end(None)
    return max(seen - start, 0.0), said


def measure(quick):
    rows = []
    of_kind = {"redis": servers.Redis(), "http": servers.Nginx("location / { return 200; }"), "postgres": servers.Postgres(max_connections=20)}
    try:
        for fault, limit in LIMITS.items():
            for kind, server in of_kind.items():
                if fault == "full" and kind == "http":
                    continue
                say(f"  {kind} {fault}")
                took, said = zip(*[once(kind, server, fault) for _ in range(1 if quick else 3)])
                rows.append([f"{kind}, {fault}", f"{median(took):.2f}", f"{max(took):.2f}", f"< {limit}", said[-1][:90]])
    finally:
        for server in of_kind.values():
            server.close()
    return ["seconds to the finding", "median", "worst", "target", "what it said"], rows
