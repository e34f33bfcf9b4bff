"""The site's machine: handle(state, message, now_us) -> effects.

Laws:
    1. At no instant is the sum of what EVSEs *may* draw (`ceilings`) raised above what a circuit
       carries: a limit is raised only into room that is free whatever became of all other orders.
       Lowering comes first, and does not wait.
    2. An EVSE that cannot be told (offline, refuses, ignores) keeps what it may draw at worst set
       aside.
    3. One order at a time for an EVSE; what it is told next is decided when that has ended.
    4. Unchanged input leads to no orders.
    5. Nothing here waits, reads a clock or does I/O.

Answers may be lost, late or double: only the answer to the open order of an EVSE counts.
"""

from collections.abc import Callable, Mapping

from actors.site.allocation import allocate, turns_after
from actors.site.ceilings import ceiling_a, path_of, raise_max_ma, room_below
from actors.site.effects import Doubted, Effect, Held, Scope, SetLimit, Shared, Trusted, Wake
from actors.site.limits import MA_PER_A, US_PER_S, limits_now, take
from actors.site.messages import (
    CapacitySet,
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    KnownLimit,
    LimitAnswered,
    LoadMeasured,
    Message,
    SessionBegan,
    SessionEnded,
    SiteSet,
    Tick,
    WishSet,
)
from actors.site.state import Order, SiteState, Spot
from actors.site.tree import Path, Tree, compile_tree
from domain.commands import Outcome
from domain.site import Allocation, Current, Demand, EvsePlace

__all__ = ["handle"]

BACK_OFF_MAX = 64
CERTAIN = frozenset({Outcome.REJECTED, Outcome.REFUSED, Outcome.EXPIRED})
"""Ends after which the charger surely goes on with what it had."""


def handle(state: SiteState, message: Message, now_us: int) -> list[Effect]:
    """Return what `message` leads to; `state` is changed in place.

    Raises:
        SiteModelWrong: of a SiteSet; the site is then as it was.
    """
    effects = HANDLERS[type(message)](state, message, now_us)
    if state.tree is None:
        return effects
    if now_us < state.quiet_until_us:
        return effects + _wake(state, now_us)
    return effects + _share(state, state.tree, now_us)


# what is heard


def _site_set(state: SiteState, message: SiteSet, now_us: int) -> list[Effect]:
    tree = compile_tree(message.site)
    if state.tree is None:
        state.quiet_until_us = now_us + int(state.control.gather_s * US_PER_S)
    before = state.spots
    state.tree = tree
    state.spots, state.by_evse = {}, {}
    for place in message.site.places:
        spot = before.get(place.id)
        if spot is None or (spot.place.charger, spot.place.evse) != (place.charger, place.evse):
            spot = Spot(place, online=place.charger in state.online)
            _believe(spot, message.remembered.get(place.id, KnownLimit()))
        spot.place = place
        state.spots[place.id] = spot
        state.by_evse[place.charger, place.evse] = spot
    state.orders = {n: s for n, s in state.orders.items() if state.spots.get(s.place.id) is s}
    return []


def _believe(spot: Spot, known: KnownLimit) -> None:
    if known.standing_a >= 0:
        spot.standing_a = known.standing_a
    if known.session_a >= 0:
        spot.limit_a = known.session_a


def _capacity_set(state: SiteState, message: CapacitySet, now_us: int) -> list[Effect]:
    del now_us
    state.schedule = message.schedule
    return []


def _load_measured(state: SiteState, message: LoadMeasured, now_us: int) -> list[Effect]:
    del now_us
    before = state.loads.get(message.load.circuit)
    if before is None or before.at_us <= message.load.at_us:
        state.loads[message.load.circuit] = message.load
    return []


def _charger_came(state: SiteState, message: ChargerCame, now_us: int) -> list[Effect]:
    del now_us
    state.online.add(message.charger)
    for spot in _spots_of(state, message.charger):
        spot.online = True
        spot.failures = spot.retry_us = 0
        _believe(spot, message.limits.get(spot.place.evse, KnownLimit()))
    return []


def _charger_went(state: SiteState, message: ChargerWent, now_us: int) -> list[Effect]:
    del now_us
    state.online.discard(message.charger)
    for spot in _spots_of(state, message.charger):
        spot.online = False
        if spot.order is not None:
            _doubt(state, spot)
    return []


