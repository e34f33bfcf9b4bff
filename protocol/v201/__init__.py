"""OCPP 2.0.1 edition 3, part 2.

A module a functional block:

    security           A  security events, the station's own certificates
    provisioning       B  booting, the device model, network profiles, resets
    authorization      C  tokens and contracts
    local_list         D  the local authorization list
    transactions       E  TransactionEvent
    remote_control     F  starts and stops from afar, triggers, unlocking
    availability       G  status, heartbeats, availability
    reservation        H  reservations
    cost               I  tariff and cost
    metering           J  sampled values, the hot path
    smart_charging     K  charging profiles
    firmware           L  firmware
    certificates       M  ISO 15118, trusted roots
    diagnostics        N  logs, monitoring, customer information
    display            O  messages on the display
    data_transfer      P  messages of vendors

Each has the functions that read and write its messages, and its rows of `INBOUND` and `OUTBOUND`;
`variables`, `monitors`, `notice`, `vocabulary` and `writing` are what several of them need. OCPP
2.1 takes these rows over (protocol/v21). Wire names stay as the specification spells them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.dialect import OCPP_201
from protocol.schemas import load_schemas
from protocol.v201 import (
    authorization,
    availability,
    certificates,
    cost,
    data_transfer,
    diagnostics,
    display,
    firmware,
    local_list,
    metering,
    provisioning,
    remote_control,
    reservation,
    security,
    smart_charging,
    transactions,
)
from protocol.version import Follow, Inbound, Outbound, Version, table

INBOUND: Mapping[str, Inbound] = table(
    security.INBOUND,
    provisioning.INBOUND,
    authorization.INBOUND,
    transactions.INBOUND,
    availability.INBOUND,
    reservation.INBOUND,
    metering.INBOUND,
    smart_charging.INBOUND,
    firmware.INBOUND,
    certificates.INBOUND,
    diagnostics.INBOUND,
    display.INBOUND,
    data_transfer.INBOUND,
)
"""What charging stations send, by action."""

OUTBOUND: Mapping[str, Outbound] = table(
    security.OUTBOUND,
    provisioning.OUTBOUND,
    authorization.OUTBOUND,
    local_list.OUTBOUND,
    transactions.OUTBOUND,
    remote_control.OUTBOUND,
    availability.OUTBOUND,
    reservation.OUTBOUND,
    cost.OUTBOUND,
    smart_charging.OUTBOUND,
    firmware.OUTBOUND,
    certificates.OUTBOUND,
    diagnostics.OUTBOUND,
    display.OUTBOUND,
    data_transfer.OUTBOUND,
)
"""What we send, by action."""

FOLLOW_NAMES: Mapping[Follow, tuple[str, ...]] = MappingProxyType(
    {
        Follow.TRANSACTION_STARTED: ("remoteStartId",),
        Follow.TRANSACTION_STOPPED: ("transactionId",),
        Follow.TRANSACTION_REPORTED: ("transactionId",),
        Follow.STATUS_REPORTED: ("evse", "id"),
        Follow.VARIABLES_REPORTED: ("requestId",),
        Follow.CUSTOMER_REPORTED: ("requestId",),
        Follow.DISPLAY_REPORTED: ("requestId",),
        Follow.MONITORS_REPORTED: ("requestId",),
        Follow.PROFILES_REPORTED: ("requestId",),
        Follow.PUBLISHING_REPORTED: ("requestId",),
    }
)

V201 = Version(
    subprotocol=OCPP_201.subprotocol,
    dialect=OCPP_201,
    inbound=INBOUND,
    outbound=OUTBOUND,
    schemas=load_schemas("v201", "Request"),
    follow_names=FOLLOW_NAMES,
    write_limit=smart_charging.write_limit,
    profile_words=smart_charging.PROFILE_WORDS,
    list_words=local_list.LIST_WORDS,
    write_reservation=reservation.write_reservation,
)
