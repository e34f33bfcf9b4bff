"""Prices and CO2 over time, slot by slot."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from actors.site.limits import US_PER_S
from actors.site.tree import Problem
from domain.errors import InvalidInput
from domain.site import SiteSignal

SIGNALS_MAX: Final = 40_000
"""A year of quarters of an hour is less."""
COLUMNS: Final = ("from", "until", "price_per_kwh", "co2_kg_per_kwh")


def signal_problems(signals: Sequence[SiteSignal]) -> Iterator[Problem]:
    """Yield what is wrong with them."""
    if len(signals) > SIGNALS_MAX:
        yield Problem("signals", f"at most {SIGNALS_MAX}")
    for number, signal in enumerate(signals):
        if signal.until_us <= signal.from_us:
            yield Problem(f"{number}.until_us", "must be later than from_us")
        if signal.co2_kg_per_kwh < 0:
            yield Problem(f"{number}.co2_kg_per_kwh", "must be 0 or more")


def by_slot(
    signals: Iterable[SiteSignal], begin_us: int, slot_s: int, count: int
) -> tuple[list[float], list[float]]:
    """Return the price and the CO2 of each slot: the mean over its time, 0 where nothing is said.

    Where two hold at once the later one of the list counts.
    """
    slot_us = slot_s * US_PER_S
    prices, co2 = [0.0] * count, [0.0] * count
    ordered = list(signals)
    edges = sorted(
        {
            edge
            for signal in ordered
            for edge in (signal.from_us, signal.until_us)
            if begin_us < edge < begin_us + count * slot_us
        }
        | {begin_us + n * slot_us for n in range(count + 1)}
    )
    for since_us, until_us in pairwise(edges):
        slot = (since_us - begin_us) // slot_us
        part = (until_us - since_us) / slot_us
        for signal in reversed(ordered):
            if signal.from_us <= since_us < signal.until_us:
                prices[slot] += signal.price_per_kwh * part
                co2[slot] += signal.co2_kg_per_kwh * part
                break
    return prices, co2


def read_csv(lines: Iterable[str]) -> list[SiteSignal]:
    """Return the signals of a CSV with the columns from, until (ISO 8601), price and CO2.

    Raises:
        InvalidInput: names the line and what is wrong with it.
    """
    rows = csv.DictReader(lines)
    missing = [name for name in COLUMNS[:3] if name not in (rows.fieldnames or ())]
    if missing:
        raise InvalidInput("header", f"needs the columns {', '.join(missing)}")
    signals = []
    for number, row in enumerate(rows, 2):
        try:
            signals.append(
                SiteSignal(
                    _instant_us(row["from"]),
                    _instant_us(row["until"]),
                    float(row["price_per_kwh"]),
                    float(row.get("co2_kg_per_kwh") or 0.0),
                )
            )
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"line {number}", str(error)) from error
    for problem in signal_problems(signals):
        raise InvalidInput(f"entry {problem.where}", problem.what)
    return signals


def _instant_us(text: str) -> int:
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * US_PER_S)
