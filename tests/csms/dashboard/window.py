"""A window of Chromium over a node in this process, and what it complains of."""

from typing import Any

from playwright.async_api import Page

from tests.csms.api.node import Api
from tests.csms.dashboard.browser import AXE, TAGS


class Window:
    def __init__(self, page: Page, node: Api) -> None:
        self.page = page
        self.node = node
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)
        page.on("dialog", self._dialog)

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "status of" not in message.text:
            self.complaints.append(message.text)

    async def _dialog(self, dialog: Any) -> None:
        await dialog.accept()

    async def go(self, path: str) -> None:
        await self.page.goto(self.node.url + path)

    async def barriers(self) -> list[str]:
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
        found = await self.page.evaluate("(options) => window.axe.run(document, options)", options)
        return [f"{row['id']}: {n['target']}" for row in found["violations"] for n in row["nodes"]]

    async def sign_in(self, key: str, path: str = "/ui/sign-in") -> None:
        """Sign in with an API key, on the way to a page."""
        await self.go(path)
        await self.page.click("main details summary")
        await self.page.fill("#with-key input[name=key]", key)
        await self.page.click("#with-key button")
        await self.page.wait_for_selector("nav.main", state="attached")
