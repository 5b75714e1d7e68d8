"""Each encoding against a reader that is not ours: ClickHouse itself; OTLP's generated protobuf classes; of the others, which
cannot be run here, what their API descriptions demand, as JSON Schemas."""
import json
import os
import pathlib
import subprocess
import time

import jsonschema
import pytest

import receiver as receivers
import servers_clickhouse
from servers import free_port

HERE = pathlib.Path(__file__).resolve().parent
ENCODINGS = ["ndjson", "otlp", "loki", "elasticsearch", "splunk", "datadog"]
CONFIG = """
agent: {{realm: shop/test, node: n1, heartbeat: 1s, emit: all, labels: {{service: shop, env: "te\\"st"}}}}
targets:
  gone: {{type: tcp, url: "tcp://127.0.0.1:{port}", every: 200ms, labels: {{team: dba}}}}
sinks:
"""

# grafana.com/docs/loki, "Ingest logs": labels are strings, a value is [nanoseconds, line].
LOKI = {"type": "object", "required": ["streams"], "additionalProperties": False, "properties": {"streams": {"type": "array", "items": {
    "type": "object", "required": ["stream", "values"], "additionalProperties": False, "properties": {
        "stream": {"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
                   "additionalProperties": {"type": "string"}},
        "values": {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [
            {"type": "string", "pattern": "^[0-9]{19}$"}, {"type": "string"}]}}}}}}}
# docs.datadoghq.com, "Send logs", HTTPLogItem: message is required; at most 1000 items.
DATADOG = {"type": "array", "maxItems": 1000, "items": {"type": "object", "required": ["message"], "properties": {
    "ddsource": {"type": "string"}, "ddtags": {"type": "string", "pattern": "^[^,:]+:[^,]*(,[^,:]+:[^,]*)*$"}, "hostname": {"type": "string"},
    "message": {"type": "string"}, "service": {"type": "string"}, "status": {"enum": ["debug", "info", "warn", "error"]}}}}
# help.splunk.com, "Format events for HTTP Event Collector".
SPLUNK = {"type": "object", "required": ["event"], "additionalProperties": False, "properties": {
    "time": {"type": "number"}, "host": {"type": "string"}, "source": {"type": "string"}, "sourcetype": {"type": "string"},
    "index": {"type": "string"}, "event": {"type": ["object", "string"]}, "fields": {"type": "object"}}}
# The bulk API's action of a data stream, and the fields of ECS 8.11 that are used.
ACTION = {"type": "object", "required": ["create"], "additionalProperties": False, "properties": {"create": {
    "type": "object", "required": ["_index", "_id"], "additionalProperties": False,
    "properties": {"_index": {"type": "string", "pattern": "^logs-[^-]+-[^-]+$"}, "_id": {"type": "string", "maxLength": 512}}}}}
KEYWORD = {"type": "string", "maxLength": 1024}
ECS = {"type": "object", "required": ["@timestamp", "message"], "additionalProperties": False, "properties": {
    "@timestamp": {"type": "string", "format": "date-time"}, "message": {"type": "string"},
    "ecs": {"type": "object", "required": ["version"], "additionalProperties": False, "properties": {"version": KEYWORD}},
    "log": {"type": "object", "additionalProperties": False, "properties": {"level": KEYWORD, "logger": KEYWORD}},
    "event": {"type": "object", "additionalProperties": False, "properties": {
        "kind": {"enum": ["alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"]},
        "module": KEYWORD, "dataset": KEYWORD, "id": KEYWORD, "sequence": {"type": "integer"}, "reason": KEYWORD, "action": KEYWORD}},
    "agent": {"type": "object", "additionalProperties": False, "properties": {
        "type": KEYWORD, "version": KEYWORD, "name": KEYWORD, "ephemeral_id": KEYWORD}},
    "host": {"type": "object", "additionalProperties": False, "properties": {"name": KEYWORD}},
    "orchestrator": {"type": "object"}, "labels": {"type": "object", "additionalProperties": KEYWORD},
    "runbookd": {"type": "object"}}}


@pytest.fixture(scope="module")
def collected():
    """What one agent sent to a receiver of each encoding, and what it wrote to stdout."""
    from agent import Agent
    collectors = {name: receivers.Receiver(reply=b"{}") for name in ENCODINGS}
    text = CONFIG.format(port=free_port()) + "".join(
        f"  {name}: {{type: http, encoding: {name}, url: \"http://127.0.0.1:{one.port}\", batch: {{age: 200ms}}}}\n"
        for name, one in collectors.items())
    agent = Agent(text)
    agent.wait_for(lambda event: event["seq"] >= 12)
    agent.end()
    yield agent.events, {name: one.requests for name, one in collectors.items()}
    for one in collectors.values():
        one.close()


