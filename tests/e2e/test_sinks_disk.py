"""Sinks and what they stand on: a disk that is full, a spool that is damaged, TLS, a stdout that nobody reads."""
import json
import os
import pathlib
import signal
import ssl
import subprocess
import tempfile
import time

import pytest

import pki as authority
import receiver as receivers
from agent import RUNBOOKD
from servers import free_port
from test_sinks import busy, receiver  # noqa: F401  a fixture


def counts(event, name="collector"):
    return event["sinks"][name]


def waits(agent, seconds=30, **wanted):
    """The first heartbeat whose counts are at least these."""
    return agent.wait_for(lambda event: event.get("step") == "heartbeat" and all(counts(event)[key] >= value for key, value in wanted.items()),
                          seconds)


def test_a_full_disk_costs_what_memory_cannot_hold_and_the_number_arrives(agent, receiver, tmp_path):
    collector = receiver()
    collector.down()
    more = "batch: {age: 50ms}, retry: {first: 50ms, most: 100ms}, spool: {memory: 64KiB}"
    # No file may grow beyond 150 kB: what a full disk is to SQLite.
    one = agent(busy(tmp_path / "state", free_port(), collector.url, more), under=["prlimit", "--fsize=150000"])
    one.wait_for(lambda event: event.get("step") == "spool_failed")
    waits(one, dropped=100)
    collector.up()
    said = collector.wait_for(lambda event: event.get("step") == "dropped")
    assert said["sink"] == "collector" and said["dropped"] >= 100
    one.end()
    stopped = collector.taken[-1]
    assert stopped["step"] == "stopped"
    dropped, said = counts(stopped)["dropped"], [event["dropped"] for event in collector.taken if event.get("step") == "dropped"]
    assert 100 <= sum(said) <= dropped
    arrived = [event["seq"] for event in collector.taken]
    about = sum(1 for event in one.events if event.get("step") in ("sink_down", "sink_up"))  # those never go through it
    assert len(set(arrived)) + dropped + about == len(one.events)
    assert list(dict.fromkeys(arrived)) == sorted(set(arrived))


def test_a_damaged_spool_is_set_aside_while_the_agent_goes_on(agent, receiver, tmp_path):
    collector = receiver()
    collector.down()
    state = tmp_path / "state"
    one = agent(busy(state, free_port(), collector.url, "batch: {age: 50ms}, retry: {first: 50ms, most: 50ms}, spool: {memory: 64KiB}"))
    waits(one, waiting=500)
    with open(state / "spool.db", "r+b") as file:  # beneath the running agent
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(b"\x5a" * size)
    for wal in state.glob("spool.db-wal"):
        os.truncate(wal, 0)
    collector.up()
    said = one.wait_for(lambda event: event.get("step") == "spool_damaged")
    assert "set aside" in said["message"] and list(state.glob("spool.db.damaged-*"))
    collector.wait_for(lambda event: event["seq"] > said["seq"] + 100)
    one.end()
    assert counts(one.events[-1])["dropped"] > 0
    assert [event["seq"] for event in collector.taken] == sorted({event["seq"] for event in collector.taken})


def test_tls_with_a_client_certificate(agent, receiver, tmp_path):
    pki = authority.Pki()
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.chain("good"), pki.key("good"))
        context.load_verify_locations(pki.root)
        context.verify_mode = ssl.CERT_REQUIRED
        collector = receiver(tls=context)
        ours = f"ca: {pki.root}, certificate: {pki.chain('clientonly')}, key: {pki.key('clientonly')}"
        url = collector.url.replace("127.0.0.1", "localhost")
        text = busy(tmp_path / "state", free_port(), url, f"batch: {{age: 50ms}}, tls: {{{ours}}}", targets=1)
        one = agent(text)
        collector.wait_for(lambda event: event.get("step") == "started")
        one.end()
        receivers.assert_whole(collector, boots=1)
    finally:
        pki.close()


def test_a_stdout_that_nobody_reads_delays_neither_checks_nor_sinks(receiver, tmp_path):
    """CI: some seconds; RUNBOOKD_STALL=60 for the minute."""
    stall = float(os.environ.get("RUNBOOKD_STALL", "4"))
    collector = receiver()
    config = pathlib.Path(tmp_path / "c.yaml")
    config.write_text(busy(tmp_path / "state", free_port(), collector.url))
    process = subprocess.Popen([RUNBOOKD, "run", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        collector.wait_for(lambda event: event.get("step") == "heartbeat")
        start, before = time.monotonic(), len(collector.taken)
        time.sleep(stall)
        beats = [event for event in collector.taken[before:] if event.get("step") == "heartbeat"]
        assert len(beats) >= stall - 2, f"{len(beats)} heartbeats in {time.monotonic() - start:.1f} s"
        runs = sum(beat["runs"] for beat in beats)
        assert runs > 20 * 10 * (len(beats) - 1) * 0.7, runs
        assert beats[-1]["late_max_ms"] < 5000
        process.send_signal(signal.SIGTERM)
        lines = process.stdout.read().splitlines()
        assert process.wait(20) == 0
        assert json.loads(lines[-1])["step"] == "stopped"
    finally:
        if process.poll() is None:
            process.kill()
