"""What it costs to deliver events, with the spool on: encoded, written, sent, acknowledged, forgotten; by HTTP, and by the other sinks."""
import pathlib
import subprocess
import tempfile

from bench import BUILD

HTTP = "type: http, url: \"http://127.0.0.1:%d/\", spool: {memory: 64MiB}"
CASES = [("50,000 a second", "50000", HTTP, True), ("the same, zstd -1", "50000", f"{HTTP}, compress: zstd", True),
         ("the same, gzip -1", "50000", f"{HTTP}, compress: gzip", True), ("the same, without a disk", "50000", HTTP, False),
         ("as many as are taken", "0", HTTP, True), ("the same, zstd -1", "0", f"{HTTP}, compress: zstd", True)]
# Each at 20,000 a second, which all of them take; FOLDER and BROKERS are filled in.
OTHERS = [("ndjson by HTTP", HTTP, True), ("otlp by HTTP", f"{HTTP}, encoding: otlp", True),
          ("syslog by TCP", "type: syslog, url: \"tcp://127.0.0.1:%d\", spool: {memory: 64MiB}", True),
          ("a file, fsync batch", "type: file, path: FOLDER/events, spool: {memory: 64MiB}", False),
          ("kafka, librdkafka's threads included", "type: kafka, brokers: [\"BROKERS\"], topic: bench, spool: {memory: 64MiB}", True)]


def deliver(seconds, per_second, sink, spool, brokers=""):
    """taken a second, cores, CPU us an event, bytes sent an event, MiB, dropped"""
    with tempfile.TemporaryDirectory(prefix="runbookd-bench-") as folder:
        written = sink.replace("FOLDER", folder).replace("BROKERS", brokers)
        words = [BUILD / "bench/bench_sinks", seconds, per_second, written, "spool" if spool else "memory", folder]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def measure(quick):
    rows = []
    for name, per_second, sink, spool in CASES:
        taken, cores, cpu_us, size, mib, dropped = deliver("3" if quick else "10", per_second, sink, spool)
        rows.append([name, f"{float(taken):,.0f}", cores, cpu_us, f"{1e6 / float(cpu_us):,.0f}", size, mib, dropped])
    return ["one HTTP sink", "taken a second", "cores", "CPU us each", "a second and core (50,000)", "bytes sent each", "MiB", "dropped"], rows


def measure_others(quick):
    """In one run, so that their ratio to ndjson by HTTP says more than the machine."""
    cluster = subprocess.Popen([pathlib.Path(BUILD) / "bin/kafkaserver", "bench"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    brokers = cluster.stdout.readline().strip()
    drain = subprocess.Popen(["cat"], stdin=cluster.stdout, stdout=subprocess.DEVNULL)
    try:
        rows, first = [], None
        for name, sink, spool in OTHERS:
            taken, cores, cpu_us, _, mib, dropped = deliver("3" if quick else "10", "20000", sink, spool, brokers)
            first = first or float(cpu_us)
            most = deliver("3" if quick else "10", "0", sink, spool, brokers)[0]
            rows.append([name, f"{float(taken):,.0f}", cores, cpu_us, f"{float(cpu_us) / first:.2f}", mib, dropped, f"{float(most):,.0f}"])
    finally:
        cluster.stdin.close()
        cluster.wait(20)
        drain.wait(20)
    return ["each sink", "taken a second", "cores", "CPU us each", "to ndjson by HTTP", "MiB", "dropped", "at most a second"], rows
