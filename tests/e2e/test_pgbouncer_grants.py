"""packaging/grants/pgbouncer.ini: every check and every action of the plugin pgbouncer is run with exactly its rights."""
import configparser
import pathlib

import pytest

from acting import act
from agent import runbookd
from servers_pgbouncer import PgBouncer

RIGHTS = pathlib.Path(__file__).parents[2] / "packaging/grants/pgbouncer.ini"
ACTIONS = [("reconnect", {"database": "postgres"}), ("pause", {"database": "postgres"}), ("resume", {"database": "postgres"})]


@pytest.fixture(scope="module")
def pooler(postgres):
    parser = configparser.ConfigParser()
    parser.read_string("[pgbouncer]\n" + RIGHTS.read_text())
    server = PgBouncer(postgres, users=["runbookd", "runbookd_ops"], **parser["pgbouncer"])
    yield server
    server.close()


def config(pooler, looks, acts):
    return (f"version: 1\nagent: {{realm: tests}}\ntargets:\n  pooler:\n    type: pgbouncer\n    url: 'pgbouncer://{looks}:{looks}@127.0.0.1:{pooler.port}'\n"
            f"    act_as: {{user: {acts}, password: {acts}}}\n")


def test_every_check_is_fine_with_these_rights(pooler, tmp_path):
    (tmp_path / "c.yaml").write_text(config(pooler, "runbookd", "runbookd_ops"))
    result = runbookd("once", "-c", tmp_path / "c.yaml", "--format", "ndjson")
    declared = {line.split()[0] for line in runbookd("checks", "pgbouncer").out.splitlines()[1:]}
    assert {e["check"] for e in result.events if e["kind"] == "finding" and e["status"] == "ok"} == declared and result.code == 0, result.out


def test_every_action_is_fine_with_these_rights(pooler):
    for action, options in ACTIONS:
        done = act(config(pooler, "runbookd", "runbookd_ops"), "pooler", action, options, apply=True)
        assert done.code == 0 and [r["outcome"] for r in done.results] == ["applied"], f"{action}: {done.out}"


def test_who_looks_may_not_act(pooler):
    for action, options in ACTIONS[:2]:
        done = act(config(pooler, "runbookd", "runbookd"), "pooler", action, options, apply=True)
        assert done.failure["denied"] and "admin_users" in done.failure["hint"], f"{action}: {done.out}"
