"""The projector: journal entries into the relational store, per second and in CPU.

    python -m benchmarks.micro.projector [--runs 3] [--postgresql] [--write]

`meter values` are entries as a gateway writes them: EnergyMeasured of 4 samples and the logged
message, from 500 chargers in a transaction. `transactions` are starts and stops by turns. The size
of a batch is what the ledger found in the journal since its last look. Medians of runs.
"""

import argparse
import asyncio
import json
import os
import pathlib
import platform
import random
import statistics
import tempfile
import time

import uvloop

from benchmarks.postgres import Cluster
from domain.events import (
    ChargerBooted,
    EnergyMeasured,
    Entry,
    Event,
    MessageExchanged,
    Sample,
    TransactionStarted,
    TransactionStopped,
    encode_entry,
)
from storage.journal_reader import Row
from storage.relational.engine import open_engine
from storage.relational.known import known
from storage.relational.migrations import upgrade
from storage.relational.projector import Projector

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "projector.json"
CHARGERS = 500
ENTRIES = 20_000
T0 = 1_767_225_600_000_000
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Voltage",
    "Current.Import",
)


class Maker:
    """Makes rows with growing lsns."""

    def __init__(self) -> None:
        self.lsn = 0

    def row(self, charger: int, *events: Event) -> Row:
        self.lsn += 1
        entry = Entry(f"C{charger}", 1, T0 + self.lsn, events)
        return Row(self.lsn, T0, encode_entry(entry))

    def starts(self) -> list[Row]:
        return [
            self.row(n, ChargerBooted("V", "M"), TransactionStarted(n + 1, 1, "T", 0, T0, "t"))
            for n in range(CHARGERS)
        ]

    def meter_values(self, count: int) -> list[Row]:
        chance = random.Random(1)
        rows = []
        for _ in range(count):
            charger = chance.randrange(CHARGERS)
            samples = tuple(Sample(T0 + self.lsn, name, 1234.5, "Wh") for name in MEASURANDS)
            message = MessageExchanged(
                incoming=True,
                uid="u" * 36,
                action="MeterValues",
                request="x" * 500,
                response="{}",
                outcome="result",
            )
            rows.append(self.row(charger, EnergyMeasured(1, charger + 1, samples), message))
        return rows

    def transactions(self, count: int) -> list[Row]:
        rows = []
        for n in range(count // 2):
            number, at_us = 10_000 + n, T0 + n
            start = TransactionStarted(number, 1, f"T{n % 300}", 0, at_us, f"t{n}")
            stop = TransactionStopped(number, number, 500, at_us + 1, f"s{n}")
            rows += [self.row(n % CHARGERS, start), self.row(n % CHARGERS, stop)]
        return rows


async def measure(url: str) -> dict[str, dict[str, float]]:
    await upgrade(url)
    engine = open_engine(url)
    projector = Projector(engine, lambda: T0)
    maker = Maker()
    await projector.apply("j", maker.starts())
    result = {}
    for name, rows, size in (
        ("meter values, batches of 1000", maker.meter_values(ENTRIES), 1_000),
        ("meter values, batches of 280", maker.meter_values(ENTRIES // 2), 280),
        ("meter values, batches of 20", maker.meter_values(ENTRIES // 10), 20),
        ("transactions, batches of 1000", maker.transactions(ENTRIES // 4), 1_000),
    ):
        began, cpu = time.perf_counter(), time.process_time()
        for at in range(0, len(rows), size):
            await projector.apply("j", rows[at : at + size])
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        result[name] = {
            "entries_per_s": len(rows) / took_s,
            "cpu_us_per_entry": cpu_s / len(rows) * 1e6,
        }
    began = time.perf_counter()
    await known(engine, [f"C{n}" for n in range(CHARGERS)])
    result["activation"] = {"ms_for_500_chargers": (time.perf_counter() - began) * 1e3}
    await engine.dispose()
    return result


def medians(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            key: round(statistics.median(run[name][key] for run in runs), 1)
            for key in runs[0][name]
        }
        for name in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, object] = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average_before": round(os.getloadavg()[0], 1),
    }
    runs = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            runs.append(uvloop.run(measure(f"sqlite:///{folder}/csms.db")))
    result["sqlite"] = medians(runs)
    if arguments.postgresql:
        cluster = Cluster()
        try:
            runs = [asyncio.run(measure(cluster.fresh())) for _ in range(arguments.runs)]
        finally:
            cluster.remove()
        result["postgresql (client's CPU only)"] = medians(runs)
    print(json.dumps(result, indent=2))
    if arguments.write:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
