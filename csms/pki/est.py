"""An authority behind EST (RFC 7030): simpleenroll and cacerts.

What comes back is checked: the key is the one of the request. Redirects are not followed.
"""

import asyncio
import base64
import binascii
import http.client
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from csms.pki.files import pem
from csms.pki.requests import checked
from csms.pki.settings import PkiSettings
from domain.errors import InvalidInput, Unavailable


class _Answer(NamedTuple):
    status: int
    body: bytes


class EstAuthority:
    """Asks an EST server. Requests are checked here before they are sent there.

    Args:
        settings: `est_url` and friends.
    """

    def __init__(self, settings: PkiSettings) -> None:
        self._settings = settings
        parts = urlsplit(settings.est_url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._path = parts.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=settings.est_ca)
        if settings.est_certificate is not None:
            self._tls.load_cert_chain(settings.est_certificate)

    async def sign(self, csr: str, charger: str, serial: str, now_us: int) -> str:
        """See CertificateAuthority (RFC 7030 section 4.2)."""
        del now_us
        request = checked(csr, (charger, serial), self._settings.operator)
        body = base64.encodebytes(request.public_bytes(Encoding.DER))
        answer = await asyncio.to_thread(self._ask, "POST", "/simpleenroll", body)
        # A 4xx but 401 and 403 is about the request; 202 and all others are about the server.
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
            raise InvalidInput("csr", f"was refused by the EST server ({answer.status})")
        found = _certificates(answer)
        wanted = _public(request)
        own = next((each for each in found if _public(each) == wanted), None)
        if own is None:
            raise Unavailable("the EST server gave a certificate of another key")
        chain = [own]
        if not any(each is not own for each in found):
            found += _certificates(await asyncio.to_thread(self._ask, "GET", "/cacerts", b""))
        while (above := _issuer(chain[-1], found)) is not None and above not in chain:
            if above.subject == above.issuer:
                break  # the charger has the root, and the chain has a size
            chain.append(above)
        return pem(*chain).decode()

    async def roots(self) -> str:
        """See CertificateAuthority (RFC 7030 section 4.1)."""
        found = _certificates(await asyncio.to_thread(self._ask, "GET", "/cacerts", b""))
        return pem(*(each for each in found if each.subject == each.issuer)).decode()

    def _ask(self, method: str, operation: str, body: bytes) -> _Answer:
        settings = self._settings
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=settings.est_s, context=self._tls
        )
        try:
            connection.request(method, self._path + operation, body or None, self._headers(body))
            response = connection.getresponse()
            data = response.read(settings.est_bytes_max + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the EST server cannot be asked: {error}") from error
        finally:
            connection.close()
        if len(data) > settings.est_bytes_max:
            raise Unavailable("the EST server's answer is too large")
        return _Answer(response.status, data)

    def _headers(self, body: bytes) -> Mapping[str, str]:
        headers = {}
        if body:
            headers["Content-Type"] = "application/pkcs10"
            headers["Content-Transfer-Encoding"] = "base64"
        if self._settings.est_user:
            pair = f"{self._settings.est_user}:{self._settings.est_password}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers


def _certificates(answer: _Answer) -> list[x509.Certificate]:
    """Return the certificates of a certs-only PKCS#7 answer."""
    if answer.status != HTTPStatus.OK:
        raise Unavailable(f"the EST server answered {answer.status}")
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
    except (binascii.Error, ValueError) as error:
        raise Unavailable(f"the EST server's answer cannot be read: {error}") from error


def _public(of: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _issuer(
    certificate: x509.Certificate, among: list[x509.Certificate]
) -> x509.Certificate | None:
    return next((each for each in among if each.subject == certificate.issuer), None)
