"""Makes docs/sql.md from the schema's own comments and the examples.

python -m storage.analytical.docs > docs/sql.md
"""

import sys
import tempfile

from clickhouse_connect.driver.client import Client

from storage.analytical.client import open_client
from storage.analytical.examples import EXAMPLES
from storage.analytical.migrate import migrate
from storage.analytical.settings import WarehouseSettings

_INTRODUCTION = """\
# SQL for analysts

This page is made from the schema (`python -m storage.analytical.docs`); a test compares them.

    csms sql "SELECT site, day, energy_wh FROM energy_by_site_day ORDER BY day DESC LIMIT 10"
    csms sql --format csv "SELECT * FROM sessions" > sessions.csv

The dialect is ClickHouse's. One SELECT statement at a time, read only; functions and table
functions are those of an allow-list (aggregates, dates, texts, arrays, maps, JSON, windows; nothing
that reads files, addresses or other databases). Times are UTC. FORMAT, SETTINGS and INTO OUTFILE
are refused: the format is chosen outside of the statement (table, json, ndjson, csv).

A statement of `csms sql` first waits until everything that chargers were answered before it is
there, at most five seconds.

What a charger sends twice is in a table twice until the engine has merged its parts. Statements see
it once all the same (`warehouse.sql_final`, as if `FINAL` stood after every table), which takes two
to four times as long on parts that are not merged yet.
"""


def render(client: Client, settings: WarehouseSettings) -> str:
    """Return the page for the schema that `client` sees (migrated, `settings.database`)."""
    tables = client.query(
        "SELECT name, engine = 'View', comment FROM system.tables "
        "WHERE database = {database:String} AND engine != 'MaterializedView' "
        "AND name NOT IN ('schema_migrations', 'samples_again') ORDER BY engine != 'View', name",
        parameters={"database": settings.database},
    ).result_rows
    columns = client.query(
        "SELECT table, name, type, comment FROM system.columns "
        "WHERE database = {database:String} ORDER BY table, position",
        parameters={"database": settings.database},
    ).result_rows
    parts = [_INTRODUCTION]
    for title, wanted in (("Views", True), ("Tables", False)):
        parts.append(f"## {title}\n")
        for table, is_view, comment in tables:
            if bool(is_view) is not wanted:
                continue
            parts.append(f"### {table}\n\n{comment}.\n")
            lines = ["| column | type | |", "|---|---|---|"]
            lines += [
                f"| `{name}` | {kind} | {said} |" for of, name, kind, said in columns if of == table
            ]
            parts.append("\n".join(lines) + "\n")
    parts.append("## Examples\n")
    for title, query in EXAMPLES:
        parts.append(f"{title}:\n\n```sql\n{query}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Print the page."""
    settings = WarehouseSettings()
    with tempfile.TemporaryDirectory() as folder:
        client = open_client(f"chdb://{folder}", settings)
        migrate(client, settings)
        sys.stdout.write(render(client, settings))
        client.close()


if __name__ == "__main__":
    main()
