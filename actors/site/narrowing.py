"""Leave out the rows that cannot bind: most circuits are never full, most phases are alike.

A row is left out when it carries all that its EVSEs could take together, and when another row has
the same EVSEs and less room. What is left decides just the same, and is a fraction of the work.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.site.counts import Counts, Ints, Path
from actors.site.tree import POWER, ROWS_PER_CIRCUIT, Tree

KEPT_MAX: Final = 16
"""Sets of rows whose narrowed paths a tree remembers: a site has a few, night and day."""


class Narrow:
    """Some rows of a tree, and what of each path is in them.

    Attributes:
        counts: which path counts in which of the rows.
    """

    def __init__(self, tree: Tree, keeps: frozenset[int]) -> None:
        kept = np.zeros(tree.counts.rows, dtype=bool)
        kept[list(keeps)] = True
        self.counts: Counts = tree.counts.within(kept)
        self._tree, self._keeps = tree, keeps
        self._paths: dict[int, Path] = {}

    def path(self, key: int) -> Path:
        """Return what of a path is left."""
        path = self._paths.get(key)
        if path is None:
            whole, keeps = self._tree.every_path[key], self._keeps
            path = self._paths[key] = Path(
                key,
                tuple([row for row in whole.rows if row in keeps]),
                tuple([row for row in whole.powers if row in keeps]),
                whole.phases,
            )
        return path


def narrowed(
    tree: Tree, keys: Ints, highs: Sequence[int], room: Sequence[int], margin: int
) -> Narrow:
    """Return the rows that can bind.

    Args:
        tree: of the paths.
        keys: of the path of each EVSE that may get something.
        highs: the most that each may get, mA.
        room: of each row, mA.
        margin: how much more than its share somebody may have to find free, mA.
    """
    use = tree.counts.carried(keys, np.array(highs, dtype=float))
    full = ((use > 0) & (use + 3 * margin > np.array(room, dtype=float))).nonzero()[0]
    keeps = _tightest(tree, full, room, keys)
    kept: Narrow | None = tree.narrow.get(keeps)
    if kept is None:
        if len(tree.narrow) >= KEPT_MAX:
            tree.narrow.clear()
        kept = tree.narrow[keeps] = Narrow(tree, keeps)
    return kept


def _tightest(tree: Tree, full: Ints, room: Sequence[int], keys: Ints) -> frozenset[int]:
    """Return one row of those that have the same users and count them alike."""
    present = 0
    for key in np.unique(keys).tolist():
        present |= 1 << key
    # The nearest circuit first, as of those that are equally tight it is the one to be told.
    order = np.lexsort((full, -(full // ROWS_PER_CIRCUIT)))
    best: dict[tuple[bool, int], int] = {}
    users = tree.users
    for row in full[order].tolist():
        alike = (row % ROWS_PER_CIRCUIT == POWER, users[row] & present)
        other = best.get(alike)
        if other is None or room[row] < room[other]:
            best[alike] = row
    return frozenset(best.values())
