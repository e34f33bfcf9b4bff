"""Leave out the rows that cannot bind: most circuits are never full, most phases are alike.

A row is left out when it carries all that its EVSEs could take together, and when another row has
the same EVSEs and less room. What is left decides just the same, and is a fraction of the work.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from actors.site.tree import POWER, ROWS_PER_CIRCUIT, Path, Tree

KEPT_MAX: Final = 16
"""Sets of rows whose narrowed paths a tree remembers: a site has a few, night and day."""


def narrowed(
    tree: Tree, totals: Mapping[int, int], room: Sequence[int], margin: int
) -> Mapping[int, Path]:
    """Return each path by its key, with those rows only that can bind.

    Args:
        tree: of the paths.
        totals: the key of each path that somebody has -> the most that all on it may get, mA.
        room: of each row, mA.
        margin: how much more than its share somebody may have to find free, mA.
    """
    use = tree.taken(totals)
    full = ((use > 0) & (use + 3 * margin > np.array(room, dtype=float))).nonzero()[0]
    keeps = _tightest(tree, full.tolist(), room, totals)
    paths = tree.narrow.get(keeps)
    if paths is None:
        if len(tree.narrow) >= KEPT_MAX:
            tree.narrow.clear()
        paths = tree.narrow[keeps] = {}
    for key in totals.keys() - paths.keys():
        path = tree.every_path[key]
        paths[key] = Path(
            key,
            tuple([row for row in path.rows if row in keeps]),
            tuple([row for row in path.powers if row in keeps]),
            path.phases,
        )
    return paths


def _tightest(
    tree: Tree, full: list[int], room: Sequence[int], keys: Mapping[int, object]
) -> frozenset[int]:
    """Return one row of those that have the same users and count them alike."""
    present = 0
    for key in keys:
        present |= 1 << key
    # The nearest circuit first, as of those that are equally tight it is the one to be told.
    full.sort(key=lambda row: (-(row // ROWS_PER_CIRCUIT), row))
    best: dict[tuple[bool, int], int] = {}
    for row in full:
        alike = (row % ROWS_PER_CIRCUIT == POWER, tree.users[row] & present)
        other = best.get(alike)
        if other is None or room[row] < room[other]:
            best[alike] = row
    return frozenset(best.values())
