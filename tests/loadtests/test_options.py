"""Options, gauges, cues: the parts that need no Locust."""

from argparse import Namespace
from pathlib import Path

import pytest
from pydantic import ValidationError

from loadtests.gauges import Gauge, Timeline
from loadtests.options import listed, pairs, read_options
from loadtests.report import with_tab


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
