"""What operators write is looked through when it is read: statements that nobody should send, with what would be right."""
import pytest

from agent import runbookd

SCRIPT = """return {
  summary = "does as it is told",
  targets = { db = "postgres" },
  needs = { "db:execute" },
  with = { statement = { "string" }, count = { "string" } },
  run = function(agent, finding, with)
    local result = agent.act("db:execute", { statement = with.statement, count = with.count })
    if not result then return agent.hand_over("it could not be") end
    return agent.applied("%d rows", result.done)
  end,
}
"""
CONFIG = """targets: {{pg: {{type: postgres, url: "postgres://nobody.invalid/orders", act_as: {{user: ops}}}}}}
remediations:
  mend:
    trigger: manual
    script: own/mend
    targets: {{db: pg}}
    allow: ["db:execute"]
    with:
      count: SELECT count(*) FROM events WHERE state = 'odd'
      statement: {statement}
"""
FINE = "UPDATE events SET state = 'ended' WHERE state = 'odd'"


def validated(tmp_path, statement=FINE, script=SCRIPT):
    folder = tmp_path / "scripts" / "own"
    folder.mkdir(parents=True)
    (folder / "mend.lua").write_text(script)
    (tmp_path / "c.yaml").write_text(CONFIG.format(statement=statement))
    return runbookd("validate", "--offline", "-c", tmp_path / "c.yaml", "--scripts", tmp_path / "scripts", events=False)


def test_a_statement_that_is_fine_is_accepted(tmp_path):
    result = validated(tmp_path)
    assert result.code == 0 and "UPDATE" not in result.err, result.err


@pytest.mark.parametrize("statement, said", [
    ("UPDATE events SET state = 'ended'", "c.yaml:10:18: remediations.mend.with.statement: changes every row: it has no WHERE; write a WHERE"),
    ("DELETE FROM events -- WHERE state = 'odd'", "changes every row"),
    ("TRUNCATE events", "empties a table"),
    ("DROP TABLE events", "drops what cannot be brought back"),
    (f"{FINE}; {FINE}", "is more than one statement"),
    ("VACUUM FULL events", "cannot run in a transaction"),
    ("CREATE INDEX i ON events (state)", "changes the schema; leave it to a migration"),
    ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "use postgres:terminate_sessions"),
])
def test_a_statement_that_nobody_should_send_is_an_error_with_its_place(tmp_path, statement, said):
    result = validated(tmp_path, f'"{statement}"' if ";" in statement else statement.replace(" -- ", " /* ") + (" */" if "--" in statement else ""))
    assert result.code == 1 and said in result.err, result.err


def test_what_may_be_meant_is_a_warning(tmp_path):
    result = validated(tmp_path, "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE state = 'odd' LIMIT 10)")
    assert result.code == 0, result.err
    assert "warning: remediations.mend.with.statement: has LIMIT without ORDER BY" in result.err


def test_a_string_of_a_script_is_warned_of_where_it_stands(tmp_path):
    result = validated(tmp_path, script=SCRIPT.replace('"it could not be"', '"it could not be: try FLUSHALL"'))
    assert result.code == 0, result.err
    assert "own/mend.lua:8:69: warning: this text deletes every key: sessions, queues and locks as well; use redis:unlink_pattern" in result.err
    listed = runbookd("script", "list", "--scripts", tmp_path / "scripts", events=False)
    assert listed.code == 0 and "own/mend.lua:8:69: warning" in listed.err


def test_the_scripts_that_are_shipped_hold_no_such_command():
    assert runbookd("script", "list", events=False).err == ""
