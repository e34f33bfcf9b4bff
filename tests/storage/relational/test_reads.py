from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import InvalidInput, NotFound
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    CommandFinished,
    ConnectionRefused,
    ConnectorStatusReported,
    FirmwareStatusReported,
    TransactionStarted,
    TransactionStopped,
)
from domain.records import ChargerRecord
from storage.relational import reads
from storage.relational.registry import Registry, Site
from tests.storage.relational.kit import SECOND, T0, Journal


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


@pytest.fixture
async def fleet(store: AsyncEngine, journal: Journal) -> None:
    registry = Registry(store, lambda: T0)
    await registry.create_site(Site("depot"))
    await registry.import_chargers(
        [ChargerRecord(f"C{n}", site="depot" if n < 2 else "") for n in range(5)]
    )
    await registry.set_password("C0")
    await journal.say(
        "C0", ChargerConnected("r", "ocpp1.6", 1, "gw0"), ChargerBooted("ABB", "Terra")
    )
    await journal.say("C0", ConnectorStatusReported(1, "Charging", T0))
    await journal.say("C1", ConnectorStatusReported(1, "Available", T0))
    await journal.say("C1", ConnectorStatusReported(0, "Available", T0))
    await journal.say("C0", FirmwareStatusReported("Installed"))
    for n in range(10):
        start = TransactionStarted(n + 1, 1, f"T{n % 2}", n, T0 + n * SECOND, f"t{n}")
        await journal.say(f"C{n % 3}", start, at_s=n)
    await journal.say("C0", TransactionStopped(10, 0, 99, T0 + 50, "s"), at_s=20)


async def all_pages(store: AsyncEngine, kind: str, limit: int, **filters: Any) -> list[Any]:
    items: list[Any] = []
    cursor = ""
    while True:
        page = await reads.page(store, kind, filters, cursor=cursor, limit=limit)
        items += page.items
        assert len(page.items) <= limit
        cursor = page.next
        if not cursor:
            return items


