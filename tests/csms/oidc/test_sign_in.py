"""Signing in with a real provider in a real browser, and who is let in as what."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from csms.api.problems import Problem
from csms.api.session_oidc import admit
from csms.oidc.claims import Person
from csms.oidc.settings import OidcSettings
from domain.access import Role
from storage.relational.users import NewUser
from tests.csms.api.node import Api, running_api
from tests.csms.dashboard.browser import CHROMIUM

NODE = Path(__file__).parent / "node"
START_S = 20
SETTINGS = {
    "issuer": "https://idp.example.org",
    "client_id": "csms",
    "public_url": "https://csms.example.org",
    "default_role": "viewer",
}
ROLES = {"csms-admins": "admin", "csms-operators": "operator"}


@contextlib.asynccontextmanager
async def provider(redirect: str) -> AsyncIterator[str]:
    """Run oidc-provider; yield its issuer."""
    assert (NODE / "node_modules").is_dir(), "run: make tools"
    process = await asyncio.create_subprocess_exec(
        "node",
        "provider.js",
        redirect,
        cwd=NODE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            async for line in process.stdout:
                if line.startswith(b"http://"):
                    break
        yield line.decode().strip()
    finally:
        process.terminate()
        await process.communicate()


@contextlib.asynccontextmanager
async def signing_in() -> AsyncIterator[tuple[Api, Browser]]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with provider(f"{url}/ui/oidc/callback") as issuer, async_playwright() as playwright:
        settings = {
            "oidc.issuer": issuer,
            "oidc.label": "the works",
            "oidc.client_id": "csms",
            "oidc.client_secret": "a secret with / + and %",
            "oidc.public_url": url,
            "oidc.roles": ROLES,
        }
        async with running_api(listening=listening, **settings) as api:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            try:
                yield api, browser
            finally:
                await browser.close()


async def goes_there(page: Page, api: Api, login: str) -> None:
    await page.goto(f"{api.url}/ui/tokens")
    await page.click("#with-provider")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", "any")
    await page.click("button[type=submit]")
    await page.click("button[type=submit]")  # the consent
    await page.wait_for_url(f"{api.url}/ui/**")


@pytest.mark.timeout(120)
async def test_somebody_signs_in_with_a_provider_as_what_it_says() -> None:
    async with signing_in() as (api, browser):
        page = await browser.new_page(locale="en-GB")
        await goes_there(page, api, "anna")
        await page.wait_for_url(f"{api.url}/ui/")
        await expect(page.locator("header")).to_contain_text("anna at the provider · operator")
        (user,) = (await api.get("/api/v1/users"))["items"]
        assert (user["login"], user["role"], user["subject"]) == (
            "anna",
            "operator",
            "subject-of-anna",
        )
        assert user["issuer"].startswith("http://127.0.0.1:")
        cookies = await page.context.cookies(api.url)  # of all ports, the provider's too
        names = {one["name"] for one in cookies if one["name"].startswith("csms")}
        assert names == {"csms_session"}
        # The address of an answer is worth nothing a second time, or in another browser.
        other = await browser.new_context(locale="en-GB")
        stranger = await other.new_page()
        await stranger.goto(f"{api.url}/ui/oidc/callback?code=x&state=y")
        await expect(stranger.get_by_role("alert")).to_contain_text("not begun by this browser")
        await goes_there(stranger, api, "nobody")
        await expect(stranger.get_by_role("alert")).to_contain_text("you have no role here")
        assert len((await api.get("/api/v1/users"))["items"]) == 1
        actions = [row["action"] for row in (await api.get("/api/v1/audit"))["items"]]
        assert actions == ["POST /api/v1/session/oidc"]


async def test_the_provider_changes_a_role_but_takes_nobodys_name_and_not_the_last_admin(
    api: Api,
) -> None:
    users = api.registry.users
    settings = OidcSettings.model_validate(SETTINGS)
    root = Person("1", "root", "Root", Role.admin)
    first = await admit(users, settings, root)
    assert (await admit(users, settings, root)).id == first.id
    with pytest.raises(Problem, match="last admin"):
        await admit(users, settings, root._replace(role=Role.viewer))
    await api.registry.users.create(NewUser("anna", "admin", kept="a hash"))
    changed = await admit(users, settings, root._replace(role=Role.viewer))
    assert (changed.id, changed.role) == (first.id, "viewer")
    with pytest.raises(Problem, match="exists already"):
        await admit(users, settings, Person("2", "ANNA", "", Role.viewer))
    with pytest.raises(Problem, match="no role"):
        await admit(users, settings, root._replace(role=None))
    await api.registry.users.change(first.id, {"disabled": True})
    with pytest.raises(Problem, match="no role"):
        await admit(users, settings, root)


async def test_without_a_provider_there_is_nothing_to_sign_in_with(api: Api) -> None:
    for path in ("oidc", "oidc/start"):
        status, _ = await api.ask("POST", f"/api/v1/session/{path}", {}, role="")
        assert status == 404
