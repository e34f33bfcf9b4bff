import random

import pytest

from actors.site.ceilings import ceiling_a
from actors.site.control import ControlSettings
from actors.site.effects import Doubted, Effect, Scope, SetLimit, Shared, Trusted
from actors.site.machine import handle
from actors.site.messages import (
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    KnownLimit,
    LimitAnswered,
    LimitsRemembered,
    SessionBegan,
    SiteSet,
    Tick,
)
from actors.site.settings import SiteSettings
from actors.site.state import SiteState
from domain.commands import Outcome
from domain.site import Circuit, EvsePlace, RememberedLimit, Site
from tests.actors.site.hostile import SECOND, START, World, garage


def everybody(world: World) -> list[str]:
    return [place.id for place in world.site.places]


def test_all_cars_share_a_fuse_and_nothing_is_left_over() -> None:
    world = World(garage(), seed=1)
    for place in everybody(world):
        world.come(place)
        world.plug(place)
    world.run(120)
    drawn = world.drawn_a()
    assert 60 < drawn["main"] <= 63
    assert all(truth.allowed_a >= 6 for truth in world.truth.values())


def test_the_car_that_leaves_leaves_its_share_to_the_others() -> None:
    world = World(garage(evses=2, main_a=20.0), seed=1)
    for place in everybody(world):
        world.come(place)
        world.plug(place)
    world.run(60)
    before = world.truth["CP1/1"].allowed_a
    world.unplug("CP0/1")
    world.run(60)
    assert before <= 14
    assert world.truth["CP1/1"].allowed_a == 20


def test_what_does_not_change_leads_to_no_orders() -> None:
    world = World(garage(), seed=1)
    for place in everybody(world):
        world.come(place)
        world.plug(place)
    world.run(300)
    before = world.orders
    world.run(800)  # less than a turn
    assert world.orders == before


@pytest.mark.parametrize("seed", range(40))
def test_no_circuit_is_ever_allowed_more_than_it_carries(seed: int) -> None:
    # World.look asserts the law after every step.
    world = World(garage(), seed, lost=0.25)
    dice = random.Random(1_000 + seed)
    places = everybody(world)
    for place in places:
        world.come(place)
    for _ in range(250):
        place = dice.choice(places)
        act = dice.choice((world.plug, world.plug, world.unplug, world.come, world.come, world.go))
        act(place)
        if dice.random() < 0.03:
            world.truth[place].refuses = not world.truth[place].refuses
        world.run(dice.choice((0.01, 0.3, 2.0, 20.0, 90.0)))
    # And when the network heals, everybody who is there is served again.
    world.lost = 0.0
    for place in places:
        world.truth[place].refuses = False
        world.come(place)
        world.plug(place)
    world.run(3_000)
    assert sum(truth.allowed_a > 0 for truth in world.truth.values()) >= 7


@pytest.mark.parametrize("seed", range(8))
def test_half_the_capacity_is_kept_within_ten_seconds(seed: int) -> None:
    world = World(garage(), seed)
    for place in everybody(world):
        world.come(place)
        world.plug(place)
    world.run(120)
    world.capacity(31.5)
    world.run(10)
    assert world.drawn_a()["main"] <= 31.5
    world.capacity(63.0)
    world.run(60)
    assert world.drawn_a()["main"] > 55


def test_a_limit_rises_only_after_the_others_have_confirmed_theirs() -> None:
    state, site = one_fuse(20.0)
    start(state, site, "A", "B")
    assert confirm_all(state, plug(state, "A")) == {"A": 20.0}
    [lower] = plug(state, "B")
    assert (lower.place, lower.limit_a) == ("A", 10.0)
    raised = answer(state, lower, Outcome.ACCEPTED)
    assert [(order.place, order.limit_a) for order in raised] == [("B", 10.0)]


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.TIMED_OUT, Outcome.ERROR])
def test_an_order_without_an_answer_frees_nothing(outcome: str) -> None:
    state, site = one_fuse(20.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))
    [lower] = plug(state, "B")
    assert answer(state, lower, outcome) == []
    [again] = [e for e in handle(state, Tick(), START + 6 * SECOND) if isinstance(e, SetLimit)]
    assert (again.place, again.limit_a) == ("A", 10.0)


