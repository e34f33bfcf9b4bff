"""What tests of several packages need."""

import os
from collections.abc import Iterator

import pytest

from tests.postgres import Cluster


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
