"""A hundred hostile strings through every field of a charger never run and never break a page."""

import asyncio
import base64
import csv
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.csms.dashboard.browser import Demo, Sight, chromium, running_demo, sight
from tests.csms.dashboard.hostile import STRINGS

CHARGERS = 12
BOOT = (
    "chargePointVendor", "chargePointModel", "chargePointSerialNumber", "chargeBoxSerialNumber",
    "firmwareVersion", "iccid", "imsi", "meterType", "meterSerialNumber",
)  # fmt: skip
NOW = "2026-01-01T00:00:00Z"
CAUGHT_UP_S_MAX = 60.0
AT_ONCE = 8
"""Requests: pages wait for stores meanwhile."""
EXCLUDES = 9
"""Every so many names are also those of somebody who does something."""
INJECTED = (
    "main script, main iframe, main object, main embed, main base, main meta, main link, main img,"
    " main video, main style, main plaintext, main xmp, main math, [srcdoc], [action*='evil.test'],"
    " [href*='javascript:' i], [hx-get*='evil.test'], main [onerror], main [onload], main [onfocus]"
)
pytestmark = pytest.mark.timeout(240)


class Rest:
    def __init__(self, demo: Demo, key: str = "") -> None:
        self.demo = demo
        self._key = key or demo.key

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(self.demo.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self._key}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, 20) as response:
                text = response.read().decode()
                return response.status, json.loads(text) if "json" in response.headers[
                    "content-type"
                ] else text
        except urllib.error.HTTPError as error:
            with error:
                error.read()
                return error.code, None


class Evil:
    """A charger that says hostile things wherever it may say something."""

    def __init__(self, socket: ClientConnection, words: list[str]) -> None:
        self._socket = socket
        self._words = words
        self._number = 0
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            if frame[0] == 2:
                rows = [{"key": w, "value": w, "readonly": False} for w in self._words]
                await self._socket.send(
                    json.dumps(
                        [
                            3,
                            frame[1],
                            {
                                "status": "Accepted",
                                "configurationKey": rows,
                                "unknownKey": self._words,
                            },
                        ]
                    )
                )
            elif frame[1] in self._answers:
                self._answers.pop(frame[1]).set_result(frame)

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        self._number += 1
        uid = f"{self._number}"
        self._answers[uid] = asyncio.get_running_loop().create_future()
        answer = self._answers[uid]
        await self._socket.send(json.dumps([2, uid, action, payload]))
        return await asyncio.wait_for(answer, 20)

    async def speak(self) -> None:
        words = self._words
        boot = dict(zip(BOOT, (words * 9)[:9], strict=True))
        assert (await self.call("BootNotification", boot))[0] == 3
        for number, word in enumerate(words, 1):
            await self.call(
                "StatusNotification",
                {
                    "connectorId": number,
                    "status": "Faulted",
                    "errorCode": "OtherError",
                    "info": word,
                    "vendorId": word,
                    "vendorErrorCode": word,
                    "timestamp": NOW,
                },
            )
            await self.call(
                "StatusNotification", {"connectorId": number, "status": word, "errorCode": word}
            )
            await self.call("Authorize", {"idTag": word})
            frame = await self.call(
                "StartTransaction",
                {"connectorId": number, "idTag": word, "meterStart": 1, "timestamp": word},
            )
            transaction = frame[2].get("transactionId", 1) if frame[0] == 3 else 1
            sample = {
                "value": word,
                "measurand": word,
                "context": word,
                "unit": word,
                "location": word,
                "phase": word,
                "format": word,
            }
            await self.call(
                "MeterValues",
                {
                    "connectorId": number,
                    "transactionId": transaction,
                    "meterValue": [{"timestamp": NOW, "sampledValue": [sample]}],
                },
            )
            await self.call(
                "StopTransaction",
                {
                    "transactionId": transaction,
                    "idTag": word,
                    "meterStop": 2,
                    "timestamp": NOW,
                    "reason": word,
                },
            )
            await self.call("DataTransfer", {"vendorId": word, "messageId": word, "data": word})
            await self.call(
                "SecurityEventNotification", {"type": word, "timestamp": NOW, "techInfo": word}
            )
            await self.call("FirmwareStatusNotification", {"status": word})
            await self.call(word, {word: word})
        await self._socket.send("<script>window.hostile=1</script>")


