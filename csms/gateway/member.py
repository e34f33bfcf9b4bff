"""A charger of a site: what the site's actor must hear of it, and what it was told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from actors.site.answers import CERTAIN
from actors.site.effects import Scope
from actors.site.messages import (
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    KnownLimit,
    MainMeasured,
    Message,
    SessionBegan,
    SessionEnded,
)
from domain.commands import Outcome
from domain.events import (
    EnergyMeasured,
    Event,
    Sample,
    TimeQuality,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger
from domain.site import PerPhase

AFTER_ENDED: Final = "after_ended"
"""Flag of an event that was told after the end of its transaction."""
VOLTS: Final = 230.0
"""To turn power into current where a charger measures only power."""
THREE: Final = 3
UNKNOWN_ENDS_MAX: Final = 64
"""Sessions that a charger may end of which nobody knows yet that they ran."""
PHASE_OF: Final[Mapping[str, int]] = {
    "L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2,
}  # fmt: skip
SIGNS: Final[Mapping[str, float]] = {"Import": 1.0, "Export": -1.0}
SIGNS_OF: Final = frozenset({"Current", "Power.Active"})
"""What is measured in both directions; a source is negative."""
WATTS: Final[Mapping[str, float]] = {"W": 1.0, "kW": 1_000.0}


class Member:
    """Turns what a charger reports into messages for its site; remembers what it has accepted.

    It outlives the site's actor, wherever that is: `introduce` tells a new one everything.
    """

    __slots__ = (
        "_complete", "_doubts", "_limits", "_open", "_sessions", "_tell", "_unknown_ends",
        "charger", "introduced", "site",
    )  # fmt: skip

    def __init__(self, charger: str, site: str, tell: Callable[[str, Message], None]) -> None:
        self.charger = charger
        self.site = site
        self.introduced = False
        """False until the ledger has said which sessions run."""
        self._tell = tell
        self._limits: dict[int, KnownLimit] = {}
        self._open: dict[tuple[int, str], list[float]] = {}
        """(EVSE, scope) -> limits on their way: they may hold before their answer comes."""
        self._doubts: dict[tuple[int, str], float] = {}
        """Likewise the greatest of those without an answer, since one was accepted last."""
        self._complete = False
        self._unknown_ends: set[str] = set()
        """Sessions that have ended here and began before: what is said of them late is wrong."""
        self._sessions: dict[int, SessionBegan] = {}

    def introduce(self) -> None:
        """Tell the site's actor all that is known."""
        self.introduced = True
        running = tuple(self._sessions.values())
        sessions = tuple(began.session for began in running) if self._complete else None
        self._say(ChargerCame(self.charger, self._known_limits(), sessions, running))

    def leave(self) -> None:
        """The connection has gone."""
        if self.introduced:
            self._say(ChargerWent(self.charger))

    def known(self, known: KnownCharger | None) -> None:
        """Take what the ledger knows, then join; None: it could not say.

        It may be known late: what has been heard since goes before it.
        """
        self._complete = known is not None
        for seen in known.transactions if known is not None else ():
            session = seen.said or str(seen.transaction)
            if session in self._unknown_ends:
                continue
            if seen.open and seen.connector not in self._sessions:
                began = SessionBegan(
                    self.charger, seen.connector, session, seen.started_us, fresh=False
                )
                self._sessions[seen.connector] = began
        if self._complete:
            self._unknown_ends.clear()
        self.introduce()

    def heard(self, events: Iterable[Event]) -> None:
        """Tell the site what matters to it of a message of the charger."""
        for event in events:
            reader = READERS.get(type(event))
            if reader is not None:
                reader(self, event)

    def sending(self, evse: int, scope: str, limit_a: float) -> None:
        """A limit goes to the charger; `ended` must follow."""
        self._open.setdefault((evse, scope), []).append(limit_a)

    def ended(self, evse: int, scope: str, limit_a: float, session: str, outcome: str) -> None:
        """Take the end of an order: what has been accepted, and what may hold all the same.

        An accepted limit goes instead of those of its scope that were sent before.
        """
        key = evse, scope
        self._open[key].remove(limit_a)
        if not self._open[key]:
            del self._open[key]
        if scope == Scope.SESSION and self._session(evse) != session:
            return
        if outcome == Outcome.ACCEPTED:
            self._doubts.pop(key, None)
            self._accepted(evse, scope, limit_a)
        elif outcome not in CERTAIN:
            self._doubts[key] = max(self._doubts.get(key, 0.0), limit_a)

    def _accepted(self, evse: int, scope: str, limit_a: float) -> None:
        before = self._limits.get(evse, KnownLimit())
        if scope == Scope.SESSION:
            self._limits[evse] = replace(before, session_a=limit_a)
            # Whatever it was told before anybody knew of it holds no longer.
            self._sessions[evse] = replace(self._sessions[evse], fresh=True)
        elif scope == Scope.STANDING:
            self._limits[evse] = replace(before, standing_a=limit_a)
        else:
            self._limits[evse] = replace(before, charger_a=limit_a)

    def _known_limits(self) -> dict[int, KnownLimit]:
        known = dict(self._limits)
        for key in (*self._open, *self._doubts):
            evse, scope = key
            most = max(*self._open.get(key, ()), self._doubts.get(key, 0.0), 0.0)
            before = known.get(evse, KnownLimit())
            known[evse] = replace(before, **{f"{scope}_doubt_a": most})
        return known

    def _session(self, evse: int) -> str:
        began = self._sessions.get(evse)
        return began.session if began is not None else ""

    def _say(self, message: Message) -> None:
        self._tell(self.site, message)

    def _news(self, message: Message) -> None:
        if self.introduced:
            self._say(message)

    def _begin(self, evse: int, session: str, at_us: int) -> None:
        if evse <= 0 or self._session(evse) == session:
            return
        self._forget_limit(evse)
        began = SessionBegan(self.charger, evse, session, at_us)
        self._sessions[evse] = began
        self._news(began)

    def _end(self, session: str) -> None:
        for evse, began in list(self._sessions.items()):
            if began.session == session:
                del self._sessions[evse]
                self._forget_limit(evse)
                self._news(SessionEnded(self.charger, evse, session))
                return
        if not self._complete and len(self._unknown_ends) < UNKNOWN_ENDS_MAX:
            self._unknown_ends.add(session)

    def _forget_limit(self, evse: int) -> None:
        self._doubts.pop((evse, Scope.SESSION), None)
        before = self._limits.get(evse)
        if before is not None:
            self._limits[evse] = replace(before, session_a=-1.0)

    def _started(self, event: TransactionStarted) -> None:
        self._begin(event.connector, str(event.transaction), event.at_us)

    def _stopped(self, event: TransactionStopped) -> None:
        # An actor that began blank knows no number of ours: then it is the one that was said.
        self._end(str(event.transaction or event.said_transaction))

    def _closed(self, event: TransactionEndedProvisionally) -> None:
        self._end(str(event.transaction))

    def _progressed(self, event: TransactionProgressed) -> None:
        if event.kind == "Ended":
            self._end(event.said)
            return
        if AFTER_ENDED in event.flags:
            return
        self._begin(event.connector, event.said, event.at_us)
        self._measured(event.connector, event.samples)

    def _energy(self, event: EnergyMeasured) -> None:
        self._measured(event.connector, event.samples)

    def _measured(self, evse: int, samples: tuple[Sample, ...]) -> None:
        if not samples or (evse and evse not in self._sessions):
            return
        flow = flows(samples)
        if flow is not None:
            current_a, power_w = flow
            last = samples[-1]
            # A clock that is wrong would make what flows now look old, or not yet true.
            at_us = last.at_us if last.quality == TimeQuality.OK else 0
            if evse:
                self._news(CurrentMeasured(self.charger, evse, current_a, at_us, power_w))
            else:
                self._news(MainMeasured(self.charger, current_a, at_us))


