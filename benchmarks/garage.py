"""A garage of 54 EVSEs on three phases, for our policies and for those of acnportal.

Everybody is judged by acnportal's own simulator: same network, same cars, periods of five minutes,
EVSEs that take 0 or 6 to 32 A in whole amperes. acnportal comes with the extra `bench`; where it is
not installed, `compared_with` says so and there is nothing to compare.
"""

import math
import random
import sys
import types
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

from actors.site.allocation import allocate, turns_after
from actors.site.limits import limits_now
from actors.site.plan.problem import PlanProblem
from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from actors.site.settings import SiteSettings
from actors.site.tree import Tree, compile_tree
from csms.simulate_site.sessions import workplace_sessions
from domain.site import Circuit, Demand, EvsePlace, Site, Turn

EVSES = 54
VOLTS = 230.0
MAX_A, MIN_A = 32.0, 6.0
PERIOD_MIN = 5
PERIOD_US = PERIOD_MIN * 60_000_000
BEGIN_US = 1_767_225_600_000_000
ROTATIONS = ("RST", "STR", "TRS")


@dataclass(frozen=True)
class Stay:
    """A car's stay in periods."""

    id: str
    place: str
    arrival: int
    departure: int
    energy_wh: float


def places() -> list[str]:
    return [f"E{n:02d}/1" for n in range(EVSES)]


