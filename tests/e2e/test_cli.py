"""The commands that look at nothing: a newcomer's questions, and wrong input."""
import json
import os
import subprocess
import time

import pytest

from agent import RUNBOOKD, runbookd

COMMANDS = ["run", "once", "probe", "validate", "config", "diff", "plugins", "checks", "explain", "schema", "script", "version"]


def test_help_names_every_command():
    result = runbookd("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert command in result.out
        assert runbookd(command, "--help").code == 0


def test_no_command_and_a_wrong_one():
    assert runbookd().code == 1
    result = runbookd("prob")
    assert result.code == 1 and "prob" in result.err


@pytest.mark.parametrize("command,code", [("run", 1), ("once", 3), ("probe", 3), ("validate", 1)])
def test_an_unknown_option_is_a_usage_error(command, code):
    result = runbookd(command, "--nonsense")
    assert result.code == code and "--nonsense" in result.err and "--help" in result.err


def test_plugins_and_checks_are_listed():
    assert {"redis", "http", "postgres"} <= set(runbookd("plugins").out.split())
    checks = runbookd("checks").out
    for check in ("redis.connect", "redis.queue_depth", "http.endpoint", "postgres.connections"):
        assert check in checks


def test_every_check_explains_itself():
    for line in runbookd("checks").out.splitlines()[1:]:
        name = line.split()[0]
        text = runbookd("explain", name).out
        for part in (name, "Conditions", "Measures", "Asks"):
            assert part in text, f"explain {name} lacks {part}:\n{text}"


def test_explain_says_what_is_near():
    result = runbookd("explain", "postgres.conections")
    assert result.code == 1 and "postgres.connections" in result.err


def test_the_schema_accepts_a_configuration_and_refuses_a_typo():
    import jsonschema
    schema = json.loads(runbookd("schema").out)
    validator = jsonschema.validators.validator_for(schema)(schema)
    good = {"version": 1, "targets": {"c": {"type": "redis", "url": "redis://x", "checks": {"memory": {"warning": "used_percent > 80"}}}}}
    assert list(validator.iter_errors(good)) == []
    bad = json.loads(json.dumps(good))
    bad["targets"]["c"]["urll"] = 1
    assert list(validator.iter_errors(bad))
    assert json.loads(runbookd("schema", "--events").out)["title"]


REPAIRS = """
guard: {mode: approve, per_day: 10, freeze: {file: /etc/freeze, windows: [{name: nights, hours: "22:00-06:00", days: MON-THU, tz: Europe/London}]}, effects: {pg: reversible}, audit: {wait: 5s}}
approval: {approvers: /etc/approvers, local: true, expires: 15m, remind: 0, classes: {destructive: {approvals: 2}}}
silences: {windows: [{name: pg-maintenance, cron: "30 4 * * SUN", for: 45m, match: {target: pg}, except: {check: [cert.*]}, remediate: true}]}
targets: {pg: {type: postgres, url: "postgres://db/orders", act_as: {user: ops}}}
remediations:
  end-idle-sessions:
    trigger: {check: [pg/connections], status: [warning, critical], held: 1m}
    script: postgres/kill_idle
    targets: {db: pg}
    with: {idle_for: 10m, limit: 20}
    allow: ["db:terminate_sessions"]
    mode: auto
    approvals: 2
    undo_after: 2h
    on_failure: undo
    guard: {cooldown: 10m, attempts: 3/1h, max_affected: 20, max_percent: 40, refuse_if: [{check: pg/replication, condition: "status ~= 'ok'"}]}
    verify: {check: pg/connections, condition: "used_percent < 80", within: 30s, stable: 3m,
             improves: {check: pg/connections, measure: used, by: 10 %, within: 10m}}
  by-hand: {trigger: manual, script: postgres/kill_idle, targets: {db: pg}}
"""


def schema_errors(configuration):
    import jsonschema
    return list(jsonschema.Draft202012Validator(json.loads(runbookd("schema").out)).iter_errors(configuration))


def changed(path, value):
    """The whole of REPAIRS, and one member set."""
    import yaml
    whole = at = yaml.safe_load(REPAIRS)
    *way, last = path.split(".")
    for key in way:
        at = at[int(key) if isinstance(at, list) else key]
    at[last] = value
    return whole


def test_the_schema_describes_remediations_guard_and_approval_as_validate_does(tmp_path):
    import yaml
    assert schema_errors(yaml.safe_load(REPAIRS)) == []
    (tmp_path / "c.yaml").write_text(REPAIRS)
    result = runbookd("validate", "--offline", "-c", tmp_path / "c.yaml")
    assert result.code == 0, result.err
    properties = json.loads(runbookd("schema").out)["properties"]
    for name in ("remediations", "guard", "approval"):
        assert properties[name]["type"] == ["object", "null"] and properties[name]["description"]


R = "remediations.end-idle-sessions."


@pytest.mark.parametrize("path, value", [
    (R + "scrpt", "x"), (R + "mode", "automatic"), (R + "trigger", "by-hand"), (R + "trigger.status", "unknown"), (R + "trigger.held", "long"),
    (R + "trigger.check", "pg"), (R + "trigger.chek", "pg/x"), (R + "targets.db", ["pg"]), (R + "allow", "db:terminate_sessions"),
    (R + "allow", ["terminate"]), (R + "approvals", 0), (R + "undo_after", 7), (R + "on_failure", "ignore"), (R + "guard.attempts", "three"),
    (R + "guard.cooldwn", "1m"), (R + "guard.max_percent", 140), (R + "guard.max_affected", 0), (R + "guard.refuse_if.0.condtion", "x"),
    (R + "verify.within", "10"), (R + "verify.improves.by", "much"), (R + "verify.improves.mesure", "x"), ("guard.mode", "on"),
    ("guard.per_day", -1), ("guard.freeze.fil", "/x"), ("guard.effects.pg", "harmless"), ("guard.audit.wait", "soon"), ("guard.modus", "auto"),
    ("approval.expires", "soon"), ("approval.local", "perhaps"), ("approval.classes.awful", {"approvals": 2}),
    ("approval.classes.destructive.approvals", 99), ("approval.classes.destructive.approvls", 2), ("approval.aprovers", "x"), ("guard.freeze.windows.0.fro", "x"),
    ("silences.windows.0.for", "long"), ("silences.windows.0.match.targt", "x"), ("silences.windos", [])])
def test_the_schema_refuses_what_validate_refuses(tmp_path, path, value):
    import yaml
    wrong = changed(path, value)
    assert schema_errors(wrong), "the schema takes it"
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(wrong))
    assert runbookd("validate", "--offline", "-c", tmp_path / "c.yaml").code == 1


