"""The foot of the page of uptime says what the interface says of all together."""

from csms.dashboard.pages.uptime import total_of
from tests.csms.api.node import running_api

COLUMNS = [
    "site", "charger", "connector", "connectors", "period_s", "connected_s", "faulted_s",
    "outage_s", "excluded_s",
]  # fmt: skip
ROWS = [
    ["depot", "CP1", 1, 1, 1_000.0, 900.0, 100.0, 150.0, 50.0],
    ["depot", "CP2", 1, 1, 500.0, 500.0, 0.0, 0.0, 0.0],
    ["depot", "CP3", 0, 1, 0.0, 0.0, 0.0, 0.0, 0.0],
]


async def test_a_page_with_all_rows_has_the_total_that_is_told_of_all() -> None:
    async with running_api() as api:
        api.peers.columns, api.peers.rows = COLUMNS, ROWS
        page = await api.get("/api/v1/uptime?by=connector")
        every = ["depot", "", 0, 3, *(sum(row[at] for row in ROWS) for at in range(4, 9))]
        api.peers.rows = [every]
        (whole,) = (await api.get("/api/v1/uptime?by=all"))["items"]
    found = total_of(page["items"])
    assert found is not None
    assert found == {name: whole[name] for name in found}
    assert {"connectors", "connectivity", "fault_free", "nevi", "outage_s"} <= set(found)
    none = total_of([dict.fromkeys(found, 0.0)])
    assert none is not None
    assert none["nevi"] is None
    assert total_of([]) is None
