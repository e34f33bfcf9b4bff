"""The words of OCPP 1.6 and the other spellings of them that chargers use.

Each table maps a spelling, folded by `fold`, to the word as we keep it. The folded tables are asked
only when the exact word is not known.
"""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.sampling import MEASURAND_ALIASES, UNIT_ALIASES
from protocol.words import folded

MEASURANDS: Mapping[str, str] = MappingProxyType(
    {
        "Energy.Active.Import.Register": "Wh",
        "Energy.Active.Export.Register": "Wh",
        "Energy.Reactive.Import.Register": "varh",
        "Energy.Reactive.Export.Register": "varh",
        "Energy.Active.Import.Interval": "Wh",
        "Energy.Active.Export.Interval": "Wh",
        "Energy.Reactive.Import.Interval": "varh",
        "Energy.Reactive.Export.Interval": "varh",
        "Power.Active.Import": "W",
        "Power.Active.Export": "W",
        "Power.Reactive.Import": "var",
        "Power.Reactive.Export": "var",
        "Power.Offered": "W",
        "Power.Factor": "",
        "Current.Import": "A",
        "Current.Export": "A",
        "Current.Offered": "A",
        "Voltage": "V",
        "Frequency": "Hz",
        "Temperature": "Celsius",
        "SoC": "Percent",
        "RPM": "RPM",
    }
)
"""Section 7.31: the measurand and the unit that is meant when none is sent."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        unit: unit
        for unit in (
            "Wh", "kWh", "varh", "kvarh", "W", "kW", "VA", "kVA", "var", "kvar",
            "A", "V", "K", "Celsius", "Fahrenheit", "Percent", "Hz", "RPM",
        )
    }
    # "Celcius" is the specification's own first spelling, "Hertz" what it forgot.
    | {"Celcius": "Celsius", "Hertz": "Hz"}
)  # fmt: skip
"""Section 7.45."""

STATUSES = frozenset(
    (
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    )
)
"""Section 7.7."""
REASONS = frozenset(
    (
        "EmergencyStop",
        "EVDisconnected",
        "HardReset",
        "Local",
        "Other",
        "PowerLoss",
        "Reboot",
        "Remote",
        "SoftReset",
        "UnlockCommand",
        "DeAuthorized",
    )
)
"""Section 7.36."""

FOLDED_MEASURANDS = folded(MEASURANDS, **MEASURAND_ALIASES)
FOLDED_UNITS = folded(UNITS.values(), **UNIT_ALIASES)
FOLDED_STATUSES = folded(STATUSES)
FOLDED_REASONS = folded(REASONS)
