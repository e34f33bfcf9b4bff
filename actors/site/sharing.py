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

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import msgspec

from actors.site.filling import Rise, fill
from actors.site.policies import SHARES, Candidate, Key, laxity_share
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import GRACE_MA, MA_PER_A, Path
from domain.site import BindingKind


class Entrant(msgspec.Struct, gc=False):
    """A car that may get a share; currents in mA of each phase.

    Attributes:
        step: in which its limit can be set.
        high_by: what sets the most that it can get.
        key: by which cars are let in: class, who starves, then the order of the policy.
        given: what it has got; 0: paused.
        blocked: the row that has no room for more, -1: none.
    """

    candidate: Candidate
    path: Path
    step: int
    high_by: BindingKind
    key: Key
    starves: bool = False
    given: int = 0
    blocked: int = -1


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a way of sharing needs to know."""

    policy: Policy
    settings: SiteSettings
    margin: int
    now_us: int


Way: TypeAlias = Callable[[list[int], list[Entrant], _Rules], None]


def share_out(
    room: list[int],
    entrants: Iterable[Entrant],
    policy: Policy,
    settings: SiteSettings,
    now_us: int,
) -> None:
    """Set `given` and `blocked` of the entrants, who are in the order of their keys.

    `room` is what is left of each row, and gets less.
    """
    margin = round(settings.resume_margin_a * MA_PER_A)
    rules = _Rules(policy, settings, margin, now_us)
    asking = [*filter(_asks, entrants)]
    WAYS[policy](room, [one for one in asking if not one.candidate.demand.idle], rules)
    for one in asking:
        if one.candidate.demand.idle:
            _let_in(room, one, rules)


def _take_path(room: list[int], path: Path, taken: int) -> None:
    """Take so much on each phase out of all rows of a path."""
    for row in path.rows:
        room[row] -= taken
    taken *= path.phases
    for row in path.powers:
        room[row] -= taken


def _asks(one: Entrant) -> bool:
    """Whether it wants something that it can get: not when it is full, or paused by the plan."""
    return one.candidate.high >= max(one.candidate.low, one.step)


def _priority(one: Entrant) -> int:
    return one.candidate.demand.priority


def _fairly(room: list[int], entrants: list[Entrant], rules: _Rules) -> None:
    running = _let_all_in(room, entrants, rules)
    for _, members in groupby(running, key=_priority):
        # By id, not by turns: who gets the odd step must not change with time alone.
        ordered = sorted(members, key=lambda one: one.candidate.demand.place)
        share = SHARES[rules.policy]
        rises = [share(one.candidate, rules.settings, rules.now_us) for one in ordered]
        _fill_and_top_up(room, ordered, rises)


def _in_order(room: list[int], entrants: list[Entrant], rules: _Rules) -> None:
    inside = []
    for one in entrants:
        if one.starves:
            if _let_in(room, one, rules):
                inside.append(one)
            continue
        # As `_let_in`, then all that is free, in one go.
        needed, high = _needed(one, rules), one.candidate.high
        free, row = _free(room, one.path, high)
        if free < needed:
            one.blocked = _blocking(room, one.path, needed)
            if one.blocked >= 0:
                continue
        one.blocked = row
        _give(room, one, free // one.step * one.step)
        inside.append(one)
    _top_up(room, inside)


def _by_laxity(room: list[int], entrants: list[Entrant], rules: _Rules) -> None:
    for _, group in groupby(entrants, key=_priority):
        members = list(group)
        rises = [laxity_share(one.candidate, rules.settings, rules.now_us) for one in members]
        # A first look, as if there were no minima, shows who would get how much.
        parts = fill(
            [0] * len(members),
            [one.candidate.high for one in members],
            rises,
            [one.path for one in members],
            [max(0, left) for left in room],
        )
        ranked = sorted(
            range(len(members)),
            key=lambda n: (not members[n].starves, _rank(members[n], parts[n]), n),
        )
        can_wait = [n for n in ranked if parts[n] <= GRACE_MA and not members[n].starves]
        waits = set(can_wait)
        number = {id(one): n for n, one in enumerate(members)}
        let_in = _let_all_in(room, [members[n] for n in ranked if n not in waits], rules)
        inside = [number[id(one)] for one in let_in]
        _fill_and_top_up(room, let_in, [rises[n] for n in inside])
        for n in can_wait:
            if _let_in(room, members[n], rules):
                _give(room, members[n], _steps_free(room, members[n]))
                inside.append(n)
        _top_up(room, [members[n] for n in inside])


def _rank(one: Entrant, part: float) -> int:
    """Those whose part is above their minimum are sure to have room, all together."""
    return 0 if part >= one.candidate.low else 1


WAYS: Final[Mapping[Policy, Way]] = {
    Policy.EQUAL_SHARE: _fairly,
    Policy.MAX_MIN_FAIR: _fairly,
    Policy.FIRST_COME: _in_order,
    Policy.EARLIEST_DEADLINE: _in_order,
    Policy.LEAST_LAXITY: _by_laxity,
}


def _blocking(room: Sequence[int], path: Path, more: int) -> int:
    """Return the nearest row without room for so much more, -1 when there is room."""
    for row in path.rows:
        if room[row] < more:
            return row
    for row in path.powers:
        if room[row] < more * path.phases:
            return row
    return -1


def _needed(one: Entrant, rules: _Rules) -> int:
    """Return how much must be free for it to be let in, on each phase."""
    turn, low = one.candidate.demand.turn, one.candidate.low
    return low + rules.margin if turn is not None and not turn.running else low


def _let_in(room: list[int], one: Entrant, rules: _Rules) -> bool:
    """Give it its minimum when there is room; return whether there is."""
    one.blocked = _blocking(room, one.path, _needed(one, rules))
    if one.blocked >= 0:
        return False
    _give(room, one, one.candidate.low)
    return True


def _let_all_in(room: list[int], entrants: list[Entrant], rules: _Rules) -> list[Entrant]:
    """Let them in, one after the other; return those for whom there was room.

    Where there is room for all, whoever comes first, it is taken at once.
    """
    lows: dict[int, int] = {}
    paths: dict[int, Path] = {}
    spare = 0
    for one in entrants:
        path, low = one.path, one.candidate.low
        lows[path.key] = lows.get(path.key, 0) + low
        paths[path.key] = path
        if _needed(one, rules) > low:
            spare = rules.margin
    left = _after(room, paths, lows)
    if any(_blocking(left, path, spare) >= 0 for path in paths.values()):
        return [one for one in entrants if _let_in(room, one, rules)]
    room[:] = left
    for one in entrants:
        one.given, one.blocked = one.candidate.low, -1
    return entrants


def _fill_and_top_up(room: list[int], members: Sequence[Entrant], rises: Sequence[Rise]) -> None:
    """Raise those that have their minimum together, as far as there is room."""
    targets = fill(
        [one.candidate.low for one in members],
        [one.candidate.high for one in members],
        rises,
        [one.path for one in members],
        room,
    )
    wholes = [
        math.floor(target + GRACE_MA) // one.step * one.step
        for one, target in zip(members, targets, strict=True)
    ]
    _give_all(room, members, wholes)
    lost = [whole - target for whole, target in zip(wholes, targets, strict=True)]
    # Who lost most by rounding comes first.
    order = sorted(range(len(members)), key=lost.__getitem__)
    _top_up(room, [members[n] for n in order])


def _give_all(room: list[int], members: Sequence[Entrant], wholes: Sequence[int]) -> None:
    """Raise everybody to so much, at once where there is room for all of it, as there should be."""
    more: dict[int, int] = {}
    paths: dict[int, Path] = {}
    for one, whole in zip(members, wholes, strict=True):
        path = one.path
        if whole > one.given:
            more[path.key] = more.get(path.key, 0) + whole - one.given
            paths[path.key] = path
    left = _after(room, paths, more)
    if any(_blocking(left, path, 0) >= 0 for path in paths.values()):
        for one, whole in zip(members, wholes, strict=True):
            if whole > one.given:
                _give(room, one, min(whole - one.given, _steps_free(room, one)))
        return
    room[:] = left
    for one, whole in zip(members, wholes, strict=True):
        one.given = max(one.given, whole)


def _after(room: Sequence[int], paths: Mapping[int, Path], more: Mapping[int, int]) -> list[int]:
    """Return what is left of each row when so much is taken on each path."""
    left = list(room)
    for key, path in paths.items():
        _take_path(left, path, more[key])
    return left


def _steps_free(room: Sequence[int], one: Entrant) -> int:
    """Return how much more it can have, in whole steps."""
    more, row = _free(room, one.path, one.candidate.high - one.given)
    if row >= 0:
        one.blocked = row
    return more // one.step * one.step if more > 0 else 0


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


def _give(room: list[int], one: Entrant, more: int) -> None:
    if more:
        _take_path(room, one.path, more)
        one.given += more


def _top_up(room: list[int], members: Iterable[Entrant]) -> None:
    """Give one step after the other until nobody can have more."""
    still = [one for one in members if one.given + one.step <= one.candidate.high]
    while still:
        again = []
        for one in still:
            path, step = one.path, one.step
            one.blocked = _blocking(room, path, step)
            if one.blocked < 0:
                _take_path(room, path, step)
                one.given += step
                if one.given + step <= one.candidate.high:
                    again.append(one)
        still = again
