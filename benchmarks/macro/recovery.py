"""A gateway dies, or hangs: how long until every one of its chargers is served again?

Served: connected, booted, and the next MeterValues answered after its commit. The chargers come
back after a random quarter of a second at most; the time runs from the signal to the last of them.
There is one gateway, so nobody else could take them.
"""

import os
import signal
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from benchmarks.processes import wait_for_death

GATEWAY = "gw0"
FOUND_S_MAX = 30.0
SERVED_S_MAX = 45.0
PAUSE_S = 2.0


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the worst of all rounds, and the rounds."""
    with running_node() as node, Generator(node.port) as generator:
        generator.do("grow", to=effort.recovery_chargers)
        node.catch_up()
        killed = [strike(node, generator, signal.SIGKILL) for _ in range(effort.recovery_rounds)]
        hung = [strike(node, generator, signal.SIGSTOP) for _ in range(effort.recovery_rounds)]
    figures = {
        "killed_s": max(round_["last_s"] for round_ in killed),
        "found_s": max(round_["dead_s"] for round_ in hung),
        "hung_s": max(round_["last_s"] for round_ in hung),
    }
    return figures, {"killed": killed, "hung": hung}


def strike(node: Node, generator: Generator, number: signal.Signals) -> dict[str, float]:
    """Send a signal to the gateway; return when it was dead, and its chargers served again."""
    generator.do("returning")
    pid = node.pids()[GATEWAY]
    struck_s = time.monotonic()
    os.kill(pid, number)
    dead_s = wait_for_death(pid, FOUND_S_MAX) - struck_s
    served: dict[str, float] = generator.do("served", since_s=struck_s, patience_s=SERVED_S_MAX)
    node.wait_until_up()
    time.sleep(PAUSE_S)
    return {"dead_s": dead_s} | served
