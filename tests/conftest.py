"""What tests of several packages need."""

from collections.abc import Iterator

import pytest

from tests.postgres import Cluster


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
