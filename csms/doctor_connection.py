"""Connects as a charger would and says in plain words how far it got and what is wrong.

Each step is a finding: URL, name, port, TLS, handshake with its Basic authentication, version, and
on demand a BootNotification.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    NegotiationError,
)
from websockets.typing import Subprotocol

from csms.api.problems import MEDIA_TYPE
from csms.config import Config
from csms.doctor import Finding, fine, wrong
from csms.simulator.driver import basic
from domain.errors import CsmsError, NotFound
from domain.records import ChargerRecord
from storage.relational import credentials
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.clock import Clock

CONNECT_S = 5.0
HANDSHAKE_S = 10.0
BOOT_S = 30.0
LINGER_S = 1.0
"""Some refusals come as a close right after the handshake."""
SUBPROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
PORTS = {"ws": 80, "wss": 443}
UNAUTHORIZED = 401

HTTP_ADVICE: Mapping[int, tuple[str, str]] = {
    400: ("the server did not take this for a WebSocket handshake", "is there a proxy in between?"),
    401: (
        "the identity is not known, or the password is wrong or missing",
        (
            "the server says the same in all these cases; `GET /api/v1/refusals` has the reason. "
            "The user name must be the identity, and the identity the last part of the URL"
        ),
    ),
    403: ("something forbids this address", "this server never says 403: look at the proxy"),
    404: (
        "the path names no charger",
        "the URL must end in the identity: ws://HOST:PORT/ocpp/IDENTITY",
    ),
    408: ("the handshake took too long", "look at the network"),
    426: ("the server wants an upgrade that a proxy took away", "let the proxy pass Upgrade"),
    429: ("too many failed attempts from this address", "correct the password, then wait"),
    500: (
        "something in between failed",
        "this server never says 500: look at the proxy",
    ),
    502: ("a proxy did not reach the server", "is the node running?"),
    503: (
        (
            "the server takes no connection now: it is starting, draining or full, or its journal "
            "cannot be written"
        ),
        "look at `csms doctor` on the server and at `GET /api/v1/refusals`",
    ),
}
"""Status of the handshake -> what it means, what to do."""

CLOSE_ADVICE: Mapping[int, tuple[str, str]] = {
    1002: (
        "none of the offered OCPP versions is spoken here",
        "set a version at the charger that the server speaks, see its documentation",
    ),
    1008: (
        "a living connection has this identity, from another address",
        "two chargers with the same identity? else wait until the old connection is found dead",
    ),
    1012: ("the server restarts", "try again"),
    1013: ("the server cannot keep records now", "look at the disk of the server"),
}
"""Close code right after the handshake -> what it means, what to do."""

TLS_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "hostname mismatch",
        "the certificate is for another name",
        "enter the name that the certificate has, or get one for this name",
    ),
    (
        "ip address mismatch",
        "the certificate does not name this address",
        "enter the server's name instead of its address, or get a certificate with the address",
    ),
    (
        "certificate has expired",
        "the server's certificate has expired",
        "renew it; a wrong clock of this machine looks the same",
    ),
    (
        "self-signed",
        "the server's certificate comes from an authority that is not trusted here",
        "give its root with --ca, and install that root at the charger",
    ),
    (
        "unable to get local issuer",
        "the server's certificate comes from an authority that is not trusted here",
        "give its root with --ca; the server must send its intermediate certificates",
    ),
    (
        "wrong_version_number",
        "this port speaks no TLS",
        "enter ws:// instead of wss://, or the port for TLS",
    ),
    (
        "record_layer_failure",
        "this port speaks no TLS",
        "enter ws:// instead of wss://, or the port for TLS",
    ),
    (
        "certificate_required",
        "the server wants a certificate of the charger",
        "security profile 3: give it with --cert and --cert-key",
    ),
    (
        "unexpected_eof",
        "the server hung up during the TLS handshake",
        "is this the port for TLS? a proxy in between may cut it off",
    ),
    (
        "handshake_failure",
        "no version or cipher in common",
        "look at tls.* in the server's configuration",
    ),
    ("protocol_version", "no version of TLS in common", "the server wants TLS 1.2 or later"),
)
"""Part of OpenSSL's words, any case, -> what it means, what to do."""

