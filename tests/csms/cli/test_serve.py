"""The real thing: processes, sockets, signals."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from csms.simulator.driver import Fleet, Member
from csms.simulator.identity import Identity
from csms.simulator.settings import SimulatorSettings
from supervisor.clock import Clock
from supervisor.telemetry import METRICS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
START_S = 70
NOTHING_TO_COUNT = {"csms_flags_total", "csms_quirks_total"}
"""Metrics that have no series as long as chargers speak as specified."""
NO_SITES = {
    "csms_site_headroom_amperes",
    "csms_site_evses",
    "csms_site_doubted",
    "csms_plans_total",
    "csms_plan_seconds",
}
"""Metrics that have no series in a node without sites and planner."""


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="csms") as folder:
        yield Path(folder) / "d"


def csms(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "csms", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextlib.asynccontextmanager
async def node(*arguments: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(START_S):
            while "ctrl-C" not in said:
                line = (await process.stdout.readline()).decode()
                assert line, f"the node ended: {said}"
                said += line
        yield said, process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(60):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise


async def test_a_node_serves_chargers_and_drains(data: Path) -> None:
    anywhere = ("--listen", "127.0.0.1:0", "--api", "127.0.0.1:0")
    unknown = ("--accept-unknown", "127.0.0.0/8")
    key = csms("key", "create", "--data", str(data), "--role", "admin").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    async with node("serve", "--data", str(data), *anywhere, *unknown) as (said, process):
        chargers = re.search(r"ws://[\d.:]+/ocpp", said)
        api = re.search(r"http://[\d.:]+", said)
        assert chargers is not None
        assert api is not None
        async with aiohttp.ClientSession(api[0]) as stranger, stranger.get("/ready") as first:
            # Nobody has to wait who comes as soon as the addresses are told, unless it is told who.
            assert first.status == 200 or "not yet" in said, await first.text()
        assert csms("token", "add", "SIMTAG", "--data", str(data)).returncode == 0
        settings = SimulatorSettings(
            arrival_s_mean=0.5, session_s_mean=2.0, meter_interval_s=1.0, connectors=1
        )
        fleet = Fleet(
            chargers[0],
            [Member(Identity("SIM1"))],
            tokens=("SIMTAG",),
            settings=settings,
            seed=1,
            clock=Clock(),
        )
        stop = asyncio.Event()
        running = asyncio.create_task(fleet.run(stop))
        async with aiohttp.ClientSession(api[0], headers=headers) as session:
            async with asyncio.timeout(60):
                while fleet.counts().started < 1:
                    await asyncio.sleep(0.1)
            body = {"action": "GetConfiguration", "payload": {"key": ["HeartbeatInterval"]}}
            path = "/api/v1/chargers/SIM1/calls?wait=10"
            async with session.post(path, json=body) as response:
                answer = await response.json()
                assert (response.status, answer["outcome"]) == (200, "accepted")
                assert answer["response"]["configurationKey"][0]["key"] == "HeartbeatInterval"
            query = "SELECT count() AS n FROM ocpp_messages WHERE action = 'StartTransaction'"
            found = await asyncio.to_thread(
                csms, "sql", "--data", str(data), query, "--format", "json"
            )
            assert json.loads(found.stdout)[0]["n"] >= 1, found.stderr
            async with session.get("/api/v1/messages?action=StartTransaction") as response:
                assert (await response.json())["items"][0]["charger"] == "SIM1"
            async with session.get("/api/v1/transactions?charger=SIM1") as response:
                assert (await response.json())["items"]
            async with session.get(chargers[0].replace("ws:", "http:")) as response:
                assert response.status == 404
            async with session.get("/ready") as response:
                assert (await response.json())["status"] == "ready"
            async with session.get("/metrics") as response:
                shown = set(re.findall(r"^# TYPE (\S+)", await response.text(), re.MULTILINE))
            assert shown - {row.name for row in METRICS} == set()
            assert {row.name for row in METRICS} - shown - NOTHING_TO_COUNT == NO_SITES
        stop.set()
        await running
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    found = csms("sql", "--data", str(data), query, "--format", "json")
    assert json.loads(found.stdout)[0]["n"] >= 1, found.stderr


async def test_the_demo_shows_charging_and_leaves_nothing_behind(tmp_path: Path) -> None:
    anywhere = ("--listen", "127.0.0.1:0", "--api", "127.0.0.1:0")
    async with node("demo", "--chargers", "3", *anywhere) as (said, process):
        folder = Path(re.findall(r"^data +(\S+)", said, re.MULTILINE)[0])
        key = re.findall(r"^key +(\S+)", said, re.MULTILINE)[0]
        api = re.findall(r"http://[\d.:]+", said)[0]
        headers = {"Authorization": f"Bearer {key}"}
        pasted = re.findall(r"^  (.* sql --data .*)$", said, re.MULTILINE)[0]
        answer = await asyncio.to_thread(
            subprocess.run, ["/bin/sh", "-c", pasted], env={"PATH": "/usr/bin:/bin"}, check=False
        )
        assert answer.returncode == 0
        async with aiohttp.ClientSession(api, headers=headers) as session, asyncio.timeout(60):
            while True:
                async with session.get("/api/v1/chargers") as response:
                    rows = (await response.json())["items"]
                if [row["presence"] for row in rows] == ["connected"] * 3:
                    break
                await asyncio.sleep(0.2)
            # Its power is shared out: chargers have been told their standing limit.
            places: list[dict[str, object]] = []
            while [row["standing_a"] for row in places] != [0.0, 0.0]:
                async with session.get("/api/v1/sites/harbour/limits") as response:
                    places = (await response.json())["evses"]
                await asyncio.sleep(0.2)
        assert {row["site"] for row in rows} == {"harbour", "station", "depot"}
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert not folder.exists()


def test_a_taken_port_is_one_line_and_an_exit_code(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = csms("serve", "--data", str(data), "--listen", place, "--api", "127.0.0.1:0")
    assert result.returncode == 2
    assert result.stderr.strip() == (
        f"csms: listen: cannot listen on {place}: another process listens there already"
    )


def test_a_simulator_without_a_server_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"ws://127.0.0.1:{port}/ocpp"
    result = csms("simulate", "--url", url, "--duration", "1")
    assert result.returncode == 3
    assert "no charger could connect" in result.stderr


def test_csms_starts_without_the_engines_it_does_not_need(data: Path) -> None:
    code = (
        "import sys, csms.cli; "
        "print([m for m in ('chdb', 'thespian', 'uvicorn') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": "."}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout.strip() == "[]"
