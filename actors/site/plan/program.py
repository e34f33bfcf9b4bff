"""The plan as a linear program.

One column for each car and slot until its departure: the current of each of its phases. One column
for the energy that a car misses, one a slot for PV surplus that is used, one for the peak.
Rows: the energy of each car; each row of the tree in each slot that could bind; what is drawn in a
slot is covered by surplus or paid for. Minimum currents are not part of it (they would make it an
integer program): allocation keeps them, and what a car misses in one slot the next plan makes up.

Columns are built slot by slot, so that the matrix is written once, by column.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.site.counts import Path
from actors.site.limits import UNLIMITED, US_PER_S
from actors.site.places import MA_PER_A
from actors.site.plan.problem import Plan, PlanProblem
from actors.site.plan.settings import PlanSettings
from actors.site.tree import Tree
from domain.errors import Unavailable
from domain.site import Current, Demand

SECONDS_PER_HOUR = 3_600.0


@dataclass(slots=True)
class _Columns:
    """A linear program under construction: minimise cost, columns between lower and upper."""

    costs: list[float] = field(default_factory=list)
    uppers: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)

    def row(self, low: float, high: float) -> int:
        self.lows.append(low)
        self.highs.append(high)
        return len(self.lows) - 1

    def column(self, cost: float, upper: float, entries: Sequence[tuple[int, float]]) -> int:
        self.costs.append(cost)
        self.uppers.append(upper)
        for row, value in entries:
            self.rows.append(row)
            self.values.append(value)
        self.starts.append(len(self.rows))
        return len(self.costs) - 1


@dataclass(frozen=True, slots=True)
class _Car:
    """A car that is planned. `slots`: the share of each slot that it is there."""

    demand: Demand
    path: Path
    high_a: float
    wh_per_a: float
    slots: list[float]
    input_kwh_per_a: float


def plan(tree: Tree, problem: PlanProblem, settings: PlanSettings) -> Plan:
    """Plan all cars with a departure and energy to come.

    Raises:
        Unavailable: highspy is not installed, or the solver was not done in time.
        KeyError: a demand's place is not in the tree.
    """
    count = min(len(problem.limits), settings.slots_max)
    cars = [car for demand in problem.demands if (car := _car(tree, demand, problem, settings))]
    if not cars or not count:
        return Plan(problem.begin_us, settings.slot_s)
    program = _Columns()
    infinite = float("inf")
    energy = [program.row(car.demand.energy_wh, car.demand.energy_wh) for car in cars]
    missing_per_wh = settings.missing_per_kwh / 1_000
    missing = [program.column(missing_per_wh, infinite, [(row, 1.0)]) for row in energy]
    slot_h = settings.slot_s / SECONDS_PER_HOUR
    # The peak is a column of kilowatts, above the mean power of each slot.
    peaks = [program.row(-infinite, 0.0) if settings.peak_per_kw else -1 for _ in range(count)]
    if settings.peak_per_kw:
        program.column(settings.peak_per_kw, infinite, [(row, -1.0) for row in peaks])
    columns: list[dict[int, int]] = [{} for _ in cars]
    prices: list[float] = []
    for slot in range(count):
        there = [n for n, car in enumerate(cars) if slot < len(car.slots) and car.slots[slot] > 0]
        binding = _binding_rows(cars, there, problem.limits[slot].room_ma)
        rows = {row: program.row(-infinite, room) for row, room in binding.items()}
        price = _at(problem.price_per_kwh, slot) + settings.co2_per_kg * _at(
            problem.co2_kg_per_kwh, slot
        )
        prices.append(price)
        surplus_kwh = _at(problem.surplus_w, slot) * slot_h / 1_000
        free = program.row(-infinite, 0.0) if surplus_kwh > 0 and price > 0 else -1
        if free >= 0:
            program.column(-price, surplus_kwh, [(free, 1.0)])
        for n in there:
            car = cars[n]
            part = car.slots[slot]
            kwh = car.input_kwh_per_a * part
            entries = [(energy[n], car.wh_per_a * part)]
            entries += [(rows[row], 1.0) for row in car.path.rows if row in rows]
            entries += [
                (rows[row], float(car.path.phases)) for row in car.path.powers if row in rows
            ]
            if free >= 0:
                entries.append((free, -kwh))
            if peaks[slot] >= 0:
                entries.append((peaks[slot], kwh / slot_h))
            cost = kwh * (price + settings.sooner_per_kwh * slot)
            columns[n][slot] = program.column(cost, car.high_a, entries)
    values = _solve(program, settings)
    current = {
        car.demand.place: [
            values[columns[n][slot]] if slot in columns[n] else 0.0 for slot in range(count)
        ]
        for n, car in enumerate(cars)
    }
    lacks = {car.demand.place: values[missing[n]] for n, car in enumerate(cars)}
    cost = sum(
        max(
            0.0,
            sum(
                cars[n].input_kwh_per_a * cars[n].slots[slot] * values[columns[n][slot]]
                for n in range(len(cars))
                if slot in columns[n]
            )
            - _at(problem.surplus_w, slot) * slot_h / 1_000,
        )
        * prices[slot]
        for slot in range(count)
    )
    return Plan(problem.begin_us, settings.slot_s, current, lacks, cost)


def _car(tree: Tree, demand: Demand, problem: PlanProblem, settings: PlanSettings) -> _Car | None:
    """Return the columns' worth of a demand, None when there is nothing to plan."""
    if demand.energy_wh <= 0 or demand.departure_us <= problem.begin_us or demand.wanted_a <= 0:
        return None
    place = tree.places[demand.place]
    path = tree.path(demand.place, demand.phases)
    length_us = settings.slot_s * US_PER_S
    comes = max(0.0, (demand.connected_us - problem.begin_us) / length_us)
    goes = (demand.departure_us - problem.begin_us) / length_us
    count = min(len(problem.limits), settings.slots_max, math.ceil(goes))
    slots = [max(0.0, min(1.0, n + 1 - comes) - max(0.0, n + 1 - goes)) for n in range(count)]
    input_kwh = path.phases * tree.site.voltage_v * settings.slot_s / SECONDS_PER_HOUR / 1_000
    efficiency = place.efficiency if place.current is Current.DC else 1.0
    high = min(place.max_a, max(demand.wanted_a, place.min_a))
    return _Car(demand, path, high, input_kwh * 1_000 * efficiency, slots, input_kwh)


