"""The schema: numbered SQL files, each applied once and recorded in `schema_migrations`.

A file is a template. The embedded engine and a single server get plain MergeTree engines; a
cluster gets `Replicated...` engines and `ON CLUSTER`. Every statement can run twice (IF NOT
EXISTS), because a crash may come between the statement and its record. Retention is not a
migration: it is compared with the settings at every start.
"""

import re
from importlib.resources import files
from string import Template

from clickhouse_connect.driver.client import Client

from storage.analytical.settings import WarehouseSettings

_WINDOW = 10_000
"""Tokens that a table remembers; a plan needs the last few, the default of the engine is none."""

_WINDOW_S = 7 * 86_400
"""A cluster forgets tokens by age too; its default of an hour is shorter than an outage."""

_RECORDS = """
CREATE TABLE IF NOT EXISTS ${database}.schema_migrations${on_cluster}
(name String, applied_at DateTime('UTC') DEFAULT now('UTC'))
ENGINE = ${replicated}MergeTree ORDER BY name SETTINGS ${durable}
COMMENT 'Which parts of the schema were applied'
"""

RETENTION = {
    "samples": ("toDateTime(ts)", "samples_days"),
    "ocpp_messages": ("toDateTime(received_at)", "messages_days"),
    "status_history": ("toDateTime(ts)", "history_days"),
    "connections": ("toDateTime(received_at)", "history_days"),
    "transaction_events": ("toDateTime(ts)", "hourly_days"),
    "security_events": ("toDateTime(ts)", "history_days"),
    "device_events": ("toDateTime(ts)", "history_days"),
    "evse_limits": ("toDateTime(ts)", "history_days"),
    "outage_exclusions": ("toDateTime(until)", "history_days"),
    "samples_hourly": ("hour", "hourly_days"),
}
"""Table -> the expression that ages, and the setting (days) that says when a row goes."""


def variables(settings: WarehouseSettings) -> dict[str, str]:
    """Return what the templates are filled with."""
    durable = ["fsync_after_insert = 1", "fsync_part_directory = 1"]
    if settings.cluster:
        durable += [
            f"replicated_deduplication_window = {_WINDOW}",
            f"replicated_deduplication_window_seconds = {_WINDOW_S}",
        ]
    else:
        durable.append(f"non_replicated_deduplication_window = {_WINDOW}")
    return {
        "database": settings.database,
        "replicated": "Replicated" if settings.cluster else "",
        "on_cluster": f" ON CLUSTER '{settings.cluster}'" if settings.cluster else "",
        "durable": ", ".join(durable),
        **{
            days: str(getattr(settings, days))
            for days in ("samples_days", "hourly_days", "messages_days", "history_days")
        },
    }


def statements(settings: WarehouseSettings) -> dict[str, list[str]]:
    """Return the filled-in statements of every file, by file name, in order."""
    values = variables(settings)
    folder = files("storage.analytical") / "migrations"
    found = sorted((entry for entry in folder.iterdir()), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".sql"): _split(
            Template(entry.read_text(encoding="utf-8")).substitute(values)
        )
        for entry in found
        if entry.name.endswith(".sql")
    }


def _split(sql: str) -> list[str]:
    """Return the statements of a file: each ends with a semicolon at the end of a line."""
    bare = re.sub(r"(?m)^\s*--.*\n?", "", sql)
    return [part.strip() for part in re.split(r";\s*(?:\n|$)", bare) if part.strip()]


def migrate(client: Client, settings: WarehouseSettings) -> list[str]:
    """Bring the schema up to date; return the names of what was applied now.

    `client` has no default database (it may not exist yet).

    Raises:
        clickhouse_connect.driver.exceptions.ClickHouseError: the engine refused or is away.
    """
    values = variables(settings)
    client.command(
        Template("CREATE DATABASE IF NOT EXISTS ${database}${on_cluster}").substitute(values)
    )
    client.command(Template(_RECORDS).substitute(values))
    applied = {
        row[0]
        for row in client.query(
            f"SELECT name FROM {settings.database}.schema_migrations"  # noqa: S608 checked name
        ).result_rows
    }
    done = []
    for name, commands in statements(settings).items():
        if name in applied:
            continue
        for command in commands:
            client.command(command)
        _record(client, settings, name)
        done.append(name)
    _retain(client, settings, first=not applied)
    return done


def _retain(client: Client, settings: WarehouseSettings, *, first: bool) -> None:
    """Change the TTL of tables whose retention differs from the settings."""
    if first:
        return
    values = variables(settings)
    wanted = {
        table: f"{aged} + toIntervalDay({values[days]})"
        for table, (aged, days) in RETENTION.items()
    }
    found = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
        parameters={"database": settings.database},
    ).result_rows
    for name, query in found:
        if name in wanted and f"TTL {wanted[name]}" not in query:
            client.command(
                f"ALTER TABLE {settings.database}.{name}{values['on_cluster']} "
                f"MODIFY TTL {wanted[name]}"
            )


def _record(client: Client, settings: WarehouseSettings, name: str) -> None:
    client.insert(
        f"{settings.database}.schema_migrations",
        [[name]],
        column_names=["name"],
        settings={"insert_deduplication_token": f"migration:{name}"},
    )
