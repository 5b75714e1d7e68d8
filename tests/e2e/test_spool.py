"""What receivers refuse: listed, shown, sent again once the receiver was mended, dropped; by the command line."""
import json
import sqlite3

import pytest

import receiver as receivers
import servers
from asking import Asker
from test_admin import fetch, samples, value
from test_sinks import busy


def is_poison(event):
    return event["kind"] == "finding" and event["target"] == "t3"


@pytest.fixture
def refusing(agent, tmp_path):
    """An agent whose collector refuses what is of t3, until .mended is set."""
    collector = receivers.Receiver()
    collector.mended = False
    collector.fault = lambda number, request: 400 if not collector.mended and any(is_poison(event) for event in request.lines) else None
    admin = servers.free_port()
    text = busy(tmp_path / "state", servers.free_port(), collector.url, targets=4).replace("emit: all", "emit: changes")
    running = agent(text.replace("agent: {", f'agent: {{admin: {{listen: "127.0.0.1:{admin}"}}, '))
    running.wait_for(is_poison)
    collector.running, collector.admin = running, admin
    collector.ask = Asker(running, tmp_path / "state" / "control.sock")
    servers.wait_until(lambda: kept(collector) > 0)
    yield collector
    collector.close()


def kept(collector):
    return value(samples(fetch(collector.admin)[1]), "runbookd_sink_quarantine_kept", sink="collector")


def test_what_was_refused_is_sent_again_once_the_receiver_was_mended(refusing):
    ask, running = refusing.ask, refusing.running
    servers.wait_until(lambda: kept(refusing) == len([e for e in running.events if is_poison(e)]))
    bad = {(e["agent"]["boot"], e["seq"]) for e in running.events if is_poison(e)}
    listed = ask.json("spool")
    assert len(listed["aside"]) == len(bad) and listed["left_out"] == 0 and [s["aside"] for s in listed["sinks"]] == [len(bad)]
    first = listed["aside"][0]
    assert first["sink"] == "collector" and "HTTP 400" in first["why"] and first["kind"] == "finding"
    shown = ask("spool").out
    assert "sink collector  " in shown and f"{len(bad)} set aside" in shown and f"{first['id']}  collector  " in shown and first["message"] in shown
    event = json.loads(ask("spool", "show", first["id"]).out.splitlines()[-1])
    assert (event["agent"]["boot"], event["seq"]) in bad
    assert f"quarantine   {len(bad)} events" in ask("status", code=None).out
    # Too early: it is refused once more, and is set aside once more.
    def refusals():
        return sum(request.code == 400 for request in refusing.requests)
    before = refusals()
    assert ask("spool", "resend", first["id"]).out == "1 sent again\n"
    servers.wait_until(lambda: refusals() > before and kept(refusing) == len(bad))
    assert not [e for e in refusing.taken if is_poison(e)]
    refusing.mended = True
    assert ask("spool", "resend", "collector").out == f"{len(bad)} sent again\n"
    servers.wait_until(lambda: {(e["agent"]["boot"], e["seq"]) for e in refusing.taken if is_poison(e)} == bad)
    arrived = [(e["agent"]["boot"], e["seq"]) for e in refusing.taken]
    assert len(arrived) == len(set(arrived)), "nothing came twice"
    servers.wait_until(lambda: kept(refusing) == 0)
    assert ask.json("spool")["aside"] == []
    assert running.wait_for(lambda e: e.get("step") == "quarantine_resent")
    running.end()


def test_what_was_refused_survives_a_restart_and_is_dropped(refusing, agent):
    ask, running = refusing.ask, refusing.running
    text = running.config.read_text()
    running.end()
    again = agent(text)
    again.wait_for(lambda e: e.get("step") == "started")
    ids = [row["id"] for row in ask.json("spool", "list", "collector")["aside"]]
    assert ids
    assert ask("spool", "drop", ids[0]).out == "1 dropped\n"
    assert ids[0] not in [row["id"] for row in ask.json("spool")["aside"]]
    ask("spool", "drop", "all", code=None)
    assert again.wait_for(lambda e: e.get("step") == "quarantine_dropped")
    servers.wait_until(lambda: ask.json("spool")["aside"] == [])
    assert 'nothing lies aside that 999999 names' in ask("spool", "drop", "999999", code=1).err
    assert "nothing lies aside that nobody names" in ask("spool", "resend", "nobody", code=1).err
    assert "write spool list" in ask("spool", "mend", code=1).err
    again.end()


def test_of_a_sink_that_is_gone_it_is_said_so(refusing):
    ask, running = refusing.ask, refusing.running
    refusing.mended = True
    running.config.write_text(running.config.read_text().replace("  collector:", "  another:"))
    ask("reload")
    refused = ask("spool", "resend", "all", code=1).err
    assert 'no sink "collector" is configured any more' in refused, refused
    assert ask("spool", "drop", "collector").out.endswith(" dropped\n")
    running.end()


def test_what_lies_behind_many_of_a_sink_that_is_gone_is_sent_again(refusing, agent, tmp_path):
    """More of them than one request takes, and older: they lie in the way of `resend all`."""
    text = refusing.running.config.read_text()
    refusing.running.end()
    with sqlite3.connect(tmp_path / "state" / "spool.db") as db:
        count, = db.execute("select count(*) from aside").fetchone()
        db.execute("update aside set id = id + 10000")
        db.executemany("insert into aside (id, sink, time, why, bytes, lines) values (?, 'gone', 0, 'HTTP 400', 3, '{}\n')", [(i,) for i in range(1, 1202)])
    db.close()
    refusing.mended = True
    again, ask = agent(text), refusing.ask
    again.wait_for(lambda e: e.get("step") == "started")
    said = ask("spool", "resend", "all")
    assert said.out == f"{count} sent again\n" and "1201 are of sinks that are not configured any more" in said.err, said
    servers.wait_until(lambda: len([e for e in refusing.taken if is_poison(e)]) >= count)
    said = ask("spool", "resend", "gone", code=1)
    assert said.out == "0 sent again\n" and "1201 are of sinks" in said.err, said
    assert ask("spool", "drop", "all").out == "1201 dropped\n"
    again.end()
