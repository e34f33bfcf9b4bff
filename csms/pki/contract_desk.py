"""Answers what chargers ask of certificates of ISO 15118: contracts, OCSP, certificates for cars.

Runs in the ledger, beside the signing desk: it has no public socket, and nothing of it is on the
way of a message. A gateway asks over its link, with a deadline, and says no by itself when nobody
answers in time.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509

from csms.pki.contract_settings import ContractSettings
from csms.pki.contracts import CHAIN_CHARS_MAX, CHAIN_MAX, ContractCheck, ContractStatus
from csms.pki.ocsp import Revocation
from csms.pki.pool import FAILED, ContractPools
from csms.pki.responders import Responders
from csms.pki.revocations import load_certificates
from domain.errors import InvalidInput, Unavailable
from domain.reports import CertificateHash
from supervisor.link_frames import Body

log = logging.getLogger(__name__)

OCSP_RESULT_CHARS_MAX = 18_000
"""Of ocspResult: 5,500 in 2.0.1, 18,000 in 2.1."""


class ContractDesk:
    """One desk of a ledger process.

    Args:
        settings: trust and limits.
        now_us: microseconds since 1970 UTC.

    Raises:
        ConfigError: a file of roots cannot be read.
    """

    def __init__(self, settings: ContractSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._roots = _loaded(settings.roots)
        self._authorities = [*self._roots, *_loaded(settings.authorities)]
        self._responders = Responders(settings, now_us)
        self._pools = ContractPools(settings)

    async def answer(self, question: str, body: Mapping[str, Any]) -> Body:
        """Answer one question of QUESTIONS.

        Raises:
            InvalidInput: there is no such question.
        """
        row = QUESTIONS.get(question)
        if row is None:
            raise InvalidInput("question", f"must be one of {', '.join(QUESTIONS)}")
        return await row(self, body)

    async def _contract(self, body: Mapping[str, Any]) -> Body:
        """{"emaid", "certificate", "hashes"} -> {"status": AuthorizeCertificateStatusEnumType}."""
        hashes = msgspec.convert(body.get("hashes", ()), tuple[CertificateHash, ...])
        chain = str(body.get("certificate", ""))
        status = await self.contract(str(body.get("emaid", "")), chain, hashes)
        return {"status": str(status)}

    async def contract(
        self, emaid: str, chain: str, hashes: tuple[CertificateHash, ...]
    ) -> ContractStatus:
        """Return the status of a contract (C07). Never raises.

        What responders have to be asked is found by a first look that takes all for good.
        """
        if not self._roots:
            return ContractStatus.NO_CERTIFICATE
        shown = chain or hashes[:CHAIN_MAX]
        wanted: dict[CertificateHash, Revocation] = {}

        def note(hashed: CertificateHash) -> Revocation:
            wanted[hashed] = Revocation.GOOD
            return Revocation.GOOD

        now_us = self._now_us()
        # Chains are verified off the loop: some milliseconds each, of whatever a charger sends.
        first = await asyncio.to_thread(
            ContractCheck(self._roots, note).verify, shown, emaid, now_us
        )
        if first is not ContractStatus.ACCEPTED:
            return first
        known = [*self._authorities, *_read_chain(chain)]
        states = await asyncio.gather(*(self._responders.state(each, known) for each in wanted))
        told = dict(zip(wanted, states, strict=True))
        check = ContractCheck(
            self._roots,
            lambda hashed: told.get(hashed, Revocation.UNKNOWN),
            unknown_is_good=self._settings.unknown_accepted,
        )
        return await asyncio.to_thread(check.verify, shown, emaid, now_us)

    async def _status(self, body: Mapping[str, Any]) -> Body:
        """GetCertificateStatusRequest -> fields of its response (M06)."""
        try:
            data = msgspec.convert(body.get("ocspRequestData"), dict[str, str])
            hashed = CertificateHash(
                data["hashAlgorithm"],
                data["issuerNameHash"],
                data["issuerKeyHash"],
                data["serialNumber"],
                data["responderURL"],
            )
            answer = await self._responders.response(hashed)
        except (Unavailable, msgspec.ValidationError, KeyError) as error:
            log.warning("no OCSP answer for a charger: %s", error)
            return {"status": "Failed"}
        result = base64.b64encode(answer).decode()
        if len(result) > OCSP_RESULT_CHARS_MAX:
            return {"status": "Failed"}
        return {"status": "Accepted", "ocspResult": result}

    async def _ev_certificate(self, body: Mapping[str, Any]) -> Body:
        """Get15118EVCertificateRequest -> fields of its response (M01, M02)."""
        try:
            return await self._pools.certificate(body)
        except (Unavailable, KeyError) as error:
            log.warning("no contract certificate for a car: %s", error)
            return dict(FAILED)


QUESTIONS: Mapping[str, Callable[[ContractDesk, Mapping[str, Any]], Awaitable[Body]]] = {
    "Authorize": ContractDesk._contract,  # noqa: SLF001 - the table of this very class
    "GetCertificateStatus": ContractDesk._status,  # noqa: SLF001
    "Get15118EVCertificate": ContractDesk._ev_certificate,  # noqa: SLF001
}
"""Question -> who answers it."""


def _loaded(paths: tuple[Path, ...]) -> list[x509.Certificate]:
    return [each for path in paths for each in load_certificates(path)]


def _read_chain(chain: str) -> list[x509.Certificate]:
    """Return the certificates of a chain that was verified a moment ago."""
    if not chain or len(chain) > CHAIN_CHARS_MAX:
        return []
    try:
        return x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        return []
