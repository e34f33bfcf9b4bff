"""Every version on one port: chosen in each handshake, spoken to the end."""

import asyncio
import contextlib
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from csms.simulator.charger import SimulatedCharger
from csms.simulator.driver import Member, VirtualCharger
from csms.simulator.identity import Identity
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from domain.commands import Command, Outcome
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    CommandFollowed,
    MessageExchanged,
    StreamReported,
    TransactionProgressed,
    VariablesReported,
)
from domain.records import TokenRecord
from protocol.versions import VERSIONS
from tests.csms.gateway.harness import Harness, call, gateway_running

QUICK = SimulatorSettings(connectors=1, session_s_mean=600.0, meter_interval_s=0.3)
_numbers = itertools.count(1)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("ocpp1.6", "ocpp2.0.1", "ocpp2.1"), "ocpp2.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        (("ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
        (("ocpp1.6",), "ocpp1.6"),
        (("ocpp1.5", "ocpp1.6"), "ocpp1.6"),
    ],
)
async def test_our_preference_among_what_is_offered_decides(tmp_path, offered, chosen) -> None:
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", subprotocols=offered) as socket,
    ):
        assert socket.subprotocol == chosen


async def test_a_charger_changes_its_version_between_two_connections(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1") as socket:
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            assert (await call(socket, "BootNotification", boot))[2]["status"] == "Accepted"
        await node.until(lambda: not node.gateway.lines)
        async with node.charger("CP1", subprotocols=("ocpp2.0.1",)) as socket:
            station = {"vendorName": "V", "model": "M"}
            boot = {"reason": "PowerUp", "chargingStation": station}
            assert (await call(socket, "BootNotification", boot))[2]["status"] == "Accepted"
            unknown = await call(socket, "StartTransaction", {}, "2")
            assert unknown[:3] == [4, "2", "NotImplemented"]
        spoken = [event.subprotocol for event in node.events(ChargerConnected)]
        assert spoken == ["ocpp1.6", "ocpp2.0.1"]


@contextlib.asynccontextmanager
async def virtual(node: Harness, model: str) -> AsyncIterator[VirtualCharger]:
    """A charger that has booted, where a driver has just plugged in and shown a card."""
    url, member = node.url.rstrip("/"), Member(Identity.of("V1", MODELS[model]))

    def arrive(charger: SimulatedCharger) -> None:
        connector = charger.connectors[1]
        charger.plug(connector)
        charger.ask_tell("TAG1", lambda _answer: charger.start(connector, "TAG1"))

    async with VirtualCharger(url, member, settings=QUICK, seed=4) as charger:
        await charger.until(lambda charger: charger.registered)
        charger.act(arrive)
        yield charger


async def charged(node: Harness) -> None:
    """Let the server end the transaction of a virtual charger once it has told samples."""

    def metered() -> list[TransactionProgressed]:
        return [e for e in node.events(TransactionProgressed) if e.kind == "Updated" and e.samples]

    def ended() -> bool:
        return any(e.kind == "Ended" for e in node.events(TransactionProgressed))

    await node.until(metered, 20)
    stop = {"transactionId": metered()[0].said}
    assert (await command(node, "RequestStopTransaction", stop)).outcome == Outcome.ACCEPTED
    await node.until(ended, 20)


async def command(node: Harness, action: str, payload: dict):
    now_us = node.gateway.now_us()
    name = f"c{next(_numbers)}"
    sent = Command(name, "V1", action, payload, now_us + 20_000_000, queued_us=now_us)
    return await node.gateway.command(sent, wait=True)


@pytest.mark.parametrize("model", ["modern", "newest"])
async def test_a_virtual_charger_of_2x_boots_charges_and_obeys(tmp_path, model) -> None:
    async with gateway_running(tmp_path, tokens=(TokenRecord("TAG1"),)) as node:
        async with virtual(node, model):

            def told() -> dict[str, list[TransactionProgressed]]:
                found = defaultdict(list)
                for event in node.events(TransactionProgressed):
                    found[event.said].append(event)
                return found

            await charged(node)
            read = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "MessageAttempts"}}
            got = await command(node, "GetVariables", {"getVariableData": [read]})
            assert got.outcome == Outcome.ACCEPTED
            full = {"requestId": 7, "reportBase": "FullInventory"}
            assert (await command(node, "GetBaseReport", full)).outcome == Outcome.ACCEPTED

            def reported() -> bool:
                return any(e.end == "variables_reported" for e in node.events(CommandFollowed))

            await node.until(reported, 10)
        events = next(e for e in told().values() if e[-1].kind == "Ended")
        assert [event.seq for event in events] == list(range(len(events)))
        assert events[0].kind == "Started"
        assert len({event.transaction for event in events}) == 1
        assert events[0].meter_wh >= 0
        assert events[-1].samples
        assert node.events(ChargerBooted)[0].reason == "PowerUp"
        exchanged = [e for e in node.events(MessageExchanged) if e.flags or e.outcome != "result"]
        assert exchanged == []
        learned = node.events(VariablesReported)
        assert learned[0].variables[0].status == "Accepted"
        assert sum(len(event.variables) for event in learned if event.request == 7) >= 15
        schemas = VERSIONS[MODELS[model].subprotocol].schemas
        for each in node.events(MessageExchanged):
            schema = schemas.response(each.action)
            assert schema.flags(json.loads(each.response)) == (), each


