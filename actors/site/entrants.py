"""Those that a site is shared out to: what each wants, and what its place and car make possible."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from actors.site.counts import Floats, Ints, Mask
from actors.site.limits import US_PER_S, LimitsNow
from actors.site.places import MA_PER_A, Places, whole_steps
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import Tree
from domain.site import NO_LIMIT, BindingKind, Demand

NEVER_US: Final = 2**62
HOUR_S: Final = 3_600
WEEK_S: Final = 7 * 24.0 * HOUR_S
MOST_BY: Final = (BindingKind.CHARGER, BindingKind.CAR, BindingKind.PLAN)
"""What may set the most that a car can get."""
CHARGER, CAR, PLAN = range(3)


class Entrants:
    """Cars that may get a share, by number, in the order of the ids of their places: columns.

    Currents are mA of each phase, in whole steps of the EVSE. What only some policies look at is
    made when they ask for it.

    Attributes:
        demands: of each.
        phases: on how many it counts.
        keys: of their paths.
        step: the smallest change.
        low: the minimum.
        high: the most, not below low unless it is paused or full.
        most_by: what sets that, a number in `MOST_BY`.
        watts: what a mA on each phase brings the car, by phase, W.
        paused_us: since when it is paused; NEVER_US: it is not.
        idle: whether it draws nothing.
        priority: its class.
    """

    def __init__(
        self, demands: Sequence[Demand], at: Ints, places: Places, policy: Policy, now_us: int
    ) -> None:
        """`at`: of each its row in `places`."""
        self.demands = demands
        self._now_us = now_us
        wired = places.wired.take(at)
        phases = np.array([one.phases for one in demands], np.intp)
        self.phases = np.where((phases > 0) & (phases < wired), phases, wired)
        self.keys: Ints = places.keys[at, self.phases - 1] if at.size else at
        self.step, self.low = places.step.take(at), places.low.take(at)
        self.watts = places.watts.take(at)
        self.idle: Mask = np.array([one.idle for one in demands], bool)
        wanted_a = np.array([one.wanted_a for one in demands], float)
        if policy is Policy.EQUAL_SHARE:  # how much a car draws does not matter to it
            wanted_a = np.where(wanted_a > 0, NO_LIMIT, wanted_a)
        self.high, self.most_by = self._most(places.max_a.take(at), wanted_a)
        turns = [one.turn for one in demands]
        self.paused_us: Ints = np.array(
            [NEVER_US if turn is None or turn.running else turn.since_us for turn in turns],
            np.intp,
        )
        self.priority: Ints = np.array([one.priority for one in demands], np.intp)

    @cached_property
    def connected_us(self) -> Ints:
        """Since when each is plugged in."""
        return np.array([one.connected_us for one in self.demands], np.intp)

    @cached_property
    def departure_us(self) -> Ints:
        """When each leaves; NEVER_US: unknown."""
        return np.array([one.departure_us or NEVER_US for one in self.demands], np.intp)

    @cached_property
    def weight(self) -> Floats:
        """The part of each, compared with others of its class."""
        return np.array([one.weight for one in self.demands], float)

    @cached_property
    def spare_s(self) -> Floats:
        """How long each could wait and still get its energy at full power.

        Without a departure or without energy left to deliver: a week, beyond all that matter.
        """
        energy_wh = np.array([one.energy_wh for one in self.demands], float)
        full_w = np.maximum(1, self.high) * self.watts * self.phases
        left_s = (self.departure_us - self._now_us) / US_PER_S
        urgent = (self.departure_us < NEVER_US) & (energy_wh > 0) & (self.high > 0)
        return np.where(urgent, left_s - energy_wh / full_w * HOUR_S, WEEK_S)

    def _most(self, max_a: Floats, wanted_a: Floats) -> tuple[Ints, Ints]:
        """Return the most that place, car and plan allow, and which of them it is."""
        low = self.low
        plan_a = np.array([one.plan_a for one in self.demands], float)
        offered_a = np.minimum(max_a, wanted_a)
        by = np.where(plan_a < offered_a, PLAN, np.where(wanted_a < max_a, CAR, CHARGER))
        high = whole_steps(np.minimum(offered_a, plan_a), self.step)
        idle = self.idle & (high > low)
        # It wants less than the minimum, which is the least that it can have.
        little = (high < low) & (by == CAR) & (wanted_a > 0) & (plan_a * MA_PER_A >= low)
        return np.where(idle | little, low, high), np.where(idle, CAR, by)


def entrants(
    tree: Tree, limits: LimitsNow, demands: Iterable[Demand], policy: Policy, now_us: int
) -> Entrants:
    """Return those that are shared out to: all but those of reserved places.

    Raises:
        KeyError: a demand's place is not in the tree.
        ValueError: two demands are for the same place.
    """
    number = tree.columns.number
    by_number: dict[int, Demand] = {}
    for demand in demands:
        at = number[demand.place]
        if at in by_number:
            raise ValueError(f"two demands for {demand.place}")
        by_number[at] = demand
    for name in limits.reserved_ma:
        by_number.pop(number[name], None)
    numbers = sorted(by_number)
    those = [by_number[at] for at in numbers]
    return Entrants(those, np.array(numbers, np.intp), tree.columns, policy, now_us)


def starving(those: Entrants, settings: SiteSettings, now_us: int) -> Mask:
    """Return who has been paused for so long that it goes before the others of its class."""
    mask: Mask = those.paused_us <= now_us - settings.pause_s_max * US_PER_S
    return mask
