"""Every page in a real browser over a real node with simulated chargers."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.csms.dashboard.browser import Demo, Sight, chromium, running_demo, sight

PAGES = (
    "/ui/",
    "/ui/chargers",
    "/ui/chargers/HARBOUR-01",
    "/ui/sites",
    "/ui/sites/harbour",
    "/ui/transactions",
    "/ui/uptime",
    "/ui/messages",
    "/ui/refusals",
    "/ui/inbox",
    "/ui/import",
    "/ui/map",
    "/ui/new-site",
    "/ui/sites/harbour/settings",
    "/ui/tokens",
    "/ui/commands",
    "/ui/alerts",
    "/ui/alerts/settings",
    "/ui/jobs",
    "/ui/jobs/new",
    "/ui/system",
    "/ui/onboard",
    "/ui/chargers/HARBOUR-01/settings",
    "/ui/chargers/HARBOUR-01/device",
)
pytestmark = pytest.mark.timeout(180)
LIVE_MS = 45_000
PICTURES_AFTER_MS = 240_000
SHOTS = os.environ.get("CSMS_TEST_SCREENSHOTS", "")
"""A folder: then the pictures of the documentation are written there."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo() as running:
        yield running


@pytest.fixture
def seen(demo: Demo, browser: Browser) -> Iterator[Sight]:
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        yield window
        assert window.complaints == []


def test_a_first_run_shows_live_data(seen: Sight):
    page = seen.page
    connected = page.locator("#numbers .tile", has_text="Connected").locator("b")
    expect(connected).to_have_text("6", timeout=LIVE_MS)
    power = page.locator("#numbers .tile", has_text="Power now").locator("b")
    expect(power).to_have_text(re.compile(r"^[1-9][0-9.]* k?W$"), timeout=LIVE_MS)
    expect(page.locator(".chart canvas")).to_have_count(1, timeout=LIVE_MS)
    expect(page.locator("#sites tbody tr")).to_have_count(3)


@pytest.mark.timeout(180)
def test_no_page_has_barriers_that_axe_knows(demo: Demo, browser: Browser):
    with sight(browser, demo.url, color_scheme="light") as window:
        window.sign_in(demo.key)
        for path in PAGES:
            window.page.emulate_media(color_scheme="light")
            window.go(path)
            expect(window.page.locator("h1")).to_have_count(1)
            assert window.violations() == [], path
            window.page.emulate_media(color_scheme="dark")
            assert window.colour_violations() == [], (path, "dark")
            assert window.complaints == [], path


SQUEEZED = """[...document.querySelectorAll("main dd, main .pill")].filter((one) => {
    if (!one.checkVisibility()) return false;
    const box = one.getBoundingClientRect();
    const around = one.parentElement.getBoundingClientRect();
    return one.matches("dd") ? box.width < 70 : box.right > around.right + 1;
}).map((one) => one.textContent.trim())"""
"""Words that stand letter by letter, and states that are cut off."""


def test_pages_fit_a_phone(demo: Demo, browser: Browser):
    with sight(browser, demo.url, viewport={"width": 360, "height": 740}) as window:
        window.sign_in(demo.key)
        for path in PAGES:
            window.go(path)
            assert window.page.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert window.page.evaluate(SQUEEZED) == [], path
            window.page.click("[data-menu]")
            expect(window.page.locator("nav.main")).to_be_visible()
        assert window.violations() == []
        assert window.complaints == []


def test_the_sign_in_page_has_no_barriers_and_refuses_a_wrong_key(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.go("/ui/messages?charger=X")
        assert window.page.url.startswith(f"{demo.url}/ui/sign-in?next=")
        assert window.violations() == []
        assert window.complaints == []
        window.page.click("main details summary")
        window.page.fill("#with-key input[name=key]", "csms_wrong")
        window.page.click("#with-key button")
        expect(window.page.locator("[role=alert]")).to_be_visible()
        window.page.fill("#with-key input[name=key]", demo.key)
        window.page.click("#with-key button")
        assert window.page.url == f"{demo.url}/ui/messages?charger=X"


def test_a_keyboard_gets_past_the_navigation_and_through_the_log(seen: Sight):
    seen.go("/ui/messages")
    page = seen.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    summary = page.locator(".log summary").first
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".log details").first).to_have_attribute("open", "")


