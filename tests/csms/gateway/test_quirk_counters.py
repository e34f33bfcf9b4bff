"""Every known oddity of chargers (tests/conformance) is counted for the charger that shows it."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from actors.charger.effects import Close
from actors.charger.settings import ChargerSettings
from csms.gateway.earlier import AT_ONCE_US, Earlier
from csms.gateway.settings import GatewaySettings
from csms.quirks import sightings
from domain.commands import Command
from domain.records import TokenRecord
from tests.conformance.quirks_v16 import meter_values, start, stop
from tests.csms.gateway.harness import KEY, Harness, boot, call, gateway_running, keyed
from tests.csms.gateway.test_sessions_of_2x import BOOT, event

NOW = "2026-05-01T12:00:00Z"
FREE = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
MODELS = {10: "free2move", 11: "wallbox-chargers"}


async def say(socket: Any, *texts: bytes) -> None:
    """Send texts one after the other and wait for what answers each."""
    for text in texts:
        await socket.send(text.decode())
        await asyncio.wait_for(socket.recv(), 5)


async def asked(node: Harness, socket: Any, action: str, payload: dict, frame: str) -> None:
    """Ask the charger, and let it answer with a frame."""
    now_us = node.gateway.now_us()
    command = Command(f"q-{action}", "CP1", action, payload, now_us + 20_000_000, queued_us=now_us)
    waiting = asyncio.create_task(node.gateway.command(command, wait=True))
    uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
    await socket.send(frame.replace("ID", uid))
    await waiting


Told = Callable[[Harness, Any], Awaitable[None]]


def answered(action: str, payload: dict, frame: str) -> Told:
    return lambda node, socket: asked(node, socket, action, payload, frame)


def told(*texts: bytes) -> Told:
    return lambda _node, socket: say(socket, *texts)


def status(uid: str, at: str | None = NOW, **more: Any) -> bytes:
    time = {} if at is None else {"timestamp": at}
    return json.dumps([2, uid, "StatusNotification", FREE | time | more]).encode()


async def started(socket: Any, uid: str = "s", at: str = "") -> int:
    await socket.send(start(uid, **({"at": f'"{at}"'} if at else {})).decode())
    return int(json.loads(await asyncio.wait_for(socket.recv(), 5))[2]["transactionId"])


async def stops_twice(_node: Harness, socket: Any) -> None:
    number = str(await started(socket))
    await say(socket, stop("a", number), stop("b", number))


async def measures_after_its_stop(_node: Harness, socket: Any) -> None:
    number = str(await started(socket))
    value = meter_values("b", more=f'"transactionId":{number},')
    await say(socket, stop("a", number), value)


async def stops_below(_node: Harness, socket: Any) -> None:
    number = str(await started(socket))
    value = meter_values("a", sampled='{"value":"9000"}', more=f'"transactionId":{number},')
    await say(socket, value, stop("b", number))


async def counts_anew(_node: Harness, socket: Any) -> None:
    number = str(await started(socket))
    await say(socket, meter_values("a", more=f'"transactionId":{number},'))


async def is_free_again(_node: Harness, socket: Any) -> None:
    await started(socket, at="2026-05-01T11:00:00Z")
    await say(socket, status("a"))


async def pipelines(_node: Harness, socket: Any) -> None:
    for uid in "abcdef":
        await socket.send(status(uid).decode())
    for _ in range(6):
        await socket.recv()


async def starts_meanwhile(node: Harness, socket: Any) -> None:
    now_us = node.gateway.now_us()
    payload = {"idTag": "CARD1"}
    command = Command("q", "CP1", "RemoteStartTransaction", payload, now_us + 20_000_000)
    waiting = asyncio.create_task(node.gateway.command(command, wait=True))
    uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
    await started(socket)
    await socket.send(json.dumps([3, uid, {"status": "Accepted"}]))
    await waiting


async def boots_again(_node: Harness, socket: Any) -> None:
    payload = {"chargePointVendor": "V", "chargePointModel": "M"}
    await call(socket, "BootNotification", payload, "again")


async def answers_nothing(_node: Harness, socket: Any) -> None:
    await socket.send('[3,"nobody",{}]')
    await call(socket, "Heartbeat", {}, "h")


async def says_a_long_serial(_node: Harness, socket: Any) -> None:
    payload = {
        "chargePointVendor": "V",
        "chargePointModel": "M",
        "chargePointSerialNumber": "S" * 30,
    }
    await call(socket, "BootNotification", payload, "again")


async def is_ahead(node: Harness, socket: Any) -> None:
    ahead_s = node.gateway.now_us() // 1_000_000 + 3_600
    at = datetime.fromtimestamp(ahead_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    await say(socket, status("1", at))


ANSWER = '[3,"ID",%s]'
TAG = '"CARD1\\\\\\\\"'
SAID: dict[int, Told] = {
    12: told(status("1")),
    13: boots_again,
    14: answered("TriggerMessage", {"requestedMessage": "Heartbeat"},
                 ANSWER % '{"status":"NotImplemented"}'),
    15: told(meter_values("1", sampled=',{"value":"15"}')),
    16: answered("GetConfiguration", {}, '[3,"ID",{"configurationKey":[{"key":"Heartb'),
    17: told(meter_values("1", more='"transactionId":,')),
    18: told(b'[2,"1","Authorize",{"idTag":"CARD\\u0000"}]'),
    19: told(b'[2,"1","Authorize",{"idTag":' + TAG.encode() + b"}]"),
    20: answers_nothing,
    21: pipelines,
    22: told(start("1"), start("1")),
    23: says_a_long_serial,
    24: told(b'[2,"1","Authorize",{"idTag":"%s"}]' % (b"A" * 30)),
    25: told(meter_values("1", sampled='{"value":15}')),
    26: told(meter_values("1", sampled="")),
    27: told(meter_values("1", sampled='{"value":"50","measurand":"Frequency","unit":"Hertz"}')),
    28: told(meter_values("1", sampled='{"value":"5","measurand":"Power"}')),
    29: answered("GetConfiguration", {},
                 ANSWER % '{"configurationKey":[{"key":"heartbeatInterval","readonly":false}]}'),
    30: told(meter_values("1", sampled='{"value":"21.399999"}')),
    31: told(stop()),
    32: answered("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"},
                 ANSWER % '{"status":"Scheduled"}'),
    33: told(status("1", connectorId=0)),
    34: told(status("1", at=None)),
    35: pipelines,
    36: is_ahead,
    37: told(start(at='"2026-05-01T12:00:00"')),
    38: told(start(at='"2026-05-01T14:00:00+03"')),
    39: told(start(at='"1970-01-01T00:00:12Z"')),
    40: told(start(at='"222222017-10-27T19:10:11Z"')),
    42: measures_after_its_stop,
    43: told(start("1"), start("2")),
    44: told(stop(number="-1")),
    45: told(stop(number="0")),
    46: told(stop(number="77")),
    48: stops_twice,
    49: told(stop(number="77")),
    51: counts_anew,
    52: stops_below,
    53: starts_meanwhile,
    54: is_free_again,
}  # fmt: skip
"""Number of an oddity -> what a charger of 1.6 says that shows it."""


def counted(node: Harness) -> dict[str, int]:
    quirks = node.gateway.presence(["CP1"])["CP1"]["quirks"]
    assert isinstance(quirks, dict)
    return quirks


@pytest.mark.parametrize("number", SAID)
async def test_what_a_charger_says_is_counted_for_it(tmp_path, number: int) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        if number != 12:
            await boot(socket)
        assert f"Q{number}" not in counted(node)
        await SAID[number](node, socket)
        await node.until(lambda: f"Q{number}" in counted(node))
        assert node.meters.counts[f"quirk:{number}"] >= 1


async def test_an_ordinary_session_shows_none(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        number = await started(socket)
        value = meter_values("m", sampled='{"value":"1500"}', more=f'"transactionId":{number},')
        await say(socket, status("1"), value, stop("b", str(number), ',"reason":"Local"'))
        assert counted(node) == {}


class Coming(NamedTuple):
    path: str = "/ocpp/CP1"
    password: str | bytes = KEY
    subprotocols: tuple[str, ...] | None = ("ocpp1.6",)


COMES = {
    1: Coming(subprotocols=None),
    3: Coming("/ocpp/%43P1"),
    4: Coming("//ocpp/CP1/"),
    5: Coming(password=bytes.fromhex(KEY)),
}


@pytest.mark.parametrize("number", COMES)
async def test_how_a_charger_comes_is_counted_for_it(tmp_path, number: int) -> None:
    coming = COMES[number]
    record = keyed("CP1", subprotocol="ocpp1.6")
    async with gateway_running(tmp_path, accept_unknown=(), chargers=(record,)) as node:
        async with node.charger("CP1", KEY):
            await node.until(lambda: node.gateway.lines)
            assert counted(node) == {}
        await node.until(lambda: not node.gateway.connections)
        async with node.charger("CP1", coming.password, coming.subprotocols, coming.path):
            await node.until(lambda: node.gateway.lines)
            assert counted(node).keys() - {"Q8"} == {f"Q{number}"}


async def test_q2_a_request_without_upgrade_has_no_charger_but_is_counted(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(
            b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert node.meters.counts["quirk:2"] == 1


async def test_q6_and_q8_a_probe_of_a_version_and_the_return_at_once_are_counted(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1"):
            await node.until(lambda: node.gateway.lines)
        await node.until(lambda: not node.gateway.connections)
        async with node.charger("CP1", subprotocols=("ocpp2.0.1",)):
            await node.until(lambda: node.gateway.lines)
            assert counted(node) == {"Q6": 1, "Q8": 1}


def test_who_comes_back_later_with_the_same_version_shows_nothing() -> None:
    earlier = Earlier(2)
    assert earlier.opened("CP1", "ocpp1.6", 5) == ()
    earlier.closed("cp1", 10)
    assert earlier.opened("Cp1", "ocpp1.6", 10 + AT_ONCE_US) == ()
    earlier.closed("CP1", 20 + AT_ONCE_US)
    for name in ("A", "B"):
        earlier.opened(name, "ocpp1.6", 30 + AT_ONCE_US)
    assert earlier.opened("CP1", "ocpp2.1", 30 + AT_ONCE_US) == (), "forgotten: there were two"


async def test_q7_who_talks_but_sends_no_pong_is_counted(tmp_path) -> None:
    settings = GatewaySettings(ping_s=0.05, dead_s=60)
    async with gateway_running(tmp_path, settings=settings) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        key = base64.b64encode(b"0" * 16).decode()
        writer.write(
            f"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        await node.until(lambda: node.gateway.lines)
        beat = b'[2,"1","Heartbeat",{}]'
        for _ in range(3):
            await asyncio.sleep(0.12)
            node.gateway.beat(1, 0)
            writer.write(bytes((0x81, 0x80 | len(beat), 0, 0, 0, 0)) + beat)
        await node.until(lambda: counted(node).get("Q7", 0) >= 1)
        writer.close()


async def test_q9_who_is_deaf_is_counted_as_he_is_sent_away(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        line = node.gateway.line("CP1")
        line.close_line(Close(1001, "deaf"))
        assert line.sightings[sightings.DEAF] == 1


@pytest.mark.parametrize("number", MODELS)
async def test_a_model_that_is_treated_in_its_own_way_is_counted(tmp_path, number: int) -> None:
    record = keyed("CP1", treat_as=MODELS[number])
    async with (
        gateway_running(tmp_path, accept_unknown=(), chargers=(record,)) as node,
        node.charger("CP1", KEY) as socket,
    ):
        await boot(socket)
        assert counted(node)[f"Q{number}"] >= 1


async def test_q47_a_stop_without_number_after_concurrent_is_counted(tmp_path) -> None:
    now = ChargerSettings(replay_age_s=10_000_000_000)
    token = TokenRecord("CARD1")
    async with (
        gateway_running(tmp_path, charger_settings=now, tokens=(token,)) as node,
        node.charger("CP2") as other,
        node.charger("CP1") as socket,
    ):
        await boot(other)
        await boot(socket)
        await started(other)
        await started(socket)
        await say(socket, stop("x", "-1", ',"reason":"DeAuthorized"'))
        assert counted(node) == {"Q44": 1, "Q47": 1}


async def test_q50_events_that_are_missing_are_counted(tmp_path) -> None:
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", subprotocols=("ocpp2.0.1",)) as socket,
    ):
        await call(socket, "BootNotification", BOOT, "b")
        for seq in (0, 1, 3, 5):
            kind = "Updated" if seq else "Started"
            await call(socket, "TransactionEvent", event(kind, seq, 100 + seq), f"t{seq}")
        assert counted(node) == {"Q50": 2}


def test_every_known_oddity_has_its_counter_but_one_that_cannot_be_seen() -> None:
    here = {*SAID, *COMES, *MODELS, 2, 6, 7, 8, 9, 47, 50}
    assert here == set(range(1, 55)) - {41}
