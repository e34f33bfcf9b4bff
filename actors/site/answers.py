"""What became of an order: what holds now, and when a charger is no longer believed.

Whoever refuses the limit of a session is told a standing one instead, and who refuses that one of
the whole charger. Who takes none is set aside what it may draw at worst.
"""

from collections.abc import Mapping

from actors.site.ceilings import ceiling_a
from actors.site.effects import Doubted, Effect, Scope, Trusted
from actors.site.limits import US_PER_S
from actors.site.messages import LimitAnswered
from actors.site.state import Order, SiteState, Spot
from domain.commands import Outcome

BACK_OFF_MAX = 64
CERTAIN = frozenset({Outcome.REJECTED, Outcome.REFUSED, Outcome.EXPIRED})
"""Ends after which the charger surely goes on with what it had."""
SAID_NO = frozenset({Outcome.REJECTED, Outcome.ERROR})
"""Ends that count as a refusal: the charger has answered."""


def answered(state: SiteState, message: LimitAnswered, now_us: int) -> list[Effect]:
    """Take the end of an order. Answers to any other than the open one of an EVSE are ignored."""
    spot = state.orders.pop(message.number, None)
    if spot is None or spot.order is None or spot.order.number != message.number:
        return []
    order = spot.order
    if message.outcome == Outcome.ACCEPTED:
        return _accepted(state, spot, order, now_us)
    if message.outcome in CERTAIN:
        spot.order = None
    else:
        doubt(state, spot)
    if message.outcome in SAID_NO:
        return _heard_again(spot) + _refused(state, spot, order.scope, now_us)
    return unanswered(state, spot, now_us)


def _accepted(state: SiteState, spot: Spot, order: Order, now_us: int) -> list[Effect]:
    spot.order = None
    spot.refusals = spot.failures = spot.retry_us = 0
    ACCEPTED[order.scope](spot, order, now_us)
    if spot.way is Scope.STANDING and (spot.doubt_a or spot.unknown):
        # A limit of its session may hold after all, and would go before this one.
        next_way(state, spot)
    if spot.because == "ignores":
        # It says so; what its meter shows decides, and it is told again only now and then.
        spot.retry_us = rarely_us(state, now_us)
    if spot.set_aside_a is not None and spot.because != "ignores":
        spot.set_aside_a, spot.because = None, ""
        return [Trusted(spot.place.id)]
    return []


# In order of their sending: what was lost before one of the same scope holds no longer.


def _session_accepted(spot: Spot, order: Order, now_us: int) -> None:
    if order.session != spot.session:
        return
    if spot.limit_a is None or order.limit_a < spot.limit_a:
        spot.lowered_us = now_us
    spot.limit_a, spot.doubt_a, spot.unknown = order.limit_a, 0.0, False
    spot.confirmed = True


def _standing_accepted(spot: Spot, order: Order, now_us: int) -> None:
    if spot.standing_a is None or order.limit_a < spot.standing_a:
        spot.lowered_us = now_us
    spot.standing_a, spot.standing_doubt_a = order.limit_a, 0.0


def _charger_accepted(spot: Spot, order: Order, now_us: int) -> None:
    if spot.cap_a is None or order.limit_a < spot.cap_a:
        spot.lowered_us = now_us
    spot.cap_a, spot.cap_doubt_a = order.limit_a, 0.0


ACCEPTED = {
    Scope.SESSION: _session_accepted,
    Scope.STANDING: _standing_accepted,
    Scope.CHARGER: _charger_accepted,
}


def _heard_again(spot: Spot) -> list[Effect]:
    """Whoever answers is not silent; what it was told is still in doubt."""
    spot.failures = 0
    if spot.because != "silent":
        return []
    spot.set_aside_a, spot.because = None, ""
    return [Trusted(spot.place.id)]


def _refused(state: SiteState, spot: Spot, scope: Scope, now_us: int) -> list[Effect]:
    _back_off(state, spot, spot.refusals, now_us)
    spot.refusals += 1
    if spot.refusals < state.control.refusals_max:
        return []
    if scope is Scope.STANDING and spot.way is Scope.SESSION:
        # Its sessions can be told. While it idles, only a limit of the whole charger bounds it.
        spot.takes_standing = False
        spot.way = Scope.CHARGER if _is_alone(state, spot) else Scope.SESSION
        spot.refusals, spot.retry_us = 0, now_us
        return []
    if next_way(state, spot):
        spot.refusals, spot.retry_us = 0, now_us
        return []
    # It goes on with what it had. The next time, all ways are tried anew.
    if spot.cap_a is None:
        spot.way = Scope.SESSION
    return set_aside(spot, "rejects", ceiling_a(spot), rarely_us(state, now_us))


def next_way(state: SiteState, spot: Spot) -> bool:
    """Go on to the next way of telling a limit. False: there is none."""
    way = NEXT.get(spot.way)
    if way is Scope.STANDING and (spot.limit_a is not None or not spot.takes_standing):
        way = Scope.CHARGER  # the session's own limit would go before a standing one
    if way is None or (way is Scope.CHARGER and not _is_alone(state, spot)):
        return False
    spot.way = way
    return True


NEXT: Mapping[Scope, Scope] = {
    Scope.SESSION: Scope.STANDING,
    Scope.STANDING: Scope.CHARGER,
}


def _is_alone(state: SiteState, spot: Spot) -> bool:
    """Whether a limit of the whole charger is one of this EVSE."""
    return not any(
        other.place.charger == spot.place.charger and other is not spot
        for other in state.spots.values()
    )


def set_aside(spot: Spot, because: str, amperes: float, retry_us: int) -> list[Effect]:
    """Believe it no longer. It is told again at `retry_us`."""
    spot.retry_us = retry_us
    if spot.set_aside_a is not None and spot.set_aside_a >= amperes:
        return []
    spot.set_aside_a, spot.because = amperes, because
    return [Doubted(spot.place.id, because, amperes)]


def rarely_us(state: SiteState, now_us: int) -> int:
    """Return when somebody is told again who takes no limits in any way."""
    return now_us + int(state.control.retry_s * BACK_OFF_MAX * US_PER_S)


def unanswered(state: SiteState, spot: Spot, now_us: int) -> list[Effect]:
    """An order had no answer: after some of them in a row the charger counts as silent."""
    _back_off(state, spot, spot.failures, now_us)
    spot.failures += 1
    if not spot.online or spot.failures < state.control.silent_after:
        return []
    return set_aside(spot, "silent", ceiling_a(spot), spot.retry_us)


def doubt(state: SiteState, spot: Spot) -> None:
    """The open order has no answer: it may hold, or what was before."""
    order = spot.order
    assert order is not None
    state.orders.pop(order.number, None)
    spot.order = None
    if order.scope is Scope.CHARGER:
        before_a = spot.place.max_a if spot.cap_a is None else spot.cap_a
        spot.cap_doubt_a = max(spot.cap_doubt_a, before_a, order.limit_a)
    elif order.scope is Scope.STANDING:
        spot.standing_doubt_a = max(spot.standing_doubt_a, order.limit_a)
    else:
        spot.doubt_a = max(spot.doubt_a, spot.limit_a or 0.0, order.limit_a)


def _back_off(state: SiteState, spot: Spot, times_before: int, now_us: int) -> None:
    """Wait twice as long after each failure in a row."""
    times = min(BACK_OFF_MAX, 1 << min(times_before, 6))
    spot.raised_us = 0  # this wait is instead of the one between two raises
    spot.retry_us = now_us + int(state.control.retry_s * times * US_PER_S)
