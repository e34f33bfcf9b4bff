"""What a site's actor remembers."""

from collections.abc import Mapping

import msgspec

from actors.site.control import ControlSettings
from actors.site.effects import Scope, Shared
from actors.site.phases import PhaseEvidence
from actors.site.settings import SiteSettings
from actors.site.tree import Tree
from actors.site.wanted import WantedEvidence
from domain.site import CapacityLimit, CircuitLoad, EvsePlace, Turn


class Order(msgspec.Struct, gc=False):
    """A limit on its way to a charger."""

    number: int
    scope: Scope
    session: str
    limit_a: float
    sent_us: int


class Spot(msgspec.Struct):
    """An EVSE, and all that is believed of it. Limits are A per phase, None: not known."""

    place: EvsePlace
    online: bool = False
    session: str = ""
    session_us: int = 0
    standing_a: float | None = None
    limit_a: float | None = None
    """Of the session. None: it has none of its own yet, the standing one holds."""
    cap_a: float | None = None
    """Of the charger as a whole (Scope.CHARGER). None: it was told none."""
    doubt_a: float = 0.0
    """The greatest limit of the session that was sent and may or may not have arrived."""
    unknown: bool = False
    """A session runs, or may run, of before anybody here knew of it: what it was told may be
    anything."""
    confirmed: bool = False
    """Its charger has accepted `limit_a` since it came: the session runs. Else it may have ended,
    and another one begun, before the charger tells what it has kept back."""
    standing_doubt_a: float = 0.0
    """The same of the standing limit."""
    cap_doubt_a: float = 0.0
    """The same of that of the charger as a whole."""
    way: Scope = Scope.SESSION
    """By which scope a session's limit is told."""
    takes_standing: bool = True
    """False: it has refused standing limits; only that of the whole charger is left."""
    order: Order | None = None
    refusals: int = 0
    failures: int = 0
    """Answers in a row that did not come."""
    strikes: int = 0
    set_aside_a: float | None = None
    """Not None: it is not believed, and may draw this much."""
    because: str = ""
    """Why: rejects, ignores or silent."""
    retry_us: int = 0
    raised_us: int = 0
    lowered_us: int = 0
    current_a: tuple[float, float, float] | None = None
    current_us: int = 0
    turn: Turn | None = None
    phases: PhaseEvidence = PhaseEvidence()
    wanted: WantedEvidence = WantedEvidence()
    departure_us: int = 0
    energy_wh: float = 0.0
    """Of the wish: still to be delivered; what flows is taken off."""
    priority: int = 0

    @property
    def obeys(self) -> bool:
        """Whether it can be told what to do now."""
        return self.online and self.set_aside_a is None


class SiteState:
    """Everything about one site. The machine changes it in place."""

    def __init__(self, settings: SiteSettings, control: ControlSettings) -> None:
        self.settings = settings
        self.control = control
        self.tree: Tree | None = None
        self.spots: dict[str, Spot] = {}
        self.by_evse: dict[tuple[str, int], Spot] = {}
        self.online: set[str] = set()
        self.schedule: tuple[CapacityLimit, ...] = ()
        self.loads: dict[str, CircuitLoad] = {}
        self.orders: dict[int, Spot] = {}
        self.plan_a: Mapping[str, float] = {}
        self.plan_until_us = 0
        self.last_number = 0
        self.shared: Shared | None = None
        self.wake_us = 0
        self.quiet_until_us = 0
