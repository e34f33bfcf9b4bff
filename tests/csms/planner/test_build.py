"""A site's plan from what is known of it."""

import pytest

from actors.site.plan.program import plan
from actors.site.plan.settings import PlanSettings
from actors.site.settings import SiteSettings
from actors.site.tree import compile_tree
from csms.planner.build import Known, forecast, guide, problem, worth_planning
from csms.planner.history import query, rows_of
from domain.site import Circuit, CircuitLoad, Demand, EvsePlace, Site, SiteSignal

S = 1_000_000
HOUR = 3_600 * S
NOW = 1_800_000_000 * S
TREE = compile_tree(
    Site(
        "s",
        (Circuit("main", limit_a=40.0),),
        tuple(EvsePlace(f"C{n}/1", f"C{n}", 1, "main", phases=1) for n in range(2)),
    )
)
PLAN = PlanSettings(slots_max=24)
CAR = Demand("C0/1", NOW, departure_us=NOW + 5 * HOUR, energy_wh=7_000.0, plan_a=0.0)
DEAR_THEN_CHEAP = (
    SiteSignal(NOW, NOW + 2 * HOUR, 0.50),
    SiteSignal(NOW + 2 * HOUR, NOW + 6 * HOUR, 0.10),
)


def now_a(known: Known, place: str = "C0/1") -> float:
    solved = plan(TREE, problem(TREE, known, SiteSettings(), PLAN, NOW), PLAN)
    return guide(solved, NOW, 600).plan_a[place]


def test_energy_waits_for_the_cheap_hours_but_not_beyond_departure() -> None:
    assert now_a(Known([CAR], signals=DEAR_THEN_CHEAP)) == pytest.approx(0.0, abs=1e-6)
    leaves_soon = Demand("C0/1", NOW, departure_us=NOW + HOUR, energy_wh=7_000.0)
    assert now_a(Known([leaves_soon], signals=DEAR_THEN_CHEAP)) > 25


def test_without_signals_energy_comes_at_once() -> None:
    assert now_a(Known([CAR])) == pytest.approx(32.0)


def test_what_is_set_aside_is_not_planned_with() -> None:
    known = Known([CAR], reserved_a={"C1/1": 30.0})
    assert now_a(known) == pytest.approx(10.0)


def test_a_forecast_of_other_loads_moves_energy_before_them() -> None:
    busy_later = [(0.0, 0.0, 0.0)] * 4 + [(40.0, 0.0, 0.0)] * 20
    known = Known([CAR], signals=DEAR_THEN_CHEAP, forecast={"main": busy_later})
    assert now_a(known) > 25


def test_a_stale_reading_is_no_reading() -> None:
    old = CircuitLoad("main", (39.0, 39.0, 39.0), NOW - HOUR)
    assert now_a(Known([CAR], loads=[old])) == pytest.approx(32.0)
    fresh = CircuitLoad("main", (39.0, 39.0, 39.0), NOW - S)
    assert now_a(Known([CAR], loads=[fresh])) == pytest.approx(1.0)


def test_a_source_is_surplus() -> None:
    sun = CircuitLoad("main", (-10.0, -10.0, -10.0), NOW)
    made = problem(TREE, Known([CAR], loads=[sun]), SiteSettings(), PLAN, NOW)
    assert made.surplus_w[0] == pytest.approx(6_900)


def test_only_cars_with_a_departure_and_energy_are_worth_a_plan() -> None:
    assert worth_planning(Known([CAR]), NOW)
    assert not worth_planning(Known([Demand("C0/1", NOW)]), NOW)
    assert not worth_planning(Known([CAR]), NOW + 6 * HOUR)


def test_a_forecast_repeats_the_day_before() -> None:
    slot = NOW // (900 * S)
    rows = [(slot - 96 + n, 0, float(n)) for n in range(96)]
    values = forecast(rows, NOW, PLAN, 1)
    assert [round(one[0]) for one in values] == list(range(24))
    assert values[0][1:] == (0.0, 0.0)


def test_names_of_chargers_are_quoted_and_sums_count_on_each_phase() -> None:
    assert "charger = 'O\\'Neil'" in query("O'Neil", 900, 7)
    assert rows_of([[5, "", 3.0], [6, "L2", 4.0], [7, "N", 1.0]]) == [
        (5, 0, 3.0),
        (5, 1, 3.0),
        (5, 2, 3.0),
        (6, 1, 4.0),
    ]
