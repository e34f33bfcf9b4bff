"""Who may draw how much, for all EVSEs of a site at once.

    tree = compile_tree(site)
    limits = limits_now(tree, now_us, settings, schedule=..., loads=..., reserved_a=...)
    allocation = allocate(tree, limits, demands, settings, now_us)
    turns = turns_after(allocation, turns, now_us)      # into Demand.turn of the next call

How the policies share is in `sharing`. Whatever the demands are, no row carries more than its
room: all sums are whole milliamperes, and every step is checked before it is taken. The result
depends on nothing but the arguments, nor on the order of the demands.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import numpy as np

from actors.site.limits import UNLIMITED, LimitsNow
from actors.site.narrowing import narrowed
from actors.site.policies import ORDERS, Candidate, starves
from actors.site.settings import Policy, SiteSettings
from actors.site.sharing import Entrant, share_out
from actors.site.tree import GRACE_MA, MA_PER_A, ROWS_PER_CIRCUIT, Steps, Tree
from domain.site import (
    NO_LIMIT,
    Allocation,
    Binding,
    BindingKind,
    CircuitKind,
    Current,
    Demand,
    EvseLimit,
    EvsePlace,
    PerPhase,
    Turn,
)

KINDS: Mapping[CircuitKind, BindingKind] = {
    CircuitKind.CIRCUIT: BindingKind.CIRCUIT,
    CircuitKind.CHARGER: BindingKind.CHARGER,
    CircuitKind.CONTRACT: BindingKind.CONTRACT,
}
BY_KIND: Mapping[BindingKind, Binding] = {kind: Binding(kind) for kind in BindingKind}
_KEY = attrgetter("key")


def allocate(
    tree: Tree,
    limits: LimitsNow,
    demands: Iterable[Demand],
    settings: SiteSettings,
    now_us: int,
    *,
    policy: Policy | None = None,
) -> Allocation:
    """Share out what the site carries now.

    Args:
        tree: of the site, from `compile_tree`.
        limits: from `limits_now`, of the same tree.
        demands: of each car that is plugged in, one a place. Those of reserved places are skipped:
            they keep what is set aside.
        settings: habits.
        now_us: the instant, for turns and deadlines.
        policy: instead of the settings' own.

    Raises:
        KeyError: a demand's place is not in the tree.
        ValueError: two demands are for the same place.
    """
    policy = policy or settings.policy
    room = limits.room_ma
    overloaded = tuple(_binding(tree, limits, row) for row, left in enumerate(room) if left < 0)
    entrants = _entrants(tree, limits, demands, policy, settings, now_us)
    highs: dict[int, int] = {}
    for one in entrants:
        key = one.path.key
        highs[key] = highs.get(key, 0) + one.candidate.high
    narrow = narrowed(tree, highs, room, round(settings.resume_margin_a * MA_PER_A))
    for one in entrants:
        one.path = narrow[one.path.key]
    # Stable: equal keys stay in the order of the ids.
    share_out(list(room), sorted(entrants, key=_KEY), policy, settings, now_us)
    rows = _limits(tree, limits, entrants)
    if limits.reserved_ma:
        rows |= {place: _reserved(tree, limits, place) for place in limits.reserved_ma}
        rows = dict(sorted(rows.items()))
    return Allocation(rows, _headroom(tree, room, entrants), overloaded)


def turns_after(allocation: Allocation, before: Mapping[str, Turn], now_us: int) -> dict[str, Turn]:
    """Return since when each EVSE runs or is paused, for the demands of the next allocation."""
    turns = {}
    for place, limit in allocation.limits.items():
        known = before.get(place)
        running = not limit.paused
        keeps = known is not None and known.running is running
        turns[place] = known if known is not None and keeps else Turn(running, now_us)
    return turns


def _entrants(
    tree: Tree,
    limits: LimitsNow,
    demands: Iterable[Demand],
    policy: Policy,
    settings: SiteSettings,
    now_us: int,
) -> list[Entrant]:
    """Return those that are shared out to, in the order of their ids."""
    by_place: dict[str, Demand] = {}
    for demand in demands:
        if demand.place in by_place:
            raise ValueError(f"two demands for {demand.place}")
        by_place[demand.place] = demand
    places, steps_of, paths_of = tree.places, tree.steps, tree.paths
    volts = tree.site.voltage_v
    order = ORDERS[policy]
    by_power = policy is Policy.LEAST_LAXITY
    takes_all = policy is Policy.EQUAL_SHARE  # how much a car draws does not matter to it
    entrants = []
    for name in sorted(by_place):
        if name in limits.reserved_ma:
            continue
        demand, place, steps = by_place[name], places[name], steps_of[name]
        wired, phases = place.phases, demand.phases
        path = paths_of[name][(phases if 0 < phases < wired else wired) - 1]
        low, high, high_by = steps.low, steps.most, BindingKind.CHARGER
        wanted_a = demand.wanted_a
        if takes_all and wanted_a > 0:
            wanted_a = NO_LIMIT
        if wanted_a < place.max_a or demand.plan_a < place.max_a or demand.idle:
            high, high_by = _high(place, steps, demand, wanted_a)
        power_w = 0.0
        if by_power:
            power_w = high / MA_PER_A * path.phases * volts
            if place.current is Current.DC:
                power_w *= place.efficiency
        candidate = Candidate(demand, low, high, power_w)
        turn = demand.turn
        first = turn is not None and not turn.running and starves(demand, settings, now_us)
        rank = (-demand.priority, 0, turn.since_us) if first and turn else (-demand.priority, 1, 0)
        key = rank + order(candidate, settings, now_us)
        entrants.append(Entrant(candidate, path, steps.step, high_by, key, first))
    return entrants


def _high(
    place: EvsePlace, steps: Steps, demand: Demand, wanted_a: float
) -> tuple[int, BindingKind]:
    """Return the most that place, car and plan allow, mA, and which of them it is."""
    most, by = place.max_a, BindingKind.CHARGER
    if wanted_a < most:
        most, by = wanted_a, BindingKind.CAR
    if demand.plan_a < most:
        most, by = demand.plan_a, BindingKind.PLAN
    high = math.floor(most * MA_PER_A + GRACE_MA) // steps.step * steps.step
    low = steps.low
    if demand.idle and high > low:
        return low, BindingKind.CAR
    if high < low and by is BindingKind.CAR and wanted_a > 0 and demand.plan_a * MA_PER_A >= low:
        return low, by
    return high, by


def _limits(tree: Tree, limits: LimitsNow, entrants: Iterable[Entrant]) -> dict[str, EvseLimit]:
    bindings: dict[int, Binding] = {}
    rows = {}
    for one in entrants:
        row, given = one.blocked, one.given
        if row < 0 or given + one.step > one.candidate.high:
            binding = BY_KIND[one.high_by]
        elif row in bindings:
            binding = bindings[row]
        else:
            binding = bindings[row] = _binding(tree, limits, row)
        name = one.candidate.demand.place
        rows[name] = _evse_limit(tree, tree.places[name], given, one.path.phases, binding)
    return rows


def _evse_limit(
    tree: Tree, place: EvsePlace, given: int, phases: int, binding: Binding
) -> EvseLimit:
    amperes = given / MA_PER_A
    watts = amperes * phases * tree.site.voltage_v
    if place.current is Current.DC:
        watts *= place.efficiency
    return EvseLimit(amperes, watts, phases, binding)


def _reserved(tree: Tree, limits: LimitsNow, name: str) -> EvseLimit:
    path = tree.path(name, limits.reserved_phases.get(name, 0))
    binding = Binding(BindingKind.RESERVED)
    return _evse_limit(tree, tree.places[name], limits.reserved_ma[name], path.phases, binding)


def _binding(tree: Tree, limits: LimitsNow, row: int) -> Binding:
    circuit, phase = tree.row_name(row)
    source = limits.sources.get(row)
    if source is not None:
        return Binding(BindingKind.SCHEDULE, circuit.id, phase, source)
    return Binding(KINDS[circuit.kind], circuit.id, phase)


def _headroom(tree: Tree, room: Sequence[int], entrants: Iterable[Entrant]) -> dict[str, PerPhase]:
    """Return what is left of every row of a phase, those included that could not bind."""
    given: dict[int, int] = {}
    for one in entrants:
        key = one.path.key
        given[key] = given.get(key, 0) + one.given
    # Counting makes the rows without a limit smaller, but they stay beyond any current.
    left = [
        NO_LIMIT if milliamperes > UNLIMITED // 2 else milliamperes / MA_PER_A
        for milliamperes in (np.array(room, dtype=float) - tree.taken(given)).tolist()
    ]
    bases = range(0, len(left), ROWS_PER_CIRCUIT)
    return {
        circuit.id: (left[base], left[base + 1], left[base + 2])
        for circuit, base in zip(tree.order, bases, strict=True)
    }
