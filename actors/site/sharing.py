"""How what a site carries is given out: fairly, one after the other, or by time to spare.

*Fairly* (equal share, max-min fair): in the order of class and turns each car gets its minimum when
all rows above it have room for it, else it is paused. Then, class by class, what is left is given
out by progressive filling, rounded down to the step of the hardware.

*In order* (first come, earliest deadline): each gets all that can be had, or is paused when that is
less than its minimum. Minima are not set aside for those behind: who is first needs the power now.

*By time to spare* (least laxity): progressive filling that evens out the laxity. A car whose part
would be nothing is paused, as it can wait; one whose part would be less than its minimum gets the
minimum in the order of laxity, as long as there is room.

What rounding has left over is given out step by step at the end, until no EVSE can have one step
more. So what a full circuit wastes is less than one step. Who was paused before is let in only
when `resume_margin_a` more than its minimum is free; who was paused for `pause_s_max` gets its
minimum before all others of its class. Cars that draw nothing get their minimum last of all, of
what is left over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from actors.site.counts import Floats, Ints, Path
from actors.site.entrants import Entrant
from actors.site.filling import Group, at_least, fill
from actors.site.narrowing import Narrow
from actors.site.policies import SHARES, by_class, in_line, laxity_s
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import GRACE_MA, MA_PER_A


class Shares:
    """A site that is being shared out: what is left of each row, and how it is given.

    Args:
        narrow: the rows that can bind.
        room: what is left of each row, mA; gets less.
        policy: who gets what.
        settings: habits.
        now_us: for turns and deadlines.
    """

    def __init__(
        self,
        narrow: Narrow,
        room: Sequence[int],
        policy: Policy,
        settings: SiteSettings,
        now_us: int,
    ) -> None:
        self._narrow = narrow
        self._room = list(room)
        self._policy, self._settings, self._now_us = policy, settings, now_us
        self._margin = round(settings.resume_margin_a * MA_PER_A)

    def share_out(self, entrants: Iterable[Entrant]) -> None:
        """Set `given` and `blocked` of the entrants, who are in the order of their ids."""
        asking = [one for one in entrants if one.high >= one.low and one.high >= one.step]
        idle = [one for one in asking if one.demand.idle]
        WAYS[self._policy](self, [one for one in asking if not one.demand.idle] if idle else asking)
        for one in self._in_line(idle):
            self._let_in(one)

    # the ways

    def fairly(self, those: list[Entrant]) -> None:
        """Everybody the minimum, then together."""
        inside = those if self._fit(those) else self._let_in_each(self._in_line(those))
        if len(inside) < len(those):
            # By id, not by turns: who gets the odd step must not change with time alone.
            inside.sort(key=lambda one: one.demand.place)
        for _, members in groupby(by_class(inside), key=_priority):
            self._raise(list(members))

    def in_order(self, those: list[Entrant]) -> None:
        """One after the other, all that can be had."""
        room, margin = self._room, self._margin
        inside = []
        for one in self._in_line(those):
            if one.starves:
                if self._let_in(one):
                    inside.append(one)
                continue
            # As `_let_in`, then all that is free, in one go.
            needed = one.low + margin if _was_paused(one) else one.low
            free, row = _free(room, one.path, one.high)
            if free < needed:
                one.blocked = _blocking(room, one.path, needed)
                if one.blocked >= 0:
                    continue
            one.blocked = row
            self._give(one, free // one.step * one.step)
            inside.append(one)
        self._top_up(inside)

    def by_laxity(self, those: list[Entrant]) -> None:
        """Who can wait is paused; the others together, by the time that they have to spare."""
        for one in those:
            one.spare_s = laxity_s(one, self._now_us)
        for _, group in groupby(self._in_line(those), key=_priority):
            members = list(group)
            # A first look, as if there were no minima, shows who would get how much.
            first = self._group(members)._replace(low=np.zeros(len(members)))
            parts = at_least(first, self._narrow, np.array(self._room, float)).tolist()
            sure: list[Entrant] = []
            doubtful: list[Entrant] = []
            waiting: list[Entrant] = []
            for one, part in zip(members, parts, strict=True):
                # Those whose part is above their minimum have room for it, all together.
                if (part >= one.low and part > GRACE_MA) or one.starves:
                    sure.append(one)
                else:
                    (doubtful if part > GRACE_MA else waiting).append(one)
            called = sure + doubtful
            inside = called if self._fit(called) else self._let_in_each(called)
            self._raise(inside)
            for one in waiting:
                if self._let_in(one):
                    self._give(one, self._steps_free(one))
                    inside.append(one)
            self._top_up(inside)

    # what they are made of

    def _in_line(self, those: Sequence[Entrant]) -> list[Entrant]:
        return in_line(those, self._policy, self._settings, self._now_us) if those else []

    def _fit(self, those: list[Entrant]) -> bool:
        """Give all their minimum if there is room for that, whoever comes first."""
        if not those:
            return True
        keys = np.array([one.path.key for one in those], np.intp)
        lows = [one.low for one in those]
        if self._margin and any(_was_paused(one) for one in those):
            # So much free for everybody is enough, and simpler than for those alone.
            left = np.array(self._room, float) - self._narrow.counts.carried(keys, np.array(lows))
            used = self._narrow.counts.carried(keys, np.ones(len(those))) > 0
            if (left[used] < 3 * self._margin).any():
                return False
        return self._take(those, keys, np.array(lows, float), lows)

    def _take(
        self, those: Sequence[Entrant], keys: Ints, more: Floats, given: Sequence[int]
    ) -> bool:
        """Take so much more on the path of each, if all rows carry it; then all have `given`."""
        taken = self._narrow.counts.carried(keys, more)
        left = np.array(self._room, float) - taken
        if ((left < 0) & (taken > 0)).any():
            return False
        self._room = left.astype(np.int64).tolist()
        for one, milliamperes in zip(those, given, strict=True):
            one.given, one.blocked = milliamperes, -1
        return True

    def _let_in_each(self, line: list[Entrant]) -> list[Entrant]:
        return [one for one in line if self._let_in(one)]

    def _let_in(self, one: Entrant) -> bool:
        """Give it its minimum when there is room; return whether there is.

        One that was paused needs some more to be free.
        """
        needed = one.low + self._margin if _was_paused(one) else one.low
        one.blocked = _blocking(self._room, one.path, needed)
        if one.blocked >= 0:
            return False
        self._give(one, one.low)
        return True

    def _group(self, members: Sequence[Entrant]) -> Group:
        return Group(
            [one.path for one in members],
            np.array([one.path.key for one in members], np.intp),
            np.array([one.low for one in members], float),
            np.array([one.high for one in members], float),
            *SHARES[self._policy](members, self._settings),
        )

    def _raise(self, members: Sequence[Entrant]) -> None:
        """Raise those that have their minimum together, as far as there is room."""
        if not members:
            return
        group = self._group(members)
        targets = fill(group, self._narrow, np.array(self._room, float))
        step = np.array([one.step for one in members], float)
        wholes = np.maximum(group.low, np.floor(targets + GRACE_MA) // step * step)
        given = wholes.astype(np.int64).tolist()
        if not self._take(members, group.keys, wholes - group.low, given):
            for one, whole in zip(members, given, strict=True):
                self._give(one, min(whole - one.given, self._steps_free(one)))
        # Who lost most by rounding comes first.
        order = (wholes - targets).argsort(kind="stable")
        self._top_up([members[number] for number in order.tolist()])

    def _steps_free(self, one: Entrant) -> int:
        """Return how much more it can have, in whole steps."""
        more, row = _free(self._room, one.path, one.high - one.given)
        if row >= 0:
            one.blocked = row
        return more // one.step * one.step if more > 0 else 0

    def _give(self, one: Entrant, more: int) -> None:
        if more:
            _take_path(self._room, one.path, more)
            one.given += more

    def _top_up(self, members: Iterable[Entrant]) -> None:
        """Give one step after the other until nobody can have more."""
        room = self._room
        still = [one for one in members if one.given + one.step <= one.high]
        while still:
            again = []
            for one in still:
                path, step = one.path, one.step
                # As `_blocking` and `_take_path`: the most frequent of all, calls would cost most.
                for row in path.rows:
                    if room[row] < step:
                        one.blocked = row
                        break
                else:
                    one.blocked = _blocking_power(room, path, step) if path.powers else -1
                    if one.blocked >= 0:
                        continue
                    for row in path.rows:
                        room[row] -= step
                    for row in path.powers:
                        room[row] -= step * path.phases
                    one.given += step
                    if one.given + step <= one.high:
                        again.append(one)
            still = again


Way: TypeAlias = Callable[[Shares, list[Entrant]], None]
WAYS: Final[Mapping[Policy, Way]] = {
    Policy.EQUAL_SHARE: Shares.fairly,
    Policy.MAX_MIN_FAIR: Shares.fairly,
    Policy.FIRST_COME: Shares.in_order,
    Policy.EARLIEST_DEADLINE: Shares.in_order,
    Policy.LEAST_LAXITY: Shares.by_laxity,
}


def _priority(one: Entrant) -> int:
    return one.demand.priority


def _was_paused(one: Entrant) -> bool:
    turn = one.demand.turn
    return turn is not None and not turn.running


def _take_path(room: list[int], path: Path, taken: int) -> None:
    """Take so much on each phase out of all rows of a path."""
    for row in path.rows:
        room[row] -= taken
    for row in path.powers:
        room[row] -= taken * path.phases


def _blocking(room: Sequence[int], path: Path, more: int) -> int:
    """Return the nearest row without room for so much more, -1 when there is room."""
    for row in path.rows:
        if room[row] < more:
            return row
    return _blocking_power(room, path, more)


def _blocking_power(room: Sequence[int], path: Path, more: int) -> int:
    for row in path.powers:
        if room[row] < more * path.phases:
            return row
    return -1


def _free(room: Sequence[int], path: Path, most: int) -> tuple[int, int]:
    """Return how much is free on each phase, at most so much, and the row that has no more.

    The row is -1 where `most` is free.
    """
    tightest = -1
    for row in path.rows:
        left = room[row]
        if left < most:
            most, tightest = left, row
    for row in path.powers:
        left = room[row] // path.phases
        if left < most:
            most, tightest = left, row
    return most, tightest
