"""Which numbers of a sequence have come: sorted ranges (first, last) without touching neighbours.

Numbers may come twice, late and out of order. What is missing is between the first and the last
that came, wherever the sequence begins (OCPP 2.1 part 2, section 1.3.2.1).
"""

from typing import Final, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

RANGES_MAX: Final = 64
"""Holes that are remembered, plus one. A number that would make more of them is not noted: it
counts as missing from then on."""


def insert(ranges: Ranges, number: int) -> Ranges:
    """Return `ranges` with `number`."""
    if ranges:
        first, last = ranges[-1]
        if last + 1 == number:
            # The next in order, as nearly always.
            return ((first, number),) if len(ranges) == 1 else (*ranges[:-1], (first, number))
    if holds(ranges, number):
        return ranges
    before = [each for each in ranges if each[1] < number]
    after = [each for each in ranges if each[0] > number]
    first = last = number
    if before and before[-1][1] + 1 == number:
        first = before.pop()[0]
    if after and after[0][0] == number + 1:
        last = after.pop(0)[1]
    joined = (*before, (first, last), *after)
    return joined if len(joined) <= RANGES_MAX else ranges


def holds(ranges: Ranges, number: int) -> bool:
    """Return whether `number` has come."""
    return any(first <= number <= last for first, last in ranges)


def missing(ranges: Ranges) -> int:
    """Return how many numbers are missing between the first and the last that came."""
    if len(ranges) <= 1:
        return 0
    here = sum(last - first + 1 for first, last in ranges)
    return ranges[-1][1] - ranges[0][0] + 1 - here
