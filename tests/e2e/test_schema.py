"""The schema of events: it takes what operators wrote down, and refuses what is wrong."""
import copy
import json
import pathlib

import pytest

from validate_events import Validator

LINES = pathlib.Path(__file__).with_name("events.ndjson").read_text(encoding="utf-8").splitlines()
FINDING, AGENT = json.loads(LINES[0]), json.loads(LINES[8])
GONE = "(taken away)"


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["kind"])
def test_lines_that_operators_wrote_down_are_taken(line):
    assert Validator().violation(line) is None


@pytest.mark.parametrize(
    "wrong, where",
    [
        ({"schema": 2}, "schema"),
        ({"kind": "nothing"}, "kind"),
        ({"kind": GONE}, "'kind'"),
        ({"time": "2026-11-21 02:58:02"}, "time"),
        ({"level": "warn"}, "level"),  # of a critical finding
        ({"message": ""}, "message"),
        ({"id": "9F2C41D07BE3A655"}, "id"),
        ({"seq": 0}, "seq"),
        ({"seq": GONE}, "'seq'"),
        ({"agent": {"boot": "b7c1"}}, "'realm'"),
        ({"subject": GONE}, "'subject'"),
        ({"status": "fine"}, "status"),
        ({"status": None}, "status"),
        ({"reason": "because"}, "reason"),
        ({"reason": "gone"}, "status"),  # ends with ok
        ({"streak": -1}, "streak"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"measures": {"used": "96"}}, "measures/used"),
        ({"measures": {"used": None}}, "measures/used"),
        ({"words": {"mode": 1}}, "words/mode"),
        ({"labels": {"a": 1}}, "labels/a"),
        ({"evidence": []}, "evidence"),
        ({"evidence_truncated": 0}, "evidence_truncated"),
        ({"held": []}, "held"),
    ],
    ids=str,
)
def test_a_finding_that_is_wrong_is_refused_and_the_place_named(wrong, where):
    line = copy.deepcopy(FINDING)
    for name, value in wrong.items():
        line[name] = value
        if value is GONE:
            del line[name]
    assert where in (Validator().violation(json.dumps(line)) or "")


def test_members_may_be_added():
    assert Validator().violation(json.dumps({**FINDING, "weather": {"rain": [1]}})) is None


@pytest.mark.parametrize("line", ['{"a":1,"a":2}', b'"\xff"', '{"a":NaN}', "[]", "", "{}{}"])
def test_what_is_no_json_object_is_refused(line):
    assert Validator().violation(line)


def test_a_gap_is_seen_within_a_boot_only():
    def line(boot, seq):
        return json.dumps({**AGENT, "seq": seq, "agent": {**AGENT["agent"], "boot": boot}})

    validator = Validator(gapless=True)
    assert [validator.violation(line("a", 1)), validator.violation(line("b", 7))] == [None, None]
    assert [validator.violation(line("a", 2)), validator.violation(line("b", 8))] == [None, None]
    assert "seq 4 follows 2" in validator.violation(line("a", 4))


def test_a_line_may_be_too_long():
    assert Validator(max_event=len(LINES[0])).violation(LINES[0]) is None
    assert "more than" in Validator(max_event=len(LINES[0]) - 1).violation(LINES[0])


def test_every_member_is_described():
    schema = Validator().schema
    bare = [
        f"{where}/{name}"
        for where, part in [("", schema), *schema["$defs"].items()]
        for name, member in part.get("properties", {}).items()
        if name != "kind" and "description" not in member
        and "description" not in schema["$defs"].get(member.get("$ref", "/")[8:], {})
    ]
    assert bare == []