@pytest.mark.usefixtures("fleet")
class TestPages:
    @pytest.mark.parametrize("limit", [1, 3, 100])
    async def test_chargers_come_in_the_order_of_their_ids(
        self, store: AsyncEngine, limit: int
    ) -> None:
        items = await all_pages(store, "chargers", limit)
        assert [item["id"] for item in items] == ["C0", "C1", "C2", "C3", "C4"]
        assert items[0]["vendor"] == "ABB"
        assert items[0]["connected_subprotocol"] == "ocpp1.6"
        assert items[4]["vendor"] is None

    async def test_no_credential_is_ever_shown(self, store: AsyncEngine) -> None:
        page = await reads.page(store, "chargers")
        assert not [name for item in page.items for name in item if "credential" in name]

    @pytest.mark.parametrize(
        ("filters", "ids"),
        [
            ({"site": "depot"}, ["C0", "C1"]),
            ({"connected": True}, ["C0"]),
            ({"connected": False}, ["C1", "C2", "C3", "C4"]),
            ({"vendor": "ABB"}, ["C0"]),
            ({"search": "terr"}, ["C0"]),
            ({"search": "c3"}, ["C3"]),
            ({"search": "%"}, []),
            ({"site": "depot", "vendor": None}, ["C0", "C1"]),
            ({"tenant": "nobody"}, []),
        ],
    )
    async def test_chargers_are_filtered(
        self, store: AsyncEngine, filters: dict[str, Any], ids: list[str]
    ) -> None:
        assert [item["id"] for item in await all_pages(store, "chargers", 2, **filters)] == ids

    @pytest.mark.parametrize("limit", [1, 4, 100])
    async def test_transactions_come_newest_first(self, store: AsyncEngine, limit: int) -> None:
        items = await all_pages(store, "transactions", limit)
        assert [item["number"] for item in items] == list(range(10, 0, -1))
        assert items[0]["flags"] == []
        assert items[0]["site"] == "depot"

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            ({"charger": "C1"}, [8, 5, 2]),
            ({"token": "T1", "charger": "C1"}, [8, 2]),
            ({"state": "ended"}, [10]),
            ({"number": 3}, [3]),
            ({"site": "depot", "charger": "C2"}, []),
            ({"since_us": T0 + 8 * SECOND}, [10, 9]),
            ({"until_us": T0 + 2 * SECOND}, [2, 1]),
        ],
    )
    async def test_transactions_are_filtered(
        self, store: AsyncEngine, filters: dict[str, Any], numbers: list[int]
    ) -> None:
        items = await all_pages(store, "transactions", 2, **filters)
        assert [item["number"] for item in items] == numbers

    async def test_a_page_goes_on_where_it_ended_although_something_new_has_come(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        first = await reads.page(store, "transactions", limit=3)
        await journal.say("C4", TransactionStarted(99, 1, "T", 0, T0, "new"), at_s=99)
        second = await reads.page(store, "transactions", cursor=first.next, limit=3)
        assert [item["number"] for item in first.items + second.items] == [10, 9, 8, 7, 6, 5]

    async def test_one_charger_has_it_all(self, store: AsyncEngine) -> None:
        found = await reads.charger(store, "C0")
        assert (found["id"], found["vendor"], found["networks"]) == ("C0", "ABB", [])
        assert [one["status"] for one in found["connectors"]] == ["Charging"]
        assert [one["kind"] for one in found["progress"]] == ["firmware"]
        assert [one["state"] for one in found["transactions"]] == []
        running = (await reads.charger(store, "C1"))["transactions"]
        assert [one["number"] for one in running] == [8]
        with pytest.raises(NotFound):
            await reads.charger(store, "nobody")

    async def test_one_transaction_has_its_stops(self, store: AsyncEngine) -> None:
        page = await reads.page(store, "transactions", {"number": 10})
        found = await reads.transaction(store, page.items[0]["id"])
        assert found["state"] == "ended"
        assert [stop["meter_stop_wh"] for stop in found["stops"]] == [99]
        with pytest.raises(NotFound):
            await reads.transaction(store, "nothing")


async def test_logs_come_newest_first_and_filtered(store: AsyncEngine, journal: Journal) -> None:
    for n in range(6):
        refused = ConnectionRefused(f"/{n}", "1.2.3.4", 404 if n % 2 else 401, "because")
        await journal.say("A", refused, refused, at_s=n)
    items = await all_pages(store, "refusals", 3)
    assert [item["path"] for item in items] == [f"/{n}" for n in range(5, -1, -1) for _ in (1, 2)]
    items = await all_pages(store, "refusals", 3, status=401, since_us=T0 + 2 * SECOND)
    assert {item["path"] for item in items} == {"/2", "/4"}


async def test_a_command_is_found_by_its_id(store: AsyncEngine, journal: Journal) -> None:
    await journal.say("A", CommandFinished("c-1", "Reset", "{}", "accepted"))
    assert (await reads.command(store, "c-1"))["outcome"] == "accepted"
    with pytest.raises(NotFound):
        await reads.command(store, "c-2")


@pytest.mark.parametrize("kind", sorted(reads.LISTS))
async def test_every_list_can_be_read_when_empty(store: AsyncEngine, kind: str) -> None:
    assert await reads.page(store, kind) == reads.Page([], "")


@pytest.mark.parametrize(
    "cursor",
    ["x", "!!!", "bnVsbA", "W10", "WzEsMl0", "WyJhIiwgImIiXQ", "\x00", "a" * 5_000, "ü"],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(store: AsyncEngine, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await reads.page(store, "transactions", cursor=cursor)


async def test_what_cannot_be_asked_is_refused(store: AsyncEngine) -> None:
    with pytest.raises(InvalidInput, match="password: is no filter"):
        await reads.page(store, "chargers", {"password": "x"})
    with pytest.raises(InvalidInput, match="limit"):
        await reads.page(store, "chargers", limit=0)
    with pytest.raises(NotFound, match="list"):
        await reads.page(store, "secrets")
