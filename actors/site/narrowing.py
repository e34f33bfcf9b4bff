"""Leave out the rows that cannot bind: most circuits are never full, most phases are alike.

A row is left out when it carries all that its EVSEs could take together, and when another row has
the same EVSEs and less room. What is left decides just the same, and is a fraction of the work.
"""

from collections.abc import Iterable, Mapping, Sequence

from actors.site.tree import POWER, ROWS_PER_CIRCUIT, Path


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
    use = [0] * len(room)
    for key, path in known.items():
        high = total[key]
        for row in path.rows:
            use[row] += high
        high *= path.phases
        for row in path.powers:
            use[row] += high
    # The nearest circuit first, as of those that are equally tight it is the one to be told.
    bases = range(len(room) - ROWS_PER_CIRCUIT, -1, -ROWS_PER_CIRCUIT)
    full: dict[int, list[int]] = {
        row: []
        for base in bases
        for row in range(base, base + ROWS_PER_CIRCUIT)
        if use[row] and use[row] + 3 * margin > room[row]
    }
    keeps = _tightest(full, room, known)
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
    users: dict[int, list[int]], room: Sequence[int], paths: Mapping[int, Path]
) -> set[int]:
    """Return one row of those that have the same users and count them alike.

    `users` are the rows, still with nobody in them.
    """
    for one, path in paths.items():
        for row in path.rows:
            if row in users:
                users[row].append(one)
        for row in path.powers:
            if row in users:
                users[row].append(one)
    best: dict[tuple[bool, tuple[int, ...]], int] = {}
    for row, keys in users.items():
        key = (row % ROWS_PER_CIRCUIT == POWER, tuple(keys))
        other = best.get(key)
        if other is None or room[row] < room[other]:
            best[key] = row
    return set(best.values())
