"""What the catalogue of models does to a real connection."""

import asyncio
import json

import pytest
from msgspec import msgpack

from actors.charger.settings import ChargerSettings
from csms.gateway.models import Models
from csms.gateway.settings import GatewaySettings
from csms.quirks.catalogue import Catalogue, Model
from domain.known import KnownCharger
from domain.records import ChargerRecord
from tests.csms.gateway.harness import boot, call, gateway_running
from tests.csms.gateway.test_threats import reset

HERE = ("127.0.0.0/8",)


def models(**fields) -> Models:
    return Models(
        Catalogue([Model("odd", vendor="v", quirks=(10,), why="It is odd.", **fields)]), 9
    )


async def took(socket, uid: str) -> float:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert (await call(socket, "Heartbeat", {}, uid))[0] == 3
    return loop.time() - began_s


async def test_q10_answers_of_a_model_are_held_from_its_boot_on(tmp_path) -> None:
    async with gateway_running(tmp_path, models=models(reply_delay_ms=200)) as node:
        async with node.charger("CP1") as socket:
            await boot(socket)
            assert await took(socket, "1") >= 0.19
        async with node.charger("CP1") as socket:  # it need not boot again
            assert await took(socket, "2") >= 0.19


async def test_a_record_decides_over_what_a_charger_says(tmp_path) -> None:
    charger = ChargerRecord("CP1", security_profile=0, networks=HERE, treat_as="none")
    made = models(never_send=("Reset",))
    async with (
        gateway_running(tmp_path, models=made, chargers=(charger,)) as node,
        node.charger("CP1") as socket,
    ):
        await boot(socket)
        assert (await node.gateway.command(reset(node), wait=False)).outcome == "queued"
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[2] == "Reset"


async def test_q14_what_a_model_must_not_be_sent_is_refused_with_the_reason(tmp_path) -> None:
    async with (
        gateway_running(tmp_path, models=models(never_send=("Reset",))) as node,
        node.charger("CP1") as socket,
    ):
        await boot(socket)
        result = await node.gateway.command(reset(node), wait=True)
        assert result.outcome == "refused"
        assert "odd" in result.error_text
        assert "It is odd." in result.error_text


@pytest.mark.parametrize("known_by", ["record", "ledger"])
async def test_q11_a_model_that_must_boot_first_is_called_after_its_boot_only(
    tmp_path, known_by
) -> None:
    treat_as = "odd" if known_by == "record" else ""
    charger = ChargerRecord("CP1", security_profile=0, networks=HERE, treat_as=treat_as)

    async def ledger(chargers: list[str]) -> bytes:
        return msgpack.encode([KnownCharger("CP1", booted=True, vendor="V", model="M")])

    async with (
        gateway_running(
            tmp_path,
            models=models(boots_first=True),
            chargers=(charger,),
            charger_settings=ChargerSettings(boot_backstop_s=0, activation_wait_ms=200),
            ask_ledger=ledger if known_by == "ledger" else None,
        ) as node,
        node.charger("CP1") as socket,
    ):
        line = node.gateway.line("CP1")
        await node.until(lambda: node.gateway.line("CP1").model is not None)
        line = node.gateway.line("CP1")
        await node.gateway.command(reset(node), wait=False)
        assert (await call(socket, "Heartbeat", {}))[0] == 3  # not the Reset
        assert (await boot(socket))[1] == "boot"
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[2] == "Reset"
        assert line.model.name == "odd"


@pytest.mark.parametrize(("repairs", "code"), [(None, 3), (("leading_comma",), 3), ((), 4)])
async def test_q15_only_the_repairs_of_a_model_are_made(tmp_path, repairs, code) -> None:
    async with (
        gateway_running(tmp_path, models=models(repairs=repairs)) as node,
        node.charger("CP1") as socket,
    ):
        await boot(socket)
        await socket.send(
            '[2,"m","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":'
            '"2026-11-22T10:00:00Z","sampledValue":[,{"value":"1"}]}]}]'
        )
        answer = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert answer[0] == code
        assert node.gateway.presence(["CP1"])["CP1"]["quirks"] == {"Q15": 1}


async def test_q7_a_model_without_pongs_is_not_cut_off_for_being_silent(tmp_path) -> None:
    settings = GatewaySettings(ping_s=1, dead_s=2)
    async with (
        gateway_running(tmp_path, models=models(pongs=False), settings=settings) as node,
        node.charger("CP1") as socket,
    ):
        await boot(socket)
        line = node.gateway.line("CP1")
        line.connection.last_seen_us -= 60_000_000
        line.connection.pinged_us = line.connection.last_seen_us + 1
        node.gateway.beat(1, 0)
        assert line.connection.close_reason != "silent"
        line.connection.last_seen_us -= 4 * 86_400_000_000
        node.gateway.beat(1, 0)
        await node.until(lambda: not node.gateway.lines)


async def test_what_a_charger_has_shown_is_counted_for_it_and_for_all(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        stop = {"transactionId": -1, "meterStop": 1, "timestamp": "2026-11-22T10:00:00"}
        assert (await call(socket, "StopTransaction", stop, "s"))[0] == 3
        assert (await call(socket, "StopTransaction", stop, "s"))[0] == 3
        await socket.send('[3,"nobody",{}]')
        await socket.send('[2,"a","Authorize",{"idTag":"CARD\\u0000"}]')
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[1] == "a"
        shown = node.gateway.presence(["CP1"])["CP1"]
        seen = {18, 20, 22, 31, 37, 44, 46, 49}
        assert shown["quirks"] == {f"Q{number}": 1 for number in seen}
        assert shown["model"] == ""
        assert {k for k in node.meters.counts if k.startswith("quirk:")} == {
            f"quirk:{n}" for n in seen
        }
