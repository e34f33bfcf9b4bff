"""One gateway with 100, 1,000 and all the chargers that it may hold: does a message cost the same?

The rate is the same in every stage and spread over all that are connected. The first stage is
repeated at the end, so that what drifted meanwhile (files grow, caches fill) is not taken for an
effect of the number: the base is the mean of the two.

In between all connections are reset at once, as when a network fails: the gateway's loop is asked
all the time, and its longest silence is shown.

All are 20,000, or what the limit of open files leaves: a socket each in the gateway.
"""

import resource
import statistics
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.node import PROBE_S, Node, running_node
from benchmarks.processes import cpu_s, memory

GATEWAY = "gw0"
FEW = 100
OTHER_DESCRIPTORS = 200
"""Of the gateway and of the generator: journal, links, logs, what starting takes."""


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and all windows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    everyone = effort.scale_chargers
    if hard != resource.RLIM_INFINITY:
        everyone = min(everyone, hard - OTHER_DESCRIPTORS)
    with running_node() as node, Generator(node.port) as generator:
        pid = node.pids()[GATEWAY]
        empty = memory(pid).rss
        generator.do("grow", to=FEW)
        generator.do("paced", per_s=effort.scale_per_s, seconds=effort.warm_up_s)
        stages = {"few": stage(node, generator, effort)}
        grown = {}
        for name, count in (("middle", effort.scale_middle), ("all", everyone)):
            grown = generator.do("grow", to=count)
            node.catch_up()
            stages[name] = stage(node, generator, effort)
        connected = grown["connected"] - sum(window["lost"] for window in stages["all"])
        time.sleep(effort.settle_s)
        full = memory(pid).rss
        idle_pct = idle(pid, effort)
        drop_s = drop(node, generator, effort)
        generator.do("grow", to=FEW)
        node.catch_up()
        stages["few again"] = stage(node, generator, effort)
    cost = {
        name: statistics.median(window["cpu_us"] for window in windows)
        for name, windows in stages.items()
    }
    base = (cost["few"] + cost["few again"]) / 2
    uneven = max(abs(cost[name] / base - 1) for name in ("middle", "all"))
    figures = {
        "chargers": connected,
        "cpu_us_100": base,
        "cpu_us_1000": cost["middle"],
        "cpu_us_all": cost["all"],
        "uneven_pct": 100 * uneven,
        "idle_pct": idle_pct,
        "drop_s": drop_s,
        "charger_kb": (full - empty) / everyone / 1e3,
    }
    return figures, {"stages": stages, "median_cpu_us": cost, "last_grow": grown}


def stage(node: Node, generator: Generator, effort: Effort) -> list[dict[str, float]]:
    return [paced_window(node, generator, effort) for _ in range(effort.scale_windows)]


def paced_window(node: Node, generator: Generator, effort: Effort) -> dict[str, float]:
    meter = node.meter()
    window = generator.do("paced", per_s=effort.scale_per_s, seconds=effort.scale_window_s)
    used, answered = meter.used_s(), window["answered"]
    return {
        "cpu_us": used[GATEWAY] / answered * 1e6,
        "generator_cpu_us": window["cpu_s"] / answered * 1e6,
        "answered": answered,
        "lost": window["lost"],
        "errors": window["errors"],
        "p50_ms": window["p50_ms"],
        "p99_ms": window["p99_ms"],
    }


def drop(node: Node, generator: Generator, effort: Effort) -> float:
    """Reset all connections at once; return the longest silence of the gateway, seconds.

    Silent for longer than the supervisor's patience it counts as hung, and is killed.
    """
    with node.watched(GATEWAY) as longest:
        time.sleep(2 * PROBE_S)
        generator.do("shrink", to=0)
        time.sleep(effort.drop_s)
    node.wait_until_up()
    return longest[0]


def idle(pid: int, effort: Effort) -> float:
    """Percent of a core that the gateway takes while nobody says anything."""
    spent, begun = cpu_s(pid), time.monotonic()
    time.sleep(effort.scale_window_s)
    return 100 * (cpu_s(pid) - spent) / (time.monotonic() - begun)
