import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import (
    Entry,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
)
from storage.relational.tables import transaction_aliases, transaction_stops, transactions
from storage.relational.transaction_rows import start_id, stop_id
from storage.relational.transactions import Book
from tests.storage.relational.kit import SECOND, T0, Journal, row, rows


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def started(
    number: int, connector: int = 1, token: str = "T", meter: int = 100, at_s: int = 0, **more: Any
) -> TransactionStarted:
    return TransactionStarted(
        number, connector, token, meter, T0 + at_s * SECOND, f"start {at_s}", **more
    )


def stopped(
    said: int, ours: int = 0, meter: int = 500, at_s: int = 60, token: str = "", **more: Any
) -> TransactionStopped:
    return TransactionStopped(said, ours, meter, T0 + at_s * SECOND, f"stop {at_s}", token, **more)


async def by_number(store: AsyncEngine) -> dict[int | None, dict[str, Any]]:
    return {one["number"]: one for one in await rows(store, transactions)}


def flags(found: dict[str, Any]) -> list[str]:
    result: list[str] = json.loads(found["flags"])
    return result


class TestStarts:
    async def test_a_start_is_open(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", started(7, 2, "Tok", 100, 5, flags=("started_blank",)), at_s=6)
        found = await row(store, transactions)
        assert (found["number"], found["charger"], found["connector"]) == (7, "A", 2)
        assert (found["token"], found["meter_start_wh"], found["state"]) == ("Tok", 100, "open")
        assert found["started_us"] == T0 + 5 * SECOND
        assert found["start_received_us"] == T0 + 6 * SECOND
        assert found["started_raw"] == "start 5"
        assert flags(found) == ["started_blank"]

    async def test_the_same_start_twice_is_one(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", started(7))
        await journal.say("A", started(7), at_s=100)
        assert len(await rows(store, transactions)) == 1
        assert await rows(store, transaction_aliases) == []

    async def test_under_another_number_it_is_an_alias(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", started(7))
        await journal.say("A", started(8))
        found = await row(store, transactions)
        assert found["number"] == 7
        alias = await row(store, transaction_aliases)
        assert (alias["charger"], alias["number"], alias["transaction"]) == ("A", 8, found["id"])

    async def test_a_stop_by_the_alias_ends_it(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", started(7))
        await journal.say("A", started(8))
        await journal.say("A", stopped(8))
        found = await row(store, transactions)
        assert (found["state"], found["meter_stop_wh"]) == ("ended", 500)
        assert flags(found) == []

    async def test_two_chargers_may_say_the_same(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", started(7))
        await journal.say("B", started(8))
        assert len(await rows(store, transactions)) == 2
        assert await rows(store, transaction_aliases) == []

    @pytest.mark.parametrize(
        "other",
        [
            started(8, connector=2),
            started(8, token="U"),
            started(8, meter=101),
            started(8, at_s=1),
        ],
    )
    async def test_a_difference_in_the_content_is_another_transaction(
        self, store: AsyncEngine, journal: Journal, other: TransactionStarted
    ) -> None:
        await journal.say("A", started(7))
        await journal.say("A", other)
        assert len(await rows(store, transactions)) == 2

    async def test_starts_without_a_time_are_told_apart_by_number(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        for number in (7, 8):
            await journal.say("A", TransactionStarted(number, 1, "T", 0, T0, ""))
        assert len(await rows(store, transactions)) == 2

    async def test_the_next_start_on_a_connector_ends_the_one_before_provisionally(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", started(7, 1), started(8, 2), at_s=0)
        await journal.say("A", started(9, 1, at_s=50), at_s=51)
        found = await by_number(store)
        assert (found[7]["state"], found[7]["ended_because"]) == ("provisional", "next_start")
        assert (found[8]["state"], found[9]["state"]) == ("open", "open")

    async def test_a_start_that_was_received_earlier_does_not(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await Journal(store, "journal-b").say("A", started(9, 1, at_s=50), at_s=51)
        await journal.say("A", started(7, 1), at_s=0)
        assert (await by_number(store))[9]["state"] == "open"


class TestStops:
    @pytest.fixture(autouse=True)
    async def running(self, journal: Journal) -> None:
        await journal.say("A", started(7))

    async def test_a_stop_ends_its_transaction(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", stopped(7, 7, token="U", reason="EVDisconnected"), at_s=61)
        found = await row(store, transactions)
        assert (found["state"], found["ended_because"]) == ("ended", "stop")
        assert (found["meter_stop_wh"], found["ended_us"]) == (500, T0 + 60 * SECOND)
        assert (found["stop_token"], found["stop_reason"]) == ("U", "EVDisconnected")
        assert (found["stopped_raw"], found["stop_received_us"]) == ("stop 60", T0 + 61 * SECOND)

    async def test_the_same_stop_twice_is_one(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", stopped(7))
        before = await rows(store, transactions)
        await journal.say("A", stopped(7), at_s=1_000)
        assert await rows(store, transactions) == before
        assert len(await rows(store, transaction_stops)) == 1

    async def test_the_first_wins_and_the_second_is_evidence(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", stopped(7))
        await journal.say("A", stopped(7, meter=900, at_s=70), at_s=71)
        found = await row(store, transactions)
        assert found["meter_stop_wh"] == 500
        assert flags(found) == ["second_stop"]
        kept = await rows(store, transaction_stops)
        assert sorted(stop["meter_stop_wh"] for stop in kept) == [500, 900]
        assert {stop["transaction"] for stop in kept} == {found["id"]}

    async def test_another_chargers_number_is_none(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("B", stopped(7, 7))
        found = await by_number(store)
        assert found[7]["state"] == "open"
        assert (found[None]["state"], found[None]["charger"]) == ("orphan", "B")

    @pytest.mark.parametrize("said", [0, -1, 4_711])
    async def test_a_number_that_says_nothing_means_the_only_one_that_runs(
        self, store: AsyncEngine, journal: Journal, said: int
    ) -> None:
        await journal.say("A", stopped(said, token="t"))
        found = await row(store, transactions)
        assert (found["state"], found["meter_stop_wh"]) == ("ended", 500)
        assert flags(found) == ["guessed_stop"]
        assert (await row(store, transaction_stops))["said_transaction"] == said

    @pytest.mark.parametrize(
        "impossible",
        [stopped(-1, meter=99), stopped(-1, at_s=-400)],
        ids=["meter below the start", "before the start"],
    )
    async def test_one_that_cannot_be_it_is_left_alone(
        self, store: AsyncEngine, journal: Journal, impossible: TransactionStopped
    ) -> None:
        await journal.say("A", impossible)
        found = await by_number(store)
        assert (found[7]["state"], found[None]["state"]) == ("open", "orphan")

    async def test_of_two_that_run_the_token_tells(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", started(8, 2, "U"))
        await journal.say("A", stopped(-1, token="u"))
        found = await by_number(store)
        assert (found[7]["state"], found[8]["state"]) == ("open", "ended")

    @pytest.mark.parametrize("token", ["", "stranger"])
    async def test_of_two_that_fit_neither_is_guessed(
        self, store: AsyncEngine, journal: Journal, token: str
    ) -> None:
        await journal.say("A", started(8, 2))
        await journal.say("A", stopped(-1, token=token))
        found = await by_number(store)
        assert [found[n]["state"] for n in (7, 8, None)] == ["open", "open", "orphan"]

    async def test_an_open_one_goes_before_a_provisional_one(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", TransactionEndedProvisionally(7, 1, T0, "boot"))
        await journal.say("A", started(8, 1, at_s=10))
        await journal.say("A", stopped(-1))
        found = await by_number(store)
        assert (found[7]["state"], found[8]["state"]) == ("provisional", "ended")

    async def test_one_that_ended_is_not_guessed(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", stopped(7))
        await journal.say("A", stopped(0, at_s=70))
        found = await by_number(store)
        assert (found[7]["meter_stop_wh"], found[None]["state"]) == (500, "orphan")

    async def test_one_that_is_too_old_is_not_guessed(self, store: AsyncEngine) -> None:
        journal = Journal(store, "journal-b", match_days=1)
        await journal.say("A", stopped(-1), at_s=90_000)
        assert (await by_number(store))[7]["state"] == "open"


class TestOrphans:
    async def test_a_stop_that_nobody_knows_is_kept(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        event = stopped(99, token="T", flags=("unknown_transaction",))
        await journal.say("A", event, at_s=61)
        found = await row(store, transactions)
        assert found["id"] == stop_id("A", event)
        assert (found["number"], found["state"], found["token"]) == (None, "orphan", "T")
        assert (found["meter_stop_wh"], found["ended_us"]) == (500, T0 + 60 * SECOND)
        assert flags(found) == ["unknown_transaction", "guessed_stop"]
        await journal.say("A", event, at_s=99)
        assert len(await rows(store, transactions)) == 1

    async def test_its_start_takes_it_over_when_it_comes_later(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await Journal(store, "journal-b").say("A", stopped(7), at_s=61)
        await journal.say("A", started(7), at_s=1)
        found = await row(store, transactions)
        assert (found["number"], found["state"], found["meter_stop_wh"]) == (7, "ended", 500)
        stop = await row(store, transaction_stops)
        assert (stop["transaction"], stop["guessed"]) == (found["id"], False)

    async def test_also_in_one_batch(self, store: AsyncEngine, journal: Journal) -> None:
        journal.write("A", stopped(7), at_s=61)
        journal.write("A", started(7), at_s=1)
        await journal.project()
        assert (await row(store, transactions))["state"] == "ended"

    async def test_a_wrong_guess_is_taken_back(self, store: AsyncEngine, journal: Journal) -> None:
        """The stop of 8 is read before the start of 8, and only 7 seems to run."""
        await journal.say("A", started(7, 1))
        await Journal(store, "journal-b").say("A", stopped(8), at_s=61)
        assert (await by_number(store))[7]["state"] == "ended"
        await Journal(store, "journal-c").say("A", started(8, 2), at_s=1)
        found = await by_number(store)
        assert (found[7]["state"], found[7]["meter_stop_wh"], flags(found[7])) == ("open", 0, [])
        assert (found[8]["state"], found[8]["meter_stop_wh"]) == ("ended", 500)

    async def test_a_stop_that_says_the_number_outweighs_a_guess(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        """Both stops are read before the start of 8, so the first is taken for that of 7."""
        other = Journal(store, "journal-b")
        await journal.say("A", started(7, 1))
        await other.say("A", stopped(8, meter=600, at_s=61))
        await other.say("A", stopped(7, 7, meter=500, at_s=60))
        found = await by_number(store)
        assert (found[7]["state"], found[7]["meter_stop_wh"], flags(found[7])) == ("ended", 500, [])
        assert (found[None]["state"], found[None]["meter_stop_wh"]) == ("orphan", 600)
        await journal.say("A", started(8, 2, at_s=1))
        found = await by_number(store)
        assert set(found) == {7, 8}
        assert (found[7]["state"], found[7]["meter_stop_wh"], flags(found[7])) == ("ended", 500, [])
        assert (found[8]["state"], found[8]["meter_stop_wh"], flags(found[8])) == ("ended", 600, [])

    async def test_the_same_stop_with_and_without_its_number_is_no_orphan(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", started(7))
        await journal.say("A", stopped(-1))
        await journal.say("A", stopped(7, 7))
        found = await by_number(store)
        assert set(found) == {7}
        assert (found[7]["state"], flags(found[7])) == ("ended", ["guessed_stop", "second_stop"])

    async def test_another_chargers_start_takes_nothing(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", stopped(7))
        await journal.say("B", started(7))
        found = await by_number(store)
        assert (found[None]["state"], found[7]["state"]) == ("orphan", "open")


class TestProvisionalEnds:
    @pytest.fixture(autouse=True)
    async def ended(self, journal: Journal) -> None:
        await journal.say("A", started(7))
        await journal.say("A", TransactionEndedProvisionally(7, 1, T0 + 30 * SECOND, "available"))

    async def test_it_is_marked(self, store: AsyncEngine) -> None:
        found = await row(store, transactions)
        assert (found["state"], found["ended_because"]) == ("provisional", "available")
        assert (found["ended_us"], found["meter_stop_wh"]) == (T0 + 30 * SECOND, 0)

    async def test_a_real_stop_replaces_it(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", stopped(7))
        found = await row(store, transactions)
        assert (found["state"], found["ended_because"]) == ("ended", "stop")
        assert found["ended_us"] == T0 + 60 * SECOND
        assert flags(found) == []

    async def test_it_never_replaces_a_real_stop(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", stopped(7))
        before = await rows(store, transactions)
        await journal.say("A", TransactionEndedProvisionally(7, 1, T0, "boot"))
        await journal.say("B", TransactionEndedProvisionally(7, 1, T0, "boot"))
        assert await rows(store, transactions) == before


_numbers = st.integers(1, 3)
_events = st.one_of(
    st.builds(started, _numbers, st.integers(1, 2), st.sampled_from("TU"), at_s=st.integers(0, 2)),
    st.builds(stopped, st.sampled_from((-1, 0, 1, 2, 3, 9)), at_s=st.integers(60, 62)),
    st.builds(TransactionEndedProvisionally, _numbers, st.just(1), st.just(T0), st.just("boot")),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from("AB"), _events), max_size=25))
def test_whatever_comes_in_whatever_order_the_books_are_right(
    story: list[
        tuple[str, TransactionStarted | TransactionStopped | TransactionEndedProvisionally]
    ],
) -> None:
    book = Book()
    for at_s, (charger, event) in enumerate(story):
        book.apply(Entry(charger, 1, T0 + at_s * SECOND, (event,)), event)
    kept = book.changed
    starts = {start_id(c, e) for c, e in story if isinstance(e, TransactionStarted)}
    stops = {stop_id(c, e) for c, e in story if isinstance(e, TransactionStopped)}
    assert starts <= set(kept)
    assert set(kept) - starts <= stops
    assert set(book.changed_stops) == stops
    for name, transaction in kept.items():
        assert transaction.charger in "AB"
        assert (transaction.number is None) == (name not in starts)
        assert (transaction.state == "orphan") == (name not in starts)
        assert bool(transaction.stop) == (transaction.state in {"ended", "orphan"})
        if transaction.stop:
            stop = book.changed_stops[transaction.stop]
            assert (stop.charger, stop.transaction) == (transaction.charger, name)
    for stop in book.changed_stops.values():
        assert stop.transaction in kept  # no stop is lost
    running = [(t.charger, t.connector) for t in kept.values() if t.state == "open"]
    assert len(running) == len(set(running))  # a connector charges one car
