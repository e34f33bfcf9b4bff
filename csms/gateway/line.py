"""OCPP on one connection: the session, the charger's actor, and the journal between them.

The life of a call: `receive` gives the text to the session; the version's row reads the payload
into a report; the actor's machine decides; `reply` writes entry and exchange to the journal; the
answer leaves when the commit is done. Calls of ours are in `own_calls`, who waits for the ends of
commands in `askers`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

import msgspec
from thespian.actors import ActorExitRequest

from actors.charger.effects import Close, Finish, Keep, Occupy, Release, Reply, Send, Wake
from actors.charger.messages import (
    BootAnswered,
    Call,
    Connected,
    Disconnected,
    Expected,
    Said,
    Tick,
)
from actors.charger.shell import ChargerActor
from csms.gateway.askers import Askers
from csms.gateway.connection import Connection
from csms.gateway.house import House
from csms.gateway.member import Member
from csms.gateway.offset import ClockOffset
from csms.gateway.own_calls import OwnCalls
from csms.gateway.questions import asked_elsewhere
from csms.quirks import sightings
from csms.quirks.catalogue import Model
from domain.answers import ACKNOWLEDGED, NOTHING_TO_SAY
from domain.commands import CommandResult
from domain.errors import JournalFailed, Unavailable
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerEnrolled,
    CommandFinished,
    ConnectorStatusReported,
    Entry,
    Event,
    MessageExchanged,
    TimeQuality,
    encode_entry,
)
from domain.known import KnownCommand
from domain.records import ChargerRecord
from domain.reports import Report, StartReported, TransactionReported
from protocol.errors import ErrorCode, Fault, LocalProtocolError
from protocol.events import (
    AnswerRefused,
    CallLost,
    CallReceived,
    CallTimedOut,
    DuplicateCall,
    ErrorReceived,
    FrameRejected,
    LateAnswer,
    ResultReceived,
    SendReceived,
    UnmatchedAnswer,
)
from protocol.redact import hide_key_codes, hide_members, redact, redact_unreadable
from protocol.session import Role, Session
from protocol.version import Inbound, Reading, Version

_to_json = msgspec.json.Encoder().encode
SILENT = -1
"""Boots that were heard of a charger that has said nothing yet."""
STARTING = frozenset({StartReported, TransactionReported})
_CLOCK_QUALITIES = frozenset({TimeQuality.OK, TimeQuality.SKEWED})
"""Of times that tell how a charger's clock stands."""


