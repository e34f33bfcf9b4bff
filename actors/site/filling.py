"""Progressive filling: raise everybody's share together until a row of the tree is full.

Each EVSE's share is a function of one *level*: clip(weight * (level - offset), low, high). The
level rises; when a row is full, all EVSEs that count in it keep what they have, and it goes on
for the others. With weight 1 and offset 0 the result is max-min fair: nobody can have more without
somebody who has less (or the same) getting less (Bertsekas and Gallager, Data Networks, 6.5.2).

Offsets make the same procedure even out something else: with the time that a car has to spare as
offset, those that have least of it are filled first.

EVSEs that count in the same rows are one group, and rows are full or not for whole groups; so what
costs is groups times rows, not EVSEs times rows. When a group is frozen, the level at which another
row is full can only rise: so a heap of levels is kept, and a level is only computed anew when it
is at the top.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from actors.site.tree import Path

INFINITE = math.inf


class Share(msgspec.Struct, frozen=True, gc=False):
    """How much an EVSE gets at a level, in mA."""

    low: float
    high: float
    weight: float = 1.0
    offset: float = 0.0

    def at(self, level: float) -> float:
        """Return the share at this level."""
        return min(self.high, max(self.low, self.weight * (level - self.offset)))


@dataclass(slots=True, eq=False)
class _Group:
    """EVSEs that count in the same rows."""

    path: Path
    members: list[int] = field(default_factory=list)
    slopes: dict[float, float] = field(default_factory=dict)
    """Level -> how much steeper the group's sum gets there."""
    growth: float = 0.0
    """What all would take at most above their lows."""
    rows: list[tuple["_Row", int]] = field(default_factory=list)
    frozen: bool = False


@dataclass(slots=True, eq=False)
class _Row:
    """A row that would overflow if everybody got all."""

    room: float
    groups: list[tuple[_Group, int]]
    growth: float
    """What its groups that are not frozen would take at most above their lows."""
    slopes: dict[float, float] = field(default_factory=dict)
    """Of those groups together. Merging them is what costs, so it is done once; a group that is
    frozen is subtracted."""
    order: list[float] = field(default_factory=list)
    """The levels of the slopes, rising."""
    stale: bool = False
    """A group of it was frozen since its level was computed."""


def fill(shares: Sequence[Share], paths: Sequence[Path], room: Sequence[float]) -> list[float]:
    """Return how much each EVSE gets, in mA, not rounded.

    Args:
        shares: of each EVSE.
        paths: of each EVSE.
        room: of each row, after everybody has its low; at least 0 in each row that is used.
    """
    groups = _groups(shares, paths)
    rows = _rows_that_bind(groups, room)
    got = [share.high for share in shares]
    heap = [(_level(row), number) for number, row in enumerate(rows)]
    heapq.heapify(heap)
    while heap:
        level, number = heap[0]
        row = rows[number]
        if row.stale:
            row.stale = False
            level = _level(row)
            if level == INFINITE:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (level, number))
            continue
        heapq.heappop(heap)
        if level == INFINITE:
            continue
        for group, _ in row.groups:
            if not group.frozen:
                _freeze(group, level, shares, got)
    return got


def _groups(shares: Sequence[Share], paths: Sequence[Path]) -> list[_Group]:
    groups: dict[int, _Group] = {}
    for number, (share, path) in enumerate(zip(shares, paths, strict=True)):
        group = groups.get(path.key)
        if group is None:
            group = groups[path.key] = _Group(path)
        group.members.append(number)
        if share.high > share.low:
            group.growth += share.high - share.low
            slopes, weight = group.slopes, share.weight
            begin = share.offset + share.low / weight
            end = share.offset + share.high / weight
            slopes[begin] = slopes.get(begin, 0.0) + weight
            slopes[end] = slopes.get(end, 0.0) - weight
    return [group for group in groups.values() if group.growth > 0]


def _rows_that_bind(groups: list[_Group], room: Sequence[float]) -> list[_Row]:
    """Return the rows that can get full."""
    wanted: dict[int, float] = {}
    for group in groups:
        path, growth = group.path, group.growth
        for number in path.rows:
            wanted[number] = wanted.get(number, 0.0) + growth
        for number in path.powers:
            wanted[number] = wanted.get(number, 0.0) + growth * path.phases
    rows = {
        number: _Row(room[number], [], total)
        for number, total in wanted.items()
        if total > room[number]
    }
    for group in groups:
        path = group.path
        for number in path.rows:
            row = rows.get(number)
            if row is not None:
                row.groups.append((group, 1))
                group.rows.append((row, 1))
        for number in path.powers:
            row = rows.get(number)
            if row is not None:
                row.groups.append((group, path.phases))
                group.rows.append((row, path.phases))
    return list(rows.values())


def _level(row: _Row) -> float:
    """Return at which level the row is full, infinite when its groups are not enough for it."""
    left = max(0.0, row.room)  # floats may have taken a hair too much
    # Half a micro-ampere: what subtracting floats may leave behind.
    if row.growth <= left + 5e-4:
        return INFINITE
    slopes = row.slopes
    if not row.order:
        for group, times in row.groups:
            if not group.frozen:
                for at, change in group.slopes.items():
                    slopes[at] = slopes.get(at, 0.0) + change * times
        row.order = sorted(slopes)
    slope, level = 0.0, 0.0
    for at in row.order:
        step = slope * (at - level) if slope else 0.0
        if step > left:
            return level + left / slope
        left -= step
        level = at
        slope += slopes[at]
    return level


def _freeze(group: _Group, level: float, shares: Sequence[Share], got: list[float]) -> None:
    group.frozen = True
    used = 0.0
    for number in group.members:
        share = shares[number]
        got[number] = share.at(level)
        used += got[number] - share.low
    for row, times in group.rows:
        row.stale = True
        row.room -= used * times
        row.growth -= group.growth * times
        if row.order:
            for at, change in group.slopes.items():
                row.slopes[at] -= change * times
