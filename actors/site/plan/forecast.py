"""What comes next is what was at the same time on days before, a little nearer to today's level."""

from collections.abc import Sequence


def seasonal_naive(
    history: Sequence[float | None], season: int, count: int, *, recent: int = 4
) -> list[float]:
    """Return the next values of a series.

    Args:
        history: values of slots, oldest first; None where nothing was measured.
        season: slots until it repeats: of a day, or of a week.
        count: how many values.
        recent: how many of the last slots tell today's level.

    Each value is the one a season ago, times the ratio of the last slots to the same a season ago
    (from 0 to 2; 1 when either is missing or nothing). Without a value a season ago: two seasons,
    three; without any, 0.
    """
    series = list(history)
    known = len(series)

    def before(at: int) -> int | None:
        """Where the same slot of the last known season is."""
        while (at := at - season) >= 0:
            if at < known and series[at] is not None:
                return at
        return None

    now, then = 0.0, 0.0
    for at in range(max(0, known - recent), known):
        past = before(at)
        if series[at] is not None and past is not None:
            now, then = now + (series[at] or 0.0), then + (series[past] or 0.0)
    ratio = min(2.0, max(0.0, now / then)) if now and then else 1.0
    result = []
    for step in range(count):
        source = before(known + step)
        value = (series[source] or 0.0) if source is not None else 0.0
        # The last slots are at today's level already.
        result.append(value if source is None or source >= known - recent else value * ratio)
    return result
