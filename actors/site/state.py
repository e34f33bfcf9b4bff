"""What a site's actor remembers."""

from collections.abc import Callable

import msgspec

from actors.site.control import ControlSettings
from actors.site.effects import Scope, Shared
from actors.site.settings import SiteSettings
from actors.site.tree import Tree
from domain.site import CapacityLimit, CircuitLoad, Demand, EvsePlace, Turn


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
    doubt_a: float = 0.0
    """The greatest limit that was sent and may or may not have arrived."""
    order: Order | None = None
    refusals: int = 0
    failures: int = 0
    """Answers in a row that did not come."""
    strikes: int = 0
    set_aside_a: float | None = None
    """Not None: it is not believed, and may draw this much."""
    retry_us: int = 0
    raised_us: int = 0
    lowered_us: int = 0
    current_a: tuple[float, float, float] | None = None
    current_us: int = 0
    turn: Turn | None = None
    departure_us: int = 0
    energy_wh: float = 0.0
    priority: int = 0

    @property
    def obeys(self) -> bool:
        """Whether it can be told what to do now."""
        return self.online and self.set_aside_a is None


Learner = Callable[[Spot, int], Demand]
"""What a session is believed to want, at an instant."""


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
        self.last_number = 0
        self.shared: Shared | None = None
        self.wake_us = 0
        self.quiet_until_us = 0