def seqs(events):
    return [event["seq"] for event in events]


def test_ndjson(collected):
    events, requests = collected
    assert [event for request in requests["ndjson"] for event in request.lines] == events
    assert requests["ndjson"][0].path == "/"


def test_otlp(collected):
    events, requests = collected
    env = dict(os.environ, NODE_PATH=os.environ["RUNBOOKD_NPM"] + "/node_modules")
    records = []
    for request in requests["otlp"]:
        assert request.path == "/v1/logs" and request.headers["Content-Type"] == "application/json"
        read = subprocess.run(["node", HERE / "otlp_check.js"], input=request.body, capture_output=True, check=False, env=env)
        assert read.returncode == 0, read.stderr.decode()
        for resource in json.loads(read.stdout)["resourceLogs"]:
            attributes = {pair["key"]: pair["value"] for pair in resource["resource"]["attributes"]}
            assert attributes["service.name"]["stringValue"] == "runbookd" and attributes["host.name"]["stringValue"] == "n1"
            records += [record for scope in resource["scopeLogs"] for record in scope["logRecords"]]
    read = [{pair["key"]: pair["value"] for pair in record["attributes"]} for record in records]
    assert [int(record["runbookd.seq"]["intValue"]) for record in read] == seqs(events)
    assert [record["body"]["stringValue"] for record in records] == [event["message"] for event in events]
    severities = {"info": "SEVERITY_NUMBER_INFO", "warn": "SEVERITY_NUMBER_WARN", "error": "SEVERITY_NUMBER_ERROR"}
    assert [record["severityNumber"] for record in records] == [severities[event["level"]] for event in events]


def test_loki(collected):
    events, requests = collected
    lines = []
    for request in requests["loki"]:
        assert request.path == "/loki/api/v1/push" and request.headers["Content-Type"] == "application/json"
        body = json.loads(request.body)
        jsonschema.validate(body, LOKI)
        for stream in body["streams"]:
            assert stream["stream"]["env"] == "te\"st" and stream["stream"]["realm"] == "shop/test", stream["stream"]
            lines += [json.loads(line) for _, line in stream["values"]]
    assert lines == events


def test_elasticsearch(collected):
    events, requests = collected
    documents = []
    for request in requests["elasticsearch"]:
        assert request.path == "/_bulk" and request.headers["Content-Type"] == "application/x-ndjson" and request.body.endswith(b"\n")
        lines = request.lines
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            jsonschema.validate(action, ACTION)
            jsonschema.validate(document, ECS)
            assert action["create"]["_id"] == f"{document['agent']['ephemeral_id']}-{document['event']['sequence']}"
            documents.append(document)
    assert [document["event"]["sequence"] for document in documents] == seqs(events)


# What Elasticsearch's field types take of JSON; of "flattened" and of what is not indexed, any object.
TAKES = {"keyword": (str,), "match_only_text": (str,), "date": (str,), "long": (int,), "double": (int, float), "boolean": (bool,),
         "flattened": (dict,)}


def misfits(document, mapping, path=""):
    """Fields that the index template does not map, or maps to a type that would refuse the document."""
    for name, value in document.items():
        field, at = mapping["properties"].get(name), f"{path}{name}"
        values = [one for one in (value if isinstance(value, list) else [value]) if one is not None]
        if field is None:
            yield f"{at} is not mapped"
        elif field.get("dynamic") is True:
            yield from (f"{at}.{key} is no number" for key, number in value.items() if not isinstance(number, (int, float)))
        elif "properties" in field:
            yield from misfits(value, field, at + ".")
        elif field.get("enabled") is not False:
            takes = TAKES[field["type"]]
            yield from (f"{at}: {one!r} is no {field['type']}" for one in values
                        if not isinstance(one, takes) or (isinstance(one, bool) and bool not in takes))


def template():
    written = json.loads((HERE.parents[1] / "packaging/collectors/elasticsearch-template.json").read_text())
    assert written["index_patterns"] == ["logs-runbookd-*"] and written["data_stream"] == {} and written["priority"] > 200
    return written["template"]["mappings"]


def test_the_index_template_takes_every_document(collected):
    _, requests = collected
    documents = [line for request in requests["elasticsearch"] for line in request.lines[1::2]]
    assert documents and [list(misfits(document, template())) for document in documents] == [[] for _ in documents]
    wrong = dict(documents[0], runbookd={"streak": "x", "measures": {"a": "b"}, "strange": 1})
    assert len(list(misfits(wrong, template()))) == 3


