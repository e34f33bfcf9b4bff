"""Leave out the rows that cannot bind: most circuits are never full, most phases are alike.

A row is left out when it carries all that its EVSEs could take together, and when another row has
the same EVSEs and less room. What is left decides just the same, and is a fraction of the work.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from actors.site.counts import Counts, Crew, Ints, Mask, Path
from actors.site.tree import POWER, ROWS_PER_CIRCUIT, Tree

KEPT_MAX: Final = 32
"""Sets of rows, and of those who use them, that a tree remembers: a site has a few."""


class Alike(NamedTuple):
    """Rows that can be full, by who uses them.

    Attributes:
        alone: those that no other row is like.
        several: sets of rows with the same users, which count them alike.
    """

    alone: frozenset[int]
    several: tuple[tuple[int, ...], ...]


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

    def crew(self, keys: Ints) -> Crew:
        """Return who counts where of those on the paths of these keys."""
        crew: Crew = _remembered(
            self._tree.memory,
            (self._keeps, keys.tobytes()),
            lambda: Crew(self.counts, keys, [self.path(key) for key in keys.tolist()]),
        )
        return crew


def narrowed(tree: Tree, keys: Ints, high: Ints, room: Sequence[int], margin: int) -> Narrow:
    """Return the rows that can bind.

    Args:
        tree: of the paths.
        keys: of the path of each EVSE that may get something.
        high: the most that each may get, mA.
        room: of each row, mA.
        margin: how much more than its share somebody may have to find free, mA.
    """
    use = tree.counts.carried(keys, high)
    full = (use > 0) & (use + 3 * margin > np.array(room, dtype=float))
    present = np.bincount(keys, minlength=tree.counts.size.size) > 0
    memory = tree.memory
    alike: Alike = _remembered(
        memory, (full.tobytes(), present.tobytes()), lambda: _alike(tree, full, present)
    )
    # The first one of those that are equally tight.
    tightest = [min(rows, key=room.__getitem__) for rows in alike.several]
    keeps = alike.alone.union(tightest)
    narrow: Narrow = _remembered(memory, keeps, lambda: Narrow(tree, keeps))
    return narrow


def _remembered(memory: dict[Any, Any], key: object, make: Callable[[], object]) -> Any:  # noqa: ANN401 - of what `make` makes
    found = memory.get(key)
    if found is None:
        if len(memory) >= KEPT_MAX:
            memory.clear()
        found = memory[key] = make()
    return found


def _alike(tree: Tree, full: Mask, present: Mask) -> Alike:
    """Return which rows have the same users among the paths that are there, and count them alike.

    The nearest circuit comes first, as of those that are equally tight it is the one to be told.
    """
    there = 0
    for key in present.nonzero()[0].tolist():
        there |= 1 << key
    rows = full.nonzero()[0]
    order = np.lexsort((rows, -(rows // ROWS_PER_CIRCUIT)))
    groups: dict[tuple[bool, int], list[int]] = {}
    for row in rows.take(order).tolist():
        kind = (row % ROWS_PER_CIRCUIT == POWER, tree.users[row] & there)
        groups.setdefault(kind, []).append(row)
    alone = frozenset(those[0] for those in groups.values() if len(those) == 1)
    return Alike(alone, tuple(tuple(those) for those in groups.values() if len(those) > 1))
