"""Plug & Charge over a real gateway and a real contract desk: 2.0.1, and 1.6 by DataTransfer."""

import asyncio
import base64
import json

import pytest
from cryptography.x509 import ocsp

from csms.gateway.questions import Questions
from csms.pki.v2g import EMAIDS, make_test_pki
from domain.events import CertificateRequested, MessageExchanged, NoticeReported, TokenChecked
from domain.records import TokenRecord
from protocol.v16.plug_and_charge import VENDOR
from protocol.versions import VERSIONS
from tests.csms.gateway.harness import boot, call, gateway_running
from tests.csms.pki.http_peer import http_peer, ok
from tests.csms.pki.kit import NOW_US
from tests.csms.pki.test_contract_desk import EXI, REVOKED, Responder, desk, hashed, leaf_with

EMAID = EMAIDS[0]
TOKENS = (TokenRecord(EMAID), TokenRecord(EMAIDS[1], status="Blocked"))


@pytest.fixture(scope="module")
def v2g():
    return make_test_pki(NOW_US)


def asks(contracts) -> Questions:
    async def ask(question):
        # As over the link: only what MessagePack can carry.
        asked = json.loads(json.dumps(question))
        return await contracts.answer(asked["question"], asked["body"])

    return Questions(ask, 5.0, 100)


async def say(socket, version: str, action: str, payload: dict, uid: str) -> dict:
    """Send a message in a charger's version and return the payload of 2.0.1 that answers it."""
    if version != "ocpp1.6":
        answer = await call(socket, action, payload, uid)
        assert answer[0] == 3, answer
        return answer[2]
    wrapped = {"vendorId": VENDOR, "messageId": action, "data": json.dumps(payload)}
    answer = await call(socket, "DataTransfer", wrapped, uid)
    assert answer[0] == 3, answer
    assert answer[2]["status"] == "Accepted"
    return json.loads(answer[2]["data"])


async def booted(socket, version: str) -> None:
    if version == "ocpp1.6":
        await boot(socket)
    else:
        payload = {
            "reason": "PowerUp",
            "chargingStation": {"vendorName": "V", "model": "M"},
        }
        assert (await call(socket, "BootNotification", payload, "boot"))[0] == 3


