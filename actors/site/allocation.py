"""Who may draw how much, for all EVSEs of a site at once.

    tree = compile_tree(site)
    limits = limits_now(tree, now_us, settings, schedule=..., loads=..., reserved_a=...)
    allocation = allocate(tree, limits, demands, settings, now_us)
    turns = turns_after(allocation, turns, now_us)      # into Demand.turn of the next call

Three steps:

1. *Letting in.* In the order of class and policy each car gets its minimum when all rows above it
   have room for it, else it is paused. Who was paused before needs `resume_margin_a` more.
2. *Sharing.* Class by class what is left is given out: to one after the other, or by progressive
   filling, rounded down to the step of the hardware.
3. *Topping up.* What rounding has left over is given out step by step, until no EVSE can have one
   step more. So what a full circuit wastes is less than one step.

Whatever the demands are, no row carries more than its room: all sums are whole milliamperes and
every step is checked before it is taken. The result depends on nothing but the arguments, nor on
the order of the demands.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from actors.site.filling import Share, fill
from actors.site.limits import MA_PER_A, UNLIMITED, LimitsNow
from actors.site.narrowing import narrowed
from actors.site.policies import ORDERS, SHARES, Candidate, Key, entry_key, wanted_a
from actors.site.settings import Policy, SiteSettings
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

GRACE_MA = 1e-3
"""Floats of progressive filling may miss a whole step by less than this."""
KINDS: Mapping[CircuitKind, BindingKind] = {
    CircuitKind.CIRCUIT: BindingKind.CIRCUIT,
    CircuitKind.CHARGER: BindingKind.CHARGER,
    CircuitKind.CONTRACT: BindingKind.CONTRACT,
}


@dataclass(slots=True)
class _Entrant:
    """A car on its way through the steps; currents in mA of each phase."""

    candidate: Candidate
    path: Path
    step: int
    high_by: BindingKind
    key: Key
    given: int = 0
    blocked: int = -1
    """The row that has no room for more, -1: none."""


@dataclass(slots=True)
class _Work:
    """The state of one allocation."""

    room: list[int]
    waiting: list[_Entrant] = field(default_factory=list)
    running: list[_Entrant] = field(default_factory=list)
    idle: list[_Entrant] = field(default_factory=list)
    """Who wants nothing, or is paused by the plan."""


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
    work = _Work(list(limits.room_ma))
    overloaded = tuple(
        _binding(tree, limits, row) for row, room in enumerate(work.room) if room < 0
    )
    entrants = _entrants(tree, limits, demands, policy, settings, now_us)
    margin = round(settings.resume_margin_a * MA_PER_A)
    whole = [one.path for one in entrants]
    highs = [one.candidate.high for one in entrants]
    narrow = narrowed(whole, highs, work.room, margin)
    for one in entrants:
        one.path = narrow[one.path.key]
    _let_in(work, entrants, margin)
    for _, members in groupby(
        sorted(work.running, key=lambda one: one.key),
        key=lambda one: one.candidate.demand.priority,
    ):
        _share(work, list(members), policy, settings, now_us)
    rows = {
        one.candidate.demand.place: _limit(tree, limits, one)
        for one in (*work.running, *work.waiting, *work.idle)
    }
    room = _left(limits.room_ma, whole, entrants)
    rows |= {place: _reserved(tree, place, kept) for place, kept in limits.reserved_ma.items()}
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
) -> list[_Entrant]:
    by_place: dict[str, Demand] = {}
    for demand in demands:
        if demand.place in by_place:
            raise ValueError(f"two demands for {demand.place}")
        by_place[demand.place] = demand
    entrants = []
    for name in sorted(by_place):
        if name in limits.reserved_ma:
            continue
        demand, place = by_place[name], tree.places[name]
        path = tree.path(name, demand.phases)
        step = round(place.resolution_a * MA_PER_A)
        low = -(-round(place.min_a * MA_PER_A) // step) * step
        high, high_by = _high(place, demand, policy)
        high = math.floor(high * MA_PER_A + GRACE_MA) // step * step
        if high_by is BindingKind.CAR and demand.wanted_a > 0 and demand.plan_a * MA_PER_A >= low:
            high = max(low, high)
        power_w = high / MA_PER_A * path.phases * tree.site.voltage_v * _efficiency(place)
        candidate = Candidate(demand, low, high, power_w)
        key = entry_key(candidate, policy, settings, now_us)
        entrants.append(_Entrant(candidate, path, step, high_by, key))
    # Stable: equal keys stay in the order of the ids.
    entrants.sort(key=lambda one: one.key)
    return entrants


def _high(place: EvsePlace, demand: Demand, policy: Policy) -> tuple[float, BindingKind]:
    """Return the most that place, car and plan allow, in A, and which of them it is."""
    return min(
        (place.max_a, BindingKind.CHARGER),
        (wanted_a(demand, policy), BindingKind.CAR),
        (demand.plan_a, BindingKind.PLAN),
        key=lambda pair: pair[0],
    )


def _efficiency(place: EvsePlace) -> float:
    return place.efficiency if place.current is Current.DC else 1.0


def _blocking(room: Sequence[int], path: Path, more: int) -> int:
    """Return the nearest row without room for so much more, -1 when there is room."""
    for row in path.rows:
        if room[row] < more:
            return row
    for row in path.powers:
        if room[row] < more * path.phases:
            return row
    return -1


def _take(room: list[int], path: Path, taken: int) -> None:
    for row in path.rows:
        room[row] -= taken
    taken *= path.phases
    for row in path.powers:
        room[row] -= taken


def _let_in(work: _Work, entrants: Iterable[_Entrant], margin: int) -> None:
    room = work.room
    for one in entrants:
        low, demand = one.candidate.low, one.candidate.demand
        if one.candidate.high < max(low, one.step):
            work.idle.append(one)
            continue
        was_paused = demand.turn is not None and not demand.turn.running
        one.blocked = _blocking(room, one.path, low + margin if was_paused else low)
        if one.blocked >= 0:
            work.waiting.append(one)
            continue
        _take(room, one.path, low)
        one.given = low
        work.running.append(one)


def _share(
    work: _Work, members: list[_Entrant], policy: Policy, settings: SiteSettings, now_us: int
) -> None:
    share = SHARES.get(policy)
    if share is None:
        order = ORDERS[policy]
        members.sort(key=lambda one: order(one.candidate, settings, now_us))
        for one in members:
            _give(work.room, one, _steps_free(work.room, one))
    else:
        # By id, not by turns: who gets the odd step must not change with time alone.
        members.sort(key=lambda one: one.candidate.demand.place)
        shares: list[Share] = [share(one.candidate, settings, now_us) for one in members]
        targets = fill(shares, [one.path for one in members], work.room)
        left = []
        for one, target in zip(members, targets, strict=True):
            whole = math.floor(target + GRACE_MA) // one.step * one.step
            left.append(whole - target)
            more = min(whole - one.given, _steps_free(work.room, one))
            _give(work.room, one, max(0, more))
        # Who lost most by rounding comes first.
        members = [one for _, one in sorted(zip(left, members, strict=True), key=lambda p: p[0])]
    _top_up(work.room, members)


def _steps_free(room: Sequence[int], one: _Entrant) -> int:
    """Return how much more it can have, in whole steps."""
    path = one.path
    more = one.candidate.high - one.given
    for row in path.rows:
        more = min(more, room[row])
    for row in path.powers:
        more = min(more, room[row] // path.phases)
    return max(0, more) // one.step * one.step


def _give(room: list[int], one: _Entrant, more: int) -> None:
    if more:
        _take(room, one.path, more)
        one.given += more


def _top_up(room: list[int], members: list[_Entrant]) -> None:
    while members:
        still = []
        for one in members:
            if one.given + one.step > one.candidate.high:
                continue
            one.blocked = _blocking(room, one.path, one.step)
            if one.blocked < 0:
                _give(room, one, one.step)
                still.append(one)
        members = still


def _limit(tree: Tree, limits: LimitsNow, one: _Entrant) -> EvseLimit:
    if one.blocked >= 0 and one.given + one.step <= one.candidate.high:
        binding = _binding(tree, limits, one.blocked)
    else:
        binding = Binding(one.high_by)
    place = tree.places[one.candidate.demand.place]
    return _evse_limit(tree, place, one.given, one.path.phases, binding)


def _evse_limit(
    tree: Tree, place: EvsePlace, given: int, phases: int, binding: Binding
) -> EvseLimit:
    amperes = given / MA_PER_A
    watts = amperes * phases * tree.site.voltage_v * _efficiency(place)
    return EvseLimit(amperes, watts, phases, binding)


def _reserved(tree: Tree, name: str, kept: int) -> EvseLimit:
    place = tree.places[name]
    return _evse_limit(tree, place, kept, place.phases, Binding(BindingKind.RESERVED))


def _binding(tree: Tree, limits: LimitsNow, row: int) -> Binding:
    circuit, phase = tree.row_name(row)
    source = limits.sources.get(row)
    if source is not None:
        return Binding(BindingKind.SCHEDULE, circuit.id, phase, source)
    return Binding(KINDS[circuit.kind], circuit.id, phase)


def _left(room: Sequence[int], paths: Sequence[Path], entrants: Sequence[_Entrant]) -> list[int]:
    """Return what is left of every row, those included that could not bind."""
    total: dict[int, int] = {}
    for one in entrants:
        total[one.path.key] = total.get(one.path.key, 0) + one.given
    left = list(room)
    for path in {path.key: path for path in paths}.values():
        _take(left, path, total[path.key])
    return left


def _headroom(tree: Tree, room: Sequence[int]) -> dict[str, PerPhase]:
    def left(row: int) -> float:
        # Counting has made the rows without a limit smaller, but they stay beyond any current.
        return NO_LIMIT if room[row] > UNLIMITED // 2 else room[row] / MA_PER_A

    bases = {circuit.id: n * ROWS_PER_CIRCUIT for n, circuit in enumerate(tree.order)}
    return {name: (left(base), left(base + 1), left(base + 2)) for name, base in bases.items()}
