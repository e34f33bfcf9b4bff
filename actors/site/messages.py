"""What the mailbox of a site's actor takes."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from domain.site import CapacityLimit, CircuitLoad, PerPhase, Site


class KnownLimit(msgspec.Struct, frozen=True, gc=False):
    """What an EVSE was last known to have accepted, A per phase; -1: nothing is known."""

    standing_a: float = -1.0
    session_a: float = -1.0


class SiteSet(msgspec.Struct, frozen=True, gc=False):
    """The site's model, new or changed. `remembered`: by the id of the place."""

    site: Site
    remembered: Mapping[str, KnownLimit] = {}


class CapacitySet(msgspec.Struct, frozen=True, gc=False):
    """The whole capacity schedule, instead of the one before."""

    schedule: tuple[CapacityLimit, ...]


class LoadMeasured(msgspec.Struct, frozen=True, gc=False):
    """What loads that nobody manages draw."""

    load: CircuitLoad


class ChargerCame(msgspec.Struct, frozen=True, gc=False):
    """A charger can be told limits. `limits`: what its EVSEs have in force, as far as known."""

    charger: str
    limits: Mapping[int, KnownLimit] = {}


class ChargerWent(msgspec.Struct, frozen=True, gc=False):
    """A charger can no longer be told anything; it goes on with what it has."""

    charger: str


class SessionBegan(msgspec.Struct, frozen=True, gc=False):
    """A transaction runs at an EVSE. Sent again, it changes nothing."""

    charger: str
    evse: int
    session: str
    at_us: int
    fresh: bool = True
    """False: it ran before anybody here knew of it, perhaps with a limit that is not known."""


class SessionEnded(msgspec.Struct, frozen=True, gc=False):
    """A transaction has ended; one that is not the EVSE's is ignored."""

    charger: str
    evse: int
    session: str


class CurrentMeasured(msgspec.Struct, frozen=True, gc=False):
    """What a car draws from each of its EVSE's own phases."""

    charger: str
    evse: int
    current_a: PerPhase
    at_us: int


class WishSet(msgspec.Struct, frozen=True, gc=False):
    """What is known of a session: fields as in `domain.site.Demand`."""

    place: str
    departure_us: int = 0
    energy_wh: float = 0.0
    priority: int = 0


class LimitAnswered(msgspec.Struct, frozen=True, gc=False):
    """How the command with this number ended: a value of `domain.commands.Outcome`."""

    number: int
    outcome: str


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The time of the earliest Wake has come."""


Message: TypeAlias = (
    SiteSet
    | CapacitySet
    | LoadMeasured
    | ChargerCame
    | ChargerWent
    | SessionBegan
    | SessionEnded
    | CurrentMeasured
    | WishSet
    | LimitAnswered
    | Tick
)
