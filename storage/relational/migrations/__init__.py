"""Migrations of the relational store, run by the program itself.

Add one: a file `versions/NNNN_what.py` with `revision`, `down_revision`, `upgrade()`,
`downgrade()`. A test compares the migrated store with `storage.relational.tables`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from storage.relational.engine import away_means_unavailable, open_engine

_LOCK = 4_711_016
"""Key of PostgreSQL's advisory lock: two processes that start together migrate one by one."""


async def upgrade(url: str, revision: str = "head") -> str:
    """Bring the store at `url` to `revision` and return the revision that it has then.

    The whole upgrade is one transaction: it happens or it does not. Safe to call from several
    processes at once.

    Raises:
        Unavailable: the database is away.
        ConfigError: the URL is no URL of ours.
    """
    engine = open_engine(url)
    try:
        with away_means_unavailable():
            async with engine.execution_options(writes=True).begin() as connection:
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                return await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the revision that this program wants."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None
    return head


def _upgrade(connection: Connection, revision: str) -> str:
    command.upgrade(configuration(connection), revision)
    return MigrationContext.configure(connection).get_current_revision() or ""
