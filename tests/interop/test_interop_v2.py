"""Whole sessions and all commands of OCPP 2.0.1 and 2.1 with chargers that other people wrote.

The payloads are those of tests/protocol/payloads: every message with every member that it can have.
The package `ocpp` loses some names of 2.1 on the way (`survives`); those messages are said by the
other peer only. Neither package knows SEND: it is said over a bare socket.
"""

import asyncio
import itertools
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.interop.node_under_test import NodeUnderTest
from tests.interop.peers import ANSWER_S, OcppPackagePeer, Peer, Reply, survives
from tests.interop.test_interop import command, is_known, iso, now
from tests.protocol.payloads_v2 import PAYLOADS

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

BOOT = {
    "reason": "PowerUp",
    "chargingStation": {"vendorName": "Acme", "model": "Two", "firmwareVersion": "4.5.6"},
}
SILENT = {"NotifyPeriodicEventStream"}
"""What is sent with SEND."""
LOST_NAMES_MAX = 12
"""Messages of a version that the package `ocpp` cannot say."""
WITH_PROFILES = {"RequestStartTransaction", "SetChargingProfile"}
"""Their payloads have every member at once, which the rules of profiles (chapter K) do not allow."""
_numbers = itertools.count(1)


async def boot(node: NodeUnderTest, peer: Peer) -> str:
    """Connect as a new charger and boot; return its identity."""
    identity = f"{type(peer).__name__}-{peer.subprotocol}-{next(_numbers)}"
    agreed = await peer.connect(node.chargers, identity)
    assert agreed.subprotocol == peer.subprotocol
    assert "permessage-deflate" in agreed.extensions
    assert (await peer.call("BootNotification", BOOT))["status"] == "Accepted"
    await asyncio.to_thread(node.settled, "the charger's record", lambda: is_known(node, identity))
    return identity


def event(kind: str, seq: int, trigger: str, wh: float, **more: Any) -> dict[str, Any]:
    at = iso(now())
    info = {"transactionId": "interop-1", **more.pop("info", {})}
    sampled = {"value": wh, "measurand": "Energy.Active.Import.Register"}
    return {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": trigger,
        "seqNo": seq,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": at, "sampledValue": [sampled]}],
        **more,
    }


def can_say(peer: Peer, *payloads: dict[str, Any]) -> bool:
    return not isinstance(peer, OcppPackagePeer) or all(map(survives, payloads))


async def test_a_whole_session_is_answered_and_kept(node: NodeUnderTest, peer2: Peer) -> None:
    peer = peer2
    identity = await boot(node, peer)
    said = {"BootNotification"}
    assert "currentTime" in await peer.call("Heartbeat", {})
    token = {"idToken": "KNOWN", "type": "ISO14443"}
    answer = await peer.call("Authorize", {"idToken": token})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == "FAMILY"
    stopped = {"stoppedReason": "EVDisconnected"}
    for payload in (
        event("Started", 0, "Authorized", 1_000, idToken=token),
        event("Updated", 1, "MeterValuePeriodic", 1_500, info={"chargingState": "Charging"}),
        event("Ended", 2, "EVDeparted", 2_000, info=stopped),
    ):
        answer = await peer.call("TransactionEvent", payload)
        if "idToken" in payload:
            assert answer["idTokenInfo"]["status"] == "Accepted"
    said |= {"Heartbeat", "Authorize", "TransactionEvent"}
    inbound = PAYLOADS[peer.subprotocol].inbound
    for action, payload in inbound.items():
        if action not in said | SILENT and can_say(peer, payload):
            await peer.call(action, payload)
            said.add(action)
    least = set(inbound) - SILENT
    if isinstance(peer, OcppPackagePeer):
        assert len(said) >= len(least) - LOST_NAMES_MAX, least - said
    else:
        assert said == least

    def ended() -> Any:
        found = node.items(f"/transactions?charger={identity}&state=ended")
        return [each for each in found if each["said"] == "interop-1"]

    [transaction] = await asyncio.to_thread(node.settled, "the transaction", ended)
    assert (transaction["meter_start_wh"], transaction["meter_stop_wh"]) == (1_000, 2_000)
    assert (transaction["token"], transaction["connector"]) == ("KNOWN", 1)
    assert transaction["stop_reason"] == "EVDisconnected"

    def logged() -> Any:
        found = node.items(f"/messages?charger={identity}&direction=in&limit=100")
        return found if {m["action"] for m in found} == said else None

    messages = await asyncio.to_thread(node.settled, "the message log", logged)
    assert {m["outcome"] for m in messages} == {"result"}
    assert [m for m in messages if m["flags"]] == []


