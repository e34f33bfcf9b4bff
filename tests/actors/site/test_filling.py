"""Progressive filling against a slow and simple one."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.site.filling import Group, at_least, fill
from actors.site.narrowing import Narrow
from actors.site.tree import compile_tree
from tests.actors.site.sites import sites


@st.composite
def problems(draw):
    """A tree, members on paths of it, and what each row has left, mA."""
    tree = compile_tree(draw(sites()))
    paths = [
        tree.path(name, draw(st.integers(0, 3)))
        for name in tree.places
        for _ in range(draw(st.integers(0, 2)))
    ]
    low = [draw(st.sampled_from([0, 6_000])) for _ in paths]
    high = [one + draw(st.sampled_from([0, 1, 3_700, 26_000])) for one in low]
    weight = [draw(st.sampled_from([0.5, 1.0, 35.5])) for _ in paths]
    offset = [draw(st.one_of(st.just(0.0), st.floats(-90_000, 600_000))) for _ in paths]
    room = [draw(st.integers(0, 120_000)) for _ in range(tree.counts.rows)]
    keys = np.array([path.key for path in paths], np.intp)
    everywhere = Narrow(tree, frozenset(range(tree.counts.rows)))
    group = Group(
        everywhere.crew(keys),
        *(np.array(values, float) for values in (low, high, weight, offset)),
    )
    return group, np.array(room, float)


def slowly(group, room):
    """Row after row: the one that is full at the lowest level stops those that count in it."""
    share = [*map(float, group.high)]
    still = set(range(len(group.crew.paths)))
    left = {}
    for path in group.crew.paths:
        left |= {row: room[row] for row in (*path.rows, *path.powers)}

    def times(n, row):
        path = group.crew.paths[n]
        return path.rows.count(row) + path.phases * path.powers.count(row)

    def at(n, level):
        grown = group.weight[n] * (level - group.offset[n])
        return min(group.high[n], max(group.low[n], grown))

    def carried(row, level):
        return sum((at(n, level) - group.low[n]) * times(n, row) for n in still)

    def full_level(row):
        bends = sorted(
            group.offset[n] + amount / group.weight[n]
            for n in still
            if times(n, row)
            for amount in (group.low[n], group.high[n])
        )
        if not bends or carried(row, bends[-1] + 1) <= left[row] + 5e-4:
            return math.inf
        below = max(bend for bend in bends if carried(row, bend) <= left[row] + 1e-6)
        above = min(bend for bend in bends if bend > below)
        begun, ended = carried(row, below), carried(row, above)
        return below + (above - below) * (left[row] - begun) / (ended - begun)

    while True:
        levels = {row: full_level(row) for row in left}
        row = min(levels, key=levels.get, default=None)
        if row is None or levels[row] == math.inf:
            return share
        for n in [n for n in still if times(n, row)]:
            share[n] = at(n, levels[row])
            still.remove(n)
            path = group.crew.paths[n]
            for other in {*path.rows, *path.powers}:
                left[other] -= (share[n] - group.low[n]) * times(n, other)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_everybody_gets_what_the_slow_way_gives(problem):
    group, room = problem
    got = fill(group, room)
    np.testing.assert_allclose(got, slowly(group, room), atol=0.05)
    assert (group.crew.carried(got - group.low) <= room + 0.05).all()


@settings(max_examples=100, deadline=None)
@given(problems())
def test_the_first_look_gives_nobody_more(problem):
    group, room = problem
    assert (at_least(group, room) <= fill(group, room) + 0.05).all()
