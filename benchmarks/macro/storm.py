"""A reconnect storm: 20,000 chargers lose their connections at once, as when a network fails.

They dial again within some seconds, without any back-off, boot and send one MeterValues: served is
who got its answer. Meanwhile others, who kept their connections, send as before: what do they wait?
Two gateways, since a process may open 20,000 files here and needs some for itself.
"""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator, together
from benchmarks.goals import Figures
from benchmarks.node import running_node

LIVE_CHARGERS = 200
LIVE_PER_S = 200.0
GENERATORS = 2
GATEWAYS = 2
WITHIN_S = 1.0
GROW_S_MAX = 300.0


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures, and how it went for each generator."""
    each = effort.storm_returning // GENERATORS
    with (
        running_node(GATEWAYS) as node,
        Generator(node.port, prefix="LIVE") as live,
        Generator(node.port, prefix="STORM0", sources=("127.0.2.1", "127.0.2.2")) as first,
        Generator(node.port, prefix="STORM1", sources=("127.0.2.3", "127.0.2.4")) as second,
    ):
        storms = (first, second)
        live.do("grow", to=LIVE_CHARGERS)
        together(*(command_of(storm, "grow", GROW_S_MAX, to=each, at_once=64) for storm in storms))
        node.catch_up()
        before = live.do("paced", per_s=LIVE_PER_S, seconds=effort.storm_live_s / 2)
        for storm in storms:
            storm.do("returning", within_s=WITHIN_S)
        meter = node.meter()
        began_s = time.monotonic()
        *served, during = together(
            *(command_of(storm, "storm", since_s=began_s, patience_s=120.0) for storm in storms),
            command_of(live, "paced", per_s=LIVE_PER_S, seconds=effort.storm_live_s),
        )
        used = meter.living().used_s()
        node.wait_until_up()
        ended = sorted(node.pids().keys() - used.keys())
    figures = {
        "chargers": each * GENERATORS,
        "served_s": max(round_["last_s"] for round_ in served),
        "half_s": max(round_["median_s"] for round_ in served),
        "live_p99_ms": during["p99_ms"],
        "live_max_ms": during["max_ms"],
        "calm_p99_ms": before["p99_ms"],
        "lost": during["lost"],
        "restarted": len(ended),
        "cpu_us": sum(used.values()) / (each * GENERATORS) * 1e6,
    }
    return figures, {
        "before": before,
        "during": during,
        "served": served,
        "used_s": used,
        "restarted": ended,
    }


def command_of(
    generator: Generator, command: str, timeout_s: float = 180.0, **details: object
) -> Callable[[], Any]:
    """Return the command, to be run together with others."""
    return lambda: generator.do(command, timeout_s, **details)
