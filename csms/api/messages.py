"""The message log, out of ClickHouse: the query that a page needs, and its cursor. Pure.

Text from outside gets into a statement only as a quoted literal (`literal`) or a number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.errors import InvalidInput
from storage.relational import cursors

COLUMNS = (
    "at_us",
    "charger",
    "direction",
    "action",
    "uid",
    "payload",
    "response",
    "outcome",
    "error_code",
    "error_text",
    "latency_us",
    "flags",
)
_SELECT = "toUnixTimestamp64Micro(received_at) AS at_us, " + ", ".join(COLUMNS[1:])
DIRECTIONS = frozenset({"in", "out"})
US_PER_MS = 1_000


class Last(NamedTuple):
    """Where the page before ended."""

    at_us: int
    charger: str
    uid: str


def literal(text: str) -> str:
    """Return `text` as a string literal of ClickHouse."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def condition(name: str, value: str | Sequence[str], table: str = "") -> str:
    """Return the condition that a column has a value; `sites`: that the site is one of many.

    Args:
        name: of the column, or `sites`.
        value: what it must be, or one of.
        table: its name with a dot, or empty.
    """
    if name == "sites":
        return f"{table}site IN ({', '.join(literal(one) for one in value)})"
    assert isinstance(value, str)
    return f"{table}{name} = {literal(value)}"


def page_query(filters: Mapping[str, Any], cursor: str, limit: int) -> str:
    """Return the statement for one page, newest first, one row more than `limit`.

    Args:
        filters: charger, action, direction, outcome, text, flagged, tenant, sites, since_us,
            until_us.
        cursor: of the page before, or empty.
        limit: rows.

    Raises:
        InvalidInput: an unknown direction, or a cursor that is none.
    """
    where = [
        condition(name, filters[name])
        for name in ("charger", "action", "direction", "outcome", "tenant", "sites")
        if name in filters
    ]
    if filters.get("direction", "in") not in DIRECTIONS:
        raise InvalidInput("direction", "must be in or out")
    if "text" in filters:
        needle = literal(filters["text"])
        where.append(
            f"(positionCaseInsensitiveUTF8(payload, {needle}) > 0"
            f" OR positionCaseInsensitiveUTF8(response, {needle}) > 0)"
        )
    if filters.get("flagged") is not None:
        where.append("notEmpty(flags)" if filters["flagged"] else "empty(flags)")
    if "since_us" in filters:
        where.append(f"received_at >= {_moment(filters['since_us'])}")
    if "until_us" in filters:
        where.append(f"received_at < {_moment(filters['until_us'])}")
    if cursor:
        last = from_cursor(cursor)
        where.append(
            f"(received_at, charger, uid) < "
            f"({_moment(last.at_us)}, {literal(last.charger)}, {literal(last.uid)})"
        )
    wanted = f" WHERE {' AND '.join(where)}" if where else ""
    return (
        f"SELECT {_SELECT} FROM ocpp_messages{wanted}"  # noqa: S608 - literals only, see above
        f" ORDER BY received_at DESC, charger DESC, uid DESC LIMIT {limit + 1:d}"
    )


def _moment(at_us: int) -> str:
    """Return an instant; the table keeps milliseconds."""
    return f"fromUnixTimestamp64Milli(toInt64({at_us // US_PER_MS:d}), 'UTC')"


def to_cursor(item: Mapping[str, Any]) -> str:
    """Return the cursor after `item`."""
    return cursors.encode(item["at_us"], item["charger"], item["uid"])


def from_cursor(cursor: str) -> Last:
    """Return where a cursor points to.

    Raises:
        InvalidInput: it is none.
    """
    return Last(*cursors.decode(cursor, (int, str, str)))
