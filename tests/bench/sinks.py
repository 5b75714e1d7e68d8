"""What it costs to deliver events by HTTP, with the spool on: encoded, written, sent, acknowledged, forgotten."""
import subprocess
import tempfile

from bench import BUILD

CASES = [("50,000 a second", "50000", "none", True), ("the same, zstd -1", "50000", "zstd", True),
         ("the same, gzip -1", "50000", "gzip", True), ("the same, without a disk", "50000", "none", False),
         ("as many as are taken", "0", "none", True), ("the same, zstd -1", "0", "zstd", True)]


def measure(quick):
    rows = []
    for name, per_second, compress, spool in CASES:
        with tempfile.TemporaryDirectory(prefix="runbookd-bench-") as folder:
            words = [BUILD / "bench/bench_sinks", "3" if quick else "10", per_second, compress, *([folder] if spool else [])]
            result = subprocess.run(words, capture_output=True, text=True, check=True)
        taken, cores, cpu_us, size, mib, dropped = result.stdout.split()
        rows.append([name, f"{float(taken):,.0f}", cores, cpu_us, f"{1e6 / float(cpu_us):,.0f}", size, mib, dropped])
    return ["one HTTP sink", "taken a second", "cores", "CPU us each", "a second and core (50,000)", "bytes sent each", "MiB", "dropped"], rows
