"""Chromium over real pages, and what it complains of."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

ROOT = Path(__file__).parents[3]
CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).parent / "node" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of TAGS that look at colours: all else is the same in other colours."""
START_S_MAX = 80.0


@dataclass
class Demo:
    """A running `csms demo`."""

    url: str
    key: str
    link: str
    data: Path
    chargers_url: str
    keys: list[str] = field(default_factory=list)
    """Further ones, that a test has made."""


@contextlib.contextmanager
def running_demo(chargers: int = 6) -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="ui", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        said = Path(folder) / "said"
        command = [sys.executable, "-m", "csms", "demo", "--data", str(data)]
        command += ["--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--chargers", str(chargers)]
        with said.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=output, env=dict(os.environ)
            )
            try:
                yield _said(said, data, process)
            finally:
                process.terminate()
                process.wait(30)


def _said(said: Path, data: Path, process: subprocess.Popen[bytes]) -> Demo:
    end = time.monotonic() + START_S_MAX
    while time.monotonic() < end and process.poll() is None:
        words = {
            line.split()[0]: line.split()[1]
            for line in said.read_text().splitlines()
            if len(line.split()) > 1
        }
        if "key" in words and "Stop" in words:
            api = words["api"].removesuffix("/api/v1")
            return Demo(
                api, words["key"], words["page"], data, words["chargers"].removesuffix("{id}")
            )
        time.sleep(0.05)
    raise AssertionError(f"the demo did not start: {said.read_text()[-2000:]}")


@dataclass
class Sight:
    """One window, and everything it should not have said."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def go(self, path: str, status: int = 200) -> Response:
        response = self.page.goto(self.url + path)
        assert response is not None
        assert response.status == status, (path, response.status, self.text()[:500])
        return response

    def text(self) -> str:
        return self.page.inner_text("body")

    def sign_in(self, key: str) -> None:
        self.go("/")
        self.page.click("main details summary")
        self.page.fill("#with-key input[name=key]", key)
        self.page.click("#with-key button")
        self.page.wait_for_selector("nav.main", state="attached")

    def violations(self) -> list[str]:
        """What axe-core finds wrong."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        return self._violations({"type": "tag", "values": TAGS})

    def colour_violations(self) -> list[str]:
        """What it finds wrong with colours alone, on a page that it has looked at already."""
        return self._violations({"type": "rule", "values": COLOURS})

    def _violations(self, rules: dict[str, Any]) -> list[str]:
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found = self.page.evaluate("(options) => window.axe.run(document, options)", options)
        return [
            f"{row['id']}: {node['target']} {node.get('failureSummary', '')}"
            for row in found["violations"]
            for node in row["nodes"]
        ]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Without a sandbox: containers have no user namespaces, and all pages are ours.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def sight(browser: Browser, url: str, **options: Any) -> Iterator[Sight]:
    options.setdefault("viewport", {"width": 1280, "height": 900})
    options.setdefault("locale", "en-GB")
    context = browser.new_context(**options)
    try:
        yield Sight(context.new_page(), url)
    finally:
        context.close()