class ChargerLine:
    """One charger on one connection, as its actor sees it (actors.charger.shell.Line)."""

    __slots__ = (
        "_boots",
        "_gateway",
        "_offset",
        "_wake",
        "address",
        "askers",
        "calls",
        "charger",
        "connected_us",
        "connection",
        "fenced",
        "generation",
        "member",
        "model",
        "noted",
        "offset_us",
        "record",
        "session",
        "sightings",
        "version",
    )

    def __init__(
        self,
        gateway: House,
        connection: Connection,
        record: ChargerRecord,
        version: Version,
        generation: int,
    ) -> None:
        self._gateway = gateway
        self.connection = connection
        self.record = record
        self.charger = record.id
        self.version = version
        self.generation = generation
        self.connected_us = gateway.now_us()
        self.session = Session(
            role=Role.CSMS,
            dialect=version.dialect,
            limits=gateway.session_limits,
            decoders=version.decoders,
        )
        self.member: Member | None = None
        """What its site hears of it."""
        self.fenced = False
        """True: another connection owns the charger; nothing of this one counts any more."""
        self.offset_us = 0
        """By how much the charger's clock is known to be ahead of ours."""
        self._boots = SILENT
        self._offset: ClockOffset | None = None
        self.noted: set[str] | None = None
        """Commands of operators whose way is written down."""
        self.model: Model | None = gateway.models.of_record(record)
        """How chargers of its kind are treated; None: like all others."""
        self.sightings: dict[int, int] | None = None
        """Number of a known oddity -> how often this connection has shown it."""
        self.askers: Askers | None = None
        """Who waits for the end of a command; None: nobody ever did."""
        self.calls: OwnCalls | None = None
        """Our calls; None: there was none."""
        self._wake: asyncio.TimerHandle | None = None
        self.address = gateway.base.create(
            ChargerActor,
            name=f"charger/{record.id}/{generation}",
            init={
                "charger": record.id,
                "settings": gateway.charger_settings,
                "desk": gateway.directory,
                "line": self,
                "now_us": gateway.now_us,
            },
        )

    def open(self, spread: float, network: str) -> None:
        """Begin: tell the actor, keep the fact, ask the ledger what it knows."""
        gateway, record = self._gateway, self.record
        if self.model is not None and self.model.boots_first:
            self.saw((sightings.BOOTS_FIRST,))
        gateway.base.tell(
            self.address,
            Connected(
                self.generation,
                record.heartbeat_s,
                record.registration,
                spread,
                boots_first=self.model is not None and self.model.boots_first,
                actions=self.version.outbound,
            ),
        )
        connected = ChargerConnected(
            self.connection.remote,
            self.version.subprotocol,
            record.security_profile,
            gateway.name,
        )
        self.note((ChargerEnrolled(network), connected) if network else (connected,))
        if record.site:
            self.member = gateway.sites.join(record.id, record.site)
        gateway.activation.ask(self)

    def close(self) -> None:
        """End, after the connection has gone."""
        gateway, connection = self._gateway, self.connection
        if self._wake is not None:
            self._wake.cancel()
        if self.calls is not None:
            self.calls.stop()
        self.session.close(gateway.now_us())
        self.handle_events(gateway.now_us())
        if self.member is not None:
            gateway.sites.leave(self.member)
        self._keep_always(
            (
                ChargerDisconnected(
                    connection.close_code,
                    connection.close_reason,
                    connection.frames_in,
                    connection.frames_out,
                ),
            )
        )
        gateway.base.tell(self.address, Disconnected())
        gateway.base.tell(self.address, ActorExitRequest())

    def expected(self, commands: Iterable[KnownCommand]) -> tuple[Expected, ...]:
        """Return those of earlier connections' commands that something should follow from."""
        found = []
        for known in commands:
            payload = msgspec.json.decode(known.payload or "{}")
            follow, key, once = self.version.expectation(known.action, payload)
            if follow:
                found.append(Expected(known.command, follow, known.finished_us, key, once))
        return tuple(found)

    def may_be_sent(self, action: str) -> bool:
        """Return whether its version has an action for chargers, and its model takes it."""
        is_withheld = self.model is not None and action in self.model.never_send
        return action in self.version.outbound and not is_withheld

    # from the connection

    @property
    def unanswered(self) -> int:
        """Return how many calls of the charger wait for their answers."""
        return self.session.unanswered

    def receive(self, text: bytes, now_us: int) -> int:
        """Take one message of the charger; return how many of its calls are not answered yet."""
        session = self.session
        session.receive(text, now_us)
        self.handle_events(now_us)
        unanswered = session.unanswered
        if unanswered > 1:
            self.saw((sightings.PIPELINED,))
        return unanswered

    def saw(self, numbers: Iterable[int]) -> None:
        """Count known oddities (Q1 to Q54)."""
        for number in numbers:
            if self.sightings is None:
                self.sightings = {}
            self.sightings[number] = self.sightings.get(number, 0) + 1
            self._gateway.saw(number)

    def handle_events(self, now_us: int) -> None:
        """Do what the session has come to, and send what it has to say."""
        for event in self.session.take_events():
            EVENTS[type(event)](self, event, now_us)
        frames = self.session.take_frames()
        if frames:
            self.connection.send(frames)

    def _called(self, event: CallReceived, now_us: int) -> None:
        row = self.version.inbound.get(event.action)
        if row is None:
            self._refuse(
                event, now_us, ErrorCode.NOT_IMPLEMENTED, f"unknown action {event.action}"[:255]
            )
            return
        if event.flags:
            self.saw(sightings.of_flags(event.flags))
            unmendable = self._unmendable(event.flags)
            if unmendable:
                self._refuse(event, now_us, ErrorCode.FORMATION, unmendable)
                return
        reading = self.reading(now_us)
        if event.exact is not None and row.exact is not None:
            exact = row.exact.read(event.exact, reading)
            if exact is not None:
                self._tell(exact, Call(event.uid, event.action, event.text, now_us, event.flags))
                return
        schema = self.version.schemas.request(event.action)
        payload = event.whole()
        flags = schema.flags(payload)
        self.saw(sightings.of_words(event.text))
        if flags:
            self._gateway.flagged(event.action, flags)
            self.saw(sightings.of_flags(flags))
            if self.record.strict:
                error = schema.error(payload)
                if error is not None:
                    self._refuse(event, now_us, error[0], error[1], flags)
                    return
        self._read(row, event, payload, reading, flags)

    def _told(self, event: SendReceived, now_us: int) -> None:
        """Take a SEND: kept like everything, and never answered."""
        row = self.version.inbound.get(event.action)
        if row is None:
            self._gateway.flagged(event.action, ("unknown_send",))
            text = redact(event.payload, event.text)
            self.note((self._odd(event.uid, event.action, text, "sent", now_us, "unknown_send"),))
            return
        flags = self.version.schemas.request(event.action).flags(event.payload)
        if flags:
            self._gateway.flagged(event.action, flags)
        reading = self.reading(now_us)
        self._read(row, event, event.payload, reading, flags, answered=False)

    def reading(self, now_us: int) -> Reading:
        """Return with what a message of the charger is read now."""
        return Reading(now_us, self.record.time_zone, self.offset_us, self._gateway.reading_limits)

    def _read(
        self,
        row: Inbound,
        event: CallReceived | SendReceived,
        payload: Mapping[str, Any],
        reading: Reading,
        flags: tuple[str, ...],
        *,
        answered: bool = True,
    ) -> None:
        text = event.text
        if row.secret_request:
            text = redact(payload, text)
            if text is not event.text:
                payload = msgspec.json.decode(text)
        if row.personal:
            _, text = hide_members(payload, text, row.personal)
        report = row.read(payload, reading)
        at_us = reading.received_us
        call = Call(event.uid, event.action, text, at_us, event.flags + flags, answered)
        self._tell(report, call)

    def _unmendable(self, flags: tuple[str, ...]) -> str:
        """Return which repair of broken JSON is not made for this model, or nothing."""
        if self.model is None or self.model.repairs is None:
            return ""
        made = (flag.partition(":")[2] for flag in flags if flag.startswith("repaired:"))
        wrong = next((name for name in made if name not in self.model.repairs), "")
        return f"the text is not JSON (RFC 8259): {wrong}" if wrong else ""

    def _tell(self, report: Report, call: Call) -> None:
        self.saw(sightings.of_report(report, call.text))
        kind = type(report)
        if kind is ChargerBooted:
            self._boots = max(self._boots, 0) + 1
            if self._boots > 1:
                self.saw((sightings.BOOTS_AGAIN,))
            self.model = self._gateway.models.learn(self.record, report.vendor, report.model)  # type: ignore[union-attr]
        elif self._boots == SILENT:
            self._boots = 0
            self.saw((sightings.NO_BOOT,))
        if kind is ConnectorStatusReported:
            self._learn_offset(report, call.received_us)  # type: ignore[arg-type]
            if self.session.unanswered > 1:
                self.saw((sightings.STATUSES_AT_ONCE,))
        elif (
            kind in STARTING
            and self.calls is not None
            and self.calls.open_action in sightings.STARTS
        ):
            self.saw((sightings.STARTS_CROSS,))
        if self._gateway.poison.has(self.charger, call.action, call.text):
            self._bury(report, call)
        elif asked_elsewhere(report):
            self._gateway.questions.put(report, call, self._tell_completed)
        else:
            self._gateway.base.tell(self.address, Said(report, call))

    def _tell_completed(self, report: Report, call: Call) -> None:
        """Tell the actor what was asked elsewhere, unless the connection went meanwhile."""
        if self.connection.line is self:
            self._gateway.base.tell(self.address, Said(report, call))

    def _learn_offset(self, report: ConnectorStatusReported, now_us: int) -> None:
        if report.quality in _CLOCK_QUALITIES:
            if self._offset is None:
                self._offset = ClockOffset()
            self._offset.learn(report.at_us, now_us)
            self.offset_us = self._offset.us

    def _refuse(
        self,
        event: CallReceived,
        now_us: int,
        code: ErrorCode,
        text: str,
        flags: tuple[str, ...] = (),
    ) -> None:
        """Answer CALLERROR: only for what the charger did wrong, never for a reason of ours."""
        self.session.fail(event.uid, code, text)
        row = self.version.inbound.get(event.action)
        whole: Mapping[str, Any] = event.whole()
        said = event.text
        if row is not None and row.personal:
            whole, said = hide_members(whole, said, row.personal)
        self.note(
            (
                MessageExchanged(
                    incoming=True,
                    uid=event.uid,
                    action=event.action,
                    request=redact(whole, said).decode(),
                    response="",
                    outcome="error",
                    error_code=self.version.dialect.spell(code),
                    error_text=text,
                    started_us=now_us,
                    flags=event.flags + flags,
                ),
            )
        )

    def _bury(self, report: Report, call: Call) -> None:
        """Keep and answer a message that crashed the actor each time, without the actor."""
        call.flags = (*call.flags, "dead_letter")
        answer = self._gateway.last_resort(report, self.record)
        self.reply(Reply(call, answer, ()))

    def _duplicate(self, event: DuplicateCall, now_us: int) -> None:
        del now_us
        self._gateway.flagged(event.action, ("duplicate_call",))
        self.saw((sightings.REPEATED,))

    def _rejected(self, event: FrameRejected, now_us: int) -> None:
        self._gateway.flagged("", (f"frame:{event.reason}",))
        if event.reason == Fault.TOO_MANY_CALLS:
            # Not taken and not answered, so the charger keeps it; it is told to slow down.
            self.connection.close(1008, "too many unanswered calls")
        self.note((self._odd(event.uid, "", event.text, "malformed", now_us, event.reason),))

    def _answer_refused(self, event: AnswerRefused, now_us: int) -> None:
        """Keep that the charger could not use our answer: ours to mend, nothing to say."""
        self._gateway.flagged("", ("answer_refused",))
        said = f"{self.version.dialect.spell(event.code)}: {event.description}"
        self.note((self._odd(event.uid, "", said.encode(), "refused", now_us, "answer_refused"),))

    def _unmatched(self, event: UnmatchedAnswer, now_us: int) -> None:
        self._gateway.unmatched()
        self.saw((sightings.UNMATCHED,))
        self.note((self._odd(event.uid, "", event.text, "unmatched", now_us),))

    def _late(self, event: LateAnswer, now_us: int) -> None:
        self._gateway.unmatched()
        self.saw((sightings.UNMATCHED,))
        self.note((self._odd(event.uid, event.action, event.text, "late", now_us),))

    def _odd(
        self, uid: str, action: str, text: bytes, outcome: str, now_us: int, flag: str = ""
    ) -> MessageExchanged:
        return MessageExchanged(
            incoming=outcome != "late",
            uid=uid[:255],
            action=action,
            request=redact_unreadable(text).decode("utf-8", "replace"),
            response="",
            outcome=outcome,
            started_us=now_us,
            flags=(flag,) if flag else (),
        )

    # effects of the machine

    def reply(self, effect: Reply) -> None:
        """Keep what happened and the exchange; answer, after the commit when it must be durable."""
        if self.fenced:
            return
        call = effect.call
        version, gateway = self.version, self._gateway
        if not call.answered:
            answer = logged = b""
        elif (
            effect.answer is ACKNOWLEDGED or effect.answer is NOTHING_TO_SAY
        ) and call.action in version.acknowledgements:
            answer = logged = version.acknowledgements[call.action]
        else:
            row = version.inbound[call.action]
            payload = row.write(effect.answer)
            answer = logged = _to_json(payload)
            if row.hidden_answer:
                _, logged = hide_members(payload, answer, row.hidden_answer)
        exchange = MessageExchanged(
            True,  # noqa: FBT003 - by position: keywords cost a microsecond here
            call.uid,
            call.action,
            hide_key_codes(call.text).decode(),
            logged.decode(),
            "result" if call.answered else "sent",
            "",
            "",
            call.received_us,
            gateway.now_us() - call.received_us,
            call.flags + effect.flags if effect.flags else call.flags,
        )
        blob = encode_entry(
            Entry(self.charger, self.generation, call.received_us, (*effect.events, exchange))
        )
        try:
            if not call.answered:
                gateway.journal.append(blob)
            elif effect.durable:
                gateway.journal.append(blob, partial(self._answer, call, answer))
            else:
                gateway.journal.append(blob)
                self._answer(call, answer)
        except Unavailable:
            # The queue is at twice its limit. Unanswered, so the charger keeps it; and so nothing
            # that came after it may count either.
            self.fence(1013, "the journal is behind")
        except JournalFailed:
            self.fenced = True  # never answered; the gateway closes every connection
        if effect.flags:
            self.saw(sightings.of_flags(effect.flags))
        if effect.events:
            found = sightings.of_events(effect.events)
            if found:
                self.saw(found)
        if self.member is not None:
            self.member.heard(effect.events)

    def _answer(self, call: Call, answer: bytes) -> None:
        delay_ms = self.record.reply_delay_ms or (self.model.reply_delay_ms if self.model else 0)
        if delay_ms:
            self.saw((sightings.SLOWED,))
            self._gateway.loop.call_later(delay_ms / 1e3, self._answer_now, call, answer)
        else:
            self._answer_now(call, answer)

    def _answer_now(self, call: Call, answer: bytes) -> None:
        if self.fenced or self.connection.line is not self:
            return
        try:
            self.session.answer(call.uid, answer)
        except LocalProtocolError:
            return  # the session has closed meanwhile
        frames = self.session.take_frames()
        if frames:
            self.connection.send(frames)
        gateway = self._gateway
        if call.action == "BootNotification":
            self._offset, self.offset_us = None, 0  # the answer sets its clock
            gateway.base.tell(self.address, BootAnswered())
        gateway.acknowledged(call.action, gateway.now_us() - call.received_us)
        self.connection.answered()

    def keep(self, effect: Keep) -> None:
        """Write to the journal; nobody waits. How a command ended counts even when fenced."""
        events = tuple(
            self._without_secrets(event) if type(event) is CommandFinished else event
            for event in effect.events
            if not self.fenced or type(event) is CommandFinished
        )
        if not events:
            return
        command = next((e.command for e in events if type(e) is CommandFinished), "")
        askers = self.askers
        if askers is not None and command in askers and askers.keep(command, events):
            return
        self._keep_always(events)

    @staticmethod
    def _without_secrets(event: CommandFinished) -> CommandFinished:
        return msgspec.structs.replace(
            event,
            payload=_redacted(event.payload),
            response=_redacted(event.response) if event.response else "",
        )

    def send(self, effect: Send) -> None:
        """Send a call."""
        if self.calls is None:
            self.calls = OwnCalls(self._gateway, self)
        self.calls.send(effect)

    def wait_for(self, command: str) -> asyncio.Future[CommandResult]:
        """Return the future of a command's end; it belongs to all who wait for it."""
        if self.askers is None:
            self.askers = Askers(self._gateway, self.charger, self.generation)
        return self.askers.wait(command)

    def finish(self, effect: Finish) -> None:
        """Tell whoever asked for the command, when its end is on disk."""
        self._gateway.commanded(effect.command.action, effect.result.outcome)
        if self.askers is not None:
            self.askers.finish(effect.result)

    def occupy(self, effect: Occupy) -> None:
        """Count a transaction of a token, unless it was never kept."""
        if not self.fenced:
            self._gateway.directory.occupy(self.charger, effect.token, effect.transaction)

    def release(self, effect: Release) -> None:
        """Count it no more."""
        if not self.fenced:
            self._gateway.directory.release(self.charger, effect.token, effect.transaction)

    def wake(self, effect: Wake) -> None:
        """Arrange for a Tick."""
        if self._wake is not None:
            self._wake.cancel()
        delay_s = max(0.0, (effect.at_us - self._gateway.now_us()) / 1e6)
        self._wake = self._gateway.loop.call_later(
            delay_s, self._gateway.base.tell, self.address, Tick()
        )

    def close_line(self, effect: Close) -> None:
        """Close the connection: the charger talks, but does not answer commands."""
        self.saw((sightings.DEAF,))
        self.connection.close(effect.code, effect.reason)

    def failed(self, message: object, error: BaseException) -> None:
        """The actor crashed: remember on what, and let the charger start afresh."""
        if isinstance(message, Said):
            call = message.call
            self._gateway.poison.note(self.charger, call.action, call.text)
        self._gateway.actor_failed(self.charger, error)
        self.connection.close(1011, "internal error")

    def ended(self) -> None:
        """The actor is gone: whoever still waits for a command learns it now."""
        self.fenced = True
        if self.askers is not None:
            self.askers.give_up()

    def fence(self, code: int, reason: str) -> None:
        """Another connection owns the charger from now on."""
        self.fenced = True
        self.connection.close(code, reason)

    def note(self, events: tuple[Event, ...]) -> None:
        """Keep events that nobody waits for, unless another connection owns the charger."""
        if not self.fenced:
            self._keep_always(events)

    def _keep_always(self, events: tuple[Event, ...]) -> None:
        self._gateway.keep(self.charger, self.generation, events)


