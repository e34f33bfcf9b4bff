"""Who is let in: handshakes from the opened socket to the line of a charger, or the refusal."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Protocol

from websockets.http11 import Request

from csms.gateway.admission import (
    Admitted,
    Denied,
    Entrance,
    PasswordNeeded,
    basic,
    examine,
    subprotocols,
)
from csms.gateway.attempts import Attempts, Quota
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.line import ChargerLine
from csms.gateway.meters import Meters
from csms.gateway.passwords import Passwords
from csms.gateway.refusals import REFUSALS, Refusal
from csms.gateway.settings import GatewaySettings
from csms.gateway.takeover import Newcomer, Takeover
from csms.pki.client_certificate import Trust, fault
from csms.quirks import sightings
from domain import security_upgrade
from domain.events import ConnectionRefused, Event, SecurityRaised
from domain.records import ChargerRecord, Credential
from protocol.version import Version
from storage.relational.credentials import is_slow

log = logging.getLogger(__name__)


class Indoors(Protocol):
    """What the gatekeeper asks of its gateway."""

    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    settings: GatewaySettings
    directory: Directory
    meters: Meters
    takeover: Takeover
    trust: Trust
    refusing: str
    lines: dict[str, ChargerLine]
    turned_away: Callable[[], None]

    @property
    def connections(self) -> Collection[Connection]:
        """The open sockets."""

    def keep(self, charger: str, generation: int, events: tuple[Event, ...]) -> None:
        """Write events that nobody waits for."""

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers."""

    def let_in(
        self,
        connection: Connection,
        record: ChargerRecord,
        version: Version,
        generation: int,
        network: str,
    ) -> None:
        """Make a connection the line of its charger."""


