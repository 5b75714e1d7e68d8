"""What a scrape of /metrics costs, by how much there is to say."""
import time
import urllib.request

import servers
from bench import Agent, cpu_us, median, memory_kb, mib, only

PAGE_LASTS = 1.05  # seconds: a page is made anew once a second


def fetch(port):
    """Bytes of a page, and seconds until it is here."""
    begin = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
        size = len(reply.read())
    return size, time.monotonic() - begin


def cases(redis):
    others = only("redis", "memory")
    many = ", ".join(f'"q:{i}"' for i in range(200))
    yield "100 checks", [f"  r{i}: {{type: redis, url: '{redis.url}', every: 1h{others}}}\n" for i in range(100)]
    yield "1,000 checks", [f"  r{i}: {{type: redis, url: '{redis.url}', every: 1h{others}}}\n" for i in range(1000)]
    queues = only("redis", "queue_depth").replace("queue_depth: {}", f"queue_depth: {{keys: [{many}]}}")
    yield "100 checks of 200 subjects", [f"  r{i}: {{type: redis, url: '{redis.url}', every: 1h{queues}}}\n" for i in range(100)]


def measure(quick):
    rows = []
    redis = servers.Redis("--maxclients", "10000")
    try:
        for what, targets in cases(redis):
            port = servers.free_port()
            agent = Agent(targets, f", admin: {{listen: '127.0.0.1:{port}'}}")
            try:
                time.sleep(8)  # each check has run once, and none runs while it is measured
                seen, costs = [], []
                for _ in range(5 if quick else 15):
                    time.sleep(PAGE_LASTS)
                    before = cpu_us(agent.pid)
                    seen.append(fetch(port))
                    costs.append(cpu_us(agent.pid) - before)
                rows.append([what, f"{seen[-1][0] / 1024:.0f}", f"{median(costs) / 1000:.1f}", f"{median(s for _, s in seen) * 1000:.1f}",
                             mib(memory_kb(agent.pid)[1])])
            finally:
                agent.end()
    finally:
        redis.close()
    return ["a scrape of /metrics", "page KiB", "CPU ms", "wall ms", "anon MiB after"], rows
