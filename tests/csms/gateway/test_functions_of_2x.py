"""Display, customer information, networks, DER, V2X, batteries, tariffs: sent, answered, kept."""

import asyncio
import json

import msgspec
import pytest

from domain.commands import Command, Outcome
from domain.events import MessageExchanged, NoticeReported
from storage.relational import reads
from tests.csms.gateway.harness import KEY, call, gateway_running, keyed
from tests.csms.gateway.test_sessions_of_2x import BOOT, projected
from tests.protocol.payloads_v2 import PAYLOADS

TOLD_BY_201 = (
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "ReservationStatusUpdate",
)
TOLD_BY_21 = (
    "BatterySwap",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifySettlement",
    "ReportDERControl",
    "VatNumberValidation",
)
SENT_TO_201 = (
    "ClearDisplayMessage",
    "CustomerInformation",
    "GetDisplayMessages",
    "SetDisplayMessage",
    "SetNetworkProfile",
)
SENT_TO_21 = (
    "AFRRSignal",
    "ChangeTransactionTariff",
    "ClearDERControl",
    "ClearTariffs",
    "GetDERControl",
    "GetTariffs",
    "NotifyAllowedEnergyTransfer",
    "NotifyWebPaymentStarted",
    "RequestBatterySwap",
    "SetDERControl",
    "SetDefaultTariff",
)


@pytest.mark.parametrize(
    ("name", "told"), [("ocpp2.0.1", TOLD_BY_201), ("ocpp2.1", TOLD_BY_201 + TOLD_BY_21)]
)
async def test_what_a_charger_tells_is_answered_kept_and_found(tmp_path, name, told) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1", subprotocols=(name,)) as socket:
            await call(socket, "BootNotification", BOOT, "b")
            for uid, action in enumerate(told):
                answer = await call(socket, action, PAYLOADS[name].inbound[action], f"u{uid}")
                assert answer[:2] == [3, f"u{uid}"], (action, answer)
            await node.until(lambda: len(node.events(NoticeReported)) >= len(told))
        store = await projected(node, tmp_path)
        for action in told:
            page = await reads.page(store, "notices", {"charger": "CP1", "topic": action}, limit=9)
            (row,) = page.items
            assert json.loads(row["body"]) == PAYLOADS[name].inbound[action]
        await store.dispose()


@pytest.mark.parametrize(
    ("name", "sent"), [("ocpp2.0.1", SENT_TO_201), ("ocpp2.1", SENT_TO_201 + SENT_TO_21)]
)
async def test_each_can_be_sent_and_its_answer_comes_back(tmp_path, name, sent) -> None:
    payloads = PAYLOADS[name]
    async with (
        gateway_running(tmp_path) as node,
        node.charger("CP1", subprotocols=(name,)) as socket,
    ):
        await call(socket, "BootNotification", BOOT, "b")
        for action in sent:
            now_us = node.gateway.now_us()
            wanted = Command(
                f"c-{action}", "CP1", action, payloads.outbound[action], now_us + 20_000_000
            )
            running = asyncio.create_task(node.gateway.command(wanted, wait=True))
            asked = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert asked[2:] == [action, payloads.outbound[action]]
            await socket.send(json.dumps([3, asked[1], payloads.answers[action]]))
            result = await running
            assert result.response == payloads.answers[action]
            assert result.outcome in {Outcome.ACCEPTED, Outcome.REJECTED}


@pytest.mark.parametrize("name", ["ocpp2.0.1", "ocpp2.1"])
async def test_parts_of_an_answer_are_found_by_their_request_and_a_person_not_in_the_log(
    tmp_path, name
) -> None:
    customer = PAYLOADS[name].inbound["NotifyCustomerInformation"] | {"requestId": 41}
    display = PAYLOADS[name].inbound["NotifyDisplayMessages"]
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1", subprotocols=(name,)) as socket:
            await call(socket, "BootNotification", BOOT, "b")
            for seq, more in enumerate((True, True, False)):
                part = customer | {"seqNo": seq, "tbc": more, "data": f"Jane Doe {seq}"}
                await call(socket, "NotifyCustomerInformation", part, f"c{seq}")
            for seq, more in enumerate((True, False)):
                part = display | {"requestId": 42, "tbc": more}
                await call(socket, "NotifyDisplayMessages", part, f"d{seq}")
            await node.until(lambda: len(node.events(NoticeReported)) >= 5)
        logged = [e for e in node.events(MessageExchanged) if e.action.startswith("NotifyCustomer")]
        assert [json.loads(e.request)["data"] for e in logged] == ["***"] * 3
        assert "Jane" not in str(msgspec.to_builtins(logged))
        store = await projected(node, tmp_path)
        for request, parts in ((41, [True, True, False]), (42, [True, False])):
            page = await reads.page(store, "notices", {"charger": "CP1", "request": request})
            assert [row["more"] for row in sorted(page.items, key=lambda r: r["id"])] == parts
        await store.dispose()


async def test_what_a_strict_charger_is_refused_hides_the_person_too(tmp_path) -> None:
    async with gateway_running(tmp_path, chargers=(keyed("CP1", strict=True),)) as node:
        async with node.charger("CP1", KEY, subprotocols=("ocpp2.0.1",)) as socket:
            await call(socket, "BootNotification", BOOT, "b")
            wrong = {"data": "Jane Doe", "requestId": "no number", "seqNo": 0}
            answer = await call(socket, "NotifyCustomerInformation", wrong, "c")
            assert answer[0] == 4
            await node.until(
                lambda: any(
                    e.action == "NotifyCustomerInformation" for e in node.events(MessageExchanged)
                )
            )
        assert "Jane" not in str(msgspec.to_builtins(node.events(MessageExchanged)))
