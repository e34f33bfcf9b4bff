"""Is this PEM a root that a charger should trust? (M05; 1.6 security 5.11)."""

from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from csms.pki.certificates import instant
from csms.pki.client_certificate import extension, weak_key
from csms.pki.files import pem
from csms.pki.ocsp import hash_of
from domain.errors import InvalidInput


class Root(NamedTuple):
    """A checked root. `text`: PEM, this one certificate and nothing else."""

    text: str
    subject: str
    fingerprint: str
    """SHA-256, hexadecimal."""
    not_after_us: int


def checked_root(text: str, now_us: int, chars_max: int) -> Root:
    """Return a root out of PEM.

    Raises:
        InvalidInput: it is none: names the rule.
    """
    if len(text) > chars_max:
        raise InvalidInput("certificate", f"has {len(text)} characters; {chars_max} are allowed")
    if "PRIVATE KEY" in text:
        raise InvalidInput("certificate", "has a private key in it: never send that anywhere")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise InvalidInput("certificate", f"is no PEM certificate: {error}") from error
    if len(found) != 1:
        raise InvalidInput("certificate", f"has {len(found)} certificates instead of one root")
    (root,) = found
    rule = _fault(root, now_us)
    if rule:
        raise InvalidInput("certificate", rule)
    return Root(
        pem(root).decode(),
        root.subject.rfc4514_string(),
        root.fingerprint(SHA256()).hex(),
        round(root.not_valid_after_utc.timestamp() * 1e6),
    )


def _fault(root: x509.Certificate, now_us: int) -> str:
    basic = extension(root, x509.BasicConstraints)
    usage = extension(root, x509.KeyUsage)
    if basic is None or not basic.ca:
        return "is no certificate of an authority"
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates (its key usage)"
    try:
        root.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return "is no root: it has not signed itself"
    if instant(now_us) > root.not_valid_after_utc:
        return f"has expired on {root.not_valid_after_utc:%Y-%m-%d}"
    weak = weak_key(root.public_key())
    return f"has a key that is too weak: {weak}" if weak else ""


def hash_data(text: str) -> dict[str, str]:
    """Return certificateHashData of a root in PEM, as chargers report it."""
    root = x509.load_pem_x509_certificate(text.encode())
    made = hash_of(root, root)
    return {
        "hashAlgorithm": made.algorithm,
        "issuerNameHash": made.issuer_name_hash,
        "issuerKeyHash": made.issuer_key_hash,
        "serialNumber": made.serial,
    }


def same_hash(one: dict[str, str], other: dict[str, str]) -> bool:
    """Return whether two certificateHashData are of one certificate, however they are written."""

    def key(data: dict[str, str]) -> tuple[str, ...]:
        texts = [value.casefold() for value in data.values()]
        return (*texts[:3], texts[3].lstrip("0"))

    return key(one) == key(other)


__all__ = ["Root", "checked_root", "hash_data", "same_hash"]
