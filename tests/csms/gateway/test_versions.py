"""Every version on one port: chosen in each handshake, spoken to the end."""

import asyncio
import contextlib
import itertools
import json
from collections import defaultdict

import pytest

from csms.simulator.charger import Identity
from csms.simulator.driver import Fleet, Member
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from domain.commands import Command, Outcome
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    CommandFollowed,
    MessageExchanged,
    TransactionProgressed,
    VariablesReported,
)
from domain.records import TokenRecord
from protocol.versions import VERSIONS
from supervisor.clock import Clock
from tests.csms.gateway.harness import Harness, call, gateway_running

QUICK = SimulatorSettings(
    connectors=1, arrival_s_mean=0.1, session_s_mean=2.0, meter_interval_s=0.3, ramp_per_s=100.0
)
_numbers = itertools.count(1)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
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
async def virtual(node: Harness, model: str):
    members = [Member(Identity.of("V1", MODELS[model]))]
    url = node.url.rstrip("/")
    fleet = Fleet(url, members, tokens=("TAG1",), settings=QUICK, seed=4, clock=Clock())
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop))
    try:
        yield fleet
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running


async def command(node: Harness, action: str, payload: dict):
    now_us = node.gateway.now_us()
    name = f"c{next(_numbers)}"
    sent = Command(name, "V1", action, payload, now_us + 20_000_000, queued_us=now_us)
    return await node.gateway.command(sent, wait=True)


@pytest.mark.parametrize("model", ["modern"])
async def test_a_virtual_charger_of_2x_boots_charges_and_obeys(tmp_path, model) -> None:
    async with gateway_running(tmp_path, tokens=(TokenRecord("TAG1"),)) as node:
        async with virtual(node, model):

            def told() -> dict[str, list[TransactionProgressed]]:
                found = defaultdict(list)
                for event in node.events(TransactionProgressed):
                    found[event.said].append(event)
                return found

            def ended() -> bool:
                return any(e.kind == "Ended" for events in told().values() for e in events)

            await node.until(ended, 30)
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
