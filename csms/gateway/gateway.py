"""All connections of one gateway process, and what they share."""

import asyncio
import hashlib
import ipaddress
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from websockets.http11 import Request

from actors.charger.messages import Activated, Asked
from actors.charger.settings import ChargerSettings
from csms.gateway.activation import Activation
from csms.gateway.admission import (
    Admitted,
    Denied,
    Entrance,
    PasswordNeeded,
    basic,
    examine,
    subprotocols,
)
from csms.gateway.anteroom import Anteroom
from csms.gateway.askers import Askers
from csms.gateway.attempts import Attempts, Quota
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.earlier import Earlier
from csms.gateway.last_resort import last_resort
from csms.gateway.line import ChargerLine
from csms.gateway.meters import Meters
from csms.gateway.models import Models
from csms.gateway.no_journal import NoJournal
from csms.gateway.questions import Questions
from csms.gateway.refusals import REFUSALS, Refusal
from csms.gateway.settings import GatewaySettings
from csms.gateway.sites import Sites
from csms.gateway.takeover import Takeover
from csms.pki.client_certificate import Trust, fault
from csms.quirks import sightings
from csms.quirks.catalogue import load_catalogue
from domain import security_upgrade
from domain.answers import Answer, BootDecision
from domain.commands import Command, CommandResult, Outcome
from domain.errors import JournalFailed, Unavailable
from domain.events import ConnectionRefused, Entry, Event, SecurityRaised, encode_entry
from domain.records import ChargerRecord, Credential
from domain.reports import Report
from protocol.limits import SessionLimits
from protocol.reading import ReadingLimits
from protocol.version import Version
from storage.journal import JournalWriter
from storage.relational.credentials import is_slow, verify
from supervisor.asyncio_base import AsyncioBase
from supervisor.clock import Clock

log = logging.getLogger(__name__)
_command = msgspec.msgpack.Decoder(Command)