def test_every_page_is_reached_by_keys_alone(seen: Sight):
    page = seen.page
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="A page, or the identity of a charger")
    expect(field).to_be_focused()
    assert seen.violations() == []
    page.keyboard.type("tok")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Tokens")
    page.keyboard.press("Control+k")
    page.keyboard.type("HARBOUR-01")
    expect(page.locator("#palette [aria-selected=true]")).to_have_text("Chargers with “HARBOUR-01”")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/messages?charger=HARBOUR-01")
    page.keyboard.press("Control+k")
    page.keyboard.type("harbour-02")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/chargers/HARBOUR-02")
    page.keyboard.press("Control+k")
    page.keyboard.type("HARBOUR-0")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Chargers")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_times_are_those_of_the_browser_and_say_so(demo: Demo, browser: Browser):
    with sight(browser, demo.url, timezone_id="Asia/Kolkata") as window:
        window.sign_in(demo.key)
        page = window.page
        window.go("/ui/messages?from=2026-01-31T12:00:00Z")
        expect(page.locator("header [data-zone]")).to_have_text("Asia/Calcutta, UTC+05:30")
        assert page.input_value("input[name=from]").startswith("2026-01-31T17:30")
        shown = page.locator(".log time").first
        utc = (shown.get_attribute("datetime") or "")[11:16]
        hours, minutes = divmod((int(utc[:2]) * 60 + int(utc[3:]) + 330) % 1440, 60)
        expect(shown).to_contain_text(f"{hours:02d}:{minutes:02d}:")
        page.fill("input[name=to]", "2099-01-01T05:30:00")
        page.click("form.filters button.first")
        page.wait_for_url("**to=2099-01-01T00%3A00%3A00.000Z**")
        assert window.complaints == []


def test_german_is_a_whole_language(seen: Sight):
    seen.page.select_option("select[name=language]", "de")
    expect(seen.page.locator("h1")).to_have_text("Übersicht")
    for path in PAGES:
        seen.go(path)
        assert seen.page.get_attribute("html", "lang") == "de"
        assert "Message log" not in seen.text()


def test_a_command_has_a_timeline_until_what_it_led_to(seen: Sight):
    page = seen.page
    seen.go("/ui/chargers/HARBOUR-01")
    page.select_option("#preset", "TriggerMessage")
    assert page.input_value("#action") == "TriggerMessage"
    page.click("#commands form button.first")
    expect(page.locator("#timeline li", has_text="Accepted")).to_be_visible(timeout=20_000)
    expect(page.locator("#timeline li", has_text="The status was reported")).to_be_visible(
        timeout=20_000
    )
    seen.go("/ui/commands?charger=HARBOUR-01")
    expect(page.locator("td", has_text="TriggerMessage").first).to_be_visible()


