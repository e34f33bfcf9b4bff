"""A block whose insert was cut by SIGKILL or a power cut is in the engine exactly once.

The engine writes the token of a block to its log of tokens before it renames the block's part into
its place, and does not sync that log. So after a crash there may be a token without rows (the same
block sent again is taken for a duplicate) or rows without a token (the block is taken again). Both
are made here by hand, from two copies of one store.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.audit import dump
from tests.chaos.node import ROOT
from tests.chaos.warehouse_steps import ENTRIES

COUNTS = tuple(
    f"SELECT count(), uniqExact(charger, {moment}) FROM csms.{table}"
    for table, moment in (
        ("samples FINAL", "ts"),
        ("status_history FINAL", "ts"),
        ("ocpp_messages", "uid"),
        ("connections", "generation"),
    )
)
ROLL_UP = """SELECT charger, min(least), max(most), argMaxMerge(last) FROM csms.samples_hourly
    GROUP BY charger ORDER BY charger"""


def steps(data: Path, *names: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.chaos.warehouse_steps", str(data), *names],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=True,
    )


@dataclass(frozen=True)
class Stores:
    """Copies of one store."""

    planned: Path
    """The first block is planned and not inserted."""
    inserted: Path
    """It is inserted."""
    roll_up: list[Any]
    """Of a store where all blocks were inserted undisturbed."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    folder = tmp_path_factory.mktemp("crash")
    planned, inserted, whole = (folder / name for name in ("planned", "inserted", "whole"))
    steps(planned, "prepare", "plan")
    copy(planned, inserted)
    steps(inserted, "one")
    copy(inserted, whole)
    steps(whole, "all")
    return Stores(planned, inserted, dump(whole, ROLL_UP)[0])


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def logs_of_tokens(data: Path) -> list[Path]:
    found = sorted(data.glob("chdb/store/**/deduplication_log_*.txt"))
    assert found
    return found


def assert_everything_is_there_once(data: Path, stores: Stores) -> None:
    *counts, roll_up = dump(data, *COUNTS, ROLL_UP)
    assert [table[0] for table in counts] == [[ENTRIES, ENTRIES]] * len(COUNTS)
    assert roll_up == stores.roll_up


@pytest.mark.slow
def test_a_token_without_its_rows_loses_nothing(stores: Stores, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copy(stores.planned, data)
    for log in logs_of_tokens(stores.inserted):
        shutil.copy(log, data / log.relative_to(stores.inserted))

    steps(data, "all")

    assert_everything_is_there_once(data, stores)


@pytest.mark.slow
def test_rows_without_their_token_are_not_doubled(stores: Stores, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copy(stores.inserted, data)
    copy(stores.planned / "warehouse", data / "warehouse")
    for log in logs_of_tokens(data):
        log.write_bytes(b"")

    steps(data, "all")

    assert_everything_is_there_once(data, stores)
