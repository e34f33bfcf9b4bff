"""Contracts, responders and pools: real HTTP on loopback, a V2G PKI, no other network."""

import asyncio
import base64
import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from csms.pki import responders
from csms.pki.certificates import instant, subject
from csms.pki.contract_desk import ContractDesk
from csms.pki.contract_settings import ContractSettings
from csms.pki.fetch import Post, addresses_of, post
from csms.pki.files import pem
from csms.pki.ocsp import hash_of, is_issuer
from csms.pki.pool import ContractPools
from csms.pki.v2g import EMAIDS, Leaf, make_test_pki, new_key
from domain.errors import InvalidInput, Unavailable
from domain.reports import CertificateHash
from tests.csms.pki.http_peer import Heard, http_peer, ok
from tests.csms.pki.kit import NOW_US

EMAID = EMAIDS[0]
GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def v2g():
    return make_test_pki(NOW_US)


class Responder:
    """Answers OCSP for the MO sub-CAs of a PKI; `states` by serial number."""

    def __init__(self, v2g) -> None:
        self.authorities = v2g.mo
        self.states: dict[int, ocsp.OCSPCertStatus] = {}
        self.serials: list[int] = []

    def __call__(self, heard: Heard) -> bytes:
        asked = ocsp.load_der_ocsp_request(heard.body)
        self.serials.append(asked.serial_number)
        status = self.states.get(asked.serial_number, GOOD)
        issuer = next(
            each
            for each in self.authorities
            if hash_of(each.certificate, each.certificate).issuer_key_hash
            == asked.issuer_key_hash.hex()
        )
        now = instant(NOW_US)
        built = ocsp.OCSPResponseBuilder().add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            SHA256(),
            status,
            now,
            now + dt.timedelta(hours=1),
            now if status is REVOKED else None,
            None,
        )
        signed = built.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate).sign(
            issuer.key, SHA256()
        )
        return ok(signed.public_bytes(Encoding.DER))


def leaf_with(v2g, url: str, name: str = EMAID) -> Leaf:
    """A contract that names its responder."""
    key = new_key()
    place = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
    )
    made = v2g.mo[2].leaf(
        subject(name, "Test"),
        key.public_key(),
        NOW_US,
        30,
        purposes=(),
        extra=(x509.AuthorityInformationAccess([place]),),
    )
    return Leaf(made, key, (made, v2g.mo[2].certificate, v2g.mo[1].certificate))


def desk(tmp_path, v2g, *, now_us=lambda: NOW_US, **settings) -> ContractDesk:
    (tmp_path / "mo-root.pem").write_bytes(pem(v2g.mo[0].certificate))
    subs = pem(*(each.certificate for each in v2g.mo[1:]))
    (tmp_path / "mo-subs.pem").write_bytes(subs)
    defaults = {
        "roots": (tmp_path / "mo-root.pem",),
        "authorities": (tmp_path / "mo-subs.pem",),
        "responder_networks": LOOPBACK,
        "ocsp_s": 2.0,
        "pool_s": 2.0,
    }
    return ContractDesk(ContractSettings(**(defaults | settings)), now_us)


def hashed(v2g, leaf: Leaf, url: str) -> CertificateHash:
    return hash_of(leaf.certificate, v2g.mo[2].certificate, url)


async def test_a_contract_is_good_when_its_responder_says_so_and_is_asked_once(
    tmp_path, v2g
) -> None:
    responder = Responder(v2g)
    async with http_peer(responder) as peer:
        made = desk(tmp_path, v2g, responders=(peer.place,))
        leaf = leaf_with(v2g, peer.url)
        hashes = (hashed(v2g, leaf, peer.url),)
        for _ in range(3):
            assert await made.contract(EMAID, "", hashes) == "Accepted"
        assert responder.serials == [leaf.certificate.serial_number]
        assert peer.heard[0].headers["content-type"] == "application/ocsp-request"
        responder.states[leaf.certificate.serial_number] = REVOKED
        assert await desk(tmp_path, v2g, responders=(peer.place,)).contract(EMAID, "", hashes) == (
            "CertificateRevoked"
        )


