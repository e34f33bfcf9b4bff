import shutil

import pytest

from storage.relational.engine import open_engine
from storage.relational.migrations import upgrade
from tests.csms.pki.kit import Pki


@pytest.fixture(scope="session")
def shared_pki(tmp_path_factory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def pki(shared_pki, tmp_path) -> Pki:
    """A copy that a test may change."""
    shutil.copytree(shared_pki.folder, tmp_path / "pki")
    return Pki(tmp_path / "pki")


@pytest.fixture
async def store(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    await upgrade(url)
    engine = open_engine(url)
    yield engine
    await engine.dispose()
