"""Progressive filling: raise everybody's share together until a row of the tree is full.

Each EVSE's share is a function of one *level*: clip(weight * (level - offset), low, high). The
level rises; when a row is full, all EVSEs that count in it keep what they have, and it goes on
for the others. With weight 1 and offset 0 the result is max-min fair: nobody can have more without
somebody who has less (or the same) getting less (Bertsekas and Gallager, Data Networks, 6.5.2).

Offsets make the same procedure even out something else: with the time that a car has to spare as
offset, those that have least of it are filled first.

A row that is full at a lower level than all rows that share an EVSE with it is full at that level
whatever happens elsewhere, as levels only rise when others are frozen. So in one round all such
rows are settled, wherever they are in the tree, and a few rounds over arrays do for a large site.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from actors.site.tree import Path

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]
HAIR_MA: Final = 5e-4
"""Half a micro-ampere: what adding and subtracting floats may leave behind."""


class Rise(NamedTuple):
    """How an EVSE's share grows with the level: by `weight` mA, from `offset` on."""

    weight: float = 1.0
    offset: float = 0.0


class _Counts(NamedTuple):
    """Who counts in which row, one entry for each EVSE and row: arrays of the same length."""

    row: Ints
    member: Ints
    times: Floats
    more: Floats
    """What each could take of each row beyond what it has."""

    def where(self, mask: Mask) -> "_Counts":
        at = mask.nonzero()[0]
        return _Counts(
            self.row.take(at), self.member.take(at), self.times.take(at), self.more.take(at)
        )


class _Bends(NamedTuple):
    """Where the sum of a row gets steeper or flatter, by row and level."""

    row: Ints
    member: Ints
    level: Floats
    change: Floats

    def at(self, where: Ints) -> "_Bends":
        return _Bends(
            self.row.take(where),
            self.member.take(where),
            self.level.take(where),
            self.change.take(where),
        )


def fill(
    lows: Sequence[int],
    highs: Sequence[int],
    rises: Sequence[Rise],
    paths: Sequence[Path],
    room: Sequence[int],
) -> list[float]:
    """Return how much each EVSE gets, in mA, not rounded.

    Args:
        lows: of each EVSE, what it has already, mA.
        highs: of each EVSE, the most that it gets, mA.
        rises: of each EVSE.
        paths: of each EVSE.
        room: of each row, after everybody has its low, mA; at least 0 in each row that is used.
    """
    low, high = np.array(lows, dtype=float), np.array(highs, dtype=float)
    growth = high - low
    left = np.array(room, dtype=float)
    counts = _counts(paths, growth)
    counts, binds = _that_bind(counts, counts.more > 0, left)
    if not counts.row.size:
        return [float(most) for most in highs]
    weight, offset = np.fromiter(chain.from_iterable(rises), float).reshape(-1, 2).T
    bends = _bends(counts, offset + low / weight, offset + high / weight, weight)
    got = high.copy()
    lowest = np.empty(low.size)
    while True:
        level = _levels(bends, left, binds)
        of_entry = level.take(counts.row)
        lowest.fill(np.inf)
        np.minimum.at(lowest, counts.member, of_entry)
        # A row waits while somebody in it is held back by another.
        settled = binds.copy()
        settled[counts.row[of_entry > lowest.take(counts.member)]] = False
        frozen = np.zeros(low.size, dtype=bool)
        frozen[counts.member[settled.take(counts.row)]] = True
        share = weight * (lowest - offset)
        np.copyto(got, np.minimum(high, np.maximum(low, share)), where=frozen)
        gone = frozen.take(counts.member)
        taken = (got - low).take(counts.member) * counts.times * gone
        left -= np.bincount(counts.row, taken, left.size)
        counts, binds = _that_bind(counts, ~gone, left)
        if not counts.row.size:
            return list(got.tolist())
        bends = bends.at((~frozen.take(bends.member) & binds.take(bends.row)).nonzero()[0])


def _counts(paths: Sequence[Path], growth: Floats) -> _Counts:
    """Return who counts where."""

    def flat(values: Iterable[tuple[int, ...]]) -> Ints:
        return np.fromiter(chain.from_iterable(values), dtype=np.intp)

    everybody = np.arange(len(paths))
    row = flat([path.rows for path in paths])
    member = np.repeat(everybody, [len(path.rows) for path in paths])
    times = np.ones(row.size)
    powers = flat([path.powers for path in paths])
    if powers.size:
        users = np.repeat(everybody, [len(path.powers) for path in paths])
        phases = np.array([path.phases for path in paths], dtype=float)
        row, member = np.concatenate((row, powers)), np.concatenate((member, users))
        times = np.concatenate((times, phases[users]))
    return _Counts(row, member, times, growth.take(member) * times)


def _that_bind(counts: _Counts, rising: Mask, left: Floats) -> tuple[_Counts, Mask]:
    """Return what of `rising` is in rows that would overflow if it got all, and those rows."""
    wanted = np.bincount(counts.row, counts.more * rising, left.size)
    binds = wanted > np.maximum(0.0, left) + HAIR_MA
    return counts.where(binds.take(counts.row) & rising), binds


def _bends(counts: _Counts, begin: Floats, end: Floats, weight: Floats) -> _Bends:
    change = weight.take(counts.member) * counts.times
    row = np.concatenate((counts.row, counts.row))
    bend = np.concatenate((counts.member, counts.member + begin.size))
    levels = np.concatenate((begin, end))
    # Each level is sorted once, not in each row; whole numbers sort much faster than floats.
    rank = np.empty(levels.size, dtype=np.intp)
    rank[levels.argsort()] = np.arange(levels.size)
    order = (row * levels.size + rank.take(bend)).argsort()
    member = bend % begin.size
    return _Bends(row, member, levels.take(bend), np.concatenate((change, -change))).at(order)


def _levels(bends: _Bends, left: Floats, binds: Mask) -> Floats:
    """Return at which level each row is full, infinite when it does not bind."""
    rows = binds.nonzero()[0]
    many = np.bincount(bends.row, minlength=left.size).take(rows)
    begins = many.cumsum() - many
    slope = bends.change.cumsum()
    steps = slope[:-1] * (bends.level[1:] - bends.level[:-1])
    steps[begins[1:] - 1] = 0.0  # from row to row
    grown = np.empty(slope.size)
    grown[0] = 0.0
    steps.cumsum(out=grown[1:])
    # Floats may have taken a hair too much.
    full = grown.take(begins) + np.maximum(0.0, left.take(rows))
    within = grown <= full.repeat(many)
    # The last bend at which the row is not full yet; at the very last one it is, as it binds.
    last = np.minimum(np.add.reduceat(within, begins, dtype=np.intp), many - 1) + begins - 1
    level = np.full(left.size, np.inf)
    level[rows] = bends.level.take(last) + (full - grown.take(last)) / slope.take(last)
    return level
