"""OCPP on one connection: the session, the charger's actor, and the journal between them.

The life of a call: `receive` gives the text to the session; the version's row reads the payload
into a report; the actor's machine decides; `reply` writes entry and exchange to the journal; the
answer leaves when the commit is done. A result of our own call goes to the waiting command at once
and to the actor as one message.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec
from thespian.actors import ActorExitRequest

from actors.charger.effects import Close, Finish, Keep, Occupy, Release, Reply, Send, Wake
from actors.charger.messages import (
    BootAnswered,
    Call,
    CommandAnswered,
    Connected,
    Disconnected,
    Expected,
    Said,
    Tick,
)
from actors.charger.settings import ChargerSettings
from actors.charger.shell import ChargerActor
from csms.gateway.activation import Activation
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.member import Member
from csms.gateway.models import Models
from csms.gateway.offset import ClockOffset
from csms.gateway.questions import Questions, asked_elsewhere
from csms.gateway.sites import Sites
from csms.quirks import sightings
from csms.quirks.catalogue import Model
from domain.answers import ACKNOWLEDGED, NOTHING_TO_SAY, Answer
from domain.commands import CommandResult, Outcome
from domain.errors import JournalFailed, Unavailable
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerEnrolled,
    CommandFinished,
    CommandSent,
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
from protocol.limits import SessionLimits
from protocol.redact import hide_key_codes, hide_members, redact, redact_unreadable
from protocol.session import Role, Session
from protocol.version import Inbound, Outbound, Reading, ReadingLimits, Version
from supervisor.asyncio_base import AsyncioBase

_to_json = msgspec.json.Encoder().encode
SILENT = -1
"""Boots that were heard of a charger that has said nothing yet."""
STARTING = frozenset({StartReported, TransactionReported})
_CLOCK_QUALITIES = frozenset({TimeQuality.OK, TimeQuality.SKEWED})
"""Of times that tell how a charger's clock stands."""


class Journal(Protocol):
    """Where entries are kept; storage.journal has one."""

    def append(self, blob: bytes, done: Callable[[], None] | None = None) -> None:
        """Keep `blob`; call `done` when it is durable."""


