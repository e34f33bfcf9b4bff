"""Capacity over time, as one source says it: what is wrong with its entries."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from actors.site.tree import Problem, limit_problems
from domain.site import CapacityLimit, Site

ENTRIES_MAX: Final = 10_000
"""Of one source: a year of hours is less."""


def schedule_problems(
    entries: Sequence[CapacityLimit], source: str, site: Site
) -> Iterator[Problem]:
    """Yield what is wrong with the entries of `source`, each by its number."""
    if len(entries) > ENTRIES_MAX:
        yield Problem("entries", f"at most {ENTRIES_MAX}")
    circuits = {circuit.id for circuit in site.circuits}
    for number, entry in enumerate(entries):
        here = f"{number}."
        if entry.circuit not in circuits:
            yield Problem(f"{here}circuit", f"there is no circuit {entry.circuit}")
        if entry.source != source:
            yield Problem(f"{here}source", f"is {entry.source}, not {source}")
        if 0 < entry.until_us <= entry.from_us:
            yield Problem(f"{here}until_us", "must be later than from_us")
        for name, rule in limit_problems(entry.limit_a, entry.limit_w):
            yield Problem(f"{here}{name}", rule)


def with_source(
    schedule: Iterable[CapacityLimit], source: str, entries: Iterable[CapacityLimit]
) -> list[CapacityLimit]:
    """Return a schedule with these entries instead of those that `source` had in it."""
    return [*(entry for entry in schedule if entry.source != source), *entries]
