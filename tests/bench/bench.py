"""What is measured: processes of ours, the agent and the bare loops, and how they are measured."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RUNBOOKD_BUILD", ROOT / "build/release")).resolve()
RUNBOOKD = BUILD / "bin/runbookd"
os.environ.setdefault("RUNBOOKD", str(RUNBOOKD))
os.environ.setdefault("RUNBOOKD_LINES", os.devnull)
sys.path.insert(0, str(ROOT / "tests/e2e"))

MANY_FILES = 16384
WARM_UP = 3  # seconds: connections are made, plugins and pages loaded


def say(text):
    print(text, file=sys.stderr, flush=True)


def allow_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MANY_FILES, hard), hard))


def children(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in out.split()]


def cpu_us(pid):
    """User and system time of a process, all its threads: to the nanosecond, where stat has ticks of 10 ms."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1000


def memory_kb(pid):
    """(resident, anonymous)."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found["VmRSS"].split()[0]), int(found["RssAnon"].split()[0])


class Process:
    """Something that says how much it has done, in lines that come about once a second."""

    def __init__(self, argv):
        self.done, self.failed = 0, 0
        self.reports = 0
        self.news = threading.Condition()
        self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.pid = self.process.pid
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if self.take(line):
                self.tell()

    def tell(self):
        with self.news:
            self.state = (self.done, self.failed, cpu_us(self.pid), time.monotonic())
            self.reports += 1
            self.news.notify_all()

    def next_state(self):
        """What stands at the next report: done, failed, CPU, time."""
        with self.news:
            seen = self.reports
            if not self.news.wait_for(lambda: self.reports > seen, 15):
                raise RuntimeError(f"{self.process.args[:2]} says nothing")
            return self.state

    def end(self):
        self.process.terminate()
        self.process.wait(20)


class Bare(Process):
    def __init__(self, kind, where, targets, *more):
        super().__init__([BUILD / "bench/bench_bare", kind, where, targets, *more])

    def take(self, line):
        self.done, self.failed = map(int, line.split())
        return True


class Agent(Process):
    """`runbookd run` with a heartbeat a second, which says how many checks it ran."""

    def __init__(self, targets, more="", rest="", scripts=None):
        """`rest` follows the targets; `scripts`: name -> text."""
        self.folder = tempfile.TemporaryDirectory(prefix="runbookd-bench-")
        folder = pathlib.Path(self.folder.name)
        self.socket = folder / "state/control.sock"
        config, argv = folder / "runbookd.yaml", [RUNBOOKD, "run", "-c", folder / "runbookd.yaml"]
        config.write_text("version: 1\nagent: {realm: bench, state: %s, heartbeat: 1s%s}\ntargets:\n%s%s" % (folder / "state", more, "".join(targets), rest))
        for name, text in (scripts or {}).items():
            (folder / "scripts" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "scripts" / name).write_text(text)
            argv += ["--scripts", folder / "scripts"]
        super().__init__(argv)

    def take(self, line):
        if '"step":"heartbeat"' not in line:
            return False
        beat = json.loads(line)
        self.done += beat["runs"]
        self.failed += beat["failed"]
        return True

    def end(self):
        super().end()
        self.folder.cleanup()


def http_target(name, url, more=""):
    return f"  {name}: {{type: http, url: '{url}', every: 1s{more}}}\n"


def checks_of(plugin):
    lines = subprocess.run([RUNBOOKD, "checks", plugin], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    return [line.split()[0].split(".", 1)[1] for line in lines]


def only(plugin, name):
    """The checks of a target: one, all others off."""
    return ", checks: {%s}" % ", ".join([f"{name}: {{}}"] + [f"{check}: off" for check in checks_of(plugin) if check != name])


def cost(process, before, after):
    done = after[0] - before[0]
    failed = after[1] - before[1]
    if done <= 0 or failed > done / 100:
        raise RuntimeError(f"{process.process.args[:2]}: {done} done, {failed} failed: nothing to measure")
    return (after[2] - before[2]) / done


def side_by_side(agent, bare, seconds):
    """Microseconds a check of both, in the same seconds; and the memory of both at the end."""
    both = [agent, bare]
    try:
        time.sleep(WARM_UP)
        before = [process.next_state() for process in both]
        time.sleep(seconds - 0.5)
        after = [process.next_state() for process in both]
        costs = [cost(*each) for each in zip(both, before, after)]
        return costs, [memory_kb(process.pid) for process in both]
    finally:
        for process in both:
            process.end()


def median(numbers):
    return statistics.median(numbers)


def mib(kb):
    return f"{kb / 1024:.1f}"
