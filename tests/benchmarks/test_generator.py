"""The generator's process against a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generator import Generator, GeneratorFailed
from domain.events import TransactionProgressed, decode_entry
from storage.journal_reader import JournalReader
from tests.csms.gateway.harness import gateway_running

pytestmark = pytest.mark.slow


class Lead:
    """A generator that is led without blocking the loop, where the gateway runs."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    async def do(self, command: str, **details: object) -> dict[str, Any]:
        answer = await asyncio.to_thread(self._generator.do, command, 20.0, **details)
        return dict(answer)


@pytest.fixture
async def lead(tmp_path: Path) -> AsyncIterator[Lead]:
    async with gateway_running(tmp_path) as node:
        generator = Generator(node.port)
        try:
            yield Lead(generator)
        finally:
            await asyncio.to_thread(generator.close)


async def test_chargers_connect_boot_and_leave(lead: Lead):
    grown = await lead.do("grow", to=5)
    assert (grown["connected"], grown["errors"]) == (5, 0)
    assert grown["cpu_s"] > 0
    assert (await lead.do("grow", to=8))["connected"] == 8
    gone = await lead.do("shrink", to=2)
    assert (gone["connected"], gone["lost"]) == (2, 6)


async def test_every_message_of_a_closed_loop_is_answered_and_counted(lead: Lead):
    await lead.do("grow", to=3)
    window = await lead.do("closed", seconds=0.3)
    assert window["answered"] >= 3
    assert window["errors"] == 0
    assert 0 < window["p50_ms"] <= window["p99_ms"] <= window["max_ms"]


async def test_events_of_each_charger_are_those_of_one_transaction(lead: Lead, tmp_path: Path):
    await lead.do("grow", to=3, events=True)
    window = await lead.do("closed", seconds=0.3)
    assert window["answered"] >= 3
    assert window["errors"] == 0
    reader = JournalReader(tmp_path / "gw0.db")
    entries = [decode_entry(row.blob) for row in reader.read(0, 100_000, 1 << 30)]
    reader.close()
    told = [e for entry in entries for e in entry.events if isinstance(e, TransactionProgressed)]
    assert len(told) == window["answered"]
    assert len({event.transaction for event in told}) == 3
    assert not [event.flags for event in told if set(event.flags) - {"started_blank"}]
    for said in {event.said for event in told}:
        seqs = [event.seq for event in told if event.said == said]
        assert seqs == list(range(len(seqs)))
    assert {event.kind for event in told if not event.seq} == {"Started"}


async def test_paced_messages_are_as_many_as_asked_for(lead: Lead):
    await lead.do("grow", to=3)
    window = await lead.do("paced", per_s=100, seconds=0.5)
    assert window["answered"] == 50


async def test_a_command_that_fails_says_why(lead: Lead):
    with pytest.raises(GeneratorFailed, match="KeyError"):
        await lead.do("nonsense")
    assert (await lead.do("grow", to=1))["connected"] == 1
