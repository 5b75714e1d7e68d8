"""Resident and anonymous memory, with every plugin loaded."""
import time

import cost
from bench import Agent, http_target, memory_kb, mib, say


def four_targets(world):
    return [
        f"  cache: {{type: redis, url: '{world.redis.url}', every: 1s}}\n",
        f"  base: {{type: postgres, url: '{world.postgres.url}', every: 1s}}\n",
        http_target("web", world.nginx.url),
        http_target("secure", f"https://localhost:{world.secure_port}/", f", tls: {{ca: {world.pki.root}}}"),
    ]


def settled(pid, seconds):
    """The median of the second half of that time, and beyond a minute: by then every connection was made anew."""
    seen = []
    for _ in range(seconds):
        time.sleep(1)
        seen.append(memory_kb(pid))
    seen = sorted(seen[seconds // 2:])
    return seen[len(seen) // 2]


def measure(pki, quick):
    rows = []
    world = cost.World(pki)
    try:
        url = world.nginx.url
        cases = [
            ("nothing", lambda: [http_target("idle", url).replace("every: 1s", "every: 1h")], ""),
            ("4 targets", lambda: four_targets(world), "RSS < 10, anon < 6"),
            ("100 checks", lambda: [http_target(f"h{i}", url) for i in range(100)], ""),
            ("1,000 checks", lambda: [http_target(f"h{i}", url) for i in range(1000)], ""),
            ("10,000 checks, each 10 s", lambda: [http_target(f"h{i}", url).replace("every: 1s", "every: 10s") for i in range(10000)], ""),
        ]
        for what, targets, limit in cases:
            say(f"  {what}")
            agent = Agent(targets())
            time.sleep(0.6)
            early = memory_kb(agent.pid)
            late = settled(agent.pid, 5 if quick else 150 if limit else 14)
            agent.end()
            rows.append([what, mib(early[0]), mib(late[0]), mib(late[1]), limit])
    finally:
        world.close()
    return ["memory, MiB", "RSS at start", "RSS", "anon", "target"], rows
