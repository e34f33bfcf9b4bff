"""A real node and real Locust runs, each in processes of their own."""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.csms.cli.test_serve import csms, node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
BUSY = "arrival_s_mean=1,session_s_mean=3,meter_interval_s=1,reconnect_s_max=2"
ANYWHERE = ("--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--accept-unknown", "127.0.0.0/8")
LOAD = """
from pathlib import Path
from locust.util.load_locustfile import load_locustfile
from loadtests.stage import Cue
for path in sorted(Path("loadtests/stories").glob("[a-z]*.py")):
    users, shapes = load_locustfile(str(path))
    assert "Charger" in users, path
    [story] = shapes
    assert story.acts and all(act.seconds > 0 for act in story.acts), path
    assert max(act.share or 0 for act in story.acts) == 1.0, path
    for act in story.acts:
        for cue in act.cues:
            assert cue.name in {"leave", "faults", "calm", "restart", "firmware"}, path
    assert users["Charger"].__doc__ and story.__doc__, path
    print(path.stem)
"""


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="csms") as folder:
        yield Path(folder) / "d"


async def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=90, check=False
    )


async def test_a_run_is_judged_and_its_accounts_are_even(data: Path, tmp_path: Path) -> None:
    key = csms("key", "create", "--data", str(data), "--role", "admin").stdout.strip()
    assert csms("token", "add", "T", "--max-active", "0", "--data", str(data)).returncode == 0
    verdict = tmp_path / "verdict.toml"
    async with node("serve", "--data", str(data), *ANYWHERE) as (said, _):
        chargers = re.findall(r"ws://[\d.:]+/ocpp", said)[0]
        api = re.findall(r"http://[\d.:]+", said)[0]
        server = ("-H", chargers, "--api", api, "--api-key", key, "--data", str(data))
        common = (*server, "--token", "T", "--simulator", BUSY, "--verdict", str(verdict))

        verdict.write_text('[[threshold]]\ntype = "OCPP"\nname = "MeterValues"\ncount_min = 2\n')
        files = {
            name: tmp_path / name for name in ("summary", "junit", "report", "books", "timeline")
        }
        passed = await locust(
            *("-f", "loadtests/locustfile.py", "-u", "9", "-r", "20", "-t", "14s"),
            *(part for name, path in files.items() for part in (f"--{name}", str(path))),
            *("--faults", "cut=0.02,duplicate=0.02,malformed=0.02,reset=0.02"),
            *("--models", "exemplary,careless,stately,metric", *common),
        )
        assert passed.returncode == 0, passed.stderr[-3_000:]
        summary = json.loads(files["summary"].read_text())
        assert summary["accounts"]["loss"] == 0
        meter_values = summary["accounts"]["kinds"]["MeterValues"]
        assert 2 <= meter_values["acknowledged"] <= meter_values["stored"] <= meter_values["sent"]
        assert summary["accounts"]["bills"]["stored"] >= 3
        assert summary["faults"]
        assert {row["type"] for row in summary["rows"]} >= {
            "CONNECT",
            "OCPP",
            "CSMS",
            "FLOW",
            "GET",
        }
        assert summary["generator"]["rss_mb_most"] > 0
        assert ET.parse(files["junit"]).getroot().get("failures") == "0"
        assert "csms-chargers" in files["report"].read_text()
        books = json.loads(files["books"].read_text())
        assert len(books) == 8
        named = [bool(bill["said"]) for one in books.values() for bill in one["bills"]]
        assert any(named), "chargers of 2.x have bills, too"
        assert not all(named)
        assert files["timeline"].read_text().count("\n") > 3

        verdict.write_text('[[threshold]]\ntype = "FLOW"\nname = "*"\np50_ms = 0.001\n')
        story = ("-f", "loadtests/stories/reconnect_storm.py", "-u", "6", "--stretch", "0.03")
        report = ("--summary", str(files["summary"]), "--prefix", "R")
        failed = await locust(*story, *report, "--processes", "2", *common)
        assert failed.returncode == 1, failed.stderr[-3_000:]
        assert "verdict: FAILED" in failed.stderr
        assert "loss: 0" in failed.stderr
        summary = json.loads(files["summary"].read_text())
        connects = [row for row in summary["rows"] if row["type"] == "CONNECT"]
        assert connects[0]["count"] >= 3 * 6  # two storms
        assert summary["generator"]["processes"] == 2


def test_every_story_names_chargers_and_acts_that_locust_can_load() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {p.stem for p in Path("loadtests/stories").glob("[a-z]*.py")}


SLOW_FILE = """
import time
end_s = time.monotonic() + 2.5
while time.monotonic() < end_s:
    pass
from loadtests.locustfile import *
"""


async def test_the_run_lasts_as_long_as_was_said_also_when_it_was_slow_to_load(
    tmp_path: Path,
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_FILE)
    summary = tmp_path / "summary.json"
    await locust(
        *("-f", str(tmp_path / "slow.py"), "-H", "ws://127.0.0.1:9/ocpp", "-u", "1", "-t", "2s"),
        *("--summary", str(summary)),
    )
    assert json.loads(summary.read_text())["seconds"] >= 1.9


DIAL = """
import socket
from loadtests.websocket import _dial
server = socket.create_server(("127.0.0.1", 0))
for source in ("127.0.0.2", "127.0.0.3", ""):
    made = _dial("127.0.0.1", server.getsockname()[1], source, 5.0)
    print(server.accept()[1][0])
"""


def test_chargers_dial_from_the_addresses_that_were_given() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIAL], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.split() == ["127.0.0.2", "127.0.0.3", "127.0.0.1"], done.stderr


async def test_a_mistake_on_the_command_line_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    done = await locust(
        *("-f", "loadtests/locustfile.py", "-H", "ws://127.0.0.1:9/ocpp", "-u", "2"),
        *("-t", "60s", "--processes", "2", "--verdict", str(tmp_path / "verdikt.toml")),
    )
    assert done.returncode == 2
    assert "argument --verdict: [Errno 2] No such file" in done.stderr
    assert "Traceback" not in done.stderr


async def test_what_is_no_server_of_chargers_ends_the_run_before_it_begins() -> None:
    host = "http://127.0.0.1:9/ocpp"
    done = await locust(
        *("-f", "loadtests/locustfile.py", "-H", host, "-u", "2", "-t", "60s", "--processes", "2")
    )
    assert done.returncode == 2
    assert f"argument -H/--host: '{host}' is no ws://HOST:PORT/PATH" in done.stderr
    assert "Traceback" not in done.stderr


async def test_no_two_users_play_one_charger_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("CP1,a\nCP2,b\n")
    done = await locust(
        *("-f", "loadtests/locustfile.py", "-H", "ws://127.0.0.1:9/ocpp", "-u", "3", "-t", "3s"),
        *("--chargers-csv", str(tmp_path / "two.csv"), "Charger"),
        *("--books", str(tmp_path / "books")),
    )
    assert done.returncode == 1
    assert "--chargers-csv has 2 chargers and there is no number 3" in done.stderr
    assert set(json.loads((tmp_path / "books").read_text())) == {"CP1", "CP2"}


async def test_a_server_that_is_not_there_fails_the_run() -> None:
    done = await locust(
        *("-f", "loadtests/locustfile.py", "-H", "ws://127.0.0.1:9/ocpp", "-u", "2", "-t", "3s"),
        *("--verdict", "loadtests/any_server.toml"),
    )
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stderr + done.stdout
    assert "not known, the server was not asked" in done.stderr
