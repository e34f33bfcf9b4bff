"""Is this certificate the charger's? Security profile 3; OCPP 2.1 A00.FR.401 to 429.

OpenSSL has verified the chain, its validity and its purpose in the TLS handshake (A00.FR.403, 407).
What is left needs our records: whose certificate it is, and whether it was revoked. The checks are
a table; the first one that fails says so, to the operator and never to the peer.

A session that is resumed is not verified by OpenSSL again, so time and purpose are looked at here
once more.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_BITS_MIN = 2_048
EC_BITS_MIN = 224
"""A00.FR.506, 507 (OCPP 2.1): at least 112 bits of security."""

E = TypeVar("E", bound=x509.ExtensionType)

Serial = tuple[bytes, int]
"""The issuer's name (DER) and the certificate's number: unique (RFC 5280 section 4.1.2.2)."""


class Trust(NamedTuple):
    """What certificates are held against. `operator`: what O must be; empty: anything."""

    operator: str = ""
    revoked: frozenset[Serial] = frozenset()


class Presented(NamedTuple):
    """A certificate and what it is checked for."""

    certificate: x509.Certificate
    names: frozenset[str]
    """What its CN may be: the charger's identity, or its serial number; casefolded."""
    trust: Trust
    now: datetime


def fault(der: bytes | None, identity: str, serial: str, trust: Trust, now_us: int) -> str:
    """Return which check a certificate fails; empty when it is this charger's.

    Args:
        der: the certificate; None when none was shown.
        identity: the charger's identity.
        serial: the serial number that its record has; empty: none.
        trust: what else is asked of it.
        now_us: microseconds since 1970 UTC.
    """
    if der is None:
        return "no certificate was shown"
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = frozenset(name.casefold() for name in (identity, serial) if name)
        now = datetime.fromtimestamp(now_us / 1e6, UTC)
        presented = Presented(certificate, names, trust, now)
        return next(
            (f"{name}: {said}" for name, check in CHECKS.items() if (said := check(presented))), ""
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return f"it cannot be read: {error}"


def _validity(shown: Presented) -> str:
    certificate = shown.certificate
    if shown.now < certificate.not_valid_before_utc:
        return f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if shown.now > certificate.not_valid_after_utc:
        return f"not valid after {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _purpose(shown: Presented) -> str:
    usage = extension(shown.certificate, x509.ExtendedKeyUsage)
    if usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        return "its extended key usage is not clientAuth"
    return ""


def _usage(shown: Presented) -> str:
    usage = extension(shown.certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        return "its key usage is not digitalSignature"
    basic = extension(shown.certificate, x509.BasicConstraints)
    return "it is a CA's certificate" if basic is not None and basic.ca else ""


def _strength(shown: Presented) -> str:
    return weak_key(shown.certificate.public_key())


def _operator(shown: Presented) -> str:
    wanted = shown.trust.operator
    found = attributes(shown.certificate.subject, NameOID.ORGANIZATION_NAME)
    if wanted and wanted not in found:
        return f"O is {', '.join(found) or 'missing'}, not {wanted}"
    return ""


def _name(shown: Presented) -> str:
    found = attributes(shown.certificate.subject, NameOID.COMMON_NAME)
    if len(found) != 1:
        return f"it has {len(found)} CN instead of one"
    if found[0].casefold() not in shown.names:
        return f"CN is {found[0]!r}, neither the charger's identity nor its serial number"
    return ""


def _revoked(shown: Presented) -> str:
    certificate = shown.certificate
    mark = (certificate.issuer.public_bytes(), certificate.serial_number)
    return f"number {certificate.serial_number:x} is revoked" if mark in shown.trust.revoked else ""


CHECKS: Mapping[str, Callable[[Presented], str]] = {
    "validity": _validity,
    "purpose": _purpose,
    "key usage": _usage,
    "key": _strength,
    "operator": _operator,
    "name": _name,
    "revocation": _revoked,
}
"""Check -> what is wrong, empty when nothing is. In the order in which they are made."""


def weak_key(key: object) -> str:
    """Return why a public key is too weak or of a kind that is not taken, else nothing."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits" if key.key_size < RSA_BITS_MIN else ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"curve {key.curve.name}" if key.curve.key_size < EC_BITS_MIN else ""
    return f"a key of kind {type(key).__name__}"


def attributes(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    """Return the values of one attribute of a name."""
    return tuple(str(each.value) for each in name.get_attributes_for_oid(oid))


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """Return an extension of a certificate, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
