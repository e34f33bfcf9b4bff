"""TransactionEvents of 2.x in the ledger: whatever order they come in, the same row follows."""

import itertools

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import (
    ConnectorStatusReported,
    Entry,
    Sample,
    TransactionProgressed,
    TransactionStatusTold,
)
from storage.relational.known import known
from storage.relational.progress import progressed
from storage.relational.tables import connectors, transaction_aliases, transactions
from storage.relational.transactions import Book
from tests.storage.relational.kit import SECOND as S
from tests.storage.relational.kit import T0, Journal

ENERGY = "Energy.Active.Import.Register"


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def event(kind: str, seq: int, **more) -> TransactionProgressed:
    fields = {
        "said": "tx-1",
        "transaction": 7,
        "at_us": T0 + seq * 60 * S,
        "trigger": "MeterValuePeriodic",
        "connector": 1,
        "plug": 1,
    } | more
    return TransactionProgressed(kind=kind, seq=seq, **fields)


STORY = (
    event("Started", 0, token="TAG", token_kind="ISO14443", token_status="Accepted",
          trigger="Authorized", meter_wh=1_000),
    event("Updated", 1, state="Charging", meter_wh=1_500),
    event("Updated", 2, meter_wh=2_000, offline=True),
    event("Ended", 3, trigger="StopAuthorized", stop_reason="Local", token="DAD", meter_wh=2_500),
)  # fmt: skip


MOMENTARY = {"start_received_us", "stop_received_us", "last_meter_wh", "charging_state"}
"""What depends, by nature, on the order in which events come."""


def row_of(events) -> dict:
    book = Book()
    for number, each in enumerate(events):
        progressed(book, Entry("CP1", 1, T0 + number, (each,)), each)
    (transaction,) = book.changed.values()
    row = msgspec.structs.asdict(transaction)
    return {k: v for k, v in row.items() if k not in MOMENTARY}


def test_every_order_of_events_gives_the_same_transaction() -> None:
    wanted = row_of(STORY)
    assert wanted["state"] == "ended"
    assert (wanted["meter_start_wh"], wanted["meter_stop_wh"]) == (1_000, 2_500)
    assert (wanted["token"], wanted["stop_token"], wanted["stop_reason"]) == ("TAG", "DAD", "Local")
    assert (wanted["missing"], wanted["flags"], wanted["offline"]) == (0, "[]", True)
    for order in itertools.permutations(STORY):
        twice = [each for one in order for each in (one, one)]
        for events in (order, twice):
            found = row_of(events)
            assert found == wanted, [e.seq for e in events]


def test_what_is_missing_is_counted_until_it_comes() -> None:
    started, updated, _, ended = STORY
    found = row_of([started, ended])
    assert (found["missing"], found["flags"]) == (2, '["gap"]')
    found = row_of([started, ended, updated])
    assert (found["missing"], found["flags"]) == (1, '["gap"]')


def test_an_end_without_a_start_is_an_orphan_with_the_earliest_reading() -> None:
    found = row_of(STORY[1:])
    assert found["state"] == "orphan"
    assert found["flags"] == '["no_start", "meter_start_guessed"]'
    assert (found["meter_start_wh"], found["meter_stop_wh"]) == (1_500, 2_500)


def test_the_first_of_two_ends_counts() -> None:
    second = event("Ended", 4, meter_wh=9_000)
    found = row_of([*STORY, second])
    assert found["meter_stop_wh"] == 2_500
    assert "second_stop" in found["flags"]


def test_an_id_that_is_given_again_is_another_transaction() -> None:
    book = Book()
    later = event("Updated", 1, transaction=8, at_us=T0 + 9_060 * S)
    for each in (*STORY, event("Started", 9, transaction=8, at_us=T0 + 9_000 * S), later):
        progressed(book, Entry("CP1", 1, T0, (each,)), each)
    assert [(t.number, t.state) for t in book.changed.values()] == [(7, "ended"), (8, "open")]


async def test_transactions_of_both_versions_are_in_one_table(journal: Journal) -> None:
    for each in STORY[:2]:
        await journal.say("CP1", each)
    alias = msgspec.structs.replace(STORY[2], transaction=99, samples=(
        Sample(T0 + 120 * S, ENERGY, 2.25, "kWh"),
    ))  # fmt: skip
    await journal.say("CP1", alias)
    async with journal.store.connect() as connection:
        row = (await connection.execute(select(transactions))).one()
        assert (row.number, row.state, row.said, row.plug) == (7, "open", "tx-1", 1)
        assert (row.token_kind, row.charging_state) == ("ISO14443", "Charging")
        aliases = (await connection.execute(select(transaction_aliases))).all()
        assert [(a.charger, a.number, a.transaction) for a in aliases] == [("CP1", 99, row.id)]
    (about,) = await known(journal.store, ["CP1"])
    (seen,) = about.transactions
    assert (seen.transaction, seen.said, seen.seq, seen.seqs) == (7, "tx-1", 2, ((0, 2),))
    assert seen.last_meter_wh == 2_000
    await journal.say("CP1", STORY[3])
    (about,) = await known(journal.store, ["CP1"])
    assert (about.transactions[0].open, about.transactions[0].ended) == (False, True)


async def test_what_will_never_come_is_said_to_be_lost(journal: Journal) -> None:
    await journal.say("CP1", STORY[0], STORY[3])
    await journal.say("CP1", TransactionStatusTold("tx-1", 7, T0, ongoing=False, queued=True))
    async with journal.store.connect() as connection:
        assert (await connection.execute(select(transactions.c.flags))).scalar_one() == '["gap"]'
    await journal.say("CP1", TransactionStatusTold("tx-1", 7, T0, ongoing=False, queued=False))
    async with journal.store.connect() as connection:
        flags = (await connection.execute(select(transactions.c.flags))).scalar_one()
    assert flags == '["gap", "messages_lost"]'


async def test_plugs_of_an_evse_are_rows_of_their_own(journal: Journal) -> None:
    await journal.say(
        "CP1",
        ConnectorStatusReported(1, "Occupied", T0, plug=1),
        ConnectorStatusReported(1, "Available", T0, plug=2),
    )
    async with journal.store.connect() as connection:
        rows = (await connection.execute(select(connectors).order_by(connectors.c.plug))).all()
    assert [(r.connector, r.plug, r.status) for r in rows] == [
        (1, 1, "Occupied"),
        (1, 2, "Available"),
    ]
    (about,) = await known(journal.store, ["CP1"])
    assert [(c.connector, c.plug) for c in about.connectors] == [(1, 1), (1, 2)]
