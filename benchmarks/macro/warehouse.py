"""Journal -> ClickHouse: samples a second, CPU a sample, bytes a sample on disk.

    python -m benchmarks.macro.warehouse [--entries 100000] [--samples 9] [--messages] [--json]

The journal is written first, by the real writer; then one follower puts it into an embedded engine
in a temporary folder, and after a merge the size on disk is taken. Stops by itself.

As a benchmark of the suite it runs so in a process of its own (the engine is one to a process),
once with the samples alone and once with the log of messages beside them.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from actors.warehouse.follower import Follower
from benchmarks.effort import Effort
from benchmarks.goals import Figures
from domain.events import EnergyMeasured, Entry, MessageExchanged, Sample, encode_entry
from storage.analytical.blocks import Window, to_arrow
from storage.analytical.builder import DAY_US
from storage.analytical.client import open_client
from storage.analytical.migrate import migrate
from storage.analytical.planner import PlanStore
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from storage.journal import Done, JournalSettings, JournalWriter
from storage.journal_reader import JournalReader
from supervisor.clock import Clock

MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh", ""),
    ("Power.Active.Import", "W", ""),
    ("Current.Import", "A", "L1"),
    ("Current.Import", "A", "L2"),
    ("Current.Import", "A", "L3"),
    ("Voltage", "V", "L1"),
    ("Voltage", "V", "L2"),
    ("Voltage", "V", "L3"),
    ("SoC", "Percent", ""),
)
PERIOD_US = 60_000_000
ROOT = Path(__file__).parents[2]
RUN_S_MAX = 150.0


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures of both runs and what each said."""
    figures = alone = run_apart(effort.warehouse_entries)
    details = {"alone": alone}
    if effort.warehouse_log:
        details["with messages"] = run_apart(effort.warehouse_entries, "--messages")
        figures = alone | {"logged_samples_per_s": details["with messages"]["samples_per_s"]}
    return figures, details


