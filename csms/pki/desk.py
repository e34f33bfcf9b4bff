"""Signing requests of chargers, from the store to the charger; and renewals that are due.

Runs in the ledger: it reads what the journals have, there is one of it, and it has no public
socket (ADR 15). A request is signed once: what became of it is kept before it is sent. When the
charger is gone meanwhile, it asks again (CertSigningWaitMinimum).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.pki.authority import CertificateAuthority
from csms.pki.renewal import ASKS, STATION_KINDS, V2G, family, renewal_us, signed
from csms.pki.settings import PkiSettings
from domain.commands import Command, CommandResult, Outcome, Priority
from domain.errors import CsmsError, InvalidInput, Unavailable
from storage.relational import certificates
from storage.relational.certificates import Certificate, Request
from supervisor.unbroken import unbroken

log = logging.getLogger(__name__)

HOUR_US = 3_600_000_000
BATCH = 20
"""Requests of one look: a fleet that comes at once is served in pieces."""


@dataclass(frozen=True)
class Parts:
    """What the desk asks of its process.

    `presence`: a charger -> (gateway, subprotocol), None when it is not connected.
    `command`: (gateway, command) -> how it ended, None when the charger is not there.
    """

    engine: AsyncEngine
    authority: CertificateAuthority
    settings: PkiSettings
    now_us: Callable[[], int]
    new_id: Callable[[], str]
    presence: Callable[[str], Awaitable[tuple[str, str] | None]]
    command: Callable[[str, Command], Awaitable[CommandResult | None]]
    v2g: CertificateAuthority | None = None
    """Signs what chargers show to cars (ISO 15118); None: nobody does."""


class CertificateDesk:
    """Signs what waits, sends it, and asks for renewals. `look` does one round."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, look_s: float = 1.0) -> None:
        """Look for ever; a round that fails is logged, and the next one tries again."""
        settings, rounds = self._parts.settings, 0
        watch_every = max(1, round(settings.watch_s / look_s))
        while True:
            try:
                await unbroken(self._round(is_watching=rounds % watch_every == 0))
            except CsmsError as error:
                log.warning("certificates: %s", error)
            rounds += 1
            await asyncio.sleep(look_s)

    async def _round(self, *, is_watching: bool) -> None:
        await self.look()
        if is_watching:
            await self.renew()

    async def look(self) -> int:
        """Deal with the requests that wait; return how many.

        Raises:
            Unavailable: the store or the authority is away. They wait on, an hour at most.
        """
        parts = self._parts
        limit = min(BATCH, parts.settings.requests_max)
        found = await certificates.waiting(parts.engine, parts.now_us() - HOUR_US, limit)
        # Together: a charger that does not answer must not keep the others waiting.
        places: Counter[str] = Counter()
        serving = []
        for request in found:
            serving.append(self._serve(request, places[request.charger]))
            places[request.charger] += 1
        await asyncio.gather(*serving)
        return len(found)

    async def _serve(self, request: Request, place: int) -> None:
        """Deal with one request; `place`: how many of its charger come before it in this look."""
        parts, now_us = self._parts, self._parts.now_us()
        try:
            signs = await self._check(request, place)
            chain = await signs.sign(request.csr, request.charger, request.serial_number, now_us)
            made = self._read(request, chain)
        except InvalidInput as error:
            log.warning("charger %r gets no certificate: %s", request.charger, error)
            refused = Certificate(
                request.id,
                request.charger,
                "refused",
                str(error)[:1_000],
                created_us=now_us,
                kind=family(request.kind),
            )
            await certificates.keep(parts.engine, refused)
            return
        except Unavailable as error:
            log.warning("the request of charger %r waits: %s", request.charger, error)
            return
        await certificates.keep(parts.engine, made)
        detail = await self._deliver(request, chain)
        status = "not_delivered" if detail else "delivered"
        done = msgspec.structs.replace(made, status=status, detail=detail)
        await certificates.keep(parts.engine, done)

    async def _check(self, request: Request, place: int) -> CertificateAuthority:
        """Return who signs a request."""
        signs = self._authority(request.kind)
        limit = self._parts.settings.requests_per_charger_per_h
        found = await certificates.of_charger(self._parts.engine, request.charger)
        recent = [each for each in found if each.created_us > self._parts.now_us() - HOUR_US]
        if len(recent) + place >= limit:
            raise InvalidInput("csr", f"is more than the {limit} of one charger in an hour")
        return signs

    def _authority(self, kind: str) -> CertificateAuthority:
        if kind in STATION_KINDS:
            return self._parts.authority
        if kind == V2G and self._parts.v2g is not None:
            return self._parts.v2g
        raise InvalidInput("kind", f"{kind} is not signed by this authority")

    def _read(self, request: Request, chain: str) -> Certificate:
        parts = self._parts
        if len(chain) > parts.settings.chain_chars_max:
            raise InvalidInput("chain", f"has {len(chain)} characters, too many to be sent")
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        csr = x509.load_pem_x509_csr(request.csr.encode())
        if _public(certificate) != _public(csr):
            raise InvalidInput("chain", "is for another key than the request")
        begin_us = round(certificate.not_valid_before_utc.timestamp() * 1e6)
        end_us = round(certificate.not_valid_after_utc.timestamp() * 1e6)
        return Certificate(
            id=request.id,
            charger=request.charger,
            status="signed",
            serial=f"{certificate.serial_number:x}",
            not_before_us=begin_us,
            not_after_us=end_us,
            renewal_us=renewal_us(request.charger, begin_us, end_us, parts.settings),
            created_us=parts.now_us(),
            kind=family(request.kind),
        )

    async def _deliver(self, request: Request, chain: str) -> str:
        """Send a chain; return what went wrong, or nothing."""
        place = await self._parts.presence(request.charger)
        if place is None:
            return "the charger was not connected"
        gateway, subprotocol = place
        told = signed(subprotocol, chain, request.kind, request.request)
        return await self._send(gateway, request.charger, told.action, dict(told.payload))

    async def renew(self) -> int:
        """Ask chargers whose certificates are due to renew them; return how many were asked."""
        parts, asked = self._parts, 0
        for each in await certificates.due(parts.engine, parts.now_us(), BATCH):
            place = await parts.presence(each.charger)
            asks = ASKS.get(each.kind, {})
            if place is not None and place[1] in asks:
                ask = asks[place[1]]
                detail = await self._send(place[0], each.charger, ask.action, dict(ask.payload))
                if detail:
                    log.warning("charger %r does not renew: %s", each.charger, detail)
                asked += 1
            later_us = parts.now_us() + parts.settings.renew_again_s * 1_000_000
            await certificates.postpone(parts.engine, each.id, later_us)
            if each.not_after_us < parts.now_us():
                log.error("the certificate of charger %r has expired", each.charger)
        return asked

    async def _send(
        self, gateway: str, charger: str, action: str, payload: dict[str, object]
    ) -> str:
        """Send a command as everybody does; return what went wrong, or nothing."""
        parts, now_us = self._parts, self._parts.now_us()
        command = Command(
            id=parts.new_id(),
            charger=charger,
            action=action,
            payload=payload,
            deadline_us=now_us + parts.settings.send_s * 1_000_000,
            priority=Priority.OPERATOR,
            issued_by="certificates",
            queued_us=now_us,
        )
        try:
            result = await parts.command(gateway, command)
        except (CsmsError, TimeoutError) as error:
            return f"{action}: {error}"
        if result is None:
            return "the charger was not connected"
        return "" if result.outcome == Outcome.ACCEPTED else f"{action}: {result.outcome}"


def _public(of: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
