import asyncio
import json
from pathlib import Path

import pytest

from supervisor.clock import FakeClock
from supervisor.process import EntryError, ProcessContext, resolve
from tests.supervisor.tree import entries


def context() -> ProcessContext:
    return ProcessContext(
        name="a",
        settings=None,
        run_dir=Path("unused"),
        clock=FakeClock(),
        draining=asyncio.Event(),
        sockets={},
    )


def test_an_entry_names_a_function() -> None:
    assert resolve("tests.supervisor.tree.entries:good") is entries.good


def test_an_entry_without_a_function_says_so() -> None:
    with pytest.raises(EntryError, match="has no function missing"):
        resolve("tests.supervisor.tree.entries:missing")


def test_an_entry_without_a_module_says_so() -> None:
    with pytest.raises(ModuleNotFoundError):
        resolve("supervisor.nothing_of_that_name:run")


def test_reports_are_merged() -> None:
    ctx = context()
    ctx.report({"connections": 1, "lag": 2})
    ctx.report({"connections": 3})
    assert json.loads(ctx.reported()) == {"connections": 3, "lag": 2}


def test_a_report_of_a_strange_value_is_shown_as_text() -> None:
    ctx = context()
    ctx.report({"path": Path("x")})
    assert json.loads(ctx.reported()) == {"path": "x"}
