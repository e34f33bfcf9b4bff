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

    def before(at: int) -> float | None:
        at -= season
        while at >= 0:
            # Never what was forecast itself, but the same slot of the last season that is known.
            value = series[at] if at < known else None
            if value is not None:
                return value
            at -= season
        return None

    now, then = 0.0, 0.0
    for at in range(max(0, known - recent), known):
        value, past = series[at], before(at)
        if value is not None and past is not None:
            now, then = now + value, then + past
    ratio = min(2.0, max(0.0, now / then)) if now and then else 1.0
    return [(before(known + step) or 0.0) * ratio for step in range(count)]
