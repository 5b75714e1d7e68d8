"""The agent under test: started, listened to, ended; nothing it leaves behind goes unseen."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

RUNBOOKD = os.environ["RUNBOOKD"]
SECRETS = ["s3cr3t-of-the-tests"]  # whatever of these is printed fails the test


def _keep(lines):
    """Every line of the whole test run is held against the schema at its end.  One write: tests run beside each other."""
    text = "".join(line + "\n" for line in lines).encode()
    file = os.open(os.environ["RUNBOOKD_LINES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, text)
    os.close(file)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def finding(self, name, subject=None):
        found = [e for e in self.events if e["kind"] == "finding" and e["name"] == name and e["subject"] == subject]
        assert len(found) == 1, f"{len(found)} findings of {name}[{subject}]:\n{self.out}\n{self.err}"
        return found[0]


def runbookd(*words, env=None, seconds=60, events=True):
    """One command to its end."""
    run = subprocess.run([RUNBOOKD, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                         env=dict(os.environ, **(env or {})))
    assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr
    result = Result(run.returncode, run.stdout, run.stderr)
    if events and words and words[0] in ("once", "probe", "run"):
        _keep(line for line in run.stdout.splitlines() if line.startswith("{"))
    if words and words[0] == "run" and not run.stderr.startswith("usage"):
        _keep(line for line in run.stderr.splitlines() if line.startswith("{"))
    return result


class Agent:
    """`runbookd run` over a configuration given as text; `under` are words to start it with."""

    def __init__(self, config, *words, env=None, under=()):
        self.dir = tempfile.TemporaryDirectory(prefix="runbookd-agent-")
        self.config = pathlib.Path(self.dir.name) / "runbookd.yaml"
        self.config.write_text(config)
        self.events, self.errors, self.times = [], [], []
        self.process = subprocess.Popen([*under, RUNBOOKD, "run", "-c", str(self.config), *words], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, **(env or {})))
        self.threads = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            self.times.append(time.monotonic())
            self.events.append(json.loads(line))
        _keep(lines)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def findings(self, target=None, name=None):
        return [e for e in list(self.events) if e["kind"] == "finding" and target in (None, e["target"]) and name in (None, e["name"])]

    def wait_for(self, what, seconds=40):
        """The first event for which what(event) is true, also of those that are here already; with how long it took."""
        start, at = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            while at < len(self.events):
                if what(self.events[at]):
                    return self.events[at]
                at += 1
            if self.process.poll() is not None and at == len(self.events):
                break
            time.sleep(0.01)
        seen = "\n".join(f"  {e['kind']} {e.get('target')}/{e.get('name')}[{e.get('subject')}] {e.get('status')}: {e['message']}"
                         for e in self.events)
        raise AssertionError(f"no such event in {seconds} s; seen:\n{seen}\nstderr:\n{''.join(self.errors)}")

    def wait_status(self, target, name, status, subject=None, seconds=40, after=0):
        """The first finding with that status, of those after the first `after` events."""
        known = {id(e) for e in self.events[:after]}
        return self.wait_for(lambda e: id(e) not in known and e["kind"] == "finding" and e["target"] == target and e["name"] == name
                             and e["status"] == status and e["subject"] == subject, seconds)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self, code=0, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(20)
        for thread in self.threads:
            thread.join(10)
        errors = "".join(self.errors)
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors
        _keep(line.rstrip("\n") for line in self.errors)  # the log is NDJSON as well, where it is no terminal's
        printed = errors + json.dumps(self.events)
        for secret in SECRETS:
            assert secret not in printed, "a secret was printed"
        self.dir.cleanup()
        if code is not None:
            assert self.process.returncode == code, f"exit {self.process.returncode}:\n{errors}"
