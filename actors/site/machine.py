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

from collections.abc import Callable, Iterable, Mapping

from actors.site.answers import answered, doubt, unanswered
from actors.site.decision import share, wake
from actors.site.effects import Effect, Scope
from actors.site.learning import measured, without_evses
from actors.site.limits import US_PER_S
from actors.site.messages import (
    CapacitySet,
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    GuideSet,
    KnownLimit,
    LimitAnswered,
    LimitsRemembered,
    LoadMeasured,
    MainMeasured,
    Message,
    SessionBegan,
    SessionEnded,
    SiteSet,
    Tick,
    WishSet,
)
from actors.site.phases import PhaseEvidence
from actors.site.state import SiteState, Spot
from actors.site.tree import compile_tree
from actors.site.wanted import WantedEvidence
from domain.site import CircuitLoad, MeterOf

__all__ = ["handle", "handle_all"]


def handle(state: SiteState, message: Message, now_us: int) -> list[Effect]:
    """Return what `message` leads to; `state` is changed in place.

    Raises:
        SiteModelWrong: of a SiteSet; the site is then as it was.
    """
    return handle_all(state, (message,), now_us)


def handle_all(state: SiteState, messages: Iterable[Message], now_us: int) -> list[Effect]:
    """Return what several messages lead to that came at once: the site is shared out once.

    Raises:
        SiteModelWrong: of a SiteSet; what came before it counts, what comes after does not.
    """
    effects: list[Effect] = []
    changed = False
    for message in messages:
        told = HANDLERS[type(message)](state, message, now_us)
        if told is not None:
            effects += told
            changed = True
    if state.tree is None:
        return effects
    if not changed or now_us < state.quiet_until_us:
        return effects + wake(state, now_us)
    return effects + share(state, state.tree, now_us)


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
            known = message.remembered.get(place.id)
            spot = Spot(place, online=place.charger in state.online, unknown=known is None)
            _believe(spot, known or KnownLimit())
        spot.place = place
        state.spots[place.id] = spot
        state.by_evse[place.charger, place.evse] = spot
    state.orders = {n: s for n, s in state.orders.items() if state.spots.get(s.place.id) is s}
    return []


def _believe(spot: Spot, known: KnownLimit) -> None:
    if known.standing_a >= 0:
        spot.standing_a = known.standing_a
    if known.session_a >= 0:
        spot.limit_a, spot.unknown, spot.confirmed = known.session_a, False, True
    if known.charger_a >= 0:
        spot.cap_a = known.charger_a
    spot.standing_doubt_a = max(spot.standing_doubt_a, known.standing_doubt_a)
    spot.doubt_a = max(spot.doubt_a, known.session_doubt_a)
    spot.cap_doubt_a = max(spot.cap_doubt_a, known.charger_doubt_a)
    spot.way = Scope.SESSION if spot.cap_a is None else Scope.CHARGER


def _limits_remembered(state: SiteState, message: LimitsRemembered, now_us: int) -> list[Effect]:
    del now_us
    written = {known.place for known in message.limits}
    for name, other in state.spots.items():
        if name not in written and not other.session:
            other.unknown = False  # nobody has ever told it anything
    for known in message.limits:
        spot = state.spots.get(known.place)
        if spot is None or (known.charger, known.evse) != (spot.place.charger, spot.place.evse):
            continue
        if spot.order is None and spot.standing_a is None and known.standing_a >= 0:
            spot.standing_a = known.standing_a
        if spot.order is None and spot.cap_a is None and known.charger_a >= 0:
            spot.cap_a, spot.way = known.charger_a, Scope.CHARGER
        _session_remembered(spot, known.session, known.session_a)
    return []


def _session_remembered(spot: Spot, session: str, limit_a: float) -> None:
    if not spot.session and not spot.online:
        spot.session = session  # nobody has seen it end: its limit may hold still
    if spot.limit_a is None and spot.session in {"", session}:
        # It may hold, and may never have been sent: it is told again.
        spot.doubt_a, spot.unknown = max(spot.doubt_a, limit_a, 0.0), False


def _capacity_set(state: SiteState, message: CapacitySet, now_us: int) -> list[Effect]:
    del now_us
    state.schedule = message.schedule
    return []


def _load_measured(state: SiteState, message: LoadMeasured, now_us: int) -> list[Effect]:
    del now_us
    _take_load(state, message.load)
    return []


def _take_load(state: SiteState, load: CircuitLoad) -> None:
    before = state.loads.get(load.circuit)
    if before is None or before.at_us <= load.at_us:
        state.loads[load.circuit] = load


