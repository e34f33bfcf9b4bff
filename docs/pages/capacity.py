"""capacity.md: what a node carries, from the recorded results of the benchmarks."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.goals import rows_of
from benchmarks.report import Result, read

SHOWN = (
    ("crowd", ("chargers", "gateways", "messages_per_s", "lost", "p50_ms", "p99_ms", "p999_ms")),
    ("crowd", ("cpu_pct_1000", "mb_1000", "connects_per_s")),
    ("scale", ("chargers", "charger_kb", "idle_pct", "uneven_pct")),
    ("gateway", ("per_s", "cpu_us", "node_cpu_us", "p50_ms", "p99_ms", "p999_ms")),
    ("gateway", ("connects_per_s", "connect_cpu_us")),
    ("storm", ("chargers", "served_s", "live_p99_ms")),
    ("neighbours", ("flood_times", "half_open_times")),
    ("outages", ("postgresql_p99_ms", "postgresql_lost", "clickhouse_p99_ms", "clickhouse_lost")),
    ("recovery", ("killed_s", "hung_s")),
    ("warehouse", ("samples_per_s", "sample_bytes")),
    ("soak", ("soak_s", "gateway_growth_pct", "node_growth_pct")),
)
"""Benchmark -> figures, in the order of the page."""

IMAGES = Path(__file__).parents[1] / "images" / "benchmarks"
PLOTS = {
    "cost": "CPU of a MeterValues, beside other central systems",
    "flat": "CPU of a message by the number of chargers",
    "waiting": "Waiting for an answer, in peace and in trouble",
    "memory": "Memory over time",
}

HEAD = """<!-- generated: python -m docs.generate -->
# Capacity

How many chargers a node serves, what a message and a charger cost, how long an answer takes, and
what comes first to its end. All figures are from the recorded results in `benchmarks/results`.
"""

HOW = """
## How it was measured

A whole node as its operator starts it, journals durable, nothing tuned; the chargers are processes
on the same machine and take their share of it. Each MeterValues has 4 samples, is checked against
the schema, passes the charger's actor, and is answered after the commit. Medians of several
windows. [performance.md](performance.md) says for each figure how.

## Repeat it on your hardware

    git clone <this repository> && cd csms
    make tools                       # PostgreSQL and Node.js, for the peers and outages
    ulimit -n 20000                  # or more: a charger is an open file in its gateway
    make bench                       # all, compared with the figures of this page
    make bench ARGS="crowd storm"    # some of it
    make bench ARGS=--record         # keep the results; writes this page and its plots

Let the machine do nothing else: look at the load at the start, which every result holds.

## What limits it

- **Open files.** A charger is one in its gateway: the hard limit of the process (`ulimit -Hn`)
  decides how many chargers a gateway has, so more gateways hold more chargers.
- **Cores.** A gateway is one thread but for its journal, so a node uses as many cores as it has
  gateways, and two more for the ledger and the warehouse. They share nothing but the disk.
- **The disk's flush.** An answer waits for one. Many share it, so it costs waiting, not rate.
- **Memory** is seldom the limit: see the table.
"""


def page() -> str:
    """Return the page."""
    results = {name: result for name in dict(SHOWN) if (result := read(name))}
    parts = [HEAD, *_table(results), *_rule(results), HOW, *_plots()]
    return "\n".join(parts).rstrip() + "\n"


def _table(results: Mapping[str, Result]) -> Iterator[str]:
    yield "| what | measured | goal |\n|---|---:|---:|"
    for name, keys in SHOWN:
        result = results.get(name)
        rows = {row.key: row for row in rows_of(name)}
        for key in keys:
            if result is not None and key in result.figures:
                row, value = rows[key], result.figures[key]
                yield f"| {row.label} | {row.shown(value)} | {row.goal} |"
    yield ""
    yield from sorted({_place(result) for result in results.values()})
    missing = [name for name in dict(SHOWN) if name not in results]
    if missing:
        yield f"\nNot recorded yet: {', '.join(missing)}."


def _place(result: Result) -> str:
    machine = result.machine
    return (
        f"Taken on {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']:g} GiB, "
        f"{machine['filesystem']}, Python {machine['python']}, {result.date[:10]}."
    )


def _rule(results: Mapping[str, Result]) -> Iterator[str]:
    """What follows for a fleet, from the CPU of a message."""
    gateway = results.get("gateway")
    if gateway is None:
        return
    all_us = gateway.figures["cpu_us"] + gateway.figures["node_cpu_us"]
    yield f"""
## How much for a fleet

A message costs {all_us:,.0f} µs of CPU in all processes together at full load, more when few
share a commit. Chargers that send one a minute while they charge, a fifth of them at any time, and
a heartbeat every five minutes make about 7 messages a second for 1,000 chargers. Plan with half of
what was measured: the other half is for storms and for analysts."""


def _plots() -> Iterator[str]:
    for name, title in PLOTS.items():
        if (IMAGES / f"{name}.svg").exists():
            yield f"\n## {title}\n\n![{title}](images/benchmarks/{name}.svg)"
