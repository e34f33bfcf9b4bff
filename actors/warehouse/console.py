"""`run_sql`: an analyst's statement, whether the node runs or not."""

import asyncio
from pathlib import Path

from domain.errors import InvalidInput, Unavailable
from storage.analytical.client import dsn_of, open_client
from storage.analytical.console import Answer, Console
from storage.analytical.gate import Refused
from storage.analytical.migrate import migrate
from storage.analytical.settings import WarehouseSettings
from supervisor.links import DeadlinePassed, LinkBusy, LinkClient, LinkDown, RemoteFailed

_PATIENCE_S = 10.0
"""Beyond the time that the statement itself may take: waiting its turn, carrying the answer."""

_CONNECT_S = 1.0
_START_S = 10.0
"""What a warehouse process takes to serve its socket again, with room."""


def run_sql(
    data_dir: Path,
    query: str,
    form: str = "table",
    rows_max: int = 1_000,
    *,
    run_dir: Path | None = None,
    settings: WarehouseSettings | None = None,
    fresh: bool = True,
) -> Answer | bytes:
    """Return the answer to `query`: an Answer for "table", UTF-8 text for json, ndjson and csv.

    Asks the node's warehouse process when it runs; else opens the store itself, in this process
    (which must not fork afterwards). Not for a thread with a running event loop.

    Args:
        data_dir: the data directory of the installation.
        query: one SELECT statement; see `storage.analytical.gate`.
        form: table, json, ndjson or csv.
        rows_max: rows beyond it are cut off.
        run_dir: the folder of the sockets; default: `run` in the data directory.
        settings: the limits; default: the defaults.
        fresh: first let the warehouse catch up with what chargers were answered until now.

    Raises:
        Refused: the statement may not run, is wrong, or needs more than it may use.
        InvalidInput: `form` or `rows_max`.
        Unavailable: the store is away, or there is none yet.
    """
    settings = settings or WarehouseSettings()
    socket = (run_dir or data_dir / "run") / "warehouse.sock"
    body = {"query": query, "format": form, "rows_max": rows_max, "fresh": fresh}
    if not socket.exists():
        return _open_and_run(data_dir, query, form, rows_max, settings)
    try:
        return asyncio.run(_ask(socket, body, settings, _CONNECT_S))
    except LinkDown:
        pass  # nobody serves the socket: it was left behind, or its process is just starting
    try:
        return _open_and_run(data_dir, query, form, rows_max, settings)
    except Unavailable as taken:
        try:
            return asyncio.run(_ask(socket, body, settings, _START_S))
        except LinkDown:
            raise taken from None


async def _ask(
    socket: Path, body: dict[str, object], settings: WarehouseSettings, connect_s: float
) -> Answer | bytes:
    deadline_s = settings.sql_seconds_max + settings.sql_fresh_s_max + _PATIENCE_S
    async with LinkClient(socket, {}) as client:
        link = await client.connected(connect_s)
        try:
            answer = await link.ask("sql", body, deadline_s)
        except RemoteFailed as error:
            if error.kind == "Refused":
                raise Refused(error.text) from error
            if error.kind == "InvalidInput":
                field, _, rule = error.text.partition(": ")
                raise InvalidInput(field, rule) from error
            raise Unavailable(error.text) from error
        except (DeadlinePassed, LinkBusy) as error:
            raise Unavailable(str(error)) from error
        except LinkDown as error:
            raise Unavailable(f"the warehouse went away: {error}") from error
    if isinstance(answer, bytes):
        return answer
    assert isinstance(answer, dict)
    return Answer(answer["columns"], answer["types"], answer["rows"])


def _open_and_run(
    data_dir: Path, query: str, form: str, rows_max: int, settings: WarehouseSettings
) -> Answer | bytes:
    folder = data_dir / "chdb"
    dsn = dsn_of(settings, folder)
    if not settings.dsn and not folder.is_dir():
        raise Unavailable(f"there is no analytical store in {data_dir}")
    client = open_client(dsn, settings)
    try:
        migrate(client, settings)
    finally:
        client.close()
    console = Console(dsn, settings)
    try:
        return console.run(query, form, rows_max)
    finally:
        console.close()
