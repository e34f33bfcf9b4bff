"""Sharing out a site's power: how much is delivered, and what it costs to decide.

Delivered energy against acnportal's policies and the offline optimum (`benchmarks.garage`); CPU of
one allocation for 500 EVSEs in a tree of three levels, and of one plan for 200 EVSEs and 48 slots.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from msgspec.structs import replace

from actors.site.allocation import allocate
from actors.site.limits import LimitsNow, limits_now
from actors.site.plan.problem import PlanProblem
from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import Tree, compile_tree
from benchmarks.effort import FULL, Effort
from benchmarks.garage import (
    BEGIN_US,
    baselines,
    bound_pct,
    compared_with,
    delivered_pct,
    garage,
    ours,
    stays,
)
from benchmarks.goals import Figures
from domain.site import CapacityLimit, Circuit, Demand, EvsePlace, Site

TRANSFORMERS_KW = (40, 50, 60)
SEED = 1
PATIENT = {"pause_s_max": 86_400, "resume_margin_a": 0.0}
HOUR_US = 3_600_000_000
NOT_COMPARED = (
    "sites: NOT compared with acnportal, which is not installed (pip install 'csms[bench]'):"
    " no figures of delivered energy, only of the cost of a decision"
)


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    full = effort is FULL
    details: dict[str, Any] = {
        "compared_with": compared_with() or NOT_COMPARED,
        "delivered_pct": delivered(full=full),
        "allocation_ms": allocations(200 if full else 10),
    }
    times = [_plan_s() for _ in range(5 if full else 2)]
    details["plan_s"] = times
    figures = {
        "allocate_ms": max(row["median"] for row in details["allocation_ms"].values()),
        "plan_s": statistics.median(times),
    }
    for kw, row in details["delivered_pct"].items():
        figures[f"ours_{kw}"] = row["ours"]
        figures[f"of_bound_{kw}"] = 100 * row["ours"] / row["offline bound"]
        others = [row[name] for name in row if name not in ("ours", "offline bound", "ours, 0.1 A")]
        if others:
            figures[f"ahead_{kw}"] = row["ours"] - max(others)
    return figures, details


def delivered(*, full: bool) -> dict[str, dict[str, float]]:
    if not compared_with():
        print(NOT_COMPARED, flush=True)
        return {}
    cars = stays(5 if full else 1, SEED)
    settings = SiteSettings(policy=Policy.LEAST_LAXITY, **PATIENT)
    table: dict[str, dict[str, float]] = {}
    for kw in TRANSFORMERS_KW if full else TRANSFORMERS_KW[:1]:
        row = {"offline bound": bound_pct(kw, cars)}
        row["ours"] = delivered_pct(ours(garage(kw), settings), kw, cars, "AeroVironment")
        fine = ours(garage(kw, resolution_a=0.1), settings)
        row["ours, 0.1 A"] = delivered_pct(fine, kw, cars, "BASIC")
        for name, algorithm in baselines().items() if full else ():
            row[name] = delivered_pct(algorithm, kw, cars, "AeroVironment")
        table[str(kw)] = row
        print(f"  {kw} kW: " + ", ".join(f"{n} {v:.2f} %" for n, v in row.items()), flush=True)
    return table


def large_site(count: int) -> tuple[Tree, list[Demand]]:
    """Three levels, a tenth of the EVSEs a row, phases and rotations of all kinds."""
    chance = random.Random(SEED)
    circuits = [Circuit("grid", limit_a=2_500.0)]
    circuits += [Circuit(f"hall{n}", "grid", limit_a=300.0) for n in range(10)]
    circuits += [Circuit(f"row{n}", f"hall{n // 5}", limit_a=63.0) for n in range(50)]
    rotations = ("RST", "STR", "TRS")
    evses = tuple(
        EvsePlace(f"C{n}/1", f"C{n}", 1, f"row{n % 50}", rotation=rotations[n // 50 % 3])
        for n in range(count)
    )
    demands = [
        Demand(
            one.id,
            BEGIN_US + n,
            chance.choice([32.0, 32.0, 20.0, 16.0, chance.uniform(6, 32)]),
            chance.choice([1, 1, 2, 3]),
            BEGIN_US + chance.randrange(2 * HOUR_US, 12 * HOUR_US),
            chance.uniform(1_000, 40_000),
        )
        for n, one in enumerate(evses)
    ]
    return compile_tree(Site("large", tuple(circuits), evses)), demands


def allocations(times: int) -> dict[str, dict[str, float]]:
    """Return the CPU of one allocation, ms: the median, the least, and the median of those that
    find a site as nobody has shared it out before.

    From one to the next other cars draw less than they may, as they do in a real site.
    """
    tree, demands = large_site(500)
    moments = cycle([_other_wants(demands, seed) for seed in range(8)])
    result = {}
    for policy in Policy:
        settings = SiteSettings(policy=policy)
        limits = limits_now(tree, BEGIN_US, settings)

        def share(limits: LimitsNow = limits, settings: SiteSettings = settings) -> None:
            allocate(tree, limits, next(moments), settings, BEGIN_US)

        share()
        took = _cpu_s(share, times)
        first = _cpu_s(share, max(2, times // 8), before=tree.memory.clear)
        result[policy.value] = {
            "median": 1e3 * statistics.median(took),
            "least": 1e3 * min(took),
            "first": 1e3 * statistics.median(first),
        }
    return result


def _other_wants(demands: Sequence[Demand], seed: int) -> list[Demand]:
    chance = random.Random(seed)
    return [
        replace(one, wanted_a=chance.uniform(6, 32)) if chance.random() < 0.05 else one
        for one in demands
    ]


def _plan_s() -> float:
    tree, demands = large_site(200)
    limits = limits_now(
        tree, BEGIN_US, SiteSettings(), schedule=[CapacityLimit("grid", "contract", 900.0)]
    )
    prices = [0.2 + 0.1 * (slot % 16 > 8) for slot in range(48)]
    problem = PlanProblem(BEGIN_US, demands, [limits] * 48, prices)
    return _cpu_s(lambda: plan(tree, problem, PlanSettings()), 1)[0]


def _cpu_s(
    work: Callable[[], object], times: int, before: Callable[[], object] = lambda: None
) -> list[float]:
    took = []
    for _ in range(times):
        before()
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return took
