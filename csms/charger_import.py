"""A file of chargers into the records: all of them or none."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from csms.charger_csv import PASSWORD, Plan, Planned, Wrong, plan, read
from domain.records import ChargerRecord
from storage.relational import credentials
from storage.relational.registry import PAGE_MAX, Registry

PASSWORD_PROFILES: Final = (1, 2)


class ImportLimits(NamedTuple):
    """`rows`: chargers of a file. `passwords`: those that the file says: each is hashed slowly."""

    rows: int
    passwords: int


class Imported(NamedTuple):
    """What became of a file, or would. Nothing was written when something is `wrong`."""

    added: int
    changed: int
    unchanged: int
    wrong: Sequence[Wrong]
    made: Mapping[str, str]
    """Passwords that were made, by charger: the one time to show them."""


async def import_file(
    registry: Registry,
    text: str,
    tenant: str,
    limits: ImportLimits,
    *,
    is_dry: bool,
    makes_passwords: bool = False,
) -> Imported:
    """Add and change the chargers of a CSV file in one transaction.

    Args:
        registry: the records.
        text: the file, see `csms.charger_csv`.
        tenant: whose new chargers are.
        limits: of the file.
        is_dry: only say what would happen.
        makes_passwords: for new chargers that need one and have none in the file.

    Raises:
        Unavailable: the store is away.
        InvalidInput: a record was changed by somebody else meanwhile so that this one cannot be.
    """
    rows, wrong = read(text, limits.rows)
    if wrong and not rows:
        return Imported(0, 0, 0, wrong, {})
    known = await registry.find_chargers([row.cells["id"] for row in rows])
    found = plan(rows, known, await _sites(registry, tenant), tenant)
    wrong = sorted([*wrong, *found.wrong, *_too_many(found, limits)])
    made: dict[str, str] = {}
    if not wrong and not is_dry:
        records = []
        for one in found.changes:
            needs_one = one.is_new and one.record.security_profile in PASSWORD_PROFILES
            if makes_passwords and needs_one and not one.password:
                made[one.record.id] = credentials.generate_key()
            records.append(await _with_credential(one, made.get(one.record.id, "")))
        await registry.import_chargers(records)
    changed = len(found.changes) - found.added
    return Imported(found.added, changed, found.unchanged, wrong, made)


async def _sites(registry: Registry, tenant: str) -> set[str]:
    names: set[str] = set()
    after = ""
    while True:
        page = await registry.list_sites(tenant=tenant, after=after, limit=PAGE_MAX)
        names |= {site.id for site in page}
        if len(page) < PAGE_MAX:
            return names
        after = page[-1].id


def _too_many(found: Plan, limits: ImportLimits) -> list[Wrong]:
    said = [one for one in found.changes if one.password]
    if len(said) <= limits.passwords:
        return []
    rule = f"a file says {limits.passwords} passwords at most: let them be made, or send parts"
    return [Wrong(said[limits.passwords].line, PASSWORD, rule)]


async def _with_credential(one: Planned, made: str) -> ChargerRecord:
    """Return the record to store; without a new password it keeps the one that it has."""
    if made:
        credential = credentials.keep_generated(made)
    elif one.password:
        credential = await asyncio.to_thread(credentials.keep_chosen, one.password)
    else:
        return msgspec.structs.replace(one.record, credential=None, candidate=None)
    return msgspec.structs.replace(
        one.record, credential=credential, candidate=None, candidate_until_us=0
    )


async def export_records(registry: Registry, tenant: str, site: str = "") -> list[ChargerRecord]:
    """Return all chargers of a tenant (empty: of all) and site (empty: of all), by identity."""
    records: list[ChargerRecord] = []
    after = ""
    while True:
        page = await registry.list_chargers(tenant=tenant, site=site, after=after, limit=PAGE_MAX)
        records += page
        if len(page) < PAGE_MAX:
            return records
        after = page[-1].id
