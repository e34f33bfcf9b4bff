"""The stories of many seeds, and faults of ours that they must find. See README.md."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulation.__main__ import line_of, main, seeds_of
from tests.simulation.mutations import MUTATIONS
from tests.simulation.worlds import Worlds, open_worlds

SHORT_S = 8
"""Seconds of trouble in each world: enough for a dozen transactions over 200 seeds' faults."""
SEEDS, PART = 200, 20


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with open_worlds() as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(900)  # niced: whatever else runs goes first
@pytest.mark.parametrize("first", range(1, SEEDS + 1, PART))
def test_the_laws_hold_in_two_hundred_worlds(worlds: Worlds, first: int) -> None:
    results = list(worlds.tell(range(first, first + PART), SHORT_S))
    broken = [result for result in results if result.problem]
    assert not broken, "\n".join(f"{line_of(one)}\n{one.trace[-6_000:]}" for one in broken)
    assert len(results) == PART


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
def test_a_fault_that_breaks_one_law_is_found_within_thirty_seeds_and_replays(
    worlds: Worlds, name: str
) -> None:
    with contextlib.closing(worlds.tell(range(1, 31), 12, name)) as results:
        found = next((result for result in results if result.problem), None)
    assert found is not None, "no law was broken"
    [again] = worlds.tell([found.seed], 12, name)
    assert again == found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_seed_tells_the_same_story_in_every_process(worlds: Worlds) -> None:
    command = [sys.executable, "-m", "tests.simulation", "17-17", "--seconds", str(SHORT_S)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    [here] = worlds.tell([17], SHORT_S)
    assert done.stdout.splitlines() == [line_of(here), "", "1 seeds, 0 broken"], done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_broken_seed_is_an_exit_code_a_line_and_a_trace(capsys: pytest.CaptureFixture) -> None:
    assert main(["2-2", "--seconds", str(SHORT_S), "--broken", "answer before the commit"]) == 1
    said = capsys.readouterr().out
    assert "BROKEN" in said
    assert "replays exactly" in said
    assert "is answered but not on disk" in said


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [1, 2, 3]), ("5-7", [5, 6, 7]), ("7,9", [7, 9]), ("7,", [7]), ("1-2,9", [1, 2, 9])],
)
def test_seeds_are_a_count_a_stretch_or_a_list(text: str, seeds: list[int]) -> None:
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "x", "9-5", "-3"])
def test_what_names_no_seeds_is_refused_with_the_rule(
    text: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--", text])
    assert ended.value.code == 2
    assert "SEEDS" in capsys.readouterr().err
