import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from csms.gateway.settings import GatewaySettings
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ConnectionRefused,
    ConnectorStatusReported,
    EnergyMeasured,
    TransactionStarted,
    TransactionStopped,
)
from domain.records import TokenRecord
from tests.csms.gateway.harness import KEY, boot, call, chosen, gateway_running, keyed

METER = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2026-11-22T10:00:00Z", "sampledValue": [{"value": "1500"}]}],
}


async def test_a_charger_boots_meters_and_is_answered_after_the_commit(tmp_path) -> None:
    async with gateway_running(tmp_path, tokens=(TokenRecord("TAG"),)) as node:
        async with node.charger("CP1") as socket:
            answer = await boot(socket)
            assert answer[0] == 3
            assert answer[2]["status"] == "Accepted"
            start = await call(
                socket,
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": "tag",
                    "meterStart": 10,
                    "timestamp": "2026-11-22T10:00:00Z",
                },
            )
            assert start[2]["idTagInfo"]["status"] == "Accepted"
            number = start[2]["transactionId"]
            assert 0 < number < 2**30
            assert (await call(socket, "MeterValues", {**METER, "transactionId": number}))[2] == {}
            assert len(node.events(EnergyMeasured)) == 1
            stop = await call(
                socket,
                "StopTransaction",
                {"transactionId": number, "meterStop": 2000, "timestamp": "2026-11-22T11:00:00Z"},
            )
            assert stop[0] == 3
        await node.until(lambda: node.events(ChargerDisconnected))
        assert node.events(ChargerConnected)[0].subprotocol == "ocpp1.6"
        assert node.events(ChargerBooted)[0].vendor == "V"
        assert node.events(TransactionStarted)[0].transaction == number
        assert node.events(TransactionStopped)[0].transaction == number


async def test_the_same_start_sent_again_gets_the_same_number(tmp_path) -> None:
    payload = {
        "connectorId": 1,
        "idTag": "t",
        "meterStart": 10,
        "timestamp": "2026-11-22T10:00:00Z",
    }
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        first = await call(socket, "StartTransaction", payload, "a")
        second = await call(socket, "StartTransaction", payload, "b")
        assert first[2]["transactionId"] == second[2]["transactionId"]
        assert len(node.events(TransactionStarted)) == 1


@pytest.mark.parametrize(
    "path", ["/ocpp/CP1", "/CP1", "//ocpp//CP1/", "/ocpp/%43P1", "/a/b/CP1?x=1"]
)
async def test_paths_that_chargers_in_the_field_use_lead_to_the_same_identity(
    tmp_path, path
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1", path=path) as socket:
        assert (await boot(socket))[0] == 3
        assert "cp1" in node.gateway.lines


@pytest.mark.parametrize(
    ("path", "status"),
    [("/ocpp/", 404), ("/", 404), ("/ocpp/%zz", 404), ("/ocpp/a%2Fb", 404), ("/ocpp/%00", 404)],
)
async def test_a_path_without_an_identity_is_refused_and_recorded(tmp_path, path, status) -> None:
    async with gateway_running(tmp_path) as node:
        with pytest.raises(InvalidStatus) as refused:
            async with node.charger("", path=path):
                pass
        assert refused.value.response.status_code == status
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(0)).reason == "no_identity"