def _main_measured(state: SiteState, message: MainMeasured, now_us: int) -> list[Effect] | None:
    if state.tree is None:
        return None
    at_us = min(message.at_us or now_us, now_us)
    metered = [circuit for circuit in state.tree.order if circuit.meter == message.charger]
    for circuit in metered:
        current_a = message.current_a
        if circuit.meter_of is MeterOf.ALL:
            current_a = without_evses(state, circuit.id, current_a, at_us)
        _take_load(state, CircuitLoad(circuit.id, current_a, at_us))
    return [] if metered else None


def _charger_came(state: SiteState, message: ChargerCame, now_us: int) -> list[Effect]:
    state.online.add(message.charger)
    for began in message.running:
        _session_began(state, began, now_us)  # first: the limits are theirs
    for spot in _spots_of(state, message.charger):
        spot.online, spot.confirmed = True, False
        if message.sessions is not None and spot.session not in message.sessions:
            _forget_session(spot)
        spot.failures = spot.refusals = spot.retry_us = 0
        # It may have been changed for the better meanwhile; a limit of the whole stays in force.
        spot.takes_standing = True
        _believe(spot, message.limits.get(spot.place.evse, KnownLimit()))
    return []


def _charger_went(state: SiteState, message: ChargerWent, now_us: int) -> list[Effect]:
    del now_us
    state.online.discard(message.charger)
    for spot in _spots_of(state, message.charger):
        spot.online = spot.confirmed = False
        if spot.order is not None:
            doubt(state, spot)
    return []


def _session_began(state: SiteState, message: SessionBegan, now_us: int) -> list[Effect]:
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is None or spot.session == message.session:
        return []
    if spot.session:
        _forget_session(spot)
    spot.session, spot.session_us = message.session, message.at_us
    spot.lowered_us = now_us
    if not message.fresh and spot.limit_a is None:
        spot.unknown = True
    return []


def _session_ended(state: SiteState, message: SessionEnded, now_us: int) -> list[Effect]:
    del now_us
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is not None and spot.session == message.session:
        _forget_session(spot)
    return []


def _forget_session(spot: Spot) -> None:
    spot.session, spot.session_us = "", 0
    spot.limit_a, spot.doubt_a, spot.unknown = None, 0.0, False
    spot.current_a, spot.turn = None, None
    spot.raised_us = spot.current_us = 0
    spot.phases, spot.wanted = PhaseEvidence(), WantedEvidence()
    spot.strikes = spot.departure_us = spot.priority = 0
    spot.energy_wh = 0.0


def _current_measured(
    state: SiteState, message: CurrentMeasured, now_us: int
) -> list[Effect] | None:
    spot = state.by_evse.get((message.charger, message.evse))
    if spot is None:
        return None
    effects, changed = measured(state, spot, message, now_us)
    return effects if changed else None


def _wish_set(state: SiteState, message: WishSet, now_us: int) -> list[Effect]:
    del now_us
    spot = state.spots.get(message.place)
    if spot is not None:
        spot.departure_us, spot.energy_wh = message.departure_us, message.energy_wh
        spot.priority = message.priority
    return []


def _guide_set(state: SiteState, message: GuideSet, now_us: int) -> list[Effect]:
    del now_us
    state.plan_a, state.plan_until_us = message.plan_a, message.until_us
    return []


def _limit_answered(state: SiteState, message: LimitAnswered, now_us: int) -> list[Effect]:
    return answered(state, message, now_us)


def _tick(state: SiteState, message: Tick, now_us: int) -> list[Effect]:
    del message
    state.wake_us = 0
    late_us = now_us - int(state.control.answer_s * US_PER_S)
    effects: list[Effect] = []
    for spot in [s for s in state.orders.values() if s.order and s.order.sent_us <= late_us]:
        doubt(state, spot)
        effects += unanswered(state, spot, now_us)
    return effects


def _spots_of(state: SiteState, charger: str) -> list[Spot]:
    return [spot for spot in state.spots.values() if spot.place.charger == charger]


# None: it has changed nothing that the site is shared out by.
HANDLERS: Mapping[type, Callable[..., list[Effect] | None]] = {
    SiteSet: _site_set,
    LimitsRemembered: _limits_remembered,
    CapacitySet: _capacity_set,
    LoadMeasured: _load_measured,
    MainMeasured: _main_measured,
    ChargerCame: _charger_came,
    ChargerWent: _charger_went,
    SessionBegan: _session_began,
    SessionEnded: _session_ended,
    CurrentMeasured: _current_measured,
    WishSet: _wish_set,
    GuideSet: _guide_set,
    LimitAnswered: _limit_answered,
    Tick: _tick,
}
