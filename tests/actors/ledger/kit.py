"""A ledger process with gateways that are only links and journals."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from csms.config import Config
from csms.ledger import LedgerProcess
from csms.settings import ProcessSettings
from domain.events import Entry, Event, encode_entry
from domain.known import KnownCharger
from domain.records import Changes
from storage.journal import JournalSettings, JournalWriter, deliver_in
from supervisor.clock import Clock
from supervisor.links import LinkClient, LinkServer
from supervisor.process import ProcessContext

T0 = 1_767_225_600_000_000
PATIENCE_S = 20.0

LEDGER = {
    "poll_busy_ms": 5,
    "poll_idle_ms": 20,
    "scan_ms": 20,
    "retry_ms_min": 20,
    "retry_ms_max": 100,
    "feed_poll_ms": 30,
    "snapshot_s": 0.05,
    "snapshot_transactions_s": 0.05,
    "retell_s": 0.1,
    "lease_numbers": 100,
}

decode_known = msgspec.msgpack.Decoder(list[KnownCharger]).decode
decode_changes = msgspec.msgpack.Decoder(Changes).decode


async def until(condition: Callable[[], bool | Awaitable[bool]], why: str) -> None:
    """Wait for something that comes by itself; fail when it does not."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        holds = condition()
        if not isinstance(holds, bool):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < end_s, why
        await asyncio.sleep(0.005)


class Home:
    """A data directory and the settings of its ledger."""

    def __init__(self, data: Path, url: str = "", **ledger: Any) -> None:
        self.run = data / "run"
        self.config = Config.model_validate(
            {
                "data": data,
                "run": self.run,
                "relational": {"url": url, "connect_s": 2.0},
                "ledger": {**LEDGER, **ledger},
            }
        )
        for folder in self.config.paths.folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.settings = ProcessSettings(self.config, b"s" * 32, ("gw0", "gw1"))

    @contextlib.asynccontextmanager
    async def ledger(self) -> AsyncIterator[LinkClient]:
        """Run the process in this loop; yield a link to it; drain it at the end."""
        draining = asyncio.Event()
        context = ProcessContext("ledger", self.settings, self.run, Clock(), draining, {})
        process = asyncio.get_running_loop().create_task(LedgerProcess(context).serve())
        try:
            async with LinkClient(self.run / "ledger.sock", {}) as link:
                await link.connected(PATIENCE_S)
                yield link
        finally:
            draining.set()
            await process


class FakeGateway:
    """A gateway's journal and its end of the links."""

    def __init__(self, home: Home, name: str = "gw0") -> None:
        self.home = home
        self.name = name
        self.passed: list[dict[str, Any]] = []
        self.changes: list[Changes] = []
        self.hold: asyncio.Event | None = None
        self.journal = JournalWriter(
            home.config.paths.journal / f"{name}.db",
            JournalSettings(readers=("ledger",)),
            deliver_in(asyncio.get_running_loop()),
            lambda _error: None,
        )
        self._server = LinkServer(home.run / f"{name}.sock", {"passed": self._passed})
        self.ledger = LinkClient(home.run / "ledger.sock", {"changed": self._changed})

    async def __aenter__(self) -> Self:
        await self._server.start()
        await self.ledger.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.ledger.close()
        await self._server.close()
        self.journal.close()

    def _passed(self, _link: object, body: Any) -> None:
        self.passed.append(body)
        self.journal.passed(body["reader"], body["lsn"], body["uuid"])

    async def _changed(self, _link: object, body: Any) -> dict[str, int]:
        if self.hold is not None:
            await self.hold.wait()
        changes = decode_changes(body)
        self.changes.append(changes)
        return {"revision": changes.revision}

    async def keep(self, charger: str, *events: Event) -> None:
        """Write an entry; return when it may be acknowledged."""
        await self.keep_blob(encode_entry(Entry(charger, 1, T0, events)))

    async def keep_blob(self, blob: bytes) -> None:
        done = asyncio.get_running_loop().create_future()
        self.journal.append(blob, lambda: done.set_result(None))
        await done

    async def activate(self, *chargers: str) -> list[KnownCharger]:
        return decode_known(await self.ledger.ask("activate", {"chargers": list(chargers)}))

    async def subscribe(self, revision: int = 0) -> Changes:
        body: Any = {"gateway": self.name, "revision": revision}
        return decode_changes(await self.ledger.ask("subscribe", body))