def flows(samples: Iterable[Sample]) -> tuple[PerPhase, float] | None:
    """Return what flows on each phase of the EVSE, A, and the power when only that is known, W.

    None when no sample says. Current goes before power; a current without a phase is that of each,
    a power without one that of all: then it is said (else -1), for the wiring to split it.
    """
    found: dict[str, list[float | None]] = {}
    whole_w: float | None = None
    for sample in samples:
        quantity, _, direction = sample.measurand.rpartition(".")
        if quantity not in SIGNS_OF or direction not in SIGNS:
            continue
        value = sample.value * SIGNS[direction]
        if value == 0 and direction == "Export":
            continue  # the other direction says what flows
        if quantity == "Current" and sample.unit == "A":
            kind, amperes = "current", value
        elif quantity != "Current" and sample.unit in WATTS:
            watts = value * WATTS[sample.unit]
            if not sample.phase:
                whole_w = watts
                continue
            kind, amperes = "power", watts / VOLTS
        else:
            continue
        phases = found.setdefault(kind, [None] * THREE)
        if sample.phase in PHASE_OF:
            phases[PHASE_OF[sample.phase]] = amperes
        elif not sample.phase:
            phases[:] = [amperes if value is None else value for value in phases]
    best = found.get("current") or found.get("power")
    if best is not None:
        one, two, three = (value or 0.0 for value in best)
        return (one, two, three), -1.0
    if whole_w is None:
        return None
    third = whole_w / VOLTS / THREE
    return (third, third, third), whole_w


READERS: Mapping[type, Callable[..., None]] = {
    TransactionStarted: Member._started,  # noqa: SLF001 - the table of this very class
    TransactionStopped: Member._stopped,  # noqa: SLF001
    TransactionEndedProvisionally: Member._closed,  # noqa: SLF001
    TransactionProgressed: Member._progressed,  # noqa: SLF001
    EnergyMeasured: Member._energy,  # noqa: SLF001
}
