"""Those that a site is shared out to: what each wants, and what its place and car make possible."""

import math
from collections.abc import Iterable

import msgspec

from actors.site.counts import Path
from actors.site.limits import US_PER_S, LimitsNow
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import GRACE_MA, MA_PER_A, Ready, Tree
from domain.site import NO_LIMIT, BindingKind, Demand


class Entrant(msgspec.Struct, gc=False):
    """A car that may get a share; currents in mA of each phase, in whole steps of its EVSE.

    Attributes:
        path: where it counts.
        low: the minimum.
        high: the most, not below low unless it is paused or full.
        high_by: what sets the most that it can get.
        starves: it has been paused for so long that it goes before the others of its class.
        spare_s: how long it could wait; of the policy that looks at it.
        given: what it has got; 0: paused.
        blocked: the row that has no room for more, -1: none.
    """

    demand: Demand
    at: Ready
    path: Path
    step: int
    low: int
    high: int
    high_by: BindingKind
    starves: bool = False
    spare_s: float = 0.0
    given: int = 0
    blocked: int = -1


def entrants(
    tree: Tree,
    limits: LimitsNow,
    demands: Iterable[Demand],
    policy: Policy,
    settings: SiteSettings,
    now_us: int,
) -> list[Entrant]:
    """Return those that are shared out to, in the order of their ids.

    Raises:
        KeyError: a demand's place is not in the tree.
        ValueError: two demands are for the same place.
    """
    by_place: dict[str, Demand] = {}
    for demand in demands:
        if demand.place in by_place:
            raise ValueError(f"two demands for {demand.place}")
        by_place[demand.place] = demand
    takes_all = policy is Policy.EQUAL_SHARE  # how much a car draws does not matter to it
    starving_us = now_us - settings.pause_s_max * US_PER_S
    ready, reserved = tree.ready, limits.reserved_ma
    result = []
    for name in sorted(by_place):
        if name in reserved:
            continue
        demand, at = by_place[name], ready[name]
        phases, wired, max_a = demand.phases, at.wired, at.max_a
        wanted_a = demand.wanted_a
        if takes_all and wanted_a > 0:
            wanted_a = NO_LIMIT
        high, high_by = at.most, BindingKind.CHARGER
        if wanted_a < max_a or demand.plan_a < max_a or demand.idle:
            high, high_by = _high(at, demand, wanted_a)
        turn = demand.turn
        starves = turn is not None and not turn.running and turn.since_us <= starving_us
        path = at.paths[(phases if 0 < phases < wired else wired) - 1]
        result.append(Entrant(demand, at, path, at.step, at.low, high, high_by, starves))
    return result


def _high(at: Ready, demand: Demand, wanted_a: float) -> tuple[int, BindingKind]:
    """Return the most that place, car and plan allow, mA, and which of them it is."""
    most, by = at.max_a, BindingKind.CHARGER
    if wanted_a < most:
        most, by = wanted_a, BindingKind.CAR
    if demand.plan_a < most:
        most, by = demand.plan_a, BindingKind.PLAN
    high = math.floor(most * MA_PER_A + GRACE_MA) // at.step * at.step
    low = at.low
    if demand.idle and high > low:
        return low, BindingKind.CAR
    if high < low and by is BindingKind.CAR and wanted_a > 0 and demand.plan_a * MA_PER_A >= low:
        return low, by
    return high, by