def run_apart(entries_count: int, *more: str) -> Figures:
    """Run this file in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.macro.warehouse", "--json", *more]
    done = subprocess.run(
        [*command, "--entries", str(entries_count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=RUN_S_MAX,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def entries(count: int, samples: int, chargers: int, *, messages: bool) -> Iterator[Entry]:
    """Meter values as chargers send them: every charger once a minute, a curve with noise."""
    chance = random.Random(1)
    begin = Clock().now_us() - (count // chargers + 1) * PERIOD_US
    registers = [chance.randrange(1_000_000) for _ in range(chargers)]
    powers = [chance.choice((3_700.0, 7_400.0, 11_000.0, 22_000.0)) for _ in range(chargers)]
    for n in range(count):
        charger = n % chargers
        at_us = begin + n // chargers * PERIOD_US + charger * 1_000
        power = round(powers[charger] * chance.uniform(0.97, 1.0), 1)
        registers[charger] += round(power / 60)
        values = {
            "Energy.Active.Import.Register": float(registers[charger]),
            "Power.Active.Import": power,
            "Current.Import": round(power / 690, 1),
            "Voltage": round(chance.uniform(228, 233), 1),
            "SoC": float(n // chargers % 100),
        }
        made = tuple(
            Sample(at_us, measurand, values[measurand], unit, phase)
            for measurand, unit, phase in MEASURANDS[:samples]
        )
        name = f"charger-{charger:05d}"
        events: tuple[EnergyMeasured | MessageExchanged, ...] = (
            EnergyMeasured(1, charger + 1, made),
        )
        if messages:
            request = json.dumps(
                {
                    "connectorId": 1,
                    "transactionId": charger + 1,
                    "meterValue": [
                        {
                            "timestamp": str(at_us),
                            "sampledValue": [
                                {"measurand": s.measurand, "value": str(s.value), "unit": s.unit}
                                for s in made
                            ],
                        }
                    ],
                }
            )
            events += (
                MessageExchanged(
                    incoming=True,
                    uid=f"{n:x}",
                    action="MeterValues",
                    request=request,
                    response="{}",
                    outcome="result",
                    latency_us=900,
                ),
            )
        yield Entry(name, 1, at_us + 200_000, events)


def write_journal(path: Path, blobs: Sequence[bytes]) -> None:
    def deliver(dones: Sequence[Done]) -> None:
        for done in dones:
            done()

    writer = JournalWriter(
        path,
        JournalSettings(queue_records_max=1 << 30, queue_bytes_max=1 << 40),
        deliver,
        lambda error: print("journal failed:", error),
    )
    committed = threading.Event()
    for blob in blobs[:-1]:
        writer.append(blob)
    writer.append(blobs[-1], committed.set)
    committed.wait()
    writer.close()


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def encode_cost(path: Path, samples: int) -> None:
    """Decode, rows and Arrow alone, in this thread."""
    reader = JournalReader(path)
    rows = reader.read(0, 10_000, 1 << 30)
    reader.close()
    began, used = time.perf_counter(), time.thread_time()
    built = build(rows, {}, Window(400 * DAY_US, DAY_US), 100_000)
    halfway = time.thread_time()
    for block in built.blocks:
        to_arrow(block)
    count = len(rows) * samples
    print(
        f"encode: {1e6 * (halfway - used) / count:.2f} us rows + "
        f"{1e6 * (time.thread_time() - halfway) / count:.2f} us Arrow a sample, "
        f"{count / (time.perf_counter() - began):,.0f} samples/s alone"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--chargers", type=int, default=2_000)
    parser.add_argument("--block", type=int, help="entries of a block; default: the product's")
    parser.add_argument("--messages", action="store_true", help="a message log entry each, too")
    parser.add_argument("--json", action="store_true", help="the figures once more, as JSON")
    args = parser.parse_args()
    settings = WarehouseSettings(**({"block_entries_max": args.block} if args.block else {}))
    with tempfile.TemporaryDirectory(prefix="warehouse") as name:
        folder = Path(name)
        (folder / "journal").mkdir()
        blobs = [
            encode_entry(entry)
            for entry in entries(args.entries, args.samples, args.chargers, messages=args.messages)
        ]
        write_journal(folder / "journal" / "gw0.db", blobs)
        encode_cost(folder / "journal" / "gw0.db", args.samples)
        dsn = f"chdb://{folder}/chdb"
        client = open_client(dsn, settings)
        migrate(client, settings)
        follower = Follower(
            folder / "journal",
            PlanStore(folder / "plan.db", 1_000),
            lambda: Sink(open_client(dsn, settings), settings),
            settings,
            Clock(),
        )
        follower.learn_places(
            {f"charger-{n:05d}": ("default", f"site-{n // 20}") for n in range(args.chargers)},
            complete=True,
        )
        follower.open()
        count = args.entries * args.samples
        began, used = time.perf_counter(), cpu_s()
        while follower.step(hurry=True).moved:
            pass
        spent, used = time.perf_counter() - began, cpu_s() - used
        print(
            f"{count:,} samples in {spent:.2f} s: {count / spent:,.0f} samples/s, "
            f"{1e6 * used / count:.2f} us CPU a sample (merges included), "
            f"{follower.counters.blocks} blocks"
        )
        figures = {"samples_per_s": count / spent, "sample_cpu_us": 1e6 * used / count}
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
        for final in ("before merges", "after OPTIMIZE FINAL"):
            for table, rows, size in client.query(
                "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active "
                f"AND database = '{settings.database}' GROUP BY table HAVING sum(rows) > 1000 "
                "ORDER BY table"
            ).result_rows:
                print(f"{final}: {table} {rows:,} rows, {size / rows:.2f} bytes a row")
                figures[f"{table.removesuffix('s')}_bytes"] = size / rows
            client.command(f"OPTIMIZE TABLE {settings.database}.samples FINAL")
            client.command(f"OPTIMIZE TABLE {settings.database}.samples_hourly FINAL")
        follower.close()
        client.close()
    if args.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
