"""Sharing, by example."""

import pytest

from actors.site.allocation import allocate, turns_after
from actors.site.limits import limits_now
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import compile_tree
from domain.site import (
    BindingKind,
    CapacityLimit,
    Circuit,
    CircuitLoad,
    Demand,
    EvsePlace,
    Site,
    Turn,
)
from tests.actors.site.sites import NOW, POLICIES, S, demand, garage, prepared

SETTINGS = SiteSettings()


def amps(site, demands, policy=Policy.MAX_MIN_FAIR, now=NOW, settings=SETTINGS, **limits):
    tree, room = prepared(site, settings, **limits)
    allocation = allocate(tree, room, demands, settings, now, policy=policy)
    return [allocation.limits[one.place].limit_a for one in demands], allocation


def test_three_cars_share_a_fuse_and_the_odd_amperes_are_not_lost():
    got, allocation = amps(garage(32.0), [demand(0), demand(1), demand(2)])
    assert got == [11, 11, 10]
    assert allocation.headroom_a == {"main": (0, 0, 0)}


def test_what_a_car_cannot_use_goes_to_the_others_unless_shares_are_equal():
    cars = [demand(0, wanted_a=8.0), demand(1), demand(2)]
    assert amps(garage(36.0), cars)[0] == [8, 14, 14]
    assert amps(garage(36.0), cars, Policy.EQUAL_SHARE)[0] == [12, 12, 12]


def test_single_phase_cars_on_rotated_phases_do_not_disturb_each_other():
    places = tuple(
        EvsePlace(f"C{n}/1", f"C{n}", 1, "main", rotation=rotation)
        for n, rotation in enumerate(("RST", "STR", "TRS"))
    )
    site = Site("garage", (Circuit("main", limit_a=16.0),), places)
    assert amps(site, [demand(n, phases=1) for n in range(3)])[0] == [16, 16, 16]
    # Not measured yet, so each may draw from all phases.
    assert amps(site, [demand(n) for n in range(3)])[0] == [8, 8, 0]


def test_an_unknown_rotation_counts_on_each_phase():
    site = garage(16.0, count=2, rotation="")
    assert amps(site, [demand(0, phases=1), demand(1, phases=1)])[0] == [8, 8]


def test_who_does_not_fit_waits_and_its_turn_comes():
    cars = [demand(0), demand(1), demand(2)]
    turns: dict[str, Turn] = {}
    ran: dict[str, int] = {}
    for minute in range(0, 180, 5):
        now = NOW + minute * 60 * S
        asking = [demand(n, turn=turns.get(one.place)) for n, one in enumerate(cars)]
        got, allocation = amps(garage(13.0), asking, now=now)
        assert sum(amperes > 0 for amperes in got) == 2
        turns = turns_after(allocation, turns, now)
        for place, limit in allocation.limits.items():
            ran[place] = ran.get(place, 0) + (not limit.paused)
    assert max(ran.values()) - min(ran.values()) <= 4


def test_a_paused_car_needs_a_margin_to_come_back():
    paused = demand(1, turn=Turn(running=False, since_us=NOW - 60 * S))
    running = demand(0, turn=Turn(running=True, since_us=NOW - 60 * S), wanted_a=6.0)
    assert amps(garage(12.0), [running, paused])[0] == [6, 0]
    assert amps(garage(13.0), [running, paused])[0] == [6, 7]


def test_a_car_that_starves_goes_first_whatever_the_policy():
    starving = demand(2, turn=Turn(running=False, since_us=NOW - 7200 * S), departure_us=0)
    for policy in POLICIES:
        assert amps(garage(10.0), [demand(0), demand(1), starving], policy)[0][2] >= 6


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy.FIRST_COME, [32, 8, 0]),
        (Policy.EARLIEST_DEADLINE, [0, 8, 32]),
        (Policy.LEAST_LAXITY, [0, 8, 32]),
    ],
)
def test_policies_put_different_cars_first(policy, expected):
    cars = [
        demand(0, departure_us=NOW + 36_000 * S, energy_wh=3_000),
        demand(1, departure_us=NOW + 20_000 * S, energy_wh=8_000),
        demand(2, departure_us=NOW + 3_600 * S, energy_wh=22_000),
    ]
    assert amps(garage(40.0), cars, policy)[0] == expected


def test_a_higher_class_is_served_first_and_the_lower_keeps_its_minimum():
    cars = [demand(0), demand(1, priority=1)]
    assert amps(garage(40.0), cars)[0] == [8, 32]
    assert amps(garage(36.0), cars)[0] == [6, 30]


