"""The Core profile: OCPP 1.6 edition 2, chapters 4, 5 and 6. MeterValues is in `metering`."""

from collections.abc import Mapping
from typing import Any

from domain.answers import Answer, AuthorizationAnswer, StartAnswer, StopAnswer
from domain.commands import Priority
from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    Variable,
    VariablesReported,
)
from domain.reports import AuthorizationAsked, StartReported, StopReported
from protocol.common import (
    expect,
    nothing,
    read_heartbeat,
    write_boot_notification,
    write_heartbeat,
)
from protocol.fields import INT32_MIN, INT53_MAX, Fields
from protocol.reading import Reading
from protocol.v16 import plug_and_charge
from protocol.v16.metering import read_samples
from protocol.v16.vocabulary import FOLDED_REASONS, FOLDED_STATUSES, REASONS, STATUSES
from protocol.v16.writing import id_tag_info
from protocol.version import Follow, Inbound, Outbound
from protocol.words import spelled

UNKNOWN_STATUS = "Unknown"
"""A StatusNotification without a status: no word of the specification is made up for it."""


def read_authorize(payload: Mapping[str, Any], reading: Reading) -> AuthorizationAsked:
    """Read Authorize.req (section 6.1)."""
    return AuthorizationAsked(_token(Fields(payload, reading)))


def write_authorize(answer: Answer) -> dict[str, Any]:
    """Write Authorize.conf (section 6.2)."""
    return {"idTagInfo": id_tag_info(expect(answer, AuthorizationAnswer).token)}


def read_boot_notification(payload: Mapping[str, Any], reading: Reading) -> ChargerBooted:
    """Read BootNotification.req (section 6.3). `status` is ours to decide and left as it is."""
    fields = Fields(payload, reading)
    return ChargerBooted(
        vendor=fields.text("chargePointVendor", None),
        model=fields.text("chargePointModel", None),
        serial=fields.text("chargePointSerialNumber"),
        firmware=fields.text("firmwareVersion"),
        iccid=fields.text("iccid"),
        imsi=fields.text("imsi"),
        meter_type=fields.text("meterType"),
        meter_serial=fields.text("meterSerialNumber"),
        box_serial=fields.text("chargeBoxSerialNumber"),
    )


def read_start_transaction(payload: Mapping[str, Any], reading: Reading) -> StartReported:
    """Read StartTransaction.req (section 6.45)."""
    fields = Fields(payload, reading)
    at_us, quality = fields.time("timestamp")
    return StartReported(
        connector=fields.integer("connectorId", None),
        token=_token(fields),
        meter_start_wh=fields.integer("meterStart", None, -INT53_MAX, INT53_MAX),
        at_us=at_us,
        started_raw=fields.raw("timestamp"),
        reservation=fields.integer("reservationId", 0, INT32_MIN),
        quality=quality,
        flags=tuple(fields.flags),
    )


def write_start_transaction(answer: Answer) -> dict[str, Any]:
    """Write StartTransaction.conf (section 6.46)."""
    start = expect(answer, StartAnswer)
    return {"transactionId": start.transaction, "idTagInfo": id_tag_info(start.token)}


def read_status_notification(
    payload: Mapping[str, Any], reading: Reading
) -> ConnectorStatusReported:
    """Read StatusNotification.req (section 6.47). The timestamp is optional there."""
    fields = Fields(payload, reading)
    at_us, quality = fields.time("timestamp")
    return ConnectorStatusReported(
        connector=fields.integer("connectorId", None),
        status=spelled(fields.text("status").strip() or UNKNOWN_STATUS, STATUSES, FOLDED_STATUSES),
        at_us=at_us,
        error_code=fields.text("errorCode") or "NoError",
        info=fields.text("info"),
        vendor=fields.text("vendorId"),
        vendor_error=fields.text("vendorErrorCode"),
        quality=quality,
    )


def read_stop_transaction(payload: Mapping[str, Any], reading: Reading) -> StopReported:
    """Read StopTransaction.req (section 6.49).

    No token means that none was shown, no reason means Local (errata to 1.6-J, 2.6).
    """
    fields = Fields(payload, reading)
    at_us, quality = fields.time("timestamp")
    data = fields.get("transactionData")
    samples = () if data is None else read_samples(data, reading, "/transactionData", fields.flags)
    return StopReported(
        said_transaction=fields.integer("transactionId", None, INT32_MIN),
        meter_stop_wh=fields.integer("meterStop", None, -INT53_MAX, INT53_MAX),
        at_us=at_us,
        stopped_raw=fields.raw("timestamp"),
        token=fields.text("idTag", "", reading.limits.token_length_max),
        reason=spelled(fields.text("reason").strip() or "Local", REASONS, FOLDED_REASONS),
        samples=samples,
        quality=quality,
        flags=tuple(fields.flags),
    )


