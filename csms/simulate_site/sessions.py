"""Who was plugged in when, and wanted how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

US_PER_S: Final = 1_000_000
HOUR_US: Final = 3_600 * US_PER_S
DAY_US: Final = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Session:
    """A car's stay.

    Attributes:
        place: where it was plugged in.
        energy_wh: what it asked for (recorded: what it got).
        max_a: the car's own limit of each phase.
        phases: that the car draws from.
    """

    id: str
    place: str
    arrival_us: int
    departure_us: int
    energy_wh: float
    max_a: float = 32.0
    phases: int = 1


@dataclass(frozen=True)
class Workplace:
    """How people come to work: one car a place and working day, some places a second one.

    Times of day are hours; each is spread as a normal distribution.
    """

    arrival_h: float = 8.3
    arrival_spread_h: float = 1.3
    stay_h: float = 7.0
    stay_spread_h: float = 1.8
    energy_kwh: float = 10.5
    energy_spread: float = 0.55
    """Of the logarithm of the energy."""
    present: float = 0.9
    """The share of places that are used on a day."""
    second: float = 0.25
    """The share of places with another car in the afternoon, for an hour to three."""


def workplace_sessions(
    places: Sequence[str],
    days: int,
    begin_us: int,
    chance: Random,
    pattern: Workplace | None = None,
    *,
    max_a: float = 32.0,
    volts: float = 230.0,
) -> list[Session]:
    """Make sessions of single-phase cars, in the order of arrival; the same chance, the same ones.

    No car asks for more than it could get at full power during its stay.
    """
    pattern = pattern or Workplace()
    sessions: list[Session] = []

    def add(place: str, arrival_us: int, departure_us: int, energy_wh: float) -> None:
        stay_h = (departure_us - arrival_us) / HOUR_US
        energy_wh = min(energy_wh, stay_h * max_a * volts * 0.98)
        name = f"{place}-{len(sessions)}"
        sessions.append(Session(name, place, arrival_us, departure_us, energy_wh, max_a))

    def energy() -> float:
        return chance.lognormvariate(0, pattern.energy_spread) * pattern.energy_kwh * 1000

    for day in range(days):
        midnight = begin_us + day * DAY_US
        for place in places:
            if chance.random() >= pattern.present:
                continue
            comes_h = min(12.0, max(5.0, chance.gauss(pattern.arrival_h, pattern.arrival_spread_h)))
            stays_h = min(11.0, max(1.0, chance.gauss(pattern.stay_h, pattern.stay_spread_h)))
            goes_h = min(comes_h + stays_h, 22.0)
            add(place, _at(midnight, comes_h), _at(midnight, goes_h), energy())
            if chance.random() < pattern.second and goes_h < 18.0:  # noqa: PLR2004
                comes_h = goes_h + chance.uniform(0.2, 1.5)
                goes_h = min(comes_h + chance.uniform(1.0, 3.0), 23.0)
                add(place, _at(midnight, comes_h), _at(midnight, goes_h), energy() * 0.6)
    return sorted(sessions, key=lambda session: (session.arrival_us, session.id))


def _at(midnight_us: int, hours: float) -> int:
    """An instant of that day, to the full second."""
    return midnight_us + round(hours * 3_600) * US_PER_S
