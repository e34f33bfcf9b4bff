"""The other processes of the node, as the REST interface sees them."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from csms.api.hub import Hub
from csms.api.settings import ApiSettings
from csms.site_messages import tell_site
from domain.commands import Command, CommandResult
from domain.live import LiveChanges
from supervisor.links import Link, LinkClient, LinkError, LinkSettings, LinkStats, RemoteFailed

LOG = logging.getLogger(__name__)
TELLERS = frozenset({"ledger", "operations"})
"""Processes that tell what changes."""
NEVER_CHECKED = (0, 0)
"""Of a command that is for whoever has this identity."""
PROMPT_S = 0.3
"""How long a link may take to come back before its process counts as away."""


_changes = msgspec.msgpack.Decoder(LiveChanges)
_result = msgspec.msgpack.Decoder(CommandResult)
_packed = msgspec.msgpack.Encoder().encode


def _nothing() -> None:
    """Forget nothing: nothing is remembered."""


class Sql(msgspec.Struct, frozen=True):
    """The answer to a query: rows as values."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


class Presence(msgspec.Struct, frozen=True):
    """Who is connected where. `complete` is False when a gateway did not say."""

    chargers: Mapping[str, Mapping[str, Any]]
    complete: bool


class Backplane:
    """Links to the gateways, the ledger and the warehouse.

    Args:
        run_dir: where the processes' sockets are.
        gateways: their names.
        settings: deadlines.
        links: limits of the links.
        others: further processes that tell metrics, such as the planner.
    """

    def __init__(
        self,
        run_dir: Path,
        gateways: Sequence[str],
        settings: ApiSettings,
        links: LinkSettings | None = None,
        others: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self.hub: Hub | None = None
        """Who hears of changes."""
        self.forget: Callable[[], None] = _nothing
        """Called when what is remembered of the store may be out of date."""
        self._kinds: frozenset[str] = frozenset()
        self._watching: set[asyncio.Task[None]] = set()
        self._links = {
            name: LinkClient(run_dir / f"{name}.sock", {}, links)
            for name in (*gateways, "warehouse", *others)
            if name not in TELLERS
        } | {
            name: LinkClient(
                run_dir / f"{name}.sock",
                {"live": self._live, "forget": self._forget},
                links,
                on_link=partial(self._linked, name),
            )
            for name in ("ledger", *others)
            if name in TELLERS
        }
        self._gateways = {name: self._links[name] for name in gateways}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin to connect; nothing is waited for."""
        for link in self._links.values():
            await self._stack.enter_async_context(link)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all links."""
        await self._stack.aclose()

    def watch(self, kinds: frozenset[str]) -> None:
        """Hear of changes of these kinds from now on, also from processes that come later."""
        self._kinds = kinds
        for name in TELLERS & self._links.keys():
            client = self._links[name]
            if client.is_up:
                task = asyncio.ensure_future(self._ask_changes(client.link))
                self._watching.add(task)
                task.add_done_callback(self._watching.discard)

    async def _linked(self, name: str, link: Link) -> None:
        if name == "ledger":
            self.forget()  # Something may have changed while there was no link.
            await link.ask("listen", {}, self._settings.ask_deadline_s)
        if self.hub is not None and self._kinds:
            await self._ask_changes(link)
            self.hub.gap()

    async def _ask_changes(self, link: Link) -> None:
        body: dict[str, object] = {"kinds": sorted(self._kinds)}
        try:
            await link.ask("live", body, self._settings.ask_deadline_s)
        except LinkError as error:
            LOG.warning("%s tells no changes: %s", link.name, error)

    def _forget(self, link: Link, body: object) -> dict[str, object]:
        del link, body
        self.forget()
        return {}

    def _live(self, link: Link, body: object) -> None:
        del link
        if self.hub is not None and isinstance(body, bytes):
            self.hub.heard(_changes.decode(body))

    def up(self) -> dict[str, bool]:
        """Return which processes are linked now."""
        return {name: link.is_up for name, link in self._links.items()}

    def stats(self) -> dict[str, LinkStats]:
        """Return what went over the links, by process."""
        return {name: link.stats for name, link in self._links.items()}

    async def refusing(self) -> dict[str, str]:
        """Return why each gateway lets nobody in: empty: it does; "down": it does not answer."""
        deadline_s = self._settings.presence_deadline_s
        answers = await asyncio.gather(
            *(link.ask("refusing", {}, deadline_s) for link in self._gateways.values()),
            return_exceptions=True,
        )
        return {
            name: str(answer["reason"]) if isinstance(answer, dict) else "down"
            for name, answer in zip(self._gateways, answers, strict=True)
        }

    async def sync(self) -> bool:
        """Let the gateways know what was written; return whether they do."""
        ledger = self._links["ledger"]
        try:
            await ledger.connected(PROMPT_S)
            await ledger.ask("sync", {}, self._settings.sync_deadline_s)
        except LinkError:
            return False
        return True

    def look(self) -> None:
        """Let jobs and alerts be looked at now, not only when their time comes."""
        operations = self._links.get("operations")
        if operations is not None and operations.is_up:
            operations.tell("look", {})

    async def caught_up(self, charger: str) -> bool:
        """Let the ledger read what the journals have now; return whether it has."""
        try:
            await self._links["ledger"].ask(
                "activate", {"chargers": [charger]}, self._settings.sync_deadline_s
            )
        except LinkError:
            return False
        return True

    async def presence(self, chargers: Sequence[str] | None) -> Presence:
        """Return who is connected, of `chargers` or of all. Never raises."""
        if chargers is not None and not chargers:
            return Presence({}, complete=True)
        body = {"chargers": None if chargers is None else list(chargers)}
        deadline_s = self._settings.presence_deadline_s
        answers = await asyncio.gather(
            *(link.ask("presence", body, deadline_s) for link in self._gateways.values()),
            return_exceptions=True,
        )
        found: dict[str, Mapping[str, Any]] = {}
        for name, answer in zip(self._gateways, answers, strict=True):
            if isinstance(answer, dict):
                for charger, row in answer.items():
                    newer = found.get(charger)
                    if newer is None or newer["generation"] < row["generation"]:
                        found[charger] = {**row, "gateway": name}
        return Presence(found, complete=all(isinstance(answer, dict) for answer in answers))

    def is_up(self, name: str) -> bool:
        """Return whether a process is linked now."""
        return self._links[name].is_up

    async def command(
        self,
        gateway: str,
        command: Command,
        *,
        wait: bool,
        deadline_s: float,
        checked: tuple[int, int] = NEVER_CHECKED,
    ) -> CommandResult | None:
        """Send a command through the gateway that has the charger; None when it has not.

        Args:
            gateway: its name.
            command: what.
            wait: for its end; else until it is queued.
            deadline_s: of all that.
            checked: generation of the connection and revision of the record that it was checked
                against: if a newer one is known by now, the gateway does as if it had it not.

        Raises:
            LinkError: the gateway is away, or gave no answer in time.
        """
        body: dict[str, object] = {"command": _packed(command), "wait": wait, "checked": checked}
        answer = await self._gateways[gateway].ask("command", body, deadline_s)
        told = msgspec.convert(answer, dict[str, Any])
        if not told.get("here"):
            return None
        return _result.decode(told["result"])

    async def tell_site(self, site: str, message: msgspec.Struct) -> None:
        """Tell a site's actor; each gateway hears it, the owner takes it."""
        tell_site(self._gateways.values(), site, message)

    async def shares(self, site: str) -> dict[str, Any] | None:
        """Return how a site is shared out now (JSON values); None when nobody owns it yet."""
        deadline_s = self._settings.presence_deadline_s
        answers = await asyncio.gather(
            *(link.ask("shares", {"site": site}, deadline_s) for link in self._gateways.values()),
            return_exceptions=True,
        )
        shown = [answer["json"] for answer in answers if isinstance(answer, dict)]
        found = [msgspec.json.decode(text) for text in shown if isinstance(text, bytes) and text]
        return max(found, key=lambda share: share["at_us"]) if found else None

    async def sql(self, query: str, rows_max: int) -> Sql:
        """Run a query on the analytical store.

        Raises:
            LinkError: the warehouse is away, or gave no answer in time.
        """
        body = {"query": query, "format": "table", "rows_max": rows_max}
        warehouse = self._links["warehouse"]
        await warehouse.connected(PROMPT_S)
        answer = await warehouse.ask("sql", body, self._settings.sql_deadline_s)
        return msgspec.convert(answer, Sql)

    async def exclude(self, rows: Sequence[tuple[object, ...]]) -> int:
        """Copy outages that do not count to the analytical store; return its last version.

        Raises:
            LinkError: the warehouse is away, or gave no answer in time.
        """
        warehouse = self._links["warehouse"]
        await warehouse.connected(PROMPT_S)
        body: dict[str, object] = {"rows": [list(row) for row in rows]}
        answer = await warehouse.ask("exclusions", body, self._settings.sql_deadline_s)
        return msgspec.convert(answer, dict[str, int])["version"]

    async def lags(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return how far ledger and warehouse have read each journal: {"lsn", "last"} by name.

        Raises:
            LinkError: one of them does not answer.
        """
        found = {}
        for name in ("ledger", "warehouse"):
            answer = await self._ask_now(self._links[name], "lag")
            found[name] = msgspec.convert(answer, dict[str, dict[str, int]])
        return found

    async def metrics(self) -> dict[str, str]:
        """Return the metrics of every process that gives some, by name."""
        answers = await asyncio.gather(
            *(self._ask_now(link, "metrics") for link in self._links.values()),
            return_exceptions=True,
        )
        named = zip(self._links, answers, strict=True)
        return {name: answer for name, answer in named if isinstance(answer, str)}

    async def _ask_now(self, link: LinkClient, method: str) -> Any:  # noqa: ANN401 - a body
        await link.connected(PROMPT_S)
        return await link.ask(method, {}, self._settings.ask_deadline_s)


__all__ = ["Backplane", "Presence", "RemoteFailed", "Sql"]
