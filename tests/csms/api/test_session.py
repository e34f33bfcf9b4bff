"""Signing in as browsers do: cookies, tokens against forged requests, links."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from csms.api import attempts
from csms.api.desk import SignInDesk
from csms.api.problems import Problem
from csms.api.sessions import Sessions
from csms.api.sign_in_settings import SignInSettings
from storage.relational import passwords
from storage.relational.sign_ins import Purpose
from storage.relational.tables import sign_ins, users
from storage.relational.users import NewUser, User
from supervisor.clock import Clock
from tests.csms.api.node import Api, running_api
from tests.storage.relational.kit import rows

SESSION = "/api/v1/session"
PASSWORD = "correct horse battery"
KEPT = passwords.keep(PASSWORD)


class Browser:
    """Keeps cookies, and sends the token of its session."""

    def __init__(self, api: Api, session: aiohttp.ClientSession) -> None:
        self.api = api
        self.session = session
        self.csrf = ""

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        sent = {"X-CSRF-Token": self.csrf} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with self.session.request(
            method, self.api.url + path, json=body, headers=sent, allow_redirects=False
        ) as response:
            text = await response.text()
            self.cookie = response.headers.get("Set-Cookie", "")
            parsed = msgspec.json.decode(text) if "json" in response.content_type else text
            return response.status, parsed

    async def sign_in(self, login: str = "anna", password: str = PASSWORD) -> int:
        status, told = await self.ask("POST", SESSION, {"login": login, "password": password})
        self.csrf = told.get("csrf", "")
        return status

    def secret(self) -> str:
        (cookie,) = self.session.cookie_jar
        return cookie.value


@contextlib.asynccontextmanager
async def browsing(api: Api) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(api, session)


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[Browser]:
    async with browsing(api) as running:
        yield running


async def add(api: Api, login: str = "anna", role: str = "admin", **fields: Any) -> User:
    return await api.registry.users.create(NewUser(login, role, kept=KEPT, **fields))


async def test_who_signs_in_is_known_by_a_cookie_that_no_script_can_read(
    api: Api, browser: Browser
) -> None:
    user = await add(api, "Anna", name="Anna A.", role="operator")
    assert await browser.sign_in("aNNA") == 201
    assert "httponly; max-age=43200; path=/; samesite=lax" in browser.cookie.lower()
    status, told = await browser.ask("GET", SESSION)
    assert (status, told["kind"], told["id"], told["name"]) == (200, "user", user.id, "Anna A.")
    assert told["csrf"] == browser.csrf
    assert "calls.send" in told["permissions"]
    assert "users.manage" not in told["permissions"]
    assert (await browser.ask("GET", "/api/v1/users"))[0] == 403
    assert browser.secret() not in str(await rows(api.engine, sign_ins))


async def test_over_tls_the_cookie_is_secure_and_of_this_host_alone(
    api: Api, browser: Browser
) -> None:
    await add(api)
    body = {"login": "anna", "password": PASSWORD}
    await browser.ask("POST", SESSION, body, X_Forwarded_Proto="https")
    assert browser.cookie.startswith("__Host-csms_session=")
    assert "; secure" in browser.cookie.lower()
    assert "domain" not in browser.cookie.lower()
    planted = f"csms_session={browser.cookie.partition('=')[2].partition(';')[0]}"
    status, _ = await browser.ask("GET", SESSION, Cookie=planted, X_Forwarded_Proto="https")
    assert status == 401


async def test_cwe_352_a_write_with_a_session_needs_its_token_and_a_page_of_ours(
    api: Api, browser: Browser
) -> None:
    await add(api)
    await browser.sign_in()
    token = browser.csrf
    body = {"id": "CP1"}
    for wrong in ("", "x" * len(token)):
        browser.csrf = wrong
        status, problem = await browser.ask("POST", "/api/v1/chargers", body)
        assert (status, problem["type"]) == (403, "urn:csms:problem:csrf")
    browser.csrf = token
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        status, problem = await browser.ask("POST", "/api/v1/chargers", body, **headers)
        assert (status, problem["type"]) == (403, "urn:csms:problem:origin")
        status, _ = await browser.ask("POST", SESSION, {"login": "anna"}, **headers)
        assert status == 403
    assert (await browser.ask("GET", "/api/v1/chargers", Sec_Fetch_Site="cross-site"))[0] == 200
    assert (await browser.ask("POST", "/api/v1/chargers", body, Origin=api.url))[0] == 201
    # Programs have no cookies: their keys need no token.
    assert (await api.ask("POST", "/api/v1/chargers", {"id": "CP2"}))[0] == 201


async def test_cwe_384_a_session_that_was_there_before_is_never_signed_in(
    api: Api, browser: Browser
) -> None:
    await add(api)
    planted = {"Cookie": "csms_session=planted"}
    status, _ = await browser.ask(
        "POST", SESSION, {"login": "anna", "password": PASSWORD}, **planted
    )
    assert status == 201
    first = browser.secret()
    assert first != "planted"
    await browser.sign_in()
    assert browser.secret() != first
    async with browsing(api) as other:
        status, _ = await other.ask("GET", SESSION, Cookie=f"csms_session={first}")
        assert status == 401


async def test_who_signs_out_is_out(api: Api, browser: Browser) -> None:
    await add(api)
    await browser.sign_in()
    secret = browser.secret()
    assert (await browser.ask("DELETE", SESSION))[0] == 204
    assert (await browser.ask("GET", SESSION, Cookie=f"csms_session={secret}"))[0] == 401


async def test_cwe_613_sessions_end_with_the_password_and_with_the_user(api: Api) -> None:
    user = await add(api)
    await add(api, "boss")
    async with browsing(api) as one, browsing(api) as other:
        assert [await one.sign_in(), await other.sign_in()] == [201, 201]
        path = f"{SESSION}/password"
        status, problem = await one.ask("PUT", path, {"old": "wrong", "new": "x" * 20})
        assert (status, problem["type"]) == (422, "urn:csms:problem:wrong_password")
        new = "another horse battery"
        assert (await one.ask("PUT", path, {"old": PASSWORD, "new": new}))[0] == 204
        assert (await one.ask("GET", SESSION))[0] == 200
        assert (await other.ask("GET", SESSION))[0] == 401
        assert await other.sign_in() == 401
        assert await other.sign_in(password=new) == 201
        path = f"/api/v1/users/{user.id}"
        assert (await api.ask("PATCH", path, {"role": "viewer"}))[0] == 200
        assert (await one.ask("GET", "/api/v1/users"))[0] == 403
        assert (await api.ask("PATCH", path, {"disabled": True}))[0] == 200
        assert (await one.ask("GET", SESSION))[0] == 401
        assert await other.sign_in(password=new) == 401
        assert await rows(api.engine, sign_ins) == []


async def test_an_unknown_name_a_wrong_password_and_a_disabled_user_are_told_the_same(
    api: Api, browser: Browser
) -> None:
    await add(api)
    user = await add(api, "away", role="viewer")
    await api.registry.users.change(user.id, {"disabled": True})
    await api.registry.users.create(NewUser("fresh", "viewer"))
    told = [
        await browser.ask("POST", SESSION, {"login": login, "password": password})
        for login, password in (
            ("nobody", PASSWORD),
            ("anna", "wrong"),
            ("away", PASSWORD),
            ("fresh", ""),
            ("fresh", PASSWORD),
        )
    ]
    assert {status for status, _ in told} == {401}
    assert len({str(problem) for _, problem in told}) == 1


async def test_cwe_307_guessing_is_slowed_down_and_says_for_how_long(monkeypatch) -> None:
    # A second is over soon on a busy machine.
    monkeypatch.setattr(attempts, "US_PER_S", 60_000_000)
    async with running_api(**{"sign_in.failures_burst": 2}) as api, browsing(api) as browser:
        await add(api)
        assert [await browser.sign_in(password="wrong") for _ in range(2)] == [401, 401]
        for login, password in (("anna", PASSWORD), ("ANNA", "wrong")):
            status, problem = await browser.ask(
                "POST", SESSION, {"login": login, "password": password}
            )
            assert (status, problem["type"]) == (429, "urn:csms:problem:too_many_attempts")
        assert await browser.sign_in("nobody") == 401


async def test_a_browser_with_a_key_keeps_a_session_that_ends_with_the_key() -> None:
    async with running_api(**{"sign_in.session_cache_s": 0}) as api, browsing(api) as browser:
        status, told = await browser.ask("POST", SESSION, {"key": api.keys["viewer"]})
        assert (status, told["kind"], told["name"]) == (201, "key", "viewer")
        assert api.keys["viewer"] not in browser.secret()
        assert (await browser.ask("GET", "/api/v1/sites"))[0] == 200
        await api.registry.api_keys.revoke(told["id"])
        assert (await browser.ask("GET", "/api/v1/sites"))[0] == 401
        assert (await browser.ask("POST", SESSION, {"key": "csms_wrong"}))[0] == 401


async def test_the_first_admin_comes_by_a_link_that_works_once(api: Api, browser: Browser) -> None:
    links = api.registry.links
    secret = await links.make(Purpose.first_admin, 60)
    look = await browser.ask("POST", f"{SESSION}/link/look", {"secret": secret})
    assert (look[0], look[1]["purpose"]) == (200, "first_admin")
    body = {"secret": secret, "login": "anna", "name": "Anna", "password": "short"}
    status, problem = await browser.ask("POST", f"{SESSION}/link", body)
    assert (status, problem["errors"][0]["field"]) == (422, "password")
    status, told = await browser.ask("POST", f"{SESSION}/link", body | {"password": PASSWORD})
    assert (status, told["role"], told["tenant"], told["name"]) == (201, "admin", "default", "Anna")
    assert (await browser.ask("GET", "/api/v1/users"))[0] == 200
    for path in ("link", "link/look"):
        status, problem = await browser.ask("POST", f"{SESSION}/{path}", {"secret": secret})
        assert (status, problem["type"]) == (401, "urn:csms:problem:link")
    late = await links.make(Purpose.first_admin, 60)
    status, _ = await browser.ask("POST", f"{SESSION}/link", body | {"secret": late})
    assert status == 401, "there is a user already"


async def test_an_admin_makes_a_link_for_a_lost_password(api: Api, browser: Browser) -> None:
    user = await add(api)
    async with browsing(api) as lost:
        await lost.sign_in()
        old = await api.ask("POST", f"/api/v1/users/{user.id}/link")
        status, made = await api.ask("POST", f"/api/v1/users/{user.id}/link")
        assert status == 201
        secret = made["path"].removeprefix("/ui/link/")
        new = "another horse battery"
        void = old[1]["path"].removeprefix("/ui/link/")
        body = {"secret": void, "password": new}
        assert (await browser.ask("POST", f"{SESSION}/link", body))[0] == 401
        body = {"secret": secret, "password": new}
        status, told = await browser.ask("POST", f"{SESSION}/link", body)
        assert (status, told["id"]) == (201, user.id)
        assert (await lost.ask("GET", SESSION))[0] == 401
        assert await lost.sign_in(password=new) == 201
        assert secret not in str(await rows(api.engine, users))


async def test_pages_take_the_session_and_their_forms_carry_the_token(
    api: Api, browser: Browser
) -> None:
    await add(api)
    form = {"login": "anna", "password": PASSWORD, "next": "/ui/tokens"}
    async with browser.session.post(
        f"{api.url}/ui/sign-in", data=form, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (303, "/ui/tokens")
    async with browser.session.get(f"{api.url}/ui/tokens") as response:
        page = await response.text()
        assert response.status == 200
    token = page.partition('name="csrf" content="')[2].partition('"')[0]
    assert len(token) == 43
    for csrf, expected in (("", 403), ("wrong", 403), (token, 303)):
        async with browser.session.post(
            f"{api.url}/ui/tokens",
            data={"id": "TAG", "csrf": csrf},
            allow_redirects=False,
        ) as response:
            assert response.status == expected
    async with browser.session.post(
        f"{api.url}/ui/sign-out", data={"csrf": token}, allow_redirects=False
    ) as response:
        assert response.headers["Location"] == "/ui/sign-in"
    async with browser.session.get(f"{api.url}/ui/tokens", allow_redirects=False) as response:
        assert response.headers["Location"] == "/ui/sign-in?next=/ui/tokens"


async def test_who_came_and_went_and_who_tried_is_in_the_audit_log_without_secrets(
    api: Api, browser: Browser
) -> None:
    user = await add(api)
    await browser.sign_in(password="a wrong password")
    await browser.sign_in("nobody")
    await browser.sign_in()
    await browser.ask("DELETE", SESSION)
    found = (await api.get("/api/v1/audit"))["items"]
    assert [(row["action"], row["actor_kind"], row["outcome"]) for row in found] == [
        (f"DELETE {SESSION}", "user", "done"),
        (f"POST {SESSION}", "user", "done"),
        (f"POST {SESSION}", "nobody", "refused"),
    ]
    assert {row["actor"] for row in found} == {user.id}
    assert "password" not in str(found)


async def test_users_of_a_disabled_tenant_are_out_at_once_and_told_no_more_than_strangers() -> None:
    async with running_api(**{"sign_in.session_cache_s": 0}) as api, browsing(api) as browser:
        await add(api, tenant="acme")
        await browser.sign_in()
        assert (await browser.ask("GET", SESSION))[0] == 200
        await api.registry.tenants.put("acme", disabled=True)
        assert (await browser.ask("GET", SESSION))[0] == 401
        assert await browser.sign_in() == 401


async def test_more_sign_ins_than_may_wait_are_sent_away(api: Api) -> None:
    settings = SignInSettings(checks_max=1, checks_waiting_max=1)
    desk = SignInDesk(api.registry, settings, Clock())
    async with desk._turn():
        waiting = asyncio.create_task(desk.keep(PASSWORD))
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="too many sign-ins"):
            await desk.keep(PASSWORD)
        assert not waiting.done()
    assert passwords.verify(await waiting, PASSWORD)


async def test_only_so_many_sessions_are_remembered_between_look_ups(api: Api) -> None:
    user = await add(api)
    sessions = Sessions(api.registry, SignInSettings(session_cache_max=1), Clock())
    secrets = [(await sessions.begin(user, "", "")).secret for _ in range(3)]
    found = [await sessions.find(secret) for secret in secrets]
    assert [one.id for one in found if one] == [user.id] * 3
    assert len(sessions._known) == 1


async def test_a_page_that_is_read_may_ask_a_charger_whoever_links_to_it(
    api: Api, browser: Browser
) -> None:
    await add(api)
    await browser.sign_in()
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    path = f"{api.url}/ui/chargers/CP1/configuration"
    async with browser.session.get(path, headers=elsewhere) as response:
        assert response.status == 200
    link = await api.registry.links.make(Purpose.password, 60, user=await add(api, "lost"))
    async with browser.session.get(f"{api.url}/ui/link/{link}", headers=elsewhere) as response:
        assert (response.status, "lost" in await response.text()) == (200, True)
