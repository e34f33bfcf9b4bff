"""The built-in authority: a root and a sub-CA in a folder of the data directory.

`root.pem`, `root.key`, `sub.pem`, `sub.key` (files 0600; the root's key may be moved away once the
sub-CA is there), `issued.ndjson` with a line for each certificate and each revocation, `crl.pem`.
The ledger and the command line use it, one at a time.
"""

from datetime import timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.pki import certificates
from csms.pki.certificates import PublicKey, Signer
from csms.pki.client_certificate import attributes
from csms.pki.files import locked, pem, read_key, write_key, write_private
from csms.pki.requests import checked
from csms.pki.revocations import load_certificates
from csms.pki.settings import PkiSettings
from domain.errors import InvalidInput, NotFound

RSA_BITS = 3_072


class Issued(msgspec.Struct, frozen=True):
    """One certificate that this authority made. Times are microseconds since 1970 UTC."""

    serial: str
    """Hexadecimal."""
    name: str
    """CN."""
    not_before_us: int
    not_after_us: int
    kind: str = "charger"
    """charger or server."""
    revoked_us: int = 0
    """0: valid."""


class LocalAuthority:
    """The built-in authority in `folder`; `open` makes it when there is none.

    Raises:
        ConfigError: its files cannot be read.
    """

    def __init__(self, folder: Path, settings: PkiSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._root = load_certificates(folder / "root.pem")[0]
        self._sub = Signer(load_certificates(folder / "sub.pem")[0], read_key(folder / "sub.key"))

    @classmethod
    def open(cls, folder: Path, settings: PkiSettings, now_us: int) -> "LocalAuthority":
        """Return the authority in `folder`, made now when there is none."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder):
            if not (folder / "sub.pem").exists():
                _make(folder, settings, now_us)
        return cls(folder, settings)

    @property
    def root(self) -> x509.Certificate:
        """The root: what chargers must trust."""
        return self._root

    @property
    def sub(self) -> x509.Certificate:
        """The sub-CA that signs."""
        return self._sub.certificate

    async def roots(self) -> str:
        """Return the root as PEM."""
        return pem(self._root).decode()

    async def sign(self, csr: str, charger: str, serial: str, now_us: int) -> str:
        """Return the chain (PEM, the charger's certificate first) for a checked request.

        Raises:
            InvalidInput: the request is not one that we sign; says what is wrong.
        """
        request = checked(csr, (charger, serial), self._settings.operator)
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        return self.certify(request.subject, key, now_us).decode()

    def certify(self, name: x509.Name, key: PublicKey, now_us: int) -> bytes:
        """Return the chain of a new charger's certificate, PEM."""
        made = self._sub.leaf(
            certificates.subject(attributes(name, NameOID.COMMON_NAME)[0], self._settings.operator),
            key,
            now_us,
            self._settings.charger_days,
        )
        self._note(made, "charger")
        return pem(made, self._sub.certificate)

    def certify_server(self, names: tuple[str, ...], key: PublicKey, now_us: int) -> bytes:
        """Return the chain of a new certificate of our own, PEM. The CN is the first name."""
        made = self._sub.leaf(
            certificates.subject(names[0], self._settings.operator),
            key,
            now_us,
            self._settings.server_days,
            purposes=(ExtendedKeyUsageOID.SERVER_AUTH,),
            extra=(certificates.host_names(names),),
        )
        self._note(made, "server")
        return pem(made, self._sub.certificate)

    def issued(self) -> list[Issued]:
        """Return every certificate, the newest last; a revoked one says when."""
        found: dict[str, Issued] = {}
        index = self._folder / "issued.ndjson"
        if index.exists():
            for line in index.read_bytes().splitlines():
                try:
                    each = msgspec.json.decode(line, type=Issued)
                except msgspec.DecodeError:
                    continue  # the last line of a writer that was killed
                found[each.serial] = each
        return list(found.values())

    def revoke(self, serial: str, now_us: int) -> Issued:
        """Revoke a certificate by its number (hexadecimal), and write a new list.

        Raises:
            NotFound: this authority has made none of this number.
            InvalidInput: it is revoked already.
        """
        wanted = serial.lower().removeprefix("0x").lstrip("0")
        old = next((each for each in self.issued() if each.serial == wanted), None)
        if old is None:
            raise NotFound("certificate", serial)
        if old.revoked_us:
            raise InvalidInput("serial", "is revoked already")
        gone = msgspec.structs.replace(old, revoked_us=now_us)
        self._append(gone)
        self.write_crl(now_us)
        return gone

    def write_crl(self, now_us: int) -> bytes:
        """Sign a new revocation list, keep it as `crl.pem` and return it."""
        with locked(self._folder):
            now = certificates.instant(now_us)
            made = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(self._sub.certificate.subject)
                .last_update(now)
                .next_update(now + timedelta(days=self._settings.crl_days))
                .add_extension(x509.CRLNumber(now_us), critical=False)
            )
            for each in self.issued():
                if each.revoked_us:
                    entry = x509.RevokedCertificateBuilder(
                        int(each.serial, 16), certificates.instant(each.revoked_us)
                    )
                    made = made.add_revoked_certificate(entry.build())
            listed = made.sign(self._sub.key, SHA256()).public_bytes(Encoding.PEM)
            write_private(self._folder / "crl.pem", listed)
        return listed

    def _note(self, made: x509.Certificate, kind: str) -> None:
        self._append(
            Issued(
                serial=f"{made.serial_number:x}",
                name=attributes(made.subject, NameOID.COMMON_NAME)[0],
                not_before_us=round(made.not_valid_before_utc.timestamp() * 1e6),
                not_after_us=round(made.not_valid_after_utc.timestamp() * 1e6),
                kind=kind,
            )
        )

    def _append(self, each: Issued) -> None:
        with locked(self._folder), (self._folder / "issued.ndjson").open("ab") as index:
            index.write(msgspec.json.encode(each) + b"\n")


def _make(folder: Path, settings: PkiSettings, now_us: int) -> None:
    """Make root and sub-CA. `sub.pem` is written last: it says that all is there."""
    life = settings.authority_days
    key = ec.generate_private_key(ec.SECP256R1())
    root = certificates.root(
        certificates.subject(f"{settings.operator} root", settings.operator), key, now_us, life
    )
    sub_key = ec.generate_private_key(ec.SECP256R1())
    name = certificates.subject(f"{settings.operator} chargers", settings.operator)
    sub = root.authority(name, sub_key, now_us, life)
    write_key(folder / "root.key", key)
    write_key(folder / "sub.key", sub_key)
    write_private(folder / "root.pem", pem(root.certificate))
    write_private(folder / "sub.pem", pem(sub.certificate))


def server_files(folder: Path) -> tuple[tuple[Path, Path], ...]:
    """Return where our own chains and keys by the built-in authority are: ECDSA, then RSA."""
    return tuple(
        (folder / f"server-{kind}.pem", folder / f"server-{kind}.key") for kind in ("ecdsa", "rsa")
    )


def renew_server(folder: Path, settings: PkiSettings, names: tuple[str, ...], now_us: int) -> bool:
    """Make our own certificates where they are missing or due; return whether any was made.

    Due: a third of its life is left, or other names are wanted. Gateways see changed files by
    themselves.
    """
    authority = LocalAuthority.open(folder, settings, now_us)
    made = False
    for chain, key_file in server_files(folder):
        if chain.exists() and key_file.exists() and _is_fresh(chain, names, now_us):
            continue
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
        if key_file.exists():
            key = read_key(key_file)
        elif "rsa" in key_file.name:
            key = rsa.generate_private_key(65_537, RSA_BITS)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
        if not key_file.exists():
            write_key(key_file, key)
        write_private(chain, authority.certify_server(names, key.public_key(), now_us))
        made = True
    return made


def _is_fresh(chain: Path, names: tuple[str, ...], now_us: int) -> bool:
    certificate = load_certificates(chain)[0]
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if certificates.instant(now_us) > end - (end - begin) / 3:
        return False
    wanted = certificates.host_names(names)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found == wanted