BOOT_ADVICE: Mapping[str, tuple[str, str]] = {
    "Pending": (
        "the server knows it but does not serve it yet",
        "its registration is Pending: set it to Accepted in its settings",
    ),
    "Rejected": (
        "the server does not want it",
        "its registration is Rejected: set it to Accepted in its settings",
    ),
}


@dataclass(frozen=True)
class Attempt:
    """How to connect."""

    url: str
    password: str | None = None
    ca: Path | None = None
    """PEM of what is trusted; None: what this machine trusts."""
    certificate: Path | None = None
    """PEM of the charger's own certificate (security profile 3)."""
    certificate_key: Path | None = None
    boots: bool = False
    """Send a BootNotification: it stays as the last one of the charger."""

    @property
    def identity(self) -> str:
        """The charger that the URL names; empty: none."""
        parts = [part for part in urlsplit(self.url).path.split("/") if part]
        return unquote(parts[-1]) if parts and parts != ["ocpp"] else ""


async def check_connection(attempt: Attempt, config: Config | None = None) -> list[Finding]:
    """Open a WebSocket as the charger would, and close it again.

    When the charger itself is connected from this address, it is replaced and comes back.

    Args:
        attempt: how.
        config: of the server when this is its machine: its records tell why it refuses.
    """
    found = _look_at(attempt.url, attempt.identity)
    if not all(one.good for one in found):
        return found
    for step in (_reach, _encrypt):
        one = await step(attempt)
        found += one
        if not all(each.good for each in one):
            return found
    last, refused = await _handshake(attempt)
    found += last
    if refused and config is not None:
        found += await _from_records(config, attempt)
    return found


def _look_at(url: str, identity: str) -> list[Finding]:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises
    except ValueError as error:
        return [wrong("url", str(error), "ws://HOST:PORT/ocpp/IDENTITY")]
    if parts.scheme not in PORTS or not parts.hostname:
        return [
            wrong(
                "url", f"{url} is no WebSocket address", "ws://HOST:PORT/ocpp/IDENTITY, or wss://"
            )
        ]
    if not identity:
        return [
            wrong(
                "url",
                "its path ends before the identity of a charger",
                "a charger puts its identity there itself, here it must be said: "
                f"{url.rstrip('/')}/IDENTITY",
            )
        ]
    return [fine("url", f"{identity} at {parts.hostname}:{parts.port or PORTS[parts.scheme]}")]


