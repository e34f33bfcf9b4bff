"""The talking half of a simulated charger: its connection, its messages, the commands it obeys.

Life of a message: something happens (`after`, a command) -> `Outbox` -> `_pump` sends one CALL at
a time through `protocol.session` -> the answer comes to the message's `answered`.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from csms.simulator.books import Books
from csms.simulator.identity import Identity
from csms.simulator.instants import US_PER_S, iso
from csms.simulator.keys import KeyTable, default_keys
from csms.simulator.models import Model
from csms.simulator.outbox import Message, OnAnswer, Outbox, Payload
from csms.simulator.settings import SimulatorSettings
from csms.simulator.sightings import Kind, Saw
from protocol.dialect import OCPP_16, Dialect
from protocol.errors import ErrorCode
from protocol.events import (
    CallLost,
    CallReceived,
    CallTimedOut,
    ErrorReceived,
    ResultReceived,
    SessionEvent,
)
from protocol.session import Role, Session, SessionLimits


@dataclass(frozen=True)
class Hangup:
    """The charger closes its connection and comes back after `wait_s`."""

    wait_s: float


@dataclass
class Counts:
    """What happened so far."""

    calls: int = 0
    answers: int = 0
    errors: int = 0
    timeouts: int = 0
    commands: int = 0
    started: int = 0
    stopped: int = 0
    connects: int = 0


class Talker:
    """What every simulated charger has in common, whatever it has to say.

    Args:
        identity: who it is.
        settings: how it behaves.
        chance: its dice; the same seed gives the same story.
        now_us: the time.
    """

    dialect: ClassVar[Dialect] = OCPP_16

    def __init__(
        self, identity: Identity, settings: SimulatorSettings, chance: Random, now_us: int
    ) -> None:
        self.identity = identity
        self.settings = settings
        self.chance = chance
        self.now_us = now_us
        self.keys = KeyTable(default_keys(settings))
        for name, value in identity.keys.items():
            self.keys.change(name, value)
        self.counts = Counts()
        self.books = Books()
        self.clock_error_us = 0
        """What its clock adds to the time."""
        self.spoiled = False
        """A fault of ours holds the open call back: its time says nothing about the server."""
        self.swap_next = False
        """The next MeterValues goes after the message behind it."""
        self.outbox = Outbox(settings.offline_messages_max)
        self.registered = False
        self.hangup: Hangup | None = None
        self._session: Session | None = None
        self._model = Model(identity.vendor, identity.model, quirks=identity.quirks)
        self._seen: list[Saw] = []
        self._open: Message | None = None
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._planned = 0

    # What differs

    def _connected(self) -> None:
        """Say what is said first on a connection."""

    def _disconnected(self) -> None:
        """Forget what belongs to a connection."""

    def _not_booted(self) -> None:
        """Boot again, later."""

    def command(self, _action: str) -> Callable[[Mapping[str, Any]], Payload] | None:
        """Return what obeys an action; None: it is not known here."""
        return None

    # The connection

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._session is not None

    def connect(self, now_us: int) -> None:
        """Begin: the WebSocket is open."""
        self.now_us = now_us
        self._session = Session(role=Role.CHARGER, dialect=self.dialect, limits=SessionLimits())
        self.hangup = None
        self.counts.connects += 1
        self._connected()
        self._pump()

    def disconnect(self, now_us: int) -> None:
        """Go on without a connection: transactions run, their messages are kept."""
        if self._session is None:
            return
        self.now_us = now_us
        self._session.close(now_us)
        self._react(self._session.take_events())
        self._session = None
        self._open = None
        self.registered = False
        self._disconnected()
        self.outbox.disconnected()

    def receive(self, text: str | bytes, now_us: int) -> None:
        """Take one frame of the server."""
        if self._session is None:
            return
        self.now_us = now_us
        self._session.receive(text, now_us)
        self._react(self._session.take_events())
        self._pump()

    def due_us(self) -> int | None:
        """Return when `tick` must be called next."""
        dues = [self._agenda[0][0]] if self._agenda else []
        if self._session is not None:
            session_us = self._session.due_us()
            if session_us is not None:
                dues.append(session_us)
            outbox_us = self.outbox.due_us()
            if self.registered and self._open is None and outbox_us is not None:
                dues.append(outbox_us)
        return min(dues, default=None)

    def tick(self, now_us: int) -> None:
        """Let everything happen that is due."""
        while self._agenda and self._agenda[0][0] <= now_us:
            due_us, _, happen = heapq.heappop(self._agenda)
            self.now_us = max(self.now_us, due_us)
            happen(self.now_us)
        self.now_us = now_us
        if self._session is not None:
            self._session.tick(now_us)
            self._react(self._session.take_events())
            self._pump()

    @property
    def open_action(self) -> str:
        """The action that waits for its answer, or empty."""
        return "" if self._open is None else self._open.action

    def stamp(self, at_us: int) -> str:
        """Return an instant as the clock of this charger shows it."""
        return iso(at_us + self.clock_error_us)

    def take_frames(self) -> list[bytes]:
        """Return the texts that must be sent."""
        return self._session.take_frames() if self._session is not None else []

    def take_sightings(self) -> list[Saw]:
        """Return what ended since the last time."""
        seen, self._seen = self._seen, []
        return seen

    def saw(self, kind: Kind, name: str, us: int, failure: str = "", size: int = 0) -> None:
        """Note that something ended."""
        self._seen.append(Saw(kind, name, us, failure, size))

    def after(self, seconds: float, happen: Callable[[int], None]) -> None:
        """Let `happen(now_us)` be called by `tick` in `seconds`."""
        self._planned += 1
        due_us = self.now_us + int(seconds * US_PER_S)
        heapq.heappush(self._agenda, (due_us, self._planned, happen))

    # Messages

    def send(self, action: str, payload: Payload, answered: OnAnswer | None = None) -> None:
        """Queue an ordinary message; it is forgotten when there is no connection."""
        if self.connected:
            self.outbox.put(Message(action, lambda: payload, answered))

    def keep(
        self,
        action: str,
        payload: Callable[[], Payload],
        answered: OnAnswer | None = None,
        *,
        expendable: bool = False,
    ) -> None:
        """Queue a message of a transaction: kept until the server has answered it."""
        message = Message(action, payload, answered, kept=True, expendable=expendable)
        self.books.dropped += self.outbox.put(message)

    def announce(self, action: str, payload: Payload) -> bool:
        """Send what is not answered (2.1 SEND); return whether there is a connection for it."""
        if self._session is None or not self.registered:
            return False
        self._session.send(self._uid(), action, payload)
        return True

    def _uid(self) -> str:
        return f"{self.chance.getrandbits(96):024x}"

    def _pump(self) -> None:
        session = self._session
        if session is None or self._open is not None or not self.registered or self.hangup:
            return
        if self.swap_next and self.outbox.swap():
            self.swap_next = False
        message = self.outbox.next(self.now_us)
        if message is not None:
            self._transmit(session, message)

    def _transmit(self, session: Session, message: Message) -> None:
        self._open = message
        self.counts.calls += 1
        self.books.message(message.action).sent += 1
        timeout_us = int(self.settings.call_timeout_s * US_PER_S)
        payload = self._model.say(message.action, message.payload())
        session.call(self._uid(), message.action, payload, self.now_us, timeout_us)

    def _react(self, events: list[SessionEvent]) -> None:
        for event in events:
            match event:
                case CallReceived():
                    self._obey(event)
                case ResultReceived():
                    message, self._open = self._open, None
                    self.counts.answers += 1
                    self.books.message(event.action).acknowledged += 1
                    self._heard(event.action, self.now_us - event.sent_us, size=len(event.text))
                    if message is not None:
                        self.outbox.done(message)
                        if message.answered is not None:
                            message.answered(dict(event.payload), self.now_us)
                case ErrorReceived():
                    self.counts.errors += 1
                    self.books.message(event.action).errors += 1
                    self._heard(event.action, self.now_us - event.sent_us, str(event.code))
                    self._give_back()
                case CallTimedOut():
                    self.counts.timeouts += 1
                    self.books.message(event.action).timeouts += 1
                    timeout_us = int(self.settings.call_timeout_s * US_PER_S)
                    self._heard(event.action, timeout_us, "timeout")
                    self._give_back()
                case CallLost():
                    self._open, self.spoiled = None, False
                    self.books.message(event.action).lost += 1
                case _:
                    pass

    def _heard(self, action: str, us: int, failure: str = "", size: int = 0) -> None:
        if not self.spoiled:
            self.saw(Kind.OCPP, action, us, failure, size)
        self.spoiled = False

    def _give_back(self) -> None:
        message, self._open = self._open, None
        if message is not None:
            self._failed(message)

    def _failed(self, message: Message) -> None:
        """Try again later, or give up (OCPP 1.6 section 3.7.1)."""
        message.attempts += 1
        if message.action == "BootNotification":
            self._not_booted()
        elif message.attempts >= self.keys.seconds("TransactionMessageAttempts"):
            self.outbox.done(message)
        else:
            wait_s = self.keys.seconds("TransactionMessageRetryInterval") * message.attempts
            self.outbox.waits_until_us = self.now_us + wait_s * US_PER_S

    def _obey(self, call: CallReceived) -> None:
        session, came_us = self._session, self.now_us
        assert session is not None
        self.counts.commands += 1
        tally = self.books.command(call.action)
        tally.sent += 1
        answer: Payload | None = None
        code, text = ErrorCode.NOT_IMPLEMENTED, f"{call.action} is not known here"
        command = self.command(call.action)
        if command is not None:
            try:
                answer = command(call.payload)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # Real firmware answers this to a payload that it cannot use; this must not die.
                code, text = ErrorCode.FORMATION, f"{type(error).__name__}: {error}"

        def say(_now_us: int) -> None:
            if self._session is not session:
                tally.lost += 1
                return
            if answer is None:
                tally.errors += 1
                session.fail(call.uid, code, text)
            else:
                tally.acknowledged += 1
                session.answer(call.uid, answer)
            failure = str(code) if answer is None else ""
            self.saw(Kind.CSMS, call.action, self.now_us - came_us, failure)

        if self.identity.answer_s[1] > 0:
            self.after(self.chance.uniform(*self.identity.answer_s), say)
        else:
            say(self.now_us)
