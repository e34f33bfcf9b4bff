"""Outages that do not count: copies of what is in the relational store."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from domain.errors import Unavailable
from storage.analytical.client import INSERT_SETTINGS, plain_text
from storage.analytical.settings import WarehouseSettings

COLUMNS: Final = (
    "id", "tenant", "charger", "connector", "since", "until", "reason", "removed", "version",
)  # fmt: skip
US_PER_S: Final = 1_000_000
Copy = tuple[str, str, str, int, int, int, str, int, int]
"""As COLUMNS; instants are microseconds since 1970."""


def put(client: Client, settings: WarehouseSettings, copies: Iterable[Copy]) -> int:
    """Insert copies and return the last version that is there.

    Of one id the row with the greatest version holds.

    Raises:
        Unavailable: the engine is away or full.
    """
    rows = [[*copy[:4], _moment(copy[4]), _moment(copy[5]), *copy[6:]] for copy in copies]
    table = f"{settings.database}.outage_exclusions"
    try:
        if rows:
            token = f"exclusions {rows[0][-1]} {rows[-1][-1]} {len(rows)}"
            client.insert(
                table,
                rows,
                column_names=COLUMNS,
                settings={**INSERT_SETTINGS, "insert_deduplication_token": token},
            )
        found = client.query(f"SELECT max(version) FROM {table}").result_rows  # noqa: S608 checked name
        return int(found[0][0])
    except (ClickHouseError, OSError) as error:
        raise Unavailable(f"exclusions cannot be copied: {plain_text(error)}") from error


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / US_PER_S, UTC)
