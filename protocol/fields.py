"""One payload, read with tolerance: wrong types are understood, missing values get defaults.

A sanity check never blocks an answer (1.6 part 1, sections 4.7, 4.8 and 4.10), so nothing here
raises for any JSON value. What had to be bent leaves a mark in `flags`:

    missing:/idTag         not there, or null; the default was taken
    coerced:/meterStart    another type or spelling, understood
    unreadable:/meterStart not understood; the default was taken
    range:/connectorId     understood, outside what can be stored; the default was taken
    cut:/idTag             too long; the rest was dropped
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from domain.text import clean
from protocol.reading import Reading
from protocol.time import read_time

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
INT53_MAX = 2**53
"""Meter registers: beyond this a float no longer holds every integer, and no meter counts there."""

_NOTHING: Mapping[str, object] = {}


class Fields:
    """The members of one JSON object. `payload` may be anything; no object means no members."""

    __slots__ = ("_members", "flags", "path", "reading")

    def __init__(
        self,
        payload: object,
        reading: Reading,
        flags: list[str] | None = None,
        path: str = "/",
    ) -> None:
        self.reading = reading
        self.flags = [] if flags is None else flags
        self.path = path
        if isinstance(payload, dict):
            self._members: Mapping[str, object] = payload
        else:
            self._members = _NOTHING
            self.mark("unreadable", "")

    def mark(self, kind: str, name: str) -> None:
        """Add the flag `kind` for the member `name`, once."""
        flag = f"{kind}:{self.path}{name}"
        if flag not in self.flags:
            self.flags.append(flag)

    def get(self, name: str) -> object:
        """Return the member as it came; None when it is not there."""
        return self._members.get(name)

    def text(
        self,
        name: str,
        default: str | None = "",
        length_max: int = 0,
    ) -> str:
        """Return a text without NUL and lone surrogates, of at most `length_max` characters.

        `length_max` 0 is `limits.name_length_max`. Numbers become their digits, objects and lists
        their JSON text. `default=None` says that the member is required: its absence is flagged,
        and the value is the empty text.
        """
        value = self._members.get(name)
        limit = length_max or self.reading.limits.name_length_max
        if type(value) is str:
            if len(value) > limit:
                self.mark("cut", name)
            return clean(value, limit)
        if value is None:
            if default is None:
                self.mark("missing", name)
                return ""
            return default
        self.mark("coerced", name)
        return clean(json_text(value), limit)

    def integer(
        self,
        name: str,
        default: int | None = 0,
        least: int = 0,
        most: int = INT32_MAX,
    ) -> int:
        """Return an integer from `least` to `most`; fractions are rounded.

        `default=None` says that the member is required: its absence is flagged, and the value is
        0.
        """
        value = self._members.get(name)
        fallback = default or 0
        if value is None:
            if default is None:
                self.mark("missing", name)
            return fallback
        if type(value) is int:
            number = value
        else:
            understood = as_number(value)
            if understood is None:
                self.mark("unreadable", name)
                return fallback
            self.mark("coerced", name)
            number = round(understood)
        if least <= number <= most:
            return number
        self.mark("range", name)
        return fallback

    def time(self, name: str) -> tuple[int, str]:
        """Return the instant and its quality (protocol.time.read_time)."""
        return read_time(self._members.get(name), self.reading)

    def raw(self, name: str) -> str:
        """Return the member as text for a content key: as it came, nothing flagged."""
        value = self._members.get(name)
        if value is None:
            return ""
        text = value if type(value) is str else json_text(value)
        return clean(text, self.reading.limits.name_length_max)


def as_number(value: object) -> float | int | None:
    """Return the finite number that `value` is or spells, or None. Never raises.

    Integers stay integers, whatever their size. A comma is no decimal point: 1,234 may be either.
    """
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return value
    if type(value) is float:
        return value if isfinite(value) else None
    if type(value) is not str or "_" in value or len(value) > NUMBER_LENGTH_MAX:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


NUMBER_LENGTH_MAX = 64
"""Longer texts are no number."""


def json_text(value: object) -> str:
    """Return `value` as JSON text in ASCII. Never raises for what a JSON parser returned."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):
        return ""


def listed(value: object, path: str, flags: list[str]) -> list[Any]:
    """Return a list: some chargers send a lone object instead of a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        mark(flags, f"coerced:{path}")
        return [value]
    mark(flags, f"{'missing' if value is None else 'unreadable'}:{path}")
    return []


def mark(flags: list[str], flag: str) -> None:
    """Add a flag, once."""
    if flag not in flags:
        flags.append(flag)
