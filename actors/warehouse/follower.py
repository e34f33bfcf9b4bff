"""One step of the warehouse: at most one block of each journal into the engine.

Runs in a worker thread; nothing here knows of the loop. A step may end anywhere (exception, kill):
the next one goes on with the block that plan.db names.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import Unavailable
from storage.analytical.blocks import Window
from storage.analytical.builder import DAY_US, SECOND_US
from storage.analytical.planner import Plan, PlanStore
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from storage.journal_reader import JournalReader, Row
from supervisor.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """How far the warehouse is in a journal. `name` is the journal's, and its gateway's."""

    name: str
    uuid: str
    lsn: int


@dataclass
class Counters:
    """Totals since the process started."""

    blocks: int = 0
    entries: int = 0
    rows: int = 0
    quarantined: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Step:
    """What one step did."""

    moved: list[Position] = field(default_factory=list)
    more: bool = False
    """There is enough left to go on at once."""
    problems: list[str] = field(default_factory=list)
    """Journals that could not be read now, one line each; the others went on."""


class Follower:
    """Follows all journals of a folder. For one thread at a time, except `positions`.

    Args:
        folder: the folder of the journals, `<name>.db` each; files may come and go.
        plans: what was planned and done.
        open_sink: opens the engine; raises Unavailable while it is away.
        settings: the limits.
        clock: for the age of what waits, and the time of a quarantine.
    """

    def __init__(
        self,
        folder: Path,
        plans: PlanStore,
        open_sink: Callable[[], Sink],
        settings: WarehouseSettings,
        clock: Clock,
    ) -> None:
        self.counters = Counters()
        self.positions: Mapping[str, Position] = {}
        """By journal name. Replaced, never changed: any thread may read it."""
        self._folder = folder
        self._plans = plans
        self._open_sink = open_sink
        self._sink: Sink | None = None
        self._settings = settings
        self._clock = clock
        self._readers: dict[str, JournalReader] = {}
        self._checked: set[str] = set()
        """Journals, by uuid, that were seen to go as far as they were read."""
        self._places: dict[str, tuple[str, str]] = plans.places()
        self._window = Window(settings.past_days_max * DAY_US, settings.future_s_max * SECOND_US)

    @property
    def knows_places(self) -> bool:
        """Whether anybody ever said where chargers are."""
        return bool(self._places)

    def learn_places(self, places: Mapping[str, tuple[str, str]], *, complete: bool) -> None:
        """Learn charger -> (tenant, site), for rows from now on. Any thread."""
        if complete:
            self._places = dict(places)
        else:
            self._places.update(places)

    def keep_places(self, places: Mapping[str, tuple[str, str]], *, complete: bool) -> None:
        """Remember what was learnt, for the next process.

        Raises:
            sqlite3.Error: plan.db cannot be written.
        """
        self._plans.set_places(places, complete=complete)

    def open(self) -> None:
        """Open the engine if it is not open.

        Raises:
            Unavailable: it is away.
        """
        if self._sink is None:
            self._sink = self._open_sink()

    def step(self, *, hurry: bool = False) -> Step:
        """Put at most one block of each journal into the engine.

        Args:
            hurry: do not wait for more entries to come.

        Raises:
            Unavailable: the engine or plan.db is away; what was finished before is finished.
        """
        moved: list[Position] = []
        problems: list[str] = []
        more = False
        for name, reader in self._journals().items():
            try:
                uuid = reader.uuid
                if not uuid:
                    continue
                position, left = self._one(name, uuid, reader, hurry=hurry)
            except sqlite3.Error as error:
                self.counters.failures += 1
                raise Unavailable(f"plan.db: {error}") from error
            except _EngineAway as error:
                self.counters.failures += 1
                self._close_sink()
                raise Unavailable(str(error)) from error
            except Unavailable as error:
                problems.append(str(error))
                continue
            more = more or left
            if self.positions.get(name) != position:
                self.positions = {**self.positions, name: position}
                moved.append(position)
        return Step(moved, more, problems)

    def close(self) -> None:
        """Release the journals and plan.db."""
        for reader in self._readers.values():
            reader.close()
        self._plans.close()
        self._close_sink()

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink.close()
        self._sink = None

    def _journals(self) -> dict[str, JournalReader]:
        names = {path.stem: path for path in sorted(self._folder.glob("*.db"))}
        for name in self._readers.keys() - names.keys():
            self._readers.pop(name).close()
        for name, path in names.items():
            if name not in self._readers:
                self._readers[name] = JournalReader(path)
        return {name: self._readers[name] for name in names}

    def _one(
        self, name: str, uuid: str, reader: JournalReader, *, hurry: bool
    ) -> tuple[Position, bool]:
        """Finish the pending block of a journal, or make the next one."""
        settings = self._settings
        if uuid not in self._checked:
            self._check(name, uuid, reader)
        plan = self._plans.pending(uuid)
        again = plan is not None
        if plan is None:
            after = self._plans.position(uuid)
            if not self._is_worth_it(*reader.waiting(after), hurry=hurry):
                return Position(name, uuid, after), False
            rows = reader.read(after, settings.block_entries_max, settings.block_bytes_max)
            if not rows:
                return Position(name, uuid, after), False
            plan = self._plans.plan(uuid, name, rows[-1].lsn)
        else:
            try:
                rows = self._read_again(reader, plan)
            except _RowsGone as gone:
                log.error("%s; the block is given up", gone)  # noqa: TRY400
                self._plans.abandon(plan)
                return Position(name, uuid, plan.last), True
        self._write(plan, rows, again=again)
        full = len(rows) >= settings.block_entries_max
        big = sum(len(row.blob) for row in rows) >= settings.block_bytes_max
        return Position(name, uuid, plan.last), full or big

    def _check(self, name: str, uuid: str, reader: JournalReader) -> None:
        """See that a journal goes as far as it was read; read an older copy of it again."""
        plan = self._plans.pending(uuid)
        read = plan.last if plan is not None else self._plans.position(uuid)
        last = reader.last_lsn()
        if read > last:
            log.error(
                "journal %s ends with record %d, but it was read to %d: an older copy of it was "
                "put back; all of it is read again, messages may be in the log twice",
                name,
                last,
                read,
            )
            self._plans.rewind(uuid)
        self._checked.add(uuid)

    def _is_worth_it(self, count: int, committed_us: int, *, hurry: bool) -> bool:
        if not count:
            return False
        if hurry or count >= self._settings.batch_entries_min:
            return True
        age_us = self._clock.now_us() - committed_us
        # A clock that went back must not hold rows for ever.
        return not 0 <= age_us < self._settings.batch_age_ms_max * 1_000

    def _read_again(self, reader: JournalReader, plan: Plan) -> list[Row]:
        """Return the rows of a planned block; limits may have changed since it was planned."""
        rows: list[Row] = []
        after = plan.after
        while after < plan.last:
            piece = reader.read(after, self._settings.block_entries_max)
            rows += [row for row in piece if row.lsn <= plan.last]
            if not piece:
                raise _RowsGone(
                    f"{reader.path}: records {after + 1} to {plan.last} were deleted before they"
                    " were known to be in the analytical store"
                )
            after = piece[-1].lsn
        return rows

    def _write(self, plan: Plan, rows: list[Row], *, again: bool) -> None:
        built = build(rows, self._places, self._window, self._settings.block_rows_max)
        try:
            self.open()
            assert self._sink is not None
            refused = self._sink.write(plan.token, built.blocks, again=again)
        except Unavailable as error:
            raise _EngineAway(str(error)) from error
        rejects = built.rejects + refused
        self._plans.finish(plan, rejects, self._clock.now_us())
        self.counters.blocks += 1
        self.counters.entries += built.entries
        self.counters.rows += sum(block.count for block in built.blocks) - len(refused)
        self.counters.quarantined += len(rejects)


class _RowsGone(Exception):
    """What was planned cannot be read again."""


class _EngineAway(Exception):
    """As opposed to a journal that cannot be read: no other journal needs to be tried."""


def last_lsns(folder: Path) -> dict[str, tuple[str, int]]:
    """Return journal name -> (uuid, greatest committed lsn), read now. Blocking, any thread.

    Journals that cannot be read now are left out.
    """
    found = {}
    for path in sorted(folder.glob("*.db")):
        reader = JournalReader(path)
        try:
            uuid = reader.uuid
            if uuid:
                found[path.stem] = (uuid, reader.last_lsn())
        except Unavailable:
            continue
        finally:
            reader.close()
    return found