async def speak_all(demo: Demo, passwords: dict[str, str]) -> None:
    async def one(name: str, words: list[str]) -> None:
        proof = base64.b64encode(f"{name}:{passwords[name]}".encode()).decode()
        async with connect(
            demo.chargers_url + name,
            subprotocols=["ocpp1.6"],
            additional_headers={"Authorization": f"Basic {proof}"},
        ) as socket:
            evil = Evil(socket, words)
            listening = asyncio.create_task(evil.listen())
            await evil.speak()
            # The configuration page asks a charger that is still there.
            await asyncio.to_thread(
                Rest(demo).ask,
                "POST",
                f"/api/v1/chargers/{name}/calls?wait=20",
                {"action": "GetConfiguration", "payload": {}},
            )
            listening.cancel()

    async def refused(word: str) -> None:
        printable = "".join(c for c in word if " " <= c <= "~")
        with pytest.raises((WebSocketException, OSError)):
            async with connect(
                demo.chargers_url + quote(word, safe=""),
                user_agent_header=printable,
                subprotocols=["ocpp1.6"],
            ):
                pass

    names = list(passwords)
    await asyncio.gather(*(one(name, list(STRINGS[n::CHARGERS])) for n, name in enumerate(names)))
    for word in STRINGS:
        await refused(word)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo(chargers=1) as running:
        rest = Rest(running)
        passwords = {}
        with ThreadPoolExecutor(AT_ONCE) as threads:
            made = threads.map(partial(_people, rest), range(len(STRINGS)), STRINGS)
            running.keys.extend(key for key in made if key)
        for number, word in enumerate(STRINGS):
            status, _ = rest.ask(
                "PUT", f"/api/v1/sites/evil-{number}", {"name": word, "address": word}
            )
            assert status in {200, 201, 422}, word
            assert rest.ask("POST", "/api/v1/chargers", {"id": word})[0] in {201, 422}, word
            assert rest.ask("PUT", f"/api/v1/tokens/{quote(word, safe='')}", {"parent": word[:20]})[
                0
            ] in {200, 201, 404, 405, 422}, word
        for number in range(CHARGERS):
            name = f"EVIL-{number:02d}"
            _, made = rest.ask(
                "POST",
                "/api/v1/chargers",
                {"id": name, "site": f"evil-{number}", "generate_password": True},
            )
            passwords[name] = made["password"]
            told = (STRINGS[number], STRINGS[-number - 1])
            wanted = [{"variable": word, "value": word, "component": word} for word in told]
            template = {"name": STRINGS[number], "wanted": wanted, "site": f"evil-{number}"}
            path = f"/api/v1/templates/evil-{number}"
            assert rest.ask("PUT", path, template)[0] in {200, 201, 422}
        asyncio.run(speak_all(running, passwords))
        _wait(rest)
        yield running


def _people(rest: Rest, number: int, word: str) -> str:
    """A user and a key of a hostile name; of some keys the secret: they have excluded an outage."""
    user = {"login": f"evil-{number}", "name": word, "role": "viewer"}
    assert rest.ask("POST", "/api/v1/users", user)[0] in {201, 422}, word
    key = {"name": word, "role": "admin"}
    status, made = rest.ask("POST", "/api/v1/keys", key)
    assert status in {201, 422}, word
    if status == 201 and number % EXCLUDES == 0:
        span = {"charger": "HARBOUR-01", "from_us": 1, "to_us": 2, "reason": "utility"}
        theirs = Rest(rest.demo, made["secret"])
        assert theirs.ask("POST", "/api/v1/outage-exclusions", span)[0] == 201
        return str(made["secret"])
    return ""


def _wait(rest: Rest) -> None:
    """Until the log has what every charger said last."""
    end = time.monotonic() + CAUGHT_UP_S_MAX
    for number in range(CHARGERS):
        while True:
            _, page = rest.ask(
                "GET", f"/api/v1/messages?charger=EVIL-{number:02d}&action=GetConfiguration"
            )
            if page and page["items"]:
                break
            assert time.monotonic() < end, "the warehouse does not catch up"
            time.sleep(0.1)


