"""Prices and CO2 over time."""

import pytest

from actors.site.plan.signals import by_slot, read_csv, signal_problems
from domain.errors import InvalidInput
from domain.site import SiteSignal

S = 1_000_000
HEADER = "from,until,price_per_kwh,co2_kg_per_kwh"


def test_a_slot_has_the_mean_of_what_holds_in_it_and_the_later_entry_wins() -> None:
    signals = [SiteSignal(0, 1_350 * S, 0.4, 0.2), SiteSignal(900 * S, 1_125 * S, 0.8)]
    prices, co2 = by_slot(signals, 0, 900, 3)
    assert prices == pytest.approx([0.4, 0.25 * 0.8 + 0.25 * 0.4, 0.0])
    assert co2 == pytest.approx([0.2, 0.25 * 0.2, 0.0])


def test_a_csv_is_read_and_what_is_wrong_names_its_line() -> None:
    rows = [
        HEADER,
        "2026-11-23T00:00:00+01:00,2026-11-23T01:00:00+01:00,0.31,0.4",
        "2026-11-23T00:00:00,2026-11-23T01:00:00,-0.01,",
    ]
    first, second = read_csv(rows)
    assert second.from_us - first.from_us == 3_600 * S
    assert (first.price_per_kwh, second.co2_kg_per_kwh) == (0.31, 0.0)
    with pytest.raises(InvalidInput, match="line 2"):
        read_csv([HEADER, "yesterday,today,1,1"])
    with pytest.raises(InvalidInput, match="header: needs the columns"):
        read_csv(["from,price"])
    with pytest.raises(InvalidInput, match=r"0\.until_us: must be later"):
        read_csv([HEADER, "2026-11-23T01:00:00,2026-11-23T00:00:00,1,1"])


def test_emissions_are_not_negative() -> None:
    [problem] = signal_problems([SiteSignal(0, 1, 0.0, -1.0)])
    assert problem.where == "0.co2_kg_per_kwh"
