"""What `csms serve` says when a node ends by itself."""

from pathlib import Path

import pytest

from csms.cli.run import ENDINGS, how_it_ended
from supervisor.boot import ExitCode


def test_every_bad_end_has_a_sentence() -> None:
    said_by_an_error = {ExitCode.NOT_STARTED, ExitCode.ALREADY_RUNNING}
    assert set(ENDINGS) | said_by_an_error | {ExitCode.DRAINED} == set(ExitCode)


@pytest.mark.parametrize("code", ENDINGS)
def test_a_bad_end_says_where_to_look(code: ExitCode) -> None:
    text = how_it_ended(code, Path("/data/log"))
    assert text.startswith(ENDINGS[code])
    assert text.endswith("/data/log")


def test_a_drained_node_says_nothing() -> None:
    assert how_it_ended(ExitCode.DRAINED, Path("/data/log")) == ""