def test_validate_accepts_and_counts(tmp_path):
    (tmp_path / "c.yaml").write_text("version: 1\ntargets:\n  c: {type: redis, url: 'redis://x'}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 0 and result.out.startswith("ok: 1 target")


@pytest.mark.parametrize("agent, url, warned", [
    ("{}", "redis://x", True), ("{role: node}", "redis://x", False), ("{role: sidecar}", "redis://x", False),
    ("{}", "redis://127.0.0.1", False), ("{role: cluster}", "redis://x", True)])
def test_validate_warns_of_a_herd_where_every_agent_would_ask(tmp_path, agent, url, warned):
    (tmp_path / "c.yaml").write_text(f"version: 1\nagent: {agent}\ntargets:\n  c: {{type: redis, url: '{url}'}}\n  d: {{type: redis, url: '{url}'}}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 0
    said = "c.yaml:4:3: warning: targets.c: each process with this configuration asks it and 1 more: fifty sidecars are fifty pollers"
    assert (said in result.err or "run one replica" in result.err) == warned, result.err


WRONG = [
    ("", "empty"),
    ("targets:\n  c: {type: redsi, url: 'redis://x'}", ":2:"),
    ("targets:\n  c: {type: redis, url: 'redis://x', evry: 5s}", "every"),
    ("targets:\n  c:\n    type: redis\n    url: redis://x\n    every: 5", ":5:"),
    ("targets:\n  c: {type: redis, url: 'redis://x', checks: {memory: {warning: used_prcent > 80}}}", "used_percent"),
    ("targets:\n  c: {type: redis, url: 'redis://x', checks: {memory: {warning: used_percent > 80%}}}", "80"),
    ("targets:\n  c: {type: redis, url: 'redis://x', checks: {memory: {warning: used_percent != 80}}}", "~="),
    ("targets:\n  c: {type: redis, url: 'redis://x', checks: {memory: {critical: #missing > 0\n}}}", "#"),
    ("targets:\n  c: {type: redis, url: 'redis://x', password: '${file:/no/such/file}'}", "/no/such/file"),
    ("targets:\n  c: {type: redis, url: 'redis://x', password: '${env:NOT_SET_AT_ALL}'}", "NOT_SET_AT_ALL"),
    ("targets:\n  c: {type: redis}", "url"),
    ("targets:\n  c: {type: redis, url: 'redis://x'}\n  c: {type: redis, url: 'redis://y'}", ":3:"),
    ("targets: [1, 2", ":"),
    ("\x00\x01\x02\xff", ":"),
    ("a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
     "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]", ":"),
]


@pytest.mark.parametrize("text,says", WRONG)
def test_wrong_configurations_are_refused_with_a_place_and_what_would_be_right(tmp_path, text, says):
    path = tmp_path / "c.yaml"
    path.write_bytes(("" if not text or text[0] in "a\x00" else "version: 1\n").encode() + text.encode("latin-1"))
    shift = text.startswith("targets")
    result = runbookd("validate", "-c", path)
    assert result.code == 1, result.out
    assert str(path) in result.err
    expected = f":{int(says.strip(':')) + 1}:" if shift and says.strip(":").isdigit() and says.startswith(":") else says
    assert expected in result.err, result.err


def test_all_errors_come_at_once(tmp_path):
    (tmp_path / "c.yaml").write_text("version: 1\ntargets:\n  a: {type: redis, url: 'redis://x', evry: 1s}\n  b: {type: htttp, url: 'http://x'}\n  c: {type: redis}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    for line in (":3:", ":4:", ":5:"):
        assert line in result.err, result.err


def test_a_missing_file_and_a_folder_of_two(tmp_path):
    assert "no-such" in runbookd("validate", "-c", tmp_path / "no-such").err
    (tmp_path / "1.yaml").write_text("version: 1\ntargets:\n  a: {type: redis, url: 'redis://x'}\n")
    (tmp_path / "2.yaml").write_text("targets:\n  b: {type: http, url: 'http://x'}\n")
    result = runbookd("validate", "-c", tmp_path)
    assert result.code == 0 and "2 targets" in result.out, result.err


def test_offline_needs_no_secret(tmp_path):
    (tmp_path / "c.yaml").write_text("version: 1\ntargets:\n  c: {type: redis, url: 'redis://x', password: '${file:/no/such/file}'}\n")
    assert runbookd("validate", "--offline", "-c", tmp_path / "c.yaml").code == 0


def test_once_takes_names_and_refuses_wrong_ones(tmp_path, redis):
    (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  cache: {{type: redis, url: '{redis.url}'}}\n")
    result = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson", "cache/memory")
    assert result.code == 0 and [e["name"] for e in result.events] == ["memory"]
    result = runbookd("once", "-c", tmp_path / "c.yaml", "cache/memroy")
    assert result.code == 3 and "cache/memory" in result.err


def test_a_bad_plugin_is_refused_and_the_others_serve(tmp_path):
    for name in os.listdir(os.path.join(os.environ["RUNBOOKD_BUILD"], "plugins")):
        (tmp_path / name).symlink_to(os.path.join(os.environ["RUNBOOKD_BUILD"], "plugins", name))
    (tmp_path / "bad.so").write_text("this is no shared object")
    result = runbookd("plugins", "--plugins", tmp_path)
    assert "bad.so" in result.err and "redis" in result.out and result.code == 1


def test_no_core_dump_and_no_debugger():
    """The release build says of itself that it may not be dumped."""
    release = os.path.join(os.environ["RUNBOOKD_BUILD"], "..", "release", "bin", "runbookd")
    if not os.path.exists(release):
        pytest.fail("the release build is missing: run tests/run.sh")
    process = subprocess.Popen(["strace", "-f", "-e", "trace=prctl", release, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" in process.communicate(timeout=30)[1]
    assert RUNBOOKD


SHOWN = """
version: 1
defaults: {redis: {user: runbookd}}
targets:
  c:
    type: redis
    url: redis://u:pw-in-the-url@x:1
    password: pw-beside-it
    checks: {memory: {warning: used_percent > 70, for: 30s}, q: {check: queue_depth, keys: [a, b]}}
  w: {type: http, url: "https://x", headers: {Authorization: Bearer pw-in-a-header, X: plain}, bearer: "${file:/nope}",
      requests: {r: {path: /r, effect: reversible, bearer: pw-in-a-request, headers: {Cookie: "${env:C}"}, json: {password: pw-in-a-body, n: 5}}}}
"""


def test_config_show_says_what_is_in_force_and_where_it_comes_from(tmp_path):
    (tmp_path / "c.yaml").write_text(SHOWN)
    result = runbookd("config", "show", "--offline", "-c", tmp_path / "c.yaml")
    assert result.code == 0
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    for line in ("user: runbookd # c.yaml:3", "warning: used_percent > 70 # c.yaml:9", "timeout: 3s # default", "bearer: ${file:/nope} # c.yaml:10",
                 'requests: {"r":{"path":"/r","effect":"reversible","bearer":"[redacted]","headers":{"Cookie":"${env:C}"},'
                 '"json":{"password":"[redacted]","n":5}}} # c.yaml:11'):
        assert line in lines, result.out
    assert "pw-" not in result.out + result.err
    assert runbookd("config", "shwo", "-c", tmp_path / "c.yaml").code == 1


def test_diff_shows_what_a_change_would_change(tmp_path):
    (tmp_path / "old.yaml").write_text(SHOWN)
    (tmp_path / "new.yaml").write_text(SHOWN.replace("> 70", "> 75").replace(", q: {check: queue_depth, keys: [a, b]}", "").replace("  w: ", "  v: "))
    result = runbookd("diff", tmp_path / "old.yaml", tmp_path / "new.yaml")
    assert result.code == 0 and "pw-" not in result.out
    signs = {tuple(line.split()[:2]) for line in result.out.splitlines()}
    assert signs == {("~", "c/memory"), ("-", "c/q"), ("+", "v/endpoint"), ("-", "w/endpoint")}
    assert runbookd("diff", tmp_path / "old.yaml", tmp_path / "old.yaml").out == "no change\n"
    assert runbookd("diff", tmp_path / "old.yaml").code == 1
    assert runbookd("diff", tmp_path / "old.yaml", tmp_path / "nowhere.yaml").code == 1


def flow(levels):
    """Lists in lists, one line."""
    return b"version: 1\ntargets: " + b"[" * levels + b"]" * levels + b"\n"


MONSTROUS = {  # what is written, and the place that is named
    "huge": (lambda: b"version: 1\n# " + b"x" * (9 << 20), ""),
    "huge and all keys": (lambda: b"version: 1\n" + b"".join(b"k%d: 1\n" % i for i in range(700000)), ""),
    "deep": (lambda: flow(1000), ":2:"),
    "deep by indentation": (lambda: b"version: 1\n" + b"".join(b" " * i + b"a:\n" for i in range(1000)), ":"),
    "binary": (lambda: bytes(range(256)) * 64, ":"),
    "one long line": (lambda: b"version: 1\ntargets: {" + b"a" * 100000 + b": 1}\n", ":2:"),
    "duplicate at the top": (lambda: b"version: 1\ntargets: {}\nversion: 1\n", ":3:"),
    "duplicate check": (lambda: b"version: 1\ntargets:\n  c:\n    type: redis\n    url: redis://x\n    checks:\n      memory: {every: 5s}\n"
                        b"      memory: {every: 6s}\n", ":8:"),
    "wrong unit": (lambda: b"version: 1\ntargets:\n  c: {type: redis, url: 'redis://x', every: 5 parsecs}\n", ":3:"),
    "wrong size": (lambda: b"version: 1\ntargets:\n  c: {type: redis, url: 'redis://x', checks: {memory: {limit: 5 bananas}}}\n", ":3:"),
    "negative": (lambda: b"version: 1\ntargets:\n  c: {type: redis, url: 'redis://x', every: -5s}\n", ":3:"),
    "two documents": (lambda: b"version: 1\n---\nversion: 1\n", ":"),
}


@pytest.mark.parametrize("kind", MONSTROUS)
def test_a_monstrous_configuration_is_refused_at_once_with_a_place_and_a_sentence(tmp_path, kind):
    text, place = MONSTROUS[kind]
    (tmp_path / "c.yaml").write_bytes(text())
    begun = time.monotonic()
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    took = time.monotonic() - begun
    assert result.code == 1 and not result.out, result.out
    first = result.err.splitlines()[0]
    assert f"{tmp_path}/c.yaml{place}" in result.err and len(first.split(": ", 1)[-1].split()) >= 3, first[:500]
    assert took < 8, f"{took:.1f} s"  # a tenth of that is usual; what is wrong with it takes minutes
    assert len(result.err) < 64 * 1024, "a page of errors is enough"


def test_files_and_folders_that_cannot_be_read_are_named(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [empty, tmp_path / "nowhere.yaml", "/dev/null", "/proc/self/mem"]
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    for path in [*cases, fifo]:
        begun = time.monotonic()
        result = runbookd("validate", "-c", path, seconds=10)
        assert result.code == 1 and str(path) in result.err, (path, result.err)
        assert time.monotonic() - begun < 8, path


def test_a_secret_file_that_is_missing_or_unreadable_is_named_with_its_place(tmp_path):
    for secret in (tmp_path / "nowhere", tmp_path):
        (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  c: {{type: redis, url: 'redis://x', password: '${{file:{secret}}}'}}\n")
        result = runbookd("validate", "-c", tmp_path / "c.yaml")
        assert result.code == 1 and "c.yaml:3:" in result.err and str(secret) in result.err, result.err


@pytest.mark.parametrize("command", ["run", "validate", "plugins", "schema", "version"])
def test_an_argument_that_a_command_does_not_take_is_said(command):
    result = runbookd(command, "extra")
    assert result.code == 1 and '"extra"' in result.err and not result.out


@pytest.mark.parametrize("arguments", [("run", "-c", ""), ("validate", "-c", ""), ("plugins", "--plugins", "")])
def test_an_empty_value_is_a_variable_that_is_not_set(arguments):
    result = runbookd(*arguments)
    assert result.code == 1 and "empty" in result.err
