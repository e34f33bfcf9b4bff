import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import TransactionStarted, TransactionStopped
from domain.records import ActiveTransaction, Changes, ChargerRecord, TokenRecord
from storage.relational.feed import changes_since, revision
from storage.relational.registry import Registry
from tests.storage.relational.kit import T0, Journal


@pytest.fixture
def registry(store: AsyncEngine) -> Registry:
    return Registry(store, lambda: T0)


async def all_since(store: AsyncEngine, after: int, limit: int) -> list[Changes]:
    pieces = [await changes_since(store, after, limit)]
    while pieces[-1].revision != await revision(store):
        pieces.append(await changes_since(store, pieces[-1].revision, limit))
    return pieces


async def test_an_empty_store_has_an_empty_snapshot(store: AsyncEngine) -> None:
    assert await changes_since(store, 0) == Changes(0, complete=True)


async def test_the_snapshot_has_everything_that_lives(
    registry: Registry, store: AsyncEngine
) -> None:
    a = await registry.create_charger(ChargerRecord("A"))
    await registry.create_charger(ChargerRecord("B"))
    await registry.delete_charger("B")
    token = await registry.upsert_token(TokenRecord("T"))
    changes = await changes_since(store, 0)
    assert changes == Changes(token.revision, (a,), (token,), (), complete=True)


async def test_after_a_revision_come_the_changes_deletions_too(
    registry: Registry, store: AsyncEngine
) -> None:
    await registry.create_charger(ChargerRecord("A"))
    seen = (await registry.create_charger(ChargerRecord("B"))).revision
    await registry.delete_charger("A")
    await registry.upsert_token(TokenRecord("T"))
    changes = await changes_since(store, seen)
    assert not changes.complete
    assert [(one.id, one.deleted, one.credential) for one in changes.chargers] == [
        ("A", True, None)
    ]
    assert [one.id for one in changes.tokens] == ["T"]
    assert await changes_since(store, changes.revision) == Changes(changes.revision)


async def test_a_revision_from_the_future_gets_a_snapshot(
    registry: Registry, store: AsyncEngine
) -> None:
    await registry.create_charger(ChargerRecord("A"))
    changes = await changes_since(store, 1_000)
    assert changes.complete
    assert changes.revision == 1


async def test_running_transactions_are_told_when_they_begin_and_end(store: AsyncEngine) -> None:
    journal = Journal(store)
    await journal.say("A", TransactionStarted(7, 1, "T", 100, T0, "t0"))
    begun = await changes_since(store, 0)
    assert begun.transactions == (ActiveTransaction("A", 7, "T", True, begun.revision),)
    await journal.say("A", TransactionStopped(7, 7, 200, T0 + 1, "t1"))
    ended = await changes_since(store, begun.revision)
    assert ended.transactions == (ActiveTransaction("A", 7, "T", False, ended.revision),)
    assert (await changes_since(store, 0)).transactions == ()


async def test_pieces_together_are_the_whole(registry: Registry, store: AsyncEngine) -> None:
    journal = Journal(store)
    for number in range(10):
        await registry.create_charger(ChargerRecord(f"A{number}"))
        await registry.import_tokens([TokenRecord(f"T{number}-{n}") for n in range(3)])
        started = TransactionStarted(number + 1, 1, "T", number, T0, "t0")
        await journal.say(f"A{number}", started)
    pieces = await all_since(store, 0, limit=4)
    assert len(pieces) > 5
    assert [piece.complete for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    for kind, count in (("chargers", 10), ("tokens", 30), ("transactions", 10)):
        revisions = [one.revision for piece in pieces for one in getattr(piece, kind)]
        assert len(revisions) == count
        assert revisions == sorted(set(revisions))


async def test_nobody_who_follows_misses_a_change_made_at_the_same_time(
    registry: Registry, store: AsyncEngine
) -> None:
    names = [f"C{number}" for number in range(40)]
    writing = asyncio.gather(*(registry.create_charger(ChargerRecord(name)) for name in names))
    seen: set[str] = set()
    after = 0
    while not writing.done() or after != await revision(store):
        changes = await changes_since(store, after)
        seen.update(one.id for one in changes.chargers)
        after = changes.revision
        await asyncio.sleep(0)
    await writing
    assert seen == set(names)
