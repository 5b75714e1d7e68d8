"""How late the other checks start while targets hang."""
import datetime
import json
import socket
import statistics
import time

import servers
from bench import WARM_UP, Agent, http_target, say

OTHERS = 100


class Starts(Agent):
    """An agent that says every sample; what the events tell of when each check of PREFIX... started is kept."""

    def __init__(self, prefix, targets, **more):
        self.prefix, self.starts = prefix, {}
        super().__init__(targets, ", emit: all", **more)

    def take(self, line):
        event = json.loads(line)
        if event["kind"] == "finding" and event["target"].startswith(self.prefix):
            ended = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() * 1000
            self.starts.setdefault(event["target"], []).append(ended - event["duration_ms"])
        return super().take(line)


def lateness_ms(starts, every_ms=1000):
    """A check starts on a grid of its own, once an interval: what it is behind its most punctual start."""
    late = []
    for times in starts.values():
        first = times[0]
        shifts = [(at - first + every_ms / 2) % every_ms - every_ms / 2 for at in times]
        late += [shift - min(shifts) for shift in shifts]
    return sorted(late)


def percentiles(runs):
    """p50, p99 and the most of each run; the median over the runs."""
    late = [(statistics.median(one), one[int(len(one) * 0.99)], one[-1]) for one in runs]
    return [statistics.median(each) for each in zip(*late)]


class Silent:
    """Accepts, by the kernel, and never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]


def hanging(count, silent, frozen_redis, frozen_nginx, frozen_postgres):
    """Of each kind in turn: silent sockets and stopped servers."""
    kinds = [
        f"type: redis, url: 'redis://127.0.0.1:{frozen_redis.port}'",
        f"type: http, url: '{frozen_nginx.url}'",
        f"type: postgres, url: '{frozen_postgres.url}'",
        f"type: redis, url: 'redis://127.0.0.1:{silent.port}'",
        f"type: http, url: 'https://127.0.0.1:{silent.port}'",
        f"type: postgres, url: 'postgres://a:b@127.0.0.1:{silent.port}/c'",
    ]
    return [f"  hang{i}: {{{kinds[i % len(kinds)]}, every: 1s, timeout: 3s}}\n" for i in range(count)]


def measure(quick):
    rows, silent = [], Silent()
    nginx = servers.Nginx("location / { return 200 'fine'; }")
    stopped = [servers.Redis(), servers.Nginx("location / { return 200; }"), servers.Postgres()]
    try:
        for server in stopped:
            server.freeze()
        samples = {count: [] for count in (0, 1, 20)}
        for _ in range(1 if quick else 3):
            for count in samples:
                say(f"  {count} hanging")
                agent = Starts("other", [http_target(f"other{i}", nginx.url) for i in range(OTHERS)] + hanging(count, silent, *stopped))
                time.sleep(WARM_UP)
                agent.starts.clear()
                time.sleep(4 if quick else 10)
                starts = {name: list(times) for name, times in list(agent.starts.items())}
                agent.end()
                samples[count].append(lateness_ms(starts))
        for count, runs in samples.items():
            p50, p99, worst = percentiles(runs)
            rows.append([f"{count} targets hang", sum(map(len, runs)), f"{p50:.1f}", f"{p99:.1f}", f"{worst:.1f}",
                         "" if count == 0 else f"<= {float(rows[0][3]) + 10:.1f}"])
    finally:
        silent.socket.close()
        for server in [nginx, *stopped]:
            server.close()
    return [f"lateness of {OTHERS} others, ms", "runs", "p50", "p99", "max", "target p99"], rows
