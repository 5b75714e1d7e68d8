"""What an event costs: encoded, queued and written by the thread that writes."""
import subprocess

from bench import BUILD, median


def measure(quick):
    count, times = (50000, 1) if quick else (200000, 5)
    rows, seen = [], []
    for _ in range(times):
        result = subprocess.run([BUILD / "bench/bench_events", str(count)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, check=True)
        seen.append([float(word) for word in result.stderr.split()])
    size, encoded, written, lost = (median(each) for each in zip(*seen))
    rows.append([f"an event of {size:.0f} bytes", f"{encoded:.2f}", f"{written:.2f}", "< 3", f"{1e6 / written:,.0f}", f"{lost:.0f}"])
    return ["events", "encoded us", "and written us", "target", "a second and core", "lost"], rows
