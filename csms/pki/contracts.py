"""Contract certificates of ISO 15118 (Plug & Charge): OCPP 2.x C07, and 1.6 by DataTransfer.

`ContractCheck.verify` gives the status words of AuthorizeCertificateStatusEnumType. Pure: what the
responders said is handed in by whoever asked them (`ocsp`).
"""

import itertools
from collections.abc import Callable, Sequence
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from csms.pki.certificates import instant
from csms.pki.client_certificate import attributes, extension
from csms.pki.ocsp import Revocation, hash_of, responder_of
from domain.reports import CertificateHash

CHAIN_CHARS_MAX = 10_000
CHAIN_MAX = 4
"""Leaf, two sub-CAs, root (ISO 15118-2 section 7.9.2.1)."""


class ContractStatus(StrEnum):
    """AuthorizeCertificateStatusEnumType of OCPP 2.x."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    EXPIRED = "CertificateExpired"
    REVOKED = "CertificateRevoked"
    NO_CERTIFICATE = "NoCertificateAvailable"
    CHAIN_ERROR = "CertChainError"
    CANCELLED = "ContractCancelled"


Ask = Callable[[CertificateHash], Revocation]
"""What is known of a certificate: of the responders that were asked, or of our own lists."""


class ContractCheck:
    """Whether a contract is good.

    Args:
        roots: MO (or V2G) roots that are trusted.
        ask: the state of a certificate.
        cancelled: whether the contract of an eMAID was cancelled.
        unknown_is_good: what a certificate of unknown state counts as (C07.FR.04 leaves it to the
            operator when a responder is away).
    """

    def __init__(
        self,
        roots: Sequence[x509.Certificate],
        ask: Ask,
        cancelled: Callable[[str], bool] = lambda _emaid: False,
        *,
        unknown_is_good: bool = False,
    ) -> None:
        self._roots = roots
        self._ask = ask
        self._cancelled = cancelled
        self._unknown_is_good = unknown_is_good

    def verify(
        self, contract: str | Sequence[CertificateHash], emaid: str, now_us: int
    ) -> ContractStatus:
        """Return the status of a contract.

        Args:
            contract: the chain (PEM, leaf first), or the hashes of its certificates when the
                charger has verified the chain itself.
            emaid: the token of the authorization; it must be the CN of the contract.
            now_us: microseconds since 1970 UTC.
        """
        if not contract:
            return ContractStatus.NO_CERTIFICATE
        if isinstance(contract, str):
            status, hashes = self._chain(contract, emaid, now_us)
            if status is not ContractStatus.ACCEPTED:
                return status
        else:
            hashes = list(contract)
        if self._cancelled(emaid):
            return ContractStatus.CANCELLED
        return self._states(hashes)

    def _states(self, hashes: Sequence[CertificateHash]) -> ContractStatus:
        found = [self._ask(each) for each in hashes[:CHAIN_MAX]]
        if Revocation.REVOKED in found:
            return ContractStatus.REVOKED
        if Revocation.UNKNOWN in found and not self._unknown_is_good:
            return ContractStatus.NO_CERTIFICATE
        return ContractStatus.ACCEPTED

    def _chain(
        self, text: str, emaid: str, now_us: int
    ) -> tuple[ContractStatus, list[CertificateHash]]:
        if len(text) > CHAIN_CHARS_MAX:
            return ContractStatus.CHAIN_ERROR, []
        try:
            chain = x509.load_pem_x509_certificates(text.encode())
            if len(chain) > CHAIN_MAX:
                return ContractStatus.CHAIN_ERROR, []
            links = self._links(chain)
            if links is None:
                return ContractStatus.CHAIN_ERROR, []
            return self._look(links, emaid, now_us)
        except ValueError:
            return ContractStatus.CHAIN_ERROR, []

    def _links(self, chain: list[x509.Certificate]) -> list[x509.Certificate] | None:
        """Return the chain up to one of our roots, whose copy in the message does not count."""
        path = [chain[0]]
        for _ in range(CHAIN_MAX):
            last = path[-1]
            root = next((each for each in self._roots if each.subject == last.issuer), None)
            if root is not None:
                return [*path, root]
            above = next((each for each in chain[1:] if each.subject == last.issuer), None)
            if above is None or above in path:
                return None
            path.append(above)
        return None

    def _look(
        self, links: list[x509.Certificate], emaid: str, now_us: int
    ) -> tuple[ContractStatus, list[CertificateHash]]:
        now, hashes = instant(now_us), []
        for at, (certificate, issuer) in enumerate(itertools.pairwise(links)):
            basic = extension(issuer, x509.BasicConstraints)
            if basic is None or not basic.ca or not _deep_enough(basic.path_length, at):
                return ContractStatus.CHAIN_ERROR, []
            try:
                certificate.verify_directly_issued_by(issuer)
            except InvalidSignature:
                return ContractStatus.SIGNATURE_ERROR, []
            except (ValueError, TypeError):
                return ContractStatus.CHAIN_ERROR, []
            hashes.append(hash_of(certificate, issuer, responder_of(certificate)))
        for certificate in links:
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                return ContractStatus.EXPIRED, []
        names = [normal(each) for each in attributes(links[0].subject, NameOID.COMMON_NAME)]
        if names != [normal(emaid)]:
            return ContractStatus.CHAIN_ERROR, []
        return ContractStatus.ACCEPTED, hashes


def normal(emaid: str) -> str:
    """Return an eMAID without its optional hyphens, in capitals (ISO 15118-2 annex H)."""
    return emaid.replace("-", "").upper()


def _deep_enough(path_length: int | None, below: int) -> bool:
    return path_length is None or below <= path_length
