"""A site in virtual time: chargers that keep what they were last told, and a bad network.

A charger applies orders in the order of their sending (one TCP connection), some never arrive, and
answers get lost, come late or twice. `allowed_a` is what each EVSE truly lets its car draw.
"""

import heapq
import random
from dataclasses import dataclass, field

from actors.site.control import ControlSettings
from actors.site.effects import Effect, Scope, SetLimit, Wake
from actors.site.machine import handle
from actors.site.messages import (
    CapacitySet,
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    KnownLimit,
    LimitAnswered,
    Message,
    SessionBegan,
    SessionEnded,
    SiteSet,
    Tick,
)
from actors.site.settings import SiteSettings
from actors.site.state import SiteState
from domain.commands import Outcome
from domain.site import CapacityLimit, Circuit, EvsePlace, Site

SECOND = 1_000_000
START = 1_800_000_000 * SECOND


def garage(evses: int = 9, main_a: float = 63.0, row_a: float = 40.0) -> Site:
    """Three rows of single and three-phase EVSEs below one fuse."""
    circuits = (
        Circuit("main", limit_a=main_a),
        *(Circuit(f"row{n}", "main", limit_a=row_a) for n in range(3)),
    )
    places = tuple(
        EvsePlace(
            f"CP{n}/1",
            f"CP{n}",
            1,
            f"row{n % 3}",
            phases=1 if n % 4 == 0 else 3,
            rotation=("RST", "STR", "TRS")[n % 3],
        )
        for n in range(evses)
    )
    return Site("garage", circuits, places)


@dataclass
class Truth:
    """What an EVSE really does."""

    place: EvsePlace
    standing_a: float = 0.0
    session: str = ""
    limit_a: float | None = None
    cap_a: float | None = None
    refuses: bool = False
    takes: frozenset[Scope] = frozenset(Scope)
    """What it can be told by at all."""
    connection: int = 0
    car_phases: int = 3
    car_a: float = 32.0
    """The most that its car draws."""
    deaf: bool = False
    """It accepts everything and changes nothing."""

    @property
    def allowed_a(self) -> float:
        if not self.session:
            return 0.0
        own = self.standing_a if self.limit_a is None else self.limit_a
        return own if self.cap_a is None else min(own, self.cap_a)

    @property
    def phases(self) -> int:
        return min(self.car_phases, self.place.phases)

    @property
    def drawn_a(self) -> float:
        return min(self.allowed_a, self.car_a) if self.allowed_a >= self.place.min_a else 0.0