async def test_an_answer_counts_no_longer_than_it_says(tmp_path, v2g) -> None:
    responder, now = Responder(v2g), [NOW_US]
    async with http_peer(responder) as peer:
        made = desk(tmp_path, v2g, responders=(peer.place,), now_us=lambda: now[0])
        hashes = (hashed(v2g, leaf_with(v2g, peer.url), peer.url),)
        await made.contract(EMAID, "", hashes)
        now[0] += 3_601_000_000
        assert await made.contract(EMAID, "", hashes) == "NoCertificateAvailable"
        assert len(responder.serials) == 2


async def test_a_chain_is_verified_and_each_of_its_certificates_is_asked_for(tmp_path, v2g) -> None:
    """The sub-CAs of the PKI name no responder that may be asked: they stay unknown."""
    responder = Responder(v2g)
    async with http_peer(responder) as peer:
        leaf = leaf_with(v2g, peer.url)
        strict = desk(tmp_path, v2g, responders=(peer.place,))
        assert await strict.contract(EMAID, leaf.pem, ()) == "NoCertificateAvailable"
        lenient = desk(tmp_path, v2g, responders=(peer.place,), unknown_accepted=True)
        assert await lenient.contract(EMAID, leaf.pem, ()) == "Accepted"
        responder.states[leaf.certificate.serial_number] = REVOKED
        fresh = desk(tmp_path, v2g, responders=(peer.place,), unknown_accepted=True)
        assert await fresh.contract(EMAID, leaf.pem, ()) == "CertificateRevoked"
        assert await fresh.contract("DE8AASOMEBODY", leaf.pem, ()) == "CertChainError"


async def test_a_chain_that_is_bad_asks_nobody(tmp_path, v2g) -> None:
    async with http_peer(Responder(v2g)) as peer:
        made = desk(tmp_path, v2g, responders=(peer.place,))
        stranger = leaf_with(make_test_pki(NOW_US), peer.url)
        assert await made.contract(EMAID, stranger.pem, ()) == "SignatureError"
        assert await made.contract(EMAID, "hello", ()) == "CertChainError"
        assert await made.contract(EMAID, "", ()) == "NoCertificateAvailable"
        assert peer.hits == 0


async def test_without_roots_no_contract_is_taken(v2g) -> None:
    made = ContractDesk(ContractSettings(unknown_accepted=True), lambda: NOW_US)
    assert await made.contract(EMAID, v2g.contracts[EMAID].pem, ()) == "NoCertificateAvailable"


@pytest.mark.parametrize("accepted", [False, True])
async def test_the_policy_for_a_responder_that_is_away_is_a_setting(
    tmp_path, v2g, accepted
) -> None:
    made = desk(tmp_path, v2g, responders=("127.0.0.1:9",), unknown_accepted=accepted)
    hashes = (hashed(v2g, leaf_with(v2g, ""), "http://127.0.0.1:9/"),)
    wanted = "Accepted" if accepted else "NoCertificateAvailable"
    assert await made.contract(EMAID, "", hashes) == wanted


async def test_hashes_of_an_authority_that_is_not_ours_prove_nothing(tmp_path, v2g) -> None:
    other = make_test_pki(NOW_US)
    responder = Responder(other)
    async with http_peer(responder) as peer:
        made = desk(tmp_path, v2g, responders=(peer.place,))
        leaf = leaf_with(other, peer.url)
        assert not is_issuer(hashed(other, leaf, ""), v2g.mo[2].certificate)
        status = await made.contract(EMAID, "", (hashed(other, leaf, peer.url),))
        assert status == "NoCertificateAvailable"
        assert peer.hits == 0


