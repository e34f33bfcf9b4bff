"""What each circuit carries now: its rating, the capacity schedule, and loads nobody manages.

All is milliamperes in whole numbers, so that sums are exact and a limit is never passed by the
rounding of a float.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from actors.site.places import MA_PER_A
from actors.site.settings import SiteSettings
from actors.site.tree import POWER, ROWS_PER_CIRCUIT, Tree, per_phase
from domain.site import NO_LIMIT, CapacityLimit, CircuitLoad, PerPhase

UNLIMITED: Final = 10**12
"""mA; of a row without a limit."""
US_PER_S: Final = 1_000_000


@dataclass(frozen=True)
class LimitsNow:
    """What is left for EVSEs, row by row of the tree.

    Attributes:
        room_ma: for the EVSEs that are shared out to; below 0 when other loads draw too much.
        sources: row -> whose entry of the schedule is the lowest, where one is.
        reserved_ma: place -> what is set aside for it on each of its phases; out of room_ma.
        reserved_phases: place -> on how many phases; a place that is missing: all that are wired.
    """

    room_ma: tuple[int, ...]
    sources: Mapping[int, str]
    reserved_ma: Mapping[str, int]
    reserved_phases: Mapping[str, int] = field(default_factory=dict)

    def with_reserved(
        self,
        tree: Tree,
        reserved_a: Mapping[str, float],
        reserved_phases: Mapping[str, int] | None = None,
    ) -> "LimitsNow":
        """Return what is left when so much is set aside; of limits with nothing set aside.

        Raises:
            KeyError: a reserved place is not in the tree.
        """
        room = list(self.room_ma)
        phases = reserved_phases or {}
        reserved = {
            place: math.ceil(amperes * MA_PER_A) for place, amperes in sorted(reserved_a.items())
        }
        for place, milliamperes in reserved.items():
            path = tree.path(place, phases.get(place, 0))
            take(room, path.rows, milliamperes)
            take(room, path.powers, milliamperes * path.phases)
        return LimitsNow(tuple(room), self.sources, reserved, phases)


def limits_now(
    tree: Tree,
    now_us: int,
    settings: SiteSettings,
    *,
    schedule: Iterable[CapacityLimit] = (),
    loads: Iterable[CircuitLoad] = (),
    reserved_a: Mapping[str, float] | None = None,
    reserved_phases: Mapping[str, int] | None = None,
) -> LimitsNow:
    """Put together what holds at an instant.

    Args:
        tree: the site.
        now_us: at which instant.
        settings: how old a measurement may be.
        schedule: of any time; what does not hold now is skipped, as is an unknown circuit.
        loads: the newest measurement of each circuit.
        reserved_a: place -> A per phase that an EVSE which cannot be told may draw.
        reserved_phases: place -> on how many phases, where fewer than all that are wired.

    Raises:
        KeyError: a reserved place is not in the tree.
    """
    room = [UNLIMITED] * (len(tree.order) * ROWS_PER_CIRCUIT)
    volts = tree.site.voltage_v
    for number, circuit in enumerate(tree.order):
        rated = tuple(limit * circuit.derating for limit in per_phase(circuit.limit_a))
        for row, limit in _rows(number, rated, circuit.limit_w * circuit.derating, volts):
            room[row] = limit
    sources: dict[int, str] = {}
    for entry in _valid(schedule, now_us):
        if entry.circuit not in tree.index:
            continue
        number = tree.index[entry.circuit]
        for row, limit in _rows(number, per_phase(entry.limit_a), entry.limit_w, volts):
            if limit < room[row]:
                room[row] = limit
                sources[row] = entry.source
    _take_loads(tree, room, _unmanaged(tree, loads, settings, now_us))
    bare = LimitsNow(tuple(room), sources, {})
    return bare.with_reserved(tree, reserved_a, reserved_phases) if reserved_a else bare


def take(room: list[int], rows: tuple[int, ...], milliamperes: int) -> None:
    """Take so much out of rows that have a limit."""
    for row in rows:
        if room[row] != UNLIMITED:
            room[row] -= milliamperes


def _rows(
    number: int, phases_a: tuple[float, ...], watts: float, volts: float
) -> Iterator[tuple[int, int]]:
    base = number * ROWS_PER_CIRCUIT
    for part, amperes in enumerate((*phases_a, watts / volts)):
        if amperes != NO_LIMIT:
            # A micro-ampere of grace: 0.8 * 40 A is to be 32 A, whatever the float says.
            yield base + part, math.floor(amperes * MA_PER_A + 1e-3)


def _valid(schedule: Iterable[CapacityLimit], now_us: int) -> list[CapacityLimit]:
    """Return what holds now, of each source and circuit the greatest priority only."""
    holds = [
        entry
        for entry in schedule
        if entry.from_us <= now_us and (entry.until_us == 0 or now_us < entry.until_us)
    ]
    greatest: dict[tuple[str, str], int] = {}
    for entry in holds:
        key = (entry.source, entry.circuit)
        greatest[key] = max(entry.priority, greatest.get(key, entry.priority))
    # In order of names, so that of two sources with the same limit always the same one is told.
    return sorted(
        (entry for entry in holds if entry.priority == greatest[entry.source, entry.circuit]),
        key=lambda entry: (entry.circuit, entry.source),
    )


def _unmanaged(
    tree: Tree, loads: Iterable[CircuitLoad], settings: SiteSettings, now_us: int
) -> dict[str, PerPhase]:
    unmanaged = {circuit.id: circuit.unmanaged_a for circuit in tree.order}
    for load in loads:
        if load.circuit in unmanaged and now_us - load.at_us <= settings.load_stale_s * US_PER_S:
            unmanaged[load.circuit] = load.current_a
    return unmanaged


def _take_loads(tree: Tree, room: list[int], unmanaged: Mapping[str, PerPhase]) -> None:
    for name, current in unmanaged.items():
        milliamperes = [math.ceil(amperes * MA_PER_A) for amperes in current]
        while name:
            base = tree.index[name] * ROWS_PER_CIRCUIT
            for phase, taken in enumerate(milliamperes):
                take(room, (base + phase,), taken)
            take(room, (base + POWER,), sum(milliamperes))
            name = tree.order[tree.index[name]].parent  # noqa: PLW2901 - walking up
