"""A hundred hostile strings through every field of a charger never run and never break a page."""

import asyncio
import csv
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from tests.csms.dashboard.browser import Demo, Sight, chromium, running_demo, sight
from tests.csms.dashboard.evil import CHARGERS, CHARGERS_2, Rest, speak_all, words_of
from tests.csms.dashboard.hostile import STRINGS

NAMES = (
    *(f"EVIL-{number:02d}" for number in range(CHARGERS)),
    *(f"EVIL2-{number:02d}" for number in range(CHARGERS_2)),
)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo(chargers=1) as running, ThreadPoolExecutor(AT_ONCE) as threads:
        rest = Rest(running)
        made = threads.map(partial(_people, rest), range(len(STRINGS)), STRINGS)
        running.keys.extend(key for key in made if key)
        list(threads.map(partial(_records, rest), range(len(STRINGS)), STRINGS))
        passwords = dict(threads.map(partial(_charger, rest), range(len(NAMES)), NAMES))
        asyncio.run(speak_all(running, passwords))
        _wait(rest)
        yield running


def _records(rest: Rest, number: int, word: str) -> None:
    """A site, a charger and a token of a hostile name."""
    site = {"name": word, "address": word}
    assert rest.ask("PUT", f"/api/v1/sites/evil-{number}", site)[0] in {200, 201, 422}, word
    assert rest.ask("POST", "/api/v1/chargers", {"id": word})[0] in {201, 422}, word
    path = f"/api/v1/tokens/{quote(word, safe='')}"
    assert rest.ask("PUT", path, {"parent": word[:20]})[0] in {200, 201, 404, 405, 422}, word


def _charger(rest: Rest, number: int, name: str) -> tuple[str, str]:
    """One that will speak, with a template and alerts; return its name and password."""
    site = f"evil-{number}"
    body = {"id": name, "site": site, "generate_password": True}
    _, made = rest.ask("POST", "/api/v1/chargers", body)
    word = words_of(name)[0]
    # What it reports is another value: so it drifts, and the page shows both.
    wanted = [
        {"variable": word, "value": STRINGS[-number - 1], "component": component}
        for component in ("", word)
    ]
    template = {"name": STRINGS[number], "wanted": wanted, "site": site}
    assert rest.ask("PUT", f"/api/v1/templates/{site}", template)[0] in {200, 201, 422}
    _watch(rest, site, word)
    return name, made["password"]


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


def _watch(rest: Rest, site: str, word: str) -> None:
    """Alerts of faults under a hostile name, told to a hostile channel, silenced for a reason."""
    told = {"name": word, "kind": "webhook", "target": "http://127.0.0.1:9/" + quote(word)}
    status, channel = rest.ask("POST", "/api/v1/alert-channels", told)
    assert status in {201, 422}, word
    channels = [channel["id"]] if status == 201 else []
    rule = {"name": word, "kind": "fault", "site": site, "channels": channels}
    assert rest.ask("POST", "/api/v1/alert-rules", rule)[0] in {201, 422}, word
    until_us = (1 << 62) - 1
    silence = {"site": site, "reason": word, "until_us": until_us}
    assert rest.ask("POST", "/api/v1/alert-silences", silence)[0] in {201, 422}, word


def _wait(rest: Rest) -> None:
    """Until the log has what every charger was asked last, and alerts are open."""
    end = time.monotonic() + CAUGHT_UP_S_MAX
    asked = [f"/api/v1/messages?charger={name}&action=ClearCache" for name in NAMES]
    for path in (*asked, "/api/v1/alerts?charger=EVIL-00"):
        while True:
            _, page = rest.ask("GET", path)
            if page and page["items"]:
                break
            assert time.monotonic() < end, f"the stores do not catch up: {path}"
            time.sleep(0.1)


STATE = """(injected) => ({
    ran: window.hostile !== undefined,
    injected: document.querySelectorAll(injected).length,
    headings: document.querySelectorAll("h1").length,
    navigation: document.querySelector("nav.main")?.checkVisibility() ?? false,
    title: document.title.endsWith("· csms"),
})"""
DOWNLOADS = {
    "/ui/messages/download?format=csv": 50,
    "/ui/transactions/download": 50,
    "/ui/export": len(NAMES),
    "/ui/uptime/download": len(NAMES),
}
"""And how many lines they have at least."""
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
            "/ui/alerts",
            "/ui/alerts?state=",
            "/ui/alerts/settings",
            "/ui/jobs",
        ):
            look(window, path)
            for _ in range(3):
                following = window.page.locator("main a[rel=next]")
                if not following.count():
                    break
                look(window, following.get_attribute("href") or "")


def test_no_page_of_a_charger_or_its_site_runs_or_is_broken(demo: Demo, browser: Browser):
    rest = Rest(demo)
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        for number, name in enumerate(NAMES):
            look(window, f"/ui/chargers/{name}")
            look(window, f"/ui/sites/evil-{number}")
            look(window, f"/ui/chargers/{name}/device")
        for name in ("EVIL-00", "EVIL2-00"):
            _, drift = rest.ask("GET", f"/api/v1/chargers/{name}/drift")
            found = [row["found"] for row in drift["items"]]
            assert words_of(name)[0] in found, (name, drift)
            look(window, f"/ui/uptime?by=connector&charger={name}")
        _, page = rest.ask("GET", "/api/v1/transactions?limit=1000")
        theirs = [row["id"] for row in page["items"] if row["charger"].startswith("EVIL")]
        assert len(theirs) >= 50
        assert {"EVIL2"} <= {row["charger"][:5] for row in page["items"]}
        for identity in theirs[::10]:
            look(window, f"/ui/transactions/{identity}")


def test_no_job_command_or_rule_runs_or_breaks_a_page(demo: Demo, browser: Browser):
    """Their names are hostile, and so is what chargers answered: codes and texts of errors."""
    rest = Rest(demo)
    _, jobs = rest.ask("GET", "/api/v1/jobs?limit=100")
    assert len(jobs["items"]) >= len(NAMES) - 2
    _, rules = rest.ask("GET", "/api/v1/alert-rules?limit=100")
    ours = [row["id"] for row in rules["items"] if row["site"].startswith("evil-")]
    assert len(ours) >= len(NAMES) - 2
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        commands = []
        for job in jobs["items"]:
            look(window, f"/ui/jobs/{job['id']}")
            _, told = rest.ask("GET", f"/api/v1/jobs/{job['id']}/chargers")
            assert told["items"][0]["outcome"] == "error", told
            commands += [row["command"] for row in told["items"]]
        for name in commands[::2]:
            look(window, f"/ui/commands/{name}")
        for name in ours[::2]:
            look(window, f"/ui/alerts/settings/rules/{name}")


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
        for name in NAMES:
            path = f"/ui/messages?charger={name}"
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
        for path, least in DOWNLOADS.items():
            text = window.page.context.request.get(demo.url + path).text()
            rows = list(csv.reader(io.StringIO(text, newline="")))
            assert len(rows) > least, path
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
