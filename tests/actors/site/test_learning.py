"""What a site learns of cars and chargers from what their meters show."""

import random

import pytest

from actors.site.control import ControlSettings
from actors.site.decision import demand
from actors.site.effects import Doubted, Scope, Trusted
from actors.site.messages import CurrentMeasured, GuideSet, WishSet
from actors.site.settings import Policy, SiteSettings
from domain.site import NO_LIMIT, Circuit, EvsePlace, Site
from tests.actors.site.hostile import SECOND, START, World, garage


def row(evses: int, main_a: float, **place: object) -> Site:
    places = tuple(
        EvsePlace(f"CP{n}/1", f"CP{n}", 1, "main", **place)  # type: ignore[arg-type]
        for n in range(evses)
    )
    return Site("s", (Circuit("main", limit_a=main_a),), places)


def everybody_plugs(world: World) -> None:
    for place in world.truth:
        world.come(place)
        world.plug(place)


def limits(world: World) -> list[float]:
    return [truth.allowed_a for truth in world.truth.values()]


def test_cars_of_one_phase_that_use_different_phases_do_not_share_one() -> None:
    places = tuple(
        EvsePlace(f"CP{n}/1", f"CP{n}", 1, "main", rotation=("RST", "STR", "TRS")[n])
        for n in range(3)
    )
    world = World(Site("s", (Circuit("main", limit_a=32.0),), places), seed=1)
    for truth in world.truth.values():
        truth.car_phases = 1
    everybody_plugs(world)
    world.run(60)
    assert max(limits(world)) <= 11  # nothing is known yet: each counts on all phases
    world.live(120)
    assert limits(world) == [32.0, 32.0, 32.0]
    assert {world.state.shared.held[name].phases for name in world.truth} == {1}  # type: ignore[union-attr]


def test_what_a_car_cannot_use_goes_to_the_others() -> None:
    world = World(row(2, 32.0), seed=1)
    world.truth["CP0/1"].car_a = 8.0
    everybody_plugs(world)
    world.run(30)
    assert limits(world) == [16.0, 16.0]
    world.live(150)
    small, other = limits(world)
    assert small == 10.0  # what it draws, and room to show that it would draw more
    assert other == 22.0


def test_a_car_that_would_take_more_again_gets_its_part_back() -> None:
    world = World(row(2, 32.0), seed=1)
    world.truth["CP0/1"].car_a = 8.0
    everybody_plugs(world)
    world.live(180)
    assert limits(world)[0] == 10.0
    world.truth["CP0/1"].car_a = 32.0
    world.live(60)
    assert limits(world) == [16.0, 16.0]


def test_a_noisy_meter_does_not_make_limits_swing() -> None:
    world = World(row(2, 32.0), seed=1)
    world.truth["CP0/1"].car_a = 10.5
    everybody_plugs(world)
    world.live(180)
    before = world.orders
    dice = random.Random(3)
    for _ in range(60):
        world.truth["CP0/1"].car_a = 10.5 + dice.uniform(-0.4, 0.4)
        world.live(10)
    assert world.orders - before <= 2


def test_the_car_after_this_one_is_not_taken_for_it() -> None:
    world = World(row(1, 32.0), seed=1)
    world.truth["CP0/1"].car_phases = 1
    everybody_plugs(world)
    world.live(120)
    assert world.state.spots["CP0/1"].phases.phases == 1
    world.unplug("CP0/1")
    world.plug("CP0/1")
    assert world.state.spots["CP0/1"].phases.phases == 0


def test_a_second_phase_is_believed_at_once() -> None:
    world = World(row(1, 32.0), seed=1)
    truth = world.truth["CP0/1"]
    truth.car_phases = 1
    everybody_plugs(world)
    world.live(120)
    truth.car_phases = 3
    world.live(10)
    assert world.state.spots["CP0/1"].phases.phases == 3


def test_power_alone_is_split_over_the_wired_phases_and_teaches_no_phases() -> None:
    world = World(row(1, 32.0, phases=1), seed=1)
    everybody_plugs(world)
    world.run(30)
    third = 3_680 / 230 / 3
    for n in range(5):
        message = CurrentMeasured("CP0", 1, (third,) * 3, world.now_us + n, power_w=3_680.0)
        world.tell(message)
    spot = world.state.spots["CP0/1"]
    assert spot.current_a == (16.0, 0.0, 0.0)
    assert spot.phases.phases == 0


def test_measurements_of_long_ago_say_nothing() -> None:
    world = World(row(1, 32.0), seed=1)
    everybody_plugs(world)
    world.run(600)
    old_us = world.now_us - 300 * SECOND
    for _ in range(5):
        world.tell(CurrentMeasured("CP0", 1, (40.0, 40.0, 40.0), old_us))
    assert world.state.spots["CP0/1"].set_aside_a is None
    assert world.state.spots["CP0/1"].current_a is None


def test_a_wish_counts_and_what_flows_is_taken_off_its_energy() -> None:
    world = World(row(1, 16.0), seed=1)
    everybody_plugs(world)
    leaves_us = START + 4 * 3_600 * SECOND
    world.tell(WishSet("CP0/1", leaves_us, 20_000.0, 2))
    world.live(3_600, every_s=60)
    wanted = demand(world.state, world.state.spots["CP0/1"], world.now_us)
    assert (wanted.departure_us, wanted.priority) == (leaves_us, 2)
    # 16 A on three phases for an hour, but for the first minute.
    assert wanted.energy_wh == pytest.approx(20_000 - 16 * 230 * 3, rel=0.05)


