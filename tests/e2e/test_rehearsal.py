"""`runbookd test`: an operator's configuration held to what it is to say and do, without any server."""
import json
import pathlib

import jsonschema
import pytest
import yaml

from agent import runbookd

CONFIG = """
agent: {{realm: t, state: /var/lib/none-of-this-is-made}}
guard: {{mode: {ceiling}, freeze: {{file: /nonexistent}}}}
targets:
  pg:
    type: postgres
    url: postgres://nobody.invalid:5432/orders
    user: monitor
    password: ${{file:/nonexistent/password}}
    act_as: {{user: ops, password: "${{file:/nonexistent/ops}}"}}
    every: 15s
    checks:
      connections: {{warning: used_percent > 80, critical: used_percent > 95, clear: used_percent < 75, for: 30s}}
remediations:
  end-idle-sessions:
    trigger: {{check: pg/connections, status: critical}}
    script: postgres/kill_idle
    targets: {{db: pg}}
    with: {{idle_for: 10m, limit: 20}}
    allow: ["db:terminate_sessions"]
    mode: {mode}
    guard: {{cooldown: 10m, attempts: 3/1h, max_affected: 20, max_percent: 40}}
    verify: {{check: pg/connections, condition: "used_percent < 80", within: 30s, stable: 1m}}
"""
FULL = "measures: {used: 96, usable: 97, used_percent: 98.9}, every: 15s"
CALM = "measures: {used: 60, usable: 97, used_percent: 61.8}, every: 15s"
IDLE = '{at: 0s, action: "pg:terminate_sessions", items: ["4711", "4712"], total: 97}'


def trial_of(tmp_path, case, mode="auto", ceiling="auto", *words):
    (tmp_path / "runbookd.yaml").write_text(CONFIG.format(mode=mode, ceiling=ceiling))
    (tmp_path / "tests").mkdir(exist_ok=True)
    (tmp_path / "tests" / "pool_test.yaml").write_text("config: [../runbookd.yaml]\n" + case)
    return runbookd("test", tmp_path / "tests", *words, events=False)


def passes(result):
    assert result.code == 0, result.out + result.err
    assert "1 case   ok" in result.out and result.out.endswith("1 case, 0 failed\n"), result.out
    assert result.err == ""


def test_a_full_pool_is_repaired_once_and_proved(tmp_path):
    passes(trial_of(tmp_path, f"""
case: a full pool ends idle sessions once
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
  - {{at: 50s, check: pg/connections, {CALM}, until: 10m}}
expect:
  - {{at: 29s, finding: pg/connections, status: none}}
  - {{at: 30s, finding: pg/connections, status: critical}}
  - {{at: 1m, remediation: end-idle-sessions, outcome: applied, affected: 2, items: ["4712", "4711"]}}
  - {{at: 3m, remediation: end-idle-sessions, outcome: fixed}}
  - {{at: 10m, finding: pg/connections, status: ok}}
count: {{remediation: 1}}
"""))


def test_what_does_not_help_is_ineffective_and_waits_for_its_cooldown(tmp_path):
    passes(trial_of(tmp_path, f"""
case: it does not help
given:
  - {{at: 0s, check: pg/connections, {FULL}, until: 12m}}
  - {IDLE}
expect:
  - {{at: 2m, remediation: end-idle-sessions, outcome: ineffective}}
  - {{at: 9m, remediation: end-idle-sessions, outcome: none}}
  - {{at: 12m, remediation: end-idle-sessions, outcome: applied}}
count: {{end-idle-sessions: 2}}
"""))


def test_a_dry_run_says_its_plan_and_does_nothing(tmp_path):
    passes(trial_of(tmp_path, f"""
case: dry run
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
expect:
  - {{at: 40s, remediation: end-idle-sessions, outcome: planned, affected: 2}}
  - {{at: 2m, remediation: end-idle-sessions, outcome: none}}
""", "auto", "dry-run"))