@dataclass
class World:
    """The machine, its chargers, and the network between them."""

    site: Site
    seed: int
    lost: float = 0.0
    control: ControlSettings = field(default_factory=lambda: ControlSettings(gather_s=0))
    now_us: int = START
    settings: SiteSettings = field(default_factory=SiteSettings)
    checks: bool = True
    """Whether the law is looked at: not where a charger breaks it by itself."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.truth = {place.id: Truth(place) for place in self.site.places}
        self.state = SiteState(self.settings, self.control)
        self.agenda: list[tuple[int, int, object]] = []
        self.count = 0
        self.orders = 0
        self.worst_a = 0.0
        self.online: set[str] = set()
        known = {place.id: KnownLimit(standing_a=0.0) for place in self.site.places}
        self.tell(SiteSet(self.site, known))

    # the machine

    def tell(self, message: Message) -> list[Effect]:
        effects = handle(self.state, message, self.now_us)
        for effect in effects:
            if isinstance(effect, SetLimit):
                self.orders += 1
                self._send(effect)
            elif isinstance(effect, Wake):
                self.later(effect.at_us, Tick())
        return effects

    def later(self, at_us: int, what: object) -> None:
        self.count += 1
        heapq.heappush(self.agenda, (at_us, self.count, what))

    def _send(self, order: SetLimit) -> None:
        truth = self.truth[order.place]
        if order.charger not in self.online:
            self.later(self.now_us + 1_000, LimitAnswered(order.number, Outcome.REFUSED))
            return
        self.later(self.now_us + self._delay_us(), (order, truth.connection))

    def _delay_us(self) -> int:
        return self.random.choice((20_000, 20_000, 300_000))

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end_us = self.now_us + int(seconds * SECOND)
        while self.agenda and self.agenda[0][0] <= end_us:
            at_us, _, what = heapq.heappop(self.agenda)
            self.now_us = max(self.now_us, at_us)
            if isinstance(what, tuple):
                self._arrive(*what)
            elif not isinstance(what, Tick) or self.state.wake_us <= self.now_us:
                self.tell(what)  # type: ignore[arg-type]
            self.look()
        self.now_us = end_us

    def _arrive(self, order: SetLimit, connection: int) -> None:
        truth = self.truth[order.place]
        if truth.connection != connection or self.random.random() < self.lost:
            return  # never arrives; the session notices by its timeout
        outcome = Outcome.ACCEPTED
        if truth.refuses or order.scope not in truth.takes:
            outcome = Outcome.REJECTED
        elif truth.deaf:
            pass
        elif order.scope is Scope.CHARGER:
            truth.cap_a = order.limit_a
        elif order.scope is Scope.STANDING:
            truth.standing_a = order.limit_a
        elif truth.session == order.session:
            truth.limit_a = order.limit_a
        else:
            outcome = Outcome.REJECTED
        self.look()
        answer = LimitAnswered(order.number, outcome)
        fate = self.random.random()
        if fate < self.lost:
            self.later(self.now_us + 30 * SECOND, LimitAnswered(order.number, Outcome.TIMED_OUT))
        else:
            self.later(self.now_us + self._delay_us(), answer)
        if fate > 1 - self.lost:  # twice, the second one much later
            self.later(self.now_us + 40 * SECOND, answer)

    # the chargers

    def plug(self, place: str) -> None:
        truth = self.truth[place]
        if not truth.session:
            self.count += 1
            truth.session, truth.limit_a = f"tx{self.count}", None
            self._say(truth, SessionBegan(truth.place.charger, 1, truth.session, self.now_us))

    def unplug(self, place: str) -> None:
        truth = self.truth[place]
        if truth.session:
            session, truth.session, truth.limit_a = truth.session, "", None
            self._say(truth, SessionEnded(truth.place.charger, 1, session))

    def _say(self, truth: Truth, message: Message) -> list[Effect]:
        effects = self.tell(message) if truth.place.charger in self.online else []
        self.look()
        return effects

    def come(self, place: str) -> None:
        truth = self.truth[place]
        charger = truth.place.charger
        if charger not in self.online:
            self.online.add(charger)
            truth.connection += 1
            before = self.state.by_evse[charger, 1].session
            self.tell(ChargerCame(charger))
            if before and before != truth.session:
                self.tell(SessionEnded(charger, 1, before))
            if truth.session:
                self.tell(SessionBegan(charger, 1, truth.session, self.now_us))

    def go(self, place: str) -> None:
        truth = self.truth[place]
        charger = truth.place.charger
        if charger in self.online:
            self.online.discard(charger)
            truth.connection += 1
            self.tell(ChargerWent(charger))

    def measure(self) -> None:
        """Let the meters of all who are connected say what flows."""
        self.measured()

    def measured(self) -> list[Effect]:
        """Let meters say what flows; return what follows."""
        effects: list[Effect] = []
        for truth in self.truth.values():
            if truth.session:
                amperes = [truth.drawn_a if n < truth.phases else 0.0 for n in range(3)]
                charger = truth.place.charger
                message = CurrentMeasured(charger, 1, tuple(amperes), self.now_us)  # type: ignore[arg-type]
                effects += self._say(truth, message)
        return effects

    def live(self, seconds: float, every_s: float = 10.0) -> None:
        """Let so much time pass, with meter values."""
        for _ in range(int(seconds / every_s)):
            self.run(every_s)
            self.measure()

    def capacity(self, amperes: float) -> None:
        self.tell(CapacitySet((CapacityLimit("main", "grid", limit_a=amperes),)))

    # the law

    def drawn_a(self) -> dict[str, float]:
        """What may flow in the worst phase of each circuit."""
        tree = self.state.tree
        assert tree is not None
        rows: dict[int, float] = {}
        for name, truth in self.truth.items():
            for row in tree.path(name, truth.phases).rows:
                rows[row] = rows.get(row, 0.0) + truth.allowed_a
        return {
            circuit.id: max(rows.get(4 * n + phase, 0.0) for phase in range(3))
            for n, circuit in enumerate(tree.order)
        }

    def look(self) -> None:
        if not self.checks:
            return
        drawn = self.drawn_a()
        self.worst_a = max(self.worst_a, drawn["main"])
        for circuit in self.site.circuits:
            limit = circuit.limit_a
            assert isinstance(limit, float)
            assert drawn[circuit.id] <= limit + 1e-6, (circuit.id, drawn, self.now_us - START)
