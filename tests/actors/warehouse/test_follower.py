import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from actors.warehouse.follower import Follower, Position, last_lsns
from domain.errors import Unavailable
from storage.analytical.client import open_client
from storage.analytical.migrate import migrate
from storage.analytical.planner import PlanStore
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from supervisor.clock import FakeClock
from tests.actors.warehouse.journals import Journal
from tests.storage.analytical.helper import (
    MINUTE,
    T0,
    ClickHouse,
    count,
    energy,
    entry,
    exchanged,
    measured,
    story,
)


@pytest.fixture
def settings(clickhouse: ClickHouse) -> WarehouseSettings:
    return clickhouse.settings(insert_timeout_s=2, block_entries_max=100, batch_entries_min=10)


@pytest.fixture
def client(clickhouse: ClickHouse, settings: WarehouseSettings) -> Iterator[Client]:
    client = clickhouse.client(settings)
    migrate(client, settings)
    yield client
    client.command(f"DROP DATABASE {settings.database}")
    client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "journal").mkdir()
    return tmp_path / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    journal = Journal(folder / "gw0.db")
    yield journal
    journal.close()


@pytest.fixture
def make(
    tmp_path: Path, folder: Path, client: Client, settings: WarehouseSettings
) -> Iterator[Callable[..., Follower]]:
    followers: list[Follower] = []

    def make(**changes: Any) -> Follower:
        mine = settings.model_copy(update=changes)
        follower = Follower(
            folder,
            PlanStore(tmp_path / "plan.db", 1_000),
            lambda: Sink(open_client(mine.dsn, mine), mine),
            mine,
            FakeClock(),
        )
        followers.append(follower)
        return follower

    assert client  # the schema is there
    yield make
    for follower in followers:
        follower.close()


def readings(first: int, last: int) -> list[Any]:
    return [
        entry("c1", measured(energy(n, T0 + n * MINUTE)), exchanged(str(n)), at_us=T0 + n * MINUTE)
        for n in range(first, last)
    ]


def test_a_step_moves_what_is_there_and_says_how_far(
    make: Callable[..., Follower], journal: Journal, client: Client, settings: WarehouseSettings
) -> None:
    last = journal.append(story("c1"))
    follower = make()
    step = follower.step(hurry=True)
    assert step.moved == [Position("gw0", journal.writer.uuid, last)]
    assert follower.positions["gw0"].lsn == last
    assert count(client, settings.database, "samples") == 4
    assert follower.step(hurry=True).moved == []


def test_blocks_are_no_larger_than_their_limit_and_say_that_there_is_more(
    make: Callable[..., Follower], journal: Journal, client: Client, settings: WarehouseSettings
) -> None:
    journal.append(readings(0, 250))
    follower = make()
    steps = [follower.step(hurry=True) for _ in range(4)]
    assert [step.more for step in steps] == [True, True, False, False]
    assert [[position.lsn for position in step.moved] for step in steps] == [
        [100],
        [200],
        [250],
        [],
    ]
    assert count(client, settings.database, "samples", "FINAL") == 250
    assert follower.counters.blocks == 3
    assert (follower.counters.entries, follower.counters.rows) == (250, 500)


def test_few_entries_wait_until_they_are_many_or_old(
    make: Callable[..., Follower], journal: Journal
) -> None:
    # The journal's times are those of the machine; the follower's clock is set to them.
    follower = make(batch_age_ms_max=3_600_000)
    journal.append(readings(0, 5))
    (committed_us,) = (
        sqlite3.connect(journal.writer.path)
        .execute("SELECT max(committed_us) FROM entries")
        .fetchone()
    )
    follower._clock = FakeClock(committed_us + MINUTE)
    assert not any(position.lsn for position in follower.step().moved)
    journal.append(readings(5, 10))
    assert [position.lsn for position in follower.step().moved] == [10]
    journal.append(readings(10, 11))
    assert follower.step().moved == []
    follower._clock = FakeClock(committed_us + 2 * 3_600_000_000)
    assert [position.lsn for position in follower.step().moved] == [11]


def test_a_clock_that_went_back_holds_nothing(
    make: Callable[..., Follower], journal: Journal
) -> None:
    last = journal.append(readings(0, 1))
    follower = make()
    follower._clock = FakeClock(T0 - 400 * 86_400_000_000)
    assert [position.lsn for position in follower.step().moved] == [last]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "status_after"])
def test_a_new_process_finishes_the_block_of_the_old_one_exactly_once(
    make: Callable[..., Follower],
    journal: Journal,
    client: Client,
    settings: WarehouseSettings,
    clickhouse: ClickHouse,
    kind: str,
) -> None:
    journal.append(readings(0, 60))
    clickhouse.fault(kind=kind, match="ocpp_messages", times=4)
    old = make()
    with pytest.raises(Unavailable):
        old.step(hurry=True)
    assert old.counters.failures == 1
    journal.append(readings(60, 100))
    clickhouse.no_faults()
    new = make(block_entries_max=7)
    # The planned block first, whatever the limits are now; then the rest.
    assert [position.lsn for position in new.step(hurry=True).moved] == [60]
    while new.step(hurry=True).more:
        pass
    assert count(client, settings.database, "samples") == 100
    assert count(client, settings.database, "ocpp_messages") == 100


