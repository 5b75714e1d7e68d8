"""Memory and descriptors while faults come and go."""
import os
import random
import time

import servers
from bench import Agent, http_target, memory_kb, mib


def measure(quick):
    seconds = 20 if quick else 120
    of_kind = {"redis": servers.Redis(), "http": servers.Nginx("location / { return 200; }"), "postgres": servers.Postgres()}
    agent = Agent([f"  {kind}: {{type: {kind}, url: '{server.url}', every: 1s}}\n" for kind, server in of_kind.items()]
                  + [http_target("nobody", "http://127.0.0.1:9")])
    rows, faults = [], 0
    try:
        time.sleep(8)
        start = time.monotonic()
        while True:
            passed = time.monotonic() - start
            if passed >= len(rows) * seconds / 4:
                rows.append([f"after {passed:.0f} s, {faults} faults", *map(mib, memory_kb(agent.pid)),
                             len(os.listdir(f"/proc/{agent.pid}/fd"))])
            if passed >= seconds:
                break
            server = random.choice(list(of_kind.values()))
            if random.random() < 0.5:
                server.freeze()
                time.sleep(2)
                server.thaw()
            else:
                server.kill()
                time.sleep(1)
                server.start()
            faults += 1
            time.sleep(2)
    finally:
        agent.end()
        for server in of_kind.values():
            server.close()
    return ["steady while faults come and go", "RSS MiB", "anon MiB", "descriptors"], rows
