"""Ten thousand chargers in one list: as much as one looks at, and no more."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from domain.records import ChargerRecord
from tests.csms.api.node import Api, running_api
from tests.csms.dashboard.browser import CHROMIUM

CHARGERS = 10_000
PAGE = 100
POWER_COLUMNS = ["site", "charger", "connector", "power_w", "at_us"]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api() as running:
        running.peers.columns = POWER_COLUMNS
        records = [ChargerRecord(f"C{number:05d}") for number in range(CHARGERS)]
        await running.registry.import_chargers(records)
        yield running


@pytest.fixture
async def page(api: Api) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        made = await browser.new_page(viewport={"width": 1280, "height": 900})
        await made.goto(f"{api.url}/ui/chargers")
        await made.click("main details summary")
        await made.fill("#with-key input[name=key]", api.keys["viewer"])
        await made.click("#with-key button")
        await made.wait_for_selector(".list")
        yield made
        await browser.close()


NAMES = "[...document.querySelectorAll('.list [role=row] a[href*=\"/ui/chargers/\"]')].map(a => a.textContent)"


async def test_the_next_chargers_come_as_one_scrolls_in_order_and_once(api: Api, page: Page):
    assert len(await page.evaluate(NAMES)) == PAGE
    for pages in range(2, 7):
        await page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        await page.locator(".list .group").nth(pages - 1).wait_for(state="attached")
    names = await page.evaluate(NAMES)
    assert len(names) >= 6 * PAGE
    assert names == [f"C{number:05d}" for number in range(len(names))]
    assert await page.evaluate("document.querySelectorAll('.list .more').length") == 1


async def test_a_page_asks_for_the_power_of_its_own_chargers_only(api: Api, page: Page):
    asked = [query for query in api.peers.queries if "Power.Active.Import" in query]
    assert asked
    assert "charger >= 'C00000'" in asked[0]
    assert "charger <= 'C00099'" in asked[0]


async def test_only_the_part_in_sight_is_fetched_anew(api: Api, page: Page):
    await page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    await page.locator(".list .group").nth(1).wait_for(state="attached")
    await page.evaluate("window.scrollTo(0, 0)")
    api.peers.queries.clear()
    async with page.expect_response(lambda response: "/ui/chargers" in response.url) as waiting:
        pass
    response = await waiting.value
    assert "cursor" not in response.url
    assert response.request.headers["hx-request"] == "true"


async def test_a_search_finds_one_of_them(page: Page):
    await page.fill("input[name=search]", "c09999")
    await page.press("input[name=search]", "Enter")
    await page.wait_for_url("**search=c09999**")
    assert await page.evaluate(NAMES) == ["C09999"]