def test_the_lowest_limit_of_all_sources_counts_until_it_expires():
    schedule = [
        CapacityLimit("main", "operator", 20.0),
        CapacityLimit("main", "grid", 12.0, until_us=NOW + S),
        CapacityLimit("main", "grid", 7.0, until_us=NOW),
    ]
    got, allocation = amps(garage(32.0, count=1), [demand(0)], schedule=schedule)
    assert got == [12]
    binding = allocation.limits["C0/1"].binding
    assert (binding.kind, binding.source) == (BindingKind.SCHEDULE, "grid")


def test_a_source_lifts_what_it_has_said_with_a_greater_priority():
    schedule = [
        CapacityLimit("main", "grid", 7.0),
        CapacityLimit("main", "grid", 20.0, priority=1),
    ]
    assert amps(garage(32.0, count=1), [demand(0)], schedule=schedule)[0] == [20]


def test_a_stale_measurement_is_replaced_by_the_worst_case():
    circuit = Circuit("main", limit_a=32.0, unmanaged_a=(12.0, 12.0, 12.0))
    site = Site("garage", (circuit,), garage(count=1).places)
    fresh = CircuitLoad("main", (2.0, 5.0, 1.0), NOW)
    old = CircuitLoad("main", (2.0, 5.0, 1.0), NOW - 121 * S)
    assert amps(site, [demand(0)], loads=[fresh])[0] == [27]
    assert amps(site, [demand(0)], loads=[old])[0] == [20]


def test_surplus_of_pv_can_be_shared_out():
    site = garage(0.0, count=1)
    sun = CircuitLoad("main", (-10.0, -11.0, -10.5), NOW)
    assert amps(site, [demand(0)], loads=[sun])[0] == [10]


def test_what_is_reserved_is_not_shared_out_twice():
    got, allocation = amps(garage(32.0), [demand(0), demand(1)], reserved_a={"C2/1": 16.0})
    assert got == [8, 8]
    assert allocation.limits["C2/1"].binding.kind is BindingKind.RESERVED


def test_loads_above_the_limit_are_told_and_nobody_charges():
    load = CircuitLoad("main", (40.0, 0.0, 0.0), NOW)
    got, allocation = amps(garage(32.0, count=1), [demand(0)], loads=[load])
    assert got == [0]
    assert [(one.circuit, one.phase) for one in allocation.overloaded] == [("main", "L1")]
    assert allocation.headroom_a["main"] == (-8, 32, 32)


def test_the_binding_constraint_is_named():
    circuits = (Circuit("main", limit_a=(63.0, 20.0, 63.0)), Circuit("row", "main", limit_w=9_660))
    places = (
        EvsePlace("C0/1", "C0", 1, "main", phases=1, rotation="STR"),
        EvsePlace("C1/1", "C1", 1, "row"),
        EvsePlace("C2/1", "C2", 1, "main", phases=1, max_a=10.0),
    )
    cars = [demand(0), demand(1), demand(2)]
    tree, room = prepared(Site("s", circuits, places))
    allocation = allocate(tree, room, cars, SETTINGS, NOW, policy=Policy.FIRST_COME)
    said = {
        name: (limit.limit_a, limit.binding.kind, limit.binding.circuit, limit.binding.phase)
        for name, limit in allocation.limits.items()
    }
    assert said == {
        "C0/1": (20, BindingKind.CIRCUIT, "main", "L2"),
        "C1/1": (0, BindingKind.CIRCUIT, "main", "L2"),
        "C2/1": (10, BindingKind.CHARGER, "", ""),
    }


def test_a_plan_below_the_minimum_pauses():
    got, allocation = amps(garage(32.0, count=2), [demand(0, plan_a=3.0), demand(1, plan_a=9.0)])
    assert got == [0, 9]
    assert {one.binding.kind for one in allocation.limits.values()} == {BindingKind.PLAN}


def test_two_demands_for_a_place_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="C0/1"):
        amps(garage(), [demand(0), demand(0)])


def test_cars_whose_time_is_over_are_shared_out_to_like_others():
    tree = compile_tree(
        Site(
            "s",
            (Circuit("main", limit_a=100.1), Circuit("row", "main", limit_a=33.3)),
            tuple(EvsePlace(f"C{n}", f"C{n}", 1, ("main", "row")[n % 2]) for n in range(30)),
        )
    )
    settings = SiteSettings(policy=Policy.LEAST_LAXITY)
    cars = [
        Demand(f"C{n}", 0, departure_us=NOW - (n + 1) * 37 * S, energy_wh=1_000.0 + 137.7 * n)
        for n in range(30)
    ]
    shares = allocate(tree, limits_now(tree, NOW, settings), cars, settings, NOW)
    assert sum(limit.limit_a for limit in shares.limits.values()) == 100
