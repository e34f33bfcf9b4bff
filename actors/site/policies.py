"""Policies as tables: in which order cars are let in, and how the rest is shared.

`ORDERS` says who comes first, `SHARES` how parts grow when all are raised together; what is done
with them is in `sharing`. Whoever is alike stays in the order of the ids, so that nothing depends
on the order of the demands.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import numpy as np

from actors.site.counts import Floats, Ints
from actors.site.entrants import NEVER_US, Entrants, starving
from actors.site.limits import US_PER_S
from actors.site.settings import Policy, SiteSettings

Columns: TypeAlias = tuple[Ints | Floats, ...]
"""What cars are sorted by: the first column decides, those after it where that is alike."""
Rise: TypeAlias = tuple[Floats, Floats]
"""How shares grow with the level: by so many mA, from which level on; an entry for each."""


def by_turn(those: Entrants, settings: SiteSettings, now_us: int) -> Columns:
    """Who runs and has not had its time, then who waits, then who had its time; the longest first.

    Who was not there before waits since it was plugged in.
    """
    begun_us = now_us - settings.turn_s * US_PER_S
    turns = [one.turn for one in those.demands]
    place = [
        1 if turn is None or not turn.running else 0 if turn.since_us > begun_us else 2
        for turn in turns
    ]
    since_us = [
        one.connected_us if turn is None else turn.since_us
        for one, turn in zip(those.demands, turns, strict=True)
    ]
    return np.array(place, np.intp), np.array(since_us, np.intp)


def by_arrival(those: Entrants, settings: SiteSettings, now_us: int) -> Columns:
    """Who was plugged in first."""
    _ = settings, now_us
    return (those.connected_us,)


def by_deadline(those: Entrants, settings: SiteSettings, now_us: int) -> Columns:
    """Who leaves first, unknown departures last; then who was plugged in first."""
    _ = settings, now_us
    return those.departure_us, those.connected_us


def by_laxity(those: Entrants, settings: SiteSettings, now_us: int) -> Columns:
    """Who has least time to spare; then who was plugged in first."""
    _ = settings, now_us
    return those.spare_s, those.connected_us


def equal_share(those: Entrants, settings: SiteSettings) -> Rise:
    """Everybody the same."""
    _ = settings
    count = len(those.demands)
    return np.ones(count), np.zeros(count)


def weighted_share(those: Entrants, settings: SiteSettings) -> Rise:
    """Everybody by weight."""
    _ = settings
    return those.weight, np.zeros(len(those.demands))


def laxity_share(those: Entrants, settings: SiteSettings) -> Rise:
    """Fill so that the times to spare after the next window are as even as can be.

    A car that gets the share r of its full current has its laxity shrink by (1 - r) of the window.
    """
    window_s = settings.laxity_window_s
    return those.high / window_s, those.spare_s - window_s


ORDERS: Final[Mapping[Policy, Callable[[Entrants, SiteSettings, int], Columns]]] = {
    Policy.EQUAL_SHARE: by_turn,
    Policy.MAX_MIN_FAIR: by_turn,
    Policy.FIRST_COME: by_arrival,
    Policy.EARLIEST_DEADLINE: by_deadline,
    Policy.LEAST_LAXITY: by_laxity,
}
"""In which order cars get their minimum."""
SHARES: Final[Mapping[Policy, Callable[[Entrants, SiteSettings], Rise]]] = {
    Policy.EQUAL_SHARE: equal_share,
    Policy.MAX_MIN_FAIR: weighted_share,
    Policy.LEAST_LAXITY: laxity_share,
}
"""How parts grow in progressive filling; the other policies serve one after the other."""


def in_line(
    those: Entrants, members: Ints, policy: Policy, settings: SiteSettings, now_us: int
) -> Ints:
    """Return them by class, who starves first in each, then in the order of the policy."""
    starves = starving(those, settings, now_us)
    columns = (
        -those.priority,
        np.where(starves, those.paused_us, NEVER_US),
        *ORDERS[policy](those, settings, now_us),
    )
    order = np.lexsort([column.take(members) for column in reversed(columns)])
    return members.take(order)


def by_class(those: Entrants, members: Ints) -> Iterator[Ints]:
    """Yield those of each class, the greatest priority first, else as they are."""
    priority = those.priority.take(members)
    for one in np.unique(priority)[::-1]:
        yield members[priority == one]
