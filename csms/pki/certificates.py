"""Certificates as we make them: names, extensions, life (RFC 5280; OCPP 2.1 A00.FR.5xx)."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.pki.files import PrivateKey

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
BACKDATED = timedelta(minutes=5)
"""Clocks of chargers are behind: a new certificate is already valid for them."""


def instant(now_us: int) -> datetime:
    """Return microseconds since 1970 as a time, in whole seconds, as certificates have it."""
    return datetime.fromtimestamp(now_us // 1_000_000, UTC)


def subject(common_name: str, organization: str = "", domain_component: str = "") -> x509.Name:
    """Return a name of CN, O and DC."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    if domain_component:
        parts.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain_component))
    return x509.Name(parts)


def host_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Return host names and addresses as an extension (RFC 6125)."""
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(found)


class Signer:
    """An authority's name and key: makes certificates.

    Args:
        certificate: the authority's own; None for a root, which signs itself.
        key: its private key.
    """

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    def authority(
        self, name: x509.Name, key: PrivateKey, now_us: int, days: int, depth: int | None = 0
    ) -> "Signer":
        """Return a new authority below this one."""
        made = builder(name, self.certificate.subject, key.public_key(), now_us, days)
        made = _as_authority(made, depth)
        return Signer(self._signed(made), key)

    def leaf(
        self,
        name: x509.Name,
        key: PublicKey,
        now_us: int,
        days: int,
        *,
        purposes: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        extra: Sequence[x509.ExtensionType] = (),
        key_agreement: bool = False,
    ) -> x509.Certificate:
        """Return a certificate of somebody who is no authority, valid for `days`."""
        made = builder(name, self.certificate.subject, key, now_us, days)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        purpose = usage(digital_signature=True, key_agreement=key_agreement)
        made = made.add_extension(purpose, critical=True)
        if purposes:
            made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        for extension in extra:
            made = made.add_extension(extension, critical=False)
        return self._signed(made)

    def _signed(self, made: x509.CertificateBuilder) -> x509.Certificate:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return made.add_extension(issuer, critical=False).sign(self.key, SHA256())


def root(name: x509.Name, key: PrivateKey, now_us: int, days: int) -> Signer:
    """Return a new authority that signs itself."""
    made = _as_authority(builder(name, name, key.public_key(), now_us, days), None)
    return Signer(made.sign(key, SHA256()), key)


def builder(
    name: x509.Name, issuer: x509.Name, key: PublicKey, now_us: int, days: int
) -> x509.CertificateBuilder:
    """Return what every certificate has: names, key, random number, life, identifier."""
    now = instant(now_us)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def usage(
    *, digital_signature: bool = False, authority: bool = False, key_agreement: bool = False
) -> x509.KeyUsage:
    """Return a key usage: that of a leaf, or that of an authority."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _as_authority(made: x509.CertificateBuilder, depth: int | None) -> x509.CertificateBuilder:
    return made.add_extension(
        x509.BasicConstraints(ca=True, path_length=depth), critical=True
    ).add_extension(usage(authority=True), critical=True)
