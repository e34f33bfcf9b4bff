"""Keys are written in groups, and what happens to one of a group happens to no other."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api import key_writer
from csms.api.key_writer import KeyWriter
from csms.api.pace import Pace
from domain.errors import Unavailable
from storage.relational.engine import open_engine
from storage.relational.idempotency import Begin, End, Kept, write
from storage.relational.migrations import upgrade
from supervisor.clock import Clock

T0 = 1_767_225_600_000_000


def begin(name: str, tenant: str = "default") -> Begin:
    return Begin("k", name, tenant, b"d", T0, T0 + 10)


@pytest.fixture
async def engine(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    engine = open_engine(url)
    yield engine
    await engine.dispose()


async def test_what_comes_while_a_transaction_runs_is_one_transaction(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[tuple[int, int]] = []

    async def counted(
        engine: AsyncEngine, begins: list[Begin], ends: list[End]
    ) -> list[Kept | None]:
        groups.append((len(begins), len(ends)))
        return await write(engine, begins, ends)

    monkeypatch.setattr(key_writer.store, "write", counted)
    writer = KeyWriter(engine, Pace(Clock(), 0.0))
    answers = await asyncio.gather(*(writer.begin(begin(f"{number % 20}")) for number in range(40)))
    assert answers == [None] * 20 + [Kept(b"d", 0, "", b"")] * 20
    await asyncio.gather(*(writer.end(End("k", f"{n}", None)) for n in range(20)))
    assert (sum(b for b, _ in groups), sum(e for _, e in groups)) == (40, 20)
    assert len(groups) <= 4


async def test_who_goes_away_does_not_hold_up_the_others(engine: AsyncEngine) -> None:
    writer = KeyWriter(engine, Pace(Clock(), 0.0))
    first = asyncio.create_task(writer.begin(begin("a")))
    second = asyncio.create_task(writer.begin(begin("b")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None
    assert await writer.begin(begin("a")) == Kept(b"d", 0, "", b"")


async def test_a_row_that_the_store_refuses_fails_alone(engine: AsyncEngine) -> None:
    writer = KeyWriter(engine, Pace(Clock(), 0.0))
    wrong = begin("b")._replace(expires_us=1 << 70)
    answers = await asyncio.gather(
        writer.begin(begin("a")), writer.begin(wrong), writer.begin(begin("c")),
        return_exceptions=True,
    )  # fmt: skip
    assert (answers[0], answers[2]) == (None, None)
    assert isinstance(answers[1], Exception)


async def test_a_store_that_is_away_is_told_to_everybody(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/missing/csms.db")
    writer = KeyWriter(engine, Pace(Clock(), 0.0))
    answers = await asyncio.gather(
        writer.begin(begin("a")), writer.end(End("k", "a", None)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    await engine.dispose()
