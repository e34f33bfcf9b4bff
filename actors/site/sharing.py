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
from typing import Final, TypeAlias

import numpy as np

from actors.site.counts import Crew, Floats, Ints, Path
from actors.site.entrants import NEVER_US, Entrants, starving
from actors.site.filling import Group, at_least, fill
from actors.site.narrowing import Narrow
from actors.site.places import GRACE_MA, MA_PER_A
from actors.site.policies import SHARES, by_class, in_line
from actors.site.settings import Policy, SiteSettings


class Shares:
    """A site that is being shared out: what is left of each row, and what each has got.

    Args:
        those: whom to share out to; known by their numbers from here on.
        narrow: the rows that can bind.
        room: what is left of each row, mA.
        policy: who gets what.
        settings: habits.
        now_us: for turns and deadlines.

    Attributes:
        given: what each has got, mA of each phase; 0: paused.
        room: what is left of each row that can bind, mA.
        needed: by how much less each could have come in, mA: its minimum; after a pause, some more.
        crew: who counts where.
    """

    def __init__(
        self,
        those: Entrants,
        narrow: Narrow,
        room: Sequence[int],
        policy: Policy,
        settings: SiteSettings,
        now_us: int,
    ) -> None:
        self.given = [0] * len(those.demands)
        self.room = list(room)
        self.crew = narrow.crew(those.keys)
        self._margin = round(settings.resume_margin_a * MA_PER_A)
        self._was_paused = those.paused_us < NEVER_US
        self.needed: Ints = those.low + self._margin * self._was_paused
        self._those, self._narrow = those, narrow
        self._policy, self._settings, self._now_us = policy, settings, now_us
        # The same once more, for steps that are taken one by one.
        self._step: list[int] = those.step.tolist()
        self._low: list[int] = those.low.tolist()
        self._high: list[int] = those.high.tolist()
        self._needs: list[int] = self.needed.tolist()

    def share_out(self) -> None:
        """Set what each is given."""
        those = self._those
        asks = those.high >= np.maximum(those.low, those.step)
        WAYS[self._policy](self, (asks & ~those.idle).nonzero()[0])
        idle = (asks & those.idle).nonzero()[0]
        if idle.size:
            self._let_in_each(self._in_line(idle))

    # the ways

    def fairly(self, members: Ints) -> None:
        """Everybody the minimum, then together."""
        if not self._fit(members):
            # By id, not by turns: who gets the odd step must not change with time alone.
            members = np.sort(self._let_in_each(self._in_line(members)))
        for group in by_class(self._those, members):
            self._raise(group)

    def in_order(self, members: Ints) -> None:
        """One after the other, all that can be had; who starves its minimum first."""
        room, paths, given = self.room, self.crew.paths, self.given
        needs_of, highs, steps = self._needs, self._high, self._step
        starves = starving(self._those, self._settings, self._now_us).tolist()
        modest = []
        for one in self._in_line(members).tolist():
            if starves[one]:
                if self._let_in(one):
                    modest.append(one)
                continue
            # As `_let_in`, then all that is free, in one go.
            path, needs, high, step = paths[one], needs_of[one], highs[one], steps[one]
            free = _free(room, path, max(needs, high))
            if free >= needs:
                given[one] = more = min(high, free) // step * step
                _take_path(room, path, more)
        self._top_up(modest)

    def by_laxity(self, members: Ints) -> None:
        """Who can wait is paused; the others together, by the time that they have to spare."""
        starves = starving(self._those, self._settings, self._now_us)
        part = np.zeros(len(self.given))
        for group in by_class(self._those, members):
            # A first look, as if there were no minima, shows who would get how much.
            first = self._group(group, np.zeros(group.size))
            part[group] = at_least(first, np.array(self.room, float))
            line = self._in_line(group)
            gets = part.take(line) > GRACE_MA
            enough = part.take(line) >= self._those.low.take(line)
            # Those whose part is above their minimum have room for it, all together.
            sure = (gets & enough) | starves.take(line)
            called = np.concatenate((line[sure], line[gets & ~sure]))
            inside = called if self._fit(called) else self._let_in_each(called)
            self._raise(np.sort(inside))
            # Whom a row has no room for now, it has none for later.
            lacks = self.crew.lacking(np.array(self.room, float), self.needed) >= 0
            for one in line[~gets & ~sure & ~lacks.take(line)].tolist():
                if self._let_in(one):
                    self._give(one, self._steps_free(one))

    # what they are made of

    def _in_line(self, members: Ints) -> Ints:
        return in_line(self._those, members, self._policy, self._settings, self._now_us)

    def _crew(self, members: Ints) -> Crew:
        everybody = members.size == len(self.given)
        return self.crew if everybody else self._narrow.crew(self._those.keys.take(members))

    def _fit(self, members: Ints) -> bool:
        """Give all their minimum if there is room for that, whoever comes first."""
        members = np.sort(members)
        crew, low = self._crew(members), self._those.low.take(members)
        if self._margin and self._was_paused.take(members).any():
            # So much free for everybody is enough, and simpler than for those alone.
            left = np.array(self.room, float) - crew.carried(low)
            if (left.take(crew.row) < 3 * self._margin).any():
                return False
        return self._take(crew, members, low, low)

    def _take(self, crew: Crew, members: Ints, more: Floats | Ints, given: Ints) -> bool:
        """Take so much more on the path of each, if all rows carry it; then all have `given`."""
        taken = crew.carried(more)
        left = np.array(self.room, float) - taken
        if ((left < 0) & (taken > 0)).any():
            return False
        self.room = left.astype(np.intp).tolist()
        for one, milliamperes in zip(members.tolist(), given.tolist(), strict=True):
            self.given[one] = milliamperes
        return True

    def _let_in_each(self, line: Ints) -> Ints:
        """Give each in turn its minimum; return those for whom there was room."""
        return np.array([one for one in line.tolist() if self._let_in(one)], np.intp)

    def _let_in(self, one: int) -> bool:
        """Give it its minimum when there is room; return whether there is.

        One that was paused needs some more to be free.
        """
        needs = self._needs[one]
        if _free(self.room, self.crew.paths[one], needs) < needs:
            return False
        self._give(one, self._low[one])
        return True

    def _group(self, members: Ints, low: Floats) -> Group:
        weight, offset = SHARES[self._policy](self._those, self._settings)
        high = self._those.high.take(members).astype(float)
        return Group(self._crew(members), low, high, weight.take(members), offset.take(members))

    def _raise(self, members: Ints) -> None:
        """Raise those that have their minimum together, as far as there is room."""
        if not members.size:
            return
        step, low = self._those.step.take(members), self._those.low.take(members)
        group = self._group(members, low.astype(float))
        targets = fill(group, np.array(self.room, float))
        given = np.maximum(low, (targets + GRACE_MA).astype(np.intp) // step * step)
        if not self._take(group.crew, members, given - low, given):
            for one, most in zip(members.tolist(), given.tolist(), strict=True):
                self._give(one, min(most - self.given[one], self._steps_free(one)))
        # Who lost most by rounding comes first.
        order = (given - targets).argsort(kind="stable")
        self._top_up(members.take(order).tolist())

    def _steps_free(self, one: int) -> int:
        """Return how much more it can have, in whole steps."""
        more = _free(self.room, self.crew.paths[one], self._high[one] - self.given[one])
        step = self._step[one]
        return more // step * step if more > 0 else 0

    def _give(self, one: int, more: int) -> None:
        if more:
            _take_path(self.room, self.crew.paths[one], more)
            self.given[one] += more

    def _top_up(self, members: Iterable[int]) -> None:
        """Give one step after the other until nobody can have more."""
        room, given = self.room, self.given
        steps, highs, paths = self._step, self._high, self.crew.paths
        still = [one for one in members if given[one] + steps[one] <= highs[one]]
        while still:
            again = []
            for one in still:
                path, step = paths[one], steps[one]
                # As `_free` and `_take_path`: the most frequent of all, calls would cost most.
                for row in path.rows:
                    if room[row] < step:
                        break
                else:
                    if path.powers and _free(room, path, step) < step:
                        continue
                    for row in path.rows:
                        room[row] -= step
                    for row in path.powers:
                        room[row] -= step * path.phases
                    given[one] += step
                    if given[one] + step <= highs[one]:
                        again.append(one)
            still = again


Way: TypeAlias = Callable[[Shares, Ints], None]
WAYS: Final[Mapping[Policy, Way]] = {
    Policy.EQUAL_SHARE: Shares.fairly,
    Policy.MAX_MIN_FAIR: Shares.fairly,
    Policy.FIRST_COME: Shares.in_order,
    Policy.EARLIEST_DEADLINE: Shares.in_order,
    Policy.LEAST_LAXITY: Shares.by_laxity,
}


def _take_path(room: list[int], path: Path, taken: int) -> None:
    """Take so much on each phase out of all rows of a path."""
    for row in path.rows:
        room[row] -= taken
    for row in path.powers:
        room[row] -= taken * path.phases


def _free(room: Sequence[int], path: Path, most: int) -> int:
    """Return how much is free on each phase, at most so much."""
    for row in path.rows:
        most = min(most, room[row])
    for row in path.powers:
        if room[row] < most * path.phases:
            most = room[row] // path.phases
    return most
