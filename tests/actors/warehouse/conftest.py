from collections.abc import Iterator

import pytest

from tests.storage.analytical.helper import ClickHouse, clickhouse_server


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with clickhouse_server(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture
def clickhouse(engine: ClickHouse) -> Iterator[ClickHouse]:
    yield engine
    engine.no_faults()
