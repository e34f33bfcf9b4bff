"""Which EVSEs count in which rows of a tree, for sums over arrays."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]


class Path(msgspec.Struct, frozen=True, gc=False):
    """The rows that an EVSE counts in, from its own circuit up to the root.

    Attributes:
        key: the same for all EVSEs that count in the same rows alike.
        rows: of phases, each counted once.
        powers: of power, counted `phases` times.
        phases: how many phases draw.
    """

    key: int
    rows: tuple[int, ...]
    powers: tuple[int, ...]
    phases: int


class Counts(NamedTuple):
    """Which path counts in which row, and how often, path by path.

    Attributes:
        row: of each entry.
        path: likewise its key, in order.
        times: likewise.
        size: of each key: how many entries.
        rows: how many rows there are.
    """

    row: Ints
    path: Ints
    times: Floats
    size: Ints
    rows: int

    def carried(self, keys: Ints, amounts: Floats | Ints) -> Floats:
        """Return what each row carries when so much is taken on the path of each key.

        Whole numbers are exact: below 2**53 mA.
        """
        totals = np.bincount(keys, amounts, self.size.size)
        taken = totals.take(self.path) * self.times
        return np.bincount(self.row, taken, self.rows).astype(float, copy=False)

    def within(self, kept: Mask) -> "Counts":
        """Return what counts in some rows."""
        at = kept.take(self.row).nonzero()[0]
        path = self.path.take(at)
        size = np.bincount(path, minlength=self.size.size).astype(np.intp, copy=False)
        return Counts(self.row.take(at), path, self.times.take(at), size, self.rows)

    def spread(self, keys: Ints) -> tuple[Ints, Ints, Floats]:
        """Return the entries of the path of each key: row, which of the keys, times."""
        size = self.size.take(keys)
        ends, whole = size.cumsum(), self.size.cumsum()
        jumps = np.subtract((whole - self.size).take(keys), ends - size, dtype=np.intp)
        at = np.arange(int(size.sum()), dtype=np.intp) + jumps.repeat(size)
        return self.row.take(at), np.arange(keys.size).repeat(size), self.times.take(at)


class Bends(NamedTuple):
    """Where rows become steeper or flatter while the level rises: two for each entry of a crew.

    Attributes:
        number: of each, whose begin it is, or whose end: that of its EVSE and their count more.
        row_key: likewise its row, so that row_key + rank sorts by row, then by rank.
        rank_mask: the bits of that sum which are the rank.
        rows: those in which somebody counts.
        first: of each of them, its first bend of all that are sorted.
        last: likewise.
        many: how many it has.
        powers: the numbers of the sorted bends in rows of power.
    """

    number: Ints
    row_key: Ints
    rank_mask: int
    rows: Ints
    first: Ints
    last: Ints
    many: Ints
    powers: Ints


class Crew:
    """EVSEs that are shared out to together, by number: who counts in which row.

    It follows from their paths alone, and is remembered as long as the same cars are there.

    Attributes:
        paths: of each.
        rows: how many rows there are.
        row: of each entry; those of the first EVSE come first, in the order of its path.
        member: likewise whose entry it is.
        times: likewise how often it counts.
    """

    def __init__(self, counts: Counts, keys: Ints, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.rows = counts.rows
        self.row, self.member, self.times = counts.spread(keys)

    @cached_property
    def users(self) -> list[list[int]]:
        """Of each row, those that count in it."""
        order = self.row.argsort(kind="stable")
        bounds = self.row.take(order).searchsorted(np.arange(self.rows + 1))
        members = self.member.take(order).tolist()
        return [members[begin:end] for begin, end in pairwise(bounds.tolist())]

    @cached_property
    def phases(self) -> Floats:
        """Of each, on how many phases it counts."""
        return np.array([path.phases for path in self.paths], float)

    @cached_property
    def bends(self) -> Bends:
        """Where the rows become steeper or flatter while the level rises."""
        count = len(self.paths)
        bits = (2 * count).bit_length()
        rows, many = np.unique(np.concatenate((self.row, self.row)), return_counts=True)
        ends = many.cumsum()
        # Only in rows of power does anybody count more than once.
        powers = np.bincount(self.row, self.times != 1, self.rows) > 0
        return Bends(
            number=np.concatenate((self.member, self.member + count)),
            row_key=np.concatenate((self.row, self.row)) << bits,
            rank_mask=(1 << bits) - 1,
            rows=rows,
            first=ends - many,
            last=ends - 1,
            many=many,
            powers=powers.take(rows.repeat(many)).nonzero()[0],
        )

    def carried(self, amounts: Floats | Ints) -> Floats:
        """Return what each row carries when so much is taken on the path of each."""
        taken = amounts.take(self.member) * self.times
        return np.bincount(self.row, taken, self.rows).astype(float, copy=False)

    def lacking(self, room: Floats, amounts: Ints) -> Ints:
        """Return the nearest row that has no room for so much more of each; -1: all have."""
        at = (room.take(self.row) < amounts.take(self.member) * self.times).nonzero()[0][::-1]
        nearest = np.full(len(self.paths), -1, np.intp)
        nearest[self.member.take(at)] = self.row.take(at)  # of several the last one stays
        return nearest


def counts_of(paths: Sequence[Path], rows: int) -> Counts:
    """Return what counts where; `paths` in the order of their keys."""
    entries = [
        entry
        for path in paths
        for entry in (
            *((row, path.key, 1) for row in path.rows),
            *((row, path.key, path.phases) for row in path.powers),
        )
    ]
    row, key, times = zip(*entries, strict=True) if entries else ((), (), ())
    at = np.array(key, np.intp)
    size = np.bincount(at, minlength=len(paths))
    return Counts(np.array(row, np.intp), at, np.array(times, float), size, rows)
