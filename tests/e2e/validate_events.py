#!/usr/bin/python3
"""Holds events (NDJSON) to packaging/schema/event.schema.json.

    validate_events.py [--gapless] [--max-event BYTES] [FILE...]

Reads files, or stdin, and prints the first violation as FILE:LINE: what is wrong; the exit code is
1 then.  Beside the schema: no member may come twice; with --gapless `seq` must count without a gap
within each agent.boot; with --max-event no line may be longer.
"""
import argparse
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "packaging/schema/event.schema.json"


def members(pairs):
    """A JSON object, whose members come once each."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"member {name!r} comes twice")
    return dict(pairs)


def parse(line):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(line, object_pairs_hook=members, parse_constant=refuse)


class Validator:
    """Knows the schema; keeps what it has seen of each boot."""

    def __init__(self, schema=SCHEMA, gapless=False, max_event=None):
        self.schema = json.loads(pathlib.Path(schema).read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(self.schema)
        self.validator = Draft202012Validator(self.schema)
        self.gapless = gapless
        self.max_event = max_event
        self.last_seq = {}

    def violation(self, line):
        """What is wrong with a line (str or bytes, without its newline), or None."""
        if isinstance(line, str):
            line = line.encode()
        if self.max_event and len(line) > self.max_event:
            return f"{len(line)} bytes are more than {self.max_event}"
        try:
            event = parse(line.decode("utf-8", errors="strict"))
        except ValueError as error:  # of JSON, and of UTF-8
            return str(error)
        errors = list(self.validator.iter_errors(event))
        if errors:  # what is plain first: that no branch fits tells little
            return self.words(event, min(errors, key=lambda error: error.validator == "oneOf"))
        return self.gap(event)

    def words(self, event, error):
        """An error of oneOf is the error of the branch that the line's kind names."""
        if error.validator == "oneOf":
            for inner in error.context:
                branch = self.schema["oneOf"][inner.schema_path[0]]["$ref"].rsplit("/", 1)[1]
                if self.schema["$defs"][branch]["properties"]["kind"]["const"] == event.get("kind"):
                    return self.words(event, inner)
        where = "/".join(str(step) for step in error.absolute_path)
        return f"{where or 'the line'}: {error.message}"

    def gap(self, event):
        seq = event.get("seq")
        if not self.gapless or seq is None:
            return None
        boot = event["agent"]["boot"]
        last = self.last_seq.get(boot)
        self.last_seq[boot] = seq
        if last is not None and seq != last + 1:
            return f"seq {seq} follows {last} of boot {boot}"
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--schema", default=SCHEMA)
    parser.add_argument("--gapless", action="store_true", help="seq must count without a gap")
    parser.add_argument("--max-event", type=int, help="no line may be longer, in bytes")
    parser.add_argument("files", nargs="*", help="NDJSON; stdin where none is given")
    args = parser.parse_args()
    validator = Validator(args.schema, args.gapless, args.max_event)
    count = 0
    for name in args.files or ["-"]:
        with open(0 if name == "-" else name, "rb") as lines:
            for number, line in enumerate(lines, 1):
                wrong = validator.violation(line.rstrip(b"\n"))
                if wrong:
                    print(f"{name}:{number}: {wrong}")
                    return 1
                count += 1
    print(f"{count} lines, all as the schema says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
