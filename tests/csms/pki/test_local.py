import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from csms.pki.local import LocalAuthority, renew_server, server_files
from csms.pki.requests import checked
from csms.pki.revocations import load_certificates, revoked
from domain.errors import ConfigError, InvalidInput, NotFound
from tests.csms.pki.kit import NOW_US, OPERATOR, SETTINGS, Pki, csr, new_key

DAY_US = 86_400_000_000
NAMES = ("localhost", "127.0.0.1")


async def test_a_request_becomes_a_chain_that_openssl_believes(pki, tmp_path) -> None:
    chain = await pki.authority.sign(csr("SN-1"), "CP1", "SN-1", NOW_US)
    (tmp_path / "leaf.pem").write_text(chain)
    root, sub = pki.folder / "root.pem", pki.folder / "sub.pem"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient"]
    said = subprocess.run(
        [*command, "-CAfile", root, "-untrusted", sub, tmp_path / "leaf.pem"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert len(chain) < 5_000
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    assert leaf.subject.rfc4514_string() == f"O={OPERATOR},CN=SN-1"


BAD_REQUESTS = {
    "another charger's": (lambda: csr("CP2"), "csr.CN"),
    "another operator's": (lambda: csr("CP1", operator="Other"), "csr.O"),
    "no operator's": (lambda: csr("CP1", operator=""), "csr.O"),
    "forged": (lambda: csr("CP1", forged=True), "csr.signature"),
    "weak RSA": (lambda: csr("CP1", rsa.generate_private_key(65_537, 1_024)), "csr.key"),
    "weak curve": (lambda: csr("CP1", ec.generate_private_key(ec.SECP192R1())), "csr.key"),
    "no PEM": (lambda: "no PEM", "csr"),
    "too long": (lambda: csr("CP1") + " " * 6_000, "csr"),
}


@pytest.mark.parametrize("kind", BAD_REQUESTS)
async def test_a_bad_request_is_refused_by_the_rule_that_it_breaks(pki, kind) -> None:
    make, field = BAD_REQUESTS[kind]
    with pytest.raises(InvalidInput) as caught:
        await pki.authority.sign(make(), "CP1", "", NOW_US)
    assert caught.value.field == field
    assert not [each for each in pki.authority.issued() if each.kind == "charger"]


def test_a_key_of_another_kind_is_refused() -> None:
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(ed25519.Ed25519PrivateKey.generate(), None)
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    with pytest.raises(InvalidInput, match="kind"):
        checked(made.public_bytes(Encoding.PEM).decode(), ("CP1",), OPERATOR)


def test_keys_are_for_their_owner_only(pki) -> None:
    for path in pki.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.suffix == ".ndjson", path
    (pki.folder / "sub.key").chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        LocalAuthority(pki.folder, SETTINGS)


def test_opening_twice_makes_one_authority(tmp_path) -> None:
    first = LocalAuthority.open(tmp_path / "ca", SETTINGS, NOW_US)
    again = LocalAuthority.open(tmp_path / "ca", SETTINGS, NOW_US)
    assert first.root == again.root


def test_a_revoked_certificate_is_in_the_list_and_the_list_is_signed(pki) -> None:
    pki.authority.certify(x509.Name.from_rfc4514_string("CN=CP1"), new_key().public_key(), NOW_US)
    made = pki.authority.issued()[-1]
    pki.authority.revoke(made.serial, NOW_US)
    own = load_certificates(pki.folder / "sub.pem")
    found = revoked([pki.folder / "crl.pem"], own)
    assert [serial for _, serial in found] == [int(made.serial, 16)]
    assert pki.authority.issued()[-1].revoked_us == NOW_US
    with pytest.raises(InvalidInput):
        pki.authority.revoke(made.serial, NOW_US)
    with pytest.raises(NotFound):
        pki.authority.revoke("abc", NOW_US)
    with pytest.raises(ConfigError, match="signed this list"):
        revoked([pki.folder / "crl.pem"], [pki.stranger().certificate])


def test_our_own_certificates_are_renewed_in_time_and_for_other_names(pki) -> None:
    assert not renew_server(pki.folder, SETTINGS, NAMES, NOW_US)
    assert not renew_server(pki.folder, SETTINGS, NAMES, NOW_US + 15 * DAY_US)
    keys = [key.read_bytes() for _, key in server_files(pki.folder)]
    assert renew_server(pki.folder, SETTINGS, NAMES, NOW_US + 21 * DAY_US)
    assert [key.read_bytes() for _, key in server_files(pki.folder)] == keys
    assert renew_server(pki.folder, SETTINGS, ("example.com",), NOW_US + 21 * DAY_US)
    assert "example.com" in str(
        load_certificates(pki.folder / "server-rsa.pem")[0]
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value.get_values_for_type(x509.DNSName)
    )


def test_a_line_that_was_cut_off_hides_no_other(pki) -> None:
    before = len(pki.authority.issued())
    with (pki.folder / "issued.ndjson").open("ab") as index:
        index.write(b'{"serial":"1')
    assert len(pki.authority.issued()) == before


def test_pki_copies_are_the_same_authority(pki, shared_pki) -> None:
    assert Pki(pki.folder).authority.root == shared_pki.authority.root
