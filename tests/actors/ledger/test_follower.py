import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from actors.ledger.follower import Away, CatchUp, CaughtUp, JournalFollower, Look, Position
from actors.ledger.settings import LedgerSettings
from domain.errors import Unavailable
from storage.journal import JournalSettings, JournalWriter
from storage.journal_reader import Row
from storage.relational.projector import Applied
from supervisor.actor_errors import ActorCrashed
from supervisor.asyncio_base import AsyncioBase
from tests.actors.ledger.kit import until

SETTINGS = LedgerSettings(poll_busy_ms=5, poll_idle_ms=5, retry_ms_min=5, retry_ms_max=20)


class Projection:
    """Stands for the store: what was applied, and what goes wrong next."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []
        self.failures: list[Exception] = []
        self.lsn = 0

    async def position(self, _journal: str) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return self.lsn

    async def rewind(self, _journal: str) -> None:
        self.lsn = 0

    async def apply(self, _journal: str, rows: Sequence[Row], _name: str) -> Applied:
        if self.failures:
            raise self.failures.pop(0)
        self.blobs += [row.blob for row in rows if row.lsn > self.lsn]
        self.lsn = rows[-1].lsn
        return Applied(self.lsn, len(rows), 0)


class Story:
    def __init__(self, folder: Path, settings: LedgerSettings = SETTINGS) -> None:
        self.base = AsyncioBase()
        self.projection = Projection()
        self.moves: list[Position] = []
        self.path = folder / "gw0.db"
        self.follower = self.base.create(
            JournalFollower,
            "journal gw0",
            init={
                "base": self.base,
                "path": self.path,
                "projector": self.projection,
                "turn": asyncio.Lock(),
                "settings": settings,
                "on_moved": self.moves.append,
            },
        )
        self.base.tell(self.follower, Look())

    def write(self, *blobs: bytes) -> None:
        writer = JournalWriter(self.path, JournalSettings(), lambda _done: None, print)
        for blob in blobs:
            writer.append(blob)
        writer.close()

    async def catch_up(self) -> object:
        return await self.base.ask(self.follower, CatchUp(), 10)


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    story = Story(tmp_path)
    yield story
    story.base.shutdown()


async def test_it_follows_by_itself(story: Story) -> None:
    story.write(b"1", b"2")
    await until(lambda: story.projection.blobs == [b"1", b"2"], "nothing was projected")
    story.write(b"3")
    await until(lambda: story.projection.blobs == [b"1", b"2", b"3"], "it stopped")
    assert story.moves[-1] == Position("gw0", story.moves[-1].uuid, 3)


async def test_catching_up_does_not_wait_for_the_next_look(tmp_path: Path) -> None:
    story = Story(tmp_path, LedgerSettings(poll_idle_ms=60_000, poll_busy_ms=60_000))
    assert await story.catch_up() == CaughtUp()
    for number in range(5):
        story.write(b"%d" % number)
        assert await story.catch_up() == CaughtUp()
        assert story.projection.blobs[-1] == b"%d" % number
    story.base.shutdown()


async def test_more_than_one_read_is_caught_up_whole(tmp_path: Path) -> None:
    story = Story(tmp_path, LedgerSettings(read_entries_max=3, poll_idle_ms=60_000))
    story.write(*[b"%d" % number for number in range(20)])
    assert await story.catch_up() == CaughtUp()
    assert len(story.projection.blobs) == 20
    story.base.shutdown()


async def test_a_journal_that_is_not_there_is_caught_up(story: Story) -> None:
    assert await story.catch_up() == CaughtUp()


async def test_who_waits_hears_that_the_store_is_away_and_it_goes_on_later(story: Story) -> None:
    story.write(b"1")
    await story.catch_up()
    story.projection.failures = [Unavailable("gone fishing")] * 4
    story.write(b"2")
    await until(lambda: len(story.projection.failures) < 4, "it did not try")
    story.projection.failures = [Unavailable("gone fishing")] * 3
    assert await story.catch_up() == Away("gone fishing")
    await until(lambda: story.projection.blobs == [b"1", b"2"], "it did not go on")


async def test_a_crash_makes_a_fresh_one_that_goes_on_from_the_store(tmp_path: Path) -> None:
    # It looks only when asked, so that it is the asker who meets the fault.
    story = Story(tmp_path, LedgerSettings(poll_idle_ms=60_000, poll_busy_ms=60_000))
    story.write(b"1")
    await story.catch_up()
    story.write(b"2")
    story.projection.failures = [RuntimeError("a bug")]
    with pytest.raises(ActorCrashed, match="a bug"):
        await story.catch_up()
    await until(lambda: story.projection.blobs == [b"1", b"2"], "nobody took over")
    assert await story.catch_up() == CaughtUp()
    story.base.shutdown()


async def test_an_older_copy_of_a_journal_is_read_again(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    story.projection.lsn = 5  # as the store says of this journal
    story.write(b"1", b"2")
    await until(lambda: story.projection.blobs == [b"1", b"2"], "it was skipped")
    assert "ends with record 2, but the store has read it to 5" in caplog.text


async def test_records_that_this_store_has_never_read_are_missed_loudly(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    made = story.path.with_name("made")
    writer = JournalWriter(made, JournalSettings(), lambda _done: None, print)
    for blob in (b"1", b"2", b"3"):
        writer.append(blob)
    writer.close()
    with contextlib.closing(sqlite3.connect(made)) as db, db:
        db.execute("DELETE FROM entries WHERE lsn < 3")
    made.rename(story.path)
    await until(lambda: story.projection.blobs == [b"3"], "nothing was projected")
    assert "records 1 to 2 were deleted before this store has read them" in caplog.text
