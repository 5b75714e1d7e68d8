"""Actions on real servers: plans and applies with `act` (act.c), which asks no guard."""
import json
import os
import pathlib
import subprocess
import tempfile

ACT = pathlib.Path(os.environ["RUNBOOKD_BUILD"]) / "bin" / "act"


class Acted:
    """What `act` printed: `plans`, `results` (of steps) and `failures`, each in the order of its lines."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        lines = [json.loads(line) for line in out.splitlines()]
        self.plans = [line["planned"] for line in lines if "planned" in line]
        self.results = [line["applied"] for line in lines if "applied" in line]
        self.failures = [line["failed"] for line in lines if "failed" in line]

    @property
    def plan(self):
        """The one plan that there is, or the first of the two that an action of bounds has."""
        assert self.plans and not [f for f in self.failures if f["during"] == "plan"], f"{self.out}\n{self.err}"
        return self.plans[0]

    @property
    def failure(self):
        assert len(self.failures) == 1, f"{self.out}\n{self.err}"
        return self.failures[0]

    @property
    def keys(self):
        return [step["key"] for step in self.plan["steps"]]


def act(config, target, action, options=None, apply=False, without=(), step=None, undo=False, env=None, seconds=60):
    """`options` are the action's; `without` are keys that are not applied; `step` is one that an earlier plan has shown."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(config)
        file.flush()
        words = [str(ACT), "-c", file.name, target, action]
        words += ["--with", json.dumps(options)] if options is not None else []
        words += ["--apply"] if apply else []
        words += [word for key in without for word in ("--except", key)]
        words += ["--step", json.dumps(step)] if step else []
        words += ["--undo"] if undo else []
        run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                             env=dict(os.environ, **(env or {})))
    assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr
    return Acted(run.returncode, run.stdout, run.stderr)
