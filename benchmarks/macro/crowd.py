"""As many chargers as the machine holds: 100,000 in several gateways, doing what chargers do.

All send a heartbeat every 300 s, every fifth charges and sends MeterValues of 4 samples every 60 s.
A process may open 20,000 files here, so there are several gateways and several generators; which
gateway gets a charger is the kernel's choice (one shared listening socket).
"""

import resource
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator, together
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from benchmarks.processes import memory

HEARTBEAT_S = 300.0
SAMPLE_S = 60.0
EVERY = 5
EACH_MAX = 18_000
"""Chargers of one generator."""
GATEWAY_SHARE = 15_000
"""Chargers of one gateway, on average; there is room for what the kernel deals out unevenly."""
GROW_S_MAX = 600.0
AT_ONCE = 32


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and what each stage said."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = EACH_MAX if hard == resource.RLIM_INFINITY else min(EACH_MAX, hard - 500)
    everyone = effort.crowd_chargers
    shares = [min(each, everyone - at) for at in range(0, everyone, each)]
    gateways = max(2, -(-everyone // min(GATEWAY_SHARE, each)))
    with running_node(gateways) as node:
        generators = [
            Generator(
                node.port,
                prefix=f"CROWD{n}",
                sources=(f"127.0.1.{2 * n + 1}", f"127.0.1.{2 * n + 2}"),
            )
            for n in range(len(shares))
        ]
        try:
            return _measured(node, generators, shares, effort)
        finally:
            for generator in generators:
                generator.close()


def _measured(
    node: Node, generators: list[Generator], shares: list[int], effort: Effort
) -> tuple[Figures, dict[str, Any]]:
    everyone = sum(shares)
    empty = node.pss()
    begun_s = time.monotonic()
    grown = together(
        *(
            lambda generator=generator, share=share: generator.do(  # type: ignore[misc]
                "grow", GROW_S_MAX, to=share, at_once=AT_ONCE
            )
            for generator, share in zip(generators, shares, strict=True)
        )
    )
    grown_s = time.monotonic() - begun_s
    node.catch_up()
    time.sleep(effort.settle_s)
    full = node.pss()
    gateways_mb = sum(memory(node.pids()[name]).pss for name in node.gateways()) / 1e6
    meter = node.meter()
    begun_s = time.monotonic()
    windows = together(
        *(
            lambda generator=generator: generator.do(  # type: ignore[misc]
                "alive",
                effort.crowd_s * 3 + 60,
                seconds=effort.crowd_s,
                heartbeat_s=HEARTBEAT_S,
                sample_s=SAMPLE_S,
                every=EVERY,
            )
            for generator in generators
        )
    )
    wall_s = time.monotonic() - begun_s
    used = meter.used_s()
    connected = sum(window["connected"] for window in windows)
    gateway_s = sum(spent for name, spent in used.items() if name.startswith("gw"))
    node_s = sum(used.values())
    answered = sum(window["answered"] for window in windows)
    worst = {key: max(window[key] for window in windows) for key in ("p50_ms", "p99_ms", "p999_ms")}
    figures = {
        "chargers": connected,
        "gateways": len(node.gateways()),
        "connects_per_s": everyone / grown_s,
        "messages_per_s": answered / wall_s,
        "lost": sum(window["lost"] + window["errors"] for window in windows),
        "late_p99_ms": max(window["late_p99_ms"] for window in windows),
        "gateway_cpu_pct": 100 * gateway_s / wall_s,
        "cpu_pct": 100 * node_s / wall_s,
        "cpu_pct_1000": 100 * node_s / wall_s / everyone * 1e3,
        "mb_1000": (full - empty) / 1e6 / everyone * 1e3,
        "gateways_mb": gateways_mb,
        "generator_cpu_pct": 100 * sum(window["cpu_s"] for window in windows) / wall_s,
        **worst,
    }
    return figures, {"grown": grown, "windows": windows, "used_s": used, "wall_s": wall_s}