def test_the_urgent_car_goes_first_when_the_policy_says_so() -> None:
    settings = SiteSettings(policy=Policy.LEAST_LAXITY)
    world = World(row(2, 16.0), seed=1, settings=settings)
    everybody_plugs(world)
    world.tell(WishSet("CP0/1", START + 10 * 3_600 * SECOND, 5_000.0))
    world.tell(WishSet("CP1/1", START + 3_600 * SECOND, 11_000.0))
    world.live(120)
    calm, urgent = limits(world)
    assert urgent > calm


def test_who_is_paused_gets_its_turn() -> None:
    world = World(row(3, 13.0), seed=1)  # room for two of three minimums
    everybody_plugs(world)
    had_turns = dict.fromkeys(world.truth, 0)
    for _ in range(90):
        world.live(60, every_s=60)
        for name, truth in world.truth.items():
            had_turns[name] += truth.allowed_a >= 6
    assert min(had_turns.values()) >= 45  # of 90 minutes; two thirds are a fair part


def test_a_full_car_keeps_nobody_from_charging() -> None:
    world = World(row(3, 13.0), seed=1)  # room for two of three minimums
    world.truth["CP0/1"].car_a = 0.0
    everybody_plugs(world)
    world.live(1_200)
    assert limits(world) == [0.0, 7.0, 6.0]


def test_a_full_car_keeps_its_minimum_where_nobody_else_can_use_it() -> None:
    world = World(row(2, 45.0), seed=1)
    world.truth["CP0/1"].car_a = 0.0
    everybody_plugs(world)
    world.live(1_200)
    assert limits(world) == [6.0, 32.0]


def test_a_full_car_that_was_paused_is_asked_again() -> None:
    world = World(row(3, 13.0), seed=1)
    truth = world.truth["CP0/1"]
    truth.car_a = 0.0
    everybody_plugs(world)
    world.live(1_200)
    assert truth.allowed_a == 0
    truth.car_a = 16.0  # it is to be warm when its driver comes
    had_a = []
    for _ in range(300):
        world.live(20, every_s=20)
        had_a.append(truth.drawn_a)
    assert max(had_a) >= 6


def test_the_plan_is_followed_while_it_is_fresh() -> None:
    world = World(row(2, 40.0), seed=1)
    everybody_plugs(world)
    world.live(60)
    world.tell(GuideSet({"CP0/1": 7.2}, world.now_us + 120 * SECOND))
    world.live(60)
    assert limits(world) == [8.0, 32.0]
    assert demand(world.state, world.state.spots["CP1/1"], world.now_us).plan_a == NO_LIMIT
    world.live(120)  # its time is over
    assert limits(world) == [20.0, 20.0]


def test_a_charger_that_accepts_and_ignores_counts_with_what_it_draws() -> None:
    world = World(row(2, 32.0), seed=1, checks=False)
    everybody_plugs(world)
    world.live(60)
    deaf = world.truth["CP0/1"]
    deaf.deaf, deaf.limit_a = True, 24.0
    effects = []
    for _ in range(20):
        world.run(10)
        effects += world.measured()
    assert Doubted("CP0/1", "ignores", 25.0) in effects
    assert world.state.spots["CP0/1"].way is Scope.CHARGER  # the other way to tell it was tried
    assert limits(world)[1] == 7.0  # what it leaves of 32
    held = world.state.shared.held["CP0/1"]  # type: ignore[union-attr]
    assert (held.doubted, held.because) == (True, "ignores")
    deaf.deaf = False
    effects = []
    for _ in range(60):
        world.run(10)
        effects += world.measured()
    assert Trusted("CP0/1") in effects
    assert sum(limits(world)) == 32.0


WAYS = (
    frozenset(Scope),
    frozenset({Scope.STANDING}),
    frozenset({Scope.CHARGER}),
    frozenset({Scope.SESSION, Scope.STANDING}),
)


@pytest.mark.parametrize("seed", range(12))
def test_no_phase_is_ever_overloaded_while_cars_of_any_phases_come_and_go(seed: int) -> None:
    # World.look asserts it after every step, with the phases that cars really use.
    control = ControlSettings(gather_s=0, raise_interval_s=0)
    world = World(garage(), seed, control=control)
    dice = random.Random(seed)
    for name, truth in world.truth.items():
        truth.takes = dice.choice(WAYS)
        if Scope.STANDING not in truth.takes:
            # It draws what it can until the whole charger is told a limit.
            truth.standing_a, world.state.spots[name].standing_a = truth.place.max_a, None
        world.come(name)
    world.run(60)
    world.lost = 0.2
    for _ in range(120):
        place = dice.choice(list(world.truth))
        truth = world.truth[place]
        dice.choice((world.plug, world.plug, world.unplug, world.come, world.come, world.go))(place)
        if not truth.session:
            truth.car_phases = dice.choice((1, 1, 2, 3))
            truth.car_a = dice.choice((8.0, 16.0, 32.0))
        world.measure()
        world.run(dice.choice((0.05, 2.0, 20.0)))
    for place in world.truth:
        world.come(place)
        world.plug(place)
    world.lost = 0.0
    world.live(3_000, every_s=30)
    assert sum(truth.allowed_a > 0 for truth in world.truth.values()) >= 7
