"""TLS: connects a second and memory of a charger, by security profile and kind of our key.

A gateway alone in a process (see `micro/gateway.py`), its real TLS listeners, and chargers in this
process: full handshakes, WebSocket upgrade, BootNotification answered after the commit. Every
charger of profile 3 has a certificate of its own.

Client and server do about the same work for a handshake and share the cores, so the rate is a lower
bound; `*_cpu_us` is the gateway's own CPU for a connect and its boot.
"""

import asyncio
import base64
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.effort import Effort
from benchmarks.goals import Figures
from benchmarks.load import LoadCharger, Tally
from benchmarks.micro.gateway import gateway
from benchmarks.processes import Meter, memory
from csms.gateway.connection import Connection
from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS, Listener
from csms.gateway.process import raise_descriptor_limit
from csms.gateway.tls import Contexts
from csms.gateway.tls_settings import TlsSettings
from csms.gateway.tls_transport import TlsTransport
from csms.pki.certificates import Signer, subject
from csms.pki.files import pem, read_key, write_key
from csms.pki.local import LocalAuthority, renew_server, server_files
from csms.pki.settings import PkiSettings
from domain.records import Changes, ChargerRecord
from storage.relational.credentials import keep_generated
from supervisor.clock import Clock
from supervisor.garbage import settle

KEY = "00112233445566778899aabbccddeeff00112233"
PKI = PkiSettings(authority="local", operator="Bench")
CHARGERS_MAX = 2_000
AT_ONCE = 64
CASES = (
    ("plain", PLAIN, 1, "ecdsa"),
    ("p2_ecdsa", TLS, 2, "ecdsa"),
    ("p2_rsa", TLS, 2, "rsa"),
    ("p3_ecdsa", MUTUAL_TLS, 3, "ecdsa"),
    ("p3_rsa", MUTUAL_TLS, 3, "rsa"),
)
"""Name, listener, security profile, kind of our own key."""
HANDSHAKE = (
    "GET /ocpp/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n{more}\r\n"
)


def name_of(index: int) -> str:
    return f"BENCH{index:06d}"


class SecureCharger(LoadCharger):
    """A charger that proves itself by a password, when it is to."""

    def __init__(self, name: str, tally: Tally, *, password: bool) -> None:
        super().__init__(name, tally)
        self._password = password

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._buffer, self._opened, self._uid = b"", False, 0
        self._sent_s.clear()
        token = base64.b64encode(f"{self.name}:{KEY}".encode()).decode()
        more = f"Authorization: Basic {token}\r\n" if self._password else ""
        self.transport.write(HANDSHAKE.format(name=self.name, more=more).encode())  # type: ignore[union-attr]


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and what each case gave."""
    count = min(CHARGERS_MAX, effort.storm_chargers // 2)
    folder = Path(tempfile.mkdtemp(prefix="csms-bench-"))
    try:
        certify(folder, count)
        found = {
            name: asyncio.run(one(folder, count, listener, profile, kind, effort.settle_s))
            for name, listener, profile, kind in CASES
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = {
        f"{name}_{key}": value
        for name, case in found.items()
        for key, value in case.items()
        if key in {"per_s", "cpu_us"}
    }
    figures |= {f"{name}_charger_kb": found[name]["charger_kb"] for name in found}
    return figures, {"chargers": count, **found}


def certify(folder: Path, count: int) -> None:
    """Make the authority, our own certificates, and one for each charger (one key for all)."""
    now_us = Clock().now_us()
    pki = folder / "pki"
    renew_server(pki, PKI, ("localhost", "127.0.0.1"), now_us)
    authority = LocalAuthority(pki, PKI)
    signer = Signer(authority.sub, read_key(pki / "sub.key"))
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(folder / "charger.key", key)
    for index in range(count):
        leaf = signer.leaf(subject(name_of(index), PKI.operator), key.public_key(), now_us, 30)
        (folder / f"{name_of(index)}.pem").write_bytes(pem(leaf, authority.sub))


async def one(
    folder: Path, count: int, listener: Listener, profile: int, kind: str, settle_s: float
) -> dict[str, float]:
    """Connect so many chargers to a fresh gateway."""
    command = [sys.executable, "-m", "benchmarks.macro.tls", str(folder), kind, listener.socket]
    command += [str(profile), str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        contexts = [_client(folder, index, listener) for index in range(count)]
        empty = memory(process.pid).rss
        meter, begun = Meter({"gateway": process.pid}), time.monotonic()
        tally = Tally()
        chargers = await connect(port, contexts, tally, password=profile < 3)
        wall_s, used_s = time.monotonic() - begun, meter.used_s()["gateway"]
        await asyncio.sleep(settle_s)
        connected = memory(process.pid).rss
        for charger in chargers:
            if charger.transport is not None:
                charger.transport.abort()
        process.stdin.close()
        if tally.booted != count:
            raise RuntimeError(f"{tally.booted} of {count} chargers were served")
    return {
        "per_s": count / wall_s,
        "cpu_us": used_s / count * 1e6,
        "charger_kb": (connected - empty) / count / 1e3,
    }


def _client(folder: Path, index: int, listener: Listener) -> ssl.SSLContext | None:
    if not listener.encrypted:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if listener.certificates:
        context.load_cert_chain(folder / f"{name_of(index)}.pem", folder / "charger.key")
    return context


async def connect(
    port: int, contexts: list[ssl.SSLContext | None], tally: Tally, *, password: bool
) -> list[SecureCharger]:
    """Connect and boot all, so many at once."""
    free = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def dial(index: int) -> SecureCharger:
        charger = SecureCharger(name_of(index), tally, password=password)
        booted = loop.create_future()
        charger.on_booted = lambda _charger: booted.set_result(None)
        async with free, asyncio.timeout(60):
            await loop.create_connection(lambda: charger, "127.0.0.1", port, ssl=contexts[index])
            await booted
        return charger

    return list(await asyncio.gather(*map(dial, range(len(contexts)))))


async def serve(folder: Path, kind: str, socket: str, profile: int, count: int) -> None:
    """Serve one listener on any port, say which, until the input ends."""
    raise_descriptor_limit(20_000)
    loop = asyncio.get_running_loop()
    listener = next(each for each in (PLAIN, TLS, MUTUAL_TLS) if each.socket == socket)
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as data:
        served = gateway(Path(data), loop)
        credential = keep_generated(KEY)
        records = tuple(
            ChargerRecord(name_of(index), security_profile=profile, credential=credential)
            for index in range(count)
        )
        served.directory.apply(Changes(1, records, complete=True))
        chain, key = next(pair for pair in server_files(folder / "pki") if kind in pair[0].name)
        settings = TlsSettings(certificates=((chain, key),), operator=PKI.operator)
        contexts = Contexts(settings, folder / "pki")
        served.trust = contexts.trust
        make: Callable[[], asyncio.Protocol] = partial(Connection, served, listener)
        if listener.encrypted:
            plain = make
            make = lambda: TlsTransport(plain(), contexts.of(listener), served.anteroom.wait)  # type: ignore[arg-type] # noqa: E731
        listening = await loop.create_server(make, "127.0.0.1", 0, backlog=4_096)
        settle()
        print(listening.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        listening.close()
        served.close_all_now(1012, "the end")
        await asyncio.sleep(0.2)
        served.stop()
        served.journal.close()


if __name__ == "__main__":
    import uvloop

    _, place, of_key, of_socket, of_profile, how_many = sys.argv
    uvloop.run(serve(Path(place), of_key, of_socket, int(of_profile), int(how_many)))