def stays(days: int, seed: int) -> list[Stay]:
    """Synthetic sessions, cut to whole periods; one car at a time in each place."""
    result: list[Stay] = []
    free_at: dict[str, int] = {}
    for one in workplace_sessions(places(), days, BEGIN_US, random.Random(seed), max_a=MAX_A):
        arrival = max((one.arrival_us - BEGIN_US) // PERIOD_US, free_at.get(one.place, 0))
        departure = (one.departure_us - BEGIN_US) // PERIOD_US
        if departure - arrival < 2:
            continue
        free_at[one.place] = departure
        most_wh = (departure - arrival) * PERIOD_MIN / 60 * MAX_A * VOLTS * 0.98
        result.append(Stay(one.id, one.place, arrival, departure, min(one.energy_wh, most_wh)))
    return result


def garage(transformer_kw: float, resolution_a: float = 1.0) -> Tree:
    """54 single-phase EVSEs, every third on the same phase."""
    evses = tuple(
        EvsePlace(
            name,
            name[:3],
            1,
            "transformer",
            MAX_A,
            MIN_A,
            phases=1,
            rotation=ROTATIONS[n % 3],
            resolution_a=resolution_a,
        )
        for n, name in enumerate(places())
    )
    limit = Circuit("transformer", limit_a=transformer_kw * 1000 / 3 / VOLTS)
    return compile_tree(Site("garage", (limit,), evses, VOLTS))


def compared_with() -> str:
    """Return the acnportal that is installed, by name and version; empty: none."""
    try:
        import_acnportal()
        return f"acnportal {metadata.version('acnportal')}"
    except (ImportError, metadata.PackageNotFoundError):
        return ""


def import_acnportal() -> tuple[Any, Any]:
    """Raises ImportError when it is not installed."""
    if "pkg_resources" not in sys.modules:
        # It asks for its own version only, and only when it writes files.
        sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from acnportal import acnsim, algorithms
    return acnsim, algorithms


def ours(tree: Tree, settings: SiteSettings) -> Any:  # noqa: ANN401 - acnportal has no types
    """Our allocation as an algorithm of acnportal."""
    _, algorithms = import_acnportal()

    class Ours(algorithms.BaseAlgorithm):
        def __init__(self) -> None:
            super().__init__()
            self.max_recompute = 1
            self.turns: dict[str, Turn] = {}

        def schedule(self, sessions: Sequence[Any]) -> dict[str, list[float]]:
            now_us = BEGIN_US + self.interface.current_time * PERIOD_US
            demands = [self.demand(one) for one in sessions]
            limits = limits_now(tree, now_us, settings)
            allocation = allocate(tree, limits, demands, settings, now_us)
            self.turns = turns_after(allocation, self.turns, now_us)
            return {name: [one.limit_a] for name, one in allocation.limits.items()}

        def demand(self, session: Any) -> Demand:  # noqa: ANN401 - acnportal has no types
            left_wh = (session.requested_energy - session.energy_delivered) * 1000
            wants = left_wh / (PERIOD_MIN / 60) / VOLTS if left_wh > 1 else 0.0
            # Who needs less than the minimum for a period would waste the rest of it: it comes
            # last. (The others of acnportal never serve it.)
            last = wants < MIN_A
            if wants < MAX_A and wants % 1 > 0.5:
                wants = math.ceil(wants)
            return Demand(
                session.station_id,
                BEGIN_US + session.arrival * PERIOD_US,
                min(MAX_A, wants),
                1,
                BEGIN_US + session.estimated_departure * PERIOD_US,
                left_wh,
                priority=-1 if last else 0,
                turn=self.turns.get(session.station_id),
            )

    return Ours()


def baselines() -> dict[str, Any]:
    _, a = import_acnportal()
    return {
        "round robin": a.RoundRobin(a.first_come_first_served),
        "first come": a.SortedSchedulingAlgo(a.first_come_first_served),
        "earliest deadline": a.SortedSchedulingAlgo(a.earliest_deadline_first),
        "least laxity": a.SortedSchedulingAlgo(a.least_laxity_first),
    }


def delivered_pct(
    algorithm: Any,  # noqa: ANN401 - acnportal has no types
    transformer_kw: float,
    cars: Sequence[Stay],
    kind: str,
) -> float:
    """Return the share of the energy asked for that acnportal's simulator says was delivered.

    kind: of EVSE: AeroVironment (0, 6 to 32 A, whole amperes) or BASIC (anything up to 32 A).
    """
    acnsim, _ = import_acnportal()
    network = acnsim.ChargingNetwork()
    phases: list[list[str]] = [[], [], []]
    for n, name in enumerate(places()):
        network.register_evse(acnsim.get_evse_by_type(name, kind), VOLTS, 0)
        phases[n % 3].append(name)
    for number, members in enumerate(phases, 1):
        current = acnsim.Current(members)
        network.add_constraint(current, transformer_kw * 1000 / 3 / VOLTS, name=f"L{number}")
    events = []
    for one in cars:
        kwh = one.energy_wh / 1000
        battery = acnsim.Battery(kwh, 0, MAX_A * VOLTS / 1000)
        car = acnsim.EV(one.arrival, one.departure, kwh, one.place, one.id, battery)
        events.append(acnsim.PluginEvent(one.arrival, car))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        queue = acnsim.EventQueue(events)
        day = datetime(2026, 1, 1)  # noqa: DTZ001 - acnportal's own is without a zone
        simulator = acnsim.Simulator(
            network, algorithm, queue, day, period=PERIOD_MIN, verbose=False
        )
        simulator.run()
    history = simulator.ev_history.values()
    got = sum(float(car.energy_delivered) for car in history)
    return 100 * got / sum(car.requested_energy for car in history)


def bound_pct(transformer_kw: float, cars: Sequence[Stay]) -> float:
    """Return what nobody can be above: all known beforehand, any current from 0, no steps."""
    settings = PlanSettings(slot_s=PERIOD_MIN * 60, slots_max=288, sooner_per_kwh=0, solve_s_max=60)
    missing_wh = 0.0
    # Nobody stays over night, so that each day is a program of its own.
    for day in range(1 + max(one.arrival for one in cars) // 288):
        today = [one for one in cars if one.arrival // 288 == day]
        begin_us = BEGIN_US + day * 288 * PERIOD_US
        # Two cars may have the same place, one after the other; here each has one of its own.
        evses = tuple(
            EvsePlace(
                one.id,
                one.id,
                1,
                "transformer",
                MAX_A,
                0.0,
                phases=1,
                rotation=ROTATIONS[int(one.place[1:3]) % 3],
            )
            for one in today
        )
        limit = Circuit("transformer", limit_a=transformer_kw * 1000 / 3 / VOLTS)
        tree = compile_tree(Site("garage", (limit,), evses, VOLTS))
        demands = [
            Demand(
                one.id,
                BEGIN_US + one.arrival * PERIOD_US,
                departure_us=BEGIN_US + one.departure * PERIOD_US,
                energy_wh=one.energy_wh,
            )
            for one in today
        ]
        limits = [limits_now(tree, begin_us, SiteSettings())] * 288
        problem = PlanProblem(begin_us, demands, limits)
        missing_wh += sum(plan(tree, problem, settings).missing_wh.values())
    return 100 * (1 - missing_wh / sum(one.energy_wh for one in cars))
