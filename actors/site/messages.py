"""What the mailbox of a site's actor takes."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from domain.site import CapacityLimit, CircuitLoad, PerPhase, RememberedLimit, Site


class KnownLimit(msgspec.Struct, frozen=True, gc=False):
    """What an EVSE was last known to have accepted, A per phase; -1: nothing is known.

    The doubts: the greatest limit of each scope that was sent since, by whichever owner, and may
    hold or come to hold; 0: none.
    """

    standing_a: float = -1.0
    session_a: float = -1.0
    charger_a: float = -1.0
    """Of the charger as a whole (Scope.CHARGER)."""
    standing_doubt_a: float = 0.0
    session_doubt_a: float = 0.0
    charger_doubt_a: float = 0.0


class SiteSet(msgspec.Struct, frozen=True, gc=False):
    """The site's model, new or changed. `remembered`: by the id of the place."""

    site: Site
    remembered: Mapping[str, KnownLimit] = {}


class LimitsRemembered(msgspec.Struct, frozen=True, gc=False):
    """What was written down before this actor began; what it knows better by now stays."""

    limits: tuple[RememberedLimit, ...]


class CapacitySet(msgspec.Struct, frozen=True, gc=False):
    """The whole capacity schedule, instead of the one before."""

    schedule: tuple[CapacityLimit, ...]


class LoadMeasured(msgspec.Struct, frozen=True, gc=False):
    """What loads that nobody manages draw."""

    load: CircuitLoad


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


class ChargerCame(msgspec.Struct, frozen=True, gc=False):
    """A charger can be told limits.

    `limits`: what its EVSEs have in force, as far as known; those of sessions are of `running`.
    """

    charger: str
    limits: Mapping[int, KnownLimit] = {}
    sessions: tuple[str, ...] | None = None
    """All that run there; any other one has ended unseen. None: not known."""
    running: tuple[SessionBegan, ...] = ()
    """Those that are known to run."""


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
    """0: the charger's clock is not to be trusted; it counts from when it is heard."""
    power_w: float = -1.0
    """Not -1: only the power of all phases was measured; `current_a` is a third of it each."""


class MainMeasured(msgspec.Struct, frozen=True, gc=False):
    """What the main meter of a charger shows, of each phase of the site; negative: a source.

    `at_us` as in CurrentMeasured.
    """

    charger: str
    current_a: PerPhase
    at_us: int


class WishSet(msgspec.Struct, frozen=True, gc=False):
    """What is known of a session: fields as in `domain.site.Demand`."""

    place: str
    departure_us: int = 0
    energy_wh: float = 0.0
    priority: int = 0


class GuideSet(msgspec.Struct, frozen=True, gc=False):
    """What the plan has for the current slot, instead of the one before.

    `plan_a`: by place, A per phase, as `Demand.plan_a`; a place that is missing is not limited.
    From `until_us` on nobody is limited by it: a planner that has gone limits nobody for long.
    """

    plan_a: Mapping[str, float]
    until_us: int


class LimitAnswered(msgspec.Struct, frozen=True, gc=False):
    """How the command with this number ended: a value of `domain.commands.Outcome`."""

    number: int
    outcome: str


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The time of the earliest Wake has come."""


Message: TypeAlias = (
    SiteSet
    | LimitsRemembered
    | CapacitySet
    | LoadMeasured
    | MainMeasured
    | ChargerCame
    | ChargerWent
    | SessionBegan
    | SessionEnded
    | CurrentMeasured
    | WishSet
    | GuideSet
    | LimitAnswered
    | Tick
)
