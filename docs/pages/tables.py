"""Markdown tables."""

from collections.abc import Iterable


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; what would break a cell is escaped."""
    return [_line(head), _line(("---",) * len(head)), *map(_line, rows)]


def _line(cells: tuple[str, ...]) -> str:
    escaped = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
    return "| " + " | ".join(escaped) + " |"
