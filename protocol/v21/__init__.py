"""OCPP 2.1 edition 1, part 2: the rows of 2.0.1, and what is new or different.

    transactions       E  TransactionEvent with more words
    streams            N  periodic event streams (SEND)
    payment            C, I  tariffs told to the station, ad hoc payment
    smart_charging     K  dynamic schedules, priority charging
    certificates       M  revocation of a car's chain
    bidirectional      Q  V2X
    der                R  control of distributed energy resources
    battery_swap       S  battery swapping
    remote_control     F  more triggers

Wire names stay as the specification spells them.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from protocol.dialect import OCPP_21
from protocol.schemas import load_schemas
from protocol.v21 import (
    battery_swap,
    bidirectional,
    certificates,
    der,
    payment,
    remote_control,
    smart_charging,
    streams,
    transactions,
)
from protocol.v201 import V201, local_list
from protocol.version import Follow, Inbound, Outbound, Version, table

INBOUND: Mapping[str, Inbound] = table(
    tuple(V201.inbound.values()),
    transactions.INBOUND,
    payment.INBOUND,
    smart_charging.INBOUND,
    certificates.INBOUND,
    streams.INBOUND,
    der.INBOUND,
    battery_swap.INBOUND,
)
"""What charging stations send, by action."""

OUTBOUND: Mapping[str, Outbound] = table(
    tuple(V201.outbound.values()),
    payment.OUTBOUND,
    remote_control.OUTBOUND,
    smart_charging.OUTBOUND,
    streams.OUTBOUND,
    bidirectional.OUTBOUND,
    der.OUTBOUND,
    battery_swap.OUTBOUND,
)
"""What we send, by action."""

FOLLOW_NAMES: Mapping[Follow, tuple[str, ...]] = MappingProxyType(
    {
        **V201.follow_names,
        Follow.BATTERY_SWAPPED: ("requestId",),
        Follow.DER_REPORTED: ("requestId",),
    }
)

V21 = Version(
    subprotocol=OCPP_21.subprotocol,
    dialect=OCPP_21,
    inbound=INBOUND,
    outbound=OUTBOUND,
    schemas=load_schemas("v21", "Request"),
    follow_names=FOLLOW_NAMES,
    write_limit=V201.write_limit,
    profile_words=V201.profile_words,
    # IdTokenEnumType is open in 2.1.
    list_words=replace(local_list.LIST_WORDS, takes=lambda _entry: True),
    write_reservation=V201.write_reservation,
)
