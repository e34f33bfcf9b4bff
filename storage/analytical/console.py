"""Runs analysts' statements: through the gate, limited, in the format that was asked for.

Each thread has a client and a gate of its own. The engine makes the text, so numbers, dates and
escapes are as ClickHouse users know them. Times are UTC.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from domain.errors import InvalidInput, Unavailable
from storage.analytical.client import open_client, plain_text
from storage.analytical.gate import Gate, Refused, engine_text
from storage.analytical.settings import WarehouseSettings


@dataclass(frozen=True)
class Answer:
    """Rows as values: what a table on a screen needs."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


def _json(lines: bytes) -> bytes:
    return b"[" + b",\n".join(lines.splitlines()) + b"]\n"


FORMATS: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "table": ("JSONCompact", lambda text: text),
    "json": ("JSONEachRow", _json),
    "ndjson": ("JSONEachRow", lambda text: text),
    "csv": ("CSVWithNames", lambda text: text),
}
"""Format -> the engine's format, and what is left to do."""


class Console:
    """Analysts' statements against one store. May be used from several threads.

    Args:
        dsn: see `WarehouseSettings.dsn`; not empty.
        settings: the limits.
    """

    def __init__(self, dsn: str, settings: WarehouseSettings) -> None:
        self._dsn = dsn
        self._settings = settings
        self._local = threading.local()
        self._lock = threading.Lock()
        self._clients: list[Client] = []

    def run(self, query: str, form: str = "table", rows_max: int = 1_000) -> Answer | bytes:
        """Return the answer to `query`: an Answer for "table", else UTF-8 text.

        Args:
            query: one SELECT statement.
            form: table, json (a list of objects), ndjson or csv (with names).
            rows_max: rows beyond it are cut off; at most `sql_rows_max`.

        Raises:
            Refused: the statement may not run, is wrong, or needs more than it may use.
            InvalidInput: `form` or `rows_max`.
            Unavailable: the engine is away.
        """
        if form not in FORMATS:
            raise InvalidInput("format", f"is one of {', '.join(FORMATS)}")
        if rows_max < 1:
            raise InvalidInput("rows_max", "is at least 1")
        if len(query.encode("utf-8", "replace")) > self._settings.sql_query_bytes_max:
            raise Refused(f"the statement has more than {self._settings.sql_query_bytes_max} bytes")
        engine_form, finish = FORMATS[form]
        client, gate = self._own()
        try:
            wrapped = gate.wrap(query, min(rows_max, self._settings.sql_rows_max))
            text = client.raw_query(wrapped, fmt=engine_form)
        except DatabaseError as error:
            self._drop(client)
            raise Refused(engine_text(str(error))) from error
        except (ClickHouseError, OSError) as error:
            self._drop(client)
            raise Unavailable(f"the analytical store is away: {plain_text(error)}") from error
        except Exception:
            self._drop(client)
            raise
        if len(text) > self._settings.sql_answer_bytes_max:
            raise Refused(
                f"the answer has more than {self._settings.sql_answer_bytes_max} bytes; select less"
            )
        if form != "table":
            return finish(text)
        found = msgspec.json.decode(text)
        return Answer(
            columns=[column["name"] for column in found["meta"]],
            types=[column["type"] for column in found["meta"]],
            rows=found["data"],
        )

    def close(self) -> None:
        """Close the clients of all threads; no statement may be running."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _drop(self, client: Client) -> None:
        """Let go of a client that has seen an error.

        The embedded engine leaves what a failed statement had already written in the handle, and
        puts it before the answer to the next one: that would be somebody else's rows, and would
        blind the gate.
        """
        self._local.own = None
        with self._lock:
            self._clients.remove(client)
        client.close()

    def _own(self) -> tuple[Client, Gate]:
        """Return the calling thread's client and gate."""
        own: tuple[Client, Gate] | None = getattr(self._local, "own", None)
        if own is None:
            settings = self._settings
            client = open_client(
                self._dsn,
                settings,
                database=settings.database,
                options={
                    "session_timezone": "UTC",
                    "output_format_json_quote_64bit_integers": 0,
                    "max_execution_time": settings.sql_seconds_max,
                    "max_memory_usage": settings.sql_memory_bytes_max,
                    "max_result_rows": settings.sql_rows_max,
                    "result_overflow_mode": "throw",
                    "final": int(settings.sql_final),
                    # Last: after it nothing can be set any more.
                    "readonly": 1,
                },
            )
            with self._lock:
                self._clients.append(client)
            own = self._local.own = (client, Gate(client, settings.database))
        return own
