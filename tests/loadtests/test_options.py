"""Options, gauges, cues: the parts that need no Locust."""

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

import pytest
from pydantic import ValidationError

from loadtests.gauges import Gauge, Timeline
from loadtests.options import listed, pairs, read_options, reads
from loadtests.report import with_tab
from loadtests.websocket import not_a_server


def test_options_of_others_are_left_alone() -> None:
    options = read_options(Namespace(ocpp_prefix="X", num_users=5))
    assert options.prefix == "X"


def test_pairs_and_lists_are_read_and_wrong_ones_refused() -> None:
    assert pairs("a=1, b=2") == {"a": "1", "b": "2"}
    assert listed(" x ,,y") == ("x", "y")
    with pytest.raises(ValueError, match="'nonsense' is not NAME=VALUE"):
        pairs("nonsense")


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValidationError, match="no fault 'flood'"):
        read_options({"ocpp_faults": "flood=0.1"}).fault_settings()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("api", "127.0.0.1:8080", "does not begin with http:// or https://"),
        ("ca", "nowhere.pem", "No such file"),
        ("cert", "nowhere.pem", "No such file"),
        ("chargers_csv", "nowhere.csv", "No such file"),
        ("chargers_csv", "{empty}", "has no charger in it"),
        ("chargers_csv", "{twice}", "has 'CP1' twice"),
        ("data", "nowhere", "is no folder"),
        ("faults", "cut=often", "rates.cut: Input should be a valid number"),
        ("faults", "cut=2", "the chance of cut is 2.0, not 0 to 1"),
        ("models", "exemplary,shiny", "no model 'shiny'; there are exemplary"),
        ("seed", "x", "valid integer"),
        ("simulator", "arrival_s_mean=0", "arrival_s_mean: Input should be greater than 0"),
        ("simulator", "arival=3", "arival: Extra inputs are not permitted"),
        ("sources", "127.0.0.2,127.0.0.300", "'127.0.0.300' does not appear to be an IPv4"),
        ("stretch", "0", "greater than 0"),
        ("verdict", "{empty}", ""),
        ("verdict", "{twice}", "line 1"),
        ("verdict", "{odd}", "loss: Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_begins(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    files = {"empty": "", "twice": "CP1,a\nCP2,b\nCP1,c\n", "odd": "loss = 0\n"}
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    text = text.format_map({file: tmp_path / file for file in files})
    read = reads(name)
    if not why:
        assert read(text) == text
        return
    with pytest.raises(ArgumentTypeError) as refused:
        read(text)
    assert why in str(refused.value)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9000/ocpp", "wss://csms.example/ocpp"])
def test_chargers_dial_what_is_a_websocket(url: str) -> None:
    assert not_a_server(url) == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1/ocpp", "127.0.0.1:9000", "ws://h:99999/", ""])
def test_chargers_dial_nothing_else(url: str) -> None:
    assert not_a_server(url).startswith(f"{url!r} is no ws://HOST:PORT/PATH and no wss://")


def test_a_certificate_for_each_charger_is_looked_for_when_it_dials() -> None:
    assert reads("cert")("certs/{id}.pem") == "certs/{id}.pem"


def test_chargers_come_from_a_file_with_or_without_passwords(tmp_path: Path) -> None:
    file = tmp_path / "chargers.csv"
    file.write_text("CP1,secret\n\nCP2\n")
    options = read_options({"ocpp_chargers_csv": str(file)})
    assert options.members() == [("CP1", "secret"), ("CP2", "")]


def test_gauges_of_processes_are_added_by_second() -> None:
    timeline = Timeline()
    timeline.latest["a"] = Gauge(users=2, connected=1, cpu=0.25)
    timeline.latest["b"] = Gauge(users=3, connected=3, cpu=0.5)
    timeline.tick(1.0)
    timeline.latest["a"] = Gauge(users=2, connected=2)
    timeline.tick(2.0)
    assert timeline.most("connected") == 5
    assert timeline.rows[0][1].cpu == 0.75
    assert timeline.csv().splitlines()[1].startswith("1.0,5,4,")


def test_the_report_gets_a_tab_and_keeps_the_page() -> None:
    summary = {
        "passed": False,
        "verdict": [{"what": "loss", "asked": "≤ 0", "found": "3", "passed": False}],
        "accounts": {"loss": 3, "kinds": {}, "bills": _row(), "wrong_bills": []},
        "faults": {"cut": 2},
        "generator": {"cores_mean": 0.5},
    }
    page = with_tab(
        '<html><body><div id="root">theirs</div></body></html>',
        summary,
        [(1.0, Gauge(connected=1)), (2.0, Gauge(connected=4))],
    )
    assert "theirs" in page
    assert page.count("</body>") == 1
    for shown in ("Verdict: failed", "loss 3", "cut", "polyline", "Chargers"):
        assert shown in page


def _row() -> dict[str, object]:
    return {"sent": 1, "acknowledged": 1, "unanswered": 0, "stored": 1, "lost": 0}