def test_several_journals_go_on_side_by_side_and_may_come_later(
    make: Callable[..., Follower], journal: Journal, folder: Path
) -> None:
    follower = make()
    journal.append(readings(0, 3))
    assert [position.name for position in follower.step(hurry=True).moved] == ["gw0"]
    second = Journal(folder / "gw1.db")
    second.append(readings(3, 5))
    assert [position.name for position in follower.step(hurry=True).moved] == ["gw1"]
    assert last_lsns(folder) == {"gw0": (journal.writer.uuid, 3), "gw1": (second.writer.uuid, 2)}
    second.close()


def test_a_journal_that_cannot_be_read_does_not_hold_up_the_others(
    make: Callable[..., Follower], journal: Journal, folder: Path
) -> None:
    (folder / "broken.db").write_bytes(b"no database at all" * 100)
    journal.append(readings(0, 3))
    step = make().step(hurry=True)
    assert [position.name for position in step.moved] == ["gw0"]
    assert "broken.db" in step.problems[0]


def test_a_journal_that_was_replaced_is_read_from_its_begin(
    make: Callable[..., Follower], folder: Path, client: Client, settings: WarehouseSettings
) -> None:
    follower = make()
    for first in (0, 10):
        journal = Journal(folder / "gw0.db")
        journal.append(readings(first, first + 10))
        while not follower.step(hurry=True).moved:
            pass
        journal.close()
        for path in folder.glob("gw0.db*"):
            path.unlink()
    assert count(client, settings.database, "samples") == 20


def test_what_cannot_be_stored_is_put_aside_and_passed(
    make: Callable[..., Follower],
    journal: Journal,
    tmp_path: Path,
    client: Client,
    settings: WarehouseSettings,
) -> None:
    journal.append(readings(0, 2))
    journal.append_raw([b"\xc1 not an entry"])
    last = journal.append([entry("c1", measured(energy(1.0), connector=-5)), *readings(2, 4)])
    follower = make()
    assert [position.lsn for position in follower.step(hurry=True).moved] == [last]
    assert follower.counters.quarantined == 2
    with sqlite3.connect(tmp_path / "plan.db") as db:
        kept = db.execute("SELECT lsn, body FROM quarantine ORDER BY lsn").fetchall()
    db.close()
    assert [lsn for lsn, _ in kept] == [3, 4]
    assert kept[0][1] == b"\xc1 not an entry"
    assert count(client, settings.database, "samples") == 4


def test_rows_carry_the_site_that_is_known_when_they_are_made(
    make: Callable[..., Follower], journal: Journal, client: Client, settings: WarehouseSettings
) -> None:
    follower = make()
    assert not follower.knows_places
    journal.append(readings(0, 1))
    follower.step(hurry=True)
    follower.learn_places({"c1": ("acme", "berlin")}, complete=True)
    follower.keep_places({"c1": ("acme", "berlin")}, complete=True)
    journal.append(readings(1, 2))
    follower.step(hurry=True)
    later = make()
    assert later.knows_places
    journal.append(readings(2, 3))
    later.step(hurry=True)
    rows = client.query(f"SELECT tenant, site FROM {settings.database}.samples ORDER BY ts")
    assert list(rows.result_rows) == [("", ""), ("acme", "berlin"), ("acme", "berlin")]


def test_a_store_that_is_away_changes_nothing(
    make: Callable[..., Follower], journal: Journal
) -> None:
    journal.append(readings(0, 3))
    follower = make(dsn="http://127.0.0.1:1", connect_timeout_s=1)
    for _ in range(2):
        with pytest.raises(Unavailable):
            follower.step(hurry=True)
    assert follower.positions == {}
    follower.close()
    assert [position.lsn for position in make().step(hurry=True).moved] == [3]


def test_an_older_copy_of_a_journal_is_read_again(
    make: Callable[..., Follower],
    folder: Path,
    journal: Journal,
    client: Client,
    settings: WarehouseSettings,
) -> None:
    journal.append(readings(0, 5))
    journal.close()
    copy = (folder / "gw0.db").read_bytes()
    journal.__init__(folder / "gw0.db")  # type: ignore[misc]
    journal.append(readings(5, 30))
    follower = make()
    while follower.step(hurry=True).moved:
        pass
    assert count(client, settings.database, "samples") == 30
    follower.close()
    journal.close()
    for path in folder.iterdir():
        path.unlink()
    (folder / "gw0.db").write_bytes(copy)
    journal.__init__(folder / "gw0.db")  # type: ignore[misc]
    journal.append(readings(40, 43))  # under numbers that other records had
    follower = make()
    while follower.step(hurry=True).moved:
        pass
    later = f"ts >= fromUnixTimestamp64Micro({T0 + 40 * MINUTE})"
    found = client.query(f"SELECT uniqExact(ts) FROM {settings.database}.samples WHERE {later}")
    assert found.result_rows == [(3,)]


def test_a_block_whose_records_are_gone_does_not_hold_up_its_journal(
    make: Callable[..., Follower],
    tmp_path: Path,
    folder: Path,
    journal: Journal,
    client: Client,
    settings: WarehouseSettings,
) -> None:
    journal.append(readings(0, 20))
    plans = PlanStore(tmp_path / "plan.db", 1_000)
    plans.plan(journal.writer.uuid, "gw0", 10)
    plans.close()
    with sqlite3.connect(folder / "gw0.db") as db:
        db.execute("DELETE FROM entries WHERE lsn <= 10")
    db.close()
    follower = make()
    while follower.step(hurry=True).moved:
        pass
    assert follower.positions["gw0"].lsn == 20
    assert count(client, settings.database, "samples") == 10
