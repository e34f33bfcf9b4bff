"""What rules of alerts see: one function for each kind, over the stores. A row each in `KINDS`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api.backplane import Backplane
from domain.alerts import Sighting
from domain.ids import DEFAULT_TENANT
from storage.relational.engine import reading
from storage.relational.tables import (
    charger_certificates,
    charger_states,
    chargers,
    commands,
    connectors,
    sites,
    transactions,
)

US: Final = 1_000_000
DAY_US: Final = 86_400 * US
POWER_AGE_S: Final = 300


@dataclass(frozen=True)
class Look:
    """One rule's look: where, at what, how many at most."""

    engine: AsyncEngine
    backplane: Backplane
    tenant: str
    site: str
    params: Mapping[str, Any]
    now_us: int
    limit: int

    def whose(self) -> list[Any]:
        """Return the conditions on chargers that the rule may speak of."""
        conditions: list[Any] = [~chargers.c.deleted]
        if self.tenant != DEFAULT_TENANT:
            conditions.append(chargers.c.tenant == self.tenant)
        if self.site:
            conditions.append(chargers.c.site == self.site)
        return conditions

    async def rows(self, query: Any) -> list[Any]:  # noqa: ANN401 - a Select
        """Return the rows of a query."""
        async with reading(self.engine) as connection:
            return list(await connection.execute(query.limit(self.limit)))


async def offline(look: Look) -> list[Sighting]:
    """Return the chargers that have been away for `longer_s`."""
    state = charger_states.c
    before_us = look.now_us - int(look.params["longer_s"] * US)
    query = (
        select(chargers.c.id, chargers.c.site, state.disconnected_us, state.close_reason)
        .join(charger_states, state.charger == chargers.c.id)
        .where(*look.whose(), ~state.connected, state.disconnected_us.between(1, before_us))
        .order_by(chargers.c.id)
    )
    return [
        Sighting(row.id, row.disconnected_us, row.close_reason, row.id, row.site)
        for row in await look.rows(query)
    ]


async def fault(look: Look) -> list[Sighting]:
    """Return the connectors that report a fault: of `codes`, or any when there are none."""
    c = connectors.c
    codes: Any = look.params.get("codes") or ()
    wanted: Any = c.error_code.in_(codes) if codes else c.error_code.not_in(("", "NoError"))
    if not codes:
        wanted = or_(wanted, c.status == "Faulted")
    query = (
        select(c.charger, c.connector, c.status, c.error_code, c.info, c.vendor_error)
        .add_columns(c.received_us, chargers.c.site)
        .join(chargers, chargers.c.id == c.charger)
        .where(*look.whose(), wanted)
        .order_by(c.charger, c.connector)
    )
    found = []
    for row in await look.rows(query):
        words = (row.error_code, row.vendor_error, row.info)
        detail = " ".join(word for word in words if word and word != "NoError") or row.status
        subject = f"{row.charger}/{row.connector}"
        found.append(Sighting(subject, row.received_us, detail, row.charger, row.site))
    return found


async def no_energy(look: Look) -> list[Sighting]:
    """Return the transactions that run for `minutes` and have metered less than `wh`."""
    t = transactions.c
    before_us = look.now_us - int(look.params["minutes"] * 60 * US)
    drawn = case((t.last_meter_us > 0, t.last_meter_wh - t.meter_start_wh), else_=0)
    query = (
        select(t.id, t.charger, t.connector, t.number, t.start_received_us, drawn.label("wh"))
        .add_columns(chargers.c.site)
        .join(chargers, chargers.c.id == t.charger)
        .where(
            *look.whose(),
            t.state == "open",
            t.start_received_us.between(1, before_us),
            drawn < look.params["wh"],
        )
        .order_by(t.charger)
    )
    return [
        Sighting(
            f"{row.charger}/{row.connector}/{row.number}",
            row.start_received_us,
            f"{row.wh} Wh",
            row.charger,
            row.site,
        )
        for row in await look.rows(query)
    ]


