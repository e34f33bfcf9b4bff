"""The journal: acknowledged records per second, waiting, CPU a record.

    python -m benchmarks.micro.journal [--seconds 4] [--runs 3] [--write]

Every producer waits for the commit of its record before it makes the next, as chargers do. A record
has 194 bytes. `busy` producers also spend 40 us of Python in the loop thread for each
acknowledgement, as a gateway does: the writer thread then fights for the interpreter. Shown are
medians of runs; --write stores them in benchmarks/results/journal.json.
"""

import argparse
import asyncio
import json
import os
import pathlib
import platform
import sqlite3
import statistics
import tempfile
import time

import uvloop

from storage.journal import JournalSettings, JournalWriter, deliver_in
from storage.journal_reader import JournalReader

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "journal.json"
BLOB = os.urandom(194)
BUSY_NS = 40_000
SCENARIOS = (("idle loop", 1, False), ("idle loop", 200, False), ("idle loop", 2_000, False),
             ("busy loop", 200, True), ("busy loop", 2_000, True))  # fmt: skip


async def produce(producers: int, *, busy: bool, seconds: float, folder: str) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    writer = JournalWriter(
        f"{folder}/gw0.db", JournalSettings(readers=("one",)), deliver_in(loop), print
    )
    waits: list[int] = []
    end_ns = time.perf_counter_ns() + int(seconds * 1e9)
    running = producers
    finished = loop.create_future()
    clock = time.perf_counter_ns

    def again() -> None:
        nonlocal running
        if clock() >= end_ns:
            running -= 1
            if running == 0:
                finished.set_result(None)
            return
        asked = clock()

        def done() -> None:
            waits.append(clock() - asked)
            if busy:
                until = clock() + BUSY_NS
                while clock() < until:
                    pass
            loop.call_soon(again)

        writer.append(BLOB, done)

    began, cpu = clock(), time.process_time()
    for _ in range(producers):
        loop.call_soon(again)
    await finished
    took_s, cpu_s = (clock() - began) / 1e9, time.process_time() - cpu
    stats = writer.stats
    writer.close()
    waits.sort()
    return {
        "records_per_s": len(waits) / took_s,
        "ack_p50_ms": waits[len(waits) // 2] / 1e6,
        "ack_p99_ms": waits[len(waits) * 99 // 100] / 1e6,
        "cpu_us_per_record": cpu_s / len(waits) * 1e6,
        "records_per_group": stats.records / stats.groups,
    }


async def appends(folder: str) -> dict[str, float]:
    """What `append` costs its caller, and reading and pruning cost theirs."""
    loop = asyncio.get_running_loop()
    settings = JournalSettings(readers=("one",), queue_records_max=1_000_000)
    writer = JournalWriter(f"{folder}/gw0.db", settings, deliver_in(loop), print)
    count = 100_000
    begun = time.thread_time_ns()
    for _ in range(count):
        writer.append(BLOB)
    append_us = (time.thread_time_ns() - begun) / count / 1e3
    while writer.last_lsn < count:
        await asyncio.sleep(0.01)
    reader = JournalReader(f"{folder}/gw0.db")
    begun, after, read = time.perf_counter_ns(), 0, 0
    while rows := reader.read(after, 4_000):
        after = rows[-1].lsn
        read += len(rows)
    read_us = (time.perf_counter_ns() - begun) / read / 1e3
    reader.close()
    begun = time.perf_counter_ns()
    writer.passed("one", count)
    while writer.pruned_to < count:
        await asyncio.sleep(0.001)
    prune_us = (time.perf_counter_ns() - begun) / count / 1e3
    writer.close()
    return {"append_us": append_us, "read_us": read_us, "prune_us": prune_us}


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, object] = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}",
        "load_average_before": round(os.getloadavg()[0], 1),
    }
    runs = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            runs.append(uvloop.run(appends(folder)))
    result["calls"] = median(runs)
    print("calls", result["calls"])
    for name, producers, busy in SCENARIOS:
        runs = []
        for _ in range(arguments.runs):
            with tempfile.TemporaryDirectory(dir=".") as folder:
                runs.append(
                    uvloop.run(
                        produce(producers, busy=busy, seconds=arguments.seconds, folder=folder)
                    )
                )
        result[f"{name}, {producers} producers"] = median(runs)
        print(f"{name}, {producers} producers", median(runs))
    if arguments.write:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
