from pathlib import Path

from storage.analytical.docs import render
from storage.analytical.migrate import migrate
from tests.storage.analytical.helper import ClickHouse

PAGE = Path(__file__).parents[3] / "docs" / "sql.md"


def test_the_page_about_sql_is_that_of_the_schema(clickhouse: ClickHouse) -> None:
    settings = clickhouse.settings()
    client = clickhouse.client(settings)
    migrate(client, settings)
    page = render(client, settings)
    client.command(f"DROP DATABASE {settings.database}")
    client.close()
    assert PAGE.read_text() == page, "run: python -m storage.analytical.docs > docs/sql.md"
