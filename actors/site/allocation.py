"""Who may draw how much, for all EVSEs of a site at once.

    tree = compile_tree(site)
    limits = limits_now(tree, now_us, settings, schedule=..., loads=..., reserved_a=...)
    allocation = allocate(tree, limits, demands, settings, now_us)
    turns = turns_after(allocation, turns, now_us)      # into Demand.turn of the next call

How the policies share is in `sharing`. Whatever the demands are, no row carries more than its
room: all sums are whole milliamperes, and every step is checked before it is taken. The result
depends on nothing but the arguments, nor on the order of the demands.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from actors.site.counts import Floats, Ints
from actors.site.entrants import MOST_BY, Entrants, entrants
from actors.site.limits import UNLIMITED, LimitsNow
from actors.site.narrowing import narrowed
from actors.site.places import MA_PER_A
from actors.site.settings import Policy, SiteSettings
from actors.site.sharing import Shares
from actors.site.tree import ROWS_PER_CIRCUIT, Tree
from domain.site import (
    NO_LIMIT,
    Allocation,
    Binding,
    BindingKind,
    CircuitKind,
    Demand,
    EvseLimit,
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
    room = limits.room_ma
    overloaded = tuple(_binding(tree, limits, row) for row, left in enumerate(room) if left < 0)
    those = entrants(tree, limits, demands, policy, now_us)
    margin = round(settings.resume_margin_a * MA_PER_A)
    narrow = narrowed(tree, those.keys, those.high, room, margin)
    shares = Shares(those, narrow, room, policy, settings, now_us)
    shares.share_out()
    given = np.array(shares.given, np.intp)
    rows = _limits(tree, limits, those, shares, given)
    if limits.reserved_ma:
        rows |= {place: _reserved(tree, limits, place) for place in limits.reserved_ma}
        rows = dict(sorted(rows.items()))
    left = np.array(room, float) - tree.counts.carried(those.keys, given)
    return Allocation(rows, _headroom(tree, left), overloaded)


def turns_after(allocation: Allocation, before: Mapping[str, Turn], now_us: int) -> dict[str, Turn]:
    """Return since when each EVSE runs or is paused, for the demands of the next allocation."""
    turns = {}
    for place, limit in allocation.limits.items():
        known = before.get(place)
        running = not limit.paused
        keeps = known is not None and known.running is running
        turns[place] = known if known is not None and keeps else Turn(running, now_us)
    return turns


def _limits(
    tree: Tree, limits: LimitsNow, those: Entrants, shares: Shares, given: Ints
) -> dict[str, EvseLimit]:
    """Return what each may draw, and why it does not get more."""
    paused = given == 0
    # By car, place or plan: who could not take one step more, or not even its minimum.
    itself = given + np.where(paused, np.maximum(those.low, those.step), those.step) > those.high
    more = np.where(paused, np.maximum(shares.needed, those.step), those.step)
    rows = shares.crew.lacking(np.array(shares.room, float), more)
    causes = np.where(itself | (rows < 0), -1 - those.most_by, rows).tolist()
    bindings = {
        cause: BY_KIND[MOST_BY[-1 - cause]] if cause < 0 else _binding(tree, limits, cause)
        for cause in set(causes)
    }
    names = [one.place for one in those.demands]
    told = map(
        EvseLimit,
        (given / MA_PER_A).tolist(),
        (given * those.phases * those.watts).tolist(),
        those.phases.tolist(),
        map(bindings.__getitem__, causes),
    )
    return dict(zip(names, told, strict=True))


def _reserved(tree: Tree, limits: LimitsNow, name: str) -> EvseLimit:
    given = limits.reserved_ma[name]
    phases = tree.path(name, limits.reserved_phases.get(name, 0)).phases
    watts = float(tree.columns.watts[tree.columns.number[name]])
    binding = BY_KIND[BindingKind.RESERVED]
    return EvseLimit(given / MA_PER_A, given * phases * watts, phases, binding)


def _binding(tree: Tree, limits: LimitsNow, row: int) -> Binding:
    circuit, phase = tree.row_name(row)
    source = limits.sources.get(row)
    if source is not None:
        return Binding(BindingKind.SCHEDULE, circuit.id, phase, source)
    return Binding(KINDS[circuit.kind], circuit.id, phase)


def _headroom(tree: Tree, left: Floats) -> dict[str, PerPhase]:
    """Return what is left of every row of a phase, those included that could not bind."""
    # Counting makes the rows without a limit smaller, but they stay beyond any current.
    amperes = np.where(left > UNLIMITED // 2, NO_LIMIT, left / MA_PER_A)
    phases = amperes.reshape(-1, ROWS_PER_CIRCUIT)[:, :-1].tolist()
    return {
        circuit.id: (one, two, three)
        for circuit, (one, two, three) in zip(tree.order, phases, strict=True)
    }