async def limit_exceeded(look: Look) -> list[Sighting]:
    """Return the sites that draw more than `percent` of their limit."""
    statement = (
        "SELECT site, sum(power_w) AS power_w FROM (SELECT any(site) AS site,"  # noqa: S608
        " argMax(value, ts) AS power_w FROM samples WHERE measurand = 'Power.Active.Import'"
        " AND phase = '' AND location IN ('', 'Outlet') AND text = '' AND connector > 0"
        f" AND ts > now() - {POWER_AGE_S:d} GROUP BY charger, connector) GROUP BY site"
    )
    answer = await look.backplane.sql(statement, 100_000)
    drawn = {str(row[0]): float(row[1]) for row in answer.rows}
    conditions: list[Any] = [~sites.c.deleted, sites.c.power_w_max > 0]
    if look.tenant != DEFAULT_TENANT:
        conditions.append(sites.c.tenant == look.tenant)
    if look.site:
        conditions.append(sites.c.id == look.site)
    found = []
    for row in await look.rows(select(sites.c.id, sites.c.power_w_max).where(*conditions)):
        power_w = drawn.get(row.id, 0.0)
        if power_w * 100 > row.power_w_max * look.params["percent"]:
            detail = f"{power_w:.0f} W of {row.power_w_max} W"
            found.append(Sighting(row.id, look.now_us, detail, "", row.id))
    return found


async def certificate(look: Look) -> list[Sighting]:
    """Return the chargers whose newest certificate ends within `days`."""
    c = charger_certificates.c
    newest = func.max(c.not_after_us)
    query = (
        select(c.charger, newest.label("ends_us"), chargers.c.site)
        .join(chargers, chargers.c.id == c.charger)
        .where(*look.whose(), c.status.in_(("signed", "delivered")))
        .group_by(c.charger, chargers.c.site)
        .having(newest < look.now_us + int(look.params["days"] * DAY_US))
        .order_by(c.charger)
    )
    return [
        Sighting(
            row.charger,
            min(look.now_us, row.ends_us - int(look.params["days"] * DAY_US)),
            f"{max(0, row.ends_us - look.now_us) // DAY_US} days left",
            row.charger,
            row.site,
        )
        for row in await look.rows(query)
    ]


async def lag(look: Look) -> list[Sighting]:
    """Return the readers that are more than `records` behind a journal."""
    if look.tenant != DEFAULT_TENANT:
        return []
    found = []
    for reader, journals in (await look.backplane.lags()).items():
        for name, row in journals.items():
            behind = row["last"] - row["lsn"]
            if behind > look.params["records"]:
                found.append(Sighting(f"{reader}/{name}", look.now_us, f"{behind} records"))
    return found


async def command_errors(look: Look) -> list[Sighting]:
    """Return `commands` when more than `percent` of at least `least` in `minutes` failed."""
    c = commands.c
    failed = func.sum(case((c.outcome.in_(("error", "timed_out", "lost")), 1), else_=0))
    since_us = look.now_us - int(look.params["minutes"] * 60 * US)
    query = (
        select(func.count().label("total"), failed.label("failed"))
        .select_from(commands.join(chargers, chargers.c.id == c.charger))
        .where(and_(*look.whose()), c.finished_us >= since_us)
    )
    (row,) = await look.rows(query)
    return _rate("commands", look, row.total, row.failed or 0)


async def message_errors(look: Look) -> list[Sighting]:
    """Return `messages` when more than `percent` of at least `least` in `minutes` failed."""
    if look.tenant != DEFAULT_TENANT:
        return []
    statement = (
        "SELECT count(), countIf(outcome != 'result') FROM ocpp_messages"  # noqa: S608
        f" WHERE received_at > now() - {int(look.params['minutes'] * 60):d}"
    )
    answer = await look.backplane.sql(statement, 1)
    total, failed = answer.rows[0] if answer.rows else (0, 0)
    return _rate("messages", look, int(total), int(failed))


def _rate(subject: str, look: Look, total: int, failed: int) -> list[Sighting]:
    if total < look.params["least"] or failed * 100 <= total * look.params["percent"]:
        return []
    return [Sighting(subject, look.now_us, f"{failed} of {total}", "", look.site)]


@dataclass(frozen=True)
class Kind:
    """A kind of rule: what looks, and its parameters with their defaults."""

    look: Callable[[Look], Awaitable[list[Sighting]]]
    params: Mapping[str, Any]


KINDS: Final[Mapping[str, Kind]] = {
    "offline": Kind(offline, {"longer_s": 900}),
    "fault": Kind(fault, {"codes": []}),
    "no_energy": Kind(no_energy, {"minutes": 15, "wh": 100}),
    "limit_exceeded": Kind(limit_exceeded, {"percent": 105}),
    "certificate": Kind(certificate, {"days": 30}),
    "lag": Kind(lag, {"records": 100_000}),
    "command_errors": Kind(command_errors, {"minutes": 15, "percent": 20, "least": 20}),
    "message_errors": Kind(message_errors, {"minutes": 15, "percent": 5, "least": 100}),
}
