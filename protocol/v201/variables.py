"""Components, variables, attributes: the words of the device model (part 1, section 4)."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.events import DeviceNotice, DeviceNoticed, Variable, VariablesReported
from protocol.fields import INT32_MIN, Fields, as_number, listed
from protocol.reading import Reading
from protocol.v201.vocabulary import FOLDED_STATUSES, STATUSES
from protocol.words import spelled

VARIABLES_MAX = 5_000
"""Of one message; what is beyond is not read, and flagged."""
AVAILABILITY = "availabilitystate"


def read_report(payload: Mapping[str, Any], reading: Reading) -> VariablesReported:
    """Read NotifyReport (B07, B08): one Variable for each attribute that is reported."""
    fields = Fields(payload, reading)
    flags = fields.flags
    at_us, _ = fields.time("generatedAt")
    data = fields.get("reportData")
    rows = [] if data is None else listed(data, "/reportData", flags)
    found = [variable for row in rows for variable in _of_report(row, reading, flags)]
    return VariablesReported(
        _bounded(found, flags),
        fields.integer("requestId", None, INT32_MIN),
        fields.integer("seqNo", None),
        fields.get("tbc") is True,
        at_us,
        tuple(flags),
    )


def _of_report(row: object, reading: Reading, flags: list[str]) -> Iterator[Variable]:
    fields = Fields(row, reading, flags, "/reportData/*/")
    place = read_place(fields)
    characteristics = fields.get("variableCharacteristics")
    more = Fields(
        {} if characteristics is None else characteristics,
        reading,
        flags,
        "/reportData/*/variableCharacteristics/",
    )
    for attribute in listed(
        fields.get("variableAttribute"), "/reportData/*/variableAttribute", flags
    ):
        each = Fields(attribute, reading, flags, "/reportData/*/variableAttribute/*/")
        yield Variable(
            **place,
            value=each.text("value", "", reading.limits.text_length_max),
            attribute=each.text("type", "Actual"),
            mutability=each.text("mutability", "ReadWrite"),
            persistent=each.get("persistent") is True,
            constant=each.get("constant") is True,
            unit=more.text("unit"),
            data_type=more.text("dataType"),
            limit_min=_limit(more.get("minLimit")),
            limit_max=_limit(more.get("maxLimit")),
            values_list=more.text("valuesList", "", reading.limits.text_length_max),
            monitored=more.get("supportsMonitoring") is True,
        )


def read_place(fields: Fields) -> dict[str, Any]:
    """Return the members of a Variable that say where it belongs."""
    reading, flags = fields.reading, fields.flags
    component = Fields(fields.get("component"), reading, flags, fields.path + "component/")
    variable = Fields(fields.get("variable"), reading, flags, fields.path + "variable/")
    evse = component.get("evse")
    where = Fields({} if evse is None else evse, reading, flags, component.path + "evse/")
    return {
        "component": component.text("name", None),
        "component_instance": component.text("instance"),
        "evse": where.integer("id"),
        "connector": where.integer("connectorId"),
        "variable": variable.text("name", None),
        "variable_instance": variable.text("instance"),
    }


def _limit(value: object) -> float | None:
    number = as_number(value)
    return None if number is None or abs(number) > 1e300 else float(number)  # noqa: PLR2004


def _bounded(found: list[Variable], flags: list[str]) -> tuple[Variable, ...]:
    if len(found) > VARIABLES_MAX:
        flags.append("cut:/")
    return tuple(found[:VARIABLES_MAX])


def learn_got(
    _request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> VariablesReported | None:
    """Read the answer to GetVariables (B06)."""
    return _learned(response.get("getVariableResult"), reading, {})


def learn_set(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> VariablesReported | None:
    """Read the answer to SetVariables (B05), with the values that were asked for."""
    wanted = {}
    asked = request.get("setVariableData")
    for row in asked if isinstance(asked, list) else ():
        fields = Fields(row, reading)
        key = (*read_place(fields).values(), fields.text("attributeType", "Actual"))
        wanted[key] = fields.text("attributeValue", "", reading.limits.text_length_max)
    return _learned(response.get("setVariableResult"), reading, wanted)


def _learned(
    results: object, reading: Reading, wanted: Mapping[tuple[object, ...], str]
) -> VariablesReported | None:
    if not isinstance(results, list) or not results:
        return None
    flags: list[str] = []
    found = []
    for row in results:
        fields = Fields(row, reading, flags, "/*/")
        place, attribute = read_place(fields), fields.text("attributeType", "Actual")
        value = fields.text("attributeValue", "", reading.limits.text_length_max)
        found.append(
            Variable(
                **place,
                value=value or wanted.get((*place.values(), attribute), ""),
                attribute=attribute,
                status=fields.text("attributeStatus", None),
            )
        )
    variables = _bounded(found, flags)
    return VariablesReported(variables, at_us=reading.received_us, flags=tuple(flags))


def read_event(payload: Mapping[str, Any], reading: Reading) -> DeviceNoticed:
    """Read NotifyEvent (N07, N08)."""
    fields = Fields(payload, reading)
    at_us, _ = fields.time("generatedAt")
    rows = listed(fields.get("eventData"), "/eventData", fields.flags)[:VARIABLES_MAX]
    return DeviceNoticed(
        tuple(_notice(Fields(row, reading, fields.flags, "/eventData/*/")) for row in rows),
        fields.integer("seqNo", None),
        fields.get("tbc") is True,
        at_us,
    )


def _notice(fields: Fields) -> DeviceNotice:
    at_us, quality = fields.time("timestamp")
    place = read_place(fields)
    long_text = fields.reading.limits.text_length_max
    return DeviceNotice(
        **place,
        event=fields.integer("eventId", None),
        at_us=at_us,
        trigger=fields.text("trigger", None),
        value=fields.text("actualValue", None, long_text),
        kind=fields.text("eventNotificationType"),
        cause=fields.integer("cause"),
        code=fields.text("techCode"),
        text=fields.text("techInfo", "", long_text),
        cleared=fields.get("cleared") is True,
        transaction=fields.text("transactionId"),
        monitor=fields.integer("variableMonitoringId"),
        severity=fields.integer("severity", -1),
        quality=quality,
        status=_status(place, fields),
    )


def _status(place: Mapping[str, Any], fields: Fields) -> str:
    """Return the status that an AvailabilityState tells (G01, instead of StatusNotification).

    Of an EVSE as a whole it says nothing that those of its connectors do not say.
    """
    if place["variable"].casefold() != AVAILABILITY:
        return ""
    component = place["component"].casefold()
    is_connector = component == "connector" and place["evse"] and place["connector"]
    is_whole = component == "chargingstation" and not place["evse"]
    value = fields.text("actualValue").strip()
    if not value or not (is_connector or is_whole):
        return ""
    return spelled(value, STATUSES, FOLDED_STATUSES)