def test_a_second_answer_and_one_to_an_older_order_change_nothing() -> None:
    state, site = one_fuse(20.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))
    [lower] = plug(state, "B")
    [_raise] = answer(state, lower, Outcome.ACCEPTED)
    assert answer(state, lower, Outcome.ACCEPTED) == []
    assert answer(state, lower, Outcome.REJECTED) == []
    assert state.spots["A"].limit_a == 10.0


def test_who_refuses_often_keeps_what_it_has_set_aside() -> None:
    state, site = one_fuse(40.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))  # 32 A
    orders, now_us, told = plug(state, "B"), START, []
    assert [order.limit_a for order in orders] == [20.0, 8.0]
    confirm_all(state, orders[1:])
    scopes = []
    for _ in range(6):  # its session's limit, then that of the whole charger
        [order] = [order for order in orders if order.place == "A"]
        scopes.append(order.scope)
        effects = handle(state, LimitAnswered(order.number, Outcome.REJECTED), now_us)
        told += [e for e in effects if isinstance(e, Doubted)]
        now_us += 400 * SECOND
        orders = orders_of(effects) or orders_of(handle(state, Tick(), now_us))
    assert scopes == [Scope.SESSION] * 3 + [Scope.CHARGER] * 3
    assert [(one.place, one.because, one.set_aside_a) for one in told] == [("A", "rejects", 32.0)]
    assert state.spots["B"].limit_a == 8.0
    assert confirm_all(state, orders, now_us)["A"] == 20.0
    assert state.spots["A"].set_aside_a is None


def test_who_draws_more_than_its_limit_is_set_aside_what_it_draws() -> None:
    state, site = one_fuse(32.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))
    confirm_all(state, plug(state, "B"))
    assert state.spots["A"].limit_a == 16.0
    effects = []
    for n in range(3):
        at_us = START + (60 + n) * SECOND
        effects += handle(state, CurrentMeasured("A", 1, (24.0, 24.0, 24.0), at_us), at_us)
    assert [e for e in effects if isinstance(e, Doubted)] == [Doubted("A", "ignores", 25.0)]
    later_us = START + 400 * SECOND
    effects = handle(state, CurrentMeasured("A", 1, (6.0, 6.0, 6.0), later_us), later_us)
    assert [e for e in effects if isinstance(e, Trusted)] == [Trusted("A")]


def test_the_standing_limit_is_set_before_anything_else() -> None:
    state = SiteState(SiteSettings(), ControlSettings(standing_a=6.0, gather_s=0))
    handle(
        state,
        SiteSet(Site("s", (Circuit("m", limit_a=40.0),), (EvsePlace("A", "A", 1, "m"),))),
        START,
    )
    orders = [e for e in handle(state, ChargerCame("A"), START) if isinstance(e, SetLimit)]
    assert [(o.scope, o.limit_a) for o in orders] == [("standing", 6.0)]
    assert answer(state, orders[0], Outcome.ACCEPTED) == []
    [first] = plug(state, "A")
    assert (first.scope, first.limit_a) == ("session", 32.0)


def test_a_new_actor_tells_nobody_anything_until_it_has_heard_of_all() -> None:
    site = one_fuse(40.0)[1]
    state = SiteState(SiteSettings(), ControlSettings(gather_s=1.0))
    known = {1: KnownLimit(0.0, 20.0)}
    handle(state, SiteSet(site), START)
    for charger in ("A", "B"):
        assert not orders_of(handle(state, ChargerCame(charger, known), START))
        began = SessionBegan(charger, 1, f"tx-{charger}", START, fresh=False)
        assert not orders_of(handle(state, began, START))
    assert orders_of(handle(state, Tick(), START + SECOND)) == []  # all have what they should


