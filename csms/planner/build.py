"""A site's plan from what is known of it: pure, so that it is tested without a process."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from actors.site.limits import limits_now
from actors.site.messages import GuideSet
from actors.site.plan.forecast import seasonal_naive
from actors.site.plan.problem import Plan, PlanProblem
from actors.site.plan.settings import PlanSettings
from actors.site.plan.signals import by_slot
from actors.site.settings import SiteSettings
from actors.site.tree import Tree
from domain.site import (
    NO_LIMIT,
    CapacityLimit,
    CircuitLoad,
    Demand,
    PerPhase,
    SiteSignal,
)

US_PER_S = 1_000_000
DAY_S = 86_400


class Known(msgspec.Struct, frozen=True):
    """What is known of a site now.

    Attributes:
        demands: of cars that are told limits, as its owner believes.
        loads: of unmanaged circuits, the newest measurement of each.
        reserved_a: place -> what is set aside, A per phase.
        schedule, signals: as operators set them.
        forecast: circuit -> mean current of each phase, slot by slot from now; missing: as now.
    """

    demands: Sequence[Demand] = ()
    loads: Sequence[CircuitLoad] = ()
    reserved_a: Mapping[str, float] = {}
    schedule: Sequence[CapacityLimit] = ()
    signals: Sequence[SiteSignal] = ()
    forecast: Mapping[str, Sequence[PerPhase]] = {}


def worth_planning(known: Known, now_us: int) -> bool:
    """Whether any car has a departure ahead and energy to come."""
    return any(one.departure_us > now_us and one.energy_wh > 0 for one in known.demands)


def problem(
    tree: Tree, known: Known, settings: SiteSettings, plan: PlanSettings, now_us: int
) -> PlanProblem:
    """Return what is to be solved: slots from now on."""
    slot_us = plan.slot_s * US_PER_S
    begins = [now_us + n * slot_us for n in range(plan.slots_max)]
    loads = [_loads(known, settings, now_us, slot, at_us) for slot, at_us in enumerate(begins)]
    reserved = {place: a for place, a in known.reserved_a.items() if place in tree.places and a}
    limits = [
        limits_now(
            tree, at_us, settings, schedule=known.schedule, loads=of_slot, reserved_a=reserved
        )
        for at_us, of_slot in zip(begins, loads, strict=True)
    ]
    prices, co2 = by_slot(known.signals, now_us, plan.slot_s, plan.slots_max)
    # The guide of before must not become the wish of now.
    demands = [
        msgspec.structs.replace(one, plan_a=NO_LIMIT)
        for one in known.demands
        if one.place in tree.places and one.place not in reserved
    ]
    volts = tree.site.voltage_v
    surplus = [max(0.0, -sum(sum(load.current_a) for load in of_slot) * volts) for of_slot in loads]
    return PlanProblem(now_us, demands, limits, prices, co2, surplus)


def _loads(
    known: Known, settings: SiteSettings, now_us: int, slot: int, at_us: int
) -> list[CircuitLoad]:
    """Return the loads of a slot: as forecast, else as measured now while that is fresh."""
    stale_us = now_us - settings.load_stale_s * US_PER_S
    now = {load.circuit: load.current_a for load in known.loads if load.at_us >= stale_us}
    for circuit, values in known.forecast.items():
        if slot < len(values) and (slot > 0 or circuit not in now):
            now[circuit] = values[slot]
    return [CircuitLoad(circuit, current_a, at_us) for circuit, current_a in sorted(now.items())]


def guide(plan: Plan, now_us: int, fresh_s: float) -> GuideSet:
    """Return what the owner is told: the current slot of the plan."""
    wanted = {place: plan.at(place, now_us) for place in plan.current_a}
    until_us = now_us + int(fresh_s * US_PER_S)
    return GuideSet({place: a for place, a in wanted.items() if math.isfinite(a)}, until_us)


def forecast(
    rows: Sequence[tuple[int, int, float]], now_us: int, plan: PlanSettings, days: int
) -> list[PerPhase]:
    """Return the currents of a metered circuit, slot by slot from now.

    Args:
        rows: (slot since 1970, phase 0 to 2, mean current in A), of `days` before now.
        now_us: the instant.
        plan: length and number of slots.
        days: how far back `rows` reach.
    """
    season = DAY_S // plan.slot_s
    now_slot = now_us // (plan.slot_s * US_PER_S)
    count = days * season
    phases = []
    for phase in range(3):
        history: list[float | None] = [None] * count
        for slot, of_phase, amperes in rows:
            place = slot - now_slot + count
            if of_phase == phase and 0 <= place < count:
                history[place] = amperes
        phases.append(seasonal_naive(history, season, plan.slots_max))
    return list(zip(*phases, strict=True))
