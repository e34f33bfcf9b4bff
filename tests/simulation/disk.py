"""The node's disk, as its journals meet it: slow, full, cut off in the middle of a write."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from domain.events import Entry, decode_entry
from storage.journal import JournalWriter
from storage.journal_reader import Row
from tests.simulation.world import SimulatedLoop, World

COMMIT_US = (300, 12_000)


class Wake:
    """Stands for the event that the writer thread waits for: schedules its next turn."""

    def __init__(self, journal: "SteppedJournal") -> None:
        self._journal = journal

    def set(self) -> None:
        self._journal.plan()

    def clear(self) -> None:
        """The turn begins."""


class SteppedJournal(JournalWriter):
    """The real writer without its thread: the world says when it has a turn.

    A commit takes time; its callbacks come later still. A crash may fall before, between, after.
    """

    def __init__(self, *args, disk: "Disk", loop: SimulatedLoop, soon, **named) -> None:
        self._disk = disk
        self._loop = loop
        self._planned = False
        self._dead = False
        super().__init__(*args, soon=soon, **named)

    def _begin(self) -> None:
        self._wake = Wake(self)
        self._disk.journals.append(self)

    def _end(self) -> None:
        while not self._dead and self._failed is None and self._queue:
            self._one()
        self._release()

    def plan(self) -> None:
        """A turn soon, when none is planned."""
        if not self._planned and not self._dead and self._failed is None:
            self._planned = True
            world = self._disk.world
            wait_us = world.dice.randint(*COMMIT_US) * self._disk.slowness
            world.after(wait_us, self._turn_now, of=self._loop)

    def _turn_now(self) -> None:
        self._planned = False
        if not self._dead and self._failed is None and self._one():
            self.plan()

    def _one(self) -> bool:
        try:
            return self._turn()
        except Exception as error:
            self._fail(error)
            return False

    def _commit(self, group) -> None:
        if self._disk.is_full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = 13
            raise error
        deliver, self._deliver = self._deliver, lambda _dones: None
        try:
            super()._commit(group)
        finally:
            self._deliver = deliver
        first = self.last_lsn - len(group) + 1
        for number, (blob, _) in enumerate(group):
            self._disk.kept(self, first + number, blob)
        dones = [done for _, done in group if done is not None]
        if dones:
            world = self._disk.world
            world.after(world.dice.randrange(10, 2_000), deliver, dones, of=self._loop)

    def _fail(self, error: Exception) -> None:
        self._disk.world.tell(self.path.stem, f"journal failed: {error}")
        super()._fail(error)

    def crash(self) -> None:
        """Its process is dead: what was not committed never was."""
        self._dead = True
        self._release()
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def _release(self) -> None:
        if self in self._disk.journals:
            self._disk.journals.remove(self)
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def tear(self, dice) -> None:
        """The power goes while a group is written: any part of it is in the file's log."""
        group = self._take_group()
        if not group:
            return
        wal = Path(f"{self.path}-wal")
        before = wal.stat().st_size if wal.exists() else 0
        lsn = self.last_lsn
        with contextlib.suppress(sqlite3.Error):
            JournalWriter._commit(self, [(blob, None) for blob, _ in group])
        after = wal.stat().st_size
        whole, log = self.path.read_bytes(), wal.read_bytes()
        self._db.close()
        if after > before:
            cut = dice.randrange(before, after)
            # Closing has emptied the log into the file: put back what the power cut has left.
            self.path.write_bytes(whole)
            wal.write_bytes(log[:cut])
            Path(f"{self.path}-shm").unlink(missing_ok=True)
            self.last_lsn = lsn
            self._disk.world.tell(self.path.stem, f"torn: {cut - before} of {after - before} bytes")
        else:
            for number, (blob, _) in enumerate(group):
                self._disk.kept(self, lsn + 1 + number, blob)


class Disk:
    """What journals share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_full = False
        self.slowness = 1
        self.journals: list[SteppedJournal] = []
        self.on_kept: Callable[[str, Row, Entry], None] = lambda _journal, _row, _entry: None

    def kept(self, journal: SteppedJournal, lsn: int, blob: bytes) -> None:
        """A record is durable."""
        row = Row(lsn, self.world.clock_us(), blob)
        self.on_kept(journal.path.stem, row, decode_entry(blob))

    def journals_of(self, loop: asyncio.AbstractEventLoop) -> list[SteppedJournal]:
        """Return the journals that a process writes."""
        return [journal for journal in self.journals if journal._loop is loop]

    def tear(self) -> None:
        """The power goes."""
        for journal in list(self.journals):
            if self.world.dice.random() < 0.7:
                journal.tear(self.world.dice)

    def close(self) -> None:
        """Release all files."""
        for journal in list(self.journals):
            journal.crash()
