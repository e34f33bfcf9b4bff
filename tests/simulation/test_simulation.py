"""The stories of many seeds, and faults of ours that they must find. See README.md."""

import os
import subprocess
import sys

import pytest

from tests.simulation.__main__ import seeds_of
from tests.simulation.mutations import MUTATIONS

SHORT_S = "8"
"""Seconds of trouble in each world: enough for a dozen transactions over 200 seeds' faults."""


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulation as `make simulate` does."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_laws_hold_in_two_hundred_worlds() -> None:
    done = simulate("200", "--seconds", SHORT_S)
    assert done.returncode == 0, done.stdout[-6_000:]
    assert "200 seeds, 0 broken" in done.stdout


SLOW_TO_FIND = "forget the fence"
"""Takes two connections of a charger that live at once: one world in twenty has them."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if name == SLOW_TO_FIND else [])
        for name in sorted(MUTATIONS)
    ],
)
def test_a_fault_that_breaks_one_law_is_found_within_thirty_seeds_and_replays(name: str) -> None:
    done = simulate("30", "--broken", name, "--seconds", "12")
    assert done.returncode == 1, done.stdout[-3_000:]
    assert "BROKEN" in done.stdout
    assert "replays exactly" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_seed_tells_the_same_story_in_every_process() -> None:
    first, again = (simulate("17-17").stdout.splitlines()[0] for _ in range(2))
    assert first.startswith("seed    17")
    assert first == again


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [1, 2, 3]), ("5-7", [5, 6, 7]), ("7,9", [7, 9]), ("7,", [7]), ("1-2,9", [1, 2, 9])],
)
def test_seeds_are_a_count_a_stretch_or_a_list(text: str, seeds: list[int]) -> None:
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "x", "9-5", "-3"])
def test_what_names_no_seeds_is_refused_with_the_rule(text: str) -> None:
    done = simulate(text) if not text.startswith("-") else simulate("--", text)
    assert done.returncode == 2
    assert "SEEDS" in done.stderr
