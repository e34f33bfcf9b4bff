"""What tests of several packages need."""

import os
from collections.abc import Iterator

import pytest

from benchmarks.postgres import Cluster

SLOW_FILES = (
    "tests/simulation/test_simulation.py",
    "tests/csms/dashboard/test_pages.py",
    "tests/csms/dashboard/test_hostile_strings.py",
    "tests/chaos/test_chaos.py",
    "tests/csms/dashboard/test_onboarding.py",
    "tests/loadtests/test_run.py",
    "tests/csms/api/test_every_route.py",
    "tests/chaos/test_scenarios.py",
    "tests/csms/dashboard/test_people.py",
    "tests/csms/api/test_schemathesis.py",
    "tests/chaos/test_outages.py",
    "tests/chaos/test_full_disk.py",
    "tests/interop/test_interop.py",
    "tests/csms/cli/test_serve.py",
)
"""The slowest first: a worker that gets one at the end lets all others wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the slow files to the front; all else keeps its order."""
    ranks = {name: rank for rank, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))


@pytest.fixture(autouse=True)
def _niceness_is_left_alone() -> Iterator[None]:
    """A test that runs the entry of a process here would slow down all tests after it."""
    before = os.nice(0)
    yield
    assert os.nice(0) == before, "this test has lowered the priority of the test run"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A private PostgreSQL cluster. Fails, and names the apt package, where none is installed."""
    try:
        cluster = Cluster()
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    cluster.remove()


@pytest.fixture
def postgres_url(postgres: Cluster) -> str:
    """The URL of a fresh, empty database."""
    return postgres.fresh()