def test_a_session_of_which_nothing_is_known_may_draw_all_it_can() -> None:
    state, site = one_fuse(40.0)
    start(state, site, "A", "B")
    began = SessionBegan("A", 1, "tx-A", START, fresh=False)
    [order] = orders_of(handle(state, began, START))
    assert order.limit_a == 32.0
    # Until A has confirmed its 32 A, they are taken; and then B still has what is left of 40.
    assert [o.limit_a for o in plug(state, "B")] == [8.0]


def one_fuse(amperes: float) -> tuple[SiteState, Site]:
    places = tuple(EvsePlace(name, name, 1, "m") for name in ("A", "B"))
    return SiteState(SiteSettings(), ControlSettings(gather_s=0)), Site(
        "s", (Circuit("m", limit_a=amperes),), places
    )


def start(state: SiteState, site: Site, *chargers: str) -> None:
    """Let chargers come, and confirm their standing limits."""
    handle(state, SiteSet(site), START)
    handle(state, LimitsRemembered(()), START)
    for charger in chargers:
        orders = [e for e in handle(state, ChargerCame(charger), START) if isinstance(e, SetLimit)]
        confirm_all(state, orders)


def plug(state: SiteState, charger: str, now_us: int = START) -> list[SetLimit]:
    effects = handle(state, SessionBegan(charger, 1, f"tx-{charger}", now_us), now_us)
    return [effect for effect in effects if isinstance(effect, SetLimit)]


def answer(state: SiteState, order: SetLimit, outcome: str, now_us: int = START) -> list[SetLimit]:
    effects = handle(state, LimitAnswered(order.number, outcome), now_us)
    return [effect for effect in effects if isinstance(effect, SetLimit)]


def orders_of(effects: list[Effect]) -> list[SetLimit]:
    return [effect for effect in effects if isinstance(effect, SetLimit)]


def confirm_all(state: SiteState, orders: list[SetLimit], now_us: int = START) -> dict[str, float]:
    """Accept what was sent and all that follows; return the last limit of each place."""
    last: dict[str, float] = {}
    while orders:
        order, orders = orders[0], orders[1:]
        last[order.place] = order.limit_a
        orders += answer(state, order, Outcome.ACCEPTED, now_us)
    return last


def remembering(*limits: RememberedLimit) -> SiteState:
    """A site whose actor has begun anew and knows only what was written down."""
    state = SiteState(SiteSettings(), ControlSettings(gather_s=1.0))
    handle(state, SiteSet(one_fuse(40.0)[1]), START)
    handle(state, LimitsRemembered(limits), START)
    return state


def test_what_was_written_down_is_set_aside_for_who_has_not_come_back() -> None:
    state = remembering(
        RememberedLimit("A", "A", 1, "tx-A", 0.0, 30.0), RememberedLimit("B", "B", 1, "", 0.0)
    )
    handle(state, ChargerCame("B", sessions=()), START)
    [order] = orders_of(
        handle(state, SessionBegan("B", 1, "tx-B", START + SECOND), START + 2 * SECOND)
    )
    assert (order.place, order.limit_a) == ("B", 10.0)


def test_a_session_that_runs_on_keeps_the_limit_that_was_written_down() -> None:
    state = remembering(
        RememberedLimit("A", "A", 1, "tx-A", 0.0, 30.0), RememberedLimit("B", "B", 1, "", 0.0)
    )
    handle(state, ChargerCame("A", sessions=("tx-A",)), START)
    handle(state, SessionBegan("A", 1, "tx-A", START, fresh=False), START)
    [order] = orders_of(handle(state, Tick(), START + SECOND))
    assert (order.limit_a, ceiling_a(state.spots["A"])) == (30.0, 30.0)
    # It may never have been sent: it is told once more, and no more than was written down.
    answer(state, order, Outcome.ACCEPTED, START + SECOND)
    assert (state.spots["A"].limit_a, state.spots["A"].doubt_a) == (30.0, 0.0)


def test_memory_that_comes_after_the_session_bounds_what_it_may_draw() -> None:
    state = remembering()
    handle(state, ChargerCame("A", sessions=("tx-A",)), START)
    handle(state, SessionBegan("A", 1, "tx-A", START, fresh=False), START)
    assert ceiling_a(state.spots["A"]) == 32.0
    handle(state, LimitsRemembered((RememberedLimit("A", "A", 1, "tx-A", 0.0, 12.0),)), START)
    assert ceiling_a(state.spots["A"]) == 12.0


