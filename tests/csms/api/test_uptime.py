"""Uptime over REST: what is asked of ClickHouse, and outages that do not count."""

from typing import Any

import pytest

from csms.api.uptime import KEYS, uptime_query
from tests.csms.api.node import Api

V1 = "/api/v1"
EXCLUSIONS = f"{V1}/outage-exclusions"
MAINTENANCE = {"charger": "CP1", "from_us": 10, "to_us": 20, "reason": "maintenance"}
COLUMNS = [
    "site", "charger", "connector", "connectors", "period_s", "connected_s", "faulted_s",
    "outage_s", "excluded_s",
]  # fmt: skip


def row(charger: str, connector: int, period_s: float = 1_000.0) -> list[Any]:
    return ["depot", charger, connector, 1, period_s, 900.0, 100.0, 150.0, 50.0]


async def test_percentages_come_from_seconds_and_pages_follow_the_last_row(api: Api) -> None:
    api.peers.columns = COLUMNS
    api.peers.rows = [row("CP1", 1), row("CP1", 2), row("it's", 1)]
    page = await api.get(f"{V1}/uptime?month=2026-01&months=3&limit=2", role="viewer")
    assert [(one["connectivity"], one["fault_free"], one["nevi"]) for one in page["items"]] == [
        (90.0, 90.0, 90.0)
    ] * 2
    (query,) = api.peers.queries
    assert "u.month >= toDate('2025-11-01') AND u.month <= toDate('2026-01-01')" in query
    await api.get(f"{V1}/uptime?month=2026-01&limit=2&cursor={page['next']}")
    assert "(u.charger, u.connector) > ('CP1', 2)" in api.peers.queries[-1]


async def test_no_time_has_no_percentage_and_no_connectors_no_row(api: Api) -> None:
    api.peers.columns = COLUMNS
    api.peers.rows = [row("CP1", 1, 0.0), ["", "", 0, 0, 0, 0, 0, 0, 0]]
    (one,) = (await api.get(f"{V1}/uptime?by=all"))["items"]
    assert (one["connectivity"], one["fault_free"], one["nevi"]) == (None, None, None)


@pytest.mark.parametrize(
    "query", ["month=2026-13", "month=1999-01", "months=0", "by=town", "cursor=x", "moth=2026-01"]
)
async def test_what_cannot_be_asked_is_refused(api: Api, query: str) -> None:
    assert (await api.ask("GET", f"{V1}/uptime?{query}"))[0] == 422
    assert api.peers.queries == []


@pytest.mark.parametrize("by", KEYS)
def test_text_gets_into_a_statement_as_a_literal_only(by: str) -> None:
    cursor = ["x'; DROP" if key != "connector" else 7 for key in KEYS[by]]
    query = uptime_query({"site": "a'b"}, by, "2026-01-01", "2026-01-01", cursor, 5)
    assert "u.site = 'a\\'b'" in query
    assert "x';" not in query


async def test_exclusions_are_copied_before_uptime_is_asked_for(api: Api) -> None:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"})
    _, first = await api.ask("POST", EXCLUSIONS, MAINTENANCE)
    _, second = await api.ask("POST", EXCLUSIONS, MAINTENANCE | {"connector": 2})
    api.peers.columns = COLUMNS
    await api.get(f"{V1}/uptime")
    copied = [(one[0], one[3], one[7]) for one in api.peers.excluded]
    assert copied == [(first["id"], 0, 0), (second["id"], 2, 0)]
    assert (await api.ask("DELETE", f"{EXCLUSIONS}/{first['id']}"))[0] == 204
    for _ in range(2):
        await api.get(f"{V1}/uptime")
    assert [(one[0], one[7]) for one in api.peers.excluded[2:]] == [(first["id"], 1)]
    versions = [one[8] for one in api.peers.excluded]
    assert versions == sorted(set(versions))
    assert [one["id"] for one in (await api.get(EXCLUSIONS))["items"]] == [second["id"]]
    assert (await api.ask("DELETE", f"{EXCLUSIONS}/{first['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to_us": 10}, "to_us"),
        ({"to_us": 1 << 62}, "to_us"),
        ({"from_us": -1}, "from_us"),
        ({"reason": "weather"}, "reason"),
        ({"connector": 70_000}, "connector"),
    ],
)
async def test_an_exclusion_that_makes_no_sense_is_refused(
    api: Api, change: dict[str, Any], field: str
) -> None:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"})
    status, wrong = await api.ask("POST", EXCLUSIONS, MAINTENANCE | change)
    assert (status, wrong["errors"][0]["field"]) == (422, field)


async def test_only_admins_exclude_and_only_what_is_theirs(api: Api) -> None:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"})
    _, made = await api.ask("POST", EXCLUSIONS, MAINTENANCE)
    assert (await api.ask("POST", EXCLUSIONS, MAINTENANCE, "operator"))[0] == 403
    assert (await api.ask("POST", EXCLUSIONS, MAINTENANCE, "other"))[0] == 404
    assert (await api.ask("DELETE", f"{EXCLUSIONS}/{made['id']}", role="other"))[0] == 404
    assert (await api.get(EXCLUSIONS, role="other"))["items"] == []