async def test_certificate_status_gives_the_responders_own_answer(tmp_path, v2g) -> None:
    responder = Responder(v2g)
    async with http_peer(responder) as peer:
        made = desk(tmp_path, v2g, responders=(peer.place,))
        about = hashed(v2g, leaf_with(v2g, peer.url), peer.url)
        body = {
            "ocspRequestData": {
                "hashAlgorithm": about.algorithm,
                "issuerNameHash": about.issuer_name_hash,
                "issuerKeyHash": about.issuer_key_hash,
                "serialNumber": about.serial,
                "responderURL": about.responder,
            }
        }
        told = await made.answer("GetCertificateStatus", body)
        assert told["status"] == "Accepted"
        answer = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
        assert answer.certificate_status is GOOD
        for broken in ({}, {"ocspRequestData": 7}, {"ocspRequestData": {}}):
            assert await made.answer("GetCertificateStatus", broken) == {"status": "Failed"}
        body["ocspRequestData"]["hashAlgorithm"] = "MD5"
        assert await made.answer("GetCertificateStatus", body) == {"status": "Failed"}
        with pytest.raises(InvalidInput, match="question"):
            await made.answer("Reset", {})


# T8: addresses that chargers name


CANARIES = (
    "http://localhost:{port}/",
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://017700000001:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://good.example@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@good.example/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "http://127.0.0.1:{port}\r\nX: y/",
)


@pytest.mark.parametrize("url", CANARIES)
@pytest.mark.parametrize("listed", [False, True], ids=["unlisted", "listed"])
async def test_t8_no_canary_of_our_own_network_is_ever_reached(tmp_path, v2g, url, listed) -> None:
    """Not even when the name is on the list: what it resolves to is looked at, too."""
    async with http_peer(Responder(v2g)) as canary:
        named = url.format(port=canary.port)
        names = ("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001",
                 "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "good.example")  # fmt: skip
        hosts = tuple(f"{each}:{canary.port}" for each in names) + names if listed else ()
        made = desk(tmp_path, v2g, responders=hosts, responder_networks=(), ocsp_s=1.0)
        about = hashed(v2g, leaf_with(v2g, named), named)
        assert await made.contract(EMAID, "", (about,)) == "NoCertificateAvailable"
        assert canary.hits == 0


async def test_t8_a_name_that_is_not_listed_is_not_even_resolved(
    tmp_path, v2g, monkeypatch
) -> None:
    resolved = []

    async def resolve(host: str) -> list[str]:
        resolved.append(host)
        return ["93.184.215.14"]

    monkeypatch.setattr(responders, "addresses_of", resolve)
    made = desk(tmp_path, v2g, responders=("ocsp.example.com",))
    about = hashed(v2g, leaf_with(v2g, ""), "http://secret-data.evil.example/")
    assert await made.contract(EMAID, "", (about,)) == "NoCertificateAvailable"
    assert resolved == []


async def test_t8_a_name_that_changes_its_address_is_asked_where_it_was_looked_at(
    tmp_path, v2g, monkeypatch
) -> None:
    """DNS rebinding: there is one look-up, and the connection goes to what it gave."""
    answers = [["127.0.0.2"], ["127.0.0.1"]]

    async def resolve(host: str) -> list[str]:
        return answers.pop(0)

    monkeypatch.setattr(responders, "addresses_of", resolve)
    async with http_peer(Responder(v2g)) as canary:
        made = desk(
            tmp_path,
            v2g,
            responders=(f"rebind.example:{canary.port}",),
            responder_networks=("127.0.0.2/32",),
        )
        url = f"http://rebind.example:{canary.port}/"
        about = hashed(v2g, leaf_with(v2g, url), url)
        assert await made.contract(EMAID, "", (about,)) == "NoCertificateAvailable"
        assert canary.hits == 0
        assert len(answers) == 1


async def test_t8_a_redirect_is_not_followed(tmp_path, v2g) -> None:
    async with http_peer(Responder(v2g)) as canary:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {canary.url}/\r\nContent-Length: 0\r\n\r\n"
        async with http_peer(lambda _heard: moved.encode()) as listed:
            made = desk(tmp_path, v2g, responders=(listed.place,))
            about = hashed(v2g, leaf_with(v2g, listed.url), listed.url)
            assert await made.contract(EMAID, "", (about,)) == "NoCertificateAvailable"
            assert (listed.hits, canary.hits) == (1, 0)


async def test_what_answers_slowly_endlessly_or_nonsense_is_given_up(tmp_path) -> None:
    del tmp_path
    loop = asyncio.get_running_loop()
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000
    for answer, drip_s, words in (
        (ok(b"x" * 100), 0.05, "did not answer"),
        (endless, 0.0, "larger than"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 0.0, "answered 500"),
        (b"\x16\x03\x01 what", 0.0, "cannot be asked"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", 0.0, "cannot be asked"),
        (b"", 0.0, "closed|cannot"),
    ):
        async with http_peer(lambda _heard, said=answer: said, drip_s=drip_s) as peer:
            began_s = loop.time()
            wanted = Post(peer.url, ["127.0.0.1"], b"hello", "text/plain")
            with pytest.raises(Unavailable, match=words):
                await post(wanted, 0.5, 65_536)
            assert loop.time() - began_s < 5
    assert await addresses_of("no.such.name.invalid") == []


# certificates for cars


EXI = {
    "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
    "action": "Install",
    "exiRequest": "gJgC",
}


def told(document: object) -> bytes:
    return ok(json.dumps(document).encode())


async def test_a_request_of_a_car_is_forwarded_as_it_is(tmp_path, v2g) -> None:
    async with http_peer(lambda _h: told({"status": "Accepted", "exiResponse": "gJgD"})) as pool:
        made = desk(tmp_path, v2g, pools=(f"{pool.url}/contracts",), pool_secret="hush")
        answer = await made.answer("Get15118EVCertificate", {**EXI, "customData": {"x": 1}})
        assert answer == {"status": "Accepted", "exiResponse": "gJgD"}
        (heard,) = pool.heard
        assert heard.line == "POST /contracts HTTP/1.1"
        assert json.loads(heard.body) == EXI
        assert heard.headers["authorization"] == "Bearer hush"


async def test_the_open_protocol_of_pools_is_spoken(tmp_path, v2g) -> None:
    document = {
        "CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": "gJgD"}}]}
    }
    async with http_peer(lambda _h: told(document)) as pool:
        made = desk(tmp_path, v2g, pools=(pool.url,), pool_form="opcp")
        answer = await made.answer("Get15118EVCertificate", EXI)
        assert answer == {"status": "Accepted", "exiResponse": "gJgD"}
        assert pool.heard[0].line == "POST /v1/ccp/signedContractData HTTP/1.1"
        assert json.loads(pool.heard[0].body) == {
            "certificateInstallationReq": "gJgC",
            "xsdMsgDefNamespace": EXI["iso15118SchemaVersion"],
        }


