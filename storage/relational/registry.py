"""What operators write: tenants, sites, chargers, tokens, API keys.

Every change takes a number of the change feed (`revision`) in its own transaction, so a gateway
that has seen revision n misses nothing up to n. Deleting leaves a marked row behind: the feed must
tell gateways to forget.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, Select, Table, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain import security_upgrade
from domain.errors import InvalidInput, NotFound
from domain.ids import DEFAULT_TENANT
from domain.records import ChargerRecord, TokenRecord
from storage.relational import credentials, revisions
from storage.relational.api_keys import ApiKeys
from storage.relational.audit import AuditRow, append
from storage.relational.engine import chunks, reading, upsert, writing
from storage.relational.record_rows import (
    NO_CREDENTIAL,
    Site,
    charger_record,
    charger_row,
    site_of,
    token_record,
    token_row,
)
from storage.relational.record_rules import (
    PAGE_MAX,
    check,
    check_charger,
    check_site,
    check_token,
)
from storage.relational.sign_ins import SignInLinks, SignIns
from storage.relational.site_models import SiteModels
from storage.relational.tables import chargers, sites, tokens
from storage.relational.tenants import Tenants
from storage.relational.users import Users

__all__ = ["PAGE_MAX", "Registry", "Site"]

Record = TypeVar("Record", bound=msgspec.Struct)


class Registry:
    """Reads and writes the records of an installation."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us
        self.site_models = SiteModels(engine)
        self.api_keys = ApiKeys(engine, now_us)
        self.tenants = Tenants(engine, now_us)
        self.users = Users(engine, now_us)
        self.sign_ins = SignIns(engine, now_us)
        self.links = SignInLinks(engine, now_us)

    async def note(self, rows: Sequence[AuditRow]) -> None:
        """Add rows to the audit log."""
        await append(self._engine, rows)

    # ---- chargers -------------------------------------------------------------------------

    async def create_charger(self, record: ChargerRecord) -> ChargerRecord:
        """Add a charger and return it with its revision. A deleted one is made anew."""
        check_charger(record)
        async with writing(self._engine) as connection:
            await self._check_site(connection, record.site, record.tenant)
            old = await _find(connection, chargers, record.id)
            # What a removed one reported is its tenant's: nobody else may take the name over.
            if old is not None and not (old.deleted and old.tenant == record.tenant):
                raise InvalidInput("id", f"{record.id!r} exists already")
            row = charger_row(record) | {"created_us": self._now_us()}
            return await _store_charger(connection, row)

    async def get_charger(self, charger: str) -> ChargerRecord:
        """Return a charger's record."""
        async with reading(self._engine) as connection:
            return charger_record(await _living(connection, chargers, "charger", charger))

    async def list_chargers(
        self,
        *,
        tenant: str = "",
        site: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[ChargerRecord]:
        """Return a page in the order of ids; `after` is the last id of the page before."""
        query = _page(chargers, after, limit)
        if tenant:
            query = query.where(chargers.c.tenant == tenant)
        if site:
            query = query.where(chargers.c.site == site)
        async with reading(self._engine) as connection:
            return [charger_record(row) for row in await connection.execute(query)]

    async def find_chargers(self, names: Iterable[str]) -> dict[str, ChargerRecord]:
        """Return those of `names` that exist, by casefolded identity, whatever case was asked."""
        found: dict[str, ChargerRecord] = {}
        async with reading(self._engine) as connection:
            for some in chunks({name.casefold() for name in names}):
                query = select(chargers).where(chargers.c.folded.in_(some), ~chargers.c.deleted)
                for row in await connection.execute(query):
                    found[row.folded] = charger_record(row)
        return found

    async def update_charger(self, charger: str, changes: Mapping[str, object]) -> ChargerRecord:
        """Change some fields of a charger; the credential has a method of its own."""
        async with writing(self._engine) as connection:
            row = await _living(connection, chargers, "charger", charger)
            fixed = ("id", "credential", "candidate", "revision", "deleted")
            record = security_upgrade.settled(_changed(charger_record(row), changes, fixed))
            check_charger(record)
            if record.site != row.site:
                await self._check_site(connection, record.site, record.tenant)
            return await _store_charger(connection, charger_row(record))

    async def delete_charger(self, charger: str) -> None:
        """Delete a charger: gateways close its connection. What it reported is kept."""
        async with writing(self._engine) as connection:
            await _living(connection, chargers, "charger", charger)
            await _mark_deleted(connection, chargers, charger, {"folded": None, **NO_CREDENTIAL})

    async def set_password(self, charger: str, password: str | None = None) -> str:
        """Set a charger's password and return it; None makes one of 160 random bits.

        Only a hash is kept: this is the one time to show it.
        """
        if password is None:
            password = credentials.generate_key()
            credential = credentials.keep_generated(password)
        else:
            credential = await asyncio.to_thread(credentials.keep_chosen, password)
        async with writing(self._engine) as connection:
            row = await _living(connection, chargers, "charger", charger)
            record = msgspec.structs.replace(
                charger_record(row), credential=credential, candidate=None, candidate_until_us=0
            )
            await _store_charger(connection, charger_row(record))
        return password

    async def raise_security(
        self, charger: str, change: Callable[[ChargerRecord], ChargerRecord]
    ) -> ChargerRecord:
        """Apply a step of `domain.security_upgrade` to a charger's record, and return it."""
        async with writing(self._engine) as connection:
            row = await _living(connection, chargers, "charger", charger)
            before = charger_record(row)
            after = change(before)
            if after == before:
                return before
            check_charger(after)
            return await _store_charger(connection, charger_row(after))

    async def offer_key(self, charger: str, until_us: int) -> tuple[str, ChargerRecord]:
        """Make a new password that is valid beside the old one; return it and the record.

        It replaces the old one when the charger says that it has it, or uses it; the one time to
        show it is now. After `until_us` only the old one is valid.
        """
        key = credentials.generate_key()
        candidate = credentials.keep_generated(key)
        record = await self.raise_security(
            charger, lambda before: security_upgrade.offer_key(before, candidate, until_us)
        )
        return key, record

    async def import_chargers(self, records: Sequence[ChargerRecord]) -> int:
        """Add or replace many chargers in one transaction; return how many.

        A record without a credential keeps the one that the charger has.
        """
        for record in records:
            check_charger(record)
        folded = {record.id.casefold() for record in records}
        if len(folded) != len(records):
            raise InvalidInput("id", "two records differ by case only, or not at all")
        if not records:
            return 0
        now_us = self._now_us()
        async with writing(self._engine) as connection:
            for site, tenant in {(record.site, record.tenant) for record in records}:
                await self._check_site(connection, site, tenant)
            await _check_owners(connection, records)
            with _unique_chargers():
                numbers = await revisions.take(connection, revisions.REVISION, len(records))
                rows = [
                    charger_row(record) | {"created_us": now_us, "revision": number}
                    for record, number in zip(records, numbers, strict=True)
                ]
                kept = set(NO_CREDENTIAL)
                for with_credential in (True, False):
                    some = [row for row in rows if bool(row["credential_kind"]) is with_credential]
                    columns = set(rows[0]) - {"id", "created_us"}
                    if some:
                        wanted = columns if with_credential else columns - kept
                        await connection.execute(upsert(connection, chargers, wanted), some)
        return len(records)

    # ---- tokens ---------------------------------------------------------------------------

    async def upsert_token(self, record: TokenRecord) -> TokenRecord:
        """Add or replace a token and return it with its revision."""
        await self.import_tokens([record])
        return await self.get_token(record.id)

    async def import_tokens(self, records: Sequence[TokenRecord]) -> int:
        """Add or replace many tokens in one transaction; return how many."""
        for record in records:
            check_token(record)
        if not records:
            return 0
        rows = {record.id.casefold(): token_row(record) for record in records}
        async with writing(self._engine) as connection:
            numbers = await revisions.take(connection, revisions.REVISION, len(rows))
            values = [row | {"revision": n} for row, n in zip(rows.values(), numbers, strict=True)]
            columns = [name for name in values[0] if name != "id"]
            await connection.execute(upsert(connection, tokens, columns), values)
        return len(rows)

    async def get_token(self, token: str) -> TokenRecord:
        """Return a token, whatever its case."""
        async with reading(self._engine) as connection:
            return token_record(await _living(connection, tokens, "token", token.casefold(), token))

    async def list_tokens(
        self, *, tenant: str = "", after: str = "", limit: int = 100
    ) -> list[TokenRecord]:
        """Return a page in the order of casefolded ids."""
        query = _page(tokens, after.casefold(), limit)
        if tenant:
            query = query.where(tokens.c.tenant == tenant)
        async with reading(self._engine) as connection:
            return [token_record(row) for row in await connection.execute(query)]

    async def delete_token(self, token: str) -> None:
        """Delete a token: gateways take it for unknown."""
        async with writing(self._engine) as connection:
            await _living(connection, tokens, "token", token.casefold(), token)
            await _mark_deleted(connection, tokens, token.casefold(), {})

    # ---- sites ------------------------------------------------------------------------------

    async def create_site(self, site: Site) -> Site:
        """Add a site."""
        check_site(site)
        async with writing(self._engine) as connection:
            old = await _find(connection, sites, site.id)
            if old is not None and not (old.deleted and old.tenant == site.tenant):
                raise InvalidInput("id", f"{site.id!r} exists already")
            return await _store_site(connection, site, created_us=self._now_us())

    async def get_site(self, site: str) -> Site:
        """Return a site."""
        async with reading(self._engine) as connection:
            return site_of(await _living(connection, sites, "site", site))

    async def list_sites(
        self,
        *,
        tenant: str = "",
        only: Collection[str] = (),
        after: str = "",
        limit: int = 100,
    ) -> list[Site]:
        """Return a page in the order of ids; of `only` these, when there are some."""
        query = _page(sites, after, limit)
        if tenant:
            query = query.where(sites.c.tenant == tenant)
        if only:
            query = query.where(sites.c.id.in_(only))
        async with reading(self._engine) as connection:
            return [site_of(row) for row in await connection.execute(query)]

    async def update_site(self, site: str, changes: Mapping[str, object]) -> Site:
        """Change some fields of a site."""
        async with writing(self._engine) as connection:
            old = site_of(await _living(connection, sites, "site", site))
            new = _changed(old, changes, ("id", "revision", "created_us"))
            check_site(new)
            return await _store_site(connection, new, created_us=old.created_us)

    async def delete_site(self, site: str) -> None:
        """Delete a site that has no chargers."""
        async with writing(self._engine) as connection:
            await _living(connection, sites, "site", site)
            query = select(func.count()).where(chargers.c.site == site, ~chargers.c.deleted)
            count = (await connection.execute(query)).scalar_one()
            if count:
                raise InvalidInput("site", f"has {count} chargers: move or delete them first")
            await _mark_deleted(connection, sites, site, {})

    @staticmethod
    async def _check_site(connection: AsyncConnection, site: str, tenant: str) -> None:
        """A tenant's chargers are at its own sites; those of the installation may be anywhere."""
        if site:
            row = await _find(connection, sites, site)
            there = row is not None and not row.deleted and tenant in {row.tenant, DEFAULT_TENANT}
            check(there, "site", f"{site!r} does not exist")


# ---- rules ----------------------------------------------------------------------------------


def _changed(record: Record, changes: Mapping[str, object], fixed: Iterable[str]) -> Record:
    """Return `record` with `changes`, each converted to and checked against its field's type."""
    types = {field.name: field.type for field in msgspec.structs.fields(record)}
    values = {}
    for name, value in changes.items():
        if name not in types or name in fixed:
            raise InvalidInput(name, "is no field that can be changed")
        try:
            values[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            raise InvalidInput(name, str(error)) from error
    return msgspec.structs.replace(record, **values)


# ---- statements -----------------------------------------------------------------------------


def _page(table: Table, after: str, limit: int) -> Select[Any]:
    check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
    query = select(table).where(~table.c.deleted).order_by(table.c.id).limit(limit)
    return query.where(table.c.id > after) if after else query


async def _find(connection: AsyncConnection, table: Table, key: str) -> Row[Any] | None:
    return (await connection.execute(select(table).where(table.c.id == key))).one_or_none()


async def _living(
    connection: AsyncConnection, table: Table, kind: str, key: str, shown: str = ""
) -> Row[Any]:
    row = await _find(connection, table, key)
    if row is None or row.deleted:
        raise NotFound(kind, shown or key)
    return row


async def _mark_deleted(
    connection: AsyncConnection, table: Table, key: str, values: Mapping[str, object]
) -> None:
    (number,) = await revisions.take(connection, revisions.REVISION, 1)
    await connection.execute(
        update(table).where(table.c.id == key).values(deleted=True, revision=number, **values)
    )


@contextmanager
def _unique_chargers() -> Iterator[None]:
    """Name the rule that the unique index on `folded` stands for."""
    try:
        yield
    except IntegrityError as error:
        raise InvalidInput("id", "another charger's id differs by case only") from error


async def _check_owners(connection: AsyncConnection, records: Iterable[ChargerRecord]) -> None:
    """Raise InvalidInput when another tenant has, or had, one of these chargers."""
    owners = {record.id: record.tenant for record in records}
    for some in chunks(owners):
        query = select(chargers.c.id, chargers.c.tenant).where(chargers.c.id.in_(some))
        for name, tenant in await connection.execute(query):
            check(owners[name] == tenant, "id", f"{name!r} exists already")


async def _store_charger(connection: AsyncConnection, row: dict[str, Any]) -> ChargerRecord:
    (row["revision"],) = await revisions.take(connection, revisions.REVISION, 1)
    with _unique_chargers():
        columns = [name for name in row if name != "id"]
        await connection.execute(upsert(connection, chargers, columns), [row])
    stored = await _find(connection, chargers, row["id"])
    assert stored is not None
    return charger_record(stored)


async def _store_site(connection: AsyncConnection, site: Site, *, created_us: int) -> Site:
    (number,) = await revisions.take(connection, revisions.REVISION, 1)
    site = msgspec.structs.replace(site, revision=number, created_us=created_us)
    row = msgspec.structs.asdict(site) | {"deleted": False}
    columns = [name for name in row if name != "id"]
    await connection.execute(upsert(connection, sites, columns), [row])
    return site
