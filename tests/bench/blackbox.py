"""The agent beside Prometheus' blackbox_exporter, on the same targets at the same pace, in the same seconds.

The exporter has no schedule of its own: here, as in Prometheus, it is asked over HTTP for each probe; what
asks it is not counted.  Its answers are read for whether the probe succeeded."""
import http.client
import pathlib
import shutil
import statistics
import tempfile
import threading
import time
from urllib.parse import quote

import cost
import servers
from bench import Agent, Process, median, mib, say, side_by_side
from lateness import Starts, lateness_ms

EXPORTER = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
EVERY = 10  # seconds between two looks at a target
ASKERS = 16  # connections to the exporter


class Blackbox(Process):
    """One exporter, and threads that ask it for `count` probes every EVERY seconds, evenly."""

    def __init__(self, module, target, count, root):
        self.folder = tempfile.TemporaryDirectory(prefix="runbookd-blackbox-")
        config = pathlib.Path(self.folder.name) / "blackbox.yml"
        config.write_text("modules:\n  http: {prober: http, timeout: 5s}\n"
                          f"  tls: {{prober: tcp, timeout: 5s, tcp: {{tls: true, tls_config: {{ca_file: {root}}}}}}}\n")
        self.port, self.ended = servers.free_port(), False
        super().__init__([EXPORTER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"])
        servers.wait_until(lambda: servers.listens(self.port))
        self.path = f"/probe?module={module}&target={quote(target)}"
        self.pace = EVERY * ASKERS / count
        self.threads = [threading.Thread(target=self._ask, args=(i,), daemon=True) for i in range(ASKERS)]
        self.threads.append(threading.Thread(target=self._tell, daemon=True))
        for thread in self.threads:
            thread.start()

    def take(self, line):
        return False  # it says nothing by itself

    def _ask(self, at):
        connection, due = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20), time.monotonic() + at * self.pace / ASKERS
        while not self.ended:
            time.sleep(max(0, due - time.monotonic()))
            due += self.pace
            try:
                connection.request("GET", self.path)
                well = b"\nprobe_success 1" in connection.getresponse().read()
            except OSError:
                well = False
                connection.close()
            self.done += 1
            self.failed += not well

    def _tell(self):
        while not self.ended:
            time.sleep(1)
            self.tell()

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join(30)
        super().end()
        self.folder.cleanup()


def cases(world, quick):
    few = 10 if quick else 1
    url, port = world.nginx.url, world.secure_port
    yield ("HTTP", 5000 // few, "type: http, url: '%s', " % url, ("http", url))
    yield ("TLS", 2000 // few, f"type: cert, url: 'tls://127.0.0.1:{port}', tls: {{ca: {world.pki.root}}}, ", ("tls", f"127.0.0.1:{port}"))


def agents(settings, count):
    return [f"  t{i}: {{{settings}every: {EVERY}s}}\n" for i in range(count)]


def late(starts):
    behind = lateness_ms(starts, EVERY * 1000)
    return f"{statistics.median(behind):.1f} / {behind[int(len(behind) * 0.99)]:.1f}" if behind else "-"


def measure(pki, quick):
    """Rows: what, checks a second and core of both, the ratio, memory of both, how late the agent's checks start.
    None where there is no exporter to compare with."""
    if not EXPORTER:
        say("  skipped: blackbox_exporter is not installed (packaging/install-deps.sh bench installs Debian's)")
        return None
    rows, world = [], cost.World(pki)
    try:
        for what, count, settings, (module, target) in cases(world, quick):
            say(f"  {what}, {count} targets, each {EVERY} s")
            seen, behind = [], []
            for _ in range(1 if quick else 2):
                seen.append(side_by_side(Agent(agents(settings, count)), Blackbox(module, target, count, pki.root), EVERY if quick else 3 * EVERY))
            listening = Starts("t", agents(settings, count))
            time.sleep(2.6 * EVERY)
            behind = late(dict(listening.starts))
            listening.end()
            ours, theirs = (median(costs[who] for costs, _ in seen) for who in (0, 1))
            memory = [mib(median(sizes[who][0] for _, sizes in seen)) for who in (0, 1)]
            rows.append([f"{what}, {count} targets, each {EVERY} s", f"{1e6 / ours:.0f}", f"{1e6 / theirs:.0f}", f"{theirs / ours:.1f}", *memory, behind])
    finally:
        world.close()
    return ["checks a second and core", "agent", "blackbox", "ratio", "agent RSS MiB", "blackbox RSS MiB", "late ms p50 / p99"], rows
