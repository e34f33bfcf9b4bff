"""Thresholds: what is asked, what is found."""

from xml.etree import ElementTree as ET

import pytest
from pydantic import ValidationError

from loadtests.verdicts import Measured, Thresholds, judge, junit, read_thresholds

ROWS = [
    Measured("OCPP", "MeterValues", 100, 2, 5.0, 20.0, 80.0, 300.0),
    Measured("OCPP", "Heartbeat", 10, 0, 1.0, 2.0, 3.0, 4.0),
    Measured("FLOW", "plug to energy", 5, 0, 4_000.0, 6_000.0, 7_000.0, 7_100.0),
]


def verdict(text: str, loss: int | None = 0, cores: float = 0.1) -> dict[tuple[str, str], bool]:
    found = judge(read_thresholds(text), ROWS, loss=loss, generator_cores=cores)
    return {(row.what, row.asked): row.passed for row in found}


def test_a_threshold_is_asked_of_every_row_that_matches() -> None:
    found = verdict('[[threshold]]\ntype = "OCPP"\nname = "*"\np99_ms = 50')
    assert found["OCPP MeterValues", "p99 ≤ 50 ms"] is False
    assert found["OCPP Heartbeat", "p99 ≤ 50 ms"] is True
    assert not any(what.startswith("FLOW") for what, _ in found)


def test_failures_are_judged_by_row_and_in_total() -> None:
    found = verdict('failures_max = 0.01\n[[threshold]]\nname = "MeterValues"\nfailures_max = 0.01')
    assert found["OCPP MeterValues", "failures ≤ 1.00%"] is False
    assert found["failures", "≤ 1.00%"] is False


def test_rows_that_never_came_fail_where_a_count_is_asked() -> None:
    text = '[[threshold]]\ntype = "CSMS"\nname = "Reset"\ncount_min = 1\np99_ms = 5'
    assert verdict(text)["CSMS Reset", "count ≥ 1"] is False


def test_loss_fails_and_is_not_judged_when_nobody_knows_it() -> None:
    assert verdict("", loss=1)["loss", "≤ 0"] is False
    assert ("loss", "≤ 0") not in verdict("", loss=None)


def test_a_busy_generator_fails_the_run_because_it_measured_itself() -> None:
    assert verdict("generator_cores_max = 0.9", cores=0.97)["generator", "≤ 0.9 cores"] is False


def test_a_generator_that_wakes_late_fails_where_that_is_asked() -> None:
    thresholds = read_thresholds("generator_lag_ms_max = 5")
    found = judge(thresholds, ROWS, loss=0, generator_cores=0.1, generator_lag_ms=6.0)
    assert [row.asked for row in found if not row.passed] == ["lag ≤ 5 ms"]


def test_a_run_without_any_message_fails() -> None:
    found = judge(Thresholds(), [], loss=0, generator_cores=0)
    assert [row.what for row in found if not row.passed] == ["messages"]


@pytest.mark.parametrize(("kind", "failures"), [("CONNECT", 0), ("OCPP", 20)])
def test_a_run_in_which_nothing_was_answered_fails(kind: str, failures: int) -> None:
    rows = [Measured(kind, "WebSocket", 20, failures, 1.0, 1.0, 1.0, 1.0)]
    found = judge(Thresholds(), rows, loss=None, generator_cores=0.1)
    assert [row.what for row in found if not row.passed] == ["messages"]


def test_unknown_keys_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="p98_ms"):
        read_thresholds("[[threshold]]\np98_ms = 5")


def test_junit_has_one_case_for_everything_asked_and_names_what_failed() -> None:
    found = judge(
        read_thresholds('[[threshold]]\nname = "MeterValues"\nmax_ms = 10'),
        ROWS,
        loss=3,
        generator_cores=0,
    )
    suite = ET.fromstring(junit(found))
    assert suite.get("tests") == str(len(found))
    assert suite.get("failures") == "2"
    failed = [case.get("classname") for case in suite if case.find("failure") is not None]
    assert failed == ["loss", "OCPP MeterValues"]
