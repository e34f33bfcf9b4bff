"""`/api/v1/uptime`: three measures of one time, side by side; and outages that do not count.

What each of them says is in docs/uptime.md; how they are reckoned, in the views of ClickHouse. Text
from outside gets into a statement only as a quoted literal or a number.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from csms.api.auth import Caller, Principal, principal_of
from csms.api.calls import issuer
from csms.api.messages import condition, literal
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, row_filters
from domain.errors import NotFound
from storage.relational import cursors, exclusions
from storage.relational.exclusions import CONNECTOR_MAX, LATEST_US, Exclusion
from storage.relational.record_rules import PAGE_MAX

router = APIRouter(prefix="/api/v1", tags=["uptime"])

MONTHS_MAX: Final = 36
COPIES_MAX: Final = 1_000
"""Exclusions that are copied with one request at most; the rest goes with the next one."""
US_PER_S: Final = 1_000_000
MONTHS_A_YEAR: Final = 12

By = Literal["connector", "charger", "site", "all"]
KEYS: Final[Mapping[str, Sequence[str]]] = {
    "connector": ("charger", "connector"),
    "charger": ("charger",),
    "site": ("site",),
    "all": (),
}
"""What rows are summed by -> the columns that name one."""


class Uptime(BaseModel):
    """One connector, charger or site, or all, in some months. Percentages: null: no time."""

    site: str = Field(description="Of the charger now; empty: none, or several.")
    charger: str = Field(description="Empty: several.")
    connector: int = Field(description="0: several, or the charger has never named one.")
    connectors: int
    period_s: float = Field(description="Since the first connection, until now, within the months.")
    connected_s: float
    faulted_s: float
    outage_s: float
    excluded_s: float
    connectivity: float | None = Field(description="Percent: its charger was connected.")
    fault_free: float | None = Field(description="Percent: it was not reported as Faulted.")
    nevi: float | None = Field(description="Percent: 23 CFR 680.116(b), exclusions applied.")


class UptimePage(BaseModel):
    """Some of them."""

    items: list[Uptime]
    next: str


class NewExclusion(Input):
    """An outage that does not count, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "charger": "BERLIN-001",
                    "connector": 0,
                    "from_us": 1767225600000000,
                    "to_us": 1767229200000000,
                    "reason": "maintenance",
                }
            ]
        }
    )

    charger: str = Field(min_length=1, max_length=255)
    connector: int = Field(default=0, ge=0, le=CONNECTOR_MAX, description="0: all of the charger.")
    from_us: int = Field(ge=0, le=LATEST_US)
    to_us: int = Field(ge=0, le=LATEST_US, description="Later than from_us.")
    reason: Literal["utility", "vehicle", "maintenance", "vandalism", "disaster"]


class ExclusionView(BaseModel):
    """An outage that does not count."""

    id: str
    tenant: str
    charger: str
    connector: int
    from_us: int
    to_us: int
    reason: str
    issued_by: str
    created_us: int


class ExclusionPage(BaseModel):
    """Some of them."""

    items: list[ExclusionView]
    next: str


def uptime_query(
    filters: Mapping[str, Any], by: str, first: str, last: str, cursor: Sequence[Any], limit: int
) -> str:
    """Return the statement for a page, one row more than `limit`.

    Args:
        filters: charger, site, tenant, sites.
        by: a key of KEYS.
        first: first month, YYYY-MM-01.
        last: the last one.
        cursor: values of the key of the last row of the page before; empty: from the begin.
        limit: rows.
    """
    keys = KEYS[by]
    where = [f"u.month >= toDate({literal(first)})", f"u.month <= toDate({literal(last)})"]
    where += [condition(name, value, "u.") for name, value in filters.items()]
    if cursor:
        names = ", ".join(f"u.{key}" for key in keys)
        values = ", ".join(literal(v) if isinstance(v, str) else f"{v:d}" for v in cursor)
        where.append(f"({names}) > ({values})")
    shown = {
        "site": "u.site" if by == "site" else "if(uniqExact(u.site) = 1, any(u.site), '')",
        "charger": "u.charger" if "charger" in keys else "''",
        "connector": "u.connector" if "connector" in keys else "0",
        "connectors": "uniqExact((u.charger, u.connector))",
    }
    columns = [f"{what} AS {name}" for name, what in shown.items()]
    columns += [f"sum(u.{name}) AS {name}" for name in SUMS]
    grouped = f" GROUP BY {', '.join(f'u.{key}' for key in keys)}" if keys else ""
    order = f" ORDER BY {', '.join(f'u.{key}' for key in keys)}" if keys else ""
    return (
        f"SELECT {', '.join(columns)} FROM uptime_by_month AS u"  # noqa: S608 - literals only
        f" WHERE {' AND '.join(where)}{grouped}{order} LIMIT {limit + 1:d}"
    )


SUMS: Final = ("period_s", "connected_s", "faulted_s", "outage_s", "excluded_s")


