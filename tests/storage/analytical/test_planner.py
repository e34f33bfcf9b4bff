from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.analytical.blocks import Reject
from storage.analytical.planner import Plan, PlanStore
from tests.storage.analytical.helper import T0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse" / "plan.db"


@pytest.fixture
def store(path: Path) -> Iterator[PlanStore]:
    store = PlanStore(path, 3)
    yield store
    store.close()


def test_an_unknown_journal_begins_at_zero_without_a_plan(store: PlanStore) -> None:
    assert store.position("u") == 0
    assert store.pending("u") is None


def test_a_plan_survives_until_it_is_finished(store: PlanStore, path: Path) -> None:
    plan = store.plan("u", "gw0", 40)
    assert plan == Plan("u", 0, 40, "u:0-40")
    store.close()
    again = PlanStore(path, 3)
    assert again.pending("u") == plan
    assert again.position("u") == 0
    again.finish(plan, [], T0)
    assert again.pending("u") is None
    assert again.position("u") == 40
    assert again.plan("u", "gw0", 50) == Plan("u", 40, 50, "u:40-50")
    again.close()


def test_plans_of_different_journals_do_not_touch_each_other(store: PlanStore) -> None:
    first = store.plan("u", "gw0", 40)
    second = store.plan("v", "gw1", 7)
    store.finish(second, [], T0)
    assert store.pending("u") == first
    assert (store.position("u"), store.position("v")) == (0, 7)


def test_a_block_without_entries_cannot_be_planned(store: PlanStore) -> None:
    store.finish(store.plan("u", "gw0", 40), [], T0)
    with pytest.raises(AssertionError):
        store.plan("u", "gw0", 40)


def test_what_is_put_aside_is_kept_up_to_the_limit_and_counted_for_ever(
    store: PlanStore, path: Path
) -> None:
    import sqlite3

    rejects = [Reject(n, 0, "samples:202601:0", "why", b"body") for n in range(1, 6)]
    store.finish(store.plan("u", "gw0", 5), rejects, T0)
    assert store.quarantined() == {"u": 5}
    with sqlite3.connect(path) as db:
        kept = db.execute("SELECT lsn, reason, body, at_us FROM quarantine").fetchall()
    db.close()
    assert kept == [(n, "why", b"body", T0) for n in (3, 4, 5)]


def test_places_are_remembered_changed_and_forgotten(store: PlanStore) -> None:
    store.set_places({"c1": ("a", "s1"), "c2": ("a", "s2")}, complete=True)
    store.set_places({"c2": ("a", "s3")}, complete=False)
    assert store.places() == {"c1": ("a", "s1"), "c2": ("a", "s3")}
    store.set_places({"c3": ("b", "s4")}, complete=True)
    assert store.places() == {"c3": ("b", "s4")}
