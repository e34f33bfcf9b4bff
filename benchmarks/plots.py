"""Plots of the recorded results, as SVG and PNG, in docs/images/benchmarks.

    python -m benchmarks --plots

A plot is drawn when the results that it shows are recorded. The same results give the same files.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import Result, read

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "benchmarks"
OURS, THEIRS, GREY = "#0b6e4f", "#c8553d", "#5f6b7a"
SIZE_IN = (7.0, 3.6)
STYLE = {
    "svg.hashsalt": "csms",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
Results: TypeAlias = Mapping[str, Result]
Draw: TypeAlias = Callable[[Axes, Results], bool]
"""Draws into the axes; returns whether there was something to draw."""


def cost(axes: Axes, results: Results) -> bool:
    """CPU of a MeterValues: ours durable, the others keep nothing."""
    peer = results.get("peer")
    if peer is None:
        return False
    rows = [
        (label, peer.figures[key], color)
        for label, key, color in (
            ("csms, durable", "cpu_us", OURS),
            ("ocpp-rpc (npm), keeps nothing", "rpc_cpu_us", THEIRS),
            ("ocpp (PyPI), keeps nothing", "peer_cpu_us", THEIRS),
        )
        if key in peer.figures
    ]
    _bars(axes, rows, "µs")
    axes.set_xlabel("CPU of the serving process per MeterValues of 4 samples, µs")
    return True


def flat(axes: Axes, results: Results) -> bool:
    """CPU of a paced message by the number of connected chargers."""
    scale = results.get("scale")
    if scale is None:
        return False
    counts = (100, 1_000, round(scale.figures["chargers"]))
    values = [scale.figures[key] for key in ("cpu_us_100", "cpu_us_1000", "cpu_us_all")]
    axes.plot(counts, values, marker="o", color=OURS)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(0, 1.3 * max(values))
    axes.set_xlabel("chargers connected to one gateway")
    axes.set_ylabel("CPU per message, µs")
    return True


def waiting(axes: Axes, results: Results) -> bool:
    """How long 99 of 100 answers took at most, in peace and otherwise."""
    rows = [
        (label, results[name].figures[key], color)
        for label, name, key, color in (
            ("1,000 messages/s", "gateway", "p99_ms", OURS),
            ("100,000 chargers", "crowd", "p99_ms", OURS),
            ("beside a flood", "neighbours", "flood_p99_ms", GREY),
            ("beside 10,000 half-open handshakes", "neighbours", "half_open_p99_ms", GREY),
            ("PostgreSQL away", "outages", "postgresql_p99_ms", GREY),
            ("ClickHouse away", "outages", "clickhouse_p99_ms", GREY),
            ("reconnect storm, those who stayed", "storm", "live_p99_ms", THEIRS),
        )
        if name in results and key in results[name].figures
    ]
    if not rows:
        return False
    _bars(axes, rows, "ms")
    axes.set_xscale("log")
    axes.set_xlabel("99 % of answers within, ms (logarithmic)")
    return True


def memory(axes: Axes, results: Results) -> bool:
    """Memory of the processes over a soak."""
    soak = results.get("soak")
    if soak is None:
        return False
    readings = soak.details["readings"]
    times = [reading["s"] for reading in readings]
    names = [name for name in readings[0] if name not in {"s", "p99_ms", "node"}]
    for name in names:
        axes.plot(times, [reading.get(name) for reading in readings], label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds at 1,000 messages/s, a tenth of the chargers replaced all the time")
    axes.set_ylabel("memory (PSS), MB")
    axes.legend(frameon=False, ncols=3, fontsize=7)
    return True


PLOTS: Mapping[str, Draw] = {"cost": cost, "flat": flat, "waiting": waiting, "memory": memory}


def draw(names: Mapping[str, Any], folder: Path = FOLDER) -> list[Path]:
    """Draw what can be drawn of the recorded results `names`; return the files."""
    results = {name: result for name in names if (result := read(name))}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE):
        for name, plot in PLOTS.items():
            figure = Figure(figsize=SIZE_IN, layout="constrained")
            if not plot(figure.subplots(), results):
                continue
            for suffix, more in (("svg", {"Date": None}), ("png", {"Software": None})):
                path = folder / f"{name}.{suffix}"
                figure.savefig(path, metadata=more, dpi=144)
                written.append(path)
    return written


def _bars(axes: Axes, rows: list[tuple[str, float, str]], unit: str) -> None:
    labels, values, colors = zip(*reversed(rows), strict=True)
    bars = axes.barh(labels, values, color=colors)
    axes.bar_label(bars, [f" {value:,.3g} {unit}" for value in values])
    axes.set_xlim(right=1.25 * max(values))
