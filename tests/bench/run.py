#!/usr/bin/python3
"""
run.py [--quick] [PART...]: what the agent costs, as tables.  Nothing is asserted about time.

Uses the release build (`cmake --preset release && cmake --build --preset release`; RUNBOOKD_BUILD
names another one), real servers on loopback, and bare loops over the client libraries, paced as the
agent is, in the same seconds.  PARTs: cost memory events sinks each_sink lateness spinning faults scrape steady databases blackbox;
the last is skipped, and says so, where prometheus-blackbox-exporter is not installed (packaging/install-deps.sh bench).
COST=TEXT and DATABASES=TEXT in the environment take only the rows of these two that hold that text.
"""
import os
import sys

import bench
import pki as authority


def print_table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width) for i, (cell, width) in enumerate(zip(row, widths))))
    print(flush=True)


def parts(pki, quick):
    import blackbox
    import cost
    import databases
    import events
    import faults
    import lateness
    import memory
    import scrape
    import sinks
    import spinning
    import steady
    return {
        "cost": lambda: cost.measure(pki, quick, os.environ.get("COST", "")),
        "memory": lambda: memory.measure(pki, quick),
        "events": lambda: events.measure(quick),
        "sinks": lambda: sinks.measure(quick),
        "each_sink": lambda: sinks.measure_others(quick),
        "lateness": lambda: lateness.measure(quick),
        "spinning": lambda: spinning.measure(quick),
        "faults": lambda: faults.measure(quick),
        "scrape": lambda: scrape.measure(quick),
        "steady": lambda: steady.measure(quick),
        "databases": lambda: databases.measure(quick, os.environ.get("DATABASES", "")),
        "blackbox": lambda: blackbox.measure(pki, quick),
    }


def main(words):
    quick = "--quick" in words
    wanted = [word for word in words if word != "--quick"]
    if not bench.RUNBOOKD.exists() or not (bench.BUILD / "bench/bench_bare").exists():
        sys.exit(f"there is no release build in {bench.BUILD}: cmake --preset release && cmake --build --preset release")
    bench.allow_files()
    pki = authority.Pki()
    try:
        known = parts(pki, quick)
        for name in wanted or known:
            bench.say(f"{name} ...")
            table = known[name]()
            if table:
                print_table(*table)
    finally:
        pki.close()


main(sys.argv[1:])
