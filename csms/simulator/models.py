"""Models of chargers, and the quirks that chargers in the field are known for.

A quirk changes what is said, not what happens: a function from a payload to the payload that such a
charger would send (`QUIRKS`), or from a whole text to a text that is no JSON (`TEXT_QUIRKS`).
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from csms.simulator.metering import MEASURANDS

Payload = dict[str, Any]
Quirk = Callable[[str, Payload], Payload]
TextQuirk = Callable[[str, bytes], bytes]

UTC_MARK = re.compile(r"(\.\d+)?Z$")
LONG_SERIAL = 30
"""Characters; 25 are allowed in 1.6."""
FIRST_NUMBER = 4_000


def _instants(payload: Any) -> Iterator[Payload]:  # noqa: ANN401 - JSON
    """Yield every object in a payload that has a timestamp."""
    if isinstance(payload, dict):
        if "timestamp" in payload:
            yield payload
        for value in payload.values():
            yield from _instants(value)
    elif isinstance(payload, list):
        for value in payload:
            yield from _instants(value)


def _samples(payload: Payload) -> Iterator[Payload]:
    for value in payload.get("meterValue", ()):
        yield from value["sampledValue"]


def no_zone(_action: str, payload: Payload) -> Payload:
    """Instants without a zone."""
    for row in _instants(payload):
        row["timestamp"] = UTC_MARK.sub("", row["timestamp"])
    return payload


def short_offset(_action: str, payload: Payload) -> Payload:
    """Instants that end in +00."""
    for row in _instants(payload):
        row["timestamp"] = UTC_MARK.sub("+00", row["timestamp"])
    return payload


def numbers(_action: str, payload: Payload) -> Payload:
    """Sampled values as numbers, not as texts."""
    for sample in _samples(payload):
        sample["value"] = float(sample["value"])
    return payload


def kilowatt_hours(_action: str, payload: Payload) -> Payload:
    """Energy in kWh, with decimals."""
    for sample in _samples(payload):
        if sample.get("unit") == "Wh":
            sample.update(unit="kWh", value=f"{float(sample['value']) / 1_000:.3f}")
        elif sample.get("unitOfMeasure") == {"unit": "Wh"}:
            sample.update(unitOfMeasure={"unit": "kWh"}, value=float(sample["value"]) / 1_000)
    return payload


def multiplied(_action: str, payload: Payload) -> Payload:
    """Energy of 2.x with a power of ten beside it."""
    for sample in _samples(payload):
        if sample.get("unitOfMeasure") == {"unit": "Wh"}:
            unit = {"unit": "Wh", "multiplier": -1}
            sample.update(unitOfMeasure=unit, value=float(sample["value"]) * 10)
    return payload


def texts(_action: str, payload: Payload) -> Payload:
    """Sampled values of 2.x as texts, as 1.6 has them."""
    for sample in _samples(payload):
        sample["value"] = str(sample["value"])
    return payload


def numbers_go_on(action: str, payload: Payload) -> Payload:
    """Events of a transaction that are not numbered from 0."""
    if action == "TransactionEvent":
        payload["seqNo"] += FIRST_NUMBER
    return payload


def evse_once(action: str, payload: Payload) -> Payload:
    """Only the first event of a transaction says where it is."""
    if action == "TransactionEvent" and payload["eventType"] != "Started":
        payload.pop("evse", None)
    return payload


def celcius(_action: str, payload: Payload) -> Payload:
    """The other spelling of Celsius."""
    for sample in _samples(payload):
        if sample.get("unit") == "Celsius":
            sample["unit"] = "Celcius"
    return payload


def defaults_left_out(_action: str, payload: Payload) -> Payload:
    """Whatever has a default is not said: context, location, unit, and the energy's measurand."""
    for sample in _samples(payload):
        for name, default in (
            ("context", "Sample.Periodic"),
            ("location", "Outlet"),
            ("unit", "Wh"),
            ("measurand", "Energy.Active.Import.Register"),
        ):
            if sample.get(name) == default:
                del sample[name]
    return payload


def no_status_time(action: str, payload: Payload) -> Payload:
    """A StatusNotification without its instant."""
    if action == "StatusNotification":
        payload.pop("timestamp", None)
    return payload


def long_serial(action: str, payload: Payload) -> Payload:
    """A serial number that is longer than allowed."""
    if action == "BootNotification" and "chargePointSerialNumber" in payload:
        payload["chargePointSerialNumber"] = payload["chargePointSerialNumber"].ljust(
            LONG_SERIAL, "0"
        )
    return payload


