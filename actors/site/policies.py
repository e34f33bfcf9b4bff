"""Policies as tables: in which order cars are let in, and how the rest is shared.

`ORDERS` says who comes first, `SHARES` how parts grow when all are raised together; what is done
with them is in `sharing`. All orders end with the id of the place, so that nothing depends on the
order of the demands.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from actors.site.filling import Rise
from actors.site.limits import US_PER_S
from actors.site.settings import Policy, SiteSettings
from domain.site import Demand

HOUR_S: Final = 3_600
NEVER_US: Final = 2**62
EQUAL: Final = Rise()
Key: TypeAlias = tuple[float, ...]


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A demand, and what its place and car make possible, in mA of each phase.

    Attributes:
        low: the minimum, a whole number of steps.
        high: the most, a whole number of steps, not below low.
        power_w: what the car can take in, as far as is known: for its laxity, else 0.
    """

    demand: Demand
    low: int
    high: int
    power_w: float


def turn_key(candidate: Candidate, settings: SiteSettings, now_us: int) -> Key:
    """Order by turns: who runs and has not had its time, then who waits, then who had its time."""
    demand = candidate.demand
    turn = demand.turn
    if turn is None:
        return (1, demand.connected_us)
    if not turn.running:
        return (1, turn.since_us)
    in_turn = now_us - turn.since_us < settings.turn_s * US_PER_S
    return (0 if in_turn else 2, turn.since_us)


def arrival_key(candidate: Candidate, settings: SiteSettings, now_us: int) -> Key:
    """Order by arrival."""
    _ = settings, now_us
    return (candidate.demand.connected_us,)


def deadline_key(candidate: Candidate, settings: SiteSettings, now_us: int) -> Key:
    """Order by departure, then arrival; unknown departures last."""
    _ = settings, now_us
    return (candidate.demand.departure_us or NEVER_US, candidate.demand.connected_us)


def laxity_key(candidate: Candidate, settings: SiteSettings, now_us: int) -> Key:
    """Order by time to spare, then arrival."""
    _ = settings
    return (laxity_s(candidate, now_us), candidate.demand.connected_us)


def laxity_s(candidate: Candidate, now_us: int) -> float:
    """Return how long a car could wait and still get its energy at full power.

    Without a departure or without energy left to deliver: a week, beyond all that matter.
    """
    demand = candidate.demand
    if not demand.departure_us or demand.energy_wh <= 0 or candidate.power_w <= 0:
        return 7 * 24.0 * HOUR_S
    needs_s = demand.energy_wh / candidate.power_w * HOUR_S
    return (demand.departure_us - now_us) / US_PER_S - needs_s


def equal_share(candidate: Candidate, settings: SiteSettings, now_us: int) -> Rise:
    """Everybody the same."""
    _ = candidate, settings, now_us
    return EQUAL


def weighted_share(candidate: Candidate, settings: SiteSettings, now_us: int) -> Rise:
    """Everybody by weight."""
    _ = settings, now_us
    return Rise(candidate.demand.weight, 0.0)


def laxity_share(candidate: Candidate, settings: SiteSettings, now_us: int) -> Rise:
    """Fill so that the times to spare after the next window are as even as can be.

    A car that gets the share r of its full current has its laxity shrink by (1 - r) of the window.
    """
    window_s = settings.laxity_window_s
    return Rise(candidate.high / window_s, laxity_s(candidate, now_us) - window_s)


Order: TypeAlias = Callable[[Candidate, SiteSettings, int], Key]
ORDERS: Final[Mapping[Policy, Order]] = {
    Policy.EQUAL_SHARE: turn_key,
    Policy.MAX_MIN_FAIR: turn_key,
    Policy.FIRST_COME: arrival_key,
    Policy.EARLIEST_DEADLINE: deadline_key,
    Policy.LEAST_LAXITY: laxity_key,
}
"""In which order cars get their minimum."""
SHARES: Final[Mapping[Policy, Callable[[Candidate, SiteSettings, int], Rise]]] = {
    Policy.EQUAL_SHARE: equal_share,
    Policy.MAX_MIN_FAIR: weighted_share,
    Policy.LEAST_LAXITY: laxity_share,
}
"""How an EVSE's part grows in progressive filling; the other policies serve one after the other."""


def starves(demand: Demand, settings: SiteSettings, now_us: int) -> bool:
    """Whether it has been paused for so long that it goes before the others of its class."""
    turn = demand.turn
    if turn is None or turn.running:
        return False
    return now_us - turn.since_us >= settings.pause_s_max * US_PER_S
