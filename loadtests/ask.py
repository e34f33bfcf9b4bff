"""What csms has stored, asked over its SQL and its REST interface. The system's time is UTC."""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator

from loadtests.accounts import StoredBill

SQL_S_MAX = 120.0
REST_S_MAX = 30.0
ROWS_MAX = 5_000_000
PAGE = 100
"""Rows of a page, as many as every installation allows."""
QUERY = (
    "SELECT charger, action, uniqExact(uid) AS messages FROM ocpp_messages "
    "WHERE direction = 'in' AND outcome = 'result' AND match(uid, '^[0-9a-f]{{24}}$') "
    "AND received_at >= fromUnixTimestamp64Milli({since_ms}) GROUP BY 1, 2"
)


class NotTold(Exception):
    """The server has not told; the text says why."""


def stored_messages(data: str, since_us: int) -> dict[tuple[str, str], int]:
    """Return how many different messages are stored, by charger and action.

    `csms sql` waits until everything that was acknowledged is there.

    Args:
        data: the data directory.
        since_us: the beginning of the run; earlier messages are not counted.

    Raises:
        NotTold: the command failed.
    """
    query = QUERY.format(since_ms=since_us // 1_000)
    command = [sys.executable, "-m", "csms", "sql", "--data", data, query]
    command += ["--format", "json", "--rows", str(ROWS_MAX)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command line
            command, capture_output=True, text=True, timeout=SQL_S_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotTold(f"csms sql takes longer than {SQL_S_MAX} s") from error
    if done.returncode:
        raise NotTold(f"csms sql: {done.stderr.strip()[-500:]}")
    rows = json.loads(done.stdout or "[]")
    return {(row["charger"], row["action"]): int(row["messages"]) for row in rows}


def stored_bills(api: str, key: str, since_us: int) -> list[StoredBill]:
    """Return the transactions since `since_us`. NotTold: the server does not answer with a list."""
    return list(_bills(api, key, since_us))


def _bills(api: str, key: str, since_us: int) -> Iterator[StoredBill]:
    cursor = ""
    while True:
        query = {"limit": str(PAGE)}
        if cursor:
            query["cursor"] = cursor
        url = f"{api.rstrip('/')}/api/v1/transactions?{urllib.parse.urlencode(query)}"
        if not url.startswith(("http://", "https://")):
            raise NotTold(f"--api {api}: not an address of a web server")
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=REST_S_MAX) as response:  # noqa: S310
                page = json.load(response)
        except (OSError, ValueError) as error:
            raise NotTold(f"{url}: {error}") from error
        for row in page["items"]:
            if row["start_received_us"] < since_us:
                return  # newest first
            yield StoredBill(
                row["charger"],
                row["number"],
                row["meter_start_wh"],
                row["meter_stop_wh"],
                row["connector"],
                row["said"],
            )
        cursor = page.get("next", "")
        if not cursor:
            return