STREAM = {
    "id": 5,
    "pending": 1,
    "basetime": "2026-11-22T10:00:00Z",
    "data": [{"t": 0, "v": "230.4"}, {"t": 1.5, "v": "230.2"}],
}


async def test_a_send_is_kept_and_never_answered_whatever_else_is_open(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1", subprotocols=("ocpp2.1",)) as socket:
            await socket.send(json.dumps([6, "s1", "NotifyPeriodicEventStream", STREAM]))
            await socket.send(json.dumps([6, "s1", "NotifyPeriodicEventStream", STREAM]))
            await socket.send(json.dumps([6, "s2", "Nonsense", {}]))
            await socket.send(json.dumps([6, "s3", "NotifyPeriodicEventStream", {"id": "x"}]))
            assert (await call(socket, "Heartbeat", {}, "h"))[:2] == [3, "h"]
        await node.until(lambda: len(node.events(StreamReported)) == 2)
        good, bad = node.events(StreamReported)
        assert (good.stream, good.pending, good.flags) == (5, 1, ())
        assert [value.value for value in good.values] == ["230.4", "230.2"]
        assert good.values[1].at_us - good.values[0].at_us == 1_500_000
        assert bad.flags
        sent = [e for e in node.events(MessageExchanged) if e.outcome == "sent"]
        assert sorted(e.uid for e in sent) == ["s1", "s2", "s3"]
        assert all(e.response == "" for e in sent)
        assert node.meters.counts["flag:duplicate_call"] == 1


@pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_older_versions_ignore_the_new_frames(tmp_path, subprotocol) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1", subprotocols=(subprotocol,)) as socket:
            await socket.send(json.dumps([6, "s1", "NotifyPeriodicEventStream", STREAM]))
            await socket.send(json.dumps([5, "s2", "FormatViolation", "", {}]))
            assert (await call(socket, "Heartbeat", {}, "h"))[:2] == [3, "h"]
        assert node.events(StreamReported) == []
        assert node.meters.counts["flag:frame:unknown_type"] == 2


@pytest.mark.parametrize(("subprotocol", "refused"), [("ocpp2.1", True), ("ocpp2.0.1", False)])
async def test_an_answer_that_breaks_its_schema_counts_and_is_refused_in_2_1(
    tmp_path, subprotocol, refused
) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("V1", subprotocols=(subprotocol,)) as socket:
            boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
            await call(socket, "BootNotification", boot)
            asked = asyncio.create_task(command(node, "ClearCache", {}))
            kind, uid, action, _ = json.loads(await socket.recv())
            assert (kind, action) == (2, "ClearCache")
            await socket.send(json.dumps([3, uid, {"status": 17}]))
            assert (await asked).outcome == Outcome.REJECTED
            answer = await call(socket, "Heartbeat", {}, "h")
            if refused:
                assert answer[:3] == [5, uid, "TypeConstraintViolation"]
                answer = json.loads(await socket.recv())
            assert answer[:2] == [3, "h"]
            await socket.send(json.dumps([5, "h", "FormatViolation", "no time in it", {}]))
            await call(socket, "Heartbeat", {}, "h2")

        def refusals() -> int:
            return sum(e.outcome == "refused" for e in node.events(MessageExchanged))

        await node.until(lambda: bool(node.events(ChargerDisconnected)))
        assert refusals() == refused
