"""A decision: the site is shared out anew, who is told what follows from it, and it is shown."""

import math

from msgspec.structs import replace

from actors.site.allocation import allocate, turns_after
from actors.site.ceilings import accepted_a, ceiling_a, counted_phases, greatest_a
from actors.site.effects import Effect, Held, Scope, Shared, Wake
from actors.site.limits import US_PER_S, LimitsNow, limits_now
from actors.site.orders import orders
from actors.site.state import SiteState, Spot
from actors.site.tree import Tree
from actors.site.wanted import WantedEvidence
from domain.site import NO_LIMIT, Demand


def share(state: SiteState, tree: Tree, now_us: int) -> list[Effect]:
    """Share the site out, and tell those whose limit is to change."""
    spots = state.spots
    demands = {
        name: demand(state, spot, now_us)
        for name, spot in spots.items()
        if spot.session and spot.obeys
    }
    loads = tuple(state.loads.values())
    bare = limits_now(tree, now_us, state.settings, schedule=state.schedule, loads=loads)
    limits = _without_others(state, tree, bare, demands)
    allocation = allocate(tree, limits, demands.values(), state.settings, now_us)
    before = {name: spot.turn for name, spot in spots.items() if spot.turn is not None}
    for name, turn in turns_after(allocation, before, now_us).items():
        if name in demands:
            spots[name].turn = turn
    shares = {name: allocation.limits[name].limit_a for name in demands}
    effects: list[Effect] = [*orders(state, tree, bare.room_ma, shares, now_us)]
    held = {name: _held(spot) for name, spot in spots.items()}
    shared = Shared(allocation, now_us, held, tuple(demands.values()), loads)
    if state.shared is None or replace(state.shared, at_us=now_us) != shared:
        state.shared = shared
        # First: what may hold is written down before it is sent.
        effects.insert(0, state.shared)
    return effects + wake(state, now_us)


def demand(state: SiteState, spot: Spot, now_us: int) -> Demand:
    """Return what the car at an EVSE is believed to want."""
    turn, pause_us = spot.turn, state.settings.pause_s_max * US_PER_S
    if turn is not None and not turn.running and now_us - turn.since_us >= pause_us:
        # Paused for so long, it may want again: it gets the chance to show it.
        spot.wanted = WantedEvidence()
    return Demand(
        spot.place.id,
        connected_us=spot.session_us,
        wanted_a=spot.wanted.wanted_a,
        phases=counted_phases(spot),
        departure_us=spot.departure_us,
        energy_wh=spot.energy_wh,
        priority=spot.priority,
        plan_a=_planned_a(state, spot, now_us),
        turn=spot.turn,
        idle=spot.wanted.is_idle(now_us, state.settings),
    )


def _planned_a(state: SiteState, spot: Spot, now_us: int) -> float:
    """Return the most that the plan allows, upward to a step that can be told.

    Else the energy of the plan would never be reached.
    """
    if now_us >= state.plan_until_us:
        return NO_LIMIT
    plan_a = state.plan_a.get(spot.place.id, NO_LIMIT)
    step = spot.place.resolution_a
    return math.ceil(plan_a / step - 1e-6) * step if math.isfinite(plan_a) else plan_a


def _without_others(
    state: SiteState, tree: Tree, bare: LimitsNow, demands: dict[str, Demand]
) -> LimitsNow:
    """Return what is left when all who get no share keep what they may draw."""
    aside = {
        name: spot for name, spot in state.spots.items() if name not in demands and ceiling_a(spot)
    }
    return bare.with_reserved(
        tree,
        {name: ceiling_a(spot) for name, spot in aside.items()},
        {name: phases for name, spot in aside.items() if (phases := counted_phases(spot))},
    )


def _held(spot: Spot) -> Held:
    wanted_a = spot.wanted.wanted_a
    accepted = spot.limit_a if spot.way is Scope.SESSION else accepted_a(spot)
    return Held(
        spot.online,
        spot.session,
        -1.0 if accepted is None else accepted,
        ceiling_a(spot),
        spot.current_a,
        spot.set_aside_a is not None,
        spot.because,
        spot.way,
        spot.phases.phases,
        wanted_a if math.isfinite(wanted_a) else -1.0,
        *(greatest_a(spot, scope) for scope in (Scope.STANDING, Scope.SESSION, Scope.CHARGER)),
    )


def wake(state: SiteState, now_us: int) -> list[Effect]:
    """Ask for a Tick at the next time at which something may have changed by itself."""
    control = state.control
    times = [
        now_us + int(control.review_s * US_PER_S),
        state.quiet_until_us,
        state.plan_until_us,
    ]
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
