"""A V2G PKI for tests: everything that Plug & Charge needs, offline (ISO 15118-2 annex F).

    V2G root ─▶ CPO sub-CA 1 ─▶ CPO sub-CA 2 ─▶ the charger's certificate (SECC)
    MO root  ─▶ MO sub-CA 1  ─▶ MO sub-CA 2  ─▶ contracts, CN = eMAID

Keys are P-256, as ISO 15118-2 asks. Not for real use: the roots' keys lie beside the certificates.
"""

from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID

from csms.pki.certificates import Signer, root, subject
from csms.pki.files import PrivateKey, pem, write_key, write_private
from domain.errors import ConfigError

EMAIDS = ("DE8AACA2B3C4D5", "DE8AACA2B3C4D6")
YEARS_DAYS = 3_650
CONTRACT_DAYS = 730
RESPONDER = "http://ocsp.example.com/"


class Leaf(NamedTuple):
    """A certificate, its key, and its chain (itself first, without the root)."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> str:
        """The chain as PEM."""
        return pem(*self.chain).decode()


class V2gPki(NamedTuple):
    """`cpo` and `mo`: root, sub-CA 1, sub-CA 2."""

    cpo: tuple[Signer, Signer, Signer]
    mo: tuple[Signer, Signer, Signer]
    charger: Leaf
    contracts: dict[str, Leaf]


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def contract(
    authorities: tuple[Signer, ...],
    name: str,
    now_us: int,
    days: int = CONTRACT_DAYS,
) -> Leaf:
    """Return a new leaf below the last of `authorities`."""
    key = new_key()
    responder = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(RESPONDER)
            )
        ]
    )
    made = authorities[-1].leaf(
        subject(name, "Test"), key.public_key(), now_us, days, purposes=(), extra=(responder,)
    )
    above = tuple(each.certificate for each in reversed(authorities[1:]))
    return Leaf(made, key, (made, *above))


def make_test_pki(now_us: int) -> V2gPki:
    """Return a new PKI."""
    cpo = _authorities("V2G", "CPO", now_us)
    mo = _authorities("MO", "MO", now_us)
    return V2gPki(
        cpo,
        mo,
        contract(cpo, "DE*CPO*SECC1", now_us),
        {emaid: contract(mo, emaid, now_us) for emaid in EMAIDS},
    )


def _authorities(first: str, below: str, now_us: int) -> tuple[Signer, Signer, Signer]:
    top = root(subject(f"{first} root (test)", "Test", "V2G"), new_key(), now_us, YEARS_DAYS)
    one = top.authority(subject(f"{below} sub-CA 1 (test)"), new_key(), now_us, YEARS_DAYS, 1)
    two = one.authority(subject(f"{below} sub-CA 2 (test)"), new_key(), now_us, YEARS_DAYS, 0)
    return top, one, two


def write_test_pki(folder: Path, now_us: int) -> None:
    """Write a new PKI into a new folder: NAME.pem and NAME.key.

    Raises:
        ConfigError: the folder exists.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise ConfigError([f"{folder}: exists; choose a new folder"]) from error
    made = make_test_pki(now_us)
    for kind, authorities in (("v2g", made.cpo), ("mo", made.mo)):
        for name, signer in zip(("root", "sub1", "sub2"), authorities, strict=True):
            write_private(folder / f"{kind}-{name}.pem", pem(signer.certificate))
            write_key(folder / f"{kind}-{name}.key", signer.key)
    for name, leaf in {"secc": made.charger, **made.contracts}.items():
        write_private(folder / f"{name}.pem", pem(*leaf.chain))
        write_key(folder / f"{name}.key", leaf.key)
