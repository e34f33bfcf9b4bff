"""The REST process over a real store and real links; the peers at the other ends are small."""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from csms.api import process
from csms.config import Config, load_config
from csms.prepare import prepare_data
from csms.settings import ProcessSettings
from domain.commands import Command, CommandResult
from domain.events import Entry, encode_entry
from storage.journal_reader import Row
from storage.relational.engine import open_engine
from storage.relational.projector import Projector
from storage.relational.registry import Registry
from supervisor.clock import Clock
from supervisor.links import Link, LinkServer
from supervisor.process import ProcessContext


@dataclass
class Peers:
    """What the other processes say; tests change it."""

    connected: dict[str, dict[str, Any]] = field(default_factory=dict)
    commands: list[tuple[Command, bool]] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    """Of the records that gateways have heard of."""
    result: dict[str, Any] = field(
        default_factory=lambda: {"outcome": "accepted", "response": {"status": "Accepted"}}
    )
    device: Callable[[Command], dict[str, Any]] | None = None
    """Answers commands instead of `result`."""
    silent: bool = False
    refusing: dict[str, str] = field(default_factory=dict)
    syncs: int = 0
    queries: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    excluded: list[list[Any]] = field(default_factory=list)
    site_words: list[dict[str, Any]] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    listening: Link | None = None
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def site(self, _link: Link, body: Any) -> None:
        async with self.heard:
            self.site_words.append(body)
            self.heard.notify_all()

    async def live(self, _link: Link, body: Any) -> dict[str, Any]:
        async with self.heard:
            self.watched = body["kinds"]
            self.heard.notify_all()
        return {}

    def listen(self, link: Link, _body: Any) -> dict[str, Any]:
        self.listening = link
        return {}

    def connect(self, charger: str) -> None:
        self.connected[charger] = {
            "generation": 7,
            "subprotocol": "ocpp1.6",
            "remote": "127.0.0.1",
            "since_us": 1,
        }

    async def command(self, _link: Link, body: Any) -> Any:
        command = msgspec.msgpack.decode(body["command"], type=Command)
        there = self.connected.get(command.charger)
        generation, revision = body.get("checked", (0, 0))
        is_as_checked = generation == 0 or (
            there is not None
            and generation == there["generation"]
            and revision >= self.revisions.get(command.charger, 0)
        )
        if there is None or not is_as_checked:
            return {"here": False, "result": b""}
        self.commands.append((command, body["wait"]))
        if self.silent:
            await asyncio.Event().wait()
        fields = self.result if body["wait"] else {"outcome": "queued"}
        if self.device is not None and body["wait"]:
            fields = {"outcome": "accepted", "response": self.device(command)}
        if body["wait"]:
            fields = {"finished_us": Clock().now_us()} | fields
        result = CommandResult(id=command.id, **fields)
        return {"here": True, "result": msgspec.msgpack.encode(result)}

    def presence(self, _link: Link, body: Any) -> Any:
        wanted = body["chargers"]
        return {k: v for k, v in self.connected.items() if wanted is None or k in wanted}

    def sync(self, _link: Link, _body: Any) -> Any:
        self.syncs += 1
        return {"revision": 1}

    def sql(self, _link: Link, body: Any) -> Any:
        self.queries.append(body["query"])
        types = ["String"] * len(self.columns)
        return {"columns": self.columns, "types": types, "rows": self.rows}

    def exclusions(self, _link: Link, body: Any) -> Any:
        self.excluded += body["rows"]
        return {"version": max((row[-1] for row in self.excluded), default=0)}

    def metrics(self, _link: Link, _body: Any) -> str:
        return "# HELP csms_frames_total Frames.\n# TYPE csms_frames_total counter\ncsms_frames_total 3\n"

    def handlers(self, name: str) -> dict[str, Any]:
        gateway = {
            "command": self.command,
            "presence": self.presence,
            "refusing": lambda _link, _body: {"reason": self.refusing.get(name, "")},
            "metrics": self.metrics,
            "site": self.site,
            "shares": lambda _link, _body: {"json": b""},
        }
        return {
            "gw0": gateway,
            "gw1": gateway,
            "ledger": {"sync": self.sync, "live": self.live, "listen": self.listen},
            "warehouse": {"sql": self.sql, "exclusions": self.exclusions},
            "operations": {"look": lambda _link, _body: None},
        }[name]


@dataclass
class Api:
    """A running REST process."""

    url: str
    config: Config
    registry: Registry
    engine: Any
    peers: Peers
    servers: dict[str, LinkServer]
    session: aiohttp.ClientSession
    keys: dict[str, str]

    async def ask(
        self, method: str, path: str, body: Any = None, role: str = "admin", **options: Any
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        async with self.session.request(
            method, self.url + path, json=body, headers=headers, **options
        ) as response:
            text = await response.text()
            parsed = msgspec.json.decode(text) if "json" in response.content_type else text
            return response.status, parsed

    async def get(self, path: str, **options: Any) -> Any:
        status, body = await self.ask("GET", path, **options)
        assert status == 200, body
        return body


@contextlib.asynccontextmanager
async def running_api(
    *,
    peers: tuple[str, ...] = ("gw0", "ledger", "warehouse", "operations"),
    listening: socket.socket | None = None,
    **overrides: object,
) -> AsyncIterator[Api]:
    with tempfile.TemporaryDirectory(prefix="api") as folder:
        config = load_config(data=Path(folder), environ={}, overrides=overrides)
        secret = await prepare_data(config)
        engine = open_engine(config.database_url)
        registry = Registry(engine, Clock().now_us)
        keys = {
            role: (await registry.api_keys.create(role, role))[1]
            for role in ("viewer", "operator", "admin")
        }
        keys["other"] = (await registry.api_keys.create("o", "admin", tenant="other"))[1]
        keys["wrong"] = "csms_wrong"
        said = Peers()
        servers = {
            name: LinkServer(config.paths.socket(name), said.handlers(name), config.links)
            for name in peers
        }
        for server in servers.values():
            await server.start()
        gateways = tuple(name for name in peers if name.startswith("gw")) or ("gw0",)
        listening = listening or socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        context = ProcessContext(
            name="api",
            settings=ProcessSettings(config, secret, gateways),
            run_dir=config.paths.run,
            clock=Clock(),
            draining=asyncio.Event(),
            sockets={"api": listening},
        )
        running = asyncio.create_task(process.serve(context))
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            api = Api(url, config, registry, engine, said, servers, session, keys)
            try:
                await _linked(api, peers)
                yield api
            finally:
                context.draining.set()
                await running
                for server in servers.values():
                    await server.close()
                await engine.dispose()
                listening.close()


async def _linked(api: Api, peers: tuple[str, ...]) -> None:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                _, body = await api.ask("GET", "/ready", role="")
                if all(body["parts"][name] == "up" for name in peers):
                    return
            await asyncio.sleep(0.01)


async def project(api: Api, *entries: Entry, journal: str = "journal") -> None:
    """Put entries where the ledger would put them."""
    rows = [Row(n, n, encode_entry(entry)) for n, entry in enumerate(entries, 1)]
    await Projector(api.engine, Clock().now_us).apply(journal, rows)