def test_a_session_that_ended_while_nobody_looked_is_forgotten() -> None:
    state = remembering(RememberedLimit("A", "A", 1, "tx-A", 0.0, 30.0))
    handle(state, ChargerCame("A", sessions=()), START)
    assert state.spots["A"].session == ""


def test_a_higher_limit_is_shown_before_it_is_sent() -> None:
    state, site = one_fuse(20.0)
    start(state, site, "A", "B")
    effects = handle(state, SessionBegan("A", 1, "tx-A", START), START)
    shared, order = effects[0], orders_of(effects)[0]
    assert isinstance(shared, Shared)
    assert order.raises
    assert shared.held["A"].session_a == order.limit_a == 20.0


def test_whose_limit_is_in_doubt_is_told_no_more_than_fits_whatever_it_has() -> None:
    state, site = one_fuse(40.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))  # 32 A
    # A transaction that ran before anybody knew of it: B may have 32 A, or nothing.
    began = SessionBegan("B", 1, "tx-B", START, fresh=False)
    told = {order.place: order.limit_a for order in orders_of(handle(state, began, START))}
    assert told["A"] == 20.0
    assert told["B"] <= 8.0


def test_the_next_owner_counts_limits_that_are_on_their_way() -> None:
    state, site = one_fuse(40.0)
    handle(state, SiteSet(site), START)
    for charger, known in (
        ("A", KnownLimit(0.0, 6.0, session_doubt_a=30.0)),  # raised by the owner of before
        ("B", KnownLimit(0.0)),
    ):
        began = SessionBegan(charger, 1, f"tx-{charger}", START)
        effects = handle(state, ChargerCame(charger, {1: known}, running=(began,)), START)
    assert ceiling_a(state.spots["A"]) == 30.0
    assert [(o.place, o.limit_a) for o in orders_of(effects)] == [("B", 10.0)]


def test_limits_of_a_charger_that_came_are_those_of_the_sessions_that_came_with_it() -> None:
    state, site = one_fuse(40.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))
    # Another owner's time: tx-A has ended and tx-2 was given 20 A, of which this one has not heard.
    began = SessionBegan("A", 1, "tx-2", START)
    handle(state, ChargerCame("A", {1: KnownLimit(0.0, 20.0)}, running=(began,)), START)
    assert (state.spots["A"].session, state.spots["A"].limit_a) == ("tx-2", 20.0)


def test_memory_takes_no_doubt_away_that_came_later() -> None:
    state = remembering()
    handle(state, ChargerCame("A", sessions=("tx-A",)), START)
    now_us = START + 2 * SECOND
    began = SessionBegan("A", 1, "tx-A", START, fresh=False)
    sent = [o for o in orders_of(handle(state, began, now_us)) if o.scope is Scope.STANDING]
    answer(state, sent[0], Outcome.ACCEPTED, now_us)
    order = state.spots["A"].order
    assert order is not None
    assert order.scope is Scope.SESSION
    handle(state, LimitAnswered(order.number, Outcome.LOST), now_us)
    handle(state, LimitsRemembered((RememberedLimit("A", "A", 1, "tx-A", 0.0, 6.0),)), now_us)
    assert ceiling_a(state.spots["A"]) == max(6.0, order.limit_a)


def test_a_session_that_may_have_ended_unseen_counts_with_the_standing_limit_as_well() -> None:
    state = SiteState(SiteSettings(), ControlSettings(standing_a=6.0, gather_s=0))
    places = tuple(EvsePlace(name, name, 1, "m") for name in ("A", "B"))
    site = Site("s", (Circuit("m", limit_a=16.0),), places)
    start(state, site, "A", "B")
    handle(state, SessionBegan("A", 1, "tx-A", START), START)
    spot = state.spots["A"]
    spot.order, spot.limit_a, spot.confirmed = None, 0.0, True  # paused
    assert ceiling_a(spot) == 0.0
    handle(state, ChargerWent("A"), START)
    handle(state, ChargerCame("A", sessions=("tx-A",)), START)
    # The next car may have come meanwhile; the charger has not told yet.
    assert ceiling_a(spot) == 6.0
    order = spot.order
    assert order is not None
    assert (order.scope, order.limit_a) == (Scope.SESSION, 6.0)
    answer(state, order, Outcome.ACCEPTED)
    assert spot.confirmed


