"""Security profiles 2 and 3 on real sockets."""

import asyncio
import contextlib
import shutil
import socket as sockets
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS
from csms.gateway.settings import GatewaySettings
from csms.pki import certificates
from csms.pki.client_certificate import Trust, fault
from domain.errors import ConfigError
from domain.events import ChargerConnected, ConnectionRefused, SecurityRaised
from domain.records import ChargerRecord
from domain.security_upgrade import ask_profile
from tests.csms.gateway.harness import KEY, boot, call, gateway_running, keyed
from tests.csms.pki.kit import NOW_US, OPERATOR, SERVER, Pki, new_key

ORGANIZATION = NameOID.ORGANIZATION_NAME
YEAR_US = 365 * 86_400_000_000


@pytest.fixture(scope="module")
def shared_pki(tmp_path_factory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def pki(shared_pki, tmp_path) -> Pki:
    """A copy that a test may change: RSA keys take half a second."""
    shutil.copytree(shared_pki.folder, tmp_path / "pki")
    return Pki(tmp_path / "pki")


def refusal(node, count: int = 1) -> ConnectionRefused:
    found = node.events(ConnectionRefused)
    assert len(found) == count, found
    return found[-1]


async def refused(node, *args, **more) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with node.charger(*args, **more):
            pass
    return caught.value.response.status_code


async def test_a_charger_of_profile_2_signs_in_over_tls(tmp_path, pki) -> None:
    charger = keyed("CP1", security_profile=2)
    async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
        async with node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as socket:
            assert socket.transport.get_extra_info("cipher")[1] == "TLSv1.3"
            assert (await boot(socket))[2]["status"] == "Accepted"
        assert await refused(node, "CP1", "wrong", listener=TLS, ssl=pki.client()) == 401
        assert node.events(ChargerConnected)[0].security_profile == 2


async def test_large_messages_in_both_directions_pass_through_tls(tmp_path, pki) -> None:
    charger = keyed("CP1", security_profile=2)
    async with (
        gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node,
        node.charger("CP1", KEY, listener=TLS, ssl=pki.client(), compression=None) as socket,
    ):
        await boot(socket)
        for size in (100, 16_384, 16_385, 200_000):
            data = {"vendorId": "V", "data": "x" * size}
            assert (await call(socket, "DataTransfer", data, f"d{size}"))[0] == 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_charger_of_profile_3_signs_in_by_its_certificate(tmp_path, pki, version) -> None:
    charger = ChargerRecord(id="CP1", security_profile=3)
    context = pki.client("CP1")
    context.minimum_version = context.maximum_version = version
    async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
        async with node.charger("CP1", listener=MUTUAL_TLS, ssl=context) as socket:
            assert (await boot(socket))[2]["status"] == "Accepted"
        with pytest.raises((ssl.SSLError, ConnectionError, InvalidMessage, EOFError)):
            async with node.charger("CP1", listener=MUTUAL_TLS, ssl=pki.client()):
                pass
        await node.until(lambda: node.events(ConnectionRefused))
        assert refusal(node).reason == "tls_failed"
        assert "did not return a certificate" in refusal(node).detail


async def test_the_serial_number_of_a_record_is_a_name_too(tmp_path, pki) -> None:
    charger = ChargerRecord(id="CP1", security_profile=3, serial_number="SN-77")
    async with (
        gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node,
        node.charger("CP1", listener=MUTUAL_TLS, ssl=pki.client("SN-77")) as socket,
    ):
        assert (await boot(socket))[0] == 3


PROFILES = {0: PLAIN, 1: PLAIN, 2: TLS, 3: MUTUAL_TLS}


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_a_charger_may_come_with_its_own_profile_only(tmp_path, pki, profile) -> None:
    charger = keyed("CP1", security_profile=profile, networks=("127.0.0.0/8",))
    wrong = [each for each in (PLAIN, TLS, MUTUAL_TLS) if each is not PROFILES[profile]]
    async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
        for listener in wrong:
            context = pki.client("CP1") if listener.encrypted else None
            assert await refused(node, "CP1", KEY, listener=listener, ssl=context) == 401
            assert (await node.refusal(-1)).reason == "security_profile"
        listener = PROFILES[profile]
        context = pki.client("CP1") if listener.encrypted else None
        async with node.charger("CP1", KEY, listener=listener, ssl=context) as socket:
            assert (await boot(socket))[0] == 3


async def test_unknown_chargers_are_not_enrolled_over_tls(tmp_path, pki) -> None:
    async with gateway_running(tmp_path, contexts=pki.contexts()) as node:
        assert await refused(node, "NEW", KEY, listener=TLS, ssl=pki.client()) == 401
        context = pki.client("NEW")
        assert await refused(node, "NEW", listener=MUTUAL_TLS, ssl=context) == 401
        assert node.gateway.directory.charger("NEW") is None
        assert refusal(node, 2).tls.startswith("TLSv1.3 TLS_")


@pytest.mark.parametrize(
    ("settings", "cipher", "works"),
    [
        ({}, "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ({}, "ECDHE-ECDSA-AES256-GCM-SHA384", True),
        ({}, "ECDHE-RSA-AES128-GCM-SHA256", True),
        ({}, "ECDHE-RSA-AES256-GCM-SHA384", True),
        ({}, "AES128-GCM-SHA256", False),
        ({}, "ECDHE-RSA-AES128-SHA", False),
        ({}, "ECDHE-RSA-CHACHA20-POLY1305", False),
        ({"static_rsa": True}, "AES128-GCM-SHA256", True),
        ({"static_rsa": True}, "AES256-GCM-SHA384", True),
        ({"minimum": "1.3"}, "ECDHE-ECDSA-AES128-GCM-SHA256", False),
    ],
)
async def test_the_cipher_list_is_the_one_of_ocpp(tmp_path, pki, settings, cipher, works) -> None:
    contexts = pki.contexts(**settings)
    context = pki.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    async with gateway_running(tmp_path, contexts=contexts) as node:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", node.ports[TLS], ssl=context)
        except (ssl.SSLError, ConnectionError):
            assert not works
            return
        assert works
        assert writer.get_extra_info("cipher")[0] == cipher
        writer.transport.abort()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_of_tls_are_refused(tmp_path, pki, version) -> None:
    context = pki.client()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with gateway_running(tmp_path, contexts=pki.contexts()) as node:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", node.ports[TLS], ssl=context)
        await node.until(lambda: node.events(ConnectionRefused))
        assert "unsupported protocol" in refusal(node).detail


async def test_a_changed_certificate_counts_for_new_connections_and_drops_none(
    tmp_path, pki
) -> None:
    chargers = (keyed("CP1", security_profile=2), keyed("CP2", security_profile=2))
    contexts = pki.contexts()
    async with (
        gateway_running(tmp_path, chargers=chargers, contexts=contexts) as node,
        node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as old,
    ):
        before = shown(old)
        assert not contexts.refresh()
        for chain in pki.folder.glob("server-*.pem"):
            chain.unlink()
        Pki(pki.folder)
        assert contexts.refresh()
        async with node.charger("CP2", KEY, listener=TLS, ssl=pki.client()) as new:
            assert shown(new) != before
            assert (await boot(new))[0] == 3
        assert (await boot(old))[0] == 3


def shown(socket) -> str:
    return socket.transport.get_extra_info("peercert")["serialNumber"]


async def test_broken_files_leave_the_old_certificates_in_place(tmp_path, pki) -> None:
    contexts = pki.contexts()
    (pki.folder / "server-rsa.pem").write_text("half a fi")
    assert not contexts.refresh()
    assert contexts.failures == 1
    async with (
        gateway_running(
            tmp_path, chargers=(keyed("CP1", security_profile=2),), contexts=contexts
        ) as node,
        node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as socket,
    ):
        assert (await boot(socket))[0] == 3
    with pytest.raises(ConfigError, match=r"server-rsa\.pem"):
        pki.contexts()


async def test_a_tls_handshake_that_never_ends_meets_the_deadline_and_the_limits(
    tmp_path, pki
) -> None:
    settings = GatewaySettings(handshake_s=1.0, handshakes_per_address_max=5)
    charger = keyed("CP1", security_profile=2)
    loop = asyncio.get_running_loop()
    async with (
        gateway_running(
            tmp_path, chargers=(charger,), contexts=pki.contexts(), settings=settings
        ) as node,
        node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as legitimate,
    ):
        slow = []
        for number in range(8):
            raw = sockets.socket()
            raw.setblocking(False)
            await loop.sock_connect(raw, ("127.0.0.1", node.ports[TLS]))
            with contextlib.suppress(ConnectionError):
                await loop.sock_sendall(raw, b"\x16\x03\x01\x02\x00"[: number % 6])
            slow.append(raw)
        await node.until(lambda: node.meters.counts["refused:full"] == 3)
        assert (await boot(legitimate))[0] == 3
        await node.until(lambda: node.meters.counts["refused:handshake_timeout"] == 5)
        await node.until(lambda: len(node.gateway.connections) == 1)
        for raw in slow:
            raw.close()


async def test_a_tls_handshake_that_waits_for_us_does_not_run_out_of_time(
    tmp_path, pki, monkeypatch
) -> None:
    settings = GatewaySettings(handshake_s=0.15)
    async with gateway_running(tmp_path, contexts=pki.contexts(), settings=settings) as node:
        turn = node.gateway.anteroom._turn
        waiting = []
        monkeypatch.setattr(node.gateway.anteroom, "_turn", lambda: waiting.append(turn))
        dialled = asyncio.create_task(
            asyncio.open_connection("127.0.0.1", node.ports[TLS], ssl=pki.client())
        )
        await node.until(lambda: waiting)
        await asyncio.sleep(0.5)
        assert len(node.gateway.connections) == 1
        assert node.meters.counts["refused:handshake_timeout"] == 0

        monkeypatch.undo()
        waiting[0]()

        _, writer = await asyncio.wait_for(dialled, 5)
        writer.close()
        with contextlib.suppress(ConnectionError, OSError):
            await writer.wait_closed()


async def test_a_tls_handshake_without_a_request_meets_the_same_deadline(tmp_path, pki) -> None:
    settings = GatewaySettings(handshake_s=0.5)
    async with gateway_running(tmp_path, contexts=pki.contexts(), settings=settings) as node:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", node.ports[TLS], ssl=pki.client()
        )
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.transport.abort()
        assert node.meters.counts["refused:handshake_timeout"] == 1


@pytest.mark.parametrize(
    "garbage",
    [b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 99_999],
)
async def test_what_is_no_tls_is_refused_and_recorded(tmp_path, pki, garbage) -> None:
    async with gateway_running(tmp_path, contexts=pki.contexts()) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.ports[TLS])
        writer.write(garbage)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        writer.transport.abort()
        await node.until(lambda: node.events(ConnectionRefused))
        assert refusal(node).reason == "tls_failed"
        await node.until(lambda: not node.gateway.connections)


