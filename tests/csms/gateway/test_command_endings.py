"""Whoever asked for a command hears how it ended when that is on disk."""

import asyncio
import json
import time

from csms.gateway.gateway import Gateway
from domain.commands import Command, CommandResult, Outcome
from domain.events import CommandFinished
from tests.csms.gateway.harness import Harness, boot, gateway_running


class HeldJournal:
    """The real journal, which says only when it is told to that something is on disk."""

    def __init__(self, gateway: Gateway) -> None:
        self._journal = gateway.journal
        self.held: list = []
        gateway.journal = self

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    def append(self, blob, done=None) -> None:
        if done is not None and b"GetConfiguration" in blob:
            self.held.append(done)
            self._journal.append(blob)
        else:
            self._journal.append(blob, done)


async def _asked(node: Harness, socket) -> asyncio.Task[CommandResult | None]:
    """Ask for a command, and let the charger accept it."""
    await boot(socket)
    deadline_us = time.time_ns() // 1_000 + 30_000_000
    command = Command("c1", "CP1", "GetConfiguration", {}, deadline_us)
    asking = asyncio.create_task(node.gateway.command(command, wait=True))
    said = json.loads(await asyncio.wait_for(socket.recv(), 5))
    await socket.send(json.dumps([3, said[1], {"configurationKey": []}]))
    return asking


async def test_the_asker_is_told_after_the_commit(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        journal = HeldJournal(node.gateway)
        asking = await _asked(node, socket)
        await node.until(lambda: node.events(CommandFinished) and journal.held)
        assert not asking.done()
        journal.held.pop()()
        result = await asking
        assert result is not None
        assert result.outcome == Outcome.ACCEPTED
        assert not node.gateway.writing


async def test_the_asker_is_told_after_the_commit_although_the_charger_has_gone(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        async with node.charger("CP1") as socket:
            journal = HeldJournal(node.gateway)
            asking = await _asked(node, socket)
            await node.until(lambda: journal.held)
        await node.until(lambda: not node.gateway.lines)
        journal.held.pop()()
        result = await asking
        assert result is not None
        assert result.outcome == Outcome.ACCEPTED


async def test_an_end_that_cannot_be_written_down_is_lost_and_the_asker_hears_so(tmp_path) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:
        journal = HeldJournal(node.gateway)
        asking = await _asked(node, socket)
        await node.until(lambda: journal.held)
        node.gateway.journal_failed()
        result = await asking
        assert result is not None
        assert result.outcome == Outcome.LOST
        assert result.error_text == "it ended accepted, but how it ended could not be written down"
        assert not node.gateway.writing
