"""Days of a site in virtual time, through the same code that a site's actor runs.

Cars are seen as a site sees them: what they want and from how many phases they draw is learned
from what they draw. Departure and energy are known when `informed` (an app, a fleet), else not.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from actors.site.allocation import allocate, turns_after
from actors.site.limits import limits_now
from actors.site.phases import PhaseEvidence, observe_phases
from actors.site.plan.problem import Plan, PlanProblem
from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from actors.site.settings import SiteSettings
from actors.site.tree import Tree
from actors.site.wanted import WantedEvidence, observe_wanted
from csms.simulate_site.car import Car
from csms.simulate_site.sessions import US_PER_S, Session
from domain.site import CapacityLimit, Demand, PerPhase, Turn


@dataclass(frozen=True)
class Scenario:
    """What is replayed, and how.

    Attributes:
        step_s: how often is decided and measured.
        informed: departure and energy are known to the policy.
        planned: a linear program guides it, every slot anew.
        prices: per kWh by hour of the day (UTC); empty: no costs.
        tapers: cars draw less when they are nearly full.
    """

    tree: Tree
    sessions: Sequence[Session]
    settings: SiteSettings
    step_s: int = 60
    informed: bool = True
    planned: bool = False
    plan_settings: PlanSettings = field(default_factory=PlanSettings)
    schedule: Sequence[CapacityLimit] = ()
    prices: Sequence[float] = ()
    tapers: bool = True


@dataclass(frozen=True)
class Moment:
    """One step: when, how much power flowed, how much room there was, how many were paused."""

    at_us: int
    power_w: float
    room_w: float
    cars: int
    paused: int


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario: energy by session id, the moments, and the cost of the energy."""

    scenario: Scenario
    got_wh: dict[str, float]
    moments: list[Moment]
    cost: float
    over_limit: int
    """Moments at which a phase of some circuit carried more than it may: 0, or there is a bug."""


@dataclass(slots=True)
class _Seen:
    """A car, and what the site has learned of it."""

    car: Car
    phases: PhaseEvidence = field(default_factory=PhaseEvidence)
    wanted: WantedEvidence = field(default_factory=WantedEvidence)


def simulate(scenario: Scenario) -> Outcome:
    """Replay all sessions.

    Raises:
        KeyError: a session's place is not in the tree.
        Unavailable: it is to be planned, and highspy is not installed.
    """
    tree, settings, step_us = scenario.tree, scenario.settings, scenario.step_s * US_PER_S
    volts = tree.site.voltage_v
    coming = sorted(scenario.sessions, key=lambda one: (one.arrival_us, one.id), reverse=True)
    here: dict[str, _Seen] = {}
    turns: dict[str, Turn] = {}
    got: dict[str, float] = {one.id: 0.0 for one in coming}
    moments: list[Moment] = []
    cost, over, guide = 0.0, 0, Plan(0, 1)
    for now_us in _steps(scenario):
        _unplug(here, got, now_us)
        while coming and coming[-1].arrival_us <= now_us:
            session = coming.pop()
            if session.place in here:
                continue  # recorded twice, or clocks that differ: the first one stays
            here[session.place] = _Seen(Car(session, scenario.tapers))
        limits = limits_now(tree, now_us, settings, schedule=scenario.schedule)
        slot_us = scenario.plan_settings.slot_s * US_PER_S
        if scenario.planned and now_us - guide.begin_us >= slot_us:
            guide = _plan(scenario, here, turns, now_us)
        demands = [
            _demand(scenario, place, seen, turns, guide, now_us) for place, seen in here.items()
        ]
        allocation = allocate(tree, limits, demands, settings, now_us)
        turns = turns_after(allocation, turns, now_us)
        drawn: dict[str, tuple[float, int]] = {}
        for place, seen in here.items():
            limit_a = allocation.limits[place].limit_a
            amperes = seen.car.charge(limit_a, volts, scenario.step_s)
            drawn[place] = (amperes, seen.car.session.phases)
            wired = min(seen.car.session.phases, tree.places[place].phases)
            seen.phases = observe_phases(seen.phases, _currents(amperes, wired), settings)
            seen.wanted = observe_wanted(seen.wanted, amperes, limit_a, now_us + step_us, settings)
        power_w = sum(amperes * phases for amperes, phases in drawn.values()) * volts
        over += _is_over(tree, limits.room_ma, drawn)
        cost += power_w * scenario.step_s / 3.6e6 * _price(scenario, now_us)
        paused = sum(one.paused for one in allocation.limits.values())
        moments.append(Moment(now_us, power_w, _room_w(limits.room_ma, volts), len(here), paused))
    _unplug(here, got, 2**62)
    return Outcome(scenario, got, moments, cost, over)


