"""One gateway of a whole node: what a message, a connect and a charger cost.

Everything of the node runs (ledger, warehouse, REST interface), the generator is one more process
on the same machine. Answers come after the commit of the journal, so they are durable.

    connects    chargers nobody knows (enrolled as they come), all gone, and the same once more
    memory      growth of the gateway's resident memory by connected chargers, in the first connect
    closed      200 chargers, each sends the next MeterValues when the last is answered: windows
    paced       1,000 MeterValues a second, whatever comes back: waiting from CALL to answer
    versions    closed again, by turns with 200 chargers of 2.0.1 whose TransactionEvents have the
                same samples
"""

import statistics
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from benchmarks.processes import memory

GATEWAY = "gw0"
CLOSED_CHARGERS = 200
PACED_PER_S = 1_000
MESSAGES_EACH = 10
MESSAGES_PER_S = 2_000


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and all windows."""
    with running_node() as node, Generator(node.port) as generator:
        node_mb = node.pss() / 1e6
        figures, details = connects(node, generator, effort)
        generator.do("shrink", to=0)
        generator.do("grow", to=CLOSED_CHARGERS)
        node.catch_up()
        generator.do("closed", seconds=effort.warm_up_s)
        windows = [closed_window(node, generator, effort) for _ in range(effort.windows)]
        catch_up_s = node.catch_up()
        paced = generator.do("paced", per_s=PACED_PER_S, seconds=effort.paced_s)
        node.catch_up()
        turns = versions(node, generator, effort)
    keys = ("cpu_us", "per_s", "node_cpu_us", "generator_cpu_us")
    figures |= {key: statistics.median(window[key] for window in windows) for key in keys}
    figures |= {key: paced[key] for key in ("p50_ms", "p99_ms", "p999_ms", "late_p99_ms")}
    figures |= {"catch_up_s": catch_up_s, "node_mb": node_mb}
    each = {kind: statistics.median(turn[kind]["cpu_us"] for turn in turns) for kind in turns[0]}
    figures |= {"event_cpu_us": each["events"], "event_ratio": each["events"] / each["meters"]}
    return figures, {**details, "closed": windows, "paced": paced, "versions": turns}


def versions(node: Node, meters: Generator, effort: Effort) -> list[dict[str, dict[str, float]]]:
    """Return windows of MeterValues of 1.6 and of TransactionEvents of 2.0.1, by turns."""
    with Generator(node.port, prefix="EVENT") as events:
        events.do("grow", to=CLOSED_CHARGERS, events=True)
        events.do("closed", seconds=effort.warm_up_s)
        return [
            {
                "meters": closed_window(node, meters, effort),
                "events": closed_window(node, events, effort),
            }
            for _ in range(effort.windows)
        ]


def connects(node: Node, generator: Generator, effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Chargers connect for the first time, send a little, leave, and connect again."""
    pid, count = node.pids()[GATEWAY], effort.storm_chargers
    empty = memory(pid).rss
    first = connect_window(node, generator, count)
    node.catch_up()
    time.sleep(effort.settle_s)
    connected = memory(pid).rss
    generator.do("each", messages=MESSAGES_EACH, per_s=MESSAGES_PER_S)
    node.catch_up()
    busy = memory(pid).rss
    generator.do("shrink", to=0)
    node.catch_up()
    time.sleep(effort.settle_s)
    again = connect_window(node, generator, count)
    figures = {
        "enrols_per_s": first["per_s"],
        "connects_per_s": again["per_s"],
        "connect_cpu_us": again["cpu_us"],
        "charger_kb": (connected - empty) / count / 1e3,
        "busy_charger_kb": (busy - empty) / count / 1e3,
    }
    return figures, {"first_connect": first, "connect_again": again}


def connect_window(node: Node, generator: Generator, count: int) -> dict[str, float]:
    meter = node.meter()
    grown = generator.do("grow", to=count)
    used = meter.used_s()
    return {
        "per_s": count / grown["wall_s"],
        "cpu_us": used[GATEWAY] / count * 1e6,
        "generator_cpu_us": grown["cpu_s"] / count * 1e6,
        **{f"{name}_cpu_us": spent / count * 1e6 for name, spent in used.items()},
    }


def closed_window(node: Node, generator: Generator, effort: Effort) -> dict[str, float]:
    """CPU of each process per answer, over one window."""
    meter = node.meter()
    window = generator.do("closed", seconds=effort.window_s)
    used, answered = meter.used_s(), window["answered"]
    others = sum(spent for name, spent in used.items() if name != GATEWAY)
    return {
        "cpu_us": used[GATEWAY] / answered * 1e6,
        "per_s": window["per_s"],
        "node_cpu_us": others / answered * 1e6,
        "generator_cpu_us": window["cpu_s"] / answered * 1e6,
        "p50_ms": window["p50_ms"],
        "p99_ms": window["p99_ms"],
        "errors": window["errors"],
        **{f"{name}_cpu_us": spent / answered * 1e6 for name, spent in used.items()},
    }
