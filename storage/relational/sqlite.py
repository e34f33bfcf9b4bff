"""SQLite behind the relational store: its pragmas, its one write lock, and which thread works.

The driver executes each step of a statement (a cursor, the statement, its rows, the end) in a
thread of its own, and each way there and back takes two switches of threads. For short statements
that is several times what they take themselves; and a writer holds the lock meanwhile, for which
all other processes wait. A transaction that says so (`at_once`) has its statements executed in the
loop's thread. What may wait (the lock, the commit's forced write) stays in the driver's.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
BEGIN_READING: Final = "BEGIN"
LOCK_LOOK_S: Final = 0.001
"""Between two looks whether the write lock is free; SQLite's own looks are up to 0.1 s apart."""
LOCK_LOOKS_MAX: Final = 50
"""So quickly after one another; then ten times slower."""
AT_ONCE: Final = frozenset({"cursor", "execute", "executemany", "fetchall", "close"})
"""Steps that do not wait for anything."""
ENDS: Final = frozenset({"commit", "rollback"})
ROWS_AT_ONCE: Final = 64
"""Fetched in one way to the thread by who reads row by row."""


def options(busy_s: float) -> Mapping[str, Any]:
    """Return what connections are made with.

    Args:
        busy_s: how long a writer waits for the lock.
    """
    return {
        "timeout": busy_s,
        "factory": _Connection,
        "check_same_thread": False,  # never two at a time: see _Driver
        "async_creator_fn": _Driver.made,
    }


def prepare(engine: AsyncEngine) -> None:
    """Say how each connection of an engine begins, and each transaction."""
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)


class _Driver(aiosqlite.Connection):
    """The driver's connection, with its thread. Awaited by SQLAlchemy, step after step."""

    at_once = False
    """Of the transaction that is open."""

    @classmethod
    def made(cls, database: str, **options: object) -> Self:
        """Return a connection that is still to be awaited."""
        made = cls(partial(sqlite3.connect, database, **options), ROWS_AT_ONCE)
        made._thread.daemon = True  # as SQLAlchemy does with the driver's own
        return made

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 the driver's
        if self.at_once and fn.__name__ in AT_ONCE and args[:1] != (BEGIN_WRITING,):
            await asyncio.sleep(0)  # others of the loop have their turn between two steps
            return fn(*args, **kwargs)
        if fn.__name__ in ENDS:
            self.at_once = False  # the connection's own `close` may write: in its thread
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]


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


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 the driver's
    connection.isolation_level = None  # BEGIN is ours: see _begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # Journals are pruned once their rows are here: these must survive a power cut too.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer fails without waiting."""
    wanted = connection.get_execution_options()
    driver = connection.connection.driver_connection
    assert isinstance(driver, _Driver)
    driver.at_once = bool(wanted.get("at_once", False))
    connection.exec_driver_sql(BEGIN_WRITING if wanted.get("writes", False) else BEGIN_READING)