def _session_began(state: SiteState, message: SessionBegan, now_us: int) -> list[Effect]:
    del now_us
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is None or spot.session == message.session:
        return []
    if spot.session:
        _forget_session(spot)
    spot.session, spot.session_us = message.session, message.at_us
    if not message.fresh and spot.limit_a is None:
        spot.doubt_a = spot.place.max_a
    return []


def _session_ended(state: SiteState, message: SessionEnded, now_us: int) -> list[Effect]:
    del now_us
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is not None and spot.session == message.session:
        _forget_session(spot)
    return []


def _forget_session(spot: Spot) -> None:
    spot.session, spot.session_us = "", 0
    spot.limit_a, spot.doubt_a = None, 0.0
    spot.current_a, spot.turn = None, None
    spot.raised_us = 0
    spot.strikes = spot.departure_us = spot.priority = 0
    spot.energy_wh = 0.0


def _current_measured(state: SiteState, message: CurrentMeasured, now_us: int) -> list[Effect]:
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is None or message.at_us < spot.current_us:
        return []
    spot.current_a, spot.current_us = message.current_a, message.at_us
    return _judge(state, spot, max(message.current_a), now_us)


def _judge(state: SiteState, spot: Spot, drawn_a: float, now_us: int) -> list[Effect]:
    """Hold a measurement against the limit that the charger has accepted."""
    control, limit_a = state.control, spot.limit_a
    if limit_a is None or spot.current_us < spot.lowered_us + control.obey_s * US_PER_S:
        return []
    if drawn_a <= limit_a + control.tolerance_a:
        spot.strikes = 0
        if spot.set_aside_a is None or spot.refusals >= control.refusals_max:
            return []
        spot.set_aside_a = None
        return [Trusted(spot.place.id)]
    spot.strikes += 1
    if spot.strikes < control.strikes_max:
        return []
    aside_a = min(spot.place.max_a, drawn_a + control.tolerance_a)
    return _set_aside(spot, "ignores", aside_a, now_us, control.retry_s)


def _set_aside(
    spot: Spot, because: str, amperes: float, now_us: int, retry_s: float
) -> list[Effect]:
    spot.retry_us = now_us + int(retry_s * BACK_OFF_MAX * US_PER_S)
    if spot.set_aside_a is not None and spot.set_aside_a >= amperes:
        return []
    spot.set_aside_a = amperes
    return [Doubted(spot.place.id, because, amperes)]


def _wish_set(state: SiteState, message: WishSet, now_us: int) -> list[Effect]:
    del now_us
    spot = state.spots.get(message.place)
    if spot is not None:
        spot.departure_us, spot.energy_wh = message.departure_us, message.energy_wh
        spot.priority = message.priority
    return []


def _limit_answered(state: SiteState, message: LimitAnswered, now_us: int) -> list[Effect]:
    spot = state.orders.pop(message.number, None)
    if spot is None or spot.order is None or spot.order.number != message.number:
        return []
    if message.outcome == Outcome.ACCEPTED:
        return _accepted(spot, spot.order, now_us)
    if message.outcome in CERTAIN:
        spot.order = None
        return _refused(state, spot, message.outcome, now_us)
    _doubt(state, spot)
    _back_off(state, spot, now_us)
    return []


def _accepted(spot: Spot, order: Order, now_us: int) -> list[Effect]:
    spot.order = None
    spot.refusals = spot.failures = spot.retry_us = 0
    if order.scope is Scope.STANDING:
        spot.standing_a = order.limit_a
    elif order.session == spot.session:
        if spot.limit_a is None or order.limit_a < spot.limit_a:
            spot.lowered_us = now_us
        spot.limit_a = order.limit_a
    # In order of their sending: what was lost before this one holds no longer.
    spot.doubt_a = 0.0
    if spot.set_aside_a is not None and not spot.strikes:
        spot.set_aside_a = None
        return [Trusted(spot.place.id)]
    return []


def _refused(state: SiteState, spot: Spot, outcome: str, now_us: int) -> list[Effect]:
    _back_off(state, spot, now_us)
    if outcome != Outcome.REJECTED:
        return []
    spot.refusals += 1
    if spot.refusals < state.control.refusals_max:
        return []
    # It goes on with what it had.
    return _set_aside(spot, "rejects", ceiling_a(spot), now_us, state.control.retry_s)


