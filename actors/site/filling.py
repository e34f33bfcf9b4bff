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

import numpy as np

from actors.site.counts import Crew, Floats
from actors.site.sweep import HAIR_MA, Risers, Rows, sweep


class Group:
    """EVSEs that are raised together: an entry for each.

    Attributes:
        crew: who counts where, in the rows that can bind.
        low: what each has already, mA.
        high: the most that it gets, mA.
        weight: by how many mA its share grows with the level, above 0.
        offset: the level at which its share would be 0.
        begin: the level at which it begins to grow.
        end: the level at which it has all that it gets.
    """

    def __init__(
        self, crew: Crew, low: Floats, high: Floats, weight: Floats, offset: Floats
    ) -> None:
        self.crew = crew
        self.low, self.high = low, high
        self.weight, self.offset = weight, offset
        self.begin = offset + low / weight
        self.end = offset + high / weight

    def shares(self, level: Floats | float) -> Floats:
        """Return what each gets at a level, or each at its own, mA, not rounded."""
        grown = self.weight * (level - self.offset)
        shares: Floats = np.minimum(self.high, np.maximum(self.low, grown))
        return shares


def at_least(group: Group, room: Floats) -> Floats:
    """Return what each gets in `fill` at least, mA: as if no row stopped anybody for the others."""
    crew = group.crew
    lowest = np.full(len(crew.paths), inf)
    np.minimum.at(lowest, crew.member, _full_levels(group, room).take(crew.row))
    return group.shares(lowest)


def fill(group: Group, room: Floats) -> Floats:
    """Return how much each EVSE gets, mA, not rounded.

    Args:
        group: of the EVSEs.
        room: of each row, after everybody has its low, mA; at least 0 in each row that is used.
    """
    full = _full_levels(group, room)
    bottom = float(full.min(initial=inf))
    if bottom == inf:
        return group.high
    crew, weight = group.crew, group.weight
    # Levels count from there, so that floats lose little by subtraction.
    begin, end = group.begin - bottom, group.end - bottom
    rows = Rows(
        over=crew.carried(group.shares(bottom) - group.low) - np.maximum(0.0, room),
        slope=crew.carried(weight * ((begin <= 0) & (end > 0))),
        ahead=crew.carried(weight * (begin > 0)),
        full=full - bottom,
    )
    stops = sweep(Risers(crew.paths, weight, begin, end), rows, crew.users)
    return group.shares(bottom + stops)


def _full_levels(group: Group, room: Floats) -> Floats:
    """Return at which level each row is full if all in it go on rising, inf when it never is."""
    bends = group.crew.bends
    full_at = np.full(room.size, inf)
    if not bends.rows.size:
        return full_at
    # Where each begins and ends, row by row in the order of levels. Each level is sorted once, and
    # row, rank make one whole number: those sort much faster than floats, or than pairs.
    levels = np.concatenate((group.begin, group.end))
    order = levels.argsort(kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    keys = bends.row_key + rank.take(bends.number)
    keys.sort()
    bend = order.take(keys & bends.rank_mask)
    slope = np.concatenate((group.weight, -group.weight)).take(bend)
    if bends.powers.size:
        count = group.weight.size
        slope[bends.powers] *= group.crew.phases.take(bend.take(bends.powers) % count)
    level, slope = levels.take(bend), slope.cumsum()
    # What each row carries more at each of its bends; 0 at its first.
    steps = slope[:-1] * np.diff(level)
    steps[bends.first[1:] - 1] = 0.0  # from row to row
    grown = np.concatenate(([0.0], steps.cumsum()))
    full = grown.take(bends.first) + np.maximum(0.0, room.take(bends.rows))
    binds = grown.take(bends.last) > full + HAIR_MA
    within = np.add.reduceat(grown <= full.repeat(bends.many), bends.first, dtype=np.intp)
    # The last bend at which the row is not full yet; at the very last one it is, as it binds.
    at = (bends.first + np.minimum(within, bends.many - 1) - 1)[binds]
    crossing = level.take(at) + (full[binds] - grown.take(at)) / slope.take(at)
    full_at[bends.rows[binds]] = crossing
    return full_at
