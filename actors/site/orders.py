"""Who is told what, after the site was shared out.

Lower limits are told at once. Higher ones only into room that is free whatever became of all other
orders, those that have waited longest first.
"""

from collections.abc import Mapping, Sequence

from actors.site.ceilings import ceiling_a, path_of, raise_max_ma, room_below, standing_max_a
from actors.site.counts import Path
from actors.site.effects import Scope, SetLimit
from actors.site.limits import US_PER_S, take
from actors.site.places import MA_PER_A
from actors.site.state import Order, SiteState, Spot
from actors.site.tree import Tree
from domain.site import Current, EvsePlace


class _Floor:
    """What is left of a site when all draw what they may; gets less while limits are raised."""

    def __init__(self, state: SiteState, tree: Tree, room_ma: Sequence[int]) -> None:
        self.paths = {name: path_of(tree, spot) for name, spot in state.spots.items()}
        self.ceilings = {name: ceiling_a(spot) for name, spot in state.spots.items()}
        drawn = ((self.paths[name], amperes) for name, amperes in self.ceilings.items())
        self.room_ma = room_below(room_ma, drawn)

    def is_crowded(self, path: Path) -> bool:
        """Return whether some row of a path carries too much."""
        return min(self.room_ma[row] for row in (*path.rows, *path.powers)) < 0


def orders(
    state: SiteState,
    tree: Tree,
    room_ma: Sequence[int],
    shares: Mapping[str, float],
    now_us: int,
) -> list[SetLimit]:
    """Return what is told now.

    Args:
        state: of the site.
        tree: of the site.
        room_ma: what each row carries, with nothing set aside.
        shares: place -> what its session is to have, A; of those that get a share.
        now_us: the instant.
    """
    floor = _Floor(state, tree, room_ma)
    told: list[SetLimit] = []
    raises: list[tuple[int, str, Scope, float]] = []
    for name, spot in state.spots.items():
        if not spot.online or spot.order is not None or now_us < spot.retry_us:
            continue
        wanted = _wanted(state, spot, shares.get(name))
        if wanted is None:
            continue
        scope, target_a = wanted
        if target_a > floor.ceilings[name] and not _doubted(spot, scope):
            if scope is Scope.STANDING and spot.way is Scope.CHARGER:
                told.append(_send(state, spot, scope, target_a, now_us))  # the whole bounds it
            elif _is_worth(state, _told(spot, scope), target_a):
                raises.append((spot.raised_us, name, scope, target_a))
            continue
        lower_a = _lowered_to(state, spot, scope, target_a, floor)
        if lower_a is not None:
            told.append(_send(state, spot, scope, lower_a, now_us))
    for raised_us, name, scope, target_a in sorted(raises):
        spot = state.spots[name]
        # The first limit of a charger does not wait for the interval between two raises.
        interval_s = state.control.raise_interval_s if spot.session else 0.0
        if now_us < raised_us + interval_s * US_PER_S:
            continue
        higher_a = _raised_to(state, spot, scope, target_a, floor)
        if higher_a is not None:
            spot.raised_us = now_us
            told.append(_send(state, spot, scope, higher_a, now_us))
    return told


def _lowered_to(
    state: SiteState, spot: Spot, scope: Scope, target_a: float, floor: _Floor
) -> float | None:
    """Return what an EVSE is to be told that may draw as much already; None: nothing."""
    path, now_a = floor.paths[spot.place.id], floor.ceilings[spot.place.id]
    told_a, doubted = _told(spot, scope), _doubted(spot, scope)
    if target_a == now_a and told_a is not None and not doubted:
        return None
    crowded = floor.is_crowded(path)
    ignored = spot.because == "ignores"  # told again, even if it has accepted just that
    worth = told_a != target_a and (crowded or _is_worth(state, told_a, target_a))
    if not (doubted or ignored or worth):
        return None
    limit_a = min(target_a, now_a)
    if crowded and not _surely_lowers(spot, scope, limit_a):
        limit_a = _surely_fits(spot, limit_a, now_a, floor.room_ma, path)
        if limit_a == told_a and not doubted:
            return None  # as much as there is room for, for now
    return limit_a


