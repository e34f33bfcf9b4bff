"""What a three-phase energy meter says (OCPP 1.6 sections 7.29 to 7.33)."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

VOLTAGE_V = 230.0
"""Nominal, between a phase and neutral."""
FREQUENCY_HZ = 50.0
"""Nominal."""
PHASES = ("L1", "L2", "L3")


class Reading(NamedTuple):
    """The meter at one moment."""

    energy_wh: float
    power_w: float
    offered_w: float
    soc: float
    phases: int = 3
    """On how many phases the vehicle charges."""
    exported_wh: float = 0.0
    """What was given back; while it is, `power_w` is less than nothing."""
    voltage_v: float = VOLTAGE_V
    """Of the grid."""


Row = tuple[str, str, str]
"""Value, unit, phase."""


def _energy(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{reading.energy_wh:.0f}", "Wh", "")]


def _exported(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{reading.exported_wh:.0f}", "Wh", "")]


def _power(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{max(0.0, reading.power_w):.1f}", "W", "")]


def _given(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{max(0.0, -reading.power_w):.1f}", "W", "")]


def _offered(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{max(0.0, reading.offered_w) / reading.voltage_v / reading.phases:.1f}", "A", "")]


def _current(reading: Reading, chance: Random) -> list[Row]:
    ampere = max(0.0, reading.power_w) / reading.voltage_v / reading.phases
    return [
        (f"{ampere * chance.uniform(0.99, 1.01) if at < reading.phases else 0:.2f}", "A", phase)
        for at, phase in enumerate(PHASES)
    ]


def _voltage(reading: Reading, chance: Random) -> list[Row]:
    return [(f"{chance.gauss(reading.voltage_v, 1.2):.1f}", "V", f"{phase}-N") for phase in PHASES]


def _soc(reading: Reading, _chance: Random) -> list[Row]:
    return [(f"{reading.soc * 100:.0f}", "Percent", "")]


def _temperature(reading: Reading, chance: Random) -> list[Row]:
    return [(f"{25 + abs(reading.power_w) / 1_500 + chance.uniform(-1, 1):.1f}", "Celsius", "")]


MEASURANDS: dict[str, Callable[[Reading, Random], list[Row]]] = {
    "Energy.Active.Import.Register": _energy,
    "Energy.Active.Export.Register": _exported,
    "Power.Active.Import": _power,
    "Power.Active.Export": _given,
    "Current.Offered": _offered,
    "Current.Import": _current,
    "Voltage": _voltage,
    "SoC": _soc,
    "Temperature": _temperature,
}
EXPORTED = ("Energy.Active.Export.Register", "Power.Active.Export")
"""What a meter says as well once something was given back."""
LOCATIONS = {"SoC": "EV", "Temperature": "Body"}


def meter_value(
    reading: Reading, measurands: tuple[str, ...], context: str, at: str, chance: Random
) -> dict[str, Any]:
    """Return one MeterValue of 1.6, measured `at`, with every sample of `measurands`."""
    samples = []
    for measurand in measurands:
        for value, unit, phase in MEASURANDS[measurand](reading, chance):
            sample = {"value": value, "context": context, "measurand": measurand, "unit": unit}
            sample["location"] = LOCATIONS.get(measurand, "Outlet")
            if phase:
                sample["phase"] = phase
            samples.append(sample)
    return {"timestamp": at, "sampledValue": samples}
