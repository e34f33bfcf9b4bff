"""Asks OCSP responders: only listed ones, each answer once, everything with a deadline."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from cryptography import x509

from csms.pki import ocsp
from csms.pki.contract_settings import ContractSettings
from csms.pki.fetch import Post, addresses_of, post
from csms.pki.ocsp import Revocation
from domain.errors import Unavailable
from domain.reports import CertificateHash

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/ocsp-request"


class Responders:
    """What responders say of certificates.

    Args:
        settings: which ones, and limits.
        now_us: microseconds since 1970 UTC.
    """

    def __init__(self, settings: ContractSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._hosts = frozenset(each.casefold() for each in settings.responders)
        self._free = asyncio.Semaphore(settings.lookups_max)
        self._kept: OrderedDict[bytes, tuple[bytes, int]] = OrderedDict()

    async def response(self, hashed: CertificateHash) -> bytes:
        """Return a responder's current answer (DER) for a certificate.

        Raises:
            Unavailable: there is none; says why.
        """
        try:
            request = ocsp.request_by_hash(hashed)
        except ValueError as error:
            raise Unavailable(f"no responder can be asked: {error}") from error
        kept = self._kept.get(request)
        if kept is not None and self._now_us() < kept[1]:
            return kept[0]
        try:
            async with asyncio.timeout(self._settings.ocsp_s), self._free:
                answer = await self._ask(hashed.responder, request)
        except TimeoutError as error:
            raise Unavailable("the look-up took too long") from error
        self._keep(request, answer)
        return answer

    async def _ask(self, url: str, request: bytes) -> bytes:
        settings = self._settings
        host = _host(url)
        # Listed first: a name that a charger made up is not even resolved.
        wrong = ocsp.unlisted(url, self._hosts)
        addresses = [] if wrong else await addresses_of(host)
        wrong = wrong or ocsp.private(host, addresses, settings.responder_networks)
        if wrong:
            raise Unavailable(f"the responder is not asked: it {wrong}")
        wanted = Post(url, addresses, request, MEDIA_TYPE)
        return await post(wanted, settings.ocsp_s, settings.ocsp_bytes_max)

    def _keep(self, request: bytes, answer: bytes) -> None:
        until_us = ocsp.counts_until(answer, request, self._now_us())
        if until_us:
            longest_us = self._now_us() + self._settings.ocsp_cache_s * 1_000_000
            self._kept[request] = (answer, min(until_us, longest_us))
            self._kept.move_to_end(request)
            if len(self._kept) > self._settings.ocsp_cache_max:
                self._kept.popitem(last=False)

    async def state(
        self, hashed: CertificateHash, authorities: Sequence[x509.Certificate]
    ) -> Revocation:
        """Return what is known of a certificate. Never raises.

        Without its issuer among `authorities` nobody can tell whether an answer is genuine.
        """
        issuer = next((each for each in authorities if ocsp.is_issuer(hashed, each)), None)
        if issuer is None:
            return Revocation.UNKNOWN
        try:
            answer = await self.response(hashed)
        except Unavailable as error:
            log.warning("the state of certificate %s is not known: %s", hashed.serial, error)
            return Revocation.UNKNOWN
        return ocsp.read(answer, ocsp.request_by_hash(hashed), issuer, self._now_us())


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").casefold()
    except ValueError:
        return ""
