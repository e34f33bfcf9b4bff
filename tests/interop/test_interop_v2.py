"""Whole sessions of OCPP 2.0.1 with chargers that other people wrote.

The payloads are those of tests/protocol/payloads: every message with every member that it can have.
The package `ocpp` may lose names on the way (`survives`); such messages are said by the other only.
"""

import asyncio
import itertools
from typing import Any

import pytest

from tests.interop.node_under_test import NodeUnderTest
from tests.interop.peers import OcppPackagePeer, Peer, survives
from tests.interop.test_interop import is_known, iso, now
from tests.protocol.payloads_v2 import PAYLOADS

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

BOOT = {
    "reason": "PowerUp",
    "chargingStation": {"vendorName": "Acme", "model": "Two", "firmwareVersion": "4.5.6"},
}
SILENT = {"NotifyPeriodicEventStream"}
"""What is sent with SEND."""
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
    for action, payload in PAYLOADS[peer.subprotocol].inbound.items():
        if action in said or action in SILENT:
            continue
        if isinstance(peer, OcppPackagePeer) and not survives(payload):
            continue
        await peer.call(action, payload)
        said.add(action)
    least = set(PAYLOADS[peer.subprotocol].inbound) - SILENT
    if isinstance(peer, OcppPackagePeer):
        assert len(said) >= len(least) - 4, least - said
    else:
        assert said == least

    def logged() -> Any:
        found = node.items(f"/messages?charger={identity}&direction=in&limit=100")
        return found if {m["action"] for m in found} == said else None

    messages = await asyncio.to_thread(node.settled, "the message log", logged)
    assert {m["outcome"] for m in messages} == {"result"}
    assert [m for m in messages if m["flags"]] == []