class House(Protocol):
    """What the lines of one gateway share."""

    name: str
    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    base: AsyncioBase
    directory: Directory
    charger_settings: ChargerSettings
    session_limits: SessionLimits
    reading_limits: ReadingLimits
    activation: "Activation[ChargerLine]"
    sites: Sites
    questions: Questions
    models: Models
    writing: "set[ChargerLine]"
    """Those that tell somebody something after the next commit."""

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers."""

    @property
    def journal(self) -> Journal:
        """The journal of now."""

    def keep(self, charger: str, generation: int, events: tuple[Event, ...]) -> None:
        """Write events that nobody waits for."""

    def keep_then(
        self, charger: str, events: tuple[Event, ...], done: Callable[[], None], generation: int = 0
    ) -> bool:
        """Write events; `done` is called after the commit. False: nothing is written."""

    def acknowledged(self, action: str, latency_us: int) -> None:
        """Count an answer."""

    def commanded(self, action: str, outcome: str) -> None:
        """Count the end of a command."""

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        """Count violations."""

    def unmatched(self) -> None:
        """Count an answer to no open call."""

    def actor_failed(self, charger: str, error: BaseException) -> None:
        """Note a crash."""

    def is_poison(self, charger: str, action: str, text: bytes) -> bool:
        """Return whether this very message crashed the actor too often."""

    def note_poison(self, charger: str, action: str, text: bytes) -> None:
        """Count a crash on a message."""

    def last_resort(self, report: Report, record: ChargerRecord) -> Answer:
        """Return an answer to a report that no actor survives."""


class ChargerLine:
    """One charger on one connection, as its actor sees it (actors.charger.shell.Line)."""

    __slots__ = (
        "_boots",
        "_gateway",
        "_offset",
        "_sent",
        "_timer",
        "_wake",
        "_writing",
        "address",
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
        "waiting",
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
        self.waiting: dict[str, asyncio.Future[CommandResult]] | None = None
        self._writing: dict[str, CommandResult | None] | None = None
        """Commands that somebody waits for, and whose end is on its way to the disk."""
        self._sent: tuple[str, str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        self._keep((ChargerEnrolled(network), connected) if network else (connected,))
        if record.site:
            self.member = gateway.sites.join(record.id, record.site)
        gateway.activation.ask(self)

    def close(self) -> None:
        """End, after the connection has gone."""
        gateway, connection = self._gateway, self.connection
        for timer in (self._timer, self._wake):
            if timer is not None:
                timer.cancel()
        self.session.close(gateway.now_us())
        self._handle_events(gateway.now_us())
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
        self._handle_events(now_us)
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

    def _handle_events(self, now_us: int) -> None:
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
        reading = self._reading(now_us)
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
            self._keep((self._odd(event.uid, event.action, text, "sent", now_us, "unknown_send"),))
            return
        flags = self.version.schemas.request(event.action).flags(event.payload)
        if flags:
            self._gateway.flagged(event.action, flags)
        reading = self._reading(now_us)
        self._read(row, event, event.payload, reading, flags, answered=False)

    def _reading(self, now_us: int) -> Reading:
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
        elif self._sent is not None and self._sent[0] in sightings.STARTS and kind in STARTING:
            self.saw((sightings.STARTS_CROSS,))
        if self._gateway.is_poison(self.charger, call.action, call.text):
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
        self._keep(
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
        self._keep((self._odd(event.uid, "", event.text, "malformed", now_us, event.reason),))

    def _answer_refused(self, event: AnswerRefused, now_us: int) -> None:
        """Keep that the charger could not use our answer: ours to mend, nothing to say."""
        self._gateway.flagged("", ("answer_refused",))
        said = f"{self.version.dialect.spell(event.code)}: {event.description}"
        self._keep((self._odd(event.uid, "", said.encode(), "refused", now_us, "answer_refused"),))

    def _unmatched(self, event: UnmatchedAnswer, now_us: int) -> None:
        self._gateway.unmatched()
        self.saw((sightings.UNMATCHED,))
        self._keep((self._odd(event.uid, "", event.text, "unmatched", now_us),))

    def _late(self, event: LateAnswer, now_us: int) -> None:
        self._gateway.unmatched()
        self.saw((sightings.UNMATCHED,))
        self._keep((self._odd(event.uid, event.action, event.text, "late", now_us),))

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

    # answers to our own calls

    def _result(self, event: ResultReceived, now_us: int) -> None:
        row = self.version.outbound[event.action]
        schema = self.version.schemas.response(event.action)
        violations = schema.flags(event.payload)
        flags = event.flags + violations
        if flags:
            self._gateway.flagged(event.action, flags)
        error = schema.error(event.payload) if violations else None
        if error is not None:
            # Said where the version has a word for it (2.1); the answer counts all the same.
            self.session.refuse(event.uid, *error)
        accepted = row.accepted(event.payload)
        self.saw(sightings.of_answer(event.action, event.payload, accepted=accepted))
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
        fact = row.learn(request, payload, self._reading(now_us))
        return () if fact is None else (fact,)

    def _silence(self, now_us: int) -> tuple[Event, ...]:
        """Return what it lets us know that no answer came."""
        row = self.version.outbound.get(self._sent[0]) if self._sent is not None else None
        if row is None or not row.learn_silence:
            return ()
        return self._learned(row, b"{}", now_us)

    def _refusal(self, code: str, now_us: int) -> tuple[Event, ...]:
        """Return what it lets us know that a CALLERROR came."""
        row = self.version.outbound.get(self._sent[0]) if self._sent is not None else None
        if row is None or not row.learn_refusal:
            return ()
        return self._learned(row, _to_json({"status": code}), now_us)

    def _error(self, event: ErrorReceived, now_us: int) -> None:
        code = self.version.dialect.spell(event.code)
        self.saw(sightings.of_answer(event.action, {}, accepted=False))
        if event.flags and event.flags[0].startswith("unreadable:"):
            self.saw((sightings.BROKEN_ANSWER,))
            learned = self._silence(now_us)  # nobody knows what it said
        else:
            learned = self._refusal(code, now_us)
        self._ended(
            now_us,
            CommandAnswered(event.uid, Outcome.ERROR, None, code, event.description),
            flags=event.flags,
            learned=learned,
        )

    def _timed_out(self, event: CallTimedOut, now_us: int) -> None:
        self._ended(
            now_us,
            CommandAnswered(
                event.uid, Outcome.TIMED_OUT, error_text="not answered before its deadline"
            ),
            learned=self._silence(now_us),
        )

    def _lost(self, event: CallLost, now_us: int) -> None:
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        action, request, sent_us = self._sent or ("", "", now_us)
        self._sent = None
        self._keep(
            (
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
        )
        self._gateway.base.tell(self.address, answered)

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
        if self.waiting and command in self.waiting and self._keep_then_tell(command, events):
            return
        self._keep_always(events)

    def _keep_then_tell(self, command: str, events: tuple[Event, ...]) -> bool:
        """Write down how a command ended; whoever waits is told when it is on disk."""
        gateway = self._gateway
        written = partial(self._written, command)
        if not gateway.keep_then(self.charger, events, written, self.generation):
            return False
        if self._writing is None:
            self._writing = {}
        self._writing[command] = None
        gateway.writing.add(self)
        return True

    def _written(self, command: str) -> None:
        result = self._writing.pop(command, None) if self._writing is not None else None
        if not self._writing:
            self._gateway.writing.discard(self)
        if result is not None:
            self._tell_asker(result)

    def unwritten(self) -> None:
        """The journal has failed: nobody will ever know how these commands ended."""
        for command, result in (self._writing or {}).items():
            text = "how it ended could not be written down"
            if result is not None:
                text = f"it ended {result.outcome}, but {text}"
            self._tell_asker(CommandResult(command, Outcome.LOST, error_text=text))
        self._writing = None

    def _tell_asker(self, result: CommandResult) -> None:
        future = self.waiting.pop(result.id, None) if self.waiting else None
        if future is not None and not future.done():
            future.set_result(result)

    @staticmethod
    def _without_secrets(event: CommandFinished) -> CommandFinished:
        return msgspec.structs.replace(
            event,
            payload=_redacted(event.payload),
            response=_redacted(event.response) if event.response else "",
        )

    def send(self, effect: Send) -> None:
        """Send a call and arm its timeout."""
        command = effect.command
        now_us = self._gateway.now_us()
        payload = _to_json(command.payload)
        try:
            self.session.call(command.id, command.action, payload, now_us, effect.timeout_us)
        except LocalProtocolError as error:
            self._gateway.base.tell(
                self.address,
                CommandAnswered(command.id, Outcome.REFUSED, error_text=str(error)),
            )
            return
        self._sent = (command.action, redact(command.payload, payload).decode(), now_us)
        if self.noted is not None and command.id in self.noted:
            self.noted.discard(command.id)
            self._keep((CommandSent(command.id, now_us),))
        self.connection.send(self.session.take_frames())
        self._timer = self._gateway.loop.call_later(effect.timeout_us / 1e6, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now_us = self._gateway.now_us()
        self.session.tick(now_us)
        self._handle_events(now_us)
        due_us = self.session.due_us()
        if due_us is not None:
            delay_s = max(0.001, (due_us - now_us) / 1e6)
            self._timer = self._gateway.loop.call_later(delay_s, self._tick)

    def finish(self, effect: Finish) -> None:
        """Tell whoever asked for the command, when its end is on disk."""
        self._gateway.commanded(effect.command.action, effect.result.outcome)
        if self._writing and effect.command.id in self._writing:
            self._writing[effect.command.id] = effect.result
        else:
            self._tell_asker(effect.result)

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
            self._gateway.note_poison(self.charger, call.action, call.text)
        self._gateway.actor_failed(self.charger, error)
        self.connection.close(1011, "internal error")

    def ended(self) -> None:
        """The actor is gone: whoever still waits for a command learns it now."""
        self.fenced = True
        text = "the charger's actor ended before the command did"
        for command in [
            c for c in self.waiting or () if not self._writing or c not in self._writing
        ]:
            self._tell_asker(CommandResult(command, Outcome.LOST, error_text=text))

    def fence(self, code: int, reason: str) -> None:
        """Another connection owns the charger from now on."""
        self.fenced = True
        self.connection.close(code, reason)

    def _keep(self, events: tuple[Event, ...]) -> None:
        if not self.fenced:
            self._keep_always(events)

    def _keep_always(self, events: tuple[Event, ...]) -> None:
        self._gateway.keep(self.charger, self.generation, events)


def _redacted(text: str) -> str:
    return redact(msgspec.json.decode(text), text.encode()).decode()


EXCHANGE_OUTCOMES: Mapping[str, str] = {
    Outcome.ACCEPTED: "result",
    Outcome.REJECTED: "result",
    Outcome.ERROR: "error",
    Outcome.TIMED_OUT: "timeout",
    Outcome.LOST: "lost",
}

EVENTS: Mapping[type, Callable[[ChargerLine, Any, int], None]] = {
    CallReceived: ChargerLine._called,  # noqa: SLF001 - the table of this very class
    SendReceived: ChargerLine._told,  # noqa: SLF001
    AnswerRefused: ChargerLine._answer_refused,  # noqa: SLF001
    ResultReceived: ChargerLine._result,  # noqa: SLF001
    ErrorReceived: ChargerLine._error,  # noqa: SLF001
    CallTimedOut: ChargerLine._timed_out,  # noqa: SLF001
    CallLost: ChargerLine._lost,  # noqa: SLF001
    LateAnswer: ChargerLine._late,  # noqa: SLF001
    UnmatchedAnswer: ChargerLine._unmatched,  # noqa: SLF001
    DuplicateCall: ChargerLine._duplicate,  # noqa: SLF001
    FrameRejected: ChargerLine._rejected,  # noqa: SLF001
}
