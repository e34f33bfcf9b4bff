"""What operators write: tenants, sites, chargers, tokens, API keys.

Every change takes a number of the change feed (`revision`) in its own transaction, so a gateway
that has seen revision n misses nothing up to n. Deleting leaves a marked row behind: the feed must
tell gateways to forget.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import asyncio
import ipaddress
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row, Select, Table, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain import security_upgrade
from domain.errors import InvalidInput, NotFound
from domain.ids import CHARGER_ID_LENGTH_MAX, CHARGER_NAME, DEFAULT_TENANT
from domain.records import ChargerRecord, Credential, TokenRecord
from storage.relational import credentials, revisions
from storage.relational.engine import chunks, reading, upsert, writing
from storage.relational.site_models import SiteModels
from storage.relational.tables import api_keys, chargers, sites, tenants, tokens

ROLES: Final = ("admin", "operator", "viewer")
PAGE_MAX: Final = 1_000
TEXT_LENGTH_MAX: Final = 255
TOKEN_LENGTH_MAX: Final = 36
"""20 in OCPP 1.6 (IdToken), 36 in 2.0.1."""
NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
REGISTRATIONS: Final = ("Accepted", "Pending", "Rejected")
TOKEN_STATUSES: Final = ("Accepted", "Blocked")
REPLY_DELAY_MS_MAX: Final = 10_000
PROFILES: Final = (0, 1, 2, 3)
SERIAL_LENGTH_MAX: Final = 64
INTEGER_MAX: Final = (1 << 31) - 1
INSTANT_MAX: Final = (1 << 63) - 1


class Site(msgspec.Struct, frozen=True):
    """A place with chargers behind one connection to the grid."""

    id: str
    tenant: str = DEFAULT_TENANT
    name: str = ""
    address: str = ""
    time_zone: str = ""
    """IANA name; empty: UTC."""
    power_w_max: int = 0
    """What all its chargers may draw together; 0: no limit."""
    latitude: float | None = None
    """Degrees north, WGS 84; None: not known, as is the longitude then."""
    longitude: float | None = None
    created_us: int = 0
    revision: int = 0


class Tenant(msgspec.Struct, frozen=True):
    """Whose chargers they are."""

    id: str
    name: str = ""
    created_us: int = 0


class ApiKey(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: str
    name: str
    role: str
    """admin, operator or viewer."""
    tenant: str = DEFAULT_TENANT
    created_us: int = 0
    expires_us: int = 0
    """0: never."""
    revoked_us: int = 0
    """0: valid."""


Record = TypeVar("Record", bound=msgspec.Struct)


class Registry:
    """Reads and writes the records of an installation."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us
        self.site_models = SiteModels(engine)

    # ---- chargers -------------------------------------------------------------------------

    async def create_charger(self, record: ChargerRecord) -> ChargerRecord:
        """Add a charger and return it with its revision. A deleted one is made anew."""
        check_charger(record)
        async with writing(self._engine) as connection:
            await self._check_site(connection, record.site)
            old = await _find(connection, chargers, record.id)
            if old is not None and not old.deleted:
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
                await self._check_site(connection, record.site)
            return await _store_charger(connection, charger_row(record))

    async def delete_charger(self, charger: str) -> None:
        """Delete a charger: gateways close its connection. What it reported is kept."""
        async with writing(self._engine) as connection:
            await _living(connection, chargers, "charger", charger)
            await _mark_deleted(connection, chargers, charger, {"folded": None, **_NO_CREDENTIAL})

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
            for site in {record.site for record in records}:
                await self._check_site(connection, site)
            with _unique_chargers():
                numbers = await revisions.take(connection, revisions.REVISION, len(records))
                rows = [
                    charger_row(record) | {"created_us": now_us, "revision": number}
                    for record, number in zip(records, numbers, strict=True)
                ]
                kept = set(_NO_CREDENTIAL)
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

    # ---- sites and tenants ----------------------------------------------------------------

    async def create_site(self, site: Site) -> Site:
        """Add a site."""
        check_site(site)
        async with writing(self._engine) as connection:
            old = await _find(connection, sites, site.id)
            if old is not None and not old.deleted:
                raise InvalidInput("id", f"{site.id!r} exists already")
            return await _store_site(connection, site, created_us=self._now_us())

    async def get_site(self, site: str) -> Site:
        """Return a site."""
        async with reading(self._engine) as connection:
            return _site(await _living(connection, sites, "site", site))

    async def list_sites(
        self, *, tenant: str = "", after: str = "", limit: int = 100
    ) -> list[Site]:
        """Return a page in the order of ids."""
        query = _page(sites, after, limit)
        if tenant:
            query = query.where(sites.c.tenant == tenant)
        async with reading(self._engine) as connection:
            return [_site(row) for row in await connection.execute(query)]

    async def update_site(self, site: str, changes: Mapping[str, object]) -> Site:
        """Change some fields of a site."""
        async with writing(self._engine) as connection:
            old = _site(await _living(connection, sites, "site", site))
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

    async def upsert_tenant(self, tenant: str, name: str = "") -> Tenant:
        """Add or rename a tenant."""
        _check(NAME.fullmatch(tenant), "id", f"must match {NAME.pattern}")
        _check_text("name", name)
        row = {"id": tenant, "name": name, "created_us": self._now_us()}
        async with writing(self._engine) as connection:
            await connection.execute(upsert(connection, tenants, ["name"]), [row])
            found = await _find(connection, tenants, tenant)
            assert found is not None
            return Tenant(found.id, found.name, found.created_us)

    async def list_tenants(self) -> list[Tenant]:
        """Return all tenants in the order of ids."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(tenants).order_by(tenants.c.id))
            return [Tenant(row.id, row.name, row.created_us) for row in rows]

    # ---- API keys -------------------------------------------------------------------------

    async def create_api_key(
        self, name: str, role: str, *, tenant: str = DEFAULT_TENANT, expires_us: int = 0
    ) -> tuple[ApiKey, str]:
        """Return a new API key and its secret. This is the only time that the secret is seen."""
        _check_text("name", name)
        _check(role in ROLES, "role", f"must be one of {', '.join(ROLES)}")
        _check(NAME.fullmatch(tenant), "tenant", f"must match {NAME.pattern}")
        _check(0 <= expires_us <= INSTANT_MAX, "expires_us", "must be 0 or an instant")
        secret = credentials.generate_secret()
        key = ApiKey(secrets.token_hex(6), name, role, tenant, self._now_us(), expires_us)
        row = msgspec.structs.asdict(key) | {"digest": credentials.keep_secret(secret)}
        async with writing(self._engine) as connection:
            await connection.execute(api_keys.insert(), [row])
        return key, secret

    async def verify_api_key(self, secret: str) -> ApiKey | None:
        """Return the key of `secret` when it is valid now."""
        # Looked up by its hash: how long that takes says nothing about any secret.
        query = select(api_keys).where(api_keys.c.digest == credentials.keep_secret(secret))
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or row.revoked_us or 0 < row.expires_us <= self._now_us():
            return None
        return _api_key(row)

    async def list_api_keys(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_us, api_keys.c.id)
        async with reading(self._engine) as connection:
            return [_api_key(row) for row in await connection.execute(query)]

    async def revoke_api_key(self, key: str) -> None:
        """Make a key invalid from now on."""
        async with writing(self._engine) as connection:
            if await _find(connection, api_keys, key) is None:
                raise NotFound("API key", key)
            await connection.execute(
                update(api_keys).where(api_keys.c.id == key).values(revoked_us=self._now_us())
            )

    @staticmethod
    async def _check_site(connection: AsyncConnection, site: str) -> None:
        if site:
            row = await _find(connection, sites, site)
            _check(row is not None and not row.deleted, "site", f"{site!r} does not exist")


# ---- rules ----------------------------------------------------------------------------------


def check_charger(record: ChargerRecord) -> None:
    """Raise InvalidInput when a field of `record` breaks its rule."""
    _check(
        0 < len(record.id) <= CHARGER_ID_LENGTH_MAX,
        "id",
        f"must have 1 to {CHARGER_ID_LENGTH_MAX} characters (OCPP 2.0.1 part 4, section 3.1.1)",
    )
    _check(
        CHARGER_NAME.fullmatch(record.id),
        "id",
        "must have no space, control character or any of / : ? # % \\",
    )
    _check(NAME.fullmatch(record.tenant), "tenant", f"must match {NAME.pattern}")
    _check(record.site == "" or NAME.fullmatch(record.site), "site", f"must match {NAME.pattern}")
    _check(record.security_profile in PROFILES, "security_profile", "must be 0, 1, 2 or 3")
    _check(
        not record.pending_profile
        or record.security_profile < record.pending_profile <= PROFILES[-1],
        "pending_profile",
        "must be higher than security_profile: there is no way down (A00.FR.005)",
    )
    _check(
        len(record.serial_number) <= SERIAL_LENGTH_MAX, "serial_number", "has 64 characters at most"
    )
    for network in record.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InvalidInput("networks", f"{network!r} is no network: {error}") from error
    _check(
        record.networks or record.security_profile != 0,
        "networks",
        "profile 0 needs at least one network",
    )
    _check(
        record.registration in REGISTRATIONS,
        "registration",
        f"must be one of {', '.join(REGISTRATIONS)}",
    )
    _check(0 <= record.heartbeat_s <= INTEGER_MAX, "heartbeat_s", "must be 0 or more seconds")
    _check(
        0 <= record.reply_delay_ms <= REPLY_DELAY_MS_MAX,
        "reply_delay_ms",
        f"must be 0 to {REPLY_DELAY_MS_MAX} milliseconds",
    )
    _check_text("subprotocol", record.subprotocol)
    _check_zone(record.time_zone)


def check_token(record: TokenRecord) -> None:
    """Raise InvalidInput when a field of `record` breaks its rule."""
    _check(
        0 < len(record.id) <= TOKEN_LENGTH_MAX,
        "id",
        f"must have 1 to {TOKEN_LENGTH_MAX} characters",
    )
    _check(record.id.isprintable(), "id", "must have no control characters")
    _check(NAME.fullmatch(record.tenant), "tenant", f"must match {NAME.pattern}")
    _check(record.status in TOKEN_STATUSES, "status", f"must be one of {', '.join(TOKEN_STATUSES)}")
    _check(0 <= record.expires_us <= INSTANT_MAX, "expires_us", "must be 0 or an instant")
    _check(
        len(record.parent) <= TOKEN_LENGTH_MAX,
        "parent",
        f"must have at most {TOKEN_LENGTH_MAX} characters",
    )
    _check(0 <= record.max_active <= INTEGER_MAX, "max_active", "must be 0 or more")


def check_site(site: Site) -> None:
    """Raise InvalidInput when a field of `site` breaks its rule."""
    _check(NAME.fullmatch(site.id), "id", f"must match {NAME.pattern}")
    _check(NAME.fullmatch(site.tenant), "tenant", f"must match {NAME.pattern}")
    _check_text("name", site.name)
    _check_text("address", site.address)
    _check_zone(site.time_zone)
    _check(0 <= site.power_w_max <= INSTANT_MAX, "power_w_max", "must be 0 or more watts")
    for field, degrees, most in (
        ("latitude", site.latitude, 90),
        ("longitude", site.longitude, 180),
    ):
        _check(
            degrees is None or -most <= degrees <= most,
            field,
            f"must be degrees from -{most} to {most} (WGS 84)",
        )
    _check(
        (site.latitude is None) == (site.longitude is None),
        "longitude" if site.longitude is None else "latitude",
        "must be said when the other one is: a place has both",
    )


def _check(holds: object, field: str, rule: str) -> None:
    if not holds:
        raise InvalidInput(field, rule)


def _check_text(field: str, text: str) -> None:
    _check(
        len(text) <= TEXT_LENGTH_MAX and (not text or text.isprintable()),
        field,
        f"must have at most {TEXT_LENGTH_MAX} characters, none of them a control character",
    )


def _check_zone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise InvalidInput("time_zone", f"{name!r} is no IANA time zone") from error


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


# ---- rows -----------------------------------------------------------------------------------

_NO_CREDENTIAL: Final = {
    "credential_kind": "",
    "credential_salt": None,
    "credential_digest": None,
    "candidate_kind": "",
    "candidate_salt": None,
    "candidate_digest": None,
    "candidate_until_us": 0,
}


def charger_row(record: ChargerRecord) -> dict[str, Any]:
    """Return the row of `record`, without created_us and revision."""
    credential, candidate = record.credential, record.candidate
    return {
        "id": record.id,
        "folded": record.id.casefold(),
        "tenant": record.tenant,
        "site": record.site,
        "security_profile": record.security_profile,
        "credential_kind": credential.kind if credential else "",
        "credential_salt": credential.salt if credential else None,
        "credential_digest": credential.digest if credential else None,
        "networks": json.dumps(record.networks),
        "strict": record.strict,
        "registration": record.registration,
        "heartbeat_s": record.heartbeat_s,
        "subprotocol": record.subprotocol,
        "time_zone": record.time_zone,
        "reply_delay_ms": record.reply_delay_ms,
        "pending_profile": record.pending_profile,
        "candidate_kind": candidate.kind if candidate else "",
        "candidate_salt": candidate.salt if candidate else None,
        "candidate_digest": candidate.digest if candidate else None,
        "candidate_until_us": record.candidate_until_us,
        "serial_number": record.serial_number,
        "deleted": False,
    }


def charger_record(row: Row[Any]) -> ChargerRecord:
    """Return the record in a row of `chargers`."""
    credential = candidate = None
    if row.credential_kind:
        credential = Credential(
            row.credential_kind, row.credential_salt or b"", row.credential_digest or b""
        )
    if row.candidate_kind:
        candidate = Credential(
            row.candidate_kind, row.candidate_salt or b"", row.candidate_digest or b""
        )
    return ChargerRecord(
        id=row.id,
        tenant=row.tenant,
        site=row.site,
        security_profile=row.security_profile,
        credential=credential,
        networks=tuple(json.loads(row.networks or "[]")),
        strict=row.strict,
        registration=row.registration,
        heartbeat_s=row.heartbeat_s,
        subprotocol=row.subprotocol,
        time_zone=row.time_zone,
        reply_delay_ms=row.reply_delay_ms,
        revision=row.revision,
        deleted=row.deleted,
        pending_profile=row.pending_profile,
        candidate=candidate,
        candidate_until_us=row.candidate_until_us,
        serial_number=row.serial_number,
    )


def token_row(record: TokenRecord) -> dict[str, Any]:
    """Return the row of `record`, without its revision."""
    return {
        "id": record.id.casefold(),
        "shown": record.id,
        "tenant": record.tenant,
        "status": record.status,
        "expires_us": record.expires_us,
        "parent": record.parent,
        "max_active": record.max_active,
        "deleted": False,
    }


def token_record(row: Row[Any]) -> TokenRecord:
    """Return the record in a row of `tokens`."""
    return TokenRecord(
        id=row.shown,
        tenant=row.tenant,
        status=row.status,
        expires_us=row.expires_us,
        parent=row.parent,
        max_active=row.max_active,
        revision=row.revision,
        deleted=row.deleted,
    )


def _site(row: Row[Any]) -> Site:
    return Site(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        address=row.address,
        time_zone=row.time_zone,
        power_w_max=row.power_w_max,
        latitude=row.latitude,
        longitude=row.longitude,
        created_us=row.created_us,
        revision=row.revision,
    )


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.id, row.name, row.role, row.tenant, row.created_us, row.expires_us, row.revoked_us
    )


# ---- statements -----------------------------------------------------------------------------


def _page(table: Table, after: str, limit: int) -> Select[Any]:
    _check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
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
