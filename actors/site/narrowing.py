"""Leave out the rows that cannot bind: most circuits are never full, most phases are alike.

A row is left out when it carries all that its EVSEs could take together, and when another row has
the same EVSEs and less room. What is left decides just the same, and is a fraction of the work.
"""

from collections.abc import Iterable, Sequence

from actors.site.limits import UNLIMITED
from actors.site.tree import Path


def narrowed(
    paths: Iterable[Path], highs: Iterable[int], room: Sequence[int], margin: int
) -> dict[int, Path]:
    """Return each path by its key, with those rows only that can bind.

    Args:
        paths: of each EVSE.
        highs: the most that each may get, mA.
        room: of each row, mA.
        margin: how much more than its share somebody may have to find free, mA.
    """
    total: dict[int, int] = {}
    known: dict[int, Path] = {}
    for path, high in zip(paths, highs, strict=True):
        key = path.key
        if key in total:
            total[key] += high
        else:
            total[key] = high
            known[key] = path
    limited = {row for row, left in enumerate(room) if left < UNLIMITED}
    use: dict[int, int] = {}
    users: dict[int, list[int]] = {}
    for key, path in known.items():
        high = total[key]
        for row in path.rows:
            if row in use:
                use[row] += high
                users[row].append(key)
            else:
                use[row], users[row] = high, [key]
        for row in path.powers:
            if row not in limited:
                continue
            if row in use:
                use[row] += high * path.phases
                users[row].append(key)
            else:
                use[row], users[row] = high * path.phases, [key]
    keeps = _tightest([row for row in use if use[row] + 3 * margin > room[row]], room, users, known)
    return {
        key: Path(
            key,
            tuple([row for row in path.rows if row in keeps]),
            tuple([row for row in path.powers if row in keeps]),
            path.phases,
        )
        for key, path in known.items()
    }


def _tightest(
    rows: Sequence[int],
    room: Sequence[int],
    users: dict[int, list[int]],
    paths: dict[int, Path],
) -> set[int]:
    """Return one row of those that have the same users and count them alike."""
    best: dict[tuple[bool, tuple[int, ...]], int] = {}
    for row in rows:
        key = (row in paths[users[row][0]].powers, tuple(users[row]))
        other = best.get(key)
        if other is None or room[row] < room[other]:
            best[key] = row
    return set(best.values())
