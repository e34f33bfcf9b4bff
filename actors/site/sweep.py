"""The level rises: who begins, who has all, which row is full, in the order of levels.

What a row carries is a straight line from one such event to the next. When it is full next is not
kept up to date: what is known is a level below which it is not. Only when that level has come is
it worked out anew, so that an event costs no more than the rows of one EVSE.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Final, NamedTuple

import numpy as np

from actors.site.counts import Floats, Path

HAIR_MA: Final = 5e-4
"""Half a micro-ampere: what adding and subtracting floats may leave behind."""
NOTHING: Final = 1e-9
"""A slope, mA by level, that is none."""


class Risers(NamedTuple):
    """EVSEs whose shares rise: lists or arrays of the same length.

    Attributes:
        paths: of each, its rows.
        weight: by how much its share grows with the level.
        begin: the level at which it begins to rise.
        end: the level at which it has all that it can get.
    """

    paths: Sequence[Path]
    weight: Floats
    begin: Floats
    end: Floats


class Rows(NamedTuple):
    """How things stand in each row at level 0; arrays of the same length.

    Attributes:
        over: how much too much it carries, mA; negative: its room.
        slope: by how much it carries more by level.
        ahead: by how much more all that begin later will make the slope.
        full: a level below which it is not full; inf: it never is.
    """

    over: Floats
    slope: Floats
    ahead: Floats
    full: Floats


def sweep(risers: Risers, rows: Rows, users: Sequence[Sequence[int]]) -> Floats:
    """Return the level at which each EVSE stops, from level 0 up, below which no row is full.

    `users`: of each row, the numbers of those that count in it.
    """
    paths, weight = risers.paths, risers.weight.tolist()
    begin, stop = risers.begin.tolist(), risers.end.tolist()
    rising = (risers.end > 0).tolist()
    over: list[float] = rows.over.tolist()
    slope: list[float] = rows.slope.tolist()
    ahead: list[float] = rows.ahead.tolist()
    begins, ends = _later_ones(risers.begin), _later_ones(risers.end)
    begins_in: dict[int, list[float]] = {}

    def turn(one: int, level: float, steeper: float) -> None:
        """Let its rows carry so much more by level, from this one on."""
        path, gone = paths[one], steeper * level
        for row in path.rows:
            slope[row] += steeper
            over[row] -= gone
        for row in path.powers:
            slope[row] += steeper * path.phases
            over[row] -= gone * path.phases

    def call(one: int, steeper: float) -> None:
        """Count it no longer among those that begin later."""
        path = paths[one]
        for row in path.rows:
            ahead[row] -= steeper
        for row in path.powers:
            ahead[row] -= steeper * path.phases

    def not_before(row: int, level: float, carries: float) -> float:
        """Return a level before which a row is not full; inf: it never is."""
        rises, following = slope[row], inf
        if ahead[row] > NOTHING:
            if row not in begins_in:
                begins_in[row] = sorted([begin[one] for one in users[row]], reverse=True)
            levels = begins_in[row]
            while levels and levels[-1] <= level:
                levels.pop()
            if levels:
                following = levels[-1]
        straight = level - carries / rises if rises > NOTHING else inf
        if straight <= following:
            return straight
        return max(following, level - carries / (rises + ahead[row]))

    heap = [(level, row) for row, level in enumerate(rows.full.tolist()) if level < inf]
    heapify(heap)
    while heap:
        level, row = heappop(heap)
        if slope[row] <= NOTHING and ahead[row] <= NOTHING:
            continue  # nobody rises in it any more
        while begins and begins[-1][0] <= level:
            at, one = begins.pop()
            if rising[one]:
                call(one, weight[one])
                turn(one, at, weight[one])
        while ends and ends[-1][0] <= level:
            at, one = ends.pop()
            if rising[one]:
                rising[one] = False
                turn(one, at, -weight[one])
        carries = over[row] + slope[row] * level
        if carries < -HAIR_MA:
            later = not_before(row, level, carries)
            if later > level:
                if later < inf:
                    heappush(heap, (later, row))
                continue
        for one in users[row]:
            if rising[one]:
                rising[one], stop[one] = False, level
                if begin[one] <= level:
                    turn(one, level, -weight[one])
                else:
                    call(one, weight[one])
    return np.array(stop)


def _later_ones(levels: Floats) -> list[tuple[float, int]]:
    """Return those after level 0, the next one last."""
    order = levels.argsort(kind="stable")[::-1]
    order = order[levels.take(order) > 0]
    return list(zip(levels.take(order).tolist(), order.tolist(), strict=True))