async def test_both_ends_of_a_tls_connection_can_close_it(tmp_path, pki) -> None:
    charger = keyed("CP1", security_profile=2)
    async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
        async with node.charger("CP1", KEY, listener=TLS, ssl=pki.client()):
            pass
        await node.until(lambda: not node.gateway.connections)
        async with node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as socket:
            await node.until(lambda: node.gateway.line("CP1") is not None)
            node.gateway.line("CP1").connection.close(1012, "service restart")
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
            assert caught.value.rcvd.code == 1012
        await node.until(lambda: not node.gateway.connections)


async def test_a_resumed_session_is_checked_against_the_revocations_again(tmp_path, pki) -> None:
    charger = ChargerRecord(id="CP1", security_profile=3)
    key = new_key()
    chain = pki.authority.certify(certificates.subject("CP1"), key.public_key(), NOW_US)
    certificate = certificates.x509.load_pem_x509_certificate(chain)
    context = pki.client(certificate=certificate, key=key)
    contexts = pki.contexts()
    async with gateway_running(tmp_path, chargers=(charger,), contexts=contexts) as node:
        async with node.charger("CP1", listener=MUTUAL_TLS, ssl=context) as socket:
            assert (await boot(socket))[0] == 3
        pki.authority.revoke(f"{certificate.serial_number:x}", NOW_US)
        assert contexts.refresh()
        node.gateway.trust = contexts.trust
        assert await refused(node, "CP1", listener=MUTUAL_TLS, ssl=context) == 401
        assert refusal(node).reason == "certificate"
        assert "is revoked" in refusal(node).detail


