"""Keys, profiles and roots over REST."""

import json
from collections.abc import AsyncIterator

import pytest

from csms.config import load_config
from csms.pki.local import LocalAuthority
from domain.security_upgrade import profiles
from tests.csms.api.node import Api
from tests.csms.pki.kit import NOW_US

HERE = "/api/v1/chargers/CP1"


@pytest.fixture
async def online(api: Api) -> AsyncIterator[Api]:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "generate_password": True})
    api.peers.connect("CP1")
    return api


async def test_a_key_is_rotated_and_shown_to_nobody(online: Api) -> None:
    status, told = await online.ask("POST", f"{HERE}/security/key")
    assert (status, told["verdict"], told["both_valid_until_us"]) == (200, "taken", 0)
    ((command, _),) = online.peers.commands
    assert command.payload["value"] not in json.dumps(told)
    assert command.issued_by.startswith("admin")


async def test_an_answer_that_is_lost_is_told_as_not_known_and_can_be_withdrawn(
    online: Api,
) -> None:
    online.peers.result = {"outcome": "lost"}
    status, told = await online.ask("POST", f"{HERE}/security/key")
    assert (status, told["verdict"]) == (202, "unknown")
    assert told["both_valid_until_us"] > 0
    status, problem = await online.ask("POST", f"{HERE}/security/key")
    assert (status, problem["type"]) == (409, "urn:csms:problem:busy")
    assert (await online.ask("DELETE", f"{HERE}/security/key"))[0] == 204
    assert (await online.registry.get_charger("CP1")).candidate is None


async def test_a_higher_profile_is_pending_and_a_lower_one_is_invalid(online: Api) -> None:
    status, told = await online.ask("POST", f"{HERE}/security/profile", {"profile": 2})
    assert (status, told["verdict"]) == (200, "taken")
    assert profiles(await online.registry.get_charger("CP1")) == (1, 2)
    status, problem = await online.ask("POST", f"{HERE}/security/profile", {"profile": 1})
    assert (status, problem["type"]) == (422, "urn:csms:problem:invalid")


async def test_onboarding_needs_a_pending_charger(online: Api) -> None:
    assert (await online.ask("POST", f"{HERE}/security/onboard"))[0] == 422
    await online.ask("PATCH", HERE, {"registration": "Pending"})
    status, told = await online.ask("POST", f"{HERE}/security/onboard")
    assert (status, told["verdict"], len(told["commands"])) == (200, "taken", 2)
    assert (await online.get(HERE))["registration"] == "Accepted"


WRITES = [
    ("POST", "/security/key", None),
    ("DELETE", "/security/key", None),
    ("POST", "/security/profile", {"profile": 2}),
    ("POST", "/security/onboard", None),
    ("POST", "/certificates", {"certificate": "x"}),
    ("DELETE", "/certificates/1", None),
    ("GET", "/certificates", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_trust_of_a_charger_is_for_admins_of_its_tenant(
    online: Api, method, path, body
) -> None:
    for role, status in (("operator", 403), ("viewer", 403), ("other", 404), ("wrong", 401)):
        assert (await online.ask(method, HERE + path, body, role))[0] == status
    assert online.peers.commands == []


@pytest.mark.parametrize(("method", "path", "body"), WRITES[:1] + WRITES[2:3] + WRITES[5:])
async def test_nothing_is_done_to_a_charger_that_is_away(api: Api, method, path, body) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "generate_password": True})
    status, problem = await api.ask(method, HERE + path, body)
    assert (status, problem["type"]) == (409, "urn:csms:problem:charger_offline")


def authority(api: Api) -> LocalAuthority:
    config = load_config(data=api.config.data, environ={})
    return LocalAuthority.open(config.paths.pki, config.pki, NOW_US)


async def test_the_root_of_the_built_in_authority_is_installed_by_default(online: Api) -> None:
    assert (await online.ask("POST", f"{HERE}/certificates", {}))[0] == 422
    authority(online)
    status, made = await online.ask("POST", f"{HERE}/certificates", {})
    assert status == 201
    assert made["subject"] == "O=csms,CN=csms root"
    ((command, _),) = online.peers.commands
    assert command.action == "InstallCertificate"
    assert command.payload["certificateType"] == "CentralSystemRootCertificate"
    online.peers.result = {"outcome": "rejected", "response": {"status": "Rejected"}}
    status, problem = await online.ask("POST", f"{HERE}/certificates", {})
    assert (status, problem["type"]) == (409, "urn:csms:problem:refused_by_charger")


async def test_what_is_no_root_never_reaches_a_charger(online: Api) -> None:
    made = authority(online)
    sub = (online.config.paths.pki / "sub.pem").read_text()
    assert made.sub.subject != made.root.subject
    for text in ("hello", sub, sub * 2):
        body = {"kind": "csms", "certificate": text}
        status, problem = await online.ask("POST", f"{HERE}/certificates", body)
        assert (status, problem["errors"][0]["field"]) == (422, "certificate")
    assert online.peers.commands == []


def listed(*serials: str) -> dict[str, object]:
    rows = [
        {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": n}
        for n in serials
    ]
    return {
        "outcome": "accepted",
        "response": {"status": "Accepted", "certificateHashData": rows},
    }


async def test_roots_are_listed_and_removed_but_never_the_last_one(online: Api) -> None:
    online.peers.result = listed("0A", "0B")
    found = await online.get(f"{HERE}/certificates?kind=csms")
    assert [each["serialNumber"] for each in found["items"]] == ["0A", "0B"]
    assert (await online.ask("DELETE", f"{HERE}/certificates/c"))[0] == 404
    assert (await online.ask("DELETE", f"{HERE}/certificates/0xa"))[0] == 200
    command, _ = online.peers.commands[-1]
    assert command.action == "DeleteCertificate"
    assert command.payload["certificateHashData"]["serialNumber"] == "0A"
    online.peers.result = listed("0B")
    status, problem = await online.ask("DELETE", f"{HERE}/certificates/b")
    assert (status, problem["type"]) == (409, "urn:csms:problem:last_root")
    assert (await online.ask("DELETE", f"{HERE}/certificates/b?force=true"))[0] == 200
    online.peers.result = {"outcome": "rejected", "response": {"status": "NotFound"}}
    assert (await online.get(f"{HERE}/certificates"))["items"] == []
