"""Contracts of ISO 15118 and OCSP, all offline."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from csms.pki.certificates import instant, subject
from csms.pki.contracts import ContractCheck, ContractStatus
from csms.pki.files import pem
from csms.pki.ocsp import Revocation, allowed, hash_of, read, request, request_by_hash
from csms.pki.v2g import EMAIDS, contract, make_test_pki, new_key, write_test_pki
from domain.errors import ConfigError
from domain.reports import CertificateHash
from tests.csms.pki.kit import NOW_US

EMAID = EMAIDS[0]
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def v2g():
    return make_test_pki(NOW_US)


def good(_hash: CertificateHash) -> Revocation:
    return Revocation.GOOD


def check(v2g, ask=good, **more) -> ContractCheck:
    return ContractCheck([v2g.mo[0].certificate], ask, **more)


def test_a_contract_of_a_trusted_root_is_accepted(v2g) -> None:
    leaf = v2g.contracts[EMAID]
    assert check(v2g).verify(leaf.pem, EMAID, NOW_US) == "Accepted"
    assert check(v2g).verify(leaf.pem, "de-8aa-cA2B3C4D-5", NOW_US) == "Accepted"


CHAINS = {
    "of another root": (lambda v: v.charger.pem, "CertChainError"),
    "without its authorities": (
        lambda v: pem(v.contracts[EMAID].certificate).decode(),
        "CertChainError",
    ),
    "somebody else's": (lambda v: v.contracts[EMAIDS[1]].pem, "CertChainError"),
    "expired": (lambda v: contract(v.mo, EMAID, NOW_US - 2 * DAY_US, 1).pem, "CertificateExpired"),
    "of the future": (lambda v: contract(v.mo, EMAID, NOW_US + DAY_US).pem, "CertificateExpired"),
    "no PEM": (lambda v: "hello", "CertChainError"),
    "empty": (lambda v: "", "NoCertificateAvailable"),
    "too long": (lambda v: v.contracts[EMAID].pem * 5, "CertChainError"),
    "by a contract": (
        lambda v: contract((*v.mo, _signer(v.contracts[EMAID])), EMAID, NOW_US).pem,
        "CertChainError",
    ),
    "by a stranger with the same names": (
        lambda v: contract(make_test_pki(NOW_US).mo, EMAID, NOW_US).pem,
        "SignatureError",
    ),
}


def _signer(leaf):
    from csms.pki.certificates import Signer

    return Signer(leaf.certificate, leaf.key)


@pytest.mark.parametrize("kind", CHAINS)
def test_a_bad_chain_has_its_own_status(v2g, kind) -> None:
    make, status = CHAINS[kind]
    assert check(v2g).verify(make(v2g), EMAID, NOW_US) == status


def test_a_revoked_certificate_anywhere_in_the_chain_counts(v2g) -> None:
    leaf = v2g.contracts[EMAID]
    for bad in (leaf.certificate, v2g.mo[2].certificate, v2g.mo[1].certificate):
        serial = f"{bad.serial_number:x}"

        def ask(hashed, serial=serial):
            return Revocation.REVOKED if hashed.serial == serial else Revocation.GOOD

        assert check(v2g, ask).verify(leaf.pem, EMAID, NOW_US) == "CertificateRevoked"


def test_hashes_are_enough_when_the_charger_has_verified_the_chain(v2g) -> None:
    leaf = v2g.contracts[EMAID]
    hashes = [hash_of(leaf.certificate, v2g.mo[2].certificate)]
    assert check(v2g).verify(hashes, EMAID, NOW_US) == "Accepted"
    away = check(v2g, lambda _hash: Revocation.UNKNOWN)
    assert away.verify(hashes, EMAID, NOW_US) == ContractStatus.NO_CERTIFICATE
    lenient = check(v2g, lambda _hash: Revocation.UNKNOWN, unknown_is_good=True)
    assert lenient.verify(hashes, EMAID, NOW_US) == "Accepted"
    cancelled = check(v2g, cancelled=lambda emaid: emaid == EMAID)
    assert cancelled.verify(hashes, EMAID, NOW_US) == "ContractCancelled"


class TestOcsp:
    def answer(self, v2g, status=ocsp.OCSPCertStatus.GOOD, *, by=None, certificates=(), age_s=0):
        leaf, issuer = v2g.contracts[EMAID].certificate, v2g.mo[2]
        signer = by or issuer
        now = instant(NOW_US) - dt.timedelta(seconds=age_s)
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        built = ocsp.OCSPResponseBuilder().add_response(
            leaf,
            issuer.certificate,
            SHA256(),
            status,
            now,
            now + dt.timedelta(hours=1),
            now if revoked else None,
            None,
        )
        built = built.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if certificates:
            built = built.certificates(certificates)
        return built.sign(signer.key, SHA256()).public_bytes(Encoding.DER)

    def read(self, v2g, response, now_us=NOW_US):
        leaf, issuer = v2g.contracts[EMAID].certificate, v2g.mo[2].certificate
        return read(response, request(leaf, issuer), issuer, now_us)

    def test_both_forms_of_a_request_ask_the_same(self, v2g) -> None:
        leaf, issuer = v2g.contracts[EMAID].certificate, v2g.mo[2].certificate
        assert request_by_hash(hash_of(leaf, issuer)) == request(leaf, issuer)
        with pytest.raises(ValueError, match="MD5"):
            request_by_hash(CertificateHash("MD5", "00", "00", "1"))

    def test_the_issuer_says_good_or_revoked(self, v2g) -> None:
        assert self.read(v2g, self.answer(v2g)) == "Good"
        assert self.read(v2g, self.answer(v2g, ocsp.OCSPCertStatus.REVOKED)) == "Revoked"
        assert self.read(v2g, self.answer(v2g, ocsp.OCSPCertStatus.UNKNOWN)) == "Unknown"

    def test_an_answer_by_somebody_else_does_not_count(self, v2g) -> None:
        assert self.read(v2g, self.answer(v2g, by=v2g.cpo[2])) == "Unknown"

    @pytest.mark.parametrize("appointed", [True, False])
    def test_a_responder_must_be_appointed_by_the_issuer(self, v2g, appointed) -> None:
        key = new_key()
        purposes = (ExtendedKeyUsageOID.OCSP_SIGNING,) if appointed else ()
        made = v2g.mo[2].leaf(subject("responder"), key.public_key(), NOW_US, 1, purposes=purposes)
        from csms.pki.certificates import Signer

        response = self.answer(v2g, by=Signer(made, key), certificates=[made])
        assert self.read(v2g, response) == ("Good" if appointed else "Unknown")

    def test_an_old_answer_or_garbage_does_not_count(self, v2g) -> None:
        assert self.read(v2g, self.answer(v2g, age_s=7_200)) == "Unknown"
        assert self.read(v2g, self.answer(v2g, age_s=-7_200)) == "Unknown"
        assert self.read(v2g, b"garbage") == "Unknown"
        assert self.read(v2g, b"\0" * 70_000) == "Unknown"
        sick = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
        assert self.read(v2g, sick.public_bytes(Encoding.DER)) == "Unknown"

    def test_an_answer_about_another_certificate_does_not_count(self, v2g) -> None:
        other, issuer = v2g.contracts[EMAIDS[1]].certificate, v2g.mo[2].certificate
        response = self.answer(v2g)
        assert read(response, request(other, issuer), issuer, NOW_US) == "Unknown"


HOSTS = {"ocsp.example.com"}
PUBLIC = ["93.184.215.14"]


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://ocsp.example.com/", ["127.0.0.1"]),
        ("http://ocsp.example.com/", ["::1"]),
        ("http://ocsp.example.com/", ["169.254.169.254"]),
        ("http://ocsp.example.com/", ["10.0.0.1"]),
        ("http://ocsp.example.com/", ["::ffff:127.0.0.1"]),
        ("http://ocsp.example.com/", ["fd00::1"]),
        ("http://ocsp.example.com/", ["100.64.0.1"]),
        ("http://ocsp.example.com/", [*PUBLIC, "192.168.0.1"]),
        ("http://ocsp.example.com/", []),
        ("http://127.0.0.1/", ["127.0.0.1"]),
        ("http://2130706433/", PUBLIC),
        ("http://other.example.com/", PUBLIC),
        ("http://ocsp.example.com:22/", PUBLIC),
        ("http://ocsp.example.com:99999/", PUBLIC),
        ("http://ocsp.example.com@evil.example/", PUBLIC),
        ("http://evil@ocsp.example.com/", PUBLIC),
        ("file:///etc/passwd", PUBLIC),
        ("gopher://ocsp.example.com/", PUBLIC),
        ("http://[::1/", PUBLIC),
        ("", PUBLIC),
    ],
)
def test_t8_a_responder_that_a_charger_names_is_not_asked_blindly(url, addresses) -> None:
    assert allowed(url, HOSTS, addresses) != ""


def test_a_listed_responder_with_public_addresses_is_asked() -> None:
    assert allowed("http://OCSP.example.com/path", HOSTS, PUBLIC) == ""
    assert allowed("https://ocsp.example.com:443/", HOSTS, PUBLIC) == ""


def test_the_test_pki_is_written_once(tmp_path) -> None:
    write_test_pki(tmp_path / "v2g", NOW_US)
    names = {path.name for path in (tmp_path / "v2g").iterdir()}
    assert {"v2g-root.pem", "mo-sub2.key", "secc.pem", f"{EMAID}.key"} <= names
    chain = x509.load_pem_x509_certificates((tmp_path / "v2g" / "secc.pem").read_bytes())
    assert len(chain) == 3
    with pytest.raises(ConfigError):
        write_test_pki(tmp_path / "v2g", NOW_US)
