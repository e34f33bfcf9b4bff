import pytest

from csms.api.messages import from_cursor, literal, page_query, to_cursor
from domain.errors import InvalidInput
from domain.events import ConnectionRefused, Entry, TransactionStarted, TransactionStopped
from supervisor.child import ChildStatus, State, TreeStatus
from supervisor.status import write_status
from tests.csms.api.node import Api, project, running_api


def started(charger: str, number: int, at_us: int) -> Entry:
    event = TransactionStarted(number, 1, "TAG", 1_000, at_us, f"raw{at_us}")
    return Entry(charger, 1, at_us, (event,))


async def test_transactions_come_newest_first_and_are_filtered(api: Api) -> None:
    base = 1_767_225_600_000_000
    stop = TransactionStopped(2, 2, 9_000, base + 9_000_000, "stop")
    await project(
        api,
        started("CP1", 1, base),
        started("CP1", 2, base + 1_000_000),
        started("CP2", 3, base + 2_000_000),
        Entry("CP1", 1, base + 9_000_000, (stop,)),
    )

    async def numbers(query: str) -> list[int]:
        page = await api.get(f"/api/v1/transactions?{query}", role="viewer")
        return [row["number"] for row in page["items"]]

    assert await numbers("") == [3, 2, 1]
    assert await numbers("charger=CP1") == [2, 1]
    assert await numbers("state=ended") == [2]
    assert await numbers("from=2026-01-01T00:00:01Z") == [3, 2]
    assert await numbers(f"to={base + 1_000_000}") == [1]


async def test_refusals_say_why_a_charger_was_not_let_in(api: Api) -> None:
    refused = ConnectionRefused("/ocpp/X", "10.0.0.7", 401, "wrong_password")
    await project(api, Entry("X", 0, 5_000_000, (refused,)))
    (row,) = (await api.get("/api/v1/refusals?reason=wrong_password"))["items"]
    assert (row["charger"], row["remote"], row["status"]) == ("X", "10.0.0.7", 401)


async def test_messages_are_asked_of_the_warehouse(api: Api) -> None:
    api.peers.columns = ["at_us", "charger", "uid", "action"]
    api.peers.rows = [[n, "CP1", f"u{n}", "Heartbeat"] for n in (3, 2, 1)]
    page = await api.get("/api/v1/messages?charger=CP1&limit=2&text=it's", role="viewer")
    assert [row["at_us"] for row in page["items"]] == [3, 2]
    await api.get(f"/api/v1/messages?limit=2&cursor={page['next']}")
    first, second = api.peers.queries
    assert "charger = 'CP1'" in first
    assert "'it\\'s'" in first
    assert "< (fromUnixTimestamp64Milli(toInt64(0), 'UTC'), 'CP1', 'u2')" in second


async def test_keys_of_a_tenant_see_only_its_messages(api: Api) -> None:
    api.peers.columns = ["at_us", "charger", "uid"]
    await api.get("/api/v1/messages?charger=CP1", role="other")
    assert "tenant = 'other'" in api.peers.queries[0]


async def test_without_the_warehouse_messages_are_unavailable_and_the_rest_works() -> None:
    async with running_api(peers=("gw0", "ledger")) as api:
        status, problem = await api.ask("GET", "/api/v1/messages")
        assert (status, problem["type"]) == (503, "urn:csms:problem:unavailable")
        await api.get("/api/v1/transactions")
        body = await api.get("/ready")
        assert (body["status"], body["parts"]["warehouse"]) == ("degraded", "down")


async def test_without_any_gateway_the_node_is_not_ready() -> None:
    async with running_api(peers=("ledger",)) as api:
        status, body = await api.ask("GET", "/ready", role="")
        assert (status, body["status"]) == (503, "unavailable")
        assert (await api.ask("GET", "/health", role=""))[0] == 200


@pytest.mark.parametrize("reason", ["journal_failed", "starting", "draining"])
async def test_a_gateway_that_refuses_everybody_makes_the_node_unavailable(
    api: Api, reason: str
) -> None:
    assert (await api.get("/ready", role=""))["status"] == "ready"
    api.peers.refusing["gw0"] = reason
    status, body = await api.ask("GET", "/ready", role="")
    assert (status, body["status"], body["parts"]["gw0"]) == (503, "unavailable", reason)


async def test_a_node_of_which_one_gateway_refuses_is_degraded() -> None:
    async with running_api(peers=("gw0", "gw1", "ledger", "warehouse")) as api:
        api.peers.refusing["gw1"] = "journal_failed"
        body = await api.get("/ready", role="")
        assert body["status"] == "degraded"
        assert (body["parts"]["gw0"], body["parts"]["gw1"]) == ("up", "journal_failed")


async def test_metrics_name_the_process_and_what_the_api_sees(api: Api) -> None:
    tree = TreeStatus(1, 2, False, (ChildStatus("gw0", "m:f", 0, State.RUNNING, 3, 4, -9, "", 5),))
    write_status(api.config.paths.run, tree)
    text = await api.get("/metrics", role="viewer")
    lines = text.splitlines()
    assert 'csms_frames_total{process="gw0"} 3' in lines
    assert 'csms_up{process="api",what="warehouse"} 1.0' in lines
    assert 'csms_restarts_total{process="api",what="gw0"} 4.0' in lines
    assert any(
        line.startswith('csms_link_frames_total{process="api",direction="out",link="gw0"')
        for line in lines
    )


@pytest.mark.parametrize("text", ["it's", "\\", "\\'", "'; DROP TABLE x; --", "\0", "ü\n\t"])
def test_a_literal_ends_where_it_should(text: str) -> None:
    quoted = literal(text)
    inside = quoted[1:-1].replace("\\\\", "").replace("\\'", "").replace("\\0", "")
    assert "'" not in inside
    assert "\\" not in inside


def test_a_cursor_of_messages_comes_back_as_it_was() -> None:
    item = {"at_us": 17, "charger": "CP'1", "uid": "u"}
    assert from_cursor(to_cursor(item)) == (17, "CP'1", "u")


@pytest.mark.parametrize("cursor", ["x", "WzFd", "bnVsbA", "WyIxIiwgImEiLCAiYiJd"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        page_query({}, cursor, 10)


def test_a_direction_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="direction"):
        page_query({"direction": "sideways"}, "", 10)


async def test_the_description_has_examples_and_exact_statuses(api: Api) -> None:
    document = await api.get("/api/openapi.json")
    assert set(document["paths"]) >= {
        "/api/v1/chargers",
        "/api/v1/chargers/{charger}",
        "/api/v1/chargers/{charger}/calls",
        "/api/v1/commands/{command}",
        "/api/v1/tokens/{token}",
        "/api/v1/transactions",
        "/api/v1/messages",
        "/api/v1/refusals",
    }
    call = document["paths"]["/api/v1/chargers/{charger}/calls"]["post"]
    assert set(call["responses"]) >= {"200", "202", "401", "403", "404", "409", "422", "429"}
    assert document["components"]["schemas"]["NewCall"]["examples"]
    listing = document["paths"]["/api/v1/messages"]["get"]
    assert {p["name"] for p in listing["parameters"]} >= {"charger", "text", "from", "cursor"}
    page = await api.get("/api/docs")
    assert "<script" not in page
    assert "/api/v1/chargers/{charger}/calls" in page