class Gatekeeper:
    """Counts unfinished handshakes, decides over each, and keeps a record of whom it refuses."""

    def __init__(
        self, indoors: Indoors, versions: Mapping[str, Version], accept_unknown: tuple[str, ...]
    ) -> None:
        settings = indoors.settings
        self._indoors = indoors
        self._versions = versions
        self._spoken = tuple(versions)
        self._accept_unknown = tuple(
            ipaddress.ip_network(text, strict=False) for text in dict.fromkeys(accept_unknown)
        )
        self.unfinished: dict[Connection, float] = {}
        """Handshakes, and when their request came (loop time; 0: not yet)."""
        self.by_address: dict[str, int] = {}
        """How many of them come from an address."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Handshakes that wait for a thread or for other gateways."""
        self.passwords = Passwords(settings.argon2_threads)
        self._attempts = Attempts(settings)
        self._refusals = Quota(settings.refusals_per_min, 1)
        self._last_generation = 0

    def has_room(self, address: str) -> bool:
        """Return whether one more handshake may begin; count it as refused if not."""
        settings = self._indoors.settings
        if (
            len(self.unfinished) < settings.handshakes_max
            and self.by_address.get(address, 0) < settings.handshakes_per_address_max
        ):
            return True
        self._indoors.meters.refused("full")
        self._indoors.turned_away()
        return False

    def opening(self, connection: Connection) -> bool:
        """Count a new socket; False when it must be closed at once."""
        if not self.has_room(connection.remote):
            return False
        self.unfinished[connection] = 0.0
        self.by_address[connection.remote] = self.by_address.get(connection.remote, 0) + 1
        return True

    def over(self, connection: Connection) -> None:
        """A handshake has ended, or its socket."""
        if connection in self.unfinished:
            del self.unfinished[connection]
            left = self.by_address[connection.remote] - 1
            if left:
                self.by_address[connection.remote] = left
            else:
                del self.by_address[connection.remote]

    def handshake(self, connection: Connection, request: Request) -> None:
        """Decide over a parsed handshake; the answer may come later."""
        if connection in self.unfinished:
            self.unfinished[connection] = self._indoors.loop.time()
        if (
            self._indoors.refusing
            or len(self._indoors.lines) >= self._indoors.settings.connections_max
        ):
            self._refuse(connection, request, Denied(self._indoors.refusing or "full", ""))
            return
        now_us = self._indoors.now_us()
        shown, connection.certificate = connection.certificate, None
        verdict = examine(
            request,
            connection.remote,
            self._indoors.directory.charger,
            self._spoken,
            self._accept_unknown,
            Entrance(
                connection.listener,
                now_us,
                lambda record: fault(
                    shown, record.id, record.serial_number, self._indoors.trust, now_us
                ),
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
        now_us = self._indoors.now_us()
        if self._attempts.allowed(connection.remote, denied.identity, now_us):
            self._attempts.failed(connection.remote, denied.identity, now_us)
        else:
            denied = Denied("too_many_attempts", denied.identity, denied.reason)
        self._refuse(connection, request, denied)

    def _check_password(
        self, connection: Connection, request: Request, needed: PasswordNeeded
    ) -> None:
        record = needed.admitted.record
        if not self._attempts.allowed(connection.remote, record.id, self._indoors.now_us()):
            self._refuse(connection, request, Denied("too_many_attempts", record.id))
            return
        fitting = self.passwords.at_once(needed.credentials, needed.password)
        if fitting is not None or not any(map(is_slow, needed.credentials)):
            self._checked(connection, request, needed, fitting)
        else:
            self._start(self._check_slowly(connection, request, needed))

    async def _check_slowly(
        self, connection: Connection, request: Request, needed: PasswordNeeded
    ) -> None:
        record = needed.admitted.record
        async with self.passwords.turn:
            if connection not in self.unfinished:
                return  # it gave up meanwhile
            if not self._attempts.allowed(connection.remote, record.id, self._indoors.now_us()):
                self._refuse(connection, request, Denied("too_many_attempts", record.id))
                return
            fitting = await self.passwords.slowly(needed.credentials, needed.password)
        self._checked(connection, request, needed, fitting)

    def _checked(
        self,
        connection: Connection,
        request: Request,
        needed: PasswordNeeded,
        fitting: Credential | None,
    ) -> None:
        record = needed.admitted.record
        if fitting is not None and connection not in self._indoors.connections:
            return  # it gave up meanwhile, and must not become a line that nothing closes
        if fitting is not None:
            self._attempts.succeeded(connection.remote, record.id)
            self._admit(connection, request, needed.admitted, fitting)
        else:
            self._attempts.failed(connection.remote, record.id, self._indoors.now_us())
            self._refuse(connection, request, Denied("wrong_password", record.id))

    def _refuse(self, connection: Connection, request: Request, denied: Denied) -> None:
        refusal = REFUSALS[denied.reason]
        self._record_refusal(connection, denied, refusal.status, request)
        step_s = self._indoors.settings.refusal_delay_ms / 1e3
        if refusal.status == HTTPStatus.UNAUTHORIZED and step_s:
            # Its time must not say whether a slow password was checked. Until then it counts as
            # an unfinished handshake, with their limits.
            passed_s = self._indoors.loop.time() - self.unfinished.get(connection, 0.0)
            self._indoors.loop.call_later(
                step_s - passed_s % step_s, self._reject, connection, refusal
            )
        else:
            self._reject(connection, refusal)

    def _reject(self, connection: Connection, refusal: Refusal) -> None:
        self.over(connection)
        connection.reject(refusal.status, refusal.body)

    def _record_refusal(
        self, connection: Connection, denied: Denied, status: int, request: Request | None
    ) -> None:
        self._indoors.meters.refused(denied.reason)
        if self._indoors.refusing or not self._refusals.take("", self._indoors.now_us()):
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
        self._indoors.keep(denied.identity, 0, (event,))

    def failed(self, connection: Connection, detail: str, reason: str) -> None:
        """The request was none, or did not come in time."""
        if connection in self.unfinished:
            self.over(connection)
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
                self._indoors.saw(sightings.NO_UPGRADE)
            self.failed(connection, "not a WebSocket upgrade", "bad_request")
            return
        self.over(connection)
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
        self._last_generation = max(self._indoors.now_us(), self._last_generation + 1)
        generation = self._last_generation
        if self._indoors.takeover.is_free(record.id):
            self._indoors.let_in(connection, record, version, generation, admitted.network)
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
        self._indoors.keep(record.id, 0, (event,))
        self._indoors.directory.put(raised)
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
            reason = await self._indoors.takeover.claim(
                Newcomer(
                    record.id,
                    generation,
                    connection.remote,
                    is_proved=record.security_profile > 0,
                )
            )
        except Exception:
            connection.close(1011, "internal error")
            raise
        current = self._indoors.lines.get(record.id.casefold())
        if not reason and current is not None and current.generation > generation:
            reason = "held_elsewhere"  # an even newer one was faster
        if reason:
            denied = Denied(reason, record.id, "another connection of this charger lives")
            self._record_refusal(connection, denied, REFUSALS[reason].status, request)
            connection.close(REFUSALS[reason].status, reason)
        elif connection in self._indoors.connections:
            self._indoors.let_in(connection, record, version, generation, admitted.network)

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task: asyncio.Task[None] = self._indoors.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a handshake failed", exc_info=task.exception())

    def stop(self) -> None:
        """Give back the threads, and end what waits."""
        self.passwords.stop()
        for task in self.tasks:
            task.cancel()


def _header(request: Request | None, name: str) -> str:
    if request is None:
        return ""
    values = request.headers.get_all(name)
    return values[0] if values else ""
