"""OCPP 1.6 edition 2 with the security extension (whitepaper edition 3).

A module a chapter, called profiles there:

    core               authorize, boot, status, transactions, configuration
    metering           sampled values, the hot path
    firmware           firmware updates and diagnostics
    local_list         the local authorization list
    reservation        reservations
    smart_charging     charging profiles
    remote_trigger     messages on request
    plug_and_charge    messages of 2.0.1 in a DataTransfer (ISO 15118)
    security           the messages of the security extension

Each has the functions that read and write its messages, and its rows of `INBOUND` and `OUTBOUND`.
Wire names stay as the specification spells them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.dialect import OCPP_16
from protocol.schemas import load_schemas
from protocol.v16 import (
    core,
    firmware,
    local_list,
    metering,
    remote_trigger,
    reservation,
    security,
    smart_charging,
)
from protocol.version import Follow, Inbound, Outbound, Version, table

INBOUND: Mapping[str, Inbound] = table(
    core.INBOUND, metering.INBOUND, firmware.INBOUND, security.INBOUND
)
"""What chargers send, by action."""

OUTBOUND: Mapping[str, Outbound] = table(
    core.OUTBOUND,
    firmware.OUTBOUND,
    local_list.OUTBOUND,
    reservation.OUTBOUND,
    smart_charging.OUTBOUND,
    remote_trigger.OUTBOUND,
    security.OUTBOUND,
)
"""What we send, by action."""

FOLLOW_NAMES: Mapping[Follow, tuple[str, ...]] = MappingProxyType(
    {
        Follow.TRANSACTION_STARTED: ("idTag",),
        Follow.TRANSACTION_STOPPED: ("transactionId",),
        Follow.STATUS_REPORTED: ("connectorId",),
    }
)

V16 = Version(
    subprotocol=OCPP_16.subprotocol,
    dialect=OCPP_16,
    inbound=INBOUND,
    outbound=OUTBOUND,
    schemas=load_schemas("v16"),
    follow_names=FOLLOW_NAMES,
    write_limit=smart_charging.write_limit,
    profile_words=smart_charging.PROFILE_WORDS,
    list_words=local_list.LIST_WORDS,
    write_reservation=reservation.write_reservation,
)
