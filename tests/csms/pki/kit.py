"""A folder with the built-in authority and our own certificates, and chargers' certificates."""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from csms.gateway.tls import Contexts
from csms.gateway.tls_settings import TlsSettings
from csms.pki import certificates
from csms.pki.certificates import Signer
from csms.pki.files import PrivateKey, pem, read_key, write_key, write_private
from csms.pki.local import LocalAuthority, renew_server
from csms.pki.revocations import load_certificates
from csms.pki.settings import PkiSettings
from supervisor.clock import Clock

OPERATOR = "Example Charging"
SETTINGS = PkiSettings(authority="local", operator=OPERATOR)
NOW_US = Clock().now_us()
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class Pki:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        renew_server(folder, SETTINGS, ("localhost", "127.0.0.1"), NOW_US)
        self.authority = LocalAuthority(folder, SETTINGS)
        self.signer = Signer(self.authority.sub, read_key(folder / "sub.key"))

    def contexts(self, **more: object) -> Contexts:
        return Contexts(TlsSettings(**({"operator": OPERATOR} | more)), self.folder)

    def client(
        self,
        name: str | None = None,
        *,
        certificate: x509.Certificate | None = None,
        key: PrivateKey | None = None,
        chain: tuple[x509.Certificate, ...] | None = None,
        **leaf: object,
    ) -> ssl.SSLContext:
        """A charger's side: it trusts the root, and shows a certificate when a name is given."""
        context = ssl.create_default_context(cafile=self.folder / "root.pem")
        if name is not None or certificate is not None:
            key = key or new_key()
            if certificate is None:
                certificate = self.leaf(name, key, **leaf)
            above = (self.authority.sub,) if chain is None else chain
            place = self.folder / f"client-{certificate.serial_number:x}"
            write_key(place.with_suffix(".key"), key)
            write_private(place.with_suffix(".pem"), pem(certificate, *above))
            context.load_cert_chain(place.with_suffix(".pem"), place.with_suffix(".key"))
        return context

    def leaf(
        self,
        name: str,
        key: PrivateKey,
        *,
        operator: str = OPERATOR,
        begin_us: int = NOW_US,
        days: int = 30,
        purposes: tuple[x509.ObjectIdentifier, ...] = CLIENT,
        signer: Signer | None = None,
    ) -> x509.Certificate:
        return (signer or self.signer).leaf(
            certificates.subject(name, operator),
            key.public_key(),
            begin_us,
            days,
            purposes=purposes,
        )

    def stranger(self) -> Signer:
        """An authority that nobody here knows, with the names of ours."""
        return certificates.root(self.authority.sub.subject, new_key(), NOW_US, 30)

    def own(self) -> x509.Certificate:
        return load_certificates(self.folder / "server-ecdsa.pem")[0]


def csr(
    name: str,
    key: PrivateKey | None = None,
    *,
    operator: str = OPERATOR,
    forged: bool = False,
) -> str:
    """A signing request; a forged one has another key's signature."""
    key = key or new_key()
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(certificates.subject(name, operator))
        .sign(key, SHA256())
    )
    if forged:
        der = bytearray(made.public_bytes(Encoding.DER))
        der[der.index(name.encode())] ^= 1
        made = x509.load_der_x509_csr(bytes(der))
    return made.public_bytes(Encoding.PEM).decode()
