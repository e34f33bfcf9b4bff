"""A node under a steady load with chargers that come and go: does its memory grow?

1,000 messages a second over 500 chargers, of which a tenth is replaced all the time. Every
process's memory is read at even steps. What grows while the first caches fill is not counted: the
growth is from the second third of the run to its last, by the means of both, so that one garbage
collection decides nothing.

    python -m benchmarks.macro.soak --minutes 60      for as long as you like; prints a line a step
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.effort import FULL, Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from benchmarks.processes import memory

CHARGERS = 500
REPLACED = 50
PER_S = 1_000.0
STEPS_MIN = 9


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the growth and all readings."""
    return soak(effort.soak_s, effort.soak_step_s)


def soak(seconds: float, step_s: float, *, say: bool = False) -> tuple[Figures, dict[str, Any]]:
    """Run for so long, reading the memory after each step."""
    readings: list[dict[str, float]] = []
    lost = 0
    with running_node() as node, Generator(node.port, prefix="SOAK") as generator:
        generator.do("grow", to=CHARGERS)
        begun_s = time.monotonic()
        answered = 0
        while time.monotonic() - begun_s < seconds or len(readings) < STEPS_MIN:
            window = generator.do("paced", per_s=PER_S, seconds=step_s)
            answered += window["answered"]
            lost += window["lost"] + window["errors"]
            generator.do("shrink", to=CHARGERS - REPLACED)
            generator.do("grow", to=CHARGERS)
            reading = {"s": time.monotonic() - begun_s, "p99_ms": window["p99_ms"]} | memories(node)
            readings.append(reading)
            if say:
                print({key: round(value, 1) for key, value in reading.items()}, flush=True)
        node.catch_up()
    growth = grown(readings)
    figures = {
        "soak_s": readings[-1]["s"],
        "answered": float(answered),
        "lost": float(lost),
        "gateway_growth_pct": growth["gw0"],
        "node_growth_pct": growth["node"],
        "node_mb": readings[-1]["node"],
    }
    return figures, {"readings": readings, "growth_pct": growth}


def memories(node: Node) -> dict[str, float]:
    """Proportional MB of each process, and of all."""
    found = {name: memory(pid).pss / 1e6 for name, pid in node.pids().items()}
    return found | {"node": sum(found.values())}


def grown(readings: list[dict[str, float]]) -> Mapping[str, float]:
    """Percent by which each process's last third is above its second."""
    third = len(readings) // 3
    second, last = readings[third : 2 * third], readings[-third:]
    names = [name for name in readings[-1] if name not in {"s", "p99_ms"}]
    return {
        name: 100 * (_mean(last, name) / _mean(second, name) - 1)
        for name in names
        if all(name in reading for reading in readings)
    }


def _mean(readings: list[dict[str, float]], name: str) -> float:
    return statistics.mean(reading[name] for reading in readings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    figures, _ = soak(60 * options.minutes, FULL.soak_step_s, say=True)
    print(figures)


if __name__ == "__main__":
    main()
