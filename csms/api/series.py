"""`/api/v1/power` and `/api/v1/series`: meter values out of ClickHouse, now and over time.

Text from outside gets into a statement only as a quoted literal or a number.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from csms.api.auth import principal_of
from csms.api.messages import condition, literal
from csms.api.query import INSTANT, INTEGER, TEXT, Parameter, parameters_of, read_query
from csms.api.responses import problems
from csms.api.schemas import NUMBER, WHOLE, row
from csms.api.schemas import TEXT as WORDS
from csms.api.services import services_of
from csms.api.tenancy import row_filters
from domain.errors import InvalidInput

POWER = "Power.Active.Import"
POWER_AGE_S = 300
"""A value of power that is older says nothing of now."""
HOLD_S = 90
"""How long a value counts in a sum when no later one comes; most chargers report each minute."""
POINTS_MAX = 2_000
"""Of all series of an answer together; a step is chosen that keeps below."""
POINTS_WANTED = 400
CONNECTORS_MAX = 100_000
SERIES_SPAN_S = 3_600
"""Looked back when `from` is not said."""
ENDED = "kind IN ('stopped', 'ended_provisionally')"
ENDED_S = 3_600
"""An end that came so long ago ends no value that is not too old anyway, whatever clocks say."""
DAY_S = 86_400
US_PER_S = 1_000_000
MEASURAND = re.compile(r"[A-Za-z0-9.]{1,60}")

SCOPES = frozenset({"charger", "site", "tenant", "sites"})
BOUNDS = {"first": ">=", "last": "<="}

_json = msgspec.json.Encoder()

POWER_PARAMETERS = (
    Parameter("site", TEXT, "Only of this site."),
    Parameter("charger", TEXT, "Only of this charger."),
    Parameter("first", TEXT, "Not of chargers whose identity comes before this one, by bytes."),
    Parameter("last", TEXT, "Not of chargers whose identity comes after this one, by bytes."),
)
SERIES_PARAMETERS = (
    Parameter("charger", TEXT, "Of this charger, one series a connector."),
    Parameter("site", TEXT, "Of this site: the sum over its connectors."),
    Parameter("transaction", INTEGER, "Only samples of this transaction."),
    Parameter("measurand", TEXT, f"As in OCPP; {POWER} when not said."),
    Parameter("from", INSTANT, "Not before this instant; an hour ago when not said.", "since_us"),
    Parameter("to", INSTANT, "Before this instant; now when not said.", "until_us"),
)

POWER_ANSWER = row(
    power_w=NUMBER,
    items={
        "type": "array",
        "items": row(site=WORDS, charger=WORDS, connector=WHOLE, power_w=NUMBER, at_us=WHOLE),
    },
)
SERIES_ANSWER = row(
    measurand=WORDS,
    step_s=WHOLE,
    series={
        "type": "array",
        "items": row(
            connector=WHOLE,
            unit=WORDS,
            points={
                "type": "array",
                "description": "Instant (microseconds) and value.",
                "items": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
            },
        ),
    },
)


def power_query(filters: Mapping[str, Any]) -> str:
    """Return the statement for the power that each connector reported last.

    What was reported of a transaction that is over says nothing of now.

    Args:
        filters: site, charger, tenant, sites; first and last, a range of chargers.
    """
    where = _where({k: v for k, v in filters.items() if k not in BOUNDS})
    for name, comparison in BOUNDS.items():
        if name in filters:
            where += f" AND charger {comparison} {literal(filters[name])}"
    return (
        "SELECT any(site) AS site, charger, connector, argMax(value, ts) AS power_w,"  # noqa: S608 - literals only, see above
        " toUnixTimestamp64Micro(max(ts)) AS at_us FROM samples"
        f" WHERE measurand = {literal(POWER)} AND phase = '' AND location IN ('', 'Outlet')"
        f" AND text = '' AND connector > 0 AND ts > now() - {POWER_AGE_S:d}{where}"
        " AND (charger, transaction) NOT IN (SELECT charger, transaction FROM transaction_events"
        f" WHERE {ENDED} AND received_at > now() - {ENDED_S:d} AND ts > now() - {DAY_S:d})"
        f" GROUP BY charger, connector ORDER BY charger, connector LIMIT {CONNECTORS_MAX:d}"
    )


def series_query(filters: Mapping[str, Any], step_s: int) -> str:
    """Return the statement for values over time, averaged over steps of `step_s`.

    A sum counts the last value of each connector for HOLD_S, because connectors report at moments
    of their own: else it would leave out all those that said nothing in just that step. When its
    transaction ends, it counts no more.

    Args:
        filters: charger or site, measurand, since_us, until_us, transaction, tenant, sites.
        step_s: seconds.
    """
    where = _where({k: v for k, v in filters.items() if k in SCOPES})
    if "transaction" in filters:
        where += f" AND transaction = {filters['transaction']:d}"
    where = (
        f"measurand = {literal(filters['measurand'])} AND phase = '' AND text = ''"
        f" AND location IN ('', 'Outlet'){where}"
        f" AND ts >= {_moment(filters['since_us'])} AND ts < {_moment(filters['until_us'])}"
    )
    begin = f"toUnixTimestamp(toStartOfInterval(ts, INTERVAL {step_s:d} SECOND))"
    if "charger" in filters:
        return (
            f"SELECT connector, any(unit) AS unit, {begin} * {US_PER_S:d} AS at_us,"  # noqa: S608 - literals only, see above
            f" avg(value) AS mean FROM samples WHERE {where}"
            f" GROUP BY connector, at_us ORDER BY connector, at_us LIMIT {POINTS_MAX:d}"
        )
    steps = max(1, -(-HOLD_S // step_s))
    # Connector 0 is the main meter: its connectors are counted already.
    each = (
        f"SELECT charger, connector, {begin} + later * {step_s:d} AS at_s,"  # noqa: S608
        f" argMax(value, ts) AS last, any(unit) AS unit FROM"
        f" (SELECT charger, connector, transaction, ts, value, unit FROM samples"
        f" WHERE connector > 0 AND {where}) AS held LEFT JOIN"
        f" (SELECT charger, transaction, toUnixTimestamp(min(ts)) AS ended_s"
        f" FROM transaction_events WHERE {ENDED} AND ts >= {_moment(filters['since_us'])}"
        f" GROUP BY charger, transaction) AS ends USING (charger, transaction)"
        f" ARRAY JOIN range({steps:d}) AS later WHERE at_s * {US_PER_S:d} < {filters['until_us']:d}"
        " AND (later = 0 OR ended_s = 0 OR at_s < ended_s) GROUP BY charger, connector, at_s"
    )
    return (
        f"SELECT 0 AS connector, any(unit) AS unit, at_s * {US_PER_S:d} AS at_us,"  # noqa: S608
        f" sum(last) AS total FROM ({each}) GROUP BY at_s ORDER BY at_s LIMIT {POINTS_MAX:d}"
    )


def _where(filters: Mapping[str, Any]) -> str:
    # With the table: to ClickHouse a name of SELECT goes before that of a column, in WHERE, too.
    return "".join(f" AND {condition(name, value, 'samples.')}" for name, value in filters.items())


def _moment(at_us: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({at_us // 1_000:d}), 'UTC')"


def step_for(span_us: int) -> int:
    """Return seconds of a step, a round number, so that a span has about POINTS_WANTED of them."""
    wanted = span_us / US_PER_S / POINTS_WANTED
    steps = (1, 5, 10, 30, 60, 300, 900, 3_600, 21_600)
    return next((step for step in steps if step >= wanted), 86_400)


async def power(request: Request) -> Response:
    """Return what each connector draws now, as it was last reported."""
    filters = read_query(request, POWER_PARAMETERS) | row_filters(principal_of(request))
    services = services_of(request)
    query = power_query(filters)

    async def ask() -> bytes:
        found = await services.backplane.sql(query, CONNECTORS_MAX)
        items = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        total = sum(item["power_w"] for item in items)
        return _json.encode({"power_w": total, "items": items})

    # The statement names whose it is: nobody is told what another tenant has asked for.
    body = await services.power.get(query, ask)
    return Response(body, media_type="application/json")


async def series(request: Request) -> Response:
    """Return values over time: of each connector of a charger, or of a site or all as a sum."""
    services = services_of(request)
    filters = read_query(request, SERIES_PARAMETERS) | row_filters(principal_of(request))
    filters.setdefault("measurand", POWER)
    if not MEASURAND.fullmatch(filters["measurand"]):
        raise InvalidInput("measurand", "is no word of OCPP")
    filters.setdefault("until_us", services.clock.now_us())
    filters.setdefault("since_us", filters["until_us"] - SERIES_SPAN_S * US_PER_S)
    span_us = filters["until_us"] - filters["since_us"]
    if span_us <= 0:
        raise InvalidInput("to", "must be later than from")
    step_s = step_for(span_us)
    found = await services.backplane.sql(series_query(filters, step_s), POINTS_MAX)
    rows: dict[int, dict[str, Any]] = {}
    for connector, unit, at_us, value in found.rows:
        one = rows.setdefault(connector, {"connector": connector, "unit": unit, "points": []})
        one["points"].append([at_us, value])
    body = {
        "measurand": filters["measurand"],
        "step_s": step_s,
        "series": list(rows.values()),
    }
    return Response(_json.encode(body), media_type="application/json")


ROUTES = (
    ("/api/v1/power", power, POWER_PARAMETERS, "What every connector draws now", POWER_ANSWER),
    ("/api/v1/series", series, SERIES_PARAMETERS, "Meter values over time", SERIES_ANSWER),
)


def routes() -> list[Route]:
    """Return the routes."""
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint, *_ in ROUTES]


def openapi_paths() -> dict[str, Any]:
    """Return their entries of the OpenAPI document."""
    return {
        path: {
            "get": {
                "tags": ["meter values"],
                "summary": summary,
                "operationId": "get_" + path.rsplit("/", 1)[-1],
                "parameters": parameters_of(parameters),
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {"application/json": {"schema": answer}},
                    },
                    **{str(status): entry for status, entry in problems(422).items()},
                },
            }
        }
        for path, _, parameters, summary, answer in ROUTES
    }
