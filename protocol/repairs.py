"""The faults of JSON that are mended, because real chargers are known to send them.

One row a pattern, and nothing else is touched: what is still not JSON after these is rejected.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

# Possessive and with an optional end: linear even over an endless string full of escaped quotes.
STRING: Final = rb'"(?:[^"\\]|\\.)*+"?'
_CONTROLS: Final = bytes(range(0x20))


class Repair(msgspec.Struct, frozen=True):
    """One fault. `pattern` also matches what must be skipped (strings, sound escapes)."""

    flag: str
    pattern: re.Pattern[bytes]
    mend: Callable[[re.Match[bytes]], bytes]


def _fault_becomes(replacement: bytes) -> Callable[[re.Match[bytes]], bytes]:
    return lambda match: match[0] if match["fault"] is None else match["kept"] + replacement


REPAIRS: Final = (
    # {"sampledValue":[,{...}]} (ZJ BENY)
    Repair(
        "repaired:leading_comma",
        re.compile(rb"(?P<kept>\[)(?P<fault>\s*,\s*(?=\{))|" + STRING, re.DOTALL),
        _fault_becomes(b""),
    ),
    # {"transactionId":,...} (AEFA)
    Repair(
        "repaired:missing_value",
        re.compile(rb"(?P<kept>" + STRING + rb"\s*:)(?P<fault>\s*(?=,))|" + STRING, re.DOTALL),
        _fault_becomes(b"null"),
    ),
    # Raw control characters inside strings, NUL above all (Wallbe)
    Repair(
        "repaired:control_character",
        re.compile(STRING, re.DOTALL),
        lambda match: match[0].translate(None, _CONTROLS),
    ),
    # NaN, Infinity, 1e999 in place of a value: no JSON, but a refusal would lose the meter values
    # around it for good.
    Repair(
        "repaired:not_finite",
        re.compile(
            # From its first digit only, and without going back: linear over endless digits.
            rb"(?P<kept>)(?P<fault>-?(?:NaN|Infinity|(?<![\d.])\d++(?:\.\d++)?[eE]\+?0*+"
            rb"(?:\d{4,}+|[4-9]\d\d|3[1-9]\d)))|" + STRING,
            re.DOTALL,
        ),
        _fault_becomes(b"null"),
    ),
    # Half of a surrogate pair, as an escape: neither UTF-8 nor any store can hold it.
    Repair(
        "cleaned:surrogate",
        re.compile(
            rb"(?P<kept>)(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
            rb"|(?P<fault>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.)",
            re.DOTALL,
        ),
        _fault_becomes(rb"\ufffd"),
    ),
)


def repair(text: bytes) -> tuple[bytes, list[str]]:
    """Return the mended text, and the flag of each repair that changed something."""
    flags = []
    for row in REPAIRS:
        before, text = text, row.pattern.sub(row.mend, text)
        if text != before:
            flags.append(row.flag)
    return text, flags