STATE = """(injected) => ({
    ran: window.hostile !== undefined,
    injected: document.querySelectorAll(injected).length,
    headings: document.querySelectorAll("h1").length,
    navigation: document.querySelector("nav.main")?.checkVisibility() ?? false,
    title: document.title.endsWith("· csms"),
})"""
FILTERS = (
    "/ui/messages?text=",
    "/ui/chargers?search=",
    "/ui/transactions?token=",
    "/ui/refusals?charger=",
    "/ui/inbox?search=",
    "/ui/messages?from=",
    "/ui/audit?actor=",
)
WELL = {"ran": False, "injected": 0, "headings": 1, "navigation": True, "title": True}


def look(window: Sight, path: str) -> None:
    window.go(path)
    assert window.page.evaluate(STATE, INJECTED) == WELL, path
    assert window.complaints == [], path


def test_no_page_runs_or_is_broken_by_any_of_them(demo: Demo, browser: Browser):
    rest = Rest(demo)
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        for path in (
            "/ui/",
            "/ui/chargers",
            "/ui/sites",
            "/ui/transactions",
            "/ui/refusals",
            "/ui/inbox",
            "/ui/map",
            "/ui/import",
            "/ui/tokens",
            "/ui/commands",
            "/ui/system",
            "/ui/users",
            "/ui/keys",
            "/ui/audit",
            "/ui/uptime",
        ):
            look(window, path)
            for _ in range(3):
                following = window.page.locator("main a[rel=next]")
                if not following.count():
                    break
                look(window, following.get_attribute("href") or "")
        for number in range(CHARGERS):
            look(window, f"/ui/chargers/EVIL-{number:02d}")
            look(window, f"/ui/sites/evil-{number}")
            look(window, f"/ui/chargers/EVIL-{number:02d}/device")
        _, page = rest.ask("GET", "/api/v1/transactions?limit=1000")
        theirs = [row["id"] for row in page["items"] if row["charger"].startswith("EVIL")]
        assert len(theirs) >= 50
        for identity in theirs[::10]:
            look(window, f"/ui/transactions/{identity}")


def test_no_name_of_who_is_signed_in_runs_or_breaks_a_page(demo: Demo, browser: Browser):
    assert len(demo.keys) > 5
    for key in demo.keys:
        with sight(browser, demo.url) as window:
            window.sign_in(key)
            look(window, "/ui/account")


def test_the_log_shows_all_of_them_as_text(demo: Demo, browser: Browser):
    shown = ""
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        for number in range(CHARGERS):
            path = f"/ui/messages?charger=EVIL-{number:02d}"
            while path:
                look(window, path)
                shown += window.page.evaluate("document.getElementById('log').textContent")
                following = window.page.locator("main a[rel=next]")
                path = following.get_attribute("href") or "" if following.count() else ""
    missing = [word for word in STRINGS if json.dumps(word, ensure_ascii=False)[1:-1] not in shown]
    assert missing == []


def test_filters_with_them_find_or_refuse_but_never_fail(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        cookies = window.page.context.cookies()
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in cookies)

    def status_of(path: str) -> tuple[str, int]:
        request = urllib.request.Request(demo.url + path, headers={"Cookie": cookie})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return path, response.status
        except urllib.error.HTTPError as error:
            with error:
                return path, error.code

    paths = [path + quote(word) for word in STRINGS for path in FILTERS]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        wrong = [one for one in threads.map(status_of, paths) if one[1] not in {200, 404, 422}]
    assert wrong == []


def test_no_cell_of_a_download_is_a_formula(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        for path in ("/ui/messages/download?format=csv", "/ui/transactions/download"):
            text = window.page.context.request.get(demo.url + path).text()
            rows = list(csv.reader(io.StringIO(text, newline="")))
            assert len(rows) > 50
            assert {len(row) for row in rows} == {len(rows[0])}
            assert [
                cell for row in rows for cell in row if cell.lstrip()[:1] in "=+-@" and cell.strip()
            ] == []


def test_every_line_of_the_logs_is_json_without_control_characters(demo: Demo):
    files = list((demo.data / "log").glob("*.log"))
    assert len(files) > 4
    for file in files:
        for line in file.read_bytes().decode("ascii").splitlines():
            json.loads(line)
            assert line.isprintable(), (file.name, line)
