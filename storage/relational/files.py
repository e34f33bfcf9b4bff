"""Records of files, and the secrets by which chargers get and put them.

Of a secret only its SHA-256 is kept. Raises everywhere: NotFound, Unavailable.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import NotFound
from storage.relational.engine import insert, reading, writing
from storage.relational.tables import file_links, files

FIRMWARE: Final = "firmware"
UPLOAD: Final = "upload"
GET: Final = "get"
PUT: Final = "put"


class FileRecord(msgspec.Struct, frozen=True):
    """A file for chargers (`firmware`) or from one (`upload`)."""

    id: str
    tenant: str
    kind: str
    name: str
    content: str = ""
    """Name in the file store; empty: nothing has come yet."""
    charger: str = ""
    purpose: str = ""
    sha256: str = ""
    created_by: str = ""
    size: int = 0
    """Bytes."""
    request: int = 0
    created_us: int = 0
    received_us: int = 0
    """0: nothing has come yet."""


class Link(msgspec.Struct, frozen=True):
    """One address of a file for one charger."""

    digest: str
    file: str
    charger: str
    way: str
    expires_us: int


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: hexadecimal SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def add(engine: AsyncEngine, record: FileRecord, link: Link | None = None) -> None:
    """Keep a new file, and an address of it."""
    async with writing(engine) as connection:
        await connection.execute(insert(connection, files), [msgspec.structs.asdict(record)])
        if link is not None:
            await connection.execute(insert(connection, file_links), [msgspec.structs.asdict(link)])


async def add_link(engine: AsyncEngine, link: Link) -> None:
    """Keep one more address of a file."""
    async with writing(engine) as connection:
        await connection.execute(insert(connection, file_links), [msgspec.structs.asdict(link)])


async def remove_link(engine: AsyncEngine, digest: str) -> None:
    """Forget an address that nobody was told."""
    async with writing(engine) as connection:
        await connection.execute(delete(file_links).where(file_links.c.digest == digest))


async def get(engine: AsyncEngine, file: str) -> FileRecord:
    """Return a file's record."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(files).where(files.c.id == file))).one_or_none()
    if row is None:
        raise NotFound("file", file)
    return FileRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def page(
    engine: AsyncEngine,
    *,
    tenant: str | None,
    kind: str = "",
    charger: str = "",
    before_us: int = 0,
    limit: int = 100,
) -> Sequence[FileRecord]:
    """Return files, the newest first.

    Args:
        engine: the relational store.
        tenant: whose; None: of all.
        kind: firmware or upload; empty: both.
        charger: of uploads; empty: of all.
        before_us: only older ones; 0: from the newest on.
        limit: how many at most.
    """
    query = select(files).order_by(files.c.created_us.desc(), files.c.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(files.c.tenant == tenant)
    if kind:
        query = query.where(files.c.kind == kind)
    if charger:
        query = query.where(files.c.charger == charger)
    if before_us:
        query = query.where(files.c.created_us < before_us)
    async with reading(engine) as connection:
        rows = await connection.execute(query)
        return [FileRecord(**row._mapping) for row in rows]  # noqa: SLF001


async def by_secret(engine: AsyncEngine, secret: str, way: str, now_us: int) -> FileRecord:
    """Return the file that an address leads to.

    Raises:
        NotFound: no such address, or its time is over, or it was used up.
    """
    query = (
        select(files)
        .join(file_links, file_links.c.file == files.c.id)
        .where(
            file_links.c.digest == digest_of(secret),
            file_links.c.way == way,
            file_links.c.expires_us > now_us,
        )
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("file", "at this address")
    return FileRecord(**row._mapping)  # noqa: SLF001


async def received(
    engine: AsyncEngine,
    secret: str,
    *,
    content: str,
    name: str,
    size: int,
    sha256: str,
    now_us: int,
) -> bool:
    """Take an upload, and use its address up. False: somebody else was faster."""
    digest = digest_of(secret)
    async with writing(engine) as connection:
        row = (
            await connection.execute(select(file_links.c.file).where(file_links.c.digest == digest))
        ).one_or_none()
        gone = await connection.execute(delete(file_links).where(file_links.c.digest == digest))
        if row is None or gone.rowcount != 1:
            return False
        await connection.execute(
            update(files)
            .where(files.c.id == row.file)
            .values(content=content, name=name, size=size, sha256=sha256, received_us=now_us)
        )
    return True


async def remove(engine: AsyncEngine, file: str) -> None:
    """Forget a file and its addresses."""
    async with writing(engine) as connection:
        await connection.execute(delete(file_links).where(file_links.c.file == file))
        gone = await connection.execute(delete(files).where(files.c.id == file))
    if gone.rowcount != 1:
        raise NotFound("file", file)


async def waiting(engine: AsyncEngine, charger: str, now_us: int) -> int:
    """Return how many uploads of a charger are still awaited."""
    query = (
        select(func.count())
        .select_from(file_links)
        .where(
            file_links.c.charger == charger,
            file_links.c.way == PUT,
            file_links.c.expires_us > now_us,
        )
    )
    async with reading(engine) as connection:
        return int((await connection.execute(query)).scalar_one())


async def forget_expired(engine: AsyncEngine, now_us: int) -> None:
    """Remove addresses whose time is over, and the records of uploads that never came."""
    over = select(file_links.c.file).where(
        file_links.c.expires_us <= now_us, file_links.c.way == PUT
    )
    async with writing(engine) as connection:
        await connection.execute(
            delete(files).where(files.c.received_us == 0, files.c.id.in_(over))
        )
        await connection.execute(delete(file_links).where(file_links.c.expires_us <= now_us))
