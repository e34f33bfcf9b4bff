"""Plots and pages say what is recorded, the same each time."""

from pathlib import Path

from benchmarks import plots
from benchmarks.__main__ import SUITE
from benchmarks.goals import ROWS, rows_of
from benchmarks.report import read
from docs.pages import capacity


def test_every_row_belongs_to_a_benchmark_of_the_suite():
    assert {row.benchmark for row in ROWS} == set(SUITE)


def test_the_capacity_page_knows_its_rows_and_names_what_is_not_recorded():
    for name, keys in capacity.SHOWN:
        assert set(keys) <= {row.key for row in rows_of(name)}
    page = capacity.page()
    missing = [name for name in dict(capacity.SHOWN) if read(name) is None]
    assert ("Not recorded yet" in page) is bool(missing)
    gateway = read("gateway")
    assert gateway is not None
    assert f"{gateway.figures['per_s']:,.0f} /s" in page


def test_the_same_results_give_the_same_plots(tmp_path: Path):
    first = {path.name: path.read_bytes() for path in plots.draw(SUITE, tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in plots.draw(SUITE, tmp_path / "b")}
    assert {"cost.svg", "cost.png", "flat.svg", "waiting.svg"} <= set(first)
    assert first == second
