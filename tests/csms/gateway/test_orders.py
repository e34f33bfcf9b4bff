import asyncio
import json

import msgspec
import pytest

from csms.gateway.orders import is_as_checked, order
from csms.gateway.settings import GatewaySettings
from domain.commands import Command
from domain.events import CommandFinished, CommandQueued, CommandSent, MessageExchanged
from tests.csms.gateway.harness import boot, gateway_running

LATE = GatewaySettings(sent_note_ms=5_000)


def command(node, name: str = "c1", **payload: object) -> Command:
    now_us = node.gateway.now_us()
    return Command(name, "CP1", "ChangeConfiguration", payload, now_us + 5_000_000, 2, "op", now_us)


async def test_the_way_of_an_order_is_written_down_step_by_step(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        asked = command(node, key="AuthorizationKey", value="secret")
        assert (await order(node.gateway, asked, wait=False)).outcome == "queued"
        # It was acknowledged, so it is on disk.
        (queued,) = node.events(CommandQueued)
        assert (queued.command, queued.issued_by, queued.deadline_us) == (
            "c1",
            "op",
            asked.deadline_us,
        )
        assert "secret" not in queued.payload
        uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
        await node.until(lambda: node.events(CommandSent))
        await socket.send(json.dumps([3, uid, {"status": "Accepted"}]))
        await node.until(lambda: node.events(CommandFinished))
        order_of = [
            type(event)
            for entry in node.entries()
            for event in entry.events
            if type(event) in (CommandQueued, CommandSent, CommandFinished)
        ]
        assert order_of == [CommandQueued, CommandSent, CommandFinished]


async def test_an_order_that_is_answered_at_once_has_two_entries(tmp_path) -> None:
    async with gateway_running(tmp_path, settings=LATE) as node, node.charger("CP1") as socket:
        await boot(socket)
        before = len(node.entries())
        asked = asyncio.create_task(order(node.gateway, command(node, key="k"), wait=True))
        uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
        await socket.send(json.dumps([3, uid, {"status": "Accepted"}]))
        result = await asyncio.wait_for(asked, 5)
        queued, ended = node.entries()[before:]
        assert [type(event) for event in queued.events] == [CommandQueued]
        assert [type(event) for event in ended.events][:1] == [MessageExchanged]
        finished = ended.events[-1]
        assert isinstance(finished, CommandFinished)
        assert finished.sent_us == result.sent_us > 0


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
async def test_an_order_that_is_written_down_goes_its_way_without_who_asked_for_it(
    tmp_path, turns: int
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        asked = asyncio.create_task(order(node.gateway, command(node, key="k"), wait=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        uid = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
        await socket.send(json.dumps([3, uid, {"status": "Accepted"}]))
        await node.until(lambda: node.events(CommandFinished))
        assert len(node.events(CommandQueued)) == 1
        (finished,) = node.events(CommandFinished)
        assert finished.outcome == "accepted"
        assert not node.gateway.orphans


async def test_an_order_for_a_charger_that_is_not_here_is_not_written_down(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        assert await order(node.gateway, command(node), wait=True) is None
        assert node.events(CommandQueued) == []


async def test_an_order_is_for_the_connection_and_the_record_that_it_was_checked_against(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        await boot(socket)
        line, asked = node.gateway.line("CP1"), command(node)
        line.record = msgspec.structs.replace(line.record, revision=5)
        assert is_as_checked(node.gateway, asked, line.generation, 5)
        # Who checked it may have heard of a change of the record before this gateway has.
        assert is_as_checked(node.gateway, asked, line.generation, 6)
        assert not is_as_checked(node.gateway, asked, line.generation, 4)
        assert not is_as_checked(node.gateway, asked, line.generation - 1, 5)
        assert is_as_checked(node.gateway, asked, 0, 0)
        elsewhere = msgspec.structs.replace(asked, charger="CP2")
        assert not is_as_checked(node.gateway, elsewhere, 0, 0)