async def _reach(attempt: Attempt) -> list[Finding]:
    parts = urlsplit(attempt.url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        found = f"{host}: {error.strerror or error}"
        return [wrong("name", found, "is it written right, and does the DNS server answer?")]
    shown = ", ".join(dict.fromkeys(str(address[4][0]) for address in addresses))
    name = [fine("name", f"{host} is {shown}")] if shown != host else []
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        found = f"no answer of {host}:{port} in {CONNECT_S:g} s"
        return [*name, wrong("port", found, "a firewall in between, or a wrong address")]
    except OSError as error:
        found = f"{host}:{port}: {_said(error)}"
        advice = "is the node running, and is this its address and port?"
        return [*name, wrong("port", found, advice)]
    writer.close()
    return [*name, fine("port", f"{port} is open")]


def _said(error: OSError) -> str:
    # asyncio puts the failures of several addresses into one sentence of its own.
    return "the port is closed" if isinstance(error, ConnectionRefusedError) else str(error)


def _context(attempt: Attempt) -> ssl.SSLContext | None:
    if urlsplit(attempt.url).scheme != "wss":
        return None
    context = ssl.create_default_context(cafile=attempt.ca)
    if attempt.certificate is not None:
        context.load_cert_chain(attempt.certificate, attempt.certificate_key)
    return context


async def _encrypt(attempt: Attempt) -> list[Finding]:
    try:
        context = _context(attempt)
    except (OSError, ssl.SSLError) as error:
        return [wrong("tls", f"the files cannot be used: {error}", "PEM files are wanted")]
    if context is None:
        return []
    parts = urlsplit(attempt.url)
    host, port = parts.hostname or "", parts.port or PORTS["wss"]
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError:
        advice = "is this the port for TLS? enter ws:// if it is not"
        return [wrong("tls", f"no TLS handshake in {HANDSHAKE_S:g} s", advice)]
    except OSError as error:  # also of TLS
        return [_tls_wrong(error)]
    tls = writer.get_extra_info("ssl_object")
    subject = dict(pair[0] for pair in tls.getpeercert().get("subject", ()) if pair)
    shown = f"{tls.version()}, {tls.cipher()[0]}"
    if subject.get("commonName"):
        shown += f", certificate of {subject['commonName']}"
    writer.close()
    return [fine("tls", shown)]


def _tls_wrong(error: OSError) -> Finding:
    text = f"{error} {getattr(error, 'verify_message', '')} {getattr(error, 'reason', '')}"
    folded = text.casefold()
    for part, meaning, advice in TLS_ADVICE:
        if part in folded:
            return wrong("tls", f"{meaning} ({error})", advice)
    if isinstance(error, ConnectionError):
        found = "the server hung up during the TLS handshake"
        return wrong("tls", found, "does this port speak TLS? if not, enter ws://")
    return wrong("tls", str(error) or type(error).__name__, "look at the server's certificate")


async def _handshake(attempt: Attempt) -> tuple[list[Finding], bool]:
    """Return what became of it, and whether it was refused as unauthorized."""
    headers = {}
    if attempt.password is not None:
        headers["Authorization"] = basic(attempt.identity, attempt.password)
    try:
        async with connect(
            attempt.url,
            ssl=_context(attempt),
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            additional_headers=headers,
            user_agent_header="csms doctor",
            open_timeout=HANDSHAKE_S,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
        ) as connection:
            return await _inside(attempt, connection), False
    except InvalidStatus as error:
        if error.response.headers.get("content-type", "") == MEDIA_TYPE:
            found = "this is the REST interface and the pages, not where chargers connect"
            advice = "enter the port of chargers: listen.port, 8887 when nothing else was said"
            return [wrong("connection", found, advice)], False
        status = error.response.status_code
        meaning, advice = HTTP_ADVICE.get(status, ("", "look at what answers there"))
        found = f"HTTP {status}" + (f": {meaning}" if meaning else "")
        return [wrong("connection", found, advice)], status == UNAUTHORIZED
    except NegotiationError as error:
        advice = "the server answered with another version"
        return [wrong("subprotocol", str(error), advice)], False
    except InvalidMessage as error:
        advice = "it speaks no HTTP: is this the port for TLS? then enter wss://"
        return [wrong("connection", str(error), advice)], False
    except InvalidHandshake as error:
        return [wrong("connection", str(error), "it is no WebSocket server")], False
    except TimeoutError:
        found = f"no answer in {HANDSHAKE_S:g} s"
        advice = "a firewall in between, or a hung server; a port for TLS wants wss://"
        return [wrong("connection", found, advice)], False
    except OSError as error:
        advice = "is the node running, and is this its address and port?"
        return [wrong("connection", error.strerror or str(error), advice)], False


async def _inside(attempt: Attempt, connection: ClientConnection) -> list[Finding]:
    spoken = connection.subprotocol
    if attempt.boots and spoken is not None:
        try:
            return [_let_in(attempt, spoken), await _boot(connection, spoken)]
        except ConnectionClosed as closed:
            return [_closed(closed)]
    try:
        async with asyncio.timeout(LINGER_S):
            await connection.recv()
    except TimeoutError:
        pass
    except ConnectionClosed as closed:
        return [_closed(closed)]
    if spoken is None:
        found = "the server chose none of " + ", ".join(SUBPROTOCOLS)
        advice = "it is no OCPP server, or a proxy drops Sec-WebSocket-Protocol"
        return [wrong("subprotocol", found, advice)]
    return [_let_in(attempt, spoken)]


def _let_in(attempt: Attempt, spoken: str) -> Finding:
    proof = "with its password, " if attempt.password is not None else ""
    return fine("connection", f"{attempt.identity} was let in, {proof}with {spoken}")


async def _boot(connection: ClientConnection, spoken: str) -> Finding:
    """Say that the charger has started, and look at the answer."""
    payload: dict[str, Any] = {"chargePointVendor": "csms", "chargePointModel": "doctor"}
    if spoken != "ocpp1.6":
        station = {"vendorName": "csms", "model": "doctor"}
        payload = {"reason": "PowerUp", "chargingStation": station}
    await connection.send(json.dumps([2, "doctor-boot", "BootNotification", payload]))
    try:
        async with asyncio.timeout(BOOT_S):
            while True:
                frame = json.loads(await connection.recv())
                if isinstance(frame, list) and frame[1:2] == ["doctor-boot"]:
                    break
    except TimeoutError:
        advice = "the server let it in but is silent: see its log"
        return wrong("boot", f"no answer in {BOOT_S:g} s", advice)
    except ValueError:
        return wrong("boot", "the answer is no JSON", "it is no OCPP server")
    answer = frame[2] if frame[0] == 3 and isinstance(frame[2], dict) else {}  # noqa: PLR2004
    status = str(answer.get("status", ""))
    if status == "Accepted":
        return fine("boot", f"Accepted, heartbeat every {answer.get('interval')} s")
    if status in BOOT_ADVICE:
        meaning, advice = BOOT_ADVICE[status]
        return wrong("boot", f"{status}: {meaning}", advice)
    return wrong("boot", f"answered with {json.dumps(frame[2:])[:200]}", "see the message log")


async def _from_records(config: Config, attempt: Attempt) -> list[Finding]:
    """Say what the server does not tell strangers: it treats all who are not let in alike."""
    if not config.relational.url and not config.paths.database.exists():
        return []
    engine = open_engine(config.database_url, config.relational)
    try:
        record = await Registry(engine, Clock().now_us).get_charger(attempt.identity)
    except NotFound:
        return [
            wrong(
                "record",
                f"no charger {attempt.identity} is known here",
                f"accept it in the inbox, or: csms charger add {attempt.identity}",
            )
        ]
    except CsmsError as error:
        return [wrong("record", str(error), "the records cannot be read")]
    finally:
        await engine.dispose()
    return [_of_record(record, attempt)]


def _of_record(record: ChargerRecord, attempt: Attempt) -> Finding:
    is_tls = urlsplit(attempt.url).scheme == "wss"
    if is_tls != (record.security_profile in {2, 3}):
        return wrong(
            "record",
            f"its security profile is {record.security_profile}, which is not served over "
            f"{'wss' if is_tls else 'ws'}",
            "use the other way in, or: csms charger secure",
        )
    if record.security_profile in {1, 2}:
        if attempt.password is None:
            return wrong("record", "it needs a password and none was sent", "say it: --password")
        kept = record.credential
        if kept is None or not credentials.verify(kept, attempt.password.encode()):
            advice = f"make a new one: csms charger password {record.id}"
            return wrong("record", "the password is wrong", advice)
    if record.networks:
        shown = ", ".join(record.networks)
        return wrong("record", f"it may come from {shown} only", "change its networks")
    return fine("record", "identity and password are right: see the inbox for the reason")


def _closed(closed: ConnectionClosed) -> Finding:
    code = closed.rcvd.code if closed.rcvd else 1006
    reason = closed.rcvd.reason if closed.rcvd else ""
    meaning, advice = CLOSE_ADVICE.get(code, ("the server hung up", "see its log"))
    found = f"closed with {code} right away: {meaning}" + (f" ({reason})" if reason else "")
    return wrong("connection", found, advice)