def _raised_to(
    state: SiteState, spot: Spot, scope: Scope, target_a: float, floor: _Floor
) -> float | None:
    """Return what an EVSE may have more, and take it: what is free now of it; None: nothing."""
    place, path, now_a = spot.place, floor.paths[spot.place.id], ceiling_a(spot)
    step_ma = round(place.resolution_a * MA_PER_A)
    free_ma = round(now_a * MA_PER_A) + raise_max_ma(floor.room_ma, path)
    reached_a = min(round(target_a * MA_PER_A), free_ma // step_ma * step_ma) / MA_PER_A
    if reached_a <= now_a or reached_a < min(place.min_a, target_a):
        return None
    if not _is_worth(state, _told(spot, scope), reached_a):
        return None
    taken_ma = round((reached_a - now_a) * MA_PER_A)
    take(floor.room_ma, path.rows, taken_ma)
    take(floor.room_ma, path.powers, taken_ma * path.phases)
    return reached_a


def _wanted(state: SiteState, spot: Spot, share_a: float | None) -> tuple[Scope, float] | None:
    """Return what an EVSE is to be told next, and by which scope; None: nothing.

    Args:
        state: of the site.
        spot: the EVSE.
        share_a: of its session; None when it gets no share.
    """
    place = spot.place
    idle_a = min(state.control.standing_a, place.max_a)
    if share_a is None and spot.session and spot.set_aside_a is not None:
        share_a = place.min_a  # whether it does as it is told now
    if spot.way is not Scope.SESSION:
        target_a = idle_a if share_a is None else share_a
        if spot.way is Scope.CHARGER and spot.cap_a is not None and _closed(spot):
            return Scope.STANDING, place.max_a
        return spot.way, target_a
    if spot.takes_standing and spot.standing_a != idle_a:
        return Scope.STANDING, idle_a
    return None if share_a is None else (Scope.SESSION, share_a)


def _closed(spot: Spot) -> bool:
    """Whether a standing limit of before would go on binding under one of the whole charger."""
    return (
        spot.takes_standing
        and spot.limit_a is None
        and spot.standing_a is not None
        and spot.standing_a < spot.place.max_a
    )


def _told(spot: Spot, scope: Scope) -> float | None:
    if scope is Scope.SESSION:
        return spot.limit_a
    return spot.standing_a if scope is Scope.STANDING else spot.cap_a


def _doubted(spot: Spot, scope: Scope) -> bool:
    if scope is Scope.SESSION:
        return spot.doubt_a > 0 or spot.unknown or _may_have_ended(spot)
    return (spot.standing_doubt_a if scope is Scope.STANDING else spot.cap_doubt_a) > 0


def _may_have_ended(spot: Spot) -> bool:
    """Whether its standing limit counts, as nobody has heard of the session since it came back."""
    if spot.limit_a is None or spot.confirmed or not spot.session:
        return False
    return standing_max_a(spot) > spot.limit_a


def _is_worth(state: SiteState, told_a: float | None, target_a: float) -> bool:
    if told_a is None or (told_a == 0) != (target_a == 0):
        return True
    return abs(target_a - told_a) >= min(state.control.change_min_a, target_a or 1.0)


def _surely_lowers(spot: Spot, scope: Scope, limit_a: float) -> bool:
    """Whether the limit is no more than what it has now, whatever became of other orders."""
    if _doubted(spot, scope):
        return False
    told_a = _told(spot, scope)
    if told_a is None and scope is Scope.SESSION:
        told_a = None if spot.standing_doubt_a else spot.standing_a
    return told_a is not None and limit_a <= told_a


def _surely_fits(spot: Spot, limit_a: float, now_a: float, room: list[int], path: Path) -> float:
    """Return the limit, or what of it fits whatever the EVSE has now.

    It counts with the most that may hold, and may have much less: to such a one the same order is
    a raise, and there is no room as long as others have not lowered theirs.
    """
    step_ma = round(spot.place.resolution_a * MA_PER_A)
    left = [room[row] for row in path.rows] + [room[row] // path.phases for row in path.powers]
    free_ma = max(0, round(now_a * MA_PER_A) + min(left)) // step_ma * step_ma
    fits_a = min(limit_a, free_ma / MA_PER_A)
    return fits_a if fits_a >= spot.place.min_a else 0.0


def _send(state: SiteState, spot: Spot, scope: Scope, limit_a: float, now_us: int) -> SetLimit:
    state.last_number += 1
    number = state.last_number
    # More than its charger has accepted: that it may hold is written down before it is sent.
    raises = limit_a > (_told(spot, scope) or 0.0)
    spot.order = Order(number, scope, spot.session, limit_a, now_us)
    state.orders[number] = spot
    place = spot.place
    return SetLimit(
        number,
        place.id,
        place.charger,
        place.evse,
        scope,
        spot.session,
        limit_a,
        _output_w(state, place, limit_a),
        raises,
        now_us + int(state.control.answer_s * US_PER_S),
    )


def _output_w(state: SiteState, place: EvsePlace, limit_a: float) -> float:
    if place.current is not Current.DC or state.tree is None:
        return -1.0
    return limit_a * place.phases * state.tree.site.voltage_v * place.efficiency