def test_a_person_decides_and_the_guard_refuses_too_much(tmp_path):
    passes(trial_of(tmp_path, f"""
case: approved
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
  - {{at: 2m, approve: end-idle-sessions, by: alice}}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: waiting}}
  - {{at: 119s, remediation: end-idle-sessions, outcome: none}}
  - {{at: 2m, remediation: end-idle-sessions, outcome: applied}}
""", "approve"))
    passes(trial_of(tmp_path, f"""
case: too many of all
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {{at: 0s, action: "pg:terminate_sessions", items: ["4711", "4712"], total: 4}}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: refused, reason: radius, says: "50.0 %"}}
count: {{remediation: 1}}
"""))


@pytest.mark.parametrize("brake, reason", [("freeze: on-sale", "freeze"), ("silence: pg/connections", "silence")])
def test_brakes_hold(tmp_path, brake, reason):
    passes(trial_of(tmp_path, f"""
case: held back
given:
  - {{at: 0s, {brake}}}
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: refused, reason: {reason}}}
count: {{end-idle-sessions: 0}}
"""))


NIGHTS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20251231T220000Z\r\nDTEND:20260101T060000Z\r\nRRULE:FREQ=DAILY\r\n" \
         "END:VEVENT\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize("when", ['hours: "22:00-06:00"', "calendar: NIGHTS"])
@pytest.mark.parametrize("hour, outcome", [("12", "applied"), ("23", "refused, reason: freeze")])
def test_a_window_holds_by_the_clock_of_the_case(tmp_path, hour, outcome, when):
    (tmp_path / "nights.ics").write_text(NIGHTS)
    (tmp_path / "over.yaml").write_text('guard: {freeze: {windows: [{name: nights, %s}]}}\n' % when.replace("NIGHTS", str(tmp_path / "nights.ics")))
    passes(trial_of(tmp_path, f"""
case: at {hour}
begins: "2026-01-05T{hour}:00:00Z"
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: {outcome}}}
""", "auto", "auto", "-c", tmp_path / "over.yaml"))


def test_what_is_not_as_expected_is_shown_and_fails(tmp_path):
    result = trial_of(tmp_path, f"""
case: a wrong hope
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {{at: 0s, action: "pg:terminate_sessions", items: ["4711", "4712"], total: 4}}
expect:
  - {{at: 15s, finding: pg/connections, status: critical}}
  - {{at: 1m, remediation: end-idle-sessions, outcome: fixed}}
count: {{remediation: 2}}
""")
    assert result.code == 1
    for words in ("pool_test.yaml   1 case   1 failed", "a wrong hope", ":8:5: at 15s pg/connections is none, not critical",
                  "pool_test.yaml:9:5: until 1m no step of end-idle-sessions was fixed",
                  "30s: planned  end-idle-sessions: postgres:terminate_sessions would touch 2 of 4 on pg  items 4711, 4712",
                  "30s: refused radius", "1 course of all remediations began, not 2", "1 case, 1 failed"):
        assert words in result.out, words + "\n" + result.out


@pytest.mark.parametrize("hope", ["affected: 3", 'items: ["4711"]', 'items: ["4711", "4713"]', "says: 1 failed"])
def test_each_part_of_what_is_expected_counts(tmp_path, hope):
    result = trial_of(tmp_path, f"""
case: another hope
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: applied, {hope}}}
""")
    assert result.code == 1 and "until 1m no step of end-idle-sessions was applied" in result.out, result.out


def test_a_step_that_fails_is_counted_and_samples_end_when_they_are_said_to(tmp_path):
    passes(trial_of(tmp_path, f"""
case: one session does not end
given:
  - {{at: 0s, check: pg/connections, {FULL}, until: 1m}}
  - {{at: 0s, action: "pg:terminate_sessions", items: ["4711", "4712"], total: 97, failed: ["4711"]}}
expect:
  - {{at: 1m, remediation: end-idle-sessions, outcome: applied, says: "1 done, 0 skipped, 0 survived, 1 failed"}}
"""))
    passes(trial_of(tmp_path, f"""
case: too short to be reported
given:
  - {{at: 0s, check: pg/connections, {FULL}, until: 20s}}
expect:
  - {{at: 2m, finding: pg/connections, status: none}}
"""))


def test_an_overlay_is_laid_over_what_the_file_names(tmp_path):
    (tmp_path / "over.yaml").write_text("targets: {pg: {checks: {connections: {critical: used_percent > 99}}}}\n")
    case = f"""
case: looser
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
expect:
  - {{at: 1m, finding: pg/connections, status: warning}}
"""
    assert trial_of(tmp_path, case).code == 1
    passes(trial_of(tmp_path, case, "auto", "auto", "-c", tmp_path / "over.yaml"))


