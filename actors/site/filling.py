"""Progressive filling: raise everybody's share together until a row of the tree is full.

Each EVSE's share is a function of one *level*: clip(weight * (level - offset), low, high). The
level rises; when a row is full, all EVSEs that count in it keep what they have, and it goes on
for the others. With weight 1 and offset 0 the result is max-min fair: nobody can have more without
somebody who has less (or the same) getting less (Bertsekas and Gallager, Data Networks, 6.5.2).

Offsets make the same procedure even out something else: with the time that a car has to spare as
offset, those that have least of it are filled first.

First, over arrays, the level at which each row would be full if all in it went on rising: never
above the true one, as whoever is stopped by another row leaves more for the rest. Below the lowest
of these levels nobody is stopped; from there on goes a `Sweep`.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from actors.site.counts import Floats, Ints, Path
from actors.site.narrowing import Narrow
from actors.site.sweep import HAIR_MA, Risers, Rows, sweep
from actors.site.tree import POWER, ROWS_PER_CIRCUIT


class Group(NamedTuple):
    """EVSEs that are raised together.

    Attributes:
        paths: of each, its rows that can bind.
        keys: of the paths.
        low: what each has already, mA.
        high: the most that it gets, mA.
        weight: by how many mA its share grows with the level, above 0.
        offset: the level at which its share would be 0.
    """

    paths: list[Path]
    keys: Ints
    low: Floats
    high: Floats
    weight: Floats
    offset: Floats

    def shares(self, level: Floats | float) -> Floats:
        """Return what each gets at a level, or each at its own, mA, not rounded."""
        grown = self.weight * (level - self.offset)
        shares: Floats = np.minimum(self.high, np.maximum(self.low, grown))
        return shares


def at_least(group: Group, narrow: Narrow, room: Floats) -> Floats:
    """Return what each gets in `fill` at least, mA: as if no row stopped anybody for the others."""
    row, member, times = narrow.counts.spread(group.keys)
    full = _full_levels(group, row, member, times, room)
    lowest = np.full(len(group.paths), inf)
    np.minimum.at(lowest, member, full.take(row))
    return group.shares(lowest)


def fill(group: Group, narrow: Narrow, room: Floats) -> Floats:
    """Return how much each EVSE gets, mA, not rounded.

    Args:
        group: of the EVSEs.
        narrow: the rows that can bind.
        room: of each row, after everybody has its low, mA; at least 0 in each row that is used.
    """
    row, member, times = narrow.counts.spread(group.keys)
    full = _full_levels(group, row, member, times, room)
    bottom = float(full.min(initial=inf))
    if bottom == inf:
        return group.high
    low, weight, offset = group.low, group.weight, group.offset
    # Levels count from there, so that floats lose little by subtraction.
    begin, end = offset + low / weight - bottom, offset + group.high / weight - bottom

    def carried(amounts: Floats) -> Floats:
        return np.bincount(row, amounts.take(member) * times, room.size).astype(float, copy=False)

    over = carried(group.shares(bottom) - low) - np.maximum(0.0, room)
    slope, ahead = carried(weight * ((begin <= 0) & (end > 0))), carried(weight * (begin > 0))
    order = row.argsort(kind="stable")
    those, bounds = member.take(order), row.take(order).searchsorted(np.arange(room.size + 1))

    def users(number: int) -> list[int]:
        numbers: list[int] = those[bounds[number] : bounds[number + 1]].tolist()
        return numbers

    stops = sweep(
        Risers(group.paths, weight, begin, end), Rows(over, slope, ahead, full - bottom), users
    )
    return group.shares(bottom + stops)


def _full_levels(group: Group, row: Ints, member: Ints, times: Floats, room: Floats) -> Floats:
    """Return at which level each row is full if all in it go on rising, inf when it never is."""
    low, high, weight = group.low, group.high, group.weight
    level = np.full(room.size, inf)
    wanted = np.bincount(row, (high - low).take(member) * times, room.size)
    left = np.maximum(0.0, room)
    binds = wanted > left + HAIR_MA
    at = binds.take(row).nonzero()[0]
    if not at.size:
        return level
    row, member = row.take(at), member.take(at)
    # Where each begins and ends, row by row in the order of levels. Each level is sorted once, and
    # row, rank make one whole number: those sort much faster than floats, or than pairs.
    bends = np.concatenate((group.offset + low / weight, group.offset + high / weight))
    order = bends.argsort(kind="stable")
    rank = np.empty(bends.size, np.intp)
    rank[order] = np.arange(bends.size)
    bits = int(bends.size).bit_length()
    keys = np.concatenate((rank.take(member), rank.take(member + low.size)))
    keys += np.concatenate((row, row)) << bits
    keys.sort()
    row, bend = keys >> bits, order.take(keys & ((1 << bits) - 1))
    slope = np.concatenate((weight, -weight)).take(bend)
    powers = row % ROWS_PER_CIRCUIT == POWER
    if powers.any():
        phases = np.array([path.phases for path in group.paths], float)
        slope[powers] *= phases.take(bend[powers] % low.size)
    rows = binds.nonzero()[0]
    level[rows] = _crossings(row, bends.take(bend), slope.cumsum(), rows, left.take(rows))
    return level


def _crossings(row: Ints, level: Floats, slope: Floats, rows: Ints, left: Floats) -> Floats:
    """Return where what each row carries more passes what is left of it.

    Args:
        row: of each bend, in order.
        level: of each bend; in order within a row.
        slope: after each bend; 0 after the last one of a row.
        rows: each row once.
        left: of each of them, mA; less than it carries more at its last bend.
    """
    begins = row.searchsorted(rows)
    many = np.diff(begins, append=row.size)
    steps = slope[:-1] * np.diff(level)
    steps[begins[1:] - 1] = 0.0  # from row to row
    grown = np.concatenate(([0.0], steps.cumsum()))
    full = grown.take(begins) + left
    within = grown <= full.repeat(many)
    # The last bend at which the row is not full yet; at the very last one it is, as it binds.
    last = np.minimum(np.add.reduceat(within, begins, dtype=np.intp), many - 1) + begins - 1
    crossing: Floats = level.take(last) + (full - grown.take(last)) / slope.take(last)
    return crossing
