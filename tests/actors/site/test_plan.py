"""The day ahead."""

import pytest

from actors.site.plan.forecast import seasonal_naive
from actors.site.plan.problem import PlanProblem
from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from tests.actors.site.sites import NOW, S, demand, garage, prepared

SETTINGS = PlanSettings()
SLOT = 900 * S


def made(site, demands, slots=8, settings=SETTINGS, **given):
    tree, limits = prepared(site)
    return plan(tree, PlanProblem(NOW, demands, [limits] * slots, **given), settings)


def wh(currents):
    return sum(currents) * 3 * 230 / 4


def test_energy_comes_when_it_is_cheap_and_is_there_at_departure():
    car = demand(0, departure_us=NOW + 8 * SLOT, energy_wh=8_000)
    result = made(garage(), [car], price_per_kwh=[0.5] * 4 + [0.1] * 4)
    assert result.current_a["C0/1"][:4] == pytest.approx([0] * 4)
    assert wh(result.current_a["C0/1"]) == pytest.approx(8_000)
    assert result.cost == pytest.approx(0.8)


def test_with_equal_prices_it_comes_early():
    car = demand(0, departure_us=NOW + 8 * SLOT, energy_wh=5_520)
    assert made(garage(), [car]).current_a["C0/1"][0] == pytest.approx(32)


def test_no_circuit_carries_too_much_and_what_is_missing_is_told():
    cars = [demand(n, departure_us=NOW + 4 * SLOT, energy_wh=15_000) for n in range(3)]
    result = made(garage(32.0), cars)
    for slot in range(8):
        assert sum(one[slot] for one in result.current_a.values()) <= 32 + 1e-6
    assert sum(result.missing_wh.values()) == pytest.approx(45_000 - 32 * 690)


def test_nobody_is_planned_before_it_comes_or_after_it_goes():
    car = demand(
        0, connected_us=NOW + SLOT * 3 // 2, departure_us=NOW + SLOT * 5 // 2, energy_wh=50_000
    )
    result = made(garage(), [car])
    assert result.current_a["C0/1"] == pytest.approx([0, 32, 32, 0, 0, 0, 0, 0])
    assert result.missing_wh["C0/1"] == pytest.approx(50_000 - 32 * 690 / 4)


def test_surplus_of_pv_is_used_before_the_grid():
    car = demand(0, departure_us=NOW + 8 * SLOT, energy_wh=2_000)
    result = made(garage(), [car], price_per_kwh=[0.3] * 8, surplus_w=[0] * 6 + [8_000, 0])
    assert result.current_a["C0/1"][6] * 690 == pytest.approx(8_000)
    assert result.cost == pytest.approx(0)


def test_a_price_on_the_peak_flattens_it():
    car = demand(0, departure_us=NOW + 8 * SLOT, energy_wh=8_280)
    settings = PlanSettings(peak_per_kw=1.0, sooner_per_kwh=0.0)
    result = made(garage(), [car], settings=settings)
    assert result.current_a["C0/1"] == pytest.approx([6.0] * 8)


def test_cars_of_which_nothing_is_known_are_left_to_allocation():
    result = made(garage(), [demand(0), demand(1, energy_wh=5_000)])
    assert result.at("C0/1", NOW) == float("inf")
    assert not result.current_a


def test_a_plan_that_has_ended_says_nothing():
    car = demand(0, departure_us=NOW + 8 * SLOT, energy_wh=5_520)
    result = made(garage(), [car], slots=2)
    assert result.at("C0/1", NOW + SLOT) < float("inf")
    assert result.at("C0/1", NOW + 2 * SLOT) == float("inf")


def test_the_forecast_is_the_same_time_on_days_before_at_the_level_of_today():
    assert seasonal_naive([1, 2, 3, 4], 4, 4) == [1, 2, 3, 4]
    assert seasonal_naive([1, 2, 3, 4, 0.5, 1], 4, 4, recent=2) == [1.5, 2, 0.5, 1]
    assert seasonal_naive([1, 2, None, 2], 2, 2) == [1, 2]
    assert seasonal_naive([], 4, 2) == [0, 0]