class TestUpgrade:
    async def test_a_pending_profile_becomes_the_profile_when_the_charger_comes_with_it(
        self, tmp_path, pki
    ) -> None:
        charger = ask_profile(keyed("CP1", security_profile=1), 2)
        async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
            async with node.charger("CP1", KEY) as socket:  # it may fall back (A05.FR.08)
                assert (await boot(socket))[0] == 3
            assert not node.events(SecurityRaised)
            assert await refused(node, "CP1", "bad", listener=TLS, ssl=pki.client()) == 401
            async with node.charger("CP1", KEY) as socket:  # a failed try changes nothing
                assert (await boot(socket))[0] == 3
            async with node.charger("CP1", KEY, listener=TLS, ssl=pki.client()) as socket:
                assert (await boot(socket))[0] == 3
            assert node.events(SecurityRaised) == [SecurityRaised(2)]
            assert await refused(node, "CP1", KEY) == 401  # no way down (A05.FR.09)
            assert node.gateway.directory.charger("CP1").security_profile == 2

    async def test_a_profile_that_was_not_asked_for_is_refused(self, tmp_path, pki) -> None:
        charger = ask_profile(keyed("CP1", security_profile=1), 2)
        async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
            context = pki.client("CP1")
            assert await refused(node, "CP1", KEY, listener=MUTUAL_TLS, ssl=context) == 401

    async def test_from_no_password_to_one_on_the_same_listener(self, tmp_path) -> None:
        charger = ask_profile(keyed("CP1", security_profile=0, networks=("127.0.0.0/8",)), 1)
        async with gateway_running(tmp_path, chargers=(charger,)) as node:
            async with node.charger("CP1") as socket:
                assert (await boot(socket))[0] == 3
            assert await refused(node, "CP1", "bad") == 401
            async with node.charger("CP1", KEY) as socket:
                assert (await boot(socket))[0] == 3
            assert await refused(node, "CP1") == 401


