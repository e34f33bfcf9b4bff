"""Functional block J, metering: sampled values, and MeterValues outside of transactions."""

from collections.abc import Iterable, Mapping
from typing import Any

from domain.events import EnergyMeasured, Sample
from domain.text import clean
from protocol.common import nothing
from protocol.fields import INT53_MAX, Fields, as_number, json_text, listed, mark
from protocol.reading import Reading
from protocol.sampling import (
    CONTEXTS,
    DEFAULT_MEASURAND,
    FOLDED_CONTEXTS,
    FOLDED_PHASES,
    PHASES,
    read_measurand,
)
from protocol.time import read_time
from protocol.v201.vocabulary import (
    FOLDED_LOCATIONS,
    FOLDED_MEASURANDS,
    FOLDED_UNITS,
    LOCATIONS,
    MEASURANDS,
    UNITS,
)
from protocol.version import Inbound
from protocol.words import fold, read_word

SAMPLE_PATH = "/*/sampledValue/*/"
MULTIPLIER_MAX = 30
"""Powers of ten beyond this belong to no meter."""
FLOAT_MAX = 1e300
WH_PER_UNIT = {"Wh": 1.0, "kWh": 1_000.0}
LINES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})


def read_meter_values(payload: Mapping[str, Any], reading: Reading) -> EnergyMeasured:
    """Read MeterValues (J01): of an EVSE that charges nobody, or of the main meter (EVSE 0)."""
    fields = Fields(payload, reading)
    evse = fields.integer("evseId", None)
    samples = read_samples(fields.get("meterValue"), reading, "/meterValue", fields.flags)
    return EnergyMeasured(evse, 0, samples, tuple(fields.flags))


def read_samples(
    meter_values: object, reading: Reading, path: str, flags: list[str]
) -> tuple[Sample, ...]:
    """Read a list of MeterValueType into samples, in their order.

    A value is multiplied out. Signed data is a sample of its own, right behind its value. Nothing
    is dropped but what is no object; `flags` gets what was bent, under `path`.
    """
    samples: list[Sample] = []
    for group in listed(meter_values, path, flags):
        if not isinstance(group, dict):
            mark(flags, f"unreadable:{path}/*")
            continue
        at_us, quality = read_time(group.get("timestamp"), reading)
        for sampled in listed(group.get("sampledValue"), f"{path}/*/sampledValue", flags):
            if isinstance(sampled, dict):
                fields = Fields(sampled, reading, flags, path + SAMPLE_PATH)
                samples += _sample(fields, at_us, quality)
            else:
                mark(flags, f"unreadable:{path}/*/sampledValue/*")
    return tuple(samples)


def _sample(fields: Fields, at_us: int, quality: str) -> list[Sample]:
    measurand, phase_of_measurand = (
        read_measurand(fields, MEASURANDS, FOLDED_MEASURANDS)
        if fields.get("measurand") is not None
        else (DEFAULT_MEASURAND, "")
    )
    unit, factor = _unit(fields, measurand)
    phase = read_word(fields, "phase", "", PHASES, FOLDED_PHASES) or phase_of_measurand
    location = read_word(fields, "location", "Outlet", LOCATIONS, FOLDED_LOCATIONS)
    context = read_word(fields, "context", "Sample.Periodic", CONTEXTS, FOLDED_CONTEXTS)
    value, text = _value(fields, factor)
    sample = Sample(at_us, measurand, value, unit, phase, location, context, text, quality)
    signed = fields.get("signedMeterValue")
    if signed is None:
        return [sample]
    limit = fields.reading.limits.signed_length_max
    data = json_text(signed)
    if len(data) > limit:
        fields.mark("cut", "signedMeterValue")
    proof = Sample(
        at_us, measurand, 0.0, unit, phase, location, context, clean(data, limit), quality
    )
    return [sample, proof]


def _value(fields: Fields, factor: float) -> tuple[float, str]:
    """Return the number, or 0 and the text of what is no number."""
    raw = fields.get("value")
    number = as_number(raw)
    if number is not None and abs(number) < FLOAT_MAX:
        if type(raw) not in (float, int):
            fields.mark("coerced", "value")
        # A product with 1.0 is exact, one with a power of ten as near as a float can be.
        value = float(number) * factor
        if abs(value) < FLOAT_MAX:
            return value, ""
    fields.mark("missing" if raw is None else "unreadable", "value")
    if raw is None:
        return 0.0, ""
    return 0.0, clean(json_text(raw), fields.reading.limits.signed_length_max)


def _unit(fields: Fields, measurand: str) -> tuple[str, float]:
    """Return the unit, and by what the value must be multiplied (UnitOfMeasureType)."""
    unit = MEASURANDS.get(measurand, "Wh")
    said = fields.get("unitOfMeasure")
    if said is None:
        return unit, 1.0
    if not isinstance(said, dict):
        # 1.6 had a text here.
        fields.mark("coerced", "unitOfMeasure")
        said = {"unit": said}
    members = Fields(said, fields.reading, fields.flags, fields.path + "unitOfMeasure/")
    written = members.text("unit").strip()
    if written:
        unit = UNITS.get(written) or FOLDED_UNITS.get(fold(written), written)
    multiplier = members.integer("multiplier", 0, -MULTIPLIER_MAX, MULTIPLIER_MAX)
    return unit, 10.0**multiplier


def register_wh(samples: Iterable[Sample]) -> int:
    """Return the newest energy register at the outlet, the sum of its phases; -1: none was read.

    The sum is used only where no sample without a phase says it.
    """
    newest_us, total_wh = -1, -1.0
    lines: dict[str, float] = {}
    lines_us = -1
    for sample in samples:
        if sample.measurand != DEFAULT_MEASURAND or sample.text or sample.location != "Outlet":
            continue
        factor = WH_PER_UNIT.get(sample.unit)
        if factor is None:
            continue
        if not sample.phase and sample.at_us >= newest_us:
            newest_us, total_wh = sample.at_us, sample.value * factor
        elif sample.phase in LINES and sample.at_us >= lines_us:
            if sample.at_us > lines_us:
                lines_us, lines = sample.at_us, {}
            lines[sample.phase] = sample.value * factor
    if lines and newest_us < lines_us:
        total_wh = sum(lines.values())
    return round(total_wh) if 0 <= total_wh <= INT53_MAX else -1


INBOUND = (Inbound("MeterValues", read_meter_values, nothing, "J01"),)
