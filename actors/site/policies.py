"""Policies as tables: in which order cars are let in, and how the rest is shared.

`ORDERS` says who comes first, `SHARES` how parts grow when all are raised together; what is done
with them is in `sharing`. Whoever is alike stays in the order of the ids, so that nothing depends
on the order of the demands.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from actors.site.counts import Floats
from actors.site.entrants import Entrant
from actors.site.limits import US_PER_S
from actors.site.settings import Policy, SiteSettings

HOUR_S: Final = 3_600
WEEK_S: Final = 7 * 24.0 * HOUR_S
NEVER_US: Final = 2**62
Key: TypeAlias = float | tuple[float, ...]
Rise: TypeAlias = tuple[Floats, Floats]
"""How shares grow with the level: by so many mA, from which level on; an entry for each."""


def turn_key(one: Entrant, settings: SiteSettings, now_us: int) -> Key:
    """Order by turns: who runs and has not had its time, then who waits, then who had its time."""
    turn = one.demand.turn
    if turn is None:
        return (1, one.demand.connected_us)
    if not turn.running:
        return (1, turn.since_us)
    in_turn = now_us - turn.since_us < settings.turn_s * US_PER_S
    return (0 if in_turn else 2, turn.since_us)


def arrival_key(one: Entrant, settings: SiteSettings, now_us: int) -> Key:
    """Order by arrival."""
    _ = settings, now_us
    return one.demand.connected_us


def deadline_key(one: Entrant, settings: SiteSettings, now_us: int) -> Key:
    """Order by departure, then arrival; unknown departures last."""
    _ = settings, now_us
    return (one.demand.departure_us or NEVER_US, one.demand.connected_us)


def laxity_key(one: Entrant, settings: SiteSettings, now_us: int) -> Key:
    """Order by time to spare, then arrival."""
    _ = settings, now_us
    return (one.spare_s, one.demand.connected_us)


def laxity_s(one: Entrant, now_us: int) -> float:
    """Return how long a car could wait and still get its energy at full power.

    Without a departure or without energy left to deliver: a week, beyond all that matter.
    """
    demand = one.demand
    departure_us, energy_wh, high = demand.departure_us, demand.energy_wh, one.high
    if not departure_us or energy_wh <= 0 or high <= 0:
        return WEEK_S
    needs_s = energy_wh / (high * one.at.watts * one.path.phases) * HOUR_S
    return (departure_us - now_us) / US_PER_S - needs_s


def equal_share(group: Sequence[Entrant], settings: SiteSettings) -> Rise:
    """Everybody the same."""
    _ = settings
    return np.ones(len(group)), np.zeros(len(group))


def weighted_share(group: Sequence[Entrant], settings: SiteSettings) -> Rise:
    """Everybody by weight."""
    _ = settings
    return np.array([one.demand.weight for one in group], float), np.zeros(len(group))


def laxity_share(group: Sequence[Entrant], settings: SiteSettings) -> Rise:
    """Fill so that the times to spare after the next window are as even as can be.

    A car that gets the share r of its full current has its laxity shrink by (1 - r) of the window.
    """
    window_s = settings.laxity_window_s
    spare_s = np.array([one.spare_s for one in group], float)
    return np.array([one.high for one in group], float) / window_s, spare_s - window_s


ORDERS: Final[Mapping[Policy, Callable[[Entrant, SiteSettings, int], Key]]] = {
    Policy.EQUAL_SHARE: turn_key,
    Policy.MAX_MIN_FAIR: turn_key,
    Policy.FIRST_COME: arrival_key,
    Policy.EARLIEST_DEADLINE: deadline_key,
    Policy.LEAST_LAXITY: laxity_key,
}
"""In which order cars get their minimum."""
SHARES: Final[Mapping[Policy, Callable[[Sequence[Entrant], SiteSettings], Rise]]] = {
    Policy.EQUAL_SHARE: equal_share,
    Policy.MAX_MIN_FAIR: weighted_share,
    Policy.LEAST_LAXITY: laxity_share,
}
"""How parts grow in progressive filling; the other policies serve one after the other."""


def in_line(
    those: Sequence[Entrant], policy: Policy, settings: SiteSettings, now_us: int
) -> list[Entrant]:
    """Return them by class, who starves first in each, then in the order of the policy."""
    order = ORDERS[policy]
    line = sorted(those, key=lambda one: order(one, settings, now_us))
    if any(one.starves for one in line):
        line.sort(key=_starved_us)
    return by_class(line)


def by_class(those: list[Entrant]) -> list[Entrant]:
    """Return those of a greater priority before the others, else as they are."""
    if len({one.demand.priority for one in those}) > 1:
        return sorted(those, key=lambda one: -one.demand.priority)
    return those


def _starved_us(one: Entrant) -> int:
    turn = one.demand.turn
    return turn.since_us if one.starves and turn is not None else NEVER_US
