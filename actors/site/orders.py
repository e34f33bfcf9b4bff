"""Sharing a site out, and telling those whose limit is to change.

Lower limits are told at once. Higher ones only into room that is free whatever became of all other
orders, those that have waited longest first.
"""

import math
from collections.abc import Mapping

from msgspec.structs import replace

from actors.site.allocation import allocate, turns_after
from actors.site.ceilings import (
    accepted_a,
    ceiling_a,
    counted_phases,
    greatest_a,
    path_of,
    raise_max_ma,
    room_below,
    standing_max_a,
)
from actors.site.counts import Path
from actors.site.effects import Effect, Held, Scope, SetLimit, Shared, Wake
from actors.site.limits import US_PER_S, LimitsNow, limits_now, take
from actors.site.state import Order, SiteState, Spot
from actors.site.tree import MA_PER_A, Tree
from actors.site.wanted import WantedEvidence
from domain.site import NO_LIMIT, Allocation, Current, Demand, EvsePlace


def share(state: SiteState, tree: Tree, now_us: int) -> list[Effect]:
    """Share the site out, and tell those whose limit is to change."""
    spots = state.spots
    demands = {
        name: demand(state, spot, now_us)
        for name, spot in spots.items()
        if spot.session and spot.obeys
    }
    aside = {name: spot for name, spot in spots.items() if name not in demands and ceiling_a(spot)}
    loads = tuple(state.loads.values())
    bare = limits_now(tree, now_us, state.settings, schedule=state.schedule, loads=loads)
    limits = bare.with_reserved(
        tree,
        {name: ceiling_a(spot) for name, spot in aside.items()},
        {name: phases for name, spot in aside.items() if (phases := counted_phases(spot))},
    )
    allocation = allocate(tree, limits, demands.values(), state.settings, now_us)
    before = {name: spot.turn for name, spot in spots.items() if spot.turn is not None}
    for name, turn in turns_after(allocation, before, now_us).items():
        if name in demands:
            spots[name].turn = turn
    effects: list[Effect] = _orders(state, tree, bare, allocation, demands, now_us)
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
    plan_a = NO_LIMIT
    if now_us < state.plan_until_us:
        plan_a = state.plan_a.get(spot.place.id, NO_LIMIT)
        # Upward to a step that can be told: else the energy of the plan would never be reached.
        if math.isfinite(plan_a):
            step = spot.place.resolution_a
            plan_a = math.ceil(plan_a / step - 1e-6) * step
    return Demand(
        spot.place.id,
        connected_us=spot.session_us,
        wanted_a=spot.wanted.wanted_a,
        phases=counted_phases(spot),
        departure_us=spot.departure_us,
        energy_wh=spot.energy_wh,
        priority=spot.priority,
        plan_a=plan_a,
        turn=spot.turn,
        idle=spot.wanted.is_idle(now_us, state.settings),
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


def _orders(
    state: SiteState,
    tree: Tree,
    bare: LimitsNow,
    allocation: Allocation,
    demands: Mapping[str, Demand],
    now_us: int,
) -> list[Effect]:
    paths = {name: path_of(tree, spot) for name, spot in state.spots.items()}
    ceilings = {name: ceiling_a(spot) for name, spot in state.spots.items()}
    room = room_below(bare.room_ma, ((paths[name], ceilings[name]) for name in ceilings))
    effects: list[Effect] = []
    raises: list[tuple[int, str, Scope, float]] = []
    for name, spot in state.spots.items():
        if not spot.online or spot.order is not None or now_us < spot.retry_us:
            continue
        limit = allocation.limits[name].limit_a if name in demands else None
        wanted = _wanted(state, spot, limit)
        if wanted is None:
            continue
        scope, target_a = wanted
        now_a, told_a = ceilings[name], _told(spot, scope)
        doubted = _doubted(spot, scope)
        path = paths[name]
        if target_a > now_a and not doubted:
            if scope is Scope.STANDING and spot.way is Scope.CHARGER:
                effects.append(_send(state, spot, scope, target_a, now_us))  # the whole bounds it
            elif _is_worth(state, told_a, target_a):
                raises.append((spot.raised_us, name, scope, target_a))
        elif target_a < now_a or doubted or told_a is None:
            crowded = min(room[row] for row in (*path.rows, *path.powers)) < 0
            ignored = spot.because == "ignores"  # told again, even if it has accepted just that
            worth = told_a != target_a and (crowded or _is_worth(state, told_a, target_a))
            if doubted or ignored or worth:
                limit_a = min(target_a, now_a)
                if crowded and not _surely_lowers(spot, scope, limit_a):
                    limit_a = _surely_fits(spot, limit_a, now_a, room, path)
                    if limit_a == told_a and not doubted:
                        continue  # as much as there is room for, for now
                effects.append(_send(state, spot, scope, limit_a, now_us))
    for raised_us, name, scope, target_a in sorted(raises):
        spot = state.spots[name]
        # The first limit of a charger does not wait for the interval between two raises.
        interval_s = state.control.raise_interval_s if spot.session else 0.0
        if now_us >= raised_us + interval_s * US_PER_S:
            effects += _raise(state, spot, scope, target_a, room, paths[name], now_us)
    return effects


def _wanted(state: SiteState, spot: Spot, share_a: float | None) -> tuple[Scope, float] | None:
    """Return what an EVSE is to be told next, and by which scope; None: nothing.

    Args:
        state: of the site.
        spot: the EVSE.
        share_a: of its session; None when it gets no share.
    """
    place = spot.place
    idle_a = min(state.control.standing_a, place.max_a)
    if share_a is None and spot.session and spot.set_aside_a is not None:
        share_a = place.min_a  # whether it does as it is told now
    if spot.way is not Scope.SESSION:
        target_a = idle_a if share_a is None else share_a
        if spot.way is Scope.CHARGER and spot.cap_a is not None and _closed(spot):
            return Scope.STANDING, place.max_a
        return spot.way, target_a
    if spot.takes_standing and spot.standing_a != idle_a:
        return Scope.STANDING, idle_a
    return None if share_a is None else (Scope.SESSION, share_a)


def _closed(spot: Spot) -> bool:
    """Whether a standing limit of before would go on binding under one of the whole charger."""
    return (
        spot.takes_standing
        and spot.limit_a is None
        and spot.standing_a is not None
        and spot.standing_a < spot.place.max_a
    )


def _told(spot: Spot, scope: Scope) -> float | None:
    if scope is Scope.SESSION:
        return spot.limit_a
    return spot.standing_a if scope is Scope.STANDING else spot.cap_a


def _doubted(spot: Spot, scope: Scope) -> bool:
    if scope is Scope.SESSION:
        return spot.doubt_a > 0 or spot.unknown or _may_have_ended(spot)
    return (spot.standing_doubt_a if scope is Scope.STANDING else spot.cap_doubt_a) > 0


def _may_have_ended(spot: Spot) -> bool:
    """Whether its standing limit counts, as nobody has heard of the session since it came back."""
    if spot.limit_a is None or spot.confirmed or not spot.session:
        return False
    return standing_max_a(spot) > spot.limit_a


def _is_worth(state: SiteState, told_a: float | None, target_a: float) -> bool:
    if told_a is None or (told_a == 0) != (target_a == 0):
        return True
    return abs(target_a - told_a) >= min(state.control.change_min_a, target_a or 1.0)


def _surely_lowers(spot: Spot, scope: Scope, limit_a: float) -> bool:
    """Whether the limit is no more than what it has now, whatever became of other orders."""
    if _doubted(spot, scope):
        return False
    told_a = _told(spot, scope)
    if told_a is None and scope is Scope.SESSION:
        told_a = None if spot.standing_doubt_a else spot.standing_a
    return told_a is not None and limit_a <= told_a


def _surely_fits(spot: Spot, limit_a: float, now_a: float, room: list[int], path: Path) -> float:
    """Return the limit, or what of it fits whatever the EVSE has now.

    It counts with the most that may hold, and may have much less: to such a one the same order is
    a raise, and there is no room as long as others have not lowered theirs.
    """
    step_ma = round(spot.place.resolution_a * MA_PER_A)
    left = [room[row] for row in path.rows] + [room[row] // path.phases for row in path.powers]
    free_ma = max(0, round(now_a * MA_PER_A) + min(left)) // step_ma * step_ma
    fits_a = min(limit_a, free_ma / MA_PER_A)
    return fits_a if fits_a >= spot.place.min_a else 0.0


def _raise(
    state: SiteState,
    spot: Spot,
    scope: Scope,
    target_a: float,
    room: list[int],
    path: Path,
    now_us: int,
) -> list[Effect]:
    """Raise a limit into room that is free now; wait for the rest."""
    now_a = ceiling_a(spot)
    place = spot.place
    step_ma = round(place.resolution_a * MA_PER_A)
    free_ma = round(now_a * MA_PER_A) + raise_max_ma(room, path)
    reached_a = min(round(target_a * MA_PER_A), free_ma // step_ma * step_ma) / MA_PER_A
    told_a = _told(spot, scope)
    if reached_a <= now_a or reached_a < min(place.min_a, target_a):
        return []
    if not _is_worth(state, told_a, reached_a):
        return []
    taken_ma = round((reached_a - now_a) * MA_PER_A)
    take(room, path.rows, taken_ma)
    take(room, path.powers, taken_ma * path.phases)
    spot.raised_us = now_us
    return [_send(state, spot, scope, reached_a, now_us)]


def _send(state: SiteState, spot: Spot, scope: Scope, limit_a: float, now_us: int) -> SetLimit:
    state.last_number += 1
    number = state.last_number
    # More than its charger has accepted: that it may hold is written down before it is sent.
    raises = limit_a > (_told(spot, scope) or 0.0)
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
        raises,
        now_us + int(state.control.answer_s * US_PER_S),
    )


def _output_w(state: SiteState, place: EvsePlace, limit_a: float) -> float:
    if place.current is not Current.DC or state.tree is None:
        return -1.0
    return limit_a * place.phases * state.tree.site.voltage_v * place.efficiency


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
