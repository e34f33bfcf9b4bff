from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import SUITE
from benchmarks.goals import ROWS, Row
from benchmarks.report import (
    BEGIN,
    END,
    Result,
    compared,
    markdown,
    put_between_marks,
    read,
    write,
)

MACHINE = {
    "cores": 2,
    "cpu": "a processor",
    "memory_gib": 24.0,
    "filesystem": "ext4",
    "fsync_ms": 0.2,
    "python": "3.11.7",
}


def recovery(killed_s: float, found_s: float) -> Result:
    figures = {"killed_s": killed_s, "found_s": found_s}
    return Result("recovery", "2026-01-02T03:04:05Z", MACHINE, figures)


def test_every_row_belongs_to_a_benchmark_and_every_benchmark_has_rows():
    assert {row.benchmark for row in ROWS} == set(SUITE)


def test_no_figure_has_two_rows():
    keys = [(row.benchmark, row.key) for row in ROWS]
    assert len(keys) == len(set(keys))


def test_a_goal_is_judged_in_its_own_direction():
    assert Row("b", "k", "l", at_most=2).reached(2) is True
    assert Row("b", "k", "l", at_most=2).reached(2.1) is False
    assert Row("b", "k", "l", at_least=2).reached(1.9) is False
    assert Row("b", "k", "l").reached(1) is None


def test_a_kept_result_is_read_back(tmp_path: Path):
    result = recovery(1.25, 2.5)
    write(result, tmp_path)
    assert read("recovery", tmp_path) == result
    assert read("scale", tmp_path) is None


def test_a_run_is_shown_beside_its_goals_and_the_last_run():
    killed, found = compared(recovery(1.5, 4.0), recovery(1.0, 4.0)).splitlines()
    assert "reached" in killed
    assert "+50 %" in killed
    assert "MISSED" in found
    assert "+0 %" in found


def test_a_slower_machine_is_said_to_be_slower():
    then, here = recovery(1.0, 2.0), recovery(1.5, 3.0)
    then = replace(then, machine={**MACHINE, "work_ms": 80.0})
    first, *rest = compared(replace(here, machine={**MACHINE, "work_ms": 120.0}), then).splitlines()
    assert "1.50 times as long" in first
    assert len(rest) == 2
    same = compared(replace(here, machine={**MACHINE, "work_ms": 81.0}), then)
    assert "times as long" not in same


def test_a_quick_run_is_not_judged():
    assert "MISSED" not in compared(recovery(9, 9), None, judged=False)


def test_the_table_says_which_goals_are_missed_and_where_it_was_taken():
    lines = markdown([recovery(1.5, 4.0)]).splitlines()
    assert lines[2] == "| kill -9, 1,000 chargers served again | 1.50 s | ≤ 2.00 s | yes |"
    assert lines[3] == "| hung gateway found | 4.00 s | ≤ 3.00 s | **no** |"
    assert "2 cores (a processor)" in lines[5]
    assert "2026-01-02" in lines[5]


def test_the_table_replaces_only_what_is_between_the_marks():
    text = f"before\n{BEGIN}\nold \\1\n{END}\nafter\n"
    once = put_between_marks(text, "new \\1")
    assert once == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"
    assert put_between_marks(once, "new \\1") == once


def test_a_text_without_marks_is_refused():
    with pytest.raises(ValueError, match="there is no"):
        put_between_marks("no marks", "table")