def test_the_index_template_has_every_member_that_events_may_have():
    schema = json.loads((HERE.parents[1] / "packaging/schema/event.schema.json").read_text())
    own, elsewhere = template()["properties"]["runbookd"]["properties"], {"id", "step", "kind"}
    kinds = {"string": {"keyword", "match_only_text", "date"}, "integer": {"long"}, "number": {"double"}, "boolean": {"boolean"},
             "object": {"flattened", "object"}}

    def resolve(node):
        return resolve(schema["$defs"][node["$ref"].split("/")[-1]]) if "$ref" in node else node

    def words_of(node):
        node = resolve(node)
        if node.get("type") == "array":
            return words_of(node["items"])
        if "anyOf" in node:
            return set().union(*map(words_of, node["anyOf"]))
        if "enum" in node or "const" in node:
            return {"boolean" if node.get("const") is True else "string"}
        return {node["type"]} if isinstance(node.get("type"), str) else set(node.get("type", ()))

    for kind in ("finding", "remediation", "incident", "audit", "agent_event"):
        for name, node in schema["$defs"][kind]["properties"].items():
            if name in elsewhere:
                continue
            field = own["audit_entry"] if (kind, name) == ("remediation", "audit") else own[name]
            if field.get("enabled") is False or "properties" in field:
                continue
            for word in words_of(node) - {"null"}:
                assert field["type"] in kinds[word], f"{kind}.{name}: {word} is mapped as {field['type']}"


def test_splunk(collected):
    events, requests = collected
    read, decoder = [], json.JSONDecoder()
    for request in requests["splunk"]:
        assert request.path == "/services/collector/event"
        text = request.body.decode().strip()
        while text:  # one object after the other
            item, end = decoder.raw_decode(text)
            jsonschema.validate(item, SPLUNK)
            read.append(item["event"])
            text = text[end:].strip()
    assert read == events


def test_datadog(collected):
    events, requests = collected
    read = []
    for request in requests["datadog"]:
        assert request.path == "/api/v2/logs" and len(request.body) < 5e6
        body = json.loads(request.body)
        jsonschema.validate(body, DATADOG)
        read += [item["runbookd"] for item in body]
        assert all("service:shop" in item["ddtags"] for item in body)
    assert read == events


def test_clickhouse_itself_takes_the_rows_and_forgets_repetitions(agent, tmp_path):
    server = servers_clickhouse.New()
    try:
        for statement in (HERE.parents[1] / "packaging/clickhouse.sql").read_text().split(";"):
            if statement.strip():
                server.ask(statement)
        text = CONFIG.format(port=free_port()) + (
            f"  rows: {{type: http, encoding: clickhouse, url: \"http://default@127.0.0.1:{server.http}\", compress: gzip, "
            "batch: {age: 100ms}}\n")
        one = agent(text.replace("agent: {", f"agent: {{state: {tmp_path}/state, "))
        one.wait_for(lambda event: event["seq"] >= 12)
        one.end()
        rows = [json.loads(row) for row in server.ask(
            "SELECT seq, event, kind, target, measures, labels, toUnixTimestamp64Milli(time) AS ms FROM runbookd.events ORDER BY seq "
            "FORMAT JSONEachRow").splitlines()]
        assert [json.loads(row["event"]) for row in rows] == one.events
        heard = [row for row in rows if row["kind"] == "finding"]
        assert heard and heard[0]["target"] == "gone" and heard[0]["labels"]["team"] == "dba"
        server.ask("INSERT INTO runbookd.events SELECT * FROM runbookd.events")
        server.ask("OPTIMIZE TABLE runbookd.events FINAL")
        assert int(server.ask("SELECT count() FROM runbookd.events")) == len(one.events)
        # A table that is not there is nobody's event: it waits.
        server.ask("RENAME TABLE runbookd.events TO runbookd.away")
        again = agent(text)
        again.wait_for(lambda event: event.get("step") == "heartbeat" and event["sinks"]["rows"]["retries"] > 0)
        server.ask("RENAME TABLE runbookd.away TO runbookd.events")
        start = time.monotonic()
        while int(server.ask("SELECT count() FROM runbookd.events")) == len(one.events):
            assert time.monotonic() < start + 10, again.errors
            time.sleep(0.05)
        again.end()
        assert again.events[-1]["sinks"]["rows"]["quarantined"] == 0
    finally:
        server.close()
