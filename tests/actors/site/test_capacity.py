"""What a circuit carries over time: schedules of several sources, meters of other loads."""

import pytest

from actors.site.messages import CapacitySet, LoadMeasured, MainMeasured
from domain.site import CapacityLimit, Circuit, CircuitLoad, EvsePlace, MeterOf, Site
from tests.actors.site.hostile import SECOND, START, World


def one_car(**circuit: object) -> World:
    site = Site(
        "s",
        (Circuit("main", limit_a=32.0, **circuit),),  # type: ignore[arg-type]
        (EvsePlace("CP0/1", "CP0", 1, "main"),),
    )
    # The law of World.look knows only the rating; here what is left of it is looked at.
    world = World(site, seed=1, checks=False)
    world.come("CP0/1")
    world.plug("CP0/1")
    world.run(30)
    return world


def allowed(world: World) -> float:
    return world.truth["CP0/1"].allowed_a


def entry(source: str, amperes: float, begin_s: int, end_s: int = 0, priority: int = 0):
    return CapacityLimit(
        "main",
        source,
        limit_a=amperes,
        from_us=START + begin_s * SECOND if begin_s else 0,
        until_us=START + end_s * SECOND if end_s else 0,
        priority=priority,
    )


def test_an_entry_begins_and_ends_by_itself() -> None:
    world = one_car()
    world.tell(CapacitySet((entry("grid", 10.0, 100, 200),)))
    world.run(60)
    assert allowed(world) == 32.0
    world.run(11)  # at 101 s
    assert allowed(world) == 10.0
    world.run(98)
    assert allowed(world) == 10.0
    world.run(3)
    assert allowed(world) == 32.0


def test_of_several_sources_the_lowest_that_holds_counts_and_is_named() -> None:
    world = one_car()
    world.tell(
        CapacitySet((entry("contract", 25.0, 0), entry("grid", 12.0, 0, 100), entry("op", 20.0, 0)))
    )
    world.run(30)
    assert allowed(world) == 12.0
    assert world.state.shared is not None
    assert world.state.shared.allocation.limits["CP0/1"].binding.source == "grid"
    world.run(60)  # that of the grid has expired
    assert allowed(world) == 20.0


def test_a_source_lifts_what_it_has_said_with_a_greater_priority() -> None:
    world = one_car()
    world.tell(CapacitySet((entry("grid", 8.0, 0), entry("grid", 16.0, 0, 100, priority=1))))
    world.run(30)
    assert allowed(world) == 16.0
    world.run(60)
    assert allowed(world) == 8.0


def test_other_loads_take_room_and_pv_gives_it_until_the_reading_is_old() -> None:
    world = one_car(unmanaged_a=(5.0, 5.0, 5.0))
    assert allowed(world) == 27.0
    world.tell(LoadMeasured(CircuitLoad("main", (20.0, 2.0, 2.0), world.now_us)))
    world.run(15)
    assert allowed(world) == 12.0
    world.tell(LoadMeasured(CircuitLoad("main", (-3.0, -3.0, -3.0), world.now_us)))
    world.run(15)
    assert allowed(world) == 32.0  # its own most; 35 A would be free
    world.run(150)
    assert allowed(world) == 27.0  # the worst case again


def test_the_main_meter_of_a_charger_measures_the_loads_beside_it() -> None:
    world = one_car(meter="CP0")
    world.tell(MainMeasured("CP0", (15.0, 4.0, 4.0), world.now_us))
    world.run(15)
    assert allowed(world) == 17.0
    world.tell(MainMeasured("CP9", (30.0, 30.0, 30.0), world.now_us))  # nobody's meter here
    world.run(15)
    assert allowed(world) == 17.0


@pytest.mark.parametrize("rotation", ["RST", "STR"])
def test_what_the_evses_draw_is_taken_off_a_meter_of_all(rotation: str) -> None:
    world = one_car(meter="site-meter", meter_of=MeterOf.ALL)
    truth = world.truth["CP0/1"]
    world.state.spots["CP0/1"].place = EvsePlace("CP0/1", "CP0", 1, "main", rotation=rotation)
    truth.car_phases, truth.car_a = 1, 10.0
    world.measure()
    phase = "RST".index(rotation[0])
    shown = [7.0, 7.0, 7.0]
    shown[phase] += 10.0
    world.tell(MainMeasured("site-meter", tuple(shown), world.now_us))  # type: ignore[arg-type]
    assert world.state.loads["main"].current_a == (7.0, 7.0, 7.0)
