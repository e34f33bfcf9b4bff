"""Query parameters of lists: one table says what is read, checked and documented."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from domain.errors import InvalidInput

BIGINT_MAX = (1 << 63) - 1
TEXT_MAX = 1_000


def _text(value: str) -> str:
    if len(value) > TEXT_MAX:
        raise ValueError(f"must have at most {TEXT_MAX} characters")
    return value


def _integer(value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        raise ValueError("must be a whole number") from None
    if abs(number) > BIGINT_MAX:
        raise ValueError("is too large")
    return number


def _flag(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true"


def _instant(value: str) -> int:
    """Microseconds since 1970, or ISO 8601 (without a zone: UTC)."""
    if value.isascii() and value.isdigit():
        return _integer(value)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise ValueError("must be ISO 8601 or microseconds since 1970") from None


@dataclass(frozen=True)
class Kind:
    """How a parameter is read, and its JSON schema."""

    read: Callable[[str], Any]
    schema: dict[str, Any]


TEXT = Kind(_text, {"type": "string", "maxLength": TEXT_MAX})
INTEGER = Kind(_integer, {"type": "integer"})
FLAG = Kind(_flag, {"type": "boolean"})
INSTANT = Kind(_instant, {"type": "string", "examples": ["2026-01-31T12:00:00Z"]})


@dataclass(frozen=True)
class Parameter:
    """One query parameter. `field` is the name of the filter that it sets."""

    name: str
    kind: Kind
    description: str
    field: str = ""


CURSOR = Parameter("cursor", TEXT, "`next` of the page before.")
LIMIT = Parameter("limit", INTEGER, "Items of this page.")


def read_query(request: Request, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return filter -> value of what was sent.

    Raises:
        InvalidInput: a parameter that the list does not have, twice the same, or a wrong value.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        parameter = by_name.get(name)
        if parameter is None:
            near = difflib.get_close_matches(name, by_name, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InvalidInput(name, f"no such parameter{hint}")
        field = parameter.field or name
        if field in values:
            raise InvalidInput(name, "was sent twice")
        try:
            values[field] = parameter.kind.read(text)
        except ValueError as error:
            raise InvalidInput(name, str(error)) from error
    return values