async def test_an_unknown_charger_and_a_wrong_password_look_the_same(tmp_path) -> None:
    async with gateway_running(
        tmp_path, accept_unknown=(), chargers=(keyed("CP1"), chosen("CP2", "a long password!"))
    ) as node:
        bodies = []
        for name, password in (
            ("CP1", "wrong"),
            ("NOPE", "wrong"),
            ("CP1", None),
            ("CP2", "wrong-wrong-wrong-wrong"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with node.charger(name, password):
                    pass
            response = refused.value.response
            bodies.append(
                (
                    response.status_code,
                    response.body,
                    sorted(k for k, _ in response.headers.raw_items()),
                )
            )
        assert bodies[0] == bodies[1] == bodies[2] == bodies[3]
        assert bodies[0][0] == 401
        await node.until(lambda: len(node.events(ConnectionRefused)) == 4)
        assert [e.reason for e in node.events(ConnectionRefused)] == [
            "wrong_password",
            "unknown_charger",
            "no_password",
            "wrong_password",
        ]
        shown = [(e.authorization, e.tls) for e in node.events(ConnectionRefused)]
        assert shown == [("Basic", ""), ("Basic", ""), ("", ""), ("Basic", "")]
        assert not node.gateway.lines


@pytest.mark.parametrize("password", [KEY, KEY.upper(), bytes.fromhex(KEY)])
async def test_a_generated_key_fits_as_text_and_as_bytes(tmp_path, password) -> None:
    async with (
        gateway_running(tmp_path, accept_unknown=(), chargers=(keyed("CP1"),)) as node,
        node.charger("CP1", password) as socket,
    ):
        assert (await boot(socket))[0] == 3


async def test_a_human_password_is_checked_off_the_loop_and_remembered(tmp_path) -> None:
    async with gateway_running(
        tmp_path, accept_unknown=(), chargers=(chosen("CP2", "correct horse battery"),)
    ) as node:
        for _ in range(2):
            async with node.charger("CP2", "correct horse battery") as socket:
                assert (await boot(socket))[0] == 3
        assert len(node.gateway.gate.passwords._proved) == 1


async def test_without_a_common_subprotocol_the_handshake_completes_and_then_closes(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1", subprotocols=("ocpp9.9",)) as socket:
            assert socket.subprotocol is None
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(0)).reason == "no_subprotocol"
        assert not node.gateway.lines


async def test_a_newcomer_from_the_same_address_replaces_the_old_connection(tmp_path) -> None:
    async with (
        gateway_running(tmp_path, chargers=(keyed("CP1"),)) as node,
        node.charger("CP1", KEY) as old,
    ):
        await boot(old)
        async with node.charger("CP1", KEY) as new:
            with pytest.raises(ConnectionClosed) as closed:
                await old.recv()
            assert closed.value.rcvd.code == 1008
            assert (await boot(new))[0] == 3
            assert len(node.gateway.lines) == 1


async def test_who_proves_nothing_does_not_replace_a_connection_that_lives(tmp_path) -> None:
    settings = GatewaySettings(probe_s=0.2)
    async with gateway_running(tmp_path, settings=settings) as node, node.charger("CP1") as old:
        await boot(old)
        async with node.charger("CP1") as new:
            with pytest.raises(ConnectionClosed):
                await new.recv()
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(-1)).reason == "held_elsewhere"
        heartbeat = await call(old, "Heartbeat", {})
        assert heartbeat[0] == 3


async def test_who_proves_nothing_replaces_a_connection_that_is_dead(tmp_path) -> None:
    settings = GatewaySettings(probe_s=0.2)
    async with gateway_running(tmp_path, settings=settings) as node, node.charger("CP1") as old:
        await boot(old)
        old.transport.pause_reading()  # its pings are answered no more
        async with node.charger("CP1") as new:
            assert (await boot(new))[0] == 3
        old.transport.resume_reading()


async def test_a_charger_that_proves_nothing_may_come_back_as_often_as_it_likes(tmp_path) -> None:
    settings = GatewaySettings(probe_s=0.1, takeovers_per_min=2)
    async with gateway_running(tmp_path, settings=settings) as node, AsyncExitStack() as stack:
        for _ in range(5):
            socket = await stack.enter_async_context(node.charger("CP1"))
            assert (await boot(socket))[0] == 3
            socket.transport.pause_reading()  # its pings are answered no more
            stack.callback(socket.transport.resume_reading)
    assert not node.events(ConnectionRefused)


async def test_compressed_messages_are_understood(tmp_path) -> None:
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", compression="deflate") as socket,
    ):
        await boot(socket)
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        assert "server_no_context_takeover" in socket.response.headers["Sec-WebSocket-Extensions"]
        assert (await call(socket, "MeterValues", METER))[0] == 3