@router.get("/uptime", responses=problems(422), summary="How much of the time they were up")
async def get_uptime(
    request: Request,
    month: Annotated[
        str,
        Query(
            pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$",
            description="The last month, YYYY-MM, UTC; empty: this one.",
        ),
    ] = "",
    months: Annotated[
        int, Query(ge=1, le=MONTHS_MAX, description="How many, up to and with `month`.")
    ] = 1,
    by: By = "connector",
    site: Annotated[str, Query(max_length=255, description="Only of this site.")] = "",
    charger: Annotated[str, Query(max_length=255, description="Only of this charger.")] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> UptimePage:
    """Return connectivity, time without faults, and uptime by the formula of NEVI.

    Of months that lie behind the history that is kept (`warehouse.history_days`) nothing is known.
    """
    services = services_of(request)
    now = datetime.fromtimestamp(services.clock.now_us() / US_PER_S, UTC)
    last = month or f"{now:%Y-%m}"
    filters: dict[str, Any] = {k: v for k, v in (("site", site), ("charger", charger)) if v}
    filters |= row_filters(principal_of(request))
    await _copy(services)
    query = uptime_query(
        filters, by, f"{_before(last, months - 1)}-01", f"{last}-01", _from(cursor, by), limit
    )
    found = await services.backplane.sql(query, limit + 1)
    rows = [dict(zip(found.columns, one, strict=True)) for one in found.rows]
    following = _to(rows[limit - 1], by) if len(rows) > limit else ""
    return UptimePage(
        items=[_measured(one) for one in rows[:limit] if one["connectors"]], next=following
    )


def _measured(row: Mapping[str, Any]) -> Uptime:
    period_s = row["period_s"]

    def percent(up_s: float) -> float | None:
        return 100 * up_s / period_s if period_s else None

    return Uptime(
        **row,
        connectivity=percent(row["connected_s"]),
        fault_free=percent(period_s - row["faulted_s"]),
        nevi=percent(period_s - (row["outage_s"] - row["excluded_s"])),
    )


def _before(month: str, months: int) -> str:
    year, number = map(int, month.split("-"))
    years, rest = divmod(year * MONTHS_A_YEAR + number - 1 - months, MONTHS_A_YEAR)
    return f"{years:04d}-{rest + 1:02d}"


def _to(row: Mapping[str, Any], by: str) -> str:
    return cursors.encode(*(row[key] for key in KEYS[by]))


def _from(cursor: str, by: str) -> list[Any]:
    if not cursor:
        return []
    return cursors.decode(cursor, [int if key == "connector" else str for key in KEYS[by]])


async def _copy(services: Services) -> None:
    """Let ClickHouse have the exclusions that it lacks: it may have been away, or be a new one."""
    last = await services.backplane.exclude([])
    rows = await exclusions.since(services.engine, last, COPIES_MAX)
    if rows:
        await services.backplane.exclude(
            [
                (
                    one.id,
                    one.tenant,
                    one.charger,
                    one.connector,
                    one.from_us,
                    one.to_us,
                    one.reason,
                    int(bool(one.removed_us)),
                    one.revision,
                )
                for one in rows
            ]
        )


@router.get("/outage-exclusions", responses=problems(422), summary="Outages that do not count")
async def list_exclusions(
    request: Request,
    charger: Annotated[str, Query(max_length=255, description="Only of this charger.")] = "",
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> ExclusionPage:
    """Return a page of them, by id."""
    filters = row_filters(principal_of(request))
    found = await exclusions.page(
        services_of(request).engine, **filters, charger=charger, after=cursor, limit=limit
    )
    following = found[-1].id if len(found) == limit else ""
    return ExclusionPage(items=[_view(one) for one in found], next=following)


@router.post(
    "/outage-exclusions",
    status_code=201,
    responses=problems(404, 413, 422),
    summary="Do not count an outage",
)
async def add_exclusion(request: Request, body: NewExclusion, principal: Caller) -> ExclusionView:
    """Say that an outage was not the operator's fault. Only `nevi` looks at it."""
    services = services_of(request)
    record = await services.charger(body.charger)
    check_charger(principal, record)
    made = Exclusion(
        id=str(uuid.uuid4()),
        tenant=record.tenant,
        issued_by=issuer(principal),
        created_us=services.clock.now_us(),
        **body.model_dump() | {"charger": record.id},
    )
    await exclusions.add(services.engine, made)
    return _view(made)


@router.get("/outage-exclusions/{exclusion}", responses=problems(404), summary="One such outage")
async def get_exclusion(request: Request, exclusion: str, principal: Caller) -> ExclusionView:
    """Return one."""
    return _view(await _theirs(services_of(request), exclusion, principal))


@router.delete(
    "/outage-exclusions/{exclusion}",
    status_code=204,
    responses=problems(404),
    summary="Count an outage again",
)
async def remove_exclusion(request: Request, exclusion: str, principal: Caller) -> Response:
    """Take an exclusion back."""
    services = services_of(request)
    await _theirs(services, exclusion, principal)
    await exclusions.remove(services.engine, exclusion, services.clock.now_us())
    return Response(status_code=204)


async def _theirs(services: Services, exclusion: str, principal: Principal) -> Exclusion:
    found = await exclusions.get(services.engine, exclusion)
    try:
        record = await services.charger(found.charger)
    except NotFound:
        raise NotFound("exclusion", exclusion) from None
    check_charger(principal, record, "exclusion", exclusion)
    return found


def _view(exclusion: Exclusion) -> ExclusionView:
    return ExclusionView.model_validate(exclusion, from_attributes=True)
