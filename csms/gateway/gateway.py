"""All connections of one gateway process, and what they share."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from websockets.http11 import Request

from actors.charger.messages import Activated, Asked
from actors.charger.settings import ChargerSettings
from csms.gateway.activation import Activation
from csms.gateway.anteroom import Anteroom
from csms.gateway.askers import Askers
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.earlier import Earlier
from csms.gateway.gatekeeper import Gatekeeper
from csms.gateway.last_resort import last_resort
from csms.gateway.line import ChargerLine
from csms.gateway.liveness import look_after
from csms.gateway.meters import Meters
from csms.gateway.models import Models
from csms.gateway.no_journal import NoJournal
from csms.gateway.poison import Poison
from csms.gateway.questions import Questions
from csms.gateway.settings import GatewaySettings
from csms.gateway.sites import Sites
from csms.gateway.takeover import Takeover
from csms.pki.client_certificate import Trust
from csms.quirks import sightings
from csms.quirks.catalogue import load_catalogue
from domain.answers import Answer, BootDecision
from domain.commands import Command, CommandResult, Outcome
from domain.errors import JournalFailed, Unavailable
from domain.events import Entry, Event, encode_entry
from domain.records import ChargerRecord
from domain.reports import Report
from protocol.limits import SessionLimits
from protocol.reading import ReadingLimits
from protocol.version import Version
from storage.journal import JournalWriter
from supervisor.asyncio_base import AsyncioBase
from supervisor.clock import Clock

log = logging.getLogger(__name__)
_command = msgspec.msgpack.Decoder(Command)

CLOSED_AT_ONCE = 50
"""Lines, and sockets: about 5 ms of work."""


@dataclass(frozen=True)
class Parts:
    """What a gateway is built from; the composition root makes them."""

    name: str
    loop: asyncio.AbstractEventLoop
    clock: Clock
    settings: GatewaySettings
    charger_settings: ChargerSettings
    session_limits: SessionLimits
    reading_limits: ReadingLimits
    accept_unknown: tuple[str, ...]
    versions: Mapping[str, Version]
    base: AsyncioBase
    journal: JournalWriter | NoJournal
    directory: Directory
    meters: Meters
    models: Models = field(default_factory=lambda: Models(load_catalogue(), 1))


class Gateway:
    """The connections of one process: counted, let in, found, pinged, closed."""

    def __init__(self, parts: Parts) -> None:
        self.name = parts.name
        self.loop = parts.loop
        self.now_us = parts.clock.now_us
        self.settings = parts.settings
        self.charger_settings = parts.charger_settings
        self.session_limits = parts.session_limits
        self.reading_limits = parts.reading_limits
        self.base = parts.base
        self.journal = parts.journal
        self.directory = parts.directory
        self.meters = parts.meters
        self.models = parts.models
        self.websockets_logger = logging.getLogger("websockets.server")
        # It writes a line a connection, without the charger's name; ours are in the journal.
        self.websockets_logger.setLevel(logging.WARNING)
        self.lines: dict[str, ChargerLine] = {}
        self.activation: Activation[ChargerLine]
        self.takeover: Takeover
        self.sites: Sites
        self.questions = Questions(None, 0, 0)
        """Asks elsewhere; the composition root sets one that has somebody to ask."""
        self.trust = Trust()
        """What the certificates of chargers are held against; replaced when its files change."""
        self.turned_away: Callable[[], None] = lambda: None
        """To be told of each socket that is closed at the door; who has the doors sets it."""
        self.refusing = "starting"
        """A key of REFUSALS while nobody is let in, else empty."""
        self.paused = 0
        self._frames_ended = [0, 0]
        self._leaving: deque[Connection] = deque()
        self._ended: deque[ChargerLine] = deque()
        self.connections: dict[Connection, ChargerLine | None] = {}
        """Open sockets, and the lines of those that were let in."""
        self.writing: set[Askers] = set()
        self.anteroom = Anteroom(
            parts.loop,
            parts.settings.handshakes_at_once,
            parts.settings.handshakes_waiting_max,
            lambda: parts.base.waiting > parts.settings.actors_waiting_max or self.congested(),
            parts.settings.handshakes_ms / 1e3,
        )
        self.gate = Gatekeeper(self, parts.versions, parts.accept_unknown)
        self.poison = Poison(parts.settings.poison_max)
        self.sent_note_s = parts.settings.sent_note_ms / 1e3
        self.orphans: set[asyncio.Task[CommandResult | None]] = set()
        """Commands that go their way although whoever asked for them is gone."""
        self._earlier = Earlier(parts.settings.models_kept_max)

    # connections come and go

    def opening(self, connection: Connection) -> bool:
        """Count a new socket; False when it must be closed at once."""
        if not self.gate.opening(connection):
            return False
        self.connections[connection] = None
        return True

    def handshake(self, connection: Connection, request: Request) -> None:
        """Decide over a parsed handshake; the answer may come later."""
        self.gate.handshake(connection, request)

    def handshake_failed(
        self, connection: Connection, detail: str, reason: str = "bad_request"
    ) -> None:
        """The request was none, or did not come in time."""
        self.gate.failed(connection, detail, reason)

    def leaving(self, connection: Connection) -> None:
        """The other side of an open connection has gone; ours is closed when its turn comes.

        Nobody who comes back has to wait for that: the charger is not here any more.
        """
        line = self.connections.get(connection)
        if line is not None:
            self._forget(line)
        if not self._leaving:
            self.loop.call_soon(self._close_leaving)
        self._leaving.append(connection)

    def _close_leaving(self) -> None:
        """Close some of the sockets whose other sides have gone, for the same reason as lines."""
        for _ in range(min(CLOSED_AT_ONCE, len(self._leaving))):
            self._leaving.popleft().leave()
        if self._leaving:
            self.loop.call_soon(self._close_leaving)

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self.gate.over(connection)
        line = self.connections.pop(connection, None)
        self._frames_ended[0] += connection.frames_in
        self._frames_ended[1] += connection.frames_out
        connection.line = None
        if line is not None:
            self._forget(line)
            if not self._ended:
                self.loop.call_soon(self._close_lines)
            self._ended.append(line)

    @property
    def ending(self) -> bool:
        """Whether a connection, or what has to be said of its end, is still there."""
        return bool(self.connections or self._ended)

    def _close_lines(self) -> None:
        """Close some of the lines whose connections have gone.

        In slices: when a whole fleet goes at once (a router restarts), the loop must still answer
        the supervisor's ping, and whoever is left.
        """
        for _ in range(min(CLOSED_AT_ONCE, len(self._ended))):
            self._ended.popleft().close()
        if self._ended:
            self.loop.call_soon(self._close_lines)

    def _forget(self, line: ChargerLine) -> None:
        key = line.charger.casefold()
        if self.lines.get(key) is line:
            del self.lines[key]
            self._earlier.closed(key, self.now_us())

    def let_in(
        self,
        connection: Connection,
        record: ChargerRecord,
        version: Version,
        generation: int,
        network: str,
    ) -> None:
        """Make a connection the line of its charger; `network` of one that nobody knew before."""
        key = record.id.casefold()
        old = self.lines.get(key)
        if old is not None:
            old.fence(1008, "replaced by a newer connection")
        if network:
            self.directory.put(record)
        line = ChargerLine(self, connection, record, version, generation)
        line.saw(connection.odd)
        line.saw(self._earlier.opened(record.id, version.subprotocol, line.connected_us))
        connection.odd = ()
        self.lines[key] = line
        connection.line = self.connections[connection] = line
        spread = int.from_bytes(hashlib.blake2s(key.encode(), digest_size=2).digest(), "big")
        line.open(spread / 65_536, network)
        connection.answered()

    # what lines ask of their gateway

    def keep(self, charger: str, generation: int, events: tuple[Event, ...]) -> None:
        """Write events that nobody waits for; a failed journal is dealt with elsewhere."""
        try:
            self.journal.append(encode_entry(Entry(charger, generation, self.now_us(), events)))
        except (JournalFailed, Unavailable):
            log.debug("not kept, the journal is away: %s", charger)

    def keep_then(
        self, charger: str, events: tuple[Event, ...], done: Callable[[], None], generation: int = 0
    ) -> bool:
        """Write events; `done` is called after the commit. False: nothing is written.

        It is never called when the journal fails first: see `journal_failed`.
        """
        blob = encode_entry(Entry(charger, generation, self.now_us(), events))
        try:
            self.journal.append(blob, done)
        except (JournalFailed, Unavailable):
            return False
        return True

    def journal_failed(self) -> None:
        """Tell those who wait for a commit that it will not come."""
        writing, self.writing = self.writing, set()
        for askers in writing:
            askers.unwritten()
        self.sites.journal_failed()

    def congested(self) -> bool:
        """Return whether the journal is behind, so that sockets must not be read."""
        return self.journal.congested

    def acknowledged(self, action: str, latency_us: int) -> None:
        """Count an answer, socket read to answer written."""
        self.meters.acknowledged(action, latency_us)

    def commanded(self, action: str, outcome: str) -> None:
        """Count the end of a command."""
        self.meters.commanded(action, outcome)

    def unmatched(self) -> None:
        """Count an answer to no open call."""
        self.meters.unmatched()

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        """Count violations."""
        self.meters.flagged(action, flags)

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers."""
        self.meters.saw(number)

    def actor_failed(self, charger: str, error: BaseException) -> None:
        """Note a crash; the actor's base has restarted it."""
        log.error("the actor of charger %r failed", charger, exc_info=error)

    def last_resort(self, report: Report, record: ChargerRecord) -> Answer:
        """Return an answer to a report that no actor survives (dead letter)."""
        heartbeat_s = record.heartbeat_s or self.charger_settings.heartbeat_s
        boot = BootDecision(record.registration, heartbeat_s, self.now_us())
        return last_resort(report, boot, self.directory.next_transaction)

    # commands, presence, liveness

    def line(self, charger: str) -> ChargerLine | None:
        """Return the line that owns a charger now."""
        return self.lines.get(charger.casefold())

    async def command(self, command: Command, *, wait: bool) -> CommandResult | None:
        """Send a command; None when the charger is not connected here.

        With `wait` the result is the end of the command, else that it was queued.
        """
        line = self.line(command.charger)
        if line is None or line.fenced:
            return None
        row = line.version.outbound.get(command.action)
        if row is None:
            text = f"{line.version.subprotocol} has no action {command.action} for chargers"
            return CommandResult(command.id, Outcome.REFUSED, error_text=text)
        model = line.model
        if model is not None and command.action in model.never_send:
            text = f"chargers of the model {model.name} are not sent {command.action}: {model.why}"
            return CommandResult(command.id, Outcome.REFUSED, error_text=text)
        asked = Asked(command, *line.version.expectation(command.action, command.payload))
        if not wait:
            self.base.tell(line.address, asked)
            return CommandResult(command.id, "queued")
        is_asked = line.askers is not None and command.id in line.askers
        future = line.wait_for(command.id)
        if not is_asked:
            self.base.tell(line.address, asked)
        # Shielded: two may wait for the same command, and one of them may give up.
        return await asyncio.shield(future)

    def presence(self, chargers: list[str] | None) -> dict[str, dict[str, object]]:
        """Return who is connected here, of `chargers` or of all."""
        wanted = (
            self.lines.values()
            if chargers is None
            else (line for line in map(self.line, chargers) if line is not None)
        )
        return {
            line.charger: {
                "gateway": self.name,
                "generation": line.generation,
                "subprotocol": line.version.subprotocol,
                "remote": line.connection.remote,
                "since_us": line.connected_us,
                "last_seen_us": line.connection.last_seen_us,
                "frames_in": line.connection.frames_in,
                "frames_out": line.connection.frames_out,
                "model": line.model.name if line.model is not None else "",
                "quirks": {f"Q{n}": count for n, count in sorted((line.sightings or {}).items())},
            }
            for line in wanted
            if not line.fenced  # another connection owns the charger; this one is being closed
        }

    def frames(self) -> tuple[int, int]:
        """Return how many messages came in and went out since the start."""
        came, went = self._frames_ended
        for connection in self.connections:
            came += connection.frames_in
            went += connection.frames_out
        return came, went

    def activated(self, line: ChargerLine, message: Activated) -> None:
        """Give an actor what the ledger knows, unless its line has closed meanwhile.

        What comes late is of use to the charger's site alone: its actor has begun blank, and what
        it does not know the ledger reconciles.
        """
        if line.connection.line is line and message.late:
            if line.member is not None:
                line.member.known(message.known)
        elif line.connection.line is line:
            if message.known is not None and message.known.commands:
                message = Activated(message.known, line.expected(message.known.commands))
            if message.known is not None and message.known.vendor and line.model is None:
                known = message.known
                line.model = self.models.learn(line.record, known.vendor, known.model)
                if line.model is not None and line.model.boots_first:
                    line.saw((sightings.BOOTS_FIRST,))
                    message.boots_first = True
            self.base.tell(line.address, message)
            if line.member is not None:
                line.member.known(message.known)

    def still_asks(self, line: ChargerLine) -> bool:
        """Whether it matters which sessions ran before a line, even if that is known only late."""
        return line.connection.line is line and line.member is not None

    def beat(self, slices: int, turn: int) -> None:
        """Look after one slice of the connections: the silent and the dead."""
        some = [line for line in self.lines.values() if line.generation % slices == turn]
        heartbeat_s = self.charger_settings.heartbeat_s
        look_after(some, self.settings, heartbeat_s, self.now_us())

    async def close_all(self, code: int, reason: str, per_s: float) -> None:
        """Close every connection, at a set rate."""
        open_now = list(self.connections)
        step = max(1, round(per_s / 20))
        for start in range(0, len(open_now), step):
            for connection in open_now[start : start + step]:
                connection.close(code, reason)
            await asyncio.sleep(0.05)

    def close_all_now(self, code: int, reason: str) -> None:
        """Close every connection at once."""
        for connection in list(self.connections):
            connection.close(code, reason)

    def stop(self) -> None:
        """Give back threads; the connections are closed already."""
        while self._ended:
            self._ended.popleft().close()
        self.questions.stop()
        self.gate.stop()


def decode_command(body: object) -> tuple[Command, bool, tuple[int, int]]:
    """Read the body of a `command` ask: what, whether its end is waited for, what was checked.

    Raises:
        msgspec.ValidationError: it is none.
    """
    asked = msgspec.convert(body, dict[str, object])
    return (
        _command.decode(msgspec.convert(asked["command"], bytes)),
        bool(asked.get("wait", True)),
        msgspec.convert(asked.get("checked", (0, 0)), tuple[int, int]),
    )
