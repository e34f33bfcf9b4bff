"""MeterValues.req that is exactly as the specification has it, read in one pass.

Meter values are most of what a fleet sends. A typed decoder checks and reads a payload at once, at
half the cost of schema and tolerant reader, and nobody need make an object of it before. It takes
only what the schema takes and the tolerant reader reads without a flag (a property test compares
them); for anything else it returns None and the others do their work.
"""

from typing import Annotated, Literal

import msgspec

from domain.events import EnergyMeasured, Sample, TimeQuality
from protocol.reading import Reading
from protocol.sampling import DEFAULT_MEASURAND
from protocol.time import read_time
from protocol.v16.vocabulary import MEASURANDS

# The enumerations of sections 7.31, 7.32, 7.37, 7.43 and 7.45, without the spellings (Celcius,
# Hertz) that we keep under another name.
_Context = Literal[
    "Sample.Periodic",
    "Sample.Clock",
    "Transaction.Begin",
    "Transaction.End",
    "Interruption.Begin",
    "Interruption.End",
    "Trigger",
    "Other",
]
_Measurand = Literal[
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Active.Import.Interval",
    "Energy.Active.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Power.Active.Import",
    "Power.Active.Export",
    "Power.Reactive.Import",
    "Power.Reactive.Export",
    "Power.Offered",
    "Power.Factor",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
    "RPM",
]
_Phase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
_Location = Literal["Outlet", "Cable", "EV", "Inlet", "Body"]
_Unit = Literal[
    "Wh",
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "K",
    "Celsius",
    "Fahrenheit",
    "Percent",
]


class _SampledValue(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    value: str
    context: _Context = "Sample.Periodic"
    format: Literal["Raw"] = "Raw"
    measurand: _Measurand = DEFAULT_MEASURAND  # type: ignore[assignment]  # a str there
    phase: _Phase | None = None
    location: _Location = "Outlet"
    unit: _Unit | None = None


class _MeterValue(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    timestamp: str
    sampledValue: Annotated[list[_SampledValue], msgspec.Meta(min_length=1)]  # noqa: N815 - wire name


class MeterValues(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """MeterValues.req (section 6.31), as far as it is exact."""

    connectorId: int  # noqa: N815 - wire name
    meterValue: Annotated[list[_MeterValue], msgspec.Meta(min_length=1)]  # noqa: N815 - wire name
    transactionId: int = 0  # noqa: N815 - wire name


decode_meter_values = msgspec.json.Decoder(MeterValues).decode
"""Text of a payload -> MeterValues. Raises msgspec.DecodeError: not exactly as specified."""
INT32_MAX = 2**31 - 1
UNREADABLE = (TimeQuality.ABSURD, TimeQuality.MISSING)


def read_exact_meter_values(text: bytes, reading: Reading) -> EnergyMeasured | None:
    """Return what `text`, a payload, says; None when it has to be read with tolerance."""
    try:
        payload = decode_meter_values(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return read_decoded_meter_values(payload, reading)


def read_decoded_meter_values(payload: MeterValues, reading: Reading) -> EnergyMeasured | None:
    """Return what a payload says; None when it has to be read with tolerance."""
    samples: list[Sample] = []
    append = samples.append
    for group in payload.meterValue:
        at_us, quality = read_time(group.timestamp, reading)
        if quality in UNREADABLE:
            return None
        for sampled in group.sampledValue:
            text_value = sampled.value
            try:
                value = float(text_value)
            except ValueError:
                return None
            if value - value != 0.0 or "_" in text_value:  # infinite, no number
                return None
            append(
                Sample(
                    at_us,
                    sampled.measurand,
                    value,
                    sampled.unit or MEASURANDS[sampled.measurand],
                    sampled.phase or "",
                    sampled.location,
                    sampled.context,
                    "",
                    quality,
                )
            )
    connector, transaction = payload.connectorId, payload.transactionId
    if not (0 <= connector <= INT32_MAX and -1 <= transaction <= INT32_MAX):
        return None
    return EnergyMeasured(connector, transaction, tuple(samples))
