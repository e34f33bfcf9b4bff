"""Printing for people: tables and short facts."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from csms.simulator.instants import iso


def out() -> Console:
    """Return the console of standard output; lines are never folded when it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=10_000)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows. What came from chargers is shown as text, never as markup."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(column)
    for row in rows:
        shown.add_row(*(Text(printable(value)) for value in row))
    out().print(shown)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print lines of a name and a value."""
    shown = Table.grid(padding=(0, 2))
    for name, value in pairs:
        shown.add_row(Text(name, style="dim"), Text(printable(value)))
    out().print(shown)


def instant(at_us: int) -> str:
    """Return an instant for people; nothing for 0."""
    return iso(at_us) if at_us else ""


def printable(value: object) -> str:
    """Return text without control characters: a terminal must not obey a charger."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
