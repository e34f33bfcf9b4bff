"""Sampled values: OCPP 1.6 edition 2, sections 3.16, 4.7, 7.31 to 7.45 (MeterValues).

This is the busiest reader, so each sample is tried as the specification has it, by exact look-ups;
whatever is not found there takes the tolerant way in `_bent_sample`, with flags.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from domain.answers import Answer
from domain.events import EnergyMeasured, Sample
from domain.text import clean
from protocol.common import nothing
from protocol.fields import INT32_MIN, Fields, as_number, json_text, listed, mark
from protocol.reading import Reading
from protocol.sampling import (
    CONTEXTS,
    DEFAULT_MEASURAND,
    FOLDED_CONTEXTS,
    FOLDED_LOCATIONS,
    FOLDED_PHASES,
    LOCATIONS,
    PHASES,
    read_measurand,
)
from protocol.time import read_time
from protocol.v16.exact_metering import decode_meter_values, read_decoded_meter_values
from protocol.v16.vocabulary import FOLDED_MEASURANDS, FOLDED_UNITS, MEASURANDS, UNITS
from protocol.version import Exact, Inbound
from protocol.words import fold, read_word

SAMPLE_PATH = "/*/sampledValue/*/"


def read_meter_values(payload: Mapping[str, Any], reading: Reading) -> EnergyMeasured:
    """Read MeterValues.req (section 6.31).

    `transaction` is the number that the charger sent, 0 when it sent none: -1 (offline sessions,
    errata 3.18) and numbers that we never gave out come through as they are.
    """
    fields = Fields(payload, reading)
    connector = fields.integer("connectorId", None)
    transaction = fields.integer("transactionId", 0, INT32_MIN)
    samples = read_samples(fields.get("meterValue"), reading, "/meterValue", fields.flags)
    return EnergyMeasured(connector, transaction, samples, tuple(fields.flags))


def read_samples(
    meter_values: object, reading: Reading, path: str, flags: list[str]
) -> tuple[Sample, ...]:
    """Read a list of MeterValue (section 7.33) into samples, in their order.

    Nothing is dropped but what is no object; `flags` gets what was bent, under `path`. Samples are
    neither sorted nor compared: they may be out of order, repeated, or after the stop.
    """
    samples: list[Sample] = []
    for group in listed(meter_values, path, flags):
        if not isinstance(group, dict):
            mark(flags, f"unreadable:{path}/*")
            continue
        at_us, quality = read_time(group.get("timestamp"), reading)
        for sampled in listed(group.get("sampledValue"), f"{path}/*/sampledValue", flags):
            try:
                text = sampled["value"]
                value = float(text)
                measurand = sampled.get("measurand", DEFAULT_MEASURAND)
                unit = sampled.get("unit")
                unit = MEASURANDS[measurand] if unit is None else UNITS[unit]
                phase = sampled.get("phase", "")
                location = sampled.get("location", "Outlet")
                context = sampled.get("context", "Sample.Periodic")
                if (
                    type(text) is str
                    and "_" not in text
                    and isfinite(value)
                    and measurand in MEASURANDS
                    and (phase in PHASES if phase else phase == "")
                    and location in LOCATIONS
                    and context in CONTEXTS
                    and sampled.get("format", "Raw") == "Raw"
                ):
                    samples.append(
                        Sample(at_us, measurand, value, unit, phase, location, context, "", quality)
                    )
                    continue
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                pass
            if isinstance(sampled, dict):
                samples.append(_bent_sample(sampled, at_us, quality, reading, path, flags))
            else:
                mark(flags, f"unreadable:{path}/*/sampledValue/*")
    return tuple(samples)


def _bent_sample(
    sampled: dict[str, Any], at_us: int, quality: str, reading: Reading, path: str, flags: list[str]
) -> Sample:
    fields = Fields(sampled, reading, flags, path + SAMPLE_PATH)
    value, text = _value(fields, reading)
    measurand, phase_of_measurand = read_measurand(fields, MEASURANDS, FOLDED_MEASURANDS)
    phase = read_word(fields, "phase", "", PHASES, FOLDED_PHASES) or phase_of_measurand
    return Sample(
        at_us,
        measurand,
        value,
        _unit(fields, measurand),
        phase,
        read_word(fields, "location", "Outlet", LOCATIONS, FOLDED_LOCATIONS),
        read_word(fields, "context", "Sample.Periodic", CONTEXTS, FOLDED_CONTEXTS),
        text,
        quality,
    )


def _value(fields: Fields, reading: Reading) -> tuple[float, str]:
    """Return the number, or 0 and the text of what is no number."""
    raw = fields.get("value")
    signed = fields.text("format", "Raw").strip().casefold() == "signeddata"
    if not signed:
        number = as_number(raw)
        if number is not None and abs(number) < FLOAT_INTEGER_MAX:
            if type(raw) is not str:
                fields.mark("coerced", "value")
            return float(number), ""
        fields.mark("missing" if raw is None else "unreadable", "value")
    if raw is None:
        return 0.0, ""
    limit = reading.limits.signed_length_max
    text = json_text(raw)
    if len(text) > limit:
        fields.mark("cut", "value")
    return 0.0, clean(text, limit)


FLOAT_INTEGER_MAX = 10**300
"""Integers of JSON have no limit, floats have; no meter is near either."""


def _unit(fields: Fields, measurand: str) -> str:
    written = fields.text("unit").strip()
    if not written:
        return MEASURANDS.get(measurand, "Wh")
    known = UNITS.get(written)
    if known is None:
        fields.mark("coerced", "unit")
        known = FOLDED_UNITS.get(fold(written), written)
    return known


def write_meter_values(answer: Answer) -> dict[str, Any]:
    """Write MeterValues.conf (section 6.32): nothing."""
    return nothing(answer)


INBOUND = (
    Inbound(
        "MeterValues",
        read_meter_values,
        write_meter_values,
        "4.7",
        exact=Exact(decode_meter_values, read_decoded_meter_values),
    ),
)
