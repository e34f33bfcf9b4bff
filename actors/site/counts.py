"""Which EVSEs count in which rows of a tree, for sums over arrays."""

from collections.abc import Sequence
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

    def carried(self, keys: Ints, amounts: Floats) -> Floats:
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
