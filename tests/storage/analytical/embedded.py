"""Analysts' statements on an embedded engine, in a process of its own: chdb must not be in pytest's.

    python -m tests.storage.analytical.embedded FOLDER [NOW_US]

With NOW_US the story of helper.ended_and_running is there instead of the long ones.
A JSON line in is [query, format, rows_max]; a JSON line out is {"ok": ...} or {"error", "text"}.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from storage.analytical.blocks import Window
from storage.analytical.builder import DAY_US
from storage.analytical.client import open_client
from storage.analytical.console import Answer, Console
from storage.analytical.functions import AGGREGATES, SCALARS, TABLE_FUNCTIONS
from storage.analytical.migrate import migrate
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from tests.storage.analytical.helper import KEEP, ended_and_running, rows_of, story

SETTINGS = WarehouseSettings(
    **KEEP,
    sql_seconds_max=3.0,
    sql_memory_bytes_max=200_000_000,
    sql_rows_max=5_000,
    sql_answer_bytes_max=200_000,
)


def main(folder: str, now_us: str = "") -> None:
    dsn = f"chdb://{folder}"
    client = open_client(dsn, SETTINGS)
    migrate(client, SETTINGS)
    entries = ended_and_running(int(now_us)) if now_us else [*story("c1"), *story("c2")]
    built = build(rows_of(*entries), {}, Window(DAY_US, DAY_US), 1_000)
    client.command("SYSTEM STOP MERGES")
    for token in ("t", "the same facts under another token"):
        Sink(client, SETTINGS).write(token, built.blocks)
    console = Console(dsn, SETTINGS)
    Path(folder, "secret.txt").write_text("top secret")
    facts = {
        "functions": [
            row[0].lower() for row in client.query("SELECT name FROM system.functions").result_rows
        ],
        "table_functions": [
            row[0].lower()
            for row in client.query("SELECT name FROM system.table_functions").result_rows
        ],
        "allowed": sorted(SCALARS | AGGREGATES),
        "allowed_tables": sorted(TABLE_FUNCTIONS),
    }
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        query, form, rows_max = json.loads(line)
        try:
            answer = console.run(query, form, rows_max)
            ok = asdict(answer) if isinstance(answer, Answer) else answer.decode()
            print(json.dumps({"ok": ok}), flush=True)
        except Exception as error:
            print(json.dumps({"error": type(error).__name__, "text": str(error)}), flush=True)
    console.close()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
