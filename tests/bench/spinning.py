"""How late the checks start while scripts try to hold the loop: a slice is 1 ms, and 50 ms where Lua cannot yield."""
import subprocess
import threading
import time

import servers
from bench import RUNBOOKD, WARM_UP, http_target, say
from lateness import OTHERS, Starts, lateness_ms, percentiles

SPINS = {
    "no script": None,
    "it spins": "while true do end",
    "it makes long texts": 'while true do local s = ("x"):rep(60000, "y") end',
    "it spins in a comparator": "table.sort({ 3, 2, 1 }, function() while true do end end)",
}
SCRIPT = 'return { summary = "spins", targets = { site = "http" }, needs = { "site:request" }, deadline = "5s", run = function(agent, finding, with) %s end }\n'
REMEDIATION = """guard: {mode: auto}
remediations:
  spin: {script: own/spins, targets: {site: other0}, allow: ["site:request"], mode: auto, guard: {cooldown: 0s, attempts: 1000/1h}}
"""


class Spinning(Starts):
    """An agent that is asked, again and again, to start a script that never ends by itself."""

    def __init__(self, body, targets):
        more = {"rest": REMEDIATION, "scripts": {"own/spins.lua": SCRIPT % body}} if body else {}
        super().__init__("other", targets, **more)
        self.begun, self.over = 0, threading.Event()
        self.asking = threading.Thread(target=self._ask, daemon=True)
        if body:
            self.asking.start()

    def _ask(self):
        while not self.over.wait(0.1):
            done = subprocess.run([RUNBOOKD, "remediate", "spin", "--socket", self.socket], capture_output=True)
            self.begun += done.returncode == 0

    def end(self):
        self.over.set()
        if self.asking.is_alive():
            self.asking.join()
        super().end()


def measure(quick):
    rows, samples, begun = [], {name: [] for name in SPINS}, dict.fromkeys(SPINS, 0)
    nginx = servers.Nginx("location / { return 200 'fine'; }")
    try:
        for _ in range(1 if quick else 3):
            for name, body in SPINS.items():
                say(f"  {name}")
                agent = Spinning(body, [http_target(f"other{i}", nginx.url, ", act_as: {}") for i in range(OTHERS)])
                time.sleep(WARM_UP)
                agent.starts.clear()
                time.sleep(4 if quick else 10)
                samples[name].append(lateness_ms({name: list(times) for name, times in list(agent.starts.items())}))
                begun[name] += agent.begun
                agent.end()
                if body and not agent.begun:
                    raise RuntimeError(f"{name}: no script was started, nothing to measure")
        for name, runs in samples.items():
            p50, p99, worst = percentiles(runs)
            rows.append([name, begun[name], sum(map(len, runs)), f"{p50:.1f}", f"{p99:.1f}", f"{worst:.1f}", f"<= {float(rows[0][4]) + 50:.1f}" if rows else ""])
    finally:
        nginx.close()
    return [f"lateness of {OTHERS} checks, ms, while a script ...", "scripts", "runs", "p50", "p99", "max", "target p99"], rows