def test_what_was_written_down_is_not_taken_for_what_a_charger_has() -> None:
    # 32 A may hold, and may never have arrived: then 8 A are more than it has.
    places = tuple(EvsePlace(name, name, 1, "m") for name in ("A", "B", "C"))
    state = SiteState(SiteSettings(), ControlSettings(gather_s=0))
    handle(state, SiteSet(Site("s", (Circuit("m", limit_a=40.0),), places)), START)
    memory = RememberedLimit("A", "A", 1, "tx-A", 0.0, 32.0)
    handle(state, LimitsRemembered((memory,)), START)
    told = []
    # B and C were never told a limit: their cars draw all they can.
    for charger in ("B", "C", "A"):
        began = SessionBegan(charger, 1, f"tx-{charger}", START, fresh=charger != "A")
        came = ChargerCame(charger, sessions=(began.session,), running=(began,))
        told += orders_of(handle(state, came, START))
    assert {(order.place, order.limit_a) for order in told} == {("A", 0.0), ("B", 0.0), ("C", 0.0)}


def test_who_was_never_told_a_limit_is_told_no_more_than_fits_whatever_it_has() -> None:
    state = SiteState(SiteSettings(), ControlSettings(standing_a=6.0, gather_s=0))
    handle(state, SiteSet(one_fuse(40.0)[1]), START)
    # It counts as 32 A, as does the other; it may as well have nothing.
    [order] = orders_of(handle(state, ChargerCame("A"), START))
    assert (order.scope, order.limit_a) == (Scope.STANDING, 6.0)
    state = SiteState(SiteSettings(), ControlSettings(standing_a=10.0, gather_s=0))
    handle(state, SiteSet(one_fuse(40.0)[1]), START)
    [order] = orders_of(handle(state, ChargerCame("A"), START))
    assert (order.scope, order.limit_a) == (Scope.STANDING, 8.0)


def test_who_does_not_answer_is_set_aside_what_it_may_draw_until_it_does() -> None:
    state, site = one_fuse(40.0)
    start(state, site, "A", "B")
    confirm_all(state, plug(state, "A"))  # 32 A
    orders, now_us, told = plug(state, "B"), START, []
    confirm_all(state, [order for order in orders if order.place == "B"])
    for _ in range(ControlSettings().silent_after):
        [order] = [order for order in orders if order.place == "A"]
        effects = handle(state, LimitAnswered(order.number, Outcome.TIMED_OUT), now_us)
        told += [effect for effect in effects if isinstance(effect, Doubted)]
        now_us += 400 * SECOND
        orders = orders_of(effects) or orders_of(handle(state, Tick(), now_us))
    assert told == [Doubted("A", "silent", 32.0)]
    assert ceiling_a(state.spots["A"]) == 32.0
    assert state.spots["B"].limit_a == 8.0
    [order] = [order for order in orders if order.place == "A"]
    effects = handle(state, LimitAnswered(order.number, Outcome.ACCEPTED), now_us)
    assert Trusted("A") in effects
    assert ceiling_a(state.spots["A"]) <= 20.0


def test_a_charger_that_was_never_heard_of_is_set_aside_its_installed_fallback() -> None:
    for fallback_a, left_a in ((10.0, 30.0), (0.0, 32.0), (-1.0, 8.0)):
        places = (
            EvsePlace("A", "A", 1, "m", fallback_a=fallback_a),
            EvsePlace("B", "B", 1, "m"),
        )
        state = SiteState(SiteSettings(), ControlSettings(gather_s=0))
        start(state, Site("s", (Circuit("m", limit_a=40.0),), places), "B")
        assert confirm_all(state, plug(state, "B")) == {"B": left_a}