async def test_every_command_brings_the_chargers_own_answer(
    node: NodeUnderTest, peer2: Peer
) -> None:
    peer = peer2
    identity = await boot(node, peer)
    payloads = PAYLOADS[peer.subprotocol]
    sent = [
        action
        for action, payload in payloads.outbound.items()
        if can_say(peer, payload, payloads.answers[action])
    ]
    for action in sent:
        answer = payloads.answers[action]
        await peer.reply(action, Reply(answer))
        ended = await command(
            node, identity, action, payloads.outbound[action], 60, force=action in WITH_PROFILES
        )
        assert ended["outcome"] in {"accepted", "rejected"}, ended
        assert ended["response"] == answer, action
    async with asyncio.timeout(ANSWER_S):  # the node may hear an answer before we do
        while len(peer.called) < len(sent):
            await asyncio.sleep(0.01)
    assert peer.called == [(action, payloads.outbound[action]) for action in sent]
    assert len(sent) >= len(payloads.outbound) - LOST_NAMES_MAX

    def logged() -> Any:
        found = node.items(f"/messages?charger={identity}&direction=out&limit=100")
        return found if len(found) == len(sent) else None

    messages = await asyncio.to_thread(node.settled, "the message log", logged)
    assert {m["outcome"] for m in messages} == {"result"}
    assert [m for m in messages if m["flags"]] == []


class BareCharger:
    """OCPP-J over a bare socket, for frames that no package has."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def call(self, action: str, payload: Any) -> Any:
        uid = f"c{next(self._ids)}"
        await self._socket.send(json.dumps([2, uid, action, payload]))
        said = json.loads(await asyncio.wait_for(self._socket.recv(), ANSWER_S))
        assert said[:2] == [3, uid], said
        return said[2]

    async def tell(self, action: str, payload: Any) -> None:
        await self._socket.send(json.dumps([6, f"s{next(self._ids)}", action, payload]))


async def test_values_of_a_periodic_event_stream_are_read_back_by_analysts(
    node: NodeUnderTest,
) -> None:
    identity = f"bare-{next(_numbers)}"
    begin = now().replace(microsecond=0)
    values = [(n * 0.5, f"{230 + n / 10:.1f}") for n in range(20)]
    stream = {"id": 5, "params": {"interval": 1, "values": 10}, "variableMonitoringId": 7}
    async with connect(
        f"{node.chargers}/{identity}", subprotocols=[Subprotocol("ocpp2.1")]
    ) as socket:
        charger = BareCharger(socket)
        assert (await charger.call("BootNotification", BOOT))["status"] == "Accepted"
        opened = await charger.call("OpenPeriodicEventStream", {"constantStreamData": stream})
        assert opened["status"] == "Accepted"
        for part in (values[:10], values[10:]):
            data = [{"t": t, "v": v} for t, v in part]
            told = {"id": 5, "pending": 0, "basetime": iso(begin), "data": data}
            await charger.tell("NotifyPeriodicEventStream", told)
        closed = await charger.call("ClosePeriodicEventStream", {"id": 5})
        assert closed == {}

    def read_back() -> Any:
        rows = node.sql(
            "SELECT toUnixTimestamp64Micro(ts) AS at_us, value FROM device_events"
            f" WHERE charger = '{identity}' AND kind = 'PeriodicEventStream' AND event = 5"
            " ORDER BY ts"
        )
        return rows if len(rows) == len(values) else None

    rows = await asyncio.to_thread(node.settled, "the values", read_back)
    begin_us = int(begin.timestamp()) * 1_000_000
    assert [(int(row["at_us"]), row["value"]) for row in rows] == [
        (begin_us + int(t * 1e6), value) for t, value in values
    ]
    sent = node.items(f"/messages?charger={identity}&action=NotifyPeriodicEventStream")
    assert [(each["outcome"], each["response"], each["flags"]) for each in sent] == [
        ("sent", "", [])
    ] * 2


async def test_monitors_and_the_statuses_that_they_tell_are_found_over_rest(
    node: NodeUnderTest,
) -> None:
    identity = f"bare-{next(_numbers)}"
    at = iso(now())
    place = {"component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}}
    event = {
        "eventId": 1,
        "timestamp": at,
        "trigger": "Delta",
        "actualValue": "Occupied",
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": 3,
        **place,
        "variable": {"name": "AvailabilityState"},
    }
    monitor = {"id": 3, "value": 1, "type": "Delta", "severity": 8, "transaction": False}
    row = {**place, "variable": event["variable"], "variableMonitoring": [monitor]}
    async with connect(
        f"{node.chargers}/{identity}", subprotocols=[Subprotocol("ocpp2.0.1")]
    ) as socket:
        charger = BareCharger(socket)
        await charger.call("BootNotification", BOOT)
        report = {"requestId": 1, "seqNo": 0, "generatedAt": at, "monitor": [row]}
        await charger.call("NotifyMonitoringReport", report)
        told = {"generatedAt": at, "seqNo": 0, "eventData": [event]}
        await charger.call("NotifyEvent", told)

    def noticed() -> Any:
        return node.items(f"/device-events?charger={identity}")

    [found] = await asyncio.to_thread(node.settled, "the event", noticed)
    assert (found["variable"], found["value"], found["monitor"]) == (
        "AvailabilityState", "Occupied", 3
    )  # fmt: skip
    [known] = node.items(f"/monitors?charger={identity}")
    assert (known["number"], known["kind"], known["severity"]) == (3, "Delta", 8)
    [shown] = node.get(f"/chargers/{identity}")["connectors"]
    assert (shown["connector"], shown["plug"], shown["status"]) == (1, 1, "Occupied")