def _doubt(state: SiteState, spot: Spot) -> None:
    """The open order has no answer: it may hold, or what was before."""
    assert spot.order is not None
    state.orders.pop(spot.order.number, None)
    before_a = ceiling_a(spot)
    spot.order = None
    spot.doubt_a = before_a


def _back_off(state: SiteState, spot: Spot, now_us: int) -> None:
    times = min(BACK_OFF_MAX, 1 << min(spot.failures, 6))
    spot.failures += 1
    spot.retry_us = now_us + int(state.control.retry_s * times * US_PER_S)


def _tick(state: SiteState, message: Tick, now_us: int) -> list[Effect]:
    del message
    state.wake_us = 0
    late_us = now_us - int(state.control.answer_s * US_PER_S)
    for spot in [s for s in state.orders.values() if s.order and s.order.sent_us <= late_us]:
        _doubt(state, spot)
        _back_off(state, spot, now_us)
    return []


def _spots_of(state: SiteState, charger: str) -> list[Spot]:
    return [spot for spot in state.spots.values() if spot.place.charger == charger]


HANDLERS: Mapping[type, Callable[..., list[Effect]]] = {
    SiteSet: _site_set,
    CapacitySet: _capacity_set,
    LoadMeasured: _load_measured,
    ChargerCame: _charger_came,
    ChargerWent: _charger_went,
    SessionBegan: _session_began,
    SessionEnded: _session_ended,
    CurrentMeasured: _current_measured,
    WishSet: _wish_set,
    LimitAnswered: _limit_answered,
    Tick: _tick,
}


# what follows


def _share(state: SiteState, tree: Tree, now_us: int) -> list[Effect]:
    """Share the site out, and tell those whose limit is to change."""
    spots = state.spots
    demands = {name: _demand(spot) for name, spot in spots.items() if spot.session and spot.obeys}
    aside = {name: ceiling_a(spot) for name, spot in spots.items() if name not in demands}
    loads = tuple(state.loads.values())
    limits = limits_now(
        tree,
        now_us,
        state.settings,
        schedule=state.schedule,
        loads=loads,
        reserved_a={name: amperes for name, amperes in aside.items() if amperes},
    )
    allocation = allocate(tree, limits, demands.values(), state.settings, now_us)
    before = {name: spot.turn for name, spot in spots.items() if spot.turn is not None}
    for name, turn in turns_after(allocation, before, now_us).items():
        if name in demands:
            spots[name].turn = turn
    bare = limits_now(tree, now_us, state.settings, schedule=state.schedule, loads=loads)
    effects: list[Effect] = _orders(state, tree, bare.room_ma, allocation, demands, now_us)
    held = {name: _held(spot) for name, spot in spots.items()}
    if state.shared is None or (state.shared.allocation, state.shared.held) != (allocation, held):
        state.shared = Shared(allocation, now_us, held)
        effects.append(state.shared)
    return effects + _wake(state, now_us)


def _held(spot: Spot) -> Held:
    return Held(
        spot.online,
        spot.session,
        -1.0 if spot.limit_a is None else spot.limit_a,
        ceiling_a(spot),
        spot.current_a,
        spot.set_aside_a is not None,
    )


def _demand(spot: Spot) -> Demand:
    return Demand(
        spot.place.id,
        connected_us=spot.session_us,
        departure_us=spot.departure_us,
        energy_wh=spot.energy_wh,
        priority=spot.priority,
        turn=spot.turn,
    )


