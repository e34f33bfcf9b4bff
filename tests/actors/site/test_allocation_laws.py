"""What holds for every site, every policy, and whatever cars want."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.site.allocation import allocate, turns_after
from actors.site.settings import Policy, SiteSettings
from domain.site import Site, Turn
from tests.actors.site.sites import (
    NOW,
    POLICIES,
    S,
    demands_at,
    judge,
    loads_at,
    prepared,
    rooms_of,
    schedules,
    sites,
)

HABITS = SiteSettings()
FILLING = [Policy.EQUAL_SHARE, Policy.MAX_MIN_FAIR]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(POLICIES))
def test_no_circuit_carries_more_than_it_may(data, policy):
    site = data.draw(sites())
    schedule, loads = data.draw(schedules(site)), data.draw(loads_at(site))
    demands = data.draw(demands_at(site))
    tree, limits = prepared(site, schedule=schedule, loads=loads)
    allocation = allocate(tree, limits, demands, HABITS, NOW, policy=policy)
    assert not judge(site, demands, allocation, rooms_of(site, schedule, loads))


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(POLICIES))
def test_a_limit_is_a_whole_step_between_minimum_and_maximum_or_nothing(data, policy):
    site = data.draw(sites())
    demands = data.draw(demands_at(site))
    tree, limits = prepared(site)
    allocation = allocate(tree, limits, demands, HABITS, NOW, policy=policy)
    assert set(allocation.limits) == {one.place for one in demands}
    for name, limit in allocation.limits.items():
        place = tree.places[name]
        steps = limit.limit_a / place.resolution_a
        assert abs(steps - round(steps)) < 1e-6
        assert limit.paused or place.min_a - 1e-9 <= limit.limit_a <= place.max_a + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(POLICIES))
def test_nobody_could_have_one_step_more(data, policy):
    site = data.draw(sites())
    demands = data.draw(demands_at(site))
    rooms = rooms_of(site)
    tree, limits = prepared(site)
    allocation = allocate(tree, limits, demands, HABITS, NOW, policy=policy)
    for one in demands:
        limit, place = allocation.limits[one.place], tree.places[one.place]
        wanted = float("inf") if policy is Policy.EQUAL_SHARE and one.wanted_a else one.wanted_a
        high = min(place.max_a, max(wanted, place.min_a) if wanted else 0.0, one.plan_a)
        more = limit.limit_a + place.resolution_a
        if limit.paused:
            margin = HABITS.resume_margin_a if one.turn and not one.turn.running else 0.0
            more = max(place.min_a + margin, place.resolution_a)
            if place.min_a > one.plan_a or not wanted:
                continue
        if more > high + 1e-9 and not limit.paused:
            continue
        if limit.paused and high < max(place.min_a, place.resolution_a):
            continue
        greater = dict(allocation.limits)
        greater[one.place] = type(limit)(more + 0.002, 0, limit.phases, limit.binding)
        changed = type(allocation)(greater, allocation.headroom_a)
        assert judge(site, demands, changed, rooms), (one, limit)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(POLICIES))
def test_the_order_of_demands_circuits_and_places_does_not_matter(data, policy):
    site = data.draw(sites())
    demands = data.draw(demands_at(site))
    tree, limits = prepared(site)
    one = allocate(tree, limits, demands, HABITS, NOW, policy=policy)
    shuffled = Site(
        site.id,
        tuple(data.draw(st.permutations(site.circuits))),
        tuple(data.draw(st.permutations(site.places))),
    )
    tree, limits = prepared(shuffled)
    other = allocate(tree, limits, data.draw(st.permutations(demands)), HABITS, NOW, policy=policy)
    assert one.limits == other.limits


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([*FILLING, Policy.FIRST_COME, Policy.EARLIEST_DEADLINE]))
def test_nothing_changes_while_nothing_has_changed(data, policy):
    site = data.draw(sites())
    demands = data.draw(demands_at(site))
    tree, limits = prepared(site)
    idle = data.draw(st.sets(st.integers(0, 5)))
    # As the site's actor does it: what was decided comes back as turns, a second later each time.
    turns: dict[str, Turn] = {}
    seen = []
    for second in range(4):
        now = NOW + second * S
        known = [
            replace(one, turn=turns.get(one.place), idle=number in idle)
            for number, one in enumerate(demands)
        ]
        allocation = allocate(tree, limits, known, HABITS, now, policy=policy)
        turns = turns_after(allocation, turns, now)
        seen.append({name: limit.limit_a for name, limit in allocation.limits.items()})
    assert seen[1:] == seen[:1] * 3


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_more_room_gives_the_first_in_line_no_less(data):
    site = data.draw(sites(minima=(0.0,), resolutions=(0.1,)))
    demands = [
        type(one)(one.place, number, one.wanted_a, one.phases)
        for number, one in enumerate(data.draw(demands_at(site)))
    ]
    factor = data.draw(st.floats(1.0, 3.0))
    before, after = [
        _vector(greater, demands, Policy.FIRST_COME) for greater in _pair(site, factor)
    ]
    # In the order of arrival, as words in a dictionary: who comes first never gets less.
    assert [round(one, 3) for one in after] >= [round(one, 3) for one in before]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_more_room_does_not_make_the_worst_off_worse(data):
    site = data.draw(sites(minima=(0.0,), resolutions=(0.1,)))
    demands = [type(one)(one.place, 0, 40.0, one.phases) for one in data.draw(demands_at(site))]
    factor = data.draw(st.floats(1.0, 3.0))
    before, after = (
        sorted(_vector(one, demands, Policy.MAX_MIN_FAIR)) for one in _pair(site, factor)
    )
    # One step of rounding may go to somebody else.
    assert not before or after[0] >= before[0] - 0.1 - 1e-6


def _pair(site, factor):
    def grown(limit):
        return tuple(x * factor for x in limit) if isinstance(limit, tuple) else limit * factor

    greater = tuple(
        type(c)(c.id, c.parent, grown(c.limit_a), c.limit_w * factor, c.derating, c.kind)
        for c in site.circuits
    )
    same = tuple(
        type(c)(c.id, c.parent, c.limit_a, c.limit_w, c.derating, c.kind) for c in site.circuits
    )
    return Site(site.id, same, site.places), Site(site.id, greater, site.places)


def _vector(site, demands, policy):
    tree, limits = prepared(site)
    allocation = allocate(tree, limits, demands, HABITS, NOW, policy=policy)
    return [allocation.limits[one.place].limit_a for one in demands]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_max_min_fair_takes_only_from_those_who_have_more(data):
    # Bertsekas and Gallager: everybody below the most it can use has a full row in which nobody
    # has more than it (here: more by the step of rounding).
    site = data.draw(sites(minima=(0.0,), resolutions=(0.1,)))
    demands = [
        type(one)(one.place, 0, one.wanted_a, one.phases) for one in data.draw(demands_at(site))
    ]
    tree, limits = prepared(site)
    allocation = allocate(tree, limits, demands, HABITS, NOW, policy=Policy.MAX_MIN_FAIR)
    got = {name: limit.limit_a for name, limit in allocation.limits.items()}
    paths = {one.place: tree.path(one.place, one.phases) for one in demands}
    left = list(limits.room_ma)
    for name, path in paths.items():
        for row in path.rows:
            left[row] -= round(got[name] * 1000)
        for row in path.powers:
            left[row] -= round(got[name] * 1000) * path.phases
    for one in demands:
        high = min(tree.places[one.place].max_a, one.wanted_a)
        if got[one.place] + 0.1 > high + 1e-9:
            continue
        path = paths[one.place]
        bottlenecks = [row for row in path.rows if left[row] < 100]
        bottlenecks += [row for row in path.powers if left[row] < 100 * 3]
        assert any(
            got[one.place] + 0.4
            >= max(got[n] for n, p in paths.items() if row in (*p.rows, *p.powers))
            for row in bottlenecks
        )
