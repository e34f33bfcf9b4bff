import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from domain.live import LiveChange, LiveChanges
from tests.csms.api.node import Api, running_api

EVENTS = "/api/v1/events"


async def frames(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    fields: dict[str, Any] = {}
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name in {"id", "event", "data"}:
            fields[name] = json.loads(value) if name == "data" else value
        elif not name and fields:
            yield fields
            fields = {}


def stream(api: Api, role: str = "viewer", query: str = "", **headers: str) -> Any:
    headers["Authorization"] = f"Bearer {api.keys[role]}"
    return api.session.get(f"{api.url}{EVENTS}{query}", headers=headers)


async def tell(api: Api, *changes: LiveChange) -> None:
    async with asyncio.timeout(5):
        async with api.peers.heard:
            await api.peers.heard.wait_for(lambda: api.peers.watched)
    (link,) = api.servers["ledger"].links
    link.tell("live", msgspec.msgpack.encode(LiveChanges(changes)))


def change(charger: str, tenant: str = "default") -> LiveChange:
    return LiveChange("connection", charger, charger, tenant, "s", 5, {"connected": True})


async def test_who_is_limited_to_sites_hears_of_no_other(api: Api) -> None:
    for site in ("near", "s"):
        await api.ask("PUT", f"/api/v1/sites/{site}", {})
    _, api.keys["near"] = await api.registry.api_keys.create("near", "viewer", sites=["near"])
    async with stream(api, "near") as response, asyncio.timeout(10):
        coming = frames(response)
        assert (await anext(coming))["event"] == "open"
        await tell(api, change("A"), LiveChange("connection", "B", "B", "default", "near", 5, {}))
        frame = await anext(coming)
    assert [one["charger"] for one in frame["data"]["changes"]] == ["B"]


async def test_what_the_ledger_tells_reaches_an_open_stream(api: Api) -> None:
    async with stream(api) as response, asyncio.timeout(10):
        assert response.headers["Content-Type"].startswith("text/event-stream")
        coming = frames(response)
        assert (await anext(coming))["event"] == "open"
        await tell(api, change("A"))
        frame = await anext(coming)
    assert frame["data"]["changes"] == [
        {"kind": "connection", "charger": "A", "site": "s", "at_us": 5, "connected": True}
    ]
    async with stream(api, **{"Last-Event-ID": frame["id"]}) as response, asyncio.timeout(10):
        await tell(api, change("B"))
        coming = frames(response)
        seen = [await anext(coming), await anext(coming)]
    assert [one["data"]["changes"][0]["charger"] for one in seen if one["data"]["changes"]] == ["B"]


async def test_a_stream_shows_nothing_of_other_tenants(api: Api) -> None:
    async with stream(api, "other") as response, asyncio.timeout(10):
        coming = frames(response)
        await anext(coming)
        await tell(api, change("A"), change("B", "other"))
        frame = await anext(coming)
    assert [one["charger"] for one in frame["data"]["changes"]] == ["B"]


async def test_a_stream_ends_so_that_rights_are_looked_at_again() -> None:
    async with (
        running_api(**{"api.live_stream_s": 0.2}) as api,
        stream(api) as response,
        asyncio.timeout(10),
    ):
        assert [frame["event"] async for frame in frames(response)] == ["open"]


async def test_wrong_filters_are_named(api: Api) -> None:
    for query, field in (("?kind=nothing", "kind"), ("?colour=red", "colour")):
        status, problem = await api.ask("GET", EVENTS + query)
        assert (status, problem["errors"][0]["field"]) == (422, field)
    many = "?" + "&".join(f"charger={number}" for number in range(501))
    assert (await api.ask("GET", EVENTS + many))[0] == 422
    assert (await api.ask("GET", EVENTS, role=""))[0] == 401


async def test_draining_ends_open_streams() -> None:
    async with running_api() as api:
        response = await stream(api)
        coming = frames(response)
        assert (await anext(coming))["event"] == "open"
    # The node has drained: the stream has come to its end by itself.
    assert [frame["event"] async for frame in coming] in ([], ["snapshot"])