def _orders(
    state: SiteState,
    tree: Tree,
    room_ma: tuple[int, ...],
    allocation: Allocation,
    demands: Mapping[str, Demand],
    now_us: int,
) -> list[Effect]:
    paths = {
        name: path_of(tree, spot, demands[name].phases if name in demands else 0)
        for name, spot in state.spots.items()
    }
    ceilings = {name: ceiling_a(spot) for name, spot in state.spots.items()}
    room = room_below(room_ma, ((paths[name], ceilings[name]) for name in ceilings))
    effects: list[Effect] = []
    raises: list[tuple[float, str, float]] = []
    for name, spot in state.spots.items():
        if not spot.online or spot.order is not None or now_us < spot.retry_us:
            continue
        if spot.standing_a is None or spot.standing_a != _standing(state, spot):
            effects += _set_standing(state, spot, room, paths[name], ceilings[name], now_us)
            continue
        if name not in demands and not (spot.session and spot.set_aside_a is not None):
            continue
        target_a = allocation.limits[name].limit_a if name in demands else spot.place.min_a
        now_a = ceilings[name]
        if target_a < now_a or spot.doubt_a:
            crowded = min(room[row] for row in (*paths[name].rows, *paths[name].powers)) < 0
            if spot.doubt_a or crowded or _is_worth(state, spot, target_a):
                effects.append(_send(state, spot, Scope.SESSION, min(target_a, now_a), now_us))
        elif target_a > now_a and _is_worth(state, spot, target_a):
            raises.append((spot.raised_us, name, target_a))
    for raised_us, name, target_a in sorted(raises):
        if now_us < raised_us + state.control.raise_interval_s * US_PER_S:
            continue
        effects += _raise(state, state.spots[name], target_a, room, paths[name], now_us)
    return effects


def _standing(state: SiteState, spot: Spot) -> float:
    return min(state.control.standing_a, spot.place.max_a)


def _set_standing(
    state: SiteState, spot: Spot, room: list[int], path: Path, now_a: float, now_us: int
) -> list[Effect]:
    wanted_a = _standing(state, spot)
    if wanted_a > now_a:
        if raise_max_ma(room, path) < (wanted_a - now_a) * MA_PER_A:
            return []
        _take(room, path, round((wanted_a - now_a) * MA_PER_A))
    return [_send(state, spot, Scope.STANDING, wanted_a, now_us)]


def _is_worth(state: SiteState, spot: Spot, target_a: float) -> bool:
    limit_a = spot.limit_a
    if limit_a is None or (limit_a == 0) != (target_a == 0):
        return True
    return abs(target_a - limit_a) >= min(state.control.change_min_a, target_a or 1.0)


def _raise(
    state: SiteState, spot: Spot, target_a: float, room: list[int], path: Path, now_us: int
) -> list[Effect]:
    """Raise a limit into room that is free now; wait for the rest."""
    now_a = ceiling_a(spot)
    place = spot.place
    step_ma = round(place.resolution_a * MA_PER_A)
    free_ma = round(now_a * MA_PER_A) + raise_max_ma(room, path)
    reached_a = min(round(target_a * MA_PER_A), free_ma // step_ma * step_ma) / MA_PER_A
    if reached_a <= now_a or reached_a < place.min_a or not _is_worth(state, spot, reached_a):
        return []
    _take(room, path, round((reached_a - now_a) * MA_PER_A))
    spot.raised_us = now_us
    return [_send(state, spot, Scope.SESSION, reached_a, now_us)]


def _take(room: list[int], path: Path, milliamperes: int) -> None:
    take(room, path.rows, milliamperes)
    take(room, path.powers, milliamperes * path.phases)


def _send(state: SiteState, spot: Spot, scope: Scope, limit_a: float, now_us: int) -> SetLimit:
    state.last_number += 1
    number = state.last_number
    spot.order = Order(number, scope, spot.session, limit_a, now_us)
    state.orders[number] = spot
    place = spot.place
    return SetLimit(
        number,
        place.id,
        place.charger,
        place.evse,
        scope,
        spot.session,
        limit_a,
        _output_w(state, place, limit_a),
    )


def _output_w(state: SiteState, place: EvsePlace, limit_a: float) -> float:
    if place.current is not Current.DC or state.tree is None:
        return -1.0
    return limit_a * place.phases * state.tree.site.voltage_v * place.efficiency


def _wake(state: SiteState, now_us: int) -> list[Effect]:
    control = state.control
    times = [now_us + int(control.review_s * US_PER_S), state.quiet_until_us]
    for spot in state.spots.values():
        if spot.order is not None:
            times.append(spot.order.sent_us + int(control.answer_s * US_PER_S))
        elif spot.online and spot.retry_us > now_us:
            times.append(spot.retry_us)
        elif spot.session:
            times.append(spot.raised_us + int(control.raise_interval_s * US_PER_S))
    for entry in state.schedule:
        times += [entry.from_us, entry.until_us]
    earliest_us = min(at_us for at_us in times if at_us > now_us)
    if state.wake_us and now_us < state.wake_us <= earliest_us:
        return []
    state.wake_us = earliest_us
    return [Wake(earliest_us)]
