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

from actors.site.limits import MA_PER_A, UNLIMITED, LimitsNow
from actors.site.narrowing import narrowed
from actors.site.policies import Candidate, entry_key, starves, wanted_a
from actors.site.settings import Policy, SiteSettings
from actors.site.sharing import GRACE_MA, Entrant, share_out
from actors.site.tree import ROWS_PER_CIRCUIT, Path, Tree
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
    overloaded = tuple(
        _binding(tree, limits, row) for row, room in enumerate(limits.room_ma) if room < 0
    )
    entrants = _entrants(tree, limits, demands, policy, settings, now_us)
    margin = round(settings.resume_margin_a * MA_PER_A)
    whole = [one.path for one in entrants]
    narrow = narrowed(whole, [one.candidate.high for one in entrants], limits.room_ma, margin)
    for one in entrants:
        one.path = narrow[one.path.key]
    share_out(list(limits.room_ma), entrants, policy, settings, now_us)
    bindings: dict[int, Binding] = {}
    rows = {one.candidate.demand.place: _limit(tree, limits, one, bindings) for one in entrants}
    room = _left(limits.room_ma, whole, entrants)
    rows |= {place: _reserved(tree, limits, place) for place in limits.reserved_ma}
    return Allocation(dict(sorted(rows.items())), _headroom(tree, room), overloaded)


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
    by_place: dict[str, Demand] = {}
    for demand in demands:
        if demand.place in by_place:
            raise ValueError(f"two demands for {demand.place}")
        by_place[demand.place] = demand
    entrants = []
    volts = tree.site.voltage_v
    steps: dict[tuple[float, float], tuple[int, int]] = {}
    for name in sorted(by_place):
        if name in limits.reserved_ma:
            continue
        demand, place = by_place[name], tree.places[name]
        path = tree.path(name, demand.phases)
        sizes = (place.resolution_a, place.min_a)
        if sizes not in steps:
            steps[sizes] = _step_and_low(*sizes)
        step, low = steps[sizes]
        most, high_by = _high(place, demand, policy)
        high = math.floor(most * MA_PER_A + GRACE_MA) // step * step
        if demand.idle and high > low:
            high, high_by = low, BindingKind.CAR
        if (
            high < low
            and high_by is BindingKind.CAR
            and demand.wanted_a > 0
            and demand.plan_a * MA_PER_A >= low
        ):
            high = low
        power_w = high / MA_PER_A * path.phases * volts
        if place.current is Current.DC:
            power_w *= place.efficiency
        candidate = Candidate(demand, low, high, power_w)
        first = demand.turn is not None and starves(demand, settings, now_us)
        key = entry_key(candidate, policy, settings, now_us, first=first)
        entrants.append(Entrant(candidate, path, step, high_by, key, first))
    # Stable: equal keys stay in the order of the ids.
    entrants.sort(key=lambda one: one.key)
    return entrants


def _step_and_low(resolution_a: float, min_a: float) -> tuple[int, int]:
    """Return the step of the hardware, and the minimum in whole steps, in mA."""
    step = round(resolution_a * MA_PER_A)
    return step, -(-round(min_a * MA_PER_A) // step) * step


def _high(place: EvsePlace, demand: Demand, policy: Policy) -> tuple[float, BindingKind]:
    """Return the most that place, car and plan allow, in A, and which of them it is."""
    high, by = place.max_a, BindingKind.CHARGER
    wanted = wanted_a(demand, policy)
    if wanted < high:
        high, by = wanted, BindingKind.CAR
    if demand.plan_a < high:
        high, by = demand.plan_a, BindingKind.PLAN
    return high, by


def _limit(tree: Tree, limits: LimitsNow, one: Entrant, bindings: dict[int, Binding]) -> EvseLimit:
    row = one.blocked
    if row < 0 or one.given + one.step > one.candidate.high:
        binding = BY_KIND[one.high_by]
    elif row in bindings:
        binding = bindings[row]
    else:
        binding = bindings[row] = _binding(tree, limits, row)
    place = tree.places[one.candidate.demand.place]
    return _evse_limit(tree, place, one.given, one.path.phases, binding)


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


def _left(room: Sequence[int], paths: Sequence[Path], entrants: Sequence[Entrant]) -> list[int]:
    """Return what is left of every row of a phase, those included that could not bind."""
    total: dict[int, int] = {}
    known: dict[int, Path] = {}
    for path, one in zip(paths, entrants, strict=True):
        key = path.key
        if key in total:
            total[key] += one.given
        else:
            total[key], known[key] = one.given, path
    left = list(room)
    for key, taken in total.items():
        for row in known[key].rows:
            left[row] -= taken
    return left


def _headroom(tree: Tree, room: Sequence[int]) -> dict[str, PerPhase]:
    def left(row: int) -> float:
        # Counting has made the rows without a limit smaller, but they stay beyond any current.
        return NO_LIMIT if room[row] > UNLIMITED // 2 else room[row] / MA_PER_A

    bases = {circuit.id: n * ROWS_PER_CIRCUIT for n, circuit in enumerate(tree.order)}
    return {name: (left(base), left(base + 1), left(base + 2)) for name, base in bases.items()}
