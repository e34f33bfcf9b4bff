"""Which certificates were revoked, from the CRL files of their authorities (RFC 5280 section 5)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509

from csms.pki.client_certificate import Serial
from domain.errors import ConfigError


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file.

    Raises:
        ConfigError: it cannot be read, or has none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: has no certificates: {error}"]) from error


def load_crl(path: Path) -> x509.CertificateRevocationList:
    """Return the revocation list of a PEM or DER file.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        data = path.read_bytes()
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_crl(data) if is_pem else x509.load_der_x509_crl(data)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: is no revocation list: {error}"]) from error


def revoked(paths: Iterable[Path], authorities: Sequence[x509.Certificate]) -> frozenset[Serial]:
    """Return what the lists in `paths` revoke.

    Raises:
        ConfigError: a list cannot be read, or none of `authorities` has signed it.
    """
    found: set[Serial] = set()
    for path in paths:
        listed = load_crl(path)
        if not any(_signed(listed, each) for each in authorities):
            raise ConfigError([f"{path}: none of the known authorities has signed this list"])
        issuer = listed.issuer.public_bytes()
        found |= {(issuer, entry.serial_number) for entry in listed}
    return frozenset(found)


def _signed(listed: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if listed.issuer != authority.subject:
        return False
    try:
        return listed.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:  # a kind of key that signs no lists
        return False
