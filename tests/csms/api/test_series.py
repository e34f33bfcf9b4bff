"""Meter values over REST: the statements on the real engine, and what is refused."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csms.api.series import POINTS_MAX, POWER, power_query, series_query, step_for
from supervisor.clock import Clock
from tests.csms.api.node import Api
from tests.csms.dashboard.hostile import STRINGS
from tests.storage.analytical.helper import DAY, HOUR, T0

REGISTER = "Energy.Active.Import.Register"
Ask = Callable[[str], Any]


@contextlib.contextmanager
def embedded(folder: Path, *options: str) -> Iterator[Ask]:
    """The embedded engine with a story, in a process of its own."""
    command = [sys.executable, "-m", "tests.storage.analytical.embedded", str(folder), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        stdout.readline()

        def ask(query: str) -> Any:
            stdin.write(json.dumps([query, "table", POINTS_MAX]) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline())
            assert "ok" in answer, (query, answer)
            return answer["ok"]["rows"]

        yield ask
        stdin.close()
        process.wait(20)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The story of two chargers."""
    with embedded(tmp_path_factory.mktemp("chdb")) as ask:
        yield ask


def filters(**more: Any) -> dict[str, Any]:
    return {"measurand": REGISTER, "since_us": T0 - HOUR, "until_us": T0 + DAY} | more


def test_a_series_of_a_charger_has_its_connectors_in_the_order_of_time(engine: Ask):
    rows = engine(series_query(filters(charger="c1"), 60))
    assert rows
    assert {row[1] for row in rows} == {"Wh"}
    assert rows == sorted(rows, key=lambda row: (row[0], row[2]))
    assert all(T0 - HOUR <= row[2] < T0 + DAY for row in rows)


def test_a_sum_counts_the_last_value_of_each_connector_for_a_while(engine: Ask):
    one = {row[2]: row[3] for row in engine(series_query(filters(charger="c1"), 60)) if row[0] == 1}
    both = {row[2]: row[3] for row in engine(series_query(filters(), 60))}
    begin = min(one)
    assert both[begin] == pytest.approx(2 * one[begin])
    assert begin + 60_000_000 in both


def test_what_a_transaction_drew_counts_no_more_when_it_is_over(tmp_path: Path):
    now_us = Clock().now_us()
    with embedded(tmp_path, str(now_us)) as ask:
        assert [(row[1], row[3]) for row in ask(power_query({}))] == [("on", 7_000.0)]
        span = {"measurand": POWER, "since_us": now_us - HOUR, "until_us": now_us}
        totals = [row[3] for row in ask(series_query(span, 5))]
    both, one = totals.index(14_000.0), totals.index(7_000.0)
    assert set(totals) == {14_000.0, 7_000.0}
    assert (both, 4 <= one - both <= 5) == (0, True)


def test_nothing_from_outside_gets_out_of_its_literal(engine: Ask):
    for text in STRINGS:
        assert engine(series_query(filters(charger=text), 60)) == []
        assert engine(power_query({"charger": text, "first": text, "last": text})) == []


@pytest.mark.parametrize(
    ("span_s", "step_s"),
    [(1, 1), (1_800, 5), (86_400, 300), (31_536_000, 86_400), (10**15, 86_400)],
)
def test_steps_are_round(span_s: int, step_s: int):
    assert step_for(span_s * 1_000_000) == step_s


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=10&to=10", "to"),
        ("measurand=' OR 1", "measurand"),
        ("transaction=x", "transaction"),
        ("from=soon", "from"),
        ("chargers=a", "chargers"),
    ],
)
async def test_what_a_series_cannot_be_of_is_told(api: Api, query: str, field: str):
    status, body = await api.ask("GET", f"/api/v1/series?{query}")
    assert status == 422
    assert body["errors"][0]["field"] == field
    assert api.peers.queries == []


async def test_a_tenant_sees_its_own_values_only(api: Api):
    for path in ("/api/v1/power", "/api/v1/series?charger=A", "/api/v1/series"):
        await api.get(path, role="other")
        assert "tenant = 'other'" in api.peers.queries[-1]
        await api.get(path)
        assert "tenant" not in api.peers.queries[-1]


async def test_numbers_of_the_overview_are_of_the_own_tenant(api: Api):
    body = {"id": "OURS"}
    assert (await api.ask("POST", "/api/v1/chargers", body))[0] == 201
    assert (await api.get("/api/v1/overview"))["chargers"] == 1
    assert (await api.get("/api/v1/overview", role="other"))["chargers"] == 0