def write_stop_transaction(answer: Answer) -> dict[str, Any]:
    """Write StopTransaction.conf (section 6.50)."""
    token = expect(answer, StopAnswer).token
    return {} if token is None else {"idTagInfo": id_tag_info(token)}


def _token(fields: Fields) -> str:
    return fields.text("idTag", None, fields.reading.limits.token_length_max)


LOCKS_OUT = frozenset({"authorizationkey", "securityprofile", "cponame"})
"""Configuration keys that could lock a charger out, in lower case."""


def locks_out(payload: Mapping[str, Any]) -> bool:
    """Return whether ChangeConfiguration touches one of them."""
    return str(payload.get("key", "")).casefold() in LOCKS_OUT


def learn_configuration(
    _request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> VariablesReported | None:
    """Read GetConfiguration.conf (section 6.24): the keys, then those that the charger lacks."""
    keys, unknown = response.get("configurationKey"), response.get("unknownKey")
    found = []
    for row in keys if isinstance(keys, list) else ():
        fields = Fields(row, reading)
        found.append(
            Variable(
                "",
                fields.text("key"),
                fields.text("value", "", reading.limits.text_length_max),
                mutability="ReadOnly" if fields.get("readonly") is True else "ReadWrite",
                status="Accepted",
            )
        )
    for key in unknown if isinstance(unknown, list) else ():
        name = Fields({"key": key}, reading).text("key")
        found.append(Variable("", name, "", status="UnknownVariable"))
    variables = tuple(found[:KEYS_MAX])
    return VariablesReported(variables, at_us=reading.received_us) if variables else None


KEYS_MAX = 5_000
"""Of one answer; what is beyond is not read."""


def learn_changed(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> VariablesReported | None:
    """Read ChangeConfiguration.conf (section 6.8), with the value that was asked for."""
    wanted, status = Fields(request, reading), Fields(response, reading).text("status")
    value = wanted.text("value", "", reading.limits.text_length_max)
    variable = Variable("", wanted.text("key"), value, status=status)
    return VariablesReported((variable,), at_us=reading.received_us)


INBOUND = (
    Inbound("Authorize", read_authorize, write_authorize, "4.1"),
    Inbound("BootNotification", read_boot_notification, write_boot_notification, "4.2"),
    Inbound(
        "DataTransfer",
        plug_and_charge.read,
        plug_and_charge.write,
        "4.3",
        secret_request=True,
        personal=plug_and_charge.PERSONAL,
        hidden_answer=plug_and_charge.HIDDEN_ANSWER,
    ),
    Inbound("Heartbeat", read_heartbeat, write_heartbeat, "4.6"),
    Inbound("StartTransaction", read_start_transaction, write_start_transaction, "4.8"),
    Inbound("StatusNotification", read_status_notification, nothing, "4.9"),
    Inbound("StopTransaction", read_stop_transaction, write_stop_transaction, "4.10"),
)

OUTBOUND = (
    Outbound(
        "ChangeAvailability",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="5.2",
        follow=Follow.STATUS_REPORTED,
        # Scheduled: it will change when the running transaction has ended.
        yes=frozenset({"accepted", "scheduled"}),
    ),
    Outbound(
        "ChangeConfiguration",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="5.3",
        yes=frozenset({"accepted", "rebootrequired"}),
        secret_request=True,
        locks_out=locks_out,
        learn=learn_changed,
    ),
    Outbound("ClearCache", idempotent=True, priority=Priority.OPERATOR, section="5.4"),
    Outbound(
        "DataTransfer",
        idempotent=False,
        priority=Priority.OPERATOR,
        section="5.6",
        secret_request=True,
        secret_response=True,
    ),
    Outbound(
        "GetConfiguration",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="5.8",
        yes=frozenset(),
        secret_response=True,
        learn=learn_configuration,
    ),
    Outbound(
        "RemoteStartTransaction",
        idempotent=False,
        priority=Priority.DRIVER,
        section="5.11",
        follow=Follow.TRANSACTION_STARTED,
    ),
    Outbound(
        "RemoteStopTransaction",
        # A transaction stops once; a second request for it is rejected.
        idempotent=True,
        priority=Priority.DRIVER,
        section="5.12",
        follow=Follow.TRANSACTION_STOPPED,
    ),
    Outbound(
        "Reset",
        idempotent=False,
        priority=Priority.OPERATOR,
        section="5.14",
        follow=Follow.BOOTED,
    ),
    Outbound(
        "UnlockConnector",
        idempotent=False,
        priority=Priority.DRIVER,
        section="5.18",
        yes=frozenset({"unlocked"}),
    ),
)
