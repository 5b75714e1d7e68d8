"""What systemd hears of the agent, and whether it takes the unit that is shipped."""
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

import servers
from agent import RUNBOOKD
from test_reload import replace

UNIT = pathlib.Path(__file__).parents[2] / "packaging/systemd/runbookd.service"


class Manager:
    """Listens as systemd does."""

    def __init__(self, folder):
        self.path, self.heard = str(folder / "notify"), []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.05)

    def hear(self, what, seconds=15):
        """Waits for a datagram that begins so; those before it are kept."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                continue
            if self.heard[-1].startswith(what):
                return self.heard[-1]
        raise AssertionError(f"no {what} in {seconds} s; heard {self.heard}")

    def silent(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                return self.socket.recv(4096)
            except TimeoutError:
                pass
        return None


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path)
    yield one
    one.socket.close()


def config(redis):
    return f"version: 1\nagent: {{realm: tests, heartbeat: 1s}}\ntargets:\n  cache: {{type: redis, url: 'redis://127.0.0.1:{redis.port}', every: 500ms}}\n"


def test_systemd_hears_how_the_agent_is(agent, redis, manager):
    running = agent(config(redis), env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "600000"})
    ready = manager.hear("READY=1")
    started = running.wait_for(lambda event: event.get("step") == "started")
    assert ready == f"READY=1\nSTATUS=watching 1 target with {started['checks_configured']} checks"
    for _ in range(3):
        manager.hear("WATCHDOG=1", seconds=5)  # every 200 ms
    assert manager.hear("STATUS=").endswith("unknown")
    replace(running.config, config(redis).replace("500ms", "400ms"))
    running.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in manager.hear("RELOADING=1")
    assert manager.hear("READY=1") == "READY=1\nSTATUS=the configuration is in force"
    replace(running.config, "version: 2\n")
    running.process.send_signal(signal.SIGHUP)
    manager.hear("RELOADING=1")
    assert "the configuration is wrong" in manager.hear("READY=1")
    running.end()
    manager.hear("STOPPING=1")


def test_a_loop_that_stands_is_not_alive(agent, redis, manager):
    """A watchdog is of use only if it is silent then; stopped processes stand for whatever holds a loop."""
    running = agent(config(redis), env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "600000"})
    manager.hear("WATCHDOG=1")
    running.process.send_signal(signal.SIGSTOP)
    while manager.silent(0.3):
        pass  # what was on its way
    assert manager.silent(1) is None
    running.process.send_signal(signal.SIGCONT)
    manager.hear("WATCHDOG=1", seconds=10)


def test_programs_that_are_started_are_not_the_service(agent, redis, manager):
    running = agent(config(redis), env={"NOTIFY_SOCKET": manager.path})
    manager.hear("READY=1")
    children = subprocess.run(["pgrep", "-P", str(running.process.pid)], capture_output=True, text=True).stdout.split()
    assert children  # the process that would start them
    assert "WATCHDOG=1" not in manager.heard


def test_the_unit_is_as_systemd_wants_it(tmp_path):
    unit = tmp_path / "runbookd.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/runbookd", RUNBOOKD))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=30,
                          env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
    ours = [line for line in done.stderr.splitlines() if "runbookd" in line]
    assert ours == [] and done.returncode == 0, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout[-1500:]
    assert "OK" in done.stdout.splitlines()[-1], done.stdout.splitlines()[-1]
