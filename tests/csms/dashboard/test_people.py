"""Users, keys, the audit log, and signing in, in a real browser."""

from collections.abc import AsyncIterator
from typing import Literal

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from csms.cli.trail import Did, audit_row
from storage.relational import passwords
from storage.relational.registry import Site
from storage.relational.sign_ins import Purpose
from storage.relational.users import NewUser, User
from tests.csms.api.node import Api, running_api
from tests.csms.dashboard.browser import CHROMIUM
from tests.csms.dashboard.window import Window

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
PASSWORD = "correct horse battery"
PHONE = {"width": 360, "height": 740}
HOSTILE = "'\"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}"


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
        await running.registry.create_site(Site("berlin"))
        yield running


async def person(node: Api, login: str) -> User:
    return await node.registry.users.create(NewUser(login, "viewer", kept=passwords.keep(PASSWORD)))


async def opened(
    node: Api, browser: Browser, locale: str = "en-GB", scheme: Literal["dark", "light"] = "light"
) -> Window:
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900}, locale=locale, color_scheme=scheme
    )
    return Window(await context.new_page(), node)


async def test_the_first_admin_comes_by_the_link_and_lets_others_in_and_out(
    node: Api, browser: Browser
) -> None:
    link = "/ui/link/" + await node.registry.links.make(Purpose.first_admin, 600)
    boss = await opened(node, browser)
    page = boss.page
    await boss.go(link)
    assert await boss.barriers() == []
    await page.fill("input[name=login]", "boss")
    await page.fill("input[name=password]", PASSWORD)
    await page.fill("input[name=again]", "another horse battery")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    assert await page.input_value("input[name=login]") == "boss"
    await page.fill("input[name=password]", PASSWORD)
    await page.fill("input[name=again]", PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/ui/")
    await boss.go(link)
    await expect(page.locator("h1")).to_have_text("This link is void")
    assert await boss.barriers() == []

    await boss.go("/ui/users")
    await page.fill("main input[name=login]", "anna")
    await page.fill("main input[name=sites]", "nowhere")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("alert")).to_contain_text("'nowhere' does not exist")
    await page.fill("main input[name=sites]", "berlin")
    await page.select_option("main select[name=role]", "operator")
    await page.get_by_role("button", name="Add").click()
    shown = await page.inner_text("#link")
    assert shown.startswith(f"{node.url}/ui/link/")
    assert await boss.barriers() == []

    anna = await opened(node, browser, "de-DE")
    await anna.page.goto(shown)
    await expect(anna.page.locator("h1")).to_have_text("Ein neues Passwort")
    await anna.page.fill("input[name=password]", PASSWORD)
    await anna.page.fill("input[name=again]", PASSWORD)
    await anna.page.get_by_role("button", name="Anmelden").click()
    await anna.page.wait_for_url("**/ui/")
    await expect(anna.page.locator("header")).to_contain_text("anna · Betrieb")
    await expect(anna.page.locator("nav.main a", has_text="Benutzer")).to_have_count(0)
    await anna.go("/ui/account")  # where nothing asks by itself

    await boss.go("/ui/users")
    await page.get_by_role("link", name="anna").click()
    # Meanwhile somebody else changes the same user.
    (found,) = [one for one in await node.registry.users.page(None) if one.login == "anna"]
    await node.registry.users.change(found.id, {"name": "Anna"})
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("changed")
    assert await page.input_value("main form input[name=name]") == "Anna"
    await page.check("input[name=disabled]")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("tr", has_text="anna")).to_contain_text("Disabled")
    await anna.go("/ui/chargers")
    await expect(anna.page.locator("h1")).to_have_text("Anmelden")
    await anna.page.fill("input[name=login]", "anna")
    await anna.page.fill("input[name=password]", PASSWORD)
    await anna.page.click("#with-name button")
    await expect(anna.page.get_by_role("alert")).to_have_text("Name oder Passwort ist falsch.")
    assert await anna.barriers() == []
    assert [*boss.complaints, *anna.complaints] == []


