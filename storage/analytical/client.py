"""One client API, two engines: chDB in this process, or a ClickHouse server.

A client belongs to one thread. The embedded engine's folder belongs to one process: a second opener
fails at once. Never fork after the first `open_client` on a `chdb:` DSN; start processes by exec.
"""

from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from domain.errors import ConfigError, Unavailable
from storage.analytical.settings import WarehouseSettings

SERVER_SCHEMES = {"clickhouse": "http", "clickhouses": "https", "http": "http", "https": "https"}

INSERT_SETTINGS = {
    "async_insert": 0,
    # Without it a view's target would be fed again when a block is sent again.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "insert_deduplicate": 1,
    # Without it a sharded table would acknowledge before its shards have the rows.
    "distributed_foreground_insert": 1,
}
"""Set for every insert of ours; the token is added by the sink."""


def dsn_of(settings: WarehouseSettings, folder: Path) -> str:
    """Return the DSN that is meant: the one that is set, else the embedded engine in `folder`."""
    return settings.dsn or f"chdb://{folder.absolute()}"


def is_embedded(dsn: str) -> bool:
    """Whether `dsn` names the embedded engine."""
    return dsn.startswith("chdb:")


def open_client(
    dsn: str,
    settings: WarehouseSettings,
    *,
    database: str = "",
    options: dict[str, object] | None = None,
) -> Client:
    """Return a client for the calling thread.

    Args:
        dsn: see `WarehouseSettings.dsn`; not empty.
        settings: limits of waiting.
        database: the default database; it must exist. Empty: the engine's own.
        options: engine settings that hold for every statement of this client, applied in order
            (`readonly` last).

    Raises:
        ConfigError: the DSN is not understood.
        Unavailable: the engine cannot be reached, or another process owns the folder.
    """
    scheme = urlsplit(dsn).scheme
    try:
        if scheme == "chdb":
            return clickhouse_connect.get_client(
                dsn=dsn, database=database or None, settings=options or {}
            )
        if scheme not in SERVER_SCHEMES:
            raise ConfigError([f"warehouse.dsn: {scheme!r} is not one of chdb, clickhouse, https"])
        return clickhouse_connect.get_client(
            dsn=dsn,
            interface=SERVER_SCHEMES[scheme],
            database=database or None,
            settings=options or {},
            # A session would let only one statement run at a time, and is of no use to us.
            autogenerate_session_id=False,
            connect_timeout=settings.connect_timeout_s,
            send_receive_timeout=settings.insert_timeout_s,
        )
    except (ClickHouseError, OSError) as error:
        if scheme == "chdb":
            raise Unavailable(
                f"the embedded analytical store cannot be opened; does another process use it? "
                f"({plain_text(error)})"
            ) from error
        raise Unavailable(f"the analytical store is away: {plain_text(error)}") from error


def plain_text(error: BaseException) -> str:
    """Return the first line of an engine's error, cut to a length that a log takes."""
    return str(error).strip().split("\n", 1)[0][:500]
