import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.typing import Subprotocol

from csms.config import load_config
from csms.doctor import Finding
from csms.doctor_connection import HTTP_ADVICE, Attempt, check_connection
from csms.prepare import prepare_data
from domain.records import ChargerRecord
from storage.relational import credentials
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.clock import Clock
from tests.csms.api.node import running_api

Hook = Callable[[ServerConnection, Request], Response | None]


@contextlib.asynccontextmanager
async def server(
    hook: Hook | None = None,
    close: int = 0,
    subprotocols: tuple[str, ...] = ("ocpp1.6",),
    tls: ssl.SSLContext | None = None,
    handler: Callable[[ServerConnection], Awaitable[None]] | None = None,
) -> AsyncIterator[str]:
    async def handle(connection: ServerConnection) -> None:
        if close:
            await connection.close(close)
        await connection.wait_closed()

    names = [Subprotocol(name) for name in subprotocols]
    async with serve(
        handler or handle,
        "127.0.0.1",
        0,
        subprotocols=names or None,
        process_request=hook,
        ssl=tls,
    ) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ocpp/CP1"


def refusing(status: int) -> Hook:
    def hook(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus(status), "no\n")

    return hook


async def one(url: str, password: str | None = None, **more: Any) -> Finding:
    """What was found last."""
    return (await check_connection(Attempt(url, password, **more)))[-1]


async def test_a_good_connection_is_told_with_its_version() -> None:
    async with server() as url:
        finding = await one(url)
    assert finding == ("connection", True, "CP1 was let in, with ocpp1.6", "")


async def test_the_password_is_sent_under_the_identity() -> None:
    seen = []

    def hook(_connection: ServerConnection, request: Request) -> None:
        seen.append(request.headers["Authorization"])

    async with server(hook) as url:
        await one(url, "secret")
    assert seen == ["Basic Q1AxOnNlY3JldA=="]


@pytest.mark.parametrize("status", sorted(HTTP_ADVICE))
async def test_every_refusal_is_explained(status: int) -> None:
    async with server(refusing(status)) as url:
        finding = await one(url)
    assert not finding.good
    assert f"HTTP {status}" in finding.found
    assert finding.advice == HTTP_ADVICE[status][1]


@pytest.mark.parametrize(("code", "word"), [(1002, "OCPP versions"), (1008, "identity")])
async def test_a_close_after_the_handshake_is_explained(code: int, word: str) -> None:
    async with server(close=code) as url:
        finding = await one(url)
    assert not finding.good
    assert word in finding.found


async def test_a_server_without_subprotocol_is_no_ocpp_server() -> None:
    async with server(subprotocols=()) as url:
        finding = await one(url)
    assert (finding.what, finding.good) == ("subprotocol", False)


async def test_the_address_of_the_rest_interface_is_told_from_that_of_chargers() -> None:
    async with running_api() as api:
        url = api.url.replace("http", "ws", 1)
        found = await check_connection(Attempt(f"{url}/ocpp/CP1", "secret"), api.config)
    assert (found[-1].good, found[-1].what) == (False, "connection")
    assert "not where chargers connect" in found[-1].found


async def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    finding = await one(f"ws://127.0.0.1:{port}/ocpp/CP1")
    assert not finding.good
    assert "running" in finding.advice


async def test_a_url_that_is_none_is_told() -> None:
    assert (await one("http:/nonsense")).what == "url"


async def test_a_url_without_an_identity_is_told_before_anything_is_tried() -> None:
    (finding,) = await check_connection(Attempt("ws://127.0.0.1:1/ocpp/"))
    assert (finding.what, finding.good) == ("url", False)
    assert finding.advice.endswith("ws://127.0.0.1:1/ocpp/IDENTITY")


async def test_every_step_that_went_well_is_told() -> None:
    async with server() as url:
        found = await check_connection(Attempt(url.replace("127.0.0.1", "localhost")))
    assert [one.what for one in found] == ["url", "name", "port", "connection"]
    assert all(one.good for one in found)


async def test_a_name_without_an_address_is_told() -> None:
    finding = await one("ws://nowhere.invalid/ocpp/CP1")
    assert (finding.what, finding.good) == ("name", False)


async def test_a_port_without_tls_is_told() -> None:
    async with server() as url:
        finding = await one(url.replace("ws:", "wss:"))
    assert (finding.what, finding.good) == ("tls", False)
    assert "ws://" in finding.advice


@pytest.mark.parametrize(
    ("host", "trusted", "found"),
    [
        ("localhost", True, "was let in"),
        ("127.0.0.1", True, "does not name this address"),
        ("localhost", False, "not trusted here"),
    ],
)
async def test_tls_names_what_is_wrong_with_the_certificate(
    tmp_path: Path, host: str, trusted: bool, found: str
) -> None:
    pem = certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async with server(tls=context) as url:
        wanted = url.replace("ws:", "wss:").replace("127.0.0.1", host)
        finding = await one(wanted, ca=pem if trusted else None)
        assert found in finding.found
        plain = await one(url)
    assert not plain.good
    assert "wss://" in plain.advice


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(Clock().now_us() / 1e6, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("answer", "good", "word"),
    [
        ({"status": "Accepted", "interval": 60}, True, "every 60 s"),
        ({"status": "Pending", "interval": 60}, False, "Pending"),
        ({"status": "Rejected", "interval": 60}, False, "does not want it"),
        (None, False, "NotImplemented"),
    ],
)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_boot_is_sent_and_its_answer_explained(
    version: str, answer: dict[str, Any] | None, good: bool, word: str
) -> None:
    heard = []

    async def handle(connection: ServerConnection) -> None:
        _, uid, action, payload = json.loads(await connection.recv())
        heard.append((action, payload))
        frame = [3, uid, answer] if answer else [4, uid, "NotImplemented", "", {}]
        await connection.send(json.dumps(frame))
        await connection.wait_closed()

    async with server(subprotocols=(version,), handler=handle) as url:
        finding = await one(url, boots=True)
    assert (finding.what, finding.good) == ("boot", good)
    assert word in finding.found
    ((action, payload),) = heard
    assert action == "BootNotification"
    assert ("chargingStation" in payload) is (version == "ocpp2.0.1")


@pytest.mark.parametrize(
    ("identity", "password", "word"),
    [
        ("NOBODY", "x", "no charger NOBODY is known here"),
        ("CP1", None, "needs a password"),
        ("CP1", "wrong", "the password is wrong"),
        ("CP1", "a right password", "identity and password are right"),
        ("SECURE", "x", "security profile is 2"),
        ("HOME", "x", "may come from 10.0.0.0/8 only"),
    ],
)
async def test_on_the_servers_machine_its_records_tell_why_it_refuses(
    tmp_path: Path, identity: str, password: str | None, word: str
) -> None:
    config = load_config(data=tmp_path, environ={})
    await prepare_data(config)
    engine = open_engine(config.database_url)
    chosen = credentials.keep_chosen("a right password")
    await Registry(engine, lambda: 1).import_chargers(
        [
            ChargerRecord("CP1", credential=chosen),
            ChargerRecord("SECURE", security_profile=2),
            ChargerRecord("HOME", security_profile=0, networks=("10.0.0.0/8",)),
        ]
    )
    await engine.dispose()
    async with server(refusing(401)) as url:
        attempt = Attempt(url.replace("CP1", identity), password)
        found = await check_connection(attempt, config)
    assert [one.what for one in found][-2:] == ["connection", "record"]
    assert word in found[-1].found
