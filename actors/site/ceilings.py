"""What each EVSE may draw at worst: the sum of it is what must never be above a circuit's limit.

A limit that was sent counts from the moment of sending when it is higher, and only from its
acceptance when it is lower. What is not known counts as the most that the EVSE can draw.
"""

from collections.abc import Iterable, Sequence

from actors.site.limits import MA_PER_A, take
from actors.site.state import Spot
from actors.site.tree import Path, Tree


def ceiling_a(spot: Spot) -> float:
    """Return what an EVSE may draw now, A per phase, whatever became of what it was told."""
    most = spot.place.max_a
    if spot.set_aside_a is not None:
        return max(spot.set_aside_a, _told(spot, most))
    return _told(spot, most)


def _told(spot: Spot, most: float) -> float:
    fallback_a = spot.place.fallback_a
    standing = spot.standing_a
    if standing is None:
        standing = fallback_a if fallback_a >= 0 else most
    if spot.session and spot.online and spot.limit_a is not None:
        worst = spot.limit_a
    elif spot.limit_a is not None:
        # Unseen, a session may end and the next begin: either limit may hold.
        worst = max(spot.limit_a, standing)
    else:
        worst = standing
    if spot.order is not None:
        worst = max(worst, spot.order.limit_a)
    return min(max(worst, spot.doubt_a), most)


def path_of(tree: Tree, spot: Spot, phases: int) -> Path:
    """Return where it counts. A car's phases are believed only while it is told what to do."""
    return tree.path(spot.place.id, phases if spot.obeys and spot.session else 0)


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
