"""Words of sampled values that all versions of OCPP share, and other spellings of them.

The tables of aliases map a spelling, folded by `protocol.words.fold`, to the word as we keep it.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from protocol.fields import Fields
from protocol.words import fold, folded

DEFAULT_MEASURAND = "Energy.Active.Import.Register"
"""What is measured when a sample does not say."""

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

MEASURAND_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "energy": DEFAULT_MEASURAND,
        "energyactiveimport": DEFAULT_MEASURAND,
        "energyimport": DEFAULT_MEASURAND,
        "meter": DEFAULT_MEASURAND,
        "power": "Power.Active.Import",
        "poweractive": "Power.Active.Import",
        "powerimport": "Power.Active.Import",
        "current": "Current.Import",
        "stateofcharge": "SoC",
        "temp": "Temperature",
    }
)
UNIT_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "celcius": "Celsius",
        "c": "Celsius",
        "hertz": "Hz",
        "°c": "Celsius",
        "%": "Percent",
        "°f": "Fahrenheit",
        "watt": "W",
        "watts": "W",
        "power": "W",
        "kilowatt": "kW",
        "amp": "A",
        "amps": "A",
        "ampere": "A",
        "amperes": "A",
        "volt": "V",
        "volts": "V",
        "kelvin": "K",
        "f": "Fahrenheit",
        "watthour": "Wh",
        "watthours": "Wh",
        "kilowatthour": "kWh",
        "kilowatthours": "kWh",
    }
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


def read_measurand(
    fields: Fields, exact: Collection[str], tolerant: Mapping[str, str]
) -> tuple[str, str]:
    """Return the measurand and the phase that some chargers append to it (Voltage.L1)."""
    written = fields.text("measurand").strip()
    if not written:
        return DEFAULT_MEASURAND, ""
    if written in exact:
        return written, ""
    fields.mark("coerced", "measurand")
    known = tolerant.get(fold(written))
    if known:
        return known, ""
    head, dot, tail = written.rpartition(".")
    known = tolerant.get(fold(head)) if dot else None
    phase = FOLDED_PHASES.get(fold(tail)) if dot else None
    return (known, phase) if known and phase else (written, "")
