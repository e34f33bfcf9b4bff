"""Signing requests that wait, and the certificates that chargers were given."""

from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import reading, upsert, writing
from storage.relational.tables import certificate_requests, charger_certificates, chargers


class Request(msgspec.Struct, frozen=True):
    """A signing request that was answered Accepted and is not dealt with yet."""

    id: str
    charger: str
    csr: str
    kind: str
    request: int
    serial_number: str
    """Of the charger's record."""
    received_us: int


class Certificate(msgspec.Struct, frozen=True):
    """What became of a request. Times are microseconds since 1970 UTC."""

    id: str
    charger: str
    status: str
    """signed, delivered, not_delivered or refused."""
    detail: str = ""
    serial: str = ""
    """Hexadecimal."""
    not_before_us: int = 0
    not_after_us: int = 0
    renewal_us: int = 0
    """When the charger is asked to renew; 0: never."""
    created_us: int = 0
    kind: str = ""
    """V2GCertificate: shown to cars; empty: the charger's own."""


async def waiting(engine: AsyncEngine, since_us: int, limit: int) -> list[Request]:
    """Return requests received after `since_us`, the oldest first.

    An older one is given up: its charger has asked again.

    Raises:
        Unavailable: the database is away.
    """
    requests, made = certificate_requests.c, charger_certificates.c
    query = (
        select(
            requests.id,
            requests.charger,
            requests.csr,
            requests.kind,
            requests.request,
            chargers.c.serial_number,
            requests.received_us,
        )
        .join(chargers, chargers.c.id == requests.charger)
        .outerjoin(charger_certificates, made.id == requests.id)
        .where(
            requests.status == "Accepted",
            requests.received_us > since_us,
            made.id.is_(None),
            ~chargers.c.deleted,
        )
        .order_by(requests.received_us)
        .limit(limit)
    )
    async with reading(engine) as connection:
        return [Request(**row._mapping) for row in await connection.execute(query)]  # noqa: SLF001


async def keep(engine: AsyncEngine, certificate: Certificate) -> None:
    """Add or replace what became of a request; of a kind only the newest is watched."""
    row = msgspec.structs.asdict(certificate)
    made = charger_certificates.c
    async with writing(engine) as connection:
        await connection.execute(upsert(connection, charger_certificates, set(row) - {"id"}), [row])
        if certificate.status == "delivered":
            await connection.execute(
                update(charger_certificates)
                .where(
                    made.charger == certificate.charger,
                    made.kind == certificate.kind,
                    made.id != certificate.id,
                )
                .values(renewal_us=0)
            )


async def due(engine: AsyncEngine, now_us: int, limit: int) -> list[Certificate]:
    """Return delivered certificates whose renewal is due, the most urgent first."""
    made = charger_certificates.c
    query = (
        select(charger_certificates)
        .where(made.renewal_us > 0, made.renewal_us <= now_us, made.status == "delivered")
        .order_by(made.not_after_us)
        .limit(limit)
    )
    async with reading(engine) as connection:
        return [_certificate(dict(row._mapping)) for row in await connection.execute(query)]  # noqa: SLF001


async def postpone(engine: AsyncEngine, certificate: str, until_us: int) -> None:
    """Ask for the renewal of a certificate at another time."""
    async with writing(engine) as connection:
        await connection.execute(
            update(charger_certificates)
            .where(charger_certificates.c.id == certificate)
            .values(renewal_us=until_us)
        )


async def of_charger(engine: AsyncEngine, charger: str) -> list[Certificate]:
    """Return what became of a charger's requests, the newest first."""
    made = charger_certificates.c
    query = select(charger_certificates).where(made.charger == charger)
    async with reading(engine) as connection:
        found = await connection.execute(query.order_by(made.created_us.desc()))
        return [_certificate(dict(row._mapping)) for row in found]  # noqa: SLF001


def _certificate(row: dict[Any, Any]) -> Certificate:
    return Certificate(**{str(name): value for name, value in row.items()})
