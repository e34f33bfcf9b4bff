"""What is sent in each version, and what answers mean."""

import json

import pytest

from csms.security import steps
from csms.security.roots import checked_root, hash_data, same_hash
from csms.security.steps import PNC_VENDOR, Network, Verdict, verdict
from domain.commands import CommandResult
from domain.errors import InvalidInput
from protocol.redact import redact
from protocol.schemas import load_schemas
from tests.csms.pki.kit import NOW_US, Pki

SCHEMAS = {
    "ocpp1.6": ("v16", ""),
    "ocpp2.0.1": ("v201", "Request"),
    "ocpp2.1": ("v21", "Request"),
}
NETWORK = Network("wss://csms.example.com/ocpp")
HASHED = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "1",
}


@pytest.mark.parametrize("version", SCHEMAS)
def test_every_step_is_as_its_version_has_it(version) -> None:
    schemas = load_schemas(*SCHEMAS[version])
    made = [
        steps.new_key(version, "0" * 40),
        *steps.higher_profile(version, 2, NETWORK),
        steps.boot_again(version),
        *(steps.install(version, kind, "PEM") for kind in steps.KINDS),
        *(steps.installed(version, kind) for kind in steps.KINDS),
        *(steps.delete(version, kind, HASHED) for kind in steps.KINDS),
    ]
    for step in made:
        assert schemas.request(step.action).flags(step.payload) == (), step


@pytest.mark.parametrize("version", SCHEMAS)
def test_t23_a_new_key_is_hidden_wherever_its_step_is_written_down(version) -> None:
    payload = steps.new_key(version, "ab" * 20).payload
    assert b"abab" not in redact(payload, json.dumps(payload).encode())


@pytest.mark.parametrize("kind", ["v2g", "mo"])
def test_roots_of_iso_15118_reach_a_charger_of_16_by_data_transfer(kind) -> None:
    step = steps.install("ocpp1.6", kind, "PEM")
    assert step.action == "DataTransfer"
    assert step.payload["vendorId"] == PNC_VENDOR
    assert step.payload["messageId"] == "InstallCertificate"
    inner = json.loads(step.payload["data"])
    assert load_schemas("v201", "Request").request("InstallCertificate").flags(inner) == ()


@pytest.mark.parametrize(
    ("result", "means"),
    [
        (None, "refused"),
        (CommandResult("1", "refused"), "refused"),
        (CommandResult("1", "expired"), "refused"),
        (CommandResult("1", "accepted", {"status": "Accepted"}), "taken"),
        (CommandResult("1", "accepted", {"status": "RebootRequired"}), "unknown"),
        (CommandResult("1", "rejected", {"status": "Rejected"}), "refused"),
        (CommandResult("1", "rejected", {"status": "NotSupported"}), "refused"),
        (CommandResult("1", "accepted", {"setVariableResult": [{"attributeStatus": "Accepted"}]}), "taken"),
        (CommandResult("1", "accepted", {"setVariableResult": [{"attributeStatus": "Rejected"}]}), "refused"),
        (CommandResult("1", "accepted", {"setVariableResult": [{"attributeStatus": "RebootRequired"}]}), "unknown"),
        (CommandResult("1", "accepted", {"status": "Accepted", "data": '{"status":"Rejected"}'}), "refused"),
        (CommandResult("1", "accepted", {"status": "Accepted", "data": '{"status":"Accepted"}'}), "taken"),
        (CommandResult("1", "error", error_code="NotSupported"), "refused"),
        (CommandResult("1", "error", error_code="InternalError"), "unknown"),
        (CommandResult("1", "error", error_code=""), "unknown"),
        (CommandResult("1", "timed_out"), "unknown"),
        (CommandResult("1", "lost"), "unknown"),
        (CommandResult("1", "accepted", {}), "refused"),
    ],
)  # fmt: skip
def test_only_what_is_sure_is_taken_for_sure(result, means) -> None:
    assert verdict(result) is Verdict(means)


def test_hashes_are_found_in_the_answers_of_all_versions() -> None:
    of_16 = {"status": "Accepted", "certificateHashData": [HASHED]}
    chain = [{"certificateType": "CSMSRootCertificate", "certificateHashData": HASHED}]
    of_201 = {"status": "Accepted", "certificateHashDataChain": chain}
    wrapped = {"status": "Accepted", "data": json.dumps(of_201)}
    for answer in (of_16, of_201, wrapped):
        assert steps.hashes(answer) == [HASHED]
    for odd in ({}, {"certificateHashData": 3}, {"certificateHashDataChain": [1, {}]}):
        assert steps.hashes(odd) == []


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def test_a_root_is_told_from_everything_else(pki) -> None:
    folder = pki.folder
    root = checked_root((folder / "root.pem").read_text(), NOW_US, 5_500)
    assert len(root.fingerprint) == 64
    assert same_hash(hash_data(root.text), {**hash_data(root.text), "serialNumber": "0" + hash_data(root.text)["serialNumber"].upper()})  # fmt: skip
    bad = {
        "hello": "no PEM",
        (folder / "sub.pem").read_text(): "not signed itself",
        (folder / "server-ecdsa.pem").read_text(): "instead of one root",
        (folder / "root.key").read_text(): "private key",
        root.text * 9: "are allowed",
    }
    for text, rule in bad.items():
        with pytest.raises(InvalidInput, match=rule):
            checked_root(text, NOW_US, 5_500)
    with pytest.raises(InvalidInput, match="expired"):
        checked_root(root.text, NOW_US + 40_000 * 86_400_000_000, 5_500)