def test_a_command_that_cannot_be_sent_keeps_what_was_written(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        window.go("/ui/chargers/HARBOUR-01")
        window.page.fill("#action", "Resett")
        window.page.fill("#payload-1", '{"type": "Soft"}')
        window.page.click("#commands form button.first")
        expect(window.page.locator("[role=alert]")).to_contain_text("did you mean Reset?")
        assert window.page.input_value("#payload-1") == '{"type": "Soft"}'
        window.page.fill("#payload-1", "{")
        window.page.click("#commands form button.first")
        expect(window.page.locator("[role=alert]")).to_contain_text("is no JSON")


def test_a_configuration_is_asked_of_the_charger_and_changed(seen: Sight):
    page = seen.page
    seen.go("/ui/chargers/HARBOUR-01/configuration")
    row = page.locator("tr", has_text="HeartbeatInterval")
    row.locator("input[name=value]").fill("123")
    row.locator("button").click()
    expect(page.locator("#timeline li", has_text="Accepted")).to_be_visible(timeout=20_000)
    seen.go("/ui/chargers/HARBOUR-01/configuration")
    assert row.locator("input[name=value]").input_value() == "123"


def test_a_job_is_looked_at_started_paused_and_told_for_each_charger(seen: Sight):
    page = seen.page
    seen.go("/ui/jobs/new")
    page.fill("input[name=name]", "All statuses")
    page.fill("input[name=canary]", "0")
    page.fill("input[name=rate]", "1")
    page.get_by_role("button", name="Show which chargers").click()
    expect(page.locator("#dry [role=status]")).to_contain_text("6 chargers, 0 of them first")
    expect(page.locator("#dry tbody tr")).to_have_count(6)
    assert page.input_value("input[name=name]") == "All statuses"
    page.get_by_role("button", name="Start").click()
    state = page.locator("#progress .pill")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("Paused")
    outcomes = page.locator("#rows tbody .pill", has_text="Accepted")
    assert outcomes.count() < 6
    page.get_by_role("button", name="Go on").click()
    expect(state).to_have_text("Finished", timeout=LIVE_MS)
    expect(outcomes).to_have_count(6, timeout=LIVE_MS)
    page.locator("#rows tbody td:nth-child(2) a").first.click()
    expect(page.locator("#timeline li", has_text="Accepted")).to_be_visible()
    assert seen.violations() == []


def test_what_differs_from_a_template_is_shown_and_set_one_at_a_time(demo: Demo, seen: Sight):
    wanted = [
        {"variable": "HeartbeatInterval", "value": "77"},
        {"variable": "NumberOfConnectors", "value": "9"},
    ]
    put(demo, "/templates/demo", {"wanted": wanted})
    page = seen.page
    seen.go("/ui/chargers/HARBOUR-02/device")
    page.get_by_role("button", name="Ask the charger for all").click()
    row = page.locator("#drift tr", has_text="HeartbeatInterval")
    fixed = page.locator("#drift tr", has_text="NumberOfConnectors")
    # Its answer comes into the store behind the gateway.
    for _ in range(50):
        if fixed.get_by_text("read only").count():
            break
        seen.go("/ui/chargers/HARBOUR-02/device")
        page.wait_for_timeout(100)
    expect(fixed.get_by_role("button")).to_have_count(0)
    row.get_by_role("button", name="Apply HeartbeatInterval").click()
    expect(page.locator("p.notice[role=status]")).to_have_text(
        "HeartbeatInterval is 77 now: read back from the charger."
    )
    expect(page.locator("#drift li").first).to_contain_text("77, Accepted, 77")
    assert seen.violations() == []
    seen.go("/ui/chargers/HARBOUR-02")
    expect(page.locator("#drift")).to_contain_text("differ from templates")


def put(demo: Demo, path: str, body: object) -> None:
    request = urllib.request.Request(
        f"{demo.url}/api/v1{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {demo.key}", "Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_uptime_is_shown_by_month_and_an_outage_is_excluded(seen: Sight, tmp_path: Path):
    page = seen.page
    seen.go("/ui/uptime?by=connector")
    line = page.locator("#rows tbody tr").first
    expect(line).to_contain_text("DEPOT-01")
    assert line.locator("td.number").first.inner_text().endswith(" %")
    expect(page.locator("#rows tfoot")).to_contain_text("connectors")
    page.fill("form.stack input[name=charger]", "HARBOUR-01")
    page.fill("form.stack input[name=from]", "2026-01-31T12:00:00")
    page.fill("form.stack input[name=to]", "2026-01-31T13:00:00")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#exclusions tbody tr")).to_have_count(1)
    assert seen.violations() == []
    page.remove_listener("dialog", seen._dialog)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#exclusions tbody").get_by_role("button").click()
    expect(page.locator("#exclusions tbody tr")).to_have_count(0)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    path = tmp_path / "uptime.csv"
    waiting.value.save_as(path)
    assert path.read_text().startswith("month,months,site,charger,connector")


def test_the_log_filters_shows_pairs_raw_and_links_to_one(seen: Sight):
    page = seen.page
    seen.go("/ui/messages?action=BootNotification&charger=HARBOUR-01")
    rows = page.locator(".log details")
    expect(rows).to_have_count(1)
    rows.first.locator("summary").click()
    pair = rows.first.locator(".pair")
    expect(pair).to_contain_text("chargePointVendor")
    expect(pair).to_contain_text("currentTime")
    before = pair.locator("pre:visible").first.inner_text()
    pair.locator("[data-raw]").click()
    assert pair.locator("pre:visible").first.inner_text() != before
    pair.get_by_role("link", name="Link to this").click()
    expect(page.locator(".log details")).to_have_count(1)
    expect(page.locator(".log b").first).to_have_text("BootNotification")
    expect(page.locator(".log .pair")).to_contain_text("currentTime")
    call, answer = (page.locator(".log .pair > div").nth(at).bounding_box() for at in (0, 1))
    whole = page.locator(".log .pair").bounding_box()
    assert call
    assert answer
    assert whole
    assert call["y"] == answer["y"]
    assert call["width"] + answer["width"] > 0.9 * whole["width"]


def test_the_log_follows_what_happens_when_it_is_live(seen: Sight):
    page = seen.page
    seen.go("/ui/messages?direction=in")
    first = page.locator(".log details").first.get_attribute("id")
    page.check("[data-holds=log]")
    expect(page.locator(".log details").first).not_to_have_attribute(
        "id", first or "", timeout=30_000
    )


@pytest.mark.parametrize(("kind", "begin"), [("csv", "at_us,charger,"), ("", "{")])
def test_the_log_is_downloaded(seen: Sight, kind: str, begin: str, tmp_path: Path):
    seen.go("/ui/messages")
    with seen.page.expect_download() as waiting:
        seen.page.click(f"a[download][href*='{'format=csv' if kind else 'download'}']")
    file = tmp_path / "file"
    waiting.value.save_as(file)
    assert file.read_text(encoding="utf-8").startswith(begin)


def test_a_transaction_has_a_curve(seen: Sight):
    page = seen.page
    seen.go("/ui/transactions")
    page.locator("#rows tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("Transaction")
    expect(page.locator("#facts")).to_contain_text("Meter at start")


def test_a_site_shows_its_circuits_with_limits_and_why(seen: Sight):
    seen.go("/ui/sites/harbour")
    expect(seen.page.locator("#now dd").first).to_have_text(
        re.compile(r"^[1-9][0-9.]* k?W$"), timeout=LIVE_MS
    )
    expect(seen.page.locator("#tree .node").first).to_contain_text(
        re.compile(r"[1-9][0-9.]* k?W / "), timeout=LIVE_MS
    )
    expect(seen.page.locator("#tree .node").first).to_contain_text("grid")
    expect(seen.page.locator("#tree")).to_contain_text("because of", timeout=LIVE_MS)


def test_a_token_is_added_and_removed(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        page = window.page
        window.go("/ui/tokens")
        page.fill("input[name=id]", "<b>new")
        page.click("form.filters button")
        row = page.locator("tr", has=page.locator("input[value='<b>new' i]"))
        expect(row).to_have_count(1)
        page.remove_listener("dialog", window._dialog)
        page.once("dialog", lambda dialog: dialog.accept())
        row.locator("button").click()
        expect(row).to_have_count(0)
        assert window.complaints == []


def test_a_charger_that_never_came_has_a_page_with_its_url(demo: Demo, seen: Sight):
    headers = {"Authorization": f"Bearer {demo.key}"}
    made = seen.page.context.request.post(
        f"{demo.url}/api/v1/chargers", data={"id": "NEVER-1"}, headers=headers
    )
    assert made.status == 201
    seen.go("/ui/chargers/NEVER-1")
    assert "/ocpp/NEVER-1" in seen.text()
    expect(seen.page.locator("#presence")).to_have_text("Offline")
    # What is not there takes no room.
    expect(seen.page.locator(".chart + .empty")).to_be_visible()
    chart = seen.page.locator(".chart").bounding_box()
    assert chart
    assert chart["height"] == 0


def test_a_refused_charger_is_accepted_with_a_password_that_lets_it_in(
    demo: Demo, browser: Browser
):
    def knock(password: str) -> None:
        proof = base64.b64encode(f"NEWCOMER:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {proof}"}
        with connect(
            f"{demo.chargers_url}NEWCOMER", subprotocols=["ocpp1.6"], additional_headers=headers
        ) as socket:
            socket.ping().wait(10)

    with pytest.raises(InvalidStatus):
        knock("a guess")
    with sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        page = window.page
        window.go("/ui/refusals?charger=NEWCOMER")
        expect(page.locator("#rows td", has_text="No charger of this identity")).to_be_visible(
            timeout=20_000
        )
        page.get_by_role("link", name="Accept NEWCOMER").click()
        assert page.input_value("input[name=id]") == "NEWCOMER"
        page.select_option("select[name=site]", "depot")
        page.click("main form button.first")
        expect(page.locator("main")).to_contain_text("shown this one time")
        knock(page.locator("#password").inner_text())
        page.get_by_role("link", name="To the charger").click()
        page.get_by_role("link", name="Settings").click()
        page.select_option("select[name=registration]", "Pending")
        page.fill("input[name=networks]", "no network")
        page.click("main form button.first")
        expect(page.locator("[role=alert]")).to_contain_text("networks")
        page.fill("input[name=networks]", "127.0.0.0/8")
        page.select_option("select[name=registration]", "Pending")
        page.click("main form button.first")
        expect(page.locator("dl.facts").first).to_contain_text("Pending")


def test_a_viewer_sees_no_way_to_change_and_is_refused(demo: Demo, browser: Browser):
    command = ["key", "create", "--role", "viewer", "--data", str(demo.data), "--name", "eye"]
    made = subprocess.run(
        [sys.executable, "-m", "csms", *command], capture_output=True, text=True, check=True
    )
    key = next(word for word in made.stdout.split() if word.startswith("csms_"))
    with sight(browser, demo.url) as window:
        window.sign_in(key)
        window.go("/ui/chargers/HARBOUR-01")
        assert window.page.locator("main form").count() == 0
        refused = window.page.context.request.post(
            f"{demo.url}/ui/chargers/HARBOUR-01/remove", headers={"Origin": demo.url}
        )
        assert refused.status == 403
        assert (
            window.page.context.request.post(
                f"{demo.url}/ui/tokens", form={"id": "X"}, headers={"Origin": demo.url}
            ).status
            == 403
        )


def test_forms_of_other_sites_are_refused(demo: Demo, seen: Sight):
    for headers in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = seen.page.context.request.post(
            f"{demo.url}/ui/tokens", form={"id": "FOREIGN"}, headers=headers
        )
        assert answer.status == 403
        assert "another site" in answer.text()


def test_unknown_things_are_told_in_a_page(seen: Sight):
    for path in (
        "/ui/chargers/NOBODY",
        "/ui/sites/nowhere",
        "/ui/transactions/x",
        "/ui/commands/x",
    ):
        seen.go(path, 404)
        assert "There is no such thing" in seen.text()
        # The browser tells of the status of a page itself.
        seen.complaints = [text for text in seen.complaints if "404" not in text]


def test_the_policy_forbids_inline_scripts_and_other_origins(seen: Sight):
    headers = seen.go("/ui/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def knock_in_vain(url: str) -> None:
    for name, offered in (("WALLBOX-0815", ["ocpp1.6", "ocpp2.0.1"]), ("GARAGE-2", ["ocpp1.6"])):
        with pytest.raises(InvalidStatus), connect(url + name, subprotocols=offered):
            pass


@pytest.mark.skipif(not SHOTS, reason="set CSMS_TEST_SCREENSHOTS to a folder to write pictures")
@pytest.mark.timeout(600)
def test_pictures_for_the_documentation(browser: Browser):
    with running_demo(chargers=20) as demo, sight(browser, demo.url) as window:
        window.sign_in(demo.key)
        _work(demo, window)
        # Charts of a node that has just begun are empty.
        window.page.wait_for_timeout(PICTURES_AFTER_MS)
        for name, path, scheme in (
            ("overview", "/ui/", "light"),
            ("charger", "/ui/chargers/HARBOUR-01", "light"),
            ("site", "/ui/sites/harbour", "dark"),
            ("messages", "/ui/messages", "light"),
            ("map", "/ui/map", "light"),
            ("inbox", "/ui/inbox", "light"),
            ("users", "/ui/users", "light"),
            ("audit", "/ui/audit", "dark"),
        ):
            window.page.emulate_media(color_scheme=scheme)
            window.go(path)
            if name == "messages":
                window.page.locator(".log summary").nth(2).click()
            window.page.wait_for_timeout(1500)
            window.page.screenshot(path=Path(SHOTS) / f"dashboard-{name}.png")


def _work(demo: Demo, window: Sight) -> None:
    """What pages have to show: users, a command, a job, chargers that knock in vain."""
    heartbeat = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
    for path, body in (
        ("users", {"login": "anna", "name": "Anna Berg", "role": "operator"}),
        ("users", {"login": "ben", "name": "Ben Amin", "role": "viewer"}),
        ("chargers/HARBOUR-01/calls?wait=20", heartbeat),
        ("jobs", {"name": "Heartbeats", "where": {"site": "depot"}, **heartbeat}),
        ("alert-rules", {"name": "Away", "kind": "offline", "params": {"longer_s": 600}}),
    ):
        headers = {"Authorization": f"Bearer {demo.key}"}
        made = window.page.context.request.post(
            f"{demo.url}/api/v1/{path}", data=body, headers=headers
        )
        assert made.ok, made.text()
    knock_in_vain(demo.chargers_url)


def test_the_link_that_the_demo_prints_signs_in_once(demo: Demo, browser: Browser):
    with sight(browser, demo.url) as window:
        window.page.goto(demo.link)
        window.page.wait_for_url(f"{demo.url}/ui/")
        expect(window.page.locator("header.top")).to_contain_text("demo · admin")
        assert window.complaints == []
    with sight(browser, demo.url) as window:
        window.page.goto(demo.link)
        expect(window.page.locator("h1")).to_have_text("This link is void")
