"""Asking a running agent: its command line, and its socket as a stranger would use it."""
import json
import os
import socket
import subprocess

import agent as agents


def config(port, state, extra_agent="", checks="", extra=""):
    return f"""
version: 1
agent: {{realm: tests/night, state: {state}{extra_agent}}}
targets:
  cache:
    type: redis
    url: redis://127.0.0.1:{port}
    every: 1s
    owner: "#dba"
    doc: https://runbooks.example.org/cache
    checks:
      mails: {{check: queue_depth, keys: [q], warning: length > 3, critical: length > 5, recover: 0s}}
{checks}
{extra}
"""


class Asker:
    """The command line, talking to one agent."""

    def __init__(self, running, path):
        self.running, self.path = running, str(path)

    def __call__(self, *words, code=0, stdin=None, env=None, under=()):
        run = subprocess.run([*under, agents.RUNBOOKD, *map(str, words), "--socket", self.path], input=stdin or "",
                             capture_output=True, text=True, timeout=60, env=dict(os.environ, **(env or {})))
        assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr
        for secret in agents.SECRETS:
            assert secret not in run.stdout + run.stderr, "a secret was printed"
        assert code is None or run.returncode == code, f"exit {run.returncode}:\n{run.stdout}\n{run.stderr}"
        return agents.Result(run.returncode, run.stdout, run.stderr)

    def json(self, *words, code=0, **more):
        return json.loads(self(*words, "--json", code=code, **more).out)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        client.settimeout(30)
        return client

    def raw(self, data):
        """What comes back for these bytes, until the agent closes."""
        with self.connect() as client:
            try:
                client.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has heard enough
            return read_all(client)


def read_all(client):
    answer = b""
    try:
        while part := client.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer
