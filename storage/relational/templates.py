"""Wanted values of variables for groups of chargers, and where chargers differ from them.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import NotFound
from storage.relational.engine import chunks, insert, reading, upsert, writing
from storage.relational.tables import (
    charger_states,
    chargers,
    template_runs,
    templates,
    variables,
)

PAGE_MAX: Final = 1_000


class WantedValue(msgspec.Struct, frozen=True):
    """One variable and its value. Names have their /instance."""

    variable: str
    value: str
    component: str = ""
    evse: int = 0
    connector: int = 0
    attribute: str = "Actual"


class Template(msgspec.Struct, frozen=True):
    """What chargers of a kind are to be set to. Empty `vendor`, `model`, `site`: any."""

    id: str
    tenant: str
    name: str = ""
    vendor: str = ""
    model: str = ""
    site: str = ""
    wanted: tuple[WantedValue, ...] = ()
    created_us: int = 0
    changed_us: int = 0


class Drift(msgspec.Struct, frozen=True):
    """A charger that differs from what is wanted, in one variable."""

    charger: str
    template: str
    wanted: WantedValue
    found: str | None
    """None: the charger has never told it."""
    mutability: str = ""


async def put(engine: AsyncEngine, template: Template, now_us: int) -> Template:
    """Add or replace a template."""
    row = msgspec.structs.asdict(template) | {
        "wanted": msgspec.json.encode(template.wanted).decode(),
        "created_us": now_us,
        "changed_us": now_us,
    }
    columns = [name for name in row if name not in {"id", "created_us", "tenant"}]
    async with writing(engine) as connection:
        await connection.execute(upsert(connection, templates, columns), [row])
    return await get(engine, template.id)


async def get(engine: AsyncEngine, name: str) -> Template:
    """Return a template."""
    async with reading(engine) as connection:
        query = select(templates).where(templates.c.id == name)
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("template", name)
    return _template(row)


async def find(engine: AsyncEngine, tenant: str | None = None) -> list[Template]:
    """Return the templates, by id; of one tenant, or of all."""
    query = select(templates).order_by(templates.c.id).limit(PAGE_MAX)
    if tenant is not None:
        query = query.where(templates.c.tenant == tenant)
    async with reading(engine) as connection:
        return [_template(row) for row in await connection.execute(query)]


async def remove(engine: AsyncEngine, name: str) -> None:
    """Delete a template; what was applied stays."""
    await get(engine, name)
    async with writing(engine) as connection:
        await connection.execute(delete(templates).where(templates.c.id == name))


def _template(row: Row[Any]) -> Template:
    values = dict(row._mapping)  # noqa: SLF001 public in spite of its name
    wanted = msgspec.json.decode(values.pop("wanted") or "[]", type=tuple[WantedValue, ...])
    return Template(**values, wanted=wanted)


def _matching(template: Template) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = ~chargers.c.deleted
    condition &= chargers.c.tenant == template.tenant
    for value, column in (
        (template.vendor, charger_states.c.vendor),
        (template.model, charger_states.c.model),
        (template.site, chargers.c.site),
    ):
        condition &= (column == value) if value else true()
    return condition


async def drift(
    engine: AsyncEngine,
    found: Sequence[Template],
    *,
    after: str = "",
    limit: int = 100,
    charger: str = "",
    sites: Sequence[str] = (),
) -> tuple[list[Drift], str]:
    """Return where chargers differ, `limit` chargers at a time, and the last one of the page.

    Args:
        engine: the relational store.
        found: the templates; of two that want different values the one later by id counts.
        after: the last charger of the page before.
        limit: chargers looked at.
        charger: only this one.
        sites: only chargers of these; empty: all.
    """
    if not found:
        return [], ""
    source = chargers.outerjoin(charger_states, charger_states.c.charger == chargers.c.id)
    columns = (chargers.c.id, chargers.c.tenant, chargers.c.site)
    query: Select[Any] = (
        select(*columns, charger_states.c.vendor, charger_states.c.model)
        .select_from(source)
        .where(or_(*(_matching(template) for template in found)), chargers.c.id > after)
        .order_by(chargers.c.id)
        .limit(limit)
    )
    if charger:
        query = query.where(chargers.c.id == charger)
    if sites:
        query = query.where(chargers.c.site.in_(sites))
    async with reading(engine) as connection:
        rows = list(await connection.execute(query))
        told: dict[str, dict[tuple[Any, ...], Any]] = {row.id: {} for row in rows}
        names = sorted({wanted.variable for template in found for wanted in template.wanted})
        for some in chunks(sorted(told)):
            v = variables.c
            values = select(variables).where(v.charger.in_(some), v.variable.in_(names))
            for row in await connection.execute(values):
                key = (row.component, row.variable, row.evse, row.connector, row.attribute)
                told[row.charger][key] = row
    differences = [
        each for row in rows for each in _differences(row, _applicable(row, found), told[row.id])
    ]
    return differences, rows[-1].id if len(rows) == limit else ""


def _applicable(row: Row[Any], found: Sequence[Template]) -> list[Template]:
    return [
        template
        for template in sorted(found, key=lambda each: each.id)
        if template.tenant == row.tenant
        and template.vendor in {"", row.vendor}
        and template.model in {"", row.model}
        and template.site in {"", row.site}
    ]


def _differences(
    row: Row[Any], applicable: Sequence[Template], told: Mapping[tuple[Any, ...], Any]
) -> list[Drift]:
    wanted: dict[tuple[Any, ...], tuple[str, WantedValue]] = {}
    for template in applicable:
        for each in template.wanted:
            key = (each.component, each.variable, each.evse, each.connector, each.attribute)
            wanted[key] = (template.id, each)
    found = []
    for key, (template_id, each) in wanted.items():
        has = told.get(key)
        if has is None or not is_same(has.value, each.value):
            value, mutability = (None, "") if has is None else (has.value, has.mutability)
            found.append(Drift(row.id, template_id, each, value, mutability))
    return found


def is_same(found: str, wanted: str) -> bool:
    """Return whether two values mean the same, however a charger writes numbers and lists."""
    if found.strip().casefold() == wanted.strip().casefold():
        return True
    try:
        return float(found) == float(wanted)
    except ValueError:
        parts = [[part.strip() for part in text.split(",")] for text in (found, wanted)]
        return parts[0] == parts[1]


async def keep_run(engine: AsyncEngine, row: Mapping[str, Any]) -> None:
    """Keep how an application of wanted values went."""
    async with writing(engine) as connection:
        values = dict(row) | {"steps": json.dumps(row["steps"])}
        await connection.execute(insert(connection, template_runs), [values])


async def runs(engine: AsyncEngine, charger: str, limit: int = 100) -> list[dict[str, Any]]:
    """Return the applications to a charger, newest first."""
    query = (
        select(template_runs)
        .where(template_runs.c.charger == charger)
        .order_by(template_runs.c.received_us.desc())
        .limit(limit)
    )
    async with reading(engine) as connection:
        found = [dict(row._mapping) for row in await connection.execute(query)]  # noqa: SLF001
    return [row | {"steps": json.loads(row["steps"] or "[]")} for row in found]