def _binding_rows(
    cars: Sequence[_Car], there: Sequence[int], room_ma: Sequence[int]
) -> dict[int, float]:
    """Return the room, in A, of the rows that the cars of a slot could overflow."""
    use: dict[int, float] = {}
    for n in there:
        path, high = cars[n].path, cars[n].high_a
        for row in path.rows:
            use[row] = use.get(row, 0.0) + high
        for row in path.powers:
            use[row] = use.get(row, 0.0) + high * path.phases
    return {
        row: max(0.0, room_ma[row] / MA_PER_A)
        for row, most in use.items()
        if room_ma[row] < UNLIMITED and most * MA_PER_A > room_ma[row]
    }


def _at(series: Sequence[float], slot: int) -> float:
    return series[slot] if slot < len(series) else 0.0


def _solve(program: _Columns, settings: PlanSettings) -> list[float]:
    try:
        # Imported here: an extra that most nodes do without.
        import highspy  # noqa: PLC0415
        import numpy as np  # noqa: PLC0415 - highspy depends on it
    except ImportError as error:
        raise Unavailable("planning needs highspy: pip install 'csms[planning]'") from error
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)  # noqa: FBT003 - highspy's signature
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", settings.solve_s_max)
    linear = highspy.HighsLp()
    linear.num_col_, linear.num_row_ = len(program.costs), len(program.lows)
    linear.col_cost_ = np.array(program.costs)
    linear.col_lower_ = np.zeros(len(program.costs))
    linear.col_upper_ = np.array(program.uppers)
    linear.row_lower_, linear.row_upper_ = np.array(program.lows), np.array(program.highs)
    linear.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    linear.a_matrix_.start_ = np.array(program.starts, dtype=np.int32)
    linear.a_matrix_.index_ = np.array(program.rows, dtype=np.int32)
    linear.a_matrix_.value_ = np.array(program.values)
    solver.passModel(linear)
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise Unavailable(f"no plan: the solver ended with {solver.modelStatusToString(status)}")
    return [float(value) for value in solver.getSolution().col_value]
