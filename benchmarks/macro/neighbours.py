"""What others wait while one floods, or while thousands of handshakes are never finished.

200 chargers send 500 MeterValues a second, at fixed times. Windows go by turns: in peace; beside
one charger that sends as fast as its socket takes it; beside half-open handshakes, a new one for
each that the gateway closes. The attacker is a process of its own and is slowed down (nice), so
that what is compared is the gateway's fairness, not the competition for this machine's cores.
"""

import os
import statistics
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generator import Generator, together
from benchmarks.goals import Figures
from benchmarks.macro.storm import command_of
from benchmarks.node import running_node

CHARGERS = 200
PER_S = 500.0
HALF_OPEN = 10_000
HALF_OPEN_SOURCES = tuple(f"127.0.3.{n}" for n in range(1, 17))
"""A gateway closes what is beyond its limit for one address; so they come from several."""
NICE = 19
LEAD_S = 1.0


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return medians over all rounds, and the rounds."""
    count = HALF_OPEN if effort.neighbour_rounds > 1 else HALF_OPEN // 20
    rounds: list[dict[str, Any]] = []
    with (
        running_node() as node,
        Generator(node.port, prefix="CALM") as calm,
        Generator(node.port, prefix="LOUD", sources=("127.0.3.100",)) as loud,
        Generator(node.port, prefix="NEVER", sources=HALF_OPEN_SOURCES) as never,
    ):
        for attacker in (loud, never):
            os.setpriority(os.PRIO_PROCESS, attacker.pid, NICE)
        calm.do("grow", to=CHARGERS)
        loud.do("grow", to=1)
        calm.do("paced", per_s=PER_S, seconds=effort.warm_up_s)
        seconds = effort.neighbour_s
        paced = command_of(calm, "paced", per_s=PER_S, seconds=seconds)
        for _ in range(effort.neighbour_rounds):
            peace = paced()
            flood, beside_flood = together(
                command_of(loud, "flood", seconds=seconds + 2 * LEAD_S), lambda: _after(paced)
            )
            loud.do("grow", to=1)
            half, beside_half = together(
                command_of(never, "half_open", count=count, seconds=seconds + 2 * LEAD_S),
                lambda: _after(paced),
            )
            rounds.append(
                {
                    "peace": peace,
                    "flood": flood,
                    "beside_flood": beside_flood,
                    "half_open": half,
                    "beside_half_open": beside_half,
                }
            )
            node.catch_up()
    p99 = {
        name: statistics.median(round_[name]["p99_ms"] for round_ in rounds)
        for name in ("peace", "beside_flood", "beside_half_open")
    }
    figures = {
        "p99_ms": p99["peace"],
        "flood_p99_ms": p99["beside_flood"],
        "half_open_p99_ms": p99["beside_half_open"],
        "flood_times": p99["beside_flood"] / p99["peace"],
        "half_open_times": p99["beside_half_open"] / p99["peace"],
        "half_open": statistics.median(round_["half_open"]["held"] for round_ in rounds),
    }
    return figures, {"rounds": rounds}


def _after(run: Any) -> Any:  # noqa: ANN401 - what a generator says
    time.sleep(LEAD_S)
    return run()
