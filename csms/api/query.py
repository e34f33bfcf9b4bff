"""Query parameters of lists: one table says what is read, checked and documented."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from domain.errors import InvalidInput

BIGINT_MAX = (1 << 63) - 1
TEXT_MAX = 1_000
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
INSTANT_MAX = 9_000_000_000_000_000
"""In 2255: within the calendars of all stores."""


def _text(value: str) -> str:
    if len(value) > TEXT_MAX:
        raise ValueError(f"must have at most {TEXT_MAX} characters")
    if "\0" in value:
        raise ValueError("must not have the character NUL")
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
        at_us = _integer(value)
    else:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            at_us = int(moment.timestamp() * 1_000_000)
        except (ValueError, OverflowError):
            raise ValueError("must be ISO 8601 or microseconds since 1970") from None
    if not 0 <= at_us <= INSTANT_MAX:
        raise ValueError("must be from 1970 to 2255")
    return at_us


@dataclass(frozen=True)
class Kind:
    """How a parameter is read, and its JSON schema."""

    read: Callable[[str], Any]
    schema: dict[str, Any]


TEXT = Kind(_text, {"type": "string", "maxLength": TEXT_MAX})
INTEGER = Kind(_integer, {"type": "integer", "minimum": -BIGINT_MAX, "maximum": BIGINT_MAX})
FLAG = Kind(_flag, {"type": "boolean"})
INSTANT = Kind(
    _instant,
    {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "minimum": 0, "maximum": INSTANT_MAX},
        ],
        "examples": ["2026-01-31T12:00:00Z"],
    },
)


def choice(*words: str, default: str = "") -> Kind:
    """Return the kind of one of some words; `default`: what counts when it is not said."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    schema = {"type": "string", "enum": list(words)} | ({"default": default} if default else {})
    return Kind(read, schema)


def number(minimum: float, default: float) -> Kind:
    """Return the kind of a number; `default`: what counts when it is not said."""

    def read(value: str) -> float:
        # As JSON has it, and no further: float() takes "1_0" and "Infinity" too.
        if NUMBER.fullmatch(value) is None or math.isinf(found := float(value)):
            raise ValueError("must be a number")
        if found < minimum:
            raise ValueError(f"must be at least {minimum:g}")
        return found

    return Kind(read, {"type": "number", "minimum": minimum, "default": default})


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
            raise InvalidInput(name, _no_such(name, by_name))
        field = parameter.field or name
        if field in values:
            raise InvalidInput(name, "was sent twice")
        try:
            values[field] = parameter.kind.read(text)
        except ValueError as error:
            raise InvalidInput(name, str(error)) from error
    return values


async def only_known(request: Request) -> None:
    """Refuse a parameter that a route of FastAPI does not have, as `read_query` does, and NUL.

    Raises:
        InvalidInput: there is such a one.
    """
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in value:
            raise InvalidInput(name, "must not have the character NUL")
    if request.query_params:
        known = {field.alias for field in request.scope["route"].dependant.query_params}
        for name in request.query_params:
            if name not in known:
                raise InvalidInput(name, _no_such(name, known))


def _no_such(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return "no such parameter" + (f"; did you mean {near[0]}?" if near else "")


def parameters_of(
    parameters: Sequence[Parameter], schemas: Mapping[str, dict[str, Any]] = {}
) -> list[dict[str, Any]]:
    """Return the OpenAPI entries of parameters; `schemas`: of those that have one of their own."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.description,
            "schema": schemas.get(parameter.name, parameter.kind.schema),
        }
        for parameter in parameters
    ]