@pytest.mark.parametrize("line, said", [
    ("{at: 0s, check: pg/conections, measures: {}}", ':6:21: check: the configuration has no "pg/conections"; did you mean pg/connections?'),
    ("{at: 0s, check: pg/connections, measures: {usd: 1}}", 'postgres.connections has no measure "usd"; did you mean used?'),
    ('{at: 0s, action: "pg:terminate_session"}', "did you mean pg:terminate_sessions?"),
    ("{at: 15, thaw: true}", "is 15 of no unit; write 15s"),
    ("{at: 0s, chek: pg/connections}", "is not known here; did you mean check?"),
    ("{at: 0s, approve: end-idle}", 'the configuration has no "end-idle"'),
])
def test_a_typo_is_told_with_its_place(tmp_path, line, said):
    result = trial_of(tmp_path, f"\ncase: c\ngiven:\n\n  - {line}\nexpect: [{{at: 0s, finding: pg/connections, status: none}}]\n")
    assert result.code == 1 and said in result.err, result.out + result.err


def test_words_that_are_missing(tmp_path):
    assert "test what?" in runbookd("test", events=False).err
    empty = runbookd("test", tmp_path, events=False)
    assert empty.code == 1 and "holds no test, NAME_test.yaml" in empty.err
    (tmp_path / "a_test.yaml").write_text("case: c\ngiven: [{at: 0s, thaw: true}]\ncount: {remediation: 0}\n")
    alone = runbookd("test", tmp_path, events=False)
    assert alone.code == 1 and "names no configuration" in alone.err


def example_of(path, begin, end):
    text = pathlib.Path(__file__).parents[2].joinpath(path).read_text(encoding="utf-8")
    return text.split(begin)[1].split(end)[0]


def test_the_schema_takes_the_manuals_examples_and_refuses_typos():
    schema = json.loads(runbookd("schema", "--tests", events=False).out)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (example_of("README.md", "# tests/pool_test.yaml\n", "```"),
                 example_of("packaging/man/runbookd.yaml.5", "runs files named", ".Ed").split(".Bd -literal\n")[1]):
        example = yaml.safe_load(text)
        assert not list(validator.iter_errors(example))
        for wrong in ({"cas": "x"}, {"given": [{"at": "0s", "chek": "a/b"}]}, {"given": [{"at": 15}]}, {"lasts": "long"},
                      {"expect": [{"at": "0s", "finding": "a/b", "status": "fine"}]}, {"cases": [example]}):
            assert list(validator.iter_errors({**example, **wrong})), wrong


def test_the_readmes_example_passes(tmp_path):
    (tmp_path / "a_test.yaml").write_text(
        example_of("README.md", "# tests/pool_test.yaml\n", "```").replace("orders-db", "pg").replace("../runbookd", "runbookd"))
    (tmp_path / "runbookd.yaml").write_text(CONFIG.format(mode="auto", ceiling="auto"))
    result = runbookd("test", tmp_path / "a_test.yaml", events=False)
    assert result.code == 0, result.out + result.err


def test_elsewhere_nothing_is_found_and_nothing_is_done(tmp_path):
    """As at a standby: what waits goes to whoever holds the lease, and what a person starts the guard refuses."""
    passes(trial_of(tmp_path, f"""
case: a standby acts on nothing
given:
  - {{at: 0s, check: pg/connections, {FULL}}}
  - {IDLE}
  - {{at: 40s, lease: elsewhere}}
  - {{at: 3m, remediate: end-idle-sessions}}
  - {{at: 10m, lease: here}}
expect:
  - {{at: 35s, remediation: end-idle-sessions, outcome: waiting}}
  - {{at: 1m, remediation: end-idle-sessions, outcome: passed_on}}
  - {{at: 1m, finding: pg/connections, status: none}}
  - {{at: 4m, remediation: end-idle-sessions, outcome: refused, reason: lease, says: another agent}}
  - {{at: 11m, finding: pg/connections, status: critical}}
  - {{at: 14m, remediation: end-idle-sessions, outcome: waiting}}
""", mode="approve"))
