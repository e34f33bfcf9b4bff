"""A charger's page as HTML, over a real store and the REST process."""

import re

import aiohttp

from domain.events import ChargerBooted, Entry, ReservationTold
from supervisor.clock import Clock
from tests.csms.api.node import Api, project, running_api

HOUR_US = 3_600_000_000


async def page_of(api: Api, path: str) -> str:
    """Return a page as somebody sees it who signed in with a key."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{api.url}/ui/sign-in") as answer:
            found = re.findall(r'name="(csrf|next)" value="([^"]*)"', await answer.text())
        form = {"key": api.keys["admin"], **dict(found)}
        origin = {"Origin": api.url}
        async with session.post(f"{api.url}/ui/sign-in", data=form, headers=origin) as answer:
            assert answer.status == 200
        async with session.get(api.url + path) as answer:
            assert answer.status == 200
            return await answer.text()


async def test_reservations_that_hold_are_one_line_and_their_tokens_are_text() -> None:
    async with running_api() as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        now_us = Clock().now_us()
        until_us = now_us + HOUR_US
        told = (
            ChargerBooted("V", "M"),
            ReservationTold(5, "Accepted", connector=2, token="<b>GUEST", expires_us=until_us),
            ReservationTold(6, "Accepted", connector_type="cCCS2", token="T2", expires_us=until_us),
            ReservationTold(7, "Occupied", connector=1, token="T3", expires_us=until_us),
            ReservationTold(8, "Accepted", connector=1, token="T4", expires_us=now_us - 1),
        )
        await project(api, Entry("CP1", 1, now_us, told))
        (line,) = re.findall(r"<p>(Reserved: [^\n]*)</p>", await page_of(api, "/ui/chargers/CP1"))
        shown = re.sub(r"<time[^>]*>[^<]*</time>", "then", line)
        parts = set(shown.removeprefix("Reserved: ").split("; "))
        assert parts == {"Connector 2, &lt;b&gt;GUEST, until then", "cCCS2, T2, until then"}


async def test_the_oddities_that_a_connected_charger_has_shown_are_on_its_page() -> None:
    async with running_api() as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        assert 'id="quirks"' not in await page_of(api, "/ui/chargers/CP1")
        api.peers.connect("CP1")
        assert 'id="quirks"' not in await page_of(api, "/ui/chargers/CP1")
        api.peers.connected["CP1"] |= {"model": "<i>grizzl", "quirks": {"Q1": 1, "Q16": 3}}
        page = await page_of(api, "/ui/chargers/CP1")
        (shown,) = re.findall(r'<dd id="quirks">(.*?)</dd>', page)
        words = re.sub("<[^>]*>|\N{MULTIPLICATION SIGN}", "", shown).split()
        assert words == ["&lt;i&gt;grizzl", "Q1", "1", "Q16", "3"]
