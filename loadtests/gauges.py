"""What the chargers are doing, second by second, and what the generator itself costs."""

import resource
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

SECONDS_MAX = 86_400
"""Rows kept; a longer run keeps the latest."""


@dataclass
class Gauge:
    """One second of one process, or of all of them."""

    users: int = 0
    connected: int = 0
    booted: int = 0
    charging: int = 0
    faults: int = 0
    """Injected so far."""
    waiting: int = 0
    """Messages of transactions that chargers keep."""
    cpu: float = 0.0
    """Cores that the generator used."""
    rss_mb: float = 0.0
    base_mb: float = 0.0
    """Of rss_mb, what was there before the first charger."""
    lag_ms: float = 0.0
    """How much later than asked a greenlet woke: so much of every latency is the generator's own.
    Of several processes the greatest."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def total(gauges: Iterable[Gauge]) -> Gauge:
    """Return several processes as one."""
    result = Gauge()
    for gauge in gauges:
        for row in fields(Gauge):
            mine, theirs = getattr(result, row.name), getattr(gauge, row.name)
            value = max(mine, theirs) if row.name == "lag_ms" else mine + theirs
            setattr(result, row.name, round(value, 3))
    return result


class Cost:
    """CPU and memory of this process."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()

    def cores(self) -> float:
        """Return how many cores were used since the last time."""
        cpu_s, wall_s = time.process_time(), time.monotonic()
        cores = (cpu_s - self._cpu_s) / max(0.001, wall_s - self._wall_s)
        self._cpu_s, self._wall_s = cpu_s, wall_s
        return round(cores, 3)


def rss_mb() -> float:
    """Return the resident memory of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


@dataclass
class Timeline:
    """The latest gauge of every process, and the sums by second since the start."""

    latest: dict[str, Gauge] = field(default_factory=dict)
    rows: list[tuple[float, Gauge]] = field(default_factory=list)

    def tick(self, at_s: float) -> None:
        """Close a second."""
        self.rows.append((round(at_s, 1), total(self.latest.values())))
        del self.rows[:-SECONDS_MAX]

    def most(self, name: str) -> float:
        """Return the greatest value of a column."""
        return max((getattr(gauge, name) for _, gauge in self.rows), default=0)

    def csv(self) -> str:
        """Return all rows as CSV with a header."""
        names = [row.name for row in fields(Gauge)]
        lines = [",".join(("second", *names))]
        for at_s, gauge in self.rows:
            lines.append(",".join(str(value) for value in (at_s, *asdict(gauge).values())))
        return "\n".join(lines) + "\n"
