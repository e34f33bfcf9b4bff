"""Letting chargers in, in a real browser over the real REST process and store."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from domain.events import ChargerConnected, ConnectionRefused, Entry
from storage.relational.registry import Site
from supervisor.clock import Clock
from tests.csms.api.node import Api, project, running_api
from tests.csms.dashboard.browser import CHROMIUM
from tests.csms.dashboard.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADDRESS = "10.0.0.7"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Api]:
    async with running_api() as running:
        running.peers.columns = ["site", "charger", "connector", "power_w", "at_us"]
        for site in (
            Site("hamburg", name="Harbour", latitude=53.54, longitude=9.99),
            Site("altona", name="Altona", latitude=53.55, longitude=9.93),
            Site("zurich", name="Depot", latitude=47.38, longitude=8.54),
            Site("nowhere"),
        ):
            await running.registry.create_site(site)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def window(node: Api, browser: Browser) -> AsyncIterator[Window]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    made = Window(await context.new_page(), node)
    await made.sign_in(node.keys["admin"])
    yield made
    assert made.complaints == []
    await context.close()


async def knock(node: Api, *names: str, reason: str = "unknown_charger", **more: Any) -> None:
    now_us = Clock().now_us()
    events = [
        (name, ConnectionRefused(f"/ocpp/{name}", ADDRESS, 401, reason, **more)) for name in names
    ]
    entries = [Entry(name, 0, now_us, (event,)) for name, event in events]
    await project(node, *entries, journal=f"journal-{now_us}")


async def test_who_knocked_is_shown_with_reason_and_advice_and_accepted_at_a_site(
    node: Api, window: Window
) -> None:
    more = {"subprotocols": "ocpp1.6,ocpp2.0.1", "user_agent": "Box/1", "authorization": "Basic"}
    await knock(node, "NEW-1", "NEW-1", tls="TLSv1.3 TLS_AES_256_GCM_SHA384", **more)
    await window.go("/ui/inbox")
    card = window.page.locator(".knock", has_text="NEW-1")
    for text in (
        "No charger of this identity is known",
        "Accept it here",
        "Attempts: 2",
        "/ocpp/NEW-1",
        ADDRESS,
        "ocpp1.6, ocpp2.0.1",
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "Basic",
        "Box/1",
    ):
        await expect(card).to_contain_text(text)
    assert await window.barriers() == []
    await card.get_by_role("combobox").select_option("hamburg")
    await card.get_by_role("button", name="Accept NEW-1").click()
    await expect(window.page.locator("main")).to_contain_text("shown this one time")
    await expect(window.page.locator("main code").nth(0)).to_contain_text("/ocpp/NEW-1")
    await expect(window.page.locator("main code").nth(1)).to_have_text(re.compile("/ocpp$"))
    await expect(window.page.get_by_role("img", name="QR code of the URL of NEW-1")).to_be_visible()
    assert await window.barriers() == []
    record = await node.registry.get_charger("NEW-1")
    assert (record.site, record.security_profile) == ("hamburg", 2)
    assert record.credential is not None


async def test_one_that_sends_no_password_is_accepted_from_its_address_only(
    node: Api, window: Window
) -> None:
    await knock(node, "OPEN-1")
    await window.go("/ui/inbox")
    card = window.page.locator(".knock", has_text="OPEN-1")
    await card.get_by_role("button", name=f"only from {ADDRESS}").click()
    await expect(window.page.locator("h1")).to_have_text("OPEN-1")
    record = await node.registry.get_charger("OPEN-1")
    assert (record.security_profile, record.networks) == (0, (f"{ADDRESS}/32",))


async def test_a_known_charger_from_another_network_is_let_come_from_there(
    node: Api, window: Window
) -> None:
    body = {"id": "MOVED", "networks": ["10.9.0.0/16"], "generate_password": True}
    await node.ask("POST", "/api/v1/chargers", body)
    await knock(node, "MOVED", reason="network_not_allowed")
    await window.go("/ui/inbox")
    card = window.page.locator(".knock", has_text="MOVED")
    await expect(card).to_contain_text("Known charger")
    await card.get_by_role("button", name=f"Let it come from {ADDRESS}").click()
    await expect(window.page.locator("h1")).to_have_text("Inbox")
    record = await node.registry.get_charger("MOVED")
    assert record.networks == ("10.9.0.0/16", f"{ADDRESS}/32")
    now_us = Clock().now_us() + 1_000_000
    let_in = ChargerConnected("r", "ocpp1.6", 1, "gw0")
    await project(node, Entry("MOVED", 1, now_us, (let_in,)), journal="journal-moved")
    await window.go("/ui/inbox")
    await expect(window.page.locator(".knock", has_text="MOVED")).to_have_count(0)


async def test_what_is_dismissed_stays_away_until_it_is_shown_again(
    node: Api, window: Window
) -> None:
    await knock(node, "SPAM")
    await knock(node, "", reason="no_identity")
    page = window.page
    for name, button in (("SPAM", "SPAM"), (f"No identity, from {ADDRESS}", ADDRESS)):
        await window.go("/ui/inbox")
        await page.get_by_role("button", name=f"Do not show again: {button}").click()
        await expect(page.locator("h2", has_text=name)).to_have_count(0)
    await knock(node, "SPAM")
    await window.go("/ui/inbox")
    await expect(page.locator("h2", has_text="SPAM")).to_have_count(0)
    await page.select_option("select[name=state]", "dismissed")
    await page.get_by_role("button", name="Show again: SPAM").click()
    await expect(page.locator("h2", has_text="SPAM")).to_have_count(1)


async def test_a_viewer_sees_the_inbox_without_buttons(node: Api, browser: Browser) -> None:
    await knock(node, "LOOK")
    context = await browser.new_context(locale="en-GB")
    window = Window(await context.new_page(), node)
    await window.sign_in(node.keys["viewer"], "/ui/inbox")
    await expect(window.page.locator("h2", has_text="LOOK")).to_have_count(1)
    assert await window.page.locator("main form[method=post]").count() == 0
    await context.close()


async def test_a_file_is_looked_at_then_imported_with_passwords_to_take_away(
    node: Api, window: Window
) -> None:
    page = window.page
    await window.go("/ui/import")
    assert await window.barriers() == []
    text = b"id;site\nMANY-1;hamburg\nMANY-2;atlantis\n"
    file = {"name": "chargers.csv", "mimeType": "text/csv", "buffer": text}
    await page.set_input_files("input[type=file]", [file])
    await expect(page.locator("#csv")).to_have_value(re.compile("MANY-2;atlantis"))
    await page.get_by_role("button", name="Check only").click()
    row = page.locator("tbody tr")
    await expect(row).to_have_text(re.compile("3.*site.*there is no site atlantis", re.DOTALL))
    assert await window.barriers() == []
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("nothing was imported")
    await page.fill("#csv", "id,site\nMANY-1,hamburg\nMANY-2,altona\n")
    await page.get_by_role("button", name="Check only").click()
    await expect(page.locator("[role=status]").first).to_contain_text("2 new, 0 changed")
    assert await node.registry.find_chargers(["MANY-1"]) == {}
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("h1")).to_have_text("Imported")
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Download").click()
    path = await (await waiting.value).path()
    lines = path.read_text().splitlines()
    assert lines[0] == "id,url,password"
    assert [line.split(",")[0] for line in lines[1:]] == ["MANY-1", "MANY-2"]
    assert all(len(line.split(",")[2]) >= 20 for line in lines[1:])
    assert await window.barriers() == []


async def test_all_chargers_are_taken_away_as_csv(window: Window) -> None:
    await window.go("/ui/chargers")
    async with window.page.expect_download() as waiting:
        await window.page.get_by_role("link", name="CSV").click()
    path = await (await waiting.value).path()
    assert path.read_text().startswith("id,site,security_profile")


async def test_the_map_shows_sites_clusters_close_ones_and_leads_to_them(
    node: Api, window: Window
) -> None:
    page = window.page
    await window.go("/ui/map")
    await expect(page.locator("[data-drawn]")).to_have_count(1)
    assert await page.locator(".map .land").get_attribute("d")
    await expect(page.locator(".map a")).to_have_count(1)
    cluster = page.locator(".map [role=button]")
    await expect(cluster).to_have_attribute("aria-label", re.compile("^2 sites: "))
    assert await window.barriers() == []
    await cluster.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".map a")).to_have_count(3)
    await page.get_by_role("button", name="Show all").click()
    await expect(page.locator(".map a")).to_have_count(1)
    await page.locator(".map a").click()
    await expect(page.locator("h1")).to_have_text("Depot")


async def test_a_site_is_added_with_its_place_and_mistakes_are_told(
    node: Api, window: Window
) -> None:
    page = window.page
    await window.go("/ui/new-site")
    assert await window.barriers() == []
    await page.fill("input[name=id]", "oslo")
    await page.fill("input[name=name]", "Oslo S")
    await page.fill("input[name=latitude]", "north")
    await page.fill("input[name=longitude]", "10.75")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("latitude")
    await page.fill("input[name=latitude]", "59,91")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("h1")).to_have_text("Oslo S")
    await page.get_by_role("link", name="Settings").click()
    assert await page.input_value("input[name=latitude]") == "59.91"
    await page.fill("input[name=power_w_max]", "50000")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#now")).to_contain_text("50.0 kW")
    site = await node.registry.get_site("oslo")
    assert (site.latitude, site.longitude) == (59.91, 10.75)
    await window.go("/ui/new-site")
    await page.fill("input[name=id]", "oslo")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("There is a site oslo already")


async def test_of_two_operators_the_second_is_told_what_the_first_has_changed(
    node: Api, window: Window
) -> None:
    page = window.page
    await node.ask("POST", "/api/v1/chargers", {"id": "SHARED", "site": "hamburg"})
    for path, field, theirs, mine in (
        ("/ui/sites/altona/settings", "name", {"name": "Altona West"}, "Altona East"),
        ("/ui/chargers/SHARED/settings", "time_zone", {"time_zone": "UTC"}, "Europe/Berlin"),
    ):
        rest = path.replace("/ui/", "/api/v1/").removesuffix("/settings")
        box = page.locator(f"input[name={field}]")
        await window.go(path)
        method = "PUT" if "sites" in path else "PATCH"
        assert (await node.ask(method, rest, theirs))[0] == 200
        await box.fill(mine)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this")
        await expect(box).to_have_value(theirs[field])
        assert (await node.get(rest))[field] == theirs[field]
        await box.fill(mine)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert (await node.get(rest))[field] == mine
    await window.go("/ui/chargers/SHARED/settings")
    await node.ask("PATCH", "/api/v1/chargers/SHARED", {"strict": True})
    await page.get_by_role("button", name="Remove").click()
    await expect(page.locator("main")).to_contain_text("Somebody else has changed this")
    assert (await node.get("/api/v1/chargers/SHARED"))["strict"] is True


@pytest.mark.parametrize("path", ["/ui/inbox", "/ui/import", "/ui/map", "/ui/new-site"])
async def test_these_pages_fit_a_phone_in_dark_colours(
    node: Api, browser: Browser, path: str
) -> None:
    await knock(node, "PHONE-" + "X" * 40)
    context = await browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme="dark", locale="de-DE"
    )
    window = Window(await context.new_page(), node)
    await window.sign_in(node.keys["admin"], path)
    assert await window.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await window.barriers() == []
    assert window.complaints == []
    await context.close()
