"""Opening the relational store, and short transactions on it."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert as InsertPostgresql
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import Insert as InsertSqlite
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.dml import Insert

from domain.errors import ConfigError, Unavailable
from storage.relational import sqlite
from storage.relational.settings import RelationalSettings

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

IN_MAX: Final = 500
"""Values in one IN (...): far below the limits of both engines (32,766 and 32,767 parameters)."""
UPSERTS_MAX: Final = 256
"""Statements of `upsert` that are kept; beyond it the one unused for longest is made anew."""


def store_url(text: str) -> URL:
    """Return the URL with the driver that this project uses.

    Raises:
        ConfigError: no URL, or another database.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        # Not `from error`: its text has the password.
        raise ConfigError(["relational.url: must be a database URL"]) from None
    if url.drivername not in _DRIVERS:
        raise ConfigError(
            [f"relational.url: must begin with sqlite: or postgresql: (got {url.drivername!r})"]
        )
    return url.set(drivername=_DRIVERS[url.drivername])


def open_engine(url: str, settings: RelationalSettings | None = None) -> AsyncEngine:
    """Return an engine for `url`. Nothing is connected before the first use.

    Raises:
        ConfigError: no URL, or another database.
    """
    settings = settings or RelationalSettings()
    target = store_url(url)
    if target.get_backend_name() == "sqlite":
        engine = create_async_engine(
            target,
            connect_args=dict(sqlite.options(settings.busy_s)),
            pool_size=settings.connections_max,
            max_overflow=0,
            pool_timeout=settings.checkout_s,
        )
        sqlite.prepare(engine)
        return engine
    return create_async_engine(
        target,
        connect_args={
            "timeout": settings.connect_s,
            "command_timeout": settings.statement_s,
            "server_settings": {"application_name": "csms", "timezone": "UTC"},
        },
        pool_pre_ping=True,
        pool_size=settings.connections_max,
        max_overflow=0,
        pool_timeout=settings.checkout_s,
    )


@contextmanager
def away_means_unavailable() -> Iterator[None]:
    """Turn what a database that is away, full, locked or restarting raises into Unavailable."""
    try:
        yield
    except DBAPIError as error:
        if is_refused_data(error) or not _is_away(error):
            raise
        raise Unavailable(f"the relational store is away: {_first_line(error)}") from error
    except (PoolTimeout, OSError, TimeoutError) as error:
        raise Unavailable(f"the relational store is away: {_first_line(error)}") from error


def is_refused_data(error: BaseException) -> bool:
    """Tell whether the database is well and will never take these values."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, (ValueError, OverflowError))
    if isinstance(error, (DataError, IntegrityError)) or _sqlstate(error)[:2] in {"22", "23"}:
        return True
    # asyncpg refuses values that it cannot encode with an InterfaceError that is a ValueError.
    cause = getattr(error.orig, "__cause__", None)
    return isinstance(cause, (ValueError, OverflowError))


def _is_away(error: DBAPIError) -> bool:
    """Tell whether `error` speaks of the server and not of our statement.

    SQLSTATE classes 08 connection, 25 transaction state, 28 login, 3D no such database, 40
    rollback, 53 resources, 55 not in the needed state, 57 operator intervention, 58 system error
    (PostgreSQL documentation, appendix A).
    """
    return (
        isinstance(error, (OperationalError, InterfaceError, InternalError))
        or error.connection_invalidated
        or _sqlstate(error)[:2] in {"08", "25", "28", "3D", "40", "53", "55", "57", "58"}
    )


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error) or type(error).__name__
    return text.splitlines()[0][:300]


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a read transaction.

    Raises:
        Unavailable: the database is away.
    """
    with away_means_unavailable():
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine, *, at_once: bool = False) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a write transaction; commits at the end, rolls back on an exception.

    Args:
        engine: of the store.
        at_once: all its statements are short; with SQLite they are executed in the loop's thread.

    Raises:
        Unavailable: the database is away, or another writer held it too long.
    """
    with away_means_unavailable():
        async with engine.execution_options(writes=True, at_once=at_once).begin() as connection:
            yield connection


def insert(connection: AsyncConnection, table: Table) -> InsertSqlite | InsertPostgresql:
    """Return an INSERT of this connection's dialect: both know ON CONFLICT."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> InsertSqlite | InsertPostgresql:
    return insert_sqlite(table) if dialect == "sqlite" else insert_postgresql(table)


def upsert(
    connection: AsyncConnection,
    table: Table,
    columns: Iterable[str],
    *,
    newer: str = "",
) -> Insert:
    """Return an INSERT ... ON CONFLICT (primary key) DO UPDATE of `columns`.

    Args:
        connection: tells the dialect.
        table: has a primary key.
        columns: what is overwritten when the row is there.
        newer: a column: rows whose stored value is greater than the new one are left alone.
    """
    return _upsert(connection.dialect.name, table, tuple(columns), newer)


@lru_cache(maxsize=UPSERTS_MAX)
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], newer: str) -> Insert:
    # Built once: to build one costs more than to run it, and its writer holds a lock meanwhile.
    statement = _insert(dialect, table)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: new[name] for name in columns},
        where=table.c[newer] <= new[newer] if newer else None,
    )


def chunks(values: Iterable[Any], size: int = IN_MAX) -> Iterator[list[Any]]:
    """Yield `values` in lists of at most `size`."""
    items = list(values)
    for at in range(0, len(items), size):
        yield items[at : at + size]
