"""What a site's machine may ask of the world."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from domain.site import Allocation, CircuitLoad, Demand


class Scope(StrEnum):
    """For which time a limit holds."""

    STANDING = "standing"
    """While no session has a limit of its own (1.6, 2.x: TxDefaultProfile)."""
    SESSION = "session"
    """For the running transaction (TxProfile)."""
    CHARGER = "charger"
    """For all that the charger draws (ChargePointMaxProfile; 2.x: ChargingStationMaxProfile)."""


class SetLimit(msgspec.Struct, frozen=True, gc=False):
    """Tell a charger a limit; LimitAnswered with the same number must follow."""

    number: int
    place: str
    charger: str
    evse: int
    scope: Scope
    session: str
    limit_a: float
    """Each phase. 0: pause."""
    limit_w: float = -1.0
    """DC: to be told instead, at the output. AC: -1."""
    raises: bool = False
    """More than has been accepted: first written down (Shared before it), then sent."""
    until_us: int = 0
    """Its actor waits for the answer until then; it must not be sent later."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """How things stand at an EVSE. Limits are A per phase; -1: not known, or none."""

    online: bool
    session: str
    limit_a: float
    """What its charger has accepted for the session, by the way in which that is told."""
    ceiling_a: float
    """What it may draw at worst: what counts against the circuits."""
    drawn_a: tuple[float, float, float] | None
    doubted: bool
    because: str = ""
    """Why it is doubted: rejects, ignores or silent."""
    way: str = Scope.SESSION
    """By which scope its session is told: the next one after the one before was refused."""
    phases: int = 0
    """From how many phases its car draws, as learned; 0: not known, counted as all wired."""
    wanted_a: float = -1.0
    """What its car is believed to want at most; -1: as much as it can get."""
    standing_a: float = -1.0
    """The greatest standing limit that may hold, likewise of the session and the whole charger;
    -1: not known, or none."""
    session_a: float = -1.0
    charger_a: float = -1.0


class Shared(msgspec.Struct, frozen=True, gc=False):
    """The site was shared out anew and something has changed."""

    allocation: Allocation
    at_us: int
    held: dict[str, Held]
    """By the id of the place."""
    demands: tuple[Demand, ...] = ()
    """What cars are believed to want, of those that are shared out to."""
    loads: tuple[CircuitLoad, ...] = ()
    """The newest measurement of what nobody manages."""


class Doubted(msgspec.Struct, frozen=True, gc=False):
    """An EVSE does not do as it is told; what it may draw at worst is set aside from now on."""

    place: str
    because: str
    """rejects, ignores or silent."""
    set_aside_a: float


class Trusted(msgspec.Struct, frozen=True, gc=False):
    """An EVSE does again as it is told."""

    place: str


class Wake(msgspec.Struct, frozen=True, gc=False):
    """Send a Tick at this time, instead of any earlier asked-for one."""

    at_us: int


Effect: TypeAlias = SetLimit | Shared | Doubted | Trusted | Wake
