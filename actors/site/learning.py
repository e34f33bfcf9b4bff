"""What a measurement says: of the car, and of the charger that was told a limit."""

from actors.site.answers import next_way, rarely_us, set_aside
from actors.site.ceilings import accepted_a, ceiling_a, told_max_a
from actors.site.effects import Effect, Trusted
from actors.site.limits import US_PER_S
from actors.site.messages import CurrentMeasured
from actors.site.phases import observe_phases
from actors.site.state import SiteState, Spot
from actors.site.tree import LETTERS, ROWS_PER_CIRCUIT
from actors.site.wanted import observe_wanted
from domain.site import Current, PerPhase

GAP_S_MAX = 3_600
"""What flowed between two measurements that are further apart is not known."""
US_PER_H = 3_600 * US_PER_S


def measured(
    state: SiteState, spot: Spot, message: CurrentMeasured, now_us: int
) -> tuple[list[Effect], bool]:
    """Learn from one measurement; return what follows, and whether anything is seen otherwise.

    One that is late (`load_stale_s`), or older than the one before, says nothing about now.
    """
    at_us = min(message.at_us or now_us, now_us)
    if at_us < spot.current_us or now_us - at_us > state.settings.load_stale_s * US_PER_S:
        return [], False
    volts = state.tree.site.voltage_v if state.tree is not None else 230.0
    current_a = _wired(spot, message, volts)
    _deliver(spot, current_a, at_us, volts)
    spot.current_a, spot.current_us = current_a, at_us
    before = spot.phases.phases, spot.wanted.wanted_a
    drawn_a = max(current_a)
    if message.power_w < 0 and spot.place.current is Current.AC:
        spot.phases = observe_phases(spot.phases, current_a, state.settings)
    limit_a = accepted_a(spot)
    if spot.obeys and limit_a is not None:
        spot.wanted = observe_wanted(spot.wanted, drawn_a, limit_a, at_us, state.settings)
    effects, doubted = _judge(state, spot, drawn_a, now_us)
    return effects, doubted or before != (spot.phases.phases, spot.wanted.wanted_a)


def without_evses(state: SiteState, circuit: str, current_a: PerPhase, at_us: int) -> PerPhase:
    """Return what flows through a circuit but for what its EVSEs draw.

    What an EVSE drew long before says nothing, and one may draw no more than it is allowed: what
    is not taken off counts as a load that nobody manages.
    """
    tree = state.tree
    assert tree is not None
    first = tree.index[circuit] * ROWS_PER_CIRCUIT
    left = list(current_a)
    stale_us = at_us - state.settings.load_stale_s * US_PER_S
    for spot in state.spots.values():
        if spot.current_a is None or spot.current_us < stale_us:
            continue
        if first not in tree.path(spot.place.id, 3).rows:
            continue
        most_a = ceiling_a(spot)
        for letter, amperes in zip(spot.place.rotation or "RST", spot.current_a, strict=True):
            left[LETTERS[letter]] -= min(amperes, most_a)
    one, two, three = left
    return one, two, three


def _wired(spot: Spot, message: CurrentMeasured, volts: float) -> PerPhase:
    """Return what flows on the phases that are wired."""
    one, two, three = message.current_a
    phases = spot.place.phases
    if message.power_w >= 0:
        one = two = three = message.power_w / volts / phases
    return one, two if phases > 1 else 0.0, three if phases > 2 else 0.0  # noqa: PLR2004


def _deliver(spot: Spot, current_a: PerPhase, at_us: int, volts: float) -> None:
    """Take off the wish what has flowed since the last measurement."""
    if not spot.energy_wh or not spot.current_us:
        return
    past_us = at_us - spot.current_us
    if past_us > GAP_S_MAX * US_PER_S:
        return
    before_a = sum(spot.current_a or current_a)
    spot.energy_wh -= (before_a + sum(current_a)) / 2 * volts * past_us / US_PER_H
    # 0 is unknown: without an energy there is no hurry, as there is none when all is there.
    spot.energy_wh = max(0.0, spot.energy_wh)


def _judge(state: SiteState, spot: Spot, drawn_a: float, now_us: int) -> tuple[list[Effect], bool]:
    """Hold a measurement against the limit that the charger has accepted."""
    control = state.control
    if accepted_a(spot) is None or spot.current_us < spot.lowered_us + control.obey_s * US_PER_S:
        return [], False
    if drawn_a <= told_max_a(spot) + control.tolerance_a:
        spot.strikes = 0
        if spot.set_aside_a is None or spot.because == "rejects":
            return [], False
        if spot.because == "silent" and spot.failures:
            return [], False
        spot.set_aside_a, spot.because, spot.retry_us = None, "", 0
        return [Trusted(spot.place.id)], True
    spot.strikes += 1
    if spot.strikes < control.strikes_max:
        return [], False
    spot.strikes = 0
    if next_way(state, spot):
        retry_us = now_us
    else:
        retry_us = spot.retry_us if spot.retry_us > now_us else rarely_us(state, now_us)
    aside_a = min(spot.place.max_a, drawn_a + control.tolerance_a)
    return set_aside(spot, "ignores", aside_a, retry_us), True
