"""The calls that we make on one connection: sent, timed, answered, kept.

One is open at a time (protocol.session). Made when the first one is sent: most chargers are sent
none for days.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from actors.charger.effects import Send
from actors.charger.messages import CommandAnswered
from csms.gateway.connection import Connection
from csms.gateway.house import House
from csms.quirks import sightings
from domain.commands import Outcome
from domain.events import CommandSent, Event, MessageExchanged
from protocol.errors import LocalProtocolError
from protocol.events import CallLost, CallTimedOut, ErrorReceived, ResultReceived
from protocol.redact import redact
from protocol.session import Session
from protocol.version import Outbound, Reading, Version
from supervisor.address import Address

_to_json = msgspec.json.Encoder().encode

EXCHANGE_OUTCOMES: Mapping[str, str] = {
    Outcome.ACCEPTED: "result",
    Outcome.REJECTED: "result",
    Outcome.ERROR: "error",
    Outcome.TIMED_OUT: "timeout",
    Outcome.LOST: "lost",
}


class Speaker(Protocol):
    """The line of a charger, as its calls see it."""

    version: Version
    session: Session
    connection: Connection
    address: Address
    noted: set[str] | None

    def reading(self, now_us: int) -> Reading:
        """Return with what a message of the charger is read now."""

    def handle_events(self, now_us: int) -> None:
        """Do what the session has come to, and send what it has to say."""

    def note(self, events: tuple[Event, ...]) -> None:
        """Keep events that nobody waits for, unless another connection owns the charger."""

    def saw(self, numbers: Iterable[int]) -> None:
        """Count known oddities."""


class OwnCalls:
    """Of one line."""

    __slots__ = ("_house", "_line", "_sent", "_timer", "_unsaid")

    def __init__(self, house: House, line: Speaker) -> None:
        self._house = house
        self._line = line
        self._sent: tuple[str, str, int] | None = None
        """Action, payload without secrets and time of the open one."""
        self._timer: asyncio.TimerHandle | None = None
        self._unsaid: asyncio.TimerHandle | None = None
        """Notes that the open one was sent, unless it is answered before."""

    @property
    def open_action(self) -> str:
        """Of the call that waits for its answer; empty: none does."""
        return "" if self._sent is None else self._sent[0]

    def stop(self) -> None:
        """The connection is gone."""
        self._disarm()

    def _disarm(self) -> None:
        for timer in (self._timer, self._unsaid):
            if timer is not None:
                timer.cancel()
        self._timer = self._unsaid = None

    def send(self, effect: Send) -> None:
        """Send a call and arm its timeout."""
        command = effect.command
        now_us = self._house.now_us()
        payload = _to_json(command.payload)
        try:
            self._line.session.call(command.id, command.action, payload, now_us, effect.timeout_us)
        except LocalProtocolError as error:
            self._house.base.tell(
                self._line.address,
                CommandAnswered(command.id, Outcome.REFUSED, error_text=str(error)),
            )
            return
        self._sent = (command.action, redact(command.payload, payload).decode(), now_us)
        if self._line.noted is not None and command.id in self._line.noted:
            self._line.noted.discard(command.id)
            # Its end says when it was sent, too, and most ends come at once.
            self._unsaid = self._house.loop.call_later(
                self._house.sent_note_s, self._note_sent, CommandSent(command.id, now_us)
            )
        self._line.connection.send(self._line.session.take_frames())
        self._timer = self._house.loop.call_later(effect.timeout_us / 1e6, self._tick)

    def _note_sent(self, sent: CommandSent) -> None:
        self._unsaid = None
        self._line.note((sent,))

    def _tick(self) -> None:
        self._timer = None
        now_us = self._house.now_us()
        self._line.session.tick(now_us)
        self._line.handle_events(now_us)
        due_us = self._line.session.due_us()
        if due_us is not None:
            delay_s = max(0.001, (due_us - now_us) / 1e6)
            self._timer = self._house.loop.call_later(delay_s, self._tick)

    def result(self, event: ResultReceived, now_us: int) -> None:
        """The charger has answered."""
        row = self._line.version.outbound[event.action]
        schema = self._line.version.schemas.response(event.action)
        violations = schema.flags(event.payload)
        flags = event.flags + violations
        if flags:
            self._house.flagged(event.action, flags)
        error = schema.error(event.payload) if violations else None
        if error is not None:
            # Said where the version has a word for it (2.1); the answer counts all the same.
            self._line.session.refuse(event.uid, *error)
        accepted = row.accepted(event.payload)
        self._line.saw(sightings.of_answer(event.action, event.payload, accepted=accepted))
        response = redact(event.payload, event.text)
        self._ended(
            now_us,
            CommandAnswered(
                event.uid, Outcome.ACCEPTED if accepted else Outcome.REJECTED, event.payload
            ),
            response=response.decode(),
            flags=flags,
            learned=self._learned(row, response, now_us),
        )

    def _learned(self, row: Outbound, response: bytes, now_us: int) -> tuple[Event, ...]:
        """Return what an answer lets us know: from what is left of it without its secrets."""
        if row.learn is None or self._sent is None:
            return ()
        request, payload = (msgspec.json.decode(text) for text in (self._sent[1], response))
        fact = row.learn(request, payload, self._line.reading(now_us))
        return () if fact is None else (fact,)

    def _silence(self, now_us: int) -> tuple[Event, ...]:
        """Return what it lets us know that no answer came."""
        row = self._line.version.outbound.get(self._sent[0]) if self._sent is not None else None
        if row is None or not row.learn_silence:
            return ()
        return self._learned(row, b"{}", now_us)

    def _refusal(self, code: str, now_us: int) -> tuple[Event, ...]:
        """Return what it lets us know that a CALLERROR came."""
        row = self._line.version.outbound.get(self._sent[0]) if self._sent is not None else None
        if row is None or not row.learn_refusal:
            return ()
        return self._learned(row, _to_json({"status": code}), now_us)

    def error(self, event: ErrorReceived, now_us: int) -> None:
        """It has answered CALLERROR."""
        code = self._line.version.dialect.spell(event.code)
        self._line.saw(sightings.of_answer(event.action, {}, accepted=False))
        if event.flags and event.flags[0].startswith("unreadable:"):
            self._line.saw((sightings.BROKEN_ANSWER,))
            learned = self._silence(now_us)  # nobody knows what it said
        else:
            learned = self._refusal(code, now_us)
        self._ended(
            now_us,
            CommandAnswered(event.uid, Outcome.ERROR, None, code, event.description),
            flags=event.flags,
            learned=learned,
        )

    def timed_out(self, event: CallTimedOut, now_us: int) -> None:
        """It has not answered in time."""
        self._ended(
            now_us,
            CommandAnswered(
                event.uid, Outcome.TIMED_OUT, error_text="not answered before its deadline"
            ),
            learned=self._silence(now_us),
        )

    def lost(self, event: CallLost, now_us: int) -> None:
        """Its connection went before."""
        self._ended(
            now_us,
            CommandAnswered(
                event.uid, Outcome.LOST, error_text="the connection went before the answer"
            ),
            learned=self._silence(now_us),
        )

    def _ended(
        self,
        now_us: int,
        answered: CommandAnswered,
        response: str = "",
        flags: tuple[str, ...] = (),
        learned: tuple[Event, ...] = (),
    ) -> None:
        self._disarm()
        action, request, sent_us = self._sent or ("", "", now_us)
        self._sent = None
        events = (
            MessageExchanged(
                incoming=False,
                uid=answered.command,
                action=action,
                request=request,
                response=response,
                outcome=EXCHANGE_OUTCOMES[answered.outcome],
                error_code=answered.error_code,
                error_text=answered.error_text,
                started_us=sent_us,
                latency_us=now_us - sent_us,
                flags=flags,
            ),
            *learned,
        )
        if answered.outcome == Outcome.LOST:
            self._line.note(events)  # the actor may be gone, too
        else:
            answered.beside = events
        self._house.base.tell(self._line.address, answered)
