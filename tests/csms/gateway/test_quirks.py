"""What real chargers do to a connection (the numbers are those of tests/conformance)."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from actors.charger.settings import ChargerSettings
from domain.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConnectorStatusReported,
    TransactionProgressed,
)
from tests.csms.gateway.harness import KEY, boot, call, gateway_running, keyed
from tests.csms.gateway.test_threats import reset

STATUS = {"errorCode": "NoError", "status": "Available"}


async def test_q1_a_charger_whose_record_names_a_version_may_offer_none(tmp_path) -> None:
    chargers = (keyed("PINNED", subprotocol="ocpp1.6"), keyed("FREE"))
    async with gateway_running(tmp_path, accept_unknown=(), chargers=chargers) as node:
        async with node.charger("PINNED", KEY, subprotocols=None) as socket:
            assert socket.subprotocol is None
            assert (await boot(socket))[0] == 3
        async with node.charger("FREE", KEY, subprotocols=None) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 1002


async def test_q2_a_request_without_connection_upgrade_is_refused(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(
            b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 426 ")
        writer.close()
        assert node.meters.counts["refused:bad_request"] == 1
        assert not node.gateway.lines


async def test_q6_each_connection_has_the_version_that_it_agreed_on(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        for offered in (("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6"), ("ocpp1.6", "ocpp2.0.1")):
            async with node.charger("CP1", subprotocols=offered) as socket:
                assert (await boot(socket))[0] == 3
                line = node.gateway.line("CP1")
                assert socket.subprotocol == line.version.subprotocol
        await node.until(lambda: len(node.events(ChargerDisconnected)) == 3)
        generations = {
            entry.generation
            for entry in node.entries()
            if any(type(event) is ChargerConnected for event in entry.events)
        }
        assert len(generations) == 3


async def test_q8_connect_close_connect_within_milliseconds_leaves_no_ghost(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        for _ in range(20):
            async with node.charger("CP1", close_timeout=0.01) as socket:
                socket.transport.abort()
        async with node.charger("CP1") as socket:
            assert (await boot(socket))[0] == 3
            await node.until(lambda: len(node.gateway.connections) == 1)
            await node.until(lambda: node.gateway.base.stats.actors == 1)
            assert (await node.gateway.command(reset(node), wait=False)).outcome == "queued"
            assert json.loads(await asyncio.wait_for(socket.recv(), 5))[2] == "Reset"


async def test_q9_a_charger_that_talks_but_ignores_calls_is_sent_away(tmp_path) -> None:
    settings = ChargerSettings(call_timeout_s=1, timeouts_in_a_row_max=1)
    async with (
        gateway_running(tmp_path, charger_settings=settings) as node,
        node.charger("CP1") as socket,
    ):
        await boot(socket)
        asking = asyncio.create_task(node.gateway.command(reset(node), wait=True))
        with pytest.raises(ConnectionClosed) as closed:
            for index in range(100):
                await socket.send(json.dumps([2, str(index), "Heartbeat", {}]))
                await socket.recv()
                await asyncio.sleep(0.05)
        assert closed.value.rcvd.code == 1001
        assert (await asking).outcome == "timed_out"


async def test_q10_a_charger_that_wants_slow_answers_gets_them_in_order(tmp_path) -> None:
    async with (
        gateway_running(
            tmp_path, accept_unknown=(), chargers=(keyed("CP1", reply_delay_ms=150),)
        ) as node,
        node.charger("CP1", KEY) as socket,
    ):
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for uid in ("1", "2", "3"):
            await socket.send(json.dumps([2, uid, "Heartbeat", {}]))
        uids = [json.loads(await socket.recv())[1] for _ in range(3)]
        assert uids == ["1", "2", "3"]
        assert loop.time() - began_s >= 0.14


@pytest.mark.parametrize("delay_ms", [0, 100])
async def test_q11_no_call_comes_before_the_answer_to_the_boot(tmp_path, delay_ms) -> None:
    async with (
        gateway_running(
            tmp_path, accept_unknown=(), chargers=(keyed("CP1", reply_delay_ms=delay_ms),)
        ) as node,
        node.charger("CP1", KEY) as socket,
    ):
        await node.until(lambda: node.gateway.lines)
        await node.gateway.command(reset(node), wait=False)
        assert (await boot(socket))[1] == "boot"
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[2] == "Reset"


async def test_q12_a_charger_that_does_not_boot_again_is_served_and_gets_commands(
    tmp_path,
) -> None:
    settings = ChargerSettings(boot_backstop_s=0)
    async with (
        gateway_running(tmp_path, charger_settings=settings) as node,
        node.charger("CP1") as socket,
    ):
        assert (await call(socket, "Heartbeat", {}))[0] == 3
        await node.gateway.command(reset(node), wait=False)
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[2] == "Reset"


async def test_q14_a_rejected_trigger_ends_as_rejected_and_nothing_depends_on_it(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        command = reset(node, "t", "TriggerMessage", requestedMessage="StatusNotification")
        asking = asyncio.create_task(node.gateway.command(command, wait=True))
        uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
        await socket.send(json.dumps([3, uid, {"status": "NotImplemented"}]))
        assert (await asking).outcome == "rejected"
        assert (await call(socket, "Heartbeat", {}))[0] == 3


async def test_q35_many_first_statuses_at_once_are_all_kept_and_answered(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        for connector in range(40):
            payload = {"connectorId": connector, **STATUS}
            await socket.send(json.dumps([2, str(connector), "StatusNotification", payload]))
        answers = [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in range(40)]
        assert [answer[:2] for answer in answers] == [[3, str(n)] for n in range(40)]
        assert len(node.events(ConnectorStatusReported)) == 40


async def test_q50_events_that_were_dropped_keep_no_other_from_being_taken(tmp_path) -> None:
    kinds = {0: "Started", 2: "Updated", 4: "Updated", 7: "Ended"}
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", subprotocols=("ocpp2.0.1",)) as socket,
    ):
        for seq, kind in kinds.items():
            payload = {
                "eventType": kind,
                "timestamp": f"2026-11-22T10:00:0{seq}Z",
                "triggerReason": "MeterValuePeriodic",
                "seqNo": seq,
                "transactionInfo": {"transactionId": "T1"},
                "evse": {"id": 1, "connectorId": 1},
            }
            answer = await call(socket, "TransactionEvent", payload, str(seq))
            assert answer[0] == 3, answer
        kept = node.events(TransactionProgressed)
        assert [event.seq for event in kept] == [0, 2, 4, 7]
        assert len({event.transaction for event in kept}) == 1
