"""Values in cells of CSV files, which people open with spreadsheets. Pure."""

import json

QUOTED = frozenset(',;"\r\n\t')
FORMULA = frozenset("=+-@\t\r")
"""How texts begin that spreadsheets would run (CWE-1236)."""


def safe_cell(value: object) -> str:
    """Return a value as the text of a cell that no spreadsheet runs; numbers stay numbers."""
    if isinstance(value, bool | int | float):
        return str(value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip()[:1] in FORMULA or text[:1] in FORMULA else text


def csv_cell(value: object) -> str:
    """Return a value as a whole cell of a CSV file: safe, and quoted where it must be."""
    text = safe_cell(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.intersection(text) else text
