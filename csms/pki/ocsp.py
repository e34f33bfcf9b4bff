"""OCSP requests and responses (RFC 6960), and which responders we ask.

The address of a responder comes from a charger (Authorize, GetCertificateStatus): asking whatever
it names would let it make us talk to our own network. So an address is asked only when it is on a
list, and resolves to public addresses; redirects are not followed.
"""

import ipaddress
from collections.abc import Collection, Iterable
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from csms.pki.certificates import instant
from csms.pki.client_certificate import extension
from domain.reports import CertificateHash

RESPONSE_BYTES_MAX = 65_536
CLOCK_US = 300_000_000
"""How far a responder's clock may be ahead of ours."""
ALGORITHMS: dict[str, type[HashAlgorithm]] = {
    "SHA256": SHA256,
    "SHA384": SHA384,
    "SHA512": SHA512,
}


class Revocation(StrEnum):
    """What is known of a certificate."""

    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"
    """The responder does not know it, could not be asked, or its answer does not count."""


def allowed(
    url: str, hosts: Collection[str], addresses: Iterable[str], networks: Iterable[str] = ()
) -> str:
    """Return why a responder must not be asked; empty when it may.

    Args:
        url: as the charger sent it.
        hosts: the list of responders, as host or host:port, casefolded.
        addresses: what its host name resolves to; the connection must go to one of these, so that
            a second look-up cannot give others.
        networks: CIDRs that are allowed although they are not public.
    """
    wrong = unlisted(url, hosts)
    return wrong or private(urlsplit(url).hostname or "", addresses, networks)


def unlisted(url: str, hosts: Collection[str]) -> str:
    """Return why a URL is not one of a listed responder; empty when it is."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").casefold()
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "is no http or https URL"
    if f"{host}:{port}" in hosts and parts.username is None:
        return ""
    if parts.username is not None or port not in {None, 80, 443}:
        return "has a user name or an unusual port"
    return "" if host in hosts else f"is {host}, which is not on the list of responders"


def private(host: str, addresses: Iterable[str], networks: Iterable[str] = ()) -> str:
    """Return why the addresses of a host must not be asked; empty when they may."""
    own = [ipaddress.ip_network(each, strict=False) for each in networks]
    found = [ipaddress.ip_address(each) for each in addresses]
    bad = [
        each
        for each in found
        if (not each.is_global or each.is_multicast) and not any(each in net for net in own)
    ]
    if bad or not found:
        return f"is {host}, which resolves to {', '.join(map(str, bad)) or 'nothing'}"
    return ""


def request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """Return a request (DER) for one certificate."""
    built = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256())
    return built.build().public_bytes(Encoding.DER)


def request_by_hash(hashed: CertificateHash) -> bytes:
    """Return a request (DER) for a certificate of which only the hashes are known.

    Raises:
        ValueError: they are no hexadecimal numbers of the right length.
    """
    built = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(hashed.issuer_name_hash),
        bytes.fromhex(hashed.issuer_key_hash),
        int(hashed.serial, 16),
        _algorithm(hashed.algorithm),
    )
    return built.build().public_bytes(Encoding.DER)


def hash_of(
    certificate: x509.Certificate, issuer: x509.Certificate, responder: str = ""
) -> CertificateHash:
    """Return what OCPP calls certificateHashData of a certificate, with SHA256."""
    asked = ocsp.load_der_ocsp_request(request(certificate, issuer))
    return CertificateHash(
        "SHA256",
        asked.issuer_name_hash.hex(),
        asked.issuer_key_hash.hex(),
        f"{certificate.serial_number:x}",
        responder,
    )


def is_issuer(hashed: CertificateHash, authority: x509.Certificate) -> bool:
    """Return whether an authority is the one that a certificate's hashes name."""
    try:
        algorithm = _algorithm(hashed.algorithm)
    except ValueError:
        return False
    name = Hash(algorithm)
    name.update(authority.subject.public_bytes())
    # Over the key's bits alone: a request made with the authority as issuer has that hash.
    asked = ocsp.OCSPRequestBuilder().add_certificate(authority, authority, algorithm).build()
    return (
        name.finalize().hex() == hashed.issuer_name_hash.casefold()
        and asked.issuer_key_hash.hex() == hashed.issuer_key_hash.casefold()
    )


def counts_until(response: bytes, asked: bytes, now_us: int) -> int:
    """Return how long an answer may be kept, microseconds since 1970; 0: not at all."""
    try:
        answer = ocsp.load_der_ocsp_response(response)
        wanted = ocsp.load_der_ocsp_request(asked)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return 0
        if not _same(answer, wanted) or not _current(answer, now_us):
            return 0
        end = answer.next_update_utc
    except (ValueError, TypeError):
        return 0
    return 0 if end is None else round(end.timestamp() * 1e6)


def responder_of(certificate: x509.Certificate) -> str:
    """Return the address of the responder that a certificate names, if it names one."""
    access = extension(certificate, x509.AuthorityInformationAccess)
    for each in access or ():
        is_ocsp = each.access_method == AuthorityInformationAccessOID.OCSP
        if is_ocsp and isinstance(each.access_location, x509.UniformResourceIdentifier):
            return each.access_location.value
    return ""


def read(response: bytes, asked: bytes, issuer: x509.Certificate, now_us: int) -> Revocation:
    """Return what a response says of the certificate that was asked for.

    It counts only when it is for that certificate, is current, and is signed by the issuer or by a
    responder that the issuer has appointed (RFC 6960 section 4.2.2.2).
    """
    if len(response) > RESPONSE_BYTES_MAX:
        return Revocation.UNKNOWN
    try:
        answer = ocsp.load_der_ocsp_response(response)
        wanted = ocsp.load_der_ocsp_request(asked)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Revocation.UNKNOWN
        if not _same(answer, wanted) or not _current(answer, now_us):
            return Revocation.UNKNOWN
        if not _trusted(answer, issuer, now_us):
            return Revocation.UNKNOWN
        return _STATUSES.get(answer.certificate_status, Revocation.UNKNOWN)
    except (ValueError, TypeError):
        return Revocation.UNKNOWN


_STATUSES = {
    ocsp.OCSPCertStatus.GOOD: Revocation.GOOD,
    ocsp.OCSPCertStatus.REVOKED: Revocation.REVOKED,
}


def _same(answer: ocsp.OCSPResponse, wanted: ocsp.OCSPRequest) -> bool:
    return (
        answer.serial_number == wanted.serial_number
        and answer.issuer_key_hash == wanted.issuer_key_hash
        and answer.issuer_name_hash == wanted.issuer_name_hash
    )


def _current(answer: ocsp.OCSPResponse, now_us: int) -> bool:
    begin, end = answer.this_update_utc, answer.next_update_utc
    if begin > instant(now_us + CLOCK_US):
        return False
    return end is None or instant(now_us) <= end


def _trusted(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now_us: int) -> bool:
    if _signed_by(answer, issuer):
        return True
    for responder in answer.certificates:
        usage = extension(responder, x509.ExtendedKeyUsage)
        if usage is None or ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
            continue
        now = instant(now_us)
        if not responder.not_valid_before_utc <= now <= responder.not_valid_after_utc:
            continue
        try:
            responder.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            continue
        if _signed_by(answer, responder):
            return True
    return False


def _signed_by(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _algorithm(name: str) -> HashAlgorithm:
    kind = ALGORITHMS.get(name)
    if kind is None:
        raise ValueError(f"{name} is no hash algorithm of OCPP")
    return kind()
