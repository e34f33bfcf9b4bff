"""One node to a database: whose it is.

A node projects its own journals, leases numbers and tells its own gateways; two on one database
would each miss what the other does. SQLite lies in a data directory that a node locks already; on
PostgreSQL a session lock says it, which goes with its connection, so a dead node holds nothing.
"""

import contextlib
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Unavailable
from storage.relational.engine import away_means_unavailable

LOCK: Final = 0x63736D73
"""Of pg_try_advisory_lock: "csms"."""
_HOLDER: Final = text(
    "SELECT coalesce(host(a.client_addr), 'this host'), a.backend_start::text"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.objid = :lock AND l.granted"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class HeldElsewhere(Unavailable):
    """Another node has the database."""


class Owner:
    """Holds a database for as long as its connection lives."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Make the database ours; nothing when it is already.

        Raises:
            HeldElsewhere: another node has it.
            Unavailable: it is away.
        """
        if self._engine.dialect.name == "sqlite" or await self.holds():
            return
        await self.release()
        with away_means_unavailable():
            connection = await self._engine.connect()
            try:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                asked = text("SELECT pg_try_advisory_lock(:lock)")
                if (await connection.execute(asked, {"lock": LOCK})).scalar_one():
                    self._connection = connection
                    return
                found = (await connection.execute(_HOLDER, {"lock": LOCK})).first()
            finally:
                if self._connection is not connection:
                    await connection.close()
        who = f"connected from {found[0]} since {found[1]}" if found else "just now"
        raise HeldElsewhere(f"another node has this database ({who}): one node to a database")

    async def holds(self) -> bool:
        """Return whether the database is still ours."""
        if self._engine.dialect.name == "sqlite":
            return True
        if self._connection is None:
            return False
        try:
            with away_means_unavailable():
                await self._connection.execute(text("SELECT 1"))
        except (Unavailable, SQLAlchemyError):
            return False
        return True

    async def release(self) -> None:
        """Let others have it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is gone anyway
                await connection.invalidate()
                await connection.close()