LINES_CLOSED_AT_ONCE = 50
"""About 5 ms of work."""
POISON_KEPT_MAX = 1_000
VERIFIED_KEPT_MAX = 50_000
HEARTBEATS_MISSED = 3
"""By a charger that sends no pong; then it is taken for dead."""
UNKNOWN_ACTION = "other"


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
        self._ended: deque[ChargerLine] = deque()
        self._versions = parts.versions
        self._spoken = tuple(parts.versions)
        self._accept_unknown = tuple(
            ipaddress.ip_network(text, strict=False) for text in dict.fromkeys(parts.accept_unknown)
        )
        self._handshakes: dict[Connection, float] = {}
        """Unfinished ones, and when their request came (loop time; 0: not yet)."""
        self._by_address: dict[str, int] = {}
        self.connections: dict[Connection, ChargerLine | None] = {}
        """Open sockets, and the lines of those that were let in."""
        self.writing: set[Askers] = set()
        self.anteroom = Anteroom(
            parts.loop,
            parts.settings.handshakes_at_once,
            parts.settings.handshakes_waiting_max,
            lambda: parts.base.waiting > parts.settings.actors_waiting_max or self.congested(),
        )
        self._attempts = Attempts(parts.settings)
        self._refusals = Quota(parts.settings.refusals_per_min, 1)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._poison: OrderedDict[bytes, int] = OrderedDict()
        self._threads = ThreadPoolExecutor(parts.settings.argon2_threads, "argon2")
        self._free_threads = asyncio.Semaphore(parts.settings.argon2_threads)
        self._tasks: set[asyncio.Task[None]] = set()
        self._earlier = Earlier(parts.settings.models_kept_max)
        self._last_generation = 0

    # connections come and go

    def opening(self, connection: Connection) -> bool:
        """Count a new socket; False when it must be closed at once."""
        settings = self.settings
        here = self._by_address.get(connection.remote, 0)
        if (
            len(self._handshakes) >= settings.handshakes_max
            or here >= settings.handshakes_per_address_max
        ):
            self.meters.refused("full")
            self.turned_away()
            return False
        self._handshakes[connection] = 0.0
        self._by_address[connection.remote] = here + 1
        self.connections[connection] = None
        return True

    def _handshake_over(self, connection: Connection) -> None:
        if connection in self._handshakes:
            del self._handshakes[connection]
            left = self._by_address[connection.remote] - 1
            if left:
                self._by_address[connection.remote] = left
            else:
                del self._by_address[connection.remote]

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self._handshake_over(connection)
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
        for _ in range(min(LINES_CLOSED_AT_ONCE, len(self._ended))):
            self._ended.popleft().close()
        if self._ended:
            self.loop.call_soon(self._close_lines)

    def _forget(self, line: ChargerLine) -> None:
        key = line.charger.casefold()
        if self.lines.get(key) is line:
            del self.lines[key]
            self._earlier.closed(key, self.now_us())

    # handshake

    def handshake(self, connection: Connection, request: Request) -> None:
        """Decide over a parsed handshake; the answer may come later."""
        if connection in self._handshakes:
            self._handshakes[connection] = self.loop.time()
        if self.refusing or len(self.lines) >= self.settings.connections_max:
            self._refuse(connection, request, Denied(self.refusing or "full", ""))
            return
        now_us = self.now_us()
        shown, connection.certificate = connection.certificate, None
        verdict = examine(
            request,
            connection.remote,
            self.directory.charger,
            self._spoken,
            self._accept_unknown,
            Entrance(
                connection.listener,
                now_us,
                lambda record: fault(shown, record.id, record.serial_number, self.trust, now_us),
            ),
        )
        if isinstance(verdict, Denied):
            if REFUSALS[verdict.reason].status == HTTPStatus.UNAUTHORIZED:
                self._fail(connection, request, verdict)
            else:
                self._refuse(connection, request, verdict)
        elif isinstance(verdict, Admitted):
            self._admit(connection, request, verdict)
        else:
            self._check_password(connection, request, verdict)

    def _fail(self, connection: Connection, request: Request, denied: Denied) -> None:
        """Count a failed sign-in, so that guessing identities is limited like guessing keys."""
        now_us = self.now_us()
        if self._attempts.allowed(connection.remote, denied.identity, now_us):
            self._attempts.failed(connection.remote, denied.identity, now_us)
        else:
            denied = Denied("too_many_attempts", denied.identity, denied.reason)
        self._refuse(connection, request, denied)

    def _check_password(
        self, connection: Connection, request: Request, needed: PasswordNeeded
    ) -> None:
        record = needed.admitted.record
        if not self._attempts.allowed(connection.remote, record.id, self.now_us()):
            self._refuse(connection, request, Denied("too_many_attempts", record.id))
            return
        fast = [each for each in needed.credentials if not is_slow(each)]
        slow = [each for each in needed.credentials if is_slow(each)]
        fitting = next((each for each in fast if verify(each, needed.password)), None)
        if fitting is not None or not slow:
            self._checked(connection, request, needed, fitting)
            return
        # argon2 takes tens of milliseconds by design: once per password, off the loop. A digest of
        # what was proved spares it to the thousands that come back in a reconnect storm.
        for each in slow:
            if _proof(each, needed.password) in self._verified:
                self._checked(connection, request, needed, each)
                return
        self._start(self._check_slowly(connection, request, needed, slow))

    async def _check_slowly(
        self,
        connection: Connection,
        request: Request,
        needed: PasswordNeeded,
        slow: list[Credential],
    ) -> None:
        record = needed.admitted.record
        async with self._free_threads:
            if connection not in self._handshakes:
                return  # it gave up meanwhile
            if not self._attempts.allowed(connection.remote, record.id, self.now_us()):
                self._refuse(connection, request, Denied("too_many_attempts", record.id))
                return
            fitting = None
            for each in slow:
                if await self.loop.run_in_executor(self._threads, verify, each, needed.password):
                    fitting = each
                    break
        if fitting is not None:
            self._verified[_proof(fitting, needed.password)] = None
            if len(self._verified) > VERIFIED_KEPT_MAX:
                self._verified.popitem(last=False)
        self._checked(connection, request, needed, fitting)

    def _checked(
        self,
        connection: Connection,
        request: Request,
        needed: PasswordNeeded,
        fitting: Credential | None,
    ) -> None:
        record = needed.admitted.record
        if fitting is not None and connection not in self.connections:
            return  # it gave up meanwhile, and must not become a line that nothing closes
        if fitting is not None:
            self._attempts.succeeded(connection.remote, record.id)
            self._admit(connection, request, needed.admitted, fitting)
        else:
            self._attempts.failed(connection.remote, record.id, self.now_us())
            self._refuse(connection, request, Denied("wrong_password", record.id))

    def _refuse(self, connection: Connection, request: Request, denied: Denied) -> None:
        refusal = REFUSALS[denied.reason]
        self._record_refusal(connection, denied, refusal.status, request)
        step_s = self.settings.refusal_delay_ms / 1e3
        if refusal.status == HTTPStatus.UNAUTHORIZED and step_s:
            # Its time must not say whether a slow password was checked. Until then it counts as
            # an unfinished handshake, with their limits.
            passed_s = self.loop.time() - self._handshakes.get(connection, 0.0)
            self.loop.call_later(step_s - passed_s % step_s, self._reject, connection, refusal)
        else:
            self._reject(connection, refusal)

    def _reject(self, connection: Connection, refusal: Refusal) -> None:
        self._handshake_over(connection)
        connection.reject(refusal.status, refusal.body)

    def _record_refusal(
        self, connection: Connection, denied: Denied, status: int, request: Request | None
    ) -> None:
        self.meters.refused(denied.reason)
        if self.refusing or not self._refusals.take("", self.now_us()):
            return
        event = ConnectionRefused(
            # Some chargers are set up with a password in the query.
            connection.path.partition("?")[0][:1_000],
            connection.remote,
            status,
            denied.reason,
            denied.detail[:1_000],
            ",".join(subprotocols(request))[:255] if request is not None else "",
            _header(request, "User-Agent")[:255],
            connection.tls,
            _header(request, "Authorization").partition(" ")[0].rstrip(":")[:20],
        )
        self.keep(denied.identity, 0, (event,))

    def handshake_failed(
        self, connection: Connection, detail: str, reason: str = "bad_request"
    ) -> None:
        """The request was none, or did not come in time."""
        if connection in self._handshakes:
            self._handshake_over(connection)
            status = REFUSALS[reason].status
            self._record_refusal(connection, Denied(reason, "", detail), status, None)

    def _admit(
        self,
        connection: Connection,
        request: Request,
        admitted: Admitted,
        used: Credential | None = None,
    ) -> None:
        record, name = admitted.record, admitted.subprotocol
        version = self._versions.get(name)
        if not connection.accept(request, "" if admitted.pinned else name):
            if "upgrade" not in _header(request, "Connection").casefold():
                self.saw(sightings.NO_UPGRADE)
            self.handshake_failed(connection, "not a WebSocket upgrade")
            return
        self._handshake_over(connection)
        if version is None:
            # OCPP-J 1.6 section 3.2: complete the handshake without the header, then close.
            denied = Denied("no_subprotocol", record.id)
            self._record_refusal(connection, denied, 1002, request)
            connection.close(1002, "no common subprotocol")
            return
        authorization = _header(request, "Authorization")
        connection.odd = sightings.of_handshake(
            connection.path,
            record.id,
            authorization.partition(" ")[0],
            basic(authorization, record.id) if used is not None else None,
            pinned=admitted.pinned,
        )
        record = self._raise(record, admitted.profile, used)
        admitted = admitted._replace(record=record)
        self._last_generation = max(self.now_us(), self._last_generation + 1)
        generation = self._last_generation
        if self.takeover.is_free(record.id):
            self._open(connection, record, version, generation, admitted.network)
        else:
            self._start(self._claim(connection, version, generation, admitted, request))

    def _raise(self, record: ChargerRecord, profile: int, used: Credential | None) -> ChargerRecord:
        """Note that a charger came with its pending profile or its new key (A05.FR.09, A01).

        It counts here at once, and everywhere when the ledger has read it.
        """
        key = "" if used is None else security_upgrade.fingerprint(used)
        raised = security_upgrade.raised(record, profile, key)
        if raised is record:
            return record
        is_higher = raised.security_profile != record.security_profile
        is_new_key = raised.candidate is not record.candidate
        event = SecurityRaised(profile if is_higher else 0, key if is_new_key else "")
        self.keep(record.id, 0, (event,))
        self.directory.put(raised)
        return raised

    async def _claim(
        self,
        connection: Connection,
        version: Version,
        generation: int,
        admitted: Admitted,
        request: Request,
    ) -> None:
        record = admitted.record
        try:
            reason = await self.takeover.claim(
                record.id,
                generation,
                connection.remote,
                is_proved=record.security_profile > 0,
            )
        except Exception:
            connection.close(1011, "internal error")
            raise
        current = self.lines.get(record.id.casefold())
        if not reason and current is not None and current.generation > generation:
            reason = "held_elsewhere"  # an even newer one was faster
        if reason:
            denied = Denied(reason, record.id, "another connection of this charger lives")
            self._record_refusal(connection, denied, REFUSALS[reason].status, request)
            connection.close(REFUSALS[reason].status, reason)
        elif connection in self.connections:
            self._open(connection, record, version, generation, admitted.network)

    def _open(
        self,
        connection: Connection,
        record: ChargerRecord,
        version: Version,
        generation: int,
        network: str,
    ) -> None:
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

    def is_poison(self, charger: str, action: str, text: bytes) -> bool:
        """Return whether this very message has crashed the charger's actor too often."""
        if not self._poison:
            return False
        return self._poison.get(_poison_key(charger, action, text), 0) >= self.settings.poison_max

    def note_poison(self, charger: str, action: str, text: bytes) -> None:
        """Count a crash on a message; bounded memory."""
        key = _poison_key(charger, action, text)
        self._poison[key] = self._poison.pop(key, 0) + 1
        if len(self._poison) > POISON_KEPT_MAX:
            self._poison.popitem(last=False)

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
        """Ping the silent and abort the dead among one slice of the connections.

        Nobody is dead who was not pinged since his last frame.
        """
        now_us = self.now_us()
        ping_us, dead_us = self.settings.ping_s * 1e6, self.settings.dead_s * 1e6
        for line in list(self.lines.values()):
            connection = line.connection
            if line.generation % slices != turn:
                continue
            silent_us = now_us - connection.last_seen_us
            if line.model is not None and not line.model.pongs:
                heartbeat_s = line.record.heartbeat_s or self.charger_settings.heartbeat_s
                if silent_us > dead_us + HEARTBEATS_MISSED * heartbeat_s * 1e6:
                    connection.close_reason = "silent"
                    connection.abort()
                continue
            if silent_us > dead_us and connection.pinged_us > connection.last_seen_us:
                connection.close_reason = "silent"
                connection.abort()
            elif silent_us > ping_us and connection.pinged_us < now_us - ping_us:
                if connection.pinged_us > connection.ponged_us:
                    line.saw((sightings.NO_PONG,))  # it has said something since, but no pong
                connection.ping(now_us)

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

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task: asyncio.Task[None] = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a handshake failed", exc_info=task.exception())

    def stop(self) -> None:
        """Give back threads; the connections are closed already."""
        while self._ended:
            self._ended.popleft().close()
        self.questions.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for task in self._tasks:
            task.cancel()


def _proof(credential: Credential, password: bytes) -> bytes:
    return hashlib.sha256(credential.digest + b"\0" + password).digest()


def _poison_key(charger: str, action: str, text: bytes) -> bytes:
    whole = f"{charger}\0{action}\0".encode() + text
    return hashlib.blake2b(whole, digest_size=16).digest()


def _header(request: Request | None, name: str) -> str:
    if request is None:
        return ""
    values = request.headers.get_all(name)
    return values[0] if values else ""


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
