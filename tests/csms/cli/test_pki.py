import pytest
from cryptography import x509
from typer.testing import CliRunner

from csms.cli import app


@pytest.fixture
def run(tmp_path):
    def run(*words: str, code: int = 0) -> str:
        data = () if words[:2] == ("pki", "test-v2g") else ("--data", str(tmp_path / "data"))
        found = CliRunner().invoke(app, [*words, *data])
        assert found.exit_code == code, found.output
        return found.output

    return run


def test_an_authority_is_made_used_and_asked(run, tmp_path) -> None:
    run("pki", "show", code=2)
    assert "root" in run("pki", "init")
    run("pki", "issue", "CP1", str(tmp_path / "out"))
    chain = x509.load_pem_x509_certificates((tmp_path / "out" / "CP1.pem").read_bytes())
    serial = f"{chain[0].serial_number:x}"
    assert serial in run("pki", "show").replace("\n", "")
    run("pki", "revoke", serial)
    run("pki", "revoke", serial, code=2)
    listed = x509.load_pem_x509_crl(run("pki", "crl").encode())
    assert [each.serial_number for each in listed] == [chain[0].serial_number]
    root = x509.load_pem_x509_certificate(run("pki", "root").encode())
    assert chain[1].issuer == root.subject


def test_a_test_pki_is_written(run, tmp_path) -> None:
    run("pki", "test-v2g", str(tmp_path / "v2g"))
    assert (tmp_path / "v2g" / "mo-root.pem").exists()


def test_a_charger_is_made_more_secure_and_never_less(run) -> None:
    run("charger", "add", "CP1", "--serial-number", "SN-1")
    assert "wss://" in run("charger", "secure", "CP1", "--security-profile", "2")
    run("charger", "secure", "CP1", "--security-profile", "1", code=2)
