"""Reservations: what each report changes, in whatever order and however often it is projected."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import (
    NoticeReported,
    ReservationTold,
    TransactionProgressed,
    TransactionStarted,
)
from domain.reservations import BEGINS, NEXT, Happening, ReservationState
from storage.relational import reservations
from storage.relational.reservations import reservation_id
from storage.relational.tables import reservations as table
from tests.storage.relational.kit import SECOND, T0, Journal, row, rows

HOUR_US = 3_600 * SECOND


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def reserved(status: str = "Accepted", number: int = 5, **more) -> ReservationTold:
    fields = {"connector": 1, "token": "TAG", "expires_us": T0 + HOUR_US} | more
    return ReservationTold(number, status, **fields)


def cancelled(status: str) -> ReservationTold:
    return ReservationTold(5, status, cancels=True)


def update(status: str) -> NoticeReported:
    return NoticeReported("ReservationStatusUpdate", "{}", "5", status, 5)


def started(reservation: int = 5) -> TransactionStarted:
    return TransactionStarted(17, 1, "TAG", 0, T0, "raw", reservation)


def progressed(reservation: int = 5) -> TransactionProgressed:
    return TransactionProgressed("t", 17, "Started", 0, T0, "x", reservation=reservation)


async def fifth(store: AsyncEngine) -> dict:
    (found,) = [each for each in await rows(store, table) if each["number"] == 5]
    return found


CASES = (
    ((reserved(),), "active"),
    ((reserved("Occupied"),), "refused"),
    ((reserved(""),), "unknown"),
    ((reserved(), started()), "used"),
    ((reserved(), progressed()), "used"),
    ((reserved(""), progressed()), "used"),
    ((reserved(), progressed(6)), "active"),
    ((reserved(), cancelled("Accepted")), "cancelled"),
    ((reserved(), cancelled("Rejected")), "removed"),
    ((reserved(), cancelled("")), "unknown"),
    ((reserved(), cancelled(""), cancelled("Accepted")), "cancelled"),
    ((reserved(), update("Expired")), "expired"),
    ((reserved(), update("Removed")), "removed"),
    ((reserved(), update("NoTransaction")), "no_transaction"),
    ((reserved(), update("Nonsense")), "active"),
    ((reserved(), started(), update("Expired")), "used"),
    ((reserved(), started(), cancelled("Rejected")), "used"),
    ((reserved(), update("Expired"), started()), "used"),
    ((reserved("Rejected"), started()), "refused"),
    ((reserved(), reserved("Rejected")), "active"),
    ((reserved(), cancelled("Accepted"), reserved()), "active"),
    ((reserved("Faulted"), reserved()), "active"),
    ((reserved(), started(), reserved("Occupied")), "refused"),
)


@pytest.mark.parametrize(
    ("told", "state"), CASES, ids=[f"{n}-{state}" for n, (_, state) in enumerate(CASES)]
)
async def test_what_is_told_leads_to_a_state_once(
    journal: Journal, told: tuple, state: str
) -> None:
    for at_s, event in enumerate(told):
        journal.write("CP1", event, at_s=at_s)
    await journal.project()
    first = await fifth(journal.store)
    assert first["state"] == state
    # Projected again from the beginning, one entry at a time: the same row.
    await journal.projector.rewind(journal.uuid)
    for each in journal.rows:
        await journal.projector.apply(journal.uuid, [each], "gw0")
    assert await fifth(journal.store) == first


async def test_every_end_is_in_the_table_and_none_leads_out_of_used() -> None:
    states = set(BEGINS.values()) | set(NEXT.values())
    assert states == set(ReservationState)
    assert not [before for before, _ in NEXT if before is ReservationState.USED]
    assert {what for _, what in NEXT} | set(BEGINS) == set(Happening)


async def test_a_use_that_is_told_before_the_answer_is_not_lost(store: AsyncEngine) -> None:
    one, other = Journal(store, "one"), Journal(store, "other")
    await other.say("CP1", progressed(), at_s=9)
    await one.say("CP1", reserved(), at_s=1)
    found = await row(store, table)
    assert (found["state"], found["transaction"], found["token"]) == ("used", 17, "TAG")
    assert (found["reserved_us"], found["changed_us"]) == (T0 + SECOND, T0 + 9 * SECOND)


async def test_a_number_is_only_its_chargers_own(journal: Journal) -> None:
    await journal.say("CP1", reserved())
    await journal.say("CP2", reserved(), at_s=1)
    await journal.say("CP2", cancelled("Accepted"), at_s=2)
    states = {each["charger"]: each["state"] for each in await rows(journal.store, table)}
    assert states == {"CP1": "active", "CP2": "cancelled"}


async def test_a_time_that_passes_ends_it_without_a_word_of_the_charger(journal: Journal) -> None:
    await journal.say("CP1", reserved(), reserved(number=6, expires_us=T0 + 3 * HOUR_US))
    name = reservation_id("CP1", 5)
    for after_us, state in ((0, "active"), (HOUR_US - 1, "active"), (HOUR_US, "expired")):
        found = await reservations.get(journal.store, name, now_us=T0 + after_us)
        assert found["state"] == state
    later = T0 + 2 * HOUR_US
    for state, numbers in (("active", [6]), ("expired", [5])):
        page = await reservations.page(journal.store, {"state": state}, now_us=later)
        assert [item["number"] for item in page.items] == numbers


async def test_pages_follow_and_filters_choose(journal: Journal) -> None:
    for number in range(1, 6):
        token = "A" if number % 2 else "B"
        await journal.say("CP1", reserved(number=number, token=token), at_s=number)
    seen, cursor = [], ""
    while True:
        page = await reservations.page(journal.store, {}, now_us=T0, cursor=cursor, limit=2)
        seen += [item["number"] for item in page.items]
        cursor = page.next
        if not cursor:
            break
    assert seen == [5, 4, 3, 2, 1]
    page = await reservations.page(journal.store, {"token": "B"}, now_us=T0)
    assert [item["number"] for item in page.items] == [4, 2]