async def test_ones_own_password_is_changed_and_signs_in(node: Api, browser: Browser) -> None:
    await person(node, "carla")
    window = await opened(node, browser)
    page = window.page
    await window.go("/ui/sign-in?next=/ui/account")
    await page.fill("input[name=login]", "Carla")
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/ui/account")
    await page.fill("input[name=old]", "wrong")
    for name in ("new", "again"):
        await page.fill(f"input[name={name}]", "a newer horse battery")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("is not the password of now")
    await page.fill("input[name=old]", PASSWORD)
    for name in ("new", "again"):
        await page.fill(f"input[name={name}]", "a newer horse battery")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").first).to_contain_text("counts from now on")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("h1")).to_have_text("Sign in")
    await window.go("/ui/account")
    await expect(page.locator("h1")).to_have_text("Sign in")
    assert window.complaints == []


async def test_a_key_is_made_shown_once_and_revoked_and_all_is_in_the_audit_log(
    node: Api, browser: Browser
) -> None:
    old = [audit_row(Did("charger add", f"CP-{n:03}"), n + 1) for n in range(120)]
    old = [msgspec.structs.replace(row, actor="root", actor_name="root") for row in old]
    await node.registry.note(old)
    window = await opened(node, browser)
    await window.sign_in(node.keys["admin"], "/ui/keys")
    page = window.page
    await page.fill("main input[name=name]", "grafana")
    await page.fill("main input[name=days]", "30")
    await page.get_by_role("button", name="Make a key").click()
    node.keys["grafana"] = await page.inner_text("#secret")
    assert (await node.ask("GET", "/api/v1/sites", role="grafana"))[0] == 200
    assert await window.barriers() == []
    await window.go("/ui/keys")
    await expect(page.locator("#secret")).to_have_count(0)
    assert node.keys["grafana"] not in await page.content()
    await page.get_by_role("button", name="Revoke grafana").click()
    await expect(page.locator("tr", has_text="grafana")).to_contain_text("Revoked")
    # Signed in anew meanwhile, in another tab: what this one sends is not taken.
    await page.evaluate(
        "document.querySelectorAll('[name=csrf]').forEach(e => { e.value = 'old' })"
    )
    await page.get_by_role("button", name="Make a key").click()
    await expect(page.locator("h1")).to_have_text("This page is of an earlier session")

    await window.go("/ui/audit")
    rows = page.locator("#rows tbody tr")
    await expect(rows.first).to_contain_text("DELETE /api/v1/keys/{key}")
    await page.fill("input[name=action]", "POST /api/v1/keys")
    await page.get_by_role("button", name="Filter").click()
    await expect(rows).to_have_count(1)
    await rows.first.get_by_role("link", name="admin").click()
    await page.fill("input[name=search]", "sessio")
    await page.get_by_role("button", name="Filter").click()
    await expect(rows.first).to_contain_text("POST /api/v1/session")
    await window.go("/ui/audit?actor_name=root")
    await expect(rows).to_have_count(100)
    await page.get_by_role("link", name="Older").click()
    await expect(rows).to_have_count(20)
    await expect(rows.last).to_contain_text("CP-000")
    await page.fill("input[name=from]", "2099-01-01T00:00:00")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("#rows")).to_contain_text("Nothing here yet.")
    assert window.complaints == []


async def test_these_pages_fit_a_phone_and_have_no_barriers(node: Api, browser: Browser) -> None:
    _, made = await node.ask(
        "POST", "/api/v1/users", {"login": "x" * 60, "role": "viewer", "name": HOSTILE}
    )
    window = await opened(node, browser, "de-DE", "dark")
    await window.page.set_viewport_size(PHONE)
    await window.sign_in(node.keys["admin"])
    for path in ("users", f"users/{made['id']}", "keys", "audit", "account", "sign-in"):
        await window.go(f"/ui/{path}")
        width = await window.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path
        assert await window.barriers() == [], path
    assert window.complaints == []


async def test_the_link_of_a_demo_signs_in_when_a_browser_follows_it_and_only_then(
    node: Api, browser: Browser
) -> None:
    found = await person(node, "demo")
    link = "/ui/link/" + await node.registry.links.make(Purpose.sign_in, 600, user=found)
    async with node.session.get(node.url + link) as preview:
        assert preview.status == 200
    window = await opened(node, browser)
    await window.go(link)
    await window.page.wait_for_url("**/ui/")
    await expect(window.page.locator("nav.main")).to_be_attached()
    assert window.complaints == []
