"""The words of OCPP 2.0.1 and 2.1 (part 2, section 3) and other spellings of them."""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.sampling import MEASURAND_ALIASES, UNIT_ALIASES
from protocol.words import folded

_UNITS_OF: Mapping[str, tuple[str, ...]] = {
    "Wh": (
        "Energy.Active.Import.Register",
        "Energy.Active.Export.Register",
        "Energy.Active.Import.Interval",
        "Energy.Active.Export.Interval",
        "Energy.Active.Net",
        "Energy.Active.Import.CableLoss",
        "Energy.Active.Import.LocalGeneration.Register",
        "Energy.Active.Setpoint.Interval",
        "EnergyRequest.Target",
        "EnergyRequest.Minimum",
        "EnergyRequest.Maximum",
        "EnergyRequest.Minimum.V2X",
        "EnergyRequest.Maximum.V2X",
        "EnergyRequest.Bulk",
        "Display.BatteryEnergyCapacity",
    ),
    "varh": (
        "Energy.Reactive.Import.Register",
        "Energy.Reactive.Export.Register",
        "Energy.Reactive.Import.Interval",
        "Energy.Reactive.Export.Interval",
        "Energy.Reactive.Net",
    ),
    "VAh": ("Energy.Apparent.Net", "Energy.Apparent.Import", "Energy.Apparent.Export"),
    "W": (
        "Power.Active.Import",
        "Power.Active.Export",
        "Power.Active.Setpoint",
        "Power.Active.Residual",
        "Power.Offered",
        "Power.Export.Minimum",
        "Power.Export.Offered",
        "Power.Import.Offered",
        "Power.Import.Minimum",
    ),
    "var": ("Power.Reactive.Import", "Power.Reactive.Export"),
    "A": (
        "Current.Import",
        "Current.Export",
        "Current.Offered",
        "Current.Export.Offered",
        "Current.Export.Minimum",
        "Current.Import.Offered",
        "Current.Import.Minimum",
    ),
    "V": ("Voltage", "Voltage.Minimum", "Voltage.Maximum"),
    "Hz": ("Frequency",),
    "Percent": (
        "SoC",
        "Display.PresentSOC",
        "Display.MinimumSOC",
        "Display.TargetSOC",
        "Display.MaximumSOC",
    ),
    "s": (
        "Display.RemainingTimeToMinimumSOC",
        "Display.RemainingTimeToTargetSOC",
        "Display.RemainingTimeToMaximumSOC",
    ),
    "": ("Power.Factor", "Display.ChargingComplete", "Display.InletHot"),
}
MEASURANDS: Mapping[str, str] = MappingProxyType(
    {measurand: unit for unit, measurands in _UNITS_OF.items() for measurand in measurands}
)
"""MeasurandEnumType of both versions, and the unit that is meant when none is sent."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        unit: unit
        for unit in (
            "A", "Celsius", "Deg", "Fahrenheit", "Hz", "mHz", "K", "Percent", "RPM", "V", "VA",
            "kVA", "VAh", "kVAh", "W", "kW", "Wh", "kWh", "kvar", "kvarh", "s", "var", "varh",
        )
    }
)  # fmt: skip
"""Standardized units (part 2, appendices) that a meter can have; a charger may use its own."""

LOCATIONS = frozenset(("Outlet", "Body", "Cable", "EV", "Inlet", "Upstream"))

FOLDED_MEASURANDS = folded(MEASURANDS, **MEASURAND_ALIASES)
FOLDED_UNITS = folded(UNITS.values(), **UNIT_ALIASES)
FOLDED_LOCATIONS = folded(LOCATIONS)

STATUSES = frozenset(("Available", "Occupied", "Reserved", "Unavailable", "Faulted"))
"""ConnectorStatusEnumType."""
FOLDED_STATUSES = folded(STATUSES)

KINDS = frozenset(("Started", "Updated", "Ended"))
"""TransactionEventEnumType."""
FOLDED_KINDS = folded(KINDS)

STATES = frozenset(("Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"))
"""ChargingStateEnumType."""
FOLDED_STATES = folded(STATES)
