"""Functional block B: booting, the device model, network profiles, resets."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import ChargerBooted
from protocol.common import nothing, write_boot_notification
from protocol.fields import Fields
from protocol.reading import Reading
from protocol.v201.variables import learn_got, learn_set, read_report
from protocol.version import Follow, Inbound, Outbound


def read_boot_notification(payload: Mapping[str, Any], reading: Reading) -> ChargerBooted:
    """Read BootNotification (B01 to B03)."""
    fields = Fields(payload, reading)
    station = Fields(fields.get("chargingStation"), reading, fields.flags, "/chargingStation/")
    modem = station.get("modem")
    card = Fields({} if modem is None else modem, reading, fields.flags, "/chargingStation/modem/")
    return ChargerBooted(
        vendor=station.text("vendorName", None),
        model=station.text("model", None),
        serial=station.text("serialNumber"),
        firmware=station.text("firmwareVersion"),
        iccid=card.text("iccid"),
        imsi=card.text("imsi"),
        reason=fields.text("reason", None),
    )


SECURITY = "securityctrlr"
"""The component of passwords and security profiles (part 2, appendices)."""


def locks_out(payload: Mapping[str, Any]) -> bool:
    """Return whether SetVariables touches what could lock a charging station out."""
    rows = payload.get("setVariableData")
    for row in rows if isinstance(rows, list) else ():
        component = row.get("component") if isinstance(row, dict) else None
        name = component.get("name") if isinstance(component, dict) else None
        if str(name).casefold() == SECURITY:
            return True
    return False


INBOUND = (
    Inbound("BootNotification", read_boot_notification, write_boot_notification, "B01"),
    Inbound("NotifyReport", read_report, nothing, "B07", secret_request=True),
)

OUTBOUND = (
    Outbound(
        "GetBaseReport",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="B07",
        follow=Follow.VARIABLES_REPORTED,
    ),
    Outbound(
        "GetReport",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="B08",
        follow=Follow.VARIABLES_REPORTED,
    ),
    Outbound(
        "GetVariables",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="B06",
        yes=frozenset(),
        secret_response=True,
        learn=learn_got,
    ),
    Outbound(
        "Reset",
        idempotent=False,
        priority=Priority.OPERATOR,
        section="B11",
        follow=Follow.BOOTED,
        # Scheduled: it resets when the running transactions have ended.
        yes=frozenset({"accepted", "scheduled"}),
    ),
    Outbound(
        "SetNetworkProfile",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="B09",
        secret_request=True,
        admin=True,
    ),
    Outbound(
        "SetVariables",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="B05",
        yes=frozenset({"accepted", "rebootrequired"}),
        each=("setVariableResult", "attributeStatus"),
        secret_request=True,
        locks_out=locks_out,
        learn=learn_set,
    ),
)