def on_wire(about) -> dict:
    return {
        "hashAlgorithm": about.algorithm,
        "issuerNameHash": about.issuer_name_hash,
        "issuerKeyHash": about.issuer_key_hash,
        "serialNumber": about.serial,
        "responderURL": about.responder,
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_contract_authorizes_when_it_and_its_token_are_good(tmp_path, v2g, version) -> None:
    responder = Responder(v2g)
    async with (
        http_peer(responder) as peer,
        gateway_running(tmp_path, tokens=TOKENS) as node,
    ):
        node.gateway.questions = asks(
            desk(tmp_path, v2g, responders=(peer.place,), unknown_accepted=True)
        )
        good = leaf_with(v2g, peer.url)
        revoked = leaf_with(v2g, peer.url)
        responder.states[revoked.certificate.serial_number] = REVOKED
        blocked = leaf_with(v2g, peer.url, EMAIDS[1])
        unknown = leaf_with(v2g, peer.url, "DE8AAUNKNOWN01")
        stranger = leaf_with(make_test_pki(NOW_US), peer.url)

        def by_hash(leaf):
            return {"iso15118CertificateHashData": [on_wire(hashed(v2g, leaf, peer.url))]}

        cases = [
            (EMAID, by_hash(good), "Accepted", "Accepted"),
            (EMAID, {"certificate": good.pem}, "Accepted", "Accepted"),
            (EMAID, by_hash(revoked), "Invalid", "CertificateRevoked"),
            (EMAID, {"certificate": stranger.pem}, "Invalid", "SignatureError"),
            (EMAID, {"certificate": blocked.pem}, "Invalid", "CertChainError"),
            (EMAIDS[1], by_hash(blocked), "Blocked", "ContractCancelled"),
            ("DE8AAUNKNOWN01", {"certificate": unknown.pem}, "Invalid", "Accepted"),
        ]
        async with node.charger("CP1", subprotocols=(version,)) as socket:
            await booted(socket, version)
            for index, (emaid, shown, token, certificate) in enumerate(cases):
                asked = {"idToken": {"idToken": emaid, "type": "eMAID"}, **shown}
                answer = await say(socket, version, "Authorize", asked, f"a{index}")
                assert answer["idTokenInfo"]["status"] == token, (index, answer)
                assert answer["certificateStatus"] == certificate, (index, answer)
            plain = {"idToken": {"idToken": EMAID, "type": "eMAID"}}
            answer = await say(socket, version, "Authorize", plain, "plain")
            assert answer["idTokenInfo"]["status"] == "Accepted"
            assert "certificateStatus" not in answer
        await node.until(lambda: len(node.events(TokenChecked)) == len(cases) + 1)


@pytest.mark.parametrize("version", VERSIONS)
async def test_certificates_for_cars_and_their_states_reach_a_charger(
    tmp_path, v2g, version
) -> None:
    responder = Responder(v2g)
    document = json.dumps({"status": "Accepted", "exiResponse": "gJgD"}).encode()
    async with (
        http_peer(responder) as peer,
        http_peer(lambda _heard: ok(document)) as pool,
        gateway_running(tmp_path) as node,
        node.charger("CP1", subprotocols=(version,)) as socket,
    ):
        node.gateway.questions = asks(
            desk(tmp_path, v2g, responders=(peer.place,), pools=(pool.url,))
        )
        await booted(socket, version)
        answer = await say(socket, version, "Get15118EVCertificate", EXI, "e")
        assert answer == {"status": "Accepted", "exiResponse": "gJgD"}
        assert json.loads(pool.heard[0].body) == EXI
        about = on_wire(hashed(v2g, leaf_with(v2g, peer.url), peer.url))
        asked = {"ocspRequestData": about}
        answer = await say(socket, version, "GetCertificateStatus", asked, "s")
        assert answer["status"] == "Accepted"
        told = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        assert told.certificate_status is ocsp.OCSPCertStatus.GOOD
        about["responderURL"] = "http://169.254.169.254/"
        about["serialNumber"] = "77"
        answer = await say(socket, version, "GetCertificateStatus", asked, "t")
        assert answer == {"status": "Failed"}
        await node.until(lambda: len(node.events(NoticeReported)) == 3)
        logged = repr([e for e in node.events(MessageExchanged) if e.uid == "e"])
        assert "exiRequest" in logged
        assert "exiResponse" in logged
        assert "gJg" not in logged, "whose a car is and the key of its contract are not logged"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_desk_that_does_not_answer_holds_up_nobody_else(tmp_path, v2g, version) -> None:
    async def never(question):
        await asyncio.Event().wait()

    async with (
        gateway_running(tmp_path, tokens=TOKENS) as node,
        node.charger("CP1", subprotocols=(version,)) as socket,
        node.charger("CP2") as other,
    ):
        node.gateway.questions = Questions(never, 1.0, 100)
        await booted(socket, version)
        chain = v2g.contracts[EMAID].pem
        asked = {"idToken": {"idToken": EMAID, "type": "eMAID"}, "certificate": chain}
        asking = asyncio.create_task(say(socket, version, "Authorize", asked, "a"))
        await node.until(lambda: node.gateway.questions._tasks)
        for index in range(20):
            assert (await call(other, "Heartbeat", {}, str(index)))[0] == 3
        assert not asking.done()
        answer = await asking
        assert answer["certificateStatus"] == "NoCertificateAvailable"
        assert answer["idTokenInfo"]["status"] == "Invalid"
        failed = await say(socket, version, "Get15118EVCertificate", EXI, "e")
        assert failed == {"status": "Failed", "exiResponse": ""}


async def test_a_charger_that_leaves_while_its_question_is_open_leaves_nothing(tmp_path) -> None:
    async def slow(question):
        await asyncio.sleep(0.2)
        return {"status": "Accepted"}

    async with gateway_running(tmp_path) as node:
        node.gateway.questions = Questions(slow, 5.0, 100)
        async with node.charger("CP1", subprotocols=("ocpp1.6",)) as socket:
            await boot(socket)
            data = {"vendorId": VENDOR, "messageId": "Get15118EVCertificate", "data": EXI}
            await socket.send(json.dumps([2, "e", "DataTransfer", data]))
            await node.until(lambda: node.gateway.questions._tasks)
            socket.transport.abort()
        await node.until(lambda: not node.gateway.questions._tasks)
        await node.until(lambda: node.gateway.base.stats.actors == 0)


async def test_16_what_is_no_message_of_plug_and_charge_is_a_transfer_like_any_other(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        for index, data in enumerate(
            (
                {"vendorId": VENDOR, "messageId": "Reset", "data": "{}"},
                {"vendorId": VENDOR, "messageId": "Authorize", "data": "no JSON"},
                {"vendorId": VENDOR, "messageId": "Authorize", "data": "[" * 5_000},
                {"vendorId": VENDOR, "messageId": "Authorize"},
                {"vendorId": "other", "messageId": "Authorize", "data": "{}"},
            )
        ):
            answer = await call(socket, "DataTransfer", data, str(index))
            assert answer[2] == {"status": "UnknownVendorId"}
        csr = {"vendorId": VENDOR, "messageId": "SignCertificate", "data": '{"csr":"PEM"}'}
        answer = await call(socket, "DataTransfer", csr, "csr")
        assert answer[2] == {"status": "Accepted", "data": '{"status":"Rejected"}'}
        assert node.events(CertificateRequested)[0].kind == "V2GCertificate"
