"""The single parts that a message passes, each alone in one process: the suite's micro benchmarks.

CPU microseconds, least of several rounds: what else the machine does makes them longer, never
shorter. `benchmarks.micro` has a program for each part, with options and its own tables.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from actors.site.allocation import allocate
from actors.site.limits import limits_now
from actors.site.settings import Policy, SiteSettings
from benchmarks.effort import Effort
from benchmarks.goals import Figures
from benchmarks.macro.sites import BEGIN_US, large_site
from benchmarks.macro.warehouse import entries, write_journal
from benchmarks.micro.actors import OnAsyncioBase, Plain
from benchmarks.micro.gateway import stages
from domain.events import encode_entry
from storage.analytical.blocks import Window, to_arrow
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.journal_reader import Row

DAY_US = 86_400_000_000
BATCH = 2_000
ACTORS = 1_000
TELLS_EACH = 20
SAMPLES = 4


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return microseconds a message of each part, and milliseconds of an allocation by policy."""
    rounds = effort.part_rounds
    alone = stages()
    allocations = {policy.value: _allocation_ms(policy, rounds) for policy in Policy}
    figures = {
        "decode_us": alone["decode the frame"],
        "session_us": alone["session, with decode and answer"],
        "read_us": alone["read and check the payload"],
        "machine_us": alone["the actor's machine"],
        "entry_us": alone["encode the entry"],
        "mailbox_us": min(uvloop.run(_mailbox_us()) for _ in range(rounds)),
        "journal_us": min(_journal_us() for _ in range(rounds)),
        "batcher_us": _batcher_us(rounds),
    }
    return figures, {"stages": alone, "allocation_ms": allocations}


def _blobs() -> list[bytes]:
    return [encode_entry(one) for one in entries(BATCH, SAMPLES, 200, messages=True)]


async def _mailbox_us() -> float:
    """CPU of a message to an actor, told and handled, 1,000 of them ready at once."""
    engine = OnAsyncioBase(Plain)
    actors = await engine.create(ACTORS)
    begun = time.process_time_ns()
    await engine.tell(actors, TELLS_EACH)
    return (time.process_time_ns() - begun) / 1e3 / ACTORS / TELLS_EACH


def _journal_us() -> float:
    """CPU of both threads, a record: append, group, commit, fsync."""
    blobs = _blobs()
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as folder:
        return _cpu_us(lambda: write_journal(Path(folder) / "gw0.db", blobs)) / BATCH


def _batcher_us(rounds: int) -> float:
    """CPU of the warehouse's Python, an entry: decode, rows, Arrow."""
    rows = [Row(lsn, BEGIN_US, blob) for lsn, blob in enumerate(_blobs(), 1)]
    window = Window(400 * DAY_US, DAY_US)
    rows_max = WarehouseSettings().block_rows_max

    def run() -> None:
        for block in build(rows, {}, window, rows_max).blocks:
            to_arrow(block)

    run()  # the first time Arrow loads what it needs
    return min(_cpu_us(run) for _ in range(rounds)) / BATCH


def _allocation_ms(policy: Policy, rounds: int) -> float:
    tree, demands = large_site(500)
    settings = SiteSettings(policy=policy)
    limits = limits_now(tree, BEGIN_US, settings)
    run = lambda: allocate(tree, limits, demands, settings, BEGIN_US)  # noqa: E731
    return min(_cpu_us(run) for _ in range(3 * rounds)) / 1e3


def _cpu_us(run: Callable[[], object]) -> float:
    begun = time.process_time_ns()
    run()
    return (time.process_time_ns() - begun) / 1e3