def _redacted(text: str) -> str:
    return redact(msgspec.json.decode(text), text.encode()).decode()


Handler: TypeAlias = Callable[[ChargerLine, Any, int], None]


def _of_own_call(handle: Callable[[OwnCalls, Any, int], None]) -> Handler:
    def handled(line: ChargerLine, event: object, now_us: int) -> None:
        if line.calls is not None:
            handle(line.calls, event, now_us)

    return handled


EVENTS: Mapping[type, Handler] = {
    CallReceived: ChargerLine._called,  # noqa: SLF001 - the table of this very class
    SendReceived: ChargerLine._told,  # noqa: SLF001
    AnswerRefused: ChargerLine._answer_refused,  # noqa: SLF001
    ResultReceived: _of_own_call(OwnCalls.result),
    ErrorReceived: _of_own_call(OwnCalls.error),
    CallTimedOut: _of_own_call(OwnCalls.timed_out),
    CallLost: _of_own_call(OwnCalls.lost),
    LateAnswer: ChargerLine._late,  # noqa: SLF001
    UnmatchedAnswer: ChargerLine._unmatched,  # noqa: SLF001
    DuplicateCall: ChargerLine._duplicate,  # noqa: SLF001
    FrameRejected: ChargerLine._rejected,  # noqa: SLF001
}
