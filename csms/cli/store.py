"""The relational store for commands: opened, migrated, closed.

What they change is in the audit log, and a running node is told of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from csms.cli.errors import warn
from csms.cli.trail import Did, audit_row
from csms.config import Config, load_config
from csms.prepare import prepare_data
from domain.errors import Unavailable
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.clock import Clock
from supervisor.links import LinkClient, LinkError

CONNECT_S = 0.3
"""A socket file that nobody serves was left by a node that died."""
SYNC_S = 2.0
"""How long a command waits for a running node to hear of its change."""

Result = TypeVar("Result")


@asynccontextmanager
async def open_registry(config: Config) -> AsyncIterator[Registry]:
    """Yield the registry of an installation, which is made when it is new.

    Raises:
        Unavailable: the database is away.
    """
    await prepare_data(config)
    engine = open_engine(config.database_url, config.relational)
    try:
        yield Registry(engine, Clock().now_us)
    finally:
        await engine.dispose()


def with_registry(
    data: Path | None,
    config_file: Path | None,
    work: Callable[[Registry], Awaitable[Result]],
    *,
    writes: Did | None = None,
) -> Result:
    """Run `work` on the registry.

    Args:
        data: the data directory.
        config_file: the TOML file.
        work: what is done.
        writes: what it changes: that is written into the audit log, and a running node is told.
    """
    config = load_config(file=config_file, data=data)

    async def run() -> Result:
        async with open_registry(config) as registry:
            result = await work(registry)
            if writes:
                await registry.note([audit_row(writes, Clock().now_us())])
        if writes:
            await tell_node(config)
        return result

    return asyncio.run(run())


async def tell_node(config: Config) -> bool:
    """Let a running node's ledger look at the store now; return whether it has."""
    path = config.paths.socket("ledger")
    if not path.exists():
        return False
    async with LinkClient(path, {}) as ledger:
        try:
            await ledger.connected(CONNECT_S)
            await ledger.ask("sync", {}, SYNC_S)
        except LinkError:
            return False
    return True


def note(data: Path | None, config_file: Path | None, did: Did) -> None:
    """Write into the audit log what was done to files; it is done, whatever becomes of the row."""

    async def nothing(_registry: Registry) -> None:
        return

    try:
        with_registry(data, config_file, nothing, writes=did)
    except Unavailable as error:
        warn(f"csms {did.action} is not in the audit log: {error}")
