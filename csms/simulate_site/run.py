"""Days of a site in virtual time, through the very machine that a site's actor runs.

Cars are seen as a site sees them: what they want and from how many phases they draw is learned
from what they draw. Departure and energy are known when `informed` (an app, a fleet), else not.
Chargers take every limit at once and answer: nothing is lost here.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from actors.site.control import ControlSettings
from actors.site.effects import Scope, SetLimit
from actors.site.limits import limits_now
from actors.site.machine import handle_all
from actors.site.messages import (
    CapacitySet,
    ChargerCame,
    CurrentMeasured,
    GuideSet,
    KnownLimit,
    LimitAnswered,
    Message,
    SessionBegan,
    SessionEnded,
    SiteSet,
    Tick,
    WishSet,
)
from actors.site.plan.problem import PlanProblem
from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from actors.site.settings import SiteSettings
from actors.site.state import SiteState
from actors.site.tree import Tree
from csms.simulate_site.car import Car
from csms.simulate_site.sessions import US_PER_S, Session
from domain.commands import Outcome as Answer
from domain.site import NO_LIMIT, CapacityLimit, Demand, PerPhase

AT_ONCE = ControlSettings(gather_s=0.0)


@dataclass(frozen=True)
class Scenario:
    """What is replayed, and how.

    Attributes:
        step_s: how often is decided and measured.
        informed: departure and energy are known to the policy.
        planned: a linear program guides it, every slot anew.
        prices: per kWh by hour of the day (UTC); empty: no costs.
        tapers: cars draw less when they are nearly full.
        control: when a limit is worth a message, and when a charger is no longer believed.
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
    control: ControlSettings = AT_ONCE


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


class _Site:
    """The machine of a site, and chargers that do at once as they are told."""

    def __init__(self, scenario: Scenario, now_us: int) -> None:
        site = scenario.tree.site
        self.state = SiteState(scenario.settings, scenario.control)
        self.limits_a: dict[str, float] = {}
        known = {place.id: KnownLimit(standing_a=0.0) for place in site.places}
        chargers = dict.fromkeys(place.charger for place in site.places)
        came = [ChargerCame(charger, sessions=()) for charger in chargers]
        self.tell([SiteSet(site, known), CapacitySet(tuple(scenario.schedule)), *came], now_us)

    def tell(self, messages: Iterable[Message], now_us: int) -> None:
        """Let the machine hear of something, and all chargers follow its orders."""
        effects = handle_all(self.state, messages, now_us)
        while orders := [effect for effect in effects if isinstance(effect, SetLimit)]:
            for order in orders:
                if order.scope is Scope.SESSION:
                    self.limits_a[order.session] = order.limit_a
            answers = [LimitAnswered(order.number, Answer.ACCEPTED) for order in orders]
            effects = handle_all(self.state, answers, now_us)

    @property
    def demands(self) -> list[Demand]:
        """What cars are believed to want now, without the plan of before."""
        shared = self.state.shared
        return [replace(one, plan_a=NO_LIMIT) for one in shared.demands] if shared else []


def simulate(scenario: Scenario) -> Outcome:
    """Replay all sessions.

    Raises:
        KeyError: a session's place is not in the tree.
        Unavailable: it is to be planned, and highspy is not installed.
    """
    tree, settings, step_us = scenario.tree, scenario.settings, scenario.step_s * US_PER_S
    volts = tree.site.voltage_v
    coming = sorted(scenario.sessions, key=lambda one: (one.arrival_us, one.id), reverse=True)
    here: dict[str, Car] = {}
    got: dict[str, float] = {one.id: 0.0 for one in coming}
    moments: list[Moment] = []
    cost, over, planned_us, site = 0.0, 0, -(2**62), None
    news: list[Message] = []
    for now_us in _steps(scenario):
        site = site or _Site(scenario, now_us)
        news += _unplug(tree, here, got, now_us)
        while coming and coming[-1].arrival_us <= now_us:
            session = coming.pop()
            if session.place in here:
                continue  # recorded twice, or clocks that differ: the first one stays
            here[session.place] = Car(session, scenario.tapers)
            news += _plug(scenario, session)
        site.tell([*news, Tick()], now_us)
        if scenario.planned and now_us - planned_us >= scenario.plan_settings.slot_s * US_PER_S:
            planned_us = now_us
            site.tell([_guide(scenario, site.demands, now_us)], now_us)
        news, paused = [], 0
        drawn: dict[str, tuple[float, int]] = {}
        for place, car in here.items():
            limit_a = site.limits_a.get(car.session.id, 0.0)
            paused += limit_a <= 0
            amperes = car.charge(limit_a, volts, scenario.step_s)
            drawn[place] = (amperes, car.session.phases)
            news.append(_measured(tree, car.session, amperes, now_us + step_us))
        limits = limits_now(tree, now_us, settings, schedule=scenario.schedule)
        power_w = sum(amperes * phases for amperes, phases in drawn.values()) * volts
        over += _is_over(tree, limits.room_ma, drawn)
        cost += power_w * scenario.step_s / 3.6e6 * _price(scenario, now_us)
        moments.append(Moment(now_us, power_w, _room_w(limits.room_ma, volts), len(here), paused))
    _unplug(tree, here, got, 2**62)
    return Outcome(scenario, got, moments, cost, over)


def _steps(scenario: Scenario) -> Iterator[int]:
    step_us = scenario.step_s * US_PER_S
    if not scenario.sessions:
        return
    first = min(one.arrival_us for one in scenario.sessions) // step_us * step_us
    last = max(one.departure_us for one in scenario.sessions)
    yield from range(first, last + step_us, step_us)


def _plug(scenario: Scenario, session: Session) -> list[Message]:
    place = scenario.tree.places[session.place]
    began = SessionBegan(place.charger, place.evse, session.id, session.arrival_us)
    if not scenario.informed:
        return [began]
    return [began, WishSet(session.place, session.departure_us, session.energy_wh)]


def _unplug(tree: Tree, here: dict[str, Car], got: dict[str, float], now_us: int) -> list[Message]:
    ended: list[Message] = []
    for place in [place for place, car in here.items() if car.session.departure_us <= now_us]:
        car = here.pop(place)
        got[car.session.id] = car.got_wh
        evse = tree.places[place]
        ended.append(SessionEnded(evse.charger, evse.evse, car.session.id))
    return ended


def _measured(tree: Tree, session: Session, amperes: float, at_us: int) -> CurrentMeasured:
    place = tree.places[session.place]
    current_a = _currents(amperes, min(session.phases, place.phases))
    return CurrentMeasured(place.charger, place.evse, current_a, at_us)


def _guide(scenario: Scenario, demands: list[Demand], now_us: int) -> GuideSet:
    settings = scenario.plan_settings
    slot_us = settings.slot_s * US_PER_S
    begins = [now_us + slot * slot_us for slot in range(settings.slots_max)]
    limits = [
        limits_now(scenario.tree, at_us, scenario.settings, schedule=scenario.schedule)
        for at_us in begins
    ]
    prices = [_price(scenario, at_us) for at_us in begins]
    made = plan(scenario.tree, PlanProblem(now_us, demands, limits, prices), settings)
    planned = {place: made.at(place, now_us) for place in made.current_a}
    return GuideSet({place: a for place, a in planned.items() if math.isfinite(a)}, 2**62)


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