async def test_the_next_pool_is_asked_when_one_gives_nothing_usable(tmp_path, v2g) -> None:
    del tmp_path, v2g
    bad = [
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        ok(b"<html>"),
        told({"status": "Maybe", "exiResponse": "x"}),
        told({"status": "Accepted"}),
        told({"status": "Accepted", "exiResponse": "x" * 20_000}),
        told([]),
    ]
    for answer in bad:
        async with (
            http_peer(lambda _h, said=answer: said) as first,
            http_peer(lambda _h: told({"status": "Accepted", "exiResponse": "ok"})) as second,
        ):
            pools = ContractPools(ContractSettings(pools=(first.url, second.url), pool_s=2.0))
            assert (await pools.certificate(EXI))["exiResponse"] == "ok"
            assert (first.hits, second.hits) == (1, 1)


async def test_without_a_pool_that_answers_the_car_gets_nothing(tmp_path, v2g) -> None:
    failed = {"status": "Failed", "exiResponse": ""}
    assert await desk(tmp_path, v2g).answer("Get15118EVCertificate", EXI) == failed
    async with http_peer(lambda _h: told({}), drip_s=0.1) as slow:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        made = desk(tmp_path, v2g, pools=(slow.url, slow.url), pool_s=0.4)
        assert await made.answer("Get15118EVCertificate", EXI) == failed
        assert loop.time() - began_s < 3
    assert await desk(tmp_path, v2g, pools=("http://127.0.0.1:9",)).answer(
        "Get15118EVCertificate", {}
    ) == failed  # fmt: skip
