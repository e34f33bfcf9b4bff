"""What each EVSE may draw at worst: the sum of it is what must never be above a circuit's limit.

A limit that was sent counts from the moment of sending when it is higher, and only from its
acceptance when it is lower. What is not known counts as the most that the EVSE can draw.

The limit of a session goes before the standing one; that of the charger as a whole bounds both.
"""

from collections.abc import Iterable, Sequence

from actors.site.counts import Path
from actors.site.effects import Scope
from actors.site.limits import take
from actors.site.places import MA_PER_A
from actors.site.state import Spot
from actors.site.tree import Tree
from domain.site import Current


def ceiling_a(spot: Spot) -> float:
    """Return what an EVSE may draw now, A per phase, whatever became of what it was told."""
    told = told_max_a(spot)
    return told if spot.set_aside_a is None else max(spot.set_aside_a, told)


def told_max_a(spot: Spot) -> float:
    """Return the greatest limit that may hold at a charger that does as it is told."""
    most = spot.place.max_a
    told = _own(spot, most) if spot.cap_a is None else _cap(spot, most)
    order = spot.order
    # Once there is a limit of the whole, those below it are opened: only it counts.
    if order is not None and (spot.cap_a is None or order.scope is Scope.CHARGER):
        told = max(told, min(order.limit_a, most))
    return told


def accepted_a(spot: Spot) -> float | None:
    """Return the limit that its charger says it keeps for the session; None: not known."""
    own = spot.standing_a if spot.limit_a is None else spot.limit_a
    if spot.cap_a is None:
        return own
    return spot.cap_a if own is None else min(own, spot.cap_a)


def _own(spot: Spot, most: float) -> float:
    standing = standing_max_a(spot)
    if spot.limit_a is None:
        worst = standing
    elif spot.session and spot.online and spot.confirmed:
        worst = spot.limit_a
    else:
        # Unseen, a session may end and the next begin: either limit may hold.
        worst = max(spot.limit_a, standing)
    return most if spot.unknown else min(max(worst, spot.doubt_a), most)


def standing_max_a(spot: Spot) -> float:
    """Return the most that may hold while no session has a limit of its own."""
    standing = spot.standing_a
    if standing is None:
        fallback_a = spot.place.fallback_a
        standing = fallback_a if fallback_a >= 0 else spot.place.max_a
    return max(standing, spot.standing_doubt_a)


def _cap(spot: Spot, most: float) -> float:
    return min(max(spot.cap_a or 0.0, spot.cap_doubt_a), most)


def greatest_a(spot: Spot, scope: Scope) -> float:
    """Return the greatest limit of a scope that may hold; -1: not known, or none."""
    if scope is Scope.SESSION:
        accepted, doubt = spot.limit_a, spot.place.max_a if spot.unknown else spot.doubt_a
    elif scope is Scope.STANDING:
        accepted, doubt = spot.standing_a, spot.standing_doubt_a
    else:
        accepted, doubt = spot.cap_a, spot.cap_doubt_a
    if accepted is None and scope is not Scope.SESSION:
        return -1.0  # an unanswered order bounds nothing while it was not told before
    known = [] if accepted is None else [accepted]
    if doubt > 0:
        known.append(doubt)
    if spot.order is not None and spot.order.scope is scope:
        known.append(spot.order.limit_a)
    return max(known, default=-1.0)


def counted_phases(spot: Spot) -> int:
    """Return on how many phases it counts; 0: on all that are wired.

    The phases of a car are believed while it is there for sure: unseen, another one may have come,
    but not to draw anything where the standing limit is 0.
    """
    if not spot.session or spot.set_aside_a is not None or spot.place.current is Current.DC:
        return 0
    nobody_else = spot.standing_a == 0 and not spot.standing_doubt_a and spot.way is Scope.SESSION
    return spot.phases.phases if spot.online or nobody_else else 0


def path_of(tree: Tree, spot: Spot) -> Path:
    """Return where it counts."""
    return tree.path(spot.place.id, counted_phases(spot))


def room_below(room_ma: Sequence[int], ceilings: Iterable[tuple[Path, float]]) -> list[int]:
    """Return what is left of each row, mA, when all draw what they may. Below 0: too much.

    `room_ma`: of `limits_now` with nothing set aside.
    """
    room = list(room_ma)
    for path, amperes in ceilings:
        milliamperes = round(amperes * MA_PER_A)
        take(room, path.rows, milliamperes)
        take(room, path.powers, milliamperes * path.phases)
    return room


def raise_max_ma(room: list[int], path: Path) -> int:
    """Return by how much more, mA per phase, an EVSE on this path may draw."""
    free = [room[row] for row in path.rows] + [room[row] // path.phases for row in path.powers]
    return max(0, min(free))
