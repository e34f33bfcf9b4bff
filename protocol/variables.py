"""The device model of any version as calls: variables of 2.x, configuration keys of 1.6.

Which words a version has is read from its rows: a key of 1.6 is a variable without a component.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from domain.events import Variable
from protocol.version import Version

_size = msgspec.json.Encoder().encode


class DeviceCall(msgspec.Struct, frozen=True):
    """One call, and the variables that it is about."""

    action: str
    payload: dict[str, Any]
    variables: tuple[Variable, ...]


def set_calls(
    version: Version, wanted: Sequence[Variable], items_max: int, bytes_max: int
) -> list[DeviceCall]:
    """Return the calls that set `wanted`, in their order (2.x: B05; 1.6: section 5.3).

    Args:
        version: of the charger.
        wanted: what to set, and its `value`.
        items_max: variables in one SetVariables (ItemsPerMessage), 1 or more. 1.6: one key a call.
        bytes_max: of its payload (BytesPerMessage); 0: no limit. One variable is always sent.
    """
    if "SetVariables" not in version.outbound:
        return [
            DeviceCall("ChangeConfiguration", {"key": each.variable, "value": each.value}, (each,))
            for each in wanted
        ]
    return [
        DeviceCall("SetVariables", {"setVariableData": [_datum(each) for each in part]}, part)
        for part in _parts(wanted, items_max, bytes_max)
    ]


def get_calls(version: Version, asked: Sequence[Variable], items_max: int) -> list[DeviceCall]:
    """Return the calls that ask for values (2.x: B06; 1.6: section 5.8)."""
    if "GetVariables" not in version.outbound:
        if not asked:
            return []
        keys = [each.variable for each in asked]
        return [DeviceCall("GetConfiguration", {"key": keys}, tuple(asked))]
    calls = []
    for part in _parts(asked, items_max, 0):
        data = [_datum(each, has_value=False) for each in part]
        calls.append(DeviceCall("GetVariables", {"getVariableData": data}, part))
    return calls


def report_call(version: Version, request: int) -> DeviceCall:
    """Return the call that asks for everything (2.x: B07, FullInventory; 1.6: section 5.8)."""
    if "GetBaseReport" in version.outbound:
        payload = {"requestId": request, "reportBase": "FullInventory"}
        return DeviceCall("GetBaseReport", payload, ())
    return DeviceCall("GetConfiguration", {}, ())


def _datum(variable: Variable, *, has_value: bool = True) -> dict[str, Any]:
    component: dict[str, Any] = {"name": variable.component}
    if variable.component_instance:
        component["instance"] = variable.component_instance
    if variable.evse:
        component["evse"] = {"id": variable.evse}
        if variable.connector:
            component["evse"]["connectorId"] = variable.connector
    name: dict[str, Any] = {"name": variable.variable}
    if variable.variable_instance:
        name["instance"] = variable.variable_instance
    datum: dict[str, Any] = {"component": component, "variable": name}
    if variable.attribute != "Actual":
        datum["attributeType"] = variable.attribute
    if has_value:
        datum["attributeValue"] = variable.value
    return datum


def _parts(
    wanted: Iterable[Variable], items_max: int, bytes_max: int
) -> Iterable[tuple[Variable, ...]]:
    part: list[Variable] = []
    size = 0
    limit = bytes_max or math.inf
    for each in wanted:
        more = len(_size(_datum(each))) + 1
        if part and (len(part) >= items_max or size + more > limit - ENVELOPE_BYTES):
            yield tuple(part)
            part, size = [], 0
        part.append(each)
        size += more
    if part:
        yield tuple(part)


ENVELOPE_BYTES = 100
"""What surrounds the list in a message: type, id, action, name."""
