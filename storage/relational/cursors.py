"""Cursors of lists: where a page has ended, in one word. They come back from outside.

A list that is in the order of an instant and an id may write both with a dot between.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, or_

from domain.errors import InvalidInput

WHOLE_MAX: Final = (1 << 63) - 1
DIGITS_MAX: Final = 18
"""Of a number that every store takes."""
WRONG: Final = "is not one of ours"


def encode(*values: object) -> str:
    """Return a cursor of some values: texts and whole numbers."""
    text = json.dumps(values)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Return the values of a cursor.

    Args:
        cursor: of `encode`, as somebody sent it.
        kinds: the type of each value.

    Raises:
        InvalidInput: it is none.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidInput("cursor", WRONG) from error
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise InvalidInput("cursor", WRONG)
    if not all(_is_storable(value) for value in values):
        raise InvalidInput("cursor", WRONG)
    return values


def _is_storable(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) <= WHOLE_MAX
    # Neither NUL nor half of a surrogate pair, which JSON can write.
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in str(value))


def older(cursor: str, at: Column[Any], key: Column[Any]) -> ColumnElement[bool]:
    """Return the condition for rows after a cursor of an instant and an id, newest first.

    Raises:
        InvalidInput: it is none.
    """
    at_us, dot, last = cursor.partition(".")
    if not dot:
        raise InvalidInput("cursor", WRONG)
    number = whole(at_us)
    return or_(at < number, and_(at == number, key < last))


def whole(text: str) -> int:
    """Return the number in a cursor.

    Raises:
        InvalidInput: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise InvalidInput("cursor", WRONG)
    return int(text)
