"""What may be wrong with an installation, in plain words; `doctor_connection` looks at connections.

Each check looks at one thing and returns findings; nothing is changed.
"""

import asyncio
import os
import resource
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import text

from csms.config import Config
from domain.errors import CsmsError
from storage.journal_reader import JournalReader
from storage.relational.engine import open_engine, reading
from storage.relational.migrations import newest
from supervisor.clock import Clock
from supervisor.status import read_status

DISK_FREE_MIN = 1 << 30
STATUS_AGE_US_MAX = 10_000_000
OPEN_FILES_SPARE = 512


class Finding(NamedTuple):
    """One thing that was looked at. `advice` says what to do; empty when all is well."""

    what: str
    good: bool
    found: str
    advice: str = ""


def fine(what: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(what, good=True, found=found)


def wrong(what: str, found: str, advice: str = "") -> Finding:
    """Return that something is not well, and what to do."""
    return Finding(what, good=False, found=found, advice=advice)


def check_data(config: Config) -> Iterator[Finding]:
    """Look at the data directory and the secret."""
    root = config.paths.root
    if not root.is_dir():
        advice = f"it is made at the first start: csms serve --data {root}"
        yield wrong("data", f"{root} does not exist", advice)
        return
    writable = os.access(root, os.W_OK | os.X_OK)
    yield Finding(
        "data",
        writable,
        f"{root} can{'' if writable else 'not'} be written",
        "" if writable else "run as its owner, or chown it",
    )
    free = shutil.disk_usage(root).free
    enough = free >= DISK_FREE_MIN
    yield Finding(
        "disk",
        enough,
        f"{free / (1 << 30):.1f} GiB free",
        "" if enough else "a full disk stops the gateways: nothing is acknowledged unwritten",
    )
    secret = config.paths.secret
    if secret.exists():
        mode = stat.S_IMODE(secret.stat().st_mode)
        private = not mode & 0o077
        yield Finding("secret", private, f"mode {mode:o}", "" if private else f"chmod 600 {secret}")


def check_database(config: Config) -> Iterator[Finding]:
    """Look whether the database answers and has this version's tables."""
    if not config.relational.url and not config.paths.database.exists():
        yield wrong("database", "there is none yet", "csms db upgrade")
        return
    try:
        found = asyncio.run(_revision(config))
    except CsmsError as error:
        yield wrong("database", str(error), "start it, or look at relational.url")
        return
    wanted = newest()
    yield Finding(
        "database",
        found == wanted,
        f"revision {found or 'none'}, this program wants {wanted}",
        "" if found == wanted else "csms db upgrade",
    )


async def _revision(config: Config) -> str:
    engine = open_engine(config.database_url, config.relational)
    try:
        async with reading(engine) as connection:
            row = await connection.execute(text("SELECT version_num FROM alembic_version"))
            return str(row.scalar() or "")
    finally:
        await engine.dispose()


def check_journals(config: Config) -> Iterator[Finding]:
    """Look whether every journal can be read."""
    for path in sorted(config.paths.journal.glob("*.db")):
        try:
            reader = JournalReader(path)
            try:
                last = reader.last_lsn()
            finally:
                reader.close()
        except (CsmsError, OSError) as error:
            yield wrong(
                f"journal {path.stem}",
                str(error),
                "keep the file: it has what is not yet in the stores; look at the disk",
            )
        else:
            yield fine(f"journal {path.stem}", f"{last} records so far")


def check_node(config: Config) -> Iterator[Finding]:
    """Look whether a node runs, and whether its ports are free if not."""
    status = read_status(config.paths.run)
    now_us = Clock().now_us()
    running = status is not None and now_us - status.at_us < STATUS_AGE_US_MAX
    if status is not None and running:
        for child in status.children:
            good = child.state.value == "running"
            restarts = f", {child.restarts} restarts" if child.restarts else ""
            advice = "" if good else f"look at {config.paths.log / f'{child.name}.log'}"
            yield Finding(f"process {child.name}", good, f"{child.state.value}{restarts}", advice)
        return
    yield fine("node", "does not run")
    for name, host, port in (
        ("listen", config.listen.host, config.listen.port),
        ("api", config.api.host, config.api.port),
    ):
        taken = _why_taken(host, port)
        yield Finding(
            f"port {port}",
            not taken,
            taken or f"free on {host}",
            f"stop what is there, or set {name}.port" if taken else "",
        )


def _why_taken(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"{host}: {error.strerror}"
    return ""


def check_limits(config: Config) -> Iterator[Finding]:
    """Look whether a gateway may open as many sockets as it wants to serve; fewer is no fault."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = config.gateway.connections_max + OPEN_FILES_SPARE
    enough = hard == resource.RLIM_INFINITY or hard >= wanted
    yield Finding(
        "open files",
        hard == resource.RLIM_INFINITY or hard > OPEN_FILES_SPARE,
        f"at most {hard} in a process; gateway.connections_max wants {wanted}",
        "" if enough else "raise it (LimitNOFILE=, ulimit -Hn), or lower gateway.connections_max",
    )


CHECKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (
    check_data,
    check_database,
    check_journals,
    check_node,
    check_limits,
)
