"""Opening the relational store, and short transactions on it."""

import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any, Final, Self

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
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
from storage.relational.settings import RelationalSettings

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
BEGIN_READING: Final = "BEGIN"
LOCK_LOOK_S: Final = 0.001
"""Between two looks whether the write lock is free; SQLite's own looks are up to 0.1 s apart."""
LOCK_LOOKS_MAX: Final = 50
"""So quickly after one another; then ten times slower."""

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
            connect_args={"timeout": settings.busy_s, "factory": _Connection},
            pool_size=settings.connections_max,
            max_overflow=0,
            pool_timeout=settings.checkout_s,
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
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


class _Cursor(sqlite3.Cursor):
    """Waits for the write lock by short looks: it is asked for in the driver's own thread."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:  # noqa: ANN401 the driver's
        """Execute one statement."""
        if sql != BEGIN_WRITING:
            return super().execute(sql, parameters)
        busy_ms = super().execute("PRAGMA busy_timeout").fetchone()[0]
        end_s = time.monotonic() + busy_ms / 1000
        super().execute("PRAGMA busy_timeout=0")
        try:
            looks = 0
            while True:
                try:
                    return super().execute(sql)
                except sqlite3.OperationalError as error:
                    is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                    if not is_busy or time.monotonic() >= end_s:
                        raise
                looks += 1
                time.sleep(LOCK_LOOK_S if looks <= LOCK_LOOKS_MAX else LOCK_LOOK_S * 10)
        finally:
            super().execute(f"PRAGMA busy_timeout={busy_ms}")


class _Connection(sqlite3.Connection):
    """Ends its transaction when it is closed.

    When a task is cancelled in the middle of a statement, the driver closes the connection with
    that statement still open. SQLite then keeps both, and the write lock, until the statement is
    collected: nobody else could write for that long.
    """

    def cursor(self, factory: Any = None) -> Any:  # noqa: ANN401 the driver's
        """Return a cursor of ours; the driver asks for no other."""
        return super().cursor(factory or _Cursor)

    def close(self) -> None:
        """Roll back, then close."""
        with contextlib.suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 the driver's
    connection.isolation_level = None  # BEGIN is ours: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # Journals are pruned once their rows are here: these must survive a power cut too.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer fails without waiting."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql(BEGIN_WRITING if writes else BEGIN_READING)


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
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a write transaction; commits at the end, rolls back on an exception.

    Raises:
        Unavailable: the database is away, or another writer held it too long.
    """
    with away_means_unavailable():
        async with engine.execution_options(writes=True).begin() as connection:
            yield connection


def insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT of this connection's dialect: both know ON CONFLICT."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


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
