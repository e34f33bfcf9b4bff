from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import InvalidInput
from domain.events import ChargerBooted, ChargerConnected, ConnectionRefused
from domain.records import ChargerRecord
from storage.relational import inbox
from storage.relational.inbox import Group
from storage.relational.registry import Registry, Site
from tests.storage.relational.kit import SECOND, T0, Journal


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def refused(
    reason: str = "unknown_charger", path: str = "/ocpp/X", **more: Any
) -> ConnectionRefused:
    return ConnectionRefused(path, more.pop("remote", "10.0.0.7"), 401, reason, **more)


async def names(store: AsyncEngine, **asked: Any) -> list[str]:
    page = await inbox.page(store, since_us=asked.pop("since_us", 0), **asked)
    return [item["charger"] or item["remote"] for item in page.items]


async def test_attempts_are_grouped_by_the_claimed_identity_with_the_last_one(
    store: AsyncEngine, journal: Journal
) -> None:
    await journal.say("A", refused("no_password"), at_s=1)
    await journal.say("B", refused(), at_s=2)
    await journal.say(
        "A",
        refused(
            "wrong_password",
            "/x/A",
            subprotocols="ocpp1.6,ocpp2.0.1",
            user_agent="Box/1",
            tls="TLSv1.3 TLS_AES_128_GCM_SHA256",
            authorization="Basic",
        ),
        at_s=3,
    )
    await journal.say("A", refused("no_password"), at_s=0)
    page = await inbox.page(store, since_us=0)
    first, second = page.items
    assert (first["charger"], first["count"], second["charger"]) == ("A", 3, "B")
    assert (first["first_us"], first["last_us"]) == (T0, T0 + 3 * SECOND)
    assert first["reasons"] == [
        {"reason": "no_password", "count": 2},
        {"reason": "wrong_password", "count": 1},
    ]
    assert (first["reason"], first["path"], first["address"]) == (
        "wrong_password",
        "/x/A",
        "10.0.0.7",
    )
    assert first["tls"] == "TLSv1.3 TLS_AES_128_GCM_SHA256"
    assert (first["authorization"], first["user_agent"]) == ("Basic", "Box/1")
    assert first["subprotocols"] == "ocpp1.6,ocpp2.0.1"
    assert page.next == ""


async def test_those_without_an_identity_are_grouped_by_their_address(
    store: AsyncEngine, journal: Journal
) -> None:
    for number in range(4):
        await journal.say("", refused("no_identity", remote=f"10.0.0.{number % 2}"), at_s=number)
    page = await inbox.page(store, since_us=0)
    assert [(one["remote"], one["count"]) for one in page.items] == [
        ("10.0.0.1", 2),
        ("10.0.0.0", 2),
    ]


async def test_what_was_let_in_later_waits_no_more_until_it_is_refused_again(
    store: AsyncEngine, journal: Journal
) -> None:
    await journal.say("A", refused(), at_s=1)
    await journal.say("A", ChargerConnected("r", "ocpp1.6", 1, "gw0"), at_s=2)
    assert await names(store) == []
    assert await names(store, state="all") == ["A"]
    await journal.say("A", refused("held_elsewhere"), at_s=3)
    assert await names(store) == ["A"]


async def test_what_is_dismissed_is_not_shown_again_until_it_is_restored(
    store: AsyncEngine, journal: Journal
) -> None:
    await journal.say("A", refused(), at_s=1)
    await journal.say("", refused("no_identity"), at_s=2)
    await journal.say("", refused("no_identity", remote="10.0.0.8"), at_s=3)
    await inbox.dismiss(store, Group("A", ""), "eve", T0)
    await inbox.dismiss(store, Group("A", ""), "bob", T0 + 1)
    await inbox.dismiss(store, Group("", "10.0.0.7"), "bob", T0)
    await journal.say("A", refused(), at_s=4)
    assert await names(store) == ["10.0.0.8"]
    page = await inbox.page(store, since_us=0, state="dismissed")
    assert [(one["charger"], one["dismissed_by"]) for one in page.items] == [
        ("A", "bob"),
        ("", "bob"),
    ]
    await inbox.restore(store, Group("A", ""))
    await inbox.restore(store, Group("A", ""))
    assert await names(store) == ["A", "10.0.0.8"]


async def test_known_chargers_have_their_site_vendor_and_model(
    store: AsyncEngine, journal: Journal
) -> None:
    registry = Registry(store, lambda: T0)
    await registry.create_site(Site("depot"))
    await registry.create_charger(ChargerRecord("A", site="depot"))
    await journal.say("A", ChargerBooted("ABB", "Terra"), at_s=1)
    await journal.say("a", refused("wrong_password"), at_s=2)
    await journal.say("B", refused(), at_s=3)
    unknown, known = (await inbox.page(store, since_us=0)).items
    assert (known["known"], known["site"]) == (True, "depot")
    assert (known["vendor"], known["model"]) == ("ABB", "Terra")
    assert (unknown["known"], unknown["site"], unknown["vendor"]) == (False, "", "")


async def test_pages_follow_a_cursor_and_miss_nothing(store: AsyncEngine, journal: Journal) -> None:
    for number in range(9):
        await journal.say(f"C{number}", refused(), at_s=number // 3)
        await journal.say("", refused("no_identity", remote=f"10.0.0.{number}"), at_s=number // 3)
    found: list[str] = []
    cursor = ""
    while True:
        page = await inbox.page(store, since_us=0, cursor=cursor, limit=4)
        found += [item["charger"] or item["remote"] for item in page.items]
        cursor = page.next
        if not cursor:
            break
    assert len(found) == 18
    assert len(set(found)) == 18
    assert found[:3] == ["C8", "C7", "C6"]


async def test_a_search_looks_at_what_was_claimed(store: AsyncEngine, journal: Journal) -> None:
    await journal.say("BOX-1", refused(user_agent="Wall/2"), at_s=1)
    await journal.say("POLE", refused(path="/old/POLE", remote="192.168.1.1"), at_s=2)
    assert await names(store, search="box") == ["BOX-1"]
    assert await names(store, search="wall") == ["BOX-1"]
    assert await names(store, search="/old") == ["POLE"]
    assert await names(store, search="192.168") == ["POLE"]
    assert await names(store, search="%") == []
    assert await names(store, since_us=T0 + 2 * SECOND) == ["POLE"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"state": "new"}, "state"), ({"cursor": "x"}, "cursor"), ({"limit": 0}, "limit")],
)
async def test_what_is_asked_wrongly_is_named(
    store: AsyncEngine, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await inbox.page(store, since_us=0, **asked)
    assert raised.value.field == field


@pytest.mark.parametrize("group", [Group("", ""), Group("A", "10.0.0.1"), Group("A" * 256, "")])
async def test_only_one_group_can_be_dismissed(store: AsyncEngine, group: Group) -> None:
    with pytest.raises(InvalidInput):
        await inbox.dismiss(store, group, "eve", T0)
