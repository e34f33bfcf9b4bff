"""Cars that give back: setpoints, the aFRR signal, and limits of the charger as a source (2.1).

The period of a profile says by its operation mode who decides over the power (part 2, chapter Q).
How much is given back is bounded by its `dischargeLimit`, by what the car and the charger can, and
by the controls of the distributed energy resource (chapter R); a car gives nothing back until a
bidirectional transfer was allowed to its transaction (Q02).

Positive is charging and negative is giving back, as in profiles. The grid is a quiet one: frequency
and voltage are those of the settings. In which unit a curve has its voltages is not said by the
schemas of 2.1 ("depending on the curve type"): they are read in percent of the nominal voltage, as
in the standards that the control comes from (IEEE 1547, IEEE 2030.5). Of EnterService only the
frequencies are looked at: its voltages come in V and in percent.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from csms.simulator.connector import Connector
from csms.simulator.metering import PHASES, VOLTAGE_V
from csms.simulator.settings import SimulatorSettings
from csms.simulator.v2.der import working
from csms.simulator.v2.equipment import EquippedFace

BIDIRECTIONAL = "BPT"
"""In the name of an energy transfer mode: bidirectional power transfer (ISO 15118-20)."""
OF_POWER = frozenset({"PctMaxW", "PctWAvail"})
"""Units of a curve that say a share of the power."""
WHOLE_PCT = 100.0

Period = Mapping[str, Any]


def interpolated(points: Iterable[tuple[float, float]], at: float) -> float:
    """Return the value of a curve; beyond its ends it is flat. ValueError: it has no points."""
    curve = sorted(points)
    if not curve:
        raise ValueError("a curve has points")
    before = curve[0]
    for point in curve:
        if point[0] >= at:
            width = point[0] - before[0]
            share = (at - before[0]) / width if width and at > before[0] else 1.0
            return before[1] + share * (point[1] - before[1])
        before = point
    return before[1]


def _setpoint(_charger: EquippedFace, period: Period, unit_w: float) -> float | None:
    setpoint = period.get("setpoint")
    return None if setpoint is None else float(setpoint) * unit_w


def _by_curves(charger: EquippedFace, period: Period, _unit_w: float) -> float | None:
    """Return the baseline and what the aFRR signal and the frequency add to it (Q08, Q09).

    None: there is no curve to follow.
    """
    signal = charger.equipment.regulation
    watts, follows = float(period.get("v2xBaseline") or 0.0), False
    for name, axis, at in (
        ("v2xSignalWattCurve", "signal", float(signal)),
        ("v2xFreqWattCurve", "frequency", charger.settings.grid_frequency_hz),
    ):
        points = [(float(row[axis]), float(row["power"])) for row in period.get(name) or ()]
        if points:
            watts, follows = watts + interpolated(points, at), True
    return watts if follows else None


MODES: Mapping[str, Callable[[EquippedFace, Period, float], float | None]] = {
    "CentralFrequency": _setpoint,
    "CentralSetpoint": _setpoint,
    "ExternalSetpoint": _setpoint,
    "Idle": lambda _charger, _period, _unit_w: 0.0,
    "LocalFrequency": _by_curves,
}
"""What power an operation mode asks for, W; in all others, as much as the limits allow."""


def _in_service_pct(values: Mapping[str, Any], grid: SimulatorSettings) -> float:
    inside = float(values["lowFreq"]) <= grid.grid_frequency_hz <= float(values["highFreq"])
    return WHOLE_PCT if inside else 0.0


def _curve_pct(values: Mapping[str, Any], at: float) -> float:
    if values.get("yUnit") not in OF_POWER:
        return WHOLE_PCT
    points = ((float(point["x"]), float(point["y"])) for point in values["curveData"])
    return max(0.0, interpolated(points, at))


def _by_frequency_pct(values: Mapping[str, Any], grid: SimulatorSettings) -> float:
    return _curve_pct(values, grid.grid_frequency_hz)


def _by_voltage_pct(values: Mapping[str, Any], grid: SimulatorSettings) -> float:
    return _curve_pct(values, WHOLE_PCT * grid.grid_voltage_v / VOLTAGE_V)


def _discharge_pct(values: Mapping[str, Any], _grid: SimulatorSettings) -> float:
    most = values.get("pctMaxDischargePower")
    return WHOLE_PCT if most is None else float(most)


CONTROLS: Mapping[str, Callable[[Mapping[str, Any], SimulatorSettings], float]] = {
    "EnterService": _in_service_pct,
    "FreqWatt": _by_frequency_pct,
    "LimitMaxDischarge": _discharge_pct,
    "VoltWatt": _by_voltage_pct,
}
"""How much of its greatest power a source may give under a control, in percent."""


def discharge_w_max(charger: EquippedFace, connector: Connector) -> float:
    """Return how much the car at a connector may give back, W, whatever its profile says."""
    transaction, vehicle = connector.transaction, connector.vehicle
    if transaction is None or vehicle is None:
        return 0.0
    allowed = charger.equipment.transfers.get(transaction.id, ())
    if not any(BIDIRECTIONAL in mode for mode in allowed):
        return 0.0
    rated_w = min(vehicle.power_w_max, charger.settings.power_w_max * vehicle.phases / len(PHASES))
    shares = [
        CONTROLS[kind](values, charger.settings)
        for kind in CONTROLS
        if (values := working(charger, kind)) is not None
    ]
    return rated_w * min(WHOLE_PCT, *shares) / WHOLE_PCT if shares else rated_w


def asked_w(charger: EquippedFace, connector: Connector, most_w: float) -> float:
    """Return what a connector offers (or wants back) when its limits leave `most_w`."""
    transaction = connector.transaction
    if transaction is None:
        return most_w
    found = charger.limits.period(connector.number, transaction.started_us, charger.now_us)
    if found is None:
        return most_w
    period, unit = found
    mode = MODES.get(str(period.get("operationMode", "")))
    unit_w = 1.0 if unit == "W" else charger.settings.grid_voltage_v
    wanted_w = None if mode is None else mode(charger, period, unit_w)
    if wanted_w is None:
        return most_w
    least_w = -discharge_w_max(charger, connector)
    if period.get("dischargeLimit") is not None:
        least_w = max(least_w, float(period["dischargeLimit"]) * unit_w)
    return max(least_w, min(wanted_w, most_w))