def no_reason(action: str, payload: Payload) -> Payload:
    """A StopTransaction that does not say why."""
    if action == "StopTransaction":
        payload.pop("reason", None)
    return payload


def padded_tag(_action: str, payload: Payload) -> Payload:
    """A card number with a backslash behind it."""
    if "idTag" in payload:
        payload["idTag"] = f"{payload['idTag']}\\"
    return payload


def empty_transaction(action: str, text: bytes) -> bytes:
    """`"transactionId":,` in MeterValues."""
    if action == "MeterValues":
        return re.sub(rb'"transactionId":\s*\d+', b'"transactionId":', text)
    return text


QUIRKS: Mapping[str, Quirk] = {
    "celcius": celcius,
    "defaults_left_out": defaults_left_out,
    "evse_once": evse_once,
    "kilowatt_hours": kilowatt_hours,
    "long_serial": long_serial,
    "multiplied": multiplied,
    "no_reason": no_reason,
    "no_status_time": no_status_time,
    "no_zone": no_zone,
    "numbers": numbers,
    "numbers_go_on": numbers_go_on,
    "padded_tag": padded_tag,
    "short_offset": short_offset,
    "texts": texts,
}
TEXT_QUIRKS: Mapping[str, TextQuirk] = {"empty_transaction": empty_transaction}


@dataclass(frozen=True)
class Model:
    """A kind of charger.

    Attributes:
        quirks: names of `QUIRKS` and `TEXT_QUIRKS`.
        keys: configuration keys that differ from the usual, and their values.
        boots_always: it sends BootNotification on every connection.
        answer_s: how long it thinks about a command, least and most seconds.
        subprotocol: the version of OCPP that it speaks.
        equipped: of 2.x: it has a display, monitors, tariffs and the like.
    """

    vendor: str
    name: str
    firmware: str = "1.0.0"
    quirks: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    boots_always: bool = False
    answer_s: tuple[float, float] = (0.0, 0.0)
    subprotocol: str = "ocpp1.6"
    equipped: bool = False

    def say(self, action: str, payload: Mapping[str, Any]) -> Payload:
        """Return a payload as this model would send it. The given one is left alone."""
        said = copy.deepcopy(dict(payload)) if self.quirks else dict(payload)
        for name in self.quirks:
            quirk = QUIRKS.get(name)
            if quirk is not None:
                said = quirk(action, said)
        return said

    def write(self, action: str, text: bytes) -> bytes:
        """Return a CALL as this model would write it."""
        for name in self.quirks:
            quirk = TEXT_QUIRKS.get(name)
            if quirk is not None:
                text = quirk(action, text)
        return text


MODELS: Mapping[str, Model] = {
    "exemplary": Model("Csms", "Simulated"),
    "hurried": Model("Harbourline", "HL-22", "3.1.0", ("no_zone", "numbers"), boots_always=True),
    "frugal": Model(
        "Ostwerk", "Mini 11", "0.9.7", ("defaults_left_out", "no_status_time", "no_reason")
    ),
    "roadside": Model(
        "Viafort", "DC-50", "5.20", ("kilowatt_hours", "celcius", "short_offset"),
        answer_s=(0.05, 0.4),
    ),
    "wordy": Model(
        "Kettering", "Duo", "2.2.1-rc4", ("long_serial",),
        {"MeterValuesSampledData": ",".join(MEASURANDS)},
        answer_s=(0.02, 0.2),
    ),
    "careless": Model("Plainsight", "P7", "1.0", ("empty_transaction",), boots_always=True),
    "modern": Model(
        "Csms", "Simulated 2", "2.0.0", subprotocol="ocpp2.0.1", equipped=True
    ),
    "newest": Model(
        "Csms", "Simulated 2.1", "2.1.0", subprotocol="ocpp2.1", equipped=True
    ),
    "stately": Model(
        "Harbourline", "HL-60", "6.0.2", ("no_zone", "texts", "numbers_go_on"), boots_always=True,
        subprotocol="ocpp2.0.1",
    ),
    "terse": Model(
        "Ostwerk", "Maxi 150", "1.1", ("defaults_left_out", "evse_once", "multiplied"),
        answer_s=(0.02, 0.2), subprotocol="ocpp2.0.1",
    ),
    "metric": Model(
        "Viafort", "DC-200", "7.4", ("kilowatt_hours", "short_offset"), subprotocol="ocpp2.1"
    ),
}  # fmt: skip
"""By name. The makers are invented; the quirks were seen in the field, or the text allows them."""
MODELS_16: tuple[str, ...] = tuple(
    name for name, model in MODELS.items() if model.subprotocol == "ocpp1.6"
)
"""Names of those that speak 1.6."""