def built(
    pki: Pki,
    key,
    *,
    names: tuple[tuple[object, str], ...] = (
        (NameOID.COMMON_NAME, "CP1"),
        (ORGANIZATION, OPERATOR),
    ),
    is_authority: bool = False,
    signs: bool = True,
    purposes: tuple[object, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    signer=None,
):
    """A certificate by the authority of chargers in which one thing is wrong."""
    signer = signer or pki.signer
    made = certificates.builder(
        x509.Name([x509.NameAttribute(oid, text) for oid, text in names]),
        signer.certificate.subject,
        key.public_key(),
        NOW_US,
        30,
    )
    basic = x509.BasicConstraints(ca=is_authority, path_length=None)
    made = made.add_extension(basic, critical=True)
    usage = certificates.usage(digital_signature=signs, authority=is_authority)
    if not signs:
        usage = x509.KeyUsage(*(False, False, True), *(False,) * 6)  # key encipherment alone
    made = made.add_extension(usage, critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    made = made.add_extension(issuer, critical=False)
    for extension, critical in more:
        made = made.add_extension(extension, critical=critical)
    return made.sign(signer.key, SHA256())


def revoked_leaf(pki: Pki, key):
    chain = pki.authority.certify(certificates.subject("CP1"), key.public_key(), NOW_US)
    made = x509.load_pem_x509_certificates(chain)[0]
    pki.authority.revoke(f"{made.serial_number:x}", NOW_US)
    return made


def named(*texts: str, operator: str = OPERATOR):
    names = [(NameOID.COMMON_NAME, text) for text in texts]
    return (*names, (ORGANIZATION, operator))


def below(pki: Pki, days: int = 30, begin_us: int = NOW_US):
    """An authority below the one of chargers, which may have none (path length 0)."""
    return pki.signer.authority(certificates.subject("another"), new_key(), begin_us, days)


CUSTOM = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")

BAD = {
    "with two names": (lambda p, k: built(p, k, names=named("CP1", "CP2")), "name"),
    "without a name": (lambda p, k: built(p, k, names=named()), "name"),
    "with a longer name": (lambda p, k: built(p, k, names=named("CP1.evil")), "name"),
    "with a blank behind its name": (lambda p, k: built(p, k, names=named("CP1 ")), "name"),
    "with its name in another field": (
        lambda p, k: built(p, k, names=((NameOID.SERIAL_NUMBER, "CP1"), (ORGANIZATION, OPERATOR))),
        "name",
    ),
    "of an operator in another case": (
        lambda p, k: built(p, k, names=named("CP1", operator=OPERATOR.upper())),
        "operator",
    ),
    "of an operator with more to its name": (
        lambda p, k: built(p, k, names=named("CP1", operator=OPERATOR + " Ltd")),
        "operator",
    ),
    "for mail": (
        lambda p, k: built(p, k, purposes=(ExtendedKeyUsageOID.EMAIL_PROTECTION,)),
        "unsuitable",
    ),
    "for signing OCSP": (
        lambda p, k: built(p, k, purposes=(ExtendedKeyUsageOID.OCSP_SIGNING,)),
        "unsuitable",
    ),
    "for nothing that may sign": (lambda p, k: built(p, k, signs=False), ""),
    "of an authority": (lambda p, k: built(p, k, is_authority=True), ""),
    "with an extension that nobody knows": (
        lambda p, k: built(p, k, more=((x509.UnrecognizedExtension(CUSTOM, b"x"), True),)),
        "critical",
    ),
    "by an authority that may not be there": (
        lambda p, k: built(p, k, signer=below(p)),
        "certificate",
    ),
    "by another charger": (
        lambda p, k: built(
            p, k, signer=certificates.Signer(p.leaf("CP2", other := new_key()), other)
        ),
        "certificate",
    ),
    "revoked": (revoked_leaf, "revoked"),
    "another charger's": (lambda p, k: p.leaf("CP2", k), "name"),
    "a wildcard": (lambda p, k: p.leaf("*", k), "name"),
    "another operator's": (lambda p, k: p.leaf("CP1", k, operator="Other"), "operator"),
    "no operator": (lambda p, k: p.leaf("CP1", k, operator=""), "operator"),
    "for servers": (lambda p, k: p.leaf("CP1", k, purposes=SERVER), "unsuitable"),
    "expired": (lambda p, k: p.leaf("CP1", k, begin_us=NOW_US - YEAR_US), "expired"),
    "of the future": (lambda p, k: p.leaf("CP1", k, begin_us=NOW_US + YEAR_US), "not yet valid"),
    "of a stranger with our names": (
        lambda p, k: p.leaf("CP1", k, signer=p.stranger()),
        "certificate",
    ),
    "self-signed": (
        lambda p, k: (
            certificates.root(certificates.subject("CP1", OPERATOR), k, NOW_US, 30).certificate
        ),
        "self",
    ),
    "our own server's": (None, "unsuitable"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_t22_a_bad_certificate_is_refused_and_the_operator_is_told_why(
    tmp_path, pki, kind
) -> None:
    make, why = BAD[kind]
    key = new_key()
    if make is None:
        context = ssl.create_default_context(cafile=pki.folder / "root.pem")
        context.load_cert_chain(pki.folder / "server-ecdsa.pem", pki.folder / "server-ecdsa.key")
    else:
        context = pki.client(certificate=make(pki, key), key=key)
    charger = ChargerRecord(id="CP1", security_profile=3)
    async with gateway_running(tmp_path, chargers=(charger,), contexts=pki.contexts()) as node:
        with pytest.raises(
            (InvalidStatus, ssl.SSLError, ConnectionError, InvalidMessage)
        ) as caught:
            async with node.charger("CP1", listener=MUTUAL_TLS, ssl=context):
                pass
        if isinstance(caught.value, InvalidStatus):
            assert caught.value.response.body == b"Unauthorized.\n"
        await node.until(lambda: node.events(ConnectionRefused))
        assert why in refusal(node).detail
        assert node.gateway.line("CP1") is None


def test_t22_there_are_twenty_ways_and_more_to_be_wrong() -> None:
    assert len(BAD) >= 20


@pytest.mark.parametrize(
    "key",
    [
        certificates.rsa.generate_private_key(65_537, 1_024),
        certificates.ec.generate_private_key(certificates.ec.SECP192R1()),
    ],
    ids=["rsa1024", "secp192r1"],
)
def test_t22_weak_keys_are_refused(pki, key) -> None:
    der = pki.leaf("CP1", key).public_bytes(certificates_encoding())
    assert fault(der, "CP1", "", Trust(OPERATOR), NOW_US).startswith("key: ")


def certificates_encoding():
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_a_certificate_that_cannot_be_read_is_a_fault() -> None:
    assert "cannot be read" in fault(b"\x30\x03abc", "CP1", "", Trust(), NOW_US)
    assert fault(None, "CP1", "", Trust(), NOW_US) == "no certificate was shown"


async def test_two_chains_of_both_kinds_are_taken_from_files(tmp_path, pki) -> None:
    files = [
        {
            "chain": str(pki.folder / f"server-{kind}.pem"),
            "key": str(pki.folder / f"server-{kind}.key"),
        }
        for kind in ("ecdsa", "rsa")
    ]
    contexts = pki.contexts(certificates=files)
    async with (
        gateway_running(
            tmp_path, chargers=(keyed("CP1", security_profile=2),), contexts=contexts
        ) as node,
        connect(
            f"wss://127.0.0.1:{node.ports[TLS]}/ocpp/CP1",
            ssl=pki.client(),
            subprotocols=("ocpp1.6",),
            additional_headers={"Authorization": "Basic " + basic("CP1", KEY)},
        ) as socket,
    ):
        assert (await boot(socket))[0] == 3


def basic(name: str, key: str) -> str:
    import base64

    return base64.b64encode(f"{name}:{key}".encode()).decode()
