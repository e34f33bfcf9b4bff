"""The table of threats names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| (T\d+|CWE-\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
NOT_HERE = {"T20"}


def test_every_threat_has_a_row() -> None:
    assert {name for name, _, _ in ROWS} == {
        *(f"T{number}" for number in range(1, 28)),
        *(f"CWE-{number}" for number in (306, 307, 522, 613)),
    }


@pytest.mark.parametrize(("name", "attack", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_a_threat_has_the_test_that_it_names(name: str, attack: str, test: str) -> None:
    if name in NOT_HERE:
        assert test == "not served here"
        return
    path, _, function = test.strip("`").partition("::")
    assert re.search(rf"^\s*(async )?def {function}\(", (ROOT / path).read_text(), re.MULTILINE), (
        attack
    )
