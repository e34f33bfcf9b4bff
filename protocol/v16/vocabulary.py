"""The words of OCPP 1.6 and the other spellings of them that chargers use.

Each table maps a spelling, folded by `fold`, to the word as we keep it. The folded tables are asked
only when the exact word is not known.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

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

DEFAULT_MEASURAND = "Energy.Active.Import.Register"

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

PHASES = frozenset(("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"))
LOCATIONS = frozenset(("Outlet", "Body", "Cable", "EV", "Inlet"))
CONTEXTS = frozenset(
    (
        "Sample.Periodic",
        "Sample.Clock",
        "Transaction.Begin",
        "Transaction.End",
        "Trigger",
        "Interruption.Begin",
        "Interruption.End",
        "Other",
    )
)
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

_SEPARATORS = str.maketrans("", "", " ._-/")


def fold(spelling: str) -> str:
    """Return `spelling` without case, spaces and separators."""
    return spelling.translate(_SEPARATORS).casefold()


def folded(words: Iterable[str], **aliases: str) -> Mapping[str, str]:
    """Return the table of `words` and `aliases` by their folded spelling."""
    return MappingProxyType({fold(word): word for word in words} | aliases)


FOLDED_MEASURANDS = folded(
    MEASURANDS,
    energy=DEFAULT_MEASURAND,
    energyactiveimport=DEFAULT_MEASURAND,
    energyimport=DEFAULT_MEASURAND,
    meter=DEFAULT_MEASURAND,
    power="Power.Active.Import",
    poweractive="Power.Active.Import",
    powerimport="Power.Active.Import",
    current="Current.Import",
    stateofcharge="SoC",
    temp="Temperature",
)
FOLDED_UNITS = folded(
    UNITS.values(),
    celcius="Celsius",
    c="Celsius",
    hertz="Hz",
    **{"°c": "Celsius", "%": "Percent", "°f": "Fahrenheit"},
    watt="W",
    watts="W",
    power="W",
    kilowatt="kW",
    amp="A",
    amps="A",
    ampere="A",
    amperes="A",
    volt="V",
    volts="V",
    kelvin="K",
    f="Fahrenheit",
    watthour="Wh",
    watthours="Wh",
    kilowatthour="kWh",
    kilowatthours="kWh",
)
FOLDED_PHASES = folded(
    PHASES,
    phase1="L1",
    phase2="L2",
    phase3="L3",
    neutral="N",
    **{"1": "L1", "2": "L2", "3": "L3"},
)
FOLDED_LOCATIONS = folded(LOCATIONS)
FOLDED_CONTEXTS = folded(CONTEXTS)
FOLDED_STATUSES = folded(STATUSES)
FOLDED_REASONS = folded(REASONS)


def spelled(word: str, exact: frozenset[str], tolerant: Mapping[str, str]) -> str:
    """Return the word that is meant, or `word` itself when no table has it."""
    return word if word in exact else tolerant.get(fold(word), word)