def _steps(scenario: Scenario) -> Iterator[int]:
    step_us = scenario.step_s * US_PER_S
    if not scenario.sessions:
        return
    first = min(one.arrival_us for one in scenario.sessions) // step_us * step_us
    last = max(one.departure_us for one in scenario.sessions)
    yield from range(first, last + step_us, step_us)


def _unplug(here: dict[str, _Seen], got: dict[str, float], now_us: int) -> None:
    for place in [place for place, seen in here.items() if seen.car.session.departure_us <= now_us]:
        car = here.pop(place).car
        got[car.session.id] = car.got_wh


def _demands(
    scenario: Scenario, here: dict[str, _Seen], turns: dict[str, Turn], guide: Plan, now_us: int
) -> list[Demand]:
    return [_demand(scenario, place, seen, turns, guide, now_us) for place, seen in here.items()]


def _demand(
    scenario: Scenario, place: str, seen: _Seen, turns: dict[str, Turn], guide: Plan, now_us: int
) -> Demand:
    session = seen.car.session
    left_wh = max(0.0, session.energy_wh - seen.car.got_wh)
    planned_a = guide.at(place, now_us)
    return Demand(
        place,
        session.arrival_us,
        seen.wanted.wanted_a if left_wh > 1 else 0.0,
        seen.phases.phases,
        session.departure_us if scenario.informed else 0,
        left_wh if scenario.informed else 0.0,
        plan_a=math.ceil(planned_a) if math.isfinite(planned_a) else planned_a,
        turn=turns.get(place),
    )


def _plan(scenario: Scenario, here: dict[str, _Seen], turns: dict[str, Turn], now_us: int) -> Plan:
    settings = scenario.plan_settings
    slot_us = settings.slot_s * US_PER_S
    begins = [now_us + slot * slot_us for slot in range(settings.slots_max)]
    limits = [
        limits_now(scenario.tree, at_us, scenario.settings, schedule=scenario.schedule)
        for at_us in begins
    ]
    nobody = Plan(0, 1)
    demands = [
        _demand(scenario, place, seen, turns, nobody, now_us) for place, seen in here.items()
    ]
    prices = [_price(scenario, at_us) for at_us in begins]
    return plan(scenario.tree, PlanProblem(now_us, demands, limits, prices), settings)


def _price(scenario: Scenario, at_us: int) -> float:
    prices = scenario.prices
    return prices[at_us // (3_600 * US_PER_S) % 24 % len(prices)] if prices else 0.0


def _currents(amperes: float, phases: int) -> PerPhase:
    return (amperes, amperes if phases > 1 else 0.0, amperes if phases > 2 else 0.0)  # noqa: PLR2004


def _room_w(room_ma: Sequence[int], volts: float) -> float:
    """What the root carries: of its phases together, or its power when that is less."""
    return min(sum(room_ma[:3]), room_ma[3]) / 1_000 * volts


def _is_over(tree: Tree, room_ma: Sequence[int], drawn: dict[str, tuple[float, int]]) -> bool:
    used: dict[int, float] = {}
    for place, (amperes, phases) in drawn.items():
        path = tree.path(place, phases)
        for row in path.rows:
            used[row] = used.get(row, 0.0) + amperes * 1_000
        for row in path.powers:
            used[row] = used.get(row, 0.0) + amperes * 1_000 * path.phases
    return any(milliamperes > max(0, room_ma[row]) + 1 for row, milliamperes in used.items())


def energy_wh(sessions: Iterable[Session]) -> float:
    """Return what all together asked for."""
    return sum(one.energy_wh for one in sessions)