async def test_an_inflation_bomb_is_cut_off(tmp_path) -> None:
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", compression="deflate") as socket,
    ):
        await boot(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.send("x" * 50_000_000)
            await socket.recv()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


async def test_pipelined_calls_are_answered_in_order(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        for index in range(40):
            action, payload = ("Heartbeat", {}) if index % 2 else ("MeterValues", METER)
            await socket.send(json.dumps([2, str(index), action, payload]))
        answers = [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in range(40)]
        assert [answer[1] for answer in answers] == [str(index) for index in range(40)]


async def test_a_flood_slows_down_its_sender_and_loses_nothing(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)

        async def flood() -> None:
            for index in range(1_500):
                await socket.send(json.dumps([2, str(index), "MeterValues", METER]))

        task = asyncio.create_task(flood())
        answers = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(1_500)]
        await task
        assert [answer[1] for answer in answers] == [str(index) for index in range(1_500)]
        assert len(node.events(EnergyMeasured)) == 1_500
        assert node.gateway.paused > 0


async def test_an_unknown_action_is_answered_not_implemented(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        answer = await call(socket, "MakeCoffee", {})
        assert answer[0] == 4
        assert answer[2] == "NotImplemented"


async def test_violations_are_flagged_by_default_and_refused_when_strict(tmp_path) -> None:
    bad = {"connectorId": "1", "errorCode": "NoError", "status": "Available"}
    async with gateway_running(
        tmp_path, accept_unknown=(), chargers=(keyed("LAX"), keyed("STRICT", strict=True))
    ) as node:
        async with node.charger("LAX", KEY) as socket:
            assert (await call(socket, "StatusNotification", bad))[0] == 3
        assert node.events(ConnectorStatusReported)[0].connector == 1
        assert any(name.startswith("flag:type") for name in node.meters.counts)
        async with node.charger("STRICT", KEY) as socket:
            answer = await call(socket, "StatusNotification", bad)
            assert answer[0] == 4
            assert answer[2] == "TypeConstraintViolation"


async def test_garbage_bytes_end_only_their_own_connection(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(b"\x16\x03\x01\x00\x01 not http\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 5) is not None
        writer.close()
        await writer.wait_closed()
        await node.until(lambda: not node.gateway.connections)
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(0)).reason == "bad_request"


async def test_a_handshake_that_takes_too_long_is_closed(tmp_path) -> None:
    from csms.gateway.settings import GatewaySettings

    async with gateway_running(tmp_path, settings=GatewaySettings(handshake_s=0.1)) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            while await asyncio.wait_for(reader.read(100), 5):
                pass
            raise ConnectionResetError
        writer.close()
        await node.until(lambda: not node.gateway.connections)
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(0)).reason == "handshake_timeout"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100, 1_000])
async def test_any_split_of_bytes_gives_the_same_messages(tmp_path, piece) -> None:
    from benchmarks.load import frame

    handshake = (
        b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    big = json.dumps([2, "big", "MeterValues", {**METER, "filler": "x" * 70_000}]).encode()
    big_frame = b"\x81\xff" + len(big).to_bytes(8, "big") + b"\0\0\0\0" + big
    heartbeat = b'[2,"f","Heartbeat",{}]'
    stream = (
        frame(json.dumps([2, "a", "MeterValues", METER]).encode())
        + b"\x89\x84\x01\x02\x03\x04qvwx"  # a masked ping
        + b"\x01"
        + frame(heartbeat[:9])[1:]  # the first fragment
        + b"\x89\x80\0\0\0\0"  # a ping between fragments
        + b"\x80"
        + frame(heartbeat[9:])[1:]  # the last fragment
        + (big_frame if piece > 1 else b"")
        + frame(b'[2,"z","Heartbeat",{}]')
    )
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(handshake)
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(stream), piece):
            writer.write(stream[start : start + piece])
            if piece > 3 or start % 50 == 0:
                await writer.drain()
                await asyncio.sleep(0)
        got = b""
        async with asyncio.timeout(10):
            while b'"z"' not in got or got.count(b"\x8a") < 2:
                got += await reader.read(4_096)
        uids = [uid for uid in (b'"a"', b'"f"', b'"big"', b'"z"') if uid in got]
        assert uids == [b'"a"', b'"f"', *([b'"big"'] if piece > 1 else []), b'"z"']
        writer.close()
        await writer.wait_closed()


async def test_an_unmasked_frame_fails_the_connection(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        socket.transport.write(b"\x81\x02[]")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 1002


async def test_a_frame_that_announces_too_much_is_closed_before_it_is_read(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        socket.transport.write(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 1009
