"""TransactionEvent that is exactly as the schema has it, read in one pass.

Events with meter values are most of what a fleet sends; see v16/exact_metering.py for why and how.
A property test compares it with schema and tolerant reader. What is rare (signed values, costs,
notes on a token) is left to them. Enumerations are those of the schema.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.events import Sample, TimeQuality
from domain.reports import TransactionReported
from protocol.fields import INT32_MAX, INT32_MIN
from protocol.reading import Reading
from protocol.sampling import DEFAULT_MEASURAND
from protocol.schemas import enumerations
from protocol.time import read_time
from protocol.v201.metering import FLOAT_MAX, MULTIPLIER_MAX, register_wh
from protocol.v201.vocabulary import MEASURANDS, UNITS
from protocol.version import Exact

UNREADABLE = (TimeQuality.ABSURD, TimeQuality.MISSING)
_Count = Annotated[int, msgspec.Meta(ge=0, le=INT32_MAX)]
_Number = Annotated[int, msgspec.Meta(ge=INT32_MIN, le=INT32_MAX)]
_Multiplier = Annotated[int, msgspec.Meta(ge=-MULTIPLIER_MAX, le=MULTIPLIER_MAX)]


def _text(length_max: int) -> Any:  # noqa: ANN401 - a type that is made here
    return Annotated[str, msgspec.Meta(max_length=length_max)]


def _some(kind: Any) -> Any:  # noqa: ANN401 - a type that is made here
    return Annotated[list[kind], msgspec.Meta(min_length=1)]


def _maybe(kind: Any) -> Any:  # noqa: ANN401 - a type that is made here
    """A member that may be left out, but is never null."""
    return kind | UnsetType


def exact_transactions(folder: str, token_length_max: int) -> Exact:
    """Return how TransactionEvent of a version is read fast.

    `folder`: of its schemas, whose enumerations are taken. `token_length_max`: of an idToken there.
    """
    words = enumerations(folder, "TransactionEventRequest")

    def one_of(name: str) -> Any:  # noqa: ANN401 - a type that is made here
        return Literal[words[name]]

    def struct(name: str, fields: list[Any]) -> Any:  # noqa: ANN401 - a type that is made here
        return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)

    unit = struct("Unit", [("unit", _text(20), ""), ("multiplier", _Multiplier, 0)])
    sampled = struct(
        "Sampled",
        [
            ("value", float),
            ("context", one_of("ReadingContextEnumType"), "Sample.Periodic"),
            ("measurand", one_of("MeasurandEnumType"), DEFAULT_MEASURAND),
            ("phase", one_of("PhaseEnumType"), ""),
            ("location", one_of("LocationEnumType"), "Outlet"),
            ("unitOfMeasure", _maybe(unit), UNSET),
        ],
    )
    meter_value = struct("MeterValue", [("timestamp", str), ("sampledValue", _some(sampled))])
    kinds = words.get("IdTokenEnumType")
    kind = Literal[kinds] if kinds else _text(20)
    token = struct("Token", [("idToken", _text(token_length_max)), ("type", kind)])
    info = struct(
        "Info",
        [
            ("transactionId", _text(36)),
            ("chargingState", one_of("ChargingStateEnumType"), ""),
            ("timeSpentCharging", _Count, -1),
            ("stoppedReason", one_of("ReasonEnumType"), ""),
            ("remoteStartId", _Number, 0),
        ],
    )
    evse = struct("Evse", [("id", _Count), ("connectorId", _Count, 0)])
    event = struct(
        "Event",
        [
            ("eventType", one_of("TransactionEventEnumType")),
            ("timestamp", str),
            ("triggerReason", one_of("TriggerReasonEnumType")),
            ("seqNo", _Count),
            ("transactionInfo", info),
            ("meterValue", _maybe(_some(meter_value)), UNSET),
            ("offline", bool, False),
            ("reservationId", _Number, 0),
            ("evse", _maybe(evse), UNSET),
            ("idToken", _maybe(token), UNSET),
        ],
    )
    return Exact(msgspec.json.Decoder(event).decode, read_decoded)


def read_decoded(event: Any, reading: Reading) -> TransactionReported | None:  # noqa: ANN401
    """Return what a decoded event says; None when it has to be read with tolerance."""
    at_us, quality = read_time(event.timestamp, reading)
    if quality in UNREADABLE:
        return None
    groups = event.meterValue if event.meterValue is not UNSET else ()
    registers: list[Sample] = []
    samples = _samples(groups, reading, (event.timestamp, at_us, quality), registers)
    if samples is None:
        return None
    info, evse, token = event.transactionInfo, event.evse, event.idToken
    return TransactionReported(
        info.transactionId,
        event.eventType,
        event.seqNo,
        at_us,
        event.triggerReason,
        evse.id if evse is not UNSET else 0,
        evse.connectorId if evse is not UNSET else 0,
        event.offline,
        info.chargingState,
        token.idToken if token is not UNSET else "",
        token.type if token is not UNSET else "",
        info.stoppedReason,
        info.remoteStartId,
        event.reservationId,
        register_wh(registers) if registers else -1,
        samples,
        quality,
        (),
        info.timeSpentCharging,
    )


def _samples(
    groups: Any,  # noqa: ANN401 - of a type that is made here
    reading: Reading,
    read: tuple[str, int, str],
    registers: list[Sample],
) -> tuple[Sample, ...] | None:
    """Return the samples; `read`: a time that was read already, and what it is.

    Those of energy registers are put into `registers`, too.
    """
    raw, at_us, quality = read
    samples: list[Sample] = []
    append = samples.append
    for group in groups:
        if group.timestamp != raw:
            raw = group.timestamp
            at_us, quality = read_time(raw, reading)
            if quality in UNREADABLE:
                return None
        for sampled in group.sampledValue:
            value, measurand = sampled.value, sampled.measurand
            unit = MEASURANDS[measurand]
            said = sampled.unitOfMeasure
            if said is not UNSET:
                if said.unit:
                    unit = said.unit
                    if unit not in UNITS:
                        return None
                if said.multiplier:
                    value *= 10.0**said.multiplier
            if not abs(value) < FLOAT_MAX:
                return None
            sample = Sample(
                at_us,
                measurand,
                value,
                unit,
                sampled.phase,
                sampled.location,
                sampled.context,
                "",
                quality,
            )
            append(sample)
            if measurand == DEFAULT_MEASURAND:
                registers.append(sample)
    return tuple(samples)
